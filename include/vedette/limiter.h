/* A rate limiter: GCRA (the generic cell rate algorithm, ITU-T I.371), one integer for each key. A key is any text: an
 * address, a user, an org, a route, an upstream.
 *
 * The table has a fixed size. A key whose allowance is full again takes no room. When there is no room for a new key,
 * the one that is nearest to full is forgotten, which can only let its owner pass a little sooner; it is counted.
 *
 * Threads: everything from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedette/time_source.h"
#include "vedette/visibility.h"

struct vedette_limiter_config {
    double rate_per_second;          /* steady rate; above 0, at most 1e9 */
    int64_t burst;                   /* at once after a rest; 1..1000000000 */
    size_t max_keys;                 /* room for about so many keys; 1..2^28; default 65536. 64 to 128 bytes each */
    struct vedette_time_source time; /* zero: the machine's */
};
VEDETTE_PUBLIC void vedette_limiter_config_init(struct vedette_limiter_config *config);

struct vedette_limiter;

/* NULL when a value is out of its range: *why (may be NULL) says which, static text. */
VEDETTE_PUBLIC struct vedette_limiter *vedette_limiter_new(const struct vedette_limiter_config *config,
                                                           const char **why);
VEDETTE_PUBLIC void vedette_limiter_free(struct vedette_limiter *limiter);

struct vedette_limit {
    bool is_allowed;
    int64_t remaining;      /* how many more would pass at once */
    int64_t retry_after_us; /* when refused: until this cost would pass; -1: never, it is more than the burst */
    int64_t reset_us;       /* until the allowance is full again */
};
/* Asks for `cost` (0 or more; 0 only looks). What is refused costs nothing. */
VEDETTE_PUBLIC struct vedette_limit vedette_limiter_take(struct vedette_limiter *limiter, const char *key,
                                                         int64_t cost);

struct vedette_limiter_stats {
    int64_t allowed, refused, forgotten;
};
VEDETTE_PUBLIC void vedette_limiter_get_stats(struct vedette_limiter *limiter, struct vedette_limiter_stats *stats);
