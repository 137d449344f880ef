/* Drain: takes batches out of the spool and puts them into the store, on a thread of its own. What the store does not
 * take goes back; what it never will take is counted and let go; of a type that it refuses all wait aside in the spool
 * until it takes a good one, while others are stored. Main thread unless said otherwise.
 */
#pragma once

#include "hub/record_path.h"

struct drain;

/* `stored_all` is called on that thread with `data` whenever the store has taken all it was given, and about once a
 * second while there is nothing to give. */
struct drain *drain_start(struct vedette_spool *spool, struct vedette_breaker *breaker,
                          const struct record_path_parts *parts, void (*stored_all)(void *data), void *data,
                          GError **error);
/* Where `parts` hold it: it begins now. Any thread. */
void drain_release(struct drain *drain);
/* Goes on until the spool is empty, the store fails, or spool.stop_seconds are over; the spool has the rest. False: the
 * store still holds a batch that it has not answered, so that closing it may wait for as long; its answer needs what
 * `parts` has to be there still. NULL is allowed. */
bool drain_stop(struct drain *drain);

/* On the caller's thread, until the spool is empty; nobody is told, and signals are kept in `untold` first (untold.h;
 * NULL: nowhere). A store that is only slow is waited for. False when the store fails, or refuses a type, of which all
 * are left then, or when the spool's disk fails. `stored` has how many were stored, also then. */
bool drain_all(struct vedette_spool *spool, struct vedette_breaker *breaker, const struct record_path_parts *parts,
               struct vedette_spool *untold, int64_t *stored, GError **error);
