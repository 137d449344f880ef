/* A file that lines are appended to, for a command whose lines are nowhere else once it has let go of them: in units
 * that are on the disk as a whole before they count as written, and of which nothing is left when one cannot be. What
 * is no file (a pipe, a terminal) takes them as they come. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

struct line_file;

/* Opens `path` (made with mode 0600 when it is missing; "-" is standard output) for appending. A last line that has no
 * end, as a process that was killed leaves it, is ended, so that the next does not become part of it. NULL: it cannot
 * be opened, or another process appends to it in this way. */
struct line_file *line_file_open(const char *path, GError **error);
/* Appends a line, without its end, to the unit that has begun. False: revert the unit. */
bool line_file_add(struct line_file *file, const void *line, size_t length, GError **error);
/* The unit is over. True: it is on the disk, and so is the file's name. False: revert it. */
bool line_file_keep(struct line_file *file, GError **error);
/* Cuts off what the unit has written. False: that failed too, and the error says what is left. */
bool line_file_revert(struct line_file *file, GError **error);
/* What was not kept is left as it is. NULL is allowed. */
void line_file_close(struct line_file *file);
