#define LOG_MODULE "hub"
#include "hub/disk_aside.h"

#include "base/log.h"
#include "base/thread.h"
#include "base/wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/statvfs.h>

enum { END_US = 1000000 };

struct disk_aside {
    char *directory;
    struct disk_actions actions;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool is_stopping, is_over;
    bool wants_look;
    int64_t free_bytes;
    char *path, *text; /* to be written; NULL: nothing is */
};

static int64_t ask_free_bytes(void *data, const char *directory)
{
    struct statvfs info;
    (void)data;
    return statvfs(directory, &info) == 0 ? (int64_t)info.f_bavail * (int64_t)info.f_frsize : -1;
}

static void write_whole(void *data, const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    (void)data;
    if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
        log_warning(NULL, "what the next start should know is not written: %s", error->message);
}

/* With the lock held, which is given up meanwhile. */
static void look(struct disk_aside *disk)
{
    disk->wants_look = false;
    pthread_mutex_unlock(&disk->lock);
    int64_t free_bytes = disk->actions.free_bytes(disk->actions.data, disk->directory);
    pthread_mutex_lock(&disk->lock);
    disk->free_bytes = free_bytes;
}

/* The same. */
static void write_waiting(struct disk_aside *disk)
{
    g_autofree char *path = g_steal_pointer(&disk->path), *text = g_steal_pointer(&disk->text);
    pthread_mutex_unlock(&disk->lock);
    disk->actions.write(disk->actions.data, path, text);
    pthread_mutex_lock(&disk->lock);
}

static void *run(void *data)
{
    struct disk_aside *disk = data;
    pthread_mutex_lock(&disk->lock);
    while (!disk->is_stopping || disk->path) {
        if (disk->path)
            write_waiting(disk);
        else if (disk->wants_look)
            look(disk);
        else
            pthread_cond_wait(&disk->changed, &disk->lock);
    }
    disk->is_over = true;
    pthread_cond_broadcast(&disk->changed);
    pthread_mutex_unlock(&disk->lock);
    return NULL;
}

static void clear(struct disk_aside *disk)
{
    pthread_cond_destroy(&disk->changed);
    pthread_mutex_destroy(&disk->lock);
    g_free(disk->directory);
    g_free(disk->path);
    g_free(disk->text);
    g_free(disk);
}

struct disk_aside *disk_aside_new(const char *directory, const struct disk_actions *actions)
{
    static const struct disk_actions usual = {ask_free_bytes, write_whole, NULL};
    struct disk_aside *disk = g_new0(struct disk_aside, 1);
    *disk =
        (struct disk_aside){.directory = g_strdup(directory), .actions = actions ? *actions : usual, .free_bytes = -1};
    pthread_mutex_init(&disk->lock, NULL);
    wait_condition_init(&disk->changed);
    int code = thread_start(&disk->thread, "disk aside", run, disk);
    if (code == 0)
        return disk;
    log_error(NULL, "the disk of the data directory is not looked at: start a thread: %s", g_strerror(code));
    clear(disk);
    return NULL;
}

void disk_aside_free(struct disk_aside *disk)
{
    if (!disk)
        return;
    const struct timespec deadline = wait_deadline_after(END_US);
    pthread_mutex_lock(&disk->lock);
    disk->is_stopping = true;
    pthread_cond_broadcast(&disk->changed);
    while (!disk->is_over && pthread_cond_timedwait(&disk->changed, &disk->lock, &deadline) != ETIMEDOUT)
        ;
    bool is_over = disk->is_over;
    pthread_mutex_unlock(&disk->lock);
    if (!is_over) { /* the disk hangs, and so does whoever waits for it */
        pthread_detach(disk->thread);
        return;
    }
    pthread_join(disk->thread, NULL);
    clear(disk);
}

int64_t disk_aside_free_bytes(struct disk_aside *disk)
{
    if (!disk)
        return -1;
    pthread_mutex_lock(&disk->lock);
    int64_t free_bytes = disk->free_bytes;
    disk->wants_look = true;
    pthread_cond_broadcast(&disk->changed);
    pthread_mutex_unlock(&disk->lock);
    return free_bytes;
}

void disk_aside_write(struct disk_aside *disk, const char *name, const char *text)
{
    if (!disk)
        return;
    pthread_mutex_lock(&disk->lock);
    g_free(disk->path);
    g_free(disk->text);
    disk->path = g_build_filename(disk->directory, name, NULL);
    disk->text = g_strdup(text);
    pthread_cond_broadcast(&disk->changed);
    pthread_mutex_unlock(&disk->lock);
}
