#include "store/erasure.h"

#include <jansson.h>
#include <string.h>

#include "store/places.h"
#include "store/retention_internal.h"
#include "store/work_internal.h"

/* Deletions go by this, so that a hold that comes meanwhile ends them. */
#define NOT_HELD "NOT EXISTS (SELECT 1 FROM legal_holds h WHERE h.org_id = $1 AND h.released_at IS NULL)"

bool store_org_is_deleted_in(struct store_transaction *transaction, const char *org_id, bool *is_deleted,
                             GError **error)
{
    int64_t count = 0;
    bool is_good = store_get_integer(transaction, "SELECT count(*) FROM orgs WHERE id = $1 AND deleted_at IS NOT NULL",
                                     STORE_VALUES(sql_text(org_id)), 0, &count, error);
    *is_deleted = count > 0;
    return is_good;
}

/* ---- closing ---- */

bool store_check_no_holds_in(struct store_transaction *transaction, const char *org_id, GError **error)
{
    int64_t holds = 0;
    if (!store_get_integer(transaction, "SELECT count(*) FROM legal_holds WHERE org_id = $1 AND released_at IS NULL",
                           STORE_VALUES(sql_text(org_id)), 0, &holds, error))
        return false;
    if (holds)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "org '%s': %" G_GINT64_FORMAT " legal holds stand: nothing goes until they are released", org_id,
                    holds);
    return holds == 0;
}

static void org_release(void *org)
{
    record_clear(&org_descriptor, org);
    g_free(org);
}

static struct org *find_org(struct store_transaction *transaction, const char *org_id, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    if (!store_select(transaction, &org_descriptor, "WHERE id = $1", STORE_VALUES(sql_text(org_id)), found, error))
        return NULL;
    if (!found->len)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no org '%s'", org_id);
    return found->len ? g_ptr_array_index(found, 0) : NULL;
}

static bool close_org(struct store_transaction *transaction, const struct org *org, const struct audit_by *by,
                      GError **error)
{
    g_autoptr(GString) before = g_string_new(NULL);
    record_encode_json(&org_descriptor, org, false, before);
    const struct audit_change change = {AUDIT_ORG, org->id, "delete", before->str, NULL};
    return store_check_no_holds_in(transaction, org->id, error) &&
           store_run(transaction, "UPDATE orgs SET deleted_at = $2, deleted_by = $3 WHERE id = $1",
                     STORE_VALUES(sql_text(org->id), sql_time(clock_wall_ms(transaction->store->clock)),
                                  sql_text(by->org_id)),
                     NULL, error) &&
           store_audit_add_in(transaction, by, &change, error);
}

static bool may_be_deleted(const char *org_id, const struct audit_by *by, GError **error)
{
    if (strcmp(org_id, "default") == 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "org '%s' stays: the server's own administrator is of it, and it does not start without one",
                    org_id);
    else if (strcmp(org_id, by->org_id) == 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "org '%s' is your own: who is of another deletes it, so that the audit of it stays", org_id);
    else
        return true;
    return false;
}

/* The org, which nobody else changes before the transaction ends. */
static struct org *hold_org(struct store_transaction *transaction, const char *org_id, store_org_expected expected,
                            void *data, GError **error)
{
    if (!store_run(transaction, "UPDATE orgs SET name = name WHERE id = $1", STORE_VALUES(sql_text(org_id)), NULL,
                   error))
        return NULL;
    struct org *org = find_org(transaction, org_id, error);
    if (!org || !expected || expected(data, org))
        return org;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, "org '%s' was changed meanwhile: read it again", org_id);
    org_release(org);
    return NULL;
}

bool store_org_delete(struct store *store, const struct store_retention *how, const char *org_id,
                      store_org_expected expected, void *data, const struct audit_by *by, GError **error)
{
    if (!may_be_deleted(org_id, by, error) || !retention_check_org_may_go(store, how, org_id, error))
        return false;
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_id, error);
    struct org *org = transaction ? hold_org(transaction, org_id, expected, data, error) : NULL;
    if (!org)
        return false;
    bool is_closed = org->deleted_at.ms != 0;
    bool is_good = is_closed || close_org(transaction, org, by, error);
    org_release(org);
    return is_good && (is_closed || store_commit(g_steal_pointer(&transaction), error));
}

/* ---- one org's rows ---- */

struct erasure {
    struct retention_work work;
    const struct org *org;
    json_t *erased; /* rows by table, as the org's row holds them */
    bool has_news;  /* something went that was not told yet */
};

static char *erase_sql(const struct store_table *table)
{
    const struct record_descriptor *descriptor = table->descriptor;
    g_autoptr(GString) keys = g_string_new(NULL);
    for (size_t i = 0; i < descriptor->field_count; i++)
        if ((descriptor->fields[i].flags & RECORD_KEY) && strcmp(descriptor->fields[i].name, "org_id") != 0)
            g_string_append_printf(keys, "%s%s", keys->len ? ", " : "", descriptor->fields[i].name);
    if (!keys->len)
        return g_strdup_printf("DELETE FROM %s WHERE org_id = $1 AND $2 > 0 AND " NOT_HELD, descriptor->table);
    return g_strdup_printf(
        "DELETE FROM %s WHERE org_id = $1 AND (%s) IN (SELECT %s FROM %s WHERE org_id = $1 AND " NOT_HELD " LIMIT $2)",
        descriptor->table, keys->str, keys->str, descriptor->table);
}

/* In the transaction that deleted them. */
static bool note_rows(struct store_transaction *transaction, struct erasure *erasure, const char *table, int64_t rows,
                      GError **error)
{
    int64_t before = json_integer_value(json_object_get(erasure->erased, table));
    json_object_set_new(erasure->erased, table, json_integer(before + rows));
    char *text = json_dumps(erasure->erased, JSON_COMPACT);
    bool is_good = store_run(transaction, "UPDATE orgs SET erased = $2 WHERE id = $1",
                             STORE_VALUES(sql_text(erasure->org->id), sql_json(text)), NULL, error);
    free(text);
    return is_good;
}

static bool erase_batch(struct erasure *erasure, const char *table, const char *sql, int64_t *rows, int64_t *took_us,
                        GError **error)
{
    const char *org_id = erasure->org->id;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = retention_begin_step(&erasure->work, org_id, error);
    if (!transaction)
        return false;
    int64_t begun_us = g_get_monotonic_time();
    if (!store_run(transaction, sql, STORE_VALUES(sql_text(org_id), sql_integer(erasure->work.limit)), rows, error))
        return false;
    *took_us = g_get_monotonic_time() - begun_us;
    return (!*rows || note_rows(transaction, erasure, table, *rows, error)) &&
           store_commit(g_steal_pointer(&transaction), error);
}

static bool erase_table(struct erasure *erasure, const struct store_table *table, GError **error)
{
    const struct retention_settings *settings = erasure->work.retention->settings;
    const struct retention_rule as = {.name = table->descriptor->table};
    g_autofree char *sql = erase_sql(table);
    for (int64_t rows = 1, took_us = 0; rows;) {
        if (retention_is_cancelled(&erasure->work, error) ||
            !retention_check_org_may_go(erasure->work.store, erasure->work.retention, erasure->org->id, error) ||
            !erase_batch(erasure, as.name, sql, &rows, &took_us, error))
            return false;
        if (!rows)
            break;
        erasure->has_news = true;
        retention_result_of(&erasure->work, &as, erasure->org->id)->rows += rows;
        erasure->work.limit = retention_next_limit(settings, erasure->work.limit, took_us);
        g_usleep((gulong)settings->pause_ms * 1000);
    }
    return true;
}

/* What is the server's own and named after the org. */
static bool erase_values(struct erasure *erasure, GError **error)
{
    bool were_there = false;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = retention_begin_step(&erasure->work, NULL, error);
    bool is_good = transaction && store_org_values_forget_in(transaction, erasure->org->id, &were_there, error) &&
                   store_commit(g_steal_pointer(&transaction), error);
    erasure->has_news |= were_there;
    return is_good;
}

/* ---- the proof ---- */

static bool is_of_org(const struct store_table *table)
{
    return table->tenancy == STORE_OF_ORG || table->tenancy == STORE_OF_ORG_OR_ALL;
}

static bool refuse_rows(const char *table, GError **error)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                "%s has rows again: someone still writes for it: they go at the next run", table);
    return false;
}

/* The transaction is the platform's before, and the org's after. */
static bool check_nothing_left(struct store_transaction *transaction, const char *org_id, GError **error)
{
    bool are_values_there = false;
    if (!store_org_values_look_in(transaction, org_id, &are_values_there, error) ||
        !store_set_org(transaction, org_id, error))
        return false;
    if (are_values_there)
        return refuse_rows(store_value_descriptor.table, error);
    for (size_t i = 0; i < store_table_count; i++) {
        int64_t rows = 0;
        const char *table = store_tables[i].descriptor->table;
        g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM (SELECT 1 FROM %s WHERE org_id = $1 LIMIT 1) AS "
                                               "left_over",
                                               table);
        if (is_of_org(&store_tables[i]) &&
            !store_get_integer(transaction, sql, STORE_VALUES(sql_text(org_id)), 0, &rows, error))
            return false;
        if (rows)
            return refuse_rows(table, error);
    }
    return true;
}

/* Told to whoever did it, with what went. The last thing known of the org is its row. */
static bool note_erased(struct store_transaction *transaction, const struct erasure *erasure, GError **error)
{
    const struct org *org = erasure->org;
    char *text = json_dumps(erasure->erased, JSON_COMPACT);
    const struct audit_by by = {org->deleted_by, "system", NULL, NULL, NULL};
    const struct audit_change change = {AUDIT_ORG, org->id, "erase", NULL, text};
    bool is_good =
        store_run(transaction, "UPDATE orgs SET name = NULL, erased_at = $2 WHERE id = $1",
                  STORE_VALUES(sql_text(org->id), sql_time(clock_wall_ms(transaction->store->clock))), NULL, error) &&
        store_audit_add_in(transaction, &by, &change, error);
    free(text);
    return is_good;
}

static bool prove(const struct erasure *erasure, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = retention_begin_step(&erasure->work, NULL, error);
    return transaction && check_nothing_left(transaction, erasure->org->id, error) &&
           note_erased(transaction, erasure, error) && store_commit(g_steal_pointer(&transaction), error);
}

static bool take_text(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)columns;
    (void)error;
    json_object_set_new(data, "audit_sha256", json_string(row[0].text));
    return true;
}

/* Whoever kept the digest of the audit's last entry can tell that it is the same audit that went. */
static bool keep_audit_end(const struct erasure *erasure, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(erasure->work.store, STORE_READ, erasure->org->id, error);
    return transaction && store_check_no_holds_in(transaction, erasure->org->id, error) &&
           store_each(transaction, "SELECT sha256 FROM audit_heads WHERE org_id = $1",
                      STORE_VALUES(sql_text(erasure->org->id)), take_text, erasure->erased, error);
}

/* Tables that point at others come before them. */
static bool erase_org(struct erasure *erasure, GError **error)
{
    if (!keep_audit_end(erasure, error))
        return false;
    for (size_t i = store_table_count; i-- > 0;)
        if (is_of_org(&store_tables[i]) && !erase_table(erasure, &store_tables[i], error))
            return false;
    return erase_values(erasure, error) &&
           ((!erasure->has_news && erasure->org->erased_at.ms) || prove(erasure, error));
}

static bool erase_deleted(struct store *store, const struct store_retention *how, GPtrArray *results,
                          const struct org *org, GError **error)
{
    json_t *known = org->erased.text ? json_loads(org->erased.text, 0, NULL) : NULL;
    struct erasure erasure = {
        .work = {store, how, results, clock_wall_ms(store->clock), MAX(how->settings->batch_rows / 8, 1)},
        .org = org,
        .erased = json_is_object(known) ? json_incref(known) : json_object(),
    };
    bool is_good = erase_org(&erasure, error);
    if (!is_good)
        g_prefix_error(error, "erase org %s: ", org->id);
    json_decref(erasure.erased);
    json_decref(known);
    return is_good;
}

bool store_orgs_erase(struct store *store, const struct store_retention *how, GPtrArray *results, GError **error)
{
    GError *failure = NULL; /* the first */
    g_autoptr(GPtrArray) orgs = store_orgs_read(store, NULL, error);
    for (guint i = 0; orgs && i < orgs->len; i++) {
        const struct org *org = g_ptr_array_index(orgs, i);
        if (org->deleted_at.ms)
            erase_deleted(store, how, results, org, failure ? NULL : &failure);
    }
    if (failure)
        g_propagate_error(error, failure);
    return orgs && !failure;
}
