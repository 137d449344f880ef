/* Turns files which are full into plain databases, beside the thread that writes: that writes all of them once more,
 * which takes as long as tens of commits. Most files are drained soon and need it not at all; so each waits a little.
 */
#include "resilience/spool_internal.h"

enum { SEAL_DELAY_US = 1000000 };

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
    spool->has_drained |= file->live == 0;
    if (file->is_unsaved && !spool->save_due_us) /* what was done while it was sealed */
        spool->save_due_us = spool_machine_us() + spool->config.acknowledge_delay_us;
    pthread_cond_signal(&spool->work);
    pthread_mutex_unlock(&spool->lock);
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

bool spool_take_from_sealer(struct vedette_spool *spool, struct spool_file *file)
{
    if (file->is_sealing && g_queue_remove(&spool->unsealed, file))
        file->is_sealing = false;
    return !file->is_sealing;
}

/* The oldest, once it is due; NULL: there are none, and none will come. */
static struct spool_file *take(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    for (;;) {
        const struct spool_file *next = g_queue_peek_head(&spool->unsealed);
        if (spool->is_written || (next && next->seal_due_us <= spool_machine_us()))
            break;
        const struct timespec deadline = spool_deadline(next ? next->seal_due_us : INT64_MAX);
        pthread_cond_timedwait(&spool->retired, &spool->lock, &deadline);
    }
    struct spool_file *file = g_queue_pop_head(&spool->unsealed);
    pthread_mutex_unlock(&spool->lock);
    return file;
}

static void *run(void *data)
{
    struct vedette_spool *spool = data;
    for (struct spool_file *file; (file = take(spool));)
        seal_and_release(spool, file);
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
