/* What is read from a model's outputs: their sizes, and what kinds of numbers they may be of. */
#include "onnx_model.h"
#include "vision/half.h"
#include "vision/runtime_internal.h"

#include <math.h>
#include <string.h>

/* ---- sizes ---- */

/* Of what came out of a run a size of 0 is none at all, and fits only where any number will do. */
static void check_sizes_of_none(const struct tensor_want *want, const struct tensor_shape *wanted)
{
    for (int i = 0; i < wanted->rank; i++) {
        struct tensor found = {(char *)"output", ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, *wanted};
        found.shape.sizes[i] = 0;
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(runtime_check_result(&found, want, &error), ==, wanted->sizes[i] < 1);
    }
}

static void test_no_family_takes_none_for_some(void)
{
    static char *labels[] = {(char *)"person", (char *)"car", (char *)"dog"};
    int checked = 0;
    for (enum model_family family = MODEL_YOLOX; family_find(family); family++) {
        const struct model_card card = {
            .family = family, .input_width_px = 64, .input_height_px = 64, .labels = {labels, G_N_ELEMENTS(labels)}};
        struct tensor_want wants[MODEL_MAX_TENSORS] = {{0}};
        int count = 0;
        g_autoptr(GString) reason = g_string_new(NULL);
        g_assert_true(family_find(family)->describe(&card, wants, &count, reason, NULL));
        for (int i = 0; i < count; i++, checked++) {
            check_sizes_of_none(&wants[i], &wants[i].shape);
            check_sizes_of_none(&wants[i], &wants[i].other_shape);
        }
    }
    g_assert_cmpint(checked, >, 20);
}

static const struct tensor_want input_want = {.name = "x", .shape = {4, {1, 3, 2, 2}}};

/* Where the operator cannot tell the size, what the model declares is all that is known of it before it is run. */
static void test_a_size_that_no_memory_has(void)
{
    const struct tensor_want want = {.name = "places", .shape = {2, {4, 0}}, .is_count = true};
    const struct onnx_model model = {.input = {"x", ONNX_FLOAT, 4, {1, 3, 2, 2}},
                                     .output = {"places", ONNX_INT64, 2, {4, (int64_t)1 << 40}},
                                     .tells_non_zeros = true};
    const struct detector_settings settings = {.threads = 1};
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) bytes = onnx_model_make(&model);
    CLEANUP(runtime) struct runtime *runtime = runtime_open(bytes->data, bytes->len, &settings, &error);
    g_assert_no_error(error);
    g_assert_false(runtime_bind(runtime, &input_want, &want, 1, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "output 'places' would take more than 256 MiB"));
}

/* ---- kinds of numbers ---- */

static const float numbers[] = {3, 90};

/* A model that gives the numbers as this type; NULL with an error where it is refused. */
static struct runtime *bind_numbers(int type, bool is_count, GError **error)
{
    const struct tensor_want want = {.name = "numbers", .shape = {3, {1, 1, 2}}, .is_count = is_count};
    const struct onnx_model model = {.input = {"x", ONNX_FLOAT, 4, {1, 3, 2, 2}},
                                     .output = {"numbers", type, 3, {1, 1, 2}},
                                     .values = numbers,
                                     .value_count = G_N_ELEMENTS(numbers),
                                     .value_sizes = {1, 1, 2}};
    const struct detector_settings settings = {.threads = 1};
    g_autoptr(GByteArray) bytes = onnx_model_make(&model);
    CLEANUP(runtime) struct runtime *runtime = runtime_open(bytes->data, bytes->len, &settings, error);
    return runtime && runtime_bind(runtime, &input_want, &want, 1, error) ? g_steal_pointer(&runtime) : NULL;
}

static void assert_taken(int type, bool is_count)
{
    g_autoptr(GError) error = NULL;
    CLEANUP(runtime) struct runtime *runtime = bind_numbers(type, is_count, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(runtime_outputs(runtime)->values, sizeof numbers, numbers, sizeof numbers);
}

static void assert_refused(int type, bool is_count, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(bind_numbers(type, is_count, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, words) || !strstr(error->message, "export it with float outputs"))
        g_error("'%s' does not say '%s' and what to do", error->message, words);
}

/* As quantisers leave models: scores and places as levels, whose scale nothing tells. */
static void test_levels_are_no_scores(void)
{
    assert_refused(ONNX_UINT8, false, "output 'numbers' is uint8 [1,1,2], its card calls for float [1,1,2]");
    assert_refused(ONNX_INT32, false, "output 'numbers' is int32 [1,1,2]");
    assert_refused(ONNX_INT64, false, "output 'numbers' is int64 [1,1,2]");
    assert_refused(ONNX_UINT8, true, "output 'numbers' is uint8 [1,1,2]");
}

static void test_numbers_that_are_read(void)
{
    static const int floats[] = {ONNX_FLOAT, ONNX_FLOAT16, ONNX_DOUBLE}, counts[] = {ONNX_INT32, ONNX_INT64};
    for (size_t i = 0; i < G_N_ELEMENTS(floats); i++)
        for (int is_count = 0; is_count < 2; is_count++)
            assert_taken(floats[i], is_count);
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++)
        assert_taken(counts[i], true);
}

/* As detectors with NMS inside give them: no family takes whole numbers for anything else. */
static void test_only_classes_and_counts_are_whole_numbers(void)
{
    static char *labels[] = {(char *)"person"};
    for (enum model_family family = MODEL_YOLOX; family_find(family); family++) {
        const struct model_card card = {
            .family = family, .input_width_px = 64, .input_height_px = 64, .labels = {labels, G_N_ELEMENTS(labels)}};
        struct tensor_want wants[MODEL_MAX_TENSORS] = {{0}};
        int count = 0, counts = 0;
        g_autoptr(GString) reason = g_string_new(NULL);
        g_assert_true(family_find(family)->describe(&card, wants, &count, reason, NULL));
        for (int i = 0; i < count; i++)
            counts += wants[i].is_count;
        g_assert_cmpint(counts, ==, family == MODEL_SSD ? 2 : 0);
    }
}

static void test_halves(void)
{
    for (uint32_t half = 0; half < 1 << 16; half++) {
        float value = half_read((uint16_t)half);
        g_assert_cmpuint(isnan(value) ? (half & 0x7c00) : half_make(value), ==, isnan(value) ? 0x7c00 : half);
    }
    g_assert_cmpfloat(half_read(0x3c00), ==, 1);
    g_assert_cmpfloat(half_read(0xc000), ==, -2);
    g_assert_cmpfloat(half_read(0x0001), ==, 0x1p-24F);
    g_assert_cmpuint(half_make(65519), ==, 0x7bff); /* the greatest, 65504 */
    g_assert_cmpuint(half_make(65520), ==, 0x7c00);
    g_assert_cmpuint(half_make(1 + 0x1p-11F), ==, 0x3c00); /* a tie goes to even */
    g_assert_cmpuint(half_make(1 + 0x3p-11F), ==, 0x3c02);
    g_assert_cmpuint(half_make(0x1p-25F), ==, 0);
    g_assert_cmpuint(half_make(-0x1.8p-25F), ==, 0x8001);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/outputs/no family takes none for some", test_no_family_takes_none_for_some);
    g_test_add_func("/outputs/a size that no memory has", test_a_size_that_no_memory_has);
    g_test_add_func("/outputs/levels are no scores", test_levels_are_no_scores);
    g_test_add_func("/outputs/numbers that are read", test_numbers_that_are_read);
    g_test_add_func("/outputs/only classes and counts are whole numbers",
                    test_only_classes_and_counts_are_whole_numbers);
    g_test_add_func("/outputs/16-bit floats", test_halves);
    return g_test_run();
}
