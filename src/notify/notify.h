/* Notify: tells others what happened: signed webhooks and MQTT brokers, endpoints both. docs/notify.md is for those who
 * set them up.
 *
 *   record path ─offer, ensure─► which endpoints? ─► a spool for each (disk) ─► its courier ─► receiver
 *                                (org, notify policy, severity, kinds)   ▲            │
 *                                                                        └── ladder ──┤ failed
 *                                                                  dead letters ◄─────┘ given up
 *
 * What an endpoint's spool has taken is delivered at least once, over any crash, or becomes a dead letter; a receiver
 * tells repetitions by their id, which is the event's. Every endpoint has a queue, a circuit breaker and times of its
 * own: one that is slow or dead holds up no other, and the record path waits for none.
 *
 * Threads: everything from any thread but open and close. All webhooks have one courier thread, each broker has one.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "facts/event.h"
#include "facts/incident.h"
#include "facts/notify.h"
#include "facts/policy_types.h"
#include "vedette/resilience.h"

struct notify;

/* All borrowed, and outliving it. */
struct notify_parts {
    const char *data_dir; /* the queues lie in its directory "notify" */
    const struct notify_settings *settings;
    struct clock *clock;
    struct vedette_resilience *resilience; /* has the webhooks' circuit breakers, and shows the brokers' */
    /* The notify policy in force for a camera, at a site (NULL: at none) where it is not known here; false when it
     * cannot be known: then the policy's defaults count. Any thread. NULL: nobody has one. */
    bool (*says)(void *data, const char *org_id, const char *site_id, const char *camera_id,
                 struct notify_policy *policy);
    void *says_data;
};

/* Opens the endpoints' queues and begins to deliver. NULL: an endpoint cannot be as the settings want it (a secret that
 * is none, a file that cannot be read, a queue that cannot be opened); the error names it. Main thread. */
struct notify *notify_open(const struct notify_parts *parts, GError **error);
/* Breaks off what is under way: it is delivered after the next start. Nobody may use it any more. NULL is allowed. */
void notify_close(struct notify *notify);
CLEANUP_DEFINE(notify, notify_close)

/* Something happened and is kept (by the spool of the record path): those who are to be told of it will be. Returns at
 * once. `notify` may be NULL, here and below. */
void notify_offer(struct notify *notify, const struct analytics_event *event);
/* The same of several, and returns only once each is settled: taken over by the endpoints it is for, or refused
 * (counted: an endpoint that is gone, a queue whose bounds leave no room). Where an endpoint's disk is full or fails it
 * is tried again, for notify.hold_seconds at most, all of them together; then they are let go of, counted and logged,
 * and those of later calls are tried once each until one call succeeds, for people want what is stored more than what
 * they are told. What was offered before is not taken over twice, as far as ids are remembered. Before the record path
 * lets go of them. */
void notify_ensure(struct notify *notify, struct analytics_event *const *events, size_t count);

/* The same of what became of incidents, before the store lets go of it. */
void notify_ensure_incidents(struct notify *notify, struct incident_change *const *changes, size_t count);

/* ---- looking ---- */

/* Calls `visit` for each endpoint of an org, in the order of the settings, webhooks first; NULL: of every org. What it
 * is handed lives until it returns. */
void notify_each_endpoint(struct notify *notify, const char *org_id,
                          void (*visit)(void *data, const struct endpoint_health *health), void *data);
/* Whether the circuit breaker of that name is an endpoint's. `org_id`: whose, which lives as long as `notify`; NULL
 * where no such endpoint is there. */
bool notify_has_breaker(struct notify *notify, const char *name, const char **org_id);
/* Whether one who is of `org_id` may see the circuit breaker of that name: those of other orgs' endpoints are theirs;
 * what is no endpoint's, everybody may. NULL: every org. */
bool notify_shows_breaker(struct notify *notify, const char *name, const char *org_id);
/* Takes back that an endpoint is gone. False: the org has none of this kind and id. */
bool notify_enable(struct notify *notify, const char *org_id, enum endpoint_kind kind, const char *id);

/* ---- dead letters ---- */

/* Calls `visit` for each of an org, oldest first; it returns false, and calls nothing of this header. */
void notify_each_dead_letter(struct notify *notify, const char *org_id,
                             bool (*visit)(void *data, const struct dead_letter *letter), void *data);
/* Puts those of this event's id into their endpoints' queues again, to be tried from the beginning. False:
 * VEDETTE_ERROR_NOT_FOUND; VEDETTE_ERROR_UNSUPPORTED: no endpoint takes it; VEDETTE_ERROR_UNAVAILABLE: a disk does not,
 * or says nothing for 10 s. Waits for the disk. */
bool notify_retry_dead_letter(struct notify *notify, const char *org_id, const char *id, GError **error);

/* ---- orgs that are deleted ---- */

/* Erases what waits for the org's endpoints, and its dead letters; from then on its endpoints are told nothing. What is
 * on its way just then is not called back, and is let go of however it ends. Can be done again, for what came from
 * queues that were still being read. `notify` may be NULL. Any thread; reads the disk. */
void notify_forget_org(struct notify *notify, const char *org_id);
