#include "facts/camera_set.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* What stands behind the faces that readers see, which come first. */
struct counted_camera {
    struct camera camera;
    atomic_int references;
};
struct counted_set {
    struct camera_set set;
    atomic_int references;
    GPtrArray *cameras;
    GHashTable *by_id; /* borrows the cameras and their ids */
};

struct camera_roster {
    pthread_mutex_t lock;
    struct camera_set *latest; /* under lock */
    atomic_bool is_whole;
};

/* ---- cameras ---- */

const struct camera *camera_share(const struct camera *camera)
{
    struct counted_camera *counted = g_new0(struct counted_camera, 1);
    atomic_init(&counted->references, 1);
    record_copy(&camera_descriptor, camera, &counted->camera);
    return &counted->camera;
}

const struct camera *camera_ref(const struct camera *shared)
{
    atomic_fetch_add_explicit(&((struct counted_camera *)(uintptr_t)shared)->references, 1, memory_order_relaxed);
    return shared;
}

/* Whether it was the last; what its holders did is seen by whoever frees it then. */
static bool drop(atomic_int *references)
{
    return atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1;
}

void camera_unref(const struct camera *shared)
{
    struct counted_camera *counted = (struct counted_camera *)(uintptr_t)shared;
    if (!drop(&counted->references))
        return;
    record_clear(&camera_descriptor, &counted->camera);
    g_free(counted);
}

static void unref_item(gpointer camera)
{
    camera_unref(camera);
}

GPtrArray *camera_array_new(void)
{
    return g_ptr_array_new_with_free_func(unref_item);
}

/* ---- sets ---- */

/* Takes the array over. */
static struct camera_set *set_new(GPtrArray *cameras)
{
    struct counted_set *counted = g_new0(struct counted_set, 1);
    atomic_init(&counted->references, 1);
    counted->cameras = cameras;
    counted->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < cameras->len; i++) {
        struct camera *camera = g_ptr_array_index(cameras, i);
        g_hash_table_insert(counted->by_id, camera->id, camera);
    }
    counted->set.items = (const struct camera *const *)(void *)cameras->pdata;
    counted->set.count = cameras->len;
    return &counted->set;
}

struct camera_set *camera_set_ref(struct camera_set *set)
{
    atomic_fetch_add_explicit(&((struct counted_set *)set)->references, 1, memory_order_relaxed);
    return set;
}

void camera_set_unref(struct camera_set *set)
{
    struct counted_set *counted = (struct counted_set *)set;
    if (!set || !drop(&counted->references))
        return;
    g_hash_table_unref(counted->by_id);
    g_ptr_array_unref(counted->cameras);
    g_free(counted);
}

const struct camera *camera_set_find(const struct camera_set *set, const char *camera_id)
{
    return camera_id ? g_hash_table_lookup(((const struct counted_set *)set)->by_id, camera_id) : NULL;
}

/* ---- the roster ---- */

struct camera_roster *camera_roster_new(const struct record_list *cameras)
{
    struct camera_roster *roster = g_new0(struct camera_roster, 1);
    const struct camera *items = cameras->items;
    GPtrArray *shared = camera_array_new();
    for (size_t i = 0; i < cameras->count; i++)
        g_ptr_array_add(shared, (gpointer)(uintptr_t)camera_share(&items[i]));
    pthread_mutex_init(&roster->lock, NULL);
    roster->latest = set_new(shared);
    atomic_init(&roster->is_whole, true);
    return roster;
}

void camera_roster_free(struct camera_roster *roster)
{
    if (!roster)
        return;
    camera_set_unref(roster->latest);
    pthread_mutex_destroy(&roster->lock);
    g_free(roster);
}

bool camera_roster_is_whole(struct camera_roster *roster)
{
    return atomic_load(&roster->is_whole);
}

void camera_roster_set_whole(struct camera_roster *roster, bool is_whole)
{
    atomic_store(&roster->is_whole, is_whole);
}

struct camera_set *camera_roster_get(struct camera_roster *roster)
{
    pthread_mutex_lock(&roster->lock);
    struct camera_set *set = camera_set_ref(roster->latest);
    pthread_mutex_unlock(&roster->lock);
    return set;
}

/* Sets are read far more often than they change: a change copies the references. Consumes `camera`; NULL removes. */
static void replace(struct camera_roster *roster, const char *camera_id, const struct camera *camera)
{
    GPtrArray *cameras = camera_array_new();
    pthread_mutex_lock(&roster->lock);
    struct camera_set *before = roster->latest;
    for (size_t i = 0; i < before->count; i++) {
        bool is_it = strcmp(before->items[i]->id, camera_id) == 0;
        const struct camera *kept = is_it ? g_steal_pointer(&camera) : camera_ref(before->items[i]);
        if (kept)
            g_ptr_array_add(cameras, (gpointer)(uintptr_t)kept);
    }
    if (camera)
        g_ptr_array_add(cameras, (gpointer)(uintptr_t)camera);
    roster->latest = set_new(cameras);
    pthread_mutex_unlock(&roster->lock);
    camera_set_unref(before);
}

void camera_roster_put(struct camera_roster *roster, const struct camera *camera)
{
    replace(roster, camera->id, camera_share(camera));
}

void camera_roster_remove(struct camera_roster *roster, const char *camera_id)
{
    replace(roster, camera_id, NULL);
}
