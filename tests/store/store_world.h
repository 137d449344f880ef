/* A store in a directory or database of its own, and events to put in it. VEDETTE_TEST_STORE=postgres: in PostgreSQL.
 */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/id.h"
#include "directory.h"
#include "postgres_world.h"
#include "store/store.h"

static const int64_t world_start_ms = INT64_C(1767225600000); /* 2026-01-01T00:00:00Z */
static const struct store_settings world_settings = {.batch_records = 100,
                                                     .batch_delay_ms = 2,
                                                     .queue_records = 1000,
                                                     .minimum_free_bytes = 0,
                                                     .connections = 3,
                                                     .connect_timeout_ms = 20000,
                                                     .query_timeout_ms = 20000,
                                                     .retry_delay_ms = 50,
                                                     .retry_delay_max_ms = 500,
                                                     .partition_days = 1};

struct store_world {
    char *directory;
    char *database; /* PostgreSQL's */
    struct clock *clock;
    struct server_health health;
    struct store *store;
};

/* With settings of the test's own, but for the url. */
static inline struct store *world_open_with(struct store_world *world, struct store_settings settings, GError **error)
{
    g_autofree char *url = world->database ? postgres_url("vedette_login", world->database) : NULL;
    settings.url = url;
    return store_open(world->directory, &settings, world->clock, &world->health, error);
}

static inline struct store *world_open(struct store_world *world, GError **error)
{
    return world_open_with(world, world_settings, error);
}

/* GLib makes the lock of its kinds of errors with the first error: here, where no other thread is yet, since
 * ThreadSanitizer does not see how GLib publishes it. */
static inline void world_init(struct store_world *world)
{
    g_autoptr(GError) first = g_error_new_literal(VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "none");
    g_autoptr(GError) error = NULL;
    *world = (struct store_world){.directory = g_dir_make_tmp("vedette-store-XXXXXX", NULL)};
    world->clock = clock_fake_new(world_start_ms);
    world->database = world_is_postgres() ? postgres_database() : NULL;
    world->store = world_open(world, &error);
    g_assert_no_error(error);
}

/* Signals as bad as this, within a minute, are one incident. */
static inline void world_init_fused(struct store_world *world, enum severity minimum)
{
    g_autoptr(GError) error = NULL;
    struct store_settings settings = world_settings;
    settings.fusion = (struct fusion_settings){60, 10, minimum};
    world_init(world);
    store_close(world->store);
    world->store = world_open_with(world, settings, &error);
    g_assert_no_error(error);
}

static inline void world_clear(struct store_world *world)
{
    store_close(world->store);
    clock_fake_free(world->clock);
    remove_directory(world->directory);
    if (world->database) {
        g_autofree char *sql = g_strdup_printf("DROP DATABASE %s WITH (FORCE)", world->database);
        postgres_do("postgres", sql);
    }
    g_free(world->database);
    g_free(world->directory);
}

static inline void world_event_free(void *event)
{
    analytics_event_free(event);
}

static inline GPtrArray *world_batch_new(void)
{
    return g_ptr_array_new_with_free_func(world_event_free);
}

static inline struct analytics_event *world_event(struct store_world *world, const char *id, enum event_type type,
                                                  int64_t at_ms, char *payload)
{
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    event->id = id ? g_strdup(id) : id_new(world->clock);
    event->type = type;
    event->org_id = g_strdup("default");
    event->site_id = g_strdup("default");
    event->camera_id = g_strdup("cam-1");
    event->occurred_at.ms = event->received_at.ms = at_ms;
    event->priority = 5;
    event->payload.text = payload;
    return event;
}

static inline struct analytics_event *world_crossing(struct store_world *world, const char *id, const char *line,
                                                     const char *direction, int64_t at_ms)
{
    char *payload =
        g_strdup_printf("{\"id\":\"%s\",\"camera_id\":\"cam-1\",\"line_id\":\"%s\",\"track_id\":7,"
                        "\"direction\":\"%s\",\"object_class\":\"person\",\"at\":\"2026-01-01T00:00:00.000Z\","
                        "\"box\":[0.1,0.2,0.3,0.4]}",
                        id ? id : "x", line, direction);
    return world_event(world, id, EVENT_LINE_CROSSING, at_ms, payload);
}

static inline struct analytics_event *world_zone_hit(struct store_world *world, const char *zone, const char *what,
                                                     int64_t at_ms)
{
    char *payload = g_strdup_printf("{\"id\":\"x\",\"camera_id\":\"cam-1\",\"zone_id\":\"%s\",\"track_id\":7,"
                                    "\"event\":\"%s\",\"at\":\"2026-01-01T00:00:00.000Z\",\"box\":[0,0,0.1,0.1]}",
                                    zone, what);
    return world_event(world, NULL, EVENT_ZONE_HIT, at_ms, payload);
}

static inline struct analytics_event *world_occupancy(struct store_world *world, const char *zone, int count,
                                                      int64_t at_ms)
{
    char *payload = g_strdup_printf("{\"id\":\"x\",\"camera_id\":\"cam-1\",\"zone_id\":\"%s\",\"count\":%d,"
                                    "\"at\":\"2026-01-01T00:00:00.000Z\"}",
                                    zone, count);
    return world_event(world, NULL, EVENT_OCCUPANCY, at_ms, payload);
}

static inline struct analytics_event *world_signal(struct store_world *world, const char *id, const char *camera_id,
                                                   const char *service, const char *kind, const char *severity,
                                                   int64_t at_ms)
{
    g_autoptr(GString) at = g_string_new(NULL);
    g_autofree char *made = id ? g_strdup(id) : id_new(world->clock);
    record_append_time(at, at_ms);
    char *payload =
        g_strdup_printf("{\"id\":\"%s\",\"org_id\":\"default\",\"site_id\":\"default\",\"camera_id\":\"%s\","
                        "\"service\":\"%s\",\"kind\":\"%s\",\"severity\":\"%s\",\"started_at\":\"%s\","
                        "\"track_ids\":[7],\"zone_id\":\"hall\",\"box\":[0.1,0.2,0.3,0.4]}",
                        made, camera_id, service, kind, severity, at->str);
    struct analytics_event *event = world_event(world, made, EVENT_SIGNAL, at_ms, payload);
    g_free(event->camera_id);
    event->camera_id = g_strdup(camera_id);
    return event;
}

/* Things that tests wait for are told here; what nobody tells is looked at each millisecond. */
static pthread_mutex_t world_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t world_told = PTHREAD_COND_INITIALIZER;

static inline void world_tell(void)
{
    pthread_mutex_lock(&world_lock);
    pthread_cond_broadcast(&world_told);
    pthread_mutex_unlock(&world_lock);
}

/* Until something is told, or so many milliseconds have gone by. */
static inline void world_pause(int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&world_lock);
    pthread_cond_timedwait(&world_told, &world_lock, &until);
    pthread_mutex_unlock(&world_lock);
}

#define WORLD_WAIT_UNTIL(condition)                                                                                    \
    do {                                                                                                               \
        gint64 deadline_ = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;                                               \
        while (!(condition)) {                                                                                         \
            g_assert_cmpint(g_get_monotonic_time(), <, deadline_);                                                     \
            world_pause(1);                                                                                            \
        }                                                                                                              \
    } while (0)

/* What the writer said of a batch; wait with world_wait. */
struct world_result {
    int is_done; /* atomic */
    int new_records;
    char *error;
    enum vedette_error code;
};

static inline void world_done(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    struct world_result *result = data;
    for (guint i = 0; stored && i < events->len; i++)
        result->new_records += stored[i];
    if (error) {
        result->error = g_strdup(error->message);
        result->code = (enum vedette_error)error->code;
    }
    __atomic_store_n(&result->is_done, 1, __ATOMIC_RELEASE);
    world_tell();
}

static inline void world_wait(const struct world_result *result)
{
    WORLD_WAIT_UNTIL(__atomic_load_n(&result->is_done, __ATOMIC_ACQUIRE));
}

/* Submits and waits. Takes the batch over. */
static inline struct world_result world_store(struct store_world *world, GPtrArray *batch)
{
    struct world_result result = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(store_events_submit(world->store, batch, world_done, &result, &error));
    g_assert_no_error(error);
    world_wait(&result);
    return result;
}

static inline GPtrArray *world_list(struct store_world *world, struct store_event_filter filter)
{
    g_autoptr(GError) error = NULL;
    if (!filter.limit)
        filter.limit = 1000;
    GPtrArray *events = store_events_list(world->store, &filter, &error);
    g_assert_no_error(error);
    return events;
}

static inline int64_t world_count(struct store_world *world, const char *subject_id, const char *kind, int64_t day_ms)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) counts = store_counts_list(world->store, "default", NULL, day_ms, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < counts->len; i++) {
        const struct store_count *count = g_ptr_array_index(counts, i);
        if (strcmp(count->subject_id, subject_id) == 0 && strcmp(count->kind, kind) == 0)
            return count->count;
    }
    return 0;
}
