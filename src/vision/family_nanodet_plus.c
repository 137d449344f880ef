/* NanoDet-Plus (RangiLyu/nanodet v1): one output [1, cells, classes + 32] over four grids, finest first, each as many
 * cells as it takes to cover the input. A row is class scores, sigmoid taken, then for each side of the box eight bins
 * as NanoDet has them. Unlike there a cell's centre is its corner (nanodet_plus_head.py,
 * get_single_level_center_priors).
 */
#include "vision/detector_internal.h"

static const int strides[] = {8, 16, 32, 64};
enum { SIDES = 4 };

static int cells_along(int size_px, int stride)
{
    return (size_px + stride - 1) / stride;
}

static int64_t count_rows(const struct model_card *card)
{
    int64_t rows = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(strides); i++)
        rows += (int64_t)cells_along(card->input_width_px, strides[i]) * cells_along(card->input_height_px, strides[i]);
    return rows;
}

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error))
        return false;
    g_string_printf(reason, "a row for each cell of four grids, %zu classes and four sides of %d bins",
                    card->labels.count, FAMILY_BINS);
    outputs[0] = (struct tensor_want){
        .shape = {3, {1, count_rows(card), (int64_t)card->labels.count + (int64_t)SIDES * FAMILY_BINS}},
        .reason = reason->str};
    *output_count = 1;
    return true;
}

static bool decode_box(const float *bins, int column, int line, int stride, struct candidate *candidate)
{
    float size = (float)stride, x = (float)column * size, y = (float)line * size;
    return candidate_set_box(candidate, x - family_expect(bins) * size, y - family_expect(bins + FAMILY_BINS) * size,
                             x + family_expect(bins + 2 * FAMILY_BINS) * size,
                             y + family_expect(bins + 3 * FAMILY_BINS) * size);
}

static int decode(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error)
{
    (void)error;
    int classes = (int)card->labels.count, count = 0;
    const float *row = outputs[0].values;
    for (size_t grid = 0; grid < G_N_ELEMENTS(strides); grid++) {
        int columns = cells_along(card->input_width_px, strides[grid]);
        int cells = columns * cells_along(card->input_height_px, strides[grid]);
        for (int cell = 0; cell < cells; cell++, row += classes + SIDES * FAMILY_BINS) {
            struct candidate *candidate = &candidates[count];
            candidate->label = family_best(row, classes, 1);
            candidate->score = row[candidate->label];
            if (candidate->score >= confidence &&
                decode_box(row + classes, cell % columns, cell / columns, strides[grid], candidate))
                count++;
        }
    }
    return count;
}

const struct family family_nanodet_plus = {MODEL_NANODET_PLUS, "NanoDet-Plus", describe, count_rows, decode, NULL};
