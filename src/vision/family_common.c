/* What several families do in the same way. */
#include "vision/detector_internal.h"

#include <math.h>

bool candidate_set_box(struct candidate *candidate, float left, float top, float right, float bottom)
{
    candidate->left = left;
    candidate->top = top;
    candidate->right = right;
    candidate->bottom = bottom;
    candidate->point_count = 0;
    return isfinite(left) && isfinite(top) && isfinite(right) && isfinite(bottom) && right > left && bottom > top;
}

int family_best(const float *scores, int count, int step)
{
    int best = 0;
    for (int i = 1; i < count; i++)
        if (scores[(size_t)i * (size_t)step] > scores[(size_t)best * (size_t)step] ||
            isnan(scores[(size_t)best * (size_t)step]))
            best = i;
    return best;
}

bool family_check_multiple(const struct model_card *card, int stride, GError **error)
{
    if (card->input_width_px % stride == 0 && card->input_height_px % stride == 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "card says the input is %d x %d: %s takes multiples of %d",
                card->input_width_px, card->input_height_px, family_find(card->family)->summary, stride);
    return false;
}

bool family_check_labels(const struct model_card *card, GError **error)
{
    if (card->labels.count > 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "card names no labels: a model of family '%s' needs the names of what it tells apart",
                record_enum_name(model_family_names, card->family));
    return false;
}

float family_expect(const float *bins)
{
    float greatest = bins[0], sum = 0, mean = 0;
    for (int i = 1; i < FAMILY_BINS; i++)
        greatest = MAX(greatest, bins[i]);
    for (int i = 0; i < FAMILY_BINS; i++) {
        float weight = expf(bins[i] - greatest);
        sum += weight;
        mean += weight * (float)i;
    }
    return mean / sum;
}
