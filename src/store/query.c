/* Transactions and queries: what every file of this room writes and reads by. */
#include "store/store_internal.h"

#include "base/counter.h"
#include "base/fault.h"

static bool set_fault(const char *name, GError **error)
{
    if (!fault_hit(name))
        return false;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s: failed on request (VEDETTE_FAULTS)", name);
    return true;
}

/* What an engine says of its own rights or room is no word about who asked, whose login would be wrong or whose
 * requests too many: to them the store is away. Jobs are told, for they do not try again at once. */
static void tell_as_away(const struct store_transaction *transaction, GError *failure)
{
    if (transaction->access != STORE_JOB && (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION) ||
                                             g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_FULL)))
        failure->code = VEDETTE_ERROR_UNAVAILABLE;
}

/* A write that failed is counted once, and can only be rolled back. Passes the failure on; returns false. */
static bool fail(struct store_transaction *transaction, GError *failure, GError **error)
{
    struct store *store = transaction->store;
    tell_as_away(transaction, failure);
    if (transaction->access != STORE_READ && !transaction->has_failed) {
        counter_add(&store->health->store_errors, 1);
        store_note_write(store, failure);
    }
    transaction->has_failed = true;
    g_propagate_error(error, failure);
    return false;
}

static _Thread_local int64_t spent_us;

int64_t store_spent_us(void)
{
    return spent_us;
}

static void note_spent(const struct store_transaction *transaction)
{
    spent_us += clock_monotonic_us(clock_system()) - transaction->begun_us;
}

struct store_transaction *store_begin(struct store *store, enum store_access access, const char *org_id, GError **error)
{
    struct store_transaction *transaction = g_new(struct store_transaction, 1);
    *transaction =
        (struct store_transaction){.store = store, .access = access, .begun_us = clock_monotonic_us(clock_system())};
    GError *failure = NULL;
    if (!(access == STORE_READ && set_fault("store.read", &failure)) &&
        store->engine->begin(store->engine_state, transaction, org_id ? org_id : "", &failure))
        return transaction;
    fail(transaction, failure, error);
    note_spent(transaction);
    g_free(transaction);
    return NULL;
}

bool store_set_org(struct store_transaction *transaction, const char *org_id, GError **error)
{
    GError *failure = NULL;
    return transaction->store->engine->set_org(transaction, org_id ? org_id : "", &failure) ||
           fail(transaction, failure, error);
}

uint64_t store_changes(const struct store *store)
{
    return store->engine == &store_sqlite ? 1 + __atomic_load_n(&store->changes, __ATOMIC_ACQUIRE) : 0;
}

static bool commit(struct store_transaction *transaction, bool is_of_logins, GError **error)
{
    struct store *store = transaction->store;
    GError *failure = NULL;
    if (transaction->has_failed)
        g_set_error_literal(&failure, VEDETTE_ERROR, VEDETTE_ERROR_IO, "commit: a statement before it failed");
    bool is_write = transaction->access != STORE_READ;
    bool is_wanted = !failure && !(is_write && set_fault("store.commit", &failure));
    bool is_good = store->engine->end(transaction, is_wanted, is_wanted ? &failure : NULL) && is_wanted;
    if (is_write && is_of_logins) /* also where nobody knows whether it is there */
        __atomic_add_fetch(&store->changes, 1, __ATOMIC_RELEASE);
    if (!is_good)
        fail(transaction, failure, error);
    else if (is_write) {
        counter_add(&store->health->store_commits, 1);
        store_note_write(store, NULL);
    }
    note_spent(transaction);
    g_free(transaction);
    return is_good;
}

bool store_commit(struct store_transaction *transaction, GError **error)
{
    return commit(transaction, true, error);
}

bool store_commit_beside_logins(struct store_transaction *transaction, GError **error)
{
    return commit(transaction, false, error);
}

void store_rollback(struct store_transaction *transaction)
{
    if (!transaction)
        return;
    transaction->store->engine->end(transaction, false, NULL);
    note_spent(transaction);
    g_free(transaction);
}

/* ---- statements ---- */

static bool run(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
                size_t count, store_row_handler on_row, void *data, int64_t *changed, GError **error)
{
    GError *failure = NULL;
    return transaction->store->engine->run(transaction, sql, values, count, on_row, data, changed, &failure) ||
           fail(transaction, failure, error);
}

bool store_run(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
               size_t count, int64_t *changed, GError **error)
{
    return run(transaction, sql, values, count, NULL, NULL, changed, error);
}

bool store_each(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
                size_t count, store_row_handler on_row, void *data, GError **error)
{
    return run(transaction, sql, values, count, on_row, data, NULL, error);
}

struct first_integer {
    int64_t *value;
    bool is_read;
};

static bool take_integer(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    struct first_integer *first = data;
    if (!first->is_read && columns && row[0].type != RECORD_SQL_NULL)
        *first->value = row[0].integer;
    first->is_read = true;
    return true;
}

bool store_get_integer(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
                       size_t count, int64_t missing, int64_t *value, GError **error)
{
    struct first_integer first = {.value = value};
    *value = missing;
    return store_each(transaction, sql, values, count, take_integer, &first, error);
}

struct first_text {
    char **text;
    bool is_read;
};

static bool take_text(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct first_text *first = data;
    (void)error;
    if (!first->is_read && columns && row[0].type != RECORD_SQL_NULL)
        *first->text = g_strdup(row[0].text);
    first->is_read = true;
    return true;
}

bool store_get_text(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
                    size_t count, char **text, GError **error)
{
    struct first_text first = {.text = text};
    g_clear_pointer(text, g_free);
    return store_each(transaction, sql, values, count, take_text, &first, error);
}

/* ---- records ---- */

struct record_reader {
    struct store *store;
    const struct record_descriptor *descriptor;
    GPtrArray *records;
    size_t *unreadable; /* NULL: one that cannot be read fails all */
};

static bool take_record(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct record_reader *reader = data;
    const struct record_descriptor *descriptor = reader->descriptor;
    g_autofree void *record = g_malloc0(descriptor->size);
    record_init(descriptor, record);
    for (size_t i = 0; i < MIN(columns, descriptor->field_count); i++) {
        if (record_set_sql_value(&descriptor->fields[i], record, &row[i]))
            continue;
        record_clear(descriptor, record);
        if (reader->unreadable) {
            ++*reader->unreadable;
            return true;
        }
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s: table %s holds a value that column %s cannot have",
                    store_place(reader->store), descriptor->table, descriptor->fields[i].name);
        return false;
    }
    g_ptr_array_add(reader->records, g_steal_pointer(&record));
    return true;
}

static bool read_records(struct store_transaction *transaction, struct record_reader *reader, const char *tail,
                         const struct record_sql_value *values, size_t count, GError **error)
{
    g_autofree char *select = record_sql_select(reader->descriptor);
    g_autofree char *sql = g_strconcat(select, " ", tail, NULL);
    return store_each(transaction, sql, values, count, take_record, reader, error);
}

bool store_select(struct store_transaction *transaction, const struct record_descriptor *descriptor, const char *tail,
                  const struct record_sql_value *values, size_t count, GPtrArray *records, GError **error)
{
    struct record_reader reader = {transaction->store, descriptor, records, NULL};
    return read_records(transaction, &reader, tail, values, count, error);
}

bool store_select_readable(struct store_transaction *transaction, const struct record_descriptor *descriptor,
                           const char *tail, const struct record_sql_value *values, size_t count, GPtrArray *records,
                           size_t *unreadable, GError **error)
{
    struct record_reader reader = {transaction->store, descriptor, records, unreadable};
    *unreadable = 0;
    return read_records(transaction, &reader, tail, values, count, error);
}

void *store_find(struct store_transaction *transaction, const struct record_descriptor *descriptor, const char *tail,
                 const struct record_sql_value *values, size_t count, GError **error)
{
    g_autoptr(GPtrArray) records = g_ptr_array_new();
    if (!store_select(transaction, descriptor, tail, values, count, records, error))
        return NULL;
    for (guint i = 1; i < records->len; i++) {
        record_clear(descriptor, g_ptr_array_index(records, i));
        g_free(g_ptr_array_index(records, i));
    }
    if (records->len)
        return g_ptr_array_index(records, 0);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "%s: there is none like this", descriptor->name);
    return NULL;
}

bool store_merge(struct store_transaction *transaction, const struct record_descriptor *descriptor,
                 const void *const *records, size_t count, const char *on_conflict, bool *is_new, GError **error)
{
    GError *failure = NULL;
    if (!count ||
        (!set_fault("store.insert", &failure) &&
         transaction->store->engine->insert(transaction, descriptor, records, count, on_conflict, is_new, &failure)))
        return true;
    return fail(transaction, failure, error);
}

bool store_insert(struct store_transaction *transaction, const struct record_descriptor *descriptor,
                  const void *const *records, size_t count, enum record_conflict conflict, bool *is_new, GError **error)
{
    g_autofree char *on_conflict = record_sql_conflict(descriptor, conflict);
    return store_merge(transaction, descriptor, records, count, on_conflict, is_new, error);
}

bool store_put(struct store *store, const char *org_id, const struct record_descriptor *descriptor, const void *record,
               enum record_conflict conflict, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_id, error);
    return transaction && store_insert(transaction, descriptor, &record, 1, conflict, NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}
