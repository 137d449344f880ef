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

enum { LOOK_US = 1000000 };

/* What is known of one camera. */
struct watch {
    bool is_settled;           /* it was on or off line for long enough once */
    bool is_online;            /* settled */
    bool is_seen, seen_online; /* looked at, and at the last look */
    bool is_saved;
    int64_t since_us; /* seen_online is so since then */
    int64_t gone_ms;  /* wall clock: when it went off line */
    int64_t saved_us;
    struct stalls stalls;
};

struct monitor {
    struct hub *hub;
    struct watch *watches; /* one for each camera of the settings, in their order */
    bool has_looked;
    int64_t looked_us;
    pthread_mutex_t lock; /* guards unsent */
    GQueue unsent;        /* of GPtrArray *: events the spool could not take yet, oldest first */
};

struct monitor *monitor_new(struct hub *hub)
{
    struct monitor *monitor = g_new0(struct monitor, 1);
    monitor->hub = hub;
    monitor->watches = g_new0(struct watch, hub->settings->cameras.count);
    pthread_mutex_init(&monitor->lock, NULL);
    return monitor;
}

void monitor_free(struct monitor *monitor)
{
    if (!monitor)
        return;
    g_queue_clear_full(&monitor->unsent, (GDestroyNotify)g_ptr_array_unref);
    pthread_mutex_destroy(&monitor->lock);
    g_free(monitor->watches);
    g_free(monitor);
}

/* ---- signals ---- */

static void set_unsent(struct monitor *monitor, GPtrArray *events, bool is_oldest)
{
    pthread_mutex_lock(&monitor->lock);
    if (is_oldest)
        g_queue_push_head(&monitor->unsent, events);
    else
        g_queue_push_tail(&monitor->unsent, events);
    GPtrArray *shed = NULL;
    if (monitor->unsent.length > (guint)monitor->hub->settings->store.queue_records)
        shed = g_queue_pop_head(&monitor->unsent);
    pthread_mutex_unlock(&monitor->lock);
    if (!shed)
        return;
    counter_add(&monitor->hub->health.records_rejected, shed->len);
    g_ptr_array_unref(shed);
}

struct sending {
    struct monitor *monitor;
    GPtrArray *events;
};

/* On the spool's thread, or the main loop's. */
static void on_spooled(void *data, const struct vedette_spool_error *error)
{
    struct sending *sending = data;
    if (error && error->kind == VEDETTE_SPOOL_INVALID) {
        log_error(NULL, "a signal of the health monitor is refused by the spool: %s", error->text);
        counter_add(&sending->monitor->hub->health.records_rejected, sending->events->len);
    } else if (error) {
        set_unsent(sending->monitor, g_ptr_array_ref(sending->events), true);
    }
    g_ptr_array_unref(sending->events);
    g_free(sending);
}

static void send_unsent(struct monitor *monitor)
{
    for (;;) {
        pthread_mutex_lock(&monitor->lock);
        GPtrArray *events = g_queue_pop_head(&monitor->unsent);
        pthread_mutex_unlock(&monitor->lock);
        if (!events)
            return;
        struct sending *sending = g_new(struct sending, 1);
        struct vedette_spool_error error;
        *sending = (struct sending){monitor, events};
        if (record_path_submit(monitor->hub->records, events, on_spooled, sending, &error))
            continue;
        on_spooled(sending, &error);
        if (error.kind != VEDETTE_SPOOL_INVALID)
            return; /* at the next turn */
    }
}

static void encode_signal(const struct signal *signal, struct analytics_event *event)
{
    GString *json = g_string_new(NULL);
    record_encode_json(&signal_descriptor, signal, true, json);
    event->payload.text = g_string_free(json, FALSE);
}

static void raise_signal(struct monitor *monitor, const struct camera *camera, const char *kind, enum severity severity,
                         int64_t at_ms, char *attributes)
{
    struct hub *hub = monitor->hub;
    char id[ID_TEXT_BYTES];
    id_write(hub->clock, id);
    /* borrows everything */
    const struct signal signal = {
        .id = id,
        .org_id = camera->org_id,
        .site_id = camera->site_id,
        .camera_id = camera->id,
        .service = SERVICE_SYSTEM,
        .kind = (char *)(uintptr_t)kind,
        .severity = severity,
        .confidence = 1,
        .started_at = {at_ms},
        .attributes = {attributes},
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
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    g_ptr_array_add(events, event);
    set_unsent(monitor, events, false);
}

void monitor_raise(struct monitor *monitor, const struct camera *camera, const char *kind, enum severity severity,
                   char *attributes)
{
    raise_signal(monitor, camera, kind, severity, clock_wall_ms(monitor->hub->clock), attributes);
}

static void tell_change(struct monitor *monitor, const struct camera *camera, const struct watch *watch,
                        const struct camera_health *health)
{
    int64_t now_ms = clock_wall_ms(monitor->hub->clock);
    if (watch->is_online) {
        double seconds = (double)(now_ms - watch->gone_ms) / 1000;
        g_autofree char *attributes = g_strdup_printf("{\"offline_seconds\":%.0f}", seconds);
        log_info(camera->id, "is back after %.0f s", seconds);
        raise_signal(monitor, camera, "camera_recovered", SEVERITY_INFO, now_ms, attributes);
        return;
    }
    g_autoptr(GString) attributes = g_string_new("{\"reason\":");
    record_append_json_string(attributes, health->last_error ? health->last_error : "");
    g_string_append_c(attributes, '}');
    log_warning(camera->id, "is offline: %s", health->last_error ? health->last_error : "no picture comes");
    raise_signal(monitor, camera, "camera_offline", SEVERITY_HIGH, watch->gone_ms, attributes->str);
}

/* ---- what is kept ---- */

static void save(struct monitor *monitor, const struct camera *camera, struct watch *watch,
                 const struct camera_health *health, int64_t now_us)
{
    g_autoptr(GString) json = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    watch->is_saved = true;
    watch->saved_us = now_us;
    record_encode_json(&camera_health_descriptor, health, true, json);
    if (!store_camera_set_health(monitor->hub->store, camera->org_id, camera->id, watch->is_online,
                                 health->last_frame_at.ms, json->str, &error))
        log_warning(camera->id, "health not stored: %s", error->message);
}

/* ---- looking ---- */

/* True when the camera was otherwise than what is settled for long enough. */
static bool settle(struct monitor *monitor, struct watch *watch, bool is_online, int64_t now_us)
{
    const struct health_settings *settings = &monitor->hub->settings->health;
    if (!watch->is_seen || is_online != watch->seen_online) {
        if (!is_online && (watch->is_online || !watch->is_settled))
            watch->gone_ms = clock_wall_ms(monitor->hub->clock);
        watch->is_seen = true;
        watch->seen_online = is_online;
        watch->since_us = now_us;
    }
    if (watch->is_settled && watch->is_online == is_online)
        return false;
    /* The first time it comes on line is no recovery that could be premature. */
    double seconds = !is_online ? settings->offline_seconds : watch->is_settled ? settings->recovered_seconds : 0;
    if ((double)(now_us - watch->since_us) < seconds * G_USEC_PER_SEC)
        return false;
    watch->is_online = is_online;
    return true;
}

static void look_at(struct monitor *monitor, const struct camera *camera, struct watch *watch, int64_t now_us)
{
    struct hub *hub = monitor->hub;
    bool is_first = !watch->is_settled;
    bool is_change = settle(monitor, watch, live_is_online(hub->live, camera->id, clock_wall_ms(hub->clock)), now_us);
    int64_t save_us = (int64_t)(hub->settings->health.save_seconds * G_USEC_PER_SEC);
    if (!is_change && watch->is_saved && now_us - watch->saved_us < save_us)
        return;
    struct camera_health health;
    if (!live_get_health(hub->live, camera->id, &health))
        record_init(&camera_health_descriptor, &health);
    watch->is_settled |= is_change;
    if (is_change && !(is_first && watch->is_online))
        tell_change(monitor, camera, watch, &health);
    if (is_change || !is_first)
        save(monitor, camera, watch, &health, now_us);
    record_clear(&camera_health_descriptor, &health);
}

void monitor_turn(struct monitor *monitor)
{
    const struct record_list *cameras = &monitor->hub->settings->cameras;
    const struct camera *items = cameras->items;
    int64_t now_us = clock_monotonic_us(monitor->hub->clock);
    send_unsent(monitor);
    if (monitor->has_looked && now_us - monitor->looked_us < LOOK_US)
        return;
    monitor->has_looked = true;
    monitor->looked_us = now_us;
    for (size_t i = 0; i < cameras->count; i++)
        if (items[i].enabled) {
            struct watch *watch = &monitor->watches[i];
            look_at(monitor, &items[i], watch, now_us);
            watch->stalls.is_offline = watch->is_settled && !watch->is_online;
            stalls_look(&watch->stalls, monitor, monitor->hub, &items[i], now_us);
        }
    send_unsent(monitor);
}
