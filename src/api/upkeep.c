/* Routes of what the server does by the clock and of what people did: jobs, retention, counts by the hour, the audit.
 */
#include <string.h>

#include "api/api_internal.h"
#include "store/audit.h"
#include "store/retention.h"
#include "store/rollups.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 500, NEXT_DEFAULT = 5, NEXT_MAX = 100 };

struct audit_by request_by(const struct request *request)
{
    const struct user *user = request->login.user;
    return (struct audit_by){user->org_id, user->id, user->username, request->address,
                             http_parameter_get(request->target->parameters, "reason")};
}

/* ---- answers ---- */

/* {"items":[…]} of records. */
static void answer_items(const struct record_descriptor *descriptor, const GPtrArray *items, struct answer *answer)
{
    GString *json = g_string_new("{\"items\":[");
    for (guint i = 0; i < items->len; i++) {
        if (i)
            g_string_append_c(json, ',');
        record_encode_json(descriptor, g_ptr_array_index(items, i), false, json);
    }
    g_string_append(json, "]}");
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

/* The list, or what kept it from being made. */
static void answer_list(const struct record_descriptor *descriptor, const GPtrArray *items, const GError *error,
                        struct answer *answer)
{
    if (items)
        answer_items(descriptor, items, answer);
    else
        answer_error(answer, error);
}

/* A whole number among the parameters, or `otherwise`. False: the answer is made. */
static bool get_number(const struct request *request, const char *name, int64_t otherwise, int64_t max, int64_t *number,
                       struct answer *answer)
{
    const char *text = http_parameter_get(request->target->parameters, name);
    guint64 value = (guint64)otherwise;
    if (text && !g_ascii_string_to_unsigned(text, 10, 1, (guint64)max, &value, NULL)) {
        g_autofree char *detail = g_strdup_printf("%s: must be between 1 and %" G_GINT64_FORMAT, name, max);
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, detail, NULL);
        return false;
    }
    *number = (int64_t)value;
    return true;
}

/* ---- jobs ---- */

static struct scheduler *find_scheduler(const struct request *request, struct answer *answer)
{
    struct scheduler *scheduler = __atomic_load_n(&request->api->scheduler, __ATOMIC_ACQUIRE);
    if (!scheduler)
        answer_problem(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "the scheduler has not started yet", NULL);
    return scheduler;
}

void handle_jobs(struct request *request, struct answer *answer)
{
    struct scheduler *scheduler = find_scheduler(request, answer);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) jobs = scheduler ? scheduler_list(scheduler, &error) : NULL;
    if (scheduler)
        answer_list(&job_view_descriptor, jobs, error, answer);
}

void handle_job_history(struct request *request, struct answer *answer)
{
    int64_t limit;
    struct scheduler *scheduler = find_scheduler(request, answer);
    if (!scheduler || !get_number(request, "limit", LIMIT_DEFAULT, LIMIT_MAX, &limit, answer))
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) runs = scheduler_history(scheduler, request->id, (int)limit, &error);
    answer_list(&job_run_descriptor, runs, error, answer);
}

void handle_job_next(struct request *request, struct answer *answer)
{
    int64_t count;
    struct scheduler *scheduler = find_scheduler(request, answer);
    if (!scheduler || !get_number(request, "count", NEXT_DEFAULT, NEXT_MAX, &count, answer))
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) times = scheduler_next(scheduler, request->id, (int)count, &error);
    if (!times) {
        answer_error(answer, error);
        return;
    }
    GString *json = g_string_new("{\"times\":[");
    for (guint i = 0; i < times->len; i++) {
        g_string_append(json, i ? ",\"" : "\"");
        record_append_time(json, g_array_index(times, int64_t, i));
        g_string_append_c(json, '"');
    }
    g_string_append(json, "]}");
    answer_json(answer, MHD_HTTP_OK, json);
}

void handle_job_run(struct request *request, struct answer *answer)
{
    struct scheduler *scheduler = find_scheduler(request, answer);
    const struct audit_by by = request_by(request);
    int64_t scheduled_ms = 0;
    g_autoptr(GError) error = NULL;
    if (!scheduler)
        return;
    if (scheduler_run_now(scheduler, request->id, &by, &scheduled_ms, &error)) {
        GString *json = g_string_new("{\"scheduled_at\":\"");
        record_append_time(json, scheduled_ms);
        g_string_append(json, "\"}");
        answer_json(answer, MHD_HTTP_ACCEPTED, json);
    } else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE)) {
        answer_problem(answer, MHD_HTTP_CONFLICT, error->message, NULL);
    } else {
        answer_error(answer, error);
    }
}

static void set_paused(struct request *request, bool is_paused, struct answer *answer)
{
    struct scheduler *scheduler = find_scheduler(request, answer);
    const struct audit_by by = request_by(request);
    g_autoptr(GError) error = NULL;
    if (!scheduler)
        return;
    if (scheduler_pause(scheduler, request->id, is_paused, &by, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_error(answer, error);
}

void handle_job_pause(struct request *request, struct answer *answer)
{
    set_paused(request, true, answer);
}

void handle_job_resume(struct request *request, struct answer *answer)
{
    set_paused(request, false, answer);
}

/* ---- retention ---- */

void handle_retention(struct request *request, struct answer *answer)
{
    const struct store_retention retention = {.settings = &request->api->settings->retention};
    bool with_rows = g_strcmp0(http_parameter_get(request->target->parameters, "rows"), "true") == 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) views =
        store_retention_status(request->api->store, &retention, request->login.user->org_id, with_rows, &error);
    answer_list(&retention_view_descriptor, views, error, answer);
}

void handle_retention_confirm_clock(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    g_autoptr(GError) error = NULL;
    if (store_retention_confirm_clock(request->api->store, &by, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_error(answer, error);
}

void handle_holds(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) holds = store_holds_list(request->api->store, request->login.user->org_id, &error);
    answer_list(&legal_hold_descriptor, holds, error, answer);
}

void handle_hold_put(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    struct legal_hold hold;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    if (!record_decode_json(&legal_hold_request_descriptor, (const char *)request->body->data, request->body->len,
                            &hold, &errors)) {
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the legal hold is not valid", &errors);
    } else {
        if (store_hold_put(request->api->store, &hold, &by, &error)) {
            GString *json = g_string_new(NULL);
            record_encode_json(&legal_hold_descriptor, &hold, false, json);
            answer_json(answer, MHD_HTTP_CREATED, json);
        } else {
            answer_error(answer, error);
        }
        record_clear(&legal_hold_descriptor, &hold);
    }
    record_errors_clear(&errors);
}

void handle_hold_release(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    g_autoptr(GError) error = NULL;
    if (store_hold_release(request->api->store, request->id, &by, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_error(answer, error);
}

/* ---- counts ---- */

void handle_occupancy(struct request *request, struct answer *answer)
{
    const GPtrArray *parameters = request->target->parameters;
    const char *level = http_parameter_get(parameters, "level"), *from = http_parameter_get(parameters, "from"),
               *to = http_parameter_get(parameters, "to");
    struct store_bucket_filter filter = {.org_id = request->login.user->org_id,
                                         .camera_id = http_parameter_get(parameters, "camera_id"),
                                         .subject_id = http_parameter_get(parameters, "subject_id"),
                                         .level = level ? record_enum_value(rollup_level_names, level) : ROLLUP_HOUR};
    int64_t limit;
    if (!filter.level || (from && !record_parse_time(from, &filter.from_ms)) ||
        (to && !record_parse_time(to, &filter.to_ms))) {
        answer_problem(answer, MHD_HTTP_BAD_REQUEST,
                       "level must be hour, day or month; from and to times like 2026-01-31T12:00:00Z", NULL);
        return;
    }
    if (!get_number(request, "limit", LIMIT_DEFAULT, LIMIT_MAX, &limit, answer))
        return;
    filter.limit = (int)limit;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) rows = store_buckets_list(request->api->store, &filter, &error);
    answer_list(&occupancy_hourly_descriptor, rows, error, answer);
}

/* ---- the audit ---- */

void handle_audit(struct request *request, struct answer *answer)
{
    int64_t limit, before;
    if (!get_number(request, "limit", LIMIT_DEFAULT, LIMIT_MAX, &limit, answer) ||
        !get_number(request, "before", 0, INT64_C(1) << 53, &before, answer))
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) views =
        store_audit_list(request->api->store, request->login.user->org_id, before, (int)limit, &error);
    answer_list(&audit_view_descriptor, views, error, answer);
}

void handle_audit_verify(struct request *request, struct answer *answer)
{
    struct audit_report report;
    g_autoptr(GError) error = NULL;
    if (!store_audit_verify(request->api->store, request->login.user->org_id, &report, &error)) {
        answer_error(answer, error);
        return;
    }
    GString *json = g_string_new(NULL);
    g_string_append_printf(json, "{\"entries\":%" G_GINT64_FORMAT ",\"sha256\":\"%s\",\"is_whole\":%s,\"problems\":[",
                           report.entries, report.sha256, report.problems->len ? "false" : "true");
    for (guint i = 0; i < report.problems->len; i++) {
        if (i)
            g_string_append_c(json, ',');
        record_append_json_string(json, g_ptr_array_index(report.problems, i));
    }
    g_string_append(json, "]}");
    audit_report_clear(&report);
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}
