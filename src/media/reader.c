/* A file, or a scene, frame by frame: nothing is dropped, nothing waits for a clock. */
#include "media/media_internal.h"

#include "scene/scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A decoder that gives nothing for so long has hung. */
enum { READER_POLL_MS = 50, READER_PATIENCE_MS = 20000 };

struct media_reader {
    char *location;
    uint64_t next_number;
    /* a scene */
    struct scene *scene;
    /* or a file */
    struct source_settings settings;
    GstElement *pipeline;
    GstBus *bus;
    struct media_decoder *decoder; /* set on the demuxer's thread before the first frame; atomic */
    char *refused;                 /* what the demuxer found and we cannot decode; atomic pointer */
    int64_t first_us;
};

/* ---- opening ---- */

static const char *sniff(const uint8_t *bytes, size_t length)
{
    if (length >= 12 && memcmp(bytes + 4, "ftyp", 4) == 0)
        return "qtdemux";
    if (length >= 8 && (memcmp(bytes + 4, "moov", 4) == 0 || memcmp(bytes + 4, "mdat", 4) == 0))
        return "qtdemux";
    if (length >= 4 && memcmp(bytes, "\x1a\x45\xdf\xa3", 4) == 0)
        return "matroskademux";
    if (length >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "AVI ", 4) == 0)
        return "avidemux";
    return NULL;
}

/* The demuxer for a file, by its first bytes, or NULL with an error. */
static const char *choose_demuxer(const char *path, GError **error)
{
    uint8_t bytes[16];
    struct stat info;
    FILE *file = fopen(path, "rbe");
    if (!file || fstat(fileno(file), &info) != 0) {
        g_set_error(error, VEDETTE_ERROR, errno == ENOENT ? VEDETTE_ERROR_NOT_FOUND : VEDETTE_ERROR_IO,
                    "video '%s': cannot be opened: %s", path, g_strerror(errno));
        if (file)
            fclose(file);
        return NULL;
    }
    if (!S_ISREG(info.st_mode)) {
        fclose(file);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "video '%s': is no file", path);
        return NULL;
    }
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    const char *demuxer = sniff(bytes, length);
    if (!demuxer)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "video '%s': %s; MP4, MKV and AVI are read", path,
                    length == 0 ? "is empty" : "is no video file Vedette knows");
    return demuxer;
}

static void on_pad_added(GstElement *demuxer, GstPad *pad, gpointer data)
{
    (void)demuxer;
    struct media_reader *reader = data;
    GstCaps *caps = gst_pad_get_current_caps(pad);
    if (!caps)
        caps = gst_pad_query_caps(pad, NULL);
    const char *name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
    bool is_video = g_str_has_prefix(name, "video/") || g_str_has_prefix(name, "image/");
    const struct media_codec *codec = media_codec_by_caps(caps);
    if (is_video && !codec && !__atomic_load_n(&reader->refused, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&reader->refused, g_strdup(name), __ATOMIC_RELEASE);
    } else if (codec && !__atomic_load_n(&reader->decoder, __ATOMIC_ACQUIRE)) {
        struct media_decoder *decoder = media_decoder_new(GST_BIN(reader->pipeline), codec, &reader->settings, NULL);
        if (decoder) {
            GstElement *first = media_decoder_first(decoder);
            GstPad *sink = gst_element_get_static_pad(first, "sink");
            gst_pad_link(pad, sink);
            gst_object_unref(sink);
            media_decoder_start(decoder);
            __atomic_store_n(&reader->decoder, decoder, __ATOMIC_RELEASE);
        }
    }
    gst_caps_unref(caps);
}

static bool open_file(struct media_reader *reader, GError **error)
{
    const char *demuxer_name = choose_demuxer(reader->location, error);
    if (!demuxer_name)
        return false;
    GstElement *source = media_element_new("filesrc", error);
    GstElement *demuxer = source ? media_element_new(demuxer_name, error) : NULL;
    if (!demuxer) {
        if (source)
            gst_object_unref(gst_object_ref_sink(source));
        return false;
    }
    reader->pipeline = gst_pipeline_new(NULL);
    reader->bus = gst_element_get_bus(reader->pipeline);
    g_object_set(source, "location", reader->location, NULL);
    gst_bin_add_many(GST_BIN(reader->pipeline), source, demuxer, NULL);
    gst_element_link(source, demuxer);
    g_signal_connect(demuxer, "pad-added", G_CALLBACK(on_pad_added), reader);
    gst_element_set_state(reader->pipeline, GST_STATE_PLAYING);
    return true;
}

struct media_reader *media_reader_open(const char *location, const struct source_settings *settings, GError **error)
{
    struct media_url url;
    if (!media_url_parse(location, &url, error))
        return NULL;
    struct media_reader *reader = g_new0(struct media_reader, 1);
    reader->location = g_strdup(url.location);
    reader->settings = *settings;
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

/* ---- reading ---- */

static struct frame *next_scene_frame(struct media_reader *reader)
{
    uint64_t frame_count = scene_frame_count(reader->scene);
    if (frame_count > 0 && reader->next_number >= frame_count)
        return NULL;
    return scene_render(reader->scene, reader->next_number);
}

static bool file_failed(struct media_reader *reader, GError **error)
{
    g_autofree char *what = g_strdup_printf("video '%s'", reader->location);
    if (media_bus_error(reader->bus, what, error))
        return true;
    const char *refused = __atomic_load_n(&reader->refused, __ATOMIC_ACQUIRE);
    if (!refused || __atomic_load_n(&reader->decoder, __ATOMIC_ACQUIRE))
        return false;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "%s: its video is %s; H.264, H.265, MPEG-4 and MJPEG are decoded", what, refused);
    return true;
}

/* True when the pipeline ended without ever finding a video. */
static bool ended_without_video(struct media_reader *reader)
{
    GstMessage *message = gst_bus_pop_filtered(reader->bus, GST_MESSAGE_EOS);
    if (!message)
        return false;
    gst_message_unref(message);
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
                file_failed(reader, error);
                return NULL;
            }
        } else {
            g_usleep(1000);
            waited_ms -= READER_POLL_MS - 1;
        }
        if (file_failed(reader, error))
            return NULL;
        if (!decoder && ended_without_video(reader)) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "video '%s': holds no video", reader->location);
            return NULL;
        }
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
    struct frame *frame = reader->scene ? next_scene_frame(reader) : next_file_frame(reader, error);
    if (!frame)
        return NULL;
    frame->number = reader->next_number++;
    frame->captured_at_ms = frame->media_us / 1000;
    frame->arrived_us = clock_monotonic_us(clock_system());
    return frame;
}

double media_reader_fps(struct media_reader *reader)
{
    if (reader->scene)
        return scene_fps(reader->scene);
    return reader->decoder ? media_decoder_fps(reader->decoder) : 0;
}

int64_t media_reader_copies(struct media_reader *reader)
{
    return reader->decoder ? media_decoder_copies(reader->decoder) : 0;
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
    g_free(reader->refused);
    g_free(reader->location);
    g_free(reader);
}
