/* Distances of rules are shares of a figure's own height or width, in every direction and in pictures of every shape.
 */
#include "analytics/rules_world.h"

/* A wide picture, a square one, and one of a camera that was turned for an aisle. */
static const double aspects[] = {9.0 / 16, 1, 16.0 / 9};
/* A little less than a limit, and a little more. */
static const double less = 0.9, more = 1.1;

/* A way of so many picture heights in the picture's own units. */
static struct record_point way(const struct world *world, double heights, bool is_across)
{
    return is_across ? (struct record_point){heights * world->aspect, 0} : (struct record_point){0, heights};
}

static void test_who_shakes_across_any_line_did_not_cross(void)
{
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(aspects); i++) {
        struct world world;
        bool is_upright = i % 2;
        world_init(&world);
        world.aspect = aspects[i / 2];
        if (is_upright) {
            world_line(&world)->a = (struct record_point){0.5, 0.7};
            world_line(&world)->b = (struct record_point){0.5, 0.3};
        }
        double settles = world.settings.rules.settle_distance * HEIGHT / OBSERVATION_BOX_ONE;
        struct record_point near = way(&world, less * settles, is_upright);
        struct record_point far = way(&world, more * settles, is_upright);
        stand(&world, 1, 0.5 - 2 * far.x, 0.5 - 2 * far.y, 1);
        stand(&world, 1, 0.5 + near.x, 0.5 + near.y, 1);
        g_assert_cmpint(world.ins, ==, 0);
        stand(&world, 1, 0.5 + far.x, 0.5 + far.y, 1);
        g_assert_cmpint(world.ins, ==, 1);
        world_clear(&world);
    }
}

/* A tracker that loses an id gives the same figure another one a step aside; who is found further away is another. */
static void test_a_step_aside_is_as_far_in_any_picture(void)
{
    const double reach_across = 0.825, reach_down = 0.55; /* heights, after a tenth of a second */
    for (size_t i = 0; i < 4 * G_N_ELEMENTS(aspects); i++) {
        struct world world;
        bool is_across = i % 2, is_same = i / 2 % 2;
        world_init(&world);
        world.aspect = aspects[i / 4];
        double heights = (is_same ? less : more) * (is_across ? reach_across : reach_down);
        struct record_point aside = way(&world, heights * HEIGHT / OBSERVATION_BOX_ONE, is_across);
        stand(&world, 1, 0.3, 0.7, 1);
        stand(&world, 2, 0.3 + aside.x, 0.7 + aside.y, 1);
        g_assert_cmpint(world.enters, ==, is_same ? 1 : 2);
        world_clear(&world);
    }
}

/* What moves goes so many of its heights, and stands then where something new stands. */
static int things_left_after(double aspect, double heights, bool is_across)
{
    struct world world;
    struct picture_facts picture = {.region_count = 1, .mean_luma = 128};
    world_init(&world);
    world.aspect = aspect;
    world.picture = &picture;
    world_zone(&world)->left_seconds = 10;
    struct record_point gone = way(&world, heights * HEIGHT / OBSERVATION_BOX_ONE, is_across);
    for (int i = 0; i < 300; i++) {
        double share = MIN(i / 30.0, 1) - 1;
        struct observed_track track = figure(1, 0.5 + gone.x * share, 0.8 + gone.y * share);
        track.object_class = g_intern_static_string("motion");
        picture.regions[0] = (struct picture_region){track.x, track.y, track.w, track.h, false};
        picture.region_count = share == 0;
        observe(&world, &track, 1);
    }
    int count = told(&world, "object_left");
    world_clear(&world);
    return count;
}

static void test_what_came_any_way_is_no_thing_that_was_left(void)
{
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(aspects); i++) {
        g_assert_cmpint(things_left_after(aspects[i / 2], more, i % 2), ==, 0);
        g_assert_cmpint(things_left_after(aspects[i / 2], less, i % 2), ==, 1);
    }
}

/* A box of a size in picture heights around a place. */
static void lie(struct world *world, struct record_point centre, double width, double height, double seconds)
{
    for (int i = 0; i < seconds * G_USEC_PER_SEC / FRAME_US; i++) {
        struct observed_track track = figure(1, 0, 0);
        track.w = (int16_t)(width * world->aspect * OBSERVATION_BOX_ONE);
        track.h = (int16_t)(height * OBSERVATION_BOX_ONE);
        track.x = (int16_t)(centre.x * OBSERVATION_BOX_ONE - track.w / 2.0);
        track.y = (int16_t)(centre.y * OBSERVATION_BOX_ONE - track.h / 2.0);
        observe(world, &track, 1);
    }
}

static void test_who_crawls_any_way_did_not_fall(void)
{
    const double tall = 0.2, narrow = 0.1;
    const struct record_point middle = {0.5, 0.5};
    for (size_t i = 0; i < 4 * G_N_ELEMENTS(aspects); i++) {
        struct world world;
        bool is_across = i % 2, is_still = i / 2 % 2;
        world_init(&world);
        world.aspect = aspects[i / 4];
        world.camera.rules.fall_seconds = 3;
        struct record_point crawled = way(&world, (is_still ? less : more) * tall, is_across);
        lie(&world, middle, narrow, tall, 2);
        lie(&world, middle, tall, narrow, 2.5);
        lie(&world, (struct record_point){middle.x + crawled.x, middle.y + crawled.y}, tall, narrow, 5);
        g_assert_cmpint(told(&world, "fall"), ==, is_still);
        world_clear(&world);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rules/who shakes across any line did not cross", test_who_shakes_across_any_line_did_not_cross);
    g_test_add_func("/rules/a step aside is as far in any picture", test_a_step_aside_is_as_far_in_any_picture);
    g_test_add_func("/rules/what came any way is no thing that was left",
                    test_what_came_any_way_is_no_thing_that_was_left);
    g_test_add_func("/rules/who crawls any way did not fall", test_who_crawls_any_way_did_not_fall);
    return g_test_run();
}
