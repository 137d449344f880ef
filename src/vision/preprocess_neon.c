#include "base/cpu.h"
#include "vision/detector_internal.h"

#if defined(__aarch64__)

#include <arm_neon.h>

/* As preprocess_sse41.c, four pixels at a time. */
enum { LANES = PREPROCESS_FOUR };

static inline float32x4_t across(const uint8_t *row, const struct preprocess_axis *axis, int group, int16x8_t weights)
{
    const uint8_t *shuffles = axis->fours.shuffles + (ptrdiff_t)group * PREPROCESS_MAX_WINDOWS * PREPROCESS_FOUR_BYTES;
    const uint8_t *windows = row + axis->fours.start[group];
    uint8x16_t bytes = vqtbl1q_u8(vld1q_u8(windows), vld1q_u8(shuffles));
    for (int i = 1; i < axis->fours.count; i++) {
        ptrdiff_t at = (ptrdiff_t)i * PREPROCESS_FOUR_BYTES;
        bytes = vorrq_u8(bytes, vqtbl1q_u8(vld1q_u8(windows + at), vld1q_u8(shuffles + at)));
    }
    int16x8_t words = vreinterpretq_s16_u8(bytes);
    int32x4_t low = vmull_s16(vget_low_s16(words), vget_low_s16(weights));
    return vcvtq_f32_s32(vpaddq_s32(low, vmull_high_s16(words, weights)));
}

static inline float32x4_t blend(const uint8_t *const rows[2], const struct preprocess_axis *axis, int group,
                                int16x8_t weights, float fraction_y)
{
    float32x4_t top = across(rows[0], axis, group, weights), bottom = across(rows[1], axis, group, weights);
    return vaddq_f32(top, vmulq_n_f32(vsubq_f32(bottom, top), fraction_y));
}

/* As MAX and MIN have it, also where both are zero. */
static inline float32x4_t greater(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

static inline float32x4_t lesser(float32x4_t a, float32x4_t b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

static inline void store(const struct preprocess_row *row, int c, int i, float32x4_t sum)
{
    const struct preprocess_channel *channel = &row->colour->channels[c];
    float lanes[LANES];
    float32x4_t value = vaddq_f32(sum, vdupq_n_f32(channel->offset));
    value = lesser(greater(value, vdupq_n_f32(channel->least)), vdupq_n_f32(channel->most));
    if (row->out_step == 1) {
        vst1q_f32(row->out[c] + i, value);
        return;
    }
    vst1q_f32(lanes, value);
    for (int lane = 0; lane < LANES; lane++)
        row->out[c][(i + lane) * row->out_step] = lanes[lane];
}

static inline void four_pixels(const struct preprocess_row *row, int group)
{
    const struct preprocess_channel *channels = row->colour->channels;
    bool is_rgb = row->colour->is_rgb;
    int i = group * LANES;
    int16x8_t weights = vld1q_s16(row->chroma_axis->weights + (ptrdiff_t)2 * i);
    float32x4_t u = blend(row->u, row->chroma_axis, group, weights, row->chroma_fraction);
    float32x4_t v = blend(row->v, row->chroma_axis, group, weights, row->chroma_fraction);
    weights = vld1q_s16(row->luma_axis->weights + (ptrdiff_t)2 * i);
    float32x4_t y = blend(row->luma, row->luma_axis, group, weights, row->luma_fraction);
    float32x4_t first = is_rgb ? vmulq_n_f32(v, channels[0].v) : vmulq_n_f32(u, channels[0].u);
    float32x4_t last = is_rgb ? vmulq_n_f32(u, channels[2].u) : vmulq_n_f32(v, channels[2].v);
    float32x4_t green = vaddq_f32(vmulq_n_f32(y, channels[1].luma), vmulq_n_f32(u, channels[1].u));
    store(row, 0, i, vaddq_f32(vmulq_n_f32(y, channels[0].luma), first));
    store(row, 1, i, vaddq_f32(green, vmulq_n_f32(v, channels[1].v)));
    store(row, 2, i, vaddq_f32(vmulq_n_f32(y, channels[2].luma), last));
}

static void row_neon(const struct preprocess_row *row)
{
    int groups = row->width / LANES;
    for (int group = 0; group < groups; group++)
        four_pixels(row, group);
    preprocess_row_rest(row, groups * LANES);
}

preprocess_row_function preprocess_row_neon(void)
{
    return cpu_has(CPU_NEON) ? row_neon : NULL;
}

#else

preprocess_row_function preprocess_row_neon(void)
{
    return NULL;
}

#endif
