/* One connection to PostgreSQL: every wait has a deadline, statements are prepared once and sent in pipeline mode. */
#include "store/postgres_internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* ---- errors ---- */

/* What kind of answer fits an SQLSTATE (PostgreSQL's appendix A), and what a person can do about it. */
static enum vedette_error classify(const char *state, const char **advice)
{
    static const struct {
        const char *prefix;
        enum vedette_error kind;
        const char *advice;
    } kinds[] = {
        {"42501", VEDETTE_ERROR_PERMISSION, "the role of store.url lacks rights (docs/store.md)"},
        {"53100", VEDETTE_ERROR_FULL, "free space where PostgreSQL keeps its data"},
        {"28", VEDETTE_ERROR_PERMISSION, "check the user of store.url and its password"},
        {"3D", VEDETTE_ERROR_NOT_FOUND, "make the database, or check store.url"},
        {"42P01", VEDETTE_ERROR_UNSUPPORTED, "run `vedette migrate up`"},
        {"22023", VEDETTE_ERROR_PERMISSION, "if a role is missing, run what `vedette migrate roles` prints"},
        {"22", VEDETTE_ERROR_INVALID, NULL},
        {"23", VEDETTE_ERROR_INVALID, NULL},
        {"25006", VEDETTE_ERROR_UNAVAILABLE, "it takes no writes: a standby? Then store.url must name the primary"},
        {"53", VEDETTE_ERROR_UNAVAILABLE, NULL},
        {"57", VEDETTE_ERROR_UNAVAILABLE, NULL},
        {"08", VEDETTE_ERROR_UNAVAILABLE, NULL},
        {"40", VEDETTE_ERROR_UNAVAILABLE, NULL},
        {"55P03", VEDETTE_ERROR_UNAVAILABLE, NULL},
    };
    *advice = NULL;
    for (size_t i = 0; state && i < G_N_ELEMENTS(kinds); i++)
        if (g_str_has_prefix(state, kinds[i].prefix)) {
            *advice = kinds[i].advice;
            return kinds[i].kind;
        }
    return state ? VEDETTE_ERROR_IO : VEDETTE_ERROR_UNAVAILABLE;
}

static bool fail_with(const struct pg_connection *connection, const char *state, const char *message, GError **error)
{
    const char *advice;
    enum vedette_error kind = classify(state, &advice);
    g_autofree char *line = g_strdelimit(g_strstrip(g_strdup(message)), "\n", ' ');
    g_set_error(error, VEDETTE_ERROR, kind, "%s: %s%s%s", connection->place, line, advice ? ": " : "",
                advice ? advice : "");
    return false;
}

static bool fail_result(const struct pg_connection *connection, const PGresult *result, GError **error)
{
    return fail_with(connection, PQresultErrorField(result, PG_DIAG_SQLSTATE), PQresultErrorMessage(result), error);
}

static bool fail_lost(const struct pg_connection *connection, GError **error)
{
    return fail_with(connection, NULL, PQerrorMessage(connection->connection), error);
}

/* What is refused while it connects has no result of which to ask the SQLSTATE: it stands in the message then, as
 * PQERRORS_VERBOSE has it: "…FATAL:  28P01: password authentication failed…\nLOCATION:  auth_failed, auth.c:326". */
static bool fail_connecting(const struct pg_connection *connection, GError **error)
{
    const char *message = PQerrorMessage(connection->connection);
    g_autoptr(GRegex) pattern = g_regex_new("(?<=:  )([0-9A-Z]{5}): |\\nLOCATION:[^\\n]*", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    g_autofree char *state = NULL;
    for (g_regex_match(pattern, message, 0, &match); g_match_info_matches(match); g_match_info_next(match, NULL)) {
        g_autofree char *found = g_match_info_fetch(match, 1);
        if (!found || !*found)
            continue;
        g_free(state); /* the last counts, where it tried in several ways */
        state = g_steal_pointer(&found);
    }
    g_autofree char *words = g_regex_replace_literal(pattern, message, -1, 0, "", 0, NULL);
    return fail_with(connection, state, words ? words : message, error);
}

/* ---- waiting ---- */

static int64_t now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

/* When the connection's next wait ends; 0: when the other side answers, or the kernel finds that it is gone. */
static int64_t deadline_of(const struct pg_connection *connection)
{
    return connection->timeout_ms ? now_ms() + connection->timeout_ms : 0;
}

/* Waits for the socket; false when the deadline passed. */
static bool wait_socket(const struct pg_connection *connection, short events, int64_t deadline_ms, GError **error)
{
    struct pollfd polled = {.fd = PQsocket(connection->connection), .events = events};
    int ready;
    do {
        int64_t rest = deadline_ms - now_ms();
        ready = poll(&polled, 1, deadline_ms ? (int)MAX(rest, 0) : -1);
    } while (ready < 0 && errno == EINTR);
    if (ready > 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT, "%s: no answer in %d ms (store.query_timeout_ms)",
                connection->place, connection->timeout_ms);
    return false;
}

/* Sends all that is buffered, and takes in what comes meanwhile so that neither side waits for the other. */
static bool flush(struct pg_connection *connection, GError **error)
{
    int64_t deadline_ms = deadline_of(connection);
    int rest;
    while ((rest = PQflush(connection->connection)) > 0)
        if (!wait_socket(connection, POLLIN | POLLOUT, deadline_ms, error))
            return false;
        else if (!PQconsumeInput(connection->connection))
            return fail_lost(connection, error);
    return rest == 0 || fail_lost(connection, error);
}

/* The next result; NULL at the end of one statement's. False: there will be none any more. */
static bool next_result(struct pg_connection *connection, PGresult **result, GError **error)
{
    int64_t deadline_ms = deadline_of(connection);
    while (PQisBusy(connection->connection)) {
        if (!wait_socket(connection, POLLIN, deadline_ms, error))
            return false;
        if (!PQconsumeInput(connection->connection))
            return fail_lost(connection, error);
    }
    *result = PQgetResult(connection->connection);
    return true;
}

/* ---- opening ---- */

static char *read_password(const struct store_settings *settings, GError **error)
{
    if (settings->password && *settings->password)
        return g_strdup(settings->password);
    char *text = NULL;
    if (!settings->password_file || !*settings->password_file)
        return NULL;
    g_autoptr(GError) failure = NULL;
    if (!g_file_get_contents(settings->password_file, &text, NULL, &failure))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "store.password_file: %s", failure->message);
    else
        text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static bool finish_connecting(struct pg_connection *connection, GError **error)
{
    int64_t deadline_ms = deadline_of(connection);
    for (short events = POLLOUT;;) {
        if (PQstatus(connection->connection) == CONNECTION_BAD)
            return fail_connecting(connection, error);
        if (!wait_socket(connection, events, deadline_ms, error))
            return false;
        switch (PQconnectPoll(connection->connection)) {
        case PGRES_POLLING_OK:
            return true;
        case PGRES_POLLING_READING:
            events = POLLIN;
            break;
        case PGRES_POLLING_WRITING:
            events = POLLOUT;
            break;
        default:
            return fail_connecting(connection, error);
        }
    }
}

static bool check_version(const struct pg_connection *connection, GError **error)
{
    enum { OLDEST = 150000 };
    int version = PQserverVersion(connection->connection);
    if (version >= OLDEST)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "%s: is PostgreSQL %d: 15 or newer is needed",
                connection->place, version / 10000);
    return false;
}

/* What matters comes as an error of its own; libpq would print the rest to stderr. */
static void ignore_notice(void *data, const char *message)
{
    (void)data;
    (void)message;
}

bool pg_connect(struct pg_connection *connection, const struct store_settings *settings, const char *place,
                GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *password = read_password(settings, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    /* What stands before the address is what holds where the address says nothing else. */
    const char *const names[] = {"keepalives_idle", "keepalives_interval", "keepalives_count", "dbname",
                                 "password",        "application_name",    "client_encoding",  NULL};
    const char *const values[] = {PG_KEEPALIVES_IDLE_S,
                                  PG_KEEPALIVES_INTERVAL_S,
                                  PG_KEEPALIVES_COUNT,
                                  settings->url,
                                  password,
                                  "vedette",
                                  "UTF8",
                                  NULL};
    connection->place = place;
    connection->timeout_ms = settings->connect_timeout_ms;
    connection->deferred = 0;
    connection->prepared = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    connection->connection = PQconnectStartParams(names, values, 1);
    if (connection->connection) {
        PQsetNoticeProcessor(connection->connection, ignore_notice, NULL);
        PQsetErrorVerbosity(connection->connection, PQERRORS_VERBOSE);
    }
    bool is_good = connection->connection && finish_connecting(connection, error) && check_version(connection, error);
    if (is_good && (PQsetnonblocking(connection->connection, 1) != 0 || !PQenterPipelineMode(connection->connection)))
        is_good = fail_lost(connection, error);
    connection->timeout_ms = settings->query_timeout_ms;
    if (is_good)
        PQsetErrorVerbosity(connection->connection, PQERRORS_DEFAULT);
    else
        pg_disconnect(connection);
    return is_good;
}

void pg_disconnect(struct pg_connection *connection)
{
    PQfinish(connection->connection);
    g_clear_pointer(&connection->prepared, g_hash_table_destroy);
    connection->connection = NULL;
}

bool pg_is_alive(struct pg_connection *connection)
{
    /* Nobody asked anything: what comes unasked is a farewell, or the end. */
    struct pollfd polled = {.fd = PQsocket(connection->connection), .events = POLLIN};
    return poll(&polled, 1, 0) == 0 && PQstatus(connection->connection) == CONNECTION_OK;
}

/* ---- statements ---- */

/* A text's types are part of what it is: what is NULL now may be a number next time. */
static char *statement_key(const char *sql, const Oid *types, size_t count)
{
    GString *key = g_string_new(sql);
    for (size_t i = 0; i < count; i++)
        g_string_append_printf(key, "\n%u", types[i]);
    return g_string_free(key, FALSE);
}

/* The name under which the text is prepared; sends the preparation when it is new. NULL: the connection is lost. */
static const char *prepare(struct pg_connection *connection, const char *sql, const Oid *types, size_t count)
{
    g_autofree char *key = statement_key(sql, types, count);
    const char *known = g_hash_table_lookup(connection->prepared, key);
    if (known)
        return known;
    const char *name = ""; /* prepared for once */
    if (g_hash_table_size(connection->prepared) < PG_STATEMENTS_MAX) {
        char *kept = g_strdup_printf("s%u", g_hash_table_size(connection->prepared));
        g_hash_table_insert(connection->prepared, g_steal_pointer(&key), kept);
        name = kept;
    }
    connection->deferred++;
    return PQsendPrepare(connection->connection, name, sql, (int)count, types) ? name : NULL;
}

struct parameters {
    Oid *types;
    const char **values;
    int *lengths, *formats;
    GByteArray *bytes;
};

static void parameters_init(struct parameters *parameters, size_t count)
{
    *parameters = (struct parameters){g_new0(Oid, count + 1), g_new0(const char *, count + 1), g_new0(int, count + 1),
                                      g_new0(int, count + 1), g_byte_array_new()};
}

static void parameters_clear(struct parameters *parameters)
{
    g_free(parameters->types);
    g_free(parameters->values);
    g_free(parameters->lengths);
    g_free(parameters->formats);
    g_byte_array_unref(parameters->bytes);
}

/* Values are addressed only when all are written: the array moves as it grows. */
static void parameters_point(struct parameters *parameters, size_t count)
{
    const char *at = (const char *)parameters->bytes->data;
    for (size_t i = 0; i < count; i++) {
        if (parameters->lengths[i] < 0)
            continue;
        parameters->values[i] = at ? at : "";
        at += parameters->lengths[i];
    }
}

static bool send(struct pg_connection *connection, const char *sql, const struct parameters *parameters, size_t count,
                 GError **error)
{
    const char *name = prepare(connection, sql, parameters->types, count);
    bool is_good = name && PQsendQueryPrepared(connection->connection, name, (int)count, parameters->values,
                                               parameters->lengths, parameters->formats, 1);
    connection->deferred++;
    return is_good || fail_lost(connection, error);
}

bool pg_send(struct pg_connection *connection, const char *sql, const struct record_sql_value *values, size_t count,
             GError **error)
{
    struct parameters parameters;
    parameters_init(&parameters, count);
    for (size_t i = 0; i < count; i++) {
        guint before = parameters.bytes->len;
        bool is_null = values[i].type == RECORD_SQL_NULL, is_json = values[i].type == RECORD_SQL_JSON;
        pg_append_value(&values[i], parameters.bytes);
        /* json and jsonb read the same text, which ends with a NUL then; which of them it is, the column says. */
        if (is_json)
            g_byte_array_append(parameters.bytes, (const guint8 *)"", 1);
        parameters.types[i] = is_null || is_json ? 0 : pg_value_type(&values[i]);
        parameters.formats[i] = !is_json;
        parameters.lengths[i] = is_null ? -1 : (int)(parameters.bytes->len - before);
    }
    parameters_point(&parameters, count);
    bool is_good = send(connection, sql, &parameters, count, error);
    parameters_clear(&parameters);
    return is_good;
}

bool pg_send_records(struct pg_connection *connection, const char *sql, const struct record_descriptor *descriptor,
                     const void *const *records, size_t count, GError **error)
{
    struct parameters parameters;
    parameters_init(&parameters, descriptor->field_count);
    for (size_t i = 0; i < descriptor->field_count; i++) {
        guint before = parameters.bytes->len;
        pg_append_array(&descriptor->fields[i], records, count, parameters.bytes);
        parameters.formats[i] = 1;
        parameters.lengths[i] = (int)(parameters.bytes->len - before);
    }
    parameters_point(&parameters, descriptor->field_count);
    bool is_good = send(connection, sql, &parameters, descriptor->field_count, error);
    parameters_clear(&parameters);
    return is_good;
}

/* ---- answers ---- */

static bool hand_rows(const PGresult *result, store_row_handler on_row, void *data, GError **error)
{
    int columns = PQnfields(result), rows = PQntuples(result);
    g_autofree struct record_sql_value *row = g_new(struct record_sql_value, columns + 1);
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++)
            if (!pg_read_value(result, i, j, &row[j], error))
                return false;
        if (!on_row(data, row, (size_t)columns, error))
            return false;
    }
    return true;
}

static bool take_result(struct pg_connection *connection, const PGresult *result, store_row_handler on_row, void *data,
                        int64_t *changed, GError **error)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        break;
    case PGRES_PIPELINE_ABORTED:
        return false; /* an earlier one failed, and said why */
    default:
        return fail_result(connection, result, error);
    }
    if (changed)
        *changed = g_ascii_strtoll(PQcmdTuples((PGresult *)(uintptr_t)result), NULL, 10);
    return !on_row || hand_rows(result, on_row, data, error);
}

/* One statement's answer. False: the connection is lost; what the statement itself got wrong goes to `failure`, once.
 */
static bool read_statement(struct pg_connection *connection, store_row_handler on_row, void *data, int64_t *changed,
                           GError **failure)
{
    PGresult *result = NULL;
    bool is_there;
    GError *lost = NULL;
    while ((is_there = next_result(connection, &result, &lost)) && result) {
        GError *own = NULL;
        if (!take_result(connection, result, *failure ? NULL : on_row, data, changed, &own) && !*failure && own)
            *failure = g_steal_pointer(&own);
        g_clear_error(&own);
        PQclear(result);
    }
    if (lost && !*failure)
        *failure = g_steal_pointer(&lost);
    g_clear_error(&lost);
    return is_there && PQstatus(connection->connection) == CONNECTION_OK;
}

/* The mark at the end of what was sent. */
static bool read_sync(struct pg_connection *connection, GError **error)
{
    PGresult *result = NULL;
    if (!next_result(connection, &result, error))
        return false;
    bool is_sync = result && PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    PQclear(result);
    return is_sync || fail_lost(connection, error);
}

bool pg_read(struct pg_connection *connection, store_row_handler on_row, void *data, int64_t *changed, GError **error)
{
    int statements = connection->deferred;
    connection->deferred = 0;
    if (!PQpipelineSync(connection->connection))
        return fail_lost(connection, error);
    if (!flush(connection, error))
        return false;
    GError *failure = NULL;
    bool is_there = true;
    for (int i = 0; i < statements && is_there; i++) {
        bool is_last = i == statements - 1;
        is_there = read_statement(connection, is_last ? on_row : NULL, data, is_last ? changed : NULL, &failure);
    }
    if (is_there)
        is_there = read_sync(connection, failure ? NULL : &failure);
    if (!is_there && !failure)
        fail_lost(connection, &failure);
    bool is_good = !failure;
    if (failure)
        g_propagate_error(error, failure);
    return is_good;
}

/* Several statements in one text need the simple protocol, which a pipeline does not speak. */
bool pg_execute(struct pg_connection *connection, const char *sql, GError **error)
{
    PGconn *own = connection->connection;
    if (!PQexitPipelineMode(own) || !PQsendQuery(own, sql))
        return fail_lost(connection, error);
    GError *failure = NULL;
    bool is_there = flush(connection, &failure) && read_statement(connection, NULL, NULL, NULL, &failure);
    if (is_there && !PQenterPipelineMode(own) && !failure)
        fail_lost(connection, &failure);
    if (!failure)
        return true;
    g_propagate_error(error, failure);
    return false;
}
