/* Cases C1 to C9, J1: when the circuit breaker opens, half opens and closes. */
#include "breaker_world.h"

static void test_c01_the_threshold_is_exact(void)
{
    struct world world;
    world_init(&world);
    for (int i = 0; i < 4; i++)
        call(&world, VEDETTE_FAILURE);
    assert_state(&world, VEDETTE_BREAKER_CLOSED);
    call(&world, VEDETTE_FAILURE);
    assert_state(&world, VEDETTE_BREAKER_OPEN);
    world_clear(&world);
    /* enough failures, but too few of the calls; then exactly the share */
    world_init(&world);
    for (int i = 0; i < 10; i++)
        call(&world, VEDETTE_SUCCESS);
    for (int i = 0; i < 9; i++)
        call(&world, VEDETTE_FAILURE);
    assert_state(&world, VEDETTE_BREAKER_CLOSED);
    call(&world, VEDETTE_FAILURE);
    assert_state(&world, VEDETTE_BREAKER_OPEN);
    world_clear(&world);
}

static void test_c02_slow_calls_trip_although_successful(void)
{
    struct world world;
    world_prepare(&world);
    world.config.slow_call_us = SECOND_US;
    world_start(&world);
    for (int i = 0; i < 5; i++) {
        struct vedette_permit permit;
        g_assert_true(vedette_breaker_acquire(world.breaker, &permit, NULL));
        advance(&world, SECOND_US + 1);
        vedette_breaker_release(world.breaker, &permit, VEDETTE_SUCCESS);
    }
    assert_state(&world, VEDETTE_BREAKER_OPEN);
    g_assert_cmpint(stats_of(&world).slow, ==, 5);
    world_clear(&world);
}

static enum vedette_outcome count_call(void *data)
{
    (*(int *)data)++;
    return VEDETTE_SUCCESS;
}

static void test_c03_open_does_not_touch_the_upstream(void)
{
    struct world world;
    int calls = 0;
    int64_t retry_after_us = 0;
    enum vedette_outcome outcome;
    world_init(&world);
    g_assert_true(vedette_breaker_execute(world.breaker, count_call, &calls, &outcome, NULL));
    g_assert_cmpint(outcome, ==, VEDETTE_SUCCESS);
    world_clear(&world);
    world_init(&world);
    open_it(&world);
    advance(&world, 20 * SECOND_US);
    g_assert_false(vedette_breaker_execute(world.breaker, count_call, &calls, NULL, &retry_after_us));
    g_assert_cmpint(calls, ==, 1);
    g_assert_cmpint(retry_after_us, ==, 40 * SECOND_US);
    g_assert_cmpint(stats_of(&world).rejected, ==, 1);
    world_clear(&world);
}

static void test_c04_it_reopens_exactly_at_its_time(void)
{
    struct world world;
    world_init(&world);
    open_it(&world);
    advance(&world, 60 * SECOND_US - 1);
    g_assert_false(call(&world, VEDETTE_SUCCESS));
    advance(&world, 1);
    g_assert_true(call(&world, VEDETTE_SUCCESS));
    assert_state(&world, VEDETTE_BREAKER_HALF_OPEN);
    world_clear(&world);
}

/* J1 at the breaker: the longest times there are do not wrap round to the past. */
static void test_j01_open_for_ever_does_not_overflow(void)
{
    struct world world;
    world_prepare(&world);
    world.config.recovery_timeout_us = world.config.recovery_timeout_max_us = INT64_MAX;
    world.config.permit_timeout_us = INT64_MAX;
    world_start(&world);
    open_it(&world);
    advance(&world, INT64_C(1000000) * SECOND_US);
    g_assert_false(call(&world, VEDETTE_SUCCESS));
    world_clear(&world);
}

static void *race_for_a_permit(void *data)
{
    struct race *race = data;
    struct vedette_permit permit;
    pthread_barrier_wait(&race->barrier);
    if (vedette_breaker_acquire(race->world->breaker, &permit, NULL))
        __atomic_add_fetch(&race->passed, 1, __ATOMIC_RELAXED);
    return NULL;
}

static void test_c05_exactly_so_many_probes_at_once(void)
{
    struct world world;
    struct race race = {.world = &world};
    pthread_t threads[THREADS];
    world_init(&world);
    half_open_it(&world);
    pthread_barrier_init(&race.barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, race_for_a_permit, &race), ==, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpint(race.passed, ==, world.config.probes);
    int64_t retry_after_us = 0;
    struct vedette_permit permit;
    g_assert_false(vedette_breaker_acquire(world.breaker, &permit, &retry_after_us));
    g_assert_cmpint(retry_after_us, ==, world.config.permit_timeout_us);
    g_assert_cmpint(permit.state, ==, VEDETTE_BREAKER_HALF_OPEN); /* refused for another reason than by an open one */
    vedette_breaker_force(world.breaker, VEDETTE_BREAKER_FORCED_OPEN);
    g_assert_false(vedette_breaker_acquire(world.breaker, &permit, NULL));
    g_assert_cmpint(permit.state, ==, VEDETTE_BREAKER_FORCED_OPEN);
    pthread_barrier_destroy(&race.barrier);
    world_clear(&world);
}

static void test_c06_half_open_is_never_stuck(void)
{
    struct world world;
    struct vedette_permit lost[3], permit;
    world_init(&world);
    half_open_it(&world);
    for (int i = 0; i < 10; i++) /* cancelled, or an error that says nothing */
        g_assert_true(call(&world, VEDETTE_IGNORED));
    assert_state(&world, VEDETTE_BREAKER_HALF_OPEN);
    for (int i = 0; i < 3; i++) /* holders that die */
        g_assert_true(vedette_breaker_acquire(world.breaker, &lost[i], NULL));
    g_assert_false(vedette_breaker_acquire(world.breaker, &permit, NULL));
    advance(&world, world.config.permit_timeout_us);
    for (int i = 0; i < 3; i++)
        g_assert_true(call(&world, VEDETTE_SUCCESS));
    assert_state(&world, VEDETTE_BREAKER_CLOSED);
    g_assert_cmpint(stats_of(&world).timed_out_permits, >=, 1);
    vedette_breaker_release(world.breaker, &lost[0], VEDETTE_FAILURE); /* one comes back after all */
    g_assert_cmpint(stats_of(&world).failure_count, ==, 0);
    world_clear(&world);
}

static void test_c07_closed_is_clean_and_open_is_longer(void)
{
    struct world world;
    world_init(&world);
    world.random = UINT64_MAX; /* the longest of the jitter */
    half_open_it(&world);
    call(&world, VEDETTE_SUCCESS);
    call(&world, VEDETTE_FAILURE);
    assert_state(&world, VEDETTE_BREAKER_OPEN);
    g_assert_cmpint(stats_of(&world).retry_after_us, ==, 240 * SECOND_US);
    for (int i = 0; i < 10; i++) {
        advance(&world, stats_of(&world).retry_after_us);
        call(&world, VEDETTE_FAILURE);
        g_assert_cmpint(stats_of(&world).retry_after_us, <=, world.config.recovery_timeout_max_us);
    }
    g_assert_cmpint(stats_of(&world).retry_after_us, ==, world.config.recovery_timeout_max_us);
    advance(&world, stats_of(&world).retry_after_us);
    for (int i = 0; i < 3; i++)
        g_assert_true(call(&world, VEDETTE_SUCCESS));
    assert_state(&world, VEDETTE_BREAKER_CLOSED);
    g_assert_cmpint(stats_of(&world).call_count, ==, 0);
    open_it(&world); /* and after closing the first time is the first again */
    g_assert_cmpint(stats_of(&world).retry_after_us, ==, 120 * SECOND_US);
    world_clear(&world);
}

static void test_c08_a_late_answer_changes_nothing(void)
{
    struct world world;
    struct vedette_permit old[10];
    world_init(&world);
    for (int i = 0; i < 10; i++)
        vedette_breaker_acquire(world.breaker, &old[i], NULL);
    half_open_it(&world);
    g_assert_true(call(&world, VEDETTE_SUCCESS));
    for (int i = 0; i < 10; i++)
        vedette_breaker_release(world.breaker, &old[i], i % 2 ? VEDETTE_SUCCESS : VEDETTE_FAILURE);
    assert_state(&world, VEDETTE_BREAKER_HALF_OPEN);
    g_assert_cmpint(stats_of(&world).late, ==, 10);
    g_assert_true(call(&world, VEDETTE_SUCCESS));
    assert_state(&world, VEDETTE_BREAKER_HALF_OPEN);
    g_assert_true(call(&world, VEDETTE_SUCCESS));
    assert_state(&world, VEDETTE_BREAKER_CLOSED);
    world_clear(&world);
}

static void test_c09_the_window_slides(void)
{
    struct world world;
    world_init(&world);
    for (int i = 0; i < 20; i++) {
        call(&world, VEDETTE_FAILURE);
        advance(&world, 20 * SECOND_US); /* never more than four within 60 s */
    }
    assert_state(&world, VEDETTE_BREAKER_CLOSED);
    call(&world, VEDETTE_FAILURE);
    advance(&world, INT64_C(3600) * SECOND_US);
    g_assert_cmpint(stats_of(&world).failure_count, ==, 0);
    world_clear(&world);
}

/* C9: a clock that steps back by an hour makes nothing forgotten and nothing open for longer. */
static void test_c09_a_clock_that_steps_back(void)
{
    struct world world;
    world_init(&world);
    for (int i = 1; i < world.config.failure_threshold; i++)
        call(&world, VEDETTE_FAILURE);
    advance(&world, -INT64_C(3600) * SECOND_US);
    assert_state(&world, VEDETTE_BREAKER_CLOSED);
    g_assert_cmpint(stats_of(&world).failure_count, ==, world.config.failure_threshold - 1);
    call(&world, VEDETTE_FAILURE);
    assert_state(&world, VEDETTE_BREAKER_OPEN);
    int64_t wait_us = stats_of(&world).retry_after_us;
    advance(&world, -INT64_C(3600) * SECOND_US);
    g_assert_cmpint(stats_of(&world).retry_after_us, ==, wait_us);
    advance(&world, wait_us - 1);
    g_assert_false(call(&world, VEDETTE_SUCCESS));
    advance(&world, 1);
    g_assert_true(call(&world, VEDETTE_SUCCESS));
    world_clear(&world);
}

static void test_defaults_are_what_is_promised(void)
{
    struct vedette_breaker_config config;
    vedette_breaker_config_init(&config);
    g_assert_cmpint(config.failure_threshold, ==, 5);
    g_assert_cmpint(config.success_threshold, ==, 3);
    g_assert_cmpint(config.recovery_timeout_us, ==, 60 * (int64_t)SECOND_US);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/breaker/defaults are what is promised", test_defaults_are_what_is_promised);
    g_test_add_func("/breaker/c01 the threshold is exact", test_c01_the_threshold_is_exact);
    g_test_add_func("/breaker/c02 slow calls trip although successful", test_c02_slow_calls_trip_although_successful);
    g_test_add_func("/breaker/c03 open does not touch the upstream", test_c03_open_does_not_touch_the_upstream);
    g_test_add_func("/breaker/c04 it reopens exactly at its time", test_c04_it_reopens_exactly_at_its_time);
    g_test_add_func("/breaker/j01 open for ever does not overflow", test_j01_open_for_ever_does_not_overflow);
    g_test_add_func("/breaker/c05 exactly so many probes at once", test_c05_exactly_so_many_probes_at_once);
    g_test_add_func("/breaker/c06 half open is never stuck", test_c06_half_open_is_never_stuck);
    g_test_add_func("/breaker/c07 closed is clean and open is longer", test_c07_closed_is_clean_and_open_is_longer);
    g_test_add_func("/breaker/c08 a late answer changes nothing", test_c08_a_late_answer_changes_nothing);
    g_test_add_func("/breaker/c09 the window slides", test_c09_the_window_slides);
    g_test_add_func("/breaker/c09 a clock that steps back", test_c09_a_clock_that_steps_back);
    return g_test_run();
}
