/* What a camera takes from which stream: pictures to analyse, packets to record, pictures to show. */
#include "media/stream_internal.h"

#include "base/counter.h"

#include <string.h>

/* One address of the camera. */
struct tied_stream {
    struct media_stream *stream; /* owned by the streams */
    unsigned roles;
};

struct media_source {
    struct media_streams *own_streams; /* NULL: it shares those of others */
    struct stream_viewer viewer;
    struct tied_stream ties[CAMERA_MAX_STREAMS];
    size_t tie_count;
    struct media_stream *analysed;   /* one of the ties */
    struct media_tap *tap;           /* NULL: nothing is recorded */
    struct live_view *live;          /* NULL: the analysed picture is what is shown */
    enum vedette_breaker_state word; /* an operator's; CLOSED: none */
};

/* Takes from the stream what its roles ask for. */
static void tie_roles(struct media_source *source, struct media_stream *stream, const struct camera *camera,
                      const struct stream_use *use, const struct source_settings *settings, struct clock *clock)
{
    bool is_analysed = stream_has_role(use, STREAM_DETECT);
    if (is_analysed) {
        source->analysed = stream;
        stream_add_viewer(stream, &source->viewer, camera->decode ? camera->decode : DECODE_ALL);
    }
    if (stream_has_role(use, STREAM_RECORD) && settings->record_seconds > 0) {
        source->tap = media_tap_new(settings, clock);
        stream_add_listener(stream, &(struct stream_listener){media_tap_put, source->tap});
    }
    if (stream_has_role(use, STREAM_LIVE) && !is_analysed) {
        source->live = live_view_new(camera->id, settings, clock);
        stream_add_listener(stream, &(struct stream_listener){live_view_put, source->live});
    }
}

static bool tie_streams(struct media_source *source, struct media_streams *streams, const struct camera *camera,
                        const struct source_settings *settings, struct clock *clock, GError **error)
{
    struct stream_use uses[CAMERA_MAX_STREAMS];
    size_t count = camera_list_streams(camera, uses);
    for (size_t i = 0; i < count; i++) {
        struct media_stream *stream = stream_get(streams, camera, &uses[i], settings, clock, error);
        if (!stream)
            return false;
        source->ties[source->tie_count++] = (struct tied_stream){stream, uses[i].roles};
    }
    for (size_t i = 0; i < count; i++) /* once nothing can fail any more */
        tie_roles(source, source->ties[i].stream, camera, &uses[i], settings, clock);
    if (!source->analysed)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "camera '%s': no stream has the role detect",
                    camera->id);
    return source->analysed;
}

struct media_source *media_source_new(struct media_streams *streams, const struct camera *camera,
                                      const struct source_settings *settings, struct clock *clock,
                                      struct camera_health *health, media_notify notify, void *notify_data,
                                      GError **error)
{
    struct media_source *source = g_new0(struct media_source, 1);
    source->viewer = (struct stream_viewer){.health = health, .notify = notify, .notify_data = notify_data};
    source->viewer.fps = camera->analyse_fps;
    source->word = VEDETTE_BREAKER_CLOSED;
    source->own_streams = streams ? NULL : media_streams_new();
    if (tie_streams(source, streams ? streams : source->own_streams, camera, settings, clock, error))
        return source;
    media_source_free(source);
    return NULL;
}

bool media_source_start(struct media_source *source, GError **error)
{
    for (size_t i = 0; i < source->tie_count; i++)
        if (!stream_start(source->ties[i].stream, error))
            return false;
    return true;
}

void media_source_set_breaker(struct media_source *source, const struct breaker_settings *settings)
{
    for (size_t i = 0; i < source->tie_count; i++)
        stream_set_breaker(source->ties[i].stream, settings);
}

void media_source_force_breaker(struct media_source *source, enum vedette_breaker_state word)
{
    for (size_t i = 0; i < source->tie_count; i++)
        stream_force_breaker(source->ties[i].stream, source->word, word);
    source->word = word;
}

void media_source_spread_start(struct media_source *source, int64_t wait_ms, size_t cameras)
{
    for (size_t i = 0; i < source->tie_count; i++) {
        struct media_stream *stream = source->ties[i].stream;
        if (!stream->has_thread)
            stream->start_delay_ms = wait_ms + media_start_delay_ms(&stream->random, cameras, &stream->settings);
    }
}

struct frame *media_source_take(struct media_source *source)
{
    return __atomic_exchange_n(&source->viewer.mailbox, NULL, __ATOMIC_ACQ_REL);
}

void media_source_set_fps(struct media_source *source, double fps)
{
    gauge_set(&source->viewer.fps, fps);
}

void media_source_set_activity(struct media_source *source, bool is_active)
{
    if (source->analysed->skipper)
        media_skipper_set_activity(source->analysed->skipper, is_active);
}

bool media_source_has_live(const struct media_source *source)
{
    return source->live;
}

void media_source_want_live(struct media_source *source, int64_t until_us)
{
    if (source->live)
        live_view_want(source->live, until_us);
}

struct frame *media_source_find_live(struct media_source *source, int64_t at_ms, int64_t window_ms)
{
    return source->live ? live_view_find(source->live, at_ms, window_ms) : NULL;
}

struct media_tap *media_source_tap(struct media_source *source)
{
    return source->tap;
}

/* ---- how it is ---- */

static void describe_tie(struct media_source *source, const struct tied_stream *tie, struct stream_health *health)
{
    health->roles.items = g_new0(char *, STREAM_LIVE);
    for (enum stream_role role = STREAM_DETECT; role <= STREAM_LIVE; role++)
        if (tie->roles & 1u << role)
            health->roles.items[health->roles.count++] = g_strdup(record_enum_name(stream_role_names, role));
    stream_describe(tie->stream, health);
    if (source->tap && tie->roles & 1u << STREAM_RECORD)
        media_tap_describe(source->tap, health);
    else
        health->recording = STREAM_RECORDING_OFF;
    if (source->live && tie->roles & 1u << STREAM_LIVE)
        live_view_describe(source->live, health);
}

static void describe_streams(struct media_source *source, struct camera_health *health)
{
    struct stream_health *streams = health->streams.items;
    for (size_t i = 0; i < health->streams.count; i++)
        record_clear(&stream_health_descriptor, &streams[i]);
    g_free(streams);
    health->streams = (struct record_list){0};
    for (size_t i = 0; i < source->tie_count; i++)
        describe_tie(source, &source->ties[i], record_list_append(&health->streams, &stream_health_descriptor));
}

static void replace_text(char **text, const char *with)
{
    g_free(*text);
    *text = g_strdup(with);
}

void media_source_describe(struct media_source *source, struct camera_health *health)
{
    struct media_stream *stream = source->analysed;
    pthread_mutex_lock(&stream->lock);
    replace_text(&health->decoder, stream->decoder);
    replace_text(&health->state, stream->state);
    replace_text(&health->last_error, stream->last_error);
    replace_text(&health->codec, stream->codec);
    health->width_px = stream->width_px;
    health->height_px = stream->height_px;
    health->fps = strcmp(stream->state, "online") == 0 ? stream->fps : 0;
    health->last_frame_at.ms = stream->last_frame_ms;
    health->picture_interval_seconds = stream->picture_interval_seconds;
    pthread_mutex_unlock(&stream->lock);
    stream_breaker_describe(stream, health);
    describe_streams(source, health);
}

void media_source_free(struct media_source *source)
{
    if (!source)
        return;
    media_streams_free(source->own_streams);
    frame_unref(source->viewer.mailbox);
    media_tap_free(source->tap);
    live_view_free(source->live);
    g_free(source);
}
