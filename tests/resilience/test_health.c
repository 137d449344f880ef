/* The camera health monitor: hysteresis, publications, rates. The clock is the test's. */
#include "vedette/health.h"

#include <glib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND_US = 1000000, DEADLINE_US = 60 * SECOND_US };

struct world {
    int64_t now_us; /* atomic */
    struct vedette_health_config config;
    struct vedette_health *health;
    GString *told;    /* "door:camera_offline " */
    int publications; /* atomic */
    int changes;
    struct vedette_camera_health last;
};

static int64_t now_us(void *data)
{
    return __atomic_load_n(&((struct world *)data)->now_us, __ATOMIC_RELAXED);
}

static void on_publish(void *data, const struct vedette_camera_health *health, bool is_change)
{
    struct world *world = data;
    struct vedette_camera_health again;
    g_assert_true(vedette_health_get(world->health, health->camera_id, &again)); /* outside the lock: no hang */
    world->last = *health;
    world->changes += is_change;
    __atomic_add_fetch(&world->publications, 1, __ATOMIC_RELEASE);
}

static void on_signal(void *data, const struct vedette_camera_health *health, enum vedette_camera_signal signal)
{
    struct world *world = data;
    g_string_append_printf(world->told, "%s:%s ", health->camera_id, vedette_camera_signal_name(signal));
}

static void world_init(struct world *world)
{
    *world = (struct world){.now_us = INT64_C(1000) * SECOND_US, .told = g_string_new(NULL)};
    vedette_health_config_init(&world->config);
    world->config.time = (struct vedette_time_source){.now_us = now_us, .data = world};
    world->config.publish = on_publish;
    world->config.signal = on_signal;
    world->config.data = world;
    world->health = vedette_health_new(&world->config, NULL);
    g_assert_nonnull(world->health);
}

static void world_clear(struct world *world)
{
    vedette_health_free(world->health);
    g_string_free(world->told, TRUE);
}

/* One report and one look a second; no report at all when `is_online` is below 0. */
static void pass(struct world *world, int is_online, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        struct vedette_camera_stats stats;
        vedette_camera_stats_init(&stats);
        stats.is_online = is_online > 0;
        stats.frames_processed = world->now_us / SECOND_US * 15;
        if (is_online >= 0)
            g_assert_true(vedette_health_update_camera_stats(world->health, "door", &stats));
        vedette_health_tick(world->health);
        world->now_us += SECOND_US;
    }
}

/* Of one that is watched no longer nothing is told, and when it comes back it is a new one. */
static void test_one_that_is_forgotten_is_not_told(void)
{
    struct world world;
    struct vedette_camera_health health;
    world_init(&world);
    pass(&world, 1, 20);
    g_assert_true(vedette_health_get(world.health, "door", &health));
    vedette_health_forget(world.health, "door");
    g_assert_cmpstr(health.camera_id, ==, "door"); /* and no memory that was the monitor's */
    g_assert_false(vedette_health_get(world.health, "door", &health));
    pass(&world, -1, 120);
    g_assert_cmpstr(world.told->str, ==, "");
    pass(&world, 1, 1);
    g_assert_true(vedette_health_get(world.health, "door", &health));
    vedette_health_forget(world.health, "nobody");
    world_clear(&world);
}

static void forget_and_tell(void *data, const struct vedette_camera_health *health, enum vedette_camera_signal signal)
{
    struct world *world = data;
    vedette_health_forget(world->health, health->camera_id);
    g_string_append_printf(world->told, "%s:%s ", health->camera_id, vedette_camera_signal_name(signal));
}

static void see_others(struct world *world)
{
    struct vedette_camera_stats stats;
    vedette_camera_stats_init(&stats);
    stats.is_online = true;
    stats.frames_processed = world->now_us / SECOND_US * 15;
    g_assert_true(vedette_health_update_camera_stats(world->health, "gate", &stats));
    g_assert_true(vedette_health_update_camera_stats(world->health, "yard", &stats));
}

/* And nobody is passed over for it, who is told of in the same look. */
static void test_a_callback_may_forget(void)
{
    struct world world;
    struct vedette_camera_health health;
    world_init(&world);
    vedette_health_free(world.health);
    world.config.signal = forget_and_tell;
    world.config.publish = NULL;
    world.health = vedette_health_new(&world.config, NULL);
    for (int i = 0; i < 20; i++) {
        see_others(&world);
        pass(&world, 1, 1);
    }
    while (!world.told->len)
        pass(&world, -1, 1);
    g_assert_cmpstr(world.told->str, ==, "gate:camera_offline yard:camera_offline door:camera_offline ");
    g_assert_false(vedette_health_get(world.health, "door", &health));
    world_clear(&world);
}

static void test_a_mean_of_nothing_is_zero(void)
{
    struct world world;
    struct vedette_camera_health health;
    struct vedette_camera_stats stats;
    world_init(&world);
    vedette_camera_stats_init(&stats);
    stats.avg_latency_ms = NAN;
    stats.fps = INFINITY;
    g_assert_true(vedette_health_update_camera_stats(world.health, "door", &stats));
    g_assert_true(vedette_health_get(world.health, "door", &health));
    g_assert_cmpfloat(health.stats.avg_latency_ms, ==, 0);
    g_assert_cmpfloat(health.stats.fps, ==, 0);
    health.stats = stats; /* by hand */
    char *json = vedette_camera_health_json(&health);
    g_assert_nonnull(strstr(json, "\"avg_latency_ms\":0.000,\"fps\":0.000"));
    free(json);
    world_clear(&world);
}

static void test_one_that_flaps_is_told_once(void)
{
    struct world world;
    world_init(&world);
    pass(&world, 1, 20);
    for (int i = 0; i < 10; i++) {
        pass(&world, 0, 9);
        pass(&world, 1, 1);
    }
    g_assert_cmpstr(world.told->str, ==, "");
    pass(&world, 0, 12);
    for (int i = 0; i < 10; i++) {
        pass(&world, 1, 4);
        pass(&world, 0, 1);
    }
    g_assert_cmpstr(world.told->str, ==, "door:camera_offline ");
    g_assert_false(world.last.online);
    pass(&world, 1, 10);
    g_assert_cmpstr(world.told->str, ==, "door:camera_offline door:camera_recovered ");
    g_assert_true(world.last.online);
    /* 12 s, ten times 5 s, and the 5 s that make sure of it */
    g_assert_cmpint(world.last.offline_us, ==, (12 + 50 + 5) * (int64_t)SECOND_US);
    world_clear(&world);
}

static void test_one_that_never_came_is_told(void)
{
    struct world world;
    world_init(&world);
    g_assert_true(vedette_health_watch(world.health, "door"));
    pass(&world, -1, 10);
    g_assert_cmpstr(world.told->str, ==, "");
    pass(&world, -1, 1);
    g_assert_cmpstr(world.told->str, ==, "door:camera_offline ");
    pass(&world, 1, 6);
    g_assert_cmpstr(world.told->str, ==, "door:camera_offline door:camera_recovered ");
    world_clear(&world);
}

static void test_silence_is_being_off_line(void)
{
    struct world world;
    world_init(&world);
    pass(&world, 1, 5);
    pass(&world, -1, 20);
    g_assert_cmpstr(world.told->str, ==, "door:camera_offline ");
    world_clear(&world);
}

static void test_it_publishes_every_30_s_and_on_a_change(void)
{
    struct world world;
    world_init(&world);
    pass(&world, 1, 91);
    g_assert_cmpint(world.publications, ==, 4); /* at 0, 30, 60 and 90 s */
    g_assert_cmpint(world.changes, ==, 1);
    struct vedette_camera_stats stats;
    vedette_camera_stats_init(&stats);
    stats.circuit_breaker_state = VEDETTE_BREAKER_OPEN;
    vedette_health_update_camera_stats(world.health, "door", &stats);
    vedette_health_tick(world.health);
    g_assert_cmpint(world.publications, ==, 5); /* at once */
    g_assert_cmpint(world.changes, ==, 2);
    vedette_health_tick(world.health);
    g_assert_cmpint(world.publications, ==, 5);
    g_autofree char *copy = NULL;
    char *json = vedette_camera_health_json(&world.last);
    copy = g_strdup(json);
    free(json);
    g_assert_nonnull(strstr(copy, "\"circuit_breaker_state\":\"open\""));
    g_assert_nonnull(strstr(copy, "\"frames_processed\":0"));
    g_assert_nonnull(strstr(copy, "\"avg_latency_ms\":0.000"));
    world_clear(&world);
}

static void test_fps_is_by_the_wall_clock(void)
{
    struct world world;
    struct vedette_camera_health camera;
    world_init(&world);
    pass(&world, 1, 10);
    g_assert_true(vedette_health_get(world.health, "door", &camera));
    g_assert_cmpfloat_with_epsilon(camera.stats.fps, 15, 1e-9);
    struct vedette_camera_stats stats;
    vedette_camera_stats_init(&stats);
    stats.frames_processed = 3; /* it started again */
    vedette_health_update_camera_stats(world.health, "door", &stats);
    vedette_health_get(world.health, "door", &camera);
    g_assert_cmpfloat_with_epsilon(camera.stats.fps, 0, 1e-9);
    stats.fps = 7.5; /* told by who knows better */
    vedette_health_update_camera_stats(world.health, "door", &stats);
    vedette_health_get(world.health, "door", &camera);
    g_assert_cmpfloat_with_epsilon(camera.stats.fps, 7.5, 1e-9);
    g_assert_false(vedette_health_get(world.health, "nobody", &camera));
    world_clear(&world);
}

/* From a rate that was told to one that is worked out: counted from the last that was told, not from when the clock
 * began. */
static void test_fps_is_worked_out_after_it_was_told(void)
{
    struct world world;
    struct vedette_camera_health camera;
    struct vedette_camera_stats stats;
    world_init(&world);
    vedette_camera_stats_init(&stats);
    stats.frames_processed = 100000;
    stats.fps = 7.5;
    vedette_health_update_camera_stats(world.health, "door", &stats);
    stats.fps = -1;
    world.now_us += SECOND_US;
    vedette_health_update_camera_stats(world.health, "door", &stats);
    vedette_health_get(world.health, "door", &camera);
    g_assert_cmpfloat_with_epsilon(camera.stats.fps, 7.5, 1e-9); /* a second says nothing yet */
    world.now_us += SECOND_US;
    stats.frames_processed += 30;
    vedette_health_update_camera_stats(world.health, "door", &stats);
    vedette_health_get(world.health, "door", &camera);
    g_assert_cmpfloat_with_epsilon(camera.stats.fps, 15, 1e-9);
    world_clear(&world);
}

static void test_it_is_bounded(void)
{
    struct world world;
    world_init(&world);
    vedette_health_free(world.health);
    world.config.max_cameras = 2;
    world.health = vedette_health_new(&world.config, NULL);
    g_assert_true(vedette_health_watch(world.health, "a") && vedette_health_watch(world.health, "b"));
    g_assert_false(vedette_health_watch(world.health, "c"));
    g_assert_true(vedette_health_watch(world.health, "a"));
    world_clear(&world);
}

static void test_it_has_a_thread_of_its_own(void)
{
    struct world world;
    world_init(&world);
    vedette_health_free(world.health);
    world.config.tick_us = 1000;
    world.config.publish_interval_us = 1;
    world.health = vedette_health_new(&world.config, NULL);
    struct vedette_camera_stats stats;
    vedette_camera_stats_init(&stats);
    vedette_health_update_camera_stats(world.health, "door", &stats);
    for (int round = 1; round <= 2; round++) {
        g_assert_true(vedette_health_start_monitoring(world.health, NULL));
        g_assert_true(vedette_health_start_monitoring(world.health, NULL)); /* no second one */
        for (int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
             __atomic_load_n(&world.publications, __ATOMIC_ACQUIRE) < round;) {
            __atomic_add_fetch(&world.now_us, 1000, __ATOMIC_RELAXED);
            vedette_health_update_camera_stats(world.health, "door", &stats);
            g_assert_cmpint(g_get_monotonic_time(), <, until_us);
            g_usleep(200);
        }
        vedette_health_stop_monitoring(world.health);
        world.publications = round;
    }
    world_clear(&world);
}

static void test_bad_settings_are_refused(void)
{
    struct vedette_health_config config;
    const char *why = NULL;
    vedette_health_config_init(&config);
    config.tick_us = 0;
    g_assert_null(vedette_health_new(&config, &why));
    g_assert_nonnull(strstr(why, "tick_us"));
    vedette_health_config_init(&config);
    config.max_cameras = 0;
    g_assert_null(vedette_health_new(&config, &why));
    g_assert_nonnull(strstr(why, "max_cameras"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/health/a callback may forget", test_a_callback_may_forget);
    g_test_add_func("/health/a mean of nothing is zero", test_a_mean_of_nothing_is_zero);
    g_test_add_func("/health/one that flaps is told once", test_one_that_flaps_is_told_once);
    g_test_add_func("/health/one that never came is told", test_one_that_never_came_is_told);
    g_test_add_func("/health/silence is being off line", test_silence_is_being_off_line);
    g_test_add_func("/health/it publishes every 30 s and on a change", test_it_publishes_every_30_s_and_on_a_change);
    g_test_add_func("/health/fps is by the wall clock", test_fps_is_by_the_wall_clock);
    g_test_add_func("/health/fps is worked out after it was told", test_fps_is_worked_out_after_it_was_told);
    g_test_add_func("/health/it is bounded", test_it_is_bounded);
    g_test_add_func("/health/it has a thread of its own", test_it_has_a_thread_of_its_own);
    g_test_add_func("/health/one that is forgotten is not told", test_one_that_is_forgotten_is_not_told);
    g_test_add_func("/health/bad settings are refused", test_bad_settings_are_refused);
    return g_test_run();
}
