/* Store: what must outlive a process. One interface and two engines that behave alike: SQLite in a file (WAL,
 * synchronous=FULL), and PostgreSQL 15 or newer. Tables come from the record descriptors; migrations are numbered and
 * forward only. Every row but the server's own is of one org, and no call about one org sees another's (docs/store.md).
 *
 * Threads: store_event_submit from any thread (a bounded queue, one batch writer inside); other calls from any thread,
 * each on a pooled connection of its own.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/clock.h"
#include "base/error.h"
#include "facts/audit.h"
#include "facts/camera.h"
#include "facts/event.h"
#include "facts/health.h"
#include "facts/incident.h"
#include "facts/policy.h"
#include "facts/settings.h"
#include "facts/track.h"
#include "facts/user.h"

struct store;

/* With settings->url empty: opens or creates `data_dir`/vedette.db (directory 0700, file 0600) and migrates it. Else
 * connects to PostgreSQL, which must have been migrated. `health` and `clock` outlive the store; the settings are
 * copied. */
struct store *store_open(const char *data_dir, const struct store_settings *settings, struct clock *clock,
                         struct server_health *health, GError **error);
/* The same for who looks after a store that is there: fails with VEDETTE_ERROR_NOT_FOUND where the embedded one is not,
 * and leaves the directory as it was. */
struct store *store_open_made(const char *data_dir, const struct store_settings *settings, struct clock *clock,
                              struct server_health *health, GError **error);
/* The same for a server, which starts without its database: where PostgreSQL cannot be reached, or SQLite's file cannot
 * be written because its disk is full or another program holds it, the store is opened all the same, and whatever is
 * asked of it fails with VEDETTE_ERROR_UNAVAILABLE until it can be, and has its migrations. NULL: it was reached and is
 * not as it must be, store.url is no address, or another server has the data directory. */
struct store *store_open_or_wait(const char *data_dir, const struct store_settings *settings, struct clock *clock,
                                 struct server_health *health, GError **error);
/* Applies the migrations that are missing, in order and in one transaction; `is_dry`: only looks, and fails
 * as store_open_made does. `report` gets a line
 * for each: number, "applied" (before), "new" or "missing", name. Nobody else may have the store open. */
bool store_migrate(const char *data_dir, const struct store_settings *settings, struct clock *clock, bool is_dry,
                   GString *report, GError **error);
/* All migrations as SQL, one after another, as a new database gets them: for those who read the tables themselves.
 * g_free.
 */
char *store_schema_sql(enum record_dialect dialect);
/* SQL that makes PostgreSQL's roles, for an administrator to run once. */
extern const char store_postgres_roles[];
/* Writes what was submitted, then closes. Where a look at how it is hangs, it stays open until the process ends. NULL
 * is allowed. */
void store_close(struct store *store);

/* How long this thread's transactions have taken so far, with their waits, from begin to end. */
int64_t store_spent_us(void);

/* Another number after each change on which a login may hang, and after most others (store_commit_beside_logins has
 * those that are none): users, sessions, keys and orgs that were read when it was this number still stand so while it
 * is. 0, always: other processes may change them (PostgreSQL), so that nothing read may be kept. Any thread. */
uint64_t store_changes(const struct store *store);

/* Called on the writer's thread after the commit that holds the batch: `stored` tells which were new (idempotent by
 * org, camera, id). `error` is NULL, or why nothing was stored (`stored` is NULL then); the batch may be submitted
 * again. `events` lives as long as the call, unless it takes a reference, or what is in it. */
typedef void (*store_batch_done)(void *data, GPtrArray *events, const bool *stored, const GError *error);

/* Takes ownership of `events` (a GPtrArray of struct analytics_event *, with its free function) and writes them as one
 * unit. False when the queue is full (VEDETTE_ERROR_FULL): the caller still owns them and must keep them.
 * Each event's subject_id is set from its payload. */
bool store_events_submit(struct store *store, GPtrArray *events, store_batch_done done, void *data, GError **error);
/* Whether the store takes events of this type at all: a good one is written as a batch is, and taken back. False with
 * VEDETTE_ERROR_UNSUPPORTED: it refuses that, so that one it called invalid may be as good; or with the store's own,
 * never with VEDETTE_ERROR_INVALID. Any thread. */
bool store_events_try(struct store *store, enum event_type type, GError **error);

/* Newest first. Empty strings and 0 mean "any", but the org must be given. */
struct store_event_filter {
    const char *org_id;
    const char *camera_id;
    enum event_type type;
    const char *subject_id; /* line or zone */
    enum service service;   /* this and the next two are of signals */
    const char *kind;
    enum severity severity;
    int64_t from_ms, to_ms; /* [from, to) of occurred_at */
    const char *before_id;  /* what comes after the event of this cursor; NULL or "": from the newest */
    int limit;              /* 1..1000 */
};
/* A new GPtrArray of struct analytics_event *. */
GPtrArray *store_events_list(struct store *store, const struct store_event_filter *filter, GError **error);
/* What filters name the event by, as before_id. g_free. */
char *store_event_cursor(const struct analytics_event *event);
/* One of them, of any type (0) or of this one, of any camera (NULL or "") or of this one; NULL with
 * VEDETTE_ERROR_NOT_FOUND when there is none. Ids are a camera's own: where several have it, the first that came. */
struct analytics_event *store_event_get(struct store *store, const char *org_id, enum event_type type,
                                        const char *camera_id, const char *id, GError **error);

/* Events that occurred so long before they came, or before the one asked for, are not looked for. */
enum { STORE_EVENTS_LATE_MS = 3600000 };
struct store_events_after {
    const char *org_id, *after_id;
    const char
        *cameras; /* ",a,b,": of these, and perhaps of a few whose ids are much like one of theirs; NULL: of all */
    int limit;    /* 1..10001 */
    int incident_limit; /* ..10001; 0: none are asked for */
};
struct store_events_found {
    GPtrArray
        *later; /* of struct analytics_event *: what the hub took in after that event, in order, `limit` at most */
    GPtrArray *again; /* what it took in shortly before it, oldest first, the last `limit`: told after it all the same,
                         where batches changed places on their way */
    bool is_whole;    /* nothing was left out for being late */
    /* Of struct incident *, as they stand: those that changed since the hub took the event in, or within 30 s before,
     * for they are told once they are stored; oldest change first, the first `incident_limit`. */
    GPtrArray *incidents;
    bool has_unreadable_incidents; /* and others that cannot be read */
};
/* What came after an event, as far as it is stored, as of one moment. False with VEDETTE_ERROR_NOT_FOUND when there is
 * no such event. */
bool store_events_read_after(struct store *store, const struct store_events_after *asked,
                             struct store_events_found *found, GError **error);
void store_events_found_clear(struct store_events_found *found);
void analytics_event_free(struct analytics_event *event);

/* Calls `changed` for each incident that signals or people made or changed, after the commit, on the thread that wrote
 * it; it must only queue. Said before anything is stored. */
void store_watch_incidents(struct store *store, void (*changed)(void *data, const struct incident *incident),
                           void *data);

/* When the newest incident of the server's own signals of this kind and camera began that none has said is over;
 * *since_ms is 0 where there is none. False: the store does not say. Any thread. */
bool store_incident_standing(struct store *store, const char *org_id, const char *camera_id, const char *kind,
                             int64_t *since_ms, GError **error);

/* What became of incidents, which each transaction that changes one leaves behind for those who are notified: it stands
 * there until it is removed. */
struct incident_change;
/* Of an org that stands, oldest first, at most `limit` (1..1000) behind the first *skipped; those that cannot be read
 * are logged, left out, and added to *skipped, so that they hide no others. A new GPtrArray of struct incident_change
 * *, which it frees. */
GPtrArray *store_incident_changes_list(struct store *store, const char *org_id, int *skipped, int limit,
                                       GError **error);
/* Removes those. */
bool store_incident_changes_remove(struct store *store, const char *org_id, const GPtrArray *changes, GError **error);
void incident_change_free(struct incident_change *change);

/* What the rules of one camera saw: its stored pieces that began in [from, to), in the order of their time. `handle` is
 * called for each, outside of any transaction; false from it, with its error, ends the call. */
struct store_track_filter {
    const char *org_id, *camera_id;
    int64_t from_ms, to_ms;
};
bool store_track_chunks_each(struct store *store, const struct store_track_filter *filter,
                             bool (*handle)(void *data, const struct track_chunk *chunk, GError **error), void *data,
                             GError **error);

/* Counts per line and zone, kept in the same transaction as the events they count. */
struct store_count {
    char *camera_id, *subject_id;
    char *kind; /* "line_in", "line_out", "zone_enter", "zone_exit"; "zone_inside": how many stood there last */
    int64_t count;
    struct record_time day; /* UTC */
};
/* Of the UTC day of that moment (how many stood there last: of the latest day of which it is known), of one camera or
 * of all (NULL). A new GPtrArray of struct store_count *, in an order by which store_counts_find finds one. */
GPtrArray *store_counts_list(struct store *store, const char *org_id, const char *camera_id, int64_t day_ms,
                             GError **error);
/* 0: nothing was counted. */
int64_t store_counts_find(const GPtrArray *counts, const char *camera_id, const char *subject_id, const char *kind);

/* The ids of all orgs but those that were deleted, sorted: a new GPtrArray of char *. */
GPtrArray *store_orgs_list(struct store *store, GError **error);
/* Whether this org stands and no other does. Where the store cannot be asked, what it said last holds: of an org that
 * another server made since, it knows nothing. False with `error` set: it cannot be asked, and several stood last, or
 * it never was asked. Any thread. */
bool store_org_is_alone(struct store *store, const char *org_id, GError **error);

/* Cameras: the configuration's, written at start with their org and site; health merged every 30 s. */
bool store_camera_put(struct store *store, const struct camera *camera, GError **error);
bool store_camera_set_health(struct store *store, const char *org_id, const char *camera_id, bool online,
                             int64_t last_seen_ms, const char *metadata_json, GError **error);

/* Track ids: a base after `last` (0: none was given) and after what can have been used by now, at 2^22 ids a second. */
int64_t store_next_track_id_base(struct clock *clock, int64_t last);
/* Keeps *base as the last that was given; where one as great is kept already, *base becomes the next after that. */
bool store_keep_track_id_base(struct store *store, int64_t *base, GError **error);

/* Users; their logins are in store/logins.h. NULL with VEDETTE_ERROR_NOT_FOUND when there is none. A user of the org
 * `default` is found by the username, one of another by "org/username". */
struct user *store_user_find(struct store *store, const char *login_name, GError **error);
struct user *store_user_get(struct store *store, const char *org_id, const char *user_id, GError **error);
bool store_has_users(struct store *store, const char *org_id, bool *has_users, GError **error);
void user_free(struct user *user);

/* True when a write would find room and rights; else the error says what is wrong. A thread of the store's looks once a
 * second; this tells what it saw last, or that there has been no answer for so many seconds. Any thread, which never
 * waits. */
bool store_check(struct store *store, GError **error);

/* ---- policies (configs as they are stored: sealed, where the hub has a key) ---- */

/* Every policy of every org, and those without one, as of one moment; `revision` is the number of the latest change, of
 * deletions too. A new GPtrArray of struct service_policy *. */
GPtrArray *store_policies_list(struct store *store, int64_t *revision, GError **error);
/* The same of an org alone, and those without one: no other's is read. */
GPtrArray *store_policies_of(struct store *store, const char *org_id, GError **error);
struct store_policy_key {
    const char *org_id, *site_id, *class_id, *camera_id; /* NULL: not said */
    const char *service_name, *policy_type;
};
/* NULL with VEDETTE_ERROR_NOT_FOUND when there is none. */
struct service_policy *store_policy_find(struct store *store, const struct store_policy_key *key, GError **error);
/* A webhook that makes a change: its id is taken with it, and never again before it is too old. */
struct store_webhook_claim {
    const char *id;
    int64_t expires_ms; /* wall clock: remembered until then */
    int64_t max_ids;    /* that are remembered at once */
    bool is_known;      /* receives whether it was taken before, which is VEDETTE_ERROR_PERMISSION */
};
struct store_policy_change {
    struct store_policy_key key;
    int32_t expected_version; /* 0: there must be none; below 0: whatever there is */
    /* Makes the new config and the diff of the present one (NULL: there is none) under its version-to-be; *config NULL:
     * delete; *diff NULL: the present one stays as it is. Runs inside the transaction. */
    bool (*make)(void *data, const struct service_policy *present, int32_t version, char **config, char **diff,
                 GError **error);
    void *data;
    const struct audit_by *by;
    struct store_webhook_claim *webhook; /* NULL: it came another way. VEDETTE_ERROR_FULL: too many are remembered */
    /* That the document goes with, NULL: with none. VEDETTE_ERROR_CONFLICT: another source's made the same version. */
    const struct policy_file *file;
};
/* One change, its revision and its entry in the audit, in one transaction. *version and *revision receive the numbers
 * of what came of it. Where nothing changes there is neither, a webhook is taken all the same, and the numbers are
 * those that stand. False with VEDETTE_ERROR_CONFLICT: there is another version than expected. Changes are one after
 * the other. */
bool store_policy_change(struct store *store, const struct store_policy_change *change, int32_t *version,
                         int64_t *revision, GError **error);
/* Whether what is stored (NULL: nothing) is of the version that a change expects, as store_policy_change does. */
bool store_policy_check_version(int32_t expected_version, const struct service_policy *present, GError **error);
/* The same document under another seal, if its version is still this one and what is stored is still `present`: other
 * programs need not count versions. No change, so no revision; true also where it is another by now. */
bool store_policy_reseal(struct store *store, const struct store_policy_key *key, int32_t version, const char *present,
                         const char *config, GError **error);
/* Whether there is whom a key names. False: VEDETTE_ERROR_INVALID says what is not there, or the store's own error. */
bool store_policy_check_scope(struct store *store, const struct store_policy_key *key, GError **error);
/* What was changed of one policy, newest first: a new GPtrArray of struct policy_revision *, of those before a revision
 * (0: of all) `limit` at most. */
GPtrArray *store_policy_history(struct store *store, const struct store_policy_key *key, int64_t before, int limit,
                                GError **error);
/* The latest change of any of these policies, which are of everyone or of one org, also of one that is gone; 0: none
 * was ever made. */
bool store_policies_latest(struct store *store, const char *org_id, const struct store_policy_key *keys, size_t count,
                           int64_t *revision, GError **error);
/* One version of it; NULL with VEDETTE_ERROR_NOT_FOUND: it never had that. policy_revision_free. */
struct policy_revision *store_policy_revision(struct store *store, const struct store_policy_key *key, int32_t version,
                                              GError **error);
void policy_revision_free(struct policy_revision *revision);
void service_policy_free(struct service_policy *policy);
/* Calls `changed`, on a thread of its own, whenever another server or program changed policies, and once after each
 * connect: what was changed before is not told apart. It may be called without need, and must not wait for
 * store_listener_free. An embedded store, to which nobody else writes, is silent. NULL: there is no thread to be had.
 */
struct store_listener *store_listen_policies(struct store *store, void (*changed)(void *data), void *data,
                                             GError **error);
/* Before the store is closed. NULL is allowed. */
void store_listener_free(struct store_listener *listener);
