/* An API with the record path of a hub behind it, and who sends it events. */
#pragma once

#include <semaphore.h>

#include "hub/path_times.h"
#include "hub/record_path.h"
#include "stopping_world.h"

/* The record path of a hub, whose spool's answers can be held back: its thread that answers waits in this one's
 * callback. So can a handler: what comes while the path is shut waits there until it is opened. */
struct intake_world {
    struct api_world api;
    char *directory;
    struct record_path *records;
    sem_t answers, way;
    int is_shut, waiting;                      /* atomic */
    const struct vedette_spool_error *failure; /* what the spool tells of all that comes; NULL: it takes it */
    bool fails_later;                          /* once it has taken it */
};

static inline void hold_answers(void *data, const struct vedette_spool_error *error)
{
    struct intake_world *world = data;
    g_assert_null(error);
    while (sem_wait(&world->answers) != 0)
        ;
}

static inline void world_hold(struct intake_world *world)
{
    const struct vedette_spool_record record = {.tenant = "test", .payload = "{}", .length = 2};
    struct vedette_spool_error error;
    g_assert_true(vedette_spool_submit(record_path_spool(world->records), &record, 1, hold_answers, world, &error));
}

static inline void world_release(struct intake_world *world)
{
    sem_post(&world->answers);
}

static inline int64_t taken(const struct intake_world *world)
{
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(record_path_spool(world->records), &stats);
    return stats.enqueued;
}

static inline bool submit(void *way, GPtrArray *events, vedette_spool_done done, void *data,
                          struct vedette_spool_error *error)
{
    struct intake_world *world = way;
    if (__atomic_load_n(&world->is_shut, __ATOMIC_ACQUIRE)) {
        __atomic_add_fetch(&world->waiting, 1, __ATOMIC_ACQ_REL);
        while (sem_wait(&world->way) != 0)
            ;
    }
    if (!world->failure)
        return record_path_submit(world->records, events, done, data, error);
    *error = *world->failure;
    if (world->fails_later)
        done(data, error);
    return world->fails_later;
}

static inline void intake_world_prepare(struct intake_world *world)
{
    *world = (struct intake_world){.directory = g_dir_make_tmp("vedette-intake-XXXXXX", NULL)};
    sem_init(&world->answers, 0, 0);
    sem_init(&world->way, 0, 0);
    world_prepare(&world->api);
}

/* Nothing is drained: what is told is told by the record path alone. */
static inline void intake_world_start(struct intake_world *world)
{
    g_autoptr(GError) error = NULL;
    struct api_world *api = &world->api;
    world_open(api);
    const struct record_path_parts parts = {.data_dir = world->directory,
                                            .settings = &api->settings,
                                            .clock = api->clock,
                                            .store = api->store,
                                            .live = api->live,
                                            .health = &api->health};
    world->records = record_path_open(&parts, &error);
    g_assert_no_error(error);
    vedette_breaker_force(record_path_breaker(world->records), VEDETTE_BREAKER_FORCED_OPEN);
    api->parts.spool = record_path_spool(world->records);
    api->parts.submit = submit;
    api->parts.records = world;
    world_serve(api);
    world_login(api);
}

static inline void intake_world_init(struct intake_world *world, int64_t max_queue_size)
{
    intake_world_prepare(world);
    world->api.settings.spool.max_queue_size = max_queue_size;
    intake_world_start(world);
}

static inline void intake_world_clear(struct intake_world *world)
{
    g_autofree char *spool = g_build_filename(world->directory, "spool", NULL);
    api_stop(world->api.api);
    world->api.api = NULL;
    record_path_close(world->records);
    world_clear(&world->api);
    g_autoptr(GDir) files = g_dir_open(spool, 0, NULL);
    for (const char *name; files && (name = g_dir_read_name(files));) {
        g_autofree char *path = g_build_filename(spool, name, NULL);
        g_unlink(path);
    }
    g_rmdir(spool);
    g_rmdir(world->directory);
    g_free(world->directory);
    sem_destroy(&world->answers);
    sem_destroy(&world->way);
}

/* A signal of so-and-so much. g_free. */
static inline char *signal_line(int number, const char *service, const char *kind, const char *started_at)
{
    g_autofree char *id = g_strdup_printf("0197a000-0000-7000-8000-%012d", number);
    return g_strdup_printf("{\"id\":\"%s\",\"type\":\"signal\",\"camera_id\":\"cam-1\",\"occurred_at\":"
                           "\"2026-01-01T00:00:00Z\",\"payload\":{\"id\":\"%s\",\"camera_id\":\"cam-1\",\"service\":"
                           "\"%s\",\"kind\":\"%s\",\"severity\":\"high\",\"started_at\":\"%s\"}}\n",
                           id, id, service, kind, started_at);
}

/* Lines, on a connection of its own, whose answer is not read yet. `headers` are whole lines. */
static inline int send_lines_with(const struct intake_world *world, const char *headers, const char *body)
{
    g_autofree char *text =
        g_strdup_printf("POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
                        "%sContent-Type: application/x-ndjson\r\nContent-Length: %zu\r\n\r\n%s",
                        api_port(world->api.api), world->api.token, headers, strlen(body), body);
    int fd = world_connect(&world->api);
    world_send(fd, text);
    return fd;
}

static inline int send_lines(const struct intake_world *world, const char *body)
{
    return send_lines_with(world, "", body);
}

static inline int send_event(const struct intake_world *world, int number)
{
    g_autofree char *body = signal_line(number, "safety", "intrusion", "2026-01-01T00:00:00Z");
    return send_lines(world, body);
}

static inline char *posted_id(int number)
{
    return g_strdup_printf("0197a000-0000-7000-8000-%012d", number);
}
