/* Fall-like change, experimental and off unless the camera has fall_seconds: a figure that was upright becomes wide
 * within moments and stays so without going anywhere. It sees boxes only: who bends, sits down or is half hidden can
 * look the same, and who falls towards the camera does not. */
#include "analytics/analytics_internal.h"

#include <math.h>

/* Upright people are two to three times as high as wide, lying ones wider than high. */
static const double upright_ratio = 1.5, lying_ratio = 0.9;
/* From upright to lying in longer than this, nobody fell. */
static const double fall_seconds_max = 2;
/* A lying figure that goes further than its own width lives: it crawls, or is a car. */
static const double still_share = 1;

struct faller {
    struct watched watched; /* first: see watch_list */
    int64_t upright_us;     /* last seen upright; -1: never */
    int64_t lying_us;       /* lies since; -1: it does not */
    struct record_point lies_at;
    int64_t told_us; /* -1: never */
};

static void *create(const struct rule_context *context)
{
    struct watch_list *fallers = g_new0(struct watch_list, 1);
    watch_list_init(fallers, sizeof(struct faller), ANCHOR_CENTRE, context->settings, context->shed);
    return fallers;
}

static void release(void *state)
{
    watch_list_clear(state);
    g_free(state);
}

/* What one frame shows. */
struct look {
    const struct rule_context *context;
    const struct observation *observation;
    const struct analytics_sink *sink;
};

static void note_posture(struct faller *faller, const struct record_box *box, double aspect, int64_t media_us)
{
    double ratio = box->w > 0 ? box->h / box->w * aspect : 0;
    if (ratio >= upright_ratio) {
        faller->upright_us = media_us;
        faller->lying_us = -1;
        return;
    }
    bool is_recent = faller->upright_us >= 0 && (double)(media_us - faller->upright_us) <= fall_seconds_max * 1e6;
    if (ratio <= lying_ratio && faller->lying_us < 0 && is_recent) {
        faller->lying_us = media_us;
        faller->lies_at = faller->watched.anchor;
    }
    double dx = faller->watched.anchor.x - faller->lies_at.x, dy = faller->watched.anchor.y - faller->lies_at.y;
    if (faller->lying_us >= 0 && hypot(dx, dy * aspect) > still_share * box->w)
        faller->lying_us = -1;
}

static void see(void *data, void *item, const struct observed_track *track, const struct sighting *sighting)
{
    const struct look *look = data;
    struct faller *faller = item;
    int64_t media_us = look->observation->media_us;
    if (faller->watched.seen_us < 0)
        faller->upright_us = faller->lying_us = faller->told_us = -1;
    watched_note(&faller->watched, track, sighting, ANCHOR_CENTRE, media_us);
    const struct record_box box = sighting->box;
    note_posture(faller, &box, observation_aspect(look->observation), media_us);
    const struct rule_context *context = look->context;
    bool is_due =
        faller->lying_us >= 0 && (double)(media_us - faller->lying_us) >= context->camera->rules.fall_seconds * 1e6;
    bool was_told =
        faller->told_us >= 0 && (double)(media_us - faller->told_us) < context->settings->cooldown_seconds * 1e6;
    if (!is_due || was_told)
        return;
    faller->told_us = media_us;
    faller->lying_us = -1;
    rule_tell(&(struct finding){.signal = RULE_SIGNAL_FALL,
                                .watched = &faller->watched,
                                .box = &box,
                                .attributes = "{\"experimental\":true}"},
              look->observation, look->sink);
}

static void observe(void *state, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    static const struct record_strings every_class;
    if (context->camera->rules.fall_seconds == 0 || context->is_no_frame)
        return;
    struct look look = {context, observation, sink};
    watch_list_forget(state, observation, &every_class, NULL);
    watch_list_observe(state, observation, &every_class, NULL, see, &look);
}

const struct rule rule_fall = {
    "fall", "experimental: someone who was upright lies for fall_seconds", create, observe, NULL, release};
