/* The one thread that writes. What comes while it commits shares the next commit. */
#include "resilience/spool_internal.h"

#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "base/wait.h"

enum {
    SPILL_RECORDS_MAX = 1024, /* relaxed ones in one commit */
    WRITE_TRIES = 4,          /* a full disk may have three things to give back */
    SPILL_RETRY_US = 100000,  /* at least, after a failure */
};

int64_t spool_tick_us = 500000;

/* ---- files ---- */

void spool_note_failure(struct vedette_spool *spool, const GError *error)
{
    pthread_mutex_lock(&spool->lock);
    spool->write_errors++;
    spool_note_error(spool, error);
    pthread_mutex_unlock(&spool->lock);
}

/* A copy of what is done in a file, when the disk does not know of it yet. */
static GByteArray *take_unsaved(struct vedette_spool *spool, struct spool_file *file)
{
    GByteArray *done = NULL;
    pthread_mutex_lock(&spool->lock);
    if (file->is_unsaved) {
        done = g_byte_array_sized_new(file->done->len);
        g_byte_array_append(done, file->done->data, file->done->len);
        file->is_unsaved = false;
    }
    pthread_mutex_unlock(&spool->lock);
    return done;
}

static void put_unsaved(struct vedette_spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&spool->lock);
    file->is_unsaved = true;
    pthread_mutex_unlock(&spool->lock);
}

void spool_save_done(struct vedette_spool *spool, struct spool_file *file)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) done = take_unsaved(spool, file);
    if (!done)
        return;
    bool is_saved = spool_file_open(file, spool->vfs, &error) && spool_file_save_done(file, done, &error);
    if (is_saved) {
        spool_file_measure(file);
        pthread_mutex_lock(&spool->lock);
        spool_count_disk(spool, file);
        pthread_mutex_unlock(&spool->lock);
    }
    spool_keep_open(spool, file);
    if (is_saved)
        return;
    put_unsaved(spool, file);
    spool_note_failure(spool, error);
}

/* ---- commits ---- */

static void describe(const struct spool_entry *entry, struct spool_head *head)
{
    *head = (struct spool_head){
        .priority = entry->lane->priority,
        .payload_length = entry->length,
        .payload_crc = entry->payload_crc,
        .enqueued_at_ms = entry->enqueued_at_ms,
        .expires_at_ms = entry->expires_at_ms,
    };
    g_strlcpy(head->tenant, entry->lane->tenant->name, sizeof head->tenant);
}

static bool insert_ticket(struct spool_file *file, const struct spool_ticket *ticket, GError **error)
{
    for (size_t i = 0; i < ticket->count; i++) {
        const struct spool_entry *entry = ticket->entries[i];
        struct spool_head head;
        if (ticket->heads)
            head = ticket->heads[i];
        else
            describe(entry, &head); /* nobody else knows of it yet */
        if (!spool_file_insert(file, &head, entry->payload, error))
            return false;
    }
    return true;
}

/* `connection` held. */
static bool write_into(struct vedette_spool *spool, struct spool_file *file, struct spool_ticket **tickets, guint count,
                       GError **error)
{
    uint32_t rows = file->rows;
    int64_t size_bytes = file->size_bytes;
    g_autoptr(GByteArray) done = NULL;
    bool is_good = spool_file_begin(file, error);
    for (guint i = 0; is_good && i < count; i++)
        is_good = insert_ticket(file, tickets[i], error);
    if (is_good && (done = take_unsaved(spool, file)))
        is_good = spool_file_save_done(file, done, error);
    if (is_good && spool_file_commit(file, error))
        return true;
    spool_file_rollback(file, rows, size_bytes);
    spool_file_measure(file); /* its log may have grown, as far as there was room */
    pthread_mutex_lock(&spool->lock);
    spool_count_disk(spool, file);
    pthread_mutex_unlock(&spool->lock);
    if (done)
        put_unsaved(spool, file);
    return false;
}

static bool write_once(struct vedette_spool *spool, struct spool_ticket **tickets, guint count, GError **error)
{
    struct spool_file *file = spool->active;
    pthread_mutex_lock(&file->connection);
    bool is_written = write_into(spool, file, tickets, count, error);
    pthread_mutex_unlock(&file->connection);
    return is_written;
}

/* A full disk gets back what was made ahead, then what the active file takes, when all in it is done, or else the
 * reserve, and with its room the WALs of those that wait to be sealed. A damaged file gives nothing back: it is to be
 * set aside, not removed. True when there was something to give. */
static bool give_room_back(struct vedette_spool *spool)
{
    if (spool_next_drop(spool))
        return true;
    struct spool_file *file = spool->active;
    pthread_mutex_lock(&spool->lock);
    bool is_drained = file && file->rows && file->live == 0 && !file->is_damaged;
    if (is_drained)
        file->is_retired = file->is_leaving = true;
    pthread_mutex_unlock(&spool->lock);
    if (is_drained) {
        spool->active = NULL;
        spool_ledger_save(spool, true);
        if (spool_drop_file(spool, file, NULL)) {
            spool_forget_file(spool, file);
            return true;
        }
    }
    bool is_freed = spool_directory_free_reserve(&spool->directory), is_sealed = false;
    pthread_mutex_lock(&spool->lock);
    spool->is_reserve_free |= is_freed;
    pthread_mutex_unlock(&spool->lock);
    while (spool_seal_first(spool))
        is_sealed = true;
    return is_freed || is_sealed;
}

/* After a full disk, when it got something back; a file that fails otherwise is left alone, and the next try begins
 * another. */
static bool is_worth_another_try(struct vedette_spool *spool, const GError *error)
{
    struct spool_file *file = spool->active;
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL))
        return give_room_back(spool);
    if (!file)
        return false;
    pthread_mutex_lock(&file->connection);
    spool_file_close(file);
    pthread_mutex_unlock(&file->connection);
    spool_retire_file(spool, file);
    return true;
}

static bool write_group(struct vedette_spool *spool, struct spool_ticket **tickets, guint count, int64_t bytes,
                        GError **error)
{
    for (int tries = 0; tries < WRITE_TRIES; tries++) {
        g_autoptr(GError) failure = NULL;
        if (spool_make_room(spool, bytes, &failure) && write_once(spool, tickets, count, &failure))
            return true;
        spool_note_failure(spool, failure);
        if (!is_worth_another_try(spool, failure) || tries + 1 == WRITE_TRIES) {
            /* the records are good: whatever is wrong with a file, they may be tried again */
            if (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_INVALID))
                failure->code = VEDETTE_ERROR_IO;
            g_propagate_error(error, g_steal_pointer(&failure));
            return false;
        }
    }
    return false;
}

/* Under lock: it is on disk from now on. Returns its payload when memory has no room for it, or NULL. */
static void *settle_written(struct vedette_spool *spool, struct spool_entry *entry, struct spool_file *file,
                            uint32_t row)
{
    bool was_spilling = entry->is_spilling;
    entry->is_spilling = entry->is_written = false;
    if (entry->is_finished) { /* done while it was written */
        spool_bits_set(file->done, row);
        file->is_unsaved = true;
        spool_save_soon(spool);
        void *payload = entry->payload;
        g_free(entry);
        return payload;
    }
    entry->file = file;
    entry->row = row;
    file->live++;
    file->live_bytes += entry->length;
    if (!was_spilling)
        spool_queue_append(&spool->queue, entry);
    bool is_short = spool->queue.memory_bytes > spool->config.max_memory_bytes && !entry->is_out;
    return is_short ? spool_entry_steal_payload(&spool->queue, entry) : NULL;
}

/* Under lock. `row` is the one before its first. */
static void settle_ticket(struct vedette_spool *spool, struct spool_ticket *ticket, struct spool_file *file,
                          uint32_t row)
{
    for (size_t i = 0; i < ticket->count; i++) {
        uint32_t length = ticket->entries[i]->length;
        void *spent = settle_written(spool, ticket->entries[i], file, row + (uint32_t)i + 1);
        if (!spent)
            continue;
        ticket->spent[ticket->spent_count++] = spent;
        ticket->spent_bytes += length;
    }
}

static void finish_group(struct vedette_spool *spool, struct spool_ticket **tickets, guint count, const GError *failure)
{
    struct spool_file *file = spool->active;
    size_t records = 0;
    for (guint i = 0; i < count; i++)
        records += tickets[i]->count;
    pthread_mutex_lock(&spool->lock);
    uint32_t row = failure ? 0 : file->rows - (uint32_t)records;
    for (guint i = 0; i < count; row += (uint32_t)tickets[i++]->count) {
        if (!failure) {
            settle_ticket(spool, tickets[i], file, row);
            continue;
        }
        spool_undo(spool, tickets[i]);
        tickets[i]->failure = g_error_copy(failure);
    }
    if (!failure) {
        file->written = file->rows;
        spool->commits++;
        spool_count_disk(spool, file);
        g_clear_pointer(&spool->last_error, g_free);
        pthread_cond_broadcast(&spool->ready);
    }
    pthread_mutex_unlock(&spool->lock);
}

/* Writes tickets [0, count) in one commit. */
static void write_and_finish(struct vedette_spool *spool, struct spool_ticket **tickets, guint count, int64_t bytes)
{
    g_autoptr(GError) failure = NULL;
    pthread_mutex_lock(&spool->disk);
    write_group(spool, tickets, count, bytes, &failure);
    finish_group(spool, tickets, count, failure);
    pthread_mutex_unlock(&spool->disk);
    spool_answer(spool, tickets, count);
}

/* As many tickets to a commit as go into one file. */
static void write_tickets(struct vedette_spool *spool, GPtrArray *tickets)
{
    struct spool_ticket **all = (struct spool_ticket **)tickets->pdata;
    for (guint first = 0, count; first < tickets->len; first += count) {
        int64_t bytes = 0;
        for (count = 0; first + count < tickets->len; count++) {
            if (count && bytes + all[first + count]->bytes > spool->config.file_bytes)
                break;
            bytes += all[first + count]->bytes;
        }
        write_and_finish(spool, all + first, count, bytes);
    }
}

/* ---- relaxed records ---- */

/* Those to write now, as one ticket; NULL when there are none. Under lock. */
static struct spool_ticket *take_spill(struct vedette_spool *spool)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new();
    int64_t bytes = 0;
    while (spool->spill.length && entries->len < SPILL_RECORDS_MAX && bytes < spool->config.file_bytes) {
        struct spool_entry *entry = g_queue_pop_head(&spool->spill);
        if (entry->is_finished) {
            g_free(entry);
            continue;
        }
        entry->is_written = true;
        bytes += entry->length + SPOOL_HEAD_MAX_BYTES;
        g_ptr_array_add(entries, entry);
    }
    if (!entries->len)
        return NULL;
    struct spool_ticket *ticket = spool_ticket_new((struct spool_entry **)entries->pdata, entries->len, bytes);
    ticket->heads = g_new(struct spool_head, entries->len); /* they may be done before they are written */
    for (size_t i = 0; i < ticket->count; i++)
        describe(ticket->entries[i], &ticket->heads[i]);
    return ticket;
}

/* Back to where they were: they are still in memory. Under lock. */
static void put_spill_back(struct vedette_spool *spool, const struct spool_ticket *ticket)
{
    for (size_t i = ticket->count; i-- > 0;) {
        struct spool_entry *entry = ticket->entries[i];
        entry->is_written = false;
        if (entry->is_finished)
            g_clear_pointer(&entry->payload, g_free);
        g_queue_push_head(&spool->spill, entry);
    }
}

static bool spill(struct vedette_spool *spool)
{
    g_autoptr(GError) failure = NULL;
    pthread_mutex_lock(&spool->disk);
    pthread_mutex_lock(&spool->lock);
    struct spool_ticket *ticket = take_spill(spool);
    pthread_mutex_unlock(&spool->lock);
    bool is_written = false;
    if (ticket) {
        is_written = write_group(spool, &ticket, 1, ticket->bytes, &failure);
        if (is_written)
            finish_group(spool, &ticket, 1, NULL);
    }
    pthread_mutex_lock(&spool->lock);
    if (ticket && !is_written)
        put_spill_back(spool, ticket);
    int64_t delay_us = is_written ? 0 : MAX(spool->config.spill_delay_us, SPILL_RETRY_US);
    spool->spill_due_us = spool->spill.length ? spool_machine_us() + delay_us : 0;
    pthread_mutex_unlock(&spool->lock);
    pthread_mutex_unlock(&spool->disk);
    if (ticket)
        spool_ticket_free(ticket);
    return is_written;
}

/* ---- what is due ---- */

static void save_done_of(struct vedette_spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&file->connection);
    pthread_mutex_lock(&spool->lock);
    bool is_leaving = file->is_leaving; /* then whoever removes it has closed it for good */
    pthread_mutex_unlock(&spool->lock);
    if (!is_leaving)
        spool_save_done(spool, file);
    pthread_mutex_unlock(&file->connection);
}

static void save_all_done(struct vedette_spool *spool)
{
    g_autoptr(GPtrArray) unsaved = g_ptr_array_new();
    pthread_mutex_lock(&spool->disk);
    pthread_mutex_lock(&spool->lock);
    spool->save_due_us = 0;
    for (guint i = 0; i < spool->files->len; i++) {
        struct spool_file *file = g_ptr_array_index(spool->files, i);
        /* what is drained is removed instead, and who seals it notes it as well */
        if (file->is_unsaved && !file->is_sealing && (file->live || !file->is_retired))
            g_ptr_array_add(unsaved, file);
    }
    pthread_mutex_unlock(&spool->lock);
    for (guint i = 0; i < unsaved->len; i++)
        save_done_of(spool, g_ptr_array_index(unsaved, i));
    pthread_mutex_unlock(&spool->disk);
}

/* The oldest that is not read yet, of those that failed least, so that one that cannot be read holds up no other.
 * Nobody else touches it. */
static void read_next(struct vedette_spool *spool)
{
    struct spool_file *file = NULL;
    pthread_mutex_lock(&spool->lock);
    for (guint i = 0; i < spool->files->len; i++) {
        struct spool_file *other = g_ptr_array_index(spool->files, i);
        if (!other->is_read && (!file || other->failures < file->failures))
            file = other;
        if (file && !file->failures)
            break;
    }
    pthread_mutex_unlock(&spool->lock);
    if (file)
        spool_read_file(spool, file);
}

static void keep_reserve(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    bool is_wanted = spool->is_reserve_free && !spool->last_error;
    pthread_mutex_unlock(&spool->lock);
    if (!is_wanted || !spool_directory_make_reserve(&spool->directory, spool->config.reserve_bytes))
        return;
    pthread_mutex_lock(&spool->lock);
    spool->is_reserve_free = false;
    pthread_mutex_unlock(&spool->lock);
}

static bool is_due(int64_t due_us, int64_t now_us)
{
    return due_us && due_us <= now_us;
}

struct work {
    GPtrArray *tickets;
    bool is_save_due, is_spill_due, is_read_due, is_retiring, is_tick, is_closing;
};

/* Under lock. False: there is nothing to do. */
static bool take_work(struct vedette_spool *spool, int64_t tick_us, struct work *work)
{
    int64_t now_us = spool_machine_us();
    *work = (struct work){
        .is_save_due = is_due(spool->save_due_us, now_us),
        .is_spill_due = is_due(spool->spill_due_us, now_us),
        .is_read_due = spool->unread_files && spool->read_due_us <= now_us,
        .is_retiring = spool->is_retiring,
        .is_tick = tick_us <= now_us,
        .is_closing = spool->is_closing,
    };
    bool may_write = spool->tickets->len && (spool->is_closing || spool_answers_have_room(spool));
    if (!may_write && !work->is_save_due && !work->is_spill_due && !work->is_read_due && !work->is_retiring &&
        !work->is_tick && !work->is_closing)
        return false;
    work->tickets = may_write ? spool->tickets : g_ptr_array_new();
    if (may_write)
        spool->tickets = g_ptr_array_new();
    return true;
}

static void wait_until(struct vedette_spool *spool, int64_t until_us)
{
    struct timespec deadline = wait_deadline(until_us);
    pthread_cond_timedwait(&spool->work, &spool->lock, &deadline);
}

static int64_t earliest_due_us(const struct vedette_spool *spool, int64_t tick_us)
{
    const int64_t due_us[] = {spool->save_due_us, spool->spill_due_us, spool->unread_files ? spool->read_due_us : 0};
    for (size_t i = 0; i < G_N_ELEMENTS(due_us); i++)
        if (due_us[i])
            tick_us = MIN(tick_us, due_us[i]);
    return tick_us;
}

/* The first waits a little for others to share its commit. Under lock. */
static void wait_for_company(struct vedette_spool *spool)
{
    int64_t until_us = spool_machine_us() + spool->config.commit_delay_us;
    while (spool->config.commit_delay_us && spool->tickets->len && !spool->is_closing && spool_machine_us() < until_us)
        wait_until(spool, until_us);
}

static void do_work(struct vedette_spool *spool, const struct work *work)
{
    write_tickets(spool, work->tickets);
    if (work->is_spill_due || work->is_closing)
        while (spill(spool) && work->is_closing)
            ;
    if (work->is_retiring)
        spool_retire_wasteful(spool);
    if (work->is_save_due)
        save_all_done(spool);
    if (work->is_read_due && !work->is_closing)
        read_next(spool);
    if (!work->is_tick)
        return;
    keep_reserve(spool);
    pthread_mutex_lock(&spool->lock);
    if (spool->has_stuck)
        spool_note_drained(spool);
    spool->has_stuck = false;
    spool_expire(spool);
    pthread_mutex_unlock(&spool->lock);
}

static void *run(void *data)
{
    struct vedette_spool *spool = data;
    thread_prefer_short_turns();
    int64_t tick_us = spool_machine_us();
    for (bool is_closing = false; !is_closing;) {
        struct work work;
        pthread_mutex_lock(&spool->lock);
        wait_for_company(spool);
        while (!take_work(spool, tick_us, &work))
            wait_until(spool, earliest_due_us(spool, tick_us));
        pthread_mutex_unlock(&spool->lock);
        do_work(spool, &work);
        if (work.is_tick)
            tick_us = spool_machine_us() + spool_tick_us;
        is_closing = work.is_closing;
        g_ptr_array_unref(work.tickets);
    }
    return NULL;
}

bool spool_writer_start(struct vedette_spool *spool, GError **error)
{
    if (!spool_answers_start(spool, error))
        return false;
    if (!spool_sealer_start(spool, error)) {
        spool_answers_stop(spool);
        return false;
    }
    int code = thread_start(&spool->writer, "spool writer", run, spool);
    if (code == 0)
        return true;
    spool_sealer_stop(spool);
    spool_answers_stop(spool);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start the spool's writer: %s", g_strerror(code));
    return false;
}

void spool_writer_stop(struct vedette_spool *spool)
{
    pthread_mutex_lock(&spool->lock);
    spool->is_closing = true;
    pthread_cond_broadcast(&spool->work);
    pthread_cond_broadcast(&spool->room);
    pthread_mutex_unlock(&spool->lock);
    pthread_join(spool->writer, NULL);
    pthread_mutex_lock(&spool->disk);
    if (spool->active)
        spool_retire_file(spool, spool->active);
    pthread_mutex_unlock(&spool->disk);
    spool_sealer_stop(spool);
    spool_next_drop(spool);
    save_all_done(spool); /* of all: none is being sealed any more */
    spool_remove_drained(spool);
    spool_answers_stop(spool);
    pthread_mutex_lock(&spool->disk);
    spool_ledger_save(spool, true); /* with what waits in each now */
    pthread_mutex_unlock(&spool->disk);
}
