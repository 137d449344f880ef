#include "api/api_internal.h"

/* Events as the parameters want them, and one more, which tells whether there is a next page. NULL: the answer is made.
 */
static GPtrArray *read_events(const struct request *request, enum event_type type, struct answer *answer)
{
    const struct event_parameters *asked = request->parameters;
    const struct store_event_filter filter = {
        .org_id = request->login.user->org_id,
        .camera_id = asked->camera_id,
        .type = type,
        .subject_id = asked->subject_id,
        .service = asked->service,
        .kind = asked->kind,
        .severity = asked->severity,
        .from_ms = asked->from.ms,
        .to_ms = asked->to.ms,
        .before_id = asked->cursor,
        .limit = asked->limit + 1,
    };
    g_autoptr(GError) error = NULL;
    GPtrArray *events = store_events_list(request->api->store, &filter, &error);
    if (!events)
        answer_error(answer, error);
    return events;
}

/* Of the last event of the page, when there is more. g_free. */
static char *next_cursor(const GPtrArray *events, guint count)
{
    return events->len > count ? store_event_cursor(g_ptr_array_index(events, count - 1)) : NULL;
}

static void handle_events(struct request *request, struct answer *answer)
{
    const struct event_parameters *asked = request->parameters;
    g_autoptr(GPtrArray) events = read_events(request, asked->type, answer);
    if (!events)
        return;
    guint count = MIN(events->len, (guint)asked->limit);
    g_autofree char *cursor = next_cursor(events, count);
    answer_page(answer, &analytics_event_descriptor, events, count, cursor);
}

/* What such an event carries is a signal, as it was checked when it came. */
static void handle_signals(struct request *request, struct answer *answer)
{
    const struct event_parameters *asked = request->parameters;
    g_autoptr(GPtrArray) events = read_events(request, EVENT_SIGNAL, answer);
    if (!events)
        return;
    guint count = MIN(events->len, (guint)asked->limit);
    GString *json = g_string_new("{\"items\":[");
    for (guint i = 0; i < count; i++)
        g_string_append_printf(json, "%s%s", i ? "," : "",
                               ((const struct analytics_event *)g_ptr_array_index(events, i))->payload.text);
    g_string_append(json, "],\"next_cursor\":");
    g_autofree char *cursor = next_cursor(events, count);
    if (cursor)
        record_append_json_string(json, cursor);
    g_string_append(json, cursor ? "}" : "null}");
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

/* ---- one ---- */

/* Another camera's of the same id may have come first: what one of the key's own cameras, which are few, has by it. */
static struct analytics_event *find_own_event(const struct request *request, enum event_type type, const char *id)
{
    const struct record_strings *cameras = &request->login.key->cameras;
    struct analytics_event *event = NULL;
    for (size_t i = 0; !event && i < cameras->count; i++)
        event = store_event_get(request->api->store, request->login.user->org_id, type, cameras->items[i], id, NULL);
    return event;
}

/* One of a camera from which who asks is held is as if it were not there. NULL: the answer is made. */
static struct analytics_event *find_event(const struct request *request, enum event_type type, struct answer *answer)
{
    const struct event_id_parameters *asked = request->parameters;
    g_autoptr(GError) error = NULL;
    struct analytics_event *event =
        store_event_get(request->api->store, request->login.user->org_id, type, asked->camera_id, asked->id, &error);
    if (event && !login_may_see_camera(&request->login, event->camera_id ? event->camera_id : "")) {
        analytics_event_free(event);
        event = asked->camera_id ? NULL : find_own_event(request, type, asked->id);
    }
    if (!event && !error) {
        g_set_error(&error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no %s %s",
                    type ? record_enum_name(event_type_names, type) : "event", asked->id);
    }
    if (!event)
        answer_error(answer, error);
    return event;
}

static void handle_event(struct request *request, struct answer *answer)
{
    struct analytics_event *event = find_event(request, 0, answer);
    if (event)
        answer_tagged(request, answer, MHD_HTTP_OK, &analytics_event_descriptor, event);
    analytics_event_free(event);
}

static void handle_signal(struct request *request, struct answer *answer)
{
    struct analytics_event *event = find_event(request, EVENT_SIGNAL, answer);
    if (event) {
        answer_tagged(request, answer, MHD_HTTP_OK, &analytics_event_descriptor, event);
        if (answer->status == MHD_HTTP_OK)
            answer_json(answer, MHD_HTTP_OK, g_string_new(event->payload.text));
    }
    analytics_event_free(event);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/events",
     .name = "listEvents",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &event_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &analytics_event_descriptor,
     .handle = handle_events,
     .doc = "Stored events, newest first."},
    {.method = "GET",
     .path = "/api/v1/events/{id}",
     .name = "getEvent",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &event_id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &analytics_event_descriptor,
     .features = ROUTE_CACHED | ROUTE_FILTERED,
     .handle = handle_event,
     .doc = "One event, by its id; where events of several cameras have it, the first that came."},
    {.method = "POST",
     .path = "/api/v1/events",
     .name = "sendEvents",
     .role = ROLE_OPERATOR,
     .rate = RATE_WRITE,
     .body = BODY_LINES,
     .request = &analytics_event_descriptor,
     .answers = ANSWER_RECORD,
     .response = &intake_answer_descriptor,
     .features = ROUTE_FILTERED | ROUTE_PROMPT,
     .handle = handle_event_intake,
     .doc = "Events from elsewhere, one JSON object a line (application/x-ndjson), of the org's cameras. Each line is "
            "taken or refused by itself; what is taken is kept on disk before this answers. Sending one again does no "
            "harm: its id says that it is the same."},
    {.method = "GET",
     .path = "/api/v1/signals",
     .name = "listSignals",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &signal_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &signal_descriptor,
     .handle = handle_signals,
     .doc = "What rules raised, newest first."},
    {.method = "GET",
     .path = "/api/v1/signals/{id}",
     .name = "getSignal",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &event_id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &signal_descriptor,
     .features = ROUTE_CACHED | ROUTE_FILTERED,
     .handle = handle_signal,
     .doc = "One signal, by its id; where signals of several cameras have it, the first that came."},
};
const struct route_group event_routes = ROUTE_GROUP("events", "What happened.", routes);
