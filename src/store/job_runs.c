#include "store/job_runs.h"

#include "store/work_internal.h"

enum { RUNS_LIMIT_MAX = 1000 };

static void job_run_free(void *run)
{
    record_clear(&job_run_descriptor, run);
    g_free(run);
}

static void job_state_free(void *state)
{
    record_clear(&job_state_descriptor, state);
    g_free(state);
}

/* The job's row, locked until the transaction ends, so that of two servers one counts what the other claimed: in
 * PostgreSQL by the row's lock, in SQLite by being the one that writes. */
static bool lock_job(struct store_transaction *transaction, const char *job_id, bool *is_paused, GError **error)
{
    int64_t paused = 0;
    bool is_good =
        store_get_integer(transaction,
                          "INSERT INTO job_states (job_id, is_paused) VALUES ($1, $2) ON CONFLICT (job_id) "
                          "DO UPDATE SET job_id = excluded.job_id RETURNING CASE WHEN is_paused = $3 THEN 1 "
                          "ELSE 0 END",
                          STORE_VALUES(sql_text(job_id), sql_bool(false), sql_bool(true)), 0, &paused, error);
    *is_paused = paused != 0;
    return is_good;
}

#define RUNNING "job_id = $1 AND state = 'running' AND lease_until >= $2"

static bool count_others(struct store_transaction *transaction, const struct store_run_claim *claim, int64_t now_ms,
                         int64_t *count, GError **error)
{
    return store_get_integer(transaction, "SELECT count(*) FROM job_runs WHERE " RUNNING " AND scheduled_at <> $3",
                             STORE_VALUES(sql_text(claim->job_id), sql_time(now_ms), sql_time(claim->scheduled_ms)), 0,
                             count, error);
}

/* The oldest. Their holders are refused from now on, and told so by that. */
static bool end_others(struct store_transaction *transaction, const struct store_run_claim *claim, int64_t now_ms,
                       int64_t count, GError **error)
{
    return count <= 0 ||
           store_run(transaction,
                     "UPDATE job_runs SET state = 'cancelled', detail = 'a later run took its place', ended_at = $2, "
                     "lease_until = NULL WHERE job_id = $1 AND scheduled_at IN (SELECT scheduled_at FROM job_runs "
                     "WHERE " RUNNING " AND scheduled_at <> $3 ORDER BY scheduled_at LIMIT $4)",
                     STORE_VALUES(sql_text(claim->job_id), sql_time(now_ms), sql_time(claim->scheduled_ms),
                                  sql_integer(count)),
                     NULL, error);
}

/* One statement, so that of two hubs one gets it; the row's lock makes the other look at what the first wrote. A time
 * after the job went on that was passed over because it was paused is taken as well: whoever claims it knows that the
 * job goes on, and who wrote that did not yet. One before that was rightly passed over. */
static bool take_run(struct store_transaction *transaction, const struct store_run_claim *claim, int64_t now_ms,
                     int64_t *fence, GError **error)
{
    static const char sql[] =
        "INSERT INTO job_runs (job_id, scheduled_at, cause, state, holder, fence, lease_until, started_at, "
        "requested_by) VALUES ($1, $2, $3, 'running', $4, 1, $5, $6, $7) ON CONFLICT (job_id, scheduled_at) DO UPDATE "
        "SET holder = excluded.holder, fence = job_runs.fence + 1, lease_until = excluded.lease_until, state = "
        "'running', started_at = CASE WHEN job_runs.state = 'running' THEN job_runs.started_at ELSE "
        "excluded.started_at END, ended_at = NULL, reason = NULL, until = NULL, detail = NULL "
        "WHERE (job_runs.state = 'running' AND job_runs.lease_until < $6) OR (job_runs.state = 'skipped' AND "
        "job_runs.reason = 'paused' AND job_runs.scheduled_at > (SELECT s.changed_at FROM job_states s WHERE s.job_id "
        "= "
        "$1)) RETURNING fence";
    return store_get_integer(transaction, sql,
                             STORE_VALUES(sql_text(claim->job_id), sql_time(claim->scheduled_ms),
                                          sql_text(record_enum_name(job_trigger_names, claim->cause)),
                                          sql_text(claim->holder), sql_time(now_ms + claim->lease_ms), sql_time(now_ms),
                                          sql_text(claim->requested_by)),
                             STORE_RUN_TAKEN, fence, error);
}

bool store_run_claim(struct store *store, const struct store_run_claim *claim, int64_t *fence, GError **error)
{
    int64_t now_ms = clock_wall_ms(store->clock), others = 0, most = MAX(claim->max_instances, 1) - 1;
    bool is_paused = false;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_JOB, STORE_PLATFORM, error);
    *fence = STORE_RUN_TAKEN;
    if (!transaction || !lock_job(transaction, claim->job_id, &is_paused, error) ||
        !count_others(transaction, claim, now_ms, &others, error))
        return false;
    if (claim->cause == TRIGGER_SCHEDULE && is_paused)
        return true;
    if (others <= most || claim->is_taking_others)
        return take_run(transaction, claim, now_ms, fence, error) &&
               (*fence <= 0 || end_others(transaction, claim, now_ms, others - most, error)) &&
               store_commit(g_steal_pointer(&transaction), error);
    *fence = STORE_RUN_BUSY;
    return true;
}

static bool check_held(const struct store_run_hold *hold, int64_t changed, GError **error)
{
    if (changed == 1)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED,
                "job %s: another hub took this run over: its lease had ended", hold->job_id);
    return false;
}

bool store_run_hold_in(struct store_transaction *transaction, const struct store_run_hold *hold, GError **error)
{
    int64_t changed = 0, now_ms = clock_wall_ms(transaction->store->clock);
    if (!hold)
        return true;
    return store_run(transaction,
                     "UPDATE job_runs SET lease_until = $1 WHERE job_id = $2 AND scheduled_at = $3 AND fence = $4 "
                     "AND state = 'running'",
                     STORE_VALUES(sql_time(now_ms + hold->lease_ms), sql_text(hold->job_id),
                                  sql_time(hold->scheduled_ms), sql_integer(hold->fence)),
                     &changed, error) &&
           check_held(hold, changed, error);
}

bool store_keep_first(GError **first, GError *failure)
{
    bool is_over = g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    if (*first)
        g_clear_error(&failure);
    else
        *first = failure;
    return is_over;
}

bool store_run_beat(struct store *store, const struct store_run_hold *hold, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_JOB, STORE_PLATFORM, error);
    return transaction && store_run_hold_in(transaction, hold, error) &&
           store_commit_beside_logins(g_steal_pointer(&transaction), error);
}

bool store_run_keep(struct store *store, const struct store_run_hold *hold, int64_t *beaten_us, GError **error)
{
    enum { BEATS_A_LEASE = 3 };
    int64_t now_us = clock_monotonic_us(store->clock);
    if (!hold || now_us - *beaten_us < hold->lease_ms * 1000 / BEATS_A_LEASE)
        return true;
    if (!store_run_beat(store, hold, error))
        return false;
    *beaten_us = now_us;
    return true;
}

bool store_run_end(struct store *store, const struct store_run_hold *hold, enum run_state state, const char *detail,
                   GError **error)
{
    int64_t changed = 0;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_JOB, STORE_PLATFORM, error);
    return transaction &&
           store_run(transaction,
                     "UPDATE job_runs SET state = $1, detail = $2, ended_at = $3, lease_until = NULL WHERE job_id = $4 "
                     "AND scheduled_at = $5 AND fence = $6 AND state = 'running'",
                     STORE_VALUES(sql_text(record_enum_name(run_state_names, state)), sql_text(detail),
                                  sql_time(clock_wall_ms(store->clock)), sql_text(hold->job_id),
                                  sql_time(hold->scheduled_ms), sql_integer(hold->fence)),
                     &changed, error) &&
           check_held(hold, changed, error) && store_commit(g_steal_pointer(&transaction), error);
}

bool store_runs_skip(struct store *store, const struct job_run *const *runs, size_t count, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_JOB, STORE_PLATFORM, error);
    return transaction &&
           store_insert(transaction, &job_run_descriptor, (const void *const *)runs, count, RECORD_CONFLICT_IGNORE,
                        NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

/* ---- reading ---- */

static GPtrArray *list(struct store *store, const struct record_descriptor *descriptor, GDestroyNotify release,
                       const char *tail, const struct record_sql_value *values, size_t count, GError **error)
{
    g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func(release);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    bool is_good = transaction && store_select(transaction, descriptor, tail, values, count, records, error);
    return is_good ? g_steal_pointer(&records) : NULL;
}

GPtrArray *store_runs_list(struct store *store, const char *job_id, int64_t before_ms, int limit, GError **error)
{
    return list(store, &job_run_descriptor, job_run_free,
                "WHERE job_id = $1 AND scheduled_at < $2 ORDER BY scheduled_at DESC LIMIT $3",
                STORE_VALUES(sql_text(job_id), sql_time(before_ms ? before_ms : STORE_TIME_LAST_MS),
                             sql_integer(CLAMP(limit, 1, RUNS_LIMIT_MAX))),
                error);
}

GPtrArray *store_runs_expired(struct store *store, int limit, GError **error)
{
    return list(store, &job_run_descriptor, job_run_free,
                "WHERE state = 'running' AND lease_until < $1 ORDER BY scheduled_at LIMIT $2",
                STORE_VALUES(sql_time(clock_wall_ms(store->clock)), sql_integer(limit)), error);
}

bool store_runs_count(struct store *store, const char *job_id, int64_t *count, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    return transaction &&
           store_get_integer(transaction, "SELECT count(*) FROM job_runs WHERE " RUNNING,
                             STORE_VALUES(sql_text(job_id), sql_time(clock_wall_ms(store->clock))), 0, count, error);
}

bool store_run_failed(struct store *store, const char *job_id, bool *has_failed, int64_t *since_ms, GError **error)
{
    int64_t failed = 0, now_ms = clock_wall_ms(store->clock);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    bool is_good =
        transaction &&
        store_get_integer(transaction,
                          "SELECT CASE WHEN state = 'failed' THEN 1 ELSE 0 END FROM job_runs WHERE job_id = "
                          "$1 AND started_at <= $2 AND state IN ('done', 'failed') ORDER BY scheduled_at "
                          "DESC LIMIT 1",
                          STORE_VALUES(sql_text(job_id), sql_time(now_ms)), 0, &failed, error) &&
        store_get_integer(transaction,
                          "SELECT min(scheduled_at) FROM job_runs WHERE job_id = $1 AND started_at <= $2 AND state = "
                          "$3 AND scheduled_at > (SELECT coalesce(max(scheduled_at), $5) FROM job_runs WHERE job_id = "
                          "$1 AND started_at <= $2 AND state = $4)",
                          STORE_VALUES(sql_text(job_id), sql_time(now_ms), sql_text(failed ? "failed" : "done"),
                                       sql_text(failed ? "done" : "failed"), sql_time(0)),
                          0, since_ms, error);
    *has_failed = failed != 0;
    return is_good;
}

static bool take_latest(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)columns;
    (void)error;
    g_hash_table_insert(data, g_strdup(row[0].text), g_memdup2(&row[1].integer, sizeof row[1].integer));
    return true;
}

GHashTable *store_runs_latest(struct store *store, GError **error)
{
    g_autoptr(GHashTable) latest = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    bool is_good = transaction && store_each(transaction,
                                             "SELECT job_id, max(scheduled_at) FROM job_runs WHERE cause = 'schedule' "
                                             "GROUP BY job_id",
                                             STORE_NO_VALUES, take_latest, latest, error);
    return is_good ? g_steal_pointer(&latest) : NULL;
}

bool store_job_put(struct store *store, const struct job_state *state, const struct audit_by *by, GError **error)
{
    const struct audit_change change = {AUDIT_JOB, state->job_id, state->is_paused ? "pause" : "resume", NULL, NULL};
    const void *record = state;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, STORE_PLATFORM, error);
    return transaction &&
           store_insert(transaction, &job_state_descriptor, &record, 1, RECORD_CONFLICT_REPLACE, NULL, error) &&
           store_audit_add_in(transaction, by, &change, error) && store_commit(g_steal_pointer(&transaction), error);
}

GPtrArray *store_jobs_list(struct store *store, GError **error)
{
    return list(store, &job_state_descriptor, job_state_free, "ORDER BY job_id", STORE_NO_VALUES, error);
}
