/* The table of rules, and what they tell by. A new rule is one new file and one row here. */
#include "analytics/analytics_internal.h"

const struct rule *const rules[] = {
    &rule_line,      &rule_zone,   &rule_intrusion, &rule_loitering,
    &rule_occupancy, &rule_crowd,  &rule_queue,     &rule_wrong_direction,
    &rule_speed,     &rule_object, &rule_tampering, &rule_fall,
};
const size_t rule_count = G_N_ELEMENTS(rules);

void *rule_create_nothing(const struct rule_context *context)
{
    (void)context;
    return NULL;
}

void rule_free_nothing(void *state)
{
    (void)state;
}

void rule_tell(const struct finding *finding, const struct observation *observation, const struct analytics_sink *sink)
{
    uint64_t id = finding->watched ? finding->watched->id : 0;
    const struct rule_signal_info *info = &rule_signals[finding->signal];
    struct signal signal = {
        .service = info->service,
        .kind = (char *)(uintptr_t)info->kind,
        .severity = info->severity,
        .confidence = 1,
        .started_at = {observation->at_ms},
        .track_ids = {&id, finding->watched ? 1 : 0},
        .zone_id = (char *)(uintptr_t)finding->place,
        .box = finding->box ? *finding->box : (struct record_box){0, 0, 1, 1},
        .attributes = {(char *)(uintptr_t)finding->attributes},
    };
    sink->emit(sink->data, EVENT_SIGNAL, &signal);
}

bool is_settled(uint32_t frames, const struct rule_settings *settings)
{
    int of = settings->settle_of_frames > 0 ? settings->settle_of_frames : settings->settle_frames;
    uint32_t latest = of >= 32 ? frames : frames & ((UINT32_C(1) << of) - 1);
    return __builtin_popcount(latest) >= settings->settle_frames;
}

bool limit_is_exceeded(bool was_exceeded, int count, int limit, int hysteresis)
{
    return count > limit || (was_exceeded && count > MAX(limit + 1 - hysteresis, 0));
}
