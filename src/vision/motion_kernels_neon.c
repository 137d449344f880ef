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

static inline uint16x8_t apart_eight(const uint8_t *from, int16_t colour)
{
    return vabdl_u8(vld1_u8(from), vdup_n_u8((uint8_t)colour));
}

static inline void add_to(int16_t *sums, int16x8_t value)
{
    vst1q_s16(sums, vaddq_s16(vld1q_s16(sums), value));
}

static void try_cell_neon(const struct look_trial *trial, int offset, const struct look_cell *cell)
{
    const int16x8_t weight = vdupq_n_s16(cell->weight), background = vdupq_n_s16(-LOOK_SAME);
    for (int row = 0; row < trial->rows; row++)
        for (int i = 0; i < trial->places; i += LOOK_LANES) {
            int from = offset + row * trial->stride + i, to = row * trial->places + i;
            uint16x8_t difference = vaddq_u16(vaddq_u16(apart_eight(trial->planes[0] + from, cell->colour[0]),
                                                        apart_eight(trial->planes[1] + from, cell->colour[1])),
                                              apart_eight(trial->planes[2] + from, cell->colour[2]));
            uint16x8_t states = vmovl_u8(vld1_u8(trial->states + from));
            int16x8_t is_inside = vreinterpretq_s16_u16(vcgtq_u16(states, vdupq_n_u16(LOOK_OUTSIDE)));
            int16x8_t is_seen = vreinterpretq_s16_u16(vcgtq_u16(states, vdupq_n_u16(LOOK_CLAIMED)));
            int16x8_t likeness = vsubq_s16(vdupq_n_s16(LOOK_SAME),
                                           vreinterpretq_s16_u16(vminq_u16(difference, vdupq_n_u16(LOOK_OTHER))));
            int16x8_t value = vbslq_s16(vceqq_u16(states, vdupq_n_u16(LOOK_FREE)), likeness, background);
            int16x8_t fit = vrshrq_n_s16(vmulq_s16(value, weight), LOOK_FIT_SHIFT);
            add_to(trial->total + to, vandq_s16(weight, is_inside));
            add_to(trial->seen + to, vandq_s16(weight, is_seen));
            add_to(trial->fit + to, vandq_s16(fit, is_seen));
        }
}

static inline int16x8_t distance_eight(uint8x8_t pixels, int16x8_t means)
{
    return vabdq_s16(vreinterpretq_s16_u16(vshll_n_u8(pixels, 7)), means);
}

/* a × b / 32768, rounded: half of what the instruction doubles. */
static inline int16x8_t multiply_share_eight(int16x8_t a, int16_t b)
{
    return vqrdmulhq_n_s16(a, b);
}

static struct compare_result compare_neon(uint8_t *foreground, const struct compare_rows *rows,
                                          const struct compare_limits *limits, int count)
{
    enum { LANES = 8 };
    int32x4_t total = vdupq_n_s32(0), differing = total;
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        uint8x8_t pixels = vld1_u8(rows->planes[0] + i);
        int16x8_t mean = vld1q_s16(rows->means[0] + i), luma = vreinterpretq_s16_u16(vshll_n_u8(pixels, 7));
        int16x8_t difference = vabdq_s16(luma, mean);
        int16x8_t cb = distance_eight(vld1_u8(rows->planes[1] + i), vld1q_s16(rows->means[1] + i));
        int16x8_t cr = distance_eight(vld1_u8(rows->planes[2] + i), vld1q_s16(rows->means[2] + i));
        int16x8_t chroma = vaddq_s16(vshrq_n_s16(cb, 1), vshrq_n_s16(cr, 1));
        int16x8_t share = vaddq_s16(vdupq_n_s16(limits->base), multiply_share_eight(mean, limits->relative));
        int16x8_t limit = vmaxq_s16(vdupq_n_s16(limits->noise_floor), share);
        uint16x8_t is_shadow =
            vandq_u16(vcltq_s16(luma, mean), vcgtq_s16(luma, multiply_share_eight(mean, limits->shadow)));
        is_shadow = vandq_u16(is_shadow, vcltq_s16(chroma, vdupq_n_s16(limits->shadow_chroma)));
        uint16x8_t differs = vorrq_u16(vbicq_u16(vcgtq_s16(difference, limit), is_shadow),
                                       vcgtq_s16(chroma, vdupq_n_s16(limits->chroma)));
        vst1_u8(foreground + i, vmovn_u16(differs));
        differing = vpadalq_s16(differing, vreinterpretq_s16_u16(differs));
        total = vpadalq_s16(total, vbicq_s16(difference, vreinterpretq_s16_u16(differs)));
    }
    const struct compare_rows rest = compare_rows_from(rows, i);
    struct compare_result result = compare_body(foreground + i, &rest, limits, count - i);
    return (struct compare_result){result.differing - vaddvq_s32(differing), result.difference + vaddvq_s32(total)};
}

static void update_neon(int16_t *means, const uint8_t *plane, const uint8_t *keep, int share, int count)
{
    enum { LANES = 8 };
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        int16x8_t mean = vld1q_s16(means + i);
        int16x8_t difference = vsubq_s16(vreinterpretq_s16_u16(vshll_n_u8(vld1_u8(plane + i), 7)), mean);
        uint16x8_t is_free = vceqq_u16(vmovl_u8(vld1_u8(keep + i)), vdupq_n_u16(0));
        int16x8_t step = multiply_share_eight(difference, (int16_t)share);
        vst1q_s16(means + i, vaddq_s16(mean, vandq_s16(step, vreinterpretq_s16_u16(is_free))));
    }
    update_body(means + i, plane + i, keep + i, share, count - i);
}

static const struct motion_kernels neon = {
    sum_rows_neon, sum_row_pairs_neon, average_groups_neon, compare_neon, update_neon, try_cell_neon,
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
