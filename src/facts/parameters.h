/* Facts: what a request says beside its body: in its path (fields with RECORD_KEY, named as the path names them) and in
 * its query. They are decoded and validated as bodies are, by their tables.
 */
#pragma once

#include "facts/audit.h"
#include "facts/camera.h"
#include "facts/event.h"
#include "facts/incident.h"
#include "facts/job.h"
#include "facts/log.h"
#include "facts/model.h"
#include "facts/occupancy.h"
#include "facts/policy_types.h"
#include "facts/report.h"
#include "facts/user.h"

enum { PARAMETER_LIMIT_MAX = 500 };

/* What a cursor of a list says that goes by numbers, or by times; 0: there is none. */
int64_t parameter_cursor_number(const char *cursor);
int64_t parameter_cursor_ms(const char *cursor);

/* How a list is told: with some of its fields, as JSON or CSV (unset: as Accept says). Every list that has these two
 * members can be had so (api/export.c). */
enum list_format { LIST_JSON = 1, LIST_CSV };
extern const char *const list_format_names[];
struct list_parameters {
    int32_t limit; /* 0: all */
    char *cursor;
    char *fields; /* separated by commas */
    enum list_format format;
};
extern const struct record_descriptor list_parameters_descriptor;

/* Of what a handler lists whole, only what is like this (ROUTE_MATCHED): each is named as a field of what is listed,
 * and unset takes all. Each list takes some of them. */
enum truth { TRUTH_TRUE = 1, TRUTH_FALSE };
extern const char *const truth_names[];
struct match_parameters {
    char *camera_id, *site_id, *class_id, *name, *username, *created_by, *module, *state;
    enum role role;
    enum camera_origin managed_by;
    enum model_family family;
    enum run_state last_state;
    enum truth enabled, online, is_disabled, is_paused, is_of_worker, is_camera;
    int32_t limit; /* 0: all */
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor camera_match_parameters_descriptor, user_match_parameters_descriptor,
    key_match_parameters_descriptor, job_match_parameters_descriptor, error_match_parameters_descriptor,
    breaker_match_parameters_descriptor, model_match_parameters_descriptor, hold_match_parameters_descriptor;

/* Of one camera, or of all. */
struct camera_list_parameters {
    char *camera_id;
    int32_t limit; /* 0: all */
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor camera_list_parameters_descriptor;

struct dead_letter_parameters {
    int32_t limit;
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor dead_letter_parameters_descriptor;

/* One thing, by its id. `reason` is kept in the audit; only what changes something takes it. */
struct id_parameters {
    char *id;
    char *reason;
};
extern const struct record_descriptor id_parameters_descriptor, id_change_parameters_descriptor,
    breaker_parameters_descriptor;

/* A zone or a line of a camera. */
struct camera_place_parameters {
    char *id, *zone_id, *line_id; /* the one that it is about */
    char *reason;
    int32_t limit; /* 0: all */
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor camera_places_parameters_descriptor, camera_zone_parameters_descriptor,
    camera_zone_change_parameters_descriptor, camera_line_parameters_descriptor,
    camera_line_change_parameters_descriptor;

/* Something new, or of the whole org. */
struct reason_parameters {
    char *reason;
};
extern const struct record_descriptor reason_parameters_descriptor;

/* What the issuer sends the browser back with (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207). */
struct oidc_parameters {
    char *code, *state, *error, *error_description, *error_uri, *iss, *session_state, *scope;
};
extern const struct record_descriptor oidc_parameters_descriptor;

struct event_parameters {
    char *camera_id;
    enum event_type type;
    char *subject_id;
    enum service service; /* of signals alone, as the next two */
    char *kind;
    enum severity severity;
    struct record_time from, to; /* [from, to) of occurred_at; unset: open */
    int32_t limit;
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor event_parameters_descriptor, signal_parameters_descriptor;

struct event_id_parameters {
    char *id, *camera_id;
};
extern const struct record_descriptor event_id_parameters_descriptor;

/* Filters are named as the fields that they look at. */
struct incident_parameters {
    char *camera_id, *site_id;
    enum service service;
    char *kind;
    enum severity severity;
    enum incident_status status;
    char *assignee;
    struct record_time from, to; /* [from, to) of last_signal_at */
    int32_t limit;
    char *cursor;
    char *fields;
    enum list_format format;
};
struct violation_parameters {
    char *camera_id, *site_id, *zone_id;
    enum violation_kind kind;
    enum violation_status status;
    struct record_time from, to;
    int32_t limit;
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor incident_parameters_descriptor, violation_parameters_descriptor;

/* Stored tracks of a camera, or one of them. */
struct track_parameters {
    uint64_t id;
    char *camera_id;
    struct record_time from, to;
    char *object_class;
    int32_t limit;
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor tracks_parameters_descriptor, track_parameters_descriptor;

struct report_parameters {
    char *site_id;
    enum report_period period;
    struct record_time at; /* unset: now */
    int32_t limit;         /* 0: all */
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor report_parameters_descriptor;

/* Of what an org keeps, and of its logs: each list takes some of them. */
struct register_parameters {
    char *camera_id, *site_id;
    char *employee_id, *external_id, *department, *shift_id;
    char *plate, *gate, *door;
    enum vehicle_list list;
    enum passage direction;
    enum attendance_status status;
    struct record_time from, to;
    int32_t limit;
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor employee_parameters_descriptor, page_parameters_descriptor,
    vehicle_parameters_descriptor, access_log_parameters_descriptor, attendance_parameters_descriptor,
    vehicle_log_parameters_descriptor;

/* Of /ws and /api/v1/events/stream. */
struct live_parameters {
    char *types, *cameras; /* separated by commas */
    char *resume_from;
};
extern const struct record_descriptor live_parameters_descriptor;

struct occupancy_parameters {
    enum rollup_level level;
    char *camera_id, *subject_id;
    struct record_time from, to;
    int32_t limit;
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor occupancy_parameters_descriptor;

struct job_history_parameters {
    char *id;
    int32_t limit;
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor job_history_parameters_descriptor;

struct job_next_parameters {
    char *id;
    int32_t count;
};
extern const struct record_descriptor job_next_parameters_descriptor;

struct retention_parameters {
    bool rows;
    int32_t limit; /* 0: all */
    char *cursor;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor retention_parameters_descriptor;

struct audit_parameters {
    int64_t before; /* 0: from the newest; the cursor goes before */
    char *cursor;
    char *actor_id, *subject_id, *action;
    enum audit_subject subject_kind;
    struct record_time from, to; /* [from, to) */
    int32_t limit;
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor audit_parameters_descriptor;

/* Whose policy: of one's own org, or of a site, class or camera of it, or of everyone. Each request takes some of them.
 */
enum policy_reach { POLICY_REACH_ORG = 1, POLICY_REACH_GLOBAL };
extern const char *const policy_reach_names[];
struct policy_parameters {
    enum policy_type type;
    enum policy_reach scope;
    char *site_id, *class_id, *camera_id;
    char *service_name;
    char *reason;
    int32_t to_version, limit;
    char *cursor;
    struct record_time from, to; /* [from, to) */
    char *fields;
    enum list_format format;
};
extern const struct record_descriptor policies_in_force_parameters_descriptor, policy_parameters_descriptor,
    policy_change_parameters_descriptor, policy_history_parameters_descriptor, policy_rollback_parameters_descriptor,
    policy_backtest_parameters_descriptor;
