/* WebSockets: one thread carries all of them with libwslay. Publishers only queue. Each client's queue is bounded in
 * bytes: the oldest track updates make room; an event always finds room or ends the client, so that a page never shows
 * a list with holes it does not know of. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <wslay/wslay.h>

#define LOG_MODULE "api"
#include "api/api_internal.h"
#include "base/counter.h"
#include "base/log.h"

enum {
    CLIENT_MESSAGE_MAX_BYTES = 4096, /* pages have nothing to say */
    PING_INTERVAL_US = 20000000,
    SILENCE_MAX_US = 60000000,
    LOGIN_INTERVAL_US = 2000000, /* a login that ended is noticed within this */
    CLOSE_WAIT_US = 2000000,     /* for the client's own close frame */
    TICK_MS = 500,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_POLICY = 1008,
    CLOSE_TRY_LATER = 1013,
};

/* One message for all clients. Its references are counted here, where the thread sanitizer can see it. */
struct message {
    int references; /* atomic */
    enum live_kind kind;
    size_t size;
    uint8_t json[];
};

struct client {
    /* the watch thread's own */
    struct MHD_UpgradeResponseHandle *handle;
    int fd;
    wslay_event_context_ptr wslay;
    GByteArray *extra; /* read before the upgrade, to be taken first */
    struct login login;
    int64_t heard_us, pinged_us, checked_us;
    int64_t closing_us; /* when the close frame was queued; 0: open */
    bool is_dead, is_watching_output;
    /* websockets.lock */
    GQueue queue; /* of struct message *, oldest first */
    size_t queued_bytes;
    unsigned close_code; /* asked for; 0: stay */
};

struct websockets {
    struct api *api;
    int epoll_fd;
    unsigned subscription;
    pthread_mutex_t lock;
    GPtrArray *clients; /* changed under the lock, by the watch thread and websocket_accept */
    bool is_closed;     /* lock */
};

static int64_t now_us(void)
{
    return clock_monotonic_us(clock_system());
}

static struct message *message_new(enum live_kind kind, GBytes *json)
{
    gsize size;
    const void *data = g_bytes_get_data(json, &size);
    struct message *message = g_malloc(sizeof *message + size);
    message->references = 1;
    message->kind = kind;
    message->size = size;
    memcpy(message->json, data, size);
    return message;
}

static struct message *message_ref(struct message *message)
{
    __atomic_add_fetch(&message->references, 1, __ATOMIC_RELAXED);
    return message;
}

static void message_unref(struct message *message)
{
    if (__atomic_sub_fetch(&message->references, 1, __ATOMIC_ACQ_REL) == 0)
        g_free(message);
}

/* ---- queueing, on the publisher's thread ---- */

static void drop_oldest_tracks(struct websockets *websockets, struct client *client, size_t needed, size_t limit)
{
    GList *link = client->queue.head;
    while (link && client->queued_bytes + needed > limit) {
        GList *next = link->next;
        struct message *message = link->data;
        if (message->kind != LIVE_EVENT) {
            client->queued_bytes -= message->size;
            counter_add(&websockets->api->health->websocket_dropped, 1);
            g_queue_delete_link(&client->queue, link);
            message_unref(message);
        }
        link = next;
    }
}

static void enqueue(struct websockets *websockets, struct client *client, struct message *message)
{
    size_t limit = (size_t)websockets->api->settings->http.websocket_queue_bytes;
    drop_oldest_tracks(websockets, client, message->size, limit);
    if (client->queued_bytes + message->size <= limit) {
        g_queue_push_tail(&client->queue, message_ref(message));
        client->queued_bytes += message->size;
    } else if (message->kind == LIVE_EVENT) {
        client->close_code = CLOSE_TRY_LATER;
    } else {
        counter_add(&websockets->api->health->websocket_dropped, 1);
    }
}

static void receive(void *data, enum live_kind kind, const char *org_id, const char *camera_id, GBytes *json)
{
    (void)camera_id;
    struct websockets *websockets = data;
    struct message *message = NULL;
    pthread_mutex_lock(&websockets->lock);
    for (guint i = 0; i < websockets->clients->len; i++) {
        struct client *client = g_ptr_array_index(websockets->clients, i);
        if (client->close_code || g_strcmp0(client->login.user->org_id, org_id) != 0)
            continue;
        if (!message)
            message = message_new(kind, json);
        enqueue(websockets, client, message);
    }
    pthread_mutex_unlock(&websockets->lock);
    if (!message)
        return;
    message_unref(message);
    watch_wake(websockets->api->watch);
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
    ssize_t count = recv(client->fd, buffer, length, MSG_DONTWAIT);
    if (count > 0) {
        client->heard_us = now_us();
        return count;
    }
    bool is_empty = count < 0 && (errno == EAGAIN || errno == EINTR);
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

static const struct wslay_event_callbacks callbacks = {.recv_callback = on_receive, .send_callback = on_send};

/* ---- a client's life, on the watch thread ---- */

static void client_free(struct client *client)
{
    struct message *message;
    while ((message = g_queue_pop_head(&client->queue)))
        message_unref(message);
    if (client->wslay)
        wslay_event_context_free(client->wslay);
    g_byte_array_unref(client->extra);
    login_clear(&client->login);
    MHD_upgrade_action(client->handle, MHD_UPGRADE_ACTION_CLOSE);
    g_free(client);
}

/* Hands wslay the next message once it is done with the one before, so that what waits can still be shed. */
static bool hand_over_next(struct websockets *websockets, struct client *client)
{
    pthread_mutex_lock(&websockets->lock);
    struct message *message = client->close_code ? NULL : g_queue_pop_head(&client->queue);
    if (message)
        client->queued_bytes -= message->size;
    pthread_mutex_unlock(&websockets->lock);
    if (!message)
        return false;
    const struct wslay_event_msg text = {WSLAY_TEXT_FRAME, message->json, message->size};
    client->is_dead |= wslay_event_queue_msg(client->wslay, &text) != 0; /* copies it */
    message_unref(message);
    return !client->is_dead;
}

static void send_what_goes(struct websockets *websockets, struct client *client)
{
    do {
        if (wslay_event_want_write(client->wslay) && wslay_event_send(client->wslay) != 0)
            client->is_dead = true;
    } while (!client->is_dead && !wslay_event_want_write(client->wslay) && !client->closing_us &&
             hand_over_next(websockets, client));
    bool needs_output = !client->is_dead && wslay_event_want_write(client->wslay);
    if (needs_output == client->is_watching_output)
        return;
    client->is_watching_output = needs_output;
    struct epoll_event event = {.events = EPOLLIN | (needs_output ? EPOLLOUT : 0), .data.ptr = client};
    epoll_ctl(websockets->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

static void begin_close(struct client *client, unsigned code, const char *reason)
{
    if (client->closing_us)
        return;
    client->closing_us = now_us();
    wslay_event_queue_close(client->wslay, (uint16_t)code, (const uint8_t *)reason, strlen(reason));
}

static void close_as_asked(struct websockets *websockets, struct client *client)
{
    pthread_mutex_lock(&websockets->lock);
    unsigned code = client->close_code;
    pthread_mutex_unlock(&websockets->lock);
    if (code)
        begin_close(client, code, "too slow for the events: connect again");
}

static void check_login(struct websockets *websockets, struct client *client, int64_t now)
{
    if (now - client->checked_us < LOGIN_INTERVAL_US)
        return;
    client->checked_us = now;
    struct login login;
    g_autoptr(GError) error = NULL;
    const char *org_id = client->login.user->org_id;
    if (auth_check_login(websockets->api->auth, org_id, client->login.token_sha256, &login, &error))
        login_clear(&login);
    else if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION))
        begin_close(client, CLOSE_POLICY, "the login is over");
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

static void tend_client(struct websockets *websockets, struct client *client, int64_t now)
{
    close_as_asked(websockets, client);
    if (!client->closing_us) {
        check_login(websockets, client, now);
        keep_alive(client, now);
    }
    if (!client->is_dead)
        send_what_goes(websockets, client);
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
    live_unsubscribe(websockets->api->live, websockets->subscription);
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

size_t websockets_count(struct websockets *websockets)
{
    pthread_mutex_lock(&websockets->lock);
    size_t count = websockets->clients->len;
    pthread_mutex_unlock(&websockets->lock);
    return count;
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

void websockets_listen(struct websockets *websockets)
{
    websockets->subscription = live_subscribe(websockets->api->live, receive, websockets);
}

void websockets_free(struct websockets *websockets)
{
    g_ptr_array_unref(websockets->clients);
    pthread_mutex_destroy(&websockets->lock);
    g_free(websockets);
}

void websocket_accept(struct websockets *websockets, struct MHD_UpgradeResponseHandle *handle, int fd,
                      const void *extra, size_t extra_size, const struct login *login)
{
    const int on = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct client *client = g_new0(struct client, 1);
    client->handle = handle;
    client->fd = fd;
    client->extra = g_byte_array_append(g_byte_array_new(), extra, (guint)extra_size);
    client->login.user = g_new(struct user, 1);
    record_copy(&user_descriptor, login->user, client->login.user);
    client->login.token_sha256 = g_strdup(login->token_sha256);
    client->heard_us = client->pinged_us = client->checked_us = now_us();
    g_queue_init(&client->queue);
    bool is_good = wslay_event_context_server_init(&client->wslay, &callbacks, client) == 0;
    if (is_good)
        wslay_event_config_set_max_recv_msg_length(client->wslay, CLIENT_MESSAGE_MAX_BYTES);
    pthread_mutex_lock(&websockets->lock);
    is_good = is_good && !websockets->is_closed;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    is_good = is_good && epoll_ctl(websockets->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
    if (is_good)
        g_ptr_array_add(websockets->clients, client);
    counter_set(&websockets->api->health->websocket_clients, websockets->clients->len);
    pthread_mutex_unlock(&websockets->lock);
    if (!is_good)
        client_free(client);
    else
        watch_wake(websockets->api->watch);
}
