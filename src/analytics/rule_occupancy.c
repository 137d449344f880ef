/* Occupancy: how many are in a zone, written on a change and at an interval; a signal above the zone's limit, raised
 * again only after there were fewer, by the zone's hysteresis. */
#include "analytics/analytics_internal.h"

#include <glib.h>

struct zone_count {
    int told, entries, exits; /* as of the last record */
    int64_t told_us;          /* -1: never */
    bool is_exceeded;
};

static void *create(const struct rule_context *context)
{
    struct zone_count *counts = g_new0(struct zone_count, context->zone_count + 1);
    for (size_t i = 0; i < context->zone_count; i++)
        counts[i].told_us = -1;
    return counts;
}

static void log_count(struct zone_count *count, const struct zone_watch *watch, const struct observation *observation,
                      const struct analytics_sink *sink)
{
    struct occupancy_log record = {
        .zone_id = watch->zone->id,
        .at = {observation->at_ms},
        .count = watch->inside,
        .entries = watch->entries - count->entries,
        .exits = watch->exits - count->exits,
    };
    *count =
        (struct zone_count){watch->inside, watch->entries, watch->exits, observation->media_us, count->is_exceeded};
    sink->emit(sink->data, EVENT_OCCUPANCY, &record);
}

static void tell_exceeded(const struct zone_watch *watch, const struct observation *observation,
                          const struct analytics_sink *sink)
{
    char attributes[64];
    g_snprintf(attributes, sizeof attributes, "{\"count\":%d,\"limit\":%d}", watch->inside,
               watch->zone->occupancy_limit);
    rule_tell(&(struct finding){.service = SERVICE_OCCUPANCY,
                                .kind = "occupancy_exceeded",
                                .severity = SEVERITY_MEDIUM,
                                .place = watch->zone->id,
                                .attributes = attributes},
              observation, sink);
}

static void observe(void *data, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    struct zone_count *counts = data;
    double interval = context->settings->occupancy_interval_seconds;
    for (size_t i = 0; i < context->zone_count; i++) {
        const struct zone_watch *watch = &context->zones[i];
        struct zone_count *count = &counts[i];
        bool is_due = interval > 0 && (double)(observation->media_us - count->told_us) >= interval * 1e6;
        if (count->told_us < 0 || count->told != watch->inside || is_due)
            log_count(count, watch, observation, sink);
        int limit = watch->zone->occupancy_limit;
        bool was_exceeded = count->is_exceeded;
        count->is_exceeded = limit > 0 && watch->is_active &&
                             limit_is_exceeded(was_exceeded, watch->inside, limit, watch->zone->hysteresis);
        if (count->is_exceeded && !was_exceeded)
            tell_exceeded(watch, observation, sink);
    }
}

const struct rule rule_occupancy = {
    "occupancy", "how many are in a zone, and when they are too many", create, observe, NULL, g_free};
