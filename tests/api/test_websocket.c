#include "api_world.h"

#include "user_world.h"

#define WORLD_KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 section 1.3 */

/* A socket after its handshake; -1 and the status when it was refused. */
static int open_websocket_at(const struct api_world *world, const char *query, const char *headers, int *status)
{
    int fd = world_connect(world);
    g_autofree char *text =
        g_strdup_printf("GET /ws%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: " WORLD_KEY "\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        query, api_port(world->api), headers);
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

static int open_websocket(const struct api_world *world, const char *headers, int *status)
{
    return open_websocket_at(world, "", headers, status);
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

/* An event as the record path tells it; its payload is what tests tell events apart by. */
static void publish_event(const struct api_world *world, const char *id, const char *org, const char *camera)
{
    g_autofree char *json = g_strdup_printf("{\"id\":\"%s\"}", id);
    live_publish_event(world->live, org, camera, id, json, strlen(json));
}

static char *event_id(int number)
{
    return g_strdup_printf("01890000-0000-7000-8000-%012d", number);
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
    g_assert_true(world_put_user(world.store, user, NULL));
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

/* ---- subscriptions ---- */

static int open_at(struct api_world *world, const char *query)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", world->token);
    int status, fd = open_websocket_at(world, query, headers, &status);
    g_assert_cmpint(status, ==, 101);
    WORLD_AWAIT(counter_get(&world->health.websocket_clients) > 0);
    return fd;
}

static void expect(int fd, const char *text)
{
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_cmpstr(message->str, ==, text);
}

static void send_text(int fd, const char *text)
{
    size_t length = strlen(text);
    g_autoptr(GByteArray) frame = g_byte_array_new();
    const guint8 head[] = {0x81, (guint8)(0x80 | length), 0, 0, 0, 0};
    g_assert_cmpint((int)length, <, 126);
    g_byte_array_append(frame, head, sizeof head);
    g_byte_array_append(frame, (const guint8 *)text, (guint)length);
    g_assert_cmpint(send(fd, frame->data, frame->len, MSG_NOSIGNAL), ==, (ssize_t)frame->len);
}

static void test_a_client_says_what_it_wants(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    int fd = open_at(&world, "?types=event&cameras=cam-1");
    publish(&world, LIVE_TRACKS, "default", "1");
    live_publish(world.live, LIVE_EVENT, "default", "cam-9", "2", 1);
    publish(&world, LIVE_EVENT, "default", "3");
    expect(fd, "{\"type\":\"event\",\"data\":3}");
    send_text(fd, "{\"types\":[\"health\"],\"cameras\":[]}");
    /* what is told from when on is the server's to say: it is asked until it holds */
    g_autoptr(GString) message = g_string_new(NULL);
    bool is_changed = false;
    while (!is_changed) {
        publish(&world, LIVE_HEALTH, "default", "4");
        publish(&world, LIVE_EVENT, "default", "5");
        g_assert_cmpint(receive_frame(fd, message), ==, 1);
        is_changed = strstr(message->str, "health") != NULL;
    }
    send_text(fd, "{\"types\":[\"nonsense\"]}");
    while (receive_frame(fd, message) == 1)
        ;
    g_assert_cmpint(((guint8)message->str[0] << 8) | (guint8)message->str[1], ==, 1007);
    close(fd);
    int status;
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", world.token);
    open_websocket_at(&world, "?types=nonsense", headers, &status);
    g_assert_cmpint(status, ==, 400);
    open_websocket_at(&world, "?resume_from=nonsense", headers, &status);
    g_assert_cmpint(status, ==, 400);
    world_clear(&world);
}

/* ---- coming back ---- */

static void expect_resumed(int fd, const char *from, int events, bool is_complete)
{
    g_autofree char *text =
        g_strdup_printf("{\"type\":\"resumed\",\"data\":{\"from\":\"%s\",\"events\":%d,\"is_complete\":%s}}", from,
                        events, is_complete ? "true" : "false");
    expect(fd, text);
}

static void expect_event(int fd, int number)
{
    g_autofree char *id = event_id(number),
                    *text = g_strdup_printf("{\"type\":\"event\",\"data\":{\"id\":\"%s\"}}", id);
    expect(fd, text);
}

/* A key that is held to cameras hears of these alone, also where it asks for others, and after it came back. */
static void test_a_key_of_cameras_hears_of_these(void)
{
    struct api_world world;
    world_init(&world);
    g_autofree char *admin =
        g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n", world_login(&world));
    struct reply reply = world_request(&world, "POST", "/api/v1/tokens", admin,
                                       "{\"name\":\"wall\",\"role\":\"viewer\",\"cameras\":[\"cam-1\"]}");
    g_assert_cmpint(reply.status, ==, 201);
    json_t *json = reply_json(&reply);
    g_free(world.token);
    world.token = g_strdup(json_string_value(json_object_get(json, "token")));
    json_decref(json);
    reply_clear(&reply);
    g_autofree char *first = event_id(1), *hidden = event_id(2), *second = event_id(3);
    int fd = open_at(&world, "?cameras=cam-1,cam-2&types=event,incident");
    publish_event(&world, hidden, "default", "cam-2");
    publish_event(&world, first, "default", "cam-1");
    live_publish(world.live, LIVE_INCIDENT, "default", "cam-2", "1", 1);
    live_publish(world.live, LIVE_INCIDENT, "default", "cam-1", "2", 1);
    expect_event(fd, 1);
    expect(fd, "{\"type\":\"incident\",\"data\":2}");
    close(fd);
    publish_event(&world, second, "default", "cam-1");
    g_autofree char *query = g_strdup_printf("?types=event&resume_from=%s", hidden);
    fd = open_at(&world, query);
    expect_resumed(fd, hidden, 2, true);
    expect_event(fd, 1);
    expect_event(fd, 3);
    close(fd);
    world_clear(&world);
}

static void publish_numbers(const struct api_world *world, int from, int to)
{
    for (int i = from; i <= to; i++) {
        g_autofree char *id = event_id(i), *other = event_id(1000 + i);
        publish_event(world, id, "default", "cam-1");
        publish_event(world, other, "other", "cam-other"); /* R14: nobody else hears of it */
    }
}

static void test_who_comes_back_is_told_what_it_missed(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    publish_numbers(&world, 1, 5);
    g_autofree char *id = event_id(3), *query = g_strdup_printf("?resume_from=%s", id);
    int fd = open_at(&world, query);
    WORLD_AWAIT(counter_get(&world.health.websocket_clients) == 1);
    publish_numbers(&world, 6, 6);
    expect_resumed(fd, id, 2, true);
    for (int i = 4; i <= 6; i++)
        expect_event(fd, i);
    close(fd);
    world_clear(&world);
}

static void test_another_orgs_event_is_none_to_come_back_to(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    publish_numbers(&world, 1, 2);
    g_autofree char *id = event_id(1001), *query = g_strdup_printf("?resume_from=%s", id);
    int fd = open_at(&world, query);
    expect_resumed(fd, id, 2, false);
    expect_event(fd, 1);
    expect_event(fd, 2);
    close(fd);
    world_clear(&world);
}

static void note_stored(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    (void)events;
    g_assert_no_error(error);
    g_assert_true(stored[0]);
    __atomic_store_n((int *)data, 1, __ATOMIC_RELEASE);
}

static void store_event(const struct api_world *world, int number, const char *org, const char *camera)
{
    static const char payload[] = "{\"id\":\"01890000-0000-7000-8000-000000000000\",\"camera_id\":\"cam-1\","
                                  "\"service\":\"safety\",\"kind\":\"intrusion\",\"severity\":\"high\","
                                  "\"started_at\":\"2026-01-01T00:00:00.000Z\"}";
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    record_init(&analytics_event_descriptor, event);
    event->id = event_id(number);
    event->type = EVENT_SIGNAL;
    event->org_id = g_strdup(org);
    event->site_id = g_strdup("default");
    event->camera_id = g_strdup(camera);
    event->occurred_at.ms = world_start_ms + number;
    event->received_at.ms = world_start_ms + 60000 * (int64_t)number;
    event->payload.text = g_strdup(payload);
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(events, event);
    int is_stored = 0;
    g_autoptr(GError) error = NULL;
    g_assert_true(store_events_submit(world->store, events, note_stored, &is_stored, &error));
    WORLD_AWAIT(__atomic_load_n(&is_stored, __ATOMIC_ACQUIRE));
}

/* What is in memory no more is read from the store; what is in both is told once. */
static void test_what_is_forgotten_comes_from_the_store(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    for (int i = 1; i <= 4; i++) {
        store_event(&world, i, "default", "cam-1");
        store_event(&world, 1000 + i, "other", "cam-other");
    }
    publish_numbers(&world, 4, 5);
    g_autofree char *id = event_id(2), *query = g_strdup_printf("?resume_from=%s", id);
    int fd = open_at(&world, query);
    g_autoptr(GString) message = g_string_new(NULL);
    expect_resumed(fd, id, 3, true);
    for (int i = 3; i <= 5; i++) {
        g_autofree char *expected = event_id(i);
        g_assert_cmpint(receive_frame(fd, message), ==, 1);
        g_assert_nonnull(strstr(message->str, expected));
    }
    close(fd);
    world_clear(&world);
}

/* More than a queue holds comes in parts: the client is told to come back from where it got to. */
static void test_a_long_absence_is_told_in_parts(void)
{
    struct api_world world;
    world_prepare(&world);
    world.settings.http.resume_events = 3;
    world_start(&world);
    world_login(&world);
    for (int i = 1; i <= 8; i++)
        store_event(&world, i, "default", "cam-1");
    g_autofree char *from = event_id(1);
    int got = 1;
    for (int tries = 0; got < 8 && tries < 8; tries++) {
        g_autofree char *query = g_strdup_printf("?resume_from=%s", from);
        int fd = open_at(&world, query);
        g_autoptr(GString) message = g_string_new(NULL);
        while (got < 8 && receive_frame(fd, message) == 1) {
            if (strstr(message->str, "resumed"))
                continue;
            g_free(from);
            from = event_id(++got);
            g_assert_nonnull(strstr(message->str, from));
        }
        close(fd);
    }
    g_assert_cmpint(got, ==, 8);
    world_clear(&world);
}

/* ---- server-sent events ---- */

static int open_stream(const struct api_world *world, const char *query, const char *headers)
{
    int fd = world_connect(world);
    g_autofree char *text =
        g_strdup_printf("GET /api/v1/events/stream%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer "
                        "%s\r\n%s\r\n",
                        query, api_port(world->api), world->token, headers);
    world_send(fd, text);
    return fd;
}

/* Reads until the text came; what was read before it is dropped. */
static void await_text(int fd, GString *read, const char *text)
{
    char buffer[4096];
    const char *found;
    while (!(found = strstr(read->str, text))) {
        ssize_t count = world_receive(fd, buffer, sizeof buffer);
        g_assert_cmpint(count, >, 0);
        g_string_append_len(read, buffer, count);
    }
    g_string_erase(read, 0, found - read->str + (gssize)strlen(text));
}

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

static void test_a_stream_ends_with_its_login(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    int fd = open_stream(&world, "", "");
    g_autoptr(GString) read = g_string_new(NULL);
    await_text(fd, read, "\r\n\r\n");
    struct user *user = store_user_find(world.store, "admin", NULL);
    user->is_disabled = true;
    g_assert_true(world_put_user(world.store, user, NULL));
    user_free(user);
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
    g_test_add_func("/websocket/a_client_says_what_it_wants", test_a_client_says_what_it_wants);
    g_test_add_func("/websocket/a_key_of_cameras_hears_of_these", test_a_key_of_cameras_hears_of_these);
    g_test_add_func("/websocket/who_comes_back_is_told_what_it_missed", test_who_comes_back_is_told_what_it_missed);
    g_test_add_func("/websocket/another_orgs_event_is_none_to_come_back_to",
                    test_another_orgs_event_is_none_to_come_back_to);
    g_test_add_func("/websocket/what_is_forgotten_comes_from_the_store", test_what_is_forgotten_comes_from_the_store);
    g_test_add_func("/websocket/a_long_absence_is_told_in_parts", test_a_long_absence_is_told_in_parts);
    g_test_add_func("/event_stream/server_sent_events", test_server_sent_events);
    g_test_add_func("/event_stream/a_stream_ends_with_its_login", test_a_stream_ends_with_its_login);
    g_test_add_func("/event_stream/a_stream_needs_a_login", test_a_stream_needs_a_login);
    g_test_add_func("/event_stream/a_slow_stream_keeps_its_events", test_a_slow_stream_keeps_its_events);
    return g_test_run();
}
