/* A model of looks that fails: the camera says so and leaves it alone for a while. */
#include "masks_model.h"

#include "../vision/onnx_model.h"
#include "worker/pipeline_internal.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* A model that sees the same in everything of the card's `crop`: these numbers. */
static void write_embedder(const char *directory, const float *values, int value_count, const char *crop)
{
    g_autofree char *card = g_strdup_printf("{\"name\":\"looks\",\"family\":\"embedder\",\"input_width_px\":32,"
                                            "\"input_height_px\":32,\"confidence\":0.5,\"crop\":\"%s\"}",
                                            crop);
    const struct onnx_model model = {.input = {"image", ONNX_FLOAT, 4, {1, 3, 32, 32}},
                                     .output = {"look", ONNX_FLOAT, 3, {1, 1, value_count}},
                                     .values = values,
                                     .value_count = (size_t)value_count,
                                     .value_sizes = {1, 1, value_count}};
    g_autofree char *model_path = g_build_filename(directory, "looks.onnx", NULL);
    g_autofree char *card_path = g_build_filename(directory, "looks.card.json", NULL);
    g_autoptr(GByteArray) bytes = onnx_model_make(&model);
    g_assert_true(g_file_set_contents(model_path, (const char *)bytes->data, bytes->len, NULL));
    g_assert_true(g_file_set_contents(card_path, card, -1, NULL));
}

static struct reader *new_embedder(const char *directory)
{
    const struct detector_settings settings = {.threads = 1};
    g_autofree char *model_path = g_build_filename(directory, "looks.onnx", NULL);
    return reader_new(model_path, &settings);
}

static void remove_embedder(const char *directory)
{
    g_autofree char *model_path = g_build_filename(directory, "looks.onnx", NULL);
    g_autofree char *card_path = g_build_filename(directory, "looks.card.json", NULL);
    g_unlink(model_path);
    g_unlink(card_path);
    g_rmdir(directory);
}

static struct reader *open_embedder(float first, float second, const char *crop)
{
    const float values[] = {first, second};
    g_autofree char *directory = g_dir_make_tmp("vedette-looks-XXXXXX", NULL);
    g_autoptr(GError) error = NULL;
    write_embedder(directory, values, G_N_ELEMENTS(values), crop);
    struct reader *reader = new_embedder(directory);
    g_assert_true(reader_restart(reader, &error));
    g_assert_no_error(error);
    remove_embedder(directory);
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

/* So many tries that fail, each after its rest. */
static void fail(struct masks_world *world, int tries)
{
    for (int i = 0; i < tries; i++) {
        feed(world, 1);
        g_assert_cmpint(world->health.reid_failing, ==, 1);
        clock_fake_advance_us(world->clock, G_USEC_PER_SEC);
    }
}

/* Whose file was not there, or was no good, when its worker started, and is by now. */
static void test_a_model_that_goes_on_failing_is_loaded_anew(void)
{
    static const float broken[] = {NAN, NAN}, sound[] = {3, 4};
    for (int is_missing = 0; is_missing <= 1; is_missing++) {
        struct masks_world world;
        g_autofree char *directory = g_dir_make_tmp("vedette-looks-XXXXXX", NULL);
        CLEANUP(detector) struct detector *detector = masks_model_inside();
        CLEANUP(reader) struct reader *reader = new_embedder(directory);
        if (!is_missing)
            write_embedder(directory, broken, G_N_ELEMENTS(broken), "box");
        g_assert_true(reader_restart(reader, NULL) == !is_missing); /* as its worker does */
        masks_world_init(&world, 0, detector);
        clock_fake_advance_us(world.clock, 60 * G_USEC_PER_SEC);
        pipeline_know_looks(world.pipeline, &world.settings.reid, reader, NULL);
        fail(&world, 5);
        g_assert_cmpint(world.health.reid_restarts, ==, 1); /* in vain */
        write_embedder(directory, sound, G_N_ELEMENTS(sound), "box");
        fail(&world, 5);
        g_assert_cmpint(world.health.reid_restarts, ==, 1); /* it was tried just before */
        clock_fake_advance_us(world.clock, 10 * G_USEC_PER_SEC);
        fail(&world, 1);
        g_assert_cmpint(world.health.reid_restarts, ==, 2);
        feed(&world, 1);
        g_assert_cmpint(world.health.reid_failing, ==, 0);
        g_assert_null(reader_describe_trouble(reader));
        g_assert_cmpfloat(reader_confidence(reader), ==, 0.5);
        remove_embedder(directory);
        masks_world_clear(&world);
    }
}

/* What was looked at by one of two numbers cannot be compared with what one of three says. */
static void test_a_model_of_another_kind_takes_no_place(void)
{
    static const float before[] = {3, 4}, after[] = {1, 2, 2};
    g_autofree char *directory = g_dir_make_tmp("vedette-looks-XXXXXX", NULL);
    CLEANUP(reader) struct reader *reader = new_embedder(directory);
    g_autoptr(GError) error = NULL;
    write_embedder(directory, before, G_N_ELEMENTS(before), "box");
    g_assert_true(reader_restart(reader, NULL));
    write_embedder(directory, after, G_N_ELEMENTS(after), "box");
    g_assert_false(reader_restart(reader, &error));
    g_assert_nonnull(strstr(error->message, "start Vedette again"));
    CLEANUP(frame) struct frame *frame = masks_draw(MASKS_WIDE_PX, MASKS_HIGH_PX, NULL);
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    g_assert_true(reader_run(reader, frame, NULL, reading, NULL)); /* the old one stays */
    g_assert_cmpint(reading->value_count, ==, 2);
    remove_embedder(directory);
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
    g_test_add_func("/looks/a model that goes on failing is loaded anew",
                    test_a_model_that_goes_on_failing_is_loaded_anew);
    g_test_add_func("/looks/a model of another kind takes no place", test_a_model_of_another_kind_takes_no_place);
    g_test_add_func("/looks/trouble ends with a run that succeeds", test_trouble_ends_with_a_run_that_succeeds);
    return g_test_run();
}
