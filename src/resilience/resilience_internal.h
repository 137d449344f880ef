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
