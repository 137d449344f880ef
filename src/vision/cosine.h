/* The cosine of two vectors of length 1: their scalar product. A portable form, which is the specification, and twins
 * for SSE4.1, AVX2, AVX-512 and NEON that give the same bits. */
#pragma once

typedef double cosine_form(const float *a, const float *b, int count);

/* Of vectors of `count` numbers, at any address. Any thread. */
cosine_form cosine_portable;
/* The form for what this processor has. Choosing asks the processor: once, and not for each pair. */
cosine_form *cosine_choose(void);
