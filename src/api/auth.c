#define LOG_MODULE "api"
#include "api/auth.h"

#include <sodium.h>
#include <string.h>

#include "base/counter.h"
#include "base/id.h"
#include "base/log.h"
#include "store/audit.h"

enum {
    /* OWASP's argon2id advice is at least 19 MiB and 2 passes; two at once stay small beside the video. */
    PASSWORD_MEMORY_BYTES = 32 << 20,
    PASSWORD_PASSES = 3,
    PASSWORDS_AT_ONCE = 2,
    PASSWORD_RETRY_SECONDS = 1,
    TOKEN_BYTES = 32,
    SECRET_TEXT_BYTES = 64, /* base64url of 32 bytes is 43 characters */
    TOKEN_TEXT_BYTES = 128, /* org, dot, secret; ids have at most 64 characters */
    GENERATED_PASSWORD_BYTES = 15,
    LIMITER_CAPACITY = 8192,
    /* One address cannot empty an account's bucket, and so cannot lock its owner out. */
    ACCOUNT_BUCKET_ADDRESSES = 10,
};

struct auth {
    const struct settings *settings;
    struct store *store;
    struct server_health *health;
    struct clock *clock;
    struct vedette_limiter *per_address, *per_account;
    int passwords_running; /* atomic */
    char dummy_hash[crypto_pwhash_STRBYTES];
};

void login_clear(struct login *login)
{
    user_free(login->user);
    g_free(login->token_sha256);
    *login = (struct login){.user = NULL};
}

static bool hash_password(const char *password, char hash[crypto_pwhash_STRBYTES], GError **error)
{
    if (crypto_pwhash_str_alg(hash, password, strlen(password), PASSWORD_PASSES, PASSWORD_MEMORY_BYTES,
                              crypto_pwhash_ALG_ARGON2ID13) == 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "hash a password: %d MB of memory are needed",
                PASSWORD_MEMORY_BYTES >> 20);
    return false;
}

/* Random bytes as base64url. */
static void make_secret(size_t length, char text[SECRET_TEXT_BYTES])
{
    unsigned char bytes[TOKEN_BYTES];
    randombytes_buf(bytes, length);
    sodium_bin2base64(text, SECRET_TEXT_BYTES, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* ---- the first administrator ---- */

/* What cannot be written into the audit is told in the log; a login does not fail for it, since it could not have been
 * written down either. */
static void note(struct auth *auth, const struct audit_by *by, const struct audit_change *change)
{
    g_autoptr(GError) error = NULL;
    if (!store_audit_add(auth->store, by, change, &error))
        log_error(NULL, "'%s' is not in the audit: %s", change->action, error->message);
}

/* `user` NULL: nobody has the name. */
static void note_login(struct auth *auth, const struct user *user, const char *address, const char *action)
{
    const struct audit_by by = {user ? user->org_id : "default", user ? user->id : "unknown",
                                user ? user->username : NULL, address, NULL};
    const struct audit_change change = {AUDIT_LOGIN, user ? user->id : NULL, action, NULL, NULL};
    note(auth, &by, &change);
}

static void note_password(struct auth *auth, const struct user *user)
{
    const struct audit_by by = {user->org_id, "system", NULL, NULL, "settings"};
    const struct audit_change change = {AUDIT_USER, user->id, "set-password", NULL, NULL};
    note(auth, &by, &change);
}

static bool put_password(struct auth *auth, struct user *user, const char *password, GError **error)
{
    char hash[crypto_pwhash_STRBYTES];
    if (!hash_password(password, hash, error))
        return false;
    g_free(user->password_hash);
    user->password_hash = g_strdup(hash);
    if (!store_user_put(auth->store, user, error) ||
        !store_sessions_delete_user(auth->store, user->org_id, user->id, error))
        return false;
    note_password(auth, user);
    return true;
}

static bool make_administrator(struct auth *auth, const char *password, bool is_generated, GError **error)
{
    struct user user;
    record_init(&user_descriptor, &user);
    user.id = id_new(auth->clock);
    g_free(user.org_id);
    user.org_id = g_strdup("default");
    user.username = g_strdup("admin");
    user.role = ROLE_ADMIN;
    user.must_change_password = is_generated;
    user.created_at.ms = clock_wall_ms(auth->clock);
    bool is_good = put_password(auth, &user, password, error);
    record_clear(&user_descriptor, &user);
    return is_good;
}

/* The password of the settings holds: whoever can set it owns the machine. */
static bool update_administrator(struct auth *auth, struct user *user, const char *password, GError **error)
{
    if (!user->is_disabled && crypto_pwhash_str_verify(user->password_hash, password, strlen(password)) == 0)
        return true;
    user->is_disabled = false;
    user->must_change_password = false;
    return put_password(auth, user, password, error);
}

static bool prepare_administrator(struct auth *auth, char **generated_password, GError **error)
{
    const char *given = auth->settings->admin_password;
    bool has_users = false;
    if (!store_has_users(auth->store, "default", &has_users, error))
        return false;
    if (given && *given) {
        g_autoptr(GError) failure = NULL;
        struct user *user = store_user_find(auth->store, "admin", &failure);
        bool is_good = user ? update_administrator(auth, user, given, error)
                       : g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)
                           ? make_administrator(auth, given, false, error)
                           : (g_propagate_error(error, g_steal_pointer(&failure)), false);
        user_free(user);
        return is_good;
    }
    if (has_users)
        return true;
    char password[SECRET_TEXT_BYTES];
    make_secret(GENERATED_PASSWORD_BYTES, password);
    if (!make_administrator(auth, password, true, error))
        return false;
    *generated_password = g_strdup(password);
    return true;
}

static int64_t now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

/* Settings are in range by their table, so there is one. When there are more keys than room it fails open, towards
 * those who tried least: an attacker with so many addresses meets the limit of the account, and the password's own
 * cost. */
static struct vedette_limiter *new_limiter(struct clock *clock, int per_minute)
{
    const struct vedette_limiter_config config = {
        .rate_per_second = (double)per_minute / 60,
        .burst = per_minute,
        .max_keys = LIMITER_CAPACITY,
        .time = {.now_us = now_us, .data = clock},
    };
    return vedette_limiter_new(&config, NULL);
}

struct auth *auth_new(const struct settings *settings, struct store *store, struct server_health *health,
                      struct clock *clock, char **generated_password, GError **error)
{
    *generated_password = NULL;
    if (sodium_init() < 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "libsodium found no source of randomness");
        return NULL;
    }
    CLEANUP(auth) struct auth *auth = g_new0(struct auth, 1);
    auth->settings = settings;
    auth->store = store;
    auth->health = health;
    auth->clock = clock;
    auth->per_address = new_limiter(clock, settings->http.login_attempts_per_minute);
    auth->per_account = new_limiter(clock, settings->http.login_attempts_per_minute * ACCOUNT_BUCKET_ADDRESSES);
    char nobodys[SECRET_TEXT_BYTES];
    make_secret(TOKEN_BYTES, nobodys);
    if (!hash_password(nobodys, auth->dummy_hash, error) || !prepare_administrator(auth, generated_password, error))
        return NULL;
    return g_steal_pointer(&auth);
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    vedette_limiter_free(auth->per_address);
    vedette_limiter_free(auth->per_account);
    g_free(auth);
}

/* ---- tokens ---- */

static char *token_digest(const char *token)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);
}

static bool refuse(GError **error)
{
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "the login is unknown or over: log in again");
    return false;
}

static bool fail_or_refuse(GError *failure, GError **error)
{
    if (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_error_free(failure);
        return refuse(error);
    }
    g_propagate_error(error, failure);
    return false;
}

bool auth_check_login(struct auth *auth, const char *org_id, const char *token_sha256, struct login *login,
                      GError **error)
{
    *login = (struct login){.user = NULL};
    GError *failure = NULL;
    struct session *session = store_session_find(auth->store, org_id, token_sha256, &failure);
    if (!session)
        return fail_or_refuse(failure, error);
    int64_t expires_ms = session->expires_at.ms;
    bool is_over = expires_ms <= clock_wall_ms(auth->clock);
    struct user *user = is_over ? NULL : store_user_get(auth->store, org_id, session->user_id, &failure);
    session_free(session);
    if (failure)
        return fail_or_refuse(failure, error);
    if (!user || user->is_disabled) {
        user_free(user);
        return refuse(error);
    }
    *login = (struct login){user, g_strdup(token_sha256), expires_ms};
    return true;
}

bool auth_check_token(struct auth *auth, const char *token, struct login *login, GError **error)
{
    *login = (struct login){.user = NULL};
    const char *dot = strrchr(token, '.');
    if (!dot || strlen(token) >= TOKEN_TEXT_BYTES)
        return refuse(error);
    g_autofree char *org_id = g_strndup(token, (gsize)(dot - token)), *digest = token_digest(token);
    return auth_check_login(auth, org_id, digest, login, error);
}

bool auth_is_scraper(const struct auth *auth, const char *token)
{
    const char *expected = auth->settings->metrics_token;
    if (!expected || !*expected || !token)
        return false;
    unsigned char a[crypto_hash_sha256_BYTES], b[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(a, (const unsigned char *)expected, strlen(expected));
    crypto_hash_sha256(b, (const unsigned char *)token, strlen(token));
    return sodium_memcmp(a, b, sizeof a) == 0;
}

/* ---- logins ---- */

/* Argon2's memory is bounded by how many run at once. */
static bool verify_password(struct auth *auth, const char *hash, const char *password, bool *is_right, GError **error)
{
    bool is_free = __atomic_add_fetch(&auth->passwords_running, 1, __ATOMIC_ACQ_REL) <= PASSWORDS_AT_ONCE;
    if (is_free)
        *is_right = crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "too many logins at once: try again in a second");
    __atomic_sub_fetch(&auth->passwords_running, 1, __ATOMIC_ACQ_REL);
    return is_free;
}

static bool make_session(struct auth *auth, const struct user *user, struct login_response *response, GError **error)
{
    char secret[SECRET_TEXT_BYTES];
    make_secret(TOKEN_BYTES, secret);
    g_autofree char *token = g_strconcat(user->org_id, ".", secret, NULL);
    int64_t now_ms = clock_wall_ms(auth->clock);
    int32_t life_seconds = auth->settings->http.session_minutes * 60;
    g_autofree char *digest = token_digest(token);
    const struct session session = {digest, user->org_id, user->id, {now_ms}, {now_ms + life_seconds * INT64_C(1000)}};
    GError *failure = NULL;
    if (!store_session_put(auth->store, &session, &failure)) {
        failure->code = VEDETTE_ERROR_UNAVAILABLE; /* a full disk is not the caller's doing */
        g_propagate_error(error, failure);
        return false;
    }
    record_init(&login_response_descriptor, response);
    g_free(response->access_token);
    g_free(response->token_type);
    response->access_token = g_steal_pointer(&token);
    response->token_type = g_strdup("bearer");
    response->expires_in = life_seconds;
    response->role = user->role;
    return true;
}

/* A hash made with older costs is made anew while the password is at hand. Failing that is no reason to refuse. */
static void upgrade_hash(struct auth *auth, struct user *user, const char *password)
{
    char hash[crypto_pwhash_STRBYTES];
    if (!crypto_pwhash_str_needs_rehash(user->password_hash, PASSWORD_PASSES, PASSWORD_MEMORY_BYTES) ||
        !hash_password(password, hash, NULL))
        return;
    g_free(user->password_hash);
    user->password_hash = g_strdup(hash);
    store_user_put(auth->store, user, NULL);
}

static bool try_password(struct auth *auth, const struct login_request *request, const char *address,
                         struct login_response *response, GError **error)
{
    GError *failure = NULL;
    struct user *user = store_user_find(auth->store, request->username, &failure);
    if (failure && !g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, failure);
        return false;
    }
    g_clear_error(&failure);
    bool is_right = false;
    const char *hash = user && user->password_hash ? user->password_hash : auth->dummy_hash;
    bool is_good = verify_password(auth, hash, request->password, &is_right, error);
    if (is_good && is_right && user && user->password_hash && !user->is_disabled) {
        upgrade_hash(auth, user, request->password);
        is_good = make_session(auth, user, response, error);
        if (is_good)
            note_login(auth, user, address, "login");
    } else if (is_good) {
        counter_add(&auth->health->logins_failed, 1);
        note_login(auth, user, address, "login-failed");
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "the username or the password is wrong");
        is_good = false;
    }
    user_free(user);
    return is_good;
}

bool auth_login(struct auth *auth, const struct login_request *request, const char *address,
                struct login_response *response, struct login_limit *limit, GError **error)
{
    static const char *const policies[] = {"address", "account"};
    int64_t rate = auth->settings->http.login_attempts_per_minute;
    /* the cheapest first: an address that is refused costs no account anything */
    const struct vedette_limiter_ask asks[] = {{auth->per_address, address, 1},
                                               {auth->per_account, request->username, 1}};
    int which = vedette_limiter_take_all(asks, G_N_ELEMENTS(asks), &limit->limit);
    limit->policy = policies[which];
    limit->quota = which == 0 ? rate : rate * ACCOUNT_BUCKET_ADDRESSES;
    if (!limit->limit.is_allowed) {
        counter_add(&auth->health->logins_limited, 1);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "too many logins: try again in %d s",
                    login_limit_retry_seconds(limit));
        return false;
    }
    GError *failure = NULL;
    if (!try_password(auth, request, address, response, &failure)) {
        if (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_FULL))
            counter_add(&auth->health->logins_limited, 1);
        g_propagate_error(error, failure);
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(asks); i++) /* right ones are not what the limit is there for */
        vedette_limiter_give_back(asks[i].limiter, asks[i].key, asks[i].cost);
    return true;
}

int login_limit_retry_seconds(const struct login_limit *limit)
{
    int64_t seconds = (limit->limit.retry_after_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
    return (int)MAX(seconds, PASSWORD_RETRY_SECONDS);
}

bool auth_logout(struct auth *auth, const struct login *login, GError **error)
{
    return store_session_delete(auth->store, login->user->org_id, login->token_sha256, error);
}
