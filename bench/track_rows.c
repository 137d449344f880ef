/* From detections to tracks, and from tracks to events. */
#include "bench.h"

#include "analytics/analytics.h"
#include "base/random.h"
#include "facts/event.h"
#include "vision/vision.h"

/* ---- tracker ---- */

struct tracker_bench {
    struct tracker *tracker;
    struct detections *detections;
    int count, columns;
    int64_t media_us;
    double sum;
};

/* A frame's objects, so many beside each other. */
struct tracker_crowd {
    int count, columns;
};

static void *tracker_setup(const void *argument)
{
    const struct tracker_crowd *crowd = argument;
    struct tracker_bench *bench = g_new0(struct tracker_bench, 1);
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    bench->tracker = tracker_new(&settings.tracker, settings.rules.outage_seconds, 1);
    bench->detections = g_new0(struct detections, 1);
    bench->count = crowd->count;
    bench->columns = crowd->columns;
    record_clear(&settings_descriptor, &settings);
    return bench;
}

static void tracker_ours(void *data)
{
    struct tracker_bench *bench = data;
    struct tracks tracks;
    struct random random;
    random_init(&random, 5);
    bench->media_us += 33333;
    bench->detections->count = bench->count;
    /* crowded: neighbours overlap a little, and everyone shakes */
    double wide = 0.96 / bench->columns, high = 0.036 / 40 * bench->columns, shake = 0.04 * MIN(wide, high);
    for (int i = 0; i < bench->count; i++)
        bench->detections->items[i] = (struct detection){
            {(i % bench->columns) * wide + shake * random_uniform(&random),
             (double)(i / bench->columns) * high + shake * random_uniform(&random), 1.12 * wide, 1.39 * high},
            0.9,
            "object"};
    tracker_update(bench->tracker, bench->detections, bench->media_us, 1920, 1080, &tracks);
}

/* The least any tracker without an index does: every pair's IoU once. */
static void tracker_theirs(void *data)
{
    struct tracker_bench *bench = data;
    for (int i = 0; i < bench->count; i++)
        for (int j = 0; j < bench->count; j++) {
            const struct record_box *a = &bench->detections->items[i].box, *b = &bench->detections->items[j].box;
            double w = MIN(a->x + a->w, b->x + b->w) - MAX(a->x, b->x),
                   h = MIN(a->y + a->h, b->y + b->h) - MAX(a->y, b->y);
            bench->sum += w > 0 && h > 0 ? w * h / (a->w * a->h + b->w * b->h - w * h) : 0;
        }
}

/* ---- rules ---- */

enum { RULE_TRACKS = 100, RULE_LINES = 8, RULE_ZONES = 8 };

struct rules_bench {
    struct analytics *analytics;
    struct picture_facts picture;
    struct camera camera;
    struct observed_track tracks[RULE_TRACKS];
    int64_t media_us;
    double sum;
};

static void ignore_event(void *data, enum event_type type, void *record)
{
    (void)data;
    (void)type;
    (void)record;
}

static void turn_on_rules(struct zone *zone)
{
    zone->kind = ZONE_INTRUSION;
    zone->occupancy_limit = zone->crowd_limit = zone->queue_limit = RULE_TRACKS / 2;
    zone->loitering_seconds = 30;
    zone->allowed_heading = (struct record_optional){true, 90};
    zone->speed_limit = 1;
    zone->left_seconds = zone->taken_seconds = 30;
}

static void *rules_setup(const void *argument)
{
    const bool *has_all = argument;
    struct rules_bench *bench = g_new0(struct rules_bench, 1);
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    record_init(&camera_descriptor, &bench->camera);
    for (int i = 0; i < RULE_LINES; i++) {
        struct line *line = record_list_append(&bench->camera.lines, &line_descriptor);
        line->id = g_strdup_printf("line-%d", i);
        line->a = (struct record_point){0.1, 0.1 + 0.1 * i};
        line->b = (struct record_point){0.9, 0.1 + 0.1 * i};
        if (*has_all)
            line->allowed = LINE_ALLOWED_IN;
    }
    for (int i = 0; i < RULE_ZONES; i++) {
        const struct record_point corners[] = {
            {0.1 * i, 0.1}, {0.1 * i + 0.2, 0.1}, {0.1 * i + 0.2, 0.9}, {0.1 * i, 0.9}};
        struct zone *zone = record_list_append(&bench->camera.zones, &zone_descriptor);
        zone->id = g_strdup_printf("zone-%d", i);
        zone->polygon.items = g_memdup2(corners, sizeof corners);
        zone->polygon.count = G_N_ELEMENTS(corners);
        if (*has_all)
            turn_on_rules(zone);
    }
    bench->camera.rules.fall_seconds = *has_all ? 2 : 0;
    bench->analytics = analytics_new(&bench->camera, &settings.rules);
    for (int i = 0; i < RULE_TRACKS; i++)
        bench->tracks[i] = (struct observed_track){
            .id = (uint64_t)i + 1, .object_class = "person", .w = 200, .h = 500, .is_confirmed = true};
    record_clear(&settings_descriptor, &settings);
    return bench;
}

static void rules_ours(void *data)
{
    struct rules_bench *bench = data;
    const struct analytics_sink sink = {ignore_event, NULL};
    bench->media_us += 100000;
    for (int i = 0; i < RULE_TRACKS; i++) {
        bench->tracks[i].x = (int16_t)(i * 37 % 3900);
        bench->tracks[i].y = (int16_t)((i * 53 + bench->media_us / 5000) % 3500);
    }
    const struct observation observation = {.at_ms = bench->media_us / 1000,
                                            .media_us = bench->media_us,
                                            .tracks = bench->tracks,
                                            .track_count = RULE_TRACKS,
                                            .picture = &bench->picture};
    analytics_observe(bench->analytics, &observation, &sink);
}

/* Only the geometry of it: each track's side of each line. */
static void rules_theirs(void *data)
{
    struct rules_bench *bench = data;
    for (int i = 0; i < RULE_TRACKS; i++)
        for (int j = 0; j < RULE_LINES + RULE_ZONES; j++)
            bench->sum += (bench->tracks[i].x - 100.0 * j) * 0.8 - (bench->tracks[i].y - 50.0 * j) * 0.1;
}

/* ---- the rows ---- */

static const struct tracker_crowd hundred = {100, 40}, thousand = {1000, 40}, column = {1000, 1};
static const bool all_rules = true, crossings_and_stays = false;

static const struct row rows[] = {
    {"tracker, 100 objects a frame", "every pair's IoU once", tracker_ours, tracker_theirs, tracker_setup, &hundred, 50,
     NULL},
    {"tracker, 1000 objects a frame", "every pair's IoU once", tracker_ours, tracker_theirs, tracker_setup, &thousand,
     5, NULL},
    {"tracker, 1000 objects in one column", "every pair's IoU once", tracker_ours, tracker_theirs, tracker_setup,
     &column, 5, NULL},
    {"rules, 100 tracks, 8 lines, 8 zones", "a side test each", rules_ours, rules_theirs, rules_setup,
     &crossings_and_stays, 100, NULL},
    {"rules, the same with all of them on", "a side test each", rules_ours, rules_theirs, rules_setup, &all_rules, 100,
     NULL},
};
const struct row_table track_rows = {rows, G_N_ELEMENTS(rows)};
