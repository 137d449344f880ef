/* Cases L: the rate limiter. The clock is the test's. */
#include "vedette/limiter.h"

#include <glib.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

enum { SECOND_US = 1000000 };

struct world {
    int64_t now_us;
    struct vedette_limiter_config config;
    struct vedette_limiter *limiter;
};

static int64_t now_us(void *data)
{
    return ((struct world *)data)->now_us;
}

static void world_init(struct world *world, double rate, int64_t burst, size_t max_keys)
{
    *world = (struct world){.now_us = INT64_C(1000) * SECOND_US};
    vedette_limiter_config_init(&world->config);
    world->config.rate_per_second = rate;
    world->config.burst = burst;
    world->config.max_keys = max_keys;
    world->config.time = (struct vedette_time_source){.now_us = now_us, .data = world};
    world->limiter = vedette_limiter_new(&world->config, NULL);
    g_assert_nonnull(world->limiter);
}

static bool take(struct world *world, const char *key)
{
    return vedette_limiter_take(world->limiter, key, 1).is_allowed;
}

static void test_l01_a_burst_then_a_steady_rate(void)
{
    struct world world;
    int passed = 0;
    world_init(&world, 10, 5, 100);
    for (int i = 0; i < 20; i++)
        passed += take(&world, "a");
    g_assert_cmpint(passed, ==, 5);
    for (int i = 0; i < 1000; i++) { /* ten seconds of a hundred a second */
        world.now_us += SECOND_US / 100;
        passed += take(&world, "a");
    }
    g_assert_cmpint(passed, ==, 105);
    g_assert_true(take(&world, "b")); /* another's allowance is its own */
    vedette_limiter_free(world.limiter);
}

static void test_l02_the_boundary_is_exact(void)
{
    struct world world;
    world_init(&world, 10, 1, 100);
    g_assert_true(take(&world, "a"));
    struct vedette_limit refused = vedette_limiter_take(world.limiter, "a", 1);
    g_assert_false(refused.is_allowed);
    g_assert_cmpint(refused.retry_after_us, ==, SECOND_US / 10);
    world.now_us += refused.retry_after_us - 1;
    g_assert_false(take(&world, "a"));
    world.now_us += 1;
    g_assert_true(take(&world, "a"));
    vedette_limiter_free(world.limiter);
}

static void test_l03_a_clock_that_goes_back_gives_nothing_away(void)
{
    struct world world;
    world_init(&world, 10, 2, 100);
    g_assert_true(take(&world, "a") && take(&world, "a"));
    world.now_us -= 500 * (int64_t)SECOND_US;
    g_assert_false(take(&world, "a"));
    world.now_us += 500 * (int64_t)SECOND_US + SECOND_US / 10;
    g_assert_true(take(&world, "a"));
    vedette_limiter_free(world.limiter);
}

static void test_l04_a_year_of_rest_overflows_nothing(void)
{
    struct world world;
    world_init(&world, 0.001, 1000, 100);
    for (int i = 0; i < 1000; i++)
        g_assert_true(take(&world, "a"));
    g_assert_false(take(&world, "a"));
    world.now_us += INT64_C(365) * 86400 * SECOND_US;
    struct vedette_limit limit = vedette_limiter_take(world.limiter, "a", 0);
    g_assert_cmpint(limit.remaining, ==, 1000);
    g_assert_cmpint(limit.reset_us, ==, 0);
    vedette_limiter_free(world.limiter);
}

static void test_l05_more_than_the_burst_never_passes(void)
{
    struct world world;
    world_init(&world, 10, 5, 100);
    struct vedette_limit limit = vedette_limiter_take(world.limiter, "a", 6);
    g_assert_false(limit.is_allowed);
    g_assert_cmpint(limit.retry_after_us, ==, -1);
    g_assert_false(vedette_limiter_take(world.limiter, "a", INT64_MAX).is_allowed);
    g_assert_true(vedette_limiter_take(world.limiter, "a", 5).is_allowed); /* what was refused cost nothing */
    vedette_limiter_free(world.limiter);
}

struct racer {
    struct world *world;
    pthread_barrier_t *barrier;
    int passed;
};

static void *race(void *data)
{
    struct racer *racer = data;
    pthread_barrier_wait(racer->barrier);
    for (int i = 0; i < 100; i++)
        racer->passed += take(racer->world, "a");
    return NULL;
}

static void test_l06_exact_under_threads(void)
{
    enum { RACERS = 64 };
    struct world world;
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    pthread_barrier_t barrier;
    int passed = 0;
    world_init(&world, 1, 777, 100);
    pthread_barrier_init(&barrier, NULL, RACERS);
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){&world, &barrier, 0};
        g_assert_cmpint(pthread_create(&threads[i], NULL, race, &racers[i]), ==, 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        passed += racers[i].passed;
    }
    g_assert_cmpint(passed, ==, 777);
    pthread_barrier_destroy(&barrier);
    vedette_limiter_free(world.limiter);
}

static void test_l07_memory_is_bounded(void)
{
    struct world world;
    struct vedette_limiter_stats stats;
    world_init(&world, 1, 1, 1000);
    for (int i = 0; i < 1000; i++) { /* as many as there is room for: hardly one is forgotten */
        g_autofree char *key = g_strdup_printf("address-%d", i);
        g_assert_true(take(&world, key));
    }
    int passed_again = 0;
    for (int i = 0; i < 1000; i++) {
        g_autofree char *key = g_strdup_printf("address-%d", i);
        passed_again += take(&world, key);
    }
    g_assert_cmpint(passed_again, <, 20);
    for (int i = 0; i < 1000000; i++) {
        char key[32];
        g_snprintf(key, sizeof key, "other-%d", i);
        take(&world, key);
    }
    vedette_limiter_get_stats(world.limiter, &stats);
    g_assert_cmpint(stats.forgotten, >, 0);
    g_assert_cmpint(stats.allowed + stats.refused, ==, 1002000);
    vedette_limiter_free(world.limiter);
}

/* One that has its whole allowance again needs no memory: a new one takes its place, and nobody is forgotten for it. */
static void test_l07_keys_that_owe_nothing_make_room(void)
{
    enum { KEYS = 1000, ROUNDS = 20 };
    struct world world;
    struct vedette_limiter_stats stats;
    int64_t forgotten = 0;
    world_init(&world, 1, 1, KEYS);
    for (int round = 0; round < ROUNDS; round++) {
        int passed_again = 0;
        for (int i = 0; i < 2 * KEYS; i++) {
            char key[32];
            g_snprintf(key, sizeof key, "%d-%d", round, i % KEYS);
            passed_again += take(&world, key) && i >= KEYS;
        }
        vedette_limiter_get_stats(world.limiter, &stats);
        g_assert_cmpint(stats.forgotten - forgotten, <, KEYS / 20); /* as when it was empty */
        g_assert_cmpint(passed_again, <, KEYS / 20);
        forgotten = stats.forgotten;
        world.now_us += SECOND_US; /* all of them owe nothing now */
    }
    vedette_limiter_free(world.limiter);
}

/* L8, the library's part: what the headers of an answer need is in every answer. (The API's: tests/api.) */
static void test_l08_an_answer_tells_all_of_its_headers(void)
{
    struct world world;
    world_init(&world, 1, 3, 100);
    for (int left = 2; left >= 0; left--) {
        struct vedette_limit limit = vedette_limiter_take(world.limiter, "a", 1);
        g_assert_true(limit.is_allowed);
        g_assert_cmpint(limit.remaining, ==, left);
        g_assert_cmpint(limit.reset_us, ==, (3 - left) * SECOND_US);
        g_assert_cmpint(limit.retry_after_us, ==, 0);
    }
    struct vedette_limit refused = vedette_limiter_take(world.limiter, "a", 1);
    g_assert_false(refused.is_allowed);
    g_assert_cmpint(refused.remaining, ==, 0);
    g_assert_cmpint(refused.retry_after_us, ==, SECOND_US);
    vedette_limiter_free(world.limiter);
}

static void test_what_is_given_back_can_be_taken_again(void)
{
    struct world world;
    struct vedette_limiter_stats stats;
    world_init(&world, 1, 3, 100);
    for (int i = 0; i < 100; i++) { /* a login that succeeded costs nothing */
        g_assert_true(take(&world, "a"));
        vedette_limiter_give_back(world.limiter, "a", 1);
    }
    g_assert_true(take(&world, "a"));
    vedette_limiter_give_back(world.limiter, "a", INT64_MAX); /* never more than full */
    vedette_limiter_give_back(world.limiter, "a", -5);
    vedette_limiter_give_back(world.limiter, "nobody", 5);
    g_assert_cmpint(vedette_limiter_take(world.limiter, "a", 0).remaining, ==, 3);
    for (int i = 0; i < 3; i++)
        g_assert_true(take(&world, "a"));
    g_assert_false(take(&world, "a"));
    vedette_limiter_get_stats(world.limiter, &stats);
    g_assert_cmpint(stats.given_back, ==, 100 + 3 + 3); /* of more than the burst, the burst */
    vedette_limiter_free(world.limiter);
}

/* L9: tenant, user, address and route together, the cheapest first; all or none. */
static void test_l09_limits_are_composed(void)
{
    struct world address, user, org;
    struct vedette_limit limit;
    world_init(&address, 1, 5, 100);
    world_init(&user, 1, 3, 100);
    world_init(&org, 1, 2, 100);
    const struct vedette_limiter_ask asks[] = {
        {address.limiter, "192.0.2.7", 1}, {user.limiter, "admin", 1}, {org.limiter, "default", 1}};
    g_assert_cmpint(vedette_limiter_take_all(asks, 3, &limit), ==, 2); /* the nearest to its end */
    g_assert_true(limit.is_allowed);
    g_assert_cmpint(limit.remaining, ==, 1);
    vedette_limiter_take_all(asks, 3, NULL);
    for (int i = 0; i < 10; i++) {
        g_assert_cmpint(vedette_limiter_take_all(asks, 3, &limit), ==, 2);
        g_assert_false(limit.is_allowed);
        g_assert_cmpint(limit.retry_after_us, ==, SECOND_US);
    }
    /* what the last refused cost the others nothing */
    g_assert_cmpint(vedette_limiter_take(address.limiter, "192.0.2.7", 0).remaining, ==, 3);
    g_assert_cmpint(vedette_limiter_take(user.limiter, "admin", 0).remaining, ==, 1);
    /* and what the first refuses is not asked of the others */
    struct vedette_limiter_stats before, after;
    vedette_limiter_take(address.limiter, "192.0.2.7", 3);
    vedette_limiter_get_stats(org.limiter, &before);
    g_assert_cmpint(vedette_limiter_take_all(asks, 3, &limit), ==, 0);
    g_assert_false(limit.is_allowed);
    vedette_limiter_get_stats(org.limiter, &after);
    g_assert_cmpint(after.refused + after.allowed, ==, before.refused + before.allowed);
    g_assert_cmpint(vedette_limiter_take_all(asks, 0, &limit), ==, -1);
    g_assert_true(limit.is_allowed);
    vedette_limiter_free(address.limiter);
    vedette_limiter_free(user.limiter);
    vedette_limiter_free(org.limiter);
}

/* L10: with more keys than room it fails open, counted, and towards those who owe least. */
static void test_l10_it_fails_open_towards_those_who_owe_least(void)
{
    enum { BURST = 100 };
    struct world world;
    struct vedette_limiter_stats stats;
    world_init(&world, 0.001, BURST, 1);
    g_assert_true(vedette_limiter_take(world.limiter, "guesser", BURST).is_allowed);
    for (int i = 0; i < 100000; i++) {
        char key[32];
        g_snprintf(key, sizeof key, "passer-by-%d", i);
        g_assert_true(take(&world, key)); /* nobody is refused for want of room */
    }
    g_assert_false(take(&world, "guesser")); /* and who owes much is not forgotten for it */
    vedette_limiter_get_stats(world.limiter, &stats);
    g_assert_cmpint(stats.forgotten, >, 90000);
    vedette_limiter_free(world.limiter);
}

/* Two threads read the clock in one order and come to the table in the other. */
static void test_an_older_time_leaves_no_debt(void)
{
    struct world world;
    world_init(&world, 1e6, 5, 100);
    for (int i = 0; i < 5; i++)
        g_assert_true(take(&world, "a"));
    world.now_us -= 20;
    g_assert_cmpint(vedette_limiter_take(world.limiter, "a", 1).remaining, ==, 0);
    vedette_limiter_free(world.limiter);
}

/* An interval is kept in whole nanoseconds: what is accepted is held all the same. */
static void test_high_rates_are_held_within_a_hundredth(void)
{
    enum { BURST = 10000000 };
    static const double rates[] = {1e5, 3.3e6, 1.37e7, 1.9e7, 1.96e7, 2e7};
    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        struct world world;
        world_init(&world, rates[i], BURST, 1);
        const struct vedette_limit limit = vedette_limiter_take(world.limiter, "a", BURST);
        g_assert_true(limit.is_allowed);
        g_assert_cmpfloat_with_epsilon((double)limit.reset_us * rates[i] / SECOND_US / BURST, 1, 0.01);
        vedette_limiter_free(world.limiter);
    }
}

static void test_bad_settings_are_refused(void)
{
    static const struct {
        double rate;
        int64_t burst;
        size_t max_keys;
        const char *said;
    } rows[] = {{0, 1, 1, "rate"},
                {-1, 1, 1, "rate"},
                {NAN, 1, 1, "rate"},
                {2.1e7, 1, 1, "rate_per_second"},
                {1, 0, 1, "burst"},
                {1, 1, 0, "max_keys"},
                {1e-9, 1000000000, 1, "seconds"}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *why = NULL;
        struct vedette_limiter_config config = {rows[i].rate, rows[i].burst, rows[i].max_keys, {0}};
        g_assert_null(vedette_limiter_new(&config, &why));
        g_assert_nonnull(strstr(why, rows[i].said));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/limiter/l01 a burst, then a steady rate", test_l01_a_burst_then_a_steady_rate);
    g_test_add_func("/limiter/l02 the boundary is exact", test_l02_the_boundary_is_exact);
    g_test_add_func("/limiter/l03 a clock that goes back gives nothing away",
                    test_l03_a_clock_that_goes_back_gives_nothing_away);
    g_test_add_func("/limiter/l04 a year of rest overflows nothing", test_l04_a_year_of_rest_overflows_nothing);
    g_test_add_func("/limiter/l05 more than the burst never passes", test_l05_more_than_the_burst_never_passes);
    g_test_add_func("/limiter/l06 exact under threads", test_l06_exact_under_threads);
    g_test_add_func("/limiter/l07 memory is bounded", test_l07_memory_is_bounded);
    g_test_add_func("/limiter/l07 keys that owe nothing make room", test_l07_keys_that_owe_nothing_make_room);
    g_test_add_func("/limiter/l08 an answer tells all of its headers", test_l08_an_answer_tells_all_of_its_headers);
    g_test_add_func("/limiter/what is given back can be taken again", test_what_is_given_back_can_be_taken_again);
    g_test_add_func("/limiter/l09 limits are composed", test_l09_limits_are_composed);
    g_test_add_func("/limiter/l10 it fails open towards those who owe least",
                    test_l10_it_fails_open_towards_those_who_owe_least);
    g_test_add_func("/limiter/an older time leaves no debt", test_an_older_time_leaves_no_debt);
    g_test_add_func("/limiter/high rates are held within a hundredth", test_high_rates_are_held_within_a_hundredth);
    g_test_add_func("/limiter/bad settings are refused", test_bad_settings_are_refused);
    return g_test_run();
}
