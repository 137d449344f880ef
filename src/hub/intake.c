/* What workers tell: decoded, checked and stamped as if an enemy had sent it. Records go on to intake_batches.c. */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/counter.h"
#include "base/error_groups.h"
#include "base/id.h"
#include "base/log.h"
#include "base/trace.h"
#include "facts/observe.h"
#include "facts/track.h"
#include "hub/path_times.h"
#include "hub/tracing.h"

#include <string.h>

enum {
    MESSAGES_A_TURN = 256, /* then other links have their turn */
    COMPLAINT_US = 10 * 1000000,
    ERRORS_AT_ONCE_MAX = 1000000, /* of a kind */
};

static const struct camera *find_camera(GPtrArray *cameras, const char *camera_id, size_t length)
{
    for (guint i = 0; i < cameras->len; i++) {
        const struct camera *camera = g_ptr_array_index(cameras, i);
        if (strlen(camera->id) == length && memcmp(camera->id, camera_id, length) == 0)
            return camera;
    }
    return NULL;
}

/* One that it watches. */
static const struct camera *camera_of(const struct hub_worker *worker, const char *camera_id, size_t length)
{
    return find_camera(worker->cameras, camera_id, length);
}

/* Also one that it was told to leave: what it has seen until then counts. */
static const struct camera *camera_of_record(const struct hub_worker *worker, const char *camera_id)
{
    GPtrArray *const places[] = {worker->cameras, worker->held, worker->left};
    const struct camera *camera = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(places) && !camera; i++)
        camera = find_camera(places[i], camera_id, strlen(camera_id));
    return camera;
}

static void forget_left(struct hub_worker *worker, const char *camera_id, size_t length)
{
    const struct camera *camera = find_camera(worker->left, camera_id, length);
    if (camera)
        g_ptr_array_remove(worker->left, (gpointer)(uintptr_t)camera);
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

/* The trace's id is its traceparent's; where nothing is traced it has none. */
static void settle_trace(struct analytics_event *event)
{
    struct trace_context context;
    char id[TRACE_ID_TEXT_BYTES];
    bool is_traced = trace_is_on() && trace_context_parse(event->traceparent, &context) && context.is_sampled;
    g_clear_pointer(&event->trace_id, g_free);
    if (!is_traced) {
        g_clear_pointer(&event->traceparent, g_free);
        return;
    }
    trace_id_write(&context, id);
    event->trace_id = g_strdup(id);
}

static bool check_event(struct hub_worker *worker, struct analytics_event *event, GError **error)
{
    const struct camera *camera = camera_of_record(worker, event->camera_id);
    if (!camera) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "camera '%s' is not this worker's",
                    event->camera_id);
        return false;
    }
    if (!id_is_valid(event->id)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "id '%s' is no UUID", event->id);
        return false;
    }
    settle_trace(event);
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = analytics_event_settle(event, EVENT_BY_WORKER, camera, clock_wall_ms(worker->hub->clock),
                                          worker->hub->settings->store.early_minutes, &errors) ||
                   record_errors_to_gerror(&errors, error);
    record_errors_clear(&errors);
    return is_good;
}

/* What is not valid costs itself, not the worker and its other cameras. */
static void refuse(const struct hub_worker *worker, const char *what, const GError *error)
{
    static struct log_limit complaint;
    gint64 held_back;
    counter_add(&worker->hub->health.records_rejected, 1);
    if (log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_warning(worker->id, "refused %s: %s (%lld more)", what, error->message, (long long)held_back);
}

/* One line of a batch; NULL when it is refused, or a proof's to drop. */
static struct analytics_event *take_event(struct hub_worker *worker, const char *line, size_t length)
{
    g_autoptr(GError) error = NULL;
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    if (!decode(&event_under_way_descriptor, line, length, event, &error) || !check_event(worker, event, &error))
        refuse(worker, "a record", error);
    else if (!worker->is_apart || proof_take(worker, event))
        return event;
    analytics_event_free(event);
    return NULL;
}

static GPtrArray *take_lines(struct hub_worker *worker, const char *line, const char *end)
{
    GPtrArray *events = g_ptr_array_new_with_free_func((GDestroyNotify)analytics_event_free);
    for (const char *next; line < end; line = next + 1) {
        next = memchr(line, '\n', (size_t)(end - line));
        next = next ? next : end;
        struct analytics_event *event = next > line ? take_event(worker, line, (size_t)(next - line)) : NULL;
        if (event)
            g_ptr_array_add(events, event);
    }
    return events;
}

static bool take_events(struct hub_worker *worker, const char *body, size_t length, GError **error)
{
    uint64_t sequence;
    if (length <= sizeof sequence) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "a batch of %zu bytes, which has no record", length);
        return false;
    }
    memcpy(&sequence, body, sizeof sequence);
    int64_t taken_us = clock_monotonic_us(clock_system());
    GPtrArray *events = take_lines(worker, body + sizeof sequence, body + length);
    counter_add(&worker->hub->health.records_received, events->len);
    path_times_note(PATH_INTAKE, events, taken_us, false);
    intake_put_batch(worker, GUINT64_FROM_LE(sequence), length, events);
    return true;
}

/* ---- the rest ---- */

/* Tracks are decoded and encoded again: the page gets nothing that was not checked. */
static void take_tracks(struct hub_worker *worker, const char *body, size_t length)
{
    struct track_update update;
    g_autoptr(GError) error = NULL;
    if (!decode(&track_update_descriptor, body, length, &update, &error)) {
        refuse(worker, "tracks", error);
        return;
    }
    const struct camera *camera = camera_of(worker, update.camera_id, strlen(update.camera_id));
    if (camera && !worker->is_apart) {
        g_autoptr(GString) json = g_string_new(NULL);
        record_encode_json(&track_update_descriptor, &update, false, json);
        live_publish(worker->hub->live, LIVE_TRACKS, camera->org_id, camera->id, json->str, json->len);
    }
    record_clear(&track_update_descriptor, &update);
}

static void publish_health(struct hub *hub, const struct camera *camera, const struct camera_health *health)
{
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(&camera_health_descriptor, health, false, json);
    live_publish(hub->live, LIVE_HEALTH, camera->org_id, camera->id, json->str, json->len);
}

/* With what the hub itself knows. */
static void publish_latest(struct hub *hub, const struct camera *camera)
{
    struct camera_health health;
    if (!live_get_health(hub->live, camera->id, &health))
        return;
    publish_health(hub, camera, &health);
    record_clear(&camera_health_descriptor, &health);
}

void intake_note_gone(struct hub_worker *worker, const char *reason)
{
    struct hub *hub = worker->hub;
    for (guint i = 0; i < worker->cameras->len; i++) {
        const struct camera *camera = g_ptr_array_index(worker->cameras, i);
        live_set_offline(hub->live, camera->id, reason);
        if (!hub->is_stopping)
            publish_latest(hub, camera);
    }
}

static void take_health(struct hub_worker *worker, const char *body, size_t length)
{
    struct camera_health health;
    g_autoptr(GError) error = NULL;
    if (!decode(&camera_health_descriptor, body, length, &health, &error)) {
        refuse(worker, "a camera's health", error);
        return;
    }
    const struct camera *camera = camera_of(worker, health.camera_id, strlen(health.camera_id));
    if (camera && worker->is_apart) {
        trials_take_health(worker->hub->trials, worker, &health);
    } else if (camera) {
        live_set_health(worker->hub->live, &health);
        publish_latest(worker->hub, camera);
    }
    record_clear(&camera_health_descriptor, &health);
}

static void take_trace(struct hub_worker *worker, const char *body, size_t length)
{
    struct frame_trace frame;
    g_autoptr(GError) error = NULL;
    if (!trace_is_on() || worker->is_apart)
        return;
    if (!decode(&frame_trace_descriptor, body, length, &frame, &error)) {
        refuse(worker, "a frame's trace", error);
        return;
    }
    if (camera_of_record(worker, frame.camera_id) &&
        !tracing_take_frame(&frame, clock_wall_ms(worker->hub->clock), &error))
        refuse(worker, "a frame's trace", error);
    record_clear(&frame_trace_descriptor, &frame);
}

static void take_times(struct hub_worker *worker, const char *body, size_t length)
{
    struct worker_times times;
    g_autoptr(GError) error = NULL;
    if (!decode(&worker_times_descriptor, body, length, &times, &error)) {
        refuse(worker, "times of its frames", error);
        return;
    }
    profile_take(worker->hub->profile, worker, &times);
    record_clear(&worker_times_descriptor, &times);
}

/* What it logged itself; here it is only counted. */
static void take_errors(struct hub_worker *worker, const char *body, size_t length)
{
    struct worker_errors errors;
    g_autoptr(GError) error = NULL;
    if (!decode(&worker_errors_descriptor, body, length, &errors, &error)) {
        refuse(worker, "its errors", error);
        return;
    }
    const struct error_group_view *views = errors.groups.items;
    for (size_t i = 0; i < errors.groups.count; i++) {
        struct error_group told = {.count = CLAMP(views[i].count, 0, ERRORS_AT_ONCE_MAX),
                                   .first_ms = views[i].first_seen.ms,
                                   .last_ms = MIN(views[i].last_seen.ms, clock_wall_ms(worker->hub->clock))};
        g_strlcpy(told.module, views[i].module, sizeof told.module);
        g_strlcpy(told.words, views[i].words, sizeof told.words);
        g_strlcpy(told.subject, views[i].subject ? views[i].subject : worker->id, sizeof told.subject);
        g_strlcpy(told.sample, views[i].sample ? views[i].sample : "", sizeof told.sample);
        error_groups_add(&told);
    }
    record_clear(&worker_errors_descriptor, &errors);
}

/* The head of a picture's message between the camera's id and the JPEG. */
struct preview_head {
    int64_t captured_at_ms;
    uint64_t frame_number;
    int64_t telling;
};
static bool take_preview(struct hub_worker *worker, const uint8_t *body, size_t length, GError **error)
{
    uint16_t id_length = 0;
    struct preview_head head;
    if (length >= sizeof id_length)
        memcpy(&id_length, body, sizeof id_length);
    id_length = GUINT16_FROM_LE(id_length);
    size_t head_at = sizeof id_length + id_length, jpeg_at = head_at + sizeof head;
    if (length <= jpeg_at || body[jpeg_at] != 0xff) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "a picture of %zu bytes that is no JPEG", length);
        return false;
    }
    memcpy(&head, body + head_at, sizeof head);
    const struct camera *camera = camera_of(worker, (const char *)body + sizeof id_length, id_length);
    if (camera) {
        g_autoptr(GBytes) jpeg = g_bytes_new(body + jpeg_at, length - jpeg_at);
        live_set_preview(worker->hub->live, camera->id, GINT64_FROM_LE(head.telling), jpeg,
                         GINT64_FROM_LE(head.captured_at_ms), GUINT64_FROM_LE(head.frame_number));
    }
    return true;
}

/* A worker that should be caged and is not, is not let near a stream. */
static bool check_cage(struct hub_worker *worker, const struct worker_hello *hello, GError **error)
{
    const char *detail = hello->sandbox_detail ? hello->sandbox_detail : "it does not say why";
    if (!worker->hub->settings->workers.sandbox) {
        log_warning(worker->id, "runs without a cage (workers.sandbox is false)");
        return true;
    }
    if (!hello->cannot_gain_privileges || !hello->is_not_dumpable ||
        (hello->is_sandboxed && !hello->cannot_read_hub_files)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                    "its cage is open (%s): it can %s; workers.sandbox: false runs it all the same", detail,
                    hello->is_sandboxed && !hello->cannot_read_hub_files ? "read the hub's files"
                                                                         : "gain rights or be looked into");
        return false;
    }
    worker->is_caged = hello->is_sandboxed;
    if (worker->is_caged)
        log_info(worker->id, "caged: %s", detail);
    else
        log_warning(worker->id, "its files are not closed off: %s", detail);
    return true;
}

static bool check_hello(struct hub_worker *worker, const struct worker_hello *hello, GError **error)
{
    if (hello->protocol_version != LINK_PROTOCOL_VERSION || g_strcmp0(hello->worker_id, worker->id) != 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL,
                    "it speaks version %d of the link as '%s', not %d as %s", hello->protocol_version, hello->worker_id,
                    LINK_PROTOCOL_VERSION, worker->id);
        return false;
    }
    return check_cage(worker, hello, error);
}

static bool take_hello(struct hub_worker *worker, const char *body, size_t length, GError **error)
{
    struct worker_hello hello;
    if (!decode(&worker_hello_descriptor, body, length, &hello, error))
        return false;
    worker->has_said_hello = true;
    bool is_good = check_hello(worker, &hello, error);
    record_clear(&worker_hello_descriptor, &hello);
    if (!is_good || worker->hub->is_stopping)
        return is_good;
    if (!worker->is_caged)
        counter_add(&worker->hub->health.workers_uncaged, 1);
    return hub_worker_admit(worker, error);
}

/* Of cameras, of which a worker that looks at pictures has none. */
static bool is_of_cameras(enum link_type type)
{
    return type == LINK_EVENTS || type == LINK_TRACKS || type == LINK_PREVIEW;
}

static bool take_message(struct hub_worker *worker, enum link_type type, const void *body, size_t length,
                         GError **error)
{
    if (worker->looks_at_pictures && is_of_cameras(type)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL,
                    "it looks at pictures and sent message %d of a camera", type);
        return false;
    }
    if ((type == LINK_HELLO) == worker->has_said_hello) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL,
                    type == LINK_HELLO ? "it said hello twice" : "it sent message %d before its hello", type);
        return false;
    }
    switch (type) {
    case LINK_HELLO:
        return take_hello(worker, body, length, error);
    case LINK_EVENTS:
        return take_events(worker, body, length, error);
    case LINK_TRACKS:
        take_tracks(worker, body, length);
        return true;
    case LINK_HEALTH:
        take_health(worker, body, length);
        return true;
    case LINK_TRACE:
        take_trace(worker, body, length);
        return true;
    case LINK_MEASURED:
        take_times(worker, body, length);
        return true;
    case LINK_ERRORS:
        take_errors(worker, body, length);
        return true;
    case LINK_PREVIEW:
        return take_preview(worker, body, length, error);
    case LINK_STOPPED:
        worker->has_stopped = worker->hub->is_stopping || worker->is_apart || worker->is_leaving;
        return true;
    case LINK_REMOVED:
        forget_left(worker, body, length);
        hub_worker_end_left(worker);
        return true;
    case LINK_LOOKED:
    case LINK_NOT_LOOKED:
        return detecting_take(worker, type, body, length, error);
    default:
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "message %d is not a worker's to send", type);
        return false;
    }
}

bool intake_read(struct hub_worker *worker, GError **error)
{
    /* What the link has read already is no longer seen by poll: it is taken in before the turn ends. */
    for (int i = 0; i < MESSAGES_A_TURN || link_has_message(worker->link); i++) {
        enum link_type type;
        const void *body;
        size_t length;
        g_autoptr(GError) cause = NULL;
        if (intake_is_full(worker))
            return true;
        if (!link_receive(worker->link, 0, &type, &body, &length, &cause)) {
            if (g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT))
                return true;
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        }
        worker->heard_us = clock_monotonic_us(worker->hub->clock);
        if (!take_message(worker, type, body, length, error))
            return false;
    }
    return true;
}
