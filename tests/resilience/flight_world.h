/* A cache, the upstream behind it and those who ask it. The clock is the test's; threads meet at barriers. */
#pragma once

#include "vedette/flight.h"

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND_US = 1000000, MANY = 1000, MANY_KEYS = 1000000, STACK_BYTES = 256 << 10 };

struct upstream {
    struct vedette_flight *flight;
    int64_t now_us;  /* atomic */
    int calls;       /* atomic */
    int waiting;     /* atomic: threads that were started */
    bool is_held;    /* atomic: a load does not end before it is false */
    int inside[16];  /* atomic: loads of each key now, by the low bits of its first letter */
    bool is_doubled; /* atomic: two of one key were under way at once */
    int dying;       /* the load of this number takes its thread with it */
    enum vedette_flight_result result;
    struct vedette_flight_config config;
};

static inline int64_t now_us(void *data)
{
    return __atomic_load_n(&((struct upstream *)data)->now_us, __ATOMIC_RELAXED);
}

static inline enum vedette_flight_result load(void *data, const char *tenant, const char *key,
                                              struct vedette_flight_answer *answer)
{
    struct upstream *upstream = data;
    int *inside = &upstream->inside[key[0] & 15];
    int number = __atomic_add_fetch(&upstream->calls, 1, __ATOMIC_ACQ_REL);
    if (__atomic_fetch_add(inside, 1, __ATOMIC_ACQ_REL))
        __atomic_store_n(&upstream->is_doubled, true, __ATOMIC_RELEASE);
    while (__atomic_load_n(&upstream->is_held, __ATOMIC_ACQUIRE))
        g_usleep(200);
    __atomic_fetch_sub(inside, 1, __ATOMIC_ACQ_REL);
    if (number == upstream->dying)
        pthread_exit(NULL);
    if (upstream->result == VEDETTE_FLIGHT_FAILED) {
        answer->error = strdup("the upstream is down");
        return VEDETTE_FLIGHT_FAILED;
    }
    if (upstream->result == VEDETTE_FLIGHT_NOT_FOUND)
        return VEDETTE_FLIGHT_NOT_FOUND;
    answer->value = malloc(100);
    answer->length = (size_t)snprintf(answer->value, 100, "%s/%s/%d", tenant, key, number);
    return VEDETTE_FLIGHT_OK;
}

static inline void upstream_init(struct upstream *upstream)
{
    *upstream = (struct upstream){.now_us = INT64_C(1000) * SECOND_US, .result = VEDETTE_FLIGHT_OK};
    vedette_flight_config_init(&upstream->config);
    upstream->config.ttl_jitter = 0;
    upstream->config.time = (struct vedette_time_source){.now_us = now_us, .data = upstream};
}

static inline void upstream_start(struct upstream *upstream)
{
    upstream->flight = vedette_flight_new(&upstream->config, NULL);
    g_assert_nonnull(upstream->flight);
}

static inline void advance(struct upstream *upstream, int64_t us)
{
    __atomic_add_fetch(&upstream->now_us, us, __ATOMIC_RELAXED);
}

static inline enum vedette_flight_result get(struct upstream *upstream, const char *tenant, const char *key,
                                             char **text)
{
    struct vedette_flight_answer answer;
    enum vedette_flight_result result =
        vedette_flight_get(upstream->flight, tenant, key, load, upstream, INT64_MAX, &answer);
    if (text)
        *text = answer.value ? g_strndup(answer.value, answer.length) : g_strdup(answer.error);
    free(answer.value);
    free(answer.error);
    return result;
}

static inline void assert_answer(struct upstream *upstream, const char *tenant, const char *key, const char *expected)
{
    g_autofree char *text = NULL;
    get(upstream, tenant, key, &text);
    g_assert_cmpstr(text, ==, expected);
}

static inline struct vedette_flight_stats stats_of(struct upstream *upstream)
{
    struct vedette_flight_stats stats;
    vedette_flight_get_stats(upstream->flight, &stats);
    return stats;
}

struct asker {
    struct upstream *upstream;
    const char *key;
    int64_t deadline_us;      /* 0: none */
    vedette_flight_load load; /* NULL: the upstream's */
    enum vedette_flight_result result;
    char text[100]; /* what it was given */
    pthread_t thread;
};

static inline void *ask(void *data)
{
    struct asker *asker = data;
    struct vedette_flight_answer answer;
    __atomic_add_fetch(&asker->upstream->waiting, 1, __ATOMIC_RELAXED);
    asker->result = vedette_flight_get(asker->upstream->flight, "org", asker->key, asker->load ? asker->load : load,
                                       asker->upstream, asker->deadline_us ? asker->deadline_us : INT64_MAX, &answer);
    g_snprintf(asker->text, sizeof asker->text, "%.*s", (int)answer.length,
               answer.value ? (const char *)answer.value : "");
    free(answer.value);
    free(answer.error);
    return NULL;
}

static inline void start_asker(struct asker *asker, struct upstream *upstream, const char *key)
{
    asker->upstream = upstream;
    asker->key = key;
    pthread_attr_t small; /* there are many */
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    g_assert_cmpint(pthread_create(&asker->thread, &small, ask, asker), ==, 0);
    pthread_attr_destroy(&small);
}

static inline void until_joined(struct upstream *upstream, int64_t joined)
{
    while (stats_of(upstream).joined < joined)
        g_usleep(200);
}

static inline void until_called(struct upstream *upstream, int calls)
{
    while (__atomic_load_n(&upstream->calls, __ATOMIC_ACQUIRE) < calls)
        g_usleep(200);
}

/* Someone asks for "a", and the call does not end until the upstream is let go. */
static inline void begin_held(struct upstream *upstream, struct asker *leader)
{
    upstream_init(upstream);
    upstream_start(upstream);
    upstream->is_held = true;
    start_asker(leader, upstream, "a");
    until_called(upstream, 1);
}
