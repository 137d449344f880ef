/* A camera that ends its worker again and again: it is found, and the others come on line. Workers are this program. */
#include "intake_world.h"

#include "facts/observe.h"
#include "hub/track_ids.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define BAD "bad"

enum { CAMERAS = 8, TELL_MS = 500 }; /* cameras of one worker */

/* ---- the stand-in of a worker ---- */

struct stand_in {
    struct link *link;
    struct worker_config config;
    bool is_watching;
};

static void send_to_hub(struct stand_in *stand_in, enum link_type type, const struct record_descriptor *descriptor,
                        const void *record)
{
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(descriptor, record, true, text);
    link_send(stand_in->link, type, text->str, text->len, NULL); /* a hub that is gone is noticed by reading */
}

static void say_hello(struct stand_in *stand_in, const char *text, size_t length)
{
    struct record_errors errors;
    record_errors_init(&errors);
    g_assert_true(record_decode_json(&worker_config_descriptor, text, length, &stand_in->config, &errors));
    record_errors_clear(&errors);
    const struct worker_hello hello = {.protocol_version = LINK_PROTOCOL_VERSION,
                                       .worker_id = stand_in->config.worker_id,
                                       .is_sandboxed = true,
                                       .cannot_read_hub_files = true,
                                       .cannot_gain_privileges = true,
                                       .is_not_dumpable = true};
    send_to_hub(stand_in, LINK_HELLO, &worker_hello_descriptor, &hello);
}

static void watch_cameras(struct stand_in *stand_in)
{
    const struct camera *cameras = stand_in->config.cameras.items;
    for (size_t i = 0; i < stand_in->config.cameras.count; i++) {
        struct camera_health health;
        if (strcmp(cameras[i].id, BAD) == 0)
            abort();
        record_init(&camera_health_descriptor, &health);
        health.camera_id = g_strdup(cameras[i].id);
        g_free(health.state);
        health.state = g_strdup("online");
        send_to_hub(stand_in, LINK_HEALTH, &camera_health_descriptor, &health);
        record_clear(&camera_health_descriptor, &health);
    }
}

/* Until the hub ends it. Tells of its cameras again and again, as a worker does. */
static void stand_in_run(int fd)
{
    struct stand_in stand_in = {.link = link_new(fd, ROOMY)};
    const struct rlimit no_core = {0, 0};
    g_autoptr(GError) error = NULL;
    setrlimit(RLIMIT_CORE, &no_core);
    while (!error || g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_TIMEOUT)) {
        enum link_type type;
        const void *body;
        size_t length;
        g_clear_error(&error);
        if (!link_receive(stand_in.link, TELL_MS, &type, &body, &length, &error))
            type = 0;
        if (type == LINK_CONFIGURE)
            say_hello(&stand_in, body, length);
        stand_in.is_watching |= type == LINK_START;
        if (stand_in.is_watching)
            watch_cameras(&stand_in);
    }
    _exit(0);
}

/* ---- the hub ---- */

static void put_camera(struct world *world, const char *id)
{
    add_camera(&world->settings, id, "default");
    const struct camera *cameras = world->settings.cameras.items;
    live_put_camera(world->hub.live, &cameras[world->settings.cameras.count - 1]);
}

/* With a worker of eight cameras ("door", "hall", "camera-2" …), and one of another org's. */
static void begin(struct world *world, bool has_bad)
{
    g_autoptr(GError) error = NULL;
    world_init(world);
    world->settings.workers.restart_delay_ms = world->settings.workers.restart_delay_max_ms = 1;
    world->hub.program = g_file_read_link("/proc/self/exe", NULL);
    world->hub.data_dir = world->directory;
    world->hub.track_ids = track_ids_new(world->hub.store, world->directory, world->hub.clock, &error);
    g_assert_no_error(error);
    hub_worker_end(world->worker); /* its other side was to be the test's */
    for (int i = 2; i < CAMERAS; i++) {
        g_autofree char *id = g_strdup_printf("camera-%d", i);
        put_camera(world, has_bad && i == CAMERAS - 3 ? BAD : id);
    }
    hub_place_cameras(&world->hub);
    g_assert_cmpuint(world->hub.workers->len, ==, 2);
    g_assert_cmpuint(world->worker->cameras->len, ==, CAMERAS);
    for (guint i = 0; i < world->hub.workers->len; i++)
        hub_worker_start_or_retry(g_ptr_array_index(world->hub.workers, i));
}

static void end(struct world *world)
{
    world->hub.is_stopping = true;
    for (guint i = 0; i < world->hub.workers->len; i++)
        hub_worker_end(g_ptr_array_index(world->hub.workers, i));
    track_ids_free(world->hub.track_ids);
    g_free(world->hub.program);
    world_clear(world);
}

#define TURN_UNTIL(condition)                                                                                          \
    do {                                                                                                               \
        guint deadline_ = g_timeout_add(DEADLINE_US / 1000, on_deadline, (gpointer)(uintptr_t) #condition);            \
        while (!(condition))                                                                                           \
            g_main_context_iteration(NULL, TRUE);                                                                      \
        g_source_remove(deadline_);                                                                                    \
    } while (0)

static bool are_online(const struct world *world, const char *but)
{
    const struct camera *cameras = world->settings.cameras.items;
    for (size_t i = 0; i < world->settings.cameras.count; i++)
        if (g_strcmp0(cameras[i].id, but) != 0 &&
            !live_is_online(world->hub.live, cameras[i].id, clock_wall_ms(world->hub.clock)))
            return false;
    return true;
}

static bool is_named(const struct world *world, const char *camera_id)
{
    struct camera_health health;
    if (!live_get_health(world->hub.live, camera_id, &health))
        return false;
    bool is_named = health.last_error && strstr(health.last_error, "watches this camera alone, ended") &&
                    strstr(health.last_error, "killed by signal 6");
    record_clear(&camera_health_descriptor, &health);
    return is_named;
}

static const struct hub_worker *worker_of(const struct world *world, const char *camera_id)
{
    for (guint i = 0; i < world->hub.workers->len; i++)
        if (hub_worker_has_camera(g_ptr_array_index(world->hub.workers, i), camera_id))
            return g_ptr_array_index(world->hub.workers, i);
    return NULL;
}

/* Each camera has one worker, and each worker cameras of one org. */
static void assert_placed(const struct world *world)
{
    guint placed = 0;
    for (guint i = 0; i < world->hub.workers->len; i++) {
        const struct hub_worker *worker = g_ptr_array_index(world->hub.workers, i);
        const struct camera *first = g_ptr_array_index(worker->cameras, 0);
        placed += worker->cameras->len;
        for (guint j = 0; j < worker->cameras->len; j++) {
            const struct camera *camera = g_ptr_array_index(worker->cameras, j);
            g_assert_cmpstr(camera->org_id, ==, first->org_id);
            g_assert_true(worker_of(world, camera->id) == worker);
        }
    }
    g_assert_cmpuint(placed, ==, world->settings.cameras.count);
}

static void test_a_camera_that_ends_its_worker_is_found(void)
{
    struct world world;
    begin(&world, true);
    TURN_UNTIL(is_named(&world, BAD) && are_online(&world, BAD));
    g_assert_cmpuint(worker_of(&world, BAD)->cameras->len, ==, 1);
    g_assert_cmpuint(world.hub.workers->len, ==, 1 + 4); /* the other org's; of 4, 2, 1 and 1 cameras */
    assert_placed(&world);
    put_camera(&world, "new"); /* not where it may be ended */
    hub_place_cameras(&world.hub);
    g_assert_cmpuint(worker_of(&world, "new")->cameras->len, ==, 1);
    g_assert_false(worker_of(&world, "new")->is_half);
    put_camera(&world, "newer"); /* and there is no worker more than the settings say */
    hub_place_cameras(&world.hub);
    g_assert_true(worker_of(&world, "newer") == worker_of(&world, "new"));
    assert_placed(&world);
    g_assert_true(crashes_is_half(worker_of(&world, "door")));
    world.settings.workers.stable_seconds = 0; /* it has run for long */
    g_assert_false(crashes_is_half(worker_of(&world, "door")));
    end(&world);
}

/* Where memory runs out, more workers would need more of it. */
static void test_a_worker_that_is_killed_is_not_halved(void)
{
    enum { KILLS = 4 };
    struct world world;
    begin(&world, false);
    for (int i = 0; i < KILLS; i++) {
        uint64_t generation = world.worker->generation;
        TURN_UNTIL(are_online(&world, NULL));
        kill(world.worker->pid, SIGKILL);
        TURN_UNTIL(world.worker->generation > generation);
    }
    TURN_UNTIL(are_online(&world, NULL));
    g_assert_cmpuint(world.hub.workers->len, ==, 2);
    end(&world);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "worker") == 0)
        stand_in_run((int)g_ascii_strtoll(argv[2], NULL, 10));
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crashes/a_camera_that_ends_its_worker_is_found", test_a_camera_that_ends_its_worker_is_found);
    g_test_add_func("/crashes/a_worker_that_is_killed_is_not_halved", test_a_worker_that_is_killed_is_not_halved);
    return g_test_run();
}
