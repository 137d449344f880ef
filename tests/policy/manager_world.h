/* A manager of policies whose source says what the test wants. */
#pragma once

#include "policy/manager.h"

#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>

/* ---- a source that says what the test wants ---- */

struct world {
    char *directory, *snapshot;
    struct clock *clock;
    pthread_mutex_t lock;
    enum policy_type type;
    const char *config; /* of acme's policy of the type; NULL: there is none */
    const char *hiding; /* of its privacy policy, beside that; NULL: there is none */
    int64_t revision;
    bool is_away;
    int loads, changes;
    double seen; /* loitering_seconds at the latest change; -1: none */
    double hold_seconds;
};

static inline bool load(void *data, void (*add)(void *add_data, const struct policy_document *document), void *add_data,
                        int64_t *revision, GError **error)
{
    struct world *world = data;
    pthread_mutex_lock(&world->lock);
    bool is_away = world->is_away;
    world->loads++;
    *revision = world->revision;
    if (!is_away && world->config)
        add(add_data, &(struct policy_document){{.org_id = "acme"}, world->type, world->config, world->revision});
    if (!is_away && world->hiding)
        add(add_data, &(struct policy_document){{.org_id = "acme"}, POLICY_PRIVACY, world->hiding, world->revision});
    if (is_away)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "the store is away");
    pthread_mutex_unlock(&world->lock);
    return !is_away;
}

static inline double loitering(struct policy_set *set)
{
    const struct policy_scope door = {.org_id = "acme", .camera_id = "door"};
    CLEANUP(policy_view) struct policy_view *view = policy_view_new(set, &door, 1, 0, NULL);
    const struct safety_policy *safety = policy_camera_record(policy_view_at(view, 0), POLICY_SAFETY);
    return safety->loitering_seconds.is_present ? safety->loitering_seconds.value : -1;
}

static inline void on_changed(void *data, struct policy_set *set)
{
    struct world *world = data;
    double seen = loitering(set);
    pthread_mutex_lock(&world->lock);
    world->changes++;
    world->seen = seen;
    pthread_mutex_unlock(&world->lock);
}

static inline void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    pthread_mutex_init(&world->lock, NULL);
    world->directory = g_dir_make_tmp("vedette-policy-XXXXXX", NULL);
    world->snapshot = g_build_filename(world->directory, "policies.snapshot", NULL);
    world->clock = clock_fake_new(1000);
    world->type = POLICY_SAFETY;
    world->config = "{\"loitering_seconds\":7}";
    world->revision = 1;
    world->seen = -1;
    world->hold_seconds = 20;
}

static inline void world_clear(struct world *world)
{
    g_unlink(world->snapshot);
    g_rmdir(world->directory);
    clock_fake_free(world->clock);
    g_free(world->directory);
    g_free(world->snapshot);
}

static inline struct policy_manager *manage(struct world *world, double poll_seconds)
{
    const struct policy_manager_config config = {.snapshot_path = world->snapshot,
                                                 .poll_seconds = poll_seconds,
                                                 .hold_seconds = world->hold_seconds,
                                                 .clock = world->clock,
                                                 .changed = on_changed,
                                                 .data = world};
    const struct policy_source source = {load, world};
    return policy_manager_new(&config, &source);
}

static inline void say(struct world *world, const char *config, int64_t revision)
{
    pthread_mutex_lock(&world->lock);
    world->config = config;
    world->revision = revision;
    pthread_mutex_unlock(&world->lock);
}

static inline double in_force(struct policy_manager *manager)
{
    CLEANUP(policy_set) struct policy_set *set = policy_manager_get_set(manager);
    return loitering(set);
}
