#include "vision/detector_internal.h"

#include <math.h>
#include <string.h>

enum { TENSOR_CHANNELS = 3, GATHER_BYTES = 4, BITS_PER_BYTE = 8 };

struct preprocess {
    /* from the card */
    int input_width, input_height, channels;
    enum model_layout layout;
    struct model_card fit_card; /* input size and fit only, for letterbox_fit */
    struct preprocess_colour colour;
    float pad[TENSOR_CHANNELS];
    preprocess_row_function fastest, chosen; /* chosen NULL: the fastest that the frame allows */
    /* for frames of this size and format */
    int width_px, height_px;
    enum frame_format format;
    bool is_full_range, is_bt709; /* as `colour` is made for */
    struct letterbox box;
    struct preprocess_axis luma_axis, chroma_axis;
    bool is_padded;
};

/* ---- geometry ---- */

struct letterbox letterbox_fit(const struct model_card *card, int width_px, int height_px)
{
    struct letterbox box = {0, 0, card->input_width_px, card->input_height_px};
    if (card->fit == MODEL_FIT_STRETCH)
        return box;
    double ratio = MIN((double)card->input_width_px / width_px, (double)card->input_height_px / height_px);
    /* the size is cut to whole pixels, as YOLOX's own preproc does (yolox/data/data_augment.py) */
    box.width = CLAMP((int)(width_px * ratio), 1, card->input_width_px);
    box.height = CLAMP((int)(height_px * ratio), 1, card->input_height_px);
    if (card->fit == MODEL_FIT_CENTRE) {
        box.left = (card->input_width_px - box.width) / 2;
        box.top = (card->input_height_px - box.height) / 2;
    }
    return box;
}

/* Where output sample `i` of `count` lies among `source` samples, pixel centres at halves. `per_sample`: source pixels
 * that one sample stands for (2 for chroma, whose samples are taken to lie amid their four pixels, as JPEG has it). */
static float locate(int i, int count, int pixels, int per_sample, int source, int *first)
{
    double at = ((i + 0.5) * pixels / count) / per_sample - 0.5;
    double limited = CLAMP(at, 0, source - 1);
    *first = MAX(MIN((int)limited, source - 2), 0);
    return (float)MIN(limited - *first, 1);
}

/* For as many output columns as the input has: sizes of frames and regions change, memory does not. */
static void axis_init(struct preprocess_axis *axis, int columns)
{
    axis->first = g_new(int32_t, columns);
    axis->fraction = g_new(float, columns);
    axis->offset = g_new(int32_t, columns);
    axis->shift = g_new(int32_t, columns);
}

static void axis_clear(struct preprocess_axis *axis)
{
    g_free(axis->first);
    g_free(axis->fraction);
    g_free(axis->offset);
    g_free(axis->shift);
}

static void axis_build(struct preprocess_axis *axis, int count, int pixels, int per_sample, int step)
{
    int source = (pixels + per_sample - 1) / per_sample;
    for (int i = 0; i < count; i++) {
        int first;
        axis->fraction[i] = locate(i, count, pixels, per_sample, source, &first);
        axis->first[i] = first;
        axis->offset[i] = MAX(MIN(first * step, source * step - GATHER_BYTES), 0);
        axis->shift[i] = (first * step - axis->offset[i]) * BITS_PER_BYTE;
    }
}

/* One axis of a view: whole pixels, the first even. */
static void view_axis(int size, double from, double share, int *first, int *count)
{
    double begin = CLAMP(floor(from * size), 0, size - 1), end = CLAMP(ceil((from + share) * size), 1, size);
    *first = (int)begin & ~1;
    *count = MAX((int)end - *first, 1);
}

struct frame frame_view(const struct frame *frame, const struct record_box *region)
{
    struct frame view = *frame;
    int left, top;
    if (!region)
        return view;
    view_axis(frame->width_px, region->x, region->w, &left, &view.width_px);
    view_axis(frame->height_px, region->y, region->h, &top, &view.height_px);
    view.planes[0] += (ptrdiff_t)top * frame->strides_bytes[0] + left;
    view.planes[1] += (ptrdiff_t)top / 2 * frame->strides_bytes[1] + (frame->format == FRAME_NV12 ? left : left / 2);
    if (frame->format != FRAME_NV12)
        view.planes[2] += (ptrdiff_t)top / 2 * frame->strides_bytes[2] + left / 2;
    return view;
}

struct record_box frame_view_box(const struct frame *frame, const struct record_box *region)
{
    int left = 0, top = 0, width = frame->width_px, height = frame->height_px;
    if (region) {
        view_axis(frame->width_px, region->x, region->w, &left, &width);
        view_axis(frame->height_px, region->y, region->h, &top, &height);
    }
    return (struct record_box){(double)left / frame->width_px, (double)top / frame->height_px,
                               (double)width / frame->width_px, (double)height / frame->height_px};
}

/* ---- colour ---- */

/* ITU-R BT.601 and BT.709 give the luma weights of red and blue, from which the rest follows; studio range is 16..235
 * and 16..240. */
static void choose_formula(struct preprocess_colour *colour, bool is_full_range, bool is_bt709)
{
    const float red_weight = is_bt709 ? 0.2126F : 0.299F, blue_weight = is_bt709 ? 0.0722F : 0.114F;
    const float green_weight = 1 - red_weight - blue_weight;
    float chroma_gain = is_full_range ? 1.0F : 255.0F / 224.0F;
    colour->luma_offset = is_full_range ? 0.0F : 16.0F;
    colour->luma_gain = is_full_range ? 1.0F : 255.0F / 219.0F;
    colour->red_v = 2 * (1 - red_weight) * chroma_gain;
    colour->blue_u = 2 * (1 - blue_weight) * chroma_gain;
    colour->green_u = -2 * (1 - blue_weight) * blue_weight / green_weight * chroma_gain;
    colour->green_v = -2 * (1 - red_weight) * red_weight / green_weight * chroma_gain;
}

struct preprocess_colour preprocess_colour_of(const struct model_card *card, bool is_full_range, bool is_bt709)
{
    const double scale[] = {card->scale_0, card->scale_1, card->scale_2};
    const double mean[] = {card->mean_0, card->mean_1, card->mean_2};
    struct preprocess_colour colour = {.is_rgb = card->channels == MODEL_RGB, .is_grey = card->channels == MODEL_GREY};
    for (int c = 0; c < TENSOR_CHANNELS; c++) {
        colour.scale[c] = (float)scale[c];
        colour.bias[c] = (float)(-mean[c] * scale[c]);
    }
    choose_formula(&colour, is_full_range, is_bt709);
    return colour;
}

static inline float limit(float value)
{
    return MIN(MAX(value, 0.0F), 255.0F);
}

static inline void convert(const struct preprocess_colour *colour, float y, float u, float v, float *out)
{
    u -= 128.0F;
    v -= 128.0F;
    y = (y - colour->luma_offset) * colour->luma_gain;
    float red = limit(y + v * colour->red_v);
    float green = limit((y + u * colour->green_u) + v * colour->green_v);
    float blue = limit(y + u * colour->blue_u);
    const float channels[TENSOR_CHANNELS] = {colour->is_rgb ? red : blue, green, colour->is_rgb ? blue : red};
    for (int c = 0; c < TENSOR_CHANNELS; c++)
        out[c] = channels[c] * colour->scale[c] + colour->bias[c];
}

void preprocess_convert(const struct preprocess_colour *colour, float y, float u, float v, float *out)
{
    if (colour->is_grey)
        out[0] = limit((y - colour->luma_offset) * colour->luma_gain) * colour->scale[0] + colour->bias[0];
    else
        convert(colour, y, u, v, out);
}

static inline float blend(const uint8_t *const rows[2], int first, int second, float fraction_x, float fraction_y)
{
    float top = rows[0][first] + (rows[0][second] - rows[0][first]) * fraction_x;
    float bottom = rows[1][first] + (rows[1][second] - rows[1][first]) * fraction_x;
    return top + (bottom - top) * fraction_y;
}

void preprocess_row_scalar(const struct preprocess_row *row)
{
    for (int i = 0; i < row->width; i++) {
        int luma = row->luma_axis->first[i], chroma = row->chroma_axis->first[i];
        float chroma_x = row->chroma_axis->fraction[i], channels[TENSOR_CHANNELS];
        int here = chroma * row->chroma_step, next = MIN(chroma + 1, row->last_chroma) * row->chroma_step;
        float y =
            blend(row->luma, luma, MIN(luma + 1, row->last_luma), row->luma_axis->fraction[i], row->luma_fraction);
        float u = blend(row->u, here, next, chroma_x, row->chroma_fraction);
        float v = blend(row->v, here, next, chroma_x, row->chroma_fraction);
        convert(row->colour, y, u, v, channels);
        for (int c = 0; c < TENSOR_CHANNELS; c++)
            row->out[c][i * row->out_step] = channels[c];
    }
}

/* Grey is luma, whichever the weights of the colours are. */
static void row_grey(const struct preprocess_row *row)
{
    for (int i = 0; i < row->width; i++) {
        int luma = row->luma_axis->first[i];
        float y =
            blend(row->luma, luma, MIN(luma + 1, row->last_luma), row->luma_axis->fraction[i], row->luma_fraction);
        preprocess_convert(row->colour, y, 0, 0, &row->out[0][i]);
    }
}

void preprocess_row_rest(const struct preprocess_row *row, int i)
{
    if (i == row->width)
        return;
    struct preprocess_axis luma = {row->luma_axis->first + i, row->luma_axis->fraction + i, NULL, NULL};
    struct preprocess_axis chroma = {row->chroma_axis->first + i, row->chroma_axis->fraction + i, NULL, NULL};
    struct preprocess_row rest = *row;
    rest.luma_axis = &luma;
    rest.chroma_axis = &chroma;
    rest.width -= i;
    for (int c = 0; c < TENSOR_CHANNELS; c++)
        rest.out[c] += i * row->out_step;
    preprocess_row_scalar(&rest);
}

/* ---- which of the twins ---- */

static preprocess_row_function choose_row(void)
{
    static preprocess_row_function (*const table[])(void) = {preprocess_row_avx2, preprocess_row_sse41,
                                                             preprocess_row_neon};
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
        if (table[i]())
            return table[i]();
    return NULL;
}

/* ---- the life of it ---- */

struct preprocess *preprocess_new(const struct model_card *card)
{
    struct preprocess *preprocess = g_new0(struct preprocess, 1);
    preprocess->input_width = preprocess->fit_card.input_width_px = card->input_width_px;
    preprocess->input_height = preprocess->fit_card.input_height_px = card->input_height_px;
    preprocess->fit_card.fit = card->fit;
    preprocess->layout = card->layout;
    preprocess->colour = preprocess_colour_of(card, false, false);
    preprocess->channels = preprocess->colour.is_grey ? 1 : TENSOR_CHANNELS;
    for (int c = 0; c < TENSOR_CHANNELS; c++)
        preprocess->pad[c] = (float)card->pad_value * preprocess->colour.scale[c] + preprocess->colour.bias[c];
    preprocess->fastest = choose_row();
    axis_init(&preprocess->luma_axis, card->input_width_px);
    axis_init(&preprocess->chroma_axis, card->input_width_px);
    return preprocess;
}

void preprocess_free(struct preprocess *preprocess)
{
    if (!preprocess)
        return;
    axis_clear(&preprocess->luma_axis);
    axis_clear(&preprocess->chroma_axis);
    g_free(preprocess);
}

void preprocess_use(struct preprocess *preprocess, preprocess_row_function function)
{
    preprocess->chosen = function;
}

void preprocess_forget(struct preprocess *preprocess)
{
    preprocess->is_padded = false;
}

static void prepare(struct preprocess *preprocess, const struct frame *frame)
{
    if (preprocess->is_full_range != frame->is_full_range || preprocess->is_bt709 != frame->is_bt709) {
        preprocess->is_full_range = frame->is_full_range;
        preprocess->is_bt709 = frame->is_bt709;
        choose_formula(&preprocess->colour, frame->is_full_range, frame->is_bt709);
    }
    if (preprocess->width_px == frame->width_px && preprocess->height_px == frame->height_px &&
        preprocess->format == frame->format)
        return;
    preprocess->width_px = frame->width_px;
    preprocess->height_px = frame->height_px;
    preprocess->format = frame->format;
    preprocess->box = letterbox_fit(&preprocess->fit_card, frame->width_px, frame->height_px);
    axis_build(&preprocess->luma_axis, preprocess->box.width, frame->width_px, 1, 1);
    axis_build(&preprocess->chroma_axis, preprocess->box.width, frame->width_px, 2,
               frame->format == FRAME_NV12 ? 2 : 1);
    preprocess->is_padded = false;
}

static bool is_planar(const struct preprocess *preprocess)
{
    return preprocess->layout != MODEL_NHWC;
}

/* Where channel `c` of input pixel (x, y) lies. */
static float *pixel_at(const struct preprocess *preprocess, float *tensor, int c, int x, int y)
{
    size_t pixel = (size_t)y * (size_t)preprocess->input_width + (size_t)x;
    size_t plane = (size_t)preprocess->input_width * (size_t)preprocess->input_height;
    return is_planar(preprocess) ? tensor + (size_t)c * plane + pixel
                                 : tensor + pixel * (size_t)preprocess->channels + c;
}

/* The whole tensor: the frame is written over its part afterwards, and the rest stays until the geometry changes. */
static void pad(struct preprocess *preprocess, float *tensor)
{
    size_t plane = (size_t)preprocess->input_width * (size_t)preprocess->input_height;
    for (int c = 0; c < preprocess->channels; c++) {
        float *out = pixel_at(preprocess, tensor, c, 0, 0);
        for (size_t i = 0; i < plane; i++)
            out[i * (is_planar(preprocess) ? 1 : (size_t)preprocess->channels)] = preprocess->pad[c];
    }
    preprocess->is_padded = true;
}

/* The two source rows of a plane that an output row lies between. */
static float choose_rows(const struct frame *frame, int plane, int line, int lines, const uint8_t *rows[2])
{
    int first, source = frame_plane_rows(frame, plane);
    float fraction = locate(line, lines, frame->height_px, plane == 0 ? 1 : 2, source, &first);
    rows[0] = frame->planes[plane] + (ptrdiff_t)first * frame->strides_bytes[plane];
    rows[1] = frame->planes[plane] + (ptrdiff_t)MIN(first + 1, source - 1) * frame->strides_bytes[plane];
    return fraction;
}

static preprocess_row_function choose_for(const struct preprocess *preprocess, const struct frame *frame)
{
    if (preprocess->channels == 1)
        return row_grey;
    if (preprocess->chosen)
        return preprocess->chosen;
    bool is_wide = frame->width_px >= PREPROCESS_SIMD_MIN_WIDTH;
    return preprocess->fastest && is_wide ? preprocess->fastest : preprocess_row_scalar;
}

struct letterbox preprocess_run(struct preprocess *preprocess, const struct frame *frame, float *tensor)
{
    prepare(preprocess, frame);
    if (!preprocess->is_padded)
        pad(preprocess, tensor);
    const struct letterbox *box = &preprocess->box;
    bool is_interleaved = frame->format == FRAME_NV12;
    preprocess_row_function run = choose_for(preprocess, frame);
    struct preprocess_row row = {
        .last_luma = frame->width_px - 1,
        .last_chroma = (frame->width_px + 1) / 2 - 1,
        .chroma_step = is_interleaved ? 2 : 1,
        .luma_axis = &preprocess->luma_axis,
        .chroma_axis = &preprocess->chroma_axis,
        .colour = &preprocess->colour,
        .out_step = is_planar(preprocess) ? 1 : TENSOR_CHANNELS,
        .width = box->width,
    };
    for (int line = 0; line < box->height; line++) {
        row.luma_fraction = choose_rows(frame, 0, line, box->height, row.luma);
        row.chroma_fraction = choose_rows(frame, 1, line, box->height, row.u);
        if (is_interleaved)
            for (int i = 0; i < 2; i++)
                row.v[i] = row.u[i] + 1;
        else
            choose_rows(frame, 2, line, box->height, row.v);
        for (int c = 0; c < TENSOR_CHANNELS; c++)
            row.out[c] = pixel_at(preprocess, tensor, MIN(c, preprocess->channels - 1), box->left, box->top + line);
        run(&row);
    }
    return *box;
}
