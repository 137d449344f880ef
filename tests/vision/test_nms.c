#include "vision/detector_internal.h"

#include "base/random.h"

static const float iou = 0.45F;
static const int groups[] = {0, 1}; /* each label by itself */

static void test_overlapping_boxes_of_a_class_become_the_most_certain_one(void)
{
    struct candidate boxes[] = {{10, 10, 50, 90, 0.5F, 0}, {12, 11, 52, 91, 0.9F, 0}, {200, 10, 240, 90, 0.4F, 0}};
    int64_t shed = 0;
    g_assert_cmpint(nms_apply(boxes, 3, groups, iou, &shed), ==, 2);
    g_assert_cmpfloat(boxes[0].score, ==, 0.9F);
    g_assert_cmpfloat(boxes[1].left, ==, 200);
    g_assert_cmpint(shed, ==, 0);
}

static void test_classes_do_not_hide_one_another(void)
{
    struct candidate boxes[] = {{10, 10, 50, 90, 0.5F, 0}, {10, 10, 50, 90, 0.9F, 1}};
    int64_t shed = 0;
    g_assert_cmpint(nms_apply(boxes, 2, groups, iou, &shed), ==, 2);
}

/* A model that calls one van a car and a truck found one thing; a head with a helmet and one without are two. */
static void test_names_of_a_kind_hide_one_another(void)
{
    static char *const names[] = {"car", "person", "helmet", "truck", "no-helmet", "car"};
    const struct record_strings labels = {(char **)(uintptr_t)names, G_N_ELEMENTS(names)};
    int found[G_N_ELEMENTS(names)];
    nms_group_labels(&labels, found);
    const int wanted[] = {0, 1, 2, 0, 4, 0};
    g_assert_cmpmem(found, sizeof found, wanted, sizeof wanted);
    struct candidate van[] = {{10, 10, 90, 50, 0.6F, 0}, {11, 10, 90, 51, 0.5F, 3}};
    struct candidate head[] = {{10, 10, 50, 50, 0.6F, 2}, {10, 10, 50, 51, 0.5F, 4}};
    int64_t shed = 0;
    g_assert_cmpint(nms_apply(van, 2, found, iou, &shed), ==, 1);
    g_assert_cmpint(van[0].label, ==, 0);
    g_assert_cmpint(nms_apply(head, 2, found, iou, &shed), ==, 2);
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
        g_assert_cmpint(nms_apply(boxes, 2, groups, cases[i].iou, &shed), ==, cases[i].kept);
    }
}

/* A chain in which each hides the next: what a hidden one would have hidden stays. */
static void test_what_is_hidden_hides_nothing(void)
{
    struct candidate boxes[] = {{0, 0, 10, 10, 0.9F, 0}, {3, 0, 13, 10, 0.8F, 0}, {6, 0, 16, 10, 0.7F, 0}};
    int64_t shed = 0;
    g_assert_cmpint(nms_apply(boxes, 3, groups, iou, &shed), ==, 2);
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
    g_assert_cmpint(nms_apply(boxes, COUNT, groups, iou, &shed), ==, NMS_MAX_CANDIDATES);
    g_assert_cmpint(shed, ==, 100);
    for (int i = 1; i < NMS_MAX_CANDIDATES; i++)
        g_assert_cmpfloat(boxes[i - 1].score, >=, boxes[i].score);
    g_assert_cmpfloat(boxes[NMS_MAX_CANDIDATES - 1].score, >=, 0.01F);
}

static void test_nothing_is_nothing(void)
{
    struct candidate none[1];
    int64_t shed = 0;
    g_assert_cmpint(nms_apply(none, 0, groups, iou, &shed), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/nms/overlapping boxes of a class become the most certain one",
                    test_overlapping_boxes_of_a_class_become_the_most_certain_one);
    g_test_add_func("/nms/classes do not hide one another", test_classes_do_not_hide_one_another);
    g_test_add_func("/nms/names of a kind hide one another", test_names_of_a_kind_hide_one_another);
    g_test_add_func("/nms/the threshold itself does not hide", test_the_threshold_itself_does_not_hide);
    g_test_add_func("/nms/what is hidden hides nothing", test_what_is_hidden_hides_nothing);
    g_test_add_func("/nms/the bound keeps the most certain and counts the rest",
                    test_the_bound_keeps_the_most_certain_and_counts_the_rest);
    g_test_add_func("/nms/nothing is nothing", test_nothing_is_nothing);
    return g_test_run();
}
