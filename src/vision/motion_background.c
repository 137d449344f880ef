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
    background->keep = g_new0(uint8_t, (size_t)width * (size_t)height);
    for (int i = 0; i < 3; i++)
        background->means[i] = g_new0(float, (size_t)width *(size_t)height);
    absorbed_init(&background->absorbed, width, height);
}

void background_clear(struct background *background)
{
    for (int i = 0; i < 3; i++)
        g_free(background->means[i]);
    g_free(background->keep);
    absorbed_clear(&background->absorbed);
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

/* Ratios of picture to background are counted in steps of 1/LIGHT_ONE around 1; these differ from it by no more than
 * such a step and the noise. */
enum { LIGHT_STEPS = 2 * LIGHT_ONE, SAME_LIGHT_FROM = LIGHT_ONE - 2, SAME_LIGHT_TO = LIGHT_ONE + 1 };

/* Whether the median of the ratios, the first step up to which there are half of the samples, is as before. */
static bool light_is_same(const struct light_counts *light)
{
    return light->samples == 0 ||
           (light->below * 2 < light->samples && (light->samples - light->above) * 2 >= light->samples);
}

/* The step that is the median: it is not moved by what moves. */
static int median_light(const struct background *background, const struct reduced *picture)
{
    int histogram[LIGHT_STEPS] = {0}, samples = 0, count = background->width * background->height;
    for (int i = 0; i < count; i += LIGHT_SAMPLE_STEP) {
        if (background->means[0][i] < LIGHT_DARK || picture->planes[0][i] > LIGHT_BRIGHT)
            continue;
        int step = (int)((float)picture->planes[0][i] * LIGHT_ONE / background->means[0][i]);
        histogram[step < LIGHT_STEPS ? step : LIGHT_STEPS - 1]++;
        samples++;
    }
    int median = 0;
    for (int seen = 0; median < LIGHT_STEPS - 1 && (seen += histogram[median]) * 2 < samples;)
        median++;
    return median;
}

static double follow_light(struct background *background, const struct reduced *picture)
{
    int count = background->width * background->height;
    double gain = (median_light(background, picture) + 0.5) / LIGHT_ONE;
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

static void measure_contrast(struct background *background)
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

/* What one look at all pixels tells. */
struct look_over {
    int differing;
    int64_t difference;
    struct light_counts light;
};

static void catch_up(struct background *background, const struct reduced *picture, int at, int count)
{
    for (int channel = 0; channel < 3; channel++)
        picture->kernels->update(background->means[channel] + at, picture->last[channel] + at, background->keep + at,
                                 update_share, count);
}

/* All that is done to a pixel's mean, in pieces that stay in the nearest cache. The light is counted on the way, so
 * that the comparison is right as it is unless it turns out to have changed. */
static struct look_over look_over(struct background *background, const struct reduced *picture, double sensitivity,
                                  uint8_t *foreground)
{
    enum { PIECE = 960 }; /* pixels: a multiple of LIGHT_SAMPLE_STEP */
    struct look_over seen = {0};
    const struct compare_limits limits = background->limits = limits_of(background, sensitivity);
    const struct compare_rows all = {{background->means[0], background->means[1], background->means[2]},
                                     {picture->planes[0], picture->planes[1], picture->planes[2]}};
    int all_count = background->width * background->height;
    for (int at = 0; at < all_count; at += PIECE) {
        int count = MIN(PIECE, all_count - at);
        if (background->is_behind)
            catch_up(background, picture, at, count);
        const struct compare_rows piece = compare_rows_from(&all, at);
        struct light_counts light =
            picture->kernels->count_light(piece.means[0], piece.planes[0], SAME_LIGHT_FROM, SAME_LIGHT_TO + 1, count);
        struct compare_result found = picture->kernels->compare(foreground + at, &piece, &limits, count);
        seen.light.samples += light.samples;
        seen.light.below += light.below;
        seen.light.above += light.above;
        seen.differing += found.differing;
        seen.difference += found.difference;
    }
    background->is_behind = false;
    return seen;
}

/* From what does not differ, where that is most of the picture. */
static void learn_noise(struct background *background, const struct look_over *seen)
{
    int count = background->width * background->height, quiet = count - seen->differing;
    if (quiet <= count / 4)
        return;
    double mean = (double)seen->difference / DIFFERENCE_ONE / quiet;
    /* mean absolute deviation to standard deviation of a normal: × 1.2533 */
    background->noise += noise_share * (float)(1.2533 * mean - background->noise);
}

double background_compare(struct background *background, const struct reduced *picture, double sensitivity,
                          bool measures_contrast, uint8_t *foreground)
{
    struct look_over seen = look_over(background, picture, sensitivity, foreground);
    bool is_same_light = light_is_same(&seen.light);
    double gain = is_same_light ? 1 : follow_light(background, picture);
    if (measures_contrast)
        measure_contrast(background);
    if (measures_contrast || !is_same_light)
        seen = look_over(background, picture, sensitivity, foreground);
    learn_noise(background, &seen);
    return gain;
}

void background_update_later(struct background *background)
{
    background->is_behind = true;
}
