/* Boxes against each other. */
#pragma once

#include <glib.h>

#include "record/record.h"

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
