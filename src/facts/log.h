/* Facts: logs of people and vehicles: who came in where, who was at work when, which vehicle passed which gate. */
#pragma once

#include "record/record.h"

enum passage { PASSAGE_IN = 1, PASSAGE_OUT };
extern const char *const passage_names[];

/* One person who was recognised, or not, at a door. */
enum recognition_source { RECOGNITION_LOCAL = 1, RECOGNITION_REKOGNITION };
extern const char *const recognition_source_names[];
struct access_log {
    char *org_id, *site_id, *camera_id, *id;
    char *employee_id; /* "unknown": nobody known */
    char *door;
    enum passage direction; /* 0: not told */
    double confidence;
    struct record_time at;
    enum recognition_source source;
};
extern const struct record_descriptor access_log_descriptor;

/* One employee's day at work. */
enum attendance_status {
    ATTENDANCE_PRESENT = 1,
    ATTENDANCE_LATE,
    ATTENDANCE_ABSENT,
    ATTENDANCE_HALF_DAY,
    ATTENDANCE_ON_LEAVE
};
extern const char *const attendance_status_names[];
struct attendance_record {
    char *org_id, *employee_id;
    struct record_time day; /* its first moment, by the clocks of the shift */
    struct record_time check_in, check_out;
    int32_t worked_minutes, late_minutes, early_leave_minutes, overtime_minutes;
    enum attendance_status status;
    char *corrected_by; /* a user's id, when a person set it right */
};
extern const struct record_descriptor attendance_record_descriptor;

/* One vehicle that passed a gate. */
enum vehicle_list { VEHICLE_ALLOWED = 1, VEHICLE_BLOCKED, VEHICLE_VISITOR };
extern const char *const vehicle_list_names[];
struct vehicle_log {
    char *org_id, *site_id, *camera_id, *id;
    char *plate; /* normalised: capital letters and digits */
    double confidence;
    char *gate;
    enum passage direction; /* 0: not told */
    struct record_time at;
    char *vehicle_class, *colour;
    enum vehicle_list list; /* 0: the plate is on none */
    char *snapshot_id;
};
extern const struct record_descriptor vehicle_log_descriptor;
