#define LOG_MODULE "api"
#include <string.h>

#include "api/api_internal.h"
#include "base/log.h"
#include "store/audit.h"

/* A form is the same record as the JSON: field by field, by name. */
static bool decode_form(const char *text, struct login_request *login, struct record_errors *errors)
{
    record_init(&login_request_descriptor, login);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) parameters = http_parameters_parse(text, &error);
    if (!parameters) {
        record_errors_add(errors, "", "%s", error->message);
        return false;
    }
    g_free(login->username);
    g_free(login->password);
    login->username = g_strdup(http_parameter_get(parameters, "username"));
    login->password = g_strdup(http_parameter_get(parameters, "password"));
    if (record_validate(&login_request_descriptor, login, "", errors))
        return true;
    record_clear(&login_request_descriptor, login);
    return false;
}

static bool decode_login(const struct request *request, struct login_request *login, struct answer *answer)
{
    struct record_errors errors;
    record_errors_init(&errors);
    g_autofree char *text = g_strndup((const char *)request->body->data, request->body->len);
    bool is_form = http_content_type_is(request->content_type, "application/x-www-form-urlencoded");
    bool is_good = is_form ? decode_form(text, login, &errors)
                           : record_decode_json(&login_request_descriptor, text, request->body->len, login, &errors);
    if (!is_good)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the login is not valid", &errors);
    record_errors_clear(&errors);
    return is_good;
}

static void answer_login(const struct login_response *response, struct answer *answer)
{
    GString *json = g_string_new(NULL);
    record_encode_json(&login_response_descriptor, response, false, json);
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
    answer_header(answer, "Set-Cookie", "%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict", request_cookie_name(),
                  response->access_token, response->expires_in);
}

/* RateLimit header fields for HTTP (draft-ietf-httpapi-ratelimit-headers-08): the quota of a minute, what remains of
 * it, and in how many seconds it is whole again. */
static void answer_rate_limit(const struct login_limit *limit, struct answer *answer)
{
    enum { WINDOW_SECONDS = 60 };
    int64_t reset_seconds = (limit->limit.reset_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
    answer_header(answer, "RateLimit-Policy", "\"%s\";q=%" G_GINT64_FORMAT ";w=%d", limit->policy, limit->quota,
                  WINDOW_SECONDS);
    answer_header(answer, "RateLimit", "\"%s\";r=%" G_GINT64_FORMAT ";t=%" G_GINT64_FORMAT, limit->policy,
                  limit->limit.remaining, reset_seconds);
}

void handle_login(struct request *request, struct answer *answer)
{
    bool is_known_type = http_content_type_is(request->content_type, "application/json") ||
                         http_content_type_is(request->content_type, "application/x-www-form-urlencoded");
    struct login_request login;
    if (!is_known_type) {
        answer_problem(answer, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                       "send application/json or application/x-www-form-urlencoded", NULL);
        return;
    }
    if (!decode_login(request, &login, answer))
        return;
    struct login_response response;
    g_autoptr(GError) error = NULL;
    struct login_limit limit;
    if (auth_login(request->api->auth, &login, request->address, &response, &limit, &error)) {
        answer_login(&response, answer);
        record_clear(&login_response_descriptor, &response);
    } else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL)) {
        answer_problem(answer, MHD_HTTP_TOO_MANY_REQUESTS, error->message, NULL);
        answer_header(answer, "Retry-After", "%d", login_limit_retry_seconds(&limit));
        answer_rate_limit(&limit, answer);
    } else {
        answer_error(answer, error);
        answer_rate_limit(&limit, answer);
    }
    record_clear(&login_request_descriptor, &login);
}

void handle_logout(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    if (!auth_logout(request->api->auth, &request->login, &error)) {
        answer_error(answer, error);
        return;
    }
    const struct audit_by by = request_by(request);
    const struct audit_change change = {AUDIT_LOGIN, request->login.user->id, "logout", NULL, NULL};
    if (!store_audit_add(request->api->store, &by, &change, &error))
        log_error(NULL, "a logout is not in the audit: %s", error->message);
    answer->status = MHD_HTTP_NO_CONTENT;
    answer_header(answer, "Set-Cookie", "%s=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", request_cookie_name());
}

void handle_me(struct request *request, struct answer *answer)
{
    GString *json = g_string_new(NULL);
    record_encode_json(&user_descriptor, request->login.user, false, json);
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}
