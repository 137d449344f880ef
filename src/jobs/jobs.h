/* Jobs: what the server does by the clock: retention, roll-ups. One table says which jobs there are (built_in.c); the
 * planner (pure) decides when each begins, and the scheduler carries it out with a few threads of its own, so that the
 * main loop never waits. Several servers on one store run each time of a job once (store/job_runs.h).
 */
#pragma once

#include "base/cleanup.h"
#include "base/clock.h"
#include "facts/audit.h"
#include "facts/health.h"
#include "facts/job.h"
#include "facts/settings.h"
#include "notify/notify.h"
#include "store/job_runs.h"
#include "store/retention.h"
#include "store/store.h"

/* What a run is given. On one of the scheduler's threads. */
struct scheduler_options;
struct job_context {
    struct store *store;
    const struct settings *settings;
    struct server_health *health;
    struct clock *clock;
    const struct store_run_hold *hold; /* for the store's calls: they prolong the lease, and refuse when it was lost */
    const int *is_cancelled;           /* atomic */
    const struct scheduler_options *options;
    GString *detail; /* what was done, for the history */
};
/* True when the run was told to stop. To be asked between steps that take a second or more. */
bool job_is_cancelled(const struct job_context *context);

struct job {
    const char *id, *name;
    const char *schedule; /* cron expression */
    int32_t grace_seconds, jitter_seconds, max_instances;
    enum misfire_policy misfire;
    enum overlap_policy overlap; /* also of runs on other hubs */
    /* False with VEDETTE_ERROR_CANCELLED when it was told to stop, or with what failed before that. Must be idempotent:
     * a run whose holder died is run again. */
    bool (*run)(struct job_context *context, GError **error);
    /* A gauge in server_health: 1, on every hub, while the latest run that ended had failed. 0: there is none. */
    size_t alarm;
    size_t alarm_since; /* and since when it is so or not, in Unix milliseconds; of an alarm */
};
/* Also begun when an org is deleted. */
#define JOB_ERASE_ORGS "erase_deleted_orgs"
extern const struct job built_in_jobs[];
extern const size_t built_in_job_count;

struct scheduler;

struct scheduler_options {
    const struct job *jobs;
    size_t job_count;
    /* All borrowed, and outliving the scheduler. */
    struct store *store;
    const struct settings *settings;
    struct server_health *health;
    struct clock *clock;
    /* What policies say of retention (store/retention.h); NULL: the settings alone say. */
    bool (*retention_check)(void *data, GError **error);
    bool (*retention_says)(void *data, const struct retention_subject *subject, struct retention_settings *days);
    bool (*retention_check_org)(void *data, const char *org_id, GError **error);
    void *retention_data;
    struct notify *notify; /* whom it has forget deleted orgs; NULL: nobody is told */
};
/* Reads what was run last and what is paused, and starts the threads. */
struct scheduler *scheduler_new(const struct scheduler_options *options, GError **error);
/* Tells runs to stop and waits for them; what they did not finish, the next server takes up. NULL is allowed. */
void scheduler_free(struct scheduler *scheduler);
CLEANUP_DEFINE(scheduler, scheduler_free)

/* Begins what is due. Called a few times a second on one thread; never waits for the store. */
void scheduler_turn(struct scheduler *scheduler);

/* ---- for the API: any thread ---- */

/* A new GPtrArray of struct job_view *, in the table's order. */
GPtrArray *scheduler_list(struct scheduler *scheduler, GError **error);
/* NOT_FOUND: there is no such job. CONFLICT: as many of its runs as may are under way. *scheduled_ms is the time
 * that the run is known by. */
bool scheduler_run_now(struct scheduler *scheduler, const char *job_id, const struct audit_by *by,
                       int64_t *scheduled_ms, GError **error);
bool scheduler_pause(struct scheduler *scheduler, const char *job_id, bool is_paused, const struct audit_by *by,
                     GError **error);
/* The next times of a job, at most `count`: a new GArray of int64_t, milliseconds. */
GArray *scheduler_next(struct scheduler *scheduler, const char *job_id, int count, GError **error);
/* What became of a job's times, newest first: a new GPtrArray of struct job_run *, of those before a time (0: of all)
 * `limit` at most. */
GPtrArray *scheduler_history(struct scheduler *scheduler, const char *job_id, int64_t before_ms, int limit,
                             GError **error);
