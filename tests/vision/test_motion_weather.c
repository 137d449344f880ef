/* What is no movement, though the picture changes: light, weather, leaves, burnt-in clocks, a camera that is knocked
 * against; and what is movement, though it hardly changes the picture. Each with the setting that does it, and without.
 */
#include "record/box.h"
#include "scene/scene.h"
#include "vision/vision.h"

#include <math.h>
#include <string.h>

struct watch {
    struct scene *scene;
    struct motion *motion;
    struct detections *objects;
    struct motion_settings settings;
    struct motion_scene seen;
    uint64_t next;
    /* since watch_init or watch_reset */
    int frames_with_objects, objects_seen, light_changes, camera_moves, weather_frames, learning_frames;
};

static void watch_init(struct watch *watch, const char *uri, void (*change)(struct motion_settings *settings))
{
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    if (change)
        change(&settings.motion);
    *watch = (struct watch){.scene = scene_new_from_uri(uri, NULL),
                            .motion = motion_new(&settings.motion),
                            .objects = g_new0(struct detections, 1)};
    g_assert_nonnull(watch->scene);
    watch->settings = settings.motion;
    record_clear(&settings_descriptor, &settings);
}

static void watch_run(struct watch *watch, int frames)
{
    for (int i = 0; i < frames; i++) {
        CLEANUP(frame) struct frame *frame = scene_render(watch->scene, watch->next++);
        motion_update(watch->motion, frame, watch->objects, &watch->seen);
        watch->frames_with_objects += watch->objects->count > 0;
        watch->objects_seen += watch->objects->count;
        watch->light_changes += watch->seen.is_light_change;
        watch->camera_moves += watch->seen.is_camera_move;
        watch->weather_frames += watch->seen.is_weather;
        watch->learning_frames += watch->seen.is_learning;
    }
}

static void watch_reset(struct watch *watch)
{
    watch->frames_with_objects = watch->objects_seen = watch->light_changes = watch->camera_moves = 0;
    watch->weather_frames = watch->learning_frames = 0;
}

static void watch_clear(struct watch *watch)
{
    scene_free(watch->scene);
    motion_free(watch->motion);
    g_free(watch->objects);
}

/* Objects seen in `frames` frames after `before`, each counted in every frame. */
static int objects_after(const char *uri, void (*change)(struct motion_settings *settings), int before, int frames)
{
    struct watch watch;
    watch_init(&watch, uri, change);
    watch_run(&watch, before);
    watch_reset(&watch);
    watch_run(&watch, frames);
    int found = watch.objects_seen;
    g_test_message("%s: %d objects in %d frames; weather in %d, light changed %d, camera moved %d, restless %.3f", uri,
                   found, frames, watch.weather_frames, watch.light_changes, watch.camera_moves,
                   watch.seen.restless_share);
    watch_clear(&watch);
    return found;
}

static void without_contrast(struct motion_settings *settings)
{
    settings->normalises_contrast = false;
}

static void with_restless(struct motion_settings *settings)
{
    settings->ignores_restless = true;
}

static void without_weather(struct motion_settings *settings)
{
    settings->damps_weather = false;
}

/* So keenly that the few edges of a bare room count. */
static void without_moves(struct motion_settings *settings)
{
    settings->sensitivity = 0.9;
    settings->finds_camera_moves = false;
}

/* Someone in dark clothes, under the clock's digits, which cameras burn in last. */
static void paint_walker(struct frame *frame, const struct record_box *box)
{
    enum { DIGITS = 225, CLOTHES = 45 };
    int left = MAX((int)(box->x * frame->width_px), 0), right = (int)((box->x + box->w) * frame->width_px);
    for (int y = (int)(box->y * frame->height_px); y < (int)((box->y + box->h) * frame->height_px); y++) {
        uint8_t *row = frame_plane(frame, 0) + y * frame->strides_bytes[0];
        for (int x = left; x < MIN(right, frame->width_px); x++)
            row[x] = row[x] > DIGITS ? row[x] : CLOTHES;
    }
}

static bool is_seen(const struct watch *watch, const struct record_box *box)
{
    static const double enough = 0.3; /* his head may be lost behind the digits */
    for (int i = 0; i < watch->objects->count; i++)
        if (box_iou(&watch->objects->items[i].box, box) > enough)
            return true;
    return false;
}

/* From the left to the right, through the place of the clock; how many of `frames` he was seen in. */
static int walk_through(struct watch *watch, int frames)
{
    int seen = 0;
    for (int i = 0; i < frames; i++) {
        const struct record_box box = {0.5 + 0.4 * i / frames, 0.03, 0.06, 0.3};
        CLEANUP(frame) struct frame *frame = scene_render(watch->scene, watch->next++);
        paint_walker(frame, &box);
        motion_update(watch->motion, frame, watch->objects, &watch->seen);
        seen += is_seen(watch, &box);
    }
    return seen;
}

static void test_a_clock_is_ignored_and_who_walks_through_it_is_seen(void)
{
    static const char clock[] = "scene://empty?seed=4&fault=clock@2";
    enum { WALKS = 3, FRAMES = 40, BETWEEN = 100 };
    struct watch watch;
    g_assert_cmpint(objects_after(clock, NULL, 60, 300), >, 300); /* without the setting it is somebody */
    watch_init(&watch, clock, with_restless);
    watch_run(&watch, 1500);
    g_assert_cmpfloat(watch.seen.restless_share, >, 0.01);
    for (int walk = 0; walk < WALKS; walk++) {
        watch_reset(&watch);
        watch_run(&watch, BETWEEN);
        g_assert_cmpint(watch.objects_seen, ==, 0);
        int seen = walk_through(&watch, FRAMES);
        g_test_message("walk %d: seen in %d of %d frames", walk, seen, FRAMES);
        g_assert_cmpint(seen, >=, FRAMES * 3 / 4);
    }
    watch_clear(&watch);
}

/* How much of a box previews hide as moving; or also as a place of which nobody knows who is there. */
static double hidden_share(struct watch *watch, const struct record_box *box, bool with_absorbed)
{
    int width, height, hidden = 0, count = 0;
    const uint8_t *mask = motion_hidden(watch->motion, with_absorbed, &width, &height);
    for (int y = (int)(box->y * height) + 1; y < (int)((box->y + box->h) * height); y++)
        for (int x = (int)(box->x * width) + 1; x < (int)((box->x + box->w) * width); x++, count++)
            hidden += mask[y * width + x] == 255;
    return (double)hidden / count;
}

/* Somebody is there with this frame, at once. */
static void step_in(struct watch *watch, const struct record_box *box)
{
    CLEANUP(frame) struct frame *frame = scene_render(watch->scene, watch->next++);
    paint_walker(frame, box);
    motion_update(watch->motion, frame, watch->objects, &watch->seen);
}

/* In the very frame, and in each in which they are elsewhere: what is no object yet may be somebody. */
static void test_who_steps_into_the_rain_is_hidden(void)
{
    struct watch watch;
    watch_init(&watch, "scene://empty?seed=4&fault=rain@2", NULL);
    watch_run(&watch, 100);
    for (int i = 0; i < 5; i++) {
        const struct record_box box = {0.1 + 0.15 * i, 0.3, 0.06, 0.3};
        step_in(&watch, &box);
        g_assert_true(watch.seen.is_weather);
        g_test_message("in the rain: %.2f hidden", hidden_share(&watch, &box, false));
        g_assert_cmpfloat(hidden_share(&watch, &box, false), >, 0.9);
    }
    watch_clear(&watch);
}

static void test_who_steps_before_a_clock_that_is_ignored_is_hidden(void)
{
    static const struct record_box box = {0.7, 0.03, 0.06, 0.3};
    enum { LONG = 600 };
    struct watch watch;
    watch_init(&watch, "scene://empty?seed=4&fault=clock@2", with_restless);
    watch_run(&watch, 1500);
    g_assert_cmpfloat(hidden_share(&watch, &box, false), <, 0.3);
    step_in(&watch, &box);
    g_test_message("before the clock: %.2f hidden", hidden_share(&watch, &box, false));
    g_assert_cmpfloat(hidden_share(&watch, &box, false), >, 0.8); /* but for digits, which lie over them */
    for (int i = 0; i < LONG; i++)
        step_in(&watch, &box);
    g_test_message("... at last: %.2f hidden", hidden_share(&watch, &box, true));
    g_assert_cmpfloat(hidden_share(&watch, &box, true), >, 0.9);
    watch_clear(&watch);
}

/* Switched off in the midst of it, it is over: what moves is seen and hidden as ever. */
static void test_what_is_no_longer_ignored_is_hidden_as_it_moves(void)
{
    static const struct record_box box = {0.7, 0.03, 0.06, 0.3};
    struct watch watch;
    watch_init(&watch, "scene://empty?seed=4&fault=clock@2", with_restless);
    watch_run(&watch, 1500);
    g_assert_cmpfloat(watch.seen.restless_share, >, 0.01);
    watch.settings.ignores_restless = watch.settings.damps_weather = false;
    motion_configure(watch.motion, &watch.settings);
    step_in(&watch, &box);
    g_assert_cmpfloat(watch.seen.restless_share, ==, 0);
    g_assert_cmpfloat(hidden_share(&watch, &box, false), >, 0.8);
    watch_clear(&watch);
}

/* Somebody steps in for a moment, each 40 s: that is no place without rest. Seen once a second. */
static void test_a_doorway_is_no_place_without_rest(void)
{
    static const struct record_box doorway = {0.7, 0.3, 0.06, 0.3};
    enum { SECONDS = 800, EACH_SECONDS = 40 };
    struct watch watch;
    watch_init(&watch, "scene://empty?seed=4&fps=1", with_restless);
    for (int i = 1; i <= SECONDS; i++)
        if (i % EACH_SECONDS == 0)
            step_in(&watch, &doorway);
        else
            watch_run(&watch, 1);
    g_assert_cmpfloat(watch.seen.restless_share, ==, 0);
    watch_clear(&watch);
}

static void test_leaves_are_damped(void)
{
    static const char leaves[] = "scene://empty?seed=4&fault=leaves@0";
    static const char swaying[] = "scene://empty?seed=7&fault=leaves@0"; /* one alone, by as much as it is large */
    g_assert_cmpint(objects_after(leaves, with_restless, 1500, 300), <=, 3);
    g_assert_cmpint(objects_after(swaying, with_restless, 1500, 300), <=, 3);
    g_assert_cmpint(objects_after(leaves, NULL, 60, 300), >, 300);
}

static void test_rain_is_nobody(void)
{
    static const char rain[] = "scene://empty?seed=4&fault=rain@2";
    g_assert_cmpint(objects_after(rain, NULL, 60, 300), <=, 3);
    g_assert_cmpint(objects_after(rain, without_weather, 60, 300), >, 30);
}

static void test_people_are_found_in_the_rain(void)
{
    int dry = objects_after("scene://shop?seed=4", NULL, 60, 400);
    int wet = objects_after("scene://shop?seed=4&fault=rain@2", NULL, 60, 400);
    g_assert_cmpint(wet, >, dry * 3 / 4);
}

static void test_people_are_found_in_haze(void)
{
    static const char haze[] = "scene://shop?seed=4&fault=haze@0";
    int clear = objects_after("scene://shop?seed=4", NULL, 60, 400);
    int found = objects_after(haze, NULL, 60, 400), lost = objects_after(haze, without_contrast, 60, 400);
    g_assert_cmpint(found, >, clear * 9 / 10);
    g_assert_cmpint(lost, <, found * 9 / 10);
    g_assert_cmpint(objects_after("scene://empty?seed=4&fault=haze@0", NULL, 60, 300), <=, 3);
}

static void test_a_lamp_is_nobody(void)
{
    struct watch watch;
    watch_init(&watch, "scene://empty?seed=4&fault=lamp@5", NULL);
    watch_run(&watch, 45);
    watch_reset(&watch);
    watch_run(&watch, 400); /* out and on five times */
    g_test_message("objects in %d frames, light changed in %d, learning in %d", watch.frames_with_objects,
                   watch.light_changes, watch.learning_frames);
    g_assert_cmpint(watch.frames_with_objects, <=, 5);
    g_assert_cmpint(watch.light_changes, >=, 5);
    g_assert_cmpint(watch.light_changes, <=, 30);
    watch_clear(&watch);
}

static void test_a_knock_is_nobody_and_is_told(void)
{
    static const char nudged[] = "scene://empty?seed=4&fault=nudged@10";
    struct watch watch;
    watch_init(&watch, nudged, NULL);
    watch_run(&watch, 300);
    g_test_message("objects in %d frames, camera moved %d", watch.frames_with_objects, watch.camera_moves);
    g_assert_cmpint(watch.camera_moves, ==, 1);
    g_assert_cmpint(watch.frames_with_objects, <=, 2);
    watch_clear(&watch);
    g_assert_cmpint(objects_after(nudged, without_moves, 60, 240), >, 20);
}

/* Neither crowds nor light are a camera that moves, and nobody in a scene is weather. */
static void test_people_are_neither_weather_nor_moves(void)
{
    static const char *const scenes[] = {"shop", "gate", "corridor", "night", "empty"};
    static const int rates[] = {10, 5, 2}, seconds = 60;
    for (size_t i = 0; i < G_N_ELEMENTS(scenes) * G_N_ELEMENTS(rates); i++) {
        int fps = rates[i % G_N_ELEMENTS(rates)];
        g_autofree char *uri = g_strdup_printf("scene://%s?seed=2&fps=%d", scenes[i / G_N_ELEMENTS(rates)], fps);
        struct watch watch;
        watch_init(&watch, uri, with_restless); /* else nothing is restless */
        watch_run(&watch, seconds * fps);
        g_test_message("%s: weather in %d frames, camera moved %d, restless %.3f", uri, watch.weather_frames,
                       watch.camera_moves, watch.seen.restless_share);
        g_assert_cmpint(watch.camera_moves, ==, 0);
        g_assert_cmpint(watch.weather_frames, ==, 0);
        g_assert_cmpfloat(watch.seen.restless_share, <, 0.03);
        watch_clear(&watch);
    }
}

/* Somebody three quarters of the picture high, who goes two and a half times their width a second, to and fro. Further
 * than their width from one picture to the next they are no object, and no weather either. */
static void test_who_walks_by_nearby_is_no_weather(void)
{
    static const struct {
        int fps;
        double least_seen; /* of the pictures */
    } rates[] = {{10, 0.9}, {5, 0.8}, {2, 0}};
    static const double width = 0.16, widths_a_second = 2.5, way = 0.84;
    enum { EMPTY_SECONDS = 3, SECONDS = 20 };
    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        int fps = rates[i].fps, seen = 0, weather = 0;
        g_autofree char *uri = g_strdup_printf("scene://empty?seed=4&fps=%d", fps);
        struct watch watch;
        watch_init(&watch, uri, NULL);
        watch_run(&watch, EMPTY_SECONDS * fps);
        for (int frame = 0; frame < SECONDS * fps; frame++) {
            double gone = fmod(width * widths_a_second * frame / fps, 2 * way);
            const struct record_box box = {gone < way ? gone : 2 * way - gone, 0.2, width, 0.75};
            step_in(&watch, &box);
            weather += watch.seen.is_weather;
            seen += is_seen(&watch, &box);
        }
        g_test_message("%d a second: weather in %d pictures, seen in %d of %d", fps, weather, seen, SECONDS * fps);
        g_assert_cmpint(weather, ==, 0);
        g_assert_cmpfloat(seen, >=, rates[i].least_seen * SECONDS * fps);
        watch_clear(&watch);
    }
}

/* Rain is rain at any rate. */
static void test_rain_is_weather_at_any_rate(void)
{
    static const int rates[] = {10, 5, 2};
    enum { SECONDS = 20 };
    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++) {
        g_autofree char *uri = g_strdup_printf("scene://empty?seed=4&fault=rain@2&fps=%d", rates[i]);
        struct watch watch;
        watch_init(&watch, uri, NULL);
        watch_run(&watch, 5 * rates[i]); /* three seconds of it */
        watch_reset(&watch);
        watch_run(&watch, SECONDS * rates[i]);
        g_assert_cmpint(watch.weather_frames, ==, SECONDS * rates[i]);
        g_assert_cmpint(watch.frames_with_objects, <=, rates[i]);
        watch_clear(&watch);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/motion/a clock is ignored and who walks through it is seen",
                    test_a_clock_is_ignored_and_who_walks_through_it_is_seen);
    g_test_add_func("/motion/who steps into the rain is hidden", test_who_steps_into_the_rain_is_hidden);
    g_test_add_func("/motion/who steps before a clock that is ignored is hidden",
                    test_who_steps_before_a_clock_that_is_ignored_is_hidden);
    g_test_add_func("/motion/what is no longer ignored is hidden as it moves",
                    test_what_is_no_longer_ignored_is_hidden_as_it_moves);
    g_test_add_func("/motion/a doorway is no place without rest", test_a_doorway_is_no_place_without_rest);
    g_test_add_func("/motion/leaves are damped", test_leaves_are_damped);
    g_test_add_func("/motion/rain is nobody", test_rain_is_nobody);
    g_test_add_func("/motion/people are found in the rain", test_people_are_found_in_the_rain);
    g_test_add_func("/motion/people are found in haze", test_people_are_found_in_haze);
    g_test_add_func("/motion/a lamp is nobody", test_a_lamp_is_nobody);
    g_test_add_func("/motion/a knock is nobody and is told", test_a_knock_is_nobody_and_is_told);
    g_test_add_func("/motion/people are neither weather nor moves", test_people_are_neither_weather_nor_moves);
    g_test_add_func("/motion/who walks by nearby is no weather", test_who_walks_by_nearby_is_no_weather);
    g_test_add_func("/motion/rain is weather at any rate", test_rain_is_weather_at_any_rate);
    return g_test_run();
}
