#include "facts/parameters.h"

#include "base/error.h"

#define CURSOR_NUMBER_MAX (UINT64_C(1) << 53) /* a number that JSON keeps whole */

#define ID(type, doc) FIELD(type, id, RECORD_KEY | RECORD_REQUIRED | RECORD_TEXT_ID, doc)
#define REASON(type) FIELD(type, reason, 0, "why, for the audit", .max_count = 1024)
#define LIMIT(type)                                                                                                    \
    FIELD(type, limit, 0, "how many at most", .min = 1, .max = PARAMETER_LIMIT_MAX, .default_text = "50")
#define CURSOR(type) FIELD(type, cursor, 0, "next_cursor of the page before", .min_count = 1, .max_count = 256)
/* Of a list that goes by numbers or times: text as every cursor is, so that what came as next_cursor fits. */
#define CHECKED_CURSOR(type, check)                                                                                    \
    FIELD(type, cursor, 0, "next_cursor of the page before", .min_count = 1, .max_count = 256, .check_text = check)
#define LIST(type)                                                                                                     \
    FIELD(type, fields, 0, "only these fields of each, separated by commas", .min_count = 1, .max_count = 1024),       \
        FIELD_ENUM(type, format, list_format_names, 0, "json or csv; absent: as Accept says")
/* Of a list that its handler makes whole. */
#define WHOLE(type)                                                                                                    \
    FIELD(type, limit, 0, "how many at most; 0: all", .min = 0, .max = PARAMETER_LIMIT_MAX), CURSOR(type), LIST(type)
#define FROM_TO(type) FIELD(type, from, 0, "from then on"), FIELD(type, to, 0, "until before then")

static bool refuse_cursor(GError **error)
{
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                        "is no next_cursor of this list: start again without it");
    return false;
}

static bool check_number_cursor(const char *text, GError **error)
{
    return g_ascii_string_to_unsigned(text, 10, 0, CURSOR_NUMBER_MAX, NULL, NULL) || refuse_cursor(error);
}

static bool check_time_cursor(const char *text, GError **error)
{
    int64_t ms;
    return record_parse_time(text, &ms) || refuse_cursor(error);
}

int64_t parameter_cursor_number(const char *cursor)
{
    return cursor ? g_ascii_strtoll(cursor, NULL, 10) : 0;
}

int64_t parameter_cursor_ms(const char *cursor)
{
    int64_t ms = 0;
    return cursor && record_parse_time(cursor, &ms) ? ms : 0;
}

static const struct record_field id_fields[] = {ID(struct id_parameters, "which")};
const struct record_descriptor id_parameters_descriptor =
    RECORD(struct id_parameters, "IdParameters", 1, id_fields, "One thing.");

static const struct record_field id_change_fields[] = {ID(struct id_parameters, "which"), REASON(struct id_parameters)};
const struct record_descriptor id_change_parameters_descriptor =
    RECORD(struct id_parameters, "IdChangeParameters", 1, id_change_fields, "One thing that is changed.");

static const struct record_field dead_letter_fields[] = {
    LIMIT(struct dead_letter_parameters),
    CURSOR(struct dead_letter_parameters),
    LIST(struct dead_letter_parameters),
};
const struct record_descriptor dead_letter_parameters_descriptor =
    RECORD(struct dead_letter_parameters, "DeadLetterParameters", 1, dead_letter_fields, "Which dead letters.");

static const struct record_field breaker_fields[] = {
    FIELD(struct id_parameters, id, RECORD_KEY | RECORD_REQUIRED,
          "a camera's id, or an upstream's name, as upstream:store", .min_count = 1, .max_count = 128),
};
const struct record_descriptor breaker_parameters_descriptor =
    RECORD(struct id_parameters, "BreakerParameters", 1, breaker_fields, "One circuit breaker.");

const char *const list_format_names[] = {"json", "csv", NULL};

static const struct record_field list_fields[] = {WHOLE(struct list_parameters)};
const struct record_descriptor list_parameters_descriptor =
    RECORD(struct list_parameters, "ListParameters", 1, list_fields, "How a list is told.");

const char *const truth_names[] = {"true", "false", NULL};
#define MATCH(member, doc) FIELD(struct match_parameters, member, 0, doc, .min_count = 1, .max_count = 256)
#define MATCH_ID(member, doc) FIELD(struct match_parameters, member, RECORD_TEXT_ID, doc)
#define MATCH_ENUM(member, names, doc) FIELD_ENUM(struct match_parameters, member, names, 0, doc)
#define MATCHES(list, record_name, record_doc, ...)                                                                    \
    static const struct record_field list##_match_fields[] = {__VA_ARGS__, WHOLE(struct match_parameters)};            \
    const struct record_descriptor list##_match_parameters_descriptor =                                                \
        RECORD(struct match_parameters, record_name, 1, list##_match_fields, record_doc)

MATCHES(camera, "CameraParameters", "Which cameras.", MATCH_ID(site_id, "of this site"),
        MATCH_ID(class_id, "of this class"), MATCH(name, "with this name"),
        MATCH_ENUM(enabled, truth_names, "that are to be watched, or not"),
        MATCH_ENUM(online, truth_names, "whose pictures come, or do not"),
        MATCH_ENUM(managed_by, camera_origin_names, "that the settings file has, or that were made by the API"));
MATCHES(user, "UserParameters", "Which users.", MATCH(username, "who logs in as this"),
        MATCH_ENUM(role, role_names, "of this role"),
        MATCH_ENUM(is_disabled, truth_names, "who may not log in, or may"));
MATCHES(key, "ApiKeyParameters", "Which API keys.", MATCH_ID(created_by, "made by this user"),
        MATCH_ENUM(role, role_names, "of this role"));
MATCHES(job, "JobParameters", "Which jobs.", MATCH_ENUM(last_state, run_state_names, "whose latest time went so"),
        MATCH_ENUM(is_paused, truth_names, "that are paused, or not"));
MATCHES(error, "ErrorParameters", "Which errors.", MATCH(module, "of this room"),
        MATCH_ENUM(is_of_worker, truth_names, "that a worker told of, or the hub"));
MATCHES(breaker, "BreakerListParameters", "Which circuit breakers.", MATCH(state, "in this state"),
        MATCH_ENUM(is_camera, truth_names, "of cameras, or of upstreams"));
MATCHES(model, "ModelParameters", "Which models.", MATCH_ENUM(family, model_family_names, "of this family"));
MATCHES(hold, "LegalHoldParameters", "Which holds.", MATCH_ID(camera_id, "of this camera's rows"));

static const struct record_field camera_list_fields[] = {
    FIELD(struct camera_list_parameters, camera_id, RECORD_TEXT_ID, "of this camera"),
    WHOLE(struct camera_list_parameters),
};
const struct record_descriptor camera_list_parameters_descriptor =
    RECORD(struct camera_list_parameters, "CameraListParameters", 1, camera_list_fields, "Of which camera.");

static const struct record_field camera_places_fields[] = {
    ID(struct camera_place_parameters, "which camera"),
    WHOLE(struct camera_place_parameters),
};
const struct record_descriptor camera_places_parameters_descriptor =
    RECORD(struct camera_place_parameters, "CameraPlacesParameters", 1, camera_places_fields, "Of one camera.");

/* The last field is of changes alone. */
static const struct record_field camera_zone_fields[] = {
    ID(struct camera_place_parameters, "which camera"),
    FIELD(struct camera_place_parameters, zone_id, RECORD_KEY | RECORD_REQUIRED | RECORD_TEXT_ID, "which zone"),
    REASON(struct camera_place_parameters),
};
const struct record_descriptor camera_zone_change_parameters_descriptor =
    RECORD(struct camera_place_parameters, "CameraZoneChangeParameters", 1, camera_zone_fields, "A zone that changes.");
const struct record_descriptor camera_zone_parameters_descriptor = {
    .name = "CameraZoneParameters",
    .schema_version = 1,
    .size = sizeof(struct camera_place_parameters),
    .fields = camera_zone_fields,
    .field_count = G_N_ELEMENTS(camera_zone_fields) - 1,
    .doc = "A zone.",
};

static const struct record_field camera_line_fields[] = {
    ID(struct camera_place_parameters, "which camera"),
    FIELD(struct camera_place_parameters, line_id, RECORD_KEY | RECORD_REQUIRED | RECORD_TEXT_ID, "which line"),
    REASON(struct camera_place_parameters),
};
const struct record_descriptor camera_line_change_parameters_descriptor =
    RECORD(struct camera_place_parameters, "CameraLineChangeParameters", 1, camera_line_fields, "A line that changes.");
const struct record_descriptor camera_line_parameters_descriptor = {
    .name = "CameraLineParameters",
    .schema_version = 1,
    .size = sizeof(struct camera_place_parameters),
    .fields = camera_line_fields,
    .field_count = G_N_ELEMENTS(camera_line_fields) - 1,
    .doc = "A line.",
};

static const struct record_field reason_fields[] = {REASON(struct reason_parameters)};
const struct record_descriptor reason_parameters_descriptor =
    RECORD(struct reason_parameters, "ReasonParameters", 1, reason_fields, "A change.");

#define OIDC(member, doc) FIELD(struct oidc_parameters, member, 0, doc, .max_count = 4096)
static const struct record_field oidc_fields[] = {
    OIDC(code, "what the login is exchanged for"),
    OIDC(state, "of the login that this browser began"),
    OIDC(error, "why there is no code"),
    OIDC(error_description, "the same, for people"),
    OIDC(error_uri, "more of it"),
    OIDC(iss, "the issuer"),
    OIDC(session_state, "the issuer's own"),
    OIDC(scope, "what was granted"),
};
const struct record_descriptor oidc_parameters_descriptor =
    RECORD(struct oidc_parameters, "OidcParameters", 1, oidc_fields, "What the issuer sends a browser back with.");

static const struct record_field event_fields[] = {
    FIELD(struct event_parameters, camera_id, RECORD_TEXT_ID, "of this camera"),
    FIELD_ENUM(struct event_parameters, type, event_type_names, 0, "of this type"),
    FIELD(struct event_parameters, subject_id, RECORD_TEXT_ID, "about this line or zone"),
    FROM_TO(struct event_parameters),
    LIMIT(struct event_parameters),
    CURSOR(struct event_parameters),
    LIST(struct event_parameters),
};
const struct record_descriptor event_parameters_descriptor =
    RECORD(struct event_parameters, "EventParameters", 1, event_fields, "Which events.");

static const struct record_field signal_fields[] = {
    FIELD(struct event_parameters, camera_id, RECORD_TEXT_ID, "of this camera"),
    FIELD(struct event_parameters, subject_id, RECORD_TEXT_ID, "about this line or zone"),
    FIELD_ENUM(struct event_parameters, service, service_names, 0, "raised by this service"),
    FIELD(struct event_parameters, kind, RECORD_TEXT_ID, "of this kind, e.g. intrusion"),
    FIELD_ENUM(struct event_parameters, severity, severity_names, 0, "as bad as this"),
    FROM_TO(struct event_parameters),
    LIMIT(struct event_parameters),
    CURSOR(struct event_parameters),
    LIST(struct event_parameters),
};
const struct record_descriptor signal_parameters_descriptor =
    RECORD(struct event_parameters, "SignalParameters", 1, signal_fields, "Which signals.");

static const struct record_field event_id_fields[] = {
    ID(struct event_id_parameters, "which"),
    FIELD(struct event_id_parameters, camera_id, RECORD_TEXT_ID, "of this camera"),
};
const struct record_descriptor event_id_parameters_descriptor =
    RECORD(struct event_id_parameters, "EventIdParameters", 1, event_id_fields, "One event.");

#define PAGE(type) FROM_TO(type), LIMIT(type), CURSOR(type), LIST(type)
static const struct record_field incident_fields[] = {
    FIELD(struct incident_parameters, camera_id, RECORD_TEXT_ID, "that began at this camera"),
    FIELD(struct incident_parameters, site_id, RECORD_TEXT_ID, "of this site"),
    FIELD_ENUM(struct incident_parameters, service, service_names, 0, "of this service"),
    FIELD(struct incident_parameters, kind, RECORD_TEXT_ID, "of this kind, e.g. intrusion"),
    FIELD_ENUM(struct incident_parameters, severity, severity_names, 0, "as bad as this"),
    FIELD_ENUM(struct incident_parameters, status, incident_status_names, 0, "in this state"),
    FIELD(struct incident_parameters, assignee, RECORD_TEXT_ID, "this user's work"),
    PAGE(struct incident_parameters),
};
const struct record_descriptor incident_parameters_descriptor =
    RECORD(struct incident_parameters, "IncidentParameters", 1, incident_fields, "Which incidents.");

static const struct record_field violation_fields[] = {
    FIELD(struct violation_parameters, camera_id, RECORD_TEXT_ID, "seen by this camera"),
    FIELD(struct violation_parameters, site_id, RECORD_TEXT_ID, "of this site"),
    FIELD(struct violation_parameters, zone_id, RECORD_TEXT_ID, "in this zone"),
    FIELD_ENUM(struct violation_parameters, kind, violation_kind_names, 0, "of this kind"),
    FIELD_ENUM(struct violation_parameters, status, violation_status_names, 0, "in this state"),
    PAGE(struct violation_parameters),
};
const struct record_descriptor violation_parameters_descriptor =
    RECORD(struct violation_parameters, "ViolationParameters", 1, violation_fields, "Which violations.");

#define OF_CAMERA_AND_TIME                                                                                             \
    FIELD(struct track_parameters, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "of this camera"),                     \
        FIELD(struct track_parameters, from, RECORD_REQUIRED, "from then on"),                                         \
        FIELD(struct track_parameters, to, RECORD_REQUIRED, "until before then, at most http.track_minutes later")
static const struct record_field tracks_fields[] = {
    OF_CAMERA_AND_TIME,
    FIELD(struct track_parameters, object_class, 0, "of this class", .min_count = 1, .max_count = 64),
    LIMIT(struct track_parameters),
    CHECKED_CURSOR(struct track_parameters, check_number_cursor),
    LIST(struct track_parameters),
};
const struct record_descriptor tracks_parameters_descriptor =
    RECORD(struct track_parameters, "TracksParameters", 1, tracks_fields, "Which stored tracks.");

static const struct record_field track_fields[] = {
    FIELD(struct track_parameters, id, RECORD_KEY | RECORD_REQUIRED, "which track", .min = 0, .max = 0x1p53),
    OF_CAMERA_AND_TIME,
    FIELD(struct track_parameters, limit, 0, "how many points at most", .min = 1, .max = RECORD_MAX_COUNT,
          .default_text = "1000"),
};
const struct record_descriptor track_parameters_descriptor =
    RECORD(struct track_parameters, "TrackParameters", 1, track_fields, "Which stored track.");

static const struct record_field report_fields[] = {
    FIELD(struct report_parameters, site_id, RECORD_REQUIRED | RECORD_TEXT_ID, "of this site"),
    FIELD_ENUM(struct report_parameters, period, report_period_names, 0, "the site's day, week from monday, or month",
               .default_text = "day"),
    FIELD(struct report_parameters, at, 0, "that holds this moment; absent: now"),
    WHOLE(struct report_parameters),
};
const struct record_descriptor report_parameters_descriptor =
    RECORD(struct report_parameters, "ReportParameters", 1, report_fields, "Which report.");

/* ---- what an org keeps, and its logs ---- */

#define OF(member, doc) FIELD(struct register_parameters, member, 0, doc, .min_count = 1, .max_count = 128)
#define OF_ENUM(member, names, doc) FIELD_ENUM(struct register_parameters, member, names, 0, doc)
#define OF_ALL LIMIT(struct register_parameters), CURSOR(struct register_parameters), LIST(struct register_parameters)
#define OF_CAMERA                                                                                                      \
    FIELD(struct register_parameters, camera_id, RECORD_TEXT_ID, "seen by this camera"),                               \
        FIELD(struct register_parameters, site_id, RECORD_TEXT_ID, "of this site")

static const struct record_field employee_fields[] = {
    OF(external_id, "as another system knows them"),
    OF(department, "of this department"),
    OF(shift_id, "who work in this shift"),
    OF_ALL,
};
const struct record_descriptor employee_parameters_descriptor =
    RECORD(struct register_parameters, "EmployeeParameters", 1, employee_fields, "Which employees.");

static const struct record_field page_fields[] = {OF_ALL};
const struct record_descriptor page_parameters_descriptor =
    RECORD(struct register_parameters, "PageParameters", 1, page_fields, "Which page.");

static const struct record_field vehicle_fields[] = {
    OF(plate, "with this plate: capital letters and digits"),
    OF_ENUM(list, vehicle_list_names, "on this list"),
    OF_ALL,
};
const struct record_descriptor vehicle_parameters_descriptor =
    RECORD(struct register_parameters, "VehicleParameters", 1, vehicle_fields, "Which vehicles.");

static const struct record_field access_log_fields[] = {
    OF_CAMERA,
    OF(employee_id, "of this employee; unknown: of nobody known"),
    OF(door, "at this door"),
    OF_ENUM(direction, passage_names, "this way"),
    FROM_TO(struct register_parameters),
    OF_ALL,
};
const struct record_descriptor access_log_parameters_descriptor =
    RECORD(struct register_parameters, "AccessLogParameters", 1, access_log_fields, "Which access logs.");

static const struct record_field attendance_fields[] = {
    OF(employee_id, "of this employee"), OF_ENUM(status, attendance_status_names, "of which this came"),
    FROM_TO(struct register_parameters), LIMIT(struct register_parameters),
    CURSOR(struct register_parameters),  LIST(struct register_parameters),
};
const struct record_descriptor attendance_parameters_descriptor =
    RECORD(struct register_parameters, "AttendanceParameters", 1, attendance_fields, "Which days at work.");

static const struct record_field vehicle_log_fields[] = {
    OF_CAMERA,
    OF(plate, "with this plate: capital letters and digits"),
    OF(gate, "at this gate"),
    OF_ENUM(direction, passage_names, "this way"),
    OF_ENUM(list, vehicle_list_names, "on this list"),
    FROM_TO(struct register_parameters),
    OF_ALL,
};
const struct record_descriptor vehicle_log_parameters_descriptor =
    RECORD(struct register_parameters, "VehicleLogParameters", 1, vehicle_log_fields, "Which vehicles that passed.");

static const struct record_field live_fields[] = {
    FIELD(struct live_parameters, types, 0, "of tracks, event, health and incident, separated by commas; else all",
          .max_count = 64),
    FIELD(struct live_parameters, cameras, 0, "ids of cameras, separated by commas; else all", .max_count = 4096),
    FIELD(struct live_parameters, resume_from, RECORD_TEXT_ID,
          "the id of the last event that was received: what came after it is told first"),
};
const struct record_descriptor live_parameters_descriptor =
    RECORD(struct live_parameters, "LiveParameters", 1, live_fields, "What to be told.");

static const struct record_field occupancy_fields[] = {
    FIELD_ENUM(struct occupancy_parameters, level, rollup_level_names, 0, "counts of what length",
               .default_text = "hour"),
    FIELD(struct occupancy_parameters, camera_id, RECORD_TEXT_ID, "of this camera"),
    FIELD(struct occupancy_parameters, subject_id, RECORD_TEXT_ID, "of this line or zone"),
    FROM_TO(struct occupancy_parameters),
    LIMIT(struct occupancy_parameters),
    CURSOR(struct occupancy_parameters),
    LIST(struct occupancy_parameters),
};
const struct record_descriptor occupancy_parameters_descriptor =
    RECORD(struct occupancy_parameters, "OccupancyParameters", 1, occupancy_fields, "Which counts.");

static const struct record_field job_history_fields[] = {
    ID(struct job_history_parameters, "the job"),
    LIMIT(struct job_history_parameters),
    CHECKED_CURSOR(struct job_history_parameters, check_time_cursor),
    LIST(struct job_history_parameters),
};
const struct record_descriptor job_history_parameters_descriptor =
    RECORD(struct job_history_parameters, "JobHistoryParameters", 1, job_history_fields, "Which runs.");

static const struct record_field job_next_fields[] = {
    ID(struct job_next_parameters, "the job"),
    FIELD(struct job_next_parameters, count, 0, "how many times", .min = 1, .max = 100, .default_text = "5"),
};
const struct record_descriptor job_next_parameters_descriptor =
    RECORD(struct job_next_parameters, "JobNextParameters", 1, job_next_fields, "Which times.");

static const struct record_field retention_fields[] = {
    FIELD(struct retention_parameters, rows, 0, "also count the rows that go next"),
    WHOLE(struct retention_parameters),
};
const struct record_descriptor retention_parameters_descriptor =
    RECORD(struct retention_parameters, "RetentionParameters", 1, retention_fields, "How much is told.");

static const struct record_field audit_fields[] = {
    FIELD(struct audit_parameters, before, 0, "entries before this sequence; 0: the newest", .min = 0, .max = 0x1p53),
    CHECKED_CURSOR(struct audit_parameters, check_number_cursor),
    FIELD(struct audit_parameters, actor_id, RECORD_TEXT_ID, "by this user, or by system"),
    FIELD_ENUM(struct audit_parameters, subject_kind, audit_subject_names, 0, "of what is of this kind"),
    FIELD(struct audit_parameters, subject_id, 0, "of this thing", .min_count = 1, .max_count = 256),
    FIELD(struct audit_parameters, action, RECORD_TEXT_ID, "that did this, e.g. update"),
    FROM_TO(struct audit_parameters),
    LIMIT(struct audit_parameters),
    LIST(struct audit_parameters),
};
const struct record_descriptor audit_parameters_descriptor =
    RECORD(struct audit_parameters, "AuditParameters", 1, audit_fields, "Which entries.");

/* ---- policies ---- */

const char *const policy_reach_names[] = {"org", "global", NULL};

/* Each request takes some of these. */
#define POLICY_TYPE                                                                                                    \
    FIELD_ENUM(struct policy_parameters, type, policy_type_names, RECORD_KEY | RECORD_REQUIRED, "the type of policy")
#define POLICY_SCOPE                                                                                                   \
    FIELD_ENUM(struct policy_parameters, scope, policy_reach_names, 0,                                                 \
               "org: of one's own; global: what holds for everyone", .default_text = "org"),                           \
        FIELD(struct policy_parameters, site_id, RECORD_TEXT_ID, "of this site"),                                      \
        FIELD(struct policy_parameters, class_id, RECORD_TEXT_ID, "of this school class"),                             \
        FIELD(struct policy_parameters, camera_id, RECORD_TEXT_ID, "of this camera")
#define POLICY_SERVICE                                                                                                 \
    FIELD(struct policy_parameters, service_name, RECORD_TEXT_ID, "for this service; absent: the type's own")

static const struct record_field in_force_fields[] = {POLICY_SCOPE};
const struct record_descriptor policies_in_force_parameters_descriptor = RECORD(
    struct policy_parameters, "PoliciesInForceParameters", 1, in_force_fields, "For whom policies are in force.");

static const struct record_field policy_fields[] = {POLICY_TYPE, POLICY_SCOPE, POLICY_SERVICE};
const struct record_descriptor policy_parameters_descriptor =
    RECORD(struct policy_parameters, "PolicyParameters", 1, policy_fields, "Which policy.");

static const struct record_field policy_change_fields[] = {
    POLICY_TYPE,
    POLICY_SCOPE,
    POLICY_SERVICE,
    REASON(struct policy_parameters),
};
const struct record_descriptor policy_change_parameters_descriptor =
    RECORD(struct policy_parameters, "PolicyChangeParameters", 1, policy_change_fields, "Which policy is changed.");

static const struct record_field policy_history_fields[] = {
    POLICY_TYPE,
    POLICY_SCOPE,
    POLICY_SERVICE,
    LIMIT(struct policy_parameters),
    CHECKED_CURSOR(struct policy_parameters, check_number_cursor),
    LIST(struct policy_parameters),
};
const struct record_descriptor policy_history_parameters_descriptor =
    RECORD(struct policy_parameters, "PolicyHistoryParameters", 1, policy_history_fields, "Whose history.");

static const struct record_field policy_rollback_fields[] = {
    POLICY_TYPE,
    POLICY_SCOPE,
    POLICY_SERVICE,
    REASON(struct policy_parameters),
    FIELD(struct policy_parameters, to_version, RECORD_REQUIRED, "the version to go back to", .min = 1,
          .max = G_MAXINT32),
};
const struct record_descriptor policy_rollback_parameters_descriptor =
    RECORD(struct policy_parameters, "PolicyRollbackParameters", 1, policy_rollback_fields, "Back to which version.");

static const struct record_field policy_backtest_fields[] = {
    POLICY_TYPE,
    POLICY_SCOPE,
    FIELD(struct policy_parameters, from, RECORD_REQUIRED, "signals from this time on"),
    FIELD(struct policy_parameters, to, RECORD_REQUIRED, "and before this one"),
};
const struct record_descriptor policy_backtest_parameters_descriptor = RECORD(
    struct policy_parameters, "PolicyBacktestParameters", 1, policy_backtest_fields, "Which policy is tried on when.");
