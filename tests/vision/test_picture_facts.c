/* What is usual in a picture, and what an outage may not make usual. */
#include "vision/vision.h"

#include <string.h>

enum { WIDTH = 160, HEIGHT = 120, STONE = 8, FRAME_US = 200000, OUTAGE_SECONDS = 700, HALF = PICTURE_SHARE_ONE / 2 };

struct world {
    struct picture_watch *watch;
    struct picture_facts facts; /* of the last picture */
    int64_t media_us;
    int number;
    bool is_covered, has_bag, has_crumbs, is_frozen;
    uint8_t luma[WIDTH * HEIGHT];
};

static void world_init(struct world *world)
{
    *world = (struct world){.watch = picture_watch_new()};
}

/* A wall of stones that differ from each other, beside which there is nothing. */
static uint8_t stone_at(int x, int y)
{
    unsigned number = (unsigned)(y / STONE * (WIDTH / STONE) + x / STONE);
    return x < 2 * STONE ? 60 : (uint8_t)(40 + number * 2654435761U / 65536 % 80);
}

static uint8_t luma_at(const struct world *world, int x, int y)
{
    if (world->is_covered)
        return 30;
    if (world->has_crumbs && y < 48 && x >= 16 && x < 112 && x % 16 < 8 && y % 16 < 8)
        return (x + y) / 16 % 2 ? 0 : 190; /* by turns, so that it looks like no lamp */
    return world->has_bag && x >= 80 && x < 104 && y >= 64 && y < 88 ? 230 : stone_at(x, y);
}

/* One picture, `us` after the last. */
static void see(struct world *world, int64_t us)
{
    world->media_us += us;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            world->luma[y * WIDTH + x] = luma_at(world, x, y);
    if (!world->is_frozen)
        world->number++; /* never the very same picture */
    world->luma[0] += world->number % 2;
    const struct frame frame = {.width_px = WIDTH,
                                .height_px = HEIGHT,
                                .planes = {world->luma},
                                .strides_bytes = {WIDTH},
                                .media_us = world->media_us};
    picture_watch_update(world->watch, &frame, world->luma, WIDTH, HEIGHT, &world->facts);
}

static void see_for(struct world *world, double seconds)
{
    for (int i = 0; i < (int)(seconds * 1e6 / FRAME_US); i++)
        see(world, FRAME_US);
}

static void see_the_usual(struct world *world)
{
    world_init(world);
    see_for(world, 30);
    g_assert_true(world->facts.is_usual_known);
    g_assert_cmpint(world->facts.edges, >, HALF);
    g_assert_cmpint(world->facts.region_count, ==, 0);
}

static void out_for(struct world *world, double seconds)
{
    see(world, (int64_t)(seconds * 1e6));
}

static void test_a_lens_that_is_covered_before_an_outage_stays_unusual(void)
{
    struct world world;
    see_the_usual(&world);
    world.is_covered = true;
    see_for(&world, 20);
    out_for(&world, OUTAGE_SECONDS);
    see_for(&world, 30);
    g_assert_cmpint(world.facts.edges, <, HALF);
    picture_watch_free(world.watch);
}

static void test_a_lens_that_is_covered_in_an_outage_is_unusual(void)
{
    struct world world;
    see_the_usual(&world);
    world.is_covered = true;
    out_for(&world, OUTAGE_SECONDS);
    see_for(&world, 30);
    g_assert_cmpint(world.facts.edges, <, HALF);
    picture_watch_free(world.watch);
}

static void test_a_thing_that_is_left_before_an_outage_stands(void)
{
    struct world world;
    see_the_usual(&world);
    world.has_bag = true;
    see_for(&world, 3);
    out_for(&world, OUTAGE_SECONDS);
    see_for(&world, 30);
    g_assert_cmpint(world.facts.region_count, ==, 1);
    picture_watch_free(world.watch);
}

static void test_a_thing_that_is_left_in_an_outage_stands(void)
{
    struct world world;
    see_the_usual(&world);
    world.has_bag = true;
    out_for(&world, OUTAGE_SECONDS);
    see_for(&world, 30);
    g_assert_cmpint(world.facts.region_count, ==, 1);
    picture_watch_free(world.watch);
}

/* Ten minutes of key frames are ten minutes. */
static void test_key_frames_make_usual_what_lasts(void)
{
    struct world world;
    see_the_usual(&world);
    world.has_bag = true;
    for (int i = 0; i < 140; i++)
        see(&world, 4 * G_USEC_PER_SEC);
    g_assert_cmpint(world.facts.region_count, ==, 1);
    for (int i = 0; i < 20; i++)
        see(&world, 4 * G_USEC_PER_SEC);
    g_assert_cmpint(world.facts.region_count, ==, 0);
    picture_watch_free(world.watch);
}

/* A thing that rules wait for stays one until they told of it, also where somebody was with it for minutes first. */
static void test_what_is_waited_for_is_not_usual_before(void)
{
    struct world world;
    see_the_usual(&world);
    picture_watch_configure(world.watch, &(struct picture_wishes){.thing_seconds = 900});
    world.has_bag = true;
    for (int i = 0; i < 145; i++)
        see(&world, 10 * G_USEC_PER_SEC);
    g_assert_cmpint(world.facts.region_count, ==, 1);
    for (int i = 0; i < 10; i++)
        see(&world, 10 * G_USEC_PER_SEC);
    g_assert_cmpint(world.facts.region_count, ==, 0);
    picture_watch_free(world.watch);
}

static void test_a_look_that_is_waited_for_is_not_usual_before(void)
{
    struct world world;
    see_the_usual(&world);
    picture_watch_configure(world.watch, &(struct picture_wishes){.look_seconds = 900});
    world.is_covered = true;
    for (int i = 0; i < 1300; i++) /* pictures, each of which counts as a second, however far apart they are */
        see(&world, 2 * G_USEC_PER_SEC);
    g_assert_cmpint(world.facts.edges, <, HALF);
    for (int i = 0; i < 60; i++)
        see(&world, 2 * G_USEC_PER_SEC);
    g_assert_cmpint(world.facts.edges, >, HALF);
    picture_watch_free(world.watch);
}

/* Eighteen small things at the top, and a large one below them. */
static void test_the_largest_things_are_told_and_the_others_counted(void)
{
    static const struct {
        struct picture_wishes wishes;
        int shed;
    } rows[] = {{{0}, 0}, /* nobody looks for things */
                {{.thing_seconds = 60}, 18 + 1 - PICTURE_REGIONS_MAX},
                {{.thing_seconds = 60, .thing_area = 0.01}, 0}}; /* none so small is missed */
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct world world;
        see_the_usual(&world);
        picture_watch_configure(world.watch, &rows[i].wishes);
        world.has_crumbs = world.has_bag = true;
        see_for(&world, 5);
        g_assert_cmpint(world.facts.region_count, ==, PICTURE_REGIONS_MAX);
        const struct picture_region *last = &world.facts.regions[PICTURE_REGIONS_MAX - 1];
        g_assert_cmpint(last->x, ==, PICTURE_BOX_ONE / 2); /* the bag */
        g_assert_cmpint(world.facts.regions_shed, ==, rows[i].shed);
        picture_watch_free(world.watch);
    }
}

/* The same picture at any rate that a camera has; of the change of rate a moment is not counted. */
static void test_repeats_last_as_long_as_they_are_seen(void)
{
    static const double rates[] = {0.04, 0.2, 4, 10};
    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        struct world world;
        see_the_usual(&world);
        world.is_frozen = true;
        int64_t frozen_us = 0;
        for (int picture = 0; picture < 10; picture++, frozen_us += (int64_t)(rates[i] * 1e6))
            see(&world, (int64_t)(rates[i] * 1e6));
        g_assert_cmpint(world.facts.repeated_us, <=, frozen_us);
        g_assert_cmpint(world.facts.repeated_us, >=, frozen_us - (int64_t)(rates[i] * 1e6));
        picture_watch_free(world.watch);
    }
}

static void test_an_outage_is_no_repeat(void)
{
    struct world world;
    see_the_usual(&world);
    world.is_frozen = true;
    see_for(&world, 5);
    int64_t before_us = world.facts.repeated_us;
    g_assert_cmpint(before_us, >, 4 * G_USEC_PER_SEC);
    out_for(&world, 14); /* no outage for tracks yet */
    g_assert_cmpint(world.facts.repeated_us, <=, before_us + 2 * FRAME_US);
    see_for(&world, 1);
    out_for(&world, OUTAGE_SECONDS);
    g_assert_cmpint(world.facts.repeated_us, <=, before_us + G_USEC_PER_SEC + 4 * FRAME_US);
    see_for(&world, 5);
    g_assert_cmpint(world.facts.repeated_us, >=, before_us + 6 * G_USEC_PER_SEC); /* it goes on, gap or not */
    picture_watch_free(world.watch);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/picture facts/a lens that is covered before an outage stays unusual",
                    test_a_lens_that_is_covered_before_an_outage_stays_unusual);
    g_test_add_func("/picture facts/a lens that is covered in an outage is unusual",
                    test_a_lens_that_is_covered_in_an_outage_is_unusual);
    g_test_add_func("/picture facts/a thing that is left before an outage stands",
                    test_a_thing_that_is_left_before_an_outage_stands);
    g_test_add_func("/picture facts/a thing that is left in an outage stands",
                    test_a_thing_that_is_left_in_an_outage_stands);
    g_test_add_func("/picture facts/key frames make usual what lasts", test_key_frames_make_usual_what_lasts);
    g_test_add_func("/picture facts/what is waited for is not usual before",
                    test_what_is_waited_for_is_not_usual_before);
    g_test_add_func("/picture facts/a look that is waited for is not usual before",
                    test_a_look_that_is_waited_for_is_not_usual_before);
    g_test_add_func("/picture facts/the largest things are told and the others counted",
                    test_the_largest_things_are_told_and_the_others_counted);
    g_test_add_func("/picture facts/repeats last as long as they are seen", test_repeats_last_as_long_as_they_are_seen);
    g_test_add_func("/picture facts/an outage is no repeat", test_an_outage_is_no_repeat);
    return g_test_run();
}
