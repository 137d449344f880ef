#include "vision/motion_kernels_internal.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

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

static void average_threes_neon(uint8_t *to, const uint8_t *from, int ahead, int count)
{
    enum { LANES = 16 };
    int x = 0;
    for (; x + LANES <= count; x += LANES, from += 3 * LANES) {
        __builtin_prefetch(from + ahead);
        const uint8x16x3_t pixels = vld3q_u8(from);
        uint16x8_t low = vaddl_u8(vget_low_u8(pixels.val[0]), vget_low_u8(pixels.val[1]));
        uint16x8_t high = vaddl_high_u8(pixels.val[0], pixels.val[1]);
        low = vaddq_u16(vaddw_u8(low, vget_low_u8(pixels.val[2])), vdupq_n_u16(1));
        high = vaddq_u16(vaddw_high_u8(high, pixels.val[2]), vdupq_n_u16(1));
        /* twice the product by half of THIRD, which is even */
        low = vreinterpretq_u16_s16(vqdmulhq_n_s16(vreinterpretq_s16_u16(low), THIRD / 2));
        high = vreinterpretq_u16_s16(vqdmulhq_n_s16(vreinterpretq_s16_u16(high), THIRD / 2));
        vst1q_u8(to + x, vcombine_u8(vmovn_u16(low), vmovn_u16(high)));
    }
    average_threes_portable(to + x, from, ahead, count - x);
}

/* ---- the background and looks ---- */

#define WIDE(NAME) NAME##_neon
#define WIDE_FORM
enum { WIDE_LANES = 4 };
typedef float floats_neon __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t ints_neon __attribute__((vector_size(16), aligned(4), may_alias));

static inline ints_neon bytes_to_ints_neon(const uint8_t *from)
{
    uint32_t four;
    memcpy(&four, from, sizeof four);
    uint16x4_t words = vget_low_u16(vmovl_u8(vcreate_u8(four)));
    return (ints_neon)vmovl_u16(words);
}

static inline void mask_to_bytes_neon(uint8_t *to, ints_neon mask)
{
    int16x4_t words = vmovn_s32((int32x4_t)mask);
    uint32_t four = vget_lane_u32(vreinterpret_u32_s8(vmovn_s16(vcombine_s16(words, words))), 0);
    memcpy(to, &four, sizeof four);
}

static inline int any_neon(ints_neon mask)
{
    return vmaxvq_u32((uint32x4_t)mask) != 0;
}

#include "vision/motion_kernels_wide.h"

static const struct motion_kernels neon = {
    sum_rows_neon, sum_row_pairs_neon, average_groups_neon, average_threes_neon,
    compare_neon,  count_light_neon,   update_neon,         try_cell_neon,
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
