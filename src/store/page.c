/* Pages of a table's rows, newest first: the one way in which lists are asked for. */
#include "store/work_internal.h"

enum { PAGE_LIMIT_MAX = 1000 };

void store_page_init(struct store_page *page, const struct record_descriptor *descriptor, const char *time,
                     const char *org_id)
{
    *page = (struct store_page){
        .descriptor = descriptor, .time = time, .key = "id", .org_id = org_id, .sql = g_string_new(NULL)};
    store_page_add(page, "org_id = ", sql_text(org_id));
}

void store_page_clear(struct store_page *page)
{
    g_string_free(page->sql, TRUE);
    g_strfreev(page->cursor);
}

void store_page_add_text(struct store_page *page, const char *condition)
{
    g_string_append_printf(page->sql, "%s%s", page->sql->len ? " AND " : "WHERE ", condition);
}

void store_page_add(struct store_page *page, const char *condition, struct record_sql_value value)
{
    g_return_if_fail(page->count + PAGE_OWN_VALUES < G_N_ELEMENTS(page->values));
    page->values[page->count++] = value;
    store_page_add_text(page, condition);
    g_string_append_printf(page->sql, "$%zu", page->count);
}

void store_page_add_span(struct store_page *page, int64_t from_ms, int64_t to_ms)
{
    g_autofree char *from = g_strconcat(page->time, " >= ", NULL), *to = g_strconcat(page->time, " < ", NULL);
    if (from_ms)
        store_page_add(page, from, sql_time(from_ms));
    if (to_ms)
        store_page_add(page, to, sql_time(to_ms));
}

/* ---- cursors ---- */

static bool refuse_cursor(const struct store_page *page, GError **error)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "cursor: %s: is no next_cursor of this list: start again without it", page->before_id);
    return false;
}

static const void *member_of(const struct record_descriptor *descriptor, const void *record, const char *name)
{
    return (const char *)record + record_find_field(descriptor, name)->offset;
}

char *store_page_cursor(const struct record_descriptor *descriptor, const char *time, const char *key,
                        const void *record)
{
    GString *cursor = g_string_new(NULL);
    if (time)
        g_string_printf(cursor, "%" G_GINT64_FORMAT,
                        ((const struct record_time *)member_of(descriptor, record, time))->ms);
    g_auto(GStrv) columns = g_strsplit(key, ", ", -1);
    for (size_t i = 0; columns[i]; i++) {
        const char *text = *(char *const *)member_of(descriptor, record, columns[i]);
        g_string_append_printf(cursor, "/%s", text ? text : "");
    }
    return g_string_free(cursor, FALSE);
}

/* The cursor's row may have a finer time than stands in it: then that is meant. $1 is the org, $`at` and the next are
 * the first moments of the cursor's millisecond and of the one after, and those of the key follow. */
static void append_exact_time(const struct store_page *page, GStrv columns, size_t at)
{
    g_string_append_printf(page->sql, "coalesce((SELECT max(%s) FROM %s WHERE org_id = $1", page->time,
                           page->descriptor->table);
    for (size_t i = 0; columns[i]; i++)
        g_string_append_printf(page->sql, " AND %s = $%zu", columns[i], at + 2 + i);
    g_string_append_printf(page->sql, " AND %s >= $%zu AND %s < $%zu), $%zu)", page->time, at, page->time, at + 1, at);
}

/* Rows of the cursor's own time come by key. Both stand in it, so that a page goes on where the one before ended even
 * when that row is gone by now, or has another time. */
static bool add_cursor(struct store_page *page, GError **error)
{
    gint64 at_ms = 0;
    if (!page->before_id || !*page->before_id)
        return true;
    g_auto(GStrv) columns = g_strsplit(page->key, ", ", -1);
    page->cursor = g_strsplit(page->before_id, "/", -1);
    if (g_strv_length(page->cursor) != g_strv_length(columns) + 1 ||
        (page->time && !g_ascii_string_to_signed(page->cursor[0], 10, 0, STORE_TIME_LAST_MS, &at_ms, NULL)))
        return refuse_cursor(page, error);
    g_autofree char *row =
        g_strdup_printf("(%s%s%s) < (", page->time ? page->time : "", page->time ? ", " : "", page->key);
    store_page_add_text(page, row);
    if (page->time) {
        size_t at = page->count + 1;
        page->values[page->count++] = sql_time(at_ms);
        page->values[page->count++] = sql_time(at_ms + 1);
        append_exact_time(page, columns, at);
    }
    for (size_t i = 1; page->cursor[i]; i++) {
        page->values[page->count++] = sql_text(page->cursor[i]);
        g_string_append_printf(page->sql, "%s$%zu", page->time || i > 1 ? ", " : "", page->count);
    }
    g_string_append_c(page->sql, ')');
    return true;
}

/* ---- reading ---- */

static void append_order(const struct store_page *page)
{
    g_auto(GStrv) columns = g_strsplit(page->key, ", ", -1);
    g_string_append_printf(page->sql, " ORDER BY %s%s", page->time ? page->time : "", page->time ? " DESC" : "");
    for (size_t i = 0; columns[i]; i++)
        g_string_append_printf(page->sql, "%s%s DESC", page->time || i ? ", " : "", columns[i]);
}

bool store_page_read(struct store_transaction *transaction, struct store_page *page, GPtrArray *rows, GError **error)
{
    if (!add_cursor(page, error))
        return false;
    append_order(page);
    page->values[page->count++] = sql_integer(CLAMP(page->limit, 1, PAGE_LIMIT_MAX));
    g_string_append_printf(page->sql, " LIMIT $%zu", page->count);
    return store_select(transaction, page->descriptor, page->sql->str, page->values, page->count, rows, error);
}
