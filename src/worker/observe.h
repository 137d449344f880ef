/* From a track to what rules and stored tracks hold of it: quantised once, the same for live and replay. */
#pragma once

#include "analytics/analytics.h"
#include "vision/vision.h"

/* `confirm_seconds`: younger tracks do not count yet. */
void observe_track(const struct track *track, int64_t media_us, double confirm_seconds,
                   struct observed_track *observed);
