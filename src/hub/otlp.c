#include "hub/otlp.h"

#include "record/record.h"

#include <jansson.h>
#include <string.h>

enum { STATUS_ERROR = 2 }; /* of Status.StatusCode */

static void append_hex(GString *out, const char *key, const uint8_t *bytes, size_t count)
{
    g_string_append_printf(out, "\"%s\":\"", key);
    for (size_t i = 0; i < count; i++)
        g_string_append_printf(out, "%02x", bytes[i]);
    g_string_append(out, "\",");
}

static void append_text_attribute(GString *out, const char *key, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1); /* it may have been cut within a character */
    g_string_append_printf(out, "{\"key\":\"%s\",\"value\":{\"stringValue\":", key);
    record_append_json_string(out, valid);
    g_string_append(out, "}}");
}

static void append_attribute(GString *out, const struct trace_attribute *attribute)
{
    if (attribute->is_integer)
        g_string_append_printf(out, "{\"key\":\"%s\",\"value\":{\"intValue\":\"%" G_GINT64_FORMAT "\"}}",
                               attribute->key, attribute->integer);
    else
        append_text_attribute(out, attribute->key, attribute->text);
}

static void append_span(GString *out, const struct trace_span *span)
{
    static const uint8_t none[TRACE_SPAN_ID_BYTES];
    g_string_append_c(out, '{');
    append_hex(out, "traceId", span->context.trace_id, TRACE_ID_BYTES);
    append_hex(out, "spanId", span->context.span_id, TRACE_SPAN_ID_BYTES);
    if (memcmp(span->parent_id, none, sizeof none) != 0)
        append_hex(out, "parentSpanId", span->parent_id, TRACE_SPAN_ID_BYTES);
    g_string_append(out, "\"name\":");
    record_append_json_string(out, span->name);
    g_string_append_printf(out,
                           ",\"kind\":%d,\"startTimeUnixNano\":\"%" G_GINT64_FORMAT
                           "\",\"endTimeUnixNano\":\"%" G_GINT64_FORMAT "\",\"attributes\":[",
                           (int)span->kind, span->start_ns, span->end_ns);
    for (int i = 0; i < span->attribute_count; i++) {
        if (i)
            g_string_append_c(out, ',');
        append_attribute(out, &span->attributes[i]);
    }
    g_string_append_c(out, ']');
    if (span->has_failed)
        g_string_append_printf(out, ",\"status\":{\"code\":%d}", STATUS_ERROR);
    g_string_append_c(out, '}');
}

void otlp_append_request(const struct trace_span *spans, size_t count, const char *instance, GString *out)
{
    g_string_append(out, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
    append_text_attribute(out, "service.name", "vedette");
    g_string_append_c(out, ',');
    append_text_attribute(out, "service.version", VEDETTE_VERSION);
    g_string_append_c(out, ',');
    append_text_attribute(out, "service.instance.id", instance);
    g_string_append(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"vedette\"},\"spans\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            g_string_append_c(out, ',');
        append_span(out, &spans[i]);
    }
    g_string_append(out, "]}]}]}");
}

int64_t otlp_read_refused(const char *body, size_t length)
{
    json_t *answer = json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *refused = json_object_get(json_object_get(answer, "partialSuccess"), "rejectedSpans");
    guint64 count = 0;
    if (json_is_string(refused))
        g_ascii_string_to_unsigned(json_string_value(refused), 10, 0, G_MAXINT32, &count, NULL);
    else if (json_is_integer(refused))
        count = (guint64)CLAMP(json_integer_value(refused), 0, G_MAXINT32);
    json_decref(answer);
    return (int64_t)count;
}
