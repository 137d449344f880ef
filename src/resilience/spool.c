/* The spool as a whole: its configuration, opening and closing, and what it tells of itself. */
#include "resilience/spool_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"

enum { MAX_RECORD_BYTES = 512 << 20 }; /* half of what SQLite takes */

/* ---- small parts ---- */

static const char *const loss_names[VEDETTE_SPOOL_LOSSES] = {
    "expired",       "dropped",        "corrupt",      "unwritten", "rejected_too_large",
    "rejected_full", "rejected_share", "rejected_disk"};

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

bool spool_tell(struct vedette_spool_error *error, enum vedette_spool_error_kind kind, const char *format, ...)
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

int64_t spool_now_us(const struct vedette_spool *spool)
{
    int64_t now_us = spool->is_held ? spool->held_since_us : time_now_us(&spool->config.time);
    return now_us - spool->held_us;
}

int64_t spool_wall_ms(const struct vedette_spool *spool)
{
    return spool->config.wall_ms ? spool->config.wall_ms(spool->config.time.data) : clock_wall_ms(clock_system());
}

int64_t spool_passing_wall_ms(const struct vedette_spool *spool)
{
    return spool->left_held_ms ? spool->left_held_ms + (spool_now_us(spool) - spool->opened_us) / 1000
                               : spool_wall_ms(spool);
}

void spool_note_error(struct vedette_spool *spool, const GError *error)
{
    g_free(spool->last_error);
    spool->last_error = g_strdup(error->message);
    spool->is_read_failing = false;
}

void spool_note_read(struct vedette_spool *spool, const GError *error)
{
    if (error) {
        spool->read_errors++;
        spool_note_error(spool, error);
    } else if (spool->is_read_failing) {
        g_clear_pointer(&spool->last_error, g_free);
    }
    spool->is_read_failing = error != NULL;
}

/* ---- the end of records: under lock ---- */

void spool_count_disk(struct vedette_spool *spool, struct spool_file *file)
{
    spool->disk_bytes += file->disk_bytes - file->counted_bytes;
    file->counted_bytes = file->disk_bytes;
}

void spool_save_soon(struct vedette_spool *spool)
{
    if (spool->save_due_us)
        return;
    spool->save_due_us = spool_machine_us() + spool->config.acknowledge_delay_us;
    pthread_cond_signal(&spool->work); /* it may sleep for longer */
}

void spool_forget_entry(struct vedette_spool *spool, struct spool_entry *entry)
{
    struct spool_file *file = entry->file;
    if (file) {
        file->live--;
        file->live_bytes -= entry->length;
        if (file->is_retired && file->live == 0)
            spool_note_drained(spool);
    }
    spool_entry_finish(&spool->queue, entry);
    pthread_cond_broadcast(&spool->room);
}

void spool_finish(struct vedette_spool *spool, struct spool_entry *entry)
{
    struct spool_file *file = entry->file;
    if (file) {
        spool_bits_set(file->done, entry->row);
        file->is_unsaved = true;
        spool_save_soon(spool);
    }
    spool_forget_entry(spool, entry);
}

/* One that waits is gone. */
void spool_lose(struct vedette_spool *spool, struct spool_entry *entry, enum vedette_spool_loss loss)
{
    spool_queue_count_loss(&spool->queue, entry->lane->tenant, loss, 1);
    spool_queue_take(&spool->queue, entry);
    spool_finish(spool, entry);
}

/* Relaxed ones for which there is no disk any more. A given out one stays its batch's. */
static void lose_unwritten(struct vedette_spool *spool)
{
    g_autoptr(GError) error = NULL;
    int64_t *lost = &spool->queue.losses[VEDETTE_SPOOL_UNWRITTEN];
    for (GList *link = spool->spill.head; link; link = link->next) {
        struct spool_entry *entry = link->data;
        if (entry->is_finished)
            continue;
        if (entry->is_out)
            spool_queue_count_loss(&spool->queue, entry->lane->tenant, VEDETTE_SPOOL_UNWRITTEN, 1);
        else
            spool_lose(spool, entry, VEDETTE_SPOOL_UNWRITTEN);
    }
    if (!*lost)
        return;
    g_set_error(&error, VEDETTE_ERROR, VEDETTE_ERROR_IO,
                "%" PRId64 " records are lost that waited in memory (relaxed): the disk did not take them before the "
                "spool was stopped: %s",
                *lost, spool->last_error ? spool->last_error : "no room");
    spool_note_error(spool, error);
}

static void expire_one(void *data, struct spool_entry *entry)
{
    spool_lose(data, entry, VEDETTE_SPOOL_EXPIRED);
}

void spool_expire(struct vedette_spool *spool)
{
    spool_queue_wake(&spool->queue, spool_machine_us());
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
        {config->max_tenants >= 1 && config->max_tenants <= VEDETTE_SPOOL_TENANTS_MAX,
         "max_tenants must be between 1 and 65536"},
        {config->oldest_every >= 0, "oldest_every must not be negative"},
        {config->commit_delay_us >= 0 && config->commit_delay_us <= 10000,
         "commit_delay_us must be between 0 and 10000"},
        {config->acknowledge_delay_us >= 0 && config->spill_delay_us >= 0 && config->stalled_us >= 0,
         "acknowledge_delay_us, spill_delay_us and stalled_us must not be negative"},
        {config->file_bytes >= 4096, "file_bytes must be at least 4096"},
        {config->max_disk_bytes >= 0 && config->reserve_bytes >= 0 && config->max_bad_files >= 0,
         "max_disk_bytes, reserve_bytes and max_bad_files must not be negative"},
        {!config->vfs || sqlite3_vfs_find(config->vfs), "vfs must be the name of an SQLite VFS that is registered"},
        {!config->max_disk_bytes || config->max_disk_bytes / 2 >= config->file_bytes,
         "max_disk_bytes must be 0 or at least twice file_bytes"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(checks); i++)
        if (!checks[i].is_good)
            return checks[i].why;
    return NULL;
}

/* ---- opening and closing ---- */

static struct vedette_spool *spool_new(const struct vedette_spool_config *config)
{
    struct vedette_spool *spool = g_new0(struct vedette_spool, 1);
    spool->fill.fd = -1;
    spool->config = *config;
    spool->vfs = g_strdup(config->vfs);
    pthread_mutex_init(&spool->disk, NULL);
    pthread_mutex_init(&spool->next, NULL);
    pthread_mutex_init(&spool->ledger, NULL);
    pthread_mutex_init(&spool->lock, NULL);
    wait_condition_init(&spool->work);
    wait_condition_init(&spool->room);
    wait_condition_init(&spool->ready);
    wait_condition_init(&spool->retired);
    spool_queue_init(&spool->queue);
    spool->files = g_ptr_array_new_with_free_func((GDestroyNotify)spool_file_free);
    spool->tickets = g_ptr_array_new();
    spool->out = g_hash_table_new(NULL, NULL);
    g_queue_init(&spool->spill);
    return spool;
}

static void spool_free(struct vedette_spool *spool)
{
    GHashTableIter iterator;
    gpointer out;
    for (struct spool_entry *entry; (entry = g_queue_pop_head(&spool->spill));)
        if (entry->is_finished)
            g_free(entry); /* the others are in their lanes, or out */
    g_hash_table_iter_init(&iterator, spool->out);
    while (g_hash_table_iter_next(&iterator, &out, NULL))
        spool_out_free(out, true);
    g_hash_table_unref(spool->out);
    spool_queue_clear(&spool->queue);
    g_ptr_array_unref(spool->files);
    g_ptr_array_unref(spool->tickets);
    spool_directory_close(&spool->directory);
    pthread_cond_destroy(&spool->retired);
    pthread_cond_destroy(&spool->ready);
    pthread_cond_destroy(&spool->room);
    pthread_cond_destroy(&spool->work);
    pthread_mutex_destroy(&spool->lock);
    pthread_mutex_destroy(&spool->ledger);
    pthread_mutex_destroy(&spool->next);
    pthread_mutex_destroy(&spool->disk);
    g_free(spool->last_error);
    g_free(spool->vfs);
    g_free(spool);
}

static void note_missing(void *data, uint64_t number, int64_t records)
{
    struct vedette_spool *spool = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *stem = spool_name_stem(number);
    g_set_error(&error, VEDETTE_ERROR, VEDETTE_ERROR_IO,
                "%s: file %s is missing: it was removed while no process used the spool, with about %" PRId64
                " records",
                spool->directory.path, stem, records);
    spool_note_error(spool, error);
    spool->missing_files++;
    spool->next_number = MAX(spool->next_number, number + 1);
    spool_queue_count_loss(&spool->queue, NULL, VEDETTE_SPOOL_CORRUPT, records);
}

/* What is sealed counts by its name until the writer has read it; the few that a crash left open are read at once, so
 * that the bounds hold from the first record on. */
static bool take_stock(struct vedette_spool *spool, GError **error)
{
    g_autoptr(GArray) names = spool_directory_list(&spool->directory, error);
    if (!names)
        return false;
    spool_directory_free_log(&spool->directory); /* a crash left it, nobody knows how */
    spool->next_number = spool_directory_after_bad(&spool->directory);
    g_autoptr(GArray) ledger = spool_ledger_load(&spool->directory, &spool->left_held_ms);
    spool->opened_us = spool_now_us(spool);
    spool_ledger_find_missing(ledger, &spool->directory, names, note_missing, spool);
    for (guint i = 0; i < names->len; i++) {
        const struct spool_name *name = &g_array_index(names, struct spool_name, i);
        struct spool_file *file = spool_file_new(&spool->directory, name);
        spool_ledger_complete(ledger, file);
        file->position = i;
        spool_count_disk(spool, file);
        spool->next_number = MAX(spool->next_number, name->number + 1);
        spool->unread_files++;
        spool->unread_records += file->live;
        spool->unread_bytes += file->live_bytes;
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
        spool_tell(error, VEDETTE_SPOOL_INVALID, "open spool %s: %s", directory, fault);
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

int64_t vedette_spool_stop(struct vedette_spool *spool)
{
    if (!spool)
        return 0;
    if (!spool->is_closing) {
        spool_writer_stop(spool);
        pthread_mutex_lock(&spool->lock);
        lose_unwritten(spool);
        pthread_mutex_unlock(&spool->lock);
    }
    return spool->queue.losses[VEDETTE_SPOOL_UNWRITTEN];
}

int64_t vedette_spool_close(struct vedette_spool *spool)
{
    int64_t lost = vedette_spool_stop(spool);
    if (spool)
        spool_free(spool);
    return lost;
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
        .deferred = queue->waiting[SPOOL_DEFERRED],
        .in_flight = queue->in_flight,
        .queued_bytes = queue->bytes + spool->unread_bytes,
        .memory_bytes = queue->memory_bytes + __atomic_load_n(&spool->answers.spent_bytes, __ATOMIC_RELAXED),
        .disk_bytes = spool->disk_bytes,
        .files = spool->files->len,
        .files_unread = spool->unread_files,
        .tenant_share = spool->config.tenant_share,
        .tenants = g_hash_table_size(queue->tenants),
        .tenants_forgotten = queue->tenants_forgotten,
        .bad_files = spool->bad_files,
        .missing_files = spool->missing_files,
        .enqueued = queue->enqueued,
        .acknowledged = queue->acknowledged,
        .returned = queue->returned,
        .refused = queue->refused,
        .commits = spool->commits,
        .write_errors = spool->write_errors,
        .read_errors = spool->read_errors,
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
