/* Files that are full become plain databases, sooner or later, whatever fails, and what is not sealed yet is known
 * (cases Q5, Q7, Q13, Q15, Q21). What a kill would leave just now is a copy of the directory. */
#include "spool_world.h"

#include "base/fault.h"
#include "resilience/spool_internal.h"
#include "shim_vfs.h"

static const int64_t never_us = INT64_C(3600) * WORLD_SECOND_US;

static void set_delays(int64_t seal_delay_us, int64_t tick_us)
{
    spool_seal_delay_us = seal_delay_us;
    spool_tick_us = tick_us;
}

static void reset_delays(void)
{
    set_delays(WORLD_SECOND_US, WORLD_SECOND_US / 2);
}

/* Of small files: one for about eleven of the records that put_long puts in. */
static void small_world_init(struct spool_world *world)
{
    world_init(world);
    world->config.file_bytes = 24000; /* an empty one counts as 16 KiB */
    world->config.max_memory_bytes = 1000;
}

static void put_long(struct spool_world *world, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        g_autofree char *text = g_strdup_printf("record %d %0600d", i, i);
        g_assert_true(world_put(world, "shop", 5, text));
    }
}

static bool is_sealed_name(const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    return strchr(name, '-') != NULL;
}

static guint count_files(const struct spool_world *world, bool is_sealed)
{
    g_autoptr(GPtrArray) files = world_files(world, ".spool");
    guint count = 0;
    for (guint i = 0; i < files->len; i++)
        count += is_sealed_name(g_ptr_array_index(files, i)) == is_sealed;
    return count;
}

/* Until no more than `most` files are not sealed. */
static void await_unsealed(const struct spool_world *world, guint most)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (count_files(world, false) > most) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(1000);
    }
}

static int64_t count_after_crash(const struct spool_world *world)
{
    struct spool_world crashed;
    world_init_crashed(&crashed, world);
    world_open(&crashed);
    world_await_read(&crashed);
    int64_t queued = world_stats(&crashed).total_queued;
    world_clear(&crashed);
    return queued;
}

static void await_after_crash(const struct spool_world *world, int64_t queued)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (count_after_crash(world) != queued) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(5000);
    }
}

/* ---- Q7: WALs are damaged after a crash ---- */

static void flip_in_wal(const char *path)
{
    g_autofree char *wal = g_strconcat(path, "-wal", NULL), *bytes = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(wal, &bytes, &length, NULL));
    bytes[32 + 4 * 4120 + 500] ^= 1; /* in the fifth frame of many */
    g_assert_true(g_file_set_contents(wal, bytes, (gssize)length, NULL));
}

static void remove_wal(const char *path)
{
    g_autofree char *wal = g_strconcat(path, "-wal", NULL);
    g_assert_cmpint(g_unlink(wal), ==, 0);
}

static void cut_both(const char *path)
{
    g_autofree char *wal = g_strconcat(path, "-wal", NULL);
    g_assert_cmpint(truncate(path, 5000), ==, 0);
    g_assert_cmpint(truncate(wal, 2000), ==, 0);
}

static void add_up(void *data, const struct vedette_spool_file *file)
{
    int64_t *sums = data;
    sums[0] += file->good;
    sums[1] += file->lost;
}

/* SQLite takes a WAL for as long as it can read it. */
static void test_q07_what_a_damaged_wal_lost_is_counted_and_kept(void)
{
    enum { RECORDS = 60 };
    static void (*const damages[])(const char *path) = {flip_in_wal, remove_wal, cut_both};
    struct spool_world world;
    small_world_init(&world);
    set_delays(never_us, spool_tick_us);
    world_open(&world);
    put_long(&world, 0, RECORDS);
    for (size_t i = 0; i < G_N_ELEMENTS(damages); i++) {
        struct spool_world crashed;
        int64_t sums[2] = {0, 0};
        world_init_crashed(&crashed, &world);
        g_autoptr(GPtrArray) files = world_files(&crashed, ".spool");
        damages[i](g_ptr_array_index(files, 1));
        g_assert_true(vedette_spool_verify(crashed.directory, add_up, sums, NULL));
        g_assert_cmpint(sums[1], >, 0);
        g_assert_cmpint(sums[0] + sums[1], ==, RECORDS);
        world_open(&crashed);
        g_autoptr(GPtrArray) texts = world_drain(&crashed);
        g_assert_cmpuint(texts->len, ==, sums[0]);
        g_assert_cmpint(world_stats(&crashed).losses[VEDETTE_SPOOL_CORRUPT], ==, sums[1]);
        world_close(&crashed);
        g_autoptr(GPtrArray) bad = world_files(&crashed, ".spool.bad");
        g_assert_cmpuint(bad->len, ==, 1); /* for a person to look at */
        world_clear(&crashed);
    }
    world_clear(&world);
    reset_delays();
}

/* ---- Q13: after a crash ---- */

static void test_q13_what_a_crash_left_unsealed_is_sealed(void)
{
    struct spool_world world, crashed;
    small_world_init(&world);
    set_delays(never_us, spool_tick_us);
    world_open(&world);
    put_long(&world, 0, 100);
    world_init_crashed(&crashed, &world);
    world_clear(&world);
    g_assert_cmpuint(count_files(&crashed, false), >, 5);
    set_delays(0, spool_tick_us);
    world_open(&crashed);
    await_unsealed(&crashed, 0);
    g_autoptr(GPtrArray) texts = world_drain(&crashed);
    g_assert_cmpuint(texts->len, ==, 100);
    g_assert_cmpint(world_stats(&crashed).losses[VEDETTE_SPOOL_CORRUPT], ==, 0);
    world_clear(&crashed);
    reset_delays();
}

/* A start has no more to read whole after many crashes than after one. */
static void test_q13_crashes_in_a_row_leave_no_more_to_read(void)
{
    enum { CRASHES = 5, RECORDS = 20 };
    struct spool_world world, crashed;
    small_world_init(&world);
    set_delays(never_us, spool_tick_us);
    const guint most = spool_unsealed_files + 2; /* one is written to, another may be sealed just now */
    world_open(&world);
    put_long(&world, 0, 300);
    for (int i = 0; i < CRASHES; i++) {
        world_init_crashed(&crashed, &world);
        world_clear(&world);
        world = crashed;
        world.config.time.data = &world;
        g_assert_cmpuint(count_files(&world, false), >=, spool_unsealed_files);
        g_assert_cmpuint(count_files(&world, false), <=, most);
        world_open(&world);
        put_long(&world, 300 + i * RECORDS, RECORDS);
    }
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 300 + CRASHES * RECORDS);
    world_clear(&world);
    reset_delays();
}

/* ---- Q5: what it takes on disk ---- */

/* A WAL holds a page for each small commit: that counts, is bounded, and ends with the seal. */
static void test_q05_the_disk_bytes_are_those_of_the_files(void)
{
    enum { FILE_BYTES = 65536, RECORDS = 600 };
    struct spool_world world, crashed;
    world_init(&world);
    world.config.file_bytes = FILE_BYTES;
    world.config.max_memory_bytes = 0;
    set_delays(never_us, spool_tick_us);
    world_open(&world);
    put_long(&world, 0, RECORDS);
    g_assert_cmpint(world_stats(&world).disk_bytes, ==, world_count_bytes(&world));
    g_autoptr(GPtrArray) wals = world_files(&world, "-wal");
    g_assert_cmpuint(wals->len, >, 5);
    for (guint i = 0; i < wals->len; i++) {
        struct stat status;
        g_assert_cmpint(stat(g_ptr_array_index(wals, i), &status), ==, 0);
        g_assert_cmpint(status.st_size, <=, 5 * FILE_BYTES);
    }
    world_init_crashed(&crashed, &world);
    world_open(&crashed);
    g_assert_cmpint(world_stats(&crashed).disk_bytes, ==, world_count_bytes(&crashed)); /* from the start */
    world_clear(&crashed);
    world_close(&world);
    set_delays(0, spool_tick_us); /* while no thread reads it */
    world_open(&world);
    world_await_read(&world);
    g_assert_cmpint(world_stats(&world).disk_bytes, ==, world_count_bytes(&world));
    g_assert_cmpint(world_stats(&world).disk_bytes, <, 2 * RECORDS * 700);
    world_clear(&world);
    reset_delays();
}

static void test_q05_max_disk_bytes_holds_with_wals(void)
{
    enum { MOST = 1 << 20 };
    struct spool_world world;
    world_init(&world);
    world.config.file_bytes = 65536;
    world.config.max_disk_bytes = MOST;
    world.config.max_queue_size = 100000;
    world.config.max_memory_bytes = 0;
    world_open(&world);
    g_autofree char *text = g_strnfill(1000, 'x');
    guint taken = 0;
    while (world_put(&world, "shop", 5, text)) {
        taken++;
        g_assert_cmpint(world_count_bytes(&world), <=, MOST + 16384); /* one commit may pass it by its pages */
    }
    g_assert_cmpuint(taken, >=, 400); /* and most of it is records */
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, taken);
    world_clear(&world);
}

static void await_put(struct spool_world *world, const char *text)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (!world_put(world, "shop", 5, text))
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
}

/* The WAL of a few small records takes all there may be; once they are done, so is it. */
static void test_q05_a_drained_spool_takes_again_what_the_disk_bound_allows(void)
{
    enum { FILE_BYTES = 65536, ROUNDS = 3 };
    struct spool_world world;
    world_init(&world);
    world.config.file_bytes = FILE_BYTES;
    world.config.max_disk_bytes = 2 * FILE_BYTES;
    world_open(&world);
    for (int round = 0; round < ROUNDS; round++) {
        while (world_put(&world, "shop", 5, "x"))
            ;
        g_assert_cmpint(world_stats(&world).losses[VEDETTE_SPOOL_REJECTED_DISK], >, round);
        g_autoptr(GPtrArray) texts = world_drain(&world);
        g_assert_cmpuint(texts->len, >, 0);
        await_put(&world, "taken again");
    }
    world_clear(&world);
}

/* And so it does when the last record of it stays: its WAL is written into it. */
static void test_q05_a_wal_that_takes_all_there_may_be_is_sealed(void)
{
    enum { FILE_BYTES = 65536 };
    struct spool_world world;
    world_init(&world);
    spool_seal_delay_us = 1000;
    world.config.file_bytes = FILE_BYTES;
    world.config.max_disk_bytes = 4 * FILE_BYTES;
    world_open(&world);
    while (world_put(&world, "shop", 5, "x"))
        ;
    await_put(&world, "taken again");
    g_assert_cmpint(world_stats(&world).disk_bytes, <=, 2 * FILE_BYTES);
    world_clear(&world);
    reset_delays();
}

static void test_q05_a_disk_bound_of_less_than_two_files_is_refused(void)
{
    struct spool_world world;
    struct vedette_spool_error error;
    world_init(&world);
    world.config.max_disk_bytes = 2 * world.config.file_bytes - 1;
    g_assert_null(vedette_spool_open(world.directory, &world.config, &error));
    g_assert_cmpint(error.kind, ==, VEDETTE_SPOOL_INVALID);
    g_assert_nonnull(strstr(error.text, "max_disk_bytes"));
    world_clear(&world);
}

/* ---- Q15: sealing fails ---- */

#ifdef VEDETTE_FAULTS_ENABLED
static void await_write_errors(struct spool_world *world, int64_t wanted)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (world_stats(world).write_errors < wanted) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(1000);
    }
}

/* The name is the new one whether or not the directory could be synced: all is still given out. */
static void test_q15_a_seal_whose_name_is_not_synced_loses_nothing(void)
{
    struct spool_world world;
    shim_register();
    small_world_init(&world);
    world.config.vfs = SHIM_VFS;
    set_delays(0, spool_tick_us);
    world_open(&world);
    shim_hold_deletes(true); /* no file is sealed before */
    put_long(&world, 0, 40);
    fault_plan("spool.directory-sync=1+");
    shim_hold_deletes(false);
    await_unsealed(&world, 1); /* the one that is written to */
    await_write_errors(&world, 1);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    fault_plan(NULL);
    struct vedette_spool_stats stats = world_stats(&world);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_CORRUPT], ==, 0);
    g_assert_cmpint(stats.bad_files, ==, 0);
    g_assert_cmpuint(texts->len, ==, 40);
    world_clear(&world);
    reset_delays();
}

static void test_q15_a_seal_that_failed_is_tried_again(void)
{
    struct spool_world world;
    small_world_init(&world);
    set_delays(1000, spool_tick_us);
    world_open(&world);
    fault_plan("spool.seal=1+");
    put_long(&world, 0, 40);
    await_write_errors(&world, 2);
    g_assert_cmpuint(count_files(&world, true), ==, 0);
    fault_plan(NULL);
    await_unsealed(&world, 1); /* the one that is written to */
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 40);
    world_clear(&world);
    reset_delays();
}

/* All of it is done: it goes when it can, and does not come again when it cannot. */
static void test_q15_a_drained_file_that_cannot_be_removed_does_not_come_again(void)
{
    struct spool_world world;
    small_world_init(&world);
    set_delays(0, 1000);
    for (int round = 0; round < 2; round++) {
        bool is_closed_stuck = round == 1;
        world_open(&world);
        fault_plan("spool.unlink=1+");
        put_long(&world, 0, 40);
        g_autoptr(GPtrArray) texts = world_drain(&world);
        g_assert_cmpuint(texts->len, ==, 40);
        if (is_closed_stuck)
            world_close(&world);
        g_autoptr(GPtrArray) stuck = world_files(&world, ".spool");
        g_assert_cmpuint(stuck->len, >, 2);
        fault_plan(NULL);
        if (is_closed_stuck)
            world_open(&world);
        world_await_read(&world);
        g_assert_cmpint(world_stats(&world).total_queued, ==, 0);
        for (int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US; world_stats(&world).files > 1;) {
            g_assert_cmpint(g_get_monotonic_time(), <, until_us);
            g_usleep(1000);
        }
        world_close(&world);
        g_autoptr(GPtrArray) left = world_files(&world, ".spool");
        g_assert_cmpuint(left->len, ==, 0);
    }
    world_clear(&world);
    reset_delays();
}

/* A file that a failed write left alone is sealed as well. */
static void test_q15_a_file_that_could_not_be_written_is_sealed(void)
{
    struct spool_world world;
    small_world_init(&world);
    set_delays(0, spool_tick_us);
    world_open(&world);
    put_long(&world, 0, 3);
    fault_plan("spool.commit=1");
    put_long(&world, 3, 3);
    fault_plan(NULL);
    g_assert_cmpint(world_stats(&world).write_errors, ==, 1);
    await_unsealed(&world, 1);
    g_assert_cmpuint(count_files(&world, true), ==, 1);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    g_assert_cmpuint(texts->len, ==, 6);
    world_clear(&world);
    reset_delays();
}
#endif

/* ---- Q21: what is done is noted, wherever it is ---- */

static void acknowledge_some(struct spool_world *world, size_t count)
{
    struct vedette_spool_batch *batch = vedette_spool_dequeue(world->spool, count, 0);
    g_assert_nonnull(batch);
    g_assert_cmpuint(batch->count, ==, count);
    vedette_spool_acknowledge(world->spool, batch);
}

/* In files that wait for the sealer, and in the one that is written to; by a writer that sleeps. */
static void test_q21_what_is_done_is_noted_soon(void)
{
    static const int counts[] = {60, 6};
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        struct spool_world world;
        small_world_init(&world);
        world.config.oldest_every = 0;
        world.config.acknowledge_delay_us = 1000;
        set_delays(never_us, never_us);
        world_open(&world);
        put_long(&world, 0, counts[i]);
        acknowledge_some(&world, 3);
        await_after_crash(&world, counts[i] - 3);
        acknowledge_some(&world, 2); /* and a second time */
        await_after_crash(&world, counts[i] - 5);
        world_clear(&world);
        reset_delays();
    }
}

static void test_relaxed_records_are_written_by_a_writer_that_sleeps(void)
{
    struct spool_world world;
    small_world_init(&world);
    world.config.durability = VEDETTE_SPOOL_RELAXED;
    world.config.spill_delay_us = 1000;
    world.config.max_memory_bytes = 1 << 20;
    set_delays(never_us, never_us);
    world_open(&world);
    put_long(&world, 0, 3);
    await_after_crash(&world, 3);
    put_long(&world, 3, 3);
    await_after_crash(&world, 6);
    world_clear(&world);
    reset_delays();
}

static gpointer release_later(gpointer data)
{
    (void)data;
    g_usleep(50000); /* time to go wrong in */
    shim_hold_deletes(false);
    return NULL;
}

/* Sealing ends with its WAL deleted: held there, something of it is settled, and the spool is closed. */
static void test_q21_what_is_done_while_its_file_is_sealed_stays_done(void)
{
    struct spool_world world;
    shim_register();
    small_world_init(&world);
    world.config.vfs = SHIM_VFS;
    world.config.max_memory_bytes = 1 << 20;
    world.config.oldest_every = 0;
    set_delays(0, spool_tick_us);
    world_open(&world);
    shim_hold_deletes(true);
    put_long(&world, 0, 30);
    shim_await_held();
    acknowledge_some(&world, 5);
    GThread *thread = g_thread_new("release", release_later, NULL);
    world_close(&world);
    g_thread_join(thread);
    world_open(&world);
    world_await_read(&world);
    g_assert_cmpint(world_stats(&world).total_queued, ==, 25);
    world_clear(&world);
    reset_delays();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool/q07_what_a_damaged_wal_lost_is_counted_and_kept",
                    test_q07_what_a_damaged_wal_lost_is_counted_and_kept);
    g_test_add_func("/spool/q13_what_a_crash_left_unsealed_is_sealed", test_q13_what_a_crash_left_unsealed_is_sealed);
    g_test_add_func("/spool/q13_crashes_in_a_row_leave_no_more_to_read",
                    test_q13_crashes_in_a_row_leave_no_more_to_read);
    g_test_add_func("/spool/q05_the_disk_bytes_are_those_of_the_files", test_q05_the_disk_bytes_are_those_of_the_files);
    g_test_add_func("/spool/q05_max_disk_bytes_holds_with_wals", test_q05_max_disk_bytes_holds_with_wals);
    g_test_add_func("/spool/q05_a_drained_spool_takes_again_what_the_disk_bound_allows",
                    test_q05_a_drained_spool_takes_again_what_the_disk_bound_allows);
    g_test_add_func("/spool/q05_a_wal_that_takes_all_there_may_be_is_sealed",
                    test_q05_a_wal_that_takes_all_there_may_be_is_sealed);
    g_test_add_func("/spool/q05_a_disk_bound_of_less_than_two_files_is_refused",
                    test_q05_a_disk_bound_of_less_than_two_files_is_refused);
#ifdef VEDETTE_FAULTS_ENABLED
    g_test_add_func("/spool/q15_a_seal_whose_name_is_not_synced_loses_nothing",
                    test_q15_a_seal_whose_name_is_not_synced_loses_nothing);
    g_test_add_func("/spool/q15_a_seal_that_failed_is_tried_again", test_q15_a_seal_that_failed_is_tried_again);
    g_test_add_func("/spool/q15_a_drained_file_that_cannot_be_removed_does_not_come_again",
                    test_q15_a_drained_file_that_cannot_be_removed_does_not_come_again);
    g_test_add_func("/spool/q15_a_file_that_could_not_be_written_is_sealed",
                    test_q15_a_file_that_could_not_be_written_is_sealed);
#endif
    g_test_add_func("/spool/q21_what_is_done_is_noted_soon", test_q21_what_is_done_is_noted_soon);
    g_test_add_func("/spool/q21_what_is_done_while_its_file_is_sealed_stays_done",
                    test_q21_what_is_done_while_its_file_is_sealed_stays_done);
    g_test_add_func("/spool/relaxed_records_are_written_by_a_writer_that_sleeps",
                    test_relaxed_records_are_written_by_a_writer_that_sleeps);
    return g_test_run();
}
