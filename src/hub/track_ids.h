/* Where the track ids of a worker's cameras count on from, so that none comes again: by the clock, ahead of what any
 * worker can have used, and never below what was given before. Given from memory, since workers are started also while
 * the store is away; what was given is kept by a thread of its own for the next start: in the store, and in the file
 * `track_ids` of the data directory, for a start that cannot ask the store. Main loop's thread, which waits for nothing
 * here but in free and where it settles.
 */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "base/clock.h"
#include "store/store.h"

struct track_ids;

/* Goes on from the file and the clock. `store` and `clock` are borrowed, and outlive it. NULL: no thread could be
 * started. */
struct track_ids *track_ids_new(struct store *store, const char *data_dir, struct clock *clock, GError **error);
/* Goes on from what the store has as well, and keeps there what was given. Any thread. */
bool track_ids_settle(struct track_ids *ids, GError **error);
/* Tries once to keep what was given. NULL is allowed. */
void track_ids_free(struct track_ids *ids);
/* A new base. */
int64_t track_ids_take(struct track_ids *ids);
