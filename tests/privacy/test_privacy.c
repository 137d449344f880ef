#include "privacy/privacy.h"

#include "base/random.h"

#include <math.h>
#include <string.h>
#include <turbojpeg.h>

/* A frame of pure noise: any pixel that survives would be seen. */
static struct frame *noise_frame(int width, int height, enum frame_format format)
{
    struct random random;
    struct frame template = {.width_px = width, .height_px = height, .format = format, .is_full_range = true};
    random_init(&random, 3);
    int planes = format == FRAME_NV12 ? 2 : 3;
    size_t offsets[4] = {0};
    for (int plane = 0; plane < planes; plane++) {
        template.strides_bytes[plane] = frame_plane_row_bytes(&template, plane) + 5;
        offsets[plane + 1] =
            offsets[plane] + (size_t) template.strides_bytes[plane] * (size_t)frame_plane_rows(&template, plane);
    }
    uint8_t *bytes = g_malloc(offsets[planes]);
    for (size_t i = 0; i < offsets[planes]; i++)
        bytes[i] = (uint8_t)random_next(&random);
    for (int plane = 0; plane < planes; plane++)
        template.planes[plane] = bytes + offsets[plane];
    return frame_new(&template, g_free, bytes);
}

struct picture {
    int widths[3], heights[3];
    uint8_t *planes[3];
};

static void picture_clear(struct picture *picture)
{
    for (int i = 0; i < 3; i++)
        g_free(picture->planes[i]);
}

/* What someone who gets the JPEG sees. */
static struct picture encode_wide(const struct frame *frame, const struct privacy_request *request, int width_px)
{
    CLEANUP(privacy_encoder) struct privacy_encoder *encoder = privacy_encoder_new(width_px, 95);
    g_autoptr(GBytes) jpeg = privacy_encode_jpeg(encoder, frame, request, NULL);
    struct picture picture;
    int width, height, subsampling, colours;
    tjhandle decoder = tjInitDecompress();
    g_assert_nonnull(jpeg);
    gsize size;
    const void *data = g_bytes_get_data(jpeg, &size);
    g_assert_cmpint(tjDecompressHeader3(decoder, data, size, &width, &height, &subsampling, &colours), ==, 0);
    for (int i = 0; i < 3; i++) {
        picture.widths[i] = tjPlaneWidth(i, width, subsampling);
        picture.heights[i] = tjPlaneHeight(i, height, subsampling);
        picture.planes[i] = g_malloc((gsize)picture.widths[i] * (gsize)picture.heights[i]);
    }
    g_assert_cmpint(tjDecompressToYUVPlanes(decoder, data, size, picture.planes, width, picture.widths, height, 0), ==,
                    0);
    tjDestroy(decoder);
    return picture;
}

static struct picture encode(const struct frame *frame, const struct privacy_request *request)
{
    return encode_wide(frame, request, 640);
}

/* Mean difference between neighbours inside a box (0..1) of the roughest plane: noise has some 85, a mosaic almost
 * none. */
static double roughness(const struct picture *picture, double x, double y, double w, double h)
{
    double worst = 0;
    for (int plane = 0; plane < 3; plane++) {
        int width = picture->widths[plane], height = picture->heights[plane], count = 0;
        double sum = 0;
        for (int j = (int)ceil(y * height); j < (int)((y + h) * height); j++)
            for (int i = (int)ceil(x * width); i + 1 < (int)((x + w) * width); i++, count++)
                sum += abs(picture->planes[plane][j * width + i] - picture->planes[plane][j * width + i + 1]);
        worst = MAX(worst, sum / MAX(count, 1));
    }
    return worst;
}

/* In a strip of a few pixels the border between two cells weighs more. */
enum { ROUGH = 40, FLAT = 12, FLAT_STRIP = 25 };

static const enum frame_format formats[] = {FRAME_NV12, FRAME_I420};

static void test_figures_are_hidden_and_the_rest_is_not(void)
{
    static const int sizes[][2] = {{640, 360}, {641, 361}, {333, 187}};
    const struct privacy_figure figure = {.box = {0.3, 0.2, 0.2, 0.6}};
    const struct privacy_request request = {.figures = &figure, .figure_count = 1};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes) * G_N_ELEMENTS(formats); i++) {
        CLEANUP(frame) struct frame *frame = noise_frame(sizes[i / 2][0], sizes[i / 2][1], formats[i % 2]);
        struct picture picture = encode(frame, &request);
        g_assert_cmpfloat(roughness(&picture, 0.3, 0.2, 0.2, 0.6), <, FLAT);
        g_assert_cmpfloat(roughness(&picture, 0.7, 0.1, 0.2, 0.6), >, ROUGH);
        picture_clear(&picture);
    }
}

/* From dark to bright across the box and down it, so that each cell differs from its neighbours. */
static struct frame *ramp_frame(const struct record_box *box)
{
    enum { WIDE_PX = 1280, HIGH_PX = 720, HALF = 120 };
    struct frame *frame = frame_new_allocated(WIDE_PX, HIGH_PX);
    frame->is_full_range = true;
    for (int y = 0; y < HIGH_PX; y++)
        for (int x = 0; x < WIDE_PX; x++) {
            double across = ((double)x / WIDE_PX - box->x) / box->w, down = ((double)y / HIGH_PX - box->y) / box->h;
            frame_plane(frame, 0)[y * frame->strides_bytes[0] + x] =
                (uint8_t)(HALF * (CLAMP(across, 0, 1) + CLAMP(down, 0, 1)));
        }
    for (int plane = 1; plane < 3; plane++)
        memset(frame_plane(frame, plane), 128,
               (size_t)frame->strides_bytes[plane] * (size_t)frame_plane_rows(frame, plane));
    return frame;
}

/* How many different cells are left of a line of `count` pixels that are `step` bytes apart. */
static int count_cells(const uint8_t *first, int count, int step)
{
    enum { STEP = 5 }; /* levels: more than what JPEG adds */
    int cells = 1, run = 0;
    for (int i = 1; i < count; i++, run++)
        if (run > 2 && abs(first[(ptrdiff_t)i * step] - first[(ptrdiff_t)(i - 1) * step]) > STEP) {
            cells++;
            run = 0;
        }
    return cells;
}

/* Of a figure from side to side, or from top to bottom. */
static int cells_left(const struct privacy_figure *figure, int cells_a_side, bool is_upright)
{
    CLEANUP(frame) struct frame *frame = ramp_frame(&figure->box);
    const struct privacy_request request = {.figures = figure, .figure_count = 1, .cells_a_side = cells_a_side};
    const struct record_box *box = &figure->box;
    struct picture picture = encode_wide(frame, &request, 1280);
    int width = picture.widths[0], height = picture.heights[0], step = is_upright ? width : 1;
    int left = (int)((is_upright ? box->x + box->w / 2 : box->x) * width);
    int top = (int)((is_upright ? box->y : box->y + box->h / 2) * height);
    int cells = count_cells(picture.planes[0] + (ptrdiff_t)top * width + left,
                            (int)(is_upright ? box->h * height : box->w * width), step);
    picture_clear(&picture);
    return cells;
}

/* However large it is. */
static void test_no_face_is_left_of_a_figure_of_any_size(void)
{
    static const double widths[] = {0.02, 0.1, 0.3, 0.6, 1};
    for (size_t i = 0; i < G_N_ELEMENTS(widths); i++) {
        const struct privacy_figure figure = {.box = {0.5 - widths[i] / 2, 0.1, widths[i], 0.8}};
        g_assert_cmpint(cells_left(&figure, 0, false), <=, 8 * MAX(widths[i] / 0.8 * 1280 / 720, 1) + 2);
    }
}

/* ... where the figure is the face, or a plate, and whatever strength is asked for. */
static void test_no_face_is_left_where_the_box_is_one(void)
{
    static const double widths[] = {0.012, 0.017, 0.05, 0.1, 0.13, 0.24, 0.5};
    for (size_t i = 0; i < G_N_ELEMENTS(widths); i++) {
        const struct record_box upright = {0.25, 0.1, widths[i], widths[i] * 1280 / 720};
        const struct record_box plate = {0.3, 0.3, widths[i], widths[i] / 4 * 1280 / 720};
        const struct privacy_figure face = {.box = upright, .may_be_face = true};
        const struct privacy_figure text = {.box = plate, .may_be_face = true};
        g_assert_cmpint(cells_left(&face, 10, false), <=, 3);
        g_assert_cmpint(cells_left(&face, 10, true), <=, 3);
        g_assert_cmpint(cells_left(&text, 10, true), <=, 3);
    }
}

static void test_strength_says_how_coarse(void)
{
    g_assert_cmpint(privacy_cells_a_side(0.8), ==, PRIVACY_CELLS_A_SIDE);
    g_assert_cmpint(privacy_cells_a_side(0), >, privacy_cells_a_side(0.5));
    g_assert_cmpint(privacy_cells_a_side(0.5), >, privacy_cells_a_side(1));
    g_assert_cmpint(privacy_cells_a_side(-7), <=, 10);
    g_assert_cmpint(privacy_cells_a_side(7), >=, 5);
}

static void test_what_is_not_known_hides_everything(void)
{
    static const struct record_box bad[] = {{NAN, 0.2, 0.2, 0.6},
                                            {0.2, INFINITY, 0.2, 0.6},
                                            {0.2, 0.2, -0.2, 0.6},
                                            {0.2, 0.2, 0.2, 1e9},
                                            {0.2, 0.2, 0.2, NAN}};
    CLEANUP(frame) struct frame *frame = noise_frame(321, 243, FRAME_NV12);
    for (size_t i = 0; i <= G_N_ELEMENTS(bad); i++) {
        const struct privacy_figure figure = {.box = bad[MIN(i, G_N_ELEMENTS(bad) - 1)]};
        struct privacy_request request = {.hide_all = true};
        if (i < G_N_ELEMENTS(bad))
            request = (struct privacy_request){.figures = &figure, .figure_count = 1};
        struct picture picture = encode(frame, &request);
        g_assert_cmpfloat(roughness(&picture, 0, 0, 1, 1), <, FLAT);
        picture_clear(&picture);
    }
}

static void test_boxes_past_the_edge_are_hidden_inside_it(void)
{
    CLEANUP(frame) struct frame *frame = noise_frame(640, 360, FRAME_I420);
    const struct privacy_figure figures[] = {
        {.box = {-0.5, -0.5, 0.7, 0.8}}, {.box = {0.9, 0.8, 3, 3}}, {.box = {5, 5, 1, 1}}};
    const struct privacy_request request = {.figures = figures, .figure_count = 3};
    struct picture picture = encode(frame, &request);
    g_assert_cmpfloat(roughness(&picture, 0, 0, 0.19, 0.29), <, FLAT);
    g_assert_cmpfloat(roughness(&picture, 0.91, 0.81, 0.09, 0.19), <, FLAT);
    picture_clear(&picture);
}

/* Masks finer and coarser than the picture's cells. */
static void test_what_moves_is_hidden_without_a_box(void)
{
    static const int sizes[][3] = {{32, 18, 640}, {320, 180, 640}, {7, 5, 640}, {31, 19, 1280}};
    CLEANUP(frame) struct frame *frame = noise_frame(1280, 720, FRAME_I420);
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        int width = sizes[i][0], height = sizes[i][1];
        g_autofree uint8_t *moving = g_malloc0((gsize)width * (gsize)height);
        int x0 = width * 2 / 5, x1 = width * 3 / 5, y0 = height / 4, y1 = height * 3 / 4;
        for (int y = y0; y < y1; y++)
            memset(moving + y * width + x0, 255, (size_t)(x1 - x0));
        const struct privacy_request request = {
            .foreground = moving, .foreground_width_px = width, .foreground_height_px = height};
        struct picture picture = encode_wide(frame, &request, sizes[i][2]);
        g_assert_cmpfloat(roughness(&picture, (double)x0 / width, (double)y0 / height, (double)(x1 - x0) / width,
                                    (double)(y1 - y0) / height),
                          <, FLAT);
        g_assert_cmpfloat(roughness(&picture, 0.8, 0, 0.2, 0.9), >, ROUGH / 2);
        picture_clear(&picture);
    }
}

/* Every edge and corner of a single moving pixel of a coarse mask. */
static void test_a_moving_pixel_is_hidden_to_its_edges(void)
{
    enum { MASK = 13 };
    CLEANUP(frame) struct frame *frame = noise_frame(640, 480, FRAME_NV12);
    for (int i = 0; i < MASK * MASK; i += 5) {
        uint8_t moving[MASK * MASK] = {0};
        moving[i] = 255;
        const struct privacy_request request = {
            .foreground = moving, .foreground_width_px = MASK, .foreground_height_px = MASK};
        struct picture picture = encode(frame, &request);
        double x = i % MASK / (double)MASK, y = (double)(i / MASK) / MASK, side = 1.0 / MASK, edge = side / 10;
        g_assert_cmpfloat(roughness(&picture, x, y, edge, side), <, FLAT_STRIP);
        g_assert_cmpfloat(roughness(&picture, x + side - edge, y, edge, side), <, FLAT_STRIP);
        g_assert_cmpfloat(roughness(&picture, x, y, side, edge), <, FLAT_STRIP);
        g_assert_cmpfloat(roughness(&picture, x, y + side - edge, side, edge), <, FLAT_STRIP);
        picture_clear(&picture);
    }
}

/* Sizes may change under an encoder, and be odd and small; what has no chroma of its own is refused. */
static void test_any_size_is_encoded(void)
{
    static const int sizes[][2] = {{2, 2}, {3, 3}, {3, 700}, {1920, 1080}, {17, 5}, {64, 64}, {2, 900}, {900, 2}};
    CLEANUP(privacy_encoder) struct privacy_encoder *encoder = privacy_encoder_new(640, 75);
    const struct privacy_figure figure = {.box = {0.25, 0.25, 0.5, 0.5}};
    const struct privacy_request request = {.figures = &figure, .figure_count = 1};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes) * G_N_ELEMENTS(formats); i++) {
        CLEANUP(frame) struct frame *frame = noise_frame(sizes[i / 2][0], sizes[i / 2][1], formats[i % 2]);
        g_autoptr(GError) error = NULL;
        g_autoptr(GBytes) jpeg = privacy_encode_jpeg(encoder, frame, &request, &error);
        g_assert_no_error(error);
        g_assert_nonnull(jpeg);
    }
    CLEANUP(frame) struct frame *speck = noise_frame(1, 1, FRAME_NV12);
    g_autoptr(GError) error = NULL;
    g_assert_null(privacy_encode_jpeg(encoder, speck, &request, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
}

/* Reduction takes the mean: a picture of stripes finer than a pixel turns grey rather than into other stripes. */
static void test_reducing_takes_the_mean(void)
{
    CLEANUP(frame) struct frame *frame = frame_new_allocated(1280, 720);
    frame->is_full_range = true;
    for (int y = 0; y < 720; y++)
        for (int x = 0; x < 1280; x++)
            frame_plane(frame, 0)[y * frame->strides_bytes[0] + x] = x % 2 ? 200 : 100;
    for (int plane = 1; plane < 3; plane++)
        memset(frame_plane(frame, plane), 128, (size_t)frame->strides_bytes[plane] * 360);
    const struct privacy_request request = {.figure_count = 0};
    struct picture picture = encode(frame, &request);
    for (int i = 0; i < picture.widths[0] * picture.heights[0]; i += 97)
        g_assert_cmpint(abs(picture.planes[0][i] - 150), <=, 2);
    picture_clear(&picture);
}

static uint8_t luma_at(const struct picture *picture, double x, double y)
{
    int column = (int)(x * picture->widths[0]), row = (int)(y * picture->heights[0]);
    return picture->planes[0][row * picture->widths[0] + column];
}

/* Boxes are drawn over what is hidden, and show nothing of it; one that is no box is not drawn. */
static void test_outlines(void)
{
    CLEANUP(frame) struct frame *frame = noise_frame(640, 480, FRAME_I420);
    const struct record_box boxes[] = {{0.25, 0.25, 0.5, 0.5}, {NAN, 0, 1, 1}, {0.9, 0.9, 5, 5}};
    const struct privacy_request request = {.hide_all = true, .outlines = boxes, .outline_count = G_N_ELEMENTS(boxes)};
    struct picture picture = encode(frame, &request);
    uint8_t inside = luma_at(&picture, 0.5, 0.5);
    g_assert_cmpint(abs(luma_at(&picture, 0.5, 0.2505) - 150), <, 12);
    g_assert_cmpint(abs(luma_at(&picture, 0.2505, 0.5) - 150), <, 12);
    g_assert_cmpint(abs(inside - 128), <, 15);
    g_assert_cmpfloat(roughness(&picture, 0.3, 0.3, 0.4, 0.4), <, 5);
    picture_clear(&picture);
}

/* Whatever else is hidden or not, in each size and format: one colour, to the mask's edges, and no further than a cell.
 */
static void test_masks_are_painted_over(void)
{
    static const int sizes[][2] = {{640, 360}, {641, 361}, {333, 187}};
    struct record_point corners[] = {{0.31, 0.22}, {0.58, 0.22}, {0.58, 0.83}, {0.31, 0.83}};
    const struct record_points mask = {corners, G_N_ELEMENTS(corners)};
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(sizes) * G_N_ELEMENTS(formats); i++) {
        CLEANUP(frame) struct frame *frame = noise_frame(sizes[i / 4][0], sizes[i / 4][1], formats[i % 2]);
        const struct privacy_request request = {.masks = &mask, .mask_count = 1, .hide_all = i / 2 % 2};
        struct picture picture = encode(frame, &request);
        g_assert_cmpfloat(roughness(&picture, 0.31, 0.22, 0.27, 0.61), <, 3);
        g_assert_cmpint(abs(luma_at(&picture, 0.45, 0.5) - 48), <, 4);
        if (!request.hide_all)
            g_assert_cmpfloat(roughness(&picture, 0.63, 0.22, 0.3, 0.6), >, ROUGH);
        picture_clear(&picture);
    }
}

/* Thinner than a pixel, and with a notch: all that it touches is painted, and what lies in the notch is not. */
static void test_masks_of_any_shape_are_painted_over(void)
{
    struct record_point sliver[] = {{0.1, 0.101}, {0.9, 0.9}, {0.9, 0.9005}};
    struct record_point notched[] = {{0.5, 0.05}, {0.95, 0.05}, {0.95, 0.45}, {0.9, 0.45}, {0.9, 0.1}, {0.5, 0.1}};
    const struct record_points masks[] = {{sliver, G_N_ELEMENTS(sliver)}, {notched, G_N_ELEMENTS(notched)}};
    CLEANUP(frame) struct frame *frame = noise_frame(640, 360, FRAME_I420);
    const struct privacy_request request = {.masks = masks, .mask_count = G_N_ELEMENTS(masks)};
    struct picture picture = encode(frame, &request);
    for (double along = 0.11; along < 0.9; along += 0.01)
        g_assert_cmpint(abs(luma_at(&picture, along, along) - 48), <, 40); /* JPEG rings beside noise */
    g_assert_cmpfloat(roughness(&picture, 0.905, 0.06, 0.04, 0.38), <, FLAT_STRIP);
    g_assert_cmpfloat(roughness(&picture, 0.6, 0.15, 0.28, 0.25), >, ROUGH);
    picture_clear(&picture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/privacy/figures are hidden and the rest is not", test_figures_are_hidden_and_the_rest_is_not);
    g_test_add_func("/privacy/no face is left of a figure of any size", test_no_face_is_left_of_a_figure_of_any_size);
    g_test_add_func("/privacy/no face is left where the box is one", test_no_face_is_left_where_the_box_is_one);
    g_test_add_func("/privacy/what is not known hides everything", test_what_is_not_known_hides_everything);
    g_test_add_func("/privacy/boxes past the edge are hidden inside it", test_boxes_past_the_edge_are_hidden_inside_it);
    g_test_add_func("/privacy/what moves is hidden without a box", test_what_moves_is_hidden_without_a_box);
    g_test_add_func("/privacy/a moving pixel is hidden to its edges", test_a_moving_pixel_is_hidden_to_its_edges);
    g_test_add_func("/privacy/any size is encoded", test_any_size_is_encoded);
    g_test_add_func("/privacy/reducing takes the mean", test_reducing_takes_the_mean);
    g_test_add_func("/privacy/strength says how coarse", test_strength_says_how_coarse);
    g_test_add_func("/privacy/outlines", test_outlines);
    g_test_add_func("/privacy/masks are painted over", test_masks_are_painted_over);
    g_test_add_func("/privacy/masks of any shape are painted over", test_masks_of_any_shape_are_painted_over);
    return g_test_run();
}
