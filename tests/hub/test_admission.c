/* Which cameras there is room for, while those that were let in are not measured yet; and for how long it is told. */
#include "hub/hub_internal.h"

#include "base/machine.h"
#include "directory.h"
#include "hub/admission.h"
#include "hub/arrival.h"

#include <string.h>
#include <unistd.h>

enum { SECOND_US = 1000000, LOOKS = 15 };

static enum admission_state all_are(void *data, const char *camera_id)
{
    (void)camera_id;
    return *(const enum admission_state *)data;
}

static void look(struct admission *admission, enum admission_state state, int times)
{
    for (int i = 0; i < times; i++)
        admission_look(admission, all_are, &state);
}

/* Two places are measured. What comes later costs nothing yet, and is counted all the same. */
static void test_cameras_added_a_second_apart_take_their_places(void)
{
    struct admission *admission = admission_new();
    g_assert_cmpint(admission_room(admission, -1), ==, -1);
    admission_let_in(admission, "a");
    look(admission, ADMISSION_WAITING, 1);
    g_assert_cmpint(admission_room(admission, 2), ==, 1);
    admission_let_in(admission, "b");
    look(admission, ADMISSION_WAITING, 100); /* while it gives no pictures it is not measured */
    g_assert_cmpint(admission_room(admission, 2), ==, 0);
    look(admission, ADMISSION_RUNNING, LOOKS - 1);
    g_assert_cmpint(admission_room(admission, 2), ==, 0);
    look(admission, ADMISSION_RUNNING, 1); /* from here on its cost is in the measure */
    g_assert_cmpint(admission_room(admission, 2), ==, 2);
    admission_let_in(admission, "c");
    look(admission, ADMISSION_GONE, 1);
    g_assert_cmpint(admission_room(admission, 2), ==, 2);
    admission_free(admission);
}

/* An address that never answers keeps nobody out for ever; once it answers it is counted until it is measured. */
static void test_a_camera_without_pictures_gives_its_place_back(void)
{
    struct admission *admission = admission_new();
    admission_let_in(admission, "dead");
    look(admission, ADMISSION_WAITING, ADMISSION_LOOKS_TO_WAIT - 1);
    g_assert_cmpint(admission_room(admission, 1), ==, 0);
    look(admission, ADMISSION_WAITING, 1);
    g_assert_cmpint(admission_room(admission, 1), ==, 1);
    look(admission, ADMISSION_RUNNING, 1);
    g_assert_cmpint(admission_room(admission, 1), ==, 0);
    look(admission, ADMISSION_WAITING, 1); /* between two pictures it is as any other */
    g_assert_cmpint(admission_room(admission, 1), ==, 0);
    look(admission, ADMISSION_RUNNING, LOOKS - 1);
    g_assert_cmpint(admission_room(admission, 1), ==, 1);
    admission_free(admission);
}

/* ---- in the hub ---- */

struct world {
    char *directory, *machine;
    int64_t busy_ticks, idle_ticks; /* of the machine, since its start */
    struct settings settings;
    struct clock *clock;
    struct hub hub;
};

static void add_camera(struct settings *settings, const char *id)
{
    struct camera *camera = record_list_append(&settings->cameras, &camera_descriptor);
    g_free(camera->id);
    camera->id = g_strdup(id);
    camera->source = g_strdup("rtsp://127.0.0.1/x");
}

/* What its kernel tells after one more second, of which it was busy or idle. */
static void pass_second(struct world *world, bool is_busy)
{
    enum { TICKS = 100 };
    *(is_busy ? &world->busy_ticks : &world->idle_ticks) += TICKS;
    g_autofree char *directory = g_build_filename(world->machine, "proc", NULL);
    g_autofree char *path = g_build_filename(directory, "stat", NULL);
    g_autofree char *text = g_strdup_printf("cpu  %" G_GINT64_FORMAT " 0 0 %" G_GINT64_FORMAT " 0 0 0 0\n",
                                            world->busy_ticks, world->idle_ticks);
    g_assert_cmpint(g_mkdir_with_parents(directory, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* What the run before left: `cameras` of which each took 0.35 of the machine, and others that took a share of it. A
 * machine is filled up to 0.8. */
static void remember(const struct world *world, const char *cameras, double others)
{
    struct machine machine;
    char camera_cores[G_ASCII_DTOSTR_BUF_SIZE], other_cores[G_ASCII_DTOSTR_BUF_SIZE];
    machine_detect(world->machine, &machine);
    g_ascii_dtostr(camera_cores, sizeof camera_cores, machine.cores * 0.35);
    g_ascii_dtostr(other_cores, sizeof other_cores, machine.cores * others);
    g_autofree char *path = g_build_filename(world->directory, "governor.json", NULL);
    g_autofree char *memory = g_strdup_printf(
        "{\"cameras\":[%s],\"camera_cores\":%s,\"camera_bytes\":1,\"other_cores\":%s,\"other_bytes\":0}", cameras,
        camera_cores, other_cores);
    g_assert_true(g_file_set_contents(path, memory, -1, NULL));
}

static void world_prepare(struct world *world, enum governor_admission admission)
{
    *world = (struct world){.directory = g_dir_make_tmp("vedette-admission-XXXXXX", NULL),
                            .clock = clock_fake_new(INT64_C(1750000000000))};
    world->machine = g_build_filename(world->directory, "machine", NULL);
    pass_second(world, false);
    record_init(&settings_descriptor, &world->settings);
    world->settings.governor.admission = admission;
    world->settings.workers.count = 1;
    add_camera(&world->settings, "known");
    add_camera(&world->settings, "new");
    add_camera(&world->settings, "one more");
    world->hub = (struct hub){
        .settings = &world->settings,
        .data_dir = world->directory,
        .clock = world->clock,
        .is_stopping = true, /* no worker is started */
        .live = live_new(&world->settings.cameras),
        .workers = g_ptr_array_new_with_free_func(hub_worker_free),
        .not_placed = camera_array_new(),
        .breaker_words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
}

static void world_begin(struct world *world)
{
    world->hub.governing = governing_new(&world->hub, world->machine);
    hub_place_cameras(&world->hub);
}

/* The run before left the camera "known", and room for one more. */
static void world_init(struct world *world, enum governor_admission admission)
{
    world_prepare(world, admission);
    remember(world, "\"known\"", 0);
    world_begin(world);
}

static void world_clear(struct world *world)
{
    while (g_main_context_iteration(NULL, FALSE))
        ;
    governing_free(world->hub.governing);
    g_ptr_array_unref(world->hub.workers);
    g_ptr_array_unref(world->hub.not_placed);
    g_hash_table_unref(world->hub.breaker_words);
    live_free(world->hub.live);
    record_clear(&settings_descriptor, &world->settings);
    clock_fake_free(world->clock);
    remove_directory(world->directory);
    g_free(world->directory);
    g_free(world->machine);
}

static void turn_while(struct world *world, bool is_busy)
{
    pass_second(world, is_busy);
    clock_fake_advance_us(world->clock, SECOND_US);
    governing_turn(world->hub.governing);
    hub_place_cameras(&world->hub);
}

static void turn(struct world *world)
{
    turn_while(world, false);
}

static bool is_watched(const struct world *world, const char *id)
{
    for (guint i = 0; i < world->hub.workers->len; i++)
        if (hub_worker_has_camera(g_ptr_array_index(world->hub.workers, i), id))
            return true;
    return false;
}

static void assert_told(const struct world *world, bool is_short)
{
    bool is_told;
    g_autofree char *text = live_get_capacity(world->hub.live, &is_told);
    g_assert_cmpint(strstr(text, "beyond the room") != NULL, ==, is_short);
    g_assert_cmpint(is_told, ==, is_short);
}

static void remove_camera(struct world *world, const char *id)
{
    live_remove_camera(world->hub.live, id);
    hub_place_cameras(&world->hub);
}

static void test_a_refused_camera_is_let_in_when_another_goes(void)
{
    struct world world;
    world_init(&world, ADMISSION_REFUSE);
    turn(&world);
    g_assert_true(is_watched(&world, "new"));
    g_assert_false(is_watched(&world, "one more"));
    assert_told(&world, true);
    remove_camera(&world, "new");
    turn(&world);
    g_assert_true(is_watched(&world, "one more"));
    turn(&world);
    turn(&world);
    assert_told(&world, false);
    world_clear(&world);
}

static void test_a_camera_without_room_is_told_until_it_goes(void)
{
    struct world world;
    world_init(&world, ADMISSION_WARN);
    turn(&world);
    g_assert_true(is_watched(&world, "one more"));
    assert_told(&world, true);
    remove_camera(&world, "one more");
    turn(&world);
    assert_told(&world, false);
    world_clear(&world);
}

/* While no camera runs nothing is measured, and an address that never answers keeps nobody out for ever all the same.
 */
static void test_a_camera_that_never_gave_a_picture_takes_no_room(void)
{
    struct world world;
    world_init(&world, ADMISSION_REFUSE);
    for (int i = 1; i < ADMISSION_LOOKS_TO_WAIT; i++)
        turn(&world);
    g_assert_true(is_watched(&world, "new"));
    g_assert_false(is_watched(&world, "one more"));
    turn(&world);
    turn(&world); /* let in at the one, placed at the other */
    g_assert_true(is_watched(&world, "one more"));
    world_clear(&world);
}

/* Two cameras filled the machine, and are no more: those that take their places are let in, as is the next one once one
 * of these goes. */
static void test_cameras_of_the_last_run_that_are_gone_take_no_room(void)
{
    struct world world;
    world_prepare(&world, ADMISSION_REFUSE);
    remember(&world, "\"gone\",\"gone too\"", 0);
    world_begin(&world);
    g_assert_true(is_watched(&world, "known"));
    g_assert_true(is_watched(&world, "new"));
    g_assert_false(is_watched(&world, "one more"));
    remove_camera(&world, "known");
    turn(&world);
    g_assert_true(is_watched(&world, "one more"));
    world_clear(&world);
}

/* While the store is away nobody knows which cameras there are besides the settings'. */
static void test_cameras_that_may_still_join_keep_their_room(void)
{
    struct world world;
    world_prepare(&world, ADMISSION_REFUSE);
    remember(&world, "\"known\",\"of the API\"", 0);
    world.hub.arrival = arrival_new(&world.hub);
    world_begin(&world);
    turn(&world);
    g_assert_false(is_watched(&world, "new"));
    g_clear_pointer(&world.hub.arrival, arrival_free);
    turn(&world);
    g_assert_true(is_watched(&world, "new"));
    world_clear(&world);
}

/* What others take is measured while no camera runs, and the last run's measure forgotten. */
static void test_what_others_take_now_counts(void)
{
    struct world world;
    world_prepare(&world, ADMISSION_REFUSE);
    remember(&world, "\"known\"", 0.3);
    world_begin(&world);
    turn(&world);
    g_assert_false(is_watched(&world, "new"));
    turn(&world);
    g_assert_true(is_watched(&world, "new"));
    g_assert_false(is_watched(&world, "one more"));
    for (int i = 0; i < 10; i++)
        turn_while(&world, true);
    remove_camera(&world, "new");
    turn_while(&world, true);
    g_assert_false(is_watched(&world, "one more"));
    world_clear(&world);
}

/* ---- the first run ---- */

static void give_picture(struct world *world, const char *id, int number)
{
    struct camera_health health = {.camera_id = (char *)(uintptr_t)id,
                                   .state = (char *)"online",
                                   .last_error = (char *)"",
                                   .frames_processed = number};
    live_set_health(world->hub.live, &health);
}

/* A second in which the camera gives a picture and the hub takes all there is. */
static void turn_filled_by(struct world *world, const char *id, int second)
{
    enum { TICKS = 100 };
    g_autofree char *directory = g_strdup_printf("%s/proc/%d", world->machine, (int)getpid());
    g_autofree char *path = g_build_filename(directory, "stat", NULL);
    g_autofree char *text = g_strdup_printf("1 (vedette) R 0 0 0 0 0 0 0 0 0 0 %d 0\n", second * TICKS);
    g_assert_cmpint(g_mkdir_with_parents(directory, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    give_picture(world, id, second);
    turn_while(world, true);
}

/* The run before left nothing; "known" alone is there, and fills the machine. */
static void world_init_filled(struct world *world)
{
    world_prepare(world, ADMISSION_REFUSE);
    live_set_clock(world->hub.live, world->clock);
    live_remove_camera(world->hub.live, "new");
    live_remove_camera(world->hub.live, "one more");
    world_begin(world);
    for (int second = 1; second <= LOOKS + 2; second++)
        turn_filled_by(world, "known", second);
}

static void add_again(struct world *world, size_t index)
{
    live_put_camera(world->hub.live, (const struct camera *)world->settings.cameras.items + index);
    hub_place_cameras(&world->hub);
}

/* Nothing is known then, of none that runs: one at a time is let in, though it never gives a picture. */
static void test_refused_cameras_of_the_first_run_are_let_in_when_the_others_go(void)
{
    struct world world;
    world_init_filled(&world);
    add_again(&world, 1);
    add_again(&world, 2);
    turn_filled_by(&world, "known", LOOKS + 3);
    g_assert_false(is_watched(&world, "new"));
    g_assert_false(is_watched(&world, "one more"));
    assert_told(&world, true);
    remove_camera(&world, "known");
    turn(&world);
    g_assert_true(is_watched(&world, "new"));
    for (int i = 1; i < ADMISSION_LOOKS_TO_WAIT; i++)
        turn(&world);
    g_assert_false(is_watched(&world, "one more"));
    turn(&world);
    turn(&world); /* let in at the one, placed at the other */
    g_assert_true(is_watched(&world, "one more"));
    world_clear(&world);
}

static void test_a_refusal_names_the_cameras_that_run(void)
{
    struct world world;
    struct camera_health health;
    world_init_filled(&world);
    add_again(&world, 1);
    g_assert_true(live_get_health(world.hub.live, "new", &health));
    g_assert_nonnull(strstr(health.last_error, "room for 0 new cameras like the 1 that run, and it is one more"));
    record_clear(&camera_health_descriptor, &health);
    world_clear(&world);
}

/* Two cameras fill the machine, and one of them is switched off for a moment. */
static void test_a_camera_that_is_switched_on_again_is_not_new(void)
{
    enum { SECONDS = 90 }; /* what cameras cost is kept each minute */
    struct world world;
    world_prepare(&world, ADMISSION_REFUSE);
    live_set_clock(world.hub.live, world.clock);
    live_remove_camera(world.hub.live, "one more");
    world_begin(&world);
    for (int second = 1; second <= SECONDS; second++) {
        give_picture(&world, "new", second);
        turn_filled_by(&world, "known", second);
    }
    remove_camera(&world, "new");
    turn_filled_by(&world, "known", SECONDS + 1);
    add_again(&world, 1);
    g_assert_true(is_watched(&world, "new"));
    add_again(&world, 2);
    g_assert_false(is_watched(&world, "one more"));
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/admission/cameras added a second apart take their places",
                    test_cameras_added_a_second_apart_take_their_places);
    g_test_add_func("/admission/a camera without pictures gives its place back",
                    test_a_camera_without_pictures_gives_its_place_back);
    g_test_add_func("/admission/a refused camera is let in when another goes",
                    test_a_refused_camera_is_let_in_when_another_goes);
    g_test_add_func("/admission/a camera without room is told until it goes",
                    test_a_camera_without_room_is_told_until_it_goes);
    g_test_add_func("/admission/a camera that never gave a picture takes no room",
                    test_a_camera_that_never_gave_a_picture_takes_no_room);
    g_test_add_func("/admission/cameras of the last run that are gone take no room",
                    test_cameras_of_the_last_run_that_are_gone_take_no_room);
    g_test_add_func("/admission/cameras that may still join keep their room",
                    test_cameras_that_may_still_join_keep_their_room);
    g_test_add_func("/admission/what others take now counts", test_what_others_take_now_counts);
    g_test_add_func("/admission/refused cameras of the first run are let in when the others go",
                    test_refused_cameras_of_the_first_run_are_let_in_when_the_others_go);
    g_test_add_func("/admission/a refusal names the cameras that run", test_a_refusal_names_the_cameras_that_run);
    g_test_add_func("/admission/a camera that is switched on again is not new",
                    test_a_camera_that_is_switched_on_again_is_not_new);
    return g_test_run();
}
