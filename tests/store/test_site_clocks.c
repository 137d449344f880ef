/* Sites whose clocks become others: no event is in two buckets of a level, nor in none, whenever it comes (case G2). */
#include "base/random.h"
#include "store/places.h"
#include "store/site_clocks.h"
#include "upkeep_world.h"

static void set_zone(struct store_world *world, const char *time_zone)
{
    struct site site = {(char *)"default", (char *)"default", (char *)"hall", (char *)(uintptr_t)time_zone, {0}};
    g_autoptr(GError) error = NULL;
    store_site_change(world->store, &site, NULL, NULL, &by_admin, &error);
    g_assert_no_error(error);
}

static void create_site(struct store_world *world, const char *time_zone)
{
    struct site site = {(char *)"default", (char *)"default", (char *)"hall", (char *)(uintptr_t)time_zone, {0}};
    g_autoptr(GError) error = NULL;
    store_site_create(world->store, &site, &by_admin, &error);
    g_assert_no_error(error);
}

static void delete_site(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    store_site_delete(world->store, "default", NULL, NULL, &by_admin, &error);
    g_assert_no_error(error);
}

/* In each level, all events, once. */
static void expect_all_counted(struct store_world *world)
{
    static const char *const tables[] = {"occupancy_hourly", "occupancy_daily", "occupancy_monthly"};
    int64_t events = ask_number(world, "SELECT count(*) FROM events");
    roll_up(world, ROLLUP_MONTH);
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *sql = g_strdup_printf("SELECT sum(entries) FROM %s", tables[i]);
        int64_t counted = ask_number(world, sql);
        if (counted != events)
            g_error("%s: %d of %d events are counted", tables[i], (int)counted, (int)events);
    }
    g_assert_cmpint(ask_number(world, "SELECT count(*) FROM rollup_marks"), ==, 0);
}

/* First moments of a level's buckets, as hours and minutes of UTC. */
static char *buckets_of(const struct store_world *world, const char *table)
{
    g_autofree char *ms = sql_of_ms(world, "bucket");
    g_autofree char *sql = g_strdup_printf("SELECT %s FROM %s ORDER BY bucket", ms, table);
    g_autofree char *text = ask(world, sql);
    g_auto(GStrv) moments = g_strsplit(text, " ", -1);
    GString *out = g_string_new(NULL);
    for (size_t i = 0; moments[i]; i++) {
        int64_t minutes = g_ascii_strtoll(moments[i], NULL, 10) / MINUTE % (24 * 60);
        g_string_append_printf(out, "%s%02d:%02d", i ? " " : "", (int)(minutes / 60), (int)(minutes % 60));
    }
    return g_string_free(out, FALSE);
}

static void test_g02_hours_that_begin_elsewhere(void)
{
    struct store_world world;
    begin(&world, "UTC", at("2026-01-10T12:20:00Z"));
    cross(&world, "in", at("2026-01-10T10:15:00Z"));
    cross(&world, "in", at("2026-01-10T11:40:00Z"));
    cross(&world, "in", at("2026-01-10T12:10:00Z"));
    cross(&world, "in", at("2026-01-10T12:50:00Z")); /* of a clock that is ahead */
    expect_all_counted(&world);
    set_zone(&world, "Asia/Kolkata");
    expect_all_counted(&world);
    move_to(&world, at("2026-01-10T12:40:00Z"));
    cross(&world, "in", at("2026-01-10T12:25:00Z"));
    cross(&world, "in", at("2026-01-10T11:45:00Z")); /* late */
    cross(&world, "in", at("2026-01-10T12:19:00Z"));
    expect_all_counted(&world);
    g_autofree char *hours = buckets_of(&world, "occupancy_hourly"), *days = buckets_of(&world, "occupancy_daily");
    g_assert_cmpstr(hours, ==, "10:00 11:00 12:00 12:20 12:30");
    g_assert_cmpstr(days, ==, "00:00 12:20");
    move_to(&world, at("2026-01-10T20:00:00Z"));
    cross(&world, "in", at("2026-01-10T18:45:00Z")); /* the next day, there */
    expect_all_counted(&world);
    g_autofree char *later = buckets_of(&world, "occupancy_daily");
    g_assert_cmpstr(later, ==, "00:00 12:20 18:30");
    world_clear(&world);
}

static void test_g02_a_late_event_of_a_day_by_the_old_clocks(void)
{
    struct store_world world;
    begin(&world, "UTC", at("2026-01-10T12:00:00Z"));
    for (int day = 0; day < 6; day++)
        cross(&world, "in", at("2026-01-04T23:30:00Z") + day * DAY);
    expect_all_counted(&world);
    set_zone(&world, "Europe/Berlin");
    cross(&world, "in", at("2026-01-06T23:45:00Z"));
    cross(&world, "in", at("2026-01-06T02:00:00Z"));
    expect_all_counted(&world);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM occupancy_daily"), ==, 6);
    g_assert_cmpint(ask_number(&world, "SELECT max(entries) FROM occupancy_daily"), ==, 3);
    world_clear(&world);
}

static void test_g02_a_site_that_comes_again(void)
{
    struct store_world world;
    begin(&world, "Asia/Kolkata", at("2026-01-10T12:20:00Z"));
    cross(&world, "in", at("2026-01-10T11:15:00Z"));
    cross(&world, "in", at("2026-01-10T11:45:00Z"));
    expect_all_counted(&world);
    delete_site(&world);
    cross(&world, "in", at("2026-01-10T11:20:00Z")); /* by the clocks it had */
    expect_all_counted(&world);
    move_to(&world, at("2026-01-10T13:10:00Z"));
    cross(&world, "in", at("2026-01-10T13:05:00Z"));
    expect_all_counted(&world);
    create_site(&world, "Europe/Berlin");
    cross(&world, "in", at("2026-01-10T12:25:00Z"));
    cross(&world, "in", at("2026-01-10T13:11:00Z"));
    expect_all_counted(&world);
    g_autofree char *hours = buckets_of(&world, "occupancy_hourly");
    g_assert_cmpstr(hours, ==, "10:30 11:30 12:30 13:10");
    world_clear(&world);
}

static void step(struct store_world *world, struct random *random, bool *has_site)
{
    static const char *const zones[] = {
        "UTC", "Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Kiritimati", NULL};
    const char *zone = zones[random_range(random, 0, G_N_ELEMENTS(zones) - 1)];
    int64_t now_ms = clock_wall_ms(world->clock);
    switch (random_range(random, 0, 9)) {
    case 0:
        move_to(world, now_ms + random_range(random, 0, 30 * HOUR));
        break;
    case 1:
        roll_up(world, ROLLUP_HOUR + random_range(random, 0, 2));
        break;
    case 2:
        if (*has_site)
            set_zone(world, zone);
        break;
    case 3:
        if (*has_site)
            delete_site(world);
        else
            create_site(world, zone);
        *has_site = !*has_site;
        break;
    case 4:
        cross(world, "in", now_ms + random_range(random, 0, 55 * MINUTE));
        break;
    default:
        cross(world, "in", now_ms - random_range(random, 0, 6 * DAY));
    }
}

static void test_g02_whatever_becomes_of_the_clocks(void)
{
    enum { SEEDS = 6, STEPS = 90, LOOKS = 15 };
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct store_world world;
        struct random random;
        bool has_site = true;
        random_init(&random, seed);
        begin(&world, "UTC", at("2026-03-27T12:20:00Z")); /* and some of them are set forward soon */
        for (int i = 0; i < STEPS; i++) {
            step(&world, &random, &has_site);
            if (i % LOOKS == LOOKS - 1)
                expect_all_counted(&world);
        }
        world_clear(&world);
    }
}

static void *roll_up_in_a_thread(void *world)
{
    roll_up(world, ROLLUP_MONTH);
    return NULL;
}

/* It has read and summed by the old clocks, and waits for its turn to write. */
static void test_g02_while_a_roll_up_runs(void)
{
    if (world_is_postgres()) {
        g_test_skip("PostgreSQL's writers have no turns");
        return;
    }
    struct store_world world;
    g_autoptr(GError) error = NULL;
    begin(&world, "UTC", at("2026-01-10T12:20:00Z"));
    cross(&world, "in", at("2026-01-10T12:10:00Z"));
    expect_all_counted(&world);
    cross(&world, "in", at("2026-01-10T12:40:00Z"));
    struct store_transaction *writer = store_begin(world.store, STORE_WRITE, "default", &error);
    GThread *thread = g_thread_new("roll-up", roll_up_in_a_thread, &world);
    WORLD_WAIT_UNTIL(counter_get(&world.health.store_writers_waiting) == 1);
    g_assert_true(store_site_clocks_change_in(writer, "default", "default", "Asia/Kolkata", &error) &&
                  store_run(writer, "UPDATE sites SET time_zone = 'Asia/Kolkata' WHERE org_id = 'default'",
                            STORE_NO_VALUES, NULL, &error) &&
                  store_commit(writer, &error));
    g_thread_join(thread);
    expect_all_counted(&world);
    g_autofree char *hours = buckets_of(&world, "occupancy_hourly");
    g_assert_cmpstr(hours, ==, "12:00 12:30");
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/site_clocks/g02_hours_that_begin_elsewhere", test_g02_hours_that_begin_elsewhere);
    g_test_add_func("/site_clocks/g02_a_late_event_of_a_day_by_the_old_clocks",
                    test_g02_a_late_event_of_a_day_by_the_old_clocks);
    g_test_add_func("/site_clocks/g02_a_site_that_comes_again", test_g02_a_site_that_comes_again);
    g_test_add_func("/site_clocks/g02_whatever_becomes_of_the_clocks", test_g02_whatever_becomes_of_the_clocks);
    g_test_add_func("/site_clocks/g02_while_a_roll_up_runs", test_g02_while_a_roll_up_runs);
    return g_test_run();
}
