/* One lock guards all cameras; what is to be told is copied under it and told without it. */
#include "vedette/health.h"

#include <glib.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "base/wait.h"
#include "resilience/resilience_internal.h"

/* Rates over less time than this say nothing. */
enum { RATE_WINDOW_US = 2 * US_PER_SECOND };

struct watch {
    char *id; /* counted: what is told of a camera outlives its watch */
    struct vedette_camera_stats stats;
    bool has_report;
    int64_t reported_us;
    int64_t rate_since_us, rate_frames; /* where the rate is counted from */
    bool is_seen, looks_online;         /* looked at, and how it looked then */
    int64_t looks_since_us;
    bool is_settled, is_online;
    int64_t gone_us; /* when it went off line last; 0: never */
    int64_t offline_us;
    enum vedette_breaker_state published_state;
    bool is_published;
    int64_t published_us;
};

struct vedette_health {
    struct vedette_health_config config; /* immutable */
    pthread_mutex_t lock;
    pthread_cond_t stopped;
    /* under the lock */
    GPtrArray *watches; /* of struct watch *, in the order in which they came; those that are watched */
    GHashTable *by_id;
    bool is_stopping;
    /* of whoever starts and stops */
    pthread_t thread;
    bool has_thread;
};

static const char *const signal_names[] = {"unknown", "camera_offline", "camera_recovered"};

const char *vedette_camera_signal_name(enum vedette_camera_signal signal)
{
    return (size_t)signal < G_N_ELEMENTS(signal_names) ? signal_names[signal] : signal_names[0];
}

static int64_t wall_ms(void)
{
    return g_get_real_time() / 1000;
}

void vedette_camera_stats_init(struct vedette_camera_stats *stats)
{
    *stats = (struct vedette_camera_stats){.is_online = true, .fps = -1, .last_seen_ms = wall_ms()};
}

void vedette_health_config_init(struct vedette_health_config *config)
{
    *config = (struct vedette_health_config){
        .offline_us = INT64_C(10) * US_PER_SECOND,
        .recovered_us = INT64_C(5) * US_PER_SECOND,
        .silence_us = INT64_C(5) * US_PER_SECOND,
        .publish_interval_us = INT64_C(30) * US_PER_SECOND,
        .tick_us = US_PER_SECOND,
        .max_cameras = 4096,
    };
}

static const char *fault_of(const struct vedette_health_config *config)
{
    if (config->offline_us < 0 || config->recovered_us < 0)
        return "offline_us and recovered_us must not be negative";
    if (config->silence_us < 1 || config->publish_interval_us < 1)
        return "silence_us and publish_interval_us must be 1 or more";
    if (config->tick_us < 1000)
        return "tick_us must be 1000 or more";
    return config->max_cameras < 1 ? "max_cameras must be 1 or more" : NULL;
}

static void watch_free(gpointer data)
{
    struct watch *watch = data;
    g_ref_string_release(watch->id);
    g_free(watch);
}

struct vedette_health *vedette_health_new(const struct vedette_health_config *config, const char **why)
{
    const char *fault = fault_of(config);
    if (fault) {
        if (why)
            *why = fault;
        return NULL;
    }
    struct vedette_health *health = g_new0(struct vedette_health, 1);
    health->config = *config;
    health->watches = g_ptr_array_new_with_free_func(watch_free);
    health->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    pthread_mutex_init(&health->lock, NULL);
    pthread_cond_init(&health->stopped, NULL);
    return health;
}

void vedette_health_free(struct vedette_health *health)
{
    if (!health)
        return;
    vedette_health_stop_monitoring(health);
    g_hash_table_destroy(health->by_id);
    g_ptr_array_unref(health->watches);
    pthread_cond_destroy(&health->stopped);
    pthread_mutex_destroy(&health->lock);
    g_free(health);
}

/* ---- reports ---- */

/* Under the lock. NULL: there is no room. */
static struct watch *find_or_add(struct vedette_health *health, const char *camera_id)
{
    struct watch *watch = g_hash_table_lookup(health->by_id, camera_id);
    if (watch || health->watches->len >= health->config.max_cameras)
        return watch;
    watch = g_new0(struct watch, 1);
    watch->id = g_ref_string_new(camera_id);
    g_ptr_array_add(health->watches, watch);
    g_hash_table_insert(health->by_id, watch->id, watch);
    return watch;
}

bool vedette_health_watch(struct vedette_health *health, const char *camera_id)
{
    pthread_mutex_lock(&health->lock);
    bool is_watched = find_or_add(health, camera_id) != NULL;
    pthread_mutex_unlock(&health->lock);
    return is_watched;
}

void vedette_health_forget(struct vedette_health *health, const char *camera_id)
{
    pthread_mutex_lock(&health->lock);
    struct watch *watch = g_hash_table_lookup(health->by_id, camera_id);
    if (watch) {
        g_hash_table_remove(health->by_id, camera_id);
        g_ptr_array_remove(health->watches, watch);
    }
    pthread_mutex_unlock(&health->lock);
}

/* Frames a second since the rate was told or worked out last; until enough time has passed, as before. */
static double rate(struct watch *watch, const struct vedette_camera_stats *stats, int64_t now_us)
{
    int64_t passed_us = now_us - watch->rate_since_us;
    bool is_told = isfinite(stats->fps) && stats->fps >= 0;
    bool has_begun = watch->has_report && stats->frames_processed >= watch->rate_frames;
    if (!is_told && has_begun && passed_us < RATE_WINDOW_US)
        return watch->stats.fps;
    double frames = has_begun ? (double)(stats->frames_processed - watch->rate_frames) : 0;
    watch->rate_since_us = now_us;
    watch->rate_frames = stats->frames_processed;
    return is_told ? stats->fps : frames * US_PER_SECOND / (double)MAX(passed_us, 1);
}

/* A mean of nothing is 0/0, which JSON and SQL have no word for. */
static double finite_or_zero(double value)
{
    return isfinite(value) ? value : 0;
}

bool vedette_health_update_camera_stats(struct vedette_health *health, const char *camera_id,
                                        const struct vedette_camera_stats *stats)
{
    int64_t now_us = time_now_us(&health->config.time);
    pthread_mutex_lock(&health->lock);
    struct watch *watch = find_or_add(health, camera_id);
    if (watch) {
        double fps = rate(watch, stats, now_us);
        watch->stats = *stats;
        watch->stats.fps = fps;
        watch->stats.avg_latency_ms = finite_or_zero(stats->avg_latency_ms);
        if (!stats->circuit_breaker_state)
            watch->stats.circuit_breaker_state = VEDETTE_BREAKER_CLOSED;
        watch->has_report = true;
        watch->reported_us = now_us;
    }
    pthread_mutex_unlock(&health->lock);
    return watch != NULL;
}

/* Under the lock. */
static struct vedette_camera_health describe(const struct watch *watch, int64_t now_us)
{
    bool is_gone = watch->is_settled && !watch->is_online;
    return (struct vedette_camera_health){
        .camera_id = watch->id,
        .online = watch->is_online,
        .offline_us = is_gone ? now_us - watch->gone_us : watch->offline_us,
        .stats = watch->stats,
    };
}

bool vedette_health_get(struct vedette_health *health, const char *camera_id, struct vedette_camera_health *camera)
{
    int64_t now_us = time_now_us(&health->config.time);
    pthread_mutex_lock(&health->lock);
    const struct watch *watch = g_hash_table_lookup(health->by_id, camera_id);
    if (watch)
        *camera = describe(watch, now_us);
    pthread_mutex_unlock(&health->lock);
    if (watch)
        camera->camera_id = camera_id; /* the monitor's goes when another thread forgets it */
    return watch != NULL;
}

char *vedette_camera_health_json(const struct vedette_camera_health *camera)
{
    char latency[G_ASCII_DTOSTR_BUF_SIZE], fps[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(latency, sizeof latency, "%.3f", finite_or_zero(camera->stats.avg_latency_ms));
    g_ascii_formatd(fps, sizeof fps, "%.3f", MAX(finite_or_zero(camera->stats.fps), 0));
    enum vedette_breaker_state state = camera->stats.circuit_breaker_state;
    g_autofree char *json =
        g_strdup_printf("{\"frames_processed\":%" G_GINT64_FORMAT ",\"errors_count\":%" G_GINT64_FORMAT
                        ",\"avg_latency_ms\":%s,\"fps\":%s,\"circuit_breaker_state\":\"%s\"}",
                        camera->stats.frames_processed, camera->stats.errors_count, latency, fps,
                        vedette_breaker_state_name(state ? state : VEDETTE_BREAKER_CLOSED));
    return strdup(json); /* free(3) */
}

/* ---- looking ---- */

/* True when the camera was otherwise than what is settled for long enough. Under the lock, as what follows. */
static bool settle(const struct vedette_health_config *config, struct watch *watch, int64_t now_us)
{
    bool looks_online =
        watch->has_report && watch->stats.is_online && now_us - watch->reported_us <= config->silence_us;
    if (!watch->is_seen || looks_online != watch->looks_online) {
        if (!looks_online && (watch->is_online || !watch->is_settled))
            watch->gone_us = now_us;
        watch->is_seen = true;
        watch->looks_online = looks_online;
        watch->looks_since_us = now_us;
    }
    if (watch->is_settled && watch->is_online == looks_online)
        return false;
    /* The first time it comes on line is no recovery that could be premature. */
    int64_t needed_us = !looks_online ? config->offline_us : watch->is_settled ? config->recovered_us : 0;
    if (now_us - watch->looks_since_us < needed_us)
        return false;
    if (looks_online && watch->is_settled)
        watch->offline_us = now_us - watch->gone_us;
    watch->is_online = looks_online;
    return true;
}

/* What is to be told of one camera. */
struct news {
    char *id; /* camera_id, held so that the camera may be forgotten meanwhile; NULL: there is no camera */
    struct vedette_camera_health camera;
    enum vedette_camera_signal signal; /* 0: none */
    bool is_change, is_due;
};

static struct news look_at(const struct vedette_health_config *config, struct watch *watch, int64_t now_us)
{
    bool was_settled = watch->is_settled, is_change = settle(config, watch, now_us);
    struct news news = {.is_change = is_change};
    watch->is_settled |= is_change;
    if (is_change && !watch->is_online)
        news.signal = VEDETTE_CAMERA_OFFLINE;
    else if (is_change && was_settled)
        news.signal = VEDETTE_CAMERA_RECOVERED;
    news.is_change |= watch->is_published && watch->published_state != watch->stats.circuit_breaker_state;
    news.is_due = watch->is_settled && (news.is_change || !watch->is_published ||
                                        now_us - watch->published_us >= config->publish_interval_us);
    if (news.is_due) {
        watch->is_published = true;
        watch->published_us = now_us;
        watch->published_state = watch->stats.circuit_breaker_state;
    }
    news.camera = describe(watch, now_us);
    news.id = g_ref_string_acquire(watch->id);
    return news;
}

void vedette_health_tick(struct vedette_health *health)
{
    const struct vedette_health_config *config = &health->config;
    int64_t now_us = time_now_us(&config->time);
    bool is_more = true;
    for (guint i = 0; is_more;) {
        struct news news = {0};
        pthread_mutex_lock(&health->lock);
        is_more = i < health->watches->len;
        if (is_more)
            news = look_at(config, g_ptr_array_index(health->watches, i), now_us);
        pthread_mutex_unlock(&health->lock);
        if (news.signal && config->signal)
            config->signal(config->data, &news.camera, news.signal);
        if (news.is_due && config->publish)
            config->publish(config->data, &news.camera, news.is_change);
        pthread_mutex_lock(&health->lock); /* where it was forgotten meanwhile, the next one stands in its place */
        if (i < health->watches->len && ((const struct watch *)g_ptr_array_index(health->watches, i))->id == news.id)
            i++;
        pthread_mutex_unlock(&health->lock);
        g_clear_pointer(&news.id, g_ref_string_release);
    }
}

/* ---- the monitor's own thread ---- */

/* True when it is time to end. */
static bool rest(struct vedette_health *health)
{
    const struct timespec until = wait_deadline_after(health->config.tick_us);
    pthread_mutex_lock(&health->lock);
    while (!health->is_stopping &&
           pthread_cond_clockwait(&health->stopped, &health->lock, CLOCK_MONOTONIC, &until) == 0)
        ;
    bool is_stopping = health->is_stopping;
    pthread_mutex_unlock(&health->lock);
    return is_stopping;
}

static void *monitor_main(void *data)
{
    struct vedette_health *health = data;
    do
        vedette_health_tick(health);
    while (!rest(health));
    return NULL;
}

bool vedette_health_start_monitoring(struct vedette_health *health, const char **why)
{
    if (health->has_thread)
        return true;
    health->is_stopping = false;
    health->has_thread = thread_start(&health->thread, "health monitor", monitor_main, health) == 0;
    if (!health->has_thread && why)
        *why = "there is no thread to be had: the limit of threads is reached";
    return health->has_thread;
}

void vedette_health_stop_monitoring(struct vedette_health *health)
{
    if (!health->has_thread)
        return;
    pthread_mutex_lock(&health->lock);
    health->is_stopping = true;
    pthread_cond_broadcast(&health->stopped);
    pthread_mutex_unlock(&health->lock);
    pthread_join(health->thread, NULL);
    health->has_thread = false;
}
