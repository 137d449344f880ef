/* multipart/form-data (RFC 7578), taken apart in place: pure, and every bound is here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

enum { MULTIPART_MAX_PARTS = 32, MULTIPART_MAX_HEAD_BYTES = 1024, MULTIPART_MAX_BOUNDARY_BYTES = 70 };

struct multipart_part {
    char *name;       /* of its Content-Disposition */
    const char *data; /* within the body; not terminated */
    size_t length;
};

/* Of struct multipart_part *, in order; what stands before the first boundary and after the last is passed over.
 * `content_type` is the request's header, `body` outlives the parts. NULL and VEDETTE_ERROR_INVALID when a boundary, a
 * name or the end is missing, or there is more of anything than the bounds. Any thread. */
GPtrArray *multipart_parse(const char *content_type, const char *body, size_t length, GError **error);
