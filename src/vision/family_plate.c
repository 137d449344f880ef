/* Plate readers: a row of scores over the alphabet for each place on the plate, [1, places, letters], probabilities.
 *
 *   plate_slots   a fixed place for each letter, blanks behind the last (fast-plate-ocr)
 *   plate_ctc     more places than letters: what repeats without a blank between is one letter (LPRNet and others,
 * after Graves et al. 2006, "Connectionist Temporal Classification")
 */
#include "vision/detector_internal.h"

#include <math.h>
#include <string.h>

static bool describe(const struct model_card *card, struct tensor_want *outputs, int *output_count, GString *reason,
                     GError **error)
{
    if (!family_check_labels(card, error))
        return false;
    g_string_printf(reason, "the card's alphabet has %zu letters", card->labels.count);
    outputs[0] = (struct tensor_want){.shape = {3, {1, 0, (int64_t)card->labels.count}}, .reason = reason->str};
    *output_count = 1;
    return true;
}

static bool is_blank(const struct model_card *card, int letter)
{
    return card->blank && *card->blank && strcmp(card->labels.items[letter], card->blank) == 0;
}

static bool read_plate(const struct model_card *card, const struct tensor_view *outputs, bool collapses,
                       struct reading *reading, GError **error)
{
    int letters = (int)card->labels.count, before = -1;
    const float *row = outputs[0].values;
    reading->text[0] = '\0';
    reading->value_count = 0;
    reading->confidence = 1;
    for (int64_t place = 0; place < outputs[0].shape.sizes[1]; place++, row += letters) {
        int letter = family_best(row, letters, 1);
        bool is_same = collapses && letter == before;
        before = letter;
        if (!isfinite(row[letter])) {
            g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "gave a score that is no number");
            return false;
        }
        if (is_same || is_blank(card, letter))
            continue;
        if (reading->value_count == READING_MAX_LETTERS) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "read more than %d letters", READING_MAX_LETTERS);
            return false;
        }
        g_strlcat(reading->text, card->labels.items[letter], sizeof reading->text);
        reading->values[reading->value_count++] = row[letter];
        reading->confidence = MIN(reading->confidence, CLAMP(row[letter], 0, 1));
    }
    if (reading->value_count == 0)
        reading->confidence = 0;
    return true;
}

static bool read_slots(const struct model_card *card, const struct tensor_view *outputs, struct reading *reading,
                       GError **error)
{
    return read_plate(card, outputs, false, reading, error);
}

static bool read_ctc(const struct model_card *card, const struct tensor_view *outputs, struct reading *reading,
                     GError **error)
{
    return read_plate(card, outputs, true, reading, error);
}

const struct family family_plate_slots = {MODEL_PLATE_SLOTS, "plate readers", describe, NULL, NULL, read_slots};
const struct family family_plate_ctc = {MODEL_PLATE_CTC, "plate readers by CTC", describe, NULL, NULL, read_ctc};
