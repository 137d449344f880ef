/* Pictures in which nobody is hidden are for privacy officers and those above them, and their views are told in the
 * audit: who looks, at which camera, from where. A page asks for pictures all the time, so that one entry stands for a
 * while of looking. */
#define LOG_MODULE "api"
#include "api/api_internal.h"
#include "base/log.h"
#include "keeper/keeper.h"

struct viewings {
    pthread_mutex_t lock;
    GHashTable *told; /* "ACTOR CAMERA" → int64_t *: until when an entry stands, by the monotonic clock (us) */
};

struct viewings *viewings_new(void)
{
    struct viewings *viewings = g_new0(struct viewings, 1);
    pthread_mutex_init(&viewings->lock, NULL);
    viewings->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return viewings;
}

void viewings_free(struct viewings *viewings)
{
    if (!viewings)
        return;
    g_hash_table_unref(viewings->told);
    pthread_mutex_destroy(&viewings->lock);
    g_free(viewings);
}

static gboolean is_over(gpointer key, gpointer until_us, gpointer now_us)
{
    (void)key;
    return *(const int64_t *)until_us <= *(const int64_t *)now_us;
}

static bool is_told(struct viewings *viewings, const char *key, int64_t now_us)
{
    pthread_mutex_lock(&viewings->lock);
    const int64_t *until_us = g_hash_table_lookup(viewings->told, key);
    bool is_told = until_us && *until_us > now_us;
    pthread_mutex_unlock(&viewings->lock);
    return is_told;
}

/* There is no more of them than viewers times cameras of one while: those that are over go. */
static void note_told(struct viewings *viewings, const char *key, int64_t now_us, int64_t until_us)
{
    pthread_mutex_lock(&viewings->lock);
    g_hash_table_foreach_remove(viewings->told, is_over, &now_us);
    g_hash_table_replace(viewings->told, g_strdup(key), g_memdup2(&until_us, sizeof until_us));
    pthread_mutex_unlock(&viewings->lock);
}

/* What policies say now holds for pictures that are made once the worker was told. */
static const char not_hidden_yet[] = "nobody is hidden in this camera's latest picture: until one comes that is made "
                                     "as its policies say now, they are for "
                                     "a privacy officer, or above";

/* NULL: people are hidden in the camera's pictures; else what is told to who may not see them. A camera that cannot be
 * told what its policies come to goes by what it was told before, whatever they say by now. */
static const char *why_not_hidden(const struct api *api, const struct camera *camera)
{
    struct privacy_policy policy;
    g_autofree char *trouble = api->policies ? policy_keeper_trouble_of(api->policies, camera->id) : NULL;
    if (trouble)
        return "people may not be hidden in this camera's pictures, for it cannot be told what its policies come to "
               "(GET /policies?camera_id=… says why): until it can, they are for a privacy officer, or above";
    if (!api->policies || (policy_keeper_privacy_policy(api->policies, camera, &policy) && policy.face_blur_enabled))
        return NULL;
    return "nobody is hidden in this camera's pictures (policy privacy, face_blur_enabled): they are for a privacy "
           "officer, or above";
}

/* False: the audit cannot be told, which `answer` says. */
static bool tell_view(const struct request *request, const struct camera *camera, struct answer *answer)
{
    struct api *api = request->api;
    const struct audit_by by = request_by(request);
    const struct audit_change change = {AUDIT_MATERIAL, camera->id, "view", NULL, NULL};
    int64_t now_us = clock_monotonic_us(api->clock);
    g_autofree char *key = g_strdup_printf("%s %s %s", by.actor_id, by.address ? by.address : "", camera->id);
    g_autoptr(GError) error = NULL;
    if (is_told(api->viewings, key, now_us))
        return true;
    if (!store_audit_add(api->store, &by, &change, &error)) {
        log_warning(camera->id, "a picture in which nobody is hidden is not shown, for the audit cannot tell of it: %s",
                    error->message);
        answer_problem(answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                       "nobody is hidden in this picture, and the audit cannot tell now who sees it", NULL);
        return false;
    }
    note_told(api->viewings, key, now_us, now_us + api->settings->auth.view_audit_minutes * INT64_C(60000000));
    return true;
}

bool request_may_view(const struct request *request, const struct camera *camera, bool shows_people,
                      struct answer *answer)
{
    const char *why = shows_people ? not_hidden_yet : why_not_hidden(request->api, camera);
    if (!why)
        return true;
    if (request->login.user->role >= ROLE_PRIVACY_OFFICER)
        return tell_view(request, camera, answer);
    answer_problem(answer, MHD_HTTP_FORBIDDEN, why, NULL);
    return false;
}
