/* The kernels beside motion's and preprocessing's. */
#include "bench.h"

#include "base/random.h"
#include "privacy/mosaic.h"
#include "vision/cosine.h"

#include <glib.h>

enum { STRIDE = 640, ROWS = 360, CELL = 16, LENGTH = 256, VECTORS = 256 };

struct kernel_bench {
    uint8_t pixels[STRIDE * ROWS];
    float vectors[VECTORS][LENGTH];
    mosaic_sum_form *sum;
    cosine_form *cosine;
    double total; /* so that nothing is left out */
};

static void *setup(const void *unused)
{
    struct kernel_bench *bench = g_new0(struct kernel_bench, 1);
    struct random random;
    (void)unused;
    random_init(&random, 1);
    bench->sum = mosaic_sum_choose();
    bench->cosine = cosine_choose();
    for (size_t i = 0; i < sizeof bench->pixels; i++)
        bench->pixels[i] = (uint8_t)random_next(&random);
    for (int i = 0; i < VECTORS * LENGTH; i++)
        bench->vectors[i / LENGTH][i % LENGTH] = (float)random_uniform(&random);
    return bench;
}

static void sum_cells(void *data)
{
    struct kernel_bench *bench = data;
    for (int y = 0; y + CELL <= ROWS; y += CELL)
        for (int x = 0; x + CELL <= STRIDE; x += CELL)
            bench->total += bench->sum(bench->pixels + y * STRIDE + x, STRIDE, CELL, CELL);
}

static void compare_vectors(void *data)
{
    struct kernel_bench *bench = data;
    for (int i = 0; i < VECTORS; i++)
        bench->total += bench->cosine(bench->vectors[0], bench->vectors[i], LENGTH);
}

static const char portable[] = "its portable form";

static const struct row rows[] = {
    {"mosaic kernel: 640 x 360, cells of 16", portable, sum_cells, NULL, setup, NULL, 200, NULL},
    {"cosine kernel: 256 pairs of 256 numbers", portable, compare_vectors, NULL, setup, NULL, 200, NULL},
};
const struct row_table kernel_rows = {rows, G_N_ELEMENTS(rows)};
