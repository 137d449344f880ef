/* Keeps tenants apart in SQLite, which has no row level security, by what every statement passes:
 *
 * - Reads: a temporary view of each table's name hides the table and shows the rows of the connection's org.
 * - Writes: temporary triggers before each row. What belongs to another org is left alone, as if it were not there; a
 *   row that would be another's is refused. These are PostgreSQL's USING and WITH CHECK.
 * - An authorizer refuses, when a statement is prepared, all that goes around them: reading a table but through its
 *   view, writing any but the one table the statement names, changing the schema, attaching files.
 *
 * All three are made from tables.c, as PostgreSQL's policies are. They are the connection's own: nothing of this is in
 * the file, so that `sqlite3` and a backup see plain tables.
 */
#include "store/sqlite_internal.h"

#include <string.h>

/* Whose rows are meant, as SQL. A reader, which writes nothing, asks a function; the writer a table of its own: a
 * function may fail as far as SQLite knows, and for a row that is inserted under a trigger that may fail it first
 * copies every page the row touches, which is as much work as the row. */
static const char scope_table[] = "vedette_scope";
static const char reader_org[] = "vedette_org()", writer_org[] = "(SELECT org_id FROM temp.vedette_scope)";
static const char writer_scope[] =
    "CREATE TEMP TABLE vedette_scope (org_id TEXT);\nINSERT INTO vedette_scope VALUES (NULL);\n";

/* The reader's org; NULL when it is nobody's, so that nothing equals it. */
static void function_org(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    (void)values;
    const struct connection *connection = sqlite3_user_data(context);
    if (connection->org_id && *connection->org_id)
        sqlite3_result_text(context, connection->org_id, -1, SQLITE_STATIC);
    else
        sqlite3_result_null(context);
}

static void append_view(const struct store_table *table, const char *org, GString *sql)
{
    const char *name = table->descriptor->table;
    g_autofree char *condition = store_table_condition(table, false, org, "");
    g_string_append_printf(sql, "CREATE TEMP VIEW %s AS SELECT * FROM main.%s WHERE %s;\n", name, name, condition);
}

/* "IS NOT TRUE" holds for NULL as well. FAIL leaves what the statement did before it was refused, which its transaction
 * takes back, as after any failure; for ABORT SQLite would keep those copies too. */
static void append_guards(const struct store_table *table, GString *sql)
{
    const char *name = table->descriptor->table;
    g_autofree char *is_seen = store_table_condition(table, true, writer_org, "OLD.");
    g_autofree char *is_own = store_table_condition(table, true, writer_org, "NEW.");
    g_string_append_printf(sql,
                           "CREATE TEMP TRIGGER %s_insert BEFORE INSERT ON main.%s WHEN (%s) IS NOT TRUE BEGIN SELECT "
                           "RAISE(FAIL, 'table %s: a row of another org'); END;\n",
                           name, name, is_own, name);
    if (table->is_append_only) {
        g_string_append_printf(sql,
                               "CREATE TEMP TRIGGER %s_update BEFORE UPDATE ON main.%s BEGIN SELECT RAISE(ABORT, "
                               "'table %s: rows are never changed'); END;\n"
                               "CREATE TEMP TRIGGER %s_delete BEFORE DELETE ON main.%s WHEN (%s) IS NOT TRUE OR NOT "
                               "EXISTS (SELECT 1 FROM main.orgs o WHERE o.id = OLD.org_id AND o.deleted_at IS NOT "
                               "NULL) BEGIN SELECT RAISE(ABORT, 'table %s: rows are never removed'); END;\n",
                               name, name, name, name, name, is_seen, name);
        return;
    }
    g_string_append_printf(sql,
                           "CREATE TEMP TRIGGER %s_update BEFORE UPDATE ON main.%s WHEN (%s) IS NOT TRUE OR (%s) IS "
                           "NOT TRUE BEGIN SELECT CASE WHEN (%s) IS NOT TRUE THEN RAISE(IGNORE) ELSE RAISE(ABORT, "
                           "'table %s: a row of another org') END; END;\n"
                           "CREATE TEMP TRIGGER %s_delete BEFORE DELETE ON main.%s WHEN (%s) IS NOT TRUE BEGIN SELECT "
                           "RAISE(IGNORE); END;\n",
                           name, name, is_seen, is_own, is_seen, name, name, name, is_seen);
}

/* ---- the authorizer ---- */

static bool references(const struct store_table *from, const char *to)
{
    g_autofree char *text = g_strdup_printf("REFERENCES %s (", to);
    return from && from->constraints && strstr(from->constraints, text);
}

/* A statement that writes also reads its own table, and those that foreign keys tie to it. */
static bool is_read_by_target(const char *target, const char *table)
{
    return target && (strcmp(target, table) == 0 || references(store_table_find(target), table) ||
                      references(store_table_find(table), target));
}

static bool may_read(const struct connection *connection, const char *table, const char *database, const char *accessor)
{
    return g_strcmp0(database, "temp") == 0 || accessor || is_read_by_target(connection->write_target, table);
}

static int authorize(void *data, int action, const char *first, const char *second, const char *database,
                     const char *accessor)
{
    const struct connection *connection = data;
    (void)second;
    bool is_allowed = false;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_FUNCTION:
    case SQLITE_TRANSACTION:
    case SQLITE_RECURSIVE:
        is_allowed = true;
        break;
    case SQLITE_READ:
        is_allowed = may_read(connection, first, database, accessor);
        break;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        is_allowed = g_strcmp0(first, connection->write_target) == 0 &&
                     g_strcmp0(database, strcmp(first, scope_table) == 0 ? "temp" : "main") == 0;
        break;
    default:
        break;
    }
    return is_allowed ? SQLITE_OK : SQLITE_DENY;
}

/* ---- statements ---- */

/* The verbs by which a statement writes, and what is prepared in their place: an INSERT says as the guards do what
 * becomes of it when it is refused. */
static const struct verb {
    const char *text, *prepared;
} verbs[] = {{"INSERT INTO ", "INSERT OR FAIL INTO "}, {"UPDATE ", "UPDATE "}, {"DELETE FROM ", "DELETE FROM "}};

static const struct verb *find_verb(const char *sql)
{
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++)
        if (g_str_has_prefix(sql, verbs[i].text))
            return &verbs[i];
    return NULL;
}

char *sqlite_scope_translate(struct connection *connection, const char *sql, GError **error)
{
    connection->write_target = NULL;
    if (!connection->is_scoped)
        return g_strdup(sql);
    if (strstr(sql, "main.") || strstr(sql, "temp.")) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "%s: a query names a schema: it could see all orgs",
                    connection->path);
        return NULL;
    }
    const struct verb *verb = find_verb(sql);
    if (!verb)
        return g_strdup(sql);
    const char *target = sql + strlen(verb->text);
    g_autofree char *name = g_strndup(target, strcspn(target, " (;"));
    const struct store_table *table = store_table_find(name);
    if (!table)
        return g_strdup(sql);
    connection->write_target = table->descriptor->table;
    return g_strconcat(verb->prepared, "main.", target, NULL);
}

/* NULL is nobody's. */
static bool write_scope(struct connection *connection, const char *org_id, GError **error)
{
    sqlite3_stmt *scope = connection->scope;
    connection->write_target = scope_table; /* it is prepared anew when need be */
    bool is_good =
        sqlite3_bind_text(scope, 1, org_id, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(scope) == SQLITE_DONE;
    if (!is_good)
        connection_fail(connection, "say whose rows are meant", error);
    sqlite3_reset(scope);
    sqlite3_clear_bindings(scope);
    connection->write_target = NULL;
    return is_good;
}

bool sqlite_scope_set(struct connection *connection, const char *org_id, GError **error)
{
    if (connection->is_writer && !write_scope(connection, org_id && *org_id ? org_id : NULL, error))
        return false;
    g_free(connection->org_id);
    connection->org_id = g_strdup(org_id);
    return true;
}

static bool install_reader(struct connection *connection, GError **error)
{
    g_autoptr(GString) sql = g_string_new(NULL);
    for (size_t i = 0; i < store_table_count; i++)
        append_view(&store_tables[i], reader_org, sql);
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    if (sqlite3_create_function_v2(connection->db, "vedette_org", 0, flags, connection, function_org, NULL, NULL,
                                   NULL) != SQLITE_OK)
        return connection_fail(connection, "add a function", error);
    return connection_execute(connection, sql->str, error) &&
           connection_execute(connection, "PRAGMA query_only=1", error);
}

static bool install_writer(struct connection *connection, GError **error)
{
    g_autoptr(GString) sql = g_string_new(writer_scope);
    for (size_t i = 0; i < store_table_count; i++) {
        append_view(&store_tables[i], writer_org, sql);
        append_guards(&store_tables[i], sql);
    }
    return connection_execute(connection, sql->str, error) &&
           (sqlite3_prepare_v3(connection->db, "UPDATE temp.vedette_scope SET org_id = ?1", -1,
                               SQLITE_PREPARE_PERSISTENT, &connection->scope, NULL) == SQLITE_OK ||
            connection_fail(connection, "prepare", error));
}

bool sqlite_scope_install(struct connection *connection, GError **error)
{
    if (!(connection->is_writer ? install_writer(connection, error) : install_reader(connection, error)))
        return false;
    connection->is_scoped = true;
    return sqlite3_set_authorizer(connection->db, authorize, connection) == SQLITE_OK ||
           connection_fail(connection, "set the authorizer", error);
}
