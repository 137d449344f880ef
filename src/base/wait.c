#include "base/wait.h"

#include "base/clock.h"

enum { US_PER_SECOND = 1000000 };

void wait_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct timespec wait_deadline(int64_t at_us)
{
    return (struct timespec){at_us / US_PER_SECOND, at_us % US_PER_SECOND * 1000};
}

struct timespec wait_deadline_after(int64_t us)
{
    return wait_deadline(clock_monotonic_us(clock_system()) + us);
}
