/* Server-sent events: a feed as the body of an answer that does not end. libmicrohttpd asks for bytes on its own
 * threads; when there are none the connection is suspended until the feed wakes it. */
#include <string.h>
#include <sys/socket.h>

#include "api/api_internal.h"
#include "base/counter.h"

enum {
    KEEP_ALIVE_US = 15000000, /* a comment when nothing else was sent for so long: finds clients that are gone */
    END_WAIT_US = 2000000,    /* for what a stream whose feed is over still has to send */
    TICK_MS = 1000,
    BLOCK_BYTES = 16384,
};

struct event_stream {
    struct event_streams *streams;
    struct feed *feed;
    struct MHD_Connection *connection; /* NULL until the answer is queued */
    int fd;                            /* the connection's, which outlives its answer */
    GString *text;                     /* being sent; the connection's thread */
    size_t sent;
    int64_t sent_us;    /* atomic */
    int64_t offered_us; /* atomic; since when the socket takes nothing of what there is; 0: there is nothing */
    bool is_suspended, is_pinged; /* feeds' lock, and streams' for the ping */
    bool is_listed;               /* streams->lock */
    int64_t ended_us;             /* when its feed was seen to be over; 0: it is not; the watch thread */
    bool is_cut;                  /* likewise */
};

struct event_streams {
    struct api *api;
    pthread_mutex_t lock; /* taken before the feeds' */
    GPtrArray *open;      /* of struct event_stream * */
};

static int64_t now_us(void)
{
    return clock_monotonic_us(clock_system());
}

/* ---- waking, with the feeds' lock held ---- */

static void wake(void *data)
{
    struct event_stream *stream = data;
    if (!stream->is_suspended)
        return;
    stream->is_suspended = false;
    __atomic_store_n(&stream->offered_us, now_us(), __ATOMIC_RELAXED);
    MHD_resume_connection(stream->connection);
}

static void rest(void *data)
{
    struct event_stream *stream = data;
    if (__atomic_exchange_n(&stream->is_pinged, false, __ATOMIC_ACQ_REL))
        return;
    stream->is_suspended = true;
    __atomic_store_n(&stream->offered_us, 0, __ATOMIC_RELAXED);
    MHD_suspend_connection(stream->connection);
}

/* ---- sending, on the connection's thread ---- */

static void append_message(GString *text, const struct feed_message *message)
{
    if (message->kind == LIVE_EVENT)
        g_string_append_printf(text, "id: %s\n", message->id);
    g_string_append_printf(text, "event: %s\ndata: ", record_enum_name(live_kind_names, message->kind));
    g_string_append_len(text, message->json, (gssize)message->size); /* JSON of ours has no line breaks */
    g_string_append(text, "\n\n");
}

/* Fills `text` with what comes next; leaves it empty when there is nothing. */
static void fill(struct event_stream *stream)
{
    g_string_truncate(stream->text, 0);
    stream->sent = 0;
    bool is_ping = __atomic_load_n(&stream->is_pinged, __ATOMIC_ACQUIRE);
    struct feed_message *message = feed_take(stream->feed, rest);
    if (message) {
        append_message(stream->text, message);
        feed_message_unref(message);
    } else if (is_ping) {
        g_string_append(stream->text, ":\n\n");
    }
}

/* The socket has taken all that was read before. */
static ssize_t read_stream(void *data, uint64_t position, char *buffer, size_t size)
{
    (void)position;
    struct event_stream *stream = data;
    __atomic_store_n(&stream->offered_us, now_us(), __ATOMIC_RELAXED);
    if (stream->sent == stream->text->len)
        fill(stream);
    size_t count = MIN(size, stream->text->len - stream->sent);
    if (count == 0)
        return feed_end(stream->feed) ? MHD_CONTENT_READER_END_OF_STREAM : 0;
    memcpy(buffer, stream->text->str + stream->sent, count);
    stream->sent += count;
    __atomic_store_n(&stream->sent_us, now_us(), __ATOMIC_RELAXED);
    return (ssize_t)count;
}

static void unlist(struct event_stream *stream)
{
    struct event_streams *streams = stream->streams;
    pthread_mutex_lock(&streams->lock);
    if (stream->is_listed)
        g_ptr_array_remove_fast(streams->open, stream);
    counter_set(&streams->api->health->event_stream_clients, streams->open->len);
    pthread_mutex_unlock(&streams->lock);
}

void event_stream_free(struct event_stream *stream)
{
    if (!stream)
        return;
    unlist(stream);
    feed_free(stream->feed);
    g_string_free(stream->text, TRUE);
    g_free(stream);
}

static void stream_free(void *data)
{
    event_stream_free(data);
}

struct MHD_Response *event_stream_response(struct event_stream *stream, struct MHD_Connection *connection)
{
    struct event_streams *streams = stream->streams;
    stream->connection = connection;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, stream, stream_free);
    if (!response) {
        stream_free(stream);
        return NULL;
    }
    stream->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    stream->offered_us = now_us();
    pthread_mutex_lock(&streams->lock);
    g_ptr_array_add(streams->open, stream);
    stream->is_listed = true;
    counter_set(&streams->api->health->event_stream_clients, streams->open->len);
    pthread_mutex_unlock(&streams->lock);
    watch_wake(streams->api->watch);
    return response;
}

/* ---- all of them ---- */

struct event_streams *event_streams_new(struct api *api)
{
    struct event_streams *streams = g_new0(struct event_streams, 1);
    streams->api = api;
    streams->open = g_ptr_array_new();
    pthread_mutex_init(&streams->lock, NULL);
    return streams;
}

void event_streams_free(struct event_streams *streams)
{
    g_ptr_array_unref(streams->open);
    pthread_mutex_destroy(&streams->lock);
    g_free(streams);
}

/* With the streams' lock. A client that reads nothing is asked for nothing either, so that neither its place nor its
 * connection would ever be free again. The socket is only shut, which the library notices; closing it is the
 * library's. */
static void cut_if_unread(struct event_stream *stream, int64_t now)
{
    const struct api *api = stream->streams->api;
    int64_t offered_us = __atomic_load_n(&stream->offered_us, __ATOMIC_RELAXED);
    int64_t patience_us = api->settings->http.answer_timeout_seconds * INT64_C(1000000);
    if (!stream->ended_us && feed_end(stream->feed))
        stream->ended_us = now;
    bool is_over = stream->ended_us && now - stream->ended_us > END_WAIT_US;
    bool is_stuck = offered_us && now - offered_us > patience_us;
    if (stream->is_cut || !(is_over || is_stuck))
        return;
    stream->is_cut = true;
    counter_add(&api->health->live_clients_cut, 1);
    shutdown(stream->fd, SHUT_RDWR);
}

static void ping_if_quiet(struct event_stream *stream, int64_t now)
{
    if (now - __atomic_load_n(&stream->sent_us, __ATOMIC_RELAXED) < KEEP_ALIVE_US)
        return;
    __atomic_store_n(&stream->sent_us, now, __ATOMIC_RELAXED);
    __atomic_store_n(&stream->is_pinged, true, __ATOMIC_RELEASE);
    feed_wake(stream->feed);
}

int event_streams_tend(struct event_streams *streams)
{
    int64_t now = now_us();
    pthread_mutex_lock(&streams->lock);
    guint count = streams->open->len;
    for (guint i = 0; i < count; i++) {
        struct event_stream *stream = g_ptr_array_index(streams->open, i);
        feed_check_login(stream->feed, now);
        cut_if_unread(stream, now);
        ping_if_quiet(stream, now);
    }
    pthread_mutex_unlock(&streams->lock);
    return count ? TICK_MS : -1;
}

void handle_event_stream(struct request *request, struct answer *answer)
{
    struct api *api = request->api;
    const struct live_parameters *parameters = request->parameters;
    const char *last = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, "Last-Event-ID");
    const char *after = last ? last : parameters->resume_from;
    if (!subscription_check_parameters(request, answer))
        return;
    struct event_stream *stream = g_new0(struct event_stream, 1);
    stream->streams = api->event_streams;
    stream->text = g_string_new(":\n\n"); /* the head goes out at once */
    stream->sent_us = now_us();
    stream->feed = request_open_feed(request, after, wake, stream, answer);
    if (!stream->feed) {
        stream_free(stream);
        return;
    }
    answer->status = MHD_HTTP_OK;
    answer->content_type = "text/event-stream";
    answer->stream = stream;
    answer->is_closing = true; /* once it ends, which is then seen */
    answer_header(answer, "Cache-Control", "no-store");
    answer_header(answer, "X-Accel-Buffering", "no"); /* nginx: pass each message on as it comes */
}
