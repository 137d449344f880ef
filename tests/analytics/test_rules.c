/* Rules about who is where: lines, zones, schedules, crowds, headings and speed. */
#include "analytics/rules_world.h"

#include <math.h>
#include <string.h>

/* ---- N of M, anchors, counting again ---- */

static void test_n_of_m_frames_forgive_a_slip(void)
{
    for (int of = 0; of <= 4; of += 4) {
        struct world world;
        world_init(&world);
        world.settings.rules.settle_frames = 3;
        world.settings.rules.settle_of_frames = of;
        /* in, in, out, in: three of four, never three in a row */
        for (int i = 0; i < 12; i++)
            stand(&world, 1, 0.5, i % 3 == 2 ? 0.3 : 0.8, 0.1);
        g_assert_cmpint(world.enters, ==, of == 4 ? 1 : 0);
        world_clear(&world);
    }
}

static void test_the_anchor_says_where_a_figure_is(void)
{
    static const struct {
        enum anchor anchor;
        int enters, ins;
    } cases[] = {{ANCHOR_BOTTOM, 1, 1}, {ANCHOR_CENTRE, 0, 1}, {ANCHOR_TOP, 0, 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world;
        world_init(&world);
        world_zone(&world)->anchor = world_line(&world)->anchor = cases[i].anchor;
        walk(&world, 1, 0.5, 0.35, 0.5, 0.655, 2);
        stand(&world, 1, 0.5, 0.655, 1);
        g_assert_cmpint(world.enters, ==, cases[i].enters);
        g_assert_cmpint(world.ins, ==, cases[i].ins);
        world_clear(&world);
    }
}

/* Where feet are that the picture's lower edge cuts, by a model that ends the box there and by motion, which completes
 * it. */
static const double cut_feet[] = {0.9999, 1, 1.001, 1.06};

static void test_who_is_cut_by_the_edge_is_in_the_zone_there(void)
{
    static struct record_point whole[] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
    static const double places[][2] = {{0.5, 0.9999}, {0.5, 1}, {0.5, 1.001}, {0.5, 1.06}, {1, 0.5},
                                       {1.02, 0.5},   {0, 0.5}, {-0.02, 0.5}, {1, 1},      {-0.02, 1.06}};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        struct world world;
        world_init(&world);
        world_zone(&world)->kind = ZONE_INTRUSION;
        memcpy(world_zone(&world)->polygon.items, whole, sizeof whole);
        stand(&world, 1, places[i][0], places[i][1], 3);
        if (world.enters != 1 || world.exits != 0 || told(&world, "intrusion") != 1)
            g_error("%g, %g: %d entered, %d left, %d were told", places[i][0], places[i][1], world.enters, world.exits,
                    told(&world, "intrusion"));
        world_clear(&world);
    }
}

static void test_who_is_cut_by_the_top_edge_is_in_the_zone_there(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->anchor = ANCHOR_TOP;
    world_zone(&world)->polygon.items[0].y = world_zone(&world)->polygon.items[1].y = 0;
    stand(&world, 1, 0.5, (HEIGHT - 100.0) / OBSERVATION_BOX_ONE, 3);
    g_assert_cmpint(world.enters, ==, 1);
    world_clear(&world);
}

static void test_a_zone_short_of_the_edge_does_not_reach_it(void)
{
    struct world world;
    world_init(&world); /* its zone ends at 0.9 */
    for (size_t i = 0; i < G_N_ELEMENTS(cut_feet); i++)
        stand(&world, i + 1, 0.5, cut_feet[i], 2);
    g_assert_cmpint(world.enters, ==, 0);
    world_clear(&world);
}

static void test_a_line_to_the_edge_is_crossed_by_who_is_cut_by_it(void)
{
    static const struct {
        struct record_point a, b;
        int crossings;
    } lines[] = {
        {{0.5, 0.3}, {0.5, 1}, 1},
        {{0.5, 1}, {0.5, 0.3}, 1},
        {{0.48, 0.3}, {0.5, 1}, 1},
        {{0.5, 0.3}, {0.5, 0.8}, 0}, /* walked round */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(cut_feet); j++) {
            struct world world;
            world_init(&world);
            world_line(&world)->a = lines[i].a;
            world_line(&world)->b = lines[i].b;
            walk(&world, 1, 0.2, cut_feet[j], 0.8, cut_feet[j], 4);
            if (world.ins + world.outs != lines[i].crossings)
                g_error("line %zu at %g: %d in, %d out", i, cut_feet[j], world.ins, world.outs);
            world_clear(&world);
        }
}

/* Who leaves by the picture's edge crosses a line along it, though the feet are out of the picture by then. */
static void test_a_line_along_the_edge_is_crossed_by_who_leaves(void)
{
    for (int i = 0; i < 2; i++) {
        struct world world;
        world_init(&world);
        world_line(&world)->a = (struct record_point){0.3, i ? 1 : 0.99};
        world_line(&world)->b = (struct record_point){0.7, i ? 1 : 0.99};
        walk(&world, 1, 0.5, 0.7, 0.5, 1.1, 3);
        walk(&world, 2, 0.9, 0.7, 0.9, 1.1, 3); /* beside it */
        g_assert_cmpint(world.ins, ==, 1);
        world_clear(&world);
    }
}

static void test_a_track_is_counted_again_only_after_recount_seconds(void)
{
    static const struct {
        double recount_seconds;
        int ins;
    } cases[] = {{0, 3}, {5, 2}, {100, 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world;
        world_init(&world);
        world_line(&world)->recount_seconds = cases[i].recount_seconds;
        for (int j = 0; j < 3; j++) {
            walk(&world, 1, 0.5, 0.3, 0.5, 0.75, 2);
            walk(&world, 1, 0.5, 0.75, 0.5, 0.3, 1);
        }
        g_assert_cmpint(world.ins, ==, cases[i].ins);
        world_clear(&world);
    }
}

static void test_an_id_switch_while_standing_on_the_line_counts_once(void)
{
    struct world world;
    world_init(&world);
    walk(&world, 1, 0.5, 0.3, 0.5, 0.5, 2);
    for (uint64_t id = 2; id < 6; id++) {
        stand(&world, id, 0.5, 0.5 + (id % 2 ? 0.004 : -0.004), 1);
        nobody(&world, 0.3);
    }
    walk(&world, 6, 0.5, 0.5, 0.5, 0.8, 2);
    g_assert_cmpint(world.ins, ==, 1);
    g_assert_cmpint(world.outs, ==, 0);
    world_clear(&world);
}

/* ---- schedules ---- */

static void add_window(struct record_list *schedule, const char *days, const char *from, const char *to)
{
    struct schedule_window *window = record_list_append(schedule, &schedule_window_descriptor);
    g_free(window->from);
    g_free(window->to);
    window->from = g_strdup(from);
    window->to = g_strdup(to);
    window->days.items = g_strsplit(days, " ", -1);
    window->days.count = *days ? g_strv_length(window->days.items) : 0;
}

static void test_a_schedule_knows_weekdays_midnight_and_time_zones(void)
{
    static const struct {
        const char *days, *from, *to, *zone, *at;
        bool is_active;
    } cases[] = {
        {"", "22:00", "06:00", "", "2026-11-20T21:59:59Z", false},
        {"", "22:00", "06:00", "", "2026-11-20T22:00:00Z", true},
        {"", "22:00", "06:00", "", "2026-11-21T05:59:59Z", true},
        {"", "22:00", "06:00", "", "2026-11-21T06:00:00Z", false},
        /* friday's night ends on saturday morning; saturday's is no night of the schedule */
        {"fri", "22:00", "06:00", "", "2026-11-20T23:00:00Z", true},
        {"fri", "22:00", "06:00", "", "2026-11-21T03:00:00Z", true},
        {"fri", "22:00", "06:00", "", "2026-11-20T03:00:00Z", false},
        {"fri", "22:00", "06:00", "", "2026-11-21T23:00:00Z", false},
        /* sunday's night runs into monday, over the end of the week */
        {"sun", "22:00", "06:00", "", "2026-11-23T03:00:00Z", true},
        {"mon tue", "00:00", "24:00", "", "2026-11-24T23:59:00Z", true},
        {"mon tue", "00:00", "24:00", "", "2026-11-25T00:00:00Z", false},
        /* 22:30 in Berlin: an hour before UTC's in winter, two in summer */
        {"", "22:00", "23:00", "Europe/Berlin", "2026-11-20T21:30:00Z", true},
        {"", "22:00", "23:00", "Europe/Berlin", "2026-07-20T20:30:00Z", true},
        {"", "22:00", "23:00", "Europe/Berlin", "2026-07-20T21:30:00Z", false},
        /* the night the clocks go back: 02:30 comes twice, and both are in the window */
        {"sun", "02:00", "03:00", "Europe/Berlin", "2026-10-25T00:30:00Z", true},
        {"sun", "02:00", "03:00", "Europe/Berlin", "2026-10-25T01:30:00Z", true},
        {"sun", "02:00", "03:00", "Europe/Berlin", "2026-10-25T02:30:00Z", false},
        /* half past ten in the evening there is the next day's morning in UTC */
        {"fri", "22:00", "23:00", "America/New_York", "2026-11-21T03:30:00Z", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct record_list windows = {0};
        struct schedule schedule;
        int64_t at_ms;
        add_window(&windows, cases[i].days, cases[i].from, cases[i].to);
        schedule_init(&schedule, &windows, cases[i].zone);
        g_assert_true(record_parse_time(cases[i].at, &at_ms));
        if (schedule_is_active(&schedule, at_ms) != cases[i].is_active)
            g_error("case %zu (%s %s-%s %s at %s) is wrong", i, cases[i].days, cases[i].from, cases[i].to,
                    cases[i].zone, cases[i].at);
        schedule_clear(&schedule);
        record_clear(&schedule_window_descriptor, windows.items);
        g_free(windows.items);
    }
}

static void test_intrusion_obeys_schedule_and_class(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->kind = ZONE_INTRUSION;
    add_window(&world_zone(&world)->schedule, "", "22:00", "06:00");
    record_parse_time("2026-11-20T21:59:55Z", &world.start_ms);
    stand(&world, 1, 0.5, 0.8, 3);
    g_assert_cmpint(world.signals, ==, 0);
    g_assert_cmpint(world.enters, ==, 1); /* it is counted all the same */
    stand(&world, 1, 0.5, 0.8, 3);        /* is still there when the night begins */
    g_assert_cmpint(told(&world, "intrusion"), ==, 1);
    world_clear(&world);

    world_init(&world);
    world_zone(&world)->kind = ZONE_RESTRICTED;
    world_zone(&world)->classes.items = g_strsplit("car", " ", -1);
    world_zone(&world)->classes.count = 1;
    stand(&world, 1, 0.5, 0.8, 3);
    g_assert_cmpint(world.signals, ==, 0);
    world_clear(&world);
}

/* ---- loitering, crowd, queue, occupancy ---- */

static void test_loitering_adds_up_stays_and_is_told_once(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->loitering_seconds = 10;
    stand(&world, 1, 0.5, 0.8, 6);
    stand(&world, 1, 0.5, 0.55, 5); /* a step out of the zone */
    g_assert_cmpint(world.signals, ==, 0);
    stand(&world, 1, 0.5, 0.8, 6);
    g_assert_cmpint(told(&world, "loitering"), ==, 1);
    stand(&world, 1, 0.5, 0.8, 200);
    g_assert_cmpint(told(&world, "loitering"), ==, 1);
    walk(&world, 2, 0.5, 0.3, 0.5, 0.95, 9); /* who only walks through does not loiter */
    g_assert_cmpint(told(&world, "loitering"), ==, 1);
    world_clear(&world);
}

static void test_a_crowd_lasts_and_has_hysteresis(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->crowd_limit = 4;
    world_zone(&world)->crowd_seconds = 5;
    world_zone(&world)->hysteresis = 2;
    crowd(&world, 5, 3); /* not long enough */
    crowd(&world, 2, 3);
    g_assert_cmpint(world.signals, ==, 0);
    crowd(&world, 5, 8);
    g_assert_cmpint(told(&world, "crowd"), ==, 1);
    for (int i = 0; i < 4; i++) { /* to and fro around the limit is one crowd */
        crowd(&world, 4, 2);
        crowd(&world, 5, 8);
    }
    g_assert_cmpint(told(&world, "crowd"), ==, 1);
    crowd(&world, 3, 2);
    crowd(&world, 5, 8);
    g_assert_cmpint(told(&world, "crowd"), ==, 2);
    world_clear(&world);
}

static void test_a_queue_is_who_waits_not_who_passes(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->queue_limit = 2;
    world_zone(&world)->queue_seconds = 5;
    for (int i = 0; i < 5; i++) {
        crowd(&world, 6, 3);
        crowd(&world, 0, 1);
    }
    g_assert_cmpint(world.signals, ==, 0);
    crowd(&world, 3, 8);
    g_assert_cmpint(told(&world, "queue_long"), ==, 1);
    g_assert_nonnull(strstr(world.told[0].attributes, "\"length\":3"));
    world_clear(&world);
}

static void test_limits_have_hysteresis(void)
{
    g_assert_true(limit_is_exceeded(false, 6, 5, 2));
    g_assert_false(limit_is_exceeded(false, 5, 5, 2));
    g_assert_true(limit_is_exceeded(true, 5, 5, 2));
    g_assert_false(limit_is_exceeded(true, 4, 5, 2));
    g_assert_false(limit_is_exceeded(true, 0, 1, 9)); /* nobody is never too many */
}

/* ---- wrong direction ---- */

static void test_the_wrong_way_over_a_line_is_told(void)
{
    struct world world;
    world_init(&world);
    world_line(&world)->allowed = LINE_ALLOWED_IN;
    walk(&world, 1, 0.5, 0.3, 0.5, 0.8, 2);
    g_assert_cmpint(world.signals, ==, 0);
    walk(&world, 2, 0.5, 0.8, 0.5, 0.3, 2);
    g_assert_cmpint(told(&world, "wrong_direction"), ==, 1);
    g_assert_cmpstr(world.told[0].place, ==, "door");
    world_clear(&world);
}

/* The cooldown is a minute; it is each track's own. */
static void test_who_paces_over_a_line_is_told_once_a_cooldown(void)
{
    struct world world;
    world_init(&world);
    world_line(&world)->allowed = LINE_ALLOWED_IN;
    for (int i = 0; i < 10; i++) { /* 50 s */
        walk(&world, 1, 0.5, 0.8, 0.5, 0.3, 2.5);
        walk(&world, 1, 0.5, 0.3, 0.5, 0.8, 2.5);
    }
    g_assert_cmpint(world.outs, ==, 10);
    g_assert_cmpint(told(&world, "wrong_direction"), ==, 1);
    nobody(&world, 5);
    walk(&world, 2, 0.5, 0.8, 0.5, 0.3, 2.5);
    g_assert_cmpint(told(&world, "wrong_direction"), ==, 2);
    for (int i = 0; i < 15; i++) {
        walk(&world, 2, 0.5, 0.3, 0.5, 0.8, 2.5);
        walk(&world, 2, 0.5, 0.8, 0.5, 0.3, 2.5);
    }
    g_assert_cmpint(told(&world, "wrong_direction"), ==, 3);
    world_clear(&world);
}

/* How long a way is counted once for says nothing of how often the wrong one is told. */
static void test_the_wrong_way_is_told_again_though_it_is_counted_once(void)
{
    struct world world;
    world_init(&world);
    world_line(&world)->allowed = LINE_ALLOWED_IN;
    world_line(&world)->recount_seconds = 86400;
    for (int i = 0; i < 2; i++) {
        walk(&world, 1, 0.5, 0.8, 0.5, 0.3, 2.5);
        walk(&world, 1, 0.5, 0.3, 0.5, 0.8, 2.5);
        stand(&world, 1, 0.5, 0.8, 120);
    }
    g_assert_cmpint(world.outs, ==, 1);
    g_assert_cmpint(world.ins, ==, 1);
    g_assert_cmpint(told(&world, "wrong_direction"), ==, 2);
    world_clear(&world);
}

static void test_the_wrong_heading_in_a_zone_is_told(void)
{
    static const struct {
        double heading, x0, x1;
        int count;
    } cases[] = {
        {0, 0.25, 0.75, 0}, {0, 0.75, 0.25, 1}, {180, 0.75, 0.25, 0}, {90, 0.25, 0.75, 0}, {359, 0.25, 0.75, 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world;
        world_init(&world);
        world_zone(&world)->allowed_heading = (struct record_optional){true, cases[i].heading};
        walk(&world, 1, cases[i].x0, 0.8, cases[i].x1, 0.8, 5);
        g_assert_cmpint(told(&world, "wrong_direction"), ==, cases[i].count);
        world_clear(&world);
    }
    struct world world;
    world_init(&world);
    world_zone(&world)->allowed_heading = (struct record_optional){true, 0};
    for (int i = 0; i < 100; i++) /* shaking is no way */
        stand(&world, 1, i % 2 ? 0.49 : 0.51, 0.8, 0.1);
    g_assert_cmpint(world.signals, ==, 0);
    world_clear(&world);
}

/* ---- the ground, and speed on it ---- */

/* A pinhole camera 5 m above the ground, pitched down: where a place `ahead` and `aside` of it is in the picture. */
static struct record_point see_ground(double aside, double ahead)
{
    const double height = 5, pitch = 0.5, focal = 0.9;
    double depth = ahead * cos(pitch) + height * sin(pitch), down = height * cos(pitch) - ahead * sin(pitch);
    return (struct record_point){0.5 + focal * aside / depth, 0.5 + focal * down / depth};
}

static void calibrate(struct camera_rules *camera_rules)
{
    const struct record_point metres[] = {{-3, 6}, {3, 6}, {4, 14}, {-4, 14}};
    camera_rules->calibration_image.items = g_new(struct record_point, 4);
    camera_rules->calibration_image.count = camera_rules->calibration_ground.count = 4;
    camera_rules->calibration_ground.items = g_memdup2(metres, sizeof metres);
    for (int i = 0; i < 4; i++)
        camera_rules->calibration_image.items[i] = see_ground(metres[i].x, metres[i].y);
}

static void test_four_points_give_every_place_on_the_ground(void)
{
    struct camera camera;
    struct ground ground;
    record_init(&camera_descriptor, &camera);
    calibrate(&camera.rules);
    ground_init(&ground, &camera.rules);
    g_assert_true(ground.is_calibrated);
    for (double ahead = 5; ahead < 20; ahead += 0.5)
        for (double aside = -5; aside <= 5; aside += 0.5) {
            struct record_point found;
            g_assert_true(ground_point(&ground, see_ground(aside, ahead), 1, &found));
            g_assert_cmpfloat_with_epsilon(found.x, aside, 1e-9);
            g_assert_cmpfloat_with_epsilon(found.y, ahead, 1e-9);
        }
    record_clear(&camera_descriptor, &camera);
}

static void test_an_uncalibrated_camera_measures_frame_widths(void)
{
    struct camera camera;
    struct ground ground;
    record_init(&camera_descriptor, &camera);
    ground_init(&ground, &camera.rules);
    struct record_point found;
    g_assert_true(ground_point(&ground, (struct record_point){0.5, 1}, 9 / 16.0, &found));
    g_assert_cmpfloat(found.x, ==, 0.5);
    g_assert_cmpfloat(found.y, ==, 9 / 16.0);
    record_clear(&camera_descriptor, &camera);
}

/* Walks away from the calibrated camera at a speed in m/s through a zone that is the whole picture. */
static int speeding_at(double speed, double limit)
{
    static const struct record_point all[] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
    struct world world;
    world_init(&world);
    calibrate(&world.camera.rules);
    memcpy(world_zone(&world)->polygon.items, all, sizeof all);
    world_zone(&world)->speed_limit = limit;
    for (int i = 0; i < 40; i++) {
        struct record_point place = see_ground(1, 8 + speed * i * FRAME_US / G_USEC_PER_SEC);
        struct observed_track track = figure(1, place.x, place.y);
        observe(&world, &track, 1);
    }
    int count = told(&world, "speeding");
    world_clear(&world);
    return count;
}

static void test_speed_is_measured_in_metres(void)
{
    g_assert_cmpint(speeding_at(1.8, 2), ==, 0);
    g_assert_cmpint(speeding_at(2.2, 2), ==, 1);
    g_assert_cmpint(speeding_at(0, 0.2), ==, 0);
}

/* A bird, or feet that a figure's legs hide: the horizon is at 0.0083 of the picture's height. */
static void test_nobody_is_fast_at_the_horizon(void)
{
    static const struct record_point all[] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
    static const double heights[] = {0.002, 0.0083, 0.016, 0.009, 0.0};
    struct world world;
    world_init(&world);
    calibrate(&world.camera.rules);
    memcpy(world_zone(&world)->polygon.items, all, sizeof all);
    world_zone(&world)->speed_limit = 2;
    for (int i = 0; i < 100; i++) { /* and comes from there to the ground, and goes back, again and again */
        struct record_point place = i / 10 % 2 ? see_ground(1, 8) : (struct record_point){0.5, heights[i % 5]};
        struct observed_track track = figure(1, place.x, place.y);
        observe(&world, &track, 1);
    }
    g_assert_cmpint(told(&world, "speeding"), ==, 0);
    world_clear(&world);
}

static void test_an_id_switch_is_no_speed(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->speed_limit = 0.05;
    for (uint64_t id = 1; id < 20; id++) /* each takes over a step aside */
        stand(&world, id, id % 2 ? 0.48 : 0.52, 0.8, 0.8);
    g_assert_cmpint(told(&world, "speeding"), ==, 0);
    world_clear(&world);
}

/* ---- what config check says ---- */

static void test_settings_of_rules_are_checked(void)
{
#define CAMERA(rules, zone) "{\"id\":\"c\",\"source\":\"s\",\"rules\":{" rules "},\"zones\":[" zone "]}"
    static const struct {
        const char *json, *error; /* NULL: it is fine */
    } cases[] = {
        {CAMERA("\"calibration_image\":[[0.2,0.9],[0.8,0.9],[0.7,0.4],[0.3,0.4]],"
                "\"calibration_ground\":[[0,0],[4,0],[4,10],[0,10]]",
                ""),
         NULL},
        {CAMERA("\"calibration_image\":[[0.2,0.9],[0.8,0.9],[0.7,0.4]],"
                "\"calibration_ground\":[[0,0],[4,0],[4,10],[0,10]]",
                ""),
         "rules.calibration_image: has 3 points: calibration needs four"},
        {CAMERA("\"calibration_image\":[[0.2,0.9],[0.8,0.9],[0.7,0.4],[0.3,0.4]]", ""),
         "rules.calibration_ground: has 0 points"},
        /* three on a line */
        {CAMERA("\"calibration_image\":[[0.2,0.9],[0.5,0.9],[0.8,0.9],[0.3,0.4]],"
                "\"calibration_ground\":[[0,0],[4,0],[4,10],[0,10]]",
                ""),
         "rules.calibration_image: is degenerate"},
        /* two in one place */
        {CAMERA("\"calibration_image\":[[0.2,0.9],[0.8,0.9],[0.7,0.4],[0.3,0.4]],"
                "\"calibration_ground\":[[0,0],[4,0],[4,0],[0,10]]",
                ""),
         "rules.calibration_ground: is degenerate"},
        /* crossed over, and with a dent */
        {CAMERA("\"calibration_image\":[[0.2,0.9],[0.7,0.4],[0.8,0.9],[0.3,0.4]],"
                "\"calibration_ground\":[[0,0],[4,0],[4,10],[0,10]]",
                ""),
         "rules.calibration_image: is degenerate"},
        {CAMERA("\"calibration_image\":[[0.2,0.9],[0.8,0.9],[0.4,0.8],[0.3,0.4]],"
                "\"calibration_ground\":[[0,0],[4,0],[4,10],[0,10]]",
                ""),
         "rules.calibration_image: is degenerate"},
        {CAMERA("\"time_zone\":\"Mars/Olympus\"", ""), "rules.time_zone: Mars/Olympus: is not known here"},
        {CAMERA("", "{\"id\":\"z\",\"polygon\":[[0,0],[1,0],[1,1]],\"schedule\":[{\"from\":\"25:00\"}]}"),
         "zones[0].schedule[0].from: 25:00: must be a time of day"},
        {CAMERA("", "{\"id\":\"z\",\"polygon\":[[0,0],[1,0],[1,1]],\"schedule\":[{\"days\":[\"mo\"]}]}"),
         "zones[0].schedule[0].days[0]: mo: must be one of"},
        {CAMERA("", "{\"id\":\"z\",\"polygon\":[[0,0],[1,0],[1,1]],\"allowed_heading\":400}"),
         "zones[0].allowed_heading: 400: must be between 0 and 360"},
    };
#undef CAMERA
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct camera camera;
        struct record_errors errors;
        g_autoptr(GError) error = NULL;
        record_errors_init(&errors);
        bool is_good = record_decode_json(&camera_descriptor, cases[i].json, strlen(cases[i].json), &camera, &errors);
        if (is_good)
            record_clear(&camera_descriptor, &camera);
        else
            record_errors_to_gerror(&errors, &error);
        if (is_good ? cases[i].error != NULL : !cases[i].error || !strstr(error->message, cases[i].error))
            g_error("case %zu: %s", i, error ? error->message : "was taken");
        record_errors_clear(&errors);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rules/N of M frames forgive a slip", test_n_of_m_frames_forgive_a_slip);
    g_test_add_func("/rules/the anchor says where a figure is", test_the_anchor_says_where_a_figure_is);
    g_test_add_func("/rules/who is cut by the edge is in the zone there",
                    test_who_is_cut_by_the_edge_is_in_the_zone_there);
    g_test_add_func("/rules/who is cut by the top edge is in the zone there",
                    test_who_is_cut_by_the_top_edge_is_in_the_zone_there);
    g_test_add_func("/rules/a zone short of the edge does not reach it",
                    test_a_zone_short_of_the_edge_does_not_reach_it);
    g_test_add_func("/rules/a line to the edge is crossed by who is cut by it",
                    test_a_line_to_the_edge_is_crossed_by_who_is_cut_by_it);
    g_test_add_func("/rules/a line along the edge is crossed by who leaves",
                    test_a_line_along_the_edge_is_crossed_by_who_leaves);
    g_test_add_func("/rules/a track is counted again only after recount_seconds",
                    test_a_track_is_counted_again_only_after_recount_seconds);
    g_test_add_func("/rules/an id switch while standing on the line counts once",
                    test_an_id_switch_while_standing_on_the_line_counts_once);
    g_test_add_func("/rules/a schedule knows weekdays, midnight and time zones",
                    test_a_schedule_knows_weekdays_midnight_and_time_zones);
    g_test_add_func("/rules/intrusion obeys schedule and class", test_intrusion_obeys_schedule_and_class);
    g_test_add_func("/rules/loitering adds up stays and is told once", test_loitering_adds_up_stays_and_is_told_once);
    g_test_add_func("/rules/a crowd lasts and has hysteresis", test_a_crowd_lasts_and_has_hysteresis);
    g_test_add_func("/rules/a queue is who waits, not who passes", test_a_queue_is_who_waits_not_who_passes);
    g_test_add_func("/rules/limits have hysteresis", test_limits_have_hysteresis);
    g_test_add_func("/rules/the wrong way over a line is told", test_the_wrong_way_over_a_line_is_told);
    g_test_add_func("/rules/who paces over a line is told once a cooldown",
                    test_who_paces_over_a_line_is_told_once_a_cooldown);
    g_test_add_func("/rules/the wrong way is told again though it is counted once",
                    test_the_wrong_way_is_told_again_though_it_is_counted_once);
    g_test_add_func("/rules/the wrong heading in a zone is told", test_the_wrong_heading_in_a_zone_is_told);
    g_test_add_func("/rules/four points give every place on the ground",
                    test_four_points_give_every_place_on_the_ground);
    g_test_add_func("/rules/an uncalibrated camera measures frame widths",
                    test_an_uncalibrated_camera_measures_frame_widths);
    g_test_add_func("/rules/speed is measured in metres", test_speed_is_measured_in_metres);
    g_test_add_func("/rules/nobody is fast at the horizon", test_nobody_is_fast_at_the_horizon);
    g_test_add_func("/rules/an id switch is no speed", test_an_id_switch_is_no_speed);
    g_test_add_func("/rules/settings of rules are checked", test_settings_of_rules_are_checked);
    return g_test_run();
}
