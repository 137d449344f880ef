/* Who asks how the store is, and how often the store is asked. The engine is the test's. */
#include "store_world.h"

#include "store/store_internal.h"

enum { ASKERS = 16, WAIT_US = 20 * 1000000 };

static struct {
    int calls, is_released; /* atomic */
} engine;

static bool slow_check(void *state, GError **error)
{
    (void)state;
    (void)error;
    __atomic_add_fetch(&engine.calls, 1, __ATOMIC_RELAXED);
    while (!__atomic_load_n(&engine.is_released, __ATOMIC_ACQUIRE))
        g_usleep(200); /* between looks */
    return true;
}

struct asker {
    struct store *store;
    int *done; /* atomic */
    char *error;
};

static gpointer ask(gpointer data)
{
    struct asker *asker = data;
    g_autoptr(GError) error = NULL;
    if (!store_check(asker->store, &error))
        asker->error = g_strdup(error->message);
    __atomic_add_fetch(asker->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void await(const int *number, int wanted)
{
    for (int64_t until_us = g_get_monotonic_time() + WAIT_US; __atomic_load_n(number, __ATOMIC_ACQUIRE) < wanted;) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(200); /* between looks */
    }
}

/* K1, K4: one of them asks, and waits for as long as it takes; the others give up in time. */
static void test_k01_a_store_that_hangs_holds_up_one(void)
{
    struct store_world world;
    struct asker askers[ASKERS];
    GThread *threads[ASKERS];
    int done = 0, failed = 0;
    world_init(&world);
    const struct store_engine *own = world.store->engine;
    struct store_engine slow = *own;
    slow.check = slow_check;
    world.store->engine = &slow;
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.store = world.store, .done = &done};
        threads[i] = g_thread_new("asker", ask, &askers[i]);
    }
    for (int64_t until_us = g_get_monotonic_time() + WAIT_US; __atomic_load_n(&done, __ATOMIC_ACQUIRE) < ASKERS - 1;) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        clock_fake_advance_us(world.clock, 100000); /* they may come one after the other */
        g_usleep(1000);
    }
    g_assert_cmpint(__atomic_load_n(&engine.calls, __ATOMIC_RELAXED), ==, 1);
    __atomic_store_n(&engine.is_released, 1, __ATOMIC_RELEASE);
    await(&done, ASKERS);
    for (int i = 0; i < ASKERS; i++) {
        g_thread_join(threads[i]);
        failed += askers[i].error != NULL;
        if (askers[i].error)
            g_assert_nonnull(strstr(askers[i].error, "has not answered for 2 s"));
        g_free(askers[i].error);
    }
    g_assert_cmpint(failed, ==, ASKERS - 1);
    world.store->engine = own;
    world_clear(&world);
}

static void test_an_answer_lasts_a_second(void)
{
    struct store_world world;
    world_init(&world);
    const struct store_engine *own = world.store->engine;
    struct store_engine slow = *own;
    slow.check = slow_check;
    engine.calls = 0;
    engine.is_released = 1;
    world.store->engine = &slow;
    for (int i = 0; i < 10; i++) {
        g_assert_true(store_check(world.store, NULL));
        clock_fake_advance_us(world.clock, 250000);
    }
    g_assert_cmpint(engine.calls, ==, 3); /* at 0, 1 and 2 s */
    world.store->engine = own;
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/k01_a_store_that_hangs_holds_up_one", test_k01_a_store_that_hangs_holds_up_one);
    g_test_add_func("/store/an_answer_lasts_a_second", test_an_answer_lasts_a_second);
    return g_test_run();
}
