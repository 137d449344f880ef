/* What http_client.c reads, as pure functions over bytes: fuzzed and tested without a camera. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

/* ---- chunked transfer coding (RFC 9112 section 7.1) ---- */

struct http_chunks {
    enum { CHUNKS_SIZE = 1, CHUNKS_EXTENSION, CHUNKS_DATA, CHUNKS_DATA_END, CHUNKS_OVER } state;
    size_t left;     /* of the chunk under way */
    unsigned digits; /* of its size, read so far */
};
void http_chunks_init(struct http_chunks *chunks);
/* Strips the framing from `bytes` in place; `*length` becomes that of what is left. False when it is none. */
bool http_chunks_strip(struct http_chunks *chunks, uint8_t *bytes, size_t *length, GError **error);

/* ---- multipart/x-mixed-replace: one picture a part ---- */

/* The boundary of a Content-Type, or NULL when it is no multipart or has no boundary that can be used. g_free. */
char *http_boundary_parse(const char *content_type);

/* A part ends at the next boundary, whatever its Content-Length says: cameras lie there. Only to have a picture sooner,
 * the length is believed where a JPEG ends just there. */
struct http_parts {
    char *delimiter; /* "--" and the boundary */
    size_t max_header_bytes, max_part_bytes;
    GByteArray *bytes; /* that are not yet done with: bounded by both, and one read */
    size_t done;       /* of these, by the part told last */
    size_t searched;   /* of these, without finding the end of the part */
    size_t part_bytes; /* as the part's headers tell; 0: they do not */
    enum { PARTS_BOUNDARY = 1, PARTS_HEADERS, PARTS_BODY } state;
};
void http_parts_init(struct http_parts *parts, const char *boundary, size_t max_header_bytes, size_t max_part_bytes);
void http_parts_clear(struct http_parts *parts);
void http_parts_push(struct http_parts *parts, const uint8_t *bytes, size_t length);
enum http_parts_answer {
    HTTP_PARTS_NONE = 1, /* push more */
    HTTP_PARTS_PART,     /* `*part` of `*length` bytes, valid until the next call */
    HTTP_PARTS_OVER,     /* the closing delimiter came */
    HTTP_PARTS_BROKEN,   /* the error says why */
};
enum http_parts_answer http_parts_next(struct http_parts *parts, const uint8_t **part, size_t *length, GError **error);

/* Starts as a JPEG and ends as one, but for line ends behind it and the zeros with which encoders fill up the last
 * block of their memory. */
bool http_is_jpeg(const uint8_t *bytes, size_t length);
