#include "facts/policy_types.h"

#include "facts/rules.h"

const char *const policy_type_names[] = {"privacy",  "detection",  "motion",   "recording", "retention",
                                         "notify",   "antitheft",  "safety",   "education", "occupancy",
                                         "identity", "attendance", "vehicles", NULL};

static const struct record_field privacy_fields[] = {
    FIELD(
        struct privacy_policy, face_blur_enabled, 0,
        "people are hidden in every picture that leaves a worker; where it is not known who is one, whole figures are",
        .default_text = "true"),
    FIELD(struct privacy_policy, license_plate_blur_enabled, 0,
          "vehicles are hidden, and with them their plates; what is neither known as person nor vehicle stays hidden "
          "as long as one of the two says so",
          .default_text = "true"),
    FIELD(struct privacy_policy, blur_strength, 0,
          "how coarse hidden people, animals and vehicles look; what else moves, or may be a face or plate by itself, "
          "is always at its coarsest",
          .min = 0, .max = 1, .default_text = "0.8"),
};
const struct record_descriptor privacy_policy_descriptor =
    RECORD(struct privacy_policy, "PrivacyPolicy", 1, privacy_fields, "What is hidden in pictures, and how.");

static const struct record_field detection_fields[] = {
    FIELD(struct detection_policy, analyse_fps, 0, "frames a second that are analysed", .unit = "1/s", .min = 0.1,
          .max = 60),
    FIELD(struct detection_policy, confidence, 0, "least confidence of what a model finds; 0: what its card says",
          .min = 0, .max = 1),
    FIELD(struct detection_policy, full_seconds, 0, "longest time between looks at the whole picture", .unit = "s",
          .min = 0.1, .max = 3600),
    FIELD(struct detection_policy, stationary_seconds, 0, "between looks at objects that stand still", .unit = "s",
          .min = 0.1, .max = 3600),
    FIELD(struct detection_policy, region_share, 0,
          "what moves is looked at by itself where it takes less of the frame", .min = 0, .max = 1),
    FIELD(struct detection_policy, classes, 0, "object classes that are followed; empty: every class",
          .max_count = 100),
};
static const struct record_descriptor detection_descriptor =
    RECORD(struct detection_policy, "DetectionPolicy", 1, detection_fields, "How models look, and for what.");

static const struct record_field motion_fields[] = {
    FIELD(struct motion_policy, sensitivity, 0, "how small a change of brightness is motion", .min = 0, .max = 1),
    FIELD(struct motion_policy, minimum_area, 0, "smallest moving object, share of the frame", .min = 0, .max = 1),
    FIELD(struct motion_policy, learn_seconds, 0, "until the background stands", .unit = "s", .min = 0, .max = 600),
};
static const struct record_descriptor motion_descriptor =
    RECORD(struct motion_policy, "MotionPolicy", 1, motion_fields, "What counts as motion.");

static const struct record_field recording_fields[] = {
    FIELD(struct recording_policy, recording_enabled, RECORD_NOT_YET, "clips are kept of what is told",
          .default_text = "false"),
    FIELD(struct recording_policy, before_seconds, RECORD_NOT_YET, "what a clip shows of before", .unit = "s", .min = 0,
          .max = 300, .default_text = "5"),
    FIELD(struct recording_policy, after_seconds, RECORD_NOT_YET, "what a clip shows of after", .unit = "s", .min = 0,
          .max = 300, .default_text = "10"),
};
static const struct record_descriptor recording_descriptor =
    RECORD(struct recording_policy, "RecordingPolicy", 1, recording_fields, "What is recorded.");

#define DAYS(member, doc_text)                                                                                         \
    FIELD(struct retention_policy, member, RECORD_WHOLE, "how long " doc_text " are kept", .unit = "d", .min = 1,      \
          .max = 36500)
static const struct record_field retention_fields[] = {
    DAYS(access_log_days, "access logs"),
    DAYS(attendance_days, "attendance records, by what is said for everyone or an org,"),
    DAYS(vehicle_log_days, "vehicle logs"),
    DAYS(occupancy_raw_days, "single crossings, zone hits and occupancy records"),
    DAYS(event_days, "signals"),
    DAYS(track_days, "tracks, which policies are tried on,"),
    FIELD(struct retention_policy, legal_hold, 0, "nothing is deleted", .default_text = "false"),
};
const struct record_descriptor retention_policy_descriptor =
    RECORD(struct retention_policy, "RetentionPolicy", 1, retention_fields, "How long what is stored is kept.");

static const char *const notify_severity_names[] = {"info", "low", "medium", "high", "critical", NULL};
static const struct record_field notify_fields[] = {
    FIELD(struct notify_policy, notify_enabled, 0, "others are told of signals, by webhook and MQTT",
          .default_text = "true"),
    FIELD_ENUM(struct notify_policy, minimum_severity, notify_severity_names, 0, "of what is at least so bad",
               .default_text = "medium"),
};
static const struct record_descriptor notify_descriptor =
    RECORD(struct notify_policy, "NotifyPolicy", 1, notify_fields, "Who is told of what.");

static const struct record_field antitheft_fields[] = {
    FIELD(struct antitheft_policy, left_seconds, 0,
          "something new that stands alone in a zone this long raises a signal; 0: not looked for", .unit = "s",
          .min = 0, .max = 86400),
    FIELD(struct antitheft_policy, taken_seconds, 0,
          "something that is gone from a zone this long raises a signal; 0: not looked for", .unit = "s", .min = 0,
          .max = 86400),
    FIELD(struct antitheft_policy, shelf_out_delta, RECORD_NOT_YET,
          "how many more left a shelf than were sold is too many", .min = 0, .max = 1000, .default_text = "2.0"),
};
static const struct record_descriptor antitheft_descriptor =
    RECORD(struct antitheft_policy, "AntitheftPolicy", 1, antitheft_fields, "What may be theft.");

static const struct record_field safety_fields[] = {
    FIELD(struct safety_policy, loitering_seconds, 0,
          "who was inside a zone this long, short breaks left out, raises a signal; 0: nobody", .unit = "s", .min = 0,
          .max = 86400),
    FIELD(struct safety_policy, speed_limit, 0,
          "faster in a zone raises a signal; m/s where the camera is calibrated, else frame widths a second; 0: none",
          .min = 0, .max = 1000),
    FIELD(struct safety_policy, tamper_seconds, 0,
          "a camera that is covered, blurred, moved or dark this long raises a signal; 0: never", .unit = "s", .min = 0,
          .max = 3600),
    FIELD(struct safety_policy, frozen_seconds, 0,
          "pictures that are the same to the last bit this long raise a signal; 0: never", .unit = "s", .min = 0,
          .max = 3600),
    FIELD(struct safety_policy, fall_seconds, 0, "experimental: someone who lies this long raises a signal; 0: never",
          .unit = "s", .min = 0, .max = 600),
    FIELD(struct safety_policy, cooldown_seconds, 0, "between signals of one track and rule", .unit = "s", .min = 0,
          .max = 86400),
};
static const struct record_descriptor safety_descriptor =
    RECORD(struct safety_policy, "SafetyPolicy", 1, safety_fields, "What is dangerous.");

static const struct record_field education_fields[] = {
    FIELD(struct education_policy, window_seconds, RECORD_NOT_YET, "over which a class is looked at as a whole",
          .unit = "s", .min = 10, .max = 3600, .default_text = "60"),
    FIELD(struct education_policy, minimum_faces, RECORD_NOT_YET,
          "with fewer nothing is told, so that nobody is told of alone", .min = 3, .max = 1000, .default_text = "5"),
};
static const struct record_descriptor education_descriptor =
    RECORD(struct education_policy, "EducationPolicy", 1, education_fields, "How a class is looked at, as a whole.");

static const struct record_field occupancy_fields[] = {
    FIELD(struct occupancy_policy, dwell_seconds, 0, "a stay this long in a zone gives one dwell event; 0: none",
          .unit = "s", .min = 0, .max = 86400),
    FIELD(struct occupancy_policy, occupancy_limit, RECORD_WHOLE,
          "more inside a zone than this raises a signal; 0: no limit", .min = 0, .max = 100000),
    FIELD(struct occupancy_policy, hysteresis, RECORD_WHOLE, "so many fewer before a limit is told again", .min = 1,
          .max = 100000),
    FIELD(struct occupancy_policy, crowd_limit, RECORD_WHOLE,
          "more inside than this for crowd_seconds raises a signal; 0: none", .min = 0, .max = 100000),
    FIELD(struct occupancy_policy, crowd_seconds, 0, "how long it must be so full", .unit = "s", .min = 0,
          .max = 86400),
    FIELD(struct occupancy_policy, queue_limit, RECORD_WHOLE, "more waiting than this raises a signal; 0: no limit",
          .min = 0, .max = 100000),
    FIELD(struct occupancy_policy, queue_seconds, 0, "who is inside this long waits", .unit = "s", .min = 0,
          .max = 86400),
    FIELD(struct occupancy_policy, occupancy_interval_seconds, 0,
          "between occupancy records while a zone's count does not change; 0: none", .unit = "s", .min = 0,
          .max = 86400),
};
static const struct record_descriptor occupancy_descriptor =
    RECORD(struct occupancy_policy, "OccupancyPolicy", 1, occupancy_fields, "How many, where and how long.");

static const struct record_field identity_fields[] = {
    FIELD(struct identity_policy, identity_enabled, RECORD_NOT_YET, "faces are compared with those of employees",
          .default_text = "false"),
    FIELD(struct identity_policy, match_threshold, RECORD_NOT_YET, "how alike is the same", .min = 0, .max = 1,
          .default_text = "0.6"),
    FIELD(struct identity_policy, cache_seconds, RECORD_NOT_YET, "how long an answer for a track is kept", .unit = "s",
          .min = 0, .max = 86400, .default_text = "300"),
};
static const struct record_descriptor identity_descriptor =
    RECORD(struct identity_policy, "IdentityPolicy", 1, identity_fields, "Who is known.");

static const struct record_field attendance_fields[] = {
    FIELD(struct attendance_policy, attendance_enabled, RECORD_NOT_YET, "attendance is noted", .default_text = "false"),
    FIELD(struct attendance_policy, late_grace_minutes, RECORD_NOT_YET, "so late is not late", .unit = "min", .min = 0,
          .max = 240, .default_text = "5"),
};
static const struct record_descriptor attendance_descriptor =
    RECORD(struct attendance_policy, "AttendancePolicy", 1, attendance_fields, "When who is at work.");

static const struct record_field vehicles_fields[] = {
    FIELD(struct vehicles_policy, plates_enabled, RECORD_NOT_YET, "plates are read", .default_text = "false"),
    FIELD(struct vehicles_policy, plate_confidence, RECORD_NOT_YET, "least confidence of a reading", .min = 0, .max = 1,
          .default_text = "0.8"),
};
static const struct record_descriptor vehicles_descriptor =
    RECORD(struct vehicles_policy, "VehiclesPolicy", 1, vehicles_fields, "Which plates are read.");

const struct policy_type_info policy_types[] = {
    {POLICY_PRIVACY, &privacy_policy_descriptor, 0, true},
    {POLICY_DETECTION, &detection_descriptor, POLICY_TARGET_CAMERA | POLICY_TARGET_DETECTOR, true},
    {POLICY_MOTION, &motion_descriptor, POLICY_TARGET_MOTION, true},
    {POLICY_RECORDING, &recording_descriptor, 0, false},
    {POLICY_RETENTION, &retention_policy_descriptor, 0, false, "attendance_days"},
    {POLICY_NOTIFY, &notify_descriptor, 0, false},
    {POLICY_ANTITHEFT, &antitheft_descriptor, POLICY_TARGET_ZONES, false},
    {POLICY_SAFETY, &safety_descriptor, POLICY_TARGET_ZONES | POLICY_TARGET_RULES | POLICY_TARGET_RULING, false},
    {POLICY_EDUCATION, &education_descriptor, 0, false},
    {POLICY_OCCUPANCY, &occupancy_descriptor, POLICY_TARGET_ZONES | POLICY_TARGET_RULING, false},
    {POLICY_IDENTITY, &identity_descriptor, 0, false},
    {POLICY_ATTENDANCE, &attendance_descriptor, 0, false},
    {POLICY_VEHICLES, &vehicles_descriptor, 0, false},
};
G_STATIC_ASSERT(G_N_ELEMENTS(policy_types) == POLICY_TYPES);

const struct policy_type_info *policy_type_find(enum policy_type type)
{
    return type >= 1 && type < POLICY_TYPE_END ? &policy_types[type - 1] : NULL;
}

static const struct record_field overlay_fields[] = {
    FIELD(struct policy_overlay, name, RECORD_REQUIRED | RECORD_TEXT_ID, "tells it from the document's others"),
    FIELD_LIST(struct policy_overlay, schedule, &schedule_window_descriptor, 0, "when it is in force", .min_count = 1,
               .max_count = 64),
    FIELD(struct policy_overlay, time_zone, 0, "of the schedule, e.g. Europe/Berlin; empty: UTC", .max_count = 64),
    FIELD(struct policy_overlay, config, RECORD_REQUIRED, "the keys that it changes"),
};

static void overlay_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct policy_overlay *overlay = record;
    time_zone_check(overlay->time_zone, path, errors);
}

const struct record_descriptor policy_overlay_descriptor =
    RECORD(struct policy_overlay, "PolicyOverlay", 1, overlay_fields,
           "What a policy says at some hours, above what every level says at the others.", .check = overlay_check);
