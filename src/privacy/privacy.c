#include "privacy/privacy.h"

#include <math.h>
#include <string.h>
#include <turbojpeg.h>

/* A face is about a seventh of a standing figure's height and a third of its width. Cells of a sixth of the figure's
 * smaller side leave two or so to a face, and identification needs far more (12 pixels a face width at the very least
 * in studies of low-resolution recognition); a cell is never under 8 pixels, so that small figures become a few flat
 * cells. */
enum { CELLS_A_SIDE = 6, CELL_MIN_PX = 8, CELL_ALL_PX = 32, FOREGROUND_CELL_PX = 16 };
/* Boxes shake by a few percent; what sticks out of one is hidden too. */
static const double margin_share = 0.12;

struct privacy_encoder {
    int width_px, quality;
    int out_width, out_height;
    uint8_t *planes[3]; /* I420 of the reduced picture */
    int strides[3];
    tjhandle jpeg;
    unsigned char *buffer; /* turbojpeg's */
};

struct privacy_encoder *privacy_encoder_new(int width_px, int quality)
{
    struct privacy_encoder *encoder = g_new0(struct privacy_encoder, 1);
    encoder->width_px = width_px;
    encoder->quality = quality;
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
    tjFree(encoder->buffer);
    if (encoder->jpeg)
        tjDestroy(encoder->jpeg);
    g_free(encoder);
}

/* ---- reducing ---- */

static void prepare_size(struct privacy_encoder *encoder, const struct frame *frame)
{
    int width = MIN(encoder->width_px, frame->width_px);
    int height = MAX((int)((int64_t)frame->height_px * width / frame->width_px), 1);
    if (width == encoder->out_width && height == encoder->out_height)
        return;
    release_planes(encoder);
    encoder->out_width = width;
    encoder->out_height = height;
    for (int i = 0; i < 3; i++) {
        encoder->strides[i] = i == 0 ? width : (width + 1) / 2;
        encoder->planes[i] = g_malloc((size_t)encoder->strides[i] * (size_t)(i == 0 ? height : (height + 1) / 2));
    }
}

/* Nearest neighbour: previews are looked at, not measured. */
static void reduce_plane(const uint8_t *from, int stride, int step, int from_width, int from_height, uint8_t *to,
                         int width, int height, const uint8_t *levels)
{
    for (int y = 0; y < height; y++) {
        const uint8_t *row = from + (int64_t)y * from_height / height * stride;
        for (int x = 0; x < width; x++)
            to[y * width + x] = levels[row[(int64_t)x * from_width / width * step]];
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
    int half_width = (frame->width_px + 1) / 2, half_height = (frame->height_px + 1) / 2;
    int width = (encoder->out_width + 1) / 2, height = (encoder->out_height + 1) / 2;
    fill_levels(levels, frame->is_full_range, true);
    reduce_plane(frame->planes[0], frame->strides_bytes[0], 1, frame->width_px, frame->height_px, encoder->planes[0],
                 encoder->out_width, encoder->out_height, levels);
    fill_levels(levels, frame->is_full_range, false);
    for (int channel = 1; channel < 3; channel++) {
        bool is_interleaved = frame->format == FRAME_NV12;
        reduce_plane(is_interleaved ? frame->planes[1] + channel - 1 : frame->planes[channel],
                     frame->strides_bytes[is_interleaved ? 1 : channel], is_interleaved ? 2 : 1, half_width,
                     half_height, encoder->planes[channel], width, height, levels);
    }
}

/* ---- hiding ---- */

/* Replaces [left, right) × [top, bottom) of a plane by its mean: no pixel of it survives. */
static void flatten(uint8_t *plane, int stride, int left, int top, int right, int bottom)
{
    unsigned sum = 0, count = (unsigned)(right - left) * (unsigned)(bottom - top);
    if (right <= left || bottom <= top)
        return;
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++)
            sum += plane[y * stride + x];
    for (int y = top; y < bottom; y++)
        memset(plane + y * stride + left, (int)(sum / count), (size_t)(right - left));
}

/* One cell in all planes; chroma's edges are rounded outwards. */
static void flatten_cell(struct privacy_encoder *encoder, int left, int top, int right, int bottom)
{
    flatten(encoder->planes[0], encoder->strides[0], left, top, right, bottom);
    for (int i = 1; i < 3; i++)
        flatten(encoder->planes[i], encoder->strides[i], left / 2, top / 2, (right + 1) / 2, (bottom + 1) / 2);
}

static void mosaic(struct privacy_encoder *encoder, int left, int top, int right, int bottom, int cell)
{
    for (int y = top; y < bottom; y += cell)
        for (int x = left; x < right; x += cell)
            flatten_cell(encoder, x, y, MIN(x + cell, right), MIN(y + cell, bottom));
}

static bool is_known(const struct record_box *box)
{
    return isfinite(box->x) && isfinite(box->y) && isfinite(box->w) && isfinite(box->h) && fabs(box->x) < 100 &&
           fabs(box->y) < 100 && box->w < 100 && box->h < 100;
}

static void hide_figure(struct privacy_encoder *encoder, const struct record_box *box)
{
    double grow_x = box->w * margin_share, grow_y = box->h * margin_share;
    int left = MAX((int)floor((box->x - grow_x) * encoder->out_width), 0);
    int top = MAX((int)floor((box->y - grow_y) * encoder->out_height), 0);
    int right = MIN((int)ceil((box->x + box->w + grow_x) * encoder->out_width), encoder->out_width);
    int bottom = MIN((int)ceil((box->y + box->h + grow_y) * encoder->out_height), encoder->out_height);
    double side = fmin(box->w * encoder->out_width, box->h * encoder->out_height);
    /* even, so that chroma's cells are luma's */
    int cell = MAX((int)(side / CELLS_A_SIDE + 1) / 2 * 2, CELL_MIN_PX);
    mosaic(encoder, left & ~1, top & ~1, right, bottom, cell);
}

/* Whatever moves and is no figure yet: every cell that holds a moving pixel, and those around it. */
static void hide_foreground(struct privacy_encoder *encoder, const struct privacy_request *request)
{
    for (int top = 0; top < encoder->out_height; top += FOREGROUND_CELL_PX)
        for (int left = 0; left < encoder->out_width; left += FOREGROUND_CELL_PX) {
            int reach = FOREGROUND_CELL_PX / 2; /* hidden also beside what moves */
            int x0 = MAX(left - reach, 0) * request->foreground_width_px / encoder->out_width;
            int x1 = MIN(left + FOREGROUND_CELL_PX + reach, encoder->out_width) * request->foreground_width_px /
                     encoder->out_width;
            int y0 = MAX(top - reach, 0) * request->foreground_height_px / encoder->out_height;
            int y1 = MIN(top + FOREGROUND_CELL_PX + reach, encoder->out_height) * request->foreground_height_px /
                     encoder->out_height;
            bool moves = false;
            for (int y = y0; y < y1 && !moves; y++)
                moves = memchr(request->foreground + y * request->foreground_width_px + x0, 255,
                               (size_t)MAX(x1 - x0, 0)) != NULL;
            if (moves)
                flatten_cell(encoder, left, top, MIN(left + FOREGROUND_CELL_PX, encoder->out_width),
                             MIN(top + FOREGROUND_CELL_PX, encoder->out_height));
        }
}

static void hide(struct privacy_encoder *encoder, const struct privacy_request *request)
{
    bool hides_all = request->hide_all;
    for (size_t i = 0; i < request->figure_count && !hides_all; i++)
        hides_all = !is_known(&request->figures[i]); /* a box that is no box could stand anywhere */
    if (hides_all) {
        mosaic(encoder, 0, 0, encoder->out_width, encoder->out_height, CELL_ALL_PX);
        return;
    }
    if (request->foreground && request->foreground_width_px > 0)
        hide_foreground(encoder, request);
    for (size_t i = 0; i < request->figure_count; i++)
        hide_figure(encoder, &request->figures[i]);
}

GBytes *privacy_encode_jpeg(struct privacy_encoder *encoder, const struct frame *frame,
                            const struct privacy_request *request, GError **error)
{
    if (!encoder->jpeg)
        encoder->jpeg = tjInitCompress();
    prepare_size(encoder, frame);
    reduce(encoder, frame);
    hide(encoder, request);
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
