/* A live camera: connects for ever, decodes, thins, and leaves the newest frame in a mailbox of one.
 *
 * Threads: one of our own (conversation with the camera, or pacing of a file), and GStreamer's streaming thread, which
 * delivers frames. `lock` guards what both and media_source_describe touch; the mailbox is one atomic pointer.
 */
#define LOG_MODULE "media"
#include "media/source_internal.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/random.h"

#include <string.h>
#include <time.h>

enum {
    SOURCE_RATE_WINDOW_US = 2000000,
    SOURCE_STEADY_US = 10000000, /* frames for so long: the next failure starts from the first delay again */
};

/* ---- state ---- */

void source_set_state(struct media_source *source, const char *state, const char *error)
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

void source_set_decoder(struct media_source *source, const char *name)
{
    pthread_mutex_lock(&source->lock);
    g_strlcpy(source->decoder, name, sizeof source->decoder);
    pthread_mutex_unlock(&source->lock);
}

bool source_is_stopping(const struct media_source *source)
{
    return __atomic_load_n(&source->is_stopping, __ATOMIC_ACQUIRE);
}

/* Waits, or ends early when asked to stop. */
void source_wait_ms(struct media_source *source, int64_t ms)
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
    while (!source_is_stopping(source) && pthread_cond_timedwait(&source->stopped, &source->lock, &until) == 0)
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

void source_note_cpu(struct media_source *source)
{
    int64_t cpu_us = thread_cpu_us(), spent_us = cpu_us - source->cpu_us;
    /* a new streaming thread starts from its own zero */
    if (source->cpu_us > 0 && spent_us > 0)
        counter_add(&source->health->decode_us, spent_us);
    source->cpu_us = cpu_us;
}

/* Counts a decoded frame and keeps the rate by the wall clock. True when the camera has just come online. */
bool source_note_frame(struct media_source *source, int width_px, int height_px)
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
void source_deliver(struct media_source *source, struct frame *frame, int64_t stream_us)
{
    stamp(source, frame, stream_us);
    put_frame(source, frame);
}

struct frame *media_source_take(struct media_source *source)
{
    return __atomic_exchange_n(&source->mailbox, NULL, __ATOMIC_ACQ_REL);
}

/* ---- files and scenes, in real time ---- */

static void pace(struct media_source *source, int64_t start_us, int64_t media_us)
{
    int64_t ahead_ms = (start_us + media_us - clock_monotonic_us(source->clock)) / 1000;
    if (ahead_ms > 0)
        source_wait_ms(source, ahead_ms);
}

/* Plays once through. `offset_us` is where this pass starts on the source's own time axis. */
static bool play_once(struct media_source *source, int64_t *offset_us, GError **error)
{
    CLEANUP(media_reader)
    struct media_reader *reader =
        media_reader_open_live(source->url.location, &source->settings, source->skipper, error);
    if (!reader)
        return false;
    counter_add(&source->health->connects, 1);
    int64_t start_us = clock_monotonic_us(source->clock), last_us = 0;
    source->cpu_us = thread_cpu_us();
    source_set_decoder(source, media_reader_decoder(reader));
    while (!source_is_stopping(source)) {
        g_autoptr(GError) cause = NULL;
        struct frame *frame = media_reader_next(reader, &cause);
        source_note_cpu(source);
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
        source_note_frame(source, frame->width_px, frame->height_px);
        if (frame_thinner_pass(&source->thinner, frame->media_us)) {
            source_deliver(source, frame, frame->media_us);
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
    while (!source_is_stopping(source) && play_once(source, &offset_us, error))
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
        g_strdup_printf("%s%s%s", is_file ? "" : source->url.shown, is_file ? "" : ": ", error->message);
    counter_add(&source->health->errors_count, 1);
    source_set_state(source, "waiting", text);
    log_warning(source->camera_id, "%s; trying again", text);
}

static void *source_main(void *data)
{
    struct media_source *source = data;
    while (!source_is_stopping(source)) {
        g_autoptr(GError) error = NULL;
        int64_t started_us = clock_monotonic_us(source->clock);
        source_set_state(source, "connecting", NULL);
        bool is_rtsp = source->url.scheme == MEDIA_RTSP || source->url.scheme == MEDIA_RTSPS;
        if (is_rtsp)
            source_run_rtsp(source, &error);
        else if (run_file(source, &error)) {
            source_set_state(source, "ended", NULL);
            break;
        }
        if (source_is_stopping(source))
            break;
        int64_t up_us = __atomic_load_n(&source->last_frame_us, __ATOMIC_ACQUIRE) - started_us;
        if (up_us > SOURCE_STEADY_US)
            source->attempts = 0;
        if (error)
            report_failure(source, error);
        source_wait_ms(source, media_retry_delay_ms(&source->random, source->attempts++, &source->settings));
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
        g_prefix_error(error, "camera '%s': source: ", camera->id);
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
    source->skipper = media_skipper_new(camera->decode ? camera->decode : DECODE_ALL, settings, clock, health);
    random_init_system(&source->random);
    frame_thinner_init(&source->thinner, camera->analyse_fps);
    pthread_mutex_init(&source->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&source->stopped, &monotonic);
    pthread_condattr_destroy(&monotonic);
    source_set_state(source, "connecting", NULL);
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

void media_source_set_activity(struct media_source *source, bool is_active)
{
    media_skipper_set_activity(source->skipper, is_active);
}

void media_source_describe(struct media_source *source, struct camera_health *health)
{
    pthread_mutex_lock(&source->lock);
    g_free(health->state);
    g_free(health->last_error);
    g_free(health->codec);
    g_free(health->decoder);
    health->decoder = g_strdup(source->decoder);
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
    media_skipper_free(source->skipper);
    media_url_clear(&source->url);
    g_object_unref(source->cancellable);
    pthread_cond_destroy(&source->stopped);
    pthread_mutex_destroy(&source->lock);
    g_free(source->camera_id);
    g_free(source->username);
    g_free(source->password);
    g_free(source);
}
