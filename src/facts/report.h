/* Facts: what is told of tracks that are stored, and of what happened on a site in a day, a week or a month. */
#pragma once

#include "facts/event.h"

/* One track, as its camera's stored observations have it. */
struct track_summary {
    char *camera_id;
    uint64_t track_id;
    char *object_class;
    struct record_time first_at, last_at; /* seen, within what was asked for */
    int64_t observations;
    double confidence; /* the best */
    struct record_box first_box, last_box;
};
extern const struct record_descriptor track_summary_descriptor;

struct track_point {
    struct record_time at;
    struct record_box box;
    double confidence;
};
extern const struct record_descriptor track_point_descriptor;
struct track_path {
    char *camera_id;
    uint64_t track_id;
    char *object_class;
    struct record_list points; /* of struct track_point, oldest first */
    bool is_complete;          /* these are all of what was asked for */
};
extern const struct record_descriptor track_path_descriptor;

/* A report is a list of lines, so that it is a table as it stands; each says what it is about and how much there was.
 */
enum report_section { REPORT_SIGNALS = 1, REPORT_INCIDENTS, REPORT_LINE, REPORT_ZONE, REPORT_CAMERA };
extern const char *const report_section_names[];
enum report_period { REPORT_DAY = 1, REPORT_WEEK, REPORT_MONTH };
extern const char *const report_period_names[];
struct report_line {
    enum report_section section;
    char *site_id;
    struct record_time from, to; /* [from, to): the period by the site's clocks */
    char *camera_id, *subject_id;
    char *kind, *severity;
    struct record_optional count, entries, exits, peak, average, dwell_seconds_mean;
    struct record_optional uptime; /* 0..1 */
};
extern const struct record_descriptor report_line_descriptor;
