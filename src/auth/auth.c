#define LOG_MODULE "auth"
#include "auth/auth_internal.h"

#include <string.h>

#include "base/id.h"
#include "base/log.h"
#include "store/audit.h"

/* ---- shared by the room ---- */

bool auth_refuse(GError **error)
{
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "the login is unknown or over: log in again");
    return false;
}

bool auth_fail(GError *failure, GError **error)
{
    if (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_error_free(failure);
        return auth_refuse(error);
    }
    g_propagate_error(error, failure);
    return false;
}

void auth_make_secret(size_t length, char text[SECRET_TEXT_BYTES])
{
    unsigned char bytes[SECRET_BYTES];
    randombytes_buf(bytes, length);
    sodium_bin2base64(text, SECRET_TEXT_BYTES, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

char *auth_digest(const char *text)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

char *auth_derive(const char *key, const char *text)
{
    unsigned char bytes[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key, strlen(key));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, strlen(text));
    crypto_auth_hmacsha256_final(&state, bytes);
    char *derived = g_malloc(SECRET_TEXT_BYTES);
    sodium_bin2base64(derived, SECRET_TEXT_BYTES, bytes, sizeof bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return derived;
}

void auth_note(struct auth *auth, const struct audit_by *by, enum audit_subject kind, const char *subject_id,
               const char *action)
{
    g_autoptr(GError) error = NULL;
    const struct audit_change change = {kind, subject_id, action, NULL, NULL};
    if (!store_audit_add(auth->store, by, &change, &error))
        log_error(NULL, "'%s' is not in the audit: %s", action, error->message);
}

static void wipe(char *text)
{
    if (text)
        sodium_memzero(text, strlen(text));
}

/* ---- the first administrator ---- */

static bool put_administrator(struct auth *auth, struct user *user, const char *password, bool is_new, GError **error)
{
    char hash[crypto_pwhash_STRBYTES];
    if (!password_hash(auth, user->id, password, hash, error))
        return false;
    g_free(user->password_hash);
    user->password_hash = g_strdup(hash);
    const struct audit_by by = {user->org_id, "system", NULL, NULL, "settings"};
    const struct store_user_change change = {.by = &by,
                                             .action = "set-password",
                                             .is_new = is_new,
                                             .parts = STORE_USER_RIGHTS | STORE_USER_PASSWORD,
                                             .ends_sessions = true};
    return store_user_change(auth->store, &change, user, error);
}

static bool make_administrator(struct auth *auth, const char *password, bool is_generated, GError **error)
{
    struct user user;
    record_init(&user_descriptor, &user);
    user.id = id_new(auth->clock);
    user.username = g_strdup("admin");
    user.role = ROLE_ADMIN;
    user.must_change_password = is_generated;
    user.created_at.ms = clock_wall_ms(auth->clock);
    bool is_good = put_administrator(auth, &user, password, true, error);
    record_clear(&user_descriptor, &user);
    return is_good;
}

/* The password of the settings holds: whoever can set it owns the machine. */
static bool update_administrator(struct auth *auth, struct user *user, const char *password, GError **error)
{
    bool is_right =
        user->password_hash && crypto_pwhash_str_verify(user->password_hash, password, strlen(password)) == 0;
    if (!user->is_disabled && is_right)
        return true;
    user->is_disabled = false;
    user->must_change_password = false;
    return put_administrator(auth, user, password, false, error);
}

static bool set_administrator(struct auth *auth, const char *password, GError **error)
{
    GError *failure = NULL;
    struct user *user = store_user_find(auth->store, "admin", &failure);
    if (!user && !g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, failure);
        return false;
    }
    g_clear_error(&failure);
    bool is_good =
        user ? update_administrator(auth, user, password, error) : make_administrator(auth, password, false, error);
    user_free(user);
    return is_good;
}

/* There are users after an administrator was to be made and the store's answer was lost: it may have been made. */
static bool find_first_administrator(struct auth *auth, char **generated_password, GError **error)
{
    GError *failure = NULL;
    struct user *user = store_user_find(auth->store, "admin", &failure);
    bool is_answered = user || g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    if (user && user->password_hash &&
        crypto_pwhash_str_verify(user->password_hash, auth->first_password, strlen(auth->first_password)) == 0)
        *generated_password = g_steal_pointer(&auth->first_password);
    user_free(user);
    if (is_answered)
        g_clear_error(&failure);
    else
        g_propagate_error(error, failure);
    return is_answered;
}

static bool prepare_administrator(struct auth *auth, char **generated_password, GError **error)
{
    const char *given = auth->settings->admin_password;
    bool has_users = false;
    if (given && *given)
        return set_administrator(auth, given, error);
    if (!store_has_users(auth->store, "default", &has_users, error))
        return false;
    if (has_users)
        return !auth->first_password || find_first_administrator(auth, generated_password, error);
    if (!auth->first_password)
        auth->first_password = password_make();
    if (!make_administrator(auth, auth->first_password, true, error))
        return false;
    *generated_password = g_steal_pointer(&auth->first_password);
    return true;
}

/* ---- limits of logins ---- */

static int64_t now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

/* Settings are in range by their table, so there is one. When there are more keys than room it fails open, towards
 * those who tried least: an attacker with so many addresses meets the limit of the account and of everyone, and the
 * password's own cost. */
static struct vedette_limiter *new_limiter(const struct auth *auth, int per_minute)
{
    const struct vedette_limiter_config config = {
        .rate_per_second = (double)per_minute / LOGIN_LIMIT_SECONDS,
        .burst = per_minute,
        .max_keys = (size_t)auth->settings->limits.max_keys,
        .time = {.now_us = now_us, .data = auth->clock},
    };
    return vedette_limiter_new(&config, NULL);
}

/* A restart must not give an attacker a fresh start. Once. */
static bool remember_failures(struct auth *auth, GError **error)
{
    if (auth->has_remembered)
        return true;
    int64_t since_ms = clock_wall_ms(auth->clock) - LOGIN_LIMIT_SECONDS * INT64_C(1000);
    g_autoptr(GPtrArray) failures = store_login_failures_list(auth->store, since_ms, error);
    for (guint i = 0; failures && i < failures->len; i++) {
        const struct login_failure *failure = g_ptr_array_index(failures, i);
        vedette_limiter_take(auth->per_address, failure->address ? failure->address : "", 1);
        if (failure->account_sha256)
            vedette_limiter_take(auth->per_account, failure->account_sha256, 1);
        vedette_limiter_take(auth->of_everyone, "", 1);
    }
    auth->has_remembered = failures != NULL;
    return failures != NULL;
}

static void make_limits(struct auth *auth)
{
    int per_minute = auth->settings->http.login_attempts_per_minute;
    auth->per_address = new_limiter(auth, per_minute);
    auth->per_account = new_limiter(auth, per_minute * AUTH_ACCOUNT_ADDRESSES);
    auth->of_everyone = new_limiter(auth, AUTH_SETTINGS(auth)->logins_per_minute);
    auth->familiar = new_limiter(auth, per_minute);
    auth->right = new_limiter(auth, AUTH_SETTINGS(auth)->logins_per_minute);
    auth->begun = new_limiter(auth, per_minute);
}

/* ---- life ---- */

bool auth_prepare(struct auth *auth, char **generated_password, GError **error)
{
    return remember_failures(auth, error) && keyring_prepare(auth, error) &&
           prepare_administrator(auth, generated_password, error);
}

struct auth *auth_make(const struct settings *settings, struct store *store, struct server_health *health,
                       struct clock *clock, GError **error)
{
    char nobodys[SECRET_TEXT_BYTES];
    if (sodium_init() < 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "libsodium found no source of randomness");
        return NULL;
    }
    CLEANUP(auth) struct auth *auth = g_new0(struct auth, 1);
    auth->settings = settings;
    auth->store = store;
    auth->health = health;
    auth->clock = clock;
    auth->token_memory = token_memory_new((size_t)AUTH_SETTINGS(auth)->remembered_tokens);
    auth->keyring = keyring_new();
    password_turns_init(&auth->turns);
    make_limits(auth);
    auth_make_secret(SECRET_BYTES, nobodys);
    if (!password_hash(auth, "", nobodys, auth->dummy_hash, error))
        return NULL;
    const char *issuer = AUTH_SETTINGS(auth)->oidc.issuer;
    if (issuer && *issuer && !(auth->oidc = oidc_new(AUTH_SETTINGS(auth), clock, error)))
        return NULL;
    return g_steal_pointer(&auth);
}

struct auth *auth_new(const struct settings *settings, struct store *store, struct server_health *health,
                      struct clock *clock, char **generated_password, GError **error)
{
    *generated_password = NULL;
    CLEANUP(auth) struct auth *auth = auth_make(settings, store, health, clock, error);
    return auth && auth_prepare(auth, generated_password, error) ? g_steal_pointer(&auth) : NULL;
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    oidc_free(auth->oidc);
    keyring_free(auth->keyring);
    token_memory_free(auth->token_memory);
    vedette_limiter_free(auth->per_address);
    vedette_limiter_free(auth->per_account);
    vedette_limiter_free(auth->of_everyone);
    vedette_limiter_free(auth->familiar);
    vedette_limiter_free(auth->right);
    vedette_limiter_free(auth->begun);
    password_turns_finish(&auth->turns);
    wipe(auth->first_password);
    g_free(auth->first_password);
    g_free(auth);
}

int64_t auth_count_forgotten(const struct auth *auth)
{
    struct vedette_limiter *const limiters[] = {auth->per_address, auth->per_account, auth->of_everyone,
                                                auth->familiar,    auth->right,       auth->begun};
    int64_t forgotten = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(limiters); i++) {
        struct vedette_limiter_stats stats = {0};
        if (limiters[i])
            vedette_limiter_get_stats(limiters[i], &stats);
        forgotten += stats.forgotten;
    }
    return forgotten;
}

bool auth_has_issuer(const struct auth *auth)
{
    return auth->oidc != NULL;
}

/* ---- who asks ---- */

void login_clear(struct login *login)
{
    if (login->key)
        wipe(login->key->secret_sha256);
    wipe(login->csrf_token);
    user_free(login->user);
    api_key_free(login->key);
    g_free(login->session_id);
    g_free(login->csrf_token);
    *login = (struct login){.user = NULL};
}

static void *copy_record(const struct record_descriptor *descriptor, const void *from)
{
    void *copy = from ? g_malloc(descriptor->size) : NULL;
    if (copy)
        record_copy(descriptor, from, copy);
    return copy;
}

void login_copy(const struct login *from, struct login *to)
{
    *to = (struct login){.user = copy_record(&user_descriptor, from->user),
                         .session_id = g_strdup(from->session_id),
                         .key = copy_record(&api_key_descriptor, from->key),
                         .csrf_token = g_strdup(from->csrf_token),
                         .expires_ms = from->expires_ms};
}

/* Who was let in needs it no more: a login lives as long as a request, a socket or a place among those remembered. */
static void forget_password(struct user *user)
{
    wipe(user->password_hash);
    g_clear_pointer(&user->password_hash, g_free);
}

/* Fills *login when the session stands and is of this user (NULL: whose it is), who may log in. */
static bool check_session(struct auth *auth, const char *org_id, const char *session_id, const char *user_id,
                          struct login *login, GError **error)
{
    GError *failure = NULL;
    struct session *session = store_session_find(auth->store, org_id, session_id, &failure);
    if (!session)
        return auth_fail(failure, error);
    bool stands = !session->ended_at.ms && session->expires_at.ms > clock_wall_ms(auth->clock) &&
                  (!user_id || strcmp(session->user_id, user_id) == 0);
    struct user *user = stands ? store_user_get(auth->store, org_id, session->user_id, &failure) : NULL;
    bool is_good = user && !user->is_disabled;
    if (user) {
        forget_password(user);
        user->must_change_password = session_must_change_password(session, user);
    }
    if (is_good)
        *login = (struct login){.user = g_steal_pointer(&user),
                                .session_id = g_strdup(session->id),
                                .csrf_token = session->client == CLIENT_BROWSER ? session_csrf_token(session) : NULL,
                                .expires_ms = session->expires_at.ms};
    user_free(user);
    session_free(session);
    return is_good || (failure ? auth_fail(failure, error) : auth_refuse(error));
}

/* *expires_ms: when it is over, by its own end, its session's or its key's. */
static bool check_access_token(struct auth *auth, const char *token, struct login *login, int64_t *expires_ms,
                               GError **error)
{
    struct jwt jwt;
    if (!keyring_check(auth, token, TOKEN_TYPE, &jwt, error))
        return false;
    const char *org_id = jwt_text_claim(&jwt, "org"), *session_id = jwt_text_claim(&jwt, "sid"),
               *user_id = jwt_text_claim(&jwt, "sub");
    bool is_good = org_id && session_id && user_id ? check_session(auth, org_id, session_id, user_id, login, error)
                                                   : auth_refuse(error);
    *expires_ms = MIN(MIN(jwt_expires_ms(&jwt), login->expires_ms), keyring_retires_ms(auth, jwt.key_id));
    jwt_clear(&jwt);
    return is_good;
}

bool auth_check_token(struct auth *auth, const char *token, struct login *login, GError **error)
{
    *login = (struct login){.user = NULL};
    uint64_t changes = store_changes(auth->store); /* first: what changes while it is looked up is not missed */
    if (token_memory_find(auth, token, changes, login))
        return true;
    bool is_key = g_str_has_prefix(token, KEY_PREFIX);
    int64_t expires_ms = 0;
    bool is_good =
        is_key ? api_key_check(auth, token, login, error) : check_access_token(auth, token, login, &expires_ms, error);
    if (is_good)
        token_memory_keep(auth, token, changes, is_key ? login->expires_ms : expires_ms, login);
    return is_good;
}

bool auth_recall_token(struct auth *auth, const char *token, struct login *login)
{
    return token_memory_find(auth, token, store_changes(auth->store), login);
}

bool auth_recheck_login(struct auth *auth, struct login *login, GError **error)
{
    if (login->key)
        return api_key_recheck(auth, login, error);
    struct login fresh;
    if (!check_session(auth, login->user->org_id, login->session_id, login->user->id, &fresh, error))
        return false;
    login_clear(login);
    *login = fresh;
    return true;
}

/* Compares what may have different lengths in constant time. */
static bool is_same_secret(const char *a, const char *b)
{
    unsigned char x[crypto_hash_sha256_BYTES], y[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(x, (const unsigned char *)a, strlen(a));
    crypto_hash_sha256(y, (const unsigned char *)b, strlen(b));
    return sodium_memcmp(x, y, sizeof x) == 0;
}

bool login_csrf_is_right(const struct login *login, const char *token)
{
    return login->csrf_token && token && is_same_secret(login->csrf_token, token);
}

bool auth_is_scraper(const struct auth *auth, const char *token)
{
    const char *expected = auth->settings->metrics_token;
    return expected && *expected && token && is_same_secret(expected, token);
}
