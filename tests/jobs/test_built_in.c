/* Every job of the table, run twice on a store that has rows of everything: the second run changes nothing. */
#include <stddef.h>

#include "built_in_world.h"
#include "store/erasure.h"
#include "store/store_internal.h"
#include "store/tenancy_world.h"
#include "store/upkeep_world.h"

static const struct audit_by by_a = {"a", "admin-id", "admin", "10.0.0.9", "contract ended"};

/* Rows of every table for the orgs a and b, b deleted; events of a, old ones and new ones, not counted yet. */
struct filled {
    struct tenancy tenancy;
    struct settings settings;
};

static void add_events(struct store_world *world, int64_t from_ms)
{
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < 40; i++) {
        struct analytics_event *event =
            i % 2 ? world_crossing(world, NULL, "door", "in", from_ms + i * 10 * MINUTE)
                  : world_signal(world, NULL, "one", "safety", "fall", "high", from_ms + i * 10 * MINUTE);
        g_free(event->org_id);
        g_free(event->site_id);
        event->org_id = g_strdup("a");
        event->site_id = g_strdup("one");
        g_ptr_array_add(batch, event);
    }
    g_assert_cmpstr(world_store(world, batch).error, ==, NULL);
}

static void fill(struct filled *filled)
{
    struct store_world *world = &filled->tenancy.world;
    g_autoptr(GError) error = NULL;
    tenancy_init(&filled->tenancy);
    if (filled->tenancy.sqlite.db)
        connection_close(&filled->tenancy.sqlite);
    filled->tenancy.sqlite.db = NULL;
    meddle(world, "UPDATE sites SET time_zone = 'Europe/Berlin'; UPDATE site_clocks SET time_zone = 'UTC'");
    if (!world->store)
        world->store = world_open(world, &error);
    g_assert_no_error(error);
    record_init(&settings_descriptor, &filled->settings);
    filled->settings.retention.clock_gap_days = 0;
    filled->settings.retention.pause_ms = 0;
    add_events(world, world_start_ms);
    move_to(world, world_start_ms + 400 * DAY + 12 * HOUR); /* days and months under way are for their own jobs */
    add_events(world, world_start_ms + 400 * DAY);
    const struct store_retention how = {.settings = &filled->settings.retention};
    g_assert_true(store_org_delete(world->store, &how, "b", NULL, NULL, &by_a, &error));
}

static void run(struct filled *filled, const struct job *job)
{
    struct store_world *world = &filled->tenancy.world;
    g_autoptr(GString) detail = g_string_new(NULL);
    run_built_in(world, &filled->settings, job, detail);
    g_test_message("%s: %s", job->id, detail->str);
}

/* Table by table, but for the history of jobs; how much room there is, the disk says. */
static GPtrArray *dump(const struct store_world *world)
{
    GPtrArray *tables = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < store_table_count; i++) {
        const struct record_descriptor *descriptor = store_tables[i].descriptor;
        GString *sql = g_string_new("SELECT ");
        if (descriptor == &job_run_descriptor) {
            g_string_free(sql, TRUE);
            continue;
        }
        g_string_append(sql, descriptor == &storage_sample_descriptor ? "at, disk" : "*");
        g_string_append_printf(sql, " FROM %s ORDER BY ", descriptor->table);
        record_append_sql_names(descriptor, RECORD_KEY, sql);
        g_autofree char *rows = ask(world, sql->str);
        g_ptr_array_add(tables, g_strdup_printf("%s: %s", descriptor->table, rows));
        g_string_free(sql, TRUE);
    }
    return tables;
}

/* The first table that differs, as it is after; NULL: none does. */
static const char *find_difference(const GPtrArray *before, const GPtrArray *after)
{
    for (guint i = 0; i < before->len; i++)
        if (strcmp(g_ptr_array_index(before, i), g_ptr_array_index(after, i)) != 0)
            return g_ptr_array_index(after, i);
    return NULL;
}

static void test_a_second_run_changes_nothing(void)
{
    struct filled filled;
    fill(&filled);
    for (size_t i = 0; i < built_in_job_count; i++) {
        const struct job *job = &built_in_jobs[i];
        g_autoptr(GPtrArray) before = dump(&filled.tenancy.world);
        run(&filled, job);
        g_autoptr(GPtrArray) once = dump(&filled.tenancy.world);
        run(&filled, job);
        g_autoptr(GPtrArray) twice = dump(&filled.tenancy.world);
        const char *again = find_difference(once, twice);
        if (!find_difference(before, once))
            g_error("%s: it had nothing to do here", job->id);
        if (again)
            g_error("%s: run again, it changed what it had done: %s", job->id, again);
    }
    g_assert_cmpint(ask_number(&filled.tenancy.world, "SELECT sum(entries) FROM occupancy_hourly WHERE org_id = 'a'"),
                    >, 0);
    g_assert_cmpint(ask_number(&filled.tenancy.world, "SELECT count(*) FROM events WHERE org_id = 'b'"), ==, 0);
    record_clear(&settings_descriptor, &filled.settings);
    tenancy_clear(&filled.tenancy);
}

/* It counts what is over of all levels: what it cannot, a person must look at. */
static void test_hours_that_cannot_be_counted_are_an_alarm(void)
{
    g_assert_cmpint(find_built_in("aggregate_hourly")->alarm, ==, offsetof(struct server_health, rollups_failing));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/built_in/a_second_run_changes_nothing", test_a_second_run_changes_nothing);
    g_test_add_func("/built_in/hours_that_cannot_be_counted_are_an_alarm",
                    test_hours_that_cannot_be_counted_are_an_alarm);
    return g_test_run();
}
