/* Where the track ids of a worker's cameras count on from, so that none comes again: by the clock, ahead of what any
 * worker can have used, and never below what was given before. Given from memory, since workers are started anew also
 * while the store is away; what was given is kept in the store by a thread of its own, for the next start. Main loop's
 * thread, which waits for nothing here but in new and free.
 */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "base/clock.h"
#include "store/store.h"

struct track_ids;

/* Goes on from what the store has. `store` and `clock` are borrowed, and outlive it. NULL: the store does not answer,
 * or no thread could be started. */
struct track_ids *track_ids_new(struct store *store, struct clock *clock, GError **error);
/* Tries once to keep what was given. NULL is allowed. */
void track_ids_free(struct track_ids *ids);
/* A new base. */
int64_t track_ids_take(struct track_ids *ids);
