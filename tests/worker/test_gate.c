/* What gating finds and what it saves, on real clips where the shared assets lie, and its answers one by one. */
#include "worker/gate.h"

#include "media/media.h"

#include <string.h>

enum { SECOND_US = 1000000, ANALYSED_FPS = 5 };

/* ---- answers ---- */

struct world {
    struct gate gate;
    struct detections *moving, *found;
    struct motion_scene scene;
    struct tracks tracks;
    struct record_box region;
    struct frame frame;
    uint8_t luma[64 * 36];
};

static void world_init(struct world *world, double region_share)
{
    const struct detector_settings settings = {
        .is_gated = true, .full_seconds = 10, .stationary_seconds = 2, .region_share = region_share};
    memset(world, 0, sizeof *world);
    gate_init(&world->gate, &settings);
    world->frame = (struct frame){
        .width_px = 64, .height_px = 36, .format = FRAME_I420, .planes = {world->luma}, .strides_bytes = {64}};
    world->moving = g_new0(struct detections, 1);
    world->found = g_new0(struct detections, 1);
}

static void world_clear(struct world *world)
{
    g_free(world->moving);
    g_free(world->found);
}

static enum gate_answer ask(struct world *world, double seconds)
{
    world->frame.media_us = (int64_t)(seconds * SECOND_US);
    for (int i = 0; i < world->moving->count; i++) /* what moves is seen to move */
        memset(world->luma, (int)(1000 * world->moving->items[i].box.x) % 256, sizeof world->luma);
    enum gate_answer answer =
        gate_ask(&world->gate, &world->frame, world->moving, &world->scene, &world->tracks, &world->region);
    if (answer != GATE_HOLD)
        gate_note_run(&world->gate, &world->frame, answer, world->moving, world->found);
    return answer;
}

static void test_a_quiet_picture_is_looked_at_now_and_then(void)
{
    struct world world;
    int runs = 0;
    world_init(&world, 0);
    g_assert_cmpint(ask(&world, 0), ==, GATE_WHOLE);
    for (int i = 10; i <= 300; i++)
        runs += ask(&world, i / 10.0) != GATE_HOLD;
    g_assert_cmpint(runs, ==, 3);
    world_clear(&world);
}

static void test_what_stands_still_is_looked_at_again_at_its_interval(void)
{
    struct world world;
    int runs = 0;
    world_init(&world, 0);
    world.found->count = 1;
    ask(&world, 0);
    for (int i = 10; i <= 200; i++)
        runs += ask(&world, i / 10.0) != GATE_HOLD;
    g_assert_cmpint(runs, >=, 9);
    g_assert_cmpint(runs, <=, 11);
    world_clear(&world);
}

static void test_what_moves_is_looked_at_at_once(void)
{
    struct world world;
    world_init(&world, 0);
    ask(&world, 0);
    g_assert_cmpint(ask(&world, 5), ==, GATE_HOLD);
    world.moving->items[0].box = (struct record_box){0.1, 0.1, 0.05, 0.1};
    world.moving->count = 1;
    g_assert_cmpint(ask(&world, 5.2), ==, GATE_WHOLE);
    g_assert_cmpint(ask(&world, 5.4), ==, GATE_HOLD); /* it stands where it was looked at */
    world.moving->items[0].box.x += 0.001;
    g_assert_cmpint(ask(&world, 5.6), ==, GATE_HOLD);
    world.moving->items[0].box.x += 0.02;
    g_assert_cmpint(ask(&world, 5.8), ==, GATE_WHOLE);
    world.moving->count = 0;
    memset(world.luma, 7, sizeof world.luma);
    g_assert_cmpint(ask(&world, 6), ==, GATE_WHOLE); /* it is gone */
    g_assert_cmpint(ask(&world, 6.2), ==, GATE_HOLD);
    world_clear(&world);
}

static void test_a_small_region_is_looked_at_by_itself(void)
{
    struct world world;
    world_init(&world, 0.5);
    ask(&world, 0);
    world.moving->items[0].box = (struct record_box){0.4, 0.4, 0.1, 0.2};
    world.moving->count = 1;
    g_assert_cmpint(ask(&world, 1), ==, GATE_REGION);
    g_assert_cmpfloat_with_epsilon(world.region.x, 0.35, 1e-9);
    g_assert_cmpfloat_with_epsilon(world.region.w, 0.2, 1e-9);
    g_assert_cmpfloat_with_epsilon(world.region.h, 0.4, 1e-9);
    world.moving->items[1].box = (struct record_box){0.9, 0.9, 0.1, 0.1};
    world.moving->count = 2;
    g_assert_cmpint(ask(&world, 1.2), ==, GATE_REGION); /* the other stands where it was looked at */
    world.moving->items[0].box.x = world.moving->items[0].box.y = 0.05;
    world.moving->items[1].box.x = 0.8;
    g_assert_cmpint(ask(&world, 1.4), ==, GATE_WHOLE); /* far apart */
    world_clear(&world);
}

static void test_what_lies_in_a_region_is_dropped_and_the_rest_kept(void)
{
    g_autofree struct detections *held = g_new0(struct detections, 1);
    held->items[0].box = (struct record_box){0.1, 0.1, 0.1, 0.1};
    held->items[1].box = (struct record_box){0.7, 0.7, 0.1, 0.1};
    held->count = 2;
    gate_drop_region(held, &(struct record_box){0, 0, 0.5, 0.5});
    g_assert_cmpint(held->count, ==, 1);
    g_assert_cmpfloat(held->items[0].box.x, ==, 0.7);
}

/* Light, learning and a clip that starts over: nothing is known of what is held. */
static void test_a_picture_that_is_not_known_is_looked_at_whole(void)
{
    struct world world;
    world_init(&world, 0.5);
    ask(&world, 5);
    world.scene.is_light_change = true;
    g_assert_cmpint(ask(&world, 7), ==, GATE_WHOLE);
    world.scene.is_light_change = false;
    world.scene.is_learning = true;
    g_assert_cmpint(ask(&world, 8.7), ==, GATE_WHOLE);
    world.scene.is_learning = false;
    g_assert_cmpint(ask(&world, 1), ==, GATE_WHOLE);
    world_clear(&world);
}

/* ---- recall on clips ---- */

struct tally {
    int frames, inferences, wanted, kept;
};

static bool is_kept(const struct detection *wanted, const struct detections *found)
{
    static const double same_object_iou = 0.5;
    const struct record_box *a = &wanted->box;
    for (int i = 0; i < found->count; i++) {
        const struct record_box *b = &found->items[i].box;
        double width = MIN(a->x + a->w, b->x + b->w) - MAX(a->x, b->x);
        double height = MIN(a->y + a->h, b->y + b->h) - MAX(a->y, b->y);
        double shared = MAX(width, 0) * MAX(height, 0);
        if (found->items[i].object_class == wanted->object_class &&
            shared >= same_object_iou * (a->w * a->h + b->w * b->h - shared))
            return true;
    }
    return false;
}

/* The eye of a camera with gating beside one without, as the pipeline has them. */
struct eyes {
    struct detector *detector;
    struct motion *motion;
    struct tracker *tracker;
    struct gate gate;
    struct tracks tracks;
    struct detections *moving, *all, *held;
};

static void look(struct eyes *eyes, const struct frame *frame, bool is_repeated, struct tally *tally)
{
    struct motion_scene scene;
    struct record_box region;
    if (!is_repeated) /* a model gives the same for the same picture */
        g_assert_true(detector_run(eyes->detector, frame, eyes->all, NULL));
    motion_update(eyes->motion, frame, eyes->moving, &scene);
    enum gate_answer answer = gate_ask(&eyes->gate, frame, eyes->moving, &scene, &eyes->tracks, &region);
    if (answer != GATE_HOLD) {
        *eyes->held = *eyes->all;
        gate_note_run(&eyes->gate, frame, answer, eyes->moving, eyes->held);
        tally->inferences++;
    }
    tracker_update(eyes->tracker, eyes->held, frame->media_us, frame->width_px, frame->height_px, &eyes->tracks);
    tally->frames++;
    for (int i = 0; i < eyes->all->count; i++) {
        tally->wanted++;
        tally->kept += is_kept(&eyes->all->items[i], eyes->held);
    }
}

static void eyes_init(struct eyes *eyes, struct detector *detector, const struct settings *settings)
{
    memset(eyes, 0, sizeof *eyes);
    eyes->detector = detector;
    eyes->motion = motion_new(&settings->motion);
    eyes->tracker = tracker_new(&settings->tracker, 1);
    gate_init(&eyes->gate, &settings->detector);
    eyes->moving = g_new0(struct detections, 1);
    eyes->all = g_new0(struct detections, 1);
    eyes->held = g_new0(struct detections, 1);
}

static void eyes_clear(struct eyes *eyes)
{
    motion_free(eyes->motion);
    tracker_free(eyes->tracker);
    g_free(eyes->moving);
    g_free(eyes->all);
    g_free(eyes->held);
}

/* The clip's first seconds at the analysed rate, then its last picture stands still until `quiet` of all is still. */
static struct tally watch(const char *path, struct detector *detector, const struct settings *settings, double seconds,
                          double quiet)
{
    struct eyes eyes;
    struct tally tally = {0};
    struct frame_thinner thinner;
    g_autoptr(GError) error = NULL;
    eyes_init(&eyes, detector, settings);
    frame_thinner_init(&thinner, ANALYSED_FPS);
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(path, &settings->source, &error);
    g_assert_no_error(error);
    struct frame *last = NULL, *frame;
    while ((frame = media_reader_next(reader, &error)) && frame->media_us < seconds * SECOND_US) {
        if (frame_thinner_pass(&thinner, frame->media_us)) {
            look(&eyes, frame, false, &tally);
            g_clear_pointer(&last, frame_unref);
            last = frame_ref(frame);
        }
        frame_unref(frame);
    }
    g_clear_pointer(&frame, frame_unref);
    g_assert_no_error(error);
    int still = (int)(tally.frames * quiet / (1 - quiet) + 0.5);
    struct frame copy = *last;
    for (int i = 0; i < still; i++) {
        copy.media_us += SECOND_US / ANALYSED_FPS;
        look(&eyes, &copy, true, &tally);
    }
    frame_unref(last);
    eyes_clear(&eyes);
    return tally;
}

static void test_gating_finds_what_every_frame_finds(void)
{
    static const char *const clips[] = {"video/vtest_480x360_h264.mp4", "video/bottle-detection.mp4",
                                        "video/bgslibrary_video02.avi", "video/short_hamilton_clip.mp4"};
    static const double clip_seconds = 10, least_recall = 0.99, most_inferences = 0.30, quiet = 0.8;
    const char *shared = g_getenv("VEDETTE_SHARED");
    g_autofree char *model = g_build_filename(shared ? shared : "", "assets/models/yolox_nano.onnx", NULL);
    if (!shared || !g_file_test(model, G_FILE_TEST_EXISTS)) {
        g_test_skip("needs the shared assets (VEDETTE_SHARED)");
        return;
    }
    struct settings settings;
    g_autoptr(GError) error = NULL;
    record_init(&settings_descriptor, &settings);
    g_autofree char *card = g_build_filename(g_getenv("VEDETTE_SOURCE"), "models/cards/yolox_nano.card.json", NULL);
    struct detector_settings chosen = settings.detector;
    chosen.card = card;
    CLEANUP(detector) struct detector *detector = detector_open(model, &chosen, &error);
    g_assert_no_error(error);
    struct tally total = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(clips); i++) {
        g_autofree char *path = g_build_filename(shared, "assets/media", clips[i], NULL);
        struct tally tally = watch(path, detector, &settings, clip_seconds, quiet);
        g_test_message("%s: %d of %d found (%.2f %%), model run on %d of %d frames (%.1f %%)", clips[i], tally.kept,
                       tally.wanted, 100.0 * tally.kept / MAX(tally.wanted, 1), tally.inferences, tally.frames,
                       100.0 * tally.inferences / tally.frames);
        total.kept += tally.kept;
        total.wanted += tally.wanted;
        total.inferences += tally.inferences;
        total.frames += tally.frames;
    }
    g_test_message("together %.2f %% found at %.1f %% of the inferences", 100.0 * total.kept / total.wanted,
                   100.0 * total.inferences / total.frames);
    g_assert_cmpfloat((double)total.kept / total.wanted, >=, least_recall);
    g_assert_cmpfloat((double)total.inferences / total.frames, <=, most_inferences);
    record_clear(&settings_descriptor, &settings);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(media_init(false, NULL));
    g_test_add_func("/gate/a quiet picture is looked at now and then", test_a_quiet_picture_is_looked_at_now_and_then);
    g_test_add_func("/gate/what stands still is looked at again at its interval",
                    test_what_stands_still_is_looked_at_again_at_its_interval);
    g_test_add_func("/gate/what moves is looked at at once", test_what_moves_is_looked_at_at_once);
    g_test_add_func("/gate/a small region is looked at by itself", test_a_small_region_is_looked_at_by_itself);
    g_test_add_func("/gate/what lies in a region is dropped and the rest kept",
                    test_what_lies_in_a_region_is_dropped_and_the_rest_kept);
    g_test_add_func("/gate/a picture that is not known is looked at whole",
                    test_a_picture_that_is_not_known_is_looked_at_whole);
    g_test_add_func("/gate/gating finds what every frame finds", test_gating_finds_what_every_frame_finds);
    return g_test_run();
}
