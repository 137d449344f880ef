/* Facts: incidents, which signals add up to (fusion/fusion.h), and violations: what a rule of safety was broken by.
 * Both are worked on by people. */
#pragma once

#include "facts/event.h"

enum incident_status { INCIDENT_OPEN = 1, INCIDENT_ACKNOWLEDGED, INCIDENT_RESOLVED, INCIDENT_DISMISSED };
extern const char *const incident_status_names[];

/* All notes as JSON take INCIDENT_NOTES_BYTES: 200 of 2,000 plain letters do, and it is half of what can be read again
 * from one column. */
enum { INCIDENT_NOTES_MAX = 200, INCIDENT_TEXT_BYTES = 2000, INCIDENT_NOTES_BYTES = RECORD_MAX_TEXT_BYTES / 2 };

struct incident_note {
    struct record_time at;
    char *by; /* a user's id, or of an API key */
    char *text;
};
extern const struct record_descriptor incident_note_descriptor;

struct incident {
    char *org_id, *id, *site_id;
    char *camera_id; /* where it began */
    struct record_strings camera_ids;
    enum service service;
    char *kind;
    enum severity severity; /* the worst of its signals */
    enum incident_status status;
    char *title;
    struct record_time started_at, last_signal_at, ended_at;
    struct record_strings signal_ids; /* the first of them, within store.fusion.max_signals */
    int64_t signal_count;             /* of all */
    struct record_strings evidence;   /* their pictures */
    char *assignee;                   /* a user's id */
    struct record_list notes;         /* of struct incident_note, oldest first */
    int64_t policy_revision;
    struct record_time changed_at; /* when it was stored last with something that those who listen are told */
};
extern const struct record_descriptor incident_descriptor;
/* With all that it holds; of a type that g_ptr_array_new_with_free_func takes. */
void incident_free(void *incident);

/* What became of an incident, for those outside who are told: it stands in the store from the transaction that made it
 * until notify has taken it over, and then in the endpoints' queues. */
enum incident_step {
    INCIDENT_STEP_OPENED = 1,
    INCIDENT_STEP_CHANGED, /* worse, somebody's work, with a note, on again */
    INCIDENT_STEP_ENDED,   /* what it is about is over, as a signal told */
    INCIDENT_STEP_CLOSED,  /* people resolved or dismissed it */
};
extern const char *const incident_step_names[];
struct incident_change {
    char *org_id, *id, *incident_id, *camera_id;
    enum incident_step step;
    struct record_time at;
    struct record_json incident; /* as it was then */
    char *traceparent;           /* of the signal that did it; NULL: it is in no trace that is told */
};
extern const struct record_descriptor incident_change_descriptor;

/* People resolved or dismissed it. */
bool incident_is_closed(const struct incident *incident);

/* What of an incident is compared to say what became of it. */
struct incident_mark {
    enum incident_status status; /* 0: there was none */
    enum severity severity;
    bool is_over;
};
struct incident_mark incident_mark_of(const struct incident *incident);
/* What became of it since; 0: nothing that anybody is told of, as when a signal more joined it. */
enum incident_step incident_step_since(struct incident_mark before, const struct incident *now);

/* Adds a note. `by` is a user's id; it and `text` are copied. False with VEDETTE_ERROR_UNSUPPORTED, and nothing added:
 * the notes are as many, or as long, as they may be. */
bool incident_add_note(struct incident *incident, int64_t at_ms, const char *by, const char *text, GError **error);

/* What people say to one: each request takes some of it. */
struct incident_request {
    char *note, *assignee;
};
extern const struct record_descriptor incident_step_descriptor, incident_assignment_descriptor,
    incident_note_request_descriptor;

enum violation_status { VIOLATION_OPEN = 1, VIOLATION_CONFIRMED, VIOLATION_DISMISSED };
extern const char *const violation_status_names[];
/* What can be violated, named as the signals of the service safety that tell of it. Of some of them no rule tells yet.
 */
enum violation_kind { VIOLATION_RESTRICTED_ZONE = 1, VIOLATION_NO_HELMET, VIOLATION_NO_VEST };
extern const char *const violation_kind_names[];

struct violation {
    char *org_id, *id, *site_id, *camera_id;
    enum violation_kind kind;
    char *signal_id; /* that told of it */
    uint64_t track_id;
    char *zone_id;
    struct record_time at;
    struct record_box box;
    char *snapshot_id;
    enum violation_status status;
    char *decided_by; /* who gave it its status: a user's id */
    struct record_time decided_at;
};
extern const struct record_descriptor violation_descriptor, violation_request_descriptor;
