/* Facts: the settings of what the server does by the clock: jobs and retention. */
#pragma once

#include "record/record.h"

struct jobs_settings {
    char *time_zone; /* in which schedules are read; empty: the machine's own */
    int32_t threads;
    int32_t lease_seconds; /* without a sign of life for so long, another server takes a run over */
};
extern const struct record_descriptor jobs_settings_descriptor;

/* Days that are kept; 0: for ever. */
struct retention_settings {
    int32_t event_days, occupancy_days, occupancy_hourly_days, occupancy_daily_days, count_days, quarantine_days,
        access_log_days, attendance_days, vehicle_log_days, job_run_days, track_days, incident_days, violation_days;
    int32_t batch_rows;     /* deleted in one transaction, at most */
    int32_t batch_ms;       /* so long may one take: fewer rows are deleted at once where they take longer */
    int32_t pause_ms;       /* between two of them, for those who write */
    int32_t drop_wait_ms;   /* so long may those who use a table wait for a day of it to be dropped */
    char *window;           /* "22:00-06:00": deletes only then; empty: always */
    int32_t clock_gap_days; /* longer since the last run: the clock is doubted */
    int32_t alarm_days;     /* the disk full within so long is an alarm */
    int32_t status_rows;    /* looked at to tell how one camera's rows of a table stand, at most */
};
extern const struct record_descriptor retention_settings_descriptor;
