/* Backtests: tries policies on stored tracks in the background, one after the other on a thread of its own, within
 * bounds (settings policies.backtest_*). What came of the latest is kept in memory until others take its place, the
 * oldest of the org that has most first. Where cameras of several orgs are watched, none takes all places to wait.
 *
 * Threads: everything from any thread.
 */
#pragma once

#include "facts/backtest.h"
#include "facts/health.h"
#include "keeper/keeper.h"

struct policy_backtests;

/* Starts the thread. All pointers outlive it. */
struct policy_backtests *policy_backtests_new(struct policy_keeper *keeper, struct server_health *health,
                                              GError **error);
/* Ends the one under way and waits for it. NULL is allowed. */
void policy_backtests_free(struct policy_backtests *backtests);
CLEANUP_DEFINE(policy_backtests, policy_backtests_free)

struct policy_backtest_request {
    const char *org_id;      /* who asks: only cameras of this org are tried */
    struct policy_name name; /* where the document would stand */
    const char *config_json; /* the document as it would be */
    int64_t from_ms, to_ms;  /* signals of [from, to) */
};
/* The id by which to ask for what came of it; g_free. NULL: VEDETTE_ERROR_INVALID (`errors` has each fault of the
 * document with its path), VEDETTE_ERROR_UNSUPPORTED (the type decides nothing that tracks can tell),
 * VEDETTE_ERROR_NOT_FOUND (the policy would touch no camera) or VEDETTE_ERROR_FULL (too many wait, or
 * too many of the org). */
char *policy_backtests_submit(struct policy_backtests *backtests, const struct policy_backtest_request *request,
                              struct record_errors *errors, GError **error);
/* Who asks what came of one. */
struct policy_backtest_asker {
    const char *org_id;
    bool (*may_see_camera)(const void *data, const char *camera_id); /* NULL: all of the org's */
    const void *data;
};
/* A copy of how it stands, into an uninitialised record. False: there is no such backtest of the org's whose cameras
 * the asker may all see, or it was long ago. */
bool policy_backtests_get(struct policy_backtests *backtests, const struct policy_backtest_asker *asker, const char *id,
                          struct backtest *backtest, GError **error);
