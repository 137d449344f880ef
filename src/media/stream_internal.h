/* Shared by stream.c (one connection: states, who takes what from it), its kinds (stream_rtsp.c, stream_file.c) and
 * source.c (what a camera takes from which connection). */
#pragma once

#include "base/log.h"
#include "media/media_internal.h"
#include "media/rtsp_internal.h"
#include "vedette/backoff.h"
#include "vedette/breaker.h"

struct media_stream;

/* ---- who takes what ---- */

/* Analyses a stream's pictures. Belongs to a media_source. */
struct stream_viewer {
    struct camera_health *health;
    media_notify notify;
    void *notify_data;
    struct frame *mailbox; /* atomic: taken and put by exchange */
    double fps;            /* by gauge_*: what is analysed a second */
    double thinned_fps;    /* what `thinner` was made for; the delivering thread's, as what follows */
    struct frame_thinner thinner;
    bool is_due; /* the picture at hand is for it */
};

/* Takes a stream's encoded pictures, in the order of decoding, on the streaming thread; must not wait. */
struct stream_listener {
    void (*packet)(void *data, const struct stream_packet *packet);
    void *data;
};

enum { STREAM_STEADY_US = 10000000 }; /* frames for so long: the next failure starts from the first delay again */

/* The permit is of whichever thread delivers or connects (one at a time). */
struct stream_breaker {
    struct vedette_breaker *breaker;
    int32_t success_threshold;
    struct vedette_permit permit;
    bool has_permit, is_proving; /* is_proving: it was half open when the permit was given */
    int64_t flowing_since_us;    /* frames, since the permit was given; 0: none yet */
    /* how many of those who share it were set to each; the thread that forces */
    int words[VEDETTE_BREAKER_DISABLED + 1];
};

enum { STREAM_ARRIVALS = 64 }; /* more than a decoder holds back; to them come source.kept_packets */

/* ---- lateness.c ---- */

/* Which of a stream's packets were held up, where the camera tells no clock: a packet that takes longer from its own
 * time stamp to its arrival than the promptest one. Zero it to begin; one thread. */
struct lateness {
    bool has_begun;
    int64_t begun_us, noted_us, stream_us, least_us;
};
/* A packet of this time on the stream's axis came now. Returns milliseconds, or FRAME_LATE_UNKNOWN in the first
 * seconds. Pure. */
int32_t lateness_note(struct lateness *lateness, int64_t stream_us, int64_t now_us);

struct media_stream {
    /* immutable once it is started */
    char *name; /* of the camera that opened it, for the log */
    bool is_looping;
    struct media_url url;
    char *org_id; /* of those who share it */
    char *username, *password;
    struct source_settings settings; /* but for `decoder`, which is the stream's thread's */
    struct clock *clock;
    struct camera_health health; /* counters of the stream itself; each viewer's has them too */
    enum camera_decode decode;
    struct media_skipper *skipper;
    GPtrArray *viewers;   /* of struct stream_viewer *; empty: nothing is decoded */
    GArray *listeners;    /* of struct stream_listener */
    int64_t camera_count; /* that share it */
    GCancellable *cancellable;
    struct stream_breaker breaker;

    bool is_stopping;      /* atomic */
    int64_t last_frame_us; /* atomic: monotonic */
    int64_t unseen_bytes;  /* atomic: received since an encoded picture came out of them */

    /* owned by the stream's thread */
    pthread_t thread;
    bool has_thread;
    struct random random;
    int64_t start_delay_ms;
    struct vedette_attempts attempts;
    struct log_limit bad_picture_complaint;

    /* owned by whichever thread delivers (one at a time) */
    uint64_t next_number;
    struct time_axis axis;
    struct lateness lateness; /* since the connection began */
    int64_t rate_since_us, rate_frames, cpu_us;
    int64_t copies_before;

    /* How the latest encoded pictures came, by their time on the stream's axis: as many as are kept to be decoded
     * later, and as a decoder holds back. Atomic: a decoder may have a thread of its own. */
    struct stream_arrival {
        int64_t stream_us, received_us, wall_ms;
        int64_t is_camera_clock, late_ms; /* of wall_ms */
    } * arrivals;
    unsigned arrivals_kept, arrival_count;
    int64_t told_wall_ms; /* of the frame delivered last; the delivering thread's */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t stopped;
    char state[16], last_error[512], codec[16], decoder[32];
    int32_t width_px, height_px;
    double fps, picture_interval_seconds; /* the latter 0: pictures come by themselves */
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
/* Counts what happened to the stream, by the name of struct camera_health's member, for itself and for each of its
 * viewers. */
#define stream_count(stream, member, amount) stream_count_at(stream, offsetof(struct camera_health, member), amount)
/* media_count_fn of the stream. */
void stream_count_at(void *stream, size_t counter, int64_t amount);
/* How many copies the connection at hand made. */
void stream_note_copies(struct media_stream *stream, int64_t copies);
/* Adds the CPU time that the calling thread, which decodes, spent since the last call. */
void stream_note_cpu(struct media_stream *stream);
/* Counts a frame and keeps the rate by the wall clock. True when the stream has just come online. */
bool stream_note_frame(struct media_stream *stream, int width_px, int height_px);
void stream_set_codec(struct media_stream *stream, const char *codec);
/* Says what decodes. */
void stream_set_decoder(struct media_stream *stream, const char *name);
/* Says at what interval pictures are asked for or played; 0: they come by themselves. */
void stream_set_picture_interval(struct media_stream *stream, double seconds);
/* Notes whose frame the one at `media_us` is. False when it is nobody's. */
bool stream_is_due(struct media_stream *stream, int64_t media_us);
/* Stamps the frame and gives it to those whose it is. `stream_us` is its time on the connection's axis, which the
 * camera's clock is tied to. */
void stream_deliver(struct media_stream *stream, struct frame *frame, int64_t stream_us);
/* When the picture of `stream_us` came, monotonic; now, where that is not known. The delivering thread. */
int64_t stream_received_us(struct media_stream *stream, int64_t stream_us);
/* An encoded picture for the listeners. */
void stream_offer_packet(struct media_stream *stream, GstBuffer *encoded, GstCaps *caps);
/* media_packet_fn of a session's decoder: counts the picture too, where nothing is decoded. */
void stream_on_packet(void *stream, GstBuffer *encoded, GstCaps *caps);

/* ---- stream_breaker.c ---- */

void stream_breaker_init(struct media_stream *stream);
void stream_set_breaker(struct media_stream *stream, const struct breaker_settings *settings);
/* An operator's word to one of those who take from it, whose word `before` it replaces (CLOSED: none). The strictest
 * holds: forced open, then forced closed, then disabled. One thread. */
void stream_force_breaker(struct media_stream *stream, enum vedette_breaker_state before,
                          enum vedette_breaker_state word);
void stream_breaker_describe(const struct media_stream *stream, struct camera_health *health);
/* Waits until the breaker lets the camera be tried. False: the stream is stopping. */
bool stream_breaker_wait(struct media_stream *stream);
/* A frame came: after a while of them the connection is a success. */
void stream_breaker_note_frame(struct media_stream *stream, int64_t frame_us);
/* The connection is over. */
void stream_breaker_note_end(struct media_stream *stream, bool has_failed);
/* An operator says that the camera is to be left alone: the connection must end. */
bool stream_breaker_holds(const struct media_stream *stream, GError **error);
bool stream_breaker_is_open(const struct media_stream *stream);

/* ---- stream_session.c: one connection's pipeline: appsrc ! (depayloader) ! decoder chain ---- */

struct session {
    struct media_stream *stream;
    GstElement *pipeline, *input;
    GstBus *bus;
    struct media_decoder *decoder;
    int warm_ups;        /* pictures left out because they were copies */
    int64_t interval_us; /* at which pictures are asked for; 0: they come by themselves */
    int64_t decoded_before, received_before;
    int unwhole; /* pictures since the last good one that were no whole JPEG */
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
