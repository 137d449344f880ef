/* Path times: how long each stage of a record's way through the hub took, of all records so far, and its span in the
 * traces they are in. Any thread.
 */
#pragma once

#include "base/latency.h"
#include "facts/event.h"

enum path_stage {
    PATH_INTAKE = 1, /* a worker's batch: decoded and checked */
    PATH_SPOOL,      /* until it is on disk */
    PATH_PUSH,       /* one event, told to those who look */
    PATH_DRAIN,      /* a batch: taken out of the spool, and decoded */
    PATH_STORE,      /* until it is committed */
    PATH_END,
};
extern const char *const path_stage_names[];

/* A stage of these events (struct analytics_event *) took from `start_us` of clock_monotonic_us until now. Returns now.
 */
int64_t path_times_note(enum path_stage stage, const GPtrArray *events, int64_t start_us, bool has_failed);
int64_t path_times_note_event(enum path_stage stage, const struct analytics_event *event, int64_t start_us);
/* Copies what there is so far. */
void path_times_read(struct latency times[PATH_END]);
