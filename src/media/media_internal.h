/* Shared by the files of the media room. */
#pragma once

#include <gio/gio.h>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <pthread.h>

#include "base/random.h"
#include "media/media.h"
#include "media/skipper.h"

/* For x264enc: no key frame but at its interval, also where the picture changes at once. */
#define MEDIA_X264_STEADY "scenecut=0"

/* ---- codecs.c: one table of what can be decoded ---- */

struct media_codec {
    const char *name;                    /* "H264", as people say it */
    const char *rtp_name;                /* as SDP's rtpmap has it; NULL: not over RTP */
    const char *caps_name;               /* media type between parser and decoder */
    int mpeg_version;                    /* 0: not asked */
    const char *parser, *decoder;        /* element names */
    const char *depayloader, *payloader; /* NULL: not received over RTP; not played as it is */
    enum media_drawing {
        MEDIA_DRAW_NEVER = 1, /* in our pool: the parser does not tell surely what the decoder will make of it */
        MEDIA_DRAW_BY_CAPS,   /* where the parser tells 8 bits, 4:2:0 */
        MEDIA_DRAW_ALWAYS,    /* the codec knows nothing else that would be trouble */
    } drawing;
};
const struct media_codec *media_codec_by_caps(const GstCaps *caps);
const struct media_codec *media_codec_by_rtp_name(const char *name);
/* The decoder that `choice` asks for, hardware that is there and can be opened before software. Floating reference. */
GstElement *media_codec_decoder_new(const struct media_codec *codec, enum decoder_choice choice, GError **error);
/* Loads every element a worker may need, so that none is looked for after the cage closed. */
bool media_codecs_load(GError **error);
/* gst_element_factory_make with an error that names the package to install. Floating reference. */
GstElement *media_element_new(const char *factory, GError **error);

/* ---- container.c: files ---- */

/* filesrc ! demuxer, in NULL state; `on_pad_added` is connected to the demuxer. NULL with an error that names the file.
 */
GstElement *media_container_open(const char *path, GCallback on_pad_added, void *data, GError **error);
/* What can be decoded on a demuxer's pad, or NULL; `name` tells a video that cannot be, else it is NULL. g_free. */
const struct media_codec *media_container_codec(GstPad *pad, char **name);

/* ---- picture_list.c ---- */

/* The paths of the pictures at `path`: itself, or those of a folder by name. NULL without an error when it is neither a
 * picture nor a folder. */
GPtrArray *media_pictures_list(const char *path, GError **error);

/* ---- packets.c: the encoded pictures of a file, for ever ---- */

struct media_packets;
/* NULL when the file cannot be played without decoding. Waits for the file end as soon as `consumer`, which outlives
 * the packets and may be NULL, is flushing: whoever stops it waits for the thread that waits here. */
struct media_packets *media_packets_open(const char *path, GstPad *consumer);
const struct media_codec *media_packets_codec(const struct media_packets *packets);
/* The next picture; at the end the first again, with time stamps that go on. NULL when there is none. `caps` may be
 * NULL. Both are the caller's. */
GstBuffer *media_packets_next(struct media_packets *packets, GstCaps **caps);
void media_packets_free(struct media_packets *packets);

/* ---- mount.c: what one address of the player plays ---- */

struct media_mount; /* shared by the media that play it */
struct media_mount *media_mount_new(const char *location, GError **error);
void media_mount_unref(struct media_mount *mount);
/* The bin that gst-rtsp-server wants: floating, its payloader named pay0. NULL when GStreamer lacks a part. */
GstElement *media_mount_make_bin(struct media_mount *mount);

/* ---- pool.c: what decoders draw into ---- */

/* The times of what entered a decoder last: no codec here holds back more pictures than that. */
struct media_watch {
    pthread_mutex_t lock; /* guards the rest */
    unsigned next;
    GstClockTime entered[32];
    GstClockTime elsewhere[32]; /* `entered` when the pool came into force */
};
void media_watch_init(struct media_watch *watch);
void media_watch_clear(struct media_watch *watch);
/* An encoded picture goes into the decoder. */
void media_watch_enter(struct media_watch *watch, const GstBuffer *encoded);
/* This decoded picture had gone in before the pool was in force. Says so once for each. */
bool media_watch_take_early(struct media_watch *watch, const GstBuffer *picture);
/* `watch` outlives the pipeline that uses the pool. */
GstBufferPool *media_pool_new(struct media_watch *watch);
/* The picture lies where the decoder drew it, in memory of such a pool. */
bool media_pool_drew(GstBuffer *picture);

/* ---- decode.c: parser ! decoder ! (convert) ! appsink, inside a caller's pipeline ---- */

struct media_decoder;

/* Sees an encoded picture before the decoder does, or the skipper spares it; on the streaming thread. Both are
 * borrowed. */
typedef void (*media_packet_fn)(void *data, GstBuffer *encoded, GstCaps *caps);

/* Adds the chain to `pipeline`. `max_waiting` frames wait at its end before the decoder is held up. */
struct media_decoder *media_decoder_new(GstBin *pipeline, const struct media_codec *codec,
                                        const struct source_settings *settings, GError **error);
/* The same without a decoder: parser ! sink. It has no frames, only what a listener is told. */
struct media_decoder *media_decoder_new_idle(GstBin *pipeline, const struct media_codec *codec,
                                             const struct source_settings *settings, GError **error);
/* Before data flows. */
void media_decoder_set_listener(struct media_decoder *decoder, media_packet_fn listener, void *data);
/* From now on `skipper`, which outlives the pipeline, says what the decoder is spared. Before data flows. */
void media_decoder_set_skipper(struct media_decoder *decoder, struct media_skipper *skipper);
/* Frees what the chain does not own through the pipeline; call after the pipeline went to NULL. */
void media_decoder_free(struct media_decoder *decoder);
/* Where encoded data goes in. Owned by the pipeline. */
GstElement *media_decoder_first(struct media_decoder *decoder);
/* Brings a chain that was added to a running pipeline into its state. */
bool media_decoder_start(struct media_decoder *decoder);
/* GStreamer's name of what decodes. */
const char *media_decoder_name(const struct media_decoder *decoder);
bool media_decoder_is_hardware(const struct media_decoder *decoder);
/* Hardware that made no picture of so many bytes, as of a stream it cannot do, or with no room for one more: it need
 * not be asked again. */
bool media_decoder_has_failed(const struct media_decoder *decoder, int64_t bytes, int64_t pictures);
GstAppSink *media_decoder_sink(struct media_decoder *decoder);
/* A frame around a sample's buffer, mapped, not copied. The sample may be unreferenced afterwards. NULL with an error
 * when the format is none of ours. number, captured_at_ms, is_camera_clock and arrived_us are the caller's to set. */
struct frame *media_decoder_map(struct media_decoder *decoder, GstSample *sample, GError **error);
/* The sample was drawn before the decoder had our pool: it is a copy, as the first picture of a stream always is. Ask
 * once for a sample, and only to leave it out: media_decoder_map asks again and counts. */
bool media_decoder_is_warming_up(struct media_decoder *decoder, GstSample *sample);
int64_t media_decoder_copies(const struct media_decoder *decoder);
double media_decoder_fps(const struct media_decoder *decoder);

/* The first error on a bus, as ours, or false when there is none now. */
bool media_bus_error(GstBus *bus, const char *what, GError **error);

/* ---- reader.c ---- */

/* media_reader_open for a live source: `skipper` outlives the reader; `listener` is told the encoded pictures. */
struct media_reader *media_reader_open_live(const char *location, const struct source_settings *settings,
                                            struct media_skipper *skipper, media_packet_fn listener,
                                            void *listener_data, GError **error);
/* media_decoder_name of its decoder; empty for a scene. */
const char *media_reader_decoder(const struct media_reader *reader);

/* ---- what listeners of a stream get ---- */

struct stream_packet {
    GstBuffer *encoded; /* a whole picture; borrowed */
    GstCaps *caps;      /* borrowed */
    bool is_key_frame;  /* decoding can begin here */
    int64_t captured_at_ms;
    bool is_camera_clock; /* as struct frame's, as the next */
    int32_t late_ms;
};

/* ---- tap.c: encoded pictures kept until they are recorded ---- */

struct media_packet {
    GstBuffer *encoded; /* a whole picture, with its times; owned, as caps */
    GstCaps *caps;
    bool is_key_frame; /* decoding can begin here */
    bool is_after_gap; /* what went before is not there, or is of another connection: a key frame */
    bool is_camera_clock;
    int64_t captured_at_ms;
    size_t bytes;
};
/* The next encoded picture of `tap`, the caller's to clear; false when none waits. One thread. */
bool media_tap_take(struct media_tap *tap, struct media_packet *packet);
void media_packet_clear(struct media_packet *packet);

struct media_tap *media_tap_new(const struct source_settings *settings, struct clock *clock);
void media_tap_free(struct media_tap *tap);
/* On the streaming thread; a stream_listener. */
void media_tap_put(void *tap, const struct stream_packet *packet);
void media_tap_describe(struct media_tap *tap, struct stream_health *health);

/* ---- live_view.c: decodes a stream while someone looks ---- */

struct live_view;
struct live_view *live_view_new(const char *name, const struct source_settings *settings, struct clock *clock);
/* After the stream has ended. */
void live_view_free(struct live_view *view);
/* On the streaming thread; a stream_listener. */
void live_view_put(void *view, const struct stream_packet *packet);
/* Someone looks, until `until_us` of the clock. Any thread. */
void live_view_want(struct live_view *view, int64_t until_us);
/* The frame captured nearest to `at_ms`, the caller's; NULL when none lies within `window_ms` of it. Any thread. */
struct frame *live_view_find(struct live_view *view, int64_t at_ms, int64_t window_ms);
void live_view_describe(const struct live_view *view, struct stream_health *health);

/* ---- stream.c ---- */

/* Before the first connection of one of so many cameras that start together. */
int64_t media_start_delay_ms(struct random *random, size_t cameras, const struct source_settings *settings);

/* ---- rtsp_client.c: one conversation with a camera, blocking, on the caller's thread ---- */

struct rtsp_client;

struct rtsp_stream {
    const struct media_codec *codec;
    int clock_rate; /* of RTP timestamps */
    int payload_type;
    char *parameters; /* of a=fmtp, or NULL; owned by the client */
};

struct rtsp_packet {
    const uint8_t *data;
    size_t length;
    bool is_rtcp;
};

/* `url` and `settings` are borrowed for its life. `cancellable` ends any wait at once. */
struct rtsp_client *rtsp_client_new(const struct media_url *url, const char *username, const char *password,
                                    const struct source_settings *settings, GCancellable *cancellable);
void rtsp_client_free(struct rtsp_client *client);
CLEANUP_DEFINE(rtsp_client, rtsp_client_free)
/* Connects, logs in, chooses the first video stream we can decode, and starts it. */
bool rtsp_client_play(struct rtsp_client *client, struct rtsp_stream *stream, GError **error);
/* The next packet; valid until the next call. VEDETTE_ERROR_TIMEOUT after `timeout_ms` without one. Keeps the session
 * alive by itself. */
bool rtsp_client_receive(struct rtsp_client *client, int timeout_ms, struct rtsp_packet *packet, GError **error);

/* ---- http_client.c: one conversation with a camera, blocking, on the caller's thread ---- */

struct http_client;

/* `url` and `settings` are borrowed for its life. `cancellable` ends any wait at once. */
struct http_client *http_client_new(const struct media_url *url, const char *username, const char *password,
                                    const struct source_settings *settings, GCancellable *cancellable);
void http_client_free(struct http_client *client);
CLEANUP_DEFINE(http_client, http_client_free)
/* Connects, logs in and asks: then a stream of pictures begins, or one picture is there. May be called again for the
 * next picture. */
bool http_client_open(struct http_client *client, GError **error);
bool http_client_is_stream(const struct http_client *client);
/* The one picture; valid until the next call. */
void http_client_picture(const struct http_client *client, const uint8_t **jpeg, size_t *length);
/* The stream's next picture; valid until the next call. VEDETTE_ERROR_TIMEOUT after `timeout_ms` without one: what came
 * of it is kept. */
bool http_client_receive(struct http_client *client, int timeout_ms, const uint8_t **jpeg, size_t *length,
                         GError **error);
/* Received so far. */
int64_t http_client_bytes(const struct http_client *client);

/* ---- time_axis.c: one time for a stream, whatever its camera says ---- */

/* Runs on over connections, and over cameras whose time stamps jump, stand still or run at another pace: where they do,
 * the time that passed here takes the place of theirs. Zeroed at first; one thread at a time. */
struct time_axis {
    int64_t media_us, seen_us;             /* of the last picture: its time, and when it came (0: none did) */
    int64_t shift_us;                      /* from this connection's time to the axis */
    int64_t first_media_us, first_seen_us; /* of the connection's first picture */
    bool is_begun;                         /* it has had one */
};
/* A new connection, whose time begins anywhere. */
void time_axis_begin(struct time_axis *axis);
/* The time of the picture that the camera says is of `stream_us`: later than of any before it. `now_us`: when it
 * came, monotonic; one that is decoded seconds later came when it came. */
int64_t time_axis_next(struct time_axis *axis, int64_t stream_us, int64_t now_us);
