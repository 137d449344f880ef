/* What a request says, taken apart: pure functions of text, without a socket. Every bound is here, and everything that
 * comes from outside passes through here first.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/cleanup.h"
#include "base/error.h"

enum {
    HTTP_MAX_TARGET_BYTES = 8192,
    HTTP_MAX_SEGMENTS = 16,
    HTTP_MAX_PARAMETERS = 64,
};

struct http_parameter {
    char *name, *value; /* decoded */
};

/* A request target: "/a/b%20c?d=e" is segments "a", "b c" and the parameter d. "/" has no segment. */
struct http_target {
    GPtrArray *segments;   /* of char *, decoded; never "." or "..", never with NUL */
    GPtrArray *parameters; /* of struct http_parameter * */
};
struct http_target *http_target_parse(const char *raw, GError **error);
void http_target_free(struct http_target *target);
CLEANUP_DEFINE(http_target, http_target_free)
/* The path again, decoded: what an embedded file is found by. g_free. */
char *http_target_path(const struct http_target *target);

/* "a=b&c=d", of a query or a form. NULL and an error when malformed or too many. */
GPtrArray *http_parameters_parse(const char *text, GError **error);
/* NULL when there is none. */
const char *http_parameter_get(const GPtrArray *parameters, const char *name);

/* True when the target's segments are those of the pattern ("/api/v1/cameras/{id}"), in which braces stand for any; *id
 * is the segment at the first of them, owned by the target, or NULL. */
bool http_target_matches(const struct http_target *target, const char *pattern, const char **id);

/* The value of a cookie, or NULL. g_free. */
char *http_cookie_get(const char *header, const char *name);
/* The token of "Bearer TOKEN", inside `header`, or NULL. */
const char *http_bearer_get(const char *header);
/* True when a header's list ("keep-alive, Upgrade") has the word, whatever its case. */
bool http_list_has(const char *header, const char *word);
/* True when the list of If-Match or If-None-Match has the tag, weak or not, or is "*": a proxy that compresses what we
 * answer makes tags weak (RFC 9110 section 8.8.3), and ours are digests of whole records, which that changes nothing
 * of. */
bool http_etag_matches(const char *header, const char *etag);
/* How much the media type is wanted, by its name, in an Accept: 0 is not at all, 1 is most. */
double http_accept_weight(const char *header, const char *type);
/* True when the media type is this one, whatever its parameters. */
bool http_content_type_is(const char *header, const char *type);

/* A name that resolves to us may belong to somebody else's page (DNS rebinding): Host must be an IP address,
 * localhost, or one of `allowed_names` (separated by commas). */
bool http_host_is_allowed(const char *host, const char *allowed_names);
/* True when the origin is the page that `host` serves. */
bool http_origin_is_host(const char *origin, const char *host);
/* RFC 9110 token: what a header's name may be. */
bool http_is_token(const char *text, size_t length);
/* Parses Content-Length: digits alone. */
bool http_parse_length(const char *text, guint64 *length);
