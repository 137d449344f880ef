#include "store/retention_internal.h"

#include <stddef.h>
#include <string.h>

static const int64_t day_ms = INT64_C(86400000);
static const char clock_value[] = "retention_clock_ms"; /* store_values: the clock at the last run */

/* ---- the one list of what is kept how long ---- */

/* A job's latest time by its schedule stays: a server that starts makes up what came after it. */
#define ENDED                                                                                                          \
    "state <> 'running' AND (cause <> 'schedule' OR EXISTS (SELECT 1 FROM job_runs l WHERE l.job_id = "                \
    "job_runs.job_id "                                                                                                 \
    "AND l.cause = 'schedule' AND l.scheduled_at > job_runs.scheduled_at))"
#define SETTING(member) offsetof(struct retention_settings, member)
/* Of two moments, the second of which may be absent. */
#define EARLIER(a, b) "CASE WHEN " b " < " a " THEN " b " ELSE " a " END"
#define LATER(a, b) "CASE WHEN " b " > " a " THEN " b " ELSE " a " END"

/* A day of a site's clocks is 25 hours where they are set back: a hold rather keeps an hour too much. */
enum { HOUR_MS = 3600000, UTC_DAY_MS = 24 * HOUR_MS, LONGEST_DAY_MS = 25 * HOUR_MS };
/* A mark has whatever hours, day or month it lies in made anew, from all that those are made from. An hour of a site's
 * clocks may begin nearly an hour before the UTC hour that is marked. */
#define NEEDED_OF_HOUR HOUR_MS
#define NEEDED_OF_DAY (LONGEST_DAY_MS + HOUR_MS)
#define NEEDED_OF_MONTH (32 * INT64_C(86400000))

const struct retention_rule retention_rules[] = {
    {"events", "events", "occurred_at", "occurred_at, id, camera_id", "NOT " STORE_COUNTED, SETTING(event_days), 0,
     true},
    {"occupancy", "events", "occurred_at", "occurred_at, id, camera_id", STORE_COUNTED, SETTING(occupancy_days),
     ROLLUP_HOUR, true, .needs_ms = NEEDED_OF_HOUR},
    {"occupancy_hourly", "occupancy_hourly", "bucket", "bucket, camera_id, subject_id, site_id", NULL,
     SETTING(occupancy_hourly_days), ROLLUP_DAY, true, .lasts_ms = HOUR_MS, .needs_ms = NEEDED_OF_DAY},
    {"occupancy_daily", "occupancy_daily", "bucket", "bucket, camera_id, subject_id, site_id", NULL,
     SETTING(occupancy_daily_days), ROLLUP_MONTH, true, .lasts_ms = LONGEST_DAY_MS, .needs_ms = NEEDED_OF_MONTH},
    {"counts", "counts", "day", "day, camera_id, subject_id, kind", NULL, SETTING(count_days), 0, true,
     .lasts_ms = UTC_DAY_MS},
    {"quarantined_events", "quarantined_events", "received_at", "received_at, id, camera_id", NULL,
     SETTING(quarantine_days), 0, true, .begins = EARLIER("received_at", "occurred_at"),
     .ends = LATER("received_at", "occurred_at")},
    {"tracks", "track_chunks", "from_at", "from_at, id, camera_id", NULL, SETTING(track_days), 0, true,
     .ends = "track_chunks.to_at"},
    {"access_logs", "access_logs", "at", "at, id, camera_id", NULL, SETTING(access_log_days), 0, true},
    {"attendance", "attendance_records", "day", "day, employee_id", NULL, SETTING(attendance_days), 0, false,
     .begins = EARLIER("day", "check_in"), .ends = LATER("day", "check_out"), .lasts_ms = LONGEST_DAY_MS},
    {"vehicle_logs", "vehicle_logs", "at", "at, id, camera_id", NULL, SETTING(vehicle_log_days), 0, true},
    {"incidents", "incidents", "last_signal_at", "last_signal_at, id", NULL, SETTING(incident_days), 0, true,
     .begins = "started_at", .ends = LATER("last_signal_at", "ended_at"), .cameras = "camera_ids"},
    {"violations", "violations", "at", "at, id", NULL, SETTING(violation_days), 0, true},
    {"job_runs", "job_runs", "started_at", "started_at, job_id, scheduled_at", ENDED, SETTING(job_run_days), 0, false,
     true},
};
const size_t retention_rule_count = G_N_ELEMENTS(retention_rules);

static int32_t rule_days(const struct retention_rule *rule, const struct retention_settings *settings)
{
    return *(const int32_t *)((const char *)settings + rule->days);
}

static void part_clear(void *part)
{
    g_free(((struct retention_part *)part)->camera_id);
}

/* ---- a run ---- */

void retention_result_free(void *data)
{
    struct retention_result *result = data;
    g_free(result->org_id);
    g_free(result->table);
    g_free(result);
}

struct retention_result *retention_result_of(const struct retention_work *work, const struct retention_rule *rule,
                                             const char *org_id)
{
    for (guint i = 0; i < work->results->len; i++) {
        struct retention_result *result = g_ptr_array_index(work->results, i);
        if (strcmp(result->table, rule->name) == 0 && strcmp(result->org_id, org_id) == 0)
            return result;
    }
    struct retention_result *result = g_new0(struct retention_result, 1);
    *result = (struct retention_result){.org_id = g_strdup(org_id), .table = g_strdup(rule->name)};
    g_ptr_array_add(work->results, result);
    return result;
}

static bool stop(GError **error, const char *reason)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "retention is stopped, nothing more is deleted: %s",
                reason);
    return false;
}

static bool read_last_run(struct retention_work *work, int64_t *last_ms, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_READ, STORE_PLATFORM, error);
    return transaction && store_get_integer(transaction, "SELECT value FROM store_values WHERE name = $1",
                                            STORE_VALUES(sql_text(clock_value)), 0, last_ms, error);
}

/* Before the first run the newest that was seen says when that was. */
static bool read_newest(struct retention_work *work, const GPtrArray *orgs, int64_t *newest_ms, GError **error)
{
    for (guint i = 0; i < orgs->len; i++) {
        const char *org_id = g_ptr_array_index(orgs, i);
        int64_t ms = 0;
        CLEANUP(store_transaction)
        struct store_transaction *transaction = store_begin(work->store, STORE_READ, org_id, error);
        if (!transaction || !store_get_integer(transaction, "SELECT max(occurred_at) FROM events WHERE org_id = $1",
                                               STORE_VALUES(sql_text(org_id)), 0, &ms, error))
            return false;
        *newest_ms = MAX(*newest_ms, ms);
    }
    return true;
}

/* A clock that stands far from the last run's deletes too much; so it is doubted until a person says that it is right.
 */
static bool check_clock(struct retention_work *work, const GPtrArray *orgs, GError **error)
{
    int64_t last_ms = 0, gap_ms = work->retention->settings->clock_gap_days * day_ms;
    if (!read_last_run(work, &last_ms, error) || (!last_ms && !read_newest(work, orgs, &last_ms, error)))
        return false;
    int64_t away_ms = work->now_ms - last_ms;
    if (!last_ms || !gap_ms || (away_ms <= gap_ms && away_ms >= -gap_ms))
        return true;
    g_autofree char *reason = g_strdup_printf(
        "the clock is %" G_GINT64_FORMAT " days %s the last run, or the newest record: when it is right, say so with "
        "`vedette retention confirm-clock`, else set it",
        ABS(away_ms) / day_ms, away_ms > 0 ? "after" : "before");
    return stop(error, reason);
}

static bool note_clock_in(struct store_transaction *transaction, int64_t now_ms, GError **error)
{
    return store_run(transaction,
                     "INSERT INTO store_values (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = "
                     "excluded.value",
                     STORE_VALUES(sql_text(clock_value), sql_integer(now_ms)), NULL, error);
}

static bool note_clock(struct retention_work *work, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_JOB, STORE_PLATFORM, error);
    return transaction && note_clock_in(transaction, work->now_ms, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

bool retention_is_cancelled(const struct retention_work *work, GError **error)
{
    const struct store_retention *retention = work->retention;
    const int *flag = retention->is_cancelled;
    bool is_over = retention->until_ms && clock_wall_ms(work->store->clock) >= retention->until_ms;
    if (!is_over && (!flag || !__atomic_load_n(flag, __ATOMIC_ACQUIRE)))
        return false;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED,
                        "retention: told to stop; the rest goes next time");
    return true;
}

bool retention_check_policies(const struct store_retention *retention, GError **error)
{
    g_autoptr(GError) failure = NULL;
    return !retention->check || retention->check(retention->data, &failure) || stop(error, failure->message);
}

bool retention_go_on(struct retention_work *work, GError **error)
{
    return !retention_is_cancelled(work, error) &&
           store_run_keep(work->store, work->retention->hold, &work->beaten_us, error);
}

struct store_transaction *retention_begin_step(const struct retention_work *work, const char *org_id, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_JOB, STORE_PLATFORM, error);
    bool is_begun = transaction && store_run_hold_in(transaction, work->retention->hold, error) &&
                    (!org_id || store_set_org(transaction, org_id, error));
    return is_begun ? g_steal_pointer(&transaction) : NULL;
}

/* A row without a time would stay for ever, or go at once: neither is right. */
static bool check_times(struct retention_work *work, const struct retention_rule *rule, const char *org_id,
                        GError **error)
{
    int64_t count = 0;
    g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM %s WHERE %s%s IS NULL%s%s", rule->table,
                                           rule->is_platforms ? "$1 = '" STORE_PLATFORM "' AND " : "org_id = $1 AND ",
                                           rule->time, rule->where ? " AND " : "", rule->where ? rule->where : "");
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_READ, org_id, error);
    if (!transaction || !store_get_integer(transaction, sql, STORE_VALUES(sql_text(org_id)), 0, &count, error))
        return false;
    if (!count)
        return true;
    g_autofree char *reason =
        g_strdup_printf("%s: %" G_GINT64_FORMAT " rows of org %s have no %s, so that it cannot be "
                        "said how old they are: correct or remove them",
                        rule->table, count, org_id, rule->time);
    return stop(error, reason);
}

int64_t retention_cutoff_ms(const struct retention_work *work, const struct retention_part *part)
{
    return work->now_ms - part->days * day_ms;
}

/* Parts of an org's rows as they are found. */
struct parting {
    const struct retention_work *work;
    const struct retention_rule *rule;
    const char *org_id;
    GArray *parts;
};

/* 0: for ever. */
static int32_t days_of(const struct parting *parting, const struct retention_subject *subject)
{
    const struct store_retention *retention = parting->work->retention;
    struct retention_settings days = *retention->settings; /* its texts are not looked at */
    bool is_held = !parting->rule->is_platforms && retention->says && !retention->says(retention->data, subject, &days);
    return is_held ? 0 : rule_days(parting->rule, &days);
}

static void add_part(const struct parting *parting, enum retention_part_kind kind,
                     const struct retention_subject *subject)
{
    const struct retention_part part = {kind, g_strdup(subject->camera_id), days_of(parting, subject)};
    g_array_append_val(parting->parts, part);
}

static const char *text_or_null(const struct record_sql_value *value)
{
    return value->type == RECORD_SQL_NULL ? NULL : value->text;
}

/* False: all of it is kept, whatever its days. */
static bool check_subject(const struct store_retention *retention, const struct retention_subject *subject,
                          GError **error)
{
    struct retention_settings days = *retention->settings; /* its texts are not looked at */
    if (retention->says(retention->data, subject, &days))
        return true;
    bool is_camera = *subject->camera_id != '\0';
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "org '%s': a retention policy holds back what %s%s has (legal_hold): nothing goes until it is changed",
                subject->org_id, is_camera ? "its camera " : "it", subject->camera_id);
    return false;
}

/* Rows: id, site, class, and whether it stands there now. Where it stood before can only hold what it saw. */
static bool take_camera(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)columns;
    (void)error;
    const struct parting *parting = data;
    const char *id = row[0].text;
    const struct retention_subject place = {parting->org_id, text_or_null(&row[1]), text_or_null(&row[2]), id},
                                   removed = {parting->org_id, NULL, NULL, id};
    bool stands = row[3].integer != 0;
    guint count = parting->parts->len;
    if (!count || strcmp(g_array_index(parting->parts, struct retention_part, count - 1).camera_id, id) != 0)
        add_part(parting, PART_CAMERA, stands ? &place : &removed);
    struct retention_part *part = &g_array_index(parting->parts, struct retention_part, parting->parts->len - 1);
    if (!stands && part->days && !check_subject(parting->work->retention, &place, NULL))
        part->days = 0;
    return true;
}

/* `camera_id` "": of all of them. */
static bool each_camera(struct store *store, const char *org_id, const char *camera_id, store_row_handler on_row,
                        void *data, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction &&
           store_each(transaction,
                      "SELECT id, site_id, class_id, 1 FROM cameras WHERE org_id = $1 AND ($2 = '' OR id = $2) UNION "
                      "ALL SELECT camera_id, nullif(site_id, ''), nullif(class_id, ''), 0 FROM camera_places WHERE "
                      "org_id = $1 AND ($2 = '' OR camera_id = $2) ORDER BY 1, 4 DESC",
                      STORE_VALUES(sql_text(org_id), sql_text(camera_id)), on_row, data, error);
}

static GArray *parts_new(void)
{
    GArray *parts = g_array_new(FALSE, TRUE, sizeof(struct retention_part));
    g_array_set_clear_func(parts, part_clear);
    return parts;
}

GArray *retention_parts_of(const struct retention_work *work, const struct retention_rule *rule, const char *org_id,
                           GError **error)
{
    g_autoptr(GArray) parts = parts_new();
    struct parting parting = {work, rule, org_id, parts};
    bool has_cameras = work->retention->says && rule->has_camera;
    if (has_cameras && !each_camera(work->store, org_id, "", take_camera, &parting, error))
        return NULL;
    add_part(&parting, has_cameras ? PART_REST : PART_ALL, &(struct retention_subject){org_id, NULL, NULL, ""});
    return g_steal_pointer(&parts);
}

bool retention_part_stands(const struct retention_work *work, const struct retention_rule *rule, const char *org_id,
                           const struct retention_part *part, bool *stands, GError **error)
{
    g_autoptr(GArray) parts = parts_new();
    struct parting parting = {work, rule, org_id, parts};
    if (part->kind != PART_CAMERA)
        add_part(&parting, part->kind, &(struct retention_subject){org_id, NULL, NULL, ""});
    else if (!each_camera(work->store, org_id, part->camera_id, take_camera, &parting, error))
        return false;
    *stands = parts->len == 1 && g_array_index(parts, struct retention_part, 0).days == part->days;
    return true;
}

/* ---- whether all of an org may go ---- */

struct asking {
    const struct store_retention *retention;
    const char *org_id;
};

/* Rows as take_camera's. */
static bool check_camera(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    const struct asking *asking = data;
    (void)columns;
    return check_subject(
        asking->retention,
        &(struct retention_subject){asking->org_id, text_or_null(&row[1]), text_or_null(&row[2]), row[0].text}, error);
}

bool retention_check_org_may_go(struct store *store, const struct store_retention *retention, const char *org_id,
                                GError **error)
{
    struct asking asking = {retention, org_id};
    if ((retention->check && !retention->check(retention->data, error)) ||
        (retention->check_org && !retention->check_org(retention->data, org_id, error)))
        return false;
    return !retention->says || (check_subject(retention, &(struct retention_subject){org_id, NULL, NULL, ""}, error) &&
                                each_camera(store, org_id, "", check_camera, &asking, error));
}

/* ---- one rule ---- */

static bool do_part(struct retention_work *work, const struct retention_rule *rule, const struct retention_part *part,
                    struct retention_result *result, GError **error)
{
    if (!part->days)
        return true;
    result->cutoff_ms = MAX(result->cutoff_ms, retention_cutoff_ms(work, part));
    return work->retention->is_dry ? retention_count(work, rule, result->org_id, part, &result->rows, error)
                                   : retention_delete(work, rule, part, result, error);
}

static bool do_rule(struct retention_work *work, const struct retention_rule *rule, const char *org_id, GError **error)
{
    g_autoptr(GArray) parts = retention_parts_of(work, rule, org_id, error);
    bool is_kept = true;
    for (guint i = 0; parts && i < parts->len; i++)
        is_kept &= g_array_index(parts, struct retention_part, i).days == 0;
    if (!parts || is_kept)
        return parts != NULL;
    if (!retention_go_on(work, error) || !check_times(work, rule, org_id, error))
        return false;
    struct retention_result *result = retention_result_of(work, rule, org_id);
    bool is_good = true;
    for (guint i = 0; is_good && i < parts->len; i++)
        is_good = do_part(work, rule, &g_array_index(parts, struct retention_part, i), result, error);
    return is_good;
}

static bool do_org(struct retention_work *work, const char *org_id, GError **error)
{
    bool is_platform = strcmp(org_id, STORE_PLATFORM) == 0;
    for (size_t i = 0; i < retention_rule_count; i++)
        if (retention_rules[i].is_platforms == is_platform && !do_rule(work, &retention_rules[i], org_id, error)) {
            g_prefix_error(error, "org %s: ", org_id);
            return false;
        }
    return true;
}

/* Too little room is what retention is for; any other fault of the store is none to delete under. */
static bool check(struct store *store, const struct store_retention *retention, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (!store_check(store, &failure) && !g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_FULL))
        return stop(error, failure->message);
    return retention_check_policies(retention, error);
}

/* *failure: the first. What is wrong with a day or an org is no other's, but where the run is over for one it is for
 * all. */
static void do_all(struct retention_work *work, GPtrArray *orgs, GError **failure)
{
    GError *own = NULL;
    if (!work->retention->is_dry)
        retention_drop_days(work, orgs, &own);
    bool is_over = store_keep_first(failure, own);
    for (guint i = 0; i <= orgs->len && !is_over; i++) {
        own = NULL;
        if (!retention_is_cancelled(work, &own))
            do_org(work, i < orgs->len ? g_ptr_array_index(orgs, i) : STORE_PLATFORM, &own);
        is_over = store_keep_first(failure, own);
    }
}

bool store_retention_run(struct store *store, const struct store_retention *retention, GPtrArray *results,
                         GError **error)
{
    if (!check(store, retention, error))
        return false;
    struct retention_work work = {store, retention, results, clock_wall_ms(store->clock),
                                  MAX(retention->settings->batch_rows / 8, 1)};
    g_autoptr(GPtrArray) orgs = store_orgs_list(store, error);
    if (!orgs || !check_clock(&work, orgs, error))
        return false;
    GError *failure = NULL;
    do_all(&work, orgs, &failure);
    bool is_noted = retention->is_dry || note_clock(&work, failure ? NULL : &failure);
    if (failure)
        g_propagate_error(error, failure);
    return !failure && is_noted;
}

bool store_retention_confirm_clock(struct store *store, const struct audit_by *by, GError **error)
{
    const struct audit_change change = {AUDIT_RETENTION, "clock", "confirm", NULL, NULL};
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, STORE_PLATFORM, error);
    return transaction && note_clock_in(transaction, clock_wall_ms(store->clock), error) &&
           store_audit_add_in(transaction, by, &change, error) && store_commit(g_steal_pointer(&transaction), error);
}
