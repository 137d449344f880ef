#define LOG_MODULE "hub"
#include "hub/track_ids.h"

#include "base/error.h"
#include "base/log.h"
#include "base/wait.h"

#include <errno.h>
#include <pthread.h>

enum { RETRY_US = 1000000, COMPLAINT_US = 30 * 1000000 };

struct track_ids {
    struct store *store;
    struct clock *clock;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t given, kept; /* lock */
    bool is_stopping;    /* lock */
};

static bool keep(struct track_ids *ids, int64_t *base)
{
    static struct log_limit complaint;
    gint64 held_back;
    g_autoptr(GError) error = NULL;
    if (store_keep_track_id_base(ids->store, base, &error))
        return true;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_warning(NULL, "which track ids were given is not stored, and tried again: %s (%lld more)", error->message,
                    (long long)held_back);
    return false;
}

/* Under lock. */
static void rest(struct track_ids *ids)
{
    const struct timespec deadline = wait_deadline_after(RETRY_US);
    while (!ids->is_stopping && pthread_cond_timedwait(&ids->changed, &ids->lock, &deadline) != ETIMEDOUT)
        ;
}

/* Under lock, which is given up meanwhile. */
static bool keep_given(struct track_ids *ids)
{
    int64_t base = ids->given;
    pthread_mutex_unlock(&ids->lock);
    bool is_kept = keep(ids, &base);
    pthread_mutex_lock(&ids->lock);
    if (is_kept) {
        ids->kept = base;
        ids->given = MAX(ids->given, base); /* another hub gave more */
    }
    return is_kept;
}

static void *run(void *data)
{
    struct track_ids *ids = data;
    pthread_mutex_lock(&ids->lock);
    for (bool is_good = true; is_good || !ids->is_stopping;) {
        if (ids->kept != ids->given) {
            if (!(is_good = keep_given(ids)))
                rest(ids);
        } else if (ids->is_stopping) {
            break;
        } else {
            pthread_cond_wait(&ids->changed, &ids->lock);
        }
    }
    pthread_mutex_unlock(&ids->lock);
    return NULL;
}

struct track_ids *track_ids_new(struct store *store, struct clock *clock, GError **error)
{
    int64_t base = store_next_track_id_base(clock, 0);
    if (!store_keep_track_id_base(store, &base, error))
        return NULL;
    struct track_ids *ids = g_new0(struct track_ids, 1);
    *ids = (struct track_ids){.store = store, .clock = clock, .given = base, .kept = base};
    pthread_mutex_init(&ids->lock, NULL);
    wait_condition_init(&ids->changed);
    int code = pthread_create(&ids->thread, NULL, run, ids);
    if (code == 0)
        return ids;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to keep track ids: %s", g_strerror(code));
    pthread_cond_destroy(&ids->changed);
    pthread_mutex_destroy(&ids->lock);
    g_free(ids);
    return NULL;
}

void track_ids_free(struct track_ids *ids)
{
    if (!ids)
        return;
    pthread_mutex_lock(&ids->lock);
    ids->is_stopping = true;
    pthread_cond_signal(&ids->changed);
    pthread_mutex_unlock(&ids->lock);
    pthread_join(ids->thread, NULL);
    pthread_cond_destroy(&ids->changed);
    pthread_mutex_destroy(&ids->lock);
    g_free(ids);
}

int64_t track_ids_take(struct track_ids *ids)
{
    pthread_mutex_lock(&ids->lock);
    int64_t base = ids->given = store_next_track_id_base(ids->clock, ids->given);
    pthread_cond_signal(&ids->changed);
    pthread_mutex_unlock(&ids->lock);
    return base;
}
