#include "media/media_internal.h"

#include <string.h>

enum {
    WRITER_QUALITY = 20,
    WRITER_END_SECONDS = 30,
    WRITER_MIN_PX = 16
}; /* x264's quantizer: visually near the original */

struct media_writer {
    char *path;
    GstElement *pipeline, *source;
    GstBus *bus;
    int width_px, height_px;
    double fps;
    uint64_t frames;
};

static GstCaps *writer_caps(int width_px, int height_px, double fps)
{
    int numerator, denominator;
    gst_util_double_to_fraction(fps, &numerator, &denominator);
    return gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "I420", "width", G_TYPE_INT, width_px, "height",
                               G_TYPE_INT, height_px, "framerate", GST_TYPE_FRACTION, numerator, denominator, NULL);
}

static bool build(struct media_writer *writer, GError **error)
{
    static const char *const names[] = {"appsrc", "videoconvert", "x264enc", "h264parse", "mp4mux", "filesink"};
    GstElement *elements[G_N_ELEMENTS(names)] = {NULL};
    writer->pipeline = gst_pipeline_new(NULL);
    writer->bus = gst_element_get_bus(writer->pipeline);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        elements[i] = media_element_new(names[i], error);
        if (!elements[i])
            return false;
        gst_bin_add(GST_BIN(writer->pipeline), elements[i]);
        if (i > 0 && !gst_element_link(elements[i - 1], elements[i])) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "GStreamer cannot link %s to %s", names[i - 1],
                        names[i]);
            return false;
        }
    }
    GstCaps *caps = writer_caps(writer->width_px, writer->height_px, writer->fps);
    writer->source = elements[0];
    g_object_set(elements[0], "caps", caps, "format", GST_FORMAT_TIME, "block", TRUE, "max-buffers", (guint64)4, NULL);
    gst_caps_unref(caps);
    gst_util_set_object_arg(G_OBJECT(elements[2]), "pass", "quant");
    g_object_set(elements[2], "quantizer", WRITER_QUALITY, "key-int-max", (guint)(writer->fps * 2), "option-string",
                 MEDIA_X264_STEADY, NULL);
    gst_util_set_object_arg(G_OBJECT(elements[2]), "speed-preset", "veryfast");
    g_object_set(elements[5], "location", writer->path, NULL);
    return true;
}

static bool writer_failed(struct media_writer *writer, GError **error)
{
    g_autofree char *what = g_strdup_printf("write '%s'", writer->path);
    return media_bus_error(writer->bus, what, error);
}

static void writer_free(struct media_writer *writer)
{
    gst_element_set_state(writer->pipeline, GST_STATE_NULL);
    gst_object_unref(writer->bus);
    gst_object_unref(writer->pipeline);
    g_free(writer->path);
    g_free(writer);
}

struct media_writer *media_writer_open(const char *path, int width_px, int height_px, double fps, GError **error)
{
    if (width_px < WRITER_MIN_PX || height_px < WRITER_MIN_PX || width_px % 2 || height_px % 2 || !(fps > 0)) {
        g_set_error(
            error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
            "write '%s': %d x %d at %g frames a second: H.264 needs even sizes of at least %d and a rate above 0", path,
            width_px, height_px, fps, WRITER_MIN_PX);
        return NULL;
    }
    struct media_writer *writer = g_new0(struct media_writer, 1);
    writer->path = g_strdup(path);
    writer->width_px = width_px;
    writer->height_px = height_px;
    writer->fps = fps;
    if (build(writer, error)) {
        gst_element_set_state(writer->pipeline, GST_STATE_PLAYING);
        if (!writer_failed(writer, error))
            return writer;
    }
    writer_free(writer);
    return NULL;
}

static GstBuffer *copy_frame(const struct frame *frame)
{
    GstVideoInfo info;
    gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420, (guint)frame->width_px, (guint)frame->height_px);
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, info.size, NULL);
    GstVideoFrame target;
    gst_video_frame_map(&target, &info, buffer, GST_MAP_WRITE);
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < frame_plane_rows(frame, plane); y++)
            memcpy((uint8_t *)GST_VIDEO_FRAME_PLANE_DATA(&target, plane) +
                       y * GST_VIDEO_FRAME_PLANE_STRIDE(&target, plane),
                   frame->planes[plane] + y * frame->strides_bytes[plane], (size_t)frame_plane_row_bytes(frame, plane));
    gst_video_frame_unmap(&target);
    return buffer;
}

bool media_writer_write(struct media_writer *writer, const struct frame *frame, GError **error)
{
    if (frame->format != FRAME_I420 || frame->width_px != writer->width_px || frame->height_px != writer->height_px) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "write '%s': the frame is not I420 of %d x %d",
                    writer->path, writer->width_px, writer->height_px);
        return false;
    }
    GstBuffer *buffer = copy_frame(frame);
    GST_BUFFER_PTS(buffer) = (GstClockTime)((double)writer->frames * GST_SECOND / writer->fps);
    GST_BUFFER_DURATION(buffer) = (GstClockTime)(GST_SECOND / writer->fps);
    writer->frames++;
    if (gst_app_src_push_buffer(GST_APP_SRC(writer->source), buffer) == GST_FLOW_OK)
        return !writer_failed(writer, error);
    if (!writer_failed(writer, error))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "write '%s': the encoder refused a frame", writer->path);
    return false;
}

bool media_writer_close(struct media_writer *writer, GError **error)
{
    gst_app_src_end_of_stream(GST_APP_SRC(writer->source));
    GstMessage *message =
        gst_bus_timed_pop_filtered(writer->bus, WRITER_END_SECONDS * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    bool is_good = message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
    if (message && !is_good) {
        g_autoptr(GError) cause = NULL;
        gst_message_parse_error(message, &cause, NULL);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "write '%s': %s", writer->path, cause->message);
    } else if (!message) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT, "write '%s': the file was not finished in %d s",
                    writer->path, WRITER_END_SECONDS);
    }
    g_clear_pointer(&message, gst_message_unref);
    writer_free(writer);
    return is_good;
}
