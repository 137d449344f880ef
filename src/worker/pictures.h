/* Pictures: looks at single pictures on request (LINK_LOOK), in the cage of a worker that has no cameras. A picture
 * with a stream_id goes through the frame path of a camera of its own, which is remembered between pictures. One
 * thread.
 */
#pragma once

#include <glib.h>

#include "base/clock.h"
#include "facts/detect.h"
#include "facts/settings.h"
#include "vision/vision.h"

struct pictures;

/* `config` is borrowed; `detector` may be NULL (motion alone) and is shared with nobody. */
struct pictures *pictures_new(const struct worker_config *config, struct detector *detector, struct clock *clock);
void pictures_free(struct pictures *pictures);
CLEANUP_DEFINE(pictures, pictures_free)
/* Fills `response` (uninitialised; record_clear with detect_response_descriptor) and *jpeg (NULL: none was asked for).
 * False: VEDETTE_ERROR_INVALID (no picture, or too large), VEDETTE_ERROR_FULL (too many streams), or the model's own
 * error. */
bool pictures_look(struct pictures *pictures, const struct detect_request *request, const uint8_t *bytes, size_t length,
                   struct detect_response *response, GBytes **jpeg, GError **error);
