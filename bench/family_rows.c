/* Reading a model's outputs, family by family: about one number in thirty is above the threshold, which is more than
 * a picture gives. */
#include "bench.h"

#include "base/random.h"
#include "vision/detector_internal.h"

enum { SIDE_PX = 320, OPEN_SIZE = 100, COCO_LABELS = 80, MOST_OUTPUTS_VALUE_PERCENT = 31 };

struct family_bench {
    struct model_card card;
    const struct family *family;
    struct tensor_view views[MODEL_MAX_TENSORS];
    int view_count;
    struct candidate *candidates;
    double sum;
};

/* What a row's argument points to. */
struct kind {
    enum model_family family;
    int labels;
};

static void fill(struct tensor_view *view, struct tensor_shape shape, struct random *random)
{
    for (int i = 0; i < shape.rank; i++)
        if (shape.sizes[i] < 1)
            shape.sizes[i] = OPEN_SIZE;
    int64_t count = tensor_shape_count(&shape);
    float *values = g_new(float, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)(random_uniform(random) * MOST_OUTPUTS_VALUE_PERCENT / 100);
    if (count == 1) /* how many there are */
        values[0] = OPEN_SIZE;
    *view = (struct tensor_view){values, shape};
}

static void fill_card(struct model_card *card, enum model_family family, int labels)
{
    record_init(&model_card_descriptor, card);
    card->family = family;
    card->input_width_px = card->input_height_px = SIDE_PX;
    card->labels.items = g_new0(char *, (size_t)labels + 1);
    card->labels.count = (size_t)labels;
    for (int i = 0; i < labels; i++)
        card->labels.items[i] = g_strdup_printf("class %d", i);
}

static void *family_setup(const void *argument)
{
    const struct kind *kind = argument;
    struct tensor_want wants[MODEL_MAX_TENSORS];
    struct random random;
    g_autoptr(GString) reason = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    struct family_bench *bench = g_new0(struct family_bench, 1);
    random_init(&random, kind->family);
    fill_card(&bench->card, kind->family, kind->labels);
    bench->family = family_find(kind->family);
    if (!bench->family->describe(&bench->card, wants, &bench->view_count, reason, &error))
        g_error("%s: %s", bench->family->summary, error->message);
    for (int i = 0; i < bench->view_count; i++)
        fill(&bench->views[i], wants[i].shape, &random);
    bench->candidates = g_new(struct candidate, (size_t)bench->family->capacity(&bench->card));
    return bench;
}

static void family_ours(void *data)
{
    struct family_bench *bench = data;
    int count =
        bench->family->decode(&bench->card, bench->views, (float)bench->card.confidence, bench->candidates, NULL);
    bench->sum += count;
}

static void family_theirs(void *data)
{
    struct family_bench *bench = data;
    for (int i = 0; i < bench->view_count; i++) {
        int64_t count = tensor_shape_count(&bench->views[i].shape);
        for (int64_t k = 0; k < count; k++)
            bench->sum += bench->views[i].values[k];
    }
}

#define FAMILY_ROW(what, ...)                                                                                          \
    {                                                                                                                  \
        "decode " what, "reading each number once", family_ours, family_theirs, family_setup,                          \
            &(const struct kind){__VA_ARGS__}, 50, NULL                                                                \
    }
static const struct row rows[] = {
    FAMILY_ROW("YOLOX, 320 x 320, 80 classes", MODEL_YOLOX, COCO_LABELS),
    FAMILY_ROW("YOLOv5, 320 x 320, 80 classes", MODEL_YOLOV5, COCO_LABELS),
    FAMILY_ROW("YOLOv8, 320 x 320, 80 classes", MODEL_YOLOV8, COCO_LABELS),
    FAMILY_ROW("NanoDet, 320 x 320, 80 classes", MODEL_NANODET, COCO_LABELS),
    FAMILY_ROW("SSD, 100 objects", MODEL_SSD, COCO_LABELS),
    FAMILY_ROW("UltraFace, 320 x 320", MODEL_ULTRAFACE, 1),
    FAMILY_ROW("YuNet, 320 x 320", MODEL_YUNET, 1),
    FAMILY_ROW("LPD-YuNet, 320 x 320", MODEL_LPD_YUNET, 1),
};
const struct row_table family_rows = {rows, G_N_ELEMENTS(rows)};
