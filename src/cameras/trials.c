#include <string.h>

#include "base/counter.h"
#include "cameras/cameras_internal.h"

/* Shared by who asked and who serves; what changes is under its lock. */
struct camera_trial {
    gint references; /* atomic */
    const struct camera *camera;
    pthread_mutex_t lock;
    bool is_taken, is_over, is_left;
    struct camera_test result;
    void (*over)(void *data);
    void *data;
    struct cameras *cameras; /* the server's: it serves no longer than that lives */
};

static struct camera_trial *trial_ref(struct camera_trial *trial)
{
    g_atomic_int_inc(&trial->references);
    return trial;
}

static void trial_unref(struct camera_trial *trial)
{
    if (!g_atomic_int_dec_and_test(&trial->references))
        return;
    camera_unref(trial->camera);
    record_clear(&camera_test_descriptor, &trial->result);
    pthread_mutex_destroy(&trial->lock);
    g_free(trial);
}

/* ---- asking ---- */

/* Under the lock of the trials. */
static bool has_room(const struct cameras *cameras, const char *org_id, GError **error)
{
    bool is_asked = false;
    for (const GList *node = cameras->trials.head; node; node = node->next)
        is_asked |= g_strcmp0(((const struct camera_trial *)node->data)->camera->org_id, org_id) == 0;
    if (!is_asked && cameras->wake && (int32_t)cameras->trials.length < cameras->config.settings->tests_at_once)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "%s",
                is_asked ? "another source is being tried: wait for it"
                         : "as many sources are being tried as may be at once (managed_cameras.tests_at_once)");
    return false;
}

struct camera_trial *cameras_try(struct cameras *cameras, const struct camera *camera, void (*over)(void *data),
                                 void *data, GError **error)
{
    struct camera_trial *trial = NULL;
    pthread_mutex_lock(&cameras->trials_lock);
    if (has_room(cameras, camera->org_id, error)) {
        trial = g_new0(struct camera_trial, 1);
        *trial = (struct camera_trial){
            .references = 1, .camera = camera_share(camera), .over = over, .data = data, .cameras = cameras};
        pthread_mutex_init(&trial->lock, NULL);
        g_queue_push_tail(&cameras->trials, trial_ref(trial));
        cameras->wake(cameras->wake_data);
    }
    counter_set(&cameras->config.health->camera_tests_running, cameras->trials.length);
    pthread_mutex_unlock(&cameras->trials_lock);
    counter_add(trial ? &cameras->config.health->camera_tests : &cameras->config.health->camera_tests_refused, 1);
    return trial;
}

bool camera_trial_is_over(struct camera_trial *trial, struct camera_test *result)
{
    pthread_mutex_lock(&trial->lock);
    bool is_over = trial->is_over;
    if (is_over)
        record_copy(&camera_test_descriptor, &trial->result, result);
    pthread_mutex_unlock(&trial->lock);
    return is_over;
}

void camera_trial_leave(struct camera_trial *trial)
{
    if (!trial)
        return;
    pthread_mutex_lock(&trial->lock);
    trial->is_left = true;
    trial->over = NULL;
    pthread_mutex_unlock(&trial->lock);
    trial_unref(trial);
}

/* ---- serving ---- */

void cameras_serve_trials(struct cameras *cameras, void (*wake)(void *data), void *data)
{
    pthread_mutex_lock(&cameras->trials_lock);
    cameras->wake = wake;
    cameras->wake_data = data;
    pthread_mutex_unlock(&cameras->trials_lock);
}

struct camera_trial *cameras_next_trial(struct cameras *cameras)
{
    struct camera_trial *next = NULL;
    pthread_mutex_lock(&cameras->trials_lock);
    for (const GList *node = cameras->trials.head; node && !next; node = node->next)
        if (!((struct camera_trial *)node->data)->is_taken)
            next = trial_ref(node->data);
    if (next)
        next->is_taken = true;
    pthread_mutex_unlock(&cameras->trials_lock);
    return next;
}

const struct camera *camera_trial_camera(const struct camera_trial *trial)
{
    return trial->camera;
}

bool camera_trial_is_left(struct camera_trial *trial)
{
    pthread_mutex_lock(&trial->lock);
    bool is_left = trial->is_left;
    pthread_mutex_unlock(&trial->lock);
    return is_left;
}

void camera_trial_finish(struct camera_trial *trial, const struct camera_test *result)
{
    struct cameras *cameras = trial->cameras;
    pthread_mutex_lock(&cameras->trials_lock);
    if (g_queue_remove(&cameras->trials, trial))
        trial_unref(trial); /* the list's; ours is left */
    counter_set(&cameras->config.health->camera_tests_running, cameras->trials.length);
    pthread_mutex_unlock(&cameras->trials_lock);
    pthread_mutex_lock(&trial->lock);
    record_copy(&camera_test_descriptor, result, &trial->result);
    trial->is_over = true;
    if (trial->over)
        trial->over(trial->data);
    pthread_mutex_unlock(&trial->lock);
    trial_unref(trial);
}
