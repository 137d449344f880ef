/* Threads, by name, and what they tell the scheduler of themselves. */
#pragma once

#include <sys/types.h>

/* As pthread_create: begins to run `run` with `data` in a thread of its own, to be joined by the caller; what top, gdb
 * and perf call it is `name`, a constant, of which they show 15 bytes. 0, or why there is no thread (an errno). */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *data), void *data);

/* This thread answers others, with little work at a time: let it run soon rather than long, ahead of those in the
 * middle of a longer turn. It gets no more of the processors than before. Threads that it starts do the same.
 * Linux 6.12 and later know it; elsewhere nothing changes. Called again by the same thread it costs nothing. */
void thread_prefer_short_turns(void);
