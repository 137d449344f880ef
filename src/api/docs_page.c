/* The page at /docs: the route table for people, without a script and without anything from elsewhere. */
#include <string.h>

#include "api/contract.h"

static void append_escaped(GString *out, const char *text)
{
    g_autofree char *escaped = g_markup_escape_text(text, -1);
    g_string_append(out, escaped);
}

/* What a field may be: "number, 0 to 1, default 0.5", "one of a, b". */
static void append_kind(const struct record_field *field, enum record_schema_use use, GString *out)
{
    g_autoptr(GString) type = g_string_new(NULL);
    record_append_typescript_type(field, use, type);
    append_escaped(out, type->str);
    if (field->min != 0 || field->max != 0)
        g_string_append_printf(out, ", %g to %g", field->min, field->max);
    if (field->unit)
        g_string_append_printf(out, " (%s)", field->unit);
    if (field->default_text && *field->default_text) {
        g_string_append(out, ", default ");
        append_escaped(out, field->default_text);
    }
}

static void append_field_row(const struct record_field *field, enum record_schema_use use, void *data)
{
    GString *out = data;
    g_string_append_printf(out, "<tr><td><code>%s</code>%s</td><td>", field->name,
                           field->flags & RECORD_REQUIRED ? " *" : "");
    append_kind(field, use, out);
    g_string_append(out, "</td><td>");
    append_escaped(out, field->doc);
    g_string_append(out, "</td></tr>\n");
}

static void append_parameters(const struct record_descriptor *parameters, GString *out)
{
    g_string_append(out, "<table><tr><th>parameter</th><th>is</th><th></th></tr>\n");
    for (size_t i = 0; i < parameters->field_count; i++)
        append_field_row(&parameters->fields[i], RECORD_SCHEMA_INPUT, out);
    g_string_append(out, "</table>\n");
}

static void append_record_link(const struct record_descriptor *descriptor, enum record_schema_use use, GString *out)
{
    g_autofree char *name = record_schema_name(descriptor, use);
    g_string_append_printf(out, "<a href=\"#%s\"><code>%s</code></a>", name, name);
}

static void append_answer(const struct route *route, GString *out)
{
    g_string_append_printf(out, "<p>Answers %u", route->status ? route->status : MHD_HTTP_OK);
    if (route->other_status)
        g_string_append_printf(out, " or %u", route->other_status);
    if (route->media_type)
        g_string_append_printf(out, ": <code>%s</code>", route->media_type);
    if (route->response) {
        g_string_append(out, route->answers == ANSWER_PAGE ? ": items of " : ": ");
        append_record_link(route->response, RECORD_SCHEMA_ANSWER, out);
    }
    g_string_append(out, route->answers == ANSWER_PAGE ? ", next_cursor. Else" : ". Else");
    for (int code = 1; code < PROBLEM_CODE_END; code++)
        if (route_problems(route) & 1u << code)
            g_string_append_printf(out, " <code>%s</code>", problem_kind((enum problem_code)code)->code);
    g_string_append(out, ".</p>\n");
}

static void append_route(const struct route *route, GString *out)
{
    g_string_append_printf(out, "<details id=\"%s\"><summary><code>%s %s</code> ", route->name, route->method,
                           route->path);
    append_escaped(out, route->doc);
    g_string_append_printf(out, "</summary>\n<p>Needs the role %s.</p>\n", record_enum_name(role_names, route->role));
    if (route->parameters)
        append_parameters(route->parameters, out);
    if (route->request) {
        g_string_append(out, "<p>Takes ");
        append_record_link(route->request, RECORD_SCHEMA_INPUT, out);
        g_string_append(out, ".</p>\n");
    }
    append_answer(route, out);
    g_string_append(out, "</details>\n");
}

static void append_records(enum record_schema_use use, GString *out)
{
    g_autoptr(GPtrArray) records = contract_records(use);
    for (guint i = 0; i < records->len; i++) {
        const struct record_descriptor *descriptor = g_ptr_array_index(records, i);
        g_autofree char *name = record_schema_name(descriptor, use);
        g_string_append_printf(out, "<details id=\"%s\"><summary><code>%s</code> ", name, name);
        append_escaped(out, descriptor->doc);
        g_string_append(out, "</summary>\n<table>\n");
        record_each_field(descriptor, use, append_field_row, out);
        g_string_append(out, "</table></details>\n");
    }
}

static void append_codes(GString *out)
{
    g_string_append(out, "<table><tr><th>status</th><th>code</th><th></th></tr>\n");
    for (int i = 1; i < PROBLEM_CODE_END; i++) {
        const struct problem_kind *kind = problem_kind((enum problem_code)i);
        g_string_append_printf(out, "<tr><td>%u</td><td><code>%s</code></td><td>", kind->status, kind->code);
        append_escaped(out, kind->doc);
        g_string_append(out, "</td></tr>\n");
    }
    g_string_append(out, "</table>\n");
}

static void append_header_row(const char *name, const char *doc, GString *out)
{
    g_string_append_printf(out, "<tr><td><code>%s</code></td><td>", name);
    append_escaped(out, doc);
    g_string_append(out, "</td></tr>\n");
}

static void append_headers(GString *out)
{
    g_string_append(out, "<h2>Headers of requests</h2>\n<table>\n");
    for (size_t i = 0; i < route_header_count; i++)
        append_header_row(route_headers[i].name, route_headers[i].doc, out);
    g_string_append(out, "</table>\n<h2>Headers of answers</h2>\n<table>\n");
    for (size_t i = 0; i < route_answer_header_count; i++)
        append_header_row(route_answer_headers[i].name, route_answer_headers[i].doc, out);
    g_string_append(out, "</table>\n");
}

char *contract_page(void)
{
    GString *out = g_string_new("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                                "<meta name=\"viewport\" content=\"width=device-width\"><title>Vedette: "
                                "API</title><link rel=\"stylesheet\" href=\"docs/style.css\"></head><body>\n"
                                "<h1>Vedette: API</h1>\n<p>For programs: <a href=\"openapi.json\">openapi.json</a>. "
                                "What is marked * must be given.</p>\n");
    for (size_t i = 0; route_groups[i]; i++) {
        g_string_append_printf(out, "<h2 id=\"%s\">%s</h2>\n<p>%s</p>\n", route_groups[i]->tag, route_groups[i]->tag,
                               route_groups[i]->doc);
        for (size_t j = 0; j < route_groups[i]->count; j++)
            append_route(&route_groups[i]->routes[j], out);
    }
    g_string_append(out, "<h2>What is sent</h2>\n");
    append_records(RECORD_SCHEMA_INPUT, out);
    g_string_append(out, "<h2>What is answered</h2>\n");
    append_records(RECORD_SCHEMA_ANSWER, out);
    append_headers(out);
    g_string_append(out, "<h2>What can go wrong</h2>\n");
    append_codes(out);
    g_string_append(out, "</body></html>\n");
    return g_string_free(out, FALSE);
}
