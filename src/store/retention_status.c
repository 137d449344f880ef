/* Retention: how it stands: what is kept how long, the oldest of it, and what keeps it longer. */
#include "store/retention_internal.h"

#include <string.h>

static const int64_t day_ms = INT64_C(86400000);

struct status {
    GPtrArray *views;
    const struct retention_work *work;
    const struct retention_rule *rule;
    const char *org_id;
    GArray *parts; /* of struct retention_part */
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

/* Rows: camera, oldest. */
static bool take_oldest(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)columns;
    (void)error;
    const struct status *status = data;
    const char *camera_id = row[0].type == RECORD_SQL_NULL ? NULL : row[0].text;
    int32_t days = days_of(status, camera_id);
    struct retention_view *view = g_new0(struct retention_view, 1);
    *view = (struct retention_view){
        .table = g_strdup(status->rule->name),
        .camera_id = g_strdup(camera_id),
        .days = days,
        .oldest_at = {row[1].type == RECORD_SQL_NULL ? 0 : row[1].integer},
        .cutoff_at = {days ? status->work->now_ms - days * day_ms : 0},
        .due_rows = -1,
    };
    g_ptr_array_add(status->views, view);
    return true;
}

static char *oldest_sql(const struct retention_rule *rule)
{
    if (!rule->has_camera)
        return g_strdup_printf("SELECT NULL, min(%s) FROM %s WHERE org_id = $1 GROUP BY org_id", rule->time,
                               rule->table);
    return g_strdup_printf(
        "SELECT camera_id, min(%s) FROM %s WHERE org_id = $1%s%s GROUP BY camera_id ORDER BY camera_id", rule->time,
        rule->table, rule->where ? " AND " : "", rule->where ? rule->where : "");
}

/* Which rows go at the next run, and why older ones do not. */
static bool add_due(struct retention_work *work, const struct status *status, guint from, GError **error)
{
    int64_t due = 0, old = 0;
    for (guint i = 0; i < status->parts->len; i++) {
        const struct retention_part *part = &g_array_index(status->parts, struct retention_part, i);
        if (part->days && (!retention_count(work, status->rule, status->org_id, part, false, &due, error) ||
                           !retention_count(work, status->rule, status->org_id, part, true, &old, error)))
            return false;
    }
    for (guint i = from; i < status->views->len; i++) {
        struct retention_view *view = g_ptr_array_index(status->views, i);
        if (!view->days)
            continue;
        view->due_rows = due;
        if (old > due && view->oldest_at.ms < view->cutoff_at.ms)
            view->held_by = g_strdup("legal_hold or rollup");
    }
    return true;
}

static bool read_oldest(struct retention_work *work, struct status *status, GError **error)
{
    g_autofree char *sql = oldest_sql(status->rule);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_READ, status->org_id, error);
    return transaction &&
           store_each(transaction, sql, STORE_VALUES(sql_text(status->org_id)), take_oldest, status, error);
}

GPtrArray *store_retention_status(struct store *store, const struct store_retention *retention, const char *org_id,
                                  bool with_rows, GError **error)
{
    g_autoptr(GPtrArray) views = g_ptr_array_new_with_free_func(view_free);
    struct retention_work work = {store, retention, NULL, clock_wall_ms(store->clock)};
    for (size_t i = 0; i < retention_rule_count; i++) {
        if (retention_rules[i].is_platforms)
            continue;
        guint from = views->len;
        g_autoptr(GArray) parts = retention_parts_of(&work, &retention_rules[i], org_id, error);
        struct status status = {views, &work, &retention_rules[i], org_id, parts};
        if (!parts || !read_oldest(&work, &status, error) || (with_rows && !add_due(&work, &status, from, error)))
            return NULL;
    }
    return g_steal_pointer(&views);
}
