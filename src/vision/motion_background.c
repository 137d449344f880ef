/* An adaptive background: a running mean of each pixel, one level of noise for the picture, and light that is followed.
 */
#include "vision/motion_internal.h"

#include <math.h>
#include <string.h>

/* Share by which the background moves towards the picture in a frame: a time constant of some 50 frames. */
static const float update_share = 0.02f;
static const float noise_start = 3, noise_share = 0.05f;

void background_init(struct background *background, int width, int height)
{
    memset(background, 0, sizeof *background);
    background->width = width;
    background->height = height;
    background->noise = noise_start;
    for (int i = 0; i < 3; i++)
        background->planes[i] = g_new0(float, (size_t)width *(size_t)height);
}

void background_clear(struct background *background)
{
    for (int i = 0; i < 3; i++)
        g_free(background->planes[i]);
    memset(background, 0, sizeof *background);
}

void background_learn(struct background *background, const struct reduced *picture)
{
    float share = 1 / (float)(++background->frames);
    int count = background->width * background->height;
    for (int channel = 0; channel < 3; channel++)
        for (int i = 0; i < count; i++)
            background->planes[channel][i] +=
                share * ((float)picture->planes[channel][i] - background->planes[channel][i]);
}

double background_follow_light(struct background *background, const struct reduced *picture)
{
    /* A histogram of the ratio in steps of 1/256 around 1: its median is not moved by what moves. */
    enum { STEPS = 512, ONE = 256, SAMPLE_STEP = 5, DARK = 12 };
    int histogram[STEPS] = {0}, samples = 0, count = background->width * background->height;
    for (int i = 0; i < count; i += SAMPLE_STEP) {
        if (background->planes[0][i] < DARK || picture->planes[0][i] > 250)
            continue;
        int step = (int)((float)picture->planes[0][i] * ONE / background->planes[0][i]);
        histogram[step < STEPS ? step : STEPS - 1]++;
        samples++;
    }
    int median = 0;
    for (int seen = 0; median < STEPS - 1 && (seen += histogram[median]) * 2 < samples;)
        median++;
    double gain = samples > 0 ? (median + 0.5) / ONE : 1;
    if (fabs(gain - 1) < 0.008) /* within a step of the histogram and the noise: no change */
        return 1;
    for (int i = 0; i < count; i++)
        background->planes[0][i] *= (float)gain;
    return gain;
}

/* A shadow darkens without changing the colour. */
static bool is_shadow(float mean, int luma, float chroma)
{
    return chroma < 5 && (float)luma < mean && (float)luma > mean * 0.70f;
}

void background_compare(struct background *background, const struct reduced *picture, double sensitivity,
                        uint8_t *foreground)
{
    int count = background->width * background->height, quiet = 0;
    float noise_sum = 0, noise_floor = 3.5f * background->noise;
    /* at the middle sensitivity a pixel must differ by a tenth of its brightness, and more than noise does */
    float relative = (float)(0.2 - 0.2 * sensitivity), chroma_limit = (float)(16 - 10 * sensitivity);
    for (int i = 0; i < count; i++) {
        float mean = background->planes[0][i];
        int luma = picture->planes[0][i];
        float difference = fabsf((float)luma - mean);
        float chroma = fabsf((float)picture->planes[1][i] - background->planes[1][i]) +
                       fabsf((float)picture->planes[2][i] - background->planes[2][i]);
        float limit = fmaxf(noise_floor, 5 + relative * mean);
        bool differs = (difference > limit && !is_shadow(mean, luma, chroma)) || chroma > chroma_limit + noise_floor;
        foreground[i] = differs ? 255 : 0;
        if (!differs) {
            noise_sum += difference;
            quiet++;
        }
    }
    if (quiet > count / 4) /* mean absolute deviation to standard deviation of a normal: × 1.2533 */
        background->noise += noise_share * (1.2533f * noise_sum / (float)quiet - background->noise);
}

void background_update(struct background *background, const struct reduced *picture, const uint8_t *keep)
{
    int count = background->width * background->height;
    for (int channel = 0; channel < 3; channel++) {
        float *mean = background->planes[channel];
        const uint8_t *now = picture->planes[channel];
        for (int i = 0; i < count; i++)
            mean[i] += keep[i] ? 0 : update_share * ((float)now[i] - mean[i]);
    }
}

void background_absorb(struct background *background, const struct reduced *picture, int left, int top, int right,
                       int bottom)
{
    for (int y = MAX(top, 0); y < MIN(bottom, background->height); y++)
        for (int x = MAX(left, 0); x < MIN(right, background->width); x++)
            for (int channel = 0; channel < 3; channel++)
                background->planes[channel][y * background->width + x] =
                    picture->planes[channel][y * background->width + x];
}
