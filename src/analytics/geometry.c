#include "analytics/analytics_internal.h"

#include <math.h>
#include <string.h>

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
