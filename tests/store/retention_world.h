/* Retention on a store whose clock and rows a test sets: what a run of it takes, as words. */
#pragma once

#include "store/retention_internal.h"
#include "upkeep_world.h"

static inline struct retention_settings retention_settings(void)
{
    struct retention_settings settings;
    record_init(&retention_settings_descriptor, &settings);
    settings.batch_rows = 7;
    settings.pause_ms = 0;
    settings.clock_gap_days = 0;
    return settings;
}

/* What went, or would, as "table rows, …", or the error. */
static inline char *retain(struct store_world *world, const struct retention_settings *settings, bool is_dry)
{
    const struct store_retention retention = {.settings = settings, .is_dry = is_dry};
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(retention_result_free);
    g_autoptr(GError) error = NULL;
    GString *text = g_string_new(NULL);
    bool is_good = store_retention_run(world->store, &retention, results, &error);
    for (guint i = 0; i < results->len; i++) {
        const struct retention_result *result = g_ptr_array_index(results, i);
        if (result->rows)
            g_string_append_printf(text, "%s%s %d", text->len ? ", " : "", result->table, (int)result->rows);
    }
    if (!is_good)
        g_string_append(text, error->message);
    return g_string_free(text, FALSE);
}

static inline void expect_retained(struct store_world *world, const struct retention_settings *settings,
                                   const char *expected)
{
    g_autofree char *dry = retain(world, settings, true), *done = retain(world, settings, false);
    g_autofree char *again = retain(world, settings, false);
    g_assert_cmpstr(dry, ==, expected); /* --dry-run is the run */
    g_assert_cmpstr(done, ==, expected);
    g_assert_cmpstr(again, ==, "");
}

static inline struct analytics_event *signal_at(struct store_world *world, const char *camera_id, int64_t at_ms)
{
    struct analytics_event *event = world_event(
        world, NULL, EVENT_SIGNAL, at_ms,
        g_strdup_printf("{\"id\":\"x\",\"camera_id\":\"%s\",\"service\":\"safety\",\"kind\":\"fall\",\"severity\":"
                        "\"high\",\"started_at\":\"2026-01-01T00:00:00Z\"}",
                        camera_id));
    g_free(event->camera_id);
    event->camera_id = g_strdup(camera_id);
    return event;
}
