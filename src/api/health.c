/* /health: what is examined, and what is told of it. */
#include <string.h>

#include "api/api_internal.h"
#include "base/counter.h"

/* A wall clock before this was never set: 2025-01-01. */
static const int64_t clock_set_ms = INT64_C(1735689600000);

struct component {
    const char *name;
    enum health_status status;
    char *reason; /* NULL: nothing to say */
};

/* One thing more that is wrong: the component is degraded. What it says is joined by "; ". */
G_GNUC_PRINTF(2, 3)
static void degrade(struct component *component, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    g_autofree char *reason = g_strdup_vprintf(format, values), *before = component->reason;
    va_end(values);
    component->status = MAX(component->status, DEGRADED);
    component->reason = before ? g_strjoin("; ", before, reason, NULL) : g_steal_pointer(&reason);
}

static bool is_of_disk(const GError *error)
{
    return g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
}

/* Little room is a warning; a write that fails is not. */
static enum health_status examine_engine(struct api *api, GError **error)
{
    g_autoptr(GError) trouble = NULL;
    if (store_check(api->store, &trouble))
        return HEALTHY;
    bool has_room = is_of_disk(trouble) && counter_get(&api->health->store_free_bytes) > 0;
    g_propagate_error(error, g_steal_pointer(&trouble));
    return has_room ? DEGRADED : UNHEALTHY;
}

static void check_engine(struct api *api, bool of_disk, struct component *component)
{
    g_autoptr(GError) error = NULL;
    enum health_status status = examine_engine(api, &error);
    if (!error || is_of_disk(error) != of_disk)
        return;
    component->status = status;
    component->reason = g_strdup(error->message);
}

/* g_free; NULL: nothing. */
static char *tell_waiting(const struct api *api)
{
    return api->tell_waiting ? api->tell_waiting(api->tell_waiting_data) : NULL;
}

static void check_store(struct api *api, const char *org_id, struct component *component)
{
    (void)org_id;
    check_engine(api, false, component);
    g_autofree char *waiting = tell_waiting(api);
    if (waiting)
        degrade(component, "not done yet, for it waits for the store: %s", waiting);
}

static void check_disk(struct api *api, const char *org_id, struct component *component)
{
    (void)org_id;
    check_engine(api, true, component);
}

static void check_clock(struct api *api, const char *org_id, struct component *component)
{
    (void)org_id;
    if (clock_wall_ms(api->clock) < clock_set_ms)
        degrade(component, "the machine's clock was never set");
}

/* Those who are told what happens: webhooks' receivers, and brokers. */
static void check_endpoints(struct api *api, const char *org_id, enum endpoint_kind kind, struct component *component)
{
    g_autoptr(GString) text = g_string_new(NULL);
    size_t count = append_endpoint_troubles(api, org_id, kind, text);
    component->status = text->len ? DEGRADED : HEALTHY;
    component->reason = g_strdup(text->len ? text->str : count ? NULL : "not configured");
}

static void check_broker(struct api *api, const char *org_id, struct component *component)
{
    check_endpoints(api, org_id, ENDPOINT_MQTT, component);
}

static void check_webhooks(struct api *api, const char *org_id, struct component *component)
{
    check_endpoints(api, org_id, ENDPOINT_WEBHOOK, component);
}

/* Counted are the org's own: how many others have is nobody's to know. A camera of another org that is off line still
 * degrades the server, which is not told of more than that. */
static void check_workers(struct api *api, const char *org_id, struct component *component)
{
    size_t enabled = 0, online = 0;
    bool is_any_offline = false;
    int64_t now_ms = clock_wall_ms(api->clock);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(api->live);
    for (size_t i = 0; i < set->count; i++) {
        const struct camera *camera = set->items[i];
        bool is_own = g_strcmp0(camera->org_id, org_id) == 0,
             is_online = camera->enabled && live_is_online(api->live, camera->id, now_ms);
        enabled += camera->enabled && is_own;
        online += is_online && is_own;
        is_any_offline |= camera->enabled && !is_online;
    }
    int64_t uncaged = counter_get(&api->health->workers_uncaged);
    if (online < enabled)
        degrade(component, "%zu of %zu cameras are offline", enabled - online, enabled);
    else if (is_any_offline)
        degrade(component, "cameras of others are offline");
    if (counter_get(&api->health->cameras_left_out))
        degrade(component, "cameras that were made by the API cannot be watched: their health and the log say why");
    if (uncaged)
        degrade(component, "%" G_GINT64_FORMAT " workers run without a cage: the log says why", uncaged);
}

/* What stands still, by camera and stage, while everything seems to live. Cameras of other orgs are neither named nor
 * counted. */
static void check_progress(struct api *api, const char *org_id, struct component *component)
{
    g_autoptr(GString) reason = g_string_new(NULL);
    bool is_any_elsewhere = false;
    CLEANUP(camera_set) struct camera_set *set = live_cameras(api->live);
    for (size_t i = 0; i < set->count; i++) {
        const struct camera *camera = set->items[i];
        struct camera_health health;
        if (!camera->enabled || !live_get_health(api->live, camera->id, &health))
            continue;
        bool is_stalled = health.stalled && *health.stalled, is_own = g_strcmp0(camera->org_id, org_id) == 0;
        is_any_elsewhere |= is_stalled && !is_own;
        if (is_stalled && is_own)
            g_string_append_printf(reason, "%s%s: %s", reason->len ? "; " : "", camera->id, health.stalled);
        record_clear(&camera_health_descriptor, &health);
    }
    if (is_any_elsewhere)
        g_string_append_printf(reason, "%scameras of others", reason->len ? "; " : "");
    append_endpoint_standstills(api, org_id, reason);
    if (reason->len == 0)
        return;
    component->status = DEGRADED;
    component->reason = g_strdup_printf(
        "no progress beyond the deadline (settings progress.*, notify.stalled_seconds): %s", reason->str);
}

/* Says how many more cameras would fit, also when all is well. */
static void check_capacity(struct api *api, const char *org_id, struct component *component)
{
    (void)org_id;
    bool is_short;
    char *text = live_get_capacity(api->live, &is_short);
    component->status = is_short ? DEGRADED : HEALTHY;
    component->reason = *text ? text : NULL;
    if (!*text)
        g_free(text);
}

/* Whose the bad one is, and what is wrong with it, is for the log: anybody may ask for /health. */
static void check_policies(struct api *api, const char *org_id, struct component *component)
{
    (void)org_id;
    int64_t bad = counter_get(&api->health->policies_bad);
    int64_t untold = counter_get(&api->health->policy_cameras_not_configured);
    if (counter_get(&api->health->policies_stale))
        degrade(component, "policies cannot be read from the store, or it went back to older ones, and the last good "
                           "ones are in force, if there are any: the log says why");
    if (bad)
        degrade(component,
                "%" G_GINT64_FORMAT " policies or policy files are refused, and what was in force before stays: the "
                "log says why",
                bad);
    if (untold)
        degrade(
            component,
            "%" G_GINT64_FORMAT
            " cameras cannot be told what their policies come to, and keep what they were told or are not analysed: "
            "the log names them",
            untold);
    if (counter_get(&api->health->policies_unsaved))
        degrade(component, "policies.snapshot, for a start without the store, cannot be written: the log says why");
}

/* What loses something, or keeps it for ever, until a person looks at it. */
static void check_upkeep(struct api *api, const char *org_id, struct component *component)
{
    (void)org_id;
    int64_t stray = counter_get(&api->health->store_stray_rows);
    if (counter_get(&api->health->retention_stopped))
        degrade(component, "retention is stopped and deletes nothing: vedette jobs history cleanup_old_data");
    if (counter_get(&api->health->storage_alarm))
        degrade(component, "a disk will soon be full, or cannot be looked at: vedette jobs history watch_storage");
    if (counter_get(&api->health->rollups_failing))
        degrade(component, "hours, days or months cannot be counted: vedette jobs history aggregate_hourly");
    if (stray)
        degrade(component, "%" G_GINT64_FORMAT " rows lie outside of their day's partition", stray);
}

/* What waits and is not stored, and what of it the disk did not keep. */
static void check_spool(struct api *api, const char *org_id, struct component *component)
{
    (void)org_id;
    struct vedette_spool_stats stats = {0};
    if (api->spool)
        vedette_spool_get_stats(api->spool, &stats);
    if (stats.is_stalled)
        degrade(component,
                "records wait, and none was stored for %" G_GINT64_FORMAT " s (spool.stalled_seconds): see store and "
                "upstream:store",
                stats.not_drained_us / G_USEC_PER_SEC);
    if (stats.bad_files)
        degrade(component,
                "%" G_GINT64_FORMAT " damaged files of it are set aside: stop the server and ask vedette spool verify",
                stats.bad_files);
    if (stats.missing_files)
        degrade(component,
                "%" G_GINT64_FORMAT " files of it were removed while no server ran: the log of the start says which",
                stats.missing_files);
    if (*stats.last_error && (stats.write_errors || stats.read_errors))
        degrade(component, "its disk fails: %s", stats.last_error);
}

/* What is examined; `org_id` is whose cameras may be named. */
static const struct component_kind {
    const char *name;
    void (*check)(struct api *api, const char *org_id, struct component *component);
} component_kinds[] = {
    {"store", check_store},       {"workers", check_workers},   {"disk", check_disk},         {"clock", check_clock},
    {"progress", check_progress}, {"capacity", check_capacity}, {"policies", check_policies}, {"broker", check_broker},
    {"webhooks", check_webhooks}, {"upkeep", check_upkeep},     {"spool", check_spool},
};
enum { COMPONENT_COUNT = G_N_ELEMENTS(component_kinds) };

static enum health_status examine(struct api *api, const char *org_id, struct component components[COMPONENT_COUNT])
{
    enum health_status worst = HEALTHY;
    for (size_t i = 0; i < COMPONENT_COUNT; i++) {
        components[i] = (struct component){component_kinds[i].name, HEALTHY, NULL};
        component_kinds[i].check(api, org_id, &components[i]);
        worst = MAX(worst, components[i].status);
    }
    return worst;
}

/* One member of an object that is being written. */
static void append_key(GString *json, const char *key)
{
    if (json->str[json->len - 1] != '{')
        g_string_append_c(json, ',');
    record_append_json_string(json, key);
    g_string_append_c(json, ':');
}

/* What is told of each camera of the request's org: "id":{…},… */
static void append_cameras(const struct request *request,
                           void (*append)(const struct camera_health *health, GString *json), GString *json)
{
    struct live *live = request->api->live;
    CLEANUP(camera_set) struct camera_set *set = live_cameras(live);
    for (size_t i = 0; i < set->count; i++) {
        const struct camera *camera = set->items[i];
        struct camera_health health;
        if (g_strcmp0(camera->org_id, request->login.user->org_id) != 0 || !live_get_health(live, camera->id, &health))
            continue;
        append_key(json, camera->id);
        append(&health, json);
        record_clear(&camera_health_descriptor, &health);
    }
}

static void append_breaker_members(GString *json, const char *state, int64_t failure_count, double retry_seconds)
{
    char seconds[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(seconds, sizeof seconds, "%.3f", retry_seconds);
    g_string_append_printf(json, "{\"state\":\"%s\",\"failure_count\":%" G_GINT64_FORMAT ",\"retry_after_seconds\":%s}",
                           state && *state ? state : "closed", failure_count, seconds);
}

static void append_breaker(const struct camera_health *health, GString *json)
{
    append_breaker_members(json, health->circuit_breaker_state, health->circuit_breaker_failures,
                           health->circuit_breaker_retry_seconds);
}

/* What decodes and what runs the model: the machine's own hardware, or why not. */
static void append_engines(const struct camera_health *health, GString *json)
{
    const struct {
        const char *name, *value;
    } members[] = {{"decoder", health->decoder},
                   {"detector_provider", health->detector_provider},
                   {"detector_provider_reason", health->detector_provider_reason}};
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        g_string_append_printf(json, "%s\"%s\":", i ? "," : "{", members[i].name);
        record_append_json_string(json, members[i].value ? members[i].value : "");
    }
    g_string_append_c(json, '}');
}

static void append_components(const struct component components[COMPONENT_COUNT], GString *json)
{
    for (size_t i = 0; i < COMPONENT_COUNT; i++) {
        const struct component_answer answer = {components[i].status, components[i].reason};
        append_key(json, components[i].name);
        record_encode_json(&component_answer_descriptor, &answer, false, json);
    }
}

static void append_upstream(void *data, const char *name, struct vedette_breaker *breaker)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(breaker, &stats);
    append_key(data, name);
    append_breaker_members(data, vedette_breaker_state_name(stats.state), stats.failure_count,
                           (double)stats.retry_after_us / G_USEC_PER_SEC);
}

static void append_details(const struct request *request, const struct component components[COMPONENT_COUNT],
                           GString *json)
{
    g_string_append(json, ",\"resilience_stats\":{\"circuit_breakers\":{");
    append_cameras(request, append_breaker, json);
    each_upstream(request->api, request->login.user->org_id, append_upstream, json);
    g_string_append(json, "},\"queues\":{\"events\":");
    append_queue(request, json);
    g_string_append(json, "}},\"components\":{");
    append_components(components, json);
    g_string_append(json, "},\"cameras\":{");
    append_cameras(request, append_engines, json);
    g_string_append_c(json, '}');
}

static void answer_status(struct answer *answer, enum health_status status, GString *json)
{
    answer_json(answer, status == UNHEALTHY ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

static void handle_health(struct request *request, struct answer *answer)
{
    struct component components[COMPONENT_COUNT];
    const struct user *user = request->login.user;
    enum health_status status = examine(request->api, user ? user->org_id : NULL, components);
    GString *json = g_string_new(NULL);
    g_string_append_printf(json, "{\"status\":\"%s\"", record_enum_name(health_status_names, status));
    if (user)
        append_details(request, components, json);
    g_string_append_c(json, '}');
    answer_status(answer, status, json);
    for (size_t i = 0; i < COMPONENT_COUNT; i++)
        g_free(components[i].reason);
}

static void handle_health_live(struct request *request, struct answer *answer)
{
    (void)request;
    answer_status(answer, HEALTHY, g_string_new("{\"status\":\"healthy\"}"));
}

/* From the store or the last run's snapshot; until then everything would run by its defaults. */
static bool has_policies(struct policy_keeper *policies)
{
    struct policy_status status = {.is_loaded = true};
    if (policies)
        policy_keeper_get_status(policies, &status);
    bool is_loaded = status.is_loaded;
    policy_status_clear(&status);
    return is_loaded;
}

static void handle_health_ready(struct request *request, struct answer *answer)
{
    g_autofree char *waiting = tell_waiting(request->api);
    bool is_ready = !waiting && examine_engine(request->api, NULL) != UNHEALTHY && has_policies(request->api->policies);
    answer_status(answer, is_ready ? HEALTHY : UNHEALTHY,
                  g_string_new(is_ready ? "{\"status\":\"healthy\"}" : "{\"status\":\"unhealthy\"}"));
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/health",
     .name = "getHealth",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_FREE,
     .answers = ANSWER_RECORD,
     .response = &health_answer_descriptor,
     .other_status = MHD_HTTP_SERVICE_UNAVAILABLE,
     .features = ROUTE_PROMPT,
     .handle = handle_health,
     .doc = "Whether the server is healthy, degraded or unhealthy (then 503); with a login also its parts, and of "
            "cameras what decodes and what detects."},
    {.method = "GET",
     .path = "/health/live",
     .name = "getLiveness",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_FREE,
     .answers = ANSWER_RECORD,
     .response = &status_answer_descriptor,
     .features = ROUTE_PROMPT | ROUTE_ALIKE,
     .handle = handle_health_live,
     .doc = "200 while the process answers."},
    {.method = "GET",
     .path = "/health/ready",
     .name = "getReadiness",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_FREE,
     .answers = ANSWER_RECORD,
     .response = &status_answer_descriptor,
     .other_status = MHD_HTTP_SERVICE_UNAVAILABLE,
     .features = ROUTE_PROMPT | ROUTE_ALIKE,
     .handle = handle_health_ready,
     .doc = "200 when records can be stored, policies are known and nothing of the start waits for the store "
            "any more, else 503."},
    {.method = "GET",
     .path = "/metrics",
     .name = "getMetrics",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_FREE,
     .answers = ANSWER_MEDIA,
     .media_type = "text/plain",
     .problems = PROBLEM(UNAUTHENTICATED) | PROBLEM(RATE_LIMITED),
     .features = ROUTE_PROMPT,
     .handle = handle_metrics,
     .doc = "Counters and gauges for Prometheus; needs a login, or the scrape token (metrics_token) as Authorization: "
            "Bearer."},
};
const struct route_group health_routes = ROUTE_GROUP("health", "How the server is.", routes);
