/* Masks without a model: nobody inside is shown, whatever else is known; and masks that change while the camera runs.
 */
#include "masks_world.h"

#include "privacy/privacy.h"
#include "worker/pictures.h"

#include <string.h>

static const struct record_box beside = {0.1, 0.35, 0.3, 0.4};

static void test_a_privacy_mask_is_painted_over(void)
{
    struct masks_world world;
    masks_world_init(&world, ZONE_PRIVACY_MASK, NULL);
    masks_feed(&world, &masks_inside);
    g_assert_cmpfloat(masks_previewed(&world, &masks_right_half), <, 1); /* nothing is known yet */
    masks_learn(&world);
    g_assert_cmpfloat(masks_previewed(&world, &masks_right_half), <, 1);
    g_assert_cmpfloat(masks_previewed(&world, &beside), >, MASKS_SEEN);
    masks_walk_inside(&world);
    g_assert_cmpfloat(masks_previewed(&world, &masks_right_half), <, 1);
    g_assert_cmpfloat(masks_previewed(&world, &beside), >, MASKS_SEEN);
    g_assert_cmpint(masks_count_right(&world), ==, 0);
    masks_world_clear(&world);
}

static void test_it_is_painted_over_where_policies_hide_nothing(void)
{
    struct masks_world world;
    masks_world_init(&world, ZONE_PRIVACY_MASK, NULL);
    world.told.privacy.face_blur_enabled = world.told.privacy.license_plate_blur_enabled = false;
    pipeline_configure(world.pipeline, &world.told);
    masks_learn(&world);
    masks_feed(&world, &masks_inside);
    g_assert_cmpfloat(masks_previewed(&world, &masks_right_half), <, 1);
    g_assert_cmpfloat(masks_previewed(&world, &beside), >, MASKS_SEEN);
    masks_world_clear(&world);
}

/* What lies in it never moves, but who walks there is hidden all the same, also once they stop. */
static void test_who_walks_in_a_motion_mask_is_hidden(void)
{
    struct masks_world world;
    const struct record_box above = {0.6, 0.02, 0.35, 0.2};
    masks_world_init(&world, ZONE_MOTION_MASK, NULL);
    masks_learn(&world);
    masks_walk_inside(&world);
    g_assert_cmpint(masks_count_right(&world), ==, 0);
    g_assert_cmpfloat(masks_previewed(&world, &masks_inside), <, MASKS_HIDDEN);
    g_assert_cmpfloat(masks_previewed(&world, &above), >, MASKS_SEEN);
    for (int i = 0; i < 100; i++)
        masks_feed(&world, &masks_inside);
    g_assert_cmpfloat(masks_previewed(&world, &masks_inside), <, MASKS_HIDDEN);
    masks_world_clear(&world);
}

/* ---- while the background is learnt ---- */

/* How much is seen of somebody who comes with the frame after `frames` of the room alone. */
static double comer_roughness(int frames, int every_ms, const struct record_box *room_before)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    if (room_before) {
        for (int i = 0; i < 3 * 1000 / MASKS_EVERY_MS; i++)
            masks_feed(&world, room_before);
        g_assert_cmpfloat(masks_previewed(&world, &masks_inside), >, MASKS_SEEN);
    }
    for (int i = 0; i <= frames; i++) {
        world.at_ms += every_ms - MASKS_EVERY_MS;
        masks_feed(&world, i < frames ? NULL : &masks_inside);
    }
    double roughness = masks_previewed(&world, &masks_inside);
    masks_world_clear(&world);
    return roughness;
}

/* In no frame: neither while it is learnt, nor in the last of those, nor in the first that is compared with it; and not
 * when it is learnt anew, because most of the picture has changed. */
static void test_who_comes_while_the_background_is_learnt_is_hidden(void)
{
    static const int every_ms[] = {MASKS_EVERY_MS, 1000, 3000};
    static const struct record_box most = {0, 0, 0.6, 1};
    for (size_t i = 0; i < G_N_ELEMENTS(every_ms); i++)
        for (int frames = 0; frames < 8; frames++) {
            g_assert_cmpfloat(comer_roughness(frames, every_ms[i], NULL), <, MASKS_HIDDEN);
            g_assert_cmpfloat(comer_roughness(frames, every_ms[i], &most), <, MASKS_HIDDEN);
        }
}

/* Another stream of the same camera, larger, shown with what was found on this one. */
static double live_roughness(struct masks_world *world, const struct record_box *figure, const struct record_box *box)
{
    uint64_t number;
    g_autoptr(GError) error = NULL;
    CLEANUP(frame) struct frame *frame = masks_draw(2 * MASKS_WIDE_PX, 2 * MASKS_HIGH_PX, figure);
    int64_t covered_ms = pipeline_remember_figures(world->pipeline, world->frame);
    frame->captured_at_ms = covered_ms;
    enum figure_refusal refusal;
    g_autoptr(GBytes) jpeg = pipeline_preview_live(world->pipeline, frame, &number, &refusal, &error);
    g_assert_nonnull(jpeg);
    return masks_roughness(jpeg, box);
}

static void test_pictures_of_another_stream_have_the_masks(void)
{
    static const enum zone_kind kinds[] = {ZONE_PRIVACY_MASK, ZONE_MOTION_MASK};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        struct masks_world world;
        masks_world_init(&world, kinds[i], NULL);
        masks_learn(&world);
        for (int j = 0; j < 20; j++) {
            struct record_box figure = masks_inside;
            figure.x -= 0.01 * (20 - j);
            masks_feed(&world, &figure);
            pipeline_remember_figures(world.pipeline, world.frame);
        }
        g_assert_cmpfloat(live_roughness(&world, &masks_inside, &masks_inside), <, MASKS_HIDDEN);
        g_assert_cmpfloat(live_roughness(&world, &masks_inside, &beside), >, MASKS_SEEN);
        if (kinds[i] == ZONE_PRIVACY_MASK)
            g_assert_cmpfloat(live_roughness(&world, &masks_inside, &masks_right_half), <, 1);
        masks_world_clear(&world);
    }
}

/* ---- masks that change ---- */

static void test_a_mask_counts_from_the_next_frame_on(void)
{
    static const enum zone_kind kinds[] = {ZONE_PRIVACY_MASK, ZONE_MOTION_MASK};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        struct masks_world world;
        masks_world_init(&world, 0, NULL);
        masks_learn(&world);
        masks_walk_inside(&world);
        g_assert_cmpint(masks_count_right(&world), ==, 1);
        masks_tell(&world, kinds[i], &masks_right_half);
        pipeline_configure(world.pipeline, &world.told);
        if (kinds[i] == ZONE_PRIVACY_MASK) /* in pictures at once */
            g_assert_cmpfloat(masks_previewed(&world, &masks_right_half), <, 1);
        g_assert_cmpfloat(masks_previewed(&world, &masks_inside), <, MASKS_HIDDEN);
        masks_feed(&world, &masks_inside);
        masks_walk_inside(&world);
        g_assert_cmpint(masks_count_right(&world), ==, 0);
        g_assert_cmpfloat(masks_previewed(&world, &masks_inside), <, MASKS_HIDDEN);
        masks_world_clear(&world);
    }
}

static void test_a_mask_that_is_taken_away_is_gone(void)
{
    static const enum zone_kind kinds[] = {ZONE_PRIVACY_MASK, ZONE_MOTION_MASK};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        struct masks_world world;
        masks_world_init(&world, kinds[i], NULL);
        masks_learn(&world);
        masks_tell(&world, 0, NULL);
        pipeline_configure(world.pipeline, &world.told);
        masks_walk_inside(&world);
        g_assert_cmpint(masks_count_right(&world), ==, 1);
        g_assert_cmpfloat(masks_previewed(&world, &masks_inside), <, MASKS_HIDDEN);
        masks_feed(&world, NULL);
        g_assert_cmpfloat(masks_previewed(&world, &(struct record_box){0.85, 0.02, 0.14, 0.2}), >, MASKS_SEEN);
        masks_world_clear(&world);
    }
}

/* ---- pictures sent to be looked at ---- */

static GBytes *as_jpeg(const struct record_box *figure)
{
    CLEANUP(privacy_encoder) struct privacy_encoder *encoder = privacy_encoder_new(MASKS_WIDE_PX, 95);
    CLEANUP(frame) struct frame *frame = masks_draw(MASKS_WIDE_PX, MASKS_HIGH_PX, figure);
    return privacy_encode_jpeg(encoder, frame, &(struct privacy_request){0}, NULL);
}

/* Sends a picture with the zones of `world->told`; how rough the answered one is inside the box. */
static double look(struct masks_world *world, struct pictures *pictures, const struct record_box *figure,
                   const struct record_box *box)
{
    struct detect_request request;
    struct detect_response response;
    g_autoptr(GBytes) sent = as_jpeg(figure), answered = NULL;
    g_autoptr(GError) error = NULL;
    record_init(&detect_request_descriptor, &request);
    request.stream_id = g_strdup("door");
    request.annotate = true;
    request.zones = world->told.camera.zones; /* borrowed */
    request.captured_at.ms = world->at_ms += MASKS_EVERY_MS;
    gsize size;
    const void *bytes = g_bytes_get_data(sent, &size);
    g_assert_true(pictures_look(pictures, &request, bytes, size, &response, &answered, &error));
    g_assert_no_error(error);
    request.zones = (struct record_list){0};
    record_clear(&detect_request_descriptor, &request);
    record_clear(&detect_response_descriptor, &response);
    return masks_roughness(answered, box);
}

/* Two that are further apart than it takes to learn a background: nobody was compared with it yet. */
static void test_the_second_picture_sent_shows_nobody(void)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    world.config.detect = world.settings.detect;
    struct pictures *pictures = pictures_new(&world.config, NULL, clock_system());
    g_assert_cmpfloat(look(&world, pictures, NULL, &masks_inside), <, MASKS_HIDDEN);
    world.at_ms += 5000;
    g_assert_cmpfloat(look(&world, pictures, &masks_inside, &masks_inside), <, MASKS_HIDDEN);
    pictures_free(pictures);
    masks_world_clear(&world);
}

static void test_masks_of_a_picture_sent_are_its_own(void)
{
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    world.config.detect = world.settings.detect;
    struct pictures *pictures = pictures_new(&world.config, NULL, clock_system());
    for (int i = 0; i < 3 * 1000 / MASKS_EVERY_MS; i++)
        look(&world, pictures, NULL, &beside);
    g_assert_cmpfloat(look(&world, pictures, NULL, &masks_right_half), >, MASKS_SEEN);
    masks_tell(&world, ZONE_PRIVACY_MASK, &masks_right_half);
    g_assert_cmpfloat(look(&world, pictures, &masks_inside, &masks_right_half), <, 1);
    const struct record_box left_half = {0, 0, 0.5, 1};
    masks_tell(&world, ZONE_PRIVACY_MASK, &left_half);
    g_assert_cmpfloat(look(&world, pictures, NULL, &left_half), <, 1);
    pictures_free(pictures);
    masks_world_clear(&world);
}

/* ---- things ---- */

/* A pallet before the door, and a rule that waits for longer than anything new is remembered without one. */
static void test_a_thing_is_told_however_long_its_zone_waits(void)
{
    enum { WAITS_SECONDS = 1800, EVERY_SECONDS = 5, IN_TIME = (WAITS_SECONDS - 60) / EVERY_SECONDS };
    static const struct record_box pallet = {0.7, 0.6, 0.1, 0.2};
    struct masks_world world;
    masks_world_init(&world, ZONE_AREA, NULL);
    ((struct zone *)world.told.camera.zones.items)->left_seconds = WAITS_SECONDS;
    pipeline_configure(world.pipeline, &world.told);
    for (int i = 0; i < 20; i++)
        masks_learn(&world);
    for (int i = 0; i < IN_TIME + 2 * 60 / EVERY_SECONDS; i++) {
        g_assert_true(i >= IN_TIME || world.things_left == 0);
        world.at_ms += EVERY_SECONDS * 1000 - MASKS_EVERY_MS;
        masks_feed(&world, &pallet);
    }
    g_assert_cmpint(world.things_left, ==, 1);
    masks_world_clear(&world);
}

/* Boxes on the shelves at the top, and what was left on the floor below them. */
static void test_many_small_things_do_not_keep_a_large_one_from_being_told(void)
{
    enum { SHELVES = 3, BOXES = 8, BOX_PX = 24, STEP_PX = 64, SECONDS = 10 };
    static const struct record_box on_the_floor = {0, 0.5, 1, 0.5}, bag = {0.7, 0.6, 0.1, 0.2};
    struct masks_world world;
    masks_world_init(&world, 0, NULL);
    masks_tell(&world, ZONE_AREA, &on_the_floor)->left_seconds = SECONDS / 2;
    pipeline_configure(world.pipeline, &world.told);
    for (int i = 0; i < 20; i++)
        masks_learn(&world);
    g_assert_cmpint(world.health.objects_shed, ==, 0);
    for (int i = 0; i < SECONDS * 1000 / MASKS_EVERY_MS; i++) {
        struct frame *frame = masks_draw(MASKS_WIDE_PX, MASKS_HIGH_PX, &bag);
        for (int box = 0; box < SHELVES * BOXES; box++)
            for (int row = 0; row < BOX_PX; row++)
                memset(frame_plane(frame, 0) + (box / BOXES * STEP_PX + row) * frame->strides_bytes[0] +
                           (box % BOXES + 1) * STEP_PX,
                       box % 2 ? 0 : 250, BOX_PX); /* by turns, so that they look like no lamp */
        masks_feed_frame(&world, frame);
    }
    g_assert_cmpint(world.things_left, ==, 1);
    g_assert_cmpint(world.health.objects_shed, >, 0);
    masks_world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/masks/a privacy mask is painted over", test_a_privacy_mask_is_painted_over);
    g_test_add_func("/masks/it is painted over where policies hide nothing",
                    test_it_is_painted_over_where_policies_hide_nothing);
    g_test_add_func("/masks/who walks in a motion mask is hidden", test_who_walks_in_a_motion_mask_is_hidden);
    g_test_add_func("/masks/who comes while the background is learnt is hidden",
                    test_who_comes_while_the_background_is_learnt_is_hidden);
    g_test_add_func("/masks/the second picture sent shows nobody", test_the_second_picture_sent_shows_nobody);
    g_test_add_func("/masks/pictures of another stream have the masks", test_pictures_of_another_stream_have_the_masks);
    g_test_add_func("/masks/a mask counts from the next frame on", test_a_mask_counts_from_the_next_frame_on);
    g_test_add_func("/masks/a mask that is taken away is gone", test_a_mask_that_is_taken_away_is_gone);
    g_test_add_func("/masks/masks of a picture sent are its own", test_masks_of_a_picture_sent_are_its_own);
    g_test_add_func("/masks/a thing is told however long its zone waits",
                    test_a_thing_is_told_however_long_its_zone_waits);
    g_test_add_func("/masks/many small things do not keep a large one from being told",
                    test_many_small_things_do_not_keep_a_large_one_from_being_told);
    return g_test_run();
}
