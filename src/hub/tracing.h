/* Tracing: the workers' part of a trace, which is checked as all that they tell. Any thread. */
#pragma once

#include "facts/trace.h"

/* What a worker told of a frame, decoded: recorded as a span, and one for each stage below it. VEDETTE_ERROR_INVALID:
 * its times cannot be. */
bool tracing_take_frame(const struct frame_trace *frame, int64_t now_ms, GError **error);
