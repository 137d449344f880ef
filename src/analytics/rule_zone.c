/* Zone hits: enter, exit and dwell, one for each change of a stay. */
#include "analytics/analytics_internal.h"

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    (void)state;
    (void)observation;
    for (size_t i = 0; i < context->zone_count; i++) {
        const struct zone_watch *watch = &context->zones[i];
        for (int j = 0; j < watch->change_count; j++) {
            const struct zone_change *change = &watch->changes[j];
            struct zone_hit hit = {
                .zone_id = watch->zone->id,
                .track_id = change->stay->watched.id,
                .event = change->event,
                .dwell_seconds = {change->event != ZONE_HIT_ENTER, change->seconds},
                .object_class = (char *)(uintptr_t)change->stay->watched.object_class,
                .at = {change->at_ms},
                .box = change->stay->box,
            };
            sink->emit(sink->data, EVENT_ZONE_HIT, &hit);
        }
    }
}

static size_t count(const void *state, const struct rule_context *context, struct analytics_count *counts,
                    size_t capacity)
{
    (void)state;
    size_t written = 0;
    for (; written < context->zone_count && written < capacity; written++) {
        const struct zone_watch *watch = &context->zones[written];
        counts[written] = (struct analytics_count){watch->zone->id, false, watch->entries, watch->exits, watch->inside};
    }
    return written;
}

const struct rule rule_zone = {
    "zone", "a track entered, left or stayed in a zone", rule_create_nothing, observe, count, rule_free_nothing};
