#include "store/store_internal.h"

#include <string.h>

static const struct record_field count_fields[] = {
    FIELD(struct count_row, org_id, RECORD_KEY, "whose"),
    FIELD(struct count_row, day, RECORD_KEY, "midnight UTC"),
    FIELD(struct count_row, camera_id, RECORD_KEY, "the camera"),
    FIELD(struct count_row, subject_id, RECORD_KEY, "the line or zone"),
    FIELD(struct count_row, kind, RECORD_KEY, "line_in, line_out, zone_enter, zone_exit or zone_inside"),
    FIELD(struct count_row, count, 0, "how many"),
    FIELD(struct count_row, at, 0, "capture time of the latest event counted"),
};
const struct record_descriptor store_count_descriptor =
    RECORD(struct count_row, "Count", 1, count_fields, "Counts of a line or zone on one UTC day.", .table = "counts");

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

static int64_t day_start(int64_t at_ms)
{
    int64_t rest = at_ms % day_ms;
    return at_ms - (rest < 0 ? rest + day_ms : rest);
}

static struct store_counted count_of(enum event_type type, const void *payload)
{
    switch (type) {
    case EVENT_LINE_CROSSING: {
        const struct line_crossing *crossing = payload;
        return (struct store_counted){crossing->direction == LINE_IN ? "line_in" : "line_out", false, 1};
    }
    case EVENT_ZONE_HIT: {
        const struct zone_hit *hit = payload;
        const char *kind = hit->event == ZONE_HIT_ENTER  ? "zone_enter"
                           : hit->event == ZONE_HIT_EXIT ? "zone_exit"
                                                         : NULL;
        return (struct store_counted){kind, false, 1};
    }
    case EVENT_OCCUPANCY:
        return (struct store_counted){"zone_inside", true, ((const struct occupancy_log *)payload)->count};
    default:
        return (struct store_counted){NULL, false, 0};
    }
}

static const char *subject_of(enum event_type type, const void *payload)
{
    switch (type) {
    case EVENT_LINE_CROSSING:
        return ((const struct line_crossing *)payload)->line_id;
    case EVENT_ZONE_HIT:
        return ((const struct zone_hit *)payload)->zone_id;
    case EVENT_OCCUPANCY:
        return ((const struct occupancy_log *)payload)->zone_id;
    case EVENT_SIGNAL:
        return ((const struct signal *)payload)->zone_id;
    default:
        return NULL;
    }
}

bool store_event_examine(struct analytics_event *event, struct store_counted *counted, GError **error)
{
    *counted = (struct store_counted){.kind = NULL};
    const struct event_type_info *info = event_type_find(event->type);
    if (!info || !event->payload.text)
        return true;
    struct record_errors errors;
    record_errors_init(&errors);
    g_autofree void *payload = g_malloc0(info->payload->size);
    bool is_good =
        record_decode_json(info->payload, event->payload.text, strlen(event->payload.text), payload, &errors);
    if (!is_good) {
        record_errors_to_gerror(&errors, error);
        g_prefix_error(error, "event %s: payload: ", event->id);
    }
    record_errors_clear(&errors);
    if (!is_good)
        return false;
    *counted = count_of(event->type, payload);
    g_free(event->subject_id);
    event->subject_id = g_strdup(subject_of(event->type, payload));
    record_clear(info->payload, payload);
    return true;
}

bool store_event_count(struct connection *connection, const struct analytics_event *event,
                       const struct store_counted *counted, GError **error)
{
    static const char sum[] = "INSERT INTO counts (org_id, day, camera_id, subject_id, kind, count, at) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, day, camera_id, subject_id, kind) "
                              "DO UPDATE SET count = count + excluded.count, at = max(at, excluded.at)";
    static const char level[] = "INSERT INTO counts (org_id, day, camera_id, subject_id, kind, count, at) "
                                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, day, camera_id, subject_id, kind) "
                                "DO UPDATE SET count = excluded.count, at = excluded.at WHERE excluded.at >= at";
    if (!counted->kind || !event->subject_id)
        return true;
    sqlite3_stmt *statement = connection_prepare(connection, counted->is_level ? level : sum, error);
    if (!statement)
        return false;
    bind_text(statement, 1, event->org_id);
    sqlite3_bind_int64(statement, 2, day_start(event->occurred_at.ms));
    bind_text(statement, 3, event->camera_id);
    bind_text(statement, 4, event->subject_id);
    bind_text(statement, 5, counted->kind);
    sqlite3_bind_int64(statement, 6, counted->amount);
    sqlite3_bind_int64(statement, 7, event->occurred_at.ms);
    return connection_finish(connection, statement, error);
}

static void store_count_free(void *data)
{
    struct store_count *count = data;
    g_free(count->camera_id);
    g_free(count->subject_id);
    g_free(count->kind);
    g_free(count);
}

GPtrArray *store_counts_list(struct store *store, const char *org_id, int64_t day, GError **error)
{
    struct connection *reader = store_reader_take(store, error);
    if (!reader)
        return NULL;
    g_autoptr(GPtrArray) counts = g_ptr_array_new_with_free_func(store_count_free);
    g_autoptr(GError) failure = NULL;
    sqlite3_stmt *statement = connection_prepare(
        reader, "SELECT camera_id, subject_id, kind, count FROM counts WHERE org_id=? AND day=?", &failure);
    if (statement) {
        bind_text(statement, 1, org_id);
        sqlite3_bind_int64(statement, 2, day_start(day));
        while (connection_next(reader, statement, &failure)) {
            struct store_count *count = g_new0(struct store_count, 1);
            count->camera_id = g_strdup((const char *)sqlite3_column_text(statement, 0));
            count->subject_id = g_strdup((const char *)sqlite3_column_text(statement, 1));
            count->kind = g_strdup((const char *)sqlite3_column_text(statement, 2));
            count->count = sqlite3_column_int64(statement, 3);
            g_ptr_array_add(counts, count);
        }
    }
    store_reader_return(store, reader);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    return g_steal_pointer(&counts);
}
