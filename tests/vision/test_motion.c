#include "scene/scene.h"
#include "vision/vision.h"

#include <string.h>

struct watch {
    struct scene *scene;
    struct motion *motion;
    struct detections *objects;
    struct motion_scene seen;
    uint64_t next;
};

static void watch_init(struct watch *watch, const char *uri)
{
    struct settings settings;
    record_init(&settings_descriptor, &settings);
    *watch = (struct watch){
        scene_new_from_uri(uri, NULL), motion_new(&settings.motion), g_new0(struct detections, 1), {0}, 0};
    g_assert_nonnull(watch->scene);
    record_clear(&settings_descriptor, &settings);
}

static void watch_step(struct watch *watch)
{
    CLEANUP(frame) struct frame *frame = scene_render(watch->scene, watch->next++);
    motion_update(watch->motion, frame, watch->objects, &watch->seen);
}

static void watch_clear(struct watch *watch)
{
    scene_free(watch->scene);
    motion_free(watch->motion);
    g_free(watch->objects);
}

static void test_an_empty_room_has_nothing_through_noise_and_light(void)
{
    struct watch watch;
    int changes = 0;
    watch_init(&watch, "scene://empty?seed=5");
    for (int i = 0; i < 400; i++) {
        watch_step(&watch);
        g_assert_cmpint(watch.objects->count, ==, 0);
        changes += watch.seen.is_light_change;
    }
    g_assert_cmpint(changes, >, 0); /* the scene has steps of light, and they are seen as such */
    watch_clear(&watch);
}

static void test_learning_says_so(void)
{
    struct watch watch;
    watch_init(&watch, "scene://shop");
    watch_step(&watch);
    g_assert_true(watch.seen.is_learning);
    for (int i = 0; i < 15; i++)
        watch_step(&watch);
    g_assert_false(watch.seen.is_learning);
    watch_clear(&watch);
}

/* A bright figure on a grey floor. */
static struct frame *painted(int width, int height, int left, int top, int w, int h, int64_t media_us)
{
    struct frame *frame = frame_new_allocated(width, height);
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < frame_plane_rows(frame, plane); y++)
            memset(frame_plane(frame, plane) + y * frame->strides_bytes[plane], plane ? 128 : 110,
                   (size_t)frame_plane_row_bytes(frame, plane));
    for (int y = MAX(top, 0); y < MIN(top + h, height); y++)
        for (int x = MAX(left, 0); x < MIN(left + w, width); x++)
            frame_plane(frame, 0)[y * frame->strides_bytes[0] + x] = 210;
    frame->media_us = media_us;
    return frame;
}

static void feed(struct watch *watch, struct frame *frame)
{
    motion_update(watch->motion, frame, watch->objects, &watch->seen);
    frame_unref(frame);
}

static void test_one_who_stands_still_stays_seen(void)
{
    struct watch watch;
    watch_init(&watch, "scene://shop");
    int64_t us = 0;
    for (int i = 0; i < 15; i++, us += 100000)
        feed(&watch, painted(640, 360, 0, 0, 0, 0, us));
    for (int x = -40; x < 300; x += 8, us += 100000)
        feed(&watch, painted(640, 360, x, 120, 40, 120, us));
    for (int i = 0; i < 300; i++, us += 100000) {
        feed(&watch, painted(640, 360, 300, 120, 40, 120, us));
        g_assert_cmpint(watch.objects->count, ==, 1);
    }
    const struct record_box *box = &watch.objects->items[0].box;
    g_assert_cmpfloat(ABS(box->x * 640 - 300), <, 6);
    g_assert_cmpfloat(ABS((box->y + box->h) * 360 - 240), <, 6);
    watch_clear(&watch);
}

static void test_what_left_leaves_no_ghost(void)
{
    struct watch watch;
    watch_init(&watch, "scene://shop");
    int64_t us = 0;
    for (int i = 0; i < 15; i++, us += 100000) /* it stands there while the background is learnt */
        feed(&watch, painted(640, 360, 300, 120, 40, 120, us));
    for (int i = 0; i < 200; i++, us += 100000)
        feed(&watch, painted(640, 360, 0, 0, 0, 0, us));
    g_assert_cmpint(watch.objects->count, ==, 0);
    watch_clear(&watch);
}

/* The seconds are the same when pictures come seldom: the place that a moved box leaves is no object for longer. */
static void test_what_left_leaves_no_ghost_in_seldom_pictures(void)
{
    static const int64_t apart_us[] = {999999, 1000000, 2000000, 4000000}, learnt_us = 60000000, gone_us = 140000000;
    for (size_t i = 0; i < G_N_ELEMENTS(apart_us); i++) {
        struct watch watch;
        int64_t us = 0;
        int seen = 0;
        watch_init(&watch, "scene://shop");
        for (; us < learnt_us; us += apart_us[i])
            feed(&watch, painted(640, 360, 300, 120, 40, 120, us));
        for (int64_t from_us = us; us < from_us + gone_us; us += apart_us[i], seen += watch.objects->count)
            feed(&watch, painted(640, 360, 0, 0, 0, 0, us));
        g_test_message("a picture each %" G_GINT64_FORMAT " us: an object in %d", apart_us[i], seen);
        g_assert_cmpint(seen, >, 0);
        g_assert_cmpint(watch.objects->count, ==, 0);
        watch_clear(&watch);
    }
}

/* Not seen in one picture, who stands there is the same, however far apart pictures are. */
static void test_one_picture_forgets_nobody(void)
{
    static const int64_t apart_us = 3000000;
    struct watch watch;
    int64_t us = 0;
    watch_init(&watch, "scene://shop");
    for (int i = 0; i < 5; i++, us += apart_us)
        feed(&watch, painted(640, 360, 0, 0, 0, 0, us));
    for (int i = 0; i < 4; i++, us += apart_us)
        feed(&watch, i == 2 ? painted(640, 360, 0, 0, 0, 0, us) : painted(640, 360, 300, 120, 40, 120, us));
    g_assert_cmpint(watch.objects->count, ==, 1);
    watch_clear(&watch);
}

/* Five pictures a second. */
enum { USUAL_US = 200000, LATE_US = 900000 };

static void feed_room(struct watch *watch, int64_t *us, int frames)
{
    for (int i = 0; i < frames; i++, *us += USUAL_US)
        feed(watch, painted(640, 360, 0, 0, 0, 0, *us));
}

static void feed_standing(struct watch *watch, int64_t *us, int frames)
{
    for (int i = 0; i < frames; i++, *us += USUAL_US)
        feed(watch, painted(640, 360, 300, 120, 40, 120, *us));
}

/* It comes from the left, and stands for so many pictures. */
static void come_to_rest(struct watch *watch, int64_t *us, int frames)
{
    feed_room(watch, us, 15);
    for (int x = -40; x < 300; x += 10, *us += USUAL_US)
        feed(watch, painted(640, 360, x, 120, 40, 120, *us));
    feed_standing(watch, us, frames);
}

/* A gap counts for what it is, and says nothing of the pictures before it. */
static void test_a_late_picture_makes_nobody_background(void)
{
    static const int pictures_of_rest = 200, pictures_seen = 40; /* 40 s of 120, and 8 of 12 */
    struct watch came, appeared;
    watch_init(&came, "scene://shop");
    watch_init(&appeared, "scene://shop");
    int64_t came_us = 0, appeared_us = 0;
    come_to_rest(&came, &came_us, pictures_of_rest);
    feed_room(&appeared, &appeared_us, 15);
    feed_standing(&appeared, &appeared_us, pictures_seen);
    came_us += LATE_US - USUAL_US;
    appeared_us += LATE_US - USUAL_US;
    feed_standing(&came, &came_us, 5);
    feed_standing(&appeared, &appeared_us, 5);
    g_assert_cmpint(came.objects->count, ==, 1);
    g_assert_cmpint(appeared.objects->count, ==, 1);
    feed_standing(&came, &came_us, 450); /* longer than both need */
    feed_standing(&appeared, &appeared_us, 25);
    g_assert_cmpint(came.objects->count, ==, 0);
    g_assert_cmpint(appeared.objects->count, ==, 0);
    watch_clear(&came);
    watch_clear(&appeared);
}

/* Out of sight for three pictures, 1.2 s together, of 2.5: it is the same, and needs not be seen for some pictures
 * first. */
static void test_a_late_picture_forgets_nobody(void)
{
    struct watch watch;
    watch_init(&watch, "scene://shop");
    int64_t us = 0;
    come_to_rest(&watch, &us, 20);
    feed_room(&watch, &us, 2);
    us += LATE_US - USUAL_US;
    feed_room(&watch, &us, 1);
    g_assert_cmpint(watch.objects->count, ==, 0);
    feed_standing(&watch, &us, 1);
    g_assert_cmpint(watch.objects->count, ==, 1);
    watch_clear(&watch);
}

static void test_a_change_of_size_starts_over(void)
{
    static const int sizes[][2] = {{640, 360}, {321, 243}, {2, 2}, {1, 1}, {1920, 1080}};
    struct watch watch;
    watch_init(&watch, "scene://shop");
    int64_t us = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
        for (int j = 0; j < 12; j++, us += 100000) {
            feed(&watch, painted(sizes[i][0], sizes[i][1], 0, 0, 0, 0, us));
            if (j == 0)
                g_assert_true(watch.seen.is_learning);
        }
    g_assert_cmpint(watch.objects->count, ==, 0);
    watch_clear(&watch);
}

/* Nothing is seen in the right half, and in the left as much as without. */
static void test_masked_places_see_nothing(void)
{
    static const struct record_point corners[] = {{0.5, 0}, {1, 0}, {1, 1}, {0.5, 1}};
    static const enum zone_kind kinds[] = {ZONE_PRIVACY_MASK, ZONE_MOTION_MASK, ZONE_AREA};
    int seen[G_N_ELEMENTS(kinds)][2] = {{0}};
    for (size_t kind = 0; kind < G_N_ELEMENTS(kinds); kind++) {
        struct watch watch;
        struct zone mask;
        watch_init(&watch, "scene://shop?seed=2");
        record_init(&zone_descriptor, &mask);
        mask.kind = kinds[kind];
        mask.polygon.items = g_memdup2(corners, sizeof corners);
        mask.polygon.count = G_N_ELEMENTS(corners);
        motion_set_masks(watch.motion, &mask, 1);
        for (int i = 0; i < 300; i++) {
            watch_step(&watch);
            for (int j = 0; j < watch.objects->count; j++)
                seen[kind][watch.objects->items[j].box.x > 0.5]++;
        }
        g_test_message("zone kind %d: %d left, %d right", (int)kinds[kind], seen[kind][0], seen[kind][1]);
        record_clear(&zone_descriptor, &mask);
        watch_clear(&watch);
    }
    for (int kind = 0; kind < 2; kind++) {
        g_assert_cmpint(seen[kind][1], ==, 0);
        g_assert_cmpint(seen[kind][0], >, seen[2][0] / 2);
    }
    g_assert_cmpint(seen[2][1], >, 50); /* somebody is there to be seen */
}

static void test_two_runs_see_the_same(void)
{
    struct watch a, b;
    watch_init(&a, "scene://gate?seed=3");
    watch_init(&b, "scene://gate?seed=3");
    for (int i = 0; i < 200; i++) {
        watch_step(&a);
        watch_step(&b);
        g_assert_cmpint(a.objects->count, ==, b.objects->count);
        g_assert_cmpmem(a.objects->items, sizeof *a.objects->items * (size_t)a.objects->count, b.objects->items,
                        sizeof *b.objects->items * (size_t)b.objects->count);
    }
    watch_clear(&a);
    watch_clear(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/motion/an empty room has nothing through noise and light",
                    test_an_empty_room_has_nothing_through_noise_and_light);
    g_test_add_func("/motion/learning says so", test_learning_says_so);
    g_test_add_func("/motion/one who stands still stays seen", test_one_who_stands_still_stays_seen);
    g_test_add_func("/motion/what left leaves no ghost", test_what_left_leaves_no_ghost);
    g_test_add_func("/motion/what left leaves no ghost in seldom pictures",
                    test_what_left_leaves_no_ghost_in_seldom_pictures);
    g_test_add_func("/motion/one picture forgets nobody", test_one_picture_forgets_nobody);
    g_test_add_func("/motion/a late picture makes nobody background", test_a_late_picture_makes_nobody_background);
    g_test_add_func("/motion/a late picture forgets nobody", test_a_late_picture_forgets_nobody);
    g_test_add_func("/motion/a change of size starts over", test_a_change_of_size_starts_over);
    g_test_add_func("/motion/masked places see nothing", test_masked_places_see_nothing);
    g_test_add_func("/motion/two runs see the same", test_two_runs_see_the_same);
    return g_test_run();
}
