/* Circuit breakers: shown, and told what an operator wants. A camera's lives in its worker and is shown as that last
 * told; an upstream's is the hub's own. */
#define LOG_MODULE "api"
#include <math.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/log.h"
#include "store/audit.h"

/* Borrows. */
static struct breaker_view camera_breaker(const struct camera_health *health)
{
    return (struct breaker_view){
        .name = health->camera_id,
        .is_camera = true,
        .state = health->circuit_breaker_state,
        .failure_count = health->circuit_breaker_failures,
        .retry_after_seconds = health->circuit_breaker_retry_seconds,
    };
}

static struct breaker_view upstream_breaker(const char *name, struct vedette_breaker *breaker)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(breaker, &stats);
    return (struct breaker_view){
        .name = (char *)(uintptr_t)name,
        .state = (char *)(uintptr_t)vedette_breaker_state_name(stats.state),
        .failure_count = stats.failure_count,
        .retry_after_seconds = (double)stats.retry_after_us / G_USEC_PER_SEC,
    };
}

/* ---- a camera that is left alone ---- */

static bool is_forced_open(const struct camera_health *health)
{
    return g_strcmp0(health->circuit_breaker_state, "forced_open") == 0;
}

static bool is_left_alone(const struct camera_health *health)
{
    return g_strcmp0(health->circuit_breaker_state, "open") == 0 || is_forced_open(health);
}

static void answer_unavailable(const struct request *request, const struct camera_health *health, struct answer *answer)
{
    double retry_seconds = health->circuit_breaker_retry_seconds;
    if (!(retry_seconds > 0)) /* an operator's: nobody knows for how long */
        retry_seconds = request->api->settings->breaker.recovery_seconds;
    const char *reason = health->last_error && *health->last_error ? health->last_error : NULL;
    g_autofree char *detail = g_strdup_printf("Camera unavailable: its circuit breaker is %s%s%s",
                                              health->circuit_breaker_state, reason ? ": " : "", reason ? reason : "");
    answer_problem_coded(answer, PROBLEM_CAMERA_UNAVAILABLE, detail);
    answer_header(answer, "Retry-After", "%.0f", ceil(fmax(retry_seconds, 1)));
}

static bool check_camera(const struct request *request, const struct camera *camera,
                         bool (*is_refused)(const struct camera_health *health), struct answer *answer)
{
    struct camera_health health;
    if (!live_get_health(request->api->live, camera->id, &health))
        return true;
    bool is_available = !is_refused(&health);
    if (!is_available)
        answer_unavailable(request, &health, answer);
    record_clear(&camera_health_descriptor, &health);
    return is_available;
}

bool request_camera_is_available(const struct request *request, const struct camera *camera, struct answer *answer)
{
    return check_camera(request, camera, is_left_alone, answer);
}

bool request_camera_may_be_tried(const struct request *request, const struct camera *camera, struct answer *answer)
{
    return check_camera(request, camera, is_forced_open, answer);
}

/* ---- the list ---- */

static void append_view(const struct breaker_view *view, GString *json)
{
    if (json->str[json->len - 1] != '[')
        g_string_append_c(json, ',');
    record_encode_json(&breaker_view_descriptor, view, false, json);
}

static void append_upstream(void *data, const char *name, struct vedette_breaker *breaker)
{
    const struct breaker_view view = upstream_breaker(name, breaker);
    append_view(&view, data);
}

static void handle_breakers(struct request *request, struct answer *answer)
{
    struct live *live = request->api->live;
    GString *json = g_string_new("{\"items\":[");
    CLEANUP(camera_set) struct camera_set *set = live_cameras(live);
    for (size_t i = 0; i < set->count; i++) {
        const struct camera *camera = set->items[i];
        struct camera_health health;
        if (g_strcmp0(camera->org_id, request->login.user->org_id) != 0 || !live_get_health(live, camera->id, &health))
            continue;
        const struct breaker_view view = camera_breaker(&health);
        append_view(&view, json);
        record_clear(&camera_health_descriptor, &health);
    }
    each_upstream(request->api, request->login.user->org_id, append_upstream, json);
    g_string_append(json, "]}");
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

/* ---- an operator's word ---- */

/* What all orgs depend on is the platform's; and an administrator's where no other org stands. The store knows which
 * do: an org needs no camera to be there; and what it said last holds while it is away, as this is what an outage
 * needs. False with `error` set: it cannot be told, and nobody but the platform gets further. */
static bool runs_server(const struct request *request, GError **error)
{
    const struct user *user = request->login.user;
    return user->role >= ROLE_PLATFORM || store_org_is_alone(request->api->store, user->org_id, error);
}

bool request_runs_server(const struct request *request)
{
    return runs_server(request, NULL);
}

bool request_check_runs_server(const struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    if (runs_server(request, &error))
        return true;
    if (error)
        answer_error(answer, error);
    else
        answer_problem(answer, MHD_HTTP_FORBIDDEN, "this concerns every org: only the platform may do it", NULL);
    return false;
}

/* A line of the log and an entry of the audit say who did what to which, and why; once the word is obeyed, which waits
 * for no store: it may be the store's own breaker, forced because the store is away or hangs. */
static void note_word(const struct request *request, const struct breaker_request *word)
{
    struct audit_by by = request_by(request);
    if (word->reason && *word->reason)
        by.reason = word->reason;
    g_autofree char *after = g_strdup_printf("{\"state\":\"%s\"}", record_enum_name(breaker_word_names, word->state));
    const struct audit_change change = {AUDIT_BREAKER, request->id, "force", NULL, after};
    g_autoptr(GError) error = NULL;
    log_warning(request->id, "circuit breaker: set to %s by %s (org %s, from %s): %s",
                record_enum_name(breaker_word_names, word->state), request->login.user->username,
                request->login.user->org_id, request->address,
                word->reason && *word->reason ? word->reason : "no reason given");
    if (!store_audit_add(request->api->store, &by, &change, &error))
        log_error(request->id, "what is done to this circuit breaker is in this log alone, not in the audit: %s",
                  error->message);
}

static void force_upstream(const struct request *request, struct vedette_breaker *breaker,
                           const struct breaker_request *word, struct answer *answer)
{
    vedette_breaker_force(breaker, vedette_breaker_state_of_name(record_enum_name(breaker_word_names, word->state)));
    note_word(request, word);
    const struct breaker_view view = upstream_breaker(request->id, breaker);
    answer_record(answer, MHD_HTTP_OK, &breaker_view_descriptor, &view);
}

/* Its worker is told, and its health tells when it has heard. */
static void force_camera(const struct request *request, const struct breaker_request *word, struct answer *answer)
{
    live_force_breaker(request->api->live, request->id, word->state);
    note_word(request, word);
    const struct breaker_view view = {
        .name = (char *)(uintptr_t)request->id,
        .is_camera = true,
        .state = (char *)(uintptr_t)record_enum_name(breaker_word_names, word->state),
    };
    answer_record(answer, MHD_HTTP_ACCEPTED, &breaker_view_descriptor, &view);
}

/* An endpoint's breaker is its org's alone, other upstreams' are for who runs the server. */
static void handle_breaker_force(struct request *request, struct answer *answer)
{
    const char *owner;
    struct vedette_breaker *breaker = vedette_resilience_find_breaker(request->api->resilience, request->id);
    bool is_endpoints = notify_has_breaker(request->api->notify, request->id, &owner);
    if (is_endpoints && g_strcmp0(owner, request->login.user->org_id) != 0)
        breaker = NULL; /* as if it were not there */
    if (breaker ? !is_endpoints && !request_check_runs_server(request, answer) : !request_camera(request, answer))
        return;
    if (breaker)
        force_upstream(request, breaker, request->record, answer);
    else
        force_camera(request, request->record, answer);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/breakers",
     .name = "listBreakers",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &breaker_match_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &breaker_view_descriptor,
     .features = ROUTE_WHOLE | ROUTE_MATCHED,
     .handle = handle_breakers,
     .doc = "The circuit breakers of the org's cameras, and of the upstreams that all share."},
    {.method = "PUT",
     .path = "/api/v1/breakers/{id}",
     .name = "forceBreaker",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &breaker_parameters_descriptor,
     .body = BODY_JSON,
     .request = &breaker_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &breaker_view_descriptor,
     .other_status = MHD_HTTP_ACCEPTED,
     .handle = handle_breaker_force,
     .doc =
         "Forces a breaker open or closed, disables it, or lets it decide again, until the server starts anew. A "
         "camera's is its id (202: its worker is told); an upstream's is its name, as upstream:store, which all orgs "
         "share and who runs the server forces; upstream:webhook:ID and upstream:mqtt:ID are their orgs' alone."},
};
const struct route_group breaker_routes = ROUTE_GROUP("breakers", "What is left alone while it fails.", routes);
