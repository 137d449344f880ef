/* The cameras of a worker: those of its configuration, and those that come and go while it runs. A camera that goes
 * is taken from the analysers at once and lives on until its last records are acknowledged. Main thread.
 *
 * Those of the configuration file share connections (worker->streams), which end together; those that the API made have
 * their own, and so can end apart.
 */
#define LOG_MODULE "worker"
#include "worker/worker_internal.h"

#include "base/counter.h"
#include "facts/place_classes.h"
#include "worker/stages.h"

#include <string.h>

enum { US_PER_MS = 1000 };

static void watched_free(void *data)
{
    struct watched_camera *camera = data;
    media_source_free(camera->source);
    pipeline_free(camera->pipeline);
    g_free(camera->start_error);
    if (camera->told)
        record_clear(&camera_config_descriptor, camera->told);
    g_free(camera->told);
    record_clear(&camera_health_descriptor, &camera->health);
    record_clear(&camera_descriptor, &camera->camera);
    record_clear(&camera_descriptor, &camera->as_told);
    g_string_free(camera->events, TRUE);
    g_string_free(camera->tracks, TRUE);
    g_free(camera);
}

GPtrArray *watching_array_new(void)
{
    return g_ptr_array_new_with_free_func(watched_free);
}

void watching_forget_added(struct worker *worker)
{
    if (!worker->added)
        return;
    g_hash_table_remove(worker->words, worker->added->camera.id);
    record_clear(&worker_camera_descriptor, worker->added);
    g_clear_pointer(&worker->added, g_free);
}

/* ---- coming ---- */

static void note_not_started(struct watched_camera *watched, const GError *error)
{
    watched->start_error = g_strdup(error->message);
    log_error(watched->camera.id, "not started: %s", error->message);
}

static void open_source(struct watched_camera *watched)
{
    struct worker *worker = watched->worker;
    struct source_settings settings = worker->config.source; /* borrows */
    bool is_of_file = watched->camera.managed_by != CAMERA_OF_API;
    g_autoptr(GError) error = NULL;
    if (!is_of_file)
        settings.refused_networks = worker->config.managed_cameras.refused_networks;
    watched->source = media_source_new(is_of_file ? worker->streams : NULL, &watched->camera, &settings, clock_system(),
                                       &watched->health, analyser_note_frame, watched, &error);
    if (!watched->source)
        note_not_started(watched, error);
}

void watching_force_breaker(struct worker *worker, const char *id, enum vedette_breaker_state word, bool is_awaited)
{
    const struct watched_camera *camera = watching_find(worker, id, strlen(id));
    if (camera && camera->source)
        media_source_force_breaker(camera->source, word);
    else if (!camera && is_awaited)
        g_hash_table_replace(worker->words, g_strdup(id), GINT_TO_POINTER(word));
}

/* What was said to it before it was there. Of all who share a connection before the first of them is started. */
static void heed_word(struct worker *worker, const struct watched_camera *watched)
{
    int word = GPOINTER_TO_INT(g_hash_table_lookup(worker->words, watched->camera.id));
    if (word && watched->source)
        media_source_force_breaker(watched->source, (enum vedette_breaker_state)word);
    g_hash_table_remove(worker->words, watched->camera.id);
}

void watching_note_looks(struct watched_camera *camera)
{
    struct reader *reader = camera->worker->reader;
    g_autofree char *trouble = reader ? reader_describe_trouble(reader) : NULL;
    if (trouble)
        counter_set(&camera->health.reid_failing, 1);
}

static void know_looks(struct watched_camera *watched)
{
    struct worker *worker = watched->worker;
    if (!worker->reader)
        return;
    watching_note_looks(watched);
    pipeline_know_looks(watched->pipeline, &worker->config.reid, worker->reader, &worker->reader_lock);
}

struct watched_camera *watching_add(struct worker *worker, const struct camera *camera, uint64_t track_id_base)
{
    struct watched_camera *watched = g_new0(struct watched_camera, 1);
    watched->worker = worker;
    const struct pipeline_sink sink = analyser_sink(watched);
    record_copy(&camera_descriptor, camera, &watched->camera);
    watched->analyse_fps = camera->analyse_fps;
    watched->events = g_string_new(NULL);
    watched->tracks = g_string_new(NULL);
    record_init(&camera_health_descriptor, &watched->health);
    watched->health.camera_id = g_strdup(camera->id);
    watched->pipeline = pipeline_new(&worker->config, &watched->camera, worker->detector, &worker->detector_lock,
                                     track_id_base, clock_system(), &watched->health, &sink);
    know_looks(watched);
    open_source(watched);
    heed_word(worker, watched);
    pthread_mutex_lock(&worker->lock);
    g_ptr_array_add(worker->cameras, watched);
    pthread_mutex_unlock(&worker->lock);
    return watched;
}

/* How long those who are started now wait for those who were before. */
static int64_t take_turns_ms(struct worker *worker, guint count)
{
    int64_t now_us = clock_monotonic_us(clock_system()), turn_us = MAX(now_us, worker->next_turn_us);
    worker->next_turn_us = turn_us + (int64_t)count * worker->config.source.start_spread_ms * US_PER_MS;
    return (turn_us - now_us) / US_PER_MS;
}

static void start(struct watched_camera *watched, int64_t wait_ms, guint together)
{
    g_autoptr(GError) error = NULL;
    watched->started_us = clock_monotonic_us(clock_system());
    if (!watched->source)
        return;
    media_source_set_breaker(watched->source, &watched->worker->config.breaker);
    media_source_spread_start(watched->source, wait_ms, together);
    if (!media_source_start(watched->source, &error))
        note_not_started(watched, error);
}

void watching_start(struct worker *worker, guint count)
{
    int64_t wait_ms = take_turns_ms(worker, count);
    for (guint i = worker->cameras->len - count; i < worker->cameras->len; i++)
        start(g_ptr_array_index(worker->cameras, i), wait_ms, count);
}

struct watched_camera *watching_find(struct worker *worker, const char *id, size_t length)
{
    for (guint i = 0; i < worker->cameras->len; i++) {
        struct watched_camera *camera = g_ptr_array_index(worker->cameras, i);
        if (strlen(camera->camera.id) == length && memcmp(camera->camera.id, id, length) == 0)
            return camera;
    }
    return NULL;
}

/* ---- how they are ---- */

static void replace_text(char **text, const char *with)
{
    g_free(*text);
    *text = g_strdup(with);
}

/* A while after its start: what counts for it comes at once, or not before somebody mends something. */
static bool is_not_told(struct watched_camera *camera, int64_t now_us)
{
    enum { WHILE_US = 3 * 1000000 };
    pthread_mutex_lock(&camera->worker->lock);
    bool is_told = camera->is_told;
    pthread_mutex_unlock(&camera->worker->lock);
    return !is_told && now_us - camera->started_us > WHILE_US;
}

/* How long the frame that is being analysed, or else waits, has done so. */
static void note_frame_age(struct watched_camera *camera, int64_t now_us)
{
    pthread_mutex_lock(&camera->worker->lock);
    int64_t since_us = camera->busy_since_us ? camera->busy_since_us : camera->waiting_since_us;
    pthread_mutex_unlock(&camera->worker->lock);
    gauge_set(&camera->health.frame_age_ms, since_us ? (double)MAX(now_us - since_us, 0) / 1000 : 0);
}

/* A restart may have chosen another. */
static void describe_provider(struct watched_camera *camera)
{
    struct camera_health *health = &camera->health;
    if (!camera->worker->detector)
        return;
    if (models_loading(camera->worker) == MODELS_LOADING_DETECTOR) {
        replace_text(&health->detector_provider_reason, "the model is still being loaded");
        return;
    }
    g_free(health->detector_provider);
    g_free(health->detector_provider_reason);
    detector_describe_provider(camera->worker->detector, &health->detector_provider, &health->detector_provider_reason);
}

/* Takes `trouble`: NULL of a model that hangs, is busy for too long, or failed for another camera. */
static char *describe_failing(const char *model, char *trouble, const char *instead)
{
    g_autofree char *why = trouble ? g_strdup_printf(" (%s)", trouble) : g_strdup("");
    g_free(trouble);
    return g_strdup_printf("%s fails%s; %s", model, why, instead);
}

/* What a camera does without its model, and what it cannot do. */
static char *describe_instead(const struct watched_camera *camera)
{
    g_autofree char *lost = place_classes_describe(&camera->as_told, NULL);
    return g_strconcat("what moves is followed instead", lost ? "; " : "", lost ? lost : "", NULL);
}

/* NULL: none does. */
static char *describe_failing_model(const struct watched_camera *camera)
{
    static const char no_reader[] = "a track that was lost for long gets a new id";
    struct worker *worker = camera->worker;
    enum models_loading loading = models_loading(worker);
    g_autofree char *no_detector = describe_instead(camera);
    if (loading == MODELS_LOADING_DETECTOR)
        return g_strconcat("the model is still being loaded; ", no_detector, NULL);
    if (counter_get(&camera->health.detector_failing))
        return describe_failing("the model", detector_describe_trouble(worker->detector), no_detector);
    if (loading == MODELS_LOADING_READER)
        return g_strconcat("the model of looks is still being loaded; ", no_reader, NULL);
    if (counter_get(&camera->health.reid_failing))
        return describe_failing("the model of looks", reader_describe_trouble(worker->reader), no_reader);
    return NULL;
}

/* A zone or line that waits for what never comes; NULL: none, or the model's labels are not known yet. */
static char *describe_lost_place(const struct watched_camera *camera)
{
    struct detector *detector = camera->worker->detector;
    const struct record_strings *labels = detector ? detector_labels(detector) : NULL;
    return detector && !labels ? NULL : place_classes_describe(&camera->as_told, labels);
}

/* The first of these that holds is told, unless something worse is. */
static void tell_troubles(struct watched_camera *camera, int64_t now_us)
{
    struct camera_health *health = &camera->health;
    if (*health->last_error)
        return;
    g_autofree char *failing = describe_failing_model(camera);
    g_autofree char *lost_place = describe_lost_place(camera);
    if (is_not_told(camera, now_us))
        replace_text(&health->last_error, "nothing of it is analysed, for it is not known what its policies allow: the "
                                          "hub's log says why");
    else if (failing)
        replace_text(&health->last_error, failing);
    else if (counter_get(&health->frames_too_far_apart))
        replace_text(&health->last_error, "pictures are analysed further apart than rules.outage_seconds: nothing is "
                                          "followed from one to the next, and nothing is counted");
    else if (lost_place && strcmp(health->state, "online") == 0) /* else it would pass for why it is not */
        replace_text(&health->last_error, lost_place);
}

static const char *const live_refusals[] = {
    [FIGURES_OF_ANOTHER_SHAPE] = "they have another shape than the analysed ones, so that what must be hidden lies "
                                 "elsewhere in them",
    [FIGURES_OF_ANOTHER_CLOCK] =
        "only one of the two streams tells the camera's clock, so that it is not known what was "
        "seen at the same moment",
    [FIGURES_LATE] = "those of one of the two streams are held up on their way for more than a third of "
                     "workers.live_window_ms, or come by HTTP, which does not tell",
    [FIGURES_TOO_FEW] = "too few are analysed around each to know what must be hidden in it: one each 300 ms is needed",
    [FIGURES_ELSEWHEN] = "none is of a moment that was analysed: the two streams' times are too far apart",
};

static bool has_role(const struct stream_health *stream, enum stream_role role)
{
    for (size_t i = 0; i < stream->roles.count; i++)
        if (strcmp(stream->roles.items[i], record_enum_name(stream_role_names, role)) == 0)
            return true;
    return false;
}

/* Unless something worse is told of the stream. */
static void tell_live(struct watched_camera *camera)
{
    int64_t refusal = counter_get(&camera->live_refusal);
    struct stream_health *streams = camera->health.streams.items;
    for (size_t i = 0; refusal && i < camera->health.streams.count; i++) {
        bool is_well = strcmp(streams[i].state, "online") == 0 && !*streams[i].last_error;
        if (!is_well || !has_role(&streams[i], STREAM_LIVE))
            continue;
        g_free(streams[i].last_error);
        streams[i].last_error =
            g_strdup_printf("its pictures are not shown, the analysed ones are instead: %s", live_refusals[refusal]);
    }
}

void watching_describe(struct watched_camera *camera, int64_t now_us)
{
    struct camera_health *health = &camera->health;
    if (!camera->start_error) {
        media_source_describe(camera->source, health);
        tell_live(camera);
    } else {
        replace_text(&health->state, "failed");
        replace_text(&health->last_error, camera->start_error);
    }
    note_frame_age(camera, now_us);
    describe_provider(camera);
    int64_t processed = counter_get(&health->frames_processed);
    if (camera->rate_since_us)
        health->analysed_fps = (double)(processed - camera->frames_before) * G_USEC_PER_SEC /
                               (double)MAX(now_us - camera->rate_since_us, 1);
    camera->frames_before = processed;
    camera->rate_since_us = now_us;
    tell_troubles(camera, now_us);
}

void watching_wake_idle(struct worker *worker)
{
    for (guint i = 0; i < worker->cameras->len; i++) {
        struct watched_camera *camera = g_ptr_array_index(worker->cameras, i);
        int64_t processed = counter_get(&camera->health.frames_processed);
        if (processed == camera->frames_when_woken && camera->source)
            analyser_note_idle(camera);
        camera->frames_when_woken = processed;
    }
}

/* ---- going ---- */

void watching_measure(struct watched_camera *camera, struct camera_times *times)
{
    const struct stages *stages = pipeline_stages(camera->pipeline);
    enum { COUNT = STAGE_END - STAGE_DECODE };
    times->camera_id = g_strdup(camera->camera.id);
    times->stages = (struct record_list){g_new0(struct stage_times, COUNT), COUNT};
    for (int stage = STAGE_DECODE; stage < STAGE_END; stage++)
        stage_times_write((struct stage_times *)times->stages.items + stage - STAGE_DECODE, (enum frame_stage)stage,
                          &stages->times[stage]);
}

void watching_leave(struct worker *worker, const char *id, size_t length)
{
    struct watched_camera *camera = watching_find(worker, id, length);
    if (!camera)
        return;
    pthread_mutex_lock(&worker->lock);
    guint index;
    if (g_ptr_array_find(worker->cameras, camera, &index))
        g_ptr_array_steal_index(worker->cameras, index);
    camera->waiting_since_us = camera->idle_since_us = 0;
    pthread_mutex_unlock(&worker->lock);
    g_ptr_array_add(worker->left, camera);
}

/* The last records: stays that are open end now. */
static void finish(struct watched_camera *camera)
{
    pipeline_finish(camera->pipeline);
    analyser_flush_events(camera);
    camera->is_finished = true;
}

static bool is_busy(struct watched_camera *camera)
{
    pthread_mutex_lock(&camera->worker->lock);
    bool is_busy = camera->is_taken;
    pthread_mutex_unlock(&camera->worker->lock);
    return is_busy;
}

void watching_end_left(struct worker *worker)
{
    for (guint i = worker->left->len; i-- > 0;) {
        struct watched_camera *camera = g_ptr_array_index(worker->left, i);
        if (!camera->is_finished && !is_busy(camera)) {
            g_clear_pointer(&camera->source, media_source_free); /* waits for its threads */
            finish(camera);
        }
        if (!camera->is_finished || outbox_has(worker->outbox, &camera->health))
            continue;
        if (!link_send(worker->link, LINK_REMOVED, camera->camera.id, strlen(camera->camera.id), NULL))
            continue; /* at the next turn */
        g_ptr_array_remove_index(worker->left, i);
    }
}

void watching_finish_all(struct worker *worker)
{
    GPtrArray *const places[] = {worker->cameras, worker->left};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
        for (guint j = 0; j < places[i]->len; j++) {
            struct watched_camera *camera = g_ptr_array_index(places[i], j);
            if (!camera->is_finished)
                finish(camera);
        }
}
