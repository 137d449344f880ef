/* What a thread tells the scheduler of itself. */
#pragma once

/* This thread answers others, with little work at a time: let it run soon rather than long, ahead of those in the
 * middle of a longer turn. It gets no more of the processors than before. Threads that it starts do the same.
 * Linux 6.12 and later know it; elsewhere nothing changes. Called again by the same thread it costs nothing. */
void thread_prefer_short_turns(void);
