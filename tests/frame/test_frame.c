#include <glib.h>
#include <pthread.h>
#include <string.h>

#include "base/random.h"
#include "base/spares.h"
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

/* Pictures come and go in threads of their own; after warm-up none asks for memory, and no two are the same block. */
static void *make_and_release(void *data)
{
    enum { HELD = 8, ROUNDS = 2000 };
    struct frame *held[HELD];
    int *errors = data;
    for (int round = 0; round < ROUNDS; round++) {
        for (int64_t i = 0; i < HELD; i++) {
            const struct frame template = {.number = (intptr_t)data + i};
            held[i] = frame_new(&template, NULL, NULL);
        }
        for (int64_t i = 0; i < HELD; i++) {
            *errors += held[i]->number != (uint64_t)((intptr_t)data + i);
            frame_unref(held[i]);
        }
    }
    return NULL;
}

static void *release(void *data)
{
    frame_unref(data);
    return NULL;
}

static void test_a_frame_is_used_again_by_one_alone(void)
{
    enum { THREADS = 6 }; /* with more frames than are kept */
    pthread_t threads[THREADS];
    int errors[THREADS][16] = {{0}};
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, make_and_release, errors[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        g_assert_cmpint(errors[i][0], ==, 0);
    }
    if (SPARES_ARE_WATCHED)
        return;
    const struct frame template = {.width_px = 2, .height_px = 2};
    struct frame *first = frame_new(&template, NULL, NULL);
    pthread_create(&threads[0], NULL, release, first);
    pthread_join(threads[0], NULL);
    void *others[4]; /* would have its place, had that been given back to the system */
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        others[i] = g_malloc(sizeof(struct frame) + 24);
    struct frame *second = frame_new(&template, NULL, NULL);
    g_assert_true(second == first);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        g_free(others[i]);
    frame_unref(second);
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
    g_test_add_func("/frame/a_frame_is_used_again_by_one_alone", test_a_frame_is_used_again_by_one_alone);
    g_test_add_func("/frame/planes_hold_odd_sizes", test_planes_hold_odd_sizes);
    g_test_add_func("/frame/thinning_keeps_the_rate", test_thinning_keeps_the_rate);
    g_test_add_func("/frame/thinning_starts_over_after_a_step_back", test_thinning_starts_over_after_a_step_back);
    return g_test_run();
}
