/* One conversation with a camera by HTTP: its JPEGs go into the session's pipeline. On the stream's thread. */
#include "media/http_internal.h"
#include "media/stream_internal.h"

#include "base/counter.h"

enum { HTTP_POLL_MS = 200 /* between looks at the session */ };
static const double snapshot_fps_unknown = 1; /* where the settings say nothing */

static bool take_picture(struct session *session, const uint8_t *jpeg, size_t length, GError **error)
{
    struct media_stream *stream = session->stream;
    if (!http_is_jpeg(jpeg, length)) { /* cut short, or something else: the next one may be good */
        stream_count(stream, decode_errors, 1);
        session->unwhole++;
        return true;
    }
    session->unwhole = 0;
    GstBuffer *buffer = gst_buffer_new_memdup(jpeg, length);
    GST_BUFFER_PTS(buffer) = (GstClockTime)MAX(clock_monotonic_us(stream->clock), 0) * 1000;
    return session_push(session, buffer, error);
}

static void note_bytes(struct media_stream *stream, const struct http_client *client, int64_t *before)
{
    int64_t bytes = http_client_bytes(client);
    stream_count(stream, bytes_received, bytes - *before);
    *before = bytes;
}

/* Ends with an error, always. */
static void pump_stream(struct session *session, struct http_client *client, GError **error)
{
    int64_t bytes = 0;
    stream_set_picture_interval(session->stream, 0);
    for (;;) {
        const uint8_t *jpeg;
        size_t length;
        g_autoptr(GError) cause = NULL;
        bool has_picture = http_client_receive(client, HTTP_POLL_MS, &jpeg, &length, &cause);
        note_bytes(session->stream, client, &bytes);
        if (has_picture) {
            if (!take_picture(session, jpeg, length, error))
                return;
        } else if (!g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return;
        }
        if (!session_check(session, error))
            return;
    }
}

/* False also where the camera sends a stream by now: the next connection takes it as one. */
static bool ask_for_the_next(struct http_client *client, GError **error)
{
    if (!http_client_open(client, error))
        return false;
    if (http_client_is_stream(client)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO,
                    "the camera sent single pictures and now sends a stream: the connection is begun anew for it");
        return false;
    }
    return true;
}

/* Asks again and again, as long as all goes well. The first picture is there. */
static void poll_snapshots(struct session *session, struct http_client *client, GError **error)
{
    struct media_stream *stream = session->stream;
    double fps = stream->settings.picture_fps > 0 ? stream->settings.picture_fps : snapshot_fps_unknown;
    int64_t due_us = clock_monotonic_us(stream->clock), bytes = 0;
    session->interval_us = (int64_t)(G_USEC_PER_SEC / fps);
    stream_set_picture_interval(stream, 1 / fps);
    do {
        const uint8_t *jpeg;
        size_t length;
        http_client_picture(client, &jpeg, &length);
        note_bytes(stream, client, &bytes);
        if (!take_picture(session, jpeg, length, error))
            return;
        int64_t now_us = clock_monotonic_us(stream->clock);
        due_us = MAX(due_us + session->interval_us, now_us);
        stream_wait_ms(stream, (due_us - now_us) / 1000);
    } while (!stream_is_stopping(stream) && session_check(session, error) && ask_for_the_next(client, error));
}

void stream_run_http(struct media_stream *stream, GError **error)
{
    CLEANUP(http_client)
    struct http_client *client =
        http_client_new(&stream->url, stream->username, stream->password, &stream->settings, stream->cancellable);
    struct session session = {0};
    if (!http_client_open(client, error))
        return;
    stream_count(stream, connects, 1);
    if (session_open(&session, stream, media_codec_by_rtp_name("JPEG"), NULL, gst_caps_new_empty_simple("image/jpeg"),
                     error)) {
        if (http_client_is_stream(client))
            pump_stream(&session, client, error);
        else
            poll_snapshots(&session, client, error);
    }
    session_close(&session);
}
