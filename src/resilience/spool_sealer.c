/* The end of files, beside the thread that writes, which shall not wait for it: those of which all is done are removed;
 * others that are full become plain databases. That writes all of them once more, and most are drained soon; so each
 * waits a little.
 */
#include "resilience/spool_internal.h"

enum { SEAL_DELAY_US = 1000000 };

/* ---- full ones ---- */

/* `connection` held. */
static void seal(struct vedette_spool *spool, struct spool_file *file)
{
    g_autoptr(GError) error = NULL;
    pthread_mutex_lock(&spool->lock);
    uint32_t live = file->live;
    int64_t live_bytes = file->live_bytes;
    pthread_mutex_unlock(&spool->lock);
    if (live == 0)
        return; /* it is removed */
    spool_save_done(spool, file);
    if (!spool_file_open(file, spool->vfs, &error) ||
        !spool_file_seal(file, &spool->directory, live, live_bytes, &error))
        spool_note_failure(spool, error); /* it is read as it is, and sealed by the next start */
}

/* With its connection for those who read it meanwhile closed at the end, and nobody's any more. */
static void seal_and_release(struct vedette_spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&file->connection);
    seal(spool, file);
    spool_file_close(file);
    pthread_mutex_unlock(&file->connection);
    pthread_mutex_lock(&spool->lock);
    file->is_sealing = false;
    if (file->live == 0)
        spool_note_drained(spool);
    if (file->is_unsaved && !spool->save_due_us) /* what was done while it was sealed */
        spool->save_due_us = spool_machine_us() + spool->config.acknowledge_delay_us;
    pthread_cond_signal(&spool->work);
    pthread_mutex_unlock(&spool->lock);
}

void spool_note_drained(struct vedette_spool *spool)
{
    spool->has_drained = true;
    pthread_cond_signal(&spool->retired);
}

void spool_seal(struct vedette_spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&spool->lock);
    bool is_queued = spool->unsealed.length < SPOOL_UNSEALED_FILES;
    file->is_sealing = true;
    file->seal_due_us = spool_machine_us() + SEAL_DELAY_US;
    if (is_queued)
        g_queue_push_tail(&spool->unsealed, file);
    pthread_cond_signal(&spool->retired);
    pthread_mutex_unlock(&spool->lock);
    if (!is_queued)
        seal_and_release(spool, file);
}

/* ---- drained ones ---- */

/* One that waits to be sealed needs it no more. False: it is being sealed just now. lock. */
static bool take_from_sealer(struct vedette_spool *spool, struct spool_file *file)
{
    if (file->is_sealing && g_queue_remove(&spool->unsealed, file))
        file->is_sealing = false;
    return !file->is_sealing;
}

/* They leave with this. */
static GPtrArray *take_drained(struct vedette_spool *spool)
{
    GPtrArray *drained = g_ptr_array_new();
    pthread_mutex_lock(&spool->lock);
    spool->has_drained = false;
    for (guint i = 0; i < spool->files->len; i++) {
        struct spool_file *file = g_ptr_array_index(spool->files, i);
        if (!file->is_retired || !file->is_read || file->live || file->is_leaving || !take_from_sealer(spool, file))
            continue;
        file->is_leaving = true;
        g_ptr_array_add(drained, file);
    }
    pthread_mutex_unlock(&spool->lock);
    return drained;
}

void spool_remove_drained(struct vedette_spool *spool)
{
    g_autoptr(GPtrArray) drained = take_drained(spool);
    if (drained->len)
        spool_ledger_save(spool, true);
    for (guint i = 0; i < drained->len; i++) {
        struct spool_file *file = g_ptr_array_index(drained, i);
        pthread_mutex_lock(&spool->lock);
        bool is_damaged = file->is_damaged;
        pthread_mutex_unlock(&spool->lock);
        spool_drop_file(spool, file, is_damaged ? "some of it could not be read" : NULL);
        pthread_mutex_lock(&spool->disk);
        spool_forget_file(spool, file);
        pthread_mutex_unlock(&spool->disk);
    }
}

/* ---- the thread ---- */

static bool is_due(struct vedette_spool *spool)
{
    const struct spool_file *next = g_queue_peek_head(&spool->unsealed);
    return next && (spool->is_written || next->seal_due_us <= spool_machine_us());
}

/* False: nothing is left, and nothing will come. *file: the oldest that is due to be sealed, or NULL. */
static bool await_work(struct vedette_spool *spool, struct spool_file **file)
{
    pthread_mutex_lock(&spool->lock);
    while (!spool->is_written && !spool->has_drained && !is_due(spool)) {
        const struct spool_file *next = g_queue_peek_head(&spool->unsealed);
        const struct timespec deadline = spool_deadline(next ? next->seal_due_us : INT64_MAX);
        pthread_cond_timedwait(&spool->retired, &spool->lock, &deadline);
    }
    *file = !spool->has_drained && is_due(spool) ? g_queue_pop_head(&spool->unsealed) : NULL;
    bool is_over = !*file && !spool->has_drained;
    pthread_mutex_unlock(&spool->lock);
    return !is_over;
}

static void *run(void *data)
{
    struct vedette_spool *spool = data;
    for (struct spool_file *file; await_work(spool, &file);)
        if (file)
            seal_and_release(spool, file);
        else
            spool_remove_drained(spool);
    return NULL;
}

bool spool_sealer_start(struct vedette_spool *spool, GError **error)
{
    int code = pthread_create(&spool->sealer, NULL, run, spool);
    if (code)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start the spool's sealer: %s", g_strerror(code));
    return code == 0;
}

void spool_sealer_stop(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    spool->is_written = true;
    pthread_cond_signal(&spool->retired);
    pthread_mutex_unlock(&spool->lock);
    pthread_join(spool->sealer, NULL);
}
