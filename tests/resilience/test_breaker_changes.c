/* Cases C10 to C14: every change of the circuit breaker, told in order and counted exactly, by many threads too. */
#include "breaker_world.h"

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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
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
