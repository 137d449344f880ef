#define LOG_MODULE "hub"
#include "hub/hub.h"

#include "api/api.h"
#include "base/directory.h"
#include "base/log.h"
#include "base/service_manager.h"
#include "base/thread.h"
#include "base/wait.h"
#include "hub/arrival.h"
#include "hub/hub_internal.h"
#include "hub/track_ids.h"

#include <errno.h>
#include <glib-unix.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TURN_MS = 200, STOP_DEADLINE_MS = 5000, ENDING_US = 20 * 1000000 };

static gboolean on_stop_deadline(gpointer data)
{
    struct hub *hub = data;
    log_error(NULL, "workers did not end in %d ms and are killed", STOP_DEADLINE_MS);
    hub->has_failed = true;
    g_main_loop_quit(hub->loop);
    return G_SOURCE_REMOVE;
}

static gboolean on_signal(gpointer data)
{
    struct hub *hub = data;
    if (hub->is_stopping)
        _exit(1); /* a second signal: at once */
    hub->is_stopping = true;
    service_manager_tell_stopping();
    for (guint i = 0; i < hub->workers->len; i++)
        hub_worker_stop(g_ptr_array_index(hub->workers, i));
    if (hub_workers_are_gone(hub))
        g_main_loop_quit(hub->loop);
    else
        g_timeout_add(STOP_DEADLINE_MS, on_stop_deadline, hub);
    return G_SOURCE_CONTINUE;
}

static gboolean on_turn(gpointer data)
{
    struct hub *hub = data;
    for (guint i = 0; i < hub->workers->len; i++) {
        intake_retry(g_ptr_array_index(hub->workers, i));
        hub_worker_look_after(g_ptr_array_index(hub->workers, i));
    }
    hub_workers_reap(hub);
    hub_workers_tell_log_levels(hub);
    record_path_measure(hub->records);
    if (!hub->is_stopping) {
        monitor_turn(hub->monitor);
        governing_turn(hub->governing);
        if (__atomic_load_n(&hub->scheduler, __ATOMIC_ACQUIRE))
            scheduler_turn(hub->scheduler);
        detecting_turn(hub->detecting);
        trials_turn(hub->trials);
    }
    return G_SOURCE_CONTINUE;
}

static void start_workers(struct hub *hub)
{
    hub_place_cameras(hub);
    for (guint i = 0; i < hub->workers->len; i++)
        hub_worker_start_or_retry(g_ptr_array_index(hub->workers, i));
}

/* An address that a browser can open: "every address" is shown as this machine's own. */
static char *page_address(const struct hub *hub, const struct api *api)
{
    const struct http_settings *http = &hub->settings->http;
    const char *address = http->address, *scheme = http_has_tls(http) ? "https" : "http";
    if (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0)
        address = "127.0.0.1";
    bool is_v6 = strchr(address, ':') != NULL;
    return g_strdup_printf(is_v6 ? "%s://[%s]:%d" : "%s://%s:%d", scheme, address, api_port(api));
}

/* The password on the terminal alone, never in the logs: it is a secret. */
static void greet(const struct hub *hub, const struct api *api, const char *generated_password)
{
    g_autofree char *address = page_address(hub, api);
    printf("Vedette is running: %s\n", address);
    if (generated_password)
        printf("Administrator: admin  password: %s  (shown only now)\n", generated_password);
    printf("Data lies in %s; stop with Ctrl-C.\n", hub->data_dir);
    fflush(stdout);
    g_autofree char *status = g_strdup_printf("Serves %s", address);
    service_manager_tell_ready(status);
}

static void run_loop(struct hub *hub)
{
    guint sources[] = {g_unix_signal_add(SIGINT, on_signal, hub), g_unix_signal_add(SIGTERM, on_signal, hub),
                       g_unix_signal_add(SIGHUP, on_signal, hub), g_timeout_add(TURN_MS, on_turn, hub)};
    g_main_loop_run(hub->loop);
    for (size_t i = 0; i < G_N_ELEMENTS(sources); i++)
        g_source_remove(sources[i]);
}

/* For the API. */
static bool submit(void *records, GPtrArray *events, vedette_spool_done done, void *data,
                   struct vedette_spool_error *error)
{
    return record_path_submit(records, events, done, data, error);
}

static struct api *open_api(struct hub *hub, GError **error)
{
    const struct api_parts parts = {.store = hub->store,
                                    .spool = record_path_spool(hub->records),
                                    .policies = policies_keeper(hub->policies),
                                    .live = hub->live,
                                    .health = &hub->health,
                                    .resilience = hub->resilience,
                                    .clock = hub->clock,
                                    .detect = detecting_queue(hub->detecting),
                                    .cameras = hub->cameras,
                                    .notify = hub->notify,
                                    .data_dir = hub->data_dir,
                                    .submit = submit,
                                    .records = hub->records,
                                    .tell_waiting = arrival_tell,
                                    .tell_waiting_data = hub->arrival};
    return api_new(hub->settings, &parts, error);
}

/* How other programs and threads reach the loop. */
static void open_ways_in(struct hub *hub)
{
    g_autoptr(GError) deaf = NULL;
    hub->control = control_new(hub, &deaf);
    if (!hub->control)
        log_warning(NULL, "`vedette doctor --end-to-end` cannot reach this server: %s", deaf->message);
    live_set_preview_wanted(hub->live, hub_want_preview, hub);
    live_set_breaker_forced(hub->live, hub_force_breaker, hub);
    /* before cameras are placed: what the API makes from then on is seen at the loop's first turn */
    cameras_listen(hub->cameras, hub_cameras_changed, hub);
}

/* Joins whoever came in by them, and so waits for a store that hangs: within an ending that is watched. */
static void close_ways_in(struct hub *hub)
{
    struct api *api = hub->api;
    live_set_preview_wanted(hub->live, NULL, NULL);
    live_set_breaker_forced(hub->live, NULL, NULL);
    profile_stop(hub->profile);
    arrival_stop(hub->arrival);
    hub->api = NULL;
    api_stop(api);
    if (hub->cameras)
        cameras_listen(hub->cameras, NULL, NULL);
    g_clear_pointer(&hub->scheduler, scheduler_free);
}

static bool serve(struct hub *hub, GError **error)
{
    hub->detecting = detecting_new(hub);
    hub->trials = trials_new(hub);
    hub->arrival = arrival_new(hub);
    hub->api = open_api(hub, error);
    if (!hub->api)
        return false;
    open_ways_in(hub);
    bool is_good = arrival_begin(hub->arrival, error) && api_serve(hub->api, error);
    if (is_good) {
        g_autofree char *generated_password = arrival_take_password(hub->arrival);
        start_workers(hub);
        greet(hub, hub->api, generated_password);
        run_loop(hub);
    }
    return is_good;
}

/* Whatever else uses the store would wait for it, and what is on its way is in the spool or in a queue on disk. */
static void leave_hanging_store(void)
{
    log_error(NULL, "the server ends without closing its store, which hangs");
    fflush(NULL);
    _exit(1);
}

/* Watches that the hub ends. What else may take time at an end has its own, shorter one; but whoever waits for the
 * store does so without end: a request or a job before the record path is closed, and others when it is. */
struct ending {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_over; /* lock */
    int64_t until_us;
    pthread_t thread;
    bool has_thread;
};

static void *watch_ending(void *data)
{
    struct ending *ending = data;
    const struct timespec deadline = wait_deadline(ending->until_us);
    pthread_mutex_lock(&ending->lock);
    while (!ending->is_over && pthread_cond_timedwait(&ending->changed, &ending->lock, &deadline) != ETIMEDOUT)
        ;
    bool is_late = !ending->is_over;
    pthread_mutex_unlock(&ending->lock);
    if (is_late)
        leave_hanging_store();
    return NULL;
}

static void ending_begin(struct ending *ending, double stop_seconds)
{
    *ending = (struct ending){.lock = PTHREAD_MUTEX_INITIALIZER};
    ending->until_us = clock_monotonic_us(clock_system()) + (int64_t)(stop_seconds * G_USEC_PER_SEC) + ENDING_US;
    wait_condition_init(&ending->changed);
    ending->has_thread = thread_start(&ending->thread, "ending", watch_ending, ending) == 0; /* else nobody watches */
}

static void ending_finish(struct ending *ending)
{
    pthread_mutex_lock(&ending->lock);
    ending->is_over = true;
    pthread_cond_signal(&ending->changed);
    pthread_mutex_unlock(&ending->lock);
    if (ending->has_thread)
        pthread_join(ending->thread, NULL);
    pthread_cond_destroy(&ending->changed);
    pthread_mutex_destroy(&ending->lock);
}

/* The spool answers on this thread's main loop: workers are freed after those answers. */
static void hub_clear(struct hub *hub)
{
    struct ending ending;
    ending_begin(&ending, hub->settings->spool.stop_seconds);
    close_ways_in(hub);
    hub->is_stopping = true;
    control_free(hub->control);
    proof_clear(hub);
    for (guint i = 0; i < hub->workers->len; i++)
        hub_worker_end(g_ptr_array_index(hub->workers, i));
    trials_free(hub->trials);
    monitor_stop(hub->monitor);
    if (!record_path_close(hub->records)) /* which asks policies whom to tell */
        leave_hanging_store();
    incident_teller_stop(hub->incident_teller); /* so does it */
    notify_close(hub->notify);
    policies_free(hub->policies);
    cameras_free(hub->cameras);
    vedette_resilience_free(hub->resilience);
    trace_export_stop(hub->traces); /* nobody is under way any more */
    monitor_free(hub->monitor);
    track_ids_free(hub->track_ids);
    store_close(hub->store);
    arrival_free(hub->arrival);
    ending_finish(&ending);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    detecting_free(hub->detecting);
    g_ptr_array_unref(hub->workers);
    g_ptr_array_unref(hub->not_placed);
    live_free(hub->live);
    g_hash_table_unref(hub->breaker_words);
    governing_free(hub->governing);
    g_main_loop_unref(hub->loop);
    g_free(hub->program);
    g_free(hub->data_dir);
}

static bool open_notify(struct hub *hub, GError **error)
{
    const struct notify_parts parts = {.data_dir = hub->data_dir,
                                       .settings = &hub->settings->notify,
                                       .clock = hub->clock,
                                       .resilience = hub->resilience,
                                       .says = policy_keeper_notify_policy,
                                       .says_data = policies_keeper(hub->policies)};
    hub->notify = notify_open(&parts, error);
    return hub->notify != NULL;
}

static bool open_records(struct hub *hub, GError **error)
{
    const struct record_path_parts parts = {.data_dir = hub->data_dir,
                                            .settings = hub->settings,
                                            .clock = hub->clock,
                                            .store = hub->store,
                                            .live = hub->live,
                                            .notify = hub->notify,
                                            .health = &hub->health,
                                            .is_held = true};
    hub->records = record_path_open(&parts, error);
    if (hub->records)
        vedette_resilience_share_breaker(hub->resilience, HUB_BREAKER_STORE, record_path_breaker(hub->records));
    return hub->records != NULL;
}

static void publish_incident(void *data, const struct incident *incident)
{
    struct hub *hub = data;
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(&incident_descriptor, incident, true, json);
    live_publish_incident(hub->live, incident->org_id, incident->camera_id, incident->id, json->str, json->len);
    incident_teller_wake(hub->incident_teller, incident->org_id);
}

static bool start_incident_teller(struct hub *hub, GError **error)
{
    hub->incident_teller = incident_teller_start(hub->store, hub->notify, &hub->health, error);
    return hub->incident_teller != NULL;
}

/* What needs no word of the store: what does is arrival.c's. */
static bool open_all(struct hub *hub, GError **error)
{
    g_autofree char *data_dir = directory_prepare(hub->data_dir, error); /* whatever the store is, much lies there */
    if (!data_dir)
        return false;
    hub->store = store_open_or_wait(hub->data_dir, &hub->settings->store, hub->clock, &hub->health, error);
    if (hub->store)
        store_watch_incidents(hub->store, publish_incident, hub);
    hub->monitor = monitor_new(hub);
    hub->governing = governing_new(hub, "");
    if (!hub->store || !(hub->track_ids = track_ids_new(hub->store, hub->data_dir, hub->clock, error)) ||
        !(hub->policies = policies_new(hub, error)))
        return false;
    const struct cameras_config cameras = {hub->store,   policies_keeper(hub->policies),  hub->live,
                                           &hub->health, &hub->settings->managed_cameras, hub->clock};
    hub->cameras = cameras_new(&cameras);
    return open_notify(hub, error) && start_incident_teller(hub, error) && open_records(hub, error);
}

/* False: a collector is set, and its settings are not valid. */
static bool start_tracing(struct hub *hub, GError **error)
{
    struct vedette_breaker_config breaker;
    g_autoptr(GError) cause = NULL;
    hub_breaker_config(hub, &breaker);
    hub->traces = trace_export_start(&hub->settings->tracing, &breaker, &hub->health, &cause);
    if (hub->traces)
        vedette_resilience_share_breaker(hub->resilience, HUB_BREAKER_COLLECTOR, trace_export_breaker(hub->traces));
    if (!cause)
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

int hub_run(const struct hub_options *options)
{
    struct hub hub = {
        .settings = options->settings,
        .program = g_strdup(options->program),
        .data_dir = g_canonicalize_filename(options->data_dir, NULL), /* workers start elsewhere */
        .clock = clock_system(),
        .loop = g_main_loop_new(NULL, FALSE),
        .answered_lock = PTHREAD_MUTEX_INITIALIZER,
        .answered = G_QUEUE_INIT,
        .workers = g_ptr_array_new_with_free_func(hub_worker_free),
        .not_placed = camera_array_new(),
    };
    g_autoptr(GError) error = NULL;
    random_init_system(&hub.random);
    hub.health.started_at.ms = clock_wall_ms(hub.clock);
    hub.live = live_new(&options->settings->cameras);
    hub.resilience = hub_resilience_new(&hub);
    hub.breaker_words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    bool is_good = start_tracing(&hub, &error) && open_all(&hub, &error) && serve(&hub, &error);
    if (!is_good)
        fprintf(stderr, "vedette: %s\n", error->message);
    hub_clear(&hub);
    return is_good && !hub.has_failed ? 0 : 1;
}
