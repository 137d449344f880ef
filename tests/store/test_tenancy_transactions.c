/* Many orgs on the same connections: keys, what is left behind, plans, jobs (cases R4, R6, R7, R8, R10, R13). */
#include "tenancy_world.h"

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
        g_assert_true(sqlite_scope_set(&tenancy.sqlite, "b", NULL));
        g_assert_true(connection_run(&tenancy.sqlite, site, NULL, 0, NULL, NULL, NULL, NULL));
    }
    static const char camera[] = "INSERT INTO cameras (id, org_id, site_id, source) VALUES ('two', '%s', '%s', 'x')";
    g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.a, NULL, camera, "a", "only-b"), ==, -1);
    g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.a, NULL, camera, "a", "one"), ==, 1);
    g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.b, NULL, camera, "b", "only-b"), ==, 1);
    tenancy_clear(&tenancy);
}

/* Two rows for everyone's default of one service and type are one too many. */
static void test_policies_have_one_row_a_level(void)
{
    struct tenancy tenancy;
    tenancy_init(&tenancy);
    static const char insert[] =
        "INSERT INTO service_policies (id, org_id, service_name, policy_type, config, version) VALUES "
        "('%s', %s, '%s', 'p', '{}', 1)";
    g_autofree char *global = g_strdup_printf(insert, "g1", "NULL", "s"),
                    *own = g_strdup_printf(insert, "o1", "'a'", "s");
    g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.platform, global, insert, "g2", "NULL", "s"), ==, -1);
    g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.platform, global, insert, "g2", "NULL", "t"), ==, 1);
    g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.a, own, insert, "o2", "'a'", "s"), ==, -1);
    g_assert_cmpint(tenancy_try_format(&tenancy, tenancy.a, NULL, insert, "o2", "NULL", "s"), ==,
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

/* Case H2 at the store: all that one transaction reads is of one moment, whatever others commit meanwhile. */
static void test_h02_what_is_read_is_of_one_moment(void)
{
    static const char count[] = "SELECT count(*) FROM cameras";
    struct store_world world;
    int64_t before = -1, after = -1;
    world_init(&world);
    struct store_transaction *reading = store_begin(world.store, STORE_READ, "a", NULL);
    g_assert_true(store_get_integer(reading, count, STORE_NO_VALUES, -1, &before, NULL));
    put_camera(&world, "a");
    g_assert_true(store_get_integer(reading, count, STORE_NO_VALUES, -1, &after, NULL));
    store_rollback(reading);
    g_assert_cmpint(before, ==, 0);
    g_assert_cmpint(after, ==, 0);
    g_assert_cmpint(count_as(&world, STORE_READ, "a", "a"), ==, 1);
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

/* The next literal of C from `*at`, with those that follow it directly, in a macro too, joined on; NULL at the end.
 * Comments may hold quotes in pairs: what is in them is looked at as well, which does no harm. g_free. */
static char *next_literal(const char **at)
{
    const char *from = strchr(*at, '"');
    if (!from)
        return NULL;
    GString *text = g_string_new(NULL);
    while (*from == '"') {
        for (from++; *from && *from != '"'; from++) {
            if (*from == '\\' && from[1])
                from++;
            g_string_append_c(text, *from == 'n' && from[-1] == '\\' ? '\n' : *from);
        }
        from += *from == '"';
        *at = from;
        from += strspn(from, " \\\n");
    }
    return g_string_free(text, FALSE);
}

/* No statement of a text may be "SET x", but for "SET LOCAL x"; no set_config may outlive the transaction. */
static void expect_no_session_setting(const char *path, const char *sql)
{
    g_auto(GStrv) statements = g_strsplit(sql, ";", -1);
    for (size_t i = 0; statements[i]; i++) {
        const char *statement = g_strstrip(statements[i]);
        /* "SET name = x", "SET name TO x", "SET ROLE x", "SET SESSION …" */
        bool is_set =
            g_regex_match_simple("^SET\\s+(ROLE|SESSION|TIME|[\\w.]+\\s*(=|TO\\s))", statement, G_REGEX_CASELESS, 0);
        if (is_set)
            g_error("%s: %s", path, statement);
    }
    for (const char *at = sql; (at = strstr(at, "set_config(")); at++) {
        g_autofree char *call = g_strndup(at, strcspn(at, ")"));
        if (!g_str_has_suffix(call, ", true"))
            g_error("%s: %s", path, call);
    }
}

static void test_r08_no_session_settings_in_the_source(void)
{
    g_autofree char *room = g_build_filename(g_getenv("VEDETTE_SOURCE"), "src", "store", NULL);
    GDir *dir = g_dir_open(room, 0, NULL);
    int seen = 0;
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(room, name, NULL), *text = NULL;
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        const char *at = text;
        for (char *literal; (literal = next_literal(&at)); g_free(literal)) {
            seen += strstr(literal, "set_config(") || strstr(literal, "SET LOCAL ");
            expect_no_session_setting(path, literal);
        }
    }
    g_dir_close(dir);
    g_assert_cmpint(seen, >=, 3); /* so the texts are read */
}

static bool append_line(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    g_string_append_printf(data, "%s\n", row[columns - 1].text);
    return true;
}

/* What a transaction finds set that is not its own: a setting of the session would be seen by the next org's. */
static void test_r08_transactions_leave_no_setting(void)
{
    static const enum store_access accesses[] = {STORE_READ, STORE_WRITE, STORE_JOB};
    if (!world_is_postgres()) {
        g_test_skip("of PostgreSQL alone");
        return;
    }
    struct store_world world;
    world_init(&world);
    for (size_t i = 0; i < 4 * G_N_ELEMENTS(accesses); i++) {
        struct store_transaction *transaction =
            store_begin(world.store, accesses[i % G_N_ELEMENTS(accesses)], i % 2 ? "a" : "b", NULL);
        g_autoptr(GString) own = g_string_new(NULL), left = g_string_new(NULL);
        static const char set[] = "SELECT name || '=' || setting FROM pg_settings WHERE source = 'session' ORDER BY 1";
        g_assert_true(store_each(transaction, set, STORE_NO_VALUES, append_line, own, NULL));
        g_assert_nonnull(strstr(own->str, "statement_timeout="));
        /* Undone, a transaction's own settings are away: what is there then is the session's. */
        g_assert_true(store_run(transaction, "ROLLBACK", STORE_NO_VALUES, NULL, NULL));
        g_assert_true(store_each(transaction, set, STORE_NO_VALUES, append_line, left, NULL));
        g_assert_cmpstr(left->str, ==, "");
        store_rollback(transaction);
    }
    world_clear(&world);
}

/* ---- R10: what it costs ---- */

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

/* Rows that PostgreSQL took from indexes and tables, by its own account. */
static int rows_scanned(const char *plan)
{
    int sum = 0;
    g_auto(GStrv) lines = g_strsplit(plan, "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        const char *rows = strstr(lines[i], "(actual rows=");
        if (rows && strstr(lines[i], " Scan"))
            sum += (int)g_ascii_strtoll(rows + strlen("(actual rows="), NULL, 10);
    }
    return sum;
}

static bool ignore_row(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)row;
    (void)columns;
    (void)error;
    (*(int *)data)++;
    return true;
}

/* What the list costs does not depend on how many rows there are: it reads as many as it returns, and no more. */
static void expect_few_rows_read(struct store_world *world, const char *sql, int rows)
{
    enum { STEPS_A_ROW = 40 }; /* of SQLite's machine, each a few nanoseconds */
    if (world->database) {
        g_autofree char *text = g_strconcat("(ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ", sql, NULL);
        g_autofree char *plan = explain(world, text);
        g_test_message("%s", plan);
        g_assert_cmpint(rows_scanned(plan), >=, rows);
        g_assert_cmpint(rows_scanned(plan), <=, rows + 8); /* one ahead in each partition */
        return;
    }
    int seen = 0;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world->store, STORE_READ, "default", NULL);
    g_assert_true(store_each(transaction, sql, STORE_NO_VALUES, ignore_row, &seen, NULL));
    sqlite3_stmt *statement = connection_prepare(transaction->connection, sql, NULL); /* the same, which it has kept */
    g_assert_nonnull(statement);
    g_assert_cmpint(seen, ==, rows);
    g_assert_cmpint(sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0), ==, 0);
    g_assert_cmpint(sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_SORT, 0), ==, 0);
    g_assert_cmpint(sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0), <, STEPS_A_ROW * rows);
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
    static const char list[] = "SELECT id FROM events WHERE org_id = 'default' AND camera_id = 'cam-3' ORDER BY "
                               "occurred_at DESC, id DESC LIMIT 50";
    g_autofree char *plan = explain(&world, list);
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
    expect_few_rows_read(&world, list, 50);
    world_clear(&world);
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

static void note_stored(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    GString *told = data;
    g_assert_no_error(error);
    for (guint i = 0; i < events->len; i++)
        g_string_append_printf(told, "%s%s%s ", ((const struct analytics_event *)g_ptr_array_index(events, i))->org_id,
                               ((const struct analytics_event *)g_ptr_array_index(events, i))->id,
                               stored[i] ? "" : "-");
}

/* Whatever the order in which they are written. */
static void test_each_event_of_a_batch_is_told_of(void)
{
    static const char *const written[] = {"b1", "a1", "b2", "a1", "a2", "b1", "a3"};
    struct store_world world;
    g_autoptr(GString) told = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    world_init(&world);
    GPtrArray *batches[2] = {world_batch_new(), world_batch_new()};
    for (size_t i = 0; i < G_N_ELEMENTS(written); i++) {
        struct analytics_event *event = world_crossing(&world, &written[i][1], "door", "in", world_start_ms);
        g_free(event->org_id);
        event->org_id = g_strndup(written[i], 1);
        g_ptr_array_add(batches[i > 3], event);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(batches); i++)
        g_assert_true(store_events_submit(world.store, batches[i], note_stored, told, &error));
    store_close(world.store); /* which writes all */
    g_assert_cmpstr(told->str, ==, "b1 a1 b2 a1- a2 b1- a3 ");
    world.store = world_open(&world, &error);
    g_assert_no_error(error);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/tenancy/r04_keys_do_not_reach_across", test_r04_keys_do_not_reach_across);
    g_test_add_func("/tenancy/policies_have_one_row_a_level", test_policies_have_one_row_a_level);
    g_test_add_func("/tenancy/r06_nothing_is_left_for_the_next", test_r06_nothing_is_left_for_the_next);
    g_test_add_func("/tenancy/h02_what_is_read_is_of_one_moment", test_h02_what_is_read_is_of_one_moment);
    g_test_add_func("/tenancy/r07_same_statement_for_many_orgs", test_r07_same_statement_for_many_orgs);
    g_test_add_func("/tenancy/r08_no_session_settings_in_the_source", test_r08_no_session_settings_in_the_source);
    g_test_add_func("/tenancy/r08_transactions_leave_no_setting", test_r08_transactions_leave_no_setting);
    g_test_add_func("/tenancy/r10_lists_take_the_index", test_r10_lists_take_the_index);
    g_test_add_func("/tenancy/r13_jobs_go_org_by_org", test_r13_jobs_go_org_by_org);
    g_test_add_func("/tenancy/batches_of_several_orgs", test_batches_of_several_orgs);
    g_test_add_func("/tenancy/each_event_of_a_batch_is_told_of", test_each_event_of_a_batch_is_told_of);
    return g_test_run();
}
