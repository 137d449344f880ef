/* The reduced picture: averages of factor × factor pixels. Rows are summed by the widest instructions there are, then
 * columns; both orders of summing whole numbers give the same. */
#include "base/cpu.h"
#include "vision/motion_internal.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

void reduce_add_row_scalar(uint16_t *sums, const uint8_t *row, int count)
{
    for (int i = 0; i < count; i++)
        sums[i] = (uint16_t)(sums[i] + row[i]);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void add_row_avx2(uint16_t *sums, const uint8_t *row, int count)
{
    enum { LANES = 16 };
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(row + i)));
        __m256i *sum = (__m256i *)(void *)(sums + i);
        _mm256_storeu_si256(sum, _mm256_add_epi16(_mm256_loadu_si256(sum), wide));
    }
    reduce_add_row_scalar(sums + i, row + i, count - i);
}

__attribute__((target("sse4.1"))) static void add_row_sse41(uint16_t *sums, const uint8_t *row, int count)
{
    enum { LANES = 8 };
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        __m128i wide = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)(row + i)));
        __m128i *sum = (__m128i *)(void *)(sums + i);
        _mm_storeu_si128(sum, _mm_add_epi16(_mm_loadu_si128(sum), wide));
    }
    reduce_add_row_scalar(sums + i, row + i, count - i);
}
#elif defined(__aarch64__)
static void add_row_neon(uint16_t *sums, const uint8_t *row, int count)
{
    enum { LANES = 8 };
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        vst1q_u16(sums + i, vaddw_u8(vld1q_u16(sums + i), vld1_u8(row + i)));
    reduce_add_row_scalar(sums + i, row + i, count - i);
}
#endif

reduce_add_row *reduce_choose_add_row(void)
{
#if defined(__x86_64__)
    if (cpu_has(CPU_AVX2))
        return add_row_avx2;
    if (cpu_has(CPU_SSE41))
        return add_row_sse41;
#elif defined(__aarch64__)
    if (cpu_has(CPU_NEON))
        return add_row_neon;
#endif
    return reduce_add_row_scalar;
}

/* Division by `count`, rounded to nearest, as a multiplication: exact for sums of up to 255 × count while count is at
 * most 2^16 (Granlund and Montgomery 1994: the error, sum × count / 2^40, stays below 1 / count). */
enum { RECIPROCAL_SHIFT = 40 };

/* `step` bytes between a row's pixels of one kind; `first` is where this kind begins. */
static void average_columns(const uint16_t *sums, int first, int step, int factor, uint64_t reciprocal, uint8_t *to,
                            int width)
{
    unsigned half = (unsigned)(factor * factor) / 2;
    const uint16_t *sum = sums + first;
    for (int x = 0; x < width; x++) {
        unsigned total = half;
        for (int i = 0; i < factor; i++, sum += step)
            total += *sum;
        to[x] = (uint8_t)(total * reciprocal >> RECIPROCAL_SHIFT);
    }
}

/* Reduces `step` planes that lie interleaved in one: 1, or 2 for NV12's chroma. */
static void reduce_plane(const struct reduced *to, const uint8_t *from, int stride, int step, int factor,
                         uint8_t *const *planes)
{
    int row_bytes = to->width * factor * step;
    uint64_t reciprocal = (UINT64_C(1) << RECIPROCAL_SHIFT) / (unsigned)(factor * factor) + 1;
    for (int y = 0; y < to->height; y++) {
        memset(to->sums, 0, sizeof *to->sums * (size_t)row_bytes);
        for (int row = 0; row < factor; row++)
            to->add_row(to->sums, from + (y * factor + row) * stride, row_bytes);
        for (int i = 0; i < step; i++)
            average_columns(to->sums, i, step, factor, reciprocal, planes[i] + y * to->width, to->width);
    }
}

/* Chroma planes are half size: a reduced pixel covers factor / 2 of theirs, or one of theirs covers several. */
static void reduce_chroma(struct reduced *to, const struct frame *frame)
{
    bool is_interleaved = frame->format == FRAME_NV12;
    int step = is_interleaved ? 2 : 1;
    if (to->factor % 2 == 0) {
        for (int i = 1; i <= (is_interleaved ? 1 : 2); i++)
            reduce_plane(to, frame->planes[i], frame->strides_bytes[i], step, to->factor / 2, to->planes + i);
        return;
    }
    for (int channel = 1; channel <= 2; channel++) {
        const uint8_t *plane = is_interleaved ? frame->planes[1] + channel - 1 : frame->planes[channel];
        int stride = frame->strides_bytes[is_interleaved ? 1 : channel];
        for (int y = 0; y < to->height; y++)
            for (int x = 0; x < to->width; x++)
                to->planes[channel][y * to->width + x] =
                    plane[(y * to->factor / 2) * stride + (x * to->factor / 2) * step];
    }
}

void reduced_fill(struct reduced *to, const struct frame *frame)
{
    reduce_plane(to, frame->planes[0], frame->strides_bytes[0], 1, to->factor, to->planes);
    reduce_chroma(to, frame);
}
