/* How long something takes, where much else runs beside it. */
#pragma once

#include <glib.h>

enum { STOPWATCH_TRIES_MAX = 5 };

/* The least that one of STOPWATCH_TRIES_MAX tries took, in us: no other follows one that took less than `enough_us`.
 * Threads have to wait for a processor now and then; who waits for something else does so nearly each time, and more
 * tries than these would find the one time in which they do not. */
static inline gint64 stopwatch_least_us(gint64 (*try_us)(const void *data), const void *data, gint64 enough_us)
{
    gint64 least_us = try_us(data);
    for (int tries = 1; least_us >= enough_us && tries < STOPWATCH_TRIES_MAX; tries++)
        least_us = MIN(least_us, try_us(data));
    return least_us;
}
