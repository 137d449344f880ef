/* From policies to what a camera's worker is told. The record is taken apart as JSON, keys are put where their
 * namesakes stand, and the whole is read again with its own checks: so a policy can say nothing that a settings file
 * could not. */
#include "policy/policy.h"

#include "policy/policy_internal.h"

#include <string.h>

/* Where the namesakes of a key may stand: the members of a CameraConfig, by the bits of enum policy_target. */
static const struct {
    enum policy_target target;
    const char *member, *inner; /* inner: of the member; NULL: the member itself */
    bool is_list;
    const char *name; /* for people */
} places[] = {
    {POLICY_TARGET_ZONES, "camera", "zones", true, "camera.zones"},
    {POLICY_TARGET_CAMERA, "camera", NULL, false, "camera"},
    {POLICY_TARGET_RULES, "camera", "rules", false, "camera.rules"},
    {POLICY_TARGET_RULING, "rules", NULL, false, "rules"},
    {POLICY_TARGET_MOTION, "motion", NULL, false, "motion"},
    {POLICY_TARGET_DETECTOR, "detector", NULL, false, "detector"},
};
static const char retention_place[] = "retention"; /* of the settings: retention is of no camera's worker */

static const struct record_descriptor *descriptor_at(size_t place)
{
    const struct record_descriptor *member =
        record_find_field(&camera_config_descriptor, places[place].member)->descriptor;
    return places[place].inner ? record_find_field(member, places[place].inner)->descriptor : member;
}

/* The days of the settings that a key of retention takes the place of; NULL: it is none of days. */
static const struct record_field *retention_member(const char *key)
{
    return record_find_field(&retention_settings_descriptor,
                             strcmp(key, "occupancy_raw_days") == 0 ? "occupancy_days" : key);
}

const char *policy_key_place(const struct policy_type_info *type, const char *key)
{
    if (type->type == POLICY_RETENTION)
        return retention_member(key) ? retention_place : NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++)
        if (type->targets & places[i].target && record_find_field(descriptor_at(i), key))
            return places[i].name;
    return NULL;
}

static void put_keys(json_t *object, const struct record_descriptor *descriptor, const json_t *config)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)config, key, value)
    {
        if (record_find_field(descriptor, key))
            json_object_set(object, key, value);
    }
}

static void put_type(json_t *tree, const struct policy_type_info *info, const json_t *config)
{
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        if (!(info->targets & places[i].target))
            continue;
        json_t *object = json_object_get(tree, places[i].member);
        if (places[i].inner)
            object = json_object_get(object, places[i].inner);
        size_t count = places[i].is_list ? json_array_size(object) : 1;
        for (size_t j = 0; j < count; j++)
            put_keys(places[i].is_list ? json_array_get(object, j) : object, descriptor_at(i), config);
    }
}

static json_t *tree_of(const struct camera_config *base)
{
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(&camera_config_descriptor, base, false, text);
    return json_loadb(text->str, text->len, 0, NULL);
}

static bool read_tree(const json_t *tree, const char *camera_id, struct camera_config *config, GError **error)
{
    struct record_errors errors;
    g_autofree char *text = policy_dump(tree);
    record_errors_init(&errors);
    bool is_good = record_decode_json(&camera_config_descriptor, text, strlen(text), config, &errors);
    if (!is_good && !record_errors_to_gerror(&errors, error))
        g_prefix_error(error, "the policies of camera '%s': ", camera_id);
    record_errors_clear(&errors);
    return is_good;
}

bool policy_apply(const struct policy_camera *policies, int64_t revision, const struct camera_config *base,
                  struct camera_config *config, GError **error)
{
    g_autoptr(json_t) tree = tree_of(base);
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        g_autoptr(json_t) merged = json_loads(policies->configs[i], 0, NULL);
        put_type(tree, &policy_types[i], merged);
        if (policy_types[i].type == POLICY_PRIVACY)
            json_object_set(tree, "privacy", merged);
        if (policy_types[i].type == POLICY_DETECTION && json_object_get(merged, "classes"))
            json_object_set(tree, "classes", json_object_get(merged, "classes"));
    }
    json_object_set_new(tree, "policy_revision", json_integer(revision));
    return read_tree(tree, base->camera.id, config, error);
}

/* ---- the other way: what stands where no policy says it ---- */

static void take_keys(json_t *into, const struct record_descriptor *type, const json_t *from)
{
    for (size_t i = 0; i < type->field_count; i++) {
        json_t *value = json_object_get(from, type->fields[i].name);
        if (value && !json_object_get(into, type->fields[i].name))
            json_object_set(into, type->fields[i].name, value);
    }
}

static void take_days(json_t *into, const struct retention_settings *retention)
{
    const struct record_descriptor *type = policy_type_find(POLICY_RETENTION)->descriptor;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct record_field *member = retention_member(type->fields[i].name);
        if (member)
            json_object_set_new(into, type->fields[i].name,
                                json_integer(*(const int32_t *)((const char *)retention + member->offset)));
    }
}

char *policy_settings_json(enum policy_type type, const struct camera_config *base,
                           const struct retention_settings *retention)
{
    const struct policy_type_info *info = policy_type_find(type);
    g_autoptr(json_t) tree = tree_of(base);
    g_autoptr(json_t) found = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        const json_t *object = json_object_get(tree, places[i].member);
        if (places[i].inner)
            object = json_object_get(object, places[i].inner);
        bool is_known = base->camera.id || strcmp(places[i].member, "camera") != 0;
        if (info->targets & places[i].target && !places[i].is_list && is_known)
            take_keys(found, info->descriptor, object);
    }
    if (type == POLICY_RETENTION)
        take_days(found, retention);
    return policy_dump(found);
}
