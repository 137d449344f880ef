/* Facts: the settings of `vedette run`, one table: YAML keys, VEDETTE_… variables, flags, --help and docs. */
#pragma once

#include <stdbool.h>

#include "facts/auth.h"
#include "facts/camera.h"
#include "facts/detect.h"
#include "facts/event.h"
#include "facts/governor.h"
#include "facts/http.h"
#include "facts/managed_camera.h"
#include "facts/model.h"
#include "facts/notify.h"
#include "facts/policy_types.h"
#include "facts/trace.h"
#include "facts/upkeep.h"
#include "record/record.h"

struct log_settings {
    char *levels;
    enum log_setting_format { LOG_SETTING_LOGFMT = 1, LOG_SETTING_JSON } format; /* values as base/log.h's */
    enum log_setting_target { LOG_SETTING_STDERR = 1, LOG_SETTING_JOURNALD } target;
};
struct worker_settings {
    int32_t count;            /* processes; cameras are dealt out among them; 0: one per 8 cameras, at most the cores */
    int32_t threads;          /* analyser threads each; 0: the cores */
    int32_t restart_delay_ms; /* first; doubles with full jitter up to the maximum */
    int32_t restart_delay_max_ms;
    int32_t stable_seconds;             /* after so long the delay starts from the first again */
    int32_t max_unacknowledged_records; /* kept in memory until the hub acknowledges; oldest low priority dropped,
                                           counted */
    int64_t max_unacknowledged_bytes;   /* of these; the same beyond */
    int32_t preview_fps;
    int32_t preview_width_px;
    int32_t preview_quality;
    int32_t live_window_ms;
    bool hides_all_without_model;
    bool sandbox;
    bool store_tracks;           /* what rules see is stored, for policies to be tried on */
    double track_chunk_seconds;  /* of one stored piece of it */
    int32_t memory_trim_seconds; /* from one giving back of freed memory to the next; 0: never */
};
enum decoder_choice { DECODER_AUTO = 1, DECODER_SOFTWARE, DECODER_VA, DECODER_NVDEC, DECODER_V4L2 };
extern const char *const decoder_choice_names[];
struct source_settings {
    int32_t start_spread_ms; /* a worker's first connections are spread over so long for each camera that it starts */
    int32_t connect_timeout_ms;
    int32_t stall_timeout_ms; /* no frame for so long: reconnect */
    int32_t retry_delay_ms;   /* first; doubles with full jitter up to the maximum */
    int32_t retry_delay_max_ms;
    int32_t max_header_bytes;  /* of one RTSP answer */
    int32_t max_picture_bytes; /* encoded */
    double picture_fps;        /* of a folder of pictures, and of pictures asked for one by one */
    int32_t max_width_px, max_height_px;
    int32_t decoder_threads;
    enum decoder_choice decoder; /* 0: software */
    int32_t max_clock_skew_ms;   /* camera clock by RTCP is used only within this of ours */
    /* of `decode: auto` */
    double quiet_seconds;
    int32_t kept_packets, kept_bytes;
    double kept_seconds;
    double wake_ratio;
    /* of the role record, each stream */
    int32_t record_packets, record_bytes;
    double record_seconds;
    char *refused_networks; /* addresses that are not connected to: network_list_has */
    char *tls_ca_file;      /* of cameras by https and rtsps; empty: the machine's own */
};
struct motion_settings {
    int32_t width_px;     /* the luma plane is reduced to about this width */
    double sensitivity;   /* 0..1 */
    double minimum_area;  /* share of the frame */
    double learn_seconds; /* until the background stands */
    bool normalises_contrast;
    bool ignores_restless; /* clocks, leaves, water */
    bool damps_weather;
    bool finds_camera_moves;
};
enum detector_provider { PROVIDER_AUTO = 1, PROVIDER_CPU, PROVIDER_OPENVINO, PROVIDER_CUDA, PROVIDER_TENSORRT };
extern const char *const detector_provider_names[];
struct detector_settings {
    char *model; /* path of an .onnx file; empty: motion objects */
    char *card;  /* path of its card; empty: the one beside it */
    double confidence;
    double nms_iou;
    int32_t threads;
    enum detector_provider provider;
    bool is_gated;             /* run where motion or live tracks ask for it, not on every frame */
    double full_seconds;       /* longest time between runs on the whole frame */
    double stationary_seconds; /* between looks at objects that stand still */
    double moving_seconds;     /* between looks at followed objects that move, at most */
    double region_share;       /* what moves is looked at by itself where it takes less of the frame; 0: never */
    double timeout_seconds;    /* a run that takes longer is taken for hung */
    double load_timeout_seconds;
};
struct tracker_settings {
    double high_confidence;    /* ByteTrack's high_thresh */
    double track_confidence;   /* ByteTrack's track_thresh */
    double match_cost;         /* ByteTrack's match_thresh */
    double lost_seconds;       /* ByteTrack's track_buffer in seconds */
    double confirm_seconds;    /* rules see a track only when it has lived so long */
    double still_seconds;      /* what has stood in one place for so long is stationary */
    double still_lost_seconds; /* and is remembered so long when something hides it */
    bool predict;              /* match with where a track should be by now; else, as ByteTrack's C++, where it was */
};
struct reid_settings {
    char *model; /* path of an embedder; empty: looks are not used */
    char *card;  /* path of its card; empty: the one beside it */
    char *object_class;
    double threshold;        /* least cosine of two looks of one object; 0: what the card says */
    double seconds;          /* a lost track may be found again by its looks for so long */
    double speed;            /* and only where it could have got to: own heights a second */
    double minimum_height;   /* share of the frame's; smaller objects show too little */
    int32_t looks_per_frame; /* runs of the model on one frame of a camera, at most */
    int32_t looks_per_track; /* of the first seconds of a track, averaged */
    int32_t tracks;          /* whose looks are kept, of one camera */
};
struct rule_settings {
    double settle_distance;            /* share of its own height a track must be off a line to stand on a side */
    int32_t settle_frames;             /* frames on the new side or zone state before it counts */
    int32_t settle_of_frames;          /* those frames may lie among so many of the latest; 0: in a row */
    double cooldown_seconds;           /* per track and rule, for signals */
    double memory_seconds;             /* a track out of sight is remembered so long */
    double outage_seconds;             /* between pictures further apart was an outage, over which nothing goes on */
    double speed_seconds;              /* speed is measured over so long */
    double heading_distance;           /* share of its own height a figure must go to have a heading */
    double object_minimum_area;        /* share of the frame, of objects left and taken */
    double occupancy_interval_seconds; /* between occupancy records while a zone's count does not change */
};
/* Which signals are one incident (fusion/fusion.h). */
struct fusion_settings {
    int32_t window_seconds; /* 0: no incidents are made */
    int32_t max_signals;
    enum severity minimum_severity;
};
struct store_settings {
    char *url;           /* postgres://user@host:port/database; empty: SQLite in data_dir */
    char *password;      /* secret: VEDETTE_STORE_PASSWORD */
    char *password_file; /* its first line is the password */
    int32_t connections; /* to PostgreSQL, at most */
    int32_t connect_timeout_ms;
    int32_t query_timeout_ms; /* longest wait for one answer, and for a free connection */
    int32_t retry_delay_ms;   /* after PostgreSQL was lost: first; doubles with full jitter up to the maximum */
    int32_t retry_delay_max_ms;
    int32_t partition_days;     /* made ahead */
    int32_t batch_records;      /* most in one commit */
    int32_t batch_delay_ms;     /* longest wait for a batch to fill */
    int32_t queue_records;      /* waiting for the writer; beyond, records stay in the spool */
    int64_t minimum_free_bytes; /* below it /health says so */
    int32_t late_days;          /* what is counted and older is put aside; 0: nothing is */
    int32_t early_minutes;      /* so is what is from further in the future; 0: nothing is */
    int32_t backup_step_pages;  /* copied at once by a backup of the embedded store */
    int32_t backup_pause_ms;    /* between two such steps */
    struct fusion_settings fusion;
};
/* The spool of the record path: docs/spool.md. */
enum spool_when_full { SPOOL_WHEN_FULL_WAIT = 1, SPOOL_WHEN_FULL_DROP };
struct spool_settings {
    int64_t max_queue_size; /* records */
    int64_t max_queue_bytes;
    double max_queue_seconds; /* 0: for ever */
    int32_t batch_size;
    double tenant_share; /* where cameras of more than one org are watched */
    enum spool_when_full when_full;
    int64_t max_memory_bytes, max_disk_bytes, file_bytes, reserve_bytes;
    int32_t max_tenants;                     /* orgs counted apart */
    double stalled_seconds;                  /* not draining for so long is told */
    double retry_seconds, retry_max_seconds; /* between tries of a store that fails */
    double stop_seconds;                     /* for the rest, when the server stops */
    int32_t remembered_ids;                  /* what comes twice is shown once, within so many records */
};
/* Of every circuit breaker: the cameras', and the upstreams'. */
struct breaker_settings {
    int32_t failure_threshold, failure_percent, success_threshold;
    double window_seconds;
    double recovery_seconds, recovery_max_seconds;
    double slow_call_seconds; /* 0: no call is slow */
};
struct health_settings {
    double offline_seconds, recovered_seconds; /* hysteresis of camera_offline and camera_recovered */
    double save_seconds;                       /* between what is stored of a camera that does not change */
};
/* How long each stage of a camera's way may stand still while it has something to do; 0: not watched. */
struct progress_settings {
    double frames_seconds, analyses_seconds, records_seconds, deliveries_seconds;
    double proof_seconds; /* of `vedette doctor --end-to-end` */
};
struct policy_settings {
    char *keys;            /* secret: they seal documents at rest */
    double poll_seconds;   /* between looks at documents when nobody says that they changed */
    char *directory;       /* of files that are taken over as documents; empty: none */
    double hold_seconds;   /* that is waited for changes that belong together */
    char *webhook_secrets; /* secret: of those who may say by webhook what documents shall be */
    double webhook_tolerance_seconds;
    int32_t trial_looks; /* of trying a change before it is stored */
    /* of trying a policy on stored tracks */
    double backtest_seconds, backtest_warmup_seconds, backtest_hours;
    int32_t backtest_cameras, backtest_signals, backtest_findings, backtest_waiting;
};
struct settings {
    char *data_dir;
    char *admin_password; /* secret: VEDETTE_ADMIN_PASSWORD */
    char *metrics_token;  /* secret: scrape token of /metrics; empty: a login is needed */
    struct http_settings http;
    struct auth_settings auth;
    struct limit_settings limits;
    struct log_settings log;
    struct worker_settings workers;
    struct source_settings source;
    struct motion_settings motion;
    struct detector_settings detector;
    struct tracker_settings tracker;
    struct reid_settings reid;
    struct rule_settings rules;
    struct store_settings store;
    struct spool_settings spool;
    struct breaker_settings breaker;
    struct health_settings health;
    struct jobs_settings jobs;
    struct retention_settings retention;
    struct progress_settings progress;
    struct governor_settings governor;
    struct policy_settings policies;
    struct notify_settings notify;
    struct detect_settings detect;
    struct managed_camera_settings managed_cameras;
    struct trace_settings tracing;
    struct record_list cameras; /* of struct camera */
};
extern const struct record_descriptor settings_descriptor;
/* What is valid, but makes the server do nothing of use: each with its path, as errors are. `card` is the detector's;
 * NULL: there is none, or it could not be read. */
void settings_warn(const struct settings *settings, const struct model_card *card, struct record_errors *warnings);

/* What a worker needs of the settings and nothing more: the hub encodes this and sends it over the link. */
struct worker_config {
    int32_t protocol_version;
    char *worker_id;
    int64_t track_id_base; /* ids count up from here; never given twice by the hub */
    struct worker_settings workers;
    struct source_settings source;
    struct motion_settings motion;
    struct detector_settings detector;
    struct tracker_settings tracker;
    struct reid_settings reid;
    struct rule_settings rules;
    double quiet_seconds; /* of the governor */
    struct breaker_settings breaker;
    struct detect_settings detect;
    struct managed_camera_settings managed_cameras;
    double trace_ratio;         /* of tracing; 0: nothing is traced */
    struct record_list cameras; /* of struct camera; logins come apart as camera_credentials */
};
extern const struct record_descriptor worker_config_descriptor;

/* One more camera for a worker that runs: the hub sends it over the link. */
struct worker_camera {
    int64_t track_id_base;
    struct camera camera;
};
extern const struct record_descriptor worker_camera_descriptor;

/* One camera and the settings that count for it, as its policies have them now: the hub works it out, sends it over the
 * link, and the worker takes it over between two frames. */
struct camera_config {
    int64_t telling; /* counts what the hub told of cameras: pictures made by it carry it */
    int64_t policy_revision;
    struct camera camera;
    struct motion_settings motion;
    struct detector_settings detector;
    struct rule_settings rules;
    struct privacy_policy privacy;
    struct record_strings classes; /* that are followed; empty: every class */
};
extern const struct record_descriptor camera_config_descriptor;
