/* Policies: what a service may be told to do differently while it runs.
 *
 * A document is a JSON object of the keys that one level changes, of one type ("privacy", "safety", …; the keys of each
 * are the record types PrivacyPolicy, SafetyPolicy, … of vedette/record.h). Levels, least specific first: everyone, an
 * org, a site, a class, a camera; the most specific wins key by key, objects merge and lists replace. Overlays of any
 * level come last, while their schedule says so.
 *
 * The manager reads all documents from a directory of files or from wherever the program has them, checks each, and
 * keeps what is in force: at a start, when it is notified, and every poll_seconds. A document that is not valid is
 * refused whole and its last good version stays; a source that cannot be read leaves everything as it is, and what was
 * good last lies in a snapshot for a start without it.
 *
 *     struct vedette_policy_scope till = {.org_id = "org_123", .camera_id = "cam_1"};
 *     struct vedette_record *policy = vedette_policy_manager_get_policy(manager, "antitheft", &till, NULL, NULL, NULL);
 *     vedette_record_get_number(policy, "shelf_out_delta", &delta);
 *
 * Threads: everything from any thread unless said otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vedette/record.h"
#include "vedette/visibility.h"

VEDETTE_BEGIN

enum { VEDETTE_POLICY_WHY_BYTES = 512 }; /* room for why something failed, its '\0' included */

/* Whom a document is for, or whose policy is asked for. NULL or "": not said. A document that names a site, a class or
 * a camera names one of them, and its org; one that names none is for everyone. */
struct vedette_policy_scope {
    const char *org_id, *site_id, *class_id, *camera_id;
};

struct vedette_policy_document {
    struct vedette_policy_scope scope;
    const char *service_name; /* for this service alone, and then it wins over one for every service of the same scope
                               * and type, whichever comes first; NULL: for every one */
    const char *type;         /* "privacy", … */
    const char *config;       /* the JSON object; at most 64 KiB */
    int64_t revision;         /* counts up over all documents */
};

/* Where documents come from. */
struct vedette_policy_source {
    /* Hands every document there is to `add`, which copies it and keeps what it thinks of it. `revision` receives the
     * number of the latest change, of deletions too: a load with an older one than is in force is ignored. False: they
     * cannot be read, `why` (VEDETTE_POLICY_WHY_BYTES) says the reason, and what was handed over does not count. On the
     * thread that loads, one at a time. */
    bool (*load)(void *data, void (*add)(void *to, const struct vedette_policy_document *document), void *to,
                 int64_t *revision, char *why);
    void *data; /* outlives the manager */
};

struct vedette_policy_manager_config {
    /* Files: TYPE.json is for everyone, orgs/ORG/TYPE.json for an org, orgs/ORG/{sites,classes,cameras}/ID/TYPE.json
     * for what is below it. Names that begin with '.' are passed over where they are no ids, and those that
     * begin with ".." everywhere. NULL: `source` has them.
     * Read as a whole at each load. One that holds no file while documents are in force cannot be read: it may be a
     * volume that is not mounted yet. Empty on purpose it has one file that says nothing ({}). */
    const char *directory;
    struct vedette_policy_source source;
    const char *snapshot_path; /* a file of mode 0600; NULL: none */
    double poll_seconds;       /* how often to look when nobody notifies; 0: never; default 1 */
    /* What is in force is another now. On the thread that loaded; it may ask for policies. NULL: nobody is told. */
    void (*changed)(void *data);
    /* Wall clock, milliseconds since 1970 UTC, for the hours of overlays. NULL: the machine's. Any thread. */
    int64_t (*now_ms)(void *data);
    void *data; /* handed to both; outlives the manager */
};
/* Fills in the defaults. Any thread. */
VEDETTE_PUBLIC void vedette_policy_manager_config_init(struct vedette_policy_manager_config *config);

struct vedette_policy_manager;

/* Reads the source once, on this thread, and when it cannot be read, the snapshot. With neither everything has its
 * default; the status says so. `config` is copied. NULL when a value is out of its range: *why (may be NULL) says
 * which, static text. Free with vedette_policy_manager_free. Any thread. */
VEDETTE_PUBLIC struct vedette_policy_manager *
vedette_policy_manager_new(const char *service_name, const struct vedette_policy_manager_config *config,
                           const char **why);
/* Stops hot reload first. One thread, once; nobody may use it any more. NULL is allowed. */
VEDETTE_PUBLIC void vedette_policy_manager_free(struct vedette_policy_manager *manager);
/* As it was given. The manager's. Any thread. */
VEDETTE_PUBLIC const char *vedette_policy_manager_service_name(const struct vedette_policy_manager *manager);

/* ---- what is in force ---- */

/* What `type` comes to for `subject` (NULL: for whoever is not known) now: a record with the type's defaults filled in,
 * which later changes leave as it is; free with vedette_record_free. An org or a camera without documents gets its
 * parents'. `valid_until_ms` (may be NULL): the wall time when an overlay may come or go next, INT64_MAX when none
 * does; ask again then, and whenever `changed` tells, rather than at every frame: it takes tens of microseconds. NULL:
 * there is no such type, or the levels contradict each other; `fault` (may be NULL) is told where and why. Any thread.
 */
VEDETTE_PUBLIC struct vedette_record *vedette_policy_manager_get_policy(struct vedette_policy_manager *manager,
                                                                        const char *type,
                                                                        const struct vedette_policy_scope *subject,
                                                                        int64_t *valid_until_ms,
                                                                        vedette_record_fault fault, void *data);
/* The same as JSON, with where each key came from: {"config": {…}, "origins": {key: {"level", "revision", "overlay"}},
 * …}. A key that no document says has the level "default", or "settings" where Vedette has a setting for it (`place`
 * names it), and the revision 0. free(3) it; NULL: there is no such type. Any thread. */
VEDETTE_PUBLIC char *vedette_policy_manager_effective_json(struct vedette_policy_manager *manager, const char *type,
                                                           const struct vedette_policy_scope *subject);

/* ---- hot reload ---- */

/* Starts the thread that loads when it is notified and every poll_seconds. False: there is none to be had. One thread
 * at a time. */
VEDETTE_PUBLIC bool vedette_policy_manager_start_hot_reload(struct vedette_policy_manager *manager);
/* Ends it and waits for it; so not from a callback. What is in force stays. One thread at a time. */
VEDETTE_PUBLIC void vedette_policy_manager_stop_hot_reload(struct vedette_policy_manager *manager);
/* Documents may have changed, as a webhook tells: they are read soon, on that thread. However often in a row: few
 * loads. Never blocks. Any thread. */
VEDETTE_PUBLIC void vedette_policy_manager_notify(struct vedette_policy_manager *manager);
/* Reads them now, on this thread, hot reload or not. False: they could not be read, or some document was refused; the
 * status says why. Any thread, but no callback. */
VEDETTE_PUBLIC bool vedette_policy_manager_reload(struct vedette_policy_manager *manager);

/* ---- how it is ---- */

struct vedette_policy_manager_status {
    int64_t revision;     /* of the latest change that is in force; 0: none */
    int64_t loaded_at_ms; /* wall clock; 0: never */
    bool is_loaded;       /* from the source or the snapshot */
    bool is_stale;        /* what is in force is the last good: the source could not be read lately */
    int64_t documents;
    int64_t loads, load_failures, loads_out_of_order, documents_refused, snapshots_refused; /* since it was made */
    int64_t bad_now; /* documents that the latest good load refused, 1 more while the source cannot be read and 1 more
                      * while the snapshot cannot be written */
    char error[VEDETTE_POLICY_WHY_BYTES]; /* why the latest load or document was refused; "" after a good one */
};
/* Any thread. */
VEDETTE_PUBLIC void vedette_policy_manager_get_status(struct vedette_policy_manager *manager,
                                                      struct vedette_policy_manager_status *status);

VEDETTE_END
