/* Roll-ups: recomputed whole, whatever comes late, twice or at once (cases D7, G1, G2, G4, G5, G6, G11). */
#include "base/random.h"
#include "rival.h"
#include "store/places.h"
#include "store/rollup_buckets.h"
#include "store/work_internal.h"
#include "upkeep_world.h"

static void test_g01_rolled_up_again_is_the_same(void)
{
    struct store_world world;
    begin(&world, "Europe/Berlin", world_start_ms + 12 * HOUR);
    for (int i = 0; i < 50; i++) {
        cross(&world, i % 3 ? "in" : "out", world_start_ms + i * 7 * MINUTE);
        stand(&world, i % 9, world_start_ms + i * 7 * MINUTE + 1000);
    }
    roll_up(&world, ROLLUP_MONTH);
    g_autofree char *hours = rows_of(&world, "occupancy_hourly"), *days = rows_of(&world, "occupancy_daily");
    g_autofree char *months = rows_of(&world, "occupancy_monthly");
    g_assert_cmpint(roll_up(&world, ROLLUP_MONTH), ==, 0); /* nothing is new */
    for (int i = 0; i < 2; i++) {                          /* as after a crash before the marks were taken away */
        for (int64_t hour = 0; hour < 6; hour++) {
            g_autofree char *bucket = sql_of_time(&world, world_start_ms + hour * HOUR);
            g_autofree char *sql =
                g_strdup_printf("INSERT INTO rollup_marks VALUES ('default', 'hour', '', %s, 1)", bucket);
            meddle(&world, sql);
        }
        g_assert_cmpint(roll_up(&world, ROLLUP_MONTH), >, 0);
        g_autofree char *hours_again = rows_of(&world, "occupancy_hourly");
        g_autofree char *days_again = rows_of(&world, "occupancy_daily");
        g_autofree char *months_again = rows_of(&world, "occupancy_monthly");
        g_assert_cmpstr(hours, ==, hours_again);
        g_assert_cmpstr(days, ==, days_again);
        g_assert_cmpstr(months, ==, months_again);
    }
    world_clear(&world);
}

static void *roll_up_in_a_thread(void *world)
{
    roll_up(world, ROLLUP_MONTH);
    return NULL;
}

static void test_g01_at_the_same_time(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms + 12 * HOUR);
    for (int i = 0; i < 60; i++)
        cross(&world, "in", world_start_ms + i * 10 * MINUTE);
    GThread *threads[3];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("roll-up", roll_up_in_a_thread, &world);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_hourly"), ==, 60);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_monthly"), ==, 60);
    world_clear(&world);
}

/* What is read and summed is no writer's loss: a roll-up that waits for its turn to write has read before, and what
 * came meanwhile is still marked. */
static void test_g01_sums_before_its_turn_to_write(void)
{
    if (world_is_postgres()) {
        g_test_skip("PostgreSQL's writers have no turns");
        return;
    }
    struct store_world world;
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", world_start_ms + HOUR);
    cross(&world, "in", world_start_ms);
    struct store_transaction *writer = store_begin(world.store, STORE_WRITE, "default", &error);
    GThread *thread = g_thread_new("roll-up", roll_up_in_a_thread, &world);
    WORLD_WAIT_UNTIL(counter_get(&world.health.store_writers_waiting) == 1);
    struct analytics_event *event = world_crossing(&world, NULL, "door", "in", world_start_ms + MINUTE);
    event->subject_id = g_strdup("door");
    const void *record = event;
    g_assert_true(store_insert(writer, &analytics_event_descriptor, &record, 1, RECORD_CONFLICT_FAIL, NULL, &error) &&
                  store_rollup_mark_in(writer, "default", ROLLUP_HOUR, "", world_start_ms, &error) &&
                  store_commit(writer, &error));
    analytics_event_free(event);
    g_thread_join(thread);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_hourly"), ==, 1);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM rollup_marks WHERE level = 'hour'"), ==, 1);
    roll_up(&world, ROLLUP_MONTH);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_monthly"), ==, 2);
    world_clear(&world);
}

static int waiting(const struct store_world *world, const char *wait_event)
{
    g_autofree char *sql = g_strdup_printf(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = '%s'", wait_event);
    return (int)ask_number(world, sql);
}

/* The first roll-up has read one event and is held up before its turn to write; then comes another event, which the
 * second roll-up counts, and takes the mark away. */
static void test_g01_an_event_between_two_roll_ups(void)
{
    if (!world_is_postgres()) {
        g_test_skip("SQLite's writers take turns, and the one that read first writes first");
        return;
    }
    struct store_world world;
    begin(&world, "UTC", world_start_ms + HOUR);
    meddle(&world, "CREATE SEQUENCE turns; CREATE FUNCTION hold_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
                   "AS $$ BEGIN IF nextval('turns') = 1 THEN PERFORM pg_advisory_xact_lock(42); END IF; RETURN NULL; "
                   "END $$; CREATE TRIGGER hold_up BEFORE INSERT ON store_values FOR EACH STATEMENT EXECUTE "
                   "FUNCTION hold_up()");
    PGconn *holder = postgres_connect("postgres", world.database);
    g_free(postgres_ask_on(holder, "SELECT pg_advisory_lock(42)"));
    cross(&world, "in", world_start_ms);
    GThread *first = g_thread_new("first", roll_up_in_a_thread, &world);
    WORLD_WAIT_UNTIL(waiting(&world, "advisory") == 1);
    cross(&world, "in", world_start_ms + MINUTE);
    GThread *second = g_thread_new("second", roll_up_in_a_thread, &world);
    g_thread_join(second);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM rollup_marks WHERE level = 'hour'"), ==, 0);
    PQfinish(holder);
    g_thread_join(first);
    roll_up(&world, ROLLUP_MONTH);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_monthly"), ==, 2);
    world_clear(&world);
}

static void test_g02_a_site_is_counted_before_it_goes(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    begin(&world, "Europe/Berlin", at("2026-01-20T12:00:00Z"));
    cross(&world, "in", at("2026-01-19T23:30:00Z")); /* the 20th, there */
    g_assert_true(store_site_delete(world.store, "default", NULL, NULL, &by_admin, &error));
    g_assert_no_error(error);
    g_autofree char *ms = sql_of_ms(&world, "bucket");
    g_autofree char *sql = g_strdup_printf("SELECT entries, %s FROM occupancy_daily", ms);
    g_autofree char *day = ask(&world, sql);
    g_autofree char *expected = g_strdup_printf("1 %" G_GINT64_FORMAT, at("2026-01-19T23:00:00Z"));
    g_assert_cmpstr(day, ==, expected);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM rollup_marks"), ==, 0);
    cross(&world, "in", at("2026-01-20T11:00:00Z")); /* what still comes is not lost either */
    roll_up(&world, ROLLUP_MONTH);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_hourly"), ==, 2);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM rollup_marks"), ==, 0);
    world_clear(&world);
}

static void test_g02_late_within_the_horizon_and_beyond(void)
{
    struct store_world world;
    int64_t now_ms = world_start_ms + 10 * DAY;
    begin(&world, "UTC", now_ms);
    cross(&world, "in", now_ms - 6 * DAY);
    roll_up(&world, ROLLUP_MONTH);
    cross(&world, "in", now_ms - 6 * DAY + 1000); /* late, and in time */
    roll_up(&world, ROLLUP_MONTH);
    static const char *const tables[] = {"occupancy_hourly", "occupancy_daily", "occupancy_monthly"};
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *sql = g_strdup_printf("SELECT count(*), sum(entries) FROM %s", tables[i]);
        g_autofree char *sums = ask(&world, sql);
        g_assert_cmpstr(sums, ==, "1 2");
    }
    /* too late to be counted with its hour: put aside, once, and told */
    for (int i = 0; i < 2; i++)
        g_assert_cmpint(
            put(&world, world_crossing(&world, "late-1", "door", "in", now_ms - 7 * DAY - 1000)).new_records, ==, 0);
    g_assert_cmpint(counter_get(&world.health.records_quarantined), ==, 1);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM quarantined_events WHERE reason = 'late'"), ==, 1);
    g_assert_cmpint(roll_up(&world, ROLLUP_MONTH), ==, 0);
    world_clear(&world);
}

static void test_g04_sums(void)
{
    struct store_world world;
    struct random random;
    random_init(&random, 7);
    begin(&world, "Asia/Kathmandu", world_start_ms + 4 * DAY); /* a quarter of an hour off: hours begin at :15 */
    int64_t in = 0, level_sum = 0;
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < 3000; i++) {
        int64_t at_ms = world_start_ms + random_range(&random, 0, 3 * DAY);
        int level = (int)random_range(&random, 0, 40);
        g_ptr_array_add(batch, i % 2 ? world_crossing(&world, NULL, "door", "in", at_ms)
                                     : world_occupancy(&world, "hall", level, at_ms));
        in += i % 2;
        level_sum += i % 2 ? 0 : level;
    }
    g_assert_cmpint(world_store(&world, batch).new_records, ==, 3000);
    roll_up(&world, ROLLUP_MONTH);
    static const char *const tables[] = {"occupancy_hourly", "occupancy_daily", "occupancy_monthly"};
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *sql =
            g_strdup_printf("SELECT sum(entries), sum(count_sum), sum(count_count) FROM %s", tables[i]);
        g_autofree char *sums = ask(&world, sql);
        g_autofree char *expected = g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " 1500", in, level_sum);
        g_assert_cmpstr(sums, ==, expected);
    }
    g_autofree char *ms = sql_of_ms(&world, "bucket");
    g_autofree char *crooked =
        g_strdup_printf("SELECT count(*) FROM occupancy_hourly WHERE %s %% 3600000 <> 900000", ms);
    g_assert_cmpint(ask_number(&world, crooked), ==, 0);
    world_clear(&world);
}

/* Three cameras that make ten events a millisecond, three of one id: four of five are crossings. */
static void put_busy_hour(struct store_world *world, int events)
{
    g_autofree char *start = sql_of_time(world, world_start_ms);
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO events (id, type, org_id, site_id, camera_id, subject_id, occurred_at, received_at, payload) WITH "
        "RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 'e' || (i / 3), CASE WHEN i %% "
        "5 "
        "= 0 THEN 'signal' ELSE 'line_crossing' END, 'default', 'default', 'cam-' || (i %% 3), 'door', %s + i / 10 %s, "
        "%s, '{\"id\":\"x\",\"camera_id\":\"cam-1\",\"line_id\":\"door\",\"track_id\":7,\"direction\":\"in\","
        "\"object_class\":\"person\",\"at\":\"2026-01-01T00:00:00.000Z\",\"box\":[0.1,0.2,0.3,0.4]}' FROM n; INSERT "
        "INTO rollup_marks VALUES ('default', 'hour', '', %s, 1)",
        events - 1, start, world->database ? "* interval '1 ms'" : "", start, start);
    meddle(world, sql);
}

/* No statement reads it as a whole, but pages of 2000; the last two at once where the planner would rather. */
static void test_g04_a_busy_hour_is_read_in_pages(void)
{
    enum { EVENTS = 15000, ROWS_OF_A_STATEMENT = 4100 };
    struct store_world world;
    begin(&world, "UTC", world_start_ms + HOUR);
    put_busy_hour(&world, EVENTS);
    if (world.database)
        limit_rows_of_statements(&world, "events", ROWS_OF_A_STATEMENT);
    roll_up(&world, ROLLUP_MONTH);
    g_autofree char *sums = ask(&world, "SELECT camera_id, entries FROM occupancy_hourly ORDER BY camera_id");
    g_assert_cmpstr(sums, ==, "cam-0 4000 cam-1 4000 cam-2 4000");
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM rollup_marks"), ==, 0);
    world_clear(&world);
}

/* It takes longer than the lease, writes nothing for as long, and nobody takes the run over. */
static void test_d07_the_lease_is_prolonged_while_a_busy_hour_is_read(void)
{
    enum { LEASE_MS = 120000, EVENTS = 15000 };
    if (world_is_postgres()) {
        g_test_skip("what makes a page take its time is SQLite's");
        return;
    }
    struct store_world world;
    g_autoptr(GError) error = NULL;
    int64_t buckets = 0;
    begin(&world, "UTC", world_start_ms + HOUR);
    put_busy_hour(&world, EVENTS);
    struct rival rival = {.world = &world, .page = {"payload", "FROM events"}};
    struct store_run_hold hold = {"aggregate", world_start_ms, 0, LEASE_MS};
    rival_begin(&rival, &hold);
    const struct store_rollup rollup = {.level = ROLLUP_HOUR, .hold = &hold};
    store_rollup(world.store, &rollup, &buckets, &error);
    g_assert_no_error(error);
    g_assert_cmpint(rival.pages, >=, 5);
    g_assert_cmpint(rival.taken, ==, 0);
    world_clear(&world);
}

static void expect_span(const char *zone_name, enum rollup_level level, const char *time, const char *from,
                        const char *to)
{
    g_autoptr(GError) error = NULL;
    CLEANUP(zone) struct zone *zone = zone_load(zone_name, &error);
    g_assert_no_error(error);
    struct bucket_span span = bucket_span_at(zone, level, at(time) / 1000);
    g_assert_cmpint(span.from_s * 1000, ==, at(from));
    g_assert_cmpint(span.to_s * 1000, ==, at(to));
}

static void test_g05_edges_of_buckets(void)
{
    static const char berlin[] = "Europe/Berlin";
    expect_span("UTC", ROLLUP_HOUR, "2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z");
    expect_span("UTC", ROLLUP_HOUR, "2026-01-01T10:59:59Z", "2026-01-01T10:00:00Z", "2026-01-01T11:00:00Z");
    expect_span("UTC", ROLLUP_DAY, "2028-02-29T12:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z");
    expect_span("UTC", ROLLUP_MONTH, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
    expect_span("UTC", ROLLUP_MONTH, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    /* days of 23 and 25 hours */
    expect_span(berlin, ROLLUP_DAY, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    expect_span(berlin, ROLLUP_DAY, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    /* a day that begins at one, and an hour that was cut in half */
    expect_span("America/Santiago", ROLLUP_DAY, "2026-09-06T12:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z");
    expect_span("Australia/Lord_Howe", ROLLUP_HOUR, "2026-10-03T15:40:00Z", "2026-10-03T15:30:00Z",
                "2026-10-03T16:00:00Z");
}

/* Buckets cover all time, and lie within those above, also where the clocks change. */
static void test_g05_buckets_leave_no_gap(void)
{
    static const char *const zones[] = {"Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo",
                                        "Asia/Kathmandu"};
    for (size_t i = 0; i < G_N_ELEMENTS(zones); i++) {
        CLEANUP(zone) struct zone *zone = zone_load(zones[i], NULL);
        int64_t end_s = at("2027-01-01T00:00:00Z") / 1000;
        for (int64_t at_s = bucket_span_at(zone, ROLLUP_HOUR, at("2026-01-01T00:00:00Z") / 1000).from_s;
             at_s < end_s;) {
            struct bucket_span hour = bucket_span_at(zone, ROLLUP_HOUR, at_s);
            struct bucket_span day = bucket_span_at(zone, ROLLUP_DAY, at_s);
            struct bucket_span month = bucket_span_at(zone, ROLLUP_MONTH, at_s);
            g_assert_cmpint(hour.from_s, ==, at_s);
            g_assert_true(day.from_s <= hour.from_s && hour.to_s <= day.to_s);
            g_assert_true(month.from_s <= day.from_s && day.to_s <= month.to_s);
            at_s = hour.to_s;
        }
    }
}

static void test_g05_a_day_of_25_hours(void)
{
    struct store_world world;
    begin(&world, "Europe/Berlin", at("2026-10-26T12:00:00Z"));
    int64_t from_ms = at("2026-10-24T22:00:00Z");
    for (int hour = 0; hour < 25; hour++)
        cross(&world, "in", from_ms + hour * (int64_t)HOUR);
    roll_up(&world, ROLLUP_DAY);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM occupancy_hourly"), ==, 25);
    g_autofree char *first = sql_of_ms(&world, "min(bucket)");
    g_autofree char *sql = g_strdup_printf("SELECT count(*), max(entries), %s FROM occupancy_daily", first);
    g_autofree char *day = ask(&world, sql);
    g_autofree char *expected = g_strdup_printf("1 25 %" G_GINT64_FORMAT, from_ms);
    g_assert_cmpstr(day, ==, expected);
    world_clear(&world);
}

static void test_g06_delivered_twice_is_counted_once(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms + HOUR);
    for (int i = 0; i < 3; i++) {
        put(&world, world_crossing(&world, "same", "door", "in", world_start_ms + 1000));
        roll_up(&world, ROLLUP_MONTH);
    }
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_monthly"), ==, 1);
    world_clear(&world);
}

static void test_g11_clocks_of_cameras(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms + 20 * DAY);
    int64_t now_ms = world_start_ms + 20 * DAY;
    g_assert_cmpint(put(&world, world_occupancy(&world, "hall", 1, now_ms + 365 * DAY)).new_records, ==, 0);
    g_assert_cmpint(put(&world, world_occupancy(&world, "hall", 1, 1000)).new_records, ==, 0);
    g_assert_cmpint(put(&world, world_occupancy(&world, "hall", 1, now_ms + 59 * MINUTE)).new_records, ==, 1);
    g_autofree char *reasons = ask(&world, "SELECT reason FROM quarantined_events ORDER BY reason");
    g_assert_cmpstr(reasons, ==, "future late");
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/rollups/g01_rolled_up_again_is_the_same", test_g01_rolled_up_again_is_the_same);
    g_test_add_func("/rollups/g01_at_the_same_time", test_g01_at_the_same_time);
    g_test_add_func("/rollups/g01_sums_before_its_turn_to_write", test_g01_sums_before_its_turn_to_write);
    g_test_add_func("/rollups/g01_an_event_between_two_roll_ups", test_g01_an_event_between_two_roll_ups);
    g_test_add_func("/rollups/g02_a_site_is_counted_before_it_goes", test_g02_a_site_is_counted_before_it_goes);
    g_test_add_func("/rollups/g02_late_within_the_horizon_and_beyond", test_g02_late_within_the_horizon_and_beyond);
    g_test_add_func("/rollups/g04_sums", test_g04_sums);
    g_test_add_func("/rollups/g04_a_busy_hour_is_read_in_pages", test_g04_a_busy_hour_is_read_in_pages);
    g_test_add_func("/rollups/d07_the_lease_is_prolonged_while_a_busy_hour_is_read",
                    test_d07_the_lease_is_prolonged_while_a_busy_hour_is_read);
    g_test_add_func("/rollups/g05_edges_of_buckets", test_g05_edges_of_buckets);
    g_test_add_func("/rollups/g05_buckets_leave_no_gap", test_g05_buckets_leave_no_gap);
    g_test_add_func("/rollups/g05_a_day_of_25_hours", test_g05_a_day_of_25_hours);
    g_test_add_func("/rollups/g06_delivered_twice_is_counted_once", test_g06_delivered_twice_is_counted_once);
    g_test_add_func("/rollups/g11_clocks_of_cameras", test_g11_clocks_of_cameras);
    return g_test_run();
}
