/* Pictures so far apart that each comes after an outage: the camera says that nothing is counted. */
#include "masks_world.h"

/* As many pictures, each so long after the one before. */
static void feed(struct masks_world *world, int count, double seconds)
{
    for (int i = 0; i < count; i++) {
        world->at_ms += (int64_t)(seconds * 1000) - MASKS_EVERY_MS;
        masks_feed(world, NULL);
    }
}

static void test_a_rate_that_is_an_outage_is_told(void)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    feed(&world, 5, 15);
    g_assert_cmpint(world.health.frames_too_far_apart, ==, 0);
    feed(&world, 2, 15.2);
    g_assert_cmpint(world.health.frames_too_far_apart, ==, 0); /* it may have been away twice */
    feed(&world, 1, 15.2);
    g_assert_cmpint(world.health.frames_too_far_apart, ==, 1);
    feed(&world, 1, 1);
    g_assert_cmpint(world.health.frames_too_far_apart, ==, 0);
    masks_world_clear(&world);
}

static void test_outages_are_no_rate(void)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    for (int i = 0; i < 10; i++) {
        feed(&world, 1, 60);
        feed(&world, 1, 1);
        g_assert_cmpint(world.health.frames_too_far_apart, ==, 0);
    }
    masks_world_clear(&world);
}

/* The camera's own setting is known before a picture comes, and may change. */
static void test_a_rate_that_is_set_is_told_at_once(void)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    masks_feed(&world, NULL);
    g_assert_cmpint(world.health.frames_too_far_apart, ==, 0);
    world.told.camera.analyse_fps = 0.06;
    pipeline_configure(world.pipeline, &world.told);
    g_assert_cmpint(world.health.frames_too_far_apart, ==, 1);
    masks_feed(&world, NULL);
    g_assert_cmpint(world.health.frames_too_far_apart, ==, 1);
    world.told.camera.analyse_fps = 0.07;
    pipeline_configure(world.pipeline, &world.told);
    g_assert_cmpint(world.health.frames_too_far_apart, ==, 0);
    masks_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rates/a rate that is an outage is told", test_a_rate_that_is_an_outage_is_told);
    g_test_add_func("/rates/outages are no rate", test_outages_are_no_rate);
    g_test_add_func("/rates/a rate that is set is told at once", test_a_rate_that_is_set_is_told_at_once);
    return g_test_run();
}
