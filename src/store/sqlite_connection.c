/* One connection to SQLite: opening, statements, and what a failure means. */
#include "store/sqlite_internal.h"

#include <errno.h>
#include <string.h>

#include "base/fault.h"

/* What kind of answer fits a failure, and what a person can do about it. */
static enum vedette_error classify(sqlite3 *db, int code, const char **advice)
{
    int system = db ? sqlite3_system_errno(db) : 0;
    bool is_io = (code & 0xff) == SQLITE_IOERR;
    if ((code & 0xff) == SQLITE_FULL || (is_io && (system == ENOSPC || system == EDQUOT || system == EFBIG))) {
        *advice = "free space there, or move data_dir (VEDETTE_DATA_DIR)";
        return VEDETTE_ERROR_FULL;
    }
    switch (code & 0xff) {
    case SQLITE_READONLY:
        *advice = "it takes no writes: check its rights, and whether its disk is mounted for reading alone";
        return VEDETTE_ERROR_UNAVAILABLE;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        *advice = "check the owner and rights of the directory and its files";
        return VEDETTE_ERROR_PERMISSION;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        *advice = "another program holds it";
        return VEDETTE_ERROR_UNAVAILABLE;
    case SQLITE_CONSTRAINT:
        return VEDETTE_ERROR_INVALID;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        *advice = "the file is damaged or not Vedette's: move it away, or put a backup in its place";
        return VEDETTE_ERROR_IO;
    default:
        return VEDETTE_ERROR_IO;
    }
}

bool connection_fail(struct connection *connection, const char *action, GError **error)
{
    sqlite3 *db = connection->db;
    int code = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
    int system = db ? sqlite3_system_errno(db) : 0;
    const char *advice = NULL;
    enum vedette_error kind = classify(db, code, &advice);
    bool has_system = system && ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN);
    g_set_error(error, VEDETTE_ERROR, kind, "%s: %s: %s%s%s%s%s", connection->path, action,
                db ? sqlite3_errmsg(db) : "out of memory", has_system ? ": " : "", has_system ? g_strerror(system) : "",
                advice ? ": " : "", advice ? advice : "");
    return false;
}

struct prepared {
    sqlite3_stmt *statement;
    const char *write_target; /* as it was prepared; NULL: it reads */
};

static void free_prepared(void *data)
{
    struct prepared *prepared = data;
    sqlite3_finalize(prepared->statement);
    g_free(prepared);
}

bool connection_open(struct connection *connection, const char *path, bool is_writer, GError **error)
{
    *connection = (struct connection){.path = path, .is_writer = is_writer};
    /* The file was made before with its rights; a link in its place is refused. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &connection->db, flags, NULL) != SQLITE_OK) {
        connection_fail(connection, "open", error);
        sqlite3_close(connection->db);
        connection->db = NULL;
        return false;
    }
    connection->statements = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_prepared);
    sqlite3_busy_timeout(connection->db, SQLITE_BUSY_MS);
    sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(connection->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(connection->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !is_writer, NULL);
    g_autofree char *cache =
        g_strdup_printf("PRAGMA cache_size=-%d", is_writer ? SQLITE_WRITER_CACHE_KIB : SQLITE_CACHE_KIB);
    g_autofree char *spill = g_strdup_printf("PRAGMA cache_spill=%d", SQLITE_SPILL_PAGES);
    g_autofree char *checkpoint = g_strdup_printf("PRAGMA wal_autocheckpoint=%d", SQLITE_CHECKPOINT_MOST_PAGES);
    g_autofree char *limit = g_strdup_printf("PRAGMA journal_size_limit=%d", SQLITE_WAL_LIMIT_BYTES);
    bool is_good = connection_execute(connection, cache, error) && connection_execute(connection, spill, error) &&
                   connection_execute(connection, "PRAGMA temp_store=MEMORY", error) &&
                   connection_execute(connection, "PRAGMA foreign_keys=1", error) &&
                   (is_writer ? connection_execute(connection, "PRAGMA journal_mode=WAL", error) &&
                                    connection_execute(connection, "PRAGMA synchronous=FULL", error) &&
                                    connection_execute(connection, checkpoint, error) &&
                                    connection_execute(connection, limit, error)
                              : connection_execute(connection, "PRAGMA wal_autocheckpoint=0", error));
    if (!is_good)
        connection_close(connection);
    return is_good;
}

void connection_close(struct connection *connection)
{
    if (connection->statements)
        g_hash_table_destroy(connection->statements);
    sqlite3_finalize(connection->scope);
    sqlite3_close(connection->db);
    g_free(connection->org_id);
    *connection = (struct connection){.path = connection->path};
}

/* $1 is SQLite's ?1. Texts are those of this room, which have no $ in a literal. */
static char *translate(const char *sql)
{
    char *text = g_strdup(sql);
    for (char *at = strchr(text, '$'); at; at = strchr(at, '$'))
        *at = '?';
    return text;
}

sqlite3_stmt *connection_prepare(struct connection *connection, const char *sql, GError **error)
{
    const struct prepared *known = g_hash_table_lookup(connection->statements, sql);
    sqlite3_stmt *statement = NULL;
    if (known) {
        sqlite3_reset(known->statement);
        sqlite3_clear_bindings(known->statement);
        connection->write_target = known->write_target;
        return known->statement;
    }
    g_autofree char *text = translate(sql), *scoped = sqlite_scope_translate(connection, text, error);
    if (!scoped)
        return NULL;
    if (sqlite3_prepare_v3(connection->db, scoped, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
        connection_fail(connection, "prepare", error);
        return NULL;
    }
    if (g_hash_table_size(connection->statements) >= SQLITE_STATEMENTS_MAX)
        g_hash_table_remove_all(connection->statements);
    const struct prepared prepared = {statement, connection->write_target};
    g_hash_table_insert(connection->statements, g_strdup(sql), g_memdup2(&prepared, sizeof prepared));
    return statement;
}

bool connection_execute(struct connection *connection, const char *sql, GError **error)
{
    if (sqlite3_exec(connection->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    g_autofree char *action = g_strndup(sql, strcspn(sql, "(\n;"));
    return connection_fail(connection, action, error);
}

bool connection_bind(struct connection *connection, sqlite3_stmt *statement, const struct record_sql_value *values,
                     size_t count, GError **error)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
        int index = (int)i + 1;
        const struct record_sql_value *value = &values[i];
        if (value->type == RECORD_SQL_REAL)
            code = sqlite3_bind_double(statement, index, value->real);
        else if (value->type == RECORD_SQL_TEXT || value->type == RECORD_SQL_JSON)
            code = sqlite3_bind_text(statement, index, value->text, -1, SQLITE_STATIC);
        else if (value->type == RECORD_SQL_BYTES)
            code = sqlite3_bind_blob64(statement, index, value->text, (sqlite3_uint64)value->integer, SQLITE_STATIC);
        else if (value->type != RECORD_SQL_NULL)
            code = sqlite3_bind_int64(statement, index, value->integer);
    }
    return code == SQLITE_OK || connection_fail(connection, "bind", error);
}

/* Text and bytes are SQLite's own, until the next step. */
static void read_column(sqlite3_stmt *statement, int index, struct record_sql_value *value)
{
    *value = (struct record_sql_value){.type = RECORD_SQL_NULL};
    switch (sqlite3_column_type(statement, index)) {
    case SQLITE_INTEGER:
        value->type = RECORD_SQL_INTEGER;
        value->integer = sqlite3_column_int64(statement, index);
        break;
    case SQLITE_FLOAT:
        value->type = RECORD_SQL_REAL;
        value->real = sqlite3_column_double(statement, index);
        break;
    case SQLITE_TEXT:
        value->type = RECORD_SQL_TEXT;
        value->text = (char *)(uintptr_t)sqlite3_column_text(statement, index);
        break;
    case SQLITE_BLOB:
        value->type = RECORD_SQL_BYTES;
        value->text = (char *)(uintptr_t)sqlite3_column_blob(statement, index);
        value->integer = sqlite3_column_bytes(statement, index);
        break;
    default:
        break;
    }
}

static bool hand_row(sqlite3_stmt *statement, store_row_handler on_row, void *data, GError **error)
{
    struct record_sql_value row[SQLITE_COLUMNS_MAX];
    int columns = MIN(sqlite3_column_count(statement), SQLITE_COLUMNS_MAX);
    for (int i = 0; i < columns; i++)
        read_column(statement, i, &row[i]);
    return on_row(data, row, (size_t)columns, error);
}

bool connection_run(struct connection *connection, const char *sql, const struct record_sql_value *values, size_t count,
                    store_row_handler on_row, void *data, int64_t *changed, GError **error)
{
    sqlite3_stmt *statement = connection_prepare(connection, sql, error);
    if (!statement || !connection_bind(connection, statement, values, count, error))
        return false;
    int code;
    bool is_good = true;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && is_good)
        is_good = !on_row || hand_row(statement, on_row, data, error);
    if (is_good && code != SQLITE_DONE)
        is_good = connection_fail(connection, sqlite3_stmt_readonly(statement) ? "read" : "write", error);
    if (is_good && changed)
        *changed = sqlite3_stmt_readonly(statement) ? 0 : sqlite3_changes64(connection->db);
    sqlite3_reset(statement);
    return is_good;
}
