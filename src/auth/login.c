/* Logins by password. */
#define LOG_MODULE "auth"
#include "auth/auth_internal.h"

#include <string.h>

#include "base/counter.h"
#include "base/log.h"

/* What a password is held against anew, where it was changed, or hashed anew by a login beside this one, meanwhile. */
enum { VERIFICATIONS_MAX = 3 };

/* Who has the name; nobody is no error. False: the store's own. */
static bool find_user(struct auth *auth, const struct login_request *request, struct attempt *attempt, GError **error)
{
    GError *failure = NULL;
    user_free(attempt->user);
    attempt->user = store_user_find(auth->store, request->username, &failure);
    if (failure && !g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, failure);
        return false;
    }
    g_clear_error(&failure);
    return true;
}

/* ---- passwords ---- */

/* A hash made with older costs is made anew while the password is at hand. Failing that is no reason to refuse. */
static void upgrade_hash(struct auth *auth, const char *account, struct user *user, const char *password)
{
    char hash[crypto_pwhash_STRBYTES];
    if (!password_needs_rehash(auth, user->password_hash) || !password_hash(auth, account, password, hash, NULL))
        return;
    g_autoptr(GError) error = NULL;
    if (!store_user_upgrade_hash(auth->store, user, hash, &error)) {
        log_warning(NULL, "a password's hash keeps its old costs: %s", error->message);
        return;
    }
    g_free(user->password_hash);
    user->password_hash = g_strdup(hash);
}

/* The account that a name is of, by the one digest of both of its spellings ("eve", "default/eve"), whether there is
 * such a user or not: what is counted and waited for by it tells nobody which. g_free. */
static char *account_of(const char *login_name)
{
    g_autofree char *whole = strchr(login_name, '/') ? g_strdup(login_name) : g_strconcat("default/", login_name, NULL);
    return auth_digest(whole);
}

static bool try_password(struct auth *auth, const struct login_request *request, const struct attempt *attempt,
                         struct grant *grant, GError **error)
{
    struct user *user = attempt->user;
    bool can_log_in = user && user->password_hash && !user->is_disabled, is_right = false;
    const char *hash = user ? user->password_hash : NULL;
    if (!password_verify(auth, attempt->account, hash, request->password, &is_right, error))
        return false;
    if (!is_right || !can_log_in) {
        attempt_note_failure(auth, attempt, "login-failed");
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "the username or the password is wrong");
        return false;
    }
    upgrade_hash(auth, attempt->account, user, request->password);
    return session_begin(auth, user, request->client, attempt->origin, false, grant, error);
}

static bool try_passwords(struct auth *auth, const struct login_request *request, struct attempt *attempt,
                          struct grant *grant, GError **error)
{
    GError *failure = NULL;
    bool is_good = try_password(auth, request, attempt, grant, &failure);
    for (int i = 1; i < VERIFICATIONS_MAX && g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT); i++) {
        g_clear_error(&failure);
        is_good = find_user(auth, request, attempt, &failure) && try_password(auth, request, attempt, grant, &failure);
    }
    if (failure)
        g_propagate_error(error, failure);
    return is_good;
}

bool auth_login(struct auth *auth, const struct login_request *request, const struct auth_origin *origin,
                struct grant *grant, struct login_limit *limit, GError **error)
{
    *limit = (struct login_limit){.policy = "address", .quota = auth->settings->http.login_attempts_per_minute};
    struct attempt attempt = {.origin = origin, .org_id = "default", .account = account_of(request->username)};
    GError *failure = NULL;
    bool is_good = find_user(auth, request, &attempt, &failure) && attempt_take(auth, &attempt, limit, &failure);
    if (is_good) {
        is_good = try_passwords(auth, request, &attempt, grant, &failure);
        attempt_end(auth, &attempt, is_good || !g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION),
                    failure);
    }
    bool is_wrong = g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    if (is_wrong && !limit->limit.is_allowed) { /* what who is a stranger here would have been told */
        g_clear_error(&failure);
        attempt_refuse(auth, limit, &failure);
    }
    if (failure)
        g_propagate_error(error, failure);
    attempt_clear(&attempt);
    return is_good;
}

/* ---- one's own password ---- */

static bool set_password(struct auth *auth, const struct login *login, const char *password, const struct audit_by *by,
                         GError **error)
{
    char hash[crypto_pwhash_STRBYTES];
    if (!password_hash(auth, login->user->id, password, hash, error))
        return false;
    struct user changed = *login->user; /* borrows everything */
    changed.password_hash = hash;
    changed.must_change_password = false;
    const struct store_user_change change = {.by = by,
                                             .action = "set-password",
                                             .parts = STORE_USER_PASSWORD,
                                             .ends_sessions = true,
                                             .spared_session = login->session_id};
    return store_user_change(auth->store, &change, &changed, error);
}

/* Guessing here is held to the same limit as at the door. */
static bool check_current(struct auth *auth, const struct user *user, const char *password, GError **error)
{
    struct vedette_limit limit = vedette_limiter_take(auth->familiar, user->id, 1);
    bool is_right = false;
    if (!limit.is_allowed) {
        counter_add(&auth->health->logins_limited, 1);
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                            "too many wrong passwords: try again in a minute");
        return false;
    }
    if (!password_verify(auth, user->id, user->password_hash, password, &is_right, error))
        return false;
    if (is_right) {
        vedette_limiter_give_back(auth->familiar, user->id, 1);
        return true;
    }
    counter_add(&auth->health->logins_failed, 1);
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                        "current_password: the current password is wrong");
    return false;
}

static bool may_change_password(struct auth *auth, const struct user *user, const struct password_request *request,
                                GError **error)
{
    if (!user->password_hash) {
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "this login has no password");
        return false;
    }
    return check_current(auth, user, request->current_password, error);
}

void auth_password_check(const struct auth *auth, const struct login *login, const struct password_request *request,
                         struct record_errors *errors)
{
    password_check(auth, login->user->username, request->new_password, "new_password", errors);
    if (strcmp(request->current_password, request->new_password) == 0)
        record_errors_add(errors, "new_password", "is the old one");
}

bool auth_change_password(struct auth *auth, const struct login *login, const struct password_request *request,
                          const struct audit_by *by, GError **error)
{
    if (!login->session_id) {
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "this login has no password");
        return false;
    }
    struct record_errors errors;
    record_errors_init(&errors);
    auth_password_check(auth, login, request, &errors);
    if (!auth_refuse_invalid(&errors, error))
        return false;
    GError *failure = NULL;
    struct user *user = store_user_get(auth->store, login->user->org_id, login->user->id, &failure);
    if (!user)
        return auth_fail(failure, error);
    bool is_good =
        may_change_password(auth, user, request, error) && set_password(auth, login, request->new_password, by, error);
    user_free(user);
    return is_good;
}
