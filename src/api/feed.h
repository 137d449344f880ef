/* Feeds: what is told as it happens, for one client each, whatever way it is sent (websocket.c, event_stream.c). Queues
 * are bounded in bytes: the oldest track updates make room, then those of health; an event or incident always finds
 * room or ends the feed, so that no client shows a list with holes it does not know of. A client comes back with the id
 * of its last event and is told what it missed: from memory, where the latest events and incidents are kept, else
 * from the store, which has the events and how each incident that changed since stands.
 *
 * Threads: any. `wake` is called with the feeds' lock held, on the publisher's thread, and must only wake someone.
 */
#pragma once

#include "auth/auth.h"
#include "base/id.h"
#include "facts/live_message.h"
#include "live/live.h"
#include "store/store.h"

struct feeds;
struct feed;

/* One message for all clients. Its references are counted here, where the thread sanitizer can see it. */
struct feed_message {
    int references; /* atomic */
    enum live_kind kind;
    /* Of the event; of what became of an incident, which has none, #NUMBER; of how one stands in the store, the
     * incident's own; empty else. */
    char id[ID_TEXT_BYTES];
    char incident_id[ID_TEXT_BYTES]; /* of which it tells; empty: of none, or it is not known */
    size_t size;
    char json[]; /* {"type":…,"data":…}, not terminated */
};
void feed_message_unref(struct feed_message *message);

/* NULL: there is no thread to be had. */
struct feeds *feeds_new(const struct settings *settings, struct live *live, struct store *store, struct auth *auth,
                        struct server_health *health, GError **error);
void feeds_free(struct feeds *feeds);
/* From here on they hear what is published; until feeds_close, which ends every feed. */
void feeds_listen(struct feeds *feeds);
void feeds_close(struct feeds *feeds);

/* `subscription` and `login` are copied. NULL: VEDETTE_ERROR_UNAVAILABLE (http.websocket_max_clients are open, or they
 * are closed), or VEDETTE_ERROR_FULL (its user or org has its share); counted. */
struct feed *feed_open(struct feeds *feeds, const struct login *login, const struct live_subscription *subscription,
                       void (*wake)(void *data), void *data, GError **error);
/* After this it is not woken any more. NULL is allowed. */
void feed_free(struct feed *feed);
void feed_subscribe(struct feed *feed, const struct live_subscription *subscription);
/* Puts in front of all that came since what came after this event. Reads the store. */
void feed_resume(struct feed *feed, const char *after_id);
/* The oldest message that waits (feed_message_unref), or NULL. `is_empty`, when given, is called with the lock held
 * when there is none, so that no wake is missed. */
struct feed_message *feed_take(struct feed *feed, void (*is_empty)(void *data));
/* Calls its wake, with the lock. */
void feed_wake(struct feed *feed);
/* Why the feed is over; words for its client. NULL: it is not. */
enum feed_end { FEED_STAYS, FEED_TOO_SLOW, FEED_LOGIN_OVER, FEED_LOGIN_UNKNOWN, FEED_CLOSED };
enum feed_end feed_end(struct feed *feed);
/* Has the login looked at again, at most each 2 s (recheck.h), and does what came of it: one that is over ends the
 * feed, and so does one of which the store has not told for FEED_PATIENCE_US. Never waits. Its owner's thread. */
#define FEED_PATIENCE_US INT64_C(300000000)
void feed_check_login(struct feed *feed, int64_t now_us);
