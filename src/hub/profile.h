/* Profile: where frames, records and requests spent their time for some seconds. Everything counts all the time
 * (base/latency.h); a profile looks at the counts of the workers and the hub twice and tells the difference. One at a
 * time. Main loop's thread.
 */
#pragma once

#include "facts/profile.h"

struct hub;
struct hub_worker;
struct profile;

/* `report` is NULL when there is none: the server ends. It lives as long as the call. */
typedef void (*profile_done)(void *data, const struct profile_report *report);

/* For `seconds` (1 to PROFILE_MAX_SECONDS) from now on. NULL: another is under way, or so many seconds cannot be. */
struct profile *profile_start(struct hub *hub, int64_t seconds, profile_done done, void *data, GError **error);
/* Who asked does not want to know any more: it is over, and another may begin. NULL is allowed. */
void profile_break_off(struct profile *profile);
/* Ends the one under way. NULL is allowed, here and below. */
void profile_stop(struct profile *profile);
/* What a worker told, decoded. */
void profile_take(struct profile *profile, struct hub_worker *worker, const struct worker_times *times);

/* ---- profile_report.c: pure ---- */

struct camera_latencies {
    struct latency stages[STAGE_END];
};
struct named_latencies {
    char *name;
    struct latency *stages;
};
/* What was counted at one moment. */
struct profile_look {
    GHashTable *cameras; /* id → struct camera_latencies */
    GHashTable *awaited; /* id of a camera → id of its worker, which has not answered */
    struct latency *records;
    GPtrArray *routes; /* of struct named_latencies * */
};
struct profile_look *profile_look_new(void);
void profile_look_free(struct profile_look *look);
/* A worker answers for all cameras that it was asked for, whatever it has to tell of them. */
void profile_look_await(struct profile_look *look, const char *camera_id, const char *worker_id);
void profile_look_answered(struct profile_look *look, const char *worker_id);
/* Fills an uninitialised report with what came between two looks; record_clear it. A camera whose worker started anew
 * meanwhile is told from there on. One whose worker did not answer one of the looks is named as left out: what came in
 * between is not known. Uses up `after`. */
void profile_report_make(const struct profile_look *before, const struct profile_look *after, double seconds,
                         struct profile_report *report);
