/* Facts: what the API answers of a camera: what is registered, what is counted, and how it is.
 *
 * A view borrows what it shows: it is filled, encoded and forgotten, never cleared.
 */
#pragma once

#include "facts/camera.h"
#include "facts/health.h"

struct line_view {
    struct line line;
    int64_t count_in, count_out;
};
extern const struct record_descriptor line_view_descriptor;

struct zone_view {
    struct zone zone;
    int64_t inside, entries, exits;
};
extern const struct record_descriptor zone_view_descriptor;

/* The same where the cameras' are told together. */
struct placed_line {
    char *camera_id;
    struct line_view line;
};
struct placed_zone {
    char *camera_id;
    struct zone_view zone;
};
extern const struct record_descriptor placed_line_descriptor, placed_zone_descriptor;

struct camera_view {
    struct camera camera;
    bool online;
    struct record_list lines; /* of struct line_view */
    struct record_list zones; /* of struct zone_view */
    struct camera_health health;
};
extern const struct record_descriptor camera_view_descriptor;
