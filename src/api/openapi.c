/* OpenAPI 3.0.3 from the route table and the records' own tables. */
#include <jansson.h>
#include <string.h>

#include "api/contract.h"

static const struct record_schema_style input_style = {RECORD_SCHEMA_OPENAPI, RECORD_SCHEMA_INPUT, false,
                                                       "#/components/schemas/", ""};
static const struct record_schema_style answer_style = {RECORD_SCHEMA_OPENAPI, RECORD_SCHEMA_ANSWER, false,
                                                        "#/components/schemas/", ""};
static const struct record_schema_style parameter_style = {RECORD_SCHEMA_OPENAPI, RECORD_SCHEMA_INPUT, true,
                                                           "#/components/schemas/", ""};

static void append_text(GString *out, const char *text)
{
    record_append_json_string(out, text);
}

static void append_reference(GString *out, const struct record_descriptor *descriptor, enum record_schema_use use)
{
    g_autofree char *name = record_schema_name(descriptor, use);
    g_string_append_printf(out, "{\"$ref\":\"#/components/schemas/%s\"}", name);
}

/* ---- what a request says ---- */

static void append_parameter(const struct record_field *field, GString *out)
{
    bool is_in_path = field->flags & RECORD_KEY;
    g_string_append(out, "{\"name\":");
    append_text(out, field->name);
    g_string_append_printf(out, ",\"in\":\"%s\",\"required\":%s,\"description\":", is_in_path ? "path" : "query",
                           field->flags & RECORD_REQUIRED ? "true" : "false");
    append_text(out, field->doc);
    g_string_append(out, ",\"schema\":");
    record_append_field_schema(field, &parameter_style, out);
    g_string_append_c(out, '}');
}

static void append_parameters(const struct route *route, GString *out)
{
    const struct record_descriptor *parameters = route->parameters;
    const char *gap = "";
    g_string_append(out, ",\"parameters\":[");
    for (size_t i = 0; parameters && i < parameters->field_count; i++) {
        g_string_append(out, gap);
        append_parameter(&parameters->fields[i], out);
        gap = ",";
    }
    for (size_t i = 0; i < route_header_count; i++) {
        if (!route_headers[i].is_taken(route))
            continue;
        g_string_append_printf(out, "%s{\"$ref\":\"#/components/parameters/%s\"}", gap, route_headers[i].name);
        gap = ",";
    }
    g_string_append_c(out, ']');
}

static void append_media(const char *type, const struct record_descriptor *descriptor, GString *out)
{
    append_text(out, type);
    g_string_append(out, ":{\"schema\":");
    append_reference(out, descriptor, RECORD_SCHEMA_INPUT);
    g_string_append(out, ",\"example\":");
    record_append_example(descriptor, RECORD_SCHEMA_INPUT, out);
    g_string_append_c(out, '}');
}

/* What is base64 in JSON comes as its bytes. */
static void append_part(const struct record_field *field, enum record_schema_use use, void *data)
{
    (void)use;
    GString *out = data;
    g_string_append(out, out->str[out->len - 1] == '{' ? "" : ",");
    append_text(out, field->name);
    g_string_append_c(out, ':');
    if (!(field->flags & RECORD_BASE64)) {
        record_append_field_schema(field, &parameter_style, out);
        return;
    }
    g_string_append(out, "{\"type\":\"string\",\"format\":\"binary\",\"description\":");
    append_text(out, field->doc);
    g_string_append_c(out, '}');
}

static void append_required_part(const struct record_field *field, enum record_schema_use use, void *data)
{
    (void)use;
    GString *out = data;
    if (field->flags & RECORD_REQUIRED)
        g_string_append_printf(out, "%s\"%s\"", out->str[out->len - 1] == '[' ? "" : ",", field->name);
}

/* A list is one part, not one for each item. */
static void append_encoding(const struct record_field *field, enum record_schema_use use, void *data)
{
    (void)use;
    GString *out = data;
    if (field->kind == RECORD_LIST || field->kind == RECORD_RECORD)
        g_string_append_printf(out, "%s\"%s\":{\"contentType\":\"application/json\"}",
                               out->str[out->len - 1] == '{' ? "" : ",", field->name);
}

/* A form whose parts are the record's fields. */
static void append_form(const struct record_descriptor *descriptor, GString *out)
{
    g_string_append(out, "\"multipart/form-data\":{\"schema\":{\"type\":\"object\",\"required\":[");
    record_each_field(descriptor, RECORD_SCHEMA_INPUT, append_required_part, out);
    g_string_append(out, "],\"properties\":{");
    record_each_field(descriptor, RECORD_SCHEMA_INPUT, append_part, out);
    g_string_append(out, "},\"additionalProperties\":false},\"encoding\":{");
    record_each_field(descriptor, RECORD_SCHEMA_INPUT, append_encoding, out);
    g_string_append(out, "}}");
}

/* Without a record of its own a body is any object. */
static void append_json(const char *type, const struct route *route, GString *out)
{
    if (route->request) {
        append_media(type, route->request, out);
        return;
    }
    append_text(out, type);
    g_string_append(out, ":{\"schema\":{\"type\":\"object\"},\"example\":{}}");
}

static void append_body(const struct route *route, GString *out)
{
    if (route->body == BODY_NONE)
        return;
    g_string_append(out, ",\"requestBody\":{\"required\":true,\"content\":{");
    if (route->body == BODY_LINES) { /* the schema is that of a line */
        g_string_append(out, "\"application/x-ndjson\":{\"schema\":");
        append_reference(out, route->request, RECORD_SCHEMA_INPUT);
        g_string_append_c(out, '}');
    } else {
        append_json("application/json", route, out);
    }
    if (route_takes_merge_patch(route)) {
        g_string_append_c(out, ',');
        append_json(route_merge_patch_type, route, out);
    }
    if (route->body == BODY_JSON_OR_FORM) {
        g_string_append_c(out, ',');
        append_media("application/x-www-form-urlencoded", route->request, out);
    }
    if (route->body == BODY_JSON_OR_PARTS) {
        g_string_append_c(out, ',');
        append_form(route->request, out);
    }
    g_string_append(out, "}}");
}

/* ---- what is answered ---- */

/* {"description", "required", "schema"}. */
static void append_header(const struct route_answer_header *header, bool is_required, GString *out)
{
    g_string_append_printf(out, "\"%s\":{\"description\":", header->name);
    append_text(out, header->doc);
    g_string_append_printf(out, ",\"required\":%s,\"schema\":{%s}}", is_required ? "true" : "false", header->schema);
}

/* By reference, but where this answer always has what others may lack. */
static void append_answer_header(const struct route_answer_header *header, const struct route *route, unsigned status,
                                 GString *out)
{
    if (header->is_always && header->is_always(route, status))
        append_header(header, true, out);
    else
        g_string_append_printf(out, "\"%s\":{\"$ref\":\"#/components/headers/%s\"}", header->name, header->name);
}

static void append_answer_headers(const struct route *route, unsigned status, GString *out)
{
    bool has_any = false;
    for (size_t i = 0; i < route_answer_header_count; i++) {
        const struct route_answer_header *header = &route_answer_headers[i];
        if (!header->is_sent(route, status))
            continue;
        g_string_append(out, has_any ? "," : ",\"headers\":{");
        append_answer_header(header, route, status, out);
        has_any = true;
    }
    if (has_any)
        g_string_append_c(out, '}');
}

static void append_items_schema(const struct route *route, GString *out)
{
    g_string_append(out, "{\"type\":\"object\",\"required\":[\"items\",\"next_cursor\"],\"properties\":{\"items\":{"
                         "\"type\":\"array\",\"items\":");
    append_reference(out, route->response, RECORD_SCHEMA_ANSWER);
    g_string_append(out,
                    "},\"next_cursor\":{\"type\":\"string\",\"nullable\":true,\"description\":\"cursor of the next "
                    "page; null: this is the last\"}}}");
}

static void append_json_answer(const struct route *route, GString *out)
{
    bool is_list = route->answers == ANSWER_PAGE;
    g_string_append(out, "\"application/json\":{\"schema\":");
    if (is_list)
        append_items_schema(route, out);
    else
        append_reference(out, route->response, RECORD_SCHEMA_ANSWER);
    g_string_append(out, is_list ? ",\"example\":{\"items\":[" : ",\"example\":");
    record_append_example(route->response, RECORD_SCHEMA_ANSWER, out);
    g_string_append(out, is_list ? "],\"next_cursor\":null}}" : "}");
    if (is_list)
        g_string_append(out, ",\"text/csv\":{\"schema\":{\"type\":\"string\"}}");
}

static const char *media_schema(const char *type)
{
    if (strcmp(type, "application/json") == 0)
        return "{\"type\":\"object\"}";
    return g_str_has_prefix(type, "text/") ? "{\"type\":\"string\"}" : "{\"type\":\"string\",\"format\":\"binary\"}";
}

static void append_good_answer(const struct route *route, unsigned status, GString *out)
{
    g_string_append_printf(out, "\"%u\":{\"description\":", status);
    append_text(out, route->doc);
    append_answer_headers(route, status, out);
    if (route->answers == ANSWER_MEDIA) {
        g_string_append(out, ",\"content\":{");
        append_text(out, route->media_type);
        g_string_append_printf(out, ":{\"schema\":%s}}", media_schema(route->media_type));
    } else if (route->answers != ANSWER_EMPTY) {
        g_string_append(out, ",\"content\":{");
        append_json_answer(route, out);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, '}');
}

/* One answer for each status; the codes that it may have stand in its description. */
static void append_problem(const struct route *route, unsigned status, unsigned problems, GString *out)
{
    g_autoptr(GString) words = g_string_new(NULL);
    for (int code = 1; code < PROBLEM_CODE_END; code++) {
        const struct problem_kind *kind = problem_kind((enum problem_code)code);
        if (kind->status == status && problems & 1u << code)
            g_string_append_printf(words, "%s`%s`: %s", words->len ? "; " : "", kind->code, kind->doc);
    }
    g_string_append_printf(out, ",\"%u\":{\"description\":", status);
    append_text(out, words->str);
    append_answer_headers(route, status, out);
    g_string_append(out, ",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
                         "\"#/components/schemas/Problem\"}}}}");
}

static void append_problems(const struct route *route, GString *out)
{
    unsigned problems = route_problems(route), last = 0;
    for (int code = 1; code < PROBLEM_CODE_END; code++) {
        unsigned status = problem_kind((enum problem_code)code)->status;
        if (!(problems & 1u << code) || status == last || status == route->other_status)
            continue;
        append_problem(route, status, problems, out);
        last = status;
    }
    g_string_append(out, ",\"default\":{\"$ref\":\"#/components/responses/Problem\"}");
}

static void append_unchanged(const struct route *route, GString *out)
{
    g_string_append(out, ",\"304\":{\"description\":\"as it was: If-None-Match has its ETag\"");
    append_answer_headers(route, MHD_HTTP_NOT_MODIFIED, out);
    g_string_append_c(out, '}');
}

static void append_answers(const struct route *route, GString *out)
{
    g_string_append(out, ",\"responses\":{");
    append_good_answer(route, route->status ? route->status : 200, out);
    if (route->other_status) {
        g_string_append_c(out, ',');
        append_good_answer(route, route->other_status, out);
    }
    if (route->features & ROUTE_CACHED)
        append_unchanged(route, out);
    append_problems(route, out);
    g_string_append_c(out, '}');
}

/* ---- operations ---- */

static const char *security_of(const struct route *route)
{
    return route->role == ROLE_ANONYMOUS ? "[{},{\"bearer\":[]}]" : "[{\"bearer\":[]},{\"cookie\":[]}]";
}

/* The first sentence. g_free. */
static char *summary_of(const char *doc)
{
    size_t length = strcspn(doc, ".;:");
    return g_strndup(doc, length);
}

static void append_operation(const struct route_group *group, const struct route *route, GString *out)
{
    g_autofree char *method = g_ascii_strdown(route->method, -1), *summary = summary_of(route->doc);
    append_text(out, method);
    g_string_append_printf(out, ":{\"operationId\":\"%s\",\"tags\":[\"%s\"],\"summary\":", route->name, group->tag);
    append_text(out, summary);
    g_string_append(out, ",\"description\":");
    append_text(out, route->doc);
    g_string_append_printf(out, ",\"x-role\":\"%s\",\"x-rate-class\":\"%s\",\"security\":%s",
                           record_enum_name(role_names, route->role), rate_class_names[route->rate - 1],
                           security_of(route));
    append_parameters(route, out);
    append_body(route, out);
    append_answers(route, out);
    g_string_append_c(out, '}');
}

/* A path may have routes in several groups. */
static void append_path(const char *path, GString *out)
{
    append_text(out, path);
    g_string_append(out, ":{");
    const char *gap = "";
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++) {
            const struct route *route = &route_groups[i]->routes[j];
            if (strcmp(route->path, path) != 0)
                continue;
            g_string_append(out, gap);
            append_operation(route_groups[i], route, out);
            gap = ",";
        }
    g_string_append_c(out, '}');
}

static void append_paths(GString *out)
{
    g_autoptr(GHashTable) done = g_hash_table_new(g_str_hash, g_str_equal);
    g_string_append(out, ",\"paths\":{");
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++) {
            const char *path = route_groups[i]->routes[j].path;
            if (!g_hash_table_add(done, (char *)(uintptr_t)path))
                continue;
            g_string_append(out, g_hash_table_size(done) > 1 ? "," : "");
            append_path(path, out);
        }
    g_string_append_c(out, '}');
}

/* ---- components ---- */

static void append_schemas(GString *out)
{
    g_autoptr(GPtrArray) inputs = contract_records(RECORD_SCHEMA_INPUT),
                         answers = contract_records(RECORD_SCHEMA_ANSWER);
    const char *gap = "";
    for (guint i = 0; i < inputs->len + answers->len; i++) {
        bool is_input = i < inputs->len;
        const struct record_descriptor *descriptor =
            is_input ? g_ptr_array_index(inputs, i) : g_ptr_array_index(answers, i - inputs->len);
        g_autofree char *name = record_schema_name(descriptor, is_input ? RECORD_SCHEMA_INPUT : RECORD_SCHEMA_ANSWER);
        g_string_append_printf(out, "%s\"%s\":", gap, name);
        record_append_schema(descriptor, is_input ? &input_style : &answer_style, out);
        gap = ",";
    }
}

static void append_headers(GString *out)
{
    for (size_t i = 0; i < route_header_count; i++) {
        const struct route_header *header = &route_headers[i];
        g_string_append_printf(out, "%s\"%s\":{\"name\":\"%s\",\"in\":\"header\",\"description\":", i ? "," : "",
                               header->name, header->name);
        append_text(out, header->doc);
        g_string_append_printf(out, ",\"required\":%s,\"schema\":{\"type\":\"string\",\"maxLength\":%d}}",
                               header->is_required ? "true" : "false", header->max_bytes);
    }
}

static void append_answer_header_components(GString *out)
{
    for (size_t i = 0; i < route_answer_header_count; i++) {
        const struct route_answer_header *header = &route_answer_headers[i];
        g_string_append(out, i ? "," : "");
        append_header(header, header->bits & ANSWER_HEADER_ALWAYS, out);
    }
}

/* Of whatever route. */
static void append_problem_component(GString *out)
{
    static const struct route any;
    g_string_append(out, "\"Problem\":{\"description\":\"anything else that kept the request from being done\"");
    append_answer_headers(&any, 0, out);
    g_string_append(out, ",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
                         "\"#/components/schemas/Problem\"}}}}");
}

static void append_components(GString *out)
{
    g_string_append(out, ",\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
                         "\"description\":\"access_token of POST /auth/login\"},\"cookie\":{\"type\":\"apiKey\","
                         "\"in\":\"cookie\",\"name\":");
    append_text(out, cookie_session);
    g_string_append(out, ",\"description\":\"set by POST /auth/login for browsers\"}},\"parameters\":{");
    append_headers(out);
    g_string_append(out, "},\"headers\":{");
    append_answer_header_components(out);
    g_string_append(out, "},\"responses\":{");
    append_problem_component(out);
    g_string_append(out, "},\"schemas\":{");
    append_schemas(out);
    g_string_append(out, "}}");
}

static void append_tags(GString *out)
{
    g_string_append(out, ",\"tags\":[");
    for (size_t i = 0; route_groups[i]; i++) {
        g_string_append_printf(out, "%s{\"name\":\"%s\",\"description\":", i ? "," : "", route_groups[i]->tag);
        append_text(out, route_groups[i]->doc);
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
}

char *contract_openapi(const char *public_path)
{
    g_autoptr(GString) out = g_string_new(
        "{\"openapi\":\"3.0.3\",\"info\":{\"title\":\"Vedette\",\"version\":\"" VEDETTE_VERSION "\",\"description\":"
        "\"Video analytics. Errors are problem+json (RFC 9457) with a stable code and the path of each bad field.\","
        "\"license\":{\"name\":\"Apache-2.0\",\"url\":\"https://www.apache.org/licenses/LICENSE-2.0\"},"
        "\"contact\":{\"name\":\"whoever runs this server\"}},\"servers\":[{\"url\":");
    record_append_json_string(out, public_path && *public_path ? public_path : "/");
    g_string_append(out, ",\"description\":\"the server that serves this\"}]");
    append_tags(out);
    append_paths(out);
    append_components(out);
    g_string_append_c(out, '}');
    return contract_indent(out->str);
}

char *api_contract_openapi(void)
{
    return contract_openapi(NULL);
}
