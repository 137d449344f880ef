/* Facts: what came of trying a policy on stored tracks: the signals it would have raised, beside those of the policy in
 * force.
 */
#pragma once

#include "facts/event.h"

enum backtest_state {
    BACKTEST_WAITING = 1,
    BACKTEST_RUNNING,
    BACKTEST_DONE,
    BACKTEST_CUT, /* ended by its deadline: what was tried by then counts */
    BACKTEST_FAILED
};
extern const char *const backtest_state_names[];

enum backtest_change {
    BACKTEST_KEPT = 1,
    BACKTEST_NEW,
    BACKTEST_GONE,
    BACKTEST_CHANGED, /* of incidents: kept, with another severity, span or other signals */
};

/* One signal under both policies, or under one. */
struct backtest_finding {
    enum backtest_change change;
    char *camera_id, *kind, *zone_id;
    struct record_ids track_ids;
    enum severity severity;
    struct record_time at;         /* under the proposed policy; unset when it is gone */
    struct record_time current_at; /* under the current policy; unset when it is new */
    char *signal_id, *snapshot_id; /* of what was stored then, where it was */
};
extern const struct record_descriptor backtest_finding_descriptor;

/* One incident under both policies, or under one. */
struct backtest_incident {
    enum backtest_change change;
    char *camera_id;
    enum service service;
    char *kind;
    enum severity severity, current_severity; /* 0, as times and counts are: the policy opens none */
    struct record_time started_at, last_signal_at, current_started_at, current_last_signal_at;
    int64_t signal_count, current_signal_count;
    char *incident_id;                              /* of the one that was stored then, where it was */
    struct record_strings signal_ids, snapshot_ids; /* of its signals that were stored then */
};
extern const struct record_descriptor backtest_incident_descriptor;

struct backtest {
    char *id, *org_id;
    enum backtest_state state;
    char *policy_type;
    struct record_time from_at, to_at, started_at, ended_at;
    int64_t policy_revision; /* of the current policy */
    int32_t cameras, cameras_tried;
    struct record_strings without_tracks; /* cameras of which nothing is stored for that time */
    int64_t chunks, frames, gaps, damaged;
    bool has_older_policies;
    double replayed_seconds, cpu_seconds;
    int64_t kept, new_signals, gone;
    int64_t stored, reproduced;
    struct record_list findings; /* of struct backtest_finding */
    int64_t findings_left_out;
    int64_t incidents_kept, incidents_changed, incidents_new, incidents_gone;
    int64_t stored_incidents, reproduced_incidents;
    struct record_list incidents; /* of struct backtest_incident */
    int64_t incidents_left_out;
    char *error;
};
extern const struct record_descriptor backtest_descriptor;
