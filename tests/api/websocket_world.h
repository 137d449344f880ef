/* A client of /ws that speaks it byte by byte, one of the stream of server-sent events, and what there is to hear. */
#pragma once

#include "api_world.h"
#include "user_world.h"

#define WORLD_KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 section 1.3 */

/* A socket after its handshake, with which `first` (NULL: nothing) was sent; -1 and the status when it was refused. */
static inline int open_websocket_with(const struct api_world *world, const char *query, const char *headers,
                                      const GByteArray *first, int *status)
{
    int fd = world_connect(world);
    g_autofree char *text =
        g_strdup_printf("GET /ws%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: " WORLD_KEY "\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                        query, api_port(world->api), headers);
    g_autoptr(GByteArray) all = g_byte_array_append(g_byte_array_new(), (const guint8 *)text, (guint)strlen(text));
    if (first)
        g_byte_array_append(all, first->data, first->len);
    g_assert_cmpint(send(fd, all->data, all->len, MSG_NOSIGNAL), ==, (gssize)all->len);
    struct reply reply = world_read_head(fd);
    *status = reply.status;
    if (*status == 101)
        g_assert_nonnull(strstr(reply.head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    else
        world_read_body(fd, &reply);
    world_note_answer(text, &reply);
    reply_clear(&reply);
    if (*status == 101)
        return fd;
    close(fd);
    return -1;
}

static inline int open_websocket_at(const struct api_world *world, const char *query, const char *headers, int *status)
{
    return open_websocket_with(world, query, headers, NULL, status);
}

static inline int open_websocket(const struct api_world *world, const char *headers, int *status)
{
    return open_websocket_at(world, "", headers, status);
}

static inline int open_with_token(const struct api_world *world, const char *token)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", token);
    int status, fd = open_websocket(world, headers, &status);
    g_assert_cmpint(status, ==, 101);
    WORLD_AWAIT(counter_get(&world->health.websocket_clients) > 0);
    return fd;
}

static inline bool receive_exactly(int fd, void *buffer, size_t length)
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
static inline int receive_frame(int fd, GString *payload)
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

static inline void publish(const struct api_world *world, enum live_kind kind, const char *org, const char *json)
{
    live_publish(world->live, kind, org, "cam-1", json, strlen(json));
}

/* An event as the record path tells it; its payload is what tests tell events apart by. */
static inline void publish_event(const struct api_world *world, const char *id, const char *org, const char *camera)
{
    g_autofree char *json = g_strdup_printf("{\"id\":\"%s\"}", id);
    live_publish_event(world->live, org, camera, id, json, strlen(json));
}

static inline char *event_id(int number)
{
    return g_strdup_printf("01890000-0000-7000-8000-%012d", number);
}

static inline int open_at(struct api_world *world, const char *query)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", world->token);
    int status, fd = open_websocket_at(world, query, headers, &status);
    g_assert_cmpint(status, ==, 101);
    WORLD_AWAIT(counter_get(&world->health.websocket_clients) > 0);
    return fd;
}

static inline void expect(int fd, const char *text)
{
    g_autoptr(GString) message = g_string_new(NULL);
    g_assert_cmpint(receive_frame(fd, message), ==, 1);
    g_assert_cmpstr(message->str, ==, text);
}

static inline void publish_numbers(const struct api_world *world, int from, int to)
{
    for (int i = from; i <= to; i++) {
        g_autofree char *id = event_id(i), *other = event_id(1000 + i);
        publish_event(world, id, "default", "cam-1");
        publish_event(world, other, "other", "cam-other"); /* R14: nobody else hears of it */
    }
}

/* ---- server-sent events ---- */

static inline int open_stream(const struct api_world *world, const char *query, const char *headers)
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
static inline void await_text(int fd, GString *read, const char *text)
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
