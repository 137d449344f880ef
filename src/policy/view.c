/* A view: what is in force for every camera, typed. Cameras for which the same documents count share what these come
 * to: ten thousand cameras of one org without documents of their own cost thirteen records, not 130,000. */
#include "policy/policy.h"

#include "policy/policy_internal.h"

#include <stdatomic.h>
#include <string.h>

enum { IDS_BLOCK_BYTES = 16 << 10 };

/* Of the table of cameras: open addressing, at most half full. A slot has all that a look needs, because what a lookup
 * costs is waiting for memory, one piece after the other. */
struct slot {
    uint32_t hash, camera; /* camera: its index + 1; 0: free */
    char ids[56];          /* org and camera, '\0' after each; both "": they are longer, see the camera's scope */
};

struct policy_view {
    atomic_int references;
    GHashTable *resolved; /* policy_resolved_table_new */
    GStringChunk *ids;    /* of all cameras, near to each other */
    struct slot *slots;
    size_t slot_mask; /* how many there are, a power of two, less 1 */
    struct policy_camera *cameras;
    size_t camera_count;
    struct policy_camera fallback;             /* global */
    int64_t revision, made_ms, valid_until_ms; /* made_ms: the time it is of */
};

static const char *keep_id(struct policy_view *view, const char *id)
{
    return id ? g_string_chunk_insert_const(view->ids, id) : NULL;
}

/* What the cameras of a view are made from. */
struct filling {
    struct policy_view *view;
    const struct policy_set *set;
    GHashTable *earlier; /* of the view before; NULL: there is none */
    int64_t at_ms;
};

static bool fill_camera(const struct filling *filling, const struct policy_scope *subject, struct policy_camera *camera,
                        GError **error)
{
    struct policy_view *view = filling->view;
    camera->scope = (struct policy_scope){
        keep_id(view, subject->org_id ? subject->org_id : ""),
        keep_id(view, subject->site_id),
        keep_id(view, subject->class_id),
        keep_id(view, subject->camera_id ? subject->camera_id : ""),
    };
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        const struct document *chain[POLICY_LEVEL_END] = {NULL};
        policy_set_chain(filling->set, policy_types[i].type, subject, chain);
        const struct policy_resolved *resolved =
            policy_resolved_get(view->resolved, filling->earlier, policy_types[i].type, chain, subject, filling->at_ms,
                                &view->valid_until_ms, error);
        if (!resolved)
            return false;
        camera->records[i] = resolved->record;
        camera->configs[i] = resolved->config_json;
        if (policy_types[i].acts_before_tracks && !camera->doubt)
            camera->doubt = resolved->doubt;
    }
    return true;
}

/* ---- finding a camera ---- */

/* Ids are short: plain loops take less than calls into the C library. */
static uint32_t hash_id(const char *id)
{
    uint32_t hash = 0;
    for (; *id; id++)
        hash = hash * 33 + (unsigned char)*id; /* Bernstein's, as g_str_hash */
    return hash;
}

/* NULL when they differ, else what follows the '\0'. */
static const char *after_same_id(const char *left, const char *right)
{
    for (; *left == *right; left++, right++)
        if (!*left)
            return left + 1;
    return NULL;
}

static uint32_t hash_camera(const char *org_id, const char *camera_id)
{
    const uint32_t golden_ratio = UINT32_C(0x9e3779b9); /* 2^32 / phi: Knuth, The Art of Computer Programming 3, 6.4 */
    uint32_t hash = (hash_id(org_id) * golden_ratio + hash_id(camera_id)) * golden_ratio;
    return hash ^ hash >> 16;
}

static bool is_of(const struct policy_view *view, const struct slot *slot, const char *org_id, const char *camera_id)
{
    const struct policy_scope *scope = &view->cameras[slot->camera - 1].scope;
    const char *second = after_same_id(slot->ids, org_id);
    if (second && after_same_id(second, camera_id))
        return true;
    return !slot->ids[0] && !slot->ids[1] && strcmp(scope->org_id, org_id) == 0 &&
           strcmp(scope->camera_id, camera_id) == 0;
}

/* The camera's slot, or the free one where it would stand. */
static struct slot *find_slot(const struct policy_view *view, const char *org_id, const char *camera_id, uint32_t hash)
{
    struct slot *slot = &view->slots[hash & view->slot_mask];
    while (slot->camera && !(slot->hash == hash && is_of(view, slot, org_id, camera_id)))
        slot = &view->slots[((size_t)(slot - view->slots) + 1) & view->slot_mask];
    return slot;
}

static void make_slots(struct policy_view *view, size_t camera_count)
{
    size_t count = 2;
    while (count < 2 * camera_count)
        count *= 2;
    view->slots = g_new0(struct slot, count);
    view->slot_mask = count - 1;
}

static void enter_camera(struct policy_view *view, size_t index)
{
    const struct policy_scope *scope = &view->cameras[index].scope;
    uint32_t hash = hash_camera(scope->org_id, scope->camera_id);
    struct slot *slot = find_slot(view, scope->org_id, scope->camera_id, hash);
    size_t org_bytes = strlen(scope->org_id) + 1, camera_bytes = strlen(scope->camera_id) + 1;
    *slot = (struct slot){.hash = hash, .camera = (uint32_t)index + 1};
    if (org_bytes + camera_bytes > sizeof slot->ids)
        return;
    memcpy(slot->ids, scope->org_id, org_bytes);
    memcpy(slot->ids + org_bytes, scope->camera_id, camera_bytes);
}

const struct policy_camera *policy_view_find(const struct policy_view *view, const char *org_id, const char *camera_id)
{
    const struct slot *slot = find_slot(view, org_id, camera_id, hash_camera(org_id, camera_id));
    return slot->camera ? &view->cameras[slot->camera - 1] : NULL;
}

/* ---- the life of a view ---- */

struct policy_view *policy_view_new_after(const struct policy_view *before, const struct policy_set *set,
                                          const struct policy_scope *subjects, size_t subject_count, int64_t at_ms,
                                          GError **error)
{
    CLEANUP(policy_view) struct policy_view *view = g_new0(struct policy_view, 1);
    const struct filling filling = {view, set, before ? before->resolved : NULL, at_ms};
    atomic_init(&view->references, 1);
    view->resolved = policy_resolved_table_new();
    view->ids = g_string_chunk_new(IDS_BLOCK_BYTES);
    make_slots(view, subject_count);
    view->revision = policy_set_revision(set);
    view->made_ms = at_ms;
    view->valid_until_ms = INT64_MAX;
    view->cameras = g_new0(struct policy_camera, subject_count + 1);
    if (!fill_camera(&filling, &(struct policy_scope){NULL}, &view->fallback, error))
        return NULL;
    for (size_t i = 0; i < subject_count; i++) {
        if (!fill_camera(&filling, &subjects[i], &view->cameras[i], error))
            return NULL;
        view->camera_count++;
        enter_camera(view, i);
    }
    return g_steal_pointer(&view);
}

struct policy_view *policy_view_new(const struct policy_set *set, const struct policy_scope *subjects,
                                    size_t subject_count, int64_t at_ms, GError **error)
{
    return policy_view_new_after(NULL, set, subjects, subject_count, at_ms, error);
}

GHashTable *policy_view_resolved(const struct policy_view *view)
{
    return view->resolved;
}

struct policy_view *policy_view_ref(struct policy_view *view)
{
    atomic_fetch_add_explicit(&view->references, 1, memory_order_relaxed);
    return view;
}

void policy_view_unref(struct policy_view *view)
{
    if (!view || atomic_fetch_sub_explicit(&view->references, 1, memory_order_acq_rel) > 1)
        return;
    g_string_chunk_free(view->ids);
    g_hash_table_unref(view->resolved);
    g_free(view->slots);
    g_free(view->cameras);
    g_free(view);
}

const struct policy_camera *policy_view_default(const struct policy_view *view)
{
    return &view->fallback;
}

size_t policy_view_count(const struct policy_view *view)
{
    return view->camera_count;
}

const struct policy_camera *policy_view_at(const struct policy_view *view, size_t index)
{
    return &view->cameras[index];
}

int64_t policy_view_revision(const struct policy_view *view)
{
    return view->revision;
}

bool policy_view_is_of(const struct policy_view *view, int64_t at_ms)
{
    return at_ms >= view->made_ms && at_ms < view->valid_until_ms;
}

int64_t policy_view_valid_until_ms(const struct policy_view *view)
{
    return view->valid_until_ms;
}
