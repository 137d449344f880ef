/* Sources as people write them, taken apart. What a user wrote never reaches a pipeline description: it is checked here
 * and then set as a value. */
#include "base/media_url.h"

#include "base/redact.h"

#include <arpa/inet.h>
#include <string.h>

enum { URL_MAX_BYTES = 2048, HOST_MAX_BYTES = 253, DEVICE_MOST_DIGITS = 3 };

const char *const media_scheme_names[] = {"rtsp", "rtsps", "http", "https", "file", "scene", "v4l2", NULL};

/* Addresses of hosts, and the port that holds where none is given. */
static const struct {
    const char *prefix;
    enum media_scheme scheme;
    int port;
} hosted[] = {
    {"rtsp://", MEDIA_RTSP, 554},
    {"rtsps://", MEDIA_RTSPS, 322},
    {"http://", MEDIA_HTTP, 80},
    {"https://", MEDIA_HTTPS, 443},
};

void media_url_clear(struct media_url *url)
{
    g_free(url->location);
    g_free(url->shown);
    g_free(url->host);
    g_free(url->username);
    g_free(url->password);
    memset(url, 0, sizeof *url);
}

static bool refuse(GError **error, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s", why);
    return false;
}

/* Bytes that have no place in a source of any kind: they end lines, quote, or build pipelines. */
static bool check_bytes(const char *text, GError **error)
{
    size_t length = strlen(text);
    if (length == 0)
        return refuse(error, "is empty: give rtsp://host/path, http://host/path, scene://NAME or a file's path");
    if (length > URL_MAX_BYTES)
        return refuse(error, "is longer than 2048 bytes");
    if (!g_utf8_validate(text, (gssize)length, NULL))
        return refuse(error, "is not valid UTF-8");
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return refuse(error, "holds a control character");
    return true;
}

static bool check_url_bytes(const char *text, GError **error)
{
    for (const char *c = text; *c; c++)
        if (strchr(" \"'`!<>{}|\\^", *c) || (unsigned char)*c > 0x7e)
            return refuse(error, "an address must not hold spaces, quotes, '!', brackets of code or non-ASCII letters: "
                                 "percent-encode them");
    return true;
}

/* Dotted decimal with four parts and no leading zeros: 0177.0.0.1, 0x7f.1 and 2130706433 mean addresses to some
 * resolvers and names to others. */
static bool is_plain_ipv4(const char *host)
{
    struct in_addr address;
    char back[INET_ADDRSTRLEN];
    return inet_pton(AF_INET, host, &address) == 1 && inet_ntop(AF_INET, &address, back, sizeof back) &&
           strcmp(back, host) == 0;
}

static bool looks_numeric(const char *host)
{
    const char *last = strrchr(host, '.');
    last = last ? last + 1 : host;
    return g_ascii_isdigit(*last);
}

static bool check_name(const char *host, GError **error)
{
    size_t length = strlen(host);
    if (length == 0 || length > HOST_MAX_BYTES)
        return refuse(error, "the host is missing or longer than 253 bytes");
    if (host[length - 1] == '.' || host[0] == '.' || strstr(host, ".."))
        return refuse(error, "the host must not begin or end with a dot, or hold two in a row");
    if (strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != length)
        return refuse(error, "the host may hold letters, digits, '.', '-' and '_' only");
    if (looks_numeric(host) && !is_plain_ipv4(host))
        return refuse(error, "a numeric host must be four decimal numbers without leading zeros, like 192.168.1.20");
    return true;
}

static bool parse_port(const char *text, int *port, GError **error)
{
    char *end = NULL;
    guint64 value = g_ascii_strtoull(text, &end, 10);
    if (!g_ascii_isdigit(*text) || *end || value < 1 || value > 65535)
        return refuse(error, "the port must be between 1 and 65535");
    *port = (int)value;
    return true;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool parse_authority(const char *text, struct media_url *url, GError **error)
{
    if (*text == '[') {
        const char *close = strchr(text, ']');
        struct in6_addr address;
        if (!close)
            return refuse(error, "the IPv6 address has no closing ']'");
        url->host = g_strndup(text + 1, (gsize)(close - text - 1));
        if (inet_pton(AF_INET6, url->host, &address) != 1)
            return refuse(error, "the host in brackets is no IPv6 address (zone ids are not allowed)");
        if (close[1] == ':')
            return parse_port(close + 2, &url->port, error);
        return close[1] == '\0' || refuse(error, "after the IPv6 address only a port may follow");
    }
    const char *colon = strchr(text, ':');
    url->host = colon ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
    return check_name(url->host, error) && (!colon || parse_port(colon + 1, &url->port, error));
}

static bool parse_userinfo(const char *text, size_t length, struct media_url *url, GError **error)
{
    g_autofree char *userinfo = g_strndup(text, length);
    char *colon = strchr(userinfo, ':');
    if (strchr(userinfo, '@'))
        return refuse(error, "the login holds an '@': write it as %40, or give username and password apart");
    if (colon)
        *colon = '\0';
    url->username = g_uri_unescape_string(userinfo, NULL);
    url->password = colon ? g_uri_unescape_string(colon + 1, NULL) : NULL;
    if (!url->username || (colon && !url->password))
        return refuse(error, "the login is not percent-encoded correctly");
    return true;
}

/* The port is set to what holds where none is given. */
static bool parse_hosted(const char *text, const char *scheme, struct media_url *url, GError **error)
{
    if (!check_url_bytes(text, error))
        return false;
    const char *rest = text + strlen(scheme);
    size_t authority_length = strcspn(rest, "/?#");
    const char *at = NULL;
    for (const char *c = rest; c < rest + authority_length; c++)
        if (*c == '@')
            at = c;
    if (at && !parse_userinfo(rest, (size_t)(at - rest), url, error))
        return false;
    const char *host = at ? at + 1 : rest;
    g_autofree char *authority = g_strndup(host, (gsize)(rest + authority_length - host));
    if (!parse_authority(authority, url, error))
        return false;
    if (strchr(rest + authority_length, '#'))
        return refuse(error, "an address of a camera has no '#': percent-encode it");
    url->location = g_strconcat(scheme, authority, rest + authority_length, NULL);
    url->shown = redact_address(url->location);
    return true;
}

/* One of the names that the kernel gives to video devices, and nothing else: not /dev/mem, not a link elsewhere. */
static bool parse_device(const char *text, struct media_url *url, GError **error)
{
    static const char prefix[] = "v4l2:///dev/video";
    const char *digits = g_str_has_prefix(text, prefix) ? text + strlen(prefix) : "";
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > DEVICE_MOST_DIGITS || digits[count])
        return refuse(error, "a capture device is v4l2:///dev/videoN, with a number for N");
    url->location = g_strdup(text);
    url->shown = g_strdup(text);
    return true;
}

const char *media_url_device(const struct media_url *url)
{
    return url->location + strlen("v4l2://");
}

static bool parse_path(const char *path, struct media_url *url, GError **error)
{
    if (!*path)
        return refuse(error, "file:// needs an absolute path: file:///videos/door.mp4");
    url->location = g_strdup(path);
    url->shown = g_strdup(path);
    return true;
}

/* RFC 3986 section 3.1. "fd:3", "pipe:", "ftp://" are none of ours, and no file is named so by chance. */
static bool has_scheme(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    return length > 0 && g_ascii_isalpha(text[0]) && text[length] == ':';
}

static bool parse_any(const char *text, struct media_url *url, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(hosted); i++)
        if (g_str_has_prefix(text, hosted[i].prefix)) {
            url->scheme = hosted[i].scheme;
            url->port = hosted[i].port;
            return parse_hosted(text, hosted[i].prefix, url, error);
        }
    if (g_str_has_prefix(text, "scene://")) {
        url->scheme = MEDIA_SCENE;
        url->location = g_strdup(text);
        url->shown = g_strdup(text);
        return check_url_bytes(text, error);
    }
    if (g_str_has_prefix(text, "v4l2:")) {
        url->scheme = MEDIA_V4L2;
        return parse_device(text, url, error);
    }
    url->scheme = MEDIA_FILE;
    if (g_str_has_prefix(text, "file:///"))
        return parse_path(text + strlen("file://"), url, error);
    if (!has_scheme(text))
        return parse_path(text, url, error);
    g_autofree char *scheme = g_strndup(text, strcspn(text, ":"));
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "'%.20s' is not allowed: use rtsp://, rtsps://, http://, https://, v4l2:///dev/videoN, scene:// or a "
                "file's path (./ before a name that holds a colon)",
                scheme);
    return false;
}

bool media_url_parse(const char *text, struct media_url *url, GError **error)
{
    memset(url, 0, sizeof *url);
    bool is_good = check_bytes(text, error) && parse_any(text, url, error);
    if (!is_good)
        media_url_clear(url);
    return is_good;
}

bool media_url_check(const char *text, GError **error)
{
    struct media_url url;
    bool is_good = media_url_parse(text, &url, error);
    if (is_good)
        media_url_clear(&url);
    return is_good;
}
