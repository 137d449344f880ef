/* Files, pictures and scenes, in real time. */
#define LOG_MODULE "media"
#include "media/stream_internal.h"

#include "base/log.h"

enum { FILE_FPS_UNKNOWN = 25, BAD_PICTURE_COMPLAINT_US = 60 * 1000000 };

static void pace(struct media_stream *stream, int64_t start_us, int64_t media_us)
{
    int64_t ahead_ms = (start_us + media_us - clock_monotonic_us(stream->clock)) / 1000;
    if (ahead_ms > 0)
        stream_wait_ms(stream, ahead_ms);
}

static void give_frame(struct media_stream *stream, struct frame *frame)
{
    frame->number = stream->next_number++;
    stream->axis.media_us = frame->media_us;
    stream->axis.seen_us = clock_monotonic_us(stream->clock);
    stream_note_frame(stream, frame->width_px, frame->height_px);
    if (stream_is_due(stream, frame->media_us))
        stream_deliver(stream, frame, frame->media_us);
    else
        frame_unref(frame);
}

static void on_packet(void *stream, GstBuffer *encoded, GstCaps *caps)
{
    stream_offer_packet(stream, encoded, caps);
}

static void note_bad_pictures(struct media_stream *stream, const struct media_reader *reader, int64_t *noted)
{
    const char *why;
    gint64 held_back;
    int64_t bad = media_reader_bad_pictures(reader, &why);
    if (bad == *noted)
        return;
    stream_count(stream, decode_errors, bad - *noted);
    *noted = bad;
    if (log_limit_pass(&stream->bad_picture_complaint, BAD_PICTURE_COMPLAINT_US, &held_back))
        log_warning(stream->name, "%s; it is passed over (%lld more complaints)", why, (long long)held_back);
}

/* Plays once through. `offset_us` is where this pass starts on the stream's own time axis. */
static bool play_once(struct media_stream *stream, int64_t *offset_us, GError **error)
{
    CLEANUP(media_reader)
    struct media_reader *reader =
        media_reader_open_live(stream->url.location, &stream->settings, stream->skipper, on_packet, stream, error);
    if (!reader)
        return false;
    stream_count(stream, connects, 1);
    int64_t start_us = clock_monotonic_us(stream->clock), last_us = 0, bad_pictures = 0;
    stream->cpu_us = 0;
    stream_note_cpu(stream);
    stream_set_decoder(stream, media_reader_decoder(reader));
    const double set_fps = media_reader_fps(reader); /* of a video it is known later */
    stream_set_picture_interval(stream, set_fps > 0 ? 1 / set_fps : 0);
    while (!stream_is_stopping(stream)) {
        if (stream_breaker_holds(stream, error))
            return false;
        g_autoptr(GError) cause = NULL;
        struct frame *frame = media_reader_next(reader, &cause);
        stream_note_cpu(stream);
        note_bad_pictures(stream, reader, &bad_pictures);
        if (!frame) {
            double fps = media_reader_fps(reader);
            int64_t length_us = last_us + (int64_t)(G_USEC_PER_SEC / (fps > 0 ? fps : FILE_FPS_UNKNOWN));
            *offset_us += length_us;
            bool has_failed = cause != NULL;
            if (!has_failed) /* the last picture lasts as long as each other */
                pace(stream, start_us, length_us);
            if (has_failed)
                g_propagate_error(error, g_steal_pointer(&cause));
            return !has_failed;
        }
        pace(stream, start_us, frame->media_us);
        last_us = frame->media_us;
        frame->media_us += *offset_us;
        give_frame(stream, frame);
        stream_note_copies(stream, stream->copies_before + media_reader_copies(reader));
    }
    return true;
}

/* The stream's own axis runs on over failures: by what passed here since the last frame. */
static int64_t offset_now_us(const struct media_stream *stream)
{
    if (stream->axis.seen_us == 0)
        return 0;
    return stream->axis.media_us + MAX(1, clock_monotonic_us(stream->clock) - stream->axis.seen_us);
}

bool stream_run_file(struct media_stream *stream, GError **error)
{
    int64_t offset_us = offset_now_us(stream);
    while (!stream_is_stopping(stream) && play_once(stream, &offset_us, error))
        if (!stream->is_looping)
            return true;
    return false;
}
