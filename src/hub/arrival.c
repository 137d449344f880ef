#define LOG_MODULE "hub"
#include "hub/arrival.h"

#include "api/api.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/wait.h"
#include "hub/hub_internal.h"
#include "hub/track_ids.h"
#include "store/cameras.h"
#include "vedette/backoff.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { COMPLAINT_US = 10 * 1000000 };

struct arrival {
    struct hub *hub;
    pthread_t thread;
    bool has_thread;
    struct random random; /* the thread's, as the next */
    uint32_t failures;
    char *password; /* of the first administrator, of arrival_begin alone */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next;     /* lock; the step that is not done yet */
    char *why;       /* lock; why it could not be done last; NULL: it was not tried */
    int is_stopping; /* written under the lock, read also without (atomic) */
    bool is_late;    /* immutable once there is a thread: the hub runs meanwhile */
};

/* ---- the steps: each may be done more than once ---- */

static bool register_cameras(struct arrival *arrival, GError **error)
{
    struct hub *hub = arrival->hub;
    return store_cameras_register(hub->store, &hub->settings->cameras, &arrival->is_stopping, error);
}

static bool settle_track_ids(struct arrival *arrival, GError **error)
{
    return track_ids_settle(arrival->hub->track_ids, error);
}

static bool read_policies(struct arrival *arrival, GError **error)
{
    return policy_keeper_catch_up(policies_keeper(arrival->hub->policies), error);
}

/* Those that the API made join the settings'. */
static bool load_cameras(struct arrival *arrival, GError **error)
{
    struct hub *hub = arrival->hub;
    if (!cameras_load(hub->cameras, error))
        return false;
    policy_keeper_see_cameras(policies_keeper(hub->policies));
    hub_cameras_changed(hub);
    return true;
}

static bool forget_files(struct arrival *arrival, GError **error)
{
    return policies_forget_files(arrival->hub->policies, error);
}

/* Of cameras and orgs that the store has by now, and tried on all of them. */
static bool read_files(struct arrival *arrival, GError **error)
{
    return policies_start_files(arrival->hub->policies, error);
}

/* On the terminal alone, never in the logs: the password is a secret. */
static bool prepare_logins(struct arrival *arrival, GError **error)
{
    g_autofree char *password = NULL;
    bool is_good = api_prepare_logins(arrival->hub->api, &password, error);
    if (password && arrival->is_late) {
        printf("Administrator: admin  password: %s  (shown only now)\n", password);
        fflush(stdout);
    } else if (password) {
        arrival->password = g_steal_pointer(&password);
    }
    return is_good;
}

static bool start_scheduler(struct arrival *arrival, GError **error)
{
    struct hub *hub = arrival->hub;
    const struct scheduler_options options = {
        .jobs = built_in_jobs,
        .job_count = built_in_job_count,
        .store = hub->store,
        .settings = hub->settings,
        .health = &hub->health,
        .clock = hub->clock,
        .retention_check = policy_keeper_check_retention,
        .retention_says = policy_keeper_retention,
        .retention_check_org = policy_keeper_check_org,
        .retention_data = policies_keeper(hub->policies),
        .notify = hub->notify,
    };
    struct scheduler *scheduler = scheduler_new(&options, error);
    if (!scheduler)
        return false;
    __atomic_store_n(&hub->scheduler, scheduler, __ATOMIC_RELEASE);
    api_set_scheduler(hub->api, scheduler);
    return true;
}

static bool release_records(struct arrival *arrival, GError **error)
{
    (void)error;
    record_path_release(arrival->hub->records);
    return true;
}

/* Jobs only read when they are planned, and need none of the rest: retention, which makes room, is to run also where
 * the store is too full for it. Records are of cameras that are registered, and told of by policies that are known: so
 * they are let go once those are there. */
static const struct arrival_step {
    const char *name; /* for people */
    bool (*take)(struct arrival *arrival, GError **error);
} steps[] = {
    {"planning jobs", start_scheduler},
    {"registering the settings' cameras", register_cameras},
    {"keeping which track ids were given", settle_track_ids},
    {"reading policies", read_policies},
    {"forgetting policy files of earlier starts", forget_files},
    {"reading the API's cameras", load_cameras},
    {"reading policy files", read_files},
    {"storing records", release_records},
    {"preparing logins", prepare_logins},
};
enum { STEP_COUNT = G_N_ELEMENTS(steps) };

/* ---- carrying them out ---- */

/* A store that is full, or takes no writes, is away for this as one that does not answer. */
static bool is_away(const GError *error)
{
    return error && (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE) ||
                     g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT) ||
                     g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL));
}

/* As far as they go. `next` is written by whoever is at the steps, under the lock, and by nobody else. */
static bool take_steps(struct arrival *arrival, GError **error)
{
    g_autoptr(GError) cause = NULL;
    bool is_good = true;
    while (is_good && arrival->next < STEP_COUNT) {
        is_good = steps[arrival->next].take(arrival, &cause);
        pthread_mutex_lock(&arrival->lock);
        arrival->next += is_good;
        g_free(arrival->why);
        arrival->why = cause ? g_strdup(cause->message) : NULL;
        is_good = is_good && !arrival->is_stopping;
        pthread_mutex_unlock(&arrival->lock);
    }
    if (cause)
        g_propagate_error(error, g_steal_pointer(&cause));
    return arrival->next == STEP_COUNT;
}

static void complain(const struct arrival *arrival, const GError *error)
{
    static struct log_limit complaint;
    gint64 held_back;
    bool is_told = error && !g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    if (is_told && log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(NULL, "%s waits for the store, as all that follows: %s (%lld more)", steps[arrival->next].name,
                  error->message, (long long)held_back);
}

/* False: it is time to end. */
static bool rest(struct arrival *arrival)
{
    const struct store_settings *settings = &arrival->hub->settings->store;
    const struct vedette_backoff backoff = {settings->retry_delay_ms * INT64_C(1000),
                                            settings->retry_delay_max_ms * INT64_C(1000)};
    const struct timespec deadline =
        wait_deadline_after(vedette_backoff_delay_us(&backoff, arrival->failures++, random_next(&arrival->random)));
    pthread_mutex_lock(&arrival->lock);
    while (!arrival->is_stopping && pthread_cond_timedwait(&arrival->changed, &arrival->lock, &deadline) != ETIMEDOUT)
        ;
    bool is_going = !arrival->is_stopping;
    pthread_mutex_unlock(&arrival->lock);
    return is_going;
}

static void *run(void *data)
{
    struct arrival *arrival = data;
    while (rest(arrival)) {
        g_autoptr(GError) error = NULL;
        if (take_steps(arrival, &error)) {
            log_info(NULL, "the store is there, and all that waited for it is done");
            break;
        }
        complain(arrival, error);
    }
    return NULL;
}

bool arrival_begin(struct arrival *arrival, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (take_steps(arrival, &cause))
        return true;
    if (!is_away(cause)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    log_error(NULL,
              "started without the store: %s; cameras are watched under the last good policies, records wait in "
              "the spool, and the rest is done once it is there",
              cause->message);
    arrival->is_late = true;
    int code = thread_start(&arrival->thread, "arrival", run, arrival);
    arrival->has_thread = code == 0;
    if (code)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "start to wait for the store: %s",
                    g_strerror(code));
    return arrival->has_thread;
}

/* ---- its life ---- */

struct arrival *arrival_new(struct hub *hub)
{
    struct arrival *arrival = g_new0(struct arrival, 1);
    arrival->hub = hub;
    random_init_system(&arrival->random);
    pthread_mutex_init(&arrival->lock, NULL);
    wait_condition_init(&arrival->changed);
    return arrival;
}

void arrival_stop(struct arrival *arrival)
{
    if (!arrival || !arrival->has_thread)
        return;
    pthread_mutex_lock(&arrival->lock);
    __atomic_store_n(&arrival->is_stopping, true, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&arrival->changed);
    pthread_mutex_unlock(&arrival->lock);
    pthread_join(arrival->thread, NULL);
    arrival->has_thread = false;
}

void arrival_free(struct arrival *arrival)
{
    if (!arrival)
        return;
    pthread_cond_destroy(&arrival->changed);
    pthread_mutex_destroy(&arrival->lock);
    g_free(arrival->password);
    g_free(arrival->why);
    g_free(arrival);
}

char *arrival_tell(void *data)
{
    struct arrival *arrival = data;
    GString *text = g_string_new(NULL);
    pthread_mutex_lock(&arrival->lock);
    for (size_t i = arrival->next; i < STEP_COUNT; i++)
        g_string_append_printf(text, "%s%s", text->len ? ", " : "", steps[i].name);
    if (text->len && arrival->why)
        g_string_append_printf(text, " (%s)", arrival->why);
    pthread_mutex_unlock(&arrival->lock);
    bool is_empty = text->len == 0;
    char *told = g_string_free(text, is_empty);
    return is_empty ? NULL : told;
}

bool arrival_is_over(struct arrival *arrival)
{
    if (!arrival)
        return true;
    pthread_mutex_lock(&arrival->lock);
    bool is_over = arrival->next == STEP_COUNT;
    pthread_mutex_unlock(&arrival->lock);
    return is_over;
}

char *arrival_take_password(struct arrival *arrival)
{
    return g_steal_pointer(&arrival->password);
}
