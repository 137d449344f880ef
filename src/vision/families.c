#include "vision/detector_internal.h"

/* One row per family; each is a file of its own. */
static const struct family *const families[] = {&family_yolox};

const struct family *family_find(enum model_family family)
{
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++)
        if (families[i]->family == family)
            return families[i];
    return NULL;
}
