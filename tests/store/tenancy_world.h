/* Rows of two orgs in every table of tables.c, and SQL run as this org or that, in either engine. */
#pragma once

#include "store/sqlite_internal.h"
#include "store_world.h"

enum { TENANCY_NOBODIES = 10 };

/* Runs `setup` (may be NULL), then `sql`, as the scope, and undoes both. The count or the rows; -1: refused. */
struct tenancy {
    enum record_dialect dialect;
    struct store_world world;
    PGconn *app, *owner;
    struct connection sqlite;
    const char *a, *b, *two, *platform; /* scopes */
    const char *nobodies[TENANCY_NOBODIES];
};

/* ---- SQL made from the descriptors ---- */

/* What makes a row another row; all else refers to what every org has as "one". */
static inline bool tenancy_is_own(const struct record_field *field)
{
    static const char *const names[] = {"id", "username", "oidc_subject", "service_name", "external_id", "plate"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(field->name, names[i]) == 0)
            return true;
    return field->flags & RECORD_KEY;
}

static inline char *tenancy_literal(const struct tenancy *tenancy, const struct record_field *field, const char *org,
                                    const char *name)
{
    bool is_org = strcmp(field->name, "org_id") == 0;
    if (strcmp(field->name, "deleted_at") == 0)
        return g_strdup("NULL"); /* what is only added to would go with it */
    const char *text = tenancy_is_own(field) ? name : "one";
    switch (field->kind) {
    case RECORD_BOOL:
        return g_strdup(tenancy->dialect == RECORD_SQLITE ? "1" : "true");
    case RECORD_TIME:
        if (tenancy_is_own(field) && strcmp(text, "one") != 0)
            return g_strdup(tenancy->dialect == RECORD_SQLITE ? "1767312000000" : "'2026-01-02T00:00:00Z'");
        return g_strdup(tenancy->dialect == RECORD_SQLITE ? "1767225600000" : "'2026-01-01T00:00:00Z'");
    case RECORD_STRING:
        if (field->flags & RECORD_BASE64)
            return g_strdup(tenancy->dialect == RECORD_SQLITE ? "X'00ff'" : "'\\x00ff'");
        return is_org && !org ? g_strdup("NULL") : g_strdup_printf("'%s'", is_org ? org : text);
    case RECORD_ENUM:
        return g_strdup_printf("'%s'", field->names[0]);
    case RECORD_INT32:
    case RECORD_INT64:
    case RECORD_UINT64:
    case RECORD_DOUBLE:
    case RECORD_OPTIONAL:
        return g_strdup(tenancy_is_own(field) && strcmp(text, "one") != 0 ? "2" : "1");
    case RECORD_BOX:
        return g_strdup("'[0,0,1,1]'");
    default:
        return g_strdup(field->kind == RECORD_LIST || field->kind == RECORD_POINTS || field->kind == RECORD_STRINGS
                            ? "'[]'"
                            : "'{}'");
    }
}

/* `org` NULL: a row without one. An org's own row is named as the org. */
static inline char *tenancy_insert(const struct tenancy *tenancy, const struct store_table *table, const char *org,
                                   const char *name)
{
    const struct record_descriptor *descriptor = table->descriptor;
    GString *sql = g_string_new(NULL);
    g_string_append_printf(sql, "INSERT INTO %s (", descriptor->table);
    record_append_sql_names(descriptor, 0, sql);
    g_string_append(sql, ") VALUES (");
    for (size_t i = 0; i < descriptor->field_count; i++) {
        g_autofree char *literal =
            tenancy_literal(tenancy, &descriptor->fields[i], org, table->tenancy == STORE_IS_ORG ? org : name);
        g_string_append_printf(sql, "%s%s", i ? ", " : "", literal);
    }
    g_string_append_c(sql, ')');
    return g_string_free(sql, FALSE);
}

/* The column that holds a row's own name; NULL: an org has one row at most. */
static inline const struct record_field *tenancy_name_field(const struct store_table *table)
{
    for (size_t i = 0; i < table->descriptor->field_count; i++) {
        const struct record_field *field = &table->descriptor->fields[i];
        if (tenancy_is_own(field) && field->kind != RECORD_ENUM && strcmp(field->name, "org_id") != 0)
            return field;
    }
    return NULL;
}

/* An org's row is a thing of its own, of which there is one: the org itself, or the end of its audit. */
static inline bool tenancy_is_one_each(const struct store_table *table)
{
    return table->tenancy == STORE_IS_ORG || !tenancy_name_field(table);
}

/* "org_id = 'b'": the rows of an org, or of the server's own the one that was seeded. g_free. */
static inline char *tenancy_rows_of(const struct tenancy *tenancy, const struct store_table *table, const char *org)
{
    if (table->tenancy == STORE_OF_PLATFORM) {
        const struct record_field *name = tenancy_name_field(table);
        g_autofree char *literal = tenancy_literal(tenancy, name, NULL, "one");
        return g_strdup_printf("%s = %s", name->name, literal);
    }
    return g_strdup_printf("%s = '%s'", table->tenancy == STORE_IS_ORG ? "id" : "org_id", org);
}

/* How an org's seeded row is named. */
static inline const char *tenancy_seed_name(const struct store_table *table, const char *org)
{
    /* Their ids are unique over all orgs. */
    return table->tenancy == STORE_OF_ORG_OR_ALL && g_strcmp0(org, "b") == 0 ? "other" : "one";
}

/* Some column whose change changes nothing. */
static inline const char *tenancy_any_column(const struct store_table *table)
{
    return table->descriptor->fields[table->descriptor->field_count - 1].name;
}

/* ---- running ---- */

static inline int64_t tenancy_copied(PGconn *connection)
{
    int64_t rows = 0;
    char *row;
    while (PQgetCopyData(connection, &row, 0) > 0) {
        PQfreemem(row);
        rows++;
    }
    PGresult *end = PQgetResult(connection);
    bool is_good = PQresultStatus(end) == PGRES_COMMAND_OK;
    PQclear(end);
    return is_good ? rows : -1;
}

static inline int64_t tenancy_result(PGconn *connection, const PGresult *result)
{
    if (PQresultStatus(result) == PGRES_COPY_OUT)
        return tenancy_copied(connection);
    bool is_rows = PQresultStatus(result) == PGRES_TUPLES_OK;
    if (!is_rows && PQresultStatus(result) != PGRES_COMMAND_OK)
        return -1;
    bool is_count = is_rows && PQnfields(result) == 1 && strcmp(PQfname(result, 0), "count") == 0;
    return is_count  ? g_ascii_strtoll(PQgetvalue(result, 0, 0), NULL, 10)
           : is_rows ? PQntuples(result)
                     : g_ascii_strtoll(PQcmdTuples((PGresult *)(uintptr_t)result), NULL, 10);
}

static inline int64_t tenancy_try_on(PGconn *connection, const char *role, const char *claims, const char *setup,
                                     const char *sql)
{
    g_autofree char *begin = g_strdup_printf("BEGIN; SET LOCAL ROLE %s", role);
    g_free(postgres_ask_on(connection, begin));
    if (claims) {
        PQclear(PQexecParams(connection, "SELECT set_config('request.jwt.claims', $1, true)", 1, NULL, &claims, NULL,
                             NULL, 0));
    }
    if (setup)
        PQclear(PQexec(connection, setup));
    PGresult *result = PQexec(connection, sql);
    int64_t count = tenancy_result(connection, result);
    PQclear(result);
    PQclear(PQexec(connection, "ROLLBACK"));
    return count;
}

static inline bool tenancy_take(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    (void)columns;
    int64_t *values = data; /* rows, first value */
    if (values[0]++ == 0)
        values[1] = row[0].integer;
    return true;
}

static inline int64_t tenancy_try_sqlite(struct connection *connection, const char *org, const char *setup,
                                         const char *sql)
{
    int64_t rows[2] = {0, 0}, changed = 0;
    g_assert_true(sqlite_scope_set(connection, org, NULL));
    connection_execute(connection, "BEGIN", NULL);
    if (setup)
        connection_run(connection, setup, NULL, 0, NULL, NULL, NULL, NULL);
    bool is_good = connection_run(connection, sql, NULL, 0, tenancy_take, rows, &changed, NULL);
    connection_execute(connection, "ROLLBACK", NULL);
    g_assert_true(sqlite_scope_set(connection, "", NULL));
    if (!is_good)
        return -1;
    return g_str_has_prefix(sql, "SELECT count(") ? rows[1] : strstr(sql, "RETURNING") ? rows[0] : changed;
}

static inline int64_t tenancy_try(struct tenancy *tenancy, const char *scope, const char *setup, const char *sql)
{
    return tenancy->dialect == RECORD_SQLITE ? tenancy_try_sqlite(&tenancy->sqlite, scope ? scope : "", setup, sql)
                                             : tenancy_try_on(tenancy->app, "vedette_app", scope, setup, sql);
}

static inline int64_t tenancy_try_format(struct tenancy *tenancy, const char *scope, const char *setup,
                                         const char *format, ...) G_GNUC_PRINTF(4, 5);
static inline int64_t tenancy_try_format(struct tenancy *tenancy, const char *scope, const char *setup,
                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *sql = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return tenancy_try(tenancy, scope, setup, sql);
}

/* ---- the world ---- */

static inline void tenancy_seed_row(struct tenancy *tenancy, const char *sql)
{
    if (tenancy->dialect == RECORD_POSTGRES)
        g_free(postgres_ask_on(tenancy->owner, sql));
    else
        g_assert_cmpint(sqlite3_exec(tenancy->sqlite.db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
}

/* With foreign keys in force, around what keeps tenants apart. */
static inline void tenancy_seed(struct tenancy *tenancy)
{
    for (size_t i = 0; i < store_table_count; i++) {
        const struct store_table *table = &store_tables[i];
        g_autofree char *a = tenancy_insert(tenancy, table, "a", tenancy_seed_name(table, "a")),
                        *b = tenancy_insert(tenancy, table, "b", tenancy_seed_name(table, "b"));
        tenancy_seed_row(tenancy, a);
        if (table->tenancy != STORE_OF_PLATFORM)
            tenancy_seed_row(tenancy, b);
        if (table->tenancy == STORE_OF_ORG_OR_ALL) {
            g_autofree char *global = tenancy_insert(tenancy, table, NULL, "global");
            tenancy_seed_row(tenancy, global);
        }
    }
}

/* A scope that names an org, though none that there is: it may read everyone's defaults. */
static inline bool tenancy_is_well_formed(const struct tenancy *tenancy, const char *scope)
{
    return tenancy->dialect == RECORD_SQLITE ? scope && *scope
                                             : g_strcmp0(scope, "{\"org_id\":\"a' OR '1'='1\"}") == 0 ||
                                                   g_strcmp0(scope, "{\"org_id\":{\"a\":\"a\"}}") == 0;
}

static inline void tenancy_init(struct tenancy *tenancy)
{
    *tenancy = (struct tenancy){.dialect = world_is_postgres() ? RECORD_POSTGRES : RECORD_SQLITE};
    world_init(&tenancy->world);
    if (tenancy->dialect == RECORD_POSTGRES) {
        tenancy->app = postgres_connect("vedette_login", tenancy->world.database);
        tenancy->owner = postgres_connect("postgres", tenancy->world.database);
        tenancy->a = "{\"org_id\":\"a\"}";
        tenancy->b = "{\"sub\":\"u\",\"app_metadata\":{\"org_id\":\"b\"}}";
        tenancy->two = "{\"org_id\":\"two\"}";
        tenancy->platform = "{\"org_id\":\"*\"}";
        const char *const nobodies[TENANCY_NOBODIES] = {NULL,
                                                        "",
                                                        "null",
                                                        "{",
                                                        "[]",
                                                        "\"a\"",
                                                        "{\"org_id\":null}",
                                                        "{\"org_id\":\"\"}",
                                                        "{\"org_id\":\"a' OR '1'='1\"}",
                                                        "{\"org_id\":{\"a\":\"a\"}}"};
        memcpy(tenancy->nobodies, nobodies, sizeof nobodies);
        tenancy_seed(tenancy);
        return;
    }
    store_close(tenancy->world.store);
    tenancy->world.store = NULL;
    g_autofree char *path = g_build_filename(tenancy->world.directory, "vedette.db", NULL);
    g_assert_true(connection_open(&tenancy->sqlite, g_intern_string(path), true, NULL));
    tenancy->a = "a";
    tenancy->b = "b";
    tenancy->two = "two";
    tenancy->platform = "*";
    const char *const nobodies[TENANCY_NOBODIES] = {NULL,           "",     "null",    "A", "a ", "%",
                                                    "a' OR '1'='1", "a\nb", "default", "**"};
    memcpy(tenancy->nobodies, nobodies, sizeof nobodies);
    tenancy_seed(tenancy);
    g_assert_true(sqlite_scope_install(&tenancy->sqlite, NULL));
}

static inline void tenancy_clear(struct tenancy *tenancy)
{
    PQfinish(tenancy->app);
    PQfinish(tenancy->owner);
    if (tenancy->sqlite.db)
        connection_close(&tenancy->sqlite);
    world_clear(&tenancy->world);
}
