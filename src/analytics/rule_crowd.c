/* Crowd: more than crowd_limit are in a zone for crowd_seconds. Told again only after there were fewer, by the zone's
 * hysteresis. */
#include "analytics/analytics_internal.h"

static void tell(const struct zone_watch *watch, const struct observation *observation,
                 const struct analytics_sink *sink)
{
    char attributes[64];
    g_snprintf(attributes, sizeof attributes, "{\"count\":%d,\"limit\":%d}", watch->inside, watch->zone->crowd_limit);
    rule_tell(&(struct finding){.signal = RULE_SIGNAL_CROWD, .place = watch->zone->id, .attributes = attributes},
              observation, sink);
}

/* As of a frame, or of what was before it: who was out of sight for too long is gone then. */
static void note_count(struct zone_crowd *crowd, const struct zone *zone, int inside, int64_t media_us)
{
    bool was_exceeded = crowd->is_exceeded;
    crowd->is_exceeded = limit_is_exceeded(was_exceeded, inside, zone->crowd_limit, zone->hysteresis);
    if (!was_exceeded)
        crowd->since_us = media_us;
    crowd->is_told = crowd->is_told && crowd->is_exceeded;
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    (void)state;
    for (size_t i = 0; i < context->zone_count; i++) {
        struct zone_watch *watch = &context->zones[i];
        const struct zone *zone = watch->zone;
        struct zone_crowd *crowd = &watch->crowd;
        if (zone->crowd_limit == 0)
            continue;
        if (watch->ended.count > 0)
            note_count(crowd, zone, watch->ended.inside, observation->media_us);
        note_count(crowd, zone, watch->inside, observation->media_us);
        bool is_long = (double)(observation->media_us - crowd->since_us) >= zone->crowd_seconds * 1e6;
        if (!crowd->is_exceeded || crowd->is_told || !is_long || !watch->is_active)
            continue;
        crowd->is_told = true;
        tell(watch, observation, sink);
    }
}

const struct rule rule_crowd = {
    "crowd",          "more than crowd_limit are in a zone for crowd_seconds", rule_create_nothing, observe, NULL,
    rule_free_nothing};
