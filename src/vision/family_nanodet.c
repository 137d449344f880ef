/* NanoDet (RangiLyu/nanodet v0.x, a head of generalised focal loss, Li et al. 2020): for each stride one output of
 * class scores, sigmoid taken, and one of distances: for each side of the box eight bins whose softmax is the
 * probability that the side lies so many cells from the cell's centre. A centre lies at (cell + 0.5) * stride, as
 * get_single_level_center_point of gfl_head.py has it, by which the models were taught; some readers of the ONNX files
 * are half a pixel beside it. */
#include "vision/detector_internal.h"

static const struct {
    int stride;
    const char *scores, *distances;
} levels[] = {{8, "cls_pred_stride_8", "dis_pred_stride_8"},
              {16, "cls_pred_stride_16", "dis_pred_stride_16"},
              {32, "cls_pred_stride_32", "dis_pred_stride_32"}};
enum { LEVELS = G_N_ELEMENTS(levels), COARSEST_STRIDE = 32, SIDES = 4, BINS = FAMILY_BINS };

static int64_t capacity(const struct model_card *card)
{
    int64_t cells = 0;
    for (int i = 0; i < LEVELS; i++)
        cells += family_cells(card, levels[i].stride);
    return cells;
}

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error) || !family_check_multiple(card, COARSEST_STRIDE, error))
        return false;
    g_string_printf(reason, "a row for each cell, %zu classes, and four sides of %d bins", card->labels.count, BINS);
    for (int i = 0; i < LEVELS; i++) {
        int64_t cells = family_cells(card, levels[i].stride);
        outputs[2 * i] = (struct tensor_want){
            .name = levels[i].scores, .shape = {3, {1, cells, (int64_t)card->labels.count}}, .reason = reason->str};
        outputs[2 * i + 1] = (struct tensor_want){
            .name = levels[i].distances, .shape = {3, {1, cells, (int64_t)SIDES * BINS}}, .reason = reason->str};
    }
    *output_count = 2 * LEVELS;
    return true;
}

static bool decode_box(const float *bins, int column, int line, int stride, struct candidate *candidate)
{
    float size = (float)stride, x = ((float)column + 0.5F) * size, y = ((float)line + 0.5F) * size;
    return candidate_set_box(candidate, x - family_expect(bins) * size, y - family_expect(bins + BINS) * size,
                             x + family_expect(bins + 2 * BINS) * size, y + family_expect(bins + 3 * BINS) * size);
}

static int decode(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error)
{
    (void)error;
    int classes = (int)card->labels.count, count = 0;
    for (int level = 0; level < LEVELS; level++) {
        int stride = levels[level].stride, columns = card->input_width_px / stride;
        const float *scores = outputs[2 * level].values, *bins = outputs[2 * level + 1].values;
        for (int cell = 0; cell < family_cells(card, stride); cell++, scores += classes, bins += SIDES * BINS) {
            struct candidate *candidate = &candidates[count];
            candidate->label = family_best(scores, classes, 1);
            candidate->score = scores[candidate->label];
            if (candidate->score >= confidence && decode_box(bins, cell % columns, cell / columns, stride, candidate))
                count++;
        }
    }
    return count;
}

const struct family family_nanodet = {MODEL_NANODET, "NanoDet", describe, capacity, decode, NULL};
