/* Line crossing. A line is a finite segment; a crossing counts once per track and direction, when the track has settled
 * on the other side (settle_distance away for settle_frames) and its way led over the segment. Standing on the line,
 * shaking on it, and walking round its end do not count; a track that is lost on the line passes what was known on to
 * its successor. */
#include "analytics/analytics_internal.h"

#include <glib.h>
#include <math.h>

struct walker {
    struct watched watched;
    int side;             /* settled: -1 left, 1 right, 0 not yet */
    int new_side, frames; /* seen there in a row */
    bool has_met;         /* the last change of side led over the segment */
};

struct line_watch {
    const struct line *line;
    struct walker *walkers; /* WATCH_TRACKS_MAX; [0, count) */
    int count, ins, outs;
    int64_t shed;
};

struct line_state {
    struct line_watch *lines;
    size_t count;
};

static void *create(const struct rule_context *context)
{
    struct line_state *state = g_new0(struct line_state, 1);
    state->count = context->camera->lines.count;
    state->lines = g_new0(struct line_watch, state->count);
    for (size_t i = 0; i < state->count; i++) {
        state->lines[i].line = (const struct line *)context->camera->lines.items + i;
        state->lines[i].walkers = g_new0(struct walker, WATCH_TRACKS_MAX);
    }
    return state;
}

static void release(void *data)
{
    struct line_state *state = data;
    for (size_t i = 0; i < state->count; i++)
        g_free(state->lines[i].walkers);
    g_free(state->lines);
    g_free(state);
}

static struct walker *walker_of(struct line_watch *watch, const struct observed_track *track, int64_t media_us)
{
    for (int i = 0; i < watch->count; i++)
        if (watch->walkers[i].watched.id == track->id)
            return &watch->walkers[i];
    for (int i = 0; i < watch->count; i++)
        if (watched_is_same(&watch->walkers[i].watched, track, media_us))
            return &watch->walkers[i];
    if (watch->count == WATCH_TRACKS_MAX) {
        watch->shed++;
        return NULL;
    }
    struct walker *walker = &watch->walkers[watch->count++];
    *walker = (struct walker){.watched = {.seen_us = -1}};
    return walker;
}

static void emit(struct line_watch *watch, const struct walker *walker, const struct observation *observation,
                 const struct observed_track *track, const struct analytics_sink *sink)
{
    enum line_direction direction = walker->side > 0 ? LINE_IN : LINE_OUT;
    *(direction == LINE_IN ? &watch->ins : &watch->outs) += 1;
    struct line_crossing crossing = {
        .line_id = watch->line->id,
        .track_id = track->id,
        .direction = direction,
        .object_class = (char *)(uintptr_t)track->object_class,
        .at = {observation->at_ms},
        .box = track_box(track),
    };
    sink->emit(sink->data, EVENT_LINE_CROSSING, &crossing);
}

static void observe_track(struct line_watch *watch, const struct rule_settings *settings,
                          const struct observation *observation, const struct observed_track *track,
                          const struct analytics_sink *sink)
{
    struct walker *walker = walker_of(watch, track, observation->media_us);
    if (!walker)
        return;
    struct record_point before = walker->watched.anchor;
    bool has_before = walker->watched.seen_us >= 0;
    watched_note(&walker->watched, track, observation->media_us);
    struct record_point now = walker->watched.anchor, a = watch->line->a, b = watch->line->b;
    double position = side_of_line(a, b, now);
    if (has_before && (side_of_line(a, b, before) < 0) != (position < 0))
        walker->has_met = segments_meet(a, b, before, now);
    double distance = fabs(position) / hypot(b.x - a.x, b.y - a.y);
    int side = distance < settings->settle_distance * walker->watched.height ? 0 : position < 0 ? -1 : 1;
    walker->frames = side != 0 && side == walker->new_side ? walker->frames + 1 : 1;
    walker->new_side = side;
    if (side == 0 || side == walker->side || walker->frames < settings->settle_frames)
        return;
    bool is_crossing = walker->side != 0 && walker->has_met;
    walker->side = side;
    if (is_crossing)
        emit(watch, walker, observation, track, sink);
}

static void forget(struct line_watch *watch, int64_t media_us)
{
    int kept = 0;
    for (int i = 0; i < watch->count; i++)
        if (media_us - watch->walkers[i].watched.seen_us <= watch_memory_us)
            watch->walkers[kept++] = watch->walkers[i];
    watch->count = kept;
}

static void observe(void *data, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    struct line_state *state = data;
    for (size_t i = 0; i < state->count; i++) {
        struct line_watch *watch = &state->lines[i];
        forget(watch, observation->media_us);
        for (int j = 0; j < observation->track_count; j++) {
            const struct observed_track *track = &observation->tracks[j];
            if (track->is_confirmed && !track->is_lost && class_is_wanted(&watch->line->classes, track->object_class))
                observe_track(watch, context->settings, observation, track, sink);
        }
    }
}

static size_t count(const void *data, const struct rule_context *context, struct analytics_count *counts,
                    size_t capacity)
{
    (void)context;
    const struct line_state *state = data;
    size_t written = 0;
    for (; written < state->count && written < capacity; written++)
        counts[written] = (struct analytics_count){state->lines[written].line->id, true, state->lines[written].ins,
                                                   state->lines[written].outs, 0};
    return written;
}

const struct rule rule_line = {"line", "a track crossed a line", create, observe, count, release};
