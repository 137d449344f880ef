/* Detect: pictures that wait to be looked at, between those who ask (api) and those who have it done (hub). The queue
 * is bounded, every picture has a deadline, and none is looked at for nobody.
 *
 * Threads: askers call detect_submit, detect_job_…; one server (the hub's main loop) calls detect_take, detect_finish,
 * detect_fail and detect_expire. A job is shared by both: each lets go of its own reference.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/clock.h"
#include "base/error.h"
#include "facts/detect.h"
#include "facts/health.h"

struct detect_queue;
struct detect_job;

/* All borrowed; they outlive the queue. */
struct detect_queue *detect_queue_new(const struct detect_settings *settings, struct server_health *health,
                                      struct clock *clock);
/* Nobody asks or serves any more; jobs may outlive it. */
void detect_queue_free(struct detect_queue *queue);
/* Called, on the asker's thread, when a job came in; must only wake the server. NULL: nobody serves, and every job is
 * refused. */
void detect_queue_serve(struct detect_queue *queue, void (*wake)(void *data), void *data);

/* ---- those who ask ---- */

/* `order` is a DetectRequest as JSON without its frame, `image` the encoded picture. `over` is called on the server's
 * thread when the job is, unless it was left before; it must only wake someone. NULL:
 * VEDETTE_ERROR_BUSY (detect.queue wait already), VEDETTE_ERROR_FULL (as many of this org as there are places left),
 * VEDETTE_ERROR_UNAVAILABLE (nobody serves). */
struct detect_asker {
    void (*over)(void *data);
    void *data;
};
struct detect_job *detect_submit(struct detect_queue *queue, const char *org_id, GBytes *order, GBytes *image,
                                 const struct detect_asker *asker, GError **error);
/* True once it is over: then *answer (DetectResponse as JSON; the caller's reference) is set, or *error. */
bool detect_job_is_over(struct detect_job *job, GBytes **answer, GError **error);
/* The asker lets go, whether it is over or not: then it is not begun any more. NULL is allowed. */
void detect_job_leave(struct detect_job *job);

/* ---- those who serve ---- */

/* What becomes of a waiting job of an org now. */
enum detect_verdict {
    DETECT_TAKES = 1, /* it is taken */
    DETECT_PASSES,    /* its turn comes without what others have: younger ones may go first */
    DETECT_WAITS,     /* it waits for what younger ones would take: none goes first */
};
/* The oldest waiting job that `judge` takes; the server's reference. NULL: none. Called with the queue's lock. */
struct detect_job *detect_take(struct detect_queue *queue, enum detect_verdict (*judge)(void *data, const char *org_id),
                               void *data);
const char *detect_job_org(const struct detect_job *job);
GBytes *detect_job_order(const struct detect_job *job);
GBytes *detect_job_image(const struct detect_job *job);
bool detect_job_is_late(struct detect_queue *queue, const struct detect_job *job);
/* Both end the job and the server's reference. */
void detect_finish(struct detect_queue *queue, struct detect_job *job, GBytes *answer);
void detect_fail(struct detect_queue *queue, struct detect_job *job, const GError *error);
/* Jobs that waited beyond their deadline fail; those that nobody asks for any more are dropped. */
void detect_expire(struct detect_queue *queue);
