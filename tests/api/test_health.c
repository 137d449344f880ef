/* What is told of a store that hangs, and that what does not need it goes on. */
#include "api_world.h"
#include "store/store_internal.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { ASKERS = 8 };

static int status_of(const struct api_world *world, const char *path, const char *token)
{
    struct reply reply = world_get(world, path, token);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

/* Opening a pipe that nobody reads hangs as a disk does that was taken away. */
static void hang_store(const struct api_world *world)
{
    g_autofree char *path = g_build_filename(world->directory, "probe", NULL);
    WORLD_AWAIT(mkfifo(path, 0600) == 0); /* there may be one of a look just now */
    int64_t before = counter_get(&world->health.store_checks);
    WORLD_AWAIT(counter_get(&world->health.store_checks) > before);
}

/* To be closed when the store has answered. */
static int release_store(const struct api_world *world)
{
    g_autofree char *path = g_build_filename(world->directory, "probe", NULL);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/* More than there are threads, all at once: each is answered, by what was found last. */
static void check_all_are_answered(const struct api_world *world)
{
    static const char *const paths[] = {"/health", "/health/ready", "/health/live"};
    int fds[ASKERS][G_N_ELEMENTS(paths)];
    for (int i = 0; i < ASKERS; i++)
        for (size_t j = 0; j < G_N_ELEMENTS(paths); j++) {
            g_autofree char *text = g_strdup_printf("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", paths[j],
                                                    (unsigned)api_port(world->api));
            fds[i][j] = world_connect(world);
            world_send(fds[i][j], text);
        }
    for (int i = 0; i < ASKERS; i++)
        for (size_t j = 0; j < G_N_ELEMENTS(paths); j++) {
            struct reply reply = world_read_reply(fds[i][j], false);
            g_assert_cmpint(reply.status, ==, 200); /* the store was well a moment ago */
            reply_clear(&reply);
            close(fds[i][j]);
        }
}

static void check_silence(int threads)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.threads = threads;
    world_start(&world);
    world_login(&world);
    store_checker_patience_us = INT64_C(600) * G_USEC_PER_SEC; /* longer than they take */
    hang_store(&world);
    check_all_are_answered(&world);
    store_checker_patience_us = STORE_CHECKER_PATIENCE_US;
    WORLD_AWAIT(!store_check(world.store, NULL));
    struct reply reply = world_get(&world, "/health", world.token);
    g_assert_cmpint(reply.status, ==, 503);
    g_assert_nonnull(strstr(reply.body->str, "no answer for "));
    reply_clear(&reply);
    g_assert_cmpint(status_of(&world, "/health/ready", NULL), ==, 503);
    g_assert_cmpint(status_of(&world, "/health/live", NULL), ==, 200);
    reply = world_get(&world, "/metrics", WORLD_SCRAPE_TOKEN);
    g_assert_nonnull(strstr(reply.body->str, "\nvedette_store_silent_seconds "));
    g_assert_null(strstr(reply.body->str, "\nvedette_store_silent_seconds 0\n"));
    reply_clear(&reply);
    int fd = release_store(&world);
    WORLD_AWAIT(store_check(world.store, NULL));
    g_assert_cmpint(status_of(&world, "/health/ready", NULL), ==, 200);
    close(fd);
    world_clear(&world);
}

/* What stores with little room left is the place where somebody can free some. */
static void test_q16_little_room_is_a_warning(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.store.minimum_free_bytes = INT64_C(1) << 60;
    world_start(&world);
    world_login(&world);
    if (!world.database) { /* PostgreSQL's disk is its own */
        struct reply reply = world_get(&world, "/health", world.token);
        g_assert_nonnull(strstr(reply.body->str, "store.minimum_free_bytes"));
        g_assert_nonnull(strstr(reply.body->str, "{\"status\":\"degraded\""));
        reply_clear(&reply);
    }
    g_assert_cmpint(status_of(&world, "/health", NULL), ==, 200);
    g_assert_cmpint(status_of(&world, "/health/ready", NULL), ==, 200);
    world_clear(&world);
}

static void test_k01_a_store_that_hangs_leaves_one_thread_free(void)
{
    check_silence(1);
}

static void test_k01_a_store_that_hangs_leaves_all_threads_free(void)
{
    check_silence(2);
}

/* Whether it tells what it tells a login. */
static bool is_told_all(const struct api_world *world, const char *token)
{
    struct reply reply = world_get(world, "/health", token);
    bool has_parts = strstr(reply.body->str, "\"components\"") != NULL;
    reply_clear(&reply);
    return has_parts;
}

/* What the API has of tokens in memory counts no more. */
static void forget_tokens(const struct api_world *world)
{
    g_autofree char *key = world_bound_key(world, world->token, "viewer", "cam-1");
}

/* What watches the server is not limited, but made-up keys are looked up no more often than an address may read. */
static void test_guesses_at_what_is_not_limited_are(void)
{
    enum { READS = 5 };
    static const char made_up[] = "vk_default.01890000-0000-7000-8000-000000000001.made-up";
    struct api_world world;
    world_prepare(&world);
    world.settings.limits.reads_per_minute = READS;
    world_start(&world);
    world_login(&world);
    for (int i = 0; i < 2 * READS; i++) { /* good ones cost nothing */
        forget_tokens(&world);
        g_assert_true(is_told_all(&world, world.token));
    }
    for (int i = 0; i < READS; i++)
        g_assert_cmpint(status_of(&world, i % 2 ? "/health" : "/metrics", made_up), ==, i % 2 ? 200 : 401);
    g_assert_true(is_told_all(&world, world.token)); /* it is known without the store */
    forget_tokens(&world);
    g_assert_false(is_told_all(&world, world.token)); /* nobody looks whether it is right */
    g_assert_cmpint(status_of(&world, "/health", made_up), ==, 200);
    g_assert_cmpint(status_of(&world, "/metrics", made_up), ==, 429);
    g_assert_cmpint(status_of(&world, "/metrics", world.token), ==, 429);
    g_assert_cmpint(status_of(&world, "/health/live", made_up), ==, 200);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/health/q16_little_room_is_a_warning", test_q16_little_room_is_a_warning);
    g_test_add_func("/health/k01_a_store_that_hangs_leaves_one_thread_free",
                    test_k01_a_store_that_hangs_leaves_one_thread_free);
    g_test_add_func("/health/k01_a_store_that_hangs_leaves_all_threads_free",
                    test_k01_a_store_that_hangs_leaves_all_threads_free);
    g_test_add_func("/health/guesses_at_what_is_not_limited_are", test_guesses_at_what_is_not_limited_are);
    return g_test_run();
}
