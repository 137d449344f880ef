/* Facts: what a policy may say: one record for each type, and ONE table of the types.
 *
 * A document says only what its level changes; what no level says keeps its default, or, for optional members that are
 * absent, what the camera or the settings say themselves. A key that has a namesake in the camera, its zones and lines
 * or the settings (policy_types.c names where) takes its place.
 */
#pragma once

#include "record/record.h"

enum policy_type {
    POLICY_PRIVACY = 1,
    POLICY_DETECTION,
    POLICY_MOTION,
    POLICY_RECORDING,
    POLICY_RETENTION,
    POLICY_NOTIFY,
    POLICY_ANTITHEFT,
    POLICY_SAFETY,
    POLICY_EDUCATION,
    POLICY_OCCUPANCY,
    POLICY_IDENTITY,
    POLICY_ATTENDANCE,
    POLICY_VEHICLES,
    POLICY_TYPE_END,
};
enum { POLICY_TYPES = POLICY_TYPE_END - 1 };
extern const char *const policy_type_names[];

struct privacy_policy {
    bool face_blur_enabled;          /* people are hidden */
    bool license_plate_blur_enabled; /* vehicles are hidden */
    double blur_strength;            /* 0..1: how coarse */
};
extern const struct record_descriptor privacy_policy_descriptor;
struct detection_policy {
    struct record_optional analyse_fps, confidence, full_seconds, stationary_seconds, region_share;
    struct record_strings classes; /* empty: every class */
};
struct motion_policy {
    struct record_optional sensitivity, minimum_area, learn_seconds;
};
struct recording_policy {
    bool recording_enabled;
    double before_seconds, after_seconds;
};
/* Days; what no level says goes by the setting `retention`. */
struct retention_policy {
    struct record_optional access_log_days, attendance_days, vehicle_log_days, occupancy_raw_days, event_days,
        track_days;
    bool legal_hold;
};
struct notify_policy {
    bool notify_enabled;
    enum notify_severity {
        NOTIFY_INFO = 1,
        NOTIFY_LOW,
        NOTIFY_MEDIUM,
        NOTIFY_HIGH,
        NOTIFY_CRITICAL
    } minimum_severity; /* values as enum severity */
};
struct antitheft_policy {
    struct record_optional left_seconds, taken_seconds;
    double shelf_out_delta;
};
struct safety_policy {
    struct record_optional loitering_seconds, speed_limit, tamper_seconds, frozen_seconds, fall_seconds,
        cooldown_seconds;
};
struct education_policy {
    double window_seconds;
    int32_t minimum_faces;
};
struct occupancy_policy {
    struct record_optional dwell_seconds, occupancy_limit, hysteresis, crowd_limit, crowd_seconds, queue_limit,
        queue_seconds, occupancy_interval_seconds;
};
struct identity_policy {
    bool identity_enabled;
    double match_threshold;
    double cache_seconds;
};
struct attendance_policy {
    bool attendance_enabled;
    double late_grace_minutes;
};
struct vehicles_policy {
    bool plates_enabled;
    double plate_confidence;
};

extern const struct record_descriptor retention_policy_descriptor;

/* Where the namesakes of a type's keys may stand: bits. */
enum policy_target {
    POLICY_TARGET_ZONES = 1 << 0,    /* of the camera */
    POLICY_TARGET_CAMERA = 1 << 1,   /* the camera itself */
    POLICY_TARGET_RULES = 1 << 2,    /* camera.rules */
    POLICY_TARGET_RULING = 1 << 3,   /* the setting `rules` */
    POLICY_TARGET_MOTION = 1 << 4,   /* the setting `motion` */
    POLICY_TARGET_DETECTOR = 1 << 5, /* the setting `detector` */
};

struct policy_type_info {
    enum policy_type type;
    const struct record_descriptor *descriptor;
    unsigned targets; /* enum policy_target */
    /* It changes what is seen, not what is made of it: stored tracks cannot tell what they would have been. */
    bool acts_before_tracks;
    /* A key of records that are of no camera: only what holds for everyone or an org may say it. NULL: there is none.
     */
    const char *org_key;
};
/* ONE table of the types, by enum policy_type from 1. */
extern const struct policy_type_info policy_types[];
/* NULL when there is no such type. */
const struct policy_type_info *policy_type_find(enum policy_type type);

/* What an overlay adds to a document while its schedule says so: the key `overlays` of any document. */
struct policy_overlay {
    char *name;
    struct record_list schedule; /* of struct schedule_window */
    char *time_zone;             /* empty: UTC */
    struct record_json config;   /* keys of the type */
};
extern const struct record_descriptor policy_overlay_descriptor;
