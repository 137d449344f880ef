#include "store/reports.h"

#include "store/work_internal.h"

struct report_work {
    struct store_transaction *transaction;
    const struct store_report *report;
    GPtrArray *lines;
};

static void line_free(void *line)
{
    record_clear(&report_line_descriptor, line);
    g_free(line);
}

static struct report_line *add_line(struct report_work *work, enum report_section section)
{
    struct report_line *line = g_new(struct report_line, 1);
    record_init(&report_line_descriptor, line);
    line->section = section;
    line->site_id = g_strdup(work->report->site_id);
    line->from.ms = work->report->from_ms;
    line->to.ms = work->report->to_ms;
    g_ptr_array_add(work->lines, line);
    return line;
}

static struct record_optional number(const struct record_sql_value *value)
{
    bool is_there = value->type != RECORD_SQL_NULL;
    return (struct record_optional){is_there, value->type == RECORD_SQL_REAL ? value->real : (double)value->integer};
}

/* ---- sections: each one query, with $1 the org, $2 the site, $3 and $4 the period, $5 the limit ---- */

static bool take_signals(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct report_line *line = add_line(data, REPORT_SIGNALS);
    (void)columns;
    (void)error;
    line->camera_id = g_strdup(row[0].text);
    line->kind = g_strdup(row[1].text);
    line->severity = g_strdup(row[2].text);
    line->count = number(&row[3]);
    return true;
}
static const char signals_sql[] =
    "SELECT camera_id, payload ->> 'kind' AS kind, payload ->> 'severity' AS severity, count(id) FROM events WHERE "
    "org_id = $1 AND site_id = $2 AND type = 'signal' AND occurred_at >= $3 AND occurred_at < $4 GROUP BY 1, 2, 3 "
    "ORDER "
    "BY 1, 2, 3 LIMIT $5";

static bool take_incidents(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct report_line *line = add_line(data, REPORT_INCIDENTS);
    (void)columns;
    (void)error;
    line->kind = g_strdup(row[0].text);
    line->severity = g_strdup(record_enum_name(severity_names, (unsigned)row[1].integer));
    line->count = number(&row[2]);
    return true;
}
static const char incidents_sql[] = "SELECT kind, max(CASE severity WHEN 'critical' THEN 5 WHEN 'high' THEN 4 WHEN "
                                    "'medium' THEN 3 WHEN 'low' THEN 2 ELSE "
                                    "1 END), count(id) FROM incidents WHERE org_id = $1 AND site_id = $2 AND "
                                    "started_at >= $3 AND started_at < $4 GROUP "
                                    "BY kind ORDER BY kind LIMIT $5";

static bool take_place(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    bool is_zone = g_strcmp0(row[2].text, "zone") == 0;
    struct report_line *line = add_line(data, is_zone ? REPORT_ZONE : REPORT_LINE);
    (void)columns;
    (void)error;
    line->camera_id = g_strdup(row[0].text);
    line->subject_id = g_strdup(row[1].text);
    line->entries = number(&row[3]);
    line->exits = number(&row[4]);
    if (is_zone) {
        line->peak = number(&row[5]);
        line->average = number(&row[6]);
        line->dwell_seconds_mean = number(&row[7]);
    }
    return true;
}
static const char places_sql[] =
    "SELECT camera_id, subject_id, kind, CAST(sum(entries) AS bigint), CAST(sum(exits) AS bigint), max(peak), "
    "CAST(sum(count_sum) AS double precision) / nullif(sum(count_count), 0), "
    "CAST(sum(dwell_ms_sum) AS double precision) / 1000 / nullif(sum(dwell_count), 0) "
    "FROM occupancy_hourly WHERE org_id = $1 AND site_id = $2 AND bucket >= $3 AND bucket < $4 "
    "GROUP BY camera_id, subject_id, kind ORDER BY kind, camera_id, subject_id LIMIT $5";

/* ---- cameras ---- */

static bool take_camera(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct report_work *work = data;
    const struct store_report *report = work->report;
    struct report_line *line = add_line(work, REPORT_CAMERA);
    int64_t span_ms = MIN(report->to_ms, report->now_ms) - report->from_ms;
    (void)columns;
    (void)error;
    line->camera_id = g_strdup(row[0].text);
    if (span_ms > 0)
        line->uptime = (struct record_optional){true, 1};
    return true;
}
static const char cameras_sql[] = "SELECT id FROM cameras WHERE org_id = $1 AND site_id = $2 ORDER BY id LIMIT $3";

/* Takes from its camera's line the share of the period for which the incident stood. */
static bool take_outage(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct report_work *work = data;
    const struct store_report *report = work->report;
    int64_t until_ms = MIN(report->to_ms, report->now_ms), from_ms = MAX(row[1].integer, report->from_ms);
    int64_t to_ms = row[2].type == RECORD_SQL_NULL ? until_ms : MIN(row[2].integer, until_ms);
    (void)columns;
    (void)error;
    for (guint i = 0; i < work->lines->len && to_ms > from_ms; i++) {
        struct report_line *line = g_ptr_array_index(work->lines, i);
        if (line->section == REPORT_CAMERA && g_strcmp0(line->camera_id, row[0].text) == 0)
            line->uptime.value =
                MAX(line->uptime.value - (double)(to_ms - from_ms) / (double)(until_ms - report->from_ms), 0);
    }
    return true;
}
static const char outages_sql[] =
    "SELECT camera_id, started_at, ended_at FROM incidents WHERE org_id = $1 AND site_id = $2 AND service = 'system' "
    "AND "
    "kind = 'camera_offline' AND started_at < $4 AND (ended_at IS NULL OR ended_at > $3) ORDER BY started_at LIMIT $5";

/* ---- all of it ---- */

static bool read_sections(struct report_work *work, GError **error)
{
    static const struct {
        const char *sql;
        store_row_handler on_row;
    } sections[] = {{signals_sql, take_signals}, {incidents_sql, take_incidents}, {places_sql, take_place}};
    const struct store_report *report = work->report;
    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++)
        if (!store_each(work->transaction, sections[i].sql,
                        STORE_VALUES(sql_text(report->org_id), sql_text(report->site_id), sql_time(report->from_ms),
                                     sql_time(report->to_ms), sql_integer(report->limit)),
                        sections[i].on_row, work, error))
            return false;
    /* Without incidents nothing says how long a camera was away. */
    return !work->transaction->store->settings.fusion.window_seconds ||
           (store_each(work->transaction, cameras_sql,
                       STORE_VALUES(sql_text(report->org_id), sql_text(report->site_id), sql_integer(report->limit)),
                       take_camera, work, error) &&
            store_each(work->transaction, outages_sql,
                       STORE_VALUES(sql_text(report->org_id), sql_text(report->site_id), sql_time(report->from_ms),
                                    sql_time(report->to_ms), sql_integer(report->limit)),
                       take_outage, work, error));
}

GPtrArray *store_report_read(struct store *store, const struct store_report *report, GError **error)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(line_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, report->org_id, error);
    struct report_work work = {transaction, report, lines};
    return transaction && read_sections(&work, error) ? g_steal_pointer(&lines) : NULL;
}
