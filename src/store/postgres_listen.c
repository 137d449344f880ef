/* Hearing of changes: a connection of its own, outside the pool, that LISTENs. What was missed while it was lost is not
 * told again, so whoever listens is told once after each connect, and reads everything. */
#include "store/postgres_internal.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/random.h"
#include "base/redact.h"
#include "base/thread.h"
#include "vedette/backoff.h"

struct store_listener {
    struct store *store;
    char *place; /* the address without a login */
    void (*changed)(void *data);
    void *data;
    pthread_t thread;
    int stop; /* readable: it ends */
    /* the thread's */
    struct pg_connection connection;
    struct random random;
    uint32_t failures;
};

/* Until something comes, or it is time to end: false. A `timeout_ms` of -1: however long that is. */
static bool wait_for_news(struct store_listener *listener, int timeout_ms)
{
    struct pollfd polled[] = {
        {.fd = listener->stop, .events = POLLIN},
        {.fd = listener->connection.connection ? PQsocket(listener->connection.connection) : -1, .events = POLLIN}};
    while (poll(polled, G_N_ELEMENTS(polled), timeout_ms) < 0 && errno == EINTR)
        ;
    return polled[0].revents == 0;
}

static bool begin(struct store_listener *listener)
{
    g_autoptr(GError) error = NULL;
    struct pg_connection *connection = &listener->connection;
    if (!pg_connect(connection, &listener->store->settings, listener->place, &error))
        return false;
    if (pg_execute(connection, "LISTEN " STORE_POLICIES_CHANNEL, &error)) {
        counter_add(&listener->store->health->policy_listener_starts, 1);
        listener->failures = 0;
        return true;
    }
    pg_disconnect(connection);
    return false;
}

/* How many notices came; -1: the connection is lost. */
static int64_t read_notices(struct store_listener *listener)
{
    PGconn *connection = listener->connection.connection;
    int64_t count = 0;
    bool is_good = PQconsumeInput(connection) && PQstatus(connection) == CONNECTION_OK;
    for (PGnotify *notice; (notice = PQnotifies(connection)); PQfreemem(notice))
        count++;
    counter_add(&listener->store->health->policy_notices, count);
    return is_good ? count : -1;
}

/* While the connection holds. Notices that came together are one word to whoever listens. False: it is time to end. */
static bool hear(struct store_listener *listener)
{
    int64_t count = 1; /* what was changed before it listened */
    while (count >= 0) {
        if (count > 0)
            listener->changed(listener->data);
        if (!wait_for_news(listener, -1))
            return false;
        count = read_notices(listener);
    }
    pg_disconnect(&listener->connection);
    return true;
}

static void *listen_on(void *data)
{
    struct store_listener *listener = data;
    const struct vedette_backoff backoff = {listener->store->settings.retry_delay_ms * INT64_C(1000),
                                            listener->store->settings.retry_delay_max_ms * INT64_C(1000)};
    bool is_going = true;
    while (is_going) {
        if (begin(listener)) {
            is_going = hear(listener);
            continue;
        }
        int64_t rest_us = vedette_backoff_delay_us(&backoff, listener->failures++, random_next(&listener->random));
        is_going = wait_for_news(listener, (int)(rest_us / 1000) + 1);
    }
    if (listener->connection.connection)
        pg_disconnect(&listener->connection);
    return NULL;
}

struct store_listener *store_listen_policies(struct store *store, void (*changed)(void *data), void *data,
                                             GError **error)
{
    struct store_listener *listener = g_new0(struct store_listener, 1);
    *listener = (struct store_listener){.store = store, .changed = changed, .data = data, .stop = -1};
    if (store->engine != &store_postgres)
        return listener; /* nobody else writes to an embedded store */
    random_init_system(&listener->random);
    listener->place = redact_address(store->settings.url);
    listener->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int failure = listener->stop < 0 ? errno : thread_start(&listener->thread, "store listener", listen_on, listener);
    if (failure == 0)
        return listener;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to listen for changes of policies: %s",
                g_strerror(failure));
    if (listener->stop >= 0)
        close(listener->stop);
    g_free(listener->place);
    g_free(listener);
    return NULL;
}

void store_listener_free(struct store_listener *listener)
{
    static const uint64_t one = 1;
    if (!listener)
        return;
    if (listener->stop >= 0) {
        while (write(listener->stop, &one, sizeof one) < 0 && errno == EINTR)
            ;
        pthread_join(listener->thread, NULL);
        close(listener->stop);
    }
    g_free(listener->place);
    g_free(listener);
}
