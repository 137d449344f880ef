/* YOLOv8, v9, v11 and those laid out like them: anchor-free, no object score. The published export (ultralytics
 * exporter, `output0`) decodes boxes itself and stands on its side: [1, 4 + classes, cells], the first four rows being
 * centre x and y, width and height in input pixels, then one row a class. Some turn it: [1, cells, 4 + classes]. */
#include "vision/detector_internal.h"

static const int strides[] = {8, 16, 32};
enum { COARSEST_STRIDE = 32, ROWS_BEFORE_CLASSES = 4 };

static int64_t count_cells(const struct model_card *card)
{
    int64_t cells = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(strides); i++)
        cells += family_cells(card, strides[i]);
    return cells;
}

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error) || !family_check_multiple(card, COARSEST_STRIDE, error))
        return false;
    g_string_printf(reason, "4 rows before %zu classes, a column for each cell of three grids", card->labels.count);
    outputs[0] = (struct tensor_want){
        .shape = {3, {1, (int64_t)card->labels.count + ROWS_BEFORE_CLASSES, count_cells(card)}},
        .other_shape = {3, {1, count_cells(card), (int64_t)card->labels.count + ROWS_BEFORE_CLASSES}},
        .reason = reason->str};
    *output_count = 1;
    return true;
}

enum { BLOCK_CELLS = 256 };

/* The best class of each of a block of cells, row by row as the tensor lies, so that memory is read in order. */
static void find_best(const float *scores, int64_t cells, int block, int classes, float *best, int *label)
{
    for (int i = 0; i < block; i++) {
        best[i] = -1;
        label[i] = 0;
    }
    for (int c = 0; c < classes; c++) {
        const float *row = scores + (int64_t)c * cells;
        for (int i = 0; i < block; i++) {
            label[i] = row[i] > best[i] ? c : label[i];
            best[i] = row[i] > best[i] ? row[i] : best[i];
        }
    }
}

/* A row a cell. */
static int decode_turned(const struct model_card *card, const struct tensor_view *output, float confidence,
                         struct candidate *candidates)
{
    int count = 0, classes = (int)card->labels.count;
    const float *row = output->values;
    for (int64_t cell = 0; cell < output->shape.sizes[1]; cell++, row += ROWS_BEFORE_CLASSES + classes) {
        struct candidate *candidate = &candidates[count];
        candidate->label = family_best(row + ROWS_BEFORE_CLASSES, classes, 1);
        candidate->score = row[ROWS_BEFORE_CLASSES + candidate->label];
        if (candidate->score >= confidence && candidate_set_box(candidate, row[0] - row[2] / 2, row[1] - row[3] / 2,
                                                                row[0] + row[2] / 2, row[1] + row[3] / 2))
            count++;
    }
    return count;
}

static int decode(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error)
{
    (void)error;
    int count = 0;
    int64_t cells = outputs[0].shape.sizes[2];
    const float *x = outputs[0].values, *y = x + cells, *width = y + cells, *height = width + cells;
    const float *scores = height + cells;
    float best[BLOCK_CELLS];
    int label[BLOCK_CELLS];
    if (outputs[0].shape.sizes[1] == count_cells(card))
        return decode_turned(card, &outputs[0], confidence, candidates);
    for (int64_t first = 0; first < cells; first += BLOCK_CELLS) {
        int block = (int)MIN(cells - first, BLOCK_CELLS);
        find_best(scores + first, cells, block, (int)card->labels.count, best, label);
        for (int i = 0; i < block; i++) {
            int64_t cell = first + i;
            if (!(best[i] >= confidence))
                continue;
            candidates[count].score = best[i];
            candidates[count].label = label[i];
            if (candidate_set_box(&candidates[count], x[cell] - width[cell] / 2, y[cell] - height[cell] / 2,
                                  x[cell] + width[cell] / 2, y[cell] + height[cell] / 2))
                count++;
        }
    }
    return count;
}

const struct family family_yolov8 = {MODEL_YOLOV8, "YOLOv8", describe, count_cells, decode, NULL};
