/* One conversation with a camera by RTSP: its packets go into the session's pipeline. On the stream's thread. */
#include "media/stream_internal.h"

#include "base/counter.h"

#include <string.h>

enum {
    RTSP_POLL_MS = 200, /* between looks at the session */
    RTP_HEADER_BYTES = 12,
};

/* Out-of-band parameter sets (sprop-…) reach the depayloader through its caps, as values, never as a description. */
static GstCaps *rtp_caps(const struct rtsp_stream *stream)
{
    GstCaps *caps = gst_caps_new_simple("application/x-rtp", "media", G_TYPE_STRING, "video", "clock-rate", G_TYPE_INT,
                                        stream->clock_rate, "encoding-name", G_TYPE_STRING, stream->codec->rtp_name,
                                        "payload", G_TYPE_INT, stream->payload_type, NULL);
    g_auto(GStrv) pairs = g_strsplit(stream->parameters ? stream->parameters : "", ";", 32);
    static const char *const wanted[] = {"sprop-parameter-sets", "sprop-vps",       "sprop-sps", "sprop-pps",
                                         "packetization-mode",   "profile-level-id"};
    for (char **pair = pairs; *pair; pair++) {
        char *equals = strchr(g_strstrip(*pair), '=');
        if (!equals)
            continue;
        *equals = '\0';
        for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++)
            if (strcmp(*pair, wanted[i]) == 0)
                gst_caps_set_simple(caps, *pair, G_TYPE_STRING, equals + 1, NULL);
    }
    return caps;
}

static bool take_packet(struct session *session, const struct rtsp_packet *packet, GError **error)
{
    struct media_stream *stream = session->stream;
    bool is_video = !packet->is_rtcp && packet->length >= RTP_HEADER_BYTES;
    int64_t media_us = 0;
    stream_count(stream, bytes_received, (int64_t)packet->length);
    pthread_mutex_lock(&stream->lock);
    if (packet->is_rtcp)
        rtp_clock_report(&stream->rtp_clock, packet->data, packet->length);
    else if (is_video)
        media_us = rtp_clock_media_us(&stream->rtp_clock, rtsp_read_u32(packet->data + 4));
    pthread_mutex_unlock(&stream->lock);
    if (!is_video)
        return true;
    GstBuffer *buffer = gst_buffer_new_memdup(packet->data, packet->length);
    GST_BUFFER_PTS(buffer) = media_us > 0 ? (GstClockTime)media_us * 1000 : 0;
    return session_push(session, buffer, error);
}

/* Moves packets until something ends it; always ends with an error. */
static void pump(struct session *session, struct rtsp_client *client, GError **error)
{
    for (;;) {
        struct rtsp_packet packet;
        g_autoptr(GError) cause = NULL;
        if (rtsp_client_receive(client, RTSP_POLL_MS, &packet, &cause)) {
            if (!take_packet(session, &packet, error))
                return;
        } else if (!g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return;
        }
        if (!session_check(session, error))
            return;
    }
}

void stream_run_rtsp(struct media_stream *stream, GError **error)
{
    CLEANUP(rtsp_client)
    struct rtsp_client *client =
        rtsp_client_new(&stream->url, stream->username, stream->password, &stream->settings, stream->cancellable);
    struct rtsp_stream described;
    if (!rtsp_client_play(client, &described, error))
        return;
    stream_count(stream, connects, 1);
    pthread_mutex_lock(&stream->lock);
    rtp_clock_init(&stream->rtp_clock, described.clock_rate);
    stream->lateness = (struct lateness){0}; /* no packet of this connection came yet */
    pthread_mutex_unlock(&stream->lock);
    struct session session;
    if (session_open(&session, stream, described.codec, described.codec->depayloader, rtp_caps(&described), error))
        pump(&session, client, error);
    session_close(&session);
}
