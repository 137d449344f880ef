/* What gating finds and what it saves, on real clips where the shared assets lie, and its answers one by one. */
#include "worker/gate.h"

#include "base/random.h"
#include "media/media.h"

#include <string.h>

enum { SECOND_US = 1000000 };

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
    enum gate_answer answer = gate_ask(&world->gate, &world->frame, world->moving, &world->scene, &world->tracks,
                                       world->found, &world->region);
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

/* Somebody walks, and a frame comes each tenth of a second. */
static enum gate_answer ask_of_walker(struct world *world, struct track *walker, double seconds)
{
    walker->box = world->moving->items[0].box = (struct record_box){0.05 * seconds, 0.4, 0.1, 0.3};
    return ask(world, seconds);
}

static void test_who_is_followed_is_looked_at_at_intervals_and_who_is_new_at_once(void)
{
    struct world world;
    struct track walker = {.state = TRACK_CONFIRMED, .age_frames = 10, .velocity_x = 0.05};
    world_init(&world, 0);
    world.gate.settings.moving_seconds = 0.5;
    world.tracks = (struct tracks){.items = &walker, .count = 1};
    world.found->count = world.moving->count = 1; /* the model finds something: it must not run for what rests either */
    g_assert_cmpint(ask_of_walker(&world, &walker, 0), ==, GATE_WHOLE);
    for (int i = 1; i <= 20; i++)
        g_assert_cmpint(ask_of_walker(&world, &walker, i / 10.0), ==, i % 5 == 0 ? GATE_WHOLE : GATE_HOLD);
    for (int i = 1; i <= 4; i++) /* pictures further apart than half of it: the second would come too late */
        g_assert_cmpint(ask_of_walker(&world, &walker, 2 + 0.3 * i), ==, GATE_WHOLE);
    g_assert_cmpint(ask_of_walker(&world, &walker, 3.3), ==, GATE_HOLD);
    world.moving->items[1].box = (struct record_box){0.7, 0.2, 0.1, 0.3};
    world.moving->count = 2;
    g_assert_cmpint(ask_of_walker(&world, &walker, 3.4), ==, GATE_WHOLE);
    walker.velocity_x = 0;
    world.tracks.count = world.moving->count = 0;
    g_assert_cmpint(ask(&world, 3.5), ==, GATE_WHOLE); /* where they came to rest */
    walker.velocity_x = 0.05;
    walker.age_frames = 1; /* hardly known */
    world.tracks.count = world.moving->count = 1;
    g_assert_cmpint(ask_of_walker(&world, &walker, 3.7), ==, GATE_WHOLE);
    g_assert_cmpint(ask_of_walker(&world, &walker, 3.8), ==, GATE_WHOLE);
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

/* Half of somebody would be found, or nobody, and the other half would not be hidden. */
static void test_a_region_cuts_nobody_who_is_held(void)
{
    struct world world;
    struct track lost = {.state = TRACK_LOST, .box = {0.5, 0.65, 0.1, 0.1}};
    world_init(&world, 0.5);
    ask(&world, 0);
    world.moving->items[0].box = (struct record_box){0.4, 0.4, 0.1, 0.2}; /* alone: 0.35 to 0.55, 0.3 to 0.7 */
    world.moving->count = 1;
    world.found->items[0].box = (struct record_box){0.3, 0.4, 0.1, 0.2};
    world.found->items[1].box = (struct record_box){0.28, 0.4, 0.04, 0.1}; /* met once the region holds the first */
    world.found->items[2].box = (struct record_box){0.8, 0.4, 0.1, 0.2};
    world.found->count = 3;
    world.tracks = (struct tracks){.items = &lost, .count = 1};
    g_assert_cmpint(ask(&world, 1), ==, GATE_REGION);
    g_assert_cmpfloat(world.region.x, <, 0.27);
    g_assert_cmpfloat(world.region.x, >, 0.2);
    g_assert_cmpfloat(world.region.x + world.region.w, >, 0.6);
    g_assert_cmpfloat(world.region.y + world.region.h, >, 0.76);
    gate_drop_region(world.found, &world.region);
    g_assert_cmpint(world.found->count, ==, 1);
    g_assert_cmpfloat(world.found->items[0].box.x, ==, 0.8);
    world.found->items[0].box = (struct record_box){0.1, 0.4, 0.3, 0.2}; /* with this one it is no small part */
    world.moving->items[0].box.x += 0.02;
    g_assert_cmpint(ask(&world, 2), ==, GATE_WHOLE);
    world_clear(&world);
}

static void test_who_is_cut_by_a_region_is_kept_as_it_was_held(void)
{
    g_autofree struct detections *held = g_new0(struct detections, 1);
    held->items[0].box = (struct record_box){0.3, 0.1, 0.3, 0.2};  /* its centre is inside */
    held->items[1].box = (struct record_box){-0.1, 0.1, 0.3, 0.2}; /* cut by the picture alone */
    held->count = 2;
    gate_drop_region(held, &(struct record_box){0, 0, 0.5, 0.5});
    g_assert_cmpint(held->count, ==, 1);
    g_assert_cmpfloat(held->items[0].box.x, ==, 0.3);
}

static void test_half_of_somebody_is_kept_and_has_all_looked_at(void)
{
    struct world world;
    const struct record_box region = {0.5, 0.5, 0.5, 0.4};
    static const struct record_box cut[] = {
        {0.5, 0.6, 0.1, 0.1}, {0.49, 0.6, 0.1, 0.1}, {0.6, 0.501, 0.1, 0.1}, {0.6, 0.8, 0.1, 0.0999}};
    world_init(&world, 0.5);
    ask(&world, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(cut); i++) {
        world.found->items[0].box = cut[i];
        world.found->items[1].box = (struct record_box){0.9, 0.6, 0.1, 0.1}; /* at the picture's own edge */
        world.found->count = 2;
        gate_note_cut(&world.gate, world.found, &region);
        g_assert_cmpint(world.found->count, ==, 2); /* what is known of them is hidden */
        g_assert_cmpint(ask(&world, 1 + 0.1 * (double)i), ==, GATE_WHOLE);
    }
    world.found->items[0] = world.found->items[--world.found->count];
    gate_note_cut(&world.gate, world.found, &region);
    g_assert_cmpint(ask(&world, 1.4), ==, GATE_HOLD);
    world_clear(&world);
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

/* ---- what is remembered of a picture that does not change ---- */

static struct detection thing(double x)
{
    return (struct detection){
        .box = {x, 0.4, 0.1, 0.2}, .confidence = 0.5, .object_class = g_intern_static_string("person")};
}

/* A look at the picture, in which the model finds a thing at x, or nothing (below 0). */
static const struct detections *look_again(struct world *world, double x)
{
    world->found->count = x >= 0;
    world->found->items[0] = thing(x);
    gate_remember(&world->gate, GATE_WHOLE, world->found);
    gate_note_run(&world->gate, &world->frame, GATE_WHOLE, world->moving, world->found);
    return world->found;
}

static void test_what_a_look_misses_in_an_unchanged_picture_is_there_all_the_same(void)
{
    struct world world;
    int missed = 0;
    world_init(&world, 0);
    g_assert_cmpint(look_again(&world, 0.4)->count, ==, 1);
    while (look_again(&world, -1)->count == 1)
        g_assert_cmpint(++missed, <, 10);
    g_assert_cmpint(missed, ==, 4); /* but not for ever */
    look_again(&world, 0.4);
    memset(world.luma, 99, sizeof world.luma);
    g_assert_cmpint(ask(&world, 1), !=, 0); /* takes the picture in */
    world.gate.run_luma[18][28] = 0;        /* where the thing was, it is another */
    g_assert_cmpint(look_again(&world, -1)->count, ==, 0);
    world_clear(&world);
}

static void test_looks_at_an_unchanged_picture_agree_on_one_box(void)
{
    struct world world;
    world_init(&world, 0);
    look_again(&world, 0.40);
    const struct detections *found = look_again(&world, 0.44);
    g_assert_cmpint(found->count, ==, 1);
    g_assert_cmpfloat_with_epsilon(found->items[0].box.x, 0.42, 1e-9);
    world_clear(&world);
}

/* The longer nothing changed, the seldomer it is looked at, until at its interval. */
static void test_what_came_to_rest_is_looked_at_soon_and_then_seldom(void)
{
    struct world world;
    int runs[2] = {0};
    world_init(&world, 0);
    world.gate.settings.stationary_seconds = 100;
    world.gate.settings.full_seconds = 0;
    world.found->count = 1;
    ask(&world, 0);
    for (int i = 1; i <= 640; i++)
        runs[i > 20] += ask(&world, i / 10.0) != GATE_HOLD;
    g_assert_cmpint(runs[0], >=, 4); /* 0.1, 0.2, 0.4, 0.8, 1.6 s */
    g_assert_cmpint(runs[1], <=, 5);
    world_clear(&world);
}

/* ---- recall on clips ---- */

struct tally {
    int frames, inferences, wanted, kept;
    int steady, steady_kept; /* of those, what the model found in the picture before too */
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

/* Of a camera by daylight. */
static const double sensor_noise = 2;

/* The eye of a camera with gating beside one without, as the pipeline has them. */
struct eyes {
    struct detector *detector;
    struct motion *motion;
    struct tracker *tracker;
    struct gate gate;
    struct tracks tracks;
    struct detections *moving, *all, *before, *held;
};

static void look(struct eyes *eyes, const struct frame *frame, struct tally *tally)
{
    struct motion_scene scene;
    struct record_box region;
    *eyes->before = *eyes->all;
    g_assert_true(detector_run(eyes->detector, frame, eyes->all, NULL));
    motion_update(eyes->motion, frame, eyes->moving, &scene);
    enum gate_answer answer = gate_ask(&eyes->gate, frame, eyes->moving, &scene, &eyes->tracks, eyes->held, &region);
    if (answer != GATE_HOLD) {
        *eyes->held = *eyes->all;
        gate_remember(&eyes->gate, answer, eyes->held);
        gate_note_run(&eyes->gate, frame, answer, eyes->moving, eyes->held);
        tally->inferences++;
    } else {
        gate_carry(&eyes->gate, frame, &eyes->tracks, eyes->held);
    }
    tracker_update(eyes->tracker, eyes->held, frame->media_us, frame->width_px, frame->height_px, &eyes->tracks);
    tally->frames++;
    for (int i = 0; i < eyes->all->count; i++) {
        const struct detection *wanted = &eyes->all->items[i];
        bool is_steady = is_kept(wanted, eyes->before), kept = is_kept(wanted, eyes->held);
        tally->wanted++;
        tally->kept += kept;
        tally->steady += is_steady;
        tally->steady_kept += is_steady && kept;
    }
}

static void eyes_init(struct eyes *eyes, struct detector *detector, const struct settings *settings)
{
    memset(eyes, 0, sizeof *eyes);
    eyes->detector = detector;
    eyes->motion = motion_new(&settings->motion);
    eyes->tracker = tracker_new(&settings->tracker, settings->rules.outage_seconds, 1);
    gate_init(&eyes->gate, &settings->detector);
    eyes->moving = g_new0(struct detections, 1);
    eyes->all = g_new0(struct detections, 1);
    eyes->before = g_new0(struct detections, 1);
    eyes->held = g_new0(struct detections, 1);
}

static void eyes_clear(struct eyes *eyes)
{
    motion_free(eyes->motion);
    tracker_free(eyes->tracker);
    g_free(eyes->moving);
    g_free(eyes->all);
    g_free(eyes->before);
    g_free(eyes->held);
}

/* The same picture as a camera's sensor would give it again: `noise` is the standard deviation of its luma. */
static struct frame *picture_again(const struct frame *frame, double noise, struct random *random)
{
    struct frame *again = frame_new_allocated(frame->width_px, frame->height_px);
    for (int plane = 0; plane < 3; plane++) {
        int width = plane ? (frame->width_px + 1) / 2 : frame->width_px;
        for (int y = 0; y < frame_plane_rows(again, plane); y++) {
            const uint8_t *from = frame->planes[plane] + (ptrdiff_t)y * frame->strides_bytes[plane];
            uint8_t *to = frame_plane(again, plane) + (ptrdiff_t)y * again->strides_bytes[plane];
            memcpy(to, from, (size_t)width);
            for (int x = 0; x < width && plane == 0; x++) {
                double luma = from[x] + noise * random_normal(random) + 0.5; /* once: CLAMP takes it several times */
                to[x] = (uint8_t)CLAMP(luma, 0, UINT8_MAX);
            }
        }
    }
    return again;
}

/* The shares of all pictures that are still. The more quiet clip is the other one, longer: so the model looks at each
 * picture once. */
static const double quiet_shares[] = {0.5, 0.8};
enum { SHARES = G_N_ELEMENTS(quiet_shares) };

/* How the clips are watched, and at most how often the model runs, of all pictures. At five pictures a second three of
 * the four clips have something new in each, so that with half of them quiet half must be looked at. */
static const struct rate {
    const char *name;
    double fps; /* 0: the clip's own, each of its pictures */
    int share_count;
    double most_inferences[SHARES];
    bool is_slow;
} rates[] = {{"5 pictures a second", 5, 2, {0.50, 0.30}, false}, {"each picture", 0, 1, {0.30}, true}};

/* The clip's last picture, each time with noise of its own, until each share of all pictures is still. */
static void watch_still(struct eyes *eyes, const struct frame *last, double fps, int share_count,
                        struct tally tallies[SHARES])
{
    struct tally tally = *tallies;
    struct random random;
    random_init(&random, 1);
    g_assert_cmpint(last->format, ==, FRAME_I420);
    int moving = tally.frames;
    for (int share = 0, i = 0; share < share_count; share++) {
        int still = (int)(moving * quiet_shares[share] / (1 - quiet_shares[share]) + 0.5);
        for (; i < still; i++) {
            CLEANUP(frame) struct frame *again = picture_again(last, sensor_noise, &random);
            again->media_us = last->media_us + (int64_t)((i + 1) * SECOND_US / fps);
            look(eyes, again, &tally);
        }
        tallies[share] = tally;
    }
}

/* The clip's first seconds, and then its last picture. */
static void watch(const char *path, struct detector *detector, const struct settings *settings, double seconds,
                  const struct rate *rate, struct tally tallies[SHARES])
{
    struct eyes eyes;
    struct frame_thinner thinner;
    g_autoptr(GError) error = NULL;
    eyes_init(&eyes, detector, settings);
    frame_thinner_init(&thinner, rate->fps);
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(path, &settings->source, &error);
    g_assert_no_error(error);
    struct frame *last = NULL, *frame;
    *tallies = (struct tally){0};
    while ((frame = media_reader_next(reader, &error)) && frame->media_us < seconds * SECOND_US) {
        if (rate->fps == 0 || frame_thinner_pass(&thinner, frame->media_us)) {
            look(&eyes, frame, tallies);
            g_clear_pointer(&last, frame_unref);
            last = frame_ref(frame);
        }
        frame_unref(frame);
    }
    g_clear_pointer(&frame, frame_unref);
    g_assert_no_error(error);
    watch_still(&eyes, last, rate->fps > 0 ? rate->fps : media_reader_fps(reader), rate->share_count, tallies);
    frame_unref(last);
    eyes_clear(&eyes);
}

static void add(struct tally *total, const struct tally *tally)
{
    total->frames += tally->frames;
    total->inferences += tally->inferences;
    total->wanted += tally->wanted;
    total->kept += tally->kept;
    total->steady += tally->steady;
    total->steady_kept += tally->steady_kept;
}

static void tell(const char *what, double quiet, const struct tally *tally)
{
    g_test_message("%s, %.0f %% quiet: found %.2f %% of all, %.2f %% of what is steady (%.2f %% is), "
                   "model run on %.1f %% of %d frames",
                   what, 100 * quiet, 100.0 * tally->kept / MAX(tally->wanted, 1),
                   100.0 * tally->steady_kept / MAX(tally->steady, 1), 100.0 * tally->steady / MAX(tally->wanted, 1),
                   100.0 * tally->inferences / tally->frames, tally->frames);
}

/* All of all of them is for the slow suite. */
static void watch_clips(const char *shared, struct detector *detector, const struct settings *settings, bool all,
                        const struct rate *rate, struct tally totals[SHARES])
{
    static const double most_seconds = 10;
    static const struct {
        const char *file;
        double quick_seconds; /* 0: not quick */
    } clips[] = {{"video/short_hamilton_clip.mp4", 10},
                 {"video/bottle-detection.mp4", 4},
                 {"video/vtest_480x360_h264.mp4", 0},
                 {"video/bgslibrary_video02.avi", 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(clips); i++) {
        g_autofree char *path = g_build_filename(shared, "assets/media", clips[i].file, NULL);
        struct tally tallies[SHARES];
        if (!all && clips[i].quick_seconds == 0)
            continue;
        watch(path, detector, settings, all ? most_seconds : clips[i].quick_seconds, rate, tallies);
        for (int share = 0; share < rate->share_count; share++) {
            tell(clips[i].file, quiet_shares[share], &tallies[share]);
            add(&totals[share], &tallies[share]);
        }
    }
}

/* In a still picture with a sensor's noise the model itself finds some objects in one picture and not in the next. */
static void check_rate(const char *shared, struct detector *detector, const struct settings *settings, bool all,
                       const struct rate *rate)
{
    static const double least_recall = 0.99;
    struct tally totals[SHARES] = {0};
    watch_clips(shared, detector, settings, all, rate, totals);
    for (int share = 0; share < rate->share_count; share++) {
        const struct tally *total = &totals[share];
        g_autofree char *what = g_strdup_printf("together, %s", rate->name);
        tell(what, quiet_shares[share], total);
        g_assert_cmpfloat((double)total->kept / total->wanted, >=, least_recall);
        g_assert_cmpfloat((double)total->inferences / total->frames, <=, rate->most_inferences[share]);
    }
}

static void test_gating_finds_what_every_frame_finds(void)
{
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
    bool all = g_strcmp0(g_getenv("VEDETTE_GATE_CLIPS"), "all") == 0;
    for (size_t i = 0; i < G_N_ELEMENTS(rates); i++)
        if (!rates[i].is_slow || (all && g_getenv("VEDETTE_THOROUGH"))) /* make soak */
            check_rate(shared, detector, &settings, all, &rates[i]);
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
    g_test_add_func("/gate/who is followed is looked at at intervals and who is new at once",
                    test_who_is_followed_is_looked_at_at_intervals_and_who_is_new_at_once);
    g_test_add_func("/gate/a small region is looked at by itself", test_a_small_region_is_looked_at_by_itself);
    g_test_add_func("/gate/what lies in a region is dropped and the rest kept",
                    test_what_lies_in_a_region_is_dropped_and_the_rest_kept);
    g_test_add_func("/gate/a region cuts nobody who is held", test_a_region_cuts_nobody_who_is_held);
    g_test_add_func("/gate/who is cut by a region is kept as it was held",
                    test_who_is_cut_by_a_region_is_kept_as_it_was_held);
    g_test_add_func("/gate/half of somebody is no find and has all looked at",
                    test_half_of_somebody_is_kept_and_has_all_looked_at);
    g_test_add_func("/gate/a picture that is not known is looked at whole",
                    test_a_picture_that_is_not_known_is_looked_at_whole);
    g_test_add_func("/gate/what a look misses in an unchanged picture is there all the same",
                    test_what_a_look_misses_in_an_unchanged_picture_is_there_all_the_same);
    g_test_add_func("/gate/looks at an unchanged picture agree on one box",
                    test_looks_at_an_unchanged_picture_agree_on_one_box);
    g_test_add_func("/gate/what came to rest is looked at soon and then seldom",
                    test_what_came_to_rest_is_looked_at_soon_and_then_seldom);
    g_test_add_func("/gate/gating finds what every frame finds", test_gating_finds_what_every_frame_finds);
    return g_test_run();
}
