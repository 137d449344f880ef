/* Changes of users. Each is one transaction with its entry in the audit. */
#include <string.h>

#include "store/audit.h"
#include "store/logins.h"
#include "store/work_internal.h"

CLEANUP_DEFINE(user, user_free)

static void free_user(gpointer user)
{
    user_free(user);
}

GPtrArray *store_users_list(struct store *store, const char *org_id, GError **error)
{
    g_autoptr(GPtrArray) users = g_ptr_array_new_with_free_func(free_user);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    bool is_good = transaction && store_select(transaction, &user_descriptor, "WHERE org_id = $1 ORDER BY username",
                                               STORE_VALUES(sql_text(org_id)), users, error);
    return is_good ? g_steal_pointer(&users) : NULL;
}

/* The same text says somebody else at another issuer. */
struct user *store_user_find_subject(struct store *store, const char *org_id, const char *issuer, const char *subject,
                                     GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction ? store_find(transaction, &user_descriptor,
                                    "WHERE org_id = $1 AND oidc_subject = $2 AND oidc_issuer = $3",
                                    STORE_VALUES(sql_text(org_id), sql_text(subject), sql_text(issuer)), error)
                       : NULL;
}

static bool refuse(GError **error, const char *why)
{
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, why);
    return false;
}

/* Where nobody knows which issuer a subject is of (earlier versions kept none), it may be of this one. */
static bool is_free(struct store_transaction *transaction, const struct user *user, GError **error)
{
    int64_t count = 0;
    if (!store_get_integer(transaction,
                           "SELECT count(*) FROM users WHERE org_id = $1 AND id <> $2 AND (username = $3 OR "
                           "(oidc_subject = $4 AND (oidc_issuer IS NULL OR oidc_issuer = $5)))",
                           STORE_VALUES(sql_text(user->org_id), sql_text(user->id), sql_text(user->username),
                                        sql_text(user->oidc_subject), sql_text(user->oidc_issuer)),
                           0, &count, error))
        return false;
    return count == 0 || refuse(error, "another user has this username or oidc_subject");
}

/* Someone must stay who may make and change users. */
static bool leaves_administrator(struct store_transaction *transaction, const char *org_id, const char *user_id,
                                 GError **error)
{
    int64_t count = 0;
    if (!store_get_integer(
            transaction,
            "SELECT count(*) FROM users WHERE org_id = $1 AND id <> $2 AND role IN ('admin', 'platform') "
            "AND NOT coalesce(is_disabled, false)",
            STORE_VALUES(sql_text(org_id), sql_text(user_id)), 0, &count, error))
        return false;
    return count > 0 || refuse(error, "nobody would be left who may change users: make another administrator first");
}

static bool is_administrator(const struct user *user)
{
    return user->role >= ROLE_ADMIN && !user->is_disabled;
}

/* Without secrets: the encoder leaves the hash out. NULL for none. */
static char *user_text(const struct user *user)
{
    if (!user)
        return NULL;
    GString *json = g_string_new(NULL);
    record_encode_json(&user_descriptor, user, false, json);
    return g_string_free(json, FALSE);
}

/* `before` NULL: it is new; `after` NULL: it is gone. */
static bool audit_user(struct store_transaction *transaction, const struct audit_by *by, const char *action,
                       const char *user_id, const struct user *before, const struct user *after, GError **error)
{
    g_autofree char *before_text = user_text(before), *after_text = user_text(after);
    const struct audit_change change = {AUDIT_USER, user_id, action, before_text, after_text};
    return store_audit_add_in(transaction, by, &change, error);
}

static bool end_sessions(struct store_transaction *transaction, const char *org_id, const char *user_id,
                         const char *spared, GError **error)
{
    return store_run(transaction,
                     "UPDATE sessions SET ended_at = $3 WHERE org_id = $1 AND user_id = $2 AND ended_at IS NULL AND id "
                     "<> $4",
                     STORE_VALUES(sql_text(org_id), sql_text(user_id),
                                  sql_time(clock_wall_ms(transaction->store->clock)), sql_text(spared ? spared : "")),
                     NULL, error);
}

/* So that two administrators cannot remove each other at once, each seeing that the other stays, and no login begins
 * beside a change that ends all. SQLite's writers take turns anyway. */
bool store_users_lock_in(struct store_transaction *transaction, const char *org_id, bool is_shared, GError **error)
{
    return transaction->store->engine->dialect != RECORD_POSTGRES ||
           store_run(transaction,
                     is_shared ? "SELECT pg_advisory_xact_lock_shared(hashtextextended('users of ' || $1, 0))"
                               : "SELECT pg_advisory_xact_lock(hashtextextended('users of ' || $1, 0))",
                     STORE_VALUES(sql_text(org_id)), NULL, error);
}

struct user *store_user_get_in(struct store_transaction *transaction, const char *org_id, const char *id,
                               GError **error)
{
    return store_find(transaction, &user_descriptor, "WHERE org_id = $1 AND id = $2",
                      STORE_VALUES(sql_text(org_id), sql_text(id)), error);
}

static bool check_expected(const struct store_user_expectation *expected, const struct user *user, GError **error)
{
    return !expected || expected->is_met(expected->data, user) ||
           refuse(error, "the user was changed meanwhile: read it again");
}

/* What a user is after the change; it borrows from both. `before` NULL: it is new. */
static struct user merge(const struct user *before, const struct user *wanted, unsigned parts)
{
    if (!before)
        return *wanted;
    struct user user = *before;
    if (parts & STORE_USER_ROLE)
        user.role = wanted->role;
    if (parts & STORE_USER_DISABLED)
        user.is_disabled = wanted->is_disabled;
    if (parts & STORE_USER_SUBJECT) {
        user.oidc_subject = wanted->oidc_subject;
        user.oidc_issuer = wanted->oidc_issuer;
    }
    if (parts & STORE_USER_PASSWORD) {
        user.password_hash = wanted->password_hash;
        user.must_change_password = wanted->must_change_password;
    }
    return user;
}

/* Whoever is somebody at the issuer, and is so no more, may be logged in here by that. */
static bool loses_link(const struct user *before, const struct user *after)
{
    return (before->oidc_subject && g_strcmp0(after->oidc_subject, before->oidc_subject) != 0) ||
           (before->oidc_issuer && g_strcmp0(after->oidc_issuer, before->oidc_issuer) != 0);
}

static bool loses_rights(const struct user *before, const struct user *after)
{
    return before &&
           (after->role < before->role || (after->is_disabled && !before->is_disabled) || loses_link(before, after));
}

static bool put_user(struct store_transaction *transaction, const struct store_user_change *change,
                     const struct user *before, const struct user *user, GError **error)
{
    const void *record = user;
    bool loses_administrator = before && is_administrator(before) && !is_administrator(user);
    return is_free(transaction, user, error) &&
           (!loses_administrator || leaves_administrator(transaction, user->org_id, user->id, error)) &&
           store_insert(transaction, &user_descriptor, &record, 1,
                        change->is_new ? RECORD_CONFLICT_FAIL : RECORD_CONFLICT_REPLACE, NULL, error) &&
           ((!change->ends_sessions && !loses_rights(before, user)) ||
            end_sessions(transaction, user->org_id, user->id, change->spared_session, error)) &&
           audit_user(transaction, change->by, change->action, user->id, before, user, error);
}

bool store_user_change(struct store *store, const struct store_user_change *change, const struct user *wanted,
                       GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, wanted->org_id, error);
    if (!transaction || !store_ensure_org_in(transaction, wanted->org_id, error) ||
        !store_users_lock_in(transaction, wanted->org_id, false, error))
        return false;
    CLEANUP(user)
    struct user *before = change->is_new ? NULL : store_user_get_in(transaction, wanted->org_id, wanted->id, error);
    if (!change->is_new && (!before || !check_expected(change->expected, before, error)))
        return false;
    const struct user user = merge(before, wanted, change->parts);
    if (!put_user(transaction, change, before, &user, error) || !store_commit(g_steal_pointer(&transaction), error))
        return false;
    if (change->after) {
        *change->after = g_new0(struct user, 1);
        record_copy(&user_descriptor, &user, *change->after);
    }
    return true;
}

bool store_user_upgrade_hash(struct store *store, const struct user *user, const char *hash, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, user->org_id, error);
    return transaction &&
           store_run(
               transaction, "UPDATE users SET password_hash = $4 WHERE org_id = $1 AND id = $2 AND password_hash = $3",
               STORE_VALUES(sql_text(user->org_id), sql_text(user->id), sql_text(user->password_hash), sql_text(hash)),
               NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

static bool delete_rows(struct store_transaction *transaction, const char *org_id, const char *user_id, GError **error)
{
    static const char *const statements[] = {
        ("DELETE FROM refresh_tokens WHERE org_id = $1 AND session_id IN "
         "(SELECT id FROM sessions WHERE org_id = $1 AND user_id = $2)"),
        "DELETE FROM sessions WHERE org_id = $1 AND user_id = $2",
        "DELETE FROM users WHERE org_id = $1 AND id = $2",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(statements); i++)
        if (!store_run(transaction, statements[i], STORE_VALUES(sql_text(org_id), sql_text(user_id)), NULL, error))
            return false;
    return true;
}

bool store_user_delete(struct store *store, const struct audit_by *by, const char *user_id,
                       const struct store_user_expectation *expected, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    if (!transaction || !store_users_lock_in(transaction, by->org_id, false, error))
        return false;
    CLEANUP(user) struct user *user = store_user_get_in(transaction, by->org_id, user_id, error);
    return user && check_expected(expected, user, error) &&
           (!is_administrator(user) || leaves_administrator(transaction, by->org_id, user_id, error)) &&
           delete_rows(transaction, by->org_id, user_id, error) &&
           audit_user(transaction, by, "delete", user_id, user, NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}
