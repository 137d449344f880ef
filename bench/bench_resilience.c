/* What the resilience room costs where it stands in every call's way, against an uncontended mutex in the same run.
 * CPU time, interleaved, medians. */
#include <glib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/counter.h"
#include "vedette/breaker.h"
#include "vedette/limiter.h"

enum { REPEATS = 2000000, ROUNDS = 7, LIMITER_RATE_MAX = 20000000 };

static struct vedette_breaker *breaker;
static struct vedette_limiter *admitting, *refusing;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int64_t counter;

static void lock_mutex(int i)
{
    (void)i;
    pthread_mutex_lock(&mutex);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&mutex);
}

static void check_breaker(int i)
{
    (void)i;
    struct vedette_permit permit;
    if (!vedette_breaker_acquire(breaker, &permit, NULL))
        abort();
}

static void call_through_breaker(int i)
{
    (void)i;
    struct vedette_permit permit;
    if (!vedette_breaker_acquire(breaker, &permit, NULL))
        abort();
    vedette_breaker_release(breaker, &permit, VEDETTE_SUCCESS);
}

static bool take(struct vedette_limiter *limiter, int i)
{
    static const char *const keys[] = {"192.168.1.20", "10.0.0.7", "user:admin", "org:default"};
    return vedette_limiter_take(limiter, keys[i & 3], 1).is_allowed;
}

static void be_admitted(int i)
{
    if (!take(admitting, i))
        abort();
}

static void be_refused(int i)
{
    take(refusing, i); /* but one a second for each key */
}

static struct vedette_limiter *new_limiter(double rate_per_second, int64_t burst)
{
    struct vedette_limiter_config config;
    vedette_limiter_config_init(&config);
    config.rate_per_second = rate_per_second;
    config.burst = burst;
    struct vedette_limiter *limiter = vedette_limiter_new(&config, NULL);
    if (!limiter)
        abort();
    return limiter;
}

static void add_to_counter(int i)
{
    counter_add(&counter, i);
}

static void add_to_own_counter(int i)
{
    counter_add_own(&counter, i);
}

static double time_ns(void (*function)(int))
{
    struct timespec start, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    for (int i = 0; i < REPEATS; i++)
        function(i);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / REPEATS;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*function)(int);
    } rows[] = {{"breaker, check", check_breaker},   {"breaker, check and release", call_through_breaker},
                {"limiter, admission", be_admitted}, {"limiter, refusal", be_refused},
                {"counter, add", add_to_counter},    {"counter, add by one thread", add_to_own_counter}};
    struct vedette_breaker_config breaker_config;
    vedette_breaker_config_init(&breaker_config);
    breaker = vedette_breaker_new(&breaker_config, NULL);
    if (!breaker)
        return 1;
    admitting = new_limiter(LIMITER_RATE_MAX, ROUNDS * (int64_t)REPEATS);
    refusing = new_limiter(1, 1);
    printf("%-30s %10s %10s %8s\n", "what", "ns", "mutex, ns", "ratio");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        double ours[ROUNDS], theirs[ROUNDS];
        for (int round = 0; round < ROUNDS; round++) {
            ours[round] = time_ns(rows[i].function);
            theirs[round] = time_ns(lock_mutex);
        }
        qsort(ours, ROUNDS, sizeof *ours, compare);
        qsort(theirs, ROUNDS, sizeof *theirs, compare);
        printf("%-30s %10.1f %10.1f %8.2f\n", rows[i].name, ours[ROUNDS / 2], theirs[ROUNDS / 2],
               ours[ROUNDS / 2] / theirs[ROUNDS / 2]);
    }
    vedette_breaker_free(breaker);
    vedette_limiter_free(admitting);
    vedette_limiter_free(refusing);
    return 0;
}
