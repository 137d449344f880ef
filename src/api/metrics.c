/* /metrics: read from the records' own tables; no list of fields is kept here. */
#include <string.h>

#include "api/api_internal.h"
#include "base/counter.h"

/* Prometheus counts time in seconds; the records' names say what they count it in. */
static const struct time_unit {
    const char *suffix;
    double in_a_second;
} time_units[] = {{"_ms", 1e3}, {"_us", 1e6}, {"_ns", 1e9}};

/* The unit at the end of the name, but for "_total"; NULL: none. *length: of the name before it. */
static const struct time_unit *find_time_unit(const char *name, size_t *length)
{
    *length = strlen(name) - (g_str_has_suffix(name, "_total") ? strlen("_total") : 0);
    for (size_t i = 0; i < G_N_ELEMENTS(time_units); i++) {
        size_t size = strlen(time_units[i].suffix);
        if (*length > size && strncmp(name + *length - size, time_units[i].suffix, size) == 0) {
            *length -= size;
            return &time_units[i];
        }
    }
    return NULL;
}

static void append_double(double value, GString *out)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(out, g_ascii_dtostr(text, sizeof text, value));
}

static void append_value(const struct record_field *field, const void *record, GString *out)
{
    const char *address = (const char *)record + field->offset;
    size_t length;
    const struct time_unit *unit = find_time_unit(field->name, &length);
    if (field->kind == RECORD_DOUBLE) {
        append_double(gauge_get((const double *)(const void *)address) / (unit ? unit->in_a_second : 1), out);
        return;
    }
    int64_t value = field->kind == RECORD_INT32 ? *(const int32_t *)(const void *)address
                                                : counter_get((const int64_t *)(const void *)address);
    if (unit)
        append_double((double)value / unit->in_a_second, out);
    else
        g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

/* HELP and TYPE, and the metric's name. g_free. */
static char *append_family(const char *prefix, const struct record_field *field, GString *out)
{
    bool is_counter = field->flags & RECORD_COUNTER;
    size_t length;
    bool is_time = find_time_unit(field->name, &length) != NULL;
    bool is_total = is_counter || g_str_has_suffix(field->name, "_total");
    const char *unit = is_time ? "seconds" : field->unit;
    char *name = g_strdup_printf("%s_%.*s%s%s", prefix, (int)length, field->name, is_time ? "_seconds" : "",
                                 is_total ? "_total" : "");
    g_string_append_printf(out, "# HELP %s %s%s%s%s\n# TYPE %s %s\n", name, field->doc, unit ? " (" : "",
                           unit ? unit : "", unit ? ")" : "", name, is_counter ? "counter" : "gauge");
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

/* `org_id` NULL: all of them. */
static void append_breaker_metrics(struct api *api, const char *org_id, GString *out)
{
    g_string_append(out,
                    "# HELP vedette_circuit_breaker state of an upstream's breaker: 1 closed, 2 open, 3 half open, "
                    "4 forced open, 5 forced closed, 6 disabled\n# TYPE vedette_circuit_breaker gauge\n");
    each_upstream(api, org_id, append_state, out);
    g_string_append(out, "# HELP vedette_circuit_breaker_rejected_total calls that the breaker did not let pass\n"
                         "# TYPE vedette_circuit_breaker_rejected_total counter\n");
    each_upstream(api, org_id, append_rejected, out);
}

struct camera_sample {
    const struct camera *camera; /* its own reference */
    struct camera_health health;
    bool is_online;
};

static void camera_sample_clear(void *data)
{
    struct camera_sample *sample = data;
    camera_unref(sample->camera);
    record_clear(&camera_health_descriptor, &sample->health);
}

/* The cameras a request may see; all of them for the scraper (`org_id` NULL). */
static GArray *camera_samples(struct api *api, const char *org_id)
{
    GArray *samples = g_array_new(FALSE, FALSE, sizeof(struct camera_sample));
    g_array_set_clear_func(samples, camera_sample_clear);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(api->live);
    for (size_t i = 0; i < set->count; i++) {
        struct camera_sample sample = {.camera = set->items[i]};
        if (org_id && g_strcmp0(org_id, sample.camera->org_id) != 0)
            continue;
        if (!live_get_health(api->live, sample.camera->id, &sample.health))
            record_init(&camera_health_descriptor, &sample.health);
        camera_ref(sample.camera);
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

static void append_endpoint_metrics(const GArray *samples, GString *out)
{
    const struct record_descriptor *descriptor = &endpoint_health_descriptor;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (!(field->flags & (RECORD_COUNTER | RECORD_GAUGE)))
            continue;
        g_autofree char *name = append_family("vedette_notify", field, out);
        for (guint j = 0; j < samples->len; j++) {
            const struct endpoint_health *sample = &g_array_index(samples, struct endpoint_health, j);
            g_string_append_printf(out, "%s{kind=\"%s\",endpoint=\"%s\"} ", name,
                                   record_enum_name(endpoint_kind_names, sample->kind), sample->id);
            append_value(field, sample, out);
            g_string_append_c(out, '\n');
        }
    }
}

/* Whether who is no user has the scrape token. Asking is free, guessing is not. False: the answer is made. */
static bool check_scraper(struct request *request, struct answer *answer)
{
    const char *token = http_bearer_get(request->authorization);
    if (token && !limits_take_guess(request, answer))
        return false;
    if (token && auth_is_scraper(request->api->auth, token)) {
        limits_give_back_guess(request);
        return true;
    }
    if (token)
        counter_add(&request->api->health->logins_failed, 1);
    answer_problem(answer, MHD_HTTP_UNAUTHORIZED, "log in, or send metrics_token as Authorization: Bearer", NULL);
    return false;
}

void handle_metrics(struct request *request, struct answer *answer)
{
    const struct user *user = request->login.user;
    if (!user && !check_scraper(request, answer))
        return;
    store_check(request->api->store, NULL); /* counts for how long it has been silent */
    counter_set(&request->api->health->limit_keys_forgotten,
                limits_count_forgotten(request->api->limits) + auth_count_forgotten(request->api->auth));
    GString *out = g_string_new(NULL);
    append_server_metrics(request->api->health, out);
    const char *org_id = user ? user->org_id : NULL;
    append_breaker_metrics(request->api, org_id, out);
    g_autoptr(GArray) endpoints = endpoint_samples(request->api, org_id);
    append_endpoint_metrics(endpoints, out);
    g_autoptr(GArray) samples = camera_samples(request->api, org_id);
    append_camera_metrics(samples, out);
    append_stream_metrics(samples, out);
    answer_text(answer, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", out);
    answer_header(answer, "Cache-Control", "no-store");
}
