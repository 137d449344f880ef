/* Lists of events, and of what came after one. */
#include "facts/incident.h"
#include "store/work_internal.h"

enum {
    AFTER_LIMIT_MAX = 10001, /* one more than http.resume_events may be */
    AFTER_OVERLAP_MS = 5000, /* batches of several workers may change places while the spool is full */
    AFTER_COMMIT_MS = 30000, /* an incident is told once it is committed, which takes no longer */
};

/* The id is a camera's own; it comes first, as the indexes have it. */
static const char event_time[] = "occurred_at", event_key[] = "id, camera_id";

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
    store_page_init(&page, &analytics_event_descriptor, event_time, filter->org_id);
    page.key = event_key;
    page.before_id = filter->before_id;
    page.limit = filter->limit;
    add_filter(&page, filter);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, filter->org_id, error);
    bool is_good = transaction && store_page_read(transaction, &page, events, error);
    store_page_clear(&page);
    return is_good ? g_steal_pointer(&events) : NULL;
}

char *store_event_cursor(const struct analytics_event *event)
{
    return store_page_cursor(&analytics_event_descriptor, event_time, event_key, event);
}

/* What comes later under an id that is taken never stands in the first one's place. */
#define FIRST_THAT_CAME " ORDER BY received_at, camera_id LIMIT 1"

struct analytics_event *store_event_get(struct store *store, const char *org_id, enum event_type type,
                                        const char *camera_id, const char *id, GError **error)
{
    GError *failure = NULL;
    struct analytics_event *event = NULL;
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    if (!transaction)
        return NULL;
    event = store_find(transaction, &analytics_event_descriptor,
                       "WHERE org_id = $1 AND id = $2 AND type = coalesce($3, type) AND camera_id = coalesce($4, "
                       "camera_id)" FIRST_THAT_CAME,
                       STORE_VALUES(sql_text(org_id), sql_text(id),
                                    sql_text(type ? record_enum_name(event_type_names, type) : NULL),
                                    sql_text(has_text(camera_id) ? camera_id : NULL)),
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

/* ---- what came after one ---- */

/* STORE_LATE_EVENTS is where the newest late event of an org stands: no index has them by when they came. */
bool store_events_note_late_in(struct store_transaction *transaction, struct analytics_event *const *events,
                               const bool *is_new, size_t count, GError **error)
{
    int64_t latest_ms = 0;
    for (size_t i = 0; i < count; i++)
        if (is_new[i] &&
            events[i]->received_at.ms - events[i]->occurred_at.ms > STORE_EVENTS_LATE_MS - AFTER_OVERLAP_MS)
            latest_ms = MAX(latest_ms, events[i]->received_at.ms);
    if (!latest_ms)
        return true;
    g_autofree char *name = store_org_value_name(STORE_LATE_EVENTS, events[0]->org_id);
    return store_set_org(transaction, STORE_PLATFORM, error) &&
           store_run(transaction,
                     "INSERT INTO store_values (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = "
                     "excluded.value WHERE store_values.value < excluded.value",
                     STORE_VALUES(sql_text(name), sql_integer(latest_ms)), NULL, error);
}

static bool find_after(struct store_transaction *transaction, const struct store_events_after *asked,
                       struct analytics_event **after, GError **error)
{
    GError *failure = NULL;
    *after = store_find(transaction, &analytics_event_descriptor, "WHERE org_id = $1 AND id = $2" FIRST_THAT_CAME,
                        STORE_VALUES(sql_text(asked->org_id), sql_text(asked->after_id)), &failure);
    if (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_clear_error(&failure);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no event %s", asked->after_id);
    } else if (failure) {
        g_propagate_error(error, failure);
    }
    return *after != NULL;
}

/* A camera's id in a pattern may match another's: who asks looks again. */
#define OF_CAMERAS(parameter) "AND (" parameter " = '' OR " parameter " LIKE '%,' || camera_id || ',%') "

/* Pages are by (received_at, id, camera_id), so that each goes on where the one before it ended, however many came at
 * once. */
static bool read_after(struct store_transaction *transaction, const struct store_events_after *asked,
                       const struct analytics_event *after, bool is_again, GPtrArray *events, GError **error)
{
#define PLACED(compares)                                                                                               \
    "WHERE org_id = $1 AND occurred_at >= $2 AND (received_at, id, camera_id) " compares                               \
    " ($3, $4, $8) AND received_at >= $7 " OF_CAMERAS("$6") "ORDER BY "
    const char *tail = is_again ? PLACED("<") "received_at DESC, id DESC, camera_id DESC LIMIT $5"
                                : PLACED(">") "received_at, id, camera_id LIMIT $5";
#undef PLACED
    int64_t from_ms = MIN(after->occurred_at.ms, after->received_at.ms) - STORE_EVENTS_LATE_MS;
    return store_select(transaction, &analytics_event_descriptor, tail,
                        STORE_VALUES(sql_text(asked->org_id), sql_time(from_ms), sql_time(after->received_at.ms),
                                     sql_text(asked->after_id), sql_integer(CLAMP(asked->limit, 1, AFTER_LIMIT_MAX)),
                                     sql_text(asked->cameras ? asked->cameras : ""),
                                     sql_time(after->received_at.ms - AFTER_OVERLAP_MS), sql_text(after->camera_id)),
                        events, error);
}

static bool read_late(struct store_transaction *transaction, const struct store_events_after *asked,
                      const struct analytics_event *after, bool *is_whole, GError **error)
{
    int64_t latest_ms = 0;
    g_autofree char *name = store_org_value_name(STORE_LATE_EVENTS, asked->org_id);
    bool is_good = store_set_org(transaction, STORE_PLATFORM, error) &&
                   store_get_integer(transaction, "SELECT value FROM store_values WHERE name = $1",
                                     STORE_VALUES(sql_text(name)), 0, &latest_ms, error);
    *is_whole = latest_ms < after->received_at.ms - AFTER_OVERLAP_MS;
    return is_good;
}

/* Oldest change first. */
static bool read_incidents(struct store_transaction *transaction, const struct store_events_after *asked,
                           const struct analytics_event *after, struct store_events_found *found, GError **error)
{
    int limit = MIN(asked->incident_limit, AFTER_LIMIT_MAX);
    size_t unreadable = 0;
    if (limit <= 0)
        return true;
    bool is_good = store_select_readable(
        transaction, &incident_descriptor,
        "WHERE org_id = $1 AND changed_at >= $2 " OF_CAMERAS("$3") "ORDER BY changed_at, id LIMIT $4",
        STORE_VALUES(sql_text(asked->org_id), sql_time(after->received_at.ms - AFTER_COMMIT_MS),
                     sql_text(asked->cameras ? asked->cameras : ""), sql_integer(limit)),
        found->incidents, &unreadable, error);
    found->has_unreadable_incidents = unreadable > 0;
    return is_good;
}

bool store_events_read_after(struct store *store, const struct store_events_after *asked,
                             struct store_events_found *found, GError **error)
{
    struct analytics_event *after = NULL;
    *found = (struct store_events_found){.again = g_ptr_array_new_with_free_func(event_free),
                                         .later = g_ptr_array_new_with_free_func(event_free),
                                         .incidents = g_ptr_array_new_with_free_func(incident_free)};
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, asked->org_id, error);
    bool is_good = transaction && find_after(transaction, asked, &after, error) &&
                   read_after(transaction, asked, after, true, found->again, error) &&
                   read_after(transaction, asked, after, false, found->later, error) &&
                   read_incidents(transaction, asked, after, found, error) &&
                   read_late(transaction, asked, after, &found->is_whole, error);
    analytics_event_free(after);
    if (!is_good)
        store_events_found_clear(found);
    for (guint i = 0; is_good && i < found->again->len / 2; i++) { /* oldest first */
        gpointer *rows = found->again->pdata, early = rows[i];
        rows[i] = rows[found->again->len - 1 - i];
        rows[found->again->len - 1 - i] = early;
    }
    return is_good;
}

void store_events_found_clear(struct store_events_found *found)
{
    g_clear_pointer(&found->again, g_ptr_array_unref);
    g_clear_pointer(&found->later, g_ptr_array_unref);
    g_clear_pointer(&found->incidents, g_ptr_array_unref);
}
