/* A place for models and cards, and a model of our own. */
#pragma once

#include "onnx_model.h"
#include "vision/runtime_internal.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* ---- a place for models and cards ---- */

struct world {
    char *directory, *model, *card;
    struct detections *found;
};

static inline void world_init(struct world *world)
{
    world->directory = g_dir_make_tmp("vedette-detector-XXXXXX", NULL);
    g_assert_nonnull(world->directory);
    world->model = g_build_filename(world->directory, "tiny.onnx", NULL);
    world->card = g_build_filename(world->directory, "tiny.card.json", NULL);
    world->found = g_new0(struct detections, 1);
}

static inline void world_clear(struct world *world)
{
    g_unlink(world->model);
    g_unlink(world->card);
    g_rmdir(world->directory);
    g_free(world->model);
    g_free(world->card);
    g_free(world->directory);
    g_free(world->found);
}

static inline void write_file(const char *path, const void *bytes, gssize length)
{
    g_assert_true(g_file_set_contents(path, bytes, length, NULL));
}

/* ---- a model of our own: 32 x 32, three labels, 16 + 4 + 1 rows of 8 ---- */

enum { TINY_PX = 32, TINY_ROWS = 21, TINY_COLUMNS = 8 };

static const char tiny_card[] = "{\"name\":\"tiny\",\"family\":\"yolox\",\"input_width_px\":32,\"input_height_px\":32,"
                                "\"labels\":[\"person\",\"car\",\"dog\"]}";

struct tiny {
    float values[TINY_ROWS * TINY_COLUMNS];
    struct onnx_model model;
};

static inline void tiny_init(struct tiny *tiny)
{
    memset(tiny, 0, sizeof *tiny);
    tiny->model = (struct onnx_model){
        .input = {"images", ONNX_FLOAT, 4, {1, 3, TINY_PX, TINY_PX}},
        .output = {"output", ONNX_FLOAT, 3, {1, TINY_ROWS, TINY_COLUMNS}},
        .values = tiny->values,
        .value_count = G_N_ELEMENTS(tiny->values),
        .value_sizes = {1, TINY_ROWS, TINY_COLUMNS},
    };
}

/* Sets a row: offsets and log sizes in cells, the object's probability and that of one class. */
static inline void tiny_row(struct tiny *tiny, int row, const float box[4], float object, int label, float probability)
{
    float *values = tiny->values + row * TINY_COLUMNS;
    memcpy(values, box, 4 * sizeof *box);
    values[4] = object;
    values[5 + label] = probability;
}

static inline void tiny_write(const struct world *world, const struct tiny *tiny, const char *card)
{
    g_autoptr(GByteArray) bytes = onnx_model_make(&tiny->model);
    write_file(world->model, bytes->data, bytes->len);
    if (card)
        write_file(world->card, card, -1);
}

static inline struct detector *open_detector(const struct world *world, GError **error)
{
    const struct detector_settings settings = {.threads = 1};
    return detector_open(world->model, &settings, error);
}

static inline struct frame *grey_frame(int width, int height)
{
    struct frame *frame = frame_new_allocated(width, height);
    for (int plane = 0; plane < 3; plane++)
        memset(frame_plane(frame, plane), 128,
               (size_t)frame->strides_bytes[plane] * (size_t)frame_plane_rows(frame, plane));
    return frame;
}

static inline void run(struct world *world, int width, int height)
{
    g_autoptr(GError) error = NULL;
    CLEANUP(detector) struct detector *detector = open_detector(world, &error);
    g_assert_no_error(error);
    CLEANUP(frame) struct frame *frame = grey_frame(width, height);
    g_assert_true(detector_run(detector, frame, world->found, &error));
    g_assert_no_error(error);
}

/* ---- what is read from a model's output ---- */

static inline void assert_box(const struct record_box *box, double x, double y, double w, double h)
{
    g_assert_cmpfloat_with_epsilon(box->x, x, 1e-5);
    g_assert_cmpfloat_with_epsilon(box->y, y, 1e-5);
    g_assert_cmpfloat_with_epsilon(box->w, w, 1e-5);
    g_assert_cmpfloat_with_epsilon(box->h, h, 1e-5);
}
