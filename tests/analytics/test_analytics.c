#include "analytics/analytics.h"

#include <string.h>

/* A camera with a line across the middle ("in" is downwards) and a zone below it. */
static void make_camera(struct camera *camera, enum zone_kind kind, int occupancy_limit)
{
    static const struct record_point corners[] = {{0.2, 0.6}, {0.8, 0.6}, {0.8, 0.9}, {0.2, 0.9}};
    record_init(&camera_descriptor, camera);
    struct line *line = record_list_append(&camera->lines, &line_descriptor);
    line->id = g_strdup("door");
    line->a = (struct record_point){0.3, 0.5};
    line->b = (struct record_point){0.7, 0.5};
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup("shelf");
    zone->kind = kind;
    zone->dwell_seconds = 2;
    zone->occupancy_limit = occupancy_limit;
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
}

/* What the rules told. */
struct told {
    int ins, outs, enters, exits, dwells, signals, logs, last_count;
    char last_signal[32];
};

static void on_emit(void *data, enum event_type type, void *record)
{
    struct told *told = data;
    if (type == EVENT_LINE_CROSSING)
        *(((struct line_crossing *)record)->direction == LINE_IN ? &told->ins : &told->outs) += 1;
    if (type == EVENT_ZONE_HIT) {
        enum zone_hit_event event = ((struct zone_hit *)record)->event;
        *(event == ZONE_HIT_ENTER ? &told->enters : event == ZONE_HIT_EXIT ? &told->exits : &told->dwells) += 1;
    }
    if (type == EVENT_SIGNAL) {
        told->signals++;
        g_strlcpy(told->last_signal, ((struct signal *)record)->kind, sizeof told->last_signal);
    }
    if (type == EVENT_OCCUPANCY) {
        told->logs++;
        told->last_count = ((struct occupancy_log *)record)->count;
    }
}

struct world {
    struct camera camera;
    struct analytics *analytics;
    struct told told;
    int64_t media_us;
};

static void world_init(struct world *world, enum zone_kind kind, int limit)
{
    struct settings settings;
    memset(world, 0, sizeof *world);
    record_init(&settings_descriptor, &settings);
    make_camera(&world->camera, kind, limit);
    world->analytics = analytics_new(&world->camera, &settings.rules);
    record_clear(&settings_descriptor, &settings);
}

static void world_clear(struct world *world)
{
    analytics_free(world->analytics);
    record_clear(&camera_descriptor, &world->camera);
}

static struct observed_track track_at(uint64_t id, double x, double y)
{
    enum { WIDTH = 300, HEIGHT = 800 };
    return (struct observed_track){.id = id,
                                   .object_class = g_intern_static_string("person"),
                                   .x = (int16_t)(x * OBSERVATION_BOX_ONE - WIDTH / 2.0),
                                   .y = (int16_t)(y * OBSERVATION_BOX_ONE - HEIGHT),
                                   .w = WIDTH,
                                   .h = HEIGHT,
                                   .confidence = 230,
                                   .is_confirmed = true};
}

static void observe(struct world *world, const struct observed_track *tracks, int count)
{
    const struct observation observation = {
        .at_ms = world->media_us / 1000, .media_us = world->media_us, .tracks = tracks, .track_count = count};
    const struct analytics_sink sink = {on_emit, &world->told};
    analytics_observe(world->analytics, &observation, &sink);
    world->media_us += 100000;
}

/* Walks one track along points, ten frames between two. */
static void walk(struct world *world, uint64_t id, const double (*points)[2], int count)
{
    enum { STEPS = 10 };
    for (int i = 0; i + 1 < count; i++)
        for (int step = 0; step < STEPS; step++) {
            double share = (double)step / STEPS;
            struct observed_track track = track_at(id, points[i][0] + (points[i + 1][0] - points[i][0]) * share,
                                                   points[i][1] + (points[i + 1][1] - points[i][1]) * share);
            observe(world, &track, 1);
        }
}

static void test_paths_over_the_line(void)
{
    static const struct {
        const char *name;
        double points[8][2];
        int count, ins, outs;
    } cases[] = {
        {"down counts in", {{0.5, 0.3}, {0.5, 0.8}}, 2, 1, 0},
        {"up counts out", {{0.5, 0.8}, {0.5, 0.3}}, 2, 0, 1},
        {"there and back counts both", {{0.5, 0.3}, {0.5, 0.8}, {0.5, 0.3}}, 3, 1, 1},
        {"turning back before it counts nothing", {{0.5, 0.3}, {0.5, 0.47}, {0.5, 0.3}}, 3, 0, 0},
        {"walking along it counts nothing", {{0.1, 0.45}, {0.9, 0.45}}, 2, 0, 0},
        {"round its end counts nothing", {{0.9, 0.3}, {0.9, 0.8}}, 2, 0, 0},
        {"round its end and back over it counts once", {{0.9, 0.3}, {0.9, 0.8}, {0.5, 0.8}, {0.5, 0.3}}, 4, 0, 1},
        {"stop and go on the line counts once",
         {{0.5, 0.3}, {0.5, 0.5}, {0.5, 0.505}, {0.5, 0.495}, {0.5, 0.5}, {0.5, 0.8}},
         6,
         1,
         0},
        {"standing on the line counts nothing",
         {{0.5, 0.3}, {0.5, 0.5}, {0.5, 0.502}, {0.5, 0.498}, {0.5, 0.3}},
         5,
         0,
         0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world;
        world_init(&world, ZONE_AREA, 0);
        walk(&world, 7, cases[i].points, cases[i].count);
        if (world.told.ins != cases[i].ins || world.told.outs != cases[i].outs)
            g_error("%s: in %d, out %d", cases[i].name, world.told.ins, world.told.outs);
        world_clear(&world);
    }
}

static void test_jitter_on_the_line_counts_nothing(void)
{
    struct world world;
    world_init(&world, ZONE_AREA, 0);
    for (int i = 0; i < 100; i++) {
        struct observed_track track = track_at(1, 0.5, 0.5 + (i % 2 ? 0.012 : -0.012));
        observe(&world, &track, 1);
    }
    g_assert_cmpint(world.told.ins + world.told.outs, ==, 0);
    world_clear(&world);
}

static void test_an_id_switch_on_the_line_counts_once(void)
{
    struct world world;
    world_init(&world, ZONE_AREA, 0);
    const double before[][2] = {{0.5, 0.3}, {0.5, 0.48}}, after[][2] = {{0.5, 0.51}, {0.5, 0.8}};
    walk(&world, 1, before, 2);
    observe(&world, NULL, 0);
    walk(&world, 2, after, 2);
    g_assert_cmpint(world.told.ins, ==, 1);
    world_clear(&world);
}

static void test_tentative_and_lost_tracks_do_not_count(void)
{
    struct world world;
    world_init(&world, ZONE_AREA, 0);
    for (int i = 0; i < 40; i++) {
        struct observed_track tracks[] = {track_at(1, 0.5, 0.3 + i * 0.015), track_at(2, 0.4, 0.3 + i * 0.015)};
        tracks[0].is_confirmed = false;
        tracks[1].is_lost = true;
        observe(&world, tracks, 2);
    }
    g_assert_cmpint(world.told.ins + world.told.enters, ==, 0);
    world_clear(&world);
}

static void test_a_zone_is_entered_stayed_in_and_left(void)
{
    struct world world;
    world_init(&world, ZONE_AREA, 0);
    const double path[][2] = {{0.5, 0.4}, {0.5, 0.7}, {0.5, 0.71}, {0.5, 0.7}, {0.5, 0.71}, {0.5, 0.4}, {0.5, 0.3}};
    walk(&world, 1, path, 7);
    g_assert_cmpint(world.told.enters, ==, 1);
    g_assert_cmpint(world.told.dwells, ==, 1);
    g_assert_cmpint(world.told.exits, ==, 1);
    world_clear(&world);
}

static void test_a_short_loss_inside_is_no_exit(void)
{
    struct world world;
    world_init(&world, ZONE_AREA, 0);
    const double in[][2] = {{0.5, 0.4}, {0.5, 0.7}, {0.5, 0.7}}, on[][2] = {{0.5, 0.7}, {0.51, 0.7}};
    walk(&world, 1, in, 3);
    for (int i = 0; i < 8; i++)
        observe(&world, NULL, 0);
    walk(&world, 9, on, 2); /* the tracker gave it another id */
    g_assert_cmpint(world.told.enters, ==, 1);
    g_assert_cmpint(world.told.exits, ==, 0);
    for (int i = 0; i < 40; i++)
        observe(&world, NULL, 0);
    g_assert_cmpint(world.told.exits, ==, 1);
    world_clear(&world);
}

static void test_intrusion_is_told_once_a_cooldown(void)
{
    struct world world;
    world_init(&world, ZONE_INTRUSION, 0);
    const double path[][2] = {{0.5, 0.4}, {0.5, 0.7}, {0.5, 0.4}, {0.5, 0.7}, {0.5, 0.4}};
    walk(&world, 1, path, 5);
    g_assert_cmpint(world.told.enters, ==, 2);
    g_assert_cmpint(world.told.signals, ==, 1);
    g_assert_cmpstr(world.told.last_signal, ==, "intrusion");
    world_clear(&world);
}

static void test_too_many_is_told_once_until_it_was_fewer(void)
{
    struct world world;
    world_init(&world, ZONE_AREA, 1);
    const int inside[] = {1, 2, 1, 2, 2, 0, 2};
    for (size_t i = 0; i < G_N_ELEMENTS(inside); i++)
        for (int frame = 0; frame < 30; frame++) {
            struct observed_track tracks[] = {track_at(1, 0.3, inside[i] > 0 ? 0.7 : 0.3),
                                              track_at(2, 0.7, inside[i] > 1 ? 0.7 : 0.3)};
            observe(&world, tracks, 2);
        }
    g_assert_cmpint(world.told.signals, ==, 2);
    g_assert_cmpint(world.told.last_count, ==, 2);
    world_clear(&world);
}

static void test_a_replay_tells_the_same(void)
{
    struct told told[2];
    for (int run = 0; run < 2; run++) {
        struct world world;
        world_init(&world, ZONE_INTRUSION, 1);
        const double path[][2] = {{0.5, 0.2}, {0.52, 0.75}, {0.48, 0.3}, {0.5, 0.9}};
        walk(&world, 1, path, 4);
        told[run] = world.told;
        world_clear(&world);
    }
    g_assert_cmpmem(&told[0], sizeof told[0], &told[1], sizeof told[1]);
}

static void test_values_are_quantised_and_bounded(void)
{
    g_assert_cmpint(observation_quantise(0.5, OBSERVATION_BOX_ONE), ==, 2048);
    g_assert_cmpint(observation_quantise(1e9, OBSERVATION_BOX_ONE), ==, INT16_MAX);
    g_assert_cmpint(observation_quantise(-1e9, OBSERVATION_BOX_ONE), ==, INT16_MIN);
    g_assert_cmpint(observation_quantise(0.0 / 0.0, OBSERVATION_BOX_ONE), ==, INT16_MIN);
}

/* Who sets up whom to tell goes by what docs/rules.md says of how bad each signal is. */
static void test_every_signal_is_documented_with_its_severity(void)
{
    g_autofree char *path = g_build_filename(g_getenv("VEDETTE_SOURCE"), "docs", "rules.md", NULL), *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    for (int i = 1; i < RULE_SIGNAL_END; i++) {
        const struct rule_signal_info *info = &rule_signals[i];
        g_autofree char *said = g_strdup_printf("`%s` (%s)", info->kind, severity_names[info->severity - 1]);
        if (!strstr(text, said))
            g_error("docs/rules.md does not say: %s", said);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rules/paths over the line", test_paths_over_the_line);
    g_test_add_func("/rules/jitter on the line counts nothing", test_jitter_on_the_line_counts_nothing);
    g_test_add_func("/rules/an id switch on the line counts once", test_an_id_switch_on_the_line_counts_once);
    g_test_add_func("/rules/tentative and lost tracks do not count", test_tentative_and_lost_tracks_do_not_count);
    g_test_add_func("/rules/a zone is entered, stayed in and left", test_a_zone_is_entered_stayed_in_and_left);
    g_test_add_func("/rules/a short loss inside is no exit", test_a_short_loss_inside_is_no_exit);
    g_test_add_func("/rules/intrusion is told once a cooldown", test_intrusion_is_told_once_a_cooldown);
    g_test_add_func("/rules/too many is told once until it was fewer", test_too_many_is_told_once_until_it_was_fewer);
    g_test_add_func("/rules/a replay tells the same", test_a_replay_tells_the_same);
    g_test_add_func("/rules/values are quantised and bounded", test_values_are_quantised_and_bounded);
    g_test_add_func("/analytics/every signal is documented with its severity",
                    test_every_signal_is_documented_with_its_severity);
    return g_test_run();
}
