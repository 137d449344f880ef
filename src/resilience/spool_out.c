/* Taking out: chooses, fetches from the disk what is not in memory, and settles. */
#include "base/wait.h"
#include "resilience/spool_internal.h"

enum {
    BATCH_BYTES_MAX = 8 << 20, /* given out at once, unless one record alone is larger */
    READ_PAUSE_US = 20000,     /* after a disk that does not answer */
    READ_RETRY_US = 200000,    /* for one record; others that can be read come meanwhile */
};

void spool_out_free(struct spool_out *out, bool with_entries)
{
    for (size_t i = 0; with_entries && i < out->batch.count; i++) {
        g_free(out->entries[i]->payload);
        g_free(out->entries[i]);
    }
    g_free(out->entries);
    g_free(out->records);
    g_free(out);
}

/* Under lock. */
static void pick(struct vedette_spool *spool, size_t max, GPtrArray *picked)
{
    int64_t now_us = spool_now_us(spool), bytes = 0;
    while (picked->len < max) {
        struct spool_entry *entry = spool_queue_next(&spool->queue, spool->config.oldest_every);
        if (!entry)
            return;
        if (entry->expires_us <= now_us) {
            spool_lose(spool, entry, VEDETTE_SPOOL_EXPIRED);
            continue;
        }
        if (picked->len && bytes + entry->length > BATCH_BYTES_MAX)
            return;
        bytes += entry->length;
        spool_queue_take(&spool->queue, entry);
        entry->is_out = true;
        spool->queue.in_flight++;
        g_ptr_array_add(picked, entry);
    }
}

/* Under lock. */
static void put_back(struct vedette_spool *spool, struct spool_entry *entry)
{
    entry->is_out = false;
    spool->queue.in_flight--;
    if (entry->file && spool->queue.memory_bytes > spool->config.max_memory_bytes)
        spool_entry_drop_payload(&spool->queue, entry);
    /* from the front: it was there */
    struct spool_entry *head = entry->lane->entries.head;
    spool_queue_insert(&spool->queue, entry, head);
}

/* Others need the memory sooner. Under lock. */
static void defer_out(struct vedette_spool *spool, struct spool_entry *entry)
{
    entry->is_out = false;
    spool->queue.in_flight--;
    if (entry->file)
        spool_entry_drop_payload(&spool->queue, entry);
    spool_queue_defer(&spool->queue, entry);
}

/* Its bytes are wrong, or its file is gone. Not noted as done: for whoever mends the file that is set aside. Under
 * lock. */
static void lose_out(struct vedette_spool *spool, struct spool_entry *entry)
{
    spool_queue_count_loss(&spool->queue, entry->lane->tenant, VEDETTE_SPOOL_CORRUPT, 1);
    entry->file->is_damaged = true;
    entry->file->lost++;
    spool->queue.in_flight--;
    spool_forget_entry(spool, entry);
}

/* The disk does not answer, for now: it is tried again until it does. Under lock. */
static void rest_out(struct vedette_spool *spool, struct spool_entry *entry)
{
    entry->is_out = false;
    spool->queue.in_flight--;
    spool_queue_rest(&spool->queue, entry, spool_machine_us() + READ_RETRY_US);
}

enum fetched { FETCHED = 1, LOST, RESTS };

/* Fetches a payload from its file. */
static enum fetched fetch(struct vedette_spool *spool, struct spool_entry *entry)
{
    g_autoptr(GError) error = NULL;
    enum fetched fetched = FETCHED;
    struct spool_file *file = entry->file; /* stays, as this record of it is not done */
    pthread_mutex_lock(&file->connection);
    void *payload = spool_file_read_payload(file, spool->vfs, entry->row, entry->length, &error);
    if (file->db)
        spool_keep_open(spool, file);
    bool is_gone = !payload && spool_directory_lacks(&spool->directory, file->path);
    pthread_mutex_unlock(&file->connection);
    pthread_mutex_lock(&spool->lock);
    spool_note_read(spool, error);
    if (payload) {
        spool_entry_set_payload(&spool->queue, entry, payload);
    } else {
        fetched = is_gone || spool_file_is_hopeless(error) ? LOST : RESTS;
        (fetched == LOST ? lose_out : rest_out)(spool, entry);
    }
    pthread_mutex_unlock(&spool->lock);
    return fetched;
}

/* Under no lock. */
static void put_back_all(struct vedette_spool *spool, struct spool_entry *const *entries, guint count)
{
    pthread_mutex_lock(&spool->lock);
    while (count)
        put_back(spool, entries[--count]); /* backwards: each goes before the one after it */
    pthread_mutex_unlock(&spool->lock);
}

/* Leaves those that have or get their payloads. False: the disk does not answer; it is asked once, and those that would
 * need it go back. */
static bool fetch_all(struct vedette_spool *spool, GPtrArray *picked)
{
    guint kept = 0, unread = 0;
    bool is_answered = true;
    g_autofree struct spool_entry **waiting = g_new(struct spool_entry *, picked->len);
    for (guint i = 0; i < picked->len; i++) {
        struct spool_entry *entry = g_ptr_array_index(picked, i);
        if (!entry->payload && !is_answered) {
            waiting[unread++] = entry;
            continue;
        }
        enum fetched fetched = entry->payload ? FETCHED : fetch(spool, entry);
        if (fetched == FETCHED)
            picked->pdata[kept++] = entry;
        is_answered &= fetched != RESTS;
    }
    put_back_all(spool, waiting, unread);
    g_ptr_array_set_size(picked, (gint)kept);
    return is_answered;
}

static struct vedette_spool_batch *batch_new(struct vedette_spool *spool, const GPtrArray *picked)
{
    struct spool_out *out = g_new0(struct spool_out, 1);
    out->entries = g_memdup2(picked->pdata, picked->len * sizeof(struct spool_entry *));
    out->records = g_new0(struct vedette_spool_record, picked->len);
    for (guint i = 0; i < picked->len; i++) {
        struct spool_entry *entry = out->entries[i];
        out->records[i] = (struct vedette_spool_record){
            .tenant = entry->lane->tenant->name,
            .priority = entry->lane->priority,
            .payload = entry->payload,
            .length = entry->length,
            .enqueued_at_ms = entry->enqueued_at_ms,
            .attempts = entry->attempts++,
        };
    }
    out->batch = (struct vedette_spool_batch){picked->len, out->records};
    pthread_mutex_lock(&spool->lock);
    g_hash_table_add(spool->out, out);
    pthread_mutex_unlock(&spool->lock);
    return &out->batch;
}

static int64_t count_wakes(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    int64_t wakes = spool->wakes;
    pthread_mutex_unlock(&spool->lock);
    return wakes;
}

/* `wakes`: how many there were when the caller came. */
static void await_and_pick(struct vedette_spool *spool, size_t max, int64_t until_us, int64_t wakes, GPtrArray *picked)
{
    pthread_mutex_lock(&spool->lock);
    for (;;) {
        int64_t rested_us = spool_queue_wake(&spool->queue, spool_machine_us());
        pick(spool, max ? max : (size_t)spool->config.batch_size, picked);
        if (picked->len || wakes != spool->wakes || spool_machine_us() >= until_us)
            break;
        const struct timespec deadline = wait_deadline(MIN(until_us, rested_us));
        pthread_cond_timedwait(&spool->ready, &spool->lock, &deadline);
    }
    pthread_mutex_unlock(&spool->lock);
}

struct vedette_spool_batch *vedette_spool_dequeue(struct vedette_spool *spool, size_t max, int64_t wait_us)
{
    g_autoptr(GPtrArray) picked = g_ptr_array_new();
    int64_t until_us = time_after_us(spool_machine_us(), MAX(wait_us, 0)), wakes = count_wakes(spool);
    for (;;) {
        await_and_pick(spool, max, until_us, wakes, picked);
        if (!picked->len)
            return NULL;
        bool is_answered = fetch_all(spool, picked);
        if (picked->len)
            return batch_new(spool, picked);
        if (is_answered)
            continue; /* all of them were lost: the next ones */
        if (spool_machine_us() >= until_us || count_wakes(spool) != wakes)
            return NULL;
        g_usleep(READ_PAUSE_US);
    }
}

/* Under lock. */
static void finish_out(struct vedette_spool *spool, struct spool_entry *entry)
{
    entry->lane->tenant->acknowledged++;
    spool->queue.acknowledged++;
    spool->queue.in_flight--;
    spool->progress_us = time_now_us(&spool->config.time);
    spool_finish(spool, entry);
}

void vedette_spool_settle_each(struct vedette_spool *spool, struct vedette_spool_batch *batch,
                               const enum vedette_spool_fate *fates)
{
    struct spool_out *out = (struct spool_out *)batch;
    pthread_mutex_lock(&spool->lock);
    g_hash_table_remove(spool->out, out);
    for (size_t i = 0; i < batch->count; i++) { /* forwards: each goes behind the one before it */
        spool->queue.returned += fates[i] != VEDETTE_SPOOL_DONE;
        if (fates[i] == VEDETTE_SPOOL_DEFERRED)
            defer_out(spool, out->entries[i]);
    }
    for (size_t i = batch->count; i-- > 0;) { /* backwards: each goes before the one after it */
        if (fates[i] == VEDETTE_SPOOL_DONE)
            finish_out(spool, out->entries[i]);
        else if (fates[i] != VEDETTE_SPOOL_DEFERRED)
            put_back(spool, out->entries[i]);
    }
    pthread_cond_broadcast(&spool->ready);
    pthread_mutex_unlock(&spool->lock);
    spool_out_free(out, false);
}

void vedette_spool_settle(struct vedette_spool *spool, struct vedette_spool_batch *batch, const bool *is_done)
{
    g_autofree enum vedette_spool_fate *fates = g_new(enum vedette_spool_fate, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        fates[i] = !is_done || is_done[i] ? VEDETTE_SPOOL_DONE : VEDETTE_SPOOL_RETURNED;
    vedette_spool_settle_each(spool, batch, fates);
}

void vedette_spool_acknowledge(struct vedette_spool *spool, struct vedette_spool_batch *batch)
{
    vedette_spool_settle(spool, batch, NULL);
}

void vedette_spool_return(struct vedette_spool *spool, struct vedette_spool_batch *batch)
{
    g_autofree bool *none = g_new0(bool, batch->count);
    vedette_spool_settle(spool, batch, none);
}

void vedette_spool_recall(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    spool_queue_recall(&spool->queue);
    pthread_cond_broadcast(&spool->ready);
    pthread_mutex_unlock(&spool->lock);
}

void vedette_spool_wake(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    spool->wakes++;
    pthread_cond_broadcast(&spool->ready);
    pthread_mutex_unlock(&spool->lock);
}

void vedette_spool_hold_expiry(struct vedette_spool *spool, bool is_held)
{
    pthread_mutex_lock(&spool->lock);
    int64_t now_us = time_now_us(&spool->config.time);
    bool is_change = is_held != spool->is_held;
    if (is_held && !spool->is_held) {
        spool->held_since_us = now_us;
        /* where one of before the start goes on, what lies there has not lost the time between either */
        spool->held_since_ms = spool_passing_wall_ms(spool);
    } else if (!is_held && spool->is_held) {
        spool->held_us += now_us - spool->held_since_us;
    }
    spool->is_held = is_held;
    pthread_mutex_unlock(&spool->lock);
    if (is_change)
        spool_ledger_save(spool, false);
}
