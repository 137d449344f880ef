/* The end of files, and what else of them the thread that writes shall not wait for: those of which all is done are
 * removed; others that are full become plain databases. That writes all of them once more, and most are drained soon;
 * so each waits a little.
 */
#include "resilience/spool_internal.h"

#include "base/thread.h"
#include "base/wait.h"

enum { RETRY_TIMES = 10 }; /* the delay: after a failure */

int64_t spool_seal_delay_us = 1000000;
guint spool_unsealed_files = 16;

/* ---- full ones ---- */

/* False: it is to be tried again. `connection` held. */
static bool seal(struct vedette_spool *spool, struct spool_file *file)
{
    g_autoptr(GError) error = NULL;
    pthread_mutex_lock(&spool->lock);
    uint32_t live = file->live;
    int64_t live_bytes = file->live_bytes;
    bool is_damaged = file->is_damaged;
    pthread_mutex_unlock(&spool->lock);
    if (live == 0 || is_damaged)
        return true; /* it is removed, or stays as it is for a person to look at */
    spool_save_done(spool, file);
    if (spool_file_open(file, spool->vfs, &error) && spool_file_seal(file, live, live_bytes, &error))
        return true;
    spool_note_failure(spool, error);
    return file->has_sealed_name;
}

static gint compare_due(gconstpointer left, gconstpointer right, gpointer data)
{
    const struct spool_file *a = left, *b = right;
    (void)data;
    return (a->seal_due_us > b->seal_due_us) - (a->seal_due_us < b->seal_due_us);
}

/* Under lock. */
static void put_in_queue(struct vedette_spool *spool, struct spool_file *file, int64_t delay_us)
{
    file->is_waiting = true;
    file->seal_due_us = spool_machine_us() + delay_us;
    g_queue_insert_sorted(&spool->unsealed, file, compare_due, NULL);
    pthread_cond_signal(&spool->retired);
}

void spool_seal_later(struct vedette_spool *spool, struct spool_file *file)
{
    put_in_queue(spool, file, spool_seal_delay_us);
}

/* Under lock. */
static struct spool_file *pop(struct vedette_spool *spool)
{
    struct spool_file *file = g_queue_pop_head(&spool->unsealed);
    if (file) {
        file->is_waiting = false;
        file->is_sealing = true;
    }
    return file;
}

/* With its connection for those who read it meanwhile closed at the end, and nobody's any more. */
static bool seal_and_release(struct vedette_spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&file->connection);
    bool is_over = seal(spool, file);
    spool_file_close(file);
    pthread_mutex_lock(&spool->lock);
    spool_count_disk(spool, file);
    pthread_mutex_unlock(&spool->lock);
    pthread_mutex_unlock(&file->connection);
    pthread_mutex_lock(&spool->lock);
    file->is_sealing = false;
    if (file->live == 0)
        spool_note_drained(spool);
    else if (!is_over && !spool->is_written)
        put_in_queue(spool, file, RETRY_TIMES * spool_seal_delay_us);
    if (file->is_unsaved)
        spool_save_soon(spool); /* what was done while it was sealed */
    pthread_cond_signal(&spool->work);
    pthread_cond_broadcast(&spool->room); /* it takes less now */
    pthread_mutex_unlock(&spool->lock);
    return is_over;
}

void spool_note_drained(struct vedette_spool *spool)
{
    spool->has_drained = true;
    pthread_cond_signal(&spool->retired);
}

bool spool_seal_first(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    const struct spool_file *next = g_queue_peek_head(&spool->unsealed);
    bool has_failed = next && next->seal_due_us > spool_machine_us() + spool_seal_delay_us;
    struct spool_file *file = has_failed ? NULL : pop(spool);
    pthread_mutex_unlock(&spool->lock);
    return file && seal_and_release(spool, file);
}

/* ---- drained ones ---- */

/* One that waits to be sealed needs it no more. False: it is being sealed just now. lock. */
static bool take_from_sealer(struct vedette_spool *spool, struct spool_file *file)
{
    if (file->is_waiting)
        g_queue_remove(&spool->unsealed, file);
    file->is_waiting = false;
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
        if (!is_damaged)
            spool_next_keep_log(spool, file);
        if (!spool_drop_file(spool, file, is_damaged ? "some of it could not be read" : NULL))
            continue;
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

/* A step of the spare log; one that is given up has nothing to wait for. */
static bool is_fill_due(const struct vedette_spool *spool)
{
    return spool->fill.fd >= 0 && (spool->is_fill_over || spool->fill.due_us <= spool_machine_us());
}

static int64_t earliest_due_us(struct vedette_spool *spool)
{
    const struct spool_file *next = g_queue_peek_head(&spool->unsealed);
    int64_t due_us = next ? next->seal_due_us : INT64_MAX;
    return spool->fill.fd >= 0 ? MIN(due_us, spool->fill.due_us) : due_us;
}

struct work {
    bool is_next_wanted, is_ledger_due, has_drained, is_fill_due;
    struct spool_file *file; /* the oldest that is due to be sealed, when nothing else is to be done */
};

/* False: nothing is left, and nothing will come. */
static bool await_work(struct vedette_spool *spool, struct work *work)
{
    pthread_mutex_lock(&spool->lock);
    while (!spool->is_written && !spool->has_drained && !spool->is_next_wanted && !spool->is_ledger_due &&
           !is_due(spool) && !is_fill_due(spool)) {
        const struct timespec deadline = wait_deadline(earliest_due_us(spool));
        pthread_cond_timedwait(&spool->retired, &spool->lock, &deadline);
    }
    *work = (struct work){
        .is_next_wanted = spool->is_next_wanted && !spool->is_written,
        .is_ledger_due = spool->is_ledger_due,
        .has_drained = spool->has_drained,
        .is_fill_due = is_fill_due(spool) && !spool->is_written,
    };
    spool->is_ledger_due = false;
    bool is_busy = work->is_next_wanted || work->is_ledger_due || work->has_drained || work->is_fill_due;
    work->file = !is_busy && is_due(spool) ? pop(spool) : NULL;
    pthread_mutex_unlock(&spool->lock);
    return is_busy || work->file;
}

/* First what the writer may come to wait for. */
static void *run(void *data)
{
    struct vedette_spool *spool = data;
    for (struct work work; await_work(spool, &work);) {
        if (work.is_next_wanted)
            spool_next_prepare(spool);
        if (work.is_ledger_due)
            spool_ledger_save(spool, false);
        if (work.has_drained)
            spool_remove_drained(spool);
        else if (work.is_fill_due)
            spool_next_fill(spool);
        else if (work.file)
            seal_and_release(spool, work.file);
    }
    spool_next_end_fill(spool);
    return NULL;
}

bool spool_sealer_start(struct vedette_spool *spool, GError **error)
{
    int code = thread_start(&spool->sealer, "spool sealer", run, spool);
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
