/* /ws: who may open it, what arrives, and what becomes of clients that are slow or hostile. */
#include "../stopwatch.h"
#include "api/api_internal.h"
#include "hung_store.h"
#include "websocket_world.h"

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
    g_autofree char *asked = g_strdup_printf("Authorization: Bearer %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                             "Sec-WebSocket-Key: " WORLD_KEY "\r\nSec-WebSocket-Version: 13\r\n",
                                             token);
    struct reply reply = world_request(&world, "HEAD", "/ws", asked, NULL);
    g_assert_cmpint(reply.status, ==, 426); /* only a GET is a handshake */
    reply_clear(&reply);
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

/* How long a server takes to stop that has a client, which it tells. */
static gint64 stop_with_goodbye_us(const void *data)
{
    (void)data;
    struct api_world world;
    world_init(&world);
    int fd = open_with_token(&world, world_login(&world));
    gint64 begun = g_get_monotonic_time();
    api_stop(world.api);
    world.api = NULL;
    gint64 took_us = g_get_monotonic_time() - begun;
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 8);
    g_assert_cmpint(((guint8)message->str[0] << 8) | (guint8)message->str[1], ==, 1001);
    close(fd);
    world_clear(&world);
    return took_us;
}

/* One that waited for its client would do so each time. */
static void test_stop_says_goodbye(void)
{
    gint64 enough_us = G_USEC_PER_SEC / 2;
    g_assert_cmpint(stopwatch_least_us(stop_with_goodbye_us, NULL, enough_us), <, enough_us);
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

static int status_of_open(const struct api_world *world, const char *token)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", token);
    int status, fd = open_websocket(world, headers, &status);
    if (fd >= 0)
        close(fd);
    return status;
}

/* The administrator with another name, of another org. */
static void add_user_elsewhere(const struct api_world *world, const char *org_id)
{
    struct user *user = store_user_find(world->store, "admin", NULL);
    g_free(user->id);
    g_free(user->org_id);
    user->id = id_new(world->clock);
    user->org_id = g_strdup(org_id);
    g_assert_true(world_put_user(world->store, user, NULL));
    user_free(user);
}

/* Opens a socket, and is gone again when this returns: an answer says neither that it is counted nor that it no longer
 * is. */
static void visit(const struct api_world *world, const char *token)
{
    int64_t others = counter_get(&world->health.websocket_clients);
    int fd = open_with_token(world, token);
    WORLD_AWAIT(counter_get(&world->health.websocket_clients) == others + 1);
    close(fd);
    WORLD_AWAIT(counter_get(&world->health.websocket_clients) == others);
}

/* Nobody takes the places of all: who has their share, and whose org has, is refused, and others find one. */
static void test_places_are_shared(void)
{
    enum { OF_USER = 2, OF_ORG = 3 };
    struct api_world world;
    int fds[OF_ORG];
    world_prepare(&world);
    world.settings.http.websocket_max_clients = OF_ORG + 2;
    world.settings.http.websocket_max_clients_per_user = OF_USER;
    world.settings.http.websocket_max_clients_per_org = OF_ORG;
    world_start(&world);
    world_login(&world);
    add_user_elsewhere(&world, "other");
    g_autofree char *key = world_bound_key(&world, world.token, "viewer", "cam-1"),
                    *elsewhere = world_login_as(&world, "other/admin", WORLD_PASSWORD);
    for (int i = 0; i < OF_ORG; i++) {
        visit(&world, elsewhere);
        fds[i] = open_with_token(&world, i < OF_USER ? world.token : key);
        WORLD_AWAIT(counter_get(&world.health.websocket_clients) == i + 1);
        if (i == OF_USER - 1)
            g_assert_cmpint(status_of_open(&world, world.token), ==, 429);
    }
    g_assert_cmpint(status_of_open(&world, key), ==, 429); /* the org's are taken */
    struct reply reply = world_get(&world, "/api/v1/events/stream?cameras=cam-1", key);
    world_assert_problem(&reply, 429);
    g_autofree char *retry = reply_header(&reply, "Retry-After");
    g_assert_nonnull(retry);
    g_assert_cmpint(counter_get(&world.health.live_clients_refused), ==, 3);
    g_assert_cmpint(status_of_open(&world, elsewhere), ==, 101);
    reply_clear(&reply);
    for (int i = 0; i < OF_ORG; i++)
        close(fds[i]);
    world_clear(&world);
}

/* Opens so many, adds them to `fds`, and finds the next one refused. */
static void expect_places(struct api_world *world, GArray *fds, guint count, int refusal)
{
    while (fds->len < count) {
        int fd = open_with_token(world, world->token);
        g_array_append_val(fds, fd);
        WORLD_AWAIT(counter_get(&world->health.websocket_clients) == fds->len);
    }
    g_assert_cmpint(status_of_open(world, world->token), ==, refusal);
}

/* Where the settings leave the shares to us they go with the places; an org alone has all, as long as it is. */
static void test_shares_go_with_the_places(void)
{
    enum { FEW = 8, MANY = 72 };
    struct api_world world;
    g_autoptr(GArray) fds = g_array_new(false, false, sizeof(int));
    world_prepare(&world);
    world.settings.http.websocket_max_clients = FEW;
    world_start(&world);
    world_login(&world);
    expect_places(&world, fds, FEW * 3 / 4, 429); /* a camera of another org is watched */
    live_remove_camera(world.live, "cam-other");
    expect_places(&world, fds, FEW, 503);
    world.settings.http.websocket_max_clients = MANY;
    expect_places(&world, fds, MANY / 4, 429); /* of one user */
    for (guint i = 0; i < fds->len; i++)
        close(g_array_index(fds, int, i));
    world_clear(&world);
}

/* ---- subscriptions ---- */

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

/* ---- a store that hangs ---- */

static bool is_told_within(int fd, int ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    return poll(&wait, 1, ms) == 1;
}

/* Logins are looked at again all the while; those who look on are told meanwhile, and slow ones are cut. */
static void test_a_store_that_hangs_holds_up_no_message(void)
{
    enum { AT_ONCE_MS = HUNG_FOR_GOOD_MS / 10, BETWEEN_MS = 50 }; /* who waited for the store would do so for good */
    static const gint64 hung_us = 8000000; /* a look at each login falls into it, and is not over before its end */
    struct api_world world;
    struct store_transaction *held[SQLITE_READERS];
    world_init(&world);
    world_login(&world);
    int fd = open_with_token(&world, world.token);
    g_autofree char *text =
        g_strdup_printf("GET /api/v1/events/stream HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: "
                        "Bearer %s\r\n\r\n",
                        api_port(world.api), world.token);
    int stream = world_connect(&world);
    world_send(stream, text);
    WORLD_AWAIT(counter_get(&world.health.event_stream_clients) == 1);
    hang_store(&world, held, HUNG_FOR_GOOD_MS);
    g_autoptr(GString) message = g_string_new(NULL);
    for (gint64 end = g_get_monotonic_time() + hung_us; g_get_monotonic_time() < end;) {
        publish(&world, LIVE_TRACKS, "default", "{}");
        g_assert_true(is_told_within(fd, AT_ONCE_MS));
        g_assert_cmpint(receive_frame(fd, message), ==, 1);
        is_told_within(-1, BETWEEN_MS);
    }
    release_store(held);
    close(stream);
    close(fd);
    world_clear(&world);
}

static void note_wake(void *data)
{
    (*(int *)data)++;
}

/* Who cannot be looked up stays for a while, as a store comes back, and not for ever. */
static void test_a_login_that_cannot_be_looked_up_ends_at_last(void)
{
    enum { SECOND_US = 1000000 };
    struct api_world world;
    struct store_transaction *held[SQLITE_READERS];
    struct login login;
    struct live_subscription subscription;
    int woken = 0;
    world_init(&world);
    g_assert_true(auth_check_token(world.api->auth, world_login(&world), &login, NULL));
    record_init(&live_subscription_descriptor, &subscription);
    int64_t before_us = clock_monotonic_us(clock_system());
    struct feed *feed = feed_open(world.api->feeds, &login, &subscription, note_wake, &woken, NULL);
    int64_t after_us = clock_monotonic_us(clock_system());
    hang_store(&world, held, 1);
    feed_check_login(feed, before_us + 3 * (int64_t)SECOND_US);
    feed_check_login(feed, before_us + FEED_PATIENCE_US - SECOND_US);
    g_assert_cmpint(feed_end(feed), ==, FEED_STAYS);
    feed_check_login(feed, after_us + FEED_PATIENCE_US + SECOND_US);
    g_assert_cmpint(feed_end(feed), ==, FEED_LOGIN_UNKNOWN);
    g_assert_cmpint(woken, >, 0);
    release_store(held);
    feed_free(feed);
    record_clear(&live_subscription_descriptor, &subscription);
    login_clear(&login);
    world_clear(&world);
}

/* ---- who reads nothing ---- */

enum { PING_BYTES = 2 + 4 + 125, FLOOD_BLOCK_BYTES = 500 * PING_BYTES, FLOOD_MAX_BYTES = 64 << 20 };

struct flood {
    int fd;
    size_t sent_bytes;
    bool is_over; /* atomic: the others are only read then */
};

/* Sends pings of 125 bytes, masked with zeros, as fast as they are taken, until it is cut. */
static gpointer flood(gpointer data)
{
    static const guint8 head[] = {0x89, 0x80 | 125};
    struct flood *flood = data;
    g_autofree guint8 *block = g_malloc0(FLOOD_BLOCK_BYTES);
    for (size_t at = 0; at < FLOOD_BLOCK_BYTES; at += PING_BYTES)
        memcpy(block + at, head, sizeof head);
    ssize_t count = 0;
    while (count >= 0 && flood->sent_bytes < FLOOD_MAX_BYTES) {
        count = send(flood->fd, block, FLOOD_BLOCK_BYTES, MSG_NOSIGNAL); /* all, as it blocks */
        flood->sent_bytes += (size_t)MAX(count, 0);
    }
    __atomic_store_n(&flood->is_over, true, __ATOMIC_RELEASE);
    return NULL;
}

/* Every ping is answered. Who sends them and takes no answer is cut before the answers fill our memory, and others are
 * served all the while. */
static void test_pings_without_a_reader_are_cut(void)
{
    enum { AT_ONCE_MS = 10000 };
    struct api_world world;
    world_init(&world);
    world_login(&world);
    int other = open_with_token(&world, world.token);
    struct flood pings = {.fd = open_at(&world, "?types=health")};
    WORLD_AWAIT(counter_get(&world.health.websocket_clients) == 2);
    GThread *thread = g_thread_new("flood", flood, &pings);
    while (!__atomic_load_n(&pings.is_over, __ATOMIC_ACQUIRE)) {
        publish(&world, LIVE_EVENT, "default", "1");
        g_assert_true(is_told_within(other, AT_ONCE_MS));
        expect(other, "{\"type\":\"event\",\"data\":1}");
    }
    g_thread_join(thread);
    g_assert_cmpuint(pings.sent_bytes, <, FLOOD_MAX_BYTES);
    WORLD_AWAIT(counter_get(&world.health.websocket_clients) == 1);
    g_assert_cmpint(counter_get(&world.health.live_clients_cut), ==, 1);
    close(pings.fd);
    close(other);
    world_clear(&world);
}

/* ---- turns ---- */

static const guint8 masked_ping[] = {0x89, 0x80, 0, 0, 0, 0}, masked_pong[] = {0x8a, 0x80, 0, 0, 0, 0};

static void await_pong(int fd)
{
    enum { PONG = 0xa };
    g_autoptr(GString) message = g_string_new(NULL);
    for (int opcode = 0; opcode != PONG;) {
        opcode = receive_frame(fd, message);
        g_assert_cmpint(opcode, !=, -1);
    }
}

/* What came with the handshake is read by then, and no socket tells of it. */
static void test_what_comes_with_the_handshake_is_answered_at_once(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", world.token);
    g_autoptr(GByteArray) ping = g_byte_array_append(g_byte_array_new(), masked_ping, sizeof masked_ping);
    int status, fd = open_websocket_with(&world, "", headers, ping, &status);
    g_assert_cmpint(status, ==, 101);
    await_pong(fd);
    close(fd);
    world_clear(&world);
}

struct pong_flood {
    int fd;
    int is_over; /* atomic */
};

/* As fast as they are taken: each is read, and asks for no answer. */
static gpointer send_pongs(gpointer data)
{
    enum { PONGS = 10000 };
    struct pong_flood *flood = data;
    g_autoptr(GByteArray) pongs = g_byte_array_new();
    for (int i = 0; i < PONGS; i++)
        g_byte_array_append(pongs, masked_pong, sizeof masked_pong);
    for (guint at = 0; !__atomic_load_n(&flood->is_over, __ATOMIC_ACQUIRE);) {
        ssize_t count = send(flood->fd, pongs->data + at, pongs->len - at, MSG_NOSIGNAL);
        g_assert_cmpint(count, >, 0);
        at = (at + (guint)count) % pongs->len;
    }
    return NULL;
}

/* Who sends without an end is read a turn at a time, and others are served between. */
static void test_a_flood_holds_up_nobody(void)
{
    enum { TURNS = 20 };
    struct api_world world;
    world_init(&world);
    struct pong_flood flood = {.fd = open_with_token(&world, world_login(&world))};
    int fd = open_with_token(&world, world.token);
    GThread *thread = g_thread_new("flood", send_pongs, &flood);
    for (int i = 0; i < TURNS; i++) {
        g_assert_cmpint(send(fd, masked_ping, sizeof masked_ping, MSG_NOSIGNAL), ==, sizeof masked_ping);
        await_pong(fd);
    }
    __atomic_store_n(&flood.is_over, 1, __ATOMIC_RELEASE);
    g_thread_join(thread);
    close(fd);
    close(flood.fd);
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
    g_test_add_func("/websocket/places_are_shared", test_places_are_shared);
    g_test_add_func("/websocket/shares_go_with_the_places", test_shares_go_with_the_places);
    g_test_add_func("/websocket/a_client_says_what_it_wants", test_a_client_says_what_it_wants);
    g_test_add_func("/websocket/a_store_that_hangs_holds_up_no_message", test_a_store_that_hangs_holds_up_no_message);
    g_test_add_func("/websocket/a_login_that_cannot_be_looked_up_ends_at_last",
                    test_a_login_that_cannot_be_looked_up_ends_at_last);
    g_test_add_func("/websocket/pings_without_a_reader_are_cut", test_pings_without_a_reader_are_cut);
    g_test_add_func("/websocket/what_comes_with_the_handshake_is_answered_at_once",
                    test_what_comes_with_the_handshake_is_answered_at_once);
    g_test_add_func("/websocket/a_flood_holds_up_nobody", test_a_flood_holds_up_nobody);
    return g_test_run();
}
