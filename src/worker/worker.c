/* The process: configured over its socket, caged, then analysing until it is told to stop or its hub is gone. The cage
 * holds the thread that closes it and those started later: until then there is one thread.
 */
#define LOG_MODULE "worker"
#include "worker/worker_internal.h"

#include "base/counter.h"
#include "base/error_groups.h"
#include "base/trace.h"
#include "facts/breaker.h"
#include "facts/observe.h"
#include "worker/sandbox.h"

#include <malloc.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINK_QUEUE_BYTES = 16 << 20,
    HUB_TIMEOUT_MS = 10000,
    TICK_MS = 100,
    HEALTH_INTERVAL_US = 1000000,
    PREVIEW_WANTED_US = 5000000,
    STOP_PATIENCE_US = 2000000,
};

/* ---- being configured ---- */

static bool decode(const struct record_descriptor *descriptor, const void *body, size_t length, void *record,
                   GError **error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good =
        record_decode_json(descriptor, body, length, record, &errors) || record_errors_to_gerror(&errors, error);
    record_errors_clear(&errors);
    if (!is_good)
        g_prefix_error(error, "%s from the hub: ", descriptor->name);
    return is_good;
}

/* The one that is being added, or one of the configuration before the start. */
static struct camera *camera_of(struct worker *worker, const char *id)
{
    struct camera *cameras = worker->config.cameras.items;
    if (worker->added)
        return strcmp(worker->added->camera.id, id) == 0 ? &worker->added->camera : NULL;
    for (size_t i = 0; i < worker->config.cameras.count; i++)
        if (strcmp(cameras[i].id, id) == 0)
            return &cameras[i];
    return NULL;
}

static void move_text(char **to, char **from)
{
    g_free(*to);
    *to = g_steal_pointer(from);
}

/* The login goes to the stream, or to the camera that has but one. */
static bool take_credentials(struct worker *worker, const void *body, size_t length, GError **error)
{
    struct camera_credentials login;
    if (!decode(&camera_credentials_descriptor, body, length, &login, error))
        return false;
    struct camera *camera = camera_of(worker, login.camera_id);
    if (camera && camera->streams.count == 0) {
        move_text(&camera->username, &login.username);
        move_text(&camera->password, &login.password);
    } else if (camera && (size_t)login.stream < camera->streams.count) {
        struct camera_stream *stream = (struct camera_stream *)camera->streams.items + login.stream;
        move_text(&stream->username, &login.username);
        move_text(&stream->password, &login.password);
    }
    record_clear(&camera_credentials_descriptor, &login);
    return true;
}

/* Also of a camera that is not started yet, so that one that is held open is not contacted even once. */
static bool force_breaker(struct worker *worker, const void *body, size_t length, GError **error)
{
    struct breaker_order order;
    if (!decode(&breaker_order_descriptor, body, length, &order, error))
        return false;
    watching_force_breaker(worker, order.camera_id,
                           vedette_breaker_state_of_name(record_enum_name(breaker_word_names, order.state)),
                           camera_of(worker, order.camera_id));
    record_clear(&breaker_order_descriptor, &order);
    return true;
}

static bool receive_configuration(struct worker *worker, GError **error)
{
    enum link_type type;
    const void *body;
    size_t length;
    if (!link_receive(worker->link, HUB_TIMEOUT_MS, &type, &body, &length, error))
        return false;
    if (type == LINK_CONFIGURE)
        return decode(&worker_config_descriptor, body, length, &worker->config, error);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "the hub sent message %d before the configuration", type);
    return false;
}

/* The hub has read the hello and trusts the cage: now come logins and operators' words, then the start. */
static bool receive_start(struct worker *worker, GError **error)
{
    for (;;) {
        enum link_type type;
        const void *body;
        size_t length;
        if (!link_receive(worker->link, HUB_TIMEOUT_MS, &type, &body, &length, error))
            return false;
        if (type == LINK_START)
            return true;
        if (type == LINK_CREDENTIALS && !take_credentials(worker, body, length, error))
            return false;
        if (type == LINK_FORCE_BREAKER && !force_breaker(worker, body, length, error))
            return false;
        if (type == LINK_STOP) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED, "stopped before the start");
            return false;
        }
    }
}

/* ---- starting ---- */

/* The resolver loads its modules at the first use: that must be before the cage closes. */
static void warm_resolver(void)
{
    struct addrinfo *found = NULL;
    if (getaddrinfo("localhost", NULL, NULL, &found) == 0)
        freeaddrinfo(found);
}

static bool send_hello(struct worker *worker, struct worker_hello *hello, GError **error)
{
    hello->protocol_version = LINK_PROTOCOL_VERSION;
    hello->worker_id = g_strdup(worker->config.worker_id);
    hello->pid = (int32_t)getpid();
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(&worker_hello_descriptor, hello, true, text);
    return link_send(worker->link, LINK_HELLO, text->str, text->len, error);
}

/* Loads what must be loaded, closes the cage, proves it, has the models loaded in it, and waits for the hub's word. */
static bool get_ready(struct worker *worker, const char *hub_files, GError **error)
{
    if (!media_init(true, error))
        return false;
    warm_resolver();
    struct worker_hello hello = {0};
    sandbox_close(&worker->config, hub_files, &hello);
    bool is_good = send_hello(worker, &hello, error);
    record_clear(&worker_hello_descriptor, &hello);
    return is_good && models_begin(worker, error) && receive_start(worker, error);
}

static bool start(struct worker *worker, GError **error)
{
    const struct camera *cameras = worker->config.cameras.items;
    trace_configure(worker->config.trace_ratio, 0);
    models_await_for_cameras(worker);
    worker->streams = media_streams_new();
    for (size_t i = 0; i < worker->config.cameras.count; i++)
        watching_add(worker, &cameras[i], (uint64_t)worker->config.track_id_base);
    watching_start(worker, worker->cameras->len);
    return analyser_start_all(worker, error);
}

/* ---- running ---- */

static void send_health(struct worker *worker)
{
    models_watch(worker);
    int64_t now_us = clock_monotonic_us(clock_system());
    for (guint i = 0; i < worker->cameras->len; i++) {
        struct watched_camera *camera = g_ptr_array_index(worker->cameras, i);
        watching_describe(camera, now_us);
        g_autoptr(GString) text = g_string_new(NULL);
        record_encode_json(&camera_health_descriptor, &camera->health, false, text);
        if (!link_send(worker->link, LINK_HEALTH, text->str, text->len, NULL))
            log_debug(camera->camera.id, "health not sent: the link is full");
    }
}

/* How often it was logged since that was last told, if it was. */
static void append_error(struct worker *worker, const struct error_group *group, struct worker_errors *told)
{
    g_autofree char *key = g_strconcat(group->module, "\n", group->words, NULL);
    int64_t before = (int64_t)GPOINTER_TO_SIZE(g_hash_table_lookup(worker->errors_told, key));
    if (group->count == before)
        return;
    struct error_group_view *view = record_list_append(&told->groups, &error_group_view_descriptor);
    *view = (struct error_group_view){
        .module = g_strdup(group->module),
        .words = g_utf8_make_valid(group->words, -1),
        .subject = *group->subject ? g_strdup(group->subject) : NULL,
        .sample = g_utf8_make_valid(group->sample, -1),
        .count = group->count > before ? group->count - before : group->count, /* its group was made anew */
        .first_seen = {group->first_ms},
        .last_seen = {group->last_ms},
    };
    g_hash_table_replace(worker->errors_told, g_steal_pointer(&key), GSIZE_TO_POINTER((gsize)group->count));
}

/* What was logged as errors since it was last told, for those who ask the hub. */
static void send_errors(struct worker *worker)
{
    g_autoptr(GArray) groups = error_groups_list(NULL);
    struct worker_errors told = {{NULL, 0}};
    for (guint i = 0; i < groups->len; i++) {
        const struct error_group *group = &g_array_index(groups, struct error_group, i);
        if (group->last_ms < worker->errors_told_ms)
            break; /* the latest come first */
        append_error(worker, group, &told);
    }
    if (groups->len)
        worker->errors_told_ms = g_array_index(groups, struct error_group, 0).last_ms;
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(&worker_errors_descriptor, &told, false, text);
    /* One that has left all its cameras and waits for the hub to take over their records tells no health any more: it
     * says by none that it lives. */
    bool is_told = told.groups.count || (worker->cameras->len == 0 && worker->left->len);
    if (is_told && !link_send(worker->link, LINK_ERRORS, text->str, text->len, NULL))
        log_debug(NULL, "errors not told: the link is full");
    record_clear(&worker_errors_descriptor, &told);
}

static void take_log_levels(const void *body, size_t length)
{
    g_autofree char *levels = g_strndup(body, length);
    g_autoptr(GError) error = NULL;
    if (!log_set_levels(levels, &error))
        log_error(NULL, "it logs as before: %s", error->message);
}

static void want_preview(struct worker *worker, const void *body, size_t length)
{
    struct watched_camera *camera = watching_find(worker, body, length);
    if (!camera)
        return;
    pthread_mutex_lock(&worker->lock);
    camera->preview_until_us = clock_monotonic_us(clock_system()) + PREVIEW_WANTED_US;
    bool has_previews = worker->order.has_previews;
    pthread_mutex_unlock(&worker->lock);
    if (camera->source && has_previews)
        media_source_want_live(camera->source, camera->preview_until_us);
}

/* Left for the analyser that has the camera next. What the worker cannot read it does without: the hub checked it.
 */
static void take_camera(struct worker *worker, const void *body, size_t length)
{
    g_autoptr(GError) error = NULL;
    struct camera_config *told = g_new0(struct camera_config, 1), *unread = told;
    if (!decode(&camera_config_descriptor, body, length, told, &error)) {
        log_error(NULL, "%s", error->message);
        g_free(told);
        return;
    }
    struct watched_camera *camera = watching_find(worker, told->camera.id, strlen(told->camera.id));
    if (camera) {
        record_clear(&camera_descriptor, &camera->as_told);
        record_copy(&camera_descriptor, &told->camera, &camera->as_told);
    }
    pthread_mutex_lock(&worker->lock);
    if (camera) {
        unread = camera->told;
        camera->told = told;
        camera->is_told = true;
    }
    pthread_mutex_unlock(&worker->lock);
    if (unread)
        record_clear(&camera_config_descriptor, unread);
    g_free(unread);
}

/* One more: its logins, an operator's word and its start follow. */
static bool take_added(struct worker *worker, const void *body, size_t length, GError **error)
{
    struct worker_camera *added = g_new0(struct worker_camera, 1);
    if (!decode(&worker_camera_descriptor, body, length, added, error)) {
        g_free(added);
        return false;
    }
    watching_forget_added(worker);
    worker->added = added;
    return true;
}

static bool start_added(struct worker *worker, const void *body, size_t length, GError **error)
{
    const struct worker_camera *added = worker->added;
    if (!added || strlen(added->camera.id) != length || memcmp(added->camera.id, body, length) != 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "the hub starts a camera that it did not add");
        return false;
    }
    watching_add(worker, &added->camera, (uint64_t)added->track_id_base);
    watching_start(worker, 1);
    watching_forget_added(worker);
    return true;
}

static void take_order(struct worker *worker, const void *body, size_t length)
{
    struct governor_order order;
    g_autoptr(GError) error = NULL;
    if (!decode(&governor_order_descriptor, body, length, &order, &error)) {
        log_error(NULL, "%s", error->message);
        return;
    }
    pthread_mutex_lock(&worker->lock);
    worker->order = order;
    pthread_mutex_unlock(&worker->lock);
}

/* A model that could not be opened is no answer: the picture's sender is told. */
static bool look_at(struct worker *worker, const struct link_parts *parts, struct detect_response *response,
                    GBytes **jpeg, GError **error)
{
    struct detect_request request;
    if (!decode(&detect_order_descriptor, parts->text, parts->text_length, &request, error))
        return false;
    models_await(worker);
    if (!worker->pictures)
        worker->pictures = pictures_new(&worker->config, worker->detector, clock_system());
    bool is_good = pictures_look(worker->pictures, &request, parts->bytes, parts->byte_count, response, jpeg, error);
    record_clear(&detect_order_descriptor, &request);
    return is_good;
}

/* Looks at one picture and answers; the analysers have nothing to do meanwhile: such a worker has no cameras. */
static bool look(struct worker *worker, const void *body, size_t length, GError **error)
{
    struct link_parts parts;
    struct detect_response response;
    g_autoptr(GBytes) jpeg = NULL;
    g_autoptr(GError) cause = NULL;
    if (!link_parts_read(body, length, &parts)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "a picture of %zu bytes from the hub", length);
        return false;
    }
    if (!look_at(worker, &parts, &response, &jpeg, &cause)) {
        const uint8_t code = (uint8_t)(cause->domain == VEDETTE_ERROR ? cause->code : VEDETTE_ERROR_IO);
        const struct link_parts why = {parts.number, cause->message, strlen(cause->message), &code, sizeof code};
        return link_send_parts(worker->link, LINK_NOT_LOOKED, &why, error);
    }
    gsize jpeg_bytes = 0;
    const void *picture = jpeg ? g_bytes_get_data(jpeg, &jpeg_bytes) : NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(&detect_response_descriptor, &response, false, text);
    record_clear(&detect_response_descriptor, &response);
    const struct link_parts answer = {parts.number, text->str, text->len, picture, jpeg_bytes};
    return link_send_parts(worker->link, LINK_LOOKED, &answer, error);
}

/* How long the stages of every camera's frames took so far. A hub that does not read gets no answer. */
static void tell_times(struct worker *worker, const void *body, size_t length)
{
    struct worker_times times = {.number = 0};
    if (length != sizeof times.number)
        return;
    memcpy(&times.number, body, length);
    times.number = GUINT64_FROM_LE(times.number);
    times.cameras = (struct record_list){g_new0(struct camera_times, worker->cameras->len), worker->cameras->len};
    for (guint i = 0; i < worker->cameras->len; i++)
        watching_measure(g_ptr_array_index(worker->cameras, i), (struct camera_times *)times.cameras.items + i);
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(&worker_times_descriptor, &times, true, text);
    record_clear(&worker_times_descriptor, &times);
    if (!link_send(worker->link, LINK_MEASURED, text->str, text->len, NULL))
        log_debug(NULL, "times not sent: the link is full");
}

/* One message of the hub, or one tick. False: it is time to end. */
static bool step(struct worker *worker, GError **error)
{
    enum link_type type;
    const void *body;
    size_t length;
    g_autoptr(GError) cause = NULL;
    if (!link_receive(worker->link, TICK_MS, &type, &body, &length, &cause)) {
        bool is_tick = g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT);
        if (!is_tick)
            g_propagate_error(error, g_steal_pointer(&cause));
        return is_tick;
    }
    if (type == LINK_ACKNOWLEDGE && length == sizeof(uint64_t)) {
        uint64_t sequence;
        memcpy(&sequence, body, sizeof sequence);
        outbox_acknowledge(worker->outbox, GUINT64_FROM_LE(sequence));
    } else if (type == LINK_WANT_PREVIEW) {
        want_preview(worker, body, length);
    } else if (type == LINK_CAMERA) {
        take_camera(worker, body, length);
    } else if (type == LINK_GOVERN) {
        take_order(worker, body, length);
    } else if (type == LINK_FORCE_BREAKER) {
        return force_breaker(worker, body, length, error);
    } else if (type == LINK_LOG_LEVELS) {
        take_log_levels(body, length);
    } else if (type == LINK_MEASURE) {
        tell_times(worker, body, length);
    } else if (type == LINK_LOOK) {
        return look(worker, body, length, error);
    } else if (type == LINK_ADD_CAMERA) {
        return take_added(worker, body, length, error);
    } else if (type == LINK_CREDENTIALS) {
        return take_credentials(worker, body, length, error);
    } else if (type == LINK_START_CAMERA) {
        return start_added(worker, body, length, error);
    } else if (type == LINK_REMOVE_CAMERA) {
        watching_leave(worker, body, length);
    }
    return type != LINK_STOP;
}

/* Packets of the groups that are kept, some thousand bytes each, come and go with every camera: between those that stay
 * the heap has room that is not asked for again, and a worker would end up with as much as its cameras ever took
 * together. Whole pages of it go back; what is freed at the heap's end does by itself (keep_memory_small). */
static void give_back_memory(struct worker *worker, int64_t now_us)
{
    if (!worker->config.workers.memory_trim_seconds || now_us < worker->trim_us)
        return;
    worker->trim_us = now_us + worker->config.workers.memory_trim_seconds * INT64_C(1000000);
#ifdef __GLIBC__
    malloc_trim(0); /* says only whether there was something */
#endif
}

static void run(struct worker *worker, GError **error)
{
    int64_t health_us = 0;
    while (step(worker, error)) {
        int64_t now_us = clock_monotonic_us(clock_system());
        outbox_send_waiting(worker->outbox);
        watching_end_left(worker);
        if (now_us < health_us)
            continue;
        health_us = now_us + HEALTH_INTERVAL_US;
        watching_wake_idle(worker);
        send_health(worker);
        send_errors(worker);
        give_back_memory(worker, now_us);
    }
}

/* ---- ending ---- */

static void stop_analysing(struct worker *worker)
{
    if (worker->streams)
        media_streams_stop(worker->streams); /* all at once; release waits for each */
    analyser_stop_all(worker);
}

/* The last records: stays that are open end now; then the hub's word for all of them is awaited. */
static void hand_over(struct worker *worker)
{
    watching_finish_all(worker);
    int64_t until_us = clock_monotonic_us(clock_system()) + STOP_PATIENCE_US;
    g_autoptr(GError) error = NULL;
    while (outbox_count_records(worker->outbox) && clock_monotonic_us(clock_system()) < until_us && !error) {
        outbox_send_waiting(worker->outbox);
        step(worker, &error);
    }
    int records = outbox_count_records(worker->outbox);
    if (records)
        log_warning(NULL, "%d records are lost: the hub, which ends, did not take them over in %d s", records,
                    STOP_PATIENCE_US / 1000000);
    if (link_send(worker->link, LINK_STOPPED, NULL, 0, NULL))
        link_flush(worker->link, TICK_MS);
}

static void release(struct worker *worker)
{
    media_streams_free(worker->streams);
    watching_forget_added(worker);
    g_ptr_array_unref(worker->cameras);
    g_ptr_array_unref(worker->left);
    g_hash_table_unref(worker->words);
    g_hash_table_unref(worker->errors_told);
    pictures_free(worker->pictures);
    detector_free(worker->detector);
    reader_free(worker->reader);
    outbox_free(worker->outbox);
    link_free(worker->link);
    record_clear(&worker_config_descriptor, &worker->config);
    g_free(worker->analysers);
}

/* True when it ran until the hub asked it to stop. */
static bool serve_hub(struct worker *worker, const char *hub_files, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (!get_ready(worker, hub_files, error))
        return false;
    if (start(worker, &cause))
        run(worker, &cause);
    stop_analysing(worker);
    if (!cause)
        hand_over(worker);
    else
        g_propagate_error(error, g_steal_pointer(&cause));
    return !*error;
}

/* glibc gives each thread an arena of its own and keeps what it freed; with a dozen threads and pictures of half a
 * megabyte a worker would grow for hours. Few arenas, and what is as large as a picture goes back at once: pictures are
 * pooled, so it is rarely asked for. */
static void keep_memory_small(void)
{
    enum { ARENAS = 2, LARGE_BYTES = 128 << 10 };
#ifdef __GLIBC__
    if (!mallopt(M_ARENA_MAX, ARENAS) || !mallopt(M_MMAP_THRESHOLD, LARGE_BYTES) ||
        !mallopt(M_TRIM_THRESHOLD, LARGE_BYTES))
        log_debug(NULL, "malloc keeps its own bounds");
#endif
}

int worker_main(int fd, const char *hub_files)
{
    keep_memory_small();
    struct worker worker = {.lock = PTHREAD_MUTEX_INITIALIZER,
                            .work = PTHREAD_COND_INITIALIZER,
                            .detector_lock = PTHREAD_MUTEX_INITIALIZER,
                            .reader_lock = PTHREAD_MUTEX_INITIALIZER,
                            .cameras = watching_array_new(),
                            .left = watching_array_new(),
                            .words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                            .errors_told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                            .order = {.quiet_scale = 1, .all_scale = 1, .has_previews = true}};
    g_autoptr(GError) error = NULL;
    worker.link = link_new(fd, LINK_QUEUE_BYTES);
    bool is_configured = receive_configuration(&worker, &error);
    const struct worker_settings *settings = &worker.config.workers; /* zero where it was not told */
    worker.outbox = outbox_new(worker.link, settings->max_unacknowledged_records, settings->max_unacknowledged_bytes);
    bool is_good = is_configured && serve_hub(&worker, hub_files, &error);
    bool is_asked = is_good || g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    if (!is_asked)
        log_error(worker.config.worker_id, "ending: %s", error->message);
    int status = is_asked ? EXIT_SUCCESS : EXIT_FAILURE;
    if (!models_end(&worker))
        _exit(status); /* what is being loaded is not taken from under its thread */
    release(&worker);
    return status;
}
