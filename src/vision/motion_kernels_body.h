/* The specification of motion's pixel loops. Included by files that compile it for one instruction set each, for the
 * ends of rows that fill no vector. */
#pragma once

#include "vision/motion_kernels.h"

/* A sum of three colours' differences that still is the same colour, and how far another one speaks against a place. */
#define LOOK_SAME 42.0f
#define LOOK_OTHER 0.5f

#define BODY static inline __attribute__((always_inline))

BODY struct pixel_rows pixel_rows_from(const struct pixel_rows *rows, int x)
{
    struct pixel_rows rest = *rows;
    rest.first += x;
    return rest;
}

BODY float apart(uint8_t pixel, float other)
{
    float difference = (float)pixel - other;
    return difference < 0 ? -difference : difference;
}

BODY struct compare_result compare_body(uint8_t *restrict foreground, const struct compare_rows *rows,
                                        const struct compare_limits *limits, int count)
{
    const float *restrict y = rows->means[0], *restrict u = rows->means[1], *restrict v = rows->means[2];
    const uint8_t *restrict luma = rows->planes[0], *restrict cb = rows->planes[1], *restrict cr = rows->planes[2];
    const struct compare_limits at = *limits;
    int32_t differing = 0, total = 0;
    for (int i = 0; i < count; i++) {
        float now = luma[i], difference = apart(luma[i], y[i]), chroma = apart(cb[i], u[i]) + apart(cr[i], v[i]);
        float share = at.base + at.relative * y[i], limit = share > at.noise_floor ? share : at.noise_floor;
        int is_shadow = (chroma < at.shadow_chroma) & (now < y[i]) & (now > y[i] * at.shadow);
        int differs = ((difference > limit) & !is_shadow) | (chroma > at.chroma);
        foreground[i] = (uint8_t)-differs;
        differing += differs;
        total += (int32_t)(difference * DIFFERENCE_ONE + 0.5f) & (differs - 1);
    }
    return (struct compare_result){differing, total};
}

/* `i` is the first pixel looked at. */
BODY struct light_counts count_light_body(const float *restrict means, const uint8_t *restrict luma, float low,
                                          float high, int i, int count)
{
    struct light_counts counts = {0};
    for (; i < count; i += LIGHT_SAMPLE_STEP) {
        if (means[i] < LIGHT_DARK || luma[i] > LIGHT_BRIGHT)
            continue;
        float now = (float)luma[i] * LIGHT_ONE;
        counts.samples++;
        counts.below += now < means[i] * low;
        counts.above += now >= means[i] * high;
    }
    return counts;
}

BODY void update_body(float *restrict means, const uint8_t *restrict plane, const uint8_t *restrict keep, float share,
                      int count)
{
    for (int i = 0; i < count; i++) {
        float moved = means[i] + share * ((float)plane[i] - means[i]);
        means[i] = keep[i] ? means[i] : moved;
    }
}

BODY void try_cell_body(const struct look_trial *trial, int offset, const struct look_cell *cell)
{
    const float weight = cell->weight, y = cell->colour[0], u = cell->colour[1], v = cell->colour[2];
    for (int row = 0; row < trial->rows; row++) {
        const int from = offset + row * trial->stride, to = row * trial->places;
        const uint8_t *restrict luma = trial->planes[0] + from, *restrict cb = trial->planes[1] + from;
        const uint8_t *restrict cr = trial->planes[2] + from, *restrict states = trial->states + from;
        float *restrict total = trial->total + to, *restrict seen = trial->seen + to, *restrict fit = trial->fit + to;
        for (int i = 0; i < trial->places; i++) {
            float likeness = 1 - (apart(luma[i], y) + apart(cb[i], u) + apart(cr[i], v)) * (1 / LOOK_SAME);
            likeness = likeness > -LOOK_OTHER ? likeness : -LOOK_OTHER;
            float value = states[i] == LOOK_FREE ? likeness : -1;
            total[i] += states[i] != LOOK_OUTSIDE ? weight : 0;
            seen[i] += states[i] > LOOK_CLAIMED ? weight : 0;
            fit[i] += states[i] > LOOK_CLAIMED ? weight * value : 0;
        }
    }
}
