/* Facts: one picture looked at on request (POST /api/detect): what is asked, what is answered. */
#pragma once

#include <stdbool.h>

#include "record/record.h"

/* The features, in the order of the enum: X(name, what it tells). There is no other list of them. */
#define DETECT_FEATURES(X)                                                                                             \
    X(people_count, "how many people are in the picture")                                                              \
    X(vehicles, "how many vehicles are in the picture")                                                                \
    X(ppe, "who lacks protective equipment")                                                                           \
    X(line_crossing, "who crosses the line at line_x; needs a stream_id")                                              \
    X(zone_intrusion, "who enters a zone of kind intrusion or restricted; needs a stream_id")                          \
    X(loitering, "who stays longer than loitering_seconds; needs a stream_id")                                         \
    X(crowd, "more than crowd_limit at once; needs a stream_id")                                                       \
    X(face_identity, "whose face it is")                                                                               \
    X(attendance, "who comes and goes")                                                                                \
    X(plates, "what stands on licence plates")                                                                         \
    X(object_left_taken, "what was left behind or taken away; needs a stream_id")                                      \
    X(tampering, "a camera that was covered, blurred, turned or frozen; needs a stream_id")

enum detect_feature {
    DETECT_NO_FEATURE,
#define X(name, doc) DETECT_##name,
    DETECT_FEATURES(X)
#undef X
        DETECT_FEATURE_END
};
enum { DETECT_FEATURE_COUNT = DETECT_FEATURE_END - 1 };
extern const char *const detect_feature_names[]; /* [0] belongs to the enum's first value */

/* None true: all are asked for. */
struct detect_features {
#define X(name, doc) bool name;
    DETECT_FEATURES(X)
#undef X
};
extern const struct record_descriptor detect_features_descriptor;
bool detect_is_enabled(const struct detect_features *features, enum detect_feature feature);

struct detect_request {
    char *frame; /* base64; NULL where the picture comes apart from it */
    struct detect_features enabled_features;
    struct record_optional line_x;
    char *stream_id;
    struct record_time captured_at;
    struct record_list zones; /* of struct zone */
    double loitering_seconds;
    int32_t crowd_limit;
    double object_seconds;
    bool annotate;
};
extern const struct record_descriptor detect_request_descriptor;
/* The same struct without the picture, which comes apart from it: as a part of a form, or to a worker. */
extern const struct record_descriptor detect_order_descriptor;

enum detect_status { DETECT_OK = 1, DETECT_UNAVAILABLE, DETECT_OFF };
extern const char *const detect_status_names[];
struct detect_state {
    enum detect_status status;
    char *reason;
    int32_t count;
};
extern const struct record_descriptor detect_state_descriptor;
/* One for each feature, by its name. */
struct detect_states {
#define X(name, doc) struct detect_state name;
    DETECT_FEATURES(X)
#undef X
};
extern const struct record_descriptor detect_states_descriptor;
struct detect_state *detect_state_of(struct detect_states *states, enum detect_feature feature);

struct detect_object {
    uint64_t track_id; /* 0 without a stream */
    char *object_class;
    double confidence;
    struct record_box box;
};
extern const struct record_descriptor detect_object_descriptor;

struct detect_counts {
    int32_t objects, people, vehicles;
    int32_t line_in, line_out; /* since the stream began */
};
extern const struct record_descriptor detect_counts_descriptor;

struct detect_response {
    char *stream_id;
    bool is_new_stream;
    int32_t width_px, height_px;
    char *detector;
    struct record_list objects; /* of struct detect_object */
    struct detect_counts counts;
    struct record_list violations; /* of struct signal */
    struct record_list crossings;  /* of struct line_crossing */
    struct detect_states features;
    double processing_ms;
    char *annotated_image; /* base64 */
};
extern const struct record_descriptor detect_response_descriptor;

struct detect_settings {
    int32_t workers; /* helper processes, one an org at a time; 0: none, and the route is off */
    int32_t queue;   /* requests that wait, of all orgs */
    double timeout_seconds;
    double idle_seconds; /* a helper without work is ended after so long */
    int32_t max_image_bytes, max_side_px;
    int64_t max_pixels;
    int32_t streams; /* of one org */
    double stream_seconds;
};
extern const struct record_descriptor detect_settings_descriptor;
/* The largest request that may hold a picture of max_image_bytes, in base64 and with all that is said beside it. */
size_t detect_request_bytes(const struct detect_settings *settings);
