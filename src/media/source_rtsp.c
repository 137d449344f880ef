/* One connection to a camera: packets from the RTSP client into appsrc ! depayloader ! decoder chain, and frames out.
 *
 * Threads: the source's own moves packets; GStreamer's streaming thread delivers frames.
 */
#define LOG_MODULE "media"
#include "media/source_internal.h"

#include "base/counter.h"
#include "base/log.h"

#include <string.h>

enum {
    SOURCE_POLL_MS = 200,           /* between looks at the bus and the stall clock */
    SOURCE_WAITING_BYTES = 1 << 20, /* between the conversation and the decoder */
    SOURCE_FULL_POLL_MS = 5,
    RTP_HEADER_BYTES = 12,
    SESSION_MOST_WARM_UPS = 17, /* what a decoder of H.264 may hold back, and the first */
};

/* One connection's pipeline: appsrc ! depayloader ! decoder chain. */
struct session {
    struct media_source *source;
    GstElement *pipeline, *input;
    GstBus *bus;
    struct media_decoder *decoder;
    int warm_ups;     /* pictures left out because they were copies */
    int64_t shift_us; /* from this connection's time to the source's own axis */
};

/* The source's own axis runs on over connections, and over cameras whose time stamps jump: where they do, the time that
 * passed here takes the place of theirs. */
static int64_t steady_media_us(struct session *session, int64_t stream_us)
{
    enum { JUMP_US = 10000000 }; /* further apart than a camera's pictures ever are */
    struct media_source *source = session->source;
    int64_t now_us = clock_monotonic_us(source->clock), step_us = stream_us + session->shift_us - source->media_us;
    if (step_us <= 0 || step_us > JUMP_US) {
        int64_t passed_us = source->media_seen_us ? MAX(1, now_us - source->media_seen_us) : 1;
        session->shift_us += passed_us - step_us;
        step_us = passed_us;
    }
    source->media_us += step_us;
    source->media_seen_us = now_us;
    return source->media_us;
}

static void analyse_sample(struct session *session, GstSample *sample, uint64_t number, int64_t stream_us,
                           int64_t media_us)
{
    struct media_source *source = session->source;
    g_autoptr(GError) error = NULL;
    struct frame *frame = media_decoder_map(session->decoder, sample, &error);
    if (frame) {
        frame->number = number;
        frame->media_us = media_us;
        source_deliver(source, frame, stream_us);
    } else {
        counter_add(&source->health->decode_errors, 1);
        source_set_state(source, "online", error->message);
    }
    counter_set(&source->health->frame_copies, source->copies_before + media_decoder_copies(session->decoder));
}

/* The first picture of a connection is a copy (pool.c): the next one will do as well. Not for ever: a camera that
 * changes its size with each picture has no others. */
static bool is_left_out(struct session *session, GstSample *sample)
{
    if (session->warm_ups >= SESSION_MOST_WARM_UPS || !media_decoder_is_warming_up(session->decoder, sample))
        return false;
    session->warm_ups++;
    return true;
}

static GstFlowReturn on_sample(GstAppSink *sink, gpointer data)
{
    struct session *session = data;
    struct media_source *source = session->source;
    GstSample *sample = gst_app_sink_pull_sample(sink);
    if (!sample)
        return GST_FLOW_EOS;
    GstClockTime pts = GST_BUFFER_PTS(gst_sample_get_buffer(sample));
    int64_t stream_us = GST_CLOCK_TIME_IS_VALID(pts) ? (int64_t)(pts / 1000) : 0;
    int64_t media_us = steady_media_us(session, stream_us);
    uint64_t number = source->next_number++;
    GstVideoInfo info;
    bool has_size = gst_video_info_from_caps(&info, gst_sample_get_caps(sample));
    source_note_cpu(source);
    if (source_note_frame(source, has_size ? GST_VIDEO_INFO_WIDTH(&info) : 0,
                          has_size ? GST_VIDEO_INFO_HEIGHT(&info) : 0))
        log_info(source->camera_id, "online: %s", source->url.shown);
    if (!is_left_out(session, sample) && frame_thinner_pass(&source->thinner, media_us))
        analyse_sample(session, sample, number, stream_us, media_us);
    else
        counter_add(&source->health->frames_skipped, 1);
    gst_sample_unref(sample);
    return GST_FLOW_OK;
}

static void session_close(struct session *session)
{
    if (!session->pipeline)
        return;
    gst_element_set_state(session->pipeline, GST_STATE_NULL);
    if (session->decoder)
        session->source->copies_before += media_decoder_copies(session->decoder);
    gst_object_unref(session->bus);
    gst_object_unref(session->pipeline);
    media_decoder_free(session->decoder);
}

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

static bool session_open(struct session *session, const struct rtsp_stream *stream, GError **error)
{
    session->pipeline = gst_pipeline_new(NULL);
    session->bus = gst_element_get_bus(session->pipeline);
    GstElement *depayloader = media_element_new(stream->codec->depayloader, error);
    if (!depayloader)
        return false;
    gst_bin_add(GST_BIN(session->pipeline), depayloader);
    session->input = media_element_new("appsrc", error);
    if (!session->input)
        return false;
    gst_bin_add(GST_BIN(session->pipeline), session->input);
    session->decoder = media_decoder_new(GST_BIN(session->pipeline), stream->codec, &session->source->settings, error);
    if (!session->decoder)
        return false;
    source_set_decoder(session->source, media_decoder_name(session->decoder));
    media_decoder_set_skipper(session->decoder, session->source->skipper);
    GstCaps *caps = rtp_caps(stream);
    g_object_set(session->input, "caps", caps, "format", GST_FORMAT_TIME, "is-live", TRUE, "block", FALSE, "max-bytes",
                 (guint64)SOURCE_WAITING_BYTES, NULL);
    gst_caps_unref(caps);
    if (!gst_element_link_many(session->input, depayloader, media_decoder_first(session->decoder), NULL)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "GStreamer cannot decode this stream");
        return false;
    }
    GstAppSinkCallbacks callbacks = {.new_sample = on_sample};
    gst_app_sink_set_callbacks(media_decoder_sink(session->decoder), &callbacks, session, NULL);
    gst_element_set_state(session->pipeline, GST_STATE_PLAYING);
    return true;
}

static bool has_stalled(const struct media_source *source)
{
    int64_t last_us =
        MAX(__atomic_load_n(&source->last_frame_us, __ATOMIC_ACQUIRE), media_skipper_last_us(source->skipper));
    return clock_monotonic_us(source->clock) - last_us > (int64_t)source->settings.stall_timeout_ms * 1000;
}

/* While the decoder is behind, the conversation waits, and TCP holds the camera back. Not by appsrc's own blocking:
 * that would never end once the decoder has failed. */
static void wait_for_decoder(struct session *session)
{
    while (gst_app_src_get_current_level_bytes(GST_APP_SRC(session->input)) >= SOURCE_WAITING_BYTES &&
           !source_is_stopping(session->source) && !has_stalled(session->source) && !gst_bus_have_pending(session->bus))
        source_wait_ms(session->source, SOURCE_FULL_POLL_MS);
}

static bool push_packet(struct session *session, const struct rtsp_packet *packet, GError **error)
{
    struct media_source *source = session->source;
    counter_add(&source->health->bytes_received, (int64_t)packet->length);
    if (packet->is_rtcp || packet->length < RTP_HEADER_BYTES) {
        pthread_mutex_lock(&source->lock);
        if (packet->is_rtcp)
            rtp_clock_report(&source->rtp_clock, packet->data, packet->length);
        pthread_mutex_unlock(&source->lock);
        return true;
    }
    pthread_mutex_lock(&source->lock);
    int64_t media_us = rtp_clock_media_us(&source->rtp_clock, rtsp_read_u32(packet->data + 4));
    pthread_mutex_unlock(&source->lock);
    GstBuffer *buffer = gst_buffer_new_memdup(packet->data, packet->length);
    GST_BUFFER_PTS(buffer) = media_us > 0 ? (GstClockTime)media_us * 1000 : 0;
    wait_for_decoder(session);
    if (gst_app_src_push_buffer(GST_APP_SRC(session->input), buffer) == GST_FLOW_OK)
        return true;
    if (!media_bus_error(session->bus, "decode", error))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the decoder stopped");
    return false;
}

/* Moves packets until something ends it; always ends with an error. */
static void pump(struct session *session, struct rtsp_client *client, GError **error)
{
    struct media_source *source = session->source;
    __atomic_store_n(&source->last_frame_us, clock_monotonic_us(source->clock), __ATOMIC_RELEASE);
    for (;;) {
        struct rtsp_packet packet;
        g_autoptr(GError) cause = NULL;
        if (rtsp_client_receive(client, SOURCE_POLL_MS, &packet, &cause)) {
            if (!push_packet(session, &packet, error))
                return;
        } else if (!g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return;
        }
        if (media_bus_error(session->bus, "decode", error))
            return;
        if (has_stalled(source)) {
            counter_add(&source->health->stalls, 1);
            source_set_state(source, "stalled", NULL);
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT,
                        "no picture came for %d ms (source.stall_timeout_ms)", source->settings.stall_timeout_ms);
            return;
        }
    }
}

/* Hardware that gave no picture, of a stream it cannot do or with no room for one more, is not asked again. */
static void give_up_hardware(struct session *session, int64_t decoded_before, int64_t received_before)
{
    enum { ENOUGH_BYTES = 20000 }; /* for a first picture: the camera was not merely silent */
    struct media_source *source = session->source;
    bool has_failed = session->decoder && media_decoder_is_hardware(session->decoder) &&
                      counter_get(&source->health->bytes_received) - received_before > ENOUGH_BYTES &&
                      counter_get(&source->health->frames_decoded) == decoded_before && !source_is_stopping(source);
    if (!has_failed)
        return;
    log_warning(source->camera_id, "%s gave no picture: software decodes from now on",
                media_decoder_name(session->decoder));
    source->settings.decoder = DECODER_SOFTWARE;
}

void source_run_rtsp(struct media_source *source, GError **error)
{
    CLEANUP(rtsp_client)
    struct rtsp_client *client =
        rtsp_client_new(&source->url, source->username, source->password, &source->settings, source->cancellable);
    struct rtsp_stream stream;
    if (!rtsp_client_play(client, &stream, error))
        return;
    counter_add(&source->health->connects, 1);
    pthread_mutex_lock(&source->lock);
    rtp_clock_init(&source->rtp_clock, stream.clock_rate);
    g_strlcpy(source->codec, stream.codec->name, sizeof source->codec);
    pthread_mutex_unlock(&source->lock);
    source->cpu_us = 0;
    struct session session = {.source = source};
    int64_t decoded_before = counter_get(&source->health->frames_decoded);
    int64_t received_before = counter_get(&source->health->bytes_received);
    if (session_open(&session, &stream, error))
        pump(&session, client, error);
    give_up_hardware(&session, decoded_before, received_before);
    session_close(&session);
}
