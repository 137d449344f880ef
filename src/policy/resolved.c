/* What one chain of documents comes to while the same overlays of it are in force; made once and shared by all cameras
 * for which it is the same. */
#include "policy/policy_internal.h"

#include <string.h>

G_STATIC_ASSERT(POLICY_OVERLAYS_MAX <= 16); /* bits of policy_resolved.active */

static guint resolved_hash(gconstpointer data)
{
    const struct policy_resolved *resolved = data;
    guint hash = resolved->type;
    for (int level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++)
        hash = (hash * 31 + g_direct_hash(resolved->chain[level])) * 31 + resolved->active[level];
    return hash;
}

static gboolean resolved_equal(gconstpointer a, gconstpointer b)
{
    const struct policy_resolved *left = a, *right = b;
    return left->type == right->type && memcmp(left->chain, right->chain, sizeof left->chain) == 0 &&
           memcmp(left->active, right->active, sizeof left->active) == 0;
}

static void resolved_unref(gpointer data)
{
    struct policy_resolved *resolved = data;
    if (atomic_fetch_sub_explicit(&resolved->references, 1, memory_order_acq_rel) > 1)
        return;
    for (int level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++)
        if (resolved->chain[level])
            policy_document_unref(resolved->chain[level]);
    if (resolved->record)
        record_clear(policy_type_find(resolved->type)->descriptor, resolved->record);
    g_free(resolved->record);
    g_free(resolved->config_json);
    g_free(resolved->doubt);
    g_free(resolved);
}

GHashTable *policy_resolved_table_new(void)
{
    return g_hash_table_new_full(resolved_hash, resolved_equal, resolved_unref, NULL);
}

/* Each document passed its check; what they come to together must too. */
static bool decode(struct policy_resolved *resolved, const struct policy_scope *subject, GError **error)
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

/* Which overlays are in force, and when that changes. */
static void note_active(struct policy_resolved *resolved, int64_t at_ms, int64_t *valid_until_ms)
{
    for (int level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++) {
        const struct document *document = resolved->chain[level];
        for (size_t i = 0; document && i < document->overlay_count; i++) {
            struct schedule schedule = document->overlays[i].schedule; /* its cache is ours, its week is shared */
            if (schedule_is_active(&schedule, at_ms))
                resolved->active[level] |= (uint16_t)(1U << i);
            *valid_until_ms = MIN(*valid_until_ms, schedule_next_change(&schedule, at_ms));
        }
    }
}

static char *doubt_of(const struct policy_resolved *resolved)
{
    for (int level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++)
        if (resolved->chain[level] && resolved->chain[level]->refusal)
            return g_strdup(resolved->chain[level]->refusal);
    return NULL;
}

/* NULL: it contradicts itself. */
static struct policy_resolved *resolved_new(const struct policy_resolved *key, const struct policy_scope *subject,
                                            int64_t at_ms, GError **error)
{
    struct policy_effective effective;
    struct policy_resolved *made = g_new0(struct policy_resolved, 1);
    atomic_init(&made->references, 1);
    made->type = key->type;
    memcpy(made->active, key->active, sizeof made->active);
    for (int level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++)
        made->chain[level] = key->chain[level] ? policy_document_ref(key->chain[level]) : NULL;
    policy_chain_resolve(made->chain, at_ms, &effective);
    made->config_json = g_steal_pointer(&effective.config_json);
    made->doubt = doubt_of(made);
    policy_effective_clear(&effective);
    if (!decode(made, subject, error))
        g_clear_pointer(&made, resolved_unref);
    return made;
}

const struct policy_resolved *policy_resolved_get(GHashTable *table, GHashTable *earlier, enum policy_type type,
                                                  const struct document *const chain[POLICY_LEVEL_END],
                                                  const struct policy_scope *subject, int64_t at_ms,
                                                  int64_t *valid_until_ms, GError **error)
{
    struct policy_resolved key = {.type = type};
    memcpy(key.chain, chain, sizeof key.chain);
    note_active(&key, at_ms, valid_until_ms);
    struct policy_resolved *known = g_hash_table_lookup(table, &key);
    if (known)
        return known;
    known = earlier ? g_hash_table_lookup(earlier, &key) : NULL;
    if (known)
        atomic_fetch_add_explicit(&known->references, 1, memory_order_relaxed);
    else
        known = resolved_new(&key, subject, at_ms, error);
    if (known)
        g_hash_table_add(table, known);
    return known;
}
