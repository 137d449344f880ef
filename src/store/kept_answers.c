#include "store/kept_answers.h"
#include "store/work_internal.h"

void kept_answer_free(struct kept_answer *answer)
{
    if (!answer)
        return;
    record_clear(&kept_answer_descriptor, answer);
    g_free(answer);
}

static bool forget_old(struct store_transaction *transaction, const struct store_answer_claim *claim, GError **error)
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
               "$1 ORDER BY created_at DESC, key LIMIT 1000000 OFFSET $2)",
               STORE_VALUES(sql_text(claim->org_id), sql_integer(claim->max_keys - 1)), NULL, error);
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
    *kept = NULL;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, claim->org_id, error);
    if (!transaction || !forget_old(transaction, claim, error) ||
        !store_insert(transaction, &kept_answer_descriptor, &record, 1, RECORD_CONFLICT_IGNORE, &is_new, error))
        return false;
    if (!is_new)
        *kept = store_find(transaction, &kept_answer_descriptor, "WHERE org_id = $1 AND key = $2",
                           STORE_VALUES(sql_text(claim->org_id), sql_text(claim->key)), error);
    return (is_new || *kept) && store_commit_beside_logins(g_steal_pointer(&transaction), error);
}

bool store_answer_keep(struct store *store, const struct kept_answer *answer, GError **error)
{
    const void *record = answer;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, answer->org_id, error);
    return transaction &&
           store_insert(transaction, &kept_answer_descriptor, &record, 1, RECORD_CONFLICT_REPLACE, NULL, error) &&
           store_commit_beside_logins(g_steal_pointer(&transaction), error);
}

bool store_answer_let_go(struct store *store, const char *org_id, const char *key, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_id, error);
    return transaction &&
           store_run(transaction, "DELETE FROM kept_answers WHERE org_id = $1 AND key = $2",
                     STORE_VALUES(sql_text(org_id), sql_text(key)), NULL, error) &&
           store_commit_beside_logins(g_steal_pointer(&transaction), error);
}
