#include "facts/track.h"

static const struct record_field track_view_fields[] = {
    FIELD(struct track_view, track_id, RECORD_REQUIRED, "unique per camera for ever"),
    FIELD(struct track_view, object_class, 0, "what it is", .max_count = 64),
    FIELD(struct track_view, box, 0, "where in the frame", .min = -1, .max = 2),
    FIELD(struct track_view, confidence, 0, "how sure", .min = 0, .max = 1),
    FIELD(struct track_view, velocity, 0, "of the box centre, frame widths and heights per second", .min = -1000,
          .max = 1000),
    FIELD(struct track_view, age_frames, 0, "analysed frames since the first", .min = 0, .max = 0x7fffffff),
    FIELD(struct track_view, is_stationary, 0, "whether it has stood in one place for tracker.still_seconds"),
};
const struct record_descriptor track_view_descriptor =
    RECORD(struct track_view, "Track", 1, track_view_fields, "One object as it stands in a frame.");

static const struct record_field track_update_fields[] = {
    FIELD(struct track_update, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera"),
    FIELD(struct track_update, at, RECORD_REQUIRED, "capture time of the frame"),
    FIELD(struct track_update, frame_number, 0, "of the camera's stream; previews carry it too"),
    FIELD_LIST(struct track_update, tracks, &track_view_descriptor, 0, "everyone in the frame", .max_count = 2048),
};
const struct record_descriptor track_update_descriptor = RECORD(
    struct track_update, "TrackUpdate", 1, track_update_fields, "The tracks of one frame, live and never stored.");
