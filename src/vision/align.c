/* A face turned upright: the similarity transform that brings its five points nearest to where embedders of the ArcFace
 * kind expect them (Deng et al., "ArcFace", 2019; template of insightface's face_align.py, for 112 x 112 pixels). */
#include "vision/detector_internal.h"

#include <math.h>

enum { POINTS = 5, TEMPLATE_PX = 112 };
static const float template[POINTS][2] = {
    {38.2946F, 51.6963F}, {73.5318F, 51.5014F}, {56.0252F, 71.7366F}, {41.5493F, 92.3655F}, {70.7299F, 92.2041F}};

/* x' = a x - b y + tx, y' = b x + a y + ty. */
struct similarity {
    double a, b, tx, ty;
};

/* The least squares solution from places in the template to places in the frame (Umeyama 1991, without reflection). */
static bool fit(const struct model_card *card, const double frame_px[POINTS][2], struct similarity *out)
{
    double from[POINTS][2], from_mean[2] = {0}, to_mean[2] = {0}, spread = 0, dot = 0, cross = 0;
    const double scale[2] = {(double)card->input_width_px / TEMPLATE_PX, (double)card->input_height_px / TEMPLATE_PX};
    for (int i = 0; i < POINTS; i++)
        for (int axis = 0; axis < 2; axis++) {
            from[i][axis] = (double)template[i][axis] * scale[axis];
            from_mean[axis] += from[i][axis] / POINTS;
            to_mean[axis] += frame_px[i][axis] / POINTS;
        }
    for (int i = 0; i < POINTS; i++) {
        double fx = from[i][0] - from_mean[0], fy = from[i][1] - from_mean[1];
        double tx = frame_px[i][0] - to_mean[0], ty = frame_px[i][1] - to_mean[1];
        spread += fx * fx + fy * fy;
        dot += fx * tx + fy * ty;
        cross += fx * ty - fy * tx;
    }
    out->a = dot / spread;
    out->b = cross / spread;
    out->tx = to_mean[0] - out->a * from_mean[0] + out->b * from_mean[1];
    out->ty = to_mean[1] - out->b * from_mean[0] - out->a * from_mean[1];
    return isfinite(out->tx) && isfinite(out->ty) && hypot(out->a, out->b) > 0;
}

/* A plane's value between its samples; `step` bytes apart. */
static float sample(const uint8_t *plane, int stride, int step, int columns, int rows, double x, double y)
{
    x = CLAMP(x, 0, columns - 1);
    y = CLAMP(y, 0, rows - 1);
    int left = (int)x, top = (int)y, right = MIN(left + 1, columns - 1), bottom = MIN(top + 1, rows - 1);
    double fx = x - left, fy = y - top;
    const uint8_t *above = plane + (ptrdiff_t)top * stride, *below = plane + (ptrdiff_t)bottom * stride;
    double upper = above[(ptrdiff_t)left * step] * (1 - fx) + above[(ptrdiff_t)right * step] * fx;
    double lower = below[(ptrdiff_t)left * step] * (1 - fx) + below[(ptrdiff_t)right * step] * fx;
    return (float)(upper * (1 - fy) + lower * fy);
}

/* Luma and both chromas at a place, pixel centres at whole numbers; chroma samples lie amid their four pixels. */
static void sample_frame(const struct frame *frame, double x, double y, float yuv[3])
{
    bool is_interleaved = frame->format == FRAME_NV12;
    int step = is_interleaved ? 2 : 1, columns = (frame->width_px + 1) / 2, rows = (frame->height_px + 1) / 2;
    double chroma_x = (x - 0.5) / 2, chroma_y = (y - 0.5) / 2;
    const uint8_t *v = is_interleaved ? frame->planes[1] + 1 : frame->planes[2];
    yuv[0] = sample(frame->planes[0], frame->strides_bytes[0], 1, frame->width_px, frame->height_px, x, y);
    yuv[1] = sample(frame->planes[1], frame->strides_bytes[1], step, columns, rows, chroma_x, chroma_y);
    yuv[2] = sample(v, frame->strides_bytes[is_interleaved ? 1 : 2], step, columns, rows, chroma_x, chroma_y);
}

bool align_face(const struct model_card *card, const struct frame *frame, const struct detection_point points[POINTS],
                float *tensor)
{
    double frame_px[POINTS][2];
    struct similarity map;
    for (int i = 0; i < POINTS; i++) {
        frame_px[i][0] = (double)points[i].x * frame->width_px;
        frame_px[i][1] = (double)points[i].y * frame->height_px;
    }
    if (!fit(card, frame_px, &map))
        return false;
    struct preprocess_colour colour = preprocess_colour_of(card, frame->is_full_range, frame->is_bt709);
    size_t plane = (size_t)card->input_width_px * (size_t)card->input_height_px;
    int channels = card->channels == MODEL_GREY ? 1 : 3;
    for (int y = 0; y < card->input_height_px; y++)
        for (int x = 0; x < card->input_width_px; x++) {
            float yuv[3], out[3];
            size_t pixel = (size_t)y * (size_t)card->input_width_px + (size_t)x;
            sample_frame(frame, map.a * x - map.b * y + map.tx, map.b * x + map.a * y + map.ty, yuv);
            preprocess_convert(&colour, yuv[0] * PREPROCESS_ONE, yuv[1] * PREPROCESS_ONE, yuv[2] * PREPROCESS_ONE, out);
            for (int c = 0; c < channels; c++)
                tensor[card->layout == MODEL_NHWC ? pixel * (size_t)channels + (size_t)c : (size_t)c * plane + pixel] =
                    out[c];
        }
    return true;
}
