/* For the files of motion's kernels alone. */
#pragma once

#include "vision/motion_kernels.h"
#include "vision/motion_kernels_body.h"

#include <stdbool.h>
#include <stddef.h>

/* Exact for sums of up to 255 × pixels while there are at most 2^16 pixels (Granlund and Montgomery 1994: the error,
 * sum × pixels / 2^40, stays below 1 / pixels). */
enum { GROUP_RECIPROCAL_SHIFT = 40 };
/* A third of up to 766, by 16 bits: (sum × THIRD) >> 16. */
enum { THIRD = 0x5556 };

/* The ends of rows that fill no vector are done by these. */
void sum_rows_portable(uint16_t *sums, const struct pixel_rows *from, int count);
void sum_row_pairs_portable(uint16_t *sums, const struct pixel_rows *from, int count);
void average_groups_portable(uint8_t *to, const uint16_t *sums, const struct group_plan *plan, int count);
void average_threes_portable(uint8_t *to, const uint8_t *from, int ahead, int count);

/* NULL where this was compiled for another kind of processor. */
const struct motion_kernels *motion_kernels_sse41(void);
const struct motion_kernels *motion_kernels_avx2(void);
const struct motion_kernels *motion_kernels_avx512(void);
const struct motion_kernels *motion_kernels_neon(void);
