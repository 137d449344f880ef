/* Without a model: who keeps still becomes background in the end, and is hidden all the same, until they went. */
#include "masks_world.h"

#include <string.h>

static const struct record_box chest = {0.72, 0.4, 0.08, 0.3}, beside = {0.1, 0.35, 0.3, 0.4};

enum { A_SECOND = 1000 / MASKS_EVERY_MS, SLOW_MS = 900 };

/* Whether the room is seen, and nobody in it. */
static void assert_is_hidden(struct masks_world *world)
{
    g_assert_cmpfloat(masks_previewed(world, &chest), <, MASKS_HIDDEN);
    g_assert_cmpfloat(masks_previewed(world, &beside), >, MASKS_SEEN);
}

/* About a picture a second: nothing moves. */
static void feed_seconds(struct masks_world *world, const struct record_box *figure, int seconds)
{
    for (int64_t from_ms = world->at_ms; world->at_ms < from_ms + seconds * 1000;) {
        world->at_ms += SLOW_MS - MASKS_EVERY_MS;
        masks_feed(world, figure);
        if (figure && world->number % 5 == 0)
            assert_is_hidden(world);
    }
}

/* They came, and have kept still for so long that nothing follows them any more. */
static void sit_down(struct masks_world *world)
{
    masks_world_init(world, 0, NULL);
    masks_learn(world);
    masks_walk_inside(world);
    feed_seconds(world, &masks_inside, 200);
    g_assert_cmpint(masks_count_right(world), ==, 0);
    assert_is_hidden(world);
}

static void test_who_sits_still_for_minutes_is_hidden(void)
{
    struct masks_world world;
    sit_down(&world);
    masks_world_clear(&world);
}

/* ... also who was first seen there and never moved: seconds are enough for that, but for pictures that come seldom. */
static void test_who_never_moved_is_hidden(void)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    masks_learn(&world);
    for (int i = 0; i < 20 * A_SECOND; i++)
        masks_feed(&world, &masks_inside);
    g_assert_cmpint(masks_count_right(&world), ==, 0);
    assert_is_hidden(&world);
    masks_world_clear(&world);
}

static void test_who_comes_between_two_pictures_is_followed(void)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    masks_learn(&world);
    feed_seconds(&world, &masks_inside, 60);
    g_assert_cmpint(masks_count_right(&world), ==, 1);
    feed_seconds(&world, &masks_inside, 90);
    g_assert_cmpint(masks_count_right(&world), ==, 0);
    assert_is_hidden(&world);
    feed_seconds(&world, NULL, 150);
    g_assert_cmpfloat(masks_previewed(&world, &chest), >, MASKS_SEEN);
    masks_world_clear(&world);
}

static void test_their_place_is_shown_once_they_went(void)
{
    struct masks_world world;
    sit_down(&world);
    for (int i = 0; i < 30; i++) { /* as they came */
        struct record_box figure = masks_inside;
        figure.x -= 0.015 * i;
        masks_feed(&world, &figure);
    }
    feed_seconds(&world, NULL, 150);
    g_assert_cmpfloat(masks_previewed(&world, &chest), >, MASKS_SEEN);
    masks_walk_inside(&world); /* and hidden when somebody sits there again */
    feed_seconds(&world, &masks_inside, 200);
    g_assert_cmpint(masks_count_right(&world), ==, 0);
    assert_is_hidden(&world);
    masks_world_clear(&world);
}

/* ---- what is no figure ---- */

/* A barrier: too wide for a body, so that it never is one. */
static const struct record_box barrier = {0.3, 0.5, 0.3, 0.06};

/* So seldom that the room's pictures are few; whether the camera was active in the last. */
static bool stand_for(struct masks_world *world, const struct record_box *figure, int seconds)
{
    for (int64_t from_ms = world->at_ms; world->at_ms < from_ms + seconds * 1000;) {
        world->at_ms += SLOW_MS - MASKS_EVERY_MS;
        masks_feed(world, figure);
        g_assert_cmpint(world->health.tracks_live, ==, 0);
        if (figure && world->number % 5 == 0)
            g_assert_cmpfloat(masks_previewed(world, figure), <, MASKS_HIDDEN);
    }
    return pipeline_is_active(world->pipeline);
}

static void test_a_barrier_that_stays_is_background_and_hidden(void)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    masks_learn(&world);
    g_assert_true(stand_for(&world, &barrier, 60));
    g_assert_false(stand_for(&world, &barrier, 75));
    g_assert_true(stand_for(&world, NULL, 60)); /* it opens: what was behind it is new */
    g_assert_false(stand_for(&world, NULL, 75));
    masks_world_clear(&world);
}

/* ---- when the background is learnt anew ---- */

/* By more than is followed, in the left three quarters. */
static struct frame *draw_in_other_light(const struct record_box *figure)
{
    struct frame *frame = masks_draw(MASKS_WIDE_PX, MASKS_HIGH_PX, figure);
    for (int y = 0; y < MASKS_HIGH_PX; y++)
        for (int x = 0; x < MASKS_WIDE_PX * 3 / 4; x++) {
            uint8_t *pixel = frame_plane(frame, 0) + y * frame->strides_bytes[0] + x;
            *pixel = (uint8_t)(*pixel * 2 / 3 + 85);
        }
    return frame;
}

static void turn_on_light(struct masks_world *world)
{
    for (int i = 0; i < 10 * A_SECOND; i++) {
        masks_feed_frame(world, draw_in_other_light(&masks_inside));
        g_assert_cmpfloat(masks_previewed(world, &chest), <, MASKS_HIDDEN);
        if (i == 0) /* it is learnt anew */
            g_assert_cmpfloat(masks_previewed(world, &beside), <, MASKS_HIDDEN);
    }
    assert_is_hidden(world);
}

static void test_who_sits_still_is_hidden_in_other_light(void)
{
    struct masks_world world;
    sit_down(&world);
    turn_on_light(&world);
    masks_world_clear(&world);
}

/* Who stands there for a moment when the light comes is learnt with it. */
static void test_who_stands_there_when_light_comes_is_hidden(void)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    masks_learn(&world);
    masks_walk_inside(&world);
    turn_on_light(&world);
    masks_world_clear(&world);
}

enum { MOVED_PX = 64 };

/* The camera turned to the left: all is further right. */
static struct frame *draw_moved(void)
{
    struct frame *frame = masks_draw(MASKS_WIDE_PX, MASKS_HIGH_PX, &masks_inside);
    for (int y = 0; y < MASKS_HIGH_PX; y++) {
        uint8_t *row = frame_plane(frame, 0) + y * frame->strides_bytes[0];
        memmove(row + MOVED_PX, row, MASKS_WIDE_PX - MOVED_PX);
    }
    return frame;
}

static void test_who_sits_still_is_hidden_when_the_camera_was_moved(void)
{
    struct masks_world world;
    struct record_box there = chest;
    there.x += (double)MOVED_PX / MASKS_WIDE_PX;
    sit_down(&world);
    for (int i = 0; i < 10 * A_SECOND; i++) {
        masks_feed_frame(&world, draw_moved());
        g_assert_cmpfloat(masks_previewed(&world, &there), <, MASKS_HIDDEN);
    }
    g_assert_cmpint(world.health.camera_moves, ==, 1);
    g_assert_cmpfloat(masks_previewed(&world, &beside), >, MASKS_SEEN);
    masks_world_clear(&world);
}

/* ---- all of it ---- */

static void test_all_is_hidden_without_a_model_where_asked_to(void)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    pipeline_free(world.pipeline);
    world.config.workers.hides_all_without_model = true;
    world.pipeline = pipeline_new(&world.config, &world.told.camera, NULL, NULL, 1, world.clock, &world.health,
                                  &(struct pipeline_sink){0});
    masks_learn(&world);
    g_assert_cmpfloat(masks_previewed(&world, &beside), <, MASKS_HIDDEN);
    masks_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keeps still/who sits still for minutes is hidden", test_who_sits_still_for_minutes_is_hidden);
    g_test_add_func("/keeps still/who never moved is hidden", test_who_never_moved_is_hidden);
    g_test_add_func("/keeps still/who comes between two pictures is followed",
                    test_who_comes_between_two_pictures_is_followed);
    g_test_add_func("/keeps still/their place is shown once they went", test_their_place_is_shown_once_they_went);
    g_test_add_func("/keeps still/a barrier that stays is background and hidden",
                    test_a_barrier_that_stays_is_background_and_hidden);
    g_test_add_func("/keeps still/who sits still is hidden in other light",
                    test_who_sits_still_is_hidden_in_other_light);
    g_test_add_func("/keeps still/who stands there when light comes is hidden",
                    test_who_stands_there_when_light_comes_is_hidden);
    g_test_add_func("/keeps still/who sits still is hidden when the camera was moved",
                    test_who_sits_still_is_hidden_when_the_camera_was_moved);
    g_test_add_func("/keeps still/all is hidden without a model where asked to",
                    test_all_is_hidden_without_a_model_where_asked_to);
    return g_test_run();
}
