/* What bounds logins, by password or by the issuer: an attempt takes from the limits first, and gives back where it was
 * right. */
#define LOG_MODULE "auth"
#include "auth/auth_internal.h"

#include <string.h>

#include "base/counter.h"
#include "base/log.h"

enum { RETRY_SECONDS = 1 };

int login_limit_retry_seconds(const struct login_limit *limit)
{
    int64_t seconds = (limit->limit.retry_after_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
    return (int)MAX(seconds, RETRY_SECONDS);
}

void attempt_clear(struct attempt *attempt)
{
    user_free(attempt->user);
    g_free(attempt->account);
    g_free(attempt->familiar);
    g_free(attempt->right);
}

/* Who logged in before with this browser or, where it is known who asks, from this address. What cannot be found out
 * counts as no. */
static char *find_familiar(struct auth *auth, struct attempt *attempt)
{
    const struct user *user = attempt->user;
    const struct auth_origin *origin = attempt->origin;
    g_autofree char *device = NULL, *device_user = session_device_user(auth, origin->device_token, &device);
    bool may_be_anyone = !attempt->account;
    attempt->is_of_device = device && (may_be_anyone || (user && g_strcmp0(device_user, user->id) == 0));
    if (attempt->is_of_device)
        return g_strconcat("device ", device, NULL);
    bool is_familiar = false;
    if (user)
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

/* The cheapest first: an address that is refused costs no account anything. Who is familiar by address is
 * asked what a stranger is asked: else the answer to a wrong login would tell all there whose name is that of a user.
 */
static void choose_limits(struct auth *auth, struct attempt *attempt)
{
    int64_t rate = auth->settings->http.login_attempts_per_minute;
    if (attempt->is_of_device) {
        add_ask(attempt, auth->familiar, attempt->familiar, "familiar", rate);
        return;
    }
    add_ask(attempt, auth->per_address, attempt->address, "address", rate);
    if (attempt->account)
        add_ask(attempt, auth->per_account, attempt->account, "account", rate * AUTH_ACCOUNT_ADDRESSES);
    add_ask(attempt, auth->of_everyone, "", "everyone", AUTH_SETTINGS(auth)->logins_per_minute);
}

bool attempt_refuse(struct auth *auth, const struct login_limit *limit, GError **error)
{
    counter_add(&auth->health->logins_limited, 1);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "too many logins: try again in %d s",
                login_limit_retry_seconds(limit));
    return false;
}

/* Right logins cost hashes and sessions, too. Who does not know the password cannot use them up: a wrong one gives
 * back what it took. */
static bool take_right(struct auth *auth, struct attempt *attempt, struct login_limit *limit, GError **error)
{
    if (!attempt->account || !attempt->user)
        return true;
    const struct vedette_limit taken = vedette_limiter_take(auth->right, attempt->user->id, 1);
    if (taken.is_allowed) {
        attempt->right = g_strdup(attempt->user->id);
        return true;
    }
    *limit = (struct login_limit){taken, "account", AUTH_SETTINGS(auth)->logins_per_minute};
    return attempt_refuse(auth, limit, error);
}

static void give_back(struct auth *auth, const struct attempt *attempt)
{
    for (int i = 0; attempt->is_taken && i < attempt->ask_count; i++)
        vedette_limiter_give_back(attempt->asks[i].limiter, attempt->asks[i].key, attempt->asks[i].cost);
    if (attempt->is_own_taken)
        vedette_limiter_give_back(auth->familiar, attempt->familiar, 1);
}

/* Where strangers are refused, who is familiar by address is let in by a limit of their own; what they are told is
 * told as to those. */
static bool take_own(struct auth *auth, struct attempt *attempt)
{
    if (!attempt->familiar || attempt->is_of_device)
        return false;
    attempt->is_own_taken = vedette_limiter_take(auth->familiar, attempt->familiar, 1).is_allowed;
    return attempt->is_own_taken;
}

bool attempt_take(struct auth *auth, struct attempt *attempt, struct login_limit *limit, GError **error)
{
    network_group_address(attempt->origin->address, attempt->address);
    attempt->familiar = find_familiar(auth, attempt);
    choose_limits(auth, attempt);
    int which = vedette_limiter_take_all(attempt->asks, attempt->ask_count, &limit->limit);
    limit->policy = attempt->policies[which];
    limit->quota = attempt->quotas[which];
    attempt->is_taken = limit->limit.is_allowed;
    if (!attempt->is_taken && !take_own(auth, attempt))
        return attempt_refuse(auth, limit, error);
    if (take_right(auth, attempt, limit, error))
        return true;
    give_back(auth, attempt);
    return false;
}

/* g_free. */
static char *beginner_of(struct auth *auth, const struct auth_origin *origin)
{
    char group[NETWORK_GROUP_BYTES];
    g_autofree char *device = NULL, *user = session_device_user(auth, origin->device_token, &device);
    network_group_address(origin->address, group);
    return user ? g_strconcat("device ", device, NULL) : g_strdup(group);
}

bool attempt_begin(struct auth *auth, const struct auth_origin *origin, struct login_limit *limit, GError **error)
{
    g_autofree char *key = beginner_of(auth, origin);
    limit->policy = "address";
    limit->quota = auth->settings->http.login_attempts_per_minute;
    limit->limit = vedette_limiter_take(auth->begun, key, 1);
    return limit->limit.is_allowed || attempt_refuse(auth, limit, error);
}

void attempt_give_back_beginning(struct auth *auth, const struct auth_origin *origin)
{
    g_autofree char *key = beginner_of(auth, origin);
    vedette_limiter_give_back(auth->begun, key, 1);
}

/* Right ones are not what the limits of wrong ones are there for, and neither are those for which we had no time. */
void attempt_end(struct auth *auth, const struct attempt *attempt, bool is_free, const GError *failure)
{
    bool is_busy = g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_FULL) ||
                   g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_BUSY);
    if (is_busy)
        counter_add(&auth->health->logins_limited, 1);
    if (is_free || is_busy)
        give_back(auth, attempt);
    if (attempt->right && failure)
        vedette_limiter_give_back(auth->right, attempt->right, 1);
}

void attempt_note_failure(struct auth *auth, const struct attempt *attempt, const char *action)
{
    const struct user *user = attempt->user;
    const char *address = attempt->origin->address;
    const struct audit_by by = {user ? user->org_id : attempt->org_id, user ? user->id : "unknown",
                                user ? user->username : NULL, address, NULL};
    counter_add(&auth->health->logins_failed, 1);
    auth_note(auth, &by, AUDIT_LOGIN, user ? user->id : NULL, action);
    g_autoptr(GError) error = NULL;
    int64_t since_ms = clock_wall_ms(auth->clock) - LOGIN_LIMIT_SECONDS * INT64_C(1000);
    if (!attempt->familiar &&
        !store_login_failure_add(auth->store, attempt->account, attempt->address, since_ms, &error))
        log_warning(NULL, "a wrong login is not remembered over a restart: %s", error->message);
}
