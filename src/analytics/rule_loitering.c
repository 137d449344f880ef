/* Loitering: someone spent more than loitering_seconds in a zone, all stays together: who steps out and in again goes
 * on where it left off. Told once per track. */
#include "analytics/analytics_internal.h"

static void observe_stay(const struct zone_watch *watch, struct zone_stay *stay, const struct rule_context *context,
                         const struct observation *observation, const struct analytics_sink *sink)
{
    double seconds = (double)stay->present_us / 1e6;
    if (seconds < watch->zone->loitering_seconds ||
        !zone_watch_may_tell(watch, stay, STAY_LOITERING, context, observation))
        return;
    char attributes[64];
    g_snprintf(attributes, sizeof attributes, "{\"seconds\":%.1f}", seconds);
    zone_watch_tell(watch, stay, STAY_LOITERING,
                    (struct finding){.signal = RULE_SIGNAL_LOITERING, .attributes = attributes}, observation, sink);
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    (void)state;
    for (size_t i = 0; i < context->zone_count; i++) {
        const struct zone_watch *watch = &context->zones[i];
        for (int j = 0; watch->zone->loitering_seconds > 0 && j < watch->present_count; j++)
            if (!watch->present[j]->is_told[STAY_LOITERING])
                observe_stay(watch, watch->present[j], context, observation, sink);
    }
}

const struct rule rule_loitering = {
    "loitering",      "someone stays around in a zone with loitering_seconds", rule_create_nothing, observe, NULL,
    rule_free_nothing};
