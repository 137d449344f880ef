/* A10: what comes from outside in a request: target, query, form, cookie, host, origin, header lists. Every parser sees
 * the whole input. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_target(const char *text)
{
    CLEANUP(http_target) struct http_target *target = http_target_parse(text, NULL);
    if (!target)
        return;
    g_autofree char *path = http_target_path(target);
    const char *id;
    if (strstr(path, "/../") || g_str_has_suffix(path, "/.."))
        __builtin_trap();
    if (http_target_matches(target, "/api/v1/cameras/{id}/preview.jpg", &id) && (!id || strchr(id, '/')))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    parse_target(text);
    g_autoptr(GPtrArray) parameters = http_parameters_parse(text, NULL);
    if (parameters && (parameters->len > HTTP_MAX_PARAMETERS || http_parameter_get(parameters, "\n")))
        __builtin_trap();
    g_autofree char *cookie = http_cookie_get(text, "vedette_session");
    if (cookie && strchr(cookie, ';'))
        __builtin_trap();
    guint64 length;
    http_parse_length(text, &length);
    http_host_is_allowed(text, text);
    http_origin_is_host(text, text);
    http_list_has(text, "upgrade");
    http_content_type_is(text, "application/json");
    http_bearer_get(text);
    http_is_token(text, strlen(text));
    return 0;
}
