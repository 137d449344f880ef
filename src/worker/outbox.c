#include "worker/outbox.h"

#include "base/counter.h"

#include <pthread.h>
#include <string.h>

struct batch {
    uint64_t sequence;
    void *body;   /* sequence, then NDJSON: as LINK_EVENTS wants it; NULL once the link has it */
    size_t bytes; /* of the body */
    int records, priority;
    struct camera_health *health;
};

struct outbox {
    struct link *link; /* borrowed */
    int max_records;
    int64_t max_bytes;
    pthread_mutex_t lock; /* guards the rest */
    GQueue waiting;       /* of struct batch *, oldest first */
    GQueue sent;          /* the same, without bodies */
    int waiting_records;
    int64_t waiting_bytes;
    size_t sent_bytes; /* of those that were sent, as link_weigh_events has it */
    uint64_t next_sequence;
};

static void batch_free(gpointer data)
{
    struct batch *batch = data;
    g_free(batch->body);
    g_free(batch);
}

struct outbox *outbox_new(struct link *link, int max_records, int64_t max_bytes)
{
    struct outbox *outbox = g_new0(struct outbox, 1);
    outbox->link = link;
    outbox->max_records = max_records;
    outbox->max_bytes = max_bytes;
    outbox->next_sequence = 1;
    pthread_mutex_init(&outbox->lock, NULL);
    g_queue_init(&outbox->waiting);
    g_queue_init(&outbox->sent);
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    g_queue_clear_full(&outbox->waiting, batch_free);
    g_queue_clear_full(&outbox->sent, batch_free);
    pthread_mutex_destroy(&outbox->lock);
    g_free(outbox);
}

static bool has_window(const struct outbox *outbox, const struct batch *batch)
{
    return outbox->sent_bytes == 0 || outbox->sent_bytes + link_weigh_events(batch->bytes) <= LINK_EVENTS_WINDOW_BYTES;
}

/* With the lock held. */
static void uncount_waiting(struct outbox *outbox, const struct batch *batch)
{
    outbox->waiting_records -= batch->records;
    outbox->waiting_bytes -= (int64_t)batch->bytes;
}

/* With the lock held. Sequences grow along the queue, so a batch overtakes no other. */
static void send_waiting(struct outbox *outbox)
{
    while (!g_queue_is_empty(&outbox->waiting)) {
        struct batch *batch = g_queue_peek_head(&outbox->waiting);
        if (!has_window(outbox, batch) || !link_send(outbox->link, LINK_EVENTS, batch->body, batch->bytes, NULL))
            return;
        counter_add(&batch->health->records_sent, batch->records);
        uncount_waiting(outbox, batch);
        outbox->sent_bytes += link_weigh_events(batch->bytes);
        g_clear_pointer(&batch->body, g_free);
        g_queue_push_tail(&outbox->sent, g_queue_pop_head(&outbox->waiting));
    }
}

/* With the lock held. Makes room: the lowest priority, and of those the oldest. */
static void shed(struct outbox *outbox)
{
    while (outbox->waiting_records > outbox->max_records || outbox->waiting_bytes > outbox->max_bytes) {
        GList *worst = outbox->waiting.head;
        for (GList *node = worst->next; node; node = node->next)
            if (((struct batch *)node->data)->priority < ((struct batch *)worst->data)->priority)
                worst = node;
        struct batch *batch = worst->data;
        counter_add(&batch->health->records_dropped, batch->records);
        uncount_waiting(outbox, batch);
        g_queue_delete_link(&outbox->waiting, worst);
        batch_free(batch);
    }
}

void outbox_add(struct outbox *outbox, const char *ndjson, size_t length, int records, int priority,
                struct camera_health *health)
{
    struct batch *batch = g_new0(struct batch, 1);
    *batch = (struct batch){.body = g_malloc(sizeof(uint64_t) + length),
                            .bytes = sizeof(uint64_t) + length,
                            .records = records,
                            .priority = priority,
                            .health = health};
    counter_add(&health->records_made, records);
    pthread_mutex_lock(&outbox->lock);
    batch->sequence = outbox->next_sequence++;
    uint64_t sequence = GUINT64_TO_LE(batch->sequence);
    memcpy(batch->body, &sequence, sizeof sequence);
    memcpy((char *)batch->body + sizeof sequence, ndjson, length);
    g_queue_push_tail(&outbox->waiting, batch);
    outbox->waiting_records += records;
    outbox->waiting_bytes += (int64_t)batch->bytes;
    send_waiting(outbox);
    shed(outbox);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_acknowledge(struct outbox *outbox, uint64_t sequence)
{
    pthread_mutex_lock(&outbox->lock);
    for (GList *node = outbox->sent.head; node; node = node->next)
        if (((struct batch *)node->data)->sequence == sequence) {
            struct batch *batch = node->data;
            counter_add(&batch->health->records_acknowledged, batch->records);
            outbox->sent_bytes -= link_weigh_events(batch->bytes);
            batch_free(batch);
            g_queue_delete_link(&outbox->sent, node);
            break;
        }
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_send_waiting(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    send_waiting(outbox);
    pthread_mutex_unlock(&outbox->lock);
}

bool outbox_has(struct outbox *outbox, const struct camera_health *health)
{
    bool is_there = false;
    pthread_mutex_lock(&outbox->lock);
    GQueue *const queues[] = {&outbox->waiting, &outbox->sent};
    for (size_t i = 0; i < G_N_ELEMENTS(queues); i++)
        for (const GList *node = queues[i]->head; node && !is_there; node = node->next)
            is_there = ((const struct batch *)node->data)->health == health;
    pthread_mutex_unlock(&outbox->lock);
    return is_there;
}

int outbox_count_records(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    int records = outbox->waiting_records;
    for (const GList *node = outbox->sent.head; node; node = node->next)
        records += ((const struct batch *)node->data)->records;
    pthread_mutex_unlock(&outbox->lock);
    return records;
}
