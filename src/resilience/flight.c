/* One lock for the whole cache; loads run outside it. Whoever finds no answer and no load is the entry's leader and
 * makes the call; who comes meanwhile waits for it on the entry's condition. An answer that was outdated while it was
 * loaded goes to those who waited then; who came later waits for the end of the call all the same, so that there are
 * never two, and one of them makes the next. An entry stays in the table for as long as it keeps an answer or somebody
 * holds it. A load may ask for other keys: who would wait for a load that waits for its own is told so. */
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

struct answer {
    unsigned users;   /* the entry, as what it keeps or loads, and those who wait for it */
    bool is_outdated; /* invalidated or overtaken by a put while it was loaded: not kept */
    bool is_loading;
    pthread_t leader;                  /* who loads it, or did */
    enum vedette_flight_result result; /* 0: its load is not over, or never will be, as its thread ended */
    void *value;
    size_t length;
    char *error;
};

struct entry {
    char *key; /* tenant, NUL, key */
    size_t key_length;
    unsigned users;                         /* callers inside */
    struct answer *kept;                    /* NULL: nothing known */
    struct answer *loading;                 /* NULL: nobody makes the call */
    pthread_cond_t done;                    /* `loading` changed */
    int64_t fresh_until_us, stale_until_us; /* of `kept` */
    GList link;                             /* in flight.used, newest first */
};

struct vedette_flight {
    struct vedette_flight_config config;
    pthread_mutex_t lock;
    pthread_cond_t emptied;
    struct random random;
    GHashTable *table;   /* entry (as its own key) → entry */
    GHashTable *waiting; /* thread → the answer it waits for, as struct answer */
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
    flight->waiting = g_hash_table_new(NULL, NULL);
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

static struct answer *answer_new(void)
{
    struct answer *answer = g_new0(struct answer, 1);
    answer->users = 1;
    return answer;
}

/* Takes the value and the error over. */
static void answer_fill(struct answer *answer, enum vedette_flight_result result,
                        const struct vedette_flight_answer *loaded)
{
    answer->result = result;
    answer->value = loaded->value;
    answer->length = loaded->value ? loaded->length : 0;
    answer->error = loaded->error;
}

static void answer_release(struct answer *answer)
{
    if (!answer || --answer->users)
        return;
    free(answer->value);
    free(answer->error);
    g_free(answer);
}

static size_t answer_bytes(const struct answer *answer)
{
    return answer ? sizeof *answer + answer->length + (answer->error ? strlen(answer->error) + 1 : 0) : 0;
}

/* Replaces what is kept; NULL: nothing. */
static void entry_keep(struct vedette_flight *flight, struct entry *entry, struct answer *answer)
{
    if (answer)
        answer->users++;
    flight->bytes += answer_bytes(answer) - answer_bytes(entry->kept);
    answer_release(entry->kept);
    entry->kept = answer;
}

/* Nobody holds it. */
static void entry_remove(struct vedette_flight *flight, struct entry *entry)
{
    entry_keep(flight, entry, NULL);
    flight->bytes -= sizeof *entry + entry->key_length;
    g_hash_table_remove(flight->table, entry);
    g_queue_unlink(&flight->used, &entry->link);
    pthread_cond_destroy(&entry->done);
    g_free(entry->key);
    g_free(entry);
}

/* What somebody holds stays, or the next who asks for it would call the upstream a second time; there are never more of
 * these than callers. */
static void shed(struct vedette_flight *flight)
{
    for (GList *link = flight->used.tail, *newer; link; link = newer) {
        struct entry *entry = link->data;
        if (flight->used.length <= flight->config.max_entries && flight->bytes <= flight->config.max_bytes)
            return;
        newer = link->prev;
        if (entry->users)
            continue;
        flight->stats.evicted++;
        entry_remove(flight, entry);
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
        entry->link.data = entry;
        pthread_cond_init(&entry->done, NULL);
        g_hash_table_add(flight->table, entry);
        flight->bytes += sizeof *entry + entry->key_length;
    }
    entry->users++;
    g_queue_push_head_link(&flight->used, &entry->link);
    return entry;
}

static void entry_release(struct vedette_flight *flight, struct entry *entry)
{
    if (--entry->users == 0 && !entry->kept)
        entry_remove(flight, entry);
    shed(flight);
}

static int64_t life_us(struct vedette_flight *flight, enum vedette_flight_result result)
{
    const struct vedette_flight_config *config = &flight->config;
    int64_t ttl_us = result == VEDETTE_FLIGHT_OK          ? config->ttl_us
                     : result == VEDETTE_FLIGHT_NOT_FOUND ? config->not_found_ttl_us
                                                          : config->failure_ttl_us;
    return ttl_us - (int64_t)((double)ttl_us * config->ttl_jitter * random_uniform(&flight->random));
}

/* Keeps an answer for as long as its kind is kept; not one for which all others would have to go. */
static void entry_fill(struct vedette_flight *flight, struct entry *entry, struct answer *answer)
{
    int64_t now_us = time_now_us(&flight->config.time), life = life_us(flight, answer->result);
    entry->fresh_until_us = time_after_us(now_us, life);
    entry->stale_until_us =
        time_after_us(entry->fresh_until_us, answer->result == VEDETTE_FLIGHT_OK ? flight->config.stale_us : 0);
    bool fits = sizeof *entry + entry->key_length + answer_bytes(answer) <= flight->config.max_bytes;
    entry_keep(flight, entry, life > 0 && fits ? answer : NULL);
}

static void *copy_bytes(const void *bytes, size_t length)
{
    void *copy = malloc(length ? length : 1);
    if (copy && length)
        memcpy(copy, bytes, length);
    return copy;
}

static enum vedette_flight_result give(const struct answer *known, struct vedette_flight_answer *answer)
{
    if (answer && known->result == VEDETTE_FLIGHT_OK) {
        answer->value = copy_bytes(known->value, known->length);
        answer->length = known->length;
    }
    if (answer && known->error)
        answer->error = strdup(known->error);
    return known->result;
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

/* The call is over; who waits finds out what became of it. */
static void end_load(struct entry *entry)
{
    struct answer *loaded = entry->loading;
    entry->loading = NULL;
    loaded->is_loading = false;
    pthread_cond_broadcast(&entry->done);
    answer_release(loaded);
}

/* The loading thread ends inside `load` (pthread_exit, or it is cancelled): its place is free, and one of those who
 * wait takes it. */
static void abandon(void *data)
{
    const struct leader *leader = data;
    struct vedette_flight *flight = leader->flight;
    pthread_mutex_lock(&flight->lock);
    flight->stats.abandoned++;
    end_load(leader->entry);
    entry_release(flight, leader->entry);
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
    struct answer *mine = entry->loading = answer_new();
    mine->is_loading = true;
    mine->leader = pthread_self();
    flight->stats.loads++;
    pthread_mutex_unlock(&flight->lock);
    enum vedette_flight_result result = call_load((struct leader){flight, entry}, tenant, key, load, data, &loaded);
    pthread_mutex_lock(&flight->lock);
    answer_fill(mine, result, &loaded);
    if (!mine->is_outdated)
        entry_fill(flight, entry, mine);
    result = give(mine, answer);
    end_load(entry);
    return result;
}

/* Who is cancelled here would end with the lock in its hand: it ends where it waits next. */
static void wait_a_little(struct vedette_flight *flight, struct entry *entry)
{
    const struct timespec until = wait_deadline_after(WAIT_SLICE_MS * INT64_C(1000));
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_cond_clockwait(&entry->done, &flight->lock, CLOCK_MONOTONIC, &until);
    pthread_setcancelstate(state, NULL);
}

static gpointer thread_key(pthread_t thread)
{
    return GSIZE_TO_POINTER((gsize)thread);
}

/* Who waited for this answer would wait for itself: it loads it, or a load that this one waits for. */
static bool is_circular(const struct vedette_flight *flight, const struct answer *awaited)
{
    while (awaited && awaited->is_loading) {
        if (pthread_equal(awaited->leader, pthread_self()))
            return true;
        awaited = g_hash_table_lookup(flight->waiting, thread_key(awaited->leader));
    }
    return false;
}

static enum vedette_flight_result await_end(struct vedette_flight *flight, struct entry *entry,
                                            const struct answer *awaited, int64_t deadline_us)
{
    while (awaited->is_loading) {
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

/* Waits for the end of the load under way. OK: it ended, or its thread did. */
static enum vedette_flight_result await(struct vedette_flight *flight, struct entry *entry, int64_t deadline_us)
{
    if (is_circular(flight, entry->loading))
        return VEDETTE_FLIGHT_RECURSION;
    flight->stats.joined++;
    g_hash_table_insert(flight->waiting, thread_key(pthread_self()), entry->loading);
    enum vedette_flight_result result = await_end(flight, entry, entry->loading, deadline_us);
    g_hash_table_remove(flight->waiting, thread_key(pthread_self()));
    return result;
}

/* The answer of somebody else's load. 0: there is none for this caller, who asks again: the load's thread ended, or
 * what it began to load was outdated before the caller came. */
static enum vedette_flight_result follow(struct vedette_flight *flight, struct entry *entry, int64_t deadline_us,
                                         struct vedette_flight_answer *answer)
{
    struct answer *awaited = entry->loading;
    bool is_outdated = awaited->is_outdated;
    awaited->users++;
    enum vedette_flight_result result = await(flight, entry, deadline_us);
    if (result == VEDETTE_FLIGHT_OK)
        result = awaited->result && !is_outdated ? give(awaited, answer) : 0;
    answer_release(awaited);
    return result;
}

/* What is kept, while it is fresh, or while somebody fetches what comes after it. NULL: nothing that may be given. */
static const struct answer *find_kept(struct vedette_flight *flight, const struct entry *entry)
{
    const struct answer *kept = entry->kept;
    int64_t now_us = time_now_us(&flight->config.time);
    if (kept && now_us < entry->fresh_until_us) {
        *(kept->result == VEDETTE_FLIGHT_OK ? &flight->stats.hits : &flight->stats.negative_hits) += 1;
        return kept;
    }
    if (!kept || !entry->loading || now_us >= entry->stale_until_us)
        return NULL;
    flight->stats.stale_hits++;
    return kept;
}

static enum vedette_flight_result ask(struct vedette_flight *flight, struct entry *entry, const char *tenant,
                                      const char *key, vedette_flight_load load, void *data, int64_t deadline_us,
                                      struct vedette_flight_answer *answer)
{
    for (;;) {
        const struct answer *kept = find_kept(flight, entry);
        if (kept)
            return give(kept, answer);
        if (flight->is_closed) /* while it waited */
            return VEDETTE_FLIGHT_CLOSED;
        if (!entry->loading)
            return lead(flight, entry, tenant, key, load, data, answer);
        enum vedette_flight_result result = follow(flight, entry, deadline_us, answer);
        if (result)
            return result;
    }
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
        entry_release(flight, entry);
    }
    leave(flight);
    pthread_mutex_unlock(&flight->lock);
    return result;
}

/* ---- the rest ---- */

static void invalidate(struct vedette_flight *flight, struct entry *entry)
{
    if (entry->loading)
        entry->loading->is_outdated = true;
    if (entry->users)
        entry_keep(flight, entry, NULL);
    else
        entry_remove(flight, entry);
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
    const struct vedette_flight_answer copy = {.value = copy_bytes(value, length), .length = length};
    struct answer *answer = answer_new();
    answer_fill(answer, VEDETTE_FLIGHT_OK, &copy);
    pthread_mutex_lock(&flight->lock);
    struct entry *entry = entry_hold(flight, tenant, key);
    if (entry->loading) /* what is being fetched is older than this */
        entry->loading->is_outdated = true;
    entry_fill(flight, entry, answer);
    answer_release(answer);
    entry_release(flight, entry);
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
        entry_remove(flight, g_queue_peek_head(&flight->used));
    pthread_mutex_unlock(&flight->lock);
    g_hash_table_destroy(flight->table);
    g_hash_table_destroy(flight->waiting);
    pthread_cond_destroy(&flight->emptied);
    pthread_mutex_destroy(&flight->lock);
    g_free(flight);
}
