/* Cases J: waits before another try. */
#include "base/random.h"
#include "vedette/backoff.h"

#include <glib.h>
#include <math.h>
#include <string.h>

enum { SECOND_US = 1000000 };

/* J1: shifts that others overflowed. */
static void test_j01_no_attempt_overflows(void)
{
    static const uint32_t attempts[] = {0, 1, 2, 31, 32, 61, 62, 63, 64, 65, 1000, UINT32_MAX};
    static const struct vedette_backoff backoffs[] = {
        {SECOND_US, INT64_C(900) * SECOND_US}, {1, 1}, {1, INT64_MAX}, {INT64_MAX, INT64_MAX}, {3, INT64_MAX / 2}};
    static const uint64_t randoms[] = {0, 1, UINT64_MAX / 2, UINT64_MAX};
    for (size_t i = 0; i < G_N_ELEMENTS(backoffs); i++) {
        int64_t before = 0;
        for (size_t j = 0; j < G_N_ELEMENTS(attempts); j++) {
            int64_t ceiling = vedette_backoff_ceiling_us(&backoffs[i], attempts[j]);
            g_assert_cmpint(ceiling, >=, before);
            g_assert_cmpint(ceiling, <=, backoffs[i].max_us);
            g_assert_cmpint(ceiling, >, 0);
            before = ceiling;
            for (size_t k = 0; k < G_N_ELEMENTS(randoms); k++) {
                int64_t delay = vedette_backoff_delay_us(&backoffs[i], attempts[j], randoms[k]);
                g_assert_cmpint(delay, >=, 0);
                g_assert_cmpint(delay, <=, ceiling);
            }
        }
    }
    g_assert_cmpint(vedette_backoff_ceiling_us(&backoffs[0], 3), ==, 8 * SECOND_US);
    g_assert_cmpint(vedette_backoff_ceiling_us(&backoffs[0], 10), ==, INT64_C(900) * SECOND_US);
}

/* J2: chi-square over 20 classes with a fixed seed; 43.8 is the 0.1 % point for 19 degrees of freedom. */
static void test_j02_jitter_is_full(void)
{
    enum { CLASSES = 20, DRAWS = 20000 };
    const struct vedette_backoff backoff = {SECOND_US, INT64_C(8) * SECOND_US};
    int64_t counts[CLASSES] = {0}, least = INT64_MAX;
    double sum = 0, chi = 0;
    struct random random;
    random_init(&random, 5);
    for (int i = 0; i < DRAWS; i++) {
        int64_t delay = vedette_backoff_delay_us(&backoff, 30, random_next(&random));
        counts[MIN(delay * CLASSES / backoff.max_us, CLASSES - 1)]++;
        least = MIN(least, delay);
        sum += (double)delay;
    }
    for (int i = 0; i < CLASSES; i++)
        chi += pow((double)counts[i] - (double)DRAWS / CLASSES, 2) / ((double)DRAWS / CLASSES);
    g_assert_cmpfloat(chi, <, 43.8);
    g_assert_cmpint(least, <, backoff.max_us / 1000);
    g_assert_cmpfloat(fabs(sum / DRAWS - (double)backoff.max_us / 2), <, (double)backoff.max_us / 100);
}

/* J3: generators seeded by the kernel, as every camera has one, agree on nothing. */
static void test_j03_seeds_differ_per_camera(void)
{
    enum { CAMERAS = 1000 };
    const struct vedette_backoff backoff = {SECOND_US, INT64_C(30) * SECOND_US};
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (int i = 0; i < CAMERAS; i++) {
        struct random random;
        random_init_system(&random);
        int64_t *delay_us = g_new(int64_t, 1);
        *delay_us = vedette_backoff_delay_us(&backoff, 5, random_next(&random));
        g_hash_table_add(seen, delay_us);
    }
    /* of 30 million microseconds a thousand draws hardly ever meet: 0.02 pairs are expected */
    g_assert_cmpuint(g_hash_table_size(seen), >=, CAMERAS - 3);
}

static void test_j04_what_is_asked_for_is_capped(void)
{
    const struct vedette_backoff backoff = {SECOND_US, INT64_C(60) * SECOND_US};
    g_assert_cmpint(vedette_backoff_obey_us(&backoff, 5 * SECOND_US), ==, 5 * SECOND_US);
    g_assert_cmpint(vedette_backoff_obey_us(&backoff, INT64_MAX), ==, INT64_C(60) * SECOND_US);
    g_assert_cmpint(vedette_backoff_obey_us(&backoff, -1), ==, 0);
}

/* J5: a camera that gives one picture and dies is not back. */
static void test_j05_only_what_lasts_starts_anew(void)
{
    const struct vedette_backoff backoff = {SECOND_US, INT64_C(64) * SECOND_US};
    struct vedette_attempts attempts = {.steady_us = INT64_C(10) * SECOND_US};
    for (int i = 0; i <= 6; i++) /* the longest of each jitter */
        g_assert_cmpint(vedette_attempts_failed(&attempts, &backoff, i % 2 ? SECOND_US : 0, UINT64_MAX), ==,
                        (int64_t)SECOND_US << i);
    g_assert_cmpint(vedette_attempts_failed(&attempts, &backoff, 10 * SECOND_US, UINT64_MAX), ==,
                    INT64_C(64) * SECOND_US);
    g_assert_cmpint(vedette_attempts_failed(&attempts, &backoff, 10 * SECOND_US + 1, UINT64_MAX), ==, SECOND_US);
    attempts.attempts = UINT32_MAX;
    g_assert_cmpint(vedette_attempts_failed(&attempts, &backoff, 0, UINT64_MAX), ==, INT64_C(64) * SECOND_US);
    g_assert_cmpuint(attempts.attempts, ==, UINT32_MAX);
}

static void test_j06_retries_cannot_multiply_the_load(void)
{
    struct vedette_retry_budget budget = {.permille = 100, .burst = 10};
    int taken = 0;
    for (int i = 0; i < 100; i++)
        taken += vedette_retry_budget_take(&budget);
    g_assert_cmpint(taken, ==, 10);
    g_assert_cmpint(vedette_retry_budget_left(&budget), ==, 0);
    for (int i = 0; i < 1000; i++) {
        vedette_retry_budget_note_request(&budget);
        taken += vedette_retry_budget_take(&budget);
    }
    g_assert_cmpint(taken, ==, 110);
    for (int i = 0; i < 100000; i++) /* a long quiet time fills it, and no more */
        vedette_retry_budget_note_request(&budget);
    g_assert_cmpint(vedette_retry_budget_left(&budget), ==, 10);
    for (taken = 0; vedette_retry_budget_take(&budget);)
        taken++;
    g_assert_cmpint(taken, ==, 10);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backoff/j01 no attempt overflows", test_j01_no_attempt_overflows);
    g_test_add_func("/backoff/j02 jitter is full", test_j02_jitter_is_full);
    g_test_add_func("/backoff/j03 seeds differ per camera", test_j03_seeds_differ_per_camera);
    g_test_add_func("/backoff/j04 what is asked for is capped", test_j04_what_is_asked_for_is_capped);
    g_test_add_func("/backoff/j05 only what lasts starts anew", test_j05_only_what_lasts_starts_anew);
    g_test_add_func("/backoff/j06 retries cannot multiply the load", test_j06_retries_cannot_multiply_the_load);
    return g_test_run();
}
