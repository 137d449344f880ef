/* Retention policies, held to what they have the store delete and keep: case G8. */
#include "../store/upkeep_world.h"
#include "facts/log.h"
#include "facts/track.h"
#include "keeper/keeper.h"
#include "store/retention.h"
#include "store/store_internal.h"

struct keeping {
    struct store_world store;
    struct settings settings;
    struct policy_keeper *keeper;
};

/* Where the rows are that a key keeps. */
static const struct {
    const char *key, *table;
} kept_by[] = {
    {"event_days", "events"},           {"occupancy_raw_days", "occupancy"}, {"track_days", "tracks"},
    {"access_log_days", "access_logs"}, {"attendance_days", "attendance"},   {"vehicle_log_days", "vehicle_logs"},
};

/* ---- the world: cameras `door` and `yard`, and `gone`, which the settings no longer have ---- */

static void put_camera(struct keeping *keeping, const char *id, const char *site_id, const char *class_id)
{
    struct camera camera;
    g_autoptr(GError) error = NULL;
    record_init(&camera_descriptor, &camera);
    g_free(camera.site_id);
    camera.id = g_strdup(id);
    camera.site_id = g_strdup(site_id);
    camera.class_id = g_strdup(class_id);
    camera.source = g_strdup("rtsp://10.0.0.7/s");
    store_camera_put(keeping->store.store, &camera, &error);
    g_assert_no_error(error);
    if (strcmp(id, "gone") != 0) {
        struct camera *listed = record_list_append(&keeping->settings.cameras, &camera_descriptor);
        record_clear(&camera_descriptor, listed);
        *listed = camera;
    } else {
        record_clear(&camera_descriptor, &camera);
    }
}

static void put_event(struct keeping *keeping, const char *camera_id, struct analytics_event *event)
{
    g_free(event->camera_id);
    event->camera_id = g_strdup(camera_id);
    g_assert_cmpint(put(&keeping->store, event).new_records, ==, 1);
}

static void put_row(struct keeping *keeping, const struct record_descriptor *descriptor, const void *record)
{
    g_autoptr(GError) error = NULL;
    store_put(keeping->store.store, "default", descriptor, record, RECORD_CONFLICT_FAIL, &error);
    g_assert_no_error(error);
}

/* One row in each table that a camera has rows in. */
static void put_rows(struct keeping *keeping, char *camera_id)
{
    struct store_world *store = &keeping->store;
    g_autofree char *id = id_new(store->clock);
    char org_id[] = "default";
    put_event(keeping, camera_id, world_signal(store, NULL, camera_id, "safety", "fall", "high", world_start_ms));
    put_event(keeping, camera_id, world_crossing(store, NULL, "line", "in", world_start_ms));
    put_row(keeping, &access_log_descriptor,
            &(struct access_log){.org_id = org_id,
                                 .camera_id = camera_id,
                                 .id = id,
                                 .employee_id = (char *)(uintptr_t) "unknown",
                                 .direction = PASSAGE_IN,
                                 .at = {world_start_ms},
                                 .source = RECOGNITION_LOCAL});
    put_row(keeping, &vehicle_log_descriptor,
            &(struct vehicle_log){.org_id = org_id,
                                  .camera_id = camera_id,
                                  .id = id,
                                  .plate = (char *)(uintptr_t) "BXY123",
                                  .at = {world_start_ms},
                                  .list = VEHICLE_BLOCKED});
    put_row(keeping, &track_chunk_descriptor,
            &(struct track_chunk){.id = id,
                                  .org_id = org_id,
                                  .camera_id = camera_id,
                                  .run_id = id,
                                  .number = 1,
                                  .from_at = {world_start_ms},
                                  .to_at = {world_start_ms + MINUTE},
                                  .frames = 1,
                                  .codec_version = 1,
                                  .data = (char *)(uintptr_t) ""});
}

static void open_keeper(struct keeping *keeping)
{
    g_autoptr(GError) error = NULL;
    const struct policy_keeper_config config = {
        .store = keeping->store.store, .settings = &keeping->settings, .clock = keeping->store.clock};
    keeping->keeper = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
}

static void keeping_start(struct keeping *keeping)
{
    *keeping = (struct keeping){0};
    begin(&keeping->store, "UTC", world_start_ms);
    record_init(&settings_descriptor, &keeping->settings);
    struct retention_settings *retention = &keeping->settings.retention;
    retention->event_days = retention->occupancy_days = retention->track_days = retention->access_log_days =
        retention->attendance_days = retention->vehicle_log_days = 365;
    retention->pause_ms = 0;
    retention->clock_gap_days = 0;
    meddle(&keeping->store,
           "INSERT INTO sites (org_id, id) VALUES ('default', 'back'); INSERT INTO classes (org_id, id, "
           "site_id) VALUES ('default', '8b', 'back')");
    put_camera(keeping, "door", "default", NULL);
    put_camera(keeping, "yard", "default", NULL);
    put_camera(keeping, "gone", "back", "8b");
    put_rows(keeping, (char *)(uintptr_t) "door");
    put_rows(keeping, (char *)(uintptr_t) "yard");
    put_rows(keeping, (char *)(uintptr_t) "gone");
    put_row(keeping, &attendance_record_descriptor,
            &(struct attendance_record){.org_id = (char *)(uintptr_t) "default",
                                        .employee_id = (char *)(uintptr_t) "e-1",
                                        .day = {world_start_ms},
                                        .worked_minutes = 480,
                                        .status = ATTENDANCE_PRESENT});
    open_keeper(keeping);
}

static void keeping_end(struct keeping *keeping)
{
    policy_keeper_free(keeping->keeper);
    record_clear(&settings_descriptor, &keeping->settings);
    world_clear(&keeping->store);
}

static bool change(struct keeping *keeping, const struct policy_scope *scope, enum policy_type type, const char *body,
                   GError **error)
{
    struct record_errors errors;
    struct policy_changed changed;
    record_errors_init(&errors);
    bool is_good = policy_keeper_change(
        keeping->keeper,
        &(struct policy_change){
            .name = {*scope, type, NULL}, .action = POLICY_PUT, .body = body, .expected_version = -1, .by = by_admin},
        &changed, &errors, error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
    return is_good;
}

static void say(struct keeping *keeping, const struct policy_scope *scope, const char *body)
{
    g_autoptr(GError) error = NULL;
    change(keeping, scope, POLICY_RETENTION, body, &error);
    g_assert_no_error(error);
}

/* How many rows went of a table that keys keep. */
static int64_t gone_from(const GPtrArray *results, const char *table)
{
    for (guint i = 0; i < results->len; i++) {
        const struct retention_result *result = g_ptr_array_index(results, i);
        if (strcmp(result->table, table) == 0)
            return result->rows;
    }
    return 0;
}

/* NULL: it stopped. */
static GPtrArray *retain_after(struct keeping *keeping, int days, GError **error)
{
    const struct store_retention retention = {.settings = &keeping->settings.retention,
                                              .check = policy_keeper_check_retention,
                                              .says = policy_keeper_retention,
                                              .data = keeping->keeper};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    move_to(&keeping->store, world_start_ms + days * DAY);
    roll_up(&keeping->store, ROLLUP_HOUR);
    bool is_good = store_retention_run(keeping->store.store, &retention, results, error);
    return is_good ? g_steal_pointer(&results) : NULL;
}

static int64_t events_of(struct keeping *keeping, const char *camera_id)
{
    g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM events WHERE camera_id = '%s'", camera_id);
    return ask_number(&keeping->store, sql);
}

/* ---- cases ---- */

static const struct policy_scope org = {.org_id = "default"}, door = {.org_id = "default", .camera_id = "door"};

/* What a key keeps goes when the key says so, of its camera alone, and nothing else goes. */
static void test_g08_every_key_of_retention_acts(void)
{
    const struct record_descriptor *descriptor = &retention_policy_descriptor;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *key = &descriptor->fields[i];
        if (key->kind == RECORD_BOOL || key->flags & RECORD_NOT_YET)
            continue;
        struct keeping keeping;
        g_autoptr(GError) error = NULL;
        keeping_start(&keeping);
        g_autofree char *body = g_strdup_printf("{\"%s\":77}", key->name);
        say(&keeping, strcmp(key->name, "attendance_days") == 0 ? &org : &door, body);
        g_autoptr(GPtrArray) early = retain_after(&keeping, 76, &error), late = retain_after(&keeping, 78, &error);
        g_assert_no_error(error);
        int64_t found = 0;
        for (size_t j = 0; j < G_N_ELEMENTS(kept_by); j++) {
            bool is_its = strcmp(kept_by[j].key, key->name) == 0;
            found += is_its;
            g_assert_cmpint(gone_from(early, kept_by[j].table), ==, 0);
            if (gone_from(late, kept_by[j].table) != is_its)
                g_error("%s: %d rows of %s went", body, (int)gone_from(late, kept_by[j].table), kept_by[j].table);
        }
        g_assert_cmpint(found, ==, 1);
        keeping_end(&keeping);
    }
}

/* The row of one that the API made does not stay as the settings' does: so it does not go, nor to where nothing holds
 * what it saw, nor does its org. */
static void expect_held(struct keeping *keeping, const struct policy_scope *scope)
{
    const struct camera gone = {.org_id = (char *)(uintptr_t) "default",
                                .id = (char *)(uintptr_t) "gone",
                                .site_id = (char *)(uintptr_t) "back",
                                .class_id = (char *)(uintptr_t) "8b"};
    struct camera moved = gone;
    g_autoptr(GError) removal = NULL, move = NULL, org_removal = NULL;
    moved.site_id = moved.class_id = NULL;
    g_assert_false(policy_keeper_check_kept(keeping->keeper, &gone, NULL, &removal));
    g_assert_error(removal, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_assert_true(policy_keeper_check_kept(keeping->keeper, &gone, &moved, &move) == (scope->camera_id != NULL));
    g_assert_false(policy_keeper_check_org(keeping->keeper, "default", &org_removal));
    g_assert_error(org_removal, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_assert_true(policy_keeper_check_org(keeping->keeper, "other", NULL));
}

/* At every level a camera is below, also of a camera that the settings do not have any more. */
static void test_g08_a_legal_hold_keeps_a_camera_that_is_gone(void)
{
    static const struct policy_scope scopes[] = {{.org_id = "default", .camera_id = "gone"},
                                                 {.org_id = "default", .class_id = "8b"},
                                                 {.org_id = "default", .site_id = "back"}};
    for (size_t i = 0; i < G_N_ELEMENTS(scopes); i++) {
        struct keeping keeping;
        g_autoptr(GError) error = NULL;
        keeping_start(&keeping);
        say(&keeping, &scopes[i], "{\"legal_hold\":true}");
        expect_held(&keeping, &scopes[i]);
        g_autoptr(GPtrArray) results = retain_after(&keeping, 400, &error);
        g_assert_no_error(error);
        g_assert_cmpint(events_of(&keeping, "gone"), ==, 2);
        g_assert_cmpint(events_of(&keeping, "door") + events_of(&keeping, "yard"), ==, 0);
        for (size_t j = 0; j < G_N_ELEMENTS(kept_by); j++)
            g_assert_cmpint(gone_from(results, kept_by[j].table), ==,
                            strcmp(kept_by[j].table, "attendance") == 0 ? 1 : 2);
        keeping_end(&keeping);
    }
}

/* Summer time begins in Berlin on that Sunday at two: the hold does not come this week, but it does in the next. */
static void test_g08_a_hold_at_hours_that_clocks_skip_this_week_counts(void)
{
    const int64_t thursday_ms = INT64_C(1774483200000); /* 2026-03-26T00:00Z */
    static const struct policy_scope back = {.org_id = "default", .site_id = "back"};
    const struct camera gone = {.org_id = (char *)(uintptr_t) "default",
                                .id = (char *)(uintptr_t) "gone",
                                .site_id = (char *)(uintptr_t) "back",
                                .class_id = (char *)(uintptr_t) "8b"};
    struct keeping keeping;
    g_autoptr(GError) error = NULL;
    keeping_start(&keeping);
    move_to(&keeping.store, thursday_ms);
    say(&keeping, &back,
        "{\"overlays\":[{\"name\":\"night\",\"time_zone\":\"Europe/Berlin\",\"schedule\":[{\"days\":[\"sun\"],"
        "\"from\":\"02:10\",\"to\":\"02:50\"}],\"config\":{\"legal_hold\":true}}]}");
    g_assert_false(policy_keeper_check_kept(keeping.keeper, &gone, NULL, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    keeping_end(&keeping);
}

/* As a start with other settings does; `door` ends where it was. */
static void move(struct keeping *keeping, const char *id)
{
    static const char *const places[][2] = {{"back", "8b"}, {"default", NULL}};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        struct camera camera;
        g_autoptr(GError) error = NULL;
        record_init(&camera_descriptor, &camera);
        g_free(camera.site_id);
        camera.id = g_strdup(id);
        camera.site_id = g_strdup(places[i][0]);
        camera.class_id = g_strdup(places[i][1]);
        camera.source = g_strdup("rtsp://10.0.0.7/s");
        g_assert_true(store_camera_put(keeping->store.store, &camera, &error));
        record_clear(&camera_descriptor, &camera);
    }
}

/* Who moves a camera in the settings, or removes it afterwards, takes nothing out of a hold; who ends the hold does. */
static void test_g08_a_legal_hold_keeps_a_camera_that_was_moved(void)
{
    static const struct policy_scope scopes[] = {{.org_id = "default", .class_id = "8b"},
                                                 {.org_id = "default", .site_id = "back"}};
    static const char *const ids[] = {"door", "gone"};
    for (size_t i = 0; i < G_N_ELEMENTS(scopes) * G_N_ELEMENTS(ids); i++) {
        const struct policy_scope *scope = &scopes[i / G_N_ELEMENTS(ids)];
        const char *id = ids[i % G_N_ELEMENTS(ids)];
        struct keeping keeping;
        g_autoptr(GError) error = NULL;
        keeping_start(&keeping);
        move(&keeping, id);
        say(&keeping, scope, "{\"legal_hold\":true}");
        g_autoptr(GPtrArray) held = retain_after(&keeping, 400, &error);
        g_assert_cmpint(events_of(&keeping, id), ==, 2);
        g_assert_cmpint(events_of(&keeping, "yard"), ==, 0);
        g_autofree char *removal = g_strdup_printf("DELETE FROM cameras WHERE id = '%s'", id);
        meddle(&keeping.store, removal);
        g_autoptr(GPtrArray) still_held = retain_after(&keeping, 401, &error);
        g_assert_cmpint(events_of(&keeping, id), ==, 2);
        say(&keeping, scope, "{\"event_days\":4000}"); /* of what was seen days go by where it stands now */
        g_autoptr(GPtrArray) released = retain_after(&keeping, 402, &error);
        g_assert_no_error(error);
        g_assert_cmpint(events_of(&keeping, id), ==, 0);
        keeping_end(&keeping);
    }
}

/* It may be a hold: nothing goes until it can be read again, and the reason is told. */
static void test_g08_nothing_goes_while_a_retention_policy_is_refused(void)
{
    struct keeping keeping;
    g_autoptr(GError) error = NULL;
    keeping_start(&keeping);
    say(&keeping, &door, "{\"legal_hold\":true}");
    change(&keeping, &door, POLICY_SAFETY, "{\"loitering_seconds\":5}", &error);
    g_assert_no_error(error);
    policy_keeper_free(keeping.keeper);
    meddle(&keeping.store, "UPDATE service_policies SET config = '{\"legal_hold\":3}' WHERE policy_type = 'retention'");
    open_keeper(&keeping);
    g_assert_null(retain_after(&keeping, 400, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
    g_assert_nonnull(strstr(error->message, "a retention policy is refused"));
    const struct retention_subject yard = {"default", "default", NULL, "yard"};
    g_assert_false(policy_keeper_retention(keeping.keeper, &yard, &keeping.settings.retention));
    g_assert_cmpint(events_of(&keeping, "yard"), ==, 2);
    policy_keeper_free(keeping.keeper);
    meddle(&keeping.store, "UPDATE service_policies SET config = '{\"legal_hold\":true}' WHERE policy_type = "
                           "'retention'; UPDATE service_policies SET config = '[]' WHERE policy_type = 'safety'");
    open_keeper(&keeping); /* another one that is refused keeps nothing */
    g_clear_error(&error);
    g_autoptr(GPtrArray) results = retain_after(&keeping, 400, &error);
    g_assert_no_error(error);
    g_assert_cmpint(events_of(&keeping, "yard"), ==, 0);
    g_assert_cmpint(events_of(&keeping, "door"), ==, 2);
    keeping_end(&keeping);
}

/* ---- while it runs ---- */

/* A hold that somebody sets while retention runs, by the call that the run makes then. */
struct coming {
    struct keeping *keeping;
    int checks, hold_at_check; /* calls so far; 0: not by these */
    int64_t door_events;       /* below so many of them it comes; 0: not by these */
    bool has_come;
};

static void come(struct coming *coming)
{
    if (!coming->has_come)
        say(coming->keeping, &org, "{\"legal_hold\":true}");
    coming->has_come = true;
}

static bool check_and_come(void *data, GError **error)
{
    struct coming *coming = data;
    if (++coming->checks == coming->hold_at_check)
        come(coming);
    return policy_keeper_check_retention(coming->keeping->keeper, error);
}

static bool says_and_come(void *data, const struct retention_subject *subject, struct retention_settings *days)
{
    struct coming *coming = data;
    int64_t left = coming->door_events && !coming->has_come ? events_of(coming->keeping, "door") : 0;
    if (left && left < coming->door_events) {
        coming->door_events = left;
        come(coming);
    }
    return policy_keeper_retention(coming->keeping->keeper, subject, days);
}

static void retain_while_it_comes(struct coming *coming)
{
    g_autoptr(GError) error = NULL;
    const struct store_retention retention = {.settings = &coming->keeping->settings.retention,
                                              .check = check_and_come,
                                              .says = says_and_come,
                                              .data = coming};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    move_to(&coming->keeping->store, world_start_ms + 400 * DAY);
    roll_up(&coming->keeping->store, ROLLUP_HOUR);
    g_assert_true(store_retention_run(coming->keeping->store.store, &retention, results, &error));
    g_assert_no_error(error);
    g_assert_true(coming->has_come);
}

/* The yard's keep their day from going as a whole. */
static void test_g08_a_hold_that_comes_between_two_batches_keeps_the_rest(void)
{
    enum { SIGNALS = 20 };
    struct keeping keeping;
    keeping_start(&keeping);
    say(&keeping, &(struct policy_scope){.org_id = "default", .camera_id = "yard"}, "{\"legal_hold\":true}");
    for (int i = 0; i < SIGNALS; i++)
        put_event(&keeping, "door",
                  world_signal(&keeping.store, NULL, "door", "safety", "fall", "high", world_start_ms));
    keeping.settings.retention.batch_rows = 1;
    struct coming coming = {.keeping = &keeping, .door_events = events_of(&keeping, "door")};
    retain_while_it_comes(&coming);
    g_assert_cmpint(coming.door_events, ==, SIGNALS + 2 - 1);
    g_assert_cmpint(events_of(&keeping, "door"), ==, coming.door_events);
    keeping_end(&keeping);
}

/* And before the rows of a part whose days are known. */
static void test_g08_a_hold_that_comes_before_the_first_goes_keeps_all(void)
{
    struct keeping keeping;
    keeping_start(&keeping);
    struct coming coming = {.keeping = &keeping, .hold_at_check = 2};
    retain_while_it_comes(&coming);
    for (size_t i = 0; i < keeping.settings.cameras.count; i++)
        g_assert_cmpint(events_of(&keeping, ((struct camera *)keeping.settings.cameras.items)[i].id), ==, 2);
    g_assert_cmpint(ask_number(&keeping.store, "SELECT count(*) FROM track_chunks"), ==, 3);
    keeping_end(&keeping);
}

/* Another server's, of which nobody told this one: what is deleted goes by what stands in the store. */
static void test_g08_a_hold_set_elsewhere_counts(void)
{
    struct keeping keeping, other;
    g_autoptr(GError) error = NULL;
    keeping_start(&keeping);
    other = keeping;
    open_keeper(&other);
    say(&other, &org, "{\"legal_hold\":true}");
    policy_keeper_free(other.keeper);
    g_autoptr(GPtrArray) results = retain_after(&keeping, 400, &error);
    g_assert_no_error(error);
    g_assert_cmpint(events_of(&keeping, "door"), ==, 2);
    keeping_end(&keeping);
}

static void test_what_nothing_obeys_is_refused(void)
{
    static const struct {
        struct policy_scope scope;
        const char *body, *path;
    } bad[] = {
        {{.org_id = "default"}, "{\"event_days\":1.5}", "event_days"},
        {{.org_id = "default", .camera_id = "door"}, "{\"attendance_days\":7}", "attendance_days"},
        {{.org_id = "default", .site_id = "back"}, "{\"attendance_days\":7}", "attendance_days"},
        {{.org_id = "default", .class_id = "8b"},
         "{\"overlays\":[{\"name\":\"a\",\"schedule\":[{\"from\":\"08:00\",\"to\":\"18:00\"}],\"config\":{"
         "\"attendance_days\":7}}]}",
         "overlays[0].config.attendance_days"},
    };
    struct keeping keeping;
    keeping_start(&keeping);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(change(&keeping, &bad[i].scope, POLICY_RETENTION, bad[i].body, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
        g_assert_true(g_str_has_prefix(error->message, bad[i].path));
    }
    say(&keeping, &org, "{\"attendance_days\":7.0,\"event_days\":2}");
    policy_keeper_free(keeping.keeper);
    meddle(&keeping.store, "UPDATE service_policies SET config = '{\"event_days\":1.5}'"); /* by another program */
    open_keeper(&keeping);
    struct retention_settings days = keeping.settings.retention;
    g_assert_false(
        policy_keeper_retention(keeping.keeper, &(struct retention_subject){"default", NULL, NULL, ""}, &days));
    keeping_end(&keeping);
}

int main(int argc, char **argv)
{
    if (world_is_missing())
        return 0;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy retention/g08_every_key_of_retention_acts", test_g08_every_key_of_retention_acts);
    g_test_add_func("/policy retention/g08_a_legal_hold_keeps_a_camera_that_is_gone",
                    test_g08_a_legal_hold_keeps_a_camera_that_is_gone);
    g_test_add_func("/policy retention/g08_a_hold_at_hours_that_clocks_skip_this_week_counts",
                    test_g08_a_hold_at_hours_that_clocks_skip_this_week_counts);
    g_test_add_func("/policy retention/g08_a_legal_hold_keeps_a_camera_that_was_moved",
                    test_g08_a_legal_hold_keeps_a_camera_that_was_moved);
    g_test_add_func("/policy retention/g08_nothing_goes_while_a_retention_policy_is_refused",
                    test_g08_nothing_goes_while_a_retention_policy_is_refused);
    g_test_add_func("/policy retention/g08_a_hold_that_comes_between_two_batches_keeps_the_rest",
                    test_g08_a_hold_that_comes_between_two_batches_keeps_the_rest);
    g_test_add_func("/policy retention/g08_a_hold_that_comes_before_the_first_goes_keeps_all",
                    test_g08_a_hold_that_comes_before_the_first_goes_keeps_all);
    g_test_add_func("/policy retention/g08_a_hold_set_elsewhere_counts", test_g08_a_hold_set_elsewhere_counts);
    g_test_add_func("/policy retention/what nothing obeys is refused", test_what_nothing_obeys_is_refused);
    return g_test_run();
}
