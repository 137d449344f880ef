/* The scheduler on a real store: each time of a job is run once, whoever is there to run it. */
#include <glib.h>
#include <sqlite3.h>
#include <string.h>

#include "base/counter.h"
#include "faults.h"
#include "jobs/jobs.h"
#include "store/store_internal.h"
#include "store/store_world.h"

static const int64_t HOUR_US = INT64_C(3600000000);

static int runs;    /* atomic: of count_run */
static int is_held; /* atomic: hold_run waits while it is set */
static int holding; /* atomic: hold_runs under way */
static const struct audit_by by_admin = {"default", "admin-id", "admin", NULL, NULL};

static bool count_run(struct job_context *context, GError **error)
{
    (void)error;
    g_atomic_int_inc(&runs);
    world_tell();
    g_string_append(context->detail, "counted");
    return true;
}

static bool hold_run(struct job_context *context, GError **error)
{
    g_atomic_int_inc(&holding);
    world_tell();
    while (g_atomic_int_get(&is_held) && !job_is_cancelled(context))
        world_pause(1);
    g_atomic_int_add(&holding, -1);
    if (!job_is_cancelled(context))
        return true;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED, "told to stop");
    return false;
}

static bool fail_run(struct job_context *context, GError **error)
{
    (void)context;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "the disk is on fire");
    return false;
}

static const struct job counting[] = {
    {"count", "Counts", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP, count_run}};
static const struct job holding_job[] = {
    {"hold", "Holds", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_CANCEL, hold_run}};
static const struct job failing[] = {{"fail", "Fails", "0 * * * *", 600, 0, 1, MISFIRE_LATEST, OVERLAP_SKIP, fail_run}};

struct world {
    struct store_world store;
    struct settings settings;
};

static void world_begin(struct world *world)
{
    world_init(&world->store);
    record_init(&settings_descriptor, &world->settings);
    g_free(world->settings.jobs.time_zone);
    world->settings.jobs.time_zone = g_strdup("UTC");
    runs = is_held = holding = 0;
}

static void world_end(struct world *world)
{
    world_clear(&world->store);
    record_clear(&settings_descriptor, &world->settings);
}

static struct scheduler *start(struct world *world, const struct job *jobs, size_t count)
{
    g_autoptr(GError) error = NULL;
    const struct scheduler_options options = {
        jobs, count, world->store.store, &world->settings, &world->store.health, world->store.clock};
    struct scheduler *scheduler = scheduler_new(&options, &error);
    g_assert_no_error(error);
    return scheduler;
}

/* The states of a job's times, newest first: "done, skipped missed". */
static char *history(struct world *world, const char *job_id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = store_runs_list(world->store.store, job_id, 0, 100, &error);
    g_assert_no_error(error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++) {
        const struct job_run *run = g_ptr_array_index(list, i);
        const char *reason = record_enum_name(skip_reason_names, run->reason);
        g_string_append_printf(text, "%s%s%s%s", i ? ", " : "", record_enum_name(run_state_names, run->state),
                               *reason ? " " : "", reason);
    }
    return g_string_free(text, FALSE);
}

static bool history_is(struct world *world, const char *job_id, const char *expected)
{
    g_autofree char *text = history(world, job_id);
    return strcmp(text, expected) == 0;
}

static bool is_idle(struct scheduler *scheduler)
{
    g_autoptr(GPtrArray) views = scheduler_list(scheduler, NULL);
    return ((const struct job_view *)g_ptr_array_index(views, 0))->running == 0;
}

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

static void test_d07_a_stop_leaves_the_run_to_the_next(void)
{
    struct world world;
    world_begin(&world);
    g_atomic_int_set(&is_held, 1);
    struct scheduler *scheduler = start(&world, holding_job, 1);
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

/* ---- runs of other servers ---- */

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
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
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
    }
    struct scheduler *scheduler = start(&world, jobs, JOBS);
    clock_fake_advance_us(world.store.clock, HOUR_US);
    for (int i = 0; i < 10; i++)
        scheduler_turn(scheduler);
    /* all is decided, and nearly all of it still waits for the threads */
    g_assert_cmpint(counter_get(&world.store.health.jobs_waiting), >, JOBS / 2);
    WORLD_WAIT_UNTIL(g_atomic_int_get(&runs) > 10);
    scheduler_free(scheduler);
    world_end(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"runs_when_due_and_tells", test_runs_when_due_and_tells},
        {"a_failure_is_told", test_a_failure_is_told},
        {"d04_down_while_it_was_due", test_d04_down_while_it_was_due},
        {"d05_a_new_run_cancels_the_old_one", test_d05_a_new_run_cancels_the_old_one},
        {"d06_a_time_that_comes_again_is_not_run_again", test_d06_a_time_that_comes_again_is_not_run_again},
        {"d07_two_servers_run_it_once", test_d07_two_servers_run_it_once},
        {"d07_taken_over_after_the_lease_and_the_late_one_is_refused",
         test_d07_taken_over_after_the_lease_and_the_late_one_is_refused},
        {"d07_a_stop_leaves_the_run_to_the_next", test_d07_a_stop_leaves_the_run_to_the_next},
        {"d04_a_time_that_could_not_be_claimed_is_told", test_d04_a_time_that_could_not_be_claimed_is_told},
        {"d11_a_run_by_hand_that_could_not_be_claimed_is_told",
         test_d11_a_run_by_hand_that_could_not_be_claimed_is_told},
        {"d11_paused_and_run_by_hand", test_d11_paused_and_run_by_hand},
        {"d11_paused_by_another_server", test_d11_paused_by_another_server},
        {"d12_turns_do_not_wait_for_the_store", test_d12_turns_do_not_wait_for_the_store},
        {"d05_max_instances_hold_over_all_servers", test_d05_max_instances_hold_over_all_servers},
        {"d05_a_queued_run_waits_for_another_server", test_d05_a_queued_run_waits_for_another_server},
        {"d05_a_new_run_ends_that_of_another_server", test_d05_a_new_run_ends_that_of_another_server},
        {"d07_an_end_that_is_not_written_is_no_second_run", test_d07_an_end_that_is_not_written_is_no_second_run},
        {"alarms_are_every_hub_s", test_alarms_are_every_hub_s},
        {"each_hub_notes_its_disk", test_each_hub_notes_its_disk},
        {"next_times", test_next_times},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/scheduler/", tests[i].name, NULL);
        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
