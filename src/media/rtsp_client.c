/* RTSP (RFC 2326) over TCP, as much as a viewer needs: DESCRIBE, SETUP interleaved, PLAY, keep-alive. Our own, because
 * a camera is a hostile peer: every byte is bounded, every step has a deadline, no redirect is followed, and no host is
 * contacted but the one that was configured.
 */
#include "media/media_internal.h"
#include "media/rtsp_connection_internal.h"
#include "media/rtsp_internal.h"

#include <gst/sdp/gstsdpmessage.h>
#include <string.h>

enum {
    RTSP_SDP_MAX_MEDIA = 32,
    RTSP_PACKET_HEADER_BYTES = 4,
    RTSP_PACKET_MAX_BYTES = 65535,
    RTSP_DEFAULT_SESSION_SECONDS = 60,
    RTSP_LOGIN_TRIES = 2,
    RTSP_SESSION_NOT_FOUND = 454,
    RTP_STATIC_JPEG = 26, /* RFC 3551 table 5 */
    RTP_VIDEO_CLOCK_RATE = 90000,
};

struct rtsp_client {
    const struct media_url *url;
    const char *username, *password;
    const struct source_settings *settings;
    struct rtsp_connection connection;
    int sequence;
    char *session;
    int session_seconds;
    int64_t keep_alive_us;         /* when the next one is due */
    bool is_asking_again;          /* the one that is under way repeats one that was refused */
    const char *keep_alive_method; /* what the camera knows */
    struct rtsp_challenge challenge;
    char *base;    /* what relative control addresses are relative to */
    char *control; /* of the chosen stream */
    char *parameters;
    int rtp_channel, rtcp_channel;
};

struct rtsp_client *rtsp_client_new(const struct media_url *url, const char *username, const char *password,
                                    const struct source_settings *settings, GCancellable *cancellable)
{
    struct rtsp_client *client = g_new0(struct rtsp_client, 1);
    client->url = url;
    client->username = username;
    client->password = password;
    client->settings = settings;
    client->connection.cancellable = cancellable;
    client->connection.refused_networks = settings->refused_networks;
    client->connection.tls_ca_file = settings->tls_ca_file;
    client->session_seconds = RTSP_DEFAULT_SESSION_SECONDS;
    client->keep_alive_method = "GET_PARAMETER";
    return client;
}

static char *request_text(struct rtsp_client *client, const char *method, const char *address, const char *more)
{
    g_autofree char *login =
        rtsp_challenge_answer(&client->challenge, method, address, client->username, client->password);
    g_autofree char *session = client->session ? g_strdup_printf("Session: %s\r\n", client->session) : g_strdup("");
    return g_strdup_printf("%s %s RTSP/1.0\r\nCSeq: %d\r\nUser-Agent: Vedette\r\n%s%s%s%s\r\n", method, address,
                           ++client->sequence, session, login ? login : "", login ? "\r\n" : "", more ? more : "");
}

/* Many cameras serve few sessions: they are told when one is over, without waiting for an answer. */
static void say_goodbye(struct rtsp_client *client)
{
    if (!client->session || !client->connection.stream)
        return;
    g_autofree char *text = request_text(client, "TEARDOWN", client->base, NULL);
    rtsp_connection_say(&client->connection, text);
}

void rtsp_client_free(struct rtsp_client *client)
{
    say_goodbye(client);
    rtsp_connection_close(&client->connection);
    rtsp_challenge_clear(&client->challenge);
    g_free(client->session);
    g_free(client->base);
    g_free(client->control);
    g_free(client->parameters);
    g_free(client);
}

/* ---- requests and answers ---- */

static bool skip_packet(struct rtsp_client *client, int64_t deadline_us, GError **error)
{
    while (client->connection.end - client->connection.start < RTSP_PACKET_HEADER_BYTES)
        if (!rtsp_connection_fill(&client->connection, deadline_us, error))
            return false;
    size_t length = RTSP_PACKET_HEADER_BYTES + rtsp_read_u16(client->connection.buffer + client->connection.start + 2);
    while (client->connection.end - client->connection.start < length)
        if (!rtsp_connection_fill(&client->connection, deadline_us, error))
            return false;
    client->connection.start += length;
    return true;
}

/* We know none that a camera could send; the one that asks whether we are there learns that we are. Sent whole: another
 * request comes behind it. */
static bool refuse_request(struct rtsp_client *client, const struct rtsp_answer *request, int64_t deadline_us,
                           GError **error)
{
    const char *sequence = rtsp_answer_header(request, "CSeq");
    g_autofree char *text = g_strdup_printf("RTSP/1.0 501 Not Implemented\r\nCSeq: %d\r\n\r\n",
                                            sequence ? MAX(atoi_checked(sequence), 0) : 0);
    return rtsp_connection_send(&client->connection, text, deadline_us, error);
}

/* Reads one answer, or a request of the camera's (its status is 0), which is refused; media packets in between are
 * passed over. */
static bool read_message(struct rtsp_client *client, int64_t deadline_us, struct rtsp_answer *answer, GError **error)
{
    size_t header_length;
    do {
        if (client->connection.start == client->connection.end &&
            !rtsp_connection_fill(&client->connection, deadline_us, error))
            return false;
        if (client->connection.buffer[client->connection.start] == '$' && !skip_packet(client, deadline_us, error))
            return false;
    } while (client->connection.start == client->connection.end ||
             client->connection.buffer[client->connection.start] == '$');
    if (!rtsp_connection_read_head(&client->connection, client->settings->max_header_bytes, deadline_us, &header_length,
                                   error))
        return false;
    if (!rtsp_answer_parse("RTSP/1.", (const char *)client->connection.buffer + client->connection.start, header_length,
                           answer, error) ||
        !rtsp_answer_take_length(answer, client->settings->max_header_bytes, error))
        return false;
    client->connection.start += header_length;
    while (client->connection.end - client->connection.start < answer->content_length)
        if (!rtsp_connection_fill(&client->connection, deadline_us, error))
            return false;
    answer->body =
        g_strndup((const char *)client->connection.buffer + client->connection.start, answer->content_length);
    client->connection.start += answer->content_length;
    return answer->status != 0 || refuse_request(client, answer, deadline_us, error);
}

static bool read_answer(struct rtsp_client *client, int64_t deadline_us, struct rtsp_answer *answer, GError **error)
{
    do {
        rtsp_answer_clear(answer);
        if (!read_message(client, deadline_us, answer, error))
            return false;
    } while (answer->status == 0);
    return true;
}

static bool send_request(struct rtsp_client *client, const char *method, const char *address, const char *more,
                         int64_t deadline_us, GError **error)
{
    g_autofree char *text = request_text(client, method, address, more);
    return rtsp_connection_send(&client->connection, text, deadline_us, error);
}

static bool check_status(const struct rtsp_answer *answer, const char *method, int tries, GError **error)
{
    if (answer->status == 200)
        return true;
    if (answer->status == 401)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                    "%s: 401 after %d %s: the camera wants another username or password", method, tries,
                    tries == 1 ? "try" : "tries");
    else if (answer->status / 100 == 3)
        g_set_error(
            error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
            "%s: the camera redirects to another address, which is refused: configure that address if it is right",
            method);
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "%s: the camera answered %d", method, answer->status);
    return false;
}

/* One request and its answer; logs in when asked to. */
static bool transact(struct rtsp_client *client, const char *method, const char *address, const char *more,
                     struct rtsp_answer *answer, GError **error)
{
    int64_t deadline_us = rtsp_now_us() + (int64_t)client->settings->connect_timeout_ms * 1000;
    for (int try = 1;; try++) {
        rtsp_answer_clear(answer);
        if (!send_request(client, method, address, more, deadline_us, error) ||
            !read_answer(client, deadline_us, answer, error)) {
            g_prefix_error(error, "%s: ", method);
            return false;
        }
        bool can_log_in = answer->status == 401 && client->username && try < RTSP_LOGIN_TRIES &&
                          rtsp_challenge_take(&client->challenge, answer);
        if (!can_log_in)
            return check_status(answer, method, try, error);
    }
}

/* ---- describing ---- */

/* Leads to the host and port that were configured. */
static bool is_same_camera(const struct rtsp_client *client, const char *address)
{
    struct media_url target;
    if (!media_url_parse(address, &target, NULL))
        return false;
    bool is_same = target.scheme == client->url->scheme && target.port == client->url->port && target.host &&
                   g_ascii_strcasecmp(target.host, client->url->host) == 0;
    media_url_clear(&target);
    return is_same;
}

/* An address from the description, made whole. */
static bool resolve_control(struct rtsp_client *client, const char *control, GError **error)
{
    if (!control || strcmp(control, "*") == 0)
        client->control = g_strdup(client->base);
    else if (!strstr(control, "://"))
        client->control =
            g_strdup_printf("%s%s%s", client->base, g_str_has_suffix(client->base, "/") ? "" : "/", control);
    else
        client->control = g_strdup(control);
    if (is_same_camera(client, client->control))
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                "the camera's description leads to another address, which is refused");
    return false;
}

static bool take_media(struct rtsp_client *client, const GstSDPMedia *media, struct rtsp_stream *stream)
{
    if (strcmp(gst_sdp_media_get_media(media), "video") != 0 || gst_sdp_media_formats_len(media) == 0)
        return false;
    int payload_type = atoi_checked(gst_sdp_media_get_format(media, 0));
    for (guint i = 0; i < gst_sdp_media_attributes_len(media); i++) {
        const GstSDPAttribute *attribute = gst_sdp_media_get_attribute(media, i);
        struct rtsp_map map;
        if (g_strcmp0(attribute->key, "rtpmap") != 0 || !attribute->value || !rtsp_map_parse(attribute->value, &map) ||
            map.payload_type != payload_type)
            continue;
        stream->codec = media_codec_by_rtp_name(map.encoding);
        stream->clock_rate = map.clock_rate;
        stream->payload_type = payload_type;
    }
    if (!stream->codec && payload_type == RTP_STATIC_JPEG) { /* its name may be left out: RFC 3551 table 5 */
        stream->codec = media_codec_by_rtp_name("JPEG");
        stream->clock_rate = RTP_VIDEO_CLOCK_RATE;
        stream->payload_type = payload_type;
    }
    if (!stream->codec)
        return false;
    const char *parameters = gst_sdp_media_get_attribute_val(media, "fmtp");
    client->parameters = g_strdup(parameters ? strchr(parameters, ' ') : NULL);
    stream->parameters = client->parameters;
    return true;
}

static bool choose_stream(struct rtsp_client *client, const char *text, struct rtsp_stream *stream, GError **error)
{
    GstSDPMessage *sdp = NULL;
    gst_sdp_message_new(&sdp);
    bool is_found = false;
    if (gst_sdp_message_parse_buffer((const guint8 *)text, (guint)strlen(text), sdp) != GST_SDP_OK) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "DESCRIBE: the camera's description cannot be read");
    } else if (gst_sdp_message_medias_len(sdp) > RTSP_SDP_MAX_MEDIA) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL,
                    "DESCRIBE: the camera describes %u streams; at most %d are read", gst_sdp_message_medias_len(sdp),
                    RTSP_SDP_MAX_MEDIA);
    } else {
        for (guint i = 0; i < gst_sdp_message_medias_len(sdp) && !is_found; i++) {
            const GstSDPMedia *media = gst_sdp_message_get_media(sdp, i);
            if (!take_media(client, media, stream))
                continue;
            is_found = true;
            if (!resolve_control(client, gst_sdp_media_get_attribute_val(media, "control"), error)) {
                gst_sdp_message_free(sdp);
                return false;
            }
        }
        if (!is_found)
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                        "DESCRIBE: the camera offers no H.264, H.265 or MJPEG video");
    }
    gst_sdp_message_free(sdp);
    return is_found;
}

static bool describe(struct rtsp_client *client, struct rtsp_stream *stream, GError **error)
{
    g_auto(rtsp_answer_auto) answer = {0};
    if (!transact(client, "DESCRIBE", client->url->location, "Accept: application/sdp\r\n", &answer, error))
        return false;
    /* Cameras behind a router tell their inner address here; all goes over this one connection anyway. */
    const char *base = rtsp_answer_header(&answer, "Content-Base");
    client->base = g_strdup(base && is_same_camera(client, base) ? base : client->url->location);
    if (answer.body && *answer.body)
        return choose_stream(client, answer.body, stream, error);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL,
                "DESCRIBE: the camera's description is empty, or came without its length");
    return false;
}

/* ---- starting ---- */

static void take_session(struct rtsp_client *client, const struct rtsp_answer *answer)
{
    const char *session = rtsp_answer_header(answer, "Session");
    if (!session)
        return;
    g_free(client->session);
    client->session = g_strndup(session, strcspn(session, "; "));
    const char *timeout = strstr(session, "timeout=");
    int seconds = timeout ? atoi_checked(timeout + strlen("timeout=")) : 0;
    client->session_seconds = seconds > 1 ? seconds : RTSP_DEFAULT_SESSION_SECONDS;
}

static bool set_up(struct rtsp_client *client, GError **error)
{
    g_auto(rtsp_answer_auto) answer = {0};
    if (!transact(client, "SETUP", client->control, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", &answer,
                  error))
        return false;
    take_session(client, &answer);
    const char *transport = rtsp_answer_header(&answer, "Transport");
    const char *channels = transport ? strstr(transport, "interleaved=") : NULL;
    if (!channels) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "SETUP: the camera does not send over TCP");
        return false;
    }
    client->rtp_channel = atoi_checked(channels + strlen("interleaved="));
    const char *dash = strpbrk(channels, "-;");
    client->rtcp_channel = dash && *dash == '-' ? atoi_checked(dash + 1) : client->rtp_channel + 1;
    if (client->rtp_channel >= 0 && client->rtp_channel <= 255 && client->rtcp_channel <= 255)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "SETUP: the camera names impossible channels");
    return false;
}

static void keep_alive_later(struct rtsp_client *client)
{
    client->keep_alive_us = rtsp_now_us() + (int64_t)client->session_seconds * G_USEC_PER_SEC / 2;
}

bool rtsp_client_play(struct rtsp_client *client, struct rtsp_stream *stream, GError **error)
{
    memset(stream, 0, sizeof *stream);
    g_auto(rtsp_answer_auto) answer = {0};
    if (!rtsp_connection_open(&client->connection, client->url, client->settings->connect_timeout_ms, error) ||
        !describe(client, stream, error) || !set_up(client, error) ||
        !transact(client, "PLAY", client->base, "Range: npt=0.000-\r\n", &answer, error))
        return false;
    keep_alive_later(client);
    return true;
}

/* ---- packets ---- */

/* What a camera answers that has no such request; it need have none but OPTIONS. */
static bool is_unknown_method(int status)
{
    enum { NOT_ALLOWED = 405, NOT_IMPLEMENTED = 501, OPTION_NOT_SUPPORTED = 551 };
    return status == NOT_ALLOWED || status == NOT_IMPLEMENTED || status == OPTION_NOT_SUPPORTED;
}

static void ask_again(struct rtsp_client *client)
{
    client->keep_alive_us = 0;
    client->is_asking_again = true;
}

/* Answers to keep-alives, and requests, come between packets. Where the login's nonce grew old, or the camera knows no
 * such request, it goes out once more, as the camera wants it; where the session is over, so is the stream: nothing
 * more would come.
 */
static bool take_answer(struct rtsp_client *client, int64_t deadline_us, GError **error)
{
    g_auto(rtsp_answer_auto) answer = {0};
    if (!read_message(client, deadline_us, &answer, error))
        return false;
    if (answer.status == RTSP_SESSION_NOT_FOUND) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the camera ended the session (%s: it answered %d)",
                    client->keep_alive_method, answer.status);
        return false;
    }
    if (is_unknown_method(answer.status) && strcmp(client->keep_alive_method, "OPTIONS") != 0) {
        client->keep_alive_method = "OPTIONS"; /* there is none after it: this comes but once */
        client->keep_alive_us = 0;
    } else if (answer.status == 401 && client->username && !client->is_asking_again &&
               rtsp_challenge_take(&client->challenge, &answer)) {
        ask_again(client);
    }
    return true;
}

static bool keep_alive(struct rtsp_client *client, int64_t deadline_us, GError **error)
{
    if (rtsp_now_us() < client->keep_alive_us)
        return true;
    client->is_asking_again = client->is_asking_again && client->keep_alive_us == 0;
    keep_alive_later(client);
    return send_request(client, client->keep_alive_method, client->base, NULL, deadline_us, error);
}

bool rtsp_client_receive(struct rtsp_client *client, int timeout_ms, struct rtsp_packet *packet, GError **error)
{
    int64_t deadline_us = rtsp_now_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        if (!keep_alive(client, deadline_us, error))
            return false;
        size_t have = client->connection.end - client->connection.start;
        const uint8_t *head = client->connection.buffer + client->connection.start;
        size_t length = have >= RTSP_PACKET_HEADER_BYTES ? rtsp_read_u16(head + 2) : RTSP_PACKET_MAX_BYTES;
        if (have > 0 && head[0] != '$') {
            if (!take_answer(client, deadline_us, error))
                return false;
        } else if (have >= RTSP_PACKET_HEADER_BYTES + length) {
            client->connection.start += RTSP_PACKET_HEADER_BYTES + length;
            *packet = (struct rtsp_packet){head + RTSP_PACKET_HEADER_BYTES, length, head[1] == client->rtcp_channel};
            if (head[1] == client->rtp_channel || packet->is_rtcp)
                return true;
        } else if (!rtsp_connection_fill(&client->connection, deadline_us, error)) {
            return false;
        }
    }
}
