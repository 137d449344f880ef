/* Days of PostgreSQL's large tables: a day that is over goes as a whole, and never anything that must stay (cases G3,
 * G7).
 */
#include "store/retention.h"
#include "upkeep_world.h"

static bool says_first_stays(void *data, const struct retention_subject *subject, struct retention_settings *days)
{
    (void)data;
    (void)days;
    return strcmp(subject->camera_id, "cam-1") != 0;
}

/* A policy's hold that comes with the second check: the cutoffs of the days were found by then. */
static int checks;

static bool check_counted(void *data, GError **error)
{
    (void)data;
    (void)error;
    checks++;
    return true;
}

static bool says_all_stays_from_then_on(void *data, const struct retention_subject *subject,
                                        struct retention_settings *days)
{
    (void)data;
    (void)subject;
    (void)days;
    return checks < 2;
}

struct days_world {
    struct store_world world;
    struct retention_settings settings;
    bool (*check)(void *data, GError **error);
    bool (*says)(void *data, const struct retention_subject *subject, struct retention_settings *days);
};

/* Twelve crossings and a signal on the first two days of 2026, which have partitions; all is counted, and past by
 * February. */
static void days_begin(struct days_world *days)
{
    *days = (struct days_world){0};
    record_init(&retention_settings_descriptor, &days->settings);
    days->settings.event_days = days->settings.occupancy_days = 20;
    days->settings.occupancy_hourly_days = days->settings.occupancy_daily_days = days->settings.count_days = 0;
    days->settings.pause_ms = 0;
    days->settings.clock_gap_days = 0;
    begin(&days->world, "UTC", world_start_ms);
    for (int day = 0; day < 2; day++) {
        move_to(&days->world, world_start_ms + day * DAY);
        g_autofree char *sql = g_strdup_printf("SELECT vedette_day_make('events', '2026-01-%02d')", day + 1);
        meddle(&days->world, sql);
        for (int i = 0; i < 12; i++)
            cross(&days->world, "in", world_start_ms + day * DAY + i * MINUTE);
        put(&days->world, world_event(&days->world, NULL, EVENT_SIGNAL, world_start_ms + day * DAY,
                                      g_strdup("{\"id\":\"x\",\"camera_id\":\"cam-1\",\"service\":\"safety\",\"kind\":"
                                               "\"fall\",\"severity\":\"high\",\"started_at\":"
                                               "\"2026-01-01T00:00:00Z\"}")));
    }
    roll_up(&days->world, ROLLUP_MONTH);
}

static void days_end(struct days_world *days)
{
    record_clear(&retention_settings_descriptor, &days->settings);
    world_clear(&days->world);
}

static char *retain_or_fail(struct days_world *days, bool is_dry, GError **error)
{
    const struct store_retention retention = {
        .settings = &days->settings, .is_dry = is_dry, .check = days->check, .says = days->says};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    GString *text = g_string_new(NULL);
    store_retention_run(days->world.store, &retention, results, error);
    for (guint i = 0; i < results->len; i++) {
        const struct retention_result *result = g_ptr_array_index(results, i);
        if (result->rows)
            g_string_append_printf(text, "%s%s %d", text->len ? ", " : "", result->table, (int)result->rows);
    }
    return g_string_free(text, FALSE);
}

static char *retain(struct days_world *days, bool is_dry)
{
    g_autoptr(GError) error = NULL;
    char *text = retain_or_fail(days, is_dry, &error);
    g_assert_no_error(error);
    return text;
}

/* The days that have a partition, of the two. */
static char *parts(struct days_world *days)
{
    return ask(&days->world, "SELECT right(relname, 2) FROM pg_class WHERE relname ~ '^events_202601..$' ORDER BY 1");
}

static void expect(struct days_world *days, const char *retained, const char *left_parts)
{
    g_autofree char *dry = retain(days, true), *done = retain(days, false), *left = parts(days);
    g_assert_cmpstr(dry, ==, retained);
    g_assert_cmpstr(done, ==, retained);
    g_assert_cmpstr(left, ==, left_parts);
}

static void test_g07_a_day_that_is_past_goes_as_a_whole(void)
{
    struct days_world days;
    days_begin(&days);
    move_to(&days.world, world_start_ms + 20 * DAY + 11 * MINUTE); /* the newest of the first day just stays */
    expect(&days, "events 1, occupancy 11", "01 02");
    move_to(&days.world, world_start_ms + 21 * DAY);
    expect(&days, "occupancy 1", "02"); /* what row by row left, and the day with it */
    move_to(&days.world, world_start_ms + 22 * DAY);
    expect(&days, "events 1, occupancy 12", "");
    g_assert_cmpint(ask_number(&days.world, "SELECT count(*) FROM events"), ==, 0);
    g_assert_cmpint(ask_number(&days.world, "SELECT sum(entries) FROM occupancy_monthly"), ==, 24);
    days_end(&days);
}

/* No statement counts it as a whole, but pages of 2000. */
static void test_g07_a_large_day_goes_as_a_whole(void)
{
    enum { ROWS_OF_A_STATEMENT = 4100 };
    struct days_world days;
    days_begin(&days);
    g_autofree char *time = sql_of_time(&days.world, world_start_ms);
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO events (id, type, org_id, camera_id, occurred_at, received_at, payload) SELECT "
        "vedette_day_bound('2026-01-01') || '-7000-8000-' || lpad(i::text, 12, '0'), CASE WHEN i %% 3 = 0 THEN "
        "'line_crossing' ELSE 'signal' END, 'default', 'cam-1', %s, %s, '{}' FROM generate_series(1, 12000) AS n (i)",
        time, time);
    meddle(&days.world, sql);
    limit_rows_of_statements(&days.world, "events", ROWS_OF_A_STATEMENT);
    move_to(&days.world, world_start_ms + 21 * DAY);
    g_autofree char *done = retain(&days, false), *left = parts(&days);
    g_assert_cmpstr(done, ==, "events 8001, occupancy 4012");
    g_assert_cmpstr(left, ==, "02");
    days_end(&days);
}

/* It is told, and its rows go one by one; so do the others' days, and what other tables have. */
static void test_g07_a_day_that_cannot_be_dropped_keeps_nothing_else(void)
{
    struct days_world days;
    g_autoptr(GError) error = NULL;
    days_begin(&days);
    meddle(&days.world, "ALTER FUNCTION vedette_day_drop(name, json) RENAME TO drop_day; CREATE FUNCTION "
                        "vedette_day_drop(part name, cutoffs json) RETURNS text LANGUAGE plpgsql AS $$ BEGIN IF part ~ "
                        "'01$' THEN RAISE 'stuck'; END IF; RETURN drop_day(part, cutoffs); END $$");
    move_to(&days.world, world_start_ms + 40 * DAY);
    g_autofree char *done = retain_or_fail(&days, false, &error), *left = parts(&days);
    g_assert_nonnull(strstr(error->message, "events_20260101: "));
    g_assert_nonnull(strstr(error->message, "stuck"));
    g_assert_cmpstr(done, ==, "events 2, occupancy 24");
    g_assert_cmpstr(left, ==, "01");
    g_assert_cmpint(ask_number(&days.world, "SELECT count(*) FROM events"), ==, 0);
    days_end(&days);
}

static void test_g07_another_orgs_row_keeps_the_day(void)
{
    struct days_world days;
    days_begin(&days);
    meddle(&days.world, "INSERT INTO events SELECT id, type, 'other', site_id, camera_id, subject_id, occurred_at, "
                        "received_at, trace_id, priority, payload FROM events WHERE type = 'signal' AND id < "
                        "vedette_day_bound('2026-01-02')");
    move_to(&days.world, world_start_ms + 40 * DAY);
    expect(&days, "events 2, occupancy 24", "01"); /* nobody knows how long `other` keeps what */
    g_assert_cmpint(ask_number(&days.world, "SELECT count(*) FROM events WHERE org_id = 'other'"), ==, 1);
    meddle(&days.world, "INSERT INTO orgs (id) VALUES ('other')");
    expect(&days, "events 1", "");
    days_end(&days);
}

static void mark_hour(struct days_world *days, int64_t hour_ms)
{
    g_autofree char *time = sql_of_time(&days->world, hour_ms);
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO rollup_marks (org_id, level, site_id, bucket, marks) VALUES ('default', 'hour', '', %s, 1)", time);
    meddle(&days->world, sql);
}

static void test_g07_what_must_stay_keeps_the_day(void)
{
    struct days_world days;
    g_autoptr(GError) error = NULL;
    struct legal_hold hold;
    days_begin(&days);
    move_to(&days.world, world_start_ms + 40 * DAY);
    record_init(&legal_hold_descriptor, &hold);
    hold.to_at.ms = world_start_ms + 1; /* from the beginning until the first event */
    hold.reason = g_strdup("case 12");
    g_assert_true(store_hold_put(days.world.store, &hold, &by_admin, &error));
    expect(&days, "events 1, occupancy 23", "01");
    g_assert_true(store_hold_release(days.world.store, hold.id, &by_admin, &error));
    record_clear(&legal_hold_descriptor, &hold);
    days.says = says_first_stays; /* a policy keeps the camera's for ever */
    meddle(&days.world, "INSERT INTO cameras (id, org_id, name, source, enabled) VALUES ('cam-1', 'default', '', "
                        "'rtsp://10.0.0.7/s', true)");
    expect(&days, "", "01");
    days.says = NULL;
    /* what lies there was not counted, as far as the marks tell */
    mark_hour(&days, world_start_ms);
    expect(&days, "events 1", "01");
    meddle(&days.world, "DELETE FROM rollup_marks");
    expect(&days, "occupancy 1", "");
    days_end(&days);
}

static void test_g08_a_hold_that_comes_keeps_the_days(void)
{
    struct days_world days;
    days_begin(&days);
    move_to(&days.world, world_start_ms + 40 * DAY);
    days.check = check_counted;
    days.says = says_all_stays_from_then_on;
    g_autofree char *done = retain(&days, false), *left = parts(&days);
    g_assert_cmpstr(done, ==, "");
    g_assert_cmpstr(left, ==, "01 02");
    g_assert_cmpint(ask_number(&days.world, "SELECT count(*) FROM events"), ==, 26);
    days_end(&days);
}

/* Of a site whose hours begin at the half hour, it is counted with the next day's first. */
static void test_g03_the_hour_before_a_mark_keeps_its_day(void)
{
    struct days_world days;
    days_begin(&days);
    move_to(&days.world, world_start_ms + DAY - 20 * MINUTE);
    cross(&days.world, "in", world_start_ms + DAY - 20 * MINUTE);
    roll_up(&days.world, ROLLUP_MONTH);
    mark_hour(&days, world_start_ms + DAY);
    move_to(&days.world, world_start_ms + 40 * DAY);
    expect(&days, "events 2, occupancy 12", "01 02");
    meddle(&days.world, "DELETE FROM rollup_marks");
    expect(&days, "occupancy 13", "");
    days_end(&days);
}

/* Whoever is in the middle of reading is not disturbed, and those who come after it do not stand behind the drop. */
static void test_g07_a_day_in_use_is_left_and_nobody_waits(void)
{
    struct days_world days;
    days_begin(&days);
    days.settings.drop_wait_ms = 1;
    move_to(&days.world, world_start_ms + 40 * DAY);
    PGconn *reader = postgres_connect("postgres", days.world.database);
    g_free(postgres_ask_on(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ"));
    g_autofree char *before = postgres_ask_on(reader, "SELECT count(*) FROM events");
    expect(&days, "events 2, occupancy 24", "01 02"); /* row by row */
    g_autofree char *after = postgres_ask_on(reader, "SELECT count(*) FROM events");
    g_assert_cmpstr(before, ==, after);
    g_free(postgres_ask_on(reader, "COMMIT")); /* closing alone does not wait until the tables are let go */
    PQfinish(reader);
    expect(&days, "", "");
    days_end(&days);
}

/* The function that drops days, by whoever may call it, drops nothing else. */
static void test_g07_only_days_can_be_dropped(void)
{
    static const char *const names[] = {"audit_entries", "events", "events_default", "cameras", "events_20991231", ""};
    struct store_world world;
    world_init(&world);
    PGconn *login = postgres_connect("vedette_login", world.database);
    g_free(postgres_ask_on(login, "SET ROLE vedette_jobs"));
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *sql = g_strdup_printf("SELECT vedette_day_drop('%s', '{}')", names[i]);
        g_autofree char *kept_by = postgres_ask_on(login, sql);
        g_assert_cmpstr(kept_by, ==, "it is no day of a table");
    }
    g_free(postgres_ask_on(login, "SET ROLE vedette_app"));
    PGresult *refused = PQexec(login, "SELECT vedette_day_drop('events_20260101', '{}')");
    g_assert_cmpstr(PQresultErrorField(refused, PG_DIAG_SQLSTATE), ==, "42501");
    PQclear(refused);
    PQfinish(login);
    world_clear(&world);
}

/* ---- stored tracks ---- */

/* A piece of a track of each of the first three days of 2026, an hour long. */
static void put_tracks(struct days_world *days)
{
    meddle(
        &days->world,
        "INSERT INTO track_chunks (id, org_id, camera_id, run_id, from_at, to_at, data) SELECT vedette_day_bound(day) "
        "|| '-7000-8000-000000000001', 'default', 'cam-1', 'r', day::timestamp AT TIME ZONE 'UTC', (day::timestamp "
        "AT TIME ZONE 'UTC') + interval '1 hour', 'x' FROM (VALUES (date '2026-01-01'), ('2026-01-02'), "
        "('2026-01-03')) AS days (day)");
}

static char *track_parts(struct days_world *days)
{
    return ask(&days->world,
               "SELECT right(tableoid::regclass::text, 8), count(*) FROM track_chunks GROUP BY 1 ORDER BY 1");
}

static void test_g07_a_day_of_tracks_goes_as_a_whole(void)
{
    struct days_world days;
    days_begin(&days);
    days.settings.track_days = 7;
    days.settings.event_days = days.settings.occupancy_days = 0;
    for (int day = 1; day <= 2; day++) {
        g_autofree char *sql = g_strdup_printf("SELECT vedette_day_make('track_chunks', '2026-01-%02d')", day);
        meddle(&days.world, sql);
    }
    put_tracks(&days);
    move_to(&days.world, world_start_ms + 9 * DAY);
    g_autofree char *before = track_parts(&days), *done = retain(&days, false), *left = track_parts(&days);
    g_assert_cmpstr(before, ==, "20260101 1 20260102 1 _default 1");
    g_assert_cmpstr(done, ==, "tracks 2"); /* with their days: */
    g_assert_cmpstr(left, ==, "_default 1");
    g_assert_cmpint(
        ask_number(&days.world, "SELECT count(*) FROM pg_class WHERE relname ~ '^track_chunks_2026010[12]$'"), ==, 0);
    days_end(&days);
}

/* The text of one step as programs ran it. */
static char *text_of_step(int number)
{
    g_autofree char *all = store_schema_sql(RECORD_POSTGRES), *head = g_strdup_printf("-- %d: ", number);
    const char *from = strstr(all, head), *to = strstr(from + 1, "\n-- ");
    return g_strndup(from, to ? (size_t)(to - from) : strlen(from));
}

/* A database of the time before: what lay there lies in days afterwards, but for what no clock can have been at. */
static void test_g07_tracks_of_earlier_versions_move_into_days(void)
{
    struct days_world days;
    days_begin(&days);
    g_autofree char *made = text_of_step(9);
    g_autofree char *back =
        g_strdup_printf("DROP TABLE track_chunks; %s; CREATE INDEX track_chunks_newest ON track_chunks (org_id, "
                        "from_at, id); ALTER TABLE track_chunks OWNER TO vedette_owner; DELETE FROM schema_migrations "
                        "WHERE number = 24",
                        made);
    meddle(&days.world, back);
    meddle(&days.world,
           "INSERT INTO track_chunks (id, org_id, camera_id, run_id, from_at, to_at, data) SELECT "
           "vedette_day_bound(current_date - back) || '-7000-8000-00000000000' || back, 'default', 'cam-1', "
           "'r', now() - back * interval '1 day', now(), 'x' FROM generate_series(1, 3) AS days (back)");
    meddle(&days.world, "INSERT INTO track_chunks (id, org_id, camera_id, run_id, from_at, to_at, data) VALUES ('t', "
                        "'default', 'cam-1', 'r', now(), now(), 'x')");
    postgres_migrate(days.world.database);
    g_autofree char *counts =
        ask(&days.world, "SELECT count(*), count(DISTINCT tableoid), count(*) FILTER (WHERE tableoid = "
                         "'track_chunks_default'::regclass) FROM track_chunks");
    g_assert_cmpstr(counts, ==, "4 4 1");
    days_end(&days);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("VEDETTE_TEST_STORE", "postgres", TRUE);
    if (world_is_missing())
        return 0;
    g_test_add_func("/days/g07_a_day_that_is_past_goes_as_a_whole", test_g07_a_day_that_is_past_goes_as_a_whole);
    g_test_add_func("/days/g07_a_large_day_goes_as_a_whole", test_g07_a_large_day_goes_as_a_whole);
    g_test_add_func("/days/g07_a_day_that_cannot_be_dropped_keeps_nothing_else",
                    test_g07_a_day_that_cannot_be_dropped_keeps_nothing_else);
    g_test_add_func("/days/g07_another_orgs_row_keeps_the_day", test_g07_another_orgs_row_keeps_the_day);
    g_test_add_func("/days/g07_what_must_stay_keeps_the_day", test_g07_what_must_stay_keeps_the_day);
    g_test_add_func("/days/g08_a_hold_that_comes_keeps_the_days", test_g08_a_hold_that_comes_keeps_the_days);
    g_test_add_func("/days/g03_the_hour_before_a_mark_keeps_its_day", test_g03_the_hour_before_a_mark_keeps_its_day);
    g_test_add_func("/days/g07_a_day_in_use_is_left_and_nobody_waits", test_g07_a_day_in_use_is_left_and_nobody_waits);
    g_test_add_func("/days/g07_a_day_of_tracks_goes_as_a_whole", test_g07_a_day_of_tracks_goes_as_a_whole);
    g_test_add_func("/days/g07_tracks_of_earlier_versions_move_into_days",
                    test_g07_tracks_of_earlier_versions_move_into_days);
    g_test_add_func("/days/g07_only_days_can_be_dropped", test_g07_only_days_can_be_dropped);
    return g_test_run();
}
