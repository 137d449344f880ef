/* The batch writer: one thread that takes what waits, up to batch_records, and commits it together. Batches share a
 * commit but not a fate: when the shared one fails for a reason of one batch's own, each is tried alone. */
#include "store/store_internal.h"

#include <errno.h>
#include <time.h>

#include "base/counter.h"
#include "base/fault.h"

static void batch_free(struct batch *batch)
{
    g_ptr_array_unref(batch->events);
    g_free(batch->stored);
    g_free(batch);
}

static bool set_fault(const char *name, GError **error)
{
    if (!fault_hit(name))
        return false;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s: failed on request (VEDETTE_FAULTS)", name);
    return true;
}

static bool insert_event(struct store *store, struct analytics_event *event, bool *stored, GError **error)
{
    struct connection *writer = &store->writer;
    struct store_counted counted;
    if (set_fault("store.insert", error) || !store_event_examine(event, &counted, error))
        return false;
    sqlite3_stmt *statement = connection_prepare(writer, store->event_upsert, error);
    if (!statement)
        return false;
    bind_record(statement, &analytics_event_descriptor, event);
    if (!connection_finish(writer, statement, error))
        return false;
    *stored = sqlite3_changes(writer->db) > 0;
    return !*stored || store_event_count(writer, event, &counted, error);
}

static bool insert_all(struct store *store, struct batch *const *batches, size_t count, GError **error)
{
    for (size_t i = 0; i < count; i++)
        for (guint j = 0; j < batches[i]->events->len; j++)
            if (!insert_event(store, g_ptr_array_index(batches[i]->events, j), &batches[i]->stored[j], error))
                return false;
    return true;
}

/* One transaction, all or nothing. */
static bool write_together(struct store *store, struct batch *const *batches, size_t count, GError **error)
{
    g_autoptr(GError) failure = NULL;
    pthread_mutex_lock(&store->write_lock);
    struct connection *writer = &store->writer;
    bool is_good = connection_execute(writer, "BEGIN IMMEDIATE", &failure) &&
                   insert_all(store, batches, count, &failure) && !set_fault("store.commit", &failure) &&
                   connection_execute(writer, "COMMIT", &failure);
    /* Some failures have rolled back already. */
    if (!is_good && !sqlite3_get_autocommit(writer->db))
        sqlite3_exec(writer->db, "ROLLBACK", NULL, NULL, NULL);
    store_note_write(store, failure);
    pthread_mutex_unlock(&store->write_lock);
    if (!is_good)
        g_propagate_error(error, g_steal_pointer(&failure));
    return is_good;
}

static void count_results(struct store *store, const struct batch *batch)
{
    int64_t new_records = 0;
    for (guint i = 0; i < batch->events->len; i++)
        new_records += batch->stored[i];
    counter_add(&store->health->records_stored, new_records);
    counter_add(&store->health->records_duplicate, batch->events->len - new_records);
}

static void finish_batch(struct store *store, struct batch *batch, const GError *failure)
{
    if (!failure)
        count_results(store, batch);
    if (batch->done)
        batch->done(batch->data, batch->events, failure ? NULL : batch->stored, failure);
    batch_free(batch);
}

/* True when other batches would fail for the same reason. */
static bool is_shared_failure(const GError *error)
{
    return g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL) ||
           g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION) ||
           g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
}

static void write_batches(struct store *store, struct batch **batches, size_t count)
{
    g_autoptr(GError) failure = NULL;
    bool is_good = write_together(store, batches, count, &failure);
    bool is_retried = !is_good && count > 1 && !is_shared_failure(failure);
    for (size_t i = 0; i < count; i++) {
        g_autoptr(GError) own = NULL;
        if (is_retried)
            write_together(store, &batches[i], 1, &own);
        finish_batch(store, batches[i], is_retried ? own : failure);
    }
}

static void deadline_after_ms(struct timespec *deadline, int ms)
{
    clock_gettime(CLOCK_MONOTONIC, deadline);
    deadline->tv_sec += ms / 1000;
    deadline->tv_nsec += (ms % 1000) * 1000000L;
    if (deadline->tv_nsec >= 1000000000L) {
        deadline->tv_sec++;
        deadline->tv_nsec -= 1000000000L;
    }
}

/* Waits for work, then batch_delay_ms for more of it. With queue.lock held. */
static void wait_for_batches(struct store *store)
{
    struct write_queue *queue = &store->queue;
    while (!queue->batches.length && !queue->is_closing)
        pthread_cond_wait(&queue->changed, &queue->lock);
    struct timespec deadline;
    deadline_after_ms(&deadline, store->settings.batch_delay_ms);
    while (!queue->is_closing && queue->records < (size_t)store->settings.batch_records)
        if (pthread_cond_timedwait(&queue->changed, &queue->lock, &deadline) == ETIMEDOUT)
            return;
}

/* Takes batches up to batch_records, one at least. With queue.lock held. */
static GPtrArray *take_batches(struct store *store)
{
    struct write_queue *queue = &store->queue;
    GPtrArray *taken = g_ptr_array_new();
    size_t records = 0;
    while (queue->batches.length) {
        const struct batch *next = g_queue_peek_head(&queue->batches);
        if (taken->len && records + next->events->len > (size_t)store->settings.batch_records)
            break;
        records += next->events->len;
        g_ptr_array_add(taken, g_queue_pop_head(&queue->batches));
    }
    queue->records -= records;
    counter_set(&store->health->store_queue_records, (int64_t)queue->records);
    return taken;
}

static void *run_writer(void *data)
{
    struct store *store = data;
    for (;;) {
        pthread_mutex_lock(&store->queue.lock);
        wait_for_batches(store);
        g_autoptr(GPtrArray) batches = take_batches(store);
        pthread_mutex_unlock(&store->queue.lock);
        if (!batches->len)
            return NULL;
        write_batches(store, (struct batch **)batches->pdata, batches->len);
    }
}

bool store_writer_start(struct store *store, GError **error)
{
    struct write_queue *queue = &store->queue;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    g_queue_init(&queue->batches);
    int code = pthread_create(&queue->thread, NULL, run_writer, store);
    if (code) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start the store's writer: %s", g_strerror(code));
        pthread_cond_destroy(&queue->changed);
        pthread_mutex_destroy(&queue->lock);
    }
    return code == 0;
}

void store_writer_stop(struct store *store)
{
    struct write_queue *queue = &store->queue;
    pthread_mutex_lock(&queue->lock);
    queue->is_closing = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

bool store_events_submit(struct store *store, GPtrArray *events, store_batch_done done, void *data, GError **error)
{
    struct write_queue *queue = &store->queue;
    pthread_mutex_lock(&queue->lock);
    /* A batch larger than the whole queue passes when it is alone, else it could never be written. */
    bool is_full =
        queue->is_closing || (queue->records && queue->records + events->len > (size_t)store->settings.queue_records);
    if (!is_full) {
        struct batch *batch = g_new(struct batch, 1);
        *batch = (struct batch){events, g_new0(bool, events->len), done, data};
        g_queue_push_tail(&queue->batches, batch);
        queue->records += events->len;
        counter_set(&store->health->store_queue_records, (int64_t)queue->records);
        pthread_cond_signal(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    if (is_full)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "%s: %d records wait to be written already (store.queue_records): submit again later", store->path,
                    store->settings.queue_records);
    return !is_full;
}
