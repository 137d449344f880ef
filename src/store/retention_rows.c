/* Retention: rows that go one by one. A page of those that are old enough is read in the order of time, by an index,
 * each with whether it may go; then what may go is deleted between two rows of the page. So what must stay is looked at
 * once in a run, by a reader for whom nobody waits, and no transaction that writes looks at more rows than it may
 * delete.
 */
#include <inttypes.h>
#include <string.h>

#include "store/retention_internal.h"

enum { PAGE_ROWS = 2000, ORDER_COLUMNS_MAX = 4, PART_VALUES = 3, DELETE_VALUES = PART_VALUES + 2 * ORDER_COLUMNS_MAX };

/* ---- what goes: $1 is the org, $2 the time and $3 the part's camera ---- */

/* SQL that makes a moment so much later, or earlier. */
static char *plus(enum record_dialect dialect, int64_t ms)
{
    return dialect == RECORD_POSTGRES ? g_strdup_printf(" + interval '%" PRId64 " ms'", ms)
                                      : g_strdup_printf(" + %" PRId64, ms);
}

/* SQL for a column's moment, so much later. Named with its table, since legal_holds has some of the same names. */
static char *moment(const struct retention_rule *rule, enum record_dialect dialect, int64_t later_ms)
{
    g_autofree char *later = later_ms ? plus(dialect, later_ms) : g_strdup("");
    return g_strdup_printf("%s.%s%s", rule->table, rule->time, later);
}

/* Cameras of a list are found as they stand in its JSON: an id has no character that would be written otherwise. */
static void append_hold_of_camera(const struct retention_rule *rule, GString *sql)
{
    g_string_append_printf(sql, " AND (h.camera_id IS NULL OR h.camera_id = %s.camera_id", rule->table);
    if (rule->cameras)
        g_string_append_printf(sql,
                               " OR replace(CAST(%s AS TEXT), '\"' || h.camera_id || '\"', '') <> CAST(%s AS TEXT)",
                               rule->cameras, rule->cameras);
    g_string_append_c(sql, ')');
}

/* What has a moment in common with a hold is held. */
static void append_is_held(const struct retention_rule *rule, enum record_dialect dialect, GString *sql)
{
    g_autofree char *time = moment(rule, dialect, 0), *over = moment(rule, dialect, rule->lasts_ms);
    g_string_append(sql, "EXISTS (SELECT 1 FROM legal_holds h WHERE h.org_id = $1 AND h.released_at IS NULL");
    if (rule->has_camera)
        append_hold_of_camera(rule, sql);
    g_string_append_printf(sql, " AND (h.from_at IS NULL OR h.from_at <= %s", rule->ends ? rule->ends : time);
    if (rule->lasts_ms)
        g_string_append_printf(sql, " OR h.from_at < %s", over);
    g_string_append_printf(sql, ") AND (h.to_at IS NULL OR h.to_at > %s))", rule->begins ? rule->begins : time);
}

/* From this moment on rows are still counted from: a mark makes the marks above it, once it is done. */
static void append_uncounted_from(const struct retention_rule *rule, enum record_dialect dialect, GString *sql)
{
    g_autofree char *before = plus(dialect, -rule->needs_ms);
    g_string_append_printf(
        sql, "coalesce((SELECT min(m.bucket)%s FROM rollup_marks m WHERE m.org_id = $1 AND m.level IN (", before);
    for (enum rollup_level level = ROLLUP_HOUR; level <= rule->until; level++)
        g_string_append_printf(sql, "%s'%s'", level == ROLLUP_HOUR ? "" : ", ",
                               record_enum_name(rollup_level_names, level));
    g_string_append(sql, ")), $2)");
}

char *retention_kept_sql(const struct retention_rule *rule, enum record_dialect dialect, enum retention_keeper keeper)
{
    GString *sql = g_string_new("CASE WHEN ");
    if (keeper == KEPT_BY_HOLD && !rule->is_platforms) {
        append_is_held(rule, dialect, sql);
    } else if (keeper == KEPT_BY_ROLLUP && rule->until) {
        g_string_append_printf(sql, "%s.%s >= ", rule->table, rule->time);
        append_uncounted_from(rule, dialect, sql);
    } else {
        g_string_append(sql, "1 = 0");
    }
    g_string_append(sql, " THEN 1 ELSE 0 END");
    return g_string_free(sql, FALSE);
}

/* The rows among which an index finds those of the part. */
static char *scope(const struct retention_rule *rule, enum retention_part_kind kind)
{
    return g_strdup_printf("%s AND %s", rule->is_platforms ? "$1 = '" STORE_PLATFORM "'" : "org_id = $1",
                           kind == PART_CAMERA ? "camera_id = $3" : "$3 = ''");
}

/* Rows of the part that may go. */
static char *condition(const struct retention_rule *rule, enum record_dialect dialect, enum retention_part_kind kind)
{
    g_autofree char *among = scope(rule, kind);
    GString *sql = g_string_new(among);
    g_string_append_printf(sql, " AND %s.%s < $2", rule->table, rule->time);
    if (kind == PART_REST)
        g_string_append(sql, " AND camera_id NOT IN (SELECT c.id FROM cameras c WHERE c.org_id = $1 UNION SELECT "
                             "p.camera_id FROM camera_places p WHERE p.org_id = $1)");
    if (rule->where)
        g_string_append_printf(sql, " AND %s", rule->where);
    if (rule->until) {
        g_string_append_printf(sql, " AND %s.%s < ", rule->table, rule->time);
        append_uncounted_from(rule, dialect, sql);
    }
    if (!rule->is_platforms) {
        g_string_append(sql, " AND NOT ");
        append_is_held(rule, dialect, sql);
    }
    return g_string_free(sql, FALSE);
}

/* ---- a page ---- */

struct page_row {
    struct record_sql_value at[ORDER_COLUMNS_MAX]; /* its place in the rule's order */
    bool is_due;
};

static void page_row_clear(void *data)
{
    struct page_row *row = data;
    for (size_t i = 0; i < ORDER_COLUMNS_MAX; i++)
        record_sql_value_clear(&row->at[i]);
}

/* Rows: the columns of the order, and 1 when it may go. */
static bool take_page_row(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    struct page_row taken = {.is_due = row[columns - 1].integer != 0};
    for (size_t i = 0; i < columns - 1 && i < ORDER_COLUMNS_MAX; i++) {
        bool is_text = row[i].type == RECORD_SQL_TEXT;
        taken.at[i] = is_text ? sql_text(g_strdup(row[i].text)) : sql_time_as_read(&row[i]);
    }
    g_array_append_val((GArray *)data, taken);
    return true;
}

static size_t order_columns(const struct retention_rule *rule)
{
    size_t count = 1;
    for (const char *at = rule->order; (at = strchr(at, ',')); at++)
        count++;
    return MIN(count, ORDER_COLUMNS_MAX);
}

/* "(occurred_at, id) > ($4, $5)". */
static void append_bound(const struct retention_rule *rule, const char *comparison, size_t first_value, GString *sql)
{
    g_string_append_printf(sql, " AND (%s) %s (", rule->order, comparison);
    for (size_t i = 0; i < order_columns(rule); i++)
        g_string_append_printf(sql, "%s$%zu", i ? ", " : "", first_value + i);
    g_string_append_c(sql, ')');
}

/* SQL that is 1 where a row may go. To a planner it is no condition, so that none looks for the rows by it. */
static char *is_due(const struct retention_rule *rule, enum record_dialect dialect, enum retention_part_kind kind)
{
    g_autofree char *due = condition(rule, dialect, kind);
    return g_strdup_printf("CASE WHEN %s THEN 1 ELSE 0 END", due);
}

static char *page_sql(const struct retention_rule *rule, enum record_dialect dialect, enum retention_part_kind kind,
                      bool is_first)
{
    g_autofree char *among = scope(rule, kind), *due = is_due(rule, dialect, kind);
    GString *sql = g_string_new(NULL);
    g_string_append_printf(sql, "SELECT %s, %s FROM %s WHERE %s AND %s.%s < $2", rule->order, due, rule->table, among,
                           rule->table, rule->time);
    if (!is_first)
        append_bound(rule, ">", PART_VALUES + 1, sql);
    g_string_append_printf(sql, " ORDER BY %s LIMIT %d", rule->order, PAGE_ROWS);
    return g_string_free(sql, FALSE);
}

/* $1, $2 and $3. */
static void set_part_values(struct record_sql_value *values, const struct retention_work *work, const char *org_id,
                            const struct retention_part *part)
{
    values[0] = sql_text(org_id);
    values[1] = sql_time(retention_cutoff_ms(work, part));
    values[2] = sql_text(part->camera_id);
}

/* Rows after the last of `before` (NULL: from the oldest on): a new GArray of struct page_row. */
static GArray *read_page(const struct retention_work *work, const struct retention_rule *rule, const char *org_id,
                         const struct retention_part *part, const GArray *before, GError **error)
{
    struct record_sql_value values[PART_VALUES + ORDER_COLUMNS_MAX];
    size_t count = PART_VALUES;
    g_autofree char *sql = page_sql(rule, work->store->engine->dialect, part->kind, !before);
    set_part_values(values, work, org_id, part);
    for (size_t i = 0; before && i < order_columns(rule); i++)
        values[count++] = g_array_index(before, struct page_row, before->len - 1).at[i];
    g_autoptr(GArray) page = g_array_new(FALSE, FALSE, sizeof(struct page_row));
    g_array_set_clear_func(page, page_row_clear);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_READ, org_id, error);
    bool is_good = transaction && store_each(transaction, sql, values, count, take_page_row, page, error);
    return is_good ? g_steal_pointer(&page) : NULL;
}

/* In pages, as they are deleted: one statement takes no longer for many rows. */
bool retention_count(const struct retention_work *work, const struct retention_rule *rule, const char *org_id,
                     const struct retention_part *part, int64_t *sum, GError **error)
{
    g_autoptr(GArray) page = read_page(work, rule, org_id, part, NULL, error);
    while (page && page->len) {
        for (guint i = 0; i < page->len; i++)
            *sum += g_array_index(page, struct page_row, i).is_due;
        GArray *next = retention_is_cancelled(work, error) ? NULL : read_page(work, rule, org_id, part, page, error);
        g_array_unref(page);
        page = next;
    }
    return page != NULL;
}

/* ---- deleting ---- */

/* What may go from one row on to another. */
static char *delete_sql(const struct retention_rule *rule, enum record_dialect dialect, enum retention_part_kind kind)
{
    g_autofree char *among = scope(rule, kind), *due = is_due(rule, dialect, kind);
    GString *sql = g_string_new(NULL);
    g_string_append_printf(sql, "DELETE FROM %s WHERE %s AND %s = 1", rule->table, among, due);
    append_bound(rule, ">=", PART_VALUES + 1, sql);
    append_bound(rule, "<=", PART_VALUES + 1 + order_columns(rule), sql);
    return g_string_free(sql, FALSE);
}

/* What deletes of one part have in common. */
struct deleting {
    struct retention_work *work;
    const struct retention_rule *rule;
    const struct retention_part *part;
    struct retention_result *result;
    char *sql;
    bool stands; /* policies say of the part what they said */
};

/* *took_us is what the rows cost: not the wait for the turn before, nor the commit, which costs the same for few. */
static bool delete_between(const struct deleting *deleting, const struct page_row *first, const struct page_row *last,
                           int64_t *deleted, int64_t *took_us, GError **error)
{
    const struct retention_work *work = deleting->work;
    const char *org_id = deleting->result->org_id;
    struct record_sql_value values[DELETE_VALUES];
    size_t columns = order_columns(deleting->rule);
    set_part_values(values, work, org_id, deleting->part);
    for (size_t i = 0; i < columns; i++) {
        values[PART_VALUES + i] = first->at[i];
        values[PART_VALUES + columns + i] = last->at[i];
    }
    CLEANUP(store_transaction)
    struct store_transaction *transaction = retention_begin_step(work, org_id, error);
    if (!transaction)
        return false;
    int64_t begun_us = g_get_monotonic_time();
    if (!store_run(transaction, deleting->sql, values, PART_VALUES + 2 * columns, deleted, error))
        return false;
    *took_us = g_get_monotonic_time() - begun_us;
    return store_commit(g_steal_pointer(&transaction), error);
}

/* By half as many at once, or a quarter more. */
int64_t retention_next_limit(const struct retention_settings *settings, int64_t limit, int64_t took_us)
{
    enum { LEAST = 10 };
    int64_t aim_us = settings->batch_ms * INT64_C(1000);
    int64_t next = took_us > aim_us ? limit / 2 : took_us < aim_us / 2 ? limit + limit / 4 + 1 : limit;
    return CLAMP(next, MIN(LEAST, settings->batch_rows), settings->batch_rows);
}

static guint next_due(const GArray *page, guint from)
{
    while (from < page->len && !g_array_index(page, struct page_row, from).is_due)
        from++;
    return from;
}

/* A hold that comes meanwhile keeps what is left. */
static bool look_anew(struct deleting *deleting, GError **error)
{
    return retention_part_stands(deleting->work, deleting->rule, deleting->result->org_id, deleting->part,
                                 &deleting->stands, error);
}

/* As many rows of the page at once as a transaction may look at, from one that may go on. */
static bool delete_of_page(struct deleting *deleting, const GArray *page, GError **error)
{
    struct retention_work *work = deleting->work;
    const struct retention_settings *settings = work->retention->settings;
    for (guint first = next_due(page, 0), last; first < page->len; first = next_due(page, last + 1)) {
        int64_t deleted = 0, took_us = 0;
        last = (guint)MIN(first + work->limit, (int64_t)page->len) - 1;
        if (retention_is_cancelled(work, error) || !look_anew(deleting, error))
            return false;
        if (!deleting->stands)
            break;
        if (!delete_between(deleting, &g_array_index(page, struct page_row, first),
                            &g_array_index(page, struct page_row, last), &deleted, &took_us, error))
            return false;
        deleting->result->rows += deleted;
        work->limit = retention_next_limit(settings, work->limit, took_us);
        g_usleep((gulong)settings->pause_ms * 1000);
    }
    return true;
}

bool retention_delete(struct retention_work *work, const struct retention_rule *rule, const struct retention_part *part,
                      struct retention_result *result, GError **error)
{
    g_autofree char *sql = delete_sql(rule, work->store->engine->dialect, part->kind);
    struct deleting deleting = {work, rule, part, result, sql, true};
    g_autoptr(GArray) page = read_page(work, rule, result->org_id, part, NULL, error);
    while (page && page->len && deleting.stands) {
        if (!retention_go_on(work, error) || !retention_check_policies(work->retention, error) ||
            !delete_of_page(&deleting, page, error))
            return false;
        GArray *next = read_page(work, rule, result->org_id, part, page, error);
        g_array_unref(page);
        page = next;
    }
    return page != NULL;
}
