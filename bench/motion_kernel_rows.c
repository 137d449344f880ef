/* Motion's kernels, each beside its portable form. */
#include "bench.h"

#include "base/random.h"
#include "vision/motion_kernels.h"

#include <glib.h>

enum { WIDTH = 320, HEIGHT = 180, COUNT = WIDTH * HEIGHT, TRIAL_ROWS = 9, TRIAL_PLACES = 24 };

struct kernel_bench {
    const struct motion_kernels *fast;
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
    bench->fast = motion_kernels_choose();
    group_plan_init(&bench->plan, 3, 1, 0, 18);
    for (int i = 0; i < 3 * COUNT; i++) {
        bench->planes[i / COUNT][i % COUNT] = (uint8_t)random_next(&random);
        bench->means[i / COUNT][i % COUNT] = (float)random_range(&random, 0, UINT8_MAX);
    }
    return bench;
}

static void reduce_rows(struct kernel_bench *bench, const struct motion_kernels *kernels)
{
    const struct pixel_rows rows = {bench->rows, 6 * WIDTH, 3, 0};
    kernels->sum_row_pairs(bench->sums, &rows, 3 * WIDTH);
    kernels->average_groups(bench->out, bench->sums, &bench->plan, WIDTH);
}

static void compare_picture(struct kernel_bench *bench, const struct motion_kernels *kernels)
{
    static const struct compare_limits limits = {1.5f, 5, 0.1f, 11, 5, 0.7f};
    const struct compare_rows rows = {{bench->means[0], bench->means[1], bench->means[2]},
                                      {bench->planes[0], bench->planes[1], bench->planes[2]}};
    kernels->compare(bench->out, &rows, &limits, COUNT);
}

static void count_light(struct kernel_bench *bench, const struct motion_kernels *kernels)
{
    kernels->count_light(bench->means[0], bench->planes[0], 254, 258, COUNT);
}

static void average_threes(struct kernel_bench *bench, const struct motion_kernels *kernels)
{
    kernels->average_threes(bench->out, bench->rows, 0, WIDTH);
}

static void update_picture(struct kernel_bench *bench, const struct motion_kernels *kernels)
{
    kernels->update(bench->means[0], bench->planes[0], bench->keep, 0.02f, COUNT);
}

static void try_cell(struct kernel_bench *bench, const struct motion_kernels *kernels)
{
    static const struct look_cell cell = {.weight = 1, .colour = {110, 128, 128}};
    const struct look_trial trial = {{bench->planes[0], bench->planes[1], bench->planes[2]},
                                     bench->keep,
                                     WIDTH,
                                     TRIAL_ROWS,
                                     TRIAL_PLACES,
                                     bench->results,
                                     bench->results + TRIAL_ROWS * TRIAL_PLACES,
                                     bench->results + 2 * TRIAL_ROWS * TRIAL_PLACES};
    kernels->try_cell(&trial, 0, &cell);
}

#define TWINS(NAME)                                                                                                    \
    static void NAME##_ours(void *data)                                                                                \
    {                                                                                                                  \
        NAME(data, ((struct kernel_bench *)data)->fast);                                                               \
    }                                                                                                                  \
    static void NAME##_theirs(void *data)                                                                              \
    {                                                                                                                  \
        NAME(data, &motion_kernels_portable);                                                                          \
    }
TWINS(reduce_rows)
TWINS(average_threes)
TWINS(compare_picture)
TWINS(count_light)
TWINS(update_picture)
TWINS(try_cell)

static const char portable[] = "its portable form";

static const struct row rows[] = {
    {"motion kernel: 6 rows reduced", portable, reduce_rows_ours, reduce_rows_theirs, kernels_setup, NULL, 2000, NULL},
    {"motion kernel: a row of colours by threes", portable, average_threes_ours, average_threes_theirs, kernels_setup,
     NULL, 5000, NULL},
    {"motion kernel: light", portable, count_light_ours, count_light_theirs, kernels_setup, NULL, 200, NULL},
    {"motion kernel: compare", portable, compare_picture_ours, compare_picture_theirs, kernels_setup, NULL, 100, NULL},
    {"motion kernel: update", portable, update_picture_ours, update_picture_theirs, kernels_setup, NULL, 200, NULL},
    {"motion kernel: a cell at 216 places", portable, try_cell_ours, try_cell_theirs, kernels_setup, NULL, 5000, NULL},
};
const struct row_table motion_kernel_rows = {rows, G_N_ELEMENTS(rows)};
