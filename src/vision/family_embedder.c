/* Embedders (faces, people): one vector of any length, [1, length] or with more axes of 1. It is brought to length 1,
 * so that the cosine of two is their scalar product. */
#include "vision/detector_internal.h"

#include <math.h>

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    (void)card;
    (void)error;
    g_string_assign(reason, "one vector");
    outputs[0] = (struct tensor_want){.reason = reason->str};
    *output_count = 1;
    return true;
}

static bool read_vector(const struct model_card *card, const struct tensor_view *outputs, struct reading *reading,
                        GError **error)
{
    (void)card;
    int64_t length = tensor_shape_count(&outputs[0].shape);
    double squares = 0;
    for (int64_t i = 0; i < length; i++)
        squares += (double)outputs[0].values[i] * outputs[0].values[i];
    if (length < 1 || length > READING_MAX_VALUES || !isfinite(squares) || squares <= 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "gave a vector of %" G_GINT64_FORMAT " numbers and length %g: vectors of 1 to %d numbers that are "
                    "not all 0 can be compared",
                    length, sqrt(squares), READING_MAX_VALUES);
        return false;
    }
    for (int64_t i = 0; i < length; i++)
        reading->values[i] = (float)(outputs[0].values[i] / sqrt(squares));
    reading->value_count = (int)length;
    reading->confidence = 1;
    return true;
}

const struct family family_embedder = {MODEL_EMBEDDER, "embedders", describe, NULL, NULL, read_vector};
