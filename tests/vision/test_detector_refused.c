/* Which models and cards are taken, and what is refused in which words. */
#include "detector_world.h"

#include <sys/stat.h>

/* ---- what is refused, and in which words ---- */

static void assert_refused(const struct world *world, const char *words)
{
    g_autoptr(GError) error = NULL;
    CLEANUP(detector) struct detector *detector = open_detector(world, &error);
    g_assert_null(detector);
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    if (!strstr(error->message, words))
        g_error("'%s' does not say '%s'", error->message, words);
    g_assert_nonnull(strstr(error->message, world->directory)); /* on what */
    g_assert_null(strchr(error->message, '\n'));
}

static void test_files_that_are_no_model(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    assert_refused(&world, "No such file");
    tiny_write(&world, &tiny, NULL);
    assert_refused(&world, "has no card: write");
    write_file(world.card, tiny_card, -1);
    write_file(world.model, "", 0);
    assert_refused(&world, "is empty");
    write_file(world.model, "#!/bin/sh\necho this is no model\n", -1);
    assert_refused(&world, "is no ONNX model that can be run: Failed to load model because protobuf parsing failed.");
    g_autoptr(GByteArray) bytes = onnx_model_make(&tiny.model);
    for (guint length = 1; length < bytes->len; length += 1 + length / 16) {
        write_file(world.model, bytes->data, (gssize)length);
        CLEANUP(detector) struct detector *detector = open_detector(&world, NULL);
        g_assert_null(detector);
    }
    g_unlink(world.model);
    g_assert_cmpint(g_mkdir(world.model, 0700), ==, 0);
    assert_refused(&world, "is no file");
    g_rmdir(world.model);
    g_assert_cmpint(mkfifo(world.model, 0600), ==, 0);
    assert_refused(&world, "is no file"); /* and no one is waited for who writes into it */
    g_unlink(world.model);
    world_clear(&world);
}

static void test_cards_that_do_not_fit(void)
{
    static const struct {
        const char *from, *to; /* of tiny_card */
        const char *words;
    } cases[] = {
        {"\"car\",", "",
         "output 'output' is float [1,21,8], its card calls for float [1,21,7]: a 32 x 32 input makes 21 "
         "rows, 2 labels make 7 columns"},
        {"\"input_width_px\":32", "\"input_width_px\":64",
         "input 'images' is float [1,3,32,32], its card calls for float [1,3,32,64]"},
        {"\"input_width_px\":32", "\"input_width_px\":33", "YOLOX takes multiples of 32"},
        {"{\"name\"", "{\"layout\":\"nhwc\",\"name\"", "its card calls for float [1,32,32,3]"},
        {"{\"name\"", "{\"input_name\":\"data\",\"name\"", "has no input 'data'; it has 'images' float [1,3,32,32]"},
        {"{\"name\"", "{\"sha256\":\"00ff\",\"name\"", "is not the file its card describes: SHA-256 is "},
        {"\"yolox\"", "\"yolov9\"", "family: "},
        {"\"labels\":[\"person\",\"car\",\"dog\"]", "\"licence\":\"MIT\"", "labels: "},
        {"\"dog\"", "\"a dog whose name is so long that neither events nor chunks could keep it\"",
         "labels[2]: has more than 64 bytes"},
        {"}", "", "card '"},
        {"\"input_width_px\":32", "\"input_width_px\":\"32\"", "input_width_px: "},
    };
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) card = g_string_new(tiny_card);
        g_assert_cmpint(g_string_replace(card, cases[i].from, cases[i].to, 1), ==, 1);
        tiny_write(&world, &tiny, card->str);
        assert_refused(&world, cases[i].words);
    }
    world_clear(&world);
}

static void test_models_that_do_not_fit(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny.model.input.type = ONNX_UINT8;
    tiny_write(&world, &tiny, tiny_card);
    assert_refused(&world, "input 'images' is uint8 [1,3,32,32], its card calls for float [1,3,32,32]");
    tiny_init(&tiny);
    tiny.model.second_input = (struct onnx_tensor){"size", ONNX_FLOAT, 1, {2}};
    tiny_write(&world, &tiny, tiny_card);
    assert_refused(&world, "has 2 inputs and 1 outputs");
    tiny_init(&tiny);
    tiny.model.input.rank = 3;
    tiny_write(&world, &tiny, tiny_card);
    assert_refused(&world, "its card calls for float [1,3,32,32]");
    tiny_init(&tiny);
    tiny.model.output = (struct onnx_tensor){"output", ONNX_FLOAT, 3, {0, 0, 0}};
    tiny.model.value_sizes[1] = 3;
    tiny.model.value_sizes[2] = 56;
    tiny_write(&world, &tiny, tiny_card);
    assert_refused(&world, "output 'output' is float [1,3,56], its card calls for float [1,21,8]");
    world_clear(&world);
}

/* A batch size that the model leaves open is 1, and a card may name the right SHA-256 in capitals. */
static void test_open_sizes_and_a_right_sha256_are_taken(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny.model.input.sizes[0] = tiny.model.output.sizes[0] = 0;
    tiny_row(&tiny, 0, (float[]){0.5F, 0.5F, 0, 0}, 1, 0, 1);
    g_autoptr(GByteArray) bytes = onnx_model_make(&tiny.model);
    g_autofree char *sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes->data, bytes->len);
    g_autofree char *capitals = g_ascii_strup(sha256, -1);
    g_autofree char *start = g_strdup_printf("{\"sha256\":\"%s\",\"name\"", capitals);
    g_autoptr(GString) card = g_string_new(tiny_card);
    g_string_replace(card, "{\"name\"", start, 1);
    tiny_write(&world, &tiny, card->str);
    run(&world, 100, 100);
    g_assert_cmpint(world.found->count, ==, 1);
    world_clear(&world);
}

/* ---- outputs of size 0 ---- */

/* A model that leaves its sizes open and then gives nothing, of this shape. False with an error where it is refused. */
static bool run_on_nothing(struct world *world, const char *family, const int64_t sizes[3], GError **error)
{
    struct onnx_model model = {.input = {"images", ONNX_FLOAT, 4, {1, 3, TINY_PX, TINY_PX}},
                               .output = {"output", ONNX_FLOAT, 3, {0, 0, 0}},
                               .value_sizes = {sizes[0], sizes[1], sizes[2]}};
    const struct detector_settings settings = {.threads = 1};
    g_autoptr(GByteArray) bytes = onnx_model_make(&model);
    g_autoptr(GString) card = g_string_new(tiny_card);
    g_string_replace(card, "yolox", family, 1);
    write_file(world->model, bytes->data, bytes->len);
    write_file(world->card, card->str, -1);
    CLEANUP(frame) struct frame *frame = grey_frame(64, 64);
    if (!g_str_has_prefix(family, "plate")) {
        CLEANUP(detector) struct detector *detector = detector_open(world->model, &settings, error);
        return detector && detector_run(detector, frame, world->found, error) && world->found->count == 0;
    }
    CLEANUP(reader) struct reader *reader = reader_open(world->model, &settings, error);
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    return reader && reader_run(reader, frame, NULL, reading, error) && reading->value_count == 0;
}

static void test_outputs_that_turn_out_to_be_empty(void)
{
    static const struct {
        const char *family;
        int64_t sizes[3];
        const char *words; /* of the refusal; NULL: taken, and nothing is found or read */
    } cases[] = {
        {"yolov8", {1, 0, 21}, "output 'output' is float [1,0,21], its card calls for float [1,7,21]"},
        {"yolov8", {1, 7, 0}, "output 'output' is float [1,7,0]"},
        {"yolov8", {1, 21, 0}, "output 'output' is float [1,21,0]"},
        {"yolov5", {1, 0, 8}, "output 'output' is float [1,0,8]"},
        {"yolox", {1, 21, 0}, "output 'output' is float [1,21,0]"},
        {"nanodet_plus", {1, 22, 0}, "output 'output' is float [1,22,0]"},
        {"end_to_end", {1, 5, 0}, "output 'output' is float [1,5,0], its card calls for float [1,?,6]"},
        {"end_to_end", {0, 5, 6}, "output 'output' is float [0,5,6]"},
        {"end_to_end", {1, 0, 6}, NULL},
        {"plate_slots", {1, 7, 0}, "output 'output' is float [1,7,0], its card calls for float [1,?,3]"},
        {"plate_slots", {1, 0, 3}, NULL},
        {"plate_ctc", {1, 0, 3}, NULL},
    };
    struct world world;
    world_init(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        bool is_taken = run_on_nothing(&world, cases[i].family, cases[i].sizes, &error);
        g_assert_cmpint(is_taken, ==, !cases[i].words);
        if (!is_taken && !strstr(error->message, cases[i].words))
            g_error("'%s' does not say '%s'", error->message, cases[i].words);
    }
    world_clear(&world);
}

/* What the model takes and gives in other numbers than floats is turned on the way. */
static void test_other_numbers_than_floats(void)
{
    static const struct {
        int input, output;
        const char *type;
    } cases[] = {{ONNX_FLOAT16, ONNX_FLOAT16, "float16"}, {ONNX_UINT8, ONNX_DOUBLE, "uint8"}};
    struct world world;
    struct tiny tiny;
    world_init(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *start = g_strdup_printf("{\"input_type\":\"%s\",\"name\"", cases[i].type);
        g_autoptr(GString) card = g_string_new(tiny_card);
        g_string_replace(card, "{\"name\"", start, 1);
        tiny_init(&tiny);
        tiny.model.input.type = cases[i].input;
        tiny.model.output.type = cases[i].output;
        tiny_row(&tiny, 20, (float[]){0, 0, 0, 0}, 1, 1, 1);
        tiny_write(&world, &tiny, card->str);
        run(&world, 32, 32);
        g_assert_cmpint(world.found->count, ==, 1);
        assert_box(&world.found->items[0].box, -0.5, -0.5, 1, 1);
        g_assert_cmpstr(world.found->items[0].object_class, ==, "car");
    }
    world_clear(&world);
}

/* Exports name their outputs as they like: one that fits is taken. */
static void test_outputs_are_known_by_their_shape(void)
{
    static const char card[] = "{\"name\":\"tiny\",\"family\":\"embedder\",\"input_width_px\":32,"
                               "\"input_height_px\":32,\"input_name\":\"x\",\"layout\":\"nhwc\"}";
    static const float values[] = {3, 4};
    const struct onnx_model model = {.input = {"x", ONNX_FLOAT, 4, {0, 0, 0, 3}},
                                     .output = {"anything/at:0", ONNX_FLOAT, 3, {0, 1, 2}},
                                     .values = values,
                                     .value_count = 2,
                                     .value_sizes = {1, 1, 2}};
    struct world world;
    world_init(&world);
    g_autoptr(GByteArray) bytes = onnx_model_make(&model);
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    g_autoptr(GError) error = NULL;
    write_file(world.model, bytes->data, bytes->len);
    write_file(world.card, card, -1);
    const struct detector_settings settings = {.threads = 1};
    CLEANUP(reader) struct reader *reader = reader_open(world.model, &settings, &error);
    CLEANUP(frame) struct frame *frame = grey_frame(64, 48);
    g_assert_no_error(error);
    g_assert_true(reader_run(reader, frame, NULL, reading, &error));
    g_assert_cmpint(reading->value_count, ==, 2);
    g_assert_cmpfloat_with_epsilon(reading->values[1], 0.8, 1e-6);
    world_clear(&world);
}

static void test_a_card_lies_beside_its_model_or_is_named(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_write(&world, &tiny, NULL);
    g_autofree char *other = g_build_filename(world.directory, "tiny.json", NULL);
    g_autofree char *elsewhere = g_build_filename(world.directory, "another.name", NULL);
    write_file(other, tiny_card, -1);
    run(&world, 32, 32);
    g_assert_cmpint(g_rename(other, elsewhere), ==, 0);
    const struct detector_settings settings = {.card = elsewhere, .threads = 1};
    g_autoptr(GError) error = NULL;
    CLEANUP(detector) struct detector *detector = detector_open(world.model, &settings, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(detector_card(detector)->name, ==, "tiny");
    g_unlink(elsewhere);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/detector/files that are no model", test_files_that_are_no_model);
    g_test_add_func("/detector/cards that do not fit", test_cards_that_do_not_fit);
    g_test_add_func("/detector/models that do not fit", test_models_that_do_not_fit);
    g_test_add_func("/detector/open sizes and a right sha256 are taken", test_open_sizes_and_a_right_sha256_are_taken);
    g_test_add_func("/detector/outputs that turn out to be empty", test_outputs_that_turn_out_to_be_empty);
    g_test_add_func("/detector/other numbers than floats", test_other_numbers_than_floats);
    g_test_add_func("/detector/outputs are known by their shape", test_outputs_are_known_by_their_shape);
    g_test_add_func("/detector/a card lies beside its model, or is named",
                    test_a_card_lies_beside_its_model_or_is_named);
    return g_test_run();
}
