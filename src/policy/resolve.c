/* Resolution: the levels' documents merged key by key, then their overlays; for each key, where it came from. */
#include "policy/policy.h"

#include "policy/policy_internal.h"

#include <string.h>

/* A merge under way: `origins` maps a key's path to the latest word on it. */
struct merging {
    json_t *config;
    GHashTable *origins; /* path → struct policy_origin * */
    enum policy_level level;
    int64_t revision;
    const char *overlay;
};

static void origin_free(gpointer data)
{
    struct policy_origin *origin = data;
    g_free(origin->path);
    g_free(origin->overlay);
    g_free(origin);
}

static void note_origin(struct merging *merging, const char *path)
{
    struct policy_origin *origin = g_new0(struct policy_origin, 1);
    *origin =
        (struct policy_origin){g_strdup(path), merging->level, merging->revision, g_strdup(merging->overlay), NULL};
    g_hash_table_replace(merging->origins, origin->path, origin);
}

/* A value that replaces an object takes the place of all that was said below it. */
static void forget_below(struct merging *merging, const char *path)
{
    GHashTableIter iterator;
    gpointer known;
    g_autofree char *prefix = g_strconcat(path, ".", NULL);
    g_hash_table_iter_init(&iterator, merging->origins);
    while (g_hash_table_iter_next(&iterator, &known, NULL))
        if (g_str_has_prefix(known, prefix))
            g_hash_table_iter_remove(&iterator);
}

static void merge_into(struct merging *merging, json_t *target, const json_t *from, const char *place)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)from, key, value)
    {
        json_t *present = json_object_get(target, key);
        g_autofree char *path = g_strconcat(place, *place ? "." : "", key, NULL);
        if (json_is_object(value) && json_is_object(present)) {
            merge_into(merging, present, value, path);
        } else if (json_is_object(value)) {
            json_object_set_new(target, key, json_object());
            g_hash_table_remove(merging->origins, path);
            merge_into(merging, json_object_get(target, key), value, path);
        } else {
            json_object_set_new(target, key, json_deep_copy(value));
            forget_below(merging, path);
            note_origin(merging, path);
        }
    }
}

static void merge_document(struct merging *merging, const struct document *document, const json_t *config,
                           const char *overlay)
{
    merging->level = document->level;
    merging->revision = document->revision;
    merging->overlay = overlay;
    merge_into(merging, merging->config, config, "");
}

static void merge_overlays(struct merging *merging, const struct document *document, int64_t at_ms,
                           int64_t *valid_until_ms)
{
    for (size_t i = 0; i < document->overlay_count; i++) {
        const struct overlay *overlay = &document->overlays[i];
        struct schedule schedule = overlay->schedule; /* its cache is ours, its week is shared */
        if (schedule_is_active(&schedule, at_ms))
            merge_document(merging, document, overlay->config, overlay->name);
        *valid_until_ms = MIN(*valid_until_ms, schedule_next_change(&schedule, at_ms));
    }
}

static int by_path(gconstpointer a, gconstpointer b)
{
    const struct policy_origin *const *left = a, *const *right = b;
    return strcmp((*left)->path, (*right)->path);
}

static GPtrArray *list_origins(GHashTable *origins)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(origin_free);
    GHashTableIter iterator;
    gpointer origin;
    g_hash_table_iter_init(&iterator, origins);
    while (g_hash_table_iter_next(&iterator, NULL, &origin)) {
        g_hash_table_iter_steal(&iterator);
        g_ptr_array_add(list, origin);
    }
    g_ptr_array_sort(list, by_path);
    return list;
}

void policy_chain_resolve(const struct document *const chain[POLICY_LEVEL_END], int64_t at_ms,
                          struct policy_effective *effective)
{
    g_autoptr(json_t) config = json_object();
    g_autoptr(GHashTable) origins = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, origin_free);
    struct merging merging = {.config = config, .origins = origins};
    int64_t valid_until_ms = INT64_MAX;
    for (int level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++)
        if (chain[level])
            merge_document(&merging, chain[level], chain[level]->config, NULL);
    for (int level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++)
        if (chain[level])
            merge_overlays(&merging, chain[level], at_ms, &valid_until_ms);
    *effective = (struct policy_effective){0, policy_dump(config), list_origins(origins), valid_until_ms};
}

/* Every key has an origin: those that no document says come from the settings, or are the type's defaults. */
static void note_unsaid(struct policy_effective *effective)
{
    const struct policy_type_info *type = policy_type_find(effective->type);
    g_autoptr(json_t) said = json_loads(effective->config_json, 0, NULL);
    for (size_t i = 0; i < type->descriptor->field_count; i++) {
        const char *key = type->descriptor->fields[i].name, *place = policy_key_place(type, key);
        if (json_object_get(said, key))
            continue;
        struct policy_origin *origin = g_new0(struct policy_origin, 1);
        origin->path = g_strdup(key);
        origin->level = place ? POLICY_LEVEL_SETTINGS : POLICY_LEVEL_DEFAULT;
        origin->place = place;
        g_ptr_array_add(effective->origins, origin);
    }
    g_ptr_array_sort(effective->origins, by_path);
}

void policy_resolve(const struct policy_set *set, enum policy_type type, const struct policy_scope *subject,
                    int64_t at_ms, struct policy_effective *effective)
{
    const struct document *chain[POLICY_LEVEL_END] = {NULL};
    policy_set_chain(set, type, subject, chain);
    policy_chain_resolve(chain, at_ms, effective);
    effective->type = type;
    note_unsaid(effective);
}

/* Whether a document says the key, at all hours or at some. */
static bool says_key(const json_t *config, const char *key)
{
    bool is_said = json_object_get(config, key) != NULL;
    const json_t *overlay;
    for (size_t i = 0; !is_said && (overlay = policy_overlay_config(config, i)); i++)
        is_said = json_object_get(overlay, key) != NULL;
    return is_said;
}

void policy_list_not_in_force(enum policy_type type, const char *config_json, GPtrArray *keys)
{
    const struct record_descriptor *descriptor = policy_type_find(type)->descriptor;
    g_autoptr(json_t) config = config_json ? json_loads(config_json, 0, NULL) : NULL;
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (field->flags & RECORD_NOT_YET && says_key(config, field->name))
            g_ptr_array_add(keys, (gpointer)(uintptr_t)field->name);
    }
}

void policy_append_not_in_force(enum policy_type type, const char *config_json, GString *out)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    policy_list_not_in_force(type, config_json, keys);
    g_string_append_c(out, '[');
    for (guint i = 0; i < keys->len; i++)
        g_string_append_printf(out, "%s\"%s\"", i ? "," : "", (const char *)g_ptr_array_index(keys, i));
    g_string_append_c(out, ']');
}

void policy_effective_clear(struct policy_effective *effective)
{
    g_free(effective->config_json);
    if (effective->origins)
        g_ptr_array_unref(effective->origins);
    *effective = (struct policy_effective){0};
}

static json_t *defaults_of(enum policy_type type)
{
    const struct record_descriptor *descriptor = policy_type_find(type)->descriptor;
    g_autofree void *record = g_malloc0(descriptor->size);
    g_autoptr(GString) text = g_string_new(NULL);
    record_init(descriptor, record);
    record_encode_json(descriptor, record, false, text);
    record_clear(descriptor, record);
    return json_loads(text->str, 0, NULL);
}

/* What the levels come to, over what the settings say, over the defaults. */
static char *whole_config(const struct policy_effective *effective, const char *settings_json)
{
    g_autoptr(json_t) config = defaults_of(effective->type);
    g_autoptr(json_t) settings = settings_json ? json_loads(settings_json, 0, NULL) : NULL;
    g_autoptr(json_t) said = json_loads(effective->config_json, 0, NULL);
    json_object_update(config, settings);
    json_object_update(config, said);
    return policy_dump(config);
}

static void append_origin(const struct policy_origin *origin, GString *out)
{
    record_append_json_string(out, origin->path);
    g_string_append_printf(out, ":{\"level\":\"%s\",\"revision\":%" G_GINT64_FORMAT,
                           record_enum_name(policy_level_names, origin->level), origin->revision);
    if (origin->overlay) {
        g_string_append(out, ",\"overlay\":");
        record_append_json_string(out, origin->overlay);
    }
    if (origin->place)
        g_string_append_printf(out, ",\"place\":\"%s\"", origin->place);
    g_string_append_c(out, '}');
}

void policy_effective_append_json(const struct policy_effective *effective, const char *settings_json, GString *out)
{
    g_autofree char *config = whole_config(effective, settings_json);
    g_string_append_printf(out, "{\"config\":%s,\"origins\":{", config);
    for (guint i = 0; i < effective->origins->len; i++) {
        g_string_append(out, i ? "," : "");
        append_origin(g_ptr_array_index(effective->origins, i), out);
    }
    g_string_append(out, "},\"not_in_force\":");
    policy_append_not_in_force(effective->type, effective->config_json, out);
    g_string_append_c(out, '}');
}
