/* Occupancy: how many are in a zone, written on a change and at an interval; a signal above the zone's limit, raised
 * again only after there were fewer, by the zone's hysteresis. */
#include "analytics/analytics_internal.h"

#include <glib.h>

static void log_count(struct zone_watch *watch, struct zone_count now, int64_t at_ms, const struct analytics_sink *sink)
{
    struct zone_count *told = &watch->told;
    struct occupancy_log record = {
        .zone_id = watch->zone->id,
        .at = {at_ms},
        .count = now.count,
        .entries = now.entries - told->entries,
        .exits = now.exits - told->exits,
    };
    now.is_told = true;
    now.is_exceeded = told->is_exceeded;
    *told = now;
    sink->emit(sink->data, EVENT_OCCUPANCY, &record);
}

/* Who was out of sight left when it was last seen, as its exit says, and not when that became known: nobody was there
 * while no picture came. Records of a zone stay in their order. */
static void log_ended(struct zone_watch *watch, const struct analytics_sink *sink)
{
    const struct zone_ended *ended = &watch->ended;
    int64_t as_of_us = MAX(ended->media_us, watch->told.told_us);
    log_count(watch,
              (struct zone_count){
                  .count = ended->inside, .entries = ended->entries, .exits = ended->exits, .told_us = as_of_us},
              ended->at_ms + (as_of_us - ended->media_us) / 1000, sink);
}

static void log_present(struct zone_watch *watch, const struct observation *observation,
                        const struct analytics_sink *sink)
{
    log_count(
        watch,
        (struct zone_count){
            .count = watch->inside, .entries = watch->entries, .exits = watch->exits, .told_us = observation->media_us},
        observation->at_ms, sink);
}

static void tell_exceeded(const struct zone_watch *watch, const struct observation *observation,
                          const struct analytics_sink *sink)
{
    char attributes[64];
    g_snprintf(attributes, sizeof attributes, "{\"count\":%d,\"limit\":%d}", watch->inside,
               watch->zone->occupancy_limit);
    rule_tell(
        &(struct finding){.signal = RULE_SIGNAL_OCCUPANCY_EXCEEDED, .place = watch->zone->id, .attributes = attributes},
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
        if (watch->ended.count > 0)
            log_ended(watch, sink);
        bool is_due = interval > 0 && (double)(observation->media_us - told->told_us) >= interval * 1e6;
        if (!told->is_told || told->count != watch->inside || is_due)
            log_present(watch, observation, sink);
        int limit = watch->zone->occupancy_limit, hysteresis = watch->zone->hysteresis;
        bool was_exceeded = told->is_exceeded;
        if (watch->ended.count > 0) /* there were fewer before the frame */
            was_exceeded = was_exceeded && limit_is_exceeded(true, watch->ended.inside, limit, hysteresis);
        told->is_exceeded =
            limit > 0 && watch->is_active && limit_is_exceeded(was_exceeded, watch->inside, limit, hysteresis);
        if (told->is_exceeded && !was_exceeded)
            tell_exceeded(watch, observation, sink);
    }
}

const struct rule rule_occupancy = {
    "occupancy",      "how many are in a zone, and when they are too many", rule_create_nothing, observe, NULL,
    rule_free_nothing};
