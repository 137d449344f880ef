/* Intrusion: someone is in a zone where nobody should be, now by its schedule. Told once per track and cooldown. */
#include "analytics/analytics_internal.h"

static bool is_guarded(const struct zone *zone)
{
    return zone->kind == ZONE_INTRUSION || zone->kind == ZONE_RESTRICTED;
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    (void)state;
    for (size_t i = 0; i < context->zone_count; i++) {
        const struct zone_watch *watch = &context->zones[i];
        if (!is_guarded(watch->zone))
            continue;
        enum rule_signal signal =
            watch->zone->kind == ZONE_RESTRICTED ? RULE_SIGNAL_RESTRICTED_ZONE : RULE_SIGNAL_INTRUSION;
        for (int j = 0; j < watch->present_count; j++)
            if (zone_watch_may_tell(watch, watch->present[j], STAY_INTRUSION, context, observation))
                zone_watch_tell(watch, watch->present[j], STAY_INTRUSION, (struct finding){.signal = signal},
                                observation, sink);
    }
}

const struct rule rule_intrusion = {"intrusion",
                                    "someone is in a zone of kind intrusion or restricted while its schedule guards it",
                                    rule_create_nothing,
                                    observe,
                                    NULL,
                                    rule_free_nothing};
