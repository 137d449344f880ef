/* The routes by which clients are told what happens, and what they may ask of them. */
#include <string.h>

#include "api/api_internal.h"

enum { PLACE_RETRY_SECONDS = 10 };

static void split(const char *text, struct record_strings *strings)
{
    g_auto(GStrv) words = g_strsplit(text ? text : "", ",", -1);
    for (guint i = 0; words[i]; i++) {
        const char *word = g_strstrip(words[i]);
        if (!*word)
            continue;
        strings->items = g_renew(char *, strings->items, strings->count + 1);
        strings->items[strings->count++] = g_strdup(word);
    }
}

static void subscription_of_parameters(const struct live_parameters *parameters, struct live_subscription *subscription)
{
    record_init(&live_subscription_descriptor, subscription);
    split(parameters->types, &subscription->types);
    split(parameters->cameras, &subscription->cameras);
}

bool subscription_check_parameters(const struct request *request, struct answer *answer)
{
    const struct live_parameters *parameters = request->parameters;
    struct live_subscription subscription;
    struct record_errors errors;
    record_errors_init(&errors);
    subscription_of_parameters(parameters, &subscription);
    record_validate(&live_subscription_descriptor, &subscription, "", &errors);
    if (parameters->resume_from && *parameters->resume_from && !id_is_valid(parameters->resume_from))
        record_errors_add(&errors, "resume_from", "%s: is no event's id", parameters->resume_from);
    bool is_good = errors.items->len == 0;
    if (!is_good)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the parameters are not valid", &errors);
    record_clear(&live_subscription_descriptor, &subscription);
    record_errors_clear(&errors);
    return is_good;
}

static void answer_no_place(struct answer *answer, const GError *error)
{
    bool is_share = g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
    answer_problem(answer, is_share ? MHD_HTTP_TOO_MANY_REQUESTS : MHD_HTTP_SERVICE_UNAVAILABLE, error->message, NULL);
    answer_header(answer, "Retry-After", "%d", PLACE_RETRY_SECONDS);
}

struct feed *request_open_feed(const struct request *request, const char *after_id, void (*wake)(void *data),
                               void *data, struct answer *answer)
{
    struct live_subscription subscription;
    g_autoptr(GError) error = NULL;
    subscription_of_parameters(request->parameters, &subscription);
    struct feed *feed = feed_open(request->api->feeds, &request->login, &subscription, wake, data, &error);
    record_clear(&live_subscription_descriptor, &subscription);
    if (!feed)
        answer_no_place(answer, error);
    else if (id_is_valid(after_id))
        feed_resume(feed, after_id);
    return feed;
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/ws",
     .name = "openWebSocket",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &live_parameters_descriptor,
     .status = MHD_HTTP_SWITCHING_PROTOCOLS,
     .problems = PROBLEM(UPGRADE_REQUIRED),
     .features = ROUTE_FILTERED,
     .handle = handle_websocket,
     .doc =
         "A WebSocket: messages with type (tracks, event, health, incident, resumed) and data as they come. The login "
         "is "
         "checked before the upgrade and while it is open; a browser's Origin must be this server. A LiveSubscription "
         "sent as text changes what is told."},
    {.method = "GET",
     .path = "/api/v1/events/stream",
     .name = "streamEvents",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &live_parameters_descriptor,
     .answers = ANSWER_MEDIA,
     .media_type = "text/event-stream",
     .features = ROUTE_FILTERED,
     .handle = handle_event_stream,
     .doc = "The same messages as server-sent events. Last-Event-ID, as browsers send it, is resume_from."},
};
const struct route_group live_routes = ROUTE_GROUP("live", "What happens, as it happens.", routes);
