/* The one route table, and the way from a request to its handler. */
#include <string.h>

#include "api/api_internal.h"
#include "api/ui.h"

const struct route_group *const route_groups[] = {
    &health_routes,
    &queue_routes,
    &login_routes,
    &camera_routes,
    &camera_place_routes,
    &breaker_routes,
    &event_routes,
    &occupancy_routes,
    &job_routes,
    &retention_routes,
    &audit_routes,
    &policy_routes,
    &backtest_routes,
    &live_routes,
    &contract_routes,
    &detect_routes,
    &place_routes,
    &observe_routes,
    &oidc_routes,
    &user_routes,
    &token_routes,
    &incident_routes,
    &violation_routes,
    &register_routes,
    &track_routes,
    &report_routes,
    &notify_routes,
    &model_routes,
    NULL,
};

const char *const rate_class_names[] = {"free", "read", "write", "heavy", "login", NULL};

unsigned route_problems(const struct route *route)
{
    unsigned problems = route->problems | PROBLEM(INVALID);
    if (route->rate != RATE_FREE)
        problems |= PROBLEM(RATE_LIMITED);
    if (route->role > ROLE_ANONYMOUS) /* who asks is looked up in the store */
        problems |= PROBLEM(UNAUTHENTICATED) | PROBLEM(FORBIDDEN) | PROBLEM(UNAVAILABLE);
    if (strchr(route->path, '{'))
        problems |= PROBLEM(NOT_FOUND);
    if (route_takes_idempotency_key(route))
        problems |= PROBLEM(CONFLICT) | PROBLEM(KEY_REUSED);
    if (route->features & ROUTE_VERSIONED)
        problems |= PROBLEM(PRECONDITION_FAILED);
    if (route->body != BODY_NONE)
        problems |= PROBLEM(UNSUPPORTED_MEDIA_TYPE) | PROBLEM(TOO_LARGE);
    return problems;
}

const char route_merge_patch_type[] = "application/merge-patch+json";

bool route_takes_merge_patch(const struct route *route)
{
    return strcmp(route->method, "PATCH") == 0;
}

/* ---- finding ---- */

static void append_methods(const struct route_group *group, const struct http_target *target, GString *methods)
{
    const char *id;
    for (size_t i = 0; i < group->count; i++) {
        const char *method = group->routes[i].method;
        g_autofree char *item = g_strconcat(method, ", ", NULL);
        /* a thing may be called what an address beside it is */
        if (http_target_matches(target, group->routes[i].path, &id) && !strstr(methods->str, item))
            g_string_append_printf(methods, "%s%s", item, strcmp(method, "GET") == 0 ? "HEAD, " : "");
    }
}

/* The methods a path takes: "GET, HEAD, OPTIONS"; NULL when there is no such path. */
static char *allowed_methods(const struct http_target *target, const struct ui_file *file)
{
    GString *methods = g_string_new(NULL);
    for (size_t i = 0; route_groups[i]; i++)
        append_methods(route_groups[i], target, methods);
    if (!methods->len && file)
        g_string_append(methods, "GET, HEAD, ");
    if (methods->len)
        g_string_append(methods, "OPTIONS");
    return g_string_free(methods, !methods->len);
}

static void answer_without_route(const struct request *request, const struct ui_file *file, struct answer *answer)
{
    g_autofree char *methods = allowed_methods(request->target, file);
    if (!methods) {
        answer_problem(answer, MHD_HTTP_NOT_FOUND, "there is nothing at this address: /docs lists what there is", NULL);
        return;
    }
    if (strcmp(request->method, "OPTIONS") == 0) {
        answer->status = MHD_HTTP_NO_CONTENT;
        answer_preflight(request, methods, answer);
    } else {
        g_autofree char *detail = g_strdup_printf("this address takes %s", methods);
        answer_problem(answer, MHD_HTTP_METHOD_NOT_ALLOWED, detail, NULL);
    }
    answer_header(answer, "Allow", "%s", methods);
}

/* Looks for the route of the request's method and path. One whose path is the target letter by letter comes before
 * those with an id in that place, which are meant by other methods: a camera may be called `test`. */
static void find_in_group(const struct route_group *group, struct request *request)
{
    const char *id;
    for (size_t i = 0; i < group->count; i++) {
        const struct route *route = &group->routes[i];
        if (strcmp(request->method, route->method) != 0 || !http_target_matches(request->target, route->path, &id))
            continue;
        if (!request->route || !id) {
            request->route = route;
            request->id = id;
        }
    }
}

static void find_in_groups(struct request *request)
{
    for (size_t i = 0; route_groups[i]; i++)
        find_in_group(route_groups[i], request);
}

size_t route_body_bytes(const struct request *request)
{
    const struct settings *settings = request->api->settings;
    struct request found = {.method = request->method, .target = request->target};
    size_t most = (size_t)settings->http.max_body_bytes;
    find_in_groups(&found);
    bool has_picture = found.route && found.route->body == BODY_JSON_OR_PARTS;
    return has_picture ? MAX(most, detect_request_bytes(&settings->detect)) : most;
}

bool route_find(struct request *request, struct answer *answer)
{
    find_in_groups(request);
    if (request->route)
        return true;
    g_autofree char *path = http_target_path(request->target);
    const struct ui_file *file = ui_file_find(path);
    if (file && strcmp(request->method, "GET") == 0)
        answer_ui_file(file, request->if_none_match, answer);
    else
        answer_without_route(request, file, answer);
    return false;
}

/* ---- who may ---- */

/* What it says who it is; NULL: nothing. g_free. */
static char *take_token(struct request *request)
{
    const char *bearer = http_bearer_get(request->authorization);
    char *cookie = bearer ? NULL : http_cookie_get(request->cookie, cookie_session);
    request->is_by_cookie = cookie != NULL;
    return bearer ? g_strdup(bearer) : cookie;
}

/* Of a hundred events, or thousands of lines that are none: some milliseconds to read, for which all others on this
 * thread wait. */
enum { PROMPT_BODY_BYTES = 32 << 10 };

bool route_is_prompt(struct request *request)
{
    bool is_read = request->body->len <= PROMPT_BODY_BYTES || request->intake; /* or was, and is only answered */
    if (!(request->route->features & ROUTE_PROMPT) || request->idempotency_key)
        return false;
    if (request->login.user || request->route->features & ROUTE_ALIKE)
        return is_read;
    g_autofree char *token = take_token(request);
    bool is_known = !token || auth_is_scraper(request->api->auth, token) ||
                    auth_recall_token(request->api->auth, token, &request->login);
    return is_known && is_read;
}

/* Where nothing else is limited: a token is a guess until the store knows it. Beyond these its sender is nobody. */
static void authenticate_unlimited(struct request *request, const char *token)
{
    struct auth *auth = request->api->auth;
    bool is_known = auth_recall_token(auth, token, &request->login) || auth_is_scraper(auth, token);
    if (!is_known && limits_take_guess(request, NULL) && auth_check_token(auth, token, &request->login, NULL))
        limits_give_back_guess(request);
}

/* False: the answer is made. An unknown token is anonymous; a store that is away is not. */
static bool authenticate(struct request *request, struct answer *answer)
{
    g_autofree char *token = take_token(request);
    g_autoptr(GError) error = NULL;
    if (token && request->route->rate == RATE_FREE) {
        authenticate_unlimited(request, token);
        return true;
    }
    if (!token || auth_check_token(request->api->auth, token, &request->login, &error) ||
        g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION) || request->route->role == ROLE_ANONYMOUS)
        return true;
    answer_error(answer, error);
    return false;
}

/* Another site's page can send a browser's cookie along, but not our Origin. */
static bool is_foreign(const struct request *request)
{
    return request->origin && strcmp(request->method, "GET") != 0 && !origin_is_allowed(request);
}

/* A cookie comes along with whatever makes a browser ask; the token only our own page can add. */
static bool lacks_csrf_token(const struct request *request)
{
    return request->is_by_cookie && route_takes_csrf_token(request->route) &&
           !login_csrf_is_right(&request->login, request->csrf_token);
}

static bool must_change_password(const struct request *request)
{
    return request->login.user && request->login.user->must_change_password &&
           !(request->route->features & ROUTE_UNCHOSEN);
}

/* False: the answer is made. */
static bool authorize(const struct request *request, struct answer *answer)
{
    const struct route *route = request->route;
    const struct login *login = &request->login;
    bool is_open = route->role == ROLE_ANONYMOUS;
    if (!is_open && !login->user)
        answer_problem(answer, MHD_HTTP_UNAUTHORIZED, "log in first: POST /auth/login", NULL);
    else if (!is_open && login->user->role < route->role)
        answer_problem(answer, MHD_HTTP_FORBIDDEN, "your role does not allow this", NULL);
    else if (!is_open && !login_may_call(login, route->method, route->path))
        answer_problem(answer, MHD_HTTP_FORBIDDEN, "the API key is not for this route", NULL);
    else if (lacks_csrf_token(request))
        answer_problem_coded(answer, PROBLEM_CSRF, "X-CSRF-Token is missing or wrong: /auth/me tells it");
    else if (!is_open && must_change_password(request))
        answer_problem_coded(answer, PROBLEM_PASSWORD_CHANGE, "change the password first: POST /auth/password");
    else
        return !(route->features & ROUTE_SERVER) || request_check_runs_server(request, answer);
    return false;
}

/* The camera that a request is about: of its path or its query. NULL: of none, or of all. */
static const char *camera_of(const struct request *request)
{
    if (g_str_has_prefix(request->route->path, "/api/v1/cameras/{id}"))
        return request->id;
    return http_parameter_get(request->target->parameters, "camera_id");
}

/* A key that is bound to cameras may ask about these alone; some routes tell of no others by themselves. False: the
 * answer is made. */
static bool is_within_cameras(const struct request *request, struct answer *answer)
{
    const char *camera_id = camera_of(request);
    const struct record_descriptor *parameters = request->route->parameters;
    if (!login_is_camera_bound(&request->login) || request->route->features & ROUTE_FILTERED)
        return true;
    if (camera_id && login_may_see_camera(&request->login, camera_id))
        return true;
    bool takes_camera = camera_id || (parameters && record_find_field(parameters, "camera_id"));
    answer_problem(answer, MHD_HTTP_FORBIDDEN,
                   takes_camera ? "the API key is bound to cameras: name one of them"
                                : "the API key is bound to cameras: it is not for this route",
                   NULL);
    return false;
}

/* Whether the login is for less than its role here: a key held to cameras or to other routes, or a password that is to
 * be changed. */
static bool is_held_back(const struct request *request)
{
    const struct login *login = &request->login;
    return login_is_camera_bound(login) || !login_may_call(login, request->route->method, request->route->path) ||
           must_change_password(request);
}

/* False: the answer is made. */
static bool is_let_in(struct request *request, struct answer *answer)
{
    const struct route *route = request->route;
    if (is_foreign(request)) {
        answer_foreign(answer);
        return false;
    }
    if (!request->is_read && !limits_take_address(request, answer)) /* wrong logins cost too */
        return false;
    if (!request->login.user && !(route->features & ROUTE_ALIKE) && !authenticate(request, answer))
        return false;
    if (request->login.user)
        request_trust_trace(request);
    /* What is open to everyone tells a login of its whole org: to one with less it says what it says to anyone. */
    if (route->role == ROLE_ANONYMOUS && is_held_back(request))
        login_clear(&request->login);
    return authorize(request, answer) && (request->is_read || limits_take_user(request, answer));
}

static void handle(struct request *request, struct answer *answer)
{
    const struct route *route = request->route;
    if (request_read(request, answer) && (route->role == ROLE_ANONYMOUS || is_within_cameras(request, answer)) &&
        request_export_is_valid(request, answer) && idempotency_begin(request, answer)) {
        route->handle(request, answer);
        request_export(request, answer);
        request_locate(request, answer);
        idempotency_end(request, answer);
    }
}

/* One that waited comes here again: its stages are what they took in all. */
void route_handle(struct request *request, struct answer *answer)
{
    enum { NS_PER_US = 1000 };
    int64_t began_us = clock_monotonic_us(clock_system());
    answer->route = request->route;
    bool is_in = is_let_in(request, answer);
    int64_t let_in_us = clock_monotonic_us(clock_system()), store_us = store_spent_us();
    if (is_in)
        handle(request, answer);
    store_us = store_spent_us() - store_us;
    request->took_ns[API_AUTH] += (let_in_us - began_us) * NS_PER_US;
    request->took_ns[API_STORE] += store_us * NS_PER_US;
    request->took_ns[API_HANDLER] += (clock_monotonic_us(clock_system()) - let_in_us - store_us) * NS_PER_US;
}
