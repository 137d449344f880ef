/* Time and randomness, injected: programs leave both NULL and get the machine's; tests give their own. */
#pragma once

#include <stdint.h>

struct vedette_time_source {
    /* Monotonic, microseconds, never backwards. NULL: CLOCK_MONOTONIC. Called from any thread. */
    int64_t (*now_us)(void *data);
    /* 64 uniform bits. NULL: a generator seeded by the kernel. Called under the object's own lock. */
    uint64_t (*random)(void *data);
    void *data; /* handed to both; outlives the object */
};
