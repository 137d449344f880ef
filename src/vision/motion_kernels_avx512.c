#include "vision/motion_kernels_internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

/* A mask of lanes stands for what is left of a row, so that no row has an end of its own, and for what a lane found.
 * Each lane does what motion_kernels_body.h does for its pixel. */
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi")))
#define AVX512_INLINE AVX512 static inline __attribute__((always_inline))

enum { BYTES = 64, WORDS = 32, FLOATS = 16 };

/* ---- sums of rows ---- */

/* The first `count` of 64 lanes; all where there are more, none where there are fewer. */
static inline uint64_t lanes_of(int count)
{
    return count >= BYTES ? UINT64_MAX : count > 0 ? (UINT64_C(1) << count) - 1 : 0;
}

AVX512_INLINE __m512i load_words(const uint8_t *from, __mmask32 lanes)
{
    return _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(lanes, from));
}

AVX512_INLINE void sum_64(uint16_t *sums, const struct pixel_rows *from, int x, int count)
{
    const __mmask32 first = (__mmask32)lanes_of(count), second = (__mmask32)lanes_of(count - WORDS);
    const uint8_t *at = from->first + x;
    __m512i low = _mm512_setzero_si512(), high = low;
    for (int row = 0; row < from->rows; row++, at += from->stride) {
        __builtin_prefetch(at + from->ahead);
        low = _mm512_add_epi16(low, load_words(at, first));
        high = _mm512_add_epi16(high, load_words(at + WORDS, second));
    }
    _mm512_mask_storeu_epi16(sums + x, first, low);
    _mm512_mask_storeu_epi16(sums + x + WORDS, second, high);
}

AVX512 static void sum_rows_avx512(uint16_t *sums, const struct pixel_rows *from, int count)
{
    int x = 0;
    for (; x + BYTES <= count; x += BYTES)
        sum_64(sums, from, x, BYTES);
    sum_64(sums, from, x, count - x);
}

AVX512_INLINE __m512i load_pairs(const uint8_t *from, __mmask64 lanes)
{
    return _mm512_maddubs_epi16(_mm512_maskz_loadu_epi8(lanes, from), _mm512_set1_epi8(1));
}

AVX512_INLINE void sum_64_pairs(uint16_t *sums, const struct pixel_rows *from, int x, int count)
{
    const __mmask64 first = lanes_of(2 * count), second = lanes_of(2 * count - BYTES);
    const uint8_t *at = from->first + (ptrdiff_t)2 * x;
    __m512i low = _mm512_setzero_si512(), high = low;
    for (int row = 0; row < from->rows; row++, at += from->stride) {
        __builtin_prefetch(at + from->ahead);
        __builtin_prefetch(at + from->ahead + BYTES);
        low = _mm512_add_epi16(low, load_pairs(at, first));
        high = _mm512_add_epi16(high, load_pairs(at + BYTES, second));
    }
    _mm512_mask_storeu_epi16(sums + x, (__mmask32)lanes_of(count), low);
    _mm512_mask_storeu_epi16(sums + x + WORDS, (__mmask32)lanes_of(count - WORDS), high);
}

AVX512 static void sum_row_pairs_avx512(uint16_t *sums, const struct pixel_rows *from, int count)
{
    int x = 0;
    for (; x + BYTES <= count; x += BYTES)
        sum_64_pairs(sums, from, x, BYTES);
    sum_64_pairs(sums, from, x, count - x);
}

/* ---- averages ---- */

AVX512_INLINE __m512i load(const void *from)
{
    return _mm512_loadu_si512(from);
}

/* At which of the first 64 window sums the first groups of three begin, and at which of the next 32 the others. */
enum { EARLY_THREES = 22 };
static const uint16_t early_threes[WORDS] = {0,  3,  6,  9,  12, 15, 18, 21, 24, 27, 30,
                                             33, 36, 39, 42, 45, 48, 51, 54, 57, 60, 63};
static const uint16_t late_threes[WORDS] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0,  0,  0,  0,  0,  0,
                                            0, 0, 0, 0, 0, 0, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29};

AVX512_INLINE __m512i window_of_three(const uint16_t *sums)
{
    return _mm512_add_epi16(_mm512_add_epi16(load(sums), load(sums + 1)), load(sums + 2));
}

AVX512 static void average_groups_avx512(uint8_t *to, const uint16_t *sums, const struct group_plan *plan, int count)
{
    const bool is_threes = plan->multiplier && plan->size == 3 && plan->step == 1; /* 1080p and 4:2:0 */
    const __m512i half = _mm512_set1_epi16((short)plan->half), multiplier = _mm512_set1_epi16((short)plan->multiplier);
    const __m512i early = load(early_threes), late = load(late_threes);
    const __m128i shift = _mm_cvtsi32_si128(plan->shift);
    int x = 0;
    for (; is_threes && x + WORDS <= count; x += WORDS, sums += (ptrdiff_t)3 * WORDS) {
        __m512i total = _mm512_permutex2var_epi16(window_of_three(sums), early, window_of_three(sums + WORDS));
        total = _mm512_mask_permutexvar_epi16(total, UINT32_MAX << EARLY_THREES, late,
                                              window_of_three(sums + (ptrdiff_t)2 * WORDS));
        total = _mm512_mulhi_epu16(_mm512_add_epi16(total, half), multiplier);
        _mm256_storeu_si256((__m256i *)(void *)(to + x), _mm512_cvtepi16_epi8(_mm512_srl_epi16(total, shift)));
    }
    motion_kernels_avx2()->average_groups(to + x, sums, plan, count - x);
}

/* Thirty-two threes, each in four bytes of its own, the first half out of 64 bytes from the first on, the other out of
 * those from SECOND on. The fourth byte is taken times nothing. */
enum { SECOND = 32 };
#define THREE(BYTE) (BYTE), (BYTE) + 1, (BYTE) + 2, (BYTE) + 2
#define FOUR_THREES(BYTE) THREE(BYTE), THREE((BYTE) + 3), THREE((BYTE) + 6), THREE((BYTE) + 9)
static const uint8_t first_threes[BYTES] = {FOUR_THREES(0), FOUR_THREES(12), FOUR_THREES(24), FOUR_THREES(36)};
static const uint8_t second_threes[BYTES] = {FOUR_THREES(16), FOUR_THREES(28), FOUR_THREES(40), FOUR_THREES(52)};
#undef THREE
#undef FOUR_THREES
/* Where the averages are in 32 times four bytes: above the lowest 16 bits of each. */
#define FOUR_AVERAGES(BYTE) (BYTE) + 2, (BYTE) + 6, (BYTE) + 10, (BYTE) + 14
static const uint8_t averages_of_threes[BYTES] = {FOUR_AVERAGES(0),  FOUR_AVERAGES(16), FOUR_AVERAGES(32),
                                                  FOUR_AVERAGES(48), FOUR_AVERAGES(64), FOUR_AVERAGES(80),
                                                  FOUR_AVERAGES(96), FOUR_AVERAGES(112)};
#undef FOUR_AVERAGES

/* In the upper half of each 32 bits. */
AVX512_INLINE __m512i average_16_threes(__m512i pixels, __m512i threes)
{
    const __m512i third = _mm512_set1_epi16(THIRD), half = _mm512_set1_epi32(THIRD);
    __m512i twos = _mm512_maddubs_epi16(_mm512_permutexvar_epi8(threes, pixels), _mm512_set1_epi32(0x00010101));
    return _mm512_add_epi32(_mm512_madd_epi16(twos, third), half);
}

AVX512_INLINE __m256i average_32_threes(__m512i first, __m512i second)
{
    return _mm512_castsi512_si256(_mm512_permutex2var_epi8(average_16_threes(first, load(first_threes)),
                                                           load(averages_of_threes),
                                                           average_16_threes(second, load(second_threes))));
}

AVX512 static void average_threes_avx512(uint8_t *to, const uint8_t *from, int ahead, int count)
{
    int x = 0;
    for (; x + WORDS <= count; x += WORDS, from += (ptrdiff_t)3 * WORDS) {
        __builtin_prefetch(from + ahead);
        __builtin_prefetch(from + ahead + SECOND);
        _mm256_storeu_si256((__m256i *)(void *)(to + x), average_32_threes(load(from), load(from + SECOND)));
    }
    const int rest = count - x, beyond = 3 * rest > SECOND ? 3 * rest - SECOND : 0;
    _mm256_mask_storeu_epi8(to + x, (__mmask32)lanes_of(rest),
                            average_32_threes(_mm512_maskz_loadu_epi8(lanes_of(3 * rest), from),
                                              _mm512_maskz_loadu_epi8(lanes_of(beyond), from + SECOND)));
}

/* ---- the background ---- */

AVX512_INLINE __mmask16 first_floats(int count)
{
    return (__mmask16)lanes_of(count);
}

AVX512_INLINE __m128i load_bytes(const uint8_t *from, __mmask16 lanes)
{
    return _mm_maskz_loadu_epi8(lanes, from);
}

AVX512_INLINE __m512 floats_of(__m128i bytes)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

/* How far pixels are from their means; 0 where there are none. */
AVX512_INLINE __m512 apart_16(const uint8_t *plane, const float *means, __mmask16 lanes)
{
    return _mm512_abs_ps(_mm512_sub_ps(floats_of(load_bytes(plane, lanes)), _mm512_maskz_loadu_ps(lanes, means)));
}

struct compare_sums {
    __m512i difference;
    int32_t differing;
};

AVX512_INLINE __mmask16 differing_16(const struct compare_rows *rows, const struct compare_limits *limits, int i,
                                     __mmask16 lanes, __m512 difference, __m512 chroma)
{
    const __m512 now = floats_of(load_bytes(rows->planes[0] + i, lanes));
    const __m512 mean = _mm512_maskz_loadu_ps(lanes, rows->means[0] + i);
    const __m512 share =
        _mm512_add_ps(_mm512_set1_ps(limits->base), _mm512_mul_ps(_mm512_set1_ps(limits->relative), mean));
    __mmask16 shadow = _mm512_cmp_ps_mask(chroma, _mm512_set1_ps(limits->shadow_chroma), _CMP_LT_OQ);
    shadow = _mm512_mask_cmp_ps_mask(shadow, now, mean, _CMP_LT_OQ);
    shadow = _mm512_mask_cmp_ps_mask(shadow, now, _mm512_mul_ps(mean, _mm512_set1_ps(limits->shadow)), _CMP_GT_OQ);
    __mmask16 differs = _mm512_cmp_ps_mask(difference, share, _CMP_GT_OQ);
    differs = _mm512_mask_cmp_ps_mask(differs, difference, _mm512_set1_ps(limits->noise_floor), _CMP_GT_OQ);
    return (__mmask16)((differs & ~shadow) | _mm512_cmp_ps_mask(chroma, _mm512_set1_ps(limits->chroma), _CMP_GT_OQ));
}

AVX512_INLINE void compare_16(uint8_t *foreground, const struct compare_rows *rows, const struct compare_limits *limits,
                              int i, __mmask16 lanes, struct compare_sums *sums)
{
    const __m512 difference = apart_16(rows->planes[0] + i, rows->means[0] + i, lanes);
    const __m512 chroma = _mm512_add_ps(apart_16(rows->planes[1] + i, rows->means[1] + i, lanes),
                                        apart_16(rows->planes[2] + i, rows->means[2] + i, lanes));
    /* fused, but the product is exact */
    const __m512i whole =
        _mm512_cvttps_epi32(_mm512_fmadd_ps(difference, _mm512_set1_ps(DIFFERENCE_ONE), _mm512_set1_ps(0.5f)));
    if (!(_mm512_cmp_ps_mask(difference, _mm512_set1_ps(limits->noise_floor), _CMP_GT_OQ) |
          _mm512_cmp_ps_mask(chroma, _mm512_set1_ps(limits->chroma), _CMP_GT_OQ))) { /* most of most pictures */
        _mm_mask_storeu_epi8(foreground + i, lanes, _mm_setzero_si128());
        sums->difference = _mm512_mask_add_epi32(sums->difference, lanes, sums->difference, whole);
        return;
    }
    const __mmask16 differs = differing_16(rows, limits, i, lanes, difference, chroma) & lanes;
    _mm_mask_storeu_epi8(foreground + i, lanes, _mm_movm_epi8(differs));
    sums->differing += __builtin_popcount(differs);
    sums->difference = _mm512_mask_add_epi32(sums->difference, lanes & ~differs, sums->difference, whole);
}

AVX512 static struct compare_result compare_avx512(uint8_t *foreground, const struct compare_rows *rows,
                                                   const struct compare_limits *limits, int count)
{
    const struct compare_rows from = *rows;
    const struct compare_limits at = *limits;
    struct compare_sums sums = {_mm512_setzero_si512(), 0};
    int i = 0;
    for (; i + FLOATS <= count; i += FLOATS)
        compare_16(foreground, &from, &at, i, UINT16_MAX, &sums);
    compare_16(foreground, &from, &at, i, first_floats(count - i), &sums);
    return (struct compare_result){sums.differing, _mm512_reduce_add_epi32(sums.difference)};
}

AVX512_INLINE void update_16(float *means, const uint8_t *plane, const uint8_t *keep, __m512 share, __mmask16 lanes)
{
    const __m512 mean = _mm512_maskz_loadu_ps(lanes, means);
    const __m128i kept = load_bytes(keep, lanes);
    const __m512 step = _mm512_mul_ps(share, _mm512_sub_ps(floats_of(load_bytes(plane, lanes)), mean));
    _mm512_mask_storeu_ps(means, lanes, _mm512_mask_add_ps(mean, _mm_testn_epi8_mask(kept, kept), mean, step));
}

AVX512 static void update_avx512(float *means, const uint8_t *plane, const uint8_t *keep, float share, int count)
{
    const __m512 shares = _mm512_set1_ps(share);
    int i = 0;
    for (; i + FLOATS <= count; i += FLOATS)
        update_16(means + i, plane + i, keep + i, shares, UINT16_MAX);
    update_16(means + i, plane + i, keep + i, shares, first_floats(count - i));
}

/* ---- light ---- */

/* Of LIGHT_SAMPLE_STEP vectors each holds the pixels to look at in other lanes, and together they fill one: 16 is one
 * more than three times five, so that in each they lie a lane before those of the last. */
enum { EVERY_FIFTH = 0x8421 };
_Static_assert(FLOATS % LIGHT_SAMPLE_STEP == 1 && LIGHT_SAMPLE_STEP == 5, "lanes are filled once each");

AVX512 static struct light_counts count_light_avx512(const float *means, const uint8_t *luma, float low, float high,
                                                     int count)
{
    const __m512 lows = _mm512_set1_ps(low), highs = _mm512_set1_ps(high);
    struct light_counts counts = {0};
    int i = 0;
    for (; i + LIGHT_SAMPLE_STEP * FLOATS <= count; i += LIGHT_SAMPLE_STEP * FLOATS) {
        __m512 mean = _mm512_loadu_ps(means + i);
        __m128i bytes = load_bytes(luma + i, EVERY_FIFTH);
        for (int vector = 1, at = i + FLOATS; vector < LIGHT_SAMPLE_STEP; vector++, at += FLOATS) {
            mean = _mm512_mask_loadu_ps(mean, EVERY_FIFTH >> vector, means + at);
            bytes = _mm_mask_loadu_epi8(bytes, EVERY_FIFTH >> vector, luma + at);
        }
        __mmask16 samples = _mm_cmple_epu8_mask(bytes, _mm_set1_epi8((char)LIGHT_BRIGHT));
        samples = _mm512_mask_cmp_ps_mask(samples, mean, _mm512_set1_ps(LIGHT_DARK), _CMP_GE_OQ);
        const __m512 now = _mm512_mul_ps(floats_of(bytes), _mm512_set1_ps(LIGHT_ONE));
        counts.samples += __builtin_popcount(samples);
        counts.below +=
            __builtin_popcount(_mm512_mask_cmp_ps_mask(samples, now, _mm512_mul_ps(mean, lows), _CMP_LT_OQ));
        counts.above +=
            __builtin_popcount(_mm512_mask_cmp_ps_mask(samples, now, _mm512_mul_ps(mean, highs), _CMP_GE_OQ));
    }
    const struct light_counts rest = count_light_body(means, luma, low, high, i, count);
    return (struct light_counts){counts.samples + rest.samples, counts.below + rest.below, counts.above + rest.above};
}

/* ---- looks ---- */

/* Sums of weights never are the zero that a masked addition would keep and another lose, which is below nothing. */
AVX512_INLINE void add_16(float *sums, __mmask16 lanes, __mmask16 which, __m512 value)
{
    const __m512 sum = _mm512_maskz_loadu_ps(lanes, sums);
    _mm512_mask_storeu_ps(sums, lanes, _mm512_mask_add_ps(sum, which, sum, value));
}

AVX512_INLINE __m512 apart_from(const uint8_t *plane, __mmask16 lanes, float colour)
{
    return _mm512_abs_ps(_mm512_sub_ps(floats_of(load_bytes(plane, lanes)), _mm512_set1_ps(colour)));
}

AVX512_INLINE void try_16(const struct look_trial *trial, int from, int to, const struct look_cell *cell,
                          __mmask16 lanes)
{
    const __m512 weight = _mm512_set1_ps(cell->weight);
    const __m512 apart = _mm512_add_ps(_mm512_add_ps(apart_from(trial->planes[0] + from, lanes, cell->colour[0]),
                                                     apart_from(trial->planes[1] + from, lanes, cell->colour[1])),
                                       apart_from(trial->planes[2] + from, lanes, cell->colour[2]));
    const __m512 likeness =
        _mm512_max_ps(_mm512_sub_ps(_mm512_set1_ps(1), _mm512_mul_ps(apart, _mm512_set1_ps(1 / LOOK_SAME))),
                      _mm512_set1_ps(-LOOK_OTHER));
    const __m128i states = load_bytes(trial->states + from, lanes);
    const __mmask16 is_seen = _mm_cmpgt_epu8_mask(states, _mm_set1_epi8(LOOK_CLAIMED));
    const __m512 value =
        _mm512_mask_mov_ps(_mm512_set1_ps(-1), _mm_cmpeq_epi8_mask(states, _mm_set1_epi8(LOOK_FREE)), likeness);
    add_16(trial->total + to, lanes, _mm_test_epi8_mask(states, states), weight);
    add_16(trial->seen + to, lanes, is_seen, weight);
    add_16(trial->fit + to, lanes, is_seen, _mm512_mul_ps(weight, value));
}

AVX512 static void try_cell_avx512(const struct look_trial *trial, int offset, const struct look_cell *cell)
{
    const struct look_trial at = *trial;
    const struct look_cell like = *cell;
    for (int row = 0; row < at.rows; row++)
        for (int i = 0; i < at.places; i += FLOATS)
            try_16(&at, offset + row * at.stride + i, row * at.places + i, &like, first_floats(at.places - i));
}

static const struct motion_kernels avx512 = {
    sum_rows_avx512, sum_row_pairs_avx512, average_groups_avx512, average_threes_avx512,
    compare_avx512,  count_light_avx512,   update_avx512,         try_cell_avx512,
};

const struct motion_kernels *motion_kernels_avx512(void)
{
    return &avx512;
}

#else

const struct motion_kernels *motion_kernels_avx512(void)
{
    return NULL;
}

#endif
