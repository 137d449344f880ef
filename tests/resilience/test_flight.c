/* Cases K: the cache with one upstream call for each key. The clock is the test's; threads meet at barriers. */
#include "vedette/flight.h"

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND_US = 1000000, MANY = 1000, MANY_KEYS = 1000000, STACK_BYTES = 256 << 10 };

struct upstream {
    struct vedette_flight *flight;
    int64_t now_us;  /* atomic */
    int calls;       /* atomic */
    int waiting;     /* atomic: threads that were started */
    bool is_held;    /* atomic: a load does not end before it is false */
    int inside[16];  /* atomic: loads of each key now, by the low bits of its first letter */
    bool is_doubled; /* atomic: two of one key were under way at once */
    int dying;       /* the load of this number takes its thread with it */
    enum vedette_flight_result result;
    struct vedette_flight_config config;
};

static int64_t now_us(void *data)
{
    return __atomic_load_n(&((struct upstream *)data)->now_us, __ATOMIC_RELAXED);
}

static enum vedette_flight_result load(void *data, const char *tenant, const char *key,
                                       struct vedette_flight_answer *answer)
{
    struct upstream *upstream = data;
    int *inside = &upstream->inside[key[0] & 15];
    int number = __atomic_add_fetch(&upstream->calls, 1, __ATOMIC_ACQ_REL);
    if (__atomic_fetch_add(inside, 1, __ATOMIC_ACQ_REL))
        __atomic_store_n(&upstream->is_doubled, true, __ATOMIC_RELEASE);
    while (__atomic_load_n(&upstream->is_held, __ATOMIC_ACQUIRE))
        g_usleep(200);
    __atomic_fetch_sub(inside, 1, __ATOMIC_ACQ_REL);
    if (number == upstream->dying)
        pthread_exit(NULL);
    if (upstream->result == VEDETTE_FLIGHT_FAILED) {
        answer->error = strdup("the upstream is down");
        return VEDETTE_FLIGHT_FAILED;
    }
    if (upstream->result == VEDETTE_FLIGHT_NOT_FOUND)
        return VEDETTE_FLIGHT_NOT_FOUND;
    answer->value = malloc(100);
    answer->length = (size_t)snprintf(answer->value, 100, "%s/%s/%d", tenant, key, number);
    return VEDETTE_FLIGHT_OK;
}

static void upstream_init(struct upstream *upstream)
{
    *upstream = (struct upstream){.now_us = INT64_C(1000) * SECOND_US, .result = VEDETTE_FLIGHT_OK};
    vedette_flight_config_init(&upstream->config);
    upstream->config.ttl_jitter = 0;
    upstream->config.time = (struct vedette_time_source){.now_us = now_us, .data = upstream};
}

static void upstream_start(struct upstream *upstream)
{
    upstream->flight = vedette_flight_new(&upstream->config, NULL);
    g_assert_nonnull(upstream->flight);
}

static void advance(struct upstream *upstream, int64_t us)
{
    __atomic_add_fetch(&upstream->now_us, us, __ATOMIC_RELAXED);
}

static enum vedette_flight_result get(struct upstream *upstream, const char *tenant, const char *key, char **text)
{
    struct vedette_flight_answer answer;
    enum vedette_flight_result result =
        vedette_flight_get(upstream->flight, tenant, key, load, upstream, INT64_MAX, &answer);
    if (text)
        *text = answer.value ? g_strndup(answer.value, answer.length) : g_strdup(answer.error);
    free(answer.value);
    free(answer.error);
    return result;
}

static void assert_answer(struct upstream *upstream, const char *tenant, const char *key, const char *expected)
{
    g_autofree char *text = NULL;
    get(upstream, tenant, key, &text);
    g_assert_cmpstr(text, ==, expected);
}

static struct vedette_flight_stats stats_of(struct upstream *upstream)
{
    struct vedette_flight_stats stats;
    vedette_flight_get_stats(upstream->flight, &stats);
    return stats;
}

struct asker {
    struct upstream *upstream;
    const char *key;
    int64_t deadline_us;      /* 0: none */
    vedette_flight_load load; /* NULL: the upstream's */
    enum vedette_flight_result result;
    char text[100]; /* what it was given */
    pthread_t thread;
};

static void *ask(void *data)
{
    struct asker *asker = data;
    struct vedette_flight_answer answer;
    __atomic_add_fetch(&asker->upstream->waiting, 1, __ATOMIC_RELAXED);
    asker->result = vedette_flight_get(asker->upstream->flight, "org", asker->key, asker->load ? asker->load : load,
                                       asker->upstream, asker->deadline_us ? asker->deadline_us : INT64_MAX, &answer);
    g_snprintf(asker->text, sizeof asker->text, "%.*s", (int)answer.length,
               answer.value ? (const char *)answer.value : "");
    free(answer.value);
    free(answer.error);
    return NULL;
}

static void start_asker(struct asker *asker, struct upstream *upstream, const char *key)
{
    asker->upstream = upstream;
    asker->key = key;
    pthread_attr_t small; /* there are many */
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    g_assert_cmpint(pthread_create(&asker->thread, &small, ask, asker), ==, 0);
    pthread_attr_destroy(&small);
}

static void until_joined(struct upstream *upstream, int64_t joined)
{
    while (stats_of(upstream).joined < joined)
        g_usleep(200);
}

static void until_called(struct upstream *upstream, int calls)
{
    while (__atomic_load_n(&upstream->calls, __ATOMIC_ACQUIRE) < calls)
        g_usleep(200);
}

/* Someone asks for "a", and the call does not end until the upstream is let go. */
static void begin_held(struct upstream *upstream, struct asker *leader)
{
    upstream_init(upstream);
    upstream_start(upstream);
    upstream->is_held = true;
    start_asker(leader, upstream, "a");
    until_called(upstream, 1);
}

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
    g_test_add_func("/flight/k12 recursion is seen", test_k12_recursion_is_seen);
    g_test_add_func("/flight/k12 loads that ask for each other are seen",
                    test_k12_loads_that_ask_for_each_other_are_seen);
    g_test_add_func("/flight/k13 closing with waiters", test_k13_closing_with_waiters);
    g_test_add_func("/flight/k14 everything at once", test_k14_everything_at_once);
    return g_test_run();
}
