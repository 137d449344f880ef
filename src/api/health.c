/* /health and /metrics: both read the same records; no list of fields is kept here. */
#include <string.h>

#include "api/api_internal.h"
#include "base/counter.h"

enum health_status { HEALTHY = 1, DEGRADED, UNHEALTHY };
static const char *const health_status_names[] = {"healthy", "degraded", "unhealthy", NULL};

/* A wall clock before this was never set: 2025-01-01. */
static const int64_t clock_set_ms = INT64_C(1735689600000);

struct component {
    const char *name;
    enum health_status status;
    char *reason; /* NULL: nothing to say */
};
enum {
    COMPONENT_STORE,
    COMPONENT_WORKERS,
    COMPONENT_DISK,
    COMPONENT_CLOCK,
    COMPONENT_PROGRESS,
    COMPONENT_CAPACITY,
    COMPONENT_BROKER,
    COMPONENT_COUNT
};

static void check_store(struct api *api, struct component components[COMPONENT_COUNT])
{
    g_autoptr(GError) error = NULL;
    if (store_check(api->store, &error))
        return;
    bool is_disk = g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
    struct component *component = &components[is_disk ? COMPONENT_DISK : COMPONENT_STORE];
    /* Little room is a warning; a write that fails is not. */
    bool has_room = counter_get(&api->health->store_free_bytes) > 0;
    component->status = is_disk && has_room ? DEGRADED : UNHEALTHY;
    component->reason = g_strdup(error->message);
}

static void check_workers(struct api *api, struct component *component)
{
    size_t enabled = 0, online = 0;
    int64_t now_ms = clock_wall_ms(api->clock);
    for (size_t i = 0; i < live_camera_count(api->live); i++) {
        const struct camera *camera = live_camera(api->live, i);
        enabled += camera->enabled;
        online += camera->enabled && live_is_online(api->live, camera->id, now_ms);
    }
    int64_t uncaged = counter_get(&api->health->workers_uncaged);
    if (online == enabled && uncaged == 0)
        return;
    component->status = DEGRADED;
    component->reason =
        online == enabled
            ? g_strdup_printf("%" G_GINT64_FORMAT " workers run without a cage: the log says why", uncaged)
            : g_strdup_printf("%zu of %zu cameras are offline", enabled - online, enabled);
}

/* What stands still, by camera and stage, while everything seems to live. Cameras of other orgs are not named. */
static void check_progress(struct api *api, const char *org_id, struct component *component)
{
    g_autoptr(GString) reason = g_string_new(NULL);
    size_t elsewhere = 0;
    for (size_t i = 0; i < live_camera_count(api->live); i++) {
        const struct camera *camera = live_camera(api->live, i);
        struct camera_health health;
        if (!camera->enabled || !live_get_health(api->live, camera->id, &health))
            continue;
        bool is_stalled = health.stalled && *health.stalled, is_own = g_strcmp0(camera->org_id, org_id) == 0;
        elsewhere += is_stalled && !is_own;
        if (is_stalled && is_own)
            g_string_append_printf(reason, "%s%s: %s", reason->len ? "; " : "", camera->id, health.stalled);
        record_clear(&camera_health_descriptor, &health);
    }
    if (elsewhere)
        g_string_append_printf(reason, "%s%zu cameras of others", reason->len ? "; " : "", elsewhere);
    if (reason->len == 0)
        return;
    component->status = DEGRADED;
    component->reason = g_strdup_printf("no progress beyond the deadline (settings progress.*): %s", reason->str);
}

/* Says how many more cameras would fit, also when all is well. */
static void check_capacity(struct api *api, struct component *component)
{
    bool is_short;
    char *text = live_get_capacity(api->live, &is_short);
    component->status = is_short ? DEGRADED : HEALTHY;
    component->reason = *text ? text : NULL;
    if (!*text)
        g_free(text);
}

static enum health_status examine(struct api *api, const char *org_id, struct component components[COMPONENT_COUNT])
{
    static const char *const names[COMPONENT_COUNT] = {"store",    "workers",  "disk",  "clock",
                                                       "progress", "capacity", "broker"};
    for (size_t i = 0; i < COMPONENT_COUNT; i++)
        components[i] = (struct component){names[i], HEALTHY, NULL};
    check_store(api, components);
    check_workers(api, &components[COMPONENT_WORKERS]);
    check_capacity(api, &components[COMPONENT_CAPACITY]);
    check_progress(api, org_id, &components[COMPONENT_PROGRESS]);
    components[COMPONENT_BROKER].reason = g_strdup("not configured");
    if (clock_wall_ms(api->clock) < clock_set_ms) {
        components[COMPONENT_CLOCK].status = DEGRADED;
        components[COMPONENT_CLOCK].reason = g_strdup("the machine's clock was never set");
    }
    enum health_status worst = HEALTHY;
    for (size_t i = 0; i < COMPONENT_COUNT; i++)
        worst = MAX(worst, components[i].status);
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
    for (size_t i = 0; i < live_camera_count(live); i++) {
        const struct camera *camera = live_camera(live, i);
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
        g_string_append_printf(json, "%s\"%s\":{\"status\":\"%s\",\"reason\":", i ? "," : "", components[i].name,
                               record_enum_name(health_status_names, components[i].status));
        if (components[i].reason)
            record_append_json_string(json, components[i].reason);
        else
            g_string_append(json, "null");
        g_string_append_c(json, '}');
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

static void append_other_queue(void *data, const char *name, const struct vedette_queue_stats *stats)
{
    append_key(data, name);
    g_string_append_printf(data,
                           "{\"total_queued\":%" G_GINT64_FORMAT ",\"memory_queue_size\":%" G_GINT64_FORMAT
                           ",\"disk_queue_size\":%" G_GINT64_FORMAT "}",
                           stats->total_queued, stats->memory_queue_size, stats->disk_queue_size);
}

static void append_details(const struct request *request, const struct component components[COMPONENT_COUNT],
                           GString *json)
{
    struct vedette_resilience *resilience = request->api->resilience;
    g_string_append(json, ",\"resilience_stats\":{\"circuit_breakers\":{");
    append_cameras(request, append_breaker, json);
    vedette_resilience_each_breaker(resilience, append_upstream, json);
    g_string_append(json, "},\"queues\":{\"events\":");
    append_queue(request, json);
    vedette_resilience_each_queue(resilience, append_other_queue, json);
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

void handle_health(struct request *request, struct answer *answer)
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

void handle_health_live(struct request *request, struct answer *answer)
{
    (void)request;
    answer_status(answer, HEALTHY, g_string_new("{\"status\":\"healthy\"}"));
}

void handle_health_ready(struct request *request, struct answer *answer)
{
    bool is_ready = store_check(request->api->store, NULL);
    answer_status(answer, is_ready ? HEALTHY : UNHEALTHY,
                  g_string_new(is_ready ? "{\"status\":\"healthy\"}" : "{\"status\":\"unhealthy\"}"));
}

/* ---- metrics ---- */

static void append_value(const struct record_field *field, const void *record, GString *out)
{
    const char *address = (const char *)record + field->offset;
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    if (field->kind == RECORD_DOUBLE)
        g_string_append(out, g_ascii_dtostr(text, sizeof text, gauge_get((const double *)(const void *)address)));
    else if (field->kind == RECORD_INT32)
        g_string_append_printf(out, "%d", *(const int32_t *)(const void *)address);
    else
        g_string_append_printf(out, "%" G_GINT64_FORMAT, counter_get((const int64_t *)(const void *)address));
}

/* HELP and TYPE, and the metric's name. g_free. */
static char *append_family(const char *prefix, const struct record_field *field, GString *out)
{
    bool is_counter = field->flags & RECORD_COUNTER;
    char *name = g_strdup_printf("%s_%s%s", prefix, field->name,
                                 is_counter && !g_str_has_suffix(field->name, "_total") ? "_total" : "");
    g_string_append_printf(out, "# HELP %s %s%s%s%s\n# TYPE %s %s\n", name, field->doc, field->unit ? " (" : "",
                           field->unit ? field->unit : "", field->unit ? ")" : "", name,
                           is_counter ? "counter" : "gauge");
    return name;
}

static void append_server_metrics(const struct server_health *health, GString *out)
{
    const struct record_descriptor *descriptor = &server_health_descriptor;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (!(field->flags & (RECORD_COUNTER | RECORD_GAUGE)))
            continue;
        g_autofree char *name = append_family("vedette", field, out);
        g_string_append_printf(out, "%s ", name);
        append_value(field, health, out);
        g_string_append_c(out, '\n');
    }
}

/* Upstreams; cameras' are in their own metrics. */
static void append_state(void *data, const char *name, struct vedette_breaker *breaker)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(breaker, &stats);
    g_string_append_printf(data, "vedette_circuit_breaker{name=\"%s\"} %d\n", name, (int)stats.state);
}

static void append_rejected(void *data, const char *name, struct vedette_breaker *breaker)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(breaker, &stats);
    g_string_append_printf(data, "vedette_circuit_breaker_rejected_total{name=\"%s\"} %" G_GINT64_FORMAT "\n", name,
                           stats.rejected);
}

static void append_breaker_metrics(struct vedette_resilience *resilience, GString *out)
{
    g_string_append(out,
                    "# HELP vedette_circuit_breaker state of an upstream's breaker: 1 closed, 2 open, 3 half open, "
                    "4 forced open, 5 forced closed, 6 disabled\n# TYPE vedette_circuit_breaker gauge\n");
    vedette_resilience_each_breaker(resilience, append_state, out);
    g_string_append(out, "# HELP vedette_circuit_breaker_rejected_total calls that the breaker did not let pass\n"
                         "# TYPE vedette_circuit_breaker_rejected_total counter\n");
    vedette_resilience_each_breaker(resilience, append_rejected, out);
}

struct camera_sample {
    const struct camera *camera;
    struct camera_health health;
    bool is_online;
};

static void camera_sample_clear(void *data)
{
    struct camera_sample *sample = data;
    record_clear(&camera_health_descriptor, &sample->health);
}

/* The cameras a request may see; all of them for the scraper (`org_id` NULL). */
static GArray *camera_samples(struct api *api, const char *org_id)
{
    GArray *samples = g_array_new(FALSE, FALSE, sizeof(struct camera_sample));
    g_array_set_clear_func(samples, camera_sample_clear);
    for (size_t i = 0; i < live_camera_count(api->live); i++) {
        struct camera_sample sample = {.camera = live_camera(api->live, i)};
        if (org_id && g_strcmp0(org_id, sample.camera->org_id) != 0)
            continue;
        if (!live_get_health(api->live, sample.camera->id, &sample.health))
            record_init(&camera_health_descriptor, &sample.health);
        sample.is_online = live_is_online(api->live, sample.camera->id, clock_wall_ms(api->clock));
        g_array_append_val(samples, sample);
    }
    return samples;
}

static void append_camera_metrics(const GArray *samples, GString *out)
{
    const struct record_descriptor *descriptor = &camera_health_descriptor;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (!(field->flags & (RECORD_COUNTER | RECORD_GAUGE)))
            continue;
        g_autofree char *name = append_family("vedette_camera", field, out);
        for (guint j = 0; j < samples->len; j++) {
            const struct camera_sample *sample = &g_array_index(samples, struct camera_sample, j);
            /* Ids are of [A-Za-z0-9._-]: nothing to escape. */
            g_string_append_printf(out, "%s{camera=\"%s\"} ", name, sample->camera->id);
            append_value(field, &sample->health, out);
            g_string_append_c(out, '\n');
        }
    }
    g_string_append(out, "# HELP vedette_camera_online 1 while the camera is online\n"
                         "# TYPE vedette_camera_online gauge\n");
    for (guint j = 0; j < samples->len; j++) {
        const struct camera_sample *sample = &g_array_index(samples, struct camera_sample, j);
        g_string_append_printf(out, "vedette_camera_online{camera=\"%s\"} %d\n", sample->camera->id, sample->is_online);
    }
}

static void append_stream_metrics(const GArray *samples, GString *out)
{
    const struct record_descriptor *descriptor = &stream_health_descriptor;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (!(field->flags & (RECORD_COUNTER | RECORD_GAUGE)))
            continue;
        g_autofree char *name = append_family("vedette_stream", field, out);
        for (guint j = 0; j < samples->len; j++) {
            const struct camera_sample *sample = &g_array_index(samples, struct camera_sample, j);
            const struct stream_health *streams = sample->health.streams.items;
            for (size_t k = 0; k < sample->health.streams.count; k++) {
                g_string_append_printf(out, "%s{camera=\"%s\",stream=\"%zu\"} ", name, sample->camera->id, k);
                append_value(field, &streams[k], out);
                g_string_append_c(out, '\n');
            }
        }
    }
}

void handle_metrics(struct request *request, struct answer *answer)
{
    const struct user *user = request->login.user;
    bool is_scraper = auth_is_scraper(request->api->auth, http_bearer_get(request->authorization));
    if (!user && !is_scraper) {
        answer_problem(answer, MHD_HTTP_UNAUTHORIZED, "log in, or send metrics_token as Authorization: Bearer", NULL);
        return;
    }
    store_check(request->api->store, NULL); /* refreshes the free space */
    GString *out = g_string_new(NULL);
    append_server_metrics(request->api->health, out);
    append_breaker_metrics(request->api->resilience, out);
    g_autoptr(GArray) samples = camera_samples(request->api, is_scraper ? NULL : user->org_id);
    append_camera_metrics(samples, out);
    append_stream_metrics(samples, out);
    answer_text(answer, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", out);
    answer_header(answer, "Cache-Control", "no-store");
}
