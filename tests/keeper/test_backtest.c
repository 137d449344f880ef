/* Policies tried on stored tracks, in a real store: what live told is told again, and a change tells what it changes.
 */
#include "backtest_world.h"
#include "store/places.h"
#include "store/sqlite_internal.h"
#include "store/store_internal.h"

/* "kept hall 2 5.0 3.0, …": change, tracks, and the seconds after each came, proposed and current. */
static char *told(const struct backtest *backtest)
{
    static const char *const changes[] = {"kept", "new", "gone"};
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < backtest->findings.count; i++) {
        const struct backtest_finding *finding = (const struct backtest_finding *)backtest->findings.items + i;
        int64_t came_ms = world_start_ms + (int64_t)(finding->track_ids.items[0] - 1) * GAP_SECONDS * SECOND_MS;
        g_string_append_printf(text, "%s%s %s %d", i ? ", " : "", changes[finding->change - 1], finding->kind,
                               (int)finding->track_ids.items[0]);
        if (finding->at.ms)
            g_string_append_printf(text, " at %.1f", (double)(finding->at.ms - came_ms) / SECOND_MS);
        if (finding->current_at.ms)
            g_string_append_printf(text, " was %.1f", (double)(finding->current_at.ms - came_ms) / SECOND_MS);
        g_string_append(text, finding->signal_id ? " stored" : "");
    }
    return g_string_free(text, FALSE);
}

static void expect(struct world *world, enum policy_type type, const char *config, const char *expected)
{
    struct backtest backtest;
    const struct policy_backtest_request request = request_of(type, config);
    try(world, &request, &backtest);
    g_assert_cmpstr(backtest.error, ==, NULL);
    g_assert_cmpint(backtest.state, ==, BACKTEST_DONE);
    g_autofree char *text = told(&backtest);
    g_assert_cmpstr(text, ==, expected);
    record_clear(&backtest_descriptor, &backtest);
}

static void test_the_unchanged_policy_tells_what_was_stored(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    live(&world);
    const struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":3}");
    try(&world, &request, &backtest);
    g_assert_cmpint(backtest.kept, ==, 4); /* of five, one stays for two seconds */
    g_assert_cmpint(backtest.new_signals + backtest.gone, ==, 0);
    g_assert_cmpint(backtest.stored, ==, 4);
    g_assert_cmpint(backtest.reproduced, ==, 4); /* letter by letter */
    g_assert_cmpint(backtest.stored_incidents, ==, 1);
    g_assert_cmpint(backtest.reproduced_incidents, ==, 1);
    g_autofree char *incidents = incidents_told(&backtest);
    g_assert_cmpstr(incidents, ==, "kept loitering 23.2-83.2 x4 was 23.2-83.2 x4 stored 4");
    g_assert_cmpint(backtest.chunks, ==, 5);
    g_assert_cmpint(backtest.frames, ==, STAYERS * GAP_SECONDS * 5);
    g_assert_cmpint(backtest.gaps + backtest.damaged, ==, 0);
    g_assert_false(backtest.has_older_policies);
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

static bool has_older_policies(struct world *world)
{
    struct backtest backtest;
    const struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":3}");
    try(world, &request, &backtest);
    bool has_older = backtest.has_older_policies;
    record_clear(&backtest_descriptor, &backtest);
    return has_older;
}

/* What is changed of other cameras, or of what the rules do not see, makes no older policies of those they went by. */
static void test_policies_are_older_where_rules_went_by_others(void)
{
    static const struct policy_name org_privacy = {{.org_id = "default"}, POLICY_PRIVACY, NULL},
                                    org_occupancy = {{.org_id = "default"}, POLICY_OCCUPANCY, NULL},
                                    hall_safety = {{.org_id = "default", .site_id = "hall"}, POLICY_SAFETY, NULL};
    struct world world;
    g_autoptr(GError) error = NULL;
    start(&world);
    live(&world);
    g_assert_true(store_site_create(
        world.store.store, &(struct site){.org_id = (char *)(uintptr_t) "default", .id = (char *)(uintptr_t) "hall"},
        &(struct audit_by){"default", "u1", "ann", NULL, "because"}, &error));
    put(&world, &org_privacy, "{\"blur_strength\":1}");
    put(&world, &hall_safety, "{\"loitering_seconds\":1}");
    g_assert_false(has_older_policies(&world));
    put(&world, &org_occupancy, "{\"dwell_seconds\":9}");
    g_assert_true(has_older_policies(&world));
    end(&world);
    start(&world);
    live(&world);
    change(&world, &door_safety, POLICY_DELETE, NULL);
    g_assert_true(has_older_policies(&world));
    end(&world);
}

/* Who comes and goes needs no room. */
static void test_as_many_signals_as_may_be_held_are_no_failure(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    world.is_server_silent = true;
    live(&world);
    world.settings.policies.backtest_signals = 4;
    const struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":3}");
    try(&world, &request, &backtest);
    g_assert_cmpstr(backtest.error, ==, NULL);
    g_assert_cmpint(backtest.kept, ==, 4);
    record_clear(&backtest_descriptor, &backtest);
    world.settings.policies.backtest_signals = 3;
    try(&world, &request, &backtest);
    g_assert_nonnull(strstr(backtest.error, "policies.backtest_signals"));
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

static void test_a_change_tells_what_it_changes(void)
{
    struct world world;
    start(&world);
    live(&world);
    expect(&world, POLICY_SAFETY, "{\"loitering_seconds\":7}",
           "gone loitering 2 was 3.2 stored, gone loitering 3 was 3.2 stored, kept loitering 4 at 7.2 was 3.2 stored, "
           "kept loitering 5 at 7.2 was 3.2 stored");
    expect(&world, POLICY_SAFETY, "{\"loitering_seconds\":1}",
           "kept loitering 2 at 1.2 was 3.2 stored, kept loitering 3 at 1.2 was 3.2 stored, kept loitering 4 at 1.2 "
           "was 3.2 stored, kept loitering 5 at 1.2 was 3.2 stored, new loitering 1 at 1.2");
    /* another type, on top of what is in force */
    expect(
        &world, POLICY_OCCUPANCY, "{\"dwell_seconds\":9}",
        "kept loitering 2 at 3.2 was 3.2 stored, kept loitering 3 at 3.2 was 3.2 stored, kept loitering 4 at 3.2 was "
        "3.2 stored, kept loitering 5 at 3.2 was 3.2 stored, new dwell 5 at 9.2");
    end(&world);
}

/* Overlays follow the frames' time, not the clock. */
static void test_an_overlay_counts_at_its_hours(void)
{
    struct world world;
    start(&world);
    live(&world);
    clock_fake_step_wall_ms(world.store.clock, 10 * day_ms);
    expect(&world, POLICY_SAFETY,
           "{\"loitering_seconds\":0,\"overlays\":[{\"name\":\"first\",\"time_zone\":\"UTC\",\"schedule\":"
           "[{\"days\":[],\"from\":\"00:00\",\"to\":\"00:01\"}],\"config\":{\"loitering_seconds\":3}}]}",
           "kept loitering 2 at 3.2 was 3.2 stored, kept loitering 3 at 3.2 was 3.2 stored, gone loitering 4 was 3.2 "
           "stored, gone loitering 5 was 3.2 stored");
    end(&world);
}

/* Only what is asked for counts; what was before makes rules know who is there. */
static void test_the_time_asked_for_has_a_past(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    live(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":7}");
    request.from_ms = world_start_ms + (3 * GAP_SECONDS + 5) * SECOND_MS; /* track 4 has been there for five seconds */
    try(&world, &request, &backtest);
    g_autofree char *text = told(&backtest);
    g_assert_cmpstr(text, ==, "kept loitering 5 at 7.2 was 3.2 stored, new loitering 4 at 7.2");
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

static void test_what_is_missing_is_told(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{}");
    try(&world, &request, &backtest);
    g_assert_cmpuint(backtest.without_tracks.count, ==, 1);
    g_assert_cmpstr(backtest.without_tracks.items[0], ==, "door");
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

static void expect_refused(struct world *world, struct policy_backtest_request request, enum vedette_error code,
                           const char *word)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *id = submit(world, &request, &error);
    g_assert_null(id);
    g_assert_error(error, VEDETTE_ERROR, (int)code);
    if (!strstr(error->message, word))
        g_error("'%s' does not say '%s'", error->message, word);
}

static void test_what_cannot_be_tried_is_refused_by_name(void)
{
    struct world world;
    start(&world);
    expect_refused(&world, request_of(POLICY_DETECTION, "{}"), VEDETTE_ERROR_UNSUPPORTED, "detection");
    expect_refused(&world, request_of(POLICY_MOTION, "{}"), VEDETTE_ERROR_UNSUPPORTED, "motion");
    expect_refused(&world, request_of(POLICY_PRIVACY, "{}"), VEDETTE_ERROR_UNSUPPORTED, "privacy");
    expect_refused(&world, request_of(POLICY_RETENTION, "{}"), VEDETTE_ERROR_UNSUPPORTED, "retention");
    expect_refused(&world, request_of(POLICY_SAFETY, "{\"loitering_seconds\":-1}"), VEDETTE_ERROR_INVALID,
                   "loitering_seconds");
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{}");
    request.to_ms = request.from_ms + 365 * day_ms;
    expect_refused(&world, request, VEDETTE_ERROR_INVALID, "policies.backtest_hours");
    request = request_of(POLICY_SAFETY, "{}");
    request.to_ms = request.from_ms;
    expect_refused(&world, request, VEDETTE_ERROR_INVALID, "from");
    request = request_of(POLICY_SAFETY, "{}");
    request.org_id = "other"; /* whose cameras are not touched */
    expect_refused(&world, request, VEDETTE_ERROR_NOT_FOUND, "other");
    end(&world);
}

static const struct policy_backtest_asker others = {.org_id = "other"}, ours = {.org_id = "default"};

static void test_r14_an_org_sees_its_own(void)
{
    struct world world;
    struct backtest backtest;
    g_autoptr(GError) error = NULL;
    start(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{}");
    g_autofree char *id = submit(&world, &request, &error);
    g_assert_nonnull(id);
    g_assert_false(policy_backtests_get(world.backtests, &others, id, &backtest, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    end(&world);
}

static bool is_camera(const void *data, const char *camera_id)
{
    return strcmp(data, camera_id) == 0;
}

/* Who may see some cameras alone is told of what was tried on these alone. */
static void test_who_is_held_to_cameras_sees_those(void)
{
    struct world world;
    struct backtest backtest;
    g_autoptr(GError) error = NULL;
    start(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{}");
    g_autofree char *id = submit(&world, &request, &error);
    g_assert_nonnull(id);
    const struct camera *camera = world.settings.cameras.items;
    g_assert_cmpuint(world.settings.cameras.count, ==, 1);
    const struct policy_backtest_asker held = {"default", is_camera, camera->id},
                                       elsewhere = {"default", is_camera, "no"};
    g_assert_true(policy_backtests_get(world.backtests, &held, id, &backtest, &error));
    record_clear(&backtest_descriptor, &backtest);
    g_assert_false(policy_backtests_get(world.backtests, &elsewhere, id, &backtest, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    end(&world);
}

/* A camera of another org is watched, too. */
static void start_for_two_orgs(struct world *world)
{
    start(world);
    policy_backtests_free(world->backtests);
    policy_keeper_free(world->keeper);
    struct camera *camera = record_list_append(&world->settings.cameras, &camera_descriptor);
    g_free(camera->org_id);
    camera->id = g_strdup("gate");
    camera->org_id = g_strdup("other");
    camera->source = g_strdup("rtsp://10.0.0.8/s");
    open_parts(world);
}

static void transaction_free(gpointer transaction)
{
    store_rollback(transaction);
}

/* While nothing can be read the try under way stands still, and the others wait. */
static GPtrArray *hold_readers(struct world *world)
{
    sqlite_reader_wait_ms = 600000; /* longer than it is held */
    int readers = world_is_postgres() ? world_settings.connections - 1 : SQLITE_READERS;
    GPtrArray *held = g_ptr_array_new_with_free_func(transaction_free);
    for (int i = 0; i < readers; i++)
        g_ptr_array_add(held, store_begin(world->store.store, STORE_READ, STORE_PLATFORM, NULL));
    return held;
}

static void let_readers_go(GPtrArray *held)
{
    g_ptr_array_set_size(held, 0);
    sqlite_reader_wait_ms = SQLITE_READER_WAIT_MS;
}

static struct policy_backtest_request request_of_other(void)
{
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{}");
    request.org_id = "other";
    request.name.scope = (struct policy_scope){.org_id = "other", .camera_id = "gate"};
    return request;
}

static void test_r14_no_org_pushes_out_what_others_try(void)
{
    enum { KEPT_MAX = 32 };
    struct world world;
    struct backtest backtest;
    g_autoptr(GError) error = NULL;
    start_for_two_orgs(&world);
    const struct policy_backtest_request busy = request_of(POLICY_SAFETY, "{}"), other = request_of_other();
    g_autoptr(GPtrArray) held = hold_readers(&world);
    g_autofree char *under_way = submit(&world, &busy, &error);
    wait_for_state(&world, "default", under_way, BACKTEST_RUNNING, &backtest);
    record_clear(&backtest_descriptor, &backtest);
    for (int i = 0; i < world.settings.policies.backtest_waiting / 4; i++) {
        g_autofree char *waiting = submit(&world, &busy, &error);
        g_assert_no_error(error);
    }
    expect_refused(&world, busy, VEDETTE_ERROR_FULL, "the org");
    g_autofree char *id = submit(&world, &other, &error);
    g_assert_no_error(error);
    let_readers_go(held);
    wait_for_state(&world, "other", id, BACKTEST_DONE, &backtest); /* the last of those that waited */
    record_clear(&backtest_descriptor, &backtest);
    for (int i = 0; i < KEPT_MAX; i++) {
        try(&world, &busy, &backtest);
        record_clear(&backtest_descriptor, &backtest);
    }
    g_assert_true(policy_backtests_get(world.backtests, &others, id, &backtest, &error)); /* it is kept */
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

/* Whoever is alone has all places. */
static void test_one_org_alone_has_all_places(void)
{
    struct world world;
    struct backtest backtest;
    g_autoptr(GError) error = NULL;
    start(&world);
    const struct policy_backtest_request request = request_of(POLICY_SAFETY, "{}");
    g_autoptr(GPtrArray) held = hold_readers(&world);
    g_autofree char *under_way = submit(&world, &request, &error);
    wait_for_state(&world, "default", under_way, BACKTEST_RUNNING, &backtest);
    record_clear(&backtest_descriptor, &backtest);
    for (int i = 0; i < world.settings.policies.backtest_waiting; i++) {
        g_autofree char *waiting = submit(&world, &request, &error);
        g_assert_no_error(error);
    }
    expect_refused(&world, request, VEDETTE_ERROR_FULL, "so many");
    let_readers_go(held);
    end(&world);
}

/* As many as wait are kept, and no more than ever once they are over. */
static void test_what_was_kept_for_many_that_waited_goes_again(void)
{
    enum { KEPT_MAX = 32, WAITING = 40, GONE = WAITING + 1 - KEPT_MAX };
    struct world world;
    struct backtest backtest;
    g_autoptr(GError) error = NULL;
    start(&world);
    world.settings.policies.backtest_waiting = WAITING;
    const struct policy_backtest_request request = request_of(POLICY_SAFETY, "{}");
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free), held = hold_readers(&world);
    for (int i = 0; i < WAITING; i++) {
        g_ptr_array_add(ids, submit(&world, &request, &error));
        g_assert_no_error(error);
    }
    let_readers_go(held);
    wait_for_state(&world, "default", g_ptr_array_index(ids, WAITING - 1), BACKTEST_DONE, &backtest);
    record_clear(&backtest_descriptor, &backtest);
    g_autofree char *last = submit(&world, &request, &error);
    g_assert_no_error(error);
    g_assert_true(policy_backtests_get(world.backtests, &ours, g_ptr_array_index(ids, GONE), &backtest, &error));
    record_clear(&backtest_descriptor, &backtest);
    g_assert_false(policy_backtests_get(world.backtests, &ours, g_ptr_array_index(ids, GONE - 1), &backtest, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    end(&world);
}

int main(int argc, char **argv)
{
    if (world_is_missing())
        return 0;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backtest/policies are older where rules went by others",
                    test_policies_are_older_where_rules_went_by_others);
    g_test_add_func("/backtest/the unchanged policy tells what was stored",
                    test_the_unchanged_policy_tells_what_was_stored);
    g_test_add_func("/backtest/as many signals as may be held are no failure",
                    test_as_many_signals_as_may_be_held_are_no_failure);
    g_test_add_func("/backtest/a change tells what it changes", test_a_change_tells_what_it_changes);
    g_test_add_func("/backtest/an overlay counts at its hours", test_an_overlay_counts_at_its_hours);
    g_test_add_func("/backtest/the time asked for has a past", test_the_time_asked_for_has_a_past);
    g_test_add_func("/backtest/what is missing is told", test_what_is_missing_is_told);
    g_test_add_func("/backtest/what cannot be tried is refused by name", test_what_cannot_be_tried_is_refused_by_name);
    g_test_add_func("/backtest/r14_an_org_sees_its_own", test_r14_an_org_sees_its_own);
    g_test_add_func("/backtest/who_is_held_to_cameras_sees_those", test_who_is_held_to_cameras_sees_those);
    g_test_add_func("/backtest/what_was_kept_for_many_that_waited_goes_again",
                    test_what_was_kept_for_many_that_waited_goes_again);
    g_test_add_func("/backtest/r14_no_org_pushes_out_what_others_try", test_r14_no_org_pushes_out_what_others_try);
    g_test_add_func("/backtest/one_org_alone_has_all_places", test_one_org_alone_has_all_places);
    return g_test_run();
}
