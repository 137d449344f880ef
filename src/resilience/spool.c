/* The public face: checks what it is asked, keeps the bounds, and leaves the disk to the writer. */
#include "resilience/spool_internal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum {
    MAX_RECORD_BYTES = 512 << 20, /* half of what SQLite takes */
    BATCH_BYTES_MAX = 8 << 20,    /* given out at once, unless one record alone is larger */
    READ_TRIES = 5,
    READ_PAUSE_US = 20000, /* after a disk that does not answer */
    DISK_RETRY_US = 100000,
};

/* A batch that is out, as the caller sees it, and what it is made of. */
struct spool_out {
    struct vedette_spool_batch batch; /* first: its address is the caller's */
    struct spool_entry **entries;
    struct vedette_spool_record *records;
};

/* ---- small parts ---- */

static const char *const loss_names[VEDETTE_SPOOL_LOSSES] = {
    "expired", "dropped", "corrupt", "rejected_too_large", "rejected_full", "rejected_share", "rejected_disk"};

const char *vedette_spool_loss_name(enum vedette_spool_loss loss)
{
    return (unsigned)loss < VEDETTE_SPOOL_LOSSES ? loss_names[loss] : "unknown";
}

void spool_error_fill(struct vedette_spool_error *error, const GError *from)
{
    static const enum vedette_spool_error_kind kinds[] = {
        [VEDETTE_ERROR_INVALID] = VEDETTE_SPOOL_INVALID,  [VEDETTE_ERROR_FULL] = VEDETTE_SPOOL_FULL,
        [VEDETTE_ERROR_UNAVAILABLE] = VEDETTE_SPOOL_BUSY, [VEDETTE_ERROR_PERMISSION] = VEDETTE_SPOOL_DENIED,
        [VEDETTE_ERROR_CANCELLED] = VEDETTE_SPOOL_FAILED,
    };
    bool is_ours = from->domain == VEDETTE_ERROR && (size_t)from->code < G_N_ELEMENTS(kinds) && kinds[from->code];
    if (!error)
        return;
    error->kind = is_ours ? kinds[from->code] : VEDETTE_SPOOL_FAILED;
    g_strlcpy(error->text, from->message, sizeof error->text);
}

static bool tell(struct vedette_spool_error *error, enum vedette_spool_error_kind kind, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static bool tell(struct vedette_spool_error *error, enum vedette_spool_error_kind kind, const char *format, ...)
{
    va_list arguments;
    if (!error)
        return false;
    error->kind = kind;
    va_start(arguments, format);
    g_vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

int64_t spool_machine_us(void)
{
    return clock_monotonic_us(clock_system());
}

struct timespec spool_deadline(int64_t machine_us)
{
    return (struct timespec){machine_us / US_PER_SECOND, machine_us % US_PER_SECOND * 1000};
}

int64_t spool_now_us(const struct vedette_spool *spool)
{
    int64_t now_us = spool->is_held ? spool->held_since_us : time_now_us(&spool->config.time);
    return now_us - spool->held_us;
}

int64_t spool_wall_ms(const struct vedette_spool *spool)
{
    return spool->config.wall_ms ? spool->config.wall_ms(spool->config.time.data) : clock_wall_ms(clock_system());
}

void spool_note_error(struct vedette_spool *spool, const GError *error)
{
    g_free(spool->last_error);
    spool->last_error = g_strdup(error->message);
}

/* ---- the end of records: under lock ---- */

void spool_finish(struct vedette_spool *spool, struct spool_entry *entry)
{
    struct spool_file *file = entry->file;
    if (file) {
        spool_bits_set(file->done, entry->row);
        file->live--;
        file->live_bytes -= entry->length;
        file->is_unsaved = true;
        if (!spool->save_due_us)
            spool->save_due_us = spool_machine_us() + spool->config.acknowledge_delay_us;
        if (file->is_retired && file->live == 0) {
            spool->has_drained = true;
            pthread_cond_signal(&spool->work);
        }
    }
    spool_entry_finish(&spool->queue, entry);
    pthread_cond_broadcast(&spool->room);
}

/* One that waits is gone. */
void spool_lose(struct vedette_spool *spool, struct spool_entry *entry, enum vedette_spool_loss loss)
{
    spool_queue_count_loss(&spool->queue, entry->lane->tenant, loss, 1);
    spool_queue_take(&spool->queue, entry);
    spool_finish(spool, entry);
}

static void expire_one(void *data, struct spool_entry *entry)
{
    spool_lose(data, entry, VEDETTE_SPOOL_EXPIRED);
}

void spool_expire(struct vedette_spool *spool)
{
    spool_queue_sweep(&spool->queue, spool_now_us(spool), expire_one, spool);
}

/* ---- configuration ---- */

void vedette_spool_config_init(struct vedette_spool_config *config)
{
    *config = (struct vedette_spool_config){
        .max_queue_size = 1000,
        .max_queue_bytes = 64 << 20,
        .max_queue_seconds = 300,
        .batch_size = 10,
        .tenant_share = 1,
        .when_full = VEDETTE_SPOOL_BLOCK,
        .block_us = 5 * US_PER_SECOND,
        .durability = VEDETTE_SPOOL_DURABLE,
        .max_record_bytes = 1 << 20,
        .max_memory_bytes = 8 << 20,
        .max_tenants = 256,
        .oldest_every = 8,
        .acknowledge_delay_us = US_PER_SECOND / 5,
        .spill_delay_us = US_PER_SECOND,
        .stalled_us = (int64_t)30 * US_PER_SECOND,
        .file_bytes = 4 << 20,
        .reserve_bytes = 1 << 20,
        .max_bad_files = 8,
    };
}

static const char *fault_of(const struct vedette_spool_config *config)
{
    const struct {
        bool is_good;
        const char *why;
    } checks[] = {
        {config->max_queue_size >= 1, "max_queue_size must be at least 1"},
        {config->max_queue_bytes >= 1, "max_queue_bytes must be at least 1"},
        {config->max_queue_seconds >= 0 && config->max_queue_seconds <= 1e9,
         "max_queue_seconds must be between 0 and 1e9"},
        {config->batch_size >= 1 && config->batch_size <= 100000, "batch_size must be between 1 and 100000"},
        {config->tenant_share > 0 && config->tenant_share <= 1, "tenant_share must be above 0 and at most 1"},
        {config->when_full >= VEDETTE_SPOOL_BLOCK && config->when_full <= VEDETTE_SPOOL_DROP_LOWEST,
         "when_full must be BLOCK, REJECT or DROP_LOWEST"},
        {config->block_us >= 0, "block_us must not be negative"},
        {config->durability == VEDETTE_SPOOL_DURABLE || config->durability == VEDETTE_SPOOL_RELAXED,
         "durability must be DURABLE or RELAXED"},
        {config->max_record_bytes >= 1 && config->max_record_bytes <= MAX_RECORD_BYTES,
         "max_record_bytes must be between 1 and 2^29"},
        {config->max_memory_bytes >= 0, "max_memory_bytes must not be negative"},
        {config->max_tenants >= 1 && config->max_tenants <= 65536, "max_tenants must be between 1 and 65536"},
        {config->oldest_every >= 0, "oldest_every must not be negative"},
        {config->commit_delay_us >= 0 && config->commit_delay_us <= 10000,
         "commit_delay_us must be between 0 and 10000"},
        {config->acknowledge_delay_us >= 0 && config->spill_delay_us >= 0 && config->stalled_us >= 0,
         "acknowledge_delay_us, spill_delay_us and stalled_us must not be negative"},
        {config->file_bytes >= 4096, "file_bytes must be at least 4096"},
        {config->max_disk_bytes >= 0 && config->reserve_bytes >= 0 && config->max_bad_files >= 0,
         "max_disk_bytes, reserve_bytes and max_bad_files must not be negative"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
        if (!checks[i].is_good)
            return checks[i].why;
    return NULL;
}

/* ---- opening and closing ---- */

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static struct vedette_spool *spool_new(const struct vedette_spool_config *config)
{
    struct vedette_spool *spool = g_new0(struct vedette_spool, 1);
    spool->config = *config;
    spool->vfs = g_strdup(config->vfs);
    pthread_mutex_init(&spool->disk, NULL);
    pthread_mutex_init(&spool->lock, NULL);
    init_condition(&spool->work);
    init_condition(&spool->room);
    init_condition(&spool->ready);
    spool_queue_init(&spool->queue);
    spool->files = g_ptr_array_new_with_free_func((GDestroyNotify)spool_file_free);
    spool->tickets = g_ptr_array_new();
    spool->out = g_hash_table_new(NULL, NULL);
    g_queue_init(&spool->spill);
    return spool;
}

/* The entries too: of those that are out, that nobody else frees. */
static void out_free(struct spool_out *out, bool with_entries)
{
    for (size_t i = 0; with_entries && i < out->batch.count; i++) {
        g_free(out->entries[i]->payload);
        g_free(out->entries[i]);
    }
    g_free(out->entries);
    g_free(out->records);
    g_free(out);
}

static void spool_free(struct vedette_spool *spool)
{
    GHashTableIter iterator;
    gpointer out;
    g_hash_table_iter_init(&iterator, spool->out);
    while (g_hash_table_iter_next(&iterator, &out, NULL))
        out_free(out, true);
    g_hash_table_unref(spool->out);
    spool_queue_clear(&spool->queue);
    g_queue_clear(&spool->spill);
    g_ptr_array_unref(spool->files);
    g_ptr_array_unref(spool->tickets);
    spool_directory_close(&spool->directory);
    pthread_cond_destroy(&spool->ready);
    pthread_cond_destroy(&spool->room);
    pthread_cond_destroy(&spool->work);
    pthread_mutex_destroy(&spool->lock);
    pthread_mutex_destroy(&spool->disk);
    g_free(spool->last_error);
    g_free(spool->vfs);
    g_free(spool);
}

/* What is sealed counts by its name until the writer has read it; the few that a crash left open are read at once, so
 * that the bounds hold from the first record on. */
static bool take_stock(struct vedette_spool *spool, GError **error)
{
    g_autoptr(GArray) names = spool_directory_list(&spool->directory, error);
    if (!names)
        return false;
    spool->next_number = 1;
    for (guint i = 0; i < names->len; i++) {
        const struct spool_name *name = &g_array_index(names, struct spool_name, i);
        struct spool_file *file = spool_file_new(&spool->directory, name);
        file->position = i;
        file->counted_bytes = file->size_bytes;
        spool->next_number = name->number + 1;
        spool->unread_files++;
        spool->unread_records += file->live;
        spool->unread_bytes += file->live_bytes;
        spool->disk_bytes += file->size_bytes;
        g_ptr_array_add(spool->files, file);
    }
    spool->queue.next_order = INT64_MAX / 2; /* later than all that lies there */
    g_autoptr(GPtrArray) open = g_ptr_array_new();
    for (guint i = 0; i < spool->files->len; i++) {
        struct spool_file *file = g_ptr_array_index(spool->files, i);
        if (!file->has_sealed_name)
            g_ptr_array_add(open, file);
    }
    for (guint i = 0; i < open->len; i++)
        spool_read_file(spool, g_ptr_array_index(open, i));
    return true;
}

struct vedette_spool *vedette_spool_open(const char *directory, const struct vedette_spool_config *config,
                                         struct vedette_spool_error *error)
{
    const char *fault = fault_of(config);
    if (fault) {
        tell(error, VEDETTE_SPOOL_INVALID, "open spool %s: %s", directory, fault);
        return NULL;
    }
    g_autoptr(GError) failure = NULL;
    struct vedette_spool *spool = spool_new(config);
    bool is_open = spool_directory_open(&spool->directory, directory, &failure) && take_stock(spool, &failure);
    if (is_open) {
        spool->is_reserve_free =
            config->reserve_bytes && !spool_directory_make_reserve(&spool->directory, config->reserve_bytes);
        spool->progress_us = time_now_us(&config->time);
        is_open = spool_writer_start(spool, &failure);
    }
    if (is_open)
        return spool;
    g_prefix_error(&failure, "open spool: ");
    spool_error_fill(error, failure);
    spool_free(spool);
    return NULL;
}

void vedette_spool_close(struct vedette_spool *spool)
{
    if (!spool)
        return;
    spool_writer_stop(spool);
    spool_free(spool);
}

/* ---- putting in ---- */

struct spool_ticket *spool_ticket_new(struct spool_entry **entries, size_t count, int64_t bytes)
{
    struct spool_ticket *ticket = g_new0(struct spool_ticket, 1);
    ticket->entries = g_memdup2(entries, count * sizeof(struct spool_entry *));
    ticket->count = count;
    ticket->bytes = bytes;
    pthread_cond_init(&ticket->over, NULL);
    return ticket;
}

void spool_ticket_free(struct spool_ticket *ticket)
{
    pthread_cond_destroy(&ticket->over);
    g_clear_error(&ticket->failure);
    g_free(ticket->entries);
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

static bool check_record(struct vedette_spool *spool, const struct vedette_spool_record *record,
                         struct vedette_spool_error *error)
{
    size_t tenant_length = record->tenant ? strnlen(record->tenant, VEDETTE_SPOOL_TENANT_MAX_BYTES + 1) : 0;
    if (tenant_length == 0 || tenant_length > VEDETTE_SPOOL_TENANT_MAX_BYTES)
        return tell(error, VEDETTE_SPOOL_INVALID, "spool: a tenant's name has 1 to %d bytes",
                    VEDETTE_SPOOL_TENANT_MAX_BYTES);
    if (record->priority < 0 || record->priority >= VEDETTE_SPOOL_PRIORITIES)
        return tell(error, VEDETTE_SPOOL_INVALID, "spool: priority %d: must be between 0 and %d", record->priority,
                    VEDETTE_SPOOL_PRIORITIES - 1);
    if (!record->payload || !record->length)
        return tell(error, VEDETTE_SPOOL_INVALID, "spool: a record without a payload");
    if (record->length <= (size_t)spool->config.max_record_bytes)
        return true;
    pthread_mutex_lock(&spool->lock);
    spool_queue_count_loss(&spool->queue, g_hash_table_lookup(spool->queue.tenants, record->tenant),
                           VEDETTE_SPOOL_REJECTED_TOO_LARGE, 1);
    pthread_mutex_unlock(&spool->lock);
    return tell(error, VEDETTE_SPOOL_INVALID,
                "spool: a record of %zu bytes: at most %" G_GINT64_FORMAT " are taken (max_record_bytes)",
                record->length, spool->config.max_record_bytes);
}

static bool add_up(struct vedette_spool *spool, const struct vedette_spool_record *records, size_t count,
                   struct demand *demand, struct vedette_spool_error *error)
{
    *demand = (struct demand){records, count, 0, count ? records[0].tenant : NULL, VEDETTE_SPOOL_PRIORITIES};
    for (size_t i = 0; i < count; i++) {
        if (!check_record(spool, &records[i], error))
            return false;
        demand->bytes += (int64_t)records[i].length;
        demand->least_priority = MIN(demand->least_priority, records[i].priority);
        if (demand->tenant && strcmp(demand->tenant, records[i].tenant) != 0)
            demand->tenant = NULL;
    }
    if (count >= 1 && (int64_t)count <= spool->config.max_queue_size && demand->bytes <= spool->config.max_queue_bytes)
        return true;
    return tell(error, VEDETTE_SPOOL_INVALID,
                "spool: %zu records of %" G_GINT64_FORMAT " bytes at once: 1 to %" G_GINT64_FORMAT
                " records and %" G_GINT64_FORMAT " bytes are taken (max_queue_size, max_queue_bytes)",
                count, demand->bytes, spool->config.max_queue_size, spool->config.max_queue_bytes);
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

/* What stands in the way of a demand, as a loss; VEDETTE_SPOOL_LOSSES: nothing. *tenant: whose share it is. Under
 * lock. */
static enum vedette_spool_loss obstacle(struct vedette_spool *spool, const struct demand *demand,
                                        struct spool_tenant **tenant)
{
    const struct vedette_spool_config *config = &spool->config;
    const struct spool_queue *queue = &spool->queue;
    *tenant = NULL;
    for (size_t i = 0; config->tenant_share < 1 && i < demand->count; i++) {
        struct spool_tenant *own = g_hash_table_lookup(queue->tenants, demand->records[i].tenant);
        int64_t records, bytes;
        if (i && demand->tenant)
            break; /* all of one tenant: looked at */
        share_of(demand, demand->records[i].tenant, &records, &bytes);
        if ((double)((own ? own->records : 0) + records) >
                MAX(config->tenant_share * (double)config->max_queue_size, 1) ||
            (double)((own ? own->bytes : 0) + bytes) > MAX(config->tenant_share * (double)config->max_queue_bytes, 1)) {
            *tenant = own;
            return VEDETTE_SPOOL_REJECTED_SHARE;
        }
    }
    if (queue->records + spool->unread_records + (int64_t)demand->count > config->max_queue_size ||
        queue->bytes + spool->unread_bytes + demand->bytes > config->max_queue_bytes ||
        (config->max_disk_bytes && spool->disk_bytes + demand->bytes > config->max_disk_bytes))
        return VEDETTE_SPOOL_REJECTED_FULL;
    return VEDETTE_SPOOL_LOSSES;
}

/* Drops the least urgent until the demand fits. False when what is in the way is more urgent than it. Under lock. */
static bool drop_for(struct vedette_spool *spool, const struct demand *demand)
{
    for (;;) {
        struct spool_tenant *tenant;
        enum vedette_spool_loss loss = obstacle(spool, demand, &tenant);
        if (loss == VEDETTE_SPOOL_LOSSES)
            return true;
        struct spool_entry *least =
            loss == VEDETTE_SPOOL_REJECTED_SHARE && !tenant ? NULL : spool_queue_least(&spool->queue, tenant);
        if (!least || least->lane->priority > demand->least_priority)
            return false;
        spool_lose(spool, least, VEDETTE_SPOOL_DROPPED);
    }
}

static void count_rejected(struct vedette_spool *spool, const struct demand *demand, enum vedette_spool_loss loss)
{
    for (size_t i = 0; i < demand->count; i++)
        spool_queue_count_loss(&spool->queue, g_hash_table_lookup(spool->queue.tenants, demand->records[i].tenant),
                               loss, 1);
}

static bool refuse(struct vedette_spool *spool, const struct demand *demand, enum vedette_spool_loss loss,
                   struct vedette_spool_error *error)
{
    count_rejected(spool, demand, loss);
    return tell(error, VEDETTE_SPOOL_FULL,
                loss == VEDETTE_SPOOL_REJECTED_SHARE
                    ? "spool %s: its tenant holds its share of the queue already (tenant_share %g of %" G_GINT64_FORMAT
                      " records and %" G_GINT64_FORMAT " bytes): it is drained too slowly"
                    : "spool %s: the queue is full (tenant_share %g; max_queue_size %" G_GINT64_FORMAT
                      ", max_queue_bytes %" G_GINT64_FORMAT "): it is drained too slowly",
                spool->directory.path, spool->config.tenant_share, spool->config.max_queue_size,
                spool->config.max_queue_bytes);
}

/* Waits for room until `until_us` of the machine's clock (0: not at all). Under lock. */
static bool await_room(struct vedette_spool *spool, const struct demand *demand, int64_t until_us,
                       struct vedette_spool_error *error)
{
    const struct timespec deadline = spool_deadline(until_us);
    for (;;) {
        struct spool_tenant *tenant;
        enum vedette_spool_loss loss = obstacle(spool, demand, &tenant);
        if (loss == VEDETTE_SPOOL_LOSSES && !spool->is_closing)
            return true;
        spool_expire(spool);
        loss = obstacle(spool, demand, &tenant);
        if (spool->is_closing)
            return refuse(spool, demand, VEDETTE_SPOOL_REJECTED_FULL, error);
        if (loss == VEDETTE_SPOOL_LOSSES ||
            (spool->config.when_full == VEDETTE_SPOOL_DROP_LOWEST && drop_for(spool, demand)))
            return true;
        if (spool_machine_us() >= until_us ||
            pthread_cond_timedwait(&spool->room, &spool->lock, &deadline) == ETIMEDOUT)
            return refuse(spool, demand, loss, error);
    }
}

static int64_t ttl_us_of(const struct vedette_spool *spool, const struct vedette_spool_record *record)
{
    if (record->ttl_us)
        return MAX(record->ttl_us, 0);
    return (int64_t)llround(spool->config.max_queue_seconds * US_PER_SECOND);
}

/* Counted and in memory; relaxed ones wait to be given out, durable ones for their commit. Takes the copies over.
 * Under lock. */
static bool make_entries(struct vedette_spool *spool, const struct demand *demand, void **payloads,
                         struct spool_ticket *ticket, struct vedette_spool_error *error)
{
    int64_t now_us = spool_now_us(spool), wall_ms = spool_wall_ms(spool);
    for (size_t i = 0; i < demand->count; i++)
        if (!spool_queue_tenant(&spool->queue, demand->records[i].tenant, spool->config.max_tenants, false)) {
            count_rejected(spool, demand, VEDETTE_SPOOL_REJECTED_FULL);
            return tell(error, VEDETTE_SPOOL_FULL, "spool %s: %d tenants have records in it (max_tenants)",
                        spool->directory.path, spool->config.max_tenants);
        }
    if (spool->queue.records + spool->unread_records == 0)
        spool->progress_us = time_now_us(&spool->config.time);
    for (size_t i = 0; i < demand->count; i++) {
        const struct vedette_spool_record *record = &demand->records[i];
        struct spool_tenant *tenant =
            spool_queue_tenant(&spool->queue, record->tenant, spool->config.max_tenants, true);
        struct spool_entry *entry =
            spool_entry_new(&spool->queue, tenant, record->priority, payloads[i], (uint32_t)record->length);
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
    return true;
}

void spool_undo(struct vedette_spool *spool, struct spool_ticket *ticket)
{
    for (size_t i = 0; i < ticket->count; i++) {
        struct spool_entry *entry = ticket->entries[i];
        struct spool_tenant *tenant = entry->lane->tenant;
        tenant->enqueued--;
        spool->queue.enqueued--;
        spool_queue_count_loss(&spool->queue, tenant, VEDETTE_SPOOL_REJECTED_DISK, 1);
        spool_entry_finish(&spool->queue, entry);
    }
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
    if (is_short || !spool->spill_due_us)
        spool->spill_due_us = is_short ? now_us : now_us + spool->config.spill_delay_us;
    if (is_short)
        pthread_cond_signal(&spool->work);
    pthread_cond_broadcast(&spool->ready);
}

static void ticket_init(struct spool_ticket *ticket, struct spool_entry **entries, const struct demand *demand)
{
    *ticket = (struct spool_ticket){.entries = entries, .count = demand->count};
    ticket->bytes = demand->bytes + (int64_t)demand->count * SPOOL_HEAD_MAX_BYTES;
    pthread_cond_init(&ticket->over, NULL);
}

/* Copies outside of the lock. */
static void **copy_payloads(const struct demand *demand)
{
    void **payloads = g_new(void *, demand->count);
    for (size_t i = 0; i < demand->count; i++)
        payloads[i] = g_memdup2(demand->records[i].payload, demand->records[i].length);
    return payloads;
}

static void free_payloads(void **payloads, size_t count)
{
    for (size_t i = 0; i < count; i++)
        g_free(payloads[i]);
}

/* True: the ticket is with the writer, or the records are there (relaxed). */
static bool put_in(struct vedette_spool *spool, const struct demand *demand, int64_t until_us,
                   struct spool_ticket *ticket, struct vedette_spool_error *error)
{
    g_autofree void **payloads = copy_payloads(demand);
    pthread_mutex_lock(&spool->lock);
    bool is_in = await_room(spool, demand, until_us, error) && make_entries(spool, demand, payloads, ticket, error);
    if (is_in && spool->config.durability == VEDETTE_SPOOL_RELAXED) {
        queue_relaxed(spool, ticket);
        ticket->is_over = true;
    } else if (is_in) {
        g_ptr_array_add(spool->tickets, ticket);
        pthread_cond_signal(&spool->work);
    }
    pthread_mutex_unlock(&spool->lock);
    if (!is_in)
        free_payloads(payloads, demand->count);
    return is_in;
}

static bool await_ticket(struct vedette_spool *spool, struct spool_ticket *ticket)
{
    pthread_mutex_lock(&spool->lock);
    while (!ticket->is_over)
        pthread_cond_wait(&ticket->over, &spool->lock);
    pthread_mutex_unlock(&spool->lock);
    return !ticket->failure;
}

/* One try. *is_disk: it was the disk that had no room. */
static bool enqueue_once(struct vedette_spool *spool, const struct demand *demand, int64_t until_us, bool *is_disk,
                         struct vedette_spool_error *error)
{
    struct spool_ticket ticket;
    struct spool_entry *few[16], **entries = few;
    if (demand->count > G_N_ELEMENTS(few))
        entries = g_new(struct spool_entry *, demand->count);
    ticket_init(&ticket, entries, demand);
    bool is_good = put_in(spool, demand, until_us, &ticket, error) && await_ticket(spool, &ticket);
    *is_disk = ticket.failure && ticket.failure->code == VEDETTE_ERROR_FULL;
    if (ticket.failure)
        spool_error_fill(error, ticket.failure);
    g_clear_error(&ticket.failure);
    pthread_cond_destroy(&ticket.over);
    if (entries != few)
        g_free(entries);
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
        bool is_disk = false;
        if (enqueue_once(spool, &demand, until_us, &is_disk, error))
            return true;
        int64_t left_us = until_us - spool_machine_us();
        if (!is_disk || left_us <= 0)
            return false;
        g_usleep((gulong)MIN(left_us, DISK_RETRY_US));
    }
}

bool vedette_spool_submit(struct vedette_spool *spool, const struct vedette_spool_record *records, size_t count,
                          vedette_spool_done done, void *data, struct vedette_spool_error *error)
{
    struct demand demand;
    if (!add_up(spool, records, count, &demand, error))
        return false;
    struct spool_ticket *ticket = g_new(struct spool_ticket, 1);
    ticket_init(ticket, g_new(struct spool_entry *, count), &demand);
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

/* ---- taking out ---- */

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

/* Under lock. */
static void lose_out(struct vedette_spool *spool, struct spool_entry *entry)
{
    spool_queue_count_loss(&spool->queue, entry->lane->tenant, VEDETTE_SPOOL_CORRUPT, 1);
    entry->file->is_damaged = true;
    entry->file->lost++;
    spool->queue.in_flight--;
    spool_finish(spool, entry);
}

/* Fetches a payload from its file. False: the entry is gone or went back. */
static bool fetch(struct vedette_spool *spool, struct spool_entry *entry)
{
    g_autoptr(GError) error = NULL;
    pthread_mutex_lock(&spool->disk);
    struct spool_file *file = entry->file;
    void *payload = spool_file_read_payload(file, spool->vfs, entry->row, entry->length, &error);
    if (file != spool->active && file->db)
        spool_keep_open(spool, file);
    pthread_mutex_lock(&spool->lock);
    if (payload) {
        spool_entry_set_payload(&spool->queue, entry, payload);
    } else {
        spool_note_error(spool, error);
        if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID) || ++entry->read_failures >= READ_TRIES)
            lose_out(spool, entry);
        else
            put_back(spool, entry);
    }
    pthread_mutex_unlock(&spool->lock);
    pthread_mutex_unlock(&spool->disk);
    return payload != NULL;
}

/* Those that have or get their payloads. */
static void fetch_all(struct vedette_spool *spool, GPtrArray *picked)
{
    guint kept = 0;
    for (guint i = 0; i < picked->len; i++) {
        struct spool_entry *entry = g_ptr_array_index(picked, i);
        if (entry->payload || fetch(spool, entry))
            picked->pdata[kept++] = entry;
    }
    g_ptr_array_set_size(picked, (gint)kept);
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

struct vedette_spool_batch *vedette_spool_dequeue(struct vedette_spool *spool, size_t max, int64_t wait_us)
{
    g_autoptr(GPtrArray) picked = g_ptr_array_new();
    int64_t until_us = time_after_us(spool_machine_us(), MAX(wait_us, 0));
    const struct timespec deadline = spool_deadline(until_us);
    for (;;) {
        pthread_mutex_lock(&spool->lock);
        int64_t wakes = spool->wakes;
        pick(spool, max ? max : (size_t)spool->config.batch_size, picked);
        while (!picked->len && wakes == spool->wakes && spool_machine_us() < until_us) {
            pthread_cond_timedwait(&spool->ready, &spool->lock, &deadline);
            pick(spool, max ? max : (size_t)spool->config.batch_size, picked);
        }
        pthread_mutex_unlock(&spool->lock);
        if (!picked->len)
            return NULL;
        fetch_all(spool, picked);
        if (picked->len)
            return batch_new(spool, picked);
        if (spool_machine_us() >= until_us)
            return NULL;
        g_usleep(READ_PAUSE_US); /* the disk does not answer */
    }
}

void vedette_spool_settle(struct vedette_spool *spool, struct vedette_spool_batch *batch, const bool *is_done)
{
    struct spool_out *out = (struct spool_out *)batch;
    pthread_mutex_lock(&spool->lock);
    g_hash_table_remove(spool->out, out);
    for (size_t i = batch->count; i-- > 0;) { /* backwards: each goes before the one after it */
        struct spool_entry *entry = out->entries[i];
        if (is_done && !is_done[i]) {
            spool->queue.returned++;
            put_back(spool, entry);
            continue;
        }
        entry->lane->tenant->acknowledged++;
        spool->queue.acknowledged++;
        spool->queue.in_flight--;
        spool->progress_us = time_now_us(&spool->config.time);
        spool_finish(spool, entry);
    }
    pthread_cond_broadcast(&spool->ready);
    pthread_mutex_unlock(&spool->lock);
    out_free(out, false);
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
    if (is_held && !spool->is_held)
        spool->held_since_us = now_us;
    else if (!is_held && spool->is_held)
        spool->held_us += now_us - spool->held_since_us;
    spool->is_held = is_held;
    pthread_mutex_unlock(&spool->lock);
}

/* ---- looking ---- */

/* Under lock. */
static void fill_progress(const struct vedette_spool *spool, struct vedette_spool_stats *stats)
{
    const struct spool_entry *oldest = spool_queue_oldest(&spool->queue);
    if (oldest)
        stats->oldest_age_us = MAX(spool_wall_ms(spool) - oldest->enqueued_at_ms, 0) * 1000;
    if (stats->total_queued)
        stats->not_drained_us = time_now_us(&spool->config.time) - spool->progress_us;
    stats->is_stalled = stats->total_queued && stats->not_drained_us >= spool->config.stalled_us;
}

void vedette_spool_get_stats(struct vedette_spool *spool, struct vedette_spool_stats *stats)
{
    pthread_mutex_lock(&spool->lock);
    const struct spool_queue *queue = &spool->queue;
    *stats = (struct vedette_spool_stats){
        .memory_queue_size = queue->memory_records,
        .disk_queue_size = queue->records + spool->unread_records - queue->memory_records,
        .total_queued = queue->records + spool->unread_records,
        .in_flight = queue->in_flight,
        .queued_bytes = queue->bytes + spool->unread_bytes,
        .memory_bytes = queue->memory_bytes,
        .disk_bytes = spool->disk_bytes,
        .files = spool->files->len,
        .files_unread = spool->unread_files,
        .bad_files = spool->bad_files,
        .enqueued = queue->enqueued,
        .acknowledged = queue->acknowledged,
        .returned = queue->returned,
        .commits = spool->commits,
        .write_errors = spool->write_errors,
    };
    memcpy(stats->losses, queue->losses, sizeof stats->losses);
    fill_progress(spool, stats);
    if (spool->last_error)
        g_strlcpy(stats->last_error, spool->last_error, sizeof stats->last_error);
    pthread_mutex_unlock(&spool->lock);
}

static void show_tenant(const struct spool_tenant *tenant,
                        void (*each)(void *data, const struct vedette_spool_tenant *tenant), void *data)
{
    struct vedette_spool_tenant shown = {
        .name = tenant->name,
        .memory_queue_size = tenant->memory_records,
        .disk_queue_size = tenant->records - tenant->memory_records,
        .queued_bytes = tenant->bytes,
        .enqueued = tenant->enqueued,
        .acknowledged = tenant->acknowledged,
    };
    memcpy(shown.losses, tenant->losses, sizeof shown.losses);
    each(data, &shown);
}

void vedette_spool_each_tenant(struct vedette_spool *spool,
                               void (*each)(void *data, const struct vedette_spool_tenant *tenant), void *data)
{
    GHashTableIter iterator;
    gpointer tenant;
    pthread_mutex_lock(&spool->lock);
    g_hash_table_iter_init(&iterator, spool->queue.tenants);
    while (g_hash_table_iter_next(&iterator, NULL, &tenant))
        show_tenant(tenant, each, data);
    show_tenant(spool->queue.forgotten, each, data);
    pthread_mutex_unlock(&spool->lock);
}
