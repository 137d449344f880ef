/* Circuit breakers: shown, and told what an operator wants. A camera's lives in its worker and is shown as that last
 * told; an upstream's is the hub's own. */
#define LOG_MODULE "api"
#include <math.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/log.h"

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

static bool is_left_alone(const struct camera_health *health)
{
    return g_strcmp0(health->circuit_breaker_state, "open") == 0 ||
           g_strcmp0(health->circuit_breaker_state, "forced_open") == 0;
}

bool request_camera_is_available(const struct request *request, const struct camera *camera, struct answer *answer)
{
    struct camera_health health;
    if (!live_get_health(request->api->live, camera->id, &health))
        return true;
    bool is_available = !is_left_alone(&health);
    if (!is_available) {
        double retry_seconds = health.circuit_breaker_retry_seconds;
        if (!(retry_seconds > 0)) /* an operator's: nobody knows for how long */
            retry_seconds = request->api->settings->breaker.recovery_seconds;
        const char *reason = health.last_error && *health.last_error ? health.last_error : NULL;
        g_autofree char *detail =
            g_strdup_printf("Camera unavailable: its circuit breaker is %s%s%s", health.circuit_breaker_state,
                            reason ? ": " : "", reason ? reason : "");
        answer_problem_titled(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "Camera unavailable", detail);
        answer_header(answer, "Retry-After", "%.0f", ceil(fmax(retry_seconds, 1)));
        answer_header(answer, "Cache-Control", "no-store");
    }
    record_clear(&camera_health_descriptor, &health);
    return is_available;
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

void handle_breakers(struct request *request, struct answer *answer)
{
    struct live *live = request->api->live;
    GString *json = g_string_new("{\"items\":[");
    for (size_t i = 0; i < live_camera_count(live); i++) {
        const struct camera *camera = live_camera(live, i);
        struct camera_health health;
        if (g_strcmp0(camera->org_id, request->login.user->org_id) != 0 || !live_get_health(live, camera->id, &health))
            continue;
        const struct breaker_view view = camera_breaker(&health);
        append_view(&view, json);
        record_clear(&camera_health_descriptor, &health);
    }
    vedette_resilience_each_breaker(request->api->resilience, append_upstream, json);
    g_string_append(json, "]}");
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

/* ---- an operator's word ---- */

static bool decode_word(const struct request *request, struct breaker_request *word, struct answer *answer)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(&breaker_request_descriptor, (const char *)request->body->data,
                                      request->body->len, word, &errors);
    if (!is_good)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "what is asked of the breaker is not valid", &errors);
    record_errors_clear(&errors);
    return is_good;
}

/* What all orgs depend on is the platform's; and an administrator's where there is no other org. */
static bool may_touch_upstreams(const struct request *request)
{
    struct live *live = request->api->live;
    if (request->login.user->role >= ROLE_PLATFORM)
        return true;
    for (size_t i = 0; i < live_camera_count(live); i++)
        if (g_strcmp0(live_camera(live, i)->org_id, request->login.user->org_id) != 0)
            return false;
    return true;
}

/* One line says who did what to which, and why. */
static void note_word(const struct request *request, const struct breaker_request *word)
{
    log_warning(request->id, "circuit breaker: set to %s by %s (org %s, from %s): %s",
                record_enum_name(breaker_word_names, word->state), request->login.user->username,
                request->login.user->org_id, request->address,
                word->reason && *word->reason ? word->reason : "no reason given");
}

static void force_upstream(const struct request *request, struct vedette_breaker *breaker,
                           const struct breaker_request *word, struct answer *answer)
{
    note_word(request, word);
    vedette_breaker_force(breaker, vedette_breaker_state_of_name(record_enum_name(breaker_word_names, word->state)));
    const struct breaker_view view = upstream_breaker(request->id, breaker);
    GString *json = g_string_new(NULL);
    record_encode_json(&breaker_view_descriptor, &view, false, json);
    answer_json(answer, MHD_HTTP_OK, json);
}

/* Its worker is told, and its health tells when it has heard. */
static void force_camera(const struct request *request, const struct breaker_request *word, struct answer *answer)
{
    note_word(request, word);
    live_force_breaker(request->api->live, request->id, word->state);
    const struct breaker_view view = {
        .name = (char *)(uintptr_t)request->id,
        .is_camera = true,
        .state = (char *)(uintptr_t)record_enum_name(breaker_word_names, word->state),
    };
    GString *json = g_string_new(NULL);
    record_encode_json(&breaker_view_descriptor, &view, false, json);
    answer_json(answer, MHD_HTTP_ACCEPTED, json);
}

void handle_breaker_force(struct request *request, struct answer *answer)
{
    struct vedette_breaker *breaker = vedette_resilience_find_breaker(request->api->resilience, request->id);
    if (breaker && !may_touch_upstreams(request)) {
        answer_problem(answer, MHD_HTTP_FORBIDDEN, "every org depends on this upstream: only the platform may do this",
                       NULL);
        return;
    }
    if (!breaker && !request_camera(request, answer))
        return;
    struct breaker_request word;
    if (!decode_word(request, &word, answer))
        return;
    if (breaker)
        force_upstream(request, breaker, &word, answer);
    else
        force_camera(request, &word, answer);
    record_clear(&breaker_request_descriptor, &word);
}
