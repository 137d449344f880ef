/* Facts: what the API answers that is no record of its own elsewhere, problems included. */
#pragma once

#include "facts/policy.h"

/* RFC 9457. */
struct problem_error {
    char *path;    /* "zones[0].polygon", "limit"; "" for the whole */
    char *message; /* for people */
};
extern const struct record_descriptor problem_error_descriptor;
struct problem {
    char *type, *title;
    int32_t status;
    char *code; /* stable: programs go by it */
    char *detail;
    struct record_list errors; /* of struct problem_error */
};
extern const struct record_descriptor problem_descriptor;

enum health_status { HEALTHY = 1, DEGRADED, UNHEALTHY };
extern const char *const health_status_names[];

struct status_answer {
    enum health_status status;
};
extern const struct record_descriptor status_answer_descriptor;

struct component_answer {
    enum health_status status;
    char *reason;
};
extern const struct record_descriptor component_answer_descriptor;

/* What decodes and what runs the model: the machine's own hardware, or why not. */
struct engines_answer {
    char *decoder, *detector_provider, *detector_provider_reason;
};
extern const struct record_descriptor engines_answer_descriptor;

struct breaker_state_answer {
    char *state;
    int64_t failure_count;
    double retry_after_seconds;
};
extern const struct record_descriptor breaker_state_answer_descriptor;

struct queue_answer {
    enum health_status status;
    struct record_optional memory_queue_size, disk_queue_size, total_queued, queued_bytes, enqueued, acknowledged;
    struct record_json losses;
    bool is_draining, is_store_available;
    struct record_optional files_unread;
};
extern const struct record_descriptor queue_answer_descriptor;

struct resilience_answer {
    struct record_json circuit_breakers, queues;
};
extern const struct record_descriptor resilience_answer_descriptor;

struct health_answer {
    enum health_status status;
    struct resilience_answer resilience_stats;
    struct record_json components, cameras;
};
extern const struct record_descriptor health_answer_descriptor;

struct times_answer {
    struct record_strings times;
};
extern const struct record_descriptor times_answer_descriptor;

struct scheduled_answer {
    struct record_time scheduled_at;
};
extern const struct record_descriptor scheduled_answer_descriptor;

struct audit_verification {
    int64_t entries;
    char *sha256;
    bool is_whole;
    struct record_strings problems;
};
extern const struct record_descriptor audit_verification_descriptor;

struct policies_in_force {
    struct record_json policies;
    int64_t revision;
    bool is_stale;
    char *error;
    struct record_strings not_in_force; /* TYPE.KEY */
};
extern const struct record_descriptor policies_in_force_descriptor;

struct policy_answer {
    struct service_policy policy;
    struct record_strings not_in_force;
};
extern const struct record_descriptor policy_answer_descriptor;

struct policy_change_answer {
    int32_t version;
    int64_t revision;
    struct record_json config, diff;
    struct record_strings not_in_force;
};
extern const struct record_descriptor policy_change_answer_descriptor;

struct policy_effective_answer {
    struct record_json config, origins, settings;
    struct record_strings not_in_force;
};
extern const struct record_descriptor policy_effective_answer_descriptor;

struct org_request {
    char *id, *name;
};
struct org_change_request {
    char *name;
};
extern const struct record_descriptor org_request_descriptor, org_change_request_descriptor;
struct site_request {
    char *id, *name, *time_zone;
};
struct site_change_request {
    char *name, *time_zone;
};
extern const struct record_descriptor site_request_descriptor, site_change_request_descriptor;

/* What became of the lines of an intake. */
enum intake_status { INTAKE_ACCEPTED = 1, INTAKE_REJECTED };
extern const char *const intake_status_names[];
struct intake_result {
    int32_t line; /* from 1 */
    char *id;
    enum intake_status status;
    struct record_list errors; /* of struct problem_error */
};
extern const struct record_descriptor intake_result_descriptor;
struct intake_answer {
    int64_t accepted, rejected;
    struct record_list results; /* of struct intake_result */
};
extern const struct record_descriptor intake_answer_descriptor;

/* A change by webhook: to `config`, by `patch`, or, with neither, a deletion. */
struct policy_webhook {
    char *policy_type, *service_name;
    char *org_id, *site_id, *class_id, *camera_id;
    struct record_json config, patch;
    char *reason;
};
extern const struct record_descriptor policy_webhook_descriptor;
