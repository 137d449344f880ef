/* What one address of the player plays: a scene, drawn and encoded; a file that RTP can carry, as it is; any other
 * file, decoded and encoded again.
 *
 * Threads: a mount is immutable once made, but for the time its scene began. Each media that the server prepares has a
 * `play` of its own, which belongs to its appsrc's streaming thread.
 */
#include "media/media_internal.h"

#include "scene/scene.h"

#include <stdatomic.h>
#include <string.h>

enum { MOUNT_KILOBITS = 1200, MOUNT_FPS_UNKNOWN = 25 };

/* Reference-counted (g_atomic_rc_box). */
struct media_mount {
    char *location;
    const struct media_codec *codec; /* of a file that is played as it is, else NULL */
    GstCaps *caps;                   /* of what the appsrc gives */
    int width_px, height_px;
    double fps;
    bool is_scene;
    _Atomic int64_t start_us; /* monotonic: of a scene's frame 0, which is due when it is first watched; 0: not yet */
};

struct play {
    struct media_mount *mount;
    struct scene *scene;
    struct media_reader *reader;
    struct media_packets *packets;
    uint64_t first_number; /* of a scene: the frame that was due when the media started */
    uint64_t count;        /* pushed */
};

static const struct source_settings play_settings = {.max_width_px = 7680, .max_height_px = 4320, .decoder_threads = 1};

/* ---- mounts ---- */

static GstCaps *raw_caps(const struct media_mount *mount)
{
    int numerator, denominator;
    gst_util_double_to_fraction(mount->fps, &numerator, &denominator);
    return gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "I420", "width", G_TYPE_INT, mount->width_px,
                               "height", G_TYPE_INT, mount->height_px, "framerate", GST_TYPE_FRACTION, numerator,
                               denominator, NULL);
}

static bool probe_scene(struct media_mount *mount, GError **error)
{
    CLEANUP(scene) struct scene *scene = scene_new_from_uri(mount->location, error);
    if (!scene)
        return false;
    mount->width_px = scene_width_px(scene);
    mount->height_px = scene_height_px(scene);
    mount->fps = scene_fps(scene);
    mount->is_scene = true;
    mount->caps = raw_caps(mount);
    return true;
}

static bool probe_packets(struct media_mount *mount)
{
    struct media_packets *packets = media_packets_open(mount->location, NULL);
    GstBuffer *buffer = packets ? media_packets_next(packets, &mount->caps) : NULL;
    if (buffer) {
        gst_buffer_unref(buffer);
        mount->codec = media_packets_codec(packets);
    }
    media_packets_free(packets);
    return mount->codec;
}

static bool probe_file(struct media_mount *mount, GError **error)
{
    /* the reader first, also for what is played as it is: its errors say what is wrong with the file */
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(mount->location, &play_settings, error);
    CLEANUP(frame) struct frame *frame = reader ? media_reader_next(reader, error) : NULL;
    if (!frame)
        return false;
    if (probe_packets(mount))
        return true;
    if (frame->format != FRAME_I420) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "play '%s': its pictures are not I420",
                    mount->location);
        return false;
    }
    mount->width_px = frame->width_px;
    mount->height_px = frame->height_px;
    mount->fps = media_reader_fps(reader) > 0 ? media_reader_fps(reader) : MOUNT_FPS_UNKNOWN;
    mount->caps = raw_caps(mount);
    return true;
}

struct media_mount *media_mount_new(const char *location, GError **error)
{
    struct media_mount *mount = g_atomic_rc_box_new0(struct media_mount);
    mount->location = g_strdup(location);
    bool is_scene = g_str_has_prefix(location, "scene://");
    if (is_scene ? probe_scene(mount, error) : probe_file(mount, error))
        return mount;
    media_mount_unref(mount);
    return NULL;
}

static void mount_clear(gpointer data)
{
    struct media_mount *mount = data;
    gst_clear_caps(&mount->caps);
    g_free(mount->location);
}

void media_mount_unref(struct media_mount *mount)
{
    g_atomic_rc_box_release_full(mount, mount_clear);
}

/* ---- playing ---- */

static GstBuffer *buffer_of(const struct media_mount *mount, const struct frame *frame)
{
    GstVideoInfo info;
    gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420, (guint)mount->width_px, (guint)mount->height_px);
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, info.size, NULL);
    GstVideoFrame target;
    gst_video_frame_map(&target, &info, buffer, GST_MAP_WRITE);
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&target); plane++)
        for (int y = 0; y < frame_plane_rows(frame, (int)plane); y++)
            memcpy((uint8_t *)GST_VIDEO_FRAME_PLANE_DATA(&target, plane) +
                       y * GST_VIDEO_FRAME_PLANE_STRIDE(&target, plane),
                   frame->planes[plane] + y * frame->strides_bytes[plane],
                   (size_t)frame_plane_row_bytes(frame, (int)plane));
    gst_video_frame_unmap(&target);
    return buffer;
}

static struct frame *next_frame(struct play *play)
{
    if (play->scene) /* every frame once, from the one that was due at the start: the truth's time axis is known */
        return scene_render(play->scene, play->first_number + play->count);
    struct frame *frame = play->reader ? media_reader_next(play->reader, NULL) : NULL;
    if (frame)
        return frame;
    media_reader_free(play->reader);
    play->reader = media_reader_open(play->mount->location, &play_settings, NULL);
    return play->reader ? media_reader_next(play->reader, NULL) : NULL;
}

static GstBuffer *next_picture(struct play *play)
{
    const struct media_mount *mount = play->mount;
    CLEANUP(frame) struct frame *frame = next_frame(play);
    if (!frame || frame->width_px != mount->width_px || frame->height_px != mount->height_px ||
        frame->format != FRAME_I420)
        return NULL;
    GstBuffer *buffer = buffer_of(mount, frame);
    GST_BUFFER_PTS(buffer) = (GstClockTime)((double)play->count * GST_SECOND / mount->fps);
    GST_BUFFER_DURATION(buffer) = (GstClockTime)(GST_SECOND / mount->fps);
    return buffer;
}

static void on_need_data(GstAppSrc *source, guint length, gpointer data)
{
    (void)length;
    struct play *play = data;
    bool is_file = play->mount->codec;
    if (is_file && !play->packets) /* not before: whoever makes a bin is the thread that answers all clients */
        play->packets = media_packets_open(play->mount->location, GST_BASE_SRC_PAD(source));
    GstBuffer *buffer = !is_file ? next_picture(play) : play->packets ? media_packets_next(play->packets, NULL) : NULL;
    play->count++;
    if (buffer)
        gst_app_src_push_buffer(source, buffer);
    else
        gst_app_src_end_of_stream(source);
}

static void play_free(gpointer data)
{
    struct play *play = data;
    scene_free(play->scene);
    media_reader_free(play->reader);
    media_packets_free(play->packets);
    media_mount_unref(play->mount);
    g_free(play);
}

/* Which frame is due now. The first who watches sees a scene from its beginning, so that its truth can be held against
 * what was counted; who comes later joins it where it is, as with any camera. */
static uint64_t first_number(struct media_mount *mount)
{
    int64_t now_us = g_get_monotonic_time(), start_us = 0;
    if (atomic_compare_exchange_strong(&mount->start_us, &start_us, now_us))
        return 0;
    return (uint64_t)((double)(now_us - start_us) * mount->fps / G_USEC_PER_SEC);
}

static struct play *play_new(struct media_mount *mount)
{
    struct play *play = g_new0(struct play, 1);
    play->mount = g_atomic_rc_box_acquire(mount);
    if (mount->is_scene) {
        play->scene = scene_new_from_uri(mount->location, NULL);
        play->first_number = first_number(mount);
    }
    return play;
}

/* ---- the bin ---- */

static GstElement *add_element(GstElement *bin, const char *factory, const char *name, GstElement *previous)
{
    GstElement *element = gst_element_factory_make(factory, name);
    if (!element)
        return NULL;
    gst_bin_add(GST_BIN(bin), element);
    if (previous)
        gst_element_link(previous, element);
    return element;
}

static GstElement *add_encoder(GstElement *bin, const struct media_mount *mount, GstElement *previous)
{
    GstElement *encoder = add_element(bin, "x264enc", "encoder", previous);
    if (!encoder)
        return NULL;
    gst_util_set_object_arg(G_OBJECT(encoder), "tune", "zerolatency");
    gst_util_set_object_arg(G_OBJECT(encoder), "speed-preset", "veryfast");
    g_object_set(encoder, "key-int-max", (guint)(mount->fps + 0.5), "bitrate", MOUNT_KILOBITS, "threads", 1,
                 "option-string", MEDIA_X264_STEADY, NULL);
    return encoder;
}

/* appsrc ! identity, which waits for each picture's time ! (encoder) ! payloader */
static GstElement *add_chain(GstElement *bin, struct media_mount *mount)
{
    GstElement *source = add_element(bin, "appsrc", "source", NULL);
    GstElement *pace = source ? add_element(bin, "identity", "pace", source) : NULL;
    GstElement *encoded = pace;
    if (pace && !mount->codec)
        encoded = add_encoder(bin, mount, pace);
    if (!encoded || !add_element(bin, mount->codec ? mount->codec->payloader : "rtph264pay", "pay0", encoded))
        return NULL;
    g_object_set(source, "caps", mount->caps, "format", GST_FORMAT_TIME, "is-live", TRUE, "block", FALSE, "max-buffers",
                 (guint64)1, NULL);
    g_object_set(pace, "sync", TRUE, NULL);
    return source;
}

GstElement *media_mount_make_bin(struct media_mount *mount)
{
    GstElement *bin = gst_bin_new(NULL), *source = add_chain(bin, mount);
    if (!source) {
        gst_object_unref(gst_object_ref_sink(bin));
        return NULL;
    }
    GstElement *payloader = gst_bin_get_by_name(GST_BIN(bin), "pay0");
    g_object_set(payloader, "pt", 96, "config-interval", -1, NULL);
    gst_object_unref(payloader);
    GstAppSrcCallbacks callbacks = {.need_data = on_need_data};
    gst_app_src_set_callbacks(GST_APP_SRC(source), &callbacks, play_new(mount), play_free);
    return bin;
}
