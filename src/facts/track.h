/* Facts: tracks as they go to the page, live and unspooled; and as they are stored, for policies to be tried on. */
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

/* What the rules of one camera saw for a while, up to a minute (analytics/chunk.h has the format of `data`). */
struct track_chunk {
    char *id, *org_id, *camera_id;
    char *run_id;   /* of one life of the camera's rules: they remember nothing of another */
    int32_t number; /* within the run, from 1 */
    struct record_time from_at, to_at;
    int32_t frames, codec_version;
    int64_t policy_revision; /* in force for all of it */
    bool is_last;            /* of its run, which ended in order: stays that were open ended with it */
    char *data;
};
extern const struct record_descriptor track_chunk_descriptor;
