#define LOG_MODULE "cameras"
#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "cameras/cameras_internal.h"

static void left_out_free(gpointer data)
{
    struct left_out *left_out = data;
    camera_unref(left_out->camera);
    g_free(left_out);
}

GPtrArray *left_out_array_new(void)
{
    return g_ptr_array_new_with_free_func(left_out_free);
}

static guint find_index(const struct cameras *cameras, const char *org_id, const char *camera_id)
{
    guint i = 0;
    for (; i < cameras->left_out->len; i++) {
        const struct left_out *left_out = g_ptr_array_index(cameras->left_out, i);
        if (g_strcmp0(left_out->camera->id, camera_id) == 0 && g_strcmp0(left_out->camera->org_id, org_id) == 0)
            break;
    }
    return i;
}

const struct left_out *left_out_find(const struct cameras *cameras, const char *org_id, const char *camera_id)
{
    guint index = find_index(cameras, org_id, camera_id);
    return index < cameras->left_out->len ? g_ptr_array_index(cameras->left_out, index) : NULL;
}

void left_out_remove(struct cameras *cameras, const char *org_id, const char *camera_id)
{
    guint index = find_index(cameras, org_id, camera_id);
    if (index < cameras->left_out->len)
        g_ptr_array_remove_index(cameras->left_out, index);
}

/* ---- why one is left out ---- */

static bool is_id_taken(const struct camera_set *set, const struct camera *camera)
{
    const struct camera *there = camera_set_find(set, camera->id);
    return there && (there->managed_by != CAMERA_OF_API || g_strcmp0(there->org_id, camera->org_id) != 0);
}

static size_t count_watched(const struct cameras *cameras, const struct camera_set *set)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        count += set->items[i]->managed_by == CAMERA_OF_API &&
                 !left_out_find(cameras, set->items[i]->org_id, set->items[i]->id);
    return count;
}

bool left_out_may_be_watched(const struct cameras *cameras, const struct camera *camera, bool has_logins,
                             GError **error)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras->config.live);
    if (!has_logins)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "its logins cannot be read: give one anew (empty: it has none), or bring their key back to "
                    "policies.keys");
    else if (is_id_taken(set, camera))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "the server's settings have a camera of this id: remove this one and make it anew");
    else if (count_watched(cameras, set) >= (size_t)cameras->config.settings->max_cameras)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "there are as many cameras as may be watched (managed_cameras.max_cameras): remove another");
    else
        return true;
    return false;
}

/* ---- what is told of them ---- */

/* Its health says why. */
static void show(const struct cameras *cameras, const struct camera *camera, const char *why)
{
    struct camera shown = *camera; /* borrows everything */
    struct camera_health health;
    shown.enabled = false;
    live_put_camera(cameras->config.live, &shown);
    record_init(&camera_health_descriptor, &health);
    health.camera_id = g_strdup(camera->id);
    health.state = g_strdup("left_out");
    health.last_error = g_strdup(why);
    live_set_health(cameras->config.live, &health);
    record_clear(&camera_health_descriptor, &health);
}

void left_out_add(struct cameras *cameras, const struct camera *camera, bool has_logins, const char *why)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras->config.live);
    struct left_out *left_out = g_new(struct left_out, 1);
    *left_out = (struct left_out){camera_share(camera), has_logins};
    log_error(camera->id, "this camera of org '%s' is not watched: %s", camera->org_id, why);
    g_ptr_array_add(cameras->left_out, left_out);
    if (!is_id_taken(set, camera))
        show(cameras, camera, why);
}

void left_out_bring_back(struct cameras *cameras)
{
    for (guint i = 0; i < cameras->left_out->len;) {
        const struct left_out *left_out = g_ptr_array_index(cameras->left_out, i);
        if (left_out_may_be_watched(cameras, left_out->camera, left_out->has_logins, NULL)) {
            log_info(left_out->camera->id, "is watched again: there is room for it");
            live_put_camera(cameras->config.live, left_out->camera);
            g_ptr_array_remove_index(cameras->left_out, i);
        } else {
            i++;
        }
    }
}
