#define LOG_MODULE "hub"
#include "hub/standing.h"

#include "base/error.h"
#include "base/log.h"
#include "base/wait.h"

#include <errno.h>
#include <pthread.h>

enum { RETRY_US = 1000000, COMPLAINT_US = 30 * 1000000 };

struct standing {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GHashTable *questions; /* lock; key → struct standing_incident *: so at most one of each camera and kind */
    GQueue found;          /* lock; of struct standing_incident * */
    bool is_stopping;      /* lock */
};

void standing_incident_free(void *data)
{
    struct standing_incident *incident = data;
    g_free(incident->org_id);
    g_free(incident->camera_id);
    g_free(incident);
}

/* ---- the thread ---- */

/* False: the store does not say. */
static bool ask_store(struct standing *standing, struct standing_incident *question)
{
    static struct log_limit complaint;
    gint64 held_back;
    g_autoptr(GError) error = NULL;
    if (store_incident_standing(standing->store, question->org_id, question->camera_id,
                                server_signals[question->begun_by].kind, &question->since_ms, &error))
        return true;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_warning(question->camera_id,
                    "the store does not say whether an incident of it still stands, and is asked again: %s (%lld more)",
                    error->message, (long long)held_back);
    return false;
}

/* One that waits, no longer among them, and its key; false: none does. Under lock. */
static bool take_question(struct standing *standing, gpointer *key, gpointer *question)
{
    GHashTableIter iterator;
    g_hash_table_iter_init(&iterator, standing->questions);
    if (!g_hash_table_iter_next(&iterator, key, question))
        return false;
    g_hash_table_iter_steal(&iterator);
    return true;
}

/* Under lock. */
static void rest(struct standing *standing)
{
    const struct timespec deadline = wait_deadline_after(RETRY_US);
    while (!standing->is_stopping &&
           pthread_cond_timedwait(&standing->changed, &standing->lock, &deadline) != ETIMEDOUT)
        ;
}

/* Takes both over. Under lock, which it leaves meanwhile. */
static void ask_one(struct standing *standing, char *key, struct standing_incident *question)
{
    pthread_mutex_unlock(&standing->lock);
    bool is_good = ask_store(standing, question);
    pthread_mutex_lock(&standing->lock);
    if (!is_good) {
        g_hash_table_replace(standing->questions, key, question);
        rest(standing);
        return;
    }
    g_free(key);
    if (question->since_ms)
        g_queue_push_tail(&standing->found, question);
    else
        standing_incident_free(question);
}

static void *run(void *data)
{
    struct standing *standing = data;
    gpointer key, question;
    pthread_mutex_lock(&standing->lock);
    while (!standing->is_stopping)
        if (take_question(standing, &key, &question))
            ask_one(standing, key, question);
        else
            pthread_cond_wait(&standing->changed, &standing->lock);
    pthread_mutex_unlock(&standing->lock);
    return NULL;
}

/* ---- its life ---- */

struct standing *standing_new(struct store *store, GError **error)
{
    struct standing *standing = g_new0(struct standing, 1);
    standing->store = store;
    standing->questions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, standing_incident_free);
    g_queue_init(&standing->found);
    pthread_mutex_init(&standing->lock, NULL);
    wait_condition_init(&standing->changed);
    int code = pthread_create(&standing->thread, NULL, run, standing);
    if (code == 0)
        return standing;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to ask for incidents that stand: %s",
                g_strerror(code));
    standing->store = NULL; /* there is no thread to end */
    standing_free(standing);
    return NULL;
}

void standing_free(struct standing *standing)
{
    if (!standing)
        return;
    if (standing->store) {
        pthread_mutex_lock(&standing->lock);
        standing->is_stopping = true;
        pthread_cond_broadcast(&standing->changed);
        pthread_mutex_unlock(&standing->lock);
        pthread_join(standing->thread, NULL);
    }
    g_hash_table_unref(standing->questions);
    g_queue_clear_full(&standing->found, standing_incident_free);
    pthread_cond_destroy(&standing->changed);
    pthread_mutex_destroy(&standing->lock);
    g_free(standing);
}

void standing_ask(struct standing *standing, const char *org_id, const char *camera_id, enum server_signal begun_by)
{
    if (!standing)
        return;
    struct standing_incident *question = g_new(struct standing_incident, 1);
    *question = (struct standing_incident){g_strdup(org_id), g_strdup(camera_id), begun_by, 0};
    pthread_mutex_lock(&standing->lock);
    g_hash_table_replace(standing->questions, g_strdup_printf("%s\n%s\n%d", org_id, camera_id, (int)begun_by),
                         question);
    pthread_cond_signal(&standing->changed);
    pthread_mutex_unlock(&standing->lock);
}

struct standing_incident *standing_take(struct standing *standing)
{
    if (!standing)
        return NULL;
    pthread_mutex_lock(&standing->lock);
    struct standing_incident *incident = g_queue_pop_head(&standing->found);
    pthread_mutex_unlock(&standing->lock);
    return incident;
}
