/* A10: from a request's target and body to the records that a handler gets, by the route table itself: the first line
 * is "METHOD TARGET", the rest the body. */
#include <string.h>

#include "api/http.h"
#include "api/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_parameters(const struct route *route, const struct http_target *target)
{
    g_autoptr(GArray) texts = g_array_new(FALSE, FALSE, sizeof(struct record_text));
    g_autofree void *record = g_malloc0(route->parameters->size);
    struct record_errors errors;
    for (guint i = 0; i < target->parameters->len; i++) {
        const struct http_parameter *parameter = g_ptr_array_index(target->parameters, i);
        const struct record_text text = {parameter->name, parameter->value};
        g_array_append_val(texts, text);
    }
    record_errors_init(&errors);
    bool is_good = record_decode_texts(route->parameters, (const struct record_text *)(void *)texts->data, texts->len,
                                       record, &errors);
    if (is_good != (errors.items->len == 0))
        abort();
    if (is_good)
        record_clear(route->parameters, record);
    record_errors_clear(&errors);
}

/* What was taken must be valid, and be taken again as it is told. */
static void read_body(const struct route *route, const char *body, size_t length)
{
    g_autofree void *record = g_malloc0(route->request->size);
    struct record_errors errors;
    record_errors_init(&errors);
    if (record_decode_json_strict(route->request, body, length, record, &errors)) {
        if (!record_validate(route->request, record, "", &errors))
            abort();
        record_clear(route->request, record);
    } else if (!errors.items->len) {
        abort();
    }
    record_errors_clear(&errors);
}

static void try_route(const struct route *route, const char *method, const struct http_target *target, const char *body,
                      size_t length)
{
    const char *id;
    if (strcmp(method, route->method) != 0 || !http_target_matches(target, route->path, &id))
        return;
    if (strchr(route->path, '{') && !id)
        abort();
    if (route->parameters)
        read_parameters(route, target);
    if (route->request)
        read_body(route, body, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    const char *line_end = memchr(data, '\n', size);
    size_t head = line_end ? (size_t)(line_end - (const char *)data) : size;
    g_autofree char *first = g_strndup(text, head);
    g_auto(GStrv) words = g_strsplit(first, " ", 2);
    if (!words[0] || !words[1])
        return 0;
    struct http_target *target = http_target_parse(words[1], NULL);
    const char *body = line_end ? line_end + 1 : "";
    for (size_t i = 0; target && route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++)
            try_route(&route_groups[i]->routes[j], words[0], target, body, line_end ? size - head - 1 : 0);
    http_target_free(target);
    return 0;
}
