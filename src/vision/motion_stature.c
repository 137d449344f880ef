/* Stature: how high and wide figures are whose feet stand at a height in the picture, learnt from those seen whole. */
#include "vision/motion_internal.h"

#include <math.h>

enum { SAMPLES_MIN = 12, SLIMNESS_SAMPLES_MIN = 40, SLIMNESS_SAMPLES_ALL_MIN = 150 };
/* Shapes that differ by more than this share of the mean are of several kinds: nothing follows from the place alone. */
static const float slimness_spread_max = 0.2f;

static int bin_of(double y, int picture_height)
{
    return CLAMP((int)(y * STATURE_BINS / picture_height), 0, STATURE_BINS - 1);
}

static void learn_slimness(struct slimness *slimness, float value, float share)
{
    float off = fabsf(value - slimness->mean);
    float weight = slimness->samples++ == 0 ? 1 : fmaxf(share, 1 / (float)slimness->samples);
    slimness->mean += weight * (value - slimness->mean);
    slimness->deviation += weight * (off - slimness->deviation);
}

/* Pieces are smaller than the whole, so the estimate climbs faster than it falls: it settles in the upper part. */
void stature_learn(struct stature *stature, double y, double w, double h, int picture_height)
{
    int bin = bin_of(y, picture_height);
    float difference = (float)h - stature->height[bin], step_max = 0.15f * stature->height[bin];
    if (stature->samples[bin] >= SAMPLES_MIN) /* two taken for one are no reason to expect giants */
        difference = CLAMP(difference, -step_max, step_max);
    float share = stature->samples[bin] == 0 ? 1 : difference > 0 ? 0.10f : 0.03f;
    stature->height[bin] += share * difference;
    stature->samples[bin]++;
    learn_slimness(&stature->slimness, (float)(w / h), 0.02f);
    learn_slimness(&stature->slimness_at[bin], (float)(w / h), 0.02f);
}

/* A line through the bins that know, the near ones counting most (local linear regression): on level ground the height
 * grows linearly with the place of the feet, and a line also tells beyond the picture's lower edge. */
double stature_height(const struct stature *stature, double y, int picture_height)
{
    static const double reach_bins = 2, slope_max = 0.6;
    enum { WEIGHT_SAMPLES_MAX = 60 };
    double bin_height = (double)picture_height / STATURE_BINS, sum = 0, sum_y = 0, sum_h = 0, sum_yy = 0, sum_yh = 0;
    double nearest = STATURE_BINS;
    for (int i = 0; i < STATURE_BINS; i++)
        if (stature->samples[i] >= SAMPLES_MIN)
            nearest = fmin(nearest, fabs(y / bin_height - (i + 0.5)));
    for (int i = 0; i < STATURE_BINS; i++) {
        if (stature->samples[i] < SAMPLES_MIN)
            continue;
        double at = (i + 0.5) * bin_height, bins = (fabs(y - at) / bin_height - nearest) / reach_bins;
        double weight = MIN(stature->samples[i], WEIGHT_SAMPLES_MAX) * exp(-0.5 * bins * bins);
        sum += weight;
        sum_y += weight * at;
        sum_h += weight * stature->height[i];
        sum_yy += weight * at * at;
        sum_yh += weight * at * stature->height[i];
    }
    if (sum <= 0)
        return 0;
    double mean_y = sum_y / sum, mean_h = sum_h / sum, spread = sum_yy / sum - mean_y * mean_y;
    double slope = spread > 1 ? (sum_yh / sum - mean_y * mean_h) / spread : 0;
    return fmax(mean_h + CLAMP(slope, 0, slope_max) * (y - mean_y), mean_h * 0.5);
}

static bool is_of_one_kind(const struct slimness *slimness, int samples_min)
{
    return slimness->samples >= samples_min && slimness->deviation < slimness_spread_max * slimness->mean;
}

double stature_width(const struct stature *stature, double y, int picture_height)
{
    const struct slimness *here = &stature->slimness_at[bin_of(y, picture_height)];
    double h = stature_height(stature, y, picture_height);
    if (is_of_one_kind(here, SLIMNESS_SAMPLES_MIN))
        return here->mean * h;
    return is_of_one_kind(&stature->slimness, SLIMNESS_SAMPLES_ALL_MIN) ? stature->slimness.mean * h : 0;
}

double stature_feet(const struct stature *stature, double top, double least_height, int picture_height)
{
    double h = stature_height(stature, top + least_height, picture_height);
    for (int i = 0; h > 0 && i < 3; i++) /* the height depends on where the feet are */
        h = stature_height(stature, top + h, picture_height);
    return top + h;
}
