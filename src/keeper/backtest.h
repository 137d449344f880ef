/* Backtest: what a policy would have told of what was seen. Stored observations of one camera go through the pure rules
 * twice, under the policies in force and under the proposed ones, overlays following the frames' own time; the signals
 * of both are then held against each other, and against those that were stored when it happened.
 *
 * From the signals of each, in the order in which they are raised, fusion makes incidents, as it makes the stored ones.
 *
 * A signal is the same under both when kind, zone and tracks are; its time may be another. What has no tracks (a crowd,
 * a covered lens) must come within a minute of the other to be the same. An incident is the same under both when they
 * share a signal.
 *
 * Pure but for memory: no clock, no I/O. One thread at a time per backtest_camera.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "facts/backtest.h"
#include "facts/incident.h"
#include "facts/track.h"
#include "policy/policy.h"

struct backtest_camera;

struct backtest_rules {
    const struct policy_set *current, *proposed;
    const struct camera_config *base;     /* the camera as its settings have it, before any policy */
    struct policy_scope subject;          /* the camera's place */
    const struct fusion_settings *fusion; /* which signals are one incident */
    size_t signals_max;                   /* held of either side, and of what was stored; and incidents */
    int64_t from_ms, to_ms; /* signals of [from, to) count; what was before only makes rules know who is there */
    int64_t changed;        /* the revision that last changed what the camera's rules go by */
};

/* Asked now and then by what takes long: true with an error ends it. NULL is never over. */
struct backtest_watch {
    bool (*is_over)(void *data, GError **error);
    void *data;
};

/* Everything is borrowed, and outlives it. */
struct backtest_camera *backtest_camera_new(const struct backtest_rules *rules);
void backtest_camera_free(struct backtest_camera *camera);
CLEANUP_DEFINE(backtest_camera, backtest_camera_free)
/* The next stored piece, in the order of their time. A damaged piece, and one that is missing, is counted; rules begin
 * anew with another run. False: policies contradict each other at that time, or there are too many signals to hold. */
bool backtest_camera_replay(struct backtest_camera *camera, const struct track_chunk *chunk, GError **error);
/* One record of that time, as it was stored; what the server itself tells does not count. False: its payload is no
 * record, or there are too many to hold. */
bool backtest_camera_note_stored(struct backtest_camera *camera, const struct analytics_event *event, GError **error);
/* An incident of the camera that was stored, and may have signals of the time asked for or had some within
 * fusion->window_seconds before it. Takes it, for incident_free. False: there are too many to hold. */
bool backtest_camera_note_incident(struct backtest_camera *camera, struct incident *incident, GError **error);
/* Whether some policy raises dwell events, so that those that were stored are of interest. */
bool backtest_camera_has_dwells(const struct backtest_camera *camera);
/* Adds what came of it to `backtest`: at most `findings_max` findings, and as many incidents, in all. Once. False: it
 * was over before, as `watch` says, and nothing was added. */
bool backtest_camera_conclude(struct backtest_camera *camera, const struct backtest_watch *watch, size_t findings_max,
                              struct backtest *backtest, GError **error);
