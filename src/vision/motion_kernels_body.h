/* The specification of motion's pixel loops: written so that a compiler can make wide instructions of it. Included by
 * files that compile it for one instruction set each. */
#pragma once

#include "vision/motion_kernels.h"

#include <stdlib.h>

#define BODY static inline __attribute__((always_inline))

BODY struct pixel_rows pixel_rows_from(const struct pixel_rows *rows, int x)
{
    struct pixel_rows rest = *rows;
    rest.first += x;
    return rest;
}

/* a × b / 32768, rounded to nearest. */
BODY int16_t multiply_share(int16_t a, int16_t b)
{
    return (int16_t)(((int32_t)a * b + (1 << 14)) >> 15);
}

BODY int16_t larger(int16_t a, int16_t b)
{
    return a > b ? a : b;
}

BODY int16_t distance(uint8_t pixel, int16_t mean)
{
    int16_t difference = (int16_t)(pixel * MEAN_ONE - mean);
    return (int16_t)(difference < 0 ? -difference : difference);
}

BODY struct compare_result compare_body(uint8_t *restrict foreground, const struct compare_rows *rows,
                                        const struct compare_limits *limits, int count)
{
    const int16_t *restrict y = rows->means[0], *restrict u = rows->means[1], *restrict v = rows->means[2];
    const uint8_t *restrict luma = rows->planes[0], *restrict cb = rows->planes[1], *restrict cr = rows->planes[2];
    const struct compare_limits at = *limits;
    int32_t differing = 0, total = 0;
    for (int i = 0; i < count; i++) {
        int16_t difference = distance(luma[i], y[i]);
        /* halved, so that the sum of both has room */
        int16_t chroma = (int16_t)((distance(cb[i], u[i]) >> 1) + (distance(cr[i], v[i]) >> 1));
        int16_t limit = larger(at.noise_floor, (int16_t)(at.base + multiply_share(y[i], at.relative)));
        int16_t is_darker = (int16_t) - (luma[i] * MEAN_ONE < y[i]);
        int16_t is_no_darker_than_shadow = (int16_t) - (luma[i] * MEAN_ONE > multiply_share(y[i], at.shadow));
        int16_t is_shadow = (int16_t)(is_darker & is_no_darker_than_shadow & -(chroma < at.shadow_chroma));
        int16_t differs = (int16_t)((-(difference > limit) & ~is_shadow) | -(chroma > at.chroma));
        foreground[i] = (uint8_t)differs;
        differing -= differs;
        total += difference & ~differs;
    }
    return (struct compare_result){differing, total};
}

BODY void update_body(int16_t *restrict means, const uint8_t *restrict plane, const uint8_t *restrict keep, int share,
                      int count)
{
    for (int i = 0; i < count; i++) {
        int16_t step = multiply_share((int16_t)(plane[i] * MEAN_ONE - means[i]), (int16_t)share);
        means[i] = (int16_t)(means[i] + (keep[i] ? 0 : step));
    }
}

BODY int16_t apart(uint8_t pixel, int16_t colour)
{
    int16_t difference = (int16_t)(pixel - colour);
    return (int16_t)(difference < 0 ? -difference : difference);
}

BODY int16_t smaller(int16_t a, int16_t b)
{
    return a < b ? a : b;
}

BODY void try_cell_body(const struct look_trial *trial, int offset, const struct look_cell *cell)
{
    const int half = 1 << (LOOK_FIT_SHIFT - 1); /* rounds to nearest */
    const int16_t weight = cell->weight, y = cell->colour[0], u = cell->colour[1], v = cell->colour[2];
    for (int row = 0; row < trial->rows; row++) {
        const int from = offset + row * trial->stride, to = row * trial->places;
        const uint8_t *restrict luma = trial->planes[0] + from, *restrict cb = trial->planes[1] + from;
        const uint8_t *restrict cr = trial->planes[2] + from, *restrict states = trial->states + from;
        int16_t *restrict total = trial->total + to, *restrict seen = trial->seen + to, *restrict fit = trial->fit + to;
        for (int i = 0; i < trial->places; i++) {
            int16_t difference = (int16_t)(apart(luma[i], y) + apart(cb[i], u) + apart(cr[i], v));
            int16_t likeness = (int16_t)(LOOK_SAME - smaller(difference, LOOK_OTHER));
            int16_t is_inside = (int16_t) - (states[i] != LOOK_OUTSIDE),
                    is_seen = (int16_t) - (states[i] > LOOK_CLAIMED);
            int16_t is_free = (int16_t) - (states[i] == LOOK_FREE);
            int16_t value = (int16_t)((likeness & is_free) | (-LOOK_SAME & ~is_free));
            total[i] = (int16_t)(total[i] + (weight & is_inside));
            seen[i] = (int16_t)(seen[i] + (weight & is_seen));
            fit[i] = (int16_t)(fit[i] + ((value * weight + half) >> LOOK_FIT_SHIFT & is_seen));
        }
    }
}
