#include "facts/rules.h"

#include <math.h>
#include <string.h>

#include "base/zone.h"

const char *const weekday_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};
const char *const anchor_names[] = {"bottom", "centre", "top", NULL};

/* ---- schedules ---- */

static const struct record_field schedule_window_fields[] = {
    FIELD(struct schedule_window, days, 0, "mon, tue, wed, thu, fri, sat, sun; empty: every day",
          .max_count = WEEKDAYS),
    FIELD(struct schedule_window, from, 0, "HH:MM in the camera's time zone", .max_count = 5, .default_text = "00:00"),
    FIELD(struct schedule_window, to, 0,
          "HH:MM; not after from: it ends on the next day, so that a window may cross midnight", .max_count = 5,
          .default_text = "24:00"),
};

int schedule_parse_minute(const char *text)
{
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : !g_ascii_isdigit(text[i]))
            return -1;
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    bool is_time = !text[5] && minute < 60 && (hour < 24 || (hour == 24 && minute == 0));
    return is_time ? hour * 60 + minute : -1;
}

static void minute_check(const char *text, const char *path, const char *name, struct record_errors *errors)
{
    if (schedule_parse_minute(text ? text : "") >= 0)
        return;
    g_autofree char *where = g_strconcat(path, *path ? "." : "", name, NULL);
    record_errors_add(errors, where, "%s: must be a time of day from 00:00 to 24:00, in quotes", text ? text : "");
}

static void schedule_window_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct schedule_window *window = record;
    minute_check(window->from, path, "from", errors);
    minute_check(window->to, path, "to", errors);
    for (size_t i = 0; i < window->days.count; i++) {
        if (record_enum_value(weekday_names, window->days.items[i]))
            continue;
        g_autofree char *where = g_strdup_printf("%s%sdays[%zu]", path, *path ? "." : "", i);
        record_errors_add(errors, where, "%.16s: must be one of mon, tue, wed, thu, fri, sat, sun",
                          window->days.items[i]);
    }
}

const struct record_descriptor schedule_window_descriptor =
    RECORD(struct schedule_window, "ScheduleWindow", 1, schedule_window_fields, "A part of a week.",
           .check = schedule_window_check);

/* ---- a camera's rules ---- */

static const double ground_max_m = 100000;

static const struct record_field camera_rules_fields[] = {
    FIELD(
        struct camera_rules, time_zone, 0,
        "of schedules, e.g. Europe/Berlin; empty: UTC, but that of its site is taken once the API gives it a schedule",
        .max_count = 64),
    FIELD(
        struct camera_rules, calibration_image, 0,
        "four points of the ground as the picture shows them, in order around what they enclose; empty: speeds are in "
        "frame widths a second",
        .min = 0, .max = 1, .max_count = 4),
    FIELD(struct camera_rules, calibration_ground, 0, "where the same four points are on the ground", .unit = "m",
          .min = -ground_max_m, .max = ground_max_m, .max_count = 4),
    FIELD(struct camera_rules, tamper_seconds, 0,
          "a camera that is covered, blurred, moved or dark this long raises a signal; 0: never", .unit = "s", .min = 0,
          .max = 3600, .default_text = "5"),
    FIELD(struct camera_rules, tamper_covered, 0,
          "covered: less than this share of the usual edges and of the usual contrast is seen", .min = 0, .max = 1,
          .default_text = "0.4"),
    FIELD(struct camera_rules, tamper_blurred, 0,
          "blurred: less than this share of the usual edges is seen, while the contrast stays", .min = 0, .max = 1,
          .default_text = "0.45"),
    FIELD(struct camera_rules, tamper_moved, 0,
          "moved: less than this share of the places looks as usual, while there are edges; the picture shifted as a "
          "whole is told at once, unless this is 0",
          .min = 0, .max = 1, .default_text = "0.35"),
    FIELD(struct camera_rules, tamper_dark, 0, "dark: the picture's mean luma is below this; 0: never", .min = 0,
          .max = 255, .default_text = "24"),
    FIELD(struct camera_rules, frozen_seconds, 0,
          "pictures that are the same to the last bit this long raise a signal; 0: never", .unit = "s", .min = 0,
          .max = 3600, .default_text = "30"),
    FIELD(struct camera_rules, fall_seconds, 0,
          "experimental: someone who was upright and lies this long raises a signal; 0: not looked for. It sees boxes "
          "only, misses falls towards the camera, and is no substitute for an alarm",
          .unit = "s", .min = 0, .max = 600, .default_text = "0"),
};

/* Twice the signed area of a triangle. */
static double triangle(struct record_point a, struct record_point b, struct record_point c)
{
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/* Only four corners of which no three lie on a line, in order around a convex shape, say how a plane lies. The smallest
 * corner is held against the whole, so that metres and shares of a picture are judged alike. */
static bool quad_is_sound(const struct record_points *quad)
{
    static const double corner_min_share = 0.02;
    const struct record_point *p = quad->items;
    double whole = triangle(p[0], p[1], p[2]) + triangle(p[0], p[2], p[3]);
    for (int i = 0; i < 4; i++)
        if (!(triangle(p[i], p[(i + 1) % 4], p[(i + 2) % 4]) / whole > corner_min_share))
            return false;
    return true;
}

static void quad_check(const struct record_points *quad, const struct record_points *other, const char *path,
                       const char *name, struct record_errors *errors)
{
    g_autofree char *where = g_strconcat(path, *path ? "." : "", name, NULL);
    if (quad->count != 4 && (quad->count > 0 || other->count > 0))
        record_errors_add(errors, where, "has %zu points: calibration needs four in the picture and four on the ground",
                          quad->count);
    else if (quad->count == 4 && !quad_is_sound(quad))
        record_errors_add(errors, where,
                          "is degenerate: no three of the four points may lie on a line, and they must be in order "
                          "around a shape without a dent");
}

void time_zone_check(const char *name, const char *path, struct record_errors *errors)
{
    if (!name || !*name)
        return;
    if (zone_name_is_valid(name, NULL)) /* GLib would open any file that a tenant names */
        return;
    g_autofree char *where = g_strconcat(path, *path ? "." : "", "time_zone", NULL);
    record_errors_add(errors, where, "%s: is not known here: give a name of the tz database like Europe/Berlin", name);
}

static void camera_rules_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct camera_rules *rules = record;
    quad_check(&rules->calibration_image, &rules->calibration_ground, path, "calibration_image", errors);
    quad_check(&rules->calibration_ground, &rules->calibration_image, path, "calibration_ground", errors);
    time_zone_check(rules->time_zone, path, errors);
}

const struct record_descriptor camera_rules_descriptor =
    RECORD(struct camera_rules, "CameraRules", 1, camera_rules_fields, "What rules are told about one camera.",
           .check = camera_rules_check);
