#include "vision/detector_internal.h"

#include "base/cpu.h"
#include "base/random.h"

#include <math.h>
#include <string.h>

/* A frame whose planes are exactly as long as they must be, so that a read past a row's end is one past the memory's.
 */
struct made_frame {
    struct frame frame;
    uint8_t *planes[3];
};

static void make_frame(struct made_frame *made, int width, int height, enum frame_format format, int slack,
                       struct random *random)
{
    *made = (struct made_frame){.frame = {.width_px = width, .height_px = height, .format = format}};
    for (int plane = 0; plane < (format == FRAME_NV12 ? 2 : 3); plane++) {
        int row_bytes = frame_plane_row_bytes(&made->frame, plane), rows = frame_plane_rows(&made->frame, plane);
        int stride = row_bytes + slack;
        size_t length = (size_t)stride * (size_t)(rows - 1) + (size_t)row_bytes;
        made->planes[plane] = g_malloc(length);
        for (size_t i = 0; i < length; i++)
            made->planes[plane][i] = (uint8_t)random_next(random);
        made->frame.planes[plane] = made->planes[plane];
        made->frame.strides_bytes[plane] = stride;
    }
}

static void clear_frame(struct made_frame *made)
{
    for (int plane = 0; plane < 3; plane++)
        g_free(made->planes[plane]);
}

static struct model_card make_card(int width, int height)
{
    return (struct model_card){.family = MODEL_YOLOX,
                               .input_width_px = width,
                               .input_height_px = height,
                               .layout = MODEL_NCHW,
                               .channels = MODEL_BGR,
                               .fit = MODEL_FIT_TOP_LEFT,
                               .pad_value = 114,
                               .scale_0 = 1,
                               .scale_1 = 1,
                               .scale_2 = 1};
}

static float *make_tensor(const struct model_card *card)
{
    return g_new0(float, (size_t)card->input_width_px *(size_t)card->input_height_px * 3);
}

/* ---- what it computes, against the definition written out ---- */

static double sample(const struct frame *frame, int plane, int offset, double x, double y)
{
    int per_sample = plane == 0 ? 1 : 2, step = plane > 0 && frame->format == FRAME_NV12 ? 2 : 1;
    int columns = (frame->width_px + per_sample - 1) / per_sample, rows = frame_plane_rows(frame, plane);
    x = CLAMP(x / per_sample - 0.5, 0, columns - 1);
    y = CLAMP(y / per_sample - 0.5, 0, rows - 1);
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        int column = MIN((int)x + (i & 1), columns - 1), row = MIN((int)y + i / 2, rows - 1);
        double weight_x = i & 1 ? x - floor(x) : 1 - (x - floor(x)),
               weight_y = i / 2 ? y - floor(y) : 1 - (y - floor(y));
        sum += weight_x * weight_y * frame->planes[plane][row * frame->strides_bytes[plane] + column * step + offset];
    }
    return sum;
}

/* Blue, green, red of the point (x, y) in frame pixels. */
static void colour_at(const struct frame *frame, double x, double y, double bgr[3])
{
    bool is_interleaved = frame->format == FRAME_NV12;
    double luma = sample(frame, 0, 0, x, y), u = sample(frame, 1, 0, x, y) - 128;
    double v = sample(frame, is_interleaved ? 1 : 2, is_interleaved ? 1 : 0, x, y) - 128;
    if (!frame->is_full_range) {
        luma = (luma - 16) * 255 / 219;
        u = u * 255 / 224;
        v = v * 255 / 224;
    }
    /* blue by u, green by u and v, red by v: ITU-R BT.601 and BT.709 (here as ISO/IEC 13818-2 table 6-9 gives them) */
    static const double formulas[][4] = {{1.772, -0.344136, -0.714136, 1.402}, {1.8556, -0.187324, -0.468124, 1.5748}};
    const double *by = formulas[frame->is_bt709];
    bgr[0] = CLAMP(luma + by[0] * u, 0, 255);
    bgr[1] = CLAMP(luma + by[1] * u + by[2] * v, 0, 255);
    bgr[2] = CLAMP(luma + by[3] * v, 0, 255);
}

struct shape {
    int width, height, input_width, input_height;
};
static const struct shape shapes[] = {{1920, 1080, 416, 416}, {640, 425, 416, 416}, {333, 187, 192, 96}, {9, 7, 32, 64},
                                      {8, 8, 33, 33},         {7, 5, 32, 32},       {1, 1, 32, 32},      {2, 3, 16, 16},
                                      {64, 48, 64, 48},       {17, 240, 96, 160}};

static void check_pixel(const struct frame *frame, const struct model_card *card, const struct letterbox *box,
                        const float *tensor, int x, int y)
{
    const double scale[] = {card->scale_0, card->scale_1, card->scale_2},
                 mean[] = {card->mean_0, card->mean_1, card->mean_2};
    double bgr[3] = {card->pad_value, card->pad_value, card->pad_value};
    bool is_inside = x >= box->left && x < box->left + box->width && y >= box->top && y < box->top + box->height;
    if (is_inside)
        colour_at(frame, (x - box->left + 0.5) * frame->width_px / box->width,
                  (y - box->top + 0.5) * frame->height_px / box->height, bgr);
    for (int c = 0; c < 3; c++) {
        size_t pixel = (size_t)y * (size_t)card->input_width_px + (size_t)x;
        size_t plane = (size_t)card->input_width_px * (size_t)card->input_height_px;
        float found = card->layout == MODEL_NHWC ? tensor[pixel * 3 + (size_t)c] : tensor[(size_t)c * plane + pixel];
        double value = bgr[card->channels == MODEL_RGB ? 2 - c : c];
        g_assert_cmpfloat_with_epsilon(found, (value - mean[c]) * scale[c], 0.02 * fabs(scale[c]));
    }
}

static void test_every_pixel_is_what_the_definition_says(void)
{
    struct random random;
    random_init(&random, 7);
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        for (int variant = 0; variant < 12; variant++) {
            struct model_card card = make_card(shapes[i].input_width, shapes[i].input_height);
            struct made_frame made;
            card.layout = variant & 1 ? MODEL_NHWC : MODEL_NCHW;
            card.channels = variant & 2 ? MODEL_RGB : MODEL_BGR;
            card.fit = (enum model_fit)(1 + variant % 3);
            card.mean_1 = 103.5;
            card.scale_1 = 1 / 57.0;
            make_frame(&made, shapes[i].width, shapes[i].height, variant & 4 ? FRAME_NV12 : FRAME_I420, variant,
                       &random);
            made.frame.is_full_range = variant >= 6;
            made.frame.is_bt709 = variant % 5 > 2;
            CLEANUP(preprocess) struct preprocess *preprocess = preprocess_new(&card);
            g_autofree float *tensor = make_tensor(&card);
            struct letterbox box = preprocess_run(preprocess, &made.frame, tensor);
            for (int y = 0; y < card.input_height_px; y += y % 7 + 1)
                for (int x = 0; x < card.input_width_px; x += x % 5 + 1)
                    check_pixel(&made.frame, &card, &box, tensor, x, y);
            clear_frame(&made);
        }
}

/* ---- all forms ---- */

/* By the fastest form of a set of instructions. */
static float *preprocess_by(unsigned features, const struct model_card *card, const struct frame *frame)
{
    float *tensor = make_tensor(card);
    cpu_limit(features);
    CLEANUP(preprocess) struct preprocess *preprocess = preprocess_new(card);
    cpu_limit(~0U);
    preprocess_run(preprocess, frame, tensor);
    return tensor;
}

static void test_simd_gives_the_same_bits_as_scalar(void)
{
    struct random random;
    random_init(&random, 11);
    for (int round = 0; round < 60; round++) {
        struct model_card card = make_card((int)random_range(&random, 16, 200), (int)random_range(&random, 16, 60));
        struct made_frame made;
        card.layout = round % 3 == 0 ? MODEL_NHWC : MODEL_NCHW;
        card.fit = (enum model_fit)(1 + round % 3);
        card.scale_2 = 0.017;
        card.mean_0 = 3.25;
        make_frame(&made, (int)random_range(&random, 1, round % 4 ? 700 : 2500), (int)random_range(&random, 1, 300),
                   round % 2 ? FRAME_NV12 : FRAME_I420, (int)random_range(&random, 0, 37), &random);
        made.frame.is_full_range = round % 5 == 0;
        made.frame.is_bt709 = round % 7 == 0;
        size_t bytes = (size_t)card.input_width_px * (size_t)card.input_height_px * 3 * sizeof(float);
        const struct cpu_set *portable = cpu_next_set(NULL);
        g_autofree float *expected = preprocess_by(portable->features, &card, &made.frame);
        for (const struct cpu_set *set = portable; (set = cpu_next_set(set));) {
            g_autofree float *found = preprocess_by(set->features, &card, &made.frame);
            g_test_message("%s, %d x %d into %d x %d", set->name, made.frame.width_px, made.frame.height_px,
                           card.input_width_px, card.input_height_px);
            g_assert_cmpmem(found, bytes, expected, bytes);
        }
        clear_frame(&made);
    }
}

/* A part of a frame gives what a frame cut out of it gives, whatever the corners. */
static void test_a_view_is_a_frame_of_its_own(void)
{
    struct random random;
    random_init(&random, 5);
    for (int round = 0; round < 20; round++) {
        struct model_card card = make_card(48, 32);
        struct made_frame made;
        make_frame(&made, 101, 67, round % 2 ? FRAME_NV12 : FRAME_I420, 3, &random);
        const struct record_box region = {(double)random_range(&random, -20, 90) / 100,
                                          (double)random_range(&random, -20, 90) / 100, 0.3, 0.4};
        const struct frame view = frame_view(&made.frame, &region);
        const struct record_box box = frame_view_box(&made.frame, &region);
        g_assert_cmpint(view.width_px, >=, 1);
        g_assert_cmpint(view.height_px, >=, 1);
        /* its first pixel is the frame's there, of luma and chroma */
        int left = (int)(box.x * 101 + 0.5), top = (int)(box.y * 67 + 0.5);
        g_assert_cmpint(left % 2 + top % 2, ==, 0);
        g_assert_cmpint(left + view.width_px, <=, 101);
        g_assert_cmpint(top + view.height_px, <=, 67);
        g_assert_true(view.planes[0] == made.frame.planes[0] + top * made.frame.strides_bytes[0] + left);
        g_assert_true(view.planes[1] ==
                      made.frame.planes[1] + top / 2 * made.frame.strides_bytes[1] + (round % 2 ? left : left / 2));
        g_autofree float *tensor = make_tensor(&card);
        CLEANUP(preprocess) struct preprocess *preprocess = preprocess_new(&card);
        preprocess_run(preprocess, &view, tensor);
        clear_frame(&made);
    }
}

/* ---- letterbox ---- */

static void test_letterbox_keeps_the_shape(void)
{
    struct model_card card = make_card(416, 416);
    struct letterbox box = letterbox_fit(&card, 1920, 1080);
    g_assert_cmpint(box.width, ==, 416);
    g_assert_cmpint(box.height, ==, 234);
    g_assert_cmpint(box.left + box.top, ==, 0);
    card.fit = MODEL_FIT_CENTRE;
    box = letterbox_fit(&card, 1080, 1920);
    g_assert_cmpint(box.left, ==, 91);
    g_assert_cmpint(box.top, ==, 0);
    card.fit = MODEL_FIT_STRETCH;
    box = letterbox_fit(&card, 1080, 1920);
    g_assert_cmpint(box.width, ==, 416);
    g_assert_cmpint(box.height, ==, 416);
    card.fit = MODEL_FIT_TOP_LEFT;
    box = letterbox_fit(&card, 1, 10000);
    g_assert_cmpint(box.width, ==, 1);
}

/* A camera that changes its size must not leave the old picture beside the new one. */
static void test_a_change_of_size_pads_again(void)
{
    struct random random;
    struct made_frame wide, tall;
    struct model_card card = make_card(64, 64);
    random_init(&random, 5);
    make_frame(&wide, 128, 32, FRAME_NV12, 0, &random);
    make_frame(&tall, 32, 128, FRAME_NV12, 0, &random);
    CLEANUP(preprocess) struct preprocess *preprocess = preprocess_new(&card);
    g_autofree float *tensor = make_tensor(&card);
    preprocess_run(preprocess, &wide.frame, tensor);
    struct letterbox box = preprocess_run(preprocess, &tall.frame, tensor);
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 64; x++)
            check_pixel(&tall.frame, &card, &box, tensor, x, y);
    clear_frame(&wide);
    clear_frame(&tall);
}

/* The primaries as JPEG's own tables have them. */
static void test_colours_come_out_as_they_went_in(void)
{
    static const struct {
        uint8_t y, u, v;
        float bgr[3];
    } colours[] = {{76, 85, 255, {0, 0, 254}},
                   {150, 44, 21, {1, 255, 0}},
                   {29, 255, 107, {254, 0, 0}},
                   {128, 128, 128, {128, 128, 128}}};
    struct model_card card = make_card(16, 16);
    for (size_t i = 0; i < G_N_ELEMENTS(colours); i++) {
        CLEANUP(frame) struct frame *frame = frame_new_allocated(20, 20);
        const uint8_t values[] = {colours[i].y, colours[i].u, colours[i].v};
        for (int plane = 0; plane < 3; plane++)
            memset(frame_plane(frame, plane), values[plane],
                   (size_t)frame->strides_bytes[plane] * (size_t)frame_plane_rows(frame, plane));
        frame->is_full_range = true;
        CLEANUP(preprocess) struct preprocess *preprocess = preprocess_new(&card);
        g_autofree float *tensor = make_tensor(&card);
        preprocess_run(preprocess, frame, tensor);
        for (int c = 0; c < 3; c++)
            g_assert_cmpfloat_with_epsilon(tensor[c * 256 + 100], colours[i].bgr[c], 1.5);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/preprocess/every pixel is what the definition says",
                    test_every_pixel_is_what_the_definition_says);
    g_test_add_func("/preprocess/simd gives the same bits as scalar", test_simd_gives_the_same_bits_as_scalar);
    g_test_add_func("/preprocess/a view is a frame of its own", test_a_view_is_a_frame_of_its_own);
    g_test_add_func("/preprocess/letterbox keeps the shape", test_letterbox_keeps_the_shape);
    g_test_add_func("/preprocess/a change of size pads again", test_a_change_of_size_pads_again);
    g_test_add_func("/preprocess/colours come out as they went in", test_colours_come_out_as_they_went_in);
    return g_test_run();
}
