/* Endpoints of notifications, as /health, /metrics, the lists of circuit breakers and routes of their own tell of them:
 * to each org its own.
 */
#define LOG_MODULE "api"
#include "api/api_internal.h"

#include "base/log.h"
#include "store/audit.h"

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

/* ---- routes ---- */

static void append_health(void *data, const struct endpoint_health *health)
{
    struct endpoint_health *copy = g_new(struct endpoint_health, 1);
    record_copy(&endpoint_health_descriptor, health, copy);
    g_ptr_array_add(data, copy);
}

static void health_free(gpointer health)
{
    record_clear(&endpoint_health_descriptor, health);
    g_free(health);
}

static void handle_endpoints(struct request *request, struct answer *answer)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(health_free);
    notify_each_endpoint(request->api->notify, request->login.user->org_id, append_health, all);
    answer_list(answer, &endpoint_health_descriptor, all);
}

/* It is done already, and the log says so too: an audit that cannot be written undoes nothing. */
static void note_change(const struct request *request, const char *action)
{
    const struct audit_by by = request_by(request);
    const struct audit_change change = {AUDIT_ENDPOINT, request->id, action, NULL, NULL};
    g_autoptr(GError) error = NULL;
    log_warning(request->id, "notifications: %s, by %s (org %s, from %s)", action, request->login.user->username,
                request->login.user->org_id, request->address);
    if (!store_audit_add(request->api->store, &by, &change, &error))
        log_error(request->id, "this is in this log alone, not in the audit: %s", error->message);
}

static void handle_webhook_enable(struct request *request, struct answer *answer)
{
    if (!notify_enable(request->api->notify, request->login.user->org_id, ENDPOINT_WEBHOOK, request->id)) {
        answer_problem(answer, MHD_HTTP_NOT_FOUND, "there is no such webhook in the settings, or it is another org's",
                       NULL);
        return;
    }
    note_change(request, "enable");
    answer->status = MHD_HTTP_NO_CONTENT;
}

/* What tells a letter from the others. g_free. */
static char *cursor_of(const struct dead_letter *letter)
{
    return g_strdup_printf("%s/%s/%s", record_enum_name(endpoint_kind_names, letter->kind), letter->endpoint_id,
                           letter->id);
}

/* The newest of those before the cursor's, newest first. */
struct letters {
    GPtrArray *items;
    guint most;
    const char *cursor; /* NULL: of all */
    bool is_over;       /* the cursor's came by */
};

/* They come oldest first. */
static bool append_letter(void *data, const struct dead_letter *letter)
{
    struct letters *letters = data;
    g_autofree char *cursor = cursor_of(letter);
    letters->is_over |= g_strcmp0(letters->cursor, cursor) == 0;
    if (letters->is_over)
        return false;
    struct dead_letter *copy = g_new(struct dead_letter, 1);
    record_copy(&dead_letter_descriptor, letter, copy);
    g_ptr_array_insert(letters->items, 0, copy);
    if (letters->items->len > letters->most)
        g_ptr_array_remove_index(letters->items, letters->most);
    return false;
}

static void letter_free(gpointer letter)
{
    record_clear(&dead_letter_descriptor, letter);
    g_free(letter);
}

static void handle_dead_letters(struct request *request, struct answer *answer)
{
    const struct dead_letter_parameters *asked = request->parameters;
    g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(letter_free);
    guint limit = (guint)asked->limit;
    struct letters letters = {items, limit + 1, asked->cursor, false}; /* one more says whether there is a next page */
    notify_each_dead_letter(request->api->notify, request->login.user->org_id, append_letter, &letters);
    if (asked->cursor && !letters.is_over) {
        answer_unknown_cursor(answer, asked->cursor);
        return;
    }
    g_autofree char *next = items->len > limit ? cursor_of(g_ptr_array_index(items, limit - 1)) : NULL;
    answer_page(answer, &dead_letter_descriptor, items, MIN(items->len, limit), next);
}

static void handle_dead_letter_retry(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    if (!notify_retry_dead_letter(request->api->notify, request->login.user->org_id, request->id, &error)) {
        answer_change_error(answer, error);
        return;
    }
    note_change(request, "retry");
    answer->status = MHD_HTTP_NO_CONTENT;
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/notify/endpoints",
     .name = "listNotifyEndpoints",
     .role = ROLE_OPERATOR,
     .rate = RATE_READ,
     .parameters = &list_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &endpoint_health_descriptor,
     .features = ROUTE_WHOLE,
     .handle = handle_endpoints,
     .doc = "Who is told of the org's signals, by webhook and MQTT, and how each of them is: those of the settings, at "
            "most 64 webhooks and 16 brokers."},
    {.method = "POST",
     .path = "/api/v1/notify/webhooks/{id}/enable",
     .name = "enableWebhook",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .handle = handle_webhook_enable,
     .doc = "Tells a webhook again that had answered 410 Gone."},
    {.method = "GET",
     .path = "/api/v1/notify/dead-letters",
     .name = "listDeadLetters",
     .role = ROLE_OPERATOR,
     .rate = RATE_READ,
     .parameters = &dead_letter_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &dead_letter_descriptor,
     .handle = handle_dead_letters,
     .doc = "Notifications that could not be delivered, newest first."},
    {.method = "POST",
     .path = "/api/v1/notify/dead-letters/{id}/retry",
     .name = "retryDeadLetter",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .problems = PROBLEM(CONFLICT),
     .handle = handle_dead_letter_retry,
     .doc = "Puts what could not be delivered of an event into the queues of its endpoints again; 409 where none takes "
            "it."},
};
const struct route_group notify_routes = ROUTE_GROUP("notify", "Who is told of what happens.", routes);
