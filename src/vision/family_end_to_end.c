/* Detectors whose own last step leaves one box an object (YOLOv10 and those laid out like it, exports with NMS inside):
 * [1, N, 6], a row being left, top, right and bottom in input pixels, score and class; rows of no object have a low
 * score. The card's nms_iou of 1 leaves them as they are. */
#include "vision/detector_internal.h"

/* Such models give three hundred or fewer; more than this is noise. */
enum { COLUMNS = 6, SCORE = 4, CLASS = 5, MAX_BOXES = VISION_MAX_DETECTIONS };

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
    g_string_assign(reason, "a row an object: four sides, score and class");
    outputs[0] = (struct tensor_want){.shape = {3, {1, 0, COLUMNS}}, .reason = reason->str};
    *output_count = 1;
    return true;
}

static int decode(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error)
{
    (void)error;
    int count = 0;
    const float *row = outputs[0].values;
    for (int64_t i = 0; i < MIN(outputs[0].shape.sizes[1], MAX_BOXES); i++, row += COLUMNS) {
        float label = row[CLASS] - (float)card->first_label;
        if (!(row[SCORE] >= confidence) || !(label >= 0 && label < (float)card->labels.count))
            continue;
        candidates[count].score = row[SCORE];
        candidates[count].label = (int)label;
        if (candidate_set_box(&candidates[count], row[0], row[1], row[2], row[3]))
            count++;
    }
    return count;
}

const struct family family_end_to_end = {
    MODEL_END_TO_END, "detectors with NMS inside", describe, capacity, decode, NULL};
