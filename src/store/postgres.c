/* The engine for PostgreSQL: a bounded pool of connections, transactions with the claims of one org, batches as arrays.
 */
#include "store/postgres_internal.h"

#include <errno.h>
#include <string.h>

#include "base/counter.h"
#include "base/random.h"
#include "base/redact.h"
#include "base/wait.h"
#include "vedette/backoff.h"

struct pg_engine {
    /* immutable after open */
    struct store *store;
    char *place; /* the address without a login */

    int is_open;     /* atomic: who opens it has gone, and asks why no more */
    int is_migrated; /* atomic: a connection has found every migration */

    pthread_mutex_t lock;
    pthread_cond_t returned;
    int size;
    struct pg_connection *connections; /* lock: is_lent; the rest is the borrower's */
    uint32_t failures;                 /* lock; connects that failed in a row */
    int64_t retry_us;                  /* lock; not before */
    int64_t maintain_us;               /* lock; when the partitions are looked at next */
    char *last_error;                  /* lock; why the last connect failed */
    struct random random;              /* lock */
};

/* ---- beginning ---- */

static char *claims_of(const char *org_id)
{
    GString *claims = g_string_new("{\"org_id\":");
    record_append_json_string(claims, org_id);
    g_string_append_c(claims, '}');
    return g_string_free(claims, FALSE);
}

/* Sent with the transaction's first statement, so that beginning costs no round trip of its own. All that one reads is
 * of one moment, as in SQLite, and only who writes can be refused for that. */
static bool send_begin(struct pg_connection *connection, enum store_access access, const char *org_id, GError **error)
{
    const char *role = access == STORE_JOB ? "vedette_jobs" : "vedette_app";
    g_autofree char *claims = claims_of(org_id), *timeout = g_strdup_printf("%d", connection->timeout_ms);
    return pg_send(connection, access == STORE_READ ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" : "BEGIN",
                   STORE_NO_VALUES, error) &&
           pg_send(connection,
                   "SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true), "
                   "set_config('statement_timeout', $3, true)",
                   STORE_VALUES(sql_text(role), sql_text(claims), sql_text(timeout)), error);
}

/* ---- migrations ---- */

static bool migrator_execute(void *connection, const char *sql, GError **error)
{
    return pg_execute(connection, sql, error);
}

static bool migrator_query(void *connection, const char *sql, const struct record_sql_value *values, size_t count,
                           store_row_handler on_row, void *data, GError **error)
{
    return pg_send(connection, sql, values, count, error) && pg_read(connection, on_row, data, NULL, error);
}

static struct store_migrator migrator_of(struct pg_connection *connection)
{
    return (struct store_migrator){RECORD_POSTGRES, connection->place, connection, migrator_execute, migrator_query};
}

static bool check_migrated(struct pg_connection *connection, GError **error)
{
    const struct store_migrator migrator = migrator_of(connection);
    bool is_missing;
    if (!store_steps_check(&migrator, &is_missing, NULL, error))
        return false;
    if (is_missing)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "%s: lacks migrations that this version needs: run `vedette migrate up` as vedette_migrator",
                    connection->place);
    return !is_missing;
}

/* ---- the pool ---- */

/* Readers leave one connection to those that write. */
static int find_free(const struct pg_engine *engine, enum store_access access)
{
    for (int i = access == STORE_READ ? 1 : 0; i < engine->size; i++)
        if (!engine->connections[i].is_lent)
            return i;
    return -1;
}

static struct pg_connection *wait_for_connection(struct pg_engine *engine, enum store_access access, GError **error)
{
    int timeout_ms = engine->store->settings.query_timeout_ms;
    const struct timespec deadline = wait_deadline_after((int64_t)timeout_ms * 1000);
    pthread_mutex_lock(&engine->lock);
    int index;
    bool is_late = false;
    while ((index = find_free(engine, access)) < 0 && !is_late)
        is_late = pthread_cond_timedwait(&engine->returned, &engine->lock, &deadline) == ETIMEDOUT;
    if (index >= 0)
        engine->connections[index].is_lent = true;
    pthread_mutex_unlock(&engine->lock);
    if (index < 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "%s: all %d connections (store.connections) were busy for %d ms: try again later", engine->place,
                    engine->size, timeout_ms);
    return index < 0 ? NULL : &engine->connections[index];
}

static void return_connection(struct pg_engine *engine, struct pg_connection *connection)
{
    pthread_mutex_lock(&engine->lock);
    connection->is_lent = false;
    pthread_cond_broadcast(&engine->returned);
    pthread_mutex_unlock(&engine->lock);
}

/* Whether it may be tried again by now. */
static bool may_connect(struct pg_engine *engine, GError **error)
{
    pthread_mutex_lock(&engine->lock);
    int64_t rest_us = engine->retry_us - g_get_monotonic_time();
    if (rest_us > 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "%s: tried again in %d ms", engine->last_error,
                    (int)(rest_us / 1000) + 1);
    pthread_mutex_unlock(&engine->lock);
    return rest_us <= 0;
}

static void note_connect(struct pg_engine *engine, const GError *error)
{
    const struct vedette_backoff backoff = {engine->store->settings.retry_delay_ms * INT64_C(1000),
                                            engine->store->settings.retry_delay_max_ms * INT64_C(1000)};
    pthread_mutex_lock(&engine->lock);
    g_free(engine->last_error);
    engine->last_error = error ? g_strdup(error->message) : NULL;
    engine->retry_us = 0;
    if (error)
        engine->retry_us = g_get_monotonic_time() +
                           vedette_backoff_delay_us(&backoff, engine->failures++, random_next(&engine->random));
    else
        engine->failures = 0;
    pthread_mutex_unlock(&engine->lock);
}

static bool has_migrations(struct pg_engine *engine, struct pg_connection *connection, GError **error)
{
    if (g_atomic_int_get(&engine->is_migrated))
        return true;
    bool is_good = send_begin(connection, STORE_READ, STORE_PLATFORM, error) && check_migrated(connection, error) &&
                   pg_send(connection, "COMMIT", STORE_NO_VALUES, error) &&
                   pg_read(connection, NULL, NULL, NULL, error);
    g_atomic_int_set(&engine->is_migrated, is_good);
    return is_good;
}

/* To a database that is as this program needs it. */
static bool connect(struct pg_engine *engine, struct pg_connection *connection, GError **error)
{
    if (!pg_connect(connection, &engine->store->settings, engine->place, error))
        return false;
    if (has_migrations(engine, connection, error))
        return true;
    pg_disconnect(connection);
    return false;
}

/* A server that runs waits for the database whatever is wrong with it; nothing of that is its caller's fault. */
static bool ensure_open(struct pg_engine *engine, struct pg_connection *connection, GError **error)
{
    if (connection->connection && pg_is_alive(connection))
        return true;
    if (connection->connection)
        pg_disconnect(connection);
    if (!may_connect(engine, error))
        return false;
    GError *failure = NULL;
    bool is_good = connect(engine, connection, &failure);
    note_connect(engine, failure);
    if (failure && g_atomic_int_get(&engine->is_open))
        failure->code = VEDETTE_ERROR_UNAVAILABLE;
    if (failure)
        g_propagate_error(error, failure);
    return is_good;
}

static struct pg_connection *take_connection(struct pg_engine *engine, enum store_access access, GError **error)
{
    struct pg_connection *connection = wait_for_connection(engine, access, error);
    if (!connection || ensure_open(engine, connection, error))
        return connection;
    return_connection(engine, connection);
    return NULL;
}

/* ---- transactions ---- */

/* Nothing of a transaction that did not end well is left to the next: the connection goes. */
static bool give_back(struct pg_engine *engine, struct pg_connection *connection, bool is_good)
{
    if (!is_good)
        pg_disconnect(connection);
    return_connection(engine, connection);
    return is_good;
}

static bool end_on(struct pg_engine *engine, struct pg_connection *connection, bool is_commit, GError **error)
{
    return give_back(engine, connection,
                     pg_send(connection, is_commit ? "COMMIT" : "ROLLBACK", STORE_NO_VALUES, error) &&
                         pg_read(connection, NULL, NULL, NULL, error));
}

static bool take_count(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    *(int64_t *)data = columns ? row[0].integer : 0;
    return true;
}

/* Makes the partitions of the coming days, and counts what found none. */
static bool maintain(struct pg_engine *engine, GError **error)
{
    struct pg_connection *connection = take_connection(engine, STORE_JOB, error);
    if (!connection)
        return false;
    int64_t stray = 0;
    bool is_good = send_begin(connection, STORE_JOB, STORE_PLATFORM, error) &&
                   pg_send(connection, "SELECT vedette_partitions_ensure($1::integer)",
                           STORE_VALUES(sql_integer(engine->store->settings.partition_days)), error) &&
                   pg_read(connection, take_count, &stray, NULL, error);
    if (is_good)
        counter_set(&engine->store->health->store_stray_rows, stray);
    return is_good ? end_on(engine, connection, true, error) : give_back(engine, connection, false);
}

/* A part that is missing costs no row, they go to the default part: so a failure is told and does not stop writing. */
static void maintain_when_due(struct pg_engine *engine)
{
    int64_t now_us = clock_monotonic_us(engine->store->clock);
    pthread_mutex_lock(&engine->lock);
    bool is_due = now_us >= engine->maintain_us;
    if (is_due)
        engine->maintain_us = now_us + PG_MAINTENANCE_MS * INT64_C(1000);
    pthread_mutex_unlock(&engine->lock);
    g_autoptr(GError) error = NULL;
    if (is_due && !maintain(engine, &error))
        store_note_write(engine->store, error);
}

static bool pg_begin(void *data, struct store_transaction *transaction, const char *org_id, GError **error)
{
    struct pg_engine *engine = data;
    if (transaction->access != STORE_READ)
        maintain_when_due(engine);
    struct pg_connection *connection = take_connection(engine, transaction->access, error);
    if (!connection)
        return false;
    if (!send_begin(connection, transaction->access, org_id, error))
        return give_back(engine, connection, false);
    transaction->connection = connection;
    return true;
}

static bool pg_set_org(struct store_transaction *transaction, const char *org_id, GError **error)
{
    g_autofree char *claims = claims_of(org_id);
    return pg_send(transaction->connection, "SELECT set_config('request.jwt.claims', $1, true)",
                   STORE_VALUES(sql_text(claims)), error);
}

static bool pg_end(struct store_transaction *transaction, bool is_commit, GError **error)
{
    struct pg_engine *engine = transaction->store->engine_state;
    if (transaction->has_failed)
        return give_back(engine, transaction->connection, false);
    return end_on(engine, transaction->connection, is_commit, error);
}

/* ---- statements ---- */

/* What nobody waits for is answered with the next statement somebody waits for, or at the commit. */
static bool read_or_defer(struct pg_connection *connection, bool is_awaited, store_row_handler on_row, void *data,
                          int64_t *changed, GError **error)
{
    return (!is_awaited && connection->deferred < PG_DEFERRED_MAX) || pg_read(connection, on_row, data, changed, error);
}

static bool pg_run(struct store_transaction *transaction, const char *sql, const struct record_sql_value *values,
                   size_t count, store_row_handler on_row, void *data, int64_t *changed, GError **error)
{
    return pg_send(transaction->connection, sql, values, count, error) &&
           read_or_defer(transaction->connection, on_row || changed, on_row, data, changed, error);
}

/* "INSERT INTO t (a, b) SELECT * FROM unnest($1::text[], $2::bigint[]) ON CONFLICT … RETURNING key". */
static char *insert_text(const struct record_descriptor *descriptor, const char *on_conflict, bool is_returning)
{
    GString *sql = g_string_new(NULL);
    g_string_append_printf(sql, "INSERT INTO %s (", descriptor->table);
    record_append_sql_names(descriptor, 0, sql);
    g_string_append(sql, ") SELECT * FROM unnest(");
    for (size_t i = 0; i < descriptor->field_count; i++)
        g_string_append_printf(sql, "%s$%zu::%s", i ? ", " : "", i + 1, pg_array_name(&descriptor->fields[i]));
    g_string_append_printf(sql, ")%s", on_conflict);
    if (is_returning) {
        g_string_append(sql, " RETURNING ");
        record_append_sql_names(descriptor, RECORD_KEY, sql);
    }
    return g_string_free(sql, FALSE);
}

static void append_key(const struct record_sql_value *value, GString *key)
{
    if (value->text)
        g_string_append(key, value->text);
    else
        g_string_append_printf(key, "%" G_GINT64_FORMAT, value->integer);
    g_string_append_c(key, '\n');
}

static char *record_key(const struct record_descriptor *descriptor, const void *record)
{
    GString *key = g_string_new(NULL);
    for (size_t i = 0; i < descriptor->field_count; i++) {
        if (!(descriptor->fields[i].flags & RECORD_KEY))
            continue;
        struct record_sql_value value;
        record_get_sql_value(&descriptor->fields[i], record, &value);
        append_key(&value, key);
        record_sql_value_clear(&value);
    }
    return g_string_free(key, FALSE);
}

static bool take_key(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    GString *key = g_string_new(NULL);
    for (size_t i = 0; i < columns; i++)
        append_key(&row[i], key);
    g_hash_table_add(data, g_string_free(key, FALSE));
    return true;
}

/* Of records with the same key the first is the new one. */
static void tell_new(const struct record_descriptor *descriptor, const void *const *records, size_t count,
                     GHashTable *written, bool *is_new)
{
    bool is_all = g_hash_table_size(written) == count;
    for (size_t i = 0; i < count; i++) {
        g_autofree char *key = is_all ? NULL : record_key(descriptor, records[i]);
        is_new[i] = is_all || g_hash_table_remove(written, key);
    }
}

static bool pg_insert(struct store_transaction *transaction, const struct record_descriptor *descriptor,
                      const void *const *records, size_t count, const char *on_conflict, bool *is_new, GError **error)
{
    struct pg_connection *connection = transaction->connection;
    g_autofree char *sql = insert_text(descriptor, on_conflict, is_new != NULL);
    if (!pg_send_records(connection, sql, descriptor, records, count, error))
        return false;
    g_autoptr(GHashTable) written = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!read_or_defer(connection, is_new != NULL, is_new ? take_key : NULL, written, NULL, error))
        return false;
    if (is_new)
        tell_new(descriptor, records, count, written, is_new);
    return true;
}

/* ---- opening ---- */

static void pg_close(void *data)
{
    struct pg_engine *engine = data;
    for (int i = 0; i < engine->size; i++)
        if (engine->connections[i].connection)
            pg_disconnect(&engine->connections[i]);
    g_free(engine->connections);
    pthread_cond_destroy(&engine->returned);
    pthread_mutex_destroy(&engine->lock);
    g_free(engine->last_error);
    g_free(engine->place);
    g_free(engine);
}

static struct pg_engine *engine_new(struct store *store)
{
    struct pg_engine *engine = g_new0(struct pg_engine, 1);
    engine->store = store;
    engine->place = redact_address(store->settings.url);
    engine->size = MAX(store->settings.connections, 2);
    engine->connections = g_new0(struct pg_connection, engine->size);
    random_init_system(&engine->random);
    pthread_mutex_init(&engine->lock, NULL);
    wait_condition_init(&engine->returned);
    return engine;
}

/* It could not be asked, which says nothing of what it is. */
static bool is_away(const GError *error)
{
    return g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE) ||
           g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT);
}

/* Who waits for what no address is would wait for ever. */
static bool is_address(const char *url)
{
    PQconninfoOption *options = PQconninfoParse(url, NULL);
    PQconninfoFree(options);
    return options != NULL;
}

static void *pg_open(struct store *store, bool may_be_away, GError **error)
{
    struct pg_engine *engine = engine_new(store);
    GError *failure = NULL;
    struct pg_connection *connection = take_connection(engine, STORE_WRITE, &failure);
    if (connection)
        return_connection(engine, connection);
    may_be_away = may_be_away && is_address(store->settings.url);
    g_atomic_int_set(&engine->is_open, true);
    if (may_be_away && is_away(failure))
        g_clear_error(&failure);
    if (!failure)
        return engine;
    g_propagate_error(error, failure);
    pg_close(engine);
    return NULL;
}

/* As whoever reads begins, so that a role that is missing is told too. */
static bool pg_check(void *data, int64_t *free_bytes, GError **error)
{
    (void)free_bytes; /* of its own machine */
    struct pg_engine *engine = data;
    struct pg_connection *connection = take_connection(engine, STORE_READ, error);
    if (!connection)
        return false;
    if (!send_begin(connection, STORE_READ, STORE_PLATFORM, error))
        return give_back(engine, connection, false);
    return end_on(engine, connection, true, error);
}

/* ---- migrating ---- */

/* One that migrates at a time: the other waits, and finds nothing left to do. */
static bool migrate_on(struct pg_connection *connection, struct store *store, bool is_dry, GString *report,
                       GError **error)
{
    const struct store_migrator migrator = migrator_of(connection);
    bool is_missing;
    /* A look makes the list of what is applied too where there is none, and takes it back: an empty database has none.
     */
    if (!pg_execute(connection,
                    "BEGIN; SET LOCAL ROLE vedette_owner; "
                    "SELECT pg_advisory_xact_lock(1986356325, 0); "
                    "CREATE TABLE IF NOT EXISTS schema_migrations (number bigint NOT NULL PRIMARY "
                    "KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT "
                    "NULL); GRANT SELECT ON schema_migrations TO vedette_app, vedette_jobs",
                    error))
        return false;
    return (is_dry ? store_steps_check(&migrator, &is_missing, report, error)
                   : store_steps_apply(&migrator, store->clock, report, error)) &&
           pg_execute(connection, is_dry ? "ROLLBACK" : "COMMIT", error);
}

static bool pg_migrate(struct store *store, bool is_dry, GString *report, GError **error)
{
    g_autofree char *place = redact_address(store->settings.url);
    struct pg_connection connection = {0};
    if (!pg_connect(&connection, &store->settings, place, error))
        return false;
    connection.timeout_ms = 0; /* an index of many rows takes its time, and so does another that migrates */
    bool is_good = migrate_on(&connection, store, is_dry, report, error);
    pg_disconnect(&connection);
    return is_good;
}

const struct store_engine store_postgres = {
    .name = "postgres",
    .dialect = RECORD_POSTGRES,
    .open = pg_open,
    .close = pg_close,
    .migrate = pg_migrate,
    .check = pg_check,
    .begin = pg_begin,
    .set_org = pg_set_org,
    .run = pg_run,
    .insert = pg_insert,
    .end = pg_end,
};
