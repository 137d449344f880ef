#include "facts/track.h"

#include <string.h>

#include "base/error.h"

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

static bool is_base64(const char *text, GError **error)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strlen(text), whole = strspn(text, digits);
    size_t filling = strspn(text + whole, "=");
    if (length % 4 == 0 && filling <= 2 && whole + filling == length)
        return true;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "must be base64");
    return false;
}

static const struct record_field track_chunk_fields[] = {
    FIELD(struct track_chunk, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct track_chunk, org_id, RECORD_KEY | RECORD_TEXT_ID, "set by the hub"),
    FIELD(struct track_chunk, camera_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the camera that saw it"),
    FIELD(struct track_chunk, run_id, RECORD_REQUIRED | RECORD_TEXT_ID, "of one life of the camera's rules"),
    FIELD(struct track_chunk, number, 0, "within the run", .min = 1, .max = INT32_MAX),
    FIELD(struct track_chunk, from_at, RECORD_REQUIRED, "capture time of its first frame"),
    FIELD(struct track_chunk, to_at, RECORD_REQUIRED, "capture time of its last frame"),
    FIELD(struct track_chunk, frames, 0, "analysed frames", .min = 0, .max = 65536),
    FIELD(struct track_chunk, codec_version, 0, "of the data", .min = 1, .max = 255),
    FIELD(struct track_chunk, policy_revision, 0, "the policy in force", .min = 0, .max = 0x1p53),
    FIELD(struct track_chunk, is_last, 0, "of its run, which ended in order"),
    FIELD(struct track_chunk, data, RECORD_REQUIRED | RECORD_BASE64, "the observations, coded",
          .max_count = RECORD_MAX_TEXT_BYTES, .check_text = is_base64),
};
const struct record_descriptor track_chunk_descriptor =
    RECORD(struct track_chunk, "TrackChunk", 1, track_chunk_fields,
           "What the rules of one camera saw for a while, stored so that policies can be tried on it.",
           .table = "track_chunks");
