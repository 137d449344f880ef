#include "facts/view.h"

static const struct record_field line_view_fields[] = {
    FIELD_RECORD(struct line_view, line, struct line, &line_descriptor, RECORD_INLINE, "the line"),
    FIELD(struct line_view, count_in, 0, "crossings in, today (UTC)"),
    FIELD(struct line_view, count_out, 0, "crossings out, today (UTC)"),
};
const struct record_descriptor line_view_descriptor =
    RECORD(struct line_view, "LineView", 1, line_view_fields, "A line with its counts.");

static const struct record_field zone_view_fields[] = {
    FIELD_RECORD(struct zone_view, zone, struct zone, &zone_descriptor, RECORD_INLINE, "the zone"),
    FIELD(struct zone_view, inside, 0,
          "how many are inside now; 0 while the camera is not online, for then nobody knows"),
    FIELD(struct zone_view, entries, 0, "entered today (UTC)"),
    FIELD(struct zone_view, exits, 0, "left today (UTC)"),
};
const struct record_descriptor zone_view_descriptor =
    RECORD(struct zone_view, "ZoneView", 1, zone_view_fields, "A zone with its counts.");

static const struct record_field placed_line_fields[] = {
    FIELD(struct placed_line, camera_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the camera that sees it"),
    FIELD_RECORD(struct placed_line, line, struct line_view, &line_view_descriptor, RECORD_INLINE, "the line"),
};
const struct record_descriptor placed_line_descriptor =
    RECORD(struct placed_line, "PlacedLine", 1, placed_line_fields, "A line with its counts and its camera.");

static const struct record_field placed_zone_fields[] = {
    FIELD(struct placed_zone, camera_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the camera that sees it"),
    FIELD_RECORD(struct placed_zone, zone, struct zone_view, &zone_view_descriptor, RECORD_INLINE, "the zone"),
};
const struct record_descriptor placed_zone_descriptor =
    RECORD(struct placed_zone, "PlacedZone", 1, placed_zone_fields, "A zone with its counts and its camera.");

static const struct record_field camera_view_fields[] = {
    FIELD_RECORD(struct camera_view, camera, struct camera, &camera_descriptor, RECORD_INLINE, "as it is registered"),
    FIELD(struct camera_view, online, 0, "pictures come"),
    FIELD_LIST(struct camera_view, lines, &line_view_descriptor, 0, "its lines with their counts"),
    FIELD_LIST(struct camera_view, zones, &zone_view_descriptor, 0, "its zones with their counts"),
    FIELD_RECORD(struct camera_view, health, struct camera_health, &camera_health_descriptor, 0,
                 "as its worker last told; state is starting until it did"),
};
const struct record_descriptor camera_view_descriptor =
    RECORD(struct camera_view, "CameraView", 1, camera_view_fields, "A camera as the API shows it.");
