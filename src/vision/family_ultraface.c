/* UltraFace (Linzaer, Ultra-Light-Fast-Generic-Face-Detector-1MB): scores [1, N, 1 + classes] after softmax, the first
 * for background, and boxes [1, N, 4] of left, top, right and bottom as shares of the input, already decoded with their
 * priors: three on the finest grid and the coarsest, two on those between (vision/ssd/config/fd_config.py). */
#include "vision/detector_internal.h"

static const struct {
    int stride, priors;
} grids[] = {{8, 3}, {16, 2}, {32, 2}, {64, 3}};
enum { SCORES, BOXES, OUTPUTS };

static int64_t count_rows(const struct model_card *card)
{
    int64_t rows = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(grids); i++) {
        int columns = (card->input_width_px + grids[i].stride - 1) / grids[i].stride;
        int lines = (card->input_height_px + grids[i].stride - 1) / grids[i].stride;
        rows += (int64_t)columns * lines * grids[i].priors;
    }
    return rows;
}

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error))
        return false;
    int64_t rows = count_rows(card);
    g_string_printf(reason, "a %d x %d input makes %" G_GINT64_FORMAT " rows, background stands before %zu classes",
                    card->input_width_px, card->input_height_px, rows, card->labels.count);
    outputs[SCORES] = (struct tensor_want){
        .name = "scores", .shape = {3, {1, rows, (int64_t)card->labels.count + 1}}, .reason = reason->str};
    outputs[BOXES] = (struct tensor_want){.name = "boxes", .shape = {3, {1, rows, 4}}, .reason = reason->str};
    *output_count = OUTPUTS;
    return true;
}

static int decode(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error)
{
    (void)error;
    int classes = (int)card->labels.count, count = 0;
    int64_t rows = outputs[BOXES].shape.sizes[1];
    float width = (float)card->input_width_px, height = (float)card->input_height_px;
    const float *scores = outputs[SCORES].values + 1, *box = outputs[BOXES].values;
    for (int64_t i = 0; i < rows; i++, scores += classes + 1, box += 4) {
        struct candidate *candidate = &candidates[count];
        candidate->label = family_best(scores, classes, 1);
        candidate->score = scores[candidate->label];
        if (candidate->score >= confidence &&
            candidate_set_box(candidate, box[0] * width, box[1] * height, box[2] * width, box[3] * height))
            count++;
    }
    return count;
}

const struct family family_ultraface = {MODEL_ULTRAFACE, "UltraFace", describe, count_rows, decode, NULL};
