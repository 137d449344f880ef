#include "analytics/analytics_internal.h"

#include <math.h>
#include <string.h>

const int64_t watch_memory_us = 2 * 1000000;

int16_t observation_quantise(double value, int one)
{
    double scaled = nearbyint(value * one);
    if (!(scaled > INT16_MIN)) /* and not a number */
        return INT16_MIN;
    return scaled > INT16_MAX ? INT16_MAX : (int16_t)scaled;
}

struct record_box track_box(const struct observed_track *track)
{
    const double one = OBSERVATION_BOX_ONE;
    return (struct record_box){track->x / one, track->y / one, track->w / one, track->h / one};
}

struct record_point track_anchor(const struct observed_track *track)
{
    struct record_box box = track_box(track);
    return (struct record_point){box.x + box.w / 2, box.y + box.h};
}

double side_of_line(struct record_point a, struct record_point b, struct record_point p)
{
    return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

bool segments_meet(struct record_point a, struct record_point b, struct record_point c, struct record_point d)
{
    return (side_of_line(a, b, c) < 0) != (side_of_line(a, b, d) < 0) &&
           (side_of_line(c, d, a) < 0) != (side_of_line(c, d, b) < 0);
}

/* Crossing number (Jordan curve theorem). */
bool polygon_holds(const struct record_points *polygon, struct record_point p)
{
    bool is_inside = false;
    for (size_t i = 0, j = polygon->count - 1; i < polygon->count; j = i++) {
        struct record_point a = polygon->items[i], b = polygon->items[j];
        if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x)
            is_inside = !is_inside;
    }
    return is_inside;
}

bool class_is_wanted(const struct record_strings *classes, const char *object_class)
{
    for (size_t i = 0; i < classes->count; i++)
        if (strcmp(classes->items[i], object_class) == 0)
            return true;
    return classes->count == 0;
}

void watched_note(struct watched *watched, const struct observed_track *track, int64_t media_us)
{
    watched->id = track->id;
    watched->object_class = track->object_class;
    watched->anchor = track_anchor(track);
    watched->height = track_box(track).h;
    watched->speed_x = (double)track->speed_x / OBSERVATION_SPEED_ONE;
    watched->speed_y = (double)track->speed_y / OBSERVATION_SPEED_ONE;
    watched->seen_us = media_us;
}

bool watched_is_same(const struct watched *watched, const struct observed_track *track, int64_t media_us)
{
    /* A figure is about a third as wide as high; half its height is a step aside, not another figure's place. */
    const double reach = 0.5, reach_per_second = 0.5;
    double seconds = (double)(media_us - watched->seen_us) / 1e6;
    if (seconds <= 0 || watched->object_class != track->object_class)
        return false;
    struct record_point anchor = track_anchor(track);
    double dx = anchor.x - (watched->anchor.x + watched->speed_x * seconds);
    double dy = anchor.y - (watched->anchor.y + watched->speed_y * seconds);
    return hypot(dx, dy) < watched->height * (reach + reach_per_second * seconds);
}
