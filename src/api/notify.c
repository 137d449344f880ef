/* Endpoints of notifications, as /health, /metrics and the lists of circuit breakers tell of them: to each org its own.
 */
#include "api/api_internal.h"

/* ---- /health ---- */

struct troubles {
    const char *org_id; /* whose endpoints may be named */
    enum endpoint_kind kind;
    GString *text;
    size_t all, elsewhere;
};

static void append_trouble(GString *text, const char *id, const char *what, const char *why)
{
    g_string_append_printf(text, "%s%s: %s%s%s", text->len ? "; " : "", id, what, why && *why ? ": " : "",
                           why ? why : "");
}

static void look_for_trouble(void *data, const struct endpoint_health *health)
{
    struct troubles *troubles = data;
    if (health->kind != troubles->kind)
        return;
    troubles->all++;
    if (health->state == ENDPOINT_READY)
        return;
    if (g_strcmp0(health->org_id, troubles->org_id) == 0)
        append_trouble(troubles->text, health->id, record_enum_name(endpoint_state_names, health->state),
                       health->last_error);
    else
        troubles->elsewhere++;
}

static void append_elsewhere(const struct troubles *troubles)
{
    if (troubles->elsewhere)
        g_string_append_printf(troubles->text, "%s%zu of others", troubles->text->len ? "; " : "", troubles->elsewhere);
}

size_t append_endpoint_troubles(struct api *api, const char *org_id, enum endpoint_kind kind, GString *text)
{
    struct troubles troubles = {org_id, kind, text, 0, 0};
    notify_each_endpoint(api->notify, NULL, look_for_trouble, &troubles);
    append_elsewhere(&troubles);
    return troubles.all;
}

static void look_for_standstill(void *data, const struct endpoint_health *health)
{
    struct troubles *troubles = data;
    if (health->stalled_seconds <= 0)
        return;
    g_autofree char *name = g_strdup_printf("%s:%s", record_enum_name(endpoint_kind_names, health->kind), health->id);
    if (g_strcmp0(health->org_id, troubles->org_id) == 0)
        append_trouble(troubles->text, name, "deliveries", NULL);
    else
        troubles->elsewhere++;
}

void append_endpoint_standstills(struct api *api, const char *org_id, GString *text)
{
    struct troubles troubles = {.org_id = org_id, .text = text};
    notify_each_endpoint(api->notify, NULL, look_for_standstill, &troubles);
    append_elsewhere(&troubles);
}

/* ---- circuit breakers ---- */

struct visit {
    struct api *api;
    const char *org_id;
    upstream_visit visit;
    void *data;
};

static void pass_on(void *data, const char *name, struct vedette_breaker *breaker)
{
    const struct visit *visit = data;
    if (notify_shows_breaker(visit->api->notify, name, visit->org_id))
        visit->visit(visit->data, name, breaker);
}

void each_upstream(struct api *api, const char *org_id, upstream_visit visit, void *data)
{
    struct visit filtered = {api, org_id, visit, data};
    vedette_resilience_each_breaker(api->resilience, pass_on, &filtered);
}

/* ---- /metrics ---- */

static void add_health(void *data, const struct endpoint_health *health)
{
    struct endpoint_health copy;
    record_copy(&endpoint_health_descriptor, health, &copy);
    g_array_append_val(data, copy);
}

static void clear_health(void *health)
{
    record_clear(&endpoint_health_descriptor, health);
}

GArray *endpoint_samples(struct api *api, const char *org_id)
{
    GArray *samples = g_array_new(FALSE, FALSE, sizeof(struct endpoint_health));
    g_array_set_clear_func(samples, clear_health);
    notify_each_endpoint(api->notify, org_id, add_health, samples);
    return samples;
}
