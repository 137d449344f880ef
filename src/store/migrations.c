/* The steps by which a database came to be as it is. New ones are added at the end; none is ever changed. */
#include "store/store_internal.h"

#include "facts/audit.h"
#include "facts/incident.h"
#include "facts/job.h"
#include "facts/kept_answer.h"
#include "facts/log.h"
#include "facts/login.h"
#include "facts/occupancy.h"
#include "facts/policy.h"
#include "facts/staff.h"
#include "facts/tenant.h"
#include "facts/track.h"

static const char sqlite_1[] =
    "CREATE TABLE events (id TEXT NOT NULL, type TEXT NOT NULL, org_id TEXT NOT NULL, site_id TEXT, camera_id TEXT NOT "
    "NULL, subject_id TEXT, occurred_at INTEGER NOT NULL, received_at INTEGER, trace_id TEXT, priority INTEGER, "
    "payload TEXT NOT NULL, PRIMARY KEY (id, org_id, camera_id));\n"
    "CREATE INDEX events_occurred_at ON events (occurred_at);\n"
    "CREATE TABLE cameras (id TEXT NOT NULL, org_id TEXT NOT NULL, site_id TEXT, name TEXT, source TEXT NOT NULL, "
    "username TEXT, password TEXT, enabled INTEGER, analyse_fps REAL, loop INTEGER, zones TEXT, lines TEXT, "
    "PRIMARY KEY (id, org_id));\n"
    "CREATE TABLE users (id TEXT NOT NULL, org_id TEXT, username TEXT NOT NULL, role TEXT NOT NULL, password_hash "
    "TEXT, is_disabled INTEGER, must_change_password INTEGER, created_at INTEGER, PRIMARY KEY (id));\n"
    "CREATE INDEX users_username ON users (username);\n"
    "CREATE TABLE sessions (token_sha256 TEXT NOT NULL, user_id TEXT NOT NULL, created_at INTEGER, expires_at INTEGER "
    "NOT NULL, PRIMARY KEY (token_sha256));\n"
    "CREATE INDEX sessions_user_id ON sessions (user_id);\n"
    "CREATE INDEX sessions_expires_at ON sessions (expires_at);\n"
    "CREATE TABLE counts (org_id TEXT NOT NULL, day INTEGER NOT NULL, camera_id TEXT NOT NULL, subject_id TEXT NOT "
    "NULL, kind TEXT NOT NULL, count INTEGER, at INTEGER, PRIMARY KEY (org_id, day, camera_id, subject_id, kind));\n"
    "CREATE TABLE camera_status (org_id TEXT NOT NULL, camera_id TEXT NOT NULL, online INTEGER, last_seen INTEGER, "
    "metadata TEXT, PRIMARY KEY (org_id, camera_id));\n";

static const char sqlite_2[] =
    "CREATE INDEX events_newest ON events (org_id, occurred_at, id);\n"
    "CREATE INDEX events_of_camera ON events (org_id, camera_id, occurred_at, id);\n"
    "CREATE INDEX events_of_subject ON events (org_id, subject_id, occurred_at, id);\n"
    "CREATE UNIQUE INDEX users_name ON users (username);\n"
    "CREATE TABLE store_values (name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;\n";

static const char sqlite_before_6[] = "ALTER TABLE cameras RENAME TO old_cameras;\n"
                                      "DROP INDEX users_username;\n"
                                      "DROP INDEX users_name;\n"
                                      "ALTER TABLE users RENAME TO old_users;\n"
                                      "DROP TABLE sessions;\n" /* who was logged in logs in again */
                                      "DROP INDEX events_occurred_at;\n";

/* Orgs and sites are made from what the cameras and users name. */
static const char sqlite_6[] =
    "INSERT INTO orgs (id, name) SELECT org_id, org_id FROM old_cameras UNION "
    "SELECT coalesce(org_id, 'default'), coalesce(org_id, 'default') FROM old_users;\n"
    "INSERT INTO sites (org_id, id, name) SELECT DISTINCT org_id, site_id, site_id FROM old_cameras "
    "WHERE site_id IS NOT NULL;\n"
    "INSERT INTO cameras (id, org_id, site_id, name, source, username, password, enabled, analyse_fps, decode, loop, "
    "zones, lines, rules, streams) SELECT id, org_id, site_id, name, source, username, password, enabled, analyse_fps, "
    "decode, "
    "loop, zones, lines, rules, streams FROM old_cameras;\n"
    "ALTER TABLE cameras ADD COLUMN online INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE cameras ADD COLUMN last_seen INTEGER;\n"
    "ALTER TABLE cameras ADD COLUMN metadata TEXT;\n"
    "UPDATE cameras SET online = coalesce(s.online, 0), last_seen = s.last_seen, metadata = s.metadata "
    "FROM camera_status s WHERE s.org_id = cameras.org_id AND s.camera_id = cameras.id;\n"
    "INSERT INTO users (id, org_id, username, role, password_hash, is_disabled, must_change_password, created_at) "
    "SELECT id, coalesce(org_id, 'default'), username, role, password_hash, is_disabled, must_change_password, "
    "created_at FROM old_users;\n"
    "DROP TABLE camera_status;\n"
    "DROP TABLE old_cameras;\n"
    "DROP TABLE old_users;\n"
    "CREATE UNIQUE INDEX service_policies_key ON service_policies (coalesce(org_id, ''), coalesce(camera_id, ''), "
    "coalesce(class_id, ''), coalesce(site_id, ''), service_name, policy_type);\n"
    "CREATE INDEX policy_revisions_of_policy ON policy_revisions (org_id, policy_id, version);\n";

static const char postgres_6[] =
    "ALTER TABLE cameras ADD COLUMN online boolean NOT NULL DEFAULT false, ADD COLUMN last_seen timestamptz, "
    "ADD COLUMN metadata jsonb;\n"
    "CREATE INDEX events_newest ON events (org_id, occurred_at, id);\n"
    "CREATE INDEX events_of_camera ON events (org_id, camera_id, occurred_at, id);\n"
    "CREATE INDEX events_of_subject ON events (org_id, subject_id, occurred_at, id);\n"
    /* What SQL of other programs may leave out. */
    "ALTER TABLE service_policies ALTER COLUMN config SET DEFAULT '{}', ALTER COLUMN version SET DEFAULT 1, ALTER "
    "COLUMN revision SET DEFAULT 0, "
    "ALTER COLUMN id SET DEFAULT gen_random_uuid()::text, ALTER COLUMN created_at SET DEFAULT now(), "
    "ALTER COLUMN updated_at SET DEFAULT now(), ADD CONSTRAINT service_policies_key UNIQUE NULLS NOT DISTINCT "
    "(org_id, camera_id, class_id, site_id, service_name, policy_type);\n"
    "CREATE INDEX policy_revisions_of_policy ON policy_revisions (org_id, policy_id, version);\n";

static const struct store_step_table tables_6[] = {
    {&org_descriptor, 1},  {&site_descriptor, 1},           {&school_class_descriptor, 1},    {&camera_descriptor, 4},
    {&user_descriptor, 1}, {&service_policy_descriptor, 1}, {&policy_revision_descriptor, 1}, {NULL, 0},
};
/* SQLite has these since its first steps. */
static const struct store_step_table postgres_tables_6[] = {
    {&analytics_event_descriptor, 1},
    {&store_count_descriptor, 1},
    {&store_value_descriptor, 1},
    {NULL, 0},
};

/* Other programs that open the file may not change the audit either. */
static const char sqlite_8[] =
    "CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries BEGIN SELECT RAISE(ABORT, 'the audit is only "
    "added to'); END;\n"
    "CREATE TRIGGER audit_entries_remain BEFORE DELETE ON audit_entries BEGIN SELECT RAISE(ABORT, 'the audit is only "
    "added to'); END;\n"
    "CREATE TRIGGER audit_values_stay BEFORE UPDATE ON audit_values BEGIN SELECT RAISE(ABORT, 'the audit is only added "
    "to'); END;\n"
    "CREATE TRIGGER audit_values_remain BEFORE DELETE ON audit_values BEGIN SELECT RAISE(ABORT, 'the audit is only "
    "added to'); END;\n";

static const struct store_step_table tables_8[] = {
    {&audit_entry_descriptor, 1},       {&audit_value_descriptor, 1},
    {&audit_key_descriptor, 1},         {&audit_head_descriptor, 1},
    {&occupancy_hourly_descriptor, 1},  {&occupancy_daily_descriptor, 1},
    {&occupancy_monthly_descriptor, 1}, {&rollup_mark_descriptor, 1},
    {&quarantined_event_descriptor, 1}, {&legal_hold_descriptor, 1},
    {&job_run_descriptor, 1},           {&job_state_descriptor, 1},
    {&storage_sample_descriptor, 1},    {NULL, 0},
};

static const char of_camera_9[] =
    "CREATE INDEX track_chunks_of_camera ON track_chunks (org_id, camera_id, from_at, id);\n";
static const struct store_step_table tables_9[] = {{&track_chunk_descriptor, 1}, {NULL, 0}};
static const struct store_step_table tables_10[] = {{&kept_answer_descriptor, 1}, {NULL, 0}};

/* For each statement, so that a change is one notice whoever makes it; those of one transaction are one. */
static const char postgres_11[] =
    "CREATE FUNCTION vedette_tell_policies() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$\n"
    "BEGIN\n"
    "  PERFORM pg_catalog.pg_notify('" STORE_POLICIES_CHANNEL "', '');\n"
    "  RETURN NULL;\n"
    "END\n"
    "$$;\n"
    "CREATE TRIGGER service_policies_tell AFTER INSERT OR UPDATE OR DELETE ON service_policies FOR EACH STATEMENT "
    "EXECUTE FUNCTION vedette_tell_policies();\n";

static const struct store_step_table tables_12[] = {
    {&session_descriptor, 1},     {&refresh_token_descriptor, 1}, {&api_key_descriptor, 1},
    {&signing_key_descriptor, 1}, {&login_failure_descriptor, 1}, {NULL, 0},
};

/* Days of large tables: made for any day, and dropped as a whole. Those who may do so are few, and what they name is
 * held against the catalogue: whoever drops a day could else drop any table. */
static const char postgres_13[] =
    "CREATE FUNCTION vedette_is_day(part name) RETURNS boolean LANGUAGE sql STABLE SET search_path = '' AS $$\n"
    "  SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN "
    "pg_catalog.pg_class w ON w.oid = i.inhparent\n"
    "    WHERE c.relname = part AND c.relnamespace = 'public'::pg_catalog.regnamespace AND w.relowner = "
    "'vedette_owner'::pg_catalog.regrole AND w.relkind = 'p'\n"
    "      AND c.relname ~ '_[0-9]{8}$' AND w.relname = left(c.relname, -9))\n"
    "$$;\n"
    /* What lay in the default part for the day moves into its own. Nobody but the owner may name a part: policies of
     * the whole would not hold there. */
    "CREATE FUNCTION vedette_day_make(whole name, day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER\n"
    "  SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$\n"
    "DECLARE part name := whole || to_char(day, '_YYYYMMDD');\n"
    "BEGIN\n"
    "  PERFORM pg_advisory_xact_lock(1986356325, 1);\n"
    "  IF to_regclass('public.' || quote_ident(part)) IS NOT NULL THEN RETURN; END IF;\n"
    "  IF NOT EXISTS (SELECT FROM pg_class WHERE relname = whole AND relnamespace = 'public'::regnamespace AND relkind "
    "= 'p' AND relowner = 'vedette_owner'::regrole) THEN\n"
    "    RAISE EXCEPTION '% is no table of days', whole;\n"
    "  END IF;\n"
    "  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, whole);\n"
    "  EXECUTE format('WITH moved AS (DELETE FROM %I WHERE id >= %L AND id < %L RETURNING *) '\n"
    "    'INSERT INTO %I SELECT * FROM moved', whole || '_default', vedette_day_bound(day),\n"
    "    vedette_day_bound(day + 1), part);\n"
    "  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', whole, part,\n"
    "    vedette_day_bound(day), vedette_day_bound(day + 1));\n"
    "  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);\n"
    "  EXECUTE format('REVOKE ALL ON %I FROM PUBLIC, vedette_app, vedette_jobs', part);\n"
    "END $$;\n"
    "CREATE OR REPLACE FUNCTION vedette_partitions_ensure(ahead integer) RETURNS bigint LANGUAGE plpgsql SECURITY "
    "DEFINER\n"
    "  SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$\n"
    "DECLARE whole name; stray bigint; strays bigint := 0;\n"
    "BEGIN\n"
    "  FOR whole IN SELECT c.relname FROM pg_class c JOIN pg_partitioned_table p ON p.partrelid = c.oid\n"
    "      WHERE c.relnamespace = 'public'::regnamespace AND c.relowner = 'vedette_owner'::regrole LOOP\n"
    "    PERFORM vedette_day_make(whole, day::date) FROM generate_series((now() AT TIME ZONE 'UTC')::date - 1,\n"
    "        (now() AT TIME ZONE 'UTC')::date + ahead, interval '1 day') AS days (day);\n"
    "    EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT 100000) AS few', whole || '_default') INTO stray;\n"
    "    strays := strays + stray;\n"
    "  END LOOP;\n"
    "  RETURN strays;\n"
    "END $$;\n"
    /* By the index that begins with the org and the time: one look for each org, however many rows there are. A hold
     * keeps the day whichever camera it is about; row by row the others' rows still go. */
    "CREATE FUNCTION vedette_day_kept_by(part name, cutoffs json) RETURNS text LANGUAGE plpgsql SECURITY DEFINER\n"
    "  SET search_path = public, pg_temp AS $$\n"
    "DECLARE org text := ''; oldest timestamptz; newest timestamptz; kept text;\n"
    "  claims text := coalesce(current_setting('request.jwt.claims', true), ''); of_org text;\n"
    "BEGIN\n"
    "  IF NOT vedette_is_day(part) THEN RETURN 'it is no day of a table'; END IF;\n"
    "  LOOP\n"
    "    EXECUTE format('SELECT min(org_id) FROM %I WHERE org_id > $1', part) INTO org USING org;\n"
    "    EXIT WHEN org IS NULL OR kept IS NOT NULL;\n"
    "    EXECUTE format('SELECT min(occurred_at), max(occurred_at) FROM %I WHERE org_id = $1', part)\n"
    "      INTO oldest, newest USING org;\n"
    "    of_org := json_build_object('org_id', org);\n"
    "    PERFORM set_config('request.jwt.claims', of_org, true);\n"
    "    kept := CASE WHEN coalesce(extract(epoch FROM newest) * 1000 >= (cutoffs ->> org)::numeric, true)\n"
    "        THEN 'rows that are still kept'\n"
    "      WHEN EXISTS (SELECT FROM legal_holds h WHERE h.org_id = org AND h.released_at IS NULL AND (h.from_at IS "
    "NULL "
    "OR h.from_at <= newest)\n"
    "        AND (h.to_at IS NULL OR h.to_at > oldest)) THEN 'a legal hold'\n"
    "      WHEN newest >= (SELECT min(m.bucket) FROM rollup_marks m WHERE m.org_id = org AND m.level = 'hour')\n"
    "        THEN 'rows that are not counted yet' END || ' of org ' || org;\n"
    "  END LOOP;\n"
    "  PERFORM set_config('request.jwt.claims', claims, true);\n"
    "  RETURN kept;\n"
    "END $$;\n"
    /* Everything is looked at once more when nobody can write it any longer. The whole is locked before its part, as
     * queries do; whoever comes waits for lock_timeout at most, which the caller sets. */
    "CREATE FUNCTION vedette_day_drop(part name, cutoffs json) RETURNS text LANGUAGE plpgsql SECURITY DEFINER\n"
    "  SET search_path = public, pg_temp AS $$\n"
    "DECLARE kept text := vedette_day_kept_by(part, cutoffs);\n"
    "BEGIN\n"
    "  IF kept IS NOT NULL THEN RETURN kept; END IF;\n"
    "  EXECUTE format('LOCK TABLE ONLY %I, ONLY %I IN ACCESS EXCLUSIVE MODE', left(part, -9), part);\n"
    "  kept := vedette_day_kept_by(part, cutoffs);\n"
    "  IF kept IS NULL THEN EXECUTE format('DROP TABLE %I', part); END IF;\n"
    "  RETURN kept;\n"
    "EXCEPTION WHEN lock_not_available OR deadlock_detected THEN\n"
    "  RETURN 'in use';\n"
    "END $$;\n"
    "REVOKE ALL ON FUNCTION vedette_is_day(name), vedette_day_make(name, date), vedette_day_kept_by(name, json), "
    "vedette_day_drop(name, json) FROM PUBLIC;\n"
    "GRANT EXECUTE ON FUNCTION vedette_day_make(name, date), vedette_day_kept_by(name, json), vedette_day_drop(name, "
    "json) TO vedette_jobs;\n";

/* What is only added to goes with its org, and not before. */
#define OF_DELETED_ORG(column) "EXISTS (SELECT 1 FROM orgs o WHERE o.id = " column " AND o.deleted_at IS NOT NULL)"
#define REMAIN_SQLITE(table)                                                                                           \
    "CREATE TRIGGER " table "_remain BEFORE DELETE ON " table                                                          \
    " WHEN NOT " OF_DELETED_ORG("OLD.org_id") " BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END;\n"
#define REMAIN_POSTGRES(table)                                                                                         \
    "GRANT DELETE ON " table " TO vedette_jobs;\n"                                                                     \
    "CREATE POLICY " table "_delete ON " table                                                                         \
    " FOR DELETE USING (org_id = (SELECT vedette_org_id()) AND " OF_DELETED_ORG(table ".org_id") ");\n"

static const char sqlite_14[] =
    "ALTER TABLE orgs ADD COLUMN deleted_at INTEGER;\n"
    "ALTER TABLE orgs ADD COLUMN deleted_by TEXT;\n"
    "ALTER TABLE orgs ADD COLUMN erased_at INTEGER;\n"
    "ALTER TABLE orgs ADD COLUMN erased TEXT;\n"
    "DROP TRIGGER audit_entries_remain;\n"
    "DROP TRIGGER audit_values_remain;\n" REMAIN_SQLITE("audit_entries") REMAIN_SQLITE("audit_values");
static const char postgres_14[] =
    "ALTER TABLE orgs ADD COLUMN deleted_at timestamptz, ADD COLUMN deleted_by text, ADD COLUMN erased_at timestamptz, "
    "ADD COLUMN erased jsonb;\n" REMAIN_POSTGRES("audit_entries") REMAIN_POSTGRES("audit_values")
        REMAIN_POSTGRES("policy_revisions");

static const struct store_step_table tables_15[] = {
    {&access_log_descriptor, 1}, {&attendance_record_descriptor, 1}, {&vehicle_log_descriptor, 1}, {NULL, 0}};

/* Those of the settings may be named alike. */
static const char cameras_16[] =
    "ALTER TABLE cameras ADD COLUMN managed_by TEXT NOT NULL DEFAULT 'file';\n"
    "ALTER TABLE cameras ADD COLUMN logins TEXT;\n"
    "CREATE UNIQUE INDEX cameras_name ON cameras (org_id, name) WHERE managed_by = 'api';\n";

/* What signals say of themselves is asked for among them alone. */
static const char signals_17[] =
    "CREATE INDEX events_signals ON events (org_id, occurred_at, id) WHERE type = 'signal';\n";

static const char incidents_18[] =
    "CREATE INDEX incidents_of_camera ON incidents (org_id, camera_id, kind, last_signal_at);\n"
    "CREATE INDEX violations_of_camera ON violations (org_id, camera_id, at);\n";
static const struct store_step_table tables_18[] = {{&incident_descriptor, 1}, {&violation_descriptor, 1}, {NULL, 0}};

static const char staff_19[] = "CREATE UNIQUE INDEX employees_external_id ON employees (org_id, external_id);\n"
                               "CREATE UNIQUE INDEX vehicles_plate ON vehicles (org_id, plate);\n";
static const struct store_step_table tables_19[] = {
    {&employee_descriptor, 1}, {&shift_descriptor, 1}, {&vehicle_descriptor, 1}, {NULL, 0}};

static const struct store_step_table tables_20[] = {{&incident_change_descriptor, 1}, {NULL, 0}};

/* For what is listed and deleted by time, of whatever site or camera. */
static const char by_time_21[] =
    "CREATE INDEX occupancy_hourly_newest ON occupancy_hourly (org_id, bucket, camera_id, subject_id);\n"
    "CREATE INDEX occupancy_daily_newest ON occupancy_daily (org_id, bucket, camera_id, subject_id);\n"
    "CREATE INDEX occupancy_monthly_newest ON occupancy_monthly (org_id, bucket, camera_id, subject_id);\n"
    "CREATE INDEX track_chunks_newest ON track_chunks (org_id, from_at, id);\n";

/* Whose disk the samples told of until now is not known: they are taken anew. The indexes are for how retention stands
 * with each camera. */
static const char before_23[] = "DROP TABLE storage_samples;\n";
static const char of_camera_23[] =
    "CREATE INDEX occupancy_hourly_of_camera ON occupancy_hourly (org_id, camera_id, bucket);\n"
    "CREATE INDEX occupancy_daily_of_camera ON occupancy_daily (org_id, camera_id, bucket);\n"
    "CREATE INDEX counts_of_camera ON counts (org_id, camera_id, day);\n"
    "CREATE INDEX quarantined_events_of_camera ON quarantined_events (org_id, camera_id, received_at);\n"
    "CREATE INDEX access_logs_of_camera ON access_logs (org_id, camera_id, at);\n"
    "CREATE INDEX vehicle_logs_of_camera ON vehicle_logs (org_id, camera_id, at);\n"
    "CREATE INDEX incidents_by_camera ON incidents (org_id, camera_id, last_signal_at);\n";
static const struct store_step_table tables_23[] = {{&storage_sample_descriptor, 2}, {NULL, 0}};

/* Stored tracks get days, as events have them. */
static const char postgres_before_24[] =
    "ALTER TABLE track_chunks RENAME TO track_chunks_rows;\n"
    "ALTER TABLE track_chunks_rows RENAME CONSTRAINT track_chunks_pkey TO track_chunks_rows_pkey;\n"
    "ALTER TABLE track_chunks_rows NO FORCE ROW LEVEL SECURITY;\n"
    "DROP INDEX track_chunks_of_camera, track_chunks_newest;\n";
static const struct store_step_table tables_24[] = {{&track_chunk_descriptor, 1}, {NULL, 0}};
/* `uncounted_from`: of rollup_marks m, the moment from which on events are still needed. */
#define DAY_KEPT_BY(uncounted_from)                                                                                    \
    "CREATE OR REPLACE FUNCTION vedette_day_kept_by(part name, cutoffs json) RETURNS text LANGUAGE plpgsql SECURITY "  \
    "DEFINER\n"                                                                                                        \
    "  SET search_path = public, pg_temp AS $$\n"                                                                      \
    "DECLARE org text := ''; oldest timestamptz; newest timestamptz; kept text;\n"                                     \
    "  claims text := coalesce(current_setting('request.jwt.claims', true), ''); of_org text;\n"                       \
    "  is_tracks boolean := left(part, -9) = 'track_chunks';\n"                                                        \
    "BEGIN\n"                                                                                                          \
    "  IF NOT vedette_is_day(part) THEN RETURN 'it is no day of a table'; END IF;\n"                                   \
    "  LOOP\n"                                                                                                         \
    "    EXECUTE format('SELECT min(org_id) FROM %I WHERE org_id > $1', part) INTO org USING org;\n"                   \
    "    EXIT WHEN org IS NULL OR kept IS NOT NULL;\n"                                                                 \
    "    EXECUTE format('SELECT min(%1$I), max(%1$I) FROM %2$I WHERE org_id = $1',\n"                                  \
    "      CASE WHEN is_tracks THEN 'from_at' ELSE 'occurred_at' END, part) INTO oldest, newest USING org;\n"          \
    "    of_org := json_build_object('org_id', org);\n"                                                                \
    "    PERFORM set_config('request.jwt.claims', of_org, true);\n"                                                    \
    "    kept := CASE WHEN coalesce(extract(epoch FROM newest) * 1000 >= (cutoffs ->> org)::numeric, true)\n"          \
    "        THEN 'rows that are still kept'\n"                                                                        \
    "      WHEN EXISTS (SELECT FROM legal_holds h WHERE h.org_id = org AND h.released_at IS NULL AND (h.from_at IS "   \
    "NULL\n"                                                                                                           \
    "        OR h.from_at <= newest + CASE WHEN is_tracks THEN interval '1 day' ELSE interval '0' END)\n"              \
    "        AND (h.to_at IS NULL OR h.to_at > oldest)) THEN 'a legal hold'\n"                                         \
    "      WHEN NOT is_tracks AND newest >= (SELECT " uncounted_from                                                   \
    " FROM rollup_marks m WHERE m.org_id = org AND m.level "                                                           \
    "= "                                                                                                               \
    "'hour')\n"                                                                                                        \
    "        THEN 'rows that are not counted yet' END || ' of org ' || org;\n"                                         \
    "  END LOOP;\n"                                                                                                    \
    "  PERFORM set_config('request.jwt.claims', claims, true);\n"                                                      \
    "  RETURN kept;\n"                                                                                                 \
    "END $$;\n"

/* The owner writes a part, whose row level security is not forced; days that no clock can be at get none. A piece of a
 * track is no longer than a day by far: a hold that begins within a day after the last of them keeps them, too. */
static const char postgres_24[] =
    "CREATE INDEX track_chunks_of_camera ON track_chunks (org_id, camera_id, from_at, id);\n"
    "CREATE INDEX track_chunks_newest ON track_chunks (org_id, from_at, id);\n"
    "INSERT INTO track_chunks_default SELECT * FROM track_chunks_rows;\n"
    "DROP TABLE track_chunks_rows;\n"
    "SELECT vedette_day_make('track_chunks', day) FROM (SELECT DISTINCT (to_timestamp(('x' || left(id, 8) || "
    "substr(id, 10, 4))::bit(48)::bigint / 1000.0) AT TIME ZONE 'UTC')::date AS day FROM track_chunks_default WHERE id "
    "~ '^[0-9a-f]{8}-[0-9a-f]{4}-7') AS days WHERE day BETWEEN current_date - 400 AND current_date + 1;\n" DAY_KEPT_BY(
        "min(m.bucket)");

static const struct store_step_table tables_25[] = {
    {&policy_file_descriptor, 1}, {&taken_webhook_descriptor, 1}, {NULL, 0}};
static const struct store_step_table tables_26[] = {{&site_clocks_descriptor, 1}, {NULL, 0}};

/* An hour of a site's clocks may begin nearly an hour before the UTC hour that is marked. */
static const char postgres_27[] = DAY_KEPT_BY("min(m.bucket) - interval '1 hour'");

/* The same subject is somebody else at another issuer. */
static const char subjects_29[] =
    "DROP INDEX users_oidc_subject;\n"
    "CREATE UNIQUE INDEX users_oidc_subject ON users (org_id, oidc_subject, coalesce(oidc_issuer, ''));\n";

/* How much an org's answers take is summed from the index alone. Those that were kept before count as nothing, and go
 * by their age. */
#define ANSWERS_30(type)                                                                                               \
    "ALTER TABLE kept_answers ADD COLUMN bytes " type " NOT NULL DEFAULT 0;\n"                                         \
    "DROP INDEX kept_answers_created_at;\n"                                                                            \
    "CREATE INDEX kept_answers_newest ON kept_answers (org_id, created_at, key, bytes);\n"

/* For who asks what changed since. When those that are there changed is not known: now, rather than never. */
#define BY_CHANGE_32 "CREATE INDEX incidents_by_change ON incidents (org_id, changed_at, id);\n"
static const char sqlite_32[] =
    "ALTER TABLE incidents ADD COLUMN changed_at INTEGER;\n"
    "UPDATE incidents SET changed_at = CAST(strftime('%s', 'now') AS INTEGER) * 1000;\n" BY_CHANGE_32;
static const char postgres_32[] = "ALTER TABLE incidents ADD COLUMN changed_at timestamptz DEFAULT now();\n"
                                  "ALTER TABLE incidents ALTER COLUMN changed_at DROP DEFAULT;\n" BY_CHANGE_32;

static const struct store_step_table tables_33[] = {{&camera_place_descriptor, 1}, {NULL, 0}};

const struct store_step store_steps[] = {
    {1, "tables", .sqlite = sqlite_1, .is_sqlite_only = true},
    {2, "indexes and values", .sqlite = sqlite_2, .is_sqlite_only = true},
    {3, "rules of cameras", .sqlite = "ALTER TABLE cameras ADD COLUMN rules TEXT;\n", .is_sqlite_only = true},
    {4, "what cameras decode", .sqlite = "ALTER TABLE cameras ADD COLUMN decode TEXT NOT NULL DEFAULT 'all';\n",
     .is_sqlite_only = true},
    {5, "streams of cameras", .sqlite = "ALTER TABLE cameras ADD COLUMN streams TEXT;\n", .is_sqlite_only = true},
    {6, "orgs, sites and policies", .sqlite_before = sqlite_before_6, .postgres_before = store_postgres_functions,
     .tables = tables_6, .postgres_tables = postgres_tables_6, .sqlite = sqlite_6, .postgres = postgres_6},
    {7, "classes of cameras", .sqlite = "ALTER TABLE cameras ADD COLUMN class_id TEXT;\n",
     .postgres = "ALTER TABLE cameras ADD COLUMN class_id text;\n"},
    {8, "audit, jobs and roll-ups", .tables = tables_8, .sqlite = sqlite_8},
    {9, "stored tracks", .tables = tables_9, .sqlite = of_camera_9, .postgres = of_camera_9},
    {10, "answers that are given again", .tables = tables_10},
    {11, "notices of policies", .postgres = postgres_11},
    {12, "sessions, API keys and signing keys", .tables = tables_12,
     .sqlite = "ALTER TABLE users ADD COLUMN oidc_subject TEXT;\n"
               "CREATE UNIQUE INDEX users_oidc_subject ON users (org_id, oidc_subject);\n",
     .postgres = "ALTER TABLE users ADD COLUMN oidc_subject text;\n"
                 "CREATE UNIQUE INDEX users_oidc_subject ON users (org_id, oidc_subject);\n"},
    {13, "days that are dropped as a whole", .postgres = postgres_13},
    {14, "orgs that are deleted", .sqlite = sqlite_14, .postgres = postgres_14},
    {15, "logs of people and vehicles", .tables = tables_15},
    {16, "cameras made by the API", .sqlite = cameras_16, .postgres = cameras_16},
    {17, "an index of signals", .sqlite = signals_17, .postgres = signals_17},
    {18, "incidents and violations", .tables = tables_18, .sqlite = incidents_18, .postgres = incidents_18},
    {19, "employees, shifts and vehicles", .tables = tables_19, .sqlite = staff_19, .postgres = staff_19},
    {20, "changes of incidents, until they are told", .tables = tables_20},
    {21, "indexes by time", .sqlite = by_time_21, .postgres = by_time_21},
    {22, "headers of answers that are given again", .sqlite = "ALTER TABLE kept_answers ADD COLUMN headers TEXT;\n",
     .postgres = "ALTER TABLE kept_answers ADD COLUMN headers text;\n"},
    {23, "room of each disk, indexes by camera", .sqlite_before = before_23, .postgres_before = before_23,
     .tables = tables_23, .sqlite = of_camera_23, .postgres = of_camera_23},
    {24, "days of stored tracks", .postgres_before = postgres_before_24, .postgres_tables = tables_24,
     .postgres = postgres_24},
    {25, "files of policies, webhooks that were taken", .tables = tables_25},
    {26, "clocks that sites had", .tables = tables_26},
    {27, "days that hours of sites still need", .postgres = postgres_27},
    {28, "issuers of users", .sqlite = "ALTER TABLE users ADD COLUMN oidc_issuer TEXT;\n",
     .postgres = "ALTER TABLE users ADD COLUMN oidc_issuer text;\n"},
    {29, "subjects of each issuer", .sqlite = subjects_29, .postgres = subjects_29},
    {30, "how much kept answers take", .sqlite = ANSWERS_30("INTEGER"), .postgres = ANSWERS_30("bigint")},
    {31, "since when cameras are watched", .sqlite = "ALTER TABLE cameras ADD COLUMN watched_since INTEGER;\n",
     .postgres = "ALTER TABLE cameras ADD COLUMN watched_since timestamptz;\n"},
    {32, "when incidents changed", .sqlite = sqlite_32, .postgres = postgres_32},
    {33, "where cameras stood before", .tables = tables_33},
    {34, "logins by the issuer", .sqlite = "ALTER TABLE sessions ADD COLUMN is_by_issuer INTEGER;\n",
     .postgres = "ALTER TABLE sessions ADD COLUMN is_by_issuer boolean;\n"},
};
const size_t store_step_count = G_N_ELEMENTS(store_steps);
