/* Facts: health of cameras, workers and the server. Fields flagged COUNTER or GAUGE are /metrics: there is no other
 * table of metrics. Counters are touched with base/counter.h. */
#pragma once

#include <stdbool.h>

#include "record/record.h"

/* What becomes of the role record of a connection. */
enum stream_recording {
    STREAM_RECORDING_OFF = 1, /* there is no such role here */
    STREAM_RECORDING_UNREAD,  /* pictures are kept for a while, and nothing records them */
    STREAM_RECORDING_READ,
};
extern const char *const stream_recording_names[];

/* One address of a camera: the connection to it, and what is taken from it. Cameras that share a connection tell it
 * alike. */
struct stream_health {
    char *source; /* redacted */
    struct record_strings roles;
    char *state, *last_error; /* as a camera's */
    char *codec;
    int32_t width_px, height_px;
    double fps;      /* decoded, or received where nothing is decoded */
    int64_t cameras; /* that share the connection */
    int64_t bytes_received, connects, errors_count, stalls;
    enum stream_recording recording;
    int64_t record_packets, record_packets_shed;         /* offered to the recorder; of these, gone unread */
    int64_t record_packets_kept, record_bytes_kept;      /* now */
    int64_t live_frames, live_packets_shed, live_errors; /* of the decoder for those who look */
};
extern const struct record_descriptor stream_health_descriptor;

/* Kept by a worker for each camera, sent to the hub each second. */
struct camera_health {
    char *camera_id;
    char *state;      /* "starting", "connecting", "online", "stalled", "waiting", "failed", "ended";
                         the hub's own: "disabled", "left_out" */
    char *last_error; /* redacted; empty when none since it came online */
    char *codec;
    char *decoder; /* GStreamer's name of what decodes; empty when nothing does yet */
    int32_t width_px, height_px;
    double fps; /* decoded frames a second by the wall clock */
    double analysed_fps;
    int64_t frames_decoded;
    int64_t frames_processed; /* analysed */
    int64_t policy_revision;  /* newest of the policies in force; 0: none */
    int64_t frames_dropped;   /* replaced in the mailbox by a newer one */
    int64_t frames_skipped;   /* not analysed because analyse_fps is lower than the stream's */
    int64_t frame_copies;     /* between decoder and model input; 0 is the promise */
    int64_t packets_skipped_non_reference, packets_skipped_delta, packets_skipped_quiet; /* not decoded: `decode` */
    int64_t packets_caught_up; /* of the quiet ones, decoded after all */
    int64_t bytes_received;
    int64_t connects;
    int64_t errors_count; /* connection and decode errors together */
    int64_t decode_errors;
    int64_t stalls;
    char *circuit_breaker_state;      /* "closed", "open", "half_open", "forced_open", "forced_closed", "disabled" */
    int64_t circuit_breaker;          /* the same as the number of enum vedette_breaker_state */
    int64_t circuit_breaker_failures; /* within its window */
    int64_t circuit_breaker_openings;
    double circuit_breaker_retry_seconds; /* while open: until it is tried again */
    int64_t records_made;
    int64_t records_sent;
    int64_t records_acknowledged;
    int64_t records_dropped; /* shed from the worker's memory while the hub did not acknowledge */
    int64_t previews_encoded;
    int64_t previews_refused; /* not made because what must be hidden was not known */
    double avg_latency_ms;    /* capture to end of analysis */
    double frame_age_ms;      /* how long the frame that waits or is being analysed has done so; 0: there is none */
    int64_t decode_us, motion_us, detect_us, track_us, rules_us; /* CPU time of each stage, summed */
    int64_t light_changes;                                       /* sudden ones of the whole picture */
    int64_t camera_moves;                                        /* shifts of the whole picture */
    int64_t frames_in_weather;
    double restless_share;        /* of the picture, ignored */
    int64_t frames_too_far_apart; /* 1: each picture comes after an outage, and nothing can be counted */
    int64_t detector_runs;
    int64_t detector_skips;    /* frames in which nothing called for the model */
    int64_t detector_failing;  /* 1: the model fails, and what moves is followed instead */
    int64_t detector_restarts; /* times it was loaded anew after failing */
    char *detector_provider;   /* what runs the model; empty: there is none */
    char *detector_provider_reason;
    int64_t tracks_live;
    int64_t objects_shed;  /* beyond a bound of the detector, the tracker or the rules, and so not followed */
    int64_t reid_looks;    /* times the model that knows tracks by their looks ran */
    int64_t reid_restarts; /* times it was loaded anew after failing */
    int64_t reid_failing;  /* 1: it fails, and who was lost for long gets a new id */
    int64_t reid_found;    /* lost tracks found again by it */
    int64_t
        reid_postponed; /* looks left for a later frame: more than looks_per_frame, or the model was busy or failed */
    int64_t reid_shed;  /* tracks whose looks found no room or made room for others */
    int64_t traces_dropped;   /* of frames that raised an event */
    int64_t first_picture_ms; /* from the beginning of its first connection; 0: none came yet */
    struct record_time last_frame_at;
    double picture_interval_seconds; /* at which pictures are asked for, or a folder's played; 0: they come by
                                        themselves */
    /* the hub's own, whatever a worker says */
    int64_t records_received, records_stored;
    char *stalled; /* what has not moved within its deadline (settings progress.*): "frames, analyses"; else empty */
    double frames_stalled_seconds, analyses_stalled_seconds, records_stalled_seconds, deliveries_stalled_seconds;
    struct record_list streams; /* of struct stream_health */
};
extern const struct record_descriptor camera_health_descriptor;

/* Kept by the hub. */
struct server_health {
    struct record_time started_at;
    int64_t workers_running;
    int64_t worker_starts;
    int64_t worker_exits; /* not asked for */
    int64_t workers_uncaged;
    int64_t records_received;
    int64_t records_rejected; /* invalid */
    int64_t records_dropped;  /* of a worker's process that ended: shed while the spool took nothing */
    int64_t records_spooled;
    int64_t records_stored;
    int64_t records_duplicate;
    int64_t incident_changes_told, incident_changes_orgs;
    /* the spool, measured now and then */
    int64_t spool_memory_records, spool_disk_records, spool_deferred, spool_in_flight, spool_queued_bytes,
        spool_disk_bytes, spool_files, spool_bad_files, spool_missing_files, spool_commits, spool_write_errors,
        spool_expired, spool_dropped, spool_corrupt, spool_rejected, spool_refused, spool_oldest_ms, spool_stalled,
        spool_tenants, spool_tenants_forgotten, spool_read_errors;
    int64_t store_breaker_open;
    int64_t store_commits;
    int64_t store_errors;
    int64_t store_queue_records;
    int64_t store_free_bytes;
    int64_t store_stray_rows;
    int64_t store_writers_waiting;
    int64_t store_checks, store_silent_seconds; /* whether it is well */
    /* the governor's */
    int64_t overloaded;     /* 1: there is too much to do */
    int64_t overload_level; /* what is left out: enum governor_level */
    int64_t overloads;
    int64_t room_cameras; /* how many more would fit; -1: not known */
    double camera_cores;  /* of one camera, on average */
    int64_t camera_bytes;
    double cpu_share, memory_share; /* of what may be used */
    double late_share;
    double frame_age_ms;
    int64_t records_quarantined; /* put aside: their time cannot be right */
    int64_t records_of_deleted_orgs;
    int64_t incidents_unreadable; /* looks for one to add a signal to that met some */
    int64_t jobs_waiting, jobs_running, jobs_done, jobs_failed, jobs_skipped;
    int64_t retention_deleted;
    int64_t retention_stopped; /* 1: it deletes nothing until someone looks at it */
    int64_t storage_alarm;     /* 1: the disk will soon be full */
    int64_t rollups_failing;   /* 1: something is not counted that should be */
    int64_t retention_stopped_since_ms, storage_alarm_since_ms,
        rollups_failing_since_ms; /* since when it is so, or not; 0: never looked. Told nowhere */
    int64_t http_requests;
    int64_t http_rejected; /* malformed, too large, too slow or too many */
    int64_t http_errors;   /* answered 5xx */
    int64_t http_limited;
    int64_t http_body_bytes, http_bodies_refused;
    int64_t http_queued; /* wait for a thread that handles them */
    int64_t intake_lines_refused;
    int64_t kept_answers_forgotten; /* before their time: too many, or too large */
    int64_t logins_failed;
    int64_t logins_limited;
    int64_t limit_keys_forgotten;
    int64_t passwords_checked;
    int64_t tokens_remembered;
    int64_t refresh_tokens_reused; /* each ended a session */
    int64_t websocket_clients, event_stream_clients;
    int64_t live_clients_refused;             /* of both kinds: no place, or none of their share */
    int64_t live_clients_cut;                 /* of both kinds: read nothing of what there is for them */
    int64_t websocket_dropped;                /* track updates shed for slow clients */
    int64_t cameras_managed, cameras_refused; /* made by the API; new ones beyond a bound */
    int64_t cameras_left_out;                 /* of those that were made by the API; not watched */
    int64_t camera_tests, camera_tests_refused, camera_tests_running;
    int64_t detect_requests, detect_rejected, detect_timeouts, detect_waiting, detect_helpers;
    int64_t policy_revision, policy_loads, policy_load_failures, policies_refused, policies_stale, policies_unsaved;
    int64_t policy_loads_out_of_order, policy_snapshots_refused, policy_holds_broken;
    int64_t policy_cameras_not_configured; /* they keep what they were told */
    int64_t policies_bad;   /* documents and files that are refused now: what was in force before them stays */
    int64_t policy_notices; /* of PostgreSQL that something changed */
    int64_t policy_listener_starts;
    int64_t backtests, backtests_refused, backtests_cut, backtests_failed;
    int64_t trace_spans_waiting, trace_spans_sent, trace_spans_dropped, trace_spans_refused, trace_sends_failed;
};
/* Where in server_health an alarm stands, and since when: "gauge, since" of a struct that names one. */
#define SERVER_HEALTH_ALARM(member)                                                                                    \
    offsetof(struct server_health, member), offsetof(struct server_health, member##_since_ms)
extern const struct record_descriptor server_health_descriptor;

/* What a server answers to one who wants its way proved (hub/control.h): a step done, or the result. */
struct proof_line {
    char *step;
    double ms;
    char *result, *reason;
};
extern const struct record_descriptor proof_line_descriptor;

/* First message of a worker: what it proved about its own cage. */
struct worker_hello {
    int32_t protocol_version;
    char *worker_id;
    int32_t pid;
    bool is_sandboxed;
    bool cannot_read_hub_files; /* tried to open the hub's data directory and was refused */
    bool cannot_gain_privileges;
    bool is_not_dumpable;
    char *sandbox_detail;
};
extern const struct record_descriptor worker_hello_descriptor;
