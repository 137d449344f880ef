/* Store: how people and programs are known: sessions with the refresh tokens that came of them, API keys, the keys that
 * sign access tokens, and wrong logins for as long as limits count them. Secrets are stored as digests, but for what
 * must be used to sign (facts/login.h). Every change of users and keys adds its entry to the audit in the same
 * transaction. Any thread.
 */
#pragma once

#include "facts/login.h"
#include "store/store.h"

/* ---- users ---- */

/* All of an org, by name: a new GPtrArray of struct user *. */
GPtrArray *store_users_list(struct store *store, const char *org_id, GError **error);
/* NULL with VEDETTE_ERROR_NOT_FOUND when nobody of the org is that at this issuer. */
struct user *store_user_find_subject(struct store *store, const char *org_id, const char *issuer, const char *subject,
                                     GError **error);
/* What of a user a change is about. The rest stays as it is in the store by then, whatever the caller read before: a
 * password takes its time to be hashed, and a user may be disabled meanwhile. */
enum store_user_part {
    STORE_USER_ROLE = 1 << 0,
    STORE_USER_DISABLED = 1 << 1,
    STORE_USER_SUBJECT = 1 << 2, /* oidc_subject and oidc_issuer */
    STORE_USER_RIGHTS = STORE_USER_ROLE | STORE_USER_DISABLED | STORE_USER_SUBJECT,
    STORE_USER_PASSWORD = 1 << 3, /* password_hash and must_change_password */
};
/* Whether the user, as the transaction finds them, is what a caller means to change. */
struct store_user_expectation {
    bool (*is_met)(void *data, const struct user *user);
    void *data;
};
struct store_user_change {
    const struct audit_by *by;                     /* its org is the user's */
    const struct store_user_expectation *expected; /* NULL: whatever is there */
    const char *action;                            /* "create", "update", "set-password" */
    bool is_new;                                   /* all of it is new then */
    unsigned parts;                                /* enum store_user_part bits */
    bool ends_sessions;                            /* as when the password is another's now; who loses rights, or who
                                                      they are at the issuer, by the change loses them in any case */
    const char *spared_session;                    /* of those; NULL: none */
    struct user **after;                           /* receives what the user is then (user_free); NULL: not asked for */
};
/* False with VEDETTE_ERROR_CONFLICT: the name or subject is another's, nobody would be left who may change users, or
 * the user is another than expected. */
bool store_user_change(struct store *store, const struct store_user_change *change, const struct user *user,
                       GError **error);
/* Another hash of the same password, unless there is another password by then. Not audited: nothing changes. */
bool store_user_upgrade_hash(struct store *store, const struct user *user, const char *hash, GError **error);
/* With all logins. The same conflicts; `expected` NULL: whatever is there. */
bool store_user_delete(struct store *store, const struct audit_by *by, const char *user_id,
                       const struct store_user_expectation *expected, GError **error);

/* ---- sessions ---- */

/* A new session, with its first refresh token (NULL: none). Of a user's of its kind the oldest beyond `most` go, first
 * those that ended; and of everyone's what is over. False with VEDETTE_ERROR_CONFLICT: its user is gone, or another
 * than expected, in the transaction that would begin it; changes of the org's users wait for that one. */
bool store_session_add(struct store *store, const struct session *session, const char *refresh_sha256, int most,
                       const struct store_user_expectation *expected, GError **error);
/* Also one that ended or is over. NULL with VEDETTE_ERROR_NOT_FOUND. */
struct session *store_session_find(struct store *store, const char *org_id, const char *id, GError **error);
void session_free(struct session *session);
/* Those that stand, newest first; `user_id` NULL: everyone's. A new GPtrArray of struct session *. */
GPtrArray *store_sessions_list(struct store *store, const char *org_id, const char *user_id, GError **error);
/* Whose sessions may be ended. */
struct store_session_reach {
    const char *user_id; /* this user's alone; NULL: anyone's */
    enum role highest;   /* of anyone's: no user's who is above it by then */
};
/* VEDETTE_ERROR_NOT_FOUND: within reach there is none that stands; VEDETTE_ERROR_PERMISSION: its user is above. */
bool store_session_end(struct store *store, const struct audit_by *by, const char *id,
                       const struct store_session_reach *reach, const char *action, GError **error);
/* Whether a session that is still kept was begun by this user from this address. */
bool store_session_is_familiar(struct store *store, const char *org_id, const char *user_id, const char *address,
                               bool *is_familiar, GError **error);

/* Of a session's used tokens so many are known at most, and none for longer than they may be used again: the rest are
 * told by their mark (is_of_family). */
enum { STORE_USED_TOKENS_MOST = 32 };
enum refresh_outcome {
    REFRESH_UNKNOWN = 1, /* no such token, or its session is over */
    REFRESH_GOOD,
    REFRESH_REUSED, /* someone has a copy: the session is ended */
};
struct store_refresh {
    const char *org_id, *sha256;
    int64_t leeway_ms;      /* a used token may be used again for so long, while its successor was not */
    const char *session_id; /* that the token names; NULL: none */
    /* The digest of the successor, made of the session's secret. Runs inside the transaction, as the next. g_free. */
    char *(*make_successor)(void *data, const struct session *session);
    /* Whether a token that is not known (any more) was made for the session. */
    bool (*is_of_family)(void *data, const struct session *session);
    void *data;
    const char *address; /* for the audit */
};
/* *session receives the session of a token that is known (session_free). False when the store failed. */
bool store_refresh_use(struct store *store, const struct store_refresh *refresh, enum refresh_outcome *outcome,
                       struct session **session, GError **error);

/* ---- API keys ---- */

/* False with VEDETTE_ERROR_FULL when the org has `most` that stand. */
bool store_api_key_add(struct store *store, const struct audit_by *by, const struct api_key *key, int most,
                       GError **error);
struct api_key *store_api_key_find(struct store *store, const char *org_id, const char *id, GError **error);
void api_key_free(struct api_key *key);
/* Those that stand, newest first: a new GPtrArray of struct api_key *. */
GPtrArray *store_api_keys_list(struct store *store, const char *org_id, GError **error);
/* VEDETTE_ERROR_PERMISSION: its role is above `highest`. */
bool store_api_key_end(struct store *store, const struct audit_by *by, const char *id, enum role highest,
                       GError **error);
bool store_api_key_note_use(struct store *store, const char *org_id, const char *id, GError **error);

/* ---- keys that sign ---- */

/* Newest first: a new GPtrArray of struct signing_key *. */
GPtrArray *store_signing_keys_list(struct store *store, GError **error);
/* The new key signs from now on, those before retire at `retires_ms`; what retired goes. */
bool store_signing_key_add(struct store *store, const struct signing_key *key, int64_t retires_ms, GError **error);

/* ---- wrong logins ---- */

/* What is older than `since_ms` goes. `account_sha256` NULL: nobody was named. */
bool store_login_failure_add(struct store *store, const char *account_sha256, const char *address, int64_t since_ms,
                             GError **error);
/* A new GPtrArray of struct login_failure *. */
GPtrArray *store_login_failures_list(struct store *store, int64_t since_ms, GError **error);
