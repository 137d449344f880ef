#include "worker/selection.h"

#include <string.h>

void selection_init(struct selection *selection)
{
    *selection = (struct selection){.followed = g_new0(struct detections, 1)};
    record_init(&privacy_policy_descriptor, &selection->privacy);
}

void selection_clear(struct selection *selection)
{
    g_free(selection->classes);
    g_free(selection->followed);
    *selection = (struct selection){0};
}

void selection_configure(struct selection *selection, const struct camera_config *config)
{
    selection->class_count = config->classes.count;
    selection->classes = g_renew(const char *, selection->classes, config->classes.count + 1);
    for (size_t i = 0; i < config->classes.count; i++)
        selection->classes[i] = g_intern_string(config->classes.items[i]);
    selection->confidence = config->detector.confidence;
    selection->privacy = config->privacy;
}

static bool is_followed(const struct selection *selection, const struct detection *detection)
{
    if (detection->confidence < selection->confidence)
        return false;
    for (size_t i = 0; i < selection->class_count; i++)
        if (selection->classes[i] == detection->object_class)
            return true;
    return selection->class_count == 0;
}

const struct detections *selection_of(struct selection *selection, const struct detections *found)
{
    if (selection->class_count == 0 && selection->confidence <= 0)
        return found;
    selection->followed->count = 0;
    selection->followed->shed = found->shed;
    for (int i = 0; i < found->count; i++)
        if (is_followed(selection, &found->items[i]))
            selection->followed->items[selection->followed->count++] = found->items[i];
    return selection->followed;
}

bool selection_hides(const struct selection *selection, const char *object_class)
{
    bool is_person = object_class == g_intern_static_string("person");
    return selection->privacy.face_blur_enabled || (selection->privacy.license_plate_blur_enabled && !is_person);
}

bool selection_hides_any(const struct selection *selection)
{
    return selection->privacy.face_blur_enabled || selection->privacy.license_plate_blur_enabled;
}
