/* Retention: what goes when, what stays, and what stops it (cases G3, G8). */
#include <stdlib.h>

#include "facts/log.h"
#include "retention_world.h"
#include "rival.h"

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

/* An hour there begins half an hour before the one that is marked. */
static void test_g03_raw_of_the_whole_hour_stays(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    int64_t marked_ms = world_start_ms + 2 * HOUR;
    begin(&world, "Asia/Kolkata", marked_ms + HOUR);
    cross(&world, "in", marked_ms - 70 * MINUTE);
    cross(&world, "in", marked_ms - 20 * MINUTE);
    roll_up(&world, ROLLUP_MONTH);
    cross(&world, "in", marked_ms + 10 * MINUTE);
    move_to(&world, world_start_ms + 60 * DAY);
    expect_retained(&world, &settings, "occupancy 1");
    roll_up(&world, ROLLUP_MONTH);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_hourly"), ==, 3);
    expect_retained(&world, &settings, "occupancy 2");
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* An hour that is not counted yet has its day and its month made anew. */
static void test_g03_hours_and_days_stay_until_theirs_are_counted(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    settings.occupancy_days = settings.count_days = 0;
    settings.occupancy_hourly_days = 10;
    settings.occupancy_daily_days = 20;
    begin(&world, "UTC", world_start_ms + 2 * DAY);
    cross(&world, "in", world_start_ms);
    cross(&world, "in", world_start_ms + DAY + HOUR);
    roll_up(&world, ROLLUP_MONTH);
    cross(&world, "in", world_start_ms + DAY + 5 * HOUR);
    move_to(&world, world_start_ms + 60 * DAY);
    expect_retained(&world, &settings, "occupancy_hourly 1"); /* the first day's is not needed */
    roll_up(&world, ROLLUP_MONTH);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_daily"), ==, 3);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_monthly"), ==, 3);
    expect_retained(&world, &settings, "occupancy_hourly 2, occupancy_daily 2");
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

/* What SQLite did for the deletes of the events so far. */
static int delete_steps(const struct store_world *world)
{
    int steps = 0;
    const struct sqlite_engine *engine = world->store->engine_state;
    for (sqlite3_stmt *statement = NULL; (statement = sqlite3_next_stmt(engine->writer.db, statement));)
        if (g_str_has_prefix(sqlite3_sql(statement), "DELETE FROM main.events"))
            steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
    return steps;
}

/* A page of rows that stay, a few that go in batches of seven, and more that stay: the writer does not look at those.
 */
static void test_g08_what_stays_is_not_looked_at_for_each_batch(void)
{
    enum { PAGE = 2000, STAYING = 3000, GOING = 40, STEPS_A_ROW = 250 };
    struct store_world world;
    struct retention_settings settings = retention_settings();
    begin(&world, "UTC", world_start_ms);
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < STAYING + GOING; i++) { /* in their midst, each other one goes */
        int64_t at_ms = world_start_ms + i * 1000;
        bool stays = i < PAGE || i >= PAGE + 2 * GOING || i % 2;
        g_ptr_array_add(batch, stays ? world_occupancy(&world, "hall", 1, at_ms)
                                     : world_crossing(&world, NULL, "door", "in", at_ms));
    }
    g_assert_cmpint(world_store(&world, batch).new_records, ==, STAYING + GOING);
    roll_up(&world, ROLLUP_MONTH);
    meddle(&world, "UPDATE events SET type = 'signal' WHERE type = 'occupancy'");
    move_to(&world, world_start_ms + 40 * DAY);
    expect_retained(&world, &settings, "occupancy 40");
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, STAYING);
    if (!world.database)
        g_assert_cmpint(delete_steps(&world), <, STEPS_A_ROW * GOING);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* cam-1 keeps events for ten days, cam-2 for ever; whatever is of no camera goes by the settings. */
static bool says(void *data, const struct retention_subject *subject, struct retention_settings *days)
{
    (void)data;
    g_assert_cmpstr(subject->org_id, !=, "");
    if (strcmp(subject->camera_id, "cam-1") == 0)
        days->event_days = 10;
    return strcmp(subject->camera_id, "cam-2") != 0;
}

static void test_g08_policies_say_it_for_each_camera(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    struct camera camera;
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", world_start_ms);
    record_init(&camera_descriptor, &camera);
    camera.source = g_strdup("rtsp://10.0.0.7/s");
    for (int i = 1; i <= 2; i++) {
        g_free(camera.id);
        camera.id = g_strdup_printf("cam-%d", i);
        g_assert_true(store_camera_put(world.store, &camera, &error));
    }
    record_clear(&camera_descriptor, &camera);
    for (int i = 1; i <= 3; i++) { /* cam-3 is none of the org's any more */
        g_autofree char *id = g_strdup_printf("cam-%d", i);
        put(&world, signal_at(&world, id, world_start_ms));
    }
    const struct store_retention retention = {.settings = &settings, .says = says};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    move_to(&world, world_start_ms + 20 * DAY);
    g_assert_true(store_retention_run(world.store, &retention, results, &error));
    g_autofree char *soon = ask(&world, "SELECT camera_id FROM events ORDER BY camera_id");
    g_assert_cmpstr(soon, ==, "cam-2 cam-3");
    move_to(&world, world_start_ms + 100 * DAY);
    g_assert_true(store_retention_run(world.store, &retention, results, &error));
    g_autofree char *late = ask(&world, "SELECT camera_id FROM events ORDER BY camera_id");
    g_assert_cmpstr(late, ==, "cam-2");
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* The org keeps attendance for a week, whatever its cameras are. */
static bool says_a_week(void *data, const struct retention_subject *subject, struct retention_settings *days)
{
    (void)data;
    g_assert_cmpstr(subject->org_id, ==, "default");
    if (!*subject->camera_id)
        days->attendance_days = 7;
    return true;
}

static void put_logs(struct store_world *world, int64_t at_ms)
{
    g_autofree char *id = id_new(world->clock);
    struct access_log access = {.org_id = (char *)"default",
                                .camera_id = (char *)"cam-1",
                                .id = id,
                                .employee_id = (char *)"unknown",
                                .direction = PASSAGE_IN,
                                .at = {at_ms},
                                .source = RECOGNITION_LOCAL};
    struct vehicle_log vehicle = {.org_id = (char *)"default",
                                  .camera_id = (char *)"cam-1",
                                  .id = id,
                                  .plate = (char *)"BXY123",
                                  .at = {at_ms},
                                  .list = VEHICLE_BLOCKED};
    struct attendance_record day = {.org_id = (char *)"default",
                                    .employee_id = (char *)"e-1",
                                    .day = {at_ms},
                                    .worked_minutes = 480,
                                    .status = ATTENDANCE_PRESENT};
    const struct {
        const struct record_descriptor *descriptor;
        const void *record;
    } rows[] = {
        {&access_log_descriptor, &access}, {&vehicle_log_descriptor, &vehicle}, {&attendance_record_descriptor, &day}};
    g_autoptr(GError) error = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        store_put(world->store, "default", rows[i].descriptor, rows[i].record, RECORD_CONFLICT_FAIL, &error);
    g_assert_no_error(error);
}

static void test_g08_logs_of_people_and_vehicles(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", world_start_ms);
    put_logs(&world, world_start_ms);
    put_logs(&world, world_start_ms + 300 * DAY);
    move_to(&world, world_start_ms + 90 * DAY);
    expect_retained(&world, &settings, "");
    move_to(&world, world_start_ms + 90 * DAY + 1);
    expect_retained(&world, &settings, "access_logs 1, vehicle_logs 1");
    move_to(&world, world_start_ms + 365 * DAY + 1);
    expect_retained(&world, &settings, "attendance 1");
    const struct store_retention retention = {.settings = &settings, .says = says_a_week};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    g_assert_true(store_retention_run(world.store, &retention, results, &error));
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM attendance_records"), ==, 0);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM access_logs"), ==, 1);
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
    g_autofree char *time = sql_of_time(&world, 1);
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO job_runs (job_id, scheduled_at, cause, state) VALUES ('x', %s, 'manual', 'failed')", time);
    meddle(&world, sql);
    g_autofree char *text = retain(&world, &settings, false);
    g_assert_nonnull(strstr(text, "job_runs: 1 rows of org * have no started_at"));
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* acme comes first, and its rows cannot be deleted: it is named, the others' go all the same, and the run is noted. */
static void test_g08_what_fails_for_one_org_keeps_no_other_s(void)
{
    if (world_is_postgres()) {
        g_test_skip("what is in the way of one org is a trigger of SQLite");
        return;
    }
    struct store_world world;
    struct retention_settings settings = retention_settings();
    begin(&world, "UTC", world_start_ms);
    store_close(world.store);
    meddle(&world, "INSERT INTO orgs (id, name) VALUES ('acme', 'acme');"
                   "INSERT INTO access_logs (org_id, camera_id, id, employee_id, at, source) VALUES"
                   "  ('acme', 'c', '1', 'e', 1, 'local'), ('default', 'c', '2', 'e', 1, 'local');"
                   "CREATE TRIGGER stuck BEFORE DELETE ON access_logs WHEN old.org_id = 'acme' BEGIN "
                   "SELECT RAISE(ABORT, 'stuck'); END");
    world.store = world_open_with(&world, world_settings, NULL);
    g_autofree char *text = retain(&world, &settings, false);
    g_assert_nonnull(strstr(text, "access_logs 1org acme: "));
    g_assert_nonnull(strstr(text, "stuck"));
    g_assert_cmpint(ask_number(&world, "SELECT value FROM store_values WHERE name = 'retention_clock_ms'"), ==,
                    clock_wall_ms(world.clock));
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* The run is another hub's: once that is seen with acme, nothing of zeta is tried. */
static void test_d07_what_was_taken_over_ends_for_all_orgs(void)
{
    if (world_is_postgres()) {
        g_test_skip("what was tried is told by SQLite");
        return;
    }
    struct store_world world;
    struct retention_settings settings = retention_settings();
    const struct store_run_hold lost = {"retain", world_start_ms, 1, 60000};
    const struct store_retention retention = {.settings = &settings, .hold = &lost};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    g_autoptr(GError) error = NULL;
    int beats = 0;
    begin(&world, "UTC", world_start_ms);
    meddle(&world, "INSERT INTO orgs (id, name) VALUES ('acme', 'acme'), ('zeta', 'zeta');"
                   "INSERT INTO access_logs (org_id, camera_id, id, employee_id, at, source) VALUES"
                   "  ('acme', 'c', '1', 'e', 1, 'local'), ('zeta', 'c', '2', 'e', 1, 'local')");
    rival_count_beats(&world, &beats);
    g_assert_false(store_retention_run(world.store, &retention, results, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    g_assert_cmpint(beats, ==, 1);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* When the part of the day is over in which rows are deleted (retention.window). */
static void test_the_rest_goes_next_time(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    struct store_retention retention = {.settings = &settings};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", world_start_ms);
    put(&world, signal_at(&world, "cam-1", world_start_ms));
    move_to(&world, world_start_ms + 100 * DAY);
    retention.until_ms = clock_wall_ms(world.clock);
    g_assert_false(store_retention_run(world.store, &retention, results, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, 1);
    g_clear_error(&error);
    retention.until_ms++;
    g_assert_true(store_retention_run(world.store, &retention, results, &error));
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM events"), ==, 0);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* Many pages of rows that a hold keeps: nothing is written for longer than the lease, and nobody takes the run over. */
static void test_d07_the_lease_is_prolonged_while_it_reads(void)
{
    enum { LEASE_MS = 120000 };
    struct store_world world;
    struct retention_settings settings = retention_settings();
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    g_autoptr(GError) error = NULL;
    if (world_is_postgres()) {
        g_test_skip("what makes a page take its time is SQLite's");
        return;
    }
    begin(&world, "UTC", world_start_ms);
    meddle(&world, "INSERT INTO legal_holds (org_id, id, reason) VALUES ('default', 'h', 'case 12'); WITH RECURSIVE "
                   "n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) INSERT INTO events (id, type, "
                   "org_id, camera_id, occurred_at, payload) SELECT 'e' || i, 'signal', 'default', 'cam-1', i, '{}' "
                   "FROM n");
    struct rival rival = {.world = &world, .page = {"FROM events", "LIMIT 2000"}};
    struct store_run_hold hold = {"cleanup", world_start_ms, 0, LEASE_MS};
    rival_begin(&rival, &hold);
    const struct store_retention retention = {.settings = &settings, .hold = &hold};
    store_retention_run(world.store, &retention, results, &error);
    g_assert_no_error(error);
    g_assert_cmpint(rival.pages, >=, 5);
    g_assert_cmpint(rival.taken, ==, 0);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* Else a server that starts would not know what to make up for. */
static void test_a_job_s_latest_time_stays(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    begin(&world, "UTC", world_start_ms);
    g_autofree char *early = sql_of_time(&world, world_start_ms), *late = sql_of_time(&world, world_start_ms + HOUR);
    g_autofree char *sql = g_strdup_printf(
        "INSERT INTO job_runs (job_id, scheduled_at, cause, state, started_at) VALUES ('monthly', %s, 'schedule', "
        "'done', %s), ('monthly', %s, 'schedule', 'skipped', %s), ('once', %s, 'manual', 'done', %s)",
        early, early, late, late, early, early);
    meddle(&world, sql);
    move_to(&world, world_start_ms + 200 * DAY);
    expect_retained(&world, &settings, "job_runs 2");
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM job_runs WHERE job_id = 'monthly'"), ==, 1);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* Until a look that began after this has an answer, which it has when the next begins. */
static void await_check(struct store_world *world)
{
    int64_t before = counter_get(&world->health.store_checks);
    WORLD_WAIT_UNTIL(counter_get(&world->health.store_checks) >= before + 2);
}

/* The disk under the store was taken away while it ran: what is open is not what is there. */
static void test_a_missing_mount_stops_it(void)
{
    if (world_is_postgres()) {
        g_test_skip("PostgreSQL looks after its own disks");
        return;
    }
    struct store_world world;
    struct retention_settings settings = retention_settings();
    begin(&world, "UTC", world_start_ms);
    put(&world, signal_at(&world, "cam-1", world_start_ms));
    move_to(&world, world_start_ms + 400 * DAY);
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL),
                    *aside = g_build_filename(world.directory, "aside.db", NULL);
    g_assert_cmpint(g_rename(path, aside), ==, 0);
    WORLD_WAIT_UNTIL(!store_check(world.store, NULL)); /* it is looked at once a second */
    g_autofree char *gone = retain(&world, &settings, false), *dry = retain(&world, &settings, true);
    g_assert_nonnull(strstr(gone, "retention is stopped"));
    g_assert_nonnull(strstr(gone, "still mounted"));
    g_assert_cmpstr(gone, ==, dry);
    g_assert_true(g_file_set_contents(path, "", 0, NULL)); /* another file in its place is not it either */
    await_check(&world);
    g_autofree char *other = retain(&world, &settings, false);
    g_assert_nonnull(strstr(other, "still mounted"));
    g_assert_cmpint(g_rename(aside, path), ==, 0);
    WORLD_WAIT_UNTIL(store_check(world.store, NULL));
    g_autofree char *back = retain(&world, &settings, false);
    g_assert_cmpstr(back, ==, "events 1");
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* No statement looks at more than a page. */
static void test_a_dry_run_counts_in_pages(void)
{
    enum { ROWS_OF_A_STATEMENT = 4100 };
    struct store_world world;
    struct retention_settings settings = retention_settings();
    begin(&world, "UTC", world_start_ms);
    g_autofree char *time = sql_of_time(&world, world_start_ms);
    g_autofree char *sql = g_strdup_printf(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) INSERT INTO events (id, "
        "type, "
        "org_id, camera_id, occurred_at, received_at, payload) SELECT 'e-' || (100000 + i), 'signal', 'default', "
        "'cam-1', %s + i %s, %s, '{}' FROM n",
        time, world.database ? "* interval '1 ms'" : "", time);
    meddle(&world, sql);
    if (world.database)
        limit_rows_of_statements(&world, "events", ROWS_OF_A_STATEMENT);
    move_to(&world, world_start_ms + 91 * DAY);
    g_autofree char *dry = retain(&world, &settings, true);
    g_assert_cmpstr(dry, ==, "events 12000");
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/retention/g03_raw_stays_until_it_is_counted", test_g03_raw_stays_until_it_is_counted);
    g_test_add_func("/retention/g03_raw_of_the_whole_hour_stays", test_g03_raw_of_the_whole_hour_stays);
    g_test_add_func("/retention/g03_hours_and_days_stay_until_theirs_are_counted",
                    test_g03_hours_and_days_stay_until_theirs_are_counted);
    g_test_add_func("/retention/g08_each_table_by_its_days_to_the_millisecond",
                    test_g08_each_table_by_its_days_to_the_millisecond);
    g_test_add_func("/retention/g08_what_stays_is_not_looked_at_for_each_batch",
                    test_g08_what_stays_is_not_looked_at_for_each_batch);
    g_test_add_func("/retention/g08_policies_say_it_for_each_camera", test_g08_policies_say_it_for_each_camera);
    g_test_add_func("/retention/g08_logs_of_people_and_vehicles", test_g08_logs_of_people_and_vehicles);
    g_test_add_func("/retention/clock_jumps_stop_it", test_clock_jumps_stop_it);
    g_test_add_func("/retention/a_row_without_a_time_stops_it", test_a_row_without_a_time_stops_it);
    g_test_add_func("/retention/a_missing_mount_stops_it", test_a_missing_mount_stops_it);
    g_test_add_func("/retention/d07_what_was_taken_over_ends_for_all_orgs",
                    test_d07_what_was_taken_over_ends_for_all_orgs);
    g_test_add_func("/retention/the rest goes next time", test_the_rest_goes_next_time);
    g_test_add_func("/retention/a dry run counts in pages", test_a_dry_run_counts_in_pages);
    g_test_add_func("/retention/a job's latest time stays", test_a_job_s_latest_time_stays);
    g_test_add_func("/retention/g08_what_fails_for_one_org_keeps_no_other_s",
                    test_g08_what_fails_for_one_org_keeps_no_other_s);
    g_test_add_func("/retention/d07_the_lease_is_prolonged_while_it_reads",
                    test_d07_the_lease_is_prolonged_while_it_reads);
    return g_test_run();
}
