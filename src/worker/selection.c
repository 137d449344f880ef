#include "worker/selection.h"

#include "facts/object_class.h"
#include "record/polygon.h"

#include <string.h>

void selection_init(struct selection *selection)
{
    *selection = (struct selection){.followed = g_new0(struct detections, 1)};
    record_init(&privacy_policy_descriptor, &selection->privacy);
}

static void clear_classes(struct selection *selection)
{
    for (size_t i = 0; i < selection->class_count; i++)
        g_free(selection->classes[i]);
    g_clear_pointer(&selection->classes, g_free);
    selection->class_count = 0;
}

static void clear_masks(struct selection *selection)
{
    for (size_t i = 0; i < selection->mask_count; i++)
        g_free(selection->masks[i].items);
    g_clear_pointer(&selection->masks, g_free);
    selection->mask_count = 0;
}

void selection_set_masks(struct selection *selection, const struct record_list *zones)
{
    const struct zone *items = zones->items;
    clear_masks(selection);
    selection->masks = g_new0(struct record_points, zones->count + 1);
    for (size_t i = 0; i < zones->count; i++) {
        const struct record_points *polygon = &items[i].polygon;
        if (items[i].kind != ZONE_PRIVACY_MASK)
            continue;
        selection->masks[selection->mask_count++] =
            (struct record_points){g_memdup2(polygon->items, polygon->count * sizeof *polygon->items), polygon->count};
    }
}

void selection_clear(struct selection *selection)
{
    clear_classes(selection);
    clear_masks(selection);
    g_free(selection->followed);
    *selection = (struct selection){0};
}

void selection_configure(struct selection *selection, const struct camera_config *config)
{
    clear_classes(selection);
    selection->class_count = config->classes.count;
    selection->classes = g_new0(char *, config->classes.count + 1);
    for (size_t i = 0; i < config->classes.count; i++)
        selection->classes[i] = g_strdup(config->classes.items[i]);
    selection->confidence = config->detector.confidence;
    selection->privacy = config->privacy;
    selection_set_masks(selection, &config->camera.zones);
}

bool selection_masks(const struct selection *selection, const struct record_box *box)
{
    const struct record_point foot = point_within_picture((struct record_point){box->x + box->w / 2, box->y + box->h});
    for (size_t i = 0; i < selection->mask_count; i++)
        if (polygon_holds(&selection->masks[i], foot))
            return true;
    return false;
}

bool selection_follows(const struct selection *selection, const struct detection *found)
{
    if (found->confidence < selection->confidence || selection_masks(selection, &found->box))
        return false;
    for (size_t i = 0; i < selection->class_count; i++)
        if (g_strcmp0(selection->classes[i], found->object_class) == 0)
            return true;
    return selection->class_count == 0;
}

bool selection_passes_over(const struct selection *selection, const struct detection *found)
{
    return found->confidence >= selection->confidence && !selection_follows(selection, found);
}

const struct detections *selection_of(struct selection *selection, const struct detections *found)
{
    if (selection->class_count == 0 && selection->confidence <= 0 && selection->mask_count == 0)
        return found;
    selection->followed->count = 0;
    selection->followed->shed = found->shed;
    for (int i = 0; i < found->count; i++)
        if (selection_follows(selection, &found->items[i]))
            selection->followed->items[selection->followed->count++] = found->items[i];
    return selection->followed;
}

bool selection_hides(const struct selection *selection, const char *object_class)
{
    bool is_person = object_kind_of(object_class) == OBJECT_PERSON;
    return selection->privacy.face_blur_enabled || (selection->privacy.license_plate_blur_enabled && !is_person);
}

struct privacy_figure selection_figure(const char *object_class, const struct record_box *box)
{
    return (struct privacy_figure){*box, .may_be_face = !object_kind_of(object_class)};
}

bool selection_hides_any(const struct selection *selection)
{
    return selection->privacy.face_blur_enabled || selection->privacy.license_plate_blur_enabled;
}
