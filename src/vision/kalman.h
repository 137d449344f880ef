/* The Kalman filter of ByteTrack (after DeepSORT, Wojke et al. 2017): centre x, centre y, aspect, height and their
 * speeds, with noise in proportion to the height. Its matrices never couple the four dimensions, so it is four filters
 * of two states.
 */
#pragma once

enum { KALMAN_DIMENSIONS = 4 };

struct kalman {
    double position[KALMAN_DIMENSIONS]; /* cx, cy, w / h, h */
    double speed[KALMAN_DIMENSIONS];    /* per nominal frame */
    double position_variance[KALMAN_DIMENSIONS], covariance[KALMAN_DIMENSIONS], speed_variance[KALMAN_DIMENSIONS];
};

void kalman_start(struct kalman *kalman, const double measured[KALMAN_DIMENSIONS]);
/* `frames` nominal frames passed (1 at a steady rate). */
void kalman_predict(struct kalman *kalman, double frames);
void kalman_update(struct kalman *kalman, const double measured[KALMAN_DIMENSIONS]);
/* What is measured from now on is so many times what it was. */
void kalman_scale(struct kalman *kalman, const double factors[KALMAN_DIMENSIONS]);
