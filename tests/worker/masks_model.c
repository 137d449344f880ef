#include "masks_model.h"

#include "../vision/onnx_model.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define INSIDE 22.4, 6, 3.84, 7.4 /* where masks_inside lies */

/* 16 + 4 + 1 rows of 6 */
enum { TINY_PX = 32, TINY_ROWS = 21, TINY_COLUMNS = 6, FIRST_OF_COARSEST = 20 };

static const char person[] = "person";
static const double usual_confidence = 0.3, usual_score = 0.95;

static void write_model(const char *directory, const float values[TINY_ROWS * TINY_COLUMNS], const char *label,
                        double card_confidence)
{
    g_autofree char *card = g_strdup_printf("{\"name\":\"tiny\",\"family\":\"yolox\",\"input_width_px\":32,"
                                            "\"input_height_px\":32,\"labels\":[\"%s\"],\"confidence\":%g}",
                                            label, card_confidence);
    const struct onnx_model model = {.input = {"images", ONNX_FLOAT, 4, {1, 3, TINY_PX, TINY_PX}},
                                     .output = {"output", ONNX_FLOAT, 3, {1, TINY_ROWS, TINY_COLUMNS}},
                                     .values = values,
                                     .value_count = TINY_ROWS * TINY_COLUMNS,
                                     .value_sizes = {1, TINY_ROWS, TINY_COLUMNS}};
    g_autofree char *model_path = g_build_filename(directory, "tiny.onnx", NULL);
    g_autofree char *card_path = g_build_filename(directory, "tiny.card.json", NULL);
    g_autoptr(GByteArray) bytes = onnx_model_make(&model);
    g_assert_true(g_file_set_contents(model_path, (const char *)bytes->data, bytes->len, NULL));
    g_assert_true(g_file_set_contents(card_path, card, -1, NULL));
}

static void remove_model(const char *directory)
{
    g_autofree char *model_path = g_build_filename(directory, "tiny.onnx", NULL);
    g_autofree char *card_path = g_build_filename(directory, "tiny.card.json", NULL);
    g_unlink(model_path);
    g_unlink(card_path);
    g_rmdir(directory);
}

static struct detector *open_model(const float values[TINY_ROWS * TINY_COLUMNS], const char *label,
                                   double card_confidence)
{
    g_autofree char *directory = g_dir_make_tmp("vedette-masks-XXXXXX", NULL);
    g_autofree char *model_path = g_build_filename(directory, "tiny.onnx", NULL);
    const struct detector_settings settings = {.threads = 1};
    g_autoptr(GError) error = NULL;
    write_model(directory, values, label, card_confidence);
    struct detector *detector = detector_open(model_path, &settings, &error);
    g_assert_no_error(error);
    remove_model(directory);
    return detector;
}

/* Of the coarsest grid's one cell of 32. */
static void find_at(float values[TINY_ROWS * TINY_COLUMNS], double left, double top, double width, double height,
                    double score)
{
    const float found[] = {(float)((left + width / 2) / TINY_PX),
                           (float)((top + height / 2) / TINY_PX),
                           logf((float)width / TINY_PX),
                           logf((float)height / TINY_PX),
                           (float)score,
                           1};
    memcpy(values + FIRST_OF_COARSEST * TINY_COLUMNS, found, sizeof found);
}

struct detector *masks_model_open(double left, double top, double width, double height)
{
    float values[TINY_ROWS * TINY_COLUMNS] = {0};
    find_at(values, left, top, width, height, usual_score);
    return open_model(values, person, usual_confidence);
}

struct detector *masks_model_broken(void)
{
    float values[TINY_ROWS * TINY_COLUMNS];
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
        values[i] = NAN;
    return open_model(values, person, usual_confidence);
}

struct detector *masks_model_unsure(double score, double card_confidence)
{
    float values[TINY_ROWS * TINY_COLUMNS] = {0};
    find_at(values, INSIDE, score);
    return open_model(values, person, card_confidence);
}

struct detector *masks_model_of(const char *label)
{
    float values[TINY_ROWS * TINY_COLUMNS] = {0};
    find_at(values, INSIDE, usual_score);
    return open_model(values, label, usual_confidence);
}

struct detector *masks_model_inside(void)
{
    return masks_model_open(INSIDE);
}

struct detector *masks_model_missing(char **directory)
{
    const struct detector_settings settings = {.threads = 1};
    *directory = g_dir_make_tmp("vedette-masks-XXXXXX", NULL);
    g_autofree char *model_path = g_build_filename(*directory, "tiny.onnx", NULL);
    return detector_new(model_path, &settings);
}

void masks_model_bring(const char *directory)
{
    float values[TINY_ROWS * TINY_COLUMNS] = {0};
    find_at(values, INSIDE, usual_score);
    write_model(directory, values, person, usual_confidence);
}

void masks_model_remove(char *directory)
{
    remove_model(directory);
    g_free(directory);
}
