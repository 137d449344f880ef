/* Shared by source.c (states, mailbox, files and scenes) and source_rtsp.c (cameras). */
#pragma once

#include "media/media_internal.h"
#include "media/rtsp_internal.h"

struct media_source {
    /* immutable after media_source_new */
    char *camera_id;
    bool is_looping;
    struct media_url url;
    char *username, *password;
    struct source_settings settings; /* but for `decoder`, which is the source's thread's */
    struct clock *clock;
    struct camera_health *health;
    media_notify notify;
    void *notify_data;
    GCancellable *cancellable;
    struct media_skipper *skipper;

    struct frame *mailbox; /* atomic: taken and put by exchange */
    bool is_stopping;      /* atomic */
    int64_t last_frame_us; /* atomic: monotonic */

    /* owned by the source's thread */
    pthread_t thread;
    bool has_thread;
    struct random random;
    unsigned attempts; /* failed since frames last flowed for a while */

    /* owned by whichever thread delivers (one at a time) */
    struct frame_thinner thinner;
    uint64_t next_number;
    int64_t media_us, media_seen_us; /* of the last frame, on the source's own axis; and when it was seen */
    int64_t rate_since_us, rate_frames, cpu_us;
    int64_t copies_before;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t stopped;
    char state[16], last_error[512], codec[16], decoder[32];
    int32_t width_px, height_px;
    double fps;
    int64_t last_frame_ms;
    struct rtp_clock rtp_clock;
};

void source_set_state(struct media_source *source, const char *state, const char *error);
bool source_is_stopping(const struct media_source *source);
/* Waits, or ends early when asked to stop. */
void source_wait_ms(struct media_source *source, int64_t ms);
/* Adds the CPU time that the calling thread, which decodes, spent since the last call. */
void source_note_cpu(struct media_source *source);
/* Counts a decoded frame and keeps the rate by the wall clock. True when the camera has just come online. */
bool source_note_frame(struct media_source *source, int width_px, int height_px);
/* Says what decodes. */
void source_set_decoder(struct media_source *source, const char *name);
/* Stamps the frame and puts it into the mailbox. `stream_us` is its time on the connection's axis, which the camera's
 * clock is tied to. */
void source_deliver(struct media_source *source, struct frame *frame, int64_t stream_us);
/* One connection to a camera, from its start to the error that ends it. */
void source_run_rtsp(struct media_source *source, GError **error);
