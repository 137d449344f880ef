/* Asks an HTTP server the same thing over connections that stay open, as fast as it answers or at a fixed rate, or
 * listens to it over WebSockets:
 *
 *   load_http PORT CONNECTIONS SECONDS RATE FILE    FILE holds one whole request; RATE a second, 0: as fast as it goes
 *   load_http PORT CONNECTIONS SECONDS ws FILE      FILE holds the upgrade
 *
 * Prints one JSON object. At a fixed rate a request's time counts from when it was due, not from when a connection was
 * free for it: what a busy server keeps waiting is part of what its clients feel. */
#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 65536, EVENTS_AT_ONCE = 256, WEBSOCKET_TEXT = 1 };

struct connection {
    int fd;
    bool is_busy;
    int64_t due_us;   /* of the request that is under way */
    GByteArray *read; /* of the answer, or of the frame that has not all come */
    bool is_upgraded;
};

struct load {
    int port, connections, epoll;
    bool is_websocket;
    double rate; /* a second; 0: as fast as it goes */
    int64_t seconds, start_us, end_us, next_due_us;
    char *request;
    gsize request_bytes;
    struct connection *all;
    GQueue idle; /* of struct connection * */
    int64_t answers, failures, messages;
    GArray *times_us; /* of int32_t */
};

static void fail(const char *what)
{
    fprintf(stderr, "load_http: %s: %s\n", what, g_strerror(errno));
    exit(1);
}

static void open_connection(struct load *load, struct connection *connection)
{
    const struct sockaddr_in there = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)load->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd < 0 || connect(connection->fd, (const struct sockaddr *)(const void *)&there, sizeof there) != 0)
        fail("connect");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        fail("epoll_ctl");
    connection->read = g_byte_array_new();
}

/* Requests are small beside a socket's buffer, so that sending one does not wait. */
static void ask(struct load *load, struct connection *connection, int64_t due_us)
{
    connection->is_busy = true;
    connection->due_us = due_us;
    g_byte_array_set_size(connection->read, 0);
    if (send(connection->fd, load->request, load->request_bytes, MSG_NOSIGNAL) != (ssize_t)load->request_bytes)
        fail("send");
}

/* How long an answer is that has begun to come; 0: not known yet. */
static size_t answer_bytes(const GByteArray *read)
{
    const char *text = (const char *)read->data, *end = g_strstr_len(text, (gssize)read->len, "\r\n\r\n");
    if (!end)
        return 0;
    const char *length = g_strstr_len(text, end - text, "Content-Length: ");
    if (!length)
        length = g_strstr_len(text, end - text, "content-length: ");
    if (!length)
        fail("an answer without Content-Length");
    return (size_t)(end + 4 - text) + (size_t)strtoull(length + strlen("Content-Length: "), NULL, 10);
}

static void take_answer(struct load *load, struct connection *connection)
{
    size_t bytes = answer_bytes(connection->read);
    if (!bytes || connection->read->len < bytes)
        return;
    int64_t now_us = g_get_monotonic_time();
    int32_t time_us = (int32_t)MIN(now_us - connection->due_us, G_MAXINT32);
    g_array_append_val(load->times_us, time_us);
    load->answers++;
    load->failures += strncmp((const char *)connection->read->data + strlen("HTTP/1.1 "), "200", 3) != 0;
    connection->is_busy = false;
    if (load->rate > 0)
        g_queue_push_tail(&load->idle, connection);
    else if (now_us < load->end_us)
        ask(load, connection, now_us);
}

/* Servers' frames are not masked (RFC 6455 section 5.2). Returns the bytes of the whole frame; 0: it has not all come.
 */
static size_t frame_bytes(const uint8_t *data, size_t length)
{
    if (length < 2)
        return 0;
    size_t head = data[1] == 126 ? 4 : data[1] == 127 ? 10 : 2, body = data[1];
    if (length < head)
        return 0;
    if (head > 2) {
        body = 0;
        for (size_t i = 2; i < head; i++)
            body = body << 8 | data[i];
    }
    return length < head + body ? 0 : head + body;
}

static void take_frames(struct load *load, struct connection *connection)
{
    GByteArray *read = connection->read;
    if (!connection->is_upgraded) {
        const char *end = g_strstr_len((const char *)read->data, (gssize)read->len, "\r\n\r\n");
        if (!end)
            return;
        load->answers++;
        load->failures += strncmp((const char *)read->data, "HTTP/1.1 101", 12) != 0;
        connection->is_upgraded = true;
        g_byte_array_remove_range(read, 0, (guint)(end + 4 - (const char *)read->data));
    }
    size_t taken = 0;
    for (size_t size; (size = frame_bytes(read->data + taken, read->len - taken)) > 0; taken += size)
        load->messages += (read->data[taken] & 0x0f) == WEBSOCKET_TEXT;
    if (taken)
        g_byte_array_remove_range(read, 0, (guint)taken);
}

static void take(struct load *load, struct connection *connection)
{
    static uint8_t bytes[READ_BYTES];
    ssize_t count = recv(connection->fd, bytes, sizeof bytes, 0);
    if (count <= 0) {
        errno = count == 0 ? ECONNRESET : errno;
        fail("the server closed a connection");
    }
    g_byte_array_append(connection->read, bytes, (guint)count);
    if (load->is_websocket)
        take_frames(load, connection);
    else
        take_answer(load, connection);
}

static void ask_what_is_due(struct load *load, int64_t now_us)
{
    while (load->rate > 0 && load->next_due_us <= now_us && load->next_due_us < load->end_us && load->idle.length) {
        ask(load, g_queue_pop_head(&load->idle), load->next_due_us);
        load->next_due_us += (int64_t)(1e6 / load->rate);
    }
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    for (int64_t now_us; (now_us = g_get_monotonic_time()) < load->end_us;) {
        ask_what_is_due(load, now_us);
        int count = epoll_wait(load->epoll, events, EVENTS_AT_ONCE, 1);
        for (int i = 0; i < count; i++)
            take(load, events[i].data.ptr);
    }
}

static int compare_times(const void *a, const void *b)
{
    const int32_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static double quantile_ms(const GArray *times_us, double share)
{
    return times_us->len ? g_array_index(times_us, int32_t, (guint)((times_us->len - 1) * share)) / 1e3 : 0;
}

static void print(const struct load *load)
{
    double seconds = (double)(g_get_monotonic_time() - load->start_us) / 1e6;
    qsort(load->times_us->data, load->times_us->len, sizeof(int32_t), compare_times);
    printf("{\"answers\":%" G_GINT64_FORMAT ",\"failures\":%" G_GINT64_FORMAT ",\"messages\":%" G_GINT64_FORMAT
           ",\"seconds\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
           load->answers, load->failures, load->messages, seconds, quantile_ms(load->times_us, 0.5),
           quantile_ms(load->times_us, 0.99));
}

int main(int argc, char **argv)
{
    struct load load = {.times_us = g_array_new(FALSE, FALSE, sizeof(int32_t)), .idle = G_QUEUE_INIT};
    if (argc != 6 || !g_file_get_contents(argv[5], &load.request, &load.request_bytes, NULL)) {
        fputs("load_http PORT CONNECTIONS SECONDS RATE|ws FILE\n", stderr);
        return 2;
    }
    load.port = (int)strtol(argv[1], NULL, 10);
    load.connections = (int)strtol(argv[2], NULL, 10);
    load.seconds = strtol(argv[3], NULL, 10);
    load.is_websocket = strcmp(argv[4], "ws") == 0;
    load.rate = load.is_websocket ? 0 : g_ascii_strtod(argv[4], NULL);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.all = g_new0(struct connection, (gsize)load.connections);
    for (int i = 0; i < load.connections; i++)
        open_connection(&load, &load.all[i]);
    load.start_us = load.next_due_us = g_get_monotonic_time();
    load.end_us = load.start_us + load.seconds * G_USEC_PER_SEC;
    for (int i = 0; i < load.connections; i++) {
        if (load.rate > 0)
            g_queue_push_tail(&load.idle, &load.all[i]);
        else
            ask(&load, &load.all[i], load.start_us);
    }
    run(&load);
    print(&load);
    return 0;
}
