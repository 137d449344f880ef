/* SSD whose NMS is part of the model, laid out as TensorFlow's object detection exports it: boxes [1, N, 4] of top,
 * left, bottom and right as shares of the input, classes [1, N], scores [1, N], and how many of the N count [1]. N may
 * be fixed or differ from run to run; class 1 is the first where 0 is background (the card's first_label). */
#include "vision/detector_internal.h"

#include <math.h>

enum { BOXES, CLASSES, SCORES, COUNT, OUTPUTS };
/* Such models give a hundred or a few; more than this is noise. */
enum { MAX_BOXES = VISION_MAX_DETECTIONS };

static int64_t capacity(const struct model_card *card)
{
    (void)card;
    return MAX_BOXES;
}

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error))
        return false;
    g_string_assign(reason, "boxes, classes, scores and their count, as TensorFlow's detectors export them");
    outputs[BOXES] = (struct tensor_want){.name = "detection_boxes", .shape = {3, {1, 0, 4}}, .reason = reason->str};
    outputs[CLASSES] = (struct tensor_want){
        .name = "detection_classes", .shape = {2, {1, 0}}, .is_count = true, .reason = reason->str};
    outputs[SCORES] = (struct tensor_want){.name = "detection_scores", .shape = {2, {1, 0}}, .reason = reason->str};
    outputs[COUNT] =
        (struct tensor_want){.name = "num_detections", .shape = {1, {1}}, .is_count = true, .reason = reason->str};
    *output_count = OUTPUTS;
    return true;
}

/* How many boxes there are; -1 with an error when the outputs tell different things. */
static int64_t count_boxes(const struct tensor_view *outputs, GError **error)
{
    int64_t room = outputs[BOXES].shape.sizes[1];
    float said = outputs[COUNT].values[0];
    if (outputs[CLASSES].shape.sizes[1] == room && outputs[SCORES].shape.sizes[1] == room && said >= 0 &&
        said <= (float)room)
        return MIN((int64_t)said, MAX_BOXES);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "gave %" G_GINT64_FORMAT " boxes, %" G_GINT64_FORMAT " classes, %" G_GINT64_FORMAT
                " scores and a count of %g: they do not belong together",
                room, outputs[CLASSES].shape.sizes[1], outputs[SCORES].shape.sizes[1], (double)said);
    return -1;
}

static int decode(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error)
{
    int64_t boxes = count_boxes(outputs, error);
    float width = (float)card->input_width_px, height = (float)card->input_height_px;
    int count = 0;
    for (int64_t i = 0; i < boxes; i++) {
        const float *box = outputs[BOXES].values + 4 * i;
        float score = outputs[SCORES].values[i], label = outputs[CLASSES].values[i] - (float)card->first_label;
        if (!(score >= confidence) || !(label >= 0 && label < (float)card->labels.count))
            continue;
        candidates[count].score = score;
        candidates[count].label = (int)label;
        if (candidate_set_box(&candidates[count], box[1] * width, box[0] * height, box[3] * width, box[2] * height))
            count++;
    }
    return boxes < 0 ? -1 : count;
}

const struct family family_ssd = {MODEL_SSD, "SSD", describe, capacity, decode, NULL};
