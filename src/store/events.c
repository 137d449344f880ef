#include "store/store_internal.h"

enum { EVENTS_LIMIT_MAX = 1000 };

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

/* One condition of a filter: its SQL, and what is bound to its one parameter. */
struct condition {
    bool is_used;
    const char *sql, *text;
    int64_t integer;
};
enum { CONDITION_COUNT = 6 };

static void filter_conditions(const struct store_event_filter *filter, struct condition conditions[CONDITION_COUNT])
{
    const struct condition all[CONDITION_COUNT] = {
        {has_text(filter->org_id), "org_id=?", filter->org_id, 0},
        {has_text(filter->camera_id), "camera_id=?", filter->camera_id, 0},
        {filter->type != 0, "type=?", record_enum_name(event_type_names, filter->type), 0},
        {has_text(filter->subject_id), "subject_id=?", filter->subject_id, 0},
        {filter->from_ms != 0, "occurred_at>=?", NULL, filter->from_ms},
        {filter->to_ms != 0, "occurred_at<?", NULL, filter->to_ms},
    };
    for (size_t i = 0; i < CONDITION_COUNT; i++)
        conditions[i] = all[i];
}

/* The texts are few (one per combination of filters), so that each is prepared once. */
static char *list_sql(const struct store *store, const struct condition conditions[CONDITION_COUNT], bool has_cursor)
{
    GString *sql = g_string_new(store->event_select);
    const char *joint = " WHERE ";
    for (size_t i = 0; i < CONDITION_COUNT; i++) {
        if (!conditions[i].is_used)
            continue;
        g_string_append_printf(sql, "%s%s", joint, conditions[i].sql);
        joint = " AND ";
    }
    if (has_cursor)
        g_string_append_printf(sql, "%s(occurred_at, id) < (?, ?)", joint);
    g_string_append(sql, " ORDER BY occurred_at DESC, id DESC LIMIT ?");
    return g_string_free(sql, FALSE);
}

static bool find_cursor(struct connection *reader, const char *org_id, const char *id, int64_t *at_ms, GError **error)
{
    bool has_org = has_text(org_id);
    sqlite3_stmt *statement = connection_prepare(reader,
                                                 has_org ? "SELECT occurred_at FROM events WHERE id=? AND org_id=?"
                                                         : "SELECT occurred_at FROM events WHERE id=?",
                                                 error);
    if (!statement)
        return false;
    bind_text(statement, 1, id);
    if (has_org)
        bind_text(statement, 2, org_id);
    g_autoptr(GError) failure = NULL;
    bool is_found = connection_next(reader, statement, &failure);
    if (is_found)
        *at_ms = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    else if (!is_found)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "cursor: %s: there is no such event: start again without it", id);
    return is_found;
}

static bool list_into(struct store *store, struct connection *reader, const struct store_event_filter *filter,
                      GPtrArray *events, GError **error)
{
    struct condition conditions[CONDITION_COUNT];
    filter_conditions(filter, conditions);
    bool has_cursor = has_text(filter->before_id);
    int64_t cursor_ms = 0;
    if (has_cursor && !find_cursor(reader, filter->org_id, filter->before_id, &cursor_ms, error))
        return false;
    g_autofree char *sql = list_sql(store, conditions, has_cursor);
    sqlite3_stmt *statement = connection_prepare(reader, sql, error);
    if (!statement)
        return false;
    int index = 1;
    for (size_t i = 0; i < CONDITION_COUNT; i++) {
        if (conditions[i].is_used && conditions[i].text)
            bind_text(statement, index++, conditions[i].text);
        else if (conditions[i].is_used)
            sqlite3_bind_int64(statement, index++, conditions[i].integer);
    }
    if (has_cursor) {
        sqlite3_bind_int64(statement, index++, cursor_ms);
        bind_text(statement, index++, filter->before_id);
    }
    sqlite3_bind_int(statement, index, CLAMP(filter->limit, 1, EVENTS_LIMIT_MAX));
    g_autoptr(GError) failure = NULL;
    while (!failure && connection_next(reader, statement, &failure)) {
        struct analytics_event *event = g_new(struct analytics_event, 1);
        if (read_record(reader, statement, &analytics_event_descriptor, event, &failure))
            g_ptr_array_add(events, event);
        else
            g_free(event);
    }
    sqlite3_reset(statement);
    bool is_good = !failure;
    if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    return is_good;
}

GPtrArray *store_events_list(struct store *store, const struct store_event_filter *filter, GError **error)
{
    struct connection *reader = store_reader_take(store, error);
    if (!reader)
        return NULL;
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(event_free);
    bool is_good = list_into(store, reader, filter, events, error);
    store_reader_return(store, reader);
    return is_good ? g_steal_pointer(&events) : NULL;
}
