/* From encoded video to mapped frames. The decoder draws straight into buffers of a pool that we offer it (pool.c);
 * the frame is that buffer, mapped.
 */
#include "media/media_internal.h"

#include <gst/video/gstvideometa.h>
#include <string.h>

#include "base/spares.h"

enum { POOL_MIN_BUFFERS = 4, CHAIN_MOST = 4 };

struct media_decoder {
    GstElement
        *chain[CHAIN_MOST]; /* parser, decoder, converter, sink; owned by the pipeline. Idle: parser, filter, sink */
    size_t chain_length;
    int max_width_px, max_height_px;
    enum media_drawing drawing;
    const char *software; /* the name of the decoder that needs no hardware */
    GstVideoInfo info;    /* of the last caps seen; owned by the thread that maps */
    bool has_info;
    bool is_refused; /* the stream told a size that is too large; owned by the streaming thread */
    struct media_watch watch;
    struct media_skipper *skipper; /* NULL: everything is decoded */
    media_packet_fn listener;      /* NULL: none */
    void *listener_data;
    GstCaps *caps;  /* of what is encoded; owned by the streaming thread */
    int64_t copies; /* atomic */
};

/* Offers the decoder what it needs to draw straight into our buffers. */
static void answer_allocation(struct media_decoder *decoder, GstQuery *query)
{
    GstCaps *caps = NULL;
    GstVideoInfo info;
    gst_query_parse_allocation(query, &caps, NULL);
    if (!caps || !gst_video_info_from_caps(&info, caps))
        return;
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
    GstBufferPool *pool = media_pool_new(&decoder->watch);
    GstStructure *config = gst_buffer_pool_get_config(pool);
    gst_buffer_pool_config_set_params(config, caps, (guint)info.size, POOL_MIN_BUFFERS, 0);
    gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    if (gst_buffer_pool_set_config(pool, config))
        gst_query_add_allocation_pool(query, pool, (guint)info.size, POOL_MIN_BUFFERS, 0);
    gst_object_unref(pool);
}

static GstPadProbeReturn on_sink_query(GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
    (void)pad;
    GstQuery *query = GST_PAD_PROBE_INFO_QUERY(probe);
    if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION)
        return GST_PAD_PROBE_OK;
    answer_allocation(data, query);
    return GST_PAD_PROBE_HANDLED;
}

static void set_if_present(GstElement *element, const char *property, int value)
{
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(element), property))
        g_object_set(element, property, value, NULL);
}

/* Only 8-bit 4:2:0 is drawn straight into our pool. Where a stream is something that GStreamer has no name for, avdec
 * (1.22) sets up its pool with a description that was never filled in; and all other formats are converted anyway. */
static void choose_drawing(struct media_decoder *decoder, const GstStructure *structure)
{
    const char *chroma = gst_structure_get_string(structure, "chroma-format");
    guint luma_bits = 0, chroma_bits = 0;
    gst_structure_get_uint(structure, "bit-depth-luma", &luma_bits);
    gst_structure_get_uint(structure, "bit-depth-chroma", &chroma_bits);
    bool is_plain = g_strcmp0(chroma, "4:2:0") == 0 && luma_bits == 8 && chroma_bits == 8;
    bool is_in_place = decoder->drawing == MEDIA_DRAW_ALWAYS || (decoder->drawing == MEDIA_DRAW_BY_CAPS && is_plain);
    set_if_present(decoder->chain[1], "direct-rendering", is_in_place);
}

/* Looks at what the stream's own headers tell, before the decoder allocates for it. */
static GstPadProbeReturn check_format(struct media_decoder *decoder, GstPad *pad, GstEvent *event)
{
    GstCaps *caps = NULL;
    int width = 0, height = 0;
    gst_event_parse_caps(event, &caps);
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    gst_caps_replace(&decoder->caps, caps);
    if (decoder->skipper)
        media_skipper_set_caps(decoder->skipper, caps);
    choose_drawing(decoder, structure);
    gst_structure_get_int(structure, "width", &width);
    gst_structure_get_int(structure, "height", &height);
    decoder->is_refused = width > decoder->max_width_px || height > decoder->max_height_px;
    if (!decoder->is_refused)
        return GST_PAD_PROBE_OK;
    GstElement *element = gst_pad_get_parent_element(pad);
    GST_ELEMENT_ERROR(element, STREAM, FORMAT,
                      ("the picture is %d x %d, more than source.max_width_px and max_height_px allow (%d x %d)", width,
                       height, decoder->max_width_px, decoder->max_height_px),
                      (NULL));
    gst_object_unref(element);
    return GST_PAD_PROBE_DROP;
}

/* Each picture once: what the skipper kept for later has been told. */
static void tell_listener(struct media_decoder *decoder, GstBuffer *encoded)
{
    bool is_again = decoder->skipper && media_skipper_is_catching_up(decoder->skipper);
    if (decoder->listener && decoder->caps && !is_again)
        decoder->listener(decoder->listener_data, encoded, decoder->caps);
}

static GstPadProbeReturn on_encoded(GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
    struct media_decoder *decoder = data;
    if (probe->type & GST_PAD_PROBE_TYPE_BUFFER) {
        GstBuffer *encoded = GST_PAD_PROBE_INFO_BUFFER(probe);
        if (decoder->is_refused)
            return GST_PAD_PROBE_DROP;
        tell_listener(decoder, encoded);
        if (decoder->skipper && media_skipper_skips(decoder->skipper, pad, encoded))
            return GST_PAD_PROBE_DROP;
        media_watch_enter(&decoder->watch, encoded);
        return GST_PAD_PROBE_OK;
    }
    GstEvent *event = GST_PAD_PROBE_INFO_EVENT(probe);
    return GST_EVENT_TYPE(event) == GST_EVENT_CAPS ? check_format(decoder, pad, event) : GST_PAD_PROBE_OK;
}

/* Behind the decoder itself: the skipper had some pictures decoded twice. */
static GstPadProbeReturn on_decoded(GstPad *pad, GstPadProbeInfo *probe, gpointer data)
{
    (void)pad;
    const struct media_decoder *decoder = data;
    GstClockTime pts = GST_BUFFER_PTS(GST_PAD_PROBE_INFO_BUFFER(probe));
    bool is_again = decoder->skipper && media_skipper_note_decoded(decoder->skipper, pts);
    return is_again ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

static bool is_ours(GstVideoFormat format)
{
    return format == GST_VIDEO_FORMAT_I420 || format == GST_VIDEO_FORMAT_NV12;
}

static void add_probe(GstElement *element, const char *pad_name, GstPadProbeType type, GstPadProbeCallback callback,
                      void *data)
{
    GstPad *pad = gst_element_get_static_pad(element, pad_name);
    gst_pad_add_probe(pad, type, callback, data, NULL);
    gst_object_unref(pad);
}

static GstElement *sink_new(GError **error)
{
    GstElement *sink = media_element_new("appsink", error);
    if (!sink)
        return NULL;
    GstCaps *caps = gst_caps_from_string("video/x-raw, format = (string) { I420, NV12 }");
    /* One frame waits; the decoder is held up behind it: nothing is queued that nobody asked for. */
    g_object_set(sink, "caps", caps, "sync", FALSE, "max-buffers", 1, "enable-last-sample", FALSE, "qos", FALSE, NULL);
    gst_caps_unref(caps);
    return sink;
}

static bool link_chain(GstBin *pipeline, GstElement **chain, size_t count, GError **error)
{
    for (size_t i = 0; i < count; i++)
        gst_bin_add(pipeline, chain[i]);
    for (size_t i = 1; i < count; i++)
        if (!gst_element_link(chain[i - 1], chain[i])) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "GStreamer cannot link %s to %s",
                        GST_ELEMENT_NAME(chain[i - 1]), GST_ELEMENT_NAME(chain[i]));
            return false;
        }
    return true;
}

static void drop_chain(GstElement **chain)
{
    for (size_t i = 0; i < CHAIN_MOST; i++)
        if (chain[i])
            gst_object_unref(gst_object_ref_sink(chain[i]));
}

/* Takes over the chain, of which `length` are there. */
static struct media_decoder *assemble(GstBin *pipeline, const struct media_codec *codec, GstElement **chain,
                                      size_t length, const struct source_settings *settings, GError **error)
{
    struct media_decoder *decoder = g_new0(struct media_decoder, 1);
    memcpy(decoder->chain, chain, sizeof decoder->chain);
    decoder->chain_length = length;
    decoder->drawing = codec->drawing;
    decoder->software = codec->decoder;
    decoder->max_width_px = settings->max_width_px;
    decoder->max_height_px = settings->max_height_px;
    media_watch_init(&decoder->watch);
    add_probe(chain[1], "sink", GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM | GST_PAD_PROBE_TYPE_BUFFER, on_encoded, decoder);
    add_probe(chain[1], "src", GST_PAD_PROBE_TYPE_BUFFER, on_decoded, decoder);
    add_probe(chain[length - 1], "sink", GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, on_sink_query, decoder);
    if (link_chain(pipeline, chain, length, error))
        return decoder;
    media_decoder_free(decoder);
    return NULL;
}

struct media_decoder *media_decoder_new(GstBin *pipeline, const struct media_codec *codec,
                                        const struct source_settings *settings, GError **error)
{
    GstElement *chain[CHAIN_MOST] = {media_element_new(codec->parser, error)};
    if (chain[0])
        chain[1] = media_codec_decoder_new(codec, settings->decoder, error);
    if (chain[1])
        chain[2] = media_element_new("videoconvert", error); /* passes I420 and NV12 through untouched */
    if (chain[2])
        chain[3] = sink_new(error);
    if (!chain[3]) {
        drop_chain(chain);
        return NULL;
    }
    set_if_present(chain[1], "max-threads", settings->decoder_threads);
    return assemble(pipeline, codec, chain, CHAIN_MOST, settings, error);
}

struct media_decoder *media_decoder_new_idle(GstBin *pipeline, const struct media_codec *codec,
                                             const struct source_settings *settings, GError **error)
{
    GstElement *chain[CHAIN_MOST] = {media_element_new(codec->parser, error)};
    if (chain[0])
        chain[1] = media_element_new("capsfilter", error);
    if (chain[1])
        chain[2] = media_element_new("fakesink", error);
    if (!chain[2]) {
        drop_chain(chain);
        return NULL;
    }
    GstCaps *caps = gst_caps_new_empty_simple(codec->caps_name);
    if (codec->drawing == MEDIA_DRAW_BY_CAPS) /* H.264 and H.265: whole pictures, as their decoders ask for them */
        gst_caps_set_simple(caps, "alignment", G_TYPE_STRING, "au", NULL);
    g_object_set(chain[1], "caps", caps, NULL);
    gst_caps_unref(caps);
    g_object_set(chain[2], "sync", FALSE, "enable-last-sample", FALSE, NULL);
    return assemble(pipeline, codec, chain, 3, settings, error);
}

void media_decoder_set_listener(struct media_decoder *decoder, media_packet_fn listener, void *data)
{
    decoder->listener = listener;
    decoder->listener_data = data;
}

void media_decoder_set_skipper(struct media_decoder *decoder, struct media_skipper *skipper)
{
    decoder->skipper = skipper;
    if (skipper)
        media_skipper_begin(skipper);
}

void media_decoder_free(struct media_decoder *decoder)
{
    if (!decoder)
        return;
    media_watch_clear(&decoder->watch);
    gst_clear_caps(&decoder->caps);
    g_free(decoder);
}

GstElement *media_decoder_first(struct media_decoder *decoder)
{
    return decoder->chain[0];
}

bool media_decoder_start(struct media_decoder *decoder)
{
    bool is_good = true;
    for (size_t i = decoder->chain_length; i-- > 0;) /* the end first, so that nothing arrives too early */
        is_good = gst_element_sync_state_with_parent(decoder->chain[i]) && is_good;
    return is_good;
}

const char *media_decoder_name(const struct media_decoder *decoder)
{
    return GST_OBJECT_NAME(gst_element_get_factory(decoder->chain[1]));
}

bool media_decoder_is_hardware(const struct media_decoder *decoder)
{
    return decoder->chain_length == CHAIN_MOST && strcmp(media_decoder_name(decoder), decoder->software) != 0;
}

bool media_decoder_has_failed(const struct media_decoder *decoder, int64_t bytes, int64_t pictures)
{
    enum { ENOUGH_BYTES = 20000 }; /* for a first picture: the camera was not merely silent */
    return media_decoder_is_hardware(decoder) && bytes > ENOUGH_BYTES && pictures == 0;
}

GstAppSink *media_decoder_sink(struct media_decoder *decoder)
{
    return GST_APP_SINK(decoder->chain[3]);
}

int64_t media_decoder_copies(const struct media_decoder *decoder)
{
    return __atomic_load_n(&decoder->copies, __ATOMIC_RELAXED);
}

double media_decoder_fps(const struct media_decoder *decoder)
{
    if (!decoder->has_info || GST_VIDEO_INFO_FPS_D(&decoder->info) == 0)
        return 0;
    return (double)GST_VIDEO_INFO_FPS_N(&decoder->info) / GST_VIDEO_INFO_FPS_D(&decoder->info);
}

bool media_decoder_is_warming_up(struct media_decoder *decoder, GstSample *sample)
{
    return media_watch_take_early(&decoder->watch, gst_sample_get_buffer(sample));
}

static void count_copies(struct media_decoder *decoder, GstBuffer *buffer)
{
    if (!media_pool_drew(buffer) || media_watch_take_early(&decoder->watch, buffer))
        __atomic_fetch_add(&decoder->copies, 1, __ATOMIC_RELAXED);
}

/* A mapped buffer, alive as long as its frame. */
struct mapping {
    GstVideoFrame video;
};

static struct spares mappings;

static void mapping_release(void *data)
{
    struct mapping *mapping = data;
    gst_video_frame_unmap(&mapping->video); /* gives back its own reference to the buffer */
    spares_give(&mappings, mapping);
}

static struct frame *frame_of(struct mapping *mapping, int64_t media_us)
{
    GstVideoFrame *video = &mapping->video;
    struct frame template = {
        .width_px = GST_VIDEO_FRAME_WIDTH(video),
        .height_px = GST_VIDEO_FRAME_HEIGHT(video),
        .pixel_aspect = (double)GST_VIDEO_INFO_PAR_N(&video->info) / MAX(GST_VIDEO_INFO_PAR_D(&video->info), 1),
        .format = GST_VIDEO_FRAME_FORMAT(video) == GST_VIDEO_FORMAT_NV12 ? FRAME_NV12 : FRAME_I420,
        .is_full_range = video->info.colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255,
        .is_bt709 = video->info.colorimetry.matrix == GST_VIDEO_COLOR_MATRIX_BT709,
        .media_us = media_us,
    };
    for (guint i = 0; i < GST_VIDEO_FRAME_N_PLANES(video); i++) {
        template.planes[i] = GST_VIDEO_FRAME_PLANE_DATA(video, i);
        template.strides_bytes[i] = GST_VIDEO_FRAME_PLANE_STRIDE(video, i);
    }
    return frame_new(&template, mapping_release, mapping);
}

struct frame *media_decoder_map(struct media_decoder *decoder, GstSample *sample, GError **error)
{
    GstCaps *caps = gst_sample_get_caps(sample);
    GstBuffer *buffer = gst_sample_get_buffer(sample);
    if (!buffer || !caps || !gst_video_info_from_caps(&decoder->info, caps) ||
        !is_ours(GST_VIDEO_INFO_FORMAT(&decoder->info))) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "the decoder gave a picture in a format that is neither I420 nor NV12");
        return NULL;
    }
    decoder->has_info = true;
    struct mapping *mapping = spares_take(&mappings, sizeof *mapping);
    *mapping = (struct mapping){0};
    if (!gst_video_frame_map(&mapping->video, &decoder->info, buffer, GST_MAP_READ)) {
        spares_give(&mappings, mapping);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the decoder's picture could not be mapped");
        return NULL;
    }
    count_copies(decoder, buffer);
    GstClockTime pts = GST_BUFFER_PTS(buffer);
    return frame_of(mapping, GST_CLOCK_TIME_IS_VALID(pts) ? (int64_t)(pts / 1000) : -1);
}

bool media_bus_error(GstBus *bus, const char *what, GError **error)
{
    GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    if (!message)
        return false;
    g_autoptr(GError) cause = NULL;
    gst_message_parse_error(message, &cause, NULL);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s: %s", what, cause->message);
    gst_message_unref(message);
    return true;
}
