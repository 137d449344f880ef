/* From a frame to what a model says of it. */
#include "bench.h"

#include "frame/frame.h"
#include "vision/detector_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- a frame into a model's tensor ---- */

struct preprocess_bench {
    struct preprocess *preprocess;
    struct frame *frame;
    float *tensor;
};

/* `argument`: the frame's format. */
static void *preprocess_setup(const void *argument)
{
    const enum frame_format *format = argument;
    struct preprocess_bench *bench = g_new0(struct preprocess_bench, 1);
    struct model_card card;
    record_init(&model_card_descriptor, &card);
    card.input_width_px = card.input_height_px = 416;
    bench->preprocess = preprocess_new(&card);
    bench->frame = bench_frame(*format);
    bench->tensor = g_new0(float, 416 * 416 * 3);
    record_clear(&model_card_descriptor, &card);
    return bench;
}

static void preprocess_picture(void *data)
{
    struct preprocess_bench *bench = data;
    preprocess_run(bench->preprocess, bench->frame, bench->tensor);
}

/* ---- detection ---- */

struct detection_bench {
    struct detector *detector;
    struct runtime *runtime;
    struct frame *frame;
    struct detections *found;
};

struct runtime *bench_open_bare(const char *model, const struct model_card *card, GError **error)
{
    g_autofree char *bytes = NULL;
    gsize length = 0;
    int outputs = 0;
    g_autoptr(GString) reason = g_string_new(NULL);
    struct tensor_want wants[MODEL_MAX_TENSORS];
    const struct tensor_want input = model_want_input(card);
    const struct detector_settings settings = {.threads = 1};
    if (!g_file_get_contents(model, &bytes, &length, error) ||
        !family_find(card->family)->describe(card, wants, &outputs, reason, error))
        return NULL;
    CLEANUP(runtime) struct runtime *runtime = runtime_open(bytes, length, &settings, error);
    return runtime && runtime_bind(runtime, &input, wants, outputs, error) ? g_steal_pointer(&runtime) : NULL;
}

/* The model that VEDETTE_BENCH_MODEL names, with its card beside it; else one of the shared assets; else none. */
static void *detection_setup(const void *argument)
{
    (void)argument;
    const char *named = g_getenv("VEDETTE_BENCH_MODEL");
    const char *model = named ? named : "../shared/assets/models/yolox_nano.onnx";
    g_autofree char *card = named ? NULL : g_strdup("models/cards/yolox_nano.card.json");
    const struct detector_settings settings = {.card = card, .threads = 1};
    g_autoptr(GError) error = NULL;
    struct detection_bench *bench = g_new0(struct detection_bench, 1);
    bench->detector = detector_open(model, &settings, &error);
    bench->runtime = bench->detector ? bench_open_bare(model, detector_card(bench->detector), &error) : NULL;
    if (!bench->runtime) {
        fprintf(stderr, "detection is left out: %s (VEDETTE_BENCH_MODEL names a model with its card beside it)\n",
                error ? error->message : "the model cannot be run alone");
        g_free(bench);
        return NULL;
    }
    bench->frame = bench_frame(FRAME_NV12);
    bench->found = g_new0(struct detections, 1);
    /* Both look at the same picture: multiplying by nothing takes less time, on some processors. */
    struct preprocess *preprocess = preprocess_new(detector_card(bench->detector));
    preprocess_run(preprocess, bench->frame, runtime_input(bench->runtime));
    preprocess_free(preprocess);
    return bench;
}

static void detection_ours(void *data)
{
    struct detection_bench *bench = data;
    detector_run(bench->detector, bench->frame, bench->found, NULL);
}

static void detection_theirs(void *data)
{
    struct detection_bench *bench = data;
    runtime_run(bench->runtime, NULL);
}

/* ---- several cameras' pictures in one call ---- */

enum { BATCH_SIDE_PX = 320 };

struct batch_bench {
    struct runtime *one, *many;
    int count;
};

/* YuNet takes any number of pictures. What it gives is not read here, so that any shape will do. */
static struct runtime *open_batch(const char *bytes, gsize length, int count)
{
    struct tensor_want wants[MODEL_MAX_TENSORS];
    struct model_card card;
    int outputs = 0;
    g_autoptr(GString) reason = g_string_new(NULL);
    const struct tensor_want input = {.shape = {4, {count, 3, BATCH_SIDE_PX, BATCH_SIDE_PX}}};
    const struct detector_settings settings = {.threads = 1, .provider = PROVIDER_CPU};
    record_init(&model_card_descriptor, &card);
    card.input_width_px = card.input_height_px = BATCH_SIDE_PX;
    card.labels = (struct record_strings){(char *[]){(char[]){"face"}}, 1};
    family_find(MODEL_YUNET)->describe(&card, wants, &outputs, reason, NULL);
    for (int i = 0; i < outputs; i++)
        memset(wants[i].shape.sizes, 0, sizeof wants[i].shape.sizes);
    CLEANUP(runtime) struct runtime *runtime = runtime_open(bytes, length, &settings, NULL);
    return runtime && runtime_bind(runtime, &input, wants, outputs, NULL) ? g_steal_pointer(&runtime) : NULL;
}

/* `argument`: how many pictures. */
static void *batch_setup(const void *argument)
{
    const int *count = argument;
    g_autofree char *bytes = NULL;
    gsize length = 0;
    struct batch_bench *bench = g_new0(struct batch_bench, 1);
    bench->count = *count;
    if (g_file_get_contents("../shared/assets/models/yunet_n_dynamic.onnx", &bytes, &length, NULL)) {
        bench->one = open_batch(bytes, length, 1);
        bench->many = open_batch(bytes, length, bench->count);
    }
    if (bench->one && bench->many)
        return bench;
    fputs("batches are left out: no model that takes any number of pictures\n", stderr);
    g_free(bench);
    return NULL;
}

static void batch_ours(void *data)
{
    struct batch_bench *bench = data;
    runtime_run(bench->many, NULL);
}

static void batch_theirs(void *data)
{
    struct batch_bench *bench = data;
    for (int i = 0; i < bench->count; i++)
        runtime_run(bench->one, NULL);
}

/* ---- the rows ---- */

static const enum frame_format nv12 = FRAME_NV12, i420 = FRAME_I420;
static const int four = 4, eight = 8;

static const struct row rows[] = {
    {"preprocess NV12, 1080p to 416", "its scalar form", preprocess_picture, NULL, preprocess_setup, &nv12, 20, NULL},
    {"preprocess I420, 1080p to 416", "its scalar form", preprocess_picture, NULL, preprocess_setup, &i420, 20, NULL},
    {"detection, 1080p frame", "ONNX Runtime alone", detection_ours, detection_theirs, detection_setup, NULL, 1, NULL},
    {"YuNet on the CPU, 4 pictures in one call", "4 calls", batch_ours, batch_theirs, batch_setup, &four, 1, NULL},
    {"YuNet on the CPU, 8 pictures in one call", "8 calls", batch_ours, batch_theirs, batch_setup, &eight, 1, NULL},
};
const struct row_table model_rows = {rows, G_N_ELEMENTS(rows)};
