#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api_internal.h"
#include "base/counter.h"
#include "base/thread.h"

enum {
    WAITERS_MAX = 256,   /* requests that wait for a preview at once */
    WAITER_TICK_MS = 40, /* how often those are asked again: about one preview's time */
    DEADLINE_TICK_MS = 250,
    EVENTS_AT_ONCE = 64,
};

struct watched_connection {
    int fd;
    int64_t deadline_us;
    bool is_upgraded, is_cut;
    GList link;
};

/* A suspended request, to be asked again. */
struct waiter {
    struct MHD_Connection *connection;
    int64_t due_us;
};

struct watch {
    struct api *api;
    int epoll_fd, event_fd;
    pthread_t thread;
    pthread_mutex_t lock;
    GQueue connections; /* lock; of struct watched_connection * */
    GArray *waiters;    /* lock; of struct waiter */
    bool is_stopping;   /* lock */
    int held;           /* lock */
    pthread_cond_t released;
    bool is_hurried; /* atomic: waiters are asked again at once */
};

static int64_t now_us(void)
{
    return clock_monotonic_us(clock_system());
}

void watch_wake(struct watch *watch)
{
    const uint64_t one = 1;
    /* It only fails when it would be woken anyway. */
    (void)!write(watch->event_fd, &one, sizeof one);
}

static int64_t deadline_of(const struct watch *watch, enum watch_phase phase)
{
    const struct http_settings *http = &watch->api->settings->http;
    if (phase == WATCH_HANDLING)
        return INT64_MAX;
    int32_t seconds = phase == WATCH_READING ? http->request_timeout_seconds : http->answer_timeout_seconds;
    return now_us() + seconds * INT64_C(1000000);
}

struct watched_connection *watch_connection(struct watch *watch, int fd)
{
    struct watched_connection *connection = g_new0(struct watched_connection, 1);
    connection->fd = fd;
    connection->link.data = connection;
    connection->deadline_us = deadline_of(watch, WATCH_READING);
    pthread_mutex_lock(&watch->lock);
    bool is_first = watch->connections.length == 0;
    g_queue_push_tail_link(&watch->connections, &connection->link);
    pthread_mutex_unlock(&watch->lock);
    if (is_first)
        watch_wake(watch);
    return connection;
}

void watch_begin(struct watch *watch, struct watched_connection *connection, enum watch_phase phase)
{
    if (!connection)
        return;
    pthread_mutex_lock(&watch->lock);
    connection->deadline_us = deadline_of(watch, phase);
    pthread_mutex_unlock(&watch->lock);
}

void watch_upgraded(struct watch *watch, struct watched_connection *connection)
{
    if (!connection)
        return;
    pthread_mutex_lock(&watch->lock);
    connection->is_upgraded = true;
    pthread_mutex_unlock(&watch->lock);
}

void watch_forget(struct watch *watch, struct watched_connection *connection)
{
    pthread_mutex_lock(&watch->lock);
    g_queue_unlink(&watch->connections, &connection->link);
    pthread_mutex_unlock(&watch->lock);
    g_free(connection);
}

bool watch_suspend(struct watch *watch, struct MHD_Connection *connection)
{
    pthread_mutex_lock(&watch->lock);
    bool is_taken = !watch->is_stopping && watch->waiters->len < WAITERS_MAX;
    if (is_taken) {
        const struct waiter waiter = {connection, now_us() + WAITER_TICK_MS * INT64_C(1000)};
        MHD_suspend_connection(connection);
        g_array_append_val(watch->waiters, waiter);
    }
    bool is_first = is_taken && watch->waiters->len == 1;
    pthread_mutex_unlock(&watch->lock);
    if (is_first)
        watch_wake(watch);
    return is_taken;
}

bool watch_hold(struct watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    bool is_held = !watch->is_stopping;
    watch->held += is_held;
    pthread_mutex_unlock(&watch->lock);
    return is_held;
}

void watch_release(struct watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    if (--watch->held == 0)
        pthread_cond_broadcast(&watch->released);
    pthread_mutex_unlock(&watch->lock);
}

void watch_hurry(struct watch *watch)
{
    __atomic_store_n(&watch->is_hurried, true, __ATOMIC_RELEASE);
    watch_wake(watch);
}

/* The socket is only shut, which the library notices; closing it is the library's. */
static void cut_late(struct watch *watch)
{
    int64_t now = now_us();
    for (GList *link = watch->connections.head; link; link = link->next) {
        struct watched_connection *connection = link->data;
        if (connection->is_upgraded || connection->is_cut || connection->deadline_us > now)
            continue;
        connection->is_cut = true;
        counter_add(&watch->api->health->http_rejected, 1);
        shutdown(connection->fd, SHUT_RDWR);
    }
}

static void resume_due(struct watch *watch, bool is_all)
{
    int64_t now = now_us();
    for (guint i = watch->waiters->len; i-- > 0;) {
        const struct waiter *waiter = &g_array_index(watch->waiters, struct waiter, i);
        if (!is_all && waiter->due_us > now)
            continue;
        MHD_resume_connection(waiter->connection);
        g_array_remove_index_fast(watch->waiters, i);
    }
}

/* Of two rests, of which -1 is for ever. */
static int sooner(int a_ms, int b_ms)
{
    return a_ms < 0 || b_ms < 0 ? MAX(a_ms, b_ms) : MIN(a_ms, b_ms);
}

/* Does what is due; returns how long to rest. */
static int tend(struct watch *watch, bool *is_stopping)
{
    pthread_mutex_lock(&watch->lock);
    *is_stopping = watch->is_stopping;
    resume_due(watch, watch->is_stopping || __atomic_exchange_n(&watch->is_hurried, false, __ATOMIC_ACQ_REL));
    bool has_waiters = watch->waiters->len > 0;
    cut_late(watch);
    bool has_connections = watch->connections.length > 0;
    pthread_mutex_unlock(&watch->lock);
    int own_ms = has_waiters ? WAITER_TICK_MS : has_connections ? DEADLINE_TICK_MS : -1;
    return sooner(own_ms,
                  sooner(websockets_tend(watch->api->websockets), event_streams_tend(watch->api->event_streams)));
}

static void *run(void *data)
{
    struct watch *watch = data;
    struct epoll_event events[EVENTS_AT_ONCE];
    bool is_stopping = false;
    int rest_ms = -1;
    while (!is_stopping) {
        int count = epoll_wait(watch->epoll_fd, events, EVENTS_AT_ONCE, rest_ms);
        for (int i = 0; i < count; i++) {
            uint64_t woken;
            if (events[i].data.ptr)
                websockets_event(watch->api->websockets, events[i].data.ptr, events[i].events);
            else
                (void)!read(watch->event_fd, &woken, sizeof woken);
        }
        rest_ms = tend(watch, &is_stopping);
    }
    websockets_close_all(watch->api->websockets);
    return NULL;
}

struct watch *watch_start(struct api *api, GError **error)
{
    struct watch *watch = g_new0(struct watch, 1);
    watch->api = api;
    watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&watch->lock, NULL);
    pthread_cond_init(&watch->released, NULL);
    g_queue_init(&watch->connections);
    watch->waiters = g_array_new(FALSE, FALSE, sizeof(struct waiter));
    api->websockets = websockets_new(api, watch->epoll_fd);
    api->event_streams = event_streams_new(api);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int code = watch->epoll_fd < 0 || watch->event_fd < 0 ||
                       epoll_ctl(watch->epoll_fd, EPOLL_CTL_ADD, watch->event_fd, &event) != 0
                   ? errno
                   : thread_start(&watch->thread, "watch", run, watch);
    if (code == 0)
        return watch;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start the watch thread: %s", g_strerror(code));
    watch_free(watch);
    return NULL;
}

void watch_stop(struct watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->is_stopping = true;
    pthread_mutex_unlock(&watch->lock);
    watch_wake(watch);
    pthread_join(watch->thread, NULL);
    pthread_mutex_lock(&watch->lock);
    while (watch->held)
        pthread_cond_wait(&watch->released, &watch->lock);
    pthread_mutex_unlock(&watch->lock);
}

void watch_free(struct watch *watch)
{
    websockets_free(watch->api->websockets);
    event_streams_free(watch->api->event_streams);
    if (watch->epoll_fd >= 0)
        close(watch->epoll_fd);
    if (watch->event_fd >= 0)
        close(watch->event_fd);
    g_array_unref(watch->waiters);
    pthread_cond_destroy(&watch->released);
    pthread_mutex_destroy(&watch->lock);
    g_free(watch);
}
