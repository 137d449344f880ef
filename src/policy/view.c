/* A view: what is in force for every camera, typed. Cameras for which the same documents count share what these come
 * to: ten thousand cameras of one org without documents of their own cost thirteen records, not 130,000. */
#include "policy/policy.h"

#include "policy/policy_internal.h"

#include <stdatomic.h>
#include <string.h>

/* What one chain of documents comes to; owned by the view. */
struct resolved {
    enum policy_type type;
    const struct document *chain[POLICY_LEVEL_END]; /* the key; not followed after the view is built */
    char *config_json;
    void *record;
    int64_t valid_until_ms;
};

struct policy_view {
    atomic_int references;
    GHashTable *resolved; /* struct resolved *, by type and chain */
    GHashTable *by_id;    /* struct policy_camera * (its scope is the key) */
    struct policy_camera *cameras;
    size_t camera_count;
    struct policy_camera fallback; /* global */
    int64_t revision, valid_until_ms;
};

static guint resolved_hash(gconstpointer data)
{
    const struct resolved *resolved = data;
    guint hash = resolved->type;
    for (int level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++)
        hash = hash * 31 + g_direct_hash(resolved->chain[level]);
    return hash;
}

static gboolean resolved_equal(gconstpointer a, gconstpointer b)
{
    const struct resolved *left = a, *right = b;
    return left->type == right->type && memcmp(left->chain, right->chain, sizeof left->chain) == 0;
}

static void resolved_free(gpointer data)
{
    struct resolved *resolved = data;
    if (resolved->record)
        record_clear(policy_type_find(resolved->type)->descriptor, resolved->record);
    g_free(resolved->record);
    g_free(resolved->config_json);
    g_free(resolved);
}

static guint camera_hash(gconstpointer data)
{
    const struct policy_scope *scope = data;
    return g_str_hash(scope->camera_id) * 33 ^ g_str_hash(scope->org_id);
}

static gboolean camera_equal(gconstpointer a, gconstpointer b)
{
    const struct policy_scope *left = a, *right = b;
    return strcmp(left->camera_id, right->camera_id) == 0 && strcmp(left->org_id, right->org_id) == 0;
}

/* Each document passed its check; what they come to together must too. */
static bool decode(struct resolved *resolved, const struct policy_scope *subject, GError **error)
{
    const struct record_descriptor *descriptor = policy_type_find(resolved->type)->descriptor;
    struct record_errors errors;
    void *record = g_malloc0(descriptor->size);
    record_errors_init(&errors);
    bool is_good =
        record_decode_json(descriptor, resolved->config_json, strlen(resolved->config_json), record, &errors);
    if (is_good) {
        resolved->record = record;
    } else {
        g_free(record);
        record_errors_to_gerror(&errors, error);
        g_prefix_error(error, "%s policy of camera '%s' as its levels add up: ",
                       record_enum_name(policy_type_names, resolved->type),
                       subject->camera_id ? subject->camera_id : "");
    }
    record_errors_clear(&errors);
    return is_good;
}

static const struct resolved *resolve(struct policy_view *view, const struct policy_set *set, enum policy_type type,
                                      const struct policy_scope *subject, int64_t at_ms, GError **error)
{
    struct resolved key = {.type = type};
    struct policy_effective effective;
    policy_set_chain(set, type, subject, key.chain);
    struct resolved *known = g_hash_table_lookup(view->resolved, &key);
    if (known)
        return known;
    policy_chain_resolve(key.chain, at_ms, &effective);
    known = g_memdup2(&key, sizeof key);
    known->config_json = g_steal_pointer(&effective.config_json);
    known->valid_until_ms = effective.valid_until_ms;
    policy_effective_clear(&effective);
    if (!decode(known, subject, error)) {
        resolved_free(known);
        return NULL;
    }
    g_hash_table_add(view->resolved, known);
    return known;
}

static bool fill_camera(struct policy_view *view, const struct policy_set *set, const struct policy_scope *subject,
                        int64_t at_ms, struct policy_camera *camera, GError **error)
{
    camera->scope =
        (struct policy_scope){g_strdup(subject->org_id ? subject->org_id : ""), g_strdup(subject->site_id),
                              g_strdup(subject->class_id), g_strdup(subject->camera_id ? subject->camera_id : "")};
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        const struct resolved *resolved = resolve(view, set, policy_types[i].type, subject, at_ms, error);
        if (!resolved)
            return false;
        camera->records[i] = resolved->record;
        camera->configs[i] = resolved->config_json;
        view->valid_until_ms = MIN(view->valid_until_ms, resolved->valid_until_ms);
    }
    return true;
}

static void clear_camera(struct policy_camera *camera)
{
    g_free((char *)(uintptr_t)camera->scope.org_id);
    g_free((char *)(uintptr_t)camera->scope.site_id);
    g_free((char *)(uintptr_t)camera->scope.class_id);
    g_free((char *)(uintptr_t)camera->scope.camera_id);
}

struct policy_view *policy_view_new(const struct policy_set *set, const struct policy_scope *subjects,
                                    size_t subject_count, int64_t at_ms, GError **error)
{
    CLEANUP(policy_view) struct policy_view *view = g_new0(struct policy_view, 1);
    atomic_init(&view->references, 1);
    view->resolved = g_hash_table_new_full(resolved_hash, resolved_equal, resolved_free, NULL);
    view->by_id = g_hash_table_new(camera_hash, camera_equal);
    view->revision = policy_set_revision(set);
    view->valid_until_ms = INT64_MAX;
    view->cameras = g_new0(struct policy_camera, subject_count + 1);
    if (!fill_camera(view, set, &(struct policy_scope){NULL}, at_ms, &view->fallback, error))
        return NULL;
    for (size_t i = 0; i < subject_count; i++) {
        struct policy_camera *camera = &view->cameras[view->camera_count++];
        if (!fill_camera(view, set, &subjects[i], at_ms, camera, error))
            return NULL;
        g_hash_table_insert(view->by_id, &camera->scope, camera);
    }
    return g_steal_pointer(&view);
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
    for (size_t i = 0; i < view->camera_count; i++)
        clear_camera(&view->cameras[i]);
    clear_camera(&view->fallback);
    g_hash_table_unref(view->by_id);
    g_hash_table_unref(view->resolved);
    g_free(view->cameras);
    g_free(view);
}

const struct policy_camera *policy_view_find(const struct policy_view *view, const char *org_id, const char *camera_id)
{
    const struct policy_scope key = {.org_id = org_id, .camera_id = camera_id};
    return g_hash_table_lookup(view->by_id, &key);
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

int64_t policy_view_valid_until_ms(const struct policy_view *view)
{
    return view->valid_until_ms;
}
