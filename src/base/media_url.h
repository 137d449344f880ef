/* Where video comes from, as people write it: text, checked and taken apart. Any thread. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/error.h"

/* A source as written, taken apart and checked (case S1): scheme, host, port, length, no control characters or quotes.
 */
struct media_url {
    enum media_scheme {
        MEDIA_RTSP = 1,
        MEDIA_RTSPS,
        MEDIA_HTTP,
        MEDIA_HTTPS,
        MEDIA_FILE,
        MEDIA_SCENE,
        MEDIA_V4L2
    } scheme;
    char *location; /* without credentials, but for those in a path or query. A path for files, also of folders */
    char *shown;    /* the location, safe for logs, errors, metrics and answers */
    char *host;     /* NULL where there is none; IPv6 without brackets */
    int port;
    char *username, *password; /* NULL when the URL had none; percent-decoded */
};
/* "rtsp", … */
extern const char *const media_scheme_names[];
/* Fills `url` (media_url_clear it). The error names the rule that was broken and never repeats credentials. */
bool media_url_parse(const char *text, struct media_url *url, GError **error);
/* The device's path of a v4l2:// source, within it. */
const char *media_url_device(const struct media_url *url);
void media_url_clear(struct media_url *url);
/* The same, only to see whether it is one. */
bool media_url_check(const char *text, GError **error);
