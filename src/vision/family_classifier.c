/* Classifiers: one score per class, [1, classes] or [1, classes, 1, 1]; probabilities, or logits when the card says so.
 */
#include "vision/detector_internal.h"

#include <math.h>

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error))
        return false;
    g_string_printf(reason, "the card has %zu labels", card->labels.count);
    outputs[0] = (struct tensor_want){.shape = {2, {1, (int64_t)card->labels.count}},
                                      .other_shape = {4, {1, (int64_t)card->labels.count, 1, 1}},
                                      .reason = reason->str};
    *output_count = 1;
    return true;
}

static void take_softmax(float *values, int count)
{
    float greatest = values[family_best(values, count, 1)], sum = 0;
    for (int i = 0; i < count; i++)
        sum += values[i] = expf(values[i] - greatest);
    for (int i = 0; i < count; i++)
        values[i] /= sum;
}

static bool read_class(const struct model_card *card, const struct tensor_view *outputs, struct reading *reading,
                       GError **error)
{
    reading->value_count = (int)MIN(card->labels.count, READING_MAX_VALUES);
    for (int i = 0; i < reading->value_count; i++)
        reading->values[i] = outputs[0].values[i];
    if (card->has_logits)
        take_softmax(reading->values, reading->value_count);
    int best = family_best(reading->values, reading->value_count, 1);
    if (!isfinite(reading->values[best])) {
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "gave a score that is no number");
        return false;
    }
    g_strlcpy(reading->text, card->labels.items[best], sizeof reading->text);
    reading->confidence = CLAMP(reading->values[best], 0, 1);
    return true;
}

const struct family family_classifier = {MODEL_CLASSIFIER, "classifiers", describe, NULL, NULL, read_class};
