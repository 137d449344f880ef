#include "media/http_internal.h"

#include "base/error.h"

#include <string.h>

static bool refuse(GError **error, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "the camera's answer %s", why);
    return false;
}

/* ---- chunks ---- */

enum { CHUNK_SIZE_MOST_DIGITS = 7 }; /* 256 MiB: larger ones are no pictures */

void http_chunks_init(struct http_chunks *chunks)
{
    *chunks = (struct http_chunks){.state = CHUNKS_SIZE};
}

/* One byte of the line that tells a chunk's size. */
static bool take_size(struct http_chunks *chunks, uint8_t byte, GError **error)
{
    int digit = g_ascii_xdigit_value((char)byte);
    if (digit >= 0 && chunks->digits < CHUNK_SIZE_MOST_DIGITS) {
        chunks->left = chunks->left << 4 | (size_t)digit;
        chunks->digits++;
    } else if (digit >= 0 || chunks->digits == 0) {
        return refuse(error, "has a chunk without a possible size");
    } else if (byte == '\n') {
        chunks->state = chunks->left > 0 ? CHUNKS_DATA : CHUNKS_OVER;
    } else {
        chunks->state = CHUNKS_EXTENSION; /* or the line's end */
    }
    return true;
}

/* One byte that is none of the data. */
static bool take_framing(struct http_chunks *chunks, uint8_t byte, GError **error)
{
    switch (chunks->state) {
    case CHUNKS_SIZE:
        return take_size(chunks, byte, error);
    case CHUNKS_EXTENSION:
        if (byte == '\n')
            chunks->state = chunks->left > 0 ? CHUNKS_DATA : CHUNKS_OVER;
        return true;
    case CHUNKS_DATA_END:
        if (byte == '\n')
            http_chunks_init(chunks);
        else if (byte != '\r')
            return refuse(error, "has a chunk of another size than it tells");
        return true;
    case CHUNKS_OVER: /* what is behind the last chunk is of no use */
    case CHUNKS_DATA:
        break;
    }
    return true;
}

bool http_chunks_strip(struct http_chunks *chunks, uint8_t *bytes, size_t *length, GError **error)
{
    size_t kept = 0;
    for (size_t at = 0; at < *length;) {
        if (chunks->state != CHUNKS_DATA) {
            if (!take_framing(chunks, bytes[at++], error))
                return false;
            continue;
        }
        size_t count = MIN(chunks->left, *length - at);
        memmove(bytes + kept, bytes + at, count);
        kept += count;
        at += count;
        chunks->left -= count;
        if (chunks->left == 0)
            chunks->state = CHUNKS_DATA_END;
    }
    *length = kept;
    return true;
}

/* ---- parts ---- */

enum { BOUNDARY_MOST_BYTES = 70 }; /* RFC 2046 section 5.1.1 */

char *http_boundary_parse(const char *content_type)
{
    static const char name[] = "boundary=";
    if (!content_type || g_ascii_strncasecmp(content_type, "multipart/", strlen("multipart/")) != 0)
        return NULL;
    g_autofree char *lower = g_ascii_strdown(content_type, -1);
    const char *found = strstr(lower, name);
    if (!found)
        return NULL;
    const char *value = content_type + (found - lower) + strlen(name);
    bool is_quoted = *value == '"';
    size_t length = is_quoted ? strcspn(value + 1, "\"") : strcspn(value, "; \t");
    g_autofree char *boundary = g_strndup(value + is_quoted, length);
    /* many cameras write the delimiter where the boundary belongs */
    const char *bare = g_str_has_prefix(boundary, "--") ? boundary + 2 : boundary;
    return *bare && strlen(bare) <= BOUNDARY_MOST_BYTES ? g_strdup(bare) : NULL;
}

void http_parts_init(struct http_parts *parts, const char *boundary, size_t max_header_bytes, size_t max_part_bytes)
{
    *parts = (struct http_parts){.delimiter = g_strconcat("--", boundary, NULL),
                                 .max_header_bytes = max_header_bytes,
                                 .max_part_bytes = max_part_bytes,
                                 .bytes = g_byte_array_new(),
                                 .state = PARTS_BOUNDARY};
}

void http_parts_clear(struct http_parts *parts)
{
    g_clear_pointer(&parts->delimiter, g_free);
    g_clear_pointer(&parts->bytes, g_byte_array_unref);
}

static void drop_done(struct http_parts *parts)
{
    if (parts->done > 0)
        g_byte_array_remove_range(parts->bytes, 0, (guint)parts->done);
    parts->done = 0;
}

void http_parts_push(struct http_parts *parts, const uint8_t *bytes, size_t length)
{
    drop_done(parts);
    g_byte_array_append(parts->bytes, bytes, (guint)length);
}

bool http_is_jpeg(const uint8_t *bytes, size_t length)
{
    while (length > 0 && (bytes[length - 1] == '\r' || bytes[length - 1] == '\n' || bytes[length - 1] == '\0'))
        length--;
    return length > 4 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[length - 2] == 0xff && bytes[length - 1] == 0xd9;
}

static const uint8_t *find(const struct http_parts *parts, size_t from, const char *what)
{
    return from < parts->bytes->len ? memmem(parts->bytes->data + from, parts->bytes->len - from, what, strlen(what))
                                    : NULL;
}

/* Up to the delimiter, with it. */
static enum http_parts_answer take_boundary(struct http_parts *parts, GError **error)
{
    size_t length = strlen(parts->delimiter);
    const uint8_t *found = find(parts, 0, parts->delimiter);
    if (!found) {
        if (parts->bytes->len <= parts->max_header_bytes)
            return HTTP_PARTS_NONE;
        refuse(error, "has no boundary where a part begins");
        return HTTP_PARTS_BROKEN;
    }
    size_t end = (size_t)(found - parts->bytes->data) + length;
    if (parts->bytes->len < end + 2)
        return HTTP_PARTS_NONE;
    if (memcmp(parts->bytes->data + end, "--", 2) == 0)
        return HTTP_PARTS_OVER;
    parts->done = end;
    parts->state = PARTS_HEADERS;
    return HTTP_PARTS_PART;
}

/* The number behind "Content-Length:" in a part's headers. False when it is more than a picture may have. */
static bool take_length(struct http_parts *parts, size_t header_bytes, GError **error)
{
    static const char name[] = "\ncontent-length:";
    g_autofree char *text = g_ascii_strdown((const char *)parts->bytes->data, (gssize)header_bytes);
    const char *found = memmem(text, header_bytes, name, strlen(name));
    guint64 value = found ? g_ascii_strtoull(found + strlen(name), NULL, 10) : 0;
    parts->part_bytes = 0;
    if (value > parts->max_part_bytes)
        return refuse(error, "announces a picture larger than source.max_picture_bytes");
    parts->part_bytes = (size_t)value;
    return true;
}

static enum http_parts_answer take_headers(struct http_parts *parts, GError **error)
{
    const uint8_t *crlf = find(parts, 0, "\r\n\r\n"), *lf = find(parts, 0, "\n\n");
    bool is_bare = lf && (!crlf || lf < crlf);
    const uint8_t *found = is_bare ? lf : crlf;
    size_t length = found ? (size_t)(found - parts->bytes->data) + (is_bare ? 2 : 4) : parts->bytes->len;
    if (length > parts->max_header_bytes) {
        refuse(error, "has a part with more headers than source.max_header_bytes");
        return HTTP_PARTS_BROKEN;
    }
    if (!found)
        return HTTP_PARTS_NONE;
    if (!take_length(parts, length, error))
        return HTTP_PARTS_BROKEN;
    parts->done = length;
    parts->searched = 0;
    parts->state = PARTS_BODY;
    return HTTP_PARTS_PART;
}

static enum http_parts_answer end_body(struct http_parts *parts, size_t length, const uint8_t **part, size_t *told)
{
    *part = parts->bytes->data;
    *told = length;
    parts->done = length;
    parts->state = PARTS_BOUNDARY;
    return HTTP_PARTS_PART;
}

/* Where the delimiter, or all there is, begins. A boundary of which http_boundary_parse took dashes may have them all
 * the same: they are no picture's, which ends otherwise. */
static size_t body_end(const struct http_parts *parts, const uint8_t *delimiter)
{
    if (!delimiter)
        return parts->bytes->len;
    size_t end = (size_t)(delimiter - parts->bytes->data);
    return end >= 2 && memcmp(delimiter - 2, "--", 2) == 0 ? end - 2 : end;
}

static enum http_parts_answer take_body(struct http_parts *parts, const uint8_t **part, size_t *length, GError **error)
{
    size_t have = parts->bytes->len, reach = strlen(parts->delimiter) - 1;
    const uint8_t *found = find(parts, parts->searched, parts->delimiter);
    size_t end = body_end(parts, found);
    bool is_told = parts->part_bytes > 0 && parts->part_bytes <= end;
    if (is_told && http_is_jpeg(parts->bytes->data, parts->part_bytes))
        return end_body(parts, parts->part_bytes, part, length);
    if (end > parts->max_part_bytes + 2) { /* and the line's end before the delimiter */
        refuse(error, "has a picture larger than source.max_picture_bytes");
        return HTTP_PARTS_BROKEN;
    }
    if (found)
        return end_body(parts, end, part, length);
    parts->searched = have > reach ? have - reach : 0;
    return HTTP_PARTS_NONE;
}

enum http_parts_answer http_parts_next(struct http_parts *parts, const uint8_t **part, size_t *length, GError **error)
{
    for (;;) {
        enum http_parts_answer answer;
        drop_done(parts);
        if (parts->state == PARTS_BODY)
            return take_body(parts, part, length, error);
        answer = parts->state == PARTS_BOUNDARY ? take_boundary(parts, error) : take_headers(parts, error);
        if (answer != HTTP_PARTS_PART)
            return answer;
    }
}
