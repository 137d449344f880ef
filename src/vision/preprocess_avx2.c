#include "base/cpu.h"
#include "vision/detector_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* As preprocess_sse41.c, two groups at a time, one in each half of a register. */
#define AVX2 __attribute__((target("avx2")))

enum { LANES = 2 * PREPROCESS_FOUR };

AVX2 static inline __m256i two(const void *low, const void *high)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(low)), _mm_loadu_si128(high), 1);
}

AVX2 static inline __m256i window(const uint8_t *row, const struct preprocess_axis *axis, int group, int i)
{
    const uint8_t *shuffles =
        axis->fours.shuffles + (((ptrdiff_t)group * PREPROCESS_MAX_WINDOWS) + i) * PREPROCESS_FOUR_BYTES;
    const uint8_t *bytes = row + (ptrdiff_t)i * PREPROCESS_FOUR_BYTES;
    return _mm256_shuffle_epi8(two(bytes + axis->fours.start[group], bytes + axis->fours.start[group + 1]),
                               two(shuffles, shuffles + (ptrdiff_t)PREPROCESS_MAX_WINDOWS * PREPROCESS_FOUR_BYTES));
}

AVX2 static inline __m256 across(const uint8_t *row, const struct preprocess_axis *axis, int group, __m256i weights)
{
    __m256i words = window(row, axis, group, 0);
    for (int i = 1; i < axis->fours.count; i++)
        words = _mm256_or_si256(words, window(row, axis, group, i));
    return _mm256_cvtepi32_ps(_mm256_madd_epi16(words, weights));
}

AVX2 static inline __m256 blend(const uint8_t *const rows[2], const struct preprocess_axis *axis, int group,
                                __m256i weights, __m256 fraction_y)
{
    __m256 top = across(rows[0], axis, group, weights), bottom = across(rows[1], axis, group, weights);
    return _mm256_add_ps(top, _mm256_mul_ps(_mm256_sub_ps(bottom, top), fraction_y));
}

AVX2 static inline __m256i weights_at(const struct preprocess_axis *axis, int i)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)(axis->weights + (ptrdiff_t)2 * i));
}

AVX2 static inline void store(const struct preprocess_row *row, int c, int i, __m256 sum)
{
    const struct preprocess_channel *channel = &row->colour->channels[c];
    float lanes[LANES];
    __m256 value = _mm256_add_ps(sum, _mm256_set1_ps(channel->offset));
    value = _mm256_min_ps(_mm256_max_ps(value, _mm256_set1_ps(channel->least)), _mm256_set1_ps(channel->most));
    if (row->out_step == 1) {
        _mm256_storeu_ps(row->out[c] + i, value);
        return;
    }
    _mm256_storeu_ps(lanes, value);
    for (int lane = 0; lane < LANES; lane++)
        row->out[c][(i + lane) * row->out_step] = lanes[lane];
}

AVX2 static inline __m256 times(__m256 value, float factor)
{
    return _mm256_mul_ps(value, _mm256_set1_ps(factor));
}

AVX2 static inline void eight_pixels(const struct preprocess_row *row, int i)
{
    const struct preprocess_channel *channels = row->colour->channels;
    bool is_rgb = row->colour->is_rgb;
    int group = i / PREPROCESS_FOUR;
    __m256 chroma_y = _mm256_set1_ps(row->chroma_fraction);
    __m256i weights = weights_at(row->chroma_axis, i);
    __m256 u = blend(row->u, row->chroma_axis, group, weights, chroma_y);
    __m256 v = blend(row->v, row->chroma_axis, group, weights, chroma_y);
    __m256 y =
        blend(row->luma, row->luma_axis, group, weights_at(row->luma_axis, i), _mm256_set1_ps(row->luma_fraction));
    __m256 first = is_rgb ? times(v, channels[0].v) : times(u, channels[0].u);
    __m256 last = is_rgb ? times(u, channels[2].u) : times(v, channels[2].v);
    __m256 green =
        _mm256_add_ps(_mm256_add_ps(times(y, channels[1].luma), times(u, channels[1].u)), times(v, channels[1].v));
    store(row, 0, i, _mm256_add_ps(times(y, channels[0].luma), first));
    store(row, 1, i, green);
    store(row, 2, i, _mm256_add_ps(times(y, channels[2].luma), last));
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
