/* Progress: tells "nothing to do" from "stuck", from counters and times alone. Every camera's way has four stages; each
 * says whether it has something to do and how much it has done so far. A stage that has something to do and does
 * nothing for longer than its deadline stands still, whatever its process claims.
 *
 * Pure: no clock, no I/O. One thread at a time per camera.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "facts/health.h"
#include "facts/settings.h"

/* In the order of the way. */
enum progress_stage {
    PROGRESS_FRAMES,     /* the camera gives frames: always to do, until its file has ended */
    PROGRESS_ANALYSES,   /* frames that wait are analysed */
    PROGRESS_RECORDS,    /* records that rules made are taken over by the hub */
    PROGRESS_DELIVERIES, /* records that the hub took over reach the store */
    PROGRESS_STAGES,
};
/* "frames", "analyses", … */
const char *progress_stage_name(enum progress_stage stage);

/* One picture may be a bad one and the next a late one; three that are missing are the worker's to mend (it connects
 * anew). Of pictures that are asked for seldom so many intervals are waited for, where that is longer than the setting.
 */
enum { PROGRESS_PICTURE_INTERVALS = 4 };

/* What is remembered of one camera; zero it to begin. */
struct progress {
    bool has_looked;
    double picture_interval_seconds; /* as it was told last */
    struct progress_watch {
        int64_t done;
        int64_t moved_us; /* when it last did something, or had nothing to do */
        bool is_stalled;
    } stages[PROGRESS_STAGES];
};

/* Looks at a camera's health at `now_us` (monotonic). Counters that fall (a worker began anew) are no progress by
 * themselves. The answer has bit 1 << stage for each stage that began or ceased to stand still. */
unsigned progress_look(struct progress *progress, const struct camera_health *health,
                       const struct progress_settings *deadlines, int64_t now_us);
/* How long a stage has stood still; 0 when it does not. */
double progress_stalled_seconds(const struct progress *progress, enum progress_stage stage, int64_t now_us);
/* The camera's longest deadline: what has stood still since before it was watched is known by then. */
double progress_longest_seconds(const struct progress *progress, const struct progress_settings *deadlines);
/* Writes the stalled… fields of `health`: how long each stage has stood still, and their names. */
void progress_describe(const struct progress *progress, int64_t now_us, struct camera_health *health);
