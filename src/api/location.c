/* Location: where what a request made, or had begun, can be had, by the route table, so that no handler says it. */
#include <jansson.h>
#include <string.h>

#include "api/api_internal.h"

/* Whether `item` is the route of one of what is posted to `list`: its path with one more segment, which is an id. */
static bool is_item_of(const struct route *item, const struct route *list)
{
    size_t length = strlen(list->path);
    return strncmp(item->path, list->path, length) == 0 && g_str_has_prefix(item->path + length, "/{") &&
           !strchr(item->path + length + 1, '/');
}

/* Whether it tells the same record, by its id alone. */
static bool is_of_record(const struct route *item, const struct route *maker)
{
    const char *brace = strchr(item->path, '{');
    return maker->response && item->response == maker->response && g_strcmp0(brace, "{id}") == 0;
}

const struct route *route_of_made(const struct route *maker)
{
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++) {
            const struct route *item = &route_groups[i]->routes[j];
            bool is_its = is_item_of(item, maker) || is_of_record(item, maker);
            if (is_its && strcmp(item->method, "GET") == 0 && strcmp(maker->method, "POST") == 0)
                return item;
        }
    return NULL;
}

/* Without the id. g_free. */
static char *place_of(const struct request *request, const struct route *item)
{
    return is_item_of(item, request->route) ? http_target_path(request->target)
                                            : g_strndup(item->path, (gsize)(strrchr(item->path, '/') - item->path));
}

void request_locate(const struct request *request, struct answer *answer)
{
    bool is_made = answer->status == MHD_HTTP_CREATED || answer->status == MHD_HTTP_ACCEPTED;
    const struct route *item = is_made && answer->body ? route_of_made(request->route) : NULL;
    if (!item)
        return;
    gsize size;
    const char *text = g_bytes_get_data(answer->body, &size);
    json_t *made = json_loadb(text, size, 0, NULL);
    const char *id = json_string_value(json_object_get(made, "id"));
    const char *public_path = request->api->settings->http.public_path; /* which a proxy takes away */
    g_autofree char *place = place_of(request, item), *escaped = id ? g_uri_escape_string(id, NULL, false) : NULL;
    if (escaped)
        answer_header(answer, "Location", "%s%s/%s", public_path ? public_path : "", place, escaped);
    json_decref(made);
}
