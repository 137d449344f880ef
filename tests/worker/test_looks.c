/* A model of looks that fails: the camera says so and leaves it alone for a while. */
#include "masks_model.h"

#include "../vision/onnx_model.h"
#include "worker/pipeline_internal.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* Sees the same in everything of the card's `crop`: these two numbers. */
static struct reader *open_embedder(float first, float second, const char *crop)
{
    g_autofree char *card = g_strdup_printf("{\"name\":\"looks\",\"family\":\"embedder\",\"input_width_px\":32,"
                                            "\"input_height_px\":32,\"confidence\":0.5,\"crop\":\"%s\"}",
                                            crop);
    const float values[] = {first, second};
    const struct onnx_model model = {.input = {"image", ONNX_FLOAT, 4, {1, 3, 32, 32}},
                                     .output = {"look", ONNX_FLOAT, 3, {1, 1, 2}},
                                     .values = values,
                                     .value_count = G_N_ELEMENTS(values),
                                     .value_sizes = {1, 1, 2}};
    const struct detector_settings settings = {.threads = 1};
    g_autofree char *directory = g_dir_make_tmp("vedette-looks-XXXXXX", NULL);
    g_autofree char *model_path = g_build_filename(directory, "looks.onnx", NULL);
    g_autofree char *card_path = g_build_filename(directory, "looks.card.json", NULL);
    g_autoptr(GByteArray) bytes = onnx_model_make(&model);
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(model_path, (const char *)bytes->data, bytes->len, NULL));
    g_assert_true(g_file_set_contents(card_path, card, -1, NULL));
    struct reader *reader = reader_open(model_path, &settings, &error);
    g_assert_no_error(error);
    g_unlink(model_path);
    g_unlink(card_path);
    g_rmdir(directory);
    return reader;
}

static void feed(struct masks_world *world, int frames)
{
    for (int i = 0; i < frames; i++)
        masks_feed(world, &masks_inside);
}

static void test_a_model_that_fails_rests_and_is_told_of(void)
{
    struct masks_world world;
    CLEANUP(detector) struct detector *detector = masks_model_inside();
    CLEANUP(reader) struct reader *broken = open_embedder(NAN, NAN, "box"), *sound = open_embedder(3, 4, "box");
    masks_world_init(&world, 0, detector);
    pipeline_know_looks(world.pipeline, &world.settings.reid, broken, NULL);
    feed(&world, 20);
    g_assert_cmpint(masks_count_right(&world), ==, 1); /* whom it would look at in each frame */
    g_assert_cmpint(world.health.reid_looks, ==, 1);
    g_assert_cmpint(world.health.reid_failing, ==, 1);
    g_assert_cmpint(world.health.reid_postponed, >, 1);
    g_autofree char *trouble = reader_describe_trouble(broken);
    g_assert_nonnull(strstr(trouble, "gave 2 values of which 2 are no numbers"));
    clock_fake_advance_us(world.clock, G_USEC_PER_SEC - 1);
    feed(&world, 5);
    g_assert_cmpint(world.health.reid_looks, ==, 1);
    clock_fake_advance_us(world.clock, 1);
    feed(&world, 5);
    g_assert_cmpint(world.health.reid_looks, ==, 2);
    world.pipeline->reader = sound;
    clock_fake_advance_us(world.clock, G_USEC_PER_SEC);
    feed(&world, 1);
    g_assert_cmpint(world.health.reid_looks, ==, 3);
    g_assert_cmpint(world.health.reid_failing, ==, 0);
    masks_world_clear(&world);
}

static void test_trouble_ends_with_a_run_that_succeeds(void)
{
    const struct detection face = {.box = masks_inside,
                                   .point_count = DETECTION_MAX_POINTS,
                                   .points = {{0.4F, 0.4F}, {0.6F, 0.4F}, {0.5F, 0.5F}, {0.42F, 0.6F}, {0.58F, 0.6F}}};
    CLEANUP(reader) struct reader *reader = open_embedder(3, 4, "face");
    CLEANUP(frame) struct frame *frame = masks_draw(MASKS_WIDE_PX, MASKS_HIGH_PX, NULL);
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    g_autoptr(GError) error = NULL;
    g_assert_null(reader_describe_trouble(reader));
    g_assert_false(reader_run(reader, frame, NULL, reading, &error));
    g_autofree char *trouble = reader_describe_trouble(reader);
    g_assert_cmpstr(trouble, ==, error->message);
    g_assert_true(reader_run(reader, frame, &face, reading, NULL));
    g_assert_null(reader_describe_trouble(reader));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/looks/a model that fails rests and is told of", test_a_model_that_fails_rests_and_is_told_of);
    g_test_add_func("/looks/trouble ends with a run that succeeds", test_trouble_ends_with_a_run_that_succeeds);
    return g_test_run();
}
