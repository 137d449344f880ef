/* The sets of instructions that kernels' tests and measurements go through. */
#include "base/cpu.h"

#include <glib.h>
#include <string.h>

/* An empty or short list would pass every test of kernels. */
static void test_every_set_that_the_machine_has_is_gone_through(void)
{
    const struct cpu_set *set = cpu_next_set(NULL);
    unsigned seen = 0, last = 0;
    g_assert_cmpstr(set->name, ==, "portable");
    g_assert_cmpuint(set->features, ==, 0);
    while ((set = cpu_next_set(set))) {
        g_assert_cmpuint(set->features & last, ==, last); /* with the narrower ones */
        g_assert_nonnull(strstr(cpu_describe(), set->name));
        last = set->features;
        seen |= last;
    }
    for (unsigned feature = CPU_SSE41; feature <= CPU_NEON; feature <<= 1)
        g_assert_cmpint(cpu_has((enum cpu_feature)feature), ==, (seen & feature) != 0);
}

static void test_a_limit_leaves_what_it_names(void)
{
    for (const struct cpu_set *set = NULL; (set = cpu_next_set(set));) {
        cpu_limit(set->features);
        for (unsigned feature = CPU_SSE41; feature <= CPU_NEON; feature <<= 1)
            g_assert_cmpint(cpu_has((enum cpu_feature)feature), ==, (set->features & feature) != 0);
    }
    cpu_limit(~0U);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cpu/every set that the machine has is gone through",
                    test_every_set_that_the_machine_has_is_gone_through);
    g_test_add_func("/cpu/a limit leaves what it names", test_a_limit_leaves_what_it_names);
    return g_test_run();
}
