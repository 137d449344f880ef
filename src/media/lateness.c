#include "media/stream_internal.h"

enum {
    /* A camera may begin with what it kept; then it is not known yet what a packet takes that nothing holds up. */
    LATENESS_LEARNS_US = 5 * 1000000,
    /* Two quartz clocks drift apart by less than one part in so many; what comes later than that was held up, however
     * long it has been. */
    LATENESS_DRIFT = 5000,
    LATENESS_ANEW_US = 10 * 1000000, /* more than pictures are out of order: the stream's time begins anew */
};

int32_t lateness_note(struct lateness *lateness, int64_t stream_us, int64_t now_us)
{
    int64_t takes_us = now_us - stream_us;
    if (!lateness->has_begun || stream_us < lateness->stream_us - LATENESS_ANEW_US)
        *lateness = (struct lateness){true, now_us, now_us, stream_us, takes_us};
    int64_t drifted_us = (now_us - lateness->noted_us) / LATENESS_DRIFT;
    lateness->least_us = MIN(lateness->least_us + drifted_us, takes_us);
    lateness->noted_us = now_us;
    lateness->stream_us = MAX(lateness->stream_us, stream_us);
    if (now_us - lateness->begun_us < LATENESS_LEARNS_US)
        return FRAME_LATE_UNKNOWN;
    return (int32_t)MIN((takes_us - lateness->least_us) / 1000, FRAME_LATE_UNKNOWN - 1);
}
