/* What the hub's policies leave behind when they end. */
#include "../store/store_world.h"
#include "hub/hub_internal.h"

#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_SECONDS = 60, HOUR_SECONDS = 3600 };

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

/* The camera's worker, as its process is: what it is told it takes over when it comes to it. */
struct watching {
    struct world world;
    struct hub_worker worker;
    struct link *link; /* the process's end */
    struct camera camera;
};

static void watching_put_camera(struct watching *watching)
{
    live_put_camera(watching->world.hub.live, &watching->camera);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(watching->world.hub.live);
    g_ptr_array_set_size(watching->worker.held, 0);
    g_ptr_array_add(watching->worker.held, (gpointer)(uintptr_t)camera_ref(camera_set_find(set, "door")));
}

static void watching_start_process(struct watching *watching)
{
    enum { QUEUE_BYTES = 1 << 20 };
    int sockets[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets), ==, 0);
    link_free(watching->worker.link);
    link_free(watching->link);
    watching->worker.link = link_new(sockets[0], QUEUE_BYTES);
    watching->link = link_new(sockets[1], QUEUE_BYTES);
    policies_tell_worker(watching->world.hub.policies, &watching->worker);
}

static void watching_start(struct watching *watching)
{
    *watching = (struct watching){
        .worker = {
            .hub = &watching->world.hub, .id = (char *)"worker-1", .held = camera_array_new(), .has_said_hello = true}};
    start(&watching->world);
    record_init(&camera_descriptor, &watching->camera);
    watching->camera.id = g_strdup("door");
    watching->camera.source = g_strdup("rtsp://127.0.0.1/x");
    watching_put_camera(watching);
    g_ptr_array_add(watching->world.hub.workers, &watching->worker);
    watching_start_process(watching);
}

static void watching_end(struct watching *watching)
{
    g_ptr_array_set_size(watching->world.hub.workers, 0);
    policies_free(watching->world.hub.policies);
    link_free(watching->worker.link);
    link_free(watching->link);
    g_ptr_array_unref(watching->worker.held);
    record_clear(&camera_descriptor, &watching->camera);
    end(&watching->world);
}

/* Runs the hub until the process is told something, and reads it. */
static void watching_hear_config(struct watching *watching, struct camera_config *config)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    enum link_type type;
    const void *body;
    size_t length;
    while (!link_receive(watching->link, 0, &type, &body, &length, NULL)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_main_context_iteration(NULL, FALSE);
    }
    struct record_errors errors;
    record_errors_init(&errors);
    g_assert_cmpint(type, ==, LINK_CAMERA);
    g_assert_true(record_decode_json(&camera_config_descriptor, body, length, config, &errors));
    record_errors_clear(&errors);
}

/* The number of what it is told. */
static int64_t watching_hear(struct watching *watching, bool *hides_people, size_t *masks)
{
    struct camera_config config;
    watching_hear_config(watching, &config);
    int64_t telling = config.telling;
    *hides_people = config.privacy.face_blur_enabled;
    *masks = config.camera.zones.count;
    record_clear(&camera_config_descriptor, &config);
    return telling;
}

/* A picture made by this telling comes; then: 'p', one that shows people is shown, 'h' one in which they are hidden,
 * '-' none. */
static char shown_after(struct watching *watching, int64_t telling)
{
    struct live_preview preview;
    g_autoptr(GBytes) jpeg = g_bytes_new_static("JPEG", 4);
    live_set_preview(watching->world.hub.live, "door", telling, jpeg, 0, 1);
    if (!live_get_preview(watching->world.hub.live, "door", &preview))
        return '-';
    g_bytes_unref(preview.jpeg);
    return preview.shows_people ? 'p' : 'h';
}

/* Pictures go by what their worker went by when it made them, not by what it was told or what policies say since. */
static void test_h11_pictures_go_by_what_they_were_made_by(void)
{
    struct watching watching;
    bool hides_people;
    size_t masks;
    watching_start(&watching);
    int64_t first = watching_hear(&watching, &hides_people, &masks);
    g_assert_true(hides_people);
    g_assert_cmpint(shown_after(&watching, 0), ==, '-');
    g_assert_cmpint(shown_after(&watching, first), ==, 'h');
    put_policy(&watching.world, POLICY_PRIVACY, "{\"face_blur_enabled\":false}");
    g_assert_cmpint(shown_after(&watching, first), ==, 'h'); /* nobody was told yet */
    int64_t second = watching_hear(&watching, &hides_people, &masks);
    g_assert_false(hides_people);
    g_assert_cmpint(second, !=, first);
    g_assert_cmpint(shown_after(&watching, first), ==, '-'); /* late */
    g_assert_cmpint(shown_after(&watching, second), ==, 'p');
    put_policy(&watching.world, POLICY_PRIVACY, "{\"face_blur_enabled\":true}");
    g_assert_cmpint(shown_after(&watching, second), ==, 'p');
    int64_t third = watching_hear(&watching, &hides_people, &masks);
    g_assert_true(hides_people);
    clock_fake_advance_us(watching.world.store.clock, HOUR_SECONDS * INT64_C(1000000)); /* the model was busy */
    g_assert_cmpint(shown_after(&watching, second), ==, '-');
    g_assert_cmpint(shown_after(&watching, third), ==, 'h');
    watching_end(&watching);
}

static void put_mask(struct camera *camera)
{
    static const struct record_point corners[] = {{0, 0}, {1, 0}, {1, 1}};
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup("window");
    zone->kind = ZONE_PRIVACY_MASK;
    zone->polygon = (struct record_points){g_memdup2(corners, sizeof corners), G_N_ELEMENTS(corners)};
}

/* Masks hold for every role: a picture without a new one is nobody's. */
static void test_h11_no_picture_lacks_a_new_mask(void)
{
    struct watching watching;
    bool hides_people;
    size_t masks;
    watching_start(&watching);
    int64_t first = watching_hear(&watching, &hides_people, &masks);
    g_assert_cmpint(shown_after(&watching, first), ==, 'h');
    put_mask(&watching.camera);
    watching_put_camera(&watching);
    g_assert_cmpint(shown_after(&watching, first), ==, '-'); /* nobody was told yet */
    policies_see_cameras(watching.world.hub.policies);
    int64_t second = watching_hear(&watching, &hides_people, &masks);
    g_assert_cmpuint(masks, ==, 1);
    g_assert_cmpint(shown_after(&watching, first), ==, '-'); /* late */
    g_assert_cmpint(shown_after(&watching, second), ==, 'h');
    watching_end(&watching);
}

/* Another process is told anew, also where it is another worker's; who changes nothing has nothing told. */
static void test_h11_a_new_process_goes_by_what_it_is_told(void)
{
    struct watching watching;
    bool hides_people;
    size_t masks;
    watching_start(&watching);
    int64_t first = watching_hear(&watching, &hides_people, &masks);
    watching_start_process(&watching);
    int64_t second = watching_hear(&watching, &hides_people, &masks);
    g_assert_cmpint(shown_after(&watching, second), ==, 'h');
    policies_forget_camera(watching.world.hub.policies, "door");
    watching_start_process(&watching);
    int64_t third = watching_hear(&watching, &hides_people, &masks);
    g_assert_cmpint(shown_after(&watching, first), ==, '-');
    g_assert_cmpint(shown_after(&watching, second), ==, '-');
    g_assert_cmpint(shown_after(&watching, third), ==, 'h');
    watching_put_camera(&watching); /* as it was: nothing is told */
    g_assert_cmpint(shown_after(&watching, third), ==, '-');
    policies_see_cameras(watching.world.hub.policies);
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (shown_after(&watching, third) != 'h') {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_main_context_iteration(NULL, FALSE);
    }
    watching_end(&watching);
}

/* As settings that contradict themselves do: what the camera's policies come to cannot be put into them. */
static void watching_confuse(struct watching *watching)
{
    watching->world.settings.rules.settle_frames = 9;
    watching->world.settings.rules.settle_of_frames = 8;
}

/* Its worker leaves it and connects to it anew. */
static void watching_put_camera_with_password(struct watching *watching, const char *password)
{
    g_free(watching->camera.password);
    watching->camera.password = g_strdup(password);
    watching_put_camera(watching);
    policies_forget_camera(watching->world.hub.policies, "door");
    policies_see_cameras(watching->world.hub.policies);
}

/* It goes on by what was told of it, with its masks as they are now: its new connection, told nothing, would
 * have no frame analysed. */
static void test_h11_a_changed_password_keeps_what_was_told(void)
{
    struct watching watching;
    bool hides_people;
    size_t masks;
    watching_start(&watching);
    watching_hear(&watching, &hides_people, &masks);
    put_policy(&watching.world, POLICY_PRIVACY, "{\"face_blur_enabled\":false}");
    int64_t before = watching_hear(&watching, &hides_people, &masks);
    watching_confuse(&watching);
    put_mask(&watching.camera);
    watching_put_camera_with_password(&watching, "another");
    int64_t after = watching_hear(&watching, &hides_people, &masks);
    g_assert_false(hides_people);
    g_assert_cmpuint(masks, ==, 1);
    g_assert_cmpint(shown_after(&watching, before), ==, '-');
    g_assert_cmpint(shown_after(&watching, after), ==, 'p');
    watching_end(&watching);
}

static void hear_limits(struct watching *watching, double loitering_seconds, double analyse_fps, double tamper_seconds)
{
    struct camera_config config;
    watching_hear_config(watching, &config);
    const struct zone *zones = config.camera.zones.items;
    for (size_t i = 0; i < config.camera.zones.count; i++)
        g_assert_cmpfloat(zones[i].loitering_seconds, ==, loitering_seconds);
    g_assert_cmpfloat(config.camera.analyse_fps, ==, analyse_fps);
    g_assert_cmpfloat(config.camera.rules.tamper_seconds, ==, tamper_seconds);
    record_clear(&camera_config_descriptor, &config);
}

/* Also what they say of zones, rules and rates, which stands in the camera: of a zone that is new, too. */
static void test_h11_a_changed_password_keeps_what_policies_say_of_zones(void)
{
    struct watching watching;
    watching_start(&watching);
    const struct camera *camera = &watching.camera;
    hear_limits(&watching, 0, camera->analyse_fps, camera->rules.tamper_seconds);
    put_policy(&watching.world, POLICY_DETECTION, "{\"analyse_fps\":3}");
    hear_limits(&watching, 0, 3, camera->rules.tamper_seconds);
    put_policy(&watching.world, POLICY_SAFETY, "{\"loitering_seconds\":7,\"tamper_seconds\":11}");
    hear_limits(&watching, 7, 3, 11);
    watching_confuse(&watching);
    put_mask(&watching.camera);
    watching_put_camera_with_password(&watching, "another");
    hear_limits(&watching, 7, 3, 11);
    watching_end(&watching);
}

/* What was told of it was of another place. */
static void test_h11_a_camera_that_was_moved_is_not_told_what_held_before(void)
{
    struct watching watching;
    bool hides_people;
    size_t masks, length;
    enum link_type type;
    const void *body;
    watching_start(&watching);
    watching_hear(&watching, &hides_people, &masks);
    watching_confuse(&watching);
    g_free(watching.camera.site_id);
    watching.camera.site_id = g_strdup("back");
    watching_put_camera_with_password(&watching, "another");
    while (has_push_waiting(&watching.world))
        g_main_context_iteration(NULL, FALSE);
    g_assert_true(link_send(watching.worker.link, LINK_STOP, NULL, 0, NULL)); /* comes after all that was told */
    g_assert_true(link_receive(watching.link, DEADLINE_SECONDS * 1000, &type, &body, &length, NULL));
    g_assert_cmpint(type, ==, LINK_STOP);
    watching_end(&watching);
}

/* Its link is full: it goes by older words, and nothing made by those is shown. */
static void test_h11_who_cannot_be_told_shows_nothing(void)
{
    struct watching watching;
    bool hides_people;
    size_t masks;
    watching_start(&watching);
    int64_t first = watching_hear(&watching, &hides_people, &masks);
    g_assert_cmpint(shown_after(&watching, first), ==, 'h');
    g_clear_pointer(&watching.link, link_free); /* nobody reads any more */
    put_policy(&watching.world, POLICY_PRIVACY, "{\"face_blur_enabled\":false}");
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (shown_after(&watching, first) != '-') {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_main_context_iteration(NULL, FALSE);
    }
    watching_end(&watching);
}

/* Jobs run before files are read, and a new file may hold what retention would delete. */
static void test_g08_nothing_is_deleted_before_the_directory_was_read(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    g_autofree char *directory = g_dir_make_tmp("vedette-files-XXXXXX", NULL);
    start(&world);
    policies_free(world.hub.policies);
    world.settings.policies.directory = g_strdup(directory);
    world.hub.policies = policies_new(&world.hub, &error);
    g_assert_no_error(error);
    struct policy_keeper *keeper = policies_keeper(world.hub.policies);
    g_assert_false(policy_keeper_check_retention(keeper, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE);
    g_assert_true(policies_start_files(world.hub.policies, NULL));
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!policy_keeper_check_retention(keeper, NULL) && g_get_monotonic_time() < until_us)
        g_usleep(1000);
    g_assert_true(policy_keeper_check_retention(keeper, NULL));
    policies_free(world.hub.policies);
    end(&world);
    remove_directory(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hub_policies/nothing_of_it_waits_on_the_loop_once_it_is_freed",
                    test_nothing_of_it_waits_on_the_loop_once_it_is_freed);
    g_test_add_func("/hub_policies/h11_pictures_go_by_what_they_were_made_by",
                    test_h11_pictures_go_by_what_they_were_made_by);
    g_test_add_func("/hub_policies/h11_no_picture_lacks_a_new_mask", test_h11_no_picture_lacks_a_new_mask);
    g_test_add_func("/hub_policies/h11_a_new_process_goes_by_what_it_is_told",
                    test_h11_a_new_process_goes_by_what_it_is_told);
    g_test_add_func("/hub_policies/h11_a_changed_password_keeps_what_was_told",
                    test_h11_a_changed_password_keeps_what_was_told);
    g_test_add_func("/hub_policies/h11_a_changed_password_keeps_what_policies_say_of_zones",
                    test_h11_a_changed_password_keeps_what_policies_say_of_zones);
    g_test_add_func("/hub_policies/h11_a_camera_that_was_moved_is_not_told_what_held_before",
                    test_h11_a_camera_that_was_moved_is_not_told_what_held_before);
    g_test_add_func("/hub_policies/h11_who_cannot_be_told_shows_nothing", test_h11_who_cannot_be_told_shows_nothing);
    g_test_add_func("/hub_policies/g08_nothing_is_deleted_before_the_directory_was_read",
                    test_g08_nothing_is_deleted_before_the_directory_was_read);
    return g_test_run();
}
