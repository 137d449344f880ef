/* What a detector reads from its model's output. */
#include "detector_world.h"

/* ---- what is read from a model's output ---- */

static void test_a_box_is_placed_in_the_frame(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    /* cell (1, 2) of the finest grid: centre (1.5, 2.25) cells of 8, size (2, 1) cells: 12,18 and 16 x 8 pixels */
    tiny_row(&tiny, 2 * 4 + 1, (float[]){0.5F, 0.25F, logf(2), 0}, 0.9F, 1, 0.8F);
    tiny_write(&world, &tiny, tiny_card);
    run(&world, 64, 64);
    g_assert_cmpint(world.found->count, ==, 1);
    g_assert_cmpstr(world.found->items[0].object_class, ==, "car");
    g_assert_true(world.found->items[0].object_class == g_intern_string("car"));
    g_assert_cmpfloat_with_epsilon(world.found->items[0].confidence, 0.72, 1e-6);
    assert_box(&world.found->items[0].box, 4 / 32.0, 14 / 32.0, 16 / 32.0, 8 / 32.0);
    /* twice as wide as high: the frame is the input's upper half, so heights count double and the box leaves it below
     */
    run(&world, 200, 100);
    assert_box(&world.found->items[0].box, 4 / 32.0, 14 / 16.0, 16 / 32.0, 8 / 16.0);
    world_clear(&world);
}

static void test_the_coarser_grids_come_after_the_finer(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_row(&tiny, 16 + 3, (float[]){0, 0, 0, 0}, 1, 0, 0.9F);   /* cell (1, 1) of stride 16 */
    tiny_row(&tiny, 20, (float[]){0.5F, 0.5F, 0, 0}, 1, 2, 0.8F); /* the only cell of stride 32 */
    tiny_write(&world, &tiny, tiny_card);
    run(&world, 32, 32);
    g_assert_cmpint(world.found->count, ==, 2);
    assert_box(&world.found->items[0].box, 0.25, 0.25, 0.5, 0.5);
    assert_box(&world.found->items[1].box, 0, 0, 1, 1);
    g_assert_cmpstr(world.found->items[1].object_class, ==, "dog");
    world_clear(&world);
}

static void test_what_is_no_box_is_left_out(void)
{
    static const float boxes[][4] = {{NAN, 0, 0, 0},       {0, INFINITY, 0, 0}, {0, 0, 1000, 0}, {0, 0, 0, NAN},
                                     {0, 0, -INFINITY, 0}, {1e30F, 0, 0, 0},    {-900, 0, 0, 0}};
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    for (int i = 0; i < (int)G_N_ELEMENTS(boxes); i++)
        tiny_row(&tiny, i, boxes[i], 1, 0, 1);
    tiny_row(&tiny, 10, (float[]){0, 0, 0, 0}, NAN, 0, 1);
    tiny_row(&tiny, 11, (float[]){0, 0, 0, 0}, 1, 0, NAN);
    tiny_row(&tiny, 12, (float[]){0, 0, 0, 0}, 5, 0, 5); /* probabilities above 1: a box, of confidence 1 */
    tiny_write(&world, &tiny, tiny_card);
    run(&world, 32, 32);
    g_assert_cmpint(world.found->count, ==, 1);
    g_assert_cmpfloat(world.found->items[0].confidence, ==, 1);
    world_clear(&world);
}

/* Of 0.1, 0.4 and 0.7, apart from one another. */
static void tiny_find_three(struct tiny *tiny)
{
    tiny_row(tiny, 0, (float[]){0, 0, 0, 0}, 1, 0, 0.1F);
    tiny_row(tiny, 6, (float[]){0, 0, 0, 0}, 1, 0, 0.4F);
    tiny_row(tiny, 15, (float[]){0, 0, 0, 0}, 1, 0, 0.7F);
}

static void test_thresholds_come_from_the_settings_else_the_card(void)
{
    static const struct {
        double setting;
        const char *card;
        int found;
    } cases[] = {{0, "", 2}, {0, ",\"confidence\":0.65", 1}, {0.05, ",\"confidence\":0.65", 3}, {0.8, "", 0}};
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_find_three(&tiny);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) card = g_string_new(tiny_card);
        g_string_insert(card, (gssize)card->len - 1, cases[i].card);
        tiny_write(&world, &tiny, card->str);
        const struct detector_settings settings = {.confidence = cases[i].setting, .threads = 1};
        CLEANUP(detector) struct detector *detector = detector_open(world.model, &settings, NULL);
        CLEANUP(frame) struct frame *frame = grey_frame(50, 50);
        g_assert_true(detector_run(detector, frame, world.found, NULL));
        g_assert_cmpint(world.found->count, ==, cases[i].found);
    }
    world_clear(&world);
}

static void test_sizes_that_change_are_followed(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_row(&tiny, 0, (float[]){0.5F, 0.5F, 0, 0}, 1, 0, 1);
    tiny_write(&world, &tiny, tiny_card);
    CLEANUP(detector) struct detector *detector = open_detector(&world, NULL);
    static const int sizes[][2] = {{1920, 1080}, {1, 1}, {33, 977}, {640, 2}, {1920, 1080}};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        CLEANUP(frame) struct frame *frame = grey_frame(sizes[i][0], sizes[i][1]);
        g_assert_true(detector_run(detector, frame, world.found, NULL));
        g_assert_cmpint(world.found->count, ==, 1);
    }
    world_clear(&world);
}

/* ---- what a region adds to a frame ---- */

static int found_from(const struct world *world, struct detector *detector, double confidence)
{
    CLEANUP(frame) struct frame *frame = grey_frame(50, 50);
    g_assert_true(detector_run_region(detector, frame, NULL, confidence, world->found, NULL));
    return world->found->count;
}

static void test_each_run_may_have_its_own_threshold(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_find_three(&tiny);
    tiny_write(&world, &tiny, tiny_card);
    const struct detector_settings settings = {.confidence = 0.5, .threads = 1};
    CLEANUP(detector) struct detector *detector = detector_open(world.model, &settings, NULL);
    g_assert_nonnull(detector);
    g_assert_cmpint(found_from(&world, detector, 0.05), ==, 3);
    g_assert_cmpint(found_from(&world, detector, 0.7), ==, 1);
    g_assert_cmpint(found_from(&world, detector, 0), ==, 2); /* the card's */
    g_assert_cmpfloat(detector_confidence(detector, 0.5), ==, 0.5);
    g_assert_cmpfloat_with_epsilon(detector_confidence(detector, 0), 0.3, 1e-6);
    world_clear(&world);
}

/* How many there are of two people that overlap by 0.6. */
static int merged(const struct world *world, double nms_iou)
{
    const struct detector_settings settings = {.threads = 1, .nms_iou = nms_iou};
    CLEANUP(detector) struct detector *detector = detector_open(world->model, &settings, NULL);
    g_assert_nonnull(detector);
    g_autofree struct detections *all = g_new0(struct detections, 1), *more = g_new0(struct detections, 1);
    const char *person = g_intern_string("person");
    all->items[all->count++] = (struct detection){.object_class = person, .box = {0, 0, 0.4, 0.4}};
    more->items[more->count++] = (struct detection){.object_class = person, .box = {0.1, 0, 0.4, 0.4}};
    detector_merge(detector, all, more);
    return all->count;
}

static void test_a_region_is_merged_by_the_setting(void)
{
    struct world world;
    struct tiny tiny;
    world_init(&world);
    tiny_init(&tiny);
    tiny_write(&world, &tiny, tiny_card);
    g_assert_cmpint(merged(&world, 0), ==, 1); /* the card says 0.45 */
    g_assert_cmpint(merged(&world, 0.7), ==, 2);
    world_clear(&world);
}

/* One of low confidence that is held from the whole picture takes nobody's place. */
static void test_the_surer_of_two_stays(void)
{
    struct world world;
    struct tiny tiny;
    const char *person = g_intern_string("person");
    const struct detection unsure = {.object_class = person, .confidence = 0.2, .box = {0, 0, 0.4, 0.4}};
    const struct detection sure = {.object_class = person, .confidence = 0.9, .box = {0.1, 0, 0.4, 0.4}};
    world_init(&world);
    tiny_init(&tiny);
    tiny_write(&world, &tiny, tiny_card);
    const struct detector_settings settings = {.threads = 1};
    CLEANUP(detector) struct detector *detector = detector_open(world.model, &settings, NULL);
    g_autofree struct detections *all = g_new0(struct detections, 1), *more = g_new0(struct detections, 1);
    for (int i = 0; i < 2; i++) {
        all->count = more->count = 1;
        all->items[0] = i ? sure : unsure;
        more->items[0] = i ? unsure : sure;
        detector_merge(detector, all, more);
        g_assert_cmpint(all->count, ==, 1);
        g_assert_cmpfloat(all->items[0].confidence, ==, 0.9);
    }
    world_clear(&world);
}

/* It came when the run that it was to end was over. */
static void test_an_interrupt_ends_no_later_run(void)
{
    struct world world;
    struct tiny tiny;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    tiny_init(&tiny);
    tiny_write(&world, &tiny, tiny_card);
    CLEANUP(detector) struct detector *detector = open_detector(&world, &error);
    g_assert_no_error(error);
    CLEANUP(frame) struct frame *frame = grey_frame(64, 64);
    detector_interrupt(detector);
    g_assert_true(detector_run(detector, frame, world.found, &error));
    g_assert_no_error(error);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/detector/a box is placed in the frame", test_a_box_is_placed_in_the_frame);
    g_test_add_func("/detector/the coarser grids come after the finer", test_the_coarser_grids_come_after_the_finer);
    g_test_add_func("/detector/what is no box is left out", test_what_is_no_box_is_left_out);
    g_test_add_func("/detector/thresholds come from the settings, else the card",
                    test_thresholds_come_from_the_settings_else_the_card);
    g_test_add_func("/detector/sizes that change are followed", test_sizes_that_change_are_followed);
    g_test_add_func("/detector/each run may have its own threshold", test_each_run_may_have_its_own_threshold);
    g_test_add_func("/detector/an interrupt ends no later run", test_an_interrupt_ends_no_later_run);
    g_test_add_func("/detector/the surer of two stays", test_the_surer_of_two_stays);
    g_test_add_func("/detector/a region is merged by the setting", test_a_region_is_merged_by_the_setting);
    return g_test_run();
}
