/* Starts workers, watches them, starts them again. */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"
#include "hub/track_ids.h"

#include "base/counter.h"
#include "base/log.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LINK_QUEUE_BYTES = 2 * LINK_MAX_BODY_BYTES, /* the largest configuration, and what follows it */
    WORKER_LINK_FD = 3,
    SHIFT_MAX = 16,
    HELLO_SILENCE_US = 60 * 1000000, /* libraries are loaded meanwhile */
    SILENCE_US = 15 * 1000000,       /* afterwards a worker tells each camera's health every second */
};

/* ---- kinds of workers ---- */

struct hub_worker *hub_worker_new(struct hub *hub)
{
    struct hub_worker *worker = g_new0(struct hub_worker, 1);
    worker->hub = hub;
    worker->id = g_strdup_printf("worker-%u", ++hub->workers_made);
    worker->cameras = camera_array_new();
    worker->held = camera_array_new();
    worker->left = camera_array_new();
    g_queue_init(&worker->waiting);
    g_ptr_array_add(hub->workers, worker);
    return worker;
}

static struct hub_worker *new_named(struct hub *hub, const char *id)
{
    struct hub_worker *worker = hub_worker_new(hub);
    hub->workers_made--; /* the number is free */
    g_free(worker->id);
    worker->id = g_strdup(id);
    return worker;
}

struct hub_worker *hub_worker_new_apart(struct hub *hub, const char *id, const struct camera *camera)
{
    struct hub_worker *worker = new_named(hub, id);
    worker->is_apart = true;
    g_ptr_array_add(worker->cameras, (gpointer)(uintptr_t)camera_share(camera));
    return worker;
}

struct hub_worker *hub_worker_new_for_pictures(struct hub *hub, const char *id)
{
    struct hub_worker *worker = new_named(hub, id);
    worker->looks_at_pictures = true;
    return worker;
}

/* ---- starting ---- */

/* Of our own environment a worker gets these alone: where plugins are known, what sanitizers and fault points are told.
 * How it logs, the settings say. */
static char **clean_environment(const struct hub *hub)
{
    const struct log_settings *log = &hub->settings->log;
    static const char *const kept[] = {"GST_REGISTRY", "GST_PLUGIN_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                       "LSAN_OPTIONS", "TSAN_OPTIONS",    "G_SLICE",      "VEDETTE_FAULTS"};
    static const char *const format_names[] = {"logfmt", "json"}, *const target_names[] = {"stderr", "journald"};
    char **environment = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++)
        if (g_getenv(kept[i]))
            environment = g_environ_setenv(environment, kept[i], g_getenv(kept[i]), TRUE);
    environment = g_environ_setenv(environment, "VEDETTE_LOG", log->levels, TRUE);
    environment = g_environ_setenv(environment, "VEDETTE_LOG_FORMAT", format_names[log->format - 1], TRUE);
    environment = g_environ_setenv(environment, "VEDETTE_LOG_TARGET", target_names[log->target - 1], TRUE);
    return tuning_environment(hub, environment);
}

static bool send_record(struct link *link, enum link_type type, const struct record_descriptor *descriptor,
                        const void *record, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(descriptor, record, true, text);
    return link_send(link, type, text->str, text->len, error);
}

static bool send_login(struct hub_worker *worker, const struct camera *camera, int32_t index,
                       const struct stream_use *use, GError **error)
{
    const struct camera_credentials login = {camera->id, index, (char *)(uintptr_t)use->username,
                                             (char *)(uintptr_t)use->password};
    return send_record(worker->link, LINK_CREDENTIALS, &camera_credentials_descriptor, &login, error);
}

static bool send_logins(struct hub_worker *worker, const struct camera *camera, GError **error)
{
    struct stream_use uses[CAMERA_MAX_STREAMS];
    size_t count = camera_list_streams(camera, uses);
    for (size_t i = 0; i < count; i++)
        if (uses[i].username && *uses[i].username && !send_login(worker, camera, (int32_t)i, &uses[i], error))
            return false;
    return true;
}

/* What a camera must know before it may be started. */
static bool prepare_camera(struct hub_worker *worker, const struct camera *camera, GError **error)
{
    return send_logins(worker, camera, error) && hub_send_breaker_word(worker, camera->id, error);
}

static void set_defaults(struct worker_config *config)
{
    struct worker_config defaults;
    record_init(&worker_config_descriptor, &defaults);
    config->motion = defaults.motion; /* these hold no texts */
    config->tracker = defaults.tracker;
    config->rules = defaults.rules;
    record_clear(&worker_config_descriptor, &defaults);
}

/* In the place of policies. */
static bool tell_defaults(struct hub_worker *worker, GError **error)
{
    struct camera_config defaults;
    bool is_good = true;
    record_init(&camera_config_descriptor, &defaults);
    for (guint i = 0; i < worker->held->len && is_good; i++) {
        struct camera_config config = defaults;
        config.camera = *(const struct camera *)g_ptr_array_index(worker->held, i); /* borrowed for the encoding */
        is_good = send_record(worker->link, LINK_CAMERA, &camera_config_descriptor, &config, error);
    }
    record_clear(&camera_config_descriptor, &defaults);
    return is_good;
}

static bool send_configuration(struct hub_worker *worker, GError **error)
{
    const struct settings *settings = worker->hub->settings;
    struct worker_config config = {
        .protocol_version = LINK_PROTOCOL_VERSION,
        .worker_id = worker->id,
        .workers = settings->workers,
        .source = settings->source,
        .motion = settings->motion,
        .detector = settings->detector,
        .tracker = settings->tracker,
        .reid = settings->reid,
        .rules = settings->rules,
        .quiet_seconds = settings->governor.quiet_seconds,
        .breaker = settings->breaker,
        .detect = settings->detect,
        .managed_cameras = settings->managed_cameras,
        .trace_ratio = trace_settings_are_on(&settings->tracing) ? settings->tracing.ratio : 0,
    };
    if (worker->is_apart) {
        config.detector.model = config.reid.model = NULL; /* they are not what is looked at */
        config.trace_ratio = 0;                           /* nor are its frames */
    }
    if (worker->has_defaults)
        set_defaults(&config);
    tuning_fill(worker->hub, &config);
    config.track_id_base = track_ids_take(worker->hub->track_ids);
    g_autofree struct camera *cameras = g_new0(struct camera, worker->cameras->len);
    g_ptr_array_set_size(worker->left, 0);
    g_ptr_array_set_size(worker->held, 0);
    for (guint i = 0; i < worker->cameras->len; i++) {
        const struct camera *camera = g_ptr_array_index(worker->cameras, i);
        cameras[i] = *camera; /* borrowed for the encoding */
        g_ptr_array_add(worker->held, (gpointer)(uintptr_t)camera_ref(camera));
    }
    config.cameras = (struct record_list){cameras, worker->cameras->len};
    return send_record(worker->link, LINK_CONFIGURE, &worker_config_descriptor, &config, error);
}

static void tell_log_levels(struct hub_worker *worker)
{
    g_autofree char *levels = log_levels();
    if (!link_send(worker->link, LINK_LOG_LEVELS, levels, strlen(levels), NULL))
        log_warning(worker->id, "does not read: it logs as before");
}

void hub_workers_tell_log_levels(struct hub *hub)
{
    int changes = log_level_changes();
    for (guint i = 0; hub->log_level_changes != changes && i < hub->workers->len; i++) {
        struct hub_worker *worker = g_ptr_array_index(hub->workers, i);
        if (worker->link && worker->has_said_hello) /* who has not is told when it has */
            tell_log_levels(worker);
    }
    hub->log_level_changes = changes;
}

bool hub_worker_admit(struct hub_worker *worker, GError **error)
{
    for (guint i = 0; i < worker->held->len; i++)
        if (!prepare_camera(worker, g_ptr_array_index(worker->held, i), error))
            return false;
    if (!link_send(worker->link, LINK_START, NULL, 0, error))
        return false;
    if (log_level_changes()) /* since its environment was made of the settings */
        tell_log_levels(worker);
    governing_order_worker(worker->hub->governing, worker);
    hub_worker_tell_cameras(worker); /* that changed since it was started */
    if (worker->has_defaults)
        return tell_defaults(worker, error);
    policies_tell_worker(worker->hub->policies, worker);
    return true;
}

/* ---- cameras that come and go ---- */

static const struct camera *find_camera(GPtrArray *cameras, const char *camera_id)
{
    for (guint i = 0; i < cameras->len; i++)
        if (strcmp(((const struct camera *)g_ptr_array_index(cameras, i))->id, camera_id) == 0)
            return g_ptr_array_index(cameras, i);
    return NULL;
}

static bool send_id(struct hub_worker *worker, enum link_type type, const struct camera *camera, GError **error)
{
    return link_send(worker->link, type, camera->id, strlen(camera->id), error);
}

/* Takes over what needs no new connection, and leaves what is no longer its own. */
static bool tell_removed(struct hub_worker *worker, GError **error)
{
    for (guint i = worker->held->len; i-- > 0;) {
        const struct camera *held = g_ptr_array_index(worker->held, i);
        const struct camera *wanted = find_camera(worker->cameras, held->id);
        if (wanted && !camera_needs_restart(held, wanted)) {
            g_ptr_array_index(worker->held, i) = (gpointer)(uintptr_t)camera_ref(wanted);
            camera_unref(held);
            continue;
        }
        if (!send_id(worker, LINK_REMOVE_CAMERA, held, error))
            return false;
        policies_forget_camera(worker->hub->policies, held->id);
        g_ptr_array_add(worker->left, g_ptr_array_steal_index(worker->held, i));
    }
    return true;
}

/* Its track ids count on from where no earlier ones are. */
static bool tell_added(struct hub_worker *worker, const struct camera *camera, GError **error)
{
    const struct worker_camera added = {.camera = *camera, /* borrowed for the encoding */
                                        .track_id_base = track_ids_take(worker->hub->track_ids)};
    return send_record(worker->link, LINK_ADD_CAMERA, &worker_camera_descriptor, &added, error) &&
           prepare_camera(worker, camera, error) && send_id(worker, LINK_START_CAMERA, camera, error);
}

static bool tell_cameras(struct hub_worker *worker, GError **error)
{
    if (!tell_removed(worker, error))
        return false;
    for (guint i = 0; i < worker->cameras->len; i++) {
        const struct camera *camera = g_ptr_array_index(worker->cameras, i);
        if (find_camera(worker->held, camera->id))
            continue;
        if (!tell_added(worker, camera, error))
            return false;
        g_ptr_array_add(worker->held, (gpointer)(uintptr_t)camera_ref(camera));
    }
    return true;
}

void hub_worker_tell_cameras(struct hub_worker *worker)
{
    g_autoptr(GError) error = NULL;
    if (!worker->link || !worker->has_said_hello || worker->is_leaving || tell_cameras(worker, &error))
        return; /* who has not said hello yet is told when it has */
    log_error(worker->id, "is ended, for it cannot be told of its cameras: %s", error->message);
    hub_worker_kill(worker); /* the next one is told at its start */
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data);
static void on_child_exit(GPid pid, gint status, gpointer data);

static void watch_link(struct hub_worker *worker)
{
    worker->link_watch = g_unix_fd_add(link_fd(worker->link), G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, worker);
}

static bool spawn(struct hub_worker *worker, GError **error)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "socket pair: %s", g_strerror(errno));
        return false;
    }
    /* a file that is there whatever the store is */
    g_autofree char *hub_files = g_build_filename(worker->hub->data_dir, "spool", "lock", NULL);
    g_autofree char *fd_text = g_strdup_printf("%d", WORKER_LINK_FD);
    g_autofree char *parent_text = g_strdup_printf("%d", (int)getpid());
    const char *const arguments[] = {worker->hub->program, "worker", fd_text, parent_text, hub_files, NULL};
    g_auto(GStrv) environment = clean_environment(worker->hub);
    const int target = WORKER_LINK_FD;
    bool is_good = g_spawn_async_with_pipes_and_fds(
        "/", arguments, (const char *const *)environment, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
        NULL, -1, -1, -1, &sockets[1], &target, 1, &worker->pid, NULL, NULL, NULL, error);
    close(sockets[1]);
    if (!is_good) {
        close(sockets[0]);
        g_prefix_error(error, "start '%s': ", worker->hub->program);
        return false;
    }
    worker->link = link_new(sockets[0], LINK_QUEUE_BYTES);
    worker->child_watch = g_child_watch_add(worker->pid, on_child_exit, worker);
    watch_link(worker);
    return true;
}

bool hub_worker_start(struct hub_worker *worker, GError **error)
{
    worker->generation++;
    worker->has_said_hello = worker->has_stopped = worker->is_caged = worker->is_killed = false;
    worker->started_us = worker->heard_us = clock_monotonic_us(worker->hub->clock);
    if (!spawn(worker, error))
        return false;
    counter_add(&worker->hub->health.worker_starts, 1);
    counter_add(&worker->hub->health.workers_running, 1);
    if (send_configuration(worker, error))
        return true;
    kill(worker->pid, SIGKILL); /* its exit starts it again */
    return false;
}

/* ---- ending ---- */

static void close_link(struct hub_worker *worker)
{
    if (worker->link_watch)
        g_source_remove(worker->link_watch);
    worker->link_watch = 0;
    g_clear_pointer(&worker->link, link_free);
}

/* False when the link ended; the process follows it. */
static bool read_link(struct hub_worker *worker)
{
    g_autoptr(GError) error = NULL;
    if (intake_read(worker, &error))
        return true;
    if (!g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE))
        log_error(worker->id, "is ended: %s", error->message);
    close_link(worker);
    if (worker->pid)
        kill(worker->pid, SIGKILL); /* without a link it is of no use; mostly it is gone already */
    return false;
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
    (void)fd;
    (void)condition;
    struct hub_worker *worker = data;
    if (read_link(worker) && !intake_is_full(worker))
        return G_SOURCE_CONTINUE;
    worker->link_watch = 0; /* a full hand: hub_worker_look_after reads on */
    return G_SOURCE_REMOVE;
}

void hub_worker_look_after(struct hub_worker *worker)
{
    if (!worker->link || intake_is_full(worker))
        return;
    bool was_paused = worker->link_watch == 0;
    if (was_paused)
        watch_link(worker);
    /* What it said while nobody listened counts as heard. */
    if (!read_link(worker))
        return;
    int64_t silent_us = clock_monotonic_us(worker->hub->clock) - worker->heard_us;
    if (worker->looks_at_pictures && worker->has_said_hello)
        return; /* it speaks when it is asked: detecting.c has the deadline */
    bool is_silent = silent_us > (worker->has_said_hello ? SILENCE_US : HELLO_SILENCE_US);
    if (worker->pid && is_silent && !worker->is_killed) { /* until its exit is noticed */
        worker->is_killed = true;
        log_error(worker->id, "is ended: it has been silent for %lld s", (long long)(silent_us / G_USEC_PER_SEC));
        kill(worker->pid, SIGKILL);
    }
}

bool hub_worker_is_stable(const struct hub_worker *worker)
{
    int64_t up_us = clock_monotonic_us(worker->hub->clock) - worker->started_us;
    return up_us >= (int64_t)worker->hub->settings->workers.stable_seconds * G_USEC_PER_SEC;
}

static void schedule_restart(struct hub_worker *worker);

void hub_worker_start_or_retry(struct hub_worker *worker)
{
    g_autoptr(GError) error = NULL;
    if (hub_worker_start(worker, &error))
        return;
    log_error(worker->id, "not started: %s; trying again", error->message);
    if (!worker->pid)
        schedule_restart(worker);
}

static gboolean on_restart(gpointer data)
{
    struct hub_worker *worker = data;
    worker->restart_timer = 0;
    hub_worker_start_or_retry(worker);
    return G_SOURCE_REMOVE;
}

/* The first failure after a steady time is answered at once; the next ones wait, twice as long each time, with full
 * jitter. */
static void schedule_restart(struct hub_worker *worker)
{
    const struct worker_settings *settings = &worker->hub->settings->workers;
    if (hub_worker_is_stable(worker))
        worker->restarts = 0;
    int64_t delay_ms = 0;
    if (worker->restarts > 0) {
        int64_t most_ms = (int64_t)settings->restart_delay_ms << MIN(worker->restarts - 1, SHIFT_MAX);
        delay_ms = random_range(&worker->hub->random, 0, MIN(most_ms, settings->restart_delay_max_ms));
    }
    worker->restarts++;
    worker->restart_timer = g_timeout_add((guint)delay_ms, on_restart, worker);
}

static void describe_exit(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        g_snprintf(text, size, "killed by signal %d (%s)", WTERMSIG(status), g_strsignal(WTERMSIG(status)));
    else
        g_snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

static void count_exit(const struct hub_worker *worker, const char *reason)
{
    struct server_health *health = &worker->hub->health;
    counter_add(&health->workers_running, -1);
    if (worker->has_said_hello && !worker->is_caged)
        counter_add(&health->workers_uncaged, -1);
    if (worker->has_stopped)
        return;
    counter_add(&health->worker_exits, 1);
    log_error(worker->id, "ended: %s; its %u cameras are off line", reason, worker->cameras->len);
}

static void on_child_exit(GPid pid, gint status, gpointer data)
{
    struct hub_worker *worker = data;
    struct hub *hub = worker->hub;
    char reason[128];
    describe_exit(status, reason, sizeof reason);
    g_spawn_close_pid(pid);
    worker->pid = 0;
    worker->child_watch = 0;
    if (worker->link)
        read_link(worker); /* its last words */
    close_link(worker);
    /* told to stop before it had started: it has nothing to say */
    worker->has_stopped |= (hub->is_stopping || worker->is_leaving) && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    count_exit(worker, reason);
    g_autofree char *why = crashes_note(worker, status, reason);
    intake_note_gone(worker, why);
    detecting_note_gone(hub->detecting, worker);
    trials_note_gone(hub->trials, worker, reason);
    if (!hub->is_stopping && !worker->is_apart && !worker->is_leaving) {
        crashes_halve(worker);
        schedule_restart(worker);
    } else if (hub->is_stopping && hub_workers_are_gone(hub)) {
        g_main_loop_quit(hub->loop);
    }
}

void hub_worker_stop(struct hub_worker *worker)
{
    if (worker->restart_timer)
        g_source_remove(worker->restart_timer);
    worker->restart_timer = 0;
    if (worker->link && !link_send(worker->link, LINK_STOP, NULL, 0, NULL) && worker->pid)
        kill(worker->pid, SIGKILL);
}

/* Its process leaves what it watches camera by camera, as if others stayed: it ends when all it had to tell was taken
 * over, however long the spool takes nothing. One that did not start yet has nothing. */
void hub_worker_leave(struct hub_worker *worker)
{
    g_autoptr(GError) error = NULL;
    worker->is_leaving = true;
    bool has_records = worker->link && worker->has_said_hello && !worker->is_apart;
    if (has_records && !tell_removed(worker, &error))
        log_error(worker->id, "is stopped, for it cannot be told to leave its cameras: %s", error->message);
    if (!has_records || error)
        hub_worker_stop(worker);
    else
        hub_worker_end_left(worker);
}

void hub_worker_end_left(struct hub_worker *worker)
{
    if (worker->is_leaving && worker->held->len + worker->left->len == 0)
        hub_worker_stop(worker);
}

void hub_workers_reap(struct hub *hub)
{
    for (guint i = hub->workers->len; i-- > 0;) {
        const struct hub_worker *worker = g_ptr_array_index(hub->workers, i);
        /* batches of its that are on their way name it; pictures' and proofs' workers are theirs to free */
        bool is_ours = worker->is_leaving && !worker->looks_at_pictures && !worker->is_apart;
        if (is_ours && !worker->pid && worker->bytes_in_hand == 0)
            g_ptr_array_remove_index(hub->workers, i);
    }
}

void hub_worker_kill(struct hub_worker *worker)
{
    if (worker->pid)
        kill(worker->pid, SIGKILL);
}

void hub_worker_end(struct hub_worker *worker)
{
    if (worker->restart_timer)
        g_source_remove(worker->restart_timer);
    if (worker->child_watch)
        g_source_remove(worker->child_watch);
    if (worker->pid) {
        kill(worker->pid, SIGKILL);
        waitpid(worker->pid, NULL, 0);
    }
    worker->restart_timer = worker->child_watch = 0;
    worker->pid = 0;
    close_link(worker);
}

void hub_worker_free(gpointer data)
{
    struct hub_worker *worker = data;
    hub_worker_end(worker);
    intake_clear(worker);
    g_ptr_array_unref(worker->cameras);
    g_ptr_array_unref(worker->held);
    g_ptr_array_unref(worker->left);
    g_free(worker->id);
    g_free(worker);
}

bool hub_workers_are_gone(const struct hub *hub)
{
    for (guint i = 0; i < hub->workers->len; i++)
        if (((const struct hub_worker *)g_ptr_array_index(hub->workers, i))->pid)
            return false;
    return true;
}

/* ---- previews ---- */

struct preview_wish {
    struct hub *hub;
    char *camera_id;
};

static gboolean pass_wish(gpointer data)
{
    struct preview_wish *wish = data;
    for (guint i = 0; i < wish->hub->workers->len; i++) {
        struct hub_worker *worker = g_ptr_array_index(wish->hub->workers, i);
        for (guint j = 0; worker->link && j < worker->cameras->len; j++)
            if (strcmp(((const struct camera *)g_ptr_array_index(worker->cameras, j))->id, wish->camera_id) == 0 &&
                !link_send(worker->link, LINK_WANT_PREVIEW, wish->camera_id, strlen(wish->camera_id), NULL))
                log_debug(worker->id, "preview not asked for: the worker does not read");
    }
    g_free(wish->camera_id);
    g_free(wish);
    return G_SOURCE_REMOVE;
}

void hub_want_preview(void *data, const char *camera_id)
{
    struct preview_wish *wish = g_new0(struct preview_wish, 1);
    *wish = (struct preview_wish){data, g_strdup(camera_id)};
    g_idle_add_full(G_PRIORITY_DEFAULT, pass_wish, wish, NULL);
}
