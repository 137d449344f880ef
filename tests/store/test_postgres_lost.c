/* What PostgreSQL does when it dies: backends, connections and the whole server, in the middle of batches. Nothing is
 * lost and nothing comes twice, no call waits longer than its deadline, and the first try after the server is back
 * succeeds.
 */
#include "store_world.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "store/store_internal.h"

enum { BATCHES = 60, BATCH_EVENTS = 20, DEADLINE_S = 60, ENDS = 6 };

static gint64 deadline_us(void)
{
    return g_get_monotonic_time() + DEADLINE_S * G_USEC_PER_SEC;
}

static GPtrArray *batch_of(struct store_world *world, int number)
{
    GPtrArray *batch = world_batch_new();
    for (int i = 0; i < BATCH_EVENTS; i++) {
        g_autofree char *id = g_strdup_printf("%04d-%02d", number, i);
        g_ptr_array_add(batch, world_crossing(world, id, "door", "in", world_start_ms + number));
    }
    return batch;
}

/* Submits a batch until it is stored, as the hub does, and adds how often that failed. `is_back`: the server answers,
 * so that the next connection that is tried must come about: any failure is of the rest before it, or of a connection
 * that was open before. */
static void store_until_done(struct store_world *world, int number, bool is_back, int *failures)
{
    gint64 deadline = deadline_us();
    for (;;) {
        struct world_result result = world_store(world, batch_of(world, number));
        if (!result.error)
            return;
        g_assert_cmpint(result.code, !=, VEDETTE_ERROR_INVALID); /* the hub would give the batch up */
        if (is_back && !strstr(result.error, "tried again in "))
            g_error("PostgreSQL is back, and is not used: %s", result.error);
        g_free(result.error);
        (*failures)++;
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        world_pause(2);
    }
}

static void expect_all(struct store_world *world)
{
    g_assert_cmpint(postgres_ask_number(world->database, "SELECT count(*) FROM events"), ==, BATCHES * BATCH_EVENTS);
    g_assert_cmpint(world_count(world, "door", "line_in", world_start_ms), ==, BATCHES * BATCH_EVENTS);
}

/* ---- backends ---- */

struct killer {
    const char *database;
    int is_over; /* atomic */
    int killed;  /* atomic */
};

/* All batches, the others once the killer has begun. */
static void store_under_fire(struct store_world *world, struct killer *killer, int *failures)
{
    for (int i = 0; i < BATCHES; i++) {
        store_until_done(world, i, false, failures);
        WORLD_WAIT_UNTIL(__atomic_load_n(&killer->killed, __ATOMIC_ACQUIRE) > 0);
    }
}

static void *kill_backends(void *data)
{
    struct killer *killer = data;
    PGconn *connection = postgres_connect("postgres", killer->database);
    while (!__atomic_load_n(&killer->is_over, __ATOMIC_ACQUIRE)) {
        g_autofree char *count =
            postgres_ask_on(connection, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = "
                                        "'vedette_login' AND datname = current_database()");
        __atomic_add_fetch(&killer->killed, postgres_number(count), __ATOMIC_RELEASE);
        world_pause(60);
    }
    PQfinish(connection);
    return NULL;
}

static void test_backends_killed_in_the_middle_of_batches(void)
{
    struct store_world world;
    world_init(&world);
    struct killer killer = {.database = world.database};
    pthread_t thread;
    g_assert_cmpint(pthread_create(&thread, NULL, kill_backends, &killer), ==, 0);
    int failures = 0;
    store_under_fire(&world, &killer, &failures);
    __atomic_store_n(&killer.is_over, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    g_test_message("%d backends killed, %d batches failed and were stored then", killer.killed, failures);
    g_assert_cmpint(killer.killed, >, 0);
    expect_all(&world);
    world_clear(&world);
}

/* ---- connections ---- */

static bool is_to_postgres(int fd)
{
    struct sockaddr_un address = {0};
    socklen_t length = sizeof address;
    return getpeername(fd, (struct sockaddr *)&address, &length) == 0 && address.sun_family == AF_UNIX &&
           g_str_has_prefix(address.sun_path, postgres.directory);
}

/* As when a cable is cut or a firewall forgets: both ends live, what is between them does not. */
static void *cut_connections(void *data)
{
    enum { DESCRIPTORS = 256 };
    struct killer *killer = data;
    while (!__atomic_load_n(&killer->is_over, __ATOMIC_ACQUIRE)) {
        for (int fd = 3; fd < DESCRIPTORS; fd++)
            if (is_to_postgres(fd) && shutdown(fd, SHUT_RDWR) == 0)
                __atomic_add_fetch(&killer->killed, 1, __ATOMIC_RELEASE);
        world_pause(60);
    }
    return NULL;
}

static void test_connections_cut_in_the_middle_of_batches(void)
{
    struct store_world world;
    world_init(&world);
    struct killer killer = {.database = world.database};
    pthread_t thread;
    g_assert_cmpint(pthread_create(&thread, NULL, cut_connections, &killer), ==, 0);
    int failures = 0;
    store_under_fire(&world, &killer, &failures);
    __atomic_store_n(&killer.is_over, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    g_test_message("%d connections cut, %d batches failed and were stored then", killer.killed, failures);
    g_assert_cmpint(killer.killed, >, 0);
    expect_all(&world);
    world_clear(&world);
}

/* ---- the server ---- */

/* Batches that are on their way when the server ends. Each is stored, or said not to be. */
static void end_under_way(struct store_world *world, int number, int with)
{
    struct world_result results[3] = {0};
    for (int i = 0; i < 3; i++)
        g_assert_true(store_events_submit(world->store, batch_of(world, number + i), world_done, &results[i], NULL));
    postgres_end(with);
    for (int i = 0; i < 3; i++) {
        world_wait(&results[i]);
        g_free(results[i].error);
    }
}

static void test_server_killed_in_the_middle_of_batches(void)
{
    static const int ways[] = {SIGKILL, SIGQUIT, SIGINT};
    struct store_world world;
    world_init(&world);
    int failures = 0;
    for (int i = 0; i < ENDS; i++) {
        int first = i * (BATCHES / ENDS);
        end_under_way(&world, first, ways[(size_t)i % G_N_ELEMENTS(ways)]);
        /* While it is away each try is told so, and none hangs. */
        for (int j = 0; j < 3; j++) {
            struct world_result result = world_store(&world, batch_of(&world, first));
            g_assert_nonnull(result.error);
            g_assert_cmpint(result.code, ==, VEDETTE_ERROR_UNAVAILABLE);
            g_free(result.error);
        }
        postgres_launch();
        PQfinish(postgres_connect("postgres", world.database));
        for (int j = 0; j < BATCHES / ENDS; j++)
            store_until_done(&world, first + j, true, &failures);
    }
    g_test_message("the server ended %d times; %d tries came before their time", ENDS, failures);
    expect_all(&world);
    world_clear(&world);
}

/* It is there, takes connections, and answers nothing. */
static void test_server_that_stands_still(void)
{
    struct store_world world;
    world_init(&world);
    store_close(world.store);
    struct store_settings settings = world_settings;
    settings.query_timeout_ms = settings.connect_timeout_ms = 200;
    settings.retry_delay_ms = settings.retry_delay_max_ms = 10;
    g_autoptr(GError) error = NULL; /* so short a time may be too short for it, too */
    WORLD_WAIT_UNTIL((g_clear_error(&error), world.store = world_open_with(&world, settings, &error)));
    int failures = 0;
    store_until_done(&world, 0, false, &failures);
    postgres_signal_all(SIGSTOP);
    const struct store_event_filter filter = {.org_id = "default", .limit = 1};
    for (int i = 0; i < 4; i++) { /* on open connections, then on new ones */
        struct world_result result = world_store(&world, batch_of(&world, 1));
        g_assert_nonnull(result.error);
        g_free(result.error);
        g_assert_null(store_events_list(world.store, &filter, NULL));
        g_assert_false(store_check(world.store, NULL));
    }
    postgres_signal_all(SIGCONT);
    PQfinish(postgres_connect("postgres", world.database));
    for (int i = 1; i < BATCHES; i++)
        store_until_done(&world, i, false, &failures);
    store_close(world.store); /* what was stored is asked once: with the time that a new connection may need */
    world.store = world_open(&world, &error);
    g_assert_no_error(error);
    expect_all(&world);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_setenv("VEDETTE_TEST_STORE", "postgres", TRUE);
    if (world_is_missing())
        return 0;
    g_test_add_func("/postgres/backends_killed_in_the_middle_of_batches",
                    test_backends_killed_in_the_middle_of_batches);
    g_test_add_func("/postgres/connections_cut_in_the_middle_of_batches",
                    test_connections_cut_in_the_middle_of_batches);
    g_test_add_func("/postgres/server_killed_in_the_middle_of_batches", test_server_killed_in_the_middle_of_batches);
    g_test_add_func("/postgres/server_that_stands_still", test_server_that_stands_still);
    return g_test_run();
}
