/* What workers tell: decoded, checked and stamped as if an enemy had sent it, then stored, and only then acknowledged.
 */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/counter.h"
#include "base/id.h"
#include "base/log.h"
#include "facts/track.h"

#include <string.h>

enum { MESSAGES_A_TURN = 256, WAITING_BATCHES_MAX = 4096, HEALTH_SAVE_US = 30 * 1000000 };

struct intake_batch {
    struct hub *hub;
    char *worker_id;
    uint64_t generation, sequence;
    GPtrArray *events; /* NULL while the store has them */
};

static void batch_free(struct intake_batch *batch)
{
    g_clear_pointer(&batch->events, g_ptr_array_unref);
    g_free(batch->worker_id);
    g_free(batch);
}

static const struct camera *camera_of(const struct hub_worker *worker, const char *camera_id, size_t length)
{
    for (guint i = 0; i < worker->cameras->len; i++) {
        const struct camera *camera = g_ptr_array_index(worker->cameras, i);
        if (strlen(camera->id) == length && memcmp(camera->id, camera_id, length) == 0)
            return camera;
    }
    return NULL;
}

static bool decode(const struct record_descriptor *descriptor, const char *text, size_t length, void *record,
                   GError **error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good =
        record_decode_json(descriptor, text, length, record, &errors) || record_errors_to_gerror(&errors, error);
    record_errors_clear(&errors);
    return is_good;
}

/* ---- events ---- */

static bool check_payload(const struct analytics_event *event, GError **error)
{
    const struct event_type_info *info = event_type_find(event->type);
    void *payload = g_malloc(info->payload->size);
    bool is_good = decode(info->payload, event->payload.text, strlen(event->payload.text), payload, error);
    if (is_good)
        record_clear(info->payload, payload);
    g_free(payload);
    return is_good;
}

/* One line of a batch; NULL when it is refused. Org, site and time of receipt are ours to say. */
static struct analytics_event *take_event(struct hub_worker *worker, const char *line, size_t length)
{
    g_autoptr(GError) error = NULL;
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    bool is_good = decode(&analytics_event_descriptor, line, length, event, &error);
    const struct camera *camera = is_good ? camera_of(worker, event->camera_id, strlen(event->camera_id)) : NULL;
    if (is_good && !camera)
        g_set_error(&error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "camera '%s' is not this worker's",
                    event->camera_id);
    if (is_good && !id_is_valid(event->id))
        g_set_error(&error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "id '%s' is no UUID", event->id);
    if (!error && check_payload(event, &error)) {
        g_free(event->org_id);
        g_free(event->site_id);
        event->org_id = g_strdup(camera->org_id);
        event->site_id = g_strdup(camera->site_id);
        event->received_at.ms = clock_wall_ms(worker->hub->clock);
        return event;
    }
    static struct log_limit complaint;
    gint64 held_back;
    counter_add(&worker->hub->health.records_rejected, 1);
    if (log_limit_pass(&complaint, G_USEC_PER_SEC, &held_back))
        log_warning(worker->id, "refused a record: %s (%lld more)", error->message, (long long)held_back);
    analytics_event_free(event);
    return NULL;
}

struct done_call {
    struct intake_batch *batch;
    bool has_failed, is_hopeless;
};

static struct hub_worker *find_worker(const struct intake_batch *batch)
{
    for (guint i = 0; i < batch->hub->workers->len; i++) {
        struct hub_worker *worker = g_ptr_array_index(batch->hub->workers, i);
        if (strcmp(worker->id, batch->worker_id) == 0)
            return worker;
    }
    return NULL;
}

/* On the main loop: the batch is stored, so its worker may forget it. */
static gboolean on_done(gpointer data)
{
    struct done_call *call = data;
    struct intake_batch *batch = call->batch;
    struct hub_worker *worker = find_worker(batch);
    if (call->has_failed && !call->is_hopeless && worker && worker->generation == batch->generation) {
        g_queue_push_tail(&worker->waiting, batch); /* offered again at the next turn of the timer */
    } else {
        uint64_t sequence = GUINT64_TO_LE(batch->sequence);
        if (worker && worker->link && worker->generation == batch->generation &&
            !link_send(worker->link, LINK_ACKNOWLEDGE, &sequence, sizeof sequence, NULL))
            log_debug(worker->id, "acknowledgement not sent: the worker is gone or does not read");
        batch_free(batch);
    }
    g_free(call);
    return G_SOURCE_REMOVE;
}

static void publish_event(struct hub *hub, const struct analytics_event *event)
{
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(&analytics_event_descriptor, event, true, json);
    live_publish(hub->live, LIVE_EVENT, event->org_id, event->camera_id, json->str, json->len);
}

/* On the store's writer thread. */
static void on_stored(void *data, GPtrArray *events, const bool *stored, const GError *error)
{
    struct intake_batch *batch = data;
    struct done_call *call = g_new0(struct done_call, 1);
    call->batch = batch;
    call->has_failed = error != NULL;
    call->is_hopeless = g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    if (call->is_hopeless)
        counter_add(&batch->hub->health.records_rejected, events->len);
    else if (error)
        batch->events = g_ptr_array_ref(events);
    for (guint i = 0; !error && i < events->len; i++)
        if (stored[i])
            publish_event(batch->hub, g_ptr_array_index(events, i));
    g_idle_add_full(G_PRIORITY_DEFAULT, on_done, call, NULL);
}

/* True when the store took it. */
static bool submit(struct hub_worker *worker, struct intake_batch *batch)
{
    GPtrArray *events = g_steal_pointer(&batch->events);
    if (store_events_submit(worker->hub->store, events, on_stored, batch, NULL))
        return true;
    batch->events = events;
    return false;
}

static bool take_events(struct hub_worker *worker, const char *body, size_t length, GError **error)
{
    uint64_t sequence;
    if (length < sizeof sequence) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "a batch of %zu bytes", length);
        return false;
    }
    memcpy(&sequence, body, sizeof sequence);
    struct intake_batch *batch = g_new0(struct intake_batch, 1);
    *batch = (struct intake_batch){worker->hub, g_strdup(worker->id), worker->generation, GUINT64_FROM_LE(sequence),
                                   g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free)};
    const char *line = body + sizeof sequence, *end = body + length;
    for (const char *next; line < end; line = next + 1) {
        next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next : end;
        struct analytics_event *event = next > line ? take_event(worker, line, (size_t)(next - line)) : NULL;
        if (event)
            g_ptr_array_add(batch->events, event);
    }
    counter_add(&worker->hub->health.records_received, batch->events->len);
    /* Order is kept: nothing overtakes what waits. */
    if (!g_queue_is_empty(&worker->waiting) || !submit(worker, batch))
        g_queue_push_tail(&worker->waiting, batch);
    return true;
}

void intake_retry(struct hub_worker *worker)
{
    while (!g_queue_is_empty(&worker->waiting)) {
        struct intake_batch *batch = g_queue_peek_head(&worker->waiting);
        if (!submit(worker, batch))
            return;
        g_queue_pop_head(&worker->waiting);
    }
}

void intake_clear(struct hub_worker *worker)
{
    g_queue_clear_full(&worker->waiting, (GDestroyNotify)batch_free);
}

/* ---- the rest ---- */

/* Tracks are decoded and encoded again: the page gets nothing that was not checked. */
static bool take_tracks(struct hub_worker *worker, const char *body, size_t length, GError **error)
{
    struct track_update update;
    if (!decode(&track_update_descriptor, body, length, &update, error))
        return false;
    const struct camera *camera = camera_of(worker, update.camera_id, strlen(update.camera_id));
    if (camera) {
        g_autoptr(GString) json = g_string_new(NULL);
        record_encode_json(&track_update_descriptor, &update, false, json);
        live_publish(worker->hub->live, LIVE_TRACKS, camera->org_id, camera->id, json->str, json->len);
    }
    record_clear(&track_update_descriptor, &update);
    return true;
}

/* Every 30 s, and at once when the camera went on or off line. */
static void save_health(struct hub *hub, const struct camera *camera, const struct camera_health *health,
                        bool is_online)
{
    int64_t now_us = clock_monotonic_us(hub->clock);
    int64_t *saved_us = g_hash_table_lookup(hub->saved_health_us, camera->id);
    bool was_online = g_hash_table_contains(hub->saved_online, camera->id);
    if (saved_us && now_us - *saved_us < HEALTH_SAVE_US && was_online == is_online)
        return;
    if (!saved_us) {
        saved_us = g_new0(int64_t, 1);
        g_hash_table_insert(hub->saved_health_us, g_strdup(camera->id), saved_us);
    }
    *saved_us = now_us;
    if (is_online)
        g_hash_table_add(hub->saved_online, g_strdup(camera->id));
    else
        g_hash_table_remove(hub->saved_online, camera->id);
    g_autoptr(GString) json = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    record_encode_json(&camera_health_descriptor, health, true, json);
    if (!store_camera_set_health(hub->store, camera->org_id, camera->id, is_online, health->last_frame_at.ms, json->str,
                                 &error))
        log_warning(camera->id, "health not stored: %s", error->message);
}

static bool take_health(struct hub_worker *worker, const char *body, size_t length, GError **error)
{
    struct camera_health health;
    if (!decode(&camera_health_descriptor, body, length, &health, error))
        return false;
    const struct camera *camera = camera_of(worker, health.camera_id, strlen(health.camera_id));
    if (camera) {
        bool is_online = g_strcmp0(health.state, "online") == 0;
        g_autoptr(GString) json = g_string_new(NULL);
        live_set_health(worker->hub->live, &health);
        record_encode_json(&camera_health_descriptor, &health, false, json);
        live_publish(worker->hub->live, LIVE_HEALTH, camera->org_id, camera->id, json->str, json->len);
        save_health(worker->hub, camera, &health, is_online);
    }
    record_clear(&camera_health_descriptor, &health);
    return true;
}

/* u16 length of the camera's id, the id, i64 time, u64 frame number, JPEG; all little endian. */
static bool take_preview(struct hub_worker *worker, const uint8_t *body, size_t length, GError **error)
{
    uint16_t id_length = 0;
    uint64_t at_ms, number;
    if (length >= sizeof id_length)
        memcpy(&id_length, body, sizeof id_length);
    id_length = GUINT16_FROM_LE(id_length);
    size_t head = sizeof id_length + id_length + sizeof at_ms + sizeof number;
    if (length <= head || body[head] != 0xff) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "a picture of %zu bytes that is no JPEG", length);
        return false;
    }
    memcpy(&at_ms, body + sizeof id_length + id_length, sizeof at_ms);
    memcpy(&number, body + sizeof id_length + id_length + sizeof at_ms, sizeof number);
    const struct camera *camera = camera_of(worker, (const char *)body + sizeof id_length, id_length);
    if (camera) {
        g_autoptr(GBytes) jpeg = g_bytes_new(body + head, length - head);
        live_set_preview(worker->hub->live, camera->id, jpeg, (int64_t)GUINT64_FROM_LE(at_ms), GUINT64_FROM_LE(number));
    }
    return true;
}

/* A worker that should be caged and is not, is not let near a stream. */
static bool check_cage(const struct hub_worker *worker, const struct worker_hello *hello, GError **error)
{
    if (!worker->hub->settings->workers.sandbox) {
        log_warning(worker->id, "runs without a cage (workers.sandbox is false)");
        return true;
    }
    if (hello->is_sandboxed &&
        (!hello->cannot_read_hub_files || !hello->cannot_gain_privileges || !hello->is_not_dumpable)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                    "its cage is open: it can read the hub's files or gain rights");
        return false;
    }
    if (!hello->is_sandboxed)
        log_warning(worker->id, "files are not closed off: %s",
                    hello->sandbox_detail ? hello->sandbox_detail : "unknown");
    else
        log_info(worker->id, "caged: %s", hello->sandbox_detail ? hello->sandbox_detail : "");
    return true;
}

static bool take_hello(struct hub_worker *worker, const char *body, size_t length, GError **error)
{
    struct worker_hello hello;
    if (!decode(&worker_hello_descriptor, body, length, &hello, error))
        return false;
    worker->has_said_hello = true;
    bool is_good = check_cage(worker, &hello, error);
    record_clear(&worker_hello_descriptor, &hello);
    return is_good;
}

static bool take_message(struct hub_worker *worker, enum link_type type, const void *body, size_t length,
                         GError **error)
{
    if (type != LINK_HELLO && !worker->has_said_hello) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "it sent message %d before its hello", type);
        return false;
    }
    switch (type) {
    case LINK_HELLO:
        return take_hello(worker, body, length, error);
    case LINK_EVENTS:
        return take_events(worker, body, length, error);
    case LINK_TRACKS:
        return take_tracks(worker, body, length, error);
    case LINK_HEALTH:
        return take_health(worker, body, length, error);
    case LINK_PREVIEW:
        return take_preview(worker, body, length, error);
    case LINK_STOPPED:
        worker->has_stopped = true;
        return true;
    default:
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "message %d is not a worker's to send", type);
        return false;
    }
}

bool intake_read(struct hub_worker *worker, GError **error)
{
    for (int i = 0; i < MESSAGES_A_TURN; i++) {
        enum link_type type;
        const void *body;
        size_t length;
        g_autoptr(GError) cause = NULL;
        /* The worker keeps what is not acknowledged: a hub that is behind reads no more from it. */
        if (g_queue_get_length(&worker->waiting) >= WAITING_BATCHES_MAX)
            return true;
        if (!link_receive(worker->link, 0, &type, &body, &length, &cause)) {
            if (g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT))
                return true;
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        if (!take_message(worker, type, body, length, error))
            return false;
    }
    return true;
}
