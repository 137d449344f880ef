/* Rules told anew while tracks are under way: what is remembered goes on where places lie as before. */
#include "analytics/analytics.h"

#include <string.h>

enum { FRAME_US = 200000, WIDTH = 300, HEIGHT = 800 };

struct world {
    struct camera camera;
    struct settings settings;
    struct analytics *analytics;
    int64_t media_us;
    int loiterings, dwells, enters;
};

static void on_emit(void *data, enum event_type type, void *record)
{
    struct world *world = data;
    if (type == EVENT_SIGNAL && g_str_equal(((struct signal *)record)->kind, "loitering"))
        world->loiterings++;
    if (type == EVENT_ZONE_HIT) {
        world->dwells += ((struct zone_hit *)record)->event == ZONE_HIT_DWELL;
        world->enters += ((struct zone_hit *)record)->event == ZONE_HIT_ENTER;
    }
}

static void world_init(struct world *world)
{
    static const struct record_point corners[] = {{0.2, 0.2}, {0.8, 0.2}, {0.8, 0.9}, {0.2, 0.9}};
    memset(world, 0, sizeof *world);
    record_init(&settings_descriptor, &world->settings);
    record_init(&camera_descriptor, &world->camera);
    struct zone *zone = record_list_append(&world->camera.zones, &zone_descriptor);
    zone->id = g_strdup("hall");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    zone->dwell_seconds = 0;
    world->analytics = analytics_new(&world->camera, &world->settings.rules);
}

static struct zone *world_zone(struct world *world)
{
    return world->camera.zones.items;
}

static void world_clear(struct world *world)
{
    analytics_free(world->analytics);
    record_clear(&camera_descriptor, &world->camera);
    record_clear(&settings_descriptor, &world->settings);
}

static void stand(struct world *world, double seconds)
{
    const struct analytics_sink sink = {on_emit, world};
    for (int i = 0; i < seconds * G_USEC_PER_SEC / FRAME_US; i++, world->media_us += FRAME_US) {
        const struct observed_track track = {.id = 1,
                                             .object_class = g_intern_static_string("person"),
                                             .x = OBSERVATION_BOX_ONE / 2,
                                             .y = OBSERVATION_BOX_ONE / 2,
                                             .w = WIDTH,
                                             .h = HEIGHT,
                                             .confidence = 200,
                                             .is_confirmed = true};
        const struct observation observation = {
            .at_ms = world->media_us / 1000, .media_us = world->media_us, .tracks = &track, .track_count = 1};
        analytics_observe(world->analytics, &observation, &sink);
    }
}

static void test_a_new_threshold_counts_for_who_is_already_there(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 20);
    g_assert_cmpint(world.loiterings + world.dwells, ==, 0);
    world_zone(&world)->loitering_seconds = 15;
    world_zone(&world)->dwell_seconds = 30;
    analytics_configure(world.analytics, &world.camera, &world.settings.rules);
    stand(&world, 1);
    g_assert_cmpint(world.loiterings, ==, 1); /* 20 s of it were before */
    stand(&world, 10);
    g_assert_cmpint(world.dwells, ==, 1);
    g_assert_cmpint(world.enters, ==, 1);
    world_clear(&world);
}

static void test_a_zone_that_moves_begins_anew(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 20);
    world_zone(&world)->loitering_seconds = 15;
    world_zone(&world)->polygon.items[0].x = 0.3;
    analytics_configure(world.analytics, &world.camera, &world.settings.rules);
    stand(&world, 10);
    g_assert_cmpint(world.loiterings, ==, 0);
    g_assert_cmpint(world.enters, ==, 2);
    stand(&world, 10);
    g_assert_cmpint(world.loiterings, ==, 1);
    world_clear(&world);
}

static void test_a_zone_may_come_and_go(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 5);
    world.camera.zones.count = 0;
    analytics_configure(world.analytics, &world.camera, &world.settings.rules);
    stand(&world, 5);
    world.camera.zones.count = 1;
    analytics_configure(world.analytics, &world.camera, &world.settings.rules);
    stand(&world, 5);
    g_assert_cmpint(world.enters, ==, 2);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/configure/a new threshold counts for who is already there",
                    test_a_new_threshold_counts_for_who_is_already_there);
    g_test_add_func("/configure/a zone that moves begins anew", test_a_zone_that_moves_begins_anew);
    g_test_add_func("/configure/a zone may come and go", test_a_zone_may_come_and_go);
    return g_test_run();
}
