/* Shared by stream.c (one connection: states, who takes what from it), its kinds (stream_rtsp.c, stream_file.c) and
 * source.c (what a camera takes from which connection). */
#pragma once

#include "media/media_internal.h"
#include "media/rtsp_internal.h"

struct media_stream;

/* ---- who takes what ---- */

/* Analyses a stream's pictures. Belongs to a media_source. */
struct stream_viewer {
    struct camera_health *health;
    media_notify notify;
    void *notify_data;
    struct frame *mailbox;        /* atomic: taken and put by exchange */
    struct frame_thinner thinner; /* the delivering thread's, as is_due */
    bool is_due;                  /* the picture at hand is for it */
};

/* Takes a stream's encoded pictures, in the order of decoding, on the streaming thread; must not wait. */
struct stream_listener {
    void (*packet)(void *data, const struct stream_packet *packet);
    void *data;
};

struct media_stream {
    /* immutable once it is started */
    char *name; /* of the camera that opened it, for the log */
    bool is_looping;
    struct media_url url;
    char *username, *password;
    struct source_settings settings; /* but for `decoder`, which is the stream's thread's */
    struct clock *clock;
    struct camera_health *health; /* of its first viewer, or own_health */
    struct camera_health own_health;
    enum camera_decode decode;
    struct media_skipper *skipper;
    GPtrArray *viewers;   /* of struct stream_viewer *; empty: nothing is decoded */
    GArray *listeners;    /* of struct stream_listener */
    int64_t camera_count; /* that share it */
    GCancellable *cancellable;

    bool is_stopping;      /* atomic */
    int64_t last_frame_us; /* atomic: monotonic */

    /* owned by the stream's thread */
    pthread_t thread;
    bool has_thread;
    struct random random;
    unsigned attempts; /* failed since frames last flowed for a while */

    /* owned by whichever thread delivers (one at a time) */
    uint64_t next_number;
    int64_t media_us, media_seen_us; /* of the last frame, on the stream's own axis; and when it was seen */
    int64_t rate_since_us, rate_frames, cpu_us;
    int64_t copies_before;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t stopped;
    char state[16], last_error[512], codec[16], decoder[32];
    int32_t width_px, height_px;
    double fps;
    int64_t last_frame_ms;
    struct rtp_clock rtp_clock;
};

/* ---- stream.c: from its making to its start, one thread ---- */

/* The stream of this address and login: a new one, or one that is there and not yet started. Owned by `streams`. */
struct media_stream *stream_get(struct media_streams *streams, const struct camera *camera,
                                const struct stream_use *use, const struct source_settings *settings,
                                struct clock *clock, GError **error);
/* `viewer` outlives the stream. Where viewers want different pictures decoded, all are. */
void stream_add_viewer(struct media_stream *stream, struct stream_viewer *viewer, enum camera_decode decode);
void stream_add_listener(struct media_stream *stream, const struct stream_listener *listener);
/* Does nothing when it runs already. */
bool stream_start(struct media_stream *stream, GError **error);
/* Any thread. */
void stream_describe(struct media_stream *stream, struct stream_health *health);

/* ---- stream.c: for the kinds of streams ---- */

void stream_set_state(struct media_stream *stream, const char *state, const char *error);
bool stream_is_stopping(const struct media_stream *stream);
/* Waits, or ends early when asked to stop. */
void stream_wait_ms(struct media_stream *stream, int64_t ms);
/* Adds the CPU time that the calling thread, which decodes, spent since the last call. */
void stream_note_cpu(struct media_stream *stream);
/* Counts a frame and keeps the rate by the wall clock. True when the stream has just come online. */
bool stream_note_frame(struct media_stream *stream, int width_px, int height_px);
void stream_set_codec(struct media_stream *stream, const char *codec);
/* Says what decodes. */
void stream_set_decoder(struct media_stream *stream, const char *name);
/* Notes whose frame the one at `media_us` is. False when it is nobody's. */
bool stream_is_due(struct media_stream *stream, int64_t media_us);
/* Stamps the frame and gives it to those whose it is. `stream_us` is its time on the connection's axis, which the
 * camera's clock is tied to. */
void stream_deliver(struct media_stream *stream, struct frame *frame, int64_t stream_us);
/* An encoded picture for the listeners. */
void stream_offer_packet(struct media_stream *stream, GstBuffer *encoded, GstCaps *caps);
/* media_packet_fn of a session's decoder: counts the picture too, where nothing is decoded. */
void stream_on_packet(void *stream, GstBuffer *encoded, GstCaps *caps);

/* ---- stream_session.c: one connection's pipeline: appsrc ! (depayloader) ! decoder chain ---- */

struct session {
    struct media_stream *stream;
    GstElement *pipeline, *input;
    GstBus *bus;
    struct media_decoder *decoder;
    int warm_ups;     /* pictures left out because they were copies */
    int64_t shift_us; /* from this connection's time to the stream's own axis */
    int64_t decoded_before, received_before;
};
/* `depayloader` may be NULL: then `caps` are of whole encoded pictures. Takes over `caps`. session_close it, also after
 * a failure. */
bool session_open(struct session *session, struct media_stream *stream, const struct media_codec *codec,
                  const char *depayloader, GstCaps *caps, GError **error);
/* The same behind an element of the caller's, which gives encoded pictures by itself: nothing is pushed. */
bool session_open_from(struct session *session, struct media_stream *stream, const struct media_codec *codec,
                       GstElement *source, GError **error);
/* Takes over `buffer`. While the decoder is behind, it waits, and TCP holds the camera back. */
bool session_push(struct session *session, GstBuffer *buffer, GError **error);
/* False when decoding failed or nothing came for too long. */
bool session_check(struct session *session, GError **error);
void session_close(struct session *session);

/* ---- the kinds ---- */

/* One connection to a camera, from its start to the error that ends it. */
void stream_run_rtsp(struct media_stream *stream, GError **error);
void stream_run_http(struct media_stream *stream, GError **error);
void stream_run_device(struct media_stream *stream, GError **error);
/* True when it is over for good. */
bool stream_run_file(struct media_stream *stream, GError **error);
