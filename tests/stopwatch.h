/* How long something takes, where much else runs beside it. */
#pragma once

#include <glib.h>

enum { STOPWATCH_PATIENCE_SECONDS = 60 };

/* The least that one of several tries took, in us: no other follows one that took less than `enough_us`, nor begins
 * after STOPWATCH_PATIENCE_SECONDS. Threads have to wait for a processor now and then; who waits for something else
 * does so each time. */
static inline gint64 stopwatch_least_us(gint64 (*try_us)(const void *data), const void *data, gint64 enough_us)
{
    gint64 until_us = g_get_monotonic_time() + STOPWATCH_PATIENCE_SECONDS * G_USEC_PER_SEC;
    gint64 least_us = try_us(data);
    while (least_us >= enough_us && g_get_monotonic_time() < until_us)
        least_us = MIN(least_us, try_us(data));
    return least_us;
}
