/* The route table for people: docs/reference/api.md. */
#include "api/api_internal.h"

static void append_problem_codes(GString *text)
{
    g_string_append(text, "\n| status | code | |\n|---|---|---|\n");
    for (int i = 1; i < PROBLEM_CODE_END; i++) {
        const struct problem_kind *kind = problem_kind((enum problem_code)i);
        g_string_append_printf(text, "| %u | `%s` | %s |\n", kind->status, kind->code, kind->doc);
    }
}

static void append_headers(GString *text)
{
    g_string_append(text, "\n| header of requests | |\n|---|---|\n");
    for (size_t i = 0; i < route_header_count; i++)
        g_string_append_printf(text, "| `%s` | %s |\n", route_headers[i].name, route_headers[i].doc);
    g_string_append(text, "\n| header of answers | |\n|---|---|\n");
    for (size_t i = 0; i < route_answer_header_count; i++)
        g_string_append_printf(text, "| `%s` | %s |\n", route_answer_headers[i].name, route_answer_headers[i].doc);
}

static void append_answer(const struct route *route, GString *text)
{
    const char *name = route->response ? route->response->name : "";
    switch (route->answers) {
    case ANSWER_EMPTY:
        g_string_append(text, "nothing");
        break;
    case ANSWER_RECORD:
        g_string_append(text, name);
        break;
    case ANSWER_PAGE:
        g_string_append_printf(text, "items: %s; next_cursor", name);
        break;
    case ANSWER_MEDIA:
        g_string_append(text, route->media_type);
        break;
    }
    if (route->status)
        g_string_append_printf(text, " (%u)", route->status);
}

static void append_query(const struct record_descriptor *parameters, GString *text)
{
    const char *gap = "";
    for (size_t i = 0; parameters && i < parameters->field_count; i++) {
        const struct record_field *field = &parameters->fields[i];
        if (field->flags & RECORD_KEY)
            continue;
        g_string_append_printf(text, "%s`%s`", gap, field->name);
        gap = " ";
    }
}

static void append_group(const struct route_group *group, GString *text)
{
    g_string_append_printf(text,
                           "\n## %s\n\n%s\n\n| route | role | query | takes | answers | |\n|---|---|---|---|---|---|\n",
                           group->tag, group->doc);
    for (size_t i = 0; i < group->count; i++) {
        const struct route *route = &group->routes[i];
        g_string_append_printf(text, "| `%s %s` | %s | ", route->method, route->path,
                               record_enum_name(role_names, route->role));
        append_query(route->parameters, text);
        g_string_append_printf(text, " | %s | ", route->request ? route->request->name : "");
        append_answer(route, text);
        g_string_append_printf(text, " | %s%s |\n", route->doc,
                               route->rate == RATE_HEAVY ? " (`limits.heavy_per_minute`)" : "");
    }
}

char *api_routes_markdown(void)
{
    GString *text = g_string_new(
        "# API\n\nBodies are JSON of the records in records.md. What is not valid is told all at once, as problem+json "
        "(RFC 9457): type, title, status, detail, a code that programs go by, and errors with path and message.\n");
    append_problem_codes(text);
    append_headers(text);
    for (size_t i = 0; route_groups[i]; i++)
        append_group(route_groups[i], text);
    g_string_append(text, "\n`GET /…` serves the page's files.\n");
    return g_string_free(text, FALSE);
}
