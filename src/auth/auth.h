/* Auth: who asks. Users with passwords (argon2id, libsodium) or from an OpenID Connect issuer; access tokens that are
 * signed (jwt.h) and still only good while their session stands in the store; refresh tokens in families that end when
 * one is used twice; API keys. docs/security.md tells it for those who run a server.
 *
 *   login by password ─┐                         ┌─ access token: who, which session; minutes
 *   login by issuer ───┴─► session in the store ─┴─ refresh token: opaque, new each time, of browsers
 *   API key ───────────────────────────────────────► as it is
 *
 * Nothing here knows HTTP. Any thread; a call that hashes a password takes its time.
 */
#pragma once

#include <glib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "facts/audit.h"
#include "facts/health.h"
#include "facts/login.h"
#include "facts/settings.h"
#include "store/store.h"
#include "vedette/limiter.h"

struct auth;

/* `settings` and the others outlive it. Asks the store nothing. */
struct auth *auth_make(const struct settings *settings, struct store *store, struct server_health *health,
                       struct clock *clock, GError **error);
/* What it needs of the store before anyone can log in: keys that sign, and the first administrator, who is made when
 * there is no user: with the password of settings->admin_password, or a generated one, which *generated_password
 * (g_free) receives, to be printed once and changed at the first login. False: not all is there; called again it goes
 * on, and does nothing twice. One thread at a time. */
bool auth_prepare(struct auth *auth, char **generated_password, GError **error);
/* Both. */
struct auth *auth_new(const struct settings *settings, struct store *store, struct server_health *health,
                      struct clock *clock, char **generated_password, GError **error);
void auth_free(struct auth *auth);
CLEANUP_DEFINE(auth, auth_free)

/* ---- who it is ---- */

/* A login that stands. */
struct login {
    struct user *user;   /* as stored now, but without its password, which only who logged in by it must change; of an
                            API key one made up: its id, name and role */
    char *session_id;    /* NULL: by API key */
    struct api_key *key; /* NULL: by session */
    char *csrf_token;    /* of a browser's session; NULL */
    int64_t expires_ms;  /* of the session or key; 0: never */
};
void login_copy(const struct login *from, struct login *to);
/* Wipes what is secret of it. */
void login_clear(struct login *login);

/* What "Authorization: Bearer" or the cookie holds: an access token or an API key. False: VEDETTE_ERROR_PERMISSION (it
 * is not right, or over, or its session or user no longer stands), or the store's own error. */
bool auth_check_token(struct auth *auth, const char *token, struct login *login, GError **error);
/* The same of one that was checked a moment ago, without the store: false says nothing. */
bool auth_recall_token(struct auth *auth, const char *token, struct login *login);
/* Looks again at a login known already, as of a socket that stays open, and brings its user up to date. False as above.
 * Its access token may be over by then; it is the session or key that counts. */
bool auth_recheck_login(struct auth *auth, struct login *login, GError **error);
/* Whether it may call this route ("GET /api/v1/events", as the route list says). */
bool login_may_call(const struct login *login, const char *method, const char *path);
/* Whether it is bound to cameras at all, and whether it may have to do with this one. */
bool login_is_camera_bound(const struct login *login);
bool login_may_see_camera(const struct login *login, const char *camera_id);
/* The token that a browser sends back to show that its own page asks. Compared in constant time. */
bool login_csrf_is_right(const struct login *login, const char *token);
/* The scrape token of the settings. */
bool auth_is_scraper(const struct auth *auth, const char *token);

/* ---- logging in and out ---- */

/* Where a login comes from. Borrowed; all may be NULL but the address. */
struct auth_origin {
    const char *address, *user_agent;
    const char *device_token; /* from an earlier grant to this browser */
};

/* What a login gives. */
struct grant {
    char *access_token;
    char *refresh_token; /* of browsers; NULL */
    char *csrf_token;    /* of browsers; NULL */
    char *device_token;  /* of browsers that have none of this user's; NULL */
    int32_t expires_in_seconds, session_seconds;
    enum role role;
    bool must_change_password;
};
void grant_clear(struct grant *grant);

/* Which limit a login is nearest to, and how near. */
struct login_limit {
    struct vedette_limit limit;
    const char *policy; /* "address", "account", "everyone", or "familiar" of a browser that is known */
    int64_t quota;      /* a minute */
};
/* For Retry-After: 1 or more. */
int login_limit_retry_seconds(const struct login_limit *limit);

/* False: VEDETTE_ERROR_PERMISSION (wrong), VEDETTE_ERROR_FULL (too many), VEDETTE_ERROR_BUSY (at once), or the store's
 * own error. A name that does not exist costs as much time as a wrong password, and reads the same. Who logged in
 * before with this browser or from this address has a limit of their own, so that nobody can lock them out; known by
 * their address alone, they are told of a wrong login what a stranger is. *limit is filled in any case. */
bool auth_login(struct auth *auth, const struct login_request *request, const struct auth_origin *origin,
                struct grant *grant, struct login_limit *limit, GError **error);
/* The next tokens of a session. False: VEDETTE_ERROR_PERMISSION; one that was used before ends its whole family. */
bool auth_refresh(struct auth *auth, const char *refresh_token, const struct auth_origin *origin, struct grant *grant,
                  GError **error);
bool auth_logout(struct auth *auth, const struct login *login, const struct audit_by *by, GError **error);
/* What is wrong with the new one, as auth_change_password finds it. */
void auth_password_check(const struct auth *auth, const struct login *login, const struct password_request *request,
                         struct record_errors *errors);
/* Sets the user's own password and ends all other sessions. False: VEDETTE_ERROR_PERMISSION (the current one is
 * wrong), VEDETTE_ERROR_FULL, VEDETTE_ERROR_BUSY, VEDETTE_ERROR_INVALID (the new one is not good enough), or the
 * store's own. */
bool auth_change_password(struct auth *auth, const struct login *login, const struct password_request *request,
                          const struct audit_by *by, GError **error);

/* Those that stand, of one user (NULL: of the org): a new GPtrArray of struct session *. */
GPtrArray *auth_sessions_list(struct auth *auth, const char *org_id, const char *user_id, GError **error);
/* `user_id` NULL: anyone's of the org. False: VEDETTE_ERROR_PERMISSION (its user is more than `actor` is),
 * VEDETTE_ERROR_NOT_FOUND, or the store's own. */
bool auth_session_end(struct auth *auth, const struct user *actor, const struct audit_by *by, const char *id,
                      const char *user_id, GError **error);

/* ---- users ---- */

/* Each thing that is wrong with a request, whoever asks, as auth_user_create (`present` NULL) and auth_user_change find
 * it. */
void auth_user_check(const struct auth *auth, const struct user *present, const struct user_request *request,
                     struct record_errors *errors);
/* False: VEDETTE_ERROR_INVALID, VEDETTE_ERROR_PERMISSION (more than `actor` is, or an administrator, where `actor` is a
 * key; as below), VEDETTE_ERROR_CONFLICT, or the
 * store's own. Without a password one is made up, which *answer tells; it must be changed in any case. */
bool auth_user_create(struct auth *auth, const struct login *actor, const struct audit_by *by,
                      const struct user_request *request, struct user_answer *answer, GError **error);
struct store_user_expectation; /* store/logins.h */
/* Who shall change, and what they must be for that (NULL: whatever they are). */
struct auth_target {
    const char *user_id;
    const struct store_user_expectation *expected;
    unsigned parts; /* enum store_user_part bits: what of the rights is to change, the rest staying as it is by then; 0:
                       all */
};
/* All but the name, to what the request says; *answer is what the user is then. A password, the loss of rights, or of
 * who the user was at the issuer ends the user's sessions. */
bool auth_user_change(struct auth *auth, const struct login *actor, const struct audit_by *by,
                      const struct auth_target *target, const struct user_request *request, struct user_answer *answer,
                      GError **error);
bool auth_user_delete(struct auth *auth, const struct login *actor, const struct audit_by *by,
                      const struct auth_target *target, GError **error);

/* ---- API keys ---- */

/* Each thing that is wrong with a request, whoever asks, as auth_key_create finds it. */
void auth_key_check(const struct auth *auth, const struct api_key_request *request, struct record_errors *errors);
/* False: VEDETTE_ERROR_INVALID, VEDETTE_ERROR_PERMISSION, VEDETTE_ERROR_FULL or the store's own. The routes were
 * checked by the caller, which knows them. */
bool auth_key_create(struct auth *auth, const struct login *actor, const struct audit_by *by,
                     const struct api_key_request *request, struct api_key_answer *answer, GError **error);
GPtrArray *auth_keys_list(struct auth *auth, const char *org_id, GError **error);
/* False: VEDETTE_ERROR_PERMISSION (it may more than `actor`), VEDETTE_ERROR_NOT_FOUND, or the store's own. */
bool auth_key_revoke(struct auth *auth, const struct user *actor, const struct audit_by *by, const char *id,
                     GError **error);

/* Keys (addresses, accounts) that the limits of logins forgot too early, to make room for others. Any thread. */
int64_t auth_count_forgotten(const struct auth *auth);

/* ---- an issuer elsewhere (oidc.c) ---- */

bool auth_has_issuer(const struct auth *auth);
/* How long a browser may be away at the issuer; what it keeps meanwhile is no good afterwards. */
enum { AUTH_OIDC_SECONDS = 600 };
/* The way there: *address is where the browser goes, *state_token what it keeps until it is back. Both g_free. Asks the
 * issuer when it is not known yet, and so may take oidc.timeout_ms; so does the way back. False: VEDETTE_ERROR_FULL
 * (too many of its browser or address that did not come back logged in), or as the way back. *limit is filled in any
 * case. */
bool auth_oidc_begin(struct auth *auth, const struct auth_origin *origin, char **address, char **state_token,
                     struct login_limit *limit, GError **error);
/* The way back, which is held to the limits of logins by address and of everyone, or to that of the browser where it is
 * known. False: a refusal (auth_oidc_is_refusal), which is counted and audited, VEDETTE_ERROR_UNAVAILABLE (the issuer
 * is away), VEDETTE_ERROR_FULL (too many, or too many at once), or the store's own. *limit is filled in any case; its
 * policy is NULL where none was asked. */
bool auth_oidc_finish(struct auth *auth, const char *state_token, const char *state, const char *code,
                      const struct auth_origin *origin, struct grant *grant, struct login_limit *limit, GError **error);
/* Whether who came back was judged, and not let in. */
bool auth_oidc_is_refusal(const GError *error);
