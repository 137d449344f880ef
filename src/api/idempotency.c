/* Idempotency-Key: who does not know whether a POST was done sends it again with the same key, and gets the answer that
 * it had rather than a second thing. Answers are kept in the store, so that a restart between the two changes nothing.
 * What was the server's fault (5xx), or too much (429), is not kept: it is tried anew. So is what has no answer BUSY_MS
 * after it came: the server ended in the middle of it. Whether it had been done by then is not known, as the effect and
 * its answer are no one transaction; where it had, it is done twice. Where there are keys of policies answers are kept
 * sealed, for they may hold what is sealed where it stands. */
#define LOG_MODULE "api"
#include <string.h>

#include "api/api_internal.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "store/kept_answers.h"

enum { BUSY_MS = 60000, KEY_MAX_BYTES = 255 };

bool route_takes_idempotency_key(const struct route *route)
{
    return strcmp(route->method, "POST") == 0 && route->role > ROLE_ANONYMOUS && route->rate != RATE_HEAVY &&
           !(route->features & ROUTE_SECRET);
}

static void add_text(GChecksum *checksum, const char *text)
{
    g_checksum_update(checksum, (const guchar *)text,
                      (gssize)strlen(text) + 1); /* with its NUL: "ab","c" is no "a","bc" */
}

/* A key is its user's, and of one address. g_free. */
static char *digest_of_key(const struct request *request, const char *key)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *path = http_target_path(request->target);
    add_text(checksum, request->login.user->id);
    add_text(checksum, path);
    add_text(checksum, key);
    return g_strdup(g_checksum_get_string(checksum));
}

/* HMAC-SHA-256 of its query and body with the Idempotency-Key, which is stored nowhere: who reads the store cannot try
 * out what was sent, unless the key can be guessed as well. A secret of the server's would lie beside it. g_free. */
static char *digest_of_request(const struct request *request)
{
    const char *key = request->idempotency_key;
    g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA256, (const guchar *)key, strlen(key));
    g_hmac_update(hmac, (const guchar *)request->raw_target, (gssize)strlen(request->raw_target) + 1);
    g_hmac_update(hmac, request->body->data, request->body->len);
    return g_strdup(g_hmac_get_string(hmac));
}

/* Those that a repetition says, too, as struct kept_answer has them; NULL: there are none. g_free. */
static char *headers_of(const struct answer *answer)
{
    GString *lines = g_string_new(NULL);
    for (guint i = 0; i < answer->headers->len; i += 2) {
        const char *name = g_ptr_array_index(answer->headers, i);
        if (answer_header_is_repeated(name))
            g_string_append_printf(lines, "%s: %s\n", name, (char *)g_ptr_array_index(answer->headers, i + 1));
    }
    return g_string_free(lines, !lines->len);
}

static void answer_headers_again(const struct kept_answer *kept, struct answer *answer)
{
    g_auto(GStrv) lines = g_strsplit(kept->headers ? kept->headers : "", "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], ": ", 2);
        if (parts[0] && parts[1])
            answer_header(answer, parts[0], "%s", parts[1]);
    }
}

static void answer_kept(struct policy_keeper *policies, const struct kept_answer *kept, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *body =
        kept->body ? policy_keeper_open_answer(policies, kept->org_id, kept->key, kept->body, &error) : NULL;
    if (error) {
        g_prefix_error(&error, "it was done, and its answer cannot be given again: ");
        answer_problem(answer, MHD_HTTP_CONFLICT, error->message, NULL);
        return;
    }
    answer->status = (unsigned)kept->status;
    if (body)
        answer_text(answer, (unsigned)kept->status,
                    strcmp(kept->content_type, "application/json") == 0 ? "application/json"
                                                                        : "application/problem+json",
                    g_string_new(body));
    answer_headers_again(kept, answer);
    answer_header(answer, "Idempotency-Replayed", "true");
}

static void answer_again(struct policy_keeper *policies, const struct kept_answer *kept, const char *request_sha256,
                         struct answer *answer)
{
    if (strcmp(kept->request_sha256, request_sha256) != 0) {
        answer_problem_coded(answer, PROBLEM_KEY_REUSED, "another request had this Idempotency-Key: take a new one");
    } else if (!kept->status) {
        answer_problem(answer, MHD_HTTP_CONFLICT, "the same request is being done: ask again in a second", NULL);
        answer_header(answer, "Retry-After", "1");
    } else {
        answer_kept(policies, kept, answer);
    }
}

bool idempotency_begin(struct request *request, struct answer *answer)
{
    const char *key = request->idempotency_key;
    if (!key || request->kept_key || !route_takes_idempotency_key(request->route))
        return true;
    if (!*key || strlen(key) > KEY_MAX_BYTES) {
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "Idempotency-Key must have 1 to 255 characters", NULL);
        return false;
    }
    const struct http_settings *http = &request->api->settings->http;
    g_autofree char *digest = digest_of_key(request, key), *request_sha256 = digest_of_request(request);
    const struct store_answer_claim claim = {
        .org_id = request->login.user->org_id,
        .key = digest,
        .request_sha256 = request_sha256,
        .max_age_ms = (int64_t)http->idempotency_minutes * 60000,
        .max_busy_ms = BUSY_MS,
        .max_keys = http->idempotency_max_keys,
    };
    struct kept_answer *kept = NULL;
    g_autoptr(GError) error = NULL;
    if (!store_answer_claim(request->api->store, &claim, &kept, &error))
        answer_error(answer, error);
    else if (kept)
        answer_again(request->api->policies, kept, request_sha256, answer);
    else
        request->kept_key = g_steal_pointer(&digest);
    kept_answer_free(kept);
    return request->kept_key != NULL;
}

void idempotency_end(struct request *request, const struct answer *answer)
{
    if (!request->kept_key || answer->is_waiting)
        return;
    const char *org_id = request->login.user->org_id;
    bool is_kept = answer->status < 500 && answer->status != MHD_HTTP_TOO_MANY_REQUESTS;
    gsize size = 0;
    const char *body = answer->body ? g_bytes_get_data(answer->body, &size) : NULL;
    g_autofree char *text = body ? g_strndup(body, size) : NULL, *headers = headers_of(answer),
                    *request_sha256 = digest_of_request(request),
                    *sealed = text ? policy_keeper_seal_answer(request->api->policies, org_id, request->kept_key, text)
                                   : NULL;
    const struct kept_answer kept = {
        .org_id = (char *)(uintptr_t)org_id,
        .key = request->kept_key,
        .request_sha256 = request_sha256,
        .status = (int32_t)answer->status,
        .content_type = (char *)(uintptr_t)answer->content_type,
        .body = sealed,
        .headers = headers,
        .created_at = {clock_wall_ms(request->api->clock)},
    };
    g_autoptr(GError) error = NULL;
    bool is_good = is_kept ? store_answer_keep(request->api->store, &kept,
                                               request->api->settings->http.idempotency_max_bytes, &error)
                           : store_answer_let_go(request->api->store, org_id, request->kept_key, &error);
    if (!is_good) /* what was asked is done all the same; its key stays taken until it is forgotten */
        log_warning(NULL, "an answer is not kept for its Idempotency-Key: %s", error->message);
    g_clear_pointer(&request->kept_key, g_free);
}
