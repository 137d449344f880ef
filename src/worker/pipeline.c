#define LOG_MODULE "worker"
#include "worker/pipeline_internal.h"

#include "base/counter.h"
#include "base/id.h"
#include "base/log.h"
#include "base/trace.h"
#include "facts/object_class.h"
#include "worker/observe.h"

#include <string.h>
#include <time.h>

enum {
    DETECTOR_COMPLAINT_US = 60 * 1000000,
    /* a camera waits no longer for its turn: the model hangs, or is far too slow for so many cameras */
    DETECTOR_TURN_SECONDS = 2,
    /* so many in a row are no outages, but the rate at which pictures come */
    OUTAGES_OF_A_RATE = 3,
    PAYLOAD_USUAL_BYTES = 4096,
};

static void emit(void *data, enum event_type type, void *record);
static void emit_chunk(void *pipeline, struct track_chunk *chunk);

/* A camera of which each picture comes after an outage is looked at in vain: it says so. */
static void tell_rate(struct pipeline *pipeline)
{
    bool is_too_slow = pipeline->is_set_too_slow || pipeline->outages >= OUTAGES_OF_A_RATE;
    counter_set(&pipeline->health->frames_too_far_apart, is_too_slow);
}

/* Known before the first picture comes. */
static void note_rate(struct pipeline *pipeline, double analyse_fps)
{
    pipeline->is_set_too_slow = analyse_fps * pipeline->outage_seconds < 1;
    tell_rate(pipeline);
}

/* The model tells of what is followed, and in any case of what is hidden. What it said by another threshold is not what
 * it would say now: it looks at the next picture. */
static void choose_confidence(struct pipeline *pipeline)
{
    if (!pipeline->detector)
        return;
    double followed = detector_confidence(pipeline->detector, pipeline->wants);
    double looked = MIN(followed, detector_confidence(pipeline->detector, pipeline->hides_from));
    if (looked != pipeline->looks_from)
        pipeline->gate.has_run = false;
    pipeline->selection.confidence = followed;
    pipeline->looks_from = looked;
}

static void configure_picture(struct pipeline *pipeline, const struct camera *camera, const struct rule_settings *rules)
{
    const struct zone *zones = camera->zones.items;
    struct picture_wishes wishes = {.look_seconds = camera->rules.tamper_seconds,
                                    .thing_area = rules->object_minimum_area};
    for (size_t i = 0; i < camera->zones.count; i++)
        wishes.thing_seconds = MAX(wishes.thing_seconds, MAX(zones[i].left_seconds, zones[i].taken_seconds));
    picture_watch_configure(pipeline->picture, &wishes);
}

struct pipeline *pipeline_new(const struct worker_config *config, const struct camera *camera,
                              struct detector *detector, pthread_mutex_t *detector_lock, uint64_t track_id_base,
                              struct clock *clock, struct camera_health *health, const struct pipeline_sink *sink)
{
    struct pipeline *pipeline = g_new0(struct pipeline, 1);
    pipeline->camera_id = g_strdup(camera->id);
    pipeline->tracker_settings = config->tracker;
    pipeline->clock = clock;
    pipeline->health = health;
    pipeline->sink = *sink;
    pipeline->detector = detector;
    pipeline->detector_lock = detector_lock;
    pipeline->preview_width_px = config->workers.preview_width_px;
    pipeline->preview_quality = config->workers.preview_quality;
    pipeline->live_window_ms = config->workers.live_window_ms;
    pipeline->hides_all_without_model = config->workers.hides_all_without_model;
    pipeline->motion = motion_new(&config->motion);
    motion_set_masks(pipeline->motion, camera->zones.items, camera->zones.count);
    pipeline->picture = picture_watch_new();
    configure_picture(pipeline, camera, &config->rules);
    pipeline->tracker = tracker_new(&config->tracker, config->rules.outage_seconds, track_id_base);
    pipeline->analytics = analytics_new(camera, &config->rules);
    pipeline->objects = g_new0(struct detections, 1);
    pipeline->found = g_new0(struct detections, 1);
    pipeline->part = g_new0(struct detections, 1);
    gate_init(&pipeline->gate, &config->detector);
    selection_init(&pipeline->selection);
    selection_set_masks(&pipeline->selection, &camera->zones);
    pipeline->hides_from = config->detector.confidence;
    pipeline->wants = config->detector.confidence;
    choose_confidence(pipeline);
    pipeline->observed = g_new0(struct observed_track, VISION_MAX_TRACKS);
    pipeline->views = g_new0(struct track_view, VISION_MAX_TRACKS);
    pipeline->figures = g_new0(struct privacy_figure, VISION_MAX_TRACKS + 2 * VISION_MAX_DETECTIONS);
    pipeline->payload = g_string_sized_new(PAYLOAD_USUAL_BYTES);
    pipeline->hides_all = true;
    pipeline->turn_seconds = DETECTOR_TURN_SECONDS;
    pipeline->outage_seconds = config->rules.outage_seconds;
    note_rate(pipeline, camera->analyse_fps);
    const struct track_log_sink log_sink = {emit_chunk, pipeline};
    if (sink->wants_chunks)
        pipeline->track_log = track_log_new(clock, config->workers.track_chunk_seconds, &log_sink);
    return pipeline;
}

void pipeline_free(struct pipeline *pipeline)
{
    if (!pipeline)
        return;
    motion_free(pipeline->motion);
    picture_watch_free(pipeline->picture);
    tracker_free(pipeline->tracker);
    reid_free(pipeline->reid);
    analytics_free(pipeline->analytics);
    privacy_encoder_free(pipeline->encoder);
    selection_clear(&pipeline->selection);
    track_log_free(pipeline->track_log);
    figure_history_free(pipeline->history);
    g_free(pipeline->objects);
    g_free(pipeline->found);
    g_free(pipeline->part);
    g_free(pipeline->observed);
    g_free(pipeline->views);
    g_free(pipeline->figures);
    g_string_free(pipeline->payload, TRUE);
    g_free(pipeline->camera_id);
    g_free(pipeline);
}

void pipeline_configure(struct pipeline *pipeline, const struct camera_config *config)
{
    motion_configure(pipeline->motion, &config->motion);
    motion_set_masks(pipeline->motion, config->camera.zones.items, config->camera.zones.count);
    configure_picture(pipeline, &config->camera, &config->rules);
    gate_configure(&pipeline->gate, &config->detector);
    note_rate(pipeline, config->camera.analyse_fps);
    const struct analytics_sink sink = {emit, pipeline};
    analytics_configure(pipeline->analytics, &config->camera, &config->rules, pipeline->last_at_ms, &sink);
    selection_configure(&pipeline->selection, config);
    pipeline->wants = config->detector.confidence;
    choose_confidence(pipeline);
    /* what was found under another policy tells not all that must be hidden now */
    g_clear_pointer(&pipeline->history, figure_history_free);
    pipeline->policy_revision = config->policy_revision;
    if (pipeline->track_log)
        track_log_set_policy(pipeline->track_log, config->policy_revision);
}

static int64_t thread_cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* Adds the CPU time since `*since_us` to a stage and starts the next. */
static void note_stage(struct pipeline *pipeline, enum frame_stage stage, int64_t *stage_us, int64_t *since_us)
{
    int64_t now_us = thread_cpu_us();
    counter_add_own(stage_us, now_us - *since_us);
    *since_us = now_us;
    stages_mark(&pipeline->stages, stage);
}

/* ---- events ---- */

struct emission {
    struct pipeline *pipeline;
    const struct frame *frame; /* NULL at the end */
};

/* Fills in what a pure rule cannot know: its own id and the camera. */
static const char *complete_payload(struct pipeline *pipeline, enum event_type type, void *record, char *id,
                                    int64_t *at_ms)
{
    switch (type) {
    case EVENT_SIGNAL: {
        struct signal *signal = record;
        signal->id = id;
        signal->camera_id = pipeline->camera_id;
        signal->policy_revision = pipeline->policy_revision;
        *at_ms = signal->started_at.ms;
        return signal->zone_id;
    }
    case EVENT_ZONE_HIT: {
        struct zone_hit *hit = record;
        hit->id = id;
        hit->camera_id = pipeline->camera_id;
        *at_ms = hit->at.ms;
        return hit->zone_id;
    }
    case EVENT_LINE_CROSSING: {
        struct line_crossing *crossing = record;
        crossing->id = id;
        crossing->camera_id = pipeline->camera_id;
        *at_ms = crossing->at.ms;
        return crossing->line_id;
    }
    case EVENT_OCCUPANCY: {
        struct occupancy_log *log = record;
        log->id = id;
        log->camera_id = pipeline->camera_id;
        *at_ms = log->at.ms;
        return log->zone_id;
    }
    case EVENT_TRACK_CHUNK: {
        struct track_chunk *chunk = record;
        chunk->id = id;
        chunk->camera_id = pipeline->camera_id;
        *at_ms = chunk->from_at.ms;
        return NULL;
    }
    }
    return NULL;
}

/* The first event of a frame begins its trace; the others are in it. What is told at the end of all frames is of none.
 */
static void trace_event(struct pipeline *pipeline, struct analytics_event *event)
{
    struct frame_events *trace = &pipeline->trace;
    if (!pipeline->is_in_frame || event_is_kept_apart(event->type))
        return;
    if (trace->count++ == 0) {
        trace_context_begin(&trace->context);
        trace_id_write(&trace->context, trace->trace_id);
        trace_context_write(&trace->context, trace->traceparent);
    }
    if (!trace->context.is_sampled)
        return;
    event->trace_id = trace->trace_id;
    event->traceparent = trace->traceparent;
}

static void emit(void *data, enum event_type type, void *record)
{
    struct pipeline *pipeline = data;
    const struct event_type_info *info = event_type_find(type);
    char id[ID_TEXT_BYTES];
    int64_t at_ms = 0;
    id_write(pipeline->clock, id);
    const char *subject = complete_payload(pipeline, type, record, id, &at_ms);
    g_string_truncate(pipeline->payload, 0);
    record_encode_json(info->payload, record, true, pipeline->payload);
    struct analytics_event event = {
        .id = id,
        .type = type,
        .camera_id = pipeline->camera_id,
        .subject_id = (char *)(uintptr_t)subject,
        .occurred_at = {at_ms},
        .priority = info->priority,
        .payload = {pipeline->payload->str},
    };
    trace_event(pipeline, &event);
    pipeline->sink.event(pipeline->sink.data, &event);
}

static void emit_chunk(void *pipeline, struct track_chunk *chunk)
{
    emit(pipeline, EVENT_TRACK_CHUNK, chunk);
}

/* ---- stages ---- */

/* False when the model did not come free in time. */
static bool take_turn(struct pipeline *pipeline, GError **error)
{
    struct timespec until;
    if (!pipeline->detector_lock)
        return true;
    clock_gettime(CLOCK_MONOTONIC, &until);
    /* one that has been busy for so long already is not waited for */
    if (detector_busy_us(pipeline->detector) < (int64_t)pipeline->turn_seconds * G_USEC_PER_SEC)
        until.tv_sec += pipeline->turn_seconds;
    if (pthread_mutex_clocklock(pipeline->detector_lock, CLOCK_MONOTONIC, &until) == 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the model did not come free for %d s", pipeline->turn_seconds);
    return false;
}

/* A model that fails again and again is loaded anew. With the turn. */
static void note_failure(struct pipeline *pipeline)
{
    g_autoptr(GError) error = NULL;
    if (!detector_mend(pipeline->detector, &pipeline->failures, clock_monotonic_us(pipeline->clock), &error))
        return;
    counter_add(&pipeline->health->detector_restarts, 1);
    gint64 held_back;
    if (error && log_limit_pass(&pipeline->restart_complaint, DETECTOR_COMPLAINT_US, &held_back))
        log_error(pipeline->camera_id, "the model could not be loaded anew: %s (%lld more)", error->message,
                  (long long)held_back);
}

static bool run_model(struct pipeline *pipeline, const struct frame *frame, enum gate_answer answer,
                      const struct record_box *region, GError **error)
{
    struct detections *into = answer == GATE_REGION ? pipeline->part : pipeline->found;
    if (!take_turn(pipeline, error))
        return false;
    choose_confidence(pipeline); /* what the card says is known only once the model was loaded */
    bool is_good = detector_run_region(pipeline->detector, frame, answer == GATE_REGION ? region : NULL,
                                       pipeline->looks_from, into, error);
    pipeline->has_word = is_good;
    pipeline->word_us = clock_monotonic_us(pipeline->clock);
    if (is_good)
        pipeline->failures = 0;
    else
        note_failure(pipeline);
    if (pipeline->detector_lock)
        pthread_mutex_unlock(pipeline->detector_lock);
    counter_add(&pipeline->health->detector_runs, 1);
    if (is_good && answer == GATE_REGION) {
        gate_drop_region(pipeline->found, region);
        gate_note_cut(&pipeline->gate, pipeline->part, region);
        detector_merge(pipeline->detector, pipeline->found, pipeline->part);
    }
    return is_good;
}

/* No trouble yet: it never was there, and nothing went wrong. */
static bool is_loading(const struct pipeline *pipeline)
{
    g_autofree char *trouble = detector_describe_trouble(pipeline->detector);
    return !trouble && detector_confidence(pipeline->detector, 0) <= 0; /* which its card says */
}

/* Nothing is held: the next picture is looked at whole. */
static void note_trouble(struct pipeline *pipeline, int64_t started_us, const GError *error)
{
    gint64 held_back;
    int64_t now_us = clock_monotonic_us(pipeline->clock);
    pipeline->rests_until_us = now_us + pipeline_rest_us(now_us - started_us);
    pipeline->gate.has_run = false;
    if (is_loading(pipeline)) /* as its camera says (watching.c) */
        return;
    counter_add(&pipeline->health->errors_count, 1);
    if (log_limit_pass(&pipeline->detector_complaint, DETECTOR_COMPLAINT_US, &held_back))
        log_error(pipeline->camera_id, "detection failed, what moves is tracked instead: %s (%lld more)",
                  error->message, (long long)held_back);
}

/* What is in the frame: the model's word, or what moves where there is no model or it failed. */
static const struct detections *detect(struct pipeline *pipeline, const struct frame *frame,
                                       const struct motion_scene *scene)
{
    struct record_box region;
    g_autoptr(GError) error = NULL;
    int64_t started_us = clock_monotonic_us(pipeline->clock);
    if (scene->is_learning) /* who came since the model's last word and stands still is background from now on */
        pipeline->has_word = false;
    if (!pipeline->detector || started_us < pipeline->rests_until_us)
        return pipeline->objects;
    enum gate_answer answer =
        gate_ask(&pipeline->gate, frame, pipeline->objects, scene, &pipeline->tracks, pipeline->found, &region);
    if (answer == GATE_HOLD) {
        counter_add(&pipeline->health->detector_skips, 1);
        gate_carry(&pipeline->gate, frame, &pipeline->tracks, pipeline->found);
        pipeline->word_us = started_us; /* the picture is as it was when the model spoke */
        return pipeline->found;
    }
    bool is_good = run_model(pipeline, frame, answer, &region, &error);
    counter_set(&pipeline->health->detector_failing, !is_good);
    if (is_good) {
        gate_remember(&pipeline->gate, answer, pipeline->found);
        gate_note_run(&pipeline->gate, frame, answer, pipeline->objects, pipeline->found);
        return pipeline->found;
    }
    note_trouble(pipeline, started_us, error);
    return pipeline->objects;
}

/* ---- what is told of it ---- */

static void run_rules(struct pipeline *pipeline, const struct frame *frame, const struct tracks *tracks,
                      const struct motion_scene *scene, const struct picture_facts *picture)
{
    for (int i = 0; i < tracks->count; i++)
        observe_track(&tracks->items[i], frame->media_us, pipeline->tracker_settings.confirm_seconds,
                      &pipeline->observed[i]);
    const struct observation observation = {
        .at_ms = frame->captured_at_ms,
        .media_us = frame->media_us,
        .tracks = pipeline->observed,
        .track_count = tracks->count,
        .mean_luma = (uint8_t)scene->mean_luma,
        .is_light_change = scene->is_light_change,
        .is_camera_move = scene->is_camera_move,
        .is_learning = scene->is_learning,
        .aspect = observation_quantise(1 / frame_shape(frame), OBSERVATION_BOX_ONE),
        .picture = picture,
    };
    const struct analytics_sink sink = {emit, pipeline};
    analytics_observe(pipeline->analytics, &observation, &sink);
    if (pipeline->track_log)
        track_log_add(pipeline->track_log, &observation);
}

/* Somebody stands there of whom rules hear nothing. `found` NULL: no model looked. */
static bool is_passed_over(const struct selection *selection, const struct detections *found,
                           const struct record_box *region)
{
    for (int i = 0; found && i < found->count; i++)
        if (analytics_region_is_explained(region, &found->items[i].box) &&
            selection_passes_over(selection, &found->items[i]) && object_is_living(found->items[i].object_class))
            return true;
    return false;
}

/* What stands in a mask is not found, and who is not followed is no thing that was left. */
static void sift_regions(const struct selection *selection, const struct detections *found,
                         struct picture_facts *picture)
{
    const double one = PICTURE_BOX_ONE;
    int kept = 0;
    for (int i = 0; i < picture->region_count; i++) {
        const struct picture_region region = picture->regions[i];
        const struct record_box box = {region.x / one, region.y / one, region.w / one, region.h / one};
        if (!selection_masks(selection, &box) && !is_passed_over(selection, found, &box))
            picture->regions[kept++] = region;
    }
    picture->region_count = kept;
}

static void measure_picture(struct pipeline *pipeline, const struct frame *frame, struct picture_facts *picture)
{
    int width_px, height_px;
    const uint8_t *luma = motion_luma(pipeline->motion, &width_px, &height_px);
    picture_watch_update(pipeline->picture, frame, luma, width_px, height_px, picture);
}

static void publish_tracks(struct pipeline *pipeline, const struct frame *frame, const struct tracks *tracks)
{
    size_t count = 0;
    for (int i = 0; i < tracks->count; i++) {
        const struct track *track = &tracks->items[i];
        if (track->state != TRACK_CONFIRMED)
            continue;
        pipeline->views[count++] = (struct track_view){
            .track_id = track->id,
            .object_class = (char *)(uintptr_t)track->object_class,
            .box = track->box,
            .confidence = track->confidence,
            .velocity = {track->velocity_x, track->velocity_y},
            .age_frames = track->age_frames,
            .is_stationary = track->is_stationary,
        };
    }
    counter_set(&pipeline->health->tracks_live, (int64_t)count);
    if (!pipeline->sink.tracks)
        return;
    const struct track_update update = {
        pipeline->camera_id, {frame->captured_at_ms}, frame->number, {pipeline->views, count}};
    pipeline->sink.tracks(pipeline->sink.data, &update);
}

/* Everything has a bound; what it sheds is counted. */
static void note_shed(struct pipeline *pipeline, const struct detections *detections, const struct tracks *tracks,
                      const struct picture_facts *picture)
{
    int64_t total = tracks->shed + analytics_shed(pipeline->analytics) +
                    (pipeline->track_log ? track_log_shed(pipeline->track_log) : 0);
    counter_add(&pipeline->health->objects_shed,
                detections->shed + picture->regions_shed + total - pipeline->shed_before);
    pipeline->shed_before = total;
}

static void note_latency(struct pipeline *pipeline, const struct frame *frame)
{
    static const double smoothing = 0.05;
    double latency_ms = (double)(clock_monotonic_us(pipeline->clock) - frame->arrived_us) / 1000;
    double *average_ms = &pipeline->health->avg_latency_ms; /* written here only, read by the worker's link */
    gauge_set(average_ms, *average_ms + smoothing * (latency_ms - *average_ms));
}

static void note_scene(struct camera_health *health, const struct motion_scene *scene)
{
    counter_add_own(&health->light_changes, scene->is_light_change);
    counter_add_own(&health->camera_moves, scene->is_camera_move);
    counter_add_own(&health->frames_in_weather, scene->is_weather);
    gauge_set(&health->restless_share, scene->restless_share);
}

static void note_interval(struct pipeline *pipeline, const struct frame *frame)
{
    bool is_first = pipeline->last_at_ms == 0;
    double seconds = is_first ? 0 : (double)(frame->media_us - pipeline->last_media_us) / G_USEC_PER_SEC;
    pipeline->outages = seconds > pipeline->outage_seconds ? MIN(pipeline->outages + 1, OUTAGES_OF_A_RATE) : 0;
    pipeline->last_media_us = frame->media_us;
    tell_rate(pipeline);
}

void pipeline_feed(struct pipeline *pipeline, struct frame *frame)
{
    struct camera_health *health = pipeline->health;
    struct motion_scene scene;
    struct picture_facts picture;
    struct tracks *tracks = &pipeline->tracks;
    pipeline->trace.count = 0;
    pipeline->is_in_frame = true;
    stages_begin(&pipeline->stages, frame);
    note_interval(pipeline, frame);
    int64_t since_us = thread_cpu_us();
    motion_update(pipeline->motion, frame, pipeline->objects, &scene);
    pipeline->is_active =
        scene.is_learning || scene.is_light_change || scene.has_moving_region || pipeline->objects->count > 0;
    note_scene(health, &scene);
    measure_picture(pipeline, frame, &picture);
    note_stage(pipeline, STAGE_MOTION, &health->motion_us, &since_us);
    const struct detections *detections = detect(pipeline, frame, &scene);
    note_stage(pipeline, STAGE_DETECT, &health->detect_us, &since_us);
    bool is_by_model = detections == pipeline->found;
    sift_regions(&pipeline->selection, is_by_model ? detections : NULL, &picture);
    const struct detections *followed = is_by_model ? selection_of(&pipeline->selection, detections) : detections;
    tracker_update(pipeline->tracker, followed, frame->media_us, frame->width_px, frame->height_px, tracks);
    pipeline_find_again(pipeline, frame, tracks);
    tracks_bound(tracks);
    note_stage(pipeline, STAGE_TRACK, &health->track_us, &since_us);
    run_rules(pipeline, frame, tracks, &scene, &picture);
    note_stage(pipeline, STAGE_RULES, &health->rules_us, &since_us);
    pipeline_note_figures(pipeline, tracks, detections, &scene);
    note_shed(pipeline, detections, tracks, &picture);
    publish_tracks(pipeline, frame, tracks);
    stages_mark(&pipeline->stages, STAGE_TELL);
    pipeline->is_in_frame = false;
    pipeline->last_frame = frame->number;
    pipeline->last_at_ms = frame->captured_at_ms;
    counter_add_own(&health->frames_processed, 1);
    note_latency(pipeline, frame);
}

struct stages *pipeline_stages(struct pipeline *pipeline)
{
    return &pipeline->stages;
}

const struct frame_events *pipeline_trace(const struct pipeline *pipeline)
{
    return &pipeline->trace;
}

bool pipeline_is_active(const struct pipeline *pipeline)
{
    return pipeline->is_active;
}

void pipeline_pass_time(struct pipeline *pipeline)
{
    if (pipeline->track_log)
        track_log_pass_time(pipeline->track_log);
}

void pipeline_finish(struct pipeline *pipeline)
{
    const struct analytics_sink sink = {emit, pipeline};
    if (pipeline->last_at_ms == 0) /* no frame ever came */
        return;
    analytics_finish(pipeline->analytics, pipeline->last_at_ms, &sink);
    if (pipeline->track_log)
        track_log_finish(pipeline->track_log);
}

const struct tracks *pipeline_tracks(const struct pipeline *pipeline)
{
    return &pipeline->tracks;
}

size_t pipeline_counts(const struct pipeline *pipeline, struct analytics_count *counts, size_t capacity)
{
    return analytics_counts(pipeline->analytics, counts, capacity);
}
