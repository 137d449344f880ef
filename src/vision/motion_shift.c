/* Whether the camera was moved: the picture is the background, somewhere else. */
#include "vision/motion_internal.h"

#include <math.h>
#include <stdlib.h>

/* A shift of up to an eighth of the picture is looked for, on every eighth pixel first. */
enum { COARSE_SAMPLE = 8, FINE_SAMPLE = 4, REACH_PARTS = 8 };

static int samples(int from, int to, int step)
{
    return to > from ? (to - from + step - 1) / step : 0;
}

/* The mean difference between picture and background, with the background shifted; INFINITY as soon as it is known to
 * be `enough` or more. */
static double difference_at(const struct background *background, const struct reduced *picture, int right, int down,
                            int sample, double enough)
{
    int width = background->width, height = background->height;
    int top = MAX(down, 0), bottom = MIN(height, height + down), left = MAX(right, 0), end = MIN(width, width + right);
    int count = samples(top, bottom, sample) * samples(left, end, sample);
    double most = enough * count;
    int64_t sum = 0;
    for (int y = top; y < bottom && (double)sum < most; y += sample) {
        const uint8_t *now = picture->planes[0] + y * width;
        const float *mean = background->means[0] + (y - down) * width;
        for (int x = left; x < end; x += sample)
            sum += abs(now[x] - (int)mean[x - right]);
    }
    return count > 0 && (double)sum < most ? (double)sum / count : INFINITY;
}

static double search(const struct background *background, const struct reduced *picture, int reach_x, int reach_y,
                     int sample, int step, int *right, int *down)
{
    int from_x = *right, from_y = *down;
    double least = difference_at(background, picture, from_x, from_y, sample, INFINITY);
    for (int y = from_y - reach_y; y <= from_y + reach_y; y += step)
        for (int x = from_x - reach_x; x <= from_x + reach_x; x += step) {
            double difference = difference_at(background, picture, x, y, sample, least);
            if (difference < least) {
                least = difference;
                *right = x;
                *down = y;
            }
        }
    return least;
}

bool shift_find(const struct background *background, const struct reduced *picture, int *right, int *down)
{
    enum { COARSE = 2 };
    /* what was there is found again, and fits clearly better than where it was */
    static const double better = 0.6;
    /* things that come and go leave most of the picture as it was: noise, whose mean is 0.8 of its deviation */
    static const double mean_of_noise = 0.8, noticeable = 1.8, least_levels = 0.5;
    double here = difference_at(background, picture, 0, 0, FINE_SAMPLE, INFINITY);
    *right = *down = 0;
    if (here < noticeable * mean_of_noise * background->noise + least_levels)
        return false;
    search(background, picture, background->width / REACH_PARTS, background->height / REACH_PARTS, COARSE_SAMPLE,
           COARSE, right, down);
    double there = search(background, picture, 1, 1, FINE_SAMPLE, 1, right, down);
    return (*right || *down) && there < better * here;
}
