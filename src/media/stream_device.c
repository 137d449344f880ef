/* A capture device of this machine (V4L2): pictures come from GStreamer's v4l2src. On the stream's thread. */
#include "media/stream_internal.h"

#include "base/counter.h"

enum { DEVICE_POLL_MS = 200 };

/* What the device gives that we can decode, the smallest first. NULL when nothing is, with an error. */
static const struct media_codec *choose_codec(GstElement *source, GError **error)
{
    static const char *const wanted[] = {"video/x-h264", "image/jpeg", "video/x-raw"};
    GstPad *pad = gst_element_get_static_pad(source, "src");
    GstCaps *offered = gst_pad_query_caps(pad, NULL);
    const struct media_codec *codec = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(wanted) && !codec; i++) {
        GstCaps *caps = gst_caps_new_empty_simple(wanted[i]);
        if (gst_caps_can_intersect(offered, caps))
            codec = media_codec_by_caps(caps);
        gst_caps_unref(caps);
    }
    gst_caps_unref(offered);
    gst_object_unref(pad);
    if (!codec)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "the device gives neither H.264 nor JPEG nor plain pictures");
    return codec;
}

/* Opens the device. False with what GStreamer says of it. */
static bool open_device(GstElement *source, GError **error)
{
    GstBus *bus = gst_bus_new();
    gst_element_set_bus(source, bus);
    bool is_good = gst_element_set_state(source, GST_STATE_READY) != GST_STATE_CHANGE_FAILURE;
    if (!is_good && !media_bus_error(bus, "open the device", error))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the device cannot be opened");
    gst_element_set_bus(source, NULL);
    gst_object_unref(bus);
    return is_good;
}

void stream_run_device(struct media_stream *stream, GError **error)
{
    struct session session = {0};
    GstElement *source = media_element_new("v4l2src", error);
    if (!source)
        return;
    gst_object_ref_sink(source);
    g_object_set(source, "device", media_url_device(&stream->url), NULL);
    const struct media_codec *codec = open_device(source, error) ? choose_codec(source, error) : NULL;
    if (codec) {
        stream_count(stream, connects, 1);
        if (session_open_from(&session, stream, codec, source, error))
            while (!stream_is_stopping(stream) && session_check(&session, error))
                stream_wait_ms(stream, DEVICE_POLL_MS);
        session_close(&session);
    } else {
        gst_element_set_state(source, GST_STATE_NULL);
    }
    gst_object_unref(source);
}
