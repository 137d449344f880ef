#include "base/counter.h"
#include "vision/cosine.h"
#include "vision/detector_internal.h"

#include <math.h>
#include <string.h>

struct reader {
    struct held_model held;
    double card_confidence; /* atomic: of the model that was loaded last; 0 until then */
};

struct reader *reader_new(const char *model_path, const struct detector_settings *settings)
{
    struct reader *reader = g_new0(struct reader, 1);
    held_model_init(&reader->held, model_path, settings, false);
    return reader;
}

struct reader *reader_open(const char *model_path, const struct detector_settings *settings, GError **error)
{
    CLEANUP(reader) struct reader *reader = reader_new(model_path, settings);
    return reader_restart(reader, error) ? g_steal_pointer(&reader) : NULL;
}

void reader_free(struct reader *reader)
{
    if (!reader)
        return;
    held_model_clear(&reader->held);
    g_free(reader);
}

/* What was read before is compared with what is read now. A model of the same shape that sees otherwise is not found
 * out: what it sees is like nothing of before, and its looks are forgotten with time. */
static bool fits(const struct model *old, const struct model *fresh)
{
    return fresh->family == old->family && tensor_shape_count(&runtime_outputs(fresh->runtime)[0].shape) ==
                                               tensor_shape_count(&runtime_outputs(old->runtime)[0].shape);
}

bool reader_restart(struct reader *reader, GError **error)
{
    if (!held_model_restart(&reader->held, fits, error))
        return false;
    gauge_set(&reader->card_confidence, reader->held.model.card.confidence);
    return true;
}

bool reader_mend(struct reader *reader, int *failures, int64_t now_us, GError **error)
{
    bool is_due = held_model_is_due(&reader->held, failures, now_us);
    if (is_due)
        reader_restart(reader, error);
    return is_due;
}

double reader_confidence(const struct reader *reader)
{
    return gauge_get(&reader->card_confidence);
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
    struct model *model = &reader->held.model;
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
    struct model *model = &reader->held.model;
    if (!fill_input(reader, frame, object, error))
        return false;
    return held_model_run(&reader->held, error) &&
           model->family->read(&model->card, runtime_outputs(model->runtime), reading, error);
}

bool reader_run(struct reader *reader, const struct frame *frame, const struct detection *object,
                struct reading *reading, GError **error)
{
    GError *cause = NULL;
    reading->text[0] = '\0';
    reading->value_count = 0;
    if (!held_model_check(&reader->held, error))
        return false;
    read_object(reader, frame, object, reading, &cause);
    return held_model_note(&reader->held, cause, error);
}

char *reader_describe_trouble(struct reader *reader)
{
    return model_trouble_describe(&reader->held.trouble);
}

int64_t reader_busy_us(const struct reader *reader)
{
    return model_use_us(&reader->held.use);
}

void reader_interrupt(struct reader *reader)
{
    held_model_interrupt(&reader->held);
}

const struct model_card *reader_card(const struct reader *reader)
{
    return held_model_is_loaded(&reader->held) ? &reader->held.model.card : NULL;
}

const char *reader_provider(const struct reader *reader)
{
    return runtime_provider(reader->held.model.runtime);
}

double reading_cosine(const struct reading *a, const struct reading *b)
{
    return a->value_count == b->value_count ? cosine_choose()(a->values, b->values, a->value_count) : -1;
}
