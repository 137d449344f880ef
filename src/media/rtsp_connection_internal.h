/* What rtsp_client.c and http_client.c speak over. One thread. */
#pragma once

#include "media/media_internal.h"

enum { RTSP_BUFFER_BYTES = 1 << 17 }; /* holds a whole packet and the start of the next */

struct rtsp_connection {
    GCancellable *cancellable;    /* borrowed; ends any wait at once */
    const char *refused_networks; /* borrowed; addresses that are not connected to (base/networks.h) */
    const char *tls_ca_file;      /* borrowed; PEM of those who may vouch for the camera; NULL or "": the system's */
    GSocketConnection *socket;
    GIOStream *stream; /* the socket, or TLS over it */
    uint8_t buffer[RTSP_BUFFER_BYTES];
    size_t start, end; /* unread bytes of the buffer */
};

/* The clock of all deadlines here. */
int64_t rtsp_now_us(void);
/* Looks up, connects and, for rtsps and https, proves who is there, all within `timeout_ms`. */
bool rtsp_connection_open(struct rtsp_connection *connection, const struct media_url *url, int timeout_ms,
                          GError **error);
/* Reads what is there into the buffer's free end; waits for the first byte until the deadline. */
bool rtsp_connection_fill(struct rtsp_connection *connection, int64_t deadline_us, GError **error);
/* Finds the end of an answer's headers, which begin at `start`, within the allowed size, reading as needed. `length` is
 * with the empty line. */
bool rtsp_connection_read_head(struct rtsp_connection *connection, int max_bytes, int64_t deadline_us, size_t *length,
                               GError **error);
bool rtsp_connection_send(struct rtsp_connection *connection, const char *text, int64_t deadline_us, GError **error);
/* Sends what can be sent at once, and does not care. */
void rtsp_connection_say(struct rtsp_connection *connection, const char *text);
void rtsp_connection_close(struct rtsp_connection *connection);
