#include "store/rollups.h"

#include "store/rollup_buckets.h"
#include "store/site_clocks.h"
#include "store/work_internal.h"

enum {
    MARKS_AT_ONCE = 200,
    EVENTS_AT_ONCE = 2000, /* so that no statement takes long, however many an hour has */
    HOUR_S = 3600,
    MARK_TRIES = 50,
    FAILURES_IN_A_ROW = 5, /* of a store that is unwell: then all is left for the next run */
};

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
    GHashTable *clocks; /* store_site_clocks_read_in's, as they were when … */
    int64_t turn;       /* … this turn was the latest (store_rollup_turn_read_in) */
    int64_t buckets;
    int64_t beaten_us; /* store_run_keep's */
    GError *failure;   /* the first */
};

/* Where the first failure goes; later ones are let go. */
static GError **first_failure(struct work *work)
{
    return work->failure ? NULL : &work->failure;
}

static void free_record(const struct record_descriptor *descriptor, void *record)
{
    record_clear(descriptor, record);
    g_free(record);
}

static void mark_free(void *mark)
{
    free_record(&rollup_mark_descriptor, mark);
}

static void bucket_free(void *bucket)
{
    free_record(&occupancy_hourly_descriptor, bucket);
}

static bool is_cancelled(const struct store_rollup *rollup, GError **error)
{
    if (!rollup->is_cancelled || !__atomic_load_n(rollup->is_cancelled, __ATOMIC_ACQUIRE))
        return false;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED, "roll-up: told to stop");
    return true;
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
static bool unmark(struct store_transaction *transaction, const struct rollup_mark *mark, int64_t marks, GError **error)
{
    return store_run(transaction,
                     "DELETE FROM rollup_marks WHERE org_id = $1 AND level = $2 AND site_id = $3 AND bucket = $4 AND "
                     "marks = $5",
                     STORE_VALUES(sql_text(mark->org_id), sql_text(record_enum_name(rollup_level_names, mark->level)),
                                  sql_text(mark->site_id), sql_time(mark->bucket.ms), sql_integer(marks)),
                     NULL, error);
}

/* 0: it is not there any more. */
static bool read_marked(struct store_transaction *transaction, const struct rollup_mark *mark, int64_t *marks,
                        GError **error)
{
    return store_get_integer(
        transaction, "SELECT marks FROM rollup_marks WHERE org_id = $1 AND level = $2 AND site_id = $3 AND bucket = $4",
        STORE_VALUES(sql_text(mark->org_id), sql_text(record_enum_name(rollup_level_names, mark->level)),
                     sql_text(mark->site_id), sql_time(mark->bucket.ms)),
        0, marks, error);
}

/* ---- computing what is marked ---- */

/* A bucket as it is computed. */
struct computed {
    char *site_id;
    struct bucket_span span;
    struct bucket_sums *sums;
};

static void computed_free(void *data)
{
    struct computed *computed = data;
    g_free(computed->site_id);
    bucket_sums_free(computed->sums);
    g_free(computed);
}

/* What one mark is about. */
struct computing {
    struct work *work;
    const struct rollup_mark *mark;
    int64_t marks;       /* as they were before anything was read */
    GHashTable *buckets; /* "from site" → struct computed * */
};

/* A site that never was has nobody's clocks. */
static struct bucket_span span_of(const struct work *work, const char *site_id, enum rollup_level level, int64_t at_s)
{
    const struct bucket_clocks *clocks = g_hash_table_lookup(work->clocks, site_id);
    return bucket_clocks_span(clocks ? clocks : g_hash_table_lookup(work->clocks, ""), level, at_s);
}

/* The sites' clocks as they are now, unless nothing was changed since they were read. The transaction must be
 * STORE_PLATFORM's, and is the org's afterwards. */
static bool see_clocks(struct work *work, struct store_transaction *transaction, GError **error)
{
    int64_t turn = 0;
    if (!store_rollup_turn_read_in(transaction, work->org_id, &turn, error) ||
        !store_set_org(transaction, work->org_id, error))
        return false;
    if (work->clocks && work->turn == turn)
        return true;
    GHashTable *clocks = store_site_clocks_read_in(transaction, work->org_id, error);
    if (!clocks)
        return false; /* those of before stay: other marks are looked at by them */
    g_clear_pointer(&work->clocks, g_hash_table_unref);
    work->turn = turn;
    work->clocks = clocks;
    return true;
}

static struct bucket_sums *sums_of(struct computing *computing, const char *site_id, const struct bucket_span *span)
{
    g_autofree char *key = g_strdup_printf("%" G_GINT64_FORMAT " %s", span->from_s, site_id);
    struct computed *computed = g_hash_table_lookup(computing->buckets, key);
    if (!computed) {
        computed = g_new(struct computed, 1);
        *computed = (struct computed){g_strdup(site_id), *span,
                                      bucket_sums_new(computing->work->org_id, site_id, span->from_s)};
        g_hash_table_insert(computing->buckets, g_steal_pointer(&key), computed);
    }
    return computed->sums;
}

/* Rows: type, camera, subject, payload, site, time. Those of the hours of their site's clocks that the UTC hour
 * touches.
 */
static bool take_event(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)columns;
    (void)error;
    struct computing *computing = data;
    int64_t hour_s = computing->mark->bucket.ms / 1000;
    const char *site_id = row[4].text;
    struct bucket_span span = span_of(computing->work, site_id, ROLLUP_HOUR, zone_floor_divide(row[5].integer, 1000));
    if (span.to_s <= hour_s || span.from_s >= hour_s + HOUR_S)
        return true;
    /* What is not valid was refused when it came; what an older version took and this one does not, is left out. */
    bucket_sums_add_event(sums_of(computing, site_id, &span), record_enum_value(event_type_names, row[0].text),
                          row[1].text, row[2].text, row[3].text);
    return true;
}

/* From the first to the last moment of all sites' hours that a UTC hour touches. */
static struct bucket_span hours_around(const struct work *work, int64_t hour_s)
{
    struct bucket_span around = {hour_s, hour_s + HOUR_S};
    GHashTableIter iter;
    void *clocks;
    g_hash_table_iter_init(&iter, work->clocks);
    while (g_hash_table_iter_next(&iter, NULL, &clocks)) {
        around.from_s = MIN(around.from_s, bucket_clocks_span(clocks, ROLLUP_HOUR, hour_s).from_s);
        around.to_s = MAX(around.to_s, bucket_clocks_span(clocks, ROLLUP_HOUR, hour_s + HOUR_S - 1).to_s);
    }
    return around;
}

/* A moment, and the events of that moment up to an id. */
struct place {
    struct record_sql_value at;
    GString *id;
};

/* Rows: time, id. */
static bool take_place(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct place *place = data;
    (void)columns;
    (void)error;
    place->at = sql_time_as_read(&row[0]);
    g_string_assign(place->id, row[1].text);
    return true;
}

/* Of the page after a place: as rows of the index by time and id, so that no planner sorts the rest first. It judges by
 * the times how many there are. */
#define OF_PAGE "WHERE org_id = $1 AND occurred_at >= $2 AND (occurred_at, id) > ($2, $3) AND "

/* The last event of the page after a place, whatever its type: how many rows are looked at is bounded. Where the rest
 * is less than a page, *last stays. */
static bool find_last(struct store_transaction *transaction, const struct work *work, const struct place *after,
                      struct place *last, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT occurred_at, id FROM events " OF_PAGE
                                           "occurred_at < $4 ORDER BY occurred_at, id LIMIT 1 OFFSET %d",
                                           EVENTS_AT_ONCE - 1);
    return store_each(transaction, sql,
                      STORE_VALUES(sql_text(work->org_id), after->at, sql_text(after->id->str), last->at), take_place,
                      last, error);
}

static bool sum_page(struct store_transaction *transaction, struct computing *computing, const struct place *after,
                     const struct place *last, GError **error)
{
    return store_each(transaction,
                      "SELECT type, camera_id, subject_id, payload, coalesce(site_id, ''), occurred_at FROM "
                      "events " OF_PAGE "occurred_at <= $4 AND (occurred_at, id) <= ($4, $5) AND " STORE_COUNTED
                      " ORDER BY occurred_at, id",
                      STORE_VALUES(sql_text(computing->work->org_id), after->at, sql_text(after->id->str), last->at,
                                   sql_text(last->id->str)),
                      take_event, computing, error);
}

/* Of all sites in one pass, and as they were at one moment. No id is as early as an empty text. */
static bool sum_events(struct store_transaction *transaction, struct computing *computing, GError **error)
{
    struct work *work = computing->work;
    struct bucket_span around = hours_around(work, computing->mark->bucket.ms / 1000);
    g_autoptr(GString) after_id = g_string_new(NULL), last_id = g_string_new(NULL);
    struct place after = {sql_time(around.from_s * 1000), after_id};
    do {
        struct place last = {sql_time(around.to_s * 1000), g_string_truncate(last_id, 0)};
        if (is_cancelled(work->rollup, error) ||
            !store_run_keep(work->store, work->rollup->hold, &work->beaten_us, error) ||
            !find_last(transaction, work, &after, &last, error) ||
            !sum_page(transaction, computing, &after, &last, error))
            return false;
        after.at = last.at;
        g_string_assign(after_id, last_id->str);
    } while (last_id->len);
    return true;
}

static bool sum_buckets(struct store_transaction *transaction, struct computing *computing,
                        const struct record_descriptor *from, GError **error)
{
    const struct rollup_mark *mark = computing->mark;
    struct bucket_span span = span_of(computing->work, mark->site_id, mark->level, mark->bucket.ms / 1000);
    struct bucket_sums *sums = sums_of(computing, mark->site_id, &span);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(bucket_free);
    if (!store_select(transaction, from,
                      "WHERE org_id = $1 AND site_id = $2 AND bucket >= $3 AND bucket < $4 ORDER BY bucket, camera_id, "
                      "subject_id",
                      STORE_VALUES(sql_text(computing->work->org_id), sql_text(mark->site_id),
                                   sql_time(span.from_s * 1000), sql_time(span.to_s * 1000)),
                      rows, error))
        return false;
    for (guint i = 0; i < rows->len; i++)
        bucket_sums_add_bucket(sums, g_ptr_array_index(rows, i));
    return true;
}

static bool compute(struct computing *computing, GError **error)
{
    const struct record_descriptor *from = levels[computing->mark->level].from;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(computing->work->store, STORE_READ, STORE_PLATFORM, error);
    if (!transaction || !see_clocks(computing->work, transaction, error) ||
        !read_marked(transaction, computing->mark, &computing->marks, error))
        return false;
    if (!computing->marks)
        return true;
    return from ? sum_buckets(transaction, computing, from, error) : sum_events(transaction, computing, error);
}

/* ---- writing it ---- */

/* The whole bucket anew. */
static bool write_bucket(struct store_transaction *transaction, const struct computing *computing,
                         const struct computed *computed, GError **error)
{
    const struct level_info *info = &levels[computing->mark->level];
    const struct work *work = computing->work;
    const GPtrArray *rows = bucket_sums_rows(computed->sums);
    g_autofree char *sql =
        g_strdup_printf("DELETE FROM %s WHERE org_id = $1 AND site_id = $2 AND bucket = $3", info->into->table);
    if (!store_run(
            transaction, sql,
            STORE_VALUES(sql_text(work->org_id), sql_text(computed->site_id), sql_time(computed->span.from_s * 1000)),
            NULL, error) ||
        !store_insert(transaction, info->into, (const void *const *)rows->pdata, rows->len, RECORD_CONFLICT_REPLACE,
                      NULL, error))
        return false;
    return !info->above ||
           store_rollup_mark_in(transaction, work->org_id, info->above, computed->site_id,
                                span_of(work, computed->site_id, info->above, computed->span.from_s).from_s * 1000,
                                error);
}

static bool write_buckets(struct store_transaction *transaction, const struct computing *computing, GError **error)
{
    GHashTableIter iter;
    void *computed;
    g_hash_table_iter_init(&iter, computing->buckets);
    while (g_hash_table_iter_next(&iter, NULL, &computed))
        if (!write_bucket(transaction, computing, computed, error))
            return false;
    return unmark(transaction, computing->mark, computing->marks, error);
}

static bool write_computed(const struct computing *computing, bool *is_written, GError **error)
{
    struct work *work = computing->work;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_JOB, STORE_PLATFORM, error);
    if (!transaction || !store_run_hold_in(transaction, work->rollup->hold, error) ||
        !store_rollup_turn_take_in(transaction, work->org_id, work->turn, is_written, error))
        return false;
    if (*is_written &&
        !(store_set_org(transaction, work->org_id, error) && write_buckets(transaction, computing, error) &&
          store_commit_beside_logins(g_steal_pointer(&transaction), error)))
        return false;
    work->turn += *is_written;
    return true;
}

static bool try_mark(struct work *work, const struct rollup_mark *mark, bool *is_done, GError **error)
{
    g_autoptr(GHashTable) buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, computed_free);
    struct computing computing = {.work = work, .mark = mark, .buckets = buckets};
    if (!compute(&computing, error))
        return false;
    *is_done = !computing.marks;
    if (*is_done)
        return true;
    if (!write_computed(&computing, is_done, error))
        return false;
    work->buckets += *is_done ? g_hash_table_size(buckets) : 0;
    return true;
}

/* What a mark is about is read and summed by a reader, for whom nobody waits, and written in one transaction after it.
 * In between another roll-up may have counted what came since, and taken the mark away: what was summed here would undo
 * that. So whoever writes of an org must be the first since it read, and else sums anew. Each time some other's work is
 * done; a mark that is left after so many is there at the next run. */
static bool do_mark(struct work *work, const struct rollup_mark *mark, GError **error)
{
    bool is_done = false;
    for (int i = 0; i < MARK_TRIES && !is_done; i++)
        if (is_cancelled(work->rollup, error) || !try_mark(work, mark, &is_done, error))
            return false;
    return true;
}

/* ---- an org ---- */

static bool is_over(const struct work *work, const struct rollup_mark *mark)
{
    return span_of(work, mark->site_id, mark->level, mark->bucket.ms / 1000).to_s * 1000 <=
           clock_wall_ms(work->store->clock);
}

/* Marks of a level after `after`, oldest first. */
static GPtrArray *read_marks(struct work *work, enum rollup_level level, const struct rollup_mark *after)
{
    GError **error = first_failure(work);
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

/* Whether others could write: a transaction that writes nothing. */
static bool is_store_well(const struct work *work)
{
    int64_t one = 0;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_JOB, work->org_id, NULL);
    return transaction && store_get_integer(transaction, "SELECT 1", STORE_NO_VALUES, 0, &one, NULL);
}

/* Whether other marks would fail as this one did. What a mark is about may be damaged, and so may what lies beside it:
 * however many those are, what comes after them is computed. One that takes longer than a statement may
 * (store.query_timeout_ms) fails as if the store were away. */
static bool is_shared(const struct work *work, const GError *failure)
{
    bool is_late = g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE) ||
                   g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT);
    return is_late ? !is_store_well(work) : store_is_shared_failure(failure);
}

/* Whether to go on with other marks after this failure, which it takes. A run that was told to stop, or that another
 * hub took over, has no more to do. */
static bool pass_over(struct work *work, const struct rollup_mark *mark, GError *failure, int *in_a_row)
{
    bool is_told = g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    *in_a_row = !is_told && is_shared(work, failure) ? *in_a_row + 1 : 0;
    g_autoptr(GString) bucket = g_string_new(NULL);
    record_append_time(bucket, mark->bucket.ms);
    g_propagate_prefixed_error(first_failure(work), failure,
                               "%s of %s: ", record_enum_name(rollup_level_names, mark->level), bucket->str);
    return !is_told && *in_a_row < FAILURES_IN_A_ROW;
}

/* A mark that fails stays, and keeps no other from being done. False: nothing more can be, or the store is unwell. */
static bool do_marks(struct work *work, const GPtrArray *marks, int *in_a_row)
{
    for (guint i = 0; i < marks->len; i++) {
        const struct rollup_mark *mark = g_ptr_array_index(marks, i);
        GError *failure = NULL;
        if (mark->level > work->rollup->level && !is_over(work, mark))
            continue;
        if (do_mark(work, mark, &failure))
            *in_a_row = 0;
        else if (!pass_over(work, mark, failure, in_a_row))
            return false;
    }
    return true;
}

/* All marks of a level; above the level asked for, those of buckets that are over. False: nothing more can be done. */
static bool do_level(struct work *work, enum rollup_level level)
{
    int in_a_row = 0;
    g_autoptr(GPtrArray) marks = read_marks(work, level, NULL);
    while (marks && marks->len) {
        if (!do_marks(work, marks, &in_a_row))
            return false;
        GPtrArray *next = read_marks(work, level, g_ptr_array_index(marks, marks->len - 1));
        g_ptr_array_unref(marks);
        marks = next;
    }
    return marks != NULL;
}

static bool read_clocks(struct work *work, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(work->store, STORE_READ, STORE_PLATFORM, error);
    return transaction && see_clocks(work, transaction, error);
}

bool store_rollup_org(struct store *store, const struct store_rollup *rollup, const char *org_id, int64_t *buckets,
                      GError **error)
{
    struct work work = {.store = store, .rollup = rollup, .org_id = org_id};
    if (read_clocks(&work, &work.failure))
        (void)(do_level(&work, ROLLUP_HOUR) && do_level(&work, ROLLUP_DAY) && do_level(&work, ROLLUP_MONTH));
    *buckets += work.buckets;
    g_clear_pointer(&work.clocks, g_hash_table_unref);
    if (!work.failure)
        return true;
    g_propagate_prefixed_error(error, work.failure, "org %s: ", org_id);
    return false;
}

bool store_rollup(struct store *store, const struct store_rollup *rollup, int64_t *buckets, GError **error)
{
    GError *failure = NULL; /* the first: what is wrong with one org is no other's loss */
    bool is_over = false;
    *buckets = 0;
    g_autoptr(GPtrArray) orgs = store_orgs_list(store, error);
    for (guint i = 0; orgs && i < orgs->len && !is_over; i++) {
        GError *own = NULL;
        if (!is_cancelled(rollup, &own))
            store_rollup_org(store, rollup, g_ptr_array_index(orgs, i), buckets, &own);
        is_over = store_keep_first(&failure, own);
    }
    if (failure)
        g_propagate_error(error, failure);
    return orgs && !failure;
}
