/* An adaptive background: a running mean of each pixel, one level of noise for the picture, and light that is followed.
 */
#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

/* Share by which the background moves towards the picture in a frame: a time constant of some 50 frames. */
static const float update_share = 0.02f;
static const float noise_start = 3, noise_share = 0.05f;
static const float mean_max = 4 * UINT8_MAX; /* light that comes and goes must not raise what is covered for ever */

void background_init(struct background *background, int width, int height)
{
    memset(background, 0, sizeof *background);
    background->width = width;
    background->height = height;
    background->noise = noise_start;
    background->contrast = 1;
    for (int i = 0; i < 3; i++)
        background->means[i] = g_new0(float, (size_t)width *(size_t)height);
}

void background_clear(struct background *background)
{
    for (int i = 0; i < 3; i++)
        g_free(background->means[i]);
    memset(background, 0, sizeof *background);
}

void background_learn(struct background *background, const struct reduced *picture)
{
    float share = 1 / (float)(++background->frames);
    int count = background->width * background->height;
    for (int channel = 0; channel < 3; channel++)
        for (int i = 0; i < count; i++)
            background->means[channel][i] +=
                share * ((float)picture->planes[channel][i] - background->means[channel][i]);
}

double background_follow_light(struct background *background, const struct reduced *picture)
{
    /* A histogram of the ratio in steps of 1/256 around 1: its median is not moved by what moves. */
    enum { STEPS = 512, ONE = 256, SAMPLE_STEP = 5, DARK = 12 };
    int histogram[STEPS] = {0}, samples = 0, count = background->width * background->height;
    for (int i = 0; i < count; i += SAMPLE_STEP) {
        if (background->means[0][i] < DARK || picture->planes[0][i] > 250)
            continue;
        int step = (int)((float)picture->planes[0][i] * ONE / background->means[0][i]);
        histogram[step < STEPS ? step : STEPS - 1]++;
        samples++;
    }
    int median = 0;
    for (int seen = 0; median < STEPS - 1 && (seen += histogram[median]) * 2 < samples;)
        median++;
    double gain = samples > 0 ? (median + 0.5) / ONE : 1;
    if (fabs(gain - 1) < 0.008) /* within a step of the histogram and the noise: no change */
        return 1;
    float *means = background->means[0], factor = (float)gain;
    for (int i = 0; i < count; i++)
        means[i] = means[i] * factor < mean_max ? means[i] * factor : mean_max;
    return gain;
}

/* The width of the middle 90 % of its levels. */
static int spread_of(const struct background *background)
{
    enum { LEVELS = UINT8_MAX + 1, SAMPLE_STEP = 7, TAIL_PARTS = 20 };
    int histogram[LEVELS] = {0}, count = background->width * background->height, samples = 0;
    for (int i = 0; i < count; i += SAMPLE_STEP, samples++)
        histogram[MIN((int)background->means[0][i], LEVELS - 1)]++;
    int low = 0, high = LEVELS - 1;
    for (int seen = histogram[low]; seen * TAIL_PARTS < samples && low < LEVELS - 1;)
        seen += histogram[++low];
    for (int seen = histogram[high]; seen * TAIL_PARTS < samples && high > low;)
        seen += histogram[--high];
    return high - low;
}

void background_measure_contrast(struct background *background)
{
    /* a room by day spreads over more levels, and must not be looked at more closely: shadows would be seen; with a
     * third of it noise is all there is */
    static const float usual_spread = 16, least = 0.35f;
    background->contrast = CLAMP((float)spread_of(background) / usual_spread, least, 1);
}

static struct compare_limits limits_of(const struct background *background, double sensitivity)
{
    /* A shadow darkens without changing the colour. */
    static const float shadow_chroma = 5, shadow_depth = 0.3f;
    /* at the middle sensitivity a pixel must differ by a tenth of its brightness, and more than noise does */
    float contrast = background->contrast, noise_floor = 3.5f * background->noise;
    return (struct compare_limits){.noise_floor = noise_floor,
                                   .base = 5 * contrast,
                                   .relative = contrast * (float)(0.2 - 0.2 * sensitivity),
                                   .chroma = contrast * (float)(16 - 10 * sensitivity) + noise_floor,
                                   .shadow_chroma = contrast * shadow_chroma,
                                   .shadow = 1 - contrast * shadow_depth};
}

void background_compare(struct background *background, const struct reduced *picture, double sensitivity,
                        uint8_t *foreground)
{
    int width = background->width, count = width * background->height, quiet = count;
    int64_t difference = 0;
    const struct compare_limits limits = limits_of(background, sensitivity);
    const struct compare_rows all = {{background->means[0], background->means[1], background->means[2]},
                                     {picture->planes[0], picture->planes[1], picture->planes[2]}};
    for (int at = 0; at < count; at += width) {
        const struct compare_rows row = compare_rows_from(&all, at);
        struct compare_result found = picture->kernels->compare(foreground + at, &row, &limits, width);
        quiet -= found.differing;
        difference += found.difference;
    }
    if (quiet <= count / 4)
        return;
    double mean = (double)difference / DIFFERENCE_ONE / quiet;
    /* mean absolute deviation to standard deviation of a normal: × 1.2533 */
    background->noise += noise_share * (float)(1.2533 * mean - background->noise);
}

void background_update(struct background *background, const struct reduced *picture, const uint8_t *keep)
{
    int count = background->width * background->height;
    for (int channel = 0; channel < 3; channel++)
        picture->kernels->update(background->means[channel], picture->planes[channel], keep, update_share, count);
}

void background_absorb(struct background *background, const struct reduced *picture, int left, int top, int right,
                       int bottom)
{
    for (int y = MAX(top, 0); y < MIN(bottom, background->height); y++)
        for (int x = MAX(left, 0); x < MIN(right, background->width); x++)
            for (int channel = 0; channel < 3; channel++) {
                int i = y * background->width + x;
                background->means[channel][i] = picture->planes[channel][i];
            }
}
