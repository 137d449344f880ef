/* Real models and pictures against what a reference saw, where the shared assets lie: detectors, and every model's
 * numbers. */
#include "golden_world.h"
#include "media/media.h"

#include <math.h>
#include <string.h>

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
    CLEANUP(frame) struct frame *frame = golden_load_picture(key);
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
    g_autofree char *model = golden_shared_path("models/yolox_nano.onnx"),
                    *card = golden_card_path("yolox_nano.card.json");
    json_t *golden = model ? golden_load_json("GOLDEN_images.json") : NULL, *pictures, *wanted;
    const char *key;
    if (!golden)
        return;
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

/* First values, sum, least and greatest of an output. */
static void check_output(const char *name, const struct tensor_view *view, const json_t *wanted)
{
    int64_t outputs = tensor_shape_count(&view->shape);
    double sum = 0, least = INFINITY, greatest = -INFINITY, magnitude = 0;
    for (int64_t i = 0; i < outputs; i++) {
        sum += view->values[i];
        magnitude += fabs(view->values[i]);
        least = MIN(least, view->values[i]);
        greatest = MAX(greatest, view->values[i]);
    }
    json_t *first = json_object_get(wanted, "first8");
    double scale = MAX(1, MAX(fabs(least), fabs(greatest)));
    g_test_message("%s: sum %g, wanted %g", name, sum, json_number_value(json_object_get(wanted, "sum")));
    for (size_t i = 0; i < json_array_size(first); i++)
        g_assert_cmpfloat_with_epsilon(view->values[i], json_number_value(json_array_get(first, i)), 1e-3 * scale);
    g_assert_cmpfloat_with_epsilon(sum, json_number_value(json_object_get(wanted, "sum")), 2e-4 * MAX(magnitude, 1));
    g_assert_cmpfloat_with_epsilon(least, json_number_value(json_object_get(wanted, "min")), 1e-3 * scale);
    g_assert_cmpfloat_with_epsilon(greatest, json_number_value(json_object_get(wanted, "max")), 1e-3 * scale);
}

/* Outputs are told apart by their name, or by being the only one. */
static const json_t *wanted_of(const json_t *outputs, const char *name)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)outputs, key, value)
    {
        if (!name || strcmp(key, name) == 0)
            return value;
    }
    return NULL;
}

/* Feeds the input that the reference was made with through the tensors that the card's family calls for. */
static void check_raw(struct model_card *card, const char *file, const json_t *golden)
{
    g_autofree char *relative = g_strconcat("models/", file, NULL), *path = golden_shared_path(relative), *bytes = NULL;
    gsize length = 0;
    struct tensor_want wants[MODEL_MAX_TENSORS];
    int count = 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) reason = g_string_new(NULL);
    const json_t *dims = json_object_get(json_object_get(golden, "input"), "dims");
    bool is_nhwc = card->layout == MODEL_NHWC;
    card->input_height_px = (int32_t)json_integer_value(json_array_get(dims, is_nhwc ? 1 : 2));
    card->input_width_px = (int32_t)json_integer_value(json_array_get(dims, is_nhwc ? 2 : 3));
    struct tensor_want input = model_want_input(card);
    for (size_t i = 0; i < json_array_size(dims); i++)
        input.shape.sizes[i] = json_integer_value(json_array_get(dims, i));
    g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
    g_assert_true(family_find(card->family)->describe(card, wants, &count, reason, &error));
    const struct detector_settings settings = {.threads = 1};
    CLEANUP(runtime) struct runtime *runtime = runtime_open(bytes, length, &settings, &error);
    g_assert_no_error(error);
    g_assert_true(runtime_bind(runtime, &input, wants, count, &error));
    for (int64_t i = 0; i < tensor_shape_count(&input.shape); i++)
        runtime_input(runtime)[i] = (float)(i * 7919 % 256);
    g_assert_true(runtime_run(runtime, NULL));
    for (int i = 0; i < count; i++) {
        const json_t *wanted = wanted_of(json_object_get(golden, "outputs"), wants[i].name);
        g_assert_nonnull(wanted);
        check_output(file, &runtime_outputs(runtime)[i], wanted);
    }
}

/* Every model of the shared assets, by its card. */
static void test_every_model_gives_the_reference_s_numbers(void)
{
    json_t *golden = golden_load_json("GOLDEN_raw.json"), *wanted;
    const char *key;
    int checked = 0;
    if (!golden)
        return;
    json_object_foreach(golden, key, wanted)
    {
        if (!json_is_object(wanted))
            continue;
        g_autoptr(GString) name = g_string_new(key);
        g_string_replace(name, ".onnx", ".card.json", 1);
        g_autofree char *path = golden_card_path(name->str);
        struct model_card card;
        g_autoptr(GError) error = NULL;
        g_assert_true(card_load(key, path, &card, &error));
        g_assert_no_error(error);
        check_raw(&card, key, wanted);
        record_clear(&model_card_descriptor, &card);
        checked++;
    }
    g_assert_cmpint(checked, >=, 15);
    json_decref(golden);
}

/* Another size, one label: everything comes from the card. */
static void test_a_model_of_one_class_sees_people(void)
{
    g_autofree char *model = golden_shared_path("models/light_person_detector.onnx");
    g_autofree char *card = golden_card_path("light_person_detector.card.json");
    if (!model)
        return;
    g_autofree struct detections *found = g_new0(struct detections, 1);
    const struct detector_settings settings = {.card = card, .threads = 1};
    CLEANUP(detector) struct detector *detector = detector_open(model, &settings, NULL);
    g_assert_nonnull(detector);
    CLEANUP(frame) struct frame *frame = golden_load_picture("coco_gt/000000000785.jpg");
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
    g_assert_true(media_init(false, NULL));
    g_test_add_func("/golden/yolox nano sees what the reference saw", test_yolox_nano_sees_what_the_reference_saw);
    g_test_add_func("/golden/every model gives the reference's numbers",
                    test_every_model_gives_the_reference_s_numbers);
    g_test_add_func("/golden/a model of one class sees people", test_a_model_of_one_class_sees_people);
    return g_test_run();
}
