/* A directory, a clock that stands still, and signals to tell of. */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/clock.h"
#include "facts/settings.h"
#include "notify/notify_internal.h"

#define NOTIFY_SECRET "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

static const int64_t notify_start_ms = INT64_C(1767225600000); /* 2026-01-01T00:00:00Z */

struct notify_world {
    char *directory;
    struct clock *clock;
    struct vedette_resilience *resilience;
    struct settings settings;
};

static int64_t world_now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

static inline void world_init(struct notify_world *world)
{
    struct vedette_resilience_config config;
    *world = (struct notify_world){.directory = g_dir_make_tmp("vedette-notify-XXXXXX", NULL),
                                   .clock = clock_fake_new(notify_start_ms)};
    vedette_resilience_config_init(&config);
    config.breaker.time = (struct vedette_time_source){.now_us = world_now_us, .data = world->clock};
    world->resilience = vedette_resilience_new("test", &config, NULL);
    record_init(&settings_descriptor, &world->settings);
    clock_fake_advance_us(world->clock, G_USEC_PER_SEC);
}

static inline void world_remove(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        world_remove(inner);
    }
    if (dir)
        g_dir_close(dir);
    g_remove(path);
}

static inline void world_clear(struct notify_world *world)
{
    vedette_resilience_free(world->resilience);
    record_clear(&settings_descriptor, &world->settings);
    world_remove(world->directory);
    clock_fake_free(world->clock);
    g_free(world->directory);
}

/* Replaces a text of the settings. */
static inline void world_set(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

static inline struct notify_webhook *world_add_webhook(struct notify_world *world, const char *id, const char *org_id,
                                                       const char *url)
{
    struct notify_webhook *webhook = record_list_append(&world->settings.notify.webhooks, &notify_webhook_descriptor);
    webhook->id = g_strdup(id);
    world_set(&webhook->org_id, org_id);
    webhook->url = g_strdup(url);
    webhook->secret = g_strdup(NOTIFY_SECRET);
    return webhook;
}

static inline struct notify *world_open(struct notify_world *world)
{
    g_autoptr(GError) error = NULL;
    const struct notify_parts parts = {.data_dir = world->directory,
                                       .settings = &world->settings.notify,
                                       .clock = world->clock,
                                       .resilience = world->resilience};
    struct notify *notify = notify_open(&parts, &error);
    g_assert_no_error(error);
    return notify;
}

/* A signal's event of a camera "door"; world_event_free. */
static inline struct analytics_event *world_signal(const char *id, const char *org_id, const char *kind,
                                                   enum severity severity)
{
    struct analytics_event *event = g_new(struct analytics_event, 1);
    g_autoptr(GString) json = g_string_new(NULL);
    struct signal signal;
    record_init(&signal_descriptor, &signal);
    signal = (struct signal){.id = g_strdup(id),
                             .org_id = g_strdup(org_id),
                             .site_id = g_strdup("main"),
                             .camera_id = g_strdup("door"),
                             .service = SERVICE_SAFETY,
                             .kind = g_strdup(kind),
                             .severity = severity,
                             .started_at = {notify_start_ms}};
    record_encode_json(&signal_descriptor, &signal, true, json);
    record_clear(&signal_descriptor, &signal);
    record_init(&analytics_event_descriptor, event);
    event->id = g_strdup(id);
    event->type = EVENT_SIGNAL;
    event->org_id = g_strdup(org_id);
    event->site_id = g_strdup("main");
    event->camera_id = g_strdup("door");
    event->occurred_at.ms = notify_start_ms;
    event->priority = 7;
    event->payload.text = g_string_free(g_steal_pointer(&json), FALSE);
    return event;
}

static inline void world_event_free(struct analytics_event *event)
{
    record_clear(&analytics_event_descriptor, event);
    g_free(event);
}

static inline void world_tell(struct notify *notify, const char *id, const char *org_id, const char *kind,
                              enum severity severity)
{
    struct analytics_event *event = world_signal(id, org_id, kind, severity);
    notify_ensure(notify, &event, 1);
    world_event_free(event);
}

struct looking {
    const char *id;
    struct endpoint_health *health;
};

static inline void look_at(void *data, const struct endpoint_health *health)
{
    struct looking *looking = data;
    if (strcmp(health->id, looking->id) == 0) {
        record_clear(&endpoint_health_descriptor, looking->health);
        record_copy(&endpoint_health_descriptor, health, looking->health);
    }
}

/* Of an endpoint of any org; `health` is cleared before, so zero it at first. */
static inline void world_look(struct notify *notify, const char *id, struct endpoint_health *health)
{
    struct looking looking = {id, health};
    notify_each_endpoint(notify, NULL, look_at, &looking);
    g_assert_cmpstr(health->id, ==, id);
}
