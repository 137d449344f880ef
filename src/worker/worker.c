/* The process: configured over its socket, caged, then analysing until it is told to stop or its hub is gone. The cage
 * holds the thread that closes it and those started later: until then there is one thread.
 */
#define LOG_MODULE "worker"
#include "worker/worker_internal.h"

#include "base/counter.h"
#include "facts/breaker.h"
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

static struct camera *camera_of(struct worker *worker, const char *id)
{
    struct camera *cameras = worker->config.cameras.items;
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

/* The hub has read the hello and trusts the cage: now come the logins, then the start. */
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

static void open_detector(struct worker *worker)
{
    const char *model = worker->config.detector.model;
    g_autoptr(GError) error = NULL;
    if (!model || !*model)
        return;
    worker->detector = detector_open(model, &worker->config.detector, &error);
    if (worker->detector)
        return;
    worker->detector_error = g_strdup(error->message);
    log_error(NULL, "%s; what moves is tracked instead", error->message);
}

/* The runtime's settings are the detector's. */
static void open_reader(struct worker *worker)
{
    const char *model = worker->config.reid.model;
    struct detector_settings settings = worker->config.detector;
    g_autoptr(GError) error = NULL;
    if (!model || !*model)
        return;
    settings.card = worker->config.reid.card;
    worker->reader = reader_open(model, &settings, &error);
    if (worker->reader)
        return;
    if (!worker->detector_error)
        worker->detector_error = g_strdup(error->message);
    log_error(NULL, "%s; tracks that are lost for long get new ids", error->message);
}

static void note_not_started(struct watched_camera *watched, const GError *error)
{
    watched->start_error = g_strdup(error->message);
    log_error(watched->camera->id, "not started: %s", error->message);
}

/* A camera that cannot be started costs no other one. */
static void add_camera(struct worker *worker, size_t index)
{
    struct watched_camera *watched = &worker->cameras[index];
    const struct camera *camera = (const struct camera *)worker->config.cameras.items + index;
    watched->worker = worker;
    const struct pipeline_sink sink = analyser_sink(watched);
    watched->camera = camera;
    watched->analyse_fps = camera->analyse_fps;
    watched->events = g_string_new(NULL);
    watched->tracks = g_string_new(NULL);
    record_init(&camera_health_descriptor, &watched->health);
    watched->health.camera_id = g_strdup(camera->id);
    if (worker->detector) {
        watched->health.detector_provider = g_strdup(detector_provider(worker->detector));
        watched->health.detector_provider_reason = g_strdup(detector_provider_reason(worker->detector));
    }
    /* ids are unique per camera, so every camera counts from the same base */
    watched->pipeline = pipeline_new(&worker->config, camera, worker->detector, &worker->detector_lock,
                                     (uint64_t)worker->config.track_id_base, clock_system(), &watched->health, &sink);
    if (worker->reader)
        pipeline_know_looks(watched->pipeline, &worker->config.reid, worker->reader, &worker->reader_lock);
    g_autoptr(GError) error = NULL;
    watched->source = media_source_new(worker->streams, camera, &worker->config.source, clock_system(),
                                       &watched->health, analyser_note_frame, watched, &error);
    if (!watched->source)
        note_not_started(watched, error);
}

static void start_camera(struct watched_camera *watched)
{
    g_autoptr(GError) error = NULL;
    if (!watched->source)
        return;
    media_source_set_breaker(watched->source, &watched->worker->config.breaker);
    media_source_spread_start(watched->source, watched->worker->camera_count);
    if (!media_source_start(watched->source, &error))
        note_not_started(watched, error);
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

/* Loads what must be loaded, closes the cage, proves it, and waits for the hub's word. */
static bool get_ready(struct worker *worker, const char *hub_files, GError **error)
{
    if (!media_init(true, error))
        return false;
    warm_resolver();
    struct worker_hello hello = {0};
    sandbox_close(&worker->config, hub_files, &hello);
    bool is_good = send_hello(worker, &hello, error);
    record_clear(&worker_hello_descriptor, &hello);
    open_detector(worker); /* in the cage: a runtime's threads are held by it too */
    open_reader(worker);
    return is_good && receive_start(worker, error);
}

static bool start(struct worker *worker, GError **error)
{
    worker->camera_count = worker->config.cameras.count;
    worker->cameras = g_new0(struct watched_camera, worker->camera_count + 1);
    worker->streams = media_streams_new();
    for (size_t i = 0; i < worker->camera_count; i++)
        add_camera(worker, i);
    for (size_t i = 0; i < worker->camera_count; i++)
        start_camera(&worker->cameras[i]);
    return analyser_start_all(worker, error);
}

/* ---- running ---- */

static void replace_text(char **text, const char *with)
{
    g_free(*text);
    *text = g_strdup(with);
}

/* How long the frame that is being analysed, or else waits, has done so. */
static void note_frame_age(struct watched_camera *camera, int64_t now_us)
{
    pthread_mutex_lock(&camera->worker->lock);
    int64_t since_us = camera->busy_since_us ? camera->busy_since_us : camera->waiting_since_us;
    pthread_mutex_unlock(&camera->worker->lock);
    gauge_set(&camera->health.frame_age_ms, since_us ? (double)MAX(now_us - since_us, 0) / 1000 : 0);
}

static void describe_camera(struct watched_camera *camera, int64_t now_us)
{
    struct camera_health *health = &camera->health;
    if (!camera->start_error) {
        media_source_describe(camera->source, health);
    } else {
        replace_text(&health->state, "failed");
        replace_text(&health->last_error, camera->start_error);
    }
    note_frame_age(camera, now_us);
    int64_t processed = counter_get(&health->frames_processed);
    if (camera->rate_since_us)
        health->analysed_fps = (double)(processed - camera->frames_before) * G_USEC_PER_SEC /
                               (double)MAX(now_us - camera->rate_since_us, 1);
    camera->frames_before = processed;
    camera->rate_since_us = now_us;
    if (camera->worker->detector_error && !*health->last_error)
        replace_text(&health->last_error, camera->worker->detector_error);
    if (counter_get(&health->detector_failing) && !*health->last_error)
        replace_text(&health->last_error, "the model fails; what moves is followed instead");
}

/* A model that hangs is told to end; one that does not even hear that takes its process with it, and the hub starts
 * another. */
static void watch_detector(struct worker *worker)
{
    if (!worker->detector)
        return;
    double busy_seconds = (double)detector_busy_us(worker->detector) / G_USEC_PER_SEC;
    double limit_seconds = worker->config.detector.timeout_seconds;
    if (busy_seconds < limit_seconds)
        return;
    log_error(NULL, "the model has not answered for %.0f s (detector.timeout_seconds is %g)", busy_seconds,
              limit_seconds);
    detector_interrupt(worker->detector);
    if (busy_seconds >= 2 * limit_seconds)
        _exit(EXIT_FAILURE);
}

static void send_health(struct worker *worker)
{
    watch_detector(worker);
    int64_t now_us = clock_monotonic_us(clock_system());
    for (size_t i = 0; i < worker->camera_count; i++) {
        struct watched_camera *camera = &worker->cameras[i];
        describe_camera(camera, now_us);
        g_autoptr(GString) text = g_string_new(NULL);
        record_encode_json(&camera_health_descriptor, &camera->health, false, text);
        if (!link_send(worker->link, LINK_HEALTH, text->str, text->len, NULL))
            log_debug(camera->camera->id, "health not sent: the link is full");
    }
}

static struct watched_camera *find_camera(struct worker *worker, const char *id, size_t length)
{
    for (size_t i = 0; i < worker->camera_count; i++) {
        const char *own = worker->cameras[i].camera->id;
        if (strlen(own) == length && memcmp(own, id, length) == 0)
            return &worker->cameras[i];
    }
    return NULL;
}

static void want_preview(struct worker *worker, const void *body, size_t length)
{
    struct watched_camera *camera = find_camera(worker, body, length);
    if (!camera)
        return;
    pthread_mutex_lock(&worker->lock);
    camera->preview_until_us = clock_monotonic_us(clock_system()) + PREVIEW_WANTED_US;
    bool has_previews = worker->order.has_previews;
    pthread_mutex_unlock(&worker->lock);
    if (camera->source && has_previews)
        media_source_want_live(camera->source, camera->preview_until_us);
}

static bool force_breaker(struct worker *worker, const void *body, size_t length, GError **error)
{
    struct breaker_order order;
    if (!decode(&breaker_order_descriptor, body, length, &order, error))
        return false;
    struct watched_camera *camera = find_camera(worker, order.camera_id, strlen(order.camera_id));
    if (camera && camera->source)
        media_source_force_breaker(camera->source,
                                   vedette_breaker_state_of_name(record_enum_name(breaker_word_names, order.state)));
    record_clear(&breaker_order_descriptor, &order);
    return true;
}

/* Left for whoever analyses the camera's next frame. What the worker cannot read it does without: the hub checked it.
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
    pthread_mutex_lock(&worker->lock);
    for (size_t i = 0; i < worker->camera_count && unread == told; i++) {
        if (!g_str_equal(worker->cameras[i].camera->id, told->camera.id))
            continue;
        unread = worker->cameras[i].told;
        worker->cameras[i].told = told;
    }
    pthread_mutex_unlock(&worker->lock);
    if (unread)
        record_clear(&camera_config_descriptor, unread);
    g_free(unread);
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
    if (!decode(&detect_request_descriptor, parts->text, parts->text_length, &request, error))
        return false;
    if (!worker->pictures)
        worker->pictures = pictures_new(&worker->config, worker->detector, clock_system());
    bool is_good = pictures_look(worker->pictures, &request, parts->bytes, parts->byte_count, response, jpeg, error);
    record_clear(&detect_request_descriptor, &request);
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
    } else if (type == LINK_LOOK) {
        return look(worker, body, length, error);
    }
    return type != LINK_STOP;
}

static void run(struct worker *worker, GError **error)
{
    int64_t health_us = 0;
    while (step(worker, error)) {
        int64_t now_us = clock_monotonic_us(clock_system());
        outbox_send_waiting(worker->outbox);
        if (now_us < health_us)
            continue;
        health_us = now_us + HEALTH_INTERVAL_US;
        send_health(worker);
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
    for (size_t i = 0; i < worker->camera_count; i++) {
        if (!worker->cameras[i].pipeline)
            continue;
        pipeline_finish(worker->cameras[i].pipeline);
        analyser_flush_events(&worker->cameras[i]);
    }
    int64_t until_us = clock_monotonic_us(clock_system()) + STOP_PATIENCE_US;
    g_autoptr(GError) error = NULL;
    while (!outbox_is_empty(worker->outbox) && clock_monotonic_us(clock_system()) < until_us && !error) {
        outbox_send_waiting(worker->outbox);
        step(worker, &error);
    }
    if (link_send(worker->link, LINK_STOPPED, NULL, 0, NULL))
        link_flush(worker->link, TICK_MS);
}

static void release(struct worker *worker)
{
    media_streams_free(worker->streams);
    for (size_t i = 0; i < worker->camera_count; i++) {
        media_source_free(worker->cameras[i].source);
        pipeline_free(worker->cameras[i].pipeline);
        g_free(worker->cameras[i].start_error);
        if (worker->cameras[i].told)
            record_clear(&camera_config_descriptor, worker->cameras[i].told);
        g_free(worker->cameras[i].told);
        record_clear(&camera_health_descriptor, &worker->cameras[i].health);
        if (worker->cameras[i].events)
            g_string_free(worker->cameras[i].events, TRUE);
        if (worker->cameras[i].tracks)
            g_string_free(worker->cameras[i].tracks, TRUE);
    }
    pictures_free(worker->pictures);
    detector_free(worker->detector);
    reader_free(worker->reader);
    outbox_free(worker->outbox);
    link_free(worker->link);
    record_clear(&worker_config_descriptor, &worker->config);
    g_free(worker->detector_error);
    g_free(worker->cameras);
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
                            .order = {.quiet_scale = 1, .all_scale = 1, .has_previews = true}};
    g_autoptr(GError) error = NULL;
    worker.link = link_new(fd, LINK_QUEUE_BYTES);
    bool is_configured = receive_configuration(&worker, &error);
    worker.outbox = outbox_new(worker.link, is_configured ? worker.config.workers.max_unacknowledged_records : 0);
    bool is_good = is_configured && serve_hub(&worker, hub_files, &error);
    bool is_asked = is_good || g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    if (!is_asked)
        log_error(worker.config.worker_id, "ending: %s", error->message);
    release(&worker);
    return is_asked ? 0 : 1;
}
