/* Store: orgs that are deleted. An org is closed at once: its row says since when, what still comes for it is let go,
 * and its id is never given again. Then all that is its own goes, of every table, in small transactions; what is left
 * is that row, which says what went and when nothing was left, and the entries in the audit of whoever did it.
 *
 * Nothing of an org goes while a legal hold of its own stands, or a policy holds back something of it.
 * Any thread.
 */
#pragma once

#include "store/places.h"
#include "store/retention.h"

/* Closes it: nobody logs in to it from then on, and its sessions and API keys are good no longer.
 * VEDETTE_ERROR_NOT_FOUND: there is none; VEDETTE_ERROR_UNSUPPORTED: it is the caller's own or `default`, a legal
 * hold stands, or `how` says that something of it is kept; VEDETTE_ERROR_CONFLICT: it is another than `expected` (NULL:
 * whatever is there). Good too when it was deleted before. Of `how` only the settings and what policies say matter. */
bool store_org_delete(struct store *store, const struct store_retention *how, const char *org_id,
                      store_org_expected expected, void *data, const struct audit_by *by, GError **error);

/* Erases what deleted orgs have, also what came after they were erased once. Of `how` its days do
 * not matter; what policies hold back stays. Killed, it goes on at the next call. Appends to `results`
 * (of struct retention_result) also when it fails; an org that cannot be erased holds up no other. */
bool store_orgs_erase(struct store *store, const struct store_retention *how, GPtrArray *results, GError **error);
