#include "vision/detector_internal.h"

#include <math.h>
#include <string.h>

enum { TENSOR_CHANNELS = 3, NO_BYTE = 0x80 };

struct preprocess {
    /* from the card */
    int input_width, input_height, channels;
    enum model_layout layout;
    struct model_card card; /* the numbers of it; its texts are not ours */
    struct preprocess_colour colour;
    float pad[TENSOR_CHANNELS];
    preprocess_row_function by_sixteens, by_fours; /* the fastest here, where the frame allows them; or NULL */
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

static size_t groups_of(int columns, int group)
{
    return ((size_t)columns + (size_t)group - 1) / (size_t)group;
}

static void windows_init(struct preprocess_windows *windows, int columns, int group)
{
    size_t groups = groups_of(columns, group);
    windows->start = g_new(int32_t, groups);
    windows->shuffles = g_new(uint8_t, groups * PREPROCESS_MAX_WINDOWS * (size_t)(group * PREPROCESS_COLUMN_BYTES));
}

static void windows_clear(struct preprocess_windows *windows)
{
    g_free(windows->start);
    g_free(windows->shuffles);
}

/* For as many output columns as the input has: sizes of frames and regions change, memory does not. */
static void axis_init(struct preprocess_axis *axis, int columns)
{
    axis->first = g_new(int32_t, (size_t)columns);
    axis->weights = g_new0(int16_t, 2 * PREPROCESS_SIXTEEN * groups_of(columns, PREPROCESS_SIXTEEN));
    windows_init(&axis->fours, columns, PREPROCESS_FOUR);
    windows_init(&axis->sixteens, columns, PREPROCESS_SIXTEEN);
}

static void axis_clear(struct preprocess_axis *axis)
{
    g_free(axis->first);
    g_free(axis->weights);
    windows_clear(&axis->fours);
    windows_clear(&axis->sixteens);
}

/* The columns of an axis: how many there are, of how many samples, and the bytes between these. */
struct columns {
    const int32_t *first;
    int count, source, step;
};

/* Sample 0 or 1 of a column, in bytes from the row's begin. */
static int byte_of(const struct columns *columns, int column, int sample)
{
    return MIN(columns->first[MIN(column, columns->count - 1)] + sample, columns->source - 1) * columns->step;
}

/* Says where in its windows the bytes of a group lie. */
static void build_shuffles(const struct columns *columns, int from, int group, int start, uint8_t *shuffles)
{
    const int length = group * PREPROCESS_COLUMN_BYTES;
    memset(shuffles, NO_BYTE, (size_t)PREPROCESS_MAX_WINDOWS * (size_t)length);
    for (int word = 0; word < 2 * group; word++) {
        int byte = byte_of(columns, from + word / 2, word % 2) - start;
        shuffles[byte / length * length + 2 * word] = (uint8_t)(byte % length);
    }
}

static void build_windows(const struct columns *columns, int group, struct preprocess_windows *windows)
{
    const int groups = (int)groups_of(columns->count, group), length = group * PREPROCESS_COLUMN_BYTES;
    int row_bytes = (columns->source - 1) * columns->step + 1,
        reach = 1; /* NV12's u: the v behind its last is not its own */
    for (int from = 0; from < columns->count; from += group)
        reach = MAX(reach, byte_of(columns, from + group - 1, 1) - byte_of(columns, from, 0) + 1);
    windows->count = (reach + length - 1) / length;
    int last_start = row_bytes - windows->count * length;
    if (windows->count > PREPROCESS_MAX_WINDOWS || last_start < 0) {
        windows->count = 0;
        return;
    }
    for (int i = 0; i < groups; i++) {
        windows->start[i] = MIN(byte_of(columns, i * group, 0), last_start);
        build_shuffles(columns, i * group, group, windows->start[i],
                       windows->shuffles + (ptrdiff_t)i * PREPROCESS_MAX_WINDOWS * length);
    }
}

static void axis_build(struct preprocess_axis *axis, int count, int pixels, int per_sample, int step)
{
    int source = (pixels + per_sample - 1) / per_sample;
    for (int i = 0; i < count; i++) {
        int first;
        float fraction = locate(i, count, pixels, per_sample, source, &first);
        axis->first[i] = first;
        axis->weights[2 * i + 1] = (int16_t)(fraction * PREPROCESS_ONE + 0.5F);
        axis->weights[2 * i] = (int16_t)(PREPROCESS_ONE - axis->weights[2 * i + 1]);
    }
    const struct columns columns = {axis->first, count, source, step};
    build_windows(&columns, PREPROCESS_FOUR, &axis->fours);
    build_windows(&columns, PREPROCESS_SIXTEEN, &axis->sixteens);
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
static void choose_formula(struct preprocess_channel *red, struct preprocess_channel *green,
                           struct preprocess_channel *blue, bool is_full_range, bool is_bt709)
{
    const float red_weight = is_bt709 ? 0.2126F : 0.299F, blue_weight = is_bt709 ? 0.0722F : 0.114F;
    const float green_weight = 1 - red_weight - blue_weight, gain = is_full_range ? 1.0F : 255.0F / 224.0F;
    red->v = 2 * (1 - red_weight) * gain;
    blue->u = 2 * (1 - blue_weight) * gain;
    green->u = -2 * (1 - blue_weight) * blue_weight / green_weight * gain;
    green->v = -2 * (1 - red_weight) * red_weight / green_weight * gain;
}

/* From factors of samples that begin at 0 (luma) and 128 (chroma) to the one sum that is reckoned. */
static void finish_channel(struct preprocess_channel *channel, double scale, double mean, bool is_full_range)
{
    double luma = is_full_range ? 1 : 255.0 / 219, black = is_full_range ? 0 : 16, middle = 128;
    double offset = (-luma * black - middle * ((double)channel->u + (double)channel->v) - mean) * scale;
    double limits[] = {-mean * scale, (255 - mean) * scale};
    channel->luma = (float)(luma * scale / PREPROCESS_ONE);
    channel->u = (float)((double)channel->u * scale / PREPROCESS_ONE);
    channel->v = (float)((double)channel->v * scale / PREPROCESS_ONE);
    channel->offset = (float)offset;
    channel->least = (float)MIN(limits[0], limits[1]);
    channel->most = (float)MAX(limits[0], limits[1]);
}

struct preprocess_colour preprocess_colour_of(const struct model_card *card, bool is_full_range, bool is_bt709)
{
    const double scale[] = {card->scale_0, card->scale_1, card->scale_2};
    const double mean[] = {card->mean_0, card->mean_1, card->mean_2};
    struct preprocess_colour colour = {.is_rgb = card->channels == MODEL_RGB, .is_grey = card->channels == MODEL_GREY};
    struct preprocess_channel *channels = colour.channels;
    if (!colour.is_grey)
        choose_formula(&channels[colour.is_rgb ? 0 : 2], &channels[1], &channels[colour.is_rgb ? 2 : 0], is_full_range,
                       is_bt709);
    for (int c = 0; c < TENSOR_CHANNELS; c++)
        finish_channel(&channels[c], scale[c], mean[c], is_full_range);
    return colour;
}

static inline float limit(const struct preprocess_channel *channel, float value)
{
    return MIN(MAX(value, channel->least), channel->most);
}

static inline void convert(const struct preprocess_colour *colour, float y, float u, float v, float *out)
{
    const struct preprocess_channel *first = &colour->channels[0], *green = &colour->channels[1],
                                    *last = &colour->channels[2];
    float of_first = colour->is_rgb ? v * first->v : u * first->u, of_last = colour->is_rgb ? u * last->u : v * last->v;
    out[0] = limit(first, (y * first->luma + of_first) + first->offset);
    out[1] = limit(green, ((y * green->luma + u * green->u) + v * green->v) + green->offset);
    out[2] = limit(last, (y * last->luma + of_last) + last->offset);
}

void preprocess_convert(const struct preprocess_colour *colour, float y, float u, float v, float *out)
{
    if (colour->is_grey)
        out[0] = limit(&colour->channels[0], y * colour->channels[0].luma + colour->channels[0].offset);
    else
        convert(colour, y, u, v, out);
}

static inline float blend(const uint8_t *const rows[2], int first, int second, const int16_t *weights, float fraction_y)
{
    float top = (float)(rows[0][first] * weights[0] + rows[0][second] * weights[1]);
    float bottom = (float)(rows[1][first] * weights[0] + rows[1][second] * weights[1]);
    return top + (bottom - top) * fraction_y;
}

static inline float blend_luma(const struct preprocess_row *row, int i)
{
    int first = row->luma_axis->first[i];
    return blend(row->luma, first, MIN(first + 1, row->last_luma), row->luma_axis->weights + (ptrdiff_t)2 * i,
                 row->luma_fraction);
}

void preprocess_row_scalar(const struct preprocess_row *row)
{
    for (int i = 0; i < row->width; i++) {
        float channels[TENSOR_CHANNELS];
        const int16_t *weights = row->chroma_axis->weights + (ptrdiff_t)2 * i;
        int chroma = row->chroma_axis->first[i];
        int here = chroma * row->chroma_step, next = MIN(chroma + 1, row->last_chroma) * row->chroma_step;
        float u = blend(row->u, here, next, weights, row->chroma_fraction);
        float v = blend(row->v, here, next, weights, row->chroma_fraction);
        convert(row->colour, blend_luma(row, i), u, v, channels);
        for (int c = 0; c < TENSOR_CHANNELS; c++)
            row->out[c][i * row->out_step] = channels[c];
    }
}

/* Grey is luma, whichever the weights of the colours are. */
static void row_grey(const struct preprocess_row *row)
{
    for (int i = 0; i < row->width; i++)
        preprocess_convert(row->colour, blend_luma(row, i), 0, 0, &row->out[0][i]);
}

void preprocess_row_rest(const struct preprocess_row *row, int i)
{
    if (i == row->width)
        return;
    struct preprocess_axis luma = {.first = row->luma_axis->first + i,
                                   .weights = row->luma_axis->weights + (ptrdiff_t)2 * i};
    struct preprocess_axis chroma = {.first = row->chroma_axis->first + i,
                                     .weights = row->chroma_axis->weights + (ptrdiff_t)2 * i};
    struct preprocess_row rest = *row;
    rest.luma_axis = &luma;
    rest.chroma_axis = &chroma;
    rest.width -= i;
    for (int c = 0; c < TENSOR_CHANNELS; c++)
        rest.out[c] += i * row->out_step;
    preprocess_row_scalar(&rest);
}

/* ---- which of the twins ---- */

static preprocess_row_function choose_by_fours(void)
{
    static preprocess_row_function (*const table[])(void) = {preprocess_row_avx2, preprocess_row_sse41,
                                                             preprocess_row_neon};
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
        if (table[i]())
            return table[i]();
    return NULL;
}

/* ---- the life of it ---- */

/* What of a card is not text. */
static struct model_card numbers_of(const struct model_card *card)
{
    return (struct model_card){
        .input_width_px = card->input_width_px,
        .input_height_px = card->input_height_px,
        .fit = card->fit,
        .channels = card->channels,
        .mean_0 = card->mean_0,
        .mean_1 = card->mean_1,
        .mean_2 = card->mean_2,
        .scale_0 = card->scale_0,
        .scale_1 = card->scale_1,
        .scale_2 = card->scale_2,
    };
}

struct preprocess *preprocess_new(const struct model_card *card)
{
    const double scale[] = {card->scale_0, card->scale_1, card->scale_2};
    const double mean[] = {card->mean_0, card->mean_1, card->mean_2};
    struct preprocess *preprocess = g_new0(struct preprocess, 1);
    preprocess->card = numbers_of(card);
    preprocess->input_width = card->input_width_px;
    preprocess->input_height = card->input_height_px;
    preprocess->layout = card->layout;
    preprocess->colour = preprocess_colour_of(card, false, false);
    preprocess->channels = preprocess->colour.is_grey ? 1 : TENSOR_CHANNELS;
    for (int c = 0; c < TENSOR_CHANNELS; c++)
        preprocess->pad[c] = (float)((card->pad_value - mean[c]) * scale[c]);
    preprocess->by_sixteens = preprocess_row_avx512();
    preprocess->by_fours = choose_by_fours();
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

void preprocess_forget(struct preprocess *preprocess)
{
    preprocess->is_padded = false;
}

static void prepare(struct preprocess *preprocess, const struct frame *frame)
{
    if (preprocess->is_full_range != frame->is_full_range || preprocess->is_bt709 != frame->is_bt709) {
        preprocess->is_full_range = frame->is_full_range;
        preprocess->is_bt709 = frame->is_bt709;
        preprocess->colour = preprocess_colour_of(&preprocess->card, frame->is_full_range, frame->is_bt709);
    }
    if (preprocess->width_px == frame->width_px && preprocess->height_px == frame->height_px &&
        preprocess->format == frame->format)
        return;
    preprocess->width_px = frame->width_px;
    preprocess->height_px = frame->height_px;
    preprocess->format = frame->format;
    preprocess->box = letterbox_fit(&preprocess->card, frame->width_px, frame->height_px);
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

static preprocess_row_function choose_for(const struct preprocess *preprocess)
{
    const struct preprocess_axis *luma = &preprocess->luma_axis, *chroma = &preprocess->chroma_axis;
    if (preprocess->channels == 1)
        return row_grey;
    if (preprocess->by_sixteens && luma->sixteens.count > 0 && chroma->sixteens.count > 0)
        return preprocess->by_sixteens;
    if (preprocess->by_fours && luma->fours.count > 0 && chroma->fours.count > 0)
        return preprocess->by_fours;
    return preprocess_row_scalar;
}

struct letterbox preprocess_run(struct preprocess *preprocess, const struct frame *frame, float *tensor)
{
    prepare(preprocess, frame);
    if (!preprocess->is_padded)
        pad(preprocess, tensor);
    const struct letterbox *box = &preprocess->box;
    bool is_interleaved = frame->format == FRAME_NV12;
    preprocess_row_function run = choose_for(preprocess);
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
