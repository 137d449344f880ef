/* What is done for others by a thread of its own: in its order, the latest of each key, again where it failed. */
#include "hub/errands.h"

#include "base/wait.h"

#include <pthread.h>
#include <string.h>

enum { DEADLINE_US = 60 * 1000000, LONG_US = 600 * 1000000 };

struct world {
    struct errands *errands;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GString *done; /* lock; "a b" */
    bool is_open;  /* lock; else what is begun waits */
    int failures;  /* lock; so many tries are still to fail */
    int tries;     /* lock */
};

static bool take(void *data, void *errand)
{
    struct world *world = data;
    pthread_mutex_lock(&world->lock);
    world->tries++;
    pthread_cond_broadcast(&world->changed);
    while (!world->is_open)
        pthread_cond_wait(&world->changed, &world->lock);
    bool is_good = world->failures == 0;
    world->failures -= !is_good;
    if (is_good)
        g_string_append_printf(world->done, "%s%s", world->done->len ? " " : "", (char *)errand);
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    if (is_good)
        g_free(errand);
    return is_good;
}

static void begin(struct world *world, int64_t stop_us)
{
    *world = (struct world){.done = g_string_new(NULL)};
    pthread_mutex_init(&world->lock, NULL);
    wait_condition_init(&world->changed);
    const struct errands_config config = {"test", take, g_free, world, stop_us};
    g_autoptr(GError) error = NULL;
    world->errands = errands_new(&config, &error);
    g_assert_no_error(error);
}

/* Until as many tries were begun. */
static void await_tries(struct world *world, int tries)
{
    const struct timespec deadline = wait_deadline_after(DEADLINE_US);
    pthread_mutex_lock(&world->lock);
    while (world->tries < tries)
        g_assert_cmpint(pthread_cond_timedwait(&world->changed, &world->lock, &deadline), ==, 0);
    pthread_mutex_unlock(&world->lock);
}

/* What has begun, and what waits, goes on; so many tries fail. */
static void let_go(struct world *world, int failures)
{
    pthread_mutex_lock(&world->lock);
    world->failures = failures;
    world->is_open = true;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
}

static void put(struct world *world, const char *key, const char *errand)
{
    errands_put(world->errands, g_strdup(key), g_strdup(errand));
}

static void await_done(struct world *world, const char *expected)
{
    const struct timespec deadline = wait_deadline_after(DEADLINE_US);
    pthread_mutex_lock(&world->lock);
    while (strlen(world->done->str) < strlen(expected))
        g_assert_cmpint(pthread_cond_timedwait(&world->changed, &world->lock, &deadline), ==, 0);
    g_assert_cmpstr(world->done->str, ==, expected);
    pthread_mutex_unlock(&world->lock);
}

/* As it is freed. */
static void end(struct world *world, const char *expected)
{
    errands_free(world->errands);
    g_assert_cmpstr(world->done->str, ==, expected);
    g_string_free(world->done, TRUE);
    pthread_cond_destroy(&world->changed);
    pthread_mutex_destroy(&world->lock);
}

static void test_the_latest_of_each_key_in_the_place_of_the_first(void)
{
    struct world world;
    begin(&world, 0);
    put(&world, "a", "a1");
    await_tries(&world, 1);
    put(&world, "b", "b1");
    put(&world, "c", "c1");
    put(&world, "b", "b2");
    put(&world, "a", "a2"); /* the first is under way: this is another */
    let_go(&world, 0);
    await_done(&world, "a1 b2 c1 a2");
    end(&world, "a1 b2 c1 a2");
}

static void test_what_failed_is_tried_again_behind_the_others(void)
{
    struct world world;
    begin(&world, 0);
    put(&world, "a", "a1");
    await_tries(&world, 1);
    put(&world, "b", "b1");
    let_go(&world, 1);
    await_done(&world, "b1 a1");
    end(&world, "b1 a1");
}

static void test_what_failed_gives_way_to_a_later_one(void)
{
    struct world world;
    begin(&world, 0);
    put(&world, "a", "a1");
    await_tries(&world, 1);
    put(&world, "a", "a2");
    let_go(&world, 1);
    await_done(&world, "a2");
    end(&world, "a2");
}

static void test_what_waits_at_the_end_is_done(void)
{
    struct world world;
    begin(&world, LONG_US);
    put(&world, "a", "a1");
    await_tries(&world, 1);
    put(&world, "b", "b1");
    let_go(&world, 0);
    end(&world, "a1 b1");
}

/* However long it might go on. */
static void test_the_end_does_not_wait_for_what_fails(void)
{
    struct world world;
    errands_retry_us = LONG_US;
    begin(&world, LONG_US);
    put(&world, "a", "a1");
    await_tries(&world, 1);
    put(&world, "b", "b1");
    let_go(&world, 1);
    end(&world, "");
    errands_retry_us = ERRANDS_RETRY_US;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/errands/the latest of each key in the place of the first",
                    test_the_latest_of_each_key_in_the_place_of_the_first);
    g_test_add_func("/errands/what failed is tried again behind the others",
                    test_what_failed_is_tried_again_behind_the_others);
    g_test_add_func("/errands/what failed gives way to a later one", test_what_failed_gives_way_to_a_later_one);
    g_test_add_func("/errands/what waits at the end is done", test_what_waits_at_the_end_is_done);
    g_test_add_func("/errands/the end does not wait for what fails", test_the_end_does_not_wait_for_what_fails);
    return g_test_run();
}
