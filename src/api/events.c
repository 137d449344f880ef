#include "api/api_internal.h"

static void handle_events(struct request *request, struct answer *answer)
{
    const struct event_parameters *asked = request->parameters;
    const struct store_event_filter filter = {
        .org_id = request->login.user->org_id,
        .camera_id = asked->camera_id,
        .type = asked->type,
        .subject_id = asked->subject_id,
        .from_ms = asked->from.ms,
        .to_ms = asked->to.ms,
        .before_id = asked->cursor,
        .limit = asked->limit + 1, /* one more tells whether there is a next page */
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) events = store_events_list(request->api->store, &filter, &error);
    if (!events) {
        answer_error(answer, error);
        return;
    }
    guint count = MIN(events->len, (guint)asked->limit);
    const struct analytics_event *last = events->len > count ? g_ptr_array_index(events, count - 1) : NULL;
    answer_page(answer, &analytics_event_descriptor, events, count, last ? last->id : NULL);
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
};
const struct route_group event_routes = ROUTE_GROUP("events", "What happened.", routes);
