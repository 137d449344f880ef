/* Tracks that were lost, found again by their looks. The model is all cameras', and nothing waits for it: a look can be
 * taken of the next frame as well. */
#define LOG_MODULE "worker"
#include "worker/pipeline_internal.h"

#include "base/counter.h"

enum {
    LOOK_COMPLAINT_US = 60 * 1000000,
    LOOK_REST_LEAST_US = 1000000, /* of a model that fails at once */
};

void pipeline_know_looks(struct pipeline *pipeline, const struct reid_settings *settings, struct reader *reader,
                         pthread_mutex_t *reader_lock)
{
    pipeline->reid = reid_new(settings, reader_confidence(reader));
    pipeline->reader = reader;
    pipeline->reader_lock = reader_lock;
}

/* A model that fails again and again is loaded anew. With the reader's lock. */
static void mend_model(struct pipeline *pipeline)
{
    g_autoptr(GError) error = NULL;
    if (!reader_mend(pipeline->reader, &pipeline->look_failures, clock_monotonic_us(pipeline->clock), &error))
        return;
    counter_add(&pipeline->health->reid_restarts, 1);
    gint64 held_back;
    if (error && log_limit_pass(&pipeline->look_restart_complaint, LOOK_COMPLAINT_US, &held_back))
        log_error(pipeline->camera_id, "the model of looks could not be loaded anew: %s (%lld more)", error->message,
                  (long long)held_back);
}

static void note_failed_look(struct pipeline *pipeline, int64_t started_us, const GError *error)
{
    gint64 held_back;
    int64_t now_us = clock_monotonic_us(pipeline->clock);
    pipeline->looks_rest_until_us = now_us + MAX(pipeline_rest_us(now_us - started_us), LOOK_REST_LEAST_US);
    if (log_limit_pass(&pipeline->look_complaint, LOOK_COMPLAINT_US, &held_back))
        log_error(pipeline->camera_id, "a track could not be looked at: %s (%lld more)", error->message,
                  (long long)held_back);
}

struct look {
    struct pipeline *pipeline;
    const struct frame *frame;
};

static enum reid_answer look_at(void *data, const struct track *track, struct reading *reading)
{
    const struct look *look = data;
    struct pipeline *pipeline = look->pipeline;
    const struct detection object = {.box = track->box, .object_class = track->object_class};
    g_autoptr(GError) error = NULL;
    int64_t started_us = clock_monotonic_us(pipeline->clock);
    if (started_us < pipeline->looks_rest_until_us ||
        (pipeline->reader_lock && pthread_mutex_trylock(pipeline->reader_lock) != 0))
        return REID_LATER;
    bool is_good = reader_run(pipeline->reader, look->frame, &object, reading, &error);
    if (is_good)
        pipeline->look_failures = 0;
    else
        mend_model(pipeline);
    if (pipeline->reader_lock)
        pthread_mutex_unlock(pipeline->reader_lock);
    counter_set(&pipeline->health->reid_failing, !is_good);
    if (!is_good)
        note_failed_look(pipeline, started_us, error);
    return is_good ? REID_LOOKED : REID_FAILED;
}

void pipeline_find_again(struct pipeline *pipeline, const struct frame *frame, struct tracks *tracks)
{
    struct look look = {pipeline, frame};
    struct camera_health *health = pipeline->health;
    if (!pipeline->reid)
        return;
    reid_set_threshold(pipeline->reid, reader_confidence(pipeline->reader)); /* known once the model was loaded */
    reid_update(pipeline->reid, pipeline->tracker, tracks, frame->media_us, frame_shape(frame), look_at, &look);
    const struct reid_counts counts = reid_counts(pipeline->reid);
    counter_set(&health->reid_looks, counts.looks);
    counter_set(&health->reid_found, counts.found);
    counter_set(&health->reid_postponed, counts.postponed);
    counter_set(&health->reid_shed, counts.shed);
}
