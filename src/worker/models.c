/* The models are loaded on a thread of their own: one that takes long, or hangs at its first run, holds up neither the
 * link nor the cameras, which are followed by what moves until then. It is in the cage, for it is begun after that was
 * closed, and a runtime's threads are as well.
 */
#define LOG_MODULE "worker"
#include "worker/worker_internal.h"

#include "base/thread.h"
#include "base/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* So long the cameras wait for them: mostly they are there from the first picture on. The hub ends a worker that it
 * told to stop after five seconds, and one that is silent after fifteen. */
enum { PATIENCE_US = 3 * 1000000 };

static void set_loading(struct worker *worker, enum models_loading loading)
{
    pthread_mutex_lock(&worker->lock);
    worker->loading = loading;
    pthread_cond_broadcast(&worker->loaded);
    pthread_mutex_unlock(&worker->lock);
}

enum models_loading models_loading(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    enum models_loading loading = worker->loading;
    pthread_mutex_unlock(&worker->lock);
    return loading;
}

static void load_detector(struct worker *worker)
{
    g_autoptr(GError) error = NULL;
    if (worker->detector &&
        !detector_restart(worker->detector, &error)) /* as one that fails later: it is tried again */
        log_error(NULL, "%s; what moves is tracked instead", error->message);
}

static void load_reader(struct worker *worker)
{
    g_autoptr(GError) error = NULL;
    if (worker->reader && !reader_restart(worker->reader, &error)) /* as one that fails later: it is tried again */
        log_error(NULL, "%s; tracks that are lost for long get new ids", error->message);
}

/* Nobody else may use or load one meanwhile. */
static void *load(void *data)
{
    struct worker *worker = data;
    pthread_mutex_lock(&worker->detector_lock);
    pthread_mutex_lock(&worker->reader_lock);
    load_detector(worker);
    pthread_mutex_unlock(&worker->detector_lock);
    set_loading(worker, MODELS_LOADING_READER);
    load_reader(worker);
    pthread_mutex_unlock(&worker->reader_lock);
    set_loading(worker, MODELS_LOADED);
    return NULL;
}

static bool is_named(const char *model)
{
    return model && *model;
}

bool models_begin(struct worker *worker, GError **error)
{
    struct worker_config *config = &worker->config;
    struct detector_settings settings = config->detector;
    if (is_named(config->detector.model))
        worker->detector = detector_new(config->detector.model, &settings);
    settings.card = config->reid.card; /* the rest of the runtime's settings are the detector's */
    if (is_named(config->reid.model))
        worker->reader = reader_new(config->reid.model, &settings);
    if (!worker->detector && !worker->reader)
        return true;
    wait_condition_init(&worker->loaded);
    worker->loading = MODELS_LOADING_DETECTOR;
    int status = thread_start(&worker->loader, "model loader", load, worker);
    worker->has_loader = status == 0;
    if (worker->has_loader)
        return true;
    worker->loading = MODELS_LOADED; /* none ever is */
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "thread of the models: %s", g_strerror(status));
    return false;
}

void models_await(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    while (worker->has_loader && worker->loading)
        pthread_cond_wait(&worker->loaded, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
}

void models_await_for_cameras(struct worker *worker)
{
    const struct timespec until = wait_deadline_after(PATIENCE_US);
    if (!worker->has_loader || !worker->config.cameras.count)
        return;
    pthread_mutex_lock(&worker->lock);
    while (worker->loading && pthread_cond_timedwait(&worker->loaded, &worker->lock, &until) != ETIMEDOUT)
        ;
    bool is_late = worker->loading == MODELS_LOADING_DETECTOR;
    pthread_mutex_unlock(&worker->lock);
    if (is_late)
        log_warning(NULL, "model '%s' is still being loaded; what moves is tracked meanwhile",
                    worker->config.detector.model);
}

bool models_end(struct worker *worker)
{
    if (models_loading(worker))
        return false;
    if (!worker->has_loader)
        return true;
    pthread_join(worker->loader, NULL);
    pthread_cond_destroy(&worker->loaded);
    return true;
}

/* ---- watching them ---- */

/* A model that hangs is told to end; one that does not even hear that takes its process with it, and the hub starts
 * another. */
static bool is_hanging(const struct worker *worker, const char *whose, bool is_loading, int64_t busy_us)
{
    const struct detector_settings *settings = &worker->config.detector;
    double busy_seconds = (double)busy_us / G_USEC_PER_SEC,
           limit_seconds = is_loading ? settings->load_timeout_seconds : settings->timeout_seconds;
    if (busy_seconds < limit_seconds)
        return false;
    log_error(NULL, "the model of %s %s for %.0f s (detector.%s is %g)", whose,
              is_loading ? "has been loading" : "has not answered", busy_seconds,
              is_loading ? "load_timeout_seconds" : "timeout_seconds", limit_seconds);
    if (busy_seconds >= 2 * limit_seconds)
        _exit(EXIT_FAILURE);
    return true;
}

/* What failed to be loaded is told of by then, though nobody was looked at yet. */
static void note_loaded(struct worker *worker)
{
    for (guint i = 0; !worker->is_loading_over && i < worker->cameras->len; i++)
        watching_note_looks(g_ptr_array_index(worker->cameras, i));
    worker->is_loading_over = true;
}

void models_watch(struct worker *worker)
{
    enum models_loading loading = models_loading(worker);
    if (!loading)
        note_loaded(worker);
    if (worker->detector &&
        is_hanging(worker, "detection", loading == MODELS_LOADING_DETECTOR, detector_busy_us(worker->detector)))
        detector_interrupt(worker->detector);
    if (worker->reader && is_hanging(worker, "looks", loading == MODELS_LOADING_READER, reader_busy_us(worker->reader)))
        reader_interrupt(worker->reader);
}
