/* A breaker whose clock is the test's, and what it told of its changes. */
#pragma once

#include "vedette/breaker.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>

enum { SECOND_US = 1000000, THREADS = 64 };

struct world {
    int64_t now_us; /* atomic */
    uint64_t random;
    struct vedette_breaker_config config;
    struct vedette_breaker *breaker;
    GString *changes; /* "closed>open " */
    GString *illegal; /* "closed>2 " */
};

static inline int64_t now_us(void *data)
{
    return __atomic_load_n(&((struct world *)data)->now_us, __ATOMIC_RELAXED);
}

static inline uint64_t give_random(void *data)
{
    return ((struct world *)data)->random;
}

static inline void note_change(void *data, enum vedette_breaker_state from, enum vedette_breaker_state to)
{
    struct world *world = data;
    g_string_append_printf(world->changes, "%s>%s ", vedette_breaker_state_name(from), vedette_breaker_state_name(to));
    if (world->breaker) { /* outside the lock: this must not hang */
        struct vedette_breaker_stats stats;
        vedette_breaker_get_stats(world->breaker, &stats);
    }
}

static inline void note_illegal(void *data, enum vedette_breaker_state from, int to)
{
    struct world *world = data;
    g_string_append_printf(world->illegal, "%s>%d ", vedette_breaker_state_name(from), to);
}

static inline void world_prepare(struct world *world)
{
    *world = (struct world){
        .now_us = INT64_C(1000) * SECOND_US, .changes = g_string_new(NULL), .illegal = g_string_new(NULL)};
    vedette_breaker_config_init(&world->config);
    world->config.time = (struct vedette_time_source){now_us, give_random, world};
    world->config.changed = note_change;
    world->config.illegal = note_illegal;
    world->config.changed_data = world;
}

static inline void world_start(struct world *world)
{
    const char *why = NULL;
    world->breaker = vedette_breaker_new(&world->config, &why);
    g_assert_null(why);
    g_assert_nonnull(world->breaker);
}

static inline void world_init(struct world *world)
{
    world_prepare(world);
    world_start(world);
}

static inline void world_clear(struct world *world)
{
    vedette_breaker_free(world->breaker);
    g_string_free(world->changes, TRUE);
    g_string_free(world->illegal, TRUE);
}

static inline void advance(struct world *world, int64_t us)
{
    __atomic_add_fetch(&world->now_us, us, __ATOMIC_RELAXED);
}

/* False when the breaker refused it. */
static inline bool call(struct world *world, enum vedette_outcome outcome)
{
    struct vedette_permit permit;
    if (!vedette_breaker_acquire(world->breaker, &permit, NULL))
        return false;
    vedette_breaker_release(world->breaker, &permit, outcome);
    return true;
}

static inline struct vedette_breaker_stats stats_of(struct world *world)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(world->breaker, &stats);
    return stats;
}

static inline void assert_state(struct world *world, enum vedette_breaker_state state)
{
    g_assert_cmpstr(vedette_breaker_state_name(stats_of(world).state), ==, vedette_breaker_state_name(state));
}

static inline void open_it(struct world *world)
{
    for (int i = 0; i < world->config.failure_threshold; i++)
        g_assert_true(call(world, VEDETTE_FAILURE));
    assert_state(world, VEDETTE_BREAKER_OPEN);
}

static inline void half_open_it(struct world *world)
{
    open_it(world);
    advance(world, stats_of(world).retry_after_us);
}

struct race {
    struct world *world;
    pthread_barrier_t barrier;
    int passed; /* atomic */
};
