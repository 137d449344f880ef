/* Migrations: brings a database forward, step by step, inside one transaction of the engine's that no second process
 * can be in at the same time. */
#include "store/store_internal.h"

static bool is_step_of(const struct store_step *step, enum record_dialect dialect)
{
    return dialect == RECORD_SQLITE || !step->is_sqlite_only;
}

/* The descriptor as it was at a version: the fields that came later are left out. `fields` holds them. */
static struct record_descriptor as_of(const struct record_descriptor *descriptor, int version,
                                      struct record_field *fields)
{
    struct record_descriptor then = *descriptor;
    then.fields = fields;
    then.field_count = 0;
    for (size_t i = 0; i < descriptor->field_count; i++)
        if (descriptor->fields[i].since <= version)
            fields[then.field_count++] = descriptor->fields[i];
    return then;
}

static void append_table(const struct store_step *step, const struct store_step_table *made,
                         enum record_dialect dialect, GString *out)
{
    const struct store_table *table = store_table_find(made->descriptor->table);
    g_autofree struct record_field *fields = g_new(struct record_field, made->descriptor->field_count);
    struct record_descriptor then = as_of(made->descriptor, made->version, fields);
    const char *leading = store_table_leading(table);
    g_autofree char *create = record_sql_create(&then, dialect, leading, table->constraints);
    bool has_days = dialect == RECORD_POSTGRES && table->days_since && table->days_since <= step->number;
    g_string_append_printf(out, "%s%s;\n", create, has_days ? " PARTITION BY RANGE (id)" : "");
    record_append_sql_indexes(&then, leading, out);
    if (dialect == RECORD_POSTGRES)
        store_append_postgres_rules(table, has_days, out);
}

static void append_tables(const struct store_step *step, const struct store_step_table *tables,
                          enum record_dialect dialect, GString *out)
{
    for (; tables && tables->descriptor; tables++)
        append_table(step, tables, dialect, out);
}

static char *step_text(const struct store_step *step, enum record_dialect dialect)
{
    bool is_sqlite = dialect == RECORD_SQLITE;
    const char *before = is_sqlite ? step->sqlite_before : step->postgres_before,
               *after = is_sqlite ? step->sqlite : step->postgres;
    GString *text = g_string_new(before);
    append_tables(step, step->tables, dialect, text);
    if (!is_sqlite)
        append_tables(step, step->postgres_tables, dialect, text);
    if (after)
        g_string_append(text, after);
    return g_string_free(text, FALSE);
}

char *store_schema_sql(enum record_dialect dialect)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < store_step_count; i++) {
        if (!is_step_of(&store_steps[i], dialect))
            continue;
        g_autofree char *step = step_text(&store_steps[i], dialect);
        g_string_append_printf(text, "-- %d: %s\n%s\n", store_steps[i].number, store_steps[i].name, step);
    }
    return g_string_free(text, FALSE);
}

/* ---- what is recorded ---- */

static bool take_text(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    char **text = data;
    g_free(*text);
    *text = columns && row[0].type == RECORD_SQL_TEXT ? g_strdup(row[0].text) : NULL;
    return true;
}

static bool take_number(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    if (columns && row[0].type == RECORD_SQL_INTEGER)
        *(int64_t *)data = row[0].integer;
    return true;
}

/* Sets *is_applied when the step is recorded; false when it was recorded with another text. */
static bool is_recorded(const struct store_migrator *migrator, const struct store_step *step, const char *digest,
                        bool *is_applied, GError **error)
{
    g_autofree char *recorded = NULL;
    if (!migrator->query(migrator->connection, "SELECT sha256 FROM schema_migrations WHERE number = $1",
                         STORE_VALUES(sql_integer(step->number)), take_text, &recorded, error))
        return false;
    *is_applied = recorded != NULL;
    if (!recorded || g_strcmp0(recorded, digest) == 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "%s: migration %d (%s) was made with another text than this program's: use the version that made the "
                "database, or a new one",
                migrator->name, step->number, step->name);
    return false;
}

static bool refuse_newer(const struct store_migrator *migrator, GError **error)
{
    int64_t newest = 0;
    int known = store_steps[store_step_count - 1].number;
    if (!migrator->query(migrator->connection, "SELECT max(number) FROM schema_migrations", STORE_NO_VALUES,
                         take_number, &newest, error))
        return false;
    if (newest <= known)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "%s: was made by a newer Vedette (migration %d; this one knows %d): use that version", migrator->name,
                (int)newest, known);
    return false;
}

/* A field added to a descriptor without a migration would fail at the first write; better at start. */
static bool check_columns(const struct store_migrator *migrator, const struct record_descriptor *descriptor,
                          GError **error)
{
    g_autofree char *select = record_sql_select(descriptor);
    g_autofree char *none = g_strconcat(select, " WHERE 1 = 0", NULL);
    int64_t ignored;
    if (migrator->query(migrator->connection, none, STORE_NO_VALUES, take_number, &ignored, error))
        return true;
    g_prefix_error(error, "table %s lacks a migration: ", descriptor->table);
    return false;
}

static bool check_tables(const struct store_migrator *migrator, GError **error)
{
    for (size_t i = 0; i < store_table_count; i++)
        if (!check_columns(migrator, store_tables[i].descriptor, error))
            return false;
    return true;
}

/* ---- going forward ---- */

static bool record_step(const struct store_migrator *migrator, const struct store_step *step, const char *digest,
                        struct clock *clock, GError **error)
{
    const struct record_sql_value now =
        migrator->dialect == RECORD_SQLITE ? sql_integer(clock_wall_ms(clock)) : sql_time(clock_wall_ms(clock));
    int64_t ignored;
    return migrator->query(migrator->connection,
                           "INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES ($1, $2, $3, $4)",
                           STORE_VALUES(sql_integer(step->number), sql_text(step->name), sql_text(digest), now),
                           take_number, &ignored, error);
}

/* Applies the step when `is_missing` is NULL; else only tells whether it would. */
static bool apply(const struct store_migrator *migrator, const struct store_step *step, struct clock *clock,
                  bool *is_missing, GString *report, GError **error)
{
    g_autofree char *text = step_text(step, migrator->dialect);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    bool is_applied = false;
    if (!is_recorded(migrator, step, digest, &is_applied, error))
        return false;
    if (report)
        g_string_append_printf(report, "%3d  %-8s %s\n", step->number,
                               is_applied   ? "applied"
                               : is_missing ? "missing"
                                            : "new",
                               step->name);
    if (is_missing)
        *is_missing = *is_missing || !is_applied;
    if (is_applied || is_missing)
        return true;
    if (migrator->execute(migrator->connection, text, error) && record_step(migrator, step, digest, clock, error))
        return true;
    g_prefix_error(error, "migration %d (%s): ", step->number, step->name);
    return false;
}

static bool apply_all(const struct store_migrator *migrator, struct clock *clock, bool *is_missing, GString *report,
                      GError **error)
{
    if (!refuse_newer(migrator, error))
        return false;
    for (size_t i = 0; i < store_step_count; i++)
        if (is_step_of(&store_steps[i], migrator->dialect) &&
            !apply(migrator, &store_steps[i], clock, is_missing, report, error))
            return false;
    return true;
}

bool store_steps_apply(const struct store_migrator *migrator, struct clock *clock, GString *report, GError **error)
{
    return apply_all(migrator, clock, NULL, report, error) && check_tables(migrator, error);
}

bool store_steps_check(const struct store_migrator *migrator, bool *is_missing, GString *report, GError **error)
{
    *is_missing = false;
    return apply_all(migrator, NULL, is_missing, report, error) && (*is_missing || check_tables(migrator, error));
}
