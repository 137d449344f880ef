/* What lies in the directory when the spool is opened, read into the queue file by file; and the end of files.
 */
#include "resilience/spool_internal.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    READ_RETRY_US = 200000, /* of any file, after one failed */
    ORDER_BITS = 24,        /* of a row within its file */
};

void spool_keep_open(struct vedette_spool *spool, struct spool_file *file)
{
    struct spool_file *gone = NULL;
    pthread_mutex_lock(&spool->lock);
    bool is_kept = !file->is_retired;
    for (guint i = 0; i < SPOOL_OPEN_FILES && !is_kept; i++)
        is_kept = spool->open_files[i] == file;
    for (guint i = 0; i < SPOOL_OPEN_FILES && !is_kept; i++) {
        struct spool_file **place = &spool->open_files[spool->next_open++ % SPOOL_OPEN_FILES];
        gone = *place;
        is_kept = !gone || pthread_mutex_trylock(&gone->connection) == 0; /* else somebody reads it */
        if (is_kept)
            *place = file;
    }
    pthread_mutex_unlock(&spool->lock);
    if (!is_kept)
        spool_file_close(file);
    else if (gone) {
        spool_file_close(gone);
        pthread_mutex_unlock(&gone->connection);
    }
}

void spool_forget_connection(struct vedette_spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&file->connection);
    pthread_mutex_lock(&spool->lock);
    for (guint i = 0; i < SPOOL_OPEN_FILES; i++)
        if (spool->open_files[i] == file)
            spool->open_files[i] = NULL;
    pthread_mutex_unlock(&spool->lock);
    spool_file_close(file);
    pthread_mutex_unlock(&file->connection);
}

/* Read just now, it is not as it was written: what is only unreadable, or is whole, may be read by somebody. */
static bool is_proved_damaged(const struct vedette_spool *spool, const struct spool_name *name, const char *path)
{
    g_autoptr(GError) error = NULL;
    int64_t good = 0, done = 0, lost = 0;
    struct stat status;
    if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return false; /* somebody took it elsewhere, and its log is still here */
    struct spool_file *file = spool_file_new(&spool->directory, name);
    g_free(file->path);
    file->path = g_strdup(path);
    bool is_damaged = spool_file_verify(file, spool->vfs, &good, &done, &lost, &error)
                          ? lost > 0
                          : g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    spool_file_free(file);
    return is_damaged;
}

/* Of the files set aside the newest stay; of the older ones those go that are damaged. */
static void prune_bad(const struct vedette_spool *spool)
{
    g_autoptr(GArray) names = spool_directory_list_bad(&spool->directory);
    for (guint i = 0; i + (guint)spool->config.max_bad_files < names->len; i++) {
        const struct spool_name *name = &g_array_index(names, struct spool_name, i);
        g_autofree char *path = spool_directory_bad_file(&spool->directory, name);
        if (is_proved_damaged(spool, name, path))
            spool_directory_remove_bad(path);
    }
}

static void set_aside(struct vedette_spool *spool, struct spool_file *file, const char *why)
{
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(spool_wall_ms(spool) / 1000);
    g_autofree char *when = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    g_autofree char *report = g_strdup_printf(
        "%s: set aside at %s: %s.\nRows written: %u. Records lost: %" G_GINT64_FORMAT
        ". All others were delivered, or came here from a later start.\n"
        "To have it tried again: stop the program, take \".bad\" off the name, start. `vedette spool verify` looks "
        "into it without changing it.",
        file->path, when, why, file->rows, file->lost);
    spool_directory_set_aside(&spool->directory, file->path, report);
    prune_bad(spool);
    pthread_mutex_lock(&spool->lock);
    spool->bad_files++;
    pthread_mutex_unlock(&spool->lock);
}

/* It stays, drained, and is tried again: so that the next start need not give all of it out once more, what is done is
 * noted in it. */
static void keep_stuck(struct vedette_spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&file->connection);
    spool_save_done(spool, file);
    pthread_mutex_unlock(&file->connection);
    pthread_mutex_lock(&spool->lock);
    file->is_leaving = false;
    spool->has_stuck = true;
    pthread_mutex_unlock(&spool->lock);
}

bool spool_drop_file(struct vedette_spool *spool, struct spool_file *file, const char *why_bad)
{
    g_autoptr(GError) error = NULL;
    spool_forget_connection(spool, file);
    if (why_bad)
        set_aside(spool, file, why_bad);
    if (why_bad || spool_directory_remove(file->path, &error))
        return true;
    pthread_mutex_lock(&spool->lock);
    spool_note_error(spool, error);
    pthread_mutex_unlock(&spool->lock);
    if (access(file->path, F_OK) != 0)
        return true; /* what stood beside it goes with the next start */
    keep_stuck(spool, file);
    return false;
}

void spool_forget_file(struct vedette_spool *spool, struct spool_file *file)
{
    pthread_mutex_lock(&spool->lock);
    spool->disk_bytes -= file->counted_bytes;
    g_ptr_array_remove(spool->files, file); /* frees it */
    pthread_cond_broadcast(&spool->room);
    pthread_mutex_unlock(&spool->lock);
}

/* A clock that was set back gives no more than there was at first. */
static int64_t remaining_us(const struct spool_head *head, int64_t wall_ms)
{
    int64_t whole_ms = head->expires_at_ms - head->enqueued_at_ms, left_ms = head->expires_at_ms - wall_ms;
    return CLAMP(left_ms, 0, MAX(whole_ms, 0)) * 1000;
}

/* Under lock. `hint`: for each lane the last one put in from this file. */
static void take_in(struct vedette_spool *spool, struct spool_file *file, const struct spool_found *found,
                    GHashTable *hints)
{
    const struct spool_head *head = &found->head;
    struct spool_queue *queue = &spool->queue;
    struct spool_tenant *tenant = spool_queue_tenant(queue, head->tenant, spool->config.max_tenants, true);
    struct spool_entry *entry = spool_entry_new(queue, tenant, head->priority, NULL, head->payload_length);
    entry->file = file;
    entry->row = found->row;
    entry->order = file->position << ORDER_BITS | found->row;
    entry->enqueued_at_ms = head->enqueued_at_ms;
    entry->expires_at_ms = head->expires_at_ms;
    file->live++;
    file->live_bytes += entry->length;
    if (head->expires_at_ms) {
        int64_t left_us = remaining_us(head, spool_passing_wall_ms(spool));
        if (left_us == 0) {
            spool_queue_count_loss(queue, tenant, VEDETTE_SPOOL_EXPIRED, 1);
            spool_finish(spool, entry);
            return;
        }
        entry->expires_us = time_after_us(spool_now_us(spool), left_us);
    }
    spool_queue_insert(queue, entry, g_hash_table_lookup(hints, entry->lane));
    g_hash_table_insert(hints, entry->lane, entry);
}

static void take_all_in(struct vedette_spool *spool, struct spool_file *file, const GArray *found, int64_t lost)
{
    g_autoptr(GHashTable) hints = g_hash_table_new(NULL, NULL);
    pthread_mutex_lock(&spool->lock);
    spool->unread_records -= file->live;
    spool->unread_bytes -= file->live_bytes;
    spool->unread_files--;
    spool_note_read(spool, NULL);
    file->live = 0;
    file->live_bytes = 0;
    file->written = file->rows;
    spool_count_disk(spool, file);
    file->is_read = file->is_retired = true;
    file->is_damaged = lost > 0;
    file->lost = lost;
    if (lost)
        spool_queue_count_loss(&spool->queue, NULL, VEDETTE_SPOOL_CORRUPT, lost);
    for (guint i = 0; i < found->len; i++)
        take_in(spool, file, &g_array_index(found, struct spool_found, i), hints);
    if (file->live == 0)
        spool_note_drained(spool);
    else if (!file->has_sealed_name && !lost)
        spool_seal_later(spool, file); /* a crash left it so, or a disk that failed */
    pthread_cond_broadcast(&spool->ready);
    pthread_cond_broadcast(&spool->room);
    pthread_mutex_unlock(&spool->lock);
}

/* All that it held, as far as is known, is lost. */
static void give_up(struct vedette_spool *spool, struct spool_file *file, const char *why)
{
    bool is_gone = spool_directory_lacks(&spool->directory, file->path),
         is_blank = spool_directory_is_blank(file->path);
    pthread_mutex_lock(&spool->lock);
    bool is_nothing = is_gone || (is_blank && file->live == 0); /* and nobody knows of anything in it */
    spool->unread_records -= file->live;
    spool->unread_bytes -= file->live_bytes;
    spool->unread_files--;
    file->is_read = true;
    file->lost = file->live;
    file->is_leaving = true;
    spool_queue_count_loss(&spool->queue, NULL, VEDETTE_SPOOL_CORRUPT, file->lost);
    pthread_mutex_unlock(&spool->lock);
    spool_ledger_save(spool, true);
    spool_drop_file(spool, file, is_nothing ? NULL : why);
    spool_forget_file(spool, file);
}

void spool_read_file(struct vedette_spool *spool, struct spool_file *file)
{
    g_autoptr(GError) error = NULL;
    int64_t lost = 0;
    pthread_mutex_lock(&spool->disk);
    pthread_mutex_lock(&file->connection);
    g_autoptr(GArray) found = spool_file_read_all(file, spool->vfs, &lost, &error);
    if (found) {
        take_all_in(spool, file, found, lost);
        spool_keep_open(spool, file);
        pthread_mutex_unlock(&file->connection);
        pthread_mutex_unlock(&spool->disk);
        return;
    }
    bool is_hopeless = spool_file_is_hopeless(error) || spool_directory_lacks(&spool->directory, file->path);
    file->failures++;
    spool_file_close(file);
    pthread_mutex_unlock(&file->connection);
    pthread_mutex_lock(&spool->lock);
    spool_note_read(spool, error);
    spool->read_due_us = is_hopeless ? 0 : spool_machine_us() + READ_RETRY_US;
    pthread_mutex_unlock(&spool->lock);
    if (is_hopeless)
        give_up(spool, file, error->message);
    pthread_mutex_unlock(&spool->disk);
}
