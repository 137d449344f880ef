/* The loops of motion that touch every pixel. Each has a portable form, which is the specification, and twins for the
 * instruction sets there are; a struct of pointers is chosen once, by what the processor has. All give the same bits.
 *
 *   motion_kernels.c         portable forms, choice
 *   motion_kernels_x86.c     SSE4.1, AVX2
 *   motion_kernels_neon.c    NEON
 *   motion_kernels_wide.h    what these three sets share
 *   motion_kernels_avx512.c  AVX-512, whose masks make other loops
 */
#pragma once

#include <stdint.h>

/* ---- averages of squares ---- */

enum { GROUP_SIZE_MAX = 12, GROUP_STEP_MAX = 2, GROUP_LANES = 8, GROUP_SLACK = GROUP_SIZE_MAX * GROUP_STEP_MAX };

struct pixel_rows {
    const uint8_t *first;
    int stride, rows;
    int ahead; /* bytes to what will be asked for next: memory is slow to begin */
};

/* How sums of columns become averages: groups of `size` sums, `step` apart, the first at `first`. */
struct group_plan {
    int size, step, first;
    unsigned half;       /* of the pixels in a square: rounds to nearest */
    uint64_t reciprocal; /* of the pixels in a square, times 2^40 */
    /* the same for eight averages at once in 16 bits: (sum + half) × multiplier >> 16 >> shift. 0: it does not fit */
    uint16_t multiplier;
    int shift;
    /* of window sums from 8 × i on, those that are groups, each to its lane */
    uint8_t shuffles[GROUP_SIZE_MAX * GROUP_STEP_MAX][16];
};
/* `pixels` in each square; a row of squares has `size` sums for each. */
void group_plan_init(struct group_plan *plan, int size, int step, int first, int pixels);

/* ---- the background ---- */

struct compare_limits {          /* levels, or shares */
    float noise_floor;           /* less than this is noise */
    float base, relative;        /* less than base and a share of the mean is too little to tell */
    float chroma, shadow_chroma; /* sum of both colours' differences */
    float shadow;                /* darker down to this share, without a change of colour, is shadow */
};
enum { DIFFERENCE_ONE = 128 }; /* differences are summed as whole numbers: so every order of summing gives the same */
struct compare_result {
    int32_t differing;  /* pixels */
    int32_t difference; /* sum over those that do not differ, in levels times DIFFERENCE_ONE */
};
struct compare_rows {
    const float *means[3];
    const uint8_t *planes[3];
};

static inline struct compare_rows compare_rows_from(const struct compare_rows *rows, int i)
{
    return (struct compare_rows){{rows->means[0] + i, rows->means[1] + i, rows->means[2] + i},
                                 {rows->planes[0] + i, rows->planes[1] + i, rows->planes[2] + i}};
}

/* ---- light ---- */

/* Every fifth pixel is looked at, and of these neither the dark ones, whose ratios are coarse, nor the overexposed.
 * Ratios of picture to background are in 1/LIGHT_ONE. */
enum { LIGHT_SAMPLE_STEP = 5, LIGHT_DARK = 12, LIGHT_BRIGHT = 250, LIGHT_ONE = 256 };
struct light_counts { /* pixels */
    int32_t samples, below, above;
};

/* ---- looks ---- */

enum look_state { LOOK_OUTSIDE = 0, LOOK_CLAIMED, LOOK_BACKGROUND, LOOK_FREE };
enum { LOOK_LANES = 8 };

/* One place of a figure's look. */
struct look_cell {
    int x, y;
    float weight, colour[3];
};

/* Places at which a look is tried, `rows` × `places` beside one another, and the pixels around them. */
struct look_trial {
    const uint8_t *planes[3], *states; /* states: enum look_state of each pixel */
    int stride;
    int rows, places;          /* places: a multiple of LOOK_LANES */
    float *total, *seen, *fit; /* for each place, of all cells: weight inside the picture, weight seen, fit */
};

struct motion_kernels {
    /* sums[x] = the sum of `rows` rows of pixels at x; at most 256 rows */
    void (*sum_rows)(uint16_t *sums, const struct pixel_rows *from, int count);
    /* sums[x] = the same of the pixels at 2x and 2x + 1; at most 128 rows */
    void (*sum_row_pairs)(uint16_t *sums, const struct pixel_rows *from, int count);
    /* Reads up to GROUP_SLACK sums beyond the last group. */
    void (*average_groups)(uint8_t *to, const uint16_t *sums, const struct group_plan *plan, int count);
    /* to[x] = the average of the pixels at 3x, 3x + 1 and 3x + 2 of one row: the colours of 1080p, most of all that is
     * read. `ahead` as in struct pixel_rows. */
    void (*average_threes)(uint8_t *to, const uint8_t *from, int ahead, int count);
    /* foreground[x] = 255 where the pixel differs from its mean and is no shadow, else 0; at most 32768 at a time */
    struct compare_result (*compare)(uint8_t *foreground, const struct compare_rows *rows,
                                     const struct compare_limits *limits, int count);
    /* Of the pixels that are looked at, those whose ratio to their mean is below `low` and those where it is `high` or
     * more. */
    struct light_counts (*count_light)(const float *means, const uint8_t *luma, float low, float high, int count);
    /* Moves means towards the picture by a share where `keep` is 0. */
    void (*update)(float *means, const uint8_t *plane, const uint8_t *keep, float share, int count);
    /* Adds what a cell says of each place; at the first it is seen at `offset` in the planes. */
    void (*try_cell)(const struct look_trial *trial, int offset, const struct look_cell *cell);
};

extern const struct motion_kernels motion_kernels_portable;
/* For what this processor has; static. */
const struct motion_kernels *motion_kernels_choose(void);
