#include "facts/detect.h"

#include "facts/camera.h"
#include "facts/event.h"

#include <string.h>

enum { PICTURE_TEXT_MAX_BYTES = 1 << 23 };

const char *const detect_feature_names[] = {
#define X(name, doc) #name,
    DETECT_FEATURES(X)
#undef X
        NULL};

static const struct record_field feature_fields[] = {
#define X(name, doc_text) FIELD(struct detect_features, name, 0, doc_text),
    DETECT_FEATURES(X)
#undef X
};
const struct record_descriptor detect_features_descriptor = RECORD(
    struct detect_features, "DetectFeatures", 1, feature_fields, "What is looked for; where none is true, everything.");

static bool *member_of(const struct detect_features *features, enum detect_feature feature)
{
    return (bool *)(uintptr_t)((const char *)features + feature_fields[feature - 1].offset);
}

bool detect_is_enabled(const struct detect_features *features, enum detect_feature feature)
{
    static const struct detect_features none;
    return *member_of(features, feature) || memcmp(features, &none, sizeof none) == 0;
}

static const struct record_field request_fields[] = {
    FIELD(struct detect_request, frame, RECORD_REQUIRED | RECORD_BASE64,
          "the picture, JPEG or PNG: in JSON as base64, also as a data: URL; in multipart/form-data its bytes",
          .max_count = PICTURE_TEXT_MAX_BYTES,
          .example =
              "\"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==\""),
    FIELD_RECORD(struct detect_request, enabled_features, struct detect_features, &detect_features_descriptor, 0,
                 "what to look for"),
    FIELD(struct detect_request, line_x, 0,
          "where a line stands from top to bottom: up to 1 a share of the picture's width, above it pixels", .min = 0,
          .max = 65535),
    FIELD(struct detect_request, stream_id, RECORD_TEXT_ID,
          "pictures with the same id are one camera's, one after the other", .max_count = 64),
    FIELD(struct detect_request, captured_at, 0, "when the picture was taken; else when it arrived"),
    FIELD_LIST(struct detect_request, zones, &zone_descriptor, 0, "zones of the stream", .max_count = 16),
    FIELD(struct detect_request, loitering_seconds, 0, "of the whole picture where no zone has its own", .unit = "s",
          .min = 1, .max = 86400, .default_text = "60"),
    FIELD(struct detect_request, crowd_limit, 0, "of the whole picture where no zone has its own", .min = 1,
          .max = 10000, .default_text = "10"),
    FIELD(struct detect_request, object_seconds, 0,
          "after so long an object counts as left or taken, in the whole picture where no zone has its own",
          .unit = "s", .min = 1, .max = 86400, .default_text = "60"),
    FIELD(struct detect_request, annotate, 0, "answer the picture too, figures hidden and boxes drawn"),
};
const struct record_descriptor detect_request_descriptor =
    RECORD(struct detect_request, "DetectRequest", 1, request_fields, "A picture to look at.");
const struct record_descriptor detect_order_descriptor = {
    .name = "DetectOrder",
    .schema_version = 1,
    .size = sizeof(struct detect_request),
    .fields = request_fields + 1, /* the first is the picture */
    .field_count = G_N_ELEMENTS(request_fields) - 1,
    .doc = "What is asked of a picture that comes beside it.",
};

const char *const detect_status_names[] = {"ok", "unavailable", "off", NULL};
static const struct record_field state_fields[] = {
    FIELD_ENUM(struct detect_state, status, detect_status_names, 0, "whether it was looked for; off: not asked for",
               .default_text = "off"),
    FIELD(struct detect_state, reason, 0, "why it is unavailable", .max_count = 256),
    FIELD(struct detect_state, count, 0, "what was found: people, vehicles, crossings, violations", .min = 0,
          .max = 1 << 20),
};
const struct record_descriptor detect_state_descriptor =
    RECORD(struct detect_state, "DetectState", 1, state_fields, "How one feature went.");

static const struct record_field states_fields[] = {
#define X(name, doc_text)                                                                                              \
    FIELD_RECORD(struct detect_states, name, struct detect_state, &detect_state_descriptor, 0, doc_text),
    DETECT_FEATURES(X)
#undef X
};
const struct record_descriptor detect_states_descriptor =
    RECORD(struct detect_states, "DetectStates", 1, states_fields, "How each feature went.");

struct detect_state *detect_state_of(struct detect_states *states, enum detect_feature feature)
{
    return (struct detect_state *)(void *)((char *)states + states_fields[feature - 1].offset);
}

static const struct record_field object_fields[] = {
    FIELD(struct detect_object, track_id, 0, "the same through a stream; 0 without one"),
    FIELD(struct detect_object, object_class, 0, "what it is; motion where no model tells", .max_count = 64),
    FIELD(struct detect_object, confidence, 0, "how sure", .min = 0, .max = 1),
    FIELD(struct detect_object, box, 0, "where in the picture", .min = -1, .max = 2),
};
const struct record_descriptor detect_object_descriptor =
    RECORD(struct detect_object, "DetectObject", 1, object_fields, "One object in the picture.");

static const struct record_field counts_fields[] = {
    FIELD(struct detect_counts, objects, 0, "objects in the picture"),
    FIELD(struct detect_counts, people, 0, "people among them"),
    FIELD(struct detect_counts, vehicles, 0, "vehicles among them"),
    FIELD(struct detect_counts, line_in, 0, "crossings from left to right since the stream began"),
    FIELD(struct detect_counts, line_out, 0, "crossings from right to left"),
};
const struct record_descriptor detect_counts_descriptor =
    RECORD(struct detect_counts, "DetectCounts", 1, counts_fields, "Counts.");

static const struct record_field response_fields[] = {
    FIELD(struct detect_response, stream_id, 0, "of the request", .max_count = 64),
    FIELD(struct detect_response, is_new_stream, 0, "nothing is remembered of this stream's earlier pictures"),
    FIELD(struct detect_response, width_px, 0, "of the picture", .unit = "px"),
    FIELD(struct detect_response, height_px, 0, "of the picture", .unit = "px"),
    FIELD(struct detect_response, detector, 0, "model, motion (no model, or one that fails: what moves), or none",
          .max_count = 16),
    FIELD_LIST(struct detect_response, objects, &detect_object_descriptor, 0, "what is in the picture",
               .max_count = 2048),
    FIELD_RECORD(struct detect_response, counts, struct detect_counts, &detect_counts_descriptor, 0, "counts"),
    FIELD_LIST(struct detect_response, violations, &signal_descriptor, 0, "signals that this picture raised",
               .max_count = 2048),
    FIELD_LIST(struct detect_response, crossings, &line_crossing_descriptor, 0, "crossings that this picture showed",
               .max_count = 2048),
    FIELD_RECORD(struct detect_response, features, struct detect_states, &detect_states_descriptor, 0,
                 "how each feature went"),
    FIELD(struct detect_response, processing_ms, 0, "from the decoder to the answer", .unit = "ms", .min = 0,
          .max = 1e9),
    FIELD(struct detect_response, annotated_image, 0, "a JPEG as base64, where it was asked for",
          .max_count = PICTURE_TEXT_MAX_BYTES),
};
const struct record_descriptor detect_response_descriptor =
    RECORD(struct detect_response, "DetectResponse", 1, response_fields, "What is in a picture.");

static const struct record_field settings_fields[] = {
    FIELD(struct detect_settings, workers, RECORD_NEEDS_RESTART,
          "caged processes that look at pictures sent to /api/detect, started when they are needed; each works for one "
          "org at a time; 0: the route is off",
          .min = 0, .max = 64, .default_text = "1"),
    FIELD(struct detect_settings, queue, 0,
          "pictures that wait, of all orgs together; one org may have as many as there are places left for others: "
          "half of them where nobody else asks",
          .min = 1, .max = 1024, .default_text = "16"),
    FIELD(struct detect_settings, timeout_seconds, 0,
          "longest that a picture may wait and be looked at; a process that takes longer is ended", .unit = "s",
          .min = 0.1, .max = 600, .default_text = "10"),
    FIELD(struct detect_settings, idle_seconds, 0, "a process without pictures for so long is ended, with its streams",
          .unit = "s", .min = 1, .max = 86400, .default_text = "300"),
    FIELD(struct detect_settings, max_image_bytes, 0, "largest picture, encoded", .unit = "bytes", .min = 1024,
          .max = 4000000, .default_text = "4000000"),
    FIELD(struct detect_settings, max_side_px, 0, "largest side of a picture", .unit = "px", .min = 16, .max = 16384,
          .default_text = "8192"),
    FIELD(struct detect_settings, max_pixels, 0, "most pixels of a picture", .min = 256, .max = 1 << 28,
          .default_text = "16777216"),
    FIELD(struct detect_settings, streams, 0, "streams of one org at once", .min = 1, .max = 1024,
          .default_text = "16"),
    FIELD(struct detect_settings, stream_seconds, 0, "a stream without pictures for so long is forgotten", .unit = "s",
          .min = 1, .max = 86400, .default_text = "60"),
};
const struct record_descriptor detect_settings_descriptor =
    RECORD(struct detect_settings, "DetectSettings", 1, settings_fields, "Pictures looked at on request.");

size_t detect_request_bytes(const struct detect_settings *settings)
{
    return (size_t)settings->max_image_bytes / 3 * 4 + RECORD_MAX_TEXT_BYTES;
}
