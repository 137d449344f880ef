/* Shared by the files of the store that do a job's work or write what is audited: steps inside a transaction. */
#pragma once

#include "facts/incident.h"
#include "facts/occupancy.h"
#include "store/audit.h"
#include "store/job_runs.h"
#include "store/store_internal.h"

/* Prolongs the run's lease in the transaction of the work done in its name, so that the work is only committed while
 * the run is held. The transaction must be STORE_PLATFORM's. `hold` NULL: nothing to do. */
bool store_run_hold_in(struct store_transaction *transaction, const struct store_run_hold *hold, GError **error);

/* Whether other work on the store would fail for the same reason: it is full, refuses its user or is away. */
bool store_is_shared_failure(const GError *error);

/* Keeps the first failure, and lets go of `failure`, which may be NULL, where there is one. True: it says that the run
 * was told to stop, or that another hub took it over: nothing more is to be done in its name. */
bool store_keep_first(GError **first, GError *failure);

/* For a WHERE of events: those that roll-ups count. */
#define STORE_COUNTED "type IN ('occupancy', 'zone_hit', 'line_crossing')"
/* Which server put the row of a camera of the settings there last (store_source_make); NULL: an earlier version did.
 * Borrowed. */
const char *store_camera_source(const struct camera *row);

/* What of store_values, the server's own, is named after an org, and goes with it. */
enum store_org_value { STORE_ROLLUP_TURN, STORE_LATE_EVENTS, STORE_ORG_VALUES };
/* Its row's name. g_free. */
char *store_org_value_name(enum store_org_value which, const char *org_id);
/* Removes all of an org; *were_there: it had some. The transaction must be STORE_PLATFORM's. */
bool store_org_values_forget_in(struct store_transaction *transaction, const char *org_id, bool *were_there,
                                GError **error);
/* The same of *are_there, without removing any. */
bool store_org_values_look_in(struct store_transaction *transaction, const char *org_id, bool *are_there,
                              GError **error);

/* Something in a bucket is new: it is computed at the next roll-up. The transaction must be the org's. */
bool store_rollup_mark_in(struct store_transaction *transaction, const char *org_id, enum rollup_level level,
                          const char *site_id, int64_t bucket_ms, GError **error);

/* Whether the org was deleted: nothing may be its any more. The transaction must be the org's. */
bool store_org_is_deleted_in(struct store_transaction *transaction, const char *org_id, bool *is_deleted,
                             GError **error);

/* False with VEDETTE_ERROR_UNSUPPORTED: a legal hold of the org stands. The transaction must be the org's. */
bool store_check_no_holds_in(struct store_transaction *transaction, const char *org_id, GError **error);

/* Of a camera that was just written: where it stood before (`before` NULL: it is new) at another site or in another
 * class, that is noted. The transaction must be the org's. */
bool store_camera_note_move_in(struct store_transaction *transaction, const struct camera *camera,
                               const struct camera *before, GError **error);
/* Of a camera that was just written: where it is watched and was not, it is from now on. The transaction must be the
 * org's. */
bool store_camera_watch_in(struct store_transaction *transaction, const struct camera *camera, bool was_watched,
                           GError **error);

/* In a condition on cameras: leaves out those that the settings had and have no more, whose rows say that they are not
 * enabled; with them the settings' that are at rest, which nobody but the settings can tell from those. */
#define STORE_CAMERA_STANDS "(managed_by = 'api' OR enabled)"

/* For a WHERE whose $1 is the org: nobody logs in to an org that was deleted, and no session or key of it is good. */
#define STORE_ORG_STANDS "NOT EXISTS (SELECT 1 FROM orgs o WHERE o.id = $1 AND o.deleted_at IS NOT NULL)"

/* Whether no other source's file made the same version of the document of `file`'s path; until the commit none is
 * written that does. False: VEDETTE_ERROR_CONFLICT, or the store's own. The transaction must be STORE_PLATFORM's. */
bool store_policy_file_check_alone(struct store_transaction *transaction, const struct policy_file *file,
                                   GError **error);

/* Why an event cannot be taken as it is; 0: it can. */
enum quarantine_reason store_event_misfit(const struct store *store, const struct analytics_event *event);
/* Puts events of one org aside, those that were not yet. */
bool store_quarantine_in(struct store_transaction *transaction, struct analytics_event *const *events, size_t count,
                         GError **error);
/* Marks the hours in which something new is counted, of events of one org. */
bool store_events_mark_in(struct store_transaction *transaction, struct analytics_event *const *events,
                          const bool *is_new, size_t count, GError **error);

/* What follows from signals of one org that are new: incidents (fusion/fusion.h) and violations. Appends the incidents
 * that changed to `changed`, which incident_free frees, but for those that were dismissed. Of a camera that was removed
 * meanwhile, what the server told of how it was begins none. */
bool store_signals_follow_in(struct store_transaction *transaction, struct analytics_event *const *events,
                             const bool *is_new, size_t count, GPtrArray *changed, GError **error);
/* A camera is watched no more: what the server itself told of it, as that it is off line, is over, for nobody would say
 * so. Appends as above; its transaction must be the org's. */
bool store_incidents_end_in(struct store_transaction *transaction, const struct camera *camera, GPtrArray *changed,
                            GError **error);
/* Notes what became of an incident, so that those who are to be notified are told of it whatever happens after the
 * commit (store_incident_changes_list). The transaction must be the org's. */
bool store_incident_change_add_in(struct store_transaction *transaction, enum incident_step step,
                                  const struct incident *incident, const char *traceparent, GError **error);
/* The same of what people did with one, whatever that was. For store_row_kind.follow. */
bool store_incident_change_follow(struct store_transaction *transaction, const void *before, const void *after,
                                  GError **error);
/* Once they are committed, to who watches them. */
void store_tell_incident(struct store *store, const struct incident *incident);
void store_tell_incidents(struct store *store, const GPtrArray *incidents);

/* Adds an entry to by->org_id's chain. The transaction is left as that org's. */
bool store_audit_add_in(struct store_transaction *transaction, const struct audit_by *by,
                        const struct audit_change *change, GError **error);

/* Changes of an org's users are one after the other, until their transaction's end; what only must not meet one
 * (`is_shared`) waits for none but these. The transaction must be the org's. */
bool store_users_lock_in(struct store_transaction *transaction, const char *org_id, bool is_shared, GError **error);
/* NULL with VEDETTE_ERROR_NOT_FOUND. The transaction must be the org's. */
struct user *store_user_get_in(struct store_transaction *transaction, const char *org_id, const char *id,
                               GError **error);

/* The org is there afterwards. */
bool store_ensure_org_in(struct store_transaction *transaction, const char *org_id, GError **error);

/* The last moment of the year 9999, with which times end. */
#define STORE_TIME_LAST_MS INT64_C(253402300799999)

/* A page of an org's rows, newest first: conditions are added, then it is read once. The text is the same for the same
 * conditions, so that each is prepared once. */
enum { PAGE_VALUES_MAX = 20, PAGE_OWN_VALUES = 6 /* the cursor's and the limit */ };
struct store_page {
    const struct record_descriptor *descriptor;
    const char *time; /* the column by which it goes; NULL: by id alone */
    const char *key;  /* columns of text that tell rows of one time apart: "id", unless others are set: "a, b" */
    const char *org_id;
    const char *before_id; /* the cursor of the row that the page before ended with; NULL or "": from the newest */
    int limit;             /* 1..1000 */
    GString *sql;
    struct record_sql_value values[PAGE_VALUES_MAX];
    size_t count;
    GStrv cursor; /* before_id's parts */
};
/* All is borrowed. */
void store_page_init(struct store_page *page, const struct record_descriptor *descriptor, const char *time,
                     const char *org_id);
void store_page_clear(struct store_page *page);
/* "camera_id = " and its value; a condition without one; [from, to) of its time, 0 being open. */
void store_page_add(struct store_page *page, const char *condition, struct record_sql_value value);
void store_page_add_text(struct store_page *page, const char *condition);
void store_page_add_span(struct store_page *page, int64_t from_ms, int64_t to_ms);
/* Appends records to `rows`. VEDETTE_ERROR_INVALID: the cursor is none of this list's. */
bool store_page_read(struct store_transaction *transaction, struct store_page *page, GPtrArray *rows, GError **error);
/* What a page that ends with this row is followed by: its time, if lists go by one, and key. g_free. */
char *store_page_cursor(const struct record_descriptor *descriptor, const char *time, const char *key,
                        const void *record);
