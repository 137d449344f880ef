/* A camera's pictures over HTTP. The first byte says in what pieces the rest arrives, and whether it comes in chunks:
 * whatever the pieces, the parts are the same. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "media/http_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER_MOST_BYTES = 512, PART_MOST_BYTES = 4096 };

/* A digest of all parts; 0 when the stream is broken. */
static guint read_all(const uint8_t *data, size_t size, size_t piece, bool is_chunked, bool *is_broken)
{
    struct http_parts parts;
    struct http_chunks chunks;
    g_autoptr(GError) error = NULL;
    enum http_parts_answer answer = HTTP_PARTS_NONE;
    guint digest = 5381;
    http_parts_init(&parts, "b", HEADER_MOST_BYTES, PART_MOST_BYTES);
    http_chunks_init(&chunks);
    for (size_t at = 0; at < size && !error && answer == HTTP_PARTS_NONE; at += piece) {
        size_t count = MIN(piece, size - at);
        g_autofree uint8_t *copy = g_memdup2(data + at, count);
        if (is_chunked && !http_chunks_strip(&chunks, copy, &count, &error))
            break;
        http_parts_push(&parts, copy, count);
        const uint8_t *part = NULL;
        size_t length = 0;
        while ((answer = http_parts_next(&parts, &part, &length, &error)) == HTTP_PARTS_PART) {
            if (length > PART_MOST_BYTES + 2)
                __builtin_trap();
            for (size_t i = 0; i < length; i++)
                digest = digest * 33 + part[i];
            digest = digest * 33 + (guint)length;
        }
        if ((answer == HTTP_PARTS_BROKEN) != (error != NULL))
            __builtin_trap();
        if (parts.bytes->len > HEADER_MOST_BYTES + PART_MOST_BYTES + piece + 128)
            __builtin_trap(); /* more is held than the bounds allow */
    }
    *is_broken = error;
    http_parts_clear(&parts);
    return digest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *boundary = http_boundary_parse(text);
    if (boundary && (!*boundary || strlen(boundary) > 70))
        __builtin_trap();
    if (size < 2)
        return 0;
    bool is_chunked = data[0] & 1, is_broken, is_broken_too;
    size_t piece = 1 + (data[0] >> 1);
    guint one = read_all(data + 1, size - 1, piece, is_chunked, &is_broken);
    guint other = read_all(data + 1, size - 1, 1, is_chunked, &is_broken_too);
    /* a bound is found earlier or later by the piece; what both read whole is the same */
    if (!is_broken && !is_broken_too && one != other)
        __builtin_trap();
    return 0;
}
