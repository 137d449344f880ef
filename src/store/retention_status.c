/* Retention: how it stands with each camera's rows of each table: how long they are kept, the oldest of them, how many
 * go next, and what keeps others longer.
 *
 * Nothing is read but by an index that begins with the org and the camera, and of no camera and table more than
 * status_rows rows: those that are older than the cutoff first, then, when none of them is the rule's own, what follows
 * it. (Rules that share a table, as those of events do, look at each other's rows in passing.)
 */
#include "store/retention_internal.h"

#include <string.h>

static const int64_t day_ms = INT64_C(86400000);

struct status {
    const struct retention_work *work;
    const struct retention_rule *rule;
    const char *org_id;
    bool with_rows;
    GArray *parts; /* of struct retention_part */
    GPtrArray *views;
    int64_t full_ms; /* when the first disk will be */
};

static void view_free(void *view)
{
    record_clear(&retention_view_descriptor, view);
    g_free(view);
}

static int32_t days_of(const struct status *status, const char *camera_id)
{
    for (guint i = 0; i < status->parts->len; i++) {
        const struct retention_part *part = &g_array_index(status->parts, struct retention_part, i);
        if (part->kind != PART_CAMERA || g_strcmp0(part->camera_id, camera_id) == 0)
            return part->days;
    }
    return 0;
}

/* ---- one look at rows, in the order of time ---- */

/* What was seen: rows at all, the rule's own, of those what a hold and a roll-up keep, and either; and the oldest. */
struct seen {
    int64_t rows, own, held, uncounted, kept, oldest_ms;
};

/* `is_older`: than $2; else from $2 on. $3 is the camera. */
static char *look_sql(const struct status *status, bool is_older, int64_t limit)
{
    const struct retention_rule *rule = status->rule;
    enum record_dialect dialect = status->work->store->engine->dialect;
    bool is_asked = is_older && status->with_rows;
    g_autofree char *held = is_asked ? retention_kept_sql(rule, dialect, KEPT_BY_HOLD) : g_strdup("0");
    g_autofree char *uncounted = is_asked ? retention_kept_sql(rule, dialect, KEPT_BY_ROLLUP) : g_strdup("0");
    return g_strdup_printf(
        "SELECT count(*), sum(own), sum(own * held), sum(own * uncounted), sum(CASE WHEN own = 1 AND "
        "held + uncounted > 0 THEN 1 ELSE 0 END), min(CASE WHEN own = 1 THEN at END) FROM (SELECT "
        "%s.%s AS at, CASE WHEN %s THEN 1 ELSE 0 END AS own, %s AS held, %s AS uncounted FROM %s "
        "WHERE org_id = $1 AND %s AND %s.%s %s $2 ORDER BY %s.%s LIMIT %" G_GINT64_FORMAT ") AS looked",
        rule->table, rule->time, rule->where ? rule->where : "1 = 1", held, uncounted, rule->table,
        rule->has_camera ? "camera_id = $3" : "$3 = ''", rule->table, rule->time, is_older ? "<" : ">=", rule->table,
        rule->time, limit);
}

static bool take_seen(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct seen *seen = data;
    int64_t *const members[] = {&seen->rows, &seen->own, &seen->held, &seen->uncounted, &seen->kept, &seen->oldest_ms};
    (void)error;
    for (size_t i = 0; i < columns && i < G_N_ELEMENTS(members); i++)
        *members[i] = row[i].type == RECORD_SQL_NULL ? 0 : row[i].integer;
    return true;
}

/* Of tables that are one rule's the first row tells which is the oldest, where nothing is counted. */
static bool look(const struct status *status, struct store_transaction *transaction, const char *camera_id,
                 int64_t cutoff_ms, bool is_older, struct seen *seen, bool *is_partial, GError **error)
{
    bool is_first_enough = !status->rule->where && !(is_older && status->with_rows);
    int64_t limit = is_first_enough ? 1 : status->work->retention->settings->status_rows;
    g_autofree char *sql = look_sql(status, is_older, limit);
    *seen = (struct seen){0};
    if (!store_each(transaction, sql,
                    STORE_VALUES(sql_text(status->org_id), sql_time(cutoff_ms), sql_text(camera_id ? camera_id : "")),
                    take_seen, seen, error))
        return false;
    *is_partial |= !is_first_enough && seen->rows == limit;
    return true;
}

/* ---- one camera ---- */

static char *kept_by(const struct seen *seen)
{
    return !seen->held && !seen->uncounted ? NULL
           : !seen->uncounted              ? g_strdup("legal_hold")
           : !seen->held                   ? g_strdup("rollup")
                                           : g_strdup("legal_hold, rollup");
}

/* `camera_id` NULL: the rule's rows are of none. Appends a view, when there is a row. */
static bool add_camera(struct status *status, struct store_transaction *transaction, const char *camera_id,
                       GError **error)
{
    int32_t days = days_of(status, camera_id);
    int64_t cutoff_ms = days ? status->work->now_ms - days * day_ms : 0;
    struct seen older = {0}, later = {0};
    bool is_partial = false;
    if (days && !look(status, transaction, camera_id, cutoff_ms, true, &older, &is_partial, error))
        return false;
    if (!older.own && !look(status, transaction, camera_id, cutoff_ms, false, &later, &is_partial, error))
        return false;
    if (!older.own && !later.own && !is_partial)
        return true;
    struct retention_view *view = g_new0(struct retention_view, 1);
    *view = (struct retention_view){
        .table = g_strdup(status->rule->name),
        .camera_id = g_strdup(camera_id),
        .days = days,
        .oldest_at = {older.own ? older.oldest_ms : later.oldest_ms},
        .cutoff_at = {cutoff_ms},
        .due_rows = status->with_rows ? older.own - older.kept : -1,
        .held_rows = status->with_rows ? older.kept : -1,
        .held_by = kept_by(&older),
        .is_partial = is_partial,
        .disk_full_at = {status->full_ms},
    };
    g_ptr_array_add(status->views, view);
    return true;
}

/* The first after `after` that has rows, by the index; NULL: there is no other. */
static bool next_camera(const struct status *status, struct store_transaction *transaction, const char *after,
                        char **camera_id, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("SELECT min(camera_id) FROM %s WHERE org_id = $1 AND camera_id > $2", status->rule->table);
    return store_get_text(transaction, sql, STORE_VALUES(sql_text(status->org_id), sql_text(after)), camera_id, error);
}

static bool add_cameras(struct status *status, struct store_transaction *transaction, GError **error)
{
    g_autofree char *camera_id = g_strdup("");
    for (;;) {
        char *next = NULL;
        if (!next_camera(status, transaction, camera_id, &next, error))
            return false;
        g_free(camera_id);
        camera_id = next;
        if (!camera_id)
            return true;
        if (!add_camera(status, transaction, camera_id, error))
            return false;
    }
}

/* ---- all ---- */

static bool add_rule(struct status *status, GError **error)
{
    g_autoptr(GArray) parts = retention_parts_of(status->work, status->rule, status->org_id, error);
    status->parts = parts;
    CLEANUP(store_transaction)
    struct store_transaction *transaction =
        parts ? store_begin(status->work->store, STORE_READ, status->org_id, error) : NULL;
    return transaction && (status->rule->has_camera ? add_cameras(status, transaction, error)
                                                    : add_camera(status, transaction, NULL, error));
}

GPtrArray *store_retention_status(struct store *store, const struct store_retention *retention, const char *org_id,
                                  bool with_rows, GError **error)
{
    g_autoptr(GPtrArray) views = g_ptr_array_new_with_free_func(view_free);
    const struct retention_work work = {store, retention, NULL, clock_wall_ms(store->clock), 0};
    struct store_full_disk first;
    if (!store_storage_forecast(store, &first, error))
        return NULL;
    g_free(first.disk);
    struct status status = {
        .work = &work, .org_id = org_id, .with_rows = with_rows, .views = views, .full_ms = first.full_ms};
    for (size_t i = 0; i < retention_rule_count; i++) {
        status.rule = &retention_rules[i];
        if (!status.rule->is_platforms && !add_rule(&status, error))
            return NULL;
    }
    return g_steal_pointer(&views);
}
