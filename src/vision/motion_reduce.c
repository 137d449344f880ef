/* The reduced picture: averages of factor × factor pixels. Rows are summed first, then groups of columns. What this
 * costs is the reading of memory, and half of the pixels tell as much as all: of large squares every second or third
 * row of luma is read, and of colours, which cameras send smooth, the middle one. */
#include "vision/motion_internal.h"

#include <string.h>

static bool has_pairs(int factor)
{
    return factor % 2 == 0;
}

static int row_step(int factor)
{
    enum { LARGE = 4, VERY_LARGE = 6 };
    return factor >= VERY_LARGE ? 3 : factor >= LARGE ? 2 : 1;
}

static int row_count(int factor)
{
    return (factor + row_step(factor) - 1) / row_step(factor);
}

void reduced_init(struct reduced *reduced, const struct frame *frame, int factor)
{
    int width = frame->width_px / factor, height = frame->height_px / factor;
    *reduced = (struct reduced){.width = width, .height = height, .factor = factor};
    reduced->kernels = motion_kernels_choose();
    reduced->sums = g_new0(uint16_t, (size_t)width * (size_t)factor + GROUP_SLACK);
    for (int i = 0; i < 3; i++) {
        reduced->planes[i] = g_new0(uint8_t, (size_t)width * (size_t)height);
        reduced->last[i] = g_new0(uint8_t, (size_t)width * (size_t)height);
    }
    group_plan_init(&reduced->luma, has_pairs(factor) ? factor / 2 : factor, 1, 0, row_count(factor) * factor);
    if (!has_pairs(factor))
        return; /* colours are picked */
    for (int i = 0; i < 2; i++)
        group_plan_init(&reduced->interleaved[i], factor / 2, 2, i, factor / 2);
    group_plan_init(&reduced->chroma, factor / 2, 1, 0, factor / 2);
}

void reduced_clear(struct reduced *reduced)
{
    for (int i = 0; i < 3; i++) {
        g_free(reduced->planes[i]);
        g_free(reduced->last[i]);
    }
    g_free(reduced->sums);
    memset(reduced, 0, sizeof *reduced);
}

static void reduce_luma(const struct reduced *to, const uint8_t *from, int stride)
{
    int columns = to->width * to->luma.size;
    struct pixel_rows rows = {from, row_step(to->factor) * stride, row_count(to->factor), to->factor * stride};
    for (int y = 0; y < to->height; y++, rows.first += rows.ahead) {
        if (has_pairs(to->factor))
            to->kernels->sum_row_pairs(to->sums, &rows, columns);
        else
            to->kernels->sum_rows(to->sums, &rows, columns);
        to->kernels->average_groups(to->planes[0] + y * to->width, to->sums, &to->luma, to->width);
    }
}

static void reduce_colours_by_threes(const struct reduced *to, const uint8_t *from, int stride, int channel)
{
    const uint8_t *middle = from + stride;
    for (int y = 0; y < to->height; y++, middle += (ptrdiff_t)3 * stride)
        to->kernels->average_threes(to->planes[channel] + y * to->width, middle, 3 * stride, to->width);
}

/* One plane of `step` colours that lie interleaved in it: 1, or 2 for NV12. */
static void reduce_colours(const struct reduced *to, const uint8_t *from, int stride, int step, int channel)
{
    int side = to->factor / 2, columns = to->width * side * step;
    struct pixel_rows rows = {from + (ptrdiff_t)(side / 2) * stride, stride, 1, side * stride};
    for (int y = 0; y < to->height; y++, rows.first += rows.ahead) {
        to->kernels->sum_rows(to->sums, &rows, columns);
        for (int i = 0; i < step; i++)
            to->kernels->average_groups(to->planes[channel + i] + y * to->width, to->sums,
                                        step == 2 ? &to->interleaved[i] : &to->chroma, to->width);
    }
}

/* At an odd factor a reduced pixel has no whole number of colours under it: it takes the one at its corner. */
static void pick_colours(const struct reduced *to, const uint8_t *from, int stride, int step, uint8_t *plane)
{
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++)
            plane[y * to->width + x] = from[(y * to->factor / 2) * stride + (x * to->factor / 2) * step];
}

static void keep_last(struct reduced *to)
{
    for (int i = 0; i < 3; i++) {
        uint8_t *planes = to->last[i];
        to->last[i] = to->planes[i];
        to->planes[i] = planes;
    }
}

void reduced_fill(struct reduced *to, const struct frame *frame)
{
    keep_last(to);
    bool is_interleaved = frame->format == FRAME_NV12;
    reduce_luma(to, frame->planes[0], frame->strides_bytes[0]);
    for (int channel = 1; channel <= 2; channel++) {
        const uint8_t *plane = is_interleaved ? frame->planes[1] + channel - 1 : frame->planes[channel];
        int stride = frame->strides_bytes[is_interleaved ? 1 : channel];
        if (!has_pairs(to->factor))
            pick_colours(to, plane, stride, is_interleaved ? 2 : 1, to->planes[channel]);
        else if (!is_interleaved && to->factor / 2 == 3)
            reduce_colours_by_threes(to, plane, stride, channel);
        else if (!is_interleaved)
            reduce_colours(to, plane, stride, 1, channel);
        else if (channel == 1)
            reduce_colours(to, plane, stride, 2, channel);
    }
}
