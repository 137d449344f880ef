/* Facts: tracks as they go to the page, live and unspooled. */
#pragma once

#include "record/record.h"

struct track_view {
    uint64_t track_id;
    char *object_class;
    struct record_box box;
    double confidence;
    struct record_point velocity; /* frame widths and heights per second */
    int32_t age_frames;
    bool is_stationary;
};
extern const struct record_descriptor track_view_descriptor;

struct track_update {
    char *camera_id;
    struct record_time at;
    uint64_t frame_number;
    struct record_list tracks; /* of struct track_view */
};
extern const struct record_descriptor track_update_descriptor;
