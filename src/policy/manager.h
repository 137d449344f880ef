/* The policy manager: keeps the set of all documents at what its source says, while everything runs.
 *
 * The source is read at start, when someone calls policy_manager_notify (a change was made, a webhook or NOTIFY came),
 * and every poll_seconds as the backstop. A document that does not pass its check is refused and its last good version
 * stays; a source that cannot be read leaves everything as it is. What is in force is written to the snapshot file when
 * it changes: at the next start it serves, marked stale, when the source is away, and is the last good version of what
 * is refused. What is refused at a start without either is in doubt: nobody knows what was good before
 * (policy_camera.doubt), until it is mended or goes; the snapshot says so too, beside all that is good.
 *
 * Threads: everything from any thread. `changed` is called on the thread that loaded, outside the lock, one at a time.
 */
#pragma once

#include "base/clock.h"
#include "policy/policy.h"

/* Between loads because of notices, at least: the first notice is served at once, and a storm of them by few loads,
 * each of which is in force soon enough (250 ms). */
#define POLICY_RELOAD_INTERVAL_SECONDS 0.1
/* So many loads in a row, over as long as the backstop takes for them, that are all older than what is in force are no
 * answers that were long under way: the source went back, to a backup or a replica that lagged, and what it says
 * holds. */
#define POLICY_OLDER_LOADS_MAX 3

struct policy_source {
    /* Hands every document there is to `add`, which never fails: what it thinks of the document, it keeps. `revision`
     * receives the number of the latest change, of deletions too: a load with an older one than is in force is left,
     * and what is in force is stale from then until a load of no older one, or until it is known that the source went
     * back (POLICY_OLDER_LOADS_MAX, policy_manager_take_older). False: the source could not be read, and what was
     * handed over does not count. Called on one thread at a time. */
    bool (*load)(void *data, void (*add)(void *add_data, const struct policy_document *document), void *add_data,
                 int64_t *revision, GError **error);
    void *data;
};

/* What keeps a text from who reads the disk. Both NULL: nothing does. */
struct policy_sealer {
    char *(*seal)(void *data, const char *text); /* g_free */
    /* The text again. NULL: it does not open, or is open where it must not be, and the error says why. g_free. */
    char *(*open)(void *data, const char *sealed, GError **error);
    void *data;
};

struct policy_manager_config {
    const char *snapshot_path;   /* NULL: none */
    struct policy_sealer sealer; /* of the snapshot */
    double poll_seconds;         /* between looks when nobody notifies; 0: only when notified */
    double hold_seconds;         /* so long after a hold began loads wait for policy_manager_release */
    struct clock *clock;
    /* Said where the source hands over nothing though documents are in force: then it could not be read. NULL: it has
     * none any more. Static. */
    const char *emptied;
    /* The set is another one, or the first, which may be empty. It may take a reference. May be NULL. */
    void (*changed)(void *data, struct policy_set *set);
    void *data;
};

struct policy_status {
    int64_t revision;     /* newest in force; 0: no document */
    int64_t loaded_at_ms; /* wall clock; 0: never */
    bool is_loaded;       /* from the source or a snapshot */
    bool is_stale;        /* what is in force is the last good set: the source could not be read lately, or was older */
    bool is_unsaved;      /* the snapshot could not be written lately */
    int64_t documents;
    int64_t loads, load_failures, loads_out_of_order, documents_refused, snapshots_refused,
        loads_held,         /* counted since the start; this: that waited for changes that belong together */
        holds_broken;       /* that a load did not wait out, so that some of those are in force before the others */
    int64_t refused_now;    /* documents that the latest good load refused; before one, the snapshot's */
    unsigned refused_types; /* theirs, as bits: 1 << enum policy_type */
    int64_t not_configured; /* cameras that cannot be told what their policies come to; whoever tells them counts */
    int64_t bad_now;        /* refused_now, not_configured, and 1 more each while it is stale and while it is unsaved */
    char *snapshot_error; /* why the snapshot, or a document of it, was passed over at start; NULL: none was. g_free */
    char *error;          /* why the latest load or document was refused; NULL after a good one. g_free */
};

struct policy_manager;

/* Reads the snapshot and, once, the source. Never fails: what went wrong is in the status, and
 * without either nothing is loaded and every policy is its default. */
struct policy_manager *policy_manager_new(const struct policy_manager_config *config,
                                          const struct policy_source *source);
/* Stops first. NULL is allowed. */
void policy_manager_free(struct policy_manager *manager);
CLEANUP_DEFINE(policy_manager, policy_manager_free)
/* Reads the source now, on this thread, or once nobody holds. False: it could not be read, or some document was
 * refused; the error is also in the status. */
bool policy_manager_reload(struct policy_manager *manager, GError **error);
/* From here to its release the source is given changes that belong together: whatever else asks for a load waits, for
 * hold_seconds at most, and none is under way when the hold begins. Who holds does not load before the
 * release. Any thread; several may hold. */
void policy_manager_hold(struct policy_manager *manager);
void policy_manager_release(struct policy_manager *manager);
/* It is known that the source's numbers went back: the next load holds, whatever its number. Any thread. */
void policy_manager_take_older(struct policy_manager *manager);
/* A reference to what is in force; policy_set_unref. Never NULL. */
struct policy_set *policy_manager_get_set(struct policy_manager *manager);
/* False: neither the source nor the snapshot could be read yet, and nobody knows what holds. */
bool policy_manager_is_loaded(struct policy_manager *manager);
void policy_manager_get_status(struct policy_manager *manager, struct policy_status *status);
void policy_status_clear(struct policy_status *status);

/* Starts the thread that reloads. False: there is none to be had. */
bool policy_manager_start_hot_reload(struct policy_manager *manager, GError **error);
/* Ends it and waits for it. */
void policy_manager_stop_hot_reload(struct policy_manager *manager);
/* The source has something new. However many come while a load is under way, one more follows it. */
void policy_manager_notify(struct policy_manager *manager);
