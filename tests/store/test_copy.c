/* All of an embedded store to PostgreSQL: every table, begun again, and compared. */
#include "store/backup.h"
#include "store/erasure.h"
#include "store/store_internal.h"
#include "tenancy_world.h"
#include "upkeep_world.h"

/* An embedded store with a row of each table for two orgs, and a PostgreSQL without any. */
struct copying {
    struct tenancy source;
    struct store *from;
    struct store_world target;
};

static void copying_begin(struct copying *copying)
{
    g_unsetenv("VEDETTE_TEST_STORE");
    tenancy_init(&copying->source);
    connection_close(&copying->source.sqlite);
    copying->source.sqlite.db = NULL;
    g_autoptr(GError) error = NULL;
    copying->from = world_open(&copying->source.world, &error);
    g_assert_no_error(error);
    g_setenv("VEDETTE_TEST_STORE", "postgres", TRUE);
    world_init(&copying->target);
}

static void copying_end(struct copying *copying)
{
    store_close(copying->from);
    tenancy_clear(&copying->source);
    world_clear(&copying->target);
}

static void add_events(struct copying *copying, int count)
{
    struct store *own = copying->source.world.store;
    copying->source.world.store = copying->from;
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < count; i++) {
        struct analytics_event *event =
            world_crossing(&copying->source.world, NULL, i % 2 ? "door" : "gate", "in", world_start_ms + i);
        g_free(event->org_id);
        event->org_id = g_strdup("a");
        g_ptr_array_add(batch, event);
    }
    g_assert_cmpstr(world_store(&copying->source.world, batch).error, ==, NULL);
    copying->source.world.store = own;
}

struct told {
    int64_t rows, new_rows, events;
    int tables;
};

static void on_told(void *data, const char *table, const char *org_id, int64_t rows, int64_t new_rows)
{
    struct told *told = data;
    (void)org_id;
    told->rows += rows;
    told->new_rows += new_rows;
    told->events += strcmp(table, "events") == 0 ? rows : 0;
    told->tables += rows > 0;
}

static struct told copy(struct copying *copying)
{
    struct told told = {0};
    g_autoptr(GError) error = NULL;
    store_copy(copying->from, copying->target.store, on_told, &told, &error);
    g_assert_no_error(error);
    return told;
}

static void test_copy_takes_every_table(void)
{
    struct copying copying;
    copying_begin(&copying);
    struct told told = copy(&copying);
    g_assert_cmpint(told.rows, ==, told.new_rows);
    g_assert_cmpint(told.tables, >=, (int)store_table_count);
    for (size_t i = 0; i < store_table_count; i++) {
        const char *table = store_tables[i].descriptor->table;
        g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM %s", table);
        sqlite3 *db = NULL;
        sqlite3_stmt *statement = NULL;
        g_autofree char *path = g_build_filename(copying.source.world.directory, "vedette.db", NULL);
        g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), ==, SQLITE_OK);
        g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
        g_test_message("%s", table);
        g_assert_cmpint(postgres_ask_number(copying.target.database, sql), ==, sqlite3_column_int(statement, 0));
        sqlite3_finalize(statement);
        sqlite3_close(db);
    }
    copying_end(&copying);
}

/* What of cameras is no part of what is configured goes along. */
static void test_copy_takes_how_cameras_are(void)
{
    struct copying copying;
    g_autoptr(GError) error = NULL;
    copying_begin(&copying);
    struct camera camera;
    record_init(&camera_descriptor, &camera);
    g_free(camera.org_id);
    camera.id = g_strdup("door");
    camera.org_id = g_strdup("a");
    camera.source = g_strdup("scene://shop");
    g_assert_true(store_camera_put(copying.from, &camera, &error));
    g_assert_true(store_camera_set_health(copying.from, "a", "door", true, world_start_ms, "{}", &error));
    g_assert_no_error(error);
    copy(&copying);
    g_autofree char *times =
        postgres_ask(copying.target.database, "SELECT (last_seen = '2026-01-01T00:00:00Z') || ' ' || (watched_since = "
                                              "'2026-01-01T00:00:00Z') FROM cameras WHERE id = 'door'");
    g_assert_cmpstr(times, ==, "true true");
    record_clear(&camera_descriptor, &camera);
    copying_end(&copying);
}

/* What an earlier copy did is counted and compared, not done again; what was taken away of it is. */
static void test_copy_goes_on_where_it_was(void)
{
    struct copying copying;
    copying_begin(&copying);
    add_events(&copying, 950); /* ten pages */
    g_assert_cmpint(copy(&copying).new_rows, >, 950);
    g_assert_cmpint(copy(&copying).new_rows, ==, 0);
    /* As a copy that was killed in the middle leaves it. */
    postgres_do(copying.target.database, "DELETE FROM events WHERE id > (SELECT id FROM events WHERE org_id = 'a' "
                                         "ORDER BY id OFFSET 399 LIMIT 1) AND org_id = 'a'");
    struct told told = copy(&copying);
    g_assert_cmpint(told.new_rows, ==, 551);
    g_assert_cmpint(told.events, ==, 952);
    /* A hole before the end, which no copy leaves: found by its count, and filled. */
    postgres_do(copying.target.database, "DELETE FROM events WHERE id = (SELECT min(id) FROM events WHERE org_id = "
                                         "'a')");
    g_assert_cmpint(copy(&copying).new_rows, ==, 1);
    add_events(&copying, 5);
    g_assert_cmpint(copy(&copying).new_rows, ==, 5);
    g_autofree char *counts = postgres_ask(copying.target.database, "SELECT sum(count) FROM counts WHERE org_id = 'a'");
    g_assert_cmpstr(counts, ==, "956"); /* what had changed was written again: 955, and the one that was there */
    copying_end(&copying);
}

/* No statement looks at more than a few pages of 100, however many rows an earlier copy left. */
static void test_a_large_copy_goes_on_in_pages(void)
{
    enum { ROWS_OF_A_STATEMENT = 300 };
    struct copying copying;
    copying_begin(&copying);
    add_events(&copying, 950);
    copy(&copying);
    limit_rows_of_statements(&copying.target, "events", ROWS_OF_A_STATEMENT);
    add_events(&copying, 5);
    g_assert_cmpint(copy(&copying).new_rows, ==, 5);
    copying_end(&copying);
}

/* What is copied may be old: each day gets its partition first, so that nothing is left in the default one. */
static void test_g07_copied_days_have_their_partitions(void)
{
    struct copying copying;
    copying_begin(&copying);
    add_events(&copying, 30);
    clock_fake_step_wall_ms(copying.source.world.clock, INT64_C(40) * 86400000);
    add_events(&copying, 20);
    copy(&copying);
    g_assert_cmpint(postgres_ask_number(copying.target.database, "SELECT count(*) FROM events_20260101"), ==, 30);
    g_assert_cmpint(postgres_ask_number(copying.target.database, "SELECT count(*) FROM events_20260210"), ==, 20);
    g_assert_cmpint(
        postgres_ask_number(copying.target.database, "SELECT count(*) FROM events_default WHERE id LIKE '0%'"), ==, 0);
    copying_end(&copying);
}

/* What is left of a deleted org tells that it was, also there. */
static void test_g08_a_deleted_org_stays_deleted(void)
{
    struct copying copying;
    struct retention_settings settings;
    g_autoptr(GError) error = NULL;
    const struct audit_by by = {"a", "admin-id", "admin", NULL, NULL};
    const struct store_retention how = {.settings = &settings};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    copying_begin(&copying);
    record_init(&retention_settings_descriptor, &settings);
    g_assert_true(store_org_delete(copying.from, &how, "b", NULL, NULL, &by, &error));
    g_assert_true(store_orgs_erase(copying.from, &how, results, &error));
    copy(&copying);
    g_assert_cmpint(postgres_ask_number(copying.target.database, "SELECT count(*) FROM orgs WHERE id = 'b' AND "
                                                                 "erased_at IS NOT NULL AND erased ? 'events'"),
                    ==, 1);
    record_clear(&retention_settings_descriptor, &settings);
    copying_end(&copying);
}

static void in_source(struct copying *copying, const char *sql)
{
    g_autoptr(GError) error = NULL;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(copying->from, STORE_JOB, "a", &error);
    g_assert_no_error(error);
    store_run(transaction, sql, STORE_NO_VALUES, NULL, &error);
    g_assert_no_error(error);
    store_commit(g_steal_pointer(&transaction), &error);
    g_assert_no_error(error);
}

/* Rows that retention, a roll-up or a logout removed from the source since: that is said, with what to do, and done. */
static void test_copy_after_the_source_has_run_wants_a_new_target(void)
{
    static const char *const deeds[][2] = {
        {"DELETE FROM events WHERE org_id = 'a'", "table events, org a: row 1"},
        {"DELETE FROM rollup_marks WHERE org_id = 'a'", "table rollup_marks, org a: row 1"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(deeds); i++) {
        struct copying copying;
        g_autoptr(GError) error = NULL;
        copying_begin(&copying);
        copy(&copying);
        in_source(&copying, deeds[i][0]);
        g_assert_false(store_copy(copying.from, copying.target.store, NULL, NULL, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
        if (!strstr(error->message, deeds[i][1]) || !strstr(error->message, "so make a new database"))
            g_error("%s", error->message);
        world_clear(&copying.target);
        world_init(&copying.target);
        struct told told = copy(&copying);
        g_assert_cmpint(told.rows, ==, told.new_rows);
        copying_end(&copying);
    }
}

static void test_copy_sees_what_differs(void)
{
    static const struct {
        const char *sql, *said;
    } deeds[] = {
        {"UPDATE events SET payload = '{\"x\":1}' WHERE org_id = 'a'", "table events, org a: row 1 differs in payload"},
        {"INSERT INTO sites (org_id, id) VALUES ('a', 'zzz')", "table sites, org a: row 2 is there and should not be"},
        {"INSERT INTO audit_entries SELECT org_id, 9, 'x', at, actor_id, subject_kind, subject_id, action, "
         "values_sha256, previous_sha256, sha256 FROM audit_entries WHERE org_id = 'b'",
         "table audit_entries, org b: row 2 is there and should not be"},
    };
    struct copying copying;
    copying_begin(&copying);
    copy(&copying);
    for (size_t i = 0; i < G_N_ELEMENTS(deeds); i++) {
        g_autoptr(GError) error = NULL;
        postgres_do(copying.target.database, deeds[i].sql);
        g_assert_false(store_copy(copying.from, copying.target.store, NULL, NULL, &error));
        if (!strstr(error->message, deeds[i].said))
            g_error("%s", error->message);
        postgres_do(copying.target.database, "DELETE FROM sites WHERE id = 'zzz'; DELETE FROM events");
    }
    copying_end(&copying);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("VEDETTE_TEST_STORE", "postgres", TRUE);
    if (world_is_missing())
        return 0;
    g_test_add_func("/copy/takes_every_table", test_copy_takes_every_table);
    g_test_add_func("/copy/takes_how_cameras_are", test_copy_takes_how_cameras_are);
    g_test_add_func("/copy/goes_on_where_it_was", test_copy_goes_on_where_it_was);
    g_test_add_func("/copy/a_large_copy_goes_on_in_pages", test_a_large_copy_goes_on_in_pages);
    g_test_add_func("/copy/g07_copied_days_have_their_partitions", test_g07_copied_days_have_their_partitions);
    g_test_add_func("/copy/g08_a_deleted_org_stays_deleted", test_g08_a_deleted_org_stays_deleted);
    g_test_add_func("/copy/after_the_source_has_run_wants_a_new_target",
                    test_copy_after_the_source_has_run_wants_a_new_target);
    g_test_add_func("/copy/sees_what_differs", test_copy_sees_what_differs);
    return g_test_run();
}
