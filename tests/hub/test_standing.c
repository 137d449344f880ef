/* What an earlier run told of, or one did before its camera was disabled, and is no more, is taken back. */
#include "monitor_world.h"

#include "hub/arrival.h"
#include "store/policy_files.h"

static bool stands(struct world *world, const char *camera_id, const char *kind)
{
    int64_t since_ms;
    g_assert_true(store_incident_standing(world->hub.store, "default", camera_id, kind, &since_ms, NULL));
    return since_ms != 0;
}

/* What the last run left in the spool is stored by another thread; another asks the store what stands. */
static void pass_until_over(struct world *world, const char *camera_id, const char *kind)
{
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    while (!stands(world, camera_id, kind)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500); /* between looks */
    }
    while (stands(world, camera_id, kind)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        pass(world, "online", 1);
        g_usleep(500); /* between looks */
    }
}

static void restart(struct world *world)
{
    world_close(world);
    world_open(world, false);
}

static void test_a_camera_that_came_back_meanwhile_is_told(void)
{
    struct world world;
    world_init(&world);
    pass(&world, "online", 5);
    pass(&world, "waiting", 30);
    assert_signals(&world, 1, "camera_offline");
    restart(&world);
    pass_until_over(&world, "door", "camera_offline");
    assert_signals(&world, 2, "camera_offline camera_recovered");
    restart(&world);
    pass(&world, "online", 30);
    pass(&world, "waiting", 30);
    assert_signals(&world, 3, "camera_offline camera_recovered camera_offline");
    world_clear(&world);
}

static void test_a_camera_that_is_still_gone_is_not_back(void)
{
    struct world world;
    world_init(&world);
    pass(&world, "waiting", 15);
    restart(&world);
    pass(&world, "waiting", 15);
    assert_signals(&world, 2, "camera_offline camera_offline");
    pass_until_over(&world, "door", "camera_offline");
    pass(&world, "online", 30);
    pass(&world, "waiting", 30);
    assert_signals(&world, 4, "camera_offline camera_offline camera_recovered camera_offline");
    world_clear(&world);
}

static void test_a_camera_that_was_disabled_while_it_was_gone_is_told_back(void)
{
    struct world world;
    world_init(&world);
    struct camera camera = *(const struct camera *)world.settings.cameras.items; /* borrows everything */
    pass(&world, "waiting", 15);
    camera.enabled = false;
    live_put_camera(world.hub.live, &camera);
    pass(&world, NULL, 5);
    camera.enabled = true;
    live_put_camera(world.hub.live, &camera);
    pass_until_over(&world, "door", "camera_offline");
    assert_signals(&world, 2, "camera_offline camera_recovered");
    world_clear(&world);
}

static void test_a_standstill_that_ended_meanwhile_is_told(void)
{
    struct world world;
    world_init(&world);
    pass(&world, "online", 5);
    pass_without_frames(&world, 25);
    assert_signals(&world, 1, "stalled");
    restart(&world);
    pass_until_over(&world, "door", "stalled");
    assert_signals(&world, 2, "stalled stall_ended");
    world_clear(&world);
}

static void overload(struct world *world)
{
    monitor_raise_for_orgs(world->hub.monitor, SERVER_SIGNAL_OVERLOAD, 0, "{}");
    pass(world, "online", 2);
}

/* The camera of what is told by this server alone. g_free. */
static char *own_id(const struct world *world)
{
    g_autofree char *source = store_source_read(world->directory, NULL);
    return g_strdup_printf("server-%s", source);
}

static void pass_until_the_overload_is_over(struct world *world)
{
    g_autofree char *id = own_id(world);
    pass_until_over(world, id, "overload");
}

/* Of several servers of a store each tells of itself, and takes that alone back. */
static void test_an_overload_of_another_server_is_not_over(void)
{
    struct world world, beside;
    world_init(&world);
    world_init_beside(&beside, &world);
    overload(&world);
    overload(&beside);
    restart(&beside);
    pass_until_the_overload_is_over(&beside);
    g_autofree char *id = own_id(&world);
    g_assert_true(stands(&world, id, "overload"));
    assert_signals(&world, 3, "overload overload overload_ended");
    world_clear(&beside);
    restart(&world);
    pass_until_the_overload_is_over(&world);
    world_clear(&world);
}

static void test_an_overload_of_an_earlier_run_is_over(void)
{
    struct world world;
    world_init(&world);
    pass(&world, "online", 2);
    overload(&world);
    restart(&world);
    pass_until_the_overload_is_over(&world);
    assert_signals(&world, 2, "overload overload_ended");
    world_clear(&world);
}

/* All that upkeep may tell of. */
static void set_alarms(struct world *world, int64_t value)
{
    struct server_health *health = &world->hub.health;
    int64_t *const gauges[] = {&health->retention_stopped, &health->storage_alarm, &health->rollups_failing,
                               &health->store_stray_rows};
    for (size_t i = 0; i < G_N_ELEMENTS(gauges); i++)
        counter_set(gauges[i], value);
}

static const char *const alarm_kinds[] = {"retention_stopped", "storage_will_be_full", "rollups_failing",
                                          "partition_missing"};

static void test_alarms_that_ended_meanwhile_are_over(void)
{
    struct world world;
    world_init(&world);
    set_alarms(&world, 1);
    pass(&world, "online", 2);
    restart(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(alarm_kinds); i++)
        if (stands(&world, "server", alarm_kinds[i]))
            pass_until_over(&world, "server", alarm_kinds[i]);
    pass(&world, "online", 2);
    g_autofree char *kinds = signals_of(&world, "default", 8);
    g_auto(GStrv) told = g_strsplit(kinds, " ", -1);
    g_assert_cmpuint(g_strv_length(told), ==, 8); /* each once */
    world_clear(&world);
}

static void test_an_alarm_that_lasts_is_not_over(void)
{
    struct world world;
    world_init(&world);
    counter_set(&world.hub.health.retention_stopped, 1);
    overload(&world);
    restart(&world);
    counter_set(&world.hub.health.retention_stopped, 1);
    pass_until_the_overload_is_over(&world); /* which was asked for at the same time, as the last */
    g_assert_true(stands(&world, "server", "retention_stopped"));
    world_clear(&world);
}

/* What is known here is older than what another server of the store saw since. */
static void test_an_alarm_that_began_after_the_look_is_not_over(void)
{
    struct world world;
    world_init(&world);
    counter_set(&world.hub.health.retention_stopped, 1);
    overload(&world);
    restart(&world);
    counter_set(&world.hub.health.retention_stopped_since_ms, clock_wall_ms(world.clock) - 3600000);
    pass_until_the_overload_is_over(&world);
    g_assert_true(stands(&world, "server", "retention_stopped"));
    world_clear(&world);
}

/* Until the store was asked how jobs went, no gauge says that nothing is wrong. */
static void test_an_alarm_is_over_once_it_is_known(void)
{
    struct world world;
    world_init(&world);
    counter_set(&world.hub.health.rollups_failing, 1);
    pass(&world, "online", 2);
    pass(&world, "waiting", 30);
    restart(&world);
    world.hub.arrival = arrival_new(&world.hub);
    pass_until_over(&world, "door", "camera_offline"); /* waits for no job */
    g_assert_true(stands(&world, "server", "rollups_failing"));
    g_clear_pointer(&world.hub.arrival, arrival_free);
    pass_until_over(&world, "server", "rollups_failing");
    world_clear(&world);
}

int main(int argc, char **argv)
{
    if (world_is_missing())
        return 0;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/standing/a camera that came back meanwhile is told",
                    test_a_camera_that_came_back_meanwhile_is_told);
    g_test_add_func("/standing/a camera that is still gone is not back", test_a_camera_that_is_still_gone_is_not_back);
    g_test_add_func("/standing/a camera that was disabled while it was gone is told back",
                    test_a_camera_that_was_disabled_while_it_was_gone_is_told_back);
    g_test_add_func("/standing/a standstill that ended meanwhile is told",
                    test_a_standstill_that_ended_meanwhile_is_told);
    g_test_add_func("/standing/an overload of an earlier run is over", test_an_overload_of_an_earlier_run_is_over);
    g_test_add_func("/standing/an overload of another server is not over",
                    test_an_overload_of_another_server_is_not_over);
    g_test_add_func("/standing/alarms that ended meanwhile are over", test_alarms_that_ended_meanwhile_are_over);
    g_test_add_func("/standing/an alarm that lasts is not over", test_an_alarm_that_lasts_is_not_over);
    g_test_add_func("/standing/an alarm that began after the look is not over",
                    test_an_alarm_that_began_after_the_look_is_not_over);
    g_test_add_func("/standing/an alarm is over once it is known", test_an_alarm_is_over_once_it_is_known);
    return g_test_run();
}
