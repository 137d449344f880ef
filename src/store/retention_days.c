/* Retention: days of large tables that go as a whole, instead of row by row: in a moment, however many rows they hold,
 * and without anything left to clean up. How many those are is counted before it, in pages, by readers for whom nobody
 * waits. A day goes when all in it is past, whoever's it is: older than the longest
 * that its org keeps anything, under no hold, and counted. The database looks at that itself, when nobody can write the
 * day any longer (store/days.h).
 */
#include "store/retention_internal.h"

#include <string.h>

#include "store/days.h"

enum {
    DROP_TRIES = 20,  /* a day that is in use all the time goes row by row */
    PAGE_ROWS = 2000, /* counted by one statement, which so takes no longer for a day of many rows */
};

struct table_days {
    struct retention_work *work;
    const char *table;
    const GPtrArray *orgs;
    GString *cutoffs; /* JSON: for each org the time before which it keeps nothing, as policies said last */
};

/* ---- the cutoffs ---- */

/* *cutoff_ms: that of what is kept longest; 0: something is kept for ever. */
static bool find_cutoff(const struct table_days *days, const char *org_id, int64_t *cutoff_ms, GError **error)
{
    *cutoff_ms = days->work->now_ms;
    for (size_t i = 0; i < retention_rule_count; i++) {
        const struct retention_rule *rule = &retention_rules[i];
        if (strcmp(rule->table, days->table) != 0)
            continue;
        g_autoptr(GArray) parts = retention_parts_of(days->work, rule, org_id, error);
        for (guint j = 0; parts && j < parts->len; j++) {
            const struct retention_part *part = &g_array_index(parts, struct retention_part, j);
            *cutoff_ms = part->days ? MIN(*cutoff_ms, retention_cutoff_ms(days->work, part)) : 0;
        }
        if (!parts)
            return false;
    }
    return true;
}

/* Anew before each day that goes: a hold may have come. *latest_ms: of the cutoffs; 0: there is none. */
static bool find_cutoffs(const struct table_days *days, int64_t *latest_ms, GError **error)
{
    *latest_ms = 0;
    g_string_assign(days->cutoffs, "{");
    for (guint i = 0; i < days->orgs->len; i++) {
        int64_t cutoff_ms;
        const char *org_id = g_ptr_array_index(days->orgs, i);
        if (!find_cutoff(days, org_id, &cutoff_ms, error))
            return false;
        if (cutoff_ms <= 0)
            continue;
        if (*latest_ms)
            g_string_append_c(days->cutoffs, ',');
        record_append_json_string(days->cutoffs, org_id);
        g_string_append_printf(days->cutoffs, ":%" G_GINT64_FORMAT, cutoff_ms);
        *latest_ms = MAX(*latest_ms, cutoff_ms);
    }
    g_string_append_c(days->cutoffs, '}');
    return true;
}

/* ---- one day ---- */

/* Ids from one on to another, without it. */
struct page {
    const char *from, *to;
};

/* How many rows of the page a rule is about: all of them go. */
static bool count_of_rule(struct store_transaction *transaction, const char *org_id, const struct retention_rule *rule,
                          const struct page *page, int64_t *count, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM %s WHERE org_id = $1 AND id >= $2 AND id < $3 AND %s",
                                           rule->table, rule->where ? rule->where : "TRUE");
    return store_get_integer(transaction, sql, STORE_VALUES(sql_text(org_id), sql_text(page->from), sql_text(page->to)),
                             0, count, error);
}

/* *next: where the page that begins `page` ends, and the next one begins; NULL: it is the last. */
static bool find_next_page(struct store_transaction *transaction, const struct table_days *days, const char *org_id,
                           const struct page *page, char **next, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT id FROM %s WHERE org_id = $1 AND id > $2 AND id < $3 ORDER BY id "
                                           "LIMIT 1 OFFSET %d",
                                           days->table, PAGE_ROWS);
    return store_get_text(transaction, sql, STORE_VALUES(sql_text(org_id), sql_text(page->from), sql_text(page->to)),
                          next, error);
}

/* Adds what is on the first page of `rest` to `counts`, one for each rule. */
static bool count_page(const struct table_days *days, const char *org_id, const struct page *rest, int64_t *counts,
                       char **next, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(days->work->store, STORE_READ, org_id, error);
    if (!transaction || !find_next_page(transaction, days, org_id, rest, next, error))
        return false;
    const struct page page = {rest->from, *next ? *next : rest->to};
    for (size_t i = 0; i < retention_rule_count; i++) {
        int64_t count = 0;
        if (strcmp(retention_rules[i].table, days->table) == 0 &&
            !count_of_rule(transaction, org_id, &retention_rules[i], &page, &count, error))
            return false;
        counts[i] += count;
    }
    return true;
}

static bool count_org(const struct table_days *days, const char *org_id, const struct store_day_ids *ids,
                      int64_t *counts, GError **error)
{
    g_autofree char *from = g_strdup(ids->first);
    while (from) {
        g_autofree char *next = NULL;
        if (!retention_go_on(days->work, error) ||
            !count_page(days, org_id, &(struct page){from, ids->end}, counts, &next, error))
            return false;
        g_free(from);
        from = g_steal_pointer(&next);
    }
    return true;
}

/* For each org, in turn for each rule. */
static bool count_day(const struct table_days *days, const char *part, GArray *counts, GError **error)
{
    struct store_day_ids ids;
    store_day_ids(part, &ids);
    g_array_set_size(counts, days->orgs->len * (guint)retention_rule_count);
    for (guint i = 0; i < days->orgs->len; i++)
        if (!count_org(days, g_ptr_array_index(days->orgs, i), &ids,
                       &g_array_index(counts, int64_t, i * retention_rule_count), error))
            return false;
    return true;
}

static void tell_day(const struct table_days *days, const GArray *counts)
{
    for (guint i = 0; i < counts->len; i++) {
        int64_t count = g_array_index(counts, int64_t, i);
        const char *org_id = g_ptr_array_index(days->orgs, i / retention_rule_count);
        if (count)
            retention_result_of(days->work, &retention_rules[i % retention_rule_count], org_id)->rows += count;
    }
}

static bool try_drop(const struct table_days *days, const char *part, char **kept_by, GError **error)
{
    const struct store_retention *retention = days->work->retention;
    int64_t latest_ms;
    if (!retention_go_on(days->work, error) || !retention_check_policies(retention, error) ||
        !find_cutoffs(days, &latest_ms, error))
        return false;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = retention_begin_step(days->work, NULL, error);
    return transaction &&
           store_day_drop_in(transaction, part, days->cutoffs->str, retention->settings->drop_wait_ms, kept_by,
                             error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

static bool drop_day(const struct table_days *days, const char *part, GError **error)
{
    g_autofree char *kept_by = NULL;
    g_autoptr(GArray) counts = g_array_new(FALSE, TRUE, sizeof(int64_t)); /* of zeros */
    if (!retention_go_on(days->work, error) ||
        !store_day_is_kept(days->work->store, part, days->cutoffs->str, &kept_by, error))
        return false;
    if (kept_by)
        return true;
    if (!count_day(days, part, counts, error))
        return false;
    for (int i = 0; i < DROP_TRIES; i++) {
        if (!try_drop(days, part, &kept_by, error))
            return false;
        if (g_strcmp0(kept_by, store_day_in_use) != 0)
            break;
        g_usleep((gulong)days->work->retention->settings->pause_ms * 1000);
    }
    if (!kept_by)
        tell_day(days, counts);
    return true;
}

/* ---- a table ---- */

/* What is wrong with one day is no other's: the first failure is told. */
static bool drop_parts(const struct table_days *days, const GPtrArray *parts, GError **error)
{
    bool is_good = true, is_over = false;
    for (guint i = 0; i < parts->len && !is_over; i++) {
        const char *part = g_ptr_array_index(parts, i);
        g_autoptr(GError) failure = NULL;
        if (drop_day(days, part, &failure))
            continue;
        is_over = g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
        if (is_good)
            g_propagate_prefixed_error(error, g_steal_pointer(&failure), "%s: ", part);
        is_good = false;
    }
    return is_good;
}

static bool drop_table_days(struct retention_work *work, const char *table, const GPtrArray *orgs, GError **error)
{
    g_autoptr(GString) cutoffs = g_string_new(NULL);
    const struct table_days days = {work, table, orgs, cutoffs};
    int64_t latest_ms;
    if (!find_cutoffs(&days, &latest_ms, error))
        return false;
    g_autoptr(GPtrArray) parts = store_days_list(work->store, table, latest_ms, error);
    return parts && drop_parts(&days, parts, error);
}

bool retention_drop_days(struct retention_work *work, const GPtrArray *orgs, GError **error)
{
    bool is_good = true;
    if (work->store->engine->dialect != RECORD_POSTGRES)
        return true;
    for (size_t i = 0; i < store_table_count; i++)
        if (store_tables[i].days_since &&
            !drop_table_days(work, store_tables[i].descriptor->table, orgs, is_good ? error : NULL))
            is_good = false;
    return is_good;
}
