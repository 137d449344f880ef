#include "base/cpu.h"
#include "vision/detector_internal.h"

#if defined(__x86_64__)

#include <smmintrin.h>
#include <string.h>

/* Four pixels at a time, otherwise as preprocess_avx2.c; without gathers, four loads stand for one. */
#define SSE41 __attribute__((target("sse4.1")))

enum { LANES = 4 };

/* Both neighbours of a sample, shifted down to the lowest bytes, for each lane. */
SSE41 static inline __m128i gather(const uint8_t *row, const struct preprocess_axis *axis, int i)
{
    uint32_t lanes[LANES];
    for (int lane = 0; lane < LANES; lane++) {
        memcpy(&lanes[lane], row + axis->offset[i + lane], sizeof lanes[lane]);
        lanes[lane] >>= axis->shift[i + lane];
    }
    return _mm_loadu_si128((const __m128i *)(const void *)lanes);
}

SSE41 static inline __m128 pick(__m128i lanes, int bit)
{
    return _mm_cvtepi32_ps(_mm_and_si128(_mm_srli_epi32(lanes, bit), _mm_set1_epi32(0xff)));
}

SSE41 static inline __m128 mix(__m128 a, __m128 b, __m128 fraction)
{
    return _mm_add_ps(a, _mm_mul_ps(_mm_sub_ps(b, a), fraction));
}

SSE41 static inline __m128 blend(__m128i top, __m128i bottom, int first, int second, __m128 fraction_x,
                                 __m128 fraction_y)
{
    return mix(mix(pick(top, first), pick(top, second), fraction_x),
               mix(pick(bottom, first), pick(bottom, second), fraction_x), fraction_y);
}

SSE41 static inline __m128 limit(__m128 value)
{
    return _mm_min_ps(_mm_max_ps(value, _mm_setzero_ps()), _mm_set1_ps(255.0F));
}

SSE41 static inline void store(const struct preprocess_row *row, int channel, int i, __m128 value)
{
    const struct preprocess_colour *colour = row->colour;
    float lanes[LANES];
    value = _mm_add_ps(_mm_mul_ps(value, _mm_set1_ps(colour->scale[channel])), _mm_set1_ps(colour->bias[channel]));
    if (row->out_step == 1) {
        _mm_storeu_ps(row->out[channel] + i, value);
        return;
    }
    _mm_storeu_ps(lanes, value);
    for (int lane = 0; lane < LANES; lane++)
        row->out[channel][(i + lane) * row->out_step] = lanes[lane];
}

SSE41 static inline void four_pixels(const struct preprocess_row *row, int i)
{
    const struct preprocess_colour *colour = row->colour;
    const struct preprocess_axis *luma = row->luma_axis, *chroma = row->chroma_axis;
    __m128 y = blend(gather(row->luma[0], luma, i), gather(row->luma[1], luma, i), 0, 8,
                     _mm_loadu_ps(luma->fraction + i), _mm_set1_ps(row->luma_fraction));
    __m128 fraction_x = _mm_loadu_ps(chroma->fraction + i), fraction_y = _mm_set1_ps(row->chroma_fraction), u, v;
    __m128i top = gather(row->u[0], chroma, i), bottom = gather(row->u[1], chroma, i);
    if (row->chroma_step == 2) {
        u = blend(top, bottom, 0, 16, fraction_x, fraction_y);
        v = blend(top, bottom, 8, 24, fraction_x, fraction_y);
    } else {
        u = blend(top, bottom, 0, 8, fraction_x, fraction_y);
        v = blend(gather(row->v[0], chroma, i), gather(row->v[1], chroma, i), 0, 8, fraction_x, fraction_y);
    }
    u = _mm_sub_ps(u, _mm_set1_ps(128.0F));
    v = _mm_sub_ps(v, _mm_set1_ps(128.0F));
    y = _mm_mul_ps(_mm_sub_ps(y, _mm_set1_ps(colour->luma_offset)), _mm_set1_ps(colour->luma_gain));
    __m128 red = limit(_mm_add_ps(y, _mm_mul_ps(v, _mm_set1_ps(colour->red_v))));
    __m128 green = _mm_add_ps(y, _mm_mul_ps(u, _mm_set1_ps(colour->green_u)));
    green = limit(_mm_add_ps(green, _mm_mul_ps(v, _mm_set1_ps(colour->green_v))));
    __m128 blue = limit(_mm_add_ps(y, _mm_mul_ps(u, _mm_set1_ps(colour->blue_u))));
    store(row, 0, i, colour->is_rgb ? red : blue);
    store(row, 1, i, green);
    store(row, 2, i, colour->is_rgb ? blue : red);
}

SSE41 static void row_sse41(const struct preprocess_row *row)
{
    int i = 0;
    for (; i + LANES <= row->width; i += LANES)
        four_pixels(row, i);
    preprocess_row_rest(row, i);
}

preprocess_row_function preprocess_row_sse41(void)
{
    return cpu_has(CPU_SSE41) ? row_sse41 : NULL;
}

#else

preprocess_row_function preprocess_row_sse41(void)
{
    return NULL;
}

#endif
