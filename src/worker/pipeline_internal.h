/* Shared by the files of the frame path: what it holds of one camera. pipeline.c feeds frames through it,
 * pipeline_looks.c finds tracks again by their looks, pipeline_preview.c makes its pictures. */
#pragma once

#include "base/log.h"
#include "privacy/privacy.h"
#include "worker/figure_history.h"
#include "worker/gate.h"
#include "worker/selection.h"
#include "worker/stages.h"
#include "worker/track_log.h"
#include "worker/worker.h"

struct pipeline {
    /* immutable */
    char *camera_id;
    struct tracker_settings tracker_settings;
    struct clock *clock;
    struct camera_health *health;
    struct pipeline_sink sink;
    struct detector *detector;
    pthread_mutex_t *detector_lock;
    int preview_width_px, preview_quality, live_window_ms;
    bool hides_all_without_model;
    int turn_seconds; /* a camera waits no longer for the model */
    double outage_seconds;
    /* one thread at a time */
    struct motion *motion;
    struct picture_watch *picture;
    struct tracker *tracker;
    struct analytics *analytics;
    struct privacy_encoder *encoder;
    struct detections *objects, *found; /* what moves; what the model found, held until it runs again */
    struct detections *part;            /* what it found in a region */
    struct gate gate;
    struct selection selection;
    double wants;      /* confidence that the camera's policy, else the settings, ask for; 0: what the card says */
    double hides_from; /* confidence of what is hidden at least, as the settings have it: a policy that follows less
                          hides no less */
    double looks_from; /* confidence of what the model is asked for */
    int64_t policy_revision;     /* in force; 0: none */
    struct track_log *track_log; /* NULL: what rules see is not stored */
    struct tracks tracks;        /* of the last frame */
    int failures, look_failures; /* of the models, in a row */
    int64_t rests_until_us;
    bool has_word;   /* `found` is what the model said last, and who came since is seen to move */
    int64_t word_us; /* when it did */
    struct observed_track *observed;
    struct track_view *views;
    struct privacy_figure *figures; /* of the last frame, for previews: of tracks, and of two lists of detections */
    size_t figure_count;
    struct figure_history *history; /* NULL until someone looks at another stream */
    bool is_active;                 /* something moved in the last frame, or it was not known */
    bool hides_all;                 /* what must be hidden is not known now */
    int64_t shed_before;            /* by tracker and rules, as counted so far */
    uint64_t last_frame;
    int64_t last_at_ms, last_media_us;
    bool is_set_too_slow; /* by the camera's analyse_fps, each frame is the first after an outage */
    int outages;          /* in a row, with no two frames between them */
    struct log_limit detector_complaint, restart_complaint;
    GString *payload; /* of the event that is being told */
    /* tracks found again by their looks; NULL: they are not */
    struct reid *reid;
    struct reader *reader;
    pthread_mutex_t *reader_lock;
    int64_t looks_rest_until_us;
    struct log_limit look_complaint, look_restart_complaint;
    struct stages stages; /* of the frame at hand, and of all */
    struct frame_events trace;
    bool is_in_frame;
};

/* After a try of a model that failed the camera does without it for so many times what the try took: four fifths of its
 * time are its own however long the model hangs, and the other cameras' turns come in between. */
static inline int64_t pipeline_rest_us(int64_t failed_us)
{
    enum { FACTOR = 4, MOST_US = 60 * 1000000 };
    return MIN(FACTOR * failed_us, MOST_US);
}

/* ---- pipeline_looks.c ---- */

/* Once the tracker has followed the frame at hand: ids are changed in it and in `tracks`. Without looks it does
 * nothing.
 */
void pipeline_find_again(struct pipeline *pipeline, const struct frame *frame, struct tracks *tracks);

/* ---- pipeline_preview.c ---- */

/* What must be hidden in the frame at hand: everything that could be a person. Once it is through motion, detection and
 * tracking. `detections` is what was tracked: `found`, or `objects` where the model said nothing of this frame. */
void pipeline_note_figures(struct pipeline *pipeline, const struct tracks *tracks, const struct detections *detections,
                           const struct motion_scene *scene);
