#include "vision/detector_internal.h"

/* One row per family; each is a file of its own. */
static const struct family *const families[] = {
    &family_yolox,       &family_yolov5,    &family_yolov8,     &family_nanodet,      &family_ssd,
    &family_ultraface,   &family_yunet,     &family_lpd_yunet,  &family_classifier,   &family_embedder,
    &family_plate_slots, &family_plate_ctc, &family_end_to_end, &family_nanodet_plus,
};

const struct family *family_find(enum model_family family)
{
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++)
        if (families[i]->family == family)
            return families[i];
    return NULL;
}

bool model_family_finds(enum model_family family)
{
    const struct family *found = family_find(family);
    return found && found->decode;
}
