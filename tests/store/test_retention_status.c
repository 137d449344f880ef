/* How retention stands, and the disks: what proves that things are kept as long as they shall be, and no longer. */
#include "retention_world.h"

/* A line for each camera of a table: "cam-1: 90 days, oldest +5, 1 due, 2 held by legal_hold". */
static char *status_of(struct store_world *world, const struct retention_settings *settings, const char *table,
                       bool with_rows)
{
    const struct store_retention retention = {.settings = settings};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) views = store_retention_status(world->store, &retention, "default", with_rows, &error);
    g_assert_no_error(error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < views->len; i++) {
        const struct retention_view *view = g_ptr_array_index(views, i);
        if (strcmp(view->table, table) != 0)
            continue;
        g_string_append_printf(text, "%s%s: %d days, oldest %+d", text->len ? "; " : "",
                               view->camera_id ? view->camera_id : "-", view->days,
                               (int)(view->oldest_at.ms ? view->oldest_at.ms - world_start_ms : -1));
        if (with_rows)
            g_string_append_printf(text, ", %d due, %d held%s%s", (int)view->due_rows, (int)view->held_rows,
                                   view->held_by ? " by " : "", view->held_by ? view->held_by : "");
        if (view->is_partial)
            g_string_append(text, ", in part");
    }
    return g_string_free(text, FALSE);
}

static void expect_status(struct store_world *world, const struct retention_settings *settings, const char *table,
                          const char *expected)
{
    g_autofree char *found = status_of(world, settings, table, true);
    g_assert_cmpstr(found, ==, expected);
}

static void hold_from(struct store_world *world, const char *camera_id, int64_t from_ms)
{
    g_autoptr(GError) error = NULL;
    struct legal_hold hold;
    record_init(&legal_hold_descriptor, &hold);
    hold.camera_id = g_strdup(camera_id);
    hold.from_at.ms = from_ms;
    hold.reason = g_strdup("case 12");
    g_assert_true(store_hold_put(world->store, &hold, &by_admin, &error));
    record_clear(&legal_hold_descriptor, &hold);
}

static void test_each_camera_is_told_of_alone(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    const struct store_retention retention = {.settings = &settings};
    begin(&world, "UTC", world_start_ms);
    for (int i = 0; i < 4; i++)
        put(&world, signal_at(&world, "cam-1", world_start_ms + 5 + i));
    put(&world, signal_at(&world, "cam-2", world_start_ms + 50));
    put(&world, signal_at(&world, "cam-3", world_start_ms + 2 * MINUTE));
    move_to(&world, world_start_ms + 90 * DAY + MINUTE);
    hold_from(&world, "cam-1", world_start_ms + 7);
    expect_status(&world, &settings, "events",
                  "cam-1: 90 days, oldest +5, 2 due, 2 held by legal_hold; cam-2: 90 days, oldest +50, 1 due, 0 held; "
                  "cam-3: 90 days, oldest +120000, 0 due, 0 held");
    g_autofree char *quick = status_of(&world, &settings, "events", false);
    g_assert_cmpstr(quick, ==, "cam-1: 90 days, oldest +5; cam-2: 90 days, oldest +50; cam-3: 90 days, oldest +120000");
    /* what it says is what a run does, and then no longer says */
    g_autofree char *gone = retain(&world, &settings, false);
    g_assert_cmpstr(gone, ==, "events 3");
    expect_status(
        &world, &settings, "events",
        "cam-1: 90 days, oldest +7, 0 due, 2 held by legal_hold; cam-3: 90 days, oldest +120000, 0 due, 0 held");
    g_autoptr(GPtrArray) others = store_retention_status(world.store, &retention, "other", true, NULL);
    g_assert_cmpuint(others->len, ==, 0);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

static void test_g03_what_is_not_counted_yet_is_told(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    begin(&world, "UTC", world_start_ms);
    cross(&world, "in", world_start_ms + 9);
    move_to(&world, world_start_ms + 31 * DAY);
    expect_status(&world, &settings, "occupancy", "cam-1: 30 days, oldest +9, 0 due, 1 held by rollup");
    hold_from(&world, NULL, 0);
    expect_status(&world, &settings, "occupancy", "cam-1: 30 days, oldest +9, 0 due, 1 held by legal_hold, rollup");
    g_autofree char *events = status_of(&world, &settings, "events", true);
    g_assert_cmpstr(events, ==, ""); /* none of its own */
    expect_status(&world, &settings, "counts", "cam-1: 400 days, oldest +0, 0 due, 0 held");
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* However many rows there are, so many are looked at. */
static void test_what_is_looked_at_is_bounded(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    begin(&world, "UTC", world_start_ms);
    for (int i = 0; i < 8; i++)
        put(&world, signal_at(&world, "cam-1", world_start_ms + i));
    cross(&world, "in", world_start_ms + 20);
    roll_up(&world, ROLLUP_HOUR);
    move_to(&world, world_start_ms + 100 * DAY);
    expect_status(&world, &settings, "occupancy", "cam-1: 30 days, oldest +20, 1 due, 0 held");
    settings.status_rows = 3;
    expect_status(&world, &settings, "events", "cam-1: 90 days, oldest +0, 3 due, 0 held, in part");
    expect_status(&world, &settings, "occupancy", "cam-1: 30 days, oldest -1, 0 due, 0 held, in part");
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* ---- the disks ---- */

static void test_forecast_of_the_disk(void)
{
    struct storage_sample samples[24];
    const struct storage_sample *list[24];
    for (int i = 0; i < 24; i++) {
        samples[i] = (struct storage_sample){{world_start_ms + i * (int64_t)HOUR}, INT64_C(1000000) - i * 10000, NULL};
        list[i] = &samples[i];
    }
    /* 770,000 bytes are left at the last of them, at 10,000 an hour: 77 hours */
    int64_t full_ms = storage_forecast(list, 24);
    g_assert_cmpint(llabs(full_ms - (world_start_ms + (23 + 77) * (int64_t)HOUR)), <, HOUR / 10);
    g_assert_cmpint(storage_forecast(list, 1), ==, 0);
    for (int i = 0; i < 24; i++)
        samples[i].free_bytes = 1000000 + i;
    g_assert_cmpint(storage_forecast(list, 24), ==, 0);
}

static void sample(struct store_world *world, const char *disk, int hour, int64_t free_bytes)
{
    g_autofree char *when = sql_of_time(world, world_start_ms + hour * (int64_t)HOUR);
    g_autofree char *sql =
        g_strdup_printf("INSERT INTO storage_samples (at, free_bytes, disk) VALUES (%s, %" G_GINT64_FORMAT ", '%s')",
                        when, free_bytes, disk);
    meddle(world, sql);
}

/* Two hubs, whose disks fill at different rates: their samples are not one line. */
static void test_the_disk_that_is_full_first_is_told(void)
{
    struct store_world world;
    struct retention_settings settings = retention_settings();
    const struct store_retention retention = {.settings = &settings};
    struct store_full_disk first;
    begin(&world, "UTC", world_start_ms);
    cross(&world, "in", world_start_ms);
    g_assert_true(store_storage_forecast(world.store, &first, NULL));
    g_assert_null(first.disk);
    for (int i = 0; i < 5; i++) {
        sample(&world, "roomy", i, 100000000 + i);
        sample(&world, "tight", i, 1000 - i * 10); /* 960 left: 96 hours */
        sample(&world, "slow", i, 100000 - i * 10);
    }
    g_assert_true(store_storage_forecast(world.store, &first, NULL));
    g_assert_cmpstr(first.disk, ==, "tight");
    g_assert_cmpint(llabs(first.full_ms - (world_start_ms + (4 + 96) * (int64_t)HOUR)), <, HOUR / 10);
    g_autoptr(GPtrArray) views = store_retention_status(world.store, &retention, "default", false, NULL);
    const struct retention_view *view = g_ptr_array_index(views, 0);
    g_assert_cmpint(view->disk_full_at.ms, ==, first.full_ms);
    /* a sample of ours leaves the others', and takes away what ours said in the future */
    move_to(&world, world_start_ms + 4 * (int64_t)HOUR);
    g_assert_true(store_storage_sample(world.store, 5, NULL));
    move_to(&world, world_start_ms + 3 * (int64_t)HOUR);
    g_assert_true(store_storage_sample(world.store, 6, NULL));
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM storage_samples"), ==, 16);
    g_free(first.disk);
    record_clear(&retention_settings_descriptor, &settings);
    world_clear(&world);
}

/* A container has another host name at each start: its samples remain those of one disk. */
static void test_a_disk_keeps_its_samples_under_another_host(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms);
    g_assert_true(store_storage_sample(world.store, 7, NULL));
    meddle(&world, "UPDATE storage_samples SET disk = 'earlier' || disk");
    sample(&world, "elsewhere:/data 0197a000-0000-7000-8000-000000000001", 0, 5);
    move_to(&world, world_start_ms + (int64_t)HOUR);
    g_assert_true(store_storage_sample(world.store, 6, NULL));
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM storage_samples"), ==, 3);
    g_assert_cmpint(ask_number(&world, "SELECT count(DISTINCT disk) FROM storage_samples"), ==, 2);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/retention_status/each camera is told of alone", test_each_camera_is_told_of_alone);
    g_test_add_func("/retention_status/g03_what_is_not_counted_yet_is_told", test_g03_what_is_not_counted_yet_is_told);
    g_test_add_func("/retention_status/what is looked at is bounded", test_what_is_looked_at_is_bounded);
    g_test_add_func("/retention_status/forecast of the disk", test_forecast_of_the_disk);
    g_test_add_func("/retention_status/a disk keeps its samples under another host",
                    test_a_disk_keeps_its_samples_under_another_host);
    g_test_add_func("/retention_status/the disk that is full first is told", test_the_disk_that_is_full_first_is_told);
    return g_test_run();
}
