#include <string.h>

#include "api/api_internal.h"

void answer_init(struct answer *answer)
{
    *answer = (struct answer){.status = MHD_HTTP_OK, .headers = g_ptr_array_new_with_free_func(g_free)};
}

void answer_clear(struct answer *answer)
{
    if (answer->body)
        g_bytes_unref(answer->body);
    g_ptr_array_unref(answer->headers);
}

void answer_header(struct answer *answer, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(answer->headers, g_strdup(name));
    g_ptr_array_add(answer->headers, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

void answer_text(struct answer *answer, unsigned status, const char *content_type, GString *text)
{
    answer->status = status;
    answer->content_type = content_type;
    if (answer->body)
        g_bytes_unref(answer->body);
    answer->body = g_string_free_to_bytes(text);
}

void answer_json(struct answer *answer, unsigned status, GString *json)
{
    answer_text(answer, status, "application/json", json);
}

void answer_record(struct answer *answer, unsigned status, const struct record_descriptor *descriptor,
                   const void *record)
{
    GString *json = g_string_new(NULL);
    record_encode_json(descriptor, record, true, json);
    answer_json(answer, status, json);
    answer_header(answer, "Cache-Control", "no-store");
}

static GString *items_of(const struct record_descriptor *descriptor, const GPtrArray *records, guint count)
{
    GString *json = g_string_new("{\"items\":[");
    for (guint i = 0; i < count; i++) {
        if (i)
            g_string_append_c(json, ',');
        record_encode_json(descriptor, g_ptr_array_index(records, i), true, json);
    }
    g_string_append_c(json, ']');
    return json;
}

void answer_list(struct answer *answer, const struct record_descriptor *descriptor, const GPtrArray *records)
{
    GString *json = items_of(descriptor, records, records->len);
    g_string_append_c(json, '}');
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

void answer_list_or_error(struct answer *answer, const struct record_descriptor *descriptor, const GPtrArray *records,
                          const GError *error)
{
    if (records)
        answer_list(answer, descriptor, records);
    else
        answer_error(answer, error);
}

void answer_page(struct answer *answer, const struct record_descriptor *descriptor, const GPtrArray *records,
                 guint count, const char *next_cursor)
{
    GString *json = items_of(descriptor, records, count);
    g_string_append(json, ",\"next_cursor\":");
    if (next_cursor)
        record_append_json_string(json, next_cursor);
    else
        g_string_append(json, "null");
    g_string_append_c(json, '}');
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

char *record_etag(const struct record_descriptor *descriptor, const void *record)
{
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(descriptor, record, true, json);
    g_autofree char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)json->str, json->len);
    return g_strdup_printf("\"%.32s\"", digest);
}

void answer_tagged(const struct request *request, struct answer *answer, unsigned status,
                   const struct record_descriptor *descriptor, const void *record)
{
    g_autofree char *etag = record_etag(descriptor, record);
    bool is_known = (request->route->features & ROUTE_CACHED) && http_etag_matches(request->if_none_match, etag);
    if (is_known)
        answer->status = MHD_HTTP_NOT_MODIFIED;
    else
        answer_record(answer, status, descriptor, record);
    answer_header(answer, "ETag", "%s", etag);
}
