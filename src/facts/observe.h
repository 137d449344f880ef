/* Facts: what the server tells of itself to those who run it. */
#pragma once

#include "record/record.h"

/* Errors of the log that are alike. */
struct error_group_view {
    char *module, *words, *subject, *sample;
    bool is_of_worker;
    int64_t count;
    struct record_time first_seen, last_seen;
};
extern const struct record_descriptor error_group_view_descriptor;

/* What a worker logged as errors since it last told: each with how many more. */
struct worker_errors {
    struct record_list groups; /* of struct error_group_view */
};
extern const struct record_descriptor worker_errors_descriptor;

struct log_levels {
    char *levels;
};
extern const struct record_descriptor log_levels_descriptor;
