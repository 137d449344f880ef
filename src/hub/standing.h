/* What an earlier run told of and nobody took back: asks the store, by a thread of its own so that a store that is away
 * or slow holds up nobody, whether an incident of the server's own signals still stands. What cannot be asked is asked
 * again. Any thread, but new and free.
 */
#pragma once

#include <stdint.h>

#include "facts/event.h"
#include "store/store.h"

struct standing;

/* One that stands. */
struct standing_incident {
    char *org_id, *camera_id;
    enum server_signal begun_by;
    int64_t since_ms; /* when the newest such began, by the wall clock */
};
void standing_incident_free(void *incident);

/* `store` is borrowed, and outlives it. NULL: no thread could be started. */
struct standing *standing_new(struct store *store, GError **error);
/* What was not asked yet is not asked any more. NULL is allowed, as below. */
void standing_free(struct standing *standing);
/* Copies the ids. What waits to be asked already is asked once. */
void standing_ask(struct standing *standing, const char *org_id, const char *camera_id, enum server_signal begun_by);
/* One that was found, for standing_incident_free; NULL: there is none, yet. */
struct standing_incident *standing_take(struct standing *standing);
