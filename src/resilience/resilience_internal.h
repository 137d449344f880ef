/* Shared by the files of the resilience room. */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "vedette/time_source.h"

enum { US_PER_SECOND = 1000000 };

static inline int64_t time_now_us(const struct vedette_time_source *time)
{
    return time->now_us ? time->now_us(time->data) : clock_monotonic_us(clock_system());
}

/* A time so far away that it does not fit is never reached: "for ever" may be asked for as INT64_MAX. */
static inline int64_t time_after_us(int64_t from_us, int64_t wait_us)
{
    int64_t sum_us;
    return __builtin_add_overflow(from_us, wait_us, &sum_us) ? INT64_MAX : sum_us;
}
