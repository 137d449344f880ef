/* Cases K6 to K11: what the cache keeps, for how long and for whom. */
#include "flight_world.h"

static void test_k06_nothing_and_failure_are_kept_apart(void)
{
    struct upstream upstream;
    upstream_init(&upstream);
    upstream_start(&upstream);
    upstream.result = VEDETTE_FLIGHT_NOT_FOUND;
    g_assert_cmpint(get(&upstream, "org", "a", NULL), ==, VEDETTE_FLIGHT_NOT_FOUND);
    upstream.result = VEDETTE_FLIGHT_FAILED;
    g_assert_cmpint(get(&upstream, "org", "b", NULL), ==, VEDETTE_FLIGHT_FAILED);
    upstream.result = VEDETTE_FLIGHT_OK;
    advance(&upstream, 4 * SECOND_US);
    g_assert_cmpint(get(&upstream, "org", "b", NULL), ==, VEDETTE_FLIGHT_FAILED);
    advance(&upstream, SECOND_US);
    g_assert_cmpint(get(&upstream, "org", "b", NULL), ==, VEDETTE_FLIGHT_OK);
    g_assert_cmpint(get(&upstream, "org", "a", NULL), ==, VEDETTE_FLIGHT_NOT_FOUND);
    vedette_flight_put(upstream.flight, "org", "a", "known", 5); /* a positive write ends it */
    assert_answer(&upstream, "org", "a", "known");
    vedette_flight_free(upstream.flight);
}

static void test_k07_invalidated_while_it_loads_is_not_kept(void)
{
    struct upstream upstream;
    struct asker leader = {0};
    begin_held(&upstream, &leader);
    vedette_flight_invalidate(upstream.flight, "org", "a");
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    pthread_join(leader.thread, NULL);
    assert_answer(&upstream, "org", "a", "org/a/2");
    vedette_flight_free(upstream.flight);
}

/* K7: who asks after the invalidate waits for the call under way, gets nothing of it, and there are never two. */
static void test_k07_one_call_at_a_time_over_an_invalidate(void)
{
    enum { EARLY = 4, LATE = 16 };
    struct upstream upstream;
    struct asker early[EARLY] = {0}, late[LATE] = {0};
    upstream_init(&upstream);
    upstream_start(&upstream);
    upstream.is_held = true;
    for (int i = 0; i < EARLY; i++)
        start_asker(&early[i], &upstream, "a");
    until_joined(&upstream, EARLY - 1);
    vedette_flight_invalidate(upstream.flight, "org", "a");
    for (int i = 0; i < LATE; i++)
        start_asker(&late[i], &upstream, "a");
    until_joined(&upstream, EARLY - 1 + LATE);
    g_assert_cmpint(upstream.calls, ==, 1);
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    for (int i = 0; i < EARLY + LATE; i++) {
        struct asker *asker = i < EARLY ? &early[i] : &late[i - EARLY];
        pthread_join(asker->thread, NULL);
        g_assert_cmpstr(asker->text, ==, i < EARLY ? "org/a/1" : "org/a/2");
    }
    g_assert_cmpint(upstream.calls, ==, 2);
    g_assert_false(upstream.is_doubled);
    assert_answer(&upstream, "org", "a", "org/a/2"); /* and this one is kept */
    vedette_flight_free(upstream.flight);
}

/* K7: the call under way is older than what is put meanwhile. */
static void test_k07_a_put_outdates_what_is_loading(void)
{
    struct upstream upstream;
    struct asker leader = {0};
    begin_held(&upstream, &leader);
    vedette_flight_put(upstream.flight, "org", "a", "newer", 5);
    assert_answer(&upstream, "org", "a", "newer");
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    pthread_join(leader.thread, NULL);
    assert_answer(&upstream, "org", "a", "newer");
    g_assert_cmpint(upstream.calls, ==, 1);
    vedette_flight_free(upstream.flight);
}

/* K7: the thread whose load was outdated dies in it; one of those who came later fetches. */
static void test_k07_an_outdated_load_whose_thread_dies(void)
{
    struct upstream upstream;
    struct asker leader = {0}, late = {0};
    upstream_init(&upstream);
    upstream_start(&upstream);
    upstream.is_held = true;
    upstream.dying = 1;
    start_asker(&leader, &upstream, "a");
    until_called(&upstream, 1);
    vedette_flight_invalidate_tenant(upstream.flight, "org");
    start_asker(&late, &upstream, "a");
    until_joined(&upstream, 1);
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    pthread_join(leader.thread, NULL);
    pthread_join(late.thread, NULL);
    g_assert_cmpint(late.result, ==, VEDETTE_FLIGHT_OK);
    assert_answer(&upstream, "org", "a", "org/a/2");
    vedette_flight_free(upstream.flight);
}

static void test_k08_stale_is_given_while_one_fetches(void)
{
    struct upstream upstream;
    struct asker leader = {0};
    upstream_init(&upstream);
    upstream.config.stale_us = 60 * SECOND_US;
    upstream_start(&upstream);
    assert_answer(&upstream, "org", "a", "org/a/1");
    advance(&upstream, 301 * (int64_t)SECOND_US);
    upstream.is_held = true;
    start_asker(&leader, &upstream, "a");
    until_called(&upstream, 2);
    for (int i = 0; i < 10; i++)
        assert_answer(&upstream, "org", "a", "org/a/1");
    g_assert_cmpint(upstream.calls, ==, 2);
    g_assert_cmpint(stats_of(&upstream).stale_hits, ==, 10);
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    pthread_join(leader.thread, NULL);
    assert_answer(&upstream, "org", "a", "org/a/2");
    advance(&upstream, 361 * (int64_t)SECOND_US); /* beyond the limit nothing stale is given */
    assert_answer(&upstream, "org", "a", "org/a/3");
    vedette_flight_free(upstream.flight);
}

static void test_k09_answers_do_not_all_end_at_once(void)
{
    struct upstream upstream;
    int fetched_early = 0;
    upstream_init(&upstream);
    upstream.config.ttl_jitter = 0.5;
    upstream_start(&upstream);
    for (int round = 0; round < 2; round++) {
        int before = upstream.calls;
        for (int i = 0; i < 100; i++) {
            g_autofree char *key = g_strdup_printf("%d", i);
            get(&upstream, "org", key, NULL);
        }
        fetched_early = upstream.calls - before;
        advance(&upstream, 225 * (int64_t)SECOND_US);
    }
    g_assert_cmpint(fetched_early, >, 20);
    g_assert_cmpint(fetched_early, <, 80);
    vedette_flight_free(upstream.flight);
}

static void test_k10_entries_and_bytes_are_bounded(void)
{
    struct upstream upstream;
    upstream_init(&upstream);
    upstream.config.max_entries = 100;
    upstream.config.max_bytes = 1 << 20;
    upstream_start(&upstream);
    for (int i = 0; i < MANY_KEYS; i++) {
        char key[32];
        g_snprintf(key, sizeof key, "key-%d", i);
        vedette_flight_put(upstream.flight, "org", key, key, strlen(key));
    }
    g_assert_cmpint(stats_of(&upstream).entries, ==, 100);
    g_assert_cmpint(stats_of(&upstream).evicted, ==, MANY_KEYS - 100);
    assert_answer(&upstream, "org", "key-999999", "key-999999"); /* the newest stayed */
    g_autofree char *large = g_malloc0(300000);
    for (int i = 0; i < 20; i++) {
        char key[32];
        g_snprintf(key, sizeof key, "large-%d", i);
        vedette_flight_put(upstream.flight, "org", key, large, 300000);
        g_assert_cmpint(stats_of(&upstream).bytes, <=, 1 << 20);
    }
    int64_t kept = stats_of(&upstream).entries;
    g_autofree char *too_large = g_malloc0(2 << 20);
    vedette_flight_put(upstream.flight, "other", "too-large", too_large, 2 << 20);
    g_assert_cmpint(stats_of(&upstream).entries, >=, kept); /* costs nobody's */
    vedette_flight_free(upstream.flight);
}

static void test_k10_what_is_being_fetched_stays(void)
{
    struct upstream upstream;
    struct asker leader = {0}, follower = {0};
    upstream_init(&upstream);
    upstream.config.max_entries = 1;
    upstream_start(&upstream);
    upstream.is_held = true;
    start_asker(&leader, &upstream, "a");
    until_called(&upstream, 1);
    vedette_flight_put(upstream.flight, "org", "b", "b", 1); /* one too many */
    start_asker(&follower, &upstream, "a");
    while (stats_of(&upstream).joined + stats_of(&upstream).loads < 2)
        g_usleep(200);
    __atomic_store_n(&upstream.is_held, false, __ATOMIC_RELEASE);
    pthread_join(leader.thread, NULL);
    pthread_join(follower.thread, NULL);
    g_assert_cmpint(upstream.calls, ==, 1);
    g_assert_cmpint(stats_of(&upstream).entries, <=, 1);
    vedette_flight_free(upstream.flight);
}

static void test_an_answer_can_be_kept_for_ever(void)
{
    struct upstream upstream;
    upstream_init(&upstream);
    upstream.config.ttl_us = upstream.config.stale_us = INT64_MAX;
    upstream_start(&upstream);
    assert_answer(&upstream, "org", "a", "org/a/1");
    assert_answer(&upstream, "org", "a", "org/a/1");
    vedette_flight_free(upstream.flight);
}

static void test_k11_a_tenant_never_gets_anothers(void)
{
    struct upstream upstream;
    upstream_init(&upstream);
    upstream_start(&upstream);
    assert_answer(&upstream, "a", "bc", "a/bc/1");
    assert_answer(&upstream, "ab", "c", "ab/c/2");
    assert_answer(&upstream, "a", "bc", "a/bc/1");
    vedette_flight_invalidate_tenant(upstream.flight, "a");
    assert_answer(&upstream, "ab", "c", "ab/c/2");
    assert_answer(&upstream, "a", "bc", "a/bc/3");
    vedette_flight_free(upstream.flight);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/flight/k06 nothing and failure are kept apart", test_k06_nothing_and_failure_are_kept_apart);
    g_test_add_func("/flight/k07 invalidated while it loads is not kept",
                    test_k07_invalidated_while_it_loads_is_not_kept);
    g_test_add_func("/flight/k07 one call at a time over an invalidate",
                    test_k07_one_call_at_a_time_over_an_invalidate);
    g_test_add_func("/flight/k07 a put outdates what is loading", test_k07_a_put_outdates_what_is_loading);
    g_test_add_func("/flight/k07 an outdated load whose thread dies", test_k07_an_outdated_load_whose_thread_dies);
    g_test_add_func("/flight/k08 stale is given while one fetches", test_k08_stale_is_given_while_one_fetches);
    g_test_add_func("/flight/k09 answers do not all end at once", test_k09_answers_do_not_all_end_at_once);
    g_test_add_func("/flight/k10 entries and bytes are bounded", test_k10_entries_and_bytes_are_bounded);
    g_test_add_func("/flight/k10 what is being fetched stays", test_k10_what_is_being_fetched_stays);
    g_test_add_func("/flight/an answer can be kept for ever", test_an_answer_can_be_kept_for_ever);
    g_test_add_func("/flight/k11 a tenant never gets another's", test_k11_a_tenant_never_gets_anothers);
    return g_test_run();
}
