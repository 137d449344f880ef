/* Roll-ups, retention and the audit: the G cases, and what an edited chain shows. */
#include <math.h>
#include <sqlite3.h>

#include "base/random.h"
#include "store/audit.h"
#include "store/retention.h"
#include "store/rollup_buckets.h"
#include "store/rollups.h"
#include "store_world.h"

enum { MINUTE = 60000, HOUR = 3600000 };
static const int64_t DAY = INT64_C(86400000);
static const struct audit_by by_admin = {"default", "admin-id", "admin", "10.0.0.9", "because"};

/* ---- the world ---- */

/* SQL as some other program would send it, past everything that the store holds to. */
static void meddle(const struct store_world *world, const char *sql)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    char *message = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    sqlite3_exec(db, sql, NULL, NULL, &message);
    if (message)
        g_error("%s: %s", sql, message);
    sqlite3_close(db);
}

static char *ask(const struct store_world *world, const char *sql)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    GString *text = g_string_new(NULL);
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        g_error("%s: %s", sql, sqlite3_errmsg(db));
    while (sqlite3_step(statement) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(statement); i++)
            g_string_append_printf(text, "%s%s", text->len ? " " : "",
                                   sqlite3_column_text(statement, i) ? (const char *)sqlite3_column_text(statement, i)
                                                                     : "NULL");
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return g_string_free(text, FALSE);
}

static int64_t ask_number(const struct store_world *world, const char *sql)
{
    g_autofree char *text = ask(world, sql);
    return g_ascii_strtoll(text, NULL, 10);
}

/* A store whose org has a site in `time_zone`, and which puts aside what is a week late or an hour early. */
static void begin(struct store_world *world, const char *time_zone, int64_t now_ms)
{
    g_autoptr(GError) error = NULL;
    world_init(world);
    store_close(world->store);
    clock_fake_step_wall_ms(world->clock, now_ms - clock_wall_ms(world->clock));
    struct store_settings settings = world_settings;
    settings.late_days = 7;
    settings.early_minutes = 60;
    world->store = store_open(world->directory, &settings, world->clock, &world->health, &error);
    g_assert_no_error(error);
    g_autofree char *sql =
        g_strdup_printf("INSERT INTO orgs (id, name) VALUES ('default', 'default'); INSERT INTO sites (org_id, id, "
                        "time_zone) VALUES ('default', 'default', '%s')",
                        time_zone);
    meddle(world, sql);
}

static struct world_result put(struct store_world *world, struct analytics_event *event)
{
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, event);
    return world_store(world, batch);
}

static void cross(struct store_world *world, const char *direction, int64_t at_ms)
{
    g_assert_cmpint(put(world, world_crossing(world, NULL, "door", direction, at_ms)).new_records, ==, 1);
}

static void stand(struct store_world *world, int count, int64_t at_ms)
{
    g_assert_cmpint(put(world, world_occupancy(world, "hall", count, at_ms)).new_records, ==, 1);
}

static int64_t roll_up(struct store_world *world, enum rollup_level level)
{
    g_autoptr(GError) error = NULL;
    const struct store_rollup rollup = {.level = level};
    int64_t buckets = 0;
    store_rollup(world->store, &rollup, &buckets, &error);
    g_assert_no_error(error);
    return buckets;
}

static char *rows_of(const struct store_world *world, const char *table)
{
    g_autofree char *sql = g_strdup_printf("SELECT * FROM %s ORDER BY 1, 2, 3, 4, 5", table);
    return ask(world, sql);
}

static int64_t at(const char *text)
{
    int64_t ms;
    g_assert_true(record_parse_time(text, &ms));
    return ms;
}

/* ---- roll-ups ---- */

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
            g_autofree char *sql =
                g_strdup_printf("INSERT INTO rollup_marks VALUES ('default', 'hour', '', %" G_GINT64_FORMAT ", 1)",
                                world_start_ms + hour * HOUR);
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
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM occupancy_hourly WHERE bucket % 3600000 <> 900000"), ==,
                    0);
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
    g_autofree char *day = ask(&world, "SELECT count(*), max(entries), min(bucket) FROM occupancy_daily");
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

/* ---- retention ---- */

static struct retention_settings retention_settings(void)
{
    struct retention_settings settings;
    record_init(&retention_settings_descriptor, &settings);
    settings.batch_rows = 7;
    settings.pause_ms = 0;
    settings.clock_gap_days = 0;
    return settings;
}

/* What went, or would, as "table rows, …", or the error. */
static char *retain(struct store_world *world, const struct retention_settings *settings, bool is_dry)
{
    const struct store_retention retention = {.settings = settings, .is_dry = is_dry};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    g_autoptr(GError) error = NULL;
    GString *text = g_string_new(NULL);
    bool is_good = store_retention_run(world->store, &retention, results, &error);
    for (guint i = 0; i < results->len; i++) {
        const struct retention_result *result = g_ptr_array_index(results, i);
        if (result->rows)
            g_string_append_printf(text, "%s%s %d", text->len ? ", " : "", result->table, (int)result->rows);
    }
    if (!is_good)
        g_string_append(text, error->message);
    return g_string_free(text, FALSE);
}

static void expect_retained(struct store_world *world, const struct retention_settings *settings, const char *expected)
{
    g_autofree char *dry = retain(world, settings, true), *done = retain(world, settings, false);
    g_autofree char *again = retain(world, settings, false);
    g_assert_cmpstr(dry, ==, expected); /* --dry-run is the run */
    g_assert_cmpstr(done, ==, expected);
    g_assert_cmpstr(again, ==, "");
}

static struct analytics_event *signal_at(struct store_world *world, const char *camera_id, int64_t at_ms)
{
    struct analytics_event *event = world_event(
        world, NULL, EVENT_SIGNAL, at_ms,
        g_strdup_printf("{\"id\":\"x\",\"camera_id\":\"%s\",\"service\":\"safety\",\"kind\":\"fall\",\"severity\":"
                        "\"high\",\"started_at\":\"2026-01-01T00:00:00Z\"}",
                        camera_id));
    g_free(event->camera_id);
    event->camera_id = g_strdup(camera_id);
    return event;
}

static void move_to(struct store_world *world, int64_t ms)
{
    clock_fake_step_wall_ms(world->clock, ms - clock_wall_ms(world->clock));
}

static void test_g03_raw_stays_until_it_is_counted(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    begin(&world, "UTC", world_start_ms + HOUR);
    for (int i = 0; i < 30; i++)
        cross(&world, "in", world_start_ms + i * MINUTE);
    move_to(&world, world_start_ms + 40 * DAY);
    expect_retained(&world, &settings, ""); /* old enough, but not in any hour yet */
    roll_up(&world, ROLLUP_HOUR);
    expect_retained(&world, &settings, "occupancy 30");
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_monthly"), ==, 30);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

static void test_g08_each_table_by_its_days_to_the_millisecond(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    begin(&world, "UTC", world_start_ms);
    put(&world, signal_at(&world, "cam-1", world_start_ms));
    put(&world, signal_at(&world, "cam-1", world_start_ms + 1));
    cross(&world, "in", world_start_ms);
    roll_up(&world, ROLLUP_MONTH);
    move_to(&world, world_start_ms + 90 * DAY); /* exactly 90 days old stays */
    expect_retained(&world, &settings, "occupancy 1");
    move_to(&world, world_start_ms + 90 * DAY + 1);
    expect_retained(&world, &settings, "events 1");
    settings.event_days = 0; /* for ever */
    move_to(&world, world_start_ms + 3000 * DAY);
    expect_retained(&world, &settings, "occupancy_hourly 1, occupancy_daily 1, counts 1");
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, 1);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

static void test_g08_legal_hold(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", world_start_ms);
    for (int i = 0; i < 10; i++) {
        put(&world, signal_at(&world, "cam-1", world_start_ms + i * MINUTE));
        put(&world, signal_at(&world, "cam-2", world_start_ms + i * MINUTE));
    }
    struct legal_hold hold;
    record_init(&legal_hold_descriptor, &hold);
    hold.camera_id = g_strdup("cam-1");
    hold.from_at.ms = world_start_ms + 3 * MINUTE; /* without an end */
    hold.reason = g_strdup("case 12");
    g_assert_true(store_hold_put(world.store, &hold, &by_admin, &error));
    move_to(&world, world_start_ms + 100 * DAY);
    expect_retained(&world, &settings, "events 13"); /* all of cam-2, three of cam-1 */
    g_assert_true(store_hold_release(world.store, hold.id, &by_admin, &error));
    g_assert_no_error(error);
    expect_retained(&world, &settings, "events 7");
    g_assert_false(store_hold_release(world.store, hold.id, &by_admin, &error));
    record_clear(&legal_hold_descriptor, &hold);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

static void test_clock_jumps_stop_it(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    g_autoptr(GError) error = NULL;
    settings.clock_gap_days = 14;
    begin(&world, "UTC", world_start_ms);
    put(&world, signal_at(&world, "cam-1", world_start_ms));
    move_to(&world, world_start_ms + 5000 * DAY); /* before the first run the newest record tells */
    g_autofree char *first = retain(&world, &settings, false);
    g_assert_nonnull(strstr(first, "retention is stopped"));
    move_to(&world, world_start_ms);
    g_autofree char *good = retain(&world, &settings, false);
    g_assert_cmpstr(good, ==, "");
    move_to(&world, world_start_ms + 400 * DAY);
    g_autofree char *ahead = retain(&world, &settings, false);
    g_assert_nonnull(strstr(ahead, "the clock is 400 days after the last run"));
    g_autofree char *dry = retain(&world, &settings, true);
    g_assert_cmpstr(ahead, ==, dry);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, 1);
    g_assert_true(store_retention_confirm_clock(world.store, &by_admin, &error));
    g_autofree char *confirmed = retain(&world, &settings, false);
    g_assert_cmpstr(confirmed, ==, "events 1");
    move_to(&world, world_start_ms + 300 * DAY);
    g_autofree char *behind = retain(&world, &settings, false);
    g_assert_nonnull(strstr(behind, "days before the last run"));
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

static void test_a_row_without_a_time_stops_it(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    begin(&world, "UTC", world_start_ms);
    meddle(&world, "INSERT INTO job_runs (job_id, scheduled_at, cause, state) VALUES ('x', 1, 'manual', 'failed')");
    g_autofree char *text = retain(&world, &settings, false);
    g_assert_nonnull(strstr(text, "job_runs: 1 rows of org * have no started_at"));
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

static void test_status_proves_what_is_kept(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    const struct store_retention retention = {.settings = &settings};
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", world_start_ms);
    put(&world, signal_at(&world, "cam-1", world_start_ms + 5));
    put(&world, signal_at(&world, "cam-2", world_start_ms + 50 * MINUTE));
    move_to(&world, world_start_ms + 90 * DAY + MINUTE);
    g_autoptr(GPtrArray) views = store_retention_status(world.store, &retention, "default", true, &error);
    g_assert_no_error(error);
    int seen = 0;
    for (guint i = 0; i < views->len; i++) {
        const struct retention_view *view = g_ptr_array_index(views, i);
        if (strcmp(view->table, "events") != 0)
            continue;
        bool is_first = strcmp(view->camera_id, "cam-1") == 0;
        g_assert_cmpint(view->oldest_at.ms, ==, is_first ? world_start_ms + 5 : world_start_ms + 50 * MINUTE);
        g_assert_cmpint(view->days, ==, 90);
        g_assert_cmpint(view->due_rows, ==, 1);
        seen++;
    }
    g_assert_cmpint(seen, ==, 2);
    g_autoptr(GPtrArray) others = store_retention_status(world.store, &retention, "other", true, &error);
    g_assert_cmpuint(others->len, ==, 0);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

static void test_forecast_of_the_disk(void)
{
    struct storage_sample samples[24];
    const struct storage_sample *list[24];
    for (int i = 0; i < 24; i++) {
        samples[i] = (struct storage_sample){{world_start_ms + i * (int64_t)HOUR}, INT64_C(1000000) - i * 10000};
        list[i] = &samples[i];
    }
    /* 770,000 bytes are left at the last of them, at 10,000 an hour: 77 hours */
    int64_t full_ms = storage_forecast(list, 24);
    g_assert_cmpint(llabs(full_ms - (world_start_ms + (23 + 77) * (int64_t)HOUR)), <, HOUR / 10);
    g_assert_cmpint(storage_forecast(list, 1), ==, 0);
    for (int i = 0; i < 24; i++)
        samples[i].free_bytes = 1000000 + i;
    g_assert_cmpint(storage_forecast(list, 24), ==, 0);
}

/* ---- the audit ---- */

static void note(struct store_world *world, const char *action)
{
    g_autoptr(GError) error = NULL;
    const struct audit_change change = {AUDIT_USER, "user-7", action, "{\"role\":\"viewer\"}", "{\"role\":\"admin\"}"};
    g_assert_true(store_audit_add(world->store, &by_admin, &change, &error));
    g_assert_no_error(error);
}

static char *verify(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    struct audit_report report;
    g_assert_true(store_audit_verify(world->store, "default", &report, &error));
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < report.problems->len; i++)
        g_string_append_printf(text, "%s%s", i ? "; " : "", (char *)g_ptr_array_index(report.problems, i));
    audit_report_clear(&report);
    return g_string_free(text, FALSE);
}

static void test_audit_tells_who_did_what(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", world_start_ms);
    note(&world, "create");
    note(&world, "update");
    g_autoptr(GPtrArray) views = store_audit_list(world.store, "default", 0, 1, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(views->len, ==, 1);
    const struct audit_view *view = g_ptr_array_index(views, 0);
    g_assert_cmpint(view->sequence, ==, 2);
    g_assert_cmpstr(view->action, ==, "update");
    g_assert_cmpstr(view->actor_id, ==, "admin-id");
    g_assert_cmpstr(view->actor_name, ==, "admin");
    g_assert_cmpstr(view->address, ==, "10.0.0.9");
    g_assert_cmpstr(view->reason, ==, "because");
    g_assert_cmpstr(view->before.text, ==, "{\"role\":\"viewer\"}");
    g_assert_cmpstr(view->after.text, ==, "{\"role\":\"admin\"}");
    g_assert_cmpint(view->at.ms, ==, world_start_ms);
    g_autoptr(GPtrArray) others = store_audit_list(world.store, "other", 0, 10, &error);
    g_assert_cmpuint(others->len, ==, 0);
    /* what is sealed is not there to read */
    g_autofree char *all = ask(&world, "SELECT * FROM audit_entries");
    g_autofree char *sealed = ask(&world, "SELECT sealed FROM audit_values");
    g_assert_null(strstr(all, "10.0.0.9"));
    g_assert_null(strstr(sealed, "viewer"));
    world_clear(&world);
}

static void test_audit_verify_finds_what_was_done_to_it(void)
{
    static const struct {
        const char *sql, *finds;
    } deeds[] = {
        {"", NULL},
        {"UPDATE audit_entries SET actor_id = 'someone' WHERE sequence = 3", "entry 3: was edited"},
        {"UPDATE audit_entries SET at = at + 1 WHERE sequence = 1", "entry 1: was edited"},
        {"DELETE FROM audit_entries WHERE sequence = 3", "entry 3: missing"},
        {"DELETE FROM audit_entries WHERE sequence IN (1, 2)", "entry 1: missing, and 2 in all"},
        {"DELETE FROM audit_entries WHERE sequence = 5", "entry 5: missing: the chain ended with entry 5"},
        {"UPDATE audit_entries SET sequence = 9 WHERE sequence = 2; UPDATE audit_entries SET sequence = 2 WHERE "
         "sequence = 3; UPDATE audit_entries SET sequence = 3 WHERE sequence = 9",
         "entry 2: does not follow"},
        {"UPDATE audit_values SET sealed = 'AAAA' WHERE sequence = 4 AND part = 1", "entry 4: what it says was edited"},
        {"DELETE FROM audit_values WHERE sequence = 4 AND part = 2", "entry 4: what it says was edited or removed"},
        {"DELETE FROM audit_heads", "the record of the chain's end is missing"},
        {"DELETE FROM audit_entries WHERE sequence = 5; UPDATE audit_heads SET sequence = 4", "the chain's end is not"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(deeds); i++) {
        struct store_world world;
        begin(&world, "UTC", world_start_ms);
        meddle(&world, "DROP TRIGGER audit_entries_stay; DROP TRIGGER audit_entries_remain; DROP TRIGGER "
                       "audit_values_stay; DROP TRIGGER audit_values_remain");
        for (int j = 0; j < 5; j++)
            note(&world, "update");
        meddle(&world, deeds[i].sql);
        g_autofree char *found = verify(&world);
        if (deeds[i].finds ? !strstr(found, deeds[i].finds) : *found)
            g_error("%s: found '%s', not '%s'", deeds[i].sql, found, deeds[i].finds);
        world_clear(&world);
    }
}

static void test_audit_is_only_added_to(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms);
    note(&world, "create");
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, "UPDATE audit_entries SET action = 'x'", NULL, NULL, NULL), ==, SQLITE_CONSTRAINT);
    g_assert_cmpint(sqlite3_exec(db, "DELETE FROM audit_entries", NULL, NULL, NULL), ==, SQLITE_CONSTRAINT);
    g_assert_cmpint(sqlite3_exec(db, "DELETE FROM audit_values", NULL, NULL, NULL), ==, SQLITE_CONSTRAINT);
    sqlite3_close(db);
    world_clear(&world);
}

static void test_audit_erases_a_subject_and_the_chain_holds(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", world_start_ms);
    note(&world, "create");
    g_assert_true(store_audit_erase(world.store, "default", AUDIT_USER, "user-7", &error));
    note(&world, "delete");
    g_autoptr(GPtrArray) views = store_audit_list(world.store, "default", 0, 10, &error);
    for (guint i = 0; i < views->len; i++) {
        const struct audit_view *view = g_ptr_array_index(views, i);
        g_assert_true(view->is_erased);
        g_assert_null(view->before.text);
        g_assert_cmpstr(view->actor_name, ==, "admin"); /* under the actor's own key */
    }
    g_autofree char *found = verify(&world);
    g_assert_cmpstr(found, ==, "");
    world_clear(&world);
}

static void *note_many(void *world)
{
    for (int i = 0; i < 25; i++)
        note(world, "update");
    return NULL;
}

static void test_audit_of_many_at_once_is_one_chain(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms);
    GThread *threads[4];
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("audit", note_many, &world);
    for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_autofree char *found = verify(&world);
    g_assert_cmpstr(found, ==, "");
    g_assert_cmpint(ask_number(&world, "SELECT max(sequence) FROM audit_entries"), ==, 100);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"g01_rolled_up_again_is_the_same", test_g01_rolled_up_again_is_the_same},
        {"g01_at_the_same_time", test_g01_at_the_same_time},
        {"g02_late_within_the_horizon_and_beyond", test_g02_late_within_the_horizon_and_beyond},
        {"g03_raw_stays_until_it_is_counted", test_g03_raw_stays_until_it_is_counted},
        {"g04_sums", test_g04_sums},
        {"g05_edges_of_buckets", test_g05_edges_of_buckets},
        {"g05_buckets_leave_no_gap", test_g05_buckets_leave_no_gap},
        {"g05_a_day_of_25_hours", test_g05_a_day_of_25_hours},
        {"g06_delivered_twice_is_counted_once", test_g06_delivered_twice_is_counted_once},
        {"g08_each_table_by_its_days_to_the_millisecond", test_g08_each_table_by_its_days_to_the_millisecond},
        {"g08_legal_hold", test_g08_legal_hold},
        {"g11_clocks_of_cameras", test_g11_clocks_of_cameras},
        {"clock_jumps_stop_it", test_clock_jumps_stop_it},
        {"a_row_without_a_time_stops_it", test_a_row_without_a_time_stops_it},
        {"status_proves_what_is_kept", test_status_proves_what_is_kept},
        {"forecast_of_the_disk", test_forecast_of_the_disk},
        {"audit_tells_who_did_what", test_audit_tells_who_did_what},
        {"audit_verify_finds_what_was_done_to_it", test_audit_verify_finds_what_was_done_to_it},
        {"audit_is_only_added_to", test_audit_is_only_added_to},
        {"audit_erases_a_subject_and_the_chain_holds", test_audit_erases_a_subject_and_the_chain_holds},
        {"audit_of_many_at_once_is_one_chain", test_audit_of_many_at_once_is_one_chain},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/upkeep/", tests[i].name, NULL);
        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
