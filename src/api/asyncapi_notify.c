/* What AsyncAPI tells of notifications, by webhook and MQTT: from the tables of topics and headers that the senders
 * themselves go by (facts/notify.h), and from the records'. */
#include "api/contract.h"
#include "facts/incident.h"
#include "facts/notify.h"

/* What a Notification is about. */
static const struct subject {
    const char *name; /* ends the names of its messages */
    const struct record_descriptor *data;
    const char *doc;
} subjects[] = {
    {"Signal", &signal_descriptor, "A signal that the notify policy lets out."},
    {"Incident", &incident_descriptor, "A step of an incident, with the incident as it was then."},
};
enum { SUBJECTS = G_N_ELEMENTS(subjects) };

/* The topics by the names of their channels and of the one message that each holds. */
static const char *const topic_names[NOTIFY_TOPIC_END] = {
    [NOTIFY_TOPIC_SIGNAL] = "mqttSignal",
    [NOTIFY_TOPIC_INCIDENT] = "mqttIncident",
    [NOTIFY_TOPIC_AVAILABILITY] = "mqttAvailability",
};

static void append_doc(GString *out, const char *name, const char *doc)
{
    g_string_append_printf(out, "\"%s\":", name);
    record_append_json_string(out, doc);
}

/* ---- channels ---- */

static void append_webhook_channel(GString *out)
{
    g_string_append(out, "\"webhooks\":{\"address\":null,");
    append_doc(out, "description",
               "A POST to the url of each webhook in the server's settings (notify.webhooks), signed by Standard "
               "Webhooks; an answer of 2xx takes it.");
    g_string_append(out, ",\"messages\":{");
    for (size_t i = 0; i < SUBJECTS; i++)
        g_string_append_printf(out, "%s\"webhook%s\":{\"$ref\":\"#/components/messages/webhook%s\"}", i ? "," : "",
                               subjects[i].name, subjects[i].name);
    g_string_append(out, "}}");
}

static void append_parameter(GString *out, const struct record_descriptor *descriptor, const char *name)
{
    g_string_append_printf(out, "\"%s\":{", name);
    append_doc(out, "description", record_find_field(descriptor, name)->doc);
    g_string_append_c(out, '}');
}

static void append_topic_channel(GString *out, enum notify_topic which)
{
    static const char prefix[] = "topic_prefix";
    const struct notify_topic_info *topic = &notify_topics[which];
    g_auto(GStrv) levels = g_strsplit(topic->levels, "/", -1);
    g_string_append_printf(out, ",\"%s\":{\"address\":\"{%s}/%s\",", topic_names[which], prefix, topic->levels);
    append_doc(out, "description", topic->doc);
    g_string_append_printf(out, ",\"messages\":{\"%s\":{\"$ref\":\"#/components/messages/%s\"}},\"parameters\":{",
                           topic_names[which], topic_names[which]);
    append_parameter(out, &notify_broker_descriptor, prefix);
    for (size_t i = 0; levels[i]; i++) {
        g_autofree char *name = route_segment_name(levels[i]);
        if (!name)
            continue;
        g_string_append_c(out, ',');
        append_parameter(out, &signal_descriptor, name);
    }
    g_string_append(out, "}}");
}

void asyncapi_append_notify_channels(GString *out)
{
    append_webhook_channel(out);
    for (int which = 1; which < NOTIFY_TOPIC_END; which++)
        append_topic_channel(out, (enum notify_topic)which);
}

/* ---- operations ---- */

void asyncapi_append_notify_operations(GString *out)
{
    g_string_append(out, "\"tellWebhooks\":{\"action\":\"send\",\"channel\":{\"$ref\":\"#/channels/webhooks\"},");
    append_doc(out, "description", "What receivers of webhooks are told, at least once each.");
    g_string_append(out, ",\"messages\":[");
    for (size_t i = 0; i < SUBJECTS; i++)
        g_string_append_printf(out, "%s{\"$ref\":\"#/channels/webhooks/messages/webhook%s\"}", i ? "," : "",
                               subjects[i].name);
    g_string_append(out, "],\"bindings\":{\"http\":{\"method\":\"POST\",\"bindingVersion\":\"0.3.0\"}}}");
    for (int which = 1; which < NOTIFY_TOPIC_END; which++) {
        const char *name = topic_names[which];
        g_string_append_printf(out, ",\"publish_%s\":{\"action\":\"send\",\"channel\":{\"$ref\":\"#/channels/%s\"},",
                               name, name);
        append_doc(out, "description", notify_topics[which].doc);
        g_string_append_printf(out,
                               ",\"messages\":[{\"$ref\":\"#/channels/%s/messages/%s\"}],\"bindings\":{\"mqtt\":{"
                               "\"qos\":%d,\"retain\":%s,\"bindingVersion\":\"0.2.0\"}}}",
                               name, name, NOTIFY_QOS, notify_topics[which].is_retained ? "true" : "false");
    }
}

/* ---- messages ---- */

static void append_headers(GString *out)
{
    g_autoptr(GString) required = g_string_new(NULL);
    g_string_append(out, "\"headers\":{\"type\":\"object\",\"properties\":{");
    for (int i = 1; i < NOTIFY_HEADER_END; i++) {
        const struct notify_header_info *header = &notify_headers[i];
        g_string_append_printf(out, "%s\"%s\":{\"type\":\"string\",", i > 1 ? "," : "", header->name);
        append_doc(out, "description", header->doc);
        g_string_append_c(out, '}');
        if (!header->is_optional)
            g_string_append_printf(required, "%s\"%s\"", required->len ? "," : "", header->name);
    }
    g_string_append_printf(out, "},\"required\":[%s]},", required->str);
}

/* What its type may say: "signal." and any kind, or "incident." and a step. */
static void append_type(GString *out, const struct subject *subject)
{
    if (subject->data == &signal_descriptor) {
        g_string_append(out, "{\"pattern\":\"^signal\\\\.\"}");
        return;
    }
    g_string_append(out, "{\"enum\":[");
    for (size_t i = 0; incident_step_names[i]; i++)
        g_string_append_printf(out, "%s\"incident.%s\"", i ? "," : "", incident_step_names[i]);
    g_string_append(out, "]}");
}

/* A Notification whose data is the subject's record. */
static void append_notification(GString *out, const char *way, bool has_headers, const struct subject *subject)
{
    g_autofree char *whole = record_schema_name(&notification_descriptor, RECORD_SCHEMA_ANSWER),
                    *data = record_schema_name(subject->data, RECORD_SCHEMA_ANSWER);
    g_string_append_printf(out, "\"%s%s\":{\"name\":\"%s%s\",\"contentType\":\"application/json\",", way, subject->name,
                           way, subject->name);
    append_doc(out, "summary", subject->doc);
    g_string_append_c(out, ',');
    if (has_headers)
        append_headers(out);
    g_string_append_printf(
        out, "\"payload\":{\"allOf\":[{\"$ref\":\"#/components/schemas/%s\"},{\"properties\":{\"type\":", whole);
    append_type(out, subject);
    g_string_append_printf(out, ",\"data\":{\"$ref\":\"#/components/schemas/%s\"}}}]}},", data);
}

void asyncapi_append_notify_messages(GString *out)
{
    for (size_t i = 0; i < SUBJECTS; i++) {
        append_notification(out, "webhook", true, &subjects[i]);
        append_notification(out, "mqtt", false, &subjects[i]);
    }
    const char *name = topic_names[NOTIFY_TOPIC_AVAILABILITY];
    g_string_append_printf(out, "\"%s\":{\"name\":\"%s\",\"contentType\":\"text/plain\",", name, name);
    append_doc(out, "summary", notify_topics[NOTIFY_TOPIC_AVAILABILITY].doc);
    g_string_append(out, ",\"payload\":{\"type\":\"string\",\"enum\":[");
    for (size_t i = 0; notify_availability_names[i]; i++)
        g_string_append_printf(out, "%s\"%s\"", i ? "," : "", notify_availability_names[i]);
    g_string_append(out, "]}}");
}

void asyncapi_add_notify_records(GPtrArray *records)
{
    contract_add_record(records, &notification_descriptor, RECORD_SCHEMA_ANSWER);
    for (size_t i = 0; i < SUBJECTS; i++)
        contract_add_record(records, subjects[i].data, RECORD_SCHEMA_ANSWER);
}
