/* A set-associative table of theoretical arrival times (TAT), guarded by a lock for each group of sets. Keys are kept
 * as 64-bit hashes, SipHash-2-4 (Aumasson and Bernstein 2012) under a key of the table's own, so that nobody outside
 * can choose keys that meet; two that meet by chance share an allowance. */
#include "vedette/limiter.h"

#include <glib.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/counter.h"
#include "base/random.h"
#include "resilience/resilience_internal.h"

enum { WAYS = 8, LOCKS = 64, SPACE = 4 };

/* an interval is of whole nanoseconds: beyond, rounding it would be more than 1 % of it */
static const double rate_max = 2e7;

struct entry {
    uint64_t hash; /* 0: never used */
    int64_t tat_ns;
};

struct vedette_limiter {
    struct vedette_limiter_config config;
    int64_t interval_ns; /* of one */
    int64_t burst_ns;    /* burst * interval */
    uint64_t secret[2];
    size_t set_count; /* a power of two */
    struct entry *entries;
    pthread_mutex_t locks[LOCKS];
    int64_t allowed, refused, forgotten, given_back; /* atomic */
};

void vedette_limiter_config_init(struct vedette_limiter_config *config)
{
    *config = (struct vedette_limiter_config){.rate_per_second = 1, .burst = 1, .max_keys = 65536};
}

static const char *fault_of(const struct vedette_limiter_config *config)
{
    if (!(config->rate_per_second > 0) || config->rate_per_second > rate_max)
        return "rate_per_second must be above 0 and at most 2e7";
    if (config->burst < 1 || config->burst > 1000000000)
        return "burst must be between 1 and 1000000000";
    if ((double)config->burst / config->rate_per_second > 1e9)
        return "burst / rate_per_second must be at most 1e9 seconds";
    return config->max_keys < 1 || config->max_keys > (size_t)1 << 28 ? "max_keys must be between 1 and 2^28" : NULL;
}

struct vedette_limiter *vedette_limiter_new(const struct vedette_limiter_config *config, const char **why)
{
    const char *fault = fault_of(config);
    if (fault) {
        if (why)
            *why = fault;
        return NULL;
    }
    struct vedette_limiter *limiter = g_new0(struct vedette_limiter, 1);
    struct random random;
    random_init_system(&random);
    limiter->config = *config;
    limiter->interval_ns = llround(1e9 / config->rate_per_second);
    limiter->burst_ns = limiter->interval_ns * config->burst;
    limiter->secret[0] = random_next(&random);
    limiter->secret[1] = random_next(&random);
    /* at most a quarter full: of sets of eight with two keys each on average, one in 4,000 is asked to hold a ninth */
    for (limiter->set_count = 1; limiter->set_count * WAYS < SPACE * config->max_keys;)
        limiter->set_count *= 2;
    limiter->entries = g_new0(struct entry, limiter->set_count * WAYS);
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&limiter->locks[i], NULL);
    return limiter;
}

void vedette_limiter_free(struct vedette_limiter *limiter)
{
    if (!limiter)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&limiter->locks[i]);
    g_free(limiter->entries);
    g_free(limiter);
}

/* ---- SipHash-2-4 ---- */

static inline uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static inline void sip_absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static uint64_t hash_key(const uint64_t secret[2], const char *key)
{
    uint64_t v[4] = {secret[0] ^ UINT64_C(0x736f6d6570736575), secret[1] ^ UINT64_C(0x646f72616e646f6d),
                     secret[0] ^ UINT64_C(0x6c7967656e657261), secret[1] ^ UINT64_C(0x7465646279746573)};
    size_t length = strlen(key), whole = length / sizeof(uint64_t) * sizeof(uint64_t);
    for (size_t i = 0; i < whole; i += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, key + i, sizeof word);
        sip_absorb(v, GUINT64_FROM_LE(word));
    }
    uint64_t last = (uint64_t)length << 56;
    for (size_t i = whole; i < length; i++)
        last |= (uint64_t)(unsigned char)key[i] << 8 * (i - whole);
    sip_absorb(v, last);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return hash ? hash : 1;
}

/* ---- the table ---- */

/* The key's entry; else the one to use for it: one whose allowance is full again, or the nearest to it. Under the
 * set's lock. */
static struct entry *find_entry(struct vedette_limiter *limiter, struct entry *set, uint64_t hash, int64_t now_ns)
{
    struct entry *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].hash == hash)
            return &set[i];
        if (set[i].hash == 0 || set[i].tat_ns < oldest->tat_ns)
            oldest = &set[i];
        if (oldest->hash == 0)
            break; /* sets fill from the front */
    }
    if (oldest->hash && oldest->tat_ns > now_ns)
        counter_add(&limiter->forgotten, 1);
    *oldest = (struct entry){hash, now_ns};
    return oldest;
}

static struct vedette_limit decide(const struct vedette_limiter *limiter, int64_t *tat_ns, int64_t now_ns, int64_t cost)
{
    int64_t start_ns = MAX(*tat_ns, now_ns), limit_ns = now_ns + limiter->burst_ns;
    struct vedette_limit limit = {.is_allowed = false, .retry_after_us = -1};
    if (cost <= limiter->config.burst) { /* so that the product cannot overflow */
        int64_t end_ns = start_ns + cost * limiter->interval_ns;
        limit.is_allowed = end_ns <= limit_ns;
        limit.retry_after_us = limit.is_allowed ? 0 : (end_ns - limit_ns + 999) / 1000;
        if (limit.is_allowed)
            *tat_ns = start_ns = end_ns;
    }
    /* another thread may have read a later time and taken its share before this one */
    limit.remaining = MAX(limit_ns - start_ns, 0) / limiter->interval_ns;
    limit.reset_us = (start_ns - now_ns + 999) / 1000;
    return limit;
}

/* A key's place: its set, whose lock is held until leave_set. */
struct place {
    uint64_t hash;
    struct entry *set;
    pthread_mutex_t *lock;
};

static struct place enter_set(struct vedette_limiter *limiter, const char *key)
{
    struct place place = {.hash = hash_key(limiter->secret, key)};
    size_t set = (size_t)(place.hash >> 7) & (limiter->set_count - 1);
    place.set = &limiter->entries[set * WAYS];
    place.lock = &limiter->locks[set % LOCKS];
    pthread_mutex_lock(place.lock);
    return place;
}

static int64_t limiter_now_ns(const struct vedette_limiter *limiter)
{
    return time_now_us(&limiter->config.time) * 1000;
}

struct vedette_limit vedette_limiter_take(struct vedette_limiter *limiter, const char *key, int64_t cost)
{
    int64_t at_ns = limiter_now_ns(limiter);
    struct place place = enter_set(limiter, key);
    struct entry *entry = find_entry(limiter, place.set, place.hash, at_ns);
    struct vedette_limit limit = decide(limiter, &entry->tat_ns, at_ns, MAX(cost, 0));
    pthread_mutex_unlock(place.lock);
    counter_add(limit.is_allowed ? &limiter->allowed : &limiter->refused, 1);
    return limit;
}

void vedette_limiter_give_back(struct vedette_limiter *limiter, const char *key, int64_t cost)
{
    int64_t at_ns = limiter_now_ns(limiter), back = CLAMP(cost, 0, limiter->config.burst);
    struct place place = enter_set(limiter, key);
    for (int i = 0; i < WAYS; i++)
        if (place.set[i].hash == place.hash)
            place.set[i].tat_ns =
                MAX(place.set[i].tat_ns - back * limiter->interval_ns, MIN(place.set[i].tat_ns, at_ns));
    pthread_mutex_unlock(place.lock);
    counter_add(&limiter->given_back, back);
}

/* Whose allowance is the nearer to its end. */
static bool is_tighter(const struct vedette_limit *limit, const struct vedette_limit *than)
{
    return limit->remaining < than->remaining ||
           (limit->remaining == than->remaining && limit->reset_us > than->reset_us);
}

int vedette_limiter_take_all(const struct vedette_limiter_ask *asks, int count, struct vedette_limit *limit)
{
    struct vedette_limit tightest = {.is_allowed = true, .remaining = INT64_MAX};
    int which = -1;
    for (int i = 0; i < count; i++) {
        struct vedette_limit own = vedette_limiter_take(asks[i].limiter, asks[i].key, asks[i].cost);
        if (!own.is_allowed) {
            for (int j = 0; j < i; j++)
                vedette_limiter_give_back(asks[j].limiter, asks[j].key, asks[j].cost);
            tightest = own;
            which = i;
            break;
        }
        if (is_tighter(&own, &tightest)) {
            tightest = own;
            which = i;
        }
    }
    if (limit)
        *limit = tightest;
    return which;
}

void vedette_limiter_get_stats(struct vedette_limiter *limiter, struct vedette_limiter_stats *stats)
{
    *stats = (struct vedette_limiter_stats){
        .allowed = counter_get(&limiter->allowed),
        .refused = counter_get(&limiter->refused),
        .forgotten = counter_get(&limiter->forgotten),
        .given_back = counter_get(&limiter->given_back),
    };
}
