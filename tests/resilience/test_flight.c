/* Cases K1 to K5, K12 to K14: one upstream call for each key, however many ask. */
#include "flight_world.h"

static void test_k01_one_call_for_a_cold_key(void)
{
    struct upstream upstream;
    g_autofree struct asker *askers = g_new0(struct asker, MANY);
    upstream_init(&upstream);
    upstream_start(&upstream);
    upstream.is_held = true;
    for (int i = 0; i < MANY; i++)
        start_asker(&askers[i], &upstream, "a");
    until_joined(&upstream, MANY - 1);
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    for (int i = 0; i < MANY; i++) {
        pthread_join(askers[i].thread, NULL);
        g_assert_cmpint(askers[i].result, ==, VEDETTE_FLIGHT_OK);
    }
    g_assert_cmpint(upstream.calls, ==, 1);
    vedette_flight_free(upstream.flight);
}

static void test_k02_other_keys_do_not_wait(void)
{
    struct upstream upstream;
    struct asker slow = {0}, other = {0};
    upstream_init(&upstream);
    upstream_start(&upstream);
    upstream.is_held = true;
    start_asker(&slow, &upstream, "a");
    start_asker(&other, &upstream, "b");
    until_called(&upstream, 2); /* both are inside their calls at once */
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    pthread_join(slow.thread, NULL);
    pthread_join(other.thread, NULL);
    vedette_flight_free(upstream.flight);
}

static void test_k03_a_failure_is_everybodys_and_the_next_tries_anew(void)
{
    struct upstream upstream;
    struct asker askers[10] = {0};
    upstream_init(&upstream);
    upstream.config.failure_ttl_us = 0;
    upstream_start(&upstream);
    upstream.result = VEDETTE_FLIGHT_FAILED;
    upstream.is_held = true;
    for (int i = 0; i < 10; i++)
        start_asker(&askers[i], &upstream, "a");
    until_joined(&upstream, 9);
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    for (int i = 0; i < 10; i++) {
        pthread_join(askers[i].thread, NULL);
        g_assert_cmpint(askers[i].result, ==, VEDETTE_FLIGHT_FAILED);
    }
    g_assert_cmpint(upstream.calls, ==, 1);
    assert_answer(&upstream, "org", "a", "the upstream is down");
    upstream.result = VEDETTE_FLIGHT_OK;
    assert_answer(&upstream, "org", "a", "org/a/3");
    vedette_flight_free(upstream.flight);
}

/* K4: the thread that fetches dies in its load; one of those who wait takes its place, and nobody hangs. */
static void test_k04_a_dead_thread_leaves_its_place(void)
{
    enum { WAITERS = 5 };
    struct upstream upstream;
    struct asker leader = {0}, waiters[WAITERS] = {0};
    upstream_init(&upstream);
    upstream_start(&upstream);
    upstream.is_held = true;
    upstream.dying = 1;
    start_asker(&leader, &upstream, "a");
    until_called(&upstream, 1);
    for (int i = 0; i < WAITERS; i++)
        start_asker(&waiters[i], &upstream, "a");
    until_joined(&upstream, WAITERS);
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    pthread_join(leader.thread, NULL);
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(waiters[i].thread, NULL);
        g_assert_cmpint(waiters[i].result, ==, VEDETTE_FLIGHT_OK);
    }
    g_assert_cmpint(upstream.calls, ==, 2);
    g_assert_cmpint(stats_of(&upstream).abandoned, ==, 1);
    upstream.dying = 3; /* alone: the key is not stuck afterwards, and leaves no entry behind */
    start_asker(&leader, &upstream, "b");
    pthread_join(leader.thread, NULL);
    g_assert_cmpint(stats_of(&upstream).entries, ==, 1);
    assert_answer(&upstream, "org", "b", "org/b/4");
    vedette_flight_free(upstream.flight);
}

static void test_k04_k05_who_waits_has_a_deadline_of_its_own(void)
{
    struct upstream upstream;
    struct asker leader = {0}, hasty = {.deadline_us = INT64_C(1001) * SECOND_US}, patient = {0};
    begin_held(&upstream, &leader);
    start_asker(&hasty, &upstream, "a");
    start_asker(&patient, &upstream, "a");
    until_joined(&upstream, 2);
    advance(&upstream, 2 * SECOND_US);
    pthread_join(hasty.thread, NULL);
    g_assert_cmpint(hasty.result, ==, VEDETTE_FLIGHT_TIMEOUT);
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    pthread_join(patient.thread, NULL);
    pthread_join(leader.thread, NULL);
    g_assert_cmpint(patient.result, ==, VEDETTE_FLIGHT_OK);
    g_assert_cmpint(leader.result, ==, VEDETTE_FLIGHT_OK);
    vedette_flight_free(upstream.flight);
}

static void test_k04_who_is_cancelled_while_it_waits_holds_up_nobody(void)
{
    struct upstream upstream;
    struct asker leader = {0}, cancelled = {0}, patient = {0};
    begin_held(&upstream, &leader);
    start_asker(&cancelled, &upstream, "a");
    start_asker(&patient, &upstream, "a");
    until_joined(&upstream, 2);
    pthread_cancel(cancelled.thread);
    vedette_flight_put(upstream.flight, "org", "b", "known", 5); /* other keys go on */
    assert_answer(&upstream, "org", "b", "known");
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    pthread_join(cancelled.thread, NULL);
    pthread_join(patient.thread, NULL);
    pthread_join(leader.thread, NULL);
    g_assert_cmpint(patient.result, ==, VEDETTE_FLIGHT_OK);
    g_assert_cmpint(leader.result, ==, VEDETTE_FLIGHT_OK);
    vedette_flight_free(upstream.flight);
}

static enum vedette_flight_result load_itself(void *data, const char *tenant, const char *key,
                                              struct vedette_flight_answer *answer)
{
    struct upstream *upstream = data;
    enum vedette_flight_result result =
        vedette_flight_get(upstream->flight, tenant, key, load_itself, data, INT64_MAX, NULL);
    answer->error = strdup(result == VEDETTE_FLIGHT_RECURSION ? "recursion" : "no recursion");
    return VEDETTE_FLIGHT_FAILED;
}

static void test_k12_recursion_is_seen(void)
{
    struct upstream upstream;
    struct vedette_flight_answer answer;
    upstream_init(&upstream);
    upstream_start(&upstream);
    vedette_flight_get(upstream.flight, "org", "a", load_itself, &upstream, INT64_MAX, &answer);
    g_assert_cmpstr(answer.error, ==, "recursion");
    free(answer.error);
    vedette_flight_free(upstream.flight);
}

enum { RING = 3 };

/* Each of the ring's keys asks for the next once all load; who is told that this would be for ever finds nothing. */
static enum vedette_flight_result load_next(void *data, const char *tenant, const char *key,
                                            struct vedette_flight_answer *answer)
{
    struct upstream *upstream = data;
    const char next[] = {(char)('a' + (key[0] - 'a' + 1) % RING), '\0'};
    __atomic_add_fetch(&upstream->calls, 1, __ATOMIC_ACQ_REL);
    until_called(upstream, RING);
    enum vedette_flight_result result =
        vedette_flight_get(upstream->flight, tenant, next, load_next, data, INT64_MAX, answer);
    return result == VEDETTE_FLIGHT_RECURSION ? VEDETTE_FLIGHT_NOT_FOUND : result;
}

/* K12: one of them is told, and what its load makes of that is everybody's. */
static void test_k12_loads_that_ask_for_each_other_are_seen(void)
{
    struct upstream upstream;
    struct asker askers[RING] = {{.load = load_next}, {.load = load_next}, {.load = load_next}};
    upstream_init(&upstream);
    upstream_start(&upstream);
    start_asker(&askers[0], &upstream, "a");
    start_asker(&askers[1], &upstream, "b");
    start_asker(&askers[2], &upstream, "c");
    for (int i = 0; i < RING; i++) {
        pthread_join(askers[i].thread, NULL);
        g_assert_cmpint(askers[i].result, ==, VEDETTE_FLIGHT_NOT_FOUND);
    }
    g_assert_cmpint(upstream.calls, ==, RING);
    g_assert_cmpint(stats_of(&upstream).joined, ==, RING - 1);
    vedette_flight_free(upstream.flight);
}

static void *free_flight(void *data)
{
    vedette_flight_free(((struct upstream *)data)->flight);
    return NULL;
}

static void test_k13_closing_with_waiters(void)
{
    struct upstream upstream;
    struct asker leader = {0}, waiters[5] = {0};
    pthread_t closer;
    begin_held(&upstream, &leader);
    for (int i = 0; i < 5; i++)
        start_asker(&waiters[i], &upstream, "a");
    until_joined(&upstream, 5);
    g_assert_cmpint(pthread_create(&closer, NULL, free_flight, &upstream), ==, 0);
    for (int i = 0; i < 5; i++) {
        pthread_join(waiters[i].thread, NULL);
        g_assert_cmpint(waiters[i].result, ==, VEDETTE_FLIGHT_CLOSED);
    }
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    pthread_join(leader.thread, NULL);
    pthread_join(closer, NULL);
}

/* K14: everything at once on few keys; the sanitizers look. */
static void *do_everything(void *data)
{
    struct upstream *upstream = data;
    for (int i = 0; i < 2000; i++) {
        char key[8];
        g_snprintf(key, sizeof key, "%d", i % 7);
        switch (i % 5) {
        case 0:
            vedette_flight_invalidate(upstream->flight, "org", key);
            break;
        case 1:
            vedette_flight_put(upstream->flight, "org", key, "x", 1);
            break;
        case 2:
            vedette_flight_invalidate_tenant(upstream->flight, "org");
            break;
        default:
            get(upstream, "org", key, NULL);
        }
    }
    return NULL;
}

static void test_k14_everything_at_once(void)
{
    enum { CALLERS = 8 };
    struct upstream upstream;
    pthread_t threads[CALLERS];
    upstream_init(&upstream);
    upstream.config.max_entries = 4;
    upstream_start(&upstream);
    for (int i = 0; i < CALLERS; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, do_everything, &upstream), ==, 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpint(stats_of(&upstream).entries, <=, 4);
    g_assert_cmpint(stats_of(&upstream).loads, ==, upstream.calls);
    g_assert_false(upstream.is_doubled);
    vedette_flight_free(upstream.flight);
}

static void test_defaults_are_what_is_promised(void)
{
    struct vedette_flight_config config;
    vedette_flight_config_init(&config);
    g_assert_cmpint(config.ttl_us, ==, 300 * (int64_t)SECOND_US);
    g_assert_cmpint(config.not_found_ttl_us, <, config.ttl_us);
    g_assert_cmpint(config.failure_ttl_us, <, config.not_found_ttl_us);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/flight/defaults are what is promised", test_defaults_are_what_is_promised);
    g_test_add_func("/flight/k01 one call for a cold key", test_k01_one_call_for_a_cold_key);
    g_test_add_func("/flight/k02 other keys do not wait", test_k02_other_keys_do_not_wait);
    g_test_add_func("/flight/k03 a failure is everybody's, and the next tries anew",
                    test_k03_a_failure_is_everybodys_and_the_next_tries_anew);
    g_test_add_func("/flight/k04 a dead thread leaves its place", test_k04_a_dead_thread_leaves_its_place);
    g_test_add_func("/flight/k04 k05 who waits has a deadline of its own",
                    test_k04_k05_who_waits_has_a_deadline_of_its_own);
    g_test_add_func("/flight/k04 who is cancelled while it waits holds up nobody",
                    test_k04_who_is_cancelled_while_it_waits_holds_up_nobody);
    g_test_add_func("/flight/k12 recursion is seen", test_k12_recursion_is_seen);
    g_test_add_func("/flight/k12 loads that ask for each other are seen",
                    test_k12_loads_that_ask_for_each_other_are_seen);
    g_test_add_func("/flight/k13 closing with waiters", test_k13_closing_with_waiters);
    g_test_add_func("/flight/k14 everything at once", test_k14_everything_at_once);
    return g_test_run();
}
