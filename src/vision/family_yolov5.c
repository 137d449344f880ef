/* YOLOv5 and those laid out like it (v6, v7 exports without NMS): three anchors a cell of three grids. The published
 * export (ultralytics/yolov5 export.py, `output0`) decodes boxes itself: [1, rows, 5 + classes], a row being centre x
 * and y, width and height in input pixels, the object's probability and that of each class. */
#include "vision/detector_internal.h"

static const int strides[] = {8, 16, 32};
enum { COARSEST_STRIDE = 32, ANCHORS = 3, COLUMNS_BEFORE_CLASSES = 5 };

static int64_t count_rows(const struct model_card *card)
{
    int64_t rows = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(strides); i++)
        rows += (int64_t)ANCHORS * family_cells(card, strides[i]);
    return rows;
}

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error) || !family_check_multiple(card, COARSEST_STRIDE, error))
        return false;
    g_string_printf(reason, "three anchors in each cell of three grids, and 5 columns before %zu classes",
                    card->labels.count);
    outputs[0] =
        (struct tensor_want){.shape = {3, {1, count_rows(card), (int64_t)card->labels.count + COLUMNS_BEFORE_CLASSES}},
                             .reason = reason->str};
    *output_count = 1;
    return true;
}

static int decode(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error)
{
    (void)error;
    int classes = (int)card->labels.count, count = 0;
    int64_t rows = outputs[0].shape.sizes[1];
    const float *row = outputs[0].values;
    for (int64_t i = 0; i < rows; i++, row += COLUMNS_BEFORE_CLASSES + classes) {
        if (!(row[4] >= confidence))
            continue;
        struct candidate *candidate = &candidates[count];
        candidate->label = family_best(row + COLUMNS_BEFORE_CLASSES, classes, 1);
        candidate->score = row[4] * row[COLUMNS_BEFORE_CLASSES + candidate->label];
        if (candidate->score >= confidence && candidate_set_box(candidate, row[0] - row[2] / 2, row[1] - row[3] / 2,
                                                                row[0] + row[2] / 2, row[1] + row[3] / 2))
            count++;
    }
    return count;
}

const struct family family_yolov5 = {MODEL_YOLOV5, "YOLOv5", describe, count_rows, decode, NULL};
