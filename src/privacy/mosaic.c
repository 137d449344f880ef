#include "privacy/mosaic.h"

#include "base/cpu.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

uint32_t mosaic_sum_portable(const uint8_t *pixels, int stride_bytes, int width, int height)
{
    uint32_t sum = 0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            sum += pixels[(ptrdiff_t)y * stride_bytes + x];
    return sum;
}

/* Cells are 8 pixels wide or a little more: what is left of a row counts. Eight at once, then one by one. */
#if defined(__x86_64__)

#define SSE41 __attribute__((target("sse4.1")))
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))

SSE41 static inline __m128i add_rest(__m128i sum, const uint8_t *row, int x, int width)
{
    const __m128i zero = _mm_setzero_si128();
    for (; x + 16 <= width; x += 16)
        sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)(const void *)(row + x)), zero));
    for (; x + 8 <= width; x += 8)
        sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_loadl_epi64((const __m128i *)(const void *)(row + x)), zero));
    if (x == width)
        return sum;
    uint64_t last = 0;
    for (int shift = 0; x < width; x++, shift += 8)
        last |= (uint64_t)row[x] << shift;
    return _mm_add_epi64(sum, _mm_sad_epu8(_mm_cvtsi64_si128((long long)last), zero));
}

SSE41 static inline uint32_t halves(__m128i sum)
{
    return (uint32_t)_mm_cvtsi128_si32(sum) + (uint32_t)_mm_extract_epi32(sum, 2);
}

SSE41 static uint32_t mosaic_sum_sse41(const uint8_t *pixels, int stride_bytes, int width, int height)
{
    __m128i sum = _mm_setzero_si128();
    for (int y = 0; y < height; y++, pixels += stride_bytes)
        sum = add_rest(sum, pixels, 0, width);
    return halves(sum);
}

AVX2 static uint32_t mosaic_sum_avx2(const uint8_t *pixels, int stride_bytes, int width, int height)
{
    __m256i wide = _mm256_setzero_si256();
    __m128i sum = _mm_setzero_si128();
    if (width < 32) /* as most cells are: looking for more costs half as much again */
        return mosaic_sum_sse41(pixels, stride_bytes, width, height);
    for (int y = 0; y < height; y++, pixels += stride_bytes) {
        int x = 0;
        for (; x + 32 <= width; x += 32) {
            __m256i row = _mm256_loadu_si256((const __m256i *)(const void *)(pixels + x));
            wide = _mm256_add_epi64(wide, _mm256_sad_epu8(row, _mm256_setzero_si256()));
        }
        sum = add_rest(sum, pixels, x, width);
    }
    return halves(sum) + halves(_mm256_castsi256_si128(wide)) + halves(_mm256_extracti128_si256(wide, 1));
}

/* Columns of 64, the last by a mask: no rest of a row is added byte by byte. */
AVX512 static uint32_t mosaic_sum_avx512(const uint8_t *pixels, int stride_bytes, int width, int height)
{
    enum { COLUMNS = 64 };
    __m512i sum = _mm512_setzero_si512();
    for (int x = 0; x < width; x += COLUMNS) {
        const __mmask64 columns = width - x < COLUMNS ? (UINT64_C(1) << (width - x)) - 1 : UINT64_MAX;
        const uint8_t *row = pixels + x;
        for (int y = 0; y < height; y++, row += stride_bytes)
            sum = _mm512_add_epi64(sum, _mm512_sad_epu8(_mm512_maskz_loadu_epi8(columns, row), _mm512_setzero_si512()));
    }
    return (uint32_t)_mm512_reduce_add_epi64(sum);
}

mosaic_sum_form *mosaic_sum_choose(void)
{
    return cpu_has(CPU_AVX512)  ? mosaic_sum_avx512
           : cpu_has(CPU_AVX2)  ? mosaic_sum_avx2
           : cpu_has(CPU_SSE41) ? mosaic_sum_sse41
                                : mosaic_sum_portable;
}

#elif defined(__aarch64__)

static uint32_t mosaic_sum_neon(const uint8_t *pixels, int stride_bytes, int width, int height)
{
    uint32x4_t sum = vdupq_n_u32(0);
    uint32_t rest = 0;
    for (int y = 0; y < height; y++, pixels += stride_bytes) {
        int x = 0;
        for (; x + 16 <= width; x += 16)
            sum = vpadalq_u16(sum, vpaddlq_u8(vld1q_u8(pixels + x)));
        for (; x + 8 <= width; x += 8)
            sum = vaddw_u16(sum, vpaddl_u8(vld1_u8(pixels + x)));
        for (; x < width; x++)
            rest += pixels[x];
    }
    return vaddvq_u32(sum) + rest;
}

mosaic_sum_form *mosaic_sum_choose(void)
{
    return cpu_has(CPU_NEON) ? mosaic_sum_neon : mosaic_sum_portable;
}

#else

mosaic_sum_form *mosaic_sum_choose(void)
{
    return mosaic_sum_portable;
}

#endif
