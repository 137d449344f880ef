/* The ledger: a text in the directory that says which files there should be, how many records wait in each and how many
 * were written into it, so that a file which somebody removed while no process ran is noticed, and a WAL that lost its
 * end, and their records are counted as lost; and since when time to live does not pass, while it does not.
 *
 * It is written after a file was made and before one is removed: a crash between leaves a file that the ledger does not
 * know, which does no harm, and never a name without its file. So it is synced before a removal alone: where a power
 * cut leaves it older or torn, it knows too little. Where it cannot be written (a full disk) it is removed, which needs
 * no room; then nothing is claimed until it is written again.
 */
#include "resilience/spool_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"

enum { LEDGER_BYTES_MAX = 64 << 20 };
static const char ledger_name[] = "ledger", new_name[] = "ledger.new", first_line[] = "vedette spool ledger 1\n",
                  held_word[] = "held "; /* earlier versions pass over such a line */

/* ---- writing ---- */

/* "NUMBER RECORDS WRITTEN" for each file that stays, "held SINCE", and a check sum. Under lock. */
static GString *describe(const struct vedette_spool *spool)
{
    GString *text = g_string_new(first_line);
    for (guint i = 0; i < spool->files->len; i++) {
        const struct spool_file *file = g_ptr_array_index(spool->files, i);
        if (!file->is_leaving)
            g_string_append_printf(text, "%016" PRIu64 " %u %u\n", file->number, file->live, file->written);
    }
    if (spool->next_file)
        g_string_append_printf(text, "%016" PRIu64 " 0 0\n", spool->next_file->number);
    if (spool->is_held)
        g_string_append_printf(text, "%s%" PRId64 "\n", held_word, spool->held_since_ms);
    g_string_append_printf(text, "%08x\n", crc32c(0, text->str, text->len));
    return text;
}

static bool write_all(int fd, const char *text, size_t length)
{
    for (size_t written = 0; written < length;) {
        ssize_t count = write(fd, text + written, length - written);
        if (count < 0 && errno != EINTR)
            return false;
        written += count > 0 ? (size_t)count : 0;
    }
    return true;
}

static bool replace(const struct spool_directory *directory, const GString *text, bool is_synced)
{
    int fd = fault_hit("spool.ledger")
                 ? -1
                 : openat(directory->fd, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool is_written = fd >= 0 && write_all(fd, text->str, text->len) && (!is_synced || fsync(fd) == 0);
    if (fd >= 0)
        is_written &= close(fd) == 0;
    spool_crash_point("crash.spool.ledger-written");
    return is_written && renameat(directory->fd, new_name, directory->fd, ledger_name) == 0 &&
           (!is_synced || fsync(directory->fd) == 0);
}

static void save(struct vedette_spool *spool, bool is_synced)
{
    pthread_mutex_lock(&spool->lock);
    g_autoptr(GString) text = describe(spool);
    bool is_empty = !spool->next_file;
    for (guint i = 0; i < spool->files->len && is_empty; i++)
        is_empty = ((const struct spool_file *)g_ptr_array_index(spool->files, i))->is_leaving;
    pthread_mutex_unlock(&spool->lock);
    if (!is_empty && replace(&spool->directory, text, is_synced)) {
        spool_crash_point("crash.spool.ledger-saved");
        return;
    }
    unlinkat(spool->directory.fd, new_name, 0);
    if (unlinkat(spool->directory.fd, ledger_name, 0) == 0)
        fsync(spool->directory.fd);
}

void spool_ledger_save(struct vedette_spool *spool, bool is_synced)
{
    pthread_mutex_lock(&spool->ledger);
    save(spool, is_synced);
    pthread_mutex_unlock(&spool->ledger);
}

/* ---- reading ---- */

/* NULL: there is none, or it is not as it was written. */
static char *load_text(const struct spool_directory *directory)
{
    g_autofree char *path = spool_directory_file(directory, ledger_name), *text = NULL;
    struct stat status;
    gsize length;
    if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > LEDGER_BYTES_MAX ||
        !g_file_get_contents(path, &text, &length, NULL) || !g_str_has_prefix(text, first_line) ||
        strlen(text) != length || length < sizeof first_line - 1 + 9)
        return NULL;
    char *sum = text + length - 9;
    g_autofree char *wanted = g_strdup_printf("%08x\n", crc32c(0, text, length - 9));
    if (strcmp(sum, wanted) != 0)
        return NULL;
    *sum = '\0';
    return g_steal_pointer(&text);
}

static bool is_set_aside(const char *name, uint64_t number)
{
    g_autofree char *start = spool_name_stem(number);
    return g_str_has_prefix(name, start) && g_str_has_suffix(name, ".bad");
}

/* A crash may have come between setting it aside and noting that. */
static bool was_set_aside(const struct spool_directory *directory, uint64_t number)
{
    g_autoptr(GDir) entries = g_dir_open(directory->path, 0, NULL);
    for (const char *name; entries && (name = g_dir_read_name(entries));)
        if (is_set_aside(name, number))
            return true;
    return false;
}

/* As describe() wrote it; earlier versions left WRITTEN out. */
static bool read_entry(const char *line, struct spool_ledger_entry *entry)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 3);
    guint count = g_strv_length(words);
    guint64 live, written = 0;
    if (count < 2 || !g_ascii_string_to_unsigned(words[0], 10, 0, INT64_MAX, &entry->number, NULL) ||
        !g_ascii_string_to_unsigned(words[1], 10, 0, UINT32_MAX, &live, NULL) ||
        (count == 3 && !g_ascii_string_to_unsigned(words[2], 10, live, UINT32_MAX, &written, NULL)))
        return false;
    entry->live = (uint32_t)live;
    entry->written = (uint32_t)MAX(live, written);
    return true;
}

static void read_held(const char *line, int64_t *held_since_ms)
{
    guint64 since_ms;
    if (held_since_ms && g_str_has_prefix(line, held_word) &&
        g_ascii_string_to_unsigned(line + sizeof held_word - 1, 10, 1, INT64_MAX, &since_ms, NULL))
        *held_since_ms = (int64_t)since_ms;
}

GArray *spool_ledger_load(const struct spool_directory *directory, int64_t *held_since_ms)
{
    GArray *ledger = g_array_new(FALSE, FALSE, sizeof(struct spool_ledger_entry));
    g_autofree char *text = load_text(directory);
    g_auto(GStrv) lines = text ? g_strsplit(text + sizeof first_line - 1, "\n", -1) : NULL;
    for (char **line = lines; line && *line; line++) {
        struct spool_ledger_entry entry;
        if (read_entry(*line, &entry))
            g_array_append_val(ledger, entry);
        else
            read_held(*line, held_since_ms);
    }
    return ledger;
}

void spool_ledger_complete(const GArray *ledger, struct spool_file *file)
{
    for (guint i = 0; !file->has_sealed_name && i < ledger->len; i++) {
        const struct spool_ledger_entry *entry = &g_array_index(ledger, struct spool_ledger_entry, i);
        if (entry->number != file->number)
            continue;
        file->live = entry->live;
        file->written = entry->written;
    }
}

void spool_ledger_find_missing(const GArray *ledger, const struct spool_directory *directory, const GArray *names,
                               void (*missing)(void *data, uint64_t number, int64_t records), void *data)
{
    g_autoptr(GHashTable) there = g_hash_table_new(g_int64_hash, g_int64_equal);
    for (guint i = 0; i < names->len; i++)
        g_hash_table_add(there, &g_array_index(names, struct spool_name, i).number);
    for (guint i = 0; i < ledger->len; i++) {
        struct spool_ledger_entry *entry = &g_array_index(ledger, struct spool_ledger_entry, i);
        if (!g_hash_table_contains(there, &entry->number) && !was_set_aside(directory, entry->number))
            missing(data, entry->number, MAX(entry->live, 1)); /* it was not made for none */
    }
}
