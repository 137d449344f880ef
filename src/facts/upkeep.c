#include "facts/upkeep.h"

#include "base/zone.h"

static const struct record_field jobs_fields[] = {
    FIELD(struct jobs_settings, time_zone, RECORD_NEEDS_RESTART,
          "in which the schedules of jobs are read, like Europe/Berlin; empty: the machine's own", .max_count = 64,
          .check_text = zone_name_is_valid),
    FIELD(struct jobs_settings, threads, RECORD_NEEDS_RESTART, "jobs that run at the same time", .min = 1, .max = 16,
          .default_text = "2"),
    FIELD(struct jobs_settings, lease_seconds, RECORD_NEEDS_RESTART,
          "a run whose server gave no sign of life for so long is taken over by another", .unit = "s", .min = 5,
          .max = 86400, .default_text = "120"),
};
const struct record_descriptor jobs_settings_descriptor =
    RECORD(struct jobs_settings, "JobsSettings", 1, jobs_fields, "What the server does by the clock.");

#define DAYS(member, default_days, doc_text)                                                                           \
    FIELD(struct retention_settings, member, 0, doc_text " are kept so long; 0: for ever", .unit = "days", .min = 0,   \
          .max = 36500, .default_text = default_days)
static const struct record_field retention_fields[] = {
    DAYS(event_days, "90", "signals"),
    DAYS(occupancy_days, "30", "what was counted (crossings, zone hits, occupancy)"),
    DAYS(occupancy_hourly_days, "400", "counts by the hour"),
    DAYS(occupancy_daily_days, "1830", "counts by the day"),
    DAYS(count_days, "400", "each line's and zone's counts of a UTC day"),
    DAYS(quarantine_days, "30", "records put aside because their time cannot be right"),
    DAYS(access_log_days, "90", "access logs"),
    DAYS(attendance_days, "365", "attendance records"),
    DAYS(vehicle_log_days, "90", "vehicle logs"),
    DAYS(job_run_days, "90", "runs of jobs"),
    DAYS(incident_days, "365", "incidents"),
    DAYS(violation_days, "365", "violations"),
    DAYS(track_days, "7", "stored tracks, which policies are tried on,"),
    FIELD(struct retention_settings, batch_rows, 0, "rows deleted in one transaction, at most", .min = 1, .max = 100000,
          .default_text = "500"),
    FIELD(struct retention_settings, batch_ms, 0,
          "so long may one take, for those who write; where rows take longer, fewer are deleted at once", .unit = "ms",
          .min = 1, .max = 60000, .default_text = "15"),
    FIELD(struct retention_settings, pause_ms, 0, "between two such transactions, for those who write", .unit = "ms",
          .min = 0, .max = 60000, .default_text = "20"),
    FIELD(struct retention_settings, drop_wait_ms, 0,
          "so long may those who read and write wait while a day that is over is taken out of PostgreSQL as a whole; "
          "when it is in use for longer, it is tried again, and its rows go one by one in the end",
          .unit = "ms", .min = 1, .max = 60000, .default_text = "25"),
    FIELD(struct retention_settings, window, 0,
          "the part of the day in which rows are deleted, like 22:00-06:00; empty: whenever the job runs",
          .max_count = 16),
    FIELD(struct retention_settings, clock_gap_days, 0,
          "when the last run is longer ago by the clock, nothing is deleted until someone says that the clock is right "
          "(vedette retention confirm-clock); 0: never doubted",
          .unit = "days", .min = 0, .max = 3650, .default_text = "14"),
    FIELD(struct retention_settings, alarm_days, 0, "a disk that will be full within so long is an alarm",
          .unit = "days", .min = 0, .max = 3650, .default_text = "14"),
    FIELD(
        struct retention_settings, status_rows, 0,
        "rows looked at, at most, to tell how those of one camera and table stand; the answer says when there are more",
        .min = 1, .max = 10000000, .default_text = "100000"),
};
const struct record_descriptor retention_settings_descriptor = RECORD(
    struct retention_settings, "RetentionSettings", 1, retention_fields, "How long things are kept, for each org.");
