/* Rules where somebody is hidden for longer than they remember who is out of sight, and the tracker has its id yet. */
#include "analytics/rules_world.h"

#include <math.h>

enum { HIDDEN_SECONDS = 5 };

static void test_who_was_hidden_did_not_leave(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->kind = ZONE_INTRUSION;
    stand(&world, 1, 0.5, 0.8, 10);
    hide(&world, 1, 0.5, 0.8, HIDDEN_SECONDS);
    stand(&world, 1, 0.5, 0.8, 10);
    g_assert_cmpint(world.enters, ==, 1);
    g_assert_cmpint(world.exits, ==, 0);
    g_assert_cmpint(told(&world, "intrusion"), ==, 1);
    walk(&world, 1, 0.5, 0.8, 0.5, 0.3, 3);
    g_assert_cmpint(world.exits, ==, 1);
    g_assert_cmpfloat(world.exit_seconds, >, 20 + HIDDEN_SECONDS - 1);
    world_clear(&world);
}

/* Whose id the tracker has given up is not waited for, and is not there meanwhile. */
static void test_a_stay_ends_when_the_tracker_gives_up(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->kind = ZONE_INTRUSION;
    stand(&world, 1, 0.5, 0.8, 10);
    hide(&world, 1, 0.5, 0.8, HIDDEN_SECONDS);
    g_assert_cmpint(world.exits, ==, 0);
    nobody(&world, 0.1);
    g_assert_cmpint(world.exits, ==, 1);
    g_assert_cmpfloat(fabs(world.exit_seconds - 10), <, 0.3); /* as of when it was last seen */
    stand(&world, 1, 0.5, 0.8, 3);                            /* by its looks */
    g_assert_cmpint(world.enters, ==, 2);
    g_assert_cmpint(told(&world, "intrusion"), ==, 2);
    world_clear(&world);
}

static void test_who_was_hidden_goes_on_to_loiter(void)
{
    struct world world;
    world_init(&world);
    struct zone *zone = world_zone(&world);
    zone->loitering_seconds = zone->dwell_seconds = 12;
    stand(&world, 1, 0.5, 0.8, 8);
    hide(&world, 1, 0.5, 0.8, HIDDEN_SECONDS);
    g_assert_cmpint(world.signals + world.dwells, ==, 0); /* nobody sees whether it is there */
    stand(&world, 1, 0.5, 0.8, 1);
    g_assert_cmpint(told(&world, "loitering"), ==, 1);
    g_assert_cmpint(world.dwells, ==, 1);
    stand(&world, 1, 0.5, 0.8, 10);
    g_assert_cmpint(world.signals, ==, 1);
    world_clear(&world);
}

/* Two, one of whom was hidden, are more than one who waits. */
static void test_who_was_hidden_waits_in_the_queue(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->queue_seconds = 12;
    world_zone(&world)->queue_limit = 1;
    for (int i = 0; i < 13 * G_USEC_PER_SEC / FRAME_US; i++) {
        struct observed_track tracks[] = {figure(1, 0.4, 0.8), figure(2, 0.6, 0.8)};
        tracks[0].is_lost = i > 4 * G_USEC_PER_SEC / FRAME_US && i < 9 * G_USEC_PER_SEC / FRAME_US;
        observe(&world, tracks, 2);
    }
    g_assert_cmpint(told(&world, "queue_long"), ==, 1);
    world_clear(&world);
}

static void test_who_was_hidden_is_not_recounted(void)
{
    struct world world;
    world_init(&world);
    world_line(&world)->recount_seconds = 60;
    for (int i = 0; i < 3; i++) {
        walk(&world, 1, 0.5, 0.4, 0.5, 0.7, 3);
        walk(&world, 1, 0.5, 0.7, 0.5, 0.4, 3);
        hide(&world, 1, 0.5, 0.4, HIDDEN_SECONDS);
    }
    g_assert_cmpint(world.ins, ==, 1);
    g_assert_cmpint(world.outs, ==, 1);
    world_clear(&world);
}

static void test_who_crosses_while_hidden_is_counted(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 1, 0.5, 0.4, 3);
    hide(&world, 1, 0.5, 0.45, 3);
    stand(&world, 1, 0.5, 0.7, 3);
    g_assert_cmpint(world.ins, ==, 1);
    world_clear(&world);
}

static void test_a_fall_is_told_once_a_cooldown(void)
{
    struct world world;
    world_init(&world);
    world.camera.rules.fall_seconds = 1;
    for (int i = 0; i < 2; i++) {
        stand(&world, 1, 0.5, 0.8, 2);
        for (int frame = 0; frame < 2 * G_USEC_PER_SEC / FRAME_US; frame++) {
            struct observed_track lying = figure(1, 0.5, 0.8);
            lying.w = HEIGHT;
            lying.h = WIDTH;
            observe(&world, &lying, 1);
        }
        hide(&world, 1, 0.5, 0.8, HIDDEN_SECONDS);
    }
    g_assert_cmpint(told(&world, "fall"), ==, 1);
    world_clear(&world);
}

/* By then anybody may stand there: what is held is held for its own id. */
static void test_nobody_else_goes_on_with_the_stay(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->kind = ZONE_INTRUSION;
    stand(&world, 1, 0.5, 0.8, 10);
    hide(&world, 1, 0.5, 0.8, HIDDEN_SECONDS);
    for (int i = 0; i < 20; i++) {
        struct observed_track tracks[] = {figure(1, 0.5, 0.8), figure(2, 0.5, 0.8)};
        tracks[0].is_lost = true;
        observe(&world, tracks, 2);
    }
    g_assert_cmpint(world.enters, ==, 2);
    g_assert_cmpint(told(&world, "intrusion"), ==, 2);
    g_assert_cmpint(world.exits, ==, 0);
    stand(&world, 2, 0.5, 0.8, 1);
    g_assert_cmpint(world.exits, ==, 1);
    world_clear(&world);
}

static void test_nobody_is_held_over_an_outage(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->kind = ZONE_INTRUSION;
    stand(&world, 1, 0.5, 0.8, 10);
    hide(&world, 1, 0.5, 0.8, HIDDEN_SECONDS);
    wait_for_frame(&world, 16);
    hide(&world, 1, 0.5, 0.8, 1);
    g_assert_cmpint(world.exits, ==, 1);
    g_assert_cmpfloat(fabs(world.exit_seconds - 10), <, 0.3);
    stand(&world, 1, 0.5, 0.8, 1);
    g_assert_cmpint(world.enters, ==, 2);
    g_assert_cmpint(told(&world, "intrusion"), ==, 2);
    world_clear(&world);
}

/* Some frames of `lost` who are hidden, from the id 1 on, and so many others in sight. */
static void fill(struct world *world, int lost, int seen, double seconds)
{
    g_autofree struct observed_track *tracks = g_new0(struct observed_track, (size_t)(lost + seen));
    for (int i = 0; i < lost + seen; i++) {
        tracks[i] = figure((uint64_t)i + 1, 0.5, 0.8);
        tracks[i].is_lost = i < lost;
    }
    for (int i = 0; i < seconds * G_USEC_PER_SEC / FRAME_US; i++)
        observe(world, tracks, lost + seen);
}

/* Places are bounded, and of those who are in sight first. */
static void test_the_hidden_take_no_place_of_those_in_sight(void)
{
    enum { CAME_FIRST = 600, CAME_THEN = WATCH_TRACKS_MAX - WATCH_HELD_MAX };
    struct world world;
    world_init(&world);
    fill(&world, 0, CAME_FIRST, 1);
    fill(&world, CAME_FIRST, 0, HIDDEN_SECONDS);
    g_assert_cmpint(world.exits, ==, CAME_FIRST - WATCH_HELD_MAX);
    fill(&world, CAME_FIRST, CAME_THEN, 1);
    g_assert_cmpint(world.enters, ==, CAME_FIRST + CAME_THEN);
    g_assert_cmpint(world.exits, ==, CAME_FIRST);
    g_assert_cmpint(analytics_shed(world.analytics), ==, 0);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rules/hidden/who was hidden did not leave", test_who_was_hidden_did_not_leave);
    g_test_add_func("/rules/hidden/a stay ends when the tracker gives up", test_a_stay_ends_when_the_tracker_gives_up);
    g_test_add_func("/rules/hidden/who was hidden goes on to loiter", test_who_was_hidden_goes_on_to_loiter);
    g_test_add_func("/rules/hidden/who was hidden waits in the queue", test_who_was_hidden_waits_in_the_queue);
    g_test_add_func("/rules/hidden/who was hidden is not recounted", test_who_was_hidden_is_not_recounted);
    g_test_add_func("/rules/hidden/who crosses while hidden is counted", test_who_crosses_while_hidden_is_counted);
    g_test_add_func("/rules/hidden/a fall is told once a cooldown", test_a_fall_is_told_once_a_cooldown);
    g_test_add_func("/rules/hidden/nobody else goes on with the stay", test_nobody_else_goes_on_with_the_stay);
    g_test_add_func("/rules/hidden/nobody is held over an outage", test_nobody_is_held_over_an_outage);
    g_test_add_func("/rules/hidden/the hidden take no place of those in sight",
                    test_the_hidden_take_no_place_of_those_in_sight);
    return g_test_run();
}
