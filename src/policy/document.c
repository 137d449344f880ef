/* Documents: what one level says. Checked by the type's table before they are stored, patched by RFC 7396. */
#include "policy/policy.h"

#include "policy/policy_internal.h"

#include <string.h>

/* ---- checking ---- */

json_t *policy_parse_object(const char *text, struct record_errors *errors)
{
    json_error_t error;
    size_t length = strlen(text);
    if (length > POLICY_DOCUMENT_MAX_BYTES) {
        record_errors_add(errors, "", "has %zu bytes: must have at most %d", length, POLICY_DOCUMENT_MAX_BYTES);
        return NULL;
    }
    json_t *tree = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!tree)
        record_errors_add(errors, "", "is no JSON: line %d column %d: %s", error.line, error.column, error.text);
    else if (json_is_object(tree))
        return tree;
    else
        record_errors_add(errors, "", "must be an object of keys and values");
    json_decref(tree);
    return NULL;
}

char *policy_dump(const json_t *tree)
{
    const size_t digits = 15; /* of numbers: as many as always read back as they were written */
    char *text = json_dumps(tree, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
    char *ours = g_strdup(text);
    free(text);
    return ours;
}

/* Adds what a check found with the place of the part in the whole before each path. */
static void add_below(struct record_errors *errors, const char *place, const struct record_errors *found)
{
    for (guint i = 0; i < found->items->len; i++) {
        const struct record_error *error = g_ptr_array_index(found->items, i);
        g_autofree char *path =
            g_strconcat(place, *place && *error->path && *error->path != '[' ? "." : "", error->path, NULL);
        record_errors_add(errors, path, "%s", error->text);
    }
}

static void check_record(const struct record_descriptor *descriptor, const json_t *tree, const char *place,
                         struct record_errors *errors)
{
    struct record_errors found;
    g_autofree void *record = g_malloc0(descriptor->size);
    g_autofree char *text = policy_dump(tree);
    record_errors_init(&found);
    if (record_decode_json_strict(descriptor, text, strlen(text), record, &found))
        record_clear(descriptor, record);
    add_below(errors, place, &found);
    record_errors_clear(&found);
}

static void check_keys(enum policy_type type, const json_t *config, const char *place, struct record_errors *errors)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)config, key, value)
    {
        if (!json_is_null(value))
            continue;
        g_autofree char *path = g_strconcat(place, *place ? "." : "", key, NULL);
        record_errors_add(errors, path, "is null: only a patch may say so, to remove the key");
    }
    check_record(policy_type_find(type)->descriptor, config, place, errors);
}

static void check_overlays(enum policy_type type, const json_t *overlays, struct record_errors *errors)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    if (!json_is_array(overlays) || json_array_size(overlays) > POLICY_OVERLAYS_MAX) {
        record_errors_add(errors, POLICY_OVERLAYS_KEY, "must be a list of at most %d", POLICY_OVERLAYS_MAX);
        return;
    }
    for (size_t i = 0; i < json_array_size(overlays); i++) {
        const json_t *overlay = json_array_get(overlays, i), *config = json_object_get(overlay, "config");
        g_autofree char *place = g_strdup_printf(POLICY_OVERLAYS_KEY "[%zu]", i);
        g_autofree char *config_place = g_strconcat(place, ".config", NULL);
        check_record(&policy_overlay_descriptor, overlay, place, errors);
        const char *name = json_string_value(json_object_get(overlay, "name"));
        if (name && !g_hash_table_add(names, (char *)(uintptr_t)name))
            record_errors_add(errors, place, "the name %s is used twice", name);
        if (json_is_object(config))
            check_keys(type, config, config_place, errors);
        else if (config)
            record_errors_add(errors, config_place, "must be an object of keys and values");
    }
}

bool policy_document_check(enum policy_type type, const char *config_json, struct record_errors *errors)
{
    size_t before = errors->count;
    g_autoptr(json_t) tree = policy_parse_object(config_json, errors);
    if (!tree)
        return false;
    const json_t *overlays = json_object_get(tree, POLICY_OVERLAYS_KEY);
    if (overlays)
        check_overlays(type, overlays, errors);
    json_object_del(tree, POLICY_OVERLAYS_KEY);
    check_keys(type, tree, "", errors);
    return errors->count == before;
}

/* ---- checking a change ---- */

static void check_obeyed(const struct policy_type_info *type, enum policy_level level, const json_t *config,
                         const char *place, struct record_errors *errors)
{
    for (size_t i = 0; i < type->descriptor->field_count; i++) {
        const struct record_field *key = &type->descriptor->fields[i];
        const json_t *value = json_object_get(config, key->name);
        g_autofree char *path = g_strconcat(place, *place ? "." : "", key->name, NULL);
        if (!value)
            continue;
        if (level > POLICY_LEVEL_ORG && g_strcmp0(key->name, type->org_key) == 0)
            record_errors_add(errors, path, "is of no camera: say it for the org, or for everyone");
    }
}

bool policy_document_check_obeyed(const struct policy_scope *scope, enum policy_type type, const char *config_json,
                                  struct record_errors *errors)
{
    size_t before = errors->count;
    const struct policy_type_info *info = policy_type_find(type);
    enum policy_level level = policy_scope_level(scope);
    g_autoptr(json_t) tree = policy_parse_object(config_json, errors);
    const json_t *config;
    if (tree)
        check_obeyed(info, level, tree, "", errors);
    for (size_t i = 0; (config = policy_overlay_config(tree, i)); i++) {
        g_autofree char *place = g_strdup_printf(POLICY_OVERLAYS_KEY "[%zu].config", i);
        check_obeyed(info, level, config, place, errors);
    }
    return errors->count == before;
}

/* ---- in a set ---- */

static void fill_overlay(struct overlay *overlay, const json_t *tree)
{
    struct policy_overlay record;
    struct record_errors errors;
    g_autofree char *text = policy_dump(tree);
    record_errors_init(&errors);
    if (record_decode_json(&policy_overlay_descriptor, text, strlen(text), &record, &errors)) {
        overlay->name = g_strdup(record.name);
        schedule_init(&overlay->schedule, &record.schedule, record.time_zone);
        overlay->config = json_deep_copy(json_object_get(tree, "config"));
        record_clear(&policy_overlay_descriptor, &record);
    }
    record_errors_clear(&errors);
}

void policy_document_fill(struct document *document, const json_t *tree)
{
    const json_t *overlays = json_object_get(tree, POLICY_OVERLAYS_KEY);
    document->overlay_count = json_array_size(overlays);
    document->overlays = g_new0(struct overlay, document->overlay_count + 1);
    for (size_t i = 0; i < document->overlay_count; i++)
        fill_overlay(&document->overlays[i], json_array_get(overlays, i));
    document->tree = json_deep_copy(tree);
    document->config = json_deep_copy(tree);
    json_object_del(document->config, POLICY_OVERLAYS_KEY);
}

void policy_document_free(struct document *document)
{
    for (size_t i = 0; i < document->overlay_count; i++) {
        g_free(document->overlays[i].name);
        schedule_clear(&document->overlays[i].schedule);
        json_decref(document->overlays[i].config);
    }
    g_free(document->overlays);
    json_decref(document->config);
    json_decref(document->tree);
    g_free(document->text);
    g_free(document->refusal);
    g_free(document->scope.org_id);
    g_free(document->scope.site_id);
    g_free(document->scope.class_id);
    g_free(document->scope.camera_id);
    g_free(document);
}

/* ---- patches and differences ---- */

/* RFC 7396, section 2: MergePatch. */
static json_t *merge_patch(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;
    if (!json_is_object(patch))
        return json_deep_copy(patch);
    json_t *result = json_is_object(target) ? json_incref(target) : json_object();
    json_object_foreach((json_t *)(uintptr_t)patch, key, value)
    {
        if (json_is_null(value))
            json_object_del(result, key);
        else
            json_object_set_new(result, key, merge_patch(json_object_get(result, key), value));
    }
    return result;
}

bool policy_patch_check(enum policy_type type, const char *config_json, const char *patch_json,
                        struct record_errors *errors)
{
    size_t before = errors->count;
    const char *key;
    json_t *value;
    g_autoptr(json_t) config = config_json ? json_loads(config_json, 0, NULL) : NULL;
    g_autoptr(json_t) patch = policy_parse_object(patch_json, errors);
    json_object_foreach(patch, key, value)
    {
        bool is_known = record_find_field(policy_type_find(type)->descriptor, key) ||
                        strcmp(key, POLICY_OVERLAYS_KEY) == 0 || json_object_get(config, key);
        if (json_is_null(value) && !is_known)
            record_errors_add(errors, key, "is unknown: a %s policy has no such key to remove",
                              record_enum_name(policy_type_names, type));
    }
    return errors->count == before;
}

static json_t *parse_for_patch(const char *text, const char *what, GError **error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    json_t *tree = policy_parse_object(text, &errors);
    if (!tree && !record_errors_to_gerror(&errors, error))
        g_prefix_error(error, "%s: ", what);
    record_errors_clear(&errors);
    return tree;
}

char *policy_document_patch(const char *config_json, const char *patch_json, GError **error)
{
    g_autoptr(json_t) config = parse_for_patch(config_json ? config_json : "{}", "the document", error);
    g_autoptr(json_t) patch = config ? parse_for_patch(patch_json, "the patch", error) : NULL;
    if (!patch)
        return NULL;
    g_autoptr(json_t) result = merge_patch(config, patch);
    return policy_dump(result);
}

static void note_difference(json_t *list, const char *path, const json_t *before, const json_t *after)
{
    json_t *row = json_object();
    json_object_set_new(row, "path", json_string(path));
    if (before)
        json_object_set_new(row, "before", json_deep_copy(before));
    if (after)
        json_object_set_new(row, "after", json_deep_copy(after));
    json_array_append_new(list, row);
}

static void compare(json_t *list, const char *place, const json_t *before, const json_t *after)
{
    const char *key;
    json_t *value;
    g_autoptr(json_t) keys = json_object(); /* of both, in order */
    json_object_update(keys, (json_t *)(uintptr_t)before);
    json_object_update(keys, (json_t *)(uintptr_t)after);
    json_object_foreach(keys, key, value)
    {
        const json_t *old = json_object_get(before, key), *new = json_object_get(after, key);
        g_autofree char *path = g_strconcat(place, *place ? "." : "", key, NULL);
        if (json_is_object(old) && json_is_object(new))
            compare(list, path, old, new);
        else if (!json_equal(old, new))
            note_difference(list, path, old, new);
    }
}

char *policy_document_diff(const char *before_json, const char *after_json)
{
    g_autoptr(json_t) before = json_loads(before_json ? before_json : "{}", 0, NULL);
    g_autoptr(json_t) after = json_loads(after_json ? after_json : "{}", 0, NULL);
    g_autoptr(json_t) list = json_array();
    compare(list, "", before, after);
    return policy_dump(list);
}
