/* Logging in and out, and one's own sessions and password. */
#include <string.h>

#include "api/api_internal.h"

static void answer_grant(const struct request *request, const struct grant *grant, struct answer *answer)
{
    bool is_browser = grant->refresh_token != NULL;
    const struct login_response response = {.access_token = is_browser ? NULL : grant->access_token,
                                            .token_type = (char *)(uintptr_t) "bearer",
                                            .expires_in = grant->expires_in_seconds,
                                            .role = grant->role,
                                            .csrf_token = grant->csrf_token,
                                            .must_change_password = grant->must_change_password};
    answer_record(answer, MHD_HTTP_OK, &login_response_descriptor, &response);
    if (is_browser)
        answer_cookies(request, answer, grant);
}

static void handle_login(struct request *request, struct answer *answer)
{
    g_autofree char *device = http_cookie_get(request->cookie, cookie_device);
    const struct auth_origin origin = {request->address, request->user_agent, device};
    struct grant grant;
    g_autoptr(GError) error = NULL;
    struct login_limit limit;
    if (auth_login(request->api->auth, request->record, &origin, &grant, &limit, &error)) {
        answer_grant(request, &grant, answer);
        grant_clear(&grant);
    } else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL)) {
        answer_problem(answer, MHD_HTTP_TOO_MANY_REQUESTS, error->message, NULL);
        answer_header(answer, "Retry-After", "%d", login_limit_retry_seconds(&limit));
        answer_rate_limit(answer, limit.policy, limit.quota, &limit.limit);
    } else {
        answer_error(answer, error);
        answer_rate_limit(answer, limit.policy, limit.quota, &limit.limit);
    }
}

/* Asking the way to the issuer itself would begin a login. */
static void handle_ways(struct request *request, struct answer *answer)
{
    const struct login_ways ways = {auth_has_issuer(request->api->auth)};
    answer_record(answer, MHD_HTTP_OK, &login_ways_descriptor, &ways);
}

/* A browser's token lies in its cookie; programs that hold one send it. */
static void handle_refresh(struct request *request, struct answer *answer)
{
    const struct refresh_request *asked = request->record;
    g_autofree char *cookie = http_cookie_get(request->cookie, cookie_refresh);
    const char *token = asked->refresh_token ? asked->refresh_token : cookie;
    const struct auth_origin origin = {request->address, request->user_agent, NULL};
    struct grant grant;
    g_autoptr(GError) error = NULL;
    if (!token) {
        answer_problem(answer, MHD_HTTP_UNAUTHORIZED, "there is no login to renew: POST /auth/login", NULL);
    } else if (auth_refresh(request->api->auth, token, &origin, &grant, &error)) {
        answer_grant(request, &grant, answer);
        grant_clear(&grant);
    } else {
        answer_error(answer, error);
        if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION))
            answer_forget_cookies(request, answer);
    }
}

static bool needs_session(const struct request *request, struct answer *answer)
{
    if (request->login.session_id)
        return true;
    answer_problem(answer, MHD_HTTP_FORBIDDEN, "an API key has no session and no password", NULL);
    return false;
}

static void handle_logout(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    const struct audit_by by = request_by(request);
    if (!needs_session(request, answer))
        return;
    if (!auth_logout(request->api->auth, &request->login, &by, &error)) {
        answer_error(answer, error);
        return;
    }
    answer->status = MHD_HTTP_NO_CONTENT;
    answer_forget_cookies(request, answer);
}

static void handle_me(struct request *request, struct answer *answer)
{
    const struct me me = {*request->login.user, request->login.csrf_token};
    answer_record(answer, MHD_HTTP_OK, &me_descriptor, &me);
}

static void handle_password(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    const struct audit_by by = request_by(request);
    if (!needs_session(request, answer))
        return;
    struct record_errors errors;
    record_errors_init(&errors);
    auth_password_check(request->api->auth, &request->login, request->record, &errors);
    if (!answer_invalid_body(answer, &errors))
        return;
    if (auth_change_password(request->api->auth, &request->login, request->record, &by, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_refusal(answer, error);
}

/* ---- sessions ---- */

/* Administrators see everyone's of the org and end those of who is not above them; others their own. */
static const char *whose(const struct request *request)
{
    return request->login.user->role >= ROLE_ADMIN ? NULL : request->login.user->id;
}

static void handle_sessions(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) sessions =
        auth_sessions_list(request->api->auth, request->login.user->org_id, whose(request), &error);
    g_autofree struct session_view *views = g_new(struct session_view, sessions ? sessions->len : 0);
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    for (guint i = 0; sessions && i < sessions->len; i++) {
        const struct session *session = g_ptr_array_index(sessions, i);
        views[i] = (struct session_view){
            session->id,      session->user_id,    session->client,
            session->address, session->user_agent, session->created_at,
            session->used_at, session->expires_at, g_strcmp0(session->id, request->login.session_id) == 0};
        g_ptr_array_add(list, &views[i]);
    }
    answer_list_or_error(answer, &session_view_descriptor, sessions ? list : NULL, error);
}

static void handle_session_end(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    const struct audit_by by = request_by(request);
    if (auth_session_end(request->api->auth, request->login.user, &by, request->id, whose(request), &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_refusal(answer, error);
}

static const struct route routes[] = {
    {.method = "POST",
     .path = "/auth/login",
     .name = "login",
     .features = ROUTE_COOKIES | ROUTE_COUNTED,
     .role = ROLE_ANONYMOUS,
     .rate = RATE_LOGIN,
     .body = BODY_JSON_OR_FORM,
     .request = &login_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &login_response_descriptor,
     .problems = PROBLEM(UNAUTHENTICATED) | PROBLEM(UNAVAILABLE),
     .handle = handle_login,
     .doc =
         "Logs in with username and password. API clients get a bearer token; browsers (client: browser) get cookies "
         "and a CSRF token."},
    {.method = "GET",
     .path = "/auth/ways",
     .name = "getLoginWays",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_READ,
     .answers = ANSWER_RECORD,
     .response = &login_ways_descriptor,
     .features = ROUTE_PROMPT | ROUTE_ALIKE,
     .handle = handle_ways,
     .doc = "Which ways lead in here beside POST /auth/login."},
    {.method = "POST",
     .path = "/auth/refresh",
     .name = "refresh",
     .features = ROUTE_COOKIES,
     .role = ROLE_ANONYMOUS,
     .rate = RATE_WRITE,
     .body = BODY_JSON,
     .request = &refresh_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &login_response_descriptor,
     .problems = PROBLEM(UNAUTHENTICATED) | PROBLEM(UNAVAILABLE),
     .handle = handle_refresh,
     .doc = "Renews a browser's login. Each refresh token is good once; one that is used again ends the login."},
    {.method = "POST",
     .path = "/auth/logout",
     .name = "logout",
     .role = ROLE_VIEWER,
     .rate = RATE_WRITE,
     .status = MHD_HTTP_NO_CONTENT,
     .features = ROUTE_UNCHOSEN | ROUTE_COOKIES,
     .handle = handle_logout,
     .doc = "Ends the login."},
    {.method = "GET",
     .path = "/auth/me",
     .name = "getMe",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .answers = ANSWER_RECORD,
     .response = &me_descriptor,
     .features = ROUTE_UNCHOSEN,
     .handle = handle_me,
     .doc = "Whose login this is, and the CSRF token of a browser's."},
    {.method = "POST",
     .path = "/auth/password",
     .name = "changePassword",
     .features = ROUTE_SECRET | ROUTE_UNCHOSEN,
     .role = ROLE_VIEWER,
     .rate = RATE_WRITE,
     .body = BODY_JSON,
     .request = &password_request_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .handle = handle_password,
     .doc = "Changes one's own password and ends one's other logins."},
    {.method = "GET",
     .path = "/auth/sessions",
     .name = "listSessions",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &list_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &session_view_descriptor,
     .features = ROUTE_WHOLE,
     .handle = handle_sessions,
     .doc = "One's own logins that stand, newest first; for administrators, the org's."},
    {.method = "DELETE",
     .path = "/auth/sessions/{id}",
     .name = "endSession",
     .role = ROLE_VIEWER,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .handle = handle_session_end,
     .doc =
         "Ends a login at once: one's own, or as an administrator that of anyone whose role is not above one's own."},
};
const struct route_group login_routes = ROUTE_GROUP("auth", "Logging in and out.", routes);
