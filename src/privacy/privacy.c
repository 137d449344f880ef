#include "privacy/privacy.h"

#include "privacy/mosaic.h"
#include "record/polygon.h"

#include <math.h>
#include <string.h>
#include <turbojpeg.h>

/* A face is about a seventh of a standing figure's height and a third of its width. Cells of a sixth of the figure's
 * smaller side leave two or so to a face, and identification needs far more (12 pixels a face width at the very least
 * in studies of low-resolution recognition); a cell is never under 8 pixels, so that small figures become a few flat
 * cells. What may be a face or a plate by itself gets two to its smaller side, three with the margin. Where no box says
 * how large a figure is, cells are a share of the picture: what moves, a fortieth of its width, and all of it, a
 * sixteenth, so that even a face that fills half the picture's width is eight cells wide. */
enum {
    CELL_MIN_PX = 8,
    CELLS_A_FACE = 2,
    CELLS_A_PICTURE = 16,
    CELL_ALL_MIN_PX = 32,
    FOREGROUND_CELLS_A_PICTURE = 40,
    FOREGROUND_CELL_MIN_PX = 16,
    OUTLINE_PX = 2,
    MASK_CELL_PX = 8,
};
/* Boxes shake by a few percent; what sticks out of one is hidden too. */
static const double margin_share = 0.12;

struct privacy_encoder {
    int width_px, quality;
    int out_width, out_height;
    uint8_t *planes[3]; /* I420 of the reduced picture, of an even size */
    int strides[3];
    uint32_t *sums; /* one per source column, while reducing */
    int *edges;     /* one per column of the reduced picture, and one more */
    mosaic_sum_form *mosaic_sum;
    tjhandle jpeg;
    unsigned char *buffer; /* turbojpeg's */
};

struct privacy_encoder *privacy_encoder_new(int width_px, int quality)
{
    struct privacy_encoder *encoder = g_new0(struct privacy_encoder, 1);
    encoder->width_px = width_px;
    encoder->quality = quality;
    encoder->mosaic_sum = mosaic_sum_choose();
    return encoder;
}

static void release_planes(struct privacy_encoder *encoder)
{
    for (int i = 0; i < 3; i++)
        g_clear_pointer(&encoder->planes[i], g_free);
}

void privacy_encoder_free(struct privacy_encoder *encoder)
{
    if (!encoder)
        return;
    release_planes(encoder);
    g_free(encoder->sums);
    g_free(encoder->edges);
    tjFree(encoder->buffer);
    if (encoder->jpeg)
        tjDestroy(encoder->jpeg);
    g_free(encoder);
}

/* ---- reducing ---- */

static void prepare_size(struct privacy_encoder *encoder, const struct frame *frame)
{
    /* even: the encoder reads chroma's other half of an odd last column and row */
    int width = MAX(MIN(encoder->width_px, frame->width_px) & ~1, 2);
    int height = MAX((int)((int64_t)frame->height_px * width / frame->width_px) & ~1, 2);
    encoder->sums = g_renew(uint32_t, encoder->sums, frame->width_px);
    if (width == encoder->out_width && height == encoder->out_height)
        return;
    release_planes(encoder);
    encoder->out_width = width;
    encoder->out_height = height;
    encoder->edges = g_renew(int, encoder->edges, width + 1);
    for (int i = 0; i < 3; i++) {
        encoder->strides[i] = i == 0 ? width : width / 2;
        encoder->planes[i] = g_malloc((size_t)encoder->strides[i] * (size_t)(i == 0 ? height : height / 2));
    }
}

/* One plane, `step` bytes between samples. */
struct samples {
    const uint8_t *bytes;
    int stride, step, width, height;
};

/* Where the columns begin that each of `to` pixels stands for, and where the last ends. */
static void find_edges(int *edges, int from, int to)
{
    for (int x = 0; x <= to; x++)
        edges[x] = (int)((int64_t)x * from / to);
}

static void add_row(uint32_t *restrict sums, const uint8_t *restrict bytes, int count, int step)
{
    for (int x = 0; x < count && step == 1; x++) /* a loop of its own: compilers make vectors of it */
        sums[x] += bytes[x];
    for (int x = 0; x < count && step != 1; x++)
        sums[x] += bytes[(ptrdiff_t)x * step];
}

/* Each pixel is the mean of the columns between its edges, of `rows` rows. */
static void average_columns(const uint32_t *sums, const int *edges, int rows, uint8_t *to, int width,
                            const uint8_t *levels)
{
    int narrow = edges[1] - edges[0];
    for (int x = 1; x < width; x++)
        narrow = MIN(narrow, edges[x + 1] - edges[x]);
    /* pixels stand for `narrow` columns or one more. Half a level aside keeps the product off whole numbers, so that it
     * is cut off where a division would be */
    const double shares[] = {1.0 / (narrow * rows), 1.0 / ((narrow + 1) * rows)};
    for (int x = 0; x < width; x++) {
        uint32_t sum = 0;
        for (int column = edges[x]; column < edges[x + 1]; column++)
            sum += sums[column];
        to[x] = levels[(int)((sum + 0.5) * shares[edges[x + 1] - edges[x] - narrow])];
    }
}

/* Each pixel is the mean of those it stands for. */
static void reduce_plane(const struct samples *from, struct privacy_encoder *encoder, uint8_t *to, int width,
                         int height, const uint8_t *levels)
{
    find_edges(encoder->edges, from->width, width);
    for (int y = 0; y < height; y++) {
        int top = (int)((int64_t)y * from->height / height), bottom = (int)((int64_t)(y + 1) * from->height / height);
        memset(encoder->sums, 0, (size_t)from->width * sizeof *encoder->sums);
        for (int row = top; row < bottom; row++)
            add_row(encoder->sums, from->bytes + (ptrdiff_t)row * from->stride, from->width, from->step);
        average_columns(encoder->sums, encoder->edges, bottom - top, to + (ptrdiff_t)y * width, width, levels);
    }
}

/* JPEG is full range (JFIF); studio range is stretched. */
static void fill_levels(uint8_t levels[256], bool is_full_range, bool is_luma)
{
    for (int i = 0; i < 256; i++) {
        double value = is_full_range ? i : is_luma ? (i - 16) * 255.0 / 219 : 128 + (i - 128) * 255.0 / 224;
        levels[i] = value < 0 ? 0 : value > 255 ? 255 : (uint8_t)(value + 0.5);
    }
}

static void reduce(struct privacy_encoder *encoder, const struct frame *frame)
{
    uint8_t levels[256];
    int width = encoder->out_width / 2, height = encoder->out_height / 2;
    bool is_interleaved = frame->format == FRAME_NV12;
    struct samples samples = {frame->planes[0], frame->strides_bytes[0], 1, frame->width_px, frame->height_px};
    fill_levels(levels, frame->is_full_range, true);
    reduce_plane(&samples, encoder, encoder->planes[0], encoder->out_width, encoder->out_height, levels);
    fill_levels(levels, frame->is_full_range, false);
    for (int channel = 1; channel < 3; channel++) {
        int plane = is_interleaved ? 1 : channel;
        samples = (struct samples){
            .bytes = frame->planes[plane] + (is_interleaved ? channel - 1 : 0),
            .stride = frame->strides_bytes[plane],
            .step = is_interleaved ? 2 : 1,
            .width = (frame->width_px + 1) / 2,
            .height = (frame->height_px + 1) / 2,
        };
        reduce_plane(&samples, encoder, encoder->planes[channel], width, height, levels);
    }
}

/* ---- hiding ---- */

/* Replaces [left, right) × [top, bottom) of a plane by its mean: no pixel of it survives. */
static void flatten(mosaic_sum_form *sum_pixels, uint8_t *plane, int stride, int left, int top, int right, int bottom)
{
    int width = right - left, height = bottom - top;
    if (width <= 0 || height <= 0)
        return;
    uint8_t *cell = plane + (ptrdiff_t)top * stride + left;
    uint32_t mean = sum_pixels(cell, stride, width, height) / ((uint32_t)width * (uint32_t)height);
    for (int y = 0; y < height; y++)
        memset(cell + (ptrdiff_t)y * stride, (int)mean, (size_t)width);
}

/* One cell in all planes; chroma's edges are rounded outwards. */
static void flatten_cell(struct privacy_encoder *encoder, int left, int top, int right, int bottom)
{
    flatten(encoder->mosaic_sum, encoder->planes[0], encoder->strides[0], left, top, right, bottom);
    for (int i = 1; i < 3; i++)
        flatten(encoder->mosaic_sum, encoder->planes[i], encoder->strides[i], left / 2, top / 2, (right + 1) / 2,
                (bottom + 1) / 2);
}

static void mosaic(struct privacy_encoder *encoder, int left, int top, int right, int bottom, int cell)
{
    for (int y = top; y < bottom; y += cell)
        for (int x = left; x < right; x += cell)
            flatten_cell(encoder, x, y, MIN(x + cell, right), MIN(y + cell, bottom));
}

int privacy_cells_a_side(double blur_strength)
{
    enum { FINEST = 10, COARSEST = 5 };
    return FINEST - (int)(CLAMP(blur_strength, 0, 1) * (FINEST - COARSEST) + 0.5);
}

static bool is_known(const struct record_box *box)
{
    return isfinite(box->x) && isfinite(box->y) && isfinite(box->w) && isfinite(box->h) && fabs(box->x) < 100 &&
           fabs(box->y) < 100 && box->w >= 0 && box->h >= 0 && box->w < 100 && box->h < 100;
}

/* Even, so that chroma's cells are luma's; rounded up. */
static int cell_of(double side, int cells)
{
    return MAX((int)ceil(side / cells / 2) * 2, CELL_MIN_PX);
}

static void hide_figure(struct privacy_encoder *encoder, const struct privacy_figure *figure, int cells_a_side)
{
    const struct record_box *box = &figure->box;
    double grow_x = box->w * margin_share, grow_y = box->h * margin_share;
    int left = MAX((int)floor((box->x - grow_x) * encoder->out_width), 0);
    int top = MAX((int)floor((box->y - grow_y) * encoder->out_height), 0);
    int right = MIN((int)ceil((box->x + box->w + grow_x) * encoder->out_width), encoder->out_width);
    int bottom = MIN((int)ceil((box->y + box->h + grow_y) * encoder->out_height), encoder->out_height);
    double side = fmin(box->w * encoder->out_width, box->h * encoder->out_height);
    mosaic(encoder, left & ~1, top & ~1, right, bottom,
           cell_of(side, figure->may_be_face ? CELLS_A_FACE : cells_a_side));
}

/* Whether the mask has a moving pixel that touches [left, right) × [top, bottom) of the picture. */
static bool moves_within(const struct privacy_encoder *encoder, const struct privacy_request *request, int left,
                         int top, int right, int bottom)
{
    int width = request->foreground_width_px, height = request->foreground_height_px;
    int x0 = (int)((int64_t)MAX(left, 0) * width / encoder->out_width);
    int y0 = (int)((int64_t)MAX(top, 0) * height / encoder->out_height);
    /* rounded up: a pixel of the mask that is only touched counts */
    int x1 = (int)(((int64_t)MIN(right, encoder->out_width) * width + encoder->out_width - 1) / encoder->out_width);
    int y1 =
        (int)(((int64_t)MIN(bottom, encoder->out_height) * height + encoder->out_height - 1) / encoder->out_height);
    for (int y = y0; y < y1; y++)
        if (memchr(request->foreground + (ptrdiff_t)y * width + x0, 255, (size_t)(x1 - x0)))
            return true;
    return false;
}

/* Whatever moves and is no figure yet: every cell that holds a moving pixel or has one close by. */
static void hide_foreground(struct privacy_encoder *encoder, const struct privacy_request *request)
{
    int cell = MAX(encoder->out_width / FOREGROUND_CELLS_A_PICTURE & ~1, FOREGROUND_CELL_MIN_PX), reach = cell / 2;
    for (int top = 0; top < encoder->out_height; top += cell)
        for (int left = 0; left < encoder->out_width; left += cell)
            if (moves_within(encoder, request, left - reach, top - reach, left + cell + reach, top + cell + reach))
                flatten_cell(encoder, left, top, MIN(left + cell, encoder->out_width),
                             MIN(top + cell, encoder->out_height));
}

static void hide_figures(struct privacy_encoder *encoder, const struct privacy_request *request)
{
    bool hides_all = request->hide_all;
    for (size_t i = 0; i < request->figure_count && !hides_all; i++)
        hides_all = !is_known(&request->figures[i].box); /* a box that is no box could stand anywhere */
    if (hides_all) {
        mosaic(encoder, 0, 0, encoder->out_width, encoder->out_height,
               MAX(encoder->out_width / CELLS_A_PICTURE & ~1, CELL_ALL_MIN_PX));
        return;
    }
    if (request->foreground && request->foreground_width_px > 0)
        hide_foreground(encoder, request);
    for (size_t i = 0; i < request->figure_count; i++)
        hide_figure(encoder, &request->figures[i],
                    request->cells_a_side > 0 ? request->cells_a_side : PRIVACY_CELLS_A_SIDE);
}

/* ---- drawing ---- */

/* In BT.601 full range: green, seen on dark and on light; and a dark grey. */
static const uint8_t outline_colour[3] = {150, 44, 21}, mask_colour[3] = {48, 128, 128};

static void fill(struct privacy_encoder *encoder, int left, int top, int right, int bottom, const uint8_t colour[3])
{
    left = MAX(left, 0) & ~1;
    top = MAX(top, 0) & ~1;
    right = MIN((right + 1) & ~1, encoder->out_width);
    bottom = MIN((bottom + 1) & ~1, encoder->out_height);
    for (int i = 0; i < 3; i++) {
        int shift = i > 0;
        for (int y = top >> shift; y < bottom >> shift && right > left; y++)
            memset(encoder->planes[i] + y * encoder->strides[i] + (left >> shift), colour[i],
                   (size_t)(right - left) >> shift);
    }
}

static void draw_outline(struct privacy_encoder *encoder, const struct record_box *box)
{
    int left = (int)(box->x * encoder->out_width), right = (int)((box->x + box->w) * encoder->out_width);
    int top = (int)(box->y * encoder->out_height), bottom = (int)((box->y + box->h) * encoder->out_height);
    fill(encoder, left, top, right, top + OUTLINE_PX, outline_colour);
    fill(encoder, left, bottom - OUTLINE_PX, right, bottom, outline_colour);
    fill(encoder, left, top, left + OUTLINE_PX, bottom, outline_colour);
    fill(encoder, right - OUTLINE_PX, top, right, bottom, outline_colour);
}

/* One colour, so that not even the mean of what is there is left of it; in cells, each of which is painted that any of
 * the mask lies in. */
static void paint_mask(struct privacy_encoder *encoder, const struct record_points *mask)
{
    double width = encoder->out_width, height = encoder->out_height;
    for (int top = 0; top < encoder->out_height; top += MASK_CELL_PX)
        for (int left = 0; left < encoder->out_width; left += MASK_CELL_PX) {
            const struct record_box cell = {left / width, top / height, MASK_CELL_PX / width, MASK_CELL_PX / height};
            if (polygon_meets_box(mask, &cell))
                fill(encoder, left, top, left + MASK_CELL_PX, top + MASK_CELL_PX, mask_colour);
        }
}

GBytes *privacy_encode_jpeg(struct privacy_encoder *encoder, const struct frame *frame,
                            const struct privacy_request *request, GError **error)
{
    if (frame->width_px < 2 || frame->height_px < 2) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "encode picture: %d x %d is no picture",
                    frame->width_px, frame->height_px);
        return NULL;
    }
    if (!encoder->jpeg)
        encoder->jpeg = tjInitCompress();
    prepare_size(encoder, frame);
    reduce(encoder, frame);
    hide_figures(encoder, request);
    for (size_t i = 0; i < request->mask_count; i++)
        paint_mask(encoder, &request->masks[i]);
    for (size_t i = 0; i < request->outline_count; i++)
        if (is_known(&request->outlines[i]))
            draw_outline(encoder, &request->outlines[i]);
    unsigned long size = 0;
    const unsigned char *planes[] = {encoder->planes[0], encoder->planes[1], encoder->planes[2]};
    tjFree(encoder->buffer);
    encoder->buffer = NULL;
    if (!encoder->jpeg ||
        tjCompressFromYUVPlanes(encoder->jpeg, planes, encoder->out_width, encoder->strides, encoder->out_height,
                                TJSAMP_420, &encoder->buffer, &size, encoder->quality, TJFLAG_FASTDCT) != 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "encode picture: %s", tjGetErrorStr2(encoder->jpeg));
        return NULL;
    }
    return g_bytes_new(encoder->buffer, size);
}
