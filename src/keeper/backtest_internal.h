/* Shared by the files of a backtest. */
#pragma once

#include "facts/incident.h"
#include "keeper/backtest.h"

/* A signal, or a dwell event, of one side or as it was stored. */
struct raised {
    char *key;            /* what it is about: kind, zone, tracks */
    char *signature;      /* everything it says but for whose and which record it is */
    struct signal signal; /* of a dwell: kind, zone_id, track_ids and started_at alone */
    /* Borrowed; NULL: there is none. */
    const struct raised *partner; /* the same under the other policies */
    const struct raised *stored;  /* the same as it was stored; its signal has id and snapshot_id */
};

/* The incidents of both sides: their signals as they were raised, one after the other, with partners and what was
 * stored of them; and the incidents that were stored, of struct incident *, in any order. */
struct backtest_fused {
    const struct backtest_rules *rules;
    const struct backtest_watch *watch;
    const GPtrArray *current, *proposed; /* of struct raised * */
    GPtrArray *stored;
};
/* Adds what came of it to `backtest`: at most `findings_max` incidents in all. False: it was over before, and nothing
 * was added. */
bool backtest_compare_incidents(const struct backtest_fused *fused, size_t findings_max, struct backtest *backtest,
                                GError **error);

static inline bool backtest_is_over(const struct backtest_watch *watch, GError **error)
{
    return watch->is_over && watch->is_over(watch->data, error);
}
