/* Intrusion: someone entered a zone where nobody should be. Told once per track and cooldown. */
#include "analytics/analytics_internal.h"

static void *create(const struct rule_context *context)
{
    (void)context;
    return NULL;
}

static bool is_guarded(const struct zone *zone)
{
    return zone->kind == ZONE_INTRUSION || zone->kind == ZONE_RESTRICTED;
}

static void tell(const struct zone_watch *watch, struct zone_stay *stay, const struct observation *observation,
                 const struct analytics_sink *sink)
{
    bool is_restricted = watch->zone->kind == ZONE_RESTRICTED;
    struct signal signal = {
        .service = SERVICE_SAFETY,
        .kind = (char *)(uintptr_t)(is_restricted ? "restricted_zone" : "intrusion"),
        .severity = SEVERITY_HIGH,
        .confidence = 1,
        .started_at = {observation->at_ms},
        .track_ids = {&stay->watched.id, 1},
        .zone_id = watch->zone->id,
        .box = stay->box,
    };
    stay->intrusion_told_us = observation->media_us;
    sink->emit(sink->data, EVENT_SIGNAL, &signal);
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    (void)state;
    for (size_t i = 0; i < context->zone_count; i++) {
        const struct zone_watch *watch = &context->zones[i];
        for (int j = 0; is_guarded(watch->zone) && j < watch->change_count; j++) {
            struct zone_stay *stay = watch->changes[j].stay;
            double since = (double)(observation->media_us - stay->intrusion_told_us) / 1e6;
            bool was_told = stay->intrusion_told_us >= 0 && since < context->settings->cooldown_seconds;
            if (watch->changes[j].event == ZONE_HIT_ENTER && !was_told)
                tell(watch, stay, observation, sink);
        }
    }
}

static void release(void *state)
{
    (void)state;
}

const struct rule rule_intrusion = {
    "intrusion", "someone entered a zone of kind intrusion or restricted", create, observe, NULL, release};
