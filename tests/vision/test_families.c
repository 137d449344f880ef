/* Each family's decode on tensors made by hand, laid out as the published exports lay them out, and on what no honest
 * model would give. What is expected is written down here or by make_decoded.py, not computed by the code under test.
 */
#include "vision/detector_internal.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

enum { INPUT_PX = 32, ROOM = 8192 };

/* A model of a family with tensors of zeros. */
struct world {
    struct model_card card;
    char *labels[3];
    const struct family *family;
    struct tensor_view views[MODEL_MAX_TENSORS];
    float *values[MODEL_MAX_TENSORS];
    struct tensor_want wants[MODEL_MAX_TENSORS];
    int count;
    struct candidate *found;
    GString *reason;
};

static void world_init(struct world *world, enum model_family family, int open_size)
{
    memset(world, 0, sizeof *world);
    world->labels[0] = (char *)"person";
    world->labels[1] = (char *)"car";
    world->labels[2] = (char *)"_";
    world->card = (struct model_card){.family = family,
                                      .input_width_px = INPUT_PX,
                                      .input_height_px = INPUT_PX,
                                      .labels = {world->labels, 3},
                                      .blank = world->labels[2]};
    world->family = family_find(family);
    world->reason = g_string_new(NULL);
    g_assert_true(world->family->describe(&world->card, world->wants, &world->count, world->reason, NULL));
    for (int i = 0; i < world->count; i++) {
        world->views[i].shape = world->wants[i].shape;
        for (int k = 0; k < world->views[i].shape.rank; k++)
            if (world->views[i].shape.sizes[k] < 1)
                world->views[i].shape.sizes[k] = open_size;
        world->values[i] = g_new0(float, (gsize)tensor_shape_count(&world->views[i].shape));
        world->views[i].values = world->values[i];
    }
    world->found = g_new0(struct candidate, ROOM);
}

static void world_clear(struct world *world)
{
    for (int i = 0; i < world->count; i++)
        g_free(world->values[i]);
    g_free(world->found);
    g_string_free(world->reason, TRUE);
}

static int decode(struct world *world)
{
    g_autoptr(GError) error = NULL;
    int count = world->family->decode(&world->card, world->views, 0.3F, world->found, &error);
    g_assert_no_error(error);
    return count;
}

static void assert_candidate(const struct candidate *found, float left, float top, float right, float bottom,
                             float score, int label)
{
    g_assert_cmpfloat_with_epsilon(found->left, left, 1e-4);
    g_assert_cmpfloat_with_epsilon(found->top, top, 1e-4);
    g_assert_cmpfloat_with_epsilon(found->right, right, 1e-4);
    g_assert_cmpfloat_with_epsilon(found->bottom, bottom, 1e-4);
    g_assert_cmpfloat_with_epsilon(found->score, score, 1e-5);
    g_assert_cmpint(found->label, ==, label);
}

/* ultralytics/yolov5 `output0` [1, 3 * cells, 5 + classes]: pixels, decoded; object times class. */
static void test_yolov5(void)
{
    struct world world;
    world_init(&world, MODEL_YOLOV5, 0);
    g_assert_cmpint(world.views[0].shape.sizes[1], ==, 3 * (16 + 4 + 1));
    memcpy(world.values[0] + 8 * 62, (float[]){16, 10, 8, 4, 0.9F, 0.1F, 0.8F, 0.2F}, 8 * sizeof(float));
    memcpy(world.values[0] + 8 * 5, (float[]){16, 10, 8, 4, 0.2F, 1, 0, 0}, 8 * sizeof(float));
    g_assert_cmpint(decode(&world), ==, 1);
    assert_candidate(&world.found[0], 12, 8, 20, 12, 0.72F, 1);
    world_clear(&world);
}

/* ultralytics `output0` [1, 4 + classes, cells]: a column a cell, no object score. */
static void test_yolov8(void)
{
    struct world world;
    world_init(&world, MODEL_YOLOV8, 0);
    const float column[] = {16, 10, 8, 4, 0.1F, 0.2F, 0.7F};
    g_assert_cmpint(world.views[0].shape.sizes[1], ==, 7);
    g_assert_cmpint(world.views[0].shape.sizes[2], ==, 21);
    for (int row = 0; row < 7; row++)
        world.values[0][row * 21 + 20] = column[row];
    g_assert_cmpint(decode(&world), ==, 1);
    assert_candidate(&world.found[0], 12, 8, 20, 12, 0.7F, 2);
    world_clear(&world);
}

/* The same, turned: a row a cell. */
static void test_yolov8_turned(void)
{
    struct world world;
    world_init(&world, MODEL_YOLOV8, 0);
    world.views[0].shape = world.wants[0].other_shape;
    g_assert_cmpint(world.views[0].shape.sizes[1], ==, 21);
    memcpy(world.values[0] + 20 * 7, (float[]){16, 10, 8, 4, 0.1F, 0.2F, 0.7F}, 7 * sizeof(float));
    g_assert_cmpint(decode(&world), ==, 1);
    assert_candidate(&world.found[0], 12, 8, 20, 12, 0.7F, 2);
    world_clear(&world);
}

/* Megvii's export with decode_in_inference: the same rows, boxes in input pixels. */
static void test_yolox_with_decoded_boxes(void)
{
    struct world world;
    world_init(&world, MODEL_YOLOX, 0);
    world.card.has_decoded_boxes = true;
    memcpy(world.values[0] + 8 * 17, (float[]){16, 10, 8, 4, 0.9F, 0.1F, 0.8F, 0.2F}, 8 * sizeof(float));
    g_assert_cmpint(decode(&world), ==, 1);
    assert_candidate(&world.found[0], 12, 8, 20, 12, 0.72F, 1);
    world_clear(&world);
}

/* A row an object: sides, score, class. */
static void test_end_to_end(void)
{
    struct world world;
    world_init(&world, MODEL_END_TO_END, 4);
    memcpy(world.values[0], (float[]){12, 8, 20, 12, 0.9F, 1}, 6 * sizeof(float));
    memcpy(world.values[0] + 6, (float[]){12, 8, 20, 12, 0.2F, 1}, 6 * sizeof(float));  /* not sure enough */
    memcpy(world.values[0] + 12, (float[]){12, 8, 20, 12, 0.9F, 3}, 6 * sizeof(float)); /* no such class */
    memcpy(world.values[0] + 18, (float[]){20, 8, 12, 12, 0.9F, 1}, 6 * sizeof(float)); /* no box */
    g_assert_cmpint(decode(&world), ==, 1);
    assert_candidate(&world.found[0], 12, 8, 20, 12, 0.9F, 1);
    world_clear(&world);
}

/* Four grids in one output, and a cell's centre is its corner. */
static void test_nanodet_plus(void)
{
    static const int bins[4] = {1, 1, 2, 3};
    struct world world;
    world_init(&world, MODEL_NANODET_PLUS, 0);
    g_assert_cmpint(world.views[0].shape.sizes[1], ==, 16 + 4 + 1 + 1);
    float *row = world.values[0] + 35 * (16 + 3); /* stride 16, cell (1, 1) */
    row[2] = 0.6F;
    for (int side = 0; side < 4; side++)
        row[3 + side * 8 + bins[side]] = 80;
    g_assert_cmpint(decode(&world), ==, 1);
    assert_candidate(&world.found[0], 0, 0, 16 + 32, 16 + 48, 0.6F, 2);
    world_clear(&world);
}

/* One bin far above the others makes its number the distance. */
static void test_nanodet(void)
{
    static const int bins[4] = {1, 2, 3, 4};
    struct world world;
    world_init(&world, MODEL_NANODET, 0);
    world.values[2][3 * 3 + 1] = 0.6F; /* stride 16, cell (1, 1) */
    for (int side = 0; side < 4; side++)
        world.values[3][3 * 32 + side * 8 + bins[side]] = 80;
    g_assert_cmpint(decode(&world), ==, 1);
    /* its centre: (1 + 0.5) * 16 */
    assert_candidate(&world.found[0], 24 - 16, 24 - 32, 24 + 48, 24 + 64, 0.6F, 1);
    world_clear(&world);
}

/* TensorFlow's: top, left, bottom, right as shares; the first class is 1. */
static void test_ssd(void)
{
    struct world world;
    world_init(&world, MODEL_SSD, 4);
    world.card.first_label = 1;
    memcpy(world.values[0] + 4, (float[]){0.25F, 0.5F, 0.75F, 1}, 4 * sizeof(float));
    memcpy(world.values[0] + 8, (float[]){0.25F, 0.5F, 0.75F, 1}, 4 * sizeof(float));
    memcpy(world.values[0] + 12, (float[]){0, 0, 1, 1}, 4 * sizeof(float));
    memcpy(world.values[1], (float[]){1, 2, 9, 1}, 4 * sizeof(float));             /* 9: no such class */
    memcpy(world.values[2], (float[]){0.1F, 0.9F, 0.9F, 0.9F}, 4 * sizeof(float)); /* the last is beyond the count */
    world.values[3][0] = 3;
    g_assert_cmpint(decode(&world), ==, 1);
    assert_candidate(&world.found[0], 16, 8, 32, 24, 0.9F, 1);
    world_clear(&world);
}

static void test_ssd_whose_outputs_do_not_belong_together(void)
{
    static const float counts[] = {5, -1, NAN, INFINITY, 1e30F};
    struct world world;
    world_init(&world, MODEL_SSD, 4);
    for (size_t i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_autoptr(GError) error = NULL;
        world.values[3][0] = counts[i];
        g_assert_cmpint(world.family->decode(&world.card, world.views, 0.3F, world.found, &error), ==, -1);
        g_assert_nonnull(strstr(error->message, "do not belong together"));
    }
    g_autoptr(GError) error = NULL;
    world.values[3][0] = 2;
    world.views[2].shape.sizes[1] = 3;
    g_assert_cmpint(world.family->decode(&world.card, world.views, 0.3F, world.found, &error), ==, -1);
    world_clear(&world);
}

static void test_ultraface(void)
{
    struct world world;
    world_init(&world, MODEL_ULTRAFACE, 0);
    g_assert_cmpint(world.views[0].shape.sizes[1], ==, 3 * 16 + 2 * 4 + 2 * 1 + 3 * 1);
    memcpy(world.values[0] + 4 * 7, (float[]){0.1F, 0.1F, 0.8F, 0}, 4 * sizeof(float));
    memcpy(world.values[1] + 4 * 7, (float[]){0.25F, 0.5F, 0.75F, 1}, 4 * sizeof(float));
    world.values[0][0] = 1; /* background */
    g_assert_cmpint(decode(&world), ==, 1);
    assert_candidate(&world.found[0], 8, 16, 24, 32, 0.8F, 1);
    world_clear(&world);
}

static void test_yunet(void)
{
    struct world world;
    world_init(&world, MODEL_YUNET, 0);
    world.values[1][2] = 0.64F; /* stride 16, cell (0, 1): class, object, box, points */
    world.values[4][2] = 1.5F;  /* above 1: 1 */
    memcpy(world.values[7] + 4 * 2, (float[]){0.5F, 0.5F, logf(2), 0}, 4 * sizeof(float));
    world.values[10][10 * 2 + 4] = 0.25F; /* x of the nose */
    g_assert_cmpint(decode(&world), ==, 1);
    assert_candidate(&world.found[0], 8 - 16, 24 - 8, 8 + 16, 24 + 8, 0.8F, 0);
    g_assert_cmpint(world.found[0].point_count, ==, 5);
    g_assert_cmpfloat_with_epsilon(world.found[0].points[4], 4, 1e-5);
    g_assert_cmpfloat_with_epsilon(world.found[0].points[5], 16, 1e-5);
    world_clear(&world);
}

static void test_lpd_yunet(void)
{
    struct world world;
    world_init(&world, MODEL_LPD_YUNET, 0);
    /* 4 x 4 cells of three sizes, then 2 x 2 of two: row 48 is cell (0, 0) of stride 16, size 32 */
    world.values[1][2 * 48 + 1] = 0.81F;
    world.values[2][48] = 1;
    memcpy(world.values[0] + 14 * 48 + 4, (float[]){-2.5F, -1, 2.5F, -1, 2.5F, 1, -2.5F, 1}, 8 * sizeof(float));
    g_assert_cmpint(decode(&world), ==, 1);
    assert_candidate(&world.found[0], 8 - 8, 8 - 3.2F, 8 + 8, 8 + 3.2F, 0.9F, 0);
    g_assert_cmpint(world.found[0].point_count, ==, 4);
    world_clear(&world);
}

/* ---- what the authors' own code makes of the same outputs (make_decoded.py) ---- */

static json_t *load_decoded(void)
{
    g_autofree char *path = g_build_filename(g_getenv("VEDETTE_SOURCE"), "tests", "vision", "decoded.json", NULL);
    json_t *root = json_load_file(path, 0, NULL);
    g_assert_nonnull(root);
    return root;
}

static void fill(struct world *world, const json_t *outputs)
{
    g_assert_cmpint(world->count, ==, (int)json_array_size(outputs));
    for (int i = 0; i < world->count; i++) {
        const json_t *values = json_array_get(outputs, (size_t)i);
        g_assert_cmpint(tensor_shape_count(&world->views[i].shape), ==, (int64_t)json_array_size(values));
        for (size_t k = 0; k < json_array_size(values); k++)
            world->values[i][k] = (float)json_number_value(json_array_get(values, k));
    }
}

static float number(const json_t *object, size_t index)
{
    return (float)json_number_value(json_array_get(object, index));
}

static void check_decoded(enum model_family family, const json_t *wanted, bool is_cut)
{
    struct world world;
    const json_t *found = json_object_get(wanted, "found");
    world_init(&world, family, 20); /* as many rows as the open sizes have there */
    model_card_set_family(&world.card, family);
    fill(&world, json_object_get(wanted, "outputs"));
    int count = decode(&world);
    g_assert_cmpint(count, ==, (int)json_array_size(found));
    for (int i = 0; i < count; i++) {
        const json_t *object = json_array_get(found, (size_t)i);
        struct candidate cut = world.found[i];
        if (is_cut) /* some authors cut boxes to the picture here; the detector does so for all later */
            candidate_set_box(&cut, MAX(cut.left, 0), MAX(cut.top, 0), MIN(cut.right, INPUT_PX),
                              MIN(cut.bottom, INPUT_PX));
        assert_candidate(&cut, number(object, 0), number(object, 1), number(object, 2), number(object, 3),
                         number(object, 4), (int)number(object, 5));
    }
    world_clear(&world);
}

static void test_boxes_are_those_of_the_authors_code(void)
{
    static const struct {
        enum model_family family;
        bool is_cut;
    } cases[] = {{MODEL_YOLOV5, false}, {MODEL_YOLOV8, false}, {MODEL_END_TO_END, false},
                 {MODEL_SSD, false},    {MODEL_NANODET, true}, {MODEL_NANODET_PLUS, true}};
    json_t *root = load_decoded();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        check_decoded(cases[i].family, json_object_get(root, record_enum_name(model_family_names, cases[i].family)),
                      cases[i].is_cut);
    json_decref(root);
}

static void test_letters_are_those_of_the_best_path(void)
{
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    json_t *root = load_decoded(), *wanted = json_object_get(root, "plate_ctc");
    struct world world;
    world_init(&world, MODEL_PLATE_CTC, 24);
    fill(&world, json_object_get(wanted, "outputs"));
    g_assert_true(world.family->read(&world.card, world.views, reading, NULL));
    g_assert_cmpstr(reading->text, ==, json_string_value(json_object_get(wanted, "found")));
    world_clear(&world);
    json_decref(root);
}

/* ---- cards ---- */

static void load_card(const char *text, struct model_card *card)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    int file = g_file_open_tmp("card-XXXXXX.json", &path, NULL);
    g_assert_true(g_close(file, NULL) && g_file_set_contents(path, text, -1, NULL));
    g_assert_true(model_card_load("unused.onnx", path, card, &error));
    g_unlink(path);
}

/* Published exports run by a card that says what it must and no more: as their authors feed them. */
static void test_a_short_card_feeds_a_model_as_its_authors_do(void)
{
    static const struct {
        const char *family;
        enum model_input_type type;
        enum model_layout layout;
        enum model_channels channels;
        enum model_fit fit;
        double pad, mean, scale; /* of the first channel */
        int first_label;
    } cases[] = {
        {"yolox", MODEL_FLOAT, MODEL_NCHW, MODEL_BGR, MODEL_FIT_TOP_LEFT, 114, 0, 1, 0},
        {"yolov5", MODEL_FLOAT, MODEL_NCHW, MODEL_RGB, MODEL_FIT_CENTRE, 114, 0, 0.0039216, 0},
        {"yolov8", MODEL_FLOAT, MODEL_NCHW, MODEL_RGB, MODEL_FIT_CENTRE, 114, 0, 0.0039216, 0},
        {"end_to_end", MODEL_FLOAT, MODEL_NCHW, MODEL_RGB, MODEL_FIT_CENTRE, 114, 0, 0.0039216, 0},
        {"nanodet", MODEL_FLOAT, MODEL_NCHW, MODEL_BGR, MODEL_FIT_CENTRE, 0, 103.53, 0.0174292, 0},
        {"nanodet_plus", MODEL_FLOAT, MODEL_NCHW, MODEL_BGR, MODEL_FIT_STRETCH, 0, 103.53, 0.0174292, 0},
        {"ssd", MODEL_UINT8, MODEL_NHWC, MODEL_RGB, MODEL_FIT_STRETCH, 0, 0, 1, 1},
        {"ultraface", MODEL_FLOAT, MODEL_NCHW, MODEL_RGB, MODEL_FIT_STRETCH, 0, 127, 0.0078125, 0},
        {"yunet", MODEL_FLOAT, MODEL_NCHW, MODEL_BGR, MODEL_FIT_TOP_LEFT, 0, 0, 1, 0},
        {"lpd_yunet", MODEL_FLOAT, MODEL_NCHW, MODEL_BGR, MODEL_FIT_STRETCH, 0, 0, 1, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct model_card card;
        g_autofree char *text = g_strdup_printf("{\"name\":\"short\",\"family\":\"%s\",\"input_width_px\":640,"
                                                "\"input_height_px\":640,\"labels\":[\"person\"]}",
                                                cases[i].family);
        g_test_message("%s", cases[i].family);
        load_card(text, &card);
        g_assert_cmpint(card.input_type, ==, cases[i].type);
        g_assert_cmpint(card.layout, ==, cases[i].layout);
        g_assert_cmpint(card.channels, ==, cases[i].channels);
        g_assert_cmpint(card.fit, ==, cases[i].fit);
        g_assert_cmpfloat(card.pad_value, ==, cases[i].pad);
        g_assert_cmpfloat(card.mean_0, ==, cases[i].mean);
        g_assert_cmpfloat_with_epsilon(card.scale_0, cases[i].scale, 1e-6);
        g_assert_cmpint(card.first_label, ==, cases[i].first_label);
        g_assert_cmpint((int)card.labels.count, ==, 1);
        record_clear(&model_card_descriptor, &card);
    }
}

/* What a card says goes before its family, 0 as well. */
static void test_what_a_card_says_is_kept(void)
{
    struct model_card card;
    load_card("{\"fit\":\"stretch\",\"pad_value\":0,\"mean_0\":0,\"scale_0\":1,\"name\":\"own\","
              "\"family\":\"nanodet\",\"input_width_px\":320,\"input_height_px\":320,\"labels\":[\"person\"]}",
              &card);
    g_assert_cmpint(card.fit, ==, MODEL_FIT_STRETCH);
    g_assert_cmpfloat(card.mean_0, ==, 0);
    g_assert_cmpfloat(card.scale_0, ==, 1);
    g_assert_cmpfloat(card.mean_1, ==, 116.28);
    record_clear(&model_card_descriptor, &card);
}

/* The cards that come with Vedette can be read, and their families describe them. */
static void test_every_card_of_the_sources_is_good(void)
{
    g_autofree char *directory = g_build_filename(g_getenv("VEDETTE_SOURCE"), "models", "cards", NULL);
    g_autoptr(GDir) open = g_dir_open(directory, 0, NULL);
    const char *name;
    int count = 0;
    while ((name = g_dir_read_name(open))) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        g_autoptr(GString) reason = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        struct tensor_want wants[MODEL_MAX_TENSORS];
        struct model_card card;
        int outputs = 0;
        g_assert_true(model_card_load("unused.onnx", path, &card, &error));
        g_assert_true(family_find(card.family)->describe(&card, wants, &outputs, reason, &error));
        g_assert_no_error(error);
        record_clear(&model_card_descriptor, &card);
        count++;
    }
    g_assert_cmpint(count, >=, 15);
}

/* Whatever stands in the outputs: no crash, no box that is none, no more than there is room for. */
static void test_no_family_is_led_astray(void)
{
    static const float poisons[] = {NAN, INFINITY, -INFINITY, 1e38F, -1e38F, 0.9F};
    for (int family = MODEL_YOLOX; model_family_names[family - 1]; family++)
        for (size_t p = 0; p < G_N_ELEMENTS(poisons) && model_family_finds((enum model_family)family); p++) {
            struct world world;
            world_init(&world, (enum model_family)family, 5);
            for (int i = 0; i < world.count; i++)
                for (int64_t k = 0; k < tensor_shape_count(&world.views[i].shape); k++)
                    world.values[i][k] = poisons[p];
            g_assert_cmpint(world.family->capacity(&world.card), <=, ROOM);
            int count = world.family->decode(&world.card, world.views, 0.3F, world.found, NULL);
            g_assert_cmpint(count, <=, (int)world.family->capacity(&world.card));
            for (int i = 0; i < count; i++) {
                const struct candidate *c = &world.found[i];
                g_assert_true(isfinite(c->left) && isfinite(c->bottom) && c->right > c->left && c->bottom > c->top);
                g_assert_true(c->label >= 0 && c->label < 3 && c->score >= 0.3F);
            }
            world_clear(&world);
        }
}

/* ---- readers ---- */

static bool read_one(struct world *world, struct reading *reading)
{
    return world->family->read(&world->card, world->views, reading, NULL);
}

static void set_letters(struct world *world, const int *letters, int count)
{
    memset(world->values[0], 0, (size_t)tensor_shape_count(&world->views[0].shape) * sizeof(float));
    for (int i = 0; i < count; i++)
        world->values[0][3 * i + letters[i]] = 0.5F + 0.05F * (float)i;
}

static void test_plates(void)
{
    static const int letters[] = {0, 0, 2, 1, 1, 2};
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    struct world world;
    world_init(&world, MODEL_PLATE_SLOTS, 6);
    set_letters(&world, letters, 6);
    g_assert_true(read_one(&world, reading));
    g_assert_cmpstr(reading->text, ==, "personpersoncarcar");
    g_assert_cmpfloat_with_epsilon(reading->confidence, 0.5, 1e-6);
    world_clear(&world);
    world_init(&world, MODEL_PLATE_CTC, 6);
    set_letters(&world, letters, 6);
    g_assert_true(read_one(&world, reading));
    g_assert_cmpstr(reading->text, ==, "personcar");
    world.values[0][0] = world.values[0][1] = world.values[0][2] = NAN;
    g_assert_false(read_one(&world, reading));
    world_clear(&world);
    world_init(&world, MODEL_PLATE_SLOTS, 1000); /* all of the first letter */
    g_assert_false(read_one(&world, reading));
    world_clear(&world);
}

static void test_classifier(void)
{
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    struct world world;
    world_init(&world, MODEL_CLASSIFIER, 0);
    world.card.has_logits = true;
    memcpy(world.values[0], (float[]){0, logf(2), 0}, 3 * sizeof(float));
    g_assert_true(read_one(&world, reading));
    g_assert_cmpstr(reading->text, ==, "car");
    g_assert_cmpfloat_with_epsilon(reading->confidence, 0.5, 1e-6);
    memcpy(world.values[0], (float[]){NAN, NAN, NAN}, 3 * sizeof(float));
    g_assert_false(read_one(&world, reading));
    world_clear(&world);
}

/* Any shape will do: here [1, length, 1, 1]. */
static void world_init_embedder(struct world *world, int length)
{
    world_init(world, MODEL_EMBEDDER, 0);
    g_free(world->values[0]);
    world->views[0].shape = (struct tensor_shape){4, {1, length, 1, 1}};
    world->views[0].values = world->values[0] = g_new0(float, (gsize)length);
}

static void test_embedder(void)
{
    g_autofree struct reading *readings = g_new0(struct reading, 2);
    struct world world;
    world_init_embedder(&world, 2);
    memcpy(world.values[0], (float[]){3, 4}, 2 * sizeof(float));
    g_assert_true(read_one(&world, &readings[0]));
    g_assert_cmpfloat_with_epsilon(readings[0].values[0], 0.6, 1e-6);
    memcpy(world.values[0], (float[]){-40, 30}, 2 * sizeof(float));
    g_assert_true(read_one(&world, &readings[1]));
    g_assert_cmpfloat_with_epsilon(reading_cosine(&readings[0], &readings[1]), 0, 1e-6);
    g_assert_cmpfloat_with_epsilon(reading_cosine(&readings[0], &readings[0]), 1, 1e-6);
    memset(world.values[0], 0, 2 * sizeof(float));
    g_assert_false(read_one(&world, &readings[0]));
    world.values[0][0] = NAN;
    g_assert_false(read_one(&world, &readings[0]));
    world_clear(&world);
    world_init_embedder(&world, 4096);
    world.values[0][0] = 1;
    g_assert_false(read_one(&world, &readings[0]));
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/families/yolov5", test_yolov5);
    g_test_add_func("/families/yolov8", test_yolov8);
    g_test_add_func("/families/yolov8, turned", test_yolov8_turned);
    g_test_add_func("/families/yolox with decoded boxes", test_yolox_with_decoded_boxes);
    g_test_add_func("/families/end to end", test_end_to_end);
    g_test_add_func("/families/nanodet", test_nanodet);
    g_test_add_func("/families/nanodet plus", test_nanodet_plus);
    g_test_add_func("/families/ssd", test_ssd);
    g_test_add_func("/families/ssd whose outputs do not belong together",
                    test_ssd_whose_outputs_do_not_belong_together);
    g_test_add_func("/families/ultraface", test_ultraface);
    g_test_add_func("/families/yunet", test_yunet);
    g_test_add_func("/families/lpd yunet", test_lpd_yunet);
    g_test_add_func("/families/boxes are those of the authors' code", test_boxes_are_those_of_the_authors_code);
    g_test_add_func("/families/letters are those of the best path", test_letters_are_those_of_the_best_path);
    g_test_add_func("/families/a short card feeds a model as its authors do",
                    test_a_short_card_feeds_a_model_as_its_authors_do);
    g_test_add_func("/families/what a card says is kept", test_what_a_card_says_is_kept);
    g_test_add_func("/families/every card of the sources is good", test_every_card_of_the_sources_is_good);
    g_test_add_func("/families/no family is led astray", test_no_family_is_led_astray);
    g_test_add_func("/families/plates", test_plates);
    g_test_add_func("/families/classifier", test_classifier);
    g_test_add_func("/families/embedder", test_embedder);
    return g_test_run();
}
