/* Privacy: the only way an image leaves a worker. This first form hides every figure whole, as a mosaic; when it is
 * not known what must be hidden (the background is still being learnt, detection failed or is late) the whole picture
 * is. One thread at a time per encoder.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "frame/frame.h"
#include "record/record.h"

struct privacy_encoder;

/* Pictures are reduced to about `width_px`; `quality` 1..100. */
struct privacy_encoder *privacy_encoder_new(int width_px, int quality);
void privacy_encoder_free(struct privacy_encoder *encoder);
CLEANUP_DEFINE(privacy_encoder, privacy_encoder_free)

struct privacy_figure {
    struct record_box box;
    bool may_be_face; /* or a plate, and no more than that: hidden in two cells to the smaller side, with a margin */
};

struct privacy_request {
    const struct privacy_figure *figures; /* hidden whole, with a margin */
    size_t figure_count;
    const uint8_t *foreground; /* motion's mask (255: moving), also hidden; NULL for none */
    int foreground_width_px, foreground_height_px;
    int cells_a_side; /* of a whole figure's smaller side, see privacy_cells_a_side; 0: PRIVACY_CELLS_A_SIDE */
    bool hide_all;    /* what must be hidden is not known: mosaic over everything */
    const struct record_points *masks; /* shares of the picture; painted over, whatever else is hidden */
    size_t mask_count;
    const struct record_box *outlines; /* drawn over it once all is hidden */
    size_t outline_count;
};
enum { PRIVACY_CELLS_A_SIDE = 6 };
/* How many mosaic cells the smaller side of a figure gets for a strength of 0..1: 10 to 5. Even ten leave three or so
 * to a face. */
int privacy_cells_a_side(double blur_strength);
/* A JPEG of the frame with everything named hidden. NULL on failure: then there is no image. */
GBytes *privacy_encode_jpeg(struct privacy_encoder *encoder, const struct frame *frame,
                            const struct privacy_request *request, GError **error);
