/* Line crossing. A line is a finite segment; a crossing counts once per track and direction, when the track has settled
 * on the other side (settle_distance away for settle_frames) and its way led over the segment. Standing on the line,
 * shaking on it, and walking round its end do not count; a track that is lost on the line passes what was known on to
 * its successor. */
#include "analytics/analytics_internal.h"

#include <glib.h>
#include <math.h>

struct walker {
    struct watched watched; /* first: see watch_list */
    int side;               /* settled: -1 left, 1 right, 0 not yet */
    int new_side, frames;   /* seen there in a row */
    bool has_met;           /* the last change of side led over the segment */
    struct record_box box;
};

struct line_watch {
    const struct line *line;
    struct watch_list walkers; /* of struct walker */
    int ins, outs;
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
        watch_list_init(&state->lines[i].walkers, sizeof(struct walker), context->shed);
    }
    return state;
}

static void release(void *data)
{
    struct line_state *state = data;
    for (size_t i = 0; i < state->count; i++)
        watch_list_clear(&state->lines[i].walkers);
    g_free(state->lines);
    g_free(state);
}

/* What one frame shows to one line. */
struct look {
    struct line_watch *watch;
    const struct rule_settings *settings;
    const struct observation *observation;
    const struct analytics_sink *sink;
};

static void emit(const struct look *look, const struct walker *walker)
{
    struct line_watch *watch = look->watch;
    enum line_direction direction = walker->side > 0 ? LINE_IN : LINE_OUT;
    *(direction == LINE_IN ? &watch->ins : &watch->outs) += 1;
    struct line_crossing crossing = {
        .line_id = watch->line->id,
        .track_id = walker->watched.id,
        .direction = direction,
        .object_class = (char *)(uintptr_t)walker->watched.object_class,
        .at = {look->observation->at_ms},
        .box = walker->box,
    };
    look->sink->emit(look->sink->data, EVENT_LINE_CROSSING, &crossing);
}

static void see(void *data, void *item, const struct observed_track *track)
{
    const struct look *look = data;
    struct walker *walker = item;
    struct record_point before = walker->watched.anchor;
    bool has_before = walker->watched.seen_us >= 0;
    watched_note(&walker->watched, track, look->observation->media_us);
    walker->box = track_box(track);
    struct record_point now = walker->watched.anchor, a = look->watch->line->a, b = look->watch->line->b;
    double position = side_of_line(a, b, now);
    if (has_before && (side_of_line(a, b, before) < 0) != (position < 0))
        walker->has_met = segments_meet(a, b, before, now);
    double distance = fabs(position) / hypot(b.x - a.x, b.y - a.y);
    int side = distance < look->settings->settle_distance * walker->watched.height ? 0 : position < 0 ? -1 : 1;
    walker->frames = side != 0 && side == walker->new_side ? walker->frames + 1 : 1;
    walker->new_side = side;
    if (side == 0 || side == walker->side || walker->frames < look->settings->settle_frames)
        return;
    bool is_crossing = walker->side != 0 && walker->has_met;
    walker->side = side;
    if (is_crossing)
        emit(look, walker);
}

static void observe(void *data, const struct rule_context *context, const struct observation *observation,
                    const struct analytics_sink *sink)
{
    struct line_state *state = data;
    for (size_t i = 0; i < state->count; i++) {
        struct look look = {&state->lines[i], context->settings, observation, sink};
        watch_list_forget(&look.watch->walkers, observation->media_us, NULL);
        watch_list_observe(&look.watch->walkers, observation, &look.watch->line->classes, NULL, see, &look);
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
