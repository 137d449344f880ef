#define LOG_MODULE "hub"
#include "hub/incident_teller.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/wait.h"
#include "facts/incident.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

enum {
    BATCH = 50,        /* each holds a whole incident */
    RETRY_US = 500000, /* after a failure of the store, at first */
    RETRY_MAX_US = 15000000,
    /* How often all orgs are looked at: what was committed though the store's answer was lost, or by a server that
     * shares the store and died, wakes nobody. */
    LOOK_AGAIN_US = 60 * 1000000,
    COMPLAINT_US = 60 * 1000000,
};

/* An org of which there is something to tell. */
struct turn {
    char *org_id;
    int skipped; /* rows in front that cannot be read */
};

struct incident_teller {
    struct store *store;
    struct notify *notify;
    struct server_health *health;
    pthread_t thread;
    int64_t look_again_us; /* the thread's own */
    pthread_mutex_t lock;  /* guards the rest */
    pthread_cond_t changed;
    bool is_stopping;
    GHashTable *turns; /* by org, so at most as many as there are orgs */
    GQueue order;      /* of those, whose turn is next: none waits for another that always has something */
};

static void turn_free(void *data)
{
    struct turn *turn = data;
    g_free(turn->org_id);
    g_free(turn);
}

/* Where it waits already it keeps its place. */
static void add_turn(struct incident_teller *teller, const char *org_id, int skipped)
{
    pthread_mutex_lock(&teller->lock);
    if (!g_hash_table_contains(teller->turns, org_id)) {
        struct turn *turn = g_new(struct turn, 1);
        *turn = (struct turn){g_strdup(org_id), skipped};
        g_hash_table_insert(teller->turns, turn->org_id, turn);
        g_queue_push_tail(&teller->order, turn);
        counter_set(&teller->health->incident_changes_orgs, (int64_t)teller->order.length);
        pthread_cond_broadcast(&teller->changed);
    }
    pthread_mutex_unlock(&teller->lock);
}

static bool is_stopping(struct incident_teller *teller)
{
    pthread_mutex_lock(&teller->lock);
    bool stopping = teller->is_stopping;
    pthread_mutex_unlock(&teller->lock);
    return stopping;
}

/* ---- one org ---- */

/* One batch. *is_done: there was no more. */
static bool tell_batch(struct incident_teller *teller, struct turn *turn, bool *is_done, GError **error)
{
    int skipped = turn->skipped;
    g_autoptr(GPtrArray) changes =
        store_incident_changes_list(teller->store, turn->org_id, &turn->skipped, BATCH, error);
    if (!changes)
        return false;
    *is_done = changes->len + (guint)(turn->skipped - skipped) < BATCH;
    if (!changes->len)
        return true;
    notify_ensure_incidents(teller->notify, (struct incident_change *const *)(void *)changes->pdata, changes->len);
    if (!store_incident_changes_remove(teller->store, turn->org_id, changes, error))
        return false;
    counter_add(&teller->health->incident_changes_told, changes->len);
    return true;
}

/* ---- the thread ---- */

/* What an earlier run left may be of any org. */
static bool find_orgs(struct incident_teller *teller, GError **error)
{
    g_autoptr(GPtrArray) orgs = store_orgs_list(teller->store, error);
    for (guint i = 0; orgs && i < orgs->len; i++)
        add_turn(teller, g_ptr_array_index(orgs, i), 0);
    return orgs != NULL;
}

/* The next org's, waiting for one; NULL: it is to stop, or to look at all of them again. turn_free. */
static struct turn *take_turn(struct incident_teller *teller)
{
    const struct timespec deadline = wait_deadline(teller->look_again_us);
    pthread_mutex_lock(&teller->lock);
    while (!teller->is_stopping && !teller->order.length &&
           pthread_cond_timedwait(&teller->changed, &teller->lock, &deadline) != ETIMEDOUT)
        ;
    struct turn *turn = teller->is_stopping ? NULL : g_queue_pop_head(&teller->order);
    if (turn)
        g_hash_table_steal(teller->turns, turn->org_id);
    counter_set(&teller->health->incident_changes_orgs, (int64_t)teller->order.length);
    pthread_mutex_unlock(&teller->lock);
    return turn;
}

static void rest(struct incident_teller *teller, int64_t us)
{
    const struct timespec deadline = wait_deadline_after(us);
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

static bool look_at_all(struct incident_teller *teller, GError **error)
{
    int64_t now_us = clock_monotonic_us(clock_system());
    if (now_us < teller->look_again_us)
        return true;
    if (!find_orgs(teller, error))
        return false;
    teller->look_again_us = now_us + LOOK_AGAIN_US;
    return true;
}

static bool tell_next(struct incident_teller *teller, GError **error)
{
    struct turn *turn = take_turn(teller);
    bool is_done = false, is_good = !turn || tell_batch(teller, turn, &is_done, error);
    if (turn && !is_done)
        add_turn(teller, turn->org_id, turn->skipped);
    if (turn)
        turn_free(turn);
    return is_good;
}

static void *run(void *data)
{
    struct incident_teller *teller = data;
    unsigned failures = 0;
    while (!is_stopping(teller)) {
        g_autoptr(GError) error = NULL;
        bool is_good = look_at_all(teller, &error) && tell_next(teller, &error);
        failures = is_good ? 0 : failures + 1;
        if (!is_good)
            rest_after(teller, failures, error);
    }
    return NULL;
}

/* ---- its life ---- */

static void teller_free(struct incident_teller *teller)
{
    g_queue_clear(&teller->order);
    g_hash_table_unref(teller->turns);
    pthread_cond_destroy(&teller->changed);
    pthread_mutex_destroy(&teller->lock);
    g_free(teller);
}

struct incident_teller *incident_teller_start(struct store *store, struct notify *notify, struct server_health *health,
                                              GError **error)
{
    struct incident_teller *teller = g_new0(struct incident_teller, 1);
    *teller = (struct incident_teller){.store = store,
                                       .notify = notify,
                                       .health = health,
                                       .turns = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, turn_free),
                                       .order = G_QUEUE_INIT};
    pthread_mutex_init(&teller->lock, NULL);
    wait_condition_init(&teller->changed);
    int code = thread_start(&teller->thread, "incident teller", run, teller);
    if (code == 0)
        return teller;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to tell of incidents: %s", g_strerror(code));
    teller_free(teller);
    return NULL;
}

void incident_teller_wake(struct incident_teller *teller, const char *org_id)
{
    if (teller)
        add_turn(teller, org_id, 0);
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
