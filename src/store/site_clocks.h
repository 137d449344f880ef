/* By which clocks a site's buckets are cut: those it has, and before them those it had. Shared by roll-ups and by those
 * who change sites. A change of clocks holds from its moment on; what happened before is counted by the earlier ones
 * whenever it comes, so that no event is in two buckets of a level.
 */
#pragma once

#include "store/rollup_buckets.h"
#include "store/work_internal.h"

/* Of all sites of the transaction's org: a new GHashTable of site id → struct bucket_clocks *. UTC's is that of "", of
 * no site. */
GHashTable *store_site_clocks_read_in(struct store_transaction *transaction, const char *org_id, GError **error);

/* A site that comes, or has another time zone (NULL or "": UTC) than it had, before its row is written. Buckets of what
 * claims to be later are taken back, and marked. */
bool store_site_clocks_change_in(struct store_transaction *transaction, const char *org_id, const char *site_id,
                                 const char *time_zone, GError **error);
/* A site that goes, before its row is deleted: what still comes for it is counted by the clocks it had. */
bool store_site_clocks_keep_in(struct store_transaction *transaction, const char *org_id, const char *site_id,
                               GError **error);

/* The site is there afterwards: a new one has UTC's. */
bool store_site_ensure_in(struct store_transaction *transaction, const char *org_id, const char *site_id,
                          GError **error);

/* Counts up whenever buckets of an org, or the clocks they are cut by, change: who read before must read anew. 0: it
 * never did. The transaction must be STORE_PLATFORM's. */
bool store_rollup_turn_read_in(struct store_transaction *transaction, const char *org_id, int64_t *turn,
                               GError **error);
/* Takes the turn after `read`; *is_own false: another did. */
bool store_rollup_turn_take_in(struct store_transaction *transaction, const char *org_id, int64_t read, bool *is_own,
                               GError **error);
