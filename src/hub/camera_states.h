/* How cameras are, on its way into the store's cameras table: by a thread of its own, so that a store that is away or
 * slow holds up nobody. Of each camera only the latest waits; what cannot be stored is tried again. Any thread, but new
 * and free.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "store/store.h"

struct camera_states;

/* `store` is borrowed, and outlives it. NULL: no thread could be started. */
struct camera_states *camera_states_new(struct store *store, GError **error);
/* Tries once to store what waits. NULL is allowed. */
void camera_states_free(struct camera_states *states);
/* Takes over `json` (g_free); copies the ids. `last_seen_ms`: wall clock, 0: never. */
void camera_states_put(struct camera_states *states, const char *org_id, const char *camera_id, bool is_online,
                       int64_t last_seen_ms, char *json);
