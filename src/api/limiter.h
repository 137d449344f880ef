/* Limiter: a token bucket per key, in a table of fixed size. When the table is full the bucket used longest ago makes
 * room: whoever comes back after that starts with a full bucket. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct limiter;

struct limiter *limiter_new(struct clock *clock, size_t capacity);
void limiter_free(struct limiter *limiter);
CLEANUP_DEFINE(limiter, limiter_free)
/* Takes one token of `key`'s bucket, which holds `per_minute` and fills at that rate. False: *retry_seconds tells when
 * there is one again. */
bool limiter_take(struct limiter *limiter, const char *key, int per_minute, int *retry_seconds);
/* Gives one back: it was not what the limit is there for. */
void limiter_return(struct limiter *limiter, const char *key, int per_minute);
