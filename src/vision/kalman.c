#include "vision/kalman.h"

#include <string.h>

/* Standard deviations as shares of the height, from ByteTrack's kalman_filter (std_weight_position, _velocity). */
static const double position_weight = 1.0 / 20, speed_weight = 1.0 / 160;
enum { ASPECT = 2, HEIGHT = 3 };

/* Of dimension i: in proportion to the height, but for the aspect, which has a fixed deviation. */
static double deviation(int dimension, double weight, double fixed, double height)
{
    return dimension == ASPECT ? fixed : weight * height;
}

void kalman_start(struct kalman *kalman, const double measured[KALMAN_DIMENSIONS])
{
    for (int i = 0; i < KALMAN_DIMENSIONS; i++) {
        double position = deviation(i, 2 * position_weight, 1e-2, measured[HEIGHT]);
        double speed = deviation(i, 10 * speed_weight, 1e-5, measured[HEIGHT]);
        kalman->position[i] = measured[i];
        kalman->speed[i] = 0;
        kalman->position_variance[i] = position * position;
        kalman->covariance[i] = 0;
        kalman->speed_variance[i] = speed * speed;
    }
}

void kalman_predict(struct kalman *kalman, double frames)
{
    double height = kalman->position[HEIGHT];
    for (int i = 0; i < KALMAN_DIMENSIONS; i++) {
        double position = deviation(i, position_weight, 1e-2, height);
        double speed = deviation(i, speed_weight, 1e-5, height);
        kalman->position[i] += kalman->speed[i] * frames;
        kalman->position_variance[i] +=
            frames * (2 * kalman->covariance[i] + frames * kalman->speed_variance[i]) + position * position * frames;
        kalman->covariance[i] += frames * kalman->speed_variance[i];
        kalman->speed_variance[i] += speed * speed * frames;
    }
}

void kalman_update(struct kalman *kalman, const double measured[KALMAN_DIMENSIONS])
{
    double height = kalman->position[HEIGHT];
    for (int i = 0; i < KALMAN_DIMENSIONS; i++) {
        double noise = deviation(i, position_weight, 1e-1, height);
        double innovation = kalman->position_variance[i] + noise * noise;
        double gain = kalman->position_variance[i] / innovation, speed_gain = kalman->covariance[i] / innovation;
        double surprise = measured[i] - kalman->position[i];
        kalman->position[i] += gain * surprise;
        kalman->speed[i] += speed_gain * surprise;
        kalman->speed_variance[i] -= speed_gain * kalman->covariance[i];
        kalman->covariance[i] -= gain * kalman->covariance[i];
        kalman->position_variance[i] -= gain * kalman->position_variance[i];
    }
}

void kalman_scale(struct kalman *kalman, const double factors[KALMAN_DIMENSIONS])
{
    for (int i = 0; i < KALMAN_DIMENSIONS; i++) {
        double squared = factors[i] * factors[i];
        kalman->position[i] *= factors[i];
        kalman->speed[i] *= factors[i];
        kalman->position_variance[i] *= squared;
        kalman->covariance[i] *= squared;
        kalman->speed_variance[i] *= squared;
    }
}
