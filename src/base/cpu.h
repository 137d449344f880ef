/* What the processor can do, asked once. Every kernel with SIMD twins chooses among them by this, so that tests can
 * hold each against its scalar form on one machine. Any thread. */
#pragma once

#include <stdbool.h>

enum cpu_feature {
    CPU_SSE41 = 1 << 0,
    CPU_AVX2 = 1 << 1,
    /* F, BW, VL and VBMI together: from Ice Lake and Zen 4 on. Those before, which slow down while they use the wide
     * registers, are taken as having AVX2 */
    CPU_AVX512 = 1 << 2,
    CPU_NEON = 1 << 3,
    CPU_CRC32C = 1 << 4, /* the instruction: SSE4.2, or ARMv8's CRC extension */
};

/* A set of instructions that kernels have forms for. */
struct cpu_set {
    const char *name;  /* "avx2"; the first, of nothing, is "portable" */
    unsigned features; /* with those of the narrower sets, which the ends of rows are done by */
};

bool cpu_has(enum cpu_feature feature);
/* Of the sets that this machine has, whatever is allowed, the one after `last`, from "portable", which is after NULL,
 * to the widest; NULL after that. Static. */
const struct cpu_set *cpu_next_set(const struct cpu_set *last);
/* For tests and measurements: from now on only these of what there is. Before anything chose. */
void cpu_limit(unsigned features);
/* "sse4.1 avx2 avx512", or "none". Static. */
const char *cpu_describe(void);
