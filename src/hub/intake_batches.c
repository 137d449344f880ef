/* Batches in hand: what workers sent and the spool does not have yet. Each is offered to it, in the order in which its
 * worker sent them, until it is taken, and acknowledged then.
 */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/counter.h"
#include "base/log.h"

enum {
    /* Of one worker; beyond, nothing is read from it. One process of it sends a window of that and keeps the rest; what
     * is in hand beyond that is of earlier ones, of which no more waits than leaves the next one room for its window.
     */
    BYTES_IN_HAND_MAX = 4 * LINK_EVENTS_WINDOW_BYTES,
    EARLIER_BYTES_MAX = 2 * LINK_EVENTS_WINDOW_BYTES,
    COMPLAINT_US = 10 * 1000000,
};

struct intake_batch {
    struct hub_worker *worker;
    uint64_t generation, sequence;
    size_t bytes; /* as link_weigh_events has it */
    GPtrArray *events;
    int priority; /* of its most urgent record */
    bool is_over; /* they are in the spool, or never will be */
};

/* Main loop, as all but on_spooled. */
static void batch_free(struct intake_batch *batch)
{
    batch->worker->bytes_in_hand -= batch->bytes;
    g_clear_pointer(&batch->events, g_ptr_array_unref);
    g_free(batch);
}

bool intake_is_full(const struct hub_worker *worker)
{
    return worker->bytes_in_hand >= BYTES_IN_HAND_MAX;
}

/* ---- the spool's answers ---- */

static gint compare_batches(gconstpointer left, gconstpointer right, gpointer data)
{
    (void)data;
    const struct intake_batch *a = left, *b = right;
    if (a->generation != b->generation)
        return a->generation < b->generation ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

/* The batch is in the spool, so its worker may forget it; or it waits for the next turn of the timer. */
static void finish(struct intake_batch *batch)
{
    struct hub_worker *worker = batch->worker;
    if (!batch->is_over) {
        g_queue_insert_sorted(&worker->waiting, batch, compare_batches, NULL);
        return;
    }
    uint64_t sequence = GUINT64_TO_LE(batch->sequence);
    if (worker->link && worker->generation == batch->generation &&
        !link_send(worker->link, LINK_ACKNOWLEDGE, &sequence, sizeof sequence, NULL))
        log_debug(worker->id, "acknowledgement not sent: the worker is gone or does not read");
    batch_free(batch);
}

/* On the main loop: everything the spool has answered so far. */
static gboolean on_answers(gpointer data)
{
    struct hub *hub = data;
    pthread_mutex_lock(&hub->answered_lock);
    GQueue answered = hub->answered;
    g_queue_init(&hub->answered);
    pthread_mutex_unlock(&hub->answered_lock);
    while (!g_queue_is_empty(&answered))
        finish(g_queue_pop_head(&answered));
    return G_SOURCE_REMOVE;
}

static void complain_of_spool(const struct hub_worker *worker, guint records, const struct vedette_spool_error *error)
{
    static struct log_limit complaint;
    gint64 held_back;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(worker->id, "%u records are %s: %s (%lld more batches)", records,
                  error->kind == VEDETTE_SPOOL_INVALID ? "refused by the spool" : "not spooled and tried again",
                  error->text, (long long)held_back);
}

/* True when the batch is over: its records never will be taken. */
static bool note_failure(struct intake_batch *batch, const struct vedette_spool_error *error)
{
    complain_of_spool(batch->worker, batch->events->len, error);
    if (error->kind != VEDETTE_SPOOL_INVALID)
        return false;
    counter_add(&batch->worker->hub->health.records_rejected, batch->events->len);
    return true;
}

/* On the spool's thread, or the main loop's. */
static void on_spooled(void *data, const struct vedette_spool_error *error)
{
    struct intake_batch *batch = data;
    struct hub *hub = batch->worker->hub;
    batch->is_over = !error || note_failure(batch, error);
    pthread_mutex_lock(&hub->answered_lock);
    if (g_queue_is_empty(&hub->answered))
        g_idle_add_full(G_PRIORITY_DEFAULT, on_answers, hub, NULL);
    g_queue_push_tail(&hub->answered, batch);
    pthread_mutex_unlock(&hub->answered_lock);
}

/* ---- offering ---- */

/* True when the spool took it, or never will. */
static bool submit(struct hub_worker *worker, struct intake_batch *batch)
{
    struct vedette_spool_error error;
    if (batch->events->len == 0) {
        on_spooled(batch, NULL);
        return true;
    }
    if (record_path_offer(worker->hub->records, batch->events, on_spooled, batch, &error))
        return true;
    if (error.kind != VEDETTE_SPOOL_INVALID) {
        complain_of_spool(worker, batch->events->len, &error);
        return false;
    }
    on_spooled(batch, &error);
    return true;
}

static int most_urgent(const GPtrArray *events)
{
    int priority = 0;
    for (guint i = 0; i < events->len; i++)
        priority = MAX(priority, ((const struct analytics_event *)g_ptr_array_index(events, i))->priority);
    return priority;
}

void intake_put_batch(struct hub_worker *worker, uint64_t sequence, size_t bytes, GPtrArray *events)
{
    struct intake_batch *batch = g_new(struct intake_batch, 1);
    *batch = (struct intake_batch){worker, worker->generation,  sequence, link_weigh_events(bytes),
                                   events, most_urgent(events), false};
    worker->bytes_in_hand += batch->bytes;
    /* Order is kept: nothing overtakes what waits. */
    if (!g_queue_is_empty(&worker->waiting) || !submit(worker, batch))
        g_queue_push_tail(&worker->waiting, batch);
}

static void offer_waiting(struct hub_worker *worker)
{
    while (!g_queue_is_empty(&worker->waiting)) {
        struct intake_batch *batch = g_queue_peek_head(&worker->waiting);
        if (!submit(worker, batch))
            return;
        g_queue_pop_head(&worker->waiting);
    }
}

/* ---- what processes that ended left ---- */

static bool is_earlier(const struct intake_batch *batch)
{
    return batch->generation < batch->worker->generation;
}

static size_t count_earlier_bytes(const struct hub_worker *worker)
{
    size_t bytes = 0;
    for (const GList *node = worker->waiting.head; node; node = node->next)
        if (is_earlier(node->data))
            bytes += ((const struct intake_batch *)node->data)->bytes;
    return bytes;
}

static void complain_of_shedding(const struct hub_worker *worker, guint records)
{
    static struct log_limit complaint;
    gint64 held_back;
    counter_add(&worker->hub->health.records_dropped, records);
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(worker->id,
                  "%u records of processes of it that ended are lost: the spool does not take them, and the one that "
                  "runs needs the room (%lld more times)",
                  records, (long long)held_back);
}

/* What is of this priority and beyond the bound, the oldest first. Returns what is left; adds to *records. */
static size_t shed_of(struct hub_worker *worker, int priority, size_t bytes, guint *records)
{
    for (GList *node = worker->waiting.head, *next; node && bytes > EARLIER_BYTES_MAX; node = next) {
        struct intake_batch *batch = node->data;
        next = node->next;
        if (!is_earlier(batch) || batch->priority != priority)
            continue;
        bytes -= batch->bytes;
        *records += batch->events->len;
        g_queue_delete_link(&worker->waiting, node);
        batch_free(batch);
    }
    return bytes;
}

/* While the spool takes nothing, each process that ends leaves some: the least urgent of it goes, so that the one that
 * runs is heard. */
static void shed_earlier(struct hub_worker *worker)
{
    size_t bytes = worker->bytes_in_hand > EARLIER_BYTES_MAX ? count_earlier_bytes(worker) : 0;
    guint records = 0;
    if (bytes <= EARLIER_BYTES_MAX)
        return;
    for (int priority = 0; priority < VEDETTE_SPOOL_PRIORITIES; priority++)
        bytes = shed_of(worker, priority, bytes, &records);
    complain_of_shedding(worker, records);
}

void intake_retry(struct hub_worker *worker)
{
    shed_earlier(worker); /* first: what is offered may be on its way until the next turn, and come back */
    offer_waiting(worker);
}

void intake_clear(struct hub_worker *worker)
{
    g_queue_clear_full(&worker->waiting, (GDestroyNotify)batch_free);
}
