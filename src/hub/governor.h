/* Governor: from measures and times alone, says whether the machine has too much to do, what to leave out then, and how
 * many more cameras would fit. What is left out comes in one order: the analysis rate of quiet cameras, then of all,
 * then previews; records and what becomes of them are never left out. It comes back in the opposite order.
 *
 * Pure: no clock, no I/O. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "facts/governor.h"

enum governor_resource {
    GOVERNOR_CPU,
    GOVERNOR_MEMORY,
    GOVERNOR_QUEUE,
    GOVERNOR_FRAME_AGE,
    GOVERNOR_DISK, /* told only: analysing less frees no disk */
    GOVERNOR_RESOURCES,
};
/* "cpu", "memory", … */
const char *governor_resource_name(enum governor_resource resource);

struct governor_measures {
    double cpu_share;    /* of what may be used, 0..1 */
    double late_share;   /* of the frames wanted, replaced by newer ones before they were analysed */
    double memory_share; /* of what may be used */
    double queue_share;  /* of the queue before the store */
    double frame_age_ms; /* arrival to end of analysis, of the camera in the middle */
    double disk_want;    /* store.minimum_free_bytes, as a share of the bytes that are free: above 1 it is too full */
};

/* In the order in which they are taken. */
enum governor_level { GOVERNOR_CALM, GOVERNOR_QUIET_CAMERAS, GOVERNOR_ALL_CAMERAS, GOVERNOR_PREVIEWS, GOVERNOR_LEVELS };
/* What a level leaves out, for people. */
const char *governor_level_text(enum governor_level level);

/* Zero it to begin. */
struct governor {
    enum governor_level level;
    bool is_overloaded; /* something is too much, still being made up for, or has not settled yet */
    unsigned hot;       /* bit 1 << resource: too much of it at the last turn */
    unsigned
        blamed; /* the same: hot while something is left out, or when that began. These must come down to their low mark
                   before it is calm; of the others, which shedding was not for, it is enough that none is hot */
    unsigned told; /* the same, and the disk too: hot while it is overloaded. These must be down at their low mark for
                      recover_seconds before that is over */
    int64_t hot_since_us, pressed_since_us;  /* 0: it is not; pressed: hot by more than the disk */
    int64_t calm_since_us, settled_since_us; /* 0: it is not; by what is blamed, and by what is told */
    int64_t stepped_us;                      /* when the level last changed; 0: never */
    int64_t patience_us; /* calm that is asked for now: grows while the overload returns; 0: recover_seconds */
    bool was_relieved;   /* the last step was one back */
};
/* True when level or is_overloaded changed. */
bool governor_turn(struct governor *governor, const struct governor_settings *settings,
                   const struct governor_measures *measures, int64_t now_us);
void governor_order(const struct governor *governor, const struct governor_settings *settings,
                    struct governor_order *order);

/* How many more cameras like those there are; -1: not known. `cores` and `memory_bytes` may be used in all, `used_…`
 * are taken now; camera_… is the cost of one. */
struct governor_load {
    double cores, used_cores, camera_cores;
    int64_t memory_bytes, used_bytes, camera_bytes;
};
int governor_room(const struct governor_settings *settings, const struct governor_load *load);
