/* Signals that nobody was told of. `vedette spool drain` stores what a hub left in its spool and tells nobody; so it
 * keeps the signals in a spool of their own beside it, before they leave the hub's, and the hub's next start has their
 * people told. One thread at a time; reads and writes the disk.
 */
#pragma once

#include <glib.h>

#include "facts/event.h"
#include "notify/notify.h"
#include "vedette/spool.h"

/* Opens that spool in the data directory. `is_made`: it is made where there is none, else that is NULL without an
 * error. vedette_spool_close. */
struct vedette_spool *untold_open(const char *data_dir, bool is_made, GError **error);
/* Keeps those events that are signals. False: the disk does not take them. */
bool untold_keep(struct vedette_spool *untold, const GPtrArray *events, GError **error);
/* Has a batch of them told. False: nothing is left, or its disk does not give it out. */
bool untold_tell(struct vedette_spool *untold, struct notify *notify);
