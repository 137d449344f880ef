/* Counters: plain int64_t (gauges also double) struct members, touched only by these relaxed atomics, so that counting
 * on the frame path takes no lock. They are exported by the record they lie in (flags RECORD_COUNTER, RECORD_GAUGE).
 * Any thread.
 */
#pragma once

#include <stdint.h>

static inline void counter_add(int64_t *counter, int64_t amount)
{
    __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

/* The same for a counter to which one thread at a time adds, or several in turns with a lock between them: without a
 * bus lock, a few times cheaper. Any thread may read it. */
static inline void counter_add_own(int64_t *counter, int64_t amount)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + amount, __ATOMIC_RELAXED);
}

static inline void counter_set(int64_t *counter, int64_t value)
{
    __atomic_store_n(counter, value, __ATOMIC_RELAXED);
}

/* Gauges that are no whole numbers. */
static inline void gauge_set(double *gauge, double value)
{
    __atomic_store(gauge, &value, __ATOMIC_RELAXED);
}

static inline double gauge_get(const double *gauge)
{
    double value;
    __atomic_load(gauge, &value, __ATOMIC_RELAXED);
    return value;
}

static inline int64_t counter_get(const int64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}
