/* Facts: jobs, their runs, and what is told of them. */
#pragma once

#include "record/record.h"

/* What is done about times at which a job could not begin: none; the latest only; every one, one after another. */
enum misfire_policy { MISFIRE_NONE = 1, MISFIRE_LATEST, MISFIRE_ALL };
extern const char *const misfire_policy_names[];

/* What is done when a job is due and as many of its runs as may be are under way. */
enum overlap_policy { OVERLAP_SKIP = 1, OVERLAP_QUEUE, OVERLAP_CANCEL };
extern const char *const overlap_policy_names[];

enum skip_reason {
    SKIP_MISSED = 1, /* later than the grace */
    SKIP_COALESCED,  /* one run for several missed times */
    SKIP_OVERLAP,
    SKIP_PAUSED,
    SKIP_EDITED,
};
extern const char *const skip_reason_names[];

enum job_trigger { TRIGGER_SCHEDULE = 1, TRIGGER_MANUAL };
extern const char *const job_trigger_names[];

enum run_state { RUN_RUNNING = 1, RUN_DONE, RUN_FAILED, RUN_SKIPPED, RUN_CANCELLED };
extern const char *const run_state_names[];

/* One time of one job: run, or passed over. (job_id, scheduled_at) is there once, whoever looks after it. */
struct job_run {
    char *job_id;
    struct record_time scheduled_at;
    enum job_trigger cause;
    enum run_state state;
    enum skip_reason reason;  /* of a skip */
    struct record_time until; /* of a skip: it stands for all the times up to then */
    char *detail;             /* what was done, or what failed */
    char *holder;             /* the hub that runs it */
    int64_t fence;            /* counts those who held it: the work of an earlier one is refused */
    struct record_time lease_until;
    struct record_time started_at, ended_at;
    char *requested_by; /* of a run by hand */
};
extern const struct record_descriptor job_run_descriptor;

/* What is kept of a job besides its runs. */
struct job_state {
    char *job_id;
    bool is_paused;
    struct record_time changed_at;
    char *changed_by;
};
extern const struct record_descriptor job_state_descriptor;

/* A job as the API tells it. */
struct job_view {
    char *id, *name;
    char *schedule, *time_zone;
    int32_t grace_seconds, jitter_seconds, max_instances;
    enum misfire_policy misfire;
    enum overlap_policy overlap;
    bool is_paused;
    int32_t running;
    struct record_time next_at; /* unset: never */
    enum run_state last_state;  /* unset: it never ran */
    struct record_time last_scheduled_at, last_ended_at;
    char *last_detail;
};
extern const struct record_descriptor job_view_descriptor;
