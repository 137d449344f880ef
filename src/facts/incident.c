#include "facts/incident.h"

#include <string.h>

#include "base/error.h"

const char *const incident_status_names[] = {"open", "acknowledged", "resolved", "dismissed", NULL};

static const struct record_field note_fields[] = {
    FIELD(struct incident_note, at, RECORD_REQUIRED, "when"),
    FIELD(struct incident_note, by, 0, "who: a user's id", .max_count = 128),
    FIELD(struct incident_note, text, RECORD_REQUIRED, "what was said", .min_count = 1,
          .max_count = INCIDENT_TEXT_BYTES),
};
const struct record_descriptor incident_note_descriptor =
    RECORD(struct incident_note, "IncidentNote", 1, note_fields, "What someone said of an incident.");

static const struct record_field incident_fields[] = {
    FIELD(struct incident, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct incident, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "made from its first signal"),
    FIELD(struct incident, site_id, RECORD_TEXT_ID, "the camera's"),
    FIELD(struct incident, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera where it began"),
    FIELD(struct incident, camera_ids, 0, "every camera that saw it", .max_count = 256),
    FIELD_ENUM(struct incident, service, service_names, RECORD_REQUIRED, "the service of its signals"),
    FIELD(struct incident, kind, RECORD_REQUIRED | RECORD_TEXT_ID, "their kind, e.g. intrusion"),
    FIELD_ENUM(struct incident, severity, severity_names, RECORD_REQUIRED, "the worst of its signals"),
    FIELD_ENUM(struct incident, status, incident_status_names, RECORD_REQUIRED, "what people made of it"),
    FIELD(struct incident, title, RECORD_REQUIRED, "for people", .max_count = 256),
    FIELD(struct incident, started_at, RECORD_REQUIRED, "capture time of its first signal"),
    FIELD(struct incident, last_signal_at, RECORD_REQUIRED | RECORD_INDEXED, "and of its last"),
    FIELD(struct incident, ended_at, 0, "when it was over, where a signal told so, as camera_recovered"),
    FIELD(struct incident, signal_ids, 0, "its first signals, within store.fusion.max_signals"),
    FIELD(struct incident, signal_count, RECORD_REQUIRED, "how many they are in all"),
    FIELD(struct incident, evidence, 0, "their pictures, where some were kept"),
    FIELD(struct incident, assignee, 0, "whose work it is: a user's id", .max_count = 128),
    FIELD_LIST(struct incident, notes, &incident_note_descriptor, 0, "what was said of it, oldest first",
               .max_count = INCIDENT_NOTES_MAX),
    FIELD(struct incident, policy_revision, 0, "the policy in force at its last signal", .min = 0, .max = 0x1p53),
    FIELD(struct incident, changed_at, 0,
          "when a signal or somebody made it what it is; of one that was dismissed: when that was", .since = 2),
};
const struct record_descriptor incident_descriptor =
    RECORD(struct incident, "Incident", 2, incident_fields,
           "Signals of one kind that a camera raised shortly after one another, and what people made of them.",
           .table = "incidents");

void incident_free(void *incident)
{
    record_clear(&incident_descriptor, incident);
    g_free(incident);
}

/* ---- what becomes of one ---- */

const char *const incident_step_names[] = {"opened", "changed", "ended", "closed", NULL};

static const struct record_descriptor *changed_at(size_t index)
{
    return index == 0 ? &incident_descriptor : NULL;
}

static const struct record_field change_fields[] = {
    FIELD(struct incident_change, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct incident_change, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID,
          "UUIDv7; the notification's, by which receivers tell repetitions"),
    FIELD(struct incident_change, incident_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the incident"),
    FIELD(struct incident_change, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "its camera"),
    FIELD_ENUM(struct incident_change, step, incident_step_names, RECORD_REQUIRED, "what became of it"),
    FIELD(struct incident_change, at, RECORD_REQUIRED, "when it was stored"),
    FIELD(struct incident_change, incident, RECORD_REQUIRED | RECORD_VERBATIM, "as it was then, an Incident",
          .one_of = changed_at),
    FIELD(struct incident_change, traceparent, 0, "W3C Trace Context of the signal that did it", .max_count = 64),
};
const struct record_descriptor incident_change_descriptor =
    RECORD(struct incident_change, "IncidentChange", 1, change_fields,
           "What became of an incident, until those who are notified of it have it in their queues.",
           .table = "incident_changes");

struct incident_mark incident_mark_of(const struct incident *incident)
{
    return (struct incident_mark){incident->status, incident->severity, incident->ended_at.ms != 0};
}

static bool is_closed(enum incident_status status)
{
    return status == INCIDENT_RESOLVED || status == INCIDENT_DISMISSED;
}

bool incident_is_closed(const struct incident *incident)
{
    return is_closed(incident->status);
}

enum incident_step incident_step_since(struct incident_mark before, const struct incident *now)
{
    const struct incident_mark after = incident_mark_of(now);
    if (!before.status)
        return INCIDENT_STEP_OPENED;
    if (is_closed(after.status) && !is_closed(before.status))
        return INCIDENT_STEP_CLOSED;
    if (after.is_over && !before.is_over)
        return INCIDENT_STEP_ENDED;
    bool is_same =
        after.status == before.status && after.severity == before.severity && after.is_over == before.is_over;
    return is_same ? 0 : INCIDENT_STEP_CHANGED;
}

/* ---- notes ---- */

/* As the store and answers have them. */
static size_t notes_bytes(const struct incident *incident)
{
    struct record_sql_value value;
    record_get_sql_value(record_find_field(&incident_descriptor, "notes"), incident, &value);
    size_t bytes = value.type == RECORD_SQL_NULL ? 0 : strlen(value.text);
    record_sql_value_clear(&value);
    return bytes;
}

static void drop_last_note(struct incident *incident)
{
    struct incident_note *notes = incident->notes.items;
    record_clear(&incident_note_descriptor, &notes[--incident->notes.count]);
}

bool incident_add_note(struct incident *incident, int64_t at_ms, const char *by, const char *text, GError **error)
{
    if (incident->notes.count >= INCIDENT_NOTES_MAX) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "note: the incident has %d already",
                    INCIDENT_NOTES_MAX);
        return false;
    }
    struct incident_note *note = record_list_append(&incident->notes, &incident_note_descriptor);
    note->at.ms = at_ms;
    note->by = g_strdup(by);
    note->text = g_strdup(text);
    if (notes_bytes(incident) <= INCIDENT_NOTES_BYTES)
        return true;
    drop_last_note(incident);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "note: with it the incident's notes would have more than %d bytes of JSON, in which a line break has 6 "
                "and a quote 2: make it shorter",
                INCIDENT_NOTES_BYTES);
    return false;
}

/* Lines may be broken; nothing else in a note does anything to a terminal or a page. */
static bool check_note(const char *text, GError **error)
{
    for (const char *c = text; *c; c++)
        if (g_ascii_iscntrl(*c) && !strchr("\n\r\t", *c)) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                        "has a control character (0x%02x): only line breaks and tabs may be in it",
                        (unsigned)(unsigned char)*c);
            return false;
        }
    return true;
}

#define NOTE(flag_bits)                                                                                                \
    FIELD(struct incident_request, note, flag_bits, "what there is to say of it", .min_count = 1,                      \
          .max_count = INCIDENT_TEXT_BYTES, .check_text = check_note, .example = "\"on my way\"")
static const struct record_field step_fields[] = {NOTE(0)};
const struct record_descriptor incident_step_descriptor =
    RECORD(struct incident_request, "IncidentStep", 1, step_fields, "What may be said with a step.");

static const struct record_field assignment_fields[] = {
    FIELD(struct incident_request, assignee, RECORD_TEXT_ID, "a user's id; absent: nobody's work any more"),
    NOTE(0),
};
const struct record_descriptor incident_assignment_descriptor =
    RECORD(struct incident_request, "IncidentAssignment", 1, assignment_fields, "Whose work an incident is.");

static const struct record_field note_request_fields[] = {NOTE(RECORD_REQUIRED)};
const struct record_descriptor incident_note_request_descriptor =
    RECORD(struct incident_request, "IncidentNoteRequest", 1, note_request_fields, "A note.");

/* ---- violations ---- */

const char *const violation_status_names[] = {"open", "confirmed", "dismissed", NULL};
const char *const violation_kind_names[] = {"restricted_zone", "no_helmet", "no_vest", NULL};

static const struct record_field violation_fields[] = {
    FIELD(struct violation, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct violation, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "made from its signal"),
    FIELD(struct violation, site_id, RECORD_TEXT_ID, "the camera's"),
    FIELD(struct violation, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera that saw it"),
    FIELD_ENUM(struct violation, kind, violation_kind_names, RECORD_REQUIRED, "what was violated"),
    FIELD(struct violation, signal_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the signal that told of it"),
    FIELD(struct violation, track_id, 0, "who; 0: not told"),
    FIELD(struct violation, zone_id, RECORD_TEXT_ID, "the zone, where there is one"),
    FIELD(struct violation, at, RECORD_REQUIRED | RECORD_INDEXED, "capture time"),
    FIELD(struct violation, box, 0, "where in the frame", .min = -1, .max = 2),
    FIELD(struct violation, snapshot_id, RECORD_TEXT_ID, "its picture, where one was kept"),
    FIELD_ENUM(struct violation, status, violation_status_names, RECORD_REQUIRED, "what people made of it"),
    FIELD(struct violation, decided_by, 0, "who gave it its status: a user's id", .max_count = 128),
    FIELD(struct violation, decided_at, 0, "when"),
};
const struct record_descriptor violation_descriptor = RECORD(
    struct violation, "Violation", 1, violation_fields, "A rule of safety that was broken.", .table = "violations");

static const struct record_field violation_request_fields[] = {
    FIELD_ENUM(struct violation, status, violation_status_names, RECORD_REQUIRED, "what is made of it"),
};
const struct record_descriptor violation_request_descriptor =
    RECORD(struct violation, "ViolationRequest", 1, violation_request_fields, "What is made of a violation.");
