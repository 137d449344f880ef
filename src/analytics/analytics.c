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

/* ---- the places that are watched ---- */

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

static bool zone_is_same(const struct zone *a, const struct zone *b)
{
    return g_str_equal(a->id, b->id) && points_are_same(&a->polygon, &b->polygon) && a->anchor == b->anchor;
}

static bool line_is_same(const struct line *a, const struct line *b)
{
    return g_str_equal(a->id, b->id) && point_is_same(&a->a, &b->a) && point_is_same(&a->b, &b->b) &&
           a->anchor == b->anchor;
}

static bool ground_is_same(const struct camera_rules *a, const struct camera_rules *b)
{
    return points_are_same(&a->calibration_image, &b->calibration_image) &&
           points_are_same(&a->calibration_ground, &b->calibration_ground);
}

/* Takes over the watch of the same place; those that nobody took keep their `zone`. False when there is none. */
static bool take_zone(struct rule_context *before, const struct zone *zone, struct zone_watch *watch)
{
    for (size_t i = 0; i < before->zone_count; i++)
        if (before->zones[i].zone && zone_is_same(before->zones[i].zone, zone)) {
            *watch = before->zones[i];
            before->zones[i].zone = NULL;
            return true;
        }
    return false;
}

static bool take_line(struct rule_context *before, const struct line *line, struct line_watch *watch)
{
    for (size_t i = 0; i < before->line_count; i++)
        if (before->lines[i].line && line_is_same(before->lines[i].line, line)) {
            *watch = before->lines[i];
            before->lines[i].line = NULL;
            return true;
        }
    return false;
}

static bool slot_is_taken(const struct rule_context *context, int slot)
{
    for (size_t i = 0; i < context->zone_count; i++)
        if (context->zones[i].zone && context->zones[i].slot == slot)
            return true;
    return false;
}

static void start_zones(struct analytics *analytics, struct rule_context *before)
{
    const struct camera *camera = &analytics->camera;
    struct rule_context *context = &analytics->context;
    const struct zone *zones = camera->zones.items;
    for (size_t i = 0; i < context->zone_count; i++)
        if (take_zone(before, &zones[i], &context->zones[i]))
            zone_watch_configure(&context->zones[i], &zones[i], &camera->rules, context->settings);
    for (size_t i = 0; i < context->zone_count; i++) {
        int slot = 0;
        if (context->zones[i].zone)
            continue;
        while (slot_is_taken(context, slot))
            slot++;
        zone_watch_init(&context->zones[i], &zones[i], &camera->rules, context->settings, context->shed);
        context->zones[i].slot = slot;
    }
}

static void start_lines(struct analytics *analytics, struct rule_context *before)
{
    const struct camera *camera = &analytics->camera;
    struct rule_context *context = &analytics->context;
    const struct line *lines = camera->lines.items;
    for (size_t i = 0; i < context->line_count; i++)
        if (take_line(before, &lines[i], &context->lines[i]))
            line_watch_configure(&context->lines[i], &lines[i], &camera->rules, context->settings);
        else
            line_watch_init(&context->lines[i], &lines[i], &camera->rules, context->settings, context->shed);
}

/* Watches the camera's places, and goes on with those of `before` that are among them. */
static void start_watches(struct analytics *analytics, struct rule_context *before)
{
    const struct camera *camera = &analytics->camera;
    analytics->context = (struct rule_context){
        .camera = camera,
        .settings = &analytics->settings,
        .zones = g_new0(struct zone_watch, camera->zones.count + 1),
        .zone_count = camera->zones.count,
        .lines = g_new0(struct line_watch, camera->lines.count + 1),
        .line_count = camera->lines.count,
        .ground = &analytics->ground,
        .shed = &analytics->shed,
    };
    start_zones(analytics, before);
    start_lines(analytics, before);
}

static void stop_watches(struct rule_context *context)
{
    for (size_t i = 0; i < context->zone_count; i++)
        if (context->zones[i].zone)
            zone_watch_clear(&context->zones[i]);
    for (size_t i = 0; i < context->line_count; i++)
        if (context->lines[i].line)
            line_watch_clear(&context->lines[i]);
    g_free(context->zones);
    g_free(context->lines);
}

/* ---- rules ---- */

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
    start_watches(analytics, &(struct rule_context){0});
    ground_init(&analytics->ground, &camera->rules);
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

static void run_rules(struct analytics *analytics, const struct rule_context *context,
                      const struct observation *observation, const struct analytics_sink *sink)
{
    for (size_t i = 0; i < rule_count; i++)
        rules[i]->observe(analytics->states[i], context, observation, sink);
}

/* ---- being told anew ---- */

/* Of the places that are watched no more, the stays end, and that is told. */
static void end_zones(struct analytics *analytics, const struct rule_context *before, int64_t at_ms,
                      const struct analytics_sink *sink)
{
    const struct observation nobody = {.at_ms = at_ms};
    for (size_t i = 0; i < before->zone_count; i++) {
        struct rule_context ended = *before;
        ended.zones = &before->zones[i];
        ended.zone_count = 1;
        ended.line_count = 0;
        ended.is_no_frame = true;
        if (!ended.zones->zone || !ended.zones->is_begun)
            continue;
        zone_watch_finish(ended.zones);
        run_rules(analytics, &ended, &nobody, sink);
    }
}

void analytics_configure(struct analytics *analytics, const struct camera *camera, const struct rule_settings *settings,
                         int64_t at_ms, const struct analytics_sink *sink)
{
    struct camera camera_before = analytics->camera;
    struct rule_context before = analytics->context;
    before.camera = &camera_before;
    record_copy(&camera_descriptor, camera, &analytics->camera);
    analytics->settings = *settings;
    start_watches(analytics, &before);
    end_zones(analytics, &before, at_ms, sink);
    stop_watches(&before);
    if (!ground_is_same(&camera_before.rules, &camera->rules)) {
        ground_init(&analytics->ground, &camera->rules);
        for (size_t i = 0; i < analytics->context.zone_count; i++)
            zone_watch_forget_ways(&analytics->context.zones[i]);
    }
    record_clear(&camera_descriptor, &camera_before);
}

/* ---- frames ---- */

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
    run_rules(analytics, &analytics->context, observation, sink);
}

void analytics_finish(struct analytics *analytics, int64_t at_ms, const struct analytics_sink *sink)
{
    const struct observation nobody = {.at_ms = at_ms};
    for (size_t i = 0; i < analytics->context.zone_count; i++)
        zone_watch_finish(&analytics->context.zones[i]);
    for (size_t i = 0; i < analytics->context.line_count; i++)
        analytics->context.lines[i].change_count = 0;
    struct rule_context ended = analytics->context;
    ended.is_no_frame = true;
    run_rules(analytics, &ended, &nobody, sink);
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
