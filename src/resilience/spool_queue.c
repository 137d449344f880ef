/* The records in memory. Each waits in the lane of its tenant and priority; the lanes of a priority take turns. Those
 * that are deferred have lanes of their own, which take none.
 */
#include "resilience/spool_internal.h"

#include <string.h>

/* ---- tenants ---- */

static struct spool_tenant *tenant_new(const char *name)
{
    struct spool_tenant *tenant = g_new0(struct spool_tenant, 1);
    tenant->name = g_strdup(name);
    for (int i = 0; i < SPOOL_LINES * VEDETTE_SPOOL_PRIORITIES; i++) {
        enum spool_line line = (enum spool_line)(i / VEDETTE_SPOOL_PRIORITIES);
        struct spool_lane *lane = &tenant->lanes[line][i % VEDETTE_SPOOL_PRIORITIES];
        *lane = (struct spool_lane){.tenant = tenant, .line = line, .priority = i % VEDETTE_SPOOL_PRIORITIES};
        lane->node.data = lane;
    }
    return tenant;
}

static void tenant_free(gpointer data)
{
    struct spool_tenant *tenant = data;
    g_free(tenant->name);
    g_free(tenant);
}

void spool_queue_init(struct spool_queue *queue)
{
    *queue = (struct spool_queue){.next_expiry_us = INT64_MAX};
    queue->tenants = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, tenant_free);
    queue->forgotten = tenant_new("");
}

/* A tenant that holds nothing makes room; its counts are kept together with those of others like it. */
static bool forget_idle_tenant(struct spool_queue *queue)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, queue->tenants);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        struct spool_tenant *tenant = value;
        if (tenant->records)
            continue;
        queue->forgotten->enqueued += tenant->enqueued;
        queue->forgotten->acknowledged += tenant->acknowledged;
        for (int i = 0; i < VEDETTE_SPOOL_LOSSES; i++)
            queue->forgotten->losses[i] += tenant->losses[i];
        queue->tenants_forgotten++;
        g_hash_table_iter_remove(&iterator);
        return true;
    }
    return false;
}

struct spool_tenant *spool_queue_tenant(struct spool_queue *queue, const char *name, int max_tenants, bool is_forced)
{
    struct spool_tenant *tenant = g_hash_table_lookup(queue->tenants, name);
    if (tenant)
        return tenant;
    if (g_hash_table_size(queue->tenants) >= (guint)max_tenants && !forget_idle_tenant(queue) && !is_forced)
        return NULL;
    tenant = tenant_new(name);
    g_hash_table_insert(queue->tenants, tenant->name, tenant);
    return tenant;
}

void spool_queue_count_loss(struct spool_queue *queue, struct spool_tenant *tenant, enum vedette_spool_loss loss,
                            int64_t records)
{
    queue->losses[loss] += records;
    (tenant ? tenant : queue->forgotten)->losses[loss] += records;
}

/* ---- entries ---- */

struct spool_entry *spool_entry_new(struct spool_queue *queue, struct spool_tenant *tenant, int priority, void *payload,
                                    uint32_t length)
{
    struct spool_entry *entry = g_new0(struct spool_entry, 1);
    entry->lane = &tenant->lanes[SPOOL_IN_TURN][priority];
    entry->order = ++queue->next_order;
    entry->expires_us = INT64_MAX;
    entry->length = length;
    queue->records++;
    queue->bytes += length;
    tenant->records++;
    tenant->bytes += length;
    if (payload)
        spool_entry_set_payload(queue, entry, payload);
    return entry;
}

void spool_entry_set_payload(struct spool_queue *queue, struct spool_entry *entry, void *payload)
{
    entry->payload = payload;
    queue->memory_records++;
    queue->memory_bytes += entry->length;
    entry->lane->tenant->memory_records++;
}

/* As far as the counts go. */
static void uncount_payload(struct spool_queue *queue, const struct spool_entry *entry)
{
    if (!entry->payload)
        return;
    queue->memory_records--;
    queue->memory_bytes -= entry->length;
    entry->lane->tenant->memory_records--;
}

void *spool_entry_steal_payload(struct spool_queue *queue, struct spool_entry *entry)
{
    uncount_payload(queue, entry);
    return g_steal_pointer(&entry->payload);
}

void spool_entry_drop_payload(struct spool_queue *queue, struct spool_entry *entry)
{
    g_free(spool_entry_steal_payload(queue, entry));
}

void spool_entry_finish(struct spool_queue *queue, struct spool_entry *entry)
{
    struct spool_tenant *tenant = entry->lane->tenant;
    queue->records--;
    queue->bytes -= entry->length;
    tenant->records--;
    tenant->bytes -= entry->length;
    uncount_payload(queue, entry);
    entry->is_finished = true;
    entry->lane = NULL; /* the tenant may be forgotten from now on */
    if (!entry->is_written)
        g_clear_pointer(&entry->payload, g_free);
    if (!entry->is_spilling)
        g_free(entry);
}

/* ---- lanes ---- */

/* `entry` comes behind `before`; NULL: first. */
static void link_behind(struct spool_queue *queue, struct spool_entry *entry, struct spool_entry *before)
{
    struct spool_lane *lane = entry->lane;
    struct spool_list *list = &lane->entries;
    bool was_empty = !list->head;
    entry->previous = before;
    entry->next = before ? before->next : list->head;
    *(entry->previous ? &entry->previous->next : &list->head) = entry;
    *(entry->next ? &entry->next->previous : &list->tail) = entry;
    if (was_empty)
        g_queue_push_tail_link(&queue->lanes[lane->line][lane->priority], &lane->node);
    queue->waiting[lane->line]++;
    queue->next_expiry_us = MIN(queue->next_expiry_us, entry->expires_us);
}

void spool_queue_append(struct spool_queue *queue, struct spool_entry *entry)
{
    link_behind(queue, entry, entry->lane->entries.tail);
}

void spool_queue_insert(struct spool_queue *queue, struct spool_entry *entry, struct spool_entry *hint)
{
    struct spool_entry *before = hint ? hint : entry->lane->entries.tail;
    while (before && before->order > entry->order)
        before = before->previous;
    while (before && before->next && before->next->order < entry->order)
        before = before->next;
    link_behind(queue, entry, before);
}

void spool_queue_take(struct spool_queue *queue, struct spool_entry *entry)
{
    struct spool_lane *lane = entry->lane;
    *(entry->previous ? &entry->previous->next : &lane->entries.head) = entry->next;
    *(entry->next ? &entry->next->previous : &lane->entries.tail) = entry->previous;
    entry->previous = entry->next = NULL;
    if (!lane->entries.head)
        g_queue_unlink(&queue->lanes[lane->line][lane->priority], &lane->node);
    queue->waiting[lane->line]--;
}

static struct spool_lane *lane_beside(const struct spool_lane *lane, enum spool_line line)
{
    return &lane->tenant->lanes[line][lane->priority];
}

void spool_queue_defer(struct spool_queue *queue, struct spool_entry *entry)
{
    entry->lane = lane_beside(entry->lane, SPOOL_DEFERRED);
    spool_queue_insert(queue, entry, NULL);
}

static void recall_lane(struct spool_queue *queue, struct spool_lane *lane)
{
    struct spool_lane *in_turn = lane_beside(lane, SPOOL_IN_TURN);
    struct spool_entry *last = in_turn->entries.head; /* from the front: they were there */
    for (struct spool_entry *entry; (entry = lane->entries.head); last = entry) {
        spool_queue_take(queue, entry);
        entry->lane = in_turn;
        spool_queue_insert(queue, entry, last);
    }
}

void spool_queue_recall(struct spool_queue *queue)
{
    for (int i = 0; i < VEDETTE_SPOOL_PRIORITIES; i++)
        for (const GQueue *lanes = &queue->lanes[SPOOL_DEFERRED][i]; lanes->head;)
            recall_lane(queue, lanes->head->data);
}

void spool_queue_rest(struct spool_queue *queue, struct spool_entry *entry, int64_t until_us)
{
    entry->rests_until_us = until_us;
    g_queue_push_tail(&queue->resting, entry);
}

int64_t spool_queue_wake(struct spool_queue *queue, int64_t now_us)
{
    for (;;) {
        struct spool_entry *entry = g_queue_peek_head(&queue->resting);
        if (!entry || entry->rests_until_us > now_us)
            return entry ? entry->rests_until_us : INT64_MAX;
        g_queue_pop_head(&queue->resting);
        spool_queue_insert(queue, entry, entry->lane->entries.head); /* from the front: it was there */
    }
}

void spool_queue_set_aside(struct spool_queue *queue, struct spool_entry *entry)
{
    struct spool_tenant *tenant = entry->lane->tenant;
    spool_queue_take(queue, entry);
    queue->records--;
    queue->bytes -= entry->length;
    tenant->records--;
    tenant->bytes -= entry->length;
}

void spool_queue_put_back(struct spool_queue *queue, struct spool_entry *entry)
{
    struct spool_tenant *tenant = entry->lane->tenant;
    link_behind(queue, entry, NULL);
    queue->records++;
    queue->bytes += entry->length;
    tenant->records++;
    tenant->bytes += entry->length;
}

/* ---- choosing ---- */

/* The earliest of the lanes of one priority. */
static struct spool_entry *earliest(const GQueue *lanes, const struct spool_tenant *tenant)
{
    struct spool_entry *best = NULL;
    for (const GList *node = lanes->head; node; node = node->next) {
        const struct spool_lane *lane = node->data;
        struct spool_entry *head = lane->entries.head;
        if ((!tenant || lane->tenant == tenant) && (!best || head->order < best->order))
            best = head;
    }
    return best;
}

/* Of two that may be NULL. */
static struct spool_entry *earlier(struct spool_entry *left, struct spool_entry *right)
{
    return !left || (right && right->order < left->order) ? right : left;
}

static struct spool_entry *oldest_of(const struct spool_queue *queue, enum spool_line line)
{
    struct spool_entry *best = NULL;
    for (int i = 0; i < VEDETTE_SPOOL_PRIORITIES; i++)
        best = earlier(best, earliest(&queue->lanes[line][i], NULL));
    return best;
}

struct spool_entry *spool_queue_oldest(const struct spool_queue *queue)
{
    return earlier(oldest_of(queue, SPOOL_IN_TURN), oldest_of(queue, SPOOL_DEFERRED));
}

struct spool_entry *spool_queue_least(const struct spool_queue *queue, const struct spool_tenant *tenant)
{
    for (int i = 0; i < VEDETTE_SPOOL_PRIORITIES; i++) {
        struct spool_entry *next = earlier(earliest(&queue->lanes[SPOOL_IN_TURN][i], tenant),
                                           earliest(&queue->lanes[SPOOL_DEFERRED][i], tenant));
        if (next)
            return next;
    }
    return NULL;
}

struct spool_entry *spool_queue_next(struct spool_queue *queue, int oldest_every)
{
    if (!queue->waiting[SPOOL_IN_TURN])
        return NULL;
    if (oldest_every && ++queue->given % oldest_every == 0)
        return oldest_of(queue, SPOOL_IN_TURN);
    for (int i = VEDETTE_SPOOL_PRIORITIES - 1; i >= 0; i--) {
        GQueue *lanes = &queue->lanes[SPOOL_IN_TURN][i];
        if (!lanes->length)
            continue;
        GList *turn = g_queue_pop_head_link(lanes);
        g_queue_push_tail_link(lanes, turn);
        return ((struct spool_lane *)turn->data)->entries.head;
    }
    return NULL;
}

/* Of the lanes of one priority; notes when the next of the others will be. */
static void find_expired(struct spool_queue *queue, const GQueue *lanes, int64_t now_us, GPtrArray *expired)
{
    for (const GList *node = lanes->head; node; node = node->next)
        for (struct spool_entry *entry = ((struct spool_lane *)node->data)->entries.head; entry; entry = entry->next) {
            if (entry->expires_us <= now_us)
                g_ptr_array_add(expired, entry);
            else
                queue->next_expiry_us = MIN(queue->next_expiry_us, entry->expires_us);
        }
}

void spool_queue_sweep(struct spool_queue *queue, int64_t now_us, void (*expire)(void *data, struct spool_entry *entry),
                       void *data)
{
    if (now_us < queue->next_expiry_us)
        return;
    g_autoptr(GPtrArray) expired = g_ptr_array_new();
    queue->next_expiry_us = INT64_MAX;
    for (int i = 0; i < VEDETTE_SPOOL_PRIORITIES; i++) {
        find_expired(queue, &queue->lanes[SPOOL_IN_TURN][i], now_us, expired);
        find_expired(queue, &queue->lanes[SPOOL_DEFERRED][i], now_us, expired);
    }
    for (guint i = 0; i < expired->len; i++)
        expire(data, g_ptr_array_index(expired, i));
}

void spool_queue_clear(struct spool_queue *queue)
{
    spool_queue_wake(queue, INT64_MAX);
    spool_queue_recall(queue);
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, queue->tenants);
    while (g_hash_table_iter_next(&iterator, NULL, &value))
        for (int i = 0; i < VEDETTE_SPOOL_PRIORITIES; i++)
            for (struct spool_entry *entry = ((struct spool_tenant *)value)->lanes[SPOOL_IN_TURN][i].entries.head,
                                    *next;
                 entry; entry = next) {
                next = entry->next;
                g_free(entry->payload);
                g_free(entry);
            }
    g_hash_table_unref(queue->tenants);
    tenant_free(queue->forgotten);
}
