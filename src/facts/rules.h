/* Facts: what rules are told about one camera: when zones and lines raise signals, how the picture lies on the ground,
 * and what counts as tampering. What each field means stands once, in rules.c's tables. */
#pragma once

#include "record/record.h"

/* Minutes of some weekdays. Crosses midnight when `to` is not after `from`; it then belongs to the day of `from`. */
struct schedule_window {
    struct record_strings days; /* "mon" … "sun"; empty: every day */
    char *from, *to;            /* "HH:MM" */
};
extern const struct record_descriptor schedule_window_descriptor;

enum { WEEKDAYS = 7, MINUTES_A_DAY = 24 * 60 };
extern const char *const weekday_names[]; /* from monday; NULL-terminated */
/* Minutes since midnight of "HH:MM", 24:00 allowed; -1 when it is no time of day. */
int schedule_parse_minute(const char *text);
/* Adds an error at path.time_zone when the tz database has no such name. Empty is fine: UTC. */
void time_zone_check(const char *name, const char *path, struct record_errors *errors);

/* Which point of a track's box says where it is. */
enum anchor { ANCHOR_BOTTOM = 1, ANCHOR_CENTRE, ANCHOR_TOP };
extern const char *const anchor_names[];

struct camera_rules {
    char *time_zone;
    struct record_points calibration_image, calibration_ground; /* none, or four each */
    double tamper_seconds;                                      /* 0: tampering is not looked for */
    double tamper_covered, tamper_blurred, tamper_moved;
    int32_t tamper_dark;
    double frozen_seconds;
    double fall_seconds; /* 0: not looked for */
};
extern const struct record_descriptor camera_rules_descriptor;
