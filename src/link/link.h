/* Link: hub ↔ worker messages over a stream socketpair. A message is a fixed header (length, type) and a body; a peer
 * that breaks the bounds or sends an unknown type ends the link with an error. The hub treats a worker as hostile.
 *
 * Sending: any thread (a bounded queue, and one sending thread, which starts with the first message: a worker that has
 * said nothing yet has one thread, and its cage holds all that follow). Receiving: one thread, which may block in
 * link_receive or poll link_fd and then receive with a timeout of 0.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/cleanup.h"
#include "base/error.h"

enum {
    LINK_PROTOCOL_VERSION = 2,
    LINK_MAX_BODY_BYTES = 4 << 20,
    LINK_EVENTS_WINDOW_BYTES = 4 << 20, /* of LINK_EVENTS that a worker may have sent without an acknowledgement */
    LINK_EVENTS_LEAST_BYTES = 4096,     /* what each of them counts for at least, for keeping it takes room as well */
};

/* The body's record is named behind each. */
enum link_type {
    /* worker → hub */
    LINK_HELLO = 1, /* WorkerHello */
    LINK_EVENTS,    /* uint64 sequence (little endian), then AnalyticsEvents as NDJSON, one or more; acknowledged when
                       spooled */
    LINK_TRACKS,    /* TrackUpdate; dropped when the queue is full */
    LINK_HEALTH,    /* CameraHealth */
    LINK_PREVIEW, /* uint16 length of camera id, camera id, int64 captured_at_ms, uint64 frame number, int64 telling of
                     the CameraConfig by which it was made, JPEG; numbers little endian */
    LINK_STOPPED, /* empty: everything sent */
    /* hub → worker */
    LINK_CONFIGURE,    /* WorkerConfig */
    LINK_CREDENTIALS,  /* CameraCredentials; after a good hello, before LINK_START or LINK_START_CAMERA */
    LINK_START,        /* empty: to the cameras */
    LINK_ACKNOWLEDGE,  /* uint64 sequence: this batch is spooled */
    LINK_WANT_PREVIEW, /* camera id text: someone looks; lasts 5 s */
    LINK_CAMERA, /* CameraConfig: what counts for one camera from its next frame on; before it, none is analysed */
    LINK_STOP,   /* empty: send what is left, then LINK_STOPPED */
    LINK_GOVERN, /* GovernorOrder: what to leave out from now on; after LINK_START */
    LINK_FORCE_BREAKER, /* BreakerOrder; before the start of its camera it counts from the first connection on */
    LINK_LOOK,          /* parts: a number for this picture, DetectRequest, the encoded picture; after LINK_START */
    /* worker → hub, in answer to it */
    LINK_LOOKED,     /* parts: the picture's number, DetectResponse, its annotated JPEG or nothing */
    LINK_NOT_LOOKED, /* parts: the picture's number, why not, the enum vedette_error as one byte */
    /* hub → worker, after LINK_START */
    LINK_ADD_CAMERA,    /* WorkerCamera: one more; its logins (LINK_CREDENTIALS), an operator's word
                           (LINK_FORCE_BREAKER) and its start follow */
    LINK_START_CAMERA,  /* camera id text: to the camera that was added */
    LINK_REMOVE_CAMERA, /* camera id text: send what is left of it, then LINK_REMOVED */
    /* worker → hub */
    LINK_REMOVED, /* camera id text: all records of the one that was removed were acknowledged */
    LINK_TRACE,   /* FrameTrace; dropped when the queue is full */
    /* hub → worker, after LINK_START, and the answer */
    LINK_MEASURE,  /* uint64 number of this look */
    LINK_MEASURED, /* WorkerTimes */
    /* hub → worker, after LINK_START */
    LINK_LOG_LEVELS, /* text as VEDETTE_LOG: what is logged from now on */
    /* worker → hub */
    LINK_ERRORS, /* WorkerErrors */
    LINK_TYPE_LAST = LINK_ERRORS,
};

/* A body of three parts: a number, a text (in front its length, u32), and bytes to the end; numbers little endian. */
struct link_parts {
    uint64_t number;
    const char *text; /* not terminated */
    size_t text_length;
    const uint8_t *bytes;
    size_t byte_count;
};
/* Borrows from `body`. False: it is too short for what it says. Pure. */
bool link_parts_read(const void *body, size_t length, struct link_parts *parts);

/* Looks at the bytes received so far (`data` may be NULL when there are none): pure, for link_receive, tests and
 * fuzzing. */
enum link_parsed { LINK_PARSED_PARTIAL = 1, LINK_PARSED_WHOLE, LINK_PARSED_BROKEN };
enum link_parsed link_parse(const uint8_t *data, size_t available, enum link_type *type, size_t *body_length);

/* What a LINK_EVENTS of so many bytes counts for of the window. Pure. */
static inline size_t link_weigh_events(size_t bytes)
{
    return MAX(bytes, (size_t)LINK_EVENTS_LEAST_BYTES);
}

struct link;

/* Takes ownership of the connected socket. `max_queue_bytes` bounds what waits to be sent. */
struct link *link_new(int fd, size_t max_queue_bytes);
void link_free(struct link *link);
CLEANUP_DEFINE(link, link_free)

/* Queues a message; the body is copied. False: queue full (VEDETTE_ERROR_FULL) or peer gone
 * (VEDETTE_ERROR_UNAVAILABLE). */
bool link_send(struct link *link, enum link_type type, const void *body, size_t length, GError **error);
bool link_send_parts(struct link *link, enum link_type type, const struct link_parts *parts, GError **error);
/* Blocks until a whole message came, up to `timeout_ms` (-1: for ever). The body is valid until the next call. False on
 * end of stream (VEDETTE_ERROR_UNAVAILABLE), time (VEDETTE_ERROR_TIMEOUT), or a broken peer (VEDETTE_ERROR_PROTOCOL).
 */
bool link_receive(struct link *link, int timeout_ms, enum link_type *type, const void **body, size_t *length,
                  GError **error);
/* A whole message was read already: link_receive will not touch the socket. */
bool link_has_message(const struct link *link);
/* Waits until everything queued was written, up to `timeout_ms`. */
bool link_flush(struct link *link, int timeout_ms);
int link_fd(const struct link *link);
