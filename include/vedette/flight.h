/* A cache that makes one upstream call for each key at a time: whoever asks while a call is under way waits for its
 * answer. Answers are kept for a while, and so is the news that there is nothing, or that the upstream failed.
 *
 * The tenant is part of the key: nobody is ever given another tenant's answer. Entries and bytes are bounded; the least
 * recently used goes first, but never one that is being fetched.
 *
 * Threads: everything from any thread. `load` runs on the thread of the first who asked, outside any lock.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "vedette/time_source.h"
#include "vedette/visibility.h"

VEDETTE_BEGIN

enum vedette_flight_result {
    VEDETTE_FLIGHT_OK = 1,
    VEDETTE_FLIGHT_NOT_FOUND, /* the upstream says there is nothing */
    VEDETTE_FLIGHT_FAILED,    /* the upstream failed; the error says why */
    VEDETTE_FLIGHT_TIMEOUT,   /* somebody else's call did not end by the caller's deadline */
    VEDETTE_FLIGHT_RECURSION, /* to wait would be for ever: the caller's own load asks for the same key, or for one
                                 whose load waits for the caller's */
    VEDETTE_FLIGHT_CLOSED,    /* the cache is being closed */
};

struct vedette_flight_config {
    int64_t ttl_us;           /* of an answer; default 300 s */
    double ttl_jitter;        /* shortens each by up to this share, so that not all end at once; 0..0.9; default 0.1 */
    int64_t not_found_ttl_us; /* of "there is nothing"; 0: not kept; default 30 s */
    int64_t failure_ttl_us;   /* of a failure; 0: not kept; default 5 s */
    int64_t stale_us;         /* an answer that ended is still given while one caller fetches anew; default 0 */
    size_t max_entries;       /* 1 or more; default 10000 */
    size_t max_bytes;         /* of keys and answers; default 64 MiB. An answer larger than this by itself is given,
                                 and not kept */
    struct vedette_time_source time;
};
/* Fills in the defaults. Any thread. */
VEDETTE_PUBLIC void vedette_flight_config_init(struct vedette_flight_config *config);

struct vedette_flight;

/* An empty cache; the config is copied. NULL when a value is out of its range: *why (may be NULL) says which, static
 * text. Free with vedette_flight_free. Any thread. */
VEDETTE_PUBLIC struct vedette_flight *vedette_flight_new(const struct vedette_flight_config *config, const char **why);
/* Whoever waits is told CLOSED; returns when nobody is inside any more, so never call it from a load. One thread, once;
 * nobody may come in afterwards. NULL is allowed. */
VEDETTE_PUBLIC void vedette_flight_free(struct vedette_flight *flight);

/* What a load gives back; freed by the cache with free(3). */
struct vedette_flight_answer {
    void *value;   /* malloc'ed; of OK */
    size_t length; /* bytes of value */
    char *error;   /* malloc'ed text; of FAILED */
};
/* Returns OK, NOT_FOUND or FAILED. Runs on the thread of the first who asked, outside any lock, and may ask the cache
 * for other keys; loads that ask for each other's key, in a ring of any length, are seen within one cache (the last of
 * them to ask is told RECURSION at once), not across several: give those a deadline. A thread that ends inside it
 * (pthread_exit, pthread_cancel) leaves its place to one of those who wait, whose own load is called; what it had put
 * into `answer` is lost. */
typedef enum vedette_flight_result (*vedette_flight_load)(void *data, const char *tenant, const char *key,
                                                          struct vedette_flight_answer *answer);

/* The answer for (tenant, key), from the cache, from somebody else's call, or by calling `load`, which is handed
 * `data`. `answer` (may be NULL) gets copies: free(3) its members. `deadline_us`: monotonic microseconds, as the
 * cache's clock tells; how long to wait for somebody else (INT64_MAX: for as long as it takes); the caller's own load
 * is not interrupted. Any thread; blocks, and who is cancelled meanwhile ends once it waits no longer. */
VEDETTE_PUBLIC enum vedette_flight_result vedette_flight_get(struct vedette_flight *flight, const char *tenant,
                                                             const char *key, vedette_flight_load load, void *data,
                                                             int64_t deadline_us, struct vedette_flight_answer *answer);
/* Forgets an answer. One that is being fetched is given to those who wait by now, and not kept: who asks later waits
 * for that call to end, so that there are never two, and then fetches anew. Any thread. */
VEDETTE_PUBLIC void vedette_flight_invalidate(struct vedette_flight *flight, const char *tenant, const char *key);
/* All of a tenant's. Looks at every entry. Any thread. */
VEDETTE_PUBLIC void vedette_flight_invalidate_tenant(struct vedette_flight *flight, const char *tenant);
/* An answer learnt otherwise; also ends a kept "there is nothing". It is newer than one that is being fetched, which is
 * given to those who wait by now, and not kept. Copies `length` bytes. Any thread. */
VEDETTE_PUBLIC void vedette_flight_put(struct vedette_flight *flight, const char *tenant, const char *key,
                                       const void *value, size_t length);

struct vedette_flight_stats {
    int64_t entries, bytes, hits, negative_hits, stale_hits, loads, joined, evicted, timeouts;
    int64_t abandoned; /* loads whose thread ended inside them */
};
/* How it is now, and what happened since it was made. Any thread. */
VEDETTE_PUBLIC void vedette_flight_get_stats(struct vedette_flight *flight, struct vedette_flight_stats *stats);

VEDETTE_END
