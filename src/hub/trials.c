/* Tries the sources that people ask to be tried: each by the real reader, in a caged worker of its own without a model,
 * whose health tells what came of it. Main loop's thread.
 */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/log.h"

#include <string.h>

struct
try {
    struct camera_trial *trial; /* NULL: it is over, and its worker ends */
    struct hub_worker *worker;  /* among the hub's */
    int64_t started_us;
    bool has_picture; /* told once: the next word of its health has its rate too */
};

struct trials {
    struct hub *hub;
    GPtrArray *tries; /* of struct try * */
    guint started;    /* for their names */
};

static gboolean on_wake(gpointer data)
{
    struct hub *hub = data;
    if (hub->trials && !hub->is_stopping)
        trials_turn(hub->trials);
    return G_SOURCE_REMOVE;
}

/* On the asker's thread. */
static void wake(void *hub)
{
    g_idle_add_full(G_PRIORITY_DEFAULT, on_wake, hub, NULL);
}

struct trials *trials_new(struct hub *hub)
{
    struct trials *trials = g_new0(struct trials, 1);
    trials->hub = hub;
    trials->tries = g_ptr_array_new_with_free_func(g_free);
    cameras_serve_trials(hub->cameras, wake, hub);
    return trials;
}

/* ---- what came of it ---- */

static void finish(struct try *try, const struct camera_test *result)
{
    camera_trial_finish(g_steal_pointer(&try->trial), result);
    hub_worker_leave(try->worker);
}

static void fail(struct try *try, const char *why)
{
    finish(try, &(struct camera_test){.error = (char *)(uintptr_t)why, .codec = (char *)"", .decoder = (char *)""});
}

static struct try *find(struct trials *trials, const struct hub_worker *worker)
{
    for (guint i = 0; trials && i < trials->tries->len; i++) {
        struct try *try = g_ptr_array_index(trials->tries, i);
        if (try->worker == worker && try->trial)
            return try;
    }
    return NULL;
}

/* A source that fails is tried again and again by its reader; here the first failure is the answer. */
static bool has_failed(const struct camera_health *health)
{
    static const char *const states[] = {"waiting", "failed", "stalled", "ended", NULL};
    return health->last_error && *health->last_error && g_strv_contains(states, health->state ? health->state : "");
}

void trials_take_health(struct trials *trials, const struct hub_worker *worker, const struct camera_health *health)
{
    struct try *try = find(trials, worker);
    if (!try)
        return;
    if (health->first_picture_ms > 0 && (health->fps > 0 || try->has_picture))
        finish(try, &(struct camera_test){.works = true,
                                          .error = (char *)"",
                                          .codec = health->codec,
                                          .decoder = health->decoder,
                                          .width_px = health->width_px,
                                          .height_px = health->height_px,
                                          .fps = health->fps,
                                          .first_picture_ms = health->first_picture_ms});
    else if (health->first_picture_ms > 0)
        try->has_picture = true;
    else if (has_failed(health))
        fail(try, health->last_error);
}

void trials_note_gone(struct trials *trials, const struct hub_worker *worker, const char *reason)
{
    struct try *try = find(trials, worker);
    g_autofree char *why = g_strdup_printf("the process that read it ended (%s): the server's log says why", reason);
    if (try)
        fail(try, why);
}

/* ---- their life ---- */

static void begin(struct trials *trials, struct camera_trial *trial)
{
    struct try *try = g_new0(struct try, 1);
    g_autofree char *id = g_strdup_printf("trial-%u", ++trials->started);
    struct camera camera = *camera_trial_camera(trial); /* borrows */
    camera.id = id;
    camera.enabled = true;
    try->trial = trial;
    try->started_us = clock_monotonic_us(trials->hub->clock);
    try->worker = hub_worker_new_apart(trials->hub, id, &camera);
    g_ptr_array_add(trials->tries, try);
    g_autoptr(GError) error = NULL;
    if (hub_worker_start(try->worker, &error))
        return;
    log_error(id, "not started: %s", error->message);
    fail(try, "no process could be started for it: the server's log says why");
}

static void look_after(struct trials *trials, struct try *try)
{
    double seconds = (double)(clock_monotonic_us(trials->hub->clock) - try->started_us) / G_USEC_PER_SEC;
    double most_seconds = trials->hub->settings->managed_cameras.test_seconds;
    g_autofree char *late = g_strdup_printf("no picture came within %g s (managed_cameras.test_seconds)", most_seconds);
    if (try->trial && (seconds > most_seconds || camera_trial_is_left(try->trial)))
        fail(try, late);
    if (!try->trial && try->worker->pid && seconds > 2 * most_seconds)
        hub_worker_kill(try->worker); /* told to end long ago */
}

static bool is_gone(const struct try *try)
{
    return !try->trial && !try->worker->pid && try->worker->bytes_in_hand == 0;
}

void trials_turn(struct trials *trials)
{
    struct camera_trial *trial;
    while ((trial = cameras_next_trial(trials->hub->cameras)))
        begin(trials, trial);
    for (guint i = trials->tries->len; i-- > 0;) {
        struct try *try = g_ptr_array_index(trials->tries, i);
        look_after(trials, try);
        if (!is_gone(try))
            continue;
        g_ptr_array_remove(trials->hub->workers, try->worker); /* which frees it */
        g_ptr_array_remove_index(trials->tries, i);
    }
}

/* Their workers were ended, and are freed with the others. */
void trials_free(struct trials *trials)
{
    if (!trials)
        return;
    cameras_serve_trials(trials->hub->cameras, NULL, NULL);
    for (guint i = 0; i < trials->tries->len; i++) {
        struct try *try = g_ptr_array_index(trials->tries, i);
        if (try->trial)
            fail(try, "the server stops");
    }
    g_ptr_array_unref(trials->tries);
    trials->hub->trials = NULL;
    g_free(trials);
}
