#include "store/kept_answers.h"
#include "base/counter.h"
#include "store/places.h"
#include "store/retention_internal.h"

#include <string.h>

void kept_answer_free(struct kept_answer *answer)
{
    if (!answer)
        return;
    record_clear(&kept_answer_descriptor, answer);
    g_free(answer);
}

/* ---- one key ---- */

/* *too_many: how many went that were not old yet. */
static bool forget_old(struct store_transaction *transaction, const struct store_answer_claim *claim, int64_t *too_many,
                       GError **error)
{
    int64_t now_ms = clock_wall_ms(transaction->store->clock);
    return store_run(
               transaction,
               "DELETE FROM kept_answers WHERE org_id = $1 AND (created_at < $2 OR (status = 0 AND created_at < $3))",
               STORE_VALUES(sql_text(claim->org_id), sql_time(now_ms - claim->max_age_ms),
                            sql_time(now_ms - claim->max_busy_ms)),
               NULL, error) &&
           store_run(
               transaction,
               "DELETE FROM kept_answers WHERE org_id = $1 AND key IN (SELECT key FROM kept_answers WHERE org_id = "
               "$1 ORDER BY created_at DESC, key DESC LIMIT 1000000 OFFSET $2)",
               STORE_VALUES(sql_text(claim->org_id), sql_integer(claim->max_keys - 1)), too_many, error);
}

bool store_answer_claim(struct store *store, const struct store_answer_claim *claim, struct kept_answer **kept,
                        GError **error)
{
    const struct kept_answer fresh = {
        .org_id = (char *)(uintptr_t)claim->org_id,
        .key = (char *)(uintptr_t)claim->key,
        .request_sha256 = (char *)(uintptr_t)claim->request_sha256,
        .created_at = {clock_wall_ms(store->clock)},
    };
    const void *record = &fresh;
    bool is_new = false;
    int64_t too_many = 0;
    *kept = NULL;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, claim->org_id, error);
    if (!transaction || !forget_old(transaction, claim, &too_many, error) ||
        !store_insert(transaction, &kept_answer_descriptor, &record, 1, RECORD_CONFLICT_IGNORE, &is_new, error))
        return false;
    if (!is_new)
        *kept = store_find(transaction, &kept_answer_descriptor, "WHERE org_id = $1 AND key = $2",
                           STORE_VALUES(sql_text(claim->org_id), sql_text(claim->key)), error);
    bool is_good = (is_new || *kept) && store_commit_beside_logins(g_steal_pointer(&transaction), error);
    counter_add(&store->health->kept_answers_forgotten, is_good ? too_many : 0);
    return is_good;
}

/* The newest stay that have room together, and `answer` with what is being made. */
static bool forget_large(struct store_transaction *transaction, const struct kept_answer *answer, int64_t max_bytes,
                         int64_t *too_large, GError **error)
{
    int64_t bytes = 0;
    if (!store_get_integer(transaction, "SELECT CAST(sum(bytes) AS bigint) FROM kept_answers WHERE org_id = $1",
                           STORE_VALUES(sql_text(answer->org_id)), 0, &bytes, error))
        return false;
    return bytes <= max_bytes ||
           store_run(transaction,
                     "DELETE FROM kept_answers WHERE org_id = $1 AND status <> 0 AND key <> $2 AND key IN (SELECT key "
                     "FROM (SELECT key, sum(bytes) OVER (ORDER BY created_at DESC, key DESC) AS bytes_so_far FROM "
                     "kept_answers WHERE org_id = $1) AS newest WHERE bytes_so_far > $3)",
                     STORE_VALUES(sql_text(answer->org_id), sql_text(answer->key), sql_integer(max_bytes)), too_large,
                     error);
}

static int64_t length_of(const char *text)
{
    return text ? (int64_t)strlen(text) : 0;
}

bool store_answer_keep(struct store *store, const struct kept_answer *answer, int64_t max_bytes, GError **error)
{
    struct kept_answer row = *answer;
    const void *record = &row;
    int64_t too_large = 0;
    row.bytes = length_of(answer->body) + length_of(answer->headers);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, answer->org_id, error);
    bool is_good =
        transaction &&
        store_insert(transaction, &kept_answer_descriptor, &record, 1, RECORD_CONFLICT_REPLACE, NULL, error) &&
        forget_large(transaction, answer, max_bytes, &too_large, error) &&
        store_commit_beside_logins(g_steal_pointer(&transaction), error);
    counter_add(&store->health->kept_answers_forgotten, is_good ? too_large : 0);
    return is_good;
}

bool store_answer_let_go(struct store *store, const char *org_id, const char *key, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_id, error);
    return transaction &&
           store_run(transaction, "DELETE FROM kept_answers WHERE org_id = $1 AND key = $2",
                     STORE_VALUES(sql_text(org_id), sql_text(key)), NULL, error) &&
           store_commit_beside_logins(g_steal_pointer(&transaction), error);
}

/* ---- all orgs' ---- */

#define OLD "org_id = $1 AND created_at < $2"

static bool look_for_old(const struct retention_work *work, const char *org_id, int64_t before_ms, int64_t *are_there,
                         GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_READ, org_id, error);
    return transaction &&
           store_get_integer(transaction,
                             "SELECT count(*) FROM (SELECT 1 FROM kept_answers WHERE " OLD " LIMIT 1) AS found",
                             STORE_VALUES(sql_text(org_id), sql_time(before_ms)), 0, are_there, error);
}

static bool forget_batch(struct retention_work *work, const char *org_id, int64_t before_ms, int64_t *rows,
                         GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = retention_begin_step(work, org_id, error);
    if (!transaction)
        return false;
    int64_t begun_us = g_get_monotonic_time();
    if (!store_run(transaction,
                   "DELETE FROM kept_answers WHERE org_id = $1 AND key IN (SELECT key FROM kept_answers WHERE " OLD
                   " ORDER BY created_at, key LIMIT $3)",
                   STORE_VALUES(sql_text(org_id), sql_time(before_ms), sql_integer(work->limit)), rows, error))
        return false;
    work->limit = retention_next_limit(work->retention->settings, work->limit, g_get_monotonic_time() - begun_us);
    return store_commit(g_steal_pointer(&transaction), error);
}

/* Most orgs have none: they are only looked at. */
static bool forget_of_org(struct retention_work *work, const char *org_id, int64_t before_ms, GError **error)
{
    const struct retention_rule as = {.name = kept_answer_descriptor.table};
    for (;;) {
        int64_t are_there = 0, rows = 0;
        if (!retention_go_on(work, error) || !look_for_old(work, org_id, before_ms, &are_there, error))
            return false;
        if (!are_there)
            return true;
        if (!forget_batch(work, org_id, before_ms, &rows, error))
            return false;
        retention_result_of(work, &as, org_id)->rows += rows;
        g_usleep((gulong)work->retention->settings->pause_ms * 1000);
    }
}

bool store_answers_forget(struct store *store, const struct store_retention *how, int64_t max_age_ms,
                          GPtrArray *results, GError **error)
{
    int64_t now_ms = clock_wall_ms(store->clock);
    struct retention_work work = {store, how, results, now_ms, how->settings->batch_rows};
    g_autoptr(GPtrArray) orgs = store_orgs_read(store, NULL, error);
    bool is_good = orgs != NULL;
    for (guint i = 0; is_good && i < orgs->len; i++)
        is_good =
            forget_of_org(&work, ((const struct org *)g_ptr_array_index(orgs, i))->id, now_ms - max_age_ms, error);
    return is_good;
}
