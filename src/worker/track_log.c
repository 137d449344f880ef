#include "worker/track_log.h"

#include "analytics/chunk.h"
#include "base/id.h"

/* Well below what one record may hold, also in base64; a crowd of 100 at 15 frames a second fills it in a minute. */
enum { CHUNK_MAX_BYTES = 384 << 10 };

struct track_log {
    struct track_log_sink sink;
    struct clock *clock;
    struct chunk_writer *writer;
    int64_t chunk_us;
    int64_t began_us, began_at_ms, last_at_ms; /* of the open chunk, and of the last frame */
    int64_t opened_us;                         /* the open chunk, by the clock */
    int64_t policy_revision;
    int32_t number; /* of the open chunk */
    char run_id[ID_TEXT_BYTES];
};

struct track_log *track_log_new(struct clock *clock, double chunk_seconds, const struct track_log_sink *sink)
{
    struct track_log *log = g_new0(struct track_log, 1);
    log->sink = *sink;
    log->clock = clock;
    log->writer = chunk_writer_new();
    log->chunk_us = (int64_t)(chunk_seconds * G_USEC_PER_SEC);
    log->number = 1;
    id_write(clock, log->run_id);
    return log;
}

void track_log_free(struct track_log *log)
{
    if (!log)
        return;
    chunk_writer_free(log->writer);
    g_free(log);
}

static void cut(struct track_log *log, bool is_last)
{
    int frames = chunk_writer_frames(log->writer);
    g_autoptr(GBytes) bytes = chunk_writer_finish(log->writer);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    g_autofree char *base64 = g_base64_encode(data, length);
    struct track_chunk chunk = {
        .run_id = log->run_id,
        .number = log->number++,
        .from_at = {frames ? log->began_at_ms : log->last_at_ms},
        .to_at = {log->last_at_ms},
        .frames = frames,
        .codec_version = CHUNK_VERSION,
        .policy_revision = log->policy_revision,
        .is_last = is_last,
        .data = base64,
    };
    log->sink.chunk(log->sink.data, &chunk);
}

/* A clock that was set back makes no chunk longer. */
static bool is_full(const struct track_log *log, int64_t media_us)
{
    return chunk_writer_frames(log->writer) == CHUNK_FRAMES_MAX || chunk_writer_bytes(log->writer) >= CHUNK_MAX_BYTES ||
           media_us - log->began_us >= log->chunk_us || media_us < log->began_us;
}

static bool add(struct track_log *log, const struct observation *observation)
{
    if (chunk_writer_frames(log->writer) == 0) {
        log->began_us = observation->media_us;
        log->began_at_ms = observation->at_ms;
        log->opened_us = clock_monotonic_us(log->clock);
    }
    bool is_added = chunk_writer_add(log->writer, observation);
    if (is_added)
        log->last_at_ms = observation->at_ms;
    return is_added;
}

void track_log_add(struct track_log *log, const struct observation *observation)
{
    if (chunk_writer_frames(log->writer) > 0 && is_full(log, observation->media_us))
        cut(log, false);
    if (add(log, observation))
        return;
    cut(log, false); /* so many tracks */
    add(log, observation);
}

void track_log_pass_time(struct track_log *log)
{
    if (chunk_writer_frames(log->writer) > 0 && clock_monotonic_us(log->clock) - log->opened_us >= log->chunk_us)
        cut(log, false);
}

void track_log_set_policy(struct track_log *log, int64_t revision)
{
    if (chunk_writer_frames(log->writer) > 0)
        cut(log, false);
    log->policy_revision = revision;
}

void track_log_finish(struct track_log *log)
{
    if (chunk_writer_frames(log->writer) > 0 || log->number > 1)
        cut(log, true);
}

int64_t track_log_shed(const struct track_log *log)
{
    return chunk_writer_shed(log->writer);
}
