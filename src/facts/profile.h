/* Facts: where time went, as workers tell it and as `vedette profile` shows it. */
#pragma once

#include "base/latency.h"
#include "facts/trace.h"

enum { PROFILE_MAX_SECONDS = 300 };

/* One stage of a camera's frames since its worker started. */
struct stage_times {
    enum frame_stage stage;
    int64_t total_ns;
    struct record_ids buckets; /* number of a bucket of struct latency, how many; and so on, numbers growing */
};
struct camera_times {
    char *camera_id;
    struct record_list stages; /* of struct stage_times */
};
struct worker_times {
    uint64_t number;            /* of the look it answers */
    struct record_list cameras; /* of struct camera_times */
};
extern const struct record_descriptor worker_times_descriptor;
/* `times` (cleared with its list) becomes what `latency` is now. Any thread may note to it meanwhile. */
void stage_times_write(struct stage_times *times, enum frame_stage stage, const struct latency *latency);
/* Fills in `latency`, whatever it was. False: they are none. */
bool stage_times_read(const struct stage_times *times, struct latency *latency);

/* ---- what is shown ---- */

enum profile_part_kind { PROFILE_CAMERAS = 1, PROFILE_CAMERA, PROFILE_RECORDS, PROFILE_ROUTE, PROFILE_LEFT_OUT };
extern const char *const profile_part_kind_names[];

struct profile_stage {
    char *stage;
    int64_t count;
    double total_ms, mean_ms, p50_ms, p95_ms, p99_ms;
    struct record_optional share; /* of what the part as a whole took */
};
/* Frames of a camera or of all, records on their way, requests of a route; or a camera that nothing is told of. */
struct profile_part {
    enum profile_part_kind kind;
    char *name;
    int64_t count;             /* frames, requests */
    struct record_list stages; /* of struct profile_stage */
};
struct profile_report {
    double seconds; /* that were looked at */
    struct record_list parts;
};
extern const struct record_descriptor profile_stage_descriptor, profile_part_descriptor, profile_report_descriptor;

/* The last line of an answer by the control socket. */
struct control_result {
    char *result, *reason;
    double seconds;
};
extern const struct record_descriptor control_result_descriptor;

/* Adds a stage that took what `latency` has, unless that is nothing; `whole_ns` 0: it is no part of the whole. */
void profile_part_add(struct profile_part *part, const char *stage, const struct latency *latency, int64_t whole_ns);
