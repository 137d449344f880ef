/* Each form of the cosine gives the bits that the portable one gives, for vectors of any length at any address. */
#include "vision/cosine.h"

#include "base/cpu.h"
#include "base/random.h"

#include <glib.h>
#include <math.h>

static void check_form(cosine_form *form)
{
    enum { TRIALS = 500, LONGEST = 300, OFFSET = 7 };
    struct random random;
    random_init(&random, 17);
    for (int trial = 0; trial < TRIALS; trial++) {
        int count = (int)random_range(&random, 0, LONGEST), offset = (int)random_range(&random, 0, OFFSET);
        size_t whole = (size_t)count + (size_t)offset;
        g_autofree float *a = g_new(float, whole + 1), *b = g_new(float, whole + 1);
        for (size_t i = 0; i < whole; i++) {
            a[i] = (float)ldexp(random_uniform(&random) - 0.5, (int)random_range(&random, -20, 20));
            b[i] = (float)(random_uniform(&random) - 0.5);
        }
        double expected = cosine_portable(a + offset, b + offset, count);
        double found = form(a + offset, b + offset, count);
        g_assert_cmpmem(&expected, sizeof expected, &found, sizeof found);
    }
}

static void test_forms_give_the_same_bits(void)
{
    for (const struct cpu_set *set = NULL; (set = cpu_next_set(set));) {
        cpu_limit(set->features);
        check_form(cosine_choose());
    }
    cpu_limit(~0U);
}

static void test_a_vector_is_like_itself_and_unlike_its_opposite(void)
{
    enum { COUNT = 130 };
    float a[COUNT], b[COUNT];
    for (int i = 0; i < COUNT; i++) {
        a[i] = (float)((i % 2 ? 1 : -1) / sqrt(COUNT));
        b[i] = -a[i];
    }
    g_assert_cmpfloat_with_epsilon(cosine_choose()(a, a, COUNT), 1, 1e-6);
    g_assert_cmpfloat_with_epsilon(cosine_choose()(a, b, COUNT), -1, 1e-6);
    b[0] = a[0];
    g_assert_cmpfloat_with_epsilon(cosine_choose()(a, b, COUNT), -1 + 2.0 / COUNT, 1e-6);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cosine/forms give the same bits", test_forms_give_the_same_bits);
    g_test_add_func("/cosine/a vector is like itself and unlike its opposite",
                    test_a_vector_is_like_itself_and_unlike_its_opposite);
    return g_test_run();
}
