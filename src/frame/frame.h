/* A decoded picture, mapped where the decoder left it and never copied: every stage reads the same planes.
 *
 * Ownership: frame_ref/frame_unref; the last unref calls `release`, which gives the decoder its buffer back, so hold
 * a frame only as long as it is read. Threads: immutable after creation; references may move between threads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/cleanup.h"

enum frame_format {
    FRAME_NV12 = 1, /* planes: Y, interleaved UV at half size */
    FRAME_I420,     /* planes: Y, U, V at half size */
};

enum { FRAME_LATE_UNKNOWN = INT32_MAX };

struct frame {
    int width_px, height_px; /* visible; odd sizes are allowed, chroma is (n + 1) / 2 */
    double pixel_aspect;     /* a pixel's width by its height, as the stream says; 0: nothing, and they are square */
    enum frame_format format;
    bool is_full_range; /* luma 0..255 rather than 16..235 */
    bool is_bt709;      /* colours weigh as in ITU-R BT.709 rather than BT.601 */
    const uint8_t *planes[3];
    int strides_bytes[3];   /* never negative; at least the plane's width */
    uint64_t number;        /* counts the source's decoded frames from 0 */
    int64_t captured_at_ms; /* wall clock: camera's RTP clock by RTCP when within the allowed skew, else arrival */
    bool is_camera_clock;   /* which of the two it was */
    int32_t late_ms;  /* of arrival: so much was it held up on its way; FRAME_LATE_UNKNOWN; 0 of the camera's clock */
    int64_t media_us; /* time on the stream's own axis, from 0; steady where captured_at_ms is not */
    int64_t received_us; /* clock_monotonic_us when its encoded picture came to the decoder; 0: not known */
    int64_t arrived_us;  /* the same when the frame left the decoder */
};

/* Takes over `template`'s fields; calls release(data) at the last unref. `release` may be NULL. */
struct frame *frame_new(const struct frame *template, void (*release)(void *data), void *data);
struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame *frame);
/* A frame with planes of its own (I420), to be filled by its maker before it is shared: scenes, images, tests. */
struct frame *frame_new_allocated(int width_px, int height_px);
/* Writable planes of a frame made by frame_new_allocated that nobody else holds yet. */
uint8_t *frame_plane(struct frame *frame, int plane);

CLEANUP_DEFINE(frame, frame_unref)

/* Chooses frames at an even rate out of a faster stream, by media time. */
struct frame_thinner {
    int64_t interval_us; /* 0: every frame */
    int64_t next_us;
};
void frame_thinner_init(struct frame_thinner *thinner, double fps);
/* True when the frame at `media_us` is due. A step back in time (a loop, a new connection) starts over. */
bool frame_thinner_pass(struct frame_thinner *thinner, int64_t media_us);

/* Width by height of what is to be seen. */
static inline double frame_shape(const struct frame *frame)
{
    return (frame->pixel_aspect > 0 ? frame->pixel_aspect : 1) * frame->width_px / frame->height_px;
}

/* Rows and bytes a row of a plane holds. */
static inline int frame_plane_rows(const struct frame *frame, int plane)
{
    return plane == 0 ? frame->height_px : (frame->height_px + 1) / 2;
}
static inline int frame_plane_row_bytes(const struct frame *frame, int plane)
{
    if (plane == 0)
        return frame->width_px;
    int half = (frame->width_px + 1) / 2;
    return frame->format == FRAME_NV12 ? 2 * half : half;
}
