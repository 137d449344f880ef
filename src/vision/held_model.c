#include "vision/detector_internal.h"

void held_model_init(struct held_model *held, const char *path, const struct detector_settings *settings,
                     bool is_finding)
{
    *held = (struct held_model){
        .path = g_strdup(path), .card_path = g_strdup(settings->card), .settings = *settings, .is_finding = is_finding};
    held->settings.card = held->card_path;
    pthread_mutex_init(&held->runtime_lock, NULL);
    model_trouble_init(&held->trouble);
}

void held_model_clear(struct held_model *held)
{
    model_clear(&held->model);
    pthread_mutex_destroy(&held->runtime_lock);
    model_trouble_clear(&held->trouble);
    g_free(held->path);
    g_free(held->card_path);
}

static bool load(struct held_model *held, held_model_fits *fits, GError **error)
{
    struct model fresh = {0};
    bool is_good = model_load(&fresh, held->path, &held->settings, held->is_finding, error);
    if (is_good && held_model_is_loaded(held) && !fits(&held->model, &fresh)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "model '%s': its card is another than before: start Vedette again", held->path);
        is_good = false;
    }
    if (is_good) {
        struct model old = held->model;
        pthread_mutex_lock(&held->runtime_lock);
        held->model = fresh;
        pthread_mutex_unlock(&held->runtime_lock);
        fresh = old;
    }
    model_clear(&fresh);
    return is_good;
}

static bool pass_on(struct held_model *held, GError *cause, GError **error)
{
    model_trouble_note(&held->trouble, cause);
    if (cause)
        g_propagate_error(error, cause);
    return !cause;
}

bool held_model_restart(struct held_model *held, held_model_fits *fits, GError **error)
{
    GError *cause = NULL;
    model_use_begin(&held->use); /* it warms up, and may hang in that */
    load(held, fits, &cause);
    model_use_end(&held->use);
    return pass_on(held, cause, error);
}

bool held_model_is_due(struct held_model *held, int *failures, int64_t now_us)
{
    bool was_just_tried = held->restarted_us && now_us - held->restarted_us < MODEL_RESTART_PAUSE_US;
    if (++*failures < MODEL_MOST_FAILURES || was_just_tried)
        return false;
    *failures = 0;
    held->restarted_us = now_us;
    return true;
}

bool held_model_check(struct held_model *held, GError **error)
{
    if (held_model_is_loaded(held))
        return true;
    g_autofree char *trouble = model_trouble_describe(&held->trouble);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "%s",
                trouble ? trouble : "the model was not loaded yet");
    return false;
}

bool held_model_run(struct held_model *held, GError **error)
{
    model_use_begin(&held->use);
    bool is_good = model_run(&held->model, error);
    model_use_end(&held->use);
    return is_good;
}

bool held_model_note(struct held_model *held, GError *cause, GError **error)
{
    return pass_on(held, cause, error);
}

void held_model_interrupt(struct held_model *held)
{
    pthread_mutex_lock(&held->runtime_lock);
    if (held_model_is_loaded(held))
        runtime_interrupt(held->model.runtime);
    pthread_mutex_unlock(&held->runtime_lock);
}
