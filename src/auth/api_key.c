/* API keys: "vk_ORG.ID.SECRET". The id finds the row, the whole is compared by its digest. */
#include "auth/auth_internal.h"

#include <string.h>

#include "base/id.h"

enum { MAX_TOKEN_BYTES = 256, NOTE_USE_MS = 60000 };

static void fill_login(struct api_key *key, struct login *login)
{
    struct user *user = g_new(struct user, 1);
    record_init(&user_descriptor, user);
    user->id = g_strdup(key->id);
    g_free(user->org_id);
    user->org_id = g_strdup(key->org_id);
    user->username = g_strdup(key->name);
    user->role = key->role;
    user->created_at = key->created_at;
    *login = (struct login){.user = user, .key = key, .expires_ms = key->expires_at.ms};
}

/* Those by which users are changed count while who made them might do so: else who is disabled would be let in again by
 * a key that they kept. Others are of what uses them, and stand for themselves. */
static bool check_maker(struct auth *auth, const struct api_key *key, GError **error)
{
    if (key->role < ROLE_ADMIN)
        return true;
    GError *failure = NULL;
    struct user *maker = store_user_get(auth->store, key->org_id, key->created_by ? key->created_by : "", &failure);
    bool may = maker && !maker->is_disabled && maker->role >= key->role;
    user_free(maker);
    return may || (failure ? auth_fail(failure, error) : auth_refuse(error));
}

/* The key as stored, when it stands. `digest` NULL: it was compared before. */
static struct api_key *find_key(struct auth *auth, const char *org_id, const char *id, const char *digest,
                                GError **error)
{
    GError *failure = NULL;
    struct api_key *key = store_api_key_find(auth->store, org_id, id, &failure);
    if (!key) {
        auth_fail(failure, error);
        return NULL;
    }
    bool is_over = key->expires_at.ms && key->expires_at.ms <= clock_wall_ms(auth->clock);
    bool is_same = !digest || (key->secret_sha256 && strlen(key->secret_sha256) == strlen(digest) &&
                               sodium_memcmp(key->secret_sha256, digest, strlen(digest)) == 0);
    bool is_good = !is_over && is_same ? check_maker(auth, key, error) : auth_refuse(error);
    if (is_good)
        return key;
    api_key_free(key);
    return NULL;
}

bool api_key_check(struct auth *auth, const char *token, struct login *login, GError **error)
{
    const char *secret = strrchr(token, '.');
    if (!secret || strlen(token) > MAX_TOKEN_BYTES)
        return auth_refuse(error);
    g_autofree char *named = g_strndup(token + strlen(KEY_PREFIX), (gsize)(secret - token) - strlen(KEY_PREFIX));
    char *dot = strrchr(named, '.');
    if (!dot || !id_is_valid(dot + 1))
        return auth_refuse(error);
    *dot = '\0';
    g_autofree char *digest = auth_digest(token);
    struct api_key *key = find_key(auth, named, dot + 1, digest, error);
    if (!key)
        return false;
    if (clock_wall_ms(auth->clock) - key->used_at.ms >= NOTE_USE_MS) /* a store that is full is no reason to refuse */
        store_api_key_note_use(auth->store, key->org_id, key->id, NULL);
    fill_login(key, login);
    return true;
}

bool api_key_recheck(struct auth *auth, struct login *login, GError **error)
{
    struct api_key *key = find_key(auth, login->key->org_id, login->key->id, NULL, error);
    if (!key)
        return false;
    login_clear(login);
    fill_login(key, login);
    return true;
}

/* ---- what a key may do ---- */

static bool has_text(const struct record_strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

bool login_may_call(const struct login *login, const char *method, const char *path)
{
    if (!login->key || !login->key->routes.count)
        return true;
    g_autofree char *route = g_strconcat(method, " ", path, NULL);
    return has_text(&login->key->routes, route);
}

bool login_is_camera_bound(const struct login *login)
{
    return login->key && login->key->cameras.count;
}

bool login_may_see_camera(const struct login *login, const char *camera_id)
{
    return !login_is_camera_bound(login) || has_text(&login->key->cameras, camera_id);
}

/* ---- making and revoking ---- */

void auth_key_check(const struct auth *auth, const struct api_key_request *request, struct record_errors *errors)
{
    if (request->role <= ROLE_ANONYMOUS)
        record_errors_add(errors, "role", "a key needs one, from viewer up");
    if (request->expires_at.ms && request->expires_at.ms <= clock_wall_ms(auth->clock))
        record_errors_add(errors, "expires_at", "is over already");
}

/* A key may do no more than who makes it. */
static bool check_request(struct auth *auth, const struct login *actor, const struct api_key_request *request,
                          GError **error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    auth_key_check(auth, request, &errors);
    if (!auth_refuse_invalid(&errors, error))
        return false;
    if (request->role > actor->user->role || actor->key)
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                            actor->key ? "a key cannot make keys" : "nobody may give a role above their own");
    else
        return true;
    return false;
}

static void copy_strings(const struct record_strings *from, struct record_strings *to)
{
    to->items = from->count ? g_new0(char *, from->count) : NULL;
    to->count = from->count;
    for (size_t i = 0; i < from->count; i++)
        to->items[i] = g_strdup(from->items[i]);
}

bool auth_key_create(struct auth *auth, const struct login *actor, const struct audit_by *by,
                     const struct api_key_request *request, struct api_key_answer *answer, GError **error)
{
    if (!check_request(auth, actor, request, error))
        return false;
    char secret[SECRET_TEXT_BYTES];
    auth_make_secret(SECRET_BYTES, secret);
    record_init(&api_key_answer_descriptor, answer);
    struct api_key *key = &answer->api_key;
    key->id = id_new(auth->clock);
    key->org_id = g_strdup(actor->user->org_id);
    key->name = g_strdup(request->name);
    key->role = request->role;
    copy_strings(&request->routes, &key->routes);
    copy_strings(&request->cameras, &key->cameras);
    key->created_by = g_strdup(actor->user->id);
    key->created_at.ms = clock_wall_ms(auth->clock);
    key->expires_at = request->expires_at;
    answer->token = g_strconcat(KEY_PREFIX, key->org_id, ".", key->id, ".", secret, NULL);
    key->secret_sha256 = auth_digest(answer->token);
    if (store_api_key_add(auth->store, by, key, AUTH_SETTINGS(auth)->api_keys_per_org, error))
        return true;
    record_clear(&api_key_answer_descriptor, answer);
    return false;
}

GPtrArray *auth_keys_list(struct auth *auth, const char *org_id, GError **error)
{
    return store_api_keys_list(auth->store, org_id, error);
}

bool auth_key_revoke(struct auth *auth, const struct user *actor, const struct audit_by *by, const char *id,
                     GError **error)
{
    return store_api_key_end(auth->store, by, id, actor->role, error);
}
