#include "facts/answers.h"

#include "base/zone.h"

static const struct record_field problem_error_fields[] = {
    FIELD(struct problem_error, path, RECORD_REQUIRED, "where, as zones[0].polygon or limit; empty: the whole"),
    FIELD(struct problem_error, message, RECORD_REQUIRED, "what is wrong with it, for people"),
};
const struct record_descriptor problem_error_descriptor =
    RECORD(struct problem_error, "ProblemError", 1, problem_error_fields, "One thing that is wrong with a request.");

static const struct record_field problem_fields[] = {
    FIELD(struct problem, type, RECORD_REQUIRED, "about:blank: the code says what it is"),
    FIELD(struct problem, title, RECORD_REQUIRED, "the status in words"),
    FIELD(struct problem, status, RECORD_REQUIRED, "the HTTP status", .min = 400, .max = 599),
    FIELD(struct problem, code, RECORD_REQUIRED | RECORD_TEXT_ID, "what programs go by; never changes its meaning"),
    FIELD(struct problem, detail, RECORD_REQUIRED, "what happened and what to do, for people"),
    FIELD_LIST(struct problem, errors, &problem_error_descriptor, 0, "each thing that is wrong with the request"),
};
const struct record_descriptor problem_descriptor =
    RECORD(struct problem, "Problem", 1, problem_fields, "Why a request was not done (RFC 9457).");

/* ---- health ---- */

const char *const health_status_names[] = {"healthy", "degraded", "unhealthy", NULL};

static const struct record_field status_fields[] = {
    FIELD_ENUM(struct status_answer, status, health_status_names, RECORD_REQUIRED, "in one word"),
};
const struct record_descriptor status_answer_descriptor =
    RECORD(struct status_answer, "Status", 1, status_fields, "How the server is.");

static const struct record_field component_fields[] = {
    FIELD_ENUM(struct component_answer, status, health_status_names, RECORD_REQUIRED, "in one word"),
    FIELD(struct component_answer, reason, 0, "why, where there is something to say"),
};
const struct record_descriptor component_answer_descriptor =
    RECORD(struct component_answer, "ComponentHealth", 1, component_fields, "How a part of the server is.");

static const struct record_field engines_fields[] = {
    FIELD(struct engines_answer, decoder, RECORD_REQUIRED, "what decodes"),
    FIELD(struct engines_answer, detector_provider, RECORD_REQUIRED, "what runs the model"),
    FIELD(struct engines_answer, detector_provider_reason, RECORD_REQUIRED, "why nothing faster does"),
};
const struct record_descriptor engines_answer_descriptor =
    RECORD(struct engines_answer, "CameraEngines", 1, engines_fields, "What works on a camera's pictures.");

static const struct record_field breaker_state_fields[] = {
    FIELD(struct breaker_state_answer, state, RECORD_REQUIRED,
          "closed, open, half_open, forced_open, forced_closed or disabled"),
    FIELD(struct breaker_state_answer, failure_count, 0, "failures within its window"),
    FIELD(struct breaker_state_answer, retry_after_seconds, 0, "while open: until it is tried again", .unit = "s"),
};
const struct record_descriptor breaker_state_answer_descriptor =
    RECORD(struct breaker_state_answer, "BreakerState", 1, breaker_state_fields, "A circuit breaker's state.");

static const struct record_field queue_fields[] = {
    FIELD_ENUM(struct queue_answer, status, health_status_names, 0, "degraded: what waits cannot be stored"),
    FIELD(struct queue_answer, memory_queue_size, 0, "records taken in and not yet on disk"),
    FIELD(struct queue_answer, disk_queue_size, 0, "records on disk and not yet stored"),
    FIELD(struct queue_answer, total_queued, 0, "both"),
    FIELD(struct queue_answer, queued_bytes, 0, "their size", .unit = "bytes"),
    FIELD(struct queue_answer, enqueued, 0, "records ever taken in"),
    FIELD(struct queue_answer, acknowledged, 0, "records ever stored"),
    FIELD(struct queue_answer, losses, 0, "records that were given up, by reason"),
    FIELD(struct queue_answer, is_draining, RECORD_SOMETIMES, "what waits is being stored"),
    FIELD(struct queue_answer, is_store_available, RECORD_SOMETIMES, "the store takes records"),
    FIELD(struct queue_answer, files_unread, 0, "files of the spool that cannot be read"),
};
const struct record_descriptor queue_answer_descriptor = RECORD(
    struct queue_answer, "QueueStats", 1, queue_fields, "What waits to be stored. Without a login, the status alone.");

static const struct record_field resilience_fields[] = {
    FIELD(struct resilience_answer, circuit_breakers, RECORD_REQUIRED, "by the camera's id, or upstream:NAME",
          .descriptor = &breaker_state_answer_descriptor),
    FIELD(struct resilience_answer, queues, RECORD_REQUIRED, "by name", .descriptor = &queue_answer_descriptor),
};
const struct record_descriptor resilience_answer_descriptor =
    RECORD(struct resilience_answer, "ResilienceStats", 1, resilience_fields, "Breakers and queues.");

static const struct record_field health_fields[] = {
    FIELD_ENUM(struct health_answer, status, health_status_names, RECORD_REQUIRED, "in one word"),
    FIELD_RECORD(struct health_answer, resilience_stats, struct resilience_answer, &resilience_answer_descriptor,
                 RECORD_SOMETIMES, "breakers and queues"),
    FIELD(struct health_answer, components, 0, "by name", .descriptor = &component_answer_descriptor),
    FIELD(struct health_answer, cameras, 0, "of the login's org, by id", .descriptor = &engines_answer_descriptor),
};
const struct record_descriptor health_answer_descriptor =
    RECORD(struct health_answer, "Health", 1, health_fields, "How the server is. Without a login, the status alone.");

/* ---- jobs and the audit ---- */

static const struct record_field times_fields[] = {
    FIELD(struct times_answer, times, 0, "RFC 3339 UTC, soonest first"),
};
const struct record_descriptor times_answer_descriptor =
    RECORD(struct times_answer, "Times", 1, times_fields, "When a job is due.");

static const struct record_field scheduled_fields[] = {
    FIELD(struct scheduled_answer, scheduled_at, RECORD_REQUIRED, "the time its run goes by"),
};
const struct record_descriptor scheduled_answer_descriptor =
    RECORD(struct scheduled_answer, "Scheduled", 1, scheduled_fields, "A run that was asked for.");

static const struct record_field verification_fields[] = {
    FIELD(struct audit_verification, entries, 0, "how many were looked at"),
    FIELD(struct audit_verification, sha256, RECORD_REQUIRED, "of the last one: keep it somewhere else"),
    FIELD(struct audit_verification, is_whole, 0, "no entry was edited, removed or moved"),
    FIELD(struct audit_verification, problems, 0, "which were, in words"),
};
const struct record_descriptor audit_verification_descriptor =
    RECORD(struct audit_verification, "AuditVerification", 1, verification_fields, "Whether the audit is whole.");

/* ---- policies ---- */

static const struct record_field in_force_fields[] = {
    FIELD(struct policies_in_force, policies, RECORD_REQUIRED, "a policy of each type, by its name"),
    FIELD(struct policies_in_force, revision, 0, "the number of the latest change"),
    FIELD(struct policies_in_force, is_stale, 0, "they are the last good ones: the source cannot be read"),
    FIELD(struct policies_in_force, error, 0, "what is wrong with the source, if anything"),
    FIELD(struct policies_in_force, not_in_force, 0, "keys of them that are kept and that nothing reads yet: TYPE.KEY"),
};
const struct record_descriptor policies_in_force_descriptor =
    RECORD(struct policies_in_force, "PoliciesInForce", 1, in_force_fields, "What is in force, defaults filled in.");

static const struct record_field policy_fields[] = {
    FIELD_RECORD(struct policy_answer, policy, struct service_policy, &service_policy_descriptor, RECORD_INLINE,
                 "the policy"),
    FIELD(struct policy_answer, not_in_force, 0, "keys of it that are kept and that nothing reads yet"),
};
const struct record_descriptor policy_answer_descriptor =
    RECORD(struct policy_answer, "PolicyAnswer", 1, policy_fields, "A policy at one level.");

static const struct record_field change_fields[] = {
    FIELD(struct policy_change_answer, version, 0, "of this policy; 0: it is gone, or was only looked at"),
    FIELD(struct policy_change_answer, revision, 0, "counted over all policies"),
    FIELD(struct policy_change_answer, config, 0, "as it is now; absent: gone"),
    FIELD(struct policy_change_answer, diff, RECORD_REQUIRED, "what was changed"),
    FIELD(struct policy_change_answer, not_in_force, 0, "keys of it that are kept and that nothing reads yet"),
};
const struct record_descriptor policy_change_answer_descriptor =
    RECORD(struct policy_change_answer, "PolicyChange", 1, change_fields, "What came of a change.");

static const struct record_field effective_fields[] = {
    FIELD(struct policy_effective_answer, config, RECORD_REQUIRED, "what the levels come to"),
    FIELD(struct policy_effective_answer, origins, RECORD_REQUIRED,
          "of every key: level, revision and overlay it came from, or the place of the settings"),
    FIELD(struct policy_effective_answer, settings, 0,
          "what the settings say of its keys, also of those that a document says otherwise"),
    FIELD(struct policy_effective_answer, not_in_force, 0, "keys of it that are kept and that nothing reads yet"),
};
const struct record_descriptor policy_effective_answer_descriptor =
    RECORD(struct policy_effective_answer, "PolicyEffective", 1, effective_fields, "A policy with its origins.");

static const struct record_field webhook_fields[] = {
    FIELD(struct policy_webhook, policy_type, RECORD_REQUIRED, "the type of policy", .max_count = 64),
    FIELD(struct policy_webhook, service_name, RECORD_TEXT_ID, "for this service; absent: the type's own"),
    FIELD(struct policy_webhook, org_id, RECORD_TEXT_ID, "absent: what holds for everyone"),
    FIELD(struct policy_webhook, site_id, RECORD_TEXT_ID, "of this site"),
    FIELD(struct policy_webhook, class_id, RECORD_TEXT_ID, "of this school class"),
    FIELD(struct policy_webhook, camera_id, RECORD_TEXT_ID, "of this camera"),
    FIELD(struct policy_webhook, config, 0, "the whole policy"),
    FIELD(struct policy_webhook, patch, 0,
          "keys that change (RFC 7396), not beside config; neither of them: it is removed"),
    FIELD(struct policy_webhook, reason, 0, "why", .max_count = 1024),
};
const struct record_descriptor policy_webhook_descriptor =
    RECORD(struct policy_webhook, "PolicyWebhook", 1, webhook_fields, "A change of a policy by webhook.");

/* ---- orgs and sites ---- */

static const struct record_field org_request_fields[] = {
    FIELD(struct org_request, id, RECORD_REQUIRED | RECORD_TEXT_ID, "unique, stays for ever"),
    FIELD(struct org_request, name, 0, "what people call it", .max_count = 128),
};
const struct record_descriptor org_request_descriptor =
    RECORD(struct org_request, "OrgRequest", 1, org_request_fields, "A new org.");

static const struct record_field org_change_fields[] = {
    FIELD(struct org_change_request, name, RECORD_REQUIRED, "what people call it", .min_count = 1, .max_count = 128),
};
const struct record_descriptor org_change_request_descriptor =
    RECORD(struct org_change_request, "OrgChangeRequest", 1, org_change_fields, "What of an org can change.");

#define SITE_WORDS(type)                                                                                               \
    FIELD(type, name, 0, "what people call it", .max_count = 128),                                                     \
        FIELD(type, time_zone, 0, "IANA name, as Europe/Paris; absent: UTC", .min_count = 1, .max_count = 64,          \
              .check_text = zone_name_is_valid, .example = "\"Europe/Paris\"")
static const struct record_field site_request_fields[] = {
    FIELD(struct site_request, id, RECORD_REQUIRED | RECORD_TEXT_ID, "unique in its org"),
    SITE_WORDS(struct site_request),
};
const struct record_descriptor site_request_descriptor =
    RECORD(struct site_request, "SiteRequest", 1, site_request_fields, "A new site.");

static const struct record_field site_change_fields[] = {SITE_WORDS(struct site_change_request)};
const struct record_descriptor site_change_request_descriptor =
    RECORD(struct site_change_request, "SiteChangeRequest", 1, site_change_fields, "A site as it is to be.");

/* ---- intake ---- */

const char *const intake_status_names[] = {"accepted", "rejected", NULL};

enum { INTAKE_LINES_MAX = 1 << 20 }; /* more than a body of the largest size has */

static const struct record_field intake_result_fields[] = {
    FIELD(struct intake_result, line, 0, "of the body, from 1"),
    FIELD(struct intake_result, id, 0, "the event's, where it could be read"),
    FIELD_ENUM(struct intake_result, status, intake_status_names, RECORD_REQUIRED, "whether it is kept"),
    FIELD_LIST(struct intake_result, errors, &problem_error_descriptor, 0, "why not"),
};
const struct record_descriptor intake_result_descriptor =
    RECORD(struct intake_result, "IntakeResult", 1, intake_result_fields, "What became of a line.");

static const struct record_field intake_fields[] = {
    FIELD(struct intake_answer, accepted, 0, "how many are kept now, to be stored"),
    FIELD(struct intake_answer, rejected, 0, "how many are not"),
    FIELD_LIST(struct intake_answer, results, &intake_result_descriptor, 0,
               "of each line that is kept, and of the first hundred that are not, in order",
               .max_count = INTAKE_LINES_MAX),
};
const struct record_descriptor intake_answer_descriptor =
    RECORD(struct intake_answer, "Intake", 1, intake_fields, "What became of events that were sent.");
