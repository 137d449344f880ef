/* The headers of requests and of answers, each a row of one table: from these the contract is written, what browsers
 * let a page elsewhere send and read, and what a repetition of an answer says again. */
#include <string.h>

#include "api/api_internal.h"

/* ---- which requests have one ---- */

static bool is_cached(const struct route *route)
{
    return route->features & ROUTE_CACHED;
}

static bool is_versioned(const struct route *route)
{
    return route->features & ROUTE_VERSIONED;
}

static bool is_any(const struct route *route)
{
    (void)route;
    return true;
}

bool route_takes_csrf_token(const struct route *route)
{
    return route->role > ROLE_ANONYMOUS && strcmp(route->method, "GET") != 0;
}

static bool is_signed(const struct route *route)
{
    return route->features & ROUTE_SIGNED;
}

static bool is_stream(const struct route *route)
{
    return g_strcmp0(route->media_type, "text/event-stream") == 0;
}

static bool takes_if_none_match(const struct route *route)
{
    return is_cached(route) || route->features & ROUTE_NEW_ONLY;
}

const struct route_header route_headers[] = {
    {"traceparent", TRACE_PARENT_BYTES - 1, is_any, "W3C Trace Context: the answer's goes on with it"},
    {"If-None-Match", 256, takes_if_none_match,
     "of a GET an ETag: 304 where it is still that; of a PUT *: 412 where there is one already"},
    {"Idempotency-Key", 255, route_takes_idempotency_key,
     "the same request sent again with the same key gets the first one's answer"},
    {"If-Match", 256, is_versioned, "the ETag that was read: 412 where it has changed since"},
    {"X-CSRF-Token", 256, route_takes_csrf_token,
     "csrf_token of GET /auth/me: needed where the login is a browser's cookie, passed over else"},
    {"Last-Event-ID", 64, is_stream, "as browsers send it by themselves: resume_from, in whose place it stands"},
    {"webhook-id", 128, is_signed, "of Standard Webhooks, without a full stop: the same in every try", true},
    {"webhook-timestamp", 20, is_signed, "when this try began, in seconds since 1970", true},
    {"webhook-signature", 2048, is_signed,
     "v1, and the HMAC-SHA256 of id, timestamp and body by one of policies.webhook_secrets, in base64; several are "
     "separated by blanks",
     true},
};
const size_t route_header_count = G_N_ELEMENTS(route_headers);

/* ---- which answers have one ---- */

/* Of a status: 0 is none that is told by itself. */
static bool is_good(unsigned status)
{
    return status > 0 && status < MHD_HTTP_BAD_REQUEST;
}

static bool is_traced(const struct route *route, unsigned status)
{
    (void)route;
    (void)status;
    return true;
}

/* What is changed with If-Match tells its ETag wherever it is told: at its own path and with its record elsewhere. */
static bool is_of_versioned(const struct route *route)
{
    bool is_found = false;
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count && !is_found; j++) {
            const struct route *other = &route_groups[i]->routes[j];
            is_found = other->features & ROUTE_VERSIONED &&
                       (other->response == route->response || strcmp(other->path, route->path) == 0);
        }
    return is_found;
}

static bool is_tagged(const struct route *route, unsigned status)
{
    bool is_record = route->answers == ANSWER_RECORD;
    return is_good(status) && (is_cached(route) || (is_record && is_of_versioned(route)));
}

static bool is_located(const struct route *route, unsigned status)
{
    bool is_made = status == MHD_HTTP_CREATED || status == MHD_HTTP_ACCEPTED;
    return status == MHD_HTTP_FOUND || (is_made && route_of_made(route));
}

static bool is_for_later(const struct route *route, unsigned status)
{
    bool is_busy = status == MHD_HTTP_CONFLICT && route_takes_idempotency_key(route);
    bool is_away = status == MHD_HTTP_SERVICE_UNAVAILABLE && route->other_status != status;
    return !status || is_busy || is_away || status == MHD_HTTP_TOO_MANY_REQUESTS;
}

static bool is_too_many(const struct route *route, unsigned status)
{
    (void)route;
    return status == MHD_HTTP_TOO_MANY_REQUESTS;
}

/* A login that is refused tells how many more may be tried. */
static bool is_counted(const struct route *route, unsigned status)
{
    bool is_refused = status == MHD_HTTP_UNAUTHORIZED || status == MHD_HTTP_SERVICE_UNAVAILABLE;
    return is_too_many(route, status) || (route->features & ROUTE_COUNTED && is_refused);
}

/* What is too much otherwise may be of a quota that is no number a minute; a login by the issuer may be refused before
 * it is counted, and who asks while the server is full before it is known what is asked. */
static bool is_surely_counted(const struct route *route, unsigned status)
{
    return route->rate == RATE_LOGIN && (is_too_many(route, status) || status == MHD_HTTP_UNAUTHORIZED);
}

static bool is_repeated(const struct route *route, unsigned status)
{
    return status && status < MHD_HTTP_INTERNAL_SERVER_ERROR && status != MHD_HTTP_TOO_MANY_REQUESTS &&
           route_takes_idempotency_key(route);
}

static bool is_list(const struct route *route, unsigned status)
{
    return is_good(status) && route->answers == ANSWER_PAGE;
}

static bool is_picture(const struct route *route, unsigned status)
{
    return is_good(status) && g_strcmp0(route->media_type, "image/jpeg") == 0;
}

static bool is_login_wanted(const struct route *route, unsigned status)
{
    (void)route;
    return !status || status == MHD_HTTP_UNAUTHORIZED;
}

/* A login ends with its cookies, as one that cannot be renewed does; what the issuer was asked for is forgotten once it
 * is over, however it ended. */
static bool has_cookies(const struct route *route, unsigned status)
{
    bool is_over = status == MHD_HTTP_UNAUTHORIZED && route->rate != RATE_LOGIN;
    bool is_of_issuer =
        route->status == MHD_HTTP_FOUND && (is_too_many(route, status) || status == MHD_HTTP_SERVICE_UNAVAILABLE);
    return route->features & ROUTE_COOKIES && route->role == ROLE_ANONYMOUS
               ? is_good(status) || is_over || is_of_issuer
               : route->features & ROUTE_COOKIES && is_good(status);
}

/* Who is no browser gets its token in the answer to a login. */
static bool surely_has_cookies(const struct route *route, unsigned status)
{
    return route->rate != RATE_LOGIN && is_good(status);
}

static bool is_about_type(const struct route *route, unsigned status)
{
    (void)route;
    return status == MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
}

static bool is_upgrade(const struct route *route, unsigned status)
{
    (void)route;
    return status == MHD_HTTP_SWITCHING_PROTOCOLS;
}

static bool is_about_upgrade(const struct route *route, unsigned status)
{
    return is_upgrade(route, status) || status == MHD_HTTP_UPGRADE_REQUIRED;
}

static bool is_upgrade_wanted(const struct route *route, unsigned status)
{
    (void)route;
    return status == MHD_HTTP_UPGRADE_REQUIRED;
}

#define TEXT "\"type\":\"string\""
const struct route_answer_header route_answer_headers[] = {
    {"traceparent", TEXT, 0, is_traced, "W3C Trace Context: the server's span of this request"},
    {"ETag", TEXT, ANSWER_HEADER_REPEATED, is_tagged,
     "what the record is known by until it changes: for If-Match and If-None-Match, where they are taken"},
    {"Location", TEXT ",\"format\":\"uri-reference\"", ANSWER_HEADER_ALWAYS | ANSWER_HEADER_REPEATED, is_located,
     "where what was made is, or where to go on"},
    {"Retry-After", "\"type\":\"integer\",\"minimum\":1", 0, is_for_later, "in how many seconds to try again",
     is_too_many},
    {"RateLimit", TEXT, 0, is_counted,
     "what remains of the quota (r) and in how many seconds it is whole again (t): "
     "draft-ietf-httpapi-ratelimit-headers-08",
     is_surely_counted},
    {"RateLimit-Policy", TEXT, 0, is_counted, "the quota (q) of so many seconds (w)", is_surely_counted},
    {"Idempotency-Replayed", TEXT ",\"enum\":[\"true\"]", 0, is_repeated,
     "this is the answer to an earlier request with this Idempotency-Key"},
    {"X-Next-Cursor", TEXT, 0, is_list, "of CSV: cursor of the next page; not there on the last one"},
    {"Content-Disposition", TEXT, 0, is_list, "of CSV: the file's name"},
    {"X-Frame-Number", "\"type\":\"integer\",\"format\":\"int64\",\"minimum\":0", ANSWER_HEADER_ALWAYS, is_picture,
     "which of the camera's frames the picture is, since it was opened"},
    {"X-Captured-At", TEXT ",\"format\":\"date-time\"", ANSWER_HEADER_ALWAYS, is_picture, "when it was taken"},
    {"WWW-Authenticate", TEXT, 0, is_login_wanted, "how to log in (RFC 6750)"},
    {"Set-Cookie", TEXT, 0, has_cookies, "of browsers: each cookie of the login, set or ended", surely_has_cookies},
    {"Accept-Encoding", TEXT ",\"enum\":[\"identity\"]", 0, is_about_type,
     "of a body with a Content-Encoding: there is to be none"},
    {"Upgrade", TEXT ",\"enum\":[\"websocket\"]", ANSWER_HEADER_ALWAYS, is_about_upgrade,
     "the protocol that is spoken here (RFC 6455)"},
    {"Sec-WebSocket-Accept", TEXT, ANSWER_HEADER_ALWAYS, is_upgrade, "made of Sec-WebSocket-Key (RFC 6455)"},
    {"Sec-WebSocket-Version", TEXT, ANSWER_HEADER_ALWAYS, is_upgrade_wanted, "the version that is spoken here"},
};
const size_t route_answer_header_count = G_N_ELEMENTS(route_answer_headers);

/* ---- their names ---- */

bool answer_header_is_repeated(const char *name)
{
    for (size_t i = 0; i < route_answer_header_count; i++)
        if (strcmp(route_answer_headers[i].name, name) == 0)
            return route_answer_headers[i].bits & ANSWER_HEADER_REPEATED;
    return false;
}

char *route_header_names(void)
{
    GString *names = g_string_new("Authorization, Content-Type");
    for (size_t i = 0; i < route_header_count; i++)
        g_string_append_printf(names, ", %s", route_headers[i].name);
    return g_string_free(names, FALSE);
}

char *route_answer_header_names(void)
{
    GString *names = g_string_new(NULL);
    for (size_t i = 0; i < route_answer_header_count; i++)
        g_string_append_printf(names, "%s%s", i ? ", " : "", route_answer_headers[i].name);
    return g_string_free(names, FALSE);
}
