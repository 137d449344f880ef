/* The bytes between us and a camera: connecting, TLS, reading and writing, each under a deadline and cancellable. */
#include "media/rtsp_connection_internal.h"

#include "base/networks.h"

#include <string.h>

int64_t rtsp_now_us(void)
{
    return clock_monotonic_us(clock_system());
}

void rtsp_connection_say(struct rtsp_connection *connection, const char *text)
{
    GPollableOutputStream *output = G_POLLABLE_OUTPUT_STREAM(g_io_stream_get_output_stream(connection->stream));
    g_pollable_output_stream_write_nonblocking(output, text, strlen(text), NULL, NULL);
}

void rtsp_connection_close(struct rtsp_connection *connection)
{
    g_clear_object(&connection->stream);
    g_clear_object(&connection->socket);
}

/* ---- bytes ---- */

static bool set_io_error(GError **error, const char *what, const GError *cause)
{
    enum vedette_error code = g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_CANCELLED)   ? VEDETTE_ERROR_CANCELLED
                              : g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ? VEDETTE_ERROR_TIMEOUT
                                                                                         : VEDETTE_ERROR_IO;
    g_set_error(error, VEDETTE_ERROR, code, "%s: %s", what,
                cause ? cause->message : "the camera closed the connection");
    return false;
}

static bool set_late(GError **error)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT, "no answer in time");
    return false;
}

/* Waits for the socket until the deadline. */
static bool wait_for(struct rtsp_connection *connection, GIOCondition condition, int64_t deadline_us, GError **error)
{
    g_autoptr(GError) cause = NULL;
    int64_t left_us = deadline_us - rtsp_now_us();
    if (left_us <= 0)
        return set_late(error);
    GSocket *socket = g_socket_connection_get_socket(connection->socket);
    if (g_socket_condition_timed_wait(socket, condition, left_us, connection->cancellable, &cause))
        return true;
    return g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ? set_late(error)
                                                                    : set_io_error(error, "wait for the camera", cause);
}

/* Reads what is there into the buffer's free end; waits for the first byte until the deadline. */
bool rtsp_connection_fill(struct rtsp_connection *connection, int64_t deadline_us, GError **error)
{
    if (connection->start > 0) {
        memmove(connection->buffer, connection->buffer + connection->start, connection->end - connection->start);
        connection->end -= connection->start;
        connection->start = 0;
    }
    if (connection->end == sizeof connection->buffer) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "the camera sent more than fits");
        return false;
    }
    GPollableInputStream *input = G_POLLABLE_INPUT_STREAM(g_io_stream_get_input_stream(connection->stream));
    for (;;) {
        g_autoptr(GError) cause = NULL;
        /* also while bytes keep coming: a flood must not outlive the deadline */
        if (rtsp_now_us() > deadline_us)
            return set_late(error);
        gssize got = g_pollable_input_stream_read_nonblocking(input, connection->buffer + connection->end,
                                                              sizeof connection->buffer - connection->end,
                                                              connection->cancellable, &cause);
        if (got > 0) {
            connection->end += (size_t)got;
            return true;
        }
        if (got == 0)
            return set_io_error(error, "read", NULL);
        if (!g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
            return set_io_error(error, "read", cause);
        if (!wait_for(connection, G_IO_IN, deadline_us, error))
            return false;
    }
}

bool rtsp_connection_read_head(struct rtsp_connection *connection, int max_bytes, int64_t deadline_us, size_t *length,
                               GError **error)
{
    for (;;) {
        const uint8_t *text = connection->buffer + connection->start;
        size_t have = connection->end - connection->start;
        const uint8_t *end = memmem(text, have, "\r\n\r\n", 4);
        if (end && (size_t)(end - text) <= (size_t)max_bytes) {
            *length = (size_t)(end - text) + 4;
            return true;
        }
        if (have > (size_t)max_bytes) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL,
                        "the camera's answer has more than %d bytes of headers (source.max_header_bytes)", max_bytes);
            return false;
        }
        if (!rtsp_connection_fill(connection, deadline_us, error))
            return false;
    }
}

bool rtsp_connection_send(struct rtsp_connection *connection, const char *text, int64_t deadline_us, GError **error)
{
    GPollableOutputStream *output = G_POLLABLE_OUTPUT_STREAM(g_io_stream_get_output_stream(connection->stream));
    size_t length = strlen(text);
    for (size_t sent = 0; sent < length;) {
        g_autoptr(GError) cause = NULL;
        gssize got = g_pollable_output_stream_write_nonblocking(output, text + sent, length - sent,
                                                                connection->cancellable, &cause);
        if (got > 0)
            sent += (size_t)got;
        else if (!g_error_matches(cause, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
            return set_io_error(error, "send", cause);
        else if (!wait_for(connection, G_IO_OUT, deadline_us, error))
            return false;
    }
    return true;
}

/* ---- connecting ---- */

/* One step that GIO does by itself (look-up, connection, handshake), under a deadline of ours. */
struct step {
    GMainContext *context;
    GCancellable *cancellable; /* the step's own: cancelled by the client's, or by the deadline */
    GAsyncResult *result;
    gulong forwarder;
    GCancellable *outer;
};

static void forward_cancel(GCancellable *outer, gpointer inner)
{
    (void)outer;
    g_cancellable_cancel(inner);
}

static void step_begin(struct step *step, struct rtsp_connection *connection)
{
    *step = (struct step){g_main_context_new(), g_cancellable_new(), NULL, 0, connection->cancellable};
    g_main_context_push_thread_default(step->context);
    if (step->outer)
        step->forwarder = g_cancellable_connect(step->outer, G_CALLBACK(forward_cancel), step->cancellable, NULL);
}

static void on_step_done(GObject *object, GAsyncResult *result, gpointer data)
{
    (void)object;
    ((struct step *)data)->result = g_object_ref(result);
}

static gboolean on_step_late(gpointer data)
{
    g_cancellable_cancel(data);
    return G_SOURCE_REMOVE;
}

/* Runs until the step has its result, which its finish function reads. */
static void step_wait(struct step *step, int64_t deadline_us)
{
    int64_t left_ms = MAX(0, (deadline_us - rtsp_now_us()) / 1000);
    GSource *timer = g_timeout_source_new((guint)left_ms);
    g_source_set_callback(timer, on_step_late, step->cancellable, NULL);
    g_source_attach(timer, step->context);
    while (!step->result)
        g_main_context_iteration(step->context, TRUE);
    g_source_destroy(timer);
    g_source_unref(timer);
}

/* Ends the step; whether it failed is for its caller to say. False with an error when the deadline ended it. */
static bool step_end(struct step *step, bool is_good, const char *what, const GError *cause, GError **error)
{
    bool is_late =
        !is_good && g_cancellable_is_cancelled(step->cancellable) && !g_cancellable_is_cancelled(step->outer);
    if (step->outer)
        g_cancellable_disconnect(step->outer, step->forwarder);
    while (g_main_context_iteration(step->context, FALSE)) /* what lost the race to the first connection */
        ;
    g_main_context_pop_thread_default(step->context);
    g_main_context_unref(step->context);
    g_clear_object(&step->result);
    g_object_unref(step->cancellable);
    if (is_good)
        return true;
    if (!is_late)
        return set_io_error(error, what, cause);
    set_late(error);
    g_prefix_error(error, "%s: ", what);
    return false;
}

static gboolean refuse_certificate(GTlsConnection *connection, GTlsCertificate *certificate,
                                   GTlsCertificateFlags problems, gpointer data)
{
    (void)connection;
    (void)certificate;
    *(GTlsCertificateFlags *)data = problems;
    return FALSE;
}

static const char *certificate_problem(GTlsCertificateFlags problems)
{
    static const struct {
        GTlsCertificateFlags flag;
        const char *text;
    } rows[] = {
        {G_TLS_CERTIFICATE_EXPIRED, "TLS: the camera's certificate has expired"},
        {G_TLS_CERTIFICATE_NOT_ACTIVATED, "TLS: the camera's certificate is not valid yet"},
        {G_TLS_CERTIFICATE_REVOKED, "TLS: the camera's certificate was revoked"},
        {G_TLS_CERTIFICATE_BAD_IDENTITY, "TLS: the camera's certificate is for another host name"},
        {G_TLS_CERTIFICATE_UNKNOWN_CA, "TLS: the camera's certificate is signed by nobody this machine trusts "
                                       "(source.tls_ca_file can name its authority)"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (problems & rows[i].flag)
            return rows[i].text;
    return problems ? "TLS: the camera's certificate is not acceptable" : "TLS handshake";
}

/* Those who may vouch for the camera, read anew for each connection. */
static bool take_authorities(const char *path, GIOStream *tls, GError **error)
{
    if (!path || !*path)
        return true; /* the system's */
    g_autoptr(GError) cause = NULL;
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autoptr(GTlsDatabase) authorities = g_tls_file_database_new(absolute, &cause);
    if (authorities)
        g_tls_connection_set_database(G_TLS_CONNECTION(tls), authorities);
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "TLS: source.tls_ca_file '%s': %s", path, cause->message);
    return authorities;
}

static bool start_tls(struct rtsp_connection *connection, const struct media_url *url, int64_t deadline_us,
                      GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(GSocketConnectable) identity = g_network_address_new(url->host, (guint16)url->port);
    GTlsCertificateFlags problems = 0;
    GIOStream *tls = g_tls_client_connection_new(G_IO_STREAM(connection->socket), identity, &cause);
    if (tls && !take_authorities(connection->tls_ca_file, tls, error)) {
        g_object_unref(tls);
        return false;
    }
    bool is_good = false;
    struct step step;
    step_begin(&step, connection);
    if (tls) {
        g_object_unref(connection->stream);
        connection->stream = tls;
        gulong handler = g_signal_connect(tls, "accept-certificate", G_CALLBACK(refuse_certificate), &problems);
        g_tls_connection_handshake_async(G_TLS_CONNECTION(tls), G_PRIORITY_DEFAULT, step.cancellable, on_step_done,
                                         &step);
        step_wait(&step, deadline_us);
        is_good = g_tls_connection_handshake_finish(G_TLS_CONNECTION(tls), step.result, &cause);
        g_signal_handler_disconnect(tls, handler);
    }
    return step_end(&step, is_good, tls ? certificate_problem(problems) : "TLS (is glib-networking installed?)", cause,
                    error);
}

/* What stands in the way of an address, told before anything is sent to it. */
struct refusal {
    const char *networks;
    GCancellable *cancellable;
    char *address; /* NULL: none was refused */
};

/* The host's name was looked up: this is the very address that is connected to, so that no other answer to the same
 * question can come in between. */
static void on_connecting(GSocketClient *client, GSocketClientEvent event, GSocketConnectable *connectable,
                          GIOStream *stream, gpointer data)
{
    (void)client;
    (void)connectable;
    struct refusal *refusal = data;
    if (event != G_SOCKET_CLIENT_CONNECTING)
        return;
    g_autoptr(GSocketAddress) remote = g_socket_connection_get_remote_address(G_SOCKET_CONNECTION(stream), NULL);
    GInetAddress *address =
        G_IS_INET_SOCKET_ADDRESS(remote) ? g_inet_socket_address_get_address(G_INET_SOCKET_ADDRESS(remote)) : NULL;
    if (address &&
        !network_list_has(refusal->networks, g_inet_address_to_bytes(address), g_inet_address_get_native_size(address)))
        return;
    if (!refusal->address)
        refusal->address = address ? g_inet_address_to_string(address) : g_strdup("what is no internet address");
    g_cancellable_cancel(refusal->cancellable);
}

static bool is_refused(struct refusal *refusal, GError **error)
{
    g_autofree char *address = g_steal_pointer(&refusal->address);
    if (!address)
        return false;
    g_clear_error(error);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                "connect: %s is refused: the server's settings keep cameras from being there "
                "(managed_cameras.refused_networks, source.refused_networks)",
                address);
    return true;
}

bool rtsp_connection_open(struct rtsp_connection *connection, const struct media_url *url, int timeout_ms,
                          GError **error)
{
    int64_t deadline_us = rtsp_now_us() + (int64_t)timeout_ms * 1000;
    g_autoptr(GError) cause = NULL;
    g_autoptr(GSocketClient) socket_client = g_socket_client_new();
    struct step step;
    g_socket_client_set_enable_proxy(socket_client, FALSE);
    step_begin(&step, connection);
    struct refusal refusal = {connection->refused_networks, step.cancellable, NULL};
    gulong watcher = 0;
    if (refusal.networks && *refusal.networks)
        watcher = g_signal_connect(socket_client, "event", G_CALLBACK(on_connecting), &refusal);
    g_socket_client_connect_to_host_async(socket_client, url->host, (guint16)url->port, step.cancellable, on_step_done,
                                          &step);
    step_wait(&step, deadline_us);
    connection->socket = g_socket_client_connect_to_host_finish(socket_client, step.result, &cause);
    bool is_connected = step_end(&step, connection->socket != NULL, "connect", cause, error);
    if (watcher)
        g_signal_handler_disconnect(socket_client, watcher);
    if (is_refused(&refusal, error) || !is_connected) {
        g_clear_object(&connection->socket);
        return false;
    }
    connection->stream = g_object_ref(G_IO_STREAM(connection->socket));
    bool is_plain = url->scheme == MEDIA_RTSP || url->scheme == MEDIA_HTTP;
    return is_plain || start_tls(connection, url, deadline_us, error);
}
