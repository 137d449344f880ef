/* The way of a record through the hub: into the spool (from then on it is kept, and shown to those who look), and from
 * there in batches into the store, by a thread of its own. A breaker stands before the store: while it is open nothing
 * is tried, and time to live does not pass.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/clock.h"
#include "facts/health.h"
#include "facts/settings.h"
#include "live/live.h"
#include "notify/notify.h"
#include "store/store.h"
#include "vedette/breaker.h"
#include "vedette/spool.h"

enum { RECORD_PATH_MAX_BYTES = 2 << 20 }; /* the largest text a record may hold, and its envelope */

struct record_path;

/* What it works with; all borrowed, and outliving it. */
struct record_path_parts {
    const char *data_dir; /* the spool lies in its directory "spool" */
    const struct settings *settings;
    struct clock *clock;
    struct store *store;
    struct live *live;     /* NULL: nobody looks */
    struct notify *notify; /* NULL: nobody is told */
    struct server_health *health;
    bool is_held; /* nothing is stored before record_path_release */
};

/* Opens the spool and begins to drain it. Main thread. */
struct record_path *record_path_open(const struct record_path_parts *parts, GError **error);
/* What its records need is there: they are stored from now on. Any thread; called again it does nothing. */
void record_path_release(struct record_path *path);
/* Stores what is there, as far as the store takes it within spool.stop_seconds, and closes the spool: the rest is
 * stored after the next start, and the log says how many. False: the store hangs, with a batch of these, and
 * store_close may wait for it without end. NULL is allowed. */
bool record_path_close(struct record_path *path);

/* Puts events (of struct analytics_event *, checked) into the spool as one unit. `done` is called on the spool's thread
 * once they are there to stay, or with why they are not; `events` must live until then. False: not taken, and `done` is
 * not called. Any thread. */
bool record_path_submit(struct record_path *path, GPtrArray *events, vedette_spool_done done, void *data,
                        struct vedette_spool_error *error);
/* The same for a caller that keeps them and tries again until they are taken: a refusal is no loss. Any thread. */
bool record_path_offer(struct record_path *path, GPtrArray *events, vedette_spool_done done, void *data,
                       struct vedette_spool_error *error);

/* Any thread. */
struct vedette_spool *record_path_spool(struct record_path *path);
struct vedette_breaker *record_path_breaker(struct record_path *path);
/* How full it is, 0..1: of all records, their bytes, what its files keep, and what one org may hold, what is nearest to
 * its bound. Any thread. */
double record_path_fullness(struct record_path *path);
/* Brings the counters and gauges of the spool in server_health up to date. Main thread. */
void record_path_measure(struct record_path *path);

/* For who empties a spool and waits for nothing else: whether its disk has not given out what is left for so long that
 * it will not, which the error says in words. Ask when nothing came. Any thread. */
bool record_path_is_hopeless(const struct vedette_spool_stats *stats, GError **error);

/* The event of a record that the spool gives out: analytics_event_free. NULL with VEDETTE_ERROR_INVALID: it is none.
 * Any thread. */
struct analytics_event *record_path_decode(const struct vedette_spool_record *record, GError **error);

/* Stores what is in the spool until it is empty or the store fails; for a hub that does not run, whose next start tells
 * of the signals among them. `stored` has how many records were stored, also where it fails; health->records_rejected
 * how many can never be, and were let go, health->spool_expired and spool_corrupt how many the spool itself lost. */
bool record_path_drain_now(const struct record_path_parts *parts, int64_t *stored, GError **error);
