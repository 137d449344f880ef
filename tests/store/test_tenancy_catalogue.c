/* What PostgreSQL's catalogue must say of every table, role, function and partition (cases R1, R2, R5, R9, R11, R12): a
 * new table that lacks any of it fails here. */
#include "tenancy_world.h"

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
    {"r05: a table of orgs' rows without a primary key that names the org",
     "SELECT string_agg(relname, ' ') FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid WHERE relkind IN ('r', "
     "'p') AND relnamespace = 'public'::regnamespace AND attname = 'org_id' AND relname NOT IN ('service_policies', "
     "'policy_revisions') AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary AND a.attnum = "
     "ANY (indkey))"},
    {"r09: a view", "SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND "
                    "relkind IN ('v', 'm')"},
    {"r09: a function with its owner's rights that is not on the list, or without a fixed search_path",
     "SELECT string_agg(proname, ' ') FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef AND "
     "(proname NOT IN "
     "('vedette_partitions_ensure', 'vedette_day_make', 'vedette_day_kept_by', 'vedette_day_drop') OR NOT EXISTS "
     "(SELECT FROM unnest(proconfig) AS c WHERE c LIKE 'search_path=%') OR "
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
    struct store_world world;
    world_init(&world);
    make_partitions(&world);
    check_catalogue(world.database);
    g_autofree char *tables =
        postgres_ask(world.database, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND "
                                     "relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'schema_migrations'");
    g_assert_cmpint(postgres_number(tables), ==, (int)store_table_count);
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
        "ALTER TABLE counts DROP CONSTRAINT counts_pkey; DROP INDEX counts_of_camera",
        "CREATE UNIQUE INDEX oracle ON users (username)",
        "GRANT SELECT ON events_default TO vedette_app",
        "GRANT vedette_owner TO vedette_app",
        "CREATE VIEW peep AS SELECT * FROM users",
        "ALTER TABLE cameras ADD FOREIGN KEY (id) REFERENCES orgs (id)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    };
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

/* ---- R11, R12 ---- */

static void test_r11_partitions_are_closed(void)
{
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    make_partitions(&tenancy.world);
    PGresult *parts = PQexec(tenancy.owner, "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r'");
    g_assert_cmpint(PQntuples(parts), >=, 4); /* the default, yesterday's, today's, tomorrow's */
    for (int i = 0; i < PQntuples(parts); i++) {
        const char *part = PQgetvalue(parts, i, 0);
        g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.a, NULL, "SELECT count(*) FROM %s", part), ==, -1);
        g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.a, NULL, "DELETE FROM %s", part), ==, -1);
        g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.a, NULL, "UPDATE %s SET camera_id = 'x'", part), ==, -1);
        g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.a, NULL, "TRUNCATE %s", part), ==, -1);
    }
    PQclear(parts);
    tenancy_clear(&tenancy);
}

static void test_r12_dump_keeps_the_policies(void)
{
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("VEDETTE_TEST_STORE", "postgres", TRUE);
    if (world_is_missing())
        return 0;
    g_test_add_func("/tenancy/r01_r02_r05_r09_r11_catalogue", test_r01_r02_r05_r09_r11_catalogue);
    g_test_add_func("/tenancy/r01_catalogue_sees_what_is_missing", test_r01_catalogue_sees_what_is_missing);
    g_test_add_func("/tenancy/r11_partitions_are_closed", test_r11_partitions_are_closed);
    g_test_add_func("/tenancy/r12_dump_keeps_the_policies", test_r12_dump_keeps_the_policies);
    return g_test_run();
}
