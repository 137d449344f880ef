#include "facts/backtest.h"

const char *const backtest_state_names[] = {"waiting", "running", "done", "cut", "failed", NULL};
static const char *const change_names[] = {"kept", "new", "gone", NULL};

static const struct record_field finding_fields[] = {
    FIELD_ENUM(struct backtest_finding, change, change_names, RECORD_REQUIRED,
               "kept: both policies raise it; new: only the proposed one; gone: only the current one"),
    FIELD(struct backtest_finding, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera"),
    FIELD(struct backtest_finding, kind, RECORD_REQUIRED | RECORD_TEXT_ID,
          "as of signals; dwell: the event of a zone's dwell_seconds"),
    FIELD(struct backtest_finding, zone_id, RECORD_TEXT_ID, "the zone or line, where there is one"),
    FIELD(struct backtest_finding, track_ids, 0, "who was involved", .max_count = 256),
    FIELD_ENUM(struct backtest_finding, severity, severity_names, 0, "how bad, of signals"),
    FIELD(struct backtest_finding, at, 0, "when the proposed policy raises it"),
    FIELD(struct backtest_finding, current_at, 0, "when the current policy raises it"),
    FIELD(struct backtest_finding, signal_id, RECORD_TEXT_ID, "of the record that was stored then, where one was"),
    FIELD(struct backtest_finding, snapshot_id, RECORD_TEXT_ID, "its picture, where one was kept"),
};
const struct record_descriptor backtest_finding_descriptor =
    RECORD(struct backtest_finding, "BacktestFinding", 1, finding_fields,
           "A signal that the proposed policy, the current one, or both raise.");

static const char *const incident_change_names[] = {"kept", "new", "gone", "changed", NULL};
static const struct record_field incident_fields[] = {
    FIELD_ENUM(struct backtest_incident, change, incident_change_names, RECORD_REQUIRED,
               "kept: both policies open it; changed: both do, with another severity, span or other signals; new: only "
               "the proposed one; gone: only the current one"),
    FIELD(struct backtest_incident, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera"),
    FIELD_ENUM(struct backtest_incident, service, service_names, RECORD_REQUIRED, "the service of its signals"),
    FIELD(struct backtest_incident, kind, RECORD_REQUIRED | RECORD_TEXT_ID, "their kind"),
    FIELD_ENUM(struct backtest_incident, severity, severity_names, 0, "how bad it is under the proposed policy"),
    FIELD(struct backtest_incident, started_at, 0, "its first signal under the proposed policy"),
    FIELD(struct backtest_incident, last_signal_at, 0, "and its last"),
    FIELD(struct backtest_incident, signal_count, 0, "how many they are"),
    FIELD_ENUM(struct backtest_incident, current_severity, severity_names, 0, "how bad under the current one"),
    FIELD(struct backtest_incident, current_started_at, 0, "its first signal under the current one"),
    FIELD(struct backtest_incident, current_last_signal_at, 0, "and its last"),
    FIELD(struct backtest_incident, current_signal_count, 0, "how many they are there"),
    FIELD(struct backtest_incident, incident_id, RECORD_TEXT_ID, "of the one that was stored then, where one was"),
    FIELD(struct backtest_incident, signal_ids, 0, "those of its signals that were stored then",
          .max_count = RECORD_MAX_COUNT),
    FIELD(struct backtest_incident, snapshot_ids, 0, "their pictures, where some were kept",
          .max_count = RECORD_MAX_COUNT),
};
const struct record_descriptor backtest_incident_descriptor =
    RECORD(struct backtest_incident, "BacktestIncident", 1, incident_fields,
           "An incident that the proposed policy, the current one, or both open.");

static const struct record_field backtest_fields[] = {
    FIELD(struct backtest, id, RECORD_REQUIRED | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct backtest, org_id, RECORD_TEXT_ID, "whose"),
    FIELD_ENUM(struct backtest, state, backtest_state_names, RECORD_REQUIRED,
               "cut: it ended by policies.backtest_seconds, and what was tried by then counts"),
    FIELD(struct backtest, policy_type, RECORD_REQUIRED | RECORD_TEXT_ID, "what was tried"),
    FIELD(struct backtest, from_at, RECORD_REQUIRED, "signals from this time on"),
    FIELD(struct backtest, to_at, RECORD_REQUIRED, "and before this one"),
    FIELD(struct backtest, started_at, 0, "when"),
    FIELD(struct backtest, ended_at, 0, "when it was over"),
    FIELD(struct backtest, policy_revision, 0, "newest of the policies it was compared with", .min = 0, .max = 0x1p53),
    FIELD(struct backtest, cameras, 0, "that the policy would touch"),
    FIELD(struct backtest, cameras_tried, 0, "of which all was tried"),
    FIELD(struct backtest, without_tracks, 0, "cameras of which nothing is stored for that time", .max_count = 10000),
    FIELD(struct backtest, chunks, 0, "stored pieces that were read"),
    FIELD(struct backtest, frames, 0, "analysed frames in them"),
    FIELD(struct backtest, gaps, 0, "places where a piece is missing"),
    FIELD(struct backtest, damaged, 0, "pieces that could not be read"),
    FIELD(struct backtest, has_older_policies, 0,
          "policies that a camera's rules go by were changed since some of it was seen: `reproduced` may be less than "
          "`stored`"),
    FIELD(struct backtest, replayed_seconds, 0, "of all cameras", .unit = "s"),
    FIELD(struct backtest, cpu_seconds, 0, "of processor time that it took", .unit = "s"),
    FIELD(struct backtest, kept, 0, "signals that both policies raise"),
    FIELD(struct backtest, new_signals, 0, "that only the proposed one raises"),
    FIELD(struct backtest, gone, 0, "that only the current one raises"),
    FIELD(struct backtest, stored, 0,
          "signals that were stored then, but for the server's own; those that others posted count"),
    FIELD(struct backtest, reproduced, 0, "of those, raised again by the current policy, the same in every member"),
    FIELD_LIST(struct backtest, findings, &backtest_finding_descriptor, 0,
               "camera by camera: the current policy's by time, then those that only the proposed one raises",
               .max_count = 100000),
    FIELD(struct backtest, findings_left_out, 0, "more than policies.backtest_findings; they are counted all the same"),
    FIELD(struct backtest, incidents_kept, 0, "incidents that both policies open alike"),
    FIELD(struct backtest, incidents_changed, 0, "that both open, with another severity, span or other signals"),
    FIELD(struct backtest, incidents_new, 0, "that only the proposed one opens"),
    FIELD(struct backtest, incidents_gone, 0, "that only the current one opens"),
    FIELD(struct backtest, stored_incidents, 0,
          "incidents that were stored then, whole in that time, but for those of the server's own signals"),
    FIELD(struct backtest, reproduced_incidents, 0,
          "of those, made again under the current policy, the same in every member but what people made of them"),
    FIELD_LIST(struct backtest, incidents, &backtest_incident_descriptor, 0,
               "camera by camera: the current policy's by time, then those that only the proposed one opens",
               .max_count = 100000),
    FIELD(struct backtest, incidents_left_out, 0,
          "more than policies.backtest_findings; they are counted all the same"),
    FIELD(struct backtest, error, 0, "why it failed", .max_count = 4096),
};
const struct record_descriptor backtest_descriptor =
    RECORD(struct backtest, "Backtest", 2, backtest_fields,
           "What came of trying a policy on stored tracks: the signals that it would have raised, and the incidents "
           "that these would have opened.");
