#include "facts/profile.h"

#include <string.h>

enum { PAIR = 2, PARTS_MAX = 4096 };

static const struct record_field stage_times_fields[] = {
    FIELD_ENUM(struct stage_times, stage, frame_stage_names, RECORD_REQUIRED, "which"),
    FIELD(struct stage_times, total_ns, RECORD_REQUIRED, "all of them together", .unit = "ns", .min = 0, .max = 0x1p53),
    FIELD(struct stage_times, buckets, 0, "number of a bucket, how many; and so on",
          .max_count = PAIR * LATENCY_BUCKETS),
};
static const struct record_descriptor stage_times_descriptor =
    RECORD(struct stage_times, "StageTimes", 1, stage_times_fields, "How long a stage took, how often.");

static const struct record_field camera_times_fields[] = {
    FIELD(struct camera_times, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the camera"),
    FIELD_LIST(struct camera_times, stages, &stage_times_descriptor, 0, "its stages", .max_count = STAGE_END),
};
static const struct record_descriptor camera_times_descriptor =
    RECORD(struct camera_times, "CameraTimes", 1, camera_times_fields, "Where a camera's frames spent their time.");

static const struct record_field worker_times_fields[] = {
    FIELD(struct worker_times, number, RECORD_REQUIRED, "of the look it answers"),
    FIELD_LIST(struct worker_times, cameras, &camera_times_descriptor, 0, "its cameras", .max_count = 4096),
};
const struct record_descriptor worker_times_descriptor =
    RECORD(struct worker_times, "WorkerTimes", 1, worker_times_fields, "Where frames spent their time in a worker.");

void stage_times_write(struct stage_times *times, enum frame_stage stage, const struct latency *latency)
{
    struct latency now = {0};
    latency_add(&now, latency);
    times->stage = stage;
    times->total_ns = now.total_ns;
    times->buckets.items = g_new(uint64_t, PAIR * LATENCY_BUCKETS);
    times->buckets.count = 0;
    for (int i = 0; i < LATENCY_BUCKETS; i++)
        if (now.counts[i]) {
            times->buckets.items[times->buckets.count++] = (uint64_t)i;
            times->buckets.items[times->buckets.count++] = (uint64_t)now.counts[i];
        }
}

bool stage_times_read(const struct stage_times *times, struct latency *latency)
{
    const uint64_t *items = times->buckets.items;
    memset(latency, 0, sizeof *latency);
    latency->total_ns = times->total_ns;
    for (size_t i = 0; i + 1 < times->buckets.count; i += PAIR) {
        bool grows = i == 0 || items[i] > items[i - PAIR];
        if (items[i] >= LATENCY_BUCKETS || !grows || items[i + 1] > INT32_MAX)
            return false;
        latency->counts[items[i]] = (int64_t)items[i + 1];
    }
    return times->buckets.count % PAIR == 0;
}

/* ---- what is shown ---- */

const char *const profile_part_kind_names[] = {"cameras", "camera", "records", "route", "left_out", NULL};

static const struct record_field profile_stage_fields[] = {
    FIELD(struct profile_stage, stage, RECORD_REQUIRED, "its name", .max_count = 32),
    FIELD(struct profile_stage, count, 0, "how often"),
    FIELD(struct profile_stage, total_ms, 0, "all of them together, by the clock on the wall", .unit = "ms"),
    FIELD(struct profile_stage, mean_ms, 0, "on average", .unit = "ms"),
    FIELD(struct profile_stage, p50_ms, 0,
          "half of them took no longer; at most an eighth too large, as are the others", .unit = "ms"),
    FIELD(struct profile_stage, p95_ms, 0, "95 of a hundred took no longer", .unit = "ms"),
    FIELD(struct profile_stage, p99_ms, 0, "99 of a hundred took no longer", .unit = "ms"),
    FIELD(struct profile_stage, share, 0, "of the whole; absent where it is no part of it"),
};
const struct record_descriptor profile_stage_descriptor =
    RECORD(struct profile_stage, "ProfileStage", 1, profile_stage_fields, "How long a stage took.");

static const struct record_field profile_part_fields[] = {
    FIELD_ENUM(struct profile_part, kind, profile_part_kind_names, RECORD_REQUIRED,
               "cameras: the frames of all; camera: of one; records: on their way to the store; route: requests; "
               "left_out: a camera of which nothing is told, as its worker did not answer in time"),
    FIELD(struct profile_part, name, RECORD_REQUIRED, "the camera or the route", .max_count = 256),
    FIELD(struct profile_part, count, 0, "frames, batches of records or requests"),
    FIELD_LIST(struct profile_part, stages, &profile_stage_descriptor, 0, "in the order of the way",
               .max_count = STAGE_END),
};
const struct record_descriptor profile_part_descriptor =
    RECORD(struct profile_part, "ProfilePart", 1, profile_part_fields, "Where one kind of work spent its time.");

static const struct record_field profile_report_fields[] = {
    FIELD(struct profile_report, seconds, RECORD_REQUIRED, "how long was looked", .unit = "s"),
    FIELD_LIST(struct profile_report, parts, &profile_part_descriptor, 0, "what work was done", .max_count = PARTS_MAX),
};
const struct record_descriptor profile_report_descriptor =
    RECORD(struct profile_report, "ProfileReport", 1, profile_report_fields, "Where time went, stage by stage.");

static const struct record_field control_result_fields[] = {
    FIELD(struct control_result, result, RECORD_REQUIRED, "ok or failed", .max_count = 16),
    FIELD(struct control_result, reason, 0, "why it failed", .max_count = 1024),
    FIELD(struct control_result, seconds, 0, "how long was looked", .unit = "s"),
};
const struct record_descriptor control_result_descriptor =
    RECORD(struct control_result, "ControlResult", 1, control_result_fields, "How an answer ends.");

void profile_part_add(struct profile_part *part, const char *stage, const struct latency *latency, int64_t whole_ns)
{
    static const double ns_in_ms = 1e6;
    int64_t count = latency_count(latency);
    if (count <= 0)
        return;
    struct profile_stage *told = record_list_append(&part->stages, &profile_stage_descriptor);
    told->stage = g_strdup(stage);
    told->count = count;
    told->total_ms = (double)latency->total_ns / ns_in_ms;
    told->mean_ms = told->total_ms / (double)count;
    told->p50_ms = (double)latency_quantile_ns(latency, 0.5) / ns_in_ms;
    told->p95_ms = (double)latency_quantile_ns(latency, 0.95) / ns_in_ms;
    told->p99_ms = (double)latency_quantile_ns(latency, 0.99) / ns_in_ms;
    told->share.is_present = whole_ns > 0;
    told->share.value = whole_ns > 0 ? (double)latency->total_ns / (double)whole_ns : 0;
}
