/* Tenants cannot see each other: every table, every verb, every claim, in SQL; and the proof that the tests would see
 * it (case R3 of the design's list). VEDETTE_TEST_STORE says which engine. */
#include "tenancy_world.h"

/* ---- what can be tried on a table ---- */

/* SQL about the rows of an org: of the seeded ones, or for what is added or removed of a fresh one. g_free. */
struct target {
    struct tenancy *tenancy;
    const struct store_table *table;
    const char *name;   /* of the table */
    const char *column; /* one whose change changes nothing */
    char *rows;         /* the seeded row */
    char *fresh;        /* the row that `insert` makes */
    char *insert, *upsert;
};

static void target_init(struct target *target, struct tenancy *tenancy, const struct store_table *table,
                        const char *org, const char *fresh_org)
{
    const struct record_field *named = tenancy_name_field(table);
    g_autofree char *on_conflict = record_sql_conflict(table->descriptor, RECORD_CONFLICT_REPLACE);
    g_autofree char *again = tenancy_insert(tenancy, table, org, tenancy_seed_name(table, org));
    g_autofree char *two = named ? tenancy_literal(tenancy, named, NULL, "two") : NULL;
    *target = (struct target){
        .tenancy = tenancy,
        .table = table,
        .name = table->descriptor->table,
        .column = tenancy_any_column(table),
        .rows = tenancy_rows_of(tenancy, table, org),
        .fresh = tenancy_is_one_each(table) ? tenancy_rows_of(tenancy, table, fresh_org)
                                            : g_strdup_printf("%s = %s", named->name, two),
        .insert = tenancy_insert(tenancy, table, tenancy_is_one_each(table) ? fresh_org : org, "two"),
        .upsert = g_strconcat(again, on_conflict, NULL),
    };
}

static void target_clear(struct target *target)
{
    g_free(target->rows);
    g_free(target->fresh);
    g_free(target->insert);
    g_free(target->upsert);
}

/* "$t" the table, "$r" the condition of the rows, "$c" any column, "$i" and "$u" the INSERT and the upsert, "$v" what
 * follows INSERT INTO and the table's name. */
static char *fill_in(const struct target *target, const char *text, const char *rows)
{
    GString *sql = g_string_new(text);
    g_string_replace(sql, "$i", target->insert, 0);
    g_string_replace(sql, "$u", target->upsert, 0);
    g_string_replace(sql, "$v", strchr(target->insert, '('), 0);
    g_string_replace(sql, "$t", target->name, 0);
    g_string_replace(sql, "$r", rows, 0);
    g_string_replace(sql, "$c", target->column, 0);
    return g_string_free(sql, FALSE);
}

enum own {
    OWN_ONE = 1, /* an org's own: one row */
    OWN_CHANGED, /* one row, but of a table that is only added to: refused */
    OWN_NEVER,   /* refused, whoever asks */
};
static const struct verb {
    const char *name, *sql;
    enum own own;
    bool is_fresh;    /* of the row that the setup made; another org's are tried on the seeded one */
    bool is_adding;   /* makes the fresh row */
    bool is_postgres; /* SQLite has none of it */
} verbs[] = {
    /* SQLite is asked for a column: count(*) of a view whose condition names none reads none, which cannot be told from
     * going around the view, and is refused. */
    {"select", "SELECT count($c) FROM $t WHERE $r", OWN_ONE},
    {"insert", "$i", OWN_ONE, .is_adding = true},
    {"insert returning", "$i RETURNING 1", OWN_ONE, .is_adding = true},
    {"upsert", "$u", OWN_CHANGED},
    {"upsert returning", "$u RETURNING 1", OWN_CHANGED},
    {"update", "UPDATE $t SET $c = $c WHERE $r", OWN_CHANGED},
    {"update returning", "UPDATE $t SET $c = $c WHERE $r RETURNING 1", OWN_CHANGED},
    {"delete", "DELETE FROM $t WHERE $r", OWN_CHANGED, .is_fresh = true},
    {"delete returning", "DELETE FROM $t WHERE $r RETURNING 1", OWN_CHANGED, .is_fresh = true},
    {"select for update", "SELECT 1 FROM $t WHERE $r FOR UPDATE", OWN_CHANGED, .is_postgres = true},
    {"copy out", "COPY (SELECT * FROM $t WHERE $r) TO STDOUT", OWN_ONE, .is_postgres = true},
    {"copy in", "COPY $t FROM STDIN", OWN_NEVER, .is_postgres = true},
    {"truncate", "TRUNCATE $t CASCADE", OWN_NEVER, .is_postgres = true},
    {"merge update", "MERGE INTO $t USING (SELECT) AS x ON $r WHEN MATCHED THEN UPDATE SET $c = $c", OWN_CHANGED,
     .is_postgres = true},
    {"merge delete", "MERGE INTO $t USING (SELECT) AS x ON $r WHEN MATCHED THEN DELETE", OWN_CHANGED, .is_fresh = true,
     .is_postgres = true},
    {"merge insert", "MERGE INTO $t USING (SELECT) AS x ON false WHEN NOT MATCHED THEN INSERT $v", OWN_ONE,
     .is_adding = true, .is_postgres = true},
};

/* ---- the matrix ---- */

struct verdict {
    int leaks;    /* another org's rows were seen or changed */
    int refusals; /* an org's own rows were not: nothing else would prove anything */
};

static void expect_none(struct verdict *verdict, const char *table, const char *what, int64_t count)
{
    if (count <= 0)
        return;
    verdict->leaks++;
    g_test_message("%s: %s: %d", table, what, (int)count);
}

static void expect_some(struct verdict *verdict, const char *table, const char *what, int64_t count, int64_t wanted)
{
    if (count == wanted)
        return;
    verdict->refusals++;
    g_test_message("%s: own %s: %d, not %d", table, what, (int)count, (int)wanted);
}

static bool is_tried(const struct tenancy *tenancy, const struct verb *verb)
{
    return !verb->is_postgres || tenancy->dialect == RECORD_POSTGRES;
}

/* What a scope can do to rows that are not its own. */
static void check_foreign(struct tenancy *tenancy, const struct store_table *table, const char *scope, const char *org,
                          struct verdict *verdict)
{
    struct target target;
    target_init(&target, tenancy, table, org, "three");
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (!is_tried(tenancy, &verbs[i]))
            continue;
        g_autofree char *sql = fill_in(&target, verbs[i].sql, target.rows);
        expect_none(verdict, target.name, verbs[i].name, tenancy_try(tenancy, scope, NULL, sql));
    }
    target_clear(&target);
}

/* What an org can do to its own. Of what there is one of, a third org's is the fresh one. */
static void check_own(struct tenancy *tenancy, const struct store_table *table, const char *scope, const char *org,
                      struct verdict *verdict)
{
    struct target target;
    target_init(&target, tenancy, table, org, "two");
    const char *fresh_scope = tenancy_is_one_each(table) ? tenancy->two : scope;
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        const struct verb *verb = &verbs[i];
        if (!is_tried(tenancy, verb))
            continue;
        g_autofree char *sql = fill_in(&target, verb->sql, verb->is_fresh ? target.fresh : target.rows);
        bool is_refused = verb->own == OWN_NEVER || (verb->own == OWN_CHANGED && table->is_append_only);
        expect_some(verdict, target.name, verb->name,
                    tenancy_try(tenancy, verb->is_fresh || verb->is_adding ? fresh_scope : scope,
                                verb->is_fresh ? target.insert : NULL, sql),
                    is_refused ? -1 : 1);
    }
    expect_some(verdict, target.name, "select of all it sees",
                tenancy_try_format(tenancy, scope, NULL, "SELECT count(%s) FROM %s", target.column, target.name),
                table->tenancy == STORE_OF_ORG_OR_ALL ? 2 : 1);
    if (table->tenancy != STORE_OF_PLATFORM)
        expect_none(verdict, target.name, "move to another org",
                    tenancy_try_format(tenancy, scope, NULL, "UPDATE %s SET %s = 'c' WHERE %s", target.name,
                                       table->tenancy == STORE_IS_ORG ? "id" : "org_id", target.rows));
    target_clear(&target);
}

/* Who has no right to anything sees nothing at all, not even everyone's defaults. */
static void check_nobody(struct tenancy *tenancy, const struct store_table *table, const char *scope,
                         struct verdict *verdict)
{
    const char *name = table->descriptor->table;
    check_foreign(tenancy, table, scope, "a", verdict);
    bool is_known_as_org = tenancy_is_well_formed(tenancy, scope);
    expect_none(verdict, name, "all a nobody sees",
                tenancy_try_format(
                    tenancy, scope, NULL, "SELECT count(*) FROM %s%s", name,
                    table->tenancy == STORE_OF_ORG_OR_ALL && is_known_as_org ? " WHERE org_id IS NOT NULL" : ""));
}

/* PostgreSQL: the owner is held as well (FORCE), and so are jobs. */
static void check_roles(struct tenancy *tenancy, const struct store_table *table, struct verdict *verdict)
{
    const char *name = table->descriptor->table;
    g_autofree char *all = g_strdup_printf("SELECT count(*) FROM %s", name);
    expect_none(verdict, name, "owner", tenancy_try_on(tenancy->owner, "vedette_owner", NULL, NULL, all));
    g_autofree char *rows = tenancy_rows_of(tenancy, table, "b"),
                    *theirs = g_strdup_printf("SELECT count(*) FROM %s WHERE %s", name, rows);
    expect_none(verdict, name, "job", tenancy_try_on(tenancy->app, "vedette_jobs", tenancy->a, NULL, theirs));
    expect_none(verdict, name, "login role", tenancy_try_on(tenancy->app, "vedette_login", tenancy->a, NULL, theirs));
}

/* Ends at the first row of the matrix that does not pass when `is_brief`. */
static void check_table(struct tenancy *tenancy, const struct store_table *table, bool is_brief,
                        struct verdict *verdict)
{
    check_own(tenancy, table, table->tenancy == STORE_OF_PLATFORM ? tenancy->platform : tenancy->a, "a", verdict);
    if (is_brief && verdict->leaks + verdict->refusals)
        return;
    check_foreign(tenancy, table, tenancy->a, "b", verdict);
    check_foreign(tenancy, table, tenancy->b, "a", verdict);
    if (tenancy->dialect == RECORD_POSTGRES)
        check_roles(tenancy, table, verdict);
    for (size_t i = 0; i < TENANCY_NOBODIES && !(is_brief && verdict->leaks); i++)
        check_nobody(tenancy, table, tenancy->nobodies[i], verdict);
}

static void test_r03_matrix(void)
{
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    struct verdict verdict = {0};
    for (size_t i = 0; i < store_table_count; i++)
        check_table(&tenancy, &store_tables[i], false, &verdict);
    g_assert_cmpint(verdict.leaks, ==, 0);
    g_assert_cmpint(verdict.refusals, ==, 0);
    tenancy_clear(&tenancy);
}

/* ---- the matrix would see it ---- */

/* With one thing taken away, the table's row of the matrix must not pass. */
static void expect_seen(struct tenancy *tenancy, const struct store_table *table, const char *taken)
{
    struct verdict verdict = {0};
    check_table(tenancy, table, true, &verdict);
    if (verdict.leaks + verdict.refusals == 0)
        g_error("%s can be taken away unseen", taken);
}

static void take_away_postgres(struct tenancy *tenancy, const struct store_table *table)
{
    static const struct {
        const char *take, *put;
    } switches[] = {{"DISABLE", "ENABLE"}, {"NO FORCE", "FORCE"}};
    const char *name = table->descriptor->table;
    for (size_t i = 0; i < G_N_ELEMENTS(switches); i++) {
        g_autofree char *take = g_strdup_printf("ALTER TABLE %s %s ROW LEVEL SECURITY", name, switches[i].take);
        g_autofree char *put = g_strdup_printf("ALTER TABLE %s %s ROW LEVEL SECURITY", name, switches[i].put);
        g_free(postgres_ask_on(tenancy->owner, take));
        expect_seen(tenancy, table, take);
        g_free(postgres_ask_on(tenancy->owner, put));
    }
    g_autofree char *list =
        g_strdup_printf("SELECT policyname, format('CREATE POLICY %%I ON %%I FOR %%s%%s%%s', policyname, tablename, "
                        "cmd, ' USING (' || qual || ')', "
                        "' WITH CHECK (' || with_check || ')') FROM pg_policies WHERE tablename = '%s' ORDER BY 1",
                        name);
    PGresult *policies = PQexec(tenancy->owner, list);
    g_assert_cmpint(PQntuples(policies), ==, table->is_append_only ? 3 : 4);
    for (int i = 0; i < PQntuples(policies); i++) {
        if (table->is_append_only && g_str_has_suffix(PQgetvalue(policies, i, 0), "_delete"))
            continue; /* of jobs, once the org is deleted: see test_erasure.c */
        g_autofree char *drop = g_strdup_printf("DROP POLICY %s ON %s", PQgetvalue(policies, i, 0), name);
        g_free(postgres_ask_on(tenancy->owner, drop));
        expect_seen(tenancy, table, drop);
        g_free(postgres_ask_on(tenancy->owner, PQgetvalue(policies, i, 1)));
    }
    PQclear(policies);
}

/* What the file itself holds against changes of what is only added to, whoever opens it. */
static void drop_triggers_of_file(sqlite3 *db, const char *table)
{
    g_autofree char *list = g_strdup_printf("SELECT name FROM main.sqlite_master WHERE type = 'trigger' AND tbl_name = "
                                            "'%s'",
                                            table);
    g_autoptr(GString) drops = g_string_new(NULL);
    sqlite3_stmt *statement = NULL;
    g_assert_cmpint(sqlite3_prepare_v2(db, list, -1, &statement, NULL), ==, SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW)
        g_string_append_printf(drops, "DROP TRIGGER main.%s;", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    g_assert_cmpint(sqlite3_exec(db, drops->str, NULL, NULL, NULL), ==, SQLITE_OK);
}

/* A connection of its own for each thing that is taken: what is temporary goes with it. */
static void take_away_sqlite(struct tenancy *tenancy, const struct store_table *table)
{
    static const char *const guards[] = {"VIEW %s", "TRIGGER %s_insert", "TRIGGER %s_update", "TRIGGER %s_delete"};
    const char *path = tenancy->sqlite.path;
    for (size_t i = 0; i < G_N_ELEMENTS(guards); i++) {
        connection_close(&tenancy->sqlite);
        g_assert_true(connection_open(&tenancy->sqlite, path, true, NULL));
        drop_triggers_of_file(tenancy->sqlite.db, table->descriptor->table); /* each guard is tried alone */
        g_assert_true(sqlite_scope_install(&tenancy->sqlite, NULL));
        g_autofree char *guard = g_strdup_printf(guards[i], table->descriptor->table);
        g_autofree char *drop = g_strdup_printf("DROP %s", guard);
        sqlite3_set_authorizer(tenancy->sqlite.db, NULL, NULL);
        g_assert_cmpint(sqlite3_exec(tenancy->sqlite.db, drop, NULL, NULL, NULL), ==, SQLITE_OK);
        /* A foreign key could refuse what the guard no longer does. */
        g_assert_cmpint(sqlite3_exec(tenancy->sqlite.db, "PRAGMA foreign_keys=0", NULL, NULL, NULL), ==, SQLITE_OK);
        expect_seen(tenancy, table, drop);
    }
}

static void test_r03_whatever_is_taken_away_is_seen(void)
{
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    for (size_t i = 0; i < store_table_count; i++) {
        if (tenancy.dialect == RECORD_POSTGRES)
            take_away_postgres(&tenancy, &store_tables[i]);
        else
            take_away_sqlite(&tenancy, &store_tables[i]);
    }
    tenancy_clear(&tenancy);
}

/* The audit cannot be changed by other programs that open the file either; without its triggers it could. */
static void test_sqlite_file_guards_the_audit(void)
{
    static const char *const tables[] = {"audit_entries", "audit_values"};
    if (world_is_postgres()) {
        g_test_skip("of SQLite alone");
        return;
    }
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(tenancy.sqlite.path, &db), ==, SQLITE_OK);
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *update = g_strdup_printf("UPDATE %s SET sequence = 7", tables[i]),
                        *delete = g_strdup_printf("DELETE FROM %s", tables[i]);
        g_assert_cmpint(sqlite3_exec(db, update, NULL, NULL, NULL), ==, SQLITE_CONSTRAINT);
        g_assert_cmpint(sqlite3_exec(db, delete, NULL, NULL, NULL), ==, SQLITE_CONSTRAINT);
        drop_triggers_of_file(db, tables[i]);
        g_assert_cmpint(sqlite3_exec(db, update, NULL, NULL, NULL), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_exec(db, delete, NULL, NULL, NULL), ==, SQLITE_OK);
    }
    sqlite3_close(db);
    tenancy_clear(&tenancy);
}

/* Around the views and triggers: refused when the statement is prepared. */
static void test_sqlite_ways_around(void)
{
    static const char *const ways[] = {
        "SELECT count(*) FROM main.events",
        "SELECT count(*) FROM \"main\".events",
        "SELECT count(*) FROM [main] . events",
        "SELECT count(*) FROM sqlite_master",
        "WITH e AS (SELECT * FROM main . events) SELECT count(*) FROM e",
        "UPDATE events SET trace_id = (SELECT password_hash FROM main . users)",
        "INSERT INTO sites (org_id, id) SELECT org_id, password_hash FROM main . users",
        "DROP VIEW events",
        "DROP TRIGGER events_insert",
        "CREATE TEMP VIEW mine AS SELECT * FROM main . events",
        "ATTACH 'vedette.db' AS other",
        "PRAGMA writable_schema = 1",
        "REPLACE INTO main . orgs (id) VALUES ('b')",
        "SELECT load_extension('x')",
    };
    if (world_is_postgres()) {
        g_test_skip("of SQLite alone");
        return;
    }
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        g_test_message("%s", ways[i]);
        g_assert_cmpint(tenancy_try(&tenancy, "a", NULL, ways[i]), ==, -1);
    }
    tenancy_clear(&tenancy);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/tenancy/r03_matrix", test_r03_matrix);
    g_test_add_func("/tenancy/r03_whatever_is_taken_away_is_seen", test_r03_whatever_is_taken_away_is_seen);
    g_test_add_func("/tenancy/sqlite_file_guards_the_audit", test_sqlite_file_guards_the_audit);
    g_test_add_func("/tenancy/sqlite_ways_around", test_sqlite_ways_around);
    return g_test_run();
}
