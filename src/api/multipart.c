#include "api/multipart.h"

#include "base/error.h"

#include <string.h>

static void part_free(void *data)
{
    struct multipart_part *part = data;
    g_free(part->name);
    g_free(part);
}

static void *refuse(GError **error, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "multipart/form-data: %s", why);
    return NULL;
}

/* The value of a parameter (`; name=value` or `; name="value"`) of a header's value, or NULL. g_free. */
static char *parameter_get(const char *value, size_t length, const char *name)
{
    size_t name_length = strlen(name);
    const char *end = value + length;
    for (const char *at = memchr(value, ';', length); at; at = memchr(at, ';', (size_t)(end - at))) {
        do
            at++;
        while (at < end && (*at == ' ' || *at == '\t'));
        if ((size_t)(end - at) <= name_length || g_ascii_strncasecmp(at, name, name_length) != 0 ||
            at[name_length] != '=')
            continue;
        at += name_length + 1;
        bool is_quoted = at < end && *at == '"';
        const char *first = at + is_quoted, *last = first;
        while (last < end && (is_quoted ? *last != '"' : *last != ';' && *last != ' ' && *last != '\t'))
            last++;
        return is_quoted && last == end ? NULL : g_strndup(first, (gsize)(last - first));
    }
    return NULL;
}

/* RFC 2046 section 5.1.1: what a boundary may be made of. "--boundary", g_free; NULL: none, or malformed. */
static char *delimiter_of(const char *content_type)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+_,-./:=? ";
    g_autofree char *boundary = parameter_get(content_type, strlen(content_type), "boundary");
    if (!boundary || !*boundary || strlen(boundary) > MULTIPART_MAX_BOUNDARY_BYTES ||
        strspn(boundary, allowed) != strlen(boundary))
        return NULL;
    return g_strconcat("--", boundary, NULL);
}

/* The name in a part's headers, each a line; NULL when there is none. g_free. */
static char *name_in(const char *head, size_t length)
{
    static const char disposition[] = "content-disposition:";
    const char *end = head + length;
    for (const char *line = head; line < end;) {
        const char *next = memmem(line, (size_t)(end - line), "\r\n", 2);
        const char *stop = next ? next : end;
        if ((size_t)(stop - line) > strlen(disposition) &&
            g_ascii_strncasecmp(line, disposition, strlen(disposition)) == 0)
            return parameter_get(line, (size_t)(stop - line), "name");
        line = next ? next + 2 : end;
    }
    return NULL;
}

/* One part between two delimiters. */
static struct multipart_part *part_new(const char *text, size_t length, GError **error)
{
    const char *gap = memmem(text, MIN(length, MULTIPART_MAX_HEAD_BYTES), "\r\n\r\n", 4);
    if (!gap)
        return refuse(error, "a part whose headers do not end, or are too long");
    g_autofree char *name = name_in(text, (size_t)(gap - text));
    if (!name || !*name || !g_utf8_validate(name, -1, NULL))
        return refuse(error, "a part without a name");
    struct multipart_part *part = g_new0(struct multipart_part, 1);
    part->name = g_steal_pointer(&name);
    part->data = gap + 4;
    part->length = length - (size_t)(gap + 4 - text);
    return part;
}

GPtrArray *multipart_parse(const char *content_type, const char *body, size_t length, GError **error)
{
    g_autofree char *delimiter = delimiter_of(content_type);
    if (!delimiter)
        return refuse(error, "its Content-Type names no boundary");
    g_autofree char *separator = g_strconcat("\r\n", delimiter, NULL);
    size_t mark = strlen(delimiter);
    if (length < mark || memcmp(body, delimiter, mark) != 0)
        return refuse(error, "the body does not begin with the boundary");
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(part_free);
    const char *at = body + mark, *end = body + length;
    while (end - at < 2 || memcmp(at, "--", 2) != 0) {
        if (end - at < 2 || memcmp(at, "\r\n", 2) != 0)
            return refuse(error, "a boundary that is followed by something else");
        at += 2;
        const char *next = memmem(at, (size_t)(end - at), separator, mark + 2);
        if (!next)
            return refuse(error, "the last boundary is missing");
        if (parts->len == MULTIPART_MAX_PARTS)
            return refuse(error, "too many parts");
        struct multipart_part *part = part_new(at, (size_t)(next - at), error);
        if (!part)
            return NULL;
        g_ptr_array_add(parts, part);
        at = next + mark + 2;
    }
    return g_steal_pointer(&parts);
}
