/* One connection to one address: connects for ever, decodes what its viewers want, and hands encoded pictures to its
 * listeners.
 *
 * Threads: one of our own (conversation with the camera, or pacing of a file), and GStreamer's streaming thread, which
 * delivers. `lock` guards what both and stream_describe touch; each viewer's mailbox is one atomic pointer.
 */
#define LOG_MODULE "media"
#include "media/stream_internal.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread.h"
#include "base/wait.h"

#include <string.h>
#include <time.h>

enum {
    STREAM_RATE_WINDOW_US = 2000000,
    REORDERED_MS = 1000, /* more than pictures are out of order; a clock that is set back goes on from there */
};

/* ---- state ---- */

void stream_set_state(struct media_stream *stream, const char *state, const char *error)
{
    pthread_mutex_lock(&stream->lock);
    bool is_change = strcmp(stream->state, state) != 0;
    g_strlcpy(stream->state, state, sizeof stream->state);
    if (error)
        g_strlcpy(stream->last_error, error, sizeof stream->last_error);
    pthread_mutex_unlock(&stream->lock);
    if (is_change)
        log_debug(stream->name, "state %s%s%s", state, error ? ": " : "", error ? error : "");
}

void stream_set_codec(struct media_stream *stream, const char *codec)
{
    pthread_mutex_lock(&stream->lock);
    g_strlcpy(stream->codec, codec, sizeof stream->codec);
    pthread_mutex_unlock(&stream->lock);
}

void stream_set_decoder(struct media_stream *stream, const char *name)
{
    pthread_mutex_lock(&stream->lock);
    g_strlcpy(stream->decoder, name, sizeof stream->decoder);
    pthread_mutex_unlock(&stream->lock);
}

void stream_set_picture_interval(struct media_stream *stream, double seconds)
{
    pthread_mutex_lock(&stream->lock);
    stream->picture_interval_seconds = seconds;
    pthread_mutex_unlock(&stream->lock);
}

bool stream_is_stopping(const struct media_stream *stream)
{
    return __atomic_load_n(&stream->is_stopping, __ATOMIC_ACQUIRE);
}

void stream_wait_ms(struct media_stream *stream, int64_t ms)
{
    const struct timespec until = wait_deadline_after(ms * 1000);
    pthread_mutex_lock(&stream->lock);
    while (!stream_is_stopping(stream) && pthread_cond_timedwait(&stream->stopped, &stream->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&stream->lock);
}

/* ---- counting ---- */

void stream_count_at(void *data, size_t counter, int64_t amount)
{
    struct media_stream *stream = data;
    counter_add(G_STRUCT_MEMBER_P(&stream->health, counter), amount);
    for (guint i = 0; i < stream->viewers->len; i++) {
        struct stream_viewer *viewer = g_ptr_array_index(stream->viewers, i);
        counter_add(G_STRUCT_MEMBER_P(viewer->health, counter), amount);
    }
}

void stream_note_copies(struct media_stream *stream, int64_t copies)
{
    stream_count(stream, frame_copies, copies - counter_get(&stream->health.frame_copies));
}

/* ---- delivering ---- */

static int64_t thread_cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

void stream_note_cpu(struct media_stream *stream)
{
    int64_t cpu_us = thread_cpu_us(), spent_us = cpu_us - stream->cpu_us;
    /* a new streaming thread starts from its own zero */
    if (stream->cpu_us > 0 && spent_us > 0 && stream->viewers->len > 0) { /* spent but once: the first one's */
        const struct stream_viewer *first = g_ptr_array_index(stream->viewers, 0);
        counter_add(&first->health->decode_us, spent_us);
    }
    stream->cpu_us = cpu_us;
}

bool stream_note_frame(struct media_stream *stream, int width_px, int height_px)
{
    int64_t now_us = clock_monotonic_us(stream->clock);
    if (stream->viewers->len > 0)
        stream_count(stream, frames_decoded, 1);
    __atomic_store_n(&stream->last_frame_us, now_us, __ATOMIC_RELEASE);
    stream->rate_frames++;
    pthread_mutex_lock(&stream->lock);
    bool is_first = strcmp(stream->state, "online") != 0;
    stream->width_px = width_px;
    stream->height_px = height_px;
    stream->last_frame_ms = clock_wall_ms(stream->clock);
    if (is_first) {
        g_strlcpy(stream->state, "online", sizeof stream->state);
        stream->last_error[0] = '\0';
        stream->rate_since_us = now_us;
        stream->rate_frames = 0;
    } else if (now_us - stream->rate_since_us >= STREAM_RATE_WINDOW_US) {
        stream->fps = (double)stream->rate_frames * G_USEC_PER_SEC / (double)(now_us - stream->rate_since_us);
        stream->rate_since_us = now_us;
        stream->rate_frames = 0;
    }
    pthread_mutex_unlock(&stream->lock);
    stream_breaker_note_frame(stream, now_us);
    if (is_first)
        log_info(stream->name, "online: %s", stream->url.shown);
    return is_first;
}

/* The camera's clock when it tells one that is near ours, else the time of arrival. */
static int64_t wall_ms_at(struct media_stream *stream, int64_t stream_us, bool *is_camera_clock)
{
    int64_t now_ms = clock_wall_ms(stream->clock), camera_ms = 0;
    pthread_mutex_lock(&stream->lock);
    bool has_camera_time = rtp_clock_wall_ms(&stream->rtp_clock, stream_us, &camera_ms);
    pthread_mutex_unlock(&stream->lock);
    int64_t skew_ms = camera_ms > now_ms ? camera_ms - now_ms : now_ms - camera_ms;
    *is_camera_clock = has_camera_time && skew_ms <= stream->settings.max_clock_skew_ms;
    return *is_camera_clock ? camera_ms : now_ms;
}

/* What is told of the rate counts from the next picture on. */
static bool viewer_is_due(struct stream_viewer *viewer, int64_t media_us)
{
    double fps = gauge_get(&viewer->fps);
    if (fps != viewer->thinned_fps)
        frame_thinner_init(&viewer->thinner, fps);
    viewer->thinned_fps = fps;
    return frame_thinner_pass(&viewer->thinner, media_us);
}

static void put_frame(struct stream_viewer *viewer, struct frame *frame)
{
    struct frame *old = __atomic_exchange_n(&viewer->mailbox, frame, __ATOMIC_ACQ_REL);
    if (old) {
        counter_add(&viewer->health->frames_dropped, 1);
        frame_unref(old);
    }
    viewer->notify(viewer->notify_data);
}

bool stream_is_due(struct media_stream *stream, int64_t media_us)
{
    bool is_due = false;
    for (guint i = 0; i < stream->viewers->len; i++) {
        struct stream_viewer *viewer = g_ptr_array_index(stream->viewers, i);
        viewer->is_due = viewer_is_due(viewer, media_us);
        is_due = is_due || viewer->is_due;
        if (!viewer->is_due)
            counter_add(&viewer->health->frames_skipped, 1);
    }
    return is_due;
}

static bool is_played(const struct media_stream *stream)
{
    return stream->url.scheme == MEDIA_FILE || stream->url.scheme == MEDIA_SCENE;
}

/* The time is told now: of a picture that is decoded seconds later (media_skipper) nobody could tell it any more. */
static void note_arrival(struct media_stream *stream, int64_t stream_us, const struct stream_packet *packet)
{
    unsigned count = __atomic_fetch_add(&stream->arrival_count, 1, __ATOMIC_RELAXED);
    struct stream_arrival *arrival = &stream->arrivals[count % stream->arrivals_kept];
    counter_set(&arrival->received_us, clock_monotonic_us(stream->clock));
    counter_set(&arrival->wall_ms, packet->captured_at_ms);
    counter_set(&arrival->is_camera_clock, packet->is_camera_clock);
    counter_set(&arrival->late_ms, packet->late_ms);
    counter_set(&arrival->stream_us, stream_us);
}

/* The latest first; NULL: it is not known. */
static const struct stream_arrival *find_arrival(struct media_stream *stream, int64_t stream_us)
{
    unsigned count = __atomic_load_n(&stream->arrival_count, __ATOMIC_RELAXED);
    for (unsigned i = 1; i <= MIN(count, stream->arrivals_kept); i++) {
        const struct stream_arrival *arrival = &stream->arrivals[(count - i) % stream->arrivals_kept];
        if (counter_get(&arrival->stream_us) == stream_us)
            return arrival;
    }
    return NULL;
}

int64_t stream_received_us(struct media_stream *stream, int64_t stream_us)
{
    const struct stream_arrival *arrival = find_arrival(stream, stream_us);
    return arrival ? counter_get(&arrival->received_us) : clock_monotonic_us(stream->clock);
}

/* Files are held up by nothing. Pictures by HTTP have no time stamp but that of their arrival. */
static int32_t late_ms(struct media_stream *stream, int64_t stream_us, bool is_camera_clock)
{
    bool is_http = stream->url.scheme == MEDIA_HTTP || stream->url.scheme == MEDIA_HTTPS;
    int32_t late_ms = lateness_note(&stream->lateness, stream_us, clock_monotonic_us(stream->clock));
    if (is_played(stream) || is_camera_clock)
        return 0;
    return is_http ? FRAME_LATE_UNKNOWN : late_ms;
}

/* Files are read ahead of the time at which they are played: theirs is that of playing. Pictures of a camera without a
 * clock come in the order of decoding, and are told in that of showing: their times must not go back by that. */
static int64_t captured_ms(struct media_stream *stream, const struct stream_arrival *arrival, int64_t stream_us,
                           bool *is_camera_clock)
{
    if (!arrival || is_played(stream))
        return wall_ms_at(stream, stream_us, is_camera_clock);
    int64_t wall_ms = counter_get(&arrival->wall_ms), back_ms = stream->told_wall_ms - wall_ms;
    *is_camera_clock = counter_get(&arrival->is_camera_clock);
    return !*is_camera_clock && back_ms > 0 && back_ms <= REORDERED_MS ? stream->told_wall_ms : wall_ms;
}

void stream_deliver(struct media_stream *stream, struct frame *frame, int64_t stream_us)
{
    const struct stream_arrival *arrival = find_arrival(stream, stream_us);
    frame->captured_at_ms = captured_ms(stream, arrival, stream_us, &frame->is_camera_clock);
    frame->late_ms = is_played(stream) || frame->is_camera_clock ? 0
                     : arrival                                   ? (int32_t)counter_get(&arrival->late_ms)
                                                                 : FRAME_LATE_UNKNOWN;
    frame->received_us = arrival ? counter_get(&arrival->received_us) : 0;
    frame->arrived_us = clock_monotonic_us(stream->clock);
    stream->told_wall_ms = frame->captured_at_ms;
    for (guint i = 0; i < stream->viewers->len; i++) {
        struct stream_viewer *viewer = g_ptr_array_index(stream->viewers, i);
        if (viewer->is_due)
            put_frame(viewer, frame_ref(frame));
    }
    frame_unref(frame);
}

void stream_offer_packet(struct media_stream *stream, GstBuffer *encoded, GstCaps *caps)
{
    GstClockTime pts = GST_BUFFER_PTS(encoded);
    int64_t stream_us = GST_CLOCK_TIME_IS_VALID(pts) ? (int64_t)(pts / 1000) : 0;
    struct stream_packet packet = {.encoded = encoded, .caps = caps};
    packet.captured_at_ms = wall_ms_at(stream, stream_us, &packet.is_camera_clock);
    packet.late_ms = late_ms(stream, stream_us, packet.is_camera_clock);
    note_arrival(stream, stream_us, &packet);
    if (stream->listeners->len == 0)
        return;
    packet.is_key_frame = media_skipper_begins_group(stream->skipper, encoded);
    for (guint i = 0; i < stream->listeners->len; i++) {
        const struct stream_listener *listener = &g_array_index(stream->listeners, struct stream_listener, i);
        listener->packet(listener->data, &packet);
    }
}

void stream_on_packet(void *data, GstBuffer *encoded, GstCaps *caps)
{
    struct media_stream *stream = data;
    __atomic_store_n(&stream->unseen_bytes, 0, __ATOMIC_RELAXED);
    if (stream->viewers->len == 0) { /* nothing is decoded: this is what there is to be seen of it */
        const GstStructure *structure = gst_caps_get_structure(caps, 0);
        int width = 0, height = 0;
        gst_structure_get_int(structure, "width", &width);
        gst_structure_get_int(structure, "height", &height);
        stream_note_frame(stream, width, height);
    }
    stream_offer_packet(stream, encoded, caps);
}

/* ---- life ---- */

int64_t media_start_delay_ms(struct random *random, size_t cameras, const struct source_settings *settings)
{
    return random_range(random, 0, (int64_t)cameras * settings->start_spread_ms);
}

static void report_failure(struct media_stream *stream, const GError *error)
{
    bool is_file = stream->url.scheme == MEDIA_FILE; /* whose errors name it already */
    g_autofree char *text =
        g_strdup_printf("%s%s%s", is_file ? "" : stream->url.shown, is_file ? "" : ": ", error->message);
    stream_count(stream, errors_count, 1);
    stream_set_state(stream, "waiting", text);
    log_warning(stream->name, "%s; trying again", text);
}

/* One try. True when the stream is over for good. */
static bool run_once(struct media_stream *stream, GError **error)
{
    switch (stream->url.scheme) {
    case MEDIA_RTSP:
    case MEDIA_RTSPS:
        stream_run_rtsp(stream, error);
        return false;
    case MEDIA_HTTP:
    case MEDIA_HTTPS:
        stream_run_http(stream, error);
        return false;
    case MEDIA_V4L2:
        stream_run_device(stream, error);
        return false;
    case MEDIA_FILE:
    case MEDIA_SCENE:
        break;
    }
    return stream_run_file(stream, error);
}

/* After a connection: the breaker is told, and as long as it lets one try, the backoff says when. */
static void rest(struct media_stream *stream, int64_t started_us, const GError *error)
{
    const struct vedette_backoff backoff = {MAX((int64_t)stream->settings.retry_delay_ms * 1000, 1),
                                            MAX((int64_t)stream->settings.retry_delay_max_ms * 1000, 1)};
    int64_t up_us = __atomic_load_n(&stream->last_frame_us, __ATOMIC_ACQUIRE) - started_us;
    int64_t delay_us = vedette_attempts_failed(&stream->attempts, &backoff, up_us, random_next(&stream->random));
    bool is_held = g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    stream_breaker_note_end(stream, error && !is_held);
    if (error && !is_held)
        report_failure(stream, error);
    if (!is_held && !stream_breaker_is_open(stream))
        stream_wait_ms(stream, delay_us / 1000);
}

static void *stream_main(void *data)
{
    struct media_stream *stream = data;
    stream_wait_ms(stream, stream->start_delay_ms);
    while (stream_breaker_wait(stream)) {
        g_autoptr(GError) error = NULL;
        int64_t started_us = clock_monotonic_us(stream->clock);
        stream_set_state(stream, "connecting", NULL);
        bool is_over = run_once(stream, &error);
        if (is_over)
            stream_set_state(stream, "ended", NULL);
        if (is_over || stream_is_stopping(stream))
            break;
        rest(stream, started_us, error);
    }
    return NULL;
}

/* Takes over `url`. */
static struct media_stream *stream_new(const struct camera *camera, const struct stream_use *use, struct media_url *url,
                                       const struct source_settings *settings, struct clock *clock)
{
    struct media_stream *stream = g_new0(struct media_stream, 1);
    stream->name = g_strdup(camera->id);
    stream->is_looping = camera->loop;
    stream->url = *url;
    stream->org_id = g_strdup(camera->org_id);
    stream->username = g_strdup(use->username && *use->username ? use->username : url->username);
    stream->password = g_strdup(use->password && *use->password ? use->password : url->password);
    stream->settings = *settings;
    stream->clock = clock;
    stream->viewers = g_ptr_array_new();
    stream->listeners = g_array_new(FALSE, FALSE, sizeof(struct stream_listener));
    stream->arrivals_kept = (unsigned)settings->kept_packets + STREAM_ARRIVALS;
    stream->arrivals = g_new0(struct stream_arrival, stream->arrivals_kept);
    stream->cancellable = g_cancellable_new();
    random_init_system(&stream->random);
    stream->attempts.steady_us = STREAM_STEADY_US;
    stream_breaker_init(stream);
    pthread_mutex_init(&stream->lock, NULL);
    wait_condition_init(&stream->stopped);
    stream_set_state(stream, "connecting", NULL);
    return stream;
}

void stream_add_viewer(struct media_stream *stream, struct stream_viewer *viewer, enum camera_decode decode)
{
    bool is_first = stream->viewers->len == 0;
    stream->decode = is_first || stream->decode == decode ? decode : DECODE_ALL;
    g_ptr_array_add(stream->viewers, viewer);
}

void stream_add_listener(struct media_stream *stream, const struct stream_listener *listener)
{
    g_array_append_val(stream->listeners, *listener);
}

bool stream_start(struct media_stream *stream, GError **error)
{
    if (stream->has_thread)
        return true;
    stream->skipper = media_skipper_new(stream->decode ? stream->decode : DECODE_ALL, &stream->settings, stream->clock,
                                        stream_count_at, stream);
    int failure = thread_start(&stream->thread, "stream", stream_main, stream);
    stream->has_thread = failure == 0;
    if (!failure)
        return true;
    g_clear_pointer(&stream->skipper, media_skipper_free);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "camera '%s': no thread: %s", stream->name,
                g_strerror(failure));
    return false;
}

void stream_describe(struct media_stream *stream, struct stream_health *health)
{
    pthread_mutex_lock(&stream->lock);
    health->source = g_strdup(stream->url.shown);
    health->state = g_strdup(stream->state);
    health->last_error = g_strdup(stream->last_error);
    health->codec = g_strdup(stream->codec);
    health->width_px = stream->width_px;
    health->height_px = stream->height_px;
    health->fps = strcmp(stream->state, "online") == 0 ? stream->fps : 0;
    pthread_mutex_unlock(&stream->lock);
    health->cameras = stream->camera_count;
    health->bytes_received = counter_get(&stream->health.bytes_received);
    health->connects = counter_get(&stream->health.connects);
    health->errors_count = counter_get(&stream->health.errors_count);
    health->stalls = counter_get(&stream->health.stalls);
}

static void stream_stop(struct media_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    __atomic_store_n(&stream->is_stopping, true, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&stream->stopped);
    pthread_mutex_unlock(&stream->lock);
    g_cancellable_cancel(stream->cancellable);
}

static void stream_free(gpointer data)
{
    struct media_stream *stream = data;
    stream_stop(stream);
    if (stream->has_thread)
        pthread_join(stream->thread, NULL);
    media_skipper_free(stream->skipper);
    vedette_breaker_free(stream->breaker.breaker);
    media_url_clear(&stream->url);
    g_ptr_array_unref(stream->viewers);
    g_array_unref(stream->listeners);
    g_free(stream->arrivals);
    g_object_unref(stream->cancellable);
    pthread_cond_destroy(&stream->stopped);
    pthread_mutex_destroy(&stream->lock);
    g_free(stream->name);
    g_free(stream->org_id);
    g_free(stream->username);
    g_free(stream->password);
    g_free(stream);
}

/* ---- all of them ---- */

struct media_streams {
    GPtrArray *items; /* of struct media_stream *, owned */
};

struct media_streams *media_streams_new(void)
{
    struct media_streams *streams = g_new(struct media_streams, 1);
    streams->items = g_ptr_array_new_with_free_func(stream_free);
    return streams;
}

void media_streams_stop(struct media_streams *streams)
{
    for (guint i = 0; i < streams->items->len; i++)
        stream_stop(g_ptr_array_index(streams->items, i));
}

void media_streams_free(struct media_streams *streams)
{
    if (!streams)
        return;
    media_streams_stop(streams); /* all at once, then each is waited for */
    g_ptr_array_unref(streams->items);
    g_free(streams);
}

/* A file plays for each camera from its beginning: what is shared is what a camera sends but once. Within one org: what
 * another sets its cameras to, as forced open, is nobody else's business. */
static bool is_shareable(const struct media_stream *stream, const struct media_stream *other)
{
    return !stream->has_thread && stream->url.scheme != MEDIA_FILE && stream->url.scheme != MEDIA_SCENE &&
           strcmp(stream->url.location, other->url.location) == 0 && g_strcmp0(stream->org_id, other->org_id) == 0 &&
           g_strcmp0(stream->username, other->username) == 0 && g_strcmp0(stream->password, other->password) == 0;
}

struct media_stream *stream_get(struct media_streams *streams, const struct camera *camera,
                                const struct stream_use *use, const struct source_settings *settings,
                                struct clock *clock, GError **error)
{
    struct media_url url;
    if (!media_url_parse(use->source, &url, error)) {
        g_prefix_error(error, "camera '%s': source: ", camera->id);
        return NULL;
    }
    struct media_stream *stream = stream_new(camera, use, &url, settings, clock);
    for (guint i = 0; i < streams->items->len; i++) {
        struct media_stream *other = g_ptr_array_index(streams->items, i);
        if (!is_shareable(other, stream))
            continue;
        stream_free(stream);
        other->camera_count++;
        return other;
    }
    stream->camera_count = 1;
    g_ptr_array_add(streams->items, stream);
    return stream;
}
