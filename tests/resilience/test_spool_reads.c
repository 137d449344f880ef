/* Cases Q9, Q11 and Q15: reads that fail. Only bytes that are wrong, and files that are gone, cost records; a disk that
 * does not answer costs time. */
#include "spool_world.h"

#include "shim_vfs.h"

#include <fcntl.h>
#include <sqlite3.h>

/* On a disk that can be made to fail, with a file for every few records and none of them in memory. */
static void init(struct spool_world *world)
{
    world_init(world);
    shim_register();
    world->config.vfs = SHIM_VFS;
    world->config.file_bytes = 20000;
    world->config.max_memory_bytes = 0;
}

static void await_read_errors(struct spool_world *world, int64_t wanted, bool is_taking)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (world_stats(world).read_errors < wanted) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        if (!is_taking)
            g_usleep(200);
        else
            g_assert_null(vedette_spool_dequeue(world->spool, 0, 1000));
    }
}

/* Takes out until `count` have come. */
static void take_all(struct spool_world *world, guint count)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (g_hash_table_size(seen) < count) {
        g_autoptr(GPtrArray) texts = world_drain(world);
        for (guint i = 0; i < texts->len; i++)
            g_assert_true(g_hash_table_add(seen, g_strdup(g_ptr_array_index(texts, i))));
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
    }
    struct vedette_spool_stats stats = world_stats(world);
    g_assert_cmpint(stats.total_queued, ==, 0);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_CORRUPT], ==, 0);
    g_assert_cmpint(stats.bad_files, ==, 0);
}

static void test_q15_reads_that_fail_for_long_lose_nothing(void)
{
    enum { RECORDS = 300, FAILURES = 60 };
    struct spool_world world;
    init(&world);
    world_open(&world);
    world_put_many(&world, RECORDS);
    shim_plan(1, SQLITE_IOERR_READ, true);
    await_read_errors(&world, FAILURES, true);
    struct vedette_spool_stats stats = world_stats(&world);
    g_assert_cmpint(stats.total_queued, ==, RECORDS);
    g_assert_cmpint(stats.in_flight, ==, 0);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_CORRUPT], ==, 0);
    g_assert_cmpstr(stats.last_error, !=, "");
    shim_plan(0, 0, false);
    take_all(&world, RECORDS);
    world_clear(&world);
}

struct waiting {
    struct vedette_spool *spool;
    int is_over; /* atomic */
};

static void *wait_for_ever(void *data)
{
    struct waiting *waiting = data;
    g_assert_null(vedette_spool_dequeue(waiting->spool, 0, INT64_MAX));
    __atomic_store_n(&waiting->is_over, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Once, at any moment: while it asks the disk, and while it pauses. */
static void test_q15_who_waits_is_woken_while_reads_fail(void)
{
    enum { RECORDS = 300, TIMES = 10 };
    struct spool_world world;
    init(&world);
    world_open(&world);
    world_put_many(&world, RECORDS);
    shim_plan(1, SQLITE_IOERR_READ, true);
    for (int i = 0; i < TIMES; i++) {
        struct waiting waiting = {.spool = world.spool};
        pthread_t thread;
        int64_t read_errors = world_stats(&world).read_errors;
        g_assert_cmpint(pthread_create(&thread, NULL, wait_for_ever, &waiting), ==, 0);
        await_read_errors(&world, read_errors + 1 + i % 3, false);
        vedette_spool_wake(world.spool);
        int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
        while (!__atomic_load_n(&waiting.is_over, __ATOMIC_ACQUIRE)) {
            g_assert_cmpint(g_get_monotonic_time(), <, until_us);
            g_usleep(200);
        }
        pthread_join(thread, NULL);
    }
    shim_plan(0, 0, false);
    take_all(&world, RECORDS);
    world_clear(&world);
}

/* Those whose payload cannot be read are freed with the rest, and come with the next start. */
static void test_q15_closed_while_reads_fail(void)
{
    enum { RECORDS = 300, FAILURES = 3 };
    struct spool_world world;
    init(&world);
    world_open(&world);
    world_put_many(&world, RECORDS);
    shim_plan(1, SQLITE_IOERR_READ, true);
    await_read_errors(&world, FAILURES, true);
    shim_plan(0, 0, false);
    world_reopen(&world);
    take_all(&world, RECORDS);
    world_clear(&world);
}

/* More tries than once made a file's end. */
static void test_q15_a_start_from_a_disk_that_does_not_answer_loses_nothing(void)
{
    enum { RECORDS = 60, FAILURES = 7 };
    struct spool_world world;
    init(&world);
    world.config.file_bytes = 4 << 20; /* one file: all tries are its */
    world_open(&world);
    world_put_many(&world, RECORDS);
    world_close(&world);
    shim_plan(1, SQLITE_IOERR_READ, true);
    world_open(&world);
    await_read_errors(&world, FAILURES, false);
    g_assert_cmpint(world_stats(&world).total_queued, ==, RECORDS);
    shim_plan(0, 0, false);
    take_all(&world, RECORDS);
    world_clear(&world);
}

/* What came before so many readings had failed: some files have a connection, and are still read. */
static GPtrArray *take_until_errors(struct spool_world *world, int64_t failures)
{
    GPtrArray *batches = g_ptr_array_new();
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (world_stats(world).read_errors < failures) {
        struct vedette_spool_batch *batch = vedette_spool_dequeue(world->spool, 100, 1000);
        if (batch)
            g_ptr_array_add(batches, batch);
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
    }
    return batches;
}

static void return_batch(gpointer batch, gpointer spool)
{
    vedette_spool_return(spool, batch);
}

/* Its place is away, as when a file system was unmounted: nothing there is gone. */
static void test_q11_the_directory_is_away_for_a_while(void)
{
    enum { RECORDS = 600, FAILURES = 5 };
    struct spool_world world;
    init(&world);
    world_open(&world);
    world_put_many(&world, RECORDS);
    world_reopen(&world);
    world_await_read(&world);
    g_autofree char *elsewhere = g_build_filename(world.parent, "elsewhere", NULL);
    g_assert_cmpint(g_rename(world.directory, elsewhere), ==, 0);
    g_assert_cmpint(g_mkdir(world.directory, 0700), ==, 0); /* what the other one was mounted over */
    g_autoptr(GPtrArray) batches = take_until_errors(&world, FAILURES);
    g_assert_cmpint(g_rmdir(world.directory), ==, 0);
    g_assert_cmpint(g_rename(elsewhere, world.directory), ==, 0);
    g_ptr_array_foreach(batches, return_batch, world.spool);
    take_all(&world, RECORDS);
    world_clear(&world);
}

/* As is done on a disk that is nearly full, while the server runs: what lies there is given out, and more comes. */
static void test_q17_what_was_moved_and_linked_is_used_on(void)
{
    enum { BEFORE = 600, AFTER = 300 };
    struct spool_world world;
    init(&world);
    world_open(&world);
    world_put_many(&world, BEFORE);
    world_reopen(&world);
    g_autofree char *elsewhere = g_strconcat(world.parent, "-elsewhere", NULL);
    g_assert_cmpint(g_rename(world.parent, elsewhere), ==, 0);
    g_assert_cmpint(symlink(elsewhere, world.parent), ==, 0);
    take_all(&world, BEFORE);
    world_put_many(&world, AFTER);
    world_reopen(&world);
    take_all(&world, AFTER);
    world_close(&world);
    g_unlink(world.parent);
    g_assert_cmpint(g_rename(elsewhere, world.parent), ==, 0);
    world_clear(&world);
}

static void run(const char *const *words)
{
    int status = 1;
    g_assert_true(g_spawn_sync(NULL, (char **)(uintptr_t)words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                               &status, NULL));
    g_assert_cmpint(status, ==, 0);
}

/* What is locked and synced is not the copy: nothing is read from it or put into it, and all is there again with the
 * other. */
static void test_q17_a_copy_in_its_place_is_waited_out(void)
{
    enum { RECORDS = 600, FAILURES = 20 };
    struct spool_world world;
    init(&world);
    world_open(&world);
    world_put_many(&world, RECORDS);
    world_reopen(&world);
    world_await_read(&world);
    g_autofree char *elsewhere = g_build_filename(world.parent, "elsewhere", NULL);
    g_assert_cmpint(g_rename(world.directory, elsewhere), ==, 0);
    run((const char *[]){"cp", "-a", elsewhere, world.directory, NULL});
    g_autoptr(GPtrArray) batches = take_until_errors(&world, FAILURES);
    run((const char *[]){"rm", "-r", world.directory, NULL});
    g_assert_cmpint(g_rename(elsewhere, world.directory), ==, 0);
    g_ptr_array_foreach(batches, return_batch, world.spool);
    take_all(&world, RECORDS);
    world_clear(&world);
}

static void change_database(const char *path, const char *sql)
{
    sqlite3 *db;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}

/* After a step back to an earlier version: more files than are kept of damaged ones, and none is damaged. */
static void test_q10_none_goes_that_a_later_version_can_read(void)
{
    enum { RECORDS = 600, KEPT = 1 };
    struct spool_world world;
    init(&world);
    world.config.max_bad_files = KEPT;
    world_open(&world);
    world_put_many(&world, RECORDS);
    world_close(&world);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool");
    g_assert_cmpuint(files->len, >, KEPT + 1);
    for (guint i = 0; i < files->len; i++)
        change_database(g_ptr_array_index(files, i), "PRAGMA user_version=2");
    world_open(&world);
    g_autofree char *none = world_drain_text(&world);
    g_assert_cmpstr(none, ==, "");
    world_close(&world);
    for (guint i = 0; i < files->len; i++) {
        g_autofree char *bad = g_strconcat(g_ptr_array_index(files, i), ".bad", NULL);
        change_database(bad, "PRAGMA user_version=1");
        g_assert_cmpint(g_rename(bad, g_ptr_array_index(files, i)), ==, 0);
    }
    world_open(&world);
    take_all(&world, RECORDS);
    world_clear(&world);
}

/* What could not be read once, and can be now, was set aside for no fault of its own. */
static void test_q10_none_goes_that_can_be_read_whole(void)
{
    struct spool_world world;
    init(&world);
    world.config.max_bad_files = 0;
    world_open(&world);
    world_put_many(&world, 600);
    world_close(&world);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool");
    g_autofree char *whole = g_strconcat(g_ptr_array_index(files, 0), ".bad", NULL);
    g_assert_cmpint(g_rename(g_ptr_array_index(files, 0), whole), ==, 0);
    g_assert_true(g_file_set_contents(g_ptr_array_index(files, 1), "no database", -1, NULL));
    world_open(&world);
    g_autoptr(GPtrArray) rest = world_drain(&world);
    g_assert_cmpint(world_stats(&world).bad_files, ==, 1);
    world_close(&world);
    g_autoptr(GPtrArray) bad = world_files(&world, ".bad");
    g_assert_cmpuint(bad->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(bad, 0), ==, whole);
    world_clear(&world);
}

static void set_payload(const char *path, int row, const char *text)
{
    g_autofree char *sql = g_strdup_printf("UPDATE records SET payload=CAST('%s' AS BLOB) WHERE row=%d", text, row);
    change_database(path, sql);
}

/* It was lost, not done: as long as its file is there it is tried again with each start, and when somebody mends the
 * file that was set aside, it comes. */
static void test_q09_a_corrupt_record_is_not_noted_as_done(void)
{
    struct spool_world world;
    init(&world);
    world_open(&world);
    world_put_many(&world, 3);
    world_close(&world);
    g_autoptr(GPtrArray) files = world_files(&world, ".spool");
    set_payload(g_ptr_array_index(files, 0), 1, "recorD 0");
    world_open(&world);
    struct vedette_spool_batch *batch =
        vedette_spool_dequeue(world.spool, 2, WORLD_DEADLINE_US); /* and the third stays */
    g_assert_cmpuint(batch->count, ==, 1);
    vedette_spool_acknowledge(world.spool, batch);
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_CORRUPT], ==, 1);
    world_reopen(&world);
    g_autofree char *rest = world_drain_text(&world);
    g_assert_cmpstr(rest, ==, "record 2");
    world_close(&world);
    g_autoptr(GPtrArray) bad = world_files(&world, ".bad");
    g_assert_cmpuint(bad->len, ==, 1);
    g_autofree char *back = g_strndup(g_ptr_array_index(bad, 0), strlen(g_ptr_array_index(bad, 0)) - strlen(".bad"));
    set_payload(g_ptr_array_index(bad, 0), 1, "record 0");
    g_assert_cmpint(g_rename(g_ptr_array_index(bad, 0), back), ==, 0);
    world_open(&world);
    g_autofree char *mended = world_drain_text(&world);
    g_assert_true(g_str_has_prefix(mended, "record 0"));
    world_clear(&world);
}

enum { LARGE_RECORDS = 900, LARGE_BYTES = 1000 };

/* In one commit; SQLite keeps half a megabyte. */
static void put_more_than_is_cached(struct spool_world *world)
{
    g_autofree char *text = g_strnfill(LARGE_BYTES, 'x');
    struct vedette_spool_record records[LARGE_RECORDS];
    for (size_t i = 0; i < LARGE_RECORDS; i++)
        records[i] =
            (struct vedette_spool_record){.tenant = "shop", .priority = 5, .payload = text, .length = LARGE_BYTES};
    g_assert_true(vedette_spool_enqueue(world->spool, records, LARGE_RECORDS, NULL));
}

/* Changes a byte of a text wherever it stands in a file. */
static void spoil(const char *path, const char *text)
{
    g_autofree char *bytes = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    for (const char *at = bytes; (at = memmem(at, (size_t)(bytes + length - at), text, strlen(text))); at++)
        g_assert_cmpint(pwrite(fd, "R", 1, at - bytes), ==, 1);
    close(fd);
}

/* What a person shall look at is no room to give back, though all in it is done. */
static void test_q09_a_damaged_file_outlives_a_full_disk(void)
{
    struct spool_world world;
    init(&world);
    world.config.file_bytes = 4 << 20; /* all of it is in one */
    world_open(&world);
    world_put_many(&world, 1);
    put_more_than_is_cached(&world);
    g_autoptr(GPtrArray) wals = world_files(&world, ".spool-wal");
    spoil(g_ptr_array_index(wals, 0), "record 0"); /* in the file that is written to */
    g_autoptr(GPtrArray) rest = world_drain(&world);
    g_assert_cmpuint(rest->len, ==, LARGE_RECORDS);
    g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_CORRUPT], ==, 1);
    g_assert_true(world_put(&world, "shop", 5, "warm")); /* what the next commit reads is in memory then */
    g_autofree char *warm = world_drain_text(&world);
    g_assert_cmpstr(warm, ==, "warm");
    shim_plan(1, SQLITE_FULL, true);
    g_assert_false(world_put(&world, "shop", 5, "refused"));
    shim_plan(0, 0, false);
    g_assert_true(world_put(&world, "shop", 5, "taken"));
    g_autofree char *taken = world_drain_text(&world);
    g_assert_cmpstr(taken, ==, "taken");
    world_close(&world);
    g_autoptr(GPtrArray) bad = world_files(&world, ".spool.bad");
    g_assert_cmpuint(bad->len, ==, 1);
    g_autoptr(GPtrArray) reports = world_files(&world, ".bad.txt");
    g_assert_cmpuint(reports->len, ==, 1);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(g_ptr_array_index(reports, 0), &text, NULL, NULL));
    g_assert_nonnull(strstr(text, "Records lost: 1"));
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool/q09_a_damaged_file_outlives_a_full_disk", test_q09_a_damaged_file_outlives_a_full_disk);
    g_test_add_func("/spool/q09_a_corrupt_record_is_not_noted_as_done", test_q09_a_corrupt_record_is_not_noted_as_done);
    g_test_add_func("/spool/q10_none_goes_that_a_later_version_can_read",
                    test_q10_none_goes_that_a_later_version_can_read);
    g_test_add_func("/spool/q10_none_goes_that_can_be_read_whole", test_q10_none_goes_that_can_be_read_whole);
    g_test_add_func("/spool/q17_what_was_moved_and_linked_is_used_on", test_q17_what_was_moved_and_linked_is_used_on);
    g_test_add_func("/spool/q17_a_copy_in_its_place_is_waited_out", test_q17_a_copy_in_its_place_is_waited_out);
    g_test_add_func("/spool/q11_the_directory_is_away_for_a_while", test_q11_the_directory_is_away_for_a_while);
    g_test_add_func("/spool/q15_reads_that_fail_for_long_lose_nothing", test_q15_reads_that_fail_for_long_lose_nothing);
    g_test_add_func("/spool/q15_who_waits_is_woken_while_reads_fail", test_q15_who_waits_is_woken_while_reads_fail);
    g_test_add_func("/spool/q15_closed_while_reads_fail", test_q15_closed_while_reads_fail);
    g_test_add_func("/spool/q15_a_start_from_a_disk_that_does_not_answer_loses_nothing",
                    test_q15_a_start_from_a_disk_that_does_not_answer_loses_nothing);
    return g_test_run();
}
