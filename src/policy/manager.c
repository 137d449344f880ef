#include "policy/manager.h"

#include "base/thread.h"
#include "base/wait.h"
#include "policy/policy_internal.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

struct policy_manager {
    /* immutable */
    struct policy_manager_config config;
    char *snapshot_path;
    struct policy_source source;

    pthread_mutex_t load_lock; /* one load at a time; taken before `lock` */
    /* under load_lock, as the next */
    struct policy_set *last_run; /* what the snapshot had at start, until something is loaded; NULL: nothing */
    struct policy_set *saved;    /* what this run wrote to the snapshot last; NULL: nothing yet */

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct policy_set *set;      /* under lock, as all that follows */
    struct policy_status status; /* its error is owned */
    bool is_from_snapshot;       /* what is in force: it has no say in what is older */
    bool is_older_taken;         /* by the next load that is read */
    int older_loads;             /* in a row, up to now */
    int64_t older_since_us;      /* the first of them; monotonic */
    pthread_cond_t released;
    int holds;             /* changes that belong together and are not all made yet */
    int64_t held_since_us; /* the first of those; monotonic */
    bool is_hold_broken;
    bool is_notified, is_running, is_stopping;
    pthread_t thread;
};

/* ---- loading ---- */

struct loading {
    struct policy_set *before, *set;
    bool is_blind; /* nobody knows what was in force before */
    int64_t handed, refused;
    unsigned refused_types; /* bits: 1 << enum policy_type */
    bool is_read, is_unsaved;
    GError *first_error;
};

static void add(void *data, const struct policy_document *document)
{
    struct loading *loading = data;
    g_autoptr(GError) error = NULL;
    loading->handed++;
    if (policy_set_share(loading->set, loading->before, document) || policy_set_add(loading->set, document, &error))
        return;
    loading->refused++;
    loading->refused_types |= 1U << document->type;
    policy_set_keep(loading->set, loading->before, document, loading->is_blind ? error->message : NULL);
    if (!loading->first_error)
        loading->first_error = g_steal_pointer(&error);
}

/* Takes over what a load came to and tells of it when it is another set, or the first. */
static void take_over(struct policy_manager *manager, struct policy_set *set, int64_t revision, bool is_from_snapshot)
{
    struct policy_set *before;
    pthread_mutex_lock(&manager->lock);
    before = manager->set;
    bool is_first = !manager->status.is_loaded;
    manager->set = policy_set_ref(set);
    manager->status.revision = revision;
    manager->status.documents = (int64_t)policy_set_count(set);
    manager->status.loaded_at_ms = clock_wall_ms(manager->config.clock);
    manager->status.is_loaded = true;
    manager->is_from_snapshot = is_from_snapshot;
    pthread_mutex_unlock(&manager->lock);
    if (manager->config.changed && (is_first || !policy_set_equal(before, set)))
        manager->config.changed(manager->config.data, set);
    policy_set_unref(before);
}

static void count_bad(struct policy_status *status)
{
    status->bad_now = status->refused_now + status->is_stale + status->is_unsaved;
}

/* Whether it is for good that the source is older than what is in force. With the lock held. */
static bool has_gone_back(struct policy_manager *manager)
{
    int64_t now_us = clock_monotonic_us(manager->config.clock);
    int64_t awaited_us = (int64_t)((POLICY_OLDER_LOADS_MAX - 1) * manager->config.poll_seconds * G_USEC_PER_SEC);
    if (!manager->older_loads++)
        manager->older_since_us = now_us;
    return manager->is_older_taken ||
           (manager->older_loads >= POLICY_OLDER_LOADS_MAX && now_us - manager->older_since_us >= awaited_us);
}

/* What is in force may lack what the source says, a hold among it. What was refused is as it was. With the lock held.
 */
static void note_older(struct policy_manager *manager, int64_t revision)
{
    struct policy_status *status = &manager->status;
    status->loads++;
    status->loads_out_of_order++;
    status->is_stale = true;
    count_bad(status);
    g_free(status->error);
    status->error =
        g_strdup_printf("the policies' source went back to revision %" G_GINT64_FORMAT " from %" G_GINT64_FORMAT
                        ", as a replica that lags or a backup does: what was in force stays until it is as new, and "
                        "what it says holds once %d reads in a row found it so or a change is made here",
                        revision, status->revision, POLICY_OLDER_LOADS_MAX);
}

/* A replica that lags, or an answer that was long under way: nothing is learnt from it until it is there to stay. */
static bool is_out_of_order(struct policy_manager *manager, int64_t revision)
{
    pthread_mutex_lock(&manager->lock);
    bool is_older = manager->status.is_loaded && !manager->is_from_snapshot && revision < manager->status.revision;
    bool is_left = is_older && !has_gone_back(manager);
    if (is_left) {
        note_older(manager, revision);
    } else {
        manager->older_loads = 0;
        manager->is_older_taken = false;
    }
    pthread_mutex_unlock(&manager->lock);
    return is_left;
}

void policy_manager_take_older(struct policy_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    manager->is_older_taken = true;
    pthread_mutex_unlock(&manager->lock);
}

/* What a source that could not be read has refused is as it was. */
static void note_result(struct policy_manager *manager, const struct loading *loading, const GError *error)
{
    pthread_mutex_lock(&manager->lock);
    struct policy_status *status = &manager->status;
    if (loading->is_read) {
        status->loads++;
        status->documents_refused += loading->refused;
        status->refused_now = loading->refused;
        status->refused_types = loading->refused_types;
        status->is_unsaved = loading->is_unsaved;
    } else
        status->load_failures++;
    status->is_stale = !loading->is_read;
    count_bad(status);
    g_free(status->error);
    status->error = error ? g_strdup(error->message) : NULL;
    pthread_mutex_unlock(&manager->lock);
}

/* Once a run in any case, so that it is as this run writes it; then what differs from what was written. */
static bool save(struct policy_manager *manager, struct policy_set *set, GError **error)
{
    if (!manager->snapshot_path || (manager->saved && policy_set_equal(manager->saved, set)))
        return true;
    if (!policy_snapshot_write(set, manager->snapshot_path, &manager->config.sealer, error))
        return false;
    policy_set_unref(manager->saved);
    manager->saved = policy_set_ref(set);
    return true;
}

/* What was read is in force from here on, and saved. `cause` is set when not everything is good. */
static void take_in(struct policy_manager *manager, struct loading *loading, int64_t revision, GError **cause)
{
    policy_set_note_revision(loading->set, revision);
    if (loading->first_error)
        g_propagate_error(cause, g_steal_pointer(&loading->first_error));
    take_over(manager, loading->set, revision, false);
    loading->is_unsaved = !save(manager, loading->set, *cause ? NULL : cause);
}

/* Nobody takes all documents away at once: what looks so is a volume that is not mounted yet. */
static bool check_emptied(const struct policy_manager *manager, const struct loading *loading, GError **error)
{
    size_t left = policy_set_count(loading->before);
    bool is_emptied = manager->config.emptied && !loading->handed && left;
    if (is_emptied)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "%s; the %zu documents in force stay",
                    manager->config.emptied, left);
    return !is_emptied;
}

static bool load(struct policy_manager *manager, GError **error)
{
    CLEANUP(policy_set)
    struct policy_set *before = manager->last_run ? policy_set_ref(manager->last_run) : policy_manager_get_set(manager);
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    struct loading loading = {
        .before = before, .set = set, .is_blind = !manager->last_run && !policy_manager_is_loaded(manager)};
    g_autoptr(GError) cause = NULL;
    int64_t revision = 0;
    loading.is_read = manager->source.load(manager->source.data, add, &loading, &revision, &cause) &&
                      check_emptied(manager, &loading, &cause);
    bool is_ignored = loading.is_read && is_out_of_order(manager, revision);
    if (loading.is_read && !is_ignored)
        take_in(manager, &loading, revision, &cause);
    g_clear_error(&loading.first_error);
    if (!is_ignored)
        note_result(manager, &loading, cause);
    if (!cause)
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* ---- changes that belong together ---- */

/* With the load lock held: a load that is under way might read the first of them alone. */
void policy_manager_hold(struct policy_manager *manager)
{
    pthread_mutex_lock(&manager->load_lock);
    pthread_mutex_lock(&manager->lock);
    if (!manager->holds++)
        manager->held_since_us = g_get_monotonic_time();
    pthread_mutex_unlock(&manager->lock);
    pthread_mutex_unlock(&manager->load_lock);
}

void policy_manager_release(struct policy_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    manager->holds--;
    manager->is_hold_broken = manager->is_hold_broken && manager->holds > 0;
    pthread_cond_broadcast(&manager->released);
    pthread_mutex_unlock(&manager->lock);
}

/* However many wait, and whenever they came: all are done waiting so long after the hold began. */
static void await_release(struct policy_manager *manager)
{
    int64_t most_us = (int64_t)(manager->config.hold_seconds * G_USEC_PER_SEC);
    int status = 0;
    pthread_mutex_lock(&manager->lock);
    int64_t waited_us = manager->holds ? g_get_monotonic_time() - manager->held_since_us : 0;
    const struct timespec until = wait_deadline_after(MAX(most_us - waited_us, 0));
    manager->status.loads_held += manager->holds > 0 && waited_us < most_us;
    while (manager->holds && !manager->is_hold_broken && !manager->is_stopping && status != ETIMEDOUT)
        status = pthread_cond_timedwait(&manager->released, &manager->lock, &until);
    if (manager->holds && status == ETIMEDOUT && !manager->is_hold_broken) {
        manager->is_hold_broken = true;
        manager->status.holds_broken++;
    }
    pthread_mutex_unlock(&manager->lock);
}

bool policy_manager_reload(struct policy_manager *manager, GError **error)
{
    pthread_mutex_lock(&manager->load_lock);
    await_release(manager);
    bool is_good = load(manager, error);
    pthread_mutex_unlock(&manager->load_lock);
    return is_good;
}

/* What the last run saved; NULL: nothing that can be used. */
static struct policy_set *read_snapshot(struct policy_manager *manager)
{
    g_autoptr(GError) error = NULL;
    if (!manager->snapshot_path)
        return NULL;
    struct policy_set *set =
        policy_snapshot_read(manager->snapshot_path, &manager->config.sealer, &manager->status.snapshot_error, &error);
    if (!set && !g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        manager->status.snapshots_refused++;
        manager->status.snapshot_error = g_strdup(error->message);
    }
    return set;
}

/* What was in doubt in the last run still is, and so is what a snapshot has that this version refuses. */
static void serve_last_run(struct policy_manager *manager)
{
    take_over(manager, manager->last_run, policy_set_revision(manager->last_run), true);
    manager->status.refused_now = (int64_t)policy_set_doubts(manager->last_run);
    count_bad(&manager->status);
}

/* The first load. A document that is refused by it falls back on what the last run saved, and so does everything when
 * the source is away. */
static void start(struct policy_manager *manager)
{
    pthread_mutex_lock(&manager->load_lock);
    manager->last_run = read_snapshot(manager);
    load(manager, NULL);
    if (!manager->status.is_loaded && manager->last_run)
        serve_last_run(manager);
    g_clear_pointer(&manager->last_run, policy_set_unref);
    pthread_mutex_unlock(&manager->load_lock);
}

/* ---- the life of a manager ---- */

struct policy_manager *policy_manager_new(const struct policy_manager_config *config,
                                          const struct policy_source *source)
{
    struct policy_manager *manager = g_new0(struct policy_manager, 1);
    manager->config = *config;
    manager->snapshot_path = g_strdup(config->snapshot_path);
    manager->source = *source;
    manager->set = policy_set_new();
    pthread_mutex_init(&manager->load_lock, NULL);
    pthread_mutex_init(&manager->lock, NULL);
    wait_condition_init(&manager->wake);
    wait_condition_init(&manager->released);
    start(manager);
    return manager;
}

void policy_manager_free(struct policy_manager *manager)
{
    if (!manager)
        return;
    policy_manager_stop_hot_reload(manager);
    policy_set_unref(manager->set);
    policy_set_unref(manager->saved);
    pthread_mutex_destroy(&manager->load_lock);
    pthread_mutex_destroy(&manager->lock);
    pthread_cond_destroy(&manager->wake);
    pthread_cond_destroy(&manager->released);
    g_free(manager->status.error);
    g_free(manager->status.snapshot_error);
    g_free(manager->snapshot_path);
    g_free(manager);
}

struct policy_set *policy_manager_get_set(struct policy_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    struct policy_set *set = policy_set_ref(manager->set);
    pthread_mutex_unlock(&manager->lock);
    return set;
}

void policy_manager_get_status(struct policy_manager *manager, struct policy_status *status)
{
    pthread_mutex_lock(&manager->lock);
    *status = manager->status;
    status->error = g_strdup(manager->status.error);
    status->snapshot_error = g_strdup(manager->status.snapshot_error);
    pthread_mutex_unlock(&manager->lock);
}

bool policy_manager_is_loaded(struct policy_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    bool is_loaded = manager->status.is_loaded;
    pthread_mutex_unlock(&manager->lock);
    return is_loaded;
}

void policy_status_clear(struct policy_status *status)
{
    g_free(status->error);
    g_free(status->snapshot_error);
    *status = (struct policy_status){0};
}

/* ---- hot reload ---- */

/* Until someone notifies, the poll is due, or it is time to end. With the lock held. */
static void rest(struct policy_manager *manager)
{
    const struct timespec until = wait_deadline_after((int64_t)(manager->config.poll_seconds * G_USEC_PER_SEC));
    int status = 0;
    while (!manager->is_notified && !manager->is_stopping && status != ETIMEDOUT)
        status = manager->config.poll_seconds > 0 ? pthread_cond_timedwait(&manager->wake, &manager->lock, &until)
                                                  : pthread_cond_wait(&manager->wake, &manager->lock);
}

/* After a load: who notifies meanwhile is served by the next one. With the lock held. */
static void settle(struct policy_manager *manager)
{
    const struct timespec until = wait_deadline_after((int64_t)(POLICY_RELOAD_INTERVAL_SECONDS * G_USEC_PER_SEC));
    while (!manager->is_stopping && pthread_cond_timedwait(&manager->wake, &manager->lock, &until) != ETIMEDOUT)
        ;
}

static void *reload_on_notice(void *data)
{
    struct policy_manager *manager = data;
    pthread_mutex_lock(&manager->lock);
    while (!manager->is_stopping) {
        rest(manager);
        if (manager->is_stopping)
            break;
        manager->is_notified = false;
        pthread_mutex_unlock(&manager->lock);
        policy_manager_reload(manager, NULL); /* the status keeps what went wrong, for /health and the metrics */
        pthread_mutex_lock(&manager->lock);
        settle(manager);
    }
    pthread_mutex_unlock(&manager->lock);
    return NULL;
}

bool policy_manager_start_hot_reload(struct policy_manager *manager, GError **error)
{
    if (manager->is_running)
        return true;
    manager->is_stopping = false;
    int failure = thread_start(&manager->thread, "policies", reload_on_notice, manager);
    manager->is_running = failure == 0;
    if (failure)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "no thread to reload policies with: %s",
                    g_strerror(failure));
    return manager->is_running;
}

void policy_manager_stop_hot_reload(struct policy_manager *manager)
{
    if (!manager->is_running)
        return;
    pthread_mutex_lock(&manager->lock);
    manager->is_stopping = true;
    pthread_cond_signal(&manager->wake);
    pthread_cond_broadcast(&manager->released);
    pthread_mutex_unlock(&manager->lock);
    pthread_join(manager->thread, NULL);
    manager->is_running = false;
}

void policy_manager_notify(struct policy_manager *manager)
{
    pthread_mutex_lock(&manager->lock);
    manager->is_notified = true;
    pthread_cond_signal(&manager->wake);
    pthread_mutex_unlock(&manager->lock);
}
