/* Who crossed a line: kept once for all rules that ask. A line is a finite segment; a crossing counts when the track
 * has settled on the other side (settle_distance away for settle_frames) and its way led over the segment. Standing on
 * the line, shaking on it, and walking round its end do not count; a track that is lost on the line passes what was
 * known on to its successor. */
#include "analytics/analytics_internal.h"

#include <math.h>
#include <string.h>

/* How far a line goes on beyond the picture, in pictures: further than boxes do. */
static const double beyond_picture = 2;

/* The end of the line, or where it goes on to from the picture's edge: the feet of who is cut by the edge lie beyond.
 */
static struct record_point line_end(struct record_point from, struct record_point end, double length)
{
    double x = (end.x - from.x) / length, y = (end.y - from.y) / length;
    bool is_leaving = (x < 0 && end.x <= 0) || (x > 0 && end.x >= 1) || (y < 0 && end.y <= 0) || (y > 0 && end.y >= 1);
    double further = is_leaving ? beyond_picture : 0;
    return (struct record_point){end.x + x * further, end.y + y * further};
}

void line_watch_init(struct line_watch *watch, const struct line *line, const struct camera_rules *camera_rules,
                     const struct rule_settings *settings, int64_t *shed)
{
    memset(watch, 0, sizeof *watch);
    watch->line = line;
    double length = hypot(line->b.x - line->a.x, line->b.y - line->a.y);
    watch->ends[0] = line_end(line->b, line->a, length);
    watch->ends[1] = line_end(line->a, line->b, length);
    watch_list_init(&watch->walkers, sizeof(struct line_walker), line->anchor, settings, shed);
    schedule_init(&watch->schedule, &line->schedule, camera_rules->time_zone);
    watch->changes = g_new0(struct line_change, WATCH_TRACKS_MAX);
}

void line_watch_clear(struct line_watch *watch)
{
    watch_list_clear(&watch->walkers);
    schedule_clear(&watch->schedule);
    g_free(watch->changes);
}

void line_watch_configure(struct line_watch *watch, const struct line *line, const struct camera_rules *camera_rules,
                          const struct rule_settings *settings)
{
    watch->line = line;
    watch_list_configure(&watch->walkers, settings);
    schedule_clear(&watch->schedule);
    schedule_init(&watch->schedule, &line->schedule, camera_rules->time_zone);
}

/* What one frame shows to one line. */
struct look {
    struct line_watch *watch;
    const struct rule_settings *settings;
    const struct observation *observation;
    /* taken from them, because every track asks */
    struct record_point a, b;
    enum anchor anchor;
    int64_t media_us;
    double settle_distance;
    double length; /* of the line, in frame widths */
};

static void cross(const struct look *look, struct line_walker *walker)
{
    struct line_watch *watch = look->watch;
    enum line_direction direction = walker->side > 0 ? LINE_IN : LINE_OUT;
    int64_t *counted_us = &walker->counted_us[direction - LINE_IN], media_us = look->observation->media_us;
    bool is_counted = *counted_us < 0 || (double)(media_us - *counted_us) >= watch->line->recount_seconds * 1e6;
    if (is_counted)
        *counted_us = media_us;
    *(direction == LINE_IN ? &watch->ins : &watch->outs) += is_counted;
    watch->changes[watch->change_count++] = (struct line_change){direction, is_counted, walker};
}

/* -1 left, 1 right, 0 too near to tell. The position is an area of the frame: with a length in frame widths it gives a
 * distance in frame heights, as the height is, however the line lies. */
static inline int side_of(const struct look *look, double height, double position)
{
    return fabs(position) < look->settle_distance * height * look->length ? 0 : position < 0 ? -1 : 1;
}

static inline __attribute__((always_inline)) void see(void *data, void *item, const struct observed_track *track,
                                                      const struct sighting *sighting)
{
    const struct look *look = data;
    struct line_walker *walker = item;
    struct record_point before = walker->watched.anchor, now = sighting->anchors[look->anchor - 1];
    bool has_before = walker->watched.seen_us >= 0;
    if (!has_before)
        walker->counted_us[0] = walker->counted_us[1] = walker->told_us = -1;
    watched_note(&walker->watched, track, sighting, look->anchor, look->media_us);
    double position = side_of_line(look->a, look->b, now);
    if (has_before && walker->is_left != (position < 0))
        walker->has_met = segments_meet(look->watch->ends[0], look->watch->ends[1], before, now);
    walker->is_left = position < 0;
    int side = side_of(look, sighting->box.h, position);
    walker->frames[0] = walker->frames[0] << 1 | (side < 0);
    walker->frames[1] = walker->frames[1] << 1 | (side > 0);
    if (side == 0 || side == walker->side || !is_settled(walker->frames[side > 0], look->settings))
        return;
    bool is_crossing = walker->side != 0 && walker->has_met;
    walker->side = (int8_t)side;
    walker->box = sighting->box;
    walker->frames[0] = walker->frames[1] = 0;
    if (is_crossing)
        cross(look, walker);
}

void line_watch_observe(struct line_watch *watch, const struct rule_settings *settings,
                        const struct observation *observation)
{
    const struct line *line = watch->line;
    struct look look = {watch,
                        settings,
                        observation,
                        line->a,
                        line->b,
                        line->anchor,
                        observation->media_us,
                        settings->settle_distance,
                        hypot(line->b.x - line->a.x, (line->b.y - line->a.y) * observation_aspect(observation))};
    watch->change_count = 0;
    watch->is_active = schedule_is_active(&watch->schedule, observation->at_ms);
    watch_list_forget(&watch->walkers, observation, &watch->line->classes, NULL);
    watch_list_observe(&watch->walkers, observation, &watch->line->classes, NULL, see, &look);
}
