/* Speed: the way gone over the ground in speed_seconds. In m/s where the camera is calibrated, else in frame widths a
 * second. A track that took over from another starts to be measured anew: its first step is no way that was gone. So is
 * one that was where no ground is. */
#include "analytics/analytics_internal.h"

#include <math.h>

/* False while the way has not taken long enough. */
static bool measure_speed(struct zone_stay *stay, const struct rule_context *context,
                          const struct observation *observation, double *speed)
{
    struct record_point now;
    if (!ground_point(context->ground, stay->watched.anchor, observation_aspect(observation), &now)) {
        stay->pace.id = 0;
        return false;
    }
    double seconds = (double)(observation->media_us - stay->pace.since_us) / 1e6;
    bool is_same = stay->pace.id == stay->watched.id;
    if (is_same && seconds < context->settings->speed_seconds)
        return false;
    *speed = hypot(now.x - stay->pace.from.x, now.y - stay->pace.from.y) / seconds;
    stay->pace = (struct stay_way){stay->watched.id, observation->media_us, now};
    return is_same;
}

static void observe_stay(const struct zone_watch *watch, struct zone_stay *stay, const struct rule_context *context,
                         const struct observation *observation, const struct analytics_sink *sink)
{
    double speed;
    if (!measure_speed(stay, context, observation, &speed) || !(speed > watch->zone->speed_limit) ||
        !zone_watch_may_tell(watch, stay, STAY_SPEED, context, observation))
        return;
    char attributes[96];
    g_snprintf(attributes, sizeof attributes, "{\"speed\":%.2f,\"limit\":%.2f,\"unit\":\"%s\"}", speed,
               watch->zone->speed_limit, context->ground->is_calibrated ? "m/s" : "widths/s");
    zone_watch_tell(watch, stay, STAY_SPEED, (struct finding){.signal = RULE_SIGNAL_SPEEDING, .attributes = attributes},
                    observation, sink);
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    (void)state;
    for (size_t i = 0; i < context->zone_count; i++) {
        const struct zone_watch *watch = &context->zones[i];
        for (int j = 0; watch->zone->speed_limit > 0 && j < watch->present_count; j++)
            observe_stay(watch, watch->present[j], context, observation, sink);
    }
}

const struct rule rule_speed = {
    "speed", "someone is faster in a zone than its speed_limit", rule_create_nothing, observe, NULL, rule_free_nothing};
