/* The file that comes next is made ahead, and the log of a drained one is used again (cases Q5, Q12, Q13): what a kill
 * leaves of that, and what it takes on disk. */
#include "spool_world.h"

#include "base/fault.h"
#include "resilience/spool_internal.h"

enum {
    FILE_BYTES = 65536,
    FILES_ROOM = 40,
    HALF_RECORDS = 20, /* each takes two pages of a log, of which there are four times FILE_BYTES */
};

static void ahead_world_init(struct spool_world *world)
{
    world_init(world);
    world->config.file_bytes = FILE_BYTES;
    world->config.max_disk_bytes = (int64_t)FILES_ROOM * FILE_BYTES;
    world->config.max_queue_size = 100000;
    spool_seal_delay_us = INT64_C(3600) * WORLD_SECOND_US; /* what is not drained stays as it is */
    world_open(world);
}

static void ahead_world_clear(struct spool_world *world)
{
    world_clear(world);
    spool_seal_delay_us = WORLD_SECOND_US;
}

static bool put_one(struct spool_world *world)
{
    g_autofree char *text = g_strnfill(1000, 'x');
    return world_put(world, "shop", 5, text);
}

static guint count_named(const struct spool_world *world, const char *suffix)
{
    g_autoptr(GPtrArray) files = world_files(world, suffix);
    return files->len;
}

static void await_named(const struct spool_world *world, const char *suffix, guint wanted)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (count_named(world, suffix) != wanted) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(1000);
    }
}

static void fill_half(struct spool_world *world)
{
    for (int i = 0; i < HALF_RECORDS; i++)
        g_assert_true(put_one(world));
}

/* Until a drained file has left its log: several are written whole, and taken out. */
static void leave_a_spare(struct spool_world *world)
{
    while (world_stats(world).files < 2)
        g_assert_true(put_one(world));
    g_autoptr(GPtrArray) texts = world_drain(world);
    await_named(world, "spare", 1);
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (world_stats(world).files > 1)
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
}

static void await_counted(struct spool_world *world)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (world_stats(world).disk_bytes != world_count_bytes(world))
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
}

/* How many records the next start finds in what a kill would leave just now. */
static int64_t count_after_crash(const struct spool_world *world)
{
    struct spool_world crashed;
    g_autoptr(GPtrArray) files = world_files(world, "");
    world_init(&crashed);
    crashed.config = world->config;
    crashed.config.time.data = &crashed;
    g_mkdir(crashed.directory, 0700);
    for (guint i = 0; i < files->len; i++) {
        g_autofree char *name = g_path_get_basename(g_ptr_array_index(files, i)), *bytes = NULL;
        g_autofree char *to = g_build_filename(crashed.directory, name, NULL);
        gsize length;
        if (g_str_has_suffix(name, ".new")) /* the ledger's, just now */
            continue;
        bool is_there = g_file_get_contents(g_ptr_array_index(files, i), &bytes, &length, NULL);
        if (!is_there && strcmp(name, "spare") == 0) /* it is the next file's, just now */
            continue;
        g_assert_true(is_there);
        g_assert_true(g_file_set_contents(to, bytes, (gssize)length, NULL));
    }
    world_open(&crashed);
    world_await_read(&crashed);
    struct vedette_spool_stats stats = world_stats(&crashed);
    g_assert_cmpint(stats.losses[VEDETTE_SPOOL_CORRUPT] + stats.missing_files + stats.bad_files, ==, 0);
    await_counted(&crashed); /* nothing lies there that it does not know of */
    world_clear(&crashed);
    return stats.total_queued;
}

static void test_q05_the_next_file_is_there_before_it_is_needed(void)
{
    struct spool_world world;
    ahead_world_init(&world);
    g_assert_true(put_one(&world));
    g_assert_cmpuint(count_named(&world, ".spool"), ==, 1); /* of a spool that is hardly used there is one */
    fill_half(&world);
    await_named(&world, ".spool-wal", 2);
    g_assert_cmpint(world_stats(&world).files, ==, 1); /* it holds nothing yet */
    g_assert_cmpint(count_after_crash(&world), ==, HALF_RECORDS + 1);
    while (world_stats(&world).files < 2)
        g_assert_true(put_one(&world));
    g_assert_cmpint(count_after_crash(&world), ==, world_stats(&world).total_queued);
    ahead_world_clear(&world);
}

static void test_q05_what_is_made_ahead_goes_when_the_spool_is_closed(void)
{
    struct spool_world world;
    ahead_world_init(&world);
    leave_a_spare(&world);
    fill_half(&world);
    await_named(&world, ".spool-wal", 2);
    leave_a_spare(&world);
    g_autoptr(GPtrArray) texts = world_drain(&world);
    world_close(&world);
    g_assert_cmpuint(count_named(&world, "spare"), ==, 0);
    g_assert_cmpuint(count_named(&world, ".spool"), ==, 0);
    ahead_world_clear(&world);
}

static guint64 inode_of(const struct spool_world *world, const char *suffix, guint index)
{
    g_autoptr(GPtrArray) files = world_files(world, suffix);
    struct stat status;
    if (index >= files->len || stat(g_ptr_array_index(files, index), &status) != 0)
        return 0;
    return status.st_ino;
}

/* Until the kept log is that of the file that comes next. */
static void await_log(const struct spool_world *world, guint index, guint64 inode)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    g_assert_cmpuint(inode, !=, 0);
    while (inode_of(world, ".spool-wal", index) != inode)
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
}

/* Q12, Q13: it is the drained file's, whole, and none of that comes back. */
static void test_q13_a_log_that_is_used_again_gives_back_nothing_of_what_it_held(void)
{
    struct spool_world world;
    ahead_world_init(&world);
    leave_a_spare(&world);
    guint64 inode = inode_of(&world, "spare", 0);
    fill_half(&world);
    await_log(&world, 1, inode);
    for (int i = 0; world_stats(&world).files < 2 || i < 3; i++) {
        g_assert_true(put_one(&world));
        g_assert_cmpint(count_after_crash(&world), ==, world_stats(&world).total_queued);
    }
    ahead_world_clear(&world);
}

static int64_t spare_bytes(const struct spool_world *world)
{
    g_autoptr(GPtrArray) files = world_files(world, "spare");
    struct stat status;
    if (!files->len || stat(g_ptr_array_index(files, 0), &status) != 0)
        return 0;
    return status.st_size;
}

/* Until the log after it is there, whole: it is counted as such from before its first byte is written. */
static void await_spare(struct spool_world *world)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (!spare_bytes(world))
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
    await_counted(world);
}

static void begin_another(struct spool_world *world)
{
    int64_t files = world_stats(world).files;
    while (world_stats(world).files == files)
        g_assert_true(put_one(world));
}

/* Where nothing is drained no log is kept: one is made, so that the syncs of a backlog note no new length either. */
static void test_q05_a_backlog_gets_logs_that_grow_no_more(void)
{
    struct spool_world world;
    ahead_world_init(&world);
    spool_fill_step_bytes = 4096;
    g_assert_true(put_one(&world));
    fill_half(&world);
    await_spare(&world);
    guint64 inode = inode_of(&world, "spare", 0);
    begin_another(&world);
    fill_half(&world);
    await_log(&world, 2, inode);
    await_spare(&world); /* and so on */
    g_assert_cmpint(count_after_crash(&world), ==, world_stats(&world).total_queued);
    world_close(&world);
    g_assert_cmpuint(count_named(&world, "spare"), ==, 0);
    ahead_world_clear(&world);
}

static void test_q15_a_log_that_cannot_be_made_is_done_without(void)
{
#ifdef VEDETTE_FAULTS_ENABLED
    struct spool_world world;
    ahead_world_init(&world);
    spool_fill_step_bytes = 4096;
    fault_plan("spool.fill=2+");
    g_assert_true(put_one(&world));
    fill_half(&world);
    await_named(&world, ".spool-wal", 2);
    await_named(&world, "spare", 0);
    await_counted(&world);
    begin_another(&world);
    fault_plan(NULL);
    await_counted(&world);
    g_assert_cmpint(count_after_crash(&world), ==, world_stats(&world).total_queued);
    ahead_world_clear(&world);
#else
    g_test_skip("this build has no fault points (-Dfaults=true)");
#endif
}

static void test_q05_the_disk_bytes_hold_what_is_made_ahead(void)
{
    struct spool_world world;
    ahead_world_init(&world);
    leave_a_spare(&world);
    await_counted(&world);
    fill_half(&world);
    await_named(&world, "spare", 0);
    await_counted(&world);
    ahead_world_clear(&world);
}

/* What nobody needs yet takes nothing from what a spool may hold, and goes before any is refused for long. */
static void test_q05_what_is_made_ahead_gives_way_to_records(void)
{
    enum { ROUNDS = 3 };
    struct spool_world world;
    guint taken[ROUNDS] = {0};
    ahead_world_init(&world);
    for (int round = 0; round < ROUNDS; round++) {
        while (put_one(&world)) {
            taken[round]++;
            g_assert_cmpint(world_count_bytes(&world), <=, world.config.max_disk_bytes + FILE_BYTES);
        }
        int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
        while (count_named(&world, "spare"))
            g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_autoptr(GPtrArray) texts = world_drain(&world);
        g_assert_cmpuint(texts->len, >=, taken[round]);
        while (world_stats(&world).files > 1)
            g_assert_cmpint(g_get_monotonic_time(), <, until_us);
    }
    g_assert_cmpuint(taken[ROUNDS - 1], >=, taken[0] * 9 / 10);
    ahead_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    spool_ahead_bytes = 0;
    g_test_add_func("/spool/q05_the_next_file_is_there_before_it_is_needed",
                    test_q05_the_next_file_is_there_before_it_is_needed);
    g_test_add_func("/spool/q05_what_is_made_ahead_goes_when_the_spool_is_closed",
                    test_q05_what_is_made_ahead_goes_when_the_spool_is_closed);
    g_test_add_func("/spool/q13_a_log_that_is_used_again_gives_back_nothing_of_what_it_held",
                    test_q13_a_log_that_is_used_again_gives_back_nothing_of_what_it_held);
    g_test_add_func("/spool/q05_a_backlog_gets_logs_that_grow_no_more", test_q05_a_backlog_gets_logs_that_grow_no_more);
    g_test_add_func("/spool/q15_a_log_that_cannot_be_made_is_done_without",
                    test_q15_a_log_that_cannot_be_made_is_done_without);
    g_test_add_func("/spool/q05_the_disk_bytes_hold_what_is_made_ahead",
                    test_q05_the_disk_bytes_hold_what_is_made_ahead);
    g_test_add_func("/spool/q05_what_is_made_ahead_gives_way_to_records",
                    test_q05_what_is_made_ahead_gives_way_to_records);
    return g_test_run();
}
