/* Decodes a stream while someone looks: from the next key frame on, in a pipeline of its own behind the stream's
 * parser. A few frames of the last second are held, because what must be hidden in one is known only a moment later.
 *
 * Threads: the stream's streaming thread puts, and opens and closes the pipeline; the pipeline's own thread fills the
 * ring; others look. `lock` guards the ring.
 */
#define LOG_MODULE "media"
#include "base/counter.h"
#include "base/log.h"
#include "media/media_internal.h"

#include <string.h>

enum {
    VIEW_FRAMES = 8,
    VIEW_FPS = 10, /* of those held: twice what previews show by default */
    VIEW_WAITING_BYTES = 4 << 20,
    VIEW_REST_US = 5 * 1000000, /* after a failure */
    VIEW_PACKETS = 512,         /* as many as wait: 8 KB each fill VIEW_WAITING_BYTES */
};

struct live_view {
    /* immutable */
    char *name;
    struct source_settings settings; /* but for `decoder`, which is the stream's streaming thread's */
    struct clock *clock;

    int64_t wanted_until_us;                    /* atomic */
    int64_t frames_total, packets_shed, errors; /* counters */

    /* the stream's streaming thread's, and the freeing one's */
    GstElement *pipeline, *input;
    GstBus *bus;
    struct media_decoder *decoder;
    GstCaps *caps; /* that the pipeline was made for */
    bool waits_for_key;
    int64_t rests_until_us, opened_us;
    int64_t frames_before; /* the pipeline was opened */
    int64_t unseen_bytes;  /* given to a decoder since one gave a picture, by this pipeline or those before it */

    struct frame_thinner thinner; /* the pipeline's thread's */

    pthread_mutex_t lock;
    struct frame *frames[VIEW_FRAMES]; /* NULL: none */
    unsigned next;
    /* how the latest packets came: pictures are decoded later, and those of one burst were not taken at one time */
    struct view_packet {
        int64_t stream_us, captured_at_ms;
        int32_t late_ms;
        bool is_camera_clock;
    } packets[VIEW_PACKETS];
    unsigned packet_count;
};

struct live_view *live_view_new(const char *name, const struct source_settings *settings, struct clock *clock)
{
    struct live_view *view = g_new0(struct live_view, 1);
    view->name = g_strdup(name);
    view->settings = *settings;
    view->clock = clock;
    pthread_mutex_init(&view->lock, NULL);
    return view;
}

/* ---- frames ---- */

static void hold(struct live_view *view, struct frame *frame)
{
    pthread_mutex_lock(&view->lock);
    struct frame *old = view->frames[view->next];
    view->frames[view->next] = frame;
    view->next = (view->next + 1) % VIEW_FRAMES;
    pthread_mutex_unlock(&view->lock);
    frame_unref(old);
}

static void note_packet(struct live_view *view, int64_t stream_us, const struct stream_packet *packet)
{
    pthread_mutex_lock(&view->lock);
    view->packets[view->packet_count++ % VIEW_PACKETS] =
        (struct view_packet){stream_us, packet->captured_at_ms, packet->late_ms, packet->is_camera_clock};
    pthread_mutex_unlock(&view->lock);
}

/* The latest first, for the time may have begun anew. False: when it was taken is not known. */
static bool stamp(struct live_view *view, int64_t stream_us, struct frame *frame)
{
    bool is_found = false;
    pthread_mutex_lock(&view->lock);
    for (unsigned i = 1; i <= MIN(view->packet_count, VIEW_PACKETS) && !is_found; i++) {
        const struct view_packet *packet = &view->packets[(view->packet_count - i) % VIEW_PACKETS];
        is_found = packet->stream_us == stream_us;
        frame->captured_at_ms = packet->captured_at_ms;
        frame->is_camera_clock = packet->is_camera_clock;
        frame->late_ms = packet->late_ms;
    }
    pthread_mutex_unlock(&view->lock);
    return is_found;
}

static GstFlowReturn on_sample(GstAppSink *sink, gpointer data)
{
    struct live_view *view = data;
    GstSample *sample = gst_app_sink_pull_sample(sink);
    if (!sample)
        return GST_FLOW_EOS;
    GstClockTime pts = GST_BUFFER_PTS(gst_sample_get_buffer(sample));
    counter_add(&view->frames_total, 1);
    if (GST_CLOCK_TIME_IS_VALID(pts) && frame_thinner_pass(&view->thinner, (int64_t)(pts / 1000))) {
        struct frame *frame = media_decoder_map(view->decoder, sample, NULL);
        if (frame && stamp(view, (int64_t)(pts / 1000), frame))
            hold(view, frame);
        else
            frame_unref(frame);
    }
    gst_sample_unref(sample);
    return GST_FLOW_OK;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

struct frame *live_view_find(struct live_view *view, int64_t at_ms, int64_t window_ms)
{
    struct frame *best = NULL;
    pthread_mutex_lock(&view->lock);
    for (size_t i = 0; i < VIEW_FRAMES; i++) {
        struct frame *frame = view->frames[i];
        if (frame && distance(frame->captured_at_ms, at_ms) <= window_ms &&
            (!best || distance(frame->captured_at_ms, at_ms) < distance(best->captured_at_ms, at_ms)))
            best = frame;
    }
    if (best)
        frame_ref(best);
    pthread_mutex_unlock(&view->lock);
    return best;
}

/* ---- the pipeline ---- */

static void close_pipeline(struct live_view *view)
{
    if (!view->pipeline)
        return;
    gst_element_set_state(view->pipeline, GST_STATE_NULL);
    for (size_t i = 0; i < VIEW_FRAMES; i++)
        hold(view, NULL);
    g_clear_pointer(&view->bus, gst_object_unref);
    g_clear_pointer(&view->pipeline, gst_object_unref);
    g_clear_pointer(&view->decoder, media_decoder_free);
    gst_clear_caps(&view->caps);
}

static bool build(struct live_view *view, GstCaps *caps, GError **error)
{
    const struct media_codec *codec = media_codec_by_caps(caps);
    gst_caps_replace(&view->caps, caps);
    view->pipeline = gst_pipeline_new(NULL);
    view->bus = gst_element_get_bus(view->pipeline);
    view->input = media_element_new("appsrc", error);
    if (!codec || !view->input)
        return false;
    gst_bin_add(GST_BIN(view->pipeline), view->input);
    view->decoder = media_decoder_new(GST_BIN(view->pipeline), codec, &view->settings, error);
    if (!view->decoder || !gst_element_link(view->input, media_decoder_first(view->decoder)))
        return false;
    g_object_set(view->input, "caps", caps, "format", GST_FORMAT_TIME, "is-live", TRUE, "block", FALSE, "max-bytes",
                 (guint64)2 * VIEW_WAITING_BYTES, NULL);
    GstAppSinkCallbacks callbacks = {.new_sample = on_sample};
    gst_app_sink_set_callbacks(media_decoder_sink(view->decoder), &callbacks, view, NULL);
    frame_thinner_init(&view->thinner, VIEW_FPS);
    return gst_element_set_state(view->pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE;
}

static int64_t pictures_of(const struct live_view *view)
{
    return counter_get(&view->frames_total) - view->frames_before;
}

/* Hardware that gave nothing is not asked again; software needs no rest. */
static void give_up_hardware(struct live_view *view)
{
    if (!view->decoder || !media_decoder_has_failed(view->decoder, view->unseen_bytes, pictures_of(view)))
        return;
    log_warning(view->name, "%s gave no picture for those who look: software decodes from now on",
                media_decoder_name(view->decoder));
    view->settings.decoder = DECODER_SOFTWARE;
    view->rests_until_us = 0;
}

/* Some hardware fails without a word. */
static bool is_silent(const struct live_view *view, int64_t now_us)
{
    return now_us - view->opened_us > (int64_t)view->settings.stall_timeout_ms * 1000 &&
           media_decoder_has_failed(view->decoder, view->unseen_bytes, pictures_of(view));
}

/* Those who look see the analysed picture meanwhile. */
static void give_up(struct live_view *view, const char *why)
{
    log_warning(view->name, "decoding for those who look: %s; the analysed picture is shown", why);
    counter_add(&view->errors, 1);
    view->rests_until_us = clock_monotonic_us(view->clock) + VIEW_REST_US;
    give_up_hardware(view);
    close_pipeline(view);
}

static void open_pipeline(struct live_view *view, GstCaps *caps)
{
    g_autoptr(GError) error = NULL;
    view->opened_us = clock_monotonic_us(view->clock);
    view->frames_before = counter_get(&view->frames_total);
    if (!build(view, caps, &error))
        give_up(view, error ? error->message : "GStreamer cannot decode this stream");
}

/* Too much waits: the rest of the group is of no use without what is left out. */
static bool is_behind(struct live_view *view)
{
    return gst_app_src_get_current_level_bytes(GST_APP_SRC(view->input)) >= VIEW_WAITING_BYTES;
}

static void decode(struct live_view *view, const struct stream_packet *packet)
{
    if (packet->is_key_frame)
        view->waits_for_key = false;
    view->waits_for_key = view->waits_for_key || is_behind(view);
    if (view->waits_for_key) {
        counter_add(&view->packets_shed, 1);
        return;
    }
    GstClockTime pts = GST_BUFFER_PTS(packet->encoded);
    if (GST_CLOCK_TIME_IS_VALID(pts))
        note_packet(view, (int64_t)(pts / 1000), packet);
    view->unseen_bytes = pictures_of(view) > 0 ? 0 : view->unseen_bytes + (int64_t)gst_buffer_get_size(packet->encoded);
    gst_app_src_push_buffer(GST_APP_SRC(view->input), gst_buffer_ref(packet->encoded));
}

void live_view_put(void *data, const struct stream_packet *packet)
{
    struct live_view *view = data;
    g_autoptr(GError) error = NULL;
    int64_t now_us = clock_monotonic_us(view->clock);
    bool is_wanted = now_us <= counter_get(&view->wanted_until_us);
    if (!is_wanted || packet->caps != view->caps) /* another connection, or another description of the stream */
        close_pipeline(view);
    if (!is_wanted)
        return;
    if (view->pipeline && media_bus_error(view->bus, "decode", &error))
        give_up(view, error->message);
    if (view->pipeline && is_silent(view, now_us))
        give_up(view, "it gave no picture");
    if (!view->pipeline && packet->is_key_frame && now_us >= view->rests_until_us)
        open_pipeline(view, packet->caps);
    if (view->pipeline)
        decode(view, packet);
}

void live_view_want(struct live_view *view, int64_t until_us)
{
    counter_set(&view->wanted_until_us, until_us);
}

void live_view_describe(const struct live_view *view, struct stream_health *health)
{
    health->live_frames = counter_get(&view->frames_total);
    health->live_packets_shed = counter_get(&view->packets_shed);
    health->live_errors = counter_get(&view->errors);
}

void live_view_free(struct live_view *view)
{
    if (!view)
        return;
    close_pipeline(view);
    pthread_mutex_destroy(&view->lock);
    g_free(view->name);
    g_free(view);
}
