#include "link/link.h"
#include "base/thread.h"
#include "base/wait.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* On the wire: length of the body, u32 little endian; type, u8; the body. */
enum { HEADER_BYTES = 5, READ_BYTES = 1 << 16, PARTS_HEADER_BYTES = 12 };

struct link {
    int fd;
    size_t max_queue_bytes; /* immutable */

    /* owned by the receiving thread */
    GByteArray *received;
    size_t consumed; /* bytes at the start of `received` that earlier messages took */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    GQueue queue; /* of GByteArray * */
    size_t queued_bytes;
    bool is_closing, is_gone;
    pthread_t sender;
    bool has_sender; /* started with the first message */
};

/* ---- sending ---- */

static bool write_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        data += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void *sender_main(void *data)
{
    struct link *link = data;
    pthread_mutex_lock(&link->lock);
    for (;;) {
        while (g_queue_is_empty(&link->queue) && !link->is_closing)
            pthread_cond_wait(&link->changed, &link->lock);
        if (g_queue_is_empty(&link->queue) || link->is_gone)
            break;
        GByteArray *message = g_queue_peek_head(&link->queue);
        pthread_mutex_unlock(&link->lock);
        bool is_good = write_all(link->fd, message->data, message->len);
        pthread_mutex_lock(&link->lock);
        link->queued_bytes -= message->len;
        link->is_gone = link->is_gone || !is_good;
        g_byte_array_unref(g_queue_pop_head(&link->queue));
        pthread_cond_broadcast(&link->changed);
    }
    pthread_mutex_unlock(&link->lock);
    return NULL;
}

struct link *link_new(int fd, size_t max_queue_bytes)
{
    struct link *link = g_new0(struct link, 1);
    link->fd = fd;
    link->max_queue_bytes = max_queue_bytes;
    link->received = g_byte_array_new();
    pthread_mutex_init(&link->lock, NULL);
    wait_condition_init(&link->changed);
    g_queue_init(&link->queue);
    return link;
}

void link_free(struct link *link)
{
    if (!link)
        return;
    pthread_mutex_lock(&link->lock);
    link->is_closing = true;
    link->is_gone = true;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
    shutdown(link->fd, SHUT_RDWR); /* ends a write that waits for the peer */
    if (link->has_sender)
        pthread_join(link->sender, NULL);
    g_queue_clear_full(&link->queue, (GDestroyNotify)g_byte_array_unref);
    g_byte_array_unref(link->received);
    pthread_cond_destroy(&link->changed);
    pthread_mutex_destroy(&link->lock);
    close(link->fd);
    g_free(link);
}

static GByteArray *message_new(enum link_type type, const void *body, size_t length)
{
    GByteArray *message = g_byte_array_sized_new((guint)(HEADER_BYTES + length));
    const uint8_t header[HEADER_BYTES] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16),
                                          (uint8_t)(length >> 24), (uint8_t)type};
    g_byte_array_append(message, header, sizeof header);
    if (length > 0)
        g_byte_array_append(message, body, (guint)length);
    return message;
}

/* With the lock held. On success the queue owns the message. */
static bool enqueue(struct link *link, GByteArray *message, GError **error)
{
    if (link->is_gone) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "link: the other side is gone");
        return false;
    }
    if (link->queued_bytes + message->len > link->max_queue_bytes) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "link: %zu bytes wait to be sent, %zu are allowed",
                    link->queued_bytes, link->max_queue_bytes);
        return false;
    }
    int failure = link->has_sender ? 0 : thread_start(&link->sender, "link sender", sender_main, link);
    if (failure) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "link: no thread to send: %s", g_strerror(failure));
        return false;
    }
    link->has_sender = true;
    g_queue_push_tail(&link->queue, message);
    link->queued_bytes += message->len;
    pthread_cond_broadcast(&link->changed);
    return true;
}

bool link_send(struct link *link, enum link_type type, const void *body, size_t length, GError **error)
{
    if (length > LINK_MAX_BODY_BYTES) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "link: a message of %zu bytes; at most %d are sent",
                    length, LINK_MAX_BODY_BYTES);
        return false;
    }
    GByteArray *message = message_new(type, body, length);
    pthread_mutex_lock(&link->lock);
    bool is_queued = enqueue(link, message, error);
    pthread_mutex_unlock(&link->lock);
    if (!is_queued)
        g_byte_array_unref(message);
    return is_queued;
}

bool link_send_parts(struct link *link, enum link_type type, const struct link_parts *parts, GError **error)
{
    uint64_t number = GUINT64_TO_LE(parts->number);
    uint32_t text_length = GUINT32_TO_LE((uint32_t)parts->text_length);
    g_autoptr(GByteArray) body =
        g_byte_array_sized_new((guint)(PARTS_HEADER_BYTES + parts->text_length + parts->byte_count));
    g_byte_array_append(body, (const guint8 *)&number, sizeof number);
    g_byte_array_append(body, (const guint8 *)&text_length, sizeof text_length);
    g_byte_array_append(body, (const guint8 *)parts->text, (guint)parts->text_length);
    if (parts->byte_count)
        g_byte_array_append(body, parts->bytes, (guint)parts->byte_count);
    return link_send(link, type, body->data, body->len, error);
}

bool link_flush(struct link *link, int timeout_ms)
{
    const struct timespec until = wait_deadline_after((int64_t)timeout_ms * 1000);
    pthread_mutex_lock(&link->lock);
    int waited = 0;
    while (!g_queue_is_empty(&link->queue) && !link->is_gone && waited == 0)
        waited = pthread_cond_timedwait(&link->changed, &link->lock, &until);
    bool is_empty = g_queue_is_empty(&link->queue);
    pthread_mutex_unlock(&link->lock);
    return is_empty;
}

int link_fd(const struct link *link)
{
    return link->fd;
}

/* ---- receiving ---- */

enum link_parsed link_parse(const uint8_t *data, size_t available, enum link_type *type, size_t *body_length)
{
    if (available < HEADER_BYTES)
        return LINK_PARSED_PARTIAL;
    size_t length = data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 | (size_t)data[3] << 24;
    if (length > LINK_MAX_BODY_BYTES || data[4] < LINK_HELLO || data[4] > LINK_TYPE_LAST)
        return LINK_PARSED_BROKEN;
    *type = (enum link_type)data[4];
    *body_length = length;
    return available < HEADER_BYTES + length ? LINK_PARSED_PARTIAL : LINK_PARSED_WHOLE;
}

bool link_parts_read(const void *body, size_t length, struct link_parts *parts)
{
    const uint8_t *bytes = body;
    uint64_t number;
    uint32_t text_length;
    if (length < PARTS_HEADER_BYTES)
        return false;
    memcpy(&number, bytes, sizeof number);
    memcpy(&text_length, bytes + sizeof number, sizeof text_length);
    text_length = GUINT32_FROM_LE(text_length);
    if (text_length > length - PARTS_HEADER_BYTES)
        return false;
    *parts = (struct link_parts){
        .number = GUINT64_FROM_LE(number),
        .text = (const char *)bytes + PARTS_HEADER_BYTES,
        .text_length = text_length,
        .bytes = bytes + PARTS_HEADER_BYTES + text_length,
        .byte_count = length - PARTS_HEADER_BYTES - text_length,
    };
    return true;
}

static bool read_more(struct link *link, int timeout_ms, GError **error)
{
    uint8_t buffer[READ_BYTES];
    struct pollfd wait = {link->fd, POLLIN, 0};
    int ready = poll(&wait, 1, timeout_ms);
    if (ready == 0 || (ready < 0 && errno == EINTR)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT, "link: nothing came in %d ms", timeout_ms);
        return false;
    }
    ssize_t got = recv(link->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) {
        g_byte_array_append(link->received, buffer, (guint)got);
        return true;
    }
    bool is_early = got < 0 && (errno == EAGAIN || errno == EINTR);
    g_set_error(error, VEDETTE_ERROR, is_early ? VEDETTE_ERROR_TIMEOUT : VEDETTE_ERROR_UNAVAILABLE, "link: %s",
                got == 0 ? "the other side closed it" : g_strerror(errno));
    return false;
}

static enum link_parsed parse_next(const struct link *link, enum link_type *type, size_t *length)
{
    return link_parse(link->received->data + link->consumed, link->received->len - link->consumed, type, length);
}

bool link_has_message(const struct link *link)
{
    enum link_type type;
    size_t length;
    return parse_next(link, &type, &length) == LINK_PARSED_WHOLE;
}

bool link_receive(struct link *link, int timeout_ms, enum link_type *type, const void **body, size_t *length,
                  GError **error)
{
    for (;;) {
        switch (parse_next(link, type, length)) {
        case LINK_PARSED_BROKEN:
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "link: the other side sent what is no message");
            return false;
        case LINK_PARSED_WHOLE:
            *body = link->received->data + link->consumed + HEADER_BYTES;
            link->consumed += HEADER_BYTES + *length;
            return true;
        case LINK_PARSED_PARTIAL:
            if (link->consumed > 0)
                g_byte_array_remove_range(link->received, 0, (guint)link->consumed);
            link->consumed = 0;
            if (!read_more(link, timeout_ms, error))
                return false;
        }
    }
}
