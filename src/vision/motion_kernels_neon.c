#include "vision/motion_kernels_internal.h"

#if defined(__aarch64__)

#include <arm_neon.h>

static void sum_rows_neon(uint16_t *sums, const struct pixel_rows *from, int count)
{
    enum { LANES = 16 };
    int x = 0;
    for (; x + LANES <= count; x += LANES) {
        const uint8_t *at = from->first + x;
        uint16x8_t low = vdupq_n_u16(0), high = low;
        for (int row = 0; row < from->rows; row++, at += from->stride) {
            __builtin_prefetch(at + from->ahead);
            uint8x16_t pixels = vld1q_u8(at);
            low = vaddw_u8(low, vget_low_u8(pixels));
            high = vaddw_high_u8(high, pixels);
        }
        vst1q_u16(sums + x, low);
        vst1q_u16(sums + x + LANES / 2, high);
    }
    const struct pixel_rows rest = pixel_rows_from(from, x);
    sum_rows_portable(sums + x, &rest, count - x);
}

static void sum_row_pairs_neon(uint16_t *sums, const struct pixel_rows *from, int count)
{
    enum { LANES = 8 };
    int x = 0;
    for (; x + 2 * LANES <= count; x += 2 * LANES) {
        const uint8_t *at = from->first + (ptrdiff_t)2 * x;
        uint16x8_t low = vdupq_n_u16(0), high = low;
        for (int row = 0; row < from->rows; row++, at += from->stride) {
            __builtin_prefetch(at + from->ahead);
            low = vpadalq_u8(low, vld1q_u8(at));
            high = vpadalq_u8(high, vld1q_u8(at + 2 * LANES));
        }
        vst1q_u16(sums + x, low);
        vst1q_u16(sums + x + LANES, high);
    }
    const struct pixel_rows rest = pixel_rows_from(from, 2 * x);
    sum_row_pairs_portable(sums + x, &rest, count - x);
}

static void average_groups_neon(uint8_t *to, const uint16_t *sums, const struct group_plan *plan, int count)
{
    const int16x8_t shift = vdupq_n_s16((int16_t)-plan->shift);
    int x = 0;
    for (; plan->multiplier && x + GROUP_LANES <= count; x += GROUP_LANES) {
        uint16x8_t total = vdupq_n_u16((uint16_t)plan->half);
        for (int i = 0; i < plan->size * plan->step; i++, sums += GROUP_LANES) {
            uint16x8_t window = vld1q_u16(sums);
            for (int j = 1; j < plan->size; j++)
                window = vaddq_u16(window, vld1q_u16(sums + (ptrdiff_t)j * plan->step));
            uint8x16_t picked = vqtbl1q_u8(vreinterpretq_u8_u16(window), vld1q_u8(plan->shuffles[i]));
            total = vaddq_u16(total, vreinterpretq_u16_u8(picked));
        }
        uint16x4_t low = vshrn_n_u32(vmull_n_u16(vget_low_u16(total), plan->multiplier), 16);
        uint16x8_t high = vshrn_high_n_u32(low, vmull_high_n_u16(total, plan->multiplier), 16);
        vst1_u8(to + x, vmovn_u16(vshlq_u16(high, shift)));
    }
    average_groups_portable(to + x, sums, plan, count - x);
}

static const struct motion_kernels neon = {
    sum_rows_neon, sum_row_pairs_neon, average_groups_neon, compare_portable, update_portable, try_cell_portable,
};

const struct motion_kernels *motion_kernels_neon(void)
{
    return &neon;
}

#else

const struct motion_kernels *motion_kernels_neon(void)
{
    return NULL;
}

#endif
