/* The contract, as this server tells it of itself. It is the same for as long as the program runs, so it is written
 * once. */
#include "api/contract.h"

#include <jansson.h>
#include <string.h>

/* ---- which records there are ---- */

static void add_inner(const struct record_field *field, enum record_schema_use use, void *records)
{
    const struct record_descriptor *one;
    if (field->descriptor)
        contract_add_record(records, field->descriptor, use);
    for (size_t i = 0; field->one_of && (one = field->one_of(i)); i++)
        contract_add_record(records, one, use);
}

void contract_add_record(GPtrArray *records, const struct record_descriptor *descriptor, enum record_schema_use use)
{
    if (g_ptr_array_find(records, descriptor, NULL))
        return;
    g_ptr_array_add(records, (void *)(uintptr_t)descriptor);
    record_each_field(descriptor, use, add_inner, records);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    const struct record_descriptor *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

GPtrArray *contract_records(enum record_schema_use use)
{
    GPtrArray *records = g_ptr_array_new();
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++) {
            const struct route *route = &route_groups[i]->routes[j];
            const struct record_descriptor *descriptor = use == RECORD_SCHEMA_INPUT ? route->request : route->response;
            if (descriptor)
                contract_add_record(records, descriptor, use);
        }
    if (use == RECORD_SCHEMA_ANSWER)
        contract_add_record(records, &problem_descriptor, use);
    g_ptr_array_sort(records, compare_names);
    return records;
}

/* As people read it, and with one line a change. */
char *contract_indent(const char *text)
{
    json_error_t error;
    json_t *tree = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    char *indented = json_dumps(tree, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    char *owned = g_strconcat(indented ? indented : text, "\n", NULL);
    free(indented);
    json_decref(tree);
    return owned;
}

/* ---- serving it ---- */

struct contract {
    GBytes *openapi, *page;
    char *etag; /* of both */
};

static gpointer write_contract(gpointer public_path)
{
    struct contract *contract = g_new(struct contract, 1);
    char *openapi = contract_openapi(public_path);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, openapi, -1);
    contract->etag = g_strdup_printf("\"%.16s\"", digest);
    contract->openapi = g_bytes_new_take(openapi, strlen(openapi));
    char *page = contract_page();
    contract->page = g_bytes_new_take(page, strlen(page));
    return contract;
}

static const struct contract *get_contract(const struct request *request)
{
    static GOnce once = G_ONCE_INIT;
    return g_once(&once, write_contract, request->api->settings->http.public_path);
}

static void answer_cached(const struct request *request, GBytes *body, const char *type, struct answer *answer)
{
    const char *etag = get_contract(request)->etag;
    answer_header(answer, "ETag", "%s", etag);
    answer_header(answer, "Cache-Control", "no-cache");
    if (http_etag_matches(request->if_none_match, etag)) {
        answer->status = MHD_HTTP_NOT_MODIFIED;
        return;
    }
    answer->content_type = type;
    answer->body = g_bytes_ref(body);
}

static void handle_openapi(struct request *request, struct answer *answer)
{
    answer_cached(request, get_contract(request)->openapi, "application/json", answer);
}

static void handle_docs(struct request *request, struct answer *answer)
{
    answer_cached(request, get_contract(request)->page, "text/html; charset=utf-8", answer);
}

static void handle_docs_style(struct request *request, struct answer *answer)
{
    static const char style[] =
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2530}\n"
        "code{font:.9em ui-monospace,monospace}h2{margin-top:3rem;border-bottom:1px solid #ccd}\n"
        "summary{cursor:pointer;padding:.3rem 0}summary code{font-weight:600}\n"
        "table{border-collapse:collapse;margin:.5rem 0 1rem;width:100%}\n"
        "td,th{text-align:left;vertical-align:top;padding:.2rem .6rem;border-bottom:1px solid #dde}\n"
        "details{border-left:3px solid #ccd;padding-left:.8rem;margin:.3rem 0}\n";
    g_autoptr(GBytes) bytes = g_bytes_new_static(style, sizeof style - 1);
    answer_cached(request, bytes, "text/css", answer);
}

#define CONTRACT_ROUTE(address, operation, type, handler, words)                                                       \
    {                                                                                                                  \
        .method = "GET", .path = (address), .name = (operation), .role = ROLE_ANONYMOUS, .rate = RATE_READ,            \
        .answers = ANSWER_MEDIA, .media_type = (type), .features = ROUTE_CACHED, .handle = (handler), .doc = (words)   \
    }

static const struct route routes[] = {
    CONTRACT_ROUTE("/openapi.json", "getOpenapi", "application/json", handle_openapi,
                   "All of this as OpenAPI 3.0.3, from which clients can be made."),
    CONTRACT_ROUTE("/docs", "getDocs", "text/html", handle_docs, "The same as a page for people."),
    CONTRACT_ROUTE("/docs/style.css", "getDocsStyle", "text/css", handle_docs_style, "How that page looks."),
};
const struct route_group contract_routes = ROUTE_GROUP("contract", "What there is to ask.", routes);
