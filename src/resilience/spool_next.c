/* The file that comes next, made by the sealer's thread while there is still room in the one that is written to, so
 * that no commit waits for it; and the log of a file that was drained, kept for it. A commit that writes over what a
 * log held before leaves the log as long as it was: its sync writes records, and not also where the file system has put
 * them. Where nothing is drained one is made of zeros, for the same sake.
 *
 * A kept log holds another file's frames. SQLite takes none without their header, nor behind one of another salt, which
 * it draws for each log: so the header is made zeros, and that and the log's name are synced, before it is used again.
 */
#include "resilience/spool_internal.h"

int64_t spool_ahead_bytes = 1 << 20;
int64_t spool_fill_step_bytes = SPOOL_FILL_STEP_MAX_BYTES;

/* ---- making it ---- */

/* Puts the kept log beside it. What opened it before does not know that there is one now. `next` held. */
static bool use_log(struct vedette_spool *spool, struct spool_file *file, GError **error)
{
    if (!spool->spare_bytes)
        return true;
    spool_file_close(file);
    bool is_used = spool_directory_use_log(&spool->directory, file->path, error);
    pthread_mutex_lock(&spool->lock);
    spool->disk_bytes -= spool->spare_bytes;
    spool->spare_bytes = 0;
    pthread_mutex_unlock(&spool->lock);
    return is_used && spool_file_open(file, spool->vfs, error);
}

/* A first commit, which says that nothing is done, makes the log and syncs its name. */
static bool begin_log(struct spool_file *file, GError **error)
{
    g_autoptr(GByteArray) none = g_byte_array_new();
    return spool_file_save_done(file, none, error);
}

static struct spool_file *make_file(struct vedette_spool *spool, bool is_ahead, GError **error)
{
    if (spool->next_number > INT64_MAX) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "%s: the numbers of files are used up: drain it, and give another directory",
                    spool->directory.path);
        return NULL;
    }
    const struct spool_name name = {.number = spool->next_number++}; /* one that fails may stay in the way */
    struct spool_file *file = spool_file_new(&spool->directory, &name);
    bool is_made = spool_file_create(file, spool->vfs, error);
    if (is_made && (!is_ahead || (use_log(spool, file, error) && begin_log(file, error)))) {
        spool_file_measure(file);
        return file;
    }
    spool_file_close(file);
    if (is_made)
        spool_directory_remove(file->path, NULL); /* else the next start finds it empty, and removes it */
    spool_file_free(file);
    return NULL;
}

/* `next` held. */
static struct spool_file *make_next(struct vedette_spool *spool, bool is_ahead, GError **error)
{
    struct spool_file *file = make_file(spool, is_ahead, error);
    pthread_mutex_lock(&spool->lock);
    if (file)
        spool_count_disk(spool, file);
    spool->next_file = file;
    pthread_mutex_unlock(&spool->lock);
    return file;
}

static struct spool_file *look(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    struct spool_file *file = spool->next_file;
    pthread_mutex_unlock(&spool->lock);
    return file;
}

struct spool_file *spool_next_await(struct vedette_spool *spool, bool *was_ready, GError **error)
{
    struct spool_file *file = look(spool);
    *was_ready = file != NULL;
    if (file)
        return file;
    pthread_mutex_lock(&spool->next); /* it may be under way */
    file = look(spool);
    *was_ready = file != NULL;
    if (!file)
        file = make_next(spool, false, error);
    pthread_mutex_unlock(&spool->next);
    return file;
}

void spool_next_ask(struct vedette_spool *spool, int64_t log_bytes)
{
    if (spool->config.file_bytes < spool_ahead_bytes || !spool_has_room_ahead(spool))
        return;
    pthread_mutex_lock(&spool->lock);
    spool->is_next_wanted = true;
    spool->next_log_bytes = log_bytes;
    pthread_cond_signal(&spool->retired);
    pthread_mutex_unlock(&spool->lock);
}

/* How it is with the log that is being made: its bytes are counted while it is. */
static void note_fill(struct vedette_spool *spool, bool is_filling)
{
    pthread_mutex_lock(&spool->lock);
    spool->is_filling = is_filling;
    spool->disk_bytes += is_filling ? spool->fill.bytes : -spool->fill.bytes;
    if (!is_filling)
        pthread_cond_broadcast(&spool->room);
    pthread_mutex_unlock(&spool->lock);
}

/* For the file after the one that was just made: nobody waits for it. Where files are drained they leave theirs. */
static void begin_fill(struct vedette_spool *spool, int64_t bytes)
{
    pthread_mutex_lock(&spool->lock);
    bool is_wanted = bytes > 0 && spool_fill_step_bytes > 0 && !spool->spare_bytes && spool->fill.fd < 0 &&
                     !spool->fill.was_last_kept && !spool->is_closing;
    spool->fill.was_last_kept = false;
    spool->is_fill_over = false;
    pthread_mutex_unlock(&spool->lock);
    int fd = is_wanted && spool_has_room_ahead(spool) ? spool_directory_begin_log(&spool->directory) : -1;
    if (fd < 0)
        return; /* it is done without */
    spool->fill.fd = fd;
    spool->fill.bytes = bytes;
    spool->fill.at = spool->fill.due_us = 0;
    note_fill(spool, true);
}

void spool_next_end_fill(struct vedette_spool *spool)
{
    if (spool->fill.fd < 0)
        return;
    close(spool->fill.fd);
    spool->fill.fd = -1;
    spool_directory_free_log(&spool->directory);
    note_fill(spool, false);
}

static void finish_fill(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->next);
    pthread_mutex_lock(&spool->lock);
    bool is_over = spool->is_fill_over;
    spool->is_filling = is_over;
    spool->spare_bytes = is_over ? 0 : spool->fill.bytes;
    pthread_mutex_unlock(&spool->lock);
    pthread_mutex_unlock(&spool->next);
    if (is_over) {
        spool_next_end_fill(spool);
        return;
    }
    close(spool->fill.fd);
    spool->fill.fd = -1;
}

/* It rests as long as a step took, so that commits have half of the disk at least. */
void spool_next_fill(struct vedette_spool *spool)
{
    struct spool_fill *fill = &spool->fill;
    int64_t started_us = spool_machine_us(), length = MIN(fill->bytes - fill->at, spool_fill_step_bytes);
    pthread_mutex_lock(&spool->lock);
    bool is_over = spool->is_fill_over;
    pthread_mutex_unlock(&spool->lock);
    if (is_over || !spool_directory_fill_log(fill->fd, fill->at, length)) {
        spool_next_end_fill(spool);
        return;
    }
    fill->at += length;
    int64_t now_us = spool_machine_us();
    fill->due_us = now_us + (now_us - started_us);
    if (fill->at == fill->bytes)
        finish_fill(spool);
}

void spool_next_prepare(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->next);
    pthread_mutex_lock(&spool->lock);
    bool is_wanted = spool->is_next_wanted && !spool->next_file;
    spool->is_next_wanted = false;
    int64_t log_bytes = spool->next_log_bytes;
    pthread_mutex_unlock(&spool->lock);
    if (is_wanted)
        make_next(spool, true, NULL); /* where it fails, the writer tries itself, and tells why */
    pthread_mutex_unlock(&spool->next);
    if (!is_wanted)
        return;
    spool_ledger_save(spool, false);
    begin_fill(spool, log_bytes);
}

/* ---- the log for it ---- */

void spool_next_keep_log(struct vedette_spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&spool->lock);
    bool is_wanted = !spool->is_closing && spool->config.file_bytes >= spool_ahead_bytes;
    pthread_mutex_unlock(&spool->lock);
    if (!is_wanted || file->has_sealed_name || !spool_has_room_ahead(spool))
        return;
    spool_forget_connection(spool, file);
    spool_next_end_fill(spool); /* this one is there already */
    spool->fill.was_last_kept = true;
    pthread_mutex_lock(&spool->next);
    int64_t bytes = spool->spare_bytes ? 0 : spool_directory_keep_log(&spool->directory, file->path);
    pthread_mutex_lock(&file->connection);
    spool_file_measure(file);
    pthread_mutex_lock(&spool->lock);
    spool_count_disk(spool, file);
    spool->disk_bytes += bytes;
    spool->spare_bytes += bytes;
    pthread_mutex_unlock(&spool->lock);
    pthread_mutex_unlock(&file->connection);
    pthread_mutex_unlock(&spool->next);
}

/* ---- giving both back ---- */

static bool drop_log(struct vedette_spool *spool)
{
    bool is_there = spool->spare_bytes > 0;
    if (is_there)
        spool_directory_free_log(&spool->directory);
    pthread_mutex_lock(&spool->lock);
    spool->disk_bytes -= spool->spare_bytes;
    spool->spare_bytes = 0;
    pthread_mutex_unlock(&spool->lock);
    return is_there;
}

static bool drop_file(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    struct spool_file *file = spool->next_file;
    spool->next_file = NULL;
    spool->is_next_wanted = false;
    if (file)
        spool->disk_bytes -= file->counted_bytes;
    pthread_mutex_unlock(&spool->lock);
    if (!file)
        return false;
    spool_ledger_save(spool, true);
    spool_file_close(file);
    spool_directory_remove(file->path, NULL); /* else the next start finds it empty, and removes it */
    spool_file_free(file);
    return true;
}

/* The sealer ends it, but may be busy with something else just now: what it takes is given back at once. */
static bool drop_fill(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    bool is_there = spool->is_filling && !spool->is_fill_over;
    spool->is_fill_over = true;
    pthread_cond_signal(&spool->retired);
    pthread_mutex_unlock(&spool->lock);
    if (is_there)
        spool_directory_empty_log(&spool->directory);
    return is_there;
}

bool spool_next_drop(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->next);
    bool is_freed = drop_file(spool);
    is_freed |= drop_log(spool);
    is_freed |= drop_fill(spool);
    pthread_mutex_unlock(&spool->next);
    if (is_freed) {
        pthread_mutex_lock(&spool->lock);
        pthread_cond_broadcast(&spool->room);
        pthread_mutex_unlock(&spool->lock);
    }
    return is_freed;
}
