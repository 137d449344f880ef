/* Rules about what the picture looks like: things left and taken, tampering; and falls. */
#include "analytics/rules_world.h"

/* ---- objects left and taken ---- */

static void world_with_region(struct world *world, struct picture_facts *picture, bool is_taken)
{
    world_init(world);
    world_zone(world)->left_seconds = world_zone(world)->taken_seconds = 10;
    /* a bag at the middle of the zone */
    *picture = (struct picture_facts){.region_count = 1, .mean_luma = 128};
    picture->regions[0] = (struct picture_region){1950, 2800, 200, 300, is_taken};
    world->picture = picture;
}

static void test_a_thing_that_stands_alone_is_told_once(void)
{
    for (int is_taken = 0; is_taken < 2; is_taken++) {
        struct world world;
        struct picture_facts picture;
        world_with_region(&world, &picture, is_taken);
        nobody(&world, 9);
        g_assert_cmpint(world.signals, ==, 0);
        nobody(&world, 60);
        g_assert_cmpint(world.signals, ==, 1);
        g_assert_cmpint(told(&world, is_taken ? "object_taken" : "object_left"), ==, 1);
        world_clear(&world);
    }
}

static void test_a_thing_at_the_lower_edge_is_in_the_zone_there(void)
{
    struct world world;
    struct picture_facts picture;
    world_with_region(&world, &picture, false);
    world_zone(&world)->polygon.items[2].y = world_zone(&world)->polygon.items[3].y = 1;
    picture.regions[0] = (struct picture_region){1950, PICTURE_BOX_ONE - 300, 200, 300, false};
    nobody(&world, 20);
    g_assert_cmpint(told(&world, "object_left"), ==, 1);
    world_clear(&world);
}

static void test_a_thing_with_its_owner_is_not_left(void)
{
    struct world world;
    struct picture_facts picture;
    world_with_region(&world, &picture, false);
    stand(&world, 1, 0.5, 0.78, 60);
    g_assert_cmpint(world.signals, ==, 0);
    nobody(&world, 9);
    g_assert_cmpint(world.signals, ==, 0);
    nobody(&world, 5); /* now the owner is gone */
    g_assert_cmpint(told(&world, "object_left"), ==, 1);
    world_clear(&world);
}

/* By whatever name a model has for them: a person who stands is no thing, and whom a thing is with. */
static void test_a_person_is_one_by_every_name(void)
{
    static const char *const names[] = {"person", "pedestrian", "dog"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        struct world world;
        struct picture_facts picture;
        struct observed_track standing = figure(1, 0.5, 0.8);
        standing.object_class = g_intern_string(names[i]);
        world_with_region(&world, &picture, false);
        picture.regions[0] = (struct picture_region){standing.x, standing.y, standing.w, standing.h, false};
        for (int j = 0; j < 600; j++)
            observe(&world, &standing, 1);
        g_assert_cmpint(world.signals, ==, 0);
        world_clear(&world);
    }
}

static void test_who_passes_by_does_not_attend(void)
{
    struct world world;
    struct picture_facts picture;
    world_with_region(&world, &picture, false);
    for (uint64_t id = 1; id <= 3; id++) {
        nobody(&world, 3);
        stand(&world, id, 0.5, 0.78, 1);
    }
    g_assert_cmpint(told(&world, "object_left"), ==, 1);
    world_clear(&world);
}

static void test_things_elsewhere_and_specks_are_not_told(void)
{
    struct world world;
    struct picture_facts picture;
    world_with_region(&world, &picture, false);
    picture.regions[0].y = 100;
    nobody(&world, 30);
    picture.regions[0] = (struct picture_region){1950, 2800, 60, 60, false};
    nobody(&world, 30);
    g_assert_cmpint(world.signals, ==, 0);
    world_clear(&world);
}

/* Pieces of a vehicle that parks for a moment, and of the next one in the same place: no thing. */
static void test_what_was_seen_for_a_moment_is_not_waited_for(void)
{
    struct world world;
    struct picture_facts picture;
    world_with_region(&world, &picture, false);
    for (int i = 0; i < 10; i++) {
        picture.region_count = 1;
        nobody(&world, 0.5);
        picture.region_count = 0;
        stand(&world, (uint64_t)i + 1, 0.5, 0.78, 2); /* hides it, and then it is gone */
        nobody(&world, 2);
    }
    g_assert_cmpint(world.signals, ==, 0);
    world_clear(&world);
}

/* Who walks past hides a thing that was known for some time; its clock runs on. */
static void test_a_thing_that_is_hidden_for_a_moment_is_still_there(void)
{
    struct world world;
    struct picture_facts picture;
    world_with_region(&world, &picture, false);
    nobody(&world, 6);
    picture.region_count = 0;
    stand(&world, 1, 0.5, 0.78, 2);
    picture.region_count = 1;
    nobody(&world, 3);
    g_assert_cmpint(told(&world, "object_left"), ==, 1);
    world_clear(&world);
}

/* How long a thing is waited for is no matter of how often one is told of somebody. */
static void test_no_cooldown_forgets_a_hidden_thing(void)
{
    for (int cooldown_seconds = 0; cooldown_seconds <= 60; cooldown_seconds += 60) {
        struct world world;
        struct picture_facts picture;
        world_with_region(&world, &picture, false);
        world.settings.rules.cooldown_seconds = cooldown_seconds;
        nobody(&world, 6);
        for (uint64_t id = 1; id <= 5; id++) {
            picture.region_count = 0;
            stand(&world, id, 0.5, 0.78, 2);
            picture.region_count = 1;
            nobody(&world, 12);
            g_assert_cmpint(told(&world, "object_left"), ==, 1); /* in its time, and once */
            g_assert_cmpint(world.told[0].media_us / G_USEC_PER_SEC, ==, 10);
        }
        world_clear(&world);
    }
}

static void drive(struct world *world, uint64_t id, double from_x, double to_x, double seconds)
{
    int frames = (int)(seconds * G_USEC_PER_SEC / FRAME_US);
    for (int i = 0; i < frames; i++) {
        struct observed_track track = figure(id, from_x + (to_x - from_x) * i / frames, 0.8);
        track.object_class = g_intern_static_string("motion");
        track.speed_x = (int16_t)((to_x - from_x) / seconds * OBSERVATION_SPEED_ONE);
        observe(world, &track, 1);
    }
}

static const double parked_x = 0.5, parked_y = 0.8;

/* What will stand where a vehicle parks, as track 2, is not seen yet. */
static void world_before_parking(struct world *world, struct picture_facts *picture)
{
    const struct observed_track parked = figure(2, parked_x, parked_y);
    world_with_region(world, picture, false);
    picture->region_count = 0;
    picture->regions[0] = (struct picture_region){parked.x, parked.y, parked.w, parked.h, false};
}

/* It stands there as track 2, for long enough to be a thing that was left: so many are told. */
static void park_and_count(struct world *world, int things)
{
    world->picture->region_count = 1;
    drive(world, 2, parked_x, parked_x, 60);
    g_assert_cmpint(told(world, "object_left"), ==, things);
    world_clear(world);
}

/* Without a model: the vehicle's track is lost while it brakes, and another begins where it stands. */
static void test_a_vehicle_that_brakes_is_no_thing_that_was_left(void)
{
    struct world world;
    struct picture_facts picture;
    world_before_parking(&world, &picture);
    drive(&world, 1, 0.2, 0.53, 0.8);
    nobody(&world, 0.5);
    park_and_count(&world, 0);
}

/* By the time its track is only held for its own id, another one that begins there did not come with it. */
static void test_a_vehicle_that_was_hidden_explains_no_other_thing(void)
{
    struct world world;
    struct picture_facts picture;
    world_before_parking(&world, &picture);
    drive(&world, 1, 0.2, 0.5, 0.8);
    drive(&world, 1, 0.5, 0.5, 1);
    hide(&world, 1, 0.5, 0.8, 5);
    struct observed_track tracks[] = {figure(1, parked_x, parked_y), figure(2, parked_x, parked_y)};
    tracks[0].is_lost = true;
    tracks[1].object_class = g_intern_static_string("motion");
    observe(&world, tracks, 2);
    park_and_count(&world, 1);
}

/* Nobody knows who was with it meanwhile, and who is there is followed anew. */
static void test_an_outage_is_no_time_alone(void)
{
    for (int has_owner = 0; has_owner < 2; has_owner++) {
        struct world world;
        struct picture_facts picture;
        struct observed_track tentative = figure(2, 0.5, 0.78);
        tentative.is_confirmed = false;
        world_with_region(&world, &picture, false);
        if (has_owner)
            stand(&world, 1, 0.5, 0.78, 20);
        else
            nobody(&world, 5);
        wait_for_frame(&world, 120);
        observe(&world, &tentative, has_owner);
        if (has_owner)
            stand(&world, 2, 0.5, 0.78, 20);
        nobody(&world, 9);
        g_assert_cmpint(world.signals, ==, 0);
        nobody(&world, 5);
        g_assert_cmpint(told(&world, "object_left"), ==, 1);
        world_clear(&world);
    }
}

/* ---- tampering ---- */

static void test_tampering_is_told_once_and_by_its_name(void)
{
    const struct picture_facts usual = {true, 120, 255, 255, 250, 0, {{0}}, 0};
    static const struct {
        struct picture_facts picture;
        const char *kind;
    } cases[] = {
        {{true, 10, 10, 10, 0, 0, {{0}}, 0}, "camera_dark"},
        {{true, 90, 20, 20, 10, 0, {{0}}, 0}, "camera_covered"},
        {{true, 120, 40, 200, 100, 0, {{0}}, 0}, "camera_blurred"},
        {{true, 120, 255, 255, 20, 0, {{0}}, 0}, "camera_moved"},
        {{true, 120, 255, 255, 250, 40 * 1000000, {{0}}, 0}, "camera_frozen"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world;
        struct picture_facts picture = usual;
        world_init(&world);
        world.picture = &picture;
        nobody(&world, 10);
        picture = cases[i].picture;
        nobody(&world, 60);
        g_assert_cmpint(world.signals, ==, 1);
        g_assert_cmpstr(world.told[0].kind, ==, cases[i].kind);
        g_assert_cmpstr(world.told[0].place, ==, "");
        picture = usual;
        nobody(&world, 20);
        picture = cases[i].picture;
        nobody(&world, 20);
        g_assert_cmpint(told(&world, cases[i].kind), ==, 2);
        world_clear(&world);
    }
}

static void test_a_hand_before_the_lens_for_a_moment_is_no_tampering(void)
{
    struct world world;
    struct picture_facts usual = {true, 120, 255, 255, 250, 0, {{0}}, 0}, covered = {true, 90, 20, 20, 10, 0, {{0}}, 0};
    world_init(&world);
    for (int i = 0; i < 10; i++) {
        world.picture = &covered;
        nobody(&world, 3);
        world.picture = &usual;
        nobody(&world, 3);
    }
    g_assert_cmpint(world.signals, ==, 0);
    world_clear(&world);
}

/* Too little for the view to be another one. */
static void test_a_picture_that_shifted_is_a_camera_moved(void)
{
    struct world world;
    struct picture_facts usual = {true, 120, 255, 255, 200, 0, {{0}}, 0};
    world_init(&world);
    world.picture = &usual;
    nobody(&world, 10);
    for (int i = 0; i < 20; i++) { /* and swings in the wind */
        world.is_camera_move = true;
        nobody(&world, 2);
    }
    g_assert_cmpint(world.signals, ==, 1);
    g_assert_cmpstr(world.told[0].kind, ==, "camera_moved");
    g_assert_cmpint(world.told[0].media_us, ==, 10 * G_USEC_PER_SEC);
    nobody(&world, 10);
    world.is_camera_move = true;
    nobody(&world, 10);
    g_assert_cmpint(told(&world, "camera_moved"), ==, 2);
    world_clear(&world);
}

static void test_who_covers_a_lens_and_shakes_it_is_told_of_once(void)
{
    struct world world;
    struct picture_facts covered = {true, 90, 20, 20, 10, 0, {{0}}, 0};
    world_init(&world);
    world.picture = &covered;
    for (int i = 0; i < 10; i++) {
        world.is_camera_move = true;
        nobody(&world, 2);
    }
    g_assert_cmpint(world.signals, ==, 1);
    g_assert_cmpstr(world.told[0].kind, ==, "camera_covered");
    world_clear(&world);
}

/* A camera that was away and comes back with one dark picture: its night mode changes, or its encoder begins. */
static void test_one_picture_after_an_outage_is_no_tampering(void)
{
    const struct picture_facts usual = {true, 120, 255, 255, 250, 0, {{0}}, 0}, dark = {true, 3, 0, 0, 0, 0, {{0}}, 0};
    for (double tamper_seconds = 0.5; tamper_seconds < 10; tamper_seconds *= 4) {
        struct world world;
        struct picture_facts picture = usual;
        world_init(&world);
        world.camera.rules.tamper_seconds = tamper_seconds;
        world.picture = &picture;
        nobody(&world, 10);
        world.media_us += 3600 * (int64_t)G_USEC_PER_SEC;
        picture = dark;
        nobody(&world, 0.1);
        g_assert_cmpint(world.signals, ==, 0);
        picture = usual;
        nobody(&world, 10);
        g_assert_cmpint(world.signals, ==, 0);
        picture = dark; /* and one that stays dark is told */
        world.media_us += 3600 * (int64_t)G_USEC_PER_SEC;
        nobody(&world, tamper_seconds + 1);
        g_assert_cmpint(told(&world, "camera_dark"), ==, 1);
        world_clear(&world);
    }
}

/* Key frames alone, as far apart as tampering must last, or further: one is not enough, some are. */
static void test_tampering_is_told_of_key_frames_far_apart(void)
{
    const struct picture_facts usual = {true, 120, 255, 255, 250, 0, {{0}}, 0}, dark = {true, 3, 0, 0, 0, 0, {{0}}, 0};
    struct world world;
    struct picture_facts picture = usual;
    world_init(&world);
    world.camera.rules.tamper_seconds = 3;
    world.picture = &picture;
    for (int i = 0; i < 12; i++, world.media_us += 10 * (int64_t)G_USEC_PER_SEC) {
        picture = i == 3 || i >= 6 ? dark : usual;
        nobody(&world, 0.1);
        g_assert_cmpint(world.signals, ==, i >= 8);
    }
    g_assert_cmpint(told(&world, "camera_dark"), ==, 1);
    world_clear(&world);
}

static void test_tampering_can_be_turned_off(void)
{
    struct world world;
    struct picture_facts dark = {true, 3, 0, 0, 0, 60 * 1000000, {{0}}, 0};
    world_init(&world);
    world.camera.rules.tamper_seconds = world.camera.rules.frozen_seconds = 0;
    world.picture = &dark;
    nobody(&world, 60);
    world.is_camera_move = true;
    nobody(&world, 1);
    g_assert_cmpint(world.signals, ==, 0);
    world_clear(&world);
}

/* ---- falls ---- */

static void lie(struct world *world, uint64_t id, double x, double y, double seconds)
{
    for (int i = 0; i < seconds * G_USEC_PER_SEC / FRAME_US; i++) {
        struct observed_track track = figure(id, x, y);
        track.x = (int16_t)(track.x + WIDTH / 2 - HEIGHT / 4);
        track.y = (int16_t)(track.y + HEIGHT - WIDTH);
        track.w = HEIGHT / 2;
        track.h = WIDTH;
        observe(world, &track, 1);
    }
}

static void test_falls_are_looked_for_only_when_asked(void)
{
    for (int seconds = 0; seconds <= 3; seconds += 3) {
        struct world world;
        world_init(&world);
        world.camera.rules.fall_seconds = seconds;
        walk(&world, 1, 0.3, 0.7, 0.5, 0.7, 3);
        lie(&world, 1, 0.5, 0.7, 6);
        g_assert_cmpint(told(&world, "fall"), ==, seconds ? 1 : 0);
        world_clear(&world);
    }
}

static void test_who_bends_for_a_moment_did_not_fall(void)
{
    struct world world;
    world_init(&world);
    world.camera.rules.fall_seconds = 3;
    for (int i = 0; i < 5; i++) {
        stand(&world, 1, 0.5, 0.7, 2);
        lie(&world, 1, 0.5, 0.7, 2);
    }
    lie(&world, 2, 0.2, 0.7, 10); /* who was never upright did not fall */
    g_assert_cmpint(world.signals, ==, 0);
    world_clear(&world);
}

/* Falls are looked for in the whole picture: the zones in it are none of its places. */
static void test_who_lies_goes_on_lying_when_a_zone_ends(void)
{
    struct world world;
    world_init(&world);
    world.camera.rules.fall_seconds = 3;
    nobody(&world, 20); /* time is far from its beginning by then */
    walk(&world, 1, 0.3, 0.7, 0.5, 0.7, 3);
    lie(&world, 1, 0.5, 0.7, 1);
    world_drop_zone(&world);
    g_assert_cmpint(world.exits, ==, 1);
    lie(&world, 1, 0.5, 0.7, 4);
    g_assert_cmpint(told(&world, "fall"), ==, 1);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rules/a thing that stands alone is told once", test_a_thing_that_stands_alone_is_told_once);
    g_test_add_func("/rules/a thing at the lower edge is in the zone there",
                    test_a_thing_at_the_lower_edge_is_in_the_zone_there);
    g_test_add_func("/rules/a thing with its owner is not left", test_a_thing_with_its_owner_is_not_left);
    g_test_add_func("/rules/a person is one by every name", test_a_person_is_one_by_every_name);
    g_test_add_func("/rules/who passes by does not attend", test_who_passes_by_does_not_attend);
    g_test_add_func("/rules/things elsewhere and specks are not told", test_things_elsewhere_and_specks_are_not_told);
    g_test_add_func("/rules/what was seen for a moment is not waited for",
                    test_what_was_seen_for_a_moment_is_not_waited_for);
    g_test_add_func("/rules/a thing that is hidden for a moment is still there",
                    test_a_thing_that_is_hidden_for_a_moment_is_still_there);
    g_test_add_func("/rules/no cooldown forgets a hidden thing", test_no_cooldown_forgets_a_hidden_thing);
    g_test_add_func("/rules/a vehicle that brakes is no thing that was left",
                    test_a_vehicle_that_brakes_is_no_thing_that_was_left);
    g_test_add_func("/rules/a vehicle that was hidden explains no other thing",
                    test_a_vehicle_that_was_hidden_explains_no_other_thing);
    g_test_add_func("/rules/an outage is no time alone", test_an_outage_is_no_time_alone);
    g_test_add_func("/rules/tampering is told once and by its name", test_tampering_is_told_once_and_by_its_name);
    g_test_add_func("/rules/a hand before the lens for a moment is no tampering",
                    test_a_hand_before_the_lens_for_a_moment_is_no_tampering);
    g_test_add_func("/rules/a picture that shifted is a camera moved", test_a_picture_that_shifted_is_a_camera_moved);
    g_test_add_func("/rules/who covers a lens and shakes it is told of once",
                    test_who_covers_a_lens_and_shakes_it_is_told_of_once);
    g_test_add_func("/rules/one picture after an outage is no tampering",
                    test_one_picture_after_an_outage_is_no_tampering);
    g_test_add_func("/rules/tampering is told of key frames far apart", test_tampering_is_told_of_key_frames_far_apart);
    g_test_add_func("/rules/tampering can be turned off", test_tampering_can_be_turned_off);
    g_test_add_func("/rules/falls are looked for only when asked", test_falls_are_looked_for_only_when_asked);
    g_test_add_func("/rules/who bends for a moment did not fall", test_who_bends_for_a_moment_did_not_fall);
    g_test_add_func("/rules/who lies goes on lying when a zone ends", test_who_lies_goes_on_lying_when_a_zone_ends);
    return g_test_run();
}
