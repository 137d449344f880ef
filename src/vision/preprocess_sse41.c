#include "base/cpu.h"
#include "vision/detector_internal.h"

#if defined(__x86_64__)

#include <smmintrin.h>

/* Four pixels at a time, in the same order of operations as the scalar form and without fused multiply-adds, so that
 * both give the same bits. */
#define SSE41 __attribute__((target("sse4.1")))

enum { LANES = PREPROCESS_FOUR };

/* Of a group of columns, along one row: both samples of each, weighed. */
SSE41 static inline __m128 across(const uint8_t *row, const struct preprocess_axis *axis, int group, __m128i weights)
{
    const __m128i *shuffles =
        (const __m128i *)(const void *)axis->fours.shuffles + (ptrdiff_t)group * PREPROCESS_MAX_WINDOWS;
    const __m128i *windows = (const __m128i *)(const void *)(row + axis->fours.start[group]);
    __m128i words = _mm_shuffle_epi8(_mm_loadu_si128(windows), _mm_loadu_si128(shuffles));
    for (int i = 1; i < axis->fours.count; i++)
        words = _mm_or_si128(words, _mm_shuffle_epi8(_mm_loadu_si128(windows + i), _mm_loadu_si128(shuffles + i)));
    return _mm_cvtepi32_ps(_mm_madd_epi16(words, weights));
}

SSE41 static inline __m128 blend(const uint8_t *const rows[2], const struct preprocess_axis *axis, int group,
                                 __m128i weights, __m128 fraction_y)
{
    __m128 top = across(rows[0], axis, group, weights), bottom = across(rows[1], axis, group, weights);
    return _mm_add_ps(top, _mm_mul_ps(_mm_sub_ps(bottom, top), fraction_y));
}

SSE41 static inline __m128i weights_at(const struct preprocess_axis *axis, int group)
{
    return _mm_loadu_si128((const __m128i *)(const void *)(axis->weights + (ptrdiff_t)group * 2 * LANES));
}

/* `sum` and the offset, within the limits. */
SSE41 static inline void store(const struct preprocess_row *row, int c, int i, __m128 sum)
{
    const struct preprocess_channel *channel = &row->colour->channels[c];
    float lanes[LANES];
    __m128 value = _mm_add_ps(sum, _mm_set1_ps(channel->offset));
    value = _mm_min_ps(_mm_max_ps(value, _mm_set1_ps(channel->least)), _mm_set1_ps(channel->most));
    if (row->out_step == 1) {
        _mm_storeu_ps(row->out[c] + i, value);
        return;
    }
    _mm_storeu_ps(lanes, value);
    for (int lane = 0; lane < LANES; lane++)
        row->out[c][(i + lane) * row->out_step] = lanes[lane];
}

SSE41 static inline __m128 times(__m128 value, float factor)
{
    return _mm_mul_ps(value, _mm_set1_ps(factor));
}

SSE41 static inline void four_pixels(const struct preprocess_row *row, int group)
{
    const struct preprocess_channel *channels = row->colour->channels;
    bool is_rgb = row->colour->is_rgb;
    int i = group * LANES;
    __m128 chroma_y = _mm_set1_ps(row->chroma_fraction);
    __m128i weights = weights_at(row->chroma_axis, group);
    __m128 u = blend(row->u, row->chroma_axis, group, weights, chroma_y);
    __m128 v = blend(row->v, row->chroma_axis, group, weights, chroma_y);
    __m128 y =
        blend(row->luma, row->luma_axis, group, weights_at(row->luma_axis, group), _mm_set1_ps(row->luma_fraction));
    __m128 first = is_rgb ? times(v, channels[0].v) : times(u, channels[0].u);
    __m128 last = is_rgb ? times(u, channels[2].u) : times(v, channels[2].v);
    __m128 green = _mm_add_ps(_mm_add_ps(times(y, channels[1].luma), times(u, channels[1].u)), times(v, channels[1].v));
    store(row, 0, i, _mm_add_ps(times(y, channels[0].luma), first));
    store(row, 1, i, green);
    store(row, 2, i, _mm_add_ps(times(y, channels[2].luma), last));
}

SSE41 static void row_sse41(const struct preprocess_row *row)
{
    int groups = row->width / LANES;
    for (int group = 0; group < groups; group++)
        four_pixels(row, group);
    preprocess_row_rest(row, groups * LANES);
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
