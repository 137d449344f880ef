/* Rules told anew while tracks are under way: what is remembered goes on where places lie as before. */
#include "analytics/analytics.h"

#include <string.h>

enum { FRAME_US = 200000, WIDTH = 300, HEIGHT = 800 };

struct world {
    struct camera camera;
    struct settings settings;
    struct analytics *analytics;
    int64_t media_us;
    double x; /* where somebody stands */
    int loiterings, dwells, enters, exits, objects, occupancies, inside;
    int64_t exited_ms;
    double dwelt_seconds;
    struct picture_facts *picture;
};

static void on_emit(void *data, enum event_type type, void *record)
{
    struct world *world = data;
    if (type == EVENT_SIGNAL) {
        const char *kind = ((struct signal *)record)->kind;
        world->loiterings += g_str_equal(kind, "loitering");
        world->objects += g_str_equal(kind, "object_left");
    }
    if (type == EVENT_OCCUPANCY) {
        world->occupancies++;
        world->inside = ((struct occupancy_log *)record)->count;
    }
    if (type == EVENT_ZONE_HIT) {
        const struct zone_hit *hit = record;
        world->dwells += hit->event == ZONE_HIT_DWELL;
        world->enters += hit->event == ZONE_HIT_ENTER;
        if (hit->event != ZONE_HIT_EXIT)
            return;
        world->exits++;
        world->exited_ms = hit->at.ms;
        world->dwelt_seconds = hit->dwell_seconds.value;
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
    struct line *line = record_list_append(&world->camera.lines, &line_descriptor);
    line->id = g_strdup("door");
    line->a = (struct record_point){0.4, 0};
    line->b = (struct record_point){0.4, 1};
    world->x = 0.5;
    world->analytics = analytics_new(&world->camera, &world->settings.rules);
}

static void configure(struct world *world)
{
    const struct analytics_sink sink = {on_emit, world};
    analytics_configure(world->analytics, &world->camera, &world->settings.rules, (world->media_us - FRAME_US) / 1000,
                        &sink);
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
                                             .x = (int16_t)(world->x * OBSERVATION_BOX_ONE),
                                             .y = OBSERVATION_BOX_ONE / 2,
                                             .w = WIDTH,
                                             .h = HEIGHT,
                                             .confidence = 200,
                                             .is_confirmed = true};
        const struct observation observation = {.at_ms = world->media_us / 1000,
                                                .media_us = world->media_us,
                                                .tracks = &track,
                                                .track_count = 1,
                                                .picture = world->picture};
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
    configure(&world);
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
    configure(&world);
    stand(&world, 10);
    g_assert_cmpint(world.loiterings, ==, 0);
    g_assert_cmpint(world.enters, ==, 2);
    g_assert_cmpint(world.exits, ==, 1);
    g_assert_cmpint(world.inside, ==, 1);
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
    configure(&world);
    g_assert_cmpint(world.exits, ==, 1);
    g_assert_cmpint(world.exited_ms, ==, (world.media_us - FRAME_US) / 1000);
    g_assert_cmpfloat_with_epsilon(world.dwelt_seconds, 4.6, 0.3);
    g_assert_cmpint(world.inside, ==, 0); /* and so its count is told */
    stand(&world, 5);
    g_assert_cmpint(world.exits, ==, 1);
    world.camera.zones.count = 1;
    configure(&world);
    stand(&world, 5);
    g_assert_cmpint(world.enters, ==, 2);
    world_clear(&world);
}

/* Lines and zones beside it come and go; what is known of a place that lies as before goes on. */
static void change_beside(struct world *world, bool has_beside)
{
    static const struct record_point corners[] = {{0, 0}, {0.1, 0}, {0.1, 0.1}};
    struct camera *camera = &world->camera, told;
    record_copy(&camera_descriptor, camera, &told);
    if (has_beside) {
        struct zone hall, *zone = record_list_append(&told.zones, &zone_descriptor);
        struct line *line = record_list_append(&told.lines, &line_descriptor);
        zone->id = g_strdup("beside");
        zone->polygon.items = g_memdup2(corners, sizeof corners);
        zone->polygon.count = G_N_ELEMENTS(corners);
        line->id = g_strdup("beside");
        line->b = (struct record_point){0.1, 0.1};
        hall = ((struct zone *)told.zones.items)[0]; /* and it is another one in the list */
        ((struct zone *)told.zones.items)[0] = *zone;
        *zone = hall;
    }
    struct camera before = world->camera;
    world->camera = told;
    configure(world);
    world->camera = before;
    record_clear(&camera_descriptor, &told);
}

static void test_what_lies_as_before_goes_on_beside_a_change(void)
{
    struct world world;
    world_init(&world);
    world_zone(&world)->loitering_seconds = 15;
    configure(&world);
    stand(&world, 2.5);
    world.x = 0.25;
    stand(&world, 2.5);
    for (int i = 0; i < 6; i++) {
        change_beside(&world, i % 2 == 0);
        stand(&world, 1);
    }
    g_assert_cmpint(world.enters, ==, 1);
    g_assert_cmpint(world.exits, ==, 0);
    stand(&world, 5);
    g_assert_cmpint(world.loiterings, ==, 1); /* after 15 s of one stay */
    struct analytics_count counts[4];
    g_assert_cmpint(analytics_counts(world.analytics, counts, G_N_ELEMENTS(counts)), ==, 2);
    g_assert_cmpstr(counts[0].id, ==, "door");
    g_assert_cmpint(counts[0].in_or_entries + counts[0].out_or_exits, ==, 1);
    g_assert_cmpint(counts[1].in_or_entries, ==, 1);
    g_assert_cmpint(counts[1].inside, ==, 1);
    world_clear(&world);
}

/* An alarm that stands is not told again. */
static void test_what_was_told_of_a_place_stays_told(void)
{
    struct world world;
    struct picture_facts picture = {.region_count = 1};
    const double one = PICTURE_BOX_ONE;
    picture.regions[0] = (struct picture_region){
        .x = (int16_t)(0.25 * one), .y = (int16_t)(0.3 * one), .w = (int16_t)(0.1 * one), .h = (int16_t)(0.1 * one)};
    world_init(&world);
    world.picture = &picture;
    world_zone(&world)->left_seconds = 2;
    configure(&world);
    stand(&world, 5);
    g_assert_cmpint(world.objects, ==, 1);
    int occupancies = world.occupancies;
    for (int i = 0; i < 4; i++) {
        change_beside(&world, i % 2 == 0);
        stand(&world, 4);
        g_assert_cmpint(world.objects, ==, 1);
    }
    g_assert_cmpint(world.occupancies - occupancies, <=, 4); /* of the other zone alone */
    world_zone(&world)->polygon.items[0].x = 0.21;           /* another place: there it is told */
    configure(&world);
    stand(&world, 5);
    g_assert_cmpint(world.objects, ==, 2);
    world_clear(&world);
}

/* Where the ground lies elsewhere, speeds are measured anew, and nobody leaves. */
static void test_stays_outlast_another_ground(void)
{
    static const struct record_point image[] = {{0.1, 0.1}, {0.9, 0.1}, {0.9, 0.9}, {0.1, 0.9}},
                                     ground[] = {{0, 0}, {10, 0}, {10, 10}, {0, 10}};
    struct world world;
    world_init(&world);
    stand(&world, 5);
    struct camera_rules *camera_rules = &world.camera.rules;
    camera_rules->calibration_image = (struct record_points){g_memdup2(image, sizeof image), G_N_ELEMENTS(image)};
    camera_rules->calibration_ground = (struct record_points){g_memdup2(ground, sizeof ground), G_N_ELEMENTS(ground)};
    world_zone(&world)->speed_limit = 0.01;
    configure(&world);
    stand(&world, 5);
    g_assert_cmpint(world.enters, ==, 1);
    g_assert_cmpint(world.exits, ==, 0);
    world_clear(&world);
}

/* It is there yet, and the tracker has its id: that holds no stay of what is not asked for. */
static void test_a_class_that_is_wanted_no_more_has_left(void)
{
    struct world world;
    world_init(&world);
    stand(&world, 5);
    g_assert_cmpint(world.inside, ==, 1);
    world_zone(&world)->classes.items = g_strsplit("car", " ", -1);
    world_zone(&world)->classes.count = 1;
    configure(&world);
    stand(&world, 5);
    g_assert_cmpint(world.exits, ==, 1);
    g_assert_cmpint(world.inside, ==, 0);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/configure/a new threshold counts for who is already there",
                    test_a_new_threshold_counts_for_who_is_already_there);
    g_test_add_func("/configure/a zone that moves begins anew", test_a_zone_that_moves_begins_anew);
    g_test_add_func("/configure/a zone may come and go", test_a_zone_may_come_and_go);
    g_test_add_func("/configure/what lies as before goes on beside a change",
                    test_what_lies_as_before_goes_on_beside_a_change);
    g_test_add_func("/configure/what was told of a place stays told", test_what_was_told_of_a_place_stays_told);
    g_test_add_func("/configure/stays outlast another ground", test_stays_outlast_another_ground);
    g_test_add_func("/configure/a class that is wanted no more has left", test_a_class_that_is_wanted_no_more_has_left);
    return g_test_run();
}
