/* The scheduler on a real store: each time of a job is run once, whoever is there to run it. */
#include <sqlite3.h>

#include "faults.h"
#include "scheduler_world.h"

static void test_runs_when_due_and_tells(void)
{
    struct world world;
    world_begin(&world);
    struct scheduler *scheduler = start(&world, counting, 1);
    scheduler_turn(scheduler);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "done"));
    g_autoptr(GPtrArray) views = scheduler_list(scheduler, NULL);
    const struct job_view *view = g_ptr_array_index(views, 0);
    g_assert_cmpstr(view->last_detail, ==, "counted");
    g_assert_cmpint(view->next_at.ms, ==, world_start_ms + 2 * 3600000);
    scheduler_free(scheduler);
    world_end(&world);
}

static void test_a_failure_is_told(void)
{
    struct world world;
    world_begin(&world);
    struct scheduler *scheduler = start(&world, failing, 1);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "fail", "failed"));
    g_autoptr(GPtrArray) list = scheduler_history(scheduler, "fail", 0, 1, NULL);
    g_assert_cmpstr(((struct job_run *)g_ptr_array_index(list, 0))->detail, ==, "the disk is on fire");
    scheduler_free(scheduler);
    world_end(&world);
}

static void test_d04_down_while_it_was_due(void)
{
    struct world world;
    world_begin(&world);
    struct scheduler *scheduler = start(&world, counting, 1);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "done"));
    scheduler_free(scheduler);
    for (int i = 0; i < 3; i++) /* away from 01:00 to 04:05; 04:00 is within the grace of ten minutes */
        clock_fake_advance_us(world.store.clock, HOUR_US);
    clock_fake_advance_us(world.store.clock, HOUR_US / 12);
    scheduler = start(&world, counting, 1);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "done, skipped missed, done"));
    scheduler_free(scheduler);
    world_end(&world);
}

static void test_d06_a_time_that_comes_again_is_not_run_again(void)
{
    struct world world;
    world_begin(&world);
    struct scheduler *scheduler = start(&world, counting, 1);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "done") && is_idle(scheduler));
    clock_fake_step_wall_ms(world.store.clock, -1800000);
    scheduler_turn(scheduler);
    clock_fake_advance_us(world.store.clock, HOUR_US / 2);
    scheduler_turn(scheduler); /* 01:00 once more */
    WORLD_WAIT_UNTIL(is_idle(scheduler));
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "done, done"));
    g_assert_cmpint(g_atomic_int_get(&runs), ==, 2);
    scheduler_free(scheduler);
    world_end(&world);
}

static void test_d07_two_servers_run_it_once(void)
{
    struct world world;
    world_begin(&world);
    struct scheduler *first = start(&world, counting, 1), *second = start(&world, counting, 1);
    for (int i = 1; i <= 20; i++) {
        clock_fake_advance_us(world.store.clock, HOUR_US);
        scheduler_turn(first);
        scheduler_turn(second);
        WORLD_WAIT_UNTIL(g_atomic_int_get(&runs) >= i && is_idle(first) && is_idle(second));
    }
    scheduler_free(first);
    scheduler_free(second);
    g_assert_cmpint(g_atomic_int_get(&runs), ==, 20);
    world_end(&world);
}

static void test_d07_taken_over_after_the_lease_and_the_late_one_is_refused(void)
{
    struct world world;
    world_begin(&world);
    g_autoptr(GError) error = NULL;
    struct store *store = world.store.store;
    /* a server that claims the run and is heard of no more */
    const struct store_run_claim claim = {"count", "dead", NULL, world_start_ms, 60000, TRIGGER_SCHEDULE, 1, false};
    struct store_run_hold dead = {"count", world_start_ms, 0, 60000};
    g_assert_true(store_run_claim(store, &claim, &dead.fence, &error));
    g_assert_cmpint(dead.fence, ==, 1);
    int64_t fence = -1;
    g_assert_true(store_run_claim(store, &claim, &fence, &error));
    g_assert_cmpint(fence, ==, 0); /* while the lease lasts nobody gets it */
    g_assert_true(store_run_beat(store, &dead, &error));
    clock_fake_advance_us(world.store.clock, INT64_C(61000000));
    world.settings.jobs.lease_seconds = 0; /* looks for such runs at every turn */
    struct scheduler *scheduler = start(&world, counting, 1);
    WORLD_WAIT_UNTIL((scheduler_turn(scheduler), history_is(&world, "count", "done")));
    g_assert_cmpint(g_atomic_int_get(&runs), ==, 1);
    /* the late one comes back */
    g_assert_false(store_run_beat(store, &dead, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    g_clear_error(&error);
    g_assert_false(store_run_end(store, &dead, RUN_FAILED, "late", &error));
    scheduler_free(scheduler);
    world_end(&world);
}

/* Left by one server that stops, and done by the next. */
static void expect_left(const struct job *stopped)
{
    struct world world;
    world_begin(&world);
    g_atomic_int_set(&is_held, 1);
    struct scheduler *scheduler = start(&world, stopped, 1);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(g_atomic_int_get(&holding) == 1);
    scheduler_free(scheduler);
    g_assert_true(history_is(&world, "hold", "running"));
    g_atomic_int_set(&is_held, 0);
    clock_fake_advance_us(world.store.clock, 1000000);
    world.settings.jobs.lease_seconds = 0;
    scheduler = start(&world, holding_job, 1);
    WORLD_WAIT_UNTIL((scheduler_turn(scheduler), history_is(&world, "hold", "done")));
    scheduler_free(scheduler);
    world_end(&world);
}

static void test_d07_a_stop_leaves_the_run_to_the_next(void)
{
    expect_left(holding_job);
}

/* A job tells what failed first. */
static void test_d07_a_stop_after_a_failure_leaves_it_as_well(void)
{
    static const struct job job[] = {
        {"hold", "Holds", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_CANCEL, fail_and_hold_run}};
    expect_left(job);
}

static void test_d05_a_new_run_cancels_the_old_one(void)
{
    struct world world;
    world_begin(&world);
    g_atomic_int_set(&is_held, 1);
    struct scheduler *scheduler = start(&world, holding_job, 1);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(g_atomic_int_get(&holding) == 1);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "hold", "running, cancelled"));
    g_atomic_int_set(&is_held, 0);
    WORLD_WAIT_UNTIL(history_is(&world, "hold", "done, cancelled"));
    scheduler_free(scheduler);
    world_end(&world);
}

static void test_d11_paused_and_run_by_hand(void)
{
    struct world world;
    world_begin(&world);
    g_autoptr(GError) error = NULL;
    int64_t scheduled_ms = 0;
    struct scheduler *scheduler = start(&world, counting, 1);
    g_assert_true(scheduler_pause(scheduler, "count", true, &by_admin, &error));
    scheduler_free(scheduler);
    scheduler = start(&world, counting, 1); /* it is remembered */
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "skipped paused"));
    g_assert_true(scheduler_run_now(scheduler, "count", &by_admin, &scheduled_ms, &error));
    WORLD_WAIT_UNTIL(history_is(&world, "count", "done, skipped paused") && is_idle(scheduler));
    g_assert_true(scheduler_pause(scheduler, "count", false, &by_admin, &error));
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "done, done, skipped paused"));
    g_assert_false(scheduler_run_now(scheduler, "nothing", &by_admin, &scheduled_ms, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    scheduler_free(scheduler);
    world_end(&world);
}

/* Whichever of them it was said to: the other does not run it either, and learns of it when it looks. */
static void test_d11_paused_by_another_server(void)
{
    struct world world;
    world_begin(&world);
    g_autoptr(GError) error = NULL;
    struct scheduler *first = start(&world, counting, 1), *second = start(&world, counting, 1);
    scheduler_turn(second);
    g_assert_true(scheduler_pause(first, "count", true, &by_admin, &error));
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(second);
    WORLD_WAIT_UNTIL((scheduler_turn(second), counter_get(&world.store.health.jobs_waiting) == 0) && is_idle(second));
    scheduler_turn(first);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "skipped paused"));
    g_assert_cmpint(g_atomic_int_get(&runs), ==, 0);
    scheduler_free(first);
    scheduler_free(second);
    world_end(&world);
}

/* A store that is away for longer than the grace: the time is in the history when it is back. */
static void test_d04_a_time_that_could_not_be_claimed_is_told(void)
{
    if (!has_faults())
        return;
    struct world world;
    world_begin(&world);
    struct scheduler *scheduler = start(&world, counting, 1);
    plan_faults("store.commit=1+");
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    clock_fake_advance_us(world.store.clock, HOUR_US / 2); /* past its grace */
    WORLD_WAIT_UNTIL(is_idle(scheduler));
    g_assert_true(history_is(&world, "count", ""));
    plan_faults(NULL);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "skipped missed"));
    scheduler_free(scheduler);
    world_end(&world);
}

/* From here on no run can be claimed; what is skipped can be written. */
static void refuse_runs(const struct world *world)
{
    if (world->store.database) {
        postgres_do(
            world->store.database,
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'stuck'; END $$; CREATE "
            "TRIGGER refuse BEFORE INSERT ON job_runs FOR EACH ROW WHEN (new.state = 'running') EXECUTE FUNCTION "
            "refuse()");
        return;
    }
    g_autofree char *path = g_build_filename(world->store.directory, "vedette.db", NULL);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    g_assert_cmpint(sqlite3_exec(db,
                                 "CREATE TRIGGER refuse BEFORE INSERT ON job_runs WHEN new.state = 'running' BEGIN "
                                 "SELECT RAISE(ABORT, 'stuck'); END",
                                 NULL, NULL, NULL),
                    ==, SQLITE_OK);
    sqlite3_close(db);
}

/* The same of a run that a person asked for. */
static void test_d11_a_run_by_hand_that_could_not_be_claimed_is_told(void)
{
    struct world world;
    int64_t scheduled_ms = 0;
    g_autoptr(GError) error = NULL;
    world_begin(&world);
    struct scheduler *scheduler = start(&world, counting, 1);
    refuse_runs(&world);
    g_assert_true(scheduler_run_now(scheduler, "count", &by_admin, &scheduled_ms, &error));
    clock_fake_advance_us(world.store.clock, HOUR_US / 2); /* past its grace */
    WORLD_WAIT_UNTIL(history_is(&world, "count", "skipped missed"));
    g_autoptr(GPtrArray) list = scheduler_history(scheduler, "count", 0, 1, NULL);
    const struct job_run *run = g_ptr_array_index(list, 0);
    g_assert_cmpint(run->cause, ==, TRIGGER_MANUAL);
    g_assert_cmpint(run->scheduled_at.ms, ==, scheduled_ms);
    g_assert_cmpstr(run->requested_by, ==, "admin-id");
    scheduler_free(scheduler);
    world_end(&world);
}

/* Its end cannot be written: that is tried again, and it is not run again, though its lease is long over. */
static void test_d07_an_end_that_is_not_written_is_no_second_run(void)
{
    if (!has_faults())
        return;
    struct world world;
    world_begin(&world);
    world.settings.jobs.lease_seconds = 0;
    g_atomic_int_set(&is_held, 1);
    struct scheduler *scheduler = start(&world, holding_job, 1);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(g_atomic_int_get(&holding) == 1);
    plan_faults("store.commit=1+");
    g_atomic_int_set(&is_held, 0);
    WORLD_WAIT_UNTIL((scheduler_turn(scheduler), is_idle(scheduler)));
    g_assert_true(history_is(&world, "hold", "running"));
    clock_fake_advance_us(world.store.clock, INT64_C(60000000));
    plan_faults(NULL);
    WORLD_WAIT_UNTIL((scheduler_turn(scheduler), history_is(&world, "hold", "done")));
    g_autoptr(GPtrArray) list = scheduler_history(scheduler, "hold", 0, 1, NULL);
    g_assert_cmpint(((struct job_run *)g_ptr_array_index(list, 0))->fence, ==, 1);
    scheduler_free(scheduler);
    world_end(&world);
}

static void test_next_times(void)
{
    struct world world;
    world_begin(&world);
    struct scheduler *scheduler = start(&world, counting, 1);
    g_autoptr(GArray) times = scheduler_next(scheduler, "count", 3, NULL);
    g_assert_cmpuint(times->len, ==, 3);
    for (guint i = 0; i < 3; i++)
        g_assert_cmpint(g_array_index(times, int64_t, i), ==, world_start_ms + (i + 1) * INT64_C(3600000));
    scheduler_free(scheduler);
    world_end(&world);
}

static bool hold_and_count_run(struct job_context *context, GError **error)
{
    return hold_run(context, error) && count_run(context, error);
}

/* Turns go on while ten thousand runs wait to be claimed. */
static void test_d12_turns_do_not_wait_for_the_store(void)
{
    enum { JOBS = 10000 };
    struct world world;
    world_begin(&world);
    g_autofree struct job *jobs = g_new(struct job, JOBS);
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < JOBS; i++) {
        g_ptr_array_add(ids, g_strdup_printf("job-%d", i));
        jobs[i] = counting[0];
        jobs[i].id = g_ptr_array_index(ids, i);
        jobs[i].run = hold_and_count_run;
    }
    g_atomic_int_set(&is_held, 1); /* none is done while the turns are made */
    struct scheduler *scheduler = start(&world, jobs, JOBS);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    for (int i = 0; i < 10; i++)
        scheduler_turn(scheduler);
    /* all is decided, and nearly all of it still waits for the threads */
    g_assert_cmpint(counter_get(&world.store.health.jobs_waiting), >, JOBS / 2);
    /* and has not been claimed by the turns */
    g_autoptr(GHashTable) claimed = store_runs_latest(world.store.store, NULL);
    g_assert_cmpuint(g_hash_table_size(claimed), <=, (guint)world.settings.jobs.threads);
    g_atomic_int_set(&is_held, 0);
    WORLD_WAIT_UNTIL(g_atomic_int_get(&runs) > 10);
    scheduler_free(scheduler);
    world_end(&world);
}

int main(int argc, char **argv)
{
    static const struct scheduler_test tests[] = {
        {"runs_when_due_and_tells", test_runs_when_due_and_tells},
        {"a_failure_is_told", test_a_failure_is_told},
        {"d04_down_while_it_was_due", test_d04_down_while_it_was_due},
        {"d05_a_new_run_cancels_the_old_one", test_d05_a_new_run_cancels_the_old_one},
        {"d06_a_time_that_comes_again_is_not_run_again", test_d06_a_time_that_comes_again_is_not_run_again},
        {"d07_two_servers_run_it_once", test_d07_two_servers_run_it_once},
        {"d07_taken_over_after_the_lease_and_the_late_one_is_refused",
         test_d07_taken_over_after_the_lease_and_the_late_one_is_refused},
        {"d07_a_stop_leaves_the_run_to_the_next", test_d07_a_stop_leaves_the_run_to_the_next},
        {"d07_a_stop_after_a_failure_leaves_it_as_well", test_d07_a_stop_after_a_failure_leaves_it_as_well},
        {"d04_a_time_that_could_not_be_claimed_is_told", test_d04_a_time_that_could_not_be_claimed_is_told},
        {"d11_a_run_by_hand_that_could_not_be_claimed_is_told",
         test_d11_a_run_by_hand_that_could_not_be_claimed_is_told},
        {"d11_paused_and_run_by_hand", test_d11_paused_and_run_by_hand},
        {"d11_paused_by_another_server", test_d11_paused_by_another_server},
        {"d12_turns_do_not_wait_for_the_store", test_d12_turns_do_not_wait_for_the_store},
        {"d07_an_end_that_is_not_written_is_no_second_run", test_d07_an_end_that_is_not_written_is_no_second_run},
        {"next_times", test_next_times},
    };
    return world_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
