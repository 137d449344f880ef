#include "store/reports.h"

#include "fusion/fusion.h"
#include "store/work_internal.h"

struct report_work {
    struct store_transaction *transaction;
    const struct store_report *report;
    GPtrArray *lines;
    GHashTable *cameras; /* id, of its line → struct camera_span * */
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

/* ---- cameras: those that are watched, each since it was made or last enabled ---- */

static int64_t until_ms(const struct store_report *report)
{
    return MIN(report->to_ms, report->now_ms);
}

/* Of one camera: what of the period it is told about. */
struct camera_span {
    struct report_line *line; /* borrowed */
    int64_t ms;               /* 0: none of it was watched, as far as it went */
};

static bool take_camera(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct report_work *work = data;
    const struct store_report *report = work->report;
    struct report_line *line = add_line(work, REPORT_CAMERA);
    int64_t since_ms = row[1].type == RECORD_SQL_NULL ? report->from_ms : MAX(row[1].integer, report->from_ms);
    struct camera_span *span = g_new(struct camera_span, 1);
    (void)columns;
    (void)error;
    *span = (struct camera_span){line, MAX(until_ms(report) - since_ms, 0)};
    line->camera_id = g_strdup(row[0].text);
    line->uptime = (struct record_optional){span->ms > 0, 1};
    g_hash_table_insert(work->cameras, line->camera_id, span);
    return true;
}
static const char cameras_sql[] =
    "SELECT id, watched_since FROM cameras WHERE org_id = $1 AND site_id = $2 AND enabled ORDER BY id LIMIT $3";

/* Takes from its camera's line the share for which incidents stood. Of those of more cameras than have a line, all that
 * have one are among the first. */
static bool take_outages(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct report_work *work = data;
    struct camera_span *span = g_hash_table_lookup(work->cameras, row[0].text);
    (void)columns;
    (void)error;
    if (span && span->ms > 0)
        span->line->uptime.value = CLAMP(1 - number(&row[1]).value * 1000 / (double)span->ms, 0, 1);
    return true;
}

/* By the camera, wherever it stood then: what of the period and of its watch each incident covers, and what of that the
 * earlier ones do not. */
#define OUTAGE_PIECES                                                                                                  \
    "WITH clipped AS (SELECT c.id AS id, c.watched_since AS since, "                                                   \
    "CASE WHEN i.started_at > $3 THEN i.started_at ELSE $3 END AS started, "                                           \
    "CASE WHEN i.ended_at < $4 THEN i.ended_at ELSE $4 END AS ended "                                                  \
    "FROM cameras c JOIN incidents i ON i.org_id = c.org_id AND i.camera_id = c.id "                                   \
    "WHERE c.org_id = $1 AND c.site_id = $2 AND c.enabled AND i.service = 'system' AND i.kind = 'camera_offline' "     \
    "AND i.started_at < $4 AND (i.ended_at IS NULL OR i.ended_at > $3)), "                                             \
    "watched AS (SELECT id, CASE WHEN since > started THEN since ELSE started END AS begun, ended FROM clipped), "     \
    "ordered AS (SELECT id, begun, ended, max(ended) OVER (PARTITION BY id ORDER BY begun, ended "                     \
    "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered FROM watched), "                                     \
    "pieces AS (SELECT id, CASE WHEN covered > begun THEN covered ELSE begun END AS begun, ended FROM ordered) "
#define OUTAGE_SECONDS(seconds)                                                                                        \
    OUTAGE_PIECES "SELECT id, CAST(sum(" seconds ") AS double precision) FROM pieces WHERE ended > begun "             \
                  "GROUP BY id ORDER BY id LIMIT $5"
static const char *outages_sql(enum record_dialect dialect)
{
    return dialect == RECORD_POSTGRES ? OUTAGE_SECONDS("extract(epoch FROM ended - begun)")
                                      : OUTAGE_SECONDS("(ended - begun) / 1000.0");
}

/* Whether a camera that goes off line makes an incident: without, nothing says how long it was away. */
static bool has_outages(const struct store_transaction *transaction)
{
    const struct signal offline = {.severity = server_signals[SERVER_SIGNAL_CAMERA_OFFLINE].severity};
    return fusion_opens(&transaction->store->settings.fusion, &offline);
}

static bool read_cameras(struct report_work *work, GError **error)
{
    const struct store_report *report = work->report;
    g_autoptr(GHashTable) cameras = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    work->cameras = cameras;
    return store_each(work->transaction, cameras_sql,
                      STORE_VALUES(sql_text(report->org_id), sql_text(report->site_id), sql_integer(report->limit)),
                      take_camera, work, error) &&
           store_each(work->transaction, outages_sql(work->transaction->store->engine->dialect),
                      STORE_VALUES(sql_text(report->org_id), sql_text(report->site_id), sql_time(report->from_ms),
                                   sql_time(until_ms(report)), sql_integer(report->limit)),
                      take_outages, work, error);
}

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
    return !has_outages(work->transaction) || read_cameras(work, error);
}

GPtrArray *store_report_read(struct store *store, const struct store_report *report, GError **error)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(line_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, report->org_id, error);
    struct report_work work = {transaction, report, lines, NULL};
    return transaction && read_sections(&work, error) ? g_steal_pointer(&lines) : NULL;
}
