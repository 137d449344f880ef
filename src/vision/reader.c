#include "vision/cosine.h"
#include "vision/detector_internal.h"

#include <math.h>
#include <string.h>

struct reader {
    struct model model;
    struct model_use use;
    struct model_trouble trouble;
};

struct reader *reader_open(const char *model_path, const struct detector_settings *settings, GError **error)
{
    CLEANUP(reader) struct reader *reader = g_new0(struct reader, 1);
    model_trouble_init(&reader->trouble);
    if (!model_load(&reader->model, model_path, settings, false, error))
        return NULL;
    return g_steal_pointer(&reader);
}

void reader_free(struct reader *reader)
{
    if (!reader)
        return;
    model_clear(&reader->model);
    model_trouble_clear(&reader->trouble);
    g_free(reader);
}

/* The object's box with the card's margins, square in pixels where the card says so. */
static struct record_box choose_region(const struct model_card *card, const struct frame *frame,
                                       const struct record_box *object)
{
    struct record_box box = *object;
    if (card->crop == MODEL_CROP_SQUARE) {
        double side_px = MAX(box.w * frame->width_px, box.h * frame->height_px);
        double width = side_px / frame->width_px, height = side_px / frame->height_px;
        box.x += (box.w - width) / 2;
        box.y += (box.h - height) / 2;
        box.w = width;
        box.h = height;
    }
    return (struct record_box){box.x - card->margin_x * box.w, box.y - card->margin_y * box.h,
                               box.w * (1 + 2 * card->margin_x), box.h * (1 + 2 * card->margin_y)};
}

static bool fill_input(struct reader *reader, const struct frame *frame, const struct detection *object, GError **error)
{
    struct model *model = &reader->model;
    float *tensor = runtime_input(model->runtime);
    if (model->card.crop != MODEL_CROP_FACE) {
        struct record_box region = {0};
        if (object)
            region = choose_region(&model->card, frame, &object->box);
        const struct frame view = frame_view(frame, object ? &region : NULL);
        preprocess_run(model->preprocess, &view, tensor);
        return true;
    }
    if (object && object->point_count == DETECTION_MAX_POINTS &&
        align_face(&model->card, frame, object->points, tensor))
        return true;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                        "needs a face with its five points apart: find it with a model of family 'yunet'");
    return false;
}

static bool read_object(struct reader *reader, const struct frame *frame, const struct detection *object,
                        struct reading *reading, GError **error)
{
    struct model *model = &reader->model;
    if (!fill_input(reader, frame, object, error))
        return false;
    model_use_begin(&reader->use);
    bool is_good = model_run(model, error);
    model_use_end(&reader->use);
    return is_good && model->family->read(&model->card, runtime_outputs(model->runtime), reading, error);
}

bool reader_run(struct reader *reader, const struct frame *frame, const struct detection *object,
                struct reading *reading, GError **error)
{
    GError *cause = NULL;
    reading->text[0] = '\0';
    reading->value_count = 0;
    read_object(reader, frame, object, reading, &cause);
    model_trouble_note(&reader->trouble, cause);
    if (cause)
        g_propagate_error(error, cause);
    return !cause;
}

char *reader_describe_trouble(struct reader *reader)
{
    return model_trouble_describe(&reader->trouble);
}

int64_t reader_busy_us(const struct reader *reader)
{
    return model_use_us(&reader->use);
}

void reader_interrupt(struct reader *reader)
{
    runtime_interrupt(reader->model.runtime);
}

const struct model_card *reader_card(const struct reader *reader)
{
    return &reader->model.card;
}

const char *reader_provider(const struct reader *reader)
{
    return runtime_provider(reader->model.runtime);
}

double reading_cosine(const struct reading *a, const struct reading *b)
{
    return a->value_count == b->value_count ? cosine_choose()(a->values, b->values, a->value_count) : -1;
}
