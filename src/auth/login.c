/* Logins by password, and what bounds them. */
#define LOG_MODULE "auth"
#include "auth/auth_internal.h"

#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/networks.h"

enum { PASSWORD_RETRY_SECONDS = 1 };

int login_limit_retry_seconds(const struct login_limit *limit)
{
    int64_t seconds = (limit->limit.retry_after_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
    return (int)MAX(seconds, PASSWORD_RETRY_SECONDS);
}

/* `user` NULL: nobody has the name. */
static void note_login(struct auth *auth, const struct user *user, const char *address, const char *action)
{
    const struct audit_by by = {user ? user->org_id : "default", user ? user->id : "unknown",
                                user ? user->username : NULL, address, NULL};
    auth_note(auth, &by, AUDIT_LOGIN, user ? user->id : NULL, action);
}

/* ---- limits ---- */

/* One attempt, and the limits it is held to. */
struct attempt {
    const struct login_request *request;
    const struct auth_origin *origin;
    struct user *user; /* NULL: nobody has the name */
    char *account;     /* digest of the name */
    char address[NETWORK_GROUP_BYTES];
    char *familiar; /* whose browser or address this is; NULL: nobody's */
    struct vedette_limiter_ask asks[3];
    const char *policies[3];
    int64_t quotas[3];
    int ask_count;
};

static void attempt_clear(struct attempt *attempt)
{
    user_free(attempt->user);
    g_free(attempt->account);
    g_free(attempt->familiar);
}

/* Who logged in before with this browser or from this address. What cannot be found out counts as no. */
static char *find_familiar(struct auth *auth, const struct user *user, const struct auth_origin *origin)
{
    g_autofree char *device = NULL, *device_user = session_device_user(auth, origin->device_token, &device);
    if (device && g_strcmp0(device_user, user->id) == 0)
        return g_strconcat("device ", device, NULL);
    bool is_familiar = false;
    store_session_is_familiar(auth->store, user->org_id, user->id, origin->address, &is_familiar, NULL);
    return is_familiar ? g_strconcat(user->id, " ", origin->address, NULL) : NULL;
}

static void add_ask(struct attempt *attempt, struct vedette_limiter *limiter, const char *key, const char *policy,
                    int64_t quota)
{
    attempt->asks[attempt->ask_count] = (struct vedette_limiter_ask){limiter, key, 1};
    attempt->policies[attempt->ask_count] = policy;
    attempt->quotas[attempt->ask_count++] = quota;
}

/* The cheapest first: an address that is refused costs no account anything. */
static void choose_limits(struct auth *auth, struct attempt *attempt)
{
    int64_t rate = auth->settings->http.login_attempts_per_minute;
    if (attempt->familiar) {
        add_ask(attempt, auth->familiar, attempt->familiar, "familiar", rate);
        return;
    }
    add_ask(attempt, auth->per_address, attempt->address, "address", rate);
    add_ask(attempt, auth->per_account, attempt->account, "account", rate * AUTH_ACCOUNT_ADDRESSES);
    add_ask(attempt, auth->of_everyone, "", "everyone", AUTH_SETTINGS(auth)->logins_per_minute);
}

static bool begin_attempt(struct auth *auth, struct attempt *attempt, GError **error)
{
    GError *failure = NULL;
    attempt->account = auth_digest(attempt->request->username);
    network_group_address(attempt->origin->address, attempt->address);
    attempt->user = store_user_find(auth->store, attempt->request->username, &failure);
    if (failure && !g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, failure);
        return false;
    }
    g_clear_error(&failure);
    attempt->familiar = attempt->user ? find_familiar(auth, attempt->user, attempt->origin) : NULL;
    choose_limits(auth, attempt);
    return true;
}

static bool take(struct auth *auth, const struct attempt *attempt, struct login_limit *limit, GError **error)
{
    int which = vedette_limiter_take_all(attempt->asks, attempt->ask_count, &limit->limit);
    limit->policy = attempt->policies[which];
    limit->quota = attempt->quotas[which];
    if (limit->limit.is_allowed)
        return true;
    counter_add(&auth->health->logins_limited, 1);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "too many logins: try again in %d s",
                login_limit_retry_seconds(limit));
    return false;
}

/* Right ones are not what the limits are there for. */
static void give_back(const struct attempt *attempt)
{
    for (int i = 0; i < attempt->ask_count; i++)
        vedette_limiter_give_back(attempt->asks[i].limiter, attempt->asks[i].key, attempt->asks[i].cost);
}

/* ---- passwords ---- */

/* A hash made with older costs is made anew while the password is at hand. Failing that is no reason to refuse. */
static void upgrade_hash(struct auth *auth, const struct user *user, const char *password)
{
    char hash[crypto_pwhash_STRBYTES];
    if (!password_needs_rehash(auth, user->password_hash) || !password_hash(auth, password, hash, NULL))
        return;
    g_autoptr(GError) error = NULL;
    if (!store_user_upgrade_hash(auth->store, user, hash, &error))
        log_warning(NULL, "a password's hash keeps its old costs: %s", error->message);
}

static void remember_failure(struct auth *auth, const struct attempt *attempt)
{
    counter_add(&auth->health->logins_failed, 1);
    note_login(auth, attempt->user, attempt->origin->address, "login-failed");
    g_autoptr(GError) error = NULL;
    int64_t since_ms = clock_wall_ms(auth->clock) - LOGIN_LIMIT_SECONDS * INT64_C(1000);
    if (!attempt->familiar &&
        !store_login_failure_add(auth->store, attempt->account, attempt->address, since_ms, &error))
        log_warning(NULL, "a wrong login is not remembered over a restart: %s", error->message);
}

static bool try_password(struct auth *auth, const struct attempt *attempt, struct grant *grant, GError **error)
{
    struct user *user = attempt->user;
    bool can_log_in = user && user->password_hash && !user->is_disabled, is_right = false;
    if (!password_verify(auth, user ? user->password_hash : NULL, attempt->request->password, &is_right, error))
        return false;
    if (!is_right || !can_log_in) {
        remember_failure(auth, attempt);
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "the username or the password is wrong");
        return false;
    }
    upgrade_hash(auth, user, attempt->request->password);
    const struct auth_origin *origin = attempt->origin;
    bool is_known_device = attempt->familiar && g_str_has_prefix(attempt->familiar, "device ");
    const struct auth_origin seen = {origin->address, origin->user_agent,
                                     is_known_device ? origin->device_token : NULL};
    return session_begin(auth, user, attempt->request->client, &seen, "login", grant, error);
}

bool auth_login(struct auth *auth, const struct login_request *request, const struct auth_origin *origin,
                struct grant *grant, struct login_limit *limit, GError **error)
{
    *limit = (struct login_limit){.policy = "address", .quota = auth->settings->http.login_attempts_per_minute};
    struct attempt attempt = {.request = request, .origin = origin};
    GError *failure = NULL;
    bool is_good = begin_attempt(auth, &attempt, &failure) && take(auth, &attempt, limit, &failure);
    if (is_good) {
        is_good = try_password(auth, &attempt, grant, &failure);
        bool is_busy = !is_good && g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
        if (is_busy)
            counter_add(&auth->health->logins_limited, 1);
        if (is_good || is_busy)
            give_back(&attempt);
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
    if (!password_hash(auth, password, hash, error))
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
    if (!password_verify(auth, user->password_hash, password, &is_right, error))
        return false;
    if (is_right) {
        vedette_limiter_give_back(auth->familiar, user->id, 1);
        return true;
    }
    counter_add(&auth->health->logins_failed, 1);
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "the current password is wrong");
    return false;
}

static bool may_change_password(struct auth *auth, const struct user *user, const struct password_request *request,
                                GError **error)
{
    if (!user->password_hash) {
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "this login has no password");
        return false;
    }
    if (!check_current(auth, user, request->current_password, error) ||
        !password_is_good(auth, user, request->new_password, error))
        return false;
    if (strcmp(request->current_password, request->new_password) == 0) {
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "the new password is the old one");
        return false;
    }
    return true;
}

bool auth_change_password(struct auth *auth, const struct login *login, const struct password_request *request,
                          const struct audit_by *by, GError **error)
{
    if (!login->session_id) {
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "this login has no password");
        return false;
    }
    GError *failure = NULL;
    struct user *user = store_user_get(auth->store, login->user->org_id, login->user->id, &failure);
    if (!user)
        return auth_fail(failure, error);
    bool is_good =
        may_change_password(auth, user, request, error) && set_password(auth, login, request->new_password, by, error);
    user_free(user);
    return is_good;
}
