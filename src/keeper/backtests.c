#include "keeper/backtests.h"

#include <string.h>
#include <time.h>

#include "base/counter.h"
#include "base/id.h"
#include "base/thread.h"
#include "keeper/backtest.h"
#include "keeper/keeper_internal.h"
#include "store/rows.h"

/* Incidents come with what was said of them, up to half a megabyte each. Of the places to wait one org has at most one
 * in ORG_PLACES, where cameras of others are watched. */
enum { KEPT_MAX = 32, EVENTS_PAGE = 1000, INCIDENTS_PAGE = 50, ORG_PLACES = 4 };

struct job {
    struct backtest result; /* under backtests->lock, but for what the thread fills in a copy of its own */
    struct policy_scope scope;
    struct policy_set *current, *proposed;
    GPtrArray *cameras; /* of const struct camera *, borrowed from the settings */
};

struct policy_backtests {
    /* immutable */
    struct policy_keeper *keeper;
    struct server_health *health;
    const struct policy_settings *settings;
    pthread_t thread;
    bool is_started;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    GQueue waiting; /* under lock, as what follows; of struct job *, borrowed from jobs */
    GQueue jobs;    /* of struct job *, oldest first */
    bool is_stopping;
};

static void job_free(gpointer data)
{
    struct job *job = data;
    record_clear(&backtest_descriptor, &job->result);
    policy_set_unref(job->current);
    policy_set_unref(job->proposed);
    if (job->cameras)
        g_ptr_array_unref(job->cameras);
    g_free(job);
}

/* ---- asking ---- */

static bool refuse(GError **error, enum vedette_error code, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool refuse(GError **error, enum vedette_error code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, VEDETTE_ERROR, code, text);
    return false;
}

static bool is_triable(const struct policy_type_info *info)
{
    return info->targets && !info->acts_before_tracks;
}

/* Bits: 1 << enum policy_type. */
static unsigned triable_types(void)
{
    unsigned types = 0;
    for (int i = 0; i < POLICY_TYPES; i++)
        types |= is_triable(&policy_types[i]) ? 1U << policy_types[i].type : 0;
    return types;
}

/* The types that can be tried: "antitheft, safety, …". g_free. */
static char *list_triable(void)
{
    GString *names = g_string_new(NULL);
    for (int i = 0; i < POLICY_TYPES; i++)
        if (is_triable(&policy_types[i]))
            g_string_append_printf(names, "%s%s", names->len ? ", " : "",
                                   record_enum_name(policy_type_names, policy_types[i].type));
    return g_string_free(names, FALSE);
}

static bool check_request(const struct policy_backtests *backtests, const struct policy_backtest_request *request,
                          struct record_errors *errors, GError **error)
{
    const struct policy_type_info *info = policy_type_find(request->name.type);
    const char *name = record_enum_name(policy_type_names, request->name.type);
    g_autofree char *triable = list_triable();
    double hours = (double)(request->to_ms - request->from_ms) / 3600000;
    if (info->acts_before_tracks)
        return refuse(error, VEDETTE_ERROR_UNSUPPORTED,
                      "%s acts before there are tracks: what it would have changed cannot be told from stored ones. "
                      "These can be tried: %s",
                      name, triable);
    if (!info->targets)
        return refuse(error, VEDETTE_ERROR_UNSUPPORTED,
                      "%s decides no signal, so there is nothing to try. These can be tried: %s", name, triable);
    if (request->from_ms <= 0 || request->to_ms <= request->from_ms)
        return refuse(error, VEDETTE_ERROR_INVALID, "to: from and to must name a time, from before to");
    if (hours > backtests->settings->backtest_hours)
        return refuse(error, VEDETTE_ERROR_INVALID,
                      "to: from and to are %g hours apart: policies.backtest_hours allows %g", hours,
                      backtests->settings->backtest_hours);
    return policy_scope_check(&request->name.scope, error) &&
           (policy_document_check(request->name.type, request->config_json, errors) ||
            record_errors_to_gerror(errors, error));
}

static bool find_cameras(const struct policy_backtests *backtests, const struct policy_backtest_request *request,
                         GPtrArray *found, GError **error)
{
    CLEANUP(camera_set) struct camera_set *cameras = camera_roster_get(backtests->keeper->config.roster);
    for (size_t i = 0; i < cameras->count; i++) {
        const struct camera *camera = cameras->items[i];
        if (g_strcmp0(camera->org_id, request->org_id) == 0 && policy_scope_has(&request->name.scope, camera))
            g_ptr_array_add(found, (gpointer)(uintptr_t)camera_ref(camera));
    }
    if (found->len == 0)
        return refuse(
            error, VEDETTE_ERROR_NOT_FOUND,
            "the policy would touch no camera of org '%s' that this server watches: those of another are tried there",
            request->org_id);
    if (found->len > (guint)backtests->settings->backtest_cameras)
        return refuse(error, VEDETTE_ERROR_INVALID,
                      "the policy would touch %u cameras: policies.backtest_cameras allows %d at once", found->len,
                      backtests->settings->backtest_cameras);
    return true;
}

static struct job *job_new(struct policy_backtests *backtests, const struct policy_backtest_request *request,
                           GError **error)
{
    struct job *job = g_new0(struct job, 1);
    struct backtest *result = &job->result;
    record_init(&backtest_descriptor, result);
    job->cameras = camera_array_new();
    job->current = policy_manager_get_set(backtests->keeper->manager);
    job->proposed = policy_set_copy(job->current);
    const struct policy_document document = {request->name.scope, request->name.type, request->config_json,
                                             policy_set_revision(job->current) + 1};
    if (!find_cameras(backtests, request, job->cameras, error) || !policy_set_add(job->proposed, &document, error)) {
        job_free(job);
        return NULL;
    }
    result->id = id_new(backtests->keeper->config.clock);
    result->org_id = g_strdup(request->org_id);
    result->state = BACKTEST_WAITING;
    result->policy_type = g_strdup(record_enum_name(policy_type_names, request->name.type));
    result->from_at.ms = request->from_ms;
    result->to_at.ms = request->to_ms;
    result->policy_revision = policy_set_revision(job->current);
    result->cameras = (int32_t)job->cameras->len;
    return job;
}

/* With the lock held, as what follows, to fault_of_waiting. */
static guint count_of(const GQueue *jobs, const char *org_id)
{
    guint count = 0;
    for (const GList *node = jobs->head; node; node = node->next)
        count += g_strcmp0(((const struct job *)node->data)->result.org_id, org_id) == 0;
    return count;
}

/* What is over makes room: the oldest of the org that has most, so that none pushes out what others asked for. NULL:
 * nothing is over. */
static GList *find_oldest(struct policy_backtests *backtests)
{
    GList *oldest = NULL;
    guint most = 0;
    for (GList *node = backtests->jobs.head; node; node = node->next) {
        const struct job *job = node->data;
        guint count = job->result.state > BACKTEST_RUNNING ? count_of(&backtests->jobs, job->result.org_id) : 0;
        if (count > most) {
            oldest = node;
            most = count;
        }
    }
    return oldest;
}

/* All that is too much: there may be more than that while many wait. */
static void forget_oldest(struct policy_backtests *backtests)
{
    GList *oldest;
    while (backtests->jobs.length > KEPT_MAX && (oldest = find_oldest(backtests))) {
        job_free(oldest->data);
        g_queue_delete_link(&backtests->jobs, oldest);
    }
}

/* NULL: it may wait; else why not. */
static const char *fault_of_waiting(const struct policy_backtests *backtests, const char *org_id, guint places)
{
    if (backtests->waiting.length >= (guint)backtests->settings->backtest_waiting)
        return "so many policies wait to be tried already";
    return count_of(&backtests->waiting, org_id) >= places ? "the org has its part of those that wait" : NULL;
}

/* How many tries of an org may wait. */
static guint places_of(const struct policy_backtests *backtests, const char *org_id)
{
    guint places = (guint)backtests->settings->backtest_waiting;
    CLEANUP(camera_set) struct camera_set *cameras = camera_roster_get(backtests->keeper->config.roster);
    for (size_t i = 0; i < cameras->count; i++)
        if (g_strcmp0(cameras->items[i]->org_id, org_id) != 0)
            return MAX(places / ORG_PLACES, 1);
    return places;
}

char *policy_backtests_submit(struct policy_backtests *backtests, const struct policy_backtest_request *request,
                              struct record_errors *errors, GError **error)
{
    if (!check_request(backtests, request, errors, error))
        return NULL;
    struct job *job = job_new(backtests, request, error);
    if (!job)
        return NULL;
    g_autofree char *id = g_strdup(job->result.id);
    guint places = places_of(backtests, request->org_id);
    pthread_mutex_lock(&backtests->lock);
    const char *why = fault_of_waiting(backtests, request->org_id, places);
    if (!why) {
        g_queue_push_tail(&backtests->waiting, job);
        g_queue_push_tail(&backtests->jobs, job);
        forget_oldest(backtests);
        pthread_cond_signal(&backtests->wake);
    }
    pthread_mutex_unlock(&backtests->lock);
    counter_add(why ? &backtests->health->backtests_refused : &backtests->health->backtests, 1);
    if (!why)
        return g_steal_pointer(&id);
    job_free(job);
    refuse(error, VEDETTE_ERROR_FULL, "policies.backtest_waiting is %d, and %s: ask again later",
           backtests->settings->backtest_waiting, why);
    return NULL;
}

/* A job's cameras are the same from its beginning to its end. */
static bool may_see(const struct policy_backtest_asker *asker, const struct job *job)
{
    bool is_seen = g_strcmp0(job->result.org_id, asker->org_id) == 0;
    for (guint i = 0; is_seen && asker->may_see_camera && i < job->cameras->len; i++)
        is_seen = asker->may_see_camera(asker->data, ((const struct camera *)job->cameras->pdata[i])->id);
    return is_seen;
}

bool policy_backtests_get(struct policy_backtests *backtests, const struct policy_backtest_asker *asker, const char *id,
                          struct backtest *backtest, GError **error)
{
    bool is_found = false;
    pthread_mutex_lock(&backtests->lock);
    for (GList *node = backtests->jobs.head; node && !is_found; node = node->next) {
        const struct job *job = node->data;
        is_found = strcmp(job->result.id, id) == 0 && may_see(asker, job);
        if (is_found)
            record_copy(&backtest_descriptor, &job->result, backtest);
    }
    pthread_mutex_unlock(&backtests->lock);
    return is_found || refuse(error, VEDETTE_ERROR_NOT_FOUND, "there is no such backtest, or others took its place");
}

/* ---- trying ---- */

/* One job under way; the thread's. */
struct trial {
    struct policy_backtests *backtests;
    struct job *job;
    struct backtest result; /* the job's own is replaced by it now and then */
    struct backtest_camera *camera;
    int64_t until_us;
};

static bool is_over(void *data, GError **error)
{
    const struct trial *trial = data;
    struct policy_backtests *backtests = trial->backtests;
    pthread_mutex_lock(&backtests->lock);
    bool is_stopping = backtests->is_stopping;
    pthread_mutex_unlock(&backtests->lock);
    if (!is_stopping && clock_monotonic_us(clock_system()) < trial->until_us)
        return false;
    refuse(error, VEDETTE_ERROR_CANCELLED, is_stopping ? "the server stops" : "policies.backtest_seconds are over");
    return true;
}

static bool on_chunk(void *data, const struct track_chunk *chunk, GError **error)
{
    struct trial *trial = data;
    return !is_over(trial, error) && backtest_camera_replay(trial->camera, chunk, error);
}

/* Newest first, page by page. */
static bool note_stored(struct trial *trial, const struct camera *camera, enum event_type type, GError **error)
{
    struct store *store = trial->backtests->keeper->config.store;
    g_autofree char *cursor = NULL;
    for (guint count = EVENTS_PAGE; count == EVENTS_PAGE;) {
        const struct store_event_filter filter = {.org_id = camera->org_id,
                                                  .camera_id = camera->id,
                                                  .type = type,
                                                  .from_ms = trial->result.from_at.ms,
                                                  .to_ms = trial->result.to_at.ms,
                                                  .before_id = cursor,
                                                  .limit = EVENTS_PAGE};
        g_autoptr(GPtrArray) events = is_over(trial, error) ? NULL : store_events_list(store, &filter, error);
        if (!events)
            return false;
        count = events->len;
        for (guint i = 0; i < count; i++)
            if (!backtest_camera_note_stored(trial->camera, g_ptr_array_index(events, i), error))
                return false;
        g_free(cursor);
        cursor = count ? store_event_cursor(g_ptr_array_index(events, count - 1)) : NULL;
    }
    return true;
}

/* Page by page: those with a signal of the time asked for, or so near to it that one could join, however long they go
 * on. By id, as signals join them meanwhile. */
static bool note_incidents(struct trial *trial, const struct camera *camera, GError **error)
{
    const struct policy_keeper_config *config = &trial->backtests->keeper->config;
    int64_t window_ms = config->settings->store.fusion.window_seconds * INT64_C(1000);
    const struct store_row_condition conditions[] = {
        {"camera_id", {.type = RECORD_SQL_TEXT, .text = camera->id}},
        {"started_at", {.type = RECORD_SQL_TIME, .integer = trial->result.to_at.ms + window_ms}, "<"}};
    g_autofree char *cursor = NULL;
    for (guint count = INCIDENTS_PAGE; count == INCIDENTS_PAGE;) {
        const struct store_row_filter filter = {.org_id = camera->org_id,
                                                .conditions = conditions,
                                                .condition_count = G_N_ELEMENTS(conditions),
                                                .from_ms = MAX(trial->result.from_at.ms - window_ms, 1),
                                                .before_id = cursor,
                                                .is_by_id = true,
                                                .limit = INCIDENTS_PAGE};
        g_autoptr(GPtrArray) rows =
            is_over(trial, error) ? NULL : store_rows_list(config->store, &store_incidents, &filter, error);
        if (!rows)
            return false;
        g_ptr_array_set_free_func(rows, incident_free);
        count = rows->len;
        g_free(cursor);
        cursor = count ? store_row_cursor(&store_incidents, g_ptr_array_index(rows, count - 1)) : NULL;
        while (rows->len)
            if (!backtest_camera_note_incident(trial->camera, g_ptr_array_steal_index_fast(rows, 0), error))
                return false;
    }
    return true;
}

static void append_text(struct record_strings *list, const char *text)
{
    list->items = g_renew(char *, list->items, list->count + 1);
    list->items[list->count++] = g_strdup(text);
}

static bool try_camera(struct trial *trial, const struct camera *camera, GError **error)
{
    struct policy_keeper *keeper = trial->backtests->keeper;
    const struct policy_settings *settings = trial->backtests->settings;
    const struct policy_scope subject = policy_subject_of(camera);
    struct camera_config base;
    int64_t changed = 0;
    if (!policy_keeper_latest_change(keeper, triable_types(), &subject, &changed, error))
        return false;
    policy_keeper_base(keeper, camera, &base);
    const struct backtest_rules rules = {trial->job->current,
                                         trial->job->proposed,
                                         &base,
                                         subject,
                                         &keeper->config.settings->store.fusion,
                                         (size_t)settings->backtest_signals,
                                         trial->result.from_at.ms,
                                         trial->result.to_at.ms,
                                         changed};
    const struct store_track_filter filter = {
        camera->org_id, camera->id,
        MAX(trial->result.from_at.ms - (int64_t)(settings->backtest_warmup_seconds * 1000), 0), trial->result.to_at.ms};
    const struct backtest_watch watch = {is_over, trial};
    int64_t chunks = trial->result.chunks;
    trial->camera = backtest_camera_new(&rules);
    bool is_good =
        store_track_chunks_each(keeper->config.store, &filter, on_chunk, trial, error) &&
        note_stored(trial, camera, EVENT_SIGNAL, error) && note_incidents(trial, camera, error) &&
        (!backtest_camera_has_dwells(trial->camera) || note_stored(trial, camera, EVENT_ZONE_HIT, error)) &&
        backtest_camera_conclude(trial->camera, &watch, (size_t)settings->backtest_findings, &trial->result, error);
    if (is_good) { /* an error, as when it is over, leaves the camera out */
        trial->result.cameras_tried++;
        if (trial->result.chunks == chunks)
            append_text(&trial->result.without_tracks, camera->id);
    }
    g_clear_pointer(&trial->camera, backtest_camera_free);
    return is_good;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Those who ask see how far it is. */
static void publish(struct trial *trial)
{
    struct backtest copy;
    record_copy(&backtest_descriptor, &trial->result, &copy);
    pthread_mutex_lock(&trial->backtests->lock);
    record_clear(&backtest_descriptor, &trial->job->result);
    trial->job->result = copy;
    pthread_mutex_unlock(&trial->backtests->lock);
}

static void note_end(struct trial *trial, const GError *failure)
{
    struct backtest *result = &trial->result;
    bool is_cut = g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    result->state = !failure ? BACKTEST_DONE : is_cut ? BACKTEST_CUT : BACKTEST_FAILED;
    result->error = failure ? g_strdup(failure->message) : NULL;
    result->ended_at.ms = clock_wall_ms(trial->backtests->keeper->config.clock);
    if (failure)
        counter_add(is_cut ? &trial->backtests->health->backtests_cut : &trial->backtests->health->backtests_failed, 1);
}

static void run(struct policy_backtests *backtests, struct job *job)
{
    struct trial trial = {backtests,
                          job,
                          {0},
                          NULL,
                          clock_monotonic_us(clock_system()) +
                              (int64_t)(backtests->settings->backtest_seconds * G_USEC_PER_SEC)};
    g_autoptr(GError) failure = NULL;
    double began_seconds = cpu_seconds();
    record_copy(&backtest_descriptor, &job->result, &trial.result);
    trial.result.state = BACKTEST_RUNNING;
    trial.result.started_at.ms = clock_wall_ms(backtests->keeper->config.clock);
    publish(&trial);
    for (guint i = 0; i < job->cameras->len && !failure; i++) {
        try_camera(&trial, g_ptr_array_index(job->cameras, i), &failure);
        trial.result.cpu_seconds = cpu_seconds() - began_seconds;
        if (!failure && i + 1 < job->cameras->len)
            publish(&trial);
    }
    note_end(&trial, failure);
    publish(&trial);
    record_clear(&backtest_descriptor, &trial.result);
}

/* A job that runs is not freed: forget_oldest leaves alone what is not over. */
static void *run_all(void *data)
{
    struct policy_backtests *backtests = data;
    pthread_mutex_lock(&backtests->lock);
    while (!backtests->is_stopping) {
        struct job *job = g_queue_pop_head(&backtests->waiting);
        if (!job) {
            pthread_cond_wait(&backtests->wake, &backtests->lock);
            continue;
        }
        pthread_mutex_unlock(&backtests->lock);
        run(backtests, job);
        pthread_mutex_lock(&backtests->lock);
    }
    pthread_mutex_unlock(&backtests->lock);
    return NULL;
}

/* ---- the life of it ---- */

struct policy_backtests *policy_backtests_new(struct policy_keeper *keeper, struct server_health *health,
                                              GError **error)
{
    struct policy_backtests *backtests = g_new0(struct policy_backtests, 1);
    backtests->keeper = keeper;
    backtests->health = health;
    backtests->settings = &keeper->config.settings->policies;
    g_queue_init(&backtests->waiting);
    g_queue_init(&backtests->jobs);
    pthread_mutex_init(&backtests->lock, NULL);
    pthread_cond_init(&backtests->wake, NULL);
    int failure = thread_start(&backtests->thread, "backtests", run_all, backtests);
    backtests->is_started = failure == 0;
    if (failure == 0)
        return backtests;
    refuse(error, VEDETTE_ERROR_FULL, "no thread to try policies with: %s", g_strerror(failure));
    policy_backtests_free(backtests);
    return NULL;
}

void policy_backtests_free(struct policy_backtests *backtests)
{
    if (!backtests)
        return;
    pthread_mutex_lock(&backtests->lock);
    backtests->is_stopping = true;
    pthread_cond_signal(&backtests->wake);
    pthread_mutex_unlock(&backtests->lock);
    if (backtests->is_started)
        pthread_join(backtests->thread, NULL);
    g_queue_clear(&backtests->waiting);
    g_queue_clear_full(&backtests->jobs, job_free);
    pthread_mutex_destroy(&backtests->lock);
    pthread_cond_destroy(&backtests->wake);
    g_free(backtests);
}
