#include "base/cpu.h"

#include <stdio.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <glib.h>

static unsigned allowed = ~0U; /* __atomic */

static unsigned probe(void)
{
    unsigned features = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    features |= __builtin_cpu_supports("sse4.1") ? CPU_SSE41 : 0;
    features |= __builtin_cpu_supports("avx2") ? CPU_AVX2 : 0;
    features |= __builtin_cpu_supports("sse4.2") ? CPU_CRC32C : 0;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
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

const char *cpu_describe(void)
{
    static const struct {
        enum cpu_feature feature;
        const char *name;
    } names[] = {
        {CPU_SSE41, "sse4.1"}, {CPU_AVX2, "avx2"}, {CPU_AVX512, "avx512"}, {CPU_NEON, "neon"}, {CPU_CRC32C, "crc32c"}};
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (cpu_has(names[i].feature))
            g_string_append_printf(text, "%s%s", text->len ? " " : "", names[i].name);
    return g_intern_string(text->len ? text->str : "none");
}
