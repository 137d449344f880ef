#include "media/media_internal.h"

enum { JUMP_US = 10000000 }; /* further apart than a camera's pictures ever are */

void time_axis_begin(struct time_axis *axis)
{
    axis->shift_us = 0;
    axis->is_begun = false;
}

/* Whether the camera's time has parted from ours since the connection's first picture: by more than a burst at its
 * start, or a network that stood still. */
static bool has_parted(const struct time_axis *axis, int64_t media_us, int64_t now_us)
{
    int64_t ahead_us = (media_us - axis->first_media_us) - (now_us - axis->first_seen_us);
    return axis->is_begun && ABS(ahead_us) > JUMP_US;
}

int64_t time_axis_next(struct time_axis *axis, int64_t stream_us, int64_t now_us)
{
    int64_t step_us = stream_us + axis->shift_us - axis->media_us;
    if (step_us <= 0 || step_us > JUMP_US || has_parted(axis, axis->media_us + step_us, now_us)) {
        int64_t passed_us = axis->seen_us ? MAX(1, now_us - axis->seen_us) : 1;
        axis->shift_us += passed_us - step_us;
        step_us = passed_us;
    }
    axis->media_us += step_us;
    axis->seen_us = now_us;
    if (!axis->is_begun) {
        axis->first_media_us = axis->media_us;
        axis->first_seen_us = now_us;
        axis->is_begun = true;
    }
    return axis->media_us;
}
