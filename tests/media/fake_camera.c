#include "media/fake_camera.h"

#include <arpa/inet.h>
#include <glib.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FAKE_POLL_MS = 20, FAKE_REQUEST_BYTES = 8192 };

struct fake_camera {
    fake_behaviour behaviour;
    int listener, port, decoy, decoy_port;
    pthread_t thread;
    bool is_stopping; /* atomic */
    int connections;  /* atomic */
    pthread_mutex_t lock;
    GHashTable *requests; /* method → count; guarded by lock */
};

const char fake_sdp[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
                        "a=rtpmap:96 H264/90000\r\na=control:track\r\n";

static int listen_anywhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(listener, 8), ==, 0);
    g_assert_cmpint(getsockname(listener, (struct sockaddr *)&address, &length), ==, 0);
    *port = ntohs(address.sin_port);
    return listener;
}

bool fake_is_stopping(const struct fake_camera *camera)
{
    return __atomic_load_n(&camera->is_stopping, __ATOMIC_ACQUIRE);
}

static bool wait_readable(const struct fake_camera *camera, int socket)
{
    struct pollfd poll_fd = {.fd = socket, .events = POLLIN};
    while (!fake_is_stopping(camera))
        if (poll(&poll_fd, 1, FAKE_POLL_MS) > 0)
            return true;
    return false;
}

static void note_request(struct fake_camera *camera, const char *method)
{
    pthread_mutex_lock(&camera->lock);
    int count = GPOINTER_TO_INT(g_hash_table_lookup(camera->requests, method));
    g_hash_table_replace(camera->requests, g_strdup(method), GINT_TO_POINTER(count + 1));
    pthread_mutex_unlock(&camera->lock);
}

static bool handle(struct fake_camera *camera, int socket, const char *text, int number)
{
    char method[32] = "";
    const char *sequence = strstr(text, "CSeq: ");
    sscanf(text, "%31s", method);
    note_request(camera, method);
    struct fake_request request = {camera, socket, method, text, 0, number};
    if (sequence)
        sscanf(sequence, "CSeq: %d", &request.sequence);
    return camera->behaviour(&request);
}

static void serve(struct fake_camera *camera, int socket)
{
    char text[FAKE_REQUEST_BYTES];
    size_t length = 0;
    for (int number = 0; wait_readable(camera, socket);) {
        ssize_t got = recv(socket, text + length, sizeof text - 1 - length, 0);
        if (got <= 0)
            return;
        length += (size_t)got;
        text[length] = '\0';
        for (char *end; (end = strstr(text, "\r\n\r\n"));) {
            end += strlen("\r\n\r\n");
            g_autofree char *request = g_strndup(text, (gsize)(end - text));
            length -= (size_t)(end - text);
            memmove(text, end, length + 1);
            if (!handle(camera, socket, request, number++))
                return;
        }
    }
}

static void *run(void *data)
{
    struct fake_camera *camera = data;
    while (wait_readable(camera, camera->listener)) {
        int socket = accept4(camera->listener, NULL, NULL, SOCK_CLOEXEC);
        __atomic_fetch_add(&camera->connections, 1, __ATOMIC_RELAXED);
        serve(camera, socket);
        close(socket);
    }
    return NULL;
}

struct fake_camera *fake_camera_start(fake_behaviour behaviour)
{
    struct fake_camera *camera = g_new0(struct fake_camera, 1);
    camera->behaviour = behaviour;
    camera->listener = listen_anywhere(&camera->port);
    camera->decoy = listen_anywhere(&camera->decoy_port);
    camera->requests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    pthread_mutex_init(&camera->lock, NULL);
    pthread_create(&camera->thread, NULL, run, camera);
    return camera;
}

int fake_camera_port(const struct fake_camera *camera)
{
    return camera->port;
}

int fake_camera_connections(const struct fake_camera *camera)
{
    return __atomic_load_n(&camera->connections, __ATOMIC_RELAXED);
}

int fake_camera_requests(struct fake_camera *camera, const char *method)
{
    pthread_mutex_lock(&camera->lock);
    int count = GPOINTER_TO_INT(g_hash_table_lookup(camera->requests, method));
    pthread_mutex_unlock(&camera->lock);
    return count;
}

int fake_camera_decoy_port(const struct fake_camera *camera)
{
    return camera->decoy_port;
}

int fake_camera_decoy_connections(struct fake_camera *camera)
{
    int count = 0;
    struct pollfd poll_fd = {.fd = camera->decoy, .events = POLLIN};
    while (poll(&poll_fd, 1, 0) > 0) {
        close(accept4(camera->decoy, NULL, NULL, SOCK_CLOEXEC));
        count++;
    }
    return count;
}

void fake_camera_stop(struct fake_camera *camera)
{
    __atomic_store_n(&camera->is_stopping, true, __ATOMIC_RELEASE);
    pthread_join(camera->thread, NULL);
    close(camera->listener);
    close(camera->decoy);
    g_hash_table_unref(camera->requests);
    pthread_mutex_destroy(&camera->lock);
    g_free(camera);
}

bool fake_send(const struct fake_request *request, const void *bytes, int length)
{
    const char *text = bytes;
    struct pollfd poll_fd = {.fd = request->socket, .events = POLLOUT};
    for (int sent = 0; sent < length && !fake_is_stopping(request->camera);) {
        if (poll(&poll_fd, 1, FAKE_POLL_MS) == 0)
            continue;
        ssize_t got = send(request->socket, text + sent, (size_t)(length - sent), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (got < 0)
            return false;
        sent += (int)got;
    }
    return !fake_is_stopping(request->camera);
}

bool fake_answer(const struct fake_request *request, const char *status, const char *headers, const char *body)
{
    g_autofree char *length = *body ? g_strdup_printf("Content-Length: %zu\r\n", strlen(body)) : g_strdup("");
    g_autofree char *text =
        g_strdup_printf("RTSP/1.0 %s\r\nCSeq: %d\r\n%s%s\r\n%s", status, request->sequence, headers, length, body);
    return fake_send(request, text, (int)strlen(text));
}

bool fake_answer_honestly(const struct fake_request *request, const char *sdp)
{
    if (strcmp(request->method, "DESCRIBE") == 0)
        return fake_answer(request, "200 OK", "Content-Type: application/sdp\r\n", sdp);
    if (strcmp(request->method, "SETUP") == 0)
        return fake_answer(request, "200 OK",
                           "Session: 7;timeout=2\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", "");
    return fake_answer(request, "200 OK", "Session: 7\r\n", "");
}
