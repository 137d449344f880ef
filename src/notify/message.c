#include "notify/notify_internal.h"

#include <string.h>

bool message_read_signal(const struct analytics_event *event, struct signal *signal)
{
    struct record_errors errors;
    if (event->type != EVENT_SIGNAL || !event->payload.text)
        return false;
    record_errors_init(&errors);
    bool is_good =
        record_decode_json(&signal_descriptor, event->payload.text, strlen(event->payload.text), signal, &errors);
    record_errors_clear(&errors);
    return is_good;
}

/* A proof's signal is about the server's own working, and no news. */
static bool is_news(const struct signal *signal)
{
    return strcmp(signal->kind, server_signals[SERVER_SIGNAL_SELF_TEST].kind) != 0 || !signal_is_of_server(signal);
}

bool audience_wants(const struct audience *audience, const struct analytics_event *event, const struct signal *signal)
{
    if (g_strcmp0(audience->org_id, event->org_id) != 0 || signal->severity < audience->minimum_severity ||
        !is_news(signal))
        return false;
    for (size_t i = 0; i < audience->kinds->count; i++)
        if (strcmp(audience->kinds->items[i], signal->kind) == 0)
            return true;
    return audience->kinds->count == 0;
}

char *message_body(const struct analytics_event *event, const struct signal *signal)
{
    g_autofree char *type = g_strconcat("signal.", signal->kind, NULL);
    GString *json = g_string_new(NULL);
    const struct notification notification = {type, event->occurred_at, {event->payload.text}};
    record_encode_json(&notification_descriptor, &notification, false, json);
    return g_string_free(json, FALSE);
}

/* Ids are of [A-Za-z0-9._-] already, and no level may hold +, # or / or be empty: what is not from there is written as
 * a URL would have it, so that no two texts become one. */
static void append_level(GString *topic, const char *text)
{
    g_string_append_c(topic, '/');
    g_string_append_uri_escaped(topic, text && *text ? text : "-", NULL, FALSE);
}

char *message_topic(const char *prefix, const struct analytics_event *event, const struct signal *signal)
{
    GString *topic = g_string_new(prefix);
    append_level(topic, event->org_id);
    append_level(topic, event->site_id);
    append_level(topic, event->camera_id);
    append_level(topic, signal->kind);
    return g_string_free(topic, FALSE);
}

char *message_availability_topic(const char *prefix, const char *org_id)
{
    GString *topic = g_string_new(prefix);
    append_level(topic, org_id);
    append_level(topic, "availability");
    return g_string_free(topic, FALSE);
}

char *message_webhook_id(const char *event_id)
{
    return g_strdelimit(g_strdup(event_id), ".", '~'); /* no id holds a tilde */
}
