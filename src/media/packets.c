/* The encoded pictures of a file, one after the other and round and round, for the player: nothing is decoded. */
#include "media/media_internal.h"

enum { PACKETS_PATIENCE_SECONDS = 5, PACKETS_LOOK_MS = 100, PACKETS_WAITING = 8 };

struct media_packets {
    char *path;
    GstPad *consumer; /* borrowed; may be NULL */
    GstElement *pipeline;
    GstElement *sink; /* set on the demuxer's thread; atomic */
    const struct media_codec *codec;
    /* the player's time: goes on where a pass ends */
    GstClockTime pass_start, first, last, step;
};

static GstElement *add_linked(GstElement *pipeline, const char *factory, GstElement *previous)
{
    GstElement *element = gst_element_factory_make(factory, NULL);
    if (!element)
        return NULL;
    gst_bin_add(GST_BIN(pipeline), element);
    if (previous)
        gst_element_link(previous, element);
    return element;
}

/* parser ! appsink, as a stream of whole pictures that carries its parameter sets along. */
static void on_pad_added(GstElement *demuxer, GstPad *pad, gpointer data)
{
    (void)demuxer;
    struct media_packets *packets = data;
    g_autofree char *name = NULL;
    const struct media_codec *codec = media_container_codec(pad, &name);
    if (!codec || !codec->payloader || __atomic_load_n(&packets->sink, __ATOMIC_ACQUIRE))
        return;
    GstElement *parser = add_linked(packets->pipeline, codec->parser, NULL);
    GstElement *sink = parser ? add_linked(packets->pipeline, "appsink", NULL) : NULL;
    if (!sink)
        return;
    GstCaps *caps = gst_caps_new_simple(codec->caps_name, "stream-format", G_TYPE_STRING, "byte-stream", "alignment",
                                        G_TYPE_STRING, "au", NULL);
    g_object_set(sink, "caps", caps, "sync", FALSE, "max-buffers", PACKETS_WAITING, NULL);
    gst_caps_unref(caps);
    g_object_set(parser, "config-interval", -1, NULL);
    gst_element_link(parser, sink);
    GstPad *input = gst_element_get_static_pad(parser, "sink");
    gst_pad_link(pad, input);
    gst_object_unref(input);
    gst_element_sync_state_with_parent(sink);
    gst_element_sync_state_with_parent(parser);
    packets->codec = codec;
    __atomic_store_n(&packets->sink, sink, __ATOMIC_RELEASE);
}

static void close_pass(struct media_packets *packets)
{
    if (packets->pipeline) {
        gst_element_set_state(packets->pipeline, GST_STATE_NULL);
        gst_object_unref(packets->pipeline);
    }
    packets->pipeline = NULL;
    packets->sink = NULL;
}

/* Whoever stops the consumer waits for its thread, which may be waiting here. */
static bool is_given_up(const struct media_packets *packets)
{
    if (!packets->consumer)
        return false;
    GST_OBJECT_LOCK(packets->consumer);
    bool is_flushing = GST_PAD_IS_FLUSHING(packets->consumer);
    GST_OBJECT_UNLOCK(packets->consumer);
    return is_flushing;
}

/* True when the file holds a video that can be played as it is. */
static bool open_pass(struct media_packets *packets)
{
    close_pass(packets);
    packets->pipeline = media_container_open(packets->path, G_CALLBACK(on_pad_added), packets, NULL);
    if (!packets->pipeline)
        return false;
    packets->first = packets->last = GST_CLOCK_TIME_NONE;
    gst_element_set_state(packets->pipeline, GST_STATE_PLAYING);
    gint64 end_us = g_get_monotonic_time() + (gint64)PACKETS_PATIENCE_SECONDS * G_USEC_PER_SEC;
    GstBus *bus = gst_element_get_bus(packets->pipeline);
    bool is_over = false;
    while (!__atomic_load_n(&packets->sink, __ATOMIC_ACQUIRE) && !is_over) {
        GstMessage *message = gst_bus_timed_pop_filtered(bus, GST_MSECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
        is_over = message || is_given_up(packets) || g_get_monotonic_time() > end_us;
        g_clear_pointer(&message, gst_message_unref);
    }
    gst_object_unref(bus);
    return __atomic_load_n(&packets->sink, __ATOMIC_ACQUIRE) != NULL;
}

/* NULL at the end, when nothing came for too long, and when nobody wants it any more. */
static GstSample *pull(const struct media_packets *packets)
{
    enum { LOOKS = PACKETS_PATIENCE_SECONDS * 1000 / PACKETS_LOOK_MS };
    GstAppSink *sink = packets->sink ? GST_APP_SINK(packets->sink) : NULL;
    GstSample *sample = NULL;
    for (int i = 0; sink && !sample && i < LOOKS && !gst_app_sink_is_eos(sink) && !is_given_up(packets); i++)
        sample = gst_app_sink_try_pull_sample(sink, PACKETS_LOOK_MS * GST_MSECOND);
    return sample;
}

struct media_packets *media_packets_open(const char *path, GstPad *consumer)
{
    struct media_packets *packets = g_new0(struct media_packets, 1);
    packets->path = g_strdup(path);
    packets->consumer = consumer;
    packets->step = GST_SECOND / 25; /* until two pictures tell */
    if (open_pass(packets))
        return packets;
    media_packets_free(packets);
    return NULL;
}

const struct media_codec *media_packets_codec(const struct media_packets *packets)
{
    return packets->codec;
}

GstBuffer *media_packets_next(struct media_packets *packets, GstCaps **caps)
{
    GstSample *sample = pull(packets);
    if (!sample) { /* the end: once more from the start, and time goes on */
        if (!GST_CLOCK_TIME_IS_VALID(packets->last))
            return NULL; /* not one picture in a whole pass */
        packets->pass_start += packets->last - packets->first + packets->step;
        sample = open_pass(packets) ? pull(packets) : NULL;
    }
    if (!sample)
        return NULL;
    if (caps)
        *caps = gst_caps_ref(gst_sample_get_caps(sample));
    GstBuffer *buffer = gst_buffer_copy(gst_sample_get_buffer(sample));
    gst_sample_unref(sample);
    GstClockTime time = GST_BUFFER_DTS_OR_PTS(buffer);
    if (!GST_CLOCK_TIME_IS_VALID(time))
        time = GST_CLOCK_TIME_IS_VALID(packets->last) ? packets->last + packets->step : 0;
    if (!GST_CLOCK_TIME_IS_VALID(packets->first))
        packets->first = time;
    else if (time > packets->last)
        packets->step = time - packets->last;
    packets->last = MAX(time, packets->first);
    GstClockTime shown = GST_BUFFER_PTS_IS_VALID(buffer) ? GST_BUFFER_PTS(buffer) : time;
    GST_BUFFER_DTS(buffer) = packets->pass_start + packets->last - packets->first;
    GST_BUFFER_PTS(buffer) = packets->pass_start + (shown > packets->first ? shown - packets->first : 0);
    return buffer;
}

void media_packets_free(struct media_packets *packets)
{
    if (!packets)
        return;
    close_pass(packets);
    g_free(packets->path);
    g_free(packets);
}
