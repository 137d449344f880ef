/* The camera health monitor: when a camera is really gone and when it is really back, told as signals; and how it is,
 * kept in the store. The page shows what is true now; what is settled here has hysteresis, so that a camera that flaps
 * raises one signal and not a hundred.
 *
 * Main loop's thread, but for on_spooled.
 */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/counter.h"
#include "base/id.h"
#include "base/log.h"
#include "hub/arrival.h"
#include "hub/camera_states.h"
#include "store/policy_files.h"

#include <string.h>

enum { LOOK_US = 1000000 };

static char any_server_id[] = "server"; /* the camera's of signals that are of none */

struct monitor {
    struct hub *hub;
    char *server_id;               /* the same of those of this server alone */
    struct vedette_health *health; /* settles who is on line, and when what is kept is due */
    struct camera_states *states;  /* on the way into the store; NULL: there is none */
    struct standing *standing;     /* asks what was told before; NULL: there is no store */
    GHashTable *orgs;              /* whose server's signals of before were asked for */
    GHashTable *stalls;            /* camera id → struct stalls *, of those that are watched */
    unsigned look;                 /* counts up */
    unsigned alarms;               /* alarms.c: which are on */
    bool has_looked;
    int64_t looked_us, began_us;
    uint64_t raised;      /* batches so far */
    pthread_mutex_t lock; /* guards what follows */
    GHashTable *unsent;   /* org → GQueue of struct batch *, oldest first: the spool could not take them yet */
    guint unsent_count;   /* batches, of all orgs */
};

/* What was raised at once, of one org. */
struct batch {
    struct monitor *monitor;
    uint64_t number; /* counts up */
    GPtrArray *events;
};

static void on_signal(void *data, const struct vedette_camera_health *camera, enum vedette_camera_signal signal);
static void on_publish(void *data, const struct vedette_camera_health *camera, bool is_change);

static void batch_free(gpointer data)
{
    struct batch *batch = data;
    g_ptr_array_unref(batch->events);
    g_free(batch);
}

static void batches_free(gpointer data)
{
    g_queue_free_full(data, batch_free);
}

static int64_t now_us(void *clock)
{
    return clock_monotonic_us(clock);
}

/* g_free. */
static char *make_server_id(struct hub *hub)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *source = store_source_make(hub->data_dir, hub->clock, &error);
    if (source)
        return g_strdup_printf("%s-%s", any_server_id, source);
    log_error(NULL, "overload of this server is not told apart from that of others of its store: %s", error->message);
    return g_strdup(any_server_id);
}

struct monitor *monitor_new(struct hub *hub)
{
    const struct health_settings *settings = &hub->settings->health;
    struct monitor *monitor = g_new0(struct monitor, 1);
    struct vedette_health_config config;
    vedette_health_config_init(&config);
    config.offline_us = (int64_t)(settings->offline_seconds * G_USEC_PER_SEC);
    config.recovered_us = (int64_t)(settings->recovered_seconds * G_USEC_PER_SEC);
    config.publish_interval_us = (int64_t)(settings->save_seconds * G_USEC_PER_SEC);
    config.max_cameras = MAX(hub->settings->cameras.count + (size_t)hub->settings->managed_cameras.max_cameras, 1);
    config.time = (struct vedette_time_source){.now_us = now_us, .data = hub->clock};
    config.signal = on_signal;
    config.publish = on_publish;
    config.data = monitor;
    monitor->hub = hub;
    monitor->server_id = make_server_id(hub);
    monitor->health = vedette_health_new(&config, NULL); /* the settings' table keeps them in range */
    monitor->began_us = clock_monotonic_us(hub->clock);
    monitor->orgs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    monitor->stalls = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    monitor->unsent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, batches_free);
    pthread_mutex_init(&monitor->lock, NULL);
    g_autoptr(GError) error = NULL;
    if (hub->store && !(monitor->states = camera_states_new(hub->store, &error)))
        log_error(NULL, "how cameras are is not kept in the store: %s", error->message);
    g_clear_error(&error);
    if (hub->store && !(monitor->standing = standing_new(hub->store, &error)))
        log_error(NULL, "what an earlier run told of is not taken back: %s", error->message);
    return monitor;
}

/* ---- signals ---- */

/* Each org has a queue of its own: what the spool refuses of one, which may hold its share of it, holds up no other. */

static const char *org_of(const struct batch *batch)
{
    return ((const struct analytics_event *)g_ptr_array_index(batch->events, 0))->org_id;
}

static gint compare_numbers(gconstpointer left, gconstpointer right, gpointer data)
{
    const struct batch *a = left, *b = right;
    (void)data;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* The oldest of an org's, or NULL. Under the lock. */
static struct batch *take_oldest(struct monitor *monitor, const char *org_id)
{
    GQueue *batches = g_hash_table_lookup(monitor->unsent, org_id);
    struct batch *batch = batches ? g_queue_pop_head(batches) : NULL;
    if (batch)
        monitor->unsent_count--;
    if (batches && !batches->length)
        g_hash_table_remove(monitor->unsent, org_id);
    return batch;
}

/* Too many wait: the oldest of the org that has most of them. Under the lock. */
static struct batch *take_surplus(struct monitor *monitor)
{
    GHashTableIter iterator;
    gpointer org_id, batches;
    const char *fullest = NULL;
    guint most = 0;
    if (monitor->unsent_count <= (guint)monitor->hub->settings->store.queue_records)
        return NULL;
    g_hash_table_iter_init(&iterator, monitor->unsent);
    while (g_hash_table_iter_next(&iterator, &org_id, &batches))
        if (((GQueue *)batches)->length > most) {
            most = ((GQueue *)batches)->length;
            fullest = org_id;
        }
    return take_oldest(monitor, fullest);
}

static void shed(struct monitor *monitor, struct batch *batch)
{
    counter_add(&monitor->hub->health.records_rejected, batch->events->len);
    batch_free(batch);
}

/* To its place among its org's, whose order it is. Takes it over. Any thread. */
static void keep_batch(struct monitor *monitor, struct batch *batch)
{
    pthread_mutex_lock(&monitor->lock);
    GQueue *batches = g_hash_table_lookup(monitor->unsent, org_of(batch));
    if (!batches)
        g_hash_table_insert(monitor->unsent, g_strdup(org_of(batch)), batches = g_queue_new());
    g_queue_insert_sorted(batches, batch, compare_numbers, NULL);
    monitor->unsent_count++;
    struct batch *surplus = take_surplus(monitor);
    pthread_mutex_unlock(&monitor->lock);
    if (surplus)
        shed(monitor, surplus);
}

/* On the spool's thread, or the main loop's. */
static void on_spooled(void *data, const struct vedette_spool_error *error)
{
    struct batch *batch = data;
    if (!error) {
        batch_free(batch);
    } else if (error->kind == VEDETTE_SPOOL_INVALID) {
        log_error(NULL, "a signal of the health monitor is refused by the spool: %s", error->text);
        shed(batch->monitor, batch);
    } else {
        keep_batch(batch->monitor, batch);
    }
}

/* An org's, as far as the spool takes them; the others at the next turn. */
static void send_of(struct monitor *monitor, const char *org_id)
{
    for (;;) {
        pthread_mutex_lock(&monitor->lock);
        struct batch *batch = take_oldest(monitor, org_id);
        pthread_mutex_unlock(&monitor->lock);
        if (!batch)
            return;
        struct vedette_spool_error error;
        if (record_path_offer(monitor->hub->records, batch->events, on_spooled, batch, &error))
            continue;
        on_spooled(batch, &error);
        if (error.kind != VEDETTE_SPOOL_INVALID)
            return;
    }
}

static void send_unsent(struct monitor *monitor)
{
    GHashTableIter iterator;
    gpointer org_id;
    g_autoptr(GPtrArray) orgs = g_ptr_array_new_with_free_func(g_free);
    pthread_mutex_lock(&monitor->lock);
    g_hash_table_iter_init(&iterator, monitor->unsent);
    while (g_hash_table_iter_next(&iterator, &org_id, NULL))
        g_ptr_array_add(orgs, g_strdup(org_id));
    pthread_mutex_unlock(&monitor->lock);
    for (guint i = 0; i < orgs->len; i++)
        send_of(monitor, g_ptr_array_index(orgs, i));
}

static void encode_signal(const struct signal *signal, struct analytics_event *event)
{
    GString *json = g_string_new(NULL);
    record_encode_json(&signal_descriptor, signal, true, json);
    event->payload.text = g_string_free(json, FALSE);
}

static void raise_named(struct monitor *monitor, const struct camera *camera, enum server_signal raised, int64_t at_ms,
                        const char *id, const char *attributes)
{
    struct hub *hub = monitor->hub;
    /* borrows everything */
    const struct signal signal = {
        .id = (char *)(uintptr_t)id,
        .org_id = camera->org_id,
        .site_id = camera->site_id,
        .camera_id = camera->id,
        .service = SERVICE_SYSTEM,
        .kind = (char *)(uintptr_t)server_signals[raised].kind,
        .severity = server_signals[raised].severity,
        .confidence = 1,
        .started_at = {at_ms},
        .attributes = {(char *)(uintptr_t)attributes},
    };
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    record_init(&analytics_event_descriptor, event);
    event->type = EVENT_SIGNAL;
    event->id = g_strdup(id);
    event->org_id = g_strdup(camera->org_id);
    event->site_id = g_strdup(camera->site_id);
    event->camera_id = g_strdup(camera->id);
    event->occurred_at.ms = at_ms;
    event->received_at.ms = clock_wall_ms(hub->clock);
    event->priority = event_type_find(EVENT_SIGNAL)->priority;
    encode_signal(&signal, event);
    struct batch *batch = g_new(struct batch, 1);
    *batch = (struct batch){monitor, ++monitor->raised,
                            g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free)};
    g_ptr_array_add(batch->events, event);
    keep_batch(monitor, batch);
}

static void raise_signal(struct monitor *monitor, const struct camera *camera, enum server_signal raised, int64_t at_ms,
                         const char *attributes)
{
    char id[ID_TEXT_BYTES];
    id_write(monitor->hub->clock, id);
    raise_named(monitor, camera, raised, at_ms, id, attributes);
}

void monitor_raise(struct monitor *monitor, const struct camera *camera, enum server_signal signal,
                   const char *attributes)
{
    raise_signal(monitor, camera, signal, clock_wall_ms(monitor->hub->clock), attributes);
}

/* What all servers see, each of them tells, and again after a restart: under one id, so that it is one signal. */
static void raise_for_org(struct monitor *monitor, const struct camera *server, enum server_signal signal,
                          int64_t since_ms, const char *attributes)
{
    char id[ID_TEXT_BYTES];
    g_autofree char *words = g_strdup_printf("%s\n%s", server_signals[signal].kind, server->org_id);
    if (!since_ms) {
        monitor_raise(monitor, server, signal, attributes);
        return;
    }
    id_write_named(since_ms, words, id);
    raise_named(monitor, server, signal, since_ms, id, attributes);
}

const char *monitor_server_id(const struct monitor *monitor, enum server_signal signal)
{
    return server_signals[signal].is_of_one_server ? monitor->server_id : any_server_id;
}

/* What raises a signal of the server, as a camera of this one's org. Borrows from both. */
static struct camera server_of(const struct monitor *monitor, enum server_signal signal, const struct camera *camera)
{
    return (struct camera){.id = (char *)(uintptr_t)monitor_server_id(monitor, signal),
                           .org_id = camera->org_id,
                           .site_id = camera->site_id};
}

void monitor_raise_for_orgs(struct monitor *monitor, enum server_signal signal, int64_t since_ms,
                            const char *attributes)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(monitor->hub->live);
    g_autoptr(GHashTable) told = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < set->count; i++) {
        const struct camera *camera = set->items[i];
        const struct camera server = server_of(monitor, signal, camera);
        if (g_hash_table_add(told, camera->org_id))
            raise_for_org(monitor, &server, signal, since_ms, attributes);
    }
}

static void tell_offline(struct monitor *monitor, const struct camera *camera, const struct camera_health *health,
                         int64_t gone_ms)
{
    bool has_reason = health->last_error && *health->last_error;
    g_autoptr(GString) attributes = g_string_new("{\"reason\":");
    record_append_json_string(attributes, has_reason ? health->last_error : "");
    g_string_append_c(attributes, '}');
    log_warning(camera->id, "is offline: %s", has_reason ? health->last_error : "no picture comes");
    raise_signal(monitor, camera, SERVER_SIGNAL_CAMERA_OFFLINE, gone_ms, attributes->str);
}

static void tell_recovered(struct monitor *monitor, const struct camera *camera, double offline_seconds, int64_t now_ms)
{
    g_autofree char *attributes = g_strdup_printf("{\"offline_seconds\":%.0f}", offline_seconds);
    log_info(camera->id, "is back after %.0f s", offline_seconds);
    raise_signal(monitor, camera, SERVER_SIGNAL_CAMERA_RECOVERED, now_ms, attributes);
}

/* record_clear it. */
static void get_health(struct monitor *monitor, const char *camera_id, struct camera_health *health)
{
    if (!live_get_health(monitor->hub->live, camera_id, health))
        record_init(&camera_health_descriptor, health);
}

/* Begins it where it is new. */
static struct stalls *stalls_of(struct monitor *monitor, const char *camera_id)
{
    struct stalls *stalls = g_hash_table_lookup(monitor->stalls, camera_id);
    if (stalls)
        return stalls;
    stalls = g_new0(struct stalls, 1);
    stalls->since_us = clock_monotonic_us(monitor->hub->clock);
    g_hash_table_insert(monitor->stalls, g_strdup(camera_id), stalls);
    return stalls;
}

static void on_signal(void *data, const struct vedette_camera_health *told, enum vedette_camera_signal signal)
{
    struct monitor *monitor = data;
    CLEANUP(camera_set) struct camera_set *set = live_cameras(monitor->hub->live);
    const struct camera *camera = camera_set_find(set, told->camera_id);
    int64_t now_ms = clock_wall_ms(monitor->hub->clock);
    if (!camera)
        return; /* removed a moment ago, by another thread */
    struct stalls *stalls = stalls_of(monitor, camera->id);
    stalls->is_offline = signal == VEDETTE_CAMERA_OFFLINE;
    stalls->asked |= 1U << SERVER_SIGNAL_CAMERA_OFFLINE; /* its recovery takes back what stood before, too */
    if (signal == VEDETTE_CAMERA_RECOVERED) {
        tell_recovered(monitor, camera, (double)told->offline_us / G_USEC_PER_SEC, now_ms);
        return;
    }
    struct camera_health health;
    get_health(monitor, camera->id, &health);
    tell_offline(monitor, camera, &health, now_ms - told->offline_us / 1000);
    record_clear(&camera_health_descriptor, &health);
}

/* Into the cameras table, where there is such a camera. */
static void keep_state(struct monitor *monitor, const char *camera_id, bool is_online)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(monitor->hub->live);
    const struct camera *camera = camera_set_find(set, camera_id);
    struct camera_health health;
    if (!monitor->states || !camera)
        return;
    GString *json = g_string_new(NULL);
    get_health(monitor, camera_id, &health);
    record_encode_json(&camera_health_descriptor, &health, true, json);
    camera_states_put(monitor->states, camera->org_id, camera->id, is_online, health.last_frame_at.ms,
                      g_string_free(json, FALSE));
    record_clear(&camera_health_descriptor, &health);
}

static void on_publish(void *data, const struct vedette_camera_health *told, bool is_change)
{
    (void)is_change;
    keep_state(data, told->camera_id, told->online);
}

static void report(struct monitor *monitor, const struct camera *camera)
{
    struct hub *hub = monitor->hub;
    struct camera_health health;
    get_health(monitor, camera->id, &health);
    const struct vedette_camera_stats stats = {
        .frames_processed = health.frames_processed,
        .errors_count = health.errors_count,
        .avg_latency_ms = health.avg_latency_ms,
        .fps = health.fps,
        .last_seen_ms = health.last_frame_at.ms,
        .is_online = live_is_online(hub->live, camera->id, clock_wall_ms(hub->clock)),
        .circuit_breaker_state = vedette_breaker_state_of_name(health.circuit_breaker_state),
    };
    vedette_health_update_camera_stats(monitor->health, camera->id, &stats);
    record_clear(&camera_health_descriptor, &health);
}

/* What is no longer watched is off line, and forgotten: should it come back, it begins anew. */
static void forget_unwatched(struct monitor *monitor)
{
    GHashTableIter iterator;
    gpointer camera_id, stalls;
    g_hash_table_iter_init(&iterator, monitor->stalls);
    while (g_hash_table_iter_next(&iterator, &camera_id, &stalls)) {
        if (((struct stalls *)stalls)->look == monitor->look)
            continue;
        keep_state(monitor, camera_id, false);
        vedette_health_forget(monitor->health, camera_id);
        g_hash_table_iter_remove(&iterator);
    }
}

/* ---- what was told before ---- */

/* Since when (monotonic) what was told may be here or in the spool; before, it is in the store. 0: nobody knows. */
static int64_t stored_until_us(struct monitor *monitor, int64_t at_us)
{
    struct vedette_spool_stats stats;
    if (!monitor->hub->records || !monitor->standing)
        return 0;
    pthread_mutex_lock(&monitor->lock);
    bool has_unsent = monitor->unsent_count != 0;
    pthread_mutex_unlock(&monitor->lock);
    vedette_spool_get_stats(record_path_spool(monitor->hub->records), &stats);
    return has_unsent ? 0 : stats.total_queued ? at_us - stats.oldest_age_us : at_us;
}

/* Off line: once it is on line. Stalled: once it would be known that it is. Each once. */
static void ask_of_camera(struct monitor *monitor, const struct camera *camera, struct stalls *stalls,
                          int64_t stored_us, int64_t at_us)
{
    static const unsigned offline = 1U << SERVER_SIGNAL_CAMERA_OFFLINE, stalled = 1U << SERVER_SIGNAL_STALLED;
    struct vedette_camera_health health;
    if (stalls->asked == (offline | stalled) || stored_us < stalls->since_us ||
        !vedette_health_get(monitor->health, camera->id, &health) || !health.online)
        return;
    double known_seconds = progress_longest_seconds(&stalls->progress, &monitor->hub->settings->progress);
    bool is_known = (double)(at_us - stalls->since_us) > known_seconds * G_USEC_PER_SEC;
    if (!(stalls->asked & offline))
        standing_ask(monitor->standing, camera->org_id, camera->id, SERVER_SIGNAL_CAMERA_OFFLINE);
    stalls->asked |= offline;
    if (stalls->asked & stalled || !is_known || stalls_are_any(stalls))
        return;
    standing_ask(monitor->standing, camera->org_id, camera->id, SERVER_SIGNAL_STALLED);
    stalls->asked |= stalled;
}

/* Once what the start has to learn of the store is known, as how jobs went. A server that starts leaves out nothing. */
static void ask_of_server(struct monitor *monitor, const char *org_id, int64_t stored_us)
{
    if (stored_us < monitor->began_us || g_hash_table_contains(monitor->orgs, org_id) ||
        !arrival_is_over(monitor->hub->arrival))
        return;
    g_hash_table_add(monitor->orgs, g_strdup(org_id));
    alarms_ask(monitor, monitor->standing, org_id);
}

static void take_back_of_server(struct monitor *monitor, const struct camera_set *set,
                                const struct standing_incident *incident)
{
    for (size_t i = 0; i < set->count; i++)
        if (g_strcmp0(set->items[i]->org_id, incident->org_id) == 0) {
            const struct camera server = server_of(monitor, incident->begun_by, set->items[i]);
            alarms_take_back(monitor, monitor->hub, &server, incident);
            return;
        }
}

/* Unless it is so again, and its end will be told. */
static void take_back(struct monitor *monitor, const struct camera_set *set, const struct standing_incident *incident)
{
    const struct camera *camera = camera_set_find(set, incident->camera_id);
    const struct stalls *stalls = g_hash_table_lookup(monitor->stalls, incident->camera_id);
    int64_t now_ms = clock_wall_ms(monitor->hub->clock);
    if (strcmp(incident->camera_id, monitor_server_id(monitor, incident->begun_by)) == 0)
        take_back_of_server(monitor, set, incident);
    else if (!camera || !stalls || g_strcmp0(camera->org_id, incident->org_id) != 0)
        return; /* removed, or disabled */
    else if (incident->begun_by == SERVER_SIGNAL_CAMERA_OFFLINE && !stalls->is_offline)
        tell_recovered(monitor, camera, (double)MAX(now_ms - incident->since_ms, 0) / 1000, now_ms);
    else if (incident->begun_by == SERVER_SIGNAL_STALLED && !stalls->told)
        monitor_raise(monitor, camera, SERVER_SIGNAL_STALL_ENDED, "{}"); /* the incident does not say of which stage */
}

static void take_back_all(struct monitor *monitor)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(monitor->hub->live);
    for (struct standing_incident *incident; (incident = standing_take(monitor->standing));) {
        take_back(monitor, set, incident);
        standing_incident_free(incident);
    }
}

/* ---- turns ---- */

void monitor_turn(struct monitor *monitor)
{
    int64_t at_us = clock_monotonic_us(monitor->hub->clock);
    send_unsent(monitor);
    if (monitor->has_looked && at_us - monitor->looked_us < LOOK_US)
        return;
    CLEANUP(camera_set) struct camera_set *set = live_cameras(monitor->hub->live);
    monitor->has_looked = true;
    monitor->looked_us = at_us;
    monitor->look++;
    for (size_t i = 0; i < set->count; i++) {
        if (!set->items[i]->enabled)
            continue;
        stalls_of(monitor, set->items[i]->id)->look = monitor->look;
        report(monitor, set->items[i]);
    }
    forget_unwatched(monitor);
    vedette_health_tick(monitor->health);
    take_back_all(monitor);
    alarms_look(&monitor->alarms, monitor, monitor->hub);
    int64_t stored_us = stored_until_us(monitor, at_us);
    for (size_t i = 0; i < set->count; i++) {
        const struct camera *camera = set->items[i];
        ask_of_server(monitor, camera->org_id, stored_us);
        if (!camera->enabled)
            continue;
        struct stalls *stalls = stalls_of(monitor, camera->id);
        stalls_look(stalls, monitor, monitor->hub, camera, at_us);
        ask_of_camera(monitor, camera, stalls, stored_us, at_us);
    }
    send_unsent(monitor);
}

/* ---- the end ---- */

/* Nobody watches them any more, and the table would say for ever how they were last. */
static void tell_all_offline(struct monitor *monitor)
{
    GHashTableIter iterator;
    gpointer camera_id;
    g_hash_table_iter_init(&iterator, monitor->stalls);
    while (g_hash_table_iter_next(&iterator, &camera_id, NULL))
        keep_state(monitor, camera_id, false);
}

/* What the spool did not take until the end, or took and could not write, is nowhere. */
static void shed_unsent(struct monitor *monitor)
{
    GHashTableIter iterator;
    gpointer org_id, batches;
    g_hash_table_iter_init(&iterator, monitor->unsent);
    while (g_hash_table_iter_next(&iterator, &org_id, &batches)) {
        log_error(NULL, "%u signals of the server are lost, of org %s: the spool did not take them before the stop",
                  ((GQueue *)batches)->length, (const char *)org_id);
        for (struct batch *batch; (batch = g_queue_pop_head(batches));)
            shed(monitor, batch);
    }
}

void monitor_stop(struct monitor *monitor)
{
    if (monitor && monitor->hub->records)
        send_unsent(monitor);
}

void monitor_free(struct monitor *monitor)
{
    if (!monitor)
        return;
    tell_all_offline(monitor);
    camera_states_free(monitor->states);
    standing_free(monitor->standing);
    g_hash_table_unref(monitor->orgs);
    shed_unsent(monitor);
    g_hash_table_unref(monitor->unsent);
    pthread_mutex_destroy(&monitor->lock);
    vedette_health_free(monitor->health);
    g_hash_table_unref(monitor->stalls);
    g_free(monitor->server_id);
    g_free(monitor);
}
