#include "privacy/privacy.h"

#include "base/random.h"

#include <math.h>
#include <string.h>
#include <turbojpeg.h>

/* A frame of pure noise: any pixel that survives would be seen. */
static struct frame *noise_frame(int width, int height)
{
    struct random random;
    struct frame *frame = frame_new_allocated(width, height);
    random_init(&random, 3);
    frame->is_full_range = true;
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < frame_plane_rows(frame, plane); y++)
            for (int x = 0; x < frame_plane_row_bytes(frame, plane); x++)
                frame_plane(frame, plane)[y * frame->strides_bytes[plane] + x] = (uint8_t)random_next(&random);
    return frame;
}

struct picture {
    int width, height;
    uint8_t *luma;
};

static struct picture encode(const struct frame *frame, const struct privacy_request *request)
{
    CLEANUP(privacy_encoder) struct privacy_encoder *encoder = privacy_encoder_new(640, 95);
    g_autoptr(GBytes) jpeg = privacy_encode_jpeg(encoder, frame, request, NULL);
    struct picture picture;
    int subsampling, colours;
    tjhandle decoder = tjInitDecompress();
    g_assert_nonnull(jpeg);
    gsize size;
    const void *data = g_bytes_get_data(jpeg, &size);
    g_assert_cmpint(tjDecompressHeader3(decoder, data, size, &picture.width, &picture.height, &subsampling, &colours),
                    ==, 0);
    picture.luma = g_malloc((gsize)picture.width * (gsize)picture.height);
    g_assert_cmpint(tjDecompress2(decoder, data, size, picture.luma, picture.width, 0, picture.height, TJPF_GRAY, 0),
                    ==, 0);
    tjDestroy(decoder);
    return picture;
}

/* Mean difference between neighbours inside a box (0..1): noise has some 85, a mosaic almost none. */
static double roughness(const struct picture *picture, double x, double y, double w, double h)
{
    double sum = 0;
    int count = 0;
    for (int j = (int)(y * picture->height); j < (int)((y + h) * picture->height); j++)
        for (int i = (int)(x * picture->width); i + 1 < (int)((x + w) * picture->width); i++, count++)
            sum += abs(picture->luma[j * picture->width + i] - picture->luma[j * picture->width + i + 1]);
    return sum / count;
}

enum { ROUGH = 40, FLAT = 12 };

static void test_figures_are_hidden_and_the_rest_is_not(void)
{
    CLEANUP(frame) struct frame *frame = noise_frame(640, 360);
    const struct record_box figure = {0.3, 0.2, 0.2, 0.6};
    const struct privacy_request request = {.figures = &figure, .figure_count = 1};
    struct picture picture = encode(frame, &request);
    g_assert_cmpfloat(roughness(&picture, 0.3, 0.2, 0.2, 0.6), <, FLAT);
    g_assert_cmpfloat(roughness(&picture, 0.7, 0.1, 0.2, 0.6), >, ROUGH);
    g_free(picture.luma);
}

static void test_what_is_not_known_hides_everything(void)
{
    CLEANUP(frame) struct frame *frame = noise_frame(321, 243);
    const struct record_box bad = {NAN, 0.2, 0.2, 0.6};
    const struct privacy_request requests[] = {{.hide_all = true}, {.figures = &bad, .figure_count = 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
        struct picture picture = encode(frame, &requests[i]);
        g_assert_cmpfloat(roughness(&picture, 0, 0, 1, 1), <, FLAT);
        g_free(picture.luma);
    }
}

static void test_boxes_past_the_edge_are_hidden_inside_it(void)
{
    CLEANUP(frame) struct frame *frame = noise_frame(640, 360);
    const struct record_box figures[] = {{-0.5, -0.5, 0.7, 0.8}, {0.9, 0.8, 3, 3}, {5, 5, 1, 1}};
    const struct privacy_request request = {.figures = figures, .figure_count = 3};
    struct picture picture = encode(frame, &request);
    g_assert_cmpfloat(roughness(&picture, 0, 0, 0.19, 0.29), <, FLAT);
    g_assert_cmpfloat(roughness(&picture, 0.91, 0.81, 0.09, 0.19), <, FLAT);
    g_free(picture.luma);
}

static void test_what_moves_is_hidden_without_a_box(void)
{
    CLEANUP(frame) struct frame *frame = noise_frame(640, 360);
    uint8_t moving[32 * 18] = {0};
    for (int y = 4; y < 14; y++)
        memset(moving + y * 32 + 10, 255, 5);
    const struct privacy_request request = {
        .foreground = moving, .foreground_width_px = 32, .foreground_height_px = 18};
    struct picture picture = encode(frame, &request);
    g_assert_cmpfloat(roughness(&picture, 10 / 32.0, 4 / 18.0, 5 / 32.0, 10 / 18.0), <, FLAT);
    g_assert_cmpfloat(roughness(&picture, 0.75, 0, 0.2, 0.9), >, ROUGH);
    g_free(picture.luma);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/privacy/figures are hidden and the rest is not", test_figures_are_hidden_and_the_rest_is_not);
    g_test_add_func("/privacy/what is not known hides everything", test_what_is_not_known_hides_everything);
    g_test_add_func("/privacy/boxes past the edge are hidden inside it", test_boxes_past_the_edge_are_hidden_inside_it);
    g_test_add_func("/privacy/what moves is hidden without a box", test_what_moves_is_hidden_without_a_box);
    return g_test_run();
}
