#include "facts/job.h"

const char *const misfire_policy_names[] = {"none", "latest", "all", NULL};
const char *const overlap_policy_names[] = {"skip", "queue", "cancel", NULL};
const char *const skip_reason_names[] = {"missed", "coalesced", "overlap", "paused", "edited", NULL};
const char *const job_trigger_names[] = {"schedule", "manual", NULL};
const char *const run_state_names[] = {"running", "done", "failed", "skipped", "cancelled", NULL};

static const struct record_field job_run_fields[] = {
    FIELD(struct job_run, job_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the job"),
    FIELD(struct job_run, scheduled_at, RECORD_REQUIRED | RECORD_KEY, "the time it was due, or asked for by hand"),
    FIELD_ENUM(struct job_run, cause, job_trigger_names, RECORD_REQUIRED, "why it ran"),
    FIELD_ENUM(struct job_run, state, run_state_names, RECORD_REQUIRED, "how it went"),
    FIELD_ENUM(struct job_run, reason, skip_reason_names, 0,
               "why it was skipped: later than the grace, one run for several times, as many as may were running, "
               "paused, or edited"),
    FIELD(struct job_run, until, 0, "of a skip: it stands for all times up to then"),
    FIELD(struct job_run, detail, 0, "what was done, or what failed and why"),
    FIELD(struct job_run, holder, 0, "the hub that ran it", .max_count = 128),
    FIELD(struct job_run, fence, 0, "counts those who held it: the work of an earlier one is refused"),
    FIELD(struct job_run, lease_until, 0, "while running: when another hub may take it over"),
    FIELD(struct job_run, started_at, RECORD_INDEXED, "when it began, or was skipped"),
    FIELD(struct job_run, ended_at, 0, "when it was over"),
    FIELD(struct job_run, requested_by, 0, "who asked for it, of a run by hand", .max_count = 128),
};
const struct record_descriptor job_run_descriptor = RECORD(
    struct job_run, "JobRun", 1, job_run_fields, "One time of a job: run, or skipped and why.", .table = "job_runs");

static const struct record_field job_state_fields[] = {
    FIELD(struct job_state, job_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the job"),
    FIELD(struct job_state, is_paused, 0, "it is not run by its schedule"),
    FIELD(struct job_state, changed_at, 0, "since when"),
    FIELD(struct job_state, changed_by, 0, "by whom", .max_count = 128),
};
const struct record_descriptor job_state_descriptor =
    RECORD(struct job_state, "JobState", 1, job_state_fields, "What is kept of a job besides its runs.",
           .table = "job_states");

static const struct record_field job_view_fields[] = {
    FIELD(struct job_view, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "its name in addresses and commands"),
    FIELD(struct job_view, name, 0, "what it does"),
    FIELD(struct job_view, schedule, 0, "cron expression"),
    FIELD(struct job_view, time_zone, 0, "in which the schedule is read; empty: the server's own"),
    FIELD(struct job_view, grace_seconds, 0, "a run that is later is skipped", .unit = "s"),
    FIELD(struct job_view, jitter_seconds, 0, "it begins up to so long after its time, always equally long",
          .unit = "s"),
    FIELD(struct job_view, max_instances, 0, "runs at the same time"),
    FIELD_ENUM(struct job_view, misfire, misfire_policy_names, 0, "which missed times are made up"),
    FIELD_ENUM(struct job_view, overlap, overlap_policy_names, 0, "what is done when it is due and still running"),
    FIELD(struct job_view, is_paused, 0, "it is not run by its schedule"),
    FIELD(struct job_view, running, 0, "runs under way here"),
    FIELD(struct job_view, next_at, 0, "when it is due next; absent: never"),
    FIELD_ENUM(struct job_view, last_state, run_state_names, 0, "how its latest time went"),
    FIELD(struct job_view, last_scheduled_at, 0, "its latest time"),
    FIELD(struct job_view, last_ended_at, 0, "when that was over"),
    FIELD(struct job_view, last_detail, 0, "what that did, or what failed"),
};
const struct record_descriptor job_view_descriptor =
    RECORD(struct job_view, "Job", 1, job_view_fields, "A job of the server and how it stands.");
