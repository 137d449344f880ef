#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "base/random.h"
#include "frame/frame.h"

static void count_release(void *data)
{
    ++*(int *)data;
}

static void test_the_last_unref_releases_once(void)
{
    int releases = 0;
    const struct frame template = {.width_px = 2, .height_px = 2, .number = 7};
    struct frame *frame = frame_new(&template, count_release, &releases);
    g_assert_cmpuint(frame->number, ==, 7);
    frame_unref(frame_ref(frame));
    g_assert_cmpint(releases, ==, 0);
    frame_unref(frame);
    g_assert_cmpint(releases, ==, 1);
    frame_unref(NULL);
}

static void *ref_and_unref(void *data)
{
    for (int i = 0; i < 20000; i++)
        frame_unref(frame_ref(data));
    frame_unref(data); /* the reference that this thread was given */
    return NULL;
}

static void test_references_move_between_threads(void)
{
    enum { THREADS = 4 };
    int releases = 0;
    pthread_t threads[THREADS];
    const struct frame template = {.width_px = 2, .height_px = 2};
    struct frame *frame = frame_new(&template, count_release, &releases);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, ref_and_unref, frame_ref(frame));
    frame_unref(frame);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpint(releases, ==, 1);
}

static void test_planes_hold_odd_sizes(void)
{
    static const int sizes[][2] = {{1, 1}, {2, 2}, {3, 5}, {333, 187}, {1920, 1080}, {7680, 1}, {1, 4320}};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        CLEANUP(frame) struct frame *frame = frame_new_allocated(sizes[i][0], sizes[i][1]);
        g_assert_cmpint(frame_plane_rows(frame, 1), ==, (sizes[i][1] + 1) / 2);
        g_assert_cmpint(frame_plane_row_bytes(frame, 2), ==, (sizes[i][0] + 1) / 2);
        for (int plane = 0; plane < 3; plane++) /* under the address sanitizer this proves that they fit */
            for (int y = 0; y < frame_plane_rows(frame, plane); y++)
                memset(frame_plane(frame, plane) + (size_t)y * (size_t)frame->strides_bytes[plane], plane + 1,
                       (size_t)frame_plane_row_bytes(frame, plane));
        g_assert_cmpint(frame->planes[0][0], ==, 1);
        g_assert_cmpint(frame->planes[1][0], ==, 2);
        g_assert_cmpint(frame->planes[2][0], ==, 3);
    }
    struct frame nv12 = {.width_px = 5, .height_px = 3, .format = FRAME_NV12};
    g_assert_cmpint(frame_plane_row_bytes(&nv12, 1), ==, 6);
    g_assert_cmpint(frame_plane_rows(&nv12, 1), ==, 2);
}

static int passed(double stream_fps, double wanted_fps, double jitter, int seconds)
{
    struct frame_thinner thinner;
    struct random random;
    int count = 0;
    random_init(&random, 1);
    frame_thinner_init(&thinner, wanted_fps);
    for (int i = 0; i < (int)(seconds * stream_fps); i++) {
        double at = (i + jitter * (random_uniform(&random) - 0.5)) / stream_fps;
        count += frame_thinner_pass(&thinner, (int64_t)(at * 1e6));
    }
    return count;
}

static void test_thinning_keeps_the_rate(void)
{
    static const double rows[][3] = {/* stream, wanted, expected a second */
                                     {25, 0, 25},  {25, 25, 25}, {25, 5, 5},    {25, 10, 10},
                                     {10, 25, 10}, {30, 1, 1},   {29.97, 7, 7}, {10, 3, 3}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        for (int shaky = 0; shaky < 2; shaky++) {
            int count = passed(rows[i][0], rows[i][1], shaky * 0.2, 100);
            g_test_message("%g fps to %g: %d in 100 s", rows[i][0], rows[i][1], count);
            g_assert_cmpfloat_with_epsilon(count / 100.0, rows[i][2], 0.15 * rows[i][2]);
        }
}

static void test_thinning_starts_over_after_a_step_back(void)
{
    struct frame_thinner thinner;
    frame_thinner_init(&thinner, 1);
    g_assert_true(frame_thinner_pass(&thinner, 100000000));
    g_assert_false(frame_thinner_pass(&thinner, 100100000));
    g_assert_true(frame_thinner_pass(&thinner, 0));
    g_assert_false(frame_thinner_pass(&thinner, 100000));
    g_assert_true(frame_thinner_pass(&thinner, 500000000)); /* and after a leap, without a burst */
    g_assert_false(frame_thinner_pass(&thinner, 500100000));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/frame/the_last_unref_releases_once", test_the_last_unref_releases_once);
    g_test_add_func("/frame/references_move_between_threads", test_references_move_between_threads);
    g_test_add_func("/frame/planes_hold_odd_sizes", test_planes_hold_odd_sizes);
    g_test_add_func("/frame/thinning_keeps_the_rate", test_thinning_keeps_the_rate);
    g_test_add_func("/frame/thinning_starts_over_after_a_step_back", test_thinning_starts_over_after_a_step_back);
    return g_test_run();
}
