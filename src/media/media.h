/* Media: everything that knows GStreamer. Sources turn cameras and files into mapped frames; the player serves files
 * and scenes as real RTSP cameras; the writer makes MP4 files.
 *
 * A live source owns its thread(s), reconnects for ever with backoff and jitter, and puts frames into its camera's
 * one-slot mailbox, where a newer frame replaces the one that waits (counted). media_reader instead pulls every frame
 * of a file, dropping nothing, for `analyze` and tests.
 */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/media_url.h"
#include "facts/camera.h"
#include "facts/health.h"
#include "facts/settings.h"
#include "frame/frame.h"
#include "vedette/breaker.h"

/* Call once in main before any other media function, and before a sandbox closes: loads plugins from the registry.
 * `for_worker` also loads every plugin a worker may need, and forbids registry scans. Main thread. */
bool media_init(bool for_worker, GError **error);

/* What can be decoded, and by which elements: "H264: avdec_h264; H265: …", hardware that opens marked so. `missing`
 * gets the names of elements that must be there and are not, else NULL. g_free both. After media_init. Main thread. */
char *media_decoders_available(char **missing);

/* ---- live sources ---- */

/* The connections of a process: one an address and login, however many cameras and roles take from it. Calls on one
 * thread. */
struct media_streams;
struct media_streams *media_streams_new(void);
/* Asks every connection to end; returns at once. */
void media_streams_stop(struct media_streams *streams);
/* Stops them, waits for their threads (well under 100 ms), frees. After this, and only then, their sources are freed.
 */
void media_streams_free(struct media_streams *streams);
CLEANUP_DEFINE(media_streams, media_streams_free)

/* What one camera takes from them, by the roles of its streams. */
struct media_source;

/* Called on the stream's thread when a frame was put into an empty or full mailbox; must only wake someone. */
typedef void (*media_notify)(void *data);

/* `streams` may be NULL: then it has connections of its own, which end with it. `camera`, with the logins of its
 * streams, and `settings` are copied. `health` outlives the streams; they write its media fields with
 * counter_add/counter_set (state, codec and last_error under media_source_describe). Does not connect yet: all sources
 * of shared streams are made before the first is started. */
struct media_source *media_source_new(struct media_streams *streams, const struct camera *camera,
                                      const struct source_settings *settings, struct clock *clock,
                                      struct camera_health *health, media_notify notify, void *notify_data,
                                      GError **error);
/* Before the start, both: the breaker's settings (else its defaults); and the first connection at random within
 * source.start_spread_ms for each of so many cameras that start together, after `wait_ms` (else at once). */
void media_source_set_breaker(struct media_source *source, const struct breaker_settings *settings);
void media_source_spread_start(struct media_source *source, int64_t wait_ms, size_t cameras);
bool media_source_start(struct media_source *source, GError **error);
/* An operator's word, as vedette_breaker_force takes it, to the breakers of all of its streams. Of the words to those
 * who share a stream the strictest holds for all of them, whichever was said last: forced open, then forced closed,
 * then disabled; CLOSED takes back its own alone. Of all sources from one thread. */
void media_source_force_breaker(struct media_source *source, enum vedette_breaker_state word);
/* Takes the waiting frame to analyse, or NULL. Any thread; the caller owns the reference. */
struct frame *media_source_take(struct media_source *source);
/* So many frames a second are analysed from now on. Any thread. */
void media_source_set_fps(struct media_source *source, double fps);
/* Tells whether something moves in the frames, after each that was analysed: what `decode: auto` goes by. Any thread.
 */
void media_source_set_activity(struct media_source *source, bool is_active);
/* Another stream than the analysed one is shown to who looks. */
bool media_source_has_live(const struct media_source *source);
/* Someone looks until `until_us` of the clock: that stream is decoded meanwhile. Any thread. */
void media_source_want_live(struct media_source *source, int64_t until_us);
/* That stream's frame captured nearest to `at_ms`, the caller's; NULL when none lies within `window_ms` of it. Any
 * thread. */
struct frame *media_source_find_live(struct media_source *source, int64_t at_ms, int64_t window_ms);
/* The encoded pictures of the stream to record, or NULL. Owned by the source. */
struct media_tap;
struct media_tap *media_source_tap(struct media_source *source);
/* Copies state, codec, size, last_error, how the breaker of the analysed stream is, and the streams into `health`
 * (strings and lists replaced). One thread. */
void media_source_describe(struct media_source *source, struct camera_health *health);
/* Frees it, and its own streams first. NULL is allowed. */
void media_source_free(struct media_source *source);
CLEANUP_DEFINE(media_source, media_source_free)

/* ---- reading a file frame by frame ---- */

struct media_reader;

/* Opens a video, a picture, a folder of pictures (settings picture_fps), or scene:// ("?frames=N" limits a scene; else
 * it never ends). Fails on what cannot be read, naming why. */
struct media_reader *media_reader_open(const char *location, const struct source_settings *settings, GError **error);
/* The next frame, NULL at the end (no error) or on failure (error set). captured_at_ms is media time from 0. Pictures
 * of a folder that cannot be read are passed over, unless none can or very many in a row. */
struct frame *media_reader_next(struct media_reader *reader, GError **error);
/* Frames a second as the container says; 0 when unknown. */
double media_reader_fps(struct media_reader *reader);
/* Frames copied between decoder and caller so far: those that the decoder took in before it had our pool, which is the
 * first one, or as many as it holds back for reordering; every one when the stream is MJPEG or not 8-bit 4:2:0. */
int64_t media_reader_copies(struct media_reader *reader);
/* How many pictures of a folder could not be read so far and were passed over; and why the last of them, borrowed until
 * the next is read. */
int64_t media_reader_bad_pictures(const struct media_reader *reader, const char **why);
void media_reader_free(struct media_reader *reader);
CLEANUP_DEFINE(media_reader, media_reader_free)

/* Decodes one JPEG or PNG file, at most 64 megapixels, into a frame; a JPEG turned as its EXIF says it is seen. */
struct frame *media_image_load(const char *path, GError **error);
/* The same of bytes in memory, of at most `max_pixels`; `name` stands in errors. Nothing is allocated for a picture
 * whose header says more. */
struct frame *media_image_decode(const char *name, const uint8_t *bytes, size_t length, int64_t max_pixels,
                                 GError **error);

/* ---- playing a camera ---- */

struct media_player;
enum { MEDIA_PLAYER_CLIENTS = 256 };

/* A real RTSP server on `address`:`port` (0: a free one). All calls on the thread that runs the default GMainContext.
 */
struct media_player *media_player_new(const char *address, int port, GError **error);
/* Serves `location` (file or scene://) at rtsp://address:port/`mount`, in real time, looping. Optional login. */
bool media_player_add(struct media_player *player, const char *mount, const char *location, const char *username,
                      const char *password, GError **error);
/* So many clients at once at most, else MEDIA_PLAYER_CLIENTS; those that went within 10 to 20 s count, because they are
 * held for so long. More are refused; the log tells how many. */
void media_player_set_max_clients(struct media_player *player, int count);
/* Starts to listen; the caller runs the default GMainContext. */
bool media_player_start(struct media_player *player, GError **error);
int media_player_port(const struct media_player *player);
/* How often a mount was asked to play, and how many clients are connected now. */
int media_player_plays(const struct media_player *player, const char *mount);
int media_player_clients(const struct media_player *player);
void media_player_free(struct media_player *player);
CLEANUP_DEFINE(media_player, media_player_free)

/* ---- writing MP4 ---- */

struct media_writer;
struct media_writer *media_writer_open(const char *path, int width_px, int height_px, double fps, GError **error);
/* Encodes (H.264) and writes one frame; copies it. */
bool media_writer_write(struct media_writer *writer, const struct frame *frame, GError **error);
/* Finishes the file and frees the writer, also on failure. */
bool media_writer_close(struct media_writer *writer, GError **error);
