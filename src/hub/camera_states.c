#define LOG_MODULE "hub"
#include "hub/camera_states.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/wait.h"

#include <errno.h>
#include <pthread.h>

enum { RETRY_US = 1000000, COMPLAINT_US = 30 * 1000000, STOP_US = 3 * 1000000 };

struct state {
    char *org_id, *camera_id, *json;
    bool is_online;
    int64_t last_seen_ms;
};

struct camera_states {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GHashTable *waiting; /* lock; camera's id → struct state *, which has it */
    bool is_stopping;    /* lock */
    int64_t stop_us;     /* lock; when it stops: until when the rest is still kept */
};

static void state_free(void *data)
{
    struct state *state = data;
    g_free(state->org_id);
    g_free(state->camera_id);
    g_free(state->json);
    g_free(state);
}

static bool save(struct camera_states *states, const struct state *state)
{
    static struct log_limit complaint;
    gint64 held_back;
    g_autoptr(GError) error = NULL;
    if (store_camera_set_health(states->store, state->org_id, state->camera_id, state->is_online, state->last_seen_ms,
                                state->json, &error))
        return true;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_warning(state->camera_id, "health not stored, and tried again: %s (%lld more)", error->message,
                    (long long)held_back);
    return false;
}

/* One that waits, no longer among them; NULL: none does, or there is no time left. Under lock. */
static struct state *take(struct camera_states *states)
{
    if (states->is_stopping && clock_monotonic_us(clock_system()) >= states->stop_us)
        return NULL;
    GHashTableIter iterator;
    gpointer state;
    g_hash_table_iter_init(&iterator, states->waiting);
    if (!g_hash_table_iter_next(&iterator, NULL, &state))
        return NULL;
    g_hash_table_iter_steal(&iterator);
    return state;
}

/* Unless a newer one came meanwhile. Under lock. */
static void put_back(struct camera_states *states, struct state *state)
{
    if (g_hash_table_contains(states->waiting, state->camera_id))
        state_free(state);
    else
        g_hash_table_insert(states->waiting, state->camera_id, state);
}

/* Under lock. */
static void rest(struct camera_states *states)
{
    const struct timespec deadline = wait_deadline_after(RETRY_US);
    while (!states->is_stopping && pthread_cond_timedwait(&states->changed, &states->lock, &deadline) != ETIMEDOUT)
        ;
}

static void *run(void *data)
{
    struct camera_states *states = data;
    pthread_mutex_lock(&states->lock);
    for (bool is_good = true; is_good || !states->is_stopping;) {
        struct state *state = take(states);
        if (!state && states->is_stopping)
            break;
        if (!state) {
            pthread_cond_wait(&states->changed, &states->lock);
            continue;
        }
        pthread_mutex_unlock(&states->lock);
        is_good = save(states, state);
        pthread_mutex_lock(&states->lock);
        if (is_good) {
            state_free(state);
            continue;
        }
        put_back(states, state);
        rest(states);
    }
    pthread_mutex_unlock(&states->lock);
    return NULL;
}

struct camera_states *camera_states_new(struct store *store, GError **error)
{
    struct camera_states *states = g_new0(struct camera_states, 1);
    states->store = store;
    states->waiting = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, state_free);
    pthread_mutex_init(&states->lock, NULL);
    wait_condition_init(&states->changed);
    int code = pthread_create(&states->thread, NULL, run, states);
    if (code == 0)
        return states;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to keep how cameras are: %s", g_strerror(code));
    states->store = NULL; /* there is no thread to end */
    camera_states_free(states);
    return NULL;
}

void camera_states_free(struct camera_states *states)
{
    if (!states)
        return;
    if (states->store) {
        pthread_mutex_lock(&states->lock);
        states->is_stopping = true;
        states->stop_us = clock_monotonic_us(clock_system()) + STOP_US;
        pthread_cond_broadcast(&states->changed);
        pthread_mutex_unlock(&states->lock);
        pthread_join(states->thread, NULL);
    }
    g_hash_table_unref(states->waiting);
    pthread_cond_destroy(&states->changed);
    pthread_mutex_destroy(&states->lock);
    g_free(states);
}

void camera_states_put(struct camera_states *states, const char *org_id, const char *camera_id, bool is_online,
                       int64_t last_seen_ms, char *json)
{
    struct state *state = g_new(struct state, 1);
    *state = (struct state){g_strdup(org_id), g_strdup(camera_id), json, is_online, last_seen_ms};
    pthread_mutex_lock(&states->lock);
    g_hash_table_replace(states->waiting, state->camera_id, state);
    pthread_cond_signal(&states->changed);
    pthread_mutex_unlock(&states->lock);
}
