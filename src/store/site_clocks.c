#include "store/site_clocks.h"

#include <string.h>

#include "facts/tenant.h"

enum { HOUR_S = 3600 };
static const char utc[] = "UTC";

/* ---- turns ---- */

bool store_rollup_turn_read_in(struct store_transaction *transaction, const char *org_id, int64_t *turn, GError **error)
{
    g_autofree char *name = store_org_value_name(STORE_ROLLUP_TURN, org_id);
    return store_get_integer(transaction, "SELECT value FROM store_values WHERE name = $1",
                             STORE_VALUES(sql_text(name)), 0, turn, error);
}

bool store_rollup_turn_take_in(struct store_transaction *transaction, const char *org_id, int64_t read, bool *is_own,
                               GError **error)
{
    g_autofree char *name = store_org_value_name(STORE_ROLLUP_TURN, org_id);
    int64_t changed = 0;
    bool is_good = store_run(transaction,
                             "INSERT INTO store_values (name, value) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET "
                             "value = store_values.value + 1 WHERE store_values.value = $2",
                             STORE_VALUES(sql_text(name), sql_integer(read)), &changed, error);
    *is_own = changed > 0;
    return is_good;
}

/* Whatever it was: who holds it ends first. The transaction is the org's before and after. */
static bool take_any_turn(struct store_transaction *transaction, const char *org_id, GError **error)
{
    g_autofree char *name = store_org_value_name(STORE_ROLLUP_TURN, org_id);
    return store_set_org(transaction, STORE_PLATFORM, error) &&
           store_run(transaction,
                     "INSERT INTO store_values (name, value) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET value = "
                     "store_values.value + 1",
                     STORE_VALUES(sql_text(name)), NULL, error) &&
           store_set_org(transaction, org_id, error);
}

/* ---- reading ---- */

static void clocks_release(void *clocks)
{
    bucket_clocks_free(clocks);
}

/* Rows: site, time zone, until when (NULL: it has them). */
static bool take_clocks(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    GHashTable *all = data;
    (void)columns;
    struct bucket_clocks *clocks = g_hash_table_lookup(all, row[0].text);
    if (!clocks)
        g_hash_table_insert(all, g_strdup(row[0].text), clocks = bucket_clocks_new());
    int64_t until_s = row[2].type == RECORD_SQL_NULL ? INT64_MAX : zone_floor_divide(row[2].integer, 1000);
    if (bucket_clocks_add(clocks, row[1].text, until_s, error))
        return true;
    g_prefix_error(error, "site %s: ", row[0].text);
    return false;
}

GHashTable *store_site_clocks_read_in(struct store_transaction *transaction, const char *org_id, GError **error)
{
    g_autoptr(GHashTable) all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, clocks_release);
    struct bucket_clocks *of_none = bucket_clocks_new();
    g_hash_table_insert(all, g_strdup(""), of_none);
    bool is_good = bucket_clocks_add(of_none, utc, INT64_MAX, error) &&
                   store_each(transaction,
                              "SELECT site_id, time_zone, until_at FROM site_clocks WHERE org_id = $1 ORDER BY "
                              "site_id, until_at",
                              STORE_VALUES(sql_text(org_id)), take_clocks, all, error) &&
                   store_each(transaction, "SELECT id, time_zone, NULL FROM sites WHERE org_id = $1 ORDER BY id",
                              STORE_VALUES(sql_text(org_id)), take_clocks, all, error);
    return is_good ? g_steal_pointer(&all) : NULL;
}

/* ---- changing ---- */

/* What a site's clocks are now, its own or, where there is no site, those of the one that was; g_free. */
static bool find_zone(struct store_transaction *transaction, const char *org_id, const char *site_id, char **zone,
                      GError **error)
{
    const struct record_sql_value whose[] = {sql_text(org_id), sql_text(site_id)};
    if (!store_get_text(transaction, "SELECT coalesce(time_zone, '') FROM sites WHERE org_id = $1 AND id = $2", whose,
                        G_N_ELEMENTS(whose), zone, error) ||
        (!*zone && !store_get_text(transaction,
                                   "SELECT time_zone FROM site_clocks WHERE org_id = $1 AND site_id = $2 ORDER BY "
                                   "until_at DESC LIMIT 1",
                                   whose, G_N_ELEMENTS(whose), zone, error)))
        return false;
    if (!*zone || !**zone) {
        g_free(*zone);
        *zone = g_strdup(utc);
    }
    return true;
}

/* Whether something was counted by any clocks. */
static bool has_buckets(struct store_transaction *transaction, const char *org_id, const char *site_id, bool *has,
                        GError **error)
{
    static const char *const tables[] = {"occupancy_hourly", "occupancy_daily", "occupancy_monthly"};
    int64_t found = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(tables) && !found; i++) {
        g_autofree char *sql =
            g_strdup_printf("SELECT 1 FROM %s WHERE org_id = $1 AND site_id = $2 LIMIT 1", tables[i]);
        if (!store_get_integer(transaction, sql, STORE_VALUES(sql_text(org_id), sql_text(site_id)), 0, &found, error))
            return false;
    }
    *has = found != 0;
    return true;
}

/* Whole seconds, and each change after the one before, whatever became of the machine's clock. */
static bool note_until(struct store_transaction *transaction, const char *org_id, const char *site_id,
                       const char *time_zone, int64_t *until_s, GError **error)
{
    int64_t last_ms = 0, now_ms = clock_wall_ms(transaction->store->clock);
    if (!store_get_integer(transaction, "SELECT max(until_at) FROM site_clocks WHERE org_id = $1 AND site_id = $2",
                           STORE_VALUES(sql_text(org_id), sql_text(site_id)), 0, &last_ms, error))
        return false;
    *until_s = zone_floor_divide(MAX(now_ms + 999, last_ms + 1000), 1000);
    const struct site_clocks clocks = {
        .org_id = (char *)(uintptr_t)org_id,
        .site_id = (char *)(uintptr_t)site_id,
        .until_at = {*until_s * 1000},
        .time_zone = (char *)(uintptr_t)time_zone,
    };
    const void *record = &clocks;
    return store_insert(transaction, &site_clocks_descriptor, &record, 1, RECORD_CONFLICT_FAIL, NULL, error);
}

static bool delete_from(struct store_transaction *transaction, const char *org_id, const char *site_id,
                        const char *table, int64_t from_s, GError **error)
{
    g_autofree char *sql = g_strdup_printf("DELETE FROM %s WHERE org_id = $1 AND site_id = $2 AND bucket >= $3", table);
    return store_run(transaction, sql, STORE_VALUES(sql_text(org_id), sql_text(site_id), sql_time(from_s * 1000)), NULL,
                     error);
}

/* The hours from one on in which anything happened. */
static bool mark_hours(struct store_transaction *transaction, const char *org_id, int64_t from_s, GError **error)
{
    static const int64_t none = INT64_MIN;
    for (;;) {
        int64_t at_ms;
        if (!store_get_integer(transaction,
                               "SELECT min(occurred_at) FROM events WHERE org_id = $1 AND occurred_at >= $2",
                               STORE_VALUES(sql_text(org_id), sql_time(from_s * 1000)), none, &at_ms, error))
            return false;
        if (at_ms == none)
            return true;
        int64_t hour_s = zone_floor_divide(at_ms, HOUR_S * INT64_C(1000)) * HOUR_S;
        if (!store_rollup_mark_in(transaction, org_id, ROLLUP_HOUR, "", hour_s * 1000, error))
            return false;
        from_s = hour_s + HOUR_S;
    }
}

/* Of the hour in which the clocks became others, and of what claims to be later, there may be buckets by the old ones.
 */
static bool count_anew(struct store_transaction *transaction, const char *org_id, const char *site_id, int64_t until_s,
                       GError **error)
{
    g_autoptr(GHashTable) all = store_site_clocks_read_in(transaction, org_id, error);
    const struct bucket_clocks *clocks = all ? g_hash_table_lookup(all, site_id) : NULL;
    if (!clocks)
        return false;
    int64_t hour_s = bucket_clocks_span(clocks, ROLLUP_HOUR, until_s - 1).from_s;
    int64_t day_s = bucket_clocks_span(clocks, ROLLUP_DAY, until_s - 1).from_s;
    return delete_from(transaction, org_id, site_id, "occupancy_hourly", hour_s, error) &&
           delete_from(transaction, org_id, site_id, "occupancy_daily", until_s, error) &&
           delete_from(transaction, org_id, site_id, "occupancy_monthly", until_s, error) &&
           store_rollup_mark_in(transaction, org_id, ROLLUP_DAY, site_id, day_s * 1000, error) &&
           mark_hours(transaction, org_id, hour_s, error);
}

bool store_site_clocks_change_in(struct store_transaction *transaction, const char *org_id, const char *site_id,
                                 const char *time_zone, GError **error)
{
    g_autofree char *before = NULL;
    bool has = false;
    int64_t until_s;
    if (!take_any_turn(transaction, org_id, error) || !find_zone(transaction, org_id, site_id, &before, error) ||
        !has_buckets(transaction, org_id, site_id, &has, error))
        return false;
    bool is_same = strcmp(before, time_zone && *time_zone ? time_zone : utc) == 0;
    return is_same || !has ||
           (note_until(transaction, org_id, site_id, before, &until_s, error) &&
            count_anew(transaction, org_id, site_id, until_s, error));
}

bool store_site_clocks_keep_in(struct store_transaction *transaction, const char *org_id, const char *site_id,
                               GError **error)
{
    g_autofree char *before = NULL;
    int64_t until_s;
    return find_zone(transaction, org_id, site_id, &before, error) &&
           note_until(transaction, org_id, site_id, before, &until_s, error);
}

bool store_site_ensure_in(struct store_transaction *transaction, const char *org_id, const char *site_id,
                          GError **error)
{
    int64_t count = 0;
    const struct site site = {
        .org_id = (char *)(uintptr_t)org_id,
        .id = (char *)(uintptr_t)site_id,
        .name = (char *)(uintptr_t)site_id,
        .created_at = {clock_wall_ms(transaction->store->clock)},
    };
    const void *record = &site;
    return store_get_integer(transaction, "SELECT count(*) FROM sites WHERE org_id = $1 AND id = $2",
                             STORE_VALUES(sql_text(org_id), sql_text(site_id)), 0, &count, error) &&
           (count > 0 ||
            (store_site_clocks_change_in(transaction, org_id, site_id, NULL, error) &&
             store_insert(transaction, &site_descriptor, &record, 1, RECORD_CONFLICT_IGNORE, NULL, error)));
}
