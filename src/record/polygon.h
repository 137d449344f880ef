/* Polygons: which points lie in one, and which boxes it reaches into. */
#pragma once

#include <math.h>

#include "record/record.h"

/* Crossing number (Jordan curve theorem). A polygon of no points holds none. */
static inline bool polygon_holds(const struct record_points *polygon, struct record_point p)
{
    bool is_inside = false;
    for (size_t i = 0, j = polygon->count - 1; i < polygon->count; j = i++) {
        struct record_point a = polygon->items[i], b = polygon->items[j];
        if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x)
            is_inside = !is_inside;
    }
    return is_inside;
}

/* Where in the picture somebody is whose box may go on beyond its edges: at the edge. The far ones lie a step of stored
 * boxes inside, for a polygon over the whole picture does not hold its own right and lower sides. */
static inline struct record_point point_within_picture(struct record_point p)
{
    static const double last = 1 - 0x1p-12;
    return (struct record_point){CLAMP(p.x, 0, last), CLAMP(p.y, 0, last)};
}

/* Whether a point of a–b lies in the box or on its edge (Liang and Barsky: what is left of it between each two sides).
 */
static inline bool segment_meets_box(struct record_point a, struct record_point b, const struct record_box *box)
{
    const double starts[] = {a.x - box->x, a.y - box->y}, steps[] = {b.x - a.x, b.y - a.y}, sizes[] = {box->w, box->h};
    double from = 0, to = 1;
    for (int axis = 0; axis < 2; axis++) {
        if (steps[axis] == 0 && (starts[axis] < 0 || starts[axis] > sizes[axis]))
            return false;
        if (steps[axis] == 0)
            continue;
        double low = -starts[axis] / steps[axis], high = (sizes[axis] - starts[axis]) / steps[axis];
        from = fmax(from, fmin(low, high));
        to = fmin(to, fmax(low, high));
    }
    return from <= to;
}

/* Whether any of the box lies in the polygon, however thin that is there: an edge reaches into the box, or all of it is
 * inside. */
static inline bool polygon_meets_box(const struct record_points *polygon, const struct record_box *box)
{
    for (size_t i = 0, j = polygon->count - 1; i < polygon->count; j = i++)
        if (segment_meets_box(polygon->items[j], polygon->items[i], box))
            return true;
    return polygon_holds(polygon, (struct record_point){box->x + box->w / 2, box->y + box->h / 2});
}
