/* Pictures over HTTP/1.1: one stream of them (multipart/x-mixed-replace), or one for each request. Our own for the
 * reasons rtsp_client.c gives: every byte is bounded before it is kept, every step has a deadline, no redirect is
 * followed, and no host is contacted but the one that was configured.
 */
#include "media/http_internal.h"
#include "media/media_internal.h"
#include "media/rtsp_connection_internal.h"
#include "media/rtsp_internal.h"

#include <string.h>

enum { HTTP_LOGIN_TRIES = 2, HTTP_PICTURE_BYTES = 8 << 20 /* where the settings say nothing */ };

struct http_client {
    const struct media_url *url;
    const char *username, *password;
    const struct source_settings *settings;
    size_t max_picture_bytes;
    struct rtsp_connection connection;
    struct rtsp_challenge challenge;
    bool is_stream;  /* the answer under way is a stream of pictures */
    bool is_chunked; /* and comes in chunks, or else as it is */
    struct http_chunks chunks;
    struct http_parts parts;
    GByteArray *picture; /* the answer to one request */
    int64_t bytes;       /* received */
};

struct http_client *http_client_new(const struct media_url *url, const char *username, const char *password,
                                    const struct source_settings *settings, GCancellable *cancellable)
{
    struct http_client *client = g_new0(struct http_client, 1);
    client->url = url;
    client->username = username;
    client->password = password;
    client->settings = settings;
    client->max_picture_bytes =
        settings->max_picture_bytes > 0 ? (size_t)settings->max_picture_bytes : (size_t)HTTP_PICTURE_BYTES;
    client->connection.cancellable = cancellable;
    client->connection.refused_networks = settings->refused_networks;
    client->connection.tls_ca_file = settings->tls_ca_file;
    client->picture = g_byte_array_new();
    return client;
}

void http_client_free(struct http_client *client)
{
    rtsp_connection_close(&client->connection);
    rtsp_challenge_clear(&client->challenge);
    http_parts_clear(&client->parts);
    g_byte_array_unref(client->picture);
    g_free(client);
}

bool http_client_is_stream(const struct http_client *client)
{
    return client->is_stream;
}

int64_t http_client_bytes(const struct http_client *client)
{
    return client->bytes;
}

/* ---- asking ---- */

/* What stands behind the host, with a path in any case (RFC 9112 section 3.2.1): in the request and in the login. */
static char *target_of(const struct media_url *url)
{
    const char *host = strstr(url->location, "://") + 3;
    const char *path = host + strcspn(host, "/?");
    return g_strconcat(*path == '/' ? "" : "/", path, NULL);
}

static bool send_request(struct http_client *client, int64_t deadline_us, GError **error)
{
    g_autofree char *target = target_of(client->url);
    const char *authority = strstr(client->url->location, "://") + 3;
    g_autofree char *login =
        rtsp_challenge_answer(&client->challenge, "GET", target, client->username, client->password);
    g_autofree char *text = g_strdup_printf(
        "GET %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: Vedette\r\nAccept: multipart/x-mixed-replace, image/jpeg\r\n"
        "Connection: close\r\n%s%s\r\n",
        target, (int)strcspn(authority, "/?"), authority, login ? login : "", login ? "\r\n" : "");
    return rtsp_connection_send(&client->connection, text, deadline_us, error);
}

static bool read_answer(struct http_client *client, int64_t deadline_us, struct rtsp_answer *answer, GError **error)
{
    size_t length = 0;
    if (!rtsp_connection_read_head(&client->connection, client->settings->max_header_bytes, deadline_us, &length,
                                   error))
        return false;
    bool is_good = rtsp_answer_parse("HTTP/1.", (const char *)client->connection.buffer + client->connection.start,
                                     length, answer, error);
    client->connection.start += length;
    client->bytes += (int64_t)length;
    return is_good;
}

static bool check_status(const struct rtsp_answer *answer, int tries, GError **error)
{
    if (answer->status == 200)
        return true;
    if (answer->status == 401)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                    "401 after %d %s: the camera wants another username or password", tries,
                    tries == 1 ? "try" : "tries");
    else if (answer->status / 100 == 3)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                    "the camera redirects to another address, which is refused: configure that address if it is right");
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "the camera answered %d", answer->status);
    return false;
}

/* Connects and asks; once more with the login when asked for it. A new connection each time: what an answer that was
 * refused still holds need not be read. */
static bool ask(struct http_client *client, int64_t deadline_us, struct rtsp_answer *answer, GError **error)
{
    for (int try = 1;; try++) {
        int64_t left_ms = MAX(1, (deadline_us - rtsp_now_us()) / 1000);
        rtsp_connection_close(&client->connection);
        client->connection.start = client->connection.end = 0;
        rtsp_answer_clear(answer);
        if (!rtsp_connection_open(&client->connection, client->url, (int)left_ms, error) ||
            !send_request(client, deadline_us, error) || !read_answer(client, deadline_us, answer, error))
            return false;
        bool can_log_in = answer->status == 401 && client->username && try < HTTP_LOGIN_TRIES &&
                          rtsp_challenge_take(&client->challenge, answer);
        if (!can_log_in)
            return check_status(answer, try, error);
    }
}

/* Cameras call a JPEG image/jpg, image/pjpeg and what not, or say nothing: what came tells what it is (http_is_jpeg).
 */
static bool may_be_picture(const char *type)
{
    static const char *const types[] = {"image/", "application/octet-stream"};
    for (size_t i = 0; type && i < G_N_ELEMENTS(types); i++)
        if (g_ascii_strncasecmp(type, types[i], strlen(types[i])) == 0)
            return true;
    return !type;
}

static bool begin_body(struct http_client *client, const struct rtsp_answer *answer, GError **error)
{
    const char *type = rtsp_answer_header(answer, "Content-Type");
    const char *coding = rtsp_answer_header(answer, "Transfer-Encoding");
    g_autofree char *boundary = http_boundary_parse(type);
    client->is_chunked = coding && g_ascii_strcasecmp(coding, "chunked") == 0;
    client->is_stream = boundary;
    http_chunks_init(&client->chunks);
    http_parts_clear(&client->parts);
    if (boundary)
        http_parts_init(&client->parts, boundary, (size_t)client->settings->max_header_bytes,
                        client->max_picture_bytes);
    if (boundary || may_be_picture(type))
        return true;
    bool is_multipart = type && g_ascii_strncasecmp(type, "multipart/", strlen("multipart/")) == 0;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                is_multipart ? "the camera's stream of pictures tells no boundary that can be used"
                             : "the camera sends neither multipart/x-mixed-replace nor image/jpeg");
    return false;
}

/* ---- one picture for each request ---- */

static bool is_too_large(const struct http_client *client, GError **error)
{
    if (client->picture->len <= client->max_picture_bytes)
        return false;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL,
                "the camera's picture is larger than %zu bytes (source.max_picture_bytes)", client->max_picture_bytes);
    return true;
}

/* Moves what was received, without its framing, to where it is collected. */
static bool collect(struct http_client *client, GError **error)
{
    struct rtsp_connection *connection = &client->connection;
    size_t length = connection->end - connection->start;
    client->bytes += (int64_t)length;
    if (client->is_chunked &&
        !http_chunks_strip(&client->chunks, connection->buffer + connection->start, &length, error))
        return false;
    if (client->is_stream)
        http_parts_push(&client->parts, connection->buffer + connection->start, length);
    else
        g_byte_array_append(client->picture, connection->buffer + connection->start, (guint)length);
    connection->start = connection->end = 0;
    return client->is_stream || !is_too_large(client, error);
}

static bool fill(struct http_client *client, int64_t deadline_us, GError **error)
{
    return rtsp_connection_fill(&client->connection, deadline_us, error) && collect(client, error);
}

/* The answer is whole: as long as it tells, or its last chunk came. */
static bool is_whole(const struct http_client *client, const struct rtsp_answer *answer)
{
    if (client->is_chunked)
        return client->chunks.state == CHUNKS_OVER;
    return answer->content_length > 0 && client->picture->len >= answer->content_length;
}

/* The length of a stream is of no use, and cameras tell what comes to their minds there: that of a picture alone is
 * read. What comes is bounded as it comes in any case. */
static bool read_picture(struct http_client *client, struct rtsp_answer *answer, int64_t deadline_us, GError **error)
{
    g_byte_array_set_size(client->picture, 0);
    if (!rtsp_answer_take_length(answer, INT32_MAX, error))
        return false;
    if (answer->content_length > client->max_picture_bytes) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL,
                    "the camera announces a picture larger than source.max_picture_bytes");
        return false;
    }
    if (!collect(client, error)) /* what came with the headers */
        return false;
    while (!is_whole(client, answer)) {
        g_autoptr(GError) cause = NULL;
        if (fill(client, deadline_us, &cause))
            continue;
        /* without a length, the end of the connection is the end of the picture */
        if (g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_IO) &&
            http_is_jpeg(client->picture->data, client->picture->len))
            return true;
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return true;
}

bool http_client_open(struct http_client *client, GError **error)
{
    g_auto(rtsp_answer_auto) answer = {0};
    int64_t deadline_us = rtsp_now_us() + (int64_t)client->settings->connect_timeout_ms * 1000;
    if (!ask(client, deadline_us, &answer, error) || !begin_body(client, &answer, error))
        return false;
    if (client->is_stream)
        return collect(client, error); /* what came with the headers */
    bool is_good = read_picture(client, &answer, deadline_us, error);
    rtsp_connection_close(&client->connection);
    return is_good;
}

void http_client_picture(const struct http_client *client, const uint8_t **jpeg, size_t *length)
{
    *jpeg = client->picture->data;
    *length = client->picture->len;
}

/* ---- a stream of them ---- */

bool http_client_receive(struct http_client *client, int timeout_ms, const uint8_t **jpeg, size_t *length,
                         GError **error)
{
    int64_t deadline_us = rtsp_now_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        switch (http_parts_next(&client->parts, jpeg, length, error)) {
        case HTTP_PARTS_PART:
            return true;
        case HTTP_PARTS_BROKEN:
            return false;
        case HTTP_PARTS_OVER:
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the camera ended the stream");
            return false;
        case HTTP_PARTS_NONE:
            break;
        }
        if (!fill(client, deadline_us, error))
            return false;
    }
}
