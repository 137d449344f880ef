#include "base/cpu.h"

#include <stdio.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <glib.h>

static unsigned allowed = ~0U; /* __atomic */

static const struct cpu_set sets[] = {
    {"portable", 0},
    {"sse4.1", CPU_SSE41},
    {"avx2", CPU_SSE41 | CPU_AVX2},
    {"avx512", CPU_SSE41 | CPU_AVX2 | CPU_AVX512},
    {"neon", CPU_NEON},
};

static unsigned probe(void)
{
    unsigned features = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    features |= __builtin_cpu_supports("sse4.1") ? CPU_SSE41 : 0;
    features |= __builtin_cpu_supports("avx2") ? CPU_AVX2 : 0;
    features |= __builtin_cpu_supports("sse4.2") ? CPU_CRC32C : 0;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vbmi"))
        features |= CPU_AVX512;
#elif defined(__aarch64__)
    features |= CPU_NEON; /* part of the architecture */
    features |= getauxval(AT_HWCAP) & HWCAP_CRC32 ? CPU_CRC32C : 0;
#endif
    return features;
}

bool cpu_has(enum cpu_feature feature)
{
    return probe() & __atomic_load_n(&allowed, __ATOMIC_RELAXED) & (unsigned)feature;
}

void cpu_limit(unsigned features)
{
    __atomic_store_n(&allowed, features, __ATOMIC_RELAXED);
}

const struct cpu_set *cpu_next_set(const struct cpu_set *last)
{
    const struct cpu_set *set = last ? last + 1 : sets;
    while (set < sets + G_N_ELEMENTS(sets) && (set->features & probe()) != set->features)
        set++;
    return set < sets + G_N_ELEMENTS(sets) ? set : NULL;
}

const char *cpu_describe(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const struct cpu_set *set = cpu_next_set(NULL); /* "portable": not something that it has */
    while ((set = cpu_next_set(set)))
        g_string_append_printf(text, "%s ", set->name);
    g_string_append(text, cpu_has(CPU_CRC32C) ? "crc32c" : "");
    return g_intern_string(text->len ? g_strchomp(text->str) : "none");
}
