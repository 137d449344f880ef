#define LOG_MODULE "demo"
#include "hub/hub.h"

#include "base/log.h"
#include "facts/camera.h"
#include "scene/scene.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RESTART_MS = 300, LINE_BYTES = 256 };

static const struct {
    const char *scene, *id, *name;
} demo_cameras[] = {
    {"shop", "shop", "Shop floor"},
    {"gate", "gate", "Gate"},
    {"corridor", "corridor", "Corridor"},
    {"night", "night", "Yard at night"},
};

struct demo {
    char *program;
    int port; /* 0: not known yet */
    GPid pid;
    guint watch, timer;
};

static void on_child_exit(GPid pid, gint status, gpointer data);

/* In the child: a terminal's Ctrl-C is for us alone, who end the child. */
static void leave_group(gpointer data)
{
    (void)data;
    setpgid(0, 0);
}

/* Nothing of Vedette's settings, which may be secrets; the rest is what a program needs to run. */
static char **child_environment(void)
{
    char **environment = g_get_environ();
    g_auto(GStrv) names = g_listenv();
    for (char **name = names; *name; name++)
        if (g_str_has_prefix(*name, "VEDETTE_") && strcmp(*name, "VEDETTE_LOG") != 0)
            environment = g_environ_unsetenv(environment, *name);
    return environment;
}

/* Starts the child; `out` receives its standard output when it is not NULL. */
static bool spawn(struct demo *demo, int *out, GError **error)
{
    g_autofree char *port = g_strdup_printf("%d", demo->port);
    const char *arguments[G_N_ELEMENTS(demo_cameras) + 7] = {demo->program, "camera", "serve",
                                                             "--port",      port,     "--exit-with-parent"};
    char uris[G_N_ELEMENTS(demo_cameras)][64];
    for (size_t i = 0; i < G_N_ELEMENTS(demo_cameras); i++) {
        g_snprintf(uris[i], sizeof uris[i], "scene://%s?seed=%zu", demo_cameras[i].scene, i + 1);
        arguments[6 + i] = uris[i];
    }
    g_auto(GStrv) environment = child_environment();
    GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | (out ? 0 : G_SPAWN_STDOUT_TO_DEV_NULL);
    if (!g_spawn_async_with_pipes(NULL, (char **)(uintptr_t)arguments, environment, flags, leave_group, NULL,
                                  &demo->pid, NULL, out, NULL, error)) {
        g_prefix_error(error, "start the demo's cameras: ");
        return false;
    }
    demo->watch = g_child_watch_add(demo->pid, on_child_exit, demo);
    return true;
}

static gboolean on_restart(gpointer data)
{
    struct demo *demo = data;
    g_autoptr(GError) error = NULL;
    demo->timer = 0;
    if (!spawn(demo, NULL, &error)) {
        log_error(NULL, "%s; trying again", error->message);
        demo->timer = g_timeout_add(RESTART_MS, on_restart, demo);
    }
    return G_SOURCE_REMOVE;
}

static void on_child_exit(GPid pid, gint status, gpointer data)
{
    struct demo *demo = data;
    g_spawn_close_pid(pid);
    demo->pid = 0;
    demo->watch = 0;
    log_warning(NULL, "the demo's cameras ended (status %d) and are started again", status);
    demo->timer = g_timeout_add(RESTART_MS, on_restart, demo);
}

/* The first line of the child is the address of its first camera. */
static bool read_port(struct demo *demo, int fd, GError **error)
{
    char line[LINE_BYTES];
    FILE *out = fdopen(fd, "r");
    bool has_line = out && fgets(line, sizeof line, out);
    const char *colon = has_line ? strrchr(line, ':') : NULL;
    demo->port = colon ? (int)g_ascii_strtoll(colon + 1, NULL, 10) : 0;
    if (out)
        fclose(out);
    if (demo->port > 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                "the demo's cameras did not start; their words are above");
    return false;
}

static bool add_camera(const struct demo *demo, size_t index, struct settings *settings, GError **error)
{
    CLEANUP(scene) struct scene *scene = scene_new_from_uri(demo_cameras[index].scene, error);
    if (!scene)
        return false;
    struct camera described, *camera = record_list_append(&settings->cameras, &camera_descriptor);
    record_clear(&camera_descriptor, camera);
    scene_describe_camera(scene, &described);
    *camera = described;
    camera->id = g_strdup(demo_cameras[index].id);
    camera->name = g_strdup(demo_cameras[index].name);
    camera->source = g_strdup_printf("rtsp://127.0.0.1:%d/%s", demo->port, demo_cameras[index].scene);
    return true;
}

struct demo *demo_start(const char *program, struct settings *settings, GError **error)
{
    struct demo *demo = g_new0(struct demo, 1);
    int out;
    demo->program = g_strdup(program);
    bool is_good = spawn(demo, &out, error) && read_port(demo, out, error);
    for (size_t i = 0; is_good && i < G_N_ELEMENTS(demo_cameras); i++)
        is_good = add_camera(demo, i, settings, error);
    if (is_good)
        return demo;
    demo_stop(demo);
    return NULL;
}

void demo_stop(struct demo *demo)
{
    if (!demo)
        return;
    if (demo->timer)
        g_source_remove(demo->timer);
    if (demo->watch)
        g_source_remove(demo->watch);
    if (demo->pid) {
        kill(demo->pid, SIGKILL); /* it holds nothing that must be saved */
        waitpid(demo->pid, NULL, 0);
    }
    g_free(demo->program);
    g_free(demo);
}
