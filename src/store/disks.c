/* How much room there is: each hub notes that of the disk its data directory lies on, and what the store has of all of
 * them says which will be full first. */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "store/policy_files.h"
#include "store/retention.h"
#include "store/work_internal.h"

static const int64_t hour_ms = INT64_C(3600000), sampled_ms = 7 * INT64_C(86400000);

bool store_free_bytes(const struct store *store, int64_t *free_bytes, GError **error)
{
    struct statvfs room;
    if (statvfs(store->data_dir, &room) != 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO,
                    "%s: look at its free space: %s: the directory must stay where it is", store->data_dir,
                    g_strerror(errno));
        return false;
    }
    *free_bytes = (int64_t)room.f_bavail * (int64_t)room.f_frsize;
    return true;
}

static void sample_free(void *sample)
{
    record_clear(&storage_sample_descriptor, sample);
    g_free(sample);
}

/* "HOST:DIRECTORY SERVER": for people, and the server's name, which stays where a container's host name does not. */
struct disk_name {
    char *text, *plain; /* an earlier version's */
    char *pattern;      /* of all that this server's disk ever was called */
};

static void name_disk(const struct store *store, struct disk_name *name)
{
    g_autofree char *directory = g_canonicalize_filename(store->data_dir, NULL),
                    *source = store_source_make(store->data_dir, store->clock, NULL);
    name->plain = g_strdup_printf("%s:%s", g_get_host_name(), directory);
    name->text = source ? g_strdup_printf("%s %s", name->plain, source) : g_strdup(name->plain);
    name->pattern = source ? g_strdup_printf("%% %s", source) : g_strdup("");
}

static void clear_disk(struct disk_name *name)
{
    g_free(name->text);
    g_free(name->plain);
    g_free(name->pattern);
}

/* What this hub's clock said before it was set back goes, too, and what any said too long ago. */
static bool add_sample(struct store_transaction *transaction, const struct storage_sample *sample,
                       const struct disk_name *name, GError **error)
{
    const void *record = sample;
    return store_run(transaction,
                     "UPDATE storage_samples SET disk = $1 WHERE disk <> $1 AND (disk = $2 OR disk LIKE $3)",
                     STORE_VALUES(sql_text(name->text), sql_text(name->plain), sql_text(name->pattern)), NULL, error) &&
           store_insert(transaction, &storage_sample_descriptor, &record, 1, RECORD_CONFLICT_REPLACE, NULL, error) &&
           store_run(transaction, "DELETE FROM storage_samples WHERE at < $1 OR (at > $2 AND disk = $3)",
                     STORE_VALUES(sql_time(sample->at.ms - sampled_ms), sql_time(sample->at.ms), sql_text(name->text)),
                     NULL, error);
}

bool store_storage_sample(struct store *store, int64_t free_bytes, GError **error)
{
    struct disk_name name;
    name_disk(store, &name);
    const struct storage_sample sample = {{clock_wall_ms(store->clock)}, free_bytes, name.text};
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_JOB, STORE_PLATFORM, error);
    bool is_good = transaction && add_sample(transaction, &sample, &name, error) &&
                   store_commit(g_steal_pointer(&transaction), error);
    clear_disk(&name);
    return is_good;
}

/* By least squares: one sample taken while a file was copied does not decide. */
int64_t storage_forecast(const struct storage_sample *const *samples, size_t count)
{
    if (count < 2 || samples[count - 1]->at.ms - samples[0]->at.ms < hour_ms)
        return 0;
    double mean_at = 0, mean_free = 0, both = 0, square = 0;
    int64_t origin_ms = samples[0]->at.ms;
    for (size_t i = 0; i < count; i++) {
        mean_at += (double)(samples[i]->at.ms - origin_ms) / (double)count;
        mean_free += (double)samples[i]->free_bytes / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double at = (double)(samples[i]->at.ms - origin_ms) - mean_at;
        both += at * ((double)samples[i]->free_bytes - mean_free);
        square += at * at;
    }
    double bytes_per_ms = both / square;
    double left_ms = bytes_per_ms < 0 ? (double)samples[count - 1]->free_bytes / -bytes_per_ms : -1;
    static const double longest_ms = 100 * 365.0 * 86400000; /* further is "not while it goes on like that" */
    return left_ms < 0 || left_ms > longest_ms ? 0 : samples[count - 1]->at.ms + (int64_t)left_ms;
}

/* How many samples from the first on are of one disk. */
static size_t of_one_disk(const struct storage_sample *const *samples, size_t count)
{
    size_t same = 1;
    while (same < count && strcmp(samples[same]->disk, samples[0]->disk) == 0)
        same++;
    return same;
}

bool store_storage_forecast(struct store *store, struct store_full_disk *first, GError **error)
{
    g_autoptr(GPtrArray) samples = g_ptr_array_new_with_free_func(sample_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    *first = (struct store_full_disk){NULL, 0};
    if (!transaction ||
        !store_select(transaction, &storage_sample_descriptor, "ORDER BY disk, at", STORE_NO_VALUES, samples, error))
        return false;
    for (size_t i = 0, count; i < samples->len; i += count) {
        const struct storage_sample *const *disk = (const struct storage_sample *const *)&samples->pdata[i];
        count = of_one_disk(disk, samples->len - i);
        int64_t full_ms = storage_forecast(disk, count);
        if (!full_ms || (first->full_ms && full_ms >= first->full_ms))
            continue;
        g_free(first->disk);
        *first = (struct store_full_disk){g_strdup(disk[0]->disk), full_ms};
    }
    return true;
}
