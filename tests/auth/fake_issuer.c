#include "auth/fake_issuer.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "base/id.h"

enum { FORM_MAX_BYTES = 4096, WORDY_BYTES = 1 << 20, LIFE_SECONDS = 300 };
static const int64_t now_s = INT64_C(1767225600); /* where the tests' clock starts */

/* A login that has not been exchanged yet. */
struct visit {
    char *code, *challenge, *nonce, *subject, *name;
};

struct fake_issuer {
    struct MHD_Daemon *daemon;
    char *address;
    struct issuer_bend *bend;
    pthread_mutex_t lock;
    char *jwk; /* private */
    int key_number, key_reads;
    GPtrArray *visits;
};

static void free_visit(void *data)
{
    struct visit *visit = data;
    g_free(visit->code);
    g_free(visit->challenge);
    g_free(visit->nonce);
    g_free(visit->subject);
    g_free(visit->name);
    g_free(visit);
}

/* ---- its keys ---- */

static char *key_id(const struct fake_issuer *issuer)
{
    return g_strdup_printf("key-%d", issuer->key_number);
}

static json_t *public_key(const struct fake_issuer *issuer)
{
    g_autofree char *id = key_id(issuer);
    json_t *key = json_loads(issuer->jwk, 0, NULL);
    json_object_del(key, "d");
    json_object_set_new(key, "kid", json_string(id));
    json_object_set_new(key, "use", json_string("sig"));
    json_object_set_new(key, "alg", json_string("ES256"));
    return key;
}

static void make_key(struct fake_issuer *issuer)
{
    g_free(issuer->jwk);
    issuer->jwk = jwt_key_make(TOKEN_ES256, NULL);
    g_assert_nonnull(issuer->jwk);
    issuer->key_number++;
}

void fake_issuer_rotate(struct fake_issuer *issuer)
{
    pthread_mutex_lock(&issuer->lock);
    make_key(issuer);
    pthread_mutex_unlock(&issuer->lock);
}

/* The classic confusion of algorithms: a MAC with what everybody can read (RFC 8725 section 2.1). */
static struct jwt_key *confused_key(const struct fake_issuer *issuer, const char *id)
{
    json_t *public = public_key(issuer);
    char *text = json_dumps(public, JSON_COMPACT);
    char secret[2048];
    sodium_bin2base64(secret, sizeof secret, (const unsigned char *)text, strlen(text),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    g_autofree char *jwk = g_strdup_printf("{\"kty\":\"oct\",\"k\":\"%s\"}", secret);
    free(text);
    json_decref(public);
    return jwt_key_new(id, TOKEN_HS256, jwk, NULL);
}

static char *sign_token(const struct fake_issuer *issuer, const struct visit *visit)
{
    g_autofree char *id = key_id(issuer);
    CLEANUP(jwt_key)
    struct jwt_key *key = issuer->bend->signs_with_public_key ? confused_key(issuer, id)
                                                              : jwt_key_new(id, TOKEN_ES256, issuer->jwk, NULL);
    json_t *claims = json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I}", "iss", issuer->address, "aud", ISSUER_CLIENT, "sub",
                               visit->subject, "nonce", visit->nonce, "preferred_username", visit->name, "iat",
                               (json_int_t)now_s, "exp", (json_int_t)(now_s + LIFE_SECONDS));
    const char *name;
    json_t *value;
    json_object_foreach(issuer->bend->claims, name, value)
    {
        if (json_is_null(value))
            json_object_del(claims, name);
        else
            json_object_set(claims, name, value);
    }
    char *token = jwt_sign(key, "JWT", claims, NULL);
    g_assert_nonnull(token);
    json_decref(claims);
    return token;
}

/* ---- its pages ---- */

static json_t *describe(struct fake_issuer *issuer)
{
    g_autofree char *authorization = g_strconcat(issuer->address, "/authorize?tenant=one", NULL),
                    *token = g_strconcat(issuer->address, "/token", NULL),
                    *keys = g_strconcat(issuer->address, "/keys", NULL);
    const struct issuer_bend *bend = issuer->bend;
    return json_pack("{s:s,s:s,s:s,s:s}", "issuer", bend->named_issuer ? bend->named_issuer : issuer->address,
                     "authorization_endpoint", authorization, "token_endpoint", token, "jwks_uri",
                     bend->keys_at ? bend->keys_at : keys);
}

static json_t *list_keys(struct fake_issuer *issuer)
{
    issuer->key_reads++;
    return json_pack("{s:[o]}", "keys", public_key(issuer));
}

/* RFC 6749 section 2.3.1: name and secret are each form-encoded before they are joined. */
static bool is_our_client(struct MHD_Connection *connection)
{
    g_autofree char *name = g_uri_escape_string(ISSUER_CLIENT, NULL, FALSE),
                    *secret = g_uri_escape_string(ISSUER_SECRET, NULL, FALSE),
                    *both = g_strconcat(name, ":", secret, NULL);
    g_autofree char *coded = g_base64_encode((const guchar *)both, strlen(both)),
                    *wanted = g_strconcat("Basic ", coded, NULL);
    return g_strcmp0(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"), wanted) == 0;
}

static bool verifier_is_right(const struct visit *visit, const char *verifier)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char challenge[64];
    size_t length = verifier ? strlen(verifier) : 0;
    if (length < 43 || length > 128) /* RFC 7636 section 4.1 */
        return false;
    crypto_hash_sha256(digest, (const unsigned char *)verifier, length);
    sodium_bin2base64(challenge, sizeof challenge, digest, sizeof digest, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return strcmp(challenge, visit->challenge) == 0;
}

/* A code is good once, whether the rest is right or not. NULL: none such. */
static struct visit *take_visit(struct fake_issuer *issuer, const char *code)
{
    for (guint i = 0; code && i < issuer->visits->len; i++)
        if (strcmp(((struct visit *)g_ptr_array_index(issuer->visits, i))->code, code) == 0)
            return g_ptr_array_steal_index(issuer->visits, i);
    return NULL;
}

static json_t *exchange(struct fake_issuer *issuer, struct MHD_Connection *connection, const char *form)
{
    g_autoptr(GHashTable) given = g_uri_parse_params(form, -1, "&", G_URI_PARAMS_WWW_FORM, NULL);
    const char *kind = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
    if (!given || !is_our_client(connection) || g_strcmp0(kind, "application/x-www-form-urlencoded") != 0)
        return NULL;
    struct visit *visit = take_visit(issuer, g_hash_table_lookup(given, "code"));
    bool is_right = visit && g_strcmp0(g_hash_table_lookup(given, "grant_type"), "authorization_code") == 0 &&
                    g_strcmp0(g_hash_table_lookup(given, "redirect_uri"), ISSUER_REDIRECT) == 0 &&
                    verifier_is_right(visit, g_hash_table_lookup(given, "code_verifier"));
    g_autofree char *token = is_right ? sign_token(issuer, visit) : NULL;
    if (visit)
        free_visit(visit);
    return token ? json_pack("{s:s,s:s,s:s,s:i}", "id_token", token, "access_token", "unused", "token_type", "Bearer",
                             "expires_in", LIFE_SECONDS)
                 : NULL;
}

static enum MHD_Result send_text(struct MHD_Connection *connection, unsigned status, size_t length, char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(const struct fake_issuer *issuer, struct MHD_Connection *connection, unsigned status)
{
    const char *why = issuer->bend->refusal ? issuer->bend->refusal : "invalid_grant";
    g_autofree char *text = g_strdup_printf("{\"error\":\"%s\"}", why);
    return send_text(connection, status, strlen(text), text);
}

static enum MHD_Result answer(struct fake_issuer *issuer, struct MHD_Connection *connection, const char *method,
                              const char *path, const char *form)
{
    if (issuer->bend->is_away)
        return send_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, 0, "");
    if (issuer->bend->refuses_with)
        return refuse(issuer, connection, issuer->bend->refuses_with);
    if (issuer->bend->is_wordy) {
        g_autofree char *spaces = g_malloc(WORDY_BYTES);
        memset(spaces, ' ', WORDY_BYTES);
        return send_text(connection, MHD_HTTP_OK, WORDY_BYTES, spaces);
    }
    bool is_get = strcmp(method, "GET") == 0;
    json_t *json = is_get && strcmp(path, "/.well-known/openid-configuration") == 0 ? describe(issuer)
                   : is_get && strcmp(path, "/keys") == 0                           ? list_keys(issuer)
                   : !is_get && strcmp(path, "/token") == 0                         ? exchange(issuer, connection, form)
                                                                                    : NULL;
    if (!json)
        return refuse(issuer, connection, MHD_HTTP_BAD_REQUEST);
    char *text = json_dumps(json, 0);
    enum MHD_Result result = send_text(connection, MHD_HTTP_OK, strlen(text), text);
    free(text);
    json_decref(json);
    return result;
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *body, size_t *body_bytes, void **state)
{
    (void)version;
    struct fake_issuer *issuer = data;
    GString *form = *state;
    if (!form) {
        *state = g_string_new(NULL);
        return MHD_YES;
    }
    if (*body_bytes) {
        if (form->len + *body_bytes > FORM_MAX_BYTES)
            return MHD_NO;
        g_string_append_len(form, body, (gssize)*body_bytes);
        *body_bytes = 0;
        return MHD_YES;
    }
    pthread_mutex_lock(&issuer->lock);
    enum MHD_Result result = answer(issuer, connection, method, path, form->str);
    pthread_mutex_unlock(&issuer->lock);
    return result;
}

static void end_request(void *data, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode why)
{
    (void)data, (void)connection, (void)why;
    if (*state)
        g_string_free(*state, TRUE);
    *state = NULL;
}

/* ---- its life ---- */

struct fake_issuer *fake_issuer_start(struct issuer_bend *bend)
{
    struct fake_issuer *issuer = g_new0(struct fake_issuer, 1);
    issuer->bend = bend;
    pthread_mutex_init(&issuer->lock, NULL);
    issuer->visits = g_ptr_array_new_with_free_func(free_visit);
    make_key(issuer);
    const struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    issuer->daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handle, issuer, MHD_OPTION_SOCK_ADDR, &here,
                         MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL, MHD_OPTION_END);
    g_assert_nonnull(issuer->daemon);
    issuer->address =
        g_strdup_printf("http://127.0.0.1:%d", MHD_get_daemon_info(issuer->daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    return issuer;
}

void fake_issuer_stop(struct fake_issuer *issuer)
{
    MHD_stop_daemon(issuer->daemon);
    g_ptr_array_unref(issuer->visits);
    pthread_mutex_destroy(&issuer->lock);
    g_free(issuer->address);
    g_free(issuer->jwk);
    g_free(issuer);
}

const char *fake_issuer_address(const struct fake_issuer *issuer)
{
    return issuer->address;
}

int fake_issuer_key_reads(struct fake_issuer *issuer)
{
    pthread_mutex_lock(&issuer->lock);
    int reads = issuer->key_reads;
    pthread_mutex_unlock(&issuer->lock);
    return reads;
}

/* ---- the browser there ---- */

static char *take(GHashTable *given, const char *name)
{
    const char *value = g_hash_table_lookup(given, name);
    g_assert_nonnull(value);
    return g_strdup(value);
}

static void assert_given(GHashTable *given, const char *name, const char *wanted)
{
    g_assert_cmpstr(g_hash_table_lookup(given, name), ==, wanted);
}

struct issuer_return fake_issuer_visit(struct fake_issuer *issuer, const char *address, const char *subject,
                                       const char *name)
{
    g_autofree char *start = g_strconcat(issuer->address, "/authorize?", NULL);
    g_assert_true(g_str_has_prefix(address, start));
    g_autoptr(GHashTable) given = g_uri_parse_params(address + strlen(start), -1, "&", G_URI_PARAMS_WWW_FORM, NULL);
    g_assert_nonnull(given);
    assert_given(given, "tenant", "one"); /* what the endpoint had already stays (RFC 6749 section 3.1) */
    assert_given(given, "response_type", "code");
    assert_given(given, "client_id", ISSUER_CLIENT);
    assert_given(given, "redirect_uri", ISSUER_REDIRECT);
    assert_given(given, "scope", "openid profile");
    assert_given(given, "code_challenge_method", "S256");
    struct visit *visit = g_new0(struct visit, 1);
    *visit = (struct visit){.challenge = take(given, "code_challenge"),
                            .nonce = take(given, "nonce"),
                            .subject = g_strdup(subject),
                            .name = g_strdup(name)};
    pthread_mutex_lock(&issuer->lock);
    visit->code = g_strdup_printf("code %d&", issuer->visits->len);
    g_ptr_array_add(issuer->visits, visit);
    struct issuer_return back = {take(given, "state"), g_strdup(visit->code)};
    pthread_mutex_unlock(&issuer->lock);
    return back;
}

void issuer_return_clear(struct issuer_return *back)
{
    g_free(back->state);
    g_free(back->code);
}
