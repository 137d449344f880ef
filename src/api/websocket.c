/* WebSockets: one thread carries all of them with libwslay. What each is told, and what is shed for a slow one, is its
 * feed's (feed.c). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#define LOG_MODULE "api"
#include "api/api_internal.h"
#include "base/counter.h"
#include "base/log.h"

enum {
    CLIENT_MESSAGE_MAX_BYTES = 16384, /* LiveSubscription */
    TURN_MAX_BYTES = 16384, /* read of one client before it is sent what it asked for, and others are served */
    UNREAD_FRAMES_MAX = 64, /* each ping is answered: who sends them and reads nothing would fill our memory */
    PING_INTERVAL_US = 20000000,
    SILENCE_MAX_US = 60000000,
    CLOSE_WAIT_US = 2000000, /* for the client's own close frame */
    TICK_MS = 500,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_INVALID = 1007,
    CLOSE_POLICY = 1008,
    CLOSE_TRY_LATER = 1013,
};

struct client {
    /* the watch thread's own */
    struct MHD_UpgradeResponseHandle *handle;
    int fd;
    wslay_event_context_ptr wslay;
    GByteArray *extra; /* read before the upgrade, to be taken first */
    size_t turn_bytes; /* read of the socket in this turn */
    struct feed *feed;
    int64_t heard_us, pinged_us;
    int64_t closing_us; /* when the close frame was queued; 0: open */
    bool is_dead, is_watching_output;
};

struct websockets {
    struct api *api;
    int epoll_fd;
    pthread_mutex_t lock;
    GPtrArray *clients; /* changed under the lock, by the watch thread and websocket_accept */
    bool is_closed;     /* lock */
};

static int64_t now_us(void)
{
    return clock_monotonic_us(clock_system());
}

/* ---- wslay's callbacks ---- */

static ssize_t take_extra(struct client *client, uint8_t *buffer, size_t length)
{
    size_t taken = MIN(length, client->extra->len);
    memcpy(buffer, client->extra->data, taken);
    g_byte_array_remove_range(client->extra, 0, (guint)taken);
    return (ssize_t)taken;
}

static ssize_t on_receive(wslay_event_context_ptr context, uint8_t *buffer, size_t length, int flags, void *data)
{
    (void)flags;
    struct client *client = data;
    if (client->extra->len)
        return take_extra(client, buffer, length);
    bool is_turn_over = client->turn_bytes >= TURN_MAX_BYTES; /* epoll tells of the rest at once */
    ssize_t count = is_turn_over ? -1 : recv(client->fd, buffer, length, MSG_DONTWAIT);
    if (count > 0) {
        client->heard_us = now_us();
        client->turn_bytes += (size_t)count;
        return count;
    }
    bool is_empty = is_turn_over || (count < 0 && (errno == EAGAIN || errno == EINTR));
    client->is_dead |= !is_empty;
    wslay_event_set_error(context, is_empty ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr context, const uint8_t *buffer, size_t length, int flags, void *data)
{
    struct client *client = data;
    ssize_t count =
        send(client->fd, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL | (flags & WSLAY_MSG_MORE ? MSG_MORE : 0));
    if (count >= 0)
        return count;
    bool is_full = errno == EAGAIN || errno == EINTR;
    client->is_dead |= !is_full;
    wslay_event_set_error(context, is_full ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void begin_close(struct client *client, unsigned code, const char *reason)
{
    if (client->closing_us)
        return;
    client->closing_us = now_us();
    wslay_event_queue_close(client->wslay, (uint16_t)code, (const uint8_t *)reason, strlen(reason));
}

/* A client says anew what it wants to be told. */
static void on_message(wslay_event_context_ptr context, const struct wslay_event_on_msg_recv_arg *message, void *data)
{
    (void)context;
    struct client *client = data;
    struct live_subscription subscription;
    struct record_errors errors;
    if (wslay_is_ctrl_frame(message->opcode))
        return;
    record_errors_init(&errors);
    if (record_decode_json_strict(&live_subscription_descriptor, (const char *)message->msg, message->msg_length,
                                  &subscription, &errors)) {
        feed_subscribe(client->feed, &subscription);
        record_clear(&live_subscription_descriptor, &subscription);
    } else {
        begin_close(client, CLOSE_INVALID, "that is no LiveSubscription");
    }
    record_errors_clear(&errors);
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_receive, .send_callback = on_send, .on_msg_recv_callback = on_message};

/* ---- a client's life, on the watch thread ---- */

static void client_free(struct client *client)
{
    feed_free(client->feed);
    if (client->wslay)
        wslay_event_context_free(client->wslay);
    g_byte_array_unref(client->extra);
    MHD_upgrade_action(client->handle, MHD_UPGRADE_ACTION_CLOSE);
    g_free(client);
}

/* Hands wslay the next message once it is done with the one before, so that what waits can still be shed. */
static bool hand_over_next(struct client *client)
{
    struct feed_message *message = feed_take(client->feed, NULL);
    if (!message)
        return false;
    const struct wslay_event_msg text = {WSLAY_TEXT_FRAME, (const uint8_t *)message->json, message->size};
    client->is_dead |= wslay_event_queue_msg(client->wslay, &text) != 0; /* copies it */
    feed_message_unref(message);
    return !client->is_dead;
}

static void send_what_goes(struct websockets *websockets, struct client *client)
{
    do {
        if (wslay_event_want_write(client->wslay) && wslay_event_send(client->wslay) != 0)
            client->is_dead = true;
    } while (!client->is_dead && !wslay_event_want_write(client->wslay) && !client->closing_us &&
             hand_over_next(client));
    bool needs_output = !client->is_dead && wslay_event_want_write(client->wslay);
    if (needs_output == client->is_watching_output)
        return;
    client->is_watching_output = needs_output;
    struct epoll_event event = {.events = EPOLLIN | (needs_output ? EPOLLOUT : 0), .data.ptr = client};
    epoll_ctl(websockets->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

/* A feed that is over says why, and its client with it. */
static void close_as_asked(struct client *client)
{
    static const struct {
        unsigned code;
        char reason[64];
    } ends[] = {
        [FEED_TOO_SLOW] = {CLOSE_TRY_LATER, "too slow for the events: come back with resume_from"},
        [FEED_LOGIN_UNKNOWN] = {CLOSE_TRY_LATER, "the login cannot be looked up: come back with resume_from"},
        [FEED_LOGIN_OVER] = {CLOSE_POLICY, "the login is over"},
        [FEED_CLOSED] = {CLOSE_GOING_AWAY, "the server stops"},
    };
    enum feed_end end = feed_end(client->feed);
    if (end)
        begin_close(client, ends[end].code, ends[end].reason);
}

static void keep_alive(struct client *client, int64_t now)
{
    client->is_dead |= now - client->heard_us > SILENCE_MAX_US;
    if (now - client->pinged_us < PING_INTERVAL_US)
        return;
    client->pinged_us = now;
    const struct wslay_event_msg ping = {WSLAY_PING, NULL, 0};
    wslay_event_queue_msg(client->wslay, &ping);
}

/* After all that its socket takes was sent. */
static void cut_if_unread(struct websockets *websockets, struct client *client)
{
    if (client->is_dead || wslay_event_get_queued_msg_count(client->wslay) <= UNREAD_FRAMES_MAX)
        return;
    client->is_dead = true;
    counter_add(&websockets->api->health->live_clients_cut, 1);
}

static bool is_over(const struct client *client, int64_t now)
{
    bool is_said = wslay_event_get_close_sent(client->wslay) && wslay_event_get_close_received(client->wslay);
    return client->is_dead || is_said || (client->closing_us && now - client->closing_us > CLOSE_WAIT_US);
}

static void remove_client(struct websockets *websockets, struct client *client)
{
    pthread_mutex_lock(&websockets->lock);
    g_ptr_array_remove_fast(websockets->clients, client);
    counter_set(&websockets->api->health->websocket_clients, websockets->clients->len);
    pthread_mutex_unlock(&websockets->lock);
    epoll_ctl(websockets->epoll_fd, EPOLL_CTL_DEL, client->fd, NULL);
    client_free(client);
}

/* What came with the handshake the socket tells of no more. */
static void take_first_bytes(struct websockets *websockets, struct client *client)
{
    if (client->extra->len && !client->closing_us)
        websockets_event(websockets, client, EPOLLIN);
}

static void tend_client(struct websockets *websockets, struct client *client, int64_t now)
{
    take_first_bytes(websockets, client);
    close_as_asked(client);
    if (!client->closing_us) {
        feed_check_login(client->feed, now);
        keep_alive(client, now);
    }
    if (!client->is_dead)
        send_what_goes(websockets, client);
    cut_if_unread(websockets, client);
    if (is_over(client, now))
        remove_client(websockets, client);
}

/* After a close wslay reads no more; what still comes is thrown away until the client closes too. */
static void drain(struct client *client)
{
    char scratch[4096];
    ssize_t count = recv(client->fd, scratch, sizeof scratch, MSG_DONTWAIT);
    client->is_dead |= count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

void websockets_event(struct websockets *websockets, void *data, uint32_t events)
{
    (void)websockets;
    struct client *client = data;
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    client->turn_bytes = 0;
    if (!wslay_event_get_read_enabled(client->wslay))
        drain(client);
    else
        client->is_dead |= wslay_event_recv(client->wslay) != 0;
    /* wslay itself answers a close frame, or nonsense, with one of its own. */
    bool is_closing = wslay_event_get_close_received(client->wslay) || !wslay_event_get_read_enabled(client->wslay);
    if (is_closing && !client->closing_us)
        client->closing_us = now_us();
}

int websockets_tend(struct websockets *websockets)
{
    int64_t now = now_us();
    pthread_mutex_lock(&websockets->lock);
    g_autoptr(GPtrArray) clients = g_ptr_array_copy(websockets->clients, NULL, NULL);
    pthread_mutex_unlock(&websockets->lock);
    for (guint i = 0; i < clients->len; i++)
        tend_client(websockets, g_ptr_array_index(clients, i), now);
    return clients->len ? TICK_MS : -1;
}

void websockets_close_all(struct websockets *websockets)
{
    pthread_mutex_lock(&websockets->lock);
    websockets->is_closed = true;
    pthread_mutex_unlock(&websockets->lock);
    while (websockets->clients->len) {
        struct client *client = g_ptr_array_index(websockets->clients, 0);
        begin_close(client, CLOSE_GOING_AWAY, "the server stops");
        send_what_goes(websockets, client);
        remove_client(websockets, client);
    }
}

struct websockets *websockets_new(struct api *api, int epoll_fd)
{
    struct websockets *websockets = g_new0(struct websockets, 1);
    websockets->api = api;
    websockets->epoll_fd = epoll_fd;
    pthread_mutex_init(&websockets->lock, NULL);
    websockets->clients = g_ptr_array_new();
    return websockets;
}

void websockets_free(struct websockets *websockets)
{
    g_ptr_array_unref(websockets->clients);
    pthread_mutex_destroy(&websockets->lock);
    g_free(websockets);
}

/* False: there is no memory. */
static bool client_begin(struct client *client)
{
    if (wslay_event_context_server_init(&client->wslay, &callbacks, client) != 0)
        return false;
    wslay_event_config_set_max_recv_msg_length(client->wslay, CLIENT_MESSAGE_MAX_BYTES);
    return true;
}

/* False: the server stops, or has no room. */
static bool add_client(struct websockets *websockets, struct client *client)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    pthread_mutex_lock(&websockets->lock);
    bool is_good = !websockets->is_closed && epoll_ctl(websockets->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) == 0;
    if (is_good)
        g_ptr_array_add(websockets->clients, client);
    counter_set(&websockets->api->health->websocket_clients, websockets->clients->len);
    pthread_mutex_unlock(&websockets->lock);
    return is_good;
}

void websocket_accept(struct websockets *websockets, struct MHD_UpgradeResponseHandle *handle, int fd,
                      const void *extra, size_t extra_size, struct feed *feed)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    struct client *client = g_new0(struct client, 1);
    client->handle = handle;
    client->fd = fd;
    client->extra = g_byte_array_append(g_byte_array_new(), extra, (guint)extra_size);
    client->feed = feed;
    client->heard_us = client->pinged_us = now_us();
    if (client_begin(client) && add_client(websockets, client))
        watch_wake(websockets->api->watch);
    else
        client_free(client);
}
