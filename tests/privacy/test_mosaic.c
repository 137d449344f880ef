/* Each form of the mosaic's sum gives what the portable one gives, for cells of any size at any address and stride. */
#include "privacy/mosaic.h"

#include "base/cpu.h"
#include "base/random.h"

#include <glib.h>

static void check_form(mosaic_sum_form *form)
{
    enum { TRIALS = 500, SIDE = 101 };
    struct random random;
    random_init(&random, 11);
    for (int trial = 0; trial < TRIALS; trial++) {
        int width = (int)random_range(&random, 0, SIDE), height = (int)random_range(&random, 0, SIDE);
        int stride = width + (int)random_range(&random, 0, 17), offset = (int)random_range(&random, 0, 9);
        /* to the last byte, so that a look beyond the cell is caught by the sanitizers */
        size_t bytes = (size_t)offset + (size_t)MAX(height - 1, 0) * (size_t)stride + (size_t)width;
        g_autofree uint8_t *pixels = g_malloc(bytes + 1);
        for (size_t i = 0; i < bytes; i++)
            pixels[i] = trial % 5 ? (uint8_t)random_next(&random) : UINT8_MAX;
        g_assert_cmpuint(form(pixels + offset, stride, width, height), ==,
                         mosaic_sum_portable(pixels + offset, stride, width, height));
    }
}

static void test_cells_are_summed_alike(void)
{
    for (const struct cpu_set *set = NULL; (set = cpu_next_set(set));) {
        cpu_limit(set->features);
        check_form(mosaic_sum_choose());
    }
    cpu_limit(~0U);
}

static void test_a_sum_is_what_it_says(void)
{
    static const uint8_t pixels[] = {1, 2, 3, 99, 4, 5, 6, 99, 250, 251, 252};
    g_assert_cmpuint(mosaic_sum_portable(pixels, 4, 3, 3), ==, 1 + 2 + 3 + 4 + 5 + 6 + 250 + 251 + 252);
}

/* A whole picture as one cell. */
static void test_large_sums_do_not_overflow(void)
{
    enum { SIDE = 4096 };
    g_autofree uint8_t *pixels = g_malloc((size_t)SIDE * SIDE);
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        pixels[i] = UINT8_MAX;
    for (const struct cpu_set *set = NULL; (set = cpu_next_set(set));) {
        cpu_limit(set->features);
        g_assert_cmpuint(mosaic_sum_choose()(pixels, SIDE, SIDE, SIDE), ==, (uint32_t)UINT8_MAX * SIDE * SIDE);
    }
    cpu_limit(~0U);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mosaic/cells are summed alike", test_cells_are_summed_alike);
    g_test_add_func("/mosaic/a sum is what it says", test_a_sum_is_what_it_says);
    g_test_add_func("/mosaic/large sums do not overflow", test_large_sums_do_not_overflow);
    return g_test_run();
}
