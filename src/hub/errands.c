#include "hub/errands.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"
#include "base/wait.h"

#include <errno.h>
#include <pthread.h>

int64_t errands_retry_us = ERRANDS_RETRY_US;

struct entry {
    char *key;
    void *errand;
};

struct errands {
    struct errands_config config;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GHashTable *by_key; /* lock; of struct entry *, each of which has its key */
    GQueue waiting;     /* lock; of the same, the next first */
    bool is_stopping;   /* lock */
    int64_t stop_us;    /* lock; when it stops: until when the rest is still done */
};

static void entry_free(struct errands *errands, struct entry *entry)
{
    if (entry->errand)
        errands->config.free(entry->errand);
    g_free(entry->key);
    g_free(entry);
}

/* Under lock, as all up to run. */
static void put(struct errands *errands, struct entry *entry)
{
    g_hash_table_insert(errands->by_key, entry->key, entry);
    g_queue_push_tail(&errands->waiting, entry);
}

/* No longer among those that wait; NULL: none will come, or there is no time left. */
static struct entry *await_next(struct errands *errands)
{
    while (!errands->waiting.length && !errands->is_stopping)
        pthread_cond_wait(&errands->changed, &errands->lock);
    if (errands->is_stopping && clock_monotonic_us(clock_system()) >= errands->stop_us)
        return NULL;
    struct entry *entry = g_queue_pop_head(&errands->waiting);
    if (entry)
        g_hash_table_remove(errands->by_key, entry->key);
    return entry;
}

static void rest(struct errands *errands)
{
    const struct timespec deadline = wait_deadline_after(errands_retry_us);
    while (!errands->is_stopping && pthread_cond_timedwait(&errands->changed, &errands->lock, &deadline) != ETIMEDOUT)
        ;
}

/* Takes it over, and leaves the lock meanwhile. False: it failed, and there is no time to try again. */
static bool carry_out(struct errands *errands, struct entry *entry)
{
    pthread_mutex_unlock(&errands->lock);
    bool is_done = errands->config.run(errands->config.data, entry->errand);
    pthread_mutex_lock(&errands->lock);
    if (is_done)
        entry->errand = NULL;
    if (is_done || g_hash_table_contains(errands->by_key, entry->key))
        entry_free(errands, entry);
    else
        put(errands, entry);
    if (!is_done)
        rest(errands);
    return is_done || !errands->is_stopping;
}

static void *run(void *data)
{
    struct errands *errands = data;
    pthread_mutex_lock(&errands->lock);
    for (struct entry *entry; (entry = await_next(errands)) && carry_out(errands, entry);)
        ;
    pthread_mutex_unlock(&errands->lock);
    return NULL;
}

struct errands *errands_new(const struct errands_config *config, GError **error)
{
    struct errands *errands = g_new0(struct errands, 1);
    errands->config = *config;
    errands->by_key = g_hash_table_new(g_str_hash, g_str_equal);
    g_queue_init(&errands->waiting);
    pthread_mutex_init(&errands->lock, NULL);
    wait_condition_init(&errands->changed);
    int code = thread_start(&errands->thread, "errands", run, errands);
    errands->has_thread = code == 0;
    if (errands->has_thread)
        return errands;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to %s: %s", config->purpose, g_strerror(code));
    errands_free(errands);
    return NULL;
}

void errands_free(struct errands *errands)
{
    if (!errands)
        return;
    if (errands->has_thread) {
        pthread_mutex_lock(&errands->lock);
        errands->is_stopping = true;
        errands->stop_us = clock_monotonic_us(clock_system()) + errands->config.stop_us;
        pthread_cond_broadcast(&errands->changed);
        pthread_mutex_unlock(&errands->lock);
        pthread_join(errands->thread, NULL);
    }
    for (struct entry *entry; (entry = g_queue_pop_head(&errands->waiting));)
        entry_free(errands, entry);
    g_hash_table_unref(errands->by_key);
    pthread_cond_destroy(&errands->changed);
    pthread_mutex_destroy(&errands->lock);
    g_free(errands);
}

void errands_put(struct errands *errands, char *key, void *errand)
{
    struct entry *entry = g_new(struct entry, 1);
    *entry = (struct entry){key, errand};
    pthread_mutex_lock(&errands->lock);
    struct entry *waiting = g_hash_table_lookup(errands->by_key, key);
    if (waiting) {
        void *earlier = waiting->errand;
        waiting->errand = entry->errand;
        entry->errand = earlier;
    } else {
        put(errands, entry);
        pthread_cond_signal(&errands->changed);
    }
    pthread_mutex_unlock(&errands->lock);
    if (waiting)
        entry_free(errands, entry);
}
