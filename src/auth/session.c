/* Sessions and their tokens. A refresh token's successor is made of the token and the session's secret, so that two
 * refreshes at once come to the same one without either of them being stored in the open. A token is
 * "vr_ORG.SESSION~SECRET~MARK": the mark, of the secret and the session's, says that we made it, so that one that was
 * used and forgotten since is still known as the session's. */
#include "auth/auth_internal.h"

#include <string.h>

#include "base/counter.h"
#include "base/id.h"

enum { SECONDS_A_DAY = 86400, MAX_AGENT_BYTES = 256, MAX_TOKEN_BYTES = 256 };

void grant_clear(struct grant *grant)
{
    char **const texts[] = {&grant->access_token, &grant->refresh_token, &grant->csrf_token, &grant->device_token};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (*texts[i])
            sodium_memzero(*texts[i], strlen(*texts[i]));
        g_free(*texts[i]);
    }
    *grant = (struct grant){.access_token = NULL};
}

char *session_csrf_token(const struct session *session)
{
    return auth_derive(session->secret, "csrf");
}

bool session_must_change_password(const struct session *session, const struct user *user)
{
    return user->must_change_password && !session->is_by_issuer;
}

/* ---- tokens ---- */

static int access_seconds(const struct auth *auth, enum client_kind client)
{
    const struct auth_settings *settings = AUTH_SETTINGS(auth);
    return (client == CLIENT_BROWSER ? settings->browser_token_minutes : settings->token_minutes) * 60;
}

/* Never longer than its session, so that both end together. */
static bool fill_grant(struct auth *auth, const struct session *session, const struct user *user, struct grant *grant,
                       GError **error)
{
    int64_t rest_ms = session->expires_at.ms - clock_wall_ms(auth->clock);
    grant->session_seconds = (int32_t)(rest_ms / 1000);
    grant->expires_in_seconds = MIN(access_seconds(auth, session->client), grant->session_seconds);
    grant->role = user->role;
    grant->must_change_password = session_must_change_password(session, user);
    if (session->client == CLIENT_BROWSER)
        grant->csrf_token = session_csrf_token(session);
    char id[ID_TEXT_BYTES];
    id_write(auth->clock, id);
    json_t *claims =
        json_pack("{s:s,s:s,s:s,s:s}", "sub", user->id, "org", user->org_id, "sid", session->id, "jti", id);
    grant->access_token = keyring_sign(auth, TOKEN_TYPE, claims, grant->expires_in_seconds, error);
    return grant->access_token != NULL;
}

/* A token that lets this browser log in however many wrong logins come from elsewhere ("device cookie", OWASP). */
static bool fill_device(struct auth *auth, const struct user *user, struct grant *grant, GError **error)
{
    char id[ID_TEXT_BYTES];
    id_write(auth->clock, id);
    json_t *claims = json_pack("{s:s,s:s,s:s}", "sub", user->id, "org", user->org_id, "jti", id);
    int64_t life_seconds = (int64_t)AUTH_SETTINGS(auth)->session_days * SECONDS_A_DAY;
    grant->device_token = keyring_sign(auth, DEVICE_TYPE, claims, life_seconds, error);
    return grant->device_token != NULL;
}

char *session_device_user(struct auth *auth, const char *device_token, char **device_id)
{
    struct jwt jwt;
    *device_id = NULL;
    if (!device_token || !keyring_check(auth, device_token, DEVICE_TYPE, &jwt, NULL))
        return NULL;
    char *user_id = g_strdup(jwt_text_claim(&jwt, "sub"));
    *device_id = g_strdup(jwt_text_claim(&jwt, "jti"));
    jwt_clear(&jwt);
    return user_id;
}

/* ---- beginning ---- */

static void init_session(struct auth *auth, const struct user *user, enum client_kind client,
                         const struct auth_origin *origin, struct session *session)
{
    char secret[SECRET_TEXT_BYTES];
    auth_make_secret(SECRET_BYTES, secret);
    int64_t now_ms = clock_wall_ms(auth->clock);
    int64_t life_seconds = client == CLIENT_BROWSER ? (int64_t)AUTH_SETTINGS(auth)->session_days * SECONDS_A_DAY
                                                    : access_seconds(auth, client);
    record_init(&session_descriptor, session);
    session->id = id_new(auth->clock);
    session->org_id = g_strdup(user->org_id);
    session->user_id = g_strdup(user->id);
    session->client = client;
    session->secret = g_strdup(secret);
    session->address = g_strdup(origin->address);
    session->user_agent = origin->user_agent ? g_utf8_make_valid(origin->user_agent, -1) : NULL;
    if (session->user_agent && strlen(session->user_agent) > MAX_AGENT_BYTES) {
        char *cut = g_utf8_substring(session->user_agent, 0, MAX_AGENT_BYTES / 4); /* a character has 4 bytes at most */
        g_free(session->user_agent);
        session->user_agent = cut;
    }
    session->created_at.ms = session->used_at.ms = now_ms;
    session->expires_at.ms = now_ms + life_seconds * 1000;
}

static char *mark_of(const struct session *session, const char *secret)
{
    g_autofree char *text = g_strconcat("refresh ", secret, NULL);
    return auth_derive(session->secret, text);
}

static char *refresh_token_of(const struct session *session, const char *secret)
{
    g_autofree char *mark = mark_of(session, secret);
    return g_strconcat(REFRESH_PREFIX, session->org_id, ".", session->id, "~", secret, "~", mark, NULL);
}

static char *first_refresh_token(const struct session *session)
{
    char secret[SECRET_TEXT_BYTES];
    auth_make_secret(SECRET_BYTES, secret);
    return refresh_token_of(session, secret);
}

/* By what a login was proved, and what ends a user's logins when it changes. */
static bool is_as_verified(void *data, const struct user *now)
{
    const struct user *verified = data;
    return !now->is_disabled && g_strcmp0(now->password_hash, verified->password_hash) == 0 &&
           g_strcmp0(now->oidc_subject, verified->oidc_subject) == 0 &&
           g_strcmp0(now->oidc_issuer, verified->oidc_issuer) == 0;
}

/* A token that this user cannot use, as of another user's login, or of a key that is gone, is none. */
static bool is_device_of(struct auth *auth, const struct user *user, const char *device_token)
{
    g_autofree char *device = NULL, *device_user = session_device_user(auth, device_token, &device);
    return device && g_strcmp0(device_user, user->id) == 0;
}

bool session_begin(struct auth *auth, const struct user *user, enum client_kind client,
                   const struct auth_origin *origin, bool is_by_issuer, struct grant *grant, GError **error)
{
    struct session session;
    *grant = (struct grant){.access_token = NULL};
    init_session(auth, user, client, origin, &session);
    session.is_by_issuer = is_by_issuer;
    bool is_browser = client == CLIENT_BROWSER;
    grant->refresh_token = is_browser ? first_refresh_token(&session) : NULL;
    g_autofree char *digest = is_browser ? auth_digest(grant->refresh_token) : NULL;
    GError *failure = NULL;
    const struct store_user_expectation expected = {is_as_verified, (void *)(uintptr_t)user};
    bool is_good =
        store_session_add(auth->store, &session, digest, AUTH_SETTINGS(auth)->sessions_per_user, &expected, &failure) &&
        fill_grant(auth, &session, user, grant, &failure) &&
        (!is_browser || is_device_of(auth, user, origin->device_token) || fill_device(auth, user, grant, &failure));
    record_clear(&session_descriptor, &session);
    if (!is_good) {
        if (!g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT))
            failure->code = VEDETTE_ERROR_UNAVAILABLE; /* a full disk is not the caller's doing */
        g_propagate_error(error, failure);
        grant_clear(grant);
        return false;
    }
    const struct audit_by by = {user->org_id, user->id, user->username, origin->address, NULL};
    auth_note(auth, &by, AUDIT_LOGIN, user->id, is_by_issuer ? "login-by-issuer" : "login");
    return true;
}

/* ---- going on ---- */

struct refreshing {
    const char *token;
    char **parts; /* session, secret and mark; of tokens of before there were marks the secret alone */
    char *successor;
};

static char *make_successor(void *data, const struct session *session)
{
    struct refreshing *refreshing = data;
    g_autofree char *secret = auth_derive(session->secret, refreshing->token);
    g_free(refreshing->successor);
    refreshing->successor = refresh_token_of(session, secret);
    return auth_digest(refreshing->successor);
}

static bool is_of_family(void *data, const struct session *session)
{
    const struct refreshing *refreshing = data;
    g_autofree char *mark = mark_of(session, refreshing->parts[1]);
    return strlen(refreshing->parts[2]) == strlen(mark) && sodium_memcmp(refreshing->parts[2], mark, strlen(mark)) == 0;
}

/* "vr_ORG.…": the org. NULL: it is none. g_free. */
static char *org_of(const char *token)
{
    const char *dot = strrchr(token, '.');
    if (!dot || !g_str_has_prefix(token, REFRESH_PREFIX) || strlen(token) > MAX_TOKEN_BYTES)
        return NULL;
    const char *org = token + strlen(REFRESH_PREFIX);
    return dot > org ? g_strndup(org, (gsize)(dot - org)) : NULL;
}

static bool continue_session(struct auth *auth, const struct session *session, struct grant *grant, GError **error)
{
    GError *failure = NULL;
    struct user *user = store_user_get(auth->store, session->org_id, session->user_id, &failure);
    bool is_good = user && !user->is_disabled && fill_grant(auth, session, user, grant, &failure);
    user_free(user);
    return is_good || (failure ? auth_fail(failure, error) : auth_refuse(error));
}

bool auth_refresh(struct auth *auth, const char *refresh_token, const struct auth_origin *origin, struct grant *grant,
                  GError **error)
{
    *grant = (struct grant){.access_token = NULL};
    g_autofree char *org_id = org_of(refresh_token);
    if (!org_id)
        return auth_refuse(error);
    g_autofree char *digest = auth_digest(refresh_token);
    g_auto(GStrv) parts = g_strsplit(strrchr(refresh_token, '.') + 1, "~", -1);
    struct refreshing refreshing = {refresh_token, parts, NULL};
    const struct store_refresh refresh = {.org_id = org_id,
                                          .sha256 = digest,
                                          .leeway_ms = AUTH_SETTINGS(auth)->refresh_leeway_seconds * 1000,
                                          .session_id =
                                              g_strv_length(parts) == 3 && id_is_valid(parts[0]) ? parts[0] : NULL,
                                          .make_successor = make_successor,
                                          .is_of_family = is_of_family,
                                          .data = &refreshing,
                                          .address = origin->address};
    enum refresh_outcome outcome;
    struct session *session = NULL;
    bool is_good = store_refresh_use(auth->store, &refresh, &outcome, &session, error);
    if (is_good && outcome == REFRESH_REUSED)
        counter_add(&auth->health->refresh_tokens_reused, 1);
    if (is_good)
        is_good = outcome == REFRESH_GOOD ? continue_session(auth, session, grant, error) : auth_refuse(error);
    if (is_good)
        grant->refresh_token = g_steal_pointer(&refreshing.successor);
    else
        grant_clear(grant);
    g_free(refreshing.successor);
    session_free(session);
    return is_good;
}

/* ---- ending ---- */

bool auth_logout(struct auth *auth, const struct login *login, const struct audit_by *by, GError **error)
{
    const struct store_session_reach own = {.user_id = login->user->id};
    return store_session_end(auth->store, by, login->session_id, &own, "logout", error);
}

GPtrArray *auth_sessions_list(struct auth *auth, const char *org_id, const char *user_id, GError **error)
{
    return store_sessions_list(auth->store, org_id, user_id, error);
}

bool auth_session_end(struct auth *auth, const struct user *actor, const struct audit_by *by, const char *id,
                      const char *user_id, GError **error)
{
    const struct store_session_reach reach = {user_id, actor->role};
    return store_session_end(auth->store, by, id, &reach, "end-session", error);
}
