/* A body of multipart/form-data: the first line is its Content-Type, the rest the body. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    if (!line)
        return 0;
    size_t length = size - (size_t)(line + 1 - data);
    g_autofree char *content_type = g_strndup((const char *)data, (gsize)(line - data));
    g_autofree char *body = g_memdup2(line + 1, length); /* of its exact size, so that reading past it is seen */
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) parts = multipart_parse(content_type, body ? body : "", length, &error);
    if (!parts != !!error || (parts && parts->len > MULTIPART_MAX_PARTS))
        __builtin_trap();
    for (guint i = 0; parts && i < parts->len; i++) {
        const struct multipart_part *part = g_ptr_array_index(parts, i);
        if (!*part->name || part->data < body || part->data + part->length > body + length)
            __builtin_trap();
    }
    return 0;
}
