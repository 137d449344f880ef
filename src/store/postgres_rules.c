/* What keeps tenants apart in PostgreSQL: roles, row level security, and who may do what to each table. Plain SQL: it
 * can be read, and run by other means. */
#include "store/store_internal.h"

/* Nobody that serves requests owns anything: `vedette_login` may only become `vedette_app` or `vedette_jobs`, one
 * transaction at a time, and those may only do what each table's policies allow. */
const char store_postgres_roles[] =
    "-- Run once as an administrator of the database, then give the two login roles passwords:\n"
    "--   \\password vedette_migrator\n"
    "--   \\password vedette_login\n"
    "DO $$\n"
    "DECLARE wanted record;\n"
    "BEGIN\n"
    "  FOR wanted IN SELECT * FROM (VALUES\n"
    "    ('vedette_owner',    'NOLOGIN'),            -- owns the tables\n"
    "    ('vedette_app',      'NOLOGIN'),            -- serves requests\n"
    "    ('vedette_jobs',     'NOLOGIN'),            -- works in the background\n"
    "    ('vedette_migrator', 'LOGIN NOINHERIT'),    -- `vedette migrate` logs in with it\n"
    "    ('vedette_login',    'LOGIN NOINHERIT')     -- `vedette run` logs in with it\n"
    "  ) AS roles(name, rights) LOOP\n"
    "    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN\n"
    "      EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.rights);\n"
    "    END IF;\n"
    "  END LOOP;\n"
    "END $$;\n"
    "GRANT vedette_owner TO vedette_migrator;\n"
    "GRANT vedette_app, vedette_jobs TO vedette_login;\n"
    "GRANT USAGE, CREATE ON SCHEMA public TO vedette_owner;\n"
    "GRANT USAGE ON SCHEMA public TO vedette_app, vedette_jobs;\n";

/* The claims of a transaction, as PostgREST and Supabase set them. A setting that was local to an earlier transaction
 * reads as '' afterwards: nullif. app_metadata is where Supabase keeps what a user may not write. */
const char store_postgres_functions[] =
    "CREATE FUNCTION vedette_org_id() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SET search_path = '' AS $$\n"
    "  SELECT nullif(coalesce(claims ->> 'org_id', claims -> 'app_metadata' ->> 'org_id'), '')\n"
    "  FROM (SELECT nullif(current_setting('request.jwt.claims', true), '')::json) AS setting (claims)\n"
    "$$;\n"
    /* A UUIDv7 begins with its milliseconds: 12 hexadecimal digits. Text is compared by bytes. */
    "CREATE FUNCTION vedette_day_bound(day date) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = '' AS $$\n"
    "  SELECT substr(digits, 1, 8) || '-' || substr(digits, 9, 4) FROM (SELECT lpad(to_hex(\n"
    "    (extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0')) AS milliseconds (digits)\n"
    "$$;\n"
    /* Makes the parts of yesterday to `ahead` days from now, and tells how many rows lie in default parts. What lay
     * there for a new part's day moves into it. Nobody but the owner may name a part: policies of the whole would not
     * hold there. */
    "CREATE FUNCTION vedette_partitions_ensure(ahead integer) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER\n"
    "  SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$\n"
    "DECLARE whole name; day date; part name; stray bigint; strays bigint := 0;\n"
    "BEGIN\n"
    "  PERFORM pg_advisory_xact_lock(1986356325, 1);\n"
    "  FOR whole IN SELECT c.relname FROM pg_class c JOIN pg_partitioned_table p ON p.partrelid = c.oid\n"
    "      WHERE c.relnamespace = 'public'::regnamespace AND c.relowner = 'vedette_owner'::regrole LOOP\n"
    "    FOR day IN SELECT generate_series((now() AT TIME ZONE 'UTC')::date - 1,\n"
    "        (now() AT TIME ZONE 'UTC')::date + ahead, interval '1 day') LOOP\n"
    "      part := whole || to_char(day, '_YYYYMMDD');\n"
    "      CONTINUE WHEN to_regclass('public.' || quote_ident(part)) IS NOT NULL;\n"
    "      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, whole);\n"
    "      EXECUTE format('WITH moved AS (DELETE FROM %I WHERE id >= %L AND id < %L RETURNING *) '\n"
    "        'INSERT INTO %I SELECT * FROM moved', whole || '_default', vedette_day_bound(day),\n"
    "        vedette_day_bound(day + 1), part);\n"
    "      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', whole, part,\n"
    "        vedette_day_bound(day), vedette_day_bound(day + 1));\n"
    "      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);\n"
    "      EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, vedette_app, vedette_jobs', part);\n"
    "    END LOOP;\n"
    "    EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT 100000) AS few', whole || '_default') INTO stray;\n"
    "    strays := strays + stray;\n"
    "  END LOOP;\n"
    "  RETURN strays;\n"
    "END $$;\n"
    "REVOKE ALL ON FUNCTION vedette_partitions_ensure(integer) FROM PUBLIC;\n"
    "GRANT EXECUTE ON FUNCTION vedette_partitions_ensure(integer) TO vedette_jobs;\n";

/* Looked up once for a statement, not once for a row (an InitPlan). */
static const char org[] = "(SELECT vedette_org_id())";

static void append_policy(const char *table, const char *command, const char *using, const char *check, GString *out)
{
    g_autofree char *suffix = g_ascii_strdown(command, -1);
    g_string_append_printf(out, "CREATE POLICY %s_%s ON %s FOR %s", table, suffix, table, command);
    if (using)
        g_string_append_printf(out, " USING (%s)", using);
    if (check)
        g_string_append_printf(out, " WITH CHECK (%s)", check);
    g_string_append(out, ";\n");
}

void store_append_postgres_rules(const struct store_table *table, bool has_days, GString *out)
{
    const char *name = table->descriptor->table;
    g_autofree char *reads = store_table_condition(table, false, org, "");
    g_autofree char *writes = store_table_condition(table, true, org, "");
    g_string_append_printf(
        out,
        "ALTER TABLE %s ENABLE ROW LEVEL SECURITY;\nALTER TABLE %s FORCE ROW LEVEL SECURITY;\n"
        "REVOKE ALL ON %s FROM PUBLIC;\nGRANT SELECT, INSERT%s ON %s TO vedette_app, vedette_jobs;\n",
        name, name, name, table->is_append_only ? "" : ", UPDATE, DELETE", name);
    append_policy(name, "SELECT", reads, NULL, out);
    append_policy(name, "INSERT", NULL, writes, out);
    if (!table->is_append_only) {
        append_policy(name, "UPDATE", writes, writes, out);
        append_policy(name, "DELETE", writes, NULL, out);
    }
    if (has_days)
        g_string_append_printf(
            out,
            "CREATE TABLE %s_default PARTITION OF %s DEFAULT;\n"
            "ALTER TABLE %s_default ENABLE ROW LEVEL SECURITY;\nREVOKE ALL ON %s_default FROM PUBLIC;\n",
            name, name, name, name);
}
