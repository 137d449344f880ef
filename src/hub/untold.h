/* Signals that nobody was told of. `vedette spool drain` stores what a hub left in its spool and tells nobody; so it
 * keeps the signals in a spool of their own beside it, before they leave the hub's, and the hub's next start has their
 * people told. Reads and writes the disk.
 */
#pragma once

#include <glib.h>

#include "hub/record_path.h"
#include "vedette/spool.h"

/* ---- for who stores and tells nobody; one thread at a time ---- */

/* Opens that spool in the data directory, and makes it where there is none. `parts` outlives it. */
struct vedette_spool *untold_open(const struct record_path_parts *parts, GError **error);
/* Keeps those events that are signals, all or none: what is kept waits for the next start however long that takes.
 * False: the disk does not take them. */
bool untold_keep(struct vedette_spool *untold, const GPtrArray *events, GError **error);
/* Logs what was lost of them. NULL is allowed. */
void untold_close(struct vedette_spool *untold);

/* ---- for a start of the hub ---- */

struct untold_teller;
/* Has them told, on a thread of its own, so that neither the telling nor the storing of others waits for the other.
 * What goes wrong is logged, and tried again at the next start. `parts` outlives it. NULL: there are none. Any thread.
 */
struct untold_teller *untold_start(const struct record_path_parts *parts);
/* Has it begin no further batch, and returns at once. NULL is allowed. Any thread. */
void untold_tell_no_more(struct untold_teller *teller);
/* Those that are not told yet stay for the next start. Waits for the batch that is being told: for notify.hold_seconds
 * at most. NULL is allowed. Any thread. */
void untold_stop(struct untold_teller *teller);
