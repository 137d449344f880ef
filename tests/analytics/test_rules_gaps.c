/* Rules where frames are far apart: what goes on from one to the next, and what an outage ends. */
#include "analytics/rules_world.h"

#include <math.h>

/* Two people in the zone for so long, with the ids `id` and the next. */
static void stand_two(struct world *world, uint64_t id, double seconds)
{
    for (int i = 0; i < seconds * G_USEC_PER_SEC / FRAME_US; i++) {
        struct observed_track tracks[] = {figure(id, 0.4, 0.8), figure(id + 1, 0.6, 0.8)};
        observe(world, tracks, 2);
    }
}

static void check_an_outage_ends_stays(uint64_t id_after, int settle_frames)
{
    struct world world;
    world_init(&world);
    world.settings.rules.settle_frames = settle_frames;
    struct zone *zone = world_zone(&world);
    zone->loitering_seconds = zone->dwell_seconds = zone->queue_seconds = 30;
    zone->queue_limit = 1;
    stand_two(&world, 1, 5);
    wait_for_frame(&world, 60);
    stand_two(&world, id_after, 5);
    g_assert_cmpint(world.signals, ==, 0);
    g_assert_cmpint(world.dwells, ==, 0);
    g_assert_cmpint(world.enters, ==, 4);
    g_assert_cmpint(world.exits, ==, 2);
    g_assert_cmpfloat(fabs(world.exit_seconds - 5), <, 0.3);
    stand_two(&world, id_after, 30); /* who stays on is told of */
    g_assert_cmpint(told(&world, "loitering"), ==, 2);
    g_assert_cmpint(told(&world, "queue_long"), ==, 1);
    g_assert_cmpint(world.dwells, ==, 2);
    g_assert_cmpint(world.enters, ==, 4);
    world_clear(&world);
}

static void test_an_outage_ends_stays(void)
{
    for (int settle_frames = 1; settle_frames <= 2; settle_frames++) {
        check_an_outage_ends_stays(10, settle_frames);
        check_an_outage_ends_stays(1, settle_frames);
    }
}

/* Though it is told later, also where the clock was set meanwhile. */
static void test_an_exit_is_as_of_when_it_was_last_seen(void)
{
    enum { START_MS = 1000000, LAST_SEEN_MS = START_MS + 4900, CLOCK_SET_MS = 3600000 };
    static const struct {
        double outage_seconds, nobody_seconds;
        bool is_dropped; /* the zone is */
    } cases[] = {{60, 1, false}, {0, 3, false}, {0, 1, true}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world;
        world_init(&world);
        world.start_ms = START_MS;
        stand(&world, 1, 0.5, 0.8, 5);
        if (cases[i].outage_seconds > 0) {
            wait_for_frame(&world, cases[i].outage_seconds);
            world.start_ms += CLOCK_SET_MS;
        }
        nobody(&world, cases[i].nobody_seconds);
        if (cases[i].is_dropped)
            world_drop_zone(&world);
        g_assert_cmpint(world.exits, ==, 1);
        g_assert_cmpint(world.exit_ms, ==, LAST_SEEN_MS);
        world_clear(&world);
    }
}

static void check_count(const struct world *world, int index, struct told_count expected)
{
    const struct told_count *count = &world->occupancies[index];
    g_assert_cmpint(index, <, world->occupancy_count);
    g_assert_cmpint(count->at_ms, ==, expected.at_ms);
    g_assert_cmpint(count->count, ==, expected.count);
    g_assert_cmpint(count->entries, ==, expected.entries);
    g_assert_cmpint(count->exits, ==, expected.exits);
}

/* Nobody was there while no picture came: not until the picture after an outage either, which shows somebody at once.
 */
static void test_a_count_is_as_of_the_exits(void)
{
    enum { START_MS = 1000000, LAST_SEEN_MS = START_MS + 4900, CLOCK_SET_MS = 3600000 };
    for (int is_somebody_there = 0; is_somebody_there <= 1; is_somebody_there++) {
        struct world world;
        world_init(&world);
        world.settings.rules.settle_frames = 1;
        world.start_ms = START_MS;
        stand_two(&world, 1, 5);
        wait_for_frame(&world, 30);
        world.start_ms += CLOCK_SET_MS;
        struct observed_track somebody = figure(7, 0.5, 0.8);
        observe(&world, &somebody, is_somebody_there);
        g_assert_cmpint(world.exit_ms, ==, LAST_SEEN_MS);
        check_count(&world, 0, (struct told_count){START_MS, 2, 2, 0});
        check_count(&world, 1, (struct told_count){LAST_SEEN_MS, 0, 0, 2});
        if (is_somebody_there)
            check_count(&world, 2, (struct told_count){LAST_SEEN_MS + 30000 + CLOCK_SET_MS, 1, 1, 0});
        g_assert_cmpint(world.occupancy_count, ==, is_somebody_there ? 3 : 2);
        world_clear(&world);
    }
}

/* Of a zone that is gone, too. */
static void test_a_count_ends_with_its_zone(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 1, 0.5, 0.8, 5);
    nobody(&world, 1);
    world_drop_zone(&world);
    check_count(&world, world.occupancy_count - 1, (struct told_count){4900, 0, 0, 1});
    world_clear(&world);
}

/* Somebody came after who left was seen last, and that was told already. */
static void test_counts_stay_in_their_order(void)
{
    struct world world;
    world_init(&world);
    world.settings.rules.settle_frames = 1;
    stand(&world, 1, 0.3, 0.8, 1);
    nobody(&world, 1);
    stand(&world, 2, 0.75, 0.8, 5);
    g_assert_cmpint(world.exit_ms, ==, 900);
    check_count(&world, 1, (struct told_count){2000, 2, 1, 0});
    check_count(&world, 2, (struct told_count){2000, 1, 0, 1});
    g_assert_cmpint(world.occupancy_count, ==, 3);
    world_clear(&world);
}

/* Nobody knows how many were there meanwhile: those in the first frame after it are a crowd of their own. */
static void test_a_crowd_is_none_over_an_outage(void)
{
    struct world world;
    world_init(&world);
    world.settings.rules.settle_frames = 1;
    struct zone *zone = world_zone(&world);
    zone->crowd_limit = zone->occupancy_limit = 1;
    zone->crowd_seconds = 10;
    stand_two(&world, 1, 5);
    g_assert_cmpint(told(&world, "occupancy_exceeded"), ==, 1);
    wait_for_frame(&world, 30);
    stand_two(&world, 11, 5);
    g_assert_cmpint(told(&world, "crowd"), ==, 0);
    g_assert_cmpint(told(&world, "occupancy_exceeded"), ==, 2);
    stand_two(&world, 11, 6);
    g_assert_cmpint(told(&world, "crowd"), ==, 1);
    g_assert_cmpint(told(&world, "occupancy_exceeded"), ==, 2);
    world_clear(&world);
}

/* However long rules remember who is out of sight while pictures come. */
static void test_no_memory_outlasts_an_outage(void)
{
    for (uint64_t id = 1; id <= 2; id++) {
        struct world world;
        world_init(&world);
        world.settings.rules.memory_seconds = 120;
        stand(&world, 1, 0.5, 0.8, 5);
        wait_for_frame(&world, 30);
        stand(&world, id, 0.5, 0.8, 5);
        g_assert_cmpint(world.enters, ==, 2);
        g_assert_cmpint(world.exits, ==, 1);
        world_clear(&world);
    }
}

/* Shorter than an outage: who was there goes on, but nobody else goes on with its stay. */
static void test_a_gap_passes_a_stay_to_nobody_else(void)
{
    for (uint64_t id = 1; id <= 2; id++) {
        struct world world;
        world_init(&world);
        stand(&world, 1, 0.5, 0.8, 5);
        wait_for_frame(&world, 10);
        stand(&world, id, 0.5, 0.8, 5);
        g_assert_cmpint(world.enters, ==, id == 1 ? 1 : 2);
        g_assert_cmpint(world.exits, ==, id == 1 ? 0 : 1);
        world_clear(&world);
    }
}

static void test_a_line_is_not_crossed_over_an_outage(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 1, 0.5, 0.4, 3);
    wait_for_frame(&world, 60);
    stand(&world, 1, 0.5, 0.7, 3);
    g_assert_cmpint(world.ins, ==, 0);
    world_clear(&world);
}

/* Over the line, into the zone, and away, at so many seconds a frame. */
static void test_slow_frames_count(void)
{
    static const struct {
        double seconds;
        int count;
        double outage_seconds; /* 0: as it is by default */
    } cases[] = {{4, 1, 0}, {10, 1, 0}, {15, 1, 0}, {16, 0, 0}, {30, 1, 60}, {61, 0, 60}, {4, 1, 5}, {6, 0, 5}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world;
        world_init(&world);
        if (cases[i].outage_seconds > 0)
            world.settings.rules.outage_seconds = cases[i].outage_seconds;
        world_zone(&world)->loitering_seconds = 2.5 * cases[i].seconds;
        for (int frame = 0; frame < 12; frame++) {
            struct observed_track track = figure(1, 0.5, fmin(0.3 + 0.07 * frame, 0.8));
            observe(&world, &track, frame < 10);
            wait_for_frame(&world, cases[i].seconds);
        }
        g_assert_cmpint(world.ins, ==, cases[i].count);
        g_assert_cmpint(world.enters, ==, cases[i].count);
        g_assert_cmpint(told(&world, "loitering"), ==, cases[i].count);
        g_assert_cmpint(world.exits, ==, cases[i].count);
        world_clear(&world);
    }
}

/* One frame that shows it not is no leaving, however long after the one before. */
static void test_who_misses_one_slow_frame_is_inside(void)
{
    struct world world;
    world_init(&world);
    for (int frame = 0; frame < 8; frame++) {
        struct observed_track track = figure(1, 0.5, 0.8);
        observe(&world, &track, frame < 5);
        wait_for_frame(&world, 4);
        g_assert_cmpint(world.exits, ==, frame > 5);
    }
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rules/gaps/an outage ends stays", test_an_outage_ends_stays);
    g_test_add_func("/rules/gaps/an exit is as of when it was last seen", test_an_exit_is_as_of_when_it_was_last_seen);
    g_test_add_func("/rules/gaps/a count is as of the exits", test_a_count_is_as_of_the_exits);
    g_test_add_func("/rules/gaps/a count ends with its zone", test_a_count_ends_with_its_zone);
    g_test_add_func("/rules/gaps/counts stay in their order", test_counts_stay_in_their_order);
    g_test_add_func("/rules/gaps/a crowd is none over an outage", test_a_crowd_is_none_over_an_outage);
    g_test_add_func("/rules/gaps/no memory outlasts an outage", test_no_memory_outlasts_an_outage);
    g_test_add_func("/rules/gaps/a gap passes a stay to nobody else", test_a_gap_passes_a_stay_to_nobody_else);
    g_test_add_func("/rules/gaps/a line is not crossed over an outage", test_a_line_is_not_crossed_over_an_outage);
    g_test_add_func("/rules/gaps/slow frames count", test_slow_frames_count);
    g_test_add_func("/rules/gaps/who misses one slow frame is inside", test_who_misses_one_slow_frame_is_inside);
    return g_test_run();
}
