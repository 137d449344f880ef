/* Emptying a spool whose disk fails, or into a store that refuses: it ends, in words, and what is left stays. */
#include "hub/drain.h"

#include "../resilience/shim_vfs.h"
#include "../resilience/spool_world.h"
#include "base/counter.h"
#include "base/id.h"

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
    int64_t stored;
    g_assert_false(drain_all(world.spool, breaker, &parts, NULL, &stored, &error));
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

/* ---- a type that the store refuses ---- */

#define AT "\"2026-01-01T00:00:00.000Z\""
static const char signal_rest[] =
    "\"service\":\"safety\",\"kind\":\"intrusion\",\"severity\":\"high\",\"started_at\":" AT;
static const char crossing_rest[] =
    "\"line_id\":\"door\",\"track_id\":7,\"direction\":\"in\",\"at\":" AT ",\"box\":[0,0,0.1,0.1]";

/* Their ids begin with the letter, and go on as they were put in. */
static void put_events(struct spool_world *world, char letter, const char *type, const char *rest, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        g_autofree char *id = g_strdup_printf("%c-%03d", letter, i);
        g_autofree char *text = g_strdup_printf(
            "{\"id\":\"%s\",\"type\":\"%s\",\"org_id\":\"default\",\"site_id\":\"default\",\"camera_id\":\"door\","
            "\"occurred_at\":" AT ",\"received_at\":" AT
            ",\"priority\":5,\"payload\":{\"id\":\"%s\",\"camera_id\":\"door\",%s}}",
            id, type, id, rest);
        g_assert_true(world_put(world, "default", 5, text));
    }
}
#undef AT

struct refusing_store {
    char *directory;
    struct settings settings;
    struct server_health health;
    struct store *store;
    sqlite3 *db; /* of someone who changes it meanwhile */
    struct vedette_breaker *breaker;
};

static void meddle(const struct refusing_store *refusing, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(refusing->db, sql, NULL, NULL, &why) != SQLITE_OK)
        g_error("%s: %s", sql, why);
}

/* It takes no signals. */
static void refusing_init(struct refusing_store *refusing)
{
    g_autoptr(GError) error = NULL;
    struct vedette_breaker_config config;
    *refusing = (struct refusing_store){.directory = g_dir_make_tmp("vedette-drain-XXXXXX", NULL)};
    record_init(&settings_descriptor, &refusing->settings);
    refusing->settings.store.late_days = 0; /* its records are of another time */
    refusing->settings.store.minimum_free_bytes = 0;
    refusing->store =
        store_open(refusing->directory, &refusing->settings.store, clock_system(), &refusing->health, &error);
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(refusing->directory, "vedette.db", NULL);
    g_assert_cmpint(sqlite3_open(path, &refusing->db), ==, SQLITE_OK);
    sqlite3_busy_timeout(refusing->db, WORLD_DEADLINE_US / 1000);
    meddle(refusing, "CREATE TRIGGER closed BEFORE INSERT ON events WHEN NEW.type = 'signal' BEGIN SELECT "
                     "RAISE(ABORT, 'closed'); END");
    vedette_breaker_config_init(&config);
    refusing->breaker = vedette_breaker_new(&config, NULL);
}

static void refusing_clear(struct refusing_store *refusing)
{
    vedette_breaker_free(refusing->breaker);
    sqlite3_close(refusing->db);
    store_close(refusing->store);
    record_clear(&settings_descriptor, &refusing->settings);
    world_remove(refusing->directory);
    g_free(refusing->directory);
}

static int add_id(void *data, int columns, char **values, char **names)
{
    (void)columns, (void)names;
    g_string_append_printf(data, "%s ", values[0]);
    return 0;
}

/* "c-000 c-001 … ", as they were stored. */
static char *kept_ids(const struct refusing_store *refusing)
{
    GString *ids = g_string_new(NULL);
    g_assert_cmpint(sqlite3_exec(refusing->db, "SELECT id FROM events ORDER BY rowid", add_id, ids, NULL), ==,
                    SQLITE_OK);
    return g_string_free(ids, FALSE);
}

static char *ids_of(char letter, int count)
{
    GString *ids = g_string_new(NULL);
    for (int i = 0; i < count; i++)
        g_string_append_printf(ids, "%c-%03d ", letter, i);
    return g_string_free(ids, FALSE);
}

/* Returns how many were stored. */
static int64_t drain_into(struct refusing_store *refusing, const struct spool_world *world, GError **error)
{
    const struct record_path_parts parts = {.settings = &refusing->settings,
                                            .clock = clock_system(),
                                            .store = refusing->store,
                                            .health = &refusing->health};
    struct spool_world untold;
    world_init(&untold);
    world_open(&untold);
    int64_t stored;
    bool is_good = drain_all(world->spool, refusing->breaker, &parts, untold.spool, &stored, error);
    g_assert_cmpint(is_good, ==, *error == NULL);
    world_clear(&untold);
    return stored;
}

static int64_t count_failures(struct vedette_breaker *breaker)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(breaker, &stats);
    return stats.failures;
}

/* However many of it lie ahead, all others are stored, in order; what is refused waits, does not expire, and comes in
 * its order when it is taken again. */
static void test_a_refused_type_holds_up_no_other(void)
{
    enum { BATCH = 4, REFUSED = 3 * BATCH, OTHERS = 2 * BATCH };
    struct spool_world world;
    struct refusing_store refusing;
    g_autoptr(GError) error = NULL;
    refusing_init(&refusing);
    world_init(&world);
    world.config.batch_size = BATCH;
    world.config.max_queue_seconds = 10;
    world_open(&world);
    put_events(&world, 's', "signal", signal_rest, 0, REFUSED / 2);
    put_events(&world, 'c', "line_crossing", crossing_rest, 0, OTHERS / 2);
    put_events(&world, 's', "signal", signal_rest, REFUSED / 2, REFUSED / 2);
    put_events(&world, 'c', "line_crossing", crossing_rest, OTHERS / 2, OTHERS / 2);
    g_assert_cmpint(drain_into(&refusing, &world, &error), ==, OTHERS);
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "refuses records that are good (signal)"));
    g_autofree char *kept = kept_ids(&refusing), *others = ids_of('c', OTHERS);
    g_assert_cmpstr(kept, ==, others);
    g_assert_cmpint(world_stats(&world).total_queued, ==, REFUSED);
    g_assert_cmpint(world_stats(&world).deferred, ==, REFUSED);
    g_assert_cmpint(count_failures(refusing.breaker), ==, 0);
    world_pass_us(&world, 60 * INT64_C(1000000)); /* it is held, over the restart too */
    world_reopen(&world);
    meddle(&refusing, "DROP TRIGGER closed");
    world_await_read(&world);
    g_clear_error(&error);
    g_assert_cmpint(drain_into(&refusing, &world, &error), ==, REFUSED);
    g_assert_no_error(error);
    g_autofree char *all = kept_ids(&refusing), *refused = ids_of('s', REFUSED);
    g_assert_true(g_str_has_prefix(all, others));
    g_assert_cmpstr(all + strlen(others), ==, refused);
    g_assert_cmpint(counter_get(&refusing.health.records_rejected), ==, 0);
    world_clear(&world);
    refusing_clear(&refusing);
}

/* Each batch is stored, but takes so long that the breaker opens: that is no failure, and the rest comes as well. */
static void test_a_slow_store_is_waited_for(void)
{
    enum { BATCH = 2, EVENTS = 5 * BATCH };
    struct spool_world world;
    struct refusing_store slow;
    struct vedette_breaker_config config;
    struct vedette_breaker_stats stats;
    g_autoptr(GError) error = NULL;
    refusing_init(&slow);
    vedette_breaker_free(slow.breaker);
    vedette_breaker_config_init(&config);
    config.failure_threshold = 2;
    config.slow_call_us = 1; /* every call */
    config.recovery_timeout_us = config.recovery_timeout_max_us = 1000;
    slow.breaker = vedette_breaker_new(&config, NULL);
    world_init(&world);
    world.config.batch_size = BATCH;
    world_open(&world);
    put_events(&world, 'c', "line_crossing", crossing_rest, 0, EVENTS);
    g_assert_cmpint(drain_into(&slow, &world, &error), ==, EVENTS);
    g_assert_no_error(error);
    g_assert_cmpint(world_stats(&world).total_queued, ==, 0);
    vedette_breaker_get_stats(slow.breaker, &stats);
    g_assert_cmpint(stats.openings, >, 0);
    world_clear(&world);
    refusing_clear(&slow);
}

static void do_nothing(void *data)
{
    (void)data;
}

static struct drain *start(struct refusing_store *refusing, const struct spool_world *world,
                           void (*stored_all)(void *data), void *data)
{
    const struct record_path_parts parts = {.settings = &refusing->settings,
                                            .clock = clock_system(),
                                            .data_dir = world->parent,
                                            .store = refusing->store,
                                            .health = &refusing->health};
    return drain_start(world->spool, refusing->breaker, &parts, stored_all, data, NULL);
}

static void await(bool (*condition)(void *data), void *data)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (!condition(data)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500);
    }
}

static void await_queue(struct spool_world *world, int64_t deferred, int64_t total)
{
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    for (struct vedette_spool_stats stats;
         stats = world_stats(world), stats.deferred != deferred || stats.total_queued != total;) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500);
    }
}

/* The same while the hub runs: what comes while its type is refused waits behind those that were refused, and all are
 * stored, in their order, once the store takes one. */
static void test_a_type_that_is_taken_again_comes_in_order(void)
{
    enum { BATCH = 2, EARLIER = 7, LATER = 5 };
    struct spool_world world;
    struct refusing_store refusing;
    refusing_init(&refusing);
    refusing.settings.spool.retry_seconds = refusing.settings.spool.retry_max_seconds = 0.01;
    world_init(&world);
    world.config.batch_size = BATCH;
    world_open(&world);
    put_events(&world, 's', "signal", signal_rest, 0, EARLIER);
    struct drain *drain = start(&refusing, &world, do_nothing, NULL);
    await_queue(&world, EARLIER, EARLIER);
    put_events(&world, 's', "signal", signal_rest, EARLIER, LATER);
    put_events(&world, 'c', "line_crossing", crossing_rest, 0, 1);
    await_queue(&world, EARLIER + LATER, EARLIER + LATER);
    meddle(&refusing, "DROP TRIGGER closed");
    await_queue(&world, 0, 0);
    g_autofree char *kept = kept_ids(&refusing), *signals = ids_of('s', EARLIER + LATER);
    g_assert_true(g_str_has_prefix(kept, "c-000 "));
    g_assert_cmpstr(kept + strlen("c-000 "), ==, signals);
    g_assert_true(drain_stop(drain));
    world_clear(&world);
    refusing_clear(&refusing);
}

static bool has_opened_twice(void *breaker)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(breaker, &stats);
    return stats.openings >= 2;
}

/* The file of the store was moved away under it: what is in the spool stays there, and comes once the file is back. */
static void test_a_spool_is_not_drained_into_a_file_that_is_gone(void)
{
    enum { BATCH = 2, EVENTS = 3 * BATCH };
    struct spool_world world;
    struct refusing_store away;
    struct vedette_breaker_config config;
    refusing_init(&away);
    vedette_breaker_free(away.breaker);
    vedette_breaker_config_init(&config);
    config.failure_threshold = 1;
    config.recovery_timeout_us = config.recovery_timeout_max_us = 1000;
    away.breaker = vedette_breaker_new(&config, NULL);
    world_init(&world);
    world.config.batch_size = BATCH;
    world_open(&world);
    g_autofree char *path = g_build_filename(away.directory, "vedette.db", NULL);
    g_autofree char *elsewhere = g_build_filename(away.directory, "elsewhere", NULL);
    g_assert_cmpint(rename(path, elsewhere), ==, 0);
    put_events(&world, 'c', "line_crossing", crossing_rest, 0, EVENTS);
    struct drain *drain = start(&away, &world, do_nothing, NULL);
    await(has_opened_twice, away.breaker);
    g_assert_cmpint(world_stats(&world).total_queued, ==, EVENTS);
    g_assert_cmpint(counter_get(&away.health.records_stored), ==, 0);
    g_assert_cmpint(rename(elsewhere, path), ==, 0);
    await_queue(&world, 0, 0);
    g_autofree char *kept = kept_ids(&away), *all = ids_of('c', EVENTS);
    g_assert_cmpstr(kept, ==, all);
    g_assert_true(drain_stop(drain));
    world_clear(&world);
    refusing_clear(&away);
}

struct hold {
    struct spool_world *world;
    int64_t deferred; /* once so many are */
    int is_held;      /* atomic */
};

/* As drain_start's stored_all: holds its thread until the spool is woken, as a stop does. */
static void hold_until_woken(void *data)
{
    struct hold *hold = data;
    if (hold->is_held || world_stats(hold->world).deferred < hold->deferred)
        return;
    __atomic_store_n(&hold->is_held, 1, __ATOMIC_RELEASE);
    g_assert_null(vedette_spool_dequeue(hold->world->spool, 0, WORLD_DEADLINE_US));
}

/* Whether it takes a type again: a store that hangs would keep the hub from closing its spool. What waits aside stays
 * for the next start. */
static void test_a_store_is_not_asked_by_a_stop(void)
{
    enum { REFUSED = 3 };
    struct spool_world world;
    struct refusing_store refusing;
    struct hold hold = {&world, REFUSED, 0};
    refusing_init(&refusing);
    refusing.settings.spool.retry_seconds = refusing.settings.spool.retry_max_seconds = 0.001; /* it would be by then */
    world_init(&world);
    world_open(&world);
    put_events(&world, 's', "signal", signal_rest, 0, REFUSED);
    struct drain *drain = start(&refusing, &world, hold_until_woken, &hold);
    int64_t until_us = g_get_monotonic_time() + WORLD_DEADLINE_US;
    while (!__atomic_load_n(&hold.is_held, __ATOMIC_ACQUIRE)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500);
    }
    meddle(&refusing, "DROP TRIGGER closed");
    g_assert_true(drain_stop(drain));
    g_assert_cmpint(world_stats(&world).deferred, ==, REFUSED);
    world_clear(&world);
    refusing_clear(&refusing);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/drain/an_unreadable_spool_ends_a_drain", test_an_unreadable_spool_ends_a_drain);
    g_test_add_func("/drain/a_refused_type_holds_up_no_other", test_a_refused_type_holds_up_no_other);
    g_test_add_func("/drain/a_type_that_is_taken_again_comes_in_order", test_a_type_that_is_taken_again_comes_in_order);
    g_test_add_func("/drain/a_store_is_not_asked_by_a_stop", test_a_store_is_not_asked_by_a_stop);
    g_test_add_func("/drain/a_spool_is_not_drained_into_a_file_that_is_gone",
                    test_a_spool_is_not_drained_into_a_file_that_is_gone);
    g_test_add_func("/drain/a_slow_store_is_waited_for", test_a_slow_store_is_waited_for);
    g_test_add_func("/drain/a_slow_spool_is_waited_for", test_a_slow_spool_is_waited_for);
    return g_test_run();
}
