/* Errands: what is asked of the store, or told it, by a thread of its own, so that a store that is away or slow holds
 * up nobody. Of each key one waits, the latest, in the place of the first; what came first is done first. After one
 * that fails the thread rests for a second, and it waits again, behind the others, unless a later one came meanwhile.
 * Any thread, but new and free.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

struct errands;

enum { ERRANDS_RETRY_US = 1000000 };
/* How long the thread rests after one that failed. Tests set it, before errands_new. */
extern int64_t errands_retry_us;

/* All borrowed, and outliving them. */
struct errands_config {
    const char *purpose; /* "keep how cameras are": for the error when there is no thread */
    /* Does one, on the errands' thread. True: done, and `errand` is its own from now on. False: later; it tells why. */
    bool (*run)(void *data, void *errand);
    void (*free)(void *errand); /* any thread */
    void *data;
    int64_t stop_us; /* for so long at most what waits at the end is still tried; 0: not at all */
};

/* NULL: no thread could be started. */
struct errands *errands_new(const struct errands_config *config, GError **error);
/* Does what waits, until the first that fails and for config.stop_us at most. NULL is allowed. */
void errands_free(struct errands *errands);
/* Takes over both; `key` by g_free. */
void errands_put(struct errands *errands, char *key, void *errand);
