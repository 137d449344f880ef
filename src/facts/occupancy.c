#include "facts/occupancy.h"

#include "facts/settings.h"

const char *const occupancy_kind_names[] = {"zone", "line", NULL};
const char *const rollup_level_names[] = {"hour", "day", "month", NULL};
const char *const quarantine_reason_names[] = {"late", "future", NULL};

static const struct record_field bucket_fields[] = {
    FIELD(struct occupancy_bucket, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct occupancy_bucket, site_id, RECORD_REQUIRED | RECORD_KEY, "by whose clocks; empty: UTC"),
    FIELD(struct occupancy_bucket, bucket, RECORD_REQUIRED | RECORD_KEY, "its first moment"),
    FIELD(struct occupancy_bucket, camera_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the camera"),
    FIELD(struct occupancy_bucket, subject_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the zone or line"),
    FIELD_ENUM(struct occupancy_bucket, kind, occupancy_kind_names, RECORD_REQUIRED, "which of them it is"),
    FIELD(struct occupancy_bucket, count, 0, "in the zone when it was last told"),
    FIELD(struct occupancy_bucket, entries, 0, "entered the zone, or crossed the line inwards"),
    FIELD(struct occupancy_bucket, exits, 0, "left the zone, or crossed the line outwards"),
    FIELD(struct occupancy_bucket, peak, 0, "the most in the zone at once"),
    FIELD(struct occupancy_bucket, count_sum, 0, "sum of what was told of how many are in the zone"),
    FIELD(struct occupancy_bucket, count_count, 0, "how often it was told; the average is their quotient"),
    FIELD(struct occupancy_bucket, dwell_ms_sum, 0, "how long those who left had stayed, together", .unit = "ms"),
    FIELD(struct occupancy_bucket, dwell_count, 0, "how many of them; the mean is their quotient"),
};
const struct record_descriptor occupancy_hourly_descriptor =
    RECORD(struct occupancy_bucket, "OccupancyHourly", 1, bucket_fields, "A zone or line in one hour.",
           .table = "occupancy_hourly");
const struct record_descriptor occupancy_daily_descriptor =
    RECORD(struct occupancy_bucket, "OccupancyDaily", 1, bucket_fields, "A zone or line on one day of its site.",
           .table = "occupancy_daily");
const struct record_descriptor occupancy_monthly_descriptor =
    RECORD(struct occupancy_bucket, "OccupancyMonthly", 1, bucket_fields, "A zone or line in one month of its site.",
           .table = "occupancy_monthly");

static const struct record_field mark_fields[] = {
    FIELD(struct rollup_mark, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD_ENUM(struct rollup_mark, level, rollup_level_names, RECORD_REQUIRED | RECORD_KEY, "of what length"),
    FIELD(struct rollup_mark, site_id, RECORD_REQUIRED | RECORD_KEY, "by whose clocks; empty: UTC"),
    FIELD(struct rollup_mark, bucket, RECORD_REQUIRED | RECORD_KEY, "its first moment"),
    FIELD(struct rollup_mark, marks, RECORD_REQUIRED, "counts up with each that is new"),
};
const struct record_descriptor rollup_mark_descriptor =
    RECORD(struct rollup_mark, "RollupMark", 1, mark_fields, "What must be counted anew.", .table = "rollup_marks");

static const struct record_field quarantined_fields[] = {
    FIELD(struct quarantined_event, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct quarantined_event, camera_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the camera"),
    FIELD(struct quarantined_event, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD_ENUM(struct quarantined_event, reason, quarantine_reason_names, RECORD_REQUIRED, "why it was put aside"),
    FIELD_ENUM(struct quarantined_event, type, event_type_names, RECORD_REQUIRED, "what the payload is"),
    FIELD(struct quarantined_event, site_id, RECORD_TEXT_ID, "the camera's"),
    FIELD(struct quarantined_event, occurred_at, RECORD_REQUIRED, "the capture time it claims"),
    FIELD(struct quarantined_event, received_at, RECORD_REQUIRED | RECORD_INDEXED, "when the hub took it in"),
    FIELD(struct quarantined_event, payload, RECORD_REQUIRED, "the record named by type"),
};
const struct record_descriptor quarantined_event_descriptor =
    RECORD(struct quarantined_event, "QuarantinedEvent", 1, quarantined_fields,
           "A record put aside because its time cannot be right.", .table = "quarantined_events");

enum quarantine_reason quarantine_reason_of(const struct analytics_event *event, const struct store_settings *settings,
                                            int64_t now_ms)
{
    static const int64_t minute_ms = 60000, day_ms = INT64_C(86400000);
    if (event_is_kept_apart(event->type))
        return 0; /* never counted, and its time is the frames' own */
    int64_t at_ms = event->occurred_at.ms;
    if (settings->early_minutes && at_ms > now_ms + settings->early_minutes * minute_ms)
        return QUARANTINE_FUTURE;
    if (settings->late_days && event->type != EVENT_SIGNAL && at_ms < now_ms - settings->late_days * day_ms)
        return QUARANTINE_LATE;
    return 0;
}

static const struct record_field legal_hold_fields[] = {
    FIELD(struct legal_hold, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct legal_hold, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct legal_hold, camera_id, RECORD_TEXT_ID, "of this camera alone; absent: of all"),
    FIELD(struct legal_hold, from_at, 0, "from then on; absent: from the beginning"),
    FIELD(struct legal_hold, to_at, 0, "until then; absent: without an end"),
    FIELD(struct legal_hold, reason, RECORD_REQUIRED, "why", .min_count = 1, .max_count = 1024),
    FIELD(struct legal_hold, created_by, RECORD_READ_ONLY, "who set it", .max_count = 128),
    FIELD(struct legal_hold, created_at, RECORD_READ_ONLY, "when"),
    FIELD(struct legal_hold, released_at, RECORD_READ_ONLY, "when it ended; absent: it stands"),
};
const struct record_descriptor legal_hold_descriptor = RECORD(
    struct legal_hold, "LegalHold", 1, legal_hold_fields, "Rows that retention must leave.", .table = "legal_holds");

static void hold_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct legal_hold *hold = record;
    g_autofree char *where = g_strconcat(path, *path ? "." : "", "to_at", NULL);
    if (hold->from_at.ms && hold->to_at.ms && hold->to_at.ms <= hold->from_at.ms)
        record_errors_add(errors, where, "must be after from_at, or nothing is held");
}

static const struct record_field legal_hold_request_fields[] = {
    FIELD(struct legal_hold, camera_id, RECORD_TEXT_ID, "of this camera alone; absent: of all"),
    FIELD(struct legal_hold, from_at, 0, "from then on; absent: from the beginning"),
    FIELD(struct legal_hold, to_at, 0, "until then; absent: without an end"),
    FIELD(struct legal_hold, reason, RECORD_REQUIRED, "why", .min_count = 1, .max_count = 1024),
};
const struct record_descriptor legal_hold_request_descriptor =
    RECORD(struct legal_hold, "LegalHoldRequest", 1, legal_hold_request_fields, "What POST /api/v1/legal-holds takes.",
           .check = hold_check);

static const struct record_field sample_fields[] = {
    FIELD(struct storage_sample, at, RECORD_REQUIRED | RECORD_KEY, "when"),
    FIELD(struct storage_sample, free_bytes, RECORD_REQUIRED, "on the data directory's disk", .unit = "bytes"),
    FIELD(struct storage_sample, disk, RECORD_KEY, "the hub's host, data directory and name", .since = 2),
};
const struct record_descriptor storage_sample_descriptor = RECORD(
    struct storage_sample, "StorageSample", 2, sample_fields, "How much room there was.", .table = "storage_samples");

static const struct record_field retention_view_fields[] = {
    FIELD(struct retention_view, table, RECORD_REQUIRED | RECORD_KEY, "what is kept"),
    FIELD(struct retention_view, camera_id, RECORD_KEY, "of this camera; absent: of none"),
    FIELD(struct retention_view, days, 0, "so long; 0: for ever", .unit = "days"),
    FIELD(struct retention_view, oldest_at, 0, "the oldest that is kept; absent: there is none"),
    FIELD(struct retention_view, cutoff_at, 0, "older ones go at the next run; absent: none do"),
    FIELD(struct retention_view, due_rows, 0, "older rows that go at the next run; -1: not counted"),
    FIELD(struct retention_view, held_rows, 0, "older rows that stay; -1: not counted", .since = 2),
    FIELD(struct retention_view, held_by, 0, "what keeps those: legal_hold, rollup, or legal_hold, rollup"),
    FIELD(struct retention_view, is_partial, 0,
          "as many rows were looked at as may be (retention.status_rows): oldest_at may be missing, and there may be "
          "more "
          "of both counts",
          .since = 2),
    FIELD(
        struct retention_view, disk_full_at, 0,
        "when the first disk that has records will be full at the present rate; absent: not in sight, or not known yet",
        .since = 2),
};
const struct record_descriptor retention_view_descriptor = RECORD(
    struct retention_view, "Retention", 2, retention_view_fields, "How long a table's rows of a camera are kept.");
