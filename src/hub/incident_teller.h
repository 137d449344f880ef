/* Incident teller: hands what became of incidents from the store, where each transaction leaves it, to notify, and lets
 * the store forget it once the endpoints' queues have it. A crash anywhere between has it handed over again, with the
 * same ids; what an earlier run of the server left is handed over first. A thread of its own: disks of queues, and a
 * store that is away, hold up nobody but it.
 */
#pragma once

#include "base/error.h"
#include "facts/health.h"
#include "notify/notify.h"
#include "store/store.h"

struct incident_teller;
/* All is borrowed, and outlives it. NULL when there is no thread to be had. */
struct incident_teller *incident_teller_start(struct store *store, struct notify *notify, struct server_health *health,
                                              GError **error);
/* Something became of an incident of the org, and is committed. Only queues; any thread. NULL is allowed, as below. */
void incident_teller_wake(struct incident_teller *teller, const char *org_id);
/* What is not handed over yet stays in the store. Before notify and the store are closed. */
void incident_teller_stop(struct incident_teller *teller);
