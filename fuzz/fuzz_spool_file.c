/* Case Q24: a file of the spool that is not as it was written: bytes of a good one are changed, and its end cut off or
 * filled up. Whatever the disk gives back, no record comes out with a wrong payload, nothing hangs, and a fresh record
 * passes. */
#include "vedette/spool.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RECORDS = 12, CHANGE_BYTES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    char *directory, *path; /* of the spool, and of its one file */
    char *bytes;
    gsize length;
} good;

static void remove_files(void)
{
    g_autoptr(GDir) entries = g_dir_open(good.directory, 0, NULL);
    for (const char *name; entries && (name = g_dir_read_name(entries));) {
        g_autofree char *path = g_build_filename(good.directory, name, NULL);
        g_unlink(path);
    }
}

static void clean_up(void)
{
    remove_files();
    g_rmdir(good.directory);
    g_free(good.directory);
    g_free(good.path);
    g_free(good.bytes);
}

static struct vedette_spool *open_spool(void)
{
    struct vedette_spool_config config;
    vedette_spool_config_init(&config);
    config.reserve_bytes = 0;
    config.max_queue_seconds = 0;
    config.max_memory_bytes = 0; /* payloads come from the disk */
    struct vedette_spool *spool = vedette_spool_open(good.directory, &config, NULL);
    if (!spool)
        __builtin_trap();
    return spool;
}

static char *payload_of(int number)
{
    g_autofree char *filler = g_strnfill((gsize)number * 90, (char)('a' + number));
    return g_strdup_printf("%d:%s", number, filler);
}

static void put(struct vedette_spool *spool, const char *payload)
{
    const struct vedette_spool_record record = {.tenant = "shop", .payload = payload, .length = strlen(payload)};
    if (!vedette_spool_enqueue(spool, &record, 1, NULL))
        __builtin_trap();
}

static void make_good(void)
{
    char memory[] = "/dev/shm/vedette-fuzz-XXXXXX";
    good.directory = g_mkdtemp(memory) ? g_strdup(memory) : g_dir_make_tmp("vedette-fuzz-XXXXXX", NULL);
    struct vedette_spool *spool = open_spool();
    for (int i = 0; i < RECORDS; i++) {
        g_autofree char *payload = payload_of(i);
        put(spool, payload);
    }
    struct vedette_spool_batch *batch = vedette_spool_dequeue(spool, 2, 0); /* some are done */
    vedette_spool_acknowledge(spool, batch);
    vedette_spool_close(spool);
    g_autoptr(GDir) entries = g_dir_open(good.directory, 0, NULL);
    for (const char *name; (name = g_dir_read_name(entries));)
        if (g_str_has_suffix(name, ".spool"))
            good.path = g_build_filename(good.directory, name, NULL);
    if (!good.path || !g_file_get_contents(good.path, &good.bytes, &good.length, NULL))
        __builtin_trap();
    atexit(clean_up);
}

/* The first two bytes say where it is cut (all ones: nowhere); each three after them change a byte. */
static void write_changed(const uint8_t *data, size_t size)
{
    g_autofree char *bytes = g_memdup2(good.bytes, good.length);
    gsize length = good.length;
    size_t cut = size >= 2 ? (size_t)data[0] << 8 | data[1] : 0xffff;
    if (cut != 0xffff)
        length = cut % (good.length + 1);
    for (size_t i = 2; i + CHANGE_BYTES <= size; i += CHANGE_BYTES)
        bytes[((size_t)data[i] << 8 | data[i + 1]) % good.length] ^= (char)data[i + 2];
    remove_files();
    if (!g_file_set_contents(good.path, bytes, (gssize)length, NULL))
        __builtin_trap();
}

/* What comes out was put in. */
static void check(const struct vedette_spool_record *record)
{
    g_autofree char *text = g_strndup(record->payload, record->length);
    int number = (int)g_ascii_strtoll(text, NULL, 10);
    g_autofree char *expected = number >= 0 && number < RECORDS ? payload_of(number) : g_strdup("fresh");
    if (strcmp(text, expected) != 0 && strcmp(text, "fresh") != 0)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vedette_spool_stats stats;
    if (!good.bytes)
        make_good();
    write_changed(data, size);
    struct vedette_spool *spool = open_spool();
    put(spool, "fresh");
    do {
        struct vedette_spool_batch *batch = vedette_spool_dequeue(spool, 0, 1000);
        for (size_t i = 0; batch && i < batch->count; i++)
            check(&batch->records[i]);
        if (batch)
            vedette_spool_acknowledge(spool, batch);
        vedette_spool_get_stats(spool, &stats);
    } while (stats.total_queued || stats.files_unread);
    vedette_spool_close(spool);
    return 0;
}
