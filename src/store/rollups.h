/* Store: what was counted, by hour, day and month. A new event marks its hour; a roll-up computes whole marked buckets
 * from what lies below them and writes them anew, so that it can run twice, be killed, or come late, and the rows are
 * the same. An hour marks its day, a day its month. Buckets are those of each site's clocks: a day in which they change
 * has 23 or 25 hours.
 *
 * What comes later than store.late_days, or claims to be from the future, is put aside (quarantined_events) and
 * counted: the rows it would have to be counted with may be gone.
 */
#pragma once

#include "facts/occupancy.h"
#include "store/job_runs.h"

struct store_rollup {
    enum rollup_level level;           /* up to which all that is marked is computed; above it, what is over */
    const struct store_run_hold *hold; /* NULL: in nobody's name */
    const int *is_cancelled;           /* atomic; NULL: cannot be */
};
/* One org's. Adds what was computed to *buckets. An hour, day or month that fails keeps no other from being computed,
 * however many do: the first failure is told, and what failed stays marked. A store that is full, refuses its user or
 * is away several times in a row ends it: all that is left stays marked. */
bool store_rollup_org(struct store *store, const struct store_rollup *rollup, const char *org_id, int64_t *buckets,
                      GError **error);
/* Of all orgs: what is wrong with one is no other's loss, and the first failure is told. Told to stop, or taken over by
 * another hub, it ends. *buckets counts what was computed. */
bool store_rollup(struct store *store, const struct store_rollup *rollup, int64_t *buckets, GError **error);
