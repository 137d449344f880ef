/* An MQTT broker, on a thread of its own: connected for ever, by backoff; each connection is a client of its own, so
 * that what one did not acknowledge is the queue's again and is sent by the next. A notification counts as delivered
 * when the broker has acknowledged it (PUBACK), and a broker that refuses it says so there (MQTT 5).
 *
 * libmosquitto is driven by poll, not by its own loop, which cannot watch a file descriptor beyond 1,023.
 */
#define LOG_MODULE "notify"
#include "notify/notify_internal.h"

#include "base/log.h"
#include "base/thread.h"
#include "vedette/backoff.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LOOK_MS = 1000, /* keep-alives, deadlines, standstills */
    KEEP_ALIVE_SECONDS = 30,
    STEADY_US = 10 * 1000000, /* a connection that lasted so long ends the backoff */
    FAREWELL_US = 500000,
    COMPLAINT_US = 60 * 1000000,
    PORT = 1883,
    PORT_TLS = 8883,
    FIRST_ERROR_REASON = 128, /* MQTT 5, section 2.4 */
};

struct broker {
    const struct notify_broker *settings;
    const struct notify_settings *bounds;
    struct endpoint *endpoint;
    struct vedette_breaker *breaker;
    char *name, *password, *availability; /* "mqtt:hall"; of the topic */
    pthread_t thread;
    bool is_started;
    int wake;         /* eventfd */
    gint is_stopping; /* atomic */

    /* the thread's: */
    struct mosquitto *client;
    uint32_t failures; /* in a row */
    struct random random;
    struct log_limit complaint;
    GHashTable *sent;                    /* message id → struct delivery * */
    bool is_open, is_connected, is_lost; /* the socket is connected; the broker has said that we are welcome */
    char *why;                           /* it is lost */
    int64_t moved_us;                    /* of those sent, the last was acknowledged, or the first was sent */
    int farewell_id;                     /* of the last message of all */
};

static int64_t now_us(void)
{
    return clock_monotonic_us(clock_system());
}

static void lose(struct broker *broker, const char *why)
{
    if (broker->is_lost)
        return;
    char *copy = g_strdup(why); /* perhaps of what is there */
    broker->is_lost = true;
    g_free(broker->why);
    broker->why = copy;
}

/* ---- what libmosquitto tells ---- */

static void publish_availability(struct broker *broker, enum notify_availability availability, int *id)
{
    const char *text = notify_availability_names[availability];
    mosquitto_publish(broker->client, id, broker->availability, (int)strlen(text), text, NOTIFY_QOS,
                      notify_topics[NOTIFY_TOPIC_AVAILABILITY].is_retained);
}

static void on_connected(struct mosquitto *client, void *user, int reason, int flags,
                         const mosquitto_property *properties)
{
    struct broker *broker = user;
    (void)client;
    (void)flags;
    (void)properties;
    if (reason != 0) {
        g_autofree char *why = g_strdup_printf("it refuses us: %s", broker->settings->version == MQTT_VERSION_5
                                                                        ? mosquitto_reason_string(reason)
                                                                        : mosquitto_connack_string(reason));
        lose(broker, why);
        return;
    }
    broker->is_connected = true;
}

static void on_disconnected(struct mosquitto *client, void *user, int reason, const mosquitto_property *properties)
{
    (void)client;
    (void)properties;
    lose(user, reason >= FIRST_ERROR_REASON ? mosquitto_reason_string(reason) : mosquitto_strerror(reason));
}

static void on_acknowledged(struct mosquitto *client, void *user, int id, int reason,
                            const mosquitto_property *properties)
{
    struct broker *broker = user;
    (void)client;
    (void)properties;
    struct delivery *delivery = g_hash_table_lookup(broker->sent, GINT_TO_POINTER(id));
    broker->moved_us = now_us();
    if (id == broker->farewell_id)
        broker->farewell_id = 0;
    if (!delivery)
        return;
    g_hash_table_remove(broker->sent, GINT_TO_POINTER(id));
    const struct attempt attempt = {.outcome = reason >= FIRST_ERROR_REASON ? ATTEMPT_REFUSED : ATTEMPT_DELIVERED,
                                    .why = mosquitto_reason_string(reason)};
    endpoint_settle(broker->endpoint, delivery, &attempt);
}

/* ---- a client ---- */

/* NULL for what the settings leave empty. */
static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

static int set_tls(struct mosquitto *client, const struct notify_broker *settings)
{
    const char *authority = given(settings->ca_file);
    int code = mosquitto_tls_set(client, authority, authority ? NULL : "/etc/ssl/certs",
                                 given(settings->certificate_file), given(settings->key_file), NULL);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_tls_opts_set(client, 1, "tlsv1.2", NULL);
    return code;
}

/* The will is what the broker says of us when we are gone without a word. */
static int set_up(struct broker *broker)
{
    const char *away = notify_availability_names[NOTIFY_OFFLINE];
    const struct notify_broker *settings = broker->settings;
    struct mosquitto *client = broker->client;
    int code = mosquitto_int_option(client, MOSQ_OPT_PROTOCOL_VERSION,
                                    settings->version == MQTT_VERSION_5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (code == MOSQ_ERR_SUCCESS && given(settings->username))
        code = mosquitto_username_pw_set(client, settings->username, given(broker->password));
    if (code == MOSQ_ERR_SUCCESS && settings->tls)
        code = set_tls(client, settings);
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_will_set(client, broker->availability, (int)strlen(away), away, NOTIFY_QOS,
                                  notify_topics[NOTIFY_TOPIC_AVAILABILITY].is_retained);
    mosquitto_connect_v5_callback_set(client, on_connected);
    mosquitto_disconnect_v5_callback_set(client, on_disconnected);
    mosquitto_publish_v5_callback_set(client, on_acknowledged);
    return code;
}

static int port_of(const struct notify_broker *settings)
{
    return settings->port ? settings->port : settings->tls ? PORT_TLS : PORT;
}

/* Begins to connect. False: it is lost already, and says why. */
static bool begin(struct broker *broker)
{
    const struct notify_broker *settings = broker->settings;
    g_autofree char *client_id =
        given(settings->client_id) ? g_strdup(settings->client_id) : g_strconcat("vedette-", settings->id, NULL);
    broker->is_open = broker->is_connected = broker->is_lost = false;
    broker->farewell_id = 0;
    broker->client = mosquitto_new(client_id, true, broker);
    int code = broker->client ? set_up(broker) : MOSQ_ERR_NOMEM;
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_connect_async(broker->client, settings->host, port_of(settings), KEEP_ALIVE_SECONDS);
    if (code != MOSQ_ERR_SUCCESS)
        lose(broker, code == MOSQ_ERR_ERRNO ? g_strerror(errno) : mosquitto_strerror(code));
    return !broker->is_lost;
}

/* What was sent and not acknowledged is to be sent again. */
static void finish(struct broker *broker)
{
    GHashTableIter iter;
    gpointer delivery;
    const struct attempt attempt = {.outcome = ATTEMPT_BROKEN_OFF};
    g_hash_table_iter_init(&iter, broker->sent);
    while (g_hash_table_iter_next(&iter, NULL, &delivery))
        endpoint_settle(broker->endpoint, delivery, &attempt);
    g_hash_table_remove_all(broker->sent);
    g_clear_pointer(&broker->client, mosquitto_destroy);
    broker->is_connected = false;
}

/* ---- turns of the connection ---- */

static void note_failure(struct broker *broker, int code)
{
    if (code != MOSQ_ERR_SUCCESS)
        lose(broker, code == MOSQ_ERR_ERRNO ? g_strerror(errno) : mosquitto_strerror(code));
}

/* A connection that could not be opened. */
static void check_socket(struct broker *broker, int socket)
{
    int failure = 0;
    socklen_t length = sizeof failure;
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &failure, &length);
    lose(broker, g_strerror(failure ? failure : ECONNRESET));
}

static void drain_wake(const struct broker *broker)
{
    uint64_t count;
    if (read(broker->wake, &count, sizeof count) < 0 && errno != EAGAIN)
        log_error(broker->name, "read of an eventfd: %s", g_strerror(errno));
}

/* Waits for the socket or a wake, and does what there is to do. */
static void turn(struct broker *broker, int wait_ms)
{
    int socket = mosquitto_socket(broker->client);
    bool wants_write = !broker->is_open || mosquitto_want_write(broker->client);
    struct pollfd fds[] = {{.fd = broker->wake, .events = POLLIN},
                           {.fd = socket, .events = (short)(POLLIN | (wants_write ? POLLOUT : 0))}};
    if (socket < 0) {
        lose(broker, "the connection is closed");
        return;
    }
    poll(fds, G_N_ELEMENTS(fds), wait_ms);
    if (fds[0].revents)
        drain_wake(broker);
    if (!broker->is_open && fds[1].revents & (POLLERR | POLLHUP))
        check_socket(broker, socket);
    broker->is_open = broker->is_open || fds[1].revents & POLLOUT;
    if (!broker->is_lost && fds[1].revents & (POLLIN | POLLERR | POLLHUP))
        note_failure(broker, mosquitto_loop_read(broker->client, 1));
    if (!broker->is_lost && fds[1].revents & POLLOUT)
        note_failure(broker, mosquitto_loop_write(broker->client, 1));
    if (!broker->is_lost)
        note_failure(broker, mosquitto_loop_misc(broker->client));
}

static int64_t timeout_us(const struct broker *broker)
{
    return (int64_t)(broker->bounds->timeout_seconds * G_USEC_PER_SEC);
}

/* Until the broker has said that we are welcome. */
static bool wait_until_connected(struct broker *broker)
{
    int64_t until_us = now_us() + timeout_us(broker);
    while (!broker->is_connected && !broker->is_lost && !g_atomic_int_get(&broker->is_stopping)) {
        int64_t left_us = until_us - now_us();
        if (left_us <= 0)
            lose(broker, "no answer in time (notify.timeout_seconds)");
        else
            turn(broker, (int)MIN(left_us / 1000 + 1, LOOK_MS));
    }
    return broker->is_connected;
}

/* With the trace of the try: by MQTT 5 as a user property, by 3.1.1, which has none, in the body. */
static int publish(struct broker *broker, const struct delivery *delivery, const char *topic, int *id)
{
    bool is_traced = delivery->trace.is_sampled, has_properties = broker->settings->version == MQTT_VERSION_5;
    char traceparent[TRACE_PARENT_BYTES];
    mosquitto_property *properties = NULL;
    g_autofree char *traced_body = NULL;
    if (is_traced)
        trace_context_write(&delivery->trace, traceparent);
    if (is_traced && !has_properties)
        traced_body = message_body(&delivery->message, traceparent);
    const char *body = traced_body ? traced_body : delivery->body;
    int code = is_traced && has_properties ? mosquitto_property_add_string_pair(&properties, MQTT_PROP_USER_PROPERTY,
                                                                                "traceparent", traceparent)
                                           : MOSQ_ERR_SUCCESS;
    if (code == MOSQ_ERR_SUCCESS)
        code = mosquitto_publish_v5(broker->client, id, topic, (int)strlen(body), body, NOTIFY_QOS, false, properties);
    mosquitto_property_free_all(&properties);
    return code;
}

static void send_delivery(struct broker *broker, struct delivery *delivery)
{
    int id = 0;
    enum notify_topic which = delivery->message.is_of_incident ? NOTIFY_TOPIC_INCIDENT : NOTIFY_TOPIC_SIGNAL;
    g_autofree char *topic = message_topic(broker->settings->topic_prefix, which, &delivery->message);
    int code = publish(broker, delivery, topic, &id);
    if (code == MOSQ_ERR_SUCCESS) {
        if (g_hash_table_size(broker->sent) == 0)
            broker->moved_us = now_us();
        g_hash_table_insert(broker->sent, GINT_TO_POINTER(id), delivery);
        return;
    }
    bool is_unfit = code == MOSQ_ERR_PAYLOAD_SIZE || code == MOSQ_ERR_OVERSIZE_PACKET || code == MOSQ_ERR_INVAL ||
                    code == MOSQ_ERR_MALFORMED_UTF8;
    const struct attempt attempt = {.outcome = is_unfit ? ATTEMPT_REFUSED : ATTEMPT_BROKEN_OFF,
                                    .why = mosquitto_strerror(code)};
    endpoint_settle(broker->endpoint, delivery, &attempt);
    if (!is_unfit)
        note_failure(broker, code);
}

static void serve(struct broker *broker)
{
    while (!broker->is_lost && !g_atomic_int_get(&broker->is_stopping)) {
        int64_t wait_us = INT64_MAX;
        for (struct delivery *delivery; !broker->is_lost && (delivery = endpoint_take(broker->endpoint, &wait_us));)
            send_delivery(broker, delivery);
        if (g_hash_table_size(broker->sent) && now_us() - broker->moved_us > timeout_us(broker))
            lose(broker, "it acknowledges nothing (notify.timeout_seconds)");
        if (!broker->is_lost)
            turn(broker, (int)MIN(wait_us / 1000 + 1, LOOK_MS));
    }
}

/* We go with a word: subscribers are told at once, not when the broker misses us. */
static void say_farewell(struct broker *broker)
{
    int64_t until_us = now_us() + FAREWELL_US;
    publish_availability(broker, NOTIFY_OFFLINE, &broker->farewell_id);
    while (broker->farewell_id && !broker->is_lost && now_us() < until_us)
        turn(broker, FAREWELL_US / 1000);
    mosquitto_disconnect(broker->client);
    turn(broker, 0);
}

/* One connection, from its beginning to its end. */
static void connect_once(struct broker *broker)
{
    struct vedette_permit permit;
    int64_t began_us = now_us(), retry_after_us;
    if (!vedette_breaker_acquire(broker->breaker, &permit, &retry_after_us)) {
        lose(broker, broker->why ? broker->why : "its circuit breaker is open"); /* what opened it says more */
        return;
    }
    bool is_connected = begin(broker) && wait_until_connected(broker);
    bool is_cut_short = !is_connected && g_atomic_int_get(&broker->is_stopping); /* says nothing of the broker */
    vedette_breaker_release(broker->breaker, &permit,
                            is_connected   ? VEDETTE_SUCCESS
                            : is_cut_short ? VEDETTE_IGNORED
                                           : VEDETTE_FAILURE);
    if (is_connected) {
        log_info(broker->name, "connected");
        endpoint_set_connected(broker->endpoint, true, NULL);
        publish_availability(broker, NOTIFY_ONLINE, NULL);
        serve(broker);
        if (!broker->is_lost)
            say_farewell(broker);
        endpoint_set_connected(broker->endpoint, false, broker->why);
    }
    finish(broker);
    if (is_connected && now_us() - began_us >= STEADY_US)
        broker->failures = 0;
}

/* ---- the thread ---- */

/* Waits until it is to be tried again, or is stopped. */
static void rest(struct broker *broker, int64_t us)
{
    int64_t until_us = now_us() + us, wait_us;
    while (!g_atomic_int_get(&broker->is_stopping) && now_us() < until_us) {
        struct pollfd fd = {.fd = broker->wake, .events = POLLIN};
        poll(&fd, 1, (int)MIN((until_us - now_us()) / 1000 + 1, LOOK_MS));
        if (fd.revents)
            drain_wake(broker);
        endpoint_take(broker->endpoint, &wait_us); /* gives none without a connection, and sees whether there is one */
    }
}

static void *run(void *data)
{
    struct broker *broker = data;
    const struct vedette_backoff backoff = {(int64_t)(broker->bounds->reconnect_seconds * G_USEC_PER_SEC),
                                            (int64_t)(broker->bounds->reconnect_max_seconds * G_USEC_PER_SEC)};
    gint64 held_back;
    while (!g_atomic_int_get(&broker->is_stopping)) {
        connect_once(broker);
        if (g_atomic_int_get(&broker->is_stopping))
            break;
        endpoint_set_connected(broker->endpoint, false, broker->why);
        if (log_limit_pass(&broker->complaint, COMPLAINT_US, &held_back))
            log_warning(broker->name, "not connected: %s; it is tried again for ever (%lld more)", broker->why,
                        (long long)held_back);
        rest(broker, vedette_backoff_delay_us(&backoff, broker->failures++, random_next(&broker->random)));
        broker->is_lost = false;
    }
    return NULL;
}

/* ---- its life ---- */

struct broker *broker_new(const struct notify_broker *settings, const struct notify_settings *bounds, GError **error)
{
    char *password = secret_text_read(settings->password, settings->password_file, error);
    if (!password)
        return NULL;
    password[strcspn(password, "\r\n")] = '\0';
    mosquitto_lib_init();
    const struct message ours = {.org_id = settings->org_id};
    struct broker *broker = g_new0(struct broker, 1);
    *broker = (struct broker){.settings = settings,
                              .bounds = bounds,
                              .name = g_strconcat("mqtt:", settings->id, NULL),
                              .password = password,
                              .availability = message_topic(settings->topic_prefix, NOTIFY_TOPIC_AVAILABILITY, &ours),
                              .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                              .sent = g_hash_table_new(NULL, NULL)};
    random_init_system(&broker->random);
    if (broker->wake >= 0)
        return broker;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "eventfd: %s", g_strerror(errno));
    broker_free(broker);
    return NULL;
}

bool broker_start(struct broker *broker, struct endpoint *endpoint, struct vedette_breaker *breaker, GError **error)
{
    broker->endpoint = endpoint;
    broker->breaker = breaker;
    int code = thread_start(&broker->thread, "broker", run, broker);
    broker->is_started = code == 0;
    if (code)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start its thread: %s", g_strerror(code));
    return broker->is_started;
}

void broker_wake(void *data)
{
    const struct broker *broker = data;
    const uint64_t one = 1;
    if (write(broker->wake, &one, sizeof one) < 0 && errno != EAGAIN)
        log_error(broker->name, "write to an eventfd: %s", g_strerror(errno));
}

void broker_stop(struct broker *broker)
{
    g_atomic_int_set(&broker->is_stopping, 1);
    broker_wake(broker);
}

void broker_join(struct broker *broker)
{
    if (!broker->is_started)
        return;
    broker_stop(broker);
    pthread_join(broker->thread, NULL);
    broker->is_started = false;
}

void broker_free(struct broker *broker)
{
    if (!broker)
        return;
    broker_join(broker);
    if (broker->wake >= 0)
        close(broker->wake);
    secret_text_free(broker->password);
    g_hash_table_unref(broker->sent);
    g_free(broker->availability);
    g_free(broker->name);
    g_free(broker->why);
    g_free(broker);
    mosquitto_lib_cleanup();
}
