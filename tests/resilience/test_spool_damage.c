/* Cases Q6..Q11, Q22: files that are cut, flipped, missing, foreign or many. */
#include "spool_world.h"

#include "resilience/spool_internal.h"
#include "shim_vfs.h"

#include <sqlite3.h>

static char *only_file(const struct spool_world *world, const char *suffix)
{
    g_autoptr(GPtrArray) files = world_files(world, suffix);
    g_assert_cmpuint(files->len, ==, 1);
    return g_strdup(g_ptr_array_index(files, 0));
}

/* Writes bytes over a file, as it is. */
static void write_file(const char *path, const void *data, gsize length)
{
    FILE *file = fopen(path, "we");
    g_assert_nonnull(file);
    g_assert_cmpuint(fwrite(data, 1, length, file), ==, length);
    fclose(file);
}

static void change_database(const char *path, const char *sql)
{
    sqlite3 *db;
    char *why = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_exec(db, sql, NULL, NULL, &why);
    g_assert_cmpstr(why, ==, NULL);
    sqlite3_close(db);
}

/* Opens, drains, checks that what comes out is "record N" with N in 0..count-1, in order and none twice; puts in a
 * fresh one. Returns how many came. */
static guint drain_cut(struct spool_world *world, int count)
{
    world_open(world);
    g_autoptr(GPtrArray) texts = world_drain(world);
    int last = -1;
    for (guint i = 0; i < texts->len; i++) {
        int number = -1;
        g_assert_cmpint(sscanf(g_ptr_array_index(texts, i), "record %d", &number), ==, 1);
        g_autofree char *expected = g_strdup_printf("record %d", number);
        g_assert_cmpstr(g_ptr_array_index(texts, i), ==, expected);
        g_assert_cmpint(number, >, last);
        g_assert_cmpint(number, <, count);
        last = number;
    }
    g_assert_true(world_put(world, "shop", 5, "fresh"));
    g_autofree char *fresh = world_drain_text(world);
    g_assert_cmpstr(fresh, ==, "fresh");
    return texts->len;
}

/* The same, where what there was is known: what is missing is counted. */
static guint drain_damaged(struct spool_world *world, int count)
{
    guint found = drain_cut(world, count);
    g_assert_cmpint(found + world_stats(world).losses[VEDETTE_SPOOL_CORRUPT], >=, count);
    return found;
}

/* A spool of `count` records that was killed: its open file and its WAL, as bytes. */
struct remains {
    char *path, *wal_path, *file, *wal;
    gsize file_length, wal_length;
};

static void make_remains(struct spool_world *world, int count, struct remains *remains)
{
    world_open(world);
    world_put_many(world, count);
    remains->path = only_file(world, ".spool");
    remains->wal_path = g_strconcat(remains->path, "-wal", NULL);
    g_assert_true(g_file_get_contents(remains->path, &remains->file, &remains->file_length, NULL));
    g_assert_true(g_file_get_contents(remains->wal_path, &remains->wal, &remains->wal_length, NULL));
    world_close(world);
    world_remove(world->directory);
    g_mkdir(world->directory, 0700);
}

static void remains_clear(struct remains *remains)
{
    g_free(remains->path);
    g_free(remains->wal_path);
    g_free(remains->file);
    g_free(remains->wal);
}

static bool is_thorough(void)
{
    return g_getenv("VEDETTE_THOROUGH") != NULL;
}

static void test_q06_the_last_file_cut_at_every_byte(void)
{
    enum { RECORDS = 3, STEP = 61, HEAD_BYTES = 32, FRAME_BYTES = 4096 + 24 };
    struct spool_world world;
    struct remains remains;
    guint before = 0;
    world_init(&world);
    make_remains(&world, RECORDS, &remains);
    for (gsize length = 0; length <= remains.wal_length; length++) {
        gsize in_frame = length > HEAD_BYTES ? (length - HEAD_BYTES) % FRAME_BYTES : 0;
        bool is_edge = in_frame <= 1 || in_frame == FRAME_BYTES - 1 || length <= HEAD_BYTES;
        if (!is_thorough() && !is_edge && length % STEP)
            continue;
        write_file(remains.path, remains.file, remains.file_length);
        write_file(remains.wal_path, remains.wal, length);
        guint found = drain_cut(&world, RECORDS); /* a WAL that ends early looks as if no more had been written */
        g_assert_cmpuint(found, >=, before);      /* a longer rest holds no less */
        before = found;
        world_close(&world);
    }
    g_assert_cmpuint(before, ==, RECORDS);
    remains_clear(&remains);
    world_clear(&world);
}

static void test_q07_one_bit_flipped_at_every_byte(void)
{
    enum { RECORDS = 5, STEP = 5 };
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, RECORDS);
    world_close(&world);
    g_autofree char *path = only_file(&world, ".spool"), *bytes = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    guint whole = 0, part = 0, none = 0;
    for (gsize at = 0; at < length; at += is_thorough() ? 1 : STEP) {
        world_remove(world.directory);
        g_mkdir(world.directory, 0700);
        bytes[at] ^= (char)(1 << at % 8);
        write_file(path, bytes, length);
        bytes[at] ^= (char)(1 << at % 8);
        guint found = drain_damaged(&world, RECORDS);
        struct vedette_spool_stats stats = world_stats(&world);
        g_assert_cmpint(found + stats.losses[VEDETTE_SPOOL_CORRUPT], ==, RECORDS);
        *(found == RECORDS ? &whole : found ? &part : &none) += 1;
        world_close(&world);
        g_autoptr(GPtrArray) bad = world_files(&world, ".spool.bad");
        g_assert_cmpuint(bad->len, ==, found < RECORDS); /* kept for a person to look at */
    }
    g_test_message("%u flips did no harm, %u cost one record or more, %u the file", whole, part, none);
    g_assert_cmpuint(part, >, 0);
    world_clear(&world);
}

static void test_q08_rows_that_were_never_written(void)
{
    static const char *const changes[] = {
        "UPDATE records SET payload=x'' WHERE row=2",
        "UPDATE records SET payload=zeroblob(100000) WHERE row=2",
        "UPDATE records SET payload='text' WHERE row=2",
        "UPDATE records SET head=x'' WHERE row=2",
        "UPDATE records SET head=zeroblob(40) WHERE row=2",
        "UPDATE records SET head=zeroblob(100000) WHERE row=2",
        "UPDATE records SET head=(SELECT head FROM records WHERE row=1) WHERE row=2",
        "UPDATE records SET payload=(SELECT payload FROM records WHERE row=1) WHERE row=2",
        "UPDATE records SET row=-7 WHERE row=2",
        "UPDATE records SET row=9223372036854775807 WHERE row=2",
        "DELETE FROM records WHERE row=2",
        "UPDATE records SET head=CAST(substr(head,1,4)||x'ffffffff'||substr(head,9) AS BLOB) WHERE row=2",
        "UPDATE records SET head=CAST(substr(head,1,4)||x'00000000'||substr(head,9) AS BLOB) WHERE row=2",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        struct spool_world world;
        world_init(&world);
        world_open(&world);
        world_put_many(&world, 3);
        world_close(&world);
        g_autofree char *path = only_file(&world, ".spool");
        change_database(path, changes[i]);
        g_test_message("%s", changes[i]);
        g_assert_cmpuint(drain_damaged(&world, 3), ==, 2);
        g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_CORRUPT], ==, 1);
        world_clear(&world);
    }
}

static void test_q08_pages_behind_the_end_do_no_harm(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 3);
    world_close(&world);
    g_autofree char *path = only_file(&world, ".spool"), *zeros = g_malloc0(8192);
    FILE *file = fopen(path, "ae");
    fwrite(zeros, 1, 8192, file);
    fclose(file);
    g_assert_cmpuint(drain_damaged(&world, 3), ==, 3);
    world_clear(&world);
}

static void test_q09_what_stands_behind_a_corrupt_record_is_given_out(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 200);
    world_close(&world);
    g_autofree char *path = only_file(&world, ".spool");
    change_database(path, "UPDATE records SET payload='recorD 99' WHERE row=100");
    g_assert_cmpuint(drain_damaged(&world, 200), ==, 199);
    world_close(&world);
    g_autofree char *report = only_file(&world, ".bad.txt"), *text = NULL;
    g_assert_true(g_file_get_contents(report, &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "Records lost: 1"));
    world_clear(&world);
}

static void test_q10_files_that_are_none_of_ours_or_half_made(void)
{
    static const struct {
        const char *name, *text;
    } foreign[] = {{"notes.txt", "hello"},
                   {"0000000000000009.spool", ""}, /* made, and the process died */
                   {"000000000000000a-5-5-40.spool", "no database"},
                   {"zzzz.spool", "x"},
                   {"0000000000000000.spool", "x"},
                   {"000000000000000b-1-2-3.spool", "x"}, /* more live than rows: no name of ours */
                   {"000000000000000c.spool-wal", "left over"}};
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 3);
    world_close(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
        g_autofree char *path = g_build_filename(world.directory, foreign[i].name, NULL);
        write_file(path, foreign[i].text, strlen(foreign[i].text));
    }
    g_assert_cmpuint(drain_damaged(&world, 3), ==, 3);
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_CORRUPT], ==, 5);
    g_autofree char *notes = g_build_filename(world.directory, "notes.txt", NULL);
    g_assert_true(g_file_test(notes, G_FILE_TEST_EXISTS));
    world_clear(&world);
}

static void test_q10_what_is_done_is_torn(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 3);
    vedette_spool_acknowledge(world.spool, vedette_spool_dequeue(world.spool, 1, 0));
    world_close(&world);
    g_autofree char *path = only_file(&world, ".spool");
    change_database(path, "UPDATE done SET bits=x'0102030406'");
    g_assert_cmpuint(drain_damaged(&world, 3), ==, 3); /* come again, rather than not at all */
    world_clear(&world);
}

static void test_q10_a_later_version_is_set_aside_untouched(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 3);
    world_close(&world);
    g_autofree char *path = only_file(&world, ".spool");
    change_database(path, "PRAGMA user_version=2");
    g_assert_cmpuint(drain_damaged(&world, 3), ==, 0);
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_CORRUPT], ==, 3);
    world_close(&world);
    g_autofree char *bad = only_file(&world, ".spool.bad");
    change_database(bad, "PRAGMA user_version=1"); /* what the later program wrote is all there */
    g_assert_cmpint(g_rename(bad, path), ==, 0);
    g_assert_cmpuint(drain_damaged(&world, 3), ==, 3);
    world_clear(&world);
}

/* Missing while stopped: what is there is given out. Missing while running: counted. */
static void test_q11_a_file_is_missing(void)
{
    for (guint which = 0; which < 3; which++) {
        struct spool_world world;
        world_init(&world);
        world.config.file_bytes = 4096; /* a file for each record */
        world_open(&world);
        world_put_many(&world, 3);
        world_close(&world);
        g_autoptr(GPtrArray) files = world_files(&world, ".spool");
        g_assert_cmpuint(files->len, ==, 3);
        g_unlink(g_ptr_array_index(files, which));
        world_open(&world);
        struct vedette_spool_stats stats = world_stats(&world);
        g_assert_cmpint(stats.missing_files, ==, 1);
        g_assert_cmpint(stats.losses[VEDETTE_SPOOL_CORRUPT], ==, 1);
        g_assert_nonnull(strstr(stats.last_error, "is missing"));
        world_close(&world);
        g_assert_cmpuint(drain_cut(&world, 3), ==, 2); /* it was counted before */
        world_reopen(&world); /* what was told once is not told again, and what was drained is not missing */
        g_assert_cmpint(world_stats(&world).missing_files, ==, 0);
        world_clear(&world);
    }
}

static guint count_files(const struct spool_world *world, const char *suffix)
{
    g_autoptr(GPtrArray) files = world_files(world, suffix);
    return files->len;
}

static void note_path(void *data, const struct vedette_spool_file *file)
{
    if (!g_file_test(file->path, G_FILE_TEST_EXISTS))
        g_string_append(data, file->path);
}

/* Names count in hexadecimal digits: the sixteenth file is 10. */
static void test_q11_the_missing_one_is_named_as_it_was(void)
{
    struct spool_world world;
    g_autoptr(GString) missing = g_string_new(NULL);
    world_init(&world);
    world.config.file_bytes = 4096; /* a file for each record */
    world_open(&world);
    world_put_many(&world, 16);
    world_close(&world);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool");
    g_assert_cmpuint(files->len, ==, 16);
    const char *tenth = g_ptr_array_index(files, 9), *last = g_ptr_array_index(files, 15);
    g_autofree char *stem = g_strndup(strrchr(tenth, '/') + 1, 16), *bad = g_strconcat(last, ".bad", NULL);
    g_assert_true(g_str_has_suffix(stem, "a"));
    g_unlink(tenth);
    g_assert_cmpint(g_rename(last, bad), ==, 0); /* of which nothing is to be said any more */
    g_assert_true(vedette_spool_verify(world.directory, note_path, missing, NULL));
    g_assert_true(g_str_has_suffix(missing->str, stem));
    world_open(&world);
    struct vedette_spool_stats stats = world_stats(&world);
    g_assert_cmpint(stats.missing_files, ==, 1);
    g_assert_nonnull(strstr(stats.last_error, stem));
    world_clear(&world);
}

/* What was set aside keeps its number: the next that is damaged stands beside it, younger by its name. */
static void test_q10_what_was_set_aside_is_not_written_over(void)
{
    enum { TIMES = 3, KEPT = 2 };
    struct spool_world world;
    world_init(&world);
    world.config.max_bad_files = KEPT;
    g_autofree char *newest = NULL;
    for (int i = 0; i < TIMES; i++) {
        world_open(&world);
        g_autofree char *text = g_strdup_printf("of start %d", i);
        g_assert_true(world_put(&world, "shop", 5, text));
        world_close(&world);
        g_autofree char *path = only_file(&world, ".spool");
        write_file(path, "no database", strlen("no database"));
        world_open(&world);
        g_autofree char *none = world_drain_text(&world);
        g_assert_cmpstr(none, ==, "");
        world_close(&world);
        g_assert_cmpuint(count_files(&world, ".spool.bad"), ==, MIN(i + 1, KEPT));
        g_free(newest);
        newest = g_strconcat(path, ".bad", NULL);
        g_assert_true(g_file_test(newest, G_FILE_TEST_EXISTS));
    }
    world_clear(&world);
}

/* A file of a number that an earlier one was set aside with is missed all the same. */
static void test_q11_one_that_was_set_aside_hides_no_loss(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 1);
    world_close(&world);
    g_autofree char *first = only_file(&world, ".spool"), *bad = g_strconcat(first, ".bad", NULL);
    g_assert_cmpint(g_rename(first, bad), ==, 0);
    world_open(&world);
    world_put_many(&world, 4);
    world_close(&world);
    g_autofree char *second = only_file(&world, ".spool");
    g_unlink(second);
    world_open(&world);
    g_assert_cmpint(world_stats(&world).missing_files, ==, 1);
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_CORRUPT], ==, 4);
    world_clear(&world);
}

/* A crash came when the next file was just made: nothing was ever in it. */
static void test_q11_a_file_that_was_just_made_is_no_damage(void)
{
    static const char name[] = "0000000000000063.spool";
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 3);
    world_close(&world);
    g_autofree char *path = g_build_filename(world.directory, name, NULL);
    write_file(path, "", 0);
    world_open(&world);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 3);
    g_assert_cmpint(world_stats(&world).bad_files, ==, 0);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_cmpuint(count_files(&world, ".bad"), ==, 0);
    world_clear(&world);
}

/* Nothing is claimed where it is not known. */
static void test_q11_a_ledger_that_is_not_as_it_was_written_claims_nothing(void)
{
    static const char *const texts[] = {"", "vedette spool ledger 1\n", "vedette spool ledger 1\n0000000000000009 5\n",
                                        "vedette spool ledger 1\n0000000000000009 5\n00000000\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        struct spool_world world;
        world_init(&world);
        world_open(&world);
        world_put_many(&world, 3);
        world_close(&world);
        g_autofree char *ledger = g_build_filename(world.directory, "ledger", NULL);
        g_assert_true(g_file_test(ledger, G_FILE_TEST_EXISTS));
        g_assert_true(g_file_set_contents(ledger, texts[i], -1, NULL));
        world_open(&world);
        g_assert_cmpint(world_stats(&world).missing_files, ==, 0);
        g_autoptr(GPtrArray) drained = world_drain(&world);
        g_assert_cmpuint(drained->len, ==, 3);
        world_close(&world);
        g_assert_false(g_file_test(ledger, G_FILE_TEST_EXISTS)); /* nothing waits */
        world_clear(&world);
    }
}

/* A clean end notes what waits to the record; a file that was never sealed counts as it was noted. */
static void test_q11_all_files_are_missing(void)
{
    struct spool_world world;
    world_init(&world);
    world_open(&world);
    world_put_many(&world, 10);
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world.spool, 4, 0);
    g_assert_cmpuint(batch->count, ==, 4);
    vedette_spool_acknowledge(world.spool, batch);
    world_close(&world);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool");
    for (guint i = 0; i < files->len; i++)
        g_unlink(g_ptr_array_index(files, i));
    world_open(&world);
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_CORRUPT], ==, 6);
    g_assert_true(world_put(&world, "shop", 5, "fresh"));
    g_autofree char *text = world_drain_text(&world);
    g_assert_cmpstr(text, ==, "fresh");
    world_clear(&world);
}

static void test_q11_a_file_vanishes_before_it_is_read(void)
{
    struct spool_world world;
    world_init(&world);
    world.config.file_bytes = 20000;
    world.config.max_memory_bytes = 0;
    world_open(&world);
    world_put_many(&world, 1000);
    world_reopen(&world);
    world_await_read(&world);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool");
    g_assert_cmpuint(files->len, >, 8); /* more than have a connection */
    g_unlink(g_ptr_array_index(files, 1));
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, <, 1000);
    g_assert_cmpint(texts->len + world_stats(&world).losses[VEDETTE_SPOOL_CORRUPT], ==, 1000);
    world_clear(&world);
}

/* A start while no read is answered. */
struct start {
    struct spool_world *world;
    int64_t bytes_read; /* by the thread that opens */
    struct vedette_spool_stats stats;
    bool is_open; /* atomic */
};

static void *open_unread(void *data)
{
    struct start *start = data;
    world_open(start->world);
    start->bytes_read = shim_bytes_read();
    start->stats = world_stats(start->world);
    __atomic_store_n(&start->is_open, true, __ATOMIC_RELEASE);
    return NULL;
}

static void assert_opens_unread(struct spool_world *world, int count, int records)
{
    struct start start = {.world = world};
    pthread_t thread;
    shim_hold_reads(true);
    g_assert_cmpint(pthread_create(&thread, NULL, open_unread, &start), ==, 0);
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (!__atomic_load_n(&start.is_open, __ATOMIC_ACQUIRE)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us); /* it waits for what lies there to be read */
        g_usleep(200);
    }
    shim_hold_reads(false);
    pthread_join(thread, NULL);
    g_assert_cmpint(start.bytes_read, ==, 0);
    g_assert_cmpint(start.stats.files_unread, ==, count);
    g_assert_cmpint(start.stats.total_queued, ==, (int64_t)count * records);
}

/* The names alone are read at the start, however many files there are; the rest in the background. */
static void test_q22_a_start_reads_no_more_for_more_files(void)
{
    enum { RECORDS = 10 };
    static const int counts[] = {10, 3000};
    shim_register();
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        struct spool_world world;
        world_init(&world);
        world.config.vfs = SHIM_VFS;
        world.config.max_queue_size = 1000000;
        world_open(&world);
        world_put_many(&world, RECORDS);
        world_close(&world);
        g_autofree char *path = only_file(&world, ".spool");
        for (int number = 2; number <= counts[i]; number++) {
            g_autofree char *name = g_strdup_printf("%016x-10-10-80.spool", number);
            g_autofree char *other = g_build_filename(world.directory, name, NULL);
            g_assert_cmpint(link(path, other), ==, 0);
        }
        assert_opens_unread(&world, counts[i], RECORDS);
        world_clear(&world);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool/q06_the_last_file_cut_at_every_byte", test_q06_the_last_file_cut_at_every_byte);
    g_test_add_func("/spool/q07_one_bit_flipped_at_every_byte", test_q07_one_bit_flipped_at_every_byte);
    g_test_add_func("/spool/q08_rows_that_were_never_written", test_q08_rows_that_were_never_written);
    g_test_add_func("/spool/q08_pages_behind_the_end_do_no_harm", test_q08_pages_behind_the_end_do_no_harm);
    g_test_add_func("/spool/q09_what_stands_behind_a_corrupt_record_is_given_out",
                    test_q09_what_stands_behind_a_corrupt_record_is_given_out);
    g_test_add_func("/spool/q10_files_that_are_none_of_ours_or_half_made",
                    test_q10_files_that_are_none_of_ours_or_half_made);
    g_test_add_func("/spool/q10_what_is_done_is_torn", test_q10_what_is_done_is_torn);
    g_test_add_func("/spool/q10_a_later_version_is_set_aside_untouched",
                    test_q10_a_later_version_is_set_aside_untouched);
    g_test_add_func("/spool/q10_what_was_set_aside_is_not_written_over",
                    test_q10_what_was_set_aside_is_not_written_over);
    g_test_add_func("/spool/q11_one_that_was_set_aside_hides_no_loss", test_q11_one_that_was_set_aside_hides_no_loss);
    g_test_add_func("/spool/q11_a_file_is_missing", test_q11_a_file_is_missing);
    g_test_add_func("/spool/q11_the_missing_one_is_named_as_it_was", test_q11_the_missing_one_is_named_as_it_was);
    g_test_add_func("/spool/q11_a_file_that_was_just_made_is_no_damage",
                    test_q11_a_file_that_was_just_made_is_no_damage);
    g_test_add_func("/spool/q11_all_files_are_missing", test_q11_all_files_are_missing);
    g_test_add_func("/spool/q11_a_ledger_that_is_not_as_it_was_written_claims_nothing",
                    test_q11_a_ledger_that_is_not_as_it_was_written_claims_nothing);
    g_test_add_func("/spool/q11_a_file_vanishes_before_it_is_read", test_q11_a_file_vanishes_before_it_is_read);
    g_test_add_func("/spool/q22_a_start_reads_no_more_for_more_files", test_q22_a_start_reads_no_more_for_more_files);
    return g_test_run();
}
