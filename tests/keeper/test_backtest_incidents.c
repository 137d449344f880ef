/* The incidents of policies tried on stored tracks: those that were stored are made again, and a change tells what
 * becomes of them. */
#include "backtest_world.h"

static void expect_incidents(struct world *world, const char *config, const char *expected)
{
    struct backtest backtest;
    const struct policy_backtest_request request = request_of(POLICY_SAFETY, config);
    try(world, &request, &backtest);
    g_assert_cmpstr(backtest.error, ==, NULL);
    g_autofree char *text = incidents_told(&backtest);
    g_assert_cmpstr(text, ==, expected);
    g_assert_cmpint(backtest.incidents_kept + backtest.incidents_changed + backtest.incidents_new +
                        backtest.incidents_gone,
                    ==, (int64_t)backtest.incidents.count);
    record_clear(&backtest_descriptor, &backtest);
}

/* Fewer signals are another span, or none; more may bring together what was apart, and a gap takes apart. */
static void test_a_change_tells_what_becomes_of_incidents(void)
{
    static const char early[] = /* minute 0: after three seconds; then after nine */
        "{\"loitering_seconds\":9,\"overlays\":[{\"name\":\"first\",\"time_zone\":\"UTC\",\"schedule\":"
        "[{\"days\":[],\"from\":\"00:00\",\"to\":\"00:01\"}],\"config\":{\"loitering_seconds\":3}}]}";
    struct world world;
    start(&world);
    live(&world);
    expect_incidents(&world, "{\"loitering_seconds\":7}", "changed loitering 67.2-87.2 x2 was 23.2-83.2 x4 stored 4");
    expect_incidents(&world, "{\"loitering_seconds\":11}", "gone loitering was 23.2-83.2 x4 stored 4");
    expect_incidents(&world, early,
                     "changed loitering 23.2-43.2 x2 was 23.2-83.2 x4 stored 4, new loitering 89.2-89.2 x1");
    put(&world, &door_safety, early); /* the other way round; what was stored is of older policies */
    expect_incidents(&world, "{\"loitering_seconds\":3}",
                     "changed loitering 23.2-83.2 x4 was 23.2-43.2 x2 stored 2, gone loitering was 89.2-89.2 x1");
    put(&world, &door_safety, "{\"loitering_seconds\":11}");
    expect_incidents(&world, "{\"loitering_seconds\":3}", "new loitering 23.2-83.2 x4 stored 4");
    end(&world);
}

/* What stood when the time asked for began, stands: signals join it under both policies, and it is opened by none. */
static void test_an_incident_that_stands_goes_on(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    live(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":7}");
    request.from_ms = world_start_ms + 50 * SECOND_MS;
    try(&world, &request, &backtest);
    g_assert_cmpint(backtest.kept, ==, 2);
    g_assert_cmpuint(backtest.incidents.count, ==, 0);
    g_assert_cmpint(backtest.stored_incidents, ==, 0);
    record_clear(&backtest_descriptor, &backtest);
    request.config_json = "{\"loitering_seconds\":9}"; /* it went on only under the other */
    try(&world, &request, &backtest);
    g_autofree char *text = incidents_told(&backtest);
    g_assert_cmpstr(text, ==, "new loitering 89.2-89.2 x1");
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

/* However long it goes on beyond the time asked for. */
static void test_an_incident_that_goes_on_is_known(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    live(&world);
    struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":3}");
    request.to_ms = world_start_ms + 50 * SECOND_MS; /* the last of it is at 83 s, more than the window later */
    try(&world, &request, &backtest);
    g_autofree char *whole = incidents_told(&backtest);
    g_assert_cmpstr(whole, ==, "kept loitering 23.2-43.2 x2 was 23.2-43.2 x2 stored 2");
    g_assert_cmpint(backtest.stored_incidents, ==, 0); /* not whole in that time */
    record_clear(&backtest_descriptor, &backtest);
    request.from_ms = world_start_ms + 30 * SECOND_MS; /* it stands */
    try(&world, &request, &backtest);
    g_assert_cmpint(backtest.kept, ==, 1);
    g_assert_cmpuint(backtest.incidents.count, ==, 0);
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

/* Somebody resolves the incident while it goes on: what comes is another. */
static void test_what_people_resolved_takes_no_more(void)
{
    struct world world;
    struct backtest backtest;
    start(&world);
    world.resolve_at_second = 50;
    live(&world);
    const struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":3}");
    try(&world, &request, &backtest);
    g_autofree char *text = incidents_told(&backtest);
    g_assert_cmpstr(text, ==,
                    "kept loitering 23.2-43.2 x2 was 23.2-43.2 x2 stored 2, kept loitering 63.2-83.2 x2 was 63.2-83.2 "
                    "x2 stored 2");
    g_assert_cmpint(backtest.stored_incidents, ==, 2);
    g_assert_cmpint(backtest.reproduced_incidents, ==, 2);
    record_clear(&backtest_descriptor, &backtest);
    end(&world);
}

/* Whoever stays how long, whatever is one incident, and however it was stored: it is made again to the last letter. */
static void test_any_stored_incidents_are_made_again(void)
{
    for (int round = 0; round < 8; round++) {
        struct world world;
        struct backtest backtest;
        const struct fusion_settings fusion = {g_test_rand_int_range(0, 65), g_test_rand_int_range(1, 4),
                                               g_test_rand_int_range(SEVERITY_LOW, SEVERITY_CRITICAL)};
        start_with(&world, fusion);
        for (int i = 0; i < STAYERS; i++)
            world.stays[i] = g_test_rand_int_range(0, 12);
        world.batch_seconds = g_test_rand_int_range(0, 40);
        world.resolve_at_second = g_test_rand_int_range(0, 100);
        live(&world);
        const struct policy_backtest_request request = request_of(POLICY_SAFETY, "{\"loitering_seconds\":3}");
        try(&world, &request, &backtest);
        GPtrArray *stored = stored_incidents(&world);
        int64_t of_rules = 0;
        for (guint i = 0; i < stored->len; i++)
            of_rules += ((const struct incident *)g_ptr_array_index(stored, i))->service != SERVICE_SYSTEM;
        g_assert_cmpint(backtest.stored_incidents, ==, of_rules);
        g_assert_cmpint(backtest.reproduced_incidents, ==, of_rules);
        g_assert_cmpint(backtest.incidents_kept, ==, of_rules);
        g_assert_cmpint(backtest.incidents_new + backtest.incidents_gone + backtest.incidents_changed, ==, 0);
        store_rows_free(&store_incidents, stored);
        record_clear(&backtest_descriptor, &backtest);
        end(&world);
    }
}

int main(int argc, char **argv)
{
    if (world_is_missing())
        return 0;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backtest_incidents/a change tells what becomes of incidents",
                    test_a_change_tells_what_becomes_of_incidents);
    g_test_add_func("/backtest_incidents/an incident that stands goes on", test_an_incident_that_stands_goes_on);
    g_test_add_func("/backtest_incidents/an incident that goes on is known", test_an_incident_that_goes_on_is_known);
    g_test_add_func("/backtest_incidents/what people resolved takes no more", test_what_people_resolved_takes_no_more);
    g_test_add_func("/backtest_incidents/any stored incidents are made again",
                    test_any_stored_incidents_are_made_again);
    return g_test_run();
}
