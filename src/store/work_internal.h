/* Shared by the files of the store that do a job's work or write what is audited: steps inside a transaction. */
#pragma once

#include "facts/occupancy.h"
#include "store/audit.h"
#include "store/job_runs.h"
#include "store/store_internal.h"

/* Prolongs the run's lease in the transaction of the work done in its name, so that the work is only committed while
 * the run is held. The transaction must be STORE_PLATFORM's. `hold` NULL: nothing to do. */
bool store_run_hold_in(struct store_transaction *transaction, const struct store_run_hold *hold, GError **error);

/* Something in a bucket is new: it is computed at the next roll-up. The transaction must be the org's. */
bool store_rollup_mark_in(struct store_transaction *transaction, const char *org_id, enum rollup_level level,
                          const char *site_id, int64_t bucket_ms, GError **error);

/* Whether the org was deleted: nothing may be its any more. The transaction must be the org's. */
bool store_org_is_deleted_in(struct store_transaction *transaction, const char *org_id, bool *is_deleted,
                             GError **error);

/* For a WHERE whose $1 is the org: nobody logs in to an org that was deleted, and no session or key of it is good. */
#define STORE_ORG_STANDS "NOT EXISTS (SELECT 1 FROM orgs o WHERE o.id = $1 AND o.deleted_at IS NOT NULL)"

/* Why an event cannot be taken as it is; 0: it can. */
enum quarantine_reason store_event_misfit(const struct store *store, const struct analytics_event *event);
/* Puts events of one org aside, those that were not yet. */
bool store_quarantine_in(struct store_transaction *transaction, struct analytics_event *const *events, size_t count,
                         GError **error);
/* Marks the hours in which something new is counted, of events of one org. */
bool store_events_mark_in(struct store_transaction *transaction, struct analytics_event *const *events,
                          const bool *is_new, size_t count, GError **error);

/* Adds an entry to by->org_id's chain. The transaction is left as that org's. */
bool store_audit_add_in(struct store_transaction *transaction, const struct audit_by *by,
                        const struct audit_change *change, GError **error);

/* The org is there afterwards. */
bool store_ensure_org_in(struct store_transaction *transaction, const char *org_id, GError **error);
