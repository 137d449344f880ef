#include "store/days.h"

#include <string.h>

#include "base/id.h"

const char store_day_in_use[] = "in use";

static const int64_t day_ms = INT64_C(86400000);

static bool has_days(const struct store *store, const char *table)
{
    return store->engine->dialect == RECORD_POSTGRES && store_table_find(table)->days_since;
}

/* ---- names and bounds ---- */

/* "_20260131", as vedette_day_make names them. */
enum { SUFFIX_CHARACTERS = 9 };

static char *date_text(int64_t ms, const char *format)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(ms / 1000);
    return time ? g_date_time_format(time, format) : NULL;
}

/* A UUIDv7 begins with its milliseconds: 12 hexadecimal digits, with a hyphen after the eighth. */
static void bound_write(int64_t ms, char bound[16])
{
    g_snprintf(bound, 16, "%08" G_GINT64_MODIFIER "x-%04x", ms >> 16, (unsigned)(ms & 0xffff));
}

static bool id_time_ms(const char *id, int64_t *ms)
{
    guint64 high, low;
    if (!id_is_valid(id) || id[14] != '7')
        return false;
    g_autofree char *first = g_strndup(id, 8), *second = g_strndup(id + 9, 4);
    if (!g_ascii_string_to_unsigned(first, 16, 0, G_MAXUINT32, &high, NULL) ||
        !g_ascii_string_to_unsigned(second, 16, 0, G_MAXUINT16, &low, NULL))
        return false;
    *ms = (int64_t)(high << 16 | low);
    return true;
}

void store_day_ids(const char *part, struct store_day_ids *ids)
{
    const char *suffix = part + strlen(part) - SUFFIX_CHARACTERS + 1;
    g_autofree char *text = g_strdup_printf("%.4s-%.2s-%.2sT00:00:00Z", suffix, suffix + 4, suffix + 6);
    int64_t ms = 0;
    record_parse_time(text, &ms); /* the list holds only names that are dates */
    bound_write(ms, ids->first);
    bound_write(ms + day_ms, ids->end);
}

static bool take_name(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)columns;
    (void)error;
    g_ptr_array_add(data, g_strdup(row[0].text));
    return true;
}

/* ---- making ---- */

/* *id: the org's first that is not before `bound`; NULL: there is none. */
static bool find_next(struct store *store, const char *table, const char *org_id, const char *bound, char **id,
                      GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT min(id) FROM %s WHERE org_id = $1 AND id >= $2", table);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction && store_get_text(transaction, sql, STORE_VALUES(sql_text(org_id), sql_text(bound)), id, error);
}

static bool make_day(struct store *store, const char *table, int64_t ms, GError **error)
{
    g_autofree char *date = date_text(ms, "%Y-%m-%d");
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_JOB, STORE_PLATFORM, error);
    return transaction &&
           store_run(transaction, "SELECT vedette_day_make($1::name, $2::date)",
                     STORE_VALUES(sql_text(table), sql_text(date)), NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

/* From day to day that has rows. Ids that are no UUIDv7 sort behind those of our time: the first of them ends it. */
bool store_days_make(struct store *from, struct store *to, const char *table, const char *org_id, GError **error)
{
    char bound[16] = "";
    g_autofree char *id = NULL;
    if (!has_days(to, table))
        return true;
    while (find_next(from, table, org_id, bound, &id, error)) {
        int64_t ms;
        if (!id || !id_time_ms(id, &ms))
            return true;
        if (!make_day(to, table, ms, error))
            return false;
        bound_write((ms / day_ms + 1) * day_ms, bound);
    }
    return false;
}

/* ---- dropping ---- */

GPtrArray *store_days_list(struct store *store, const char *table, int64_t before_ms, GError **error)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *end = date_text(before_ms, "%Y%m%d");
    if (!has_days(store, table) || !end)
        return g_steal_pointer(&parts);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    bool is_good = transaction &&
                   store_each(transaction,
                              "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE "
                              "i.inhparent = to_regclass('public.' || quote_ident($1)) AND c.relname ~ '_[0-9]{8}$' "
                              "AND right(c.relname, 8) < $2 ORDER BY 1",
                              STORE_VALUES(sql_text(table), sql_text(end)), take_name, parts, error);
    return is_good ? g_steal_pointer(&parts) : NULL;
}

bool store_day_is_kept(struct store *store, const char *part, const char *cutoffs, char **kept_by, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_JOB, STORE_PLATFORM, error);
    return transaction && store_get_text(transaction, "SELECT vedette_day_kept_by($1::name, $2::json)",
                                         STORE_VALUES(sql_text(part), sql_text(cutoffs)), kept_by, error);
}

bool store_day_drop_in(struct store_transaction *transaction, const char *part, const char *cutoffs, int32_t wait_ms,
                       char **kept_by, GError **error)
{
    g_autofree char *wait = g_strdup_printf("%d", wait_ms);
    return store_run(transaction, "SELECT set_config('lock_timeout', $1, true)", STORE_VALUES(sql_text(wait)), NULL,
                     error) &&
           store_get_text(transaction, "SELECT vedette_day_drop($1::name, $2::json)",
                          STORE_VALUES(sql_text(part), sql_text(cutoffs)), kept_by, error);
}
