/* Counts of lines and zones, kept in the transaction of the events they count. */
#include "store/store_internal.h"

#include <stdlib.h>
#include <string.h>

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;
/* A level holds until another is told, also beyond midnight; of a zone of which nothing was told for so long nothing
 * is known. */
enum { LEVEL_DAYS = 7 };

static int64_t day_start(int64_t at_ms)
{
    int64_t rest = at_ms % day_ms;
    return at_ms - (rest < 0 ? rest + day_ms : rest);
}

static struct store_counted counted_of(const struct analytics_event *event)
{
    const char *kind = event->count == EVENT_COUNT_NOTHING ? NULL : record_enum_name(event_count_names, event->count);
    return (struct store_counted){kind, event->count == EVENT_COUNT_ZONE_INSIDE, event->count_amount};
}

/* What the server says itself, and what was spooled by an earlier version, nobody has looked into yet. */
static bool read_payload(struct analytics_event *event, GError **error)
{
    const struct event_type_info *info = event_type_find(event->type);
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
    analytics_event_note_payload(event, payload);
    record_clear(info->payload, payload);
    return true;
}

bool store_event_examine(struct analytics_event *event, struct store_counted *counted, GError **error)
{
    *counted = (struct store_counted){.kind = NULL};
    if (!event_type_find(event->type) || !event->payload.text)
        return true;
    if (!event->count && !read_payload(event, error))
        return false;
    *counted = counted_of(event);
    return true;
}

/* ---- counting a batch ---- */

static guint row_hash(gconstpointer data)
{
    const struct count_row *row = data;
    return g_str_hash(row->org_id) * 31 + g_str_hash(row->camera_id) * 17 + g_str_hash(row->subject_id) +
           g_str_hash(row->kind) + (guint)(row->day.ms / day_ms);
}

static gboolean row_equal(gconstpointer left, gconstpointer right)
{
    const struct count_row *a = left, *b = right;
    return a->day.ms == b->day.ms && strcmp(a->org_id, b->org_id) == 0 && strcmp(a->camera_id, b->camera_id) == 0 &&
           strcmp(a->subject_id, b->subject_id) == 0 && strcmp(a->kind, b->kind) == 0;
}

/* Rows of one transaction: many events are few counts. */
static void add_to_row(GHashTable *rows, const struct analytics_event *event, const struct store_counted *counted)
{
    const struct count_row row = {
        .org_id = event->org_id,
        .camera_id = event->camera_id,
        .subject_id = event->subject_id,
        .kind = (char *)(uintptr_t)counted->kind,
        .day = {day_start(event->occurred_at.ms)},
        .at = event->occurred_at,
        .count = counted->amount,
    };
    struct count_row *found = g_hash_table_lookup(rows, &row);
    if (!found) {
        found = g_memdup2(&row, sizeof row);
        g_hash_table_add(rows, found);
    } else if (!counted->is_level) {
        found->count += row.count;
        found->at.ms = MAX(found->at.ms, row.at.ms);
    } else if (row.at.ms >= found->at.ms) {
        found->count = row.count;
        found->at = row.at;
    }
}

/* The order in which every server locks them. */
static int compare_rows(const void *left, const void *right)
{
    const struct count_row *a = *(const struct count_row *const *)left, *b = *(const struct count_row *const *)right;
    int order = a->day.ms < b->day.ms ? -1 : a->day.ms > b->day.ms;
    if (!order)
        order = strcmp(a->camera_id, b->camera_id);
    if (!order)
        order = strcmp(a->subject_id, b->subject_id);
    return order ? order : strcmp(a->kind, b->kind);
}

/* Rows of one org. */
static bool merge_rows(struct store_transaction *transaction, GHashTable *rows, bool is_level, GError **error)
{
    static const char sum[] = " ON CONFLICT (org_id, day, camera_id, subject_id, kind) DO UPDATE SET count = "
                              "counts.count + excluded.count, at = CASE WHEN excluded.at > counts.at THEN excluded.at "
                              "ELSE counts.at END";
    static const char level[] = " ON CONFLICT (org_id, day, camera_id, subject_id, kind) DO UPDATE SET count = "
                                "excluded.count, at = excluded.at WHERE excluded.at >= counts.at";
    guint count;
    g_autofree const void **records = (const void **)g_hash_table_get_keys_as_array(rows, &count);
    qsort(records, count, sizeof *records, compare_rows);
    return store_merge(transaction, &store_count_descriptor, records, count, is_level ? level : sum, NULL, error);
}

bool store_events_count(struct store_transaction *transaction, struct analytics_event *const *events,
                        const struct store_counted *counted, const bool *is_new, size_t count, GError **error)
{
    g_autoptr(GHashTable) sums = g_hash_table_new_full(row_hash, row_equal, g_free, NULL);
    g_autoptr(GHashTable) levels = g_hash_table_new_full(row_hash, row_equal, g_free, NULL);
    for (size_t i = 0; i < count; i++)
        if (is_new[i] && counted[i].kind && events[i]->subject_id)
            add_to_row(counted[i].is_level ? levels : sums, events[i], &counted[i]);
    return merge_rows(transaction, sums, false, error) && merge_rows(transaction, levels, true, error);
}

static void store_count_free(void *data)
{
    struct store_count *count = data;
    if (!count)
        return;
    g_free(count->camera_id);
    g_free(count->subject_id);
    g_free(count->kind);
    g_free(count);
}

static bool take_count(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)columns;
    (void)error;
    struct store_count *count = g_new0(struct store_count, 1);
    count->camera_id = g_strdup(row[0].text);
    count->subject_id = g_strdup(row[1].text);
    count->kind = g_strdup(row[2].text);
    count->count = row[3].integer;
    count->day.ms = row[4].integer;
    g_ptr_array_add(data, count);
    return true;
}

/* Not by the database's, whose order may be that of a language. Searched, not hashed: ids are for anyone to choose. */
static int compare_counts(const void *left, const void *right)
{
    const struct store_count *a = *(const struct store_count *const *)left,
                             *b = *(const struct store_count *const *)right;
    int order = strcmp(a->camera_id, b->camera_id);
    if (!order)
        order = strcmp(a->subject_id, b->subject_id);
    return order ? order : strcmp(a->kind, b->kind);
}

static int compare_newest_first(const void *left, const void *right)
{
    const struct store_count *a = *(const struct store_count *const *)left,
                             *b = *(const struct store_count *const *)right;
    int order = compare_counts(left, right);
    return order ? order : (a->day.ms < b->day.ms) - (a->day.ms > b->day.ms);
}

static void keep_newest(GPtrArray *counts)
{
    guint kept = 0;
    for (guint i = 0; i < counts->len; i++) {
        gpointer count = g_steal_pointer(&counts->pdata[i]);
        if (kept > 0 && compare_counts(&counts->pdata[kept - 1], &count) == 0)
            store_count_free(count);
        else
            counts->pdata[kept++] = count;
    }
    g_ptr_array_set_size(counts, (gint)kept);
}

static bool read_counts(struct store_transaction *transaction, const char *org_id, const char *camera_id, int64_t day,
                        GPtrArray *counts, GError **error)
{
#define COUNTS_OF_DAY                                                                                                  \
    "SELECT camera_id, subject_id, kind, count, day FROM counts WHERE org_id = $1 AND day <= $2 AND day >= $3 AND "    \
    "(day = $2 OR kind = 'zone_inside')"
    static const char of_org[] = COUNTS_OF_DAY, of_camera[] = COUNTS_OF_DAY " AND camera_id = $4";
    const struct record_sql_value values[] = {sql_text(org_id), sql_time(day_start(day)),
                                              sql_time(day_start(day) - LEVEL_DAYS * day_ms),
                                              sql_text(camera_id ? camera_id : "")};
    return store_each(transaction, camera_id ? of_camera : of_org, values, G_N_ELEMENTS(values) - !camera_id,
                      take_count, counts, error);
}

GPtrArray *store_counts_list(struct store *store, const char *org_id, const char *camera_id, int64_t day,
                             GError **error)
{
    g_autoptr(GPtrArray) counts = g_ptr_array_new_with_free_func(store_count_free);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    if (!transaction || !read_counts(transaction, org_id, camera_id, day, counts, error))
        return NULL;
    g_ptr_array_sort(counts, compare_newest_first);
    keep_newest(counts);
    return g_steal_pointer(&counts);
}

int64_t store_counts_find(const GPtrArray *counts, const char *camera_id, const char *subject_id, const char *kind)
{
    const struct store_count wanted = {.camera_id = (char *)(uintptr_t)camera_id,
                                       .subject_id = (char *)(uintptr_t)subject_id,
                                       .kind = (char *)(uintptr_t)kind};
    const struct store_count *key = &wanted, *const *found = counts->len ? bsearch(&key, counts->pdata, counts->len,
                                                                                   sizeof(gpointer), compare_counts)
                                                                         : NULL;
    return found ? (*found)->count : 0;
}
