/* Facts: what an operator says to a circuit breaker, and how one is shown. */
#pragma once

#include <stdbool.h>

#include "record/record.h"

/* What can be asked of a breaker. */
enum breaker_word { BREAKER_CLOSED = 1, BREAKER_FORCED_OPEN, BREAKER_FORCED_CLOSED, BREAKER_DISABLED };
extern const char *const breaker_word_names[];

struct breaker_request {
    enum breaker_word state;
    char *reason; /* for the log */
};
extern const struct record_descriptor breaker_request_descriptor;

/* From the hub to the worker that has the camera. */
struct breaker_order {
    char *camera_id;
    enum breaker_word state;
};
extern const struct record_descriptor breaker_order_descriptor;

struct breaker_view {
    char *name; /* a camera's id, or upstream:NAME */
    bool is_camera;
    char *state;
    int64_t failure_count;
    double retry_after_seconds;
};
extern const struct record_descriptor breaker_view_descriptor;
