#include "base/clock.h"

#include <glib.h>
#include <stdbool.h>
#include <time.h>

struct clock {
    bool is_fake;
    int64_t wall_ms;      /* fake only; atomic */
    int64_t monotonic_us; /* fake only; atomic */
};

static struct clock system_clock;

struct clock *clock_system(void)
{
    return &system_clock;
}

static int64_t clock_read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

int64_t clock_wall_ms(struct clock *clock)
{
    if (clock->is_fake)
        return __atomic_load_n(&clock->wall_ms, __ATOMIC_ACQUIRE);
    return clock_read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_monotonic_us(struct clock *clock)
{
    if (clock->is_fake)
        return __atomic_load_n(&clock->monotonic_us, __ATOMIC_ACQUIRE);
    return clock_read_us(CLOCK_MONOTONIC);
}

struct clock *clock_fake_new(int64_t wall_ms)
{
    struct clock *clock = g_new0(struct clock, 1);
    clock->is_fake = true;
    clock->wall_ms = wall_ms;
    return clock;
}

void clock_fake_advance_us(struct clock *clock, int64_t us)
{
    int64_t before_us = __atomic_fetch_add(&clock->monotonic_us, us, __ATOMIC_ACQ_REL);
    /* Whole milliseconds passed, so that many small steps add up. */
    __atomic_fetch_add(&clock->wall_ms, (before_us + us) / 1000 - before_us / 1000, __ATOMIC_ACQ_REL);
}

void clock_fake_step_wall_ms(struct clock *clock, int64_t ms)
{
    __atomic_fetch_add(&clock->wall_ms, ms, __ATOMIC_ACQ_REL);
}

void clock_fake_free(struct clock *clock)
{
    g_free(clock);
}
