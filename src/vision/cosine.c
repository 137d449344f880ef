#include "vision/cosine.h"

#include "base/cpu.h"

#include <stddef.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* Number i is added to sum i % LANES, and the sums at last in pairs: an order that vectors can follow. Products of two
 * floats are exact as doubles, so that it does not matter whether they are rounded before they are added. */
enum { LANES = 8 };

static double add_lanes(const double *sums)
{
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

static double finish(double *sums, const float *a, const float *b, int from, int count)
{
    for (int i = from; i < count; i++)
        sums[i % LANES] += (double)a[i] * (double)b[i];
    return add_lanes(sums);
}

double cosine_portable(const float *a, const float *b, int count)
{
    double sums[LANES] = {0};
    return finish(sums, a, b, 0, count);
}

#if defined(__x86_64__)

#define SSE41 __attribute__((target("sse4.1")))
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))

SSE41 static double cosine_sse41(const float *a, const float *b, int count)
{
    enum { PARTS = LANES / 2 };
    __m128d parts[PARTS] = {_mm_setzero_pd(), _mm_setzero_pd(), _mm_setzero_pd(), _mm_setzero_pd()};
    double sums[LANES];
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int half = 0; half < 2; half++) {
            __m128 left = _mm_loadu_ps(a + i + 4 * (ptrdiff_t)half), right = _mm_loadu_ps(b + i + 4 * (ptrdiff_t)half);
            __m128d low = _mm_mul_pd(_mm_cvtps_pd(left), _mm_cvtps_pd(right));
            __m128d high =
                _mm_mul_pd(_mm_cvtps_pd(_mm_movehl_ps(left, left)), _mm_cvtps_pd(_mm_movehl_ps(right, right)));
            parts[2 * half] = _mm_add_pd(parts[2 * half], low);
            parts[2 * half + 1] = _mm_add_pd(parts[2 * half + 1], high);
        }
    for (int part = 0; part < PARTS; part++)
        _mm_storeu_pd(sums + 2 * (ptrdiff_t)part, parts[part]);
    return finish(sums, a, b, i, count);
}

AVX2 static double cosine_avx2(const float *a, const float *b, int count)
{
    __m256d low = _mm256_setzero_pd(), high = low;
    double sums[LANES];
    int i = 0;
    for (; i + LANES <= count; i += LANES) {
        low = _mm256_add_pd(low,
                            _mm256_mul_pd(_mm256_cvtps_pd(_mm_loadu_ps(a + i)), _mm256_cvtps_pd(_mm_loadu_ps(b + i))));
        high = _mm256_add_pd(
            high, _mm256_mul_pd(_mm256_cvtps_pd(_mm_loadu_ps(a + i + 4)), _mm256_cvtps_pd(_mm_loadu_ps(b + i + 4))));
    }
    _mm256_storeu_pd(sums, low);
    _mm256_storeu_pd(sums + 4, high);
    return finish(sums, a, b, i, count);
}

AVX512 static inline __m512d add_products(__m512d sums, __m256 a, __m256 b)
{
    return _mm512_fmadd_pd(_mm512_cvtps_pd(a), _mm512_cvtps_pd(b), sums);
}

AVX512 static double cosine_avx512(const float *a, const float *b, int count)
{
    __m512d sums = _mm512_setzero_pd();
    double lanes[LANES];
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        sums = add_products(sums, _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));
    const __mmask8 rest = (__mmask8)((1U << (count - i)) - 1);
    sums = add_products(sums, _mm256_maskz_loadu_ps(rest, a + i), _mm256_maskz_loadu_ps(rest, b + i));
    _mm512_storeu_pd(lanes, sums);
    return add_lanes(lanes);
}

cosine_form *cosine_choose(void)
{
    return cpu_has(CPU_AVX512)  ? cosine_avx512
           : cpu_has(CPU_AVX2)  ? cosine_avx2
           : cpu_has(CPU_SSE41) ? cosine_sse41
                                : cosine_portable;
}

#elif defined(__aarch64__)

static double cosine_neon(const float *a, const float *b, int count)
{
    enum { PARTS = LANES / 2 };
    float64x2_t parts[PARTS] = {vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0)};
    double sums[LANES];
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int half = 0; half < 2; half++) {
            float32x4_t left = vld1q_f32(a + i + 4 * (ptrdiff_t)half), right = vld1q_f32(b + i + 4 * (ptrdiff_t)half);
            parts[2 * half] = vaddq_f64(parts[2 * half],
                                        vmulq_f64(vcvt_f64_f32(vget_low_f32(left)), vcvt_f64_f32(vget_low_f32(right))));
            parts[2 * half + 1] =
                vaddq_f64(parts[2 * half + 1], vmulq_f64(vcvt_high_f64_f32(left), vcvt_high_f64_f32(right)));
        }
    for (int part = 0; part < PARTS; part++)
        vst1q_f64(sums + 2 * (ptrdiff_t)part, parts[part]);
    return finish(sums, a, b, i, count);
}

cosine_form *cosine_choose(void)
{
    return cpu_has(CPU_NEON) ? cosine_neon : cosine_portable;
}

#else

cosine_form *cosine_choose(void)
{
    return cosine_portable;
}

#endif
