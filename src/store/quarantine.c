/* Records whose time cannot be right are put aside: what is counted and came too late to be counted, and what claims to
 * be from the future. Nothing that was accepted is lost, and nothing that is counted twice or never is counted wrongly.
 */
#include "base/counter.h"
#include "store/work_internal.h"

enum quarantine_reason store_event_misfit(const struct store *store, const struct analytics_event *event)
{
    return quarantine_reason_of(event, &store->settings, clock_wall_ms(store->clock));
}

bool store_quarantine_in(struct store_transaction *transaction, struct analytics_event *const *events, size_t count,
                         GError **error)
{
    g_autofree struct quarantined_event *rows = g_new(struct quarantined_event, count);
    g_autofree const void **records = g_new(const void *, count);
    g_autofree bool *is_new = g_new0(bool, count);
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct quarantined_event){
            .org_id = events[i]->org_id,
            .camera_id = events[i]->camera_id,
            .id = events[i]->id,
            .reason = store_event_misfit(transaction->store, events[i]),
            .type = events[i]->type,
            .site_id = events[i]->site_id,
            .occurred_at = events[i]->occurred_at,
            .received_at = events[i]->received_at,
            .payload = events[i]->payload,
        };
        records[i] = &rows[i];
    }
    if (!store_insert(transaction, &quarantined_event_descriptor, records, count, RECORD_CONFLICT_IGNORE, is_new,
                      error))
        return false;
    for (size_t i = 0; i < count; i++)
        counter_add(&transaction->store->health->records_quarantined, is_new[i]);
    return true;
}

static gint compare_hours(gconstpointer left, gconstpointer right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

/* The hours of what is new and counted, oldest first. Events come in the order of time, so that few hours are there
 * twice. */
static GArray *hours_of(struct analytics_event *const *events, const bool *is_new, size_t count)
{
    static const int64_t hour_ms = 3600000;
    GArray *hours = g_array_new(FALSE, FALSE, sizeof(int64_t));
    int64_t last_ms = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        int64_t at_ms = events[i]->occurred_at.ms, bucket_ms = at_ms - (at_ms % hour_ms + hour_ms) % hour_ms;
        if (!is_new[i] || events[i]->type == EVENT_SIGNAL || bucket_ms == last_ms)
            continue;
        g_array_append_val(hours, bucket_ms);
        last_ms = bucket_ms;
    }
    g_array_sort(hours, compare_hours);
    return hours;
}

/* In the order of time, as every server does: each mark stays locked until the commit. */
bool store_events_mark_in(struct store_transaction *transaction, struct analytics_event *const *events,
                          const bool *is_new, size_t count, GError **error)
{
    g_autoptr(GArray) hours = hours_of(events, is_new, count);
    int64_t marked_ms = INT64_MIN;
    for (guint i = 0; i < hours->len; i++) {
        int64_t bucket_ms = g_array_index(hours, int64_t, i);
        if (bucket_ms == marked_ms)
            continue;
        if (!store_rollup_mark_in(transaction, events[0]->org_id, ROLLUP_HOUR, "", bucket_ms, error))
            return false;
        marked_ms = bucket_ms;
    }
    return true;
}
