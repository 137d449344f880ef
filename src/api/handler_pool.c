/* The threads that handle requests. What a request asks of the store, of a password's hash or of a whole export takes
 * its time, and a thread that serves connections has those of many others: it hands the request over and suspends its
 * connection meanwhile. */
#include "api/api_internal.h"

#include <string.h>

#include "base/counter.h"
#include "base/thread.h"

/* What is sent and waits for nothing but being read has a thread that takes nothing else: however many wait for the
 * store, or for whole exports. */
enum { KIND_WAITING, KIND_SENT, KINDS };

struct handler_pool {
    struct api *api;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* lock; of struct request *, each by its own link: no more than there are connections */
    GQueue requests[KINDS];
    bool is_stopping;   /* lock: nothing is begun any more. What waits yet is answered by the threads all the same */
    bool is_over;       /* lock */
    pthread_t *threads; /* the first takes what is sent alone */
    int count;
};

/* With the lock held. */
static void tell_length(const struct handler_pool *pool)
{
    counter_set(&pool->api->health->http_queued,
                pool->requests[KIND_WAITING].length + pool->requests[KIND_SENT].length);
}

/* With the lock held. */
static GList *pop(struct handler_pool *pool, bool is_for_sent)
{
    GList *link = g_queue_pop_head_link(&pool->requests[is_for_sent ? KIND_SENT : KIND_WAITING]);
    return link || is_for_sent ? link : g_queue_pop_head_link(&pool->requests[KIND_SENT]);
}

/* Afterwards the request is its connection's again, and may be gone. What waits yet when the server stops is not begun;
 * what was begun before is ended, else the Idempotency-Key that it claimed would stay claimed, or events that were kept
 * be called refused. */
static void handle(const struct handler_pool *pool, struct request *request, bool is_stopping)
{
    if (is_stopping && !request->kept_key && !request->intake)
        answer_stopping(&request->answer);
    else
        route_handle(request, &request->answer);
    MHD_resume_connection(request->connection);
    watch_release(pool->api->watch);
}

static void *serve(struct handler_pool *pool, bool is_for_sent)
{
    thread_prefer_short_turns();
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        GList *link = pop(pool, is_for_sent);
        bool is_stopping = pool->is_stopping;
        if (!link && pool->is_over)
            break;
        if (!link) {
            pthread_cond_wait(&pool->changed, &pool->lock);
            continue;
        }
        tell_length(pool);
        pthread_mutex_unlock(&pool->lock);
        handle(pool, link->data, is_stopping);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void *run(void *data)
{
    return serve(data, false);
}

static void *run_for_sent(void *data)
{
    return serve(data, true);
}

struct handler_pool *handler_pool_start(struct api *api, GError **error)
{
    struct handler_pool *pool = g_new0(struct handler_pool, 1);
    int wanted = api->settings->http.handler_threads + 1, code = 0;
    pool->api = api;
    pool->threads = g_new0(pthread_t, wanted);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
    for (int i = 0; i < KINDS; i++)
        g_queue_init(&pool->requests[i]);
    while (pool->count < wanted && code == 0) {
        code = thread_start(&pool->threads[pool->count], "handler", pool->count ? run : run_for_sent, pool);
        pool->count += code == 0;
    }
    if (code == 0)
        return pool;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                "start the %d threads that handle requests (http.handler_threads): %s", wanted, g_strerror(code));
    handler_pool_free(pool);
    return NULL;
}

void handler_pool_stop(struct handler_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_stopping = true;
    pthread_mutex_unlock(&pool->lock);
}

void handler_pool_free(struct handler_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_over = true;
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    g_free(pool->threads);
    g_free(pool);
}

bool handler_pool_has_place(const struct handler_pool *pool)
{
    return counter_get(&pool->api->health->http_queued) < MAX(pool->api->settings->http.max_connections / 2, 1);
}

bool handler_pool_take(struct handler_pool *pool, struct request *request)
{
    if (!watch_hold(pool->api->watch))
        return false;
    MHD_suspend_connection(request->connection);
    request->link.data = request;
    request->is_handed_over = true;
    pthread_mutex_lock(&pool->lock);
    /* one whose sender the store is to be asked of waits with the others */
    bool is_sent = request->route->features & ROUTE_PROMPT && !request->idempotency_key && request->login.user != NULL;
    g_queue_push_tail_link(&pool->requests[is_sent ? KIND_SENT : KIND_WAITING], &request->link);
    tell_length(pool);
    pthread_cond_broadcast(&pool->changed); /* not each of them takes it */
    pthread_mutex_unlock(&pool->lock);
    return true;
}
