#include "api_world.h"

#define WORLD_KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 section 1.3 */

/* A socket after its handshake; -1 and the status when it was refused. */
static int open_websocket(const struct api_world *world, const char *headers, int *status)
{
    int fd = world_connect(world);
    g_autofree char *text =
        g_strdup_printf("GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: " WORLD_KEY "\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        api_port(world->api), headers);
    world_send(fd, text);
    GString *head = g_string_new(NULL);
    char byte;
    while (!g_str_has_suffix(head->str, "\r\n\r\n") && world_receive(fd, &byte, 1) == 1)
        g_string_append_c(head, byte);
    *status = 0;
    sscanf(head->str, "HTTP/1.1 %d", status);
    if (*status == 101)
        g_assert_nonnull(strstr(head->str, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    g_string_free(head, TRUE);
    if (*status == 101)
        return fd;
    close(fd);
    return -1;
}

static int open_with_token(const struct api_world *world, const char *token)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", token);
    int status, fd = open_websocket(world, headers, &status);
    g_assert_cmpint(status, ==, 101);
    WORLD_AWAIT(counter_get(&world->health.websocket_clients) > 0);
    return fd;
}

static bool receive_exactly(int fd, void *buffer, size_t length)
{
    for (size_t have = 0; have < length;) {
        ssize_t count = world_receive(fd, (char *)buffer + have, length - have);
        if (count <= 0)
            return false;
        have += (size_t)count;
    }
    return true;
}

/* One frame of the server: its opcode, or -1 at the end of the stream. */
static int receive_frame(int fd, GString *payload)
{
    guint8 head[2], extended[8];
    if (!receive_exactly(fd, head, sizeof head))
        return -1;
    guint64 length = head[1] & 0x7f;
    g_assert_cmpint(head[1] & 0x80, ==, 0); /* servers don't mask */
    int extra = length == 126 ? 2 : length == 127 ? 8 : 0;
    g_assert_true(receive_exactly(fd, extended, (size_t)extra));
    for (int i = 0; i < extra; i++)
        length = (i ? length << 8 : 0) | extended[i];
    g_string_set_size(payload, length);
    g_assert_true(receive_exactly(fd, payload->str, length));
    return head[0] & 0x0f;
}

static void publish(const struct api_world *world, enum live_kind kind, const char *org, const char *json)
{
    live_publish(world->live, kind, org, "cam-1", json, strlen(json));
}

static void test_messages_arrive(void)
{
    struct api_world world;
    world_init(&world);
    int fd = open_with_token(&world, world_login(&world));
    g_autoptr(GString) message = g_string_new(NULL);
    publish(&world, LIVE_TRACKS, "other", "{\"secret\":1}"); /* R14: another org's, not ours */
    publish(&world, LIVE_TRACKS, "default", "{\"camera_id\":\"cam-1\"}");
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_cmpstr(message->str, ==, "{\"type\":\"tracks\",\"data\":{\"camera_id\":\"cam-1\"}}");
    publish(&world, LIVE_EVENT, "default", "{}");
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_cmpstr(message->str, ==, "{\"type\":\"event\",\"data\":{}}");
    publish(&world, LIVE_HEALTH, "default", "{}");
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_cmpstr(message->str, ==, "{\"type\":\"health\",\"data\":{}}");
    close(fd);
    WORLD_AWAIT(counter_get(&world.health.websocket_clients) == 0);
    world_clear(&world);
}

static void test_handshake_is_guarded(void)
{
    struct api_world world;
    world_init(&world);
    const char *token = world_login(&world);
    g_autofree char *own = g_strdup_printf("Origin: http://127.0.0.1:%d\r\n", api_port(world.api));
    const struct {
        const char *name, *value, *origin;
        int status;
    } cases[] = {
        {"X-None", "", "", 401},
        {"Authorization: Bearer", "wrong", "", 401},
        {"Authorization: Bearer", token, "", 101},
        {"Authorization: Bearer", token, own, 101},
        {"Authorization: Bearer", token, "Origin: http://evil.example\r\n", 403},
        {"Authorization: Bearer", token, "Origin: null\r\n", 403},
        {"Cookie: vedette_session=", token, own, 101},
        {"Cookie: vedette_session=", token, "", 403},
        {"Cookie: vedette_session=", token, "Origin: http://evil.example\r\n", 403},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        bool is_cookie = g_str_has_suffix(cases[i].name, "=");
        g_autofree char *headers = g_strdup_printf("%s%s%s\r\n%s", cases[i].name,
                                                   is_cookie                    ? ""
                                                   : strchr(cases[i].name, ':') ? " "
                                                                                : ": ",
                                                   cases[i].value, cases[i].origin);
        int status, fd = open_websocket(&world, headers, &status);
        g_test_message("case %zu", i);
        g_assert_cmpint(status, ==, cases[i].status);
        if (fd >= 0)
            close(fd);
    }
    world_clear(&world);
}

static void test_client_close_is_answered(void)
{
    struct api_world world;
    world_init(&world);
    int fd = open_with_token(&world, world_login(&world));
    /* A masked close frame with code 1000. */
    const guint8 frame[] = {0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe8 ^ 2};
    g_assert_cmpint(send(fd, frame, sizeof frame, MSG_NOSIGNAL), ==, sizeof frame);
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 8);
    g_assert_cmpint(receive_frame(fd, message), ==, -1);
    close(fd);
    WORLD_AWAIT(counter_get(&world.health.websocket_clients) == 0);
    world_clear(&world);
}

/* Frames no honest client sends: unmasked, too long, cut off. The server stays and others are served. */
static void test_hostile_frames(void)
{
    static const struct {
        guint8 bytes[15];
        size_t length;
    } cases[] = {
        {{0x81, 0x01, 'x'}, 3},
        {{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5}, 15},
        {{0x8f, 0x80, 1, 2, 3, 4}, 6},
        {{0xf1, 0x80, 1, 2, 3, 4}, 6},
    };
    struct api_world world;
    world_init(&world);
    world_login(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("case %zu", i);
        int fd = open_with_token(&world, world.token);
        g_assert_cmpint(send(fd, cases[i].bytes, cases[i].length, MSG_NOSIGNAL), ==, (ssize_t)cases[i].length);
        g_autoptr(GString) message = g_string_new(NULL);
        int opcode = receive_frame(fd, message);
        g_assert_true(opcode == 8 || opcode == -1);
        close(fd);
        WORLD_AWAIT(counter_get(&world.health.websocket_clients) == 0);
    }
    int fd = open_with_token(&world, world.token);
    close(fd);
    world_clear(&world);
}

static int open_slow(struct api_world *world)
{
    world_prepare(world);
    world->settings.http.websocket_queue_bytes = 64 << 10;
    world_start(world);
    return open_with_token(world, world_login(world));
}

/* A page that doesn't read loses the oldest tracks, counted, and never an event. */
static void test_slow_client_sheds_tracks(void)
{
    struct api_world world;
    int fd = open_slow(&world);
    g_autofree char *filler = g_strnfill(8000, 'x'), *tracks = g_strdup_printf("\"%s\"", filler);
    while (counter_get(&world.health.websocket_dropped) < 20)
        publish(&world, LIVE_TRACKS, "default", tracks);
    publish(&world, LIVE_EVENT, "default", "\"kept\"");
    for (int i = 0; i < 50; i++)
        publish(&world, LIVE_TRACKS, "default", tracks);
    g_autoptr(GString) message = g_string_new(NULL);
    bool is_found = false;
    while (!is_found) {
        g_assert_cmpint(receive_frame(fd, message), ==, 1);
        is_found = strstr(message->str, "\"kept\"") != NULL;
    }
    close(fd);
    world_clear(&world);
}

/* A page too slow even for the events is told to come back (1013): it must not show a list with holes. */
static void test_client_too_slow_for_events_is_ended(void)
{
    struct api_world world;
    int fd = open_slow(&world);
    g_autofree char *filler = g_strnfill(8000, 'x'), *event = g_strdup_printf("\"%s\"", filler);
    for (int i = 0; i < 2000; i++)
        publish(&world, LIVE_EVENT, "default", event);
    g_autoptr(GString) message = g_string_new(NULL);
    int opcode;
    while ((opcode = receive_frame(fd, message)) == 1)
        ;
    g_assert_cmpint(opcode, ==, 8);
    g_assert_cmpint(((guint8)message->str[0] << 8) | (guint8)message->str[1], ==, 1013);
    close(fd);
    WORLD_AWAIT(counter_get(&world.health.websocket_clients) == 0);
    world_clear(&world);
}

static void test_login_that_ends_ends_the_socket(void)
{
    struct api_world world;
    world_init(&world);
    int fd = open_with_token(&world, world_login(&world));
    struct user *user = store_user_find(world.store, "admin", NULL);
    user->is_disabled = true;
    g_assert_true(store_user_put(world.store, user, NULL));
    user_free(user);
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 8);
    g_assert_cmpint(((guint8)message->str[0] << 8) | (guint8)message->str[1], ==, 1008);
    close(fd);
    world_clear(&world);
}

static void test_stop_says_goodbye(void)
{
    struct api_world world;
    world_init(&world);
    int fd = open_with_token(&world, world_login(&world));
    gint64 begun = g_get_monotonic_time();
    api_stop(world.api);
    world.api = NULL;
    g_assert_cmpint(g_get_monotonic_time() - begun, <, G_USEC_PER_SEC / 2);
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 8);
    g_assert_cmpint(((guint8)message->str[0] << 8) | (guint8)message->str[1], ==, 1001);
    close(fd);
    world_clear(&world);
}

static void test_clients_are_bounded(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.websocket_max_clients = 2;
    world_start(&world);
    world_login(&world);
    int first = open_with_token(&world, world.token), second = open_with_token(&world, world.token);
    WORLD_AWAIT(counter_get(&world.health.websocket_clients) == 2);
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", world.token);
    int status;
    open_websocket(&world, headers, &status);
    g_assert_cmpint(status, ==, 503);
    close(first);
    close(second);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/websocket/messages_arrive", test_messages_arrive);
    g_test_add_func("/websocket/handshake_is_guarded", test_handshake_is_guarded);
    g_test_add_func("/websocket/client_close_is_answered", test_client_close_is_answered);
    g_test_add_func("/websocket/hostile_frames", test_hostile_frames);
    g_test_add_func("/websocket/slow_client_sheds_tracks", test_slow_client_sheds_tracks);
    g_test_add_func("/websocket/client_too_slow_for_events_is_ended", test_client_too_slow_for_events_is_ended);
    g_test_add_func("/websocket/login_that_ends_ends_the_socket", test_login_that_ends_ends_the_socket);
    g_test_add_func("/websocket/stop_says_goodbye", test_stop_says_goodbye);
    g_test_add_func("/websocket/clients_are_bounded", test_clients_are_bounded);
    return g_test_run();
}
