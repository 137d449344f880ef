#include "facts/breaker.h"

const char *const breaker_word_names[] = {"closed", "forced_open", "forced_closed", "disabled", NULL};

static const struct record_field breaker_request_fields[] = {
    FIELD_ENUM(struct breaker_request, state, breaker_word_names, RECORD_REQUIRED,
               "forced_open: nothing is asked of it; forced_closed: everything is, whatever fails; disabled: the same, "
               "uncounted; closed: the breaker decides again. Lasts until the server starts anew"),
    FIELD(struct breaker_request, reason, 0, "why, for the log", .max_count = 200),
};
const struct record_descriptor breaker_request_descriptor =
    RECORD(struct breaker_request, "BreakerRequest", 1, breaker_request_fields, "An operator's word to a breaker.");

static const struct record_field breaker_order_fields[] = {
    FIELD(struct breaker_order, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera"),
    FIELD_ENUM(struct breaker_order, state, breaker_word_names, RECORD_REQUIRED, "as in BreakerRequest"),
};
const struct record_descriptor breaker_order_descriptor =
    RECORD(struct breaker_order, "BreakerOrder", 1, breaker_order_fields, "A BreakerRequest on its way to a worker.");

static const struct record_field breaker_view_fields[] = {
    FIELD(struct breaker_view, name, RECORD_KEY, "a camera's id, or upstream:NAME", .max_count = 128),
    FIELD(struct breaker_view, is_camera, 0, "whether it is a camera's"),
    FIELD(struct breaker_view, state, 0,
          "closed, open, half_open, forced_open, forced_closed or disabled; of a camera, as its worker last told",
          .max_count = 32),
    FIELD(struct breaker_view, failure_count, 0, "failures within its window"),
    FIELD(struct breaker_view, retry_after_seconds, 0, "while open: until it is tried again", .unit = "s"),
};
const struct record_descriptor breaker_view_descriptor =
    RECORD(struct breaker_view, "BreakerView", 1, breaker_view_fields, "A circuit breaker.");
