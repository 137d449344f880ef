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

struct analytics *analytics_new(const struct camera *camera, const struct rule_settings *settings)
{
    struct analytics *analytics = g_new0(struct analytics, 1);
    record_copy(&camera_descriptor, camera, &analytics->camera);
    analytics->settings = *settings;
    start_watches(analytics);
    analytics->states = g_new0(void *, rule_count);
    for (size_t i = 0; i < rule_count; i++)
        analytics->states[i] = rules[i]->create(&analytics->context);
    return analytics;
}

void analytics_free(struct analytics *analytics)
{
    if (!analytics)
        return;
    for (size_t i = 0; i < rule_count; i++)
        rules[i]->free(analytics->states[i]);
    for (size_t i = 0; i < analytics->context.zone_count; i++)
        zone_watch_clear(&analytics->context.zones[i]);
    for (size_t i = 0; i < analytics->context.line_count; i++)
        line_watch_clear(&analytics->context.lines[i]);
    g_free(analytics->context.zones);
    g_free(analytics->context.lines);
    g_free(analytics->states);
    record_clear(&camera_descriptor, &analytics->camera);
    g_free(analytics);
}

static void run_rules(struct analytics *analytics, const struct observation *observation,
                      const struct analytics_sink *sink)
{
    for (size_t i = 0; i < rule_count; i++)
        rules[i]->observe(analytics->states[i], &analytics->context, observation, sink);
}

void analytics_observe(struct analytics *analytics, const struct observation *observation,
                       const struct analytics_sink *sink)
{
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
