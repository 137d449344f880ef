#include "base/latency.h"

#include "base/counter.h"

#include <math.h>

static int bucket_of(int64_t ns)
{
    if (ns < INT64_C(1) << LATENCY_SMALLEST_BITS)
        return 0;
    int top = 63 - __builtin_clzll((unsigned long long)ns);
    int step = (int)(ns >> (top - LATENCY_STEPS_BITS)) & ((1 << LATENCY_STEPS_BITS) - 1);
    int bucket = ((top - LATENCY_SMALLEST_BITS) << LATENCY_STEPS_BITS) + step + 1;
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* Of the last one, where it begins. */
static int64_t end_of(int bucket)
{
    if (bucket == LATENCY_BUCKETS - 1)
        bucket--;
    int doubling = bucket >> LATENCY_STEPS_BITS, step = bucket & ((1 << LATENCY_STEPS_BITS) - 1);
    return (INT64_C(1) << (LATENCY_SMALLEST_BITS + doubling)) +
           ((int64_t)step << (LATENCY_SMALLEST_BITS + doubling - LATENCY_STEPS_BITS));
}

void latency_note(struct latency *latency, int64_t ns)
{
    counter_add(&latency->counts[bucket_of(ns)], 1);
    counter_add(&latency->total_ns, ns > 0 ? ns : 0);
}

void latency_note_own(struct latency *latency, int64_t ns)
{
    counter_add_own(&latency->counts[bucket_of(ns)], 1);
    counter_add_own(&latency->total_ns, ns > 0 ? ns : 0);
}

void latency_add(struct latency *to, const struct latency *from)
{
    to->total_ns += counter_get(&from->total_ns);
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        to->counts[i] += counter_get(&from->counts[i]);
}

void latency_subtract(struct latency *from, const struct latency *earlier)
{
    from->total_ns -= earlier->total_ns;
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        from->counts[i] -= earlier->counts[i];
}

int64_t latency_count(const struct latency *latency)
{
    int64_t count = 0;
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        count += latency->counts[i];
    return count;
}

int64_t latency_quantile_ns(const struct latency *latency, double share)
{
    int64_t wanted = (int64_t)ceil(share * (double)latency_count(latency)), seen = 0;
    for (int i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->counts[i];
        if (seen > 0 && seen >= wanted)
            return end_of(i);
    }
    return 0;
}
