/* Motion's kernels. */
#include "bench.h"

#include "base/random.h"
#include "vision/motion_kernels.h"

#include <glib.h>

enum { WIDTH = 320, HEIGHT = 180, COUNT = WIDTH * HEIGHT, TRIAL_ROWS = 9, TRIAL_PLACES = 24 };

struct kernel_bench {
    const struct motion_kernels *kernels;
    uint8_t planes[3][COUNT], out[COUNT], keep[COUNT];
    float means[3][COUNT], results[3 * TRIAL_ROWS * TRIAL_PLACES];
    uint16_t sums[3 * WIDTH + GROUP_SLACK];
    struct group_plan plan;
    uint8_t rows[3 * 6 * WIDTH];
};

static void *kernels_setup(const void *unused)
{
    struct kernel_bench *bench = g_new0(struct kernel_bench, 1);
    struct random random;
    (void)unused;
    random_init(&random, 1);
    bench->kernels = motion_kernels_choose();
    group_plan_init(&bench->plan, 3, 1, 0, 18);
    for (int i = 0; i < 3 * COUNT; i++) {
        bench->planes[i / COUNT][i % COUNT] = (uint8_t)random_next(&random);
        bench->means[i / COUNT][i % COUNT] = (float)random_range(&random, 0, UINT8_MAX);
    }
    return bench;
}

static void reduce_rows(void *data)
{
    struct kernel_bench *bench = data;
    const struct pixel_rows rows = {bench->rows, 6 * WIDTH, 3, 0};
    bench->kernels->sum_row_pairs(bench->sums, &rows, 3 * WIDTH);
    bench->kernels->average_groups(bench->out, bench->sums, &bench->plan, WIDTH);
}

static void compare_picture(void *data)
{
    struct kernel_bench *bench = data;
    static const struct compare_limits limits = {1.5f, 5, 0.1f, 11, 5, 0.7f};
    const struct compare_rows rows = {{bench->means[0], bench->means[1], bench->means[2]},
                                      {bench->planes[0], bench->planes[1], bench->planes[2]}};
    bench->kernels->compare(bench->out, &rows, &limits, COUNT);
}

static void count_light(void *data)
{
    struct kernel_bench *bench = data;
    bench->kernels->count_light(bench->means[0], bench->planes[0], 254, 258, COUNT);
}

static void average_threes(void *data)
{
    struct kernel_bench *bench = data;
    bench->kernels->average_threes(bench->out, bench->rows, 0, WIDTH);
}

static void update_picture(void *data)
{
    struct kernel_bench *bench = data;
    bench->kernels->update(bench->means[0], bench->planes[0], bench->keep, 0.02f, COUNT);
}

static void try_cell(void *data)
{
    struct kernel_bench *bench = data;
    static const struct look_cell cell = {.weight = 1, .colour = {110, 128, 128}};
    const struct look_trial trial = {{bench->planes[0], bench->planes[1], bench->planes[2]},
                                     bench->keep,
                                     WIDTH,
                                     TRIAL_ROWS,
                                     TRIAL_PLACES,
                                     bench->results,
                                     bench->results + TRIAL_ROWS * TRIAL_PLACES,
                                     bench->results + 2 * TRIAL_ROWS * TRIAL_PLACES};
    bench->kernels->try_cell(&trial, 0, &cell);
}

static const char portable[] = "its portable form";

static const struct row rows[] = {
    {"motion kernel: 6 rows reduced", portable, reduce_rows, NULL, kernels_setup, NULL, 2000, NULL},
    {"motion kernel: a row of colours by threes", portable, average_threes, NULL, kernels_setup, NULL, 5000, NULL},
    {"motion kernel: light", portable, count_light, NULL, kernels_setup, NULL, 200, NULL},
    {"motion kernel: compare", portable, compare_picture, NULL, kernels_setup, NULL, 100, NULL},
    {"motion kernel: update", portable, update_picture, NULL, kernels_setup, NULL, 200, NULL},
    {"motion kernel: a cell at 216 places", portable, try_cell, NULL, kernels_setup, NULL, 5000, NULL},
};
const struct row_table motion_kernel_rows = {rows, G_N_ELEMENTS(rows)};
