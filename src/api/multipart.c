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

/* RFC 2046 section 5.1.1: what a boundary may be made of. "\r\n--boundary", g_free; NULL: none, or malformed. */
static char *separator_of(const char *content_type)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+_,-./:=? ";
    g_autofree char *boundary = parameter_get(content_type, strlen(content_type), "boundary");
    if (!boundary || !*boundary || strlen(boundary) > MULTIPART_MAX_BOUNDARY_BYTES ||
        strspn(boundary, allowed) != strlen(boundary))
        return NULL;
    return g_strconcat("\r\n--", boundary, NULL);
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

/* Behind the line of a boundary, which spaces may fill up (RFC 2046's transport padding). NULL: it says more. */
static const char *skip_line_end(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return end - at >= 2 && memcmp(at, "\r\n", 2) == 0 ? at + 2 : NULL;
}

/* Behind the next boundary that begins a line; `separator` is a line's end with the boundary. *text_end, where what
 * stood before it ends. NULL: there is none. */
static const char *skip_to_boundary(const char *at, const char *end, const char *separator, const char **text_end)
{
    *text_end = memmem(at, (size_t)(end - at), separator, strlen(separator));
    return *text_end ? *text_end + strlen(separator) : NULL;
}

/* Behind the first boundary. What stands before it, the preamble, is for nobody. */
static const char *skip_preamble(const char *body, const char *end, const char *separator)
{
    const char *preamble_end, *delimiter = separator + strlen("\r\n");
    size_t length = strlen(delimiter);
    if ((size_t)(end - body) >= length && memcmp(body, delimiter, length) == 0)
        return body + length;
    return skip_to_boundary(body, end, separator, &preamble_end);
}

GPtrArray *multipart_parse(const char *content_type, const char *body, size_t length, GError **error)
{
    g_autofree char *separator = separator_of(content_type);
    if (!separator)
        return refuse(error, "its Content-Type names no boundary");
    const char *end = body + length, *at = skip_preamble(body, end, separator);
    if (!at)
        return refuse(error, "no line of the body begins with the boundary");
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(part_free);
    while (end - at < 2 || memcmp(at, "--", 2) != 0) {
        const char *part_end, *first = skip_line_end(at, end);
        if (!first)
            return refuse(error, "a boundary that is followed by something else");
        at = skip_to_boundary(first, end, separator, &part_end);
        if (!at)
            return refuse(error, "the last boundary is missing");
        if (parts->len == MULTIPART_MAX_PARTS)
            return refuse(error, "too many parts");
        struct multipart_part *part = part_new(first, (size_t)(part_end - first), error);
        if (!part)
            return NULL;
        g_ptr_array_add(parts, part);
    }
    return g_steal_pointer(&parts);
}
