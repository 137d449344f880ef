/* "Nothing to do" against "stuck", stage by stage, from counters and times alone. */
#include "hub/progress.h"

#include <glib.h>
#include <string.h>

enum { SECOND_US = 1000000 };

static const struct progress_settings deadlines = {15, 10, 20, 30};

struct world {
    struct progress progress;
    struct camera_health health;
    int64_t now_us;
};

static struct world begin(void)
{
    return (struct world){.health = {.state = (char *)"online"}, .now_us = 5000 * (int64_t)SECOND_US};
}

/* Looks once a second; `step` moves the counters before each look. Returns the stages that changed. */
static unsigned pass(struct world *world, int seconds, void (*step)(struct camera_health *health))
{
    unsigned changed = 0;
    for (int i = 0; i < seconds; i++) {
        if (step)
            step(&world->health);
        changed |= progress_look(&world->progress, &world->health, &deadlines, world->now_us);
        world->now_us += SECOND_US;
    }
    return changed;
}

static void assert_stalled(struct world *world, const char *expected)
{
    struct camera_health told = {0};
    progress_describe(&world->progress, world->now_us, &told);
    g_assert_cmpstr(told.stalled, ==, expected);
    g_assert_true((told.frames_stalled_seconds > 0) == (strstr(expected, "frames") != NULL));
    g_assert_true((told.analyses_stalled_seconds > 0) == (strstr(expected, "analyses") != NULL));
    g_assert_true((told.records_stalled_seconds > 0) == (strstr(expected, "records") != NULL));
    g_assert_true((told.deliveries_stalled_seconds > 0) == (strstr(expected, "deliveries") != NULL));
    g_free(told.stalled);
}

/* A quiet camera: frames come and are analysed, nothing happens in them. */
static void quiet(struct camera_health *health)
{
    health->frames_decoded += 25;
    health->frames_processed += 5;
    health->frame_age_ms = 0;
}

static void test_a_quiet_camera_is_not_stuck(void)
{
    struct world world = begin();
    g_assert_cmpuint(pass(&world, 3600, quiet), ==, 0);
    assert_stalled(&world, "");
}

static void test_frames_that_do_not_come(void)
{
    struct world world = begin();
    pass(&world, 60, quiet);
    g_assert_cmpuint(pass(&world, 14, NULL), ==, 0);
    g_assert_cmpuint(pass(&world, 2, NULL), ==, 1U << PROGRESS_FRAMES);
    assert_stalled(&world, "frames");
    g_assert_cmpuint(pass(&world, 100, NULL), ==, 0); /* told once */
    g_assert_cmpuint(pass(&world, 1, quiet), ==, 1U << PROGRESS_FRAMES);
    assert_stalled(&world, "");
}

static void test_frames_that_never_came(void)
{
    struct world world = begin();
    world.health.state = (char *)"connecting";
    g_assert_cmpuint(pass(&world, 15, NULL), ==, 0);
    g_assert_cmpuint(pass(&world, 1, NULL), ==, 1U << PROGRESS_FRAMES);
}

static void test_a_file_that_has_ended_has_no_more_frames(void)
{
    struct world world = begin();
    pass(&world, 5, quiet);
    world.health.state = (char *)"ended";
    g_assert_cmpuint(pass(&world, 1000, NULL), ==, 0);
}

/* `decode: auto` leaves pictures out while nothing moves: they came all the same. */
static void skip_packets(struct camera_health *health)
{
    health->packets_skipped_quiet += 25;
}

static void test_frames_left_out_came(void)
{
    struct world world = begin();
    g_assert_cmpuint(pass(&world, 100, skip_packets), ==, 0);
}

static void hang_analysis(struct camera_health *health)
{
    health->frames_decoded += 25;
    health->frame_age_ms += 1000;
}

static void test_analyses_that_hang(void)
{
    struct world world = begin();
    pass(&world, 20, quiet);
    g_assert_cmpuint(pass(&world, 9, hang_analysis), ==, 0);
    g_assert_cmpuint(pass(&world, 2, hang_analysis), ==, 1U << PROGRESS_ANALYSES);
    assert_stalled(&world, "analyses");
    g_assert_cmpuint(pass(&world, 1, quiet), ==, 1U << PROGRESS_ANALYSES);
}

/* Late, but moving: overload is the governor's, not a stall. */
static void analyse_slowly(struct camera_health *health)
{
    health->frames_decoded += 25;
    health->frames_processed += 1;
    health->frame_age_ms = 900;
}

static void test_slow_analyses_move(void)
{
    struct world world = begin();
    g_assert_cmpuint(pass(&world, 1000, analyse_slowly), ==, 0);
}

static void make_records(struct camera_health *health)
{
    quiet(health);
    health->records_made += 2;
}

static void acknowledge(struct camera_health *health)
{
    quiet(health);
    health->records_acknowledged = health->records_made - health->records_dropped;
}

static void test_records_nobody_takes_over(void)
{
    struct world world = begin();
    pass(&world, 20, quiet);
    g_assert_cmpuint(pass(&world, 19, make_records), ==, 0);
    g_assert_cmpuint(pass(&world, 2, make_records), ==, 1U << PROGRESS_RECORDS);
    assert_stalled(&world, "records");
    g_assert_cmpuint(pass(&world, 1, acknowledge), ==, 1U << PROGRESS_RECORDS);
    g_assert_cmpuint(pass(&world, 1000, quiet), ==, 0);
}

static void test_one_record_is_enough_and_dropped_ones_do_not_wait(void)
{
    struct world world = begin();
    pass(&world, 1, quiet);
    world.health.records_made = 1;
    g_assert_cmpuint(pass(&world, 30, quiet), ==, 1U << PROGRESS_RECORDS);
    world.health.records_dropped = 1;
    g_assert_cmpuint(pass(&world, 1, quiet), ==, 1U << PROGRESS_RECORDS);
    assert_stalled(&world, "");
}

static void receive(struct camera_health *health)
{
    quiet(health);
    health->records_received += 3;
}

static void deliver_some(struct camera_health *health)
{
    quiet(health);
    health->records_stored = MIN(health->records_stored + 1, health->records_received);
}

static void test_deliveries_that_do_not_arrive(void)
{
    struct world world = begin();
    pass(&world, 1, quiet);
    g_assert_cmpuint(pass(&world, 29, receive), ==, 0);
    g_assert_cmpuint(pass(&world, 3, receive), ==, 1U << PROGRESS_DELIVERIES);
    assert_stalled(&world, "deliveries");
    /* a backlog that drains slowly moves, until it is gone */
    g_assert_cmpuint(pass(&world, 200, deliver_some), ==, 1U << PROGRESS_DELIVERIES);
    assert_stalled(&world, "");
}

static void test_a_new_worker_counts_from_zero(void)
{
    struct world world = begin();
    pass(&world, 100, quiet);
    world.health.frames_decoded = world.health.frames_processed = 0; /* it died */
    g_assert_cmpuint(pass(&world, 10, NULL), ==, 0);
    g_assert_cmpuint(pass(&world, 100, quiet), ==, 0);
    /* one that dies again and again without a frame is stuck all the same */
    world.health.frames_decoded = 0;
    g_assert_cmpuint(pass(&world, 16, NULL), ==, 1U << PROGRESS_FRAMES);
}

/* It is asked for a picture each 100 s, answers each time, and then no more. */
static void test_pictures_asked_for_seldom_are_no_stall(void)
{
    enum { INTERVAL_SECONDS = 100, DEADLINE_SECONDS = PROGRESS_PICTURE_INTERVALS * INTERVAL_SECONDS };
    struct world world = begin();
    world.health.picture_interval_seconds = INTERVAL_SECONDS;
    g_assert_cmpfloat(progress_longest_seconds(&world.progress, &deadlines), ==, 30);
    for (int i = 0; i < 10; i++) {
        g_assert_cmpuint(pass(&world, 1, quiet), ==, 0);
        g_assert_cmpuint(pass(&world, INTERVAL_SECONDS - 1, NULL), ==, 0);
    }
    g_assert_cmpfloat(progress_longest_seconds(&world.progress, &deadlines), ==, DEADLINE_SECONDS);
    g_assert_cmpuint(pass(&world, DEADLINE_SECONDS - INTERVAL_SECONDS, NULL), ==, 0);
    g_assert_cmpuint(pass(&world, 1, NULL), ==, 1U << PROGRESS_FRAMES);
}

static void test_a_short_interval_shortens_no_deadline(void)
{
    struct world world = begin();
    world.health.picture_interval_seconds = 1;
    pass(&world, 60, quiet);
    g_assert_cmpuint(pass(&world, 14, NULL), ==, 0);
    g_assert_cmpuint(pass(&world, 2, NULL), ==, 1U << PROGRESS_FRAMES);
}

static void test_a_frozen_worker_is_named_by_its_frames(void)
{
    struct world world = begin();
    pass(&world, 10, quiet);
    world.health.records_made = 1; /* on its way when it froze */
    g_assert_cmpuint(pass(&world, 30, NULL), ==, 1U << PROGRESS_FRAMES | 1U << PROGRESS_RECORDS);
    assert_stalled(&world, "frames, records");
}

static void test_a_deadline_of_zero_is_none(void)
{
    static const struct progress_settings none = {0};
    struct progress progress = {0};
    struct camera_health health = {
        .frame_age_ms = 1, .records_made = 1, .records_received = 1, .picture_interval_seconds = 1};
    for (int64_t now_us = 0; now_us < INT64_C(100000) * SECOND_US; now_us += INT64_C(1000) * SECOND_US)
        g_assert_cmpuint(progress_look(&progress, &health, &none, now_us), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/progress/a quiet camera is not stuck", test_a_quiet_camera_is_not_stuck);
    g_test_add_func("/progress/frames that do not come", test_frames_that_do_not_come);
    g_test_add_func("/progress/frames that never came", test_frames_that_never_came);
    g_test_add_func("/progress/a file that has ended has no more frames",
                    test_a_file_that_has_ended_has_no_more_frames);
    g_test_add_func("/progress/frames left out came", test_frames_left_out_came);
    g_test_add_func("/progress/analyses that hang", test_analyses_that_hang);
    g_test_add_func("/progress/slow analyses move", test_slow_analyses_move);
    g_test_add_func("/progress/records nobody takes over", test_records_nobody_takes_over);
    g_test_add_func("/progress/one record is enough, and dropped ones do not wait",
                    test_one_record_is_enough_and_dropped_ones_do_not_wait);
    g_test_add_func("/progress/deliveries that do not arrive", test_deliveries_that_do_not_arrive);
    g_test_add_func("/progress/a new worker counts from zero", test_a_new_worker_counts_from_zero);
    g_test_add_func("/progress/pictures asked for seldom are no stall", test_pictures_asked_for_seldom_are_no_stall);
    g_test_add_func("/progress/a short interval shortens no deadline", test_a_short_interval_shortens_no_deadline);
    g_test_add_func("/progress/a frozen worker is named by its frames", test_a_frozen_worker_is_named_by_its_frames);
    g_test_add_func("/progress/a deadline of zero is none", test_a_deadline_of_zero_is_none);
    return g_test_run();
}
