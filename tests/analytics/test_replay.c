/* Rules depend on nothing but observations, frame time and what they are told: what is stored and read again gives the
 * same events, to the last letter. */
#include "analytics/analytics.h"
#include "analytics/chunk.h"

#include "base/random.h"
#include "facts/event.h"

#include <string.h>

enum { WALKERS = 40, FRAMES = 900, STEP_US = 200000 };

/* Everything a run told, as records are written. */
static void write_event(void *data, enum event_type type, void *record)
{
    GString *told = data;
    g_string_append_printf(told, "%d ", (int)type);
    record_encode_json(event_type_find(type)->payload, record, true, told);
    g_string_append_c(told, '\n');
}

static void turn_on_rules(struct camera *camera)
{
    static const struct record_point corners[] = {{0.3, 0.3}, {0.8, 0.3}, {0.8, 0.9}, {0.3, 0.9}};
    struct line *line = record_list_append(&camera->lines, &line_descriptor);
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    line->id = g_strdup("line");
    line->a = (struct record_point){0.1, 0.5};
    line->b = (struct record_point){0.9, 0.5};
    line->allowed = LINE_ALLOWED_IN;
    zone->id = g_strdup("zone");
    zone->kind = ZONE_INTRUSION;
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    zone->occupancy_limit = zone->crowd_limit = zone->queue_limit = 3;
    zone->loitering_seconds = 10;
    zone->dwell_seconds = 3;
    zone->speed_limit = 0.1;
    zone->allowed_heading = (struct record_optional){true, 90};
    zone->left_seconds = zone->taken_seconds = 5;
    camera->rules.fall_seconds = 1;
}

struct world {
    struct camera camera;
    struct settings settings;
    struct analytics *analytics;
    GString *told;
};

static void world_init(struct world *world)
{
    record_init(&settings_descriptor, &world->settings);
    record_init(&camera_descriptor, &world->camera);
    turn_on_rules(&world->camera);
    world->analytics = analytics_new(&world->camera, &world->settings.rules);
    world->told = g_string_new(NULL);
}

static void world_clear(struct world *world)
{
    analytics_free(world->analytics);
    g_string_free(world->told, TRUE);
    record_clear(&camera_descriptor, &world->camera);
    record_clear(&settings_descriptor, &world->settings);
}

static void observe(struct world *world, const struct observation *observation)
{
    const struct analytics_sink sink = {write_event, world->told};
    analytics_observe(world->analytics, observation, &sink);
}

/* People who wander, stop, are hidden for some seconds, are lost and come back under other ids; one frame of them,
 * quantised as live is. */
struct walkers {
    struct random random;
    double x[WALKERS], y[WALKERS], speed_x[WALKERS], speed_y[WALKERS];
    uint64_t ids[WALKERS], next_id;
    int hidden_frames[WALKERS]; /* yet to come */
    struct observed_track tracks[WALKERS];
    struct picture_facts picture;
};

static void step_walker(struct walkers *walkers, int i)
{
    struct random *random = &walkers->random;
    if (random_uniform(random) < 0.05) {
        walkers->speed_x[i] = 0.04 * (random_uniform(random) - 0.5);
        walkers->speed_y[i] = random_uniform(random) < 0.3 ? 0 : 0.04 * (random_uniform(random) - 0.5);
    }
    if (walkers->ids[i] == 0 || random_uniform(random) < 0.01)
        walkers->ids[i] = ++walkers->next_id;
    walkers->x[i] = CLAMP(walkers->x[i] + walkers->speed_x[i], 0, 0.9);
    walkers->y[i] = CLAMP(walkers->y[i] + walkers->speed_y[i], 0, 0.8);
    if (walkers->hidden_frames[i] > 0)
        walkers->hidden_frames[i]--;
    else if (random_uniform(random) < 0.01)
        walkers->hidden_frames[i] = (int)(10e6 / STEP_US * random_uniform(random));
    bool lies = random_uniform(random) < 0.1;
    walkers->tracks[i] = (struct observed_track){
        .id = walkers->ids[i],
        .object_class = g_intern_string(i % 4 == 0 ? "car" : "person"),
        .x = observation_quantise(walkers->x[i], OBSERVATION_BOX_ONE),
        .y = observation_quantise(walkers->y[i], OBSERVATION_BOX_ONE),
        .w = observation_quantise(lies ? 0.2 : 0.05, OBSERVATION_BOX_ONE),
        .h = observation_quantise(lies ? 0.06 : 0.2, OBSERVATION_BOX_ONE),
        .confidence = 230,
        .speed_x = observation_quantise(walkers->speed_x[i] * 5, OBSERVATION_SPEED_ONE),
        .speed_y = observation_quantise(walkers->speed_y[i] * 5, OBSERVATION_SPEED_ONE),
        .is_confirmed = random_uniform(random) < 0.98,
        .is_lost = random_uniform(random) < 0.05 || walkers->hidden_frames[i] > 0,
    };
}

static void step(struct walkers *walkers, int frame, struct observation *observation)
{
    for (int i = 0; i < WALKERS; i++)
        step_walker(walkers, i);
    walkers->picture = (struct picture_facts){.is_usual_known = true, .mean_luma = 90, .edges = 200, .contrast = 200};
    if (frame % 300 > 150) { /* something stands there */
        walkers->picture.region_count = 1;
        walkers->picture.regions[0] = (struct picture_region){.x = 2000, .y = 2000, .w = 300, .h = 300};
    }
    *observation = (struct observation){.at_ms = INT64_C(1767225600000) + frame * (STEP_US / 1000),
                                        .media_us = (int64_t)frame * STEP_US,
                                        .tracks = walkers->tracks,
                                        .track_count = WALKERS,
                                        .mean_luma = 90,
                                        .aspect = OBSERVATION_BOX_ONE * 9 / 16,
                                        .picture = &walkers->picture};
}

/* Live, and into a chunk. */
static GBytes *run_live(struct world *world)
{
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    g_autofree struct walkers *walkers = g_new0(struct walkers, 1);
    random_init(&walkers->random, 23);
    for (int frame = 0; frame < FRAMES; frame++) {
        struct observation observation;
        step(walkers, frame, &observation);
        observe(world, &observation);
        g_assert_true(chunk_writer_add(writer, &observation));
    }
    return chunk_writer_finish(writer);
}

static void run_stored(struct world *world, GBytes *chunk)
{
    gsize length;
    const void *bytes = g_bytes_get_data(chunk, &length);
    g_autoptr(GError) error = NULL;
    struct observation observation;
    CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(bytes, length, &error);
    g_assert_no_error(error);
    while (chunk_reader_next(reader, &observation, &error))
        observe(world, &observation);
    g_assert_no_error(error);
}

static void test_what_was_stored_tells_what_live_told(void)
{
    static const char *const kinds[] = {"intrusion",          "loitering",  "speeding",   "wrong_direction",
                                        "occupancy_exceeded", "queue_long", "object_left"};
    struct world live, stored;
    world_init(&live);
    world_init(&stored);
    g_autoptr(GBytes) chunk = run_live(&live);
    run_stored(&stored, chunk);
    g_assert_cmpstr(stored.told->str, ==, live.told->str);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) /* or it says nothing of that rule */
        if (!strstr(live.told->str, kinds[i]))
            g_error("nothing of '%s' was told", kinds[i]);
    world_clear(&live);
    world_clear(&stored);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/replay/what was stored tells what live told", test_what_was_stored_tells_what_live_told);
    return g_test_run();
}
