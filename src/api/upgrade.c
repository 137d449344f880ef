/* The way to a WebSocket: RFC 6455 section 4.2 (a GET, point 4.2.1.1), with login and Origin checked before the socket
 * changes hands. */
#include <string.h>

#include "api/api_internal.h"

enum { WEBSOCKET_KEY_BYTES = 16, SHA1_BYTES = 20 };

static const char *header(const struct request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool is_key(const char *key)
{
    if (!key || strlen(key) != 24)
        return false;
    gsize length;
    g_autofree guchar *bytes = g_base64_decode(key, &length);
    return bytes && length == WEBSOCKET_KEY_BYTES;
}

/* RFC 6455 section 4.2.2, point 5.4. g_free. */
static char *accept_value(const char *key)
{
    static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA1);
    g_checksum_update(checksum, (const guchar *)key, -1);
    g_checksum_update(checksum, (const guchar *)magic, -1);
    guint8 digest[SHA1_BYTES];
    gsize length = sizeof digest;
    g_checksum_get_digest(checksum, digest, &length);
    return g_base64_encode(digest, length);
}

static void wake(void *watch)
{
    watch_wake(watch);
}

/* With what it missed, which is read now: the thread that will upgrade the connection serves others. False: the answer
 * is made. */
static bool open_feed(struct request *request, struct answer *answer)
{
    const struct live_parameters *parameters = request->parameters;
    request->feed = request_open_feed(request, parameters->resume_from, wake, request->api->watch, answer);
    return request->feed;
}

void handle_websocket(struct request *request, struct answer *answer)
{
    if (!subscription_check_parameters(request, answer))
        return;
    const char *key = header(request, "Sec-WebSocket-Key");
    bool is_handshake = !request->is_head && http_list_has(header(request, "Upgrade"), "websocket") &&
                        http_list_has(header(request, "Connection"), "upgrade") &&
                        g_strcmp0(header(request, "Sec-WebSocket-Version"), "13") == 0 && is_key(key);
    if (request->origin && !origin_is_allowed(request)) {
        answer_foreign(answer);
    } else if (request->is_by_cookie && !request->origin) {
        answer_problem(answer, MHD_HTTP_FORBIDDEN, "a login by cookie needs a browser's Origin", NULL);
    } else if (!is_handshake) {
        answer_problem(answer, MHD_HTTP_UPGRADE_REQUIRED, "this address speaks WebSocket, version 13", NULL);
        answer_header(answer, "Upgrade", "websocket");
        answer_header(answer, "Sec-WebSocket-Version", "13");
    } else if (open_feed(request, answer)) {
        g_autofree char *value = accept_value(key);
        answer->status = MHD_HTTP_SWITCHING_PROTOCOLS;
        answer->is_upgrade = true;
        answer_header(answer, "Upgrade", "websocket");
        answer_header(answer, "Sec-WebSocket-Accept", "%s", value);
    }
}
