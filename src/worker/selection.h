/* Selection: what of all that is found in a frame is followed, and what of it is hidden in pictures, as the camera's
 * policies say. Belongs to one pipeline; between two frames it is told anew. */
#pragma once

#include <stdbool.h>

#include "facts/settings.h"
#include "privacy/privacy.h"
#include "vision/vision.h"

struct selection {
    char **classes;     /* copies, not interned: what is interned stays for ever, and policies may name anything */
    size_t class_count; /* 0: every class is followed */
    double confidence;  /* of a model's finds that are followed */
    struct privacy_policy privacy;
    struct record_points *masks; /* of zones of kind privacy_mask, whose insides nothing is found in, or shown */
    size_t mask_count;
    struct detections *followed; /* of this frame, when not all are */
};

/* Everything is followed and hidden, and there are no masks. */
void selection_init(struct selection *selection);
void selection_clear(struct selection *selection);
void selection_configure(struct selection *selection, const struct camera_config *config);
/* Masks as a camera's zones have them (struct zone), in place of those before; copied. selection_configure does so. */
void selection_set_masks(struct selection *selection, const struct record_list *zones);
/* Whether what has this box stands in a mask: by its bottom centre. */
bool selection_masks(const struct selection *selection, const struct record_box *box);
/* Whether a model's find is followed. */
bool selection_follows(const struct selection *selection, const struct detection *found);
/* Whether rules hear nothing of it though it is there: found as surely as what is followed, but of another class or in
 * a mask. */
bool selection_passes_over(const struct selection *selection, const struct detection *found);
/* Those of a model's finds that are followed, none of which stands in a mask; `found` itself when all are. Valid until
 * the next call. */
const struct detections *selection_of(struct selection *selection, const struct detections *found);
/* Whether objects of this class are hidden. Only a person is known to have no plate; faces may look out of anything
 * else, so that stays hidden while either is to be hidden. */
bool selection_hides(const struct selection *selection, const char *object_class);
/* How an object of this class is hidden: a person, an animal or a vehicle as a whole figure; anything else, what moves
 * too, may be no more than a face or a plate. */
struct privacy_figure selection_figure(const char *object_class, const struct record_box *box);
/* Whether anything at all is hidden: else a picture may be shown as it is. */
bool selection_hides_any(const struct selection *selection);
