/* A circuit breaker: stops asking an upstream (a camera, a store, a webhook) that fails, and finds out carefully
 * whether it is back.
 *
 * Closed: calls pass; failures are counted over a sliding window. Open: calls are refused at once, for a time drawn
 * between recovery_timeout_us and a ceiling that doubles with each opening and is capped: what failed together is not
 * asked again together. A program that starts has closed breakers: what it asks of many upstreams at once it spreads
 * with vedette_backoff_delay_us. Half open: a few probes pass; enough successes close it, one
 * failure opens it again. Forced open, forced closed and disabled are an operator's; nothing leaves them by itself.
 *
 * Every permit must be given back with vedette_breaker_release, once; one that never is, is taken back after
 * permit_timeout_us. What comes back late, from before the last change of state, changes nothing.
 *
 * Threads: everything from any thread. A closed breaker's check takes no lock. The callback is called outside the lock,
 * once for each change, in order, on the thread that caused it or on one that caused an earlier one; it may call the
 * breaker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vedette/time_source.h"
#include "vedette/visibility.h"

VEDETTE_BEGIN

enum vedette_breaker_state {
    VEDETTE_BREAKER_CLOSED = 1,
    VEDETTE_BREAKER_OPEN,
    VEDETTE_BREAKER_HALF_OPEN,
    VEDETTE_BREAKER_FORCED_OPEN,
    VEDETTE_BREAKER_FORCED_CLOSED, /* passes everything, counts */
    VEDETTE_BREAKER_DISABLED,      /* passes everything, counts nothing */
};

/* "closed", "open", "half_open", "forced_open", "forced_closed", "disabled"; "unknown" for anything else. Static text.
 * Any thread. */
VEDETTE_PUBLIC const char *vedette_breaker_state_name(enum vedette_breaker_state state);

/* The state of such a name; 0 when there is none, or `name` is NULL. Any thread. */
VEDETTE_PUBLIC enum vedette_breaker_state vedette_breaker_state_of_name(const char *name);

enum vedette_outcome {
    VEDETTE_SUCCESS = 1,
    VEDETTE_FAILURE,
    VEDETTE_IGNORED, /* cancelled, or an error that says nothing of the upstream */
};

struct vedette_breaker_config {
    int32_t failure_threshold;       /* failures within the window that open it; 1..1000000; default 5 */
    int32_t failure_percent;         /* and they must be at least so many of the window's calls; 1..100; default 50 */
    bool success_resets;             /* while closed, a success forgets the failures before it; default false */
    int32_t success_threshold;       /* successes of probes that close it; 1..1000; default 3 */
    int32_t probes;                  /* probes at once while half open; 1..1000; default 3 */
    int64_t window_us;               /* the sliding window; 1000 or more; default 60 s */
    int64_t slow_call_us;            /* a success that took longer counts as a failure; 0: none does (default) */
    int64_t recovery_timeout_us;     /* shortest time it stays open; 1 or more; default 60 s */
    int64_t recovery_timeout_max_us; /* longest; default 15 min */
    int64_t permit_timeout_us;       /* a probe's permit is taken back after this; 1 or more; default 30 s */
    struct vedette_time_source time; /* zero: the machine's */
    /* Told of each change of state. May be NULL. */
    void (*changed)(void *data, enum vedette_breaker_state from, enum vedette_breaker_state to);
    void *changed_data; /* handed to both */
    /* Told when a change is asked for that there is none (vedette_breaker_force to open or half open, or to no state at
     * all), once for each state it is asked in; so that it can be logged. On the asking thread, outside the lock. May
     * be NULL. */
    void (*illegal)(void *data, enum vedette_breaker_state from, int to);
};

/* Fills in the defaults. Any thread. */
VEDETTE_PUBLIC void vedette_breaker_config_init(struct vedette_breaker_config *config);

struct vedette_breaker;

/* A closed one; the config is copied. NULL when a value is out of its range: *why (may be NULL) then says which, static
 * text. Free with vedette_breaker_free. Any thread. */
VEDETTE_PUBLIC struct vedette_breaker *vedette_breaker_new(const struct vedette_breaker_config *config,
                                                           const char **why);
/* No other thread may use it any more. NULL is allowed. */
VEDETTE_PUBLIC void vedette_breaker_free(struct vedette_breaker *breaker);
/* Takes over new thresholds and times; state, counts and a time already set stay. The callbacks and the clock stay as
 * they were. False: as for new, and nothing changed. Any thread. */
VEDETTE_PUBLIC bool vedette_breaker_configure(struct vedette_breaker *breaker,
                                              const struct vedette_breaker_config *config, const char **why);

/* The caller's, on its stack; the members are the breaker's. May be released on another thread. */
struct vedette_permit {
    uint64_t generation;
    int64_t started_us;
    int32_t slot;                     /* of a probe; -1: none */
    enum vedette_breaker_state state; /* in which it was asked for */
};

/* True: the call may be made, and `permit` must be released. False: it may not, and there is nothing to release;
 * permit->state says why: OPEN, FORCED_OPEN, or HALF_OPEN when as many probes are out as may be; *retry_after_us (may
 * be NULL) is how long to wait, 0 when only an operator can end it. Any thread; never blocks. */
VEDETTE_PUBLIC bool vedette_breaker_acquire(struct vedette_breaker *breaker, struct vedette_permit *permit,
                                            int64_t *retry_after_us);
/* Says how the call went. Once for each permit, by any thread. */
VEDETTE_PUBLIC void vedette_breaker_release(struct vedette_breaker *breaker, const struct vedette_permit *permit,
                                            enum vedette_outcome outcome);
/* Execute with breaker: acquire and release around `call`, which runs on the calling thread outside any lock and is
 * handed `data`. False: not called, as for acquire. True: called; *outcome (may be NULL) is what it returned. Any
 * thread. */
VEDETTE_PUBLIC bool vedette_breaker_execute(struct vedette_breaker *breaker, enum vedette_outcome (*call)(void *data),
                                            void *data, enum vedette_outcome *outcome, int64_t *retry_after_us);

/* An operator's word: one of the forced states or disabled; or CLOSED, which ends them and starts anew with an empty
 * window. Other states are refused (false) and change nothing. Any thread. */
VEDETTE_PUBLIC bool vedette_breaker_force(struct vedette_breaker *breaker, enum vedette_breaker_state state);

struct vedette_breaker_stats {
    enum vedette_breaker_state state;
    int64_t failure_count;  /* within the window, slow calls included; while it is open or half open, those that led
                               there */
    int64_t call_count;     /* within the window */
    int64_t retry_after_us; /* while open: until probes may pass */
    /* since it was made */
    int64_t successes, failures, ignored, slow, rejected, late, timed_out_permits, openings, illegal;
};
/* How it is now. Any thread. */
VEDETTE_PUBLIC void vedette_breaker_get_stats(struct vedette_breaker *breaker, struct vedette_breaker_stats *stats);

VEDETTE_END
