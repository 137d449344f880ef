/* A live camera: connects for ever, decodes, thins, and leaves the newest frame in a mailbox of one.
 *
 * Threads: one of our own (conversation with the camera, or pacing of a file), and GStreamer's streaming thread, which
 * delivers frames. `lock` guards what both and media_source_describe touch; the mailbox is one atomic pointer.
 */
#define LOG_MODULE "media"
#include "media/media_internal.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/random.h"
#include "media/rtsp_internal.h"

#include <gio/gio.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

enum {
    SOURCE_POLL_MS = 200, /* between looks at the bus and the stall clock */
    SOURCE_RATE_WINDOW_US = 2000000,
    SOURCE_WAITING_BYTES = 1 << 20, /* between the conversation and the decoder */
    SOURCE_FULL_POLL_MS = 5,
    SOURCE_STEADY_US = 10000000, /* frames for so long: the next failure starts from the first delay again */
    RTP_HEADER_BYTES = 12,
};

struct media_source {
    /* immutable after media_source_new */
    char *camera_id;
    bool is_looping;
    struct media_url url;
    char *username, *password;
    struct source_settings settings;
    struct clock *clock;
    struct camera_health *health;
    media_notify notify;
    void *notify_data;
    GCancellable *cancellable;

    struct frame *mailbox; /* atomic: taken and put by exchange */
    bool is_stopping;      /* atomic */
    int64_t last_frame_us; /* atomic: monotonic */

    /* owned by the source's thread */
    pthread_t thread;
    bool has_thread;
    struct random random;
    unsigned attempts; /* failed since frames last flowed for a while */

    /* owned by whichever thread delivers (one at a time) */
    struct frame_thinner thinner;
    uint64_t next_number;
    int64_t media_us, media_seen_us; /* of the last frame, on the source's own axis; and when it was seen */
    int64_t rate_since_us, rate_frames, cpu_us;
    int64_t copies_before;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t stopped;
    char state[16], last_error[512], codec[16];
    int32_t width_px, height_px;
    double fps;
    int64_t last_frame_ms;
    struct rtp_clock rtp_clock;
};

/* ---- state ---- */

static void set_state(struct media_source *source, const char *state, const char *error)
{
    pthread_mutex_lock(&source->lock);
    bool is_change = strcmp(source->state, state) != 0;
    g_strlcpy(source->state, state, sizeof source->state);
    if (error)
        g_strlcpy(source->last_error, error, sizeof source->last_error);
    pthread_mutex_unlock(&source->lock);
    if (is_change)
        log_debug(source->camera_id, "state %s%s%s", state, error ? ": " : "", error ? error : "");
}

static bool is_stopping(const struct media_source *source)
{
    return __atomic_load_n(&source->is_stopping, __ATOMIC_ACQUIRE);
}

/* Waits, or ends early when asked to stop. */
static void wait_ms(struct media_source *source, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&source->lock);
    while (!is_stopping(source) && pthread_cond_timedwait(&source->stopped, &source->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&source->lock);
}

/* ---- delivering ---- */

static int64_t thread_cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static void note_cpu(struct media_source *source)
{
    int64_t cpu_us = thread_cpu_us(), spent_us = cpu_us - source->cpu_us;
    /* a new streaming thread starts from its own zero */
    if (source->cpu_us > 0 && spent_us > 0)
        counter_add(&source->health->decode_us, spent_us);
    source->cpu_us = cpu_us;
}

/* Counts a decoded frame and keeps the rate by the wall clock. True when the camera has just come online. */
static bool note_frame(struct media_source *source, int width_px, int height_px)
{
    int64_t now_us = clock_monotonic_us(source->clock);
    counter_add(&source->health->frames_decoded, 1);
    __atomic_store_n(&source->last_frame_us, now_us, __ATOMIC_RELEASE);
    source->rate_frames++;
    pthread_mutex_lock(&source->lock);
    bool is_first = strcmp(source->state, "online") != 0;
    source->width_px = width_px;
    source->height_px = height_px;
    source->last_frame_ms = clock_wall_ms(source->clock);
    if (is_first) {
        g_strlcpy(source->state, "online", sizeof source->state);
        source->last_error[0] = '\0';
        source->rate_since_us = now_us;
        source->rate_frames = 0;
    } else if (now_us - source->rate_since_us >= SOURCE_RATE_WINDOW_US) {
        source->fps = (double)source->rate_frames * G_USEC_PER_SEC / (double)(now_us - source->rate_since_us);
        source->rate_since_us = now_us;
        source->rate_frames = 0;
    }
    pthread_mutex_unlock(&source->lock);
    return is_first;
}

/* The camera's clock when it tells one that is near ours, else the time of arrival. */
static void stamp(struct media_source *source, struct frame *frame, int64_t stream_us)
{
    int64_t now_ms = clock_wall_ms(source->clock), camera_ms = 0;
    pthread_mutex_lock(&source->lock);
    bool has_camera_time = rtp_clock_wall_ms(&source->rtp_clock, stream_us, &camera_ms);
    pthread_mutex_unlock(&source->lock);
    int64_t skew_ms = camera_ms > now_ms ? camera_ms - now_ms : now_ms - camera_ms;
    frame->is_camera_clock = has_camera_time && skew_ms <= source->settings.max_clock_skew_ms;
    frame->captured_at_ms = frame->is_camera_clock ? camera_ms : now_ms;
    frame->arrived_us = clock_monotonic_us(source->clock);
}

static void put_frame(struct media_source *source, struct frame *frame)
{
    struct frame *old = __atomic_exchange_n(&source->mailbox, frame, __ATOMIC_ACQ_REL);
    if (old) {
        counter_add(&source->health->frames_dropped, 1);
        frame_unref(old);
    }
    source->notify(source->notify_data);
}

/* `stream_us` is the frame's time on the connection's axis, which the camera's clock is tied to. */
static void deliver(struct media_source *source, struct frame *frame, int64_t stream_us)
{
    stamp(source, frame, stream_us);
    put_frame(source, frame);
}

struct frame *media_source_take(struct media_source *source)
{
    return __atomic_exchange_n(&source->mailbox, NULL, __ATOMIC_ACQ_REL);
}

/* ---- RTSP ---- */

/* One connection's pipeline: appsrc ! depayloader ! decoder chain. */
struct session {
    struct media_source *source;
    GstElement *pipeline, *input;
    GstBus *bus;
    struct media_decoder *decoder;
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
        deliver(source, frame, stream_us);
    } else {
        counter_add(&source->health->decode_errors, 1);
        set_state(source, "online", error->message);
    }
    counter_set(&source->health->frame_copies, source->copies_before + media_decoder_copies(session->decoder));
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
    note_cpu(source);
    if (note_frame(source, has_size ? GST_VIDEO_INFO_WIDTH(&info) : 0, has_size ? GST_VIDEO_INFO_HEIGHT(&info) : 0))
        log_info(source->camera_id, "online: %s", source->url.location);
    /* The first picture of a connection is a copy (pool.c): the next one will do as well. */
    if (!media_decoder_is_warming_up(session->decoder, sample) && frame_thinner_pass(&source->thinner, media_us))
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
                                        stream->clock_rate, "encoding-name", G_TYPE_STRING, stream->codec->name,
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
    int64_t since_us = clock_monotonic_us(source->clock) - __atomic_load_n(&source->last_frame_us, __ATOMIC_ACQUIRE);
    return since_us > (int64_t)source->settings.stall_timeout_ms * 1000;
}

/* While the decoder is behind, the conversation waits, and TCP holds the camera back. Not by appsrc's own blocking:
 * that would never end once the decoder has failed. */
static void wait_for_decoder(struct session *session)
{
    while (gst_app_src_get_current_level_bytes(GST_APP_SRC(session->input)) >= SOURCE_WAITING_BYTES &&
           !is_stopping(session->source) && !has_stalled(session->source) && !gst_bus_have_pending(session->bus))
        wait_ms(session->source, SOURCE_FULL_POLL_MS);
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
            set_state(source, "stalled", NULL);
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT,
                        "no picture came for %d ms (source.stall_timeout_ms)", source->settings.stall_timeout_ms);
            return;
        }
    }
}

static void run_rtsp(struct media_source *source, GError **error)
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
    if (session_open(&session, &stream, error))
        pump(&session, client, error);
    session_close(&session);
}

/* ---- files and scenes, in real time ---- */

static void pace(struct media_source *source, int64_t start_us, int64_t media_us)
{
    int64_t ahead_ms = (start_us + media_us - clock_monotonic_us(source->clock)) / 1000;
    if (ahead_ms > 0)
        wait_ms(source, ahead_ms);
}

/* Plays once through. `offset_us` is where this pass starts on the source's own time axis. */
static bool play_once(struct media_source *source, int64_t *offset_us, GError **error)
{
    CLEANUP(media_reader)
    struct media_reader *reader = media_reader_open(source->url.location, &source->settings, error);
    if (!reader)
        return false;
    counter_add(&source->health->connects, 1);
    int64_t start_us = clock_monotonic_us(source->clock), last_us = 0;
    source->cpu_us = thread_cpu_us();
    while (!is_stopping(source)) {
        g_autoptr(GError) cause = NULL;
        struct frame *frame = media_reader_next(reader, &cause);
        note_cpu(source);
        if (!frame) {
            double fps = media_reader_fps(reader);
            *offset_us += last_us + (int64_t)(G_USEC_PER_SEC / (fps > 0 ? fps : 25));
            bool has_failed = cause != NULL;
            if (has_failed)
                g_propagate_error(error, g_steal_pointer(&cause));
            return !has_failed;
        }
        pace(source, start_us, frame->media_us);
        last_us = frame->media_us;
        frame->media_us += *offset_us;
        frame->number = source->next_number++;
        note_frame(source, frame->width_px, frame->height_px);
        if (frame_thinner_pass(&source->thinner, frame->media_us)) {
            deliver(source, frame, frame->media_us);
        } else {
            counter_add(&source->health->frames_skipped, 1);
            frame_unref(frame);
        }
        counter_set(&source->health->frame_copies, source->copies_before + media_reader_copies(reader));
    }
    return true;
}

/* True when it is over for good. */
static bool run_file(struct media_source *source, GError **error)
{
    int64_t offset_us = 0;
    while (!is_stopping(source) && play_once(source, &offset_us, error))
        if (!source->is_looping)
            return true;
    return false;
}

/* ---- life ---- */

/* Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015); the shift cannot
 * overflow. */
int64_t media_retry_delay_ms(struct random *random, unsigned attempts, const struct source_settings *settings)
{
    enum { SHIFT_MAX = 20 };
    int64_t delay_ms = (int64_t)settings->retry_delay_ms << MIN(attempts, SHIFT_MAX);
    return random_range(random, 0, MIN(delay_ms, settings->retry_delay_max_ms));
}

static void report_failure(struct media_source *source, const GError *error)
{
    bool is_file = source->url.scheme == MEDIA_FILE; /* whose errors name it already */
    g_autofree char *text =
        g_strdup_printf("%s%s%s", is_file ? "" : source->url.location, is_file ? "" : ": ", error->message);
    counter_add(&source->health->errors_count, 1);
    set_state(source, "waiting", text);
    log_warning(source->camera_id, "%s; trying again", text);
}

static void *source_main(void *data)
{
    struct media_source *source = data;
    while (!is_stopping(source)) {
        g_autoptr(GError) error = NULL;
        int64_t started_us = clock_monotonic_us(source->clock);
        set_state(source, "connecting", NULL);
        bool is_rtsp = source->url.scheme == MEDIA_RTSP || source->url.scheme == MEDIA_RTSPS;
        if (is_rtsp)
            run_rtsp(source, &error);
        else if (run_file(source, &error)) {
            set_state(source, "ended", NULL);
            break;
        }
        if (is_stopping(source))
            break;
        int64_t up_us = __atomic_load_n(&source->last_frame_us, __ATOMIC_ACQUIRE) - started_us;
        if (up_us > SOURCE_STEADY_US)
            source->attempts = 0;
        if (error)
            report_failure(source, error);
        wait_ms(source, media_retry_delay_ms(&source->random, source->attempts++, &source->settings));
    }
    return NULL;
}

struct media_source *media_source_new(const struct camera *camera, const char *username, const char *password,
                                      const struct source_settings *settings, struct clock *clock,
                                      struct camera_health *health, media_notify notify, void *notify_data,
                                      GError **error)
{
    struct media_url url;
    if (!media_url_parse(camera->source, &url, error)) {
        g_prefix_error(error, "camera '%s': ", camera->id);
        return NULL;
    }
    struct media_source *source = g_new0(struct media_source, 1);
    source->camera_id = g_strdup(camera->id);
    source->is_looping = camera->loop;
    source->url = url;
    source->username = g_strdup(username && *username ? username : url.username);
    source->password = g_strdup(password && *password ? password : url.password);
    source->settings = *settings;
    source->clock = clock;
    source->health = health;
    source->notify = notify;
    source->notify_data = notify_data;
    source->cancellable = g_cancellable_new();
    random_init_system(&source->random);
    frame_thinner_init(&source->thinner, camera->analyse_fps);
    pthread_mutex_init(&source->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&source->stopped, &monotonic);
    pthread_condattr_destroy(&monotonic);
    set_state(source, "connecting", NULL);
    return source;
}

bool media_source_start(struct media_source *source, GError **error)
{
    int failure = pthread_create(&source->thread, NULL, source_main, source);
    source->has_thread = failure == 0;
    if (failure)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "camera '%s': no thread: %s", source->camera_id,
                    g_strerror(failure));
    return !failure;
}

void media_source_describe(struct media_source *source, struct camera_health *health)
{
    pthread_mutex_lock(&source->lock);
    g_free(health->state);
    g_free(health->last_error);
    g_free(health->codec);
    health->state = g_strdup(source->state);
    health->last_error = g_strdup(source->last_error);
    health->codec = g_strdup(source->codec);
    health->width_px = source->width_px;
    health->height_px = source->height_px;
    health->fps = strcmp(source->state, "online") == 0 ? source->fps : 0;
    health->last_frame_at.ms = source->last_frame_ms;
    pthread_mutex_unlock(&source->lock);
}

void media_source_stop(struct media_source *source)
{
    pthread_mutex_lock(&source->lock);
    __atomic_store_n(&source->is_stopping, true, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&source->stopped);
    pthread_mutex_unlock(&source->lock);
    g_cancellable_cancel(source->cancellable);
}

void media_source_free(struct media_source *source)
{
    if (!source)
        return;
    media_source_stop(source);
    if (source->has_thread)
        pthread_join(source->thread, NULL);
    frame_unref(source->mailbox);
    media_url_clear(&source->url);
    g_object_unref(source->cancellable);
    pthread_cond_destroy(&source->stopped);
    pthread_mutex_destroy(&source->lock);
    g_free(source->camera_id);
    g_free(source->username);
    g_free(source->password);
    g_free(source);
}
