/* A file, pictures, or a scene, frame by frame: nothing is dropped, nothing waits for a clock. */
#include "media/media_internal.h"

#include "scene/scene.h"

/* A decoder that gives nothing for so long has hung. */
enum { READER_POLL_MS = 50, READER_PATIENCE_MS = 20000, PICTURE_FPS_UNKNOWN = 1 };

/* A folder in which so many in a row cannot be read is not what was meant, and trying them all takes long. */
enum { BAD_PICTURES_IN_A_ROW = 100 };

struct media_reader {
    char *location;
    uint64_t next_number;
    /* a scene */
    struct scene *scene;
    /* or pictures */
    GPtrArray *pictures; /* paths */
    guint next_picture;
    int64_t bad_pictures;
    char *why_bad; /* the last of them */
    double picture_fps;
    /* or a video */
    struct source_settings settings;
    struct media_skipper *skipper; /* borrowed; may be NULL */
    media_packet_fn listener;      /* may be NULL */
    void *listener_data;
    GstElement *pipeline;
    GstBus *bus;
    struct media_decoder *decoder; /* set on the demuxer's thread before the first frame; atomic */
    char *refused;                 /* why the video that the demuxer found cannot be decoded; atomic pointer */
    bool has_other;                /* the demuxer found sound, or the like; atomic */
    int64_t first_us;
};

/* ---- opening ---- */

/* Takes over `why`; the first reason stays. On the demuxer's thread. */
static void refuse_video(struct media_reader *reader, char *why)
{
    if (__atomic_load_n(&reader->refused, __ATOMIC_ACQUIRE))
        g_free(why);
    else
        __atomic_store_n(&reader->refused, why, __ATOMIC_RELEASE);
}

static void on_pad_added(GstElement *demuxer, GstPad *pad, gpointer data)
{
    (void)demuxer;
    struct media_reader *reader = data;
    g_autofree char *unknown = NULL;
    g_autoptr(GError) error = NULL;
    const struct media_codec *codec = media_container_codec(pad, &unknown);
    if (unknown)
        refuse_video(reader, g_strdup_printf("is %s; H.264, H.265, MPEG-4 and MJPEG are decoded", unknown));
    if (!codec && !unknown)
        __atomic_store_n(&reader->has_other, true, __ATOMIC_RELEASE);
    if (!codec || __atomic_load_n(&reader->decoder, __ATOMIC_ACQUIRE))
        return;
    struct media_decoder *decoder = media_decoder_new(GST_BIN(reader->pipeline), codec, &reader->settings, &error);
    if (!decoder) {
        refuse_video(reader, g_strdup_printf("cannot be decoded: %s", error->message));
        return;
    }
    media_decoder_set_skipper(decoder, reader->skipper);
    media_decoder_set_listener(decoder, reader->listener, reader->listener_data);
    GstPad *sink = gst_element_get_static_pad(media_decoder_first(decoder), "sink");
    gst_pad_link(pad, sink);
    gst_object_unref(sink);
    media_decoder_start(decoder);
    __atomic_store_n(&reader->decoder, decoder, __ATOMIC_RELEASE);
}

static bool open_file(struct media_reader *reader, GError **error)
{
    g_autoptr(GError) cause = NULL;
    reader->pictures = media_pictures_list(reader->location, &cause);
    reader->picture_fps = reader->settings.picture_fps > 0 ? reader->settings.picture_fps : PICTURE_FPS_UNKNOWN;
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (reader->pictures)
        return true;
    reader->pipeline = media_container_open(reader->location, G_CALLBACK(on_pad_added), reader, error);
    if (!reader->pipeline)
        return false;
    reader->bus = gst_element_get_bus(reader->pipeline);
    gst_element_set_state(reader->pipeline, GST_STATE_PLAYING);
    return true;
}

struct media_reader *media_reader_open_live(const char *location, const struct source_settings *settings,
                                            struct media_skipper *skipper, media_packet_fn listener,
                                            void *listener_data, GError **error)
{
    struct media_url url;
    if (!media_url_parse(location, &url, error)) {
        g_prefix_error(error, "source: ");
        return NULL;
    }
    struct media_reader *reader = g_new0(struct media_reader, 1);
    reader->location = g_strdup(url.location);
    reader->settings = *settings;
    reader->skipper = skipper;
    reader->listener = listener;
    reader->listener_data = listener_data;
    reader->first_us = -1;
    bool is_good = false;
    if (url.scheme == MEDIA_SCENE)
        is_good = (reader->scene = scene_new_from_uri(url.location, error)) != NULL;
    else if (url.scheme == MEDIA_FILE)
        is_good = open_file(reader, error);
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "'%s' is a live camera: give a file or scene://NAME", url.location);
    media_url_clear(&url);
    if (is_good)
        return reader;
    media_reader_free(reader);
    return NULL;
}

struct media_reader *media_reader_open(const char *location, const struct source_settings *settings, GError **error)
{
    return media_reader_open_live(location, settings, NULL, NULL, NULL, error);
}

/* ---- reading ---- */

static struct frame *next_scene_frame(struct media_reader *reader)
{
    uint64_t frame_count = scene_frame_count(reader->scene);
    if (frame_count > 0 && reader->next_number >= frame_count)
        return NULL;
    return scene_render(reader->scene, reader->next_number);
}

static void note_bad_picture(struct media_reader *reader, const char *why)
{
    reader->bad_pictures++;
    g_free(reader->why_bad);
    reader->why_bad = g_strdup(why);
}

/* One of a folder that cannot be read is passed over, its moment too. */
static struct frame *next_picture(struct media_reader *reader, GError **error)
{
    g_autoptr(GError) cause = NULL;
    for (int bad = 0; bad < BAD_PICTURES_IN_A_ROW && reader->next_picture < reader->pictures->len; bad++) {
        guint at = reader->next_picture++;
        g_clear_error(&cause);
        struct frame *frame = media_image_load(g_ptr_array_index(reader->pictures, at), &cause);
        if (frame) {
            frame->media_us = (int64_t)((double)at * G_USEC_PER_SEC / reader->picture_fps);
            return frame;
        }
        note_bad_picture(reader, cause->message);
    }
    bool is_end = reader->next_picture >= reader->pictures->len;
    if (cause && (!is_end || reader->next_number == 0))
        g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

/* True with an error when the pipeline has failed, or ended without ever finding a video. */
static bool file_failed(struct media_reader *reader, GError **error)
{
    bool has_decoder = __atomic_load_n(&reader->decoder, __ATOMIC_ACQUIRE);
    const char *refused = __atomic_load_n(&reader->refused, __ATOMIC_ACQUIRE);
    if (refused && !has_decoder) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "video '%s': its video %s", reader->location,
                    refused);
        return true;
    }
    GstMessage *message = gst_bus_pop_filtered(reader->bus, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
    if (!message)
        return false;
    bool is_end = GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
    g_autoptr(GError) cause = NULL;
    if (!is_end)
        gst_message_parse_error(message, &cause, NULL);
    gst_message_unref(message);
    if (is_end && has_decoder)
        return false; /* the frames that wait come first */
    bool has_none = is_end || (!has_decoder && __atomic_load_n(&reader->has_other, __ATOMIC_ACQUIRE));
    g_set_error(error, VEDETTE_ERROR, has_none ? VEDETTE_ERROR_INVALID : VEDETTE_ERROR_IO, "video '%s': %s",
                reader->location, has_none ? "holds no video" : cause->message);
    return true;
}

static GstSample *pull_sample(struct media_reader *reader, GError **error)
{
    for (int waited_ms = 0; waited_ms < READER_PATIENCE_MS; waited_ms += READER_POLL_MS) {
        struct media_decoder *decoder = __atomic_load_n(&reader->decoder, __ATOMIC_ACQUIRE);
        GstSample *sample = NULL;
        if (decoder) {
            GstAppSink *sink = media_decoder_sink(decoder);
            sample = gst_app_sink_try_pull_sample(sink, READER_POLL_MS * GST_MSECOND);
            if (sample)
                return sample;
            if (gst_app_sink_is_eos(sink)) {
                if (!file_failed(reader, error) && reader->next_number == 0)
                    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                                "video '%s': holds no picture that can be decoded", reader->location);
                return NULL;
            }
        } else {
            g_usleep(1000);
            waited_ms -= READER_POLL_MS - 1;
        }
        if (file_failed(reader, error))
            return NULL;
    }
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT, "video '%s': no frame came for %d s", reader->location,
                READER_PATIENCE_MS / 1000);
    return NULL;
}

static struct frame *next_file_frame(struct media_reader *reader, GError **error)
{
    GstSample *sample = pull_sample(reader, error);
    if (!sample)
        return NULL;
    struct frame *frame = media_decoder_map(reader->decoder, sample, error);
    gst_sample_unref(sample);
    if (!frame)
        return NULL;
    if (frame->media_us < 0) { /* no time stamp: the container's rate stands in */
        double fps = media_decoder_fps(reader->decoder);
        frame->media_us = (int64_t)((double)reader->next_number * G_USEC_PER_SEC / (fps > 0 ? fps : 25));
    }
    if (reader->first_us < 0)
        reader->first_us = frame->media_us;
    frame->media_us -= reader->first_us;
    return frame;
}

struct frame *media_reader_next(struct media_reader *reader, GError **error)
{
    struct frame *frame = reader->scene      ? next_scene_frame(reader)
                          : reader->pictures ? next_picture(reader, error)
                                             : next_file_frame(reader, error);
    if (!frame)
        return NULL;
    frame->number = reader->next_number++;
    frame->captured_at_ms = frame->media_us / 1000;
    frame->arrived_us = clock_monotonic_us(clock_system());
    return frame;
}

const char *media_reader_decoder(const struct media_reader *reader)
{
    const struct media_decoder *decoder = __atomic_load_n(&reader->decoder, __ATOMIC_ACQUIRE);
    return decoder ? media_decoder_name(decoder) : "";
}

double media_reader_fps(struct media_reader *reader)
{
    if (reader->scene)
        return scene_fps(reader->scene);
    if (reader->pictures)
        return reader->picture_fps;
    return reader->decoder ? media_decoder_fps(reader->decoder) : 0;
}

int64_t media_reader_copies(struct media_reader *reader)
{
    if (reader->pictures)
        return (int64_t)reader->next_number; /* each is decoded elsewhere and converted */
    return reader->decoder ? media_decoder_copies(reader->decoder) : 0;
}

int64_t media_reader_bad_pictures(const struct media_reader *reader, const char **why)
{
    *why = reader->why_bad;
    return reader->bad_pictures;
}

void media_reader_free(struct media_reader *reader)
{
    if (!reader)
        return;
    if (reader->pipeline) {
        gst_element_set_state(reader->pipeline, GST_STATE_NULL);
        gst_object_unref(reader->bus);
        gst_object_unref(reader->pipeline);
    }
    media_decoder_free(reader->decoder);
    scene_free(reader->scene);
    g_clear_pointer(&reader->pictures, g_ptr_array_unref);
    g_free(reader->why_bad);
    g_free(reader->refused);
    g_free(reader->location);
    g_free(reader);
}
