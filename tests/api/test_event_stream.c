/* The same by server-sent events. */
#include "websocket_world.h"

static void test_server_sent_events(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    publish_numbers(&world, 1, 2);
    g_autofree char *first = event_id(1), *second = event_id(2), *third = event_id(3);
    g_autofree char *header = g_strdup_printf("Last-Event-ID: %s\r\n", first);
    int fd = open_stream(&world, "?types=event", header);
    g_autoptr(GString) read = g_string_new(NULL);
    await_text(fd, read, "HTTP/1.1 200 OK");
    await_text(fd, read, "Content-Type: text/event-stream");
    await_text(fd, read, "event: resumed\ndata: ");
    g_autofree char *line = g_strdup_printf(
        "id: %s\nevent: event\ndata: {\"type\":\"event\",\"data\":{\"id\":\"%s\"}}\n\n", second, second);
    await_text(fd, read, line);
    WORLD_AWAIT(counter_get(&world.health.event_stream_clients) == 1);
    publish(&world, LIVE_TRACKS, "default", "\"not asked for\"");
    publish_event(&world, third, "default", "cam-1");
    await_text(fd, read, third);
    g_assert_null(strstr(read->str, "not asked for"));
    close(fd);
    world_clear(&world); /* with the stream still open on our side */
}

static void disable_user(const struct api_world *world)
{
    struct user *user = store_user_find(world->store, "admin", NULL);
    user->is_disabled = true;
    g_assert_true(world_put_user(world->store, user, NULL));
    user_free(user);
}

static void test_a_stream_ends_with_its_login(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    int fd = open_stream(&world, "", "");
    g_autoptr(GString) read = g_string_new(NULL);
    await_text(fd, read, "\r\n\r\n");
    disable_user(&world);
    char buffer[4096];
    while (world_receive(fd, buffer, sizeof buffer) > 0)
        ;
    close(fd);
    WORLD_AWAIT(counter_get(&world.health.event_stream_clients) == 0);
    world_clear(&world);
}

static void test_a_stream_needs_a_login(void)
{
    struct api_world world;
    world_init(&world);
    struct reply reply = world_get(&world, "/api/v1/events/stream", NULL);
    g_assert_cmpint(reply.status, ==, 401);
    reply_clear(&reply);
    reply = world_get(&world, "/api/v1/events/stream", "wrong");
    g_assert_cmpint(reply.status, ==, 401);
    reply_clear(&reply);
    world_clear(&world);
}

static void test_a_slow_stream_keeps_its_events(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.websocket_queue_bytes = 64 << 10;
    world_start(&world);
    world_login(&world);
    int fd = open_stream(&world, "", "");
    g_autoptr(GString) read = g_string_new(NULL);
    await_text(fd, read, "\r\n\r\n");
    g_autofree char *filler = g_strnfill(8000, 'x'), *tracks = g_strdup_printf("\"%s\"", filler), *id = event_id(1);
    while (counter_get(&world.health.websocket_dropped) < 20)
        publish(&world, LIVE_TRACKS, "default", tracks);
    publish_event(&world, id, "default", "cam-1");
    for (int i = 0; i < 50; i++)
        publish(&world, LIVE_TRACKS, "default", tracks);
    await_text(fd, read, id);
    close(fd);
    world_clear(&world);
}

/* Whether there was no room for it. */
static bool publish_large(const struct api_world *world)
{
    g_autofree char *filler = g_strnfill(8000, 'x'), *tracks = g_strdup_printf("\"%s\"", filler);
    int64_t dropped = counter_get(&world->health.websocket_dropped);
    publish(world, LIVE_TRACKS, "default", tracks);
    return counter_get(&world->health.websocket_dropped) > dropped;
}

static void start_with_two_places(struct api_world *world, int answer_timeout_seconds)
{
    world_prepare(world);
    world->settings.http.websocket_queue_bytes = 64 << 10;
    world->settings.http.websocket_max_clients = 2;
    world->settings.http.answer_timeout_seconds = answer_timeout_seconds;
    world_start(world);
    world_login(world);
}

/* A stream of tracks that nobody reads, of which its socket takes no more; or it is cut already. */
static int open_unread(struct api_world *world)
{
    enum { WITHOUT_ROOM = 500 }; /* one after the other, at most one a millisecond: none of its queue went out */
    int64_t others = counter_get(&world->health.event_stream_clients);
    int fd = open_stream(world, "?types=tracks", ""), in_turn = 0;
    WORLD_AWAIT(counter_get(&world->health.event_stream_clients) == others + 1);
    WORLD_AWAIT((in_turn = publish_large(world) ? in_turn + 1 : 0) == WITHOUT_ROOM ||
                counter_get(&world->health.live_clients_cut));
    return fd;
}

/* One that rests is none of these, however long it does. */
static void test_a_stream_nobody_reads_is_cut(void)
{
    enum { PATIENCE_SECONDS = 2 };
    struct api_world world;
    start_with_two_places(&world, PATIENCE_SECONDS);
    int fd = open_stream(&world, "?types=event", "");
    g_autoptr(GString) read = g_string_new(NULL);
    await_text(fd, read, ":\n\n");
    int unread = open_unread(&world);
    WORLD_AWAIT(counter_get(&world.health.live_clients_cut) == 1);
    WORLD_AWAIT(counter_get(&world.health.event_stream_clients) == 1);
    int next = open_stream(&world, "?types=event", ""); /* its place is free */
    g_autoptr(GString) read_next = g_string_new(NULL);
    await_text(next, read_next, "HTTP/1.1 200 OK");
    publish(&world, LIVE_EVENT, "default", "\"told\"");
    await_text(fd, read, "\"told\"");
    g_assert_cmpint(counter_get(&world.health.live_clients_cut), ==, 1);
    close(unread);
    close(next);
    close(fd);
    world_clear(&world);
}

static void test_a_stream_nobody_reads_ends_with_its_login(void)
{
    enum { PATIENCE_SECONDS = 3600 };
    struct api_world world;
    start_with_two_places(&world, PATIENCE_SECONDS);
    int unread = open_unread(&world);
    disable_user(&world);
    WORLD_AWAIT(counter_get(&world.health.event_stream_clients) == 0);
    close(unread);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/event_stream/server_sent_events", test_server_sent_events);
    g_test_add_func("/event_stream/a_stream_ends_with_its_login", test_a_stream_ends_with_its_login);
    g_test_add_func("/event_stream/a_stream_needs_a_login", test_a_stream_needs_a_login);
    g_test_add_func("/event_stream/a_slow_stream_keeps_its_events", test_a_slow_stream_keeps_its_events);
    g_test_add_func("/event_stream/a_stream_nobody_reads_is_cut", test_a_stream_nobody_reads_is_cut);
    g_test_add_func("/event_stream/a_stream_nobody_reads_ends_with_its_login",
                    test_a_stream_nobody_reads_ends_with_its_login);
    return g_test_run();
}
