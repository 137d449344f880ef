/* The TypeScript client: one method an operation, typed by the records. */
#include <string.h>

#include "api/contract.h"
#include "facts/records.h"

static const char transport[] =
    "// Made by `vedette docs` from the server's route table: `make docs` writes it anew.\n"
    "import type * as records from \"./records.js\";\n"
    "\n"
    "/** What the server said instead of doing what it was asked. `problem` is null when it did not say it as JSON. "
    "*/\n"
    "export class ApiError extends Error {\n"
    "  constructor(\n"
    "    readonly status: number,\n"
    "    readonly problem: records.Problem | null,\n"
    "    message: string,\n"
    "  ) {\n"
    "    super(message);\n"
    "  }\n"
    "}\n"
    "\n"
    "export interface Page<T> {\n"
    "  items: T[];\n"
    "  /** null: this is the last page */\n"
    "  next_cursor: string | null;\n"
    "}\n"
    "\n"
    "type Names<List extends string> = List extends `${infer First},${infer Rest}` ? First | Names<Rest> : List;\n"
    "\n"
    "/** What a list's items have where `fields` asks for some alone; where it is not known which, each may be left "
    "out. "
    "*/\n"
    "export type Chosen<T, Fields extends string> = [Fields] extends [never]\n"
    "  ? T\n"
    "  : string extends Fields\n"
    "    ? Partial<T>\n"
    "    : Pick<T, Names<Fields> & keyof T>;\n"
    "\n"
    "/** What one call may say besides. Headers, for instance: If-Match, Idempotency-Key. */\n"
    "export interface Call {\n"
    "  signal?: AbortSignal;\n"
    "  headers?: Record<string, string>;\n"
    "  /** Is told of the answer, also of one that is thrown: its ETag for If-Match, Retry-After. */\n"
    "  onResponse?: (response: Pick<Response, \"status\" | \"headers\">) => void;\n"
    "}\n"
    "\n"
    "export interface ClientOptions {\n"
    "  /** Where the server is; its paths are taken relative to this. */\n"
    "  baseUrl: string;\n"
    "  /** The access token; without it a browser's cookie counts. */\n"
    "  token?: () => string | null;\n"
    "  /** In place of the browser's own, as to add a CSRF token and to renew a login. */\n"
    "  fetch?: (address: URL, init: RequestInit) => Promise<Response>;\n"
    "}\n"
    "\n"
    "type Query = Record<string, string | number | boolean | undefined>;\n"
    "\n"
    "async function failure(response: Response): Promise<ApiError> {\n"
    "  let problem: records.Problem | null = null;\n"
    "  if (response.headers.get(\"Content-Type\")?.startsWith(\"application/problem+json\"))\n"
    "    problem = (await response.json()) as records.Problem;\n"
    "  return new ApiError(response.status, problem, problem?.detail ?? `${response.status} ${response.statusText}`);\n"
    "}\n"
    "\n"
    "export class Client {\n"
    "  constructor(private readonly options: ClientOptions) {}\n"
    "\n"
    "  private async send(method: string, path: string, query: Query, body: unknown, call: Call): Promise<Response> {\n"
    "    const address = new URL(path.slice(1), this.options.baseUrl.replace(/\\/?$/, \"/\"));\n"
    "    for (const [name, value] of Object.entries(query))\n"
    "      if (value !== undefined) address.searchParams.set(name, String(value));\n"
    "    const headers = new Headers(call.headers);\n"
    "    const token = this.options.token?.();\n"
    "    if (token) headers.set(\"Authorization\", `Bearer ${token}`);\n"
    "    const isLines = typeof body === \"string\";\n"
    "    if (body !== undefined) headers.set(\"Content-Type\", isLines ? \"application/x-ndjson\" : "
    "\"application/json\");\n"
    "    const init: RequestInit = { method, headers, credentials: \"same-origin\", signal: call.signal ?? null };\n"
    "    if (body !== undefined) init.body = isLines ? body : JSON.stringify(body);\n"
    "    const response = await (this.options.fetch ?? fetch)(address, init);\n"
    "    call.onResponse?.(response);\n"
    "    if (!response.ok) throw await failure(response);\n"
    "    return response;\n"
    "  }\n";

/* `/api/v1/cameras/${encodeURIComponent(id)}`. g_free. */
static char *path_template(const struct route *route)
{
    GString *text = g_string_new("`");
    g_auto(GStrv) segments = g_strsplit(route->path + 1, "/", -1);
    for (size_t i = 0; segments[i]; i++) {
        g_autofree char *name = route_segment_name(segments[i]);
        if (name)
            g_string_append_printf(text, "/${encodeURIComponent(%s)}", name);
        else
            g_string_append_printf(text, "/%s", segments[i]);
    }
    g_string_append_c(text, '`');
    return g_string_free(text, FALSE);
}

/* "id: string, ": those of the path, in its order. */
static void append_path_arguments(const struct route *route, GString *out)
{
    for (size_t i = 0; route->parameters && i < route->parameters->field_count; i++) {
        const struct record_field *field = &route->parameters->fields[i];
        if (!(field->flags & RECORD_KEY))
            continue;
        g_string_append_printf(out, "%s: ", field->name);
        record_append_typescript_type(field, RECORD_SCHEMA_INPUT, out);
        g_string_append(out, ", ");
    }
}

/* A list comes as what its method is typed as, which is JSON, never CSV. */
static bool is_clients_own(const struct record_field *field)
{
    return field->kind == RECORD_ENUM && field->names == list_format_names;
}

/* Of a list: which fields its items shall have, as export.c reads it. */
static bool is_choice(const struct record_field *field)
{
    return strcmp(field->name, "fields") == 0;
}

static bool has_choice(const struct route *route)
{
    return route->answers == ANSWER_PAGE && route->parameters && record_find_field(route->parameters, "fields");
}

/* "query: { limit?: number } = {}, ". False: the route has no query. */
static bool append_query_argument(const struct route *route, GString *out)
{
    bool is_needed = false, has_any = false;
    for (size_t i = 0; route->parameters && i < route->parameters->field_count; i++) {
        const struct record_field *field = &route->parameters->fields[i];
        if (field->flags & RECORD_KEY || is_clients_own(field))
            continue;
        is_needed |= (field->flags & RECORD_REQUIRED) != 0;
        g_string_append_printf(out, "%s%s%s: ", has_any ? "; " : "query: { ", field->name,
                               field->flags & RECORD_REQUIRED ? "" : "?");
        if (has_choice(route) && is_choice(field))
            g_string_append(out, "Fields");
        else
            record_append_typescript_type(field, RECORD_SCHEMA_INPUT, out);
        has_any = true;
    }
    if (has_any)
        g_string_append(out, is_needed ? " }, " : " } = {}, ");
    return has_any;
}

/* What the body is typed as; NULL: there is none. g_free. */
static char *body_type(const struct route *route)
{
    if (route->body == BODY_NONE)
        return NULL;
    if (!route->request)
        return g_strdup("object");
    if (route->body == BODY_LINES)
        return g_strdup("string");
    g_autofree char *name = record_schema_name(route->request, RECORD_SCHEMA_INPUT);
    return g_strconcat("records.", name, NULL);
}

static char *answer_type(const struct route *route)
{
    switch (route->answers) {
    case ANSWER_EMPTY:
        return g_strdup("void");
    case ANSWER_MEDIA:
        return g_strdup("Response");
    case ANSWER_RECORD:
        return g_strconcat("records.", route->response->name, NULL);
    case ANSWER_PAGE:
        break;
    }
    return has_choice(route) ? g_strdup_printf("Page<Chosen<records.%s, Fields>>", route->response->name)
                             : g_strdup_printf("Page<records.%s>", route->response->name);
}

static void append_method(const struct route *route, GString *out)
{
    g_autofree char *path = path_template(route), *body = body_type(route), *answer = answer_type(route);
    bool is_json = route->answers != ANSWER_EMPTY && route->answers != ANSWER_MEDIA;
    g_string_append_printf(out, "\n  /** %s */\n  async %s%s(", route->doc, route->name,
                           has_choice(route) ? "<Fields extends string = never>" : "");
    append_path_arguments(route, out);
    if (body)
        g_string_append_printf(out, "body: %s, ", body);
    bool has_query = append_query_argument(route, out);
    g_string_append_printf(
        out, "call: Call = {}): Promise<%s> {\n    %s%sthis.send(\"%s\", %s, %s, %s, call)%s;\n  }\n", answer,
        route->answers == ANSWER_EMPTY ? "" : "return ", is_json ? "(await " : "await ", route->method, path,
        has_query ? "query" : "{}", body ? "body" : "undefined", is_json ? ").json()" : "");
}

/* Who may call what, so that nobody who writes a page needs a list of roles of their own. */
static void append_roles(GString *out)
{
    g_string_append(out, "\n/** Each may do what those before it may. */\nexport const roles = [");
    for (size_t i = 0; role_names[i]; i++)
        g_string_append_printf(out, "%s\"%s\"", i ? ", " : "", role_names[i]);
    g_string_append(out, "] as const;\nexport type Role = (typeof roles)[number];\n"
                         "\n/** The least role that may call each operation. */\nexport const leastRoles = {\n");
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++)
            g_string_append_printf(out, "  %s: \"%s\",\n", route_groups[i]->routes[j].name,
                                   role_names[route_groups[i]->routes[j].role - 1]);
    g_string_append(out, "} as const satisfies Record<string, Role>;\n"
                         "\nexport function mayCall(role: Role, operation: keyof typeof leastRoles): boolean {\n"
                         "  return roles.indexOf(role) >= roles.indexOf(leastRoles[operation]);\n"
                         "}\n");
}

char *api_contract_typescript(void)
{
    GString *out = g_string_new(transport);
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++)
            if (route_groups[i]->routes[j].status != MHD_HTTP_SWITCHING_PROTOCOLS)
                append_method(&route_groups[i]->routes[j], out);
    g_string_append(out, "}\n");
    append_roles(out);
    return g_string_free(out, FALSE);
}

/* What there is, and what answers have besides. */
static GPtrArray *told_records(void)
{
    GPtrArray *records = g_ptr_array_new();
    for (size_t i = 0; i < facts_record_count(); i++)
        g_ptr_array_add(records, (void *)(uintptr_t)facts_record_at(i));
    g_autoptr(GPtrArray) answers = contract_records(RECORD_SCHEMA_ANSWER);
    for (guint i = 0; i < answers->len; i++)
        if (!g_ptr_array_find(records, g_ptr_array_index(answers, i), NULL))
            g_ptr_array_add(records, g_ptr_array_index(answers, i));
    return records;
}

static void append_interfaces(const GPtrArray *records, enum record_schema_use use, GString *out)
{
    for (guint i = 0; i < records->len; i++) {
        record_append_typescript(g_ptr_array_index(records, i), use, out);
        g_string_append_c(out, '\n');
    }
}

char *api_contract_records(void)
{
    GString *out =
        g_string_new("// Made by `vedette docs` from the records' own tables: `make docs` writes it anew.\n\n");
    g_autoptr(GPtrArray) told = told_records(), inputs = contract_records(RECORD_SCHEMA_INPUT);
    append_interfaces(told, RECORD_SCHEMA_ANSWER, out);
    append_interfaces(inputs, RECORD_SCHEMA_INPUT, out);
    g_string_append(out, "/** What an AnalyticsEvent carries, by its type. */\nexport interface EventPayloads {\n");
    for (size_t i = 0; i < event_type_count; i++)
        if (!event_types[i].is_kept_apart)
            g_string_append_printf(out, "  %s: %s;\n", record_enum_name(event_type_names, event_types[i].type),
                                   event_types[i].payload->name);
    g_string_append(out, "}\n");
    return g_string_free(out, FALSE);
}
