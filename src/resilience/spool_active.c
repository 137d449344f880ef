/* The file that is written to: when it is begun, and when nothing is added to it any more. */
#include "resilience/spool_internal.h"

enum {
    FILE_ROWS_MAX = 65536, /* whatever their size */
    WAL_TIMES_MAX = 4,     /* what a WAL takes, in file_bytes: it holds a page for each small commit */
};

void spool_retire_file(struct vedette_spool *spool, struct spool_file *file)
{
    if (spool->active == file)
        spool->active = NULL;
    pthread_mutex_lock(&spool->lock);
    file->is_retired = true;
    if (file->live == 0)
        spool_note_drained(spool);
    else
        spool_seal_later(spool, file);
    pthread_mutex_unlock(&spool->lock);
}

void spool_retire_soon(struct vedette_spool *spool)
{
    spool->is_retiring = true;
    pthread_cond_signal(&spool->work);
}

void spool_retire_wasteful(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->disk);
    struct spool_file *file = spool->active;
    pthread_mutex_lock(&spool->lock);
    spool->is_retiring = false;
    bool is_wasteful =
        file && file->rows && (file->live == 0 || file->disk_bytes > file->size_bytes + spool->config.file_bytes);
    pthread_mutex_unlock(&spool->lock);
    if (is_wasteful)
        spool_retire_file(spool, file);
    pthread_mutex_unlock(&spool->disk);
}

/* More wait for the sealer than a start after a crash shall read whole; or there is so little room (of the place, or of
 * max_disk_bytes) that the next file's WAL might take what sealing them needs. */
static bool is_sealing_due(struct vedette_spool *spool)
{
    int64_t free_bytes = spool_directory_free_bytes(&spool->directory);
    pthread_mutex_lock(&spool->lock);
    guint waiting = spool->unsealed.length;
    if (spool->config.max_disk_bytes)
        free_bytes = MIN(free_bytes, spool->config.max_disk_bytes - spool->disk_bytes);
    pthread_mutex_unlock(&spool->lock);
    return waiting > spool_unsealed_files ||
           (waiting && free_bytes / spool->config.file_bytes < (int64_t)waiting + 1 + WAL_TIMES_MAX);
}

static bool begin_file(struct vedette_spool *spool, GError **error)
{
    if (spool->next_number > INT64_MAX) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "%s: the numbers of files are used up: drain it, and give another directory",
                    spool->directory.path);
        return false;
    }
    while (is_sealing_due(spool) && spool_seal_first(spool))
        ;
    const struct spool_name name = {.number = spool->next_number++}; /* one that fails may stay in the way */
    struct spool_file *file = spool_file_new(&spool->directory, &name);
    if (!spool_file_create(file, &spool->directory, spool->vfs, error)) {
        spool_file_free(file);
        return false;
    }
    spool->active = file;
    pthread_mutex_lock(&spool->lock);
    file->is_read = true;
    spool_count_disk(spool, file);
    g_ptr_array_add(spool->files, file);
    pthread_mutex_unlock(&spool->lock);
    spool_ledger_save(spool, false);
    return true;
}

bool spool_make_room(struct vedette_spool *spool, int64_t bytes, GError **error)
{
    struct spool_file *file = spool->active;
    bool is_full = file && file->rows &&
                   (file->size_bytes + bytes > spool->config.file_bytes || file->rows >= FILE_ROWS_MAX ||
                    file->disk_bytes / WAL_TIMES_MAX > spool->config.file_bytes);
    if (is_full)
        spool_retire_file(spool, file);
    return spool->active || begin_file(spool, error);
}
