/* A monitor on a hub with cameras, a store and a spool, whose clock is moved by hand. VEDETTE_TEST_STORE=postgres: the
 * store is in PostgreSQL. */
#pragma once

#include "hub/hub_internal.h"

#include "../store/postgres_world.h"
#include "base/counter.h"
#include "directory.h"

#include <glib/gstdio.h>
#include <jansson.h>
#include <sqlite3.h>
#include <string.h>

enum { START_MS = 1750000000, SECOND_US = 1000000, DEADLINE_US = 60 * 1000000 };

struct world {
    char *directory;
    struct settings settings;
    struct clock *clock;
    struct hub hub;
    int64_t frames;
    const char *breaker;  /* NULL: none is told */
    struct world *beside; /* whose store and clock it has; NULL: it has its own */
};

static inline void add_camera(struct world *world, const char *id, const char *org_id)
{
    struct camera *camera = record_list_append(&world->settings.cameras, &camera_descriptor);
    camera->id = g_strdup(id);
    g_free(camera->org_id);
    camera->org_id = g_strdup(org_id);
    camera->source = g_strdup("rtsp://127.0.0.1/x");
}

static inline void world_prepare_with(struct world *world, struct clock *clock)
{
    *world = (struct world){.directory = g_dir_make_tmp("vedette-monitor-XXXXXX", NULL), .clock = clock};
    record_init(&settings_descriptor, &world->settings);
    world->settings.store.minimum_free_bytes = 0;
    add_camera(world, "door", "default");
}

/* PostgreSQL has parts for the days around its own today. */
static inline void world_prepare(struct world *world)
{
    world_prepare_with(world,
                       clock_fake_new(world_is_postgres() ? clock_wall_ms(clock_system()) : INT64_C(1000) * START_MS));
    if (!world_is_postgres())
        return;
    g_autofree char *database = postgres_database();
    g_free(world->settings.store.url);
    world->settings.store.url = postgres_url("vedette_login", database);
}

static inline struct store *world_open_store(struct world *world)
{
    g_autoptr(GError) error = NULL;
    if (world->beside)
        return world->beside->hub.store;
    struct store *store =
        store_open(world->directory, &world->settings.store, world->clock, &world->hub.health, &error);
    g_assert_no_error(error);
    return store;
}

/* `is_held`: nothing is stored until record_path_release. */
static inline void world_open(struct world *world, bool is_held)
{
    g_autoptr(GError) error = NULL;
    world->hub = (struct hub){.settings = &world->settings,
                              .data_dir = world->directory,
                              .clock = world->clock,
                              .live = live_new(&world->settings.cameras),
                              .workers = g_ptr_array_new()};
    live_set_clock(world->hub.live, world->clock);
    world->hub.store = world_open_store(world);
    const struct record_path_parts parts = {.data_dir = world->directory,
                                            .settings = &world->settings,
                                            .clock = world->clock,
                                            .store = world->hub.store,
                                            .live = world->hub.live,
                                            .health = &world->hub.health,
                                            .is_held = is_held};
    world->hub.records = record_path_open(&parts, &error);
    g_assert_no_error(error);
    world->hub.monitor = monitor_new(&world->hub);
}

static inline void world_init(struct world *world)
{
    world_prepare(world);
    world_open(world, false);
}

/* Another server of the same store, which ends before it. */
static inline void world_init_beside(struct world *world, struct world *first)
{
    world_prepare_with(world, first->clock);
    world->beside = first;
    world_open(world, false);
}

/* As the hub ends. */
static inline void world_close(struct world *world)
{
    monitor_stop(world->hub.monitor);
    record_path_close(world->hub.records);
    monitor_free(world->hub.monitor);
    if (!world->beside)
        store_close(world->hub.store);
    live_free(world->hub.live);
    g_ptr_array_unref(world->hub.workers);
}

static inline void world_clear(struct world *world)
{
    world_close(world);
    record_clear(&settings_descriptor, &world->settings);
    if (!world->beside)
        clock_fake_free(world->clock);
    remove_directory(world->directory);
    g_free(world->directory);
}

/* The monitor's clock is the test's, the drain's speed is the machine's: without this a second of the clock may pass in
 * no time, and what is on its way into the store would stand still by the clock. */
static inline void await_drained(struct world *world)
{
    struct vedette_spool_stats stats;
    for (int64_t until_us = g_get_monotonic_time() + DEADLINE_US;;) {
        vedette_spool_get_stats(record_path_spool(world->hub.records), &stats);
        if (stats.total_queued == 0)
            return;
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500); /* between looks */
    }
}

/* The worker speaks each second, and the monitor looks each second. */
static inline void pass(struct world *world, const char *state, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        world->frames += g_strcmp0(state, "online") == 0 ? 25 : 0;
        struct camera_health health = {.camera_id = (char *)"door",
                                       .state = (char *)(uintptr_t)state,
                                       .last_error = (char *)"",
                                       .circuit_breaker_state = (char *)(uintptr_t)world->breaker,
                                       .frames_decoded = world->frames,
                                       .frames_processed = world->frames};
        if (state)
            live_set_health(world->hub.live, &health);
        monitor_turn(world->hub.monitor);
        await_drained(world);
        clock_fake_advance_us(world->clock, SECOND_US);
    }
}

static inline char *kind_of(const struct analytics_event *event)
{
    json_t *payload = json_loads(event->payload.text, 0, NULL);
    char *kind = g_strdup(json_string_value(json_object_get(payload, "kind")));
    json_decref(payload);
    return kind;
}

/* An org's signals stored so far, oldest first: "camera_offline camera_recovered". Waits until there are `count`. */
static inline char *signals_of(struct world *world, const char *org_id, guint count)
{
    const struct store_event_filter filter = {.org_id = org_id, .limit = 100};
    for (int64_t until_us = g_get_monotonic_time() + DEADLINE_US;;) {
        g_autoptr(GPtrArray) events = store_events_list(world->hub.store, &filter, NULL);
        if (events->len >= count) {
            GString *kinds = g_string_new(NULL);
            for (guint i = events->len; i-- > 0;) {
                g_autofree char *kind = kind_of(g_ptr_array_index(events, i));
                g_string_append_printf(kinds, "%s%s", kinds->len ? " " : "", kind);
            }
            return g_string_free(kinds, FALSE);
        }
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_usleep(500);
    }
}

static inline void assert_signals(struct world *world, guint count, const char *expected)
{
    g_autofree char *kinds = signals_of(world, "default", count);
    g_assert_cmpstr(kinds, ==, expected);
}

/* Says that it is on line, once a second, and gives no frame. */
static inline void pass_without_frames(struct world *world, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        world->frames -= 25;
        pass(world, "online", 1);
    }
}
