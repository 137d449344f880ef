#include "vision/motion_kernels.h"

#include "base/cpu.h"
#include "vision/motion_kernels_internal.h"

#include <string.h>

/* ---- the plan of groups ---- */

/* Division of up to 255.5 × pixels by `pixels` as a multiplication in 16 bits; exact while the multiplier's error, at
 * most `pixels` in 2^(16 + shift), times what is divided stays below 2^(16 + shift) (Granlund and Montgomery 1994). */
static void plan_division(struct group_plan *plan, unsigned pixels)
{
    for (int shift = 0; shift < 15; shift++) {
        uint32_t whole = UINT32_C(1) << (16 + shift), multiplier = (whole + pixels - 1) / pixels;
        uint64_t error = (uint64_t)multiplier * pixels - whole, largest = 255u * pixels + pixels / 2;
        if (multiplier > UINT16_MAX)
            return;
        if (largest <= UINT16_MAX && error * largest < whole) {
            plan->multiplier = (uint16_t)multiplier;
            plan->shift = shift;
            return;
        }
    }
}

/* The groups that begin among eight window sums from `at` on. */
static void plan_shuffle(const struct group_plan *plan, int at, uint8_t *lanes)
{
    memset(lanes, 0x80, 2 * GROUP_LANES); /* nothing */
    for (int group = 0; group < GROUP_LANES; group++) {
        int place = plan->first + group * plan->size * plan->step - at;
        if (place < 0 || place >= GROUP_LANES)
            continue;
        lanes[2 * group] = (uint8_t)(2 * place);
        lanes[2 * group + 1] = (uint8_t)(2 * place + 1);
    }
}

void group_plan_init(struct group_plan *plan, int size, int step, int first, int pixels)
{
    memset(plan, 0, sizeof *plan);
    plan->size = size;
    plan->step = step;
    plan->first = first;
    plan->half = (unsigned)pixels / 2;
    plan->reciprocal = (UINT64_C(1) << GROUP_RECIPROCAL_SHIFT) / (unsigned)pixels + 1;
    if (size > GROUP_SIZE_MAX || step > GROUP_STEP_MAX)
        return;
    plan_division(plan, (unsigned)pixels);
    for (int i = 0; i < size * step; i++)
        plan_shuffle(plan, i * GROUP_LANES, plan->shuffles[i]);
}

/* ---- portable forms ---- */

void sum_rows_portable(uint16_t *sums, const struct pixel_rows *from, int count)
{
    for (int x = 0; x < count; x++) {
        unsigned sum = 0;
        for (int row = 0; row < from->rows; row++)
            sum += from->first[(ptrdiff_t)row * from->stride + x];
        sums[x] = (uint16_t)sum;
    }
}

void sum_row_pairs_portable(uint16_t *sums, const struct pixel_rows *from, int count)
{
    for (int x = 0; x < count; x++) {
        unsigned sum = 0;
        for (int row = 0; row < from->rows; row++) {
            const uint8_t *pair = from->first + (ptrdiff_t)row * from->stride + (ptrdiff_t)2 * x;
            sum += (unsigned)pair[0] + pair[1];
        }
        sums[x] = (uint16_t)sum;
    }
}

void average_groups_portable(uint8_t *to, const uint16_t *sums, const struct group_plan *plan, int count)
{
    const uint16_t *sum = sums + plan->first;
    for (int x = 0; x < count; x++) {
        unsigned total = plan->half;
        for (int i = 0; i < plan->size; i++, sum += plan->step)
            total += *sum;
        to[x] = (uint8_t)(total * plan->reciprocal >> GROUP_RECIPROCAL_SHIFT);
    }
}

void average_threes_portable(uint8_t *to, const uint8_t *from, int ahead, int count)
{
    (void)ahead;
    for (int x = 0; x < count; x++, from += 3)
        to[x] = (uint8_t)((from[0] + from[1] + from[2] + 1) / 3);
}

static struct compare_result compare_portable(uint8_t *foreground, const struct compare_rows *rows,
                                              const struct compare_limits *limits, int count)
{
    return compare_body(foreground, rows, limits, count);
}

static struct light_counts count_light_portable(const float *means, const uint8_t *luma, float low, float high,
                                                int count)
{
    return count_light_body(means, luma, low, high, 0, count);
}

static void update_portable(float *means, const uint8_t *plane, const uint8_t *keep, float share, int count)
{
    update_body(means, plane, keep, share, count);
}

static void try_cell_portable(const struct look_trial *trial, int offset, const struct look_cell *cell)
{
    try_cell_body(trial, offset, cell);
}

const struct motion_kernels motion_kernels_portable = {
    sum_rows_portable, sum_row_pairs_portable, average_groups_portable, average_threes_portable,
    compare_portable,  count_light_portable,   update_portable,         try_cell_portable,
};

const struct motion_kernels *motion_kernels_choose(void)
{
    static const struct {
        enum cpu_feature feature;
        const struct motion_kernels *(*kernels)(void);
    } forms[] = {
        {CPU_AVX512, motion_kernels_avx512},
        {CPU_AVX2, motion_kernels_avx2},
        {CPU_SSE41, motion_kernels_sse41},
        {CPU_NEON, motion_kernels_neon},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (cpu_has(forms[i].feature) && forms[i].kernels())
            return forms[i].kernels();
    return &motion_kernels_portable;
}
