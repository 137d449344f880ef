#include "base/cpu.h"
#include "vision/detector_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* As preprocess_sse41.c, sixteen pixels at a time; what is left of a row is a mask's. */
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi")))

enum { LANES = PREPROCESS_SIXTEEN };

AVX512 static inline __m512i load(const void *from)
{
    return _mm512_loadu_si512(from);
}

/* Of sixteen columns, along one row: both samples of each, weighed. */
AVX512 static inline __m512 across(const uint8_t *row, const struct preprocess_axis *axis, int group, __m512i weights)
{
    const struct preprocess_windows *windows = &axis->sixteens;
    const uint8_t *shuffles = windows->shuffles + (ptrdiff_t)group * PREPROCESS_MAX_WINDOWS * PREPROCESS_SIXTEEN_BYTES;
    __m512i words = _mm512_setzero_si512();
    row += windows->start[group];
    for (int i = 0; i < windows->count; i++, row += PREPROCESS_SIXTEEN_BYTES, shuffles += PREPROCESS_SIXTEEN_BYTES) {
        const __m512i shuffle = load(shuffles);
        words = _mm512_mask_permutexvar_epi8(words, ~_mm512_movepi8_mask(shuffle), shuffle, load(row));
    }
    return _mm512_cvtepi32_ps(_mm512_madd_epi16(words, weights));
}

AVX512 static inline __m512 blend(const uint8_t *const rows[2], const struct preprocess_axis *axis, int group,
                                  float fraction_y)
{
    const __m512i weights = load(axis->weights + (ptrdiff_t)2 * LANES * group);
    __m512 top = across(rows[0], axis, group, weights), bottom = across(rows[1], axis, group, weights);
    return _mm512_add_ps(top, _mm512_mul_ps(_mm512_sub_ps(bottom, top), _mm512_set1_ps(fraction_y)));
}

/* `sum` and the offset, within the limits. */
AVX512 static inline void store(const struct preprocess_row *row, int c, int i, __mmask16 lanes, __m512 sum)
{
    const struct preprocess_channel *channel = &row->colour->channels[c];
    __m512 value = _mm512_add_ps(sum, _mm512_set1_ps(channel->offset));
    value = _mm512_min_ps(_mm512_max_ps(value, _mm512_set1_ps(channel->least)), _mm512_set1_ps(channel->most));
    if (row->out_step == 1) {
        _mm512_mask_storeu_ps(row->out[c] + i, lanes, value);
        return;
    }
    const __m512i order = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    _mm512_mask_i32scatter_ps(row->out[c] + (ptrdiff_t)i * row->out_step, lanes,
                              _mm512_mullo_epi32(order, _mm512_set1_epi32(row->out_step)), value, sizeof(float));
}

AVX512 static inline __m512 times(__m512 value, float factor)
{
    return _mm512_mul_ps(value, _mm512_set1_ps(factor));
}

AVX512 static inline void sixteen_pixels(const struct preprocess_row *row, int group, __mmask16 lanes)
{
    const struct preprocess_channel *channels = row->colour->channels;
    bool is_rgb = row->colour->is_rgb;
    int i = group * LANES;
    __m512 u = blend(row->u, row->chroma_axis, group, row->chroma_fraction);
    __m512 v = blend(row->v, row->chroma_axis, group, row->chroma_fraction);
    __m512 y = blend(row->luma, row->luma_axis, group, row->luma_fraction);
    __m512 first = is_rgb ? times(v, channels[0].v) : times(u, channels[0].u);
    __m512 last = is_rgb ? times(u, channels[2].u) : times(v, channels[2].v);
    __m512 green =
        _mm512_add_ps(_mm512_add_ps(times(y, channels[1].luma), times(u, channels[1].u)), times(v, channels[1].v));
    store(row, 0, i, lanes, _mm512_add_ps(times(y, channels[0].luma), first));
    store(row, 1, i, lanes, green);
    store(row, 2, i, lanes, _mm512_add_ps(times(y, channels[2].luma), last));
}

AVX512 static void row_avx512(const struct preprocess_row *row)
{
    int groups = row->width / LANES, rest = row->width % LANES;
    for (int group = 0; group < groups; group++)
        sixteen_pixels(row, group, UINT16_MAX);
    if (rest)
        sixteen_pixels(row, groups, (__mmask16)((1U << rest) - 1));
}

preprocess_row_function preprocess_row_avx512(void)
{
    return cpu_has(CPU_AVX512) ? row_avx512 : NULL;
}

#else

preprocess_row_function preprocess_row_avx512(void)
{
    return NULL;
}

#endif
