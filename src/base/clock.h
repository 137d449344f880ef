/* Time, injected. Every module that waits or stamps takes a `struct clock *`; tests use a fake one and never sleep.
 *
 * Any thread may read a clock. The fake clock moves only by clock_fake_advance_us.
 */
#pragma once

#include <stdint.h>

struct clock;

/* The machine's clock. Never freed. */
struct clock *clock_system(void);

/* Wall time, milliseconds since 1970 UTC. May step backwards. */
int64_t clock_wall_ms(struct clock *clock);

/* Microseconds since an arbitrary start; never goes backwards. */
int64_t clock_monotonic_us(struct clock *clock);

/* A clock that stands still at `wall_ms` (monotonic 0) until advanced. Free with clock_fake_free. */
struct clock *clock_fake_new(int64_t wall_ms);
void clock_fake_advance_us(struct clock *clock, int64_t us);
/* Steps wall time alone, as an operator or NTP would. */
void clock_fake_step_wall_ms(struct clock *clock, int64_t ms);
void clock_fake_free(struct clock *clock);
