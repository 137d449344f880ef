/* Sessions, their refresh tokens, and wrong logins. */
#include "store/logins.h"

#include <string.h>

#include "base/id.h"
#include "store/audit.h"
#include "store/work_internal.h"

void session_free(struct session *session)
{
    if (!session)
        return;
    record_clear(&session_descriptor, session);
    g_free(session);
}
CLEANUP_DEFINE(session, session_free)

static void free_session(gpointer session)
{
    session_free(session);
}

static void free_refresh_token(struct refresh_token *token)
{
    if (!token)
        return;
    record_clear(&refresh_token_descriptor, token);
    g_free(token);
}

static void free_failure(gpointer failure)
{
    record_clear(&login_failure_descriptor, failure);
    g_free(failure);
}

/* ---- sessions ---- */

/* What is over, of the org: the tokens first, which refer to the sessions. */
static bool sweep(struct store_transaction *transaction, const char *org_id, int64_t now_ms, GError **error)
{
    return store_run(transaction,
                     "DELETE FROM refresh_tokens WHERE org_id = $1 AND session_id IN (SELECT id FROM sessions WHERE "
                     "org_id = $1 AND expires_at <= $2)",
                     STORE_VALUES(sql_text(org_id), sql_time(now_ms)), NULL, error) &&
           store_run(transaction, "DELETE FROM sessions WHERE org_id = $1 AND expires_at <= $2",
                     STORE_VALUES(sql_text(org_id), sql_time(now_ms)), NULL, error);
}

static bool add_refresh_token(struct store_transaction *transaction, const char *org_id, const char *session_id,
                              const char *sha256, GError **error)
{
    const struct refresh_token token = {(char *)(uintptr_t)sha256,
                                        (char *)(uintptr_t)org_id,
                                        (char *)(uintptr_t)session_id,
                                        {clock_wall_ms(transaction->store->clock)},
                                        {0}};
    const void *record = &token;
    return store_insert(transaction, &refresh_token_descriptor, &record, 1, RECORD_CONFLICT_IGNORE, NULL, error);
}

/* Keeps a user's newest `most` of this kind, those that stand before those that ended: programs, which may log in each
 * time they run, end no login of a browser. */
static bool drop_oldest(struct store_transaction *transaction, const struct session *session, int most, GError **error)
{
#define OF_KIND "FROM sessions WHERE org_id = $1 AND user_id = $2 AND client = $4 "
#define KEPT "(SELECT id " OF_KIND "ORDER BY ended_at IS NULL DESC, id DESC LIMIT $3)"
    static const char *const statements[] = {
        "DELETE FROM refresh_tokens WHERE org_id = $1 AND session_id IN (SELECT id " OF_KIND ") AND session_id NOT "
        "IN " KEPT,
        "DELETE " OF_KIND "AND id NOT IN " KEPT,
    };
#undef OF_KIND
#undef KEPT
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++)
        if (!store_run(transaction, statements[i],
                       STORE_VALUES(sql_text(session->org_id), sql_text(session->user_id), sql_integer(most),
                                    sql_text(client_kind_names[session->client - 1])),
                       NULL, error))
            return false;
    return true;
}

/* Proving who one is takes its time, and what was proved may be another's by then: a password that was changed, with
 * which all logins were to end. */
static bool check_user(struct store_transaction *transaction, const struct session *session,
                       const struct store_user_expectation *expected, GError **error)
{
    GError *failure = NULL;
    if (!store_users_lock_in(transaction, session->org_id, true, error))
        return false;
    struct user *user = store_user_get_in(transaction, session->org_id, session->user_id, &failure);
    bool is_met = user && expected->is_met(expected->data, user);
    user_free(user);
    if (is_met)
        return true;
    if (failure && !g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, failure);
        return false;
    }
    g_clear_error(&failure);
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, "the user was changed meanwhile: log in again");
    return false;
}

bool store_session_add(struct store *store, const struct session *session, const char *refresh_sha256, int most,
                       const struct store_user_expectation *expected, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, session->org_id, error);
    const void *record = session;
    return transaction && check_user(transaction, session, expected, error) &&
           sweep(transaction, session->org_id, clock_wall_ms(store->clock), error) &&
           store_insert(transaction, &session_descriptor, &record, 1, RECORD_CONFLICT_FAIL, NULL, error) &&
           (!refresh_sha256 || add_refresh_token(transaction, session->org_id, session->id, refresh_sha256, error)) &&
           drop_oldest(transaction, session, most, error) && store_commit(g_steal_pointer(&transaction), error);
}

static struct session *find_session(struct store_transaction *transaction, const char *org_id, const char *id,
                                    GError **error)
{
    return store_find(transaction, &session_descriptor, "WHERE org_id = $1 AND id = $2 AND " STORE_ORG_STANDS,
                      STORE_VALUES(sql_text(org_id), sql_text(id)), error);
}

struct session *store_session_find(struct store *store, const char *org_id, const char *id, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction ? find_session(transaction, org_id, id, error) : NULL;
}

GPtrArray *store_sessions_list(struct store *store, const char *org_id, const char *user_id, GError **error)
{
    g_autoptr(GPtrArray) sessions = g_ptr_array_new_with_free_func(free_session);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    bool is_good = transaction &&
                   store_select(transaction, &session_descriptor,
                                "WHERE org_id = $1 AND ended_at IS NULL AND expires_at > $2 AND ($3 = '' OR user_id = "
                                "$3) ORDER BY id DESC",
                                STORE_VALUES(sql_text(org_id), sql_time(clock_wall_ms(store->clock)),
                                             sql_text(user_id ? user_id : "")),
                                sessions, error);
    return is_good ? g_steal_pointer(&sessions) : NULL;
}

static bool end_session(struct store_transaction *transaction, const char *org_id, const char *id, GError **error)
{
    return store_run(
        transaction, "UPDATE sessions SET ended_at = $3 WHERE org_id = $1 AND id = $2 AND ended_at IS NULL",
        STORE_VALUES(sql_text(org_id), sql_text(id), sql_time(clock_wall_ms(transaction->store->clock))), NULL, error);
}

/* As with changes of users: nobody ends the login of who is above them, also where they rise meanwhile, which the lock
 * waits for. */
static bool check_reach(struct store_transaction *transaction, const struct store_session_reach *reach,
                        const struct session *session, GError **error)
{
    if (session->ended_at.ms || (reach->user_id && strcmp(session->user_id, reach->user_id) != 0)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no login %s that stands", session->id);
        return false;
    }
    if (reach->user_id)
        return true;
    if (!store_users_lock_in(transaction, session->org_id, true, error))
        return false;
    struct user *user = store_user_get_in(transaction, session->org_id, session->user_id, error);
    bool is_above = user && user->role > reach->highest;
    if (is_above)
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                            "nobody may end the login of someone with a role above their own");
    bool is_within = user && !is_above;
    user_free(user);
    return is_within;
}

bool store_session_end(struct store *store, const struct audit_by *by, const char *id,
                       const struct store_session_reach *reach, const char *action, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    CLEANUP(session) struct session *session = transaction ? find_session(transaction, by->org_id, id, error) : NULL;
    if (!session || !check_reach(transaction, reach, session, error))
        return false;
    const struct audit_change change = {AUDIT_LOGIN, session->user_id, action, NULL, NULL};
    return end_session(transaction, by->org_id, id, error) && store_audit_add_in(transaction, by, &change, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

bool store_session_is_familiar(struct store *store, const char *org_id, const char *user_id, const char *address,
                               bool *is_familiar, GError **error)
{
    int64_t count = 0;
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    bool is_good =
        transaction &&
        store_get_integer(transaction,
                          "SELECT count(*) FROM (SELECT 1 FROM sessions WHERE org_id = $1 AND user_id = $2 "
                          "AND address = $3 LIMIT 1) AS known",
                          STORE_VALUES(sql_text(org_id), sql_text(user_id), sql_text(address)), 0, &count, error);
    *is_familiar = count > 0;
    return is_good;
}

/* ---- refresh tokens ---- */

/* A session goes on for a month, and each of its tokens leaves one behind. */
static bool drop_used(struct store_transaction *transaction, const struct store_refresh *refresh,
                      const struct session *session, int64_t now_ms, GError **error)
{
    return store_run(
               transaction, "DELETE FROM refresh_tokens WHERE org_id = $1 AND session_id = $2 AND used_at < $3",
               STORE_VALUES(sql_text(refresh->org_id), sql_text(session->id), sql_time(now_ms - refresh->leeway_ms)),
               NULL, error) &&
           store_run(
               transaction,
               "DELETE FROM refresh_tokens WHERE org_id = $1 AND session_id = $2 AND used_at IS NOT NULL AND "
               "sha256 NOT IN (SELECT sha256 FROM refresh_tokens WHERE org_id = $1 AND session_id = $2 AND "
               "used_at IS NOT NULL ORDER BY used_at DESC, sha256 LIMIT $3)",
               STORE_VALUES(sql_text(refresh->org_id), sql_text(session->id), sql_integer(STORE_USED_TOKENS_MOST)),
               NULL, error);
}

static bool mark_used(struct store_transaction *transaction, const struct store_refresh *refresh,
                      const struct session *session, GError **error)
{
    int64_t now_ms = clock_wall_ms(transaction->store->clock);
    g_autofree char *successor = refresh->make_successor(refresh->data, session);
    return store_run(transaction,
                     "UPDATE refresh_tokens SET used_at = $3 WHERE org_id = $1 AND sha256 = $2 AND used_at IS NULL",
                     STORE_VALUES(sql_text(refresh->org_id), sql_text(refresh->sha256), sql_time(now_ms)), NULL,
                     error) &&
           add_refresh_token(transaction, refresh->org_id, session->id, successor, error) &&
           drop_used(transaction, refresh, session, now_ms, error) &&
           store_run(transaction, "UPDATE sessions SET used_at = $3 WHERE org_id = $1 AND id = $2",
                     STORE_VALUES(sql_text(refresh->org_id), sql_text(session->id), sql_time(now_ms)), NULL, error);
}

/* `token` NULL: it is not known (any more), but made for the session; it was used, then.
 *
 * A used token is good again within the leeway, and while its successor was not used: two tabs, or an answer that was
 * lost. Beyond that two hold the same token, and one of them stole it. */
static bool is_reused(struct store_transaction *transaction, const struct store_refresh *refresh,
                      const struct refresh_token *token, const struct session *session, bool *is_reused, GError **error)
{
    *is_reused = !token;
    if (!token || !token->used_at.ms)
        return true;
    int64_t age_ms = clock_wall_ms(transaction->store->clock) - token->used_at.ms, waiting = 0;
    g_autofree char *successor = refresh->make_successor(refresh->data, session);
    bool is_good = store_get_integer(
        transaction, "SELECT count(*) FROM refresh_tokens WHERE org_id = $1 AND sha256 = $2 AND used_at IS NULL",
        STORE_VALUES(sql_text(refresh->org_id), sql_text(successor)), 0, &waiting, error);
    *is_reused = age_ms > refresh->leeway_ms || !waiting; /* one that is not there was used, and forgotten */
    return is_good;
}

static bool end_family(struct store_transaction *transaction, const struct store_refresh *refresh,
                       const struct session *session, GError **error)
{
    const struct audit_by by = {refresh->org_id, "system", NULL, refresh->address,
                                "a refresh token was used twice: someone has a copy"};
    const struct audit_change change = {AUDIT_LOGIN, session->user_id, "refresh-reused", NULL, NULL};
    return end_session(transaction, refresh->org_id, session->id, error) &&
           store_audit_add_in(transaction, &by, &change, error);
}

/* *token and *session NULL: unknown. *token NULL alone: it was the session's, and was forgotten since. */
static bool find_family(struct store_transaction *transaction, const struct store_refresh *refresh,
                        struct refresh_token **token, struct session **session, GError **error)
{
    g_autoptr(GError) failure = NULL;
    *token = store_find(transaction, &refresh_token_descriptor, "WHERE org_id = $1 AND sha256 = $2",
                        STORE_VALUES(sql_text(refresh->org_id), sql_text(refresh->sha256)), &failure);
    if (!*token && g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND))
        g_clear_error(&failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    const char *session_id = *token ? (*token)->session_id : refresh->session_id;
    if (session_id)
        *session = find_session(transaction, refresh->org_id, session_id, &failure);
    if (!*token && *session && !refresh->is_of_family(refresh->data, *session))
        g_clear_pointer(session, session_free);
    if (!failure || g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

static bool judge(struct store_transaction *transaction, const struct store_refresh *refresh,
                  const struct refresh_token *token, const struct session *session, enum refresh_outcome *outcome,
                  GError **error)
{
    bool is_over =
        !session || session->ended_at.ms || session->expires_at.ms <= clock_wall_ms(transaction->store->clock);
    *outcome = REFRESH_UNKNOWN;
    if (is_over)
        return true;
    bool is_stolen = false;
    if (!is_reused(transaction, refresh, token, session, &is_stolen, error))
        return false;
    *outcome = is_stolen ? REFRESH_REUSED : REFRESH_GOOD;
    return is_stolen ? end_family(transaction, refresh, session, error)
                     : mark_used(transaction, refresh, session, error);
}

bool store_refresh_use(struct store *store, const struct store_refresh *refresh, enum refresh_outcome *outcome,
                       struct session **session, GError **error)
{
    *session = NULL;
    struct refresh_token *token = NULL;
    struct session *found = NULL;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, refresh->org_id, error);
    bool is_good = transaction && find_family(transaction, refresh, &token, &found, error) &&
                   judge(transaction, refresh, token, found, outcome, error) &&
                   store_commit(g_steal_pointer(&transaction), error);
    free_refresh_token(token);
    if (is_good)
        *session = g_steal_pointer(&found);
    session_free(found);
    return is_good;
}

/* ---- wrong logins ---- */

bool store_login_failure_add(struct store *store, const char *account_sha256, const char *address, int64_t since_ms,
                             GError **error)
{
    g_autofree char *id = id_new(store->clock);
    const struct login_failure failure = {
        id, (char *)(uintptr_t)account_sha256, (char *)(uintptr_t)address, {clock_wall_ms(store->clock)}};
    const void *record = &failure;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, STORE_PLATFORM, error);
    return transaction &&
           store_run(transaction, "DELETE FROM login_failures WHERE at < $1", STORE_VALUES(sql_time(since_ms)), NULL,
                     error) &&
           store_insert(transaction, &login_failure_descriptor, &record, 1, RECORD_CONFLICT_FAIL, NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

GPtrArray *store_login_failures_list(struct store *store, int64_t since_ms, GError **error)
{
    g_autoptr(GPtrArray) failures = g_ptr_array_new_with_free_func(free_failure);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    bool is_good = transaction && store_select(transaction, &login_failure_descriptor, "WHERE at >= $1 ORDER BY id",
                                               STORE_VALUES(sql_time(since_ms)), failures, error);
    return is_good ? g_steal_pointer(&failures) : NULL;
}
