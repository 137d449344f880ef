#define LOG_MODULE "hub"
#include "hub/incident_teller.h"

#include "base/counter.h"
#include "base/log.h"
#include "facts/incident.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

enum {
    BATCH = 200,
    RETRY_US = 500000, /* after a failure of the store, at first */
    RETRY_MAX_US = 15000000,
    COMPLAINT_US = 60 * 1000000,
};

struct incident_teller {
    struct store *store;
    struct notify *notify;
    struct server_health *health;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool is_stopping;
    GHashTable *orgs; /* a set: those of which there is something to tell; at most as many as there are orgs */
};

static void add_org(struct incident_teller *teller, const char *org_id)
{
    pthread_mutex_lock(&teller->lock);
    g_hash_table_add(teller->orgs, g_strdup(org_id));
    pthread_cond_broadcast(&teller->changed);
    pthread_mutex_unlock(&teller->lock);
}

/* ---- one org ---- */

/* One batch. *is_done: there was no more. */
static bool tell_batch(struct incident_teller *teller, const char *org_id, bool *is_done, GError **error)
{
    g_autoptr(GPtrArray) changes = store_incident_changes_list(teller->store, org_id, BATCH, error);
    if (!changes)
        return false;
    *is_done = changes->len < BATCH;
    if (!changes->len)
        return true;
    notify_ensure_incidents(teller->notify, (struct incident_change *const *)(void *)changes->pdata, changes->len);
    if (!store_incident_changes_remove(teller->store, org_id, changes, error))
        return false;
    counter_add(&teller->health->incident_changes_told, changes->len);
    return true;
}

static bool is_stopping(struct incident_teller *teller)
{
    pthread_mutex_lock(&teller->lock);
    bool stopping = teller->is_stopping;
    pthread_mutex_unlock(&teller->lock);
    return stopping;
}

static bool tell_org(struct incident_teller *teller, const char *org_id, GError **error)
{
    bool is_done = false, is_good = true;
    while (is_good && !is_done && !is_stopping(teller))
        is_good = tell_batch(teller, org_id, &is_done, error);
    return is_good;
}

/* ---- the thread ---- */

/* What an earlier run left may be of any org. */
static bool find_orgs(struct incident_teller *teller, GError **error)
{
    g_autoptr(GPtrArray) orgs = store_orgs_list(teller->store, error);
    for (guint i = 0; orgs && i < orgs->len; i++)
        add_org(teller, g_ptr_array_index(orgs, i));
    return orgs != NULL;
}

/* The next org, waiting for one; NULL: it is to stop. g_free. */
static char *take_org(struct incident_teller *teller)
{
    GHashTableIter iter;
    gpointer org_id = NULL;
    pthread_mutex_lock(&teller->lock);
    while (!teller->is_stopping && g_hash_table_size(teller->orgs) == 0)
        pthread_cond_wait(&teller->changed, &teller->lock);
    g_hash_table_iter_init(&iter, teller->orgs);
    if (!teller->is_stopping && g_hash_table_iter_next(&iter, &org_id, NULL))
        g_hash_table_iter_steal(&iter);
    else
        org_id = NULL;
    pthread_mutex_unlock(&teller->lock);
    return org_id;
}

static void rest(struct incident_teller *teller, int64_t us)
{
    int64_t until_us = clock_monotonic_us(clock_system()) + us;
    const struct timespec deadline = {until_us / G_USEC_PER_SEC, until_us % G_USEC_PER_SEC * 1000};
    pthread_mutex_lock(&teller->lock);
    while (!teller->is_stopping && pthread_cond_timedwait(&teller->changed, &teller->lock, &deadline) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&teller->lock);
}

/* The store failed: it is asked again, less and less often. */
static void rest_after(struct incident_teller *teller, unsigned failures, const GError *error)
{
    static struct log_limit complaint;
    gint64 held_back;
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(NULL, "what became of incidents stays in the store, and is told later: %s (%lld more)",
                  error->message, (long long)held_back);
    rest(teller, MIN((int64_t)RETRY_US << MIN(failures - 1, 10U), RETRY_MAX_US));
}

static void *run(void *data)
{
    struct incident_teller *teller = data;
    unsigned failures = 0;
    bool is_found = false;
    while (!is_stopping(teller)) {
        g_autoptr(GError) error = NULL;
        is_found = is_found || find_orgs(teller, &error);
        g_autofree char *org_id = is_found ? take_org(teller) : NULL;
        if (org_id && !tell_org(teller, org_id, &error))
            add_org(teller, org_id);
        failures = error ? failures + 1 : 0;
        if (error)
            rest_after(teller, failures, error);
    }
    return NULL;
}

/* ---- its life ---- */

static void teller_free(struct incident_teller *teller)
{
    g_hash_table_unref(teller->orgs);
    pthread_cond_destroy(&teller->changed);
    pthread_mutex_destroy(&teller->lock);
    g_free(teller);
}

struct incident_teller *incident_teller_start(struct store *store, struct notify *notify, struct server_health *health,
                                              GError **error)
{
    struct incident_teller *teller = g_new0(struct incident_teller, 1);
    pthread_condattr_t attributes;
    *teller = (struct incident_teller){.store = store,
                                       .notify = notify,
                                       .health = health,
                                       .orgs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    pthread_mutex_init(&teller->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&teller->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    int code = pthread_create(&teller->thread, NULL, run, teller);
    if (code == 0)
        return teller;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to tell of incidents: %s", g_strerror(code));
    teller_free(teller);
    return NULL;
}

void incident_teller_wake(struct incident_teller *teller, const char *org_id)
{
    if (teller)
        add_org(teller, org_id);
}

void incident_teller_stop(struct incident_teller *teller)
{
    if (!teller)
        return;
    pthread_mutex_lock(&teller->lock);
    teller->is_stopping = true;
    pthread_cond_broadcast(&teller->changed);
    pthread_mutex_unlock(&teller->lock);
    pthread_join(teller->thread, NULL);
    teller_free(teller);
}
