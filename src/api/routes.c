/* The one route table, and the way from a request to its handler. */
#include <string.h>

#include "api/api_internal.h"
#include "api/ui.h"
#include "facts/occupancy.h"

static const struct route routes[] = {
    {"GET", "/health", ROLE_ANONYMOUS, NULL, "status; with a login also resilience_stats, components and cameras",
     handle_health,
     "Whether the server is healthy, degraded or unhealthy (then 503); of cameras, what decodes and what detects."},
    {"GET", "/health/live", ROLE_ANONYMOUS, NULL, "status", handle_health_live, "200 while the process answers."},
    {"GET", "/health/ready", ROLE_ANONYMOUS, NULL, "status", handle_health_ready,
     "200 when records can be stored, else 503."},
    {"GET", "/metrics", ROLE_ANONYMOUS, NULL, "Prometheus text", handle_metrics,
     "Counters and gauges; needs a login, or the scrape token (metrics_token) as Authorization: Bearer."},
    {"GET", "/queue/stats", ROLE_ANONYMOUS, NULL,
     "status; with a login also memory_queue_size, disk_queue_size, total_queued and more", handle_queue_stats,
     "What waits in the spool to be stored: of the login's org."},
    {"POST", "/auth/login", ROLE_ANONYMOUS, &login_request_descriptor, "LoginResponse", handle_login,
     "Logs in with username and password, as JSON or as a form; also sets a cookie for browsers."},
    {"POST", "/auth/logout", ROLE_VIEWER, NULL, "nothing (204)", handle_logout, "Ends the login."},
    {"GET", "/auth/me", ROLE_VIEWER, NULL, "User", handle_me, "Whose login this is."},
    {"GET", "/api/v1/cameras", ROLE_VIEWER, NULL, "items: CameraView", handle_cameras,
     "Every camera with online, health, and its lines and zones with the counts of today (UTC)."},
    {"GET", "/api/v1/cameras/{id}", ROLE_VIEWER, NULL, "CameraView", handle_camera, "One camera, as in the list."},
    {"GET", "/api/v1/cameras/{id}/preview.jpg", ROLE_VIEWER, NULL, "image/jpeg", handle_preview,
     "The latest picture, figures hidden, with X-Frame-Number and X-Captured-At; 503 while there is none, with title "
     "Camera unavailable while its breaker is open."},
    {"GET", "/api/v1/breakers", ROLE_VIEWER, NULL, "items: BreakerView", handle_breakers,
     "The circuit breakers of the org's cameras, and of the upstreams that all share."},
    {"PUT", "/api/v1/breakers/{id}", ROLE_ADMIN, &breaker_request_descriptor, "BreakerView", handle_breaker_force,
     "Forces a breaker open or closed, disables it, or lets it decide again, until the server starts anew. A camera's "
     "is "
     "its id (202: its worker is told); an upstream's is its name, as upstream:store."},
    {"GET", "/api/v1/events", ROLE_VIEWER, NULL, "items: AnalyticsEvent; next_cursor", handle_events,
     "Stored events, newest first. Filters: camera_id, type, subject_id (line or zone), from, to (RFC 3339), limit "
     "(1..500), cursor."},
    {"GET", "/api/v1/occupancy", ROLE_VIEWER, NULL, "items: OccupancyHourly", handle_occupancy,
     "Counts by level (hour, day or month), newest first. Filters: camera_id, subject_id, from, to, limit (1..500)."},
    {"GET", "/api/v1/jobs", ROLE_ADMIN, NULL, "items: Job", handle_jobs, "The server's jobs and how they stand."},
    {"GET", "/api/v1/jobs/{id}/history", ROLE_ADMIN, NULL, "items: JobRun", handle_job_history,
     "What became of a job's times, newest first: run, or skipped and why. limit (1..500)."},
    {"GET", "/api/v1/jobs/{id}/next", ROLE_ADMIN, NULL, "times", handle_job_next,
     "When a job is due next. count (1..100)."},
    {"POST", "/api/v1/jobs/{id}/run", ROLE_ADMIN, NULL, "scheduled_at (202)", handle_job_run,
     "Runs a job now, also a paused one; 409 while it runs."},
    {"POST", "/api/v1/jobs/{id}/pause", ROLE_ADMIN, NULL, "nothing (204)", handle_job_pause,
     "From now on the job is not run by its schedule."},
    {"POST", "/api/v1/jobs/{id}/resume", ROLE_ADMIN, NULL, "nothing (204)", handle_job_resume,
     "From now on it is again."},
    {"GET", "/api/v1/retention", ROLE_ADMIN, NULL, "items: Retention", handle_retention,
     "Of each table and camera, how long it is kept and the oldest that is there; rows=true counts what goes next."},
    {"POST", "/api/v1/retention/confirm-clock", ROLE_ADMIN, NULL, "nothing (204)", handle_retention_confirm_clock,
     "The clock is right: retention that was stopped by a jump goes on."},
    {"GET", "/api/v1/legal-holds", ROLE_ADMIN, NULL, "items: LegalHold", handle_holds,
     "Holds that stand and that ended, newest first."},
    {"POST", "/api/v1/legal-holds", ROLE_ADMIN, &legal_hold_request_descriptor, "LegalHold (201)", handle_hold_put,
     "Keeps what retention would delete."},
    {"DELETE", "/api/v1/legal-holds/{id}", ROLE_ADMIN, NULL, "nothing (204)", handle_hold_release, "Ends a hold."},
    {"GET", "/api/v1/audit", ROLE_ADMIN, NULL, "items: Audit", handle_audit,
     "Who did what, when, from where, before and after, newest first. before (sequence), limit (1..500)."},
    {"GET", "/api/v1/audit/verify", ROLE_ADMIN, NULL, "entries, sha256, is_whole, problems", handle_audit_verify,
     "Looks at the whole chain for entries that were edited, removed or moved."},
    {"GET", "/policies", ROLE_VIEWER, NULL, "policies by type; revision, is_stale, error", handle_policies_in_force,
     "What is in force for the org, or for the camera_id, class_id or site_id of the query; defaults filled in."},
    {"GET", "/api/v1/policies", ROLE_VIEWER, NULL, "items: ServicePolicy", handle_policies,
     "Every policy of the org, and those that hold for everyone."},
    {"GET", "/api/v1/policies/{id}", ROLE_VIEWER, NULL, "ServicePolicy", handle_policy,
     "The document of one type at one level: site_id, class_id or camera_id of the query, scope=global, or the org."},
    {"PUT", "/api/v1/policies/{id}", ROLE_ADMIN, NULL, "version, revision, config, diff", handle_policy_put,
     "Sets it. If-Match with its ETag refuses to overwrite what someone else changed (412); `reason` of the query is "
     "kept."},
    {"PATCH", "/api/v1/policies/{id}", ROLE_ADMIN, NULL, "version, revision, config, diff", handle_policy_patch,
     "Changes some keys (RFC 7396): null removes this level's key, so that its parent shows through."},
    {"DELETE", "/api/v1/policies/{id}", ROLE_ADMIN, NULL, "version, revision, config, diff", handle_policy_delete,
     "Removes it: its parents hold."},
    {"GET", "/api/v1/policies/{id}/effective", ROLE_VIEWER, NULL, "config, origins", handle_policy_effective,
     "What the levels come to, and for each key the level, revision and overlay it came from."},
    {"GET", "/api/v1/policies/{id}/history", ROLE_VIEWER, NULL, "items: PolicyRevision", handle_policy_history,
     "Its changes, newest first: who, when, why, what. limit (1..500)."},
    {"POST", "/api/v1/policies/{id}/rollback", ROLE_ADMIN, NULL, "version, revision, config, diff",
     handle_policy_rollback, "As it was at to_version: a new revision."},
    {"POST", "/api/v1/policies/{id}/validate", ROLE_VIEWER, NULL, "version, revision, config, diff",
     handle_policy_validate, "Whether a document would be taken, and what it would change; nothing is changed."},
    {"POST", "/webhooks/policies", ROLE_ANONYMOUS, NULL, "version, revision, config, diff", handle_policy_webhook,
     "A change by signed webhook (Standard Webhooks; policies.webhook_secrets): policy_type, org_id and site_id, "
     "class_id or camera_id, config or patch or neither (delete), reason."},
    {"GET", "/ws", ROLE_VIEWER, NULL, "WebSocket", handle_websocket,
     "Messages {\"type\": \"tracks\", \"event\" or \"health\", \"data\": …} as they come. The login is checked before "
     "the upgrade; a browser's Origin must be this server."},
    {"GET", "/docs", ROLE_ANONYMOUS, NULL, "text/markdown", handle_docs, "This list."},
};

static const char session_cookie[] = "vedette_session";

const char *request_cookie_name(void)
{
    return session_cookie;
}

char *api_routes_markdown(void)
{
    GString *text = g_string_new("# API\n\nErrors are problem+json (RFC 9457): type, title, status, detail and, for "
                                 "invalid input, errors with path and message.\n\n"
                                 "| route | role | takes | answers | |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < G_N_ELEMENTS(routes); i++)
        g_string_append_printf(text, "| `%s %s` | %s | %s | %s | %s |\n", routes[i].method, routes[i].path,
                               record_enum_name(role_names, routes[i].role),
                               routes[i].request ? routes[i].request->name : "", routes[i].response, routes[i].doc);
    g_string_append(text, "| `GET /…` | anonymous |  | the page's files | The web UI. |\n");
    return g_string_free(text, FALSE);
}

void handle_docs(struct request *request, struct answer *answer)
{
    (void)request;
    g_autofree char *markdown = api_routes_markdown();
    answer_text(answer, MHD_HTTP_OK, "text/markdown; charset=utf-8", g_string_new(markdown));
}

/* The methods a path takes: "GET, HEAD, OPTIONS"; NULL when there is no such path. */
static char *allowed_methods(const struct http_target *target, const struct ui_file *file)
{
    GString *methods = g_string_new(NULL);
    const char *id;
    for (size_t i = 0; i < G_N_ELEMENTS(routes); i++)
        if (http_target_matches(target, routes[i].path, &id))
            g_string_append_printf(methods, "%s, %s", routes[i].method,
                                   strcmp(routes[i].method, "GET") == 0 ? "HEAD, " : "");
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
    } else {
        g_autofree char *detail = g_strdup_printf("this address takes %s", methods);
        answer_problem(answer, MHD_HTTP_METHOD_NOT_ALLOWED, detail, NULL);
    }
    answer_header(answer, "Allow", "%s", methods);
}

bool route_find(struct request *request, struct answer *answer)
{
    for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
        if (strcmp(request->method, routes[i].method) == 0 &&
            http_target_matches(request->target, routes[i].path, &request->id)) {
            request->route = &routes[i];
            return true;
        }
    }
    g_autofree char *path = http_target_path(request->target);
    const struct ui_file *file = ui_file_find(path);
    if (file && strcmp(request->method, "GET") == 0)
        answer_ui_file(file, request->if_none_match, answer);
    else
        answer_without_route(request, file, answer);
    return false;
}

/* False: the answer is made. An unknown token is anonymous; a store that is away is not. */
static bool authenticate(struct request *request, struct answer *answer)
{
    g_autofree char *cookie = http_cookie_get(request->cookie, session_cookie);
    const char *bearer = http_bearer_get(request->authorization);
    const char *token = bearer ? bearer : cookie;
    request->is_by_cookie = !bearer && cookie;
    g_autoptr(GError) error = NULL;
    if (!token || auth_check_token(request->api->auth, token, &request->login, &error) ||
        g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION) || request->route->role == ROLE_ANONYMOUS)
        return true;
    answer_error(answer, error);
    return false;
}

/* Another site's page can send a browser's cookie along, but not our Origin. */
static bool is_foreign(const struct request *request)
{
    return request->origin && strcmp(request->method, "GET") != 0 &&
           !http_origin_is_host(request->origin, request->host);
}

void route_handle(struct request *request, struct answer *answer)
{
    const struct route *route = request->route;
    if (is_foreign(request)) {
        answer_problem(answer, MHD_HTTP_FORBIDDEN, "the request comes from another site's page", NULL);
        return;
    }
    if (!request->login.user && !authenticate(request, answer))
        return;
    const struct user *user = request->login.user;
    if (route->role > ROLE_ANONYMOUS && !user)
        answer_problem(answer, MHD_HTTP_UNAUTHORIZED, "log in first: POST /auth/login", NULL);
    else if (user && user->role < route->role)
        answer_problem(answer, MHD_HTTP_FORBIDDEN, "your role does not allow this", NULL);
    else
        route->handle(request, answer);
}
