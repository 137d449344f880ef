/* YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023): for each stride a class score, an object
 * score, a box as YOLOX has it, and five points: the subject's right eye, left eye, nose, right and left corner of the
 * mouth. The score is the geometric mean of both, as OpenCV's FaceDetectorYN takes it (face_detect.cpp). */
#include "vision/detector_internal.h"

#include <math.h>

static const int strides[] = {8, 16, 32};
/* outputs: kind by kind, each finest grid first */
static const struct {
    const char *names[3];
    int columns;
} kinds[] = {{{"cls_8", "cls_16", "cls_32"}, 1},
             {{"obj_8", "obj_16", "obj_32"}, 1},
             {{"bbox_8", "bbox_16", "bbox_32"}, 4},
             {{"kps_8", "kps_16", "kps_32"}, 10}};
enum { GRIDS = 3, COARSEST_STRIDE = 32, CLASS = 0, OBJECT = 3, BOX = 6, POINTS = 9, FACE_POINTS = 5 };

static int64_t capacity(const struct model_card *card)
{
    int64_t cells = 0;
    for (int i = 0; i < GRIDS; i++)
        cells += family_cells(card, strides[i]);
    return cells;
}

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error) || !family_check_multiple(card, COARSEST_STRIDE, error))
        return false;
    g_string_assign(reason, "a row for each cell of the grid");
    for (int kind = 0; kind < (int)G_N_ELEMENTS(kinds); kind++)
        for (int grid = 0; grid < GRIDS; grid++)
            outputs[kind * GRIDS + grid] =
                (struct tensor_want){.name = kinds[kind].names[grid],
                                     .shape = {3, {1, family_cells(card, strides[grid]), kinds[kind].columns}},
                                     .reason = reason->str};
    *output_count = (int)G_N_ELEMENTS(kinds) * GRIDS;
    return true;
}

static bool decode_box(const float *box, const float *points, int column, int line, int stride,
                       struct candidate *candidate)
{
    float size = (float)stride, x = ((float)column + box[0]) * size, y = ((float)line + box[1]) * size;
    float width = expf(box[2]) * size, height = expf(box[3]) * size;
    if (!candidate_set_box(candidate, x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        return false;
    candidate->point_count = FACE_POINTS;
    for (int i = 0; i < FACE_POINTS; i++) {
        candidate->points[2 * i] = (points[2 * i] + (float)column) * size;
        candidate->points[2 * i + 1] = (points[2 * i + 1] + (float)line) * size;
    }
    return true;
}

static int decode(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error)
{
    (void)error;
    int count = 0;
    for (int grid = 0; grid < GRIDS; grid++) {
        int stride = strides[grid], columns = card->input_width_px / stride;
        const float *classes = outputs[CLASS + grid].values, *objects = outputs[OBJECT + grid].values;
        for (int cell = 0; cell < family_cells(card, stride); cell++) {
            struct candidate *candidate = &candidates[count];
            candidate->label = 0;
            candidate->score = sqrtf(CLAMP(classes[cell], 0, 1) * CLAMP(objects[cell], 0, 1));
            if (candidate->score >= confidence &&
                decode_box(outputs[BOX + grid].values + (ptrdiff_t)kinds[2].columns * cell,
                           outputs[POINTS + grid].values + (ptrdiff_t)kinds[3].columns * cell, cell % columns,
                           cell / columns, stride, candidate))
                count++;
        }
    }
    return count;
}

const struct family family_yunet = {MODEL_YUNET, "YuNet", describe, capacity, decode, NULL};
