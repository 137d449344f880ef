#include "store/store_internal.h"

/* One step forward. Tables are made from their descriptors as they were at schema version 1; a field that came
 * later (.since in its row) is added by a step of its own ("ALTER TABLE"). A step that was released never changes: the
 * digest of its text is kept in the database, and a different text under the same number is refused. */
struct migration {
    int number;
    const char *name;
    const struct record_descriptor *const *tables; /* to be created; NULL-terminated; NULL for none */
    const char *sql;                               /* run after the tables; NULL for none */
};

static const struct record_descriptor *const first_tables[] = {
    &analytics_event_descriptor,
    &camera_descriptor,
    &user_descriptor,
    &session_descriptor,
    &store_count_descriptor,
    &camera_status_descriptor,
    NULL,
};

static const struct migration migrations[] = {
    {1, "tables", first_tables, NULL},
    {2, "indexes and values", NULL,
     /* Lists are read newest first by (occurred_at, id), of an org, a camera or a line or zone. */
     "CREATE INDEX events_newest ON events (org_id, occurred_at, id);\n"
     "CREATE INDEX events_of_camera ON events (org_id, camera_id, occurred_at, id);\n"
     "CREATE INDEX events_of_subject ON events (org_id, subject_id, occurred_at, id);\n"
     "CREATE UNIQUE INDEX users_name ON users (username);\n"
     "CREATE TABLE store_values (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;\n"},
    {3, "rules of cameras", NULL, "ALTER TABLE cameras ADD COLUMN rules TEXT;\n"},
    {4, "what cameras decode", NULL, "ALTER TABLE cameras ADD COLUMN decode TEXT NOT NULL DEFAULT 'all';\n"},
    {5, "streams of cameras", NULL, "ALTER TABLE cameras ADD COLUMN streams TEXT;\n"},
};

/* A table as it was when schema version 1 was released. */
static char *create_text(const struct record_descriptor *descriptor)
{
    g_autofree struct record_field *fields = g_new(struct record_field, descriptor->field_count);
    struct record_descriptor first = *descriptor;
    first.fields = fields;
    first.field_count = 0;
    for (size_t i = 0; i < descriptor->field_count; i++)
        if (descriptor->fields[i].since <= 1)
            fields[first.field_count++] = descriptor->fields[i];
    return record_sql_create(&first);
}

static char *migration_text(const struct migration *migration)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; migration->tables && migration->tables[i]; i++) {
        g_autofree char *create = create_text(migration->tables[i]);
        g_string_append(text, create);
    }
    if (migration->sql)
        g_string_append(text, migration->sql);
    return g_string_free(text, FALSE);
}

/* Sets *is_applied when the step is recorded; false when it was recorded with another text. */
static bool is_recorded(struct connection *connection, const struct migration *migration, const char *digest,
                        bool *is_applied, GError **error)
{
    sqlite3_stmt *statement =
        connection_prepare(connection, "SELECT sha256 FROM schema_migrations WHERE number=?", error);
    if (!statement)
        return false;
    sqlite3_bind_int(statement, 1, migration->number);
    g_autoptr(GError) failure = NULL;
    *is_applied = connection_next(connection, statement, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return false;
    }
    bool is_same = !*is_applied || g_strcmp0((const char *)sqlite3_column_text(statement, 0), digest) == 0;
    sqlite3_reset(statement);
    if (!is_same)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "%s: migration %d (%s) was made with another text than this program's: use the version that made "
                    "the database, or a new data_dir",
                    connection->path, migration->number, migration->name);
    return is_same;
}

static bool apply(struct connection *connection, const struct migration *migration, struct clock *clock, GError **error)
{
    g_autofree char *text = migration_text(migration);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    bool is_applied = false;
    if (!is_recorded(connection, migration, digest, &is_applied, error))
        return false;
    if (is_applied)
        return true;
    if (!connection_execute(connection, text, error))
        return false;
    sqlite3_stmt *statement = connection_prepare(
        connection, "INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)", error);
    if (!statement)
        return false;
    sqlite3_bind_int(statement, 1, migration->number);
    bind_text(statement, 2, migration->name);
    bind_text(statement, 3, digest);
    sqlite3_bind_int64(statement, 4, clock_wall_ms(clock));
    return connection_finish(connection, statement, error);
}

static bool refuse_newer(struct connection *connection, GError **error)
{
    sqlite3_stmt *statement =
        connection_prepare(connection, "SELECT coalesce(max(number), 0) FROM schema_migrations", error);
    if (!statement || !connection_next(connection, statement, error))
        return false;
    int newest = sqlite3_column_int(statement, 0), known = migrations[G_N_ELEMENTS(migrations) - 1].number;
    sqlite3_reset(statement);
    if (newest <= known)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "%s: was made by a newer Vedette (migration %d; this one knows %d): use that version", connection->path,
                newest, known);
    return false;
}

/* A field added to a descriptor without a migration would fail at the first write; better at start. */
static bool check_columns(struct connection *connection, const struct record_descriptor *descriptor, GError **error)
{
    g_autofree char *select = record_sql_select(descriptor);
    if (connection_prepare(connection, select, error))
        return true;
    g_prefix_error(error, "table %s lacks a migration: ", descriptor->table);
    return false;
}

static bool apply_all(struct connection *connection, struct clock *clock, GError **error)
{
    if (!connection_execute(connection,
                            "CREATE TABLE IF NOT EXISTS schema_migrations (number INTEGER NOT NULL PRIMARY KEY, "
                            "name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL)",
                            error) ||
        !refuse_newer(connection, error))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(migrations); i++)
        if (!apply(connection, &migrations[i], clock, error))
            return false;
    for (size_t i = 0; first_tables[i]; i++)
        if (!check_columns(connection, first_tables[i], error))
            return false;
    return connection_execute(connection, "COMMIT", error);
}

bool store_migrate(struct connection *connection, struct clock *clock, GError **error)
{
    if (!connection_execute(connection, "BEGIN IMMEDIATE", error))
        return false;
    if (apply_all(connection, clock, error))
        return true;
    sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}
