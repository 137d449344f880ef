/* Fusion: which signals are one incident. Signals of the same org, site, service, kind and camera, none further than
 * store.fusion.window_seconds from the others, are one.
 *
 * Pure: what is already known is handed in, and what comes of it is the same whenever it is asked. Ids are made from
 * the first signal, so that the same signals stored anew are the same incidents. Who keeps incidents
 * (store/incidents.c), and who asks what would have become of signals (keeper/backtest_incidents.c), hand in each
 * signal once. Any thread, one at a time for each struct fusion.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "facts/incident.h"
#include "facts/settings.h"

/* Whether the signal is bad enough to begin an incident. Others still join one. */
bool fusion_opens(const struct fusion_settings *settings, const struct signal *signal);
/* Fills an uninitialised incident, which the caller clears. The signal has an org. */
void fusion_open(const struct signal *signal, struct incident *incident);
/* Whether it is one of this incident's. One that was resolved takes no more: what comes is another. One that was
 * dismissed does, so that what was found to be nothing stays quiet while it goes on (the store tells nobody). */
bool fusion_belongs(const struct fusion_settings *settings, const struct incident *incident,
                    const struct signal *signal);
/* A signal counts for a day at most, whatever end it names. */
void fusion_join(const struct fusion_settings *settings, struct incident *incident, const struct signal *signal);

/* The kind of incidents of its camera that this signal says are over, as camera_recovered does; NULL: none. */
const char *fusion_ends(const struct signal *signal);

/* The violation that a signal tells of. False: it tells of none. Otherwise fills an uninitialised one. */
bool fusion_violation(const struct signal *signal, struct violation *violation);

/* ---- signals taken one after the other ---- */

/* Incidents of the signal's org, camera and service that are not in memory: new ones, which fusion takes. */
struct fusion_elsewhere {
    /* When the newest that is not resolved, of the signal's kind, had its last signal; 0: there is none. */
    bool (*find_last_ms)(void *data, const struct signal *signal, int64_t *last_ms, GError **error);
    /* Of those that the signal belongs to (fusion_belongs), the one whose last signal is the latest, and of several
     * such the one with the greatest id; *found stays NULL: there is none. */
    bool (*find_joined)(void *data, const struct signal *signal, struct incident **found, GError **error);
    /* Appends those of this kind that are not over and began no later than the signal. */
    bool (*find_standing)(void *data, const struct signal *signal, const char *kind, GPtrArray *found, GError **error);
    void *data;
};

struct fusion;
/* Both are borrowed and outlive it; `elsewhere` NULL: all there is is in memory. */
struct fusion *fusion_new(const struct fusion_settings *settings, const struct fusion_elsewhere *elsewhere);
void fusion_free(struct fusion *fusion);
CLEANUP_DEFINE(fusion, fusion_free)
/* Takes an incident that stands already, and owns it. */
void fusion_add(struct fusion *fusion, struct incident *incident);
/* The signal joins an incident, begins one, or ends those of another kind: these are appended to `touched`, borrowed.
 * `touched` may be NULL. False: what `elsewhere` says; nothing was changed. */
bool fusion_take(struct fusion *fusion, const struct signal *signal, GPtrArray *touched, GError **error);
/* People had resolved what began before `next` when that began: it takes no more signals. */
void fusion_close_before(struct fusion *fusion, const struct incident *next);
/* All that were touched, of struct incident *, in the order in which they first were. It stays fusion's; who steals one
 * from it frees that by incident_free, and takes no more signals. */
GPtrArray *fusion_incidents(struct fusion *fusion);
