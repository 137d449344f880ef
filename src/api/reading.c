/* Reads what a request says, by its route's tables, before its handler sees it: path and query into
 * request->parameters, the body into request->record. What is not valid is told all at once. */
#include <string.h>

#include "api/api_internal.h"

/* ---- path and query ---- */

char *route_segment_name(const char *segment)
{
    size_t length = strlen(segment);
    bool is_name = length > 2 && segment[0] == '{' && segment[length - 1] == '}';
    return is_name ? g_strndup(segment + 1, length - 2) : NULL;
}

static bool is_in_path(const struct record_descriptor *parameters, const char *name)
{
    const struct record_field *field = record_find_field(parameters, name);
    return field && field->flags & RECORD_KEY;
}

static bool is_passed_over(const struct route *route, const char *name)
{
    return route->features & ROUTE_OPEN_QUERY && !record_find_field(route->parameters, name);
}

/* The path's and then the query's; `names` keeps those of the path. What stands in the query and belongs in the path is
 * as unknown there as anything else. */
static GArray *collect_texts(const struct request *request, GPtrArray *names, struct record_errors *errors)
{
    GArray *texts = g_array_new(FALSE, FALSE, sizeof(struct record_text));
    g_auto(GStrv) segments = g_strsplit(request->route->path + 1, "/", -1);
    for (guint i = 0; segments[i]; i++) {
        char *name = route_segment_name(segments[i]);
        if (!name)
            continue;
        g_ptr_array_add(names, name);
        const struct record_text text = {name, g_ptr_array_index(request->target->segments, i)};
        g_array_append_val(texts, text);
    }
    const GPtrArray *given = request->target->parameters;
    for (guint i = 0; i < given->len; i++) {
        const struct http_parameter *parameter = g_ptr_array_index(given, i);
        const struct record_text text = {parameter->name, parameter->value};
        if (is_passed_over(request->route, text.name))
            continue;
        if (!request->route->parameters || is_in_path(request->route->parameters, text.name))
            record_errors_add(errors, text.name, "is unknown here: leave it out");
        else
            g_array_append_val(texts, text);
    }
    return texts;
}

/* A path that names nothing possible is not there; all else is the caller's mistake. The first errors are of what
 * should not be given at all. */
static unsigned status_of(const struct record_descriptor *parameters, const struct record_errors *errors, guint first)
{
    for (guint i = first; i < errors->items->len; i++)
        if (is_in_path(parameters, ((const struct record_error *)g_ptr_array_index(errors->items, i))->path))
            return MHD_HTTP_NOT_FOUND;
    return MHD_HTTP_BAD_REQUEST;
}

static bool read_parameters(struct request *request, struct answer *answer)
{
    const struct record_descriptor *descriptor = request->route->parameters;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    struct record_errors errors;
    record_errors_init(&errors);
    g_autoptr(GArray) texts = collect_texts(request, names, &errors);
    guint unknown = errors.items->len;
    g_autofree void *parameters = descriptor ? g_malloc0(descriptor->size) : NULL;
    bool is_decoded = !descriptor || record_decode_texts(descriptor, (const struct record_text *)(void *)texts->data,
                                                         texts->len, parameters, &errors);
    if (errors.items->len)
        answer_problem(answer, status_of(descriptor, &errors, unknown), "the parameters are not valid", &errors);
    if (errors.items->len && descriptor && is_decoded)
        record_clear(descriptor, parameters);
    bool is_good = errors.items->len == 0;
    if (is_good)
        request->parameters = g_steal_pointer(&parameters);
    record_errors_clear(&errors);
    return is_good;
}

/* ---- the body ---- */

static const char form_type[] = "application/x-www-form-urlencoded";

/* Clients that say nothing of the type mean JSON. */
static bool is_json(const struct request *request)
{
    return !request->content_type || http_content_type_is(request->content_type, "application/json") ||
           (route_takes_merge_patch(request->route) &&
            http_content_type_is(request->content_type, route_merge_patch_type));
}

static bool decode_form(const struct request *request, void *record, struct record_errors *errors)
{
    const char *body = request->body->len ? (const char *)request->body->data : ""; /* without bytes it has no data */
    g_autofree char *text = g_strndup(body, request->body->len);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) fields = http_parameters_parse(text, &error);
    if (!fields) {
        record_errors_add(errors, "", "%s", error->message);
        return false;
    }
    g_autoptr(GArray) texts = g_array_new(FALSE, FALSE, sizeof(struct record_text));
    for (guint i = 0; i < fields->len; i++) {
        const struct http_parameter *field = g_ptr_array_index(fields, i);
        const struct record_text value = {field->name, field->value};
        g_array_append_val(texts, value);
    }
    return record_decode_texts(request->route->request, (const struct record_text *)(void *)texts->data, texts->len,
                               record, errors);
}

static bool read_record(struct request *request, bool is_form, struct answer *answer)
{
    const struct record_descriptor *descriptor = request->route->request;
    g_autofree void *record = g_malloc0(descriptor->size);
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = is_form ? decode_form(request, record, &errors)
                           : record_decode_json_strict(descriptor, (const char *)request->body->data,
                                                       request->body->len, record, &errors);
    if (is_good)
        request->record = g_steal_pointer(&record);
    else
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the body is not valid", &errors);
    record_errors_clear(&errors);
    return is_good;
}

static const char *wanted_type(const struct route *route)
{
    if (route_takes_merge_patch(route))
        return "send application/json or application/merge-patch+json";
    switch (route->body) {
    case BODY_JSON_OR_FORM:
        return "send application/json or application/x-www-form-urlencoded";
    case BODY_JSON_OR_PARTS:
        return "send application/json or multipart/form-data";
    case BODY_LINES:
        return "send application/x-ndjson: one JSON object a line";
    default:
        return "send application/json";
    }
}

/* A body that is packed would be taken for garbage, line by line. RFC 9110 section 15.5.16. */
static bool is_plain(const struct request *request, struct answer *answer)
{
    if (!request->content_encoding || !*request->content_encoding ||
        g_ascii_strcasecmp(request->content_encoding, "identity") == 0)
        return true;
    answer_problem(answer, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
                   "the body has a Content-Encoding, and none is taken: send it uncompressed", NULL);
    answer_header(answer, "Accept-Encoding", "identity");
    return false;
}

static bool read_body(struct request *request, struct answer *answer)
{
    enum body_kind kind = request->route->body;
    bool is_form = kind == BODY_JSON_OR_FORM && http_content_type_is(request->content_type, form_type);
    if (kind == BODY_NONE)
        return true;
    if (!is_plain(request, answer))
        return false;
    if (kind == BODY_LINES && http_content_type_is(request->content_type, "application/x-ndjson"))
        return true;
    if (kind == BODY_JSON_OR_PARTS && http_content_type_is(request->content_type, "multipart/form-data"))
        return true;
    if (!is_form && (kind == BODY_LINES || !is_json(request))) {
        answer_problem(answer, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, wanted_type(request->route), NULL);
        return false;
    }
    return kind == BODY_DOCUMENT || kind == BODY_JSON_OR_PARTS || read_record(request, is_form, answer);
}

bool request_read(struct request *request, struct answer *answer)
{
    if (!request->is_read)
        request->is_read = read_parameters(request, answer) && read_body(request, answer);
    return request->is_read;
}

void request_forget(struct request *request)
{
    if (request->parameters)
        record_clear(request->route->parameters, request->parameters);
    if (request->record)
        record_clear(request->route->request, request->record);
    g_clear_pointer(&request->cameras, camera_set_unref);
    g_clear_pointer(&request->parameters, g_free);
    g_clear_pointer(&request->record, g_free);
    g_clear_pointer(&request->kept_key, g_free);
}
