#include "facts/report.h"

static const struct record_field summary_fields[] = {
    FIELD(struct track_summary, camera_id, RECORD_REQUIRED, "the camera"),
    FIELD(struct track_summary, track_id, RECORD_REQUIRED, "unique for the camera for ever"),
    FIELD(struct track_summary, object_class, RECORD_REQUIRED, "what it is"),
    FIELD(struct track_summary, first_at, RECORD_REQUIRED, "first seen, within what was asked for"),
    FIELD(struct track_summary, last_at, RECORD_REQUIRED, "last seen, likewise"),
    FIELD(struct track_summary, observations, RECORD_REQUIRED, "in so many pictures"),
    FIELD(struct track_summary, confidence, RECORD_REQUIRED, "the best of them", .min = 0, .max = 1),
    FIELD(struct track_summary, first_box, RECORD_REQUIRED, "where it was first"),
    FIELD(struct track_summary, last_box, RECORD_REQUIRED, "and last"),
};
const struct record_descriptor track_summary_descriptor =
    RECORD(struct track_summary, "TrackSummary", 1, summary_fields, "A track that is stored.");

static const struct record_field point_fields[] = {
    FIELD(struct track_point, at, RECORD_REQUIRED, "capture time"),
    FIELD(struct track_point, box, RECORD_REQUIRED, "where in the frame"),
    FIELD(struct track_point, confidence, RECORD_REQUIRED, "how sure", .min = 0, .max = 1),
};
const struct record_descriptor track_point_descriptor =
    RECORD(struct track_point, "TrackPoint", 1, point_fields, "A track in one picture.");

static const struct record_field path_fields[] = {
    FIELD(struct track_path, camera_id, RECORD_REQUIRED, "the camera"),
    FIELD(struct track_path, track_id, RECORD_REQUIRED, "unique for the camera for ever"),
    FIELD(struct track_path, object_class, RECORD_REQUIRED, "what it is"),
    FIELD_LIST(struct track_path, points, &track_point_descriptor, 0, "where it was, oldest first"),
    FIELD(struct track_path, is_complete, RECORD_REQUIRED,
          "these are all of what was asked for; false: ask for what comes after the last"),
};
const struct record_descriptor track_path_descriptor =
    RECORD(struct track_path, "TrackPath", 1, path_fields, "The path of one track.");

const char *const report_section_names[] = {"signals", "incidents", "line", "zone", "camera", NULL};
const char *const report_period_names[] = {"day", "week", "month", NULL};

static const struct record_field line_fields[] = {
    FIELD_ENUM(
        struct report_line, section, report_section_names, RECORD_REQUIRED | RECORD_KEY,
        "what the line is about: signals by camera, kind and severity, incidents by kind, a line, a zone, a camera"),
    FIELD(struct report_line, site_id, RECORD_REQUIRED, "the site"),
    FIELD(struct report_line, from, RECORD_REQUIRED, "from then on: the period by the site's clocks"),
    FIELD(struct report_line, to, RECORD_REQUIRED, "until before then"),
    FIELD(struct report_line, camera_id, RECORD_KEY, "the camera, but of incidents"),
    FIELD(struct report_line, subject_id, RECORD_KEY, "the line or zone"),
    FIELD(struct report_line, kind, RECORD_KEY, "of signals and incidents"),
    FIELD(struct report_line, severity, RECORD_KEY, "of signals, and the worst of incidents"),
    FIELD(struct report_line, count, 0, "how many signals or incidents"),
    FIELD(struct report_line, entries, 0, "entered the zone, or crossed the line inwards"),
    FIELD(struct report_line, exits, 0, "left the zone, or crossed the line outwards"),
    FIELD(struct report_line, peak, 0, "the most in the zone at once"),
    FIELD(struct report_line, average, 0, "in the zone, on average"),
    FIELD(struct report_line, dwell_seconds_mean, 0, "how long those who left had stayed, on average", .unit = "s"),
    FIELD(struct report_line, uptime, 0,
          "the share of the period, up to now and since the camera was made or last enabled, in which no incident "
          "camera_offline stood for it; absent: of the period there is none",
          .min = 0, .max = 1),
};
const struct record_descriptor report_line_descriptor =
    RECORD(struct report_line, "ReportLine", 1, line_fields, "A line of a report.");
