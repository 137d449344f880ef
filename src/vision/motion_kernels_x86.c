#include "vision/motion_kernels_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define SSE41 __attribute__((target("sse4.1")))
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))

/* ---- sums of rows ---- */

SSE41 static inline __m128i load(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

SSE41 static void sum_rows_sse41(uint16_t *sums, const struct pixel_rows *from, int count)
{
    enum { LANES = 16 };
    int x = 0;
    for (; x + LANES <= count; x += LANES) {
        const uint8_t *at = from->first + x;
        __m128i low = _mm_setzero_si128(), high = low, zero = low;
        for (int row = 0; row < from->rows; row++, at += from->stride) {
            __builtin_prefetch(at + from->ahead);
            __m128i pixels = load(at);
            low = _mm_add_epi16(low, _mm_unpacklo_epi8(pixels, zero));
            high = _mm_add_epi16(high, _mm_unpackhi_epi8(pixels, zero));
        }
        _mm_storeu_si128((__m128i *)(void *)(sums + x), low);
        _mm_storeu_si128((__m128i *)(void *)(sums + x + LANES / 2), high);
    }
    const struct pixel_rows rest = pixel_rows_from(from, x);
    sum_rows_portable(sums + x, &rest, count - x);
}

SSE41 static void sum_row_pairs_sse41(uint16_t *sums, const struct pixel_rows *from, int count)
{
    enum { LANES = 8 };
    int x = 0;
    for (; x + 2 * LANES <= count; x += 2 * LANES) {
        const uint8_t *at = from->first + (ptrdiff_t)2 * x;
        __m128i low = _mm_setzero_si128(), high = low, ones = _mm_set1_epi8(1);
        for (int row = 0; row < from->rows; row++, at += from->stride) {
            __builtin_prefetch(at + from->ahead);
            low = _mm_add_epi16(low, _mm_maddubs_epi16(load(at), ones));
            high = _mm_add_epi16(high, _mm_maddubs_epi16(load(at + 2 * LANES), ones));
        }
        _mm_storeu_si128((__m128i *)(void *)(sums + x), low);
        _mm_storeu_si128((__m128i *)(void *)(sums + x + LANES), high);
    }
    const struct pixel_rows rest = pixel_rows_from(from, 2 * x);
    sum_row_pairs_portable(sums + x, &rest, count - x);
}

AVX2 static inline __m256i load_wide(const void *from)
{
    return _mm256_loadu_si256((const __m256i *)from);
}

AVX2 static void sum_rows_avx2(uint16_t *sums, const struct pixel_rows *from, int count)
{
    enum { LANES = 16 };
    int x = 0;
    for (; x + 2 * LANES <= count; x += 2 * LANES) {
        const uint8_t *at = from->first + x;
        __m256i low = _mm256_setzero_si256(), high = low;
        for (int row = 0; row < from->rows; row++, at += from->stride) {
            __builtin_prefetch(at + from->ahead);
            low = _mm256_add_epi16(low, _mm256_cvtepu8_epi16(load(at)));
            high = _mm256_add_epi16(high, _mm256_cvtepu8_epi16(load(at + LANES)));
        }
        _mm256_storeu_si256((__m256i *)(void *)(sums + x), low);
        _mm256_storeu_si256((__m256i *)(void *)(sums + x + LANES), high);
    }
    const struct pixel_rows rest = pixel_rows_from(from, x);
    sum_rows_sse41(sums + x, &rest, count - x);
}

AVX2 static void sum_row_pairs_avx2(uint16_t *sums, const struct pixel_rows *from, int count)
{
    enum { LANES = 16 };
    int x = 0;
    for (; x + 2 * LANES <= count; x += 2 * LANES) { /* two at a time: a cache line of each row */
        const uint8_t *at = from->first + (ptrdiff_t)2 * x;
        __m256i low = _mm256_setzero_si256(), high = low, ones = _mm256_set1_epi8(1);
        for (int row = 0; row < from->rows; row++, at += from->stride) {
            __builtin_prefetch(at + from->ahead);
            low = _mm256_add_epi16(low, _mm256_maddubs_epi16(load_wide(at), ones));
            high = _mm256_add_epi16(high, _mm256_maddubs_epi16(load_wide(at + 2 * LANES), ones));
        }
        _mm256_storeu_si256((__m256i *)(void *)(sums + x), low);
        _mm256_storeu_si256((__m256i *)(void *)(sums + x + LANES), high);
    }
    const struct pixel_rows rest = pixel_rows_from(from, 2 * x);
    sum_row_pairs_sse41(sums + x, &rest, count - x);
}

/* ---- averages ---- */

/* Sums of `size` neighbours at every place first; a shuffle then picks those at which a group begins. */
SSE41 static inline __attribute__((always_inline)) int
average_eights(uint8_t *to, const uint16_t *sums, const struct group_plan *plan, int size, int step, int count)
{
    const __m128i half = _mm_set1_epi16((short)plan->half), multiplier = _mm_set1_epi16((short)plan->multiplier);
    const __m128i shift = _mm_cvtsi32_si128(plan->shift);
    int x = 0;
    for (; x + GROUP_LANES <= count; x += GROUP_LANES) {
        __m128i total = half;
        for (int i = 0; i < size * step; i++, sums += GROUP_LANES) {
            __m128i window = load(sums);
            for (int j = 1; j < size; j++)
                window = _mm_add_epi16(window, load(sums + (ptrdiff_t)j * step));
            total = _mm_add_epi16(total, _mm_shuffle_epi8(window, load(plan->shuffles[i])));
        }
        total = _mm_srl_epi16(_mm_mulhi_epu16(total, multiplier), shift);
        _mm_storel_epi64((__m128i *)(void *)(to + x), _mm_packus_epi16(total, total));
    }
    return x;
}

SSE41 static void average_groups_sse41(uint8_t *to, const uint16_t *sums, const struct group_plan *plan, int count)
{
    int x = 0;
    if (plan->multiplier && plan->size == 3 && plan->step == 1) /* 1080p and 4:2:0: worth its own loop */
        x = average_eights(to, sums, plan, 3, 1, count);
    else if (plan->multiplier)
        x = average_eights(to, sums, plan, plan->size, plan->step, count);
    average_groups_portable(to + x, sums + (ptrdiff_t)x * plan->size * plan->step, plan, count - x);
}

/* ---- looks ---- */

SSE41 static inline __m128i load_eight(const uint8_t *from)
{
    return _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)from));
}

SSE41 static inline __m128i apart_eight(const uint8_t *from, __m128i colour)
{
    return _mm_abs_epi16(_mm_sub_epi16(load_eight(from), colour));
}

SSE41 static inline void add_to(int16_t *sums, __m128i value)
{
    _mm_storeu_si128((__m128i *)(void *)sums, _mm_add_epi16(load(sums), value));
}

/* A few places in a row: wider registers would stay half empty. */
SSE41 static void try_cell_sse41(const struct look_trial *trial, int offset, const struct look_cell *cell)
{
    const __m128i y = _mm_set1_epi16(cell->colour[0]), u = _mm_set1_epi16(cell->colour[1]);
    const __m128i v = _mm_set1_epi16(cell->colour[2]), weight = _mm_set1_epi16(cell->weight);
    const __m128i same = _mm_set1_epi16(LOOK_SAME), other = _mm_set1_epi16(LOOK_OTHER);
    const __m128i background = _mm_set1_epi16(-LOOK_SAME), half = _mm_set1_epi16(1 << (LOOK_FIT_SHIFT - 1));
    for (int row = 0; row < trial->rows; row++)
        for (int i = 0; i < trial->places; i += LOOK_LANES) {
            int from = offset + row * trial->stride + i, to = row * trial->places + i;
            __m128i difference = _mm_add_epi16(
                _mm_add_epi16(apart_eight(trial->planes[0] + from, y), apart_eight(trial->planes[1] + from, u)),
                apart_eight(trial->planes[2] + from, v));
            __m128i states = load_eight(trial->states + from);
            __m128i is_inside = _mm_cmpgt_epi16(states, _mm_set1_epi16(LOOK_OUTSIDE));
            __m128i is_seen = _mm_cmpgt_epi16(states, _mm_set1_epi16(LOOK_CLAIMED));
            __m128i is_free = _mm_cmpeq_epi16(states, _mm_set1_epi16(LOOK_FREE));
            __m128i value = _mm_blendv_epi8(background, _mm_sub_epi16(same, _mm_min_epi16(difference, other)), is_free);
            __m128i fit = _mm_srai_epi16(_mm_add_epi16(_mm_mullo_epi16(value, weight), half), LOOK_FIT_SHIFT);
            add_to(trial->total + to, _mm_and_si128(weight, is_inside));
            add_to(trial->seen + to, _mm_and_si128(weight, is_seen));
            add_to(trial->fit + to, _mm_and_si128(fit, is_seen));
        }
}

/* ---- the background ---- */

SSE41 static inline __m128i distance_sse41(__m128i pixels, __m128i means)
{
    return _mm_abs_epi16(_mm_sub_epi16(pixels, means));
}

SSE41 static inline __m128i pixels_sse41(const uint8_t *from) /* in the unit of the means */
{
    return _mm_slli_epi16(load_eight(from), 7);
}

SSE41 static inline int32_t sum_sse41(__m128i lanes)
{
    __m128i two = _mm_add_epi32(lanes, _mm_shuffle_epi32(lanes, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

SSE41 static struct compare_result compare_sse41(uint8_t *foreground, const struct compare_rows *rows,
                                                 const struct compare_limits *limits, int count)
{
    enum { LANES = 8 };
    const __m128i noise_floor = _mm_set1_epi16(limits->noise_floor), base = _mm_set1_epi16(limits->base);
    const __m128i relative = _mm_set1_epi16(limits->relative), chroma_limit = _mm_set1_epi16(limits->chroma);
    const __m128i shadow_chroma = _mm_set1_epi16(limits->shadow_chroma), shadow = _mm_set1_epi16(limits->shadow);
    const __m128i ones = _mm_set1_epi16(1);
    __m128i differing = _mm_setzero_si128(), total = differing;
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m128i luma = pixels_sse41(rows->planes[0] + i), mean = load(rows->means[0] + i);
        __m128i difference = distance_sse41(luma, mean);
        __m128i cb = distance_sse41(pixels_sse41(rows->planes[1] + i), load(rows->means[1] + i));
        __m128i cr = distance_sse41(pixels_sse41(rows->planes[2] + i), load(rows->means[2] + i));
        __m128i chroma = _mm_add_epi16(_mm_srli_epi16(cb, 1), _mm_srli_epi16(cr, 1));
        __m128i limit = _mm_max_epi16(noise_floor, _mm_add_epi16(base, _mm_mulhrs_epi16(mean, relative)));
        __m128i is_shadow =
            _mm_and_si128(_mm_cmpgt_epi16(mean, luma), _mm_cmpgt_epi16(luma, _mm_mulhrs_epi16(mean, shadow)));
        is_shadow = _mm_and_si128(is_shadow, _mm_cmpgt_epi16(shadow_chroma, chroma));
        __m128i differs = _mm_or_si128(_mm_andnot_si128(is_shadow, _mm_cmpgt_epi16(difference, limit)),
                                       _mm_cmpgt_epi16(chroma, chroma_limit));
        _mm_storel_epi64((__m128i *)(void *)(foreground + i), _mm_packs_epi16(differs, differs));
        differing = _mm_sub_epi32(differing, _mm_madd_epi16(differs, ones));
        total = _mm_add_epi32(total, _mm_madd_epi16(_mm_andnot_si128(differs, difference), ones));
    }
    const struct compare_rows rest = compare_rows_from(rows, i);
    struct compare_result result = compare_body(foreground + i, &rest, limits, count - i);
    return (struct compare_result){result.differing + sum_sse41(differing), result.difference + sum_sse41(total)};
}

SSE41 static void update_sse41(int16_t *means, const uint8_t *plane, const uint8_t *keep, int share, int count)
{
    enum { LANES = 8 };
    const __m128i factor = _mm_set1_epi16((short)share), zero = _mm_setzero_si128();
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m128i mean = load(means + i), is_free = _mm_cmpeq_epi16(load_eight(keep + i), zero);
        __m128i step = _mm_mulhrs_epi16(_mm_sub_epi16(pixels_sse41(plane + i), mean), factor);
        _mm_storeu_si128((__m128i *)(void *)(means + i), _mm_add_epi16(mean, _mm_and_si128(step, is_free)));
    }
    update_body(means + i, plane + i, keep + i, share, count - i);
}

AVX2 static inline __m256i pixels_avx2(const uint8_t *from)
{
    return _mm256_slli_epi16(_mm256_cvtepu8_epi16(load(from)), 7);
}

AVX2 static inline __m256i distance_avx2(__m256i pixels, __m256i means)
{
    return _mm256_abs_epi16(_mm256_sub_epi16(pixels, means));
}

AVX2 static inline int32_t sum_avx2(__m256i lanes)
{
    return sum_sse41(_mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1)));
}

AVX2 static struct compare_result compare_avx2(uint8_t *foreground, const struct compare_rows *rows,
                                               const struct compare_limits *limits, int count)
{
    enum { LANES = 16 };
    const __m256i noise_floor = _mm256_set1_epi16(limits->noise_floor), base = _mm256_set1_epi16(limits->base);
    const __m256i relative = _mm256_set1_epi16(limits->relative), chroma_limit = _mm256_set1_epi16(limits->chroma);
    const __m256i shadow_chroma = _mm256_set1_epi16(limits->shadow_chroma);
    const __m256i shadow = _mm256_set1_epi16(limits->shadow), ones = _mm256_set1_epi16(1);
    __m256i differing = _mm256_setzero_si256(), total = differing;
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m256i luma = pixels_avx2(rows->planes[0] + i), mean = load_wide(rows->means[0] + i);
        __m256i difference = distance_avx2(luma, mean);
        __m256i cb = distance_avx2(pixels_avx2(rows->planes[1] + i), load_wide(rows->means[1] + i));
        __m256i cr = distance_avx2(pixels_avx2(rows->planes[2] + i), load_wide(rows->means[2] + i));
        __m256i chroma = _mm256_add_epi16(_mm256_srli_epi16(cb, 1), _mm256_srli_epi16(cr, 1));
        __m256i limit = _mm256_max_epi16(noise_floor, _mm256_add_epi16(base, _mm256_mulhrs_epi16(mean, relative)));
        __m256i is_shadow = _mm256_and_si256(_mm256_cmpgt_epi16(mean, luma),
                                             _mm256_cmpgt_epi16(luma, _mm256_mulhrs_epi16(mean, shadow)));
        is_shadow = _mm256_and_si256(is_shadow, _mm256_cmpgt_epi16(shadow_chroma, chroma));
        __m256i differs = _mm256_or_si256(_mm256_andnot_si256(is_shadow, _mm256_cmpgt_epi16(difference, limit)),
                                          _mm256_cmpgt_epi16(chroma, chroma_limit));
        _mm_storeu_si128((__m128i *)(void *)(foreground + i),
                         _mm_packs_epi16(_mm256_castsi256_si128(differs), _mm256_extracti128_si256(differs, 1)));
        differing = _mm256_sub_epi32(differing, _mm256_madd_epi16(differs, ones));
        total = _mm256_add_epi32(total, _mm256_madd_epi16(_mm256_andnot_si256(differs, difference), ones));
    }
    const struct compare_rows rest = compare_rows_from(rows, i);
    struct compare_result result = compare_sse41(foreground + i, &rest, limits, count - i);
    return (struct compare_result){result.differing + sum_avx2(differing), result.difference + sum_avx2(total)};
}

AVX2 static void update_avx2(int16_t *means, const uint8_t *plane, const uint8_t *keep, int share, int count)
{
    enum { LANES = 16 };
    const __m256i factor = _mm256_set1_epi16((short)share), zero = _mm256_setzero_si256();
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m256i mean = load_wide(means + i);
        __m256i is_free = _mm256_cmpeq_epi16(_mm256_cvtepu8_epi16(load(keep + i)), zero);
        __m256i step = _mm256_mulhrs_epi16(_mm256_sub_epi16(pixels_avx2(plane + i), mean), factor);
        _mm256_storeu_si256((__m256i *)(void *)(means + i), _mm256_add_epi16(mean, _mm256_and_si256(step, is_free)));
    }
    update_sse41(means + i, plane + i, keep + i, share, count - i);
}

/* ---- AVX-512: the specification, which a compiler makes as good as by hand ---- */

AVX512 static struct compare_result compare_avx512(uint8_t *foreground, const struct compare_rows *rows,
                                                   const struct compare_limits *limits, int count)
{
    return compare_body(foreground, rows, limits, count);
}

AVX512 static void update_avx512(int16_t *means, const uint8_t *plane, const uint8_t *keep, int share, int count)
{
    update_body(means, plane, keep, share, count);
}

static const struct motion_kernels sse41 = {
    sum_rows_sse41, sum_row_pairs_sse41, average_groups_sse41, compare_sse41, update_sse41, try_cell_sse41,
};
static const struct motion_kernels avx2 = {
    sum_rows_avx2, sum_row_pairs_avx2, average_groups_sse41, compare_avx2, update_avx2, try_cell_sse41,
};
/* Sums wait for memory: twice as wide a register adds nothing to them. */
static const struct motion_kernels avx512 = {
    sum_rows_avx2, sum_row_pairs_avx2, average_groups_sse41, compare_avx512, update_avx512, try_cell_sse41,
};

const struct motion_kernels *motion_kernels_sse41(void)
{
    return &sse41;
}

const struct motion_kernels *motion_kernels_avx2(void)
{
    return &avx2;
}

const struct motion_kernels *motion_kernels_avx512(void)
{
    return &avx512;
}

#else

const struct motion_kernels *motion_kernels_sse41(void)
{
    return NULL;
}

const struct motion_kernels *motion_kernels_avx2(void)
{
    return NULL;
}

const struct motion_kernels *motion_kernels_avx512(void)
{
    return NULL;
}

#endif
