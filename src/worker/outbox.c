#include "worker/outbox.h"

#include "base/counter.h"

#include <pthread.h>
#include <string.h>

struct batch {
    uint64_t sequence;
    GByteArray *body; /* sequence, then NDJSON: as LINK_EVENTS wants it */
    int records, priority;
    struct camera_health *health;
    bool is_sent;
};

struct outbox {
    struct link *link; /* borrowed */
    int max_records;
    pthread_mutex_t lock; /* guards the rest */
    GQueue batches;       /* of struct batch *, oldest first */
    int records;
    uint64_t next_sequence;
};

static void batch_free(gpointer data)
{
    struct batch *batch = data;
    g_byte_array_unref(batch->body);
    g_free(batch);
}

struct outbox *outbox_new(struct link *link, int max_records)
{
    struct outbox *outbox = g_new0(struct outbox, 1);
    outbox->link = link;
    outbox->max_records = max_records;
    outbox->next_sequence = 1;
    pthread_mutex_init(&outbox->lock, NULL);
    g_queue_init(&outbox->batches);
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    g_queue_clear_full(&outbox->batches, batch_free);
    pthread_mutex_destroy(&outbox->lock);
    g_free(outbox);
}

static void drop(struct outbox *outbox, GList *node)
{
    struct batch *batch = node->data;
    outbox->records -= batch->records;
    g_queue_delete_link(&outbox->batches, node);
    batch_free(batch);
}

/* Makes room: the lowest priority, and of those the oldest. */
static void shed(struct outbox *outbox)
{
    while (outbox->records > outbox->max_records) {
        GList *worst = outbox->batches.head;
        for (GList *node = worst; node; node = node->next)
            if (((struct batch *)node->data)->priority < ((struct batch *)worst->data)->priority)
                worst = node;
        struct batch *batch = worst->data;
        counter_add(&batch->health->records_dropped, batch->records);
        drop(outbox, worst);
    }
}

/* With the lock held. */
static void send_batch(struct outbox *outbox, struct batch *batch)
{
    batch->is_sent = link_send(outbox->link, LINK_EVENTS, batch->body->data, batch->body->len, NULL);
    if (batch->is_sent)
        counter_add(&batch->health->records_sent, batch->records);
}

void outbox_add(struct outbox *outbox, const char *ndjson, size_t length, int records, int priority,
                struct camera_health *health)
{
    struct batch *batch = g_new0(struct batch, 1);
    *batch =
        (struct batch){0, g_byte_array_sized_new((guint)(sizeof(uint64_t) + length)), records, priority, health, false};
    pthread_mutex_lock(&outbox->lock);
    batch->sequence = outbox->next_sequence++;
    uint64_t sequence = GUINT64_TO_LE(batch->sequence);
    g_byte_array_append(batch->body, (const guint8 *)&sequence, sizeof sequence);
    g_byte_array_append(batch->body, (const guint8 *)ndjson, (guint)length);
    g_queue_push_tail(&outbox->batches, batch);
    outbox->records += records;
    send_batch(outbox, batch);
    shed(outbox);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_acknowledge(struct outbox *outbox, uint64_t sequence)
{
    pthread_mutex_lock(&outbox->lock);
    for (GList *node = outbox->batches.head; node; node = node->next)
        if (((struct batch *)node->data)->sequence == sequence) {
            drop(outbox, node);
            break;
        }
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_send_waiting(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    for (GList *node = outbox->batches.head; node; node = node->next) {
        struct batch *batch = node->data;
        if (batch->is_sent)
            continue;
        send_batch(outbox, batch);
        if (!batch->is_sent)
            break; /* full still: order is kept */
    }
    pthread_mutex_unlock(&outbox->lock);
}

bool outbox_is_empty(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    bool is_empty = g_queue_is_empty(&outbox->batches);
    pthread_mutex_unlock(&outbox->lock);
    return is_empty;
}
