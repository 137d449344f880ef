#include "onnx_model.h"
#include "vision/runtime_internal.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* ---- a place for models and cards ---- */

struct world {
    char *directory, *model, *card;
    struct detections *found;
};

static void world_init(struct world *world)
{
    world->directory = g_dir_make_tmp("vedette-detector-XXXXXX", NULL);
    g_assert_nonnull(world->directory);
    world->model = g_build_filename(world->directory, "tiny.onnx", NULL);
    world->card = g_build_filename(world->directory, "tiny.card.json", NULL);
    world->found = g_new0(struct detections, 1);
}

static void world_clear(struct world *world)
{
    g_unlink(world->model);
    g_unlink(world->card);
    g_rmdir(world->directory);
    g_free(world->model);
    g_free(world->card);
    g_free(world->directory);
    g_free(world->found);
}

static void write_file(const char *path, const void *bytes, gssize length)
{
    g_assert_true(g_file_set_contents(path, bytes, length, NULL));
}

/* ---- a model of our own: 32 x 32, three labels, 16 + 4 + 1 rows of 8 ---- */

enum { TINY_PX = 32, TINY_ROWS = 21, TINY_COLUMNS = 8 };

static const char tiny_card[] = "{\"name\":\"tiny\",\"family\":\"yolox\",\"input_width_px\":32,\"input_height_px\":32,"
                                "\"labels\":[\"person\",\"car\",\"dog\"]}";

struct tiny {
    float values[TINY_ROWS * TINY_COLUMNS];
    struct onnx_model model;
};

static void tiny_init(struct tiny *tiny)
{
    memset(tiny, 0, sizeof *tiny);
    tiny->model = (struct onnx_model){
        .input = {"images", ONNX_FLOAT, 4, {1, 3, TINY_PX, TINY_PX}},
        .output = {"output", ONNX_FLOAT, 3, {1, TINY_ROWS, TINY_COLUMNS}},
        .values = tiny->values,
        .value_count = G_N_ELEMENTS(tiny->values),
        .value_sizes = {1, TINY_ROWS, TINY_COLUMNS},
    };
}

/* Sets a row: offsets and log sizes in cells, the object's probability and that of one class. */
static void tiny_row(struct tiny *tiny, int row, const float box[4], float object, int label, float probability)
{
    float *values = tiny->values + row * TINY_COLUMNS;
    memcpy(values, box, 4 * sizeof *box);
    values[4] = object;
    values[5 + label] = probability;
}

static void tiny_write(const struct world *world, const struct tiny *tiny, const char *card)
{
    g_autoptr(GByteArray) bytes = onnx_model_make(&tiny->model);
    write_file(world->model, bytes->data, bytes->len);
    if (card)
        write_file(world->card, card, -1);
}

static struct detector *open_detector(const struct world *world, GError **error)
{
    const struct detector_settings settings = {.threads = 1};
    return detector_open(world->model, &settings, error);
}

static struct frame *grey_frame(int width, int height)
{
    struct frame *frame = frame_new_allocated(width, height);
    for (int plane = 0; plane < 3; plane++)
        memset(frame_plane(frame, plane), 128,
               (size_t)frame->strides_bytes[plane] * (size_t)frame_plane_rows(frame, plane));
    return frame;
}

static void run(struct world *world, int width, int height)
{
    g_autoptr(GError) error = NULL;
    CLEANUP(detector) struct detector *detector = open_detector(world, &error);
    g_assert_no_error(error);
    CLEANUP(frame) struct frame *frame = grey_frame(width, height);
    g_assert_true(detector_run(detector, frame, world->found, &error));
    g_assert_no_error(error);
}

/* ---- what is read from a model's output ---- */

static void assert_box(const struct record_box *box, double x, double y, double w, double h)
{
    g_assert_cmpfloat_with_epsilon(box->x, x, 1e-5);
    g_assert_cmpfloat_with_epsilon(box->y, y, 1e-5);
    g_assert_cmpfloat_with_epsilon(box->w, w, 1e-5);
    g_assert_cmpfloat_with_epsilon(box->h, h, 1e-5);
}

static void test_a_box_is_placed_in_the_frame(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    /* cell (1, 2) of the finest grid: centre (1.5, 2.25) cells of 8, size (2, 1) cells: 12,18 and 16 x 8 pixels */
    tiny_row(&tiny, 2 * 4 + 1, (float[]){0.5F, 0.25F, logf(2), 0}, 0.9F, 1, 0.8F);
    tiny_write(&world, &tiny, tiny_card);
    run(&world, 64, 64);
    g_assert_cmpint(world.found->count, ==, 1);
    g_assert_cmpstr(world.found->items[0].object_class, ==, "car");
    g_assert_true(world.found->items[0].object_class == g_intern_string("car"));
    g_assert_cmpfloat_with_epsilon(world.found->items[0].confidence, 0.72, 1e-6);
    assert_box(&world.found->items[0].box, 4 / 32.0, 14 / 32.0, 16 / 32.0, 8 / 32.0);
    /* twice as wide as high: the frame is the input's upper half, so heights count double and the box leaves it below
     */
    run(&world, 200, 100);
    assert_box(&world.found->items[0].box, 4 / 32.0, 14 / 16.0, 16 / 32.0, 8 / 16.0);
    world_clear(&world);
}

static void test_the_coarser_grids_come_after_the_finer(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_row(&tiny, 16 + 3, (float[]){0, 0, 0, 0}, 1, 0, 0.9F);   /* cell (1, 1) of stride 16 */
    tiny_row(&tiny, 20, (float[]){0.5F, 0.5F, 0, 0}, 1, 2, 0.8F); /* the only cell of stride 32 */
    tiny_write(&world, &tiny, tiny_card);
    run(&world, 32, 32);
    g_assert_cmpint(world.found->count, ==, 2);
    assert_box(&world.found->items[0].box, 0.25, 0.25, 0.5, 0.5);
    assert_box(&world.found->items[1].box, 0, 0, 1, 1);
    g_assert_cmpstr(world.found->items[1].object_class, ==, "dog");
    world_clear(&world);
}

static void test_what_is_no_box_is_left_out(void)
{
    static const float boxes[][4] = {{NAN, 0, 0, 0},       {0, INFINITY, 0, 0}, {0, 0, 1000, 0}, {0, 0, 0, NAN},
                                     {0, 0, -INFINITY, 0}, {1e30F, 0, 0, 0},    {-900, 0, 0, 0}};
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    for (int i = 0; i < (int)G_N_ELEMENTS(boxes); i++)
        tiny_row(&tiny, i, boxes[i], 1, 0, 1);
    tiny_row(&tiny, 10, (float[]){0, 0, 0, 0}, NAN, 0, 1);
    tiny_row(&tiny, 11, (float[]){0, 0, 0, 0}, 1, 0, NAN);
    tiny_row(&tiny, 12, (float[]){0, 0, 0, 0}, 5, 0, 5); /* probabilities above 1: a box, of confidence 1 */
    tiny_write(&world, &tiny, tiny_card);
    run(&world, 32, 32);
    g_assert_cmpint(world.found->count, ==, 1);
    g_assert_cmpfloat(world.found->items[0].confidence, ==, 1);
    world_clear(&world);
}

/* Of 0.1, 0.4 and 0.7, apart from one another. */
static void tiny_find_three(struct tiny *tiny)
{
    tiny_row(tiny, 0, (float[]){0, 0, 0, 0}, 1, 0, 0.1F);
    tiny_row(tiny, 6, (float[]){0, 0, 0, 0}, 1, 0, 0.4F);
    tiny_row(tiny, 15, (float[]){0, 0, 0, 0}, 1, 0, 0.7F);
}

static void test_thresholds_come_from_the_settings_else_the_card(void)
{
    static const struct {
        double setting;
        const char *card;
        int found;
    } cases[] = {{0, "", 2}, {0, ",\"confidence\":0.65", 1}, {0.05, ",\"confidence\":0.65", 3}, {0.8, "", 0}};
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_find_three(&tiny);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) card = g_string_new(tiny_card);
        g_string_insert(card, (gssize)card->len - 1, cases[i].card);
        tiny_write(&world, &tiny, card->str);
        const struct detector_settings settings = {.confidence = cases[i].setting, .threads = 1};
        CLEANUP(detector) struct detector *detector = detector_open(world.model, &settings, NULL);
        CLEANUP(frame) struct frame *frame = grey_frame(50, 50);
        g_assert_true(detector_run(detector, frame, world.found, NULL));
        g_assert_cmpint(world.found->count, ==, cases[i].found);
    }
    world_clear(&world);
}

static void test_sizes_that_change_are_followed(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_row(&tiny, 0, (float[]){0.5F, 0.5F, 0, 0}, 1, 0, 1);
    tiny_write(&world, &tiny, tiny_card);
    CLEANUP(detector) struct detector *detector = open_detector(&world, NULL);
    static const int sizes[][2] = {{1920, 1080}, {1, 1}, {33, 977}, {640, 2}, {1920, 1080}};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        CLEANUP(frame) struct frame *frame = grey_frame(sizes[i][0], sizes[i][1]);
        g_assert_true(detector_run(detector, frame, world.found, NULL));
        g_assert_cmpint(world.found->count, ==, 1);
    }
    world_clear(&world);
}

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

/* ---- what a region adds to a frame ---- */

static int found_from(const struct world *world, struct detector *detector, double confidence)
{
    CLEANUP(frame) struct frame *frame = grey_frame(50, 50);
    g_assert_true(detector_run_region(detector, frame, NULL, confidence, world->found, NULL));
    return world->found->count;
}

static void test_each_run_may_have_its_own_threshold(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_find_three(&tiny);
    tiny_write(&world, &tiny, tiny_card);
    const struct detector_settings settings = {.confidence = 0.5, .threads = 1};
    CLEANUP(detector) struct detector *detector = detector_open(world.model, &settings, NULL);
    g_assert_nonnull(detector);
    g_assert_cmpint(found_from(&world, detector, 0.05), ==, 3);
    g_assert_cmpint(found_from(&world, detector, 0.7), ==, 1);
    g_assert_cmpint(found_from(&world, detector, 0), ==, 2); /* the card's */
    g_assert_cmpfloat(detector_confidence(detector, 0.5), ==, 0.5);
    g_assert_cmpfloat_with_epsilon(detector_confidence(detector, 0), 0.3, 1e-6);
    world_clear(&world);
}

/* How many there are of two people that overlap by 0.6. */
static int merged(const struct world *world, double nms_iou)
{
    const struct detector_settings settings = {.threads = 1, .nms_iou = nms_iou};
    CLEANUP(detector) struct detector *detector = detector_open(world->model, &settings, NULL);
    g_assert_nonnull(detector);
    g_autofree struct detections *all = g_new0(struct detections, 1), *more = g_new0(struct detections, 1);
    const char *person = g_intern_string("person");
    all->items[all->count++] = (struct detection){.object_class = person, .box = {0, 0, 0.4, 0.4}};
    more->items[more->count++] = (struct detection){.object_class = person, .box = {0.1, 0, 0.4, 0.4}};
    detector_merge(detector, all, more);
    return all->count;
}

static void test_a_region_is_merged_by_the_setting(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_write(&world, &tiny, tiny_card);
    g_assert_cmpint(merged(&world, 0), ==, 1); /* the card says 0.45 */
    g_assert_cmpint(merged(&world, 0.7), ==, 2);
    world_clear(&world);
}

/* One of low confidence that is held from the whole picture takes nobody's place. */
static void test_the_surer_of_two_stays(void)
{
    struct world world;
    struct tiny tiny;
    const char *person = g_intern_string("person");
    const struct detection unsure = {.object_class = person, .confidence = 0.2, .box = {0, 0, 0.4, 0.4}};
    const struct detection sure = {.object_class = person, .confidence = 0.9, .box = {0.1, 0, 0.4, 0.4}};
    world_init(&world);
    tiny_init(&tiny);
    tiny_write(&world, &tiny, tiny_card);
    const struct detector_settings settings = {.threads = 1};
    CLEANUP(detector) struct detector *detector = detector_open(world.model, &settings, NULL);
    g_autofree struct detections *all = g_new0(struct detections, 1), *more = g_new0(struct detections, 1);
    for (int i = 0; i < 2; i++) {
        all->count = more->count = 1;
        all->items[0] = i ? sure : unsure;
        more->items[0] = i ? unsure : sure;
        detector_merge(detector, all, more);
        g_assert_cmpint(all->count, ==, 1);
        g_assert_cmpfloat(all->items[0].confidence, ==, 0.9);
    }
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/detector/a box is placed in the frame", test_a_box_is_placed_in_the_frame);
    g_test_add_func("/detector/the coarser grids come after the finer", test_the_coarser_grids_come_after_the_finer);
    g_test_add_func("/detector/what is no box is left out", test_what_is_no_box_is_left_out);
    g_test_add_func("/detector/thresholds come from the settings, else the card",
                    test_thresholds_come_from_the_settings_else_the_card);
    g_test_add_func("/detector/sizes that change are followed", test_sizes_that_change_are_followed);
    g_test_add_func("/detector/files that are no model", test_files_that_are_no_model);
    g_test_add_func("/detector/cards that do not fit", test_cards_that_do_not_fit);
    g_test_add_func("/detector/models that do not fit", test_models_that_do_not_fit);
    g_test_add_func("/detector/open sizes and a right sha256 are taken", test_open_sizes_and_a_right_sha256_are_taken);
    g_test_add_func("/detector/outputs that turn out to be empty", test_outputs_that_turn_out_to_be_empty);
    g_test_add_func("/detector/other numbers than floats", test_other_numbers_than_floats);
    g_test_add_func("/detector/outputs are known by their shape", test_outputs_are_known_by_their_shape);
    g_test_add_func("/detector/each run may have its own threshold", test_each_run_may_have_its_own_threshold);
    g_test_add_func("/detector/the surer of two stays", test_the_surer_of_two_stays);
    g_test_add_func("/detector/a region is merged by the setting", test_a_region_is_merged_by_the_setting);
    g_test_add_func("/detector/a card lies beside its model, or is named",
                    test_a_card_lies_beside_its_model_or_is_named);
    return g_test_run();
}
