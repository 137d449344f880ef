/* Fusion: which signals are one incident. Signals of the same org, site, service, kind and camera, none further than
 * store.fusion.window_seconds from the others, are one.
 *
 * Pure: the incident that a signal may belong to is handed in, and what comes of both is the same whenever it is asked.
 * Ids are made from the first signal, so that the same signals stored anew are the same incidents. Who keeps incidents
 * (store/incidents.c) hands in each signal once. Any thread.
 */
#pragma once

#include <stdbool.h>

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
void fusion_join(const struct fusion_settings *settings, struct incident *incident, const struct signal *signal);

/* The kind of incident of its camera that this signal says is over, as camera_recovered does; NULL: none. */
const char *fusion_ends(const struct signal *signal);

/* The violation that a signal tells of. False: it tells of none. Otherwise fills an uninitialised one. */
bool fusion_violation(const struct signal *signal, struct violation *violation);
