/* Masks with a model that always finds somebody at one place: nobody stands in a privacy mask, and who does is hidden
 * all the same; in a motion mask the model's word counts. */
#include "masks_model.h"

#include "privacy/privacy.h"
#include "worker/pictures.h"
#include "worker/pipeline_internal.h"

#include <string.h>

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

/* ---- when the model says nothing ---- */

enum { LOOK_EACH = 9 }; /* frames */
static const struct record_box aside = {0.1, 0.3, 0.3, 0.4}, chest = {0.72, 0.4, 0.08, 0.3};

/* Somebody stands there since before the background was learnt: the model alone knows of them, and is asked each
 * frame. */
static void stand_and_be_found(struct masks_world *world, struct detector *detector)
{
    masks_world_init(world, 0, detector);
    world->told.detector.is_gated = false;
    pipeline_configure(world->pipeline, &world->told);
    world->pipeline->turn_seconds = 0;
    for (int i = 0; i < 3 * 1000 / MASKS_EVERY_MS; i++)
        masks_feed(world, &masks_inside);
    g_assert_cmpint(masks_count_right(world), ==, 1);
    g_assert_cmpfloat(masks_previewed(world, &chest), <, MASKS_HIDDEN);
    g_assert_cmpfloat(masks_previewed(world, &aside), >, MASKS_SEEN);
}

static void assert_is_seen_around(struct masks_world *world, bool is_seen)
{
    g_assert_cmpfloat(masks_previewed(world, &chest), <, MASKS_HIDDEN);
    if (is_seen)
        g_assert_cmpfloat(masks_previewed(world, &aside), >, MASKS_SEEN);
    else
        g_assert_cmpfloat(masks_previewed(world, &aside), <, MASKS_HIDDEN);
}

static void test_all_is_hidden_while_the_model_fails(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = masks_model_inside();
    CLEANUP(detector) struct detector *broken = masks_model_broken();
    stand_and_be_found(&world, detector);
    world.pipeline->detector = broken;
    for (int i = 0; i < 60 * 1000 / MASKS_EVERY_MS; i++) { /* longer than a track is remembered */
        masks_feed(&world, &masks_inside);
        g_assert_cmpint(world.health.detector_failing, ==, 1);
        if (i % LOOK_EACH == 0)
            assert_is_seen_around(&world, false);
    }
    world.pipeline->detector = detector;
    masks_feed(&world, &masks_inside);
    g_assert_cmpint(world.health.detector_failing, ==, 0);
    assert_is_seen_around(&world, true);
    masks_world_clear(&world);
}

/* Its file was not there when the worker started: as one that fails, until it is. */
static void test_a_model_that_was_not_loaded_fails_until_it_is(void)
{
    struct masks_world world;
    char *directory;
    g_autoptr(GError) error = NULL;
    CLEANUP(detector) struct detector *detector = masks_model_missing(&directory);
    g_assert_false(detector_restart(detector, &error)); /* as its worker does */
    masks_world_init(&world, 0, detector);
    masks_learn(&world);
    g_assert_cmpint(world.health.detector_failing, ==, 1);
    g_autofree char *trouble = detector_describe_trouble(detector);
    g_assert_cmpstr(trouble, ==, error->message);
    g_assert_nonnull(strstr(trouble, "tiny.onnx': cannot be opened: No such file"));
    masks_walk_inside(&world);
    g_assert_cmpint(masks_count_right(&world), ==, 1); /* what moves is followed */
    assert_is_seen_around(&world, false);
    masks_model_bring(directory);
    clock_fake_advance_us(world.clock, 60 * G_USEC_PER_SEC);
    for (int i = 0; i < 10 && world.health.detector_failing; i++)
        masks_feed(&world, &masks_inside);
    g_assert_cmpint(world.health.detector_failing, ==, 0);
    g_assert_null(detector_describe_trouble(detector));
    assert_is_seen_around(&world, true);
    masks_world_clear(&world);
    masks_model_remove(directory);
}

static void test_all_is_hidden_while_a_model_that_failed_is_not_asked(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = masks_model_inside();
    CLEANUP(detector) struct detector *broken = masks_model_broken();
    stand_and_be_found(&world, detector);
    world.pipeline->detector = broken;
    masks_feed(&world, &masks_inside);
    world.pipeline->detector = detector;
    world.pipeline->rests_until_us = 60 * G_USEC_PER_SEC;
    for (int i = 0; i < 60 * 1000 / MASKS_EVERY_MS; i++) {
        masks_feed(&world, &masks_inside);
        if (i % LOOK_EACH == 0)
            assert_is_seen_around(&world, false);
    }
    clock_fake_advance_us(world.clock, 61 * G_USEC_PER_SEC);
    masks_feed(&world, &masks_inside);
    assert_is_seen_around(&world, true);
    masks_world_clear(&world);
}

/* Another camera has the model: what it said last holds for a while, so that pictures do not flicker. */
static void test_the_models_last_word_holds_while_it_is_busy(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = masks_model_inside();
    stand_and_be_found(&world, detector);
    pthread_mutex_lock(&world.turn);
    for (int i = 0; i < 10; i++) {
        masks_feed(&world, &masks_inside);
        assert_is_seen_around(&world, true);
        clock_fake_advance_us(world.clock, G_USEC_PER_SEC);
    }
    clock_fake_advance_us(world.clock, G_USEC_PER_SEC);
    masks_feed(&world, &masks_inside);
    assert_is_seen_around(&world, false);
    pthread_mutex_unlock(&world.turn);
    masks_feed(&world, &masks_inside);
    assert_is_seen_around(&world, true);
    masks_world_clear(&world);
}

static void set_gated(struct masks_world *world, bool is_gated)
{
    world->told.detector.is_gated = is_gated;
    pipeline_configure(world->pipeline, &world->told);
}

/* ... and it counts from when it was last known to hold: a picture that stays as it is is not looked at again. */
static void test_the_models_last_word_holds_from_the_last_still_picture(void)
{
    enum { STILL_SECONDS = 15 };
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = masks_model_inside();
    stand_and_be_found(&world, detector);
    set_gated(&world, true);
    for (int64_t skips = world.health.detector_skips; world.health.detector_skips == skips;) {
        clock_fake_advance_us(world.clock, STILL_SECONDS * G_USEC_PER_SEC);
        masks_feed(&world, &masks_inside);
    }
    set_gated(&world, false);
    pthread_mutex_lock(&world.turn);
    masks_feed(&world, &masks_inside);
    assert_is_seen_around(&world, true);
    pthread_mutex_unlock(&world.turn);
    masks_world_clear(&world);
}

/* ... but not beyond a background that was learnt meanwhile: who came before is part of it. */
static void test_the_models_last_word_ends_with_its_background(void)
{
    struct masks_world world;
    static const struct record_box most = {0, 0, 0.9, 1};
    CLEANUP(detector) struct detector *detector = masks_model_inside();
    stand_and_be_found(&world, detector);
    pthread_mutex_lock(&world.turn);
    for (int i = 0; i < 20; i++) { /* no second passes for the pipeline: it is the same moment's word */
        masks_feed(&world, &most);
        assert_is_seen_around(&world, false);
    }
    pthread_mutex_unlock(&world.turn);
    masks_feed(&world, &most);
    assert_is_seen_around(&world, true);
    masks_world_clear(&world);
}

/* Looks at a single picture of no stream, with the zones of `world->told`; returns what is answered as a picture. */
static GBytes *look_once(struct masks_world *world, struct detector *detector, int objects)
{
    struct detect_request request;
    struct detect_response response;
    world->config.detect = world->settings.detect;
    struct pictures *pictures = pictures_new(&world->config, detector, clock_system());
    CLEANUP(privacy_encoder) struct privacy_encoder *encoder = privacy_encoder_new(MASKS_WIDE_PX, 95);
    CLEANUP(frame) struct frame *frame = masks_draw(MASKS_WIDE_PX, MASKS_HIGH_PX, &masks_inside);
    g_autoptr(GBytes) sent = privacy_encode_jpeg(encoder, frame, &(struct privacy_request){0}, NULL);
    GBytes *answered = NULL;
    record_init(&detect_request_descriptor, &request);
    request.annotate = true;
    request.zones = world->told.camera.zones;
    gsize size;
    const void *bytes = g_bytes_get_data(sent, &size);
    g_assert_true(pictures_look(pictures, &request, bytes, size, &response, &answered, NULL));
    g_assert_cmpuint(response.objects.count, ==, objects);
    request.zones = (struct record_list){0};
    record_clear(&detect_request_descriptor, &request);
    record_clear(&detect_response_descriptor, &response);
    pictures_free(pictures);
    return answered;
}

static void test_a_single_picture_has_its_masks(void)
{
    struct masks_world world;
    const struct record_box feet = {0.5, 0.6, 0.5, 0.4}, head = {0.71, 0.35, 0.1, 0.22};
    CLEANUP(detector) struct detector *detector = masks_model_inside();
    masks_world_init(&world, 0, NULL);
    masks_tell(&world, ZONE_PRIVACY_MASK, &feet);
    g_autoptr(GBytes) answered = look_once(&world, detector, 0);
    g_assert_cmpfloat(masks_roughness(answered, &feet), <, 1);
    g_assert_cmpfloat(masks_roughness(answered, &head), <, MASKS_HIDDEN);
    g_assert_cmpfloat(masks_roughness(answered, &aside), >, MASKS_SEEN);
    masks_world_clear(&world);
}

/* ---- a model that finds no people ---- */

static const char *const no_people[] = {"license_plate", "face", "car"};

static void test_a_model_without_people_hides_single_pictures_whole(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(no_people); i++) {
        struct masks_world world;
        CLEANUP(detector) struct detector *detector = masks_model_of(no_people[i]);
        masks_world_init(&world, 0, NULL);
        g_autoptr(GBytes) answered = look_once(&world, detector, 1);
        g_assert_cmpfloat(masks_roughness(answered, &aside), <, MASKS_HIDDEN);
        masks_world_clear(&world);
    }
}

/* Who keeps still, where the model finds nothing. */
static void test_a_model_without_people_does_not_show_who_keeps_still(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = masks_model_of("license_plate");
    masks_world_init(&world, 0, detector);
    masks_learn(&world);
    g_assert_cmpfloat(masks_previewed(&world, &aside), >, MASKS_SEEN);
    for (int i = 0; i < 200; i++) {
        world.at_ms += 900 - MASKS_EVERY_MS;
        masks_feed(&world, &aside);
    }
    g_assert_cmpfloat(masks_previewed(&world, &aside), <, MASKS_HIDDEN);
    masks_world_clear(&world);
}

static void test_a_model_without_people_hides_all_where_asked_to(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = masks_model_of("license_plate");
    masks_world_init(&world, 0, detector);
    masks_learn(&world);
    g_assert_cmpfloat(masks_previewed(&world, &aside), >, MASKS_SEEN);
    world.pipeline->hides_all_without_model = true;
    masks_feed(&world, NULL);
    g_assert_cmpfloat(masks_previewed(&world, &aside), <, MASKS_HIDDEN);
    masks_world_clear(&world);
}

/* ... which is said, rather than that nobody is there. */
static void test_single_pictures_try_a_model_that_was_not_loaded(void)
{
    struct masks_world world;
    char *directory;
    g_autoptr(GError) error = NULL;
    CLEANUP(detector) struct detector *detector = masks_model_missing(&directory);
    masks_world_init(&world, 0, NULL);
    world.config.detect = world.settings.detect;
    struct pictures *pictures = pictures_new(&world.config, detector, world.clock);
    CLEANUP(privacy_encoder) struct privacy_encoder *encoder = privacy_encoder_new(MASKS_WIDE_PX, 95);
    CLEANUP(frame) struct frame *frame = masks_draw(MASKS_WIDE_PX, MASKS_HIGH_PX, &masks_inside);
    g_autoptr(GBytes) sent = privacy_encode_jpeg(encoder, frame, &(struct privacy_request){0}, NULL), answered = NULL;
    struct detect_request request;
    struct detect_response response;
    record_init(&detect_request_descriptor, &request);
    gsize size;
    const void *bytes = g_bytes_get_data(sent, &size);
    g_assert_false(pictures_look(pictures, &request, bytes, size, &response, &answered, &error));
    g_assert_nonnull(strstr(error->message, "tiny.onnx"));
    masks_model_bring(directory);
    clock_fake_advance_us(world.clock, 60 * G_USEC_PER_SEC);
    g_assert_true(pictures_look(pictures, &request, bytes, size, &response, &answered, NULL));
    g_assert_cmpuint(response.objects.count, ==, 1);
    record_clear(&detect_request_descriptor, &request);
    record_clear(&detect_response_descriptor, &response);
    pictures_free(pictures);
    masks_world_clear(&world);
    masks_model_remove(directory);
}

/* ... of which a model's box, as it sees the picture within a square, is many times as wide. */
static void test_what_is_answered_of_a_narrow_picture_is_a_record(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = masks_model_open(0, 0, 32, 32);
    masks_world_init(&world, 0, detector);
    world.config.detect = world.settings.detect;
    struct pictures *pictures = pictures_new(&world.config, detector, world.clock);
    CLEANUP(privacy_encoder) struct privacy_encoder *encoder = privacy_encoder_new(MASKS_WIDE_PX, 95);
    CLEANUP(frame) struct frame *frame = masks_draw(16, 1000, NULL);
    g_autoptr(GBytes) sent = privacy_encode_jpeg(encoder, frame, &(struct privacy_request){0}, NULL), answered = NULL;
    struct detect_request request;
    struct detect_response response, taken;
    struct record_errors errors;
    record_init(&detect_request_descriptor, &request);
    gsize size;
    const void *bytes = g_bytes_get_data(sent, &size);
    g_assert_true(pictures_look(pictures, &request, bytes, size, &response, &answered, NULL));
    g_assert_cmpuint(response.objects.count, ==, 1);
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(&detect_response_descriptor, &response, true, json);
    record_errors_init(&errors);
    g_assert_true(record_decode_json(&detect_response_descriptor, json->str, json->len, &taken, &errors));
    record_errors_clear(&errors);
    record_clear(&detect_request_descriptor, &request);
    record_clear(&detect_response_descriptor, &response);
    record_clear(&detect_response_descriptor, &taken);
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
    g_test_add_func("/masks model/all is hidden while the model fails", test_all_is_hidden_while_the_model_fails);
    g_test_add_func("/masks model/a model that was not loaded fails until it is",
                    test_a_model_that_was_not_loaded_fails_until_it_is);
    g_test_add_func("/masks model/single pictures try a model that was not loaded",
                    test_single_pictures_try_a_model_that_was_not_loaded);
    g_test_add_func("/masks model/all is hidden while a model that failed is not asked",
                    test_all_is_hidden_while_a_model_that_failed_is_not_asked);
    g_test_add_func("/masks model/the model's last word holds while it is busy",
                    test_the_models_last_word_holds_while_it_is_busy);
    g_test_add_func("/masks model/the model's last word holds from the last still picture",
                    test_the_models_last_word_holds_from_the_last_still_picture);
    g_test_add_func("/masks model/the model's last word ends with its background",
                    test_the_models_last_word_ends_with_its_background);
    g_test_add_func("/masks model/a single picture has its masks", test_a_single_picture_has_its_masks);
    g_test_add_func("/masks model/a model without people hides single pictures whole",
                    test_a_model_without_people_hides_single_pictures_whole);
    g_test_add_func("/masks model/a model without people does not show who keeps still",
                    test_a_model_without_people_does_not_show_who_keeps_still);
    g_test_add_func("/masks model/a model without people hides all where asked to",
                    test_a_model_without_people_hides_all_where_asked_to);
    g_test_add_func("/masks model/what is answered of a narrow picture is a record",
                    test_what_is_answered_of_a_narrow_picture_is_a_record);
    return g_test_run();
}
