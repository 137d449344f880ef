/* Store: the days of large tables. In PostgreSQL each UTC day of such a table is a partition, by the time in the rows'
 * UUIDv7; they are made as time goes on (postgres.c). Here they are made for rows that are older, and dropped as a
 * whole once nothing in them is kept any longer. In SQLite there are none: nothing is done. Any thread.
 */
#pragma once

#include "facts/upkeep.h"
#include "store/store_internal.h"

/* Makes, in `to`, a partition for each day of which `from` has rows of the org in `table`. A day whose rows do not go
 * by UUIDv7 has none, and those go to the default partition. */
bool store_days_make(struct store *from, struct store *to, const char *table, const char *org_id, GError **error);

/* The days of `table` that have a partition of their own and ended before `before_ms`, oldest first: a new GPtrArray
 * of the partitions' names. */
GPtrArray *store_days_list(struct store *store, const char *table, int64_t before_ms, GError **error);
/* The ids of a partition's rows are in [first, end). */
struct store_day_ids {
    char first[16], end[16];
};
void store_day_ids(const char *part, struct store_day_ids *ids);
/* Whether anything in the partition must stay: *kept_by receives what, or NULL. `cutoffs` is JSON, for each org the
 * time (ms) before which nothing of it is kept; an org that is not there keeps everything. g_free. */
bool store_day_is_kept(struct store *store, const char *part, const char *cutoffs, char **kept_by, GError **error);
/* Drops it, unless something in it must stay or it could not be had alone within wait_ms: *kept_by tells. The
 * transaction must be STORE_PLATFORM's, of a job, and is to be committed at once: until then all wait who use the
 * table. */
bool store_day_drop_in(struct store_transaction *transaction, const char *part, const char *cutoffs, int32_t wait_ms,
                       char **kept_by, GError **error);
/* What a day that is in use is kept by. */
extern const char store_day_in_use[];
