/* The camera health monitor: is told how each camera is, decides with hysteresis whether it is on line, and passes that
 * on: to a publish callback (a table of cameras, say) at regular times and at once on a change, and to a signal
 * callback when a camera goes or comes back, so that one that flaps raises one signal and not a hundred.
 *
 * Either it has a thread of its own (vedette_health_start_monitoring), or a main loop calls vedette_health_tick.
 *
 * Threads: everything from any thread unless said otherwise. Callbacks run on the thread that ticks, outside the lock;
 * they may call the monitor, but for tick, stop and free.
 *
 * Memory: as all of the library, it ends the process when there is none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedette/breaker.h"
#include "vedette/time_source.h"
#include "vedette/visibility.h"

VEDETTE_BEGIN

/* What is reported of a camera. */
struct vedette_camera_stats {
    int64_t frames_processed; /* since it started; a smaller number than before means that it started again */
    int64_t errors_count;
    double avg_latency_ms; /* not finite, as the mean of no frames: 0 */
    double fps; /* below 0 or not finite: the monitor works it out from frames_processed and the time between reports */
    int64_t last_seen_ms;                             /* wall clock, of its last frame; 0: never */
    bool is_online;                                   /* as it looks now; settled by the monitor */
    enum vedette_breaker_state circuit_breaker_state; /* 0: closed */
};
/* On line, with a rate to be worked out, seen now by the machine's wall clock; all else zero. Any thread. */
VEDETTE_PUBLIC void vedette_camera_stats_init(struct vedette_camera_stats *stats);

/* How a camera is. */
struct vedette_camera_health {
    const char *camera_id;             /* the monitor's, until the camera is forgotten and the callback that had
                                          it has returned; see vedette_health_get */
    bool online;                       /* settled */
    int64_t offline_us;                /* how long it has been off line, or was until it came back; 0: it never was */
    struct vedette_camera_stats stats; /* of the last report; fps is never below 0 */
};

enum vedette_camera_signal { VEDETTE_CAMERA_OFFLINE = 1, VEDETTE_CAMERA_RECOVERED };
/* "camera_offline", "camera_recovered"; "unknown" for anything else. Static text. Any thread. */
VEDETTE_PUBLIC const char *vedette_camera_signal_name(enum vedette_camera_signal signal);

struct vedette_health_config {
    int64_t offline_us;              /* off line for so long: it is; 0 or more; default 10 s */
    int64_t recovered_us;            /* on line for so long after that: it is back; 0 or more; default 5 s */
    int64_t silence_us;              /* no report for so long: it looks off line; 1 or more; default 5 s */
    int64_t publish_interval_us;     /* between two publications without a change; 1 or more; default 30 s */
    int64_t tick_us;                 /* between two looks of the monitor's own thread; 1000 or more; default 1 s */
    size_t max_cameras;              /* 1 or more; default 4096 */
    struct vedette_time_source time; /* zero: the machine's */
    /* `is_change`: it went on or off line, or its breaker changed its state. May be NULL. */
    void (*publish)(void *data, const struct vedette_camera_health *health, bool is_change);
    /* May be NULL. Called before the publication of the same change. */
    void (*signal)(void *data, const struct vedette_camera_health *health, enum vedette_camera_signal signal);
    void *data; /* handed to both */
};
/* Fills in the defaults. Any thread. */
VEDETTE_PUBLIC void vedette_health_config_init(struct vedette_health_config *config);

struct vedette_health;

/* No cameras yet; the config is copied. NULL when a value is out of its range: *why (may be NULL) says which, static
 * text. Free with vedette_health_free. Any thread. */
VEDETTE_PUBLIC struct vedette_health *vedette_health_new(const struct vedette_health_config *config, const char **why);
/* Stops monitoring. One thread, once; nobody may use it any more. NULL is allowed. */
VEDETTE_PUBLIC void vedette_health_free(struct vedette_health *health);

/* Watches a camera from now on, so that one that never reports is told too. True also when it is watched already;
 * false: there are max_cameras. Any thread. */
VEDETTE_PUBLIC bool vedette_health_watch(struct vedette_health *health, const char *camera_id);
/* Watches it no longer, and remembers nothing of it. A callback that is under way still tells of it; afterwards the
 * camera_id that callbacks had of it is gone. Any thread, from a callback too. */
VEDETTE_PUBLIC void vedette_health_forget(struct vedette_health *health, const char *camera_id);
/* A report. A camera that is not watched yet is, from now on. False: as for watch. Any thread. */
VEDETTE_PUBLIC bool vedette_health_update_camera_stats(struct vedette_health *health, const char *camera_id,
                                                       const struct vedette_camera_stats *stats);
/* How it is now; the answer's camera_id is the caller's own, whatever becomes of the camera. False: nobody watches it.
 * Any thread. */
VEDETTE_PUBLIC bool vedette_health_get(struct vedette_health *health, const char *camera_id,
                                       struct vedette_camera_health *camera);
/* The metadata of a cameras table as JSON: frames_processed, errors_count, avg_latency_ms, fps, circuit_breaker_state.
 * free(3) it. Any thread. */
VEDETTE_PUBLIC char *vedette_camera_health_json(const struct vedette_camera_health *camera);

/* Looks at every camera: settles, signals, publishes. One thread at a time; not while the monitor has its own. */
VEDETTE_PUBLIC void vedette_health_tick(struct vedette_health *health);
/* Starts the monitor's own thread. False: there is none to be had, *why (may be NULL) says so, static text. True also
 * when it runs already. One thread at a time. */
VEDETTE_PUBLIC bool vedette_health_start_monitoring(struct vedette_health *health, const char **why);
/* Ends it, and waits until it has ended. One thread at a time, and not from a callback. */
VEDETTE_PUBLIC void vedette_health_stop_monitoring(struct vedette_health *health);

VEDETTE_END
