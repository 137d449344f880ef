/* A rate limiter: GCRA (the generic cell rate algorithm, ITU-T I.371), one integer for each key. A key is any text: an
 * address, a user, an org, a route, a service, an upstream. Several limits on one request are several limiters, asked
 * together by vedette_limiter_take_all.
 *
 * The table has a fixed size. A key whose allowance is full again takes no room. When there is no room for a new key,
 * the one that is nearest to full is forgotten, which can only let its owner pass a little sooner; it is counted.
 *
 * How it fails: there is nothing it waits for and nothing it allocates after it was made, so the only thing that can go
 * wrong is that there are more keys than room; then it fails open, towards those whose debt is the smallest. Where that
 * must not be, as for passwords, put a limiter with few keys (the service, the route) behind it.
 *
 * Threads: everything from any thread, and nothing blocks for longer than another's look at the same few keys.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedette/time_source.h"
#include "vedette/visibility.h"

VEDETTE_BEGIN

struct vedette_limiter_config {
    double rate_per_second;          /* steady rate; above 0, at most 2e7, held within 1 %; default 1 */
    int64_t burst;                   /* at once after a rest; 1..1000000000; default 1 */
    size_t max_keys;                 /* room for about so many keys; 1..2^28; default 65536. 64 to 128 bytes each */
    struct vedette_time_source time; /* zero: the machine's */
};
/* Fills in the defaults. Any thread. */
VEDETTE_PUBLIC void vedette_limiter_config_init(struct vedette_limiter_config *config);

struct vedette_limiter;

/* Everyone's allowance is full; the config is copied. NULL when a value is out of its range: *why (may be NULL) says
 * which, static text. Free with vedette_limiter_free. Any thread. */
VEDETTE_PUBLIC struct vedette_limiter *vedette_limiter_new(const struct vedette_limiter_config *config,
                                                           const char **why);
/* No other thread may use it any more. NULL is allowed. */
VEDETTE_PUBLIC void vedette_limiter_free(struct vedette_limiter *limiter);

struct vedette_limit {
    bool is_allowed;
    int64_t remaining;      /* how many more would pass at once */
    int64_t retry_after_us; /* when refused: until this cost would pass; -1: never, it is more than the burst */
    int64_t reset_us;       /* until the allowance is full again */
};
/* Asks for `cost` (0 or more; 0 only looks). What is refused costs nothing. Any thread. */
VEDETTE_PUBLIC struct vedette_limit vedette_limiter_take(struct vedette_limiter *limiter, const char *key,
                                                         int64_t cost);
/* Gives back what was taken: it turned out not to be what the limit is there for. Never more than full. Any thread. */
VEDETTE_PUBLIC void vedette_limiter_give_back(struct vedette_limiter *limiter, const char *key, int64_t cost);

/* One of several limits on the same thing; everything is borrowed for the call. */
struct vedette_limiter_ask {
    struct vedette_limiter *limiter;
    const char *key;
    int64_t cost;
};
/* All of them or none, in the order given: put first what refuses most and costs least to ask. Returns the index of the
 * one that refused, else of the one that is nearest to its end (-1 when `count` is 0); *limit (may be NULL) is that
 * one's answer. Those after the one that refused are not asked. Any thread. */
VEDETTE_PUBLIC int vedette_limiter_take_all(const struct vedette_limiter_ask *asks, int count,
                                            struct vedette_limit *limit);

struct vedette_limiter_stats {
    int64_t allowed, refused;
    int64_t forgotten;  /* keys that were not full yet and made room for others */
    int64_t given_back; /* by vedette_limiter_give_back, vedette_limiter_take_all among its callers */
};
/* Since it was made. Any thread. */
VEDETTE_PUBLIC void vedette_limiter_get_stats(struct vedette_limiter *limiter, struct vedette_limiter_stats *stats);

VEDETTE_END
