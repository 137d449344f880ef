#include "analytics/analytics.h"

#include "analytics/analytics_internal.h"

#include <glib.h>

struct analytics {
    struct camera camera;
    struct rule_settings settings;
    struct rule_context context;
    struct ground ground;
    void **states; /* one per rule */
    int64_t shed;
    struct sighting *sightings; /* of the frame; grows to the most tracks a frame had */
    int sightings_room;
};

static void start_watches(struct analytics *analytics)
{
    const struct camera *camera = &analytics->camera;
    struct rule_context *context = &analytics->context;
    *context = (struct rule_context){
        .camera = camera,
        .settings = &analytics->settings,
        .zones = g_new0(struct zone_watch, camera->zones.count + 1),
        .zone_count = camera->zones.count,
        .lines = g_new0(struct line_watch, camera->lines.count + 1),
        .line_count = camera->lines.count,
        .ground = &analytics->ground,
        .shed = &analytics->shed,
    };
    const struct zone *zones = camera->zones.items;
    const struct line *lines = camera->lines.items;
    for (size_t i = 0; i < context->zone_count; i++)
        zone_watch_init(&context->zones[i], &zones[i], &camera->rules, context->settings, context->shed);
    for (size_t i = 0; i < context->line_count; i++)
        line_watch_init(&context->lines[i], &lines[i], &camera->rules, context->settings, context->shed);
    ground_init(&analytics->ground, &camera->rules);
}

static void stop_watches(struct rule_context *context)
{
    for (size_t i = 0; i < context->zone_count; i++)
        zone_watch_clear(&context->zones[i]);
    for (size_t i = 0; i < context->line_count; i++)
        line_watch_clear(&context->lines[i]);
    g_free(context->zones);
    g_free(context->lines);
}

static void start_rules(struct analytics *analytics)
{
    for (size_t i = 0; i < rule_count; i++)
        analytics->states[i] = rules[i]->create(&analytics->context);
}

static void stop_rules(struct analytics *analytics)
{
    for (size_t i = 0; i < rule_count; i++)
        rules[i]->free(analytics->states[i]);
}

struct analytics *analytics_new(const struct camera *camera, const struct rule_settings *settings)
{
    struct analytics *analytics = g_new0(struct analytics, 1);
    record_copy(&camera_descriptor, camera, &analytics->camera);
    analytics->settings = *settings;
    analytics->states = g_new0(void *, rule_count);
    start_watches(analytics);
    start_rules(analytics);
    return analytics;
}

void analytics_free(struct analytics *analytics)
{
    if (!analytics)
        return;
    stop_rules(analytics);
    stop_watches(&analytics->context);
    g_free(analytics->states);
    g_free(analytics->sightings);
    record_clear(&camera_descriptor, &analytics->camera);
    g_free(analytics);
}

/* ---- being told anew ---- */

static bool point_is_same(const struct record_point *a, const struct record_point *b)
{
    return a->x == b->x && a->y == b->y;
}

static bool points_are_same(const struct record_points *a, const struct record_points *b)
{
    bool are_same = a->count == b->count;
    for (size_t i = 0; i < a->count && are_same; i++)
        are_same = point_is_same(&a->items[i], &b->items[i]);
    return are_same;
}

static bool zones_are_same(const struct record_list *a, const struct record_list *b)
{
    const struct zone *left = a->items, *right = b->items;
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!g_str_equal(left[i].id, right[i].id) || !points_are_same(&left[i].polygon, &right[i].polygon) ||
            left[i].anchor != right[i].anchor)
            return false;
    return true;
}

static bool lines_are_same(const struct record_list *a, const struct record_list *b)
{
    const struct line *left = a->items, *right = b->items;
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!g_str_equal(left[i].id, right[i].id) || !point_is_same(&left[i].a, &right[i].a) ||
            !point_is_same(&left[i].b, &right[i].b) || left[i].anchor != right[i].anchor)
            return false;
    return true;
}

/* Whether what is remembered of places still means the same. */
static bool places_are_same(const struct camera *a, const struct camera *b)
{
    return zones_are_same(&a->zones, &b->zones) && lines_are_same(&a->lines, &b->lines) &&
           points_are_same(&a->rules.calibration_image, &b->rules.calibration_image) &&
           points_are_same(&a->rules.calibration_ground, &b->rules.calibration_ground);
}

void analytics_configure(struct analytics *analytics, const struct camera *camera, const struct rule_settings *settings)
{
    struct camera before = analytics->camera;
    struct rule_context *context = &analytics->context;
    bool goes_on = places_are_same(&before, camera);
    if (!goes_on) {
        stop_rules(analytics);
        stop_watches(context);
    }
    record_copy(&camera_descriptor, camera, &analytics->camera);
    analytics->settings = *settings;
    for (size_t i = 0; goes_on && i < context->zone_count; i++)
        zone_watch_configure(&context->zones[i], (const struct zone *)analytics->camera.zones.items + i, &camera->rules,
                             settings);
    for (size_t i = 0; goes_on && i < context->line_count; i++)
        line_watch_configure(&context->lines[i], (const struct line *)analytics->camera.lines.items + i, &camera->rules,
                             settings);
    if (!goes_on) {
        start_watches(analytics);
        start_rules(analytics);
    }
    record_clear(&camera_descriptor, &before);
}

static void run_rules(struct analytics *analytics, const struct observation *observation,
                      const struct analytics_sink *sink)
{
    for (size_t i = 0; i < rule_count; i++)
        rules[i]->observe(analytics->states[i], &analytics->context, observation, sink);
}

static void sight(struct analytics *analytics, struct observation *observation)
{
    if (observation->track_count > analytics->sightings_room) {
        analytics->sightings_room = 2 * observation->track_count;
        g_free(analytics->sightings);
        analytics->sightings = g_new(struct sighting, analytics->sightings_room);
    }
    for (int i = 0; i < observation->track_count; i++) {
        struct sighting *sighting = &analytics->sightings[i];
        sighting->box = track_box(&observation->tracks[i]);
        for (int anchor = ANCHOR_BOTTOM; anchor <= (int)G_N_ELEMENTS(sighting->anchors); anchor++)
            sighting->anchors[anchor - 1] = box_anchor(&sighting->box, (enum anchor)anchor);
    }
    observation->sightings = analytics->sightings;
}

void analytics_observe(struct analytics *analytics, const struct observation *seen, const struct analytics_sink *sink)
{
    struct observation sighted = *seen, *observation = &sighted;
    sight(analytics, observation);
    for (size_t i = 0; i < analytics->context.zone_count; i++)
        zone_watch_observe(&analytics->context.zones[i], &analytics->settings, observation);
    for (size_t i = 0; i < analytics->context.line_count; i++)
        line_watch_observe(&analytics->context.lines[i], &analytics->settings, observation);
    run_rules(analytics, observation, sink);
}

void analytics_finish(struct analytics *analytics, int64_t at_ms, const struct analytics_sink *sink)
{
    const struct observation nobody = {.at_ms = at_ms};
    for (size_t i = 0; i < analytics->context.zone_count; i++)
        zone_watch_finish(&analytics->context.zones[i]);
    for (size_t i = 0; i < analytics->context.line_count; i++)
        analytics->context.lines[i].change_count = 0;
    run_rules(analytics, &nobody, sink);
}

size_t analytics_counts(const struct analytics *analytics, struct analytics_count *counts, size_t capacity)
{
    size_t written = 0;
    for (size_t i = 0; i < rule_count; i++)
        if (rules[i]->count)
            written += rules[i]->count(analytics->states[i], &analytics->context, counts + written, capacity - written);
    return written;
}

int64_t analytics_shed(const struct analytics *analytics)
{
    return analytics->shed;
}
