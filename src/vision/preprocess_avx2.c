#include "base/cpu.h"
#include "vision/detector_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* Eight pixels at a time, in the same order of operations as the scalar form and without fused multiply-adds, so that
 * both give the same bits. One 4-byte gather reads both neighbours of a sample (for NV12, of both colours). */
#define AVX2 __attribute__((target("avx2")))

enum { LANES = 8 };

struct sampling {
    __m256i offset, shift;
    __m256 fraction_x, fraction_y;
};

AVX2 static inline __m256i gather(const uint8_t *row, const struct sampling *at)
{
    return _mm256_srlv_epi32(_mm256_i32gather_epi32((const int *)(const void *)row, at->offset, 1), at->shift);
}

/* The byte at bit `bit` of each lane, as a float. */
AVX2 static inline __m256 pick(__m256i lanes, int bit)
{
    return _mm256_cvtepi32_ps(_mm256_and_si256(_mm256_srli_epi32(lanes, bit), _mm256_set1_epi32(0xff)));
}

AVX2 static inline __m256 mix(__m256 a, __m256 b, __m256 fraction)
{
    return _mm256_add_ps(a, _mm256_mul_ps(_mm256_sub_ps(b, a), fraction));
}

/* The sample whose bytes lie at bits `first` and `second` of what was gathered. */
AVX2 static inline __m256 blend(__m256i top, __m256i bottom, int first, int second, const struct sampling *at)
{
    return mix(mix(pick(top, first), pick(top, second), at->fraction_x),
               mix(pick(bottom, first), pick(bottom, second), at->fraction_x), at->fraction_y);
}

AVX2 static inline __m256 limit(__m256 value)
{
    return _mm256_min_ps(_mm256_max_ps(value, _mm256_setzero_ps()), _mm256_set1_ps(255.0F));
}

AVX2 static inline struct sampling sampling_at(const struct preprocess_axis *axis, int i, float fraction_y)
{
    return (struct sampling){
        _mm256_loadu_si256((const __m256i *)(const void *)(axis->offset + i)),
        _mm256_loadu_si256((const __m256i *)(const void *)(axis->shift + i)),
        _mm256_loadu_ps(axis->fraction + i),
        _mm256_set1_ps(fraction_y),
    };
}

AVX2 static inline void store(const struct preprocess_row *row, int channel, int i, __m256 value)
{
    const struct preprocess_colour *colour = row->colour;
    float lanes[LANES];
    value = _mm256_add_ps(_mm256_mul_ps(value, _mm256_set1_ps(colour->scale[channel])),
                          _mm256_set1_ps(colour->bias[channel]));
    if (row->out_step == 1) {
        _mm256_storeu_ps(row->out[channel] + i, value);
        return;
    }
    _mm256_storeu_ps(lanes, value);
    for (int lane = 0; lane < LANES; lane++)
        row->out[channel][(i + lane) * row->out_step] = lanes[lane];
}

AVX2 static inline void eight_pixels(const struct preprocess_row *row, int i)
{
    const struct preprocess_colour *colour = row->colour;
    struct sampling at = sampling_at(row->luma_axis, i, row->luma_fraction);
    __m256 y = blend(gather(row->luma[0], &at), gather(row->luma[1], &at), 0, 8, &at), u, v;
    at = sampling_at(row->chroma_axis, i, row->chroma_fraction);
    __m256i top = gather(row->u[0], &at), bottom = gather(row->u[1], &at);
    if (row->chroma_step == 2) {
        u = blend(top, bottom, 0, 16, &at);
        v = blend(top, bottom, 8, 24, &at);
    } else {
        u = blend(top, bottom, 0, 8, &at);
        v = blend(gather(row->v[0], &at), gather(row->v[1], &at), 0, 8, &at);
    }
    u = _mm256_sub_ps(u, _mm256_set1_ps(128.0F));
    v = _mm256_sub_ps(v, _mm256_set1_ps(128.0F));
    y = _mm256_mul_ps(_mm256_sub_ps(y, _mm256_set1_ps(colour->luma_offset)), _mm256_set1_ps(colour->luma_gain));
    __m256 red = limit(_mm256_add_ps(y, _mm256_mul_ps(v, _mm256_set1_ps(colour->red_v))));
    __m256 green = _mm256_add_ps(y, _mm256_mul_ps(u, _mm256_set1_ps(colour->green_u)));
    green = limit(_mm256_add_ps(green, _mm256_mul_ps(v, _mm256_set1_ps(colour->green_v))));
    __m256 blue = limit(_mm256_add_ps(y, _mm256_mul_ps(u, _mm256_set1_ps(colour->blue_u))));
    store(row, 0, i, colour->is_rgb ? red : blue);
    store(row, 1, i, green);
    store(row, 2, i, colour->is_rgb ? blue : red);
}

AVX2 static void row_avx2(const struct preprocess_row *row)
{
    int i = 0;
    for (; i + LANES <= row->width; i += LANES)
        eight_pixels(row, i);
    preprocess_row_rest(row, i);
}

preprocess_row_function preprocess_row_avx2(void)
{
    return cpu_has(CPU_AVX2) ? row_avx2 : NULL;
}

#else

preprocess_row_function preprocess_row_avx2(void)
{
    return NULL;
}

#endif
