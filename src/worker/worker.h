/* Worker: composes media, vision, privacy and analytics into the frame path. A worker is a process of its own, started
 * by the hub by exec with a clean environment, that holds no credentials but its cameras' logins and closes its own
 * cage (Landlock, no-new-privileges, not dumpable) before the first byte of a stream.
 *
 * The pipeline is the frame path of one camera without process or threads: `analyze` and tests run it directly.
 */
#pragma once

#include <glib.h>
#include <pthread.h>

#include "analytics/analytics.h"
#include "base/clock.h"
#include "base/trace.h"
#include "facts/health.h"
#include "facts/settings.h"
#include "facts/track.h"
#include "frame/frame.h"
#include "vision/vision.h"
#include "worker/figure_history.h"

/* ---- the frame path of one camera ---- */

struct pipeline;

/* Where a pipeline's records go; called during pipeline_feed, configure, pass_time and finish, on their thread. `event`
 * is complete but for org and site.
 */
struct pipeline_sink {
    void (*event)(void *data, const struct analytics_event *event);
    void (*tracks)(void *data, const struct track_update *update); /* may be NULL */
    void *data;
    bool wants_chunks; /* among the events, what the rules saw: EVENT_TRACK_CHUNK */
};

/* `detector` may be NULL (motion objects) and is shared: the pipeline locks `detector_lock` around each call (NULL when
 * nobody else uses it). `config` and `camera` are copied in part; `health` outlives the pipeline. */
struct pipeline *pipeline_new(const struct worker_config *config, const struct camera *camera,
                              struct detector *detector, pthread_mutex_t *detector_lock, uint64_t track_id_base,
                              struct clock *clock, struct camera_health *health, const struct pipeline_sink *sink);
void pipeline_free(struct pipeline *pipeline);
/* From now on tracks that were lost are found again by their looks. `reader` is an embedder, shared like the detector.
 * Before the first frame. */
void pipeline_know_looks(struct pipeline *pipeline, const struct reid_settings *settings, struct reader *reader,
                         pthread_mutex_t *reader_lock);
/* Takes over what counts from the next frame on: thresholds, schedules, what is followed and what is hidden. What is
 * remembered of tracks goes on; stays in zones that are gone or lie elsewhere end, and are told. Between two frames;
 * `config` is copied. */
void pipeline_configure(struct pipeline *pipeline, const struct camera_config *config);
/* One frame through motion, detection, tracking and rules. The frame is only read. */
void pipeline_feed(struct pipeline *pipeline, struct frame *frame);
/* The stages of the frame last fed, for its caller to go on with and finish; and how long they took of all. */
struct stages;
struct stages *pipeline_stages(struct pipeline *pipeline);
/* The events of the frame last fed, and their trace. */
struct frame_events {
    int32_t count;                /* without pieces of tracks; 0: nothing else is set */
    struct trace_context context; /* sampled: the events name it */
    char trace_id[TRACE_ID_TEXT_BYTES], traceparent[TRACE_PARENT_BYTES];
};
const struct frame_events *pipeline_trace(const struct pipeline *pipeline);
/* Whether something moved, or it was not known, in the frame last fed. It need not be an object: that takes several
 * frames close together, which a quiet camera has only once this has woken it. */
bool pipeline_is_active(const struct pipeline *pipeline);
/* No frame comes, and time goes on: tells what is due by the clock. Between two frames, each second or so. */
void pipeline_pass_time(struct pipeline *pipeline);
/* Ends open stays (end of a file, stop). */
void pipeline_finish(struct pipeline *pipeline);
/* A JPEG of the frame last fed with every figure hidden; NULL when there can be none. `frame` is that frame. */
GBytes *pipeline_preview(struct pipeline *pipeline, struct frame *frame, GError **error);
/* The same with these boxes drawn over it. */
GBytes *pipeline_preview_outlined(struct pipeline *pipeline, struct frame *frame, const struct record_box *outlines,
                                  size_t count, GError **error);
/* Everyone who is followed, as of the frame last fed; valid until the next. */
const struct tracks *pipeline_tracks(const struct pipeline *pipeline);
/* Remembers what must be hidden in the frame last fed, for pictures of another stream of the camera. After each frame
 * while someone looks. Returns the time of which enough is known by now. */
int64_t pipeline_remember_figures(struct pipeline *pipeline, const struct frame *frame);
/* pipeline_preview of another stream's frame; `number` is that of the analysed frame whose boxes belong over it. NULL
 * without an error where it is not known what must be hidden in it: `refusal` says why. */
GBytes *pipeline_preview_live(struct pipeline *pipeline, struct frame *frame, uint64_t *number,
                              enum figure_refusal *refusal, GError **error);
size_t pipeline_counts(const struct pipeline *pipeline, struct analytics_count *counts, size_t capacity);

/* ---- the process ---- */

/* The whole life of a worker process on a connected socket to its hub. `hub_files` is a path it must not be able to
 * open, to prove the cage. Returns the exit status. Main thread. */
int worker_main(int link_fd, const char *hub_files);
