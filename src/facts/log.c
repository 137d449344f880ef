#include "facts/log.h"

const char *const passage_names[] = {"in", "out", NULL};
const char *const recognition_source_names[] = {"local", "rekognition", NULL};
const char *const attendance_status_names[] = {"present", "late", "absent", "half_day", "on_leave", NULL};
const char *const vehicle_list_names[] = {"allowed", "blocked", "visitor", NULL};

static const struct record_field access_fields[] = {
    FIELD(struct access_log, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct access_log, camera_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the camera at the door"),
    FIELD(struct access_log, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct access_log, site_id, RECORD_TEXT_ID, "the camera's"),
    FIELD(struct access_log, employee_id, RECORD_REQUIRED, "who it was; unknown: nobody known", .max_count = 64),
    FIELD(struct access_log, door, 0, "which door, where a camera sees several", .max_count = 64),
    FIELD_ENUM(struct access_log, direction, passage_names, 0, "which way; absent: not told"),
    FIELD(struct access_log, confidence, 0, "how sure it is who it was", .min = 0, .max = 1),
    FIELD(struct access_log, at, RECORD_REQUIRED | RECORD_INDEXED, "capture time"),
    FIELD_ENUM(struct access_log, source, recognition_source_names, RECORD_REQUIRED, "what recognised the face"),
};
const struct record_descriptor access_log_descriptor =
    RECORD(struct access_log, "AccessLog", 1, access_fields, "Someone who came to a door.", .table = "access_logs");

static const struct record_field attendance_fields[] = {
    FIELD(struct attendance_record, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct attendance_record, employee_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "who"),
    FIELD(struct attendance_record, day, RECORD_REQUIRED | RECORD_KEY | RECORD_INDEXED,
          "the day's first moment, by the clocks of the shift"),
    FIELD(struct attendance_record, check_in, 0, "first seen"),
    FIELD(struct attendance_record, check_out, 0, "last seen"),
    FIELD(struct attendance_record, worked_minutes, 0, "without breaks", .unit = "min", .min = 0, .max = 2880),
    FIELD(struct attendance_record, late_minutes, 0, "after the shift's beginning and its grace", .unit = "min",
          .min = 0, .max = 2880),
    FIELD(struct attendance_record, early_leave_minutes, 0, "before the shift's end", .unit = "min", .min = 0,
          .max = 2880),
    FIELD(struct attendance_record, overtime_minutes, 0, "after the shift's end", .unit = "min", .min = 0, .max = 2880),
    FIELD_ENUM(struct attendance_record, status, attendance_status_names, RECORD_REQUIRED, "what came of the day"),
    FIELD(struct attendance_record, corrected_by, 0, "the user who set it right; absent: nobody", .max_count = 64),
};
const struct record_descriptor attendance_record_descriptor =
    RECORD(struct attendance_record, "AttendanceRecord", 1, attendance_fields, "An employee's day at work.",
           .table = "attendance_records");

static const struct record_field vehicle_fields[] = {
    FIELD(struct vehicle_log, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct vehicle_log, camera_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the camera at the gate"),
    FIELD(struct vehicle_log, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct vehicle_log, site_id, RECORD_TEXT_ID, "the camera's"),
    FIELD(struct vehicle_log, plate, RECORD_REQUIRED, "the plate, as capital letters and digits", .max_count = 16),
    FIELD(struct vehicle_log, confidence, 0, "how sure the plate is", .min = 0, .max = 1),
    FIELD(struct vehicle_log, gate, 0, "which gate, where a camera sees several", .max_count = 64),
    FIELD_ENUM(struct vehicle_log, direction, passage_names, 0, "which way; absent: not told"),
    FIELD(struct vehicle_log, at, RECORD_REQUIRED | RECORD_INDEXED, "capture time"),
    FIELD(struct vehicle_log, vehicle_class, 0, "car, truck, …", .max_count = 32),
    FIELD(struct vehicle_log, colour, 0, "as seen", .max_count = 32),
    FIELD_ENUM(struct vehicle_log, list, vehicle_list_names, 0, "the list that the plate is on; absent: none"),
    FIELD(struct vehicle_log, snapshot_id, RECORD_TEXT_ID, "the image of it, where there is one"),
};
const struct record_descriptor vehicle_log_descriptor = RECORD(
    struct vehicle_log, "VehicleLog", 1, vehicle_fields, "A vehicle that passed a gate.", .table = "vehicle_logs");
