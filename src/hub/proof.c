#define LOG_MODULE "hub"
#include "hub/proof.h"

#include "base/log.h"
#include "hub/hub_internal.h"
#include "media/media.h"

#include <glib/gstdio.h>
#include <string.h>

enum {
    WIDTH_PX = 320,
    HEIGHT_PX = 240,
    FPS = 10,
    STILL_FRAMES = 15, /* the background is learnt in them: motion.learn_seconds is 1 */
    MOVING_FRAMES = 45,
    FIGURE_WIDTH_PX = 40,
    FIGURE_HEIGHT_PX = 100,
    TURN_MS = 10, /* between looks */
};
static const char camera_id[] = "self-test", zone_id[] = "picture";

/* In the order of the way. */
enum step { STEP_CLIP, STEP_WORKER, STEP_ANALYSIS, STEP_LINK, STEP_KEPT, STEP_STORED, STEPS };
static const char *const step_names[STEPS] = {
    "a clip is made",
    "a worker is started and closed in",
    "it decodes and analyses the clip",
    "its record reaches the hub",
    "the record is kept and acknowledged",
    "it is stored and read back",
};

struct proof {
    struct hub *hub;
    proof_step_fn step;
    void *data;
    struct camera camera;
    struct hub_worker *worker; /* NULL: not yet */
    char *clip;
    GThread *clip_maker; /* NULL: it was joined */
    GError *clip_error;  /* its, as the next */
    int has_clip;        /* atomic: it is at its end */
    enum step next;
    int64_t started_us, stepped_us;
    char id[64];             /* of its signal; empty: none came yet */
    int64_t made_ms, got_ms; /* by the wall clock: the signal's making, and its coming */
    int64_t got_us;
    char *problem; /* once it is over; NULL: none */
    bool is_over;
    guint timer;
    GThread *asker; /* whether it is stored; NULL: it is not asked yet */
    int is_stored;  /* atomic, as the next two */
    int has_asked;  /* the thread is at its end */
    int is_left;    /* it need not ask any more */
};

/* ---- the clip ---- */

/* A still picture with some texture, and from STILL_FRAMES on a dark figure that walks across it. */
static void draw(struct frame *frame, int number)
{
    uint8_t *luma = frame_plane(frame, 0);
    int left = number < STILL_FRAMES ? -FIGURE_WIDTH_PX : (number - STILL_FRAMES) * (WIDTH_PX / MOVING_FRAMES);
    int top = (HEIGHT_PX - FIGURE_HEIGHT_PX) / 2;
    for (int y = 0; y < HEIGHT_PX; y++)
        for (int x = 0; x < WIDTH_PX; x++) {
            bool is_figure = x >= left && x < left + FIGURE_WIDTH_PX && y >= top && y < top + FIGURE_HEIGHT_PX;
            luma[y * frame->strides_bytes[0] + x] = is_figure ? 40 : (uint8_t)(150 + (x / 16 + y / 16) % 2 * 20);
        }
    for (int plane = 1; plane <= 2; plane++)
        memset(frame_plane(frame, plane), 128, (size_t)frame->strides_bytes[plane] * (HEIGHT_PX / 2));
}

static bool make_clip(const char *path, GError **error)
{
    struct media_writer *writer = media_writer_open(path, WIDTH_PX, HEIGHT_PX, FPS, error);
    bool is_good = writer != NULL;
    for (int i = 0; i < STILL_FRAMES + MOVING_FRAMES && is_good; i++) {
        CLEANUP(frame) struct frame *frame = frame_new_allocated(WIDTH_PX, HEIGHT_PX);
        frame->media_us = (int64_t)i * G_USEC_PER_SEC / FPS;
        draw(frame, i);
        is_good = media_writer_write(writer, frame, error);
    }
    return writer && media_writer_close(writer, is_good ? error : NULL) && is_good;
}

/* A thread of its own: a picture takes its time, and the disk may hang. */
static gpointer run_clip_maker(gpointer data)
{
    struct proof *proof = data;
    make_clip(proof->clip, &proof->clip_error);
    g_atomic_int_set(&proof->has_clip, true);
    return NULL;
}

/* ---- its camera ---- */

static void fill_camera(struct proof *proof)
{
    static const struct record_point corners[] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}};
    struct camera *camera = &proof->camera;
    record_init(&camera_descriptor, camera);
    g_free(camera->id);
    g_free(camera->source);
    camera->id = g_strdup(camera_id);
    camera->source = g_strdup(proof->clip);
    camera->analyse_fps = FPS;
    camera->loop = true; /* on a busy machine a figure may be missed once */
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup(zone_id);
    zone->kind = ZONE_INTRUSION;
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
}

/* ---- telling ---- */

static void tell(struct proof *proof, double ms)
{
    proof->stepped_us = clock_monotonic_us(proof->hub->clock);
    if (proof->step)
        proof->step(proof->data, step_names[proof->next], ms, NULL);
    proof->next++;
}

static void tell_elapsed(struct proof *proof)
{
    tell(proof, (double)(clock_monotonic_us(proof->hub->clock) - proof->stepped_us) / 1000);
}

/* Whatever of it is under way comes to its end in the next turns. */
static void be_over(struct proof *proof)
{
    proof->is_over = true;
    g_atomic_int_set(&proof->is_left, true);
    proof->step = NULL;
    if (proof->worker)
        hub_worker_stop(proof->worker);
}

static void finish(struct proof *proof, const char *problem)
{
    if (proof->is_over)
        return;
    proof->problem = g_strdup(problem);
    if (problem)
        log_error(NULL, "the proof failed: %s", problem);
    else
        log_info(NULL, "proved: a record went the whole way in %.0f ms",
                 (double)(clock_monotonic_us(proof->hub->clock) - proof->started_us) / 1000);
    if (proof->step)
        proof->step(proof->data, NULL, 0, problem);
    be_over(proof);
}

/* ---- looking ---- */

/* Makes a checked signal the proof's own, if it is of the figure in the zone: what is told of the picture as a whole
 * shows no one found in it. */
static bool adopt(struct analytics_event *event)
{
    struct signal signal;
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good =
        record_decode_json(&signal_descriptor, event->payload.text, strlen(event->payload.text), &signal, &errors);
    record_errors_clear(&errors);
    if (!is_good)
        return false;
    if (g_strcmp0(signal.zone_id, zone_id) != 0) {
        record_clear(&signal_descriptor, &signal);
        return false;
    }
    g_autoptr(GString) json = g_string_new(NULL);
    g_free(signal.kind);
    signal.kind = g_strdup(server_signals[SERVER_SIGNAL_SELF_TEST].kind);
    signal.service = SERVICE_SYSTEM;
    signal.severity = server_signals[SERVER_SIGNAL_SELF_TEST].severity;
    record_encode_json(&signal_descriptor, &signal, true, json);
    record_clear(&signal_descriptor, &signal);
    g_free(event->payload.text);
    event->payload.text = g_string_free(g_steal_pointer(&json), FALSE);
    return true;
}

bool proof_take(struct hub_worker *worker, struct analytics_event *event)
{
    struct proof *proof = worker->hub->proof;
    if (!proof || proof->worker != worker || *proof->id || proof->is_over || event->type != EVENT_SIGNAL ||
        !adopt(event))
        return false;
    g_strlcpy(proof->id, event->id, sizeof proof->id);
    /* the first 48 bits of a UUIDv7 are the milliseconds of its making (RFC 9562, 5.7) */
    g_autofree char *digits = g_strdup_printf("%.8s%.4s", event->id, event->id + 9);
    proof->made_ms = (int64_t)g_ascii_strtoull(digits, NULL, 16);
    proof->got_ms = clock_wall_ms(worker->hub->clock);
    proof->got_us = clock_monotonic_us(worker->hub->clock);
    return true;
}

static int64_t deadline_us(const struct proof *proof)
{
    return (int64_t)(proof->hub->settings->progress.proof_seconds * G_USEC_PER_SEC);
}

static bool is_in_store(const struct proof *proof)
{
    const struct store_event_filter filter = {.org_id = proof->camera.org_id,
                                              .camera_id = camera_id,
                                              .from_ms = proof->got_ms - deadline_us(proof) / 1000,
                                              .limit = 100};
    g_autoptr(GPtrArray) events = store_events_list(proof->hub->store, &filter, NULL);
    for (guint i = 0; events && i < events->len; i++)
        if (strcmp(((const struct analytics_event *)g_ptr_array_index(events, i))->id, proof->id) == 0)
            return true;
    return false;
}

/* A thread of its own: the store may hang, and the main loop must not. */
static gpointer ask_store(gpointer data)
{
    struct proof *proof = data;
    bool is_found = false;
    while (!is_found && !g_atomic_int_get(&proof->is_left)) {
        is_found = is_in_store(proof);
        if (!is_found)
            g_usleep(TURN_MS * 1000);
    }
    g_atomic_int_set(&proof->is_stored, is_found);
    g_atomic_int_set(&proof->has_asked, true);
    return NULL;
}

static bool is_stored(struct proof *proof)
{
    if (!proof->asker)
        proof->asker = g_thread_new("proof", ask_store, proof);
    return g_atomic_int_get(&proof->is_stored);
}

static bool is_asking(const struct proof *proof)
{
    return proof->asker && !g_atomic_int_get(&proof->has_asked);
}

static void start_worker(struct proof *proof)
{
    g_autoptr(GError) cause = NULL;
    proof->worker = hub_worker_new_apart(proof->hub, camera_id, &proof->camera);
    proof->worker->has_defaults = true; /* what suits others' pictures may not see this clip's figure */
    if (!hub_worker_start(proof->worker, &cause))
        finish(proof, cause->message);
}

static void take_clip(struct proof *proof)
{
    if (!proof->clip_maker || !g_atomic_int_get(&proof->has_clip))
        return;
    g_thread_join(g_steal_pointer(&proof->clip_maker));
    if (proof->is_over)
        return;
    if (proof->clip_error) {
        finish(proof, proof->clip_error->message);
        return;
    }
    tell_elapsed(proof);
    start_worker(proof);
}

/* Takes the steps that are done by now. */
static void advance(struct proof *proof)
{
    struct hub_worker *worker = proof->worker;
    if (!worker) {
        take_clip(proof);
        return;
    }
    if (proof->next == STEP_WORKER && worker->has_said_hello)
        tell_elapsed(proof);
    if (proof->next == STEP_ANALYSIS && *proof->id) {
        double way_ms = (double)MAX(proof->got_ms - proof->made_ms, 0); /* over the link */
        tell(proof, MAX((double)(proof->got_us - proof->stepped_us) / 1000 - way_ms, 0));
        tell(proof, way_ms);
        proof->stepped_us = proof->got_us;
    }
    if (proof->next == STEP_KEPT && worker->bytes_in_hand == 0)
        tell_elapsed(proof);
    if (proof->next == STEP_STORED && is_stored(proof)) {
        tell_elapsed(proof);
        finish(proof, NULL);
    }
}

static void check_trouble(struct proof *proof)
{
    g_autofree char *problem = NULL;
    if (proof->is_over)
        return;
    if (proof->worker && !proof->worker->pid)
        problem = g_strdup_printf("its worker ended before: %s; the log says why", step_names[proof->next]);
    else if (clock_monotonic_us(proof->hub->clock) - proof->started_us > deadline_us(proof))
        problem = g_strdup_printf("after %.0f s this had not come about: %s",
                                  proof->hub->settings->progress.proof_seconds, step_names[proof->next]);
    if (problem)
        finish(proof, problem);
}

static void proof_free(struct proof *proof)
{
    g_atomic_int_set(&proof->is_left, true);
    if (proof->asker)
        g_thread_join(proof->asker);
    if (proof->clip_maker)
        g_thread_join(proof->clip_maker);
    g_clear_error(&proof->clip_error);
    g_free(proof->problem);
    if (proof->timer)
        g_source_remove(proof->timer);
    g_unlink(proof->clip);
    if (proof->worker)
        g_ptr_array_remove(proof->hub->workers, proof->worker); /* which frees it */
    record_clear(&camera_descriptor, &proof->camera);
    g_free(proof->clip);
    g_free(proof);
}

static gboolean on_turn(gpointer data)
{
    struct proof *proof = data;
    advance(proof);
    check_trouble(proof);
    bool has_time = clock_monotonic_us(proof->hub->clock) - proof->started_us < 2 * deadline_us(proof);
    struct hub_worker *worker = proof->worker;
    if (proof->is_over && worker && worker->pid && !has_time)
        hub_worker_end(worker);
    /* batches of its worker that are on their way name it: it is freed after they came back */
    if (!proof->is_over || proof->clip_maker || (worker && (worker->pid || worker->bytes_in_hand)) || is_asking(proof))
        return G_SOURCE_CONTINUE;
    proof->timer = 0;
    proof->hub->proof = NULL;
    proof_free(proof);
    return G_SOURCE_REMOVE;
}

void proof_break_off(struct proof *proof)
{
    if (!proof->is_over)
        log_info(NULL, "the proof is broken off before: %s", step_names[proof->next]);
    be_over(proof);
}

void proof_clear(struct hub *hub)
{
    struct proof *proof = hub->proof;
    if (!proof)
        return;
    if (proof->step)
        proof->step(proof->data, NULL, 0, "the server stops");
    hub->proof = NULL;
    if (proof->worker)
        hub_worker_end(proof->worker);
    proof->worker = NULL; /* stays among the workers, and is freed with them */
    proof_free(proof);
}

/* One that failed stays while its record waits for the spool: what it failed by is then still so. */
static void refuse(const struct proof *before, GError **error)
{
    const char *problem = before && before->is_over ? before->problem : NULL;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "%s%s",
                problem  ? "the record of the proof before still waits: "
                : before ? "another proof is under way"
                         : "the server stops",
                problem ? problem : "");
}

struct proof *proof_start(struct hub *hub, proof_step_fn step, void *data, GError **error)
{
    if (hub->proof || hub->is_stopping) {
        refuse(hub->proof, error);
        return NULL;
    }
    struct proof *proof = g_new0(struct proof, 1);
    proof->hub = hub;
    proof->step = step;
    proof->data = data;
    proof->clip = g_build_filename(hub->data_dir, "self-test.mp4", NULL);
    proof->started_us = proof->stepped_us = clock_monotonic_us(hub->clock);
    fill_camera(proof);
    proof->clip_maker = g_thread_try_new("clip", run_clip_maker, proof, error);
    if (!proof->clip_maker) {
        proof_free(proof);
        return NULL;
    }
    hub->proof = proof;
    proof->timer = g_timeout_add(TURN_MS, on_turn, proof);
    return proof;
}
