#include "base/cpu.h"
#include "vision/detector_internal.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

/* Four pixels at a time, otherwise as preprocess_avx2.c; without gathers, four loads stand for one. */
enum { LANES = 4 };

/* Both neighbours of a sample, shifted down to the lowest bytes, for each lane. */
static inline uint32x4_t gather(const uint8_t *row, const struct preprocess_axis *axis, int i)
{
    uint32_t lanes[LANES];
    for (int lane = 0; lane < LANES; lane++) {
        memcpy(&lanes[lane], row + axis->offset[i + lane], sizeof lanes[lane]);
        lanes[lane] >>= axis->shift[i + lane];
    }
    return vld1q_u32(lanes);
}

static inline float32x4_t pick(uint32x4_t lanes, int bit)
{
    return vcvtq_f32_u32(vandq_u32(vshlq_u32(lanes, vdupq_n_s32(-bit)), vdupq_n_u32(0xff)));
}

static inline float32x4_t mix(float32x4_t a, float32x4_t b, float32x4_t fraction)
{
    return vaddq_f32(a, vmulq_f32(vsubq_f32(b, a), fraction));
}

static inline float32x4_t blend(uint32x4_t top, uint32x4_t bottom, int first, int second, float32x4_t fraction_x,
                                float32x4_t fraction_y)
{
    return mix(mix(pick(top, first), pick(top, second), fraction_x),
               mix(pick(bottom, first), pick(bottom, second), fraction_x), fraction_y);
}

static inline float32x4_t limit(float32x4_t value)
{
    return vminq_f32(vmaxq_f32(value, vdupq_n_f32(0)), vdupq_n_f32(255.0F));
}

static inline void store(const struct preprocess_row *row, int channel, int i, float32x4_t value)
{
    const struct preprocess_colour *colour = row->colour;
    float lanes[LANES];
    value = vaddq_f32(vmulq_f32(value, vdupq_n_f32(colour->scale[channel])), vdupq_n_f32(colour->bias[channel]));
    if (row->out_step == 1) {
        vst1q_f32(row->out[channel] + i, value);
        return;
    }
    vst1q_f32(lanes, value);
    for (int lane = 0; lane < LANES; lane++)
        row->out[channel][(i + lane) * row->out_step] = lanes[lane];
}

static inline void four_pixels(const struct preprocess_row *row, int i)
{
    const struct preprocess_colour *colour = row->colour;
    const struct preprocess_axis *luma = row->luma_axis, *chroma = row->chroma_axis;
    float32x4_t y = blend(gather(row->luma[0], luma, i), gather(row->luma[1], luma, i), 0, 8,
                          vld1q_f32(luma->fraction + i), vdupq_n_f32(row->luma_fraction));
    float32x4_t fraction_x = vld1q_f32(chroma->fraction + i), fraction_y = vdupq_n_f32(row->chroma_fraction), u, v;
    uint32x4_t top = gather(row->u[0], chroma, i), bottom = gather(row->u[1], chroma, i);
    if (row->chroma_step == 2) {
        u = blend(top, bottom, 0, 16, fraction_x, fraction_y);
        v = blend(top, bottom, 8, 24, fraction_x, fraction_y);
    } else {
        u = blend(top, bottom, 0, 8, fraction_x, fraction_y);
        v = blend(gather(row->v[0], chroma, i), gather(row->v[1], chroma, i), 0, 8, fraction_x, fraction_y);
    }
    u = vsubq_f32(u, vdupq_n_f32(128.0F));
    v = vsubq_f32(v, vdupq_n_f32(128.0F));
    y = vmulq_f32(vsubq_f32(y, vdupq_n_f32(colour->luma_offset)), vdupq_n_f32(colour->luma_gain));
    float32x4_t red = limit(vaddq_f32(y, vmulq_f32(v, vdupq_n_f32(colour->red_v))));
    float32x4_t green = vaddq_f32(y, vmulq_f32(u, vdupq_n_f32(colour->green_u)));
    green = limit(vaddq_f32(green, vmulq_f32(v, vdupq_n_f32(colour->green_v))));
    float32x4_t blue = limit(vaddq_f32(y, vmulq_f32(u, vdupq_n_f32(colour->blue_u))));
    store(row, 0, i, colour->is_rgb ? red : blue);
    store(row, 1, i, green);
    store(row, 2, i, colour->is_rgb ? blue : red);
}

static void row_neon(const struct preprocess_row *row)
{
    int i = 0;
    for (; i + LANES <= row->width; i += LANES)
        four_pixels(row, i);
    preprocess_row_rest(row, i);
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
