/* From policies to what a camera's worker is told. Keys are put where their namesakes stand, and the whole passes its
 * own checks: so a policy can say nothing that a settings file could not. */
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

static json_t *tree_of(const struct camera_config *base)
{
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(&camera_config_descriptor, base, false, text);
    return json_loadb(text->str, text->len, 0, NULL);
}

/* Where a place's records begin in a config; `count` receives how many there are. */
static void *records_at(struct camera_config *config, size_t place, size_t *count)
{
    const struct record_field *member = record_find_field(&camera_config_descriptor, places[place].member);
    char *record = (char *)config + member->offset;
    *count = 1;
    if (!places[place].inner)
        return record;
    record += record_find_field(member->descriptor, places[place].inner)->offset;
    if (!places[place].is_list)
        return record;
    *count = ((const struct record_list *)(void *)record)->count;
    return ((const struct record_list *)(void *)record)->items;
}

/* False: the number does not fit. Keys that have a namesake are numbers, and say that they are there. */
static bool put_number(void *record, const struct record_field *field, double value)
{
    char *member = (char *)record + field->offset;
    bool is_good = true;
    if (field->kind == RECORD_DOUBLE)
        *(double *)(void *)member = value;
    else if ((is_good = field->kind == RECORD_INT32 && value >= INT32_MIN && value <= INT32_MAX))
        *(int32_t *)(void *)member = (int32_t)value;
    return is_good;
}

static void put_key(struct camera_config *config, size_t place, const struct record_field *key, double value,
                    struct record_errors *errors)
{
    const struct record_descriptor *descriptor = descriptor_at(place);
    const struct record_field *field = record_find_field(descriptor, key->name);
    size_t count;
    char *records = records_at(config, place, &count);
    for (size_t i = 0; field && i < count; i++)
        if (!put_number(records + i * descriptor->size, field, value))
            record_errors_add(errors, key->name, "%g: does not fit", value);
}

static void put_type(struct camera_config *config, const struct policy_type_info *info, const void *policy,
                     struct record_errors *errors)
{
    for (size_t i = 0; i < info->descriptor->field_count; i++) {
        const struct record_field *key = &info->descriptor->fields[i];
        const struct record_optional *said = (const void *)((const char *)policy + key->offset);
        if (key->kind != RECORD_OPTIONAL || !said->is_present)
            continue;
        for (size_t place = 0; place < G_N_ELEMENTS(places); place++)
            if (info->targets & places[place].target)
                put_key(config, place, key, said->value, errors);
    }
}

static void put_classes(struct camera_config *config, const struct record_strings *classes)
{
    for (size_t i = 0; i < config->classes.count; i++)
        g_free(config->classes.items[i]);
    g_free(config->classes.items);
    config->classes = (struct record_strings){NULL, classes->count};
    if (classes->count)
        config->classes.items = g_new0(char *, classes->count);
    for (size_t i = 0; i < classes->count; i++)
        config->classes.items[i] = g_strdup(classes->items[i]);
}

bool policy_apply(const struct policy_camera *policies, int64_t revision, const struct camera_config *base,
                  struct camera_config *config, GError **error)
{
    struct record_errors errors;
    const struct detection_policy *detection = policy_camera_record(policies, POLICY_DETECTION);
    record_errors_init(&errors);
    record_copy(&camera_config_descriptor, base, config);
    for (size_t i = 0; i < POLICY_TYPES; i++)
        put_type(config, &policy_types[i], policies->records[i], &errors);
    config->privacy = *(const struct privacy_policy *)policy_camera_record(policies, POLICY_PRIVACY);
    put_classes(config, &detection->classes);
    config->policy_revision = revision;
    bool is_good = errors.count == 0 && record_validate(&camera_config_descriptor, config, "", &errors);
    if (!is_good) {
        record_clear(&camera_config_descriptor, config);
        if (!record_errors_to_gerror(&errors, error))
            g_prefix_error(error, "the policies of camera '%s': ", base->camera.id);
    }
    record_errors_clear(&errors);
    return is_good;
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
