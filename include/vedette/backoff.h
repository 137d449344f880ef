/* How long to wait before trying again: exponential, with full jitter and a cap (Brooker, "Exponential Backoff And
 * Jitter", AWS 2015); and a budget, so that retries cannot multiply the load of an upstream that is in trouble.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vedette/visibility.h"

VEDETTE_BEGIN

struct vedette_backoff {
    int64_t base_us; /* ceiling of the first wait; 1 or more */
    int64_t max_us;  /* no wait is longer; at least base_us */
};

/* The longest wait before attempt number `attempt` (0 is the first retry): min(max_us, base_us * 2^attempt), without
 * overflow for any attempt. Any thread. */
VEDETTE_PUBLIC int64_t vedette_backoff_ceiling_us(const struct vedette_backoff *backoff, uint32_t attempt);

/* A wait uniform in 0..ceiling, both included. `random`: 64 uniform bits; different callers must give different ones.
 * Any thread. */
VEDETTE_PUBLIC int64_t vedette_backoff_delay_us(const struct vedette_backoff *backoff, uint32_t attempt,
                                                uint64_t random);

/* What an upstream asked for (Retry-After), held to 0..max_us. Any thread. */
VEDETTE_PUBLIC int64_t vedette_backoff_obey_us(const struct vedette_backoff *backoff, int64_t asked_us);

/* At most `permille` retries for each thousand requests, and `burst` at once after a quiet time. Zero-initialise
 * `credit`. Of several layers only the outermost retries, and has the budget. */
struct vedette_retry_budget {
    int32_t permille; /* 0..1000 */
    int32_t burst;    /* 1..1000000 */
    int64_t credit;   /* what is spent of it, in thousandths; the budget's own */
};
/* A request was made, for the first time. Any thread. */
VEDETTE_PUBLIC void vedette_retry_budget_note_request(struct vedette_retry_budget *budget);
/* How many retries may be made now, 0..burst. Any thread. */
VEDETTE_PUBLIC int32_t vedette_retry_budget_left(const struct vedette_retry_budget *budget);
/* True when a retry may be made now, and takes it from the budget. Any thread. */
VEDETTE_PUBLIC bool vedette_retry_budget_take(struct vedette_retry_budget *budget);

/* Counts attempts for a connection that may come and go: each failure makes the next wait longer, and only a success
 * that lasted for `steady_us` starts from the first wait again; a first byte does not. Zero-initialise `attempts`. One
 * thread at a time. */
struct vedette_attempts {
    int64_t steady_us; /* 0 or more */
    uint32_t attempts; /* failures since the last steady success */
};
/* How long to wait after a failure; `up_us`: how long the connection had worked, 0 when it never did. */
VEDETTE_PUBLIC int64_t vedette_attempts_failed(struct vedette_attempts *attempts, const struct vedette_backoff *backoff,
                                               int64_t up_us, uint64_t random);

VEDETTE_END
