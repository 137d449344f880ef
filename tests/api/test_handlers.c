/* Requests that have to wait hold up nobody but those who wait as they do. */
#include "api/api_internal.h"
#include "hung_store.h"
#include "stopping_world.h"

enum { CLIENTS = 12 }; /* more than handle requests */

static int ask_for(const struct api_world *world, const char *target, const char *headers)
{
    g_autofree char *text =
        g_strdup_printf("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n%s\r\n", target,
                        api_port(world->api), world->token, headers);
    int fd = world_connect(world);
    world_send(fd, text);
    return fd;
}

/* Asks for what the store has, and waits. */
static int ask(const struct api_world *world)
{
    return ask_for(world, "/api/v1/incidents", "");
}

/* Comes back to what happens: what it missed the store has, or nobody. */
static int come_back(const struct api_world *world)
{
    return ask_for(world, "/ws?resume_from=01890000-0000-7000-8000-000000000001",
                   "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
}

static void begin_all(struct api_world *world, int (*begin)(const struct api_world *), int fds[CLIENTS])
{
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = begin(world);
    WORLD_AWAIT(counter_get(&world->health.http_queued) == CLIENTS - world->settings.http.handler_threads);
}

static void assert_status(const struct api_world *world, const char *path, const char *token, int status)
{
    struct reply reply = world_get(world, path, token);
    g_assert_cmpint(reply.status, ==, status);
    reply_clear(&reply);
}

/* What is begun finds the token remembered. */
static void start_known(struct api_world *world)
{
    world_start(world);
    world_set_online(world);
    world_login(world);
    assert_status(world, "/health", world->token, 200);
}

/* All that CLIENTS `begin` waits for the store. */
static void begin_hung(struct api_world *world, int (*begin)(const struct api_world *),
                       struct store_transaction *held[SQLITE_READERS], int fds[CLIENTS])
{
    start_known(world);
    hang_store(world, held, HUNG_FOR_GOOD_MS);
    begin_all(world, begin, fds);
}

/* What watches the server would end it, and the page would be dead, as long as some requests wait for the store. */
static void test_who_waits_for_the_store_holds_up_nobody(void)
{
    struct api_world world;
    struct store_transaction *held[SQLITE_READERS];
    int fds[CLIENTS];
    world_prepare(&world);
    begin_hung(&world, ask, held, fds);
    assert_status(&world, "/health/live", NULL, 200);
    assert_status(&world, "/health/live", world.token, 200);
    assert_status(&world, "/health/ready", "vk_which.nobody.has.seen", 200); /* it says the same to everyone */
    assert_status(&world, "/health", world.token, 200);
    assert_status(&world, "/metrics", WORLD_SCRAPE_TOKEN, 200);
    assert_status(&world, "/", NULL, 200);
    g_assert_cmpint(counter_get(&world.health.http_queued), >, 0); /* they wait yet */
    release_store(held);
    for (int i = 0; i < CLIENTS; i++) {
        struct reply reply = world_read_answer(fds[i], "GET /api/v1/incidents HTTP/1.1");
        g_assert_cmpint(reply.status, ==, 200);
        reply_clear(&reply);
        close(fds[i]);
    }
    g_assert_cmpint(counter_get(&world.health.http_queued), ==, 0);
    world_clear(&world);
}

/* Nor does who comes back to its WebSocket: what it missed is read before the connection is one. */
static void test_who_comes_back_holds_up_nobody(void)
{
    struct api_world world;
    struct store_transaction *held[SQLITE_READERS];
    int fds[CLIENTS];
    world_prepare(&world);
    begin_hung(&world, come_back, held, fds);
    assert_status(&world, "/health/live", NULL, 200);
    release_store(held);
    for (int i = 0; i < CLIENTS; i++) {
        struct reply reply = world_read_head(fds[i]);
        g_assert_cmpint(reply.status, ==, 101);
        reply_clear(&reply);
        close(fds[i]);
    }
    world_clear(&world);
}

/* Without a word that could still be sent to it. */
static void reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

/* All of them at once. */
static bool may_come_back(const struct api_world *world)
{
    int fds[CLIENTS], back = 0;
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = come_back(world);
    for (int i = 0; i < CLIENTS; i++) {
        struct reply reply = world_read_head(fds[i]);
        back += reply.status == 101;
        reply_clear(&reply);
    }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    WORLD_AWAIT(counter_get(&world->health.websocket_clients) == 0);
    return back == CLIENTS;
}

/* Its place is another's where there is no connection any more to become a WebSocket. */
static void test_who_leaves_before_it_is_back_leaves_its_place(void)
{
    struct api_world world;
    struct store_transaction *held[SQLITE_READERS];
    int fds[CLIENTS];
    world_prepare(&world);
    world.settings.http.websocket_max_clients = world.settings.http.websocket_max_clients_per_org = CLIENTS;
    begin_hung(&world, come_back, held, fds);
    for (int i = 0; i < CLIENTS; i++)
        reset(fds[i]);
    release_store(held);
    WORLD_AWAIT(may_come_back(&world));
    world_clear(&world);
}

/* Nothing is kept of who does not wait for the answer. */
static void test_who_leaves_meanwhile_is_forgotten(void)
{
    struct api_world world;
    struct store_transaction *held[SQLITE_READERS];
    int fds[CLIENTS];
    world_init(&world);
    world_login(&world);
    hang_store(&world, held, HUNG_FOR_GOOD_MS);
    begin_all(&world, ask, fds);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    release_store(held);
    WORLD_AWAIT(counter_get(&world.health.http_queued) == 0);
    assert_status(&world, "/health/live", NULL, 200);
    world_clear(&world);
}

/* Beyond half of the connections, so that others are heard. */
static void test_no_more_wait_than_there_is_room_for(void)
{
    struct api_world world;
    struct store_transaction *held[SQLITE_READERS];
    int fds[CLIENTS + 1];
    world_prepare(&world);
    world.settings.http.handler_threads = 1;
    world.settings.http.max_connections = 2 * CLIENTS;
    start_known(&world);
    int64_t before = counter_get(&world.health.tokens_remembered);
    hang_store(&world, held, HUNG_FOR_GOOD_MS);
    fds[CLIENTS] = ask(&world);
    WORLD_AWAIT(counter_get(&world.health.tokens_remembered) > before); /* the only thread has it */
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = ask(&world);
    WORLD_AWAIT(counter_get(&world.health.http_queued) == CLIENTS);
    assert_status(&world, "/api/v1/incidents", world.token, 503);
    assert_status(&world, "/health/live", NULL, 200);
    release_store(held);
    for (int i = 0; i <= CLIENTS; i++)
        close(fds[i]);
    world_clear(&world);
}

/* Those that are handled are waited for, no more. */
static void test_a_stop_begins_nothing(void)
{
    struct api_world world;
    struct store_transaction *held[SQLITE_READERS];
    int fds[CLIENTS];
    world_prepare(&world);
    start_known(&world);
    int64_t before = counter_get(&world.health.tokens_remembered);
    int begun = world.settings.http.handler_threads;
    hang_store(&world, held, HUNG_FOR_GOOD_MS);
    begin_all(&world, ask, fds);
    WORLD_AWAIT(counter_get(&world.health.tokens_remembered) - before == begun);
    WORLD_AWAIT(counter_get(&world.health.http_queued) == CLIENTS - begun); /* all have come */
    GThread *stopping = world_begin_stop(&world);
    release_store(held);
    world_end_stop(&world, stopping);
    g_assert_cmpint(counter_get(&world.health.tokens_remembered) - before, ==, begun);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    world_clear(&world);
}

/* Else it would wait for the store on a thread that serves connections, while others are waited for. */
static void test_what_comes_during_a_stop_is_not_begun(void)
{
    struct api_world world;
    world_prepare(&world);
    start_known(&world);
    GThread *stopping = world_begin_stop(&world);
    struct reply reply = world_get(&world, "/api/v1/incidents", world.token);
    g_autofree char *retry = reply_header(&reply, "Retry-After");
    world_assert_problem(&reply, 503);
    g_assert_nonnull(strstr(reply.body->str, "the server stops"));
    g_assert_cmpstr(retry, ==, "1");
    reply_clear(&reply);
    assert_status(&world, "/health/live", NULL, 200);
    world_end_stop(&world, stopping);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/handlers/who_waits_for_the_store_holds_up_nobody", test_who_waits_for_the_store_holds_up_nobody);
    g_test_add_func("/handlers/who_comes_back_holds_up_nobody", test_who_comes_back_holds_up_nobody);
    g_test_add_func("/handlers/who_leaves_before_it_is_back_leaves_its_place",
                    test_who_leaves_before_it_is_back_leaves_its_place);
    g_test_add_func("/handlers/who_leaves_meanwhile_is_forgotten", test_who_leaves_meanwhile_is_forgotten);
    g_test_add_func("/handlers/no_more_wait_than_there_is_room_for", test_no_more_wait_than_there_is_room_for);
    g_test_add_func("/handlers/a_stop_begins_nothing", test_a_stop_begins_nothing);
    g_test_add_func("/handlers/what_comes_during_a_stop_is_not_begun", test_what_comes_during_a_stop_is_not_begun);
    return g_test_run();
}
