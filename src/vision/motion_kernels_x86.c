#include "vision/motion_kernels_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define SSE41 __attribute__((target("sse4.1")))
#define AVX2 __attribute__((target("avx2")))

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

/* The same for groups of three, sixteen at a time. Of 48 sums a vector of sixteen window sums holds five or six groups;
 * all three hold eight in either half, each in a lane of its own, so that they can be put together before they are
 * divided. `three_order` then puts them in a row: group 3 is the first of the upper half, and so on. */
enum { THREE_LANES = 16, NONE = 0x80 };
static const uint8_t three_order[THREE_LANES] = {0, 1, 2, 8, 9, 10, 3, 4, 11, 12, 13, 5, 6, 7, 14, 15};
#define LANE(PLACE) 2 * (PLACE), 2 * (PLACE) + 1
#define NOTHING NONE, NONE
static const uint8_t three_shuffles[3][2 * THREE_LANES] = {
    {LANE(0), LANE(3), LANE(6), NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, LANE(1), LANE(4), LANE(7), NOTHING,
     NOTHING, NOTHING, NOTHING, NOTHING},
    {NOTHING, NOTHING, NOTHING, LANE(2), LANE(5), NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, LANE(0),
     LANE(3), LANE(6), NOTHING, NOTHING},
    {NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, LANE(1), LANE(4), LANE(7), NOTHING, NOTHING, NOTHING, NOTHING,
     NOTHING, NOTHING, LANE(2), LANE(5)},
};
#undef LANE
#undef NOTHING

AVX2 static int average_three_sums(uint8_t *to, const uint16_t *sums, const struct group_plan *plan, int count)
{
    const __m256i half = _mm256_set1_epi16((short)plan->half), multiplier = _mm256_set1_epi16((short)plan->multiplier);
    const __m128i shift = _mm_cvtsi32_si128(plan->shift), order = load(three_order);
    int x = 0;
    for (; x + THREE_LANES <= count; x += THREE_LANES) {
        __m256i total = half;
        for (int i = 0; i < 3; i++, sums += THREE_LANES) {
            __m256i window =
                _mm256_add_epi16(_mm256_add_epi16(load_wide(sums), load_wide(sums + 1)), load_wide(sums + 2));
            total = _mm256_add_epi16(total, _mm256_shuffle_epi8(window, load_wide(three_shuffles[i])));
        }
        total = _mm256_srl_epi16(_mm256_mulhi_epu16(total, multiplier), shift);
        __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
        _mm_storeu_si128((__m128i *)(void *)(to + x), _mm_shuffle_epi8(bytes, order));
    }
    return x;
}

AVX2 static void average_groups_avx2(uint8_t *to, const uint16_t *sums, const struct group_plan *plan, int count)
{
    bool is_threes = plan->multiplier && plan->size == 3 && plan->step == 1; /* 1080p and 4:2:0 */
    int x = is_threes ? average_three_sums(to, sums, plan, count) : 0;
    average_groups_sse41(to + x, sums + (ptrdiff_t)x * plan->size * plan->step, plan, count - x);
}

/* Threes of bytes, each in four bytes of their own, are summed by twos and then the twos. */
static const uint8_t three_picks[16] = {0, 1, 2, NONE, 3, 4, 5, NONE, 6, 7, 8, NONE, 9, 10, 11, NONE};

SSE41 static inline __m128i sum_twos(const uint8_t *from)
{
    return _mm_maddubs_epi16(_mm_shuffle_epi8(load(from), load(three_picks)), _mm_set1_epi8(1));
}

SSE41 static void average_threes_sse41(uint8_t *to, const uint8_t *from, int ahead, int count)
{
    enum { LANES = 8, READ_BEYOND = 2 };
    const __m128i half = _mm_set1_epi16(1), third = _mm_set1_epi16(THIRD);
    int x = 0;
    for (; x + LANES + READ_BEYOND <= count; x += LANES, from += 3 * LANES) {
        __builtin_prefetch(from + ahead);
        __m128i sums = _mm_hadd_epi16(sum_twos(from), sum_twos(from + 3 * LANES / 2));
        sums = _mm_mulhi_epu16(_mm_add_epi16(sums, half), third);
        _mm_storel_epi64((__m128i *)(void *)(to + x), _mm_packus_epi16(sums, sums));
    }
    average_threes_portable(to + x, from, ahead, count - x);
}

AVX2 static inline __m256i sum_twos_wide(const uint8_t *low, const uint8_t *high, __m256i picks)
{
    __m256i pixels = _mm256_inserti128_si256(_mm256_castsi128_si256(load(low)), load(high), 1);
    return _mm256_maddubs_epi16(_mm256_shuffle_epi8(pixels, picks), _mm256_set1_epi8(1));
}

AVX2 static void average_threes_avx2(uint8_t *to, const uint8_t *from, int ahead, int count)
{
    enum { LANES = 16, READ_BEYOND = 2, FOUR = 3 * 4 };
    const __m256i half = _mm256_set1_epi16(1), third = _mm256_set1_epi16(THIRD);
    const __m256i picks = _mm256_broadcastsi128_si256(load(three_picks));
    int x = 0;
    for (; x + LANES + READ_BEYOND <= count; x += LANES, from += 3 * LANES) {
        __builtin_prefetch(from + ahead);
        __m256i sums = _mm256_hadd_epi16(sum_twos_wide(from, from + 2 * FOUR, picks),
                                         sum_twos_wide(from + FOUR, from + 3 * FOUR, picks));
        sums = _mm256_mulhi_epu16(_mm256_add_epi16(sums, half), third);
        __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
        _mm_storeu_si128((__m128i *)(void *)(to + x), bytes);
    }
    average_threes_sse41(to + x, from, ahead, count - x);
}

/* ---- the background and looks ---- */

#define WIDE(NAME) NAME##_sse41
#define WIDE_FORM SSE41
enum { WIDE_LANES_SSE41 = 4, WIDE_LANES_AVX2 = 8 };
#define WIDE_LANES WIDE_LANES_SSE41
typedef float floats_sse41 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t ints_sse41 __attribute__((vector_size(16), aligned(4), may_alias));

SSE41 static inline ints_sse41 bytes_to_ints_sse41(const uint8_t *from)
{
    int32_t four;
    memcpy(&four, from, sizeof four);
    return (ints_sse41)_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four));
}

SSE41 static inline void mask_to_bytes_sse41(uint8_t *to, ints_sse41 mask)
{
    __m128i words = _mm_packs_epi32((__m128i)mask, (__m128i)mask);
    int32_t four = _mm_cvtsi128_si32(_mm_packs_epi16(words, words));
    memcpy(to, &four, sizeof four);
}

SSE41 static inline int any_sse41(ints_sse41 mask)
{
    return _mm_movemask_epi8((__m128i)mask);
}

#include "vision/motion_kernels_wide.h"

#undef WIDE
#undef WIDE_FORM
#undef WIDE_LANES
#define WIDE(NAME) NAME##_avx2
#define WIDE_FORM AVX2
#define WIDE_LANES WIDE_LANES_AVX2
typedef float floats_avx2 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t ints_avx2 __attribute__((vector_size(32), aligned(4), may_alias));

AVX2 static inline ints_avx2 bytes_to_ints_avx2(const uint8_t *from)
{
    return (ints_avx2)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)from));
}

AVX2 static inline void mask_to_bytes_avx2(uint8_t *to, ints_avx2 mask)
{
    __m128i low = _mm256_castsi256_si128((__m256i)mask), high = _mm256_extracti128_si256((__m256i)mask, 1);
    __m128i words = _mm_packs_epi32(low, high);
    _mm_storel_epi64((__m128i *)(void *)to, _mm_packs_epi16(words, words));
}

AVX2 static inline int any_avx2(ints_avx2 mask)
{
    return _mm256_movemask_epi8((__m256i)mask);
}

#include "vision/motion_kernels_wide.h"

static const struct motion_kernels sse41 = {
    sum_rows_sse41, sum_row_pairs_sse41, average_groups_sse41, average_threes_sse41,
    compare_sse41,  count_light_sse41,   update_sse41,         try_cell_sse41,
};
static const struct motion_kernels avx2 = {
    sum_rows_avx2, sum_row_pairs_avx2, average_groups_avx2, average_threes_avx2,
    compare_avx2,  count_light_avx2,   update_avx2,         try_cell_avx2,
};

const struct motion_kernels *motion_kernels_sse41(void)
{
    return &sse41;
}

const struct motion_kernels *motion_kernels_avx2(void)
{
    return &avx2;
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

#endif
