#include "store/rollups.h"

#include "facts/tenant.h"
#include "store/rollup_buckets.h"
#include "store/work_internal.h"

enum { MARKS_AT_ONCE = 200, BUCKETS_LIMIT_MAX = 1000, HOUR_S = 3600 };

/* What each level is computed into, and from. */
static const struct level_info {
    const struct record_descriptor *into, *from; /* from NULL: events */
    enum rollup_level above;                     /* 0: none */
} levels[] = {
    [ROLLUP_HOUR] = {&occupancy_hourly_descriptor, NULL, ROLLUP_DAY},
    [ROLLUP_DAY] = {&occupancy_daily_descriptor, &occupancy_hourly_descriptor, ROLLUP_MONTH},
    [ROLLUP_MONTH] = {&occupancy_monthly_descriptor, &occupancy_daily_descriptor, 0},
};

/* One org's roll-up under way. */
struct work {
    struct store *store;
    const struct store_rollup *rollup;
    const char *org_id;
    GPtrArray *sites;  /* of struct site *; one of id "" stands for events without a site */
    GHashTable *zones; /* site id → struct zone * */
    int64_t buckets;
};

static void free_record(const struct record_descriptor *descriptor, void *record)
{
    record_clear(descriptor, record);
    g_free(record);
}

static void site_free(void *site)
{
    free_record(&site_descriptor, site);
}

static void mark_free(void *mark)
{
    free_record(&rollup_mark_descriptor, mark);
}

static void bucket_free(void *bucket)
{
    free_record(&occupancy_hourly_descriptor, bucket);
}

static void zone_release(void *zone)
{
    zone_free(zone);
}

/* ---- marks ---- */

bool store_rollup_mark_in(struct store_transaction *transaction, const char *org_id, enum rollup_level level,
                          const char *site_id, int64_t bucket_ms, GError **error)
{
    return store_run(transaction,
                     "INSERT INTO rollup_marks (org_id, level, site_id, bucket, marks) VALUES ($1, $2, $3, $4, 1) ON "
                     "CONFLICT (org_id, level, site_id, bucket) DO UPDATE SET marks = rollup_marks.marks + 1",
                     STORE_VALUES(sql_text(org_id), sql_text(record_enum_name(rollup_level_names, level)),
                                  sql_text(site_id), sql_time(bucket_ms)),
                     NULL, error);
}

/* Only when nothing new came since it was read. */
static bool unmark(struct store_transaction *transaction, const struct rollup_mark *mark, GError **error)
{
    return store_run(transaction,
                     "DELETE FROM rollup_marks WHERE org_id = $1 AND level = $2 AND site_id = $3 AND bucket = $4 AND "
                     "marks = $5",
                     STORE_VALUES(sql_text(mark->org_id), sql_text(record_enum_name(rollup_level_names, mark->level)),
                                  sql_text(mark->site_id), sql_time(mark->bucket.ms), sql_integer(mark->marks)),
                     NULL, error);
}

/* ---- computing one bucket ---- */

static bool take_event(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)columns;
    (void)error;
    /* What is not valid was refused when it came; what an older version took and this one does not, is left out. */
    bucket_sums_add_event(data, record_enum_value(event_type_names, row[0].text), row[1].text, row[2].text,
                          row[3].text);
    return true;
}

static bool sum_events(struct store_transaction *transaction, const struct work *work, const char *site_id,
                       const struct bucket_span *span, struct bucket_sums *sums, GError **error)
{
    return store_each(transaction,
                      "SELECT type, camera_id, subject_id, payload FROM events WHERE org_id = $1 AND occurred_at >= $2 "
                      "AND occurred_at < $3 AND type IN ('occupancy', 'zone_hit', 'line_crossing') AND "
                      "coalesce(site_id, '') = $4 ORDER BY occurred_at, id",
                      STORE_VALUES(sql_text(work->org_id), sql_time(span->from_s * 1000), sql_time(span->to_s * 1000),
                                   sql_text(site_id)),
                      take_event, sums, error);
}

static bool sum_buckets(struct store_transaction *transaction, const struct work *work, const char *site_id,
                        const struct record_descriptor *from, const struct bucket_span *span, struct bucket_sums *sums,
                        GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(bucket_free);
    if (!store_select(transaction, from,
                      "WHERE org_id = $1 AND site_id = $2 AND bucket >= $3 AND bucket < $4 ORDER BY bucket, camera_id, "
                      "subject_id",
                      STORE_VALUES(sql_text(work->org_id), sql_text(site_id), sql_time(span->from_s * 1000),
                                   sql_time(span->to_s * 1000)),
                      rows, error))
        return false;
    for (guint i = 0; i < rows->len; i++)
        bucket_sums_add_bucket(sums, g_ptr_array_index(rows, i));
    return true;
}

/* The whole bucket anew. */
static bool write_bucket(struct store_transaction *transaction, const struct record_descriptor *into,
                         const struct work *work, const char *site_id, const struct bucket_span *span,
                         struct bucket_sums *sums, GError **error)
{
    const GPtrArray *rows = bucket_sums_rows(sums);
    g_autofree char *sql =
        g_strdup_printf("DELETE FROM %s WHERE org_id = $1 AND site_id = $2 AND bucket = $3", into->table);
    return store_run(transaction, sql,
                     STORE_VALUES(sql_text(work->org_id), sql_text(site_id), sql_time(span->from_s * 1000)), NULL,
                     error) &&
           store_insert(transaction, into, (const void *const *)rows->pdata, rows->len, RECORD_CONFLICT_REPLACE, NULL,
                        error);
}

static bool compute_bucket(struct store_transaction *transaction, struct work *work, enum rollup_level level,
                           const char *site_id, const struct bucket_span *span, GError **error)
{
    const struct level_info *info = &levels[level];
    const struct zone *zone = g_hash_table_lookup(work->zones, site_id);
    CLEANUP(bucket_sums) struct bucket_sums *sums = bucket_sums_new(work->org_id, site_id, span->from_s);
    bool is_summed = info->from ? sum_buckets(transaction, work, site_id, info->from, span, sums, error)
                                : sum_events(transaction, work, site_id, span, sums, error);
    if (!is_summed || !write_bucket(transaction, info->into, work, site_id, span, sums, error))
        return false;
    work->buckets++;
    return !info->above || store_rollup_mark_in(transaction, work->org_id, info->above, site_id,
                                                bucket_span_at(zone, info->above, span->from_s).from_s * 1000, error);
}

/* The hours of a site's clocks that a UTC hour touches. */
static bool compute_hours(struct store_transaction *transaction, struct work *work, const char *site_id, int64_t hour_s,
                          GError **error)
{
    const struct zone *zone = g_hash_table_lookup(work->zones, site_id);
    for (int64_t at_s = hour_s; at_s < hour_s + HOUR_S;) {
        struct bucket_span span = bucket_span_at(zone, ROLLUP_HOUR, at_s);
        if (!compute_bucket(transaction, work, ROLLUP_HOUR, site_id, &span, error))
            return false;
        at_s = span.to_s;
    }
    return true;
}

static bool compute_mark(struct store_transaction *transaction, struct work *work, const struct rollup_mark *mark,
                         GError **error)
{
    if (mark->level != ROLLUP_HOUR) {
        const struct zone *zone = g_hash_table_lookup(work->zones, mark->site_id);
        if (!zone)
            return true; /* of a site that is no more */
        struct bucket_span span = bucket_span_at(zone, mark->level, mark->bucket.ms / 1000);
        return compute_bucket(transaction, work, mark->level, mark->site_id, &span, error);
    }
    for (guint i = 0; i < work->sites->len; i++) {
        const struct site *site = g_ptr_array_index(work->sites, i);
        if (!compute_hours(transaction, work, site->id, mark->bucket.ms / 1000, error))
            return false;
    }
    return true;
}

/* One mark is one transaction: writers wait for no more than that. */
static bool do_mark(struct work *work, const struct rollup_mark *mark, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_JOB, STORE_PLATFORM, error);
    return transaction && store_run_hold_in(transaction, work->rollup->hold, error) &&
           store_set_org(transaction, work->org_id, error) && compute_mark(transaction, work, mark, error) &&
           unmark(transaction, mark, error) && store_commit_beside_logins(g_steal_pointer(&transaction), error);
}

/* ---- an org ---- */

static bool is_cancelled(const struct store_rollup *rollup, GError **error)
{
    if (!rollup->is_cancelled || !__atomic_load_n(rollup->is_cancelled, __ATOMIC_ACQUIRE))
        return false;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED, "roll-up: told to stop");
    return true;
}

static bool is_over(const struct work *work, const struct rollup_mark *mark)
{
    const struct zone *zone = g_hash_table_lookup(work->zones, mark->site_id);
    return zone &&
           bucket_span_at(zone, mark->level, mark->bucket.ms / 1000).to_s * 1000 <= clock_wall_ms(work->store->clock);
}

/* Marks of a level after `after`, oldest first. */
static GPtrArray *read_marks(struct work *work, enum rollup_level level, const struct rollup_mark *after,
                             GError **error)
{
    g_autoptr(GPtrArray) marks = g_ptr_array_new_with_free_func(mark_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_READ, work->org_id, error);
    bool is_good =
        transaction &&
        store_select(
            transaction, &rollup_mark_descriptor,
            "WHERE org_id = $1 AND level = $2 AND (bucket, site_id) > ($3, $4) ORDER BY bucket, site_id LIMIT $5",
            STORE_VALUES(sql_text(work->org_id), sql_text(record_enum_name(rollup_level_names, level)),
                         sql_time(after ? after->bucket.ms : INT64_C(-1)), sql_text(after ? after->site_id : ""),
                         sql_integer(MARKS_AT_ONCE)),
            marks, error);
    return is_good ? g_steal_pointer(&marks) : NULL;
}

/* All marks of a level; above the level asked for, those of buckets that are over. */
static bool do_level(struct work *work, enum rollup_level level, GError **error)
{
    g_autoptr(GPtrArray) marks = read_marks(work, level, NULL, error);
    while (marks && marks->len) {
        for (guint i = 0; i < marks->len; i++) {
            const struct rollup_mark *mark = g_ptr_array_index(marks, i);
            if (level > work->rollup->level && !is_over(work, mark))
                continue;
            if (is_cancelled(work->rollup, error) || !do_mark(work, mark, error))
                return false;
        }
        GPtrArray *next = read_marks(work, level, g_ptr_array_index(marks, marks->len - 1), error);
        g_ptr_array_unref(marks);
        marks = next;
    }
    return marks != NULL;
}

static bool read_sites(struct work *work, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_READ, work->org_id, error);
    if (!transaction || !store_select(transaction, &site_descriptor, "WHERE org_id = $1 ORDER BY id",
                                      STORE_VALUES(sql_text(work->org_id)), work->sites, error))
        return false;
    struct site *none = g_new0(struct site, 1);
    none->id = g_strdup("");
    g_ptr_array_add(work->sites, none);
    for (guint i = 0; i < work->sites->len; i++) {
        const struct site *site = g_ptr_array_index(work->sites, i);
        const char *name = site->time_zone && *site->time_zone ? site->time_zone : "UTC";
        struct zone *zone = zone_load(name, error);
        if (!zone) {
            g_prefix_error(error, "site %s: ", site->id);
            return false;
        }
        g_hash_table_insert(work->zones, g_strdup(site->id), zone);
    }
    return true;
}

static bool roll_up_org(struct store *store, const struct store_rollup *rollup, const char *org_id, int64_t *buckets,
                        GError **error)
{
    g_autoptr(GPtrArray) sites = g_ptr_array_new_with_free_func(site_free);
    g_autoptr(GHashTable) zones = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, zone_release);
    struct work work = {store, rollup, org_id, sites, zones, 0};
    bool is_good = read_sites(&work, error) && do_level(&work, ROLLUP_HOUR, error) &&
                   do_level(&work, ROLLUP_DAY, error) && do_level(&work, ROLLUP_MONTH, error);
    *buckets += work.buckets;
    if (!is_good)
        g_prefix_error(error, "org %s: ", org_id);
    return is_good;
}

bool store_rollup(struct store *store, const struct store_rollup *rollup, int64_t *buckets, GError **error)
{
    GError *failure = NULL; /* the first: what is wrong with one org is no other's loss */
    *buckets = 0;
    g_autoptr(GPtrArray) orgs = store_orgs_list(store, error);
    for (guint i = 0; orgs && i < orgs->len; i++)
        roll_up_org(store, rollup, g_ptr_array_index(orgs, i), buckets, failure ? NULL : &failure);
    if (failure)
        g_propagate_error(error, failure);
    return orgs && !failure;
}

/* ---- reading ---- */

GPtrArray *store_buckets_list(struct store *store, const struct store_bucket_filter *filter, GError **error)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(bucket_free);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, filter->org_id, error);
    bool is_good =
        transaction &&
        store_select(transaction, levels[filter->level].into,
                     "WHERE org_id = $1 AND bucket >= $2 AND bucket < $3 AND ($4 = '' OR camera_id = $4) AND ($5 = '' "
                     "OR subject_id = $5) ORDER BY bucket DESC, camera_id, subject_id LIMIT $6",
                     STORE_VALUES(sql_text(filter->org_id), sql_time(filter->from_ms),
                                  sql_time(filter->to_ms ? filter->to_ms : INT64_C(253402300799000)),
                                  sql_text(filter->camera_id ? filter->camera_id : ""),
                                  sql_text(filter->subject_id ? filter->subject_id : ""),
                                  sql_integer(CLAMP(filter->limit, 1, BUCKETS_LIMIT_MAX))),
                     rows, error);
    return is_good ? g_steal_pointer(&rows) : NULL;
}
