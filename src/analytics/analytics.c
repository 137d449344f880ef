#include "analytics/analytics.h"

#include "analytics/analytics_internal.h"

#include <glib.h>

struct analytics {
    struct camera camera;
    struct rule_settings settings;
    struct rule_context context;
    void **states; /* one per rule */
    int64_t shed;
};

struct analytics *analytics_new(const struct camera *camera, const struct rule_settings *settings)
{
    struct analytics *analytics = g_new0(struct analytics, 1);
    record_copy(&camera_descriptor, camera, &analytics->camera);
    analytics->settings = *settings;
    size_t zone_count = camera->zones.count;
    analytics->context = (struct rule_context){&analytics->camera, &analytics->settings,
                                               g_new0(struct zone_watch, zone_count + 1), zone_count, &analytics->shed};
    for (size_t i = 0; i < zone_count; i++)
        zone_watch_init(&analytics->context.zones[i], (const struct zone *)analytics->camera.zones.items + i,
                        &analytics->shed);
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
    g_free(analytics->context.zones);
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
    run_rules(analytics, observation, sink);
}

void analytics_finish(struct analytics *analytics, int64_t at_ms, const struct analytics_sink *sink)
{
    const struct observation nobody = {.at_ms = at_ms};
    for (size_t i = 0; i < analytics->context.zone_count; i++)
        zone_watch_finish(&analytics->context.zones[i]);
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
