/* Putting in: checks what is asked, keeps the bounds, and leaves the disk to the writer. */
#include "resilience/spool_internal.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/wait.h"

enum { DISK_RETRY_US = 100000 }; /* between tries of a call that may wait for room on the disk */

enum { FEW_RECORDS = 16 }; /* for which a call that waits asks for no memory */

static void ticket_init(struct spool_ticket *ticket, size_t count, int64_t bytes, struct spool_entry **few)
{
    *ticket = (struct spool_ticket){.count = count, .bytes = bytes, .few = few};
    ticket->entries = few && count <= FEW_RECORDS ? few : g_new(struct spool_entry *, 2 * count);
    ticket->spent = (void **)(ticket->entries + count);
    sem_init(&ticket->over, 0, 0);
}

struct spool_ticket *spool_ticket_new(struct spool_entry **entries, size_t count, int64_t bytes)
{
    struct spool_ticket *ticket = g_new(struct spool_ticket, 1);
    ticket_init(ticket, count, bytes, NULL);
    memcpy(ticket->entries, entries, count * sizeof(struct spool_entry *));
    return ticket;
}

void spool_ticket_free_spent(struct spool_ticket *ticket)
{
    while (ticket->spent_count)
        g_free(ticket->spent[--ticket->spent_count]);
}

void spool_ticket_clear(struct spool_ticket *ticket)
{
    sem_destroy(&ticket->over);
    g_clear_error(&ticket->failure);
    spool_ticket_free_spent(ticket);
    if (ticket->entries != ticket->few)
        g_free(ticket->entries);
    g_free(ticket->heads);
}

void spool_ticket_free(struct spool_ticket *ticket)
{
    spool_ticket_clear(ticket);
    g_free(ticket);
}

/* What is asked for, added up. */
struct demand {
    const struct vedette_spool_record *records;
    size_t count;
    int64_t bytes;
    const char *tenant; /* of all, or NULL when they differ */
    int32_t least_priority;
};

static bool check_record(const struct vedette_spool_record *record, struct vedette_spool_error *error)
{
    size_t tenant_length = record->tenant ? strnlen(record->tenant, VEDETTE_SPOOL_TENANT_MAX_BYTES + 1) : 0;
    if (tenant_length == 0 || tenant_length > VEDETTE_SPOOL_TENANT_MAX_BYTES)
        return spool_tell(error, VEDETTE_SPOOL_INVALID, "spool: a tenant's name has 1 to %d bytes",
                          VEDETTE_SPOOL_TENANT_MAX_BYTES);
    if (record->priority < 0 || record->priority >= VEDETTE_SPOOL_PRIORITIES)
        return spool_tell(error, VEDETTE_SPOOL_INVALID, "spool: priority %d: must be between 0 and %d",
                          record->priority, VEDETTE_SPOOL_PRIORITIES - 1);
    if (!record->payload || !record->length)
        return spool_tell(error, VEDETTE_SPOOL_INVALID, "spool: a record without a payload");
    return true;
}

/* Of each record of a demand, with its tenant, whose counts are made for it when the table has room. Under lock. */
static void count_rejected(struct vedette_spool *spool, const struct demand *demand, enum vedette_spool_loss loss)
{
    for (size_t i = 0; i < demand->count; i++)
        spool_queue_count_loss(
            &spool->queue,
            spool_queue_tenant(&spool->queue, demand->records[i].tenant, spool->config.max_tenants, false), loss, 1);
}

/* Its caller gives it up: that is where a loss is counted, once, however often it was tried. */
static void lose_demand(struct vedette_spool *spool, const struct demand *demand, enum vedette_spool_loss loss)
{
    pthread_mutex_lock(&spool->lock);
    count_rejected(spool, demand, loss);
    pthread_mutex_unlock(&spool->lock);
}

/* Whether it would fit into an empty spool. */
static bool check_size(struct vedette_spool *spool, const struct demand *demand, struct vedette_spool_error *error)
{
    const struct vedette_spool_config *config = &spool->config;
    for (size_t i = 0; i < demand->count; i++)
        if (demand->records[i].length > (size_t)config->max_record_bytes)
            return spool_tell(error, VEDETTE_SPOOL_INVALID,
                              "spool: a record of %zu bytes: at most %" G_GINT64_FORMAT " are taken (max_record_bytes)",
                              demand->records[i].length, config->max_record_bytes);
    if (config->max_disk_bytes && demand->bytes > config->max_disk_bytes)
        return spool_tell(error, VEDETTE_SPOOL_INVALID,
                          "spool: records of %" G_GINT64_FORMAT " bytes at once: at most %" G_GINT64_FORMAT
                          " are taken (max_disk_bytes)",
                          demand->bytes, config->max_disk_bytes);
    if ((int64_t)demand->count <= config->max_queue_size && demand->bytes <= config->max_queue_bytes)
        return true;
    return spool_tell(error, VEDETTE_SPOOL_INVALID,
                      "spool: %zu records of %" G_GINT64_FORMAT " bytes at once: 1 to %" G_GINT64_FORMAT
                      " records and %" G_GINT64_FORMAT " bytes are taken (max_queue_size, max_queue_bytes)",
                      demand->count, demand->bytes, config->max_queue_size, config->max_queue_bytes);
}

static bool add_up(struct vedette_spool *spool, const struct vedette_spool_record *records, size_t count,
                   struct demand *demand, struct vedette_spool_error *error)
{
    *demand = (struct demand){records, count, 0, count ? records[0].tenant : NULL, VEDETTE_SPOOL_PRIORITIES};
    for (size_t i = 0; i < count; i++) {
        if (!check_record(&records[i], error))
            return false;
        demand->bytes += (int64_t)records[i].length;
        demand->least_priority = MIN(demand->least_priority, records[i].priority);
        if (demand->tenant && strcmp(demand->tenant, records[i].tenant) != 0)
            demand->tenant = NULL;
    }
    if (count == 0)
        return spool_tell(error, VEDETTE_SPOOL_INVALID, "spool: a call without a record");
    if (check_size(spool, demand, error))
        return true;
    lose_demand(spool, demand, VEDETTE_SPOOL_REJECTED_TOO_LARGE);
    return false;
}

/* How much of a demand is one tenant's. */
static void share_of(const struct demand *demand, const char *tenant, int64_t *records, int64_t *bytes)
{
    *records = *bytes = 0;
    for (size_t i = 0; i < demand->count; i++)
        if (strcmp(demand->records[i].tenant, tenant) == 0) {
            ++*records;
            *bytes += (int64_t)demand->records[i].length;
        }
}

/* What stands in the way of a demand. */
struct obstacle {
    enum vedette_spool_loss loss; /* VEDETTE_SPOOL_LOSSES: nothing does */
    struct spool_tenant *tenant;  /* whose share it is; NULL: nobody's */
    bool is_of_places;            /* max_tenants hold records already */
};

/* One of whose tenants the share is full, or NULL. Under lock. */
static struct spool_tenant *find_full_share(const struct vedette_spool *spool, const struct demand *demand)
{
    const struct vedette_spool_config *config = &spool->config;
    for (size_t i = 0; config->tenant_share < 1 && i < demand->count; i++) {
        struct spool_tenant *own = g_hash_table_lookup(spool->queue.tenants, demand->records[i].tenant);
        int64_t records, bytes;
        if (i && demand->tenant)
            break; /* all of one tenant: looked at */
        if (!own || !own->records)
            continue; /* a call that is larger than the share would never fit */
        share_of(demand, demand->records[i].tenant, &records, &bytes);
        if ((double)(own->records + records) > config->tenant_share * (double)config->max_queue_size ||
            (double)(own->bytes + bytes) > config->tenant_share * (double)config->max_queue_bytes)
            return own;
    }
    return NULL;
}

/* Whether all its tenants have places in the table at once; those that hold nothing, and get nothing, make room. Under
 * lock. */
static bool has_places(const struct vedette_spool *spool, const struct demand *demand)
{
    GHashTable *tenants = spool->queue.tenants;
    guint places = (guint)spool->config.max_tenants, fresh = 0, held = 0;
    if (demand->tenant && g_hash_table_contains(tenants, demand->tenant))
        return true;
    g_autoptr(GHashTable) own = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < demand->count; i++) {
        const char *name = demand->records[i].tenant;
        if (g_hash_table_add(own, (char *)(uintptr_t)name) && !g_hash_table_contains(tenants, name))
            fresh++;
    }
    if (!fresh || g_hash_table_size(tenants) + fresh <= places)
        return true;
    GHashTableIter iterator;
    gpointer name, tenant;
    g_hash_table_iter_init(&iterator, tenants);
    while (g_hash_table_iter_next(&iterator, &name, &tenant))
        if (((const struct spool_tenant *)tenant)->records || g_hash_table_contains(own, name))
            held++;
    return held + fresh <= places;
}

/* Places come last: what is set aside for the rest may leave one. Under lock. */
static struct obstacle find_obstacle(const struct vedette_spool *spool, const struct demand *demand)
{
    const struct vedette_spool_config *config = &spool->config;
    const struct spool_queue *queue = &spool->queue;
    struct spool_tenant *tenant = find_full_share(spool, demand);
    if (tenant)
        return (struct obstacle){VEDETTE_SPOOL_REJECTED_SHARE, tenant, false};
    if (queue->records + spool->unread_records + (int64_t)demand->count > config->max_queue_size ||
        queue->bytes + spool->unread_bytes + demand->bytes > config->max_queue_bytes)
        return (struct obstacle){VEDETTE_SPOOL_REJECTED_FULL, NULL, false};
    if (config->max_disk_bytes && spool->disk_bytes + demand->bytes > config->max_disk_bytes)
        return (struct obstacle){VEDETTE_SPOOL_REJECTED_DISK, NULL, false};
    if (!has_places(spool, demand))
        return (struct obstacle){VEDETTE_SPOOL_REJECTED_FULL, NULL, true};
    return (struct obstacle){VEDETTE_SPOOL_LOSSES, NULL, false};
}

/* The one to shed next for a demand, or NULL. The disk gets nothing back from what is shed until whole files are
 * drained, and no tenant's records go for another's place, so nothing is shed for their sake. Under lock. */
static struct spool_entry *find_less_urgent(const struct vedette_spool *spool, const struct demand *demand,
                                            const struct obstacle *obstacle)
{
    if (obstacle->loss == VEDETTE_SPOOL_REJECTED_DISK || obstacle->is_of_places)
        return NULL;
    struct spool_entry *least = spool_queue_least(&spool->queue, obstacle->tenant);
    return least && least->lane->priority <= demand->least_priority ? least : NULL;
}

/* Drops the least urgent for a demand when it then fits; else none, as all that can be shed would not be enough. Under
 * lock. */
static bool drop_for(struct vedette_spool *spool, const struct demand *demand)
{
    g_autoptr(GPtrArray) aside = g_ptr_array_new();
    struct obstacle obstacle;
    while ((obstacle = find_obstacle(spool, demand)).loss != VEDETTE_SPOOL_LOSSES) {
        struct spool_entry *least = find_less_urgent(spool, demand, &obstacle);
        if (!least)
            break;
        spool_queue_set_aside(&spool->queue, least);
        g_ptr_array_add(aside, least);
    }
    bool fits = obstacle.loss == VEDETTE_SPOOL_LOSSES;
    for (guint i = aside->len; i-- > 0;)
        spool_queue_put_back(&spool->queue, g_ptr_array_index(aside, i));
    for (guint i = 0; fits && i < aside->len; i++)
        spool_lose(spool, g_ptr_array_index(aside, i), VEDETTE_SPOOL_DROPPED);
    return fits;
}

static void tell_refused(const struct vedette_spool *spool, const struct obstacle *obstacle,
                         struct vedette_spool_error *error)
{
    const struct vedette_spool_config *config = &spool->config;
    if (obstacle->is_of_places)
        spool_tell(error, VEDETTE_SPOOL_FULL, "spool %s: %d tenants have records in it (max_tenants)",
                   spool->directory.path, config->max_tenants);
    else if (obstacle->loss == VEDETTE_SPOOL_REJECTED_DISK)
        spool_tell(error, VEDETTE_SPOOL_FULL,
                   "spool %s: its files take all they may (max_disk_bytes %" G_GINT64_FORMAT
                   "): it is drained too slowly",
                   spool->directory.path, config->max_disk_bytes);
    else
        spool_tell(error, VEDETTE_SPOOL_FULL,
                   obstacle->loss == VEDETTE_SPOOL_REJECTED_SHARE
                       ? "spool %s: its tenant holds its share of the queue already (tenant_share %g of "
                         "%" G_GINT64_FORMAT " records and %" G_GINT64_FORMAT " bytes): it is drained too slowly"
                       : "spool %s: the queue is full (tenant_share %g; max_queue_size %" G_GINT64_FORMAT
                         ", max_queue_bytes %" G_GINT64_FORMAT "): it is drained too slowly",
                   spool->directory.path, config->tenant_share, config->max_queue_size, config->max_queue_bytes);
}

/* Waits for room until `until_us` of the machine's clock (0: not at all). Returns why there is none, or
 * VEDETTE_SPOOL_LOSSES. Under lock. */
static enum vedette_spool_loss await_room(struct vedette_spool *spool, const struct demand *demand, int64_t until_us,
                                          struct vedette_spool_error *error)
{
    const struct timespec deadline = wait_deadline(until_us);
    for (;;) {
        struct obstacle obstacle = find_obstacle(spool, demand);
        if (obstacle.loss != VEDETTE_SPOOL_LOSSES) {
            spool_expire(spool);
            obstacle = find_obstacle(spool, demand);
        }
        if (spool->is_closing)
            obstacle = (struct obstacle){VEDETTE_SPOOL_REJECTED_FULL, NULL, false};
        else if (obstacle.loss == VEDETTE_SPOOL_LOSSES ||
                 (spool->config.when_full == VEDETTE_SPOOL_DROP_LOWEST && drop_for(spool, demand)))
            return VEDETTE_SPOOL_LOSSES;
        if (obstacle.loss == VEDETTE_SPOOL_REJECTED_DISK && !spool->is_closing)
            spool_retire_soon(spool);
        if (!spool->is_closing && spool_machine_us() < until_us &&
            pthread_cond_timedwait(&spool->room, &spool->lock, &deadline) != ETIMEDOUT)
            continue;
        tell_refused(spool, &obstacle, error);
        return obstacle.loss;
    }
}

static int64_t ttl_us_of(const struct vedette_spool *spool, const struct vedette_spool_record *record)
{
    if (record->ttl_us)
        return MAX(record->ttl_us, 0);
    return (int64_t)llround(spool->config.max_queue_seconds * US_PER_SECOND);
}

/* Copies and their check sums, made outside of the lock and not by the thread that writes. */
struct copy {
    void *payload;
    uint32_t crc;
};

static struct copy *copy_payloads(const struct demand *demand)
{
    struct copy *copies = g_new(struct copy, demand->count);
    for (size_t i = 0; i < demand->count; i++) {
        const struct vedette_spool_record *record = &demand->records[i];
        copies[i].payload = g_memdup2(record->payload, record->length);
        copies[i].crc = crc32c(0, copies[i].payload, record->length);
    }
    return copies;
}

static void free_copies(struct copy *copies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        g_free(copies[i].payload);
}

/* Counted and in memory; relaxed ones wait to be given out, durable ones for their commit. Takes the copies over.
 * Under lock. */
static void make_entries(struct vedette_spool *spool, const struct demand *demand, const struct copy *copies,
                         struct spool_ticket *ticket)
{
    int64_t now_us = spool_now_us(spool), wall_ms = spool_wall_ms(spool);
    if (spool->queue.records + spool->unread_records == 0)
        spool->progress_us = time_now_us(&spool->config.time);
    for (size_t i = 0; i < demand->count; i++) {
        const struct vedette_spool_record *record = &demand->records[i];
        struct spool_tenant *tenant =
            spool_queue_tenant(&spool->queue, record->tenant, spool->config.max_tenants, true);
        struct spool_entry *entry =
            spool_entry_new(&spool->queue, tenant, record->priority, copies[i].payload, (uint32_t)record->length);
        entry->payload_crc = copies[i].crc;
        int64_t ttl_us = ttl_us_of(spool, record);
        entry->enqueued_at_ms = wall_ms;
        if (ttl_us) {
            entry->expires_us = time_after_us(now_us, ttl_us);
            entry->expires_at_ms = wall_ms + MAX(ttl_us / 1000, 1);
        }
        tenant->enqueued++;
        spool->queue.enqueued++;
        ticket->entries[i] = entry;
    }
}

void spool_undo(struct vedette_spool *spool, struct spool_ticket *ticket)
{
    for (size_t i = 0; i < ticket->count; i++) {
        struct spool_entry *entry = ticket->entries[i];
        struct spool_tenant *tenant = entry->lane->tenant;
        tenant->enqueued--;
        spool->queue.enqueued--;
        if (!ticket->is_kept)
            spool_queue_count_loss(&spool->queue, tenant, VEDETTE_SPOOL_REJECTED_DISK, 1);
        spool_entry_finish(&spool->queue, entry);
    }
    ticket->loss = VEDETTE_SPOOL_REJECTED_DISK;
    spool->queue.refused += (int64_t)ticket->count;
    pthread_cond_broadcast(&spool->room);
}

/* Relaxed: there at once, and written later. Under lock. */
static void queue_relaxed(struct vedette_spool *spool, const struct spool_ticket *ticket)
{
    for (size_t i = 0; i < ticket->count; i++) {
        struct spool_entry *entry = ticket->entries[i];
        entry->is_spilling = true;
        g_queue_push_tail(&spool->spill, entry);
        spool_queue_append(&spool->queue, entry);
    }
    int64_t now_us = spool_machine_us();
    bool is_short = spool->queue.memory_bytes > spool->config.max_memory_bytes;
    if (is_short || !spool->spill_due_us) {
        spool->spill_due_us = is_short ? now_us : now_us + spool->config.spill_delay_us;
        pthread_cond_signal(&spool->work); /* it may sleep for longer */
    }
    pthread_cond_broadcast(&spool->ready);
}

/* What a demand takes in a file, at most. */
static int64_t bytes_of(const struct demand *demand)
{
    return demand->bytes + (int64_t)demand->count * SPOOL_HEAD_MAX_BYTES;
}

/* True: the ticket is with the writer, or the records are there (relaxed). */
static bool put_in(struct vedette_spool *spool, const struct demand *demand, int64_t until_us,
                   struct spool_ticket *ticket, struct vedette_spool_error *error)
{
    g_autofree struct copy *copies = copy_payloads(demand);
    pthread_mutex_lock(&spool->lock);
    ticket->loss = await_room(spool, demand, until_us, error);
    bool is_in = ticket->loss == VEDETTE_SPOOL_LOSSES;
    if (is_in)
        make_entries(spool, demand, copies, ticket);
    else
        spool->queue.refused += (int64_t)demand->count;
    if (!is_in && !ticket->is_kept)
        count_rejected(spool, demand, ticket->loss);
    if (is_in && spool->config.durability == VEDETTE_SPOOL_RELAXED) {
        queue_relaxed(spool, ticket);
        sem_post(&ticket->over);
    } else if (is_in) {
        g_ptr_array_add(spool->tickets, ticket);
        pthread_cond_signal(&spool->work);
    }
    pthread_mutex_unlock(&spool->lock);
    if (!is_in)
        free_copies(copies, demand->count);
    return is_in;
}

static bool await_ticket(struct spool_ticket *ticket)
{
    while (sem_wait(&ticket->over) != 0)
        ; /* a signal came */
    return !ticket->failure;
}

/* One try. *loss: why not; *is_disk: it was the disk that had no room. */
static bool enqueue_once(struct vedette_spool *spool, const struct demand *demand, int64_t until_us,
                         enum vedette_spool_loss *loss, bool *is_disk, struct vedette_spool_error *error)
{
    struct spool_ticket ticket;
    struct spool_entry *few[2 * FEW_RECORDS];
    ticket_init(&ticket, demand->count, bytes_of(demand), few);
    ticket.is_kept = true;
    bool is_good = put_in(spool, demand, until_us, &ticket, error) && await_ticket(&ticket);
    *loss = ticket.loss;
    *is_disk = ticket.failure && ticket.failure->code == VEDETTE_ERROR_FULL;
    if (ticket.failure)
        spool_error_fill(error, ticket.failure);
    spool_ticket_clear(&ticket);
    return is_good;
}

bool vedette_spool_enqueue(struct vedette_spool *spool, const struct vedette_spool_record *records, size_t count,
                           struct vedette_spool_error *error)
{
    struct demand demand;
    if (!add_up(spool, records, count, &demand, error))
        return false;
    bool may_block = spool->config.when_full == VEDETTE_SPOOL_BLOCK;
    int64_t until_us = may_block ? time_after_us(spool_machine_us(), spool->config.block_us) : 0;
    for (;;) {
        enum vedette_spool_loss loss;
        bool is_disk = false;
        if (enqueue_once(spool, &demand, until_us, &loss, &is_disk, error))
            return true;
        int64_t left_us = until_us - spool_machine_us();
        if (!is_disk || left_us <= 0) {
            lose_demand(spool, &demand, loss);
            return false;
        }
        g_usleep((gulong)MIN(left_us, DISK_RETRY_US));
    }
}

static bool submit(struct vedette_spool *spool, const struct vedette_spool_record *records, size_t count, bool is_kept,
                   vedette_spool_done done, void *data, struct vedette_spool_error *error)
{
    struct demand demand;
    if (!add_up(spool, records, count, &demand, error))
        return false;
    struct spool_ticket *ticket = g_new(struct spool_ticket, 1);
    ticket_init(ticket, count, bytes_of(&demand), NULL);
    ticket->is_kept = is_kept;
    ticket->done = done;
    ticket->data = data;
    bool is_relaxed = spool->config.durability == VEDETTE_SPOOL_RELAXED;
    bool is_in = put_in(spool, &demand, 0, ticket, error);
    if (is_in && is_relaxed)
        done(data, NULL);
    if (!is_in || is_relaxed)
        spool_ticket_free(ticket);
    return is_in;
}

bool vedette_spool_submit(struct vedette_spool *spool, const struct vedette_spool_record *records, size_t count,
                          vedette_spool_done done, void *data, struct vedette_spool_error *error)
{
    return submit(spool, records, count, false, done, data, error);
}

void vedette_spool_set_tenant_share(struct vedette_spool *spool, double tenant_share)
{
    if (!(tenant_share > 0 && tenant_share <= 1))
        return;
    pthread_mutex_lock(&spool->lock);
    spool->config.tenant_share = tenant_share;
    pthread_cond_broadcast(&spool->room);
    pthread_mutex_unlock(&spool->lock);
}

bool vedette_spool_offer(struct vedette_spool *spool, const struct vedette_spool_record *records, size_t count,
                         vedette_spool_done done, void *data, struct vedette_spool_error *error)
{
    return submit(spool, records, count, true, done, data, error);
}
