/* Cases C: the circuit breaker. The clock is the test's. */
#include "vedette/breaker.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>

enum { SECOND_US = 1000000, THREADS = 64 };

struct world {
    int64_t now_us; /* atomic */
    uint64_t random;
    struct vedette_breaker_config config;
    struct vedette_breaker *breaker;
    GString *changes; /* "closed>open " */
    GString *illegal; /* "closed>2 " */
};

static int64_t now_us(void *data)
{
    return __atomic_load_n(&((struct world *)data)->now_us, __ATOMIC_RELAXED);
}

static uint64_t give_random(void *data)
{
    return ((struct world *)data)->random;
}

static void note_change(void *data, enum vedette_breaker_state from, enum vedette_breaker_state to)
{
    struct world *world = data;
    g_string_append_printf(world->changes, "%s>%s ", vedette_breaker_state_name(from), vedette_breaker_state_name(to));
    if (world->breaker) { /* outside the lock: this must not hang */
        struct vedette_breaker_stats stats;
        vedette_breaker_get_stats(world->breaker, &stats);
    }
}

static void note_illegal(void *data, enum vedette_breaker_state from, int to)
{
    struct world *world = data;
    g_string_append_printf(world->illegal, "%s>%d ", vedette_breaker_state_name(from), to);
}

static void world_prepare(struct world *world)
{
    *world = (struct world){
        .now_us = INT64_C(1000) * SECOND_US, .changes = g_string_new(NULL), .illegal = g_string_new(NULL)};
    vedette_breaker_config_init(&world->config);
    world->config.time = (struct vedette_time_source){now_us, give_random, world};
    world->config.changed = note_change;
    world->config.illegal = note_illegal;
    world->config.changed_data = world;
}

static void world_start(struct world *world)
{
    const char *why = NULL;
    world->breaker = vedette_breaker_new(&world->config, &why);
    g_assert_null(why);
    g_assert_nonnull(world->breaker);
}

static void world_init(struct world *world)
{
    world_prepare(world);
    world_start(world);
}

static void world_clear(struct world *world)
{
    vedette_breaker_free(world->breaker);
    g_string_free(world->changes, TRUE);
    g_string_free(world->illegal, TRUE);
}

static void advance(struct world *world, int64_t us)
{
    __atomic_add_fetch(&world->now_us, us, __ATOMIC_RELAXED);
}

/* False when the breaker refused it. */
static bool call(struct world *world, enum vedette_outcome outcome)
{
    struct vedette_permit permit;
    if (!vedette_breaker_acquire(world->breaker, &permit, NULL))
        return false;
    vedette_breaker_release(world->breaker, &permit, outcome);
    return true;
}

static struct vedette_breaker_stats stats_of(struct world *world)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(world->breaker, &stats);
    return stats;
}

static void assert_state(struct world *world, enum vedette_breaker_state state)
{
    g_assert_cmpstr(vedette_breaker_state_name(stats_of(world).state), ==, vedette_breaker_state_name(state));
}

static void open_it(struct world *world)
{
    for (int i = 0; i < world->config.failure_threshold; i++)
        g_assert_true(call(world, VEDETTE_FAILURE));
    assert_state(world, VEDETTE_BREAKER_OPEN);
}

static void half_open_it(struct world *world)
{
    open_it(world);
    advance(world, stats_of(world).retry_after_us);
}

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

struct race {
    struct world *world;
    pthread_barrier_t barrier;
    int passed; /* atomic */
};

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

/* C10: every state with every event; what is not told of here leaves it as it is. */
static void enter(struct world *world, enum vedette_breaker_state state)
{
    if (state == VEDETTE_BREAKER_OPEN)
        open_it(world);
    else if (state == VEDETTE_BREAKER_HALF_OPEN) {
        half_open_it(world);
        call(world, VEDETTE_IGNORED);
    } else if (state != VEDETTE_BREAKER_CLOSED)
        g_assert_true(vedette_breaker_force(world->breaker, state));
    assert_state(world, state);
}

static void happen(struct world *world, int event)
{
    switch (event) {
    case 0:
        call(world, VEDETTE_SUCCESS);
        break;
    case 1:
        call(world, VEDETTE_FAILURE);
        break;
    case 2:
        call(world, VEDETTE_IGNORED);
        break;
    case 3:
        advance(world, INT64_C(3600) * SECOND_US);
        call(world, VEDETTE_IGNORED);
        break;
    case 4:
        vedette_breaker_force(world->breaker, VEDETTE_BREAKER_FORCED_OPEN);
        break;
    case 5:
        vedette_breaker_force(world->breaker, VEDETTE_BREAKER_DISABLED);
        break;
    default:
        vedette_breaker_force(world->breaker, VEDETTE_BREAKER_CLOSED);
    }
}

static void test_c10_every_state_with_every_event(void)
{
    enum { CLOSED = VEDETTE_BREAKER_CLOSED, OPEN, HALF, FORCED, PASSING, DISABLED, EVENTS = 7 };
    /* success, failure, ignored, time passes, force open, disable, reset */
    static const int expected[][EVENTS] = {
        [CLOSED] = {CLOSED, CLOSED, CLOSED, CLOSED, FORCED, DISABLED, CLOSED},
        [OPEN] = {OPEN, OPEN, OPEN, HALF, FORCED, DISABLED, CLOSED},
        [HALF] = {HALF, OPEN, HALF, HALF, FORCED, DISABLED, CLOSED},
        [FORCED] = {FORCED, FORCED, FORCED, FORCED, FORCED, DISABLED, CLOSED},
        [PASSING] = {PASSING, PASSING, PASSING, PASSING, FORCED, DISABLED, CLOSED},
        [DISABLED] = {DISABLED, DISABLED, DISABLED, DISABLED, FORCED, DISABLED, CLOSED},
    };
    for (int state = CLOSED; state <= DISABLED; state++)
        for (int event = 0; event < EVENTS; event++) {
            struct world world;
            world_init(&world);
            enter(&world, (enum vedette_breaker_state)state);
            happen(&world, event);
            g_test_message("state %d, event %d", state, event);
            assert_state(&world, (enum vedette_breaker_state)expected[state][event]);
            world_clear(&world);
        }
    struct world world;
    world_init(&world);
    g_assert_false(vedette_breaker_force(world.breaker, VEDETTE_BREAKER_OPEN));
    g_assert_false(vedette_breaker_force(world.breaker, VEDETTE_BREAKER_HALF_OPEN));
    g_assert_false(vedette_breaker_force(world.breaker, (enum vedette_breaker_state)99));
    vedette_breaker_force(world.breaker, VEDETTE_BREAKER_FORCED_CLOSED);
    for (int i = 0; i < 100; i++)
        g_assert_true(call(&world, VEDETTE_FAILURE));
    assert_state(&world, VEDETTE_BREAKER_FORCED_CLOSED);
    world_clear(&world);
}

static void test_c11_changes_are_told_once_and_in_order(void)
{
    struct world world;
    world_init(&world);
    half_open_it(&world);
    for (int i = 0; i < 3; i++)
        call(&world, VEDETTE_SUCCESS);
    vedette_breaker_force(world.breaker, VEDETTE_BREAKER_FORCED_OPEN);
    vedette_breaker_force(world.breaker, VEDETTE_BREAKER_FORCED_OPEN);
    g_assert_cmpstr(world.changes->str, ==, "closed>open open>half_open half_open>closed closed>forced_open ");
    world_clear(&world);
}

static void *change_often(void *data)
{
    static const enum vedette_breaker_state words[] = {VEDETTE_BREAKER_FORCED_OPEN, VEDETTE_BREAKER_CLOSED,
                                                       VEDETTE_BREAKER_DISABLED, VEDETTE_BREAKER_FORCED_CLOSED,
                                                       VEDETTE_BREAKER_CLOSED};
    struct race *race = data;
    pthread_barrier_wait(&race->barrier);
    for (size_t i = 0; i < 2000; i++) {
        vedette_breaker_force(race->world->breaker, words[i % G_N_ELEMENTS(words)]);
        call(race->world, VEDETTE_FAILURE); /* opens a closed one now and then */
    }
    return NULL;
}

static void test_c11_changes_by_many_threads_are_told_in_order(void)
{
    enum { CALLERS = 8 };
    struct world world;
    struct race race = {.world = &world};
    pthread_t threads[CALLERS];
    world_init(&world);
    pthread_barrier_init(&race.barrier, NULL, CALLERS);
    for (int i = 0; i < CALLERS; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, change_often, &race), ==, 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    g_auto(GStrv) changes = g_strsplit(g_strchomp(world.changes->str), " ", -1);
    g_autofree char *state = g_strdup(vedette_breaker_state_name(VEDETTE_BREAKER_CLOSED));
    g_assert_cmpuint(g_strv_length(changes), >, CALLERS);
    for (char **change = changes; *change; change++) { /* each from where the one before led to, and somewhere else */
        g_auto(GStrv) sides = g_strsplit(*change, ">", 2);
        g_assert_cmpstr(sides[0], ==, state);
        g_assert_cmpstr(sides[0], !=, sides[1]);
        g_free(state);
        state = g_strdup(sides[1]);
    }
    g_assert_cmpstr(state, ==, vedette_breaker_state_name(stats_of(&world).state));
    pthread_barrier_destroy(&race.barrier);
    world_clear(&world);
}

static void *call_often(void *data)
{
    struct race *race = data;
    pthread_barrier_wait(&race->barrier);
    for (int i = 0; i < 10000; i++)
        call(race->world, i % 4 ? VEDETTE_SUCCESS : VEDETTE_FAILURE);
    return NULL;
}

static void test_c12_counts_are_exact_under_threads(void)
{
    enum { CALLERS = 10 };
    struct world world;
    struct race race = {.world = &world};
    pthread_t threads[CALLERS];
    world_init(&world);
    vedette_breaker_force(world.breaker, VEDETTE_BREAKER_FORCED_CLOSED);
    pthread_barrier_init(&race.barrier, NULL, CALLERS);
    for (int i = 0; i < CALLERS; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, call_often, &race), ==, 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpint(stats_of(&world).successes, ==, 75000);
    g_assert_cmpint(stats_of(&world).failures, ==, 25000);
    g_assert_cmpint(stats_of(&world).call_count, ==, 100000);
    pthread_barrier_destroy(&race.barrier);
    world_clear(&world);
}

static void test_c13_new_settings_keep_the_state(void)
{
    struct world world;
    const char *why = NULL;
    world_init(&world);
    open_it(&world);
    struct vedette_breaker_config config = world.config;
    config.success_threshold = 1;
    config.probes = 50;
    g_assert_true(vedette_breaker_configure(world.breaker, &config, &why));
    assert_state(&world, VEDETTE_BREAKER_OPEN);
    g_assert_cmpint(stats_of(&world).retry_after_us, ==, 60 * SECOND_US);
    advance(&world, 60 * SECOND_US);
    g_assert_true(call(&world, VEDETTE_SUCCESS));
    assert_state(&world, VEDETTE_BREAKER_CLOSED);
    config.probes = 0;
    g_assert_false(vedette_breaker_configure(world.breaker, &config, &why));
    g_assert_nonnull(strstr(why, "probes"));
    world_clear(&world);
}

/* C10: what there is no way to is no change, and is told once for each state it is asked in. */
static void test_c10_illegal_changes_are_told_once(void)
{
    struct world world;
    world_init(&world);
    for (int i = 0; i < 100; i++) {
        g_assert_false(vedette_breaker_force(world.breaker, VEDETTE_BREAKER_HALF_OPEN));
        g_assert_false(vedette_breaker_force(world.breaker, VEDETTE_BREAKER_OPEN));
        g_assert_false(vedette_breaker_force(world.breaker, (enum vedette_breaker_state)99));
    }
    assert_state(&world, VEDETTE_BREAKER_CLOSED);
    vedette_breaker_force(world.breaker, VEDETTE_BREAKER_DISABLED);
    g_assert_false(vedette_breaker_force(world.breaker, (enum vedette_breaker_state)0));
    g_assert_cmpstr(world.illegal->str, ==, "closed>3 disabled>0 ");
    g_assert_cmpstr(world.changes->str, ==, "closed>disabled ");
    g_assert_cmpint(stats_of(&world).illegal, ==, 301);
    world_clear(&world);
}

/* C11: while it changes, what is told last is what it is. */
static void test_c11_a_gauge_equals_the_state(void)
{
    static const enum vedette_breaker_state words[] = {VEDETTE_BREAKER_FORCED_OPEN, VEDETTE_BREAKER_CLOSED,
                                                       VEDETTE_BREAKER_FORCED_CLOSED, VEDETTE_BREAKER_DISABLED};
    struct world world;
    world_init(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        vedette_breaker_force(world.breaker, words[i]);
        g_autofree char *last = g_strdup_printf(">%s ", vedette_breaker_state_name(words[i]));
        g_assert_true(g_str_has_suffix(world.changes->str, last));
        assert_state(&world, words[i]);
    }
    world_clear(&world);
}

/* C14: a thousand breakers that opened together do not knock together, not the first time either: of the 60 s over
 * which they spread, no second has many times its share. */
static void test_c14_no_herd(void)
{
    enum { CAMERAS = 1000, SHARE = CAMERAS / 60 };
    struct world world;
    int in_second[61] = {0};
    world_prepare(&world);
    world.config.time.random = NULL;
    for (int i = 0; i < CAMERAS; i++) {
        world_start(&world);
        assert_state(&world, VEDETTE_BREAKER_CLOSED); /* as after a restart */
        open_it(&world);
        int64_t wait_us = stats_of(&world).retry_after_us;
        g_assert_cmpint(wait_us, >=, 60 * SECOND_US);
        g_assert_cmpint(wait_us, <=, 120 * SECOND_US);
        in_second[wait_us / SECOND_US - 60]++;
        g_clear_pointer(&world.breaker, vedette_breaker_free);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(in_second); i++)
        g_assert_cmpint(in_second[i], <, 4 * SHARE);
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
    g_test_add_func("/breaker/c10 every state with every event", test_c10_every_state_with_every_event);
    g_test_add_func("/breaker/c10 illegal changes are told once", test_c10_illegal_changes_are_told_once);
    g_test_add_func("/breaker/c11 changes are told once and in order", test_c11_changes_are_told_once_and_in_order);
    g_test_add_func("/breaker/c11 changes by many threads are told in order",
                    test_c11_changes_by_many_threads_are_told_in_order);
    g_test_add_func("/breaker/c11 a gauge equals the state", test_c11_a_gauge_equals_the_state);
    g_test_add_func("/breaker/c12 counts are exact under threads", test_c12_counts_are_exact_under_threads);
    g_test_add_func("/breaker/c13 new settings keep the state", test_c13_new_settings_keep_the_state);
    g_test_add_func("/breaker/c14 no herd", test_c14_no_herd);
    return g_test_run();
}
