/* OpenID Connect Core 1.0, the authorization code flow (section 3.1) with PKCE (RFC 7636). What must be kept while the
 * browser is away lies in a signed cookie of its own, so that nobody can fill our memory. What the issuer says of
 * itself and its keys is kept for a time, and for longer while the issuer is away. */
#define LOG_MODULE "auth"
#include "auth/oidc_internal.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"

enum {
    KEYS_MAX = 64,
    REFETCH_US = 10000000,   /* keys that nobody knows must not make us ask the issuer each time */
    AT_ONCE_MAX = 8,         /* logins that wait for the issuer */
    SUBJECT_MAX_BYTES = 255, /* section 2 */
};

/* What the issuer said of itself. Immutable; an atomic rc box. */
struct provider {
    char *authorization_endpoint, *token_endpoint;
    GPtrArray *keys; /* of struct jwt_key */
    int64_t read_us;
};

struct oidc {
    const struct oidc_settings *settings;
    struct clock *clock;
    int running; /* atomic */
    pthread_mutex_t lock;
    struct provider *provider; /* lock; NULL: not read yet */
    int64_t tried_us;          /* lock; 0: never */
};

static void clear_provider(void *data)
{
    struct provider *provider = data;
    g_free(provider->authorization_endpoint);
    g_free(provider->token_endpoint);
    g_ptr_array_unref(provider->keys);
}

static void provider_free(struct provider *provider)
{
    if (provider)
        g_atomic_rc_box_release_full(provider, clear_provider);
}
CLEANUP_DEFINE(provider, provider_free)

struct oidc *oidc_new(const struct auth_settings *settings, struct clock *clock, GError **error)
{
    if (!oidc_address_is_allowed(settings->oidc.issuer)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "auth.oidc.issuer: %s: must be an https address",
                    settings->oidc.issuer);
        return NULL;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct oidc *oidc = g_new0(struct oidc, 1);
    oidc->settings = &settings->oidc;
    oidc->clock = clock;
    pthread_mutex_init(&oidc->lock, NULL);
    return oidc;
}

void oidc_free(struct oidc *oidc)
{
    if (!oidc)
        return;
    provider_free(oidc->provider);
    pthread_mutex_destroy(&oidc->lock);
    g_free(oidc);
}

/* ---- what the issuer says of itself ---- */

/* RFC 7517 lets a key leave out its algorithm: the one that everyone means by its kind then. */
static enum token_algorithm usual_algorithm(const json_t *jwk)
{
    const char *kind = json_string_value(json_object_get(jwk, "kty"));
    const char *curve = json_string_value(json_object_get(jwk, "crv"));
    if (json_object_get(jwk, "alg"))
        return 0;
    if (g_strcmp0(kind, "RSA") == 0)
        return TOKEN_RS256;
    return g_strcmp0(curve, "P-256") == 0 ? TOKEN_ES256 : g_strcmp0(curve, "P-384") == 0 ? TOKEN_ES384 : TOKEN_ES512;
}

/* Keys that cannot be used (for encryption, of other algorithms) are passed over; secret ones are none of an issuer. */
static void take_key(const json_t *jwk, GPtrArray *keys)
{
    const char *id = json_string_value(json_object_get(jwk, "kid"));
    const char *kind = json_string_value(json_object_get(jwk, "kty"));
    if (g_strcmp0(kind, "RSA") != 0 && g_strcmp0(kind, "EC") != 0)
        return;
    char *text = json_dumps(jwk, JSON_COMPACT);
    struct jwt_key *key = text ? jwt_key_new(id, usual_algorithm(jwk), text, NULL) : NULL;
    free(text);
    if (key)
        g_ptr_array_add(keys, key);
}

static GPtrArray *fetch_keys(const struct oidc *oidc, const char *address, GError **error)
{
    json_t *json = oidc_fetch(oidc->settings, address, NULL, error);
    if (!json)
        return NULL;
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)jwt_key_free);
    const json_t *list = json_object_get(json, "keys"), *jwk;
    size_t i;
    json_array_foreach(list, i, jwk) if (i < KEYS_MAX) take_key(jwk, keys);
    json_decref(json);
    if (keys->len)
        return g_steal_pointer(&keys);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "the issuer has no key that can be used at %s",
                address);
    return NULL;
}

static struct provider *read_provider(const struct oidc *oidc, const json_t *json, GError **error)
{
    const char *issuer = json_string_value(json_object_get(json, "issuer"));
    const char *authorization = json_string_value(json_object_get(json, "authorization_endpoint"));
    const char *token = json_string_value(json_object_get(json, "token_endpoint"));
    const char *keys_at = json_string_value(json_object_get(json, "jwks_uri"));
    if (g_strcmp0(issuer, oidc->settings->issuer) != 0 || !authorization || !token || !keys_at ||
        !oidc_address_is_allowed(authorization)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "the issuer %s does not say what it must of itself, or names another issuer",
                    oidc->settings->issuer);
        return NULL;
    }
    GPtrArray *keys = fetch_keys(oidc, keys_at, error);
    if (!keys)
        return NULL;
    struct provider *provider = g_atomic_rc_box_new0(struct provider);
    provider->authorization_endpoint = g_strdup(authorization);
    provider->token_endpoint = g_strdup(token);
    provider->keys = keys;
    provider->read_us = clock_monotonic_us(oidc->clock);
    return provider;
}

static struct provider *fetch_provider(const struct oidc *oidc, GError **error)
{
    const char *issuer = oidc->settings->issuer;
    g_autofree char *address =
        g_strconcat(issuer, g_str_has_suffix(issuer, "/") ? "" : "/", ".well-known/openid-configuration", NULL);
    json_t *json = oidc_fetch(oidc->settings, address, NULL, error);
    struct provider *provider = json ? read_provider(oidc, json, error) : NULL;
    json_decref(json);
    return provider;
}

/* What is known, and whether it should be read anew: it is old, or (`is_unknown`) a key is missing in it. */
static struct provider *known_provider(struct oidc *oidc, bool is_unknown, bool *is_due)
{
    int64_t now_us = clock_monotonic_us(oidc->clock);
    pthread_mutex_lock(&oidc->lock);
    struct provider *provider = oidc->provider ? g_atomic_rc_box_acquire(oidc->provider) : NULL;
    bool is_old =
        !provider || is_unknown || now_us - provider->read_us > oidc->settings->keys_seconds * INT64_C(1000000);
    *is_due = is_old && (!provider || !oidc->tried_us || now_us - oidc->tried_us >= REFETCH_US);
    if (*is_due)
        oidc->tried_us = now_us;
    pthread_mutex_unlock(&oidc->lock);
    return provider;
}

/* The last good word of the issuer counts while there is no other. NULL: there never was one. */
static struct provider *get_provider(struct oidc *oidc, bool is_unknown, GError **error)
{
    bool is_due = false;
    CLEANUP(provider) struct provider *provider = known_provider(oidc, is_unknown, &is_due);
    if (!is_due)
        return g_steal_pointer(&provider);
    g_autoptr(GError) failure = NULL;
    struct provider *fresh = fetch_provider(oidc, &failure);
    if (!fresh && !provider) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    if (!fresh) {
        log_warning(NULL, "the issuer's last good keys go on counting: %s", failure->message);
        return g_steal_pointer(&provider);
    }
    pthread_mutex_lock(&oidc->lock);
    struct provider *old = oidc->provider;
    oidc->provider = g_atomic_rc_box_acquire(fresh);
    pthread_mutex_unlock(&oidc->lock);
    provider_free(old);
    return fresh;
}

static bool enter(struct oidc *oidc, GError **error)
{
    if (__atomic_add_fetch(&oidc->running, 1, __ATOMIC_ACQ_REL) <= AT_ONCE_MAX)
        return true;
    __atomic_sub_fetch(&oidc->running, 1, __ATOMIC_ACQ_REL);
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "too many logins wait for the issuer: try again");
    return false;
}

static void leave(struct oidc *oidc)
{
    __atomic_sub_fetch(&oidc->running, 1, __ATOMIC_ACQ_REL);
}

/* ---- the way there ---- */

static void append_parameter(GString *text, const char *name, const char *value)
{
    g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);
    g_string_append_printf(text, "%s%s=%s", text->len && !strchr("?&", text->str[text->len - 1]) ? "&" : "", name,
                           escaped);
}

/* RFC 7636 section 4.2. */
static void write_challenge(const char *verifier, char challenge[SECRET_TEXT_BYTES])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, (const unsigned char *)verifier, strlen(verifier));
    sodium_bin2base64(challenge, SECRET_TEXT_BYTES, digest, sizeof digest, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static char *authorization_address(const struct oidc *oidc, const struct provider *provider, const char *state,
                                   const char *nonce, const char *verifier)
{
    char challenge[SECRET_TEXT_BYTES];
    write_challenge(verifier, challenge);
    const struct {
        const char *name, *value;
    } parameters[] = {
        {"response_type", "code"},
        {"client_id", oidc->settings->client_id},
        {"redirect_uri", oidc->settings->redirect_uri},
        {"scope", oidc->settings->scopes},
        {"state", state},
        {"nonce", nonce},
        {"code_challenge", challenge},
        {"code_challenge_method", "S256"},
    };
    GString *address = g_string_new(provider->authorization_endpoint);
    g_string_append_c(address, strchr(address->str, '?') ? '&' : '?');
    for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
        append_parameter(address, parameters[i].name, parameters[i].value);
    return g_string_free(address, FALSE);
}

static bool find_way(struct auth *auth, char **address, char **state_token, GError **error)
{
    struct oidc *oidc = auth->oidc;
    if (!enter(oidc, error))
        return false;
    CLEANUP(provider) struct provider *provider = get_provider(oidc, false, error);
    leave(oidc);
    if (!provider)
        return false;
    char state[SECRET_TEXT_BYTES], nonce[SECRET_TEXT_BYTES], verifier[SECRET_TEXT_BYTES];
    auth_make_secret(SECRET_BYTES, state);
    auth_make_secret(SECRET_BYTES, nonce);
    auth_make_secret(SECRET_BYTES, verifier);
    json_t *claims = json_pack("{s:s,s:s,s:s}", "state", state, "nonce", nonce, "verifier", verifier);
    *state_token = keyring_sign(auth, STATE_TYPE, claims, AUTH_OIDC_SECONDS, error);
    if (*state_token)
        *address = authorization_address(oidc, provider, state, nonce, verifier);
    return *address != NULL;
}

bool auth_oidc_begin(struct auth *auth, const struct auth_origin *origin, char **address, char **state_token,
                     struct login_limit *limit, GError **error)
{
    *address = *state_token = NULL;
    if (!attempt_begin(auth, origin, limit, error))
        return false;
    bool is_good = find_way(auth, address, state_token, error);
    if (!is_good)
        attempt_give_back_beginning(auth, origin);
    return is_good;
}

/* ---- the way back ---- */

/* Whether a login was judged and found wrong; else the issuer or the store is away, or there was no place. */
bool auth_oidc_is_refusal(const GError *error)
{
    return g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION) ||
           g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID) ||
           g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
}

static bool refuse(const char *why, GError **error)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "the login by the issuer is refused: %s", why);
    return false;
}

static char *fetch_id_token(const struct oidc *oidc, const struct provider *provider, const char *code,
                            const char *verifier, GError **error)
{
    const struct {
        const char *name, *value;
    } parameters[] = {
        {"grant_type", "authorization_code"},
        {"code", code},
        {"redirect_uri", oidc->settings->redirect_uri},
        {"client_id", oidc->settings->client_id},
        {"code_verifier", verifier},
    };
    g_autoptr(GString) form = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(parameters); i++)
        append_parameter(form, parameters[i].name, parameters[i].value);
    json_t *json = oidc_fetch(oidc->settings, provider->token_endpoint, form->str, error);
    char *token = json ? g_strdup(json_string_value(json_object_get(json, "id_token"))) : NULL;
    if (json && !token)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "the issuer gave no id_token at %s: does auth.oidc.scopes have openid?", provider->token_endpoint);
    json_decref(json);
    return token;
}

/* A token without a key id is of the only key there is. */
static const struct jwt_key *find_key(const struct provider *provider, const struct jwt *jwt)
{
    for (guint i = 0; i < provider->keys->len; i++) {
        const struct jwt_key *key = g_ptr_array_index(provider->keys, i);
        bool is_meant = jwt->key_id ? g_strcmp0(jwt_key_id(key), jwt->key_id) == 0 : provider->keys->len == 1;
        if (is_meant && jwt_key_algorithm(key) == jwt->algorithm)
            return key;
    }
    return NULL;
}

static bool verify_signature(struct oidc *oidc, const struct provider *provider, const struct jwt *jwt, GError **error)
{
    const struct jwt_key *key = find_key(provider, jwt);
    CLEANUP(provider) struct provider *fresh = key ? NULL : get_provider(oidc, true, NULL);
    if (fresh)
        key = find_key(fresh, jwt);
    return key ? jwt_verify(jwt, key, error) : refuse("its token is signed with a key that it does not name", error);
}

/* Section 3.1.3.7. */
static bool check_id_token(struct auth *auth, const struct provider *provider, const struct jwt *jwt, const char *nonce,
                           GError **error)
{
    const struct oidc_settings *settings = auth->oidc->settings;
    const struct jwt_expected expected = {.issuer = settings->issuer,
                                          .audience = settings->client_id,
                                          .is_audience_list = true,
                                          .now_s = clock_wall_ms(auth->clock) / 1000,
                                          .skew_s = AUTH_SETTINGS(auth)->clock_skew_seconds};
    if (!verify_signature(auth->oidc, provider, jwt, error) || !jwt_check(jwt, &expected, error))
        return false;
    const char *subject = jwt_text_claim(jwt, "sub"), *said = jwt_text_claim(jwt, "nonce");
    const json_t *party = json_object_get(jwt->claims, "azp");
    bool has_others = json_array_size(json_object_get(jwt->claims, "aud")) > 1;
    if ((party || has_others) && g_strcmp0(json_string_value(party), settings->client_id) != 0)
        return refuse("its token was made for someone else", error);
    if (!said || strcmp(said, nonce) != 0)
        return refuse("its token answers another login", error);
    if (!subject || !*subject || strlen(subject) > SUBJECT_MAX_BYTES)
        return refuse("its token does not say who it is", error);
    return true;
}

/* A user who was there already is never taken over by a name alone: it must be linked by an administrator. */
static struct user *make_user(struct auth *auth, const struct jwt *jwt, const char *address, GError **error)
{
    const struct oidc_settings *settings = auth->oidc->settings;
    const char *name = jwt_text_claim(jwt, settings->username_claim), *subject = jwt_text_claim(jwt, "sub");
    name = name && *name ? name : subject;
    if (settings->default_role <= ROLE_ANONYMOUS || settings->default_role > ROLE_ADMIN || strchr(name, '/') ||
        g_utf8_strlen(name, -1) > 128) {
        refuse("nobody here is linked to this user of it", error);
        return NULL;
    }
    struct user *user = g_new(struct user, 1);
    record_init(&user_descriptor, user);
    user->id = id_new(auth->clock);
    g_free(user->org_id);
    user->org_id = g_strdup(settings->org_id);
    user->username = g_strdup(name);
    user->role = settings->default_role;
    user->oidc_subject = g_strdup(subject);
    user->oidc_issuer = g_strdup(settings->issuer);
    user->created_at.ms = clock_wall_ms(auth->clock);
    const struct audit_by by = {user->org_id, "system", NULL, address, "first login by the issuer"};
    const struct store_user_change change = {.by = &by, .action = "create", .is_new = true};
    if (store_user_change(auth->store, &change, user, error))
        return user;
    user_free(user);
    return NULL;
}

static struct user *find_user(struct auth *auth, const struct jwt *jwt, const char *address, GError **error)
{
    GError *failure = NULL;
    const struct oidc_settings *settings = auth->oidc->settings;
    struct user *user =
        store_user_find_subject(auth->store, settings->org_id, settings->issuer, jwt_text_claim(jwt, "sub"), &failure);
    if (user && user->is_disabled) {
        user_free(user);
        refuse("the user is disabled", error);
        return NULL;
    }
    if (user)
        return user;
    if (!g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, failure);
        return NULL;
    }
    g_error_free(failure);
    return make_user(auth, jwt, address, error);
}

static bool exchange(struct auth *auth, const struct jwt *kept, const char *code, const struct auth_origin *origin,
                     struct grant *grant, GError **error)
{
    const char *verifier = jwt_text_claim(kept, "verifier"), *nonce = jwt_text_claim(kept, "nonce");
    CLEANUP(provider) struct provider *provider = get_provider(auth->oidc, false, error);
    g_autofree char *token =
        provider && verifier && nonce ? fetch_id_token(auth->oidc, provider, code, verifier, error) : NULL;
    struct jwt jwt;
    if (!token || !jwt_parse(token, strlen(token), &jwt, error))
        return false;
    struct user *user =
        check_id_token(auth, provider, &jwt, nonce, error) ? find_user(auth, &jwt, origin->address, error) : NULL;
    bool is_good = user && session_begin(auth, user, CLIENT_BROWSER, origin, true, grant, error);
    user_free(user);
    jwt_clear(&jwt);
    return is_good;
}

/* Any code that a browser comes back with has us ask the issuer, so that guessing is held to the limits of logins. What
 * could not be judged, as while the issuer is away, is no guess: logins by password have the same limits. */
static bool attempt_exchange(struct auth *auth, const struct jwt *kept, const char *code,
                             const struct auth_origin *origin, struct grant *grant, struct login_limit *limit,
                             GError **error)
{
    struct attempt attempt = {.origin = origin, .org_id = auth->oidc->settings->org_id};
    GError *failure = NULL;
    bool is_taken = attempt_take(auth, &attempt, limit, &failure), is_good = is_taken && enter(auth->oidc, &failure);
    if (is_good) {
        is_good = exchange(auth, kept, code, origin, grant, &failure);
        leave(auth->oidc);
        if (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_FULL))
            failure->code = VEDETTE_ERROR_UNAVAILABLE; /* a full disk is not the caller's doing */
    }
    bool is_refused = !is_good && auth_oidc_is_refusal(failure);
    if (is_taken)
        attempt_end(auth, &attempt, !is_refused, failure);
    if (is_refused)
        attempt_note_failure(auth, &attempt, "login-by-issuer-failed");
    if (failure)
        g_propagate_error(error, failure);
    attempt_clear(&attempt);
    return is_good;
}

bool auth_oidc_finish(struct auth *auth, const char *state_token, const char *state, const char *code,
                      const struct auth_origin *origin, struct grant *grant, struct login_limit *limit, GError **error)
{
    struct jwt kept;
    *grant = (struct grant){.access_token = NULL};
    *limit = (struct login_limit){.policy = NULL};
    if (!state_token || !state || !code || !keyring_check(auth, state_token, STATE_TYPE, &kept, NULL))
        return refuse("this browser began no login, or too long ago", error);
    const char *wanted = jwt_text_claim(&kept, "state");
    bool is_good = wanted && strlen(wanted) == strlen(state) && sodium_memcmp(wanted, state, strlen(state)) == 0;
    if (!is_good)
        refuse("it answers another login than this browser's", error);
    is_good = is_good && attempt_exchange(auth, &kept, code, origin, grant, limit, error);
    if (is_good)
        attempt_give_back_beginning(auth, origin);
    jwt_clear(&kept);
    return is_good;
}
