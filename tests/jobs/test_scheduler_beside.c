/* Schedulers of several servers on one store: runs of others, and what all of them tell. */
#include "scheduler_world.h"

/* ---- runs of others ---- */

/* With one thread the second is run when the first was tried. */
static const struct job queuing[] = {
    {"count", "Counts", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_QUEUE, count_run},
    {"fail", "Fails", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP, fail_run}};
static const struct job cancelling[] = {
    {"count", "Counts", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_CANCEL, count_run}};

/* Another server begins a run by hand, and holds it for a day. */
static struct store_run_hold run_elsewhere(struct world *world)
{
    const struct store_run_claim claim = {"count",           "other",        "someone", world_start_ms + 1,
                                          INT64_C(86400000), TRIGGER_MANUAL, 1,         false};
    struct store_run_hold hold = {"count", claim.scheduled_ms, 0, claim.lease_ms};
    g_assert_true(store_run_claim(world->store.store, &claim, &hold.fence, NULL));
    g_assert_cmpint(hold.fence, ==, 1);
    return hold;
}

static void test_d05_max_instances_hold_over_all_servers(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    int64_t scheduled_ms;
    world_begin(&world);
    struct store_run_hold elsewhere = run_elsewhere(&world);
    struct scheduler *scheduler = start(&world, counting, 1);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "skipped overlap, running"));
    g_assert_false(scheduler_run_now(scheduler, "count", &by_admin, &scheduled_ms, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_assert_true(store_run_end(world.store.store, &elsewhere, RUN_DONE, "elsewhere", NULL));
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "done, skipped overlap, done"));
    g_assert_cmpint(g_atomic_int_get(&runs), ==, 1);
    scheduler_free(scheduler);
    world_end(&world);
}

static void test_d05_a_queued_run_waits_for_another_server(void)
{
    struct world world;
    world_begin(&world);
    struct store_run_hold elsewhere = run_elsewhere(&world);
    world.settings.jobs.threads = 1;
    struct scheduler *scheduler = start(&world, queuing, 2);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "fail", "failed"));
    g_assert_true(history_is(&world, "count", "running"));
    g_assert_true(store_run_end(world.store.store, &elsewhere, RUN_DONE, "elsewhere", NULL));
    WORLD_WAIT_UNTIL(history_is(&world, "count", "done, done"));
    scheduler_free(scheduler);
    world_end(&world);
}

static void test_d05_a_new_run_ends_that_of_another_server(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_begin(&world);
    struct store_run_hold elsewhere = run_elsewhere(&world);
    struct scheduler *scheduler = start(&world, cancelling, 1);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(scheduler);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "done, cancelled"));
    g_assert_false(store_run_beat(world.store.store, &elsewhere, &error)); /* it is refused from then on */
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    scheduler_free(scheduler);
    world_end(&world);
}

/* Whichever of two servers comes first: the one on which it goes on, or one that has not seen that yet. */
static void test_d11_a_resumed_job_loses_no_time(void)
{
    for (int turn = 0; turn < 2; turn++) {
        struct world world;
        g_autoptr(GError) error = NULL;
        world_begin(&world);
        struct scheduler *first = start(&world, counting, 1);
        g_assert_true(scheduler_pause(first, "count", true, &by_admin, &error));
        struct scheduler *second = start(&world, counting, 1); /* looks at pauses again in a minute of real time */
        g_assert_true(scheduler_pause(first, "count", false, &by_admin, &error));
        clock_fake_advance_us(world.store.clock, HOUR_US);
        scheduler_turn(turn ? first : second);
        WORLD_WAIT_UNTIL(history_is(&world, "count", turn ? "done" : "skipped paused"));
        scheduler_turn(turn ? second : first);
        WORLD_WAIT_UNTIL(counter_get(&world.store.health.jobs_skipped) == 1);
        WORLD_WAIT_UNTIL(history_is(&world, "count", "done"));
        g_assert_cmpint(g_atomic_int_get(&runs), ==, 1);
        scheduler_free(first);
        scheduler_free(second);
        world_end(&world);
    }
}

/* Another server that saw nothing of the pause makes the time up, when the job goes on: it was not to be run. */
static void test_d11_a_time_of_the_pause_stays_passed_over(void)
{
    enum { MINUTES_US = 300000000 };
    struct world world;
    g_autoptr(GError) error = NULL;
    world_begin(&world);
    struct scheduler *first = start(&world, counting, 1), *second = start(&world, counting, 1);
    scheduler_turn(second); /* looks at pauses again in a minute of real time */
    g_assert_true(scheduler_pause(first, "count", true, &by_admin, &error));
    clock_fake_advance_us(world.store.clock, HOUR_US);
    scheduler_turn(first);
    WORLD_WAIT_UNTIL(history_is(&world, "count", "skipped paused"));
    clock_fake_advance_us(world.store.clock, MINUTES_US); /* within its grace */
    g_assert_true(scheduler_pause(first, "count", false, &by_admin, &error));
    WORLD_WAIT_UNTIL((scheduler_turn(second), counter_get(&world.store.health.jobs_waiting) == 0) && is_idle(second));
    scheduler_free(first);
    scheduler_free(second); /* when what it began is over */
    g_assert_true(history_is(&world, "count", "skipped paused"));
    g_assert_cmpint(g_atomic_int_get(&runs), ==, 0);
    world_end(&world);
}

/* ---- alarms ---- */

static int is_failing; /* atomic */

static bool fail_sometimes(struct job_context *context, GError **error)
{
    return g_atomic_int_get(&is_failing) ? fail_run(context, error) : count_run(context, error);
}

static const struct job alarming[] = {{"alarm", "Alarms", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP,
                                       fail_sometimes, SERVER_HEALTH_ALARM(retention_stopped)}};

/* A hub with a health of its own, on the same store. */
static struct scheduler *start_beside(struct world *world, struct server_health *health)
{
    g_autoptr(GError) error = NULL;
    const struct scheduler_options options = {alarming,         1,      world->store.store,
                                              &world->settings, health, world->store.clock};
    struct scheduler *scheduler = scheduler_new(&options, &error);
    g_assert_no_error(error);
    return scheduler;
}

static void test_alarms_are_every_hub_s(void)
{
    struct world world;
    struct server_health here = {0}, there = {0}, restarted = {0};
    world_begin(&world);
    world.settings.jobs.lease_seconds = 0; /* looks at every turn */
    g_atomic_int_set(&is_failing, 1);
    struct scheduler *first = start_beside(&world, &here), *second = start_beside(&world, &there);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    WORLD_WAIT_UNTIL((scheduler_turn(first), scheduler_turn(second),
                      counter_get(&here.retention_stopped) && counter_get(&there.retention_stopped)));
    struct scheduler *third = start_beside(&world, &restarted);
    g_assert_cmpint(counter_get(&restarted.retention_stopped), ==, 1);     /* a start does not forget it */
    int64_t since_ms = counter_get(&restarted.retention_stopped_since_ms); /* by which it is one and the same for all */
    g_assert_cmpint(since_ms, >, 0);
    g_assert_cmpint(counter_get(&here.retention_stopped_since_ms), ==, since_ms);
    g_assert_cmpint(counter_get(&there.retention_stopped_since_ms), ==, since_ms);
    scheduler_free(third);
    /* the cause is gone: whoever runs it, nobody says so any more */
    g_atomic_int_set(&is_failing, 0);
    /* each time an hour later: one is skipped when a run that failed was taken over and is not over yet */
    WORLD_WAIT_UNTIL((clock_fake_advance_us(world.store.clock, HOUR_US), scheduler_turn(first), scheduler_turn(second),
                      !counter_get(&here.retention_stopped) && !counter_get(&there.retention_stopped)));
    g_assert_cmpint(counter_get(&here.retention_stopped_since_ms), >, since_ms);
    scheduler_free(first);
    scheduler_free(second);
    world_end(&world);
}

static int64_t count_samples(struct world *world)
{
    int64_t count = -1;
    g_autoptr(GError) error = NULL;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world->store.store, STORE_READ, STORE_PLATFORM, &error);
    g_assert_no_error(error);
    store_get_integer(transaction, "SELECT count(at) FROM storage_samples", STORE_NO_VALUES, 0, &count, &error);
    g_assert_no_error(error);
    return count;
}

static void test_each_hub_notes_its_disk(void)
{
    struct world world;
    world_begin(&world);
    world.settings.jobs.lease_seconds = 0;
    struct scheduler *scheduler = start(&world, counting, 1);
    WORLD_WAIT_UNTIL((scheduler_turn(scheduler), count_samples(&world) == 1));
    clock_fake_advance_us(world.store.clock, HOUR_US);
    WORLD_WAIT_UNTIL((scheduler_turn(scheduler), count_samples(&world) == 2));
    scheduler_free(scheduler);
    world_end(&world);
}

int main(int argc, char **argv)
{
    static const struct scheduler_test tests[] = {
        {"d05_max_instances_hold_over_all_servers", test_d05_max_instances_hold_over_all_servers},
        {"d05_a_queued_run_waits_for_another_server", test_d05_a_queued_run_waits_for_another_server},
        {"d05_a_new_run_ends_that_of_another_server", test_d05_a_new_run_ends_that_of_another_server},
        {"d11_a_resumed_job_loses_no_time", test_d11_a_resumed_job_loses_no_time},
        {"d11_a_time_of_the_pause_stays_passed_over", test_d11_a_time_of_the_pause_stays_passed_over},
        {"alarms_are_every_hub_s", test_alarms_are_every_hub_s},
        {"each_hub_notes_its_disk", test_each_hub_notes_its_disk},
    };
    return world_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
