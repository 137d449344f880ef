/* When a camera is really gone and really back. The clock is the test's. */
#include "monitor_world.h"

static void test_gone_and_back_are_told_once(void)
{
    struct world world;
    world_init(&world);
    pass(&world, "online", 20);
    pass(&world, "waiting", 30);
    assert_signals(&world, 1, "camera_offline");
    pass(&world, "online", 30);
    assert_signals(&world, 2, "camera_offline camera_recovered");
    const struct store_event_filter filter = {.org_id = "default", .limit = 1};
    g_autoptr(GPtrArray) events = store_events_list(world.hub.store, &filter, NULL);
    const struct analytics_event *newest = g_ptr_array_index(events, 0);
    /* off line at second 20, on line at second 50 and for the 5 seconds that make sure of it */
    g_assert_nonnull(strstr(newest->payload.text, "\"offline_seconds\":35"));
    world_clear(&world);
}

static void test_a_short_break_is_no_news(void)
{
    struct world world;
    world_init(&world);
    pass(&world, "online", 5);
    for (int i = 0; i < 10; i++) { /* flapping */
        pass(&world, "waiting", 8);
        pass(&world, "online", 4);
    }
    assert_signals(&world, 0, "");
    pass(&world, "waiting", 12);
    for (int i = 0; i < 10; i++) {
        pass(&world, "online", 3);
        pass(&world, "waiting", 3);
    }
    assert_signals(&world, 1, "camera_offline");
    world_clear(&world);
}

static void test_a_camera_that_never_came_is_told(void)
{
    struct world world;
    world_init(&world);
    pass(&world, NULL, 9);
    assert_signals(&world, 0, "");
    pass(&world, NULL, 5);
    assert_signals(&world, 1, "camera_offline");
    world_clear(&world);
}

static void test_a_silent_worker_is_gone(void)
{
    struct world world;
    world_init(&world);
    pass(&world, "online", 5);
    pass(&world, NULL, 20);
    assert_signals(&world, 1, "camera_offline");
    world_clear(&world);
}

/* A frame was being analysed and a record was on its way when it died: neither waits for anybody any more. */
static void test_a_worker_that_died_at_work_is_told_as_off_line_alone(void)
{
    struct world world;
    struct camera_health health = {.camera_id = (char *)"door",
                                   .state = (char *)"online",
                                   .last_error = (char *)"",
                                   .frame_age_ms = 40,
                                   .records_made = 5,
                                   .records_acknowledged = 4};
    world_init(&world);
    pass(&world, "online", 20);
    health.frames_decoded = health.frames_processed = world.frames;
    live_set_health(world.hub.live, &health);
    live_set_offline(world.hub.live, "door", "its worker died");
    pass(&world, NULL, (int)progress_longest_seconds(&(struct progress){0}, &world.settings.progress) + 30);
    assert_signals(&world, 1, "camera_offline");
    world_clear(&world);
}

static void test_what_stands_still_is_named(void)
{
    struct world world;
    struct camera_health health;
    world_init(&world);
    pass(&world, "online", 5);
    pass_without_frames(&world, 25);
    assert_signals(&world, 1, "stalled");
    const struct store_event_filter filter = {.org_id = "default", .limit = 1};
    g_autoptr(GPtrArray) events = store_events_list(world.hub.store, &filter, NULL);
    g_assert_nonnull(strstr(((struct analytics_event *)events->pdata[0])->payload.text, "\"stage\":\"frames\""));
    g_assert_true(live_get_health(world.hub.live, "door", &health));
    g_assert_cmpstr(health.stalled, ==, "frames");
    g_assert_cmpfloat(health.frames_stalled_seconds, >=, 20);
    record_clear(&camera_health_descriptor, &health);
    pass(&world, "online", 3);
    assert_signals(&world, 2, "stalled stall_ended");
    g_assert_true(live_get_health(world.hub.live, "door", &health));
    g_assert_cmpstr(health.stalled, ==, "");
    record_clear(&camera_health_descriptor, &health);
    world_clear(&world);
}

/* What the cameras table holds of the camera's breaker. */
static char *stored_breaker(struct world *world)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    g_assert_cmpint(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_prepare_v2(db, "SELECT metadata FROM cameras WHERE id='door'", -1, &statement, NULL), ==,
                    0);
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
    json_t *health = json_loads((const char *)sqlite3_column_text(statement, 0), 0, NULL);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    char *state = g_strdup(json_string_value(json_object_get(health, "circuit_breaker_state")));
    json_decref(health);
    return state;
}

static void await_stored_breaker(struct world *world, const char *expected)
{
    for (int64_t until_us = g_get_monotonic_time() + DEADLINE_US;;) {
        g_autofree char *state = stored_breaker(world);
        if (g_strcmp0(state, expected) == 0)
            return;
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500); /* between looks */
    }
}

static void test_a_breaker_that_changes_is_stored_at_once(void)
{
    struct world world;
    world_init(&world);
    g_assert_true(store_camera_put(world.hub.store, world.settings.cameras.items, NULL));
    pass(&world, "online", 40); /* settled, and stored since */
    world.breaker = "half_open";
    pass(&world, "online", 1);
    await_stored_breaker(&world, "half_open");
    world.breaker = "forced_open";
    pass(&world, "online", 1);
    await_stored_breaker(&world, "forced_open");
    world_clear(&world);
}

/* Another program holds the store's lock: that holds up its thread, not this one, and what is true in the end is
 * stored. */
static void test_a_store_that_is_locked_holds_up_nobody(void)
{
    struct world world;
    sqlite3 *db = NULL;
    world_init(&world);
    g_assert_true(store_camera_put(world.hub.store, world.settings.cameras.items, NULL));
    world.breaker = "closed";
    pass(&world, "online", 40);
    await_stored_breaker(&world, "closed");
    g_autofree char *path = g_build_filename(world.directory, "vedette.db", NULL);
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_busy_timeout(db, (int)(DEADLINE_US / 1000)); /* the monitor's thread may be writing */
    g_assert_cmpint(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
    int64_t start_us = g_get_monotonic_time();
    for (int i = 0; i < 20; i++) {
        world.breaker = i % 2 ? "half_open" : "open";
        pass(&world, "online", 1);
    }
    /* each wait for the lock would take two seconds */
    g_assert_cmpint(g_get_monotonic_time() - start_us, <, 20 * 2 * SECOND_US / 2);
    g_assert_cmpint(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
    await_stored_breaker(&world, "half_open");
    world_clear(&world);
}

/* What the cameras table says of whether the camera is on line. */
static bool is_stored_online(struct world *world)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    g_assert_cmpint(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_prepare_v2(db, "SELECT online FROM cameras WHERE id='door'", -1, &statement, NULL), ==, 0);
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
    bool is_online = sqlite3_column_int(statement, 0) != 0;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return is_online;
}

static void await_stored_online(struct world *world, bool expected)
{
    for (int64_t until_us = g_get_monotonic_time() + DEADLINE_US; is_stored_online(world) != expected;) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500); /* between looks */
    }
}

static void test_a_camera_that_is_disabled_is_off_line_at_once(void)
{
    struct world world;
    world_init(&world);
    g_assert_true(store_camera_put(world.hub.store, world.settings.cameras.items, NULL));
    pass(&world, "online", 3);
    await_stored_online(&world, true);
    struct camera disabled = *(const struct camera *)world.settings.cameras.items; /* borrows everything */
    disabled.enabled = false;
    live_put_camera(world.hub.live, &disabled);
    pass(&world, NULL, 1);
    await_stored_online(&world, false);
    world_clear(&world);
}

static void test_a_server_that_stops_leaves_no_camera_on_line(void)
{
    struct world world;
    world_init(&world);
    g_assert_true(store_camera_put(world.hub.store, world.settings.cameras.items, NULL));
    pass(&world, "online", 3);
    await_stored_online(&world, true);
    monitor_free(world.hub.monitor);
    world.hub.monitor = NULL;
    g_assert_false(is_stored_online(&world));
    world_clear(&world);
}

static void test_g07_rows_without_a_day_are_an_alarm(void)
{
    struct world world;
    world_init(&world);
    counter_set(&world.hub.health.store_stray_rows, 12);
    pass(&world, "online", 2);
    counter_set(&world.hub.health.store_stray_rows, 0);
    pass(&world, "online", 2);
    assert_signals(&world, 2, "partition_missing partitions_complete");
    world_clear(&world);
}

/* What a person must look at: told when it begins, once, and when it ends. */
static void test_alarms_of_upkeep_are_told(void)
{
    struct world world;
    world_init(&world);
    pass(&world, "online", 3);
    counter_set(&world.hub.health.retention_stopped, 1);
    pass(&world, "online", 5);
    assert_signals(&world, 1, "retention_stopped");
    counter_set(&world.hub.health.storage_alarm, 1);
    pass(&world, "online", 2);
    counter_set(&world.hub.health.retention_stopped, 0);
    pass(&world, "online", 2);
    assert_signals(&world, 3, "retention_stopped storage_will_be_full retention_resumed");
    counter_set(&world.hub.health.rollups_failing, 1);
    pass(&world, "online", 2);
    counter_set(&world.hub.health.rollups_failing, 0);
    pass(&world, "online", 2);
    assert_signals(&world, 5,
                   "retention_stopped storage_will_be_full retention_resumed rollups_failing rollups_recovered");
    world_clear(&world);
}

/* Every server on a store sees them, and again after its restart: it is one signal. */
static void test_one_alarm_of_two_hubs_is_one_signal(void)
{
    struct world world;
    world_init(&world);
    counter_set(&world.hub.health.retention_stopped_since_ms, clock_wall_ms(world.hub.clock) - 3600000);
    counter_set(&world.hub.health.retention_stopped, 1);
    pass(&world, "online", 2);
    assert_signals(&world, 1, "retention_stopped");
    unsigned told_by_another = 0;
    alarms_look(&told_by_another, world.hub.monitor, &world.hub);
    pass(&world, "online", 2);
    counter_set(&world.hub.health.storage_alarm, 1);
    pass(&world, "online", 2);
    assert_signals(&world, 2, "retention_stopped storage_will_be_full");
    world_clear(&world);
}

enum { QUEUE_RECORDS = 16, SHARE = QUEUE_RECORDS / 2, MAX_UNSENT = 5 };

/* One at a time, a millisecond apart, so that the store has them in their order. */
static void raise_some(struct world *world, size_t camera, enum server_signal signal, int times)
{
    for (int i = 0; i < times; i++) {
        clock_fake_advance_us(world->clock, 1000);
        monitor_raise(world->hub.monitor, &((struct camera *)world->settings.cameras.items)[camera], signal, "{}");
    }
}

/* The store is away and one org holds all it may of the spool: its signals wait, the other's pass at once. */
static void test_q20_an_org_at_its_share_holds_up_no_other(void)
{
    struct world world;
    struct vedette_spool_stats stats;
    world_prepare(&world);
    add_camera(&world, "gate", "other");
    world.settings.spool.max_queue_size = QUEUE_RECORDS;
    world.settings.spool.tenant_share = 0.5;
    world.settings.store.queue_records = MAX_UNSENT;
    world_open(&world, true);
    for (int i = 0; i < SHARE; i++) {
        raise_some(&world, 0, SERVER_SIGNAL_STALLED, 1);
        monitor_turn(world.hub.monitor);
    }
    raise_some(&world, 0, SERVER_SIGNAL_STALL_ENDED, 2);                 /* the oldest of what is too much */
    raise_some(&world, 0, SERVER_SIGNAL_CAMERA_OFFLINE, MAX_UNSENT - 1); /* these are waited with */
    raise_some(&world, 1, SERVER_SIGNAL_CAMERA_RECOVERED, 2);
    monitor_turn(world.hub.monitor);
    vedette_spool_get_stats(record_path_spool(world.hub.records), &stats);
    g_assert_cmpint(stats.total_queued, ==, SHARE + 2);
    g_assert_cmpint(counter_get(&world.hub.health.records_rejected), ==, 3);
    record_path_release(world.hub.records);
    await_drained(&world);
    monitor_turn(world.hub.monitor);
    g_autofree char *others = signals_of(&world, "other", 2);
    g_assert_cmpstr(others, ==, "camera_recovered camera_recovered");
    assert_signals(&world, SHARE + MAX_UNSENT - 2,
                   "stalled stalled stalled stalled stalled stalled stalled stalled "
                   "camera_offline camera_offline camera_offline");
    world_clear(&world);
}

/* What was raised after the last turn, as the governor does, whose turn comes after the monitor's. */
static void test_what_is_raised_last_outlives_the_stop(void)
{
    struct world world;
    world_init(&world);
    pass(&world, "online", 2);
    monitor_raise_for_orgs(world.hub.monitor, SERVER_SIGNAL_OVERLOAD, 0, "{}");
    world_close(&world);
    g_assert_cmpint(counter_get(&world.hub.health.records_rejected), ==, 0);
    world_open(&world, false);
    assert_signals(&world, 1, "overload");
    world_clear(&world);
}

static void test_what_a_stop_loses_is_counted(void)
{
    struct world world;
    world_prepare(&world);
    world.settings.spool.max_queue_size = QUEUE_RECORDS;
    world_open(&world, true);
    raise_some(&world, 0, SERVER_SIGNAL_STALLED, QUEUE_RECORDS + 3);
    world_close(&world);
    g_assert_cmpint(counter_get(&world.hub.health.records_rejected), ==, 3);
    world_open(&world, true);
    world_clear(&world);
}

static struct camera_health records_of(struct world *world)
{
    struct camera_health health;
    g_assert_true(live_get_health(world->hub.live, "door", &health));
    const struct camera_health numbers = {.records_received = health.records_received,
                                          .records_stored = health.records_stored};
    record_clear(&camera_health_descriptor, &health);
    return numbers;
}

/* A record that came while others were looked at is on its way, and will be counted when it is stored. */
static void test_what_is_on_its_way_is_not_levelled(void)
{
    struct world world;
    struct stalls stalls = {0};
    world_prepare(&world);
    world_open(&world, true);
    const struct camera_health spoken = {.camera_id = (char *)"door", .state = (char *)"online"};
    live_set_health(world.hub.live, &spoken);
    raise_some(&world, 0, SERVER_SIGNAL_CAMERA_OFFLINE, 1);
    monitor_stop(world.hub.monitor);
    for (int64_t until_us = g_get_monotonic_time() + DEADLINE_US; records_of(&world).records_received == 0;) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500); /* between looks */
    }
    stalls_look(&stalls, world.hub.monitor, &world.hub, world.settings.cameras.items, clock_monotonic_us(world.clock));
    g_assert_cmpint(records_of(&world).records_stored, ==, 0);
    record_path_release(world.hub.records);
    await_drained(&world);
    live_add_records(world.hub.live, "door", 1, 0); /* one that was dropped */
    stalls_look(&stalls, world.hub.monitor, &world.hub, world.settings.cameras.items, clock_monotonic_us(world.clock));
    g_assert_cmpint(records_of(&world).records_received, ==, 2);
    g_assert_cmpint(records_of(&world).records_stored, ==, 2);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/monitor/gone and back are told once", test_gone_and_back_are_told_once);
    g_test_add_func("/monitor/a short break is no news", test_a_short_break_is_no_news);
    g_test_add_func("/monitor/a camera that never came is told", test_a_camera_that_never_came_is_told);
    g_test_add_func("/monitor/a silent worker is gone", test_a_silent_worker_is_gone);
    g_test_add_func("/monitor/a worker that died at work is told as off line alone",
                    test_a_worker_that_died_at_work_is_told_as_off_line_alone);
    g_test_add_func("/monitor/what stands still is named", test_what_stands_still_is_named);
    g_test_add_func("/monitor/a breaker that changes is stored at once", test_a_breaker_that_changes_is_stored_at_once);
    g_test_add_func("/monitor/a store that is locked holds up nobody", test_a_store_that_is_locked_holds_up_nobody);
    g_test_add_func("/monitor/a camera that is disabled is off line at once",
                    test_a_camera_that_is_disabled_is_off_line_at_once);
    g_test_add_func("/monitor/a server that stops leaves no camera on line",
                    test_a_server_that_stops_leaves_no_camera_on_line);
    g_test_add_func("/monitor/g07 rows without a day are an alarm", test_g07_rows_without_a_day_are_an_alarm);
    g_test_add_func("/monitor/alarms of upkeep are told", test_alarms_of_upkeep_are_told);
    g_test_add_func("/monitor/one alarm of two hubs is one signal", test_one_alarm_of_two_hubs_is_one_signal);
    g_test_add_func("/monitor/q20 an org at its share holds up no other",
                    test_q20_an_org_at_its_share_holds_up_no_other);
    g_test_add_func("/monitor/what is raised last outlives the stop", test_what_is_raised_last_outlives_the_stop);
    g_test_add_func("/monitor/what a stop loses is counted", test_what_a_stop_loses_is_counted);
    g_test_add_func("/monitor/what is on its way is not levelled", test_what_is_on_its_way_is_not_levelled);
    return g_test_run();
}
