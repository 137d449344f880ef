#include "facts/place_classes.h"

#include "facts/object_class.h"

#include <string.h>

static bool can_be_had(const char *name, const struct record_strings *labels)
{
    for (size_t i = 0; labels && i < labels->count; i++)
        if (strcmp(labels->items[i], name) == 0)
            return true;
    return strcmp(name, OBJECT_CLASS_MOTION) == 0;
}

/* Without a class every one is asked for. */
static bool counts_nothing(const struct record_strings *classes, const struct record_strings *labels)
{
    for (size_t i = 0; i < classes->count; i++)
        if (can_be_had(classes->items[i], labels))
            return false;
    return classes->count > 0;
}

/* Nothing is counted in a mask, whatever it asks for. */
static bool is_counted_in(const struct zone *zone)
{
    return zone->kind != ZONE_PRIVACY_MASK && zone->kind != ZONE_MOTION_MASK;
}

static const char *reason_of(const struct record_strings *labels)
{
    return labels ? "the model's labels have no such class"
                  : "without a model (detector.model) all that moves is of class " OBJECT_CLASS_MOTION;
}

static char *describe(const char *what, const char *id, const struct record_strings *classes,
                      const struct record_strings *labels)
{
    return g_strdup_printf("%s '%s' counts nothing: it asks for class %s%s, and %s", what, id, classes->items[0],
                           classes->count > 1 ? " and others" : "", reason_of(labels));
}

char *place_classes_describe(const struct camera *camera, const struct record_strings *labels)
{
    const struct zone *zones = camera->zones.items;
    const struct line *lines = camera->lines.items;
    for (size_t i = 0; i < camera->zones.count; i++)
        if (is_counted_in(&zones[i]) && counts_nothing(&zones[i].classes, labels))
            return describe("zone", zones[i].id, &zones[i].classes, labels);
    for (size_t i = 0; i < camera->lines.count; i++)
        if (counts_nothing(&lines[i].classes, labels))
            return describe("line", lines[i].id, &lines[i].classes, labels);
    return NULL;
}

static void warn_of(const struct record_strings *classes, const struct record_strings *labels, const char *path,
                    const char *list, size_t place, struct record_errors *warnings)
{
    for (size_t i = 0; i < classes->count; i++) {
        if (can_be_had(classes->items[i], labels))
            continue;
        g_autofree char *where = g_strdup_printf("%s.%s[%zu].classes[%zu]", path, list, place, i);
        record_errors_add(warnings, where, "%s: nothing of it is counted: %s", classes->items[i], reason_of(labels));
    }
}

void place_classes_warn(const struct camera *camera, const struct record_strings *labels, const char *path,
                        struct record_errors *warnings)
{
    const struct zone *zones = camera->zones.items;
    const struct line *lines = camera->lines.items;
    for (size_t i = 0; i < camera->zones.count; i++)
        if (is_counted_in(&zones[i]))
            warn_of(&zones[i].classes, labels, path, "zones", i, warnings);
    for (size_t i = 0; i < camera->lines.count; i++)
        warn_of(&lines[i].classes, labels, path, "lines", i, warnings);
}
