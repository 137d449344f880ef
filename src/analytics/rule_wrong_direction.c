/* Wrong direction: over a line the way it does not allow, or through a zone on another heading than it allows. A
 * heading is the way from where the figure was until it has gone heading_distance: who only shakes has none. */
#include "analytics/analytics_internal.h"

#include <math.h>

/* Who paces to and fro over a line goes the wrong way every other time, and is told once a cooldown. */
static bool may_tell(const struct line_walker *walker, const struct rule_context *context,
                     const struct observation *observation)
{
    double since = (double)(observation->media_us - walker->told_us) / 1e6;
    return walker->told_us < 0 || since >= context->settings->cooldown_seconds;
}

static void observe_line(const struct line_watch *watch, const struct rule_context *context,
                         const struct observation *observation, const struct analytics_sink *sink)
{
    enum line_direction wrong = watch->line->allowed == LINE_ALLOWED_IN ? LINE_OUT : LINE_IN;
    for (int i = 0; i < watch->change_count; i++) {
        const struct line_change *change = &watch->changes[i];
        if (change->direction != wrong || !may_tell(change->walker, context, observation))
            continue;
        change->walker->told_us = observation->media_us;
        rule_tell(&(struct finding){.signal = RULE_SIGNAL_WRONG_DIRECTION,
                                    .place = watch->line->id,
                                    .watched = &change->walker->watched,
                                    .box = &change->walker->box},
                  observation, sink);
    }
}

/* Degrees clockwise from rightwards, as seen; false while it has not gone far enough. */
static bool measure_heading(struct zone_stay *stay, const struct rule_settings *settings,
                            const struct observation *observation, double *degrees)
{
    double aspect = observation_aspect(observation);
    struct record_point now = stay->watched.anchor;
    if (stay->heading.id != stay->watched.id) {
        stay->heading = (struct stay_way){stay->watched.id, observation->media_us, now};
        return false;
    }
    double dx = now.x - stay->heading.from.x, dy = (now.y - stay->heading.from.y) * aspect;
    double least = settings->heading_distance * watched_height(&stay->watched) * aspect;
    if (dx * dx + dy * dy < least * least)
        return false;
    stay->heading.from = now;
    *degrees = atan2(dy, dx) * 180 / G_PI;
    return true;
}

static void observe_stay(const struct zone_watch *watch, struct zone_stay *stay, const struct rule_context *context,
                         const struct observation *observation, const struct analytics_sink *sink)
{
    double heading;
    if (!measure_heading(stay, context->settings, observation, &heading))
        return;
    double off = fabs(remainder(heading - watch->zone->allowed_heading.value, 360));
    if (off <= watch->zone->heading_tolerance ||
        !zone_watch_may_tell(watch, stay, STAY_DIRECTION, context, observation))
        return;
    char attributes[64];
    g_snprintf(attributes, sizeof attributes, "{\"heading\":%.0f,\"allowed\":%.0f}",
               heading < 0 ? heading + 360 : heading, watch->zone->allowed_heading.value);
    zone_watch_tell(watch, stay, STAY_DIRECTION,
                    (struct finding){.signal = RULE_SIGNAL_WRONG_DIRECTION, .attributes = attributes}, observation,
                    sink);
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    (void)state;
    for (size_t i = 0; i < context->line_count; i++)
        if (context->lines[i].line->allowed > LINE_ALLOWED_BOTH && context->lines[i].is_active)
            observe_line(&context->lines[i], context, observation, sink);
    for (size_t i = 0; i < context->zone_count; i++) {
        const struct zone_watch *watch = &context->zones[i];
        for (int j = 0; watch->zone->allowed_heading.is_present && j < watch->present_count; j++)
            observe_stay(watch, watch->present[j], context, observation, sink);
    }
}

const struct rule rule_wrong_direction = {"wrong_direction",
                                          "someone crossed a line, or goes through a zone, the way it does not allow",
                                          rule_create_nothing,
                                          observe,
                                          NULL,
                                          rule_free_nothing};
