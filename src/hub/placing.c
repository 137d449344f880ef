/* Which worker watches which camera, as cameras come, change and go. A worker is of one org. Main loop's thread, but
 * for hub_cameras_changed.
 */
#include "hub/hub_internal.h"

#include "base/media_url.h"

#include <string.h>

enum { CAMERAS_A_WORKER = 8 };

bool hub_worker_is_for_cameras(const struct hub_worker *worker)
{
    return !worker->is_apart && !worker->looks_at_pictures && !worker->is_leaving;
}

/* ---- what is no longer so ---- */

static bool is_watched(const struct camera *camera)
{
    return camera && camera->enabled;
}

/* The cage of a worker that runs lets it at no file and no device that it did not know of. */
static bool may_join(const struct hub_worker *worker, const struct camera *camera)
{
    struct stream_use uses[CAMERA_MAX_STREAMS];
    size_t count = camera_list_streams(camera, uses);
    bool is_free = true;
    for (size_t i = 0; i < count; i++) {
        struct media_url url;
        if (!media_url_parse(uses[i].source, &url, NULL))
            continue;
        is_free = is_free && url.scheme != MEDIA_FILE && url.scheme != MEDIA_V4L2;
        media_url_clear(&url);
    }
    return is_free || worker->generation == 0;
}

/* Whether the worker that watches it can go on with it as it is now. */
static bool may_stay(const struct hub_worker *worker, const struct camera *before, const struct camera *now)
{
    return is_watched(now) && (!camera_needs_restart(before, now) || may_join(worker, now));
}

/* A camera that is another now stays where it is, if it can; else it is placed anew. */
static void follow(struct hub_worker *worker, const struct camera_set *set)
{
    for (guint i = worker->cameras->len; i-- > 0;) {
        const struct camera *before = g_ptr_array_index(worker->cameras, i);
        const struct camera *now = camera_set_find(set, before->id);
        if (now == before)
            continue;
        if (may_stay(worker, before, now))
            g_ptr_array_index(worker->cameras, i) = (gpointer)(uintptr_t)camera_ref(now);
        else
            g_ptr_array_steal_index(worker->cameras, i);
        camera_unref(before);
    }
}

static gboolean has_no_camera(gpointer camera_id, gpointer word, gpointer set)
{
    (void)word;
    return camera_set_find(set, camera_id) == NULL;
}

/* ---- who has none yet ---- */

/* The worker of the same org with the fewest cameras, or a new one. Halves are not for others: one of their cameras may
 * end them. */
static struct hub_worker *worker_for(struct hub *hub, const struct camera *camera, guint per_org)
{
    struct hub_worker *best = NULL;
    guint same_org = 0;
    for (guint i = 0; i < hub->workers->len; i++) {
        struct hub_worker *worker = g_ptr_array_index(hub->workers, i);
        const struct camera *first = worker->cameras->len ? g_ptr_array_index(worker->cameras, 0) : NULL;
        if (!hub_worker_is_for_cameras(worker) || crashes_is_half(worker) || !first ||
            strcmp(first->org_id, camera->org_id) != 0)
            continue;
        same_org++;
        if (may_join(worker, camera) && (!best || worker->cameras->len < best->cameras->len))
            best = worker;
    }
    return best && same_org >= per_org ? best : hub_worker_new(hub);
}

static bool has_worker(const struct hub *hub, const struct camera *camera)
{
    for (guint i = 0; i < hub->workers->len; i++) {
        const struct hub_worker *worker = g_ptr_array_index(hub->workers, i);
        if (hub_worker_is_for_cameras(worker) && g_ptr_array_find(worker->cameras, camera, NULL))
            return true;
    }
    return false;
}

static bool is_admitted(struct hub *hub, const struct camera *camera)
{
    if (g_ptr_array_find(hub->not_placed, camera, NULL))
        return false;
    if (governing_admit(hub->governing, camera))
        return true;
    g_ptr_array_add(hub->not_placed, (gpointer)(uintptr_t)camera_ref(camera));
    return false;
}

/* How many workers the cameras of one org share at most, of so many cameras in all. */
static guint workers_per_org(const struct settings *settings, size_t cameras)
{
    guint count = (guint)settings->workers.count;
    if (count == 0)
        count = MIN((guint)(cameras + CAMERAS_A_WORKER - 1) / CAMERAS_A_WORKER, g_get_num_processors());
    return MAX(count, 1);
}

static guint count_in_org(const struct settings *settings, const char *org_id)
{
    const struct camera *cameras = settings->cameras.items;
    guint count = 0;
    for (size_t i = 0; i < settings->cameras.count; i++)
        count += cameras[i].enabled && strcmp(cameras[i].org_id, org_id) == 0;
    return count;
}

int hub_count_workers(const struct settings *settings)
{
    const struct camera *cameras = settings->cameras.items;
    guint per_org = workers_per_org(settings, settings->cameras.count), count = 0;
    g_autoptr(GHashTable) orgs = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < settings->cameras.count; i++)
        if (g_hash_table_add(orgs, cameras[i].org_id))
            count += MIN(count_in_org(settings, cameras[i].org_id), per_org);
    return (int)count;
}

static void place(struct hub *hub, const struct camera_set *set)
{
    guint per_org = workers_per_org(hub->settings, set->count);
    for (size_t i = 0; i < set->count; i++) {
        const struct camera *camera = set->items[i];
        if (is_watched(camera) && !has_worker(hub, camera) && is_admitted(hub, camera))
            g_ptr_array_add(worker_for(hub, camera, per_org)->cameras, (gpointer)(uintptr_t)camera_ref(camera));
    }
}

struct hub_worker *hub_place_half(struct hub_worker *worker)
{
    struct hub_worker *other = hub_worker_new(worker->hub);
    worker->is_half = other->is_half = true;
    for (guint half = worker->cameras->len / 2; worker->cameras->len > half;)
        g_ptr_array_add(other->cameras, g_ptr_array_steal_index(worker->cameras, half));
    return other;
}

/* ---- the whole ---- */

static void forget_not_placed(struct hub *hub, const struct camera_set *set)
{
    for (guint i = hub->not_placed->len; i-- > 0;) {
        const struct camera *camera = g_ptr_array_index(hub->not_placed, i);
        if (camera_set_find(set, camera->id) != camera)
            g_ptr_array_remove_index(hub->not_placed, i);
    }
}

void hub_place_cameras(struct hub *hub)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(hub->live);
    for (guint i = 0; i < hub->workers->len; i++)
        if (hub_worker_is_for_cameras(g_ptr_array_index(hub->workers, i)))
            follow(g_ptr_array_index(hub->workers, i), set);
    g_hash_table_foreach_remove(hub->breaker_words, has_no_camera, set);
    forget_not_placed(hub, set);
    place(hub, set);
}

static void tell_worker(struct hub_worker *worker)
{
    if (!hub_worker_is_for_cameras(worker))
        return;
    if (worker->cameras->len == 0)
        hub_worker_leave(worker);
    else if (worker->generation == 0)
        hub_worker_start_or_retry(worker);
    else
        hub_worker_tell_cameras(worker);
}

static gboolean on_changed(gpointer data)
{
    struct hub *hub = data;
    if (hub->is_stopping)
        return G_SOURCE_REMOVE;
    hub_place_cameras(hub);
    for (guint i = 0; i < hub->workers->len; i++)
        tell_worker(g_ptr_array_index(hub->workers, i));
    policies_see_cameras(hub->policies);
    return G_SOURCE_REMOVE;
}

void hub_cameras_changed(void *hub)
{
    g_idle_add_full(G_PRIORITY_DEFAULT, on_changed, hub, NULL);
}
