/* Tampering: the camera is covered, blurred, moved, dark or frozen. One of the first four at a time, the strongest word
 * first: who covers a lens makes it blurred and its view another, too. Each is told once until it was over. */
#include "analytics/analytics_internal.h"

enum tamper { TAMPER_DARK, TAMPER_COVERED, TAMPER_BLURRED, TAMPER_MOVED, TAMPER_FROZEN, TAMPERS };
static const enum rule_signal tamper_signals[TAMPERS] = {RULE_SIGNAL_CAMERA_DARK, RULE_SIGNAL_CAMERA_COVERED,
                                                         RULE_SIGNAL_CAMERA_BLURRED, RULE_SIGNAL_CAMERA_MOVED,
                                                         RULE_SIGNAL_CAMERA_FROZEN};

/* A picture tells of the moments before it, not of an outage, nor of all that lies between two key frames: it stands
 * for this long at most. */
static const double step_max_seconds = 1;
enum { PICTURES_LEAST = 2 }; /* one alone may be a camera's that just came back */

struct tampering {
    double seconds[TAMPERS]; /* for which it held, less those since for which it did not */
    int pictures[TAMPERS];   /* in which it held, since it last was over */
    bool is_told[TAMPERS];
    int64_t last_us; /* -1: no frame yet */
};

static void *create(const struct rule_context *context)
{
    (void)context;
    struct tampering *tampering = g_new0(struct tampering, 1);
    tampering->last_us = -1;
    return tampering;
}

/* What the picture looks like: one of the first four, or TAMPERS when it is as usual. */
static enum tamper look(const struct picture_facts *picture, const struct camera_rules *camera_rules)
{
    const double one = PICTURE_SHARE_ONE;
    if (picture->mean_luma < camera_rules->tamper_dark)
        return TAMPER_DARK;
    if (!picture->is_usual_known)
        return TAMPERS;
    if (picture->edges / one < camera_rules->tamper_covered && picture->contrast / one < camera_rules->tamper_covered)
        return TAMPER_COVERED;
    if (picture->edges / one < camera_rules->tamper_blurred)
        return TAMPER_BLURRED;
    return picture->likeness / one < camera_rules->tamper_moved ? TAMPER_MOVED : TAMPERS;
}

static void tell(enum tamper tamper, const struct picture_facts *picture, const struct observation *observation,
                 const struct analytics_sink *sink)
{
    const double one = PICTURE_SHARE_ONE;
    char attributes[128];
    g_snprintf(attributes, sizeof attributes, "{\"luma\":%d,\"edges\":%.2f,\"contrast\":%.2f,\"likeness\":%.2f}",
               picture->mean_luma, picture->edges / one, picture->contrast / one, picture->likeness / one);
    rule_tell(&(struct finding){.signal = tamper_signals[tamper], .attributes = attributes}, observation, sink);
}

/* True when it has held long enough, in several pictures, and was not told. A frame that says otherwise now and then,
 * as noise makes some, only sets it back by as long; when it is set back to nothing it is over. */
static bool is_due(struct tampering *tampering, enum tamper tamper, bool holds, double limit, double seconds)
{
    double *held = &tampering->seconds[tamper];
    *held = CLAMP(*held + (holds ? seconds : -seconds), 0, limit);
    if (*held == 0 && !holds) {
        tampering->is_told[tamper] = false;
        tampering->pictures[tamper] = 0;
    }
    if (holds && tampering->pictures[tamper] < PICTURES_LEAST)
        tampering->pictures[tamper]++;
    return holds && *held >= limit && tampering->pictures[tamper] >= PICTURES_LEAST && !tampering->is_told[tamper];
}

/* A shift of the whole picture happens once and is told at once; the view after it may soon look usual enough. */
static bool has_shifted(const struct observation *observation, const struct camera_rules *camera_rules,
                        enum tamper seen)
{
    return observation->is_camera_move && seen >= TAMPER_MOVED && camera_rules->tamper_moved > 0;
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    struct tampering *tampering = state;
    const struct picture_facts *picture = observation->picture;
    const struct camera_rules *camera_rules = &context->camera->rules;
    if (!picture)
        return;
    double seconds = tampering->last_us < 0 ? 0 : (double)(observation->media_us - tampering->last_us) / 1e6;
    seconds = CLAMP(seconds, 0, step_max_seconds);
    tampering->last_us = observation->media_us;
    enum tamper seen = look(picture, camera_rules);
    if (has_shifted(observation, camera_rules, seen)) {
        seen = TAMPER_MOVED;
        tampering->seconds[TAMPER_MOVED] = camera_rules->tamper_seconds;
        tampering->pictures[TAMPER_MOVED] = PICTURES_LEAST;
    }
    for (enum tamper i = 0; i < TAMPERS; i++) {
        bool is_frozen = (double)picture->repeated_us >= camera_rules->frozen_seconds * 1e6;
        bool is_wanted = (i == TAMPER_FROZEN ? camera_rules->frozen_seconds : camera_rules->tamper_seconds) > 0;
        bool holds = is_wanted && (i == TAMPER_FROZEN ? is_frozen : i == seen);
        /* repeated_us has waited already */
        double limit = i == TAMPER_FROZEN ? 0 : camera_rules->tamper_seconds;
        if (!is_due(tampering, i, holds, limit, seconds))
            continue;
        tampering->is_told[i] = true;
        tell(i, picture, observation, sink);
    }
}

const struct rule rule_tampering = {
    "tampering", "the camera is covered, blurred, moved, dark or frozen", create, observe, NULL, g_free};
