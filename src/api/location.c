/* Location: where what a request made can be had, by the route table, so that no handler says it. */
#include <jansson.h>
#include <string.h>

#include "api/api_internal.h"

/* Whether `item` is the route of one of what is posted to `list`: its path with one more segment, which is an id. */
static bool is_item_of(const struct route *item, const struct route *list)
{
    size_t length = strlen(list->path);
    return strcmp(item->method, "GET") == 0 && strncmp(item->path, list->path, length) == 0 &&
           g_str_has_prefix(item->path + length, "/{") && !strchr(item->path + length + 1, '/');
}

static bool has_items(const struct route *list)
{
    bool is_found = false;
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count && !is_found; j++)
            is_found = is_item_of(&route_groups[i]->routes[j], list);
    return is_found;
}

void request_locate(const struct request *request, struct answer *answer)
{
    if (answer->status != MHD_HTTP_CREATED || !answer->body || !has_items(request->route))
        return;
    gsize size;
    const char *text = g_bytes_get_data(answer->body, &size);
    json_t *made = json_loadb(text, size, 0, NULL);
    const char *id = json_string_value(json_object_get(made, "id"));
    g_autofree char *path = http_target_path(request->target),
                    *escaped = id ? g_uri_escape_string(id, NULL, false) : NULL;
    if (escaped)
        answer_header(answer, "Location", "%s/%s", path, escaped);
    json_decref(made);
}
