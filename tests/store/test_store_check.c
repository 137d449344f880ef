/* How the store is, asked by a thread of its own: who reads what it saw never waits. */
#include "store_world.h"

#include "base/wait.h"
#include "store/store_internal.h"

enum { WAIT_US = 60 * 1000000, MANY = 1000 };

/* An engine that answers when the test lets it. */
struct engine {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool hangs, is_ill;
    int begun;
};

static bool look(void *data, int64_t *free_bytes, GError **error)
{
    struct engine *engine = data;
    pthread_mutex_lock(&engine->lock);
    engine->begun++;
    pthread_cond_broadcast(&engine->changed);
    while (engine->hangs)
        pthread_cond_wait(&engine->changed, &engine->lock);
    bool is_ill = engine->is_ill;
    pthread_mutex_unlock(&engine->lock);
    *free_bytes = 77;
    if (is_ill)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "ill");
    return !is_ill;
}

static void set(struct engine *engine, bool hangs, bool is_ill)
{
    pthread_mutex_lock(&engine->lock);
    engine->hangs = hangs;
    engine->is_ill = is_ill;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

/* Until another look began. */
static void await_look(struct engine *engine)
{
    const struct timespec deadline = wait_deadline_after(WAIT_US);
    pthread_mutex_lock(&engine->lock);
    for (int before = engine->begun; engine->begun == before;)
        g_assert_cmpint(pthread_cond_timedwait(&engine->changed, &engine->lock, &deadline), ==, 0);
    pthread_mutex_unlock(&engine->lock);
}

struct world {
    struct engine engine;
    struct clock *clock;
    struct server_health health;
    struct store_checker *checker;
};

static void begin(struct world *world)
{
    *world = (struct world){.engine = {.lock = PTHREAD_MUTEX_INITIALIZER}, .clock = clock_fake_new(world_start_ms)};
    wait_condition_init(&world->engine.changed);
    const struct store_checker_config config = {look, &world->engine, "the store", world->clock, &world->health};
    g_autoptr(GError) error = NULL;
    world->checker = store_checker_new(&config, &error);
    g_assert_no_error(error);
}

static void end(struct world *world)
{
    g_assert_true(store_checker_free(world->checker));
    pthread_cond_destroy(&world->engine.changed);
    clock_fake_free(world->clock);
}

/* Who asks is answered at once, first by what was seen before it hung, then by for how long it has. */
static void test_k01_a_store_that_hangs_holds_up_nobody(void)
{
    struct world world;
    begin(&world);
    g_assert_true(store_checker_read(world.checker, NULL));
    set(&world.engine, true, false);
    await_look(&world.engine);
    clock_fake_advance_us(world.clock, 4999999);
    for (int i = 0; i < MANY; i++)
        g_assert_true(store_checker_read(world.checker, NULL));
    clock_fake_advance_us(world.clock, 2000001);
    for (int i = 0; i < MANY; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(store_checker_read(world.checker, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
        g_assert_nonnull(strstr(error->message, "the store: no answer for 7 s"));
    }
    g_assert_cmpint(counter_get(&world.health.store_silent_seconds), ==, 7);
    set(&world.engine, false, false);
    WORLD_WAIT_UNTIL(store_checker_read(world.checker, NULL));
    g_assert_cmpint(counter_get(&world.health.store_silent_seconds), ==, 0);
    end(&world);
}

static void test_what_was_seen_last_is_told(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    begin(&world);
    g_assert_true(store_checker_read(world.checker, NULL)); /* the first look is waited for */
    g_assert_cmpint(counter_get(&world.health.store_free_bytes), ==, 77);
    set(&world.engine, false, true);
    WORLD_WAIT_UNTIL(!store_checker_read(world.checker, NULL));
    g_assert_false(store_checker_read(world.checker, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
    set(&world.engine, false, false);
    WORLD_WAIT_UNTIL(store_checker_read(world.checker, NULL));
    end(&world);
    g_assert_cmpint(counter_get(&world.health.store_checks), ==, world.engine.begun);
}

/* Opening a pipe that nobody reads hangs as a disk does that was taken away. What is left open is the process's. */
static void test_a_store_that_hangs_is_closed(void)
{
    static struct store_world world;
    world_init(&world);
    g_autofree char *path = g_build_filename(world.directory, "probe", NULL);
    WORLD_WAIT_UNTIL(mkfifo(path, 0600) == 0); /* there may be one of a look just now */
    int64_t before = counter_get(&world.health.store_checks);
    WORLD_WAIT_UNTIL(counter_get(&world.health.store_checks) > before);
    g_assert_true(store_check(world.store, NULL));
    store_close(world.store);
    clock_fake_free(world.clock);
    remove_directory(world.directory);
    g_free(world.directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/k01_a_store_that_hangs_holds_up_nobody", test_k01_a_store_that_hangs_holds_up_nobody);
    g_test_add_func("/store/what_was_seen_last_is_told", test_what_was_seen_last_is_told);
    g_test_add_func("/store/a_store_that_hangs_is_closed", test_a_store_that_hangs_is_closed);
    return g_test_run();
}
