/* Roll-ups that fail or are killed: what they cost no other hour and no other org (cases D7, G1). */
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rival.h"
#include "store/rollup_buckets.h"
#include "store/work_internal.h"
#include "upkeep_world.h"

/* Something in each of 150 hours. */
static void begin_with_hours(struct store_world *world)
{
    begin(world, "Europe/Berlin", world_start_ms + 150 * (int64_t)HOUR);
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < 150; i++)
        g_ptr_array_add(batch,
                        world_crossing(world, NULL, "door", "in", world_start_ms + i * (int64_t)HOUR + i * 1000));
    g_assert_cmpint(world_store(world, batch).new_records, ==, 150);
}

static struct store *open_again(struct store_world *world)
{
    struct store_settings settings = world_settings;
    settings.late_days = 30;
    return world_open_with(world, settings, NULL);
}

/* A server that is gone after so long, wherever it was. True when it had not ended. */
static bool roll_up_and_die(struct store_world *world, int after_ms)
{
    pid_t child = fork();
    if (child == 0) {
        const struct itimerval timer = {.it_value.tv_usec = after_ms * 1000};
        world->store = open_again(world);
        setitimer(ITIMER_REAL, &timer, NULL); /* SIGALRM ends the process at once */
        roll_up(world, ROLLUP_MONTH);
        _exit(0);
    }
    int status = 0;
    g_assert_cmpint(child, >, 0);
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
}

static void test_g01_killed_in_the_middle(void)
{
    struct store_world whole, killed;
    int deaths = 0;
    begin_with_hours(&whole);
    begin_with_hours(&killed);
    roll_up(&whole, ROLLUP_MONTH);
    g_clear_pointer(&whole.store, store_close); /* no thread is left when the process is forked */
    g_clear_pointer(&killed.store, store_close);
    for (int i = 0; i < 12; i++)
        deaths += roll_up_and_die(&killed, 1 + 4 * i);
    g_test_message("%d of 12 were killed", deaths);
    g_assert_cmpint(deaths, >, 0);
    killed.store = open_again(&killed);
    roll_up(&killed, ROLLUP_MONTH);
    static const char *const tables[] = {"occupancy_hourly", "occupancy_daily", "occupancy_monthly"};
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *expected = rows_of(&whole, tables[i]), *found = rows_of(&killed, tables[i]);
        g_assert_cmpstr(expected, !=, "");
        g_assert_cmpstr(expected, ==, found);
    }
    g_assert_cmpint(ask_number(&killed, "SELECT count(*) FROM rollup_marks"), ==, 0);
    world_clear(&whole);
    world_clear(&killed);
}

/* acme comes first, and one of its zones is not known here: it is named, and the others are counted all the same. */
static void test_g01_what_fails_for_one_org_is_no_other_s_loss(void)
{
    struct store_world world;
    const struct store_rollup rollup = {.level = ROLLUP_HOUR};
    g_autoptr(GError) error = NULL;
    int64_t buckets = 0;
    begin(&world, "UTC", world_start_ms + HOUR);
    cross(&world, "in", world_start_ms);
    meddle(&world, "INSERT INTO orgs (id, name) VALUES ('acme', 'acme'); INSERT INTO sites (org_id, id, time_zone) "
                   "VALUES ('acme', 'hall', 'Nowhere/None')");
    g_assert_false(store_rollup(world.store, &rollup, &buckets, &error));
    g_assert_nonnull(strstr(error->message, "org acme: "));
    g_assert_cmpint(buckets, >, 0);
    g_assert_cmpint(ask_number(&world, "SELECT entries FROM occupancy_hourly WHERE org_id = 'default'"), ==, 1);
    world_clear(&world);
}

/* acme fails, the run of default is another hub's by then, and zeta comes after it: nothing of it is tried. */
static void test_d07_what_was_taken_over_ends_for_all_orgs(void)
{
    if (world_is_postgres()) {
        g_test_skip("what was tried is told by SQLite");
        return;
    }
    struct store_world world;
    const struct store_run_hold lost = {"aggregate", world_start_ms, 1, 60000};
    const struct store_rollup rollup = {.level = ROLLUP_HOUR, .hold = &lost};
    g_autoptr(GError) error = NULL;
    int64_t buckets = 0;
    int beats = 0;
    begin(&world, "UTC", world_start_ms + HOUR);
    cross(&world, "in", world_start_ms);
    g_autofree char *start = sql_of_time(&world, world_start_ms);
    g_autofree char *sql =
        g_strdup_printf("INSERT INTO orgs (id, name) VALUES ('acme', 'acme'), ('zeta', 'zeta'); INSERT INTO sites "
                        "(org_id, id, time_zone) VALUES ('acme', 'hall', 'Nowhere/None'); INSERT INTO rollup_marks "
                        "VALUES ('zeta', 'hour', '', %s, 1)",
                        start);
    meddle(&world, sql);
    rival_count_beats(&world, &beats);
    g_assert_false(store_rollup(world.store, &rollup, &buckets, &error));
    g_assert_nonnull(strstr(error->message, "org acme: "));
    g_assert_cmpint(beats, ==, 1);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM rollup_marks"), ==, 2);
    world_clear(&world);
}

/* Hours of which this is true, beside the first, cannot be written, for the reason of an SQLSTATE in PostgreSQL (NULL:
 * for one that is the hour's own). */
static void stick_hours(struct store_world *world, const char *bucket_condition, const char *state)
{
    g_clear_pointer(&world->store, store_close);
    g_autofree char *start = sql_of_time(world, world_start_ms);
    g_autofree char *sql = g_strdup_printf(
        world->database ? "CREATE TRIGGER stuck BEFORE INSERT ON occupancy_hourly FOR EACH ROW WHEN (NEW.bucket %s %s) "
                          "EXECUTE FUNCTION stick('%s')"
                        : "CREATE TRIGGER stuck BEFORE INSERT ON occupancy_hourly WHEN NEW.bucket %s %s BEGIN SELECT "
                          "RAISE(ABORT, 'stuck'); END",
        bucket_condition, start, state ? state : "P0001");
    if (world->database)
        meddle(world, "CREATE FUNCTION stick() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'stuck' USING "
                      "ERRCODE = TG_ARGV[0]; END $$");
    meddle(world, sql);
    world->store = open_again(world);
}

static void expect_stuck(struct store_world *world)
{
    const struct store_rollup rollup = {.level = ROLLUP_MONTH};
    g_autoptr(GError) error = NULL;
    int64_t buckets = 0;
    g_assert_false(store_rollup(world->store, &rollup, &buckets, &error));
    g_assert_nonnull(strstr(error->message, "org default: hour of 2026-01-01T00:00:00"));
    g_assert_nonnull(strstr(error->message, "stuck"));
}

static void test_g01_an_hour_that_fails_keeps_no_other_from_being_counted(void)
{
    struct store_world world;
    begin(&world, "UTC", world_start_ms + 3 * HOUR);
    stick_hours(&world, "=", NULL);
    for (int hour = 0; hour < 3; hour++)
        cross(&world, "in", world_start_ms + hour * HOUR);
    expect_stuck(&world);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_monthly"), ==, 2);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM rollup_marks"), ==, 1); /* it is tried again */
    meddle(&world, world.database ? "DROP TRIGGER stuck ON occupancy_hourly" : "DROP TRIGGER stuck");
    roll_up(&world, ROLLUP_MONTH);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_monthly"), ==, 3);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM rollup_marks"), ==, 0);
    world_clear(&world);
}

/* As when a day's rows are damaged: the next run would begin with the same hours again. */
static void test_g01_many_hours_that_fail_keep_no_later_from_being_counted(void)
{
    enum { STUCK = 6 };
    struct store_world world;
    begin(&world, "UTC", world_start_ms + 12 * HOUR);
    g_autofree char *last = sql_of_time(&world, world_start_ms + (STUCK - 1) * HOUR);
    g_autofree char *condition = g_strdup_printf("<= %s AND NEW.bucket >=", last);
    stick_hours(&world, condition, NULL);
    for (int hour = 0; hour <= STUCK; hour++)
        cross(&world, "in", world_start_ms + hour * HOUR);
    expect_stuck(&world);
    g_assert_cmpint(ask_number(&world, "SELECT sum(entries) FROM occupancy_monthly"), ==, 1);
    g_assert_cmpint(ask_number(&world, "SELECT count(*) FROM rollup_marks"), ==, STUCK);
    world_clear(&world);
}

/* PostgreSQL says of a statement that took too long what it says when it is shut down. */
static void test_g01_hours_that_take_too_long_keep_no_later_from_being_counted(void)
{
    enum { HOURS = 12 };
    if (!world_is_postgres()) {
        g_test_skip("SQLite ends no statement");
        return;
    }
    struct store_world world;
    begin(&world, "UTC", world_start_ms + HOURS * HOUR);
    stick_hours(&world, ">=", "57014");
    for (int hour = 0; hour < HOURS; hour++)
        cross(&world, "in", world_start_ms + hour * HOUR);
    expect_stuck(&world);
    g_assert_cmpint(counter_get(&world.health.store_errors), ==, HOURS);
    world_clear(&world);
}

/* Another program writes, and does not end. sqlite3_close. */
static sqlite3 *keep_from_writing(struct store_world *world)
{
    struct sqlite_engine *engine = world->store->engine_state;
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL);
    sqlite3 *other = NULL;
    sqlite3_busy_timeout(engine->writer.db, 0);
    g_assert_cmpint(sqlite3_open(path, &other), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
    return other;
}

static void test_g01_where_the_store_is_unwell_it_is_left(void)
{
    enum { HOURS = 24 };
    struct store_world world;
    const struct store_rollup rollup = {.level = ROLLUP_MONTH};
    g_autoptr(GError) error = NULL;
    int64_t buckets = 0;
    begin(&world, "UTC", world_start_ms + HOURS * HOUR);
    if (world.database)
        stick_hours(&world, ">=", "53100"); /* its disk is full */
    for (int hour = 0; hour < HOURS; hour++)
        cross(&world, "in", world_start_ms + hour * HOUR);
    sqlite3 *other = world.database ? NULL : keep_from_writing(&world);
    g_assert_false(store_rollup(world.store, &rollup, &buckets, &error));
    enum vedette_error expected = world.database ? VEDETTE_ERROR_FULL : VEDETTE_ERROR_UNAVAILABLE;
    g_assert_error(error, VEDETTE_ERROR, (int)expected);
    g_assert_cmpint(buckets, ==, 0);
    /* five in a row; where it is away, it is asked after each of them whether it is */
    g_assert_cmpint(counter_get(&world.health.store_errors), ==, world.database ? 5 : 10);
    sqlite3_close(other);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/rollups/g01_killed_in_the_middle", test_g01_killed_in_the_middle);
    g_test_add_func("/rollups/g01_what_fails_for_one_org_is_no_other_s_loss",
                    test_g01_what_fails_for_one_org_is_no_other_s_loss);
    g_test_add_func("/rollups/d07_what_was_taken_over_ends_for_all_orgs",
                    test_d07_what_was_taken_over_ends_for_all_orgs);
    g_test_add_func("/rollups/g01_an_hour_that_fails_keeps_no_other_from_being_counted",
                    test_g01_an_hour_that_fails_keeps_no_other_from_being_counted);
    g_test_add_func("/rollups/g01_many_hours_that_fail_keep_no_later_from_being_counted",
                    test_g01_many_hours_that_fail_keep_no_later_from_being_counted);
    g_test_add_func("/rollups/g01_hours_that_take_too_long_keep_no_later_from_being_counted",
                    test_g01_hours_that_take_too_long_keep_no_later_from_being_counted);
    g_test_add_func("/rollups/g01_where_the_store_is_unwell_it_is_left", test_g01_where_the_store_is_unwell_it_is_left);
    return g_test_run();
}
