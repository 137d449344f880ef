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
        file && ((file->rows && file->live == 0) || file->disk_bytes > file->size_bytes + spool->config.file_bytes);
    pthread_mutex_unlock(&spool->lock);
    spool_next_drop(spool);
    if (is_wasteful)
        spool_retire_file(spool, file);
    pthread_mutex_unlock(&spool->disk);
}

/* Room, of the place or of max_disk_bytes, for so many files beside those that wait for the sealer, and one's WAL. */
static bool has_room_for(struct vedette_spool *spool, int64_t files, guint *waiting)
{
    int64_t free_bytes = spool_directory_free_bytes(&spool->directory);
    pthread_mutex_lock(&spool->lock);
    *waiting = spool->unsealed.length;
    if (spool->config.max_disk_bytes)
        free_bytes = MIN(free_bytes, spool->config.max_disk_bytes - spool->disk_bytes);
    pthread_mutex_unlock(&spool->lock);
    return free_bytes / spool->config.file_bytes >= (int64_t)*waiting + files + WAL_TIMES_MAX;
}

/* More wait for the sealer than a start after a crash shall read whole; or there is so little room that the next file's
 * WAL might take what sealing them needs. */
static bool is_sealing_due(struct vedette_spool *spool)
{
    guint waiting;
    bool has_room = has_room_for(spool, 1, &waiting);
    return waiting > spool_unsealed_files || (waiting && !has_room);
}

bool spool_has_room_ahead(struct vedette_spool *spool)
{
    guint waiting;
    return has_room_for(spool, 2 * (1 + WAL_TIMES_MAX), &waiting); /* the next one's, and a kept log */
}

static bool begin_file(struct vedette_spool *spool, GError **error)
{
    bool was_ready;
    while (is_sealing_due(spool) && spool_seal_first(spool))
        ;
    struct spool_file *file = spool_next_await(spool, &was_ready, error);
    if (!file)
        return false;
    spool->active = file;
    pthread_mutex_lock(&spool->lock);
    spool->next_file = NULL;
    spool->is_next_wanted = false;
    file->is_read = true;
    g_ptr_array_add(spool->files, file);
    if (was_ready) { /* the ledger names it: what it says of the others is the sealer's to write */
        spool->is_ledger_due = true;
        pthread_cond_signal(&spool->retired);
    }
    pthread_mutex_unlock(&spool->lock);
    if (!was_ready)
        spool_ledger_save(spool, false);
    return true;
}

/* How much of what a file may hold it has, in 1/times of it. */
static bool is_filled(const struct vedette_spool *spool, const struct spool_file *file, int64_t bytes, int times)
{
    return file->rows && ((file->size_bytes + bytes) * times > spool->config.file_bytes ||
                          file->rows >= FILE_ROWS_MAX / (uint32_t)times ||
                          file->log_bytes * times / WAL_TIMES_MAX > spool->config.file_bytes);
}

bool spool_make_room(struct vedette_spool *spool, int64_t bytes, GError **error)
{
    struct spool_file *file = spool->active;
    if (file && is_filled(spool, file, bytes, 1)) {
        spool_retire_file(spool, file);
    } else if (file && !file->is_followed && is_filled(spool, file, bytes, 2)) {
        file->is_followed = true;
        spool_next_ask(spool, 2 * file->log_bytes);
    }
    return spool->active || begin_file(spool, error);
}
