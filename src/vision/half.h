/* IEEE 754 binary16, which some models take and give: one sign bit, five of exponent, ten of fraction. */
#pragma once

#include <stdint.h>
#include <string.h>

static inline float half_read(uint16_t half)
{
    static const uint32_t exponent_step = (127 - 15) << 23; /* from one bias to the other */
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = (uint32_t)(half & 0x7fff) << 13, bits;
    float value;
    if (rest >= 0x7c00U << 13) /* infinity, or no number */
        bits = sign | 0x7f800000 | (rest & 0x7fffff);
    else if (rest >= 0x400U << 13)
        bits = sign | (rest + exponent_step);
    else { /* zero, or smaller than a fraction with a leading one: so many 2^-24 */
        value = (float)(half & 0x3ff) * 0x1p-24F;
        return sign ? -value : value;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Rounds to the nearest, ties to even; what is too large becomes infinity. */
static inline uint16_t half_make(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits >= 0x47800000) /* 65536 and more, infinity, or no number */
        return (uint16_t)(sign | (bits > 0x7f800000 ? 0x7e00 : 0x7c00));
    if (bits < 0x38800000) { /* below 2^-14: the addition rounds to whole 2^-24 */
        float shifted;
        memcpy(&shifted, &bits, sizeof shifted);
        shifted += 0.5F; /* whose last bit is 2^-24 */
        memcpy(&bits, &shifted, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    uint32_t odd = bits >> 13 & 1;
    return (uint16_t)(sign | ((bits + 0xfff + odd - 0x38000000) >> 13));
}
