/* Facts: what was counted, by hour, day and month; what was put aside; and what retention tells. */
#pragma once

#include "facts/event.h"

enum occupancy_kind { OCCUPANCY_OF_ZONE = 1, OCCUPANCY_OF_LINE };
extern const char *const occupancy_kind_names[];

/* One line or zone in one hour, day or month of its site's clocks. Sums and counts rather than means, so that a day is
 * the sum of its hours. */
struct occupancy_bucket {
    char *org_id, *site_id;    /* site "": of none */
    struct record_time bucket; /* its first moment */
    char *camera_id, *subject_id;
    enum occupancy_kind kind;
    int64_t count;          /* in the zone when it was last told */
    int64_t entries, exits; /* of lines: in, out */
    int64_t peak;
    int64_t count_sum, count_count; /* of what was told of how many stand in the zone */
    int64_t dwell_ms_sum, dwell_count;
};
extern const struct record_descriptor occupancy_hourly_descriptor, occupancy_daily_descriptor,
    occupancy_monthly_descriptor;

/* Buckets that must be computed anew, because something in them is new. */
enum rollup_level { ROLLUP_HOUR = 1, ROLLUP_DAY, ROLLUP_MONTH };
extern const char *const rollup_level_names[];
struct rollup_mark {
    char *org_id;
    enum rollup_level level;
    char *site_id; /* "" of hours: they are UTC's, for all sites */
    struct record_time bucket;
    int64_t marks; /* counts up with each that is new */
};
extern const struct record_descriptor rollup_mark_descriptor;

/* Why a record was put aside. */
enum quarantine_reason { QUARANTINE_LATE = 1, QUARANTINE_FUTURE };
extern const char *const quarantine_reason_names[];
struct quarantined_event {
    char *org_id, *camera_id, *id;
    enum quarantine_reason reason;
    enum event_type type;
    char *site_id;
    struct record_time occurred_at, received_at;
    struct record_json payload;
};
extern const struct record_descriptor quarantined_event_descriptor;
struct store_settings;
/* Why an event that comes to the store at `now_ms` is put aside; 0: it is not. */
enum quarantine_reason quarantine_reason_of(const struct analytics_event *event, const struct store_settings *settings,
                                            int64_t now_ms);

/* Rows that retention must leave: of a camera (absent: of all), from a time to a time (absent: open). */
struct legal_hold {
    char *org_id, *id;
    char *camera_id;
    struct record_time from_at, to_at;
    char *reason, *created_by;
    struct record_time created_at, released_at;
};
extern const struct record_descriptor legal_hold_descriptor, legal_hold_request_descriptor;

/* How much room there was on one hub's disk. */
struct storage_sample {
    struct record_time at;
    int64_t free_bytes;
    char *disk; /* the hub's host and data directory */
};
extern const struct record_descriptor storage_sample_descriptor;

/* What retention does to one table's rows of one camera, as the API tells it. */
struct retention_view {
    char *table, *camera_id;
    int32_t days;
    struct record_time oldest_at;    /* unset: there is none */
    struct record_time cutoff_at;    /* older ones go at the next run; unset: none do */
    int64_t due_rows, held_rows;     /* older ones: that go at the next run, and that stay; -1: not counted */
    char *held_by;                   /* what keeps those: "legal_hold", "rollup", both; NULL: nothing, or not counted */
    bool is_partial;                 /* as far as retention.status_rows reached */
    struct record_time disk_full_at; /* at the present rate; unset: not in sight, or not known yet */
};
extern const struct record_descriptor retention_view_descriptor;
