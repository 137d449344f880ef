/* What the hub has to do with the disk of its data directory beside records: how much room there is, and small files
 * that are hints for the next start. A thread of its own does it, since a disk may hang and the main loop must not.
 * Main loop's thread, which waits for nothing here.
 */
#pragma once

#include <stdint.h>

#include <glib.h>

struct disk_aside;

/* How it is done; tests have their own. On the thread. */
struct disk_actions {
    int64_t (*free_bytes)(void *data, const char *directory); /* -1: it is not known */
    void (*write)(void *data, const char *path, const char *text);
    void *data;
};
/* `actions` NULL: as usual. NULL: there is no thread to be had, which the log says; the others take that. */
struct disk_aside *disk_aside_new(const char *directory, const struct disk_actions *actions);
/* Ends the thread, if it ends soon; one that hangs is left to the end of the process. NULL is allowed. */
void disk_aside_free(struct disk_aside *disk);
/* As it was at the last look, and has it looked at again; -1: it is not known. */
int64_t disk_aside_free_bytes(struct disk_aside *disk);
/* Writes a file of the directory whole, readable by its owner alone. One that still waits to be written is replaced, so
 * there is at most one. */
void disk_aside_write(struct disk_aside *disk, const char *name, const char *text);
