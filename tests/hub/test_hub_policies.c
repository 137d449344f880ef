/* What the hub's policies leave behind when they end. */
#include "../store/store_world.h"
#include "hub/hub_internal.h"

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

/* The world begins at midnight. */
static void set_overlay_for_one_o_clock(struct world *world)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    record_errors_init(&errors);
    const struct policy_change change = {
        .name = {{NULL}, POLICY_SAFETY, NULL},
        .action = POLICY_PUT,
        .body = "{\"overlays\":[{\"name\":\"night\",\"schedule\":[{\"from\":\"01:00\",\"to\":\"06:00\"}],"
                "\"config\":{\"loitering_seconds\":5}}]}",
        .expected_version = -1,
        .by = {"default", "u1", "ann", NULL, "test"}};
    policy_keeper_change(policies_keeper(world->hub.policies), &change, &changed, &errors, &error);
    g_assert_no_error(error);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hub_policies/nothing_of_it_waits_on_the_loop_once_it_is_freed",
                    test_nothing_of_it_waits_on_the_loop_once_it_is_freed);
    return g_test_run();
}
