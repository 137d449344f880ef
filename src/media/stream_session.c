/* One connection's pipeline: what was received goes in, frames and encoded pictures come out.
 *
 * Threads: the stream's own pushes; GStreamer's streaming thread delivers.
 */
#define LOG_MODULE "media"
#include "media/stream_internal.h"

#include "base/counter.h"
#include "base/log.h"

#include <string.h>

enum {
    SESSION_WAITING_BYTES = 1 << 20, /* between the conversation and the decoder */
    SESSION_FULL_POLL_MS = 5,
    SESSION_MOST_WARM_UPS = 17, /* what a decoder of H.264 may hold back, and the first */
    SESSION_LONG_INTERVAL_US = G_USEC_PER_SEC,
    SESSION_STALL_INTERVALS = 3, /* one picture may be a bad one, and the next a late one */
};

static void analyse_sample(struct session *session, GstSample *sample, uint64_t number, int64_t stream_us,
                           int64_t media_us)
{
    struct media_stream *stream = session->stream;
    g_autoptr(GError) error = NULL;
    struct frame *frame = media_decoder_map(session->decoder, sample, &error);
    if (frame) {
        frame->number = number;
        frame->media_us = media_us;
        stream_deliver(stream, frame, stream_us);
    } else {
        stream_count(stream, decode_errors, 1);
        stream_set_state(stream, "online", error->message);
    }
    stream_note_copies(stream, stream->copies_before + media_decoder_copies(session->decoder));
}

/* The first picture of a connection is a copy (pool.c): the next one will do as well. Not for ever: a camera that
 * changes its size with each picture has no others. Nor where the next is not asked for soon: a copy costs less than to
 * see nothing for so long. */
static bool is_left_out(struct session *session, GstSample *sample)
{
    if (session->interval_us > SESSION_LONG_INTERVAL_US || session->warm_ups >= SESSION_MOST_WARM_UPS ||
        !media_decoder_is_warming_up(session->decoder, sample))
        return false;
    session->warm_ups++;
    return true;
}

static GstFlowReturn on_sample(GstAppSink *sink, gpointer data)
{
    struct session *session = data;
    struct media_stream *stream = session->stream;
    GstSample *sample = gst_app_sink_pull_sample(sink);
    if (!sample)
        return GST_FLOW_EOS;
    GstClockTime pts = GST_BUFFER_PTS(gst_sample_get_buffer(sample));
    int64_t stream_us = GST_CLOCK_TIME_IS_VALID(pts) ? (int64_t)(pts / 1000) : 0;
    int64_t media_us = time_axis_next(&stream->axis, stream_us, stream_received_us(stream, stream_us));
    uint64_t number = stream->next_number++;
    GstVideoInfo info;
    bool has_size = gst_video_info_from_caps(&info, gst_sample_get_caps(sample));
    stream_note_cpu(stream);
    stream_note_frame(stream, has_size ? GST_VIDEO_INFO_WIDTH(&info) : 0, has_size ? GST_VIDEO_INFO_HEIGHT(&info) : 0);
    if (is_left_out(session, sample))
        stream_count(stream, frames_skipped, 1);
    else if (stream_is_due(stream, media_us))
        analyse_sample(session, sample, number, stream_us, media_us);
    gst_sample_unref(sample);
    return GST_FLOW_OK;
}

static GstElement *add_element(struct session *session, const char *factory, GError **error)
{
    GstElement *element = media_element_new(factory, error);
    if (element)
        gst_bin_add(GST_BIN(session->pipeline), element);
    return element;
}

/* Behind session->input. */
static bool build(struct session *session, const struct media_codec *codec, const char *depayloader, GError **error)
{
    struct media_stream *stream = session->stream;
    bool is_decoding = stream->viewers->len > 0;
    GstElement *last = session->input;
    GstElement *next = last && depayloader ? add_element(session, depayloader, error) : last;
    if (!next)
        return false;
    session->decoder = is_decoding
                           ? media_decoder_new(GST_BIN(session->pipeline), codec, &stream->settings, error)
                           : media_decoder_new_idle(GST_BIN(session->pipeline), codec, &stream->settings, error);
    if (!session->decoder)
        return false;
    media_decoder_set_skipper(session->decoder, stream->skipper);
    media_decoder_set_listener(session->decoder, stream_on_packet, stream);
    stream_set_decoder(stream, is_decoding ? media_decoder_name(session->decoder) : "");
    if ((next == last || gst_element_link(last, next)) && gst_element_link(next, media_decoder_first(session->decoder)))
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "GStreamer cannot decode this stream");
    return false;
}

static void begin(struct session *session, struct media_stream *stream, const struct media_codec *codec)
{
    time_axis_begin(&stream->axis);
    *session = (struct session){.stream = stream,
                                .decoded_before = counter_get(&stream->health.frames_decoded),
                                .received_before = counter_get(&stream->health.bytes_received)};
    session->pipeline = gst_pipeline_new(NULL);
    session->bus = gst_element_get_bus(session->pipeline);
    stream->cpu_us = 0;
    __atomic_store_n(&stream->unseen_bytes, 0, __ATOMIC_RELAXED);
    stream_set_codec(stream, codec->name);
}

static void play(struct session *session)
{
    struct media_stream *stream = session->stream;
    GstAppSinkCallbacks callbacks = {.new_sample = on_sample};
    if (stream->viewers->len > 0)
        gst_app_sink_set_callbacks(media_decoder_sink(session->decoder), &callbacks, session, NULL);
    __atomic_store_n(&stream->last_frame_us, clock_monotonic_us(stream->clock), __ATOMIC_RELEASE);
    gst_element_set_state(session->pipeline, GST_STATE_PLAYING);
}

bool session_open(struct session *session, struct media_stream *stream, const struct media_codec *codec,
                  const char *depayloader, GstCaps *caps, GError **error)
{
    begin(session, stream, codec);
    session->input = add_element(session, "appsrc", error);
    bool is_good = build(session, codec, depayloader, error);
    if (is_good) {
        g_object_set(session->input, "caps", caps, "format", GST_FORMAT_TIME, "is-live", TRUE, "block", FALSE,
                     "max-bytes", (guint64)SESSION_WAITING_BYTES, NULL);
        play(session);
    }
    gst_caps_unref(caps);
    return is_good;
}

bool session_open_from(struct session *session, struct media_stream *stream, const struct media_codec *codec,
                       GstElement *source, GError **error)
{
    begin(session, stream, codec);
    gst_bin_add(GST_BIN(session->pipeline), source);
    session->input = source;
    if (!build(session, codec, NULL, error))
        return false;
    play(session);
    return true;
}

/* What is seldom asked for seldom comes. */
static int64_t longest_silence_ms(const struct session *session)
{
    return MAX((int64_t)session->stream->settings.stall_timeout_ms,
               SESSION_STALL_INTERVALS * session->interval_us / 1000);
}

static bool has_stalled(const struct session *session)
{
    const struct media_stream *stream = session->stream;
    int64_t last_us =
        MAX(__atomic_load_n(&stream->last_frame_us, __ATOMIC_ACQUIRE), media_skipper_last_us(stream->skipper));
    return clock_monotonic_us(stream->clock) - last_us > longest_silence_ms(session) * 1000;
}

/* While the decoder is behind, the conversation waits, and TCP holds the camera back. Not by appsrc's own blocking:
 * that would never end once the decoder has failed. */
static void wait_for_decoder(struct session *session)
{
    while (gst_app_src_get_current_level_bytes(GST_APP_SRC(session->input)) >= SESSION_WAITING_BYTES &&
           !stream_is_stopping(session->stream) && !has_stalled(session) && !gst_bus_have_pending(session->bus))
        stream_wait_ms(session->stream, SESSION_FULL_POLL_MS);
}

/* Whoever puts a picture together from packets keeps them until its last one: a camera that never sends that shall not
 * take all memory until it counts as stalled. */
static bool check_picture_size(struct session *session, size_t more_bytes, GError **error)
{
    struct media_stream *stream = session->stream;
    int64_t bytes = __atomic_add_fetch(&stream->unseen_bytes, (int64_t)more_bytes, __ATOMIC_RELAXED);
    if (bytes <= (int64_t)stream->settings.max_picture_bytes + SESSION_WAITING_BYTES)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL,
                "the camera's picture is larger than %d bytes (source.max_picture_bytes)",
                stream->settings.max_picture_bytes);
    return false;
}

bool session_push(struct session *session, GstBuffer *buffer, GError **error)
{
    wait_for_decoder(session);
    if (!check_picture_size(session, gst_buffer_get_size(buffer), error)) {
        gst_buffer_unref(buffer);
        return false;
    }
    if (gst_app_src_push_buffer(GST_APP_SRC(session->input), buffer) == GST_FLOW_OK)
        return true;
    if (!media_bus_error(session->bus, "decode", error))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the decoder stopped");
    return false;
}

bool session_check(struct session *session, GError **error)
{
    struct media_stream *stream = session->stream;
    if (media_bus_error(session->bus, "decode", error) || stream_breaker_holds(stream, error))
        return false;
    if (!has_stalled(session))
        return true;
    stream_count(stream, stalls, 1);
    stream_set_state(stream, "stalled", NULL);
    int64_t silence_ms = longest_silence_ms(session);
    const char *limit = silence_ms > stream->settings.stall_timeout_ms ? "at the rate of source.picture_fps"
                                                                       : "source.stall_timeout_ms";
    if (session->unwhole > 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT,
                    "pictures came for %" G_GINT64_FORMAT " ms (%s), but none was a whole JPEG", silence_ms, limit);
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT, "no picture came for %" G_GINT64_FORMAT " ms (%s)",
                    silence_ms, limit);
    return false;
}

static void give_up_hardware(const struct session *session)
{
    struct media_stream *stream = session->stream;
    int64_t bytes = counter_get(&stream->health.bytes_received) - session->received_before;
    int64_t pictures = counter_get(&stream->health.frames_decoded) - session->decoded_before;
    if (!session->decoder || stream_is_stopping(stream) || !media_decoder_has_failed(session->decoder, bytes, pictures))
        return;
    log_warning(stream->name, "%s gave no picture: software decodes from now on", media_decoder_name(session->decoder));
    stream->settings.decoder = DECODER_SOFTWARE;
}

void session_close(struct session *session)
{
    if (!session->pipeline)
        return;
    gst_element_set_state(session->pipeline, GST_STATE_NULL);
    give_up_hardware(session);
    if (session->decoder)
        session->stream->copies_before += media_decoder_copies(session->decoder);
    gst_object_unref(session->bus);
    gst_object_unref(session->pipeline);
    media_decoder_free(session->decoder);
    session->pipeline = NULL;
}
