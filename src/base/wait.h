/* Waits on conditions that go by the machine's monotonic clock, which nobody sets. */
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* A condition whose timed waits go by that clock. pthread_cond_destroy. */
void wait_condition_init(pthread_cond_t *condition);
/* For pthread_cond_timedwait on one: a moment of clock_monotonic_us(clock_system()), and so long from now on. */
struct timespec wait_deadline(int64_t at_us);
struct timespec wait_deadline_after(int64_t us);
