/* The keys that sign access tokens: one signs, those before it are accepted until they retire. They lie in the store,
 * so that all servers on one store accept each other's tokens; a key that another server made is found when a token
 * names it, and that another server let one retire within REFRESH_US. */
#define LOG_MODULE "auth"
#include "auth/auth_internal.h"

#include <pthread.h>
#include <string.h>

#include "base/id.h"
#include "base/log.h"

enum {
    SECONDS_A_DAY = 86400,
    RELOAD_INTERVAL_US = 1000000, /* tokens with keys made up must not make us ask the store each time */
    RETRY_US = 5000000,           /* where the store did not answer when they were */
    REFRESH_US = 60000000,        /* what is held is looked at anew after so long: when a key retires another may say */
};

struct held_key {
    struct jwt_key *key;
    int64_t created_ms, retires_ms; /* retires 0: the one that signs */
};

struct keyring {
    pthread_rwlock_t lock;  /* checking reads, signing writes: it may make a key */
    GArray *keys;           /* lock; of struct held_key, newest first */
    int64_t next_reload_us; /* lock; an unknown key has the store asked from then on */
    int64_t refresh_us;     /* lock; any key has */
    GError *failure;        /* lock; why the last reload failed, NULL after a good one */
};

static void clear_held(void *data)
{
    jwt_key_free(((struct held_key *)data)->key);
}

/* Keys of another algorithm than the deployment's are not taken: no token of theirs is good. */
static bool load(struct auth *auth, GArray *keys, GError **error)
{
    g_autoptr(GPtrArray) stored = store_signing_keys_list(auth->store, error);
    for (guint i = 0; stored && i < stored->len; i++) {
        const struct signing_key *row = g_ptr_array_index(stored, i);
        if (row->algorithm != AUTH_SETTINGS(auth)->token_algorithm || !row->jwk)
            continue;
        struct held_key held = {jwt_key_new(row->id, row->algorithm, row->jwk, error), row->created_at.ms,
                                row->retires_at.ms};
        if (!held.key)
            return false;
        g_array_append_val(keys, held);
    }
    return stored != NULL;
}

static GArray *new_keys(void)
{
    GArray *keys = g_array_new(FALSE, FALSE, sizeof(struct held_key));
    g_array_set_clear_func(keys, clear_held);
    return keys;
}

/* With the lock. The keys that are there stay when the store is away. */
static bool reload(struct auth *auth, GError **error)
{
    struct keyring *keyring = auth->keyring;
    g_autoptr(GArray) keys = new_keys();
    g_clear_error(&keyring->failure);
    if (!load(auth, keys, &keyring->failure)) {
        if (error)
            *error = g_error_copy(keyring->failure);
        return false;
    }
    g_array_unref(keyring->keys);
    keyring->keys = g_steal_pointer(&keys);
    keyring->refresh_us = clock_monotonic_us(auth->clock) + REFRESH_US;
    return true;
}

/* What was signed last lives as long as the longest-lived thing that is signed. */
static int64_t retirement_ms(const struct auth *auth)
{
    const struct auth_settings *settings = AUTH_SETTINGS(auth);
    int64_t seconds = MAX((int64_t)settings->token_minutes * 60, (int64_t)settings->session_days * SECONDS_A_DAY);
    return clock_wall_ms(auth->clock) + (seconds + settings->clock_skew_seconds) * 1000;
}

static bool add_key(struct auth *auth, GError **error)
{
    enum token_algorithm algorithm = AUTH_SETTINGS(auth)->token_algorithm;
    g_autofree char *id = id_new(auth->clock), *jwk = jwt_key_make(algorithm, error);
    const struct signing_key key = {id, algorithm, jwk, {clock_wall_ms(auth->clock)}, {0}};
    bool is_good = jwk && store_signing_key_add(auth->store, &key, retirement_ms(auth), error);
    if (jwk)
        sodium_memzero(jwk, strlen(jwk));
    if (!is_good)
        return false;
    log_info(NULL, "a new key signs access tokens: %s", id);
    const struct audit_by by = {"default", "system", NULL, NULL, NULL};
    auth_note(auth, &by, AUDIT_TOKEN, id, "create-signing-key");
    return true;
}

/* With the lock: makes sure that the newest key is one that may sign. */
static bool ensure_key(struct auth *auth, GError **error)
{
    struct keyring *keyring = auth->keyring;
    int64_t oldest_ms =
        clock_wall_ms(auth->clock) - (int64_t)AUTH_SETTINGS(auth)->key_days * SECONDS_A_DAY * INT64_C(1000);
    const struct held_key *newest = keyring->keys->len ? &g_array_index(keyring->keys, struct held_key, 0) : NULL;
    if (newest && !newest->retires_ms && newest->created_ms > oldest_ms)
        return true;
    /* Another server may have made one already. */
    bool can_sign = newest && !newest->retires_ms;
    if (!reload(auth, can_sign ? NULL : error))
        return can_sign;
    newest = keyring->keys->len ? &g_array_index(keyring->keys, struct held_key, 0) : NULL;
    if (newest && !newest->retires_ms && newest->created_ms > oldest_ms)
        return true;
    return add_key(auth, error) && reload(auth, error);
}

struct keyring *keyring_new(void)
{
    struct keyring *keyring = g_new0(struct keyring, 1);
    pthread_rwlock_init(&keyring->lock, NULL);
    keyring->keys = new_keys();
    return keyring;
}

/* Those who check tokens hold the lock: a store that may be away is asked without it first. (Where keys are looked at
 * anew they wait for the store once in RETRY_US at most.) */
bool keyring_prepare(struct auth *auth, GError **error)
{
    g_autoptr(GArray) keys = new_keys();
    if (!load(auth, keys, error))
        return false;
    pthread_rwlock_wrlock(&auth->keyring->lock);
    bool is_good = ensure_key(auth, error);
    pthread_rwlock_unlock(&auth->keyring->lock);
    return is_good;
}

void keyring_free(struct keyring *keyring)
{
    if (!keyring)
        return;
    g_array_unref(keyring->keys);
    g_clear_error(&keyring->failure);
    pthread_rwlock_destroy(&keyring->lock);
    g_free(keyring);
}

char *keyring_sign(struct auth *auth, const char *type, json_t *claims, int64_t life_seconds, GError **error)
{
    int64_t now_s = clock_wall_ms(auth->clock) / 1000;
    json_object_set_new(claims, "iss", json_string(AUTH_SETTINGS(auth)->issuer));
    json_object_set_new(claims, "aud", json_string(TOKEN_AUDIENCE));
    json_object_set_new(claims, "iat", json_integer(now_s));
    json_object_set_new(claims, "exp", json_integer(now_s + life_seconds));
    pthread_rwlock_wrlock(&auth->keyring->lock);
    char *token = ensure_key(auth, error)
                      ? jwt_sign(g_array_index(auth->keyring->keys, struct held_key, 0).key, type, claims, error)
                      : NULL;
    pthread_rwlock_unlock(&auth->keyring->lock);
    json_decref(claims);
    return token;
}

int64_t keyring_retires_ms(const struct auth *auth, const char *key_id)
{
    int64_t retires_ms = INT64_MAX;
    pthread_rwlock_rdlock(&auth->keyring->lock);
    for (guint i = 0; i < auth->keyring->keys->len; i++) {
        const struct held_key *held = &g_array_index(auth->keyring->keys, struct held_key, i);
        if (held->retires_ms && strcmp(jwt_key_id(held->key), key_id) == 0)
            retires_ms = held->retires_ms;
    }
    pthread_rwlock_unlock(&auth->keyring->lock);
    return retires_ms;
}

/* With the lock. NULL: no such key, or it retired. */
static const struct jwt_key *find_key(const struct auth *auth, const char *id)
{
    const GArray *keys = auth->keyring->keys;
    int64_t now_ms = clock_wall_ms(auth->clock);
    for (guint i = 0; i < keys->len; i++) {
        const struct held_key *held = &g_array_index(keys, struct held_key, i);
        if (strcmp(jwt_key_id(held->key), id) == 0)
            return held->retires_ms && held->retires_ms <= now_ms ? NULL : held->key;
    }
    return NULL;
}

/* *is_known: the key is there; false is told to look in the store. */
static bool verify_with_held(struct auth *auth, const struct jwt *jwt, bool *is_known)
{
    pthread_rwlock_rdlock(&auth->keyring->lock);
    const struct jwt_key *key = find_key(auth, jwt->key_id);
    bool is_right = key && jwt_verify(jwt, key, NULL);
    pthread_rwlock_unlock(&auth->keyring->lock);
    *is_known = key != NULL;
    return is_right;
}

/* False, without an error: there is nothing newer. With one: the store could not be asked. */
static bool reload_if_due(struct auth *auth, GError **error)
{
    struct keyring *keyring = auth->keyring;
    pthread_rwlock_wrlock(&keyring->lock);
    int64_t now_us = clock_monotonic_us(auth->clock);
    bool is_due = now_us >= keyring->next_reload_us;
    bool is_done = is_due && reload(auth, NULL);
    if (is_due) /* from its end: those who waited for a store that answers late are not to ask it one after the other */
        keyring->next_reload_us = clock_monotonic_us(auth->clock) + RELOAD_INTERVAL_US;
    if (is_due && !is_done)
        keyring->refresh_us = clock_monotonic_us(auth->clock) + RETRY_US;
    if (keyring->failure)
        *error = g_error_copy(keyring->failure);
    pthread_rwlock_unlock(&keyring->lock);
    return is_done;
}

static bool is_old(const struct auth *auth)
{
    pthread_rwlock_rdlock(&auth->keyring->lock);
    bool is_old = clock_monotonic_us(auth->clock) >= auth->keyring->refresh_us;
    pthread_rwlock_unlock(&auth->keyring->lock);
    return is_old;
}

/* Refused is what is known to be wrong: a key that the store may have, and cannot be asked for, is not. */
static bool verify(struct auth *auth, const struct jwt *jwt, GError **error)
{
    g_autoptr(GError) failure = NULL, unrefreshed = NULL;
    bool is_known = false;
    if (is_old(auth)) /* where the store is away, what is held goes on counting */
        reload_if_due(auth, &unrefreshed);
    if (jwt->key_id && (verify_with_held(auth, jwt, &is_known) ||
                        (!is_known && reload_if_due(auth, &failure) && verify_with_held(auth, jwt, &is_known))))
        return true;
    if (!failure)
        return auth_refuse(error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}

bool keyring_check(struct auth *auth, const char *token, const char *type, struct jwt *jwt, GError **error)
{
    const struct auth_settings *settings = AUTH_SETTINGS(auth);
    const struct jwt_expected expected = {.type = type,
                                          .issuer = settings->issuer,
                                          .audience = TOKEN_AUDIENCE,
                                          .now_s = clock_wall_ms(auth->clock) / 1000,
                                          .skew_s = settings->clock_skew_seconds};
    if (!jwt_parse(token, strlen(token), jwt, NULL))
        return auth_refuse(error);
    if (verify(auth, jwt, error) && (jwt_check(jwt, &expected, NULL) || auth_refuse(error)))
        return true;
    jwt_clear(jwt);
    return false;
}
