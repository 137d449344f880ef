#include "vision/motion_internal.h"

/* Sums a block of one plane; `step` bytes between its pixels. */
static unsigned block_mean(const uint8_t *plane, int stride, int step, int x, int y, int width, int height)
{
    unsigned sum = 0;
    for (int j = 0; j < height; j++) {
        const uint8_t *row = plane + (y + j) * stride + x * step;
        for (int i = 0; i < width; i++)
            sum += row[i * step];
    }
    unsigned count = (unsigned)(width * height);
    return (sum + count / 2) / count;
}

static void reduce_plane(const uint8_t *from, int stride, int step, int factor, uint8_t *to, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            to[y * width + x] = (uint8_t)block_mean(from, stride, step, x * factor, y * factor, factor, factor);
}

/* Two is what most cameras' sub-streams need: worth a loop without divisions. */
static void reduce_plane_by_two(const uint8_t *from, int stride, uint8_t *to, int width, int height)
{
    for (int y = 0; y < height; y++) {
        const uint8_t *a = from + 2 * y * stride, *b = a + stride;
        for (int x = 0; x < width; x++)
            to[y * width + x] = (uint8_t)((a[2 * x] + a[2 * x + 1] + b[2 * x] + b[2 * x + 1] + 2) >> 2);
    }
}

/* Chroma planes are half size: a reduced pixel covers factor / 2 of theirs, or one of theirs covers several. */
static void reduce_chroma(struct reduced *to, const struct frame *frame, int channel)
{
    bool is_interleaved = frame->format == FRAME_NV12;
    const uint8_t *plane = is_interleaved ? frame->planes[1] + channel - 1 : frame->planes[channel];
    int stride = frame->strides_bytes[is_interleaved ? 1 : channel], step = is_interleaved ? 2 : 1;
    if (to->factor % 2 == 0) {
        reduce_plane(plane, stride, step, to->factor / 2, to->planes[channel], to->width, to->height);
        return;
    }
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++)
            to->planes[channel][y * to->width + x] = plane[(y * to->factor / 2) * stride + (x * to->factor / 2) * step];
}

void reduced_fill(struct reduced *to, const struct frame *frame)
{
    if (to->factor == 2)
        reduce_plane_by_two(frame->planes[0], frame->strides_bytes[0], to->planes[0], to->width, to->height);
    else
        reduce_plane(frame->planes[0], frame->strides_bytes[0], 1, to->factor, to->planes[0], to->width, to->height);
    reduce_chroma(to, frame, 1);
    reduce_chroma(to, frame, 2);
}
