#include "notify/notify_internal.h"

#include <string.h>

/* Decodes text into an uninitialised record. False, and nothing to clear: it is none. */
static bool parse(const struct record_descriptor *descriptor, const char *json, size_t length, void *record)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(descriptor, json, length, record, &errors);
    record_errors_clear(&errors);
    return is_good;
}

/* What a proof raises is about the server's own working, and no news. */
static bool is_news(enum service service, const char *kind)
{
    return service != SERVICE_SYSTEM || strcmp(kind, server_signals[SERVER_SIGNAL_SELF_TEST].kind) != 0;
}

static bool read_event(const struct analytics_event *event, struct message *message)
{
    struct signal signal;
    const char *payload = event->payload.text;
    if (event->type != EVENT_SIGNAL || !payload || !parse(&signal_descriptor, payload, strlen(payload), &signal))
        return false;
    *message = (struct message){.id = g_strdup(event->id),
                                .org_id = g_strdup(event->org_id),
                                .site_id = g_strdup(event->site_id),
                                .camera_id = g_strdup(event->camera_id),
                                .type = g_strconcat("signal.", signal.kind, NULL),
                                .kind = g_strdup(signal.kind),
                                .is_news = is_news(signal.service, signal.kind),
                                .severity = signal.severity,
                                .at = event->occurred_at,
                                .data = g_strdup(payload),
                                .traceparent = g_strdup(event->traceparent)};
    record_clear(&signal_descriptor, &signal);
    return true;
}

static bool read_change(const struct incident_change *change, struct message *message)
{
    struct incident incident;
    const char *json = change->incident.text;
    if (!json || !parse(&incident_descriptor, json, strlen(json), &incident))
        return false;
    *message =
        (struct message){.id = g_strdup(change->id),
                         .org_id = g_strdup(change->org_id),
                         .site_id = g_strdup(incident.site_id),
                         .camera_id = g_strdup(change->camera_id),
                         .type = g_strconcat("incident.", record_enum_name(incident_step_names, change->step), NULL),
                         .kind = g_strdup(incident.kind),
                         .is_of_incident = true,
                         .is_news = is_news(incident.service, incident.kind),
                         .severity = incident.severity,
                         .at = change->at,
                         .data = g_strdup(json),
                         .traceparent = g_strdup(change->traceparent)};
    record_clear(&incident_descriptor, &incident);
    return true;
}

bool message_read(const struct record_descriptor *descriptor, const void *record, struct message *message)
{
    return descriptor == &incident_change_descriptor ? read_change(record, message) : read_event(record, message);
}

bool message_parse(const char *json, size_t length, struct message *message)
{
    static const struct record_descriptor *const descriptors[] = {&event_under_way_descriptor,
                                                                  &incident_change_descriptor};
    union {
        struct analytics_event event;
        struct incident_change change;
    } record;
    for (size_t i = 0; i < G_N_ELEMENTS(descriptors); i++) {
        if (!parse(descriptors[i], json, length, &record))
            continue;
        bool is_good = message_read(descriptors[i], &record, message);
        record_clear(descriptors[i], &record);
        return is_good;
    }
    return false;
}

void message_clear(struct message *message)
{
    char *const texts[] = {message->id,   message->org_id, message->site_id, message->camera_id,
                           message->type, message->kind,   message->data,    message->traceparent};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    *message = (struct message){.id = NULL};
}

bool audience_wants(const struct audience *audience, const struct message *message)
{
    bool is_about =
        audience->about == NOTIFY_ABOUT_ALL || (audience->about == NOTIFY_ABOUT_INCIDENTS) == message->is_of_incident;
    if (g_strcmp0(audience->org_id, message->org_id) != 0 || message->severity < audience->minimum_severity ||
        !message->is_news || !is_about)
        return false;
    for (size_t i = 0; i < audience->kinds->count; i++)
        if (strcmp(audience->kinds->items[i], message->kind) == 0)
            return true;
    return audience->kinds->count == 0;
}

char *message_body(const struct message *message, const char *traceparent)
{
    GString *json = g_string_new(NULL);
    const struct notification notification = {
        message->id, message->type, message->at, {message->data}, (char *)(uintptr_t)traceparent};
    record_encode_json(&notification_descriptor, &notification, false, json);
    return g_string_free(json, FALSE);
}

char *message_letter(const char *json, size_t length)
{
    struct analytics_event event;
    if (!parse(&event_under_way_descriptor, json, length, &event))
        return g_strndup(json, length);
    GString *text = g_string_new(NULL);
    record_encode_json(&analytics_event_descriptor, &event, true, text);
    record_clear(&event_under_way_descriptor, &event);
    return g_string_free(text, FALSE);
}

/* What stands in a topic's level of that name; NULL: no message has such. */
static const char *level_of(const struct message *message, const char *name, size_t length)
{
    const struct {
        const char *name, *text;
    } levels[] = {{"org_id", message->org_id},
                  {"site_id", message->site_id},
                  {"camera_id", message->camera_id},
                  {"kind", message->kind}};
    for (size_t i = 0; i < G_N_ELEMENTS(levels); i++)
        if (strlen(levels[i].name) == length && strncmp(levels[i].name, name, length) == 0)
            return levels[i].text;
    return NULL;
}

/* Ids are of [A-Za-z0-9._-] already, and no level may hold +, # or / or be empty: what is not from there is written as
 * a URL would have it, so that no two texts become one. */
static void append_level(GString *topic, const char *text)
{
    g_string_append_uri_escaped(topic, text && *text ? text : "-", NULL, FALSE);
}

char *message_topic(const char *prefix, enum notify_topic which, const struct message *message)
{
    GString *topic = g_string_new(prefix);
    g_auto(GStrv) levels = g_strsplit(notify_topics[which].levels, "/", -1);
    for (size_t i = 0; levels[i]; i++) {
        size_t length = strlen(levels[i]);
        g_string_append_c(topic, '/');
        if (levels[i][0] == '{')
            append_level(topic, level_of(message, levels[i] + 1, length - 2));
        else
            g_string_append(topic, levels[i]);
    }
    return g_string_free(topic, FALSE);
}

char *message_webhook_id(const char *id)
{
    return g_strdelimit(g_strdup(id), ".", '~'); /* no id holds a tilde */
}
