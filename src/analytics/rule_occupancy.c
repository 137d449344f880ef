/* Occupancy: how many are in a zone, written on a change and at an interval; a signal above the zone's limit, raised
 * again only after there were fewer, by the zone's hysteresis. */
#include "analytics/analytics_internal.h"

#include <glib.h>

static void log_count(struct zone_watch *watch, const struct observation *observation,
                      const struct analytics_sink *sink)
{
    struct zone_count *told = &watch->told;
    struct occupancy_log record = {
        .zone_id = watch->zone->id,
        .at = {observation->at_ms},
        .count = watch->inside,
        .entries = watch->entries - told->entries,
        .exits = watch->exits - told->exits,
    };
    *told = (struct zone_count){true,         watch->inside,         watch->entries,
                                watch->exits, observation->media_us, told->is_exceeded};
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

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    (void)state;
    double interval = context->settings->occupancy_interval_seconds;
    for (size_t i = 0; i < context->zone_count; i++) {
        struct zone_watch *watch = &context->zones[i];
        struct zone_count *told = &watch->told;
        bool is_due = interval > 0 && (double)(observation->media_us - told->told_us) >= interval * 1e6;
        if (!told->is_told || told->count != watch->inside || is_due)
            log_count(watch, observation, sink);
        int limit = watch->zone->occupancy_limit;
        bool was_exceeded = told->is_exceeded;
        told->is_exceeded = limit > 0 && watch->is_active &&
                            limit_is_exceeded(was_exceeded, watch->inside, limit, watch->zone->hysteresis);
        if (told->is_exceeded && !was_exceeded)
            tell_exceeded(watch, observation, sink);
    }
}

const struct rule rule_occupancy = {
    "occupancy",      "how many are in a zone, and when they are too many", rule_create_nothing, observe, NULL,
    rule_free_nothing};
