/* Masks with a model that always finds somebody at one place: nobody stands in a privacy mask, and who does is hidden
 * all the same; in a motion mask the model's word counts. */
#include "masks_model.h"

#include "privacy/privacy.h"
#include "worker/pictures.h"

static void test_nobody_is_found_in_a_privacy_mask(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = masks_model_inside();
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
    CLEANUP(detector) struct detector *detector = masks_model_inside();
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
    CLEANUP(detector) struct detector *detector = masks_model_inside();
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
    CLEANUP(detector) struct detector *detector = masks_model_open(1, 1, 1, 1);
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
    CLEANUP(detector) struct detector *detector = masks_model_inside();
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
