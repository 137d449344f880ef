/* Overload: what is left out, in which order, and how it comes back. Measures and times are the test's. */
#include "hub/governor.h"

#include <glib.h>
#include <string.h>

enum { SECOND_US = 1000000 };

struct world {
    struct governor governor;
    struct governor_settings settings;
    struct governor_measures measures;
    int64_t now_us;
    GString *levels; /* "1 2 3": every level that was reached */
};

static struct world begin(void)
{
    struct world world = {.now_us = SECOND_US, .levels = g_string_new(NULL)};
    record_init(&governor_settings_descriptor, &world.settings);
    return world;
}

static void end(struct world *world)
{
    g_string_free(world->levels, TRUE);
}

static void pass(struct world *world, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        enum governor_level before = world->governor.level;
        governor_turn(&world->governor, &world->settings, &world->measures, world->now_us);
        if (world->governor.level != before)
            g_string_append_printf(world->levels, "%s%d", world->levels->len ? " " : "", (int)world->governor.level);
        world->now_us += SECOND_US;
    }
}

static const struct governor_measures calm = {.cpu_share = 0.4, .memory_share = 0.4, .frame_age_ms = 60},
                                      late_frames = {.cpu_share = 1, .late_share = 0.3, .frame_age_ms = 400};

static void assert_order(const struct world *world, double quiet_scale, double all_scale, bool has_previews)
{
    struct governor_order order;
    governor_order(&world->governor, &world->settings, &order);
    g_assert_cmpfloat(order.quiet_scale, ==, quiet_scale);
    g_assert_cmpfloat(order.all_scale, ==, all_scale);
    g_assert_cmpint(order.has_previews, ==, has_previews);
}

static void test_calm_stays_calm(void)
{
    struct world world = begin();
    world.measures = calm;
    pass(&world, 3600);
    g_assert_cmpstr(world.levels->str, ==, "");
    g_assert_false(world.governor.is_overloaded);
    assert_order(&world, 1, 1, true);
    end(&world);
}

static void test_it_sheds_in_order_and_comes_back_in_order(void)
{
    struct world world = begin();
    world.measures = late_frames;
    pass(&world, 10);
    g_assert_cmpstr(world.levels->str, ==, ""); /* a moment is no overload */
    pass(&world, 1);
    g_assert_cmpstr(world.levels->str, ==, "1");
    g_assert_true(world.governor.is_overloaded);
    g_assert_cmpuint(world.governor.hot, ==, 1U << GOVERNOR_CPU);
    assert_order(&world, 0.4, 1, true);
    pass(&world, 10);
    assert_order(&world, 0.4, 0.5, true);
    pass(&world, 10);
    assert_order(&world, 0.4, 0.5, false);
    pass(&world, 600);
    g_assert_cmpstr(world.levels->str, ==, "1 2 3"); /* there is nothing more: records are never left out */
    world.measures = calm;
    pass(&world, 200);
    g_assert_cmpstr(world.levels->str, ==, "1 2 3 2 1 0");
    g_assert_false(world.governor.is_overloaded);
    assert_order(&world, 1, 1, true);
    end(&world);
}

static void test_one_step_that_helps_is_all(void)
{
    struct world world = begin();
    world.measures = late_frames;
    pass(&world, 11);
    world.measures.late_share = 0; /* busy, but it keeps up: neither hot nor calm */
    pass(&world, 1000);
    g_assert_cmpstr(world.levels->str, ==, "1");
    end(&world);
}

/* Memory rests between its marks, where shedding leaves it: it was no reason to shed, and is none to go on. */
static void test_what_was_never_too_much_holds_nothing_up(void)
{
    struct world world = begin();
    world.measures = late_frames;
    world.measures.memory_share = 0.9;
    pass(&world, 21);
    g_assert_cmpstr(world.levels->str, ==, "1 2");
    world.measures = calm;
    world.measures.memory_share = 0.9;
    pass(&world, 200);
    g_assert_cmpstr(world.levels->str, ==, "1 2 1 0");
    g_assert_false(world.governor.is_overloaded);
    end(&world);
}

/* What was: it must come down to its low mark, and is forgotten once nothing is left out. */
static void test_what_was_too_much_comes_down_to_its_low_mark(void)
{
    struct world world = begin();
    world.measures = calm;
    world.measures.memory_share = 0.95;
    pass(&world, 11);
    world.measures.memory_share = 0.9;
    pass(&world, 1000);
    g_assert_cmpstr(world.levels->str, ==, "1");
    world.measures.memory_share = 0.85;
    pass(&world, 100);
    g_assert_cmpstr(world.levels->str, ==, "1 0");
    world.measures = late_frames;
    world.measures.memory_share = 0.9;
    pass(&world, 11);
    world.measures = calm;
    world.measures.memory_share = 0.9;
    pass(&world, 200);
    g_assert_cmpstr(world.levels->str, ==, "1 0 1 0");
    end(&world);
}

/* Nor is what became too much only when all that can be left out was. */
static void test_what_is_too_much_at_the_last_level_comes_down_too(void)
{
    struct world world = begin();
    world.measures = late_frames;
    pass(&world, 100);
    g_assert_cmpint(world.governor.level, ==, GOVERNOR_LEVELS - 1);
    world.measures.memory_share = 0.95;
    pass(&world, 10);
    world.measures = calm;
    world.measures.memory_share = 0.9;
    pass(&world, 1000);
    g_assert_cmpint(world.governor.level, ==, GOVERNOR_LEVELS - 1);
    world.measures.memory_share = 0.85;
    pass(&world, 1000);
    g_assert_cmpint(world.governor.level, ==, GOVERNOR_CALM);
    end(&world);
}

static void test_a_busy_cpu_that_keeps_up_is_no_overload(void)
{
    struct world world = begin();
    world.measures = (struct governor_measures){.cpu_share = 1, .late_share = 0.01, .frame_age_ms = 100};
    pass(&world, 1000);
    g_assert_false(world.governor.is_overloaded);
    end(&world);
}

static void test_spikes_are_no_overload(void)
{
    struct world world = begin();
    for (int i = 0; i < 100; i++) {
        world.measures = late_frames;
        pass(&world, 8);
        world.measures = calm;
        pass(&world, 2);
    }
    g_assert_cmpstr(world.levels->str, ==, "");
    end(&world);
}

/* Shedding makes it calm, which brings it back: each time it waits longer. */
static void test_it_does_not_swing(void)
{
    struct world world = begin();
    for (int i = 0; i < 3600; i++) {
        world.measures = world.governor.level == GOVERNOR_CALM ? late_frames : calm;
        pass(&world, 1);
    }
    int steps = (int)(strlen(world.levels->str) + 1) / 2;
    g_assert_cmpint(steps, <=, 24);
    g_assert_cmpint(steps, >=, 8);
    end(&world);
}

static void test_each_resource_counts(void)
{
    static const struct {
        struct governor_measures measures;
        enum governor_resource resource;
        int level;
    } cases[] = {
        {{.memory_share = 0.95}, GOVERNOR_MEMORY, 1},
        {{.queue_share = 0.9}, GOVERNOR_QUEUE, 1},
        {{.frame_age_ms = 2000}, GOVERNOR_FRAME_AGE, 1},
        {{.disk_want = 2}, GOVERNOR_DISK, 0}, /* told; analysing less would free nothing */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world = begin();
        world.measures = cases[i].measures;
        pass(&world, 12);
        g_assert_true(world.governor.is_overloaded);
        g_assert_cmpint((int)world.governor.level, ==, cases[i].level);
        g_assert_cmpuint(world.governor.hot, ==, 1U << cases[i].resource);
        world.measures = calm;
        pass(&world, 60);
        g_assert_false(world.governor.is_overloaded);
        end(&world);
    }
}

static void test_told_and_not_shed_where_the_settings_say_so(void)
{
    struct world world = begin();
    world.settings.shed = false;
    world.measures = late_frames;
    pass(&world, 100);
    g_assert_true(world.governor.is_overloaded);
    assert_order(&world, 1, 1, true);
    end(&world);
}

/* Eleven seconds too much and one not, ten times; then nothing. */
static int times_told(bool sheds, const struct governor_measures *hot)
{
    struct world world = begin();
    int times = 0;
    bool was_overloaded = false;
    world.settings.shed = sheds;
    for (int second = 0; second < 200; second++) {
        world.measures = second < 120 && second % 12 < 11 ? *hot : calm;
        pass(&world, 1);
        times += world.governor.is_overloaded && !was_overloaded;
        was_overloaded = world.governor.is_overloaded;
    }
    g_assert_false(world.governor.is_overloaded);
    end(&world);
    return times;
}

static void test_what_swings_is_told_once(void)
{
    static const struct governor_measures low_disk = {.disk_want = 1.01};
    g_assert_cmpint(times_told(false, &late_frames), ==, 1);
    g_assert_cmpint(times_told(true, &low_disk), ==, 1);
}

/* What is told only comes down to its low mark, too, and rests there: the disk when a tenth more is free. */
static void test_what_is_told_only_comes_down_to_its_low_mark(void)
{
    static const struct {
        struct governor_measures hot, between, low;
    } cases[] = {
        {{.disk_want = 1.01}, {.disk_want = 1}, {.disk_want = 0.9}},
        {{.memory_share = 0.95}, {.memory_share = 0.9}, {.memory_share = 0.85}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct world world = begin();
        world.settings.shed = false;
        world.measures = cases[i].hot;
        pass(&world, 11);
        world.measures = cases[i].between;
        pass(&world, 1000);
        g_assert_true(world.governor.is_overloaded);
        world.measures = cases[i].low;
        pass(&world, 30);
        g_assert_true(world.governor.is_overloaded);
        pass(&world, 1);
        g_assert_false(world.governor.is_overloaded);
        world.measures = cases[i].between; /* it was not too much since */
        pass(&world, 100);
        g_assert_false(world.governor.is_overloaded);
        end(&world);
    }
}

/* A disk that is low holds up none of the steps, which were not for it, and is told until it is not. */
static void test_a_low_disk_holds_no_step_up(void)
{
    struct world world = begin();
    world.measures = late_frames;
    world.measures.disk_want = 2;
    pass(&world, 21);
    world.measures = calm;
    world.measures.disk_want = 0.95;
    pass(&world, 200);
    g_assert_cmpstr(world.levels->str, ==, "1 2 1 0");
    g_assert_true(world.governor.is_overloaded);
    world.measures = calm;
    pass(&world, 31);
    g_assert_false(world.governor.is_overloaded);
    end(&world);
}

static void test_room(void)
{
    struct world world = begin();
    struct governor_load load = {.cores = 4,
                                 .used_cores = 2,
                                 .camera_cores = 0.2,
                                 .memory_bytes = INT64_C(8000000000),
                                 .used_bytes = INT64_C(2000000000),
                                 .camera_bytes = 20000000};
    g_assert_cmpint(governor_room(&world.settings, &load), ==, 6); /* 4 * 0.8 - 2 = 1.2 cores */
    load.camera_bytes = INT64_C(1600000000);
    g_assert_cmpint(governor_room(&world.settings, &load), ==, 3); /* 8 * 0.85 - 2 = 4.8 GB */
    load.used_cores = 3.9;
    g_assert_cmpint(governor_room(&world.settings, &load), ==, 0);
    load.camera_cores = 0; /* no camera runs */
    g_assert_cmpint(governor_room(&world.settings, &load), ==, -1);
    end(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/governor/calm stays calm", test_calm_stays_calm);
    g_test_add_func("/governor/it sheds in order and comes back in order",
                    test_it_sheds_in_order_and_comes_back_in_order);
    g_test_add_func("/governor/one step that helps is all", test_one_step_that_helps_is_all);
    g_test_add_func("/governor/what was never too much holds nothing up",
                    test_what_was_never_too_much_holds_nothing_up);
    g_test_add_func("/governor/what was too much comes down to its low mark",
                    test_what_was_too_much_comes_down_to_its_low_mark);
    g_test_add_func("/governor/what is too much at the last level comes down too",
                    test_what_is_too_much_at_the_last_level_comes_down_too);
    g_test_add_func("/governor/a busy CPU that keeps up is no overload", test_a_busy_cpu_that_keeps_up_is_no_overload);
    g_test_add_func("/governor/spikes are no overload", test_spikes_are_no_overload);
    g_test_add_func("/governor/it does not swing", test_it_does_not_swing);
    g_test_add_func("/governor/each resource counts", test_each_resource_counts);
    g_test_add_func("/governor/told and not shed where the settings say so",
                    test_told_and_not_shed_where_the_settings_say_so);
    g_test_add_func("/governor/what swings is told once", test_what_swings_is_told_once);
    g_test_add_func("/governor/what is told only comes down to its low mark",
                    test_what_is_told_only_comes_down_to_its_low_mark);
    g_test_add_func("/governor/a low disk holds no step up", test_a_low_disk_holds_no_step_up);
    g_test_add_func("/governor/room", test_room);
    return g_test_run();
}
