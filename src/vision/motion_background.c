/* An adaptive background: a running mean of each pixel, one level of noise for the picture, and light that is followed.
 */
#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

/* Share by which the background moves towards the picture in a frame: a time constant of some 50 frames. */
enum { UPDATE_SHARE = 655, SHARE_ONE = 1 << 15 }; /* 0.02 */
static const float noise_start = 3, noise_share = 0.05f;

void background_init(struct background *background, int width, int height)
{
    memset(background, 0, sizeof *background);
    background->width = width;
    background->height = height;
    background->noise = noise_start;
    background->contrast = 1;
    for (int i = 0; i < 3; i++)
        background->means[i] = g_new0(int16_t, (size_t)width * (size_t)height);
}

void background_clear(struct background *background)
{
    for (int i = 0; i < 3; i++)
        g_free(background->means[i]);
    memset(background, 0, sizeof *background);
}

void background_learn(struct background *background, const struct reduced *picture)
{
    int frames = ++background->frames, count = background->width * background->height;
    for (int channel = 0; channel < 3; channel++) {
        int16_t *mean = background->means[channel];
        const uint8_t *now = picture->planes[channel];
        for (int i = 0; i < count; i++)
            mean[i] = (int16_t)(mean[i] + lrintf((float)(now[i] * MEAN_ONE - mean[i]) / (float)frames));
    }
}

static void scale_light(struct background *background, double gain)
{
    int16_t *mean = background->means[0];
    int count = background->width * background->height;
    float factor = (float)gain;
    for (int i = 0; i < count; i++) {
        float scaled = (float)mean[i] * factor + 0.5f;
        mean[i] = (int16_t)(scaled < UINT8_MAX * MEAN_ONE ? scaled : UINT8_MAX * MEAN_ONE);
    }
}

double background_follow_light(struct background *background, const struct reduced *picture)
{
    /* A histogram of the ratio in steps of 1/256 around 1: its median is not moved by what moves. */
    enum { STEPS = 512, ONE = 256, SAMPLE_STEP = 11, DARK = 12, BRIGHT = 250 };
    int histogram[STEPS] = {0}, samples = 0, count = background->width * background->height;
    for (int i = 0; i < count; i += SAMPLE_STEP) {
        int mean = background->means[0][i], now = picture->planes[0][i];
        if (mean < DARK * MEAN_ONE || now > BRIGHT)
            continue;
        int step = now * (ONE * MEAN_ONE) / mean;
        histogram[step < STEPS ? step : STEPS - 1]++;
        samples++;
    }
    int median = 0;
    for (int seen = 0; median < STEPS - 1 && (seen += histogram[median]) * 2 < samples;)
        median++;
    double gain = samples > 0 ? (median + 0.5) / ONE : 1;
    if (fabs(gain - 1) < 0.008) /* within a step of the histogram and the noise: no change */
        return 1;
    scale_light(background, gain);
    return gain;
}

/* The width of the middle 90 % of its levels. */
static int spread_of(const struct background *background)
{
    enum { LEVELS = UINT8_MAX + 1, SAMPLE_STEP = 7, TAIL_PARTS = 20 };
    int histogram[LEVELS] = {0}, count = background->width * background->height, samples = 0;
    for (int i = 0; i < count; i += SAMPLE_STEP, samples++)
        histogram[background->means[0][i] / MEAN_ONE]++;
    int low = 0, high = LEVELS - 1;
    for (int seen = histogram[low]; seen * TAIL_PARTS < samples && low < LEVELS - 1;)
        seen += histogram[++low];
    for (int seen = histogram[high]; seen * TAIL_PARTS < samples && high > low;)
        seen += histogram[--high];
    return high - low;
}

void background_measure_contrast(struct background *background)
{
    /* an empty floor by day spreads over as many levels; with less than a third of it noise is all there is */
    static const float usual_spread = 24, least = 0.35f;
    background->contrast = CLAMP((float)spread_of(background) / usual_spread, least, 1);
}

/* In the units of the means; a share times 32768. */
static int16_t in_means(double levels)
{
    return (int16_t)CLAMP(levels * MEAN_ONE, 0, INT16_MAX);
}

static struct compare_limits limits_of(const struct background *background, double sensitivity)
{
    /* A shadow darkens without changing the colour. */
    static const double shadow_chroma = 5, shadow_depth = 0.3;
    double noise_floor = 3.5 * background->noise;
    /* at the middle sensitivity a pixel must differ by a tenth of its brightness, and more than noise does */
    double contrast = background->contrast;
    double relative = contrast * (0.2 - 0.2 * sensitivity);
    double chroma = contrast * (16 - 10 * sensitivity) + noise_floor;
    return (struct compare_limits){.noise_floor = in_means(noise_floor),
                                   .base = in_means(5 * contrast),
                                   .relative = (int16_t)(relative * SHARE_ONE),
                                   .chroma = in_means(chroma / 2),
                                   .shadow_chroma = in_means(contrast * shadow_chroma / 2),
                                   .shadow = (int16_t)((1 - contrast * shadow_depth) * SHARE_ONE)};
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
    double mean = (double)difference / MEAN_ONE / quiet;
    /* mean absolute deviation to standard deviation of a normal: × 1.2533 */
    background->noise += noise_share * (float)(1.2533 * mean - background->noise);
}

void background_update(struct background *background, const struct reduced *picture, const uint8_t *keep)
{
    int count = background->width * background->height;
    for (int channel = 0; channel < 3; channel++)
        picture->kernels->update(background->means[channel], picture->planes[channel], keep, UPDATE_SHARE, count);
}

void background_absorb(struct background *background, const struct reduced *picture, int left, int top, int right,
                       int bottom)
{
    for (int y = MAX(top, 0); y < MIN(bottom, background->height); y++)
        for (int x = MAX(left, 0); x < MIN(right, background->width); x++)
            for (int channel = 0; channel < 3; channel++) {
                int i = y * background->width + x;
                background->means[channel][i] = (int16_t)(picture->planes[channel][i] * MEAN_ONE);
            }
}
