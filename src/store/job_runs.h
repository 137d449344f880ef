/* Store: the runs of jobs. A run is one row for (job, scheduled time), so that whichever hub comes first runs it and no
 * time is run twice. The hub that runs it holds a lease on it; when that is over, another may take the run over, and
 * its fence counts up: what the earlier holder still writes in the run's name is refused.
 *
 * Leases are times of the hubs' clocks; hubs of one store should keep theirs by NTP within a fraction of a lease.
 * Any thread.
 */
#pragma once

#include "facts/audit.h"
#include "facts/job.h"
#include "store/store.h"

/* A run that is held, as the work done in its name shows it. Strings are borrowed. */
struct store_run_hold {
    const char *job_id;
    int64_t scheduled_ms;
    int64_t fence;
    int64_t lease_ms; /* how long a sign of life holds */
};

struct store_run_claim {
    const char *job_id, *holder, *requested_by; /* requested_by: NULL but for a run by hand */
    int64_t scheduled_ms, lease_ms;
    enum job_trigger cause;
    int max_instances;     /* runs of the job at the same time, on all servers together */
    bool is_taking_others; /* those that are one too many end, instead of this one */
};
/* *fence of a run that is not the caller's. */
enum {
    STORE_RUN_TAKEN = 0, /* another has run it or is at it, or its job was paused whose schedule named it */
    STORE_RUN_BUSY = -1, /* as many other runs of the job hold leases as may */
};
/* True with *fence > 0 when it is the caller's to run, else with one of the above. A time that is noted as passed over
 * because the job was paused is taken when the job went on before it: the server that noted that had not seen it yet.
 */
bool store_run_claim(struct store *store, const struct store_run_claim *claim, int64_t *fence, GError **error);
/* Prolongs the lease. VEDETTE_ERROR_CANCELLED when the run was taken over. */
bool store_run_beat(struct store *store, const struct store_run_hold *hold, GError **error);
/* The same between steps that only read, and so prolong no lease, once a third of it has gone by since *beaten_us (by
 * the monotonic clock; 0 at first), which it sets. `hold` NULL: nothing to do. */
bool store_run_keep(struct store *store, const struct store_run_hold *hold, int64_t *beaten_us, GError **error);
/* Writes how it ended; VEDETTE_ERROR_CANCELLED when it was taken over. */
bool store_run_end(struct store *store, const struct store_run_hold *hold, enum run_state state, const char *detail,
                   GError **error);
/* Times that were passed over, in one transaction; those that have a row already keep it. */
bool store_runs_skip(struct store *store, const struct job_run *const *runs, size_t count, GError **error);

/* A job's runs, newest first: a new GPtrArray of struct job_run *, of those due before a time (0: of all) `limit` at
 * most. */
GPtrArray *store_runs_list(struct store *store, const char *job_id, int64_t before_ms, int limit, GError **error);
/* Runs whose holder gave no sign of life, oldest first: likewise. */
GPtrArray *store_runs_expired(struct store *store, int limit, GError **error);
/* The latest time of each job that its schedule named, run or skipped: a new GHashTable of job id → int64_t *
 * (milliseconds). A job that never was is not in it. */
GHashTable *store_runs_latest(struct store *store, GError **error);

/* How many runs of a job hold leases, on all servers. */
bool store_runs_count(struct store *store, const char *job_id, int64_t *count, GError **error);
/* Whether the latest run of a job that ended, of those not in the future, had failed; and since when it is so: the time
 * of the first run of those that went alike since one went otherwise (0: none ended yet). */
bool store_run_failed(struct store *store, const char *job_id, bool *has_failed, int64_t *since_ms, GError **error);

/* Writes it, and who did it into the audit. */
bool store_job_put(struct store *store, const struct job_state *state, const struct audit_by *by, GError **error);
/* Of all jobs that have one: a new GPtrArray of struct job_state *. */
GPtrArray *store_jobs_list(struct store *store, GError **error);
