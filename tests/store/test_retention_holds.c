/* Legal holds: what retention leaves, of every rule and at every edge (case G8). */
#include "retention_world.h"

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

/* A row of each rule, and the first and the last moment of what it is about: T0 is its beginning, T+H an hour later. */
static const struct held_row {
    const char *rule, *insert;
    int64_t first_ms, last_ms;
} held_rows[] = {
    {"events",
     "INTO events (id, type, org_id, camera_id, occurred_at, payload) VALUES ('e', 'signal', 'default', 'cam-1', T0, "
     "'{}')",
     0, 0},
    {"occupancy",
     "INTO events (id, type, org_id, camera_id, occurred_at, payload) VALUES ('o', 'occupancy', 'default', 'cam-1', "
     "T0, '{}')",
     0, 0},
    {"occupancy_hourly",
     "INTO occupancy_hourly (org_id, site_id, bucket, camera_id, subject_id, kind) VALUES ('default', '', T0, 'cam-1', "
     "'hall', 'zone')",
     0, HOUR - 1},
    {"occupancy_daily",
     "INTO occupancy_daily (org_id, site_id, bucket, camera_id, subject_id, kind) VALUES ('default', '', T0, 'cam-1', "
     "'hall', 'zone')",
     0, 25 * (int64_t)HOUR - 1},
    {"counts",
     "INTO counts (org_id, day, camera_id, subject_id, kind, count) VALUES ('default', T0, 'cam-1', 'door', 'line_in', "
     "1)",
     0, 24 * (int64_t)HOUR - 1},
    {"quarantined_events",
     "INTO quarantined_events (org_id, camera_id, id, reason, type, occurred_at, received_at, payload) VALUES "
     "('default', 'cam-1', 'q', 'late', 'occupancy', T0, T+H, '{}')",
     0, HOUR},
    {"tracks",
     "INTO track_chunks (id, org_id, camera_id, run_id, from_at, to_at, data) VALUES ('t', 'default', 'cam-1', 'r', "
     "T0, T+H, '')",
     0, HOUR},
    {"access_logs",
     "INTO access_logs (org_id, camera_id, id, employee_id, direction, at, source) VALUES ('default', 'cam-1', 'a', "
     "'e-1', 'in', T0, 'local')",
     0, 0},
    {"attendance", /* a night at work */
     "INTO attendance_records (org_id, employee_id, day, check_in, check_out, status) VALUES ('default', 'e-1', T0, "
     "T-H, T+30H, 'present')",
     -HOUR, 30 * (int64_t)HOUR},
    {"vehicle_logs",
     "INTO vehicle_logs (org_id, camera_id, id, plate, at) VALUES ('default', 'cam-1', 'v', 'BXY123', T0)", 0, 0},
    {"incidents", /* that spread to the camera */
     "INTO incidents (org_id, id, camera_id, camera_ids, service, kind, severity, status, title, started_at, "
     "last_signal_at, ended_at, signal_count) VALUES ('default', 'i', 'cam-12', '[\"cam-12\",\"cam-1\"]', 'safety', "
     "'fall', 'high', 'open', 'x', T-H, T0, T+H, 2)",
     -HOUR, HOUR},
    {"violations",
     "INTO violations (org_id, id, camera_id, kind, signal_id, at, status) VALUES ('default', 'v', 'cam-1', "
     "'no_helmet', 's', T0, 'open')",
     0, 0},
};

static void insert_held_row(struct store_world *world, const struct held_row *row)
{
    static const struct {
        const char *name;
        int64_t ms;
    } times[] = {{"T0", 0}, {"T-H", -HOUR}, {"T+H", HOUR}, {"T+30H", 30 * (int64_t)HOUR}};
    g_autoptr(GString) sql = g_string_new("INSERT ");
    g_string_append(sql, row->insert);
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *time = sql_of_time(world, world_start_ms + times[i].ms);
        g_string_replace(sql, times[i].name, time, 0);
    }
    meddle(world, sql->str);
}

/* Whether a hold from a time to a time (0: open) keeps the one row of the rule. */
static bool is_held(struct store_world *world, const char *rule, const char *camera_id, int64_t from_ms, int64_t to_ms)
{
    struct retention_settings settings = retention_settings();
    struct legal_hold hold;
    g_autoptr(GError) error = NULL;
    record_init(&legal_hold_descriptor, &hold);
    hold.camera_id = g_strdup(camera_id);
    hold.from_at.ms = from_ms;
    hold.to_at.ms = to_ms;
    hold.reason = g_strdup("case 12");
    g_assert_true(store_hold_put(world->store, &hold, &by_admin, &error));
    g_autofree char *dry = retain(world, &settings, true), *goes = g_strdup_printf("%s 1", rule);
    g_auto(GStrv) parts = g_strsplit(dry, ", ", -1);
    g_assert_true(store_hold_release(world->store, hold.id, &by_admin, &error));
    record_clear(&legal_hold_descriptor, &hold);
    record_clear(&retention_settings_descriptor, &settings);
    return !g_strv_contains((const char *const *)parts, goes);
}

static void expect_hold_by_overlap(struct store_world *world, const struct retention_rule *rule,
                                   const struct held_row *row)
{
    int64_t first_ms = world_start_ms + row->first_ms, last_ms = world_start_ms + row->last_ms;
    g_test_message("%s", rule->name);
    g_assert_true(is_held(world, rule->name, NULL, 0, 0));
    g_assert_true(is_held(world, rule->name, "cam-1", last_ms, 0));
    g_assert_false(is_held(world, rule->name, "cam-1", last_ms + 1, 0));
    g_assert_true(is_held(world, rule->name, "cam-1", 0, first_ms + 1));
    g_assert_false(is_held(world, rule->name, "cam-1", 0, first_ms));
    g_assert_true(is_held(world, rule->name, "cam-1", (first_ms + last_ms) / 2, (first_ms + last_ms) / 2 + 1));
    g_assert_cmpint(is_held(world, rule->name, "cam-2", 0, 0), ==, !rule->has_camera);
}

static void put_camera(struct store_world *world, const char *id)
{
    struct camera camera;
    g_autoptr(GError) error = NULL;
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup(id);
    camera.source = g_strdup("rtsp://10.0.0.7/s");
    g_assert_true(store_camera_put(world->store, &camera, &error));
    record_clear(&camera_descriptor, &camera);
}

static void test_g08_a_hold_keeps_all_that_it_overlaps(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms);
    put_camera(&world, "cam-2"); /* nothing of it */
    for (size_t i = 0; i < G_N_ELEMENTS(held_rows); i++)
        insert_held_row(&world, &held_rows[i]);
    move_to(&world, world_start_ms + 3000 * DAY);
    for (size_t i = 0; i < retention_rule_count; i++) {
        const struct held_row *row = NULL;
        for (size_t j = 0; j < G_N_ELEMENTS(held_rows); j++)
            if (strcmp(held_rows[j].rule, retention_rules[i].name) == 0)
                row = &held_rows[j];
        if (retention_rules[i].is_platforms)
            continue;
        if (!row) /* a rule that is new needs one */
            g_error("%s: no row tries what a hold does to it", retention_rules[i].name);
        expect_hold_by_overlap(&world, &retention_rules[i], row);
    }
    world_clear(&world);
}

static const char *table_of(const char *rule)
{
    for (size_t i = 0; i < retention_rule_count; i++)
        if (strcmp(retention_rules[i].name, rule) == 0)
            return retention_rules[i].table;
    g_error("there is no rule '%s'", rule);
}

static bool put_hold(struct store_world *world, const char *camera_id, GError **error)
{
    struct legal_hold hold;
    record_init(&legal_hold_descriptor, &hold);
    hold.camera_id = g_strdup(camera_id);
    hold.reason = g_strdup("case 12");
    bool is_good = store_hold_put(world->store, &hold, &by_admin, error);
    record_clear(&legal_hold_descriptor, &hold);
    return is_good;
}

/* Mistyped, it would hold nothing. */
static void test_g08_a_hold_is_of_a_camera_that_there_is(void)
{
    struct store_world world;
    g_autoptr(GError) unknown = NULL, other = NULL, error = NULL;
    begin(&world, "UTC", world_start_ms);
    g_assert_false(put_hold(&world, "cam-9", &unknown));
    g_assert_error(unknown, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    g_assert_nonnull(strstr(unknown->message, "no camera 'cam-9'"));
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM legal_holds"), ==, 0);
    put_camera(&world, "cam-9");
    g_assert_true(put_hold(&world, "cam-9", &error));
    /* of one that is gone, what it recorded; of no other org */
    meddle(&world, "INSERT INTO orgs (id, name) VALUES ('acme', 'acme')");
    g_autofree char *time = sql_of_time(&world, world_start_ms);
    g_autofree char *theirs =
        g_strdup_printf("INSERT INTO vehicle_logs (org_id, camera_id, id, plate, at) VALUES ('acme', 'cam-3', 'v', "
                        "'BXY123', %s)",
                        time);
    meddle(&world, theirs);
    g_assert_false(put_hold(&world, "cam-3", &other));
    for (size_t i = 0; i < G_N_ELEMENTS(held_rows); i++) {
        if (strcmp(held_rows[i].rule, "attendance") == 0)
            continue;
        insert_held_row(&world, &held_rows[i]);
        g_assert_true(put_hold(&world, "cam-1", &error));
        g_autofree char *gone = g_strdup_printf("DELETE FROM %s", table_of(held_rows[i].rule));
        meddle(&world, gone);
    }
    world_clear(&world);
}

struct retaining {
    struct store_world *world;
    char *text;
    int is_done; /* atomic */
};

static void *retain_in_a_thread(void *data)
{
    struct retaining *retaining = data;
    struct retention_settings settings = retention_settings();
    retaining->text = retain(retaining->world, &settings, false);
    record_clear(&retention_settings_descriptor, &settings);
    __atomic_store_n(&retaining->is_done, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Times finer than ours, as other programs write them: what is held is looked at once, and what goes, goes. */
static void test_g08_times_of_other_programs(void)
{
    if (!world_is_postgres()) {
        g_test_skip("SQLite has whole milliseconds");
        return;
    }
    struct store_world world;
    begin(&world, "UTC", world_start_ms);
    meddle(
        &world,
        "INSERT INTO legal_holds (org_id, id, camera_id, reason) VALUES ('default', 'h', 'cam-1', 'case 12');"
        "INSERT INTO vehicle_logs (org_id, camera_id, id, plate, at) SELECT 'default', 'cam-' || (1 + n % 2), 'v' || "
        "n, 'BXY123', timestamptz '2026-01-01T00:00:00.000001Z' + n * interval '3 microseconds' FROM "
        "generate_series(0, 2009) n; INSERT INTO access_logs (org_id, camera_id, id, employee_id, direction, at, "
        "source) VALUES ('default', 'cam-1', 'a', 'e-1', 'in', '2026-01-01T00:00:00.000999Z', 'local')");
    move_to(&world, world_start_ms + 3000 * DAY);
    struct retaining retaining = {.world = &world};
    GThread *thread = g_thread_new("retention", retain_in_a_thread, &retaining);
    WORLD_WAIT_UNTIL(__atomic_load_n(&retaining.is_done, __ATOMIC_ACQUIRE));
    g_thread_join(thread);
    g_assert_cmpstr(retaining.text, ==, "vehicle_logs 1005");
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM vehicle_logs WHERE camera_id = 'cam-1'"), ==, 1005);
    g_free(retaining.text);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/retention_holds/g08_legal_hold", test_g08_legal_hold);
    g_test_add_func("/retention_holds/g08_a_hold_keeps_all_that_it_overlaps",
                    test_g08_a_hold_keeps_all_that_it_overlaps);
    g_test_add_func("/retention_holds/g08_a_hold_is_of_a_camera_that_there_is",
                    test_g08_a_hold_is_of_a_camera_that_there_is);
    g_test_add_func("/retention_holds/g08_times_of_other_programs", test_g08_times_of_other_programs);
    return g_test_run();
}
