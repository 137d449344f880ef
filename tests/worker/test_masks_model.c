/* Masks with a model that always finds somebody at one place: nobody stands in a privacy mask, and who does is hidden
 * all the same; in a motion mask the model's word counts. */
#include "../vision/onnx_model.h"
#include "masks_world.h"

#include "privacy/privacy.h"
#include "worker/pictures.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* 32 x 32 pixels, one label: 16 + 4 + 1 rows of 6. A frame of 16:9 is the input's upper 18 rows. */
enum { TINY_PX = 32, TINY_ROWS = 21, TINY_COLUMNS = 6, FIRST_OF_COARSEST = 20 };

static const char card[] = "{\"name\":\"tiny\",\"family\":\"yolox\",\"input_width_px\":32,\"input_height_px\":32,"
                           "\"labels\":[\"person\"]}";

/* A box in input pixels, of the coarsest grid's one cell of 32. */
static struct detector *open_model(double left, double top, double width, double height)
{
    float values[TINY_ROWS * TINY_COLUMNS] = {0}, *row = values + FIRST_OF_COARSEST * TINY_COLUMNS;
    const struct onnx_model model = {.input = {"images", ONNX_FLOAT, 4, {1, 3, TINY_PX, TINY_PX}},
                                     .output = {"output", ONNX_FLOAT, 3, {1, TINY_ROWS, TINY_COLUMNS}},
                                     .values = values,
                                     .value_count = G_N_ELEMENTS(values),
                                     .value_sizes = {1, TINY_ROWS, TINY_COLUMNS}};
    const float found[] = {(float)((left + width / 2) / TINY_PX),
                           (float)((top + height / 2) / TINY_PX),
                           logf((float)width / TINY_PX),
                           logf((float)height / TINY_PX),
                           0.95F,
                           1};
    memcpy(row, found, sizeof found);
    g_autofree char *directory = g_dir_make_tmp("vedette-masks-XXXXXX", NULL);
    g_autofree char *model_path = g_build_filename(directory, "tiny.onnx", NULL);
    g_autofree char *card_path = g_build_filename(directory, "tiny.card.json", NULL);
    g_autoptr(GByteArray) bytes = onnx_model_make(&model);
    g_assert_true(g_file_set_contents(model_path, (const char *)bytes->data, bytes->len, NULL));
    g_assert_true(g_file_set_contents(card_path, card, -1, NULL));
    const struct detector_settings settings = {.threads = 1};
    g_autoptr(GError) error = NULL;
    struct detector *detector = detector_open(model_path, &settings, &error);
    g_assert_no_error(error);
    g_unlink(model_path);
    g_unlink(card_path);
    g_rmdir(directory);
    return detector;
}

/* In shares of a 16:9 frame: x 0.70 to 0.82, from 0.33 to 0.74 of its height. */
static struct detector *open_inside(void)
{
    return open_model(22.4, 6, 3.84, 7.4);
}

static void test_nobody_is_found_in_a_privacy_mask(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = open_inside();
    masks_world_init(&world, 0, detector);
    masks_learn(&world);
    g_assert_cmpint(masks_count_right(&world), ==, 1); /* the model is asked, and says so */
    masks_world_clear(&world);
    masks_world_init(&world, ZONE_PRIVACY_MASK, detector);
    masks_learn(&world);
    g_assert_cmpint(masks_count_right(&world), ==, 0);
    g_assert_cmpfloat(masks_previewed(&world, &masks_right_half), <, 1);
    masks_world_clear(&world);
}

/* Feet inside, the rest out of it: the mask is the lower part of where they stand. */
static void test_who_looks_out_of_a_privacy_mask_is_hidden(void)
{
    struct masks_world world;
    const struct record_box feet = {0.5, 0.6, 0.5, 0.4}, head = {0.71, 0.35, 0.1, 0.22};
    CLEANUP(detector) struct detector *detector = open_inside();
    masks_world_init(&world, 0, detector);
    masks_tell(&world, ZONE_PRIVACY_MASK, &feet);
    pipeline_configure(world.pipeline, &world.told);
    masks_learn(&world);
    g_assert_cmpint(masks_count_right(&world), ==, 0);
    g_assert_cmpfloat(masks_previewed(&world, &head), <, MASKS_HIDDEN);
    g_assert_cmpfloat(masks_previewed(&world, &feet), <, 1);
    masks_world_clear(&world);
}

static void test_a_models_find_counts_in_a_motion_mask(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = open_inside();
    masks_world_init(&world, ZONE_MOTION_MASK, detector);
    masks_learn(&world);
    g_assert_cmpint(masks_count_right(&world), ==, 1);
    g_assert_cmpfloat(masks_previewed(&world, &masks_inside), <, MASKS_HIDDEN);
    masks_world_clear(&world);
}

/* ... and in the moments between two runs of the model, who walks there elsewhere. */
static void test_who_walks_in_a_motion_mask_is_hidden_before_the_model_looks(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = open_model(1, 1, 1, 1);
    masks_world_init(&world, ZONE_MOTION_MASK, detector);
    masks_learn(&world);
    masks_walk_inside(&world);
    g_assert_cmpfloat(masks_previewed(&world, &masks_inside), <, MASKS_HIDDEN);
    masks_world_clear(&world);
}

/* A single picture of no stream. */
static void test_a_single_picture_has_its_masks(void)
{
    struct masks_world world;
    struct detect_request request;
    struct detect_response response;
    const struct record_box feet = {0.5, 0.6, 0.5, 0.4}, head = {0.71, 0.35, 0.1, 0.22}, beside = {0.1, 0.3, 0.3, 0.4};
    CLEANUP(detector) struct detector *detector = open_inside();
    masks_world_init(&world, 0, NULL);
    masks_tell(&world, ZONE_PRIVACY_MASK, &feet);
    world.config.detect = world.settings.detect;
    struct pictures *pictures = pictures_new(&world.config, detector, clock_system());
    CLEANUP(privacy_encoder) struct privacy_encoder *encoder = privacy_encoder_new(MASKS_WIDE_PX, 95);
    CLEANUP(frame) struct frame *frame = masks_draw(MASKS_WIDE_PX, MASKS_HIGH_PX, &masks_inside);
    g_autoptr(GBytes) sent = privacy_encode_jpeg(encoder, frame, &(struct privacy_request){0}, NULL), answered = NULL;
    record_init(&detect_request_descriptor, &request);
    request.annotate = true;
    request.zones = world.told.camera.zones;
    gsize size;
    const void *bytes = g_bytes_get_data(sent, &size);
    g_assert_true(pictures_look(pictures, &request, bytes, size, &response, &answered, NULL));
    g_assert_cmpuint(response.objects.count, ==, 0);
    g_assert_cmpfloat(masks_roughness(answered, &feet), <, 1);
    g_assert_cmpfloat(masks_roughness(answered, &head), <, MASKS_HIDDEN);
    g_assert_cmpfloat(masks_roughness(answered, &beside), >, MASKS_SEEN);
    request.zones = (struct record_list){0};
    record_clear(&detect_request_descriptor, &request);
    record_clear(&detect_response_descriptor, &response);
    pictures_free(pictures);
    masks_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/masks model/nobody is found in a privacy mask", test_nobody_is_found_in_a_privacy_mask);
    g_test_add_func("/masks model/who looks out of a privacy mask is hidden",
                    test_who_looks_out_of_a_privacy_mask_is_hidden);
    g_test_add_func("/masks model/a model's find counts in a motion mask", test_a_models_find_counts_in_a_motion_mask);
    g_test_add_func("/masks model/who walks in a motion mask is hidden before the model looks",
                    test_who_walks_in_a_motion_mask_is_hidden_before_the_model_looks);
    g_test_add_func("/masks model/a single picture has its masks", test_a_single_picture_has_its_masks);
    return g_test_run();
}
