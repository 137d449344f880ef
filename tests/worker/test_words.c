/* What a worker's process is told before it starts a camera counts from the first connection on. The hub here is the
 * test; cameras hang up on whoever comes. */
#include "facts/breaker.h"
#include "facts/health.h"
#include "facts/settings.h"
#include "link/link.h"
#include "media/fake_camera.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_US = 60 * 1000000, QUEUE_BYTES = 1 << 20, CHILD_FD = 3 };

struct world {
    struct link *link;
    GPid pid;
    char *hub_files;
    struct fake_camera *held, *free; /* those that are forced open are at the first, all others at the second */
};

static bool hang_up(const struct fake_request *request)
{
    (void)request;
    return false;
}

static void say(struct world *world, enum link_type type, const void *body, size_t length)
{
    g_autoptr(GError) error = NULL;
    link_send(world->link, type, body, length, &error);
    g_assert_no_error(error);
}

static void say_record(struct world *world, enum link_type type, const struct record_descriptor *descriptor,
                       const void *record)
{
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(descriptor, record, true, text);
    say(world, type, text->str, text->len);
}

static void fill_camera(struct camera *camera, const char *id, struct fake_camera *at)
{
    camera->id = g_strdup(id);
    g_free(camera->source);
    camera->source = g_strdup_printf("rtsp://127.0.0.1:%d/%s", fake_camera_port(at), id);
}

static void configure(struct world *world)
{
    struct worker_config config;
    record_init(&worker_config_descriptor, &config);
    config.protocol_version = LINK_PROTOCOL_VERSION;
    config.worker_id = g_strdup("worker-1");
    config.source.retry_delay_ms = 1;
    config.source.start_spread_ms = 1;
    fill_camera(record_list_append(&config.cameras, &camera_descriptor), "held", world->held);
    fill_camera(record_list_append(&config.cameras, &camera_descriptor), "free", world->free);
    say_record(world, LINK_CONFIGURE, &worker_config_descriptor, &config);
    record_clear(&worker_config_descriptor, &config);
}

static void add(struct world *world, const char *id, struct fake_camera *at)
{
    struct worker_camera added;
    record_init(&worker_camera_descriptor, &added);
    fill_camera(&added.camera, id, at);
    say_record(world, LINK_ADD_CAMERA, &worker_camera_descriptor, &added);
    record_clear(&worker_camera_descriptor, &added);
}

static void force_open(struct world *world, const char *id)
{
    const struct breaker_order order = {(char *)(uintptr_t)id, BREAKER_FORCED_OPEN};
    say_record(world, LINK_FORCE_BREAKER, &breaker_order_descriptor, &order);
}

/* Until the worker says something of this type; of the camera, unless that is NULL, with its breaker so. */
static void await(struct world *world, enum link_type wanted, const char *id, const char *breaker_state)
{
    g_autofree char *of = id ? g_strdup_printf("\"camera_id\":\"%s\"", id) : g_strdup("");
    g_autofree char *state =
        breaker_state ? g_strdup_printf("\"circuit_breaker_state\":\"%s\"", breaker_state) : g_strdup("");
    for (int64_t until_us = g_get_monotonic_time() + DEADLINE_US;;) {
        enum link_type type;
        const void *body;
        size_t length;
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        link_receive(world->link, DEADLINE_US / 1000, &type, &body, &length, &error);
        g_assert_no_error(error);
        g_autofree char *text = g_strndup(body, length);
        if (type == wanted && strstr(text, of) && strstr(text, state))
            return;
    }
}

static void world_init(struct world *world)
{
    int sockets[2], target = CHILD_FD;
    g_autoptr(GError) error = NULL;
    *world = (struct world){.held = fake_camera_start(hang_up), .free = fake_camera_start(hang_up)};
    g_assert_cmpint(g_file_open_tmp("vedette-words-XXXXXX", &world->hub_files, &error), >=, 0);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
    g_autofree char *fd_text = g_strdup_printf("%d", CHILD_FD), *parent = g_strdup_printf("%d", (int)getpid());
    const char *const arguments[] = {g_getenv("VEDETTE_BINARY"), "worker", fd_text, parent, world->hub_files, NULL};
    g_spawn_async_with_pipes_and_fds(NULL, arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
                                     NULL, NULL, -1, -1, -1, &sockets[1], &target, 1, &world->pid, NULL, NULL, NULL,
                                     &error);
    g_assert_no_error(error);
    close(sockets[1]);
    world->link = link_new(sockets[0], QUEUE_BYTES);
    configure(world);
    await(world, LINK_HELLO, NULL, NULL);
}

static void world_clear(struct world *world)
{
    int status;
    say(world, LINK_STOP, NULL, 0);
    await(world, LINK_STOPPED, NULL, NULL);
    g_assert_cmpint(waitpid(world->pid, &status, 0), ==, world->pid);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    link_free(world->link);
    fake_camera_stop(world->held);
    fake_camera_stop(world->free);
    g_unlink(world->hub_files);
    g_free(world->hub_files);
}

/* A camera that an operator holds open is not contacted, not even once while others try until their breakers open:
 * neither when its worker starts nor when it is added to one. */
static void test_one_that_is_held_open_is_never_contacted(void)
{
    struct world world;
    if (!g_getenv("VEDETTE_BINARY")) {
        g_test_skip("VEDETTE_BINARY is not set");
        return;
    }
    world_init(&world);
    force_open(&world, "held");
    force_open(&world, "nobody");
    say(&world, LINK_START, NULL, 0);
    await(&world, LINK_HEALTH, "free", "open");
    await(&world, LINK_HEALTH, "held", "forced_open");
    add(&world, "late", world.held);
    force_open(&world, "late");
    say(&world, LINK_START_CAMERA, "late", strlen("late"));
    add(&world, "last", world.free);
    say(&world, LINK_START_CAMERA, "last", strlen("last"));
    await(&world, LINK_HEALTH, "last", "open");
    await(&world, LINK_HEALTH, "late", "forced_open");
    g_assert_cmpint(fake_camera_connections(world.free), >=, 10);
    g_assert_cmpint(fake_camera_connections(world.held), ==, 0);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/words/one that is held open is never contacted", test_one_that_is_held_open_is_never_contacted);
    return g_test_run();
}
