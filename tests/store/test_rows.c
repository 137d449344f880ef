/* Rows that people keep, where one names another. VEDETTE_TEST_STORE says which engine. */
#include "upkeep_world.h"

#include "facts/occupancy.h"
#include "facts/staff.h"
#include "store/audit.h"
#include "store/places.h"
#include "store/rows.h"
#include "store/work_internal.h"

static const struct audit_by by = {"default", "u-1", "Ada", NULL, NULL};

static void staffed_world_init(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    struct org own = {.id = (char *)(uintptr_t) "default"};
    world_init(world);
    store_org_create(world->store, &own, &by, &error);
    g_assert_no_error(error);
}

static void make_shift(struct store *store, const char *id)
{
    g_autoptr(GError) error = NULL;
    struct shift shift;
    record_init(&shift_descriptor, &shift);
    shift.id = g_strdup(id);
    shift.name = g_strdup("night");
    shift.start_time = g_strdup("22:00");
    shift.end_time = g_strdup("06:00");
    store_row_create(store, &store_shifts, &shift, &by, &error);
    g_assert_no_error(error);
    record_clear(&shift_descriptor, &shift);
}

static bool make_employee(struct store *store, const char *shift_id, GError **error)
{
    struct employee employee;
    record_init(&employee_descriptor, &employee);
    employee.name = g_strdup("Grace");
    employee.shift_id = g_strdup(shift_id);
    bool is_good = store_row_create(store, &store_employees, &employee, &by, error);
    record_clear(&employee_descriptor, &employee);
    return is_good;
}

static bool delete_shift(struct store *store, const char *id, GError **error)
{
    const struct store_row_change change = {.id = id, .action = "delete"};
    return store_row_delete(store, &store_shifts, &change, &by, error);
}

static void test_what_is_named_is_there_and_stays(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    staffed_world_init(&world);
    g_assert_false(make_employee(world.store, "night", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    g_assert_cmpstr(error->message, ==, "shift_id: there is no shift 'night'");
    g_clear_error(&error);
    make_shift(world.store, "night");
    make_shift(world.store, "day");
    g_assert_true(make_employee(world.store, "night", &error));
    g_assert_false(delete_shift(world.store, "night", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_assert_cmpstr(error->message, ==, "the shift is the shift_id of 1 employee: give them another first");
    g_clear_error(&error);
    g_assert_true(delete_shift(world.store, "day", &error));
    world_clear(&world);
}

struct remover {
    struct store *store;
    const char *shift_id;
    bool is_removed;
};

static void *remove_shift(void *data)
{
    struct remover *remover = data;
    remover->is_removed = delete_shift(remover->store, remover->shift_id, NULL);
    return NULL;
}

static void test_one_of_two_at_once_is_refused(void)
{
    enum { ROUNDS = 20 };
    struct store_world world;
    staffed_world_init(&world);
    for (int i = 0; i < ROUNDS; i++) {
        g_autofree char *id = g_strdup_printf("shift-%d", i);
        struct remover remover = {world.store, id, false};
        pthread_t thread;
        make_shift(world.store, id);
        g_assert_cmpint(pthread_create(&thread, NULL, remove_shift, &remover), ==, 0);
        bool is_made = make_employee(world.store, id, NULL);
        pthread_join(thread, NULL);
        g_assert_true(is_made != remover.is_removed);
    }
    world_clear(&world);
}

static bool is_called_default(void *data, const struct org *org)
{
    (void)data;
    return g_strcmp0(org->name, "default") == 0;
}

static void test_an_org_gets_another_name(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    staffed_world_init(&world);
    struct org *org = store_org_rename(world.store, "default", "Shop", NULL, NULL, &by, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(org->name, ==, "Shop");
    g_assert_cmpint(org->created_at.ms, ==, world_start_ms);
    org_free(org);
    g_assert_null(store_org_rename(world.store, "default", "Other", is_called_default, NULL, &by, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_clear_error(&error);
    g_autoptr(GPtrArray) orgs = store_orgs_read(world.store, "default", &error);
    g_assert_cmpstr(((const struct org *)g_ptr_array_index(orgs, 0))->name, ==, "Shop");
    world_clear(&world);
}

/* ---- pages of rows without an id ---- */

#define DAYS_AGO_MS (INT64_C(400) * 86400000)
enum { PLACES = 3, TIMES = 4, BUCKETS = PLACES * TIMES, HOUR_MS = 3600000 };

static void put_buckets(struct store *store)
{
    static const char *const subjects[PLACES] = {"door", "hall", "yard"};
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < BUCKETS; i++) {
        const struct occupancy_bucket bucket = {.org_id = (char *)"default",
                                                .site_id = (char *)(i % 2 ? "" : "lyon"),
                                                .bucket = {world_start_ms + INT64_C(1) * (i / PLACES) * HOUR_MS},
                                                .camera_id = (char *)(i % PLACES ? "cam-1" : "cam-2"),
                                                .subject_id = (char *)(uintptr_t)subjects[i % PLACES],
                                                .kind = OCCUPANCY_OF_ZONE};
        const struct attendance_record day = {.org_id = (char *)"default",
                                              .employee_id = bucket.subject_id,
                                              .day = bucket.bucket,
                                              .status = ATTENDANCE_PRESENT};
        store_put(store, "default", &occupancy_hourly_descriptor, &bucket, RECORD_CONFLICT_FAIL, &error);
        g_assert_no_error(error);
        store_put(store, "default", &attendance_record_descriptor, &day, RECORD_CONFLICT_FAIL, &error);
        g_assert_no_error(error);
    }
}

/* One row a page, each once and none left out, the newest first. */
static void expect_pages(struct store *store, const struct store_row_kind *kind)
{
    g_autofree char *cursor = NULL;
    int64_t before_ms = G_MAXINT64;
    for (int i = 0; i <= BUCKETS; i++) {
        const struct store_row_filter filter = {.org_id = "default", .before_id = cursor, .limit = 1};
        g_autoptr(GError) error = NULL;
        GPtrArray *rows = store_rows_list(store, kind, &filter, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(rows->len, ==, i < BUCKETS);
        g_autofree char *next = rows->len ? store_row_cursor(kind, g_ptr_array_index(rows, 0)) : NULL;
        g_assert_cmpstr(next, !=, cursor);
        g_assert_true(!next || g_ascii_strtoll(next, NULL, 10) <= before_ms);
        before_ms = next ? g_ascii_strtoll(next, NULL, 10) : before_ms;
        store_rows_free(kind, rows);
        g_free(cursor);
        cursor = g_steal_pointer(&next);
    }
}

static void test_rows_without_an_id_come_in_pages(void)
{
    static const char *const bad[] = {
        "nothing", "1", "1/a", "1/a/b", "1/a/b/c/d", "x/a/b/c", "-1/a/b/c", "1e3/a/b/c", "99999999999999999999/a/b/c"};
    struct store_world world;
    staffed_world_init(&world);
    put_buckets(world.store);
    expect_pages(world.store, &store_hours);
    expect_pages(world.store, &store_attendance);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const struct store_row_filter filter = {.org_id = "default", .before_id = bad[i], .limit = 1};
        g_autoptr(GError) error = NULL;
        g_assert_null(store_rows_list(world.store, &store_hours, &filter, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    }
    world_clear(&world);
}

/* ---- pages of what moves, or is there twice ---- */

/* A gateway may number each camera's events by itself. */
static void test_an_id_of_two_cameras_hides_nothing(void)
{
    enum { SIGNALS = 6, DOUBLED = 2 };
    static const char id[] = "00000000-0000-7000-8000-000000000100";
    struct store_world world;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < SIGNALS; i++)
        g_ptr_array_add(batch, world_signal(&world, i == DOUBLED ? id : NULL, "gate", "safety", "intrusion", "high",
                                            world_start_ms + i * 1000));
    world_store(&world, batch);
    batch = world_batch_new();
    struct analytics_event *late =
        world_signal(&world, id, "door", "safety", "intrusion", "high", world_start_ms - DAYS_AGO_MS);
    late->received_at.ms = world_start_ms + SIGNALS * 1000;
    g_ptr_array_add(batch, late);
    g_ptr_array_add(batch, world_signal(&world, id, "yard", "safety", "intrusion", "high", world_start_ms + 2000));
    world_store(&world, batch);
    g_autofree char *cursor = NULL;
    guint count = 0;
    for (guint length = 1; length && count < 100; count += length) {
        g_autoptr(GPtrArray) events =
            world_list(&world, (struct store_event_filter){.org_id = "default", .limit = 1, .before_id = cursor});
        length = events->len;
        g_free(cursor);
        cursor = length ? store_event_cursor(g_ptr_array_index(events, 0)) : NULL;
    }
    g_assert_cmpuint(count, ==, SIGNALS + 2);
    static const char *const asked[] = {NULL, "door", "gate", "yard"}, *const found[] = {"gate", "door", "gate",
                                                                                         "yard"};
    for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
        struct analytics_event *event = store_event_get(world.store, "default", EVENT_SIGNAL, asked[i], id, NULL);
        g_assert_cmpstr(event->camera_id, ==, found[i]);
        analytics_event_free(event);
    }
    g_assert_null(store_event_get(world.store, "default", 0, "hall", id, NULL));
    world_clear(&world);
}

/* Who goes on behind it is told of all that came since the first. */
static void test_what_came_after_an_id_of_two_cameras(void)
{
    static const char id[] = "00000000-0000-7000-8000-000000000100";
    static const char *const cameras[] = {"gate", "yard", "door"};
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    GPtrArray *batch = world_batch_new();
    for (size_t i = 0; i < G_N_ELEMENTS(cameras); i++)
        g_ptr_array_add(batch, world_signal(&world, id, cameras[i], "safety", "intrusion", "high",
                                            world_start_ms + (int)(i / 2) * 1000));
    world_store(&world, batch);
    const struct store_events_after asked = {.org_id = "default", .after_id = id, .limit = 10};
    struct store_events_found found;
    g_assert_true(store_events_read_after(world.store, &asked, &found, &error));
    g_assert_cmpuint(found.again->len, ==, 0);
    g_assert_cmpuint(found.later->len, ==, 2);
    for (guint i = 0; i < found.later->len; i++)
        g_assert_cmpstr(((const struct analytics_event *)found.later->pdata[i])->camera_id, ==, cameras[i + 1]);
    store_events_found_clear(&found);
    world_clear(&world);
}

/* How many rows there are in pages of one. */
static int count_by_pages(struct store *store, const struct store_row_kind *kind)
{
    g_autofree char *cursor = NULL;
    for (int count = 0;; count++) {
        const struct store_row_filter filter = {.org_id = "default", .before_id = cursor, .limit = 1};
        g_autoptr(GError) error = NULL;
        GPtrArray *page = store_rows_list(store, kind, &filter, &error);
        g_assert_no_error(error);
        g_assert_cmpint(count, <, 100);
        if (page->len == 0) {
            store_rows_free(kind, page);
            return count;
        }
        g_free(cursor);
        cursor = store_row_cursor(kind, g_ptr_array_index(page, 0));
        store_rows_free(kind, page);
    }
}

static void test_lists_by_id_take_their_own_cursors_alone(void)
{
    static const char *const bad[] = {"zzz", "00000000-0000-7000-8000-000000000100", "/a/b"};
    struct store_world world;
    staffed_world_init(&world);
    for (int i = 0; i < 3; i++)
        g_assert_true(make_employee(world.store, NULL, NULL));
    g_assert_cmpint(count_by_pages(world.store, &store_employees), ==, 3);
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const struct store_row_filter filter = {.org_id = "default", .before_id = bad[i], .limit = 1};
        g_autoptr(GError) error = NULL;
        g_assert_null(store_rows_list(world.store, &store_employees, &filter, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    }
    world_clear(&world);
}

/* Times finer than ours, as other programs write them: no row is left out between two pages, and none comes twice. */
static void test_pages_of_times_of_other_programs(void)
{
    struct store_world world;
    if (!world_is_postgres()) {
        g_test_skip("SQLite has whole milliseconds");
        return;
    }
    staffed_world_init(&world);
    postgres_do(world.database,
                "INSERT INTO access_logs (org_id, camera_id, id, employee_id, direction, at, source) SELECT 'default', "
                "'cam-1', 'a' || n, 'e-1', 'in', timestamptz '2026-01-01T00:00:00.000001Z' + n * interval '300 "
                "microseconds', 'local' FROM generate_series(0, 9) n; INSERT INTO attendance_records (org_id, "
                "employee_id, day, status) SELECT 'default', 'e-' || n, timestamptz '2026-01-01T00:00:00.000001Z' + (9 "
                "- n) * interval '300 microseconds', 'present' FROM generate_series(0, 9) n");
    g_assert_cmpint(count_by_pages(world.store, &store_access_logs), ==, 10);
    g_assert_cmpint(count_by_pages(world.store, &store_attendance), ==, 10);
    world_clear(&world);
}

/* A database of the time before: who asks what changed since then is told of what was there rather than of nothing. */
static void test_incidents_of_earlier_versions_changed_when_they_were_taken_over(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    store_close(world.store);
    meddle(&world, "DROP INDEX incidents_by_change; ALTER TABLE incidents DROP COLUMN changed_at; DELETE FROM "
                   "schema_migrations WHERE number = 32");
    g_autofree char *at = sql_of_time(&world, world_start_ms), *of_change = sql_of_ms(&world, "changed_at"),
                    *changed = g_strdup_printf("SELECT %s FROM incidents", of_change),
                    *sql = g_strdup_printf(
                        "INSERT INTO incidents (org_id, id, camera_id, service, kind, severity, status, title, "
                        "started_at, last_signal_at, signal_count) VALUES ('default', 'i-1', 'door', 'safety', "
                        "'intrusion', 'high', 'open', 'Intrusion', %s, %s, 1)",
                        at, at);
    meddle(&world, sql);
    int64_t from_ms = g_get_real_time() / 1000 - 1000; /* SQLite's own clock tells whole seconds */
    if (world.database)
        postgres_migrate(world.database);
    world.store = world_open(&world, &error);
    g_assert_no_error(error);
    g_assert_cmpint(ask_number(&world, changed), >=, from_ms);
    g_assert_cmpint(ask_number(&world, changed), <=, g_get_real_time() / 1000);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/rows/what_is_named_is_there_and_stays", test_what_is_named_is_there_and_stays);
    g_test_add_func("/rows/one_of_two_at_once_is_refused", test_one_of_two_at_once_is_refused);
    g_test_add_func("/rows/an_org_gets_another_name", test_an_org_gets_another_name);
    g_test_add_func("/rows/rows_without_an_id_come_in_pages", test_rows_without_an_id_come_in_pages);
    g_test_add_func("/rows/an_id_of_two_cameras_hides_nothing", test_an_id_of_two_cameras_hides_nothing);
    g_test_add_func("/rows/what_came_after_an_id_of_two_cameras", test_what_came_after_an_id_of_two_cameras);
    g_test_add_func("/rows/lists_by_id_take_their_own_cursors_alone", test_lists_by_id_take_their_own_cursors_alone);
    g_test_add_func("/rows/pages_of_times_of_other_programs", test_pages_of_times_of_other_programs);
    g_test_add_func("/rows/incidents_of_earlier_versions_changed_when_they_were_taken_over",
                    test_incidents_of_earlier_versions_changed_when_they_were_taken_over);
    return g_test_run();
}
