/* The jobs there are: one table. */
#include <stddef.h>

#include "base/counter.h"
#include "base/zone.h"
#include "jobs/cron.h"
#include "jobs/jobs.h"
#include "store/erasure.h"
#include "store/kept_answers.h"
#include "store/places.h"
#include "store/rollups.h"

/* ---- roll-ups ---- */

static bool roll_up(struct job_context *context, enum rollup_level level, GError **error)
{
    const struct store_rollup rollup = {level, context->hold, context->is_cancelled};
    int64_t buckets = 0;
    bool is_good = store_rollup(context->store, &rollup, &buckets, error);
    g_string_append_printf(context->detail, "%" G_GINT64_FORMAT " buckets computed", buckets);
    return is_good;
}

static bool run_hourly(struct job_context *context, GError **error)
{
    return roll_up(context, ROLLUP_HOUR, error);
}

static bool run_daily(struct job_context *context, GError **error)
{
    return roll_up(context, ROLLUP_DAY, error);
}

static bool run_monthly(struct job_context *context, GError **error)
{
    return roll_up(context, ROLLUP_MONTH, error);
}

/* ---- retention ---- */

/* The first minute from `from_s` on that is not in the window; 0 when it is all of the day. */
static int64_t end_of_window(const struct window *window, const struct zone *zone, int64_t from_s)
{
    enum { MINUTE_S = 60, LONGEST_S = 26 * 3600 };
    for (int64_t at_s = from_s - from_s % MINUTE_S; at_s < from_s + LONGEST_S; at_s += MINUTE_S)
        if (at_s > from_s && !window_active_seconds(window, zone, at_s, at_s + 1))
            return at_s;
    return 0;
}

/* *until_ms: when the window that the clock is in ends; 0: never. False with an error: it is in none. */
static bool find_window(const struct job_context *context, int64_t *until_ms, GError **error)
{
    const char *text = context->settings->retention.window;
    struct window window;
    *until_ms = 0;
    if (!text || !*text)
        return true;
    CLEANUP(zone) struct zone *zone = zone_load(context->settings->jobs.time_zone, error);
    int64_t now_s = clock_wall_ms(context->clock) / 1000;
    if (!zone || !window_parse(text, &window, error))
        return false;
    if (window_active_seconds(&window, zone, now_s, now_s + 1)) {
        *until_ms = end_of_window(&window, zone, now_s) * 1000;
        return true;
    }
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                "retention.window is %s, and it is another part of the day: give a window that holds the job's time",
                text);
    return false;
}

static void tell_results(struct job_context *context, const GPtrArray *results, const char *nothing)
{
    int64_t rows = 0;
    for (guint i = 0; i < results->len; i++) {
        const struct retention_result *result = g_ptr_array_index(results, i);
        rows += result->rows;
        if (result->rows)
            g_string_append_printf(context->detail, "%s%s: %" G_GINT64_FORMAT " of %s",
                                   context->detail->len ? "; " : "", result->org_id, result->rows, result->table);
    }
    counter_add(&context->health->retention_deleted, rows);
    if (!rows)
        g_string_append(context->detail, nothing);
}

static struct store_retention retention_of(const struct job_context *context)
{
    return (struct store_retention){.settings = &context->settings->retention,
                                    .hold = context->hold,
                                    .is_cancelled = context->is_cancelled,
                                    .check = context->options->retention_check,
                                    .says = context->options->retention_says,
                                    .check_org = context->options->retention_check_org,
                                    .data = context->options->retention_data};
}

static bool run_retention(struct job_context *context, GError **error)
{
    struct store_retention retention = retention_of(context);
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    GError *failure = NULL;
    bool is_good = find_window(context, &retention.until_ms, &failure) &&
                   store_retention_run(context->store, &retention, results, &failure);
    tell_results(context, results, "nothing was old enough");
    if (retention.until_ms && g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED) &&
        !job_is_cancelled(context)) {
        g_clear_error(&failure);
        g_string_append(context->detail, "; retention.window is over, the rest goes next time");
        is_good = true;
    }
    if (failure) {
        g_prefix_error(&failure, "%s; then ", context->detail->str);
        g_propagate_error(error, failure);
    }
    return is_good;
}

/* ---- orgs that are deleted ---- */

/* Once their rows are gone, which no hold kept; each time anew, for what came meanwhile. */
static bool forget_notifications(struct job_context *context, GError **error)
{
    g_autoptr(GPtrArray) orgs = store_orgs_read(context->store, NULL, error);
    for (guint i = 0; orgs && i < orgs->len; i++) {
        const struct org *org = g_ptr_array_index(orgs, i);
        if (org->deleted_at.ms && org->erased_at.ms)
            notify_forget_org(context->options->notify, org->id);
    }
    return orgs != NULL;
}

static bool run_erasure(struct job_context *context, GError **error)
{
    const struct store_retention how = retention_of(context);
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    bool is_good = store_orgs_erase(context->store, &how, results, error);
    is_good = forget_notifications(context, is_good ? error : NULL) && is_good;
    tell_results(context, results, "nothing is left of deleted orgs");
    return is_good;
}

/* ---- answers to Idempotency-Keys ---- */

/* They hold what was answered, people's names too: none outlives its time because its org asks no more. */
static bool run_answers(struct job_context *context, GError **error)
{
    const struct store_retention how = retention_of(context);
    const int64_t minute_ms = 60000;
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    bool is_good = store_answers_forget(context->store, &how, context->settings->http.idempotency_minutes * minute_ms,
                                        results, error);
    tell_results(context, results, "no kept answer was old enough");
    return is_good;
}

/* ---- the disk ---- */

/* How long the disks of all hubs will last; it fails when one will soon be full. Each hub notes its own (scheduler.c).
 */
static bool run_storage(struct job_context *context, GError **error)
{
    const int64_t day_ms = INT64_C(86400000);
    int64_t free_bytes = 0;
    struct store_full_disk first;
    if (!store_free_bytes(context->store, &free_bytes, error) ||
        !store_storage_sample(context->store, free_bytes, error) ||
        !store_storage_forecast(context->store, &first, error))
        return false;
    g_autofree char *disk = first.disk;
    int64_t left_days = (first.full_ms - clock_wall_ms(context->clock)) / day_ms;
    g_string_append_printf(context->detail, "%" G_GINT64_FORMAT " MB free here", free_bytes >> 20);
    if (disk)
        g_string_append_printf(context->detail, "; %s lasts %" G_GINT64_FORMAT " days at the present rate", disk,
                               left_days);
    if (!disk || left_days >= context->settings->retention.alarm_days)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                "%s: the disk will be full in %" G_GINT64_FORMAT
                " days at the present rate: free space, or keep less (retention.*)",
                disk, left_days);
    return false;
}

const struct job built_in_jobs[] = {
    {"cleanup_old_data", "Delete what is older than its days", "0 2 * * *", 3600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP,
     run_retention, SERVER_HEALTH_ALARM(retention_stopped)},
    /* It does what is marked of days and months that are over, too: its alarm is theirs. */
    {"aggregate_hourly", "Count by the hour", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP, run_hourly,
     SERVER_HEALTH_ALARM(rollups_failing)},
    {"aggregate_daily", "Count by the day", "59 23 * * *", 3600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP, run_daily},
    {"aggregate_monthly", "Count by the month", "0 0 1 * *", 86400, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP, run_monthly},
    {JOB_ERASE_ORGS, "Erase what deleted orgs had", "15 * * * *", 3600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP,
     run_erasure},
    {"forget_kept_answers", "Forget answers to Idempotency-Keys", "*/10 * * * *", 300, 0, 1, MISFIRE_LATEST,
     OVERLAP_SKIP, run_answers},
    {"watch_storage", "Look how long the disk will last", "30 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP,
     run_storage, SERVER_HEALTH_ALARM(storage_alarm)},
};
const size_t built_in_job_count = G_N_ELEMENTS(built_in_jobs);
