/* A server that stops for as long as its test likes, as if one of its requests took so long. */
#pragma once

#include "api/api_internal.h"
#include "api_world.h"

static inline void *world_stop_api(void *api)
{
    api_stop(api);
    return NULL;
}

static inline bool world_is_stopping(const struct api_world *world)
{
    bool is_held = watch_hold(world->api->watch);
    if (is_held)
        watch_release(world->api->watch);
    return !is_held;
}

/* world_end_stop what it returns. */
static inline GThread *world_begin_stop(const struct api_world *world)
{
    g_assert_true(watch_hold(world->api->watch));
    GThread *stopping = g_thread_new("stop", world_stop_api, world->api);
    WORLD_AWAIT(world_is_stopping(world));
    return stopping;
}

static inline void world_end_stop(struct api_world *world, GThread *stopping)
{
    watch_release(world->api->watch);
    g_thread_join(stopping);
    world->api = NULL;
}
