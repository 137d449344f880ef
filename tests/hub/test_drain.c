/* Emptying a spool whose disk fails: it ends, in words, and what is left stays. */
#include "hub/drain.h"

#include "../resilience/shim_vfs.h"
#include "../resilience/spool_world.h"

#include <sqlite3.h>

enum { RECORDS = 20 }; /* more than the spool keeps open */

static void test_an_unreadable_spool_ends_a_drain(void)
{
    struct spool_world world;
    struct record_path_parts parts = {0};
    struct vedette_breaker_config config;
    g_autoptr(GError) error = NULL;
    shim_register();
    world_init(&world);
    world.config.vfs = SHIM_VFS;
    world.config.max_memory_bytes = 0; /* all must be read */
    world.config.file_bytes = 4096;    /* a file for each record: the first are not open any more */
    world_open(&world);
    world_put_many(&world, RECORDS);
    world_reopen(&world);
    world_await_read(&world);
    vedette_breaker_config_init(&config);
    struct vedette_breaker *breaker = vedette_breaker_new(&config, NULL);
    shim_plan(1, SQLITE_IOERR_READ, true);
    world_pass_us(&world, 60 * INT64_C(1000000)); /* that long nothing came out */
    g_assert_cmpint(drain_all(world.spool, breaker, &parts, NULL, &error), ==, -1);
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "gives out none of the"));
    shim_plan(0, 0, false);
    g_assert_cmpint(world_stats(&world).total_queued, ==, RECORDS);
    vedette_breaker_free(breaker);
    world_clear(&world);
}

/* One that is only slow, or that failed once and gives records again, is waited for. */
static void test_a_slow_spool_is_waited_for(void)
{
    static const struct vedette_spool_stats slow[] = {
        {.total_queued = 5, .not_drained_us = INT64_MAX},
        {.total_queued = 5, .not_drained_us = 1000000, .read_errors = 4},
        {.total_queued = 0, .not_drained_us = INT64_MAX, .read_errors = 4},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(slow); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(record_path_is_hopeless(&slow[i], &error));
        g_assert_no_error(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/drain/an_unreadable_spool_ends_a_drain", test_an_unreadable_spool_ends_a_drain);
    g_test_add_func("/drain/a_slow_spool_is_waited_for", test_a_slow_spool_is_waited_for);
    return g_test_run();
}
