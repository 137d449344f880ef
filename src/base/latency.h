/* Latencies: how often something took how long, in fixed buckets, eight to each doubling from 1 µs to 68 s: a quantile
 * is at most an eighth too large. Nothing allocates or locks; what two snapshots have in between is their difference.
 */
#pragma once

#include <stdint.h>

enum {
    LATENCY_SMALLEST_BITS = 10, /* below 1,024 ns: the first bucket */
    LATENCY_STEPS_BITS = 3,
    LATENCY_DOUBLINGS = 26,
    LATENCY_BUCKETS = (LATENCY_DOUBLINGS << LATENCY_STEPS_BITS) + 2, /* the last: longer than all */
};

struct latency {
    int64_t total_ns;
    int64_t counts[LATENCY_BUCKETS];
};

/* Any thread; the other is for what one thread at a time notes. */
void latency_note(struct latency *latency, int64_t ns);
void latency_note_own(struct latency *latency, int64_t ns);
/* Adds `from` to `to`, and takes an earlier snapshot away. One thread at a time for `to`; `from` may be noted to
 * meanwhile. */
void latency_add(struct latency *to, const struct latency *from);
void latency_subtract(struct latency *from, const struct latency *earlier);
/* Of what no thread notes to any more, as all below. */
int64_t latency_count(const struct latency *latency);
/* The upper end of the bucket in which this share (0..1) lies; 0 of none. */
int64_t latency_quantile_ns(const struct latency *latency, double share);
