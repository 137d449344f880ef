/* Lists of events. */
#include "store/work_internal.h"

enum {
    AFTER_LIMIT_MAX = 10000,
    AFTER_OVERLAP_MS = 5000, /* batches of several workers may change places while the spool is full */
};

void analytics_event_free(struct analytics_event *event)
{
    if (!event)
        return;
    record_clear(&event_under_way_descriptor, event); /* one that is stored has no more */
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

/* What a signal says of itself stands in its payload; `events_signals` is the index of those rows alone, which needs
 * the type in the text. */
static void add_of_signal(struct store_page *page, const struct store_event_filter *filter)
{
    if (filter->service)
        store_page_add(page, "payload ->> 'service' = ", sql_text(record_enum_name(service_names, filter->service)));
    if (has_text(filter->kind))
        store_page_add(page, "payload ->> 'kind' = ", sql_text(filter->kind));
    if (filter->severity)
        store_page_add(page, "payload ->> 'severity' = ", sql_text(record_enum_name(severity_names, filter->severity)));
}

static void add_filter(struct store_page *page, const struct store_event_filter *filter)
{
    if (has_text(filter->camera_id))
        store_page_add(page, "camera_id = ", sql_text(filter->camera_id));
    if (filter->type == EVENT_SIGNAL)
        store_page_add_text(page, "type = 'signal'");
    else if (filter->type)
        store_page_add(page, "type = ", sql_text(record_enum_name(event_type_names, filter->type)));
    if (has_text(filter->subject_id))
        store_page_add(page, "subject_id = ", sql_text(filter->subject_id));
    add_of_signal(page, filter);
    store_page_add_span(page, filter->from_ms, filter->to_ms);
}

GPtrArray *store_events_list(struct store *store, const struct store_event_filter *filter, GError **error)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(event_free);
    struct store_page page;
    store_page_init(&page, &analytics_event_descriptor, "occurred_at", filter->org_id);
    page.before_id = filter->before_id;
    page.limit = filter->limit;
    add_filter(&page, filter);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, filter->org_id, error);
    bool is_good = transaction && store_page_read(transaction, &page, events, error);
    store_page_clear(&page);
    return is_good ? g_steal_pointer(&events) : NULL;
}

struct analytics_event *store_event_get(struct store *store, const char *org_id, enum event_type type, const char *id,
                                        GError **error)
{
    GError *failure = NULL;
    struct analytics_event *event = NULL;
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    if (!transaction)
        return NULL;
    event = store_find(
        transaction, &analytics_event_descriptor,
        "WHERE org_id = $1 AND id = $2 AND type = coalesce($3, type) ORDER BY camera_id LIMIT 1",
        STORE_VALUES(sql_text(org_id), sql_text(id), sql_text(type ? record_enum_name(event_type_names, type) : NULL)),
        &failure);
    if (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_clear_error(&failure);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no %s %s",
                    type ? record_enum_name(event_type_names, type) : "event", id);
    } else if (failure) {
        g_propagate_error(error, failure);
    }
    return event;
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
