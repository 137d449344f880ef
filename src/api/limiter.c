#include "api/limiter.h"

#include <glib.h>
#include <math.h>
#include <pthread.h>

struct bucket {
    double tokens;
    int64_t filled_us;
    GList link; /* in limiter.by_use; data is the key, owned by the table */
};

struct limiter {
    struct clock *clock;
    size_t capacity;
    pthread_mutex_t lock;
    GHashTable *buckets; /* key → struct bucket * */
    GQueue by_use;       /* oldest first */
};

struct limiter *limiter_new(struct clock *clock, size_t capacity)
{
    struct limiter *limiter = g_new0(struct limiter, 1);
    limiter->clock = clock;
    limiter->capacity = capacity;
    pthread_mutex_init(&limiter->lock, NULL);
    limiter->buckets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_queue_init(&limiter->by_use);
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    g_hash_table_destroy(limiter->buckets);
    pthread_mutex_destroy(&limiter->lock);
    g_free(limiter);
}

/* With the lock held: the bucket of a key, filled up to now. */
static struct bucket *find(struct limiter *limiter, const char *key, int per_minute)
{
    static const double us_per_minute = 60e6;
    int64_t now_us = clock_monotonic_us(limiter->clock);
    struct bucket *bucket = g_hash_table_lookup(limiter->buckets, key);
    if (bucket) {
        double gained = (double)(now_us - bucket->filled_us) * per_minute / us_per_minute;
        bucket->tokens = fmin(per_minute, bucket->tokens + gained);
        bucket->filled_us = now_us;
        g_queue_unlink(&limiter->by_use, &bucket->link);
        g_queue_push_tail_link(&limiter->by_use, &bucket->link);
        return bucket;
    }
    if (g_hash_table_size(limiter->buckets) >= limiter->capacity) {
        GList *oldest = g_queue_pop_head_link(&limiter->by_use);
        g_hash_table_remove(limiter->buckets, oldest->data);
    }
    bucket = g_new0(struct bucket, 1);
    bucket->tokens = per_minute;
    bucket->filled_us = now_us;
    bucket->link.data = g_strdup(key);
    g_hash_table_insert(limiter->buckets, bucket->link.data, bucket);
    g_queue_push_tail_link(&limiter->by_use, &bucket->link);
    return bucket;
}

bool limiter_take(struct limiter *limiter, const char *key, int per_minute, int *retry_seconds)
{
    pthread_mutex_lock(&limiter->lock);
    struct bucket *bucket = find(limiter, key, per_minute);
    bool is_allowed = bucket->tokens >= 1;
    if (is_allowed)
        bucket->tokens -= 1;
    *retry_seconds = is_allowed ? 0 : (int)ceil((1 - bucket->tokens) * 60 / per_minute);
    pthread_mutex_unlock(&limiter->lock);
    return is_allowed;
}

void limiter_return(struct limiter *limiter, const char *key, int per_minute)
{
    pthread_mutex_lock(&limiter->lock);
    struct bucket *bucket = find(limiter, key, per_minute);
    bucket->tokens = fmin(per_minute, bucket->tokens + 1);
    pthread_mutex_unlock(&limiter->lock);
}
