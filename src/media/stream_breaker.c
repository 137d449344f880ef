/* A connection's circuit breaker. A connection that fails is a failure; pictures that flow for a while are a success,
 * so that one that comes and goes does not count as back. After breaker.failure_threshold failures in a row the camera
 * is left alone for a time, and then tried again, for ever: the breaker's time takes the place of the backoff, and is
 * no longer than the longest backoff would be.
 */
#define LOG_MODULE "media"
#include "media/stream_internal.h"

#include "base/log.h"

enum {
    POLL_MS = 200,           /* between looks at an operator's word */
    RECOVERY_OF_LONGEST = 2, /* the longest backoff is so many times the shortest time it stays open */
    US_PER_MS = 1000,
};

static const char held_open[] = "an operator holds its circuit breaker open";

static int64_t now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

static void on_changed(void *data, enum vedette_breaker_state from, enum vedette_breaker_state to)
{
    const struct media_stream *stream = data;
    bool is_try = to == VEDETTE_BREAKER_HALF_OPEN || (from == VEDETTE_BREAKER_HALF_OPEN && to == VEDETTE_BREAKER_OPEN);
    if (!is_try || log_is_enabled(LOG_LEVEL_DEBUG, LOG_MODULE)) /* one of them for each try: no news */
        log_info(stream->name, "circuit breaker: %s, was %s", vedette_breaker_state_name(to),
                 vedette_breaker_state_name(from));
}

/* `breaker` may be NULL: the defaults. The window holds as many failed connections as open it, however slowly each
 * fails. */
static void configure(const struct media_stream *stream, const struct breaker_settings *breaker,
                      struct vedette_breaker_config *config)
{
    const struct source_settings *settings = &stream->settings;
    int64_t longest_us = MAX((int64_t)settings->retry_delay_max_ms * US_PER_MS, RECOVERY_OF_LONGEST);
    vedette_breaker_config_init(config);
    if (breaker) {
        config->failure_threshold = breaker->failure_threshold;
        config->success_threshold = breaker->success_threshold;
        config->window_us = (int64_t)(breaker->window_seconds * G_USEC_PER_SEC);
        config->recovery_timeout_us = (int64_t)(breaker->recovery_seconds * G_USEC_PER_SEC);
    }
    int64_t attempt_us = (int64_t)settings->connect_timeout_ms * US_PER_MS + longest_us;
    config->window_us = MAX(config->window_us, attempt_us * config->failure_threshold);
    config->recovery_timeout_us = MIN(config->recovery_timeout_us, longest_us / RECOVERY_OF_LONGEST);
    config->recovery_timeout_max_us = longest_us;
    config->failure_percent = 1;
    config->success_resets = true;
    config->probes = 1;
    config->permit_timeout_us = INT64_MAX; /* its one holder lives as long as it does */
    config->changed = on_changed;
    config->changed_data = (void *)(uintptr_t)stream;
    config->time = (struct vedette_time_source){.now_us = now_us, .data = stream->clock};
}

void stream_breaker_init(struct media_stream *stream)
{
    struct vedette_breaker_config config;
    configure(stream, NULL, &config);
    stream->breaker.success_threshold = config.success_threshold;
    stream->breaker.breaker = vedette_breaker_new(&config, NULL); /* settings were checked by their table */
}

void stream_set_breaker(struct media_stream *stream, const struct breaker_settings *settings)
{
    struct vedette_breaker_config config;
    configure(stream, settings, &config);
    stream->breaker.success_threshold = config.success_threshold;
    vedette_breaker_configure(stream->breaker.breaker, &config, NULL);
}

/* Of the words said of those who share it. CLOSED, which is none, where nobody's is left. */
static enum vedette_breaker_state strictest_word(const struct stream_breaker *breaker)
{
    static const enum vedette_breaker_state strictest_first[] = {
        VEDETTE_BREAKER_FORCED_OPEN, VEDETTE_BREAKER_FORCED_CLOSED, VEDETTE_BREAKER_DISABLED};
    for (size_t i = 0; i < G_N_ELEMENTS(strictest_first); i++)
        if (breaker->words[strictest_first[i]] > 0)
            return strictest_first[i];
    return VEDETTE_BREAKER_CLOSED;
}

void stream_force_breaker(struct media_stream *stream, enum vedette_breaker_state before,
                          enum vedette_breaker_state word)
{
    struct stream_breaker *breaker = &stream->breaker;
    breaker->words[before]--;
    breaker->words[word]++;
    enum vedette_breaker_state state = strictest_word(breaker);
    if (state != word)
        log_info(stream->name, "circuit breaker: %s, as a camera that shares its address was set, and not %s",
                 vedette_breaker_state_name(state), vedette_breaker_state_name(word));
    vedette_breaker_force(breaker->breaker, state);
}

static enum vedette_breaker_state state_of(const struct media_stream *stream)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(stream->breaker.breaker, &stats);
    return stats.state;
}

bool stream_breaker_holds(const struct media_stream *stream, GError **error)
{
    if (state_of(stream) != VEDETTE_BREAKER_FORCED_OPEN)
        return false;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED, held_open);
    return true;
}

static bool acquire(struct media_stream *stream, int64_t *retry_us)
{
    struct stream_breaker *breaker = &stream->breaker;
    breaker->has_permit = vedette_breaker_acquire(breaker->breaker, &breaker->permit, retry_us);
    breaker->is_proving = breaker->has_permit && breaker->permit.state == VEDETTE_BREAKER_HALF_OPEN;
    breaker->flowing_since_us = 0;
    return breaker->has_permit;
}

bool stream_breaker_wait(struct media_stream *stream)
{
    int64_t retry_us = 0;
    while (!stream_is_stopping(stream) && !acquire(stream, &retry_us)) {
        stream_set_state(stream, "waiting", retry_us == 0 ? held_open : NULL);
        int64_t wait_ms = (retry_us + US_PER_MS - 1) / US_PER_MS;
        stream_wait_ms(stream, retry_us > 0 ? MIN(wait_ms, POLL_MS) : POLL_MS);
    }
    return !stream_is_stopping(stream);
}

static void release(struct media_stream *stream, enum vedette_outcome outcome)
{
    struct stream_breaker *breaker = &stream->breaker;
    if (breaker->has_permit)
        vedette_breaker_release(breaker->breaker, &breaker->permit, outcome);
    breaker->has_permit = false;
}

void stream_breaker_note_frame(struct media_stream *stream, int64_t frame_us)
{
    struct stream_breaker *breaker = &stream->breaker;
    if (!breaker->has_permit)
        return;
    if (!breaker->flowing_since_us)
        breaker->flowing_since_us = frame_us;
    /* while it is half open each of the successes that close it is a part of the steady time */
    int64_t enough_us = STREAM_STEADY_US / (breaker->is_proving ? breaker->success_threshold : 1);
    if (frame_us - breaker->flowing_since_us < enough_us)
        return;
    release(stream, VEDETTE_SUCCESS);
    acquire(stream, NULL);
}

void stream_breaker_note_end(struct media_stream *stream, bool has_failed)
{
    release(stream, has_failed ? VEDETTE_FAILURE : VEDETTE_IGNORED);
}

bool stream_breaker_is_open(const struct media_stream *stream)
{
    return state_of(stream) == VEDETTE_BREAKER_OPEN;
}

void stream_breaker_describe(const struct media_stream *stream, struct camera_health *health)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(stream->breaker.breaker, &stats);
    g_free(health->circuit_breaker_state);
    health->circuit_breaker_state = g_strdup(vedette_breaker_state_name(stats.state));
    health->circuit_breaker = stats.state;
    health->circuit_breaker_failures = stats.failure_count;
    health->circuit_breaker_openings = stats.openings;
    health->circuit_breaker_retry_seconds = (double)stats.retry_after_us / G_USEC_PER_SEC;
}
