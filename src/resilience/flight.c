/* One lock for the whole cache; loads run outside it. Whoever asks first for a key is its leader and makes the call;
 * who comes meanwhile waits on the entry's condition. An entry lives as long as somebody holds it (`users`) or the
 * table does. */
#include "vedette/flight.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "base/wait.h"
#include "resilience/resilience_internal.h"

enum { WAIT_SLICE_MS = 50 }; /* the deadline is the cache's clock's, which may be a test's: look at it now and then */

struct entry {
    char *key; /* tenant, NUL, key */
    size_t key_length;
    unsigned users;
    bool is_listed;   /* in the table and the list */
    bool is_loading;  /* `leader` makes the call */
    bool is_unwanted; /* invalidated while it was loading: not kept */
    pthread_t leader;
    uint64_t round; /* counts finished loads: who waits for one sees it end */
    pthread_cond_t done;
    enum vedette_flight_result result; /* 0: nothing known */
    void *value;
    size_t length;
    char *error;
    int64_t fresh_until_us, stale_until_us;
    GList link; /* in flight.used, newest first */
};

struct vedette_flight {
    struct vedette_flight_config config;
    pthread_mutex_t lock;
    pthread_cond_t emptied;
    struct random random;
    GHashTable *table; /* entry (as its own key) → entry */
    GQueue used;
    size_t bytes;
    unsigned inside; /* callers */
    bool is_closed;
    struct vedette_flight_stats stats;
};

void vedette_flight_config_init(struct vedette_flight_config *config)
{
    *config = (struct vedette_flight_config){
        .ttl_us = INT64_C(300) * US_PER_SECOND,
        .ttl_jitter = 0.1,
        .not_found_ttl_us = INT64_C(30) * US_PER_SECOND,
        .failure_ttl_us = INT64_C(5) * US_PER_SECOND,
        .max_entries = 10000,
        .max_bytes = (size_t)64 << 20,
    };
}

static guint hash_entry(gconstpointer pointer)
{
    const struct entry *entry = pointer;
    guint hash = 5381; /* as g_str_hash, over both parts */
    for (size_t i = 0; i < entry->key_length; i++)
        hash = hash * 33 + (unsigned char)entry->key[i];
    return hash;
}

static gboolean is_same_key(gconstpointer left, gconstpointer right)
{
    const struct entry *a = left, *b = right;
    return a->key_length == b->key_length && memcmp(a->key, b->key, a->key_length) == 0;
}

static const char *fault_of(const struct vedette_flight_config *config)
{
    if (config->ttl_us < 1 || config->not_found_ttl_us < 0 || config->failure_ttl_us < 0 || config->stale_us < 0)
        return "ttl_us must be 1 or more, and no other time negative";
    if (!(config->ttl_jitter >= 0 && config->ttl_jitter <= 0.9))
        return "ttl_jitter must be between 0 and 0.9";
    return config->max_entries < 1 || config->max_bytes < 1 ? "max_entries and max_bytes must be 1 or more" : NULL;
}

struct vedette_flight *vedette_flight_new(const struct vedette_flight_config *config, const char **why)
{
    const char *fault = fault_of(config);
    if (fault) {
        if (why)
            *why = fault;
        return NULL;
    }
    struct vedette_flight *flight = g_new0(struct vedette_flight, 1);
    flight->config = *config;
    flight->table = g_hash_table_new(hash_entry, is_same_key);
    random_init_system(&flight->random);
    pthread_mutex_init(&flight->lock, NULL);
    pthread_cond_init(&flight->emptied, NULL);
    return flight;
}

/* ---- entries: all under the lock ---- */

static char *join_key(const char *tenant, const char *key, size_t *length)
{
    size_t tenant_length = strlen(tenant), key_length = strlen(key);
    char *joined = g_malloc(tenant_length + 1 + key_length + 1);
    memcpy(joined, tenant, tenant_length + 1);
    memcpy(joined + tenant_length + 1, key, key_length + 1);
    *length = tenant_length + 1 + key_length;
    return joined;
}

static size_t entry_bytes(const struct entry *entry)
{
    return sizeof *entry + entry->key_length + entry->length + (entry->error ? strlen(entry->error) + 1 : 0);
}

static void entry_release(struct entry *entry)
{
    if (--entry->users || entry->is_listed)
        return;
    pthread_cond_destroy(&entry->done);
    free(entry->value);
    free(entry->error);
    g_free(entry->key);
    g_free(entry);
}

static void unlist(struct vedette_flight *flight, struct entry *entry)
{
    if (!entry->is_listed)
        return;
    flight->bytes -= entry_bytes(entry);
    g_hash_table_remove(flight->table, entry);
    g_queue_unlink(&flight->used, &entry->link);
    entry->is_listed = false;
    entry->users++;
    entry_release(entry);
}

/* What is being fetched stays, or the next who asks for it would call the upstream a second time; there are never more
 * of these than callers. */
static void shed(struct vedette_flight *flight)
{
    for (GList *link = flight->used.tail, *newer; link; link = newer) {
        struct entry *entry = link->data;
        if (flight->used.length <= flight->config.max_entries && flight->bytes <= flight->config.max_bytes)
            return;
        newer = link->prev;
        if (entry->is_loading)
            continue;
        flight->stats.evicted++;
        unlist(flight, entry);
    }
}

/* The entry of a key, made if it is not there; held for the caller. */
static struct entry *entry_hold(struct vedette_flight *flight, const char *tenant, const char *key)
{
    struct entry probe = {0};
    probe.key = join_key(tenant, key, &probe.key_length);
    struct entry *entry = g_hash_table_lookup(flight->table, &probe);
    if (entry) {
        g_free(probe.key);
        g_queue_unlink(&flight->used, &entry->link);
    } else {
        entry = g_new0(struct entry, 1);
        entry->key = probe.key;
        entry->key_length = probe.key_length;
        entry->is_listed = true;
        entry->link.data = entry;
        pthread_cond_init(&entry->done, NULL);
        g_hash_table_add(flight->table, entry);
        flight->bytes += entry_bytes(entry);
    }
    entry->users++;
    g_queue_push_head_link(&flight->used, &entry->link);
    return entry;
}

static int64_t life_us(struct vedette_flight *flight, enum vedette_flight_result result)
{
    const struct vedette_flight_config *config = &flight->config;
    int64_t ttl_us = result == VEDETTE_FLIGHT_OK          ? config->ttl_us
                     : result == VEDETTE_FLIGHT_NOT_FOUND ? config->not_found_ttl_us
                                                          : config->failure_ttl_us;
    return ttl_us - (int64_t)((double)ttl_us * config->ttl_jitter * random_uniform(&flight->random));
}

/* Takes the answer over. */
static void entry_fill(struct vedette_flight *flight, struct entry *entry, enum vedette_flight_result result,
                       const struct vedette_flight_answer *answer)
{
    int64_t now_us = time_now_us(&flight->config.time), life = life_us(flight, result);
    if (entry->is_listed)
        flight->bytes -= entry_bytes(entry);
    free(entry->value);
    free(entry->error);
    entry->result = result;
    entry->value = answer->value;
    entry->length = answer->value ? answer->length : 0;
    entry->error = answer->error;
    entry->fresh_until_us = time_after_us(now_us, life);
    entry->stale_until_us =
        time_after_us(entry->fresh_until_us, result == VEDETTE_FLIGHT_OK ? flight->config.stale_us : 0);
    if (entry->is_listed)
        flight->bytes += entry_bytes(entry);
    if (entry->is_unwanted || life <= 0)
        unlist(flight, entry);
    shed(flight);
}

static void *copy_bytes(const void *bytes, size_t length)
{
    void *copy = malloc(length ? length : 1);
    if (copy && length)
        memcpy(copy, bytes, length);
    return copy;
}

static enum vedette_flight_result give(const struct entry *entry, struct vedette_flight_answer *answer)
{
    if (answer && entry->result == VEDETTE_FLIGHT_OK) {
        answer->value = copy_bytes(entry->value, entry->length);
        answer->length = entry->length;
    }
    if (answer && entry->error)
        answer->error = strdup(entry->error);
    return entry->result;
}

/* ---- asking ---- */

static void leave(struct vedette_flight *flight)
{
    if (--flight->inside == 0)
        pthread_cond_broadcast(&flight->emptied);
}

struct leader {
    struct vedette_flight *flight;
    struct entry *entry;
};

/* The loading thread ends inside `load` (pthread_exit, or it is cancelled): its place is free, and one of those who
 * wait takes it. */
static void abandon(void *data)
{
    const struct leader *leader = data;
    struct vedette_flight *flight = leader->flight;
    pthread_mutex_lock(&flight->lock);
    flight->stats.abandoned++;
    leader->entry->is_loading = false;
    pthread_cond_broadcast(&leader->entry->done);
    if (leader->entry->users == 1 && !leader->entry->result) /* nobody waits, and it holds nothing */
        unlist(flight, leader->entry);
    entry_release(leader->entry);
    leave(flight);
    pthread_mutex_unlock(&flight->lock);
}

static enum vedette_flight_result call_load(struct leader leader, const char *tenant, const char *key,
                                            vedette_flight_load load, void *data, struct vedette_flight_answer *loaded)
{
    enum vedette_flight_result result;
    pthread_cleanup_push(abandon, &leader);
    result = load(data, tenant, key, loaded);
    pthread_cleanup_pop(0);
    return result == VEDETTE_FLIGHT_OK || result == VEDETTE_FLIGHT_NOT_FOUND ? result : VEDETTE_FLIGHT_FAILED;
}

static enum vedette_flight_result lead(struct vedette_flight *flight, struct entry *entry, const char *tenant,
                                       const char *key, vedette_flight_load load, void *data,
                                       struct vedette_flight_answer *answer)
{
    struct vedette_flight_answer loaded = {0};
    entry->is_loading = true;
    entry->is_unwanted = !entry->is_listed;
    entry->leader = pthread_self();
    flight->stats.loads++;
    pthread_mutex_unlock(&flight->lock);
    enum vedette_flight_result result = call_load((struct leader){flight, entry}, tenant, key, load, data, &loaded);
    pthread_mutex_lock(&flight->lock);
    entry->is_loading = false;
    entry->round++;
    entry_fill(flight, entry, result, &loaded);
    pthread_cond_broadcast(&entry->done);
    return give(entry, answer);
}

static void wait_a_little(struct vedette_flight *flight, struct entry *entry)
{
    const struct timespec until = wait_deadline_after(WAIT_SLICE_MS * INT64_C(1000));
    pthread_cond_clockwait(&entry->done, &flight->lock, CLOCK_MONOTONIC, &until);
}

/* Waits for the end of a load. OK: it ended, or its thread did and the place of the leader is free. */
static enum vedette_flight_result follow(struct vedette_flight *flight, struct entry *entry, int64_t deadline_us)
{
    uint64_t round = entry->round;
    if (pthread_equal(entry->leader, pthread_self()))
        return VEDETTE_FLIGHT_RECURSION;
    flight->stats.joined++;
    while (entry->round == round && entry->is_loading) {
        if (flight->is_closed)
            return VEDETTE_FLIGHT_CLOSED;
        if (time_now_us(&flight->config.time) >= deadline_us) {
            flight->stats.timeouts++;
            return VEDETTE_FLIGHT_TIMEOUT;
        }
        wait_a_little(flight, entry);
    }
    return VEDETTE_FLIGHT_OK;
}

static enum vedette_flight_result ask(struct vedette_flight *flight, struct entry *entry, const char *tenant,
                                      const char *key, vedette_flight_load load, void *data, int64_t deadline_us,
                                      struct vedette_flight_answer *answer)
{
    int64_t now_us = time_now_us(&flight->config.time);
    if (entry->result && now_us < entry->fresh_until_us) {
        *(entry->result == VEDETTE_FLIGHT_OK ? &flight->stats.hits : &flight->stats.negative_hits) += 1;
        return give(entry, answer);
    }
    if (entry->is_loading && entry->result == VEDETTE_FLIGHT_OK && now_us < entry->stale_until_us &&
        !entry->is_unwanted) {
        flight->stats.stale_hits++;
        return give(entry, answer);
    }
    while (entry->is_loading) {
        uint64_t round = entry->round;
        enum vedette_flight_result result = follow(flight, entry, deadline_us);
        if (result != VEDETTE_FLIGHT_OK)
            return result;
        if (entry->round != round)
            return give(entry, answer);
    }
    return lead(flight, entry, tenant, key, load, data, answer);
}

enum vedette_flight_result vedette_flight_get(struct vedette_flight *flight, const char *tenant, const char *key,
                                              vedette_flight_load load, void *data, int64_t deadline_us,
                                              struct vedette_flight_answer *answer)
{
    enum vedette_flight_result result = VEDETTE_FLIGHT_CLOSED;
    if (answer)
        *answer = (struct vedette_flight_answer){0};
    pthread_mutex_lock(&flight->lock);
    flight->inside++;
    if (!flight->is_closed) {
        struct entry *entry = entry_hold(flight, tenant, key);
        result = ask(flight, entry, tenant, key, load, data, deadline_us, answer);
        entry_release(entry);
    }
    leave(flight);
    pthread_mutex_unlock(&flight->lock);
    return result;
}

/* ---- the rest ---- */

static void invalidate(struct vedette_flight *flight, struct entry *entry)
{
    entry->is_unwanted = true;
    entry->fresh_until_us = entry->stale_until_us = INT64_MIN;
    unlist(flight, entry);
}

void vedette_flight_invalidate(struct vedette_flight *flight, const char *tenant, const char *key)
{
    struct entry probe = {0};
    probe.key = join_key(tenant, key, &probe.key_length);
    pthread_mutex_lock(&flight->lock);
    struct entry *entry = g_hash_table_lookup(flight->table, &probe);
    if (entry)
        invalidate(flight, entry);
    pthread_mutex_unlock(&flight->lock);
    g_free(probe.key);
}

void vedette_flight_invalidate_tenant(struct vedette_flight *flight, const char *tenant)
{
    pthread_mutex_lock(&flight->lock);
    for (GList *link = flight->used.head, *next; link; link = next) {
        struct entry *entry = link->data;
        next = link->next;
        if (strcmp(entry->key, tenant) == 0) /* the tenant ends with a NUL */
            invalidate(flight, entry);
    }
    pthread_mutex_unlock(&flight->lock);
}

void vedette_flight_put(struct vedette_flight *flight, const char *tenant, const char *key, const void *value,
                        size_t length)
{
    const struct vedette_flight_answer answer = {.value = copy_bytes(value, length), .length = length};
    pthread_mutex_lock(&flight->lock);
    struct entry *entry = entry_hold(flight, tenant, key);
    if (entry->is_loading) { /* what is being fetched is older than this */
        invalidate(flight, entry);
        entry_release(entry);
        entry = entry_hold(flight, tenant, key);
    }
    entry_fill(flight, entry, VEDETTE_FLIGHT_OK, &answer);
    entry_release(entry);
    pthread_mutex_unlock(&flight->lock);
}

void vedette_flight_get_stats(struct vedette_flight *flight, struct vedette_flight_stats *stats)
{
    pthread_mutex_lock(&flight->lock);
    *stats = flight->stats;
    stats->entries = flight->used.length;
    stats->bytes = (int64_t)flight->bytes;
    pthread_mutex_unlock(&flight->lock);
}

void vedette_flight_free(struct vedette_flight *flight)
{
    if (!flight)
        return;
    pthread_mutex_lock(&flight->lock);
    flight->is_closed = true;
    for (GList *link = flight->used.head; link; link = link->next)
        pthread_cond_broadcast(&((struct entry *)link->data)->done);
    while (flight->inside)
        pthread_cond_wait(&flight->emptied, &flight->lock);
    while (flight->used.length)
        unlist(flight, g_queue_peek_head(&flight->used));
    pthread_mutex_unlock(&flight->lock);
    g_hash_table_destroy(flight->table);
    pthread_cond_destroy(&flight->emptied);
    pthread_mutex_destroy(&flight->lock);
    g_free(flight);
}
