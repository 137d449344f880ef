/* Lists of events. */
#include "store/store_internal.h"

enum {
    EVENTS_LIMIT_MAX = 1000,
    AFTER_LIMIT_MAX = 10000,
    LIST_VALUES_MAX = 9,
    AFTER_OVERLAP_MS = 5000, /* batches of several workers may change places while the spool is full */
};

void analytics_event_free(struct analytics_event *event)
{
    if (!event)
        return;
    record_clear(&analytics_event_descriptor, event);
    g_free(event);
}

static void event_free(void *event)
{
    analytics_event_free(event);
}

static bool has_text(const char *text)
{
    return text && *text;
}

/* The text of a list: one for each combination of filters, so that each is prepared once. `values` get what its
 * parameters are. */
struct list_query {
    GString *sql;
    struct record_sql_value values[LIST_VALUES_MAX];
    size_t count;
};

static void add_condition(struct list_query *query, const char *condition, struct record_sql_value value)
{
    query->values[query->count++] = value;
    g_string_append_printf(query->sql, "%s%s$%zu", query->count > 1 ? " AND " : "WHERE ", condition, query->count);
}

static void add_filter(struct list_query *query, const struct store_event_filter *filter)
{
    add_condition(query, "org_id = ", sql_text(filter->org_id));
    if (has_text(filter->camera_id))
        add_condition(query, "camera_id = ", sql_text(filter->camera_id));
    if (filter->type)
        add_condition(query, "type = ", sql_text(record_enum_name(event_type_names, filter->type)));
    if (has_text(filter->subject_id))
        add_condition(query, "subject_id = ", sql_text(filter->subject_id));
    if (filter->from_ms)
        add_condition(query, "occurred_at >= ", sql_time(filter->from_ms));
    if (filter->to_ms)
        add_condition(query, "occurred_at < ", sql_time(filter->to_ms));
}

/* Rows of the cursor's own time come by id. */
static bool add_cursor(struct store_transaction *transaction, struct list_query *query,
                       const struct store_event_filter *filter, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(event_free);
    if (!store_select(transaction, &analytics_event_descriptor, "WHERE org_id = $1 AND id = $2 LIMIT 1",
                      STORE_VALUES(sql_text(filter->org_id), sql_text(filter->before_id)), found, error))
        return false;
    if (!found->len) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "cursor: %s: there is no such event: start again without it", filter->before_id);
        return false;
    }
    const struct analytics_event *cursor = g_ptr_array_index(found, 0);
    add_condition(query, "(occurred_at, id) < (", sql_time(cursor->occurred_at.ms));
    query->values[query->count++] = sql_text(filter->before_id);
    g_string_append_printf(query->sql, ", $%zu)", query->count);
    return true;
}

static bool list_into(struct store_transaction *transaction, const struct store_event_filter *filter, GPtrArray *events,
                      GError **error)
{
    g_autoptr(GString) sql = g_string_new(NULL);
    struct list_query query = {.sql = sql};
    add_filter(&query, filter);
    if (has_text(filter->before_id) && !add_cursor(transaction, &query, filter, error))
        return false;
    g_string_append_printf(sql, " ORDER BY occurred_at DESC, id DESC LIMIT $%zu", query.count + 1);
    query.values[query.count++] = sql_integer(CLAMP(filter->limit, 1, EVENTS_LIMIT_MAX));
    return store_select(transaction, &analytics_event_descriptor, sql->str, query.values, query.count, events, error);
}

GPtrArray *store_events_list(struct store *store, const struct store_event_filter *filter, GError **error)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(event_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, filter->org_id, error);
    return transaction && list_into(transaction, filter, events, error) ? g_steal_pointer(&events) : NULL;
}

static bool after_into(struct store_transaction *transaction, const char *org_id, const char *after_id, int64_t late_ms,
                       int limit, GPtrArray *events, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(event_free);
    if (!store_select(transaction, &analytics_event_descriptor, "WHERE org_id = $1 AND id = $2 LIMIT 1",
                      STORE_VALUES(sql_text(org_id), sql_text(after_id)), found, error))
        return false;
    if (!found->len) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no event %s", after_id);
        return false;
    }
    const struct analytics_event *after = g_ptr_array_index(found, 0);
    return store_select(transaction, &analytics_event_descriptor,
                        "WHERE org_id = $1 AND occurred_at >= $2 AND received_at >= $3 AND id <> $4 "
                        "ORDER BY received_at, id LIMIT $5",
                        STORE_VALUES(sql_text(org_id), sql_time(after->occurred_at.ms - late_ms),
                                     sql_time(after->received_at.ms - AFTER_OVERLAP_MS), sql_text(after_id),
                                     sql_integer(CLAMP(limit, 1, AFTER_LIMIT_MAX))),
                        events, error);
}

GPtrArray *store_events_after(struct store *store, const char *org_id, const char *after_id, int64_t late_ms, int limit,
                              GError **error)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(event_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    bool is_good = transaction && after_into(transaction, org_id, after_id, late_ms, limit, events, error);
    return is_good ? g_steal_pointer(&events) : NULL;
}
