/* What PostgreSQL can do to the store: idle connections that die, locks that nobody lets go of, servers that write the
 * same orgs, migrations that start at once, days without a partition. */
#include "store_world.h"

#include <pthread.h>

#include "store/store_internal.h"

/* One that was ended while nobody used it costs nobody an error. */
static void test_idle_connections_that_died_are_not_used(void)
{
    struct store_world world;
    world_init(&world);
    for (int i = 0; i < 5; i++) {
        g_autoptr(GPtrArray) events = world_list(&world, (struct store_event_filter){.org_id = "default"});
        g_assert_cmpuint(events->len, ==, 0);
        g_autofree char *count = postgres_ask(
            world.database, "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = "
                            "'vedette_login' AND datname = current_database()");
        g_assert_cmpint(postgres_number(count), >=, 1);
    }
    world_clear(&world);
}

/* As where a dump was restored into a new cluster: it has no roles. What is written then is as good as before, and
 * whoever called it invalid would let it go. */
static void test_a_role_that_is_missing_is_no_fault_of_the_records(void)
{
    struct store_world world;
    world_init(&world);
    WORLD_WAIT_UNTIL(store_check(world.store, NULL));
    postgres_do("postgres", "ALTER ROLE vedette_app RENAME TO vedette_gone");
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, "a", "door", "in", world_start_ms));
    struct world_result result = world_store(&world, batch);
    g_assert_cmpint(result.code, ==, VEDETTE_ERROR_UNAVAILABLE);
    g_assert_nonnull(strstr(result.error, "vedette migrate roles"));
    g_free(result.error);
    WORLD_WAIT_UNTIL(!store_checker_read(world.store->checker, NULL)); /* also where nobody writes */
    postgres_do("postgres", "ALTER ROLE vedette_gone RENAME TO vedette_app");
    batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, "a", "door", "in", world_start_ms));
    g_assert_cmpint(world_store(&world, batch).new_records, ==, 1);
    WORLD_WAIT_UNTIL(store_check(world.store, NULL));
    world_clear(&world);
}

/* ---- waiting ---- */

static void test_a_lock_does_not_hold_the_store(void)
{
    struct store_world world;
    world_init(&world);
    store_close(world.store);
    struct store_settings settings = world_settings;
    settings.query_timeout_ms = 3000;
    g_autoptr(GError) error = NULL;
    world.store = world_open_with(&world, settings, &error);
    g_assert_no_error(error);
    PGconn *holder = postgres_connect("postgres", world.database);
    g_free(postgres_ask_on(holder, "BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE"));
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, "a", "door", "in", world_start_ms));
    struct world_result result = world_store(&world, batch);
    g_assert_nonnull(result.error);
    g_free(result.error);
    const struct store_event_filter filter = {.org_id = "default", .limit = 1};
    g_assert_null(store_events_list(world.store, &filter, NULL));
    g_free(postgres_ask_on(holder, "COMMIT")); /* closing alone does not wait until the lock is let go */
    PQfinish(holder);
    batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, "a", "door", "in", world_start_ms));
    g_assert_cmpint(world_store(&world, batch).new_records, ==, 1);
    world_clear(&world);
}

/* ---- servers that write at once ---- */

static struct analytics_event *crossing_of(struct store_world *world, const char *org_id, const char *line,
                                           int64_t at_ms)
{
    struct analytics_event *event = world_crossing(world, NULL, line, "in", at_ms);
    g_free(event->org_id);
    event->org_id = g_strdup(org_id);
    return event;
}

static void wait_for_a_waiting_one(const struct store_world *world)
{
    WORLD_WAIT_UNTIL(postgres_ask_number(world->database,
                                         "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                                         "AND wait_event_type = 'Lock'") == 1);
}

static void submit(struct store *store, GPtrArray *batch, struct world_result *result)
{
    g_autoptr(GError) error = NULL;
    store_events_submit(store, batch, world_done, result, &error);
    g_assert_no_error(error);
}

static GPtrArray *batch_of_orgs(struct store_world *world, int turn)
{
    static const char *const orgs[] = {"a", "b", "c"};
    GPtrArray *batch = world_batch_new();
    for (size_t i = 0; i < G_N_ELEMENTS(orgs); i++)
        g_ptr_array_add(batch,
                        crossing_of(world, orgs[turn % 2 ? G_N_ELEMENTS(orgs) - 1 - i : i], "door", world_start_ms));
    return batch;
}

static GPtrArray *batch_of_lines(struct store_world *world, int turn)
{
    enum { LINES = 20 };
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < LINES; i++) {
        g_autofree char *line = g_strdup_printf("line-%02d", turn % 2 ? LINES - 1 - i : i);
        g_ptr_array_add(batch, crossing_of(world, "default", line, world_start_ms));
    }
    return batch;
}

static GPtrArray *batch_of_hours(struct store_world *world, int turn)
{
    enum { HOURS = 3, HOUR_MS = 3600000 };
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < HOURS; i++)
        g_ptr_array_add(batch, crossing_of(world, "default", "door",
                                           world_start_ms + (turn % 2 ? HOURS - 1 - i : i) * INT64_C(1) * HOUR_MS));
    return batch;
}

/* A store that waits for the first of the rows that another server has, has none of the others: each is free to that
 * server, which would else wait for it in a circle. */
static void test_servers_lock_rows_in_one_order(void)
{
    static const struct {
        GPtrArray *(*batch)(struct store_world *world, int turn);
        const char *first, *others;
    } cases[] = {
        {batch_of_orgs, "UPDATE rollup_marks SET marks = marks WHERE org_id = 'a'",
         "UPDATE rollup_marks SET marks = marks WHERE org_id <> 'a'"},
        {batch_of_lines, "UPDATE counts SET at = at WHERE subject_id = 'line-00'",
         "UPDATE counts SET at = at WHERE subject_id <> 'line-00'"},
        {batch_of_hours, "UPDATE rollup_marks SET marks = marks WHERE bucket = (SELECT min(bucket) FROM rollup_marks)",
         "UPDATE rollup_marks SET marks = marks WHERE bucket > (SELECT min(bucket) FROM rollup_marks)"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct store_world world;
        world_init(&world);
        g_assert_cmpstr(world_store(&world, cases[i].batch(&world, 0)).error, ==, NULL);
        for (int turn = 1; turn <= 2; turn++) {
            struct world_result result = {0};
            PGconn *holder = postgres_connect("postgres", world.database);
            g_free(postgres_ask_on(holder, "BEGIN"));
            g_free(postgres_ask_on(holder, cases[i].first));
            submit(world.store, cases[i].batch(&world, turn), &result);
            wait_for_a_waiting_one(&world);
            g_free(postgres_ask_on(holder, cases[i].others));
            PQfinish(holder);
            world_wait(&result);
            g_assert_cmpstr(result.error, ==, NULL);
        }
        world_clear(&world);
    }
}

/* ---- migrations ---- */

static void *migrate(void *data)
{
    g_autoptr(GString) report = g_string_new(NULL);
    const struct store_settings settings = {
        .url = data, .connections = 2, .connect_timeout_ms = 20000, .query_timeout_ms = 60000};
    g_autoptr(GError) error = NULL;
    store_migrate("", &settings, clock_system(), false, report, &error);
    g_assert_no_error(error);
    int new_steps = 0;
    for (const char *at = report->str; (at = strstr(at, "  new ")); at++)
        new_steps++;
    return GINT_TO_POINTER(new_steps);
}

static void test_migrations_that_start_at_once(void)
{
    postgres_do("postgres", "CREATE DATABASE fresh");
    postgres_do("fresh", store_postgres_roles);
    g_autofree char *url = postgres_url("vedette_migrator", "fresh");
    /* A look at an empty database lists what is missing, and makes nothing. */
    const struct store_settings settings = {
        .url = url, .connections = 2, .connect_timeout_ms = 20000, .query_timeout_ms = 60000};
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) status = g_string_new(NULL);
    store_migrate("", &settings, clock_system(), true, status, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(status->str, "missing"));
    g_assert_null(strstr(status->str, "applied"));
    g_assert_cmpint(postgres_ask_number("fresh", "SELECT count(*) FROM pg_class WHERE relnamespace = "
                                                 "'public'::regnamespace"),
                    ==, 0);
    pthread_t threads[4];
    int migrated = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, migrate, url), ==, 0);
    int steps = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        steps += GPOINTER_TO_INT(result);
        migrated += GPOINTER_TO_INT(result) > 0;
    }
    g_assert_cmpint(migrated, ==, 1); /* one did all of it, the others found nothing left */
    g_assert_cmpint(steps, >, 0);
    postgres_do("postgres", "DROP DATABASE fresh");
}

static void *migrate_impatiently(void *data)
{
    const struct store_settings settings = {
        .url = data, .connections = 2, .connect_timeout_ms = 20000, .query_timeout_ms = 200};
    GError *error = NULL;
    store_migrate("", &settings, clock_system(), false, NULL, &error);
    return error;
}

/* The first takes longer than any query may. */
static void test_a_migration_waits_for_another(void)
{
    postgres_do("postgres", "CREATE DATABASE waiting TEMPLATE vedette_template");
    g_autofree char *url = postgres_url("vedette_migrator", "waiting");
    PGconn *first = postgres_connect("postgres", "waiting");
    pthread_t thread;
    void *error;
    g_free(postgres_ask_on(first, "BEGIN; SELECT pg_advisory_xact_lock(1986356325, 0)"));
    g_assert_cmpint(pthread_create(&thread, NULL, migrate_impatiently, url), ==, 0);
    WORLD_WAIT_UNTIL(postgres_ask_number("waiting", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = "
                                                    "'advisory' AND now() - query_start > interval '1 second'") == 1);
    PQfinish(first);
    pthread_join(thread, &error);
    g_assert_no_error((GError *)error);
    postgres_do("postgres", "DROP DATABASE waiting WITH (FORCE)");
}

static void test_unmigrated_and_changed_databases_are_refused(void)
{
    static const struct {
        const char *sql, *said;
    } cases[] = {
        {"DELETE FROM schema_migrations WHERE number = (SELECT max(number) FROM schema_migrations)",
         "vedette migrate up"},
        {"UPDATE schema_migrations SET sha256 = 'other'", "made with another text"},
        {"INSERT INTO schema_migrations VALUES (9999, 'x', 'x', now())", "made by a newer Vedette"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct store_world world;
        world_init(&world);
        store_close(world.store);
        postgres_do(world.database, cases[i].sql);
        g_autoptr(GError) error = NULL;
        world.store = world_open(&world, &error);
        g_assert_null(world.store);
        g_assert_nonnull(strstr(error->message, cases[i].said));
        world_clear(&world);
    }
}

/* Who asks is answered by the kind: that their login is wrong, or that they ask too often. */
static void test_what_it_may_not_or_cannot_hold_is_no_word_about_who_asks(void)
{
    static const char *const states[] = {"42501", "53100"};
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        struct store_world world;
        world_init(&world);
        g_autofree char *refuse =
            g_strdup_printf("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused' "
                            "USING ERRCODE = '%s'; END $$",
                            states[i]);
        postgres_do(world.database, refuse);
        postgres_do(world.database, "CREATE TRIGGER refusing BEFORE INSERT ON events FOR EACH ROW EXECUTE "
                                    "FUNCTION refuse()");
        GPtrArray *batch = world_batch_new();
        g_ptr_array_add(batch, world_crossing(&world, NULL, "door", "in", world_start_ms));
        struct world_result result = world_store(&world, batch);
        g_assert_nonnull(result.error);
        g_assert_cmpint(result.code, ==, VEDETTE_ERROR_UNAVAILABLE);
        g_free(result.error);
        world_clear(&world);
    }
}

/* ---- partitions ---- */

static void test_g07_rows_of_no_day_are_counted_and_move(void)
{
    struct store_world world;
    world_init(&world);
    struct clock *today = clock_system();
    g_autofree char *id = id_new(today), *old = id_new(world.clock);
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, id, "door", "in", world_start_ms));
    g_ptr_array_add(batch, world_crossing(&world, old, "door", "in", world_start_ms));
    g_assert_cmpint(world_store(&world, batch).new_records, ==, 2);
    g_autofree char *stray = postgres_ask(world.database, "SELECT count(*) FROM events_default");
    g_assert_cmpstr(stray, ==, "1"); /* today's has its part, the first day of 2026 has none */
    clock_fake_advance_us(world.clock, INT64_C(7200) * 1000000);
    batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, NULL, "door", "in", world_start_ms));
    world_store(&world, batch);
    g_assert_cmpint(counter_get(&world.health.store_stray_rows), ==, 1);
    postgres_do(world.database, "SELECT vedette_day_make('events', '2026-01-01')");
    g_assert_cmpint(postgres_ask_number(world.database, "SELECT count(*) FROM events_20260101"), ==, 2);
    clock_fake_advance_us(world.clock, INT64_C(7200) * 1000000);
    batch = world_batch_new();
    g_ptr_array_add(batch, world_crossing(&world, NULL, "door", "in", world_start_ms));
    world_store(&world, batch);
    g_assert_cmpint(counter_get(&world.health.store_stray_rows), ==, 0);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("VEDETTE_TEST_STORE", "postgres", TRUE);
    if (world_is_missing())
        return 0;
    g_test_add_func("/postgres/idle_connections_that_died_are_not_used", test_idle_connections_that_died_are_not_used);
    g_test_add_func("/postgres/a_role_that_is_missing_is_no_fault_of_the_records",
                    test_a_role_that_is_missing_is_no_fault_of_the_records);
    g_test_add_func("/postgres/a_lock_does_not_hold_the_store", test_a_lock_does_not_hold_the_store);
    g_test_add_func("/postgres/servers_lock_rows_in_one_order", test_servers_lock_rows_in_one_order);
    g_test_add_func("/postgres/migrations_that_start_at_once", test_migrations_that_start_at_once);
    g_test_add_func("/postgres/a_migration_waits_for_another", test_a_migration_waits_for_another);
    g_test_add_func("/postgres/unmigrated_and_changed_databases_are_refused",
                    test_unmigrated_and_changed_databases_are_refused);
    g_test_add_func("/postgres/what_it_may_not_or_cannot_hold_is_no_word_about_who_asks",
                    test_what_it_may_not_or_cannot_hold_is_no_word_about_who_asks);
    g_test_add_func("/postgres/g07_rows_of_no_day_are_counted_and_move", test_g07_rows_of_no_day_are_counted_and_move);
    return g_test_run();
}
