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

/* Rows of the cursor's own time come by id. */
static bool add_cursor(struct store_transaction *transaction, struct store_page *page, GError **error)
{
    static const int64_t missing = G_MININT64;
    int64_t at_ms;
    g_autofree char *sql =
        g_strdup_printf("SELECT %s FROM %s WHERE org_id = $1 AND id = $2 LIMIT 1", page->time, page->descriptor->table);
    if (!store_get_integer(transaction, sql, STORE_VALUES(sql_text(page->org_id), sql_text(page->before_id)), missing,
                           &at_ms, error))
        return false;
    if (at_ms == missing) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "cursor: %s: it is not there (any more): start again "
                    "without it",
                    page->before_id);
        return false;
    }
    g_autofree char *condition = g_strdup_printf("(%s, id) < (", page->time);
    store_page_add(page, condition, sql_time(at_ms));
    page->values[page->count++] = sql_text(page->before_id);
    g_string_append_printf(page->sql, ", $%zu)", page->count);
    return true;
}

bool store_page_read(struct store_transaction *transaction, struct store_page *page, GPtrArray *rows, GError **error)
{
    if (page->before_id && *page->before_id && page->time && !add_cursor(transaction, page, error))
        return false;
    if (page->before_id && *page->before_id && !page->time)
        store_page_add(page, "id < ", sql_text(page->before_id));
    page->values[page->count++] = sql_integer(CLAMP(page->limit, 1, PAGE_LIMIT_MAX));
    g_string_append_printf(page->sql, " ORDER BY %s%s%s DESC LIMIT $%zu", page->time ? page->time : "",
                           page->time ? " DESC, " : "", page->key, page->count);
    return store_select(transaction, page->descriptor, page->sql->str, page->values, page->count, rows, error);
}
