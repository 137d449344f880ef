/* YOLOX (Ge et al., "YOLOX: Exceeding YOLO Series in 2021"): anchor-free, one row per cell of three grids, coarser by
 * two each. A row is centre x and y, log width and height, all in cells, then the object's probability and that of each
 * class; probabilities have their sigmoid already. Rows stand grid by grid, each from its top left, as the authors'
 * own export gives them (yolox/models/yolo_head.py, with decode_in_inference off); with it on, boxes come in input
 * pixels and the card says so. */
#include "vision/detector_internal.h"

#include <math.h>

static const int strides[] = {8, 16, 32};
enum { COARSEST_STRIDE = 32, COLUMNS_BEFORE_CLASSES = 5 };

static int64_t count_rows(const struct model_card *card)
{
    int64_t rows = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(strides); i++)
        rows += family_cells(card, strides[i]);
    return rows;
}

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error) || !family_check_multiple(card, COARSEST_STRIDE, error))
        return false;
    int64_t columns = (int64_t)card->labels.count + COLUMNS_BEFORE_CLASSES;
    g_string_printf(reason,
                    "a %d x %d input makes %" G_GINT64_FORMAT " rows, %zu label%s make%s %" G_GINT64_FORMAT " columns",
                    card->input_width_px, card->input_height_px, count_rows(card), card->labels.count,
                    card->labels.count == 1 ? "" : "s", card->labels.count == 1 ? "s" : "", columns);
    outputs[0] = (struct tensor_want){.shape = {3, {1, count_rows(card), columns}}, .reason = reason->str};
    *output_count = 1;
    return true;
}

/* As the authors' decode_outputs leaves them. */
static bool read_box(const float *row, struct candidate *candidate)
{
    return candidate_set_box(candidate, row[0] - row[2] / 2, row[1] - row[3] / 2, row[0] + row[2] / 2,
                             row[1] + row[3] / 2);
}

static bool decode_box(const float *row, int column, int line, int stride, struct candidate *candidate)
{
    float x = (row[0] + (float)column) * (float)stride, y = (row[1] + (float)line) * (float)stride;
    float width = expf(row[2]) * (float)stride, height = expf(row[3]) * (float)stride;
    return candidate_set_box(candidate, x - width / 2, y - height / 2, x + width / 2, y + height / 2);
}

static int decode(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error)
{
    (void)error;
    int classes = (int)card->labels.count, count = 0;
    const float *row = outputs[0].values;
    for (size_t grid = 0; grid < G_N_ELEMENTS(strides); grid++) {
        int columns = card->input_width_px / strides[grid], cells = family_cells(card, strides[grid]);
        for (int cell = 0; cell < cells; cell++, row += COLUMNS_BEFORE_CLASSES + classes) {
            /* no class is likelier than 1: most cells end here; so does what is no number */
            if (!(row[4] >= confidence))
                continue;
            struct candidate *candidate = &candidates[count];
            candidate->label = family_best(row + COLUMNS_BEFORE_CLASSES, classes, 1);
            candidate->score = row[4] * row[COLUMNS_BEFORE_CLASSES + candidate->label];
            if (candidate->score >= confidence &&
                (card->has_decoded_boxes ? read_box(row, candidate)
                                         : decode_box(row, cell % columns, cell / columns, strides[grid], candidate)))
                count++;
        }
    }
    return count;
}

const struct family family_yolox = {MODEL_YOLOX, "YOLOX", describe, count_rows, decode, NULL};
