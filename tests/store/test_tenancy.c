/* Tenants cannot see each other: every table, every verb, every claim, in SQL; and the proof that the tests would see
 * it. Cases R of the design's list. VEDETTE_TEST_STORE says which engine. */
#include "tenancy_world.h"

/* ---- R3: the matrix ---- */

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
    g_test_message("%s: %s: %d, not %d", table, what, (int)count, (int)wanted);
}

static int64_t try_format(struct tenancy *tenancy, const char *scope, const char *setup, const char *format, ...)
    G_GNUC_PRINTF(4, 5);
static int64_t try_format(struct tenancy *tenancy, const char *scope, const char *setup, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *sql = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return tenancy_try(tenancy, scope, setup, sql);
}

/* What a scope can do to rows that are not its own. */
static void check_foreign(struct tenancy *tenancy, const struct store_table *table, const char *scope, const char *org,
                          struct verdict *verdict)
{
    const char *name = table->descriptor->table, *column = tenancy_org_column(table), *any = tenancy_any_column(table);
    const char *value = table->tenancy == STORE_OF_PLATFORM ? "one" : org;
    bool is_org = table->tenancy == STORE_IS_ORG;
    g_autofree char *insert = tenancy_insert(tenancy, table, is_org ? "three" : org, "two");
    g_autofree char *again = tenancy_insert(tenancy, table, org, "one");
    g_autofree char *on_conflict = record_sql_conflict(table->descriptor, RECORD_CONFLICT_REPLACE);
    expect_none(verdict, name, "select",
                try_format(tenancy, scope, NULL, "SELECT count(*) FROM %s WHERE %s = '%s'", name, column, value));
    expect_none(verdict, name, "insert", tenancy_try(tenancy, scope, NULL, insert));
    expect_none(verdict, name, "upsert", try_format(tenancy, scope, NULL, "%s%s", again, on_conflict));
    expect_none(verdict, name, "insert returning", try_format(tenancy, scope, NULL, "%s RETURNING %s", insert, column));
    expect_none(
        verdict, name, "update",
        try_format(tenancy, scope, NULL, "UPDATE %s SET %s = %s WHERE %s = '%s'", name, any, any, column, value));
    expect_none(verdict, name, "update returning",
                try_format(tenancy, scope, NULL, "UPDATE %s SET %s = %s WHERE %s = '%s' RETURNING %s", name, any, any,
                           column, value, column));
    expect_none(verdict, name, "delete",
                try_format(tenancy, scope, NULL, "DELETE FROM %s WHERE %s = '%s'", name, column, value));
    expect_none(
        verdict, name, "delete returning",
        try_format(tenancy, scope, NULL, "DELETE FROM %s WHERE %s = '%s' RETURNING %s", name, column, value, column));
    if (tenancy->dialect == RECORD_POSTGRES) {
        expect_none(verdict, name, "copy", try_format(tenancy, scope, NULL, "COPY %s FROM '/dev/null'", name));
        expect_none(
            verdict, name, "merge",
            try_format(
                tenancy, scope, NULL,
                "MERGE INTO %s USING (SELECT 1 AS one) AS nothing ON %s = '%s' WHEN MATCHED THEN UPDATE SET %s = %s",
                name, column, value, any, any));
    }
}

/* What an org can do to its own. */
static void check_own(struct tenancy *tenancy, const struct store_table *table, const char *scope, const char *org,
                      struct verdict *verdict)
{
    const char *name = table->descriptor->table, *column = tenancy_org_column(table), *any = tenancy_any_column(table);
    const struct record_field *named = tenancy_name_field(table);
    g_autofree char *two = tenancy_literal(tenancy, named, org, "two");
    bool is_org = table->tenancy == STORE_IS_ORG, is_platform = table->tenancy == STORE_OF_PLATFORM;
    const char *value = is_platform ? "one" : org;
    int64_t changes = table->is_append_only ? -1 : 1;
    g_autofree char *insert = tenancy_insert(tenancy, table, is_org ? "two" : org, "two");
    expect_some(verdict, name, "own select",
                try_format(tenancy, scope, NULL, "SELECT count(*) FROM %s WHERE %s = '%s'", name, column, value), 1);
    expect_some(verdict, name, "all it sees",
                try_format(tenancy, scope, NULL, "SELECT count(%s) FROM %s", named->name, name),
                table->tenancy == STORE_OF_ORG_OR_ALL ? 2 : 1);
    /* A row that nothing refers to; of the orgs, a third one's. */
    const char *fresh = is_org ? tenancy->two : scope;
    expect_some(verdict, name, "own insert", tenancy_try(tenancy, fresh, NULL, insert), 1);
    expect_some(
        verdict, name, "own update",
        try_format(tenancy, scope, NULL, "UPDATE %s SET %s = %s WHERE %s = '%s'", name, any, any, column, value),
        changes);
    expect_some(verdict, name, "own delete",
                try_format(tenancy, fresh, insert, "DELETE FROM %s WHERE %s = %s", name, named->name, two), changes);
    if (!is_org && !is_platform)
        expect_none(verdict, name, "move to another org",
                    try_format(tenancy, scope, NULL, "UPDATE %s SET org_id = 'b' WHERE org_id = 'a'", name));
}

static void check_table(struct tenancy *tenancy, const struct store_table *table, struct verdict *verdict)
{
    bool is_platform = table->tenancy == STORE_OF_PLATFORM;
    check_own(tenancy, table, is_platform ? tenancy->platform : tenancy->a, "a", verdict);
    check_foreign(tenancy, table, tenancy->a, "b", verdict);
    check_foreign(tenancy, table, tenancy->b, "a", verdict);
    for (size_t i = 0; i < TENANCY_NOBODIES; i++) {
        check_foreign(tenancy, table, tenancy->nobodies[i], "a", verdict);
        /* Everyone's defaults are for any org, known or not. */
        expect_none(verdict, table->descriptor->table, "all a nobody sees",
                    try_format(tenancy, tenancy->nobodies[i], NULL, "SELECT count(*) FROM %s WHERE %s IS NOT NULL",
                               table->descriptor->table, tenancy_org_column(table)));
    }
    /* The owner is held as well: FORCE. */
    if (tenancy->dialect == RECORD_POSTGRES) {
        g_autofree char *all = g_strdup_printf("SELECT count(*) FROM %s", table->descriptor->table);
        expect_none(verdict, table->descriptor->table, "owner",
                    tenancy_try_on(tenancy->owner, "vedette_owner", NULL, NULL, all));
    }
}

static void test_r03_matrix(void)
{
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    for (size_t i = 0; i < store_table_count; i++) {
        struct verdict verdict = {0};
        if (!tenancy_is_tried(&store_tables[i]))
            continue;
        check_table(&tenancy, &store_tables[i], &verdict);
        g_assert_cmpint(verdict.leaks, ==, 0);
        g_assert_cmpint(verdict.refusals, ==, 0);
    }
    tenancy_clear(&tenancy);
}

/* ---- the matrix would see it ---- */

/* With one thing taken away, the table's row of the matrix must not pass. */
static void expect_seen(struct tenancy *tenancy, const struct store_table *table, const char *taken)
{
    struct verdict verdict = {0};
    check_table(tenancy, table, &verdict);
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
    g_assert_cmpint(PQntuples(policies), ==, table->is_append_only ? 2 : 4);
    for (int i = 0; i < PQntuples(policies); i++) {
        g_autofree char *drop = g_strdup_printf("DROP POLICY %s ON %s", PQgetvalue(policies, i, 0), name);
        g_free(postgres_ask_on(tenancy->owner, drop));
        expect_seen(tenancy, table, drop);
        g_free(postgres_ask_on(tenancy->owner, PQgetvalue(policies, i, 1)));
    }
    PQclear(policies);
}

/* A connection of its own for each thing that is taken: what is temporary goes with it. */
static void take_away_sqlite(struct tenancy *tenancy, const struct store_table *table)
{
    static const char *const guards[] = {"VIEW %s", "TRIGGER %s_insert", "TRIGGER %s_update", "TRIGGER %s_delete"};
    const char *path = tenancy->sqlite.path;
    for (size_t i = 0; i < G_N_ELEMENTS(guards); i++) {
        /* What may never change is guarded by triggers in the file as well: taking one away shows nothing. */
        if (table->is_append_only && i >= 2)
            break;
        connection_close(&tenancy->sqlite);
        g_assert_true(connection_open(&tenancy->sqlite, path, true, NULL));
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
        if (!tenancy_is_tried(&store_tables[i]))
            continue;
        if (tenancy.dialect == RECORD_POSTGRES)
            take_away_postgres(&tenancy, &store_tables[i]);
        else
            take_away_sqlite(&tenancy, &store_tables[i]);
    }
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

/* ---- R1, R2, R5, R9: the catalogue ---- */

/* Each query lists what is wrong; nothing may be. */
static const struct {
    const char *what, *sql;
} catalogue[] = {
    {"r01: a table without row level security, or not forced",
     "SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', "
     "'p') "
     "AND NOT relispartition AND relname <> 'schema_migrations' AND NOT (relrowsecurity AND relforcerowsecurity)"},
    {"r01: a privilege without a policy of its command",
     "SELECT string_agg(table_name || ' ' || privilege_type, ', ') FROM information_schema.role_table_grants g JOIN "
     "pg_class c ON "
     "c.oid = to_regclass('public.' || g.table_name) WHERE grantee IN ('vedette_app', 'vedette_jobs') AND table_name "
     "<> "
     "'schema_migrations' AND NOT EXISTS (SELECT FROM pg_policies p WHERE p.tablename = table_name AND p.cmd = "
     "privilege_type)"},
    {"r01: org_id may be NULL", "SELECT string_agg(relname, ' ') FROM pg_class c JOIN pg_attribute a ON attrelid = "
                                "c.oid WHERE relkind IN ('r', 'p') AND "
                                "relnamespace = 'public'::regnamespace AND attname = 'org_id' AND NOT attnotnull AND "
                                "relname NOT IN ('service_policies', "
                                "'policy_revisions')"},
    {"r01: no index that begins with org_id", "SELECT string_agg(relname, ' ') FROM pg_class c JOIN pg_attribute a ON "
                                              "attrelid = c.oid WHERE relkind IN ('r', 'p') AND "
                                              "relnamespace = 'public'::regnamespace AND attname = 'org_id' AND NOT "
                                              "EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid "
                                              "AND indkey[0] = a.attnum)"},
    {"r02: a role that may too much", "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname IN ('vedette_app', "
                                      "'vedette_jobs', 'vedette_login') AND "
                                      "(rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication OR "
                                      "pg_has_role(oid, 'vedette_owner', 'MEMBER'))"},
    {"r02: a login role that inherits",
     "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname LIKE 'vedette_%' AND rolcanlogin AND rolinherit"},
    {"r02: a role that owns something", "SELECT string_agg(relname, ' ') FROM pg_class WHERE relowner IN "
                                        "('vedette_app'::regrole, 'vedette_jobs'::regrole, "
                                        "'vedette_login'::regrole, 'vedette_migrator'::regrole)"},
    {"r02: a role that may create in a schema",
     "SELECT string_agg(nspname, ' ') FROM pg_namespace, (VALUES ('vedette_app'), ('vedette_jobs'), ('vedette_login')) "
     "AS roles (name) "
     "WHERE nspname !~ '^pg_' AND has_schema_privilege(name, oid, 'CREATE')"},
    {"r02: a role named as Supabase's are", "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname IN "
                                            "('authenticator', 'authenticated', 'anon', 'service_role')"},
    {"r05: a unique key without org_id",
     "SELECT string_agg(i.indexrelid::regclass::text, ' ') FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN "
     "pg_attribute a ON "
     "a.attrelid = c.oid AND a.attname = 'org_id' WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique AND "
     "NOT a.attnum = "
     "ANY (i.indkey) AND i.indexrelid::regclass::text NOT IN ('service_policies_pkey', 'policy_revisions_pkey')"},
    {"r09: a view", "SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND "
                    "relkind IN ('v', 'm')"},
    {"r09: a function with its owner's rights that is not on the list, or without a fixed search_path",
     "SELECT string_agg(proname, ' ') FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef AND "
     "(proname NOT IN "
     "('vedette_partitions_ensure') OR NOT EXISTS (SELECT FROM unnest(proconfig) AS c WHERE c LIKE 'search_path=%') OR "
     "has_function_privilege('public', oid, 'EXECUTE'))"},
    {"r11: a partition somebody may use, or without row level security",
     "SELECT string_agg(relname, ' ') FROM pg_class WHERE relispartition AND relkind = 'r' AND (NOT relrowsecurity OR "
     "has_table_privilege('vedette_app', oid, 'SELECT') OR has_table_privilege('vedette_jobs', oid, 'INSERT'))"},
    {"a foreign key between orgs' rows without org_id",
     "SELECT string_agg(conname, ' ') FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND "
     "a.attname = 'org_id' WHERE "
     "contype = 'f' AND connamespace = 'public'::regnamespace AND NOT a.attnum = ANY (conkey)"},
};

static void check_catalogue(const char *database)
{
    for (size_t i = 0; i < G_N_ELEMENTS(catalogue); i++) {
        g_autofree char *found = postgres_ask(database, catalogue[i].sql);
        if (*found)
            g_error("%s: %s", catalogue[i].what, found);
    }
}

static void make_partitions(struct store_world *world)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world->store, STORE_WRITE, "a", NULL);
    g_assert_nonnull(transaction);
}

static void test_r01_r02_r05_r09_r11_catalogue(void)
{
    if (!world_is_postgres()) {
        g_test_skip("of PostgreSQL alone");
        return;
    }
    struct store_world world;
    world_init(&world);
    make_partitions(&world);
    check_catalogue(world.database);
    g_autofree char *tables =
        postgres_ask(world.database, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND "
                                     "relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'schema_migrations'");
    g_assert_cmpint(atoi(tables), ==, (int)store_table_count);
    world_clear(&world);
}

/* The catalogue sees a new table that lacks any of it. */
static void test_r01_catalogue_sees_what_is_missing(void)
{
    static const char *const faults[] = {
        "CREATE TABLE forgotten (org_id text NOT NULL PRIMARY KEY)",
        "ALTER TABLE cameras NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY sites_delete ON sites",
        "ALTER TABLE counts DROP CONSTRAINT counts_pkey",
        "CREATE UNIQUE INDEX oracle ON users (username)",
        "GRANT SELECT ON events_default TO vedette_app",
        "GRANT vedette_owner TO vedette_app",
        "CREATE VIEW peep AS SELECT * FROM users",
        "ALTER TABLE cameras ADD FOREIGN KEY (id) REFERENCES orgs (id)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    };
    if (!world_is_postgres()) {
        g_test_skip("of PostgreSQL alone");
        return;
    }
    struct store_world world;
    world_init(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        PGconn *connection = postgres_connect("postgres", world.database);
        g_free(postgres_ask_on(connection, "BEGIN"));
        g_free(postgres_ask_on(connection, faults[i]));
        bool is_seen = false;
        for (size_t j = 0; j < G_N_ELEMENTS(catalogue); j++) {
            g_autofree char *found = postgres_ask_on(connection, catalogue[j].sql);
            is_seen = is_seen || *found;
        }
        g_test_message("%s", faults[i]);
        g_assert_true(is_seen);
        PQfinish(connection);
    }
    world_clear(&world);
}

/* ---- R4: keys across orgs ---- */

static void test_r04_keys_do_not_reach_across(void)
{
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    const char *const site = "INSERT INTO sites (org_id, id) VALUES ('b', 'only-b')";
    g_assert_cmpint(tenancy_try(&tenancy, tenancy.b, NULL, site), ==, 1);
    /* The site is there while the camera is put, whoever looks. */
    if (tenancy.dialect == RECORD_POSTGRES)
        g_free(postgres_ask_on(tenancy.owner, site));
    else {
        sqlite_scope_set(&tenancy.sqlite, "b");
        g_assert_true(connection_run(&tenancy.sqlite, site, NULL, 0, NULL, NULL, NULL, NULL));
    }
    static const char camera[] = "INSERT INTO cameras (id, org_id, site_id, source) VALUES ('two', '%s', '%s', 'x')";
    g_assert_cmpint(try_format(&tenancy, tenancy.a, NULL, camera, "a", "only-b"), ==, -1);
    g_assert_cmpint(try_format(&tenancy, tenancy.a, NULL, camera, "a", "one"), ==, 1);
    g_assert_cmpint(try_format(&tenancy, tenancy.b, NULL, camera, "b", "only-b"), ==, 1);
    tenancy_clear(&tenancy);
}

/* The seeds' key, mended: two rows for everyone's default of one service and type are one too many. */
static void test_policies_have_one_row_a_level(void)
{
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    static const char insert[] =
        "INSERT INTO service_policies (id, org_id, service_name, policy_type, config, version) VALUES "
        "('%s', %s, '%s', 'p', '{}', 1)";
    g_autofree char *global = g_strdup_printf(insert, "g1", "NULL", "s"),
                    *own = g_strdup_printf(insert, "o1", "'a'", "s");
    g_assert_cmpint(try_format(&tenancy, tenancy.platform, global, insert, "g2", "NULL", "s"), ==, -1);
    g_assert_cmpint(try_format(&tenancy, tenancy.platform, global, insert, "g2", "NULL", "t"), ==, 1);
    g_assert_cmpint(try_format(&tenancy, tenancy.a, own, insert, "o2", "'a'", "s"), ==, -1);
    g_assert_cmpint(try_format(&tenancy, tenancy.a, NULL, insert, "o2", "NULL", "s"), ==,
                    -1); /* everyone's: not an org's to write */
    tenancy_clear(&tenancy);
}

/* ---- R6, R7, R8: one connection, many orgs ---- */

static void put_camera(struct store_world *world, const char *org)
{
    struct camera camera;
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup("cam");
    g_free(camera.org_id);
    camera.org_id = g_strdup(org);
    camera.source = g_strdup("rtsp://h/");
    g_autoptr(GError) error = NULL;
    store_camera_put(world->store, &camera, &error);
    g_assert_no_error(error);
    record_clear(&camera_descriptor, &camera);
}

static int64_t count_as(struct store_world *world, enum store_access access, const char *org, const char *of)
{
    int64_t count = -1;
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(world->store, access, org, NULL);
    g_assert_nonnull(transaction);
    g_assert_true(store_get_integer(transaction, "SELECT count(*) FROM cameras WHERE org_id = $1",
                                    STORE_VALUES(sql_text(of)), -1, &count, NULL));
    return count;
}

static void test_r06_nothing_is_left_for_the_next(void)
{
    static const char *const faults[] = {"SELECT nonsense FROM cameras",
                                         "INSERT INTO sites (org_id, id) VALUES ('b', 'x')",
                                         "INSERT INTO cameras (org_id, id) VALUES ('a', 'x')"};
    struct store_world world;
    world_init(&world);
    put_camera(&world, "a");
    put_camera(&world, "b");
    for (size_t i = 0; i < 3 * G_N_ELEMENTS(faults); i++) {
        struct store_transaction *transaction = store_begin(world.store, STORE_WRITE, "a", NULL);
        int64_t changed;
        g_assert_false(store_run(transaction, faults[i % G_N_ELEMENTS(faults)], STORE_NO_VALUES, &changed, NULL));
        g_autoptr(GError) error = NULL;
        if (i % 2)
            g_assert_false(store_commit(transaction, &error));
        else
            store_rollback(transaction);
        g_assert_cmpint(count_as(&world, STORE_WRITE, "b", "b"), ==, 1);
        g_assert_cmpint(count_as(&world, STORE_WRITE, "b", "a"), ==, 0);
        g_assert_cmpint(count_as(&world, STORE_WRITE, "", "a"), ==, 0);
        g_assert_cmpint(count_as(&world, STORE_WRITE, NULL, "a"), ==, 0);
    }
    world_clear(&world);
}

static void test_r07_same_statement_for_many_orgs(void)
{
    struct store_world world;
    world_init(&world);
    put_camera(&world, "a");
    put_camera(&world, "b");
    for (int i = 0; i < 1000; i++) {
        const char *org = i % 2 ? "a" : "b", *other = i % 2 ? "b" : "a";
        enum store_access access = i % 3 == 0 ? STORE_JOB : i % 3 == 1 ? STORE_WRITE : STORE_READ;
        g_assert_cmpint(count_as(&world, access, org, org), ==, 1);
        g_assert_cmpint(count_as(&world, access, org, other), ==, 0);
    }
    world_clear(&world);
}

/* R8: whatever is set is the transaction's own. */
static void test_r08_no_session_settings(void)
{
    g_autofree char *room = g_build_filename(g_getenv("VEDETTE_SOURCE"), "src", "store", NULL);
    GDir *dir = g_dir_open(room, 0, NULL);
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(room, name, NULL), *text = NULL;
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        for (const char *at = text; (at = strstr(at, "set_config('")); at++) {
            g_autofree char *call = g_strndup(at, strcspn(at, ")"));
            g_assert_true(g_str_has_suffix(call, ", true"));
        }
        g_assert_null(strstr(text, "SET SESSION"));
    }
    g_dir_close(dir);
}

/* ---- R10: what it costs ---- */

static bool append_line(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    g_string_append_printf(data, "%s\n", row[columns - 1].text);
    return true;
}

static char *explain(struct store_world *world, const char *sql)
{
    GString *plan = g_string_new(NULL);
    g_autofree char *text = g_strconcat(world->database ? "EXPLAIN " : "EXPLAIN QUERY PLAN ", sql, NULL);
    g_autoptr(GError) error = NULL;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world->store, STORE_READ, "default", &error);
    store_each(transaction, text, STORE_NO_VALUES, append_line, plan, &error);
    g_assert_no_error(error);
    return g_string_free(plan, FALSE);
}

/* A list of a camera's latest reads its index from the end and stops: no sort, and the claim is looked up once. */
static void test_r10_lists_take_the_index(void)
{
    struct store_world world;
    world_init(&world);
    for (int i = 0; i < 20; i++) {
        GPtrArray *batch = world_batch_new();
        for (int j = 0; j < 100; j++) {
            struct analytics_event *event = world_crossing(&world, NULL, "door", "in", world_start_ms + i * 100 + j);
            g_free(event->camera_id);
            event->camera_id = g_strdup_printf("cam-%d", j % 10);
            g_ptr_array_add(batch, event);
        }
        g_assert_null(world_store(&world, batch).error);
    }
    if (world.database)
        postgres_do(world.database, "ANALYZE");
    g_autofree char *plan =
        explain(&world, "SELECT id FROM events WHERE org_id = 'default' AND camera_id = 'cam-3' ORDER BY "
                        "occurred_at DESC, id DESC LIMIT 50");
    g_test_message("%s", plan);
    if (world.database) {
        g_assert_nonnull(strstr(plan, "Index"));
        g_assert_nonnull(strstr(plan, "InitPlan"));
        g_assert_null(strstr(plan, "Sort  "));
        g_assert_null(strstr(plan, "Seq Scan"));
    } else {
        g_assert_nonnull(strstr(plan, "INDEX events_of_camera"));
        g_assert_null(strstr(plan, "TEMP B-TREE"));
    }
    world_clear(&world);
}

/* ---- R11, R12, R13 ---- */

static void test_r11_partitions_are_closed(void)
{
    if (!world_is_postgres()) {
        g_test_skip("of PostgreSQL alone");
        return;
    }
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    make_partitions(&tenancy.world);
    PGresult *parts = PQexec(tenancy.owner, "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'");
    g_assert_cmpint(PQntuples(parts), >=, 4); /* the default, yesterday's, today's, tomorrow's */
    for (int i = 0; i < PQntuples(parts); i++) {
        const char *part = PQgetvalue(parts, i, 0);
        g_assert_cmpint(try_format(&tenancy, tenancy.a, NULL, "SELECT count(*) FROM %s", part), ==, -1);
        g_assert_cmpint(try_format(&tenancy, tenancy.a, NULL, "DELETE FROM %s", part), ==, -1);
        g_assert_cmpint(try_format(&tenancy, tenancy.a, NULL, "UPDATE %s SET trace_id = 'x'", part), ==, -1);
        g_assert_cmpint(try_format(&tenancy, tenancy.a, NULL, "TRUNCATE %s", part), ==, -1);
    }
    PQclear(parts);
    tenancy_clear(&tenancy);
}

static void test_r12_dump_keeps_the_policies(void)
{
    if (!world_is_postgres()) {
        g_test_skip("of PostgreSQL alone");
        return;
    }
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    g_assert_cmpint(tenancy_try(&tenancy, tenancy.a, "SET LOCAL row_security = off", "SELECT count(*) FROM events"), ==,
                    -1);
    postgres_do("postgres", "CREATE DATABASE restored");
    g_autofree char *command = g_strdup_printf(
        "%s/pg_dump -h %s -U postgres -d %s | %s/psql -q -v ON_ERROR_STOP=1 -h %s -U postgres -d restored",
        postgres.bin, postgres.directory, tenancy.world.database, postgres.bin, postgres.directory);
    char *argv[] = {(char *)"bash", (char *)"-c", command, NULL};
    int status;
    g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                               NULL, &status, NULL));
    g_assert_cmpint(status, ==, 0);
    check_catalogue("restored");
    static const char policies[] =
        "SELECT md5(string_agg(tablename || policyname || cmd || coalesce(qual, '') || coalesce(with_check, ''), "
        "',' ORDER BY tablename, policyname)) FROM pg_policies";
    g_autofree char *before = postgres_ask(tenancy.world.database, policies),
                    *after = postgres_ask("restored", policies);
    g_assert_cmpstr(before, ==, after);
    postgres_do("postgres", "DROP DATABASE restored");
    tenancy_clear(&tenancy);
}

/* R13: a job that forgets whose rows it means sees none; it has the list of orgs to go through. */
static void test_r13_jobs_go_org_by_org(void)
{
    struct store_world world;
    world_init(&world);
    put_camera(&world, "a");
    put_camera(&world, "b");
    g_assert_cmpint(count_as(&world, STORE_JOB, NULL, "a"), ==, 0);
    g_assert_cmpint(count_as(&world, STORE_JOB, STORE_PLATFORM, "a"), ==, 0);
    g_autoptr(GPtrArray) orgs = store_orgs_list(world.store, NULL);
    g_assert_cmpuint(orgs->len, ==, 2);
    for (guint i = 0; i < orgs->len; i++)
        g_assert_cmpint(count_as(&world, STORE_JOB, g_ptr_array_index(orgs, i), g_ptr_array_index(orgs, i)), ==, 1);
    if (world.database) {
        g_autoptr(GString) role = g_string_new(NULL);
        CLEANUP(store_transaction) struct store_transaction *job = store_begin(world.store, STORE_JOB, "a", NULL);
        g_assert_true(store_each(job, "SELECT current_user::text", STORE_NO_VALUES, append_line, role, NULL));
        g_assert_cmpstr(role->str, ==, "vedette_jobs\n");
    }
    world_clear(&world);
}

/* A batch of several orgs: each event is counted for its own, in one commit. */
static void test_batches_of_several_orgs(void)
{
    struct store_world world;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < 30; i++) {
        struct analytics_event *event = world_crossing(&world, NULL, "door", "in", world_start_ms + i);
        g_free(event->org_id);
        event->org_id = g_strdup(i % 3 ? "a" : "b");
        g_ptr_array_add(batch, event);
    }
    struct world_result result = world_store(&world, batch);
    g_assert_cmpstr(result.error, ==, NULL);
    g_assert_cmpint(result.new_records, ==, 30);
    g_autoptr(GPtrArray) a = world_list(&world, (struct store_event_filter){.org_id = "a"}),
                         b = world_list(&world, (struct store_event_filter){.org_id = "b"}),
                         none = world_list(&world, (struct store_event_filter){.org_id = NULL});
    g_assert_cmpuint(a->len, ==, 20);
    g_assert_cmpuint(b->len, ==, 10);
    g_assert_cmpuint(none->len, ==, 0);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/tenancy/r03_matrix", test_r03_matrix);
    g_test_add_func("/tenancy/r03_whatever_is_taken_away_is_seen", test_r03_whatever_is_taken_away_is_seen);
    g_test_add_func("/tenancy/sqlite_ways_around", test_sqlite_ways_around);
    g_test_add_func("/tenancy/r01_r02_r05_r09_r11_catalogue", test_r01_r02_r05_r09_r11_catalogue);
    g_test_add_func("/tenancy/r01_catalogue_sees_what_is_missing", test_r01_catalogue_sees_what_is_missing);
    g_test_add_func("/tenancy/r04_keys_do_not_reach_across", test_r04_keys_do_not_reach_across);
    g_test_add_func("/tenancy/policies_have_one_row_a_level", test_policies_have_one_row_a_level);
    g_test_add_func("/tenancy/r06_nothing_is_left_for_the_next", test_r06_nothing_is_left_for_the_next);
    g_test_add_func("/tenancy/r07_same_statement_for_many_orgs", test_r07_same_statement_for_many_orgs);
    g_test_add_func("/tenancy/r08_no_session_settings", test_r08_no_session_settings);
    g_test_add_func("/tenancy/r10_lists_take_the_index", test_r10_lists_take_the_index);
    g_test_add_func("/tenancy/r11_partitions_are_closed", test_r11_partitions_are_closed);
    g_test_add_func("/tenancy/r12_dump_keeps_the_policies", test_r12_dump_keeps_the_policies);
    g_test_add_func("/tenancy/r13_jobs_go_org_by_org", test_r13_jobs_go_org_by_org);
    g_test_add_func("/tenancy/batches_of_several_orgs", test_batches_of_several_orgs);
    return g_test_run();
}
