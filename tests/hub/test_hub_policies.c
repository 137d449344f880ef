/* What the hub's policies leave behind when they end. */
#include "../store/store_world.h"
#include "hub/hub_internal.h"

#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_SECONDS = 20, HOUR_SECONDS = 3600 };

struct world {
    struct store_world store;
    struct settings settings;
    struct hub hub;
};

static void start(struct world *world)
{
    g_autoptr(GError) error = NULL;
    world_init(&world->store);
    record_init(&settings_descriptor, &world->settings);
    world->hub = (struct hub){.settings = &world->settings,
                              .data_dir = world->store.directory,
                              .clock = world->store.clock,
                              .store = world->store.store,
                              .live = live_new(&world->settings.cameras),
                              .workers = g_ptr_array_new()};
    live_set_clock(world->hub.live, world->store.clock);
    world->hub.policies = policies_new(&world->hub, &error);
    g_assert_no_error(error);
}

static void end(struct world *world)
{
    g_ptr_array_unref(world->hub.workers);
    live_free(world->hub.live);
    record_clear(&settings_descriptor, &world->settings);
    world_clear(&world->store);
}

static void put_policy(struct world *world, enum policy_type type, const char *body)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    const struct policy_change change = {.name = {{NULL}, type, NULL},
                                         .action = POLICY_PUT,
                                         .body = body,
                                         .expected_version = -1,
                                         .by = {"default", "u1", "ann", NULL, "test"}};
    policy_keeper_change(policies_keeper(world->hub.policies), &change, &changed, &errors, &error);
    g_assert_no_error(error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

/* The world begins at midnight. */
static void set_overlay_for_one_o_clock(struct world *world)
{
    put_policy(world, POLICY_SAFETY,
               "{\"overlays\":[{\"name\":\"night\",\"schedule\":[{\"from\":\"01:00\",\"to\":\"06:00\"}],"
               "\"config\":{\"loitering_seconds\":5}}]}");
}

/* What on_changed asked for; the policies' timers are others. */
static bool has_push_waiting(const struct world *world)
{
    return g_main_context_find_source_by_funcs_user_data(NULL, &g_idle_funcs, world->hub.policies) != NULL;
}

/* The turn that finds the overlay's hour asks for a push on the main loop; a stop may come before that. */
static void test_nothing_of_it_waits_on_the_loop_once_it_is_freed(void)
{
    struct world world;
    start(&world);
    set_overlay_for_one_o_clock(&world);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_assert_false(has_push_waiting(&world));
    clock_fake_advance_us(world.store.clock, HOUR_SECONDS * INT64_C(1000000));
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!has_push_waiting(&world) && g_get_monotonic_time() < until_us)
        g_main_context_iteration(NULL, TRUE); /* the policies' own timer ends the wait */
    g_assert_true(has_push_waiting(&world));
    const void *freed = world.hub.policies;
    policies_free(world.hub.policies);
    g_assert_null(g_main_context_find_source_by_user_data(NULL, (gpointer)(uintptr_t)freed));
    end(&world);
}

/* A preview comes now: whether the worker was told last to hide nobody. */
static bool preview_shows_people(struct world *world)
{
    enum { REFUSED_SECONDS = 3 }; /* those from before a change */
    struct live_preview preview;
    g_autoptr(GBytes) jpeg = g_bytes_new_static("JPEG", 4);
    clock_fake_advance_us(world->store.clock, REFUSED_SECONDS * INT64_C(1000000));
    live_set_preview(world->hub.live, "door", jpeg, 0, 1);
    g_assert_true(live_get_preview(world->hub.live, "door", &preview));
    g_bytes_unref(preview.jpeg);
    return preview.shows_people;
}

static void wait_until_previews(struct world *world, bool show_people)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (preview_shows_people(world) != show_people) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_main_context_iteration(NULL, FALSE);
    }
}

/* Pictures go by what their worker was told, not by what policies say since. */
static void test_h11_previews_know_what_their_worker_was_told(void)
{
    enum { QUEUE_BYTES = 1 << 20 };
    struct world world;
    int sockets[2];
    start(&world);
    struct camera camera;
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup("door");
    camera.source = g_strdup("rtsp://127.0.0.1/x");
    live_put_camera(world.hub.live, &camera);
    record_clear(&camera_descriptor, &camera);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets), ==, 0);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(world.hub.live);
    struct hub_worker worker = {.hub = &world.hub,
                                .id = (char *)"worker-1",
                                .held = g_ptr_array_new(),
                                .link = link_new(sockets[0], QUEUE_BYTES),
                                .has_said_hello = true};
    g_ptr_array_add(worker.held, (void *)(uintptr_t)camera_set_find(set, "door"));
    g_ptr_array_add(world.hub.workers, &worker);
    policies_tell_worker(world.hub.policies, &worker);
    g_assert_false(preview_shows_people(&world));
    put_policy(&world, POLICY_PRIVACY, "{\"face_blur_enabled\":false}");
    g_assert_false(preview_shows_people(&world)); /* nobody was told yet */
    wait_until_previews(&world, true);
    put_policy(&world, POLICY_PRIVACY, "{\"face_blur_enabled\":true}");
    g_assert_true(preview_shows_people(&world));
    wait_until_previews(&world, false);
    g_ptr_array_set_size(world.hub.workers, 0);
    policies_free(world.hub.policies);
    link_free(worker.link);
    close(sockets[1]);
    g_ptr_array_unref(worker.held);
    end(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hub_policies/nothing_of_it_waits_on_the_loop_once_it_is_freed",
                    test_nothing_of_it_waits_on_the_loop_once_it_is_freed);
    g_test_add_func("/hub_policies/h11_previews_know_what_their_worker_was_told",
                    test_h11_previews_know_what_their_worker_was_told);
    return g_test_run();
}
