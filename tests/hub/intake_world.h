/* A hub without processes: its store, its record path and one worker, whose side of the link is the test's. */
#pragma once

#include "hub/hub_internal.h"

#include "base/counter.h"
#include "base/id.h"
#include "directory.h"
#include "facts/settings.h"
#include "faults.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

enum { DEADLINE_US = 60 * 1000000, ROOMY = 64 << 20 };

struct world {
    char *directory;
    struct settings settings;
    struct hub hub;
    struct hub_worker *worker; /* the first; has the cameras "door" and "hall" of the org "default" */
    struct link *peer;         /* the worker's side */
    int published;             /* atomic: by the spool's thread */
};

static inline void count_publication(void *data, enum live_kind kind, const char *org_id, const char *camera_id,
                                     const char *id, GBytes *json)
{
    (void)id;
    (void)org_id;
    (void)camera_id;
    (void)json;
    struct world *world = data;
    if (kind == LIVE_EVENT)
        __atomic_add_fetch(&world->published, 1, __ATOMIC_RELAXED);
}

static inline void add_camera(struct settings *settings, const char *id, const char *org)
{
    struct camera *camera = record_list_append(&settings->cameras, &camera_descriptor);
    g_free(camera->org_id);
    camera->id = g_strdup(id);
    camera->org_id = g_strdup(org);
    camera->source = g_strdup("rtsp://127.0.0.1/x");
    camera->username = g_strdup("viewer");
    camera->password = g_strdup("canary");
}

static inline void connect_worker(struct world *world)
{
    int sockets[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
    world->worker->link = link_new(sockets[0], ROOMY);
    world->peer = link_new(sockets[1], ROOMY);
    world->worker->generation++;
    for (guint i = world->worker->held->len; i < world->worker->cameras->len; i++) /* as a start does */
        g_ptr_array_add(world->worker->held,
                        (gpointer)(uintptr_t)camera_ref(g_ptr_array_index(world->worker->cameras, i)));
}

static inline gboolean do_nothing(gpointer data)
{
    (void)data;
    return G_SOURCE_REMOVE;
}

/* `batch_size`: of the spool; 0: the default. GLib's main loop is made here, and its first source, while no other
 * thread is: ThreadSanitizer does not see how GLib keeps threads apart. */
static inline void world_init_batches(struct world *world, int batch_size)
{
    g_autoptr(GError) error = NULL;
    g_source_remove(g_idle_add(do_nothing, NULL));
    *world = (struct world){.directory = g_dir_make_tmp("vedette-hub-XXXXXX", NULL)};
    record_init(&settings_descriptor, &world->settings);
    world->settings.store.late_days = 0; /* its records are of another year */
    world->settings.store.minimum_free_bytes = 0;
    world->settings.workers.count = 1;
    world->settings.spool.retry_seconds = 0.05; /* a store that is back is noticed soon */
    world->settings.spool.retry_max_seconds = 0.05;
    if (batch_size)
        world->settings.spool.batch_size = batch_size;
    add_camera(&world->settings, "door", "default");
    add_camera(&world->settings, "elsewhere", "other");
    add_camera(&world->settings, "hall", "default");
    world->hub = (struct hub){
        .settings = &world->settings,
        .clock = clock_system(),
        .answered_lock = PTHREAD_MUTEX_INITIALIZER,
        .answered = G_QUEUE_INIT,
        .live = live_new(&world->settings.cameras),
        .workers = g_ptr_array_new_with_free_func(hub_worker_free),
        .not_placed = camera_array_new(),
        .breaker_words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    world->hub.store =
        store_open(world->directory, &world->settings.store, world->hub.clock, &world->hub.health, &error);
    g_assert_no_error(error);
    const struct record_path_parts parts = {.data_dir = world->directory,
                                            .settings = &world->settings,
                                            .clock = world->hub.clock,
                                            .store = world->hub.store,
                                            .live = world->hub.live,
                                            .health = &world->hub.health};
    world->hub.records = record_path_open(&parts, &error);
    g_assert_no_error(error);
    live_subscribe(world->hub.live, count_publication, world);
    hub_place_cameras(&world->hub);
    world->worker = g_ptr_array_index(world->hub.workers, 0);
    connect_worker(world);
}

static inline void world_init(struct world *world)
{
    world_init_batches(world, 0);
}

static inline void world_clear(struct world *world)
{
    plan_faults(NULL);
    record_path_close(world->hub.records);
    store_close(world->hub.store);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_ptr_array_unref(world->hub.workers);
    g_ptr_array_unref(world->hub.not_placed);
    g_hash_table_unref(world->hub.breaker_words);
    link_free(world->peer);
    live_free(world->hub.live);
    record_clear(&settings_descriptor, &world->settings);
    remove_directory(world->directory);
    g_free(world->directory);
}

/* ---- the worker's side ---- */

static inline void say(struct world *world, enum link_type type, const void *body, size_t length)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(link_send(world->peer, type, body, length, &error));
    g_assert_true(link_flush(world->peer, DEADLINE_US / 1000));
}

/* Says something and lets the hub read it. */
static inline bool tell(struct world *world, enum link_type type, const void *body, size_t length, GError **error)
{
    say(world, type, body, length);
    return intake_read(world->worker, error);
}

#define GOOD_HELLO                                                                                                     \
    "{\"protocol_version\":2,\"worker_id\":\"worker-1\",\"is_sandboxed\":true,\"cannot_read_hub_files\":true,"         \
    "\"cannot_gain_privileges\":true,\"is_not_dumpable\":true,\"sandbox_detail\":\"Landlock\"}"

/* What the hub answers next, or 0 when it says nothing. */
static inline int answer(struct world *world, char **text)
{
    enum link_type type;
    const void *body;
    size_t length;
    g_assert_true(link_flush(world->worker->link, DEADLINE_US / 1000));
    if (!link_receive(world->peer, 0, &type, &body, &length, NULL))
        return 0;
    if (text)
        *text = g_strndup(body, length);
    return type;
}

static inline void be_admitted(struct world *world)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(tell(world, LINK_HELLO, GOOD_HELLO, strlen(GOOD_HELLO), &error));
    while (answer(world, NULL) != LINK_START)
        ;
}

static inline char *crossing(const char *id, const char *camera, const char *payload_camera)
{
    return g_strdup_printf("{\"id\":\"%s\",\"type\":\"line_crossing\",\"org_id\":\"other\",\"site_id\":\"stolen\","
                           "\"camera_id\":\"%s\",\"occurred_at\":\"2026-01-01T00:00:00.000Z\","
                           "\"received_at\":\"2001-01-01T00:00:00.000Z\",\"priority\":5,\"count\":\"zone_inside\","
                           "\"count_amount\":999,\"payload\":{\"id\":\"%s\","
                           "\"camera_id\":\"%s\",\"line_id\":\"door\",\"track_id\":7,\"direction\":\"in\","
                           "\"smuggled\":\"<script>\",\"at\":\"2026-01-01T00:00:00.000Z\",\"box\":[0,0,0.1,0.1]}}\n",
                           id, camera, id, payload_camera);
}

static inline void say_batch(struct world *world, uint64_t sequence, const char *ndjson)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    sequence = GUINT64_TO_LE(sequence);
    g_byte_array_append(body, (const guint8 *)&sequence, sizeof sequence);
    g_byte_array_append(body, (const guint8 *)ndjson, (guint)strlen(ndjson));
    say(world, LINK_EVENTS, body->data, body->len);
}

static inline gboolean on_deadline(gpointer condition)
{
    g_error("never came true: %s", (const char *)condition);
    return G_SOURCE_REMOVE;
}

static inline gboolean on_heard(gint fd, GIOCondition condition, gpointer data)
{
    (void)fd;
    (void)condition;
    (void)data;
    return G_SOURCE_CONTINUE;
}

static inline gboolean on_tick(gpointer data)
{
    (void)data;
    return G_SOURCE_CONTINUE;
}

/* Runs the main loop until the condition holds, which something that the loop does, the hub says, or another thread
 * counts brings about; of the last nothing wakes the loop, which looks by itself. */
#define RUN_UNTIL(world, condition)                                                                                    \
    do {                                                                                                               \
        guint deadline_ = g_timeout_add(DEADLINE_US / 1000, on_deadline, (gpointer)(uintptr_t) #condition),            \
              heard_ = g_unix_fd_add(link_fd((world)->peer), G_IO_IN, on_heard, NULL),                                 \
              tick_ = g_timeout_add(1, on_tick, NULL);                                                                 \
        while (!(condition))                                                                                           \
            g_main_context_iteration(NULL, TRUE);                                                                      \
        g_source_remove(deadline_);                                                                                    \
        g_source_remove(heard_);                                                                                       \
        g_source_remove(tick_);                                                                                        \
    } while (0)

/* Asserts which batch it is that the hub acknowledges. */
static inline void await_acknowledgement(struct world *world, uint64_t sequence)
{
    g_autofree char *text = NULL;
    RUN_UNTIL(world, answer(world, &text) == LINK_ACKNOWLEDGE);
    uint64_t told;
    memcpy(&told, text, sizeof told);
    g_assert_cmpuint(GUINT64_FROM_LE(told), ==, sequence);
}

/* ---- what is stored ---- */

/* Waits until so many records are in the store: they come there after they were acknowledged. */
static inline GPtrArray *stored(struct world *world, const char *org, guint count)
{
    const struct store_event_filter filter = {.org_id = org, .limit = 100};
    for (int64_t until_us = g_get_monotonic_time() + DEADLINE_US;;) {
        g_autoptr(GError) error = NULL;
        GPtrArray *events = store_events_list(world->hub.store, &filter, &error);
        g_assert_no_error(error);
        if (events->len >= count)
            return events;
        g_ptr_array_unref(events);
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500);
    }
}

static inline void wait_for_count(const int64_t *counter, int64_t value)
{
    int64_t until_us = g_get_monotonic_time() + DEADLINE_US;
    while (counter_get(counter) != value) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500);
    }
}
