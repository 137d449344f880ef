/* AsyncAPI 3.0 of what is told as it happens, from the table of live messages and the records' own tables; of those who
 * are notified asyncapi_notify.c tells. */
#include "api/contract.h"
#include "facts/live_message.h"

static const struct record_schema_style input_style = {RECORD_SCHEMA_JSON, RECORD_SCHEMA_INPUT, false,
                                                       "#/components/schemas/", ""};
static const struct record_schema_style answer_style = {RECORD_SCHEMA_JSON, RECORD_SCHEMA_ANSWER, false,
                                                        "#/components/schemas/", ""};
static const char subscription_name[] = "subscription"; /* of the one message that clients send */

/* References to every live message below `where`, as members or as a list. */
static void append_references(GString *out, const char *where, bool is_list)
{
    for (size_t i = 0; i < live_message_type_count; i++) {
        const char *name = live_kind_names[live_message_types[i].kind - 1];
        g_string_append(out, i ? "," : "");
        if (!is_list)
            g_string_append_printf(out, "\"%s\":", name);
        g_string_append_printf(out, "{\"$ref\":\"%s%s\"}", where, name);
    }
}

static void append_channel(GString *out, const char *name, const char *address, bool takes_subscription,
                           const char *doc)
{
    g_string_append_printf(out, "\"%s\":{\"address\":\"%s\",\"description\":", name, address);
    record_append_json_string(out, doc);
    g_string_append(out, ",\"messages\":{");
    append_references(out, "#/components/messages/", false);
    if (takes_subscription)
        g_string_append_printf(out, ",\"%s\":{\"$ref\":\"#/components/messages/%s\"}", subscription_name,
                               subscription_name);
    g_string_append(out, "}}");
}

static void append_hearing(GString *out, const char *name, const char *channel, const char *doc)
{
    g_autofree char *where = g_strdup_printf("#/channels/%s/messages/", channel);
    g_string_append_printf(
        out, "\"%s\":{\"action\":\"send\",\"channel\":{\"$ref\":\"#/channels/%s\"},\"description\":", name, channel);
    record_append_json_string(out, doc);
    g_string_append(out, ",\"messages\":[");
    append_references(out, where, true);
    g_string_append(out, "]}");
}

static void append_message(GString *out, const char *name, const char *doc)
{
    g_string_append_printf(out, "\"%s\":{\"name\":\"%s\",\"contentType\":\"application/json\",\"summary\":", name,
                           name);
    record_append_json_string(out, doc);
    g_string_append(out, ",\"payload\":");
}

static void append_messages(GString *out)
{
    for (size_t i = 0; i < live_message_type_count; i++) {
        const struct live_message_type *type = &live_message_types[i];
        const char *name = live_kind_names[type->kind - 1];
        g_autofree char *schema = record_schema_name(type->data, RECORD_SCHEMA_ANSWER);
        append_message(out, name, type->doc);
        g_string_append_printf(out,
                               "{\"type\":\"object\",\"required\":[\"type\",\"data\"],\"properties\":{\"type\":"
                               "{\"const\":\"%s\"},\"data\":{\"$ref\":\"#/components/schemas/%s\"}}}},",
                               name, schema);
    }
    g_autofree char *schema = record_schema_name(&live_subscription_descriptor, RECORD_SCHEMA_INPUT);
    append_message(out, subscription_name, live_subscription_descriptor.doc);
    g_string_append_printf(out, "{\"$ref\":\"#/components/schemas/%s\"}},", schema);
    asyncapi_append_notify_messages(out);
}

static void append_schemas(GString *out)
{
    g_autoptr(GPtrArray) records = g_ptr_array_new();
    for (size_t i = 0; i < live_message_type_count; i++)
        contract_add_record(records, live_message_types[i].data, RECORD_SCHEMA_ANSWER);
    asyncapi_add_notify_records(records);
    for (guint i = 0; i < records->len; i++) {
        const struct record_descriptor *descriptor = g_ptr_array_index(records, i);
        g_autofree char *name = record_schema_name(descriptor, RECORD_SCHEMA_ANSWER);
        g_string_append_printf(out, "\"%s\":", name);
        record_append_schema(descriptor, &answer_style, out);
        g_string_append_c(out, ',');
    }
    g_autofree char *name = record_schema_name(&live_subscription_descriptor, RECORD_SCHEMA_INPUT);
    g_string_append_printf(out, "\"%s\":", name);
    record_append_schema(&live_subscription_descriptor, &input_style, out);
}

char *api_contract_asyncapi(void)
{
    g_autoptr(GString) out = g_string_new(
        "{\"asyncapi\":\"3.0.0\",\"info\":{\"title\":\"Vedette, as it happens\",\"version\":\"" VEDETTE_VERSION
        "\",\"description\":\"What is told over /ws and /api/v1/events/stream, whose query parameters openapi.json "
        "has, and to those who are notified: webhooks and MQTT "
        "brokers.\",\"license\":{\"name\":\"Apache-2.0\",\"url\":\"https://www.apache.org/licenses/"
        "LICENSE-2.0\"}},\"defaultContentType\":\"application/json\","
        "\"channels\":{");
    append_channel(out, "ws", "/ws", true, "A WebSocket; each message is one text frame.");
    g_string_append_c(out, ',');
    append_channel(
        out, "stream", "/api/v1/events/stream", false,
        "Server-sent events; each message is one event, with its type as the event's name and an event's id.");
    g_string_append_c(out, ',');
    asyncapi_append_notify_channels(out);
    g_string_append(out, "},\"operations\":{");
    append_hearing(out, "hearOverWebSocket", "ws", "What the server tells.");
    g_string_append_printf(out,
                           ",\"subscribe\":{\"action\":\"receive\",\"channel\":{\"$ref\":\"#/channels/ws\"},"
                           "\"description\":\"Changes what is told from then "
                           "on.\",\"messages\":[{\"$ref\":\"#/channels/ws/messages/%s\"}]},",
                           subscription_name);
    append_hearing(out, "hearOverStream", "stream", "What the server tells.");
    g_string_append_c(out, ',');
    asyncapi_append_notify_operations(out);
    g_string_append(out, "},\"components\":{\"messages\":{");
    append_messages(out);
    g_string_append(out, "},\"schemas\":{");
    append_schemas(out);
    g_string_append(out, "}}}");
    return contract_indent(out->str);
}
