/* The batch writer: one thread that takes what waits, up to batch_records, and commits it together. Batches share a
 * commit but not a fate: when the shared one fails for a reason of one batch's own, each is tried alone. */
#include "store/work_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/counter.h"
#include "base/id.h"
#include "base/thread.h"
#include "base/wait.h"

static void batch_free(struct batch *batch)
{
    g_ptr_array_unref(batch->events);
    g_free(batch->counted);
    g_free(batch->stored);
    g_clear_error(&batch->invalid);
    g_free(batch);
}

/* An event in the list, and where what becomes of it is told. */
struct listed {
    struct batch *batch;
    guint at; /* in its batch */
    size_t arrival;
    bool is_misfit; /* put aside, and not new */
};

/* The events of several batches as one list, in the order in which they are written, and what becomes of each. */
struct event_list {
    struct listed *listed;
    struct analytics_event **events;
    struct store_counted *counted;
    bool *is_new;
    GPtrArray *incidents; /* that changed with them */
    size_t count;
};

static void event_list_clear(struct event_list *list)
{
    g_free(list->listed);
    g_free(list->events);
    g_free(list->counted);
    g_free(list->is_new);
    g_ptr_array_unref(list->incidents);
}

static const struct analytics_event *listed_event(const struct listed *listed)
{
    return g_ptr_array_index(listed->batch->events, listed->at);
}

/* By org, since what is written of one stays locked until the commit: servers that take the orgs of their batches in
 * one order never wait for each other in a circle. Then by table, so that each org's rows of one are written at once;
 * and those as they came. */
static int compare_listed(const void *left, const void *right)
{
    const struct listed *a = left, *b = right;
    const struct analytics_event *first = listed_event(a), *second = listed_event(b);
    int order = g_strcmp0(first->org_id, second->org_id);
    if (!order)
        order = a->is_misfit - b->is_misfit;
    if (!order)
        order = event_is_kept_apart(first->type) - event_is_kept_apart(second->type);
    return order ? order : a->arrival < b->arrival ? -1 : a->arrival > b->arrival;
}

static bool is_of_one_run(const struct listed *a, const struct listed *b)
{
    const struct analytics_event *first = listed_event(a), *second = listed_event(b);
    return a->is_misfit == b->is_misfit && event_is_kept_apart(first->type) == event_is_kept_apart(second->type) &&
           g_strcmp0(first->org_id, second->org_id) == 0;
}

/* Of `count` events in all. */
static void event_list_sort(const struct store *store, struct event_list *list, struct batch *const *batches,
                            size_t count)
{
    list->listed = g_new(struct listed, count);
    for (struct batch *const *batch = batches; list->count < count; batch++)
        for (guint at = 0; at < (*batch)->events->len; at++, list->count++)
            list->listed[list->count] = (struct listed){
                *batch, at, list->count, store_event_misfit(store, g_ptr_array_index((*batch)->events, at)) != 0};
    qsort(list->listed, count, sizeof *list->listed, compare_listed);
}

static bool event_list_fill(const struct store *store, struct event_list *list, struct batch *const *batches,
                            size_t batch_count, GError **error)
{
    size_t count = 0;
    for (size_t i = 0; i < batch_count; i++) {
        if (batches[i]->invalid) {
            g_propagate_error(error, g_error_copy(batches[i]->invalid));
            return false;
        }
        count += batches[i]->events->len;
    }
    event_list_sort(store, list, batches, count);
    list->events = g_new(struct analytics_event *, count);
    list->counted = g_new(struct store_counted, count);
    list->is_new = g_new0(bool, count);
    for (size_t i = 0; i < count; i++) {
        const struct listed *listed = &list->listed[i];
        list->events[i] = g_ptr_array_index(listed->batch->events, listed->at);
        list->counted[i] = listed->batch->counted[listed->at];
    }
    return true;
}

/* Writes a run of events of one org that go to one table, in the middle of the list. What still comes for an org that
 * was deleted is let go. */
static bool insert_run(struct store_transaction *transaction, const struct event_list *list, size_t from, size_t to,
                       GError **error)
{
    struct analytics_event *const *events = &list->events[from];
    bool is_deleted, *is_new = &list->is_new[from];
    if (!store_set_org(transaction, events[0]->org_id, error) ||
        !store_org_is_deleted_in(transaction, events[0]->org_id, &is_deleted, error))
        return false;
    if (is_deleted) {
        counter_add(&transaction->store->health->records_of_deleted_orgs, (int64_t)(to - from));
        return true;
    }
    if (list->listed[from].is_misfit)
        return store_quarantine_in(transaction, events, to - from, error);
    if (event_is_kept_apart(events[0]->type))
        return store_track_chunks_insert_in(transaction, events, to - from, is_new, error);
    return store_insert(transaction, &analytics_event_descriptor, (const void *const *)events, to - from,
                        RECORD_CONFLICT_IGNORE, is_new, error) &&
           store_events_count(transaction, events, &list->counted[from], is_new, to - from, error) &&
           store_events_mark_in(transaction, events, is_new, to - from, error) &&
           store_signals_follow_in(transaction, events, is_new, to - from, list->incidents, error) &&
           store_events_note_late_in(transaction, events, is_new, to - from, error);
}

static bool insert_list(struct store_transaction *transaction, const struct event_list *list, GError **error)
{
    for (size_t from = 0, to; from < list->count; from = to) {
        to = from + 1;
        while (to < list->count && is_of_one_run(&list->listed[from], &list->listed[to]))
            to++;
        if (!insert_run(transaction, list, from, to, error))
            return false;
    }
    return true;
}

static void tell_batches(const struct event_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        list->listed[i].batch->stored[list->listed[i].at] = list->is_new[i];
}

/* One transaction, all or nothing. What a batch itself has wrong is found before the store is asked. */
static bool write_together(struct store *store, struct batch *const *batches, size_t count, GError **error)
{
    struct event_list list = {.incidents = g_ptr_array_new_with_free_func(incident_free)};
    bool is_good = event_list_fill(store, &list, batches, count, error);
    if (is_good && list.count) {
        struct store_transaction *transaction = store_begin(store, STORE_WRITE, list.events[0]->org_id, error);
        is_good = transaction && insert_list(transaction, &list, error);
        if (is_good)
            is_good = store_commit_beside_logins(transaction, error);
        else
            store_rollback(transaction);
    }
    if (is_good) {
        tell_batches(&list);
        store_tell_incidents(store, list.incidents);
    }
    event_list_clear(&list);
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

bool store_is_shared_failure(const GError *error)
{
    return g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL) ||
           g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION) ||
           g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
}

static void write_batches(struct store *store, struct batch **batches, size_t count)
{
    g_autoptr(GError) failure = NULL;
    bool is_good = write_together(store, batches, count, &failure);
    bool is_retried = !is_good && count > 1 && !store_is_shared_failure(failure);
    for (size_t i = 0; i < count; i++) {
        g_autoptr(GError) own = NULL;
        if (is_retried)
            write_together(store, &batches[i], 1, &own);
        finish_batch(store, batches[i], is_retried ? own : failure);
    }
}

/* Waits for work, then batch_delay_ms for more of it. With queue.lock held. */
static void wait_for_batches(struct store *store)
{
    struct write_queue *queue = &store->queue;
    while (!queue->batches.length && (!queue->is_closing || queue->reading))
        pthread_cond_wait(&queue->changed, &queue->lock);
    const struct timespec deadline = wait_deadline_after((int64_t)store->settings.batch_delay_ms * 1000);
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
    wait_condition_init(&queue->changed);
    g_queue_init(&queue->batches);
    int code = thread_start(&queue->thread, "store writer", run_writer, store);
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

/* Payloads are read on the submitter's thread, while the writer's writes what came before. */
static struct batch *batch_new(GPtrArray *events, store_batch_done done, void *data)
{
    struct batch *batch = g_new0(struct batch, 1);
    *batch = (struct batch){.events = events,
                            .counted = g_new0(struct store_counted, events->len),
                            .stored = g_new0(bool, events->len),
                            .done = done,
                            .data = data};
    for (guint i = 0; i < events->len && !batch->invalid; i++)
        store_event_examine(g_ptr_array_index(events, i), &batch->counted[i], &batch->invalid);
    return batch;
}

/* A batch larger than the whole queue passes when it is alone, else it could never be written. */
static bool has_room(const struct store *store, size_t records)
{
    const struct write_queue *queue = &store->queue;
    return !queue->is_closing && (!queue->records || queue->records + records <= (size_t)store->settings.queue_records);
}

bool store_events_submit(struct store *store, GPtrArray *events, store_batch_done done, void *data, GError **error)
{
    struct write_queue *queue = &store->queue;
    pthread_mutex_lock(&queue->lock);
    bool is_taken = has_room(store, events->len);
    if (is_taken) { /* its room is kept while it is read */
        queue->records += events->len;
        queue->reading++;
        counter_set(&store->health->store_queue_records, (int64_t)queue->records);
    }
    pthread_mutex_unlock(&queue->lock);
    if (!is_taken) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "%s: %d records wait to be written already (store.queue_records): submit again later",
                    store_place(store), store->settings.queue_records);
        return false;
    }
    struct batch *batch = batch_new(events, done, data);
    pthread_mutex_lock(&queue->lock);
    g_queue_push_tail(&queue->batches, batch);
    queue->reading--;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    return true;
}

/* ---- whether it takes any ---- */

/* What is good of each type: the rest of its payload. The signal opens an incident and is a violation, so that all that
 * follows from one is written too. */
#define AT "\"2026-01-01T00:00:00.000Z\""
static const char *const good_payloads[] = {
    [EVENT_SIGNAL] = "\"service\":\"safety\",\"kind\":\"no_helmet\",\"severity\":\"critical\",\"started_at\":" AT,
    [EVENT_ZONE_HIT] = "\"zone_id\":\"try\",\"track_id\":1,\"event\":\"enter\",\"at\":" AT ",\"box\":[0,0,1,1]",
    [EVENT_LINE_CROSSING] = "\"line_id\":\"try\",\"track_id\":1,\"direction\":\"in\",\"at\":" AT ",\"box\":[0,0,1,1]",
    [EVENT_OCCUPANCY] = "\"zone_id\":\"try\",\"count\":1,\"at\":" AT,
    [EVENT_TRACK_CHUNK] =
        "\"run_id\":\"try\",\"number\":1,\"from_at\":" AT ",\"to_at\":" AT ",\"codec_version\":1,\"data\":\"\"",
};
#undef AT

/* Of an org, a camera and a line that nobody has. */
static struct analytics_event *good_event(struct clock *clock, enum event_type type)
{
    int64_t now_ms = clock_wall_ms(clock);
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    event->id = id_new(clock);
    event->type = type;
    event->org_id = g_strdup(event->id);
    event->site_id = g_strdup(event->id);
    event->camera_id = g_strdup(event->id);
    event->occurred_at.ms = event->received_at.ms = now_ms;
    event->payload.text =
        g_strdup_printf("{\"id\":\"%s\",\"camera_id\":\"%s\",%s}", event->id, event->id, good_payloads[type]);
    return event;
}

static struct batch *good_batch(struct clock *clock, enum event_type type)
{
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(events, good_event(clock, type));
    return batch_new(events, NULL, NULL);
}

/* The last question waits for the answers to all before it. */
static bool write_and_take_back(struct store *store, const struct event_list *list, GError **error)
{
    int64_t one;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, list->events[0]->org_id, error);
    return transaction && insert_list(transaction, list, error) &&
           store_get_integer(transaction, "SELECT 1", STORE_NO_VALUES, 0, &one, error);
}

bool store_events_try(struct store *store, enum event_type type, GError **error)
{
    GError *failure = NULL;
    struct batch *batch = good_batch(store->clock, type);
    struct event_list list = {.incidents = g_ptr_array_new_with_free_func(incident_free)};
    bool is_good = event_list_fill(store, &list, &batch, 1, &failure) && write_and_take_back(store, &list, &failure);
    event_list_clear(&list);
    batch_free(batch);
    if (is_good) {
        store_note_try(store, type, NULL);
        return true;
    }
    if (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_INVALID)) {
        failure->code = VEDETTE_ERROR_UNSUPPORTED; /* it is the store that is wrong, and /health is to tell of it */
        g_prefix_error(&failure,
                       "the store refuses records that are good (%s): ", record_enum_name(event_type_names, type));
        store_note_try(store, type, failure);
    }
    g_propagate_error(error, failure);
    return false;
}
