/* Signals, and the incidents that came of them. VEDETTE_TEST_STORE says which engine. */
#pragma once

#include "store_world.h"

#include "facts/incident.h"
#include "store/audit.h"
#include "store/rows.h"
#include "store/store_internal.h"

static const struct audit_by by = {"default", "u-1", "Ada", NULL, NULL};

static inline struct analytics_event *intrusion(struct store_world *world, const char *id, const char *camera,
                                                int seconds)
{
    return world_signal(world, id, camera, "safety", "intrusion", "high", world_start_ms + seconds * INT64_C(1000));
}

static inline GPtrArray *one_of(struct analytics_event *event)
{
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, event);
    return batch;
}

static inline void store_one(struct store_world *world, struct analytics_event *event)
{
    world_store(world, one_of(event));
}

/* Newest first: "door 2 open, gate 1 open". */
static inline char *incidents(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    const struct store_row_filter filter = {.org_id = "default", .limit = 100};
    GPtrArray *rows = store_rows_list(world->store, &store_incidents, &filter, &error);
    GString *words = g_string_new(NULL);
    g_assert_no_error(error);
    for (guint i = 0; i < rows->len; i++) {
        const struct incident *incident = g_ptr_array_index(rows, i);
        g_string_append_printf(words, "%s%s %d %s%s", i ? ", " : "", incident->camera_id, (int)incident->signal_count,
                               record_enum_name(incident_status_names, incident->status),
                               incident->ended_at.ms ? " over" : "");
    }
    store_rows_free(&store_incidents, rows);
    return g_string_free(words, FALSE);
}

#define ASSERT_INCIDENTS(world, words)                                                                                 \
    do {                                                                                                               \
        g_autofree char *found_ = incidents(world);                                                                    \
        g_assert_cmpstr(found_, ==, words);                                                                            \
    } while (0)

static inline bool resolve(void *data, void *record, GError **error)
{
    (void)data;
    (void)error;
    ((struct incident *)record)->status = INCIDENT_RESOLVED;
    return true;
}

/* "opened door, closed gate"; they are removed where `is_taken`. */
static inline char *changes_of(struct store_world *world, const char *org_id, bool is_taken)
{
    g_autoptr(GError) error = NULL;
    int skipped = 0;
    g_autoptr(GPtrArray) changes = store_incident_changes_list(world->store, org_id, &skipped, 100, &error);
    GString *words = g_string_new(NULL);
    g_assert_no_error(error);
    for (guint i = 0; i < changes->len; i++) {
        const struct incident_change *change = g_ptr_array_index(changes, i);
        g_assert_nonnull(strstr(change->incident.text, change->incident_id));
        g_string_append_printf(words, "%s%s %s", i ? ", " : "", record_enum_name(incident_step_names, change->step),
                               change->camera_id);
    }
    g_assert_true(!is_taken || store_incident_changes_remove(world->store, org_id, changes, &error));
    return g_string_free(words, FALSE);
}
