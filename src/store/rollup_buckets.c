#include "store/rollup_buckets.h"

#include <string.h>

enum { HOUR_S = 3600, DAY_S = 86400 };

/* ---- spans ---- */

/* Hours are cut where the clocks change, as in Lord Howe, by half an hour. */
static struct bucket_span hour_at(const struct zone *zone, int64_t utc_s)
{
    struct zone_span span = zone_span(zone, zone_span_find(zone, utc_s));
    int64_t from_s = zone_floor_divide(utc_s + span.offset_s, HOUR_S) * HOUR_S - span.offset_s;
    return (struct bucket_span){MAX(from_s, span.from_s), MIN(from_s + HOUR_S, span.to_s)};
}

static int64_t month_start(int64_t year, int month)
{
    return zone_day_of_date((struct zone_date){year + (month > 12), month > 12 ? 1 : month, 1}) * DAY_S;
}

struct bucket_span bucket_span_at(const struct zone *zone, enum rollup_level level, int64_t utc_s)
{
    if (level == ROLLUP_HOUR)
        return hour_at(zone, utc_s);
    int64_t day = zone_floor_divide(zone_local(zone, utc_s), DAY_S);
    if (level == ROLLUP_DAY)
        return (struct bucket_span){zone_utc(zone, day * DAY_S), zone_utc(zone, (day + 1) * DAY_S)};
    struct zone_date date = zone_date_of_day(day);
    return (struct bucket_span){zone_utc(zone, month_start(date.year, date.month)),
                                zone_utc(zone, month_start(date.year, date.month + 1))};
}

/* ---- clocks that became others ---- */

struct piece {
    struct zone *zone;
    char *name;
    int64_t until_s; /* of the last it does not matter */
};
struct bucket_clocks {
    GArray *pieces; /* of struct piece */
};

static void piece_clear(void *data)
{
    struct piece *piece = data;
    zone_free(piece->zone);
    g_free(piece->name);
}

struct bucket_clocks *bucket_clocks_new(void)
{
    struct bucket_clocks *clocks = g_new(struct bucket_clocks, 1);
    clocks->pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));
    g_array_set_clear_func(clocks->pieces, piece_clear);
    return clocks;
}

void bucket_clocks_free(struct bucket_clocks *clocks)
{
    if (!clocks)
        return;
    g_array_unref(clocks->pieces);
    g_free(clocks);
}

bool bucket_clocks_add(struct bucket_clocks *clocks, const char *name, int64_t until_s, GError **error)
{
    const char *known = name && *name ? name : "UTC";
    struct piece *last =
        clocks->pieces->len ? &g_array_index(clocks->pieces, struct piece, clocks->pieces->len - 1) : NULL;
    if (last && strcmp(last->name, known) == 0) { /* they went on */
        last->until_s = until_s;
        return true;
    }
    const struct piece piece = {zone_load(known, error), g_strdup(known), until_s};
    g_array_append_val(clocks->pieces, piece);
    return piece.zone != NULL;
}

struct bucket_span bucket_clocks_span(const struct bucket_clocks *clocks, enum rollup_level level, int64_t utc_s)
{
    guint at = 0, last = clocks->pieces->len - 1;
    while (at < last && utc_s >= g_array_index(clocks->pieces, struct piece, at).until_s)
        at++;
    struct bucket_span span = bucket_span_at(g_array_index(clocks->pieces, struct piece, at).zone, level, utc_s);
    if (at > 0)
        span.from_s = MAX(span.from_s, g_array_index(clocks->pieces, struct piece, at - 1).until_s);
    if (at < last)
        span.to_s = MIN(span.to_s, g_array_index(clocks->pieces, struct piece, at).until_s);
    return span;
}

/* ---- sums ---- */

struct bucket_sums {
    char *org_id, *site_id;
    int64_t bucket_s;
    GHashTable *by_key; /* "camera\nsubject" → row, borrowed */
    GPtrArray *rows;    /* of struct occupancy_bucket * */
};

static void bucket_free(void *bucket)
{
    record_clear(&occupancy_hourly_descriptor, bucket);
    g_free(bucket);
}

struct bucket_sums *bucket_sums_new(const char *org_id, const char *site_id, int64_t bucket_s)
{
    struct bucket_sums *sums = g_new(struct bucket_sums, 1);
    *sums = (struct bucket_sums){g_strdup(org_id), g_strdup(site_id), bucket_s,
                                 g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                                 g_ptr_array_new_with_free_func(bucket_free)};
    return sums;
}

void bucket_sums_free(struct bucket_sums *sums)
{
    if (!sums)
        return;
    g_free(sums->org_id);
    g_free(sums->site_id);
    g_hash_table_unref(sums->by_key);
    g_ptr_array_unref(sums->rows);
    g_free(sums);
}

static struct occupancy_bucket *row_of(struct bucket_sums *sums, const char *camera_id, const char *subject_id,
                                       enum occupancy_kind kind)
{
    g_autofree char *key = g_strdup_printf("%s\n%s", camera_id, subject_id);
    struct occupancy_bucket *row = g_hash_table_lookup(sums->by_key, key);
    if (row)
        return row;
    row = g_new0(struct occupancy_bucket, 1);
    *row = (struct occupancy_bucket){
        .org_id = g_strdup(sums->org_id),
        .site_id = g_strdup(sums->site_id),
        .bucket = {sums->bucket_s * 1000},
        .camera_id = g_strdup(camera_id),
        .subject_id = g_strdup(subject_id),
        .kind = kind,
    };
    g_ptr_array_add(sums->rows, row);
    g_hash_table_insert(sums->by_key, g_steal_pointer(&key), row);
    return row;
}

static void add_crossing(struct occupancy_bucket *row, const struct line_crossing *crossing)
{
    row->entries += crossing->direction == LINE_IN;
    row->exits += crossing->direction == LINE_OUT;
}

static void add_zone_hit(struct occupancy_bucket *row, const struct zone_hit *hit)
{
    row->entries += hit->event == ZONE_HIT_ENTER;
    row->exits += hit->event == ZONE_HIT_EXIT;
    if (hit->event != ZONE_HIT_EXIT || !hit->dwell_seconds.is_present)
        return;
    row->dwell_ms_sum += (int64_t)(hit->dwell_seconds.value * 1000 + 0.5);
    row->dwell_count++;
}

static void add_level(struct occupancy_bucket *row, const struct occupancy_log *log)
{
    row->count = log->count;
    row->peak = MAX(row->peak, log->count);
    row->count_sum += log->count;
    row->count_count++;
}

bool bucket_sums_add_event(struct bucket_sums *sums, enum event_type type, const char *camera_id,
                           const char *subject_id, const char *payload)
{
    const struct event_type_info *info = event_type_find(type);
    if (!info || !camera_id || !subject_id || !payload)
        return false;
    g_autofree void *record = g_malloc0(info->payload->size);
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(info->payload, payload, strlen(payload), record, &errors);
    record_errors_clear(&errors);
    if (!is_good)
        return false;
    bool is_line = type == EVENT_LINE_CROSSING;
    struct occupancy_bucket *row = row_of(sums, camera_id, subject_id, is_line ? OCCUPANCY_OF_LINE : OCCUPANCY_OF_ZONE);
    if (is_line)
        add_crossing(row, record);
    else if (type == EVENT_ZONE_HIT)
        add_zone_hit(row, record);
    else if (type == EVENT_OCCUPANCY)
        add_level(row, record);
    record_clear(info->payload, record);
    return true;
}

void bucket_sums_add_bucket(struct bucket_sums *sums, const struct occupancy_bucket *bucket)
{
    struct occupancy_bucket *row = row_of(sums, bucket->camera_id, bucket->subject_id, bucket->kind);
    if (bucket->count_count)
        row->count = bucket->count;
    row->entries += bucket->entries;
    row->exits += bucket->exits;
    row->peak = MAX(row->peak, bucket->peak);
    row->count_sum += bucket->count_sum;
    row->count_count += bucket->count_count;
    row->dwell_ms_sum += bucket->dwell_ms_sum;
    row->dwell_count += bucket->dwell_count;
}

static gint compare_rows(gconstpointer left, gconstpointer right)
{
    const struct occupancy_bucket *a = *(struct occupancy_bucket *const *)left;
    const struct occupancy_bucket *b = *(struct occupancy_bucket *const *)right;
    int order = strcmp(a->camera_id, b->camera_id);
    return order ? order : strcmp(a->subject_id, b->subject_id);
}

const GPtrArray *bucket_sums_rows(struct bucket_sums *sums)
{
    g_ptr_array_sort(sums->rows, compare_rows);
    return sums->rows;
}
