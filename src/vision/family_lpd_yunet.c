/* LPD-YuNet, the licence plate detector of the OpenCV Zoo: SSD-like priors on four grids; `loc` [N, 14] holds a box and
 * four corners against the prior, `conf` [N, 2] a softmax of background and plate, `iou` [N, 1] how good the box is.
 * What is reported is the box around the four corners, which follow tilted plates (lpd_yunet.py of the zoo). */
#include "vision/detector_internal.h"

#include <math.h>

static const struct {
    int stride, sizes[3], size_count;
} grids[] = {{8, {10, 16, 24}, 3}, {16, {32, 48}, 2}, {32, {64, 96}, 2}, {64, {128, 192, 256}, 3}};
enum { LOC, CONF, IOU, OUTPUTS, LOC_COLUMNS = 14, CORNERS = 4, FIRST_CORNER = 4 };
static const float centre_variance = 0.1F; /* the zoo's */

static int64_t count_rows(const struct model_card *card)
{
    int64_t rows = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(grids); i++)
        rows += (int64_t)family_cells(card, grids[i].stride) * grids[i].size_count;
    return rows;
}

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error))
        return false;
    int64_t rows = count_rows(card);
    g_string_printf(reason, "a %d x %d input makes %" G_GINT64_FORMAT " priors", card->input_width_px,
                    card->input_height_px, rows);
    outputs[LOC] = (struct tensor_want){.name = "loc", .shape = {2, {rows, LOC_COLUMNS}}, .reason = reason->str};
    outputs[CONF] = (struct tensor_want){.name = "conf", .shape = {2, {rows, 2}}, .reason = reason->str};
    outputs[IOU] = (struct tensor_want){.name = "iou", .shape = {2, {rows, 1}}, .reason = reason->str};
    *output_count = OUTPUTS;
    return true;
}

/* `size`: of the prior, in input pixels both ways, at (x, y). */
static bool decode_corners(const float *loc, float x, float y, float size, struct candidate *candidate)
{
    float left = INFINITY, top = INFINITY, right = -INFINITY, bottom = -INFINITY;
    for (int i = 0; i < CORNERS; i++) {
        float corner_x = x + loc[FIRST_CORNER + 2 * i] * centre_variance * size;
        float corner_y = y + loc[FIRST_CORNER + 2 * i + 1] * centre_variance * size;
        candidate->points[2 * i] = corner_x;
        candidate->points[2 * i + 1] = corner_y;
        if (!isfinite(corner_x) || !isfinite(corner_y))
            return false;
        left = MIN(left, corner_x);
        top = MIN(top, corner_y);
        right = MAX(right, corner_x);
        bottom = MAX(bottom, corner_y);
    }
    if (!candidate_set_box(candidate, left, top, right, bottom))
        return false;
    candidate->point_count = CORNERS;
    return true;
}

static int decode(const struct model_card *card, const struct tensor_view *outputs, float confidence,
                  struct candidate *candidates, GError **error)
{
    (void)error;
    int count = 0;
    int64_t row = 0;
    for (size_t grid = 0; grid < G_N_ELEMENTS(grids); grid++) {
        int stride = grids[grid].stride, columns = card->input_width_px / stride;
        for (int cell = 0; cell < family_cells(card, stride); cell++)
            for (int size = 0; size < grids[grid].size_count; size++, row++) {
                struct candidate *candidate = &candidates[count];
                int line = cell / columns;
                float quality = CLAMP(outputs[IOU].values[row], 0, 1);
                candidate->label = 0;
                candidate->score = sqrtf(outputs[CONF].values[2 * row + 1] * quality);
                if (candidate->score >= confidence &&
                    decode_corners(outputs[LOC].values + LOC_COLUMNS * row,
                                   ((float)(cell % columns) + 0.5F) * (float)stride,
                                   ((float)line + 0.5F) * (float)stride, (float)grids[grid].sizes[size], candidate))
                    count++;
            }
    }
    return count;
}

const struct family family_lpd_yunet = {MODEL_LPD_YUNET, "LPD-YuNet", describe, count_rows, decode, NULL};
