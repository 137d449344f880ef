/* The analysers: a fixed pool of threads. Each takes the camera whose frame is most overdue, runs its pipeline, and
 * sends what that tells. One of which no frame comes is taken each second all the same, for what is due by the clock. A
 * camera is on one thread at a time, so nothing of a pipeline is locked.
 */
#define LOG_MODULE "worker"
#include "worker/worker_internal.h"

#include "base/counter.h"
#include "base/thread.h"
#include "base/trace.h"
#include "worker/stages.h"

#include <string.h>

enum {
    BATCH_BYTES = 1 << 20, /* events of one frame travel together, up to this */
    PREVIEW_COMPLAINT_US = 60 * 1000000,
    LIVE_PATIENCE_US = 10 * 1000000, /* twice what a connection takes to know how late its pictures are */
};

/* ---- what a pipeline tells ---- */

void analyser_flush_events(struct watched_camera *camera)
{
    if (camera->event_count == 0)
        return;
    outbox_add(camera->worker->outbox, camera->events->str, camera->events->len, camera->event_count,
               camera->event_priority, &camera->health);
    g_string_truncate(camera->events, 0);
    camera->event_count = camera->event_priority = 0;
}

static void on_event(void *data, const struct analytics_event *event)
{
    struct watched_camera *camera = data;
    record_encode_json(&event_under_way_descriptor, event, true, camera->events);
    g_string_append_c(camera->events, '\n');
    camera->event_count++;
    camera->event_priority = MAX(camera->event_priority, event->priority);
    if (camera->events->len >= BATCH_BYTES)
        analyser_flush_events(camera);
}

static void on_tracks(void *data, const struct track_update *update)
{
    struct watched_camera *camera = data;
    GString *text = camera->tracks;
    g_string_truncate(text, 0);
    record_encode_json(&track_update_descriptor, update, false, text);
    /* live only: when the link is full the page misses a moment, and the next one comes */
    if (!link_send(camera->worker->link, LINK_TRACKS, text->str, text->len, NULL))
        log_debug(camera->camera.id, "tracks not sent: the link is full");
}

struct pipeline_sink analyser_sink(struct watched_camera *camera)
{
    return (struct pipeline_sink){on_event, on_tracks, camera, camera->worker->config.workers.store_tracks};
}

/* ---- previews ---- */

/* `frame_number` is of the analysed frame whose boxes belong over the picture. */
static void send_preview(struct watched_camera *camera, const struct frame *frame, uint64_t frame_number, GBytes *jpeg)
{
    gsize jpeg_length;
    const void *data = g_bytes_get_data(jpeg, &jpeg_length);
    uint16_t id_length = (uint16_t)strlen(camera->camera.id);
    uint16_t id_length_le = GUINT16_TO_LE(id_length);
    int64_t at_ms = (int64_t)GUINT64_TO_LE((uint64_t)frame->captured_at_ms);
    uint64_t number = GUINT64_TO_LE(frame_number);
    int64_t telling = GINT64_TO_LE(camera->telling);
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_byte_array_append(body, (const guint8 *)&id_length_le, sizeof id_length_le);
    g_byte_array_append(body, (const guint8 *)camera->camera.id, id_length);
    g_byte_array_append(body, (const guint8 *)&at_ms, sizeof at_ms);
    g_byte_array_append(body, (const guint8 *)&number, sizeof number);
    g_byte_array_append(body, (const guint8 *)&telling, sizeof telling);
    g_byte_array_append(body, data, (guint)jpeg_length);
    if (!link_send(camera->worker->link, LINK_PREVIEW, body->data, body->len, NULL))
        log_debug(camera->camera.id, "preview not sent: the link is full");
}

static bool complain(struct watched_camera *camera, const GError *error)
{
    gint64 held_back;
    if (error && log_limit_pass(&camera->preview_complaint, PREVIEW_COMPLAINT_US, &held_back))
        log_warning(camera->camera.id, "no preview: %s (%lld more)", error->message, (long long)held_back);
    return error;
}

/* What passes is not told: a stream that begins, or an analysis that was busy for a moment. */
static void note_live(struct watched_camera *camera, enum figure_refusal refusal)
{
    int64_t now_us = clock_monotonic_us(clock_system());
    if (!refusal)
        camera->live_refused_us = 0;
    else if (!camera->live_refused_us)
        camera->live_refused_us = now_us;
    if (!refusal || now_us - camera->live_refused_us > LIVE_PATIENCE_US)
        counter_set(&camera->live_refusal, refusal);
}

/* A picture of the stream that is to be shown, when there is one of which is known what must be hidden. */
static bool preview_live(struct watched_camera *camera, int64_t covered_ms)
{
    g_autoptr(GError) error = NULL;
    uint64_t number = 0;
    CLEANUP(frame)
    struct frame *frame =
        media_source_find_live(camera->source, covered_ms, camera->worker->config.workers.live_window_ms / 2);
    enum figure_refusal refusal = FIGURES_ELSEWHEN;
    g_autoptr(GBytes) jpeg = frame ? pipeline_preview_live(camera->pipeline, frame, &number, &refusal, &error) : NULL;
    note_live(camera, refusal);
    if (jpeg)
        send_preview(camera, frame, number, jpeg);
    return jpeg || complain(camera, error);
}

/* False: there was nothing to do. */
static bool preview(struct watched_camera *camera, struct frame *frame, int64_t until_us)
{
    int64_t now_us = clock_monotonic_us(clock_system()), covered_ms = 0;
    bool has_live = media_source_has_live(camera->source);
    if (now_us > until_us) {
        camera->live_refused_us = 0; /* nobody looks */
        counter_set(&camera->live_refusal, 0);
        return false;
    }
    if (has_live)
        covered_ms = pipeline_remember_figures(camera->pipeline, frame);
    if (now_us < camera->preview_next_us)
        return has_live;
    camera->preview_next_us = now_us + G_USEC_PER_SEC / camera->worker->config.workers.preview_fps;
    if (has_live && preview_live(camera, covered_ms))
        return true;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) jpeg = pipeline_preview(camera->pipeline, frame, &error);
    if (jpeg)
        send_preview(camera, frame, frame->number, jpeg);
    complain(camera, error);
    return true;
}

/* ---- traces ---- */

static void encode_trace(const struct watched_camera *camera, const struct frame *frame, GString *text)
{
    const struct stages *stages = pipeline_stages(camera->pipeline);
    const struct frame_events *trace = pipeline_trace(camera->pipeline);
    struct stage_span spans[STAGE_END];
    int64_t begin_ns = stages->begin_ns, wall_us = trace_wall_ns(0) / 1000;
    size_t count = 0;
    for (int stage = STAGE_DECODE; stage < STAGE_FRAME; stage++) /* the frame itself is told apart */
        if (stages->spans[stage].end_ns) {
            begin_ns = MIN(begin_ns, stages->spans[stage].start_ns);
            spans[count++] =
                (struct stage_span){(enum frame_stage)stage, wall_us + stages->spans[stage].start_ns / 1000,
                                    wall_us + stages->spans[stage].end_ns / 1000};
        }
    const struct frame_trace told = {.camera_id = (char *)(uintptr_t)camera->camera.id,
                                     .traceparent = (char *)(uintptr_t)trace->traceparent,
                                     .frame_number = frame->number,
                                     .start_us = wall_us + begin_ns / 1000,
                                     .end_us = wall_us + stages->at_ns / 1000,
                                     .events = trace->count,
                                     .stages = {spans, count}};
    record_encode_json(&frame_trace_descriptor, &told, true, text);
}

/* Of a frame that raised an event and whose trace is told; one that does not get through is missed, not waited for. */
static void send_trace(struct watched_camera *camera, const struct frame *frame)
{
    const struct frame_events *trace = pipeline_trace(camera->pipeline);
    if (trace->count == 0 || !trace->context.is_sampled)
        return;
    g_autoptr(GString) text = g_string_new(NULL);
    encode_trace(camera, frame, text);
    if (!link_send(camera->worker->link, LINK_TRACE, text->str, text->len, NULL))
        counter_add(&camera->health.traces_dropped, 1);
}

/* ---- analysers ---- */

static void note_due(struct watched_camera *camera, int64_t *since_us)
{
    pthread_mutex_lock(&camera->worker->lock);
    if (*since_us == 0)
        *since_us = clock_monotonic_us(clock_system());
    pthread_cond_signal(&camera->worker->work);
    pthread_mutex_unlock(&camera->worker->lock);
}

void analyser_note_frame(void *data)
{
    struct watched_camera *camera = data;
    note_due(camera, &camera->waiting_since_us);
}

void analyser_note_idle(struct watched_camera *camera)
{
    note_due(camera, &camera->idle_since_us);
}

/* 0: nothing is to be done for it. With the lock held. */
static int64_t due_since_us(const struct watched_camera *camera)
{
    return camera->waiting_since_us ? camera->waiting_since_us : camera->idle_since_us;
}

/* The camera that has waited longest and nobody has. With the lock held. */
static struct watched_camera *most_overdue(struct worker *worker)
{
    struct watched_camera *best = NULL;
    for (guint i = 0; i < worker->cameras->len; i++) {
        struct watched_camera *camera = g_ptr_array_index(worker->cameras, i);
        if (due_since_us(camera) && !camera->is_taken && (!best || due_since_us(camera) < due_since_us(best)))
            best = camera;
    }
    return best;
}

static void take_over(struct watched_camera *camera, struct camera_config *told)
{
    if (!told)
        return;
    pipeline_configure(camera->pipeline, told);
    if (camera->source)
        media_source_set_fps(camera->source, told->camera.analyse_fps);
    camera->telling = told->telling;
    camera->analyse_fps = told->camera.analyse_fps;
    camera->thinned_scale = 0; /* made anew */
    counter_set(&camera->health.policy_revision, told->policy_revision);
    log_debug(camera->camera.id, "policies of revision %" G_GINT64_FORMAT " are in force", told->policy_revision);
    record_clear(&camera_config_descriptor, told);
    g_free(told);
}

/* Whether the governor leaves this frame out. */
static bool is_left_out(struct watched_camera *camera, const struct frame *frame, const struct governor_order *order)
{
    int64_t quiet_us = clock_monotonic_us(clock_system()) - camera->active_us;
    bool is_quiet = (double)quiet_us >= camera->worker->config.quiet_seconds * G_USEC_PER_SEC;
    double scale = order->all_scale * (is_quiet ? order->quiet_scale : 1);
    if (scale >= 1)
        return false;
    if (camera->thinned_scale != scale)
        frame_thinner_init(&camera->governed, camera->analyse_fps * scale);
    camera->thinned_scale = scale;
    return !frame_thinner_pass(&camera->governed, frame->media_us);
}

/* The frame to be looked at; NULL: none waits, or it is left out. Of a camera that nobody was told the policies of
 * nothing is seen: they say what may be. */
static struct frame *take_frame(struct watched_camera *camera, bool is_told, const struct governor_order *order)
{
    CLEANUP(frame) struct frame *frame = media_source_take(camera->source);
    if (!frame)
        return NULL;
    if (!camera->health.first_picture_ms)
        counter_set(&camera->health.first_picture_ms,
                    MAX((clock_monotonic_us(clock_system()) - camera->started_us) / 1000, 1));
    if (is_told && !is_left_out(camera, frame, order))
        return g_steal_pointer(&frame);
    counter_add(&camera->health.frames_skipped, 1);
    return NULL;
}

static void analyse(struct watched_camera *camera, bool is_told, int64_t preview_until_us,
                    const struct governor_order *order)
{
    CLEANUP(frame) struct frame *frame = take_frame(camera, is_told, order);
    if (!frame) {
        pipeline_pass_time(camera->pipeline);
        analyser_flush_events(camera);
        return;
    }
    pipeline_feed(camera->pipeline, frame);
    bool is_active = pipeline_is_active(camera->pipeline);
    if (is_active)
        camera->active_us = clock_monotonic_us(clock_system());
    /* what is shown of another stream needs to know what is hidden in it, moment by moment */
    bool is_shown = media_source_has_live(camera->source) && clock_monotonic_us(clock_system()) < preview_until_us;
    media_source_set_activity(camera->source, is_shown || is_active);
    struct stages *stages = pipeline_stages(camera->pipeline);
    stages_skip(stages);
    analyser_flush_events(camera);
    stages_mark(stages, STAGE_LINK);
    if (order->has_previews && preview(camera, frame, preview_until_us))
        stages_mark(stages, STAGE_PRIVACY);
    stages_finish(stages);
    send_trace(camera, frame);
}

void analyser_begin_turn(struct watched_camera *camera)
{
    camera->is_taken = true;
    camera->busy_since_us = camera->waiting_since_us ? clock_monotonic_us(clock_system()) : 0;
    camera->waiting_since_us = camera->idle_since_us = 0;
}

static void *analyser_main(void *data)
{
    struct worker *worker = data;
    pthread_mutex_lock(&worker->lock);
    while (!worker->is_stopping) {
        struct watched_camera *camera = most_overdue(worker);
        if (!camera) {
            pthread_cond_wait(&worker->work, &worker->lock);
            continue;
        }
        analyser_begin_turn(camera);
        int64_t preview_until_us = camera->preview_until_us;
        struct camera_config *told = g_steal_pointer(&camera->told);
        bool is_told = camera->is_told;
        const struct governor_order order = worker->order;
        pthread_mutex_unlock(&worker->lock);
        take_over(camera, told);
        analyse(camera, is_told, preview_until_us, &order);
        pthread_mutex_lock(&worker->lock);
        camera->is_taken = false;
        camera->busy_since_us = 0;
        if (due_since_us(camera))
            pthread_cond_signal(&worker->work);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

bool analyser_start_all(struct worker *worker, GError **error)
{
    int count = worker->config.workers.threads ? worker->config.workers.threads : (int)g_get_num_processors();
    int failure = 0;
    worker->analysers = g_new0(pthread_t, (size_t)count);
    while (worker->analyser_count < count && failure == 0) {
        failure = thread_start(&worker->analysers[worker->analyser_count], "analyser", analyser_main, worker);
        worker->analyser_count += failure == 0;
    }
    if (worker->analyser_count > 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "no thread to analyse with: %s", g_strerror(failure));
    return false;
}

void analyser_stop_all(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->is_stopping = true;
    pthread_cond_broadcast(&worker->work);
    pthread_mutex_unlock(&worker->lock);
    for (int i = 0; i < worker->analyser_count; i++)
        pthread_join(worker->analysers[i], NULL);
}
