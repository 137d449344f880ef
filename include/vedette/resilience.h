/* The resilience of one service in one place: its breakers and queues by name, and its cameras' health.
 *
 * A breaker is made at its first use, with the manager's settings; its name is free text, "camera_1" or
 * "upstream:store". Queues are registered by whoever has them. What all of them say can be read as one JSON text, as a
 * health check wants it.
 *
 * Threads: everything from any thread unless said otherwise.
 *
 * Memory: as all of the library, it ends the process when there is none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedette/breaker.h"
#include "vedette/health.h"
#include "vedette/visibility.h"

VEDETTE_BEGIN

struct vedette_resilience_config {
    struct vedette_breaker_config breaker; /* of breakers that are made at first use; its callbacks are not used */
    struct vedette_health_config health;
    size_t max_breakers; /* 1 or more; default 4096 */
    size_t max_queues;   /* 1 or more; default 64 */
    /* A breaker changed its state; as vedette_breaker_config's, with its name. May be NULL. */
    void (*breaker_changed)(void *data, const char *name, enum vedette_breaker_state from,
                            enum vedette_breaker_state to);
    void (*breaker_illegal)(void *data, const char *name, enum vedette_breaker_state from, int to);
    void *data; /* handed to both */
};
/* Fills in the defaults. Any thread. */
VEDETTE_PUBLIC void vedette_resilience_config_init(struct vedette_resilience_config *config);

struct vedette_resilience;

/* `config` (NULL: the defaults) is copied. NULL when a value is out of its range: *why (may be NULL) says which, static
 * text. Free with vedette_resilience_free. Any thread. */
VEDETTE_PUBLIC struct vedette_resilience *
vedette_resilience_new(const char *service_name, const struct vedette_resilience_config *config, const char **why);
/* Stops everything and frees its breakers; queues are their owners'. One thread, once; nobody may use it any more. NULL
 * is allowed. */
VEDETTE_PUBLIC void vedette_resilience_free(struct vedette_resilience *resilience);
/* As it was given. The manager's. Any thread. */
VEDETTE_PUBLIC const char *vedette_resilience_service_name(const struct vedette_resilience *resilience);

/* ---- start and stop ---- */

/* Starts every queue that is not started, in the order in which they were added, and monitoring. False: one of
 * them did not; *why (may be NULL) is what that queue's `start` said, else static text that says whether it was a queue
 * or monitoring. All that were started are stopped again. One thread at a time. */
VEDETTE_PUBLIC bool vedette_resilience_start_all(struct vedette_resilience *resilience, const char **why);
/* Stops monitoring and, the last first, every queue that vedette_resilience_start_all started, once. One thread at a
 * time, not from a callback. */
VEDETTE_PUBLIC void vedette_resilience_stop_all(struct vedette_resilience *resilience);

/* ---- breakers ---- */

/* The breaker of a name, made if it is not there: the manager's, as long as it lives or until it is removed. NULL:
 * there are max_breakers. Any thread; callers who use one often keep the pointer. */
VEDETTE_PUBLIC struct vedette_breaker *vedette_resilience_breaker(struct vedette_resilience *resilience,
                                                                  const char *name);
/* Shows a breaker that is somebody else's, with settings of its own, under a name: it outlives the manager, which never
 * frees it, and whose callbacks do not hear of it. False: the name is taken, or there are max_breakers. Any thread. */
VEDETTE_PUBLIC bool vedette_resilience_share_breaker(struct vedette_resilience *resilience, const char *name,
                                                     struct vedette_breaker *breaker);
/* Knows the name no longer, so that there is room for another, as when a camera or a host is gone for good; what is
 * known of it is forgotten. Calls through vedette_resilience_execute_with_circuit_breaker and visits that are under way
 * end as they would; nobody may use a pointer to the manager's breaker of it any more. One that is somebody else's
 * stays. False: there is none of that name. Any thread. */
VEDETTE_PUBLIC bool vedette_resilience_remove_breaker(struct vedette_resilience *resilience, const char *name);
/* The breaker of a name, or NULL when there is none. Any thread. */
VEDETTE_PUBLIC struct vedette_breaker *vedette_resilience_find_breaker(struct vedette_resilience *resilience,
                                                                       const char *name);
/* vedette_breaker_execute on the breaker of a name. Where there is no room for another breaker the call is made without
 * one, and counted (vedette_resilience_stats_json). Any thread. */
VEDETTE_PUBLIC bool vedette_resilience_execute_with_circuit_breaker(struct vedette_resilience *resilience,
                                                                    const char *name,
                                                                    enum vedette_outcome (*call)(void *data),
                                                                    void *data, enum vedette_outcome *outcome,
                                                                    int64_t *retry_after_us);
/* Calls `visit` for each breaker, in the order of their names, outside the lock. Any thread. */
VEDETTE_PUBLIC void vedette_resilience_each_breaker(struct vedette_resilience *resilience,
                                                    void (*visit)(void *data, const char *name,
                                                                  struct vedette_breaker *breaker),
                                                    void *data);

/* ---- queues ---- */

struct vedette_queue_stats {
    int64_t memory_queue_size, disk_queue_size; /* records */
    int64_t total_queued;                       /* of both */
};
struct vedette_queue {
    const char *name; /* copied */
    /* Any thread; may not call the manager. */
    void (*get_stats)(void *data, struct vedette_queue_stats *stats);
    bool (*start)(void *data, const char **why); /* may be NULL: nothing to start */
    void (*stop)(void *data);                    /* once for each start that was good; may be NULL */
    void *data;                                  /* handed to all; outlives the manager, or is removed before */
};
/* False: the name is taken, or there are max_queues. Any thread. */
VEDETTE_PUBLIC bool vedette_resilience_add_queue(struct vedette_resilience *resilience,
                                                 const struct vedette_queue *queue);
/* It is called no more after this. Does not stop it. Any thread. */
VEDETTE_PUBLIC void vedette_resilience_remove_queue(struct vedette_resilience *resilience, const char *name);
/* Calls `visit` for each queue with its numbers, in the order in which they were added. It may not call the manager.
 * Any thread. */
VEDETTE_PUBLIC void vedette_resilience_each_queue(struct vedette_resilience *resilience,
                                                  void (*visit)(void *data, const char *name,
                                                                const struct vedette_queue_stats *stats),
                                                  void *data);
/* The sum of all queues. Any thread. */
VEDETTE_PUBLIC void vedette_resilience_queue_stats(struct vedette_resilience *resilience,
                                                   struct vedette_queue_stats *stats);

/* ---- cameras ---- */

/* The manager's monitor, as long as it lives. Any thread. */
VEDETTE_PUBLIC struct vedette_health *vedette_resilience_health(struct vedette_resilience *resilience);
/* vedette_health_update_camera_stats on it. Any thread. */
VEDETTE_PUBLIC bool vedette_resilience_update_camera_stats(struct vedette_resilience *resilience, const char *camera_id,
                                                           const struct vedette_camera_stats *stats);
/* vedette_health_start_monitoring on it. One thread at a time. */
VEDETTE_PUBLIC bool vedette_resilience_start_monitoring(struct vedette_resilience *resilience, const char **why);

/* ---- what a health check shows ---- */

/* {"circuit_breakers":{NAME:{"state":…,"failure_count":…,"retry_after_seconds":…},…},
 *  "queues":{NAME:{"total_queued":…,"memory_queue_size":…,"disk_queue_size":…},…},
 *  "unguarded_calls":…}
 * unguarded_calls: made without a breaker, since there are max_breakers; above 0, remove those that are gone for good,
 * or allow more. free(3) it. Any thread. */
VEDETTE_PUBLIC char *vedette_resilience_stats_json(struct vedette_resilience *resilience);

VEDETTE_END
