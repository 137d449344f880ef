#include "vision/detector_internal.h"

#include "base/random.h"

static const float iou = 0.45F;

static void test_overlapping_boxes_of_a_class_become_the_most_certain_one(void)
{
    struct candidate boxes[] = {{10, 10, 50, 90, 0.5F, 0}, {12, 11, 52, 91, 0.9F, 0}, {200, 10, 240, 90, 0.4F, 0}};
    int64_t shed = 0;
    g_assert_cmpint(nms_apply(boxes, 3, iou, &shed), ==, 2);
    g_assert_cmpfloat(boxes[0].score, ==, 0.9F);
    g_assert_cmpfloat(boxes[1].left, ==, 200);
    g_assert_cmpint(shed, ==, 0);
}

static void test_classes_do_not_hide_one_another(void)
{
    struct candidate boxes[] = {{10, 10, 50, 90, 0.5F, 0}, {10, 10, 50, 90, 0.9F, 1}};
    int64_t shed = 0;
    g_assert_cmpint(nms_apply(boxes, 2, iou, &shed), ==, 2);
}

/* Two squares of side 10, shifted by 5: they share 50 of 150. */
static void test_the_threshold_itself_does_not_hide(void)
{
    const struct candidate pair[] = {{0, 0, 10, 10, 0.9F, 0}, {5, 0, 15, 10, 0.8F, 0}};
    const struct {
        float iou;
        int kept;
    } cases[] = {{0.32F, 1}, {1.0F / 3 + 1e-6F, 2}, {0.34F, 2}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct candidate boxes[] = {pair[0], pair[1]};
        int64_t shed = 0;
        g_assert_cmpint(nms_apply(boxes, 2, cases[i].iou, &shed), ==, cases[i].kept);
    }
}

/* A chain in which each hides the next: what a hidden one would have hidden stays. */
static void test_what_is_hidden_hides_nothing(void)
{
    struct candidate boxes[] = {{0, 0, 10, 10, 0.9F, 0}, {3, 0, 13, 10, 0.8F, 0}, {6, 0, 16, 10, 0.7F, 0}};
    int64_t shed = 0;
    g_assert_cmpint(nms_apply(boxes, 3, iou, &shed), ==, 2);
    g_assert_cmpfloat(boxes[1].score, ==, 0.7F);
}

static void test_the_bound_keeps_the_most_certain_and_counts_the_rest(void)
{
    enum { COUNT = NMS_MAX_CANDIDATES + 100 };
    g_autofree struct candidate *boxes = g_new(struct candidate, COUNT);
    struct random random;
    random_init(&random, 1);
    for (int i = 0; i < COUNT; i++) {
        float x = (float)(i % 100) * 20, y = (float)(i / 100) * 20;
        boxes[i] = (struct candidate){x, y, x + 10, y + 10, (float)random_uniform(&random), 0};
    }
    int64_t shed = 0;
    g_assert_cmpint(nms_apply(boxes, COUNT, iou, &shed), ==, NMS_MAX_CANDIDATES);
    g_assert_cmpint(shed, ==, 100);
    for (int i = 1; i < NMS_MAX_CANDIDATES; i++)
        g_assert_cmpfloat(boxes[i - 1].score, >=, boxes[i].score);
    g_assert_cmpfloat(boxes[NMS_MAX_CANDIDATES - 1].score, >=, 0.01F);
}

static void test_nothing_is_nothing(void)
{
    struct candidate none[1];
    int64_t shed = 0;
    g_assert_cmpint(nms_apply(none, 0, iou, &shed), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nms/overlapping boxes of a class become the most certain one",
                    test_overlapping_boxes_of_a_class_become_the_most_certain_one);
    g_test_add_func("/nms/classes do not hide one another", test_classes_do_not_hide_one_another);
    g_test_add_func("/nms/the threshold itself does not hide", test_the_threshold_itself_does_not_hide);
    g_test_add_func("/nms/what is hidden hides nothing", test_what_is_hidden_hides_nothing);
    g_test_add_func("/nms/the bound keeps the most certain and counts the rest",
                    test_the_bound_keeps_the_most_certain_and_counts_the_rest);
    g_test_add_func("/nms/nothing is nothing", test_nothing_is_nothing);
    return g_test_run();
}
