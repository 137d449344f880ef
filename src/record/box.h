/* Boxes against each other. */
#pragma once

#include <glib.h>
#include <math.h>

#include "record/record.h"

/* Of the frame: as far as records let a box reach out of it. */
enum { BOX_LEAST = -1, BOX_MOST = 2 };

/* What is no number, or endless, becomes `least`. */
static inline double box_bound_number(double value, double least, double most)
{
    return isfinite(value) ? CLAMP(value, least, most) : least;
}

/* The box as records may have it: each of its numbers held to BOX_LEAST..BOX_MOST, its size to 0 or more. */
static inline struct record_box box_bound(const struct record_box *box)
{
    return (struct record_box){box_bound_number(box->x, BOX_LEAST, BOX_MOST),
                               box_bound_number(box->y, BOX_LEAST, BOX_MOST), box_bound_number(box->w, 0, BOX_MOST),
                               box_bound_number(box->h, 0, BOX_MOST)};
}

/* The area that lies in both; 0: they do not meet. */
static inline double box_shared_area(const struct record_box *a, const struct record_box *b)
{
    double w = MIN(a->x + a->w, b->x + b->w) - MAX(a->x, b->x), h = MIN(a->y + a->h, b->y + b->h) - MAX(a->y, b->y);
    return w > 0 && h > 0 ? w * h : 0;
}

/* Intersection over union, 0..1. */
static inline double box_iou(const struct record_box *a, const struct record_box *b)
{
    double shared = box_shared_area(a, b);
    return shared > 0 ? shared / (a->w * a->h + b->w * b->h - shared) : 0;
}
