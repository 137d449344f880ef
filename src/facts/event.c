#include "facts/event.h"

#include "base/error.h"
#include "base/trace.h"
#include "facts/camera.h"
#include "facts/track.h"

#include <string.h>

const char *const service_names[] = {"antitheft", "education", "safety", "occupancy",
                                     "identity",  "vehicles",  "system", NULL};
const char *const severity_names[] = {"info", "low", "medium", "high", "critical", NULL};
const char *const zone_hit_event_names[] = {"enter", "exit", "dwell", NULL};
const char *const line_direction_names[] = {"in", "out", NULL};
const char *const event_count_names[] = {"nothing",   "line_in",     "line_out", "zone_enter",
                                         "zone_exit", "zone_inside", NULL};
const char *const event_type_names[] = {"signal", "zone_hit", "line_crossing", "occupancy", "track_chunk", NULL};

static const struct record_field signal_fields[] = {
    FIELD(struct signal, id, RECORD_REQUIRED | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct signal, org_id, RECORD_TEXT_ID, "set by the hub"),
    FIELD(struct signal, site_id, RECORD_TEXT_ID, "set by the hub"),
    FIELD(struct signal, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera that saw it"),
    FIELD(struct signal, class_id, RECORD_TEXT_ID, "school class, where there is one"),
    FIELD_ENUM(struct signal, service, service_names, RECORD_REQUIRED, "which service raised it"),
    FIELD(struct signal, kind, RECORD_REQUIRED | RECORD_TEXT_ID, "what it is, e.g. intrusion"),
    FIELD_ENUM(struct signal, severity, severity_names, RECORD_REQUIRED, "how bad it is"),
    FIELD(struct signal, confidence, 0, "how sure", .min = 0, .max = 1),
    FIELD(struct signal, started_at, RECORD_REQUIRED, "capture time of the first frame"),
    FIELD(struct signal, ended_at, 0, "capture time of the last frame, once over"),
    FIELD(struct signal, track_ids, 0, "who was involved", .max_count = 256),
    FIELD(struct signal, zone_id, RECORD_TEXT_ID, "the zone or line it is about, where there is one"),
    FIELD(struct signal, box, 0, "where in the frame", .min = -1, .max = 2),
    FIELD(struct signal, attributes, 0, "more, by kind"),
    FIELD(struct signal, snapshot_id, RECORD_TEXT_ID, "its picture, where one was kept"),
    FIELD(struct signal, policy_revision, 0, "the policy in force", .min = 0, .max = 0x1p53),
};
const struct record_descriptor signal_descriptor =
    RECORD(struct signal, "Signal", 1, signal_fields, "Something a rule found worth telling.");

const struct rule_signal_info rule_signals[RULE_SIGNAL_END] = {
    [RULE_SIGNAL_INTRUSION] = {"intrusion", SERVICE_SAFETY, SEVERITY_HIGH},
    [RULE_SIGNAL_RESTRICTED_ZONE] = {"restricted_zone", SERVICE_SAFETY, SEVERITY_HIGH},
    [RULE_SIGNAL_LOITERING] = {"loitering", SERVICE_SAFETY, SEVERITY_MEDIUM},
    [RULE_SIGNAL_OCCUPANCY_EXCEEDED] = {"occupancy_exceeded", SERVICE_OCCUPANCY, SEVERITY_MEDIUM},
    [RULE_SIGNAL_CROWD] = {"crowd", SERVICE_SAFETY, SEVERITY_MEDIUM},
    [RULE_SIGNAL_QUEUE_LONG] = {"queue_long", SERVICE_OCCUPANCY, SEVERITY_MEDIUM},
    [RULE_SIGNAL_WRONG_DIRECTION] = {"wrong_direction", SERVICE_SAFETY, SEVERITY_MEDIUM},
    [RULE_SIGNAL_SPEEDING] = {"speeding", SERVICE_SAFETY, SEVERITY_MEDIUM},
    [RULE_SIGNAL_OBJECT_LEFT] = {"object_left", SERVICE_SAFETY, SEVERITY_HIGH},
    [RULE_SIGNAL_OBJECT_TAKEN] = {"object_taken", SERVICE_ANTITHEFT, SEVERITY_HIGH},
    [RULE_SIGNAL_CAMERA_COVERED] = {"camera_covered", SERVICE_SYSTEM, SEVERITY_HIGH},
    [RULE_SIGNAL_CAMERA_BLURRED] = {"camera_blurred", SERVICE_SYSTEM, SEVERITY_HIGH},
    [RULE_SIGNAL_CAMERA_MOVED] = {"camera_moved", SERVICE_SYSTEM, SEVERITY_HIGH},
    [RULE_SIGNAL_CAMERA_DARK] = {"camera_dark", SERVICE_SYSTEM, SEVERITY_MEDIUM},
    [RULE_SIGNAL_CAMERA_FROZEN] = {"camera_frozen", SERVICE_SYSTEM, SEVERITY_HIGH},
    [RULE_SIGNAL_FALL] = {"fall", SERVICE_SAFETY, SEVERITY_HIGH},
};

const struct server_signal_info server_signals[SERVER_SIGNAL_END] = {
    [SERVER_SIGNAL_CAMERA_OFFLINE] = {"camera_offline", SEVERITY_HIGH, .is_of_camera = true},
    [SERVER_SIGNAL_CAMERA_RECOVERED] = {"camera_recovered", SEVERITY_INFO, SERVER_SIGNAL_CAMERA_OFFLINE,
                                        .is_of_camera = true},
    [SERVER_SIGNAL_STALLED] = {"stalled", SEVERITY_HIGH, .is_of_camera = true},
    [SERVER_SIGNAL_STALL_ENDED] = {"stall_ended", SEVERITY_INFO, SERVER_SIGNAL_STALLED, .is_of_camera = true},
    [SERVER_SIGNAL_OVERLOAD] = {"overload", SEVERITY_HIGH, .is_of_one_server = true},
    [SERVER_SIGNAL_OVERLOAD_ENDED] = {"overload_ended", SEVERITY_INFO, SERVER_SIGNAL_OVERLOAD, true},
    [SERVER_SIGNAL_RETENTION_STOPPED] = {"retention_stopped", SEVERITY_HIGH},
    [SERVER_SIGNAL_RETENTION_RESUMED] = {"retention_resumed", SEVERITY_INFO, SERVER_SIGNAL_RETENTION_STOPPED},
    [SERVER_SIGNAL_STORAGE_WILL_BE_FULL] = {"storage_will_be_full", SEVERITY_HIGH},
    [SERVER_SIGNAL_STORAGE_LASTS_AGAIN] = {"storage_lasts_again", SEVERITY_INFO, SERVER_SIGNAL_STORAGE_WILL_BE_FULL},
    [SERVER_SIGNAL_ROLLUPS_FAILING] = {"rollups_failing", SEVERITY_MEDIUM},
    [SERVER_SIGNAL_ROLLUPS_RECOVERED] = {"rollups_recovered", SEVERITY_INFO, SERVER_SIGNAL_ROLLUPS_FAILING},
    [SERVER_SIGNAL_PARTITION_MISSING] = {"partition_missing", SEVERITY_MEDIUM},
    [SERVER_SIGNAL_PARTITIONS_COMPLETE] = {"partitions_complete", SEVERITY_INFO, SERVER_SIGNAL_PARTITION_MISSING},
    [SERVER_SIGNAL_SELF_TEST] = {"self_test", SEVERITY_INFO},
};

bool signal_is_of_server(const struct signal *signal)
{
    for (size_t i = 1; signal->service == SERVICE_SYSTEM && i < SERVER_SIGNAL_END; i++)
        if (strcmp(server_signals[i].kind, signal->kind) == 0)
            return true;
    return false;
}

enum severity signal_kind_severity(const char *kind)
{
    for (size_t i = 1; i < RULE_SIGNAL_END; i++)
        if (strcmp(rule_signals[i].kind, kind) == 0)
            return rule_signals[i].severity;
    for (size_t i = 1; i < SERVER_SIGNAL_END; i++)
        if (strcmp(server_signals[i].kind, kind) == 0)
            return server_signals[i].severity;
    return (enum severity)0;
}

static const struct record_field zone_hit_fields[] = {
    FIELD(struct zone_hit, id, RECORD_REQUIRED | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct zone_hit, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera that saw it"),
    FIELD(struct zone_hit, zone_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the zone"),
    FIELD(struct zone_hit, track_id, RECORD_REQUIRED, "who"),
    FIELD_ENUM(struct zone_hit, event, zone_hit_event_names, RECORD_REQUIRED, "what happened"),
    FIELD(struct zone_hit, direction, 0, "where it came from or went, where known", .max_count = 32),
    FIELD(struct zone_hit, dwell_seconds, 0, "how long it stayed, of exits and dwells", .unit = "s", .min = 0,
          .max = 1e9),
    FIELD(struct zone_hit, object_class, 0, "what it is", .max_count = 64),
    FIELD(struct zone_hit, at, RECORD_REQUIRED, "capture time"),
    FIELD(struct zone_hit, box, 0, "where in the frame", .min = -1, .max = 2),
};
const struct record_descriptor zone_hit_descriptor =
    RECORD(struct zone_hit, "ZoneHit", 1, zone_hit_fields, "A track entered, left or stayed in a zone.");

static const struct record_field line_crossing_fields[] = {
    FIELD(struct line_crossing, id, RECORD_REQUIRED | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct line_crossing, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera that saw it"),
    FIELD(struct line_crossing, line_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the line"),
    FIELD(struct line_crossing, track_id, RECORD_REQUIRED, "who"),
    FIELD_ENUM(struct line_crossing, direction, line_direction_names, RECORD_REQUIRED,
               "in: from the left side of a→b to its right side as seen"),
    FIELD(struct line_crossing, object_class, 0, "what it is", .max_count = 64),
    FIELD(struct line_crossing, at, RECORD_REQUIRED, "capture time"),
    FIELD(struct line_crossing, box, 0, "where in the frame", .min = -1, .max = 2),
};
const struct record_descriptor line_crossing_descriptor =
    RECORD(struct line_crossing, "LineCrossing", 1, line_crossing_fields, "A track crossed a line.");

enum { COUNT_MAX = 1000000 }; /* of people and things in a zone at once */

static const struct record_field occupancy_log_fields[] = {
    FIELD(struct occupancy_log, id, RECORD_REQUIRED | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct occupancy_log, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera that saw it"),
    FIELD(struct occupancy_log, zone_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the zone"),
    FIELD(struct occupancy_log, at, RECORD_REQUIRED, "capture time"),
    FIELD(struct occupancy_log, count, 0, "how many are inside", .min = 0, .max = COUNT_MAX),
    FIELD(struct occupancy_log, entries, 0, "entered since the zone's last record", .min = 0, .max = COUNT_MAX),
    FIELD(struct occupancy_log, exits, 0, "left since the zone's last record", .min = 0, .max = COUNT_MAX),
};
const struct record_descriptor occupancy_log_descriptor =
    RECORD(struct occupancy_log, "OccupancyLog", 1, occupancy_log_fields,
           "How many stand in a zone: written on a change and at an interval.");

const struct event_type_info event_types[] = {
    {EVENT_SIGNAL, &signal_descriptor, 7},
    {EVENT_ZONE_HIT, &zone_hit_descriptor, 5},
    {EVENT_LINE_CROSSING, &line_crossing_descriptor, 5},
    {EVENT_OCCUPANCY, &occupancy_log_descriptor, 3},
    {EVENT_TRACK_CHUNK, &track_chunk_descriptor, 1, true},
};
const size_t event_type_count = G_N_ELEMENTS(event_types);

const struct event_type_info *event_type_find(enum event_type type)
{
    for (size_t i = 0; i < event_type_count; i++)
        if (event_types[i].type == type)
            return &event_types[i];
    return NULL;
}

bool event_is_kept_apart(enum event_type type)
{
    const struct event_type_info *info = event_type_find(type);
    return info && info->is_kept_apart;
}

const struct record_descriptor *event_payload_at(size_t index)
{
    for (size_t i = 0; i < event_type_count; i++)
        if (!event_types[i].is_kept_apart && index-- == 0)
            return event_types[i].payload;
    return NULL;
}

static const struct record_field analytics_event_fields[] = {
    FIELD(struct analytics_event, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7, made by the worker"),
    FIELD_ENUM(struct analytics_event, type, event_type_names, RECORD_REQUIRED, "what the payload is"),
    FIELD(struct analytics_event, org_id, RECORD_KEY | RECORD_TEXT_ID, "set by the hub from the camera's registration"),
    FIELD(struct analytics_event, site_id, RECORD_TEXT_ID, "set by the hub from the camera's registration"),
    FIELD(struct analytics_event, camera_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the camera that saw it"),
    FIELD(struct analytics_event, subject_id, RECORD_TEXT_ID, "the line or zone it is about, where there is one"),
    FIELD(struct analytics_event, occurred_at, RECORD_REQUIRED | RECORD_INDEXED, "capture time"),
    FIELD(struct analytics_event, received_at, 0, "when the hub took it in"),
    FIELD(struct analytics_event, trace_id, 0, "W3C trace id, where there is one", .max_count = 64),
    FIELD(struct analytics_event, priority, 0, "9 is the most urgent", .min = 0, .max = 9, .default_text = "5"),
    FIELD(struct analytics_event, payload, RECORD_REQUIRED | RECORD_VERBATIM, "the record named by type",
          .one_of = event_payload_at),
    FIELD(struct analytics_event, traceparent, 0, "W3C Trace Context of what made it", .max_count = 64,
          .check_text = trace_parent_check),
    FIELD_ENUM(struct analytics_event, count, event_count_names, 0, "what it adds to the counts of lines and zones"),
    FIELD(struct analytics_event, count_amount, 0, "how many", .min = 0, .max = COUNT_MAX),
    FIELD(struct analytics_event, run_at, 0, "when the run of the server that took it over began"),
};
/* All but the last ones is stored and shown. */
enum { FIELDS_SHOWN = 11, FIELDS_UNDER_WAY = 4 };
_Static_assert(G_N_ELEMENTS(analytics_event_fields) == FIELDS_SHOWN + FIELDS_UNDER_WAY,
               "say of the new field whether it is shown, and keep those that are not last");
const struct record_descriptor analytics_event_descriptor = {
    .name = "AnalyticsEvent",
    .table = "events",
    .schema_version = 1,
    .size = sizeof(struct analytics_event),
    .fields = analytics_event_fields,
    .field_count = FIELDS_SHOWN,
    .doc = "The envelope in which everything that is stored travels.",
};
const struct record_descriptor event_under_way_descriptor =
    RECORD(struct analytics_event, "EventUnderWay", 1, analytics_event_fields, "An AnalyticsEvent on its way.");

/* ---- what payloads say ---- */

static enum event_count count_of_zone_hit(enum zone_hit_event event)
{
    return event == ZONE_HIT_ENTER  ? EVENT_COUNT_ZONE_ENTER
           : event == ZONE_HIT_EXIT ? EVENT_COUNT_ZONE_EXIT
                                    : EVENT_COUNT_NOTHING;
}

/* Returns what it is about, the payload's own. */
static const char *note_count(struct analytics_event *event, const void *payload)
{
    event->count = EVENT_COUNT_NOTHING;
    event->count_amount = 1;
    switch (event->type) {
    case EVENT_LINE_CROSSING: {
        const struct line_crossing *crossing = payload;
        event->count = crossing->direction == LINE_IN ? EVENT_COUNT_LINE_IN : EVENT_COUNT_LINE_OUT;
        return crossing->line_id;
    }
    case EVENT_ZONE_HIT: {
        const struct zone_hit *hit = payload;
        event->count = count_of_zone_hit(hit->event);
        return hit->zone_id;
    }
    case EVENT_OCCUPANCY: {
        const struct occupancy_log *log = payload;
        event->count = EVENT_COUNT_ZONE_INSIDE;
        event->count_amount = log->count;
        return log->zone_id;
    }
    case EVENT_SIGNAL:
        return ((const struct signal *)payload)->zone_id;
    default:
        return NULL;
    }
}

void analytics_event_note_payload(struct analytics_event *event, const void *payload)
{
    g_free(event->subject_id);
    event->subject_id = g_strdup(note_count(event, payload));
}

/* ---- what comes from outside ---- */

/* A string member of a record by its field's name; NULL when there is no such field. */
static char **text_of(const struct record_descriptor *descriptor, void *record, const char *name)
{
    const struct record_field *field = record_find_field(descriptor, name);
    return field && field->kind == RECORD_STRING ? (char **)(void *)((char *)record + field->offset) : NULL;
}

static void set_text(const struct record_descriptor *descriptor, void *record, const char *name, const char *value)
{
    char **text = text_of(descriptor, record, name);
    if (!text)
        return;
    g_free(*text);
    *text = g_strdup(value);
}

/* Whose camera it is, the registration says; nobody else. */
static void stamp_owner(const struct record_descriptor *descriptor, void *record, const struct camera *camera)
{
    set_text(descriptor, record, "org_id", camera->org_id);
    set_text(descriptor, record, "site_id", camera->site_id);
}

/* What the server tells of itself (that a camera is back, for one, which ends an incident) nobody else may say, and
 * what it tells of its cameras (that one is covered) its workers alone, who see the picture. */
static bool is_theirs_to_say(const struct record_descriptor *descriptor, const void *payload, enum event_teller teller,
                             struct record_errors *errors)
{
    const struct signal *signal = payload;
    if (descriptor != &signal_descriptor || signal->service != SERVICE_SYSTEM)
        return true;
    bool is_of_server = signal_is_of_server(signal);
    if (!is_of_server && teller == EVENT_BY_WORKER)
        return true;
    record_errors_add(errors, "payload.service", "a signal '%s' of the service system is %s", signal->kind,
                      is_of_server ? "the server's own to tell"
                                   : "for the server's own workers to tell: name the service that it is of");
    return false;
}

static bool check_times(const struct record_descriptor *descriptor, const void *payload, int64_t latest_ms,
                        struct record_errors *errors)
{
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        if (field->kind != RECORD_TIME ||
            ((const struct record_time *)(const void *)((const char *)payload + field->offset))->ms <= latest_ms)
            continue;
        g_autofree char *path = g_strconcat("payload.", field->name, NULL);
        record_errors_add(errors, path, "lies further in the future than store.early_minutes allows");
    }
    return errors->count == 0;
}

/* People are told of a key that is none, as everywhere; a worker is of our own version, or an older one. */
static bool decode_payload(const struct record_descriptor *descriptor, const char *text, enum event_teller teller,
                           void *payload, struct record_errors *errors)
{
    return teller == EVENT_BY_CLIENT ? record_decode_json_strict(descriptor, text, strlen(text), payload, errors)
                                     : record_decode_json(descriptor, text, strlen(text), payload, errors);
}

/* The event's own path of what was found in the payload; what says how many more there are has none. */
static void place_in_event(struct record_errors *errors)
{
    for (size_t i = 0; i < MIN(errors->items->len, errors->most); i++) {
        struct record_error *error = g_ptr_array_index(errors->items, i);
        char *path = *error->path ? g_strconcat("payload.", error->path, NULL) : g_strdup("payload");
        g_free(error->path);
        error->path = path;
    }
}

enum { STAMPED_BYTES = 128 }; /* what is written beside what came, mostly */

/* The payload is decoded, must speak of the same thing as its envelope, and is written anew: what is stored holds
 * nothing that was not checked. */
static bool check_payload(struct analytics_event *event, enum event_teller teller, const struct camera *camera,
                          int64_t latest_ms, struct record_errors *errors)
{
    const struct record_descriptor *descriptor = event_type_find(event->type)->payload;
    g_autofree void *payload = g_malloc(descriptor->size);
    if (!decode_payload(descriptor, event->payload.text, teller, payload, errors)) {
        place_in_event(errors);
        return false;
    }
    char **id = text_of(descriptor, payload, "id"), **camera_id = text_of(descriptor, payload, "camera_id");
    bool is_same = id && camera_id && g_strcmp0(*id, event->id) == 0 && g_strcmp0(*camera_id, event->camera_id) == 0;
    bool is_kept = is_same && is_theirs_to_say(descriptor, payload, teller, errors) &&
                   check_times(descriptor, payload, latest_ms, errors);
    if (is_kept) {
        g_autoptr(GString) json = g_string_sized_new(strlen(event->payload.text) + STAMPED_BYTES);
        stamp_owner(descriptor, payload, camera);
        analytics_event_note_payload(event, payload);
        record_encode_json(descriptor, payload, true, json);
        g_free(event->payload.text);
        event->payload.text = g_string_free(g_steal_pointer(&json), FALSE);
    } else if (!is_same) {
        record_errors_add(errors, "payload", "its id or camera is not its envelope's");
    }
    record_clear(descriptor, payload);
    return is_kept;
}

bool analytics_event_settle(struct analytics_event *event, enum event_teller teller, const struct camera *camera,
                            int64_t received_at_ms, int32_t early_minutes, struct record_errors *errors)
{
    int64_t known_ms = MAX(received_at_ms, event->occurred_at.ms);
    int64_t latest_ms = early_minutes ? known_ms + early_minutes * INT64_C(60000) : INT64_MAX;
    stamp_owner(&analytics_event_descriptor, event, camera);
    event->received_at.ms = received_at_ms;
    return check_payload(event, teller, camera, latest_ms, errors);
}
