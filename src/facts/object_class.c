#include "facts/object_class.h"

#include <glib.h>

enum object_kind object_kind_of(const char *object_class)
{
    static const struct {
        const char *name;
        enum object_kind kind;
    } classes[] = {
        {"person", OBJECT_PERSON},      {"pedestrian", OBJECT_PERSON}, {"bird", OBJECT_ANIMAL},
        {"cat", OBJECT_ANIMAL},         {"dog", OBJECT_ANIMAL},        {"horse", OBJECT_ANIMAL},
        {"sheep", OBJECT_ANIMAL},       {"cow", OBJECT_ANIMAL},        {"vehicle", OBJECT_VEHICLE},
        {"car", OBJECT_VEHICLE},        {"truck", OBJECT_VEHICLE},     {"bus", OBJECT_VEHICLE},
        {"motorcycle", OBJECT_VEHICLE}, {"motorbike", OBJECT_VEHICLE}, {"van", OBJECT_VEHICLE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++)
        if (g_strcmp0(classes[i].name, object_class) == 0)
            return classes[i].kind;
    return (enum object_kind)0;
}

bool object_is_living(const char *object_class)
{
    enum object_kind kind = object_kind_of(object_class);
    return kind == OBJECT_PERSON || kind == OBJECT_ANIMAL;
}
