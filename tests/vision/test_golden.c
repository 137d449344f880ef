/* Real models and pictures against what a reference saw, where the shared assets lie. */
#include "media/media.h"
#include "vision/detector_internal.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

static char *shared_path(const char *name)
{
    const char *shared = g_getenv("VEDETTE_SHARED");
    g_autofree char *path = g_build_filename(shared ? shared : "", "assets", name, NULL);
    if (shared && g_file_test(path, G_FILE_TEST_EXISTS))
        return g_steal_pointer(&path);
    g_test_skip("needs the shared assets (VEDETTE_SHARED)");
    return NULL;
}

static char *card_path(const char *name)
{
    return g_build_filename(g_getenv("VEDETTE_SOURCE"), "models", "cards", name, NULL);
}

static json_t *load_shared_json(const char *name)
{
    g_autofree char *path = shared_path(name);
    json_t *root = path ? json_load_file(path, 0, NULL) : NULL;
    g_assert_true(!path || root);
    return root;
}

/* A path with "#frameN" names a frame of a video. */
static struct frame *load_picture(const char *key)
{
    g_auto(GStrv) parts = g_strsplit(key, "#frame", 2);
    g_autofree char *name = g_build_filename("media", parts[0], NULL), *path = shared_path(name);
    g_autoptr(GError) error = NULL;
    struct frame *frame = NULL;
    g_assert_nonnull(path);
    if (!parts[1]) {
        frame = media_image_load(path, &error);
    } else {
        struct settings settings;
        record_init(&settings_descriptor, &settings);
        CLEANUP(media_reader) struct media_reader *reader = media_reader_open(path, &settings.source, &error);
        for (gint64 i = g_ascii_strtoll(parts[1], NULL, 10); i >= 0 && !error; i--) {
            g_clear_pointer(&frame, frame_unref);
            frame = media_reader_next(reader, &error);
        }
        record_clear(&settings_descriptor, &settings);
    }
    g_assert_no_error(error);
    g_assert_nonnull(frame);
    return frame;
}

/* How far a detection is from the reference, in pixels; infinite for another class. */
static double distance(const struct detection *found, const json_t *wanted, const struct model_card *card,
                       const struct frame *frame)
{
    const struct record_box *box = &found->box;
    const double corners[] = {box->x * frame->width_px, box->y * frame->height_px, (box->x + box->w) * frame->width_px,
                              (box->y + box->h) * frame->height_px};
    double worst = 0;
    if (strcmp(card->labels.items[json_integer_value(json_object_get(wanted, "c"))], found->object_class) != 0)
        return INFINITY;
    for (size_t i = 0; i < G_N_ELEMENTS(corners); i++)
        worst = MAX(worst, fabs(corners[i] - json_number_value(json_array_get(json_object_get(wanted, "box"), i))));
    return worst;
}

static void check_picture(const char *key, const json_t *wanted, struct detector *detector, struct detections *found)
{
    static const double tolerance_px = 4, tolerance_score = 0.05;
    CLEANUP(frame) struct frame *frame = load_picture(key);
    size_t index;
    const json_t *object;
    g_assert_true(detector_run(detector, frame, found, NULL));
    g_assert_cmpint(found->count, ==, (int)json_array_size(wanted));
    json_array_foreach((json_t *)(uintptr_t)wanted, index, object)
    {
        double best = INFINITY, score = 0;
        for (int i = 0; i < found->count; i++) {
            double away = distance(&found->items[i], object, detector_card(detector), frame);
            score = away < best ? found->items[i].confidence : score;
            best = MIN(away, best);
        }
        g_test_message("%s: %.1f px, score off by %.3f", key, best,
                       score - json_number_value(json_object_get(object, "s")));
        g_assert_cmpfloat(best, <=, tolerance_px);
        g_assert_cmpfloat_with_epsilon(score, json_number_value(json_object_get(object, "s")), tolerance_score);
    }
}

static void test_yolox_nano_sees_what_the_reference_saw(void)
{
    g_autofree char *model = shared_path("models/yolox_nano.onnx"), *card = card_path("yolox_nano.card.json");
    json_t *golden = model ? load_shared_json("GOLDEN_images.json") : NULL, *pictures, *wanted;
    const char *key;
    if (!golden)
        return;
    g_assert_true(media_init(false, NULL));
    g_autofree struct detections *found = g_new0(struct detections, 1);
    g_autoptr(GError) error = NULL;
    const struct detector_settings settings = {.card = card, .threads = 1};
    CLEANUP(detector) struct detector *detector = detector_open(model, &settings, &error);
    g_assert_no_error(error);
    pictures = json_object_get(golden, "yolox_nano");
    g_assert_cmpint((int)json_object_size(pictures), >, 3);
    json_object_foreach(pictures, key, wanted)
    {
        if (json_is_array(wanted))
            check_picture(key, wanted, detector, found);
    }
    json_decref(golden);
}

/* Feeds the input that the reference was made with, and compares the first values, sum, least and greatest. */
static void check_raw(struct runtime *runtime, const struct tensor_shape *input, const struct tensor_shape *output,
                      const json_t *wanted)
{
    int64_t inputs = tensor_shape_count(input), outputs = tensor_shape_count(output);
    for (int64_t i = 0; i < inputs; i++)
        runtime_input(runtime)[i] = (float)(i * 7919 % 256);
    g_assert_true(runtime_run(runtime, NULL));
    const float *values = runtime_outputs(runtime)[0];
    double sum = 0, least = INFINITY, greatest = -INFINITY, magnitude = 0;
    for (int64_t i = 0; i < outputs; i++) {
        sum += values[i];
        magnitude += fabs(values[i]);
        least = MIN(least, values[i]);
        greatest = MAX(greatest, values[i]);
    }
    json_t *first = json_object_get(wanted, "first8");
    for (size_t i = 0; i < json_array_size(first); i++)
        g_assert_cmpfloat_with_epsilon(values[i], json_number_value(json_array_get(first, i)), 1e-3);
    g_assert_cmpfloat_with_epsilon(sum, json_number_value(json_object_get(wanted, "sum")), 1e-4 * magnitude);
    g_assert_cmpfloat_with_epsilon(least, json_number_value(json_object_get(wanted, "min")), 1e-3);
    g_assert_cmpfloat_with_epsilon(greatest, json_number_value(json_object_get(wanted, "max")), 1e-3);
}

static void test_yolox_nano_gives_the_reference_s_numbers(void)
{
    g_autofree char *model = shared_path("models/yolox_nano.onnx"), *bytes = NULL;
    json_t *golden = model ? load_shared_json("GOLDEN_raw.json") : NULL;
    gsize length = 0;
    g_autoptr(GError) error = NULL;
    if (!golden)
        return;
    g_assert_true(g_file_get_contents(model, &bytes, &length, NULL));
    const struct tensor_want input = {.shape = {4, {1, 3, 416, 416}}}, output = {.shape = {3, {1, 3549, 85}}};
    CLEANUP(runtime) struct runtime *runtime = runtime_open(bytes, length, 1, &error);
    g_assert_no_error(error);
    g_assert_true(runtime_bind(runtime, &input, &output, 1, &error));
    json_t *outputs = json_object_get(json_object_get(golden, "yolox_nano.onnx"), "outputs");
    check_raw(runtime, &input.shape, &output.shape, json_object_get(outputs, "output"));
    json_decref(golden);
}

/* Another size, one label: everything comes from the card. */
static void test_a_model_of_one_class_sees_people(void)
{
    g_autofree char *model = shared_path("models/light_person_detector.onnx");
    g_autofree char *card = card_path("light_person_detector.card.json");
    if (!model)
        return;
    g_autofree struct detections *found = g_new0(struct detections, 1);
    const struct detector_settings settings = {.card = card, .threads = 1};
    CLEANUP(detector) struct detector *detector = detector_open(model, &settings, NULL);
    g_assert_nonnull(detector);
    CLEANUP(frame) struct frame *frame = load_picture("coco_gt/000000000785.jpg");
    g_assert_true(detector_run(detector, frame, found, NULL));
    g_assert_cmpint(found->count, ==, 1);
    g_assert_cmpstr(found->items[0].object_class, ==, "person");
    /* the skier, as the picture's own annotation has her */
    g_assert_cmpfloat_with_epsilon(found->items[0].box.x, 280.8 / 640, 0.03);
    g_assert_cmpfloat_with_epsilon(found->items[0].box.w, 218.5 / 640, 0.06);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/golden/yolox nano sees what the reference saw", test_yolox_nano_sees_what_the_reference_saw);
    g_test_add_func("/golden/yolox nano gives the reference's numbers", test_yolox_nano_gives_the_reference_s_numbers);
    g_test_add_func("/golden/a model of one class sees people", test_a_model_of_one_class_sees_people);
    return g_test_run();
}
