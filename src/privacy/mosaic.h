/* The mosaic's loop over pixels: the sum of a cell. A portable form, which is the specification, and twins for SSE4.1,
 * AVX2 and NEON that give the same. */
#pragma once

#include <stdint.h>

/* The sum of `width` × `height` pixels, rows `stride_bytes` apart, at any address; at most 2^24 pixels. Any thread. */
typedef uint32_t mosaic_sum_form(const uint8_t *pixels, int stride_bytes, int width, int height);

mosaic_sum_form mosaic_sum_portable;
/* The form for what this processor has. Choosing asks the processor: once, and not for each cell. */
mosaic_sum_form *mosaic_sum_choose(void);
