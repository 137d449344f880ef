/* Which features a picture can be looked at for, and what was found for each. Pure. */
#pragma once

#include "facts/camera.h"
#include "facts/detect.h"
#include "vision/vision.h"

/* The camera that a stream's requests describe: a line at line_x, its zones, and the whole picture as a zone for what
 * no zone of its own is watched for. record_clear with camera_descriptor. */
void picture_camera_fill(const struct detect_request *request, int width_px, struct camera *camera);
/* Leaves out of the counts what is not asked for. */
void picture_counts_limit(const struct detect_request *request, struct detect_response *response);
/* Each feature's status and, from objects, violations and crossings, its count. `card` NULL: there is no model. */
void picture_features_fill(const struct detect_request *request, const struct model_card *card,
                           struct detect_response *response);
