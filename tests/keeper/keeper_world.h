/* A keeper of a store with one camera, door. */
#pragma once

#include <stdatomic.h>

#include "../store/store_world.h"
#include "keeper/keeper.h"

struct world {
    struct store_world store;
    struct settings settings;
    struct policy_keeper *keeper;
    atomic_bool is_over; /* the test's own */
};

static inline void world_begin(struct world *world)
{
    g_autoptr(GError) error = NULL;
    *world = (struct world){0};
    world_init(&world->store);
    record_init(&settings_descriptor, &world->settings);
    struct camera *camera = record_list_append(&world->settings.cameras, &camera_descriptor);
    camera->id = g_strdup("door");
    camera->source = g_strdup("rtsp://10.0.0.7/s");
    g_assert_true(store_camera_put(world->store.store, camera, &error));
    const struct policy_keeper_config config = {
        .store = world->store.store, .settings = &world->settings, .clock = world->store.clock};
    world->keeper = policy_keeper_new(&config, &error);
    g_assert_no_error(error);
}

static inline void world_end(struct world *world)
{
    policy_keeper_free(world->keeper);
    record_clear(&settings_descriptor, &world->settings);
    world_clear(&world->store);
}
