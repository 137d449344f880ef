#define LOG_MODULE "api"
#include "api/api_internal.h"
#include "base/log.h"
#include "store/audit.h"

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

static void handle_login(struct request *request, struct answer *answer)
{
    const struct login_request *login = request->record;
    struct login_response response;
    g_autoptr(GError) error = NULL;
    struct login_limit limit;
    if (auth_login(request->api->auth, login, request->address, &response, &limit, &error)) {
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
}

static void handle_logout(struct request *request, struct answer *answer)
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

static void handle_me(struct request *request, struct answer *answer)
{
    answer_record(answer, MHD_HTTP_OK, &user_descriptor, request->login.user);
}

static const struct route routes[] = {
    {.method = "POST",
     .path = "/auth/login",
     .name = "login",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_LOGIN,
     .body = BODY_JSON_OR_FORM,
     .request = &login_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &login_response_descriptor,
     .problems = PROBLEM(UNAUTHENTICATED),
     .handle = handle_login,
     .doc = "Logs in with username and password; also sets a cookie for browsers."},
    {.method = "POST",
     .path = "/auth/logout",
     .name = "logout",
     .role = ROLE_VIEWER,
     .rate = RATE_WRITE,
     .status = MHD_HTTP_NO_CONTENT,
     .handle = handle_logout,
     .doc = "Ends the login."},
    {.method = "GET",
     .path = "/auth/me",
     .name = "getMe",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .answers = ANSWER_RECORD,
     .response = &user_descriptor,
     .handle = handle_me,
     .doc = "Whose login this is."},
};
const struct route_group login_routes = ROUTE_GROUP("auth", "Logging in and out.", routes);
